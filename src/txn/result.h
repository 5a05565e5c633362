// What a command answers: a closed list of outcomes, as bytes, because an idempotency record keeps
// them and because the thread that applies is not the one that waits. Bytes:
// docs/format/command.md.
#ifndef TXN_RESULT_H
#define TXN_RESULT_H

#include "base/err/ctx.h"
#include "base/mem/buf.h"

enum result_flag {
    RESULT_CREATED = 1,
    RESULT_REPLAYED = 2,
    RESULT_EMPTY = 4,   // a claim that found nothing
    RESULT_PARTIAL = 8, // of a change in chunks: there is more to do
};

struct op_result {
    nacre_status status;
    uint32_t flags;
    uint64_t version, begin_ts;
    struct slice id_key; // typed key
    struct slice row;    // bytes of the row afterwards, n = 0: not asked for or not there
    struct slice error;  // result_error_put, with status != NACRE_OK
};

struct result {
    nacre_status status; // of the whole: when not NACRE_OK nothing was changed
    uint32_t flags;
    uint32_t failed_op; // of a batch that failed as a whole: atomic, or refused before the log;
                        // of a replay without items: how many there were
    uint64_t seq, commit_ts, generation;
    struct slice error;
    uint32_t count;
    struct op_result *ops;
};

void result_encode(struct buf *out, const struct result *result);
// Borrows from bytes; ops in ctx's arena. NACRE_CORRUPT.
MUST_USE nacre_status result_decode(struct ctx *ctx, struct slice bytes, struct result *out);
// The parts of an error record that are worth keeping.
void result_error_put(struct buf *out, const struct err *err);
// Into ctx->err; returns the status that was recorded (NACRE_CORRUPT if the bytes are malformed).
MUST_USE nacre_status result_error_raise(struct ctx *ctx, struct slice bytes);

#endif
