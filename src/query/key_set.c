#include "query/key_set.h"

#include "base/bits/bits.h"

enum { KEY_SET_LEAST = 64 };

void key_set_init(struct key_set *set, struct budget *budget) {
    *set = (struct key_set){.budget = budget};
}

void key_set_free(struct key_set *set) {
    mem_free(set->slots);
    budget_release(set->budget, key_set_bytes(set));
    *set = (struct key_set){.budget = set->budget};
}

static struct key_slot *place_of(const struct key_set *set, uint64_t hash, struct slice key) {
    size_t at = hash & (set->cap - 1);
    for (;; at = (at + 1) & (set->cap - 1)) {
        struct key_slot *slot = &set->slots[at];
        if (!slot->entry || (slot->hash == hash && slice_eq(slot->entry->key, key))) return slot;
    }
}

static nacre_status grow(struct ctx *ctx, struct key_set *set) {
    struct key_set wider = {
        .cap = set->cap ? 2 * set->cap : KEY_SET_LEAST, .count = set->count, .budget = set->budget};
    if (!budget_charge(set->budget, key_set_bytes(&wider))) return err_nomem(ctx);
    wider.slots = mem_zalloc(key_set_bytes(&wider));
    if (!wider.slots) {
        budget_release(set->budget, key_set_bytes(&wider));
        return err_nomem(ctx);
    }
    for (size_t i = 0; i < set->cap; i++) {
        size_t at = set->slots[i].hash & (wider.cap - 1);
        if (!set->slots[i].entry) continue;
        while (wider.slots[at].entry)
            at = (at + 1) & (wider.cap - 1);
        wider.slots[at] = set->slots[i];
    }
    key_set_free(set);
    *set = wider;
    return NACRE_OK;
}

nacre_status key_set_place(struct ctx *ctx, struct key_set *set, struct slice key,
                           struct key_slot **out) {
    if (set->count >= set->cap / 4 * 3) TRY(grow(ctx, set));
    uint64_t hash = hash_bytes(key.p, key.n);
    struct key_slot *slot = place_of(set, hash, key);
    slot->hash = hash;
    *out = slot;
    return NACRE_OK;
}
