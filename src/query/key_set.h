// Inside the room: a hash table of byte keys whose entries are the caller's. Charged to a budget.
#ifndef QUERY_KEY_SET_H
#define QUERY_KEY_SET_H

#include "base/err/ctx.h"

// First member of an entry.
struct key_entry {
    struct slice key;
};

struct key_slot {
    uint64_t hash;
    struct key_entry *entry; // NULL: free
};

struct key_set {
    struct key_slot *slots; // open addressing, a power of two
    size_t cap, count;
    struct budget *budget;
};

void key_set_init(struct key_set *set, struct budget *budget);
void key_set_free(struct key_set *set);
// The slot of the key, with its hash, its entry NULL if it is not there; room is made first. Valid
// until the next call. Who puts an entry there counts it (set->count++).
MUST_USE nacre_status key_set_place(struct ctx *ctx, struct key_set *set, struct slice key,
                                    struct key_slot **out);
static inline size_t key_set_bytes(const struct key_set *set) {
    return set->cap * sizeof *set->slots;
}

#endif
