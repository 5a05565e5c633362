// The document cache: newest values by key, shared by readers and apply. 64 shards, each a mutex, a
// hash table and a clock hand; entries are refcounted, so a reader holds a value without a copy.
//
// Rules that keep it exact:
//  1. apply writes through (cache_admit, cache_replace) before the view with commit_ts is
//     published; an entry is the newest applied state of its key.
//  2. a reader of a view at view_ts uses an entry only if entry->ts <= view_ts; otherwise it reads
//     the view itself.
//  3. a reader inserts what it read at view_ts only if no write with a later ts went into the shard
//     (cache_insert checks).
#ifndef STORE_CACHE_CACHE_H
#define STORE_CACHE_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err/status.h"
#include "base/mem/mem.h"
#include "base/mem/slice.h"

struct ctx;
struct cache;

struct cache_entry {
    atomic_uint refs;
    uint32_t key_size, value_size;
    // commit_ts of the write that made the value; 0 for a value older than the process knows
    uint64_t ts;
    uint64_t hash;
    bool absent;     // known not to be there
    uint8_t bytes[]; // key, then value
};
static inline struct slice cache_value(const struct cache_entry *e) {
    return slice_of(e->bytes + e->key_size, e->value_size);
}

// capacity_bytes bounds keys + values + overhead; charged to budget as it grows, refused growth
// only evicts.
MUST_USE nacre_status cache_new(struct ctx *ctx, struct budget *budget, size_t capacity_bytes,
                                struct cache **out);
void cache_free(struct cache *cache);
// hash = cache_hash(key). The entry is pinned until cache_unpin. NULL: not cached.
uint64_t cache_hash(struct slice key);
const struct cache_entry *cache_get(struct cache *cache, struct slice key, uint64_t hash);
void cache_unpin(struct cache *cache, const struct cache_entry *entry);
// Apply only. value.p NULL with absent = true: the key is gone. Failure to allocate just drops the
// entry (never an error).
void cache_write(struct cache *cache, struct slice key, struct slice value, bool absent,
                 uint64_t commit_ts);
// As cache_write where the cache has the key, which makes its entry newer or drops it; else it adds
// nothing.
void cache_replace(struct cache *cache, struct slice key, struct slice value, bool absent,
                   uint64_t commit_ts);
// As cache_write where the cache has the key or a mark of it stands; else it leaves that mark, and
// the next read or write of the key adds it.
void cache_admit(struct cache *cache, struct slice key, struct slice value, bool absent,
                 uint64_t commit_ts);
// Readers. ts: the value's own begin_ts. The first read of a key only marks it, a later one
// inserts.
void cache_insert(struct cache *cache, struct slice key, struct slice value, bool absent,
                  uint64_t ts, uint64_t view_ts);
// As cache_insert, but a first read inserts, too, where nothing has to be evicted for it.
void cache_offer(struct cache *cache, struct slice key, struct slice value, uint64_t ts,
                 uint64_t view_ts);
// Drops every key with the prefix (tablet dropped); O(entries).
void cache_drop_prefix(struct cache *cache, struct slice prefix);

struct cache_stats {
    uint64_t hits, misses, entries, bytes, evictions;
};
void cache_stats(const struct cache *cache, struct cache_stats *out);

#endif
