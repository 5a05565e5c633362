// The applied position: how far the log is in the state. One row of KV_META, written in every
// command's batch. Bytes (docs/format/position.md): format u8 = 1 · index u64 · sub u32 · seq u64 ·
// commit_ts u64 · generation u64 · effect_hash u64 · crc32c u32.
#ifndef TXN_POSITION_H
#define TXN_POSITION_H

#include "base/err/ctx.h"
#include "store/kv.h"

struct position {
    uint64_t index;       // log index of the last applied record
    uint32_t sub;         // commands of that record that are applied
    uint64_t seq;         // dense, one per applied command
    uint64_t commit_ts;   // ms << 20 | counter
    uint64_t generation;  // of the log
    uint64_t effect_hash; // running hash of what apply wrote
};

void position_put(struct kv_batch *batch, const struct position *position);
// An empty store gives zeros. NACRE_CORRUPT.
MUST_USE nacre_status position_read(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                                    struct position *out);

#endif
