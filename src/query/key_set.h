// Inside the room: a hash table of byte keys whose entries are the caller's. Charged to a budget.
#ifndef QUERY_KEY_SET_H
#define QUERY_KEY_SET_H

#include "base/err/ctx.h"

// First member of an entry.
struct key_entry {
    uint64_t hash;
    struct slice key;
};

struct key_set {
    struct key_entry **slots; // open addressing, a power of two
    size_t cap, count;
    struct budget *budget;
};

void key_set_init(struct key_set *set, struct budget *budget);
void key_set_free(struct key_set *set);
// Where the key is, or NULL at its place; room is made first. The pointer is valid until the next
// call. An entry put there must have the key and its hash; the caller counts it (set->count++).
MUST_USE nacre_status key_set_place(struct ctx *ctx, struct key_set *set, uint64_t hash,
                                    struct slice key, struct key_entry ***out);

#endif
