// The state machine: commands in, changes of state out, in order, pure. And the views that readers
// see.
//
// Invariants, cited at the lines that keep them:
//  T1  apply is a function of (state, command, proposed_ts) alone: no clock, no randomness, no
//  other thread. T2  one command, one batch: documents, index entries, guards, history, counters,
//  change records and the applied position
//      are written together or not at all.
//  T3  a failure of this machine is returned by txn_apply, never recorded as a result; after it
//  nothing more is applied. T4  readers see published views only; a view is published after the log
//  is synced to it (the engine's order).
//
// Thread rule: txn_apply and txn_publish belong to one thread at a time (the apply door);
// txn_view_* to any thread.
#ifndef TXN_TXN_H
#define TXN_TXN_H

#include <stdatomic.h>

#include "catalog/catalog.h"
#include "log/record.h"
#include "store/cache/cache.h"
#include "txn/command.h"
#include "txn/position.h"
#include "txn/result.h"
#include "txn/tablet.h"

enum {
    MARKER_KEEP_MS = 24 * 3600 * 1000,
    IDEMPOTENCY_KEEP_MS = 24 * 3600 * 1000,
    STAGE_KEEP_MS = 3600 * 1000
};
enum { IDEMPOTENCY_RESULT_MAX = 64 * 1024, DUE_CHUNK_MAX = 1000 };

struct txn;

struct txn_options {
    struct kv *kv;       // stays the caller's
    struct cache *cache; // likewise
    bool no_trail;       // benchmarks only: no history entries, no change records
    const struct schema_regex *schema_regex; // for the programs of schemas; apply never runs it
};

// Reads position and catalog; makes format row and database "main" through COMMAND_CATALOG is the
// engine's business.
MUST_USE nacre_status txn_open(struct ctx *ctx, const struct txn_options *options,
                               struct txn **out);
void txn_close(struct txn *txn); // every view must be released

const struct position *txn_position(const struct txn *txn); // apply door

// Where a command stands in the log.
struct apply_place {
    uint64_t index, generation;
    uint32_t sub;         // number of the command in its record, from 0
    bool more;            // another follows before txn_publish: writing may wait for it
    uint64_t proposed_ts; // of the record
};
// Applies one command and appends the encoded result (txn/result.h) to out_result (may be NULL).
// Commands at or below the applied position are skipped (*out_applied = false). The returned status
// is about this machine (T3).
MUST_USE nacre_status txn_apply(struct txn *txn, const struct record_command *command,
                                const struct apply_place *place, struct buf *out_result,
                                bool *out_applied);
// The detail of the failure that txn_apply or txn_publish returned.
const struct err *txn_error(const struct txn *txn);

// A published view: everything a reader needs, immutable, refcounted.
struct view {
    atomic_uint refs;
    struct kv *kv;
    struct kv_view *kv_view;
    struct catalog *catalog;
    uint64_t seq, commit_ts, generation;
    uint64_t index;      // of the last applied record
    uint64_t horizon_ts; // history that ended before may be gone
    // Of a transaction's view: all documents of a tablet were counted without being read. May be
    // NULL.
    void (*counted)(struct view *view, uint32_t tablet);
    struct view *beneath; // the published view that this one is a view of; NULL: it is one
    bool past; // of an earlier time (txn/past.h): commit_ts is that; cache and counters are not
};
MUST_USE nacre_status txn_publish(struct txn *txn);
struct view *txn_view_acquire(struct txn *txn); // never NULL after txn_open
void txn_view_release(struct view *view);       // accepts NULL
// base seen through the changes that delta has so far, later ones left out; its own reference to
// both. The watch of delta is of reads. NULL: no memory.
struct kv_delta;
struct view *txn_view_layered(struct view *base, struct kv_delta *delta);
// commit_ts of the newest published view, for cache rule 2.
uint64_t txn_published_ts(const struct txn *txn);

// Due work of one tablet up to now_ms: appends to out->items (which has room for max in all; keys
// in ctx's arena). One load when nothing is due. One thread at a time.
MUST_USE nacre_status txn_due(struct ctx *ctx, struct txn *txn, uint32_t tablet, uint64_t now_ms,
                              uint32_t max, struct command_expire *out);

// Whether it is the end of a lease: of which document (typed id), and when.
bool txn_due_lease(const struct due_item *item, struct slice *id_key, uint64_t *due_ms);

// What the database holds in all, and would hold more: NACRE_QUOTA_EXCEEDED.
MUST_USE nacre_status txn_check_quota(struct ctx *ctx, const struct database *db,
                                      const struct tablet_counters *all, int64_t documents,
                                      int64_t bytes);
// The logical bytes of the document that a put or an insert makes where there is none.
MUST_USE nacre_status txn_bytes_of(const struct write_op *op, uint64_t *out);

// Progress of an index build: documents done so far, 0 if it is not building.
MUST_USE nacre_status txn_build_progress(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                                         uint32_t tablet, uint32_t index_id,
                                         uint64_t *out_documents);

// The same of a change of the schema. last: the typed id of the last document done is put there;
// may be NULL.
MUST_USE nacre_status txn_schema_progress(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                                          uint32_t tablet, uint64_t *out_documents,
                                          struct buf *last);
// Why the last change of the schema was refused; *next_from 0: it was not. *out_error: as
// result_error_raise takes it, in ctx's arena.
MUST_USE nacre_status txn_schema_failure(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                                         uint32_t tablet, uint64_t *next_from,
                                         struct slice *out_error);

#endif
