// Inside the room: documents by id, in batches. What the cache has comes from there, the rest in
// one sorted multi-get.
#ifndef QUERY_FETCH_H
#define QUERY_FETCH_H

#include "query/query.h"

enum { FETCH_MAX = 256 };

struct fetch_item {
    size_t at, n; // the document's key in keys
    uint64_t run; // of the order (query/scan.h), 0 = in its place
    const struct cache_entry *entry;
    struct kv_pin pin;
    bool found;
};

struct fetch {
    const struct query_target *target;
    struct buf keys;
    struct fetch_item items[FETCH_MAX];
    uint32_t count, next; // given so far
    bool loaded;
    bool keeps; // what the store gives goes into the cache
};

void fetch_init(struct fetch *fetch, const struct query_target *target, struct budget *budget);
void fetch_free(struct fetch *fetch);
void fetch_reset(struct fetch *fetch); // an empty batch; rows given are gone
// Not full, not loaded.
MUST_USE nacre_status fetch_add(struct ctx *ctx, struct fetch *fetch, struct slice id_key,
                                uint64_t run);
// Reads what was added.
MUST_USE nacre_status fetch_load(struct ctx *ctx, struct fetch *fetch);
// The next document of a loaded batch, valid until fetch_reset. *live false: there is none, or the
// marker of one. NACRE_CORRUPT.
MUST_USE nacre_status fetch_next(struct ctx *ctx, struct fetch *fetch, struct query_row *out,
                                 uint64_t *run, bool *live);

#endif
