// How much history a tablet wrote, and when. Its counter history_total (txn/tablet.h) only grows;
// samples of it tell how many bytes ended since a time, whatever compaction has taken away of what
// ended before. Part of the state: a function of the commands alone. Bytes: docs/format/tablet.md.
#ifndef TXN_HISTORY_H
#define TXN_HISTORY_H

#include "base/err/ctx.h"
#include "store/kv.h"

enum { HISTORY_SAMPLES_MAX = 64, HISTORY_STEP = 64 * 1024 };

struct history_sample {
    uint64_t ts;     // a commit
    uint64_t before; // history_total before it: what is counted beyond that ended at ts or later
};

struct history {
    uint64_t swept_ts; // what ended before is deleted, as far as history_bytes asked for it
    uint64_t step;     // bytes from one sample to the next
    uint32_t count;
    struct history_sample at[HISTORY_SAMPLES_MAX]; // in the order of ts
};

// Zeros if there is none yet.
MUST_USE nacre_status history_read(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                                   uint32_t tablet, struct history *out);
void history_put(struct kv_batch *batch, uint32_t tablet, const struct history *history);

// A sample of the commit ts, later than all others. Times before floor_ts are not asked for any
// more. bound: history_bytes, 0 = none; samples are near enough to each other to trim by it.
void history_add(struct history *history, struct history_sample sample, uint64_t floor_ts,
                 uint64_t bound);
// Bytes that ended at ts or later, and at most step more.
uint64_t history_since(const struct history *history, uint64_t total, uint64_t ts);
// The earliest time since which no more than so many bytes ended; 0: there is no such sample.
uint64_t history_keep(const struct history *history, uint64_t total, uint64_t bytes);

#endif
