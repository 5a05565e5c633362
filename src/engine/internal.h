// Inside of the engine. Nothing outside engine/ includes this.
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "base/ds/map.h"
#include "base/os/cond.h"
#include "base/os/file.h"
#include "base/os/post.h"
#include "base/os/thread.h"
#include "doc/key.h"
#include "engine/engine.h"

enum {
    GROUP_BYTES_MAX = 4 * 1024 * 1024, // of one record
    GROUPS_IN_FLIGHT = 2,
    LOG_IN_A_ROW = 4,   // groups that one submitter logs at least where they are there
    APPLY_IN_A_ROW = 4, // likewise
    HEIR_LOOKS = 32,    // into the queue
    WAKE_CHAINS_MAX = 8,
    SWEEP_MS = 200,
    MEMORY_SYNC_MS = 25,
    BUILD_CHUNK = 500,
    HORIZON_EVERY_MS = 60 * 1000,
    HORIZON_PIECE = 2000, // change records looked at by one command: a few milliseconds
    HISTORY_MIN_SECONDS = 60,
    CHANGES_KEEP_MS = CHANGES_SECONDS_DEFAULT * 1000,
    SINGLE_COMMAND_MAX = 1024 * 1024, // above it, a command travels in pieces
};

// What a waiting submitter is told.
enum submission_news {
    SUBMISSION_LOGS = 1,
    SUBMISSION_APPLIES,
    SUBMISSION_DONE, // and so is the next in its list, who waits to be told by it
};

struct submission {
    struct submission *next;
    // Of the first of a group that is logged: what became of it, and where it lies.
    struct submission *next_group;
    bool synced, applied;
    uint64_t index, proposed_ts, generation;
    uint32_t count; // commands: pieces of a large one, then its commit
    struct record_command *commands;
    size_t bytes;
    enum durability durability;
    struct buf result; // of the last command
    nacre_status status;
    struct post news;
    int processor;     // where it was queued
    _Atomic bool acts; // it has a role and does not sleep; else it waits for news
    struct err err;    // last: it is large, and set only with a status
};

struct engine {
    const struct world *world;
    char *dir;
    struct file lock_file;
    struct budget budget;
    struct cache *cache;
    struct spill_place spill;
    struct estimate_memo *memo;
    struct kv *kv;
    struct replog *log;
    struct txn *txn;
    struct store_format format;
    bool owns_kv, owns_log, read_only, no_background;
    _Atomic bool disk_full;
    uint32_t forks; // a handle refuses work in a forked child
    uint64_t log_limit, disk_reserve;
    _Atomic uint64_t horizon_ts;
    _Atomic uint64_t catalog_epoch; // of the newest published view

    // The pipeline, under door.
    struct mutex door;
    struct submission *queue_head, **queue_tail;
    struct submission *logged_head, **logged_tail; // groups, by their first
    uint64_t groups_logged, groups_applied;
    bool log_busy, applying;     // the roles are taken
    struct submission *log_heir; // was told to log, and has not begun
    uint32_t wake_chains;        // half as many as processors, at least one
    nacre_status failed;         // E3; NACRE_OK while all is well
    struct err failure;
    uint64_t counter;   // of records
    struct ctx log_ctx; // of who logs
    struct buf record;

    struct engine_log_work log_work; // counted by who logs

    // Idempotency keys whose first request still runs.
    struct mutex inflight_lock;
    struct map inflight;

    // Views of the past.
    struct mutex past_lock;
    struct open_past *pasts;
    _Atomic uint8_t past_luck; // txn/past.h
    _Atomic uint64_t horizon_wanted; // horizon_ts, were none open

    // What runs (running.h), oldest first.
    struct mutex running_lock;
    struct running *running, **running_tail;
    uint64_t running_last; // id

    // Transactions that sessions have room for, open or not.
    struct mutex tx_lock;
    struct engine_tx *txs;

    // Followers of changes.
    struct mutex feed_lock;
    struct cond feed_wake;
    _Atomic uint64_t feed_news;    // counts publishes, syncs and calls of engine_changes_wake
    _Atomic uint32_t feed_waiting; // who sleeps on feed_wake and wants to be woken
    _Atomic uint64_t published_seq;

    // Background.
    struct mutex bg_lock;
    struct cond bg_wake;
    struct cond flushed; // the log that a crash would replay has become shorter
    bool stopping;
    bool unsynced;             // memory-level writes wait for a sync
    _Atomic bool flush_wanted; // whatever the log's size
    bool jobs_running, flusher_running;
    struct thread jobs_thread, flusher_thread;
    _Atomic uint64_t flushed_index; // the store has made everything up to here durable
    _Atomic uint64_t log_bytes_since_flush;
    _Atomic bool log_held; // a backup reads it: nothing is trimmed
    // Jobs thread:
    uint64_t horizon_proposed_ms;
    bool horizon_more;    // there may be more to trim at once
    uint64_t trimmed_seq; // published after the last piece that was trimmed
    struct {
        uint32_t tablet; // 0: none is being trimmed
        uint32_t last;   // which was before
        uint64_t from_ts;
        struct buf after; // the last history key that was looked at
        uint32_t damaged; // a tablet that cannot be read, until then
        uint64_t damaged_until_ms;
    } trimming;
};

// E3: from here on writes are refused with this error.
void engine_stop_writes(struct engine *engine, nacre_status status, const struct err *err);
MUST_USE nacre_status engine_usable(struct ctx *ctx, const struct engine *engine);
MUST_USE nacre_status engine_writable(struct ctx *ctx, const struct engine *engine);
void engine_count_sync(struct engine_log_work *work, uint64_t ns);
void engine_count_batch(struct engine_log_work *work, uint64_t commands);
// A log applied to the state beyond what it has.
struct replay {
    struct txn *txn;
    bool bounded;      // by a time:
    uint64_t until_ms; // what is committed in that millisecond still is applied
    bool reached;      // out: a record was later, and was not applied
    // If not 0: the record after it follows this chain. NACRE_INVALID_ARGUMENT: it does not.
    uint64_t link_index, link_chain;
};
MUST_USE nacre_status engine_replay_log(struct ctx *ctx, struct replay *replay, struct replog *log);
// Says that dir is a database; durable.
MUST_USE nacre_status engine_make_format_file(struct ctx *ctx, const char *dir);
// Replays what the log has beyond the store, then starts appending.
MUST_USE nacre_status engine_replay(struct ctx *ctx, struct engine *engine);
// A command met damage in the store. *out_error: what it told (result_error_raise).
bool engine_met_damage(const struct result *result, struct slice *out_error);
MUST_USE nacre_status engine_background_start(struct ctx *ctx, struct engine *engine);
void engine_background_stop(struct engine *engine);
void engine_background_nudge(struct engine *engine);
// Moves the horizon when it is time to, and trims a piece of what is older (trim.c). *worked: there
// may be more at once.
MUST_USE nacre_status engine_horizon_round(struct ctx *ctx, struct engine *engine, bool *worked);
// Trims a piece of the history of a collection that is over its history_bytes. *worked: there was
// one.
MUST_USE nacre_status engine_history_round(struct ctx *ctx, struct engine *engine, bool *worked);
// Waits a little for the background, or does its work where there is none. For loops that wait.
MUST_USE nacre_status engine_wait_round(struct ctx *ctx, struct engine *engine);
// One part of every change of a schema that is under way (schema_job.c). *worked: there was one.
MUST_USE nacre_status engine_schema_round(struct ctx *ctx, struct engine *engine, bool *worked);
// Waits until the collection has the schema that was asked for by the commit asked_ts (n = 0:
// none), or it was refused: NACRE_SCHEMA_VIOLATION with the first offenders. NACRE_CONFLICT:
// another change came.
MUST_USE nacre_status engine_wait_schema(struct ctx *ctx, struct engine *engine,
                                         struct target target, struct slice schema,
                                         uint64_t asked_ts);
MUST_USE nacre_status engine_flush(struct ctx *ctx,
                                   struct engine *engine); // flush the store, trim the log
MUST_USE nacre_status engine_sync_log(struct ctx *ctx, struct engine *engine);
void engine_check_disk(struct engine *engine);
// Ends the leases in the list that apply cannot end as it should, and takes them out of it.
MUST_USE nacre_status engine_end_leases(struct ctx *ctx, struct engine *engine,
                                        const struct collection *collection,
                                        struct command_expire *list);

// Takes over from the newest published view what readers look at without taking it.
void engine_note_published(struct engine *engine);

// The published horizon; views of the past that are open hold the store's back.
void engine_note_horizon(struct engine *engine, uint64_t ts);
// Before it there are no times of the collection, which keeps history, that can be read.
uint64_t engine_oldest_readable(const struct engine *engine, const struct collection *collection);
// Open transactions whose time is up give back the state they hold, whether or not they are called
// again.
void engine_tx_reap(struct engine *engine);
struct filter;
// Calls within calls: between the two it is not reaped. The reaper holds on to it for a moment
// only.
void engine_tx_enter(struct engine_tx *tx);
void engine_tx_leave(struct engine_tx *tx);
struct engine *engine_tx_engine(const struct engine_tx *tx);
const struct collection *engine_tx_collection(const struct engine_tx *tx, uint32_t tablet);
MUST_USE nacre_status engine_tx_unkeyed(struct ctx *ctx, const struct idempotency *idempotency);
// Inside a call of a transaction that is checked: operations that are prepared, and the document
// that a claim would take, as rehearsal_choose.
MUST_USE nacre_status engine_tx_run(struct ctx *ctx, struct engine_tx *tx,
                                    const struct command_write *command, struct result *out);
struct claim_choice;
MUST_USE nacre_status engine_tx_choose(struct ctx *ctx, struct engine_tx *tx,
                                       struct claim_choice *choice);
// After a publish or a sync: whoever follows changes looks again. One load when nobody waits.
MUST_USE nacre_status engine_resolve_in(struct ctx *ctx, const struct catalog *catalog,
                                        struct target target, uint32_t *out_tablet);

// The write side's preparation.
MUST_USE nacre_status prepare_write(struct ctx *ctx, struct engine *engine,
                                    const struct write_request *request,
                                    const struct collection *collection, struct command_write *out);
MUST_USE nacre_status prepare_idempotency(struct ctx *ctx, const struct idempotency *given,
                                          const char *operation, uint32_t tablet,
                                          struct slice target, struct command_idempotency *out);
struct body_scan {
    struct val id, version;
    bool has_times, has_sys, id_first;
};
struct body_scan prepare_scan(struct slice body);
// op's body as it is stored: of a document with the id in front; system fields are conditions.
MUST_USE nacre_status prepare_body(struct ctx *ctx, const struct write_item *item,
                                   const struct body_scan *scan, struct val id,
                                   struct write_op *op);
// op's body, a patch as given, as apply carries it out; nothing for other operations.
MUST_USE nacre_status prepare_patch(struct ctx *ctx, const struct write_item *item,
                                    struct write_op *op);
// The patch of item for documents whatever their ids: system fields in it are refused.
MUST_USE nacre_status prepare_patch_of_many(struct ctx *ctx, const struct write_item *item,
                                            struct write_op *op);
// The document of op as its collection's schema wants it, checked: op has a body already. A patch
// is worked out here only if the schema has patterns; then it becomes conditional on a version, and
// the caller retries when that is gone.
// bodies: of a batch that is all or nothing, what its operations so far make of documents (id_key →
// struct slice, n = 0: it is gone); else NULL.
MUST_USE nacre_status prepare_schema(struct ctx *ctx, struct engine *engine, struct engine_tx *tx,
                                     const struct collection *collection, struct write_op *op,
                                     struct map *bodies);
// The document that an operation is about, as the transaction (NULL: none) sees it; as engine_get.
MUST_USE nacre_status prepare_read(struct ctx *ctx, struct engine *engine, struct engine_tx *tx,
                                   const struct write_op *op, struct engine_doc *out);
// A condition with a regular expression cannot run at apply: it is evaluated on what is stored now,
// and the write is made conditional on the version it was evaluated on. The caller retries when
// that version is gone. NACRE_CONDITION_FAILED, NACRE_DOCUMENT_NOT_FOUND.
MUST_USE nacre_status prepare_impure(struct ctx *ctx, struct engine *engine, struct engine_tx *tx,
                                     const struct filter *filter, struct write_op *op);
// A schema that apply cannot run.
bool prepare_has_patterns(const struct collection *collection);
// What an operation on a lease makes of the document, checked, where the schema has patterns (else
// apply sees to it): conditional on a version, as prepare_schema. op has token and id.
MUST_USE nacre_status prepare_lease(struct ctx *ctx, struct engine *engine, struct engine_tx *tx,
                                    const struct collection *collection, struct slice set,
                                    struct write_op *op);
// The same of a lease whose time is up. NACRE_SCHEMA_VIOLATION and the errors of patches: the
// document keeps what it has.
MUST_USE nacre_status prepare_lease_end(struct ctx *ctx, const struct collection *collection,
                                        const struct row *row, uint64_t now_ms,
                                        struct write_op *op);
// A write that was done may not be prepared a second time, as what it was worked out on has
// changed: it has a record all the same. Else the failure stands (NACRE_OK: there was nothing to
// do).
MUST_USE nacre_status engine_look_up(struct ctx *ctx, struct engine *engine,
                                     const struct command_idempotency *idempotency,
                                     nacre_status failure, struct result *out);
// One operation with its key, as a command of its own.
MUST_USE nacre_status engine_submit_op(struct ctx *ctx, struct engine *engine, struct write_op *op,
                                       enum durability durability,
                                       const struct command_idempotency *idempotency,
                                       struct result *out);
// A schema in the settings of a collection.
MUST_USE nacre_status prepare_schema_body(struct ctx *ctx, struct slice settings);
// The version given in the body or read here must be the one that is there.
MUST_USE nacre_status prepare_version(struct ctx *ctx, uint64_t version, struct write_op *op);
void prepare_token(struct slice text, uint8_t out[ROW_LEASE_TOKEN_SIZE]);

// set as the patch {"$set": set}; errors point into set.
MUST_USE nacre_status prepare_set(struct ctx *ctx, struct slice set, struct slice *out);
// Errors of that patch, from here or from apply, point into the request's "set".
void prepare_set_pointers(struct ctx *ctx);
// Submits a command under its idempotency key, from the buffer it was encoded into.
MUST_USE nacre_status engine_submit_keyed(struct ctx *ctx, struct engine *engine,
                                          struct engine_command *command, const struct buf *payload,
                                          const struct command_idempotency *idempotency,
                                          struct result *out);
// From the first request with an idempotency key to its end another one is NACRE_CONFLICT.
MUST_USE nacre_status engine_inflight_begin(struct ctx *ctx, struct engine *engine,
                                            const struct command_idempotency *idempotency);
void engine_inflight_end(struct engine *engine, const struct command_idempotency *idempotency);
// As engine_catalog, and fine if the collection is there.
MUST_USE nacre_status engine_catalog_implicit(struct ctx *ctx, struct engine *engine,
                                              const struct catalog_request *request,
                                              struct result *out);
MUST_USE nacre_status engine_check_lease_ms(struct ctx *ctx, uint64_t lease_ms);

// At the facade's edge: a failure of a buffer is a status only; whoever asks finds it recorded.
MUST_USE static inline nacre_status engine_recorded(struct ctx *ctx, nacre_status status) {
    if (status == NACRE_OK || ctx->err.status == status) return status;
    return err_set(ctx, status, "%s", nacre_status_title(status));
}

#endif
