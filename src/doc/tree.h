// A document as a mutable tree in an arena: what patches work on.
//
// A container is closed until it is opened: a closed one has no children yet, its val views its
// bytes. tree_from_bson and tree_from_val give trees that are open all through. The lazy way
// (tree_from_closed, tree_open, tree_lookup, tree_seek) makes children only where somebody looks,
// so that changing one field of a large document costs what its path costs.
#ifndef DOC_TREE_H
#define DOC_TREE_H

#include "base/err/ctx.h"
#include "doc/bson.h"
#include "doc/path.h"

struct tree_names;
struct tree_blocks;

struct tree {
    struct val val; // scalars and closed containers; for open ones only the type counts
    struct slice name;
    struct tree *first, *last, *next, *prev, *parent;
    uint32_t count; // children
    bool closed;
    union { // ways to a child of a large container, made and kept by the functions below
        struct tree_names *names;   // of an object: a hash table
        struct tree_blocks *blocks; // of an array: every so many elements
    };
};

// From a BSON document; borrows scalars from it (keep it alive). NACRE_MEMORY_LIMIT.
MUST_USE nacre_status tree_from_bson(struct ctx *ctx, struct slice bson, struct tree **out);
MUST_USE nacre_status tree_from_val(struct ctx *ctx, struct val v, struct tree **out);
void tree_write(const struct tree *root, struct buf *out); // BSON document; root is an object
// All of these want an open parent.
struct tree *tree_child(const struct tree *parent, struct slice name); // O(children)
struct tree *tree_at(const struct tree *array, uint32_t index);        // O(index)
// Names and indexes, no fan-out; NULL if absent.
struct tree *tree_at_path(struct tree *root, const struct path *path);
static inline struct tree *tree_find(struct tree *root, const struct path *path) {
    return tree_at_path(root, path);
}
void tree_append(struct tree *parent, struct tree *child);
void tree_insert_before(struct tree *parent, struct tree *before, struct tree *child);
void tree_remove(struct tree *child);
void tree_put_in_place(struct tree *old, struct tree *fresh); // takes old's name and place
static inline void tree_replace(struct tree *old, struct tree *fresh) {
    tree_put_in_place(old, fresh);
}
struct val tree_scalar(const struct tree *node);
bool tree_equal(const struct tree *node, struct val v); // by val_eq

// The lazy way. Containers stay closed:
MUST_USE nacre_status tree_from_closed(struct ctx *ctx, struct val v, struct tree **out);
// The children of a closed container; their containers stay closed.
MUST_USE nacre_status tree_open(struct ctx *ctx, struct tree *container);
// The child of this name, opening the object if need be; *out NULL: none. Amortised O(1).
MUST_USE nacre_status tree_lookup(struct ctx *ctx, struct tree *object, struct slice name,
                                  struct tree **out);
// The element of an open array; *out NULL: none. O(count / 512 + 512) as long as what is inserted,
// removed or replaced is at what was sought last, or appended; else O(count).
MUST_USE nacre_status tree_seek(struct ctx *ctx, struct tree *array, uint32_t index,
                                struct tree **out);
// A copy without name and parent.
MUST_USE nacre_status tree_clone(struct ctx *ctx, const struct tree *node, struct tree **out);
// 0 for a scalar, 1 for a container without containers.
uint32_t tree_height(const struct tree *node);
uint64_t tree_bytes(const struct tree *node); // about what it takes as BSON

#endif
