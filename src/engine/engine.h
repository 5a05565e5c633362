// The facade: open a database, submit commands, read published views. One typed request per
// operation.
//
//   submit(command) → log.append → sync, apply → publish → answer             (engine/pipeline.c)
//
// Invariants:
//  E1  nothing is visible before it is durable (durability "memory" is the stated exception: a
//  losable suffix of the log). E2  groups are applied and published in the order of the log; a
//  group is applied while it is synced, and published after both; append + sync of group k+1
//  overlaps apply of group k. E3  after a failure of this machine nothing more is
//  appended or applied; reads of published views go on. E4  the log is trimmed only below what the
//  store has made durable.
//
// Thread rule: an engine is used by any number of threads, each request with a ctx of its own
// thread.
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "engine/request.h"
#include "log/replog.h"
#include "query/spill.h"
#include "txn/txn.h"

struct engine;

struct engine_options {
    const char *dir; // holds FORMAT, LOCK, log/, store/
    bool create;     // make it if absent
    bool read_only;  // nothing on disk changes; NACRE_UNAVAILABLE if it was not closed cleanly
    uint64_t memory_bytes;       // the one budget; 0 = a quarter of RAM
    uint64_t log_bytes;          // bound on the unflushed log; 0 = 64 MiB
    uint64_t disk_reserve_bytes; // writes are refused below this free space; 0 = 256 MiB
    bool archive;                // keep trimmed log segments
    const struct world *world;   // NULL = the system's
    // Tests and benchmarks:
    struct kv *kv; // instead of RocksDB in dir; stays the caller's, who closes it after the engine
    struct replog *log; // instead of the log in dir; likewise
    bool no_background; // no threads: engine_tick does their work
    bool no_compaction; // the store's tables stay as they were flushed
    bool no_trail;      // no history entries, no change records
};

// Errors: NACRE_NOT_FOUND (no database there and create is false), NACRE_LOCKED,
// NACRE_INCOMPATIBLE_FORMAT, NACRE_CORRUPT with file and place, NACRE_IO_ERROR, NACRE_DISK_FULL.
// Nothing is changed on disk by an open that fails.
MUST_USE nacre_status engine_open(struct ctx *ctx, const struct engine_options *options,
                                  struct engine **out);
// Waits for running work, makes everything durable and closes. The status tells whether that
// worked; the handle is gone either way.
MUST_USE nacre_status engine_close(struct ctx *ctx, struct engine *engine);

// One round of the background work (expiry, index builds, flushing); tests without threads call it.
MUST_USE nacre_status engine_tick(struct ctx *ctx, struct engine *engine);

// --- writes -----------------------------------------------------------------------------

// One encoded command, with the tablet (and the key, n = 0: any) that it names up front.
struct engine_command {
    enum command_type type;
    enum durability durability;
    uint32_t tablet;
    struct slice key;
    struct slice payload;
};
// Runs one command through the pipeline and decodes its answer into ctx's arena. A refused command
// raises its error in ctx and returns its status; *out->failed_op tells where in an atomic batch.
// NACRE_OUTCOME_UNKNOWN: it may have happened.
MUST_USE nacre_status engine_submit(struct ctx *ctx, struct engine *engine,
                                    const struct engine_command *command, struct result *out);

// A batch fails at *out->failed_op before anything is written if that operation cannot be prepared,
// or is the first one, cannot hold and would make the collection; whoever called without atomic
// goes on with the others. Without atomic only the first out->count of them may be done, as the
// next one depends on them: whoever called goes on with that.
MUST_USE nacre_status engine_write(struct ctx *ctx, struct engine *engine,
                                   const struct write_request *request, struct result *out);
MUST_USE nacre_status engine_claim(struct ctx *ctx, struct engine *engine,
                                   const struct claim_request *request,
                                   struct result *out); // out->count 0: nothing to claim
MUST_USE nacre_status engine_release(struct ctx *ctx, struct engine *engine,
                                     const struct lease_request *request, struct result *out);
MUST_USE nacre_status engine_extend(struct ctx *ctx, struct engine *engine,
                                    const struct lease_request *request, struct result *out);
// A schema given to a collection that holds documents is waited for: NACRE_SCHEMA_VIOLATION with
// the first documents that do not fit; NACRE_TIMEOUT and NACRE_CANCELLED leave it going on.
MUST_USE nacre_status engine_catalog(struct ctx *ctx, struct engine *engine,
                                     const struct catalog_request *request, struct result *out);
// Ends a change of the schema that is under way, which the commit next_from asked for: who waits
// for it, and the collection's description, is told NACRE_CANCELLED. Fine if it is over.
MUST_USE nacre_status engine_schema_cancel(struct ctx *ctx, struct engine *engine, uint32_t tablet,
                                           uint64_t next_from);
// Waits until the index is ready or failed. NACRE_TIMEOUT by ctx's deadline.
MUST_USE nacre_status engine_wait_index(struct ctx *ctx, struct engine *engine,
                                        struct target target, struct slice index);

// --- reads ------------------------------------------------------------------------------

struct view *engine_view(struct engine *engine); // release with txn_view_release
uint64_t engine_now_ms(const struct engine *engine);
// Waits until the command seq of that generation of the log is published: NACRE_TIMEOUT by ctx's
// deadline. NACRE_INVALID_ARGUMENT: this log does not hold it and never will.
MUST_USE nacre_status engine_wait_sequence(struct ctx *ctx, struct engine *engine,
                                           uint64_t generation, uint64_t seq);
// The tablet of a collection by the newest published catalog. NACRE_DATABASE_NOT_FOUND,
// NACRE_COLLECTION_NOT_FOUND.
MUST_USE nacre_status engine_resolve(struct ctx *ctx, struct engine *engine, struct target target,
                                     struct engine_collection *out);

// A document held in memory without a copy. Zero-initialise; engine_release_doc when done (before
// engine_close).
struct engine_doc {
    struct row row; // views into what is pinned
    const struct cache_entry *entry;
    struct kv_pin pin;
    struct view *view;
};
// collection may be kept by the caller between calls: it is resolved anew when the catalog changed.
// Cost when cached: one hash, one lock of one of 64 shards. NACRE_DOCUMENT_NOT_FOUND.
MUST_USE nacre_status engine_get(struct ctx *ctx, struct engine *engine,
                                 struct engine_collection *collection, struct val id,
                                 struct engine_doc *out);
// From the document cache alone. *would_wait: it does not know the key; NACRE_UNAVAILABLE then.
MUST_USE nacre_status engine_get_cached(struct ctx *ctx, struct engine *engine,
                                        struct engine_collection *collection, struct val id,
                                        struct engine_doc *out, bool *would_wait);
void engine_release_doc(struct engine *engine, struct engine_doc *doc);

// A view of the time as_of_ms, what was committed in that millisecond included: the same whenever
// it is asked for. Holds back the trimming of history while it is open. Release with
// txn_view_release. NACRE_HISTORY_EXPIRED: it, or the collection's history, is not kept;
// NACRE_INVALID_ARGUMENT: it is to come; NACRE_COLLECTION_NOT_FOUND: the collection is younger.
MUST_USE nacre_status engine_view_past(struct ctx *ctx, struct engine *engine, uint32_t tablet,
                                       int64_t as_of_ms, struct view **out);
// As engine_get, of that time.
MUST_USE nacre_status engine_get_past(struct ctx *ctx, struct engine *engine,
                                      struct engine_collection *collection, struct val id,
                                      int64_t as_of_ms, struct engine_doc *out);

// The history that a collection holds: bytes of keys and values, up to about a thirtieth more, and
// the commit from which on there are times that can be read. Zeros if it keeps none.
struct engine_history {
    uint64_t bytes, from_ts;
};
MUST_USE nacre_status engine_history(struct ctx *ctx, const struct engine *engine,
                                     struct view *view, const struct collection *collection,
                                     struct engine_history *out);

// --- state ------------------------------------------------------------------------------

// How often the log was synced, how long that took, and how many commands went into a record;
// the last of buckets counts what is beyond all bounds.
enum { ENGINE_SYNC_BUCKETS = 11, ENGINE_BATCH_BUCKETS = 10 };
extern const uint32_t engine_sync_bounds_us[ENGINE_SYNC_BUCKETS];
extern const uint32_t engine_batch_bounds[ENGINE_BATCH_BUCKETS];
struct engine_log_work {
    _Atomic uint64_t sync_ns, commands; // sums
    _Atomic uint64_t syncs[ENGINE_SYNC_BUCKETS + 1], batches[ENGINE_BATCH_BUCKETS + 1];
};
const struct engine_log_work *engine_log_work(const struct engine *engine);

struct engine_status {
    struct position position; // published
    uint64_t published_seq;
    struct replog_status log;
    uint64_t memory_used, memory_limit, disk_bytes;
    struct cache_stats cache;
    bool writes_stopped; // after a failure of this machine
    bool disk_full;
    const char *store; // the store's own description
};
void engine_status(struct engine *engine, struct engine_status *out);
struct budget *engine_budget(struct engine *engine);      // for the arenas of requests
struct estimate_memo *engine_memo(struct engine *engine); // of the planner
struct cache *engine_cache(struct engine *engine); // for queries, under the rules of its header
// For queries: where they spill. NULL: nowhere, as the directory is read only, or there is none.
struct spill_place *engine_spill(struct engine *engine);

// Checks everything: checksums of log and tables, and every index entry, guard and counter against
// its document. each(arg, problem) per difference; returns NACRE_OK when the check could be made,
// *out_problems counts.
typedef void engine_problem(void *arg, const char *text);
MUST_USE nacre_status engine_check(struct ctx *ctx, struct engine *engine, engine_problem *each,
                                   void *arg, uint64_t *out_problems);

#endif
