// Invariants, kept under the shard's lock:
//  1. An entry in the table is the newest applied state of its key: a write replaces it or, where
//  there is no memory, removes it.
//  2. last_write_ts is the largest commit_ts written to the shard, whether or not the write left an
//  entry. A reader of a view
//     that is not older has therefore read what is newest now, so what it inserts keeps 1.
//  3. bytes is what the table's entries and slots take; it is at most the shard's capacity after
//  every call.
// The table's reference is one of an entry's refs; whoever drops the last one frees the entry and
// releases its charge.
//
// Admission: in a full cache what is read once, a scan or a database much larger than the cache,
// would cost a copy and an entry that is worth more. So a first read or write leaves a mark of two
// bytes, and the next one, if the mark still stands, inserts (the doorkeeper of TinyLFU, Einziger,
// Friedman, Manes 2017, as a direct-mapped table: marks age by being overwritten). Marks are hints
// without a lock. Rows of an index, each of which costs a block, are kept at once where there is
// room (cache_offer).
#include "store/cache/cache.h"

#include "base/bits/bits.h"
#include "base/err/check.h"
#include "base/err/ctx.h"
#include "store/cache/table.h"
#include "store/lock.h"

enum { SHARD_BITS = 6, SHARDS = 1 << SHARD_BITS, LARGE_FRACTION = 8 };
// One mark per KiB of capacity, as a power of two: about as many as there are entries.
enum { MARKS_MIN = 1024, MARKED_BYTES = 1024 };

struct shard {
    _Alignas(128) store_lock lock;
    struct cache_table table;
    size_t bytes;
    uint64_t last_write_ts;
    uint64_t hits, misses, evictions;
};

struct cache {
    struct budget *budget;
    size_t shard_capacity;
    struct shard *shards; // aligned within memory
    void *memory;
    size_t mark_count; // a power of two
    _Atomic uint16_t marks[];
};

static struct shard *shard_of(const struct cache *cache, uint64_t hash) {
    return &cache->shards[hash >> (64 - SHARD_BITS)];
}

static size_t entry_bytes(const struct cache_entry *e) {
    return sizeof *e + (size_t)e->key_size + (size_t)e->value_size;
}

static size_t mark_count_of(size_t capacity_bytes) {
    size_t count = MARKS_MIN;
    while (count < capacity_bytes / MARKED_BYTES)
        count *= 2;
    return count;
}

// What the cache takes without entries.
static size_t fixed_bytes(size_t mark_count) {
    return sizeof(struct cache) + mark_count * sizeof(uint16_t) +
           sizeof(struct shard) * (SHARDS + 1);
}

nacre_status cache_new(struct ctx *ctx, struct budget *budget, size_t capacity_bytes,
                       struct cache **out) {
    size_t marks = mark_count_of(capacity_bytes);
    if (!budget_charge(budget, fixed_bytes(marks))) return err_nomem(ctx);
    struct cache *cache = mem_zalloc(sizeof *cache + marks * sizeof(uint16_t));
    void *memory = cache ? mem_zalloc(sizeof(struct shard) * (SHARDS + 1)) : NULL;
    if (!memory) {
        mem_free(cache);
        budget_release(budget, fixed_bytes(marks));
        return err_nomem(ctx);
    }
    cache->mark_count = marks;
    cache->budget = budget;
    cache->shard_capacity = capacity_bytes / SHARDS;
    cache->memory = memory;
    uintptr_t first =
        ((uintptr_t)memory + _Alignof(struct shard) - 1) & ~(_Alignof(struct shard) - 1);
    cache->shards = (struct shard *)first;
    *out = cache;
    return NACRE_OK;
}

static void entry_drop(struct cache *cache, struct cache_entry *entry) {
    if (atomic_fetch_sub_explicit(&entry->refs, 1, memory_order_acq_rel) != 1) return;
    budget_release(cache->budget, entry_bytes(entry));
    mem_free(entry);
}

static void slot_remove(struct cache *cache, struct shard *shard, struct cache_slot *slot) {
    struct cache_entry *entry = cache_table_take(&shard->table, slot);
    shard->bytes -= entry_bytes(entry);
    entry_drop(cache, entry);
}

void cache_free(struct cache *cache) {
    if (!cache) return;
    for (size_t i = 0; i < SHARDS; i++) {
        struct cache_table *table = &cache->shards[i].table;
        for (size_t s = 0; s < table->cap; s++)
            if (table->slots[s].entry) entry_drop(cache, table->slots[s].entry);
        budget_release(cache->budget, table->cap * sizeof(struct cache_slot));
        mem_free(table->slots);
    }
    budget_release(cache->budget, fixed_bytes(cache->mark_count));
    mem_free(cache->memory);
    mem_free(cache);
}

uint64_t cache_hash(struct slice key) { return hash_bytes(key.p, key.n); }

static _Atomic uint16_t *mark_of(struct cache *cache, uint64_t hash) {
    return &cache->marks[(hash >> 16) & (cache->mark_count - 1)];
}

const struct cache_entry *cache_get(struct cache *cache, struct slice key, uint64_t hash) {
    struct shard *shard = shard_of(cache, hash);
    struct cache_entry *entry = NULL;
    store_lock_take(&shard->lock);
    struct cache_slot *slot = cache_table_find(&shard->table, key, hash);
    if (slot) {
        slot->used = 1;
        entry = slot->entry;
        atomic_fetch_add_explicit(&entry->refs, 1, memory_order_relaxed);
        shard->hits++;
    } else {
        shard->misses++;
    }
    store_lock_drop(&shard->lock);
    // Who misses reads the store and comes back to the mark (was_read).
    if (!entry) __builtin_prefetch(mark_of(cache, hash), 1);
    return entry;
}

void cache_unpin(struct cache *cache, const struct cache_entry *entry) {
    if (entry) entry_drop(cache, (struct cache_entry *)(uintptr_t)entry);
}

static bool evict_one(struct cache *cache, struct shard *shard) {
    struct cache_slot *victim = cache_table_victim(&shard->table);
    if (!victim) return false;
    slot_remove(cache, shard, victim);
    shard->evictions++;
    return true;
}

// Evicts until bytes more fit into the shard; false if they never will.
static bool make_room(struct cache *cache, struct shard *shard, size_t bytes) {
    while (shard->bytes + bytes > cache->shard_capacity)
        if (!evict_one(cache, shard)) return false;
    return true;
}

// Charges the budget, evicting from this shard where it refuses. Evicted entries that a reader has
// pinned stay charged.
static bool charge(struct cache *cache, struct shard *shard, size_t bytes) {
    while (!budget_charge(cache->budget, bytes))
        if (!evict_one(cache, shard)) return false;
    return true;
}

static size_t grown_cap(const struct cache_table *table) {
    return table->cap ? table->cap * 2 : CACHE_TABLE_FIRST_CAP;
}

// Doubles the table, or, where there is no memory for it, evicts until there is a free slot.
static bool make_slot(struct cache *cache, struct shard *shard) {
    struct cache_table *table = &shard->table;
    if (!cache_table_full(table)) return true;
    size_t cap = grown_cap(table);
    size_t bytes = cap * sizeof(struct cache_slot),
           old_bytes = table->cap * sizeof(struct cache_slot);
    bool fits =
        shard->bytes + bytes <= cache->shard_capacity && budget_charge(cache->budget, bytes);
    struct cache_slot *slots = fits ? mem_zalloc(bytes) : NULL;
    if (slots) {
        mem_free(cache_table_move(table, slots, cap));
        shard->bytes += bytes - old_bytes;
        budget_release(cache->budget, old_bytes);
        return true;
    }
    if (fits) budget_release(cache->budget, bytes);
    return evict_one(cache, shard);
}

static struct cache_entry *entry_new(struct slice key, uint64_t hash, struct slice value,
                                     bool absent, uint64_t ts) {
    if (key.n > UINT32_MAX / 2 || value.n > UINT32_MAX / 2) return NULL;
    struct cache_entry *entry = mem_alloc(sizeof *entry + key.n + value.n);
    if (!entry) return NULL;
    atomic_init(&entry->refs, 1);
    entry->key_size = (uint32_t)key.n;
    entry->value_size = (uint32_t)value.n;
    entry->ts = ts;
    entry->hash = hash;
    entry->absent = absent;
    if (key.n) memcpy(entry->bytes, key.p, key.n);
    if (value.n) memcpy(entry->bytes + key.n, value.p, value.n);
    return entry;
}

// Under the lock; the key is not in the table. Takes the entry over, or frees it where it cannot
// stay.
static void place(struct cache *cache, struct shard *shard, struct cache_entry *entry,
                  uint64_t used) {
    size_t bytes = entry_bytes(entry);
    bool small = bytes <= cache->shard_capacity / LARGE_FRACTION;
    if (!small || !make_slot(cache, shard) || !make_room(cache, shard, bytes) ||
        !charge(cache, shard, bytes)) {
        mem_free(entry);
        return;
    }
    cache_table_add(&shard->table, entry)->used = used;
    shard->bytes += bytes;
}

void cache_write(struct cache *cache, struct slice key, struct slice value, bool absent,
                 uint64_t commit_ts) {
    uint64_t hash = cache_hash(key), used = 0;
    struct cache_entry *entry =
        entry_new(key, hash, absent ? (struct slice){0} : value, absent, commit_ts);
    struct shard *shard = shard_of(cache, hash);
    store_lock_take(&shard->lock);
    if (commit_ts > shard->last_write_ts) shard->last_write_ts = commit_ts;
    struct cache_slot *old = cache_table_find(&shard->table, key, hash);
    if (old) {
        used = old->used;
        slot_remove(cache, shard, old);
    }
    if (entry) place(cache, shard, entry, used);
    store_lock_drop(&shard->lock);
}

// cache_replace; whether the cache had the key.
static bool renew(struct cache *cache, uint64_t hash, struct slice key, struct slice value,
                  bool absent, uint64_t commit_ts) {
    struct shard *shard = shard_of(cache, hash);
    store_lock_take(&shard->lock);
    if (commit_ts > shard->last_write_ts) shard->last_write_ts = commit_ts;
    bool there = cache_table_find(&shard->table, key, hash) != NULL;
    store_lock_drop(&shard->lock);
    if (there) cache_write(cache, key, value, absent, commit_ts);
    return there;
}

void cache_replace(struct cache *cache, struct slice key, struct slice value, bool absent,
                   uint64_t commit_ts) {
    (void)renew(cache, cache_hash(key), key, value, absent, commit_ts);
}

// Whether the key was read since its mark was last overwritten; leaves the mark. Place and tag are
// different bits of the hash.
static bool was_read(struct cache *cache, uint64_t hash) {
    _Atomic uint16_t *mark = mark_of(cache, hash);
    uint16_t tag = (uint16_t)hash | 1; // 0 is nobody's
    if (atomic_load_explicit(mark, memory_order_relaxed) == tag) return true;
    atomic_store_explicit(mark, tag, memory_order_relaxed);
    return false;
}

// Whether an entry of so many bytes of key and value needs no eviction. Other users of the budget
// may be faster: then it evicts after all.
static bool has_room(struct cache *cache, struct shard *shard, size_t bytes) {
    bytes += sizeof(struct cache_entry);
    store_lock_take(&shard->lock);
    if (cache_table_full(&shard->table))
        bytes += grown_cap(&shard->table) * sizeof(struct cache_slot);
    bool fits = shard->bytes + bytes <= cache->shard_capacity;
    store_lock_drop(&shard->lock);
    return fits && budget_fits(cache->budget, bytes);
}

void cache_admit(struct cache *cache, struct slice key, struct slice value, bool absent,
                 uint64_t commit_ts) {
    uint64_t hash = cache_hash(key);
    if (!renew(cache, hash, key, value, absent, commit_ts) && was_read(cache, hash))
        cache_write(cache, key, value, absent, commit_ts);
}

static void insert(struct cache *cache, uint64_t hash, struct cache_entry *entry,
                   uint64_t view_ts) {
    struct shard *shard = shard_of(cache, hash);
    if (!entry) return;
    struct slice key = slice_of(entry->bytes, entry->key_size);
    store_lock_take(&shard->lock);
    bool newest = entry->ts <= view_ts && shard->last_write_ts <= view_ts;
    // An entry that is there already is as new (invariant 1).
    if (newest && !cache_table_find(&shard->table, key, hash))
        place(cache, shard, entry, 0);
    else
        mem_free(entry);
    store_lock_drop(&shard->lock);
}

void cache_insert(struct cache *cache, struct slice key, struct slice value, bool absent,
                  uint64_t ts, uint64_t view_ts) {
    uint64_t hash = cache_hash(key);
    if (!was_read(cache, hash)) return;
    insert(cache, hash, entry_new(key, hash, absent ? (struct slice){0} : value, absent, ts),
           view_ts);
}

void cache_offer(struct cache *cache, struct slice key, struct slice value, uint64_t ts,
                 uint64_t view_ts) {
    uint64_t hash = cache_hash(key);
    struct shard *shard = shard_of(cache, hash);
    if (!was_read(cache, hash) && !has_room(cache, shard, key.n + value.n)) return;
    insert(cache, hash, entry_new(key, hash, value, false, ts), view_ts);
}

static void shard_drop_prefix(struct cache *cache, struct shard *shard, struct slice prefix) {
    struct cache_table *table = &shard->table;
    for (size_t i = 0; i < table->cap;) {
        const struct cache_entry *entry = table->slots[i].entry;
        // A removal may move a later entry into this slot, so the slot is looked at again. What
        // moves from the table's begin to its end was seen before.
        if (entry && slice_starts(slice_of(entry->bytes, entry->key_size), prefix))
            slot_remove(cache, shard, &table->slots[i]);
        else
            i++;
    }
}

void cache_drop_prefix(struct cache *cache, struct slice prefix) {
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &cache->shards[i];
        store_lock_take(&shard->lock);
        shard_drop_prefix(cache, shard, prefix);
        store_lock_drop(&shard->lock);
    }
}

void cache_stats(const struct cache *cache, struct cache_stats *out) {
    *out = (struct cache_stats){0};
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &cache->shards[i];
        store_lock_take(&shard->lock);
        out->hits += shard->hits;
        out->misses += shard->misses;
        out->evictions += shard->evictions;
        out->entries += shard->table.count;
        out->bytes += shard->bytes;
        store_lock_drop(&shard->lock);
    }
}
