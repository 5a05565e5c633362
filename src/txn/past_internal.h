// Inside of past.c and past_iter.c.
#ifndef TXN_PAST_INTERNAL_H
#define TXN_PAST_INTERNAL_H

#include "base/bits/bits.h"
#include "base/err/ctx.h"
#include "catalog/keyspace.h"
#include "txn/past.h"

enum { PAST_END_SIZE = 8 }; // end_ts at the end of a history key

struct past_kv {
    struct kv kv;
    struct view *base;
    struct past_options options;
};

static inline struct past_kv *past_of(struct kv *kv) { return (struct past_kv *)kv; }

static inline bool past_has_versions(struct slice key) {
    if (key.n < KEYSPACE_PREFIX) return false;
    uint8_t kind = key.p[KEYSPACE_PREFIX - 1];
    return kind == KIND_DOCUMENT || kind == KIND_INDEX || kind == KIND_UNIQUE;
}

// When the value began: at a fixed place in rows (docs/format/row.md), entries and guards
// (index.md). UINT64_MAX where it is too short: its reader would tell, but it is never alive.
static inline uint64_t past_begin(struct slice key, struct slice value) {
    size_t at = key.p[KEYSPACE_PREFIX - 1] == KIND_DOCUMENT ? 6 : 1;
    return value.n >= at + 8 ? bits_le64(value.p + at) : UINT64_MAX;
}

// Whether the history iterator's entry is a version of key that lived at ts.
static inline bool past_is_alive(const struct kv_iter *history, struct slice key, uint64_t ts) {
    return history->valid && history->key.n == key.n + PAST_END_SIZE &&
           slice_starts(history->key, key) && bits_be64(history->key.p + key.n) > ts &&
           past_begin(key, history->value) <= ts;
}

MUST_USE nacre_status past_iter_open(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                                     enum kv_family family, const struct kv_iter_options *options,
                                     struct kv_iter **out);

#endif
