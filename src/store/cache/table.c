#include "store/cache/table.h"

#include "base/err/check.h"

// The shard was chosen by the hash's upper bits (cache.c), the slot by its lower ones.
static size_t home_of(const struct cache_table *table, uint64_t hash) {
    return (size_t)hash & (table->cap - 1);
}

static bool entry_is(const struct cache_entry *entry, struct slice key) {
    return entry->key_size == key.n && (key.n == 0 || memcmp(entry->bytes, key.p, key.n) == 0);
}

struct cache_slot *cache_table_find(const struct cache_table *table, struct slice key,
                                    uint64_t hash) {
    if (table->cap == 0) return NULL;
    for (size_t i = home_of(table, hash);; i = (i + 1) & (table->cap - 1)) {
        struct cache_slot *slot = &table->slots[i];
        if (!slot->entry) return NULL;
        if (slot->hash == hash && entry_is(slot->entry, key)) return slot;
    }
}

struct cache_slot *cache_table_add(struct cache_table *table, struct cache_entry *entry) {
    DCHECK(!cache_table_full(table));
    size_t i = home_of(table, entry->hash);
    while (table->slots[i].entry) i = (i + 1) & (table->cap - 1);
    table->slots[i] = (struct cache_slot){.hash = entry->hash, .entry = entry};
    table->count++;
    return &table->slots[i];
}

// Backward shift (Knuth, TAOCP 3, 6.4, algorithm R): no tombstones, so that lookups stay short for
// ever.
struct cache_entry *cache_table_take(struct cache_table *table, struct cache_slot *slot) {
    struct cache_entry *entry = slot->entry;
    size_t mask = table->cap - 1, hole = (size_t)(slot - table->slots);
    for (size_t i = (hole + 1) & mask; table->slots[i].entry; i = (i + 1) & mask) {
        size_t home = home_of(table, table->slots[i].hash);
        if (((i - home) & mask) < ((i - hole) & mask)) continue;
        table->slots[hole] = table->slots[i];
        hole = i;
    }
    table->slots[hole] = (struct cache_slot){0};
    table->count--;
    return entry;
}

struct cache_slot *cache_table_move(struct cache_table *table, struct cache_slot *new_slots,
                                    size_t cap) {
    struct cache_table old = *table;
    *table = (struct cache_table){.slots = new_slots, .cap = cap};
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].entry)
            cache_table_add(table, old.slots[i].entry)->used = old.slots[i].used;
    return old.slots;
}

struct cache_slot *cache_table_victim(struct cache_table *table) {
    if (table->count == 0) return NULL;
    for (;; table->hand = (table->hand + 1) & (table->cap - 1)) {
        struct cache_slot *slot = &table->slots[table->hand];
        if (!slot->entry) continue;
        if (!slot->used) return slot;
        slot->used = 0;
    }
}
