#include "support/failing_log.h"

#include "base/err/ctx.h"
#include "base/mem/mem.h"

struct replog_cursor {
    struct failing_log *log;
    struct replog_cursor *inner;
};

static struct failing_log *log_of(struct replog *base) { return (struct failing_log *)base; }

static bool fails(struct failing_log *log) {
    if (!log->failing && log->countdown && --log->countdown == 0) log->failing = true;
    return log->failing;
}

static nacre_status failure(struct ctx *ctx, nacre_status status) {
    return err_set(ctx, status, "the log was told to fail");
}

static nacre_status on_start(struct replog *base, struct ctx *ctx, uint64_t applied_index) {
    struct failing_log *log = log_of(base);
    if (fails(log)) return failure(ctx, NACRE_IO_ERROR);
    return log->inner->ops->start(log->inner, ctx, applied_index);
}

static nacre_status on_append(struct replog *base, struct ctx *ctx, struct slice payload,
                              uint64_t *out_index) {
    struct failing_log *log = log_of(base);
    bool was_failing = log->failing;
    if (!fails(log)) return log->inner->ops->append(log->inner, ctx, payload, out_index);
    if (was_failing) return failure(ctx, NACRE_IO_ERROR);
    nacre_status status = NACRE_OK;
    if (log->happens) status = log->inner->ops->append(log->inner, ctx, payload, out_index);
    (void)status;
    return failure(ctx, NACRE_OUTCOME_UNKNOWN);
}

static nacre_status on_sync(struct replog *base, struct ctx *ctx, uint64_t *out_index) {
    struct failing_log *log = log_of(base);
    bool was_failing = log->failing;
    if (!fails(log)) return log->inner->ops->sync(log->inner, ctx, out_index);
    nacre_status status = NACRE_OK;
    if (log->happens && !was_failing) status = log->inner->ops->sync(log->inner, ctx, out_index);
    (void)status;
    return failure(ctx, NACRE_IO_ERROR);
}

static nacre_status on_read_index(struct replog *base, struct ctx *ctx, uint64_t *out_index) {
    struct failing_log *log = log_of(base);
    return log->inner->ops->read_index(log->inner, ctx, out_index);
}

static nacre_status on_open_cursor(struct replog *base, struct ctx *ctx, uint64_t from_index,
                                   struct replog_cursor **out) {
    struct failing_log *log = log_of(base);
    if (fails(log)) return failure(ctx, NACRE_IO_ERROR);
    struct replog_cursor *cursor = mem_zalloc(sizeof *cursor);
    if (!cursor) return err_nomem(ctx);
    cursor->log = log;
    nacre_status status = log->inner->ops->open_cursor(log->inner, ctx, from_index, &cursor->inner);
    if (status == NACRE_OK)
        *out = cursor;
    else
        mem_free(cursor);
    return status;
}

static nacre_status on_next(struct replog_cursor *cursor, struct ctx *ctx,
                            struct replog_record *out, bool *found) {
    if (fails(cursor->log)) return failure(ctx, NACRE_IO_ERROR);
    return cursor->log->inner->ops->next(cursor->inner, ctx, out, found);
}

static void on_close_cursor(struct replog_cursor *cursor) {
    if (!cursor) return;
    cursor->log->inner->ops->close_cursor(cursor->inner);
    mem_free(cursor);
}

static nacre_status on_trim(struct replog *base, struct ctx *ctx, uint64_t below_index) {
    struct failing_log *log = log_of(base);
    if (fails(log)) return failure(ctx, NACRE_IO_ERROR);
    return log->inner->ops->trim(log->inner, ctx, below_index);
}

static void on_status(struct replog *base, struct replog_status *out) {
    struct failing_log *log = log_of(base);
    log->inner->ops->status(log->inner, out);
}

static void on_close(struct replog *base) {
    struct failing_log *log = log_of(base);
    log->inner->ops->close(log->inner);
}

static const struct replog_ops failing_ops = {
    .start = on_start,
    .append = on_append,
    .sync = on_sync,
    .read_index = on_read_index,
    .open_cursor = on_open_cursor,
    .next = on_next,
    .close_cursor = on_close_cursor,
    .trim = on_trim,
    .status = on_status,
    .close = on_close,
};

void failing_log_init(struct failing_log *log, struct replog *inner) {
    *log = (struct failing_log){.base.ops = &failing_ops, .inner = inner};
}

void failing_log_arm(struct failing_log *log, uint64_t nth, bool happens) {
    log->countdown = nth;
    log->happens = happens;
    log->failing = false;
}
