// The local log: preallocated segment files in one directory. Bytes: docs/format/log.md.
#ifndef LOG_LOCAL_LOG_LOCAL_H
#define LOG_LOCAL_LOG_LOCAL_H

#include "log/replog.h"

struct log_local_options {
    uint64_t segment_bytes; // 0 = 16 MiB
    bool archive;   // trimmed segments move to dir/archive instead of being reused or removed
    bool read_only; // nothing on disk changes; append is refused
    struct budget *budget; // buffers; may be NULL
};

// Opens or makes the log in dir (made if absent) and finds its end: a torn tail ends it (and is cut
// at start), a bad record that a later valid record or a synced_upto vouches for is NACRE_CORRUPT
// with file and offset; NACRE_INCOMPATIBLE_FORMAT for a newer one.
MUST_USE nacre_status log_local_open(struct ctx *ctx, const char *dir,
                                     const struct log_local_options *options, struct replog **out);
// Makes a log of no records in dir (made if absent), durable, which goes on behind a record that is
// elsewhere: of a copy, or of a database that was restored.
struct log_origin {
    uint64_t generation, last_index; // generation: of the records to come
    uint64_t chain;                  // at last_index
};
MUST_USE nacre_status log_local_begin(struct ctx *ctx, const char *dir, uint64_t segment_bytes,
                                      const struct log_origin *origin);
// Checks every byte of every kept segment, calling each(arg, problem text with file and offset) per
// problem.
typedef void log_problem(void *arg, const char *text);
MUST_USE nacre_status log_local_verify(struct ctx *ctx, const char *dir, log_problem *each,
                                       void *arg, uint64_t *out_records);

#endif
