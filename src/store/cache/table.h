// One shard's hash table: open addressing with linear probing over cached entries, and a clock hand
// that walks its slots. All calls under the shard's lock. Internal to store/cache.
#ifndef STORE_CACHE_TABLE_H
#define STORE_CACHE_TABLE_H

#include "store/cache/cache.h"

struct cache_slot {
    uint64_t hash;
    struct cache_entry *entry; // NULL: free
    uint64_t used;             // read since the hand came by; 64 bits wide only for alignment
};

struct cache_table {
    struct cache_slot *slots;
    size_t count, cap; // cap is 0 or a power of two; count <= cap * 3/4
    size_t hand;
};

enum { CACHE_TABLE_FIRST_CAP = 16 };

struct cache_slot *cache_table_find(const struct cache_table *table, struct slice key,
                                    uint64_t hash);
// The entry's key is not in the table, and there is room (cache_table_full is false).
struct cache_slot *cache_table_add(struct cache_table *table, struct cache_entry *entry);
// The entry, which the caller now owns; other slots may move.
struct cache_entry *cache_table_take(struct cache_table *table, struct cache_slot *slot);
static inline bool cache_table_full(const struct cache_table *table) {
    return table->count >= table->cap / 4 * 3;
}
// Moves everything into new_slots (zeroed, cap of them) and returns the old ones, for the caller to
// free.
struct cache_slot *cache_table_move(struct cache_table *table, struct cache_slot *new_slots,
                                    size_t cap);
// The next entry not used since the hand's last round (second chance); NULL if the table is empty.
struct cache_slot *cache_table_victim(struct cache_table *table);

#endif
