#include "query/key_set.h"

enum { KEY_SET_LEAST = 64 };

void key_set_init(struct key_set *set, struct budget *budget) {
    *set = (struct key_set){.budget = budget};
}

void key_set_free(struct key_set *set) {
    mem_free((void *)set->slots);
    budget_release(set->budget, set->cap * sizeof *set->slots);
    *set = (struct key_set){.budget = set->budget};
}

static struct key_entry **place_of(struct key_entry **slots, size_t cap, uint64_t hash,
                                   struct slice key) {
    size_t at = hash & (cap - 1);
    while (slots[at] && !(slots[at]->hash == hash && slice_eq(slots[at]->key, key)))
        at = (at + 1) & (cap - 1);
    return &slots[at];
}

static struct key_entry **empty_place(struct key_entry **slots, size_t cap, uint64_t hash) {
    size_t at = hash & (cap - 1);
    while (slots[at])
        at = (at + 1) & (cap - 1);
    return &slots[at];
}

static nacre_status grow(struct ctx *ctx, struct key_set *set) {
    size_t cap = set->cap ? 2 * set->cap : KEY_SET_LEAST, bytes = cap * sizeof *set->slots;
    if (!budget_charge(set->budget, bytes)) return err_nomem(ctx);
    struct key_entry **slots = mem_zalloc(bytes);
    if (!slots) {
        budget_release(set->budget, bytes);
        return err_nomem(ctx);
    }
    for (size_t i = 0; i < set->cap; i++)
        if (set->slots[i]) *empty_place(slots, cap, set->slots[i]->hash) = set->slots[i];
    size_t count = set->count;
    key_set_free(set);
    set->slots = slots;
    set->cap = cap;
    set->count = count;
    return NACRE_OK;
}

nacre_status key_set_place(struct ctx *ctx, struct key_set *set, uint64_t hash, struct slice key,
                           struct key_entry ***out) {
    if (set->count >= set->cap / 4 * 3) TRY(grow(ctx, set));
    *out = place_of(set->slots, set->cap, hash, key);
    return NACRE_OK;
}
