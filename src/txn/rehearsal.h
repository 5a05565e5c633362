// Writes of a transaction, run by the code of apply over the transaction's view and its changes so
// far, into its delta instead of the store: results, versions, violations and errors are those that
// the commit will give if nothing it depends on changes. One thread at a time.
#ifndef TXN_REHEARSAL_H
#define TXN_REHEARSAL_H

#include "txn/reads.h"
#include "txn/txn.h"

struct rehearsal;

// For any number of transactions, one after the other.
MUST_USE nacre_status rehearsal_new(struct ctx *ctx, struct kv *kv, struct cache *cache,
                                    struct rehearsal **out);
void rehearsal_free(struct rehearsal *r); // accepts NULL
// view, delta and reads must live until rehearsal_end.
void rehearsal_begin(struct rehearsal *r, struct view *view, struct kv_delta *delta,
                     struct reads *reads);
void rehearsal_end(struct rehearsal *r);
// One step. now_ms is its time. The answer is appended to out_result (txn/result.h) if this
// machine did not fail; what the step changed is then in the delta, unless it was refused.
// serializable: what a refusal rests on is noted as read.
struct rehearsal_options {
    uint64_t now_ms;
    bool serializable;
};
MUST_USE nacre_status rehearsal_run(struct ctx *ctx, struct rehearsal *r,
                                    const struct command_write *command,
                                    const struct rehearsal_options *options,
                                    struct buf *out_result);
// The document that a claim would take, its id in ctx's arena. serializable: all that the choice
// rests on is noted as read.
struct filter;
struct claim_choice {
    const struct command_claim *claim; // its path, ordered, sort and max_examined
    struct filter *filter;             // may be one that apply cannot run
    struct slice id_key;               // out, with found
    bool found;
};
MUST_USE nacre_status rehearsal_choose(struct ctx *ctx, struct rehearsal *r,
                                       struct claim_choice *choice,
                                       const struct rehearsal_options *options);

#endif
