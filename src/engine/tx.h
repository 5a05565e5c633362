// Interactive transactions: one view, its own writes over it, one command at the end.
//
// Invariants:
//  X1  what a transaction reads is its view and its own writes, whatever is committed meanwhile.
//  X2  it changes nothing but by its commit, which is one command: all or nothing.
//  X3  once ended (commit, rollback, conflict, its time) nothing is read or written in it:
//      NACRE_TRANSACTION_NOT_FOUND.
//
// Thread rule: a transaction belongs to one thread at a time; views and documents it gave out can
// be released by any.
#ifndef ENGINE_TX_H
#define ENGINE_TX_H

#include "engine/engine.h"

enum { TX_TIMEOUT_MS = 30 * 1000, TX_TIMEOUT_MS_MAX = 60 * 1000 };

struct engine_tx;

struct engine_tx_options {
    bool serializable;
    uint64_t timeout_ms; // 0 = TX_TIMEOUT_MS; at most TX_TIMEOUT_MS_MAX
    enum durability durability;
};

// For any number of transactions, one after the other.
MUST_USE nacre_status engine_tx_new(struct ctx *ctx, struct engine *engine, struct engine_tx **out);
void engine_tx_free(struct engine_tx *tx); // accepts NULL; rolls back

// No read, no write: the view that is published. One that still runs is rolled back.
MUST_USE nacre_status engine_tx_begin(struct ctx *ctx, struct engine_tx *tx,
                                      const struct engine_tx_options *options);
// NACRE_CONFLICT names what was changed; what any of its writes can end in is possible, too.
// Without writes nothing is logged. It is ended whatever is returned.
MUST_USE nacre_status engine_tx_commit(struct ctx *ctx, struct engine_tx *tx, struct result *out);
void engine_tx_rollback(struct engine_tx *tx);
// Of the commit to come.
void engine_tx_durability(struct engine_tx *tx, enum durability durability);

// NACRE_TRANSACTION_TOO_OLD once, when its time is up; NACRE_TRANSACTION_NOT_FOUND.
MUST_USE nacre_status engine_tx_check(struct ctx *ctx, struct engine_tx *tx);

uint64_t engine_tx_epoch(const struct engine_tx *tx); // of its catalog, while it is open

// As engine_get. A document it gives stays what it is, whatever becomes of the transaction.
MUST_USE nacre_status engine_tx_get(struct ctx *ctx, struct engine_tx *tx,
                                    struct engine_collection *collection, struct val id,
                                    struct engine_doc *out);
// As engine_write; no collection is made, no idempotency key is taken. NACRE_CONFLICT: somebody
// else wrote the document after the transaction began, which is over.
MUST_USE nacre_status engine_tx_write(struct ctx *ctx, struct engine_tx *tx,
                                      const struct write_request *request, struct result *out);
// As engine_claim, engine_release and engine_extend. A lease begins with the commit. What a claim
// takes is chosen now, from what the transaction sees; NACRE_CONFLICT as for engine_tx_write.
MUST_USE nacre_status engine_tx_claim(struct ctx *ctx, struct engine_tx *tx,
                                      const struct claim_request *request, struct result *out);
MUST_USE nacre_status engine_tx_release(struct ctx *ctx, struct engine_tx *tx,
                                        const struct lease_request *request, struct result *out);
MUST_USE nacre_status engine_tx_extend(struct ctx *ctx, struct engine_tx *tx,
                                       const struct lease_request *request, struct result *out);
// The tablet of a collection in the transaction's catalog, kept in *collection as engine_tx_get
// does.
MUST_USE nacre_status engine_tx_resolve(struct ctx *ctx, struct engine_tx *tx,
                                        struct engine_collection *collection);
// A view for queries: the writes so far are seen, later ones are not. Release with
// txn_view_release. *cache: what the queries may use, NULL for none.
MUST_USE nacre_status engine_tx_view(struct ctx *ctx, struct engine_tx *tx, struct view **out,
                                     struct cache **cache);

#endif
