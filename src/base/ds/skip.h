// Ordered map from bytes to a pointer: a skip list (Pugh, "Skip lists: a probabilistic alternative
// to balanced trees", 1990) in an arena. Keys are copied; nothing is ever removed, so a node stays
// where it is while the arena lives. O(log n). Not thread-safe.
#ifndef BASE_DS_SKIP_H
#define BASE_DS_SKIP_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem/arena.h"

struct skip_node {
    struct skip_node *prev; // NULL: the first
    void *value;
    const uint8_t *key;
    size_t key_size;
    struct skip_node *next[]; // as many as the node is high
};

struct skip {
    struct arena *arena;
    struct skip_node *head; // NULL until the first put
    uint64_t random;
    size_t count;
};

void skip_init(struct skip *skip, struct arena *arena);
// The node of key, made with value NULL if absent. NULL: no memory, nothing changed.
struct skip_node *skip_put(struct skip *skip, struct slice key);
struct skip_node *skip_find(const struct skip *skip, struct slice key);        // NULL if absent
struct skip_node *skip_at_or_after(const struct skip *skip, struct slice key); // first ≥ key
struct skip_node *skip_before(const struct skip *skip, struct slice key);      // last < key
struct skip_node *skip_first(const struct skip *skip);

static inline struct slice skip_key(const struct skip_node *node) {
    return slice_of(node->key, node->key_size);
}
static inline struct skip_node *skip_next(const struct skip_node *node) { return node->next[0]; }

#endif
