// Opening, appending, syncing. Invariants: log_impl.h.
#include "log/local/log_local.h"

#include <stdio.h>
#include <string.h>

#include "base/err/check.h"
#include "base/err/ctx.h"
#include "log/local/log_impl.h"

enum { OUT_KEEP = 1024 * 1024, PAGE = 4096, SEGMENT_MIN = LOG_RECORDS_AT + PAGE };

nacre_status log_local_path(struct ctx *ctx, const char *dir, const char *name,
                            char out[LOG_PATH_MAX]) {
    int n = snprintf(out, LOG_PATH_MAX, "%s/%s", dir, name);
    if (n < 0 || n >= LOG_PATH_MAX)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "path of the log is longer than %d bytes",
                       (int)LOG_PATH_MAX);
    return NACRE_OK;
}

nacre_status log_local_segment_path(struct ctx *ctx, const char *dir, uint64_t number,
                                    char out[LOG_PATH_MAX]) {
    char name[LOG_NAME_BYTES];
    log_name_print(number, name);
    return log_local_path(ctx, dir, name, out);
}

nacre_status log_local_poison(struct log_local *log, struct ctx *ctx, nacre_status status) {
    mutex_lock(&log->mutex);
    if (log->poison == NACRE_OK) {
        log->poison = status;
        snprintf(log->poison_text, sizeof log->poison_text, "%s", ctx->err.detail);
    }
    mutex_unlock(&log->mutex);
    return status;
}

nacre_status log_local_alive(struct log_local *log, struct ctx *ctx) {
    mutex_lock(&log->mutex);
    nacre_status status = log->poison;
    mutex_unlock(&log->mutex);
    if (status == NACRE_OK) return NACRE_OK;
    return err_set(ctx, status, "the log stopped at an earlier error: %s", log->poison_text);
}

// Makes prepare's file the newest segment. Its opening has been written; room in segments is there.
static void adopt(struct log_local *log, struct log_prepare *prepare,
                  const struct log_opening *opening, uint64_t synced) {
    log->active = (struct log_segment){.number = prepare->head.number,
                                       .bytes = prepare->head.bytes,
                                       .salt = prepare->head.salt,
                                       .generation = opening->generation,
                                       .first_index = opening->first_index,
                                       .chain_before = opening->chain_before,
                                       .last_index = opening->first_index - 1,
                                       .end = LOG_RECORDS_AT,
                                       .synced = synced,
                                       .file = prepare->file};
    *prepare = (struct log_prepare){.file = FILE_CLOSED};
    struct file closing = FILE_CLOSED;
    mutex_lock(&log->mutex);
    struct log_segments *segments = &log->segments;
    struct log_segment *before = segments->count ? &segments->items[segments->count - 1] : NULL;
    if (before && before->synced == before->end) { // no sync will look at it again
        closing = before->file;
        before->file = FILE_CLOSED;
    }
    CHECK(log_segments_push(segments, &log->active));
    mutex_unlock(&log->mutex);
    file_close(&closing);
}

static bool segments_reserve(struct log_local *log) {
    static const struct log_segment none = {.file = {.fd = -1}};
    mutex_lock(&log->mutex);
    bool ok = log_segments_push(&log->segments, &none);
    if (ok) log->segments.count--;
    mutex_unlock(&log->mutex);
    return ok;
}

// A segment that begins a generation: durable, with its opening, before this returns.
static nacre_status begin_generation(struct log_local *log, struct ctx *ctx, uint64_t number,
                                     const struct log_opening *opening) {
    if (!segments_reserve(log)) return err_nomem(ctx);
    struct log_head want = {.number = number, .bytes = log->options.segment_bytes};
    TRY(log_prepare_whole(ctx, log->dir, &log->prepare, &want, opening));
    adopt(log, &log->prepare, opening, LOG_RECORDS_AT);
    log->generation = opening->generation;
    log->last_index = log->synced_index = opening->first_index - 1;
    return NACRE_OK;
}

static nacre_status rewrite(struct log_local *log, struct ctx *ctx, struct file *file,
                            uint64_t from, uint64_t to) {
    while (from < to) {
        size_t n = to - from < OUT_KEEP ? (size_t)(to - from) : OUT_KEEP, got;
        buf_reset(&log->out);
        uint8_t *p = buf_reserve(&log->out, n);
        if (!p) return err_buf(ctx, &log->out);
        TRY(file_read_at(ctx, file, from, p, n, &got));
        if (got < n) return err_set(ctx, NACRE_CORRUPT, "log file %s has shrunk", file->path);
        TRY(file_write_at(ctx, file, from, p, n));
        from += n;
    }
    return NACRE_OK;
}

// What a process that crashed has written may be in memory only, and after a failed sync it may be
// marked clean there: what is not known to be durable is written again, then synced.
static nacre_status harden(struct log_local *log, struct ctx *ctx, struct log_segment *segment) {
    char path[LOG_PATH_MAX];
    TRY(log_local_segment_path(ctx, log->dir, segment->number, path));
    TRY(file_open(ctx, path, FILE_WRITE, &segment->file));
    uint64_t opening_end = LOG_OPENING_AT + LOG_BLOCK_BYTES;
    TRY(rewrite(log, ctx, &segment->file, LOG_OPENING_AT, opening_end));
    if (segment->last_index > log->found.proven)
        TRY(rewrite(log, ctx, &segment->file, LOG_RECORDS_AT, segment->end));
    return file_sync_data(ctx, &segment->file);
}

static nacre_status remove_files(struct log_local *log, struct ctx *ctx, uint64_t above) {
    for (uint64_t number = log->found.files_end - 1; number > above; number--) {
        char path[LOG_PATH_MAX];
        TRY(log_local_segment_path(ctx, log->dir, number, path));
        TRY(file_remove(ctx, path));
        TRY(dir_sync(ctx, log->dir)); // highest first, each durable: the rest stays without a gap
    }
    return NACRE_OK;
}

static nacre_status use_spare(struct log_local *log, struct ctx *ctx) {
    char path[LOG_PATH_MAX];
    struct log_prepare *p = &log->prepare;
    TRY(log_local_segment_path(ctx, log->dir, log->found.spare_head.number, path));
    TRY(file_open(ctx, path, FILE_WRITE, &p->file));
    p->head = log->found.spare_head;
    p->filled = p->head.bytes;
    p->begun = p->ready = true;
    return NACRE_OK;
}

static nacre_status resume(struct log_local *log, struct ctx *ctx, uint64_t applied_index) {
    struct log_segments *segments = &log->segments;
    size_t last = segments->count - 1;
    for (size_t i = 0; i <= last; i++) {
        struct log_segment *segment = &segments->items[i];
        if (i == last || segment->last_index > log->found.proven) TRY(harden(log, ctx, segment));
        if (i < last) file_close(&segment->file);
        segment->synced = segment->end;
    }
    log->synced_index = log->last_index;
    log->active = segments->items[last];
    uint64_t next = log->active.number + 1;
    if (!log->found.torn && applied_index <= log->last_index) {
        if (log->found.spare) TRY(use_spare(log, ctx));
        return remove_files(log, ctx, log->found.spare ? next : next - 1);
    }
    // The new segment closes the old one for good: nothing behind the old end is ever read again.
    uint64_t base = applied_index > log->last_index ? applied_index : log->last_index;
    struct log_opening opening = {.generation = log->generation + 1,
                                  .first_index = base + 1,
                                  .chain_before = log->chain,
                                  .synced_upto = base};
    TRY(begin_generation(log, ctx, next, &opening));
    return remove_files(log, ctx, next);
}

static nacre_status sync_parent(struct ctx *ctx, const char *dir) {
    char parent[LOG_PATH_MAX];
    TRY(log_local_path(ctx, dir, "..", parent));
    return dir_sync(ctx, parent);
}

static nacre_status start(struct log_local *log, struct ctx *ctx, uint64_t applied_index) {
    if (log->options.archive) {
        char path[LOG_PATH_MAX];
        TRY(log_local_path(ctx, log->dir, "archive", path));
        TRY(dir_make(ctx, path));
    }
    TRY(dir_sync(ctx, log->dir));
    if (log->segments.count) return resume(log, ctx, applied_index);
    TRY(sync_parent(ctx, log->dir));
    struct log_opening opening = {.generation = applied_index ? 2 : 1,
                                  .first_index = applied_index + 1,
                                  .synced_upto = applied_index};
    return begin_generation(log, ctx, 1, &opening);
}

static nacre_status log_local_start(struct replog *base, struct ctx *ctx, uint64_t applied_index) {
    struct log_local *log = log_local_of(base);
    TRY(log_local_alive(log, ctx));
    if (log->options.read_only || log->started)
        return err_set(ctx, NACRE_INVALID_ARGUMENT,
                       log->started ? "the log has been started already"
                                    : "the log was opened read-only");
    nacre_status status = start(log, ctx, applied_index);
    if (status != NACRE_OK) return log_local_poison(log, ctx, status);
    log->prepare_number = log->active.number + 1;
    log->started = true;
    return NACRE_OK;
}

// A new segment for a record of need bytes. Fails without harm until the opening is written.
static nacre_status rotate(struct log_local *log, struct ctx *ctx, uint64_t need) {
    uint64_t bytes = (LOG_RECORDS_AT + need + PAGE - 1) / PAGE * PAGE;
    if (bytes < log->options.segment_bytes) bytes = log->options.segment_bytes;
    struct log_head want = {.number = log->active.number + 1, .bytes = bytes};
    struct log_prepare fresh = {.file = FILE_CLOSED};
    if (!segments_reserve(log)) return err_nomem(ctx);
    mutex_lock(&log->prepare_mutex);
    nacre_status status = log_prepare_whole(ctx, log->dir, &log->prepare, &want, NULL);
    if (status == NACRE_OK) {
        fresh = log->prepare;
        log->prepare = (struct log_prepare){.file = FILE_CLOSED};
        log->prepare_number = want.number + 1;
    }
    mutex_unlock(&log->prepare_mutex);
    TRY(status);
    uint8_t block[LOG_BLOCK_BYTES];
    mutex_lock(&log->mutex);
    struct log_opening opening = {.generation = log->generation,
                                  .first_index = log->last_index + 1,
                                  .chain_before = log->chain,
                                  .synced_upto = log->synced_index};
    mutex_unlock(&log->mutex);
    log_format_put_opening(block, &opening, fresh.head.salt);
    status = file_write_at(ctx, &fresh.file, LOG_OPENING_AT, block, sizeof block);
    if (status != NACRE_OK) {
        log_prepare_drop(&fresh);
        return log_local_poison(log, ctx, status);
    }
    adopt(log, &fresh, &opening, 0);
    return NACRE_OK;
}

static nacre_status build(struct log_local *log, struct ctx *ctx, struct slice payload,
                          struct log_record_head *head) {
    size_t size = (size_t)log_record_bytes(payload.n);
    buf_reset(&log->out);
    uint8_t *p = buf_reserve(&log->out, size);
    if (!p) return err_buf(ctx, &log->out);
    uint8_t *body = p + LOG_RECORD_HEAD;
    if (payload.n) memcpy(body, payload.p, payload.n);
    memset(body + payload.n, 0, size - LOG_RECORD_HEAD - payload.n);
    head->length = (uint32_t)payload.n;
    head->crc = log_record_crc(head->length, body);
    mutex_lock(&log->mutex);
    head->generation = log->generation;
    head->index = log->last_index + 1;
    head->chain = log_record_chain(log->chain, payload);
    head->synced_upto = log->synced_index;
    mutex_unlock(&log->mutex);
    log_format_put_record(p, head, log->active.salt);
    log->out.n = size;
    return NACRE_OK;
}

static nacre_status check_append(struct log_local *log, struct ctx *ctx, struct slice payload) {
    TRY(log_local_alive(log, ctx));
    if (!log->started) return err_set(ctx, NACRE_INVALID_ARGUMENT, "the log has not been started");
    if (payload.n > REPLOG_RECORD_MAX)
        return err_set(ctx, NACRE_TRANSACTION_TOO_LARGE,
                       "a log record has at most %d bytes, got %zu", (int)REPLOG_RECORD_MAX,
                       payload.n);
    return NACRE_OK;
}

static nacre_status log_local_append(struct replog *base, struct ctx *ctx, struct slice payload,
                                     uint64_t *out_index) {
    struct log_local *log = log_local_of(base);
    struct log_record_head head;
    TRY(check_append(log, ctx, payload));
    uint64_t need = log_record_bytes(payload.n);
    if (need > log->active.bytes - log->active.end) TRY(rotate(log, ctx, need));
    TRY(build(log, ctx, payload, &head));
    nacre_status status =
        file_write_at(ctx, &log->active.file, log->active.end, log->out.p, log->out.n);
    if (status != NACRE_OK) {
        status = log_local_poison(log, ctx, status);
        char text[ERR_DETAIL_MAX];
        snprintf(text, sizeof text, "%s", ctx->err.detail);
        return err_set(ctx, NACRE_OUTCOME_UNKNOWN, "record %llu may be in the log or not: %s",
                       (unsigned long long)head.index, text);
    }
    if (log->out.cap > OUT_KEEP) buf_free(&log->out);
    log->active.end += need;
    log->active.last_index = head.index;
    mutex_lock(&log->mutex);
    struct log_segment *published = &log->segments.items[log->segments.count - 1];
    published->end = log->active.end;
    published->last_index = log->last_index = head.index;
    log->chain = head.chain;
    mutex_unlock(&log->mutex);
    *out_index = head.index;
    log_prepare_ahead(log, ctx, 3); // where syncs are rare
    return NACRE_OK;
}

// One segment that may be unsynced, from number on; false when there is none up to last_number.
static bool sync_pick(struct log_local *log, uint64_t number, uint64_t last_number,
                      struct log_segment *out) {
    bool found = false;
    mutex_lock(&log->mutex);
    for (size_t i = 0; i < log->segments.count && !found; i++) {
        const struct log_segment *segment = &log->segments.items[i];
        if (segment->number > last_number) break;
        found = segment->number >= number && segment->synced < segment->end;
        if (found) *out = *segment;
    }
    mutex_unlock(&log->mutex);
    return found;
}

static void sync_done(struct log_local *log, const struct log_segment *synced) {
    struct file closing = FILE_CLOSED;
    mutex_lock(&log->mutex);
    size_t i = (size_t)(synced->number - log->segments.items[0].number);
    struct log_segment *segment = &log->segments.items[i];
    segment->synced = synced->end;
    if (synced->last_index > log->synced_index) log->synced_index = synced->last_index;
    if (i + 1 < log->segments.count && segment->synced == segment->end) {
        closing = segment->file;
        segment->file = FILE_CLOSED;
    }
    mutex_unlock(&log->mutex);
    file_close(&closing);
}

// Segments in order, so that synced_index never has a hole below it (L4).
static nacre_status sync_all(struct log_local *log, struct ctx *ctx) {
    TRY(log_local_alive(log, ctx));
    mutex_lock(&log->mutex);
    uint64_t last_number = log->segments.items[log->segments.count - 1].number, number = 0;
    mutex_unlock(&log->mutex);
    struct log_segment segment;
    for (; sync_pick(log, number, last_number, &segment); number = segment.number + 1) {
        nacre_status status = file_sync_data(ctx, &segment.file);
        if (status != NACRE_OK) return log_local_poison(log, ctx, status);
        sync_done(log, &segment);
    }
    return NACRE_OK;
}

static nacre_status log_local_sync(struct replog *base, struct ctx *ctx, uint64_t *out_index) {
    struct log_local *log = log_local_of(base);
    if (!log->started) return err_set(ctx, NACRE_INVALID_ARGUMENT, "the log has not been started");
    mutex_lock(&log->sync_mutex);
    nacre_status status = sync_all(log, ctx);
    mutex_unlock(&log->sync_mutex);
    TRY(status);
    mutex_lock(&log->mutex);
    *out_index = log->synced_index;
    mutex_unlock(&log->mutex);
    log_prepare_ahead(log, ctx, 2);
    return NACRE_OK;
}

static nacre_status log_local_read_index(struct replog *base, struct ctx *ctx,
                                         uint64_t *out_index) {
    (void)ctx;
    struct replog_status status;
    base->ops->status(base, &status);
    *out_index = status.last_index;
    return NACRE_OK;
}

static void log_local_status(struct replog *base, struct replog_status *out) {
    struct log_local *log = log_local_of(base);
    mutex_lock(&log->mutex);
    *out = (struct replog_status){.generation = log->generation,
                                  .first_index = log->last_index + 1,
                                  .last_index = log->last_index,
                                  .synced_index = log->synced_index,
                                  .chain = log->chain};
    for (size_t i = log->segments.count; i-- > 0;) {
        const struct log_segment *segment = &log->segments.items[i];
        if (segment->last_index >= segment->first_index) out->first_index = segment->first_index;
        out->bytes += segment->bytes;
    }
    mutex_unlock(&log->mutex);
}

// The mark spares the next start a rewrite and makes damage of the last records provable. Losing it
// costs no more than that, so its errors are nobody's.
static void write_mark(struct log_local *log) {
    if (!log->started || log->poison != NACRE_OK || log->synced_index < log->last_index) return;
    struct log_segment *active = &log->segments.items[log->segments.count - 1];
    if (active->synced < LOG_RECORDS_AT || log->last_index <= log->found.proven) return;
    struct log_mark mark = {.generation = log->generation, .synced_upto = log->synced_index};
    uint8_t block[LOG_BLOCK_BYTES];
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 0);
    log_format_put_mark(block, &mark, active->salt);
    nacre_status status = file_write_at(&ctx, &active->file, LOG_MARK_AT, block, sizeof block);
    (void)status;
    ctx_free(&ctx);
}

static void log_local_free(struct log_local *log) {
    log_segments_free(&log->segments);
    log_prepare_drop(&log->prepare);
    buf_free(&log->out);
    file_close(&log->lock);
    mem_free(log->dir);
    mutex_destroy(&log->sync_mutex);
    mutex_destroy(&log->trim_mutex);
    mutex_destroy(&log->prepare_mutex);
    mutex_destroy(&log->mutex);
    mem_free(log);
}

static void log_local_close(struct replog *base) {
    if (!base) return;
    struct log_local *log = log_local_of(base);
    write_mark(log);
    log_local_free(log);
}

static const struct replog_ops log_local_ops = {
    .start = log_local_start,
    .append = log_local_append,
    .sync = log_local_sync,
    .read_index = log_local_read_index,
    .open_cursor = log_local_open_cursor,
    .next = log_local_next,
    .close_cursor = log_local_close_cursor,
    .trim = log_local_trim,
    .status = log_local_status,
    .close = log_local_close,
};

static nacre_status open_files(struct log_local *log, struct ctx *ctx) {
    char path[LOG_PATH_MAX];
    if (!log->options.read_only) {
        TRY(dir_make(ctx, log->dir));
        TRY(log_local_path(ctx, log->dir, "lock", path));
        TRY(file_open(ctx, path, FILE_CREATE, &log->lock));
        TRY(file_lock(ctx, &log->lock));
    }
    TRY(log_recover(ctx, log->dir, log->options.budget, &log->found));
    log->segments = log->found.segments;
    log->found.segments = (struct log_segments){0};
    log->generation = log->found.generation;
    log->last_index = log->found.last_index;
    log->synced_index = log->found.proven;
    log->chain = log->found.chain;
    return NACRE_OK;
}

uint64_t log_segment_bytes(uint64_t wanted) {
    if (wanted == 0) wanted = LOG_SEGMENT_BYTES;
    if (wanted < SEGMENT_MIN) wanted = SEGMENT_MIN;
    return (wanted + PAGE - 1) / PAGE * PAGE;
}

nacre_status log_local_open(struct ctx *ctx, const char *dir,
                            const struct log_local_options *options, struct replog **out) {
    struct log_local *log = mem_zalloc(sizeof *log);
    if (!log) return err_nomem(ctx);
    if (options) log->options = *options;
    log->options.segment_bytes = log_segment_bytes(log->options.segment_bytes);
    log->base.ops = &log_local_ops;
    mutex_init(&log->sync_mutex);
    mutex_init(&log->trim_mutex);
    mutex_init(&log->prepare_mutex);
    mutex_init(&log->mutex);
    log->lock = log->prepare.file = log->active.file = FILE_CLOSED;
    buf_init(&log->out, log->options.budget, log_record_bytes(REPLOG_RECORD_MAX));
    log->dir = mem_strdup(dir);
    nacre_status status = log->dir ? open_files(log, ctx) : err_nomem(ctx);
    if (status != NACRE_OK) {
        log_local_free(log);
        return status;
    }
    *out = &log->base;
    return NACRE_OK;
}
