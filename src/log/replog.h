// The replicated log's contract: append, sync, tail, read index, trim. Implementations: log/local
// (files of this machine), log/model (simulation: delays, duplicates, unknown outcomes, crashes)
// and later etcd. Thread rule: one appender at a time (the caller's door); sync and read may run
// beside it on other threads.
#ifndef LOG_REPLOG_H
#define LOG_REPLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err/status.h"
#include "base/mem/buf.h"

struct ctx;
struct replog;

struct replog_status {
    uint64_t generation;   // grows whenever the log may have lost a suffix that others saw
    uint64_t first_index;  // lowest index still kept; last_index + 1 when empty
    uint64_t last_index;   // appended
    uint64_t synced_index; // durable
    uint64_t chain;        // hash chain at last_index
    uint64_t bytes;        // on disk from first_index on
};

struct replog_record {
    uint64_t index, generation, chain;
    uint64_t chain_before; // of the record before it
    struct slice payload;  // borrows from the cursor until its next call
};

struct replog_cursor; // reads forward, sees records up to last_index at the time of the call

struct replog_ops {
    // Begins appending: the next index is max(last_index, applied_index) + 1; a new generation if
    // applied_index > last_index or if a torn tail was found. Called once, after replay.
    nacre_status (*start)(struct replog *log, struct ctx *ctx, uint64_t applied_index);
    // Writes one record (≤ REPLOG_RECORD_MAX bytes). Not durable before sync.
    // NACRE_OUTCOME_UNKNOWN: it may or may not be in the log.
    nacre_status (*append)(struct replog *log, struct ctx *ctx, struct slice payload,
                           uint64_t *out_index);
    // Makes every record up to the last appended one durable (one fdatasync serves all); *out_index
    // = the new synced_index. After an error the log is poisoned: every later append and sync fails
    // with the same status (fsync is never retried).
    nacre_status (*sync)(struct replog *log, struct ctx *ctx, uint64_t *out_index);
    // The index a linearizable read must have applied (local: last_index).
    nacre_status (*read_index)(struct replog *log, struct ctx *ctx, uint64_t *out_index);
    // From the first record with an index ≥ from_index (0: the oldest kept). NACRE_HISTORY_EXPIRED,
    // here and from next, if it has been trimmed.
    nacre_status (*open_cursor)(struct replog *log, struct ctx *ctx, uint64_t from_index,
                                struct replog_cursor **out);
    // *found = false at the end. NACRE_CORRUPT names file and offset.
    nacre_status (*next)(struct replog_cursor *cursor, struct ctx *ctx, struct replog_record *out,
                         bool *found);
    void (*close_cursor)(struct replog_cursor *cursor);
    // Records below index may go (whole segments; moved to the archive if there is one).
    nacre_status (*trim)(struct replog *log, struct ctx *ctx, uint64_t below_index);
    void (*status)(struct replog *log, struct replog_status *out);
    void (*close)(struct replog *log); // does not sync
};

struct replog {
    const struct replog_ops *ops;
};

enum { REPLOG_RECORD_MAX = 80 * 1024 * 1024 };

#endif
