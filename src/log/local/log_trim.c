// Letting go of old segments.
#include "base/err/ctx.h"
#include "log/local/log_impl.h"

// The oldest segment, if all it holds is below index and the next one's opening is durable: the
// oldest kept opening is what the log's generation, index and chain are known from.
static bool oldest_below(struct log_local *log, uint64_t below_index, uint64_t *out_number) {
    mutex_lock(&log->mutex);
    const struct log_segments *s = &log->segments;
    bool may = s->count > 1 && s->items[1].first_index <= below_index &&
               s->items[0].synced == s->items[0].end && s->items[0].file.fd < 0 &&
               s->items[1].synced >= LOG_RECORDS_AT;
    if (may) *out_number = s->items[0].number;
    mutex_unlock(&log->mutex);
    return may;
}

static void forget_oldest(struct log_local *log) {
    mutex_lock(&log->mutex);
    struct log_segments *s = &log->segments;
    s->count--;
    memmove(s->items, s->items + 1, s->count * sizeof *s->items);
    mutex_unlock(&log->mutex);
}

static nacre_status move_to_archive(struct log_local *log, struct ctx *ctx, const char *path,
                                    uint64_t number) {
    char archive[LOG_PATH_MAX], to[LOG_PATH_MAX];
    TRY(log_local_path(ctx, log->dir, "archive", archive));
    TRY(log_local_segment_path(ctx, archive, number, to));
    if (file_exists(to))
        return err_set(ctx, NACRE_ALREADY_EXISTS, "log file %s is in the archive already", to);
    return file_rename(ctx, path, to);
}

static nacre_status sync_both(struct log_local *log, struct ctx *ctx) {
    if (log->options.archive) {
        char archive[LOG_PATH_MAX];
        TRY(log_local_path(ctx, log->dir, "archive", archive));
        TRY(dir_sync(ctx, archive));
    }
    return dir_sync(ctx, log->dir);
}

// One at a time and in order, each durable: a crash leaves no gap.
static nacre_status trim_oldest(struct log_local *log, struct ctx *ctx, uint64_t number) {
    char path[LOG_PATH_MAX];
    TRY(log_local_segment_path(ctx, log->dir, number, path));
    if (log->options.archive)
        TRY(move_to_archive(log, ctx, path, number));
    else
        TRY(file_remove(ctx, path));
    forget_oldest(log);
    nacre_status status = sync_both(log, ctx);
    return status == NACRE_OK ? NACRE_OK : log_local_poison(log, ctx, status);
}

nacre_status log_local_trim(struct replog *base, struct ctx *ctx, uint64_t below_index) {
    struct log_local *log = log_local_of(base);
    TRY(log_local_alive(log, ctx));
    if (!log->started) return err_set(ctx, NACRE_INVALID_ARGUMENT, "the log has not been started");
    mutex_lock(&log->trim_mutex);
    nacre_status status = NACRE_OK;
    uint64_t number;
    while (status == NACRE_OK && oldest_below(log, below_index, &number))
        status = trim_oldest(log, ctx, number);
    mutex_unlock(&log->trim_mutex);
    return status;
}
