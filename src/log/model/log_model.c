#include "log/model/log_model.h"

#include "base/bits/bits.h"
#include "base/err/ctx.h"
#include "base/os/mutex.h"

struct model_record {
    uint64_t index, generation, chain;
    uint8_t *payload; // owned; NULL if empty
    size_t size;
};

struct log_model {
    struct replog base;
    struct mutex mutex; // guards all below
    struct log_model_options options;
    struct rng rng;
    struct model_record *records;
    size_t count, cap;
    uint64_t generation, last_index, synced_index, chain, bytes;
    uint64_t trimmed_chain; // of the last record that trim took
    bool started, lost;     // lost: the last crash took records
    nacre_status poison;
};

struct replog_cursor {
    struct log_model *log;
    uint64_t from;
    bool again; // the record before from is given once more
    struct buf payload;
};

static struct log_model *model_of(struct replog *log) { return (struct log_model *)log; }

static bool per_mille(struct log_model *log, uint32_t chance) {
    return chance && rng_below(&log->rng, 1000) < chance;
}

static nacre_status check(struct log_model *log, struct ctx *ctx, bool started) {
    if (log->poison != NACRE_OK)
        return err_set(ctx, log->poison, "the log stopped at an earlier error");
    if (log->started != started)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "the log has%s been started",
                       started ? " not" : "");
    return NACRE_OK;
}

static nacre_status model_start(struct replog *base, struct ctx *ctx, uint64_t applied_index) {
    struct log_model *log = model_of(base);
    mutex_lock(&log->mutex);
    nacre_status status = check(log, ctx, false);
    if (status == NACRE_OK) {
        if (applied_index > log->last_index || log->lost) log->generation++;
        if (applied_index > log->last_index) log->last_index = applied_index;
        log->synced_index = log->last_index;
        log->started = true;
        log->lost = false;
    }
    mutex_unlock(&log->mutex);
    return status;
}

static bool push(struct log_model *log, struct slice payload) {
    if (log->count == log->cap) {
        size_t cap = log->cap ? log->cap * 2 : 16;
        struct model_record *records = mem_realloc(log->records, cap * sizeof *records);
        if (!records) return false;
        log->records = records;
        log->cap = cap;
    }
    uint8_t *copy = payload.n ? mem_alloc(payload.n) : NULL;
    if (payload.n && !copy) return false;
    if (payload.n) memcpy(copy, payload.p, payload.n);
    log->chain =
        hash_bytes_seed(payload.n ? payload.p : (const uint8_t *)"", payload.n, log->chain);
    log->bytes += payload.n;
    log->records[log->count++] = (struct model_record){.index = ++log->last_index,
                                                       .generation = log->generation,
                                                       .chain = log->chain,
                                                       .payload = copy,
                                                       .size = payload.n};
    return true;
}

static nacre_status append(struct log_model *log, struct ctx *ctx, struct slice payload) {
    TRY(check(log, ctx, true));
    if (payload.n > REPLOG_RECORD_MAX)
        return err_set(ctx, NACRE_TRANSACTION_TOO_LARGE,
                       "a log record has at most %d bytes, got %zu", (int)REPLOG_RECORD_MAX,
                       payload.n);
    bool unknown = per_mille(log, log->options.unknown_per_mille);
    bool there = !unknown || per_mille(log, 500);
    if (there && !push(log, payload)) return err_nomem(ctx);
    if (unknown) return err_set(ctx, NACRE_OUTCOME_UNKNOWN, "the model log did not answer");
    return NACRE_OK;
}

static nacre_status model_append(struct replog *base, struct ctx *ctx, struct slice payload,
                                 uint64_t *out_index) {
    struct log_model *log = model_of(base);
    mutex_lock(&log->mutex);
    nacre_status status = append(log, ctx, payload);
    if (status == NACRE_OK) *out_index = log->last_index;
    mutex_unlock(&log->mutex);
    return status;
}

static nacre_status sync_records(struct log_model *log, struct ctx *ctx) {
    TRY(check(log, ctx, true));
    if (per_mille(log, log->options.fail_sync_per_mille)) {
        log->poison = NACRE_IO_ERROR;
        return err_set(ctx, NACRE_IO_ERROR, "the model log failed to sync");
    }
    log->synced_index = log->last_index;
    return NACRE_OK;
}

static nacre_status model_sync(struct replog *base, struct ctx *ctx, uint64_t *out_index) {
    struct log_model *log = model_of(base);
    mutex_lock(&log->mutex);
    nacre_status status = sync_records(log, ctx);
    if (status == NACRE_OK) *out_index = log->synced_index;
    mutex_unlock(&log->mutex);
    return status;
}

static nacre_status model_read_index(struct replog *base, struct ctx *ctx, uint64_t *out_index) {
    struct log_model *log = model_of(base);
    (void)ctx;
    mutex_lock(&log->mutex);
    *out_index = log->last_index;
    mutex_unlock(&log->mutex);
    return NACRE_OK;
}

static uint64_t first_index(const struct log_model *log) {
    return log->count ? log->records[0].index : log->last_index + 1;
}

static nacre_status trimmed(struct ctx *ctx, uint64_t index) {
    return err_set(ctx, NACRE_HISTORY_EXPIRED, "log record %llu has been trimmed",
                   (unsigned long long)index);
}

static nacre_status model_open_cursor(struct replog *base, struct ctx *ctx, uint64_t from_index,
                                      struct replog_cursor **out) {
    struct log_model *log = model_of(base);
    mutex_lock(&log->mutex);
    uint64_t first = first_index(log), from = from_index ? from_index : first;
    bool expired = log->count && from < first;
    mutex_unlock(&log->mutex);
    if (expired) return trimmed(ctx, from);
    struct replog_cursor *cursor = mem_zalloc(sizeof *cursor);
    if (!cursor) return err_nomem(ctx);
    cursor->log = log;
    cursor->from = from;
    buf_init(&cursor->payload, NULL, REPLOG_RECORD_MAX);
    *out = cursor;
    return NACRE_OK;
}

// The first record with an index not below from.
static const struct model_record *find(const struct log_model *log, uint64_t from) {
    size_t low = 0, high = log->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (log->records[middle].index < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low < log->count ? &log->records[low] : NULL;
}

static nacre_status read_next(struct replog_cursor *cursor, struct ctx *ctx,
                              struct replog_record *out, bool *found) {
    struct log_model *log = cursor->log;
    uint64_t from = cursor->again ? cursor->from - 1 : cursor->from;
    cursor->again = false;
    if (log->count && from < first_index(log) && cursor->from < first_index(log))
        return trimmed(ctx, cursor->from);
    const struct model_record *record = find(log, from);
    if (!record) return NACRE_OK;
    buf_reset(&cursor->payload);
    buf_put(&cursor->payload, record->payload, record->size);
    if (buf_status(&cursor->payload) != NACRE_OK) return err_buf(ctx, &cursor->payload);
    *out = (struct replog_record){.index = record->index,
                                  .generation = record->generation,
                                  .chain = record->chain,
                                  .chain_before =
                                      record > log->records ? record[-1].chain : log->trimmed_chain,
                                  .payload = buf_slice(&cursor->payload)};
    cursor->again =
        record->index >= cursor->from && per_mille(log, log->options.duplicate_per_mille);
    cursor->from = record->index + 1;
    *found = true;
    return NACRE_OK;
}

static nacre_status model_next(struct replog_cursor *cursor, struct ctx *ctx,
                               struct replog_record *out, bool *found) {
    *found = false;
    mutex_lock(&cursor->log->mutex);
    nacre_status status = read_next(cursor, ctx, out, found);
    mutex_unlock(&cursor->log->mutex);
    return status;
}

static void model_close_cursor(struct replog_cursor *cursor) {
    if (!cursor) return;
    buf_free(&cursor->payload);
    mem_free(cursor);
}

// Forgets records [from, to).
static void drop(struct log_model *log, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        log->bytes -= log->records[i].size;
        mem_free(log->records[i].payload);
    }
    if (to < log->count)
        memmove(log->records + from, log->records + to, (log->count - to) * sizeof *log->records);
    log->count -= to - from;
}

// Any prefix of what may go: the contract promises no more than "may".
static nacre_status model_trim(struct replog *base, struct ctx *ctx, uint64_t below_index) {
    struct log_model *log = model_of(base);
    mutex_lock(&log->mutex);
    nacre_status status = check(log, ctx, true);
    if (status == NACRE_OK) {
        size_t n = 0;
        while (n < log->count && log->records[n].index < below_index &&
               log->records[n].index <= log->synced_index)
            n++;
        n = (size_t)rng_below(&log->rng, n + 1);
        if (n) log->trimmed_chain = log->records[n - 1].chain;
        drop(log, 0, n);
    }
    mutex_unlock(&log->mutex);
    return status;
}

static void model_status(struct replog *base, struct replog_status *out) {
    struct log_model *log = model_of(base);
    mutex_lock(&log->mutex);
    *out = (struct replog_status){.generation = log->generation,
                                  .first_index = first_index(log),
                                  .last_index = log->last_index,
                                  .synced_index = log->synced_index,
                                  .chain = log->chain,
                                  .bytes = log->bytes};
    mutex_unlock(&log->mutex);
}

static void model_close(struct replog *base) {
    if (!base) return;
    struct log_model *log = model_of(base);
    drop(log, 0, log->count);
    mem_free(log->records);
    mutex_destroy(&log->mutex);
    mem_free(log);
}

static const struct replog_ops model_ops = {
    .start = model_start,
    .append = model_append,
    .sync = model_sync,
    .read_index = model_read_index,
    .open_cursor = model_open_cursor,
    .next = model_next,
    .close_cursor = model_close_cursor,
    .trim = model_trim,
    .status = model_status,
    .close = model_close,
};

nacre_status log_model_new(struct ctx *ctx, const struct log_model_options *options,
                           struct replog **out) {
    struct log_model *log = mem_zalloc(sizeof *log);
    if (!log) return err_nomem(ctx);
    if (options) log->options = *options;
    log->base.ops = &model_ops;
    mutex_init(&log->mutex);
    log->generation = 1;
    rng_seed(&log->rng, log->options.seed);
    *out = &log->base;
    return NACRE_OK;
}

void log_model_crash(struct replog *base) {
    struct log_model *log = model_of(base);
    mutex_lock(&log->mutex);
    size_t synced = log->count;
    while (synced > 0 && log->records[synced - 1].index > log->synced_index)
        synced--;
    size_t keep = synced + (size_t)rng_below(&log->rng, log->count - synced + 1);
    log->lost |= keep < log->count;
    if (keep < log->count) {
        uint64_t first_lost = log->records[keep].index;
        log->chain = keep ? log->records[keep - 1].chain : log->trimmed_chain;
        drop(log, keep, log->count);
        log->last_index = first_lost - 1;
    }
    log->poison = NACRE_CLOSED;
    mutex_unlock(&log->mutex);
}

void log_model_reopen(struct replog *base) {
    struct log_model *log = model_of(base);
    mutex_lock(&log->mutex);
    log->poison = NACRE_OK;
    log->started = false;
    log->synced_index = log->last_index;
    mutex_unlock(&log->mutex);
}
