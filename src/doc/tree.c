// Mutable trees of values (see tree.h).
//
// Invariants:
// T1  parent->count is the number of nodes from first to last; prev and next agree.
// T2  a closed node has no children.
// T3  names, if any, holds every child of its object; blocks, if any, count all elements of their
// array in order. A change that they cannot follow drops them, and the next search makes them anew.
#include "doc/tree.h"

#include "base/bits/bits.h"
#include "base/err/check.h"

enum {
    TREE_NAMES_MIN = 32,    // fields from which a table is worth its making
    TREE_BLOCKS_MIN = 2048, // elements from which blocks are
    TREE_BLOCK = 512,       // elements of a fresh block
    TREE_BLOCK_MAX = 2048,  // a block that has grown to this makes all be made anew
};

struct tree_names {
    uint32_t mask, used; // used counts graves too
    struct tree *slots[];
};

// An unrolled view of a list: elements are reached block by block. An emptied block stays.
struct tree_block {
    struct tree *first; // if count > 0
    uint32_t count;
};

struct tree_blocks {
    uint32_t count;
    uint32_t sought_block;
    struct tree *sought; // the element last sought, in that block; NULL: it is gone
    struct tree_block items[];
};

// Stands in a slot whose child was removed, so that probing goes on past it.
static struct tree tree_grave;

static bool tree_is_container(const struct tree *node) {
    return node->val.type == VAL_OBJECT || node->val.type == VAL_ARRAY;
}

// The seed is an address: names cannot be chosen to collide, and no result depends on it.
static uint32_t tree_names_hash(const struct tree_names *names, struct slice name) {
    return (uint32_t)hash_bytes_seed(name.p, name.n, (uint64_t)(uintptr_t)names);
}

static struct tree **tree_names_slot(struct tree_names *names, struct slice name) {
    uint32_t at = tree_names_hash(names, name) & names->mask;
    for (;; at = (at + 1) & names->mask) {
        struct tree *node = names->slots[at];
        if (!node || (node != &tree_grave && slice_eq(node->name, name))) return &names->slots[at];
    }
}

static void tree_names_add(struct tree *object, struct tree *child) {
    struct tree_names *names = object->names;
    if (names->used >= names->mask / 2) {
        object->names = NULL;
        return;
    }
    names->used++;
    *tree_names_slot(names, child->name) = child;
}

static nacre_status tree_names_make(struct ctx *ctx, struct tree *object) {
    uint32_t size = 4 * TREE_NAMES_MIN;
    while (size / 4 < object->count)
        size *= 2;
    struct tree_names *names =
        arena_zalloc(&ctx->arena, sizeof *names + (size_t)size * sizeof names->slots[0]);
    if (!names) return err_nomem(ctx);
    names->mask = size - 1;
    object->names = names;
    for (struct tree *child = object->first; child; child = child->next)
        tree_names_add(object, child);
    return NACRE_OK;
}

// One element more. A block that has grown too large is of no use any more.
static void tree_blocks_count(struct tree *array, uint32_t block) {
    if (++array->blocks->items[block].count >= TREE_BLOCK_MAX) array->blocks = NULL;
}

static nacre_status tree_blocks_make(struct ctx *ctx, struct tree *array) {
    uint32_t count = (array->count + TREE_BLOCK - 1) / TREE_BLOCK, i = 0;
    struct tree_blocks *blocks =
        arena_zalloc(&ctx->arena, sizeof *blocks + (size_t)count * sizeof blocks->items[0]);
    if (!blocks) return err_nomem(ctx);
    blocks->count = count;
    for (struct tree *child = array->first; child; child = child->next, i++) {
        struct tree_block *block = &blocks->items[i / TREE_BLOCK];
        if (block->count++ == 0) block->first = child;
    }
    array->blocks = blocks;
    return NACRE_OK;
}

// The block of the element last sought if that is node; else the blocks are dropped and NULL.
static struct tree_block *tree_sought_block(struct tree *array, const struct tree *node) {
    struct tree_blocks *blocks = array->blocks;
    if (blocks->sought == node) return &blocks->items[blocks->sought_block];
    array->blocks = NULL;
    return NULL;
}

// The four changes of a list, followed by whatever leads to its children.
static void tree_follow_append(struct tree *parent, struct tree *child) {
    if (parent->val.type == VAL_OBJECT && parent->names) tree_names_add(parent, child);
    if (parent->val.type != VAL_ARRAY || !parent->blocks) return;
    uint32_t last = parent->blocks->count - 1;
    struct tree_block *block = &parent->blocks->items[last];
    if (block->count == 0) block->first = child;
    tree_blocks_count(parent, last);
}

static void tree_follow_insert(struct tree *parent, struct tree *before, struct tree *child) {
    if (parent->val.type == VAL_OBJECT && parent->names) tree_names_add(parent, child);
    if (parent->val.type != VAL_ARRAY || !parent->blocks) return;
    struct tree_block *block = tree_sought_block(parent, before);
    if (!block) return;
    if (block->first == before) block->first = child;
    parent->blocks->sought = child;
    tree_blocks_count(parent, parent->blocks->sought_block);
}

static void tree_follow_remove(struct tree *parent, struct tree *child) {
    if (parent->val.type == VAL_OBJECT && parent->names)
        *tree_names_slot(parent->names, child->name) = &tree_grave;
    if (parent->val.type != VAL_ARRAY || !parent->blocks) return;
    struct tree_block *block = tree_sought_block(parent, child);
    if (!block) return;
    if (block->first == child) block->first = child->next;
    block->count--;
    parent->blocks->sought = NULL;
}

static void tree_follow_replace(struct tree *parent, struct tree *old, struct tree *fresh) {
    if (parent->val.type == VAL_OBJECT && parent->names)
        *tree_names_slot(parent->names, old->name) = fresh;
    if (parent->val.type != VAL_ARRAY || !parent->blocks) return;
    struct tree_block *block = tree_sought_block(parent, old);
    if (!block) return;
    if (block->first == old) block->first = fresh;
    parent->blocks->sought = fresh;
}

nacre_status tree_from_closed(struct ctx *ctx, struct val v, struct tree **out) {
    struct tree *node = ARENA_NEW(&ctx->arena, struct tree);
    if (!node) return err_nomem(ctx);
    node->val = v;
    node->closed = tree_is_container(node);
    *out = node;
    return NACRE_OK;
}

nacre_status tree_open(struct ctx *ctx, struct tree *container) {
    if (!container->closed) return NACRE_OK;
    struct bson_iter it = bson_iter_of_val(container->val);
    struct slice name;
    struct val v;
    container->closed = false;
    while (bson_next(&it, &name, &v)) {
        struct tree *child = NULL;
        TRY(tree_from_closed(ctx, v, &child));
        child->name = name;
        tree_append(container, child);
    }
    return NACRE_OK;
}

static nacre_status tree_open_all(struct ctx *ctx, struct tree *node) {
    if (!tree_is_container(node)) return NACRE_OK;
    TRY(tree_open(ctx, node));
    for (struct tree *child = node->first; child; child = child->next)
        TRY(tree_open_all(ctx, child));
    return NACRE_OK;
}

nacre_status tree_from_val(struct ctx *ctx, struct val v, struct tree **out) {
    struct tree *node = NULL;
    TRY(tree_from_closed(ctx, v, &node));
    TRY(tree_open_all(ctx, node));
    *out = node;
    return NACRE_OK;
}

nacre_status tree_from_bson(struct ctx *ctx, struct slice bson, struct tree **out) {
    return tree_from_val(ctx, val_bytes(VAL_OBJECT, bson), out);
}

nacre_status tree_clone(struct ctx *ctx, const struct tree *node, struct tree **out) {
    struct tree *copy = NULL;
    TRY(tree_from_closed(ctx, node->val, &copy));
    copy->closed = node->closed;
    for (const struct tree *child = node->first; child; child = child->next) {
        struct tree *child_copy = NULL;
        TRY(tree_clone(ctx, child, &child_copy));
        child_copy->name = child->name;
        tree_append(copy, child_copy);
    }
    *out = copy;
    return NACRE_OK;
}

static void tree_write_children(const struct tree *node, struct bson_writer *w) {
    for (const struct tree *child = node->first; child; child = child->next) {
        if (!tree_is_container(child) || child->closed) {
            bson_put(w, child->name, child->val);
            continue;
        }
        if (child->val.type == VAL_OBJECT)
            bson_open_object(w, child->name);
        else
            bson_open_array(w, child->name);
        tree_write_children(child, w);
        bson_close(w);
    }
}

void tree_write(const struct tree *root, struct buf *out) {
    DCHECK(root->val.type == VAL_OBJECT);
    if (root->closed) {
        buf_put_slice(out, val_slice(root->val));
        return;
    }
    struct bson_writer w;
    bson_begin(&w, out);
    tree_write_children(root, &w);
    bson_end(&w);
}

struct tree *tree_child(const struct tree *parent, struct slice name) {
    DCHECK(!parent->closed);
    struct tree *child = parent->first;
    while (child && !slice_eq(child->name, name))
        child = child->next;
    return child;
}

struct tree *tree_at(const struct tree *array, uint32_t index) {
    DCHECK(!array->closed);
    if (index >= array->count) return NULL;
    struct tree *child = array->first;
    while (index--)
        child = child->next;
    return child;
}

nacre_status tree_lookup(struct ctx *ctx, struct tree *object, struct slice name,
                         struct tree **out) {
    TRY(tree_open(ctx, object));
    if (object->count < TREE_NAMES_MIN) {
        *out = tree_child(object, name);
        return NACRE_OK;
    }
    if (!object->names) TRY(tree_names_make(ctx, object));
    *out = *tree_names_slot(object->names, name);
    return NACRE_OK;
}

nacre_status tree_seek(struct ctx *ctx, struct tree *array, uint32_t index, struct tree **out) {
    DCHECK(!array->closed);
    *out = NULL;
    if (index >= array->count) return NACRE_OK;
    if (!array->blocks && array->count < TREE_BLOCKS_MIN) {
        *out = tree_at(array, index);
        return NACRE_OK;
    }
    if (!array->blocks) TRY(tree_blocks_make(ctx, array));
    struct tree_blocks *blocks = array->blocks;
    uint32_t at = 0;
    while (index >= blocks->items[at].count)
        index -= blocks->items[at++].count;
    struct tree *node = blocks->items[at].first;
    while (index--)
        node = node->next;
    blocks->sought_block = at;
    blocks->sought = node;
    *out = node;
    return NACRE_OK;
}

struct tree *tree_at_path(struct tree *root, const struct path *path) {
    struct tree *node = root;
    for (uint32_t i = 0; node && i < path->count; i++) {
        const struct path_part *part = &path->parts[i];
        if (node->val.type == VAL_OBJECT)
            node = tree_child(node, part->name);
        else if (node->val.type == VAL_ARRAY && part->index != PATH_NO_INDEX)
            node = tree_at(node, part->index);
        else
            node = NULL;
    }
    return node;
}

void tree_append(struct tree *parent, struct tree *child) {
    child->parent = parent;
    child->prev = parent->last;
    child->next = NULL;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count++;
    tree_follow_append(parent, child);
}

void tree_insert_before(struct tree *parent, struct tree *before, struct tree *child) {
    if (!before) {
        tree_append(parent, child);
        return;
    }
    child->parent = parent;
    child->prev = before->prev;
    child->next = before;
    if (before->prev)
        before->prev->next = child;
    else
        parent->first = child;
    before->prev = child;
    parent->count++;
    tree_follow_insert(parent, before, child);
}

void tree_remove(struct tree *child) {
    struct tree *parent = child->parent;
    if (child->prev)
        child->prev->next = child->next;
    else
        parent->first = child->next;
    if (child->next)
        child->next->prev = child->prev;
    else
        parent->last = child->prev;
    parent->count--;
    tree_follow_remove(parent, child);
    child->parent = child->prev = child->next = NULL;
}

void tree_put_in_place(struct tree *old, struct tree *fresh) {
    struct tree *parent = old->parent;
    fresh->name = old->name;
    fresh->parent = parent;
    fresh->prev = old->prev;
    fresh->next = old->next;
    if (old->prev)
        old->prev->next = fresh;
    else
        parent->first = fresh;
    if (old->next)
        old->next->prev = fresh;
    else
        parent->last = fresh;
    tree_follow_replace(parent, old, fresh);
    old->parent = old->prev = old->next = NULL;
}

struct val tree_scalar(const struct tree *node) {
    return node->val;
}

bool tree_equal(const struct tree *node, struct val v) {
    if (!tree_is_container(node) || node->closed) return val_eq(node->val, v);
    if (node->val.type != v.type) return false;
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val field;
    const struct tree *child = node->first;
    for (; bson_next(&it, &name, &field); child = child->next) {
        if (!child || (v.type == VAL_OBJECT && !slice_eq(child->name, name)) ||
            !tree_equal(child, field))
            return false;
    }
    return child == NULL;
}

static uint32_t tree_val_height(struct val v) {
    if (v.type != VAL_OBJECT && v.type != VAL_ARRAY) return 0;
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val child;
    uint32_t height = 0;
    while (bson_next(&it, &name, &child)) {
        uint32_t below = tree_val_height(child);
        if (below > height) height = below;
    }
    return height + 1;
}

uint32_t tree_height(const struct tree *node) {
    if (!tree_is_container(node) || node->closed) return tree_val_height(node->val);
    uint32_t height = 0;
    for (const struct tree *child = node->first; child; child = child->next) {
        uint32_t below = tree_height(child);
        if (below > height) height = below;
    }
    return height + 1;
}

uint64_t tree_bytes(const struct tree *node) {
    static const uint8_t fixed[] = {
        [VAL_INT] = 8, [VAL_DOUBLE] = 8, [VAL_BOOL] = 1, [VAL_DATE] = 8};
    enum val_type type = node->val.type;
    bool sized = type >= VAL_STRING && type <= VAL_VECTOR;
    if (!tree_is_container(node) || node->closed)
        return 7 + node->name.n + (sized ? node->val.n : type < sizeof fixed ? fixed[type] : 0);
    uint64_t bytes = 7 + node->name.n;
    for (const struct tree *child = node->first; child; child = child->next)
        bytes += tree_bytes(child);
    return bytes;
}
