// Making segment files: zeros first, so that an append's fdatasync touches no metadata (L1, L2).
#include <string.h>

#include "base/err/ctx.h"
#include "log/local/log_impl.h"

enum { ZERO_BLOCK = 64 * 1024, STEP_BYTES = 256 * 1024 };
static const char SPARE_NAME[] = "spare.tmp";

void log_prepare_drop(struct log_prepare *prepare) {
    file_close(&prepare->file);
    *prepare = (struct log_prepare){.file = FILE_CLOSED};
}

static nacre_status begin(struct ctx *ctx, const char *dir, struct log_prepare *p, uint64_t number,
                          uint64_t bytes) {
    char path[LOG_PATH_MAX];
    uint8_t block[LOG_BLOCK_BYTES];
    TRY(log_local_path(ctx, dir, SPARE_NAME, path));
    nacre_status status = file_remove(ctx, path); // of an earlier crash or error: never used again
    if (status != NACRE_OK && status != NACRE_NOT_FOUND) return status;
    log_prepare_drop(p);
    TRY(file_open(ctx, path, FILE_CREATE_NEW, &p->file));
    p->begun = true;
    p->head = (struct log_head){.format = LOG_FORMAT, .number = number, .bytes = bytes};
    world_random(ctx->world, &p->head.salt, sizeof p->head.salt);
    TRY(file_allocate(ctx, &p->file, bytes));
    log_format_put_head(block, &p->head);
    TRY(file_write_at(ctx, &p->file, 0, block, sizeof block));
    p->filled = LOG_BLOCK_BYTES;
    return NACRE_OK;
}

// The disk is begun to be written, so that the sync before the name waits for the last step alone;
// a sync of each step would stop the log as often.
static nacre_status fill(struct ctx *ctx, struct log_prepare *p) {
    static const uint8_t zeros[ZERO_BLOCK];
    uint64_t from = p->filled;
    for (uint64_t n = 0; n < STEP_BYTES && p->filled < p->head.bytes; n += ZERO_BLOCK) {
        uint64_t left = p->head.bytes - p->filled;
        size_t size = left < ZERO_BLOCK ? (size_t)left : ZERO_BLOCK;
        TRY(file_write_at(ctx, &p->file, p->filled, zeros, size));
        p->filled += size;
    }
    file_write_out(&p->file, from, (size_t)(p->filled - from));
    return NACRE_OK;
}

static nacre_status name(struct ctx *ctx, const char *dir, struct log_prepare *p) {
    char path[LOG_PATH_MAX];
    TRY(log_local_segment_path(ctx, dir, p->head.number, path));
    char *copy = mem_strdup(path);
    if (!copy) return err_nomem(ctx);
    nacre_status status = file_sync(ctx, &p->file);
    if (status == NACRE_OK) status = file_rename(ctx, p->file.path, path);
    if (status == NACRE_OK) status = dir_sync(ctx, dir);
    if (status != NACRE_OK) {
        mem_free(copy);
        return status;
    }
    mem_free(p->file.path);
    p->file.path = copy;
    p->ready = true;
    return NACRE_OK;
}

// One bounded step; done when ready. After an error it begins anew.
static nacre_status step(struct ctx *ctx, const char *dir, struct log_prepare *prepare,
                         uint64_t number, uint64_t bytes) {
    if (prepare->ready) return NACRE_OK;
    nacre_status status;
    if (!prepare->begun || prepare->head.number != number)
        status = begin(ctx, dir, prepare, number, bytes);
    else if (prepare->filled < prepare->head.bytes)
        status = fill(ctx, prepare);
    else
        status = name(ctx, dir, prepare);
    // A sync that failed is not tried again: the next attempt makes another file.
    if (status != NACRE_OK) log_prepare_drop(prepare);
    return status;
}

nacre_status log_prepare_whole(struct ctx *ctx, const char *dir, struct log_prepare *prepare,
                               const struct log_head *want, const struct log_opening *opening) {
    bool fits = prepare->begun && prepare->head.number == want->number &&
                prepare->head.bytes >= want->bytes && !(prepare->ready && opening);
    if (!fits) log_prepare_drop(prepare);
    if (!prepare->begun) TRY(step(ctx, dir, prepare, want->number, want->bytes));
    if (opening) {
        uint8_t block[LOG_BLOCK_BYTES];
        while (prepare->filled < prepare->head.bytes)
            TRY(step(ctx, dir, prepare, want->number, want->bytes));
        log_format_put_opening(block, opening, prepare->head.salt);
        nacre_status status =
            file_write_at(ctx, &prepare->file, LOG_OPENING_AT, block, sizeof block);
        if (status != NACRE_OK) {
            log_prepare_drop(prepare);
            return status;
        }
    }
    while (!prepare->ready)
        TRY(step(ctx, dir, prepare, want->number, want->bytes));
    return NACRE_OK;
}

// One step of making the segment number, where it is not further than due, in bytes. *done: it was.
static nacre_status ahead_step(struct log_local *log, struct ctx *ctx, uint64_t number,
                               uint64_t due, bool *done) {
    nacre_status status = NACRE_OK;
    const struct log_prepare *p = &log->prepare;
    mutex_lock(&log->prepare_mutex);
    // The appender may have taken this number meanwhile: its file must not be replaced.
    *done = log->prepare_number != number || p->ready || p->filled > due;
    if (!*done) status = step(ctx, log->dir, &log->prepare, number, log->options.segment_bytes);
    mutex_unlock(&log->prepare_mutex);
    return status;
}

void log_prepare_ahead(struct log_local *log, struct ctx *ctx, uint32_t eighths) {
    mutex_lock(&log->mutex);
    struct log_segment active = log->segments.items[log->segments.count - 1];
    mutex_unlock(&log->mutex);
    uint64_t from = active.bytes / 8 * eighths, due = log->options.segment_bytes;
    if (active.end < from) return;
    if (active.end - from < active.bytes / 2 && (active.end - from) * 2 < due)
        due = (active.end - from) * 2;
    nacre_status status = NACRE_OK;
    for (bool done = false; !done && status == NACRE_OK;)
        status = ahead_step(log, ctx, active.number + 1, due, &done);
    if (status != NACRE_OK) ctx->err.status = NACRE_OK;
}
