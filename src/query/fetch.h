// Inside the room: documents by id, in batches. What the cache has comes from there, the rest in
// one sorted multi-get.
#ifndef QUERY_FETCH_H
#define QUERY_FETCH_H

#include "query/query.h"

enum { FETCH_MAX = 256, FETCH_TOLD_MAX = 64 * 1024 };

struct fetch_item {
    size_t at, n; // the document's key in keys
    uint64_t run; // of the order (query/scan.h), 0 = in its place
    const struct cache_entry *entry;
    struct kv_pin pin;
    bool found;
    bool told; // it is not read: what is asked for of it is in bodies
    size_t body_at, body_n;
};

struct fetch {
    const struct query_target *target;
    struct buf keys, bodies;
    struct fetch_item items[FETCH_MAX];
    uint32_t count, next; // given so far
    bool loaded;
    bool gave_told; // by fetch_next
    bool keeps;     // what the store gives goes into the cache
};

void fetch_init(struct fetch *fetch, const struct query_target *target, struct budget *budget);
void fetch_free(struct fetch *fetch);
void fetch_reset(struct fetch *fetch); // an empty batch; rows given are gone
// Not full, not loaded.
MUST_USE nacre_status fetch_add(struct ctx *ctx, struct fetch *fetch, struct slice id_key,
                                uint64_t run);
// A document of which body holds all that is asked for: it is given so, without being read.
MUST_USE nacre_status fetch_add_told(struct ctx *ctx, struct fetch *fetch, struct slice id_key,
                                     struct slice body);
// Reads what was added.
MUST_USE nacre_status fetch_load(struct ctx *ctx, struct fetch *fetch);
// The next document of a loaded batch, valid until fetch_reset. *live false: there is none, or the
// marker of one. NACRE_CORRUPT.
MUST_USE nacre_status fetch_next(struct ctx *ctx, struct fetch *fetch, struct query_row *out,
                                 uint64_t *run, bool *live);

#endif
