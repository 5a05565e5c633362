// Where each generation of the log began, so that a sequence of an older one can be told from one
// that was lost with the end of that. A row per generation after the first, written with its first
// command: META_GENERATION, be64 generation → bytes in docs/format/position.md.
#ifndef TXN_GENERATION_H
#define TXN_GENERATION_H

#include "store/kv.h"
#include "txn/position.h"

// generation begins after before, which is of an earlier one.
void generation_put(struct kv_batch *batch, uint64_t generation, const struct position *before);
// Whether the command seq of a generation older than the view's is among those that were applied.
// Also false where nothing is known of that generation.
MUST_USE nacre_status generation_holds(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                                       uint64_t generation, uint64_t seq, bool *out);

#endif
