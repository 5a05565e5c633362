// The parts of the local log behind log_local.h. Internal to log/local.
//
// Invariants (README.md tells why):
//  L1  Bytes behind the last record of the newest segment are zero before a record is written
//  there. L2  A segment's head is durable before the file has its name; names are consecutive
//  numbers. L3  Within a segment the generation is constant and indexes are dense; a gap or a new
//  generation
//      begins a segment. An opening's chain_before equals the chain at the end of the segment
//      before.
//  L4  synced_index never passes what fdatasync has answered for, the opening of its segment
//  included. L5  After a failed write or sync nothing is written or synced any more.
#ifndef LOG_LOCAL_LOG_IMPL_H
#define LOG_LOCAL_LOG_IMPL_H

#include "base/err/err.h"
#include "base/os/file.h"
#include "base/os/mutex.h"
#include "log/local/log_format.h"
#include "log/local/log_local.h"

enum { LOG_PATH_MAX = 4096, LOG_SEGMENT_BYTES = 16 * 1024 * 1024 };

struct log_segment {
    uint64_t number, bytes, salt;
    uint64_t generation, first_index, chain_before;
    uint64_t last_index; // first_index - 1 while it has no record
    uint64_t end;        // offset behind the last published record
    uint64_t synced;     // offsets below are durable; 0: not even the opening
    struct file file;    // open while something may be unsynced
};

struct log_segments {
    struct log_segment *items;
    size_t count, cap;
};
bool log_segments_push(struct log_segments *segments,
                       const struct log_segment *one); // false: no memory
void log_segments_free(struct log_segments *segments);

// What the files say. Reads only.
struct log_recovery {
    struct log_segments segments;
    uint64_t generation, last_index, chain;
    uint64_t proven; // records up to here are known to have been synced
    bool torn;       // something stands behind the end
    bool spare;      // the file after the last segment is prepared and untouched
    struct log_head spare_head;
    uint64_t files_end; // 1 + the highest number in the directory
};
MUST_USE nacre_status log_recover(struct ctx *ctx, const char *dir, struct budget *budget,
                                  struct log_recovery *out);
void log_recovery_free(struct log_recovery *recovery);
// The numbers of the segment files in dir, ascending; *out is freed by the caller.
MUST_USE nacre_status log_recover_numbers(struct ctx *ctx, const char *dir, uint64_t **out,
                                          size_t *count);

// The next segment's file while it is made: temporary name, zeros, head, sync, name, sync of dir.
struct log_prepare {
    struct file file;
    struct log_head head;
    uint64_t filled;
    bool begun, ready; // ready: named and durable, file open for writing
};
// All steps. With an opening the file has it before it has its name.
MUST_USE nacre_status log_prepare_whole(struct ctx *ctx, const char *dir,
                                        struct log_prepare *prepare, const struct log_head *want,
                                        const struct log_opening *opening);
void log_prepare_drop(struct log_prepare *prepare); // closes; the files stay

struct log_local {
    struct replog base;
    char *dir;
    struct log_local_options options;
    struct file lock;

    // The appender's alone, after open.
    struct log_recovery found; // its segments have moved to segments
    bool started;
    struct log_segment active; // the newest of segments; file is borrowed from there
    struct buf out;

    struct mutex sync_mutex;    // one fdatasync at a time
    struct mutex trim_mutex;    // one trim at a time
    struct mutex prepare_mutex; // guards the two below; taken before mutex
    struct log_prepare prepare;
    uint64_t prepare_number; // no segment has this number or a higher one

    struct mutex mutex; // guards all below; held for a few instructions
    struct log_segments segments;
    uint64_t generation, last_index, synced_index, chain;
    nacre_status poison;
    char poison_text[ERR_DETAIL_MAX];
};

static inline struct log_local *log_local_of(struct replog *log) { return (struct log_local *)log; }

// Makes the next segment in step with the filling of the newest one: begun when eighths of that are
// filled, ready when half of it more is. Only the last step waits for the disk. An error is that of
// the append which will need the segment.
void log_prepare_ahead(struct log_local *log, struct ctx *ctx, uint32_t eighths);

// What a segment of the wanted size, 0 = the usual one, is given.
uint64_t log_segment_bytes(uint64_t wanted);
// dir/name into out. NACRE_INVALID_ARGUMENT if it is too long.
MUST_USE nacre_status log_local_path(struct ctx *ctx, const char *dir, const char *name,
                                     char out[LOG_PATH_MAX]);
MUST_USE nacre_status log_local_segment_path(struct ctx *ctx, const char *dir, uint64_t number,
                                             char out[LOG_PATH_MAX]);
// Remembers the error in ctx as the one that stopped the log, and returns it.
MUST_USE nacre_status log_local_poison(struct log_local *log, struct ctx *ctx, nacre_status status);
// NACRE_OK, or the remembered error recorded in ctx.
MUST_USE nacre_status log_local_alive(struct log_local *log, struct ctx *ctx);

// Operations of replog_ops that have files of their own.
MUST_USE nacre_status log_local_trim(struct replog *base, struct ctx *ctx, uint64_t below_index);
MUST_USE nacre_status log_local_open_cursor(struct replog *base, struct ctx *ctx,
                                            uint64_t from_index, struct replog_cursor **out);
MUST_USE nacre_status log_local_next(struct replog_cursor *cursor, struct ctx *ctx,
                                     struct replog_record *out, bool *found);
void log_local_close_cursor(struct replog_cursor *cursor);

#endif
