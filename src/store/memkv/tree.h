// A persistent ordered map: a treap (Seidel & Aragon 1996) whose nodes never change once they can
// be reached, copied along the path of a change (Driscoll et al. 1989). A root is a state of the
// whole map, kept for as long as somebody holds it. Priorities are hashes of the keys, so the shape
// is a function of the content. Internal to store/memkv.
//
// Threads: nodes and items are immutable and counted atomically; any thread may read a root it
// holds.
#ifndef STORE_MEMKV_TREE_H
#define STORE_MEMKV_TREE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem/mem.h"
#include "base/mem/slice.h"

struct tree_item {
    atomic_uint refs;
    uint64_t priority;
    size_t key_size, value_size;
    uint8_t bytes[]; // key, then value
};
static inline struct slice tree_key(const struct tree_item *item) {
    return slice_of(item->bytes, item->key_size);
}
static inline struct slice tree_value(const struct tree_item *item) {
    return slice_of(item->bytes + item->key_size, item->value_size);
}

struct tree_node;

// NULL: no memory. The caller holds one reference.
struct tree_item *tree_item_new(struct slice key, struct slice value);
void tree_item_hold(struct tree_item *item);
void tree_item_drop(struct tree_item *item); // accepts NULL

struct tree_node *tree_hold(struct tree_node *root); // accepts and returns NULL, the empty tree
void tree_drop(struct tree_node *root);

// Puts into *root, whose reference is taken over, the tree in which item (or nothing, if NULL)
// stands in the place of all keys in [begin, end), and of end too if with_end. item's key lies in
// that range and item's reference stays the caller's. false: no memory; *root is as it was. O(log
// n) expected.
bool tree_replace(struct tree_node **root, struct slice begin, struct slice end, bool with_end,
                  struct tree_item *item);

// What is found is borrowed from the root. NULL: nothing there. O(log n) expected.
struct tree_item *tree_find(const struct tree_node *root, struct slice key);
struct tree_item *tree_at_or_after(const struct tree_node *root, struct slice key,
                                   bool or_equal); // smallest > key, or =
struct tree_item *tree_at_or_before(const struct tree_node *root, struct slice key,
                                    bool or_equal); // largest < key, or =
struct tree_item *tree_first(const struct tree_node *root);
struct tree_item *tree_last(const struct tree_node *root);

#endif
