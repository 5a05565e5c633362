// Claims, leases and everything that ends by time, by the naive model.
#ifndef TESTS_SUPPORT_MODEL_LEASE_H
#define TESTS_SUPPORT_MODEL_LEASE_H

#include "support/model_query.h"
#include "support/model_write.h"

struct model_claim {
    const struct naive_cond *cond;
    struct model_order order;
    const char *set;       // {path: value}, NULL: none
    const char *on_expire; // update operators or merge patch, NULL: none
    const char *holder;    // NULL: none
    uint64_t lease_ms;
    uint8_t token[ROW_LEASE_TOKEN_SIZE]; // as the engine made it
    nacre_status answered;               // as in struct model_op
};

// The document that the claim takes; NULL: none.
struct model_doc *model_claim_choose(struct model *m, const struct model_collection *c,
                                     const struct model_claim *claim);
nacre_status model_claim_take(struct model *m, struct model_collection *c, struct model_doc *doc,
                              const struct model_claim *claim);

// set NULL: what the claim had set is taken back.
nacre_status model_release(struct model *m, struct model_collection *c, const struct model_id *id,
                           const uint8_t *token, const char *set, nacre_status answered);
nacre_status model_extend(struct model *m, struct model_collection *c, const struct model_id *id,
                          const uint8_t *token, uint64_t lease_ms);

// What the sweeper does at the model's time: documents and leases that end, in order of their
// times; markers and idempotency records a day old. Returns how many things ended.
uint32_t model_sweep(struct model *m, struct model_collection *c);

#endif
