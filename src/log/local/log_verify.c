// The check of every byte, for `nacre check`: goes on behind each problem.
#include <stdarg.h>
#include <stdio.h>

#include "base/err/ctx.h"
#include "log/local/log_impl.h"
#include "log/local/log_walk.h"

struct verify {
    struct ctx *ctx;
    const char *dir;
    log_problem *each;
    void *arg;
    uint64_t problems, records;
};

static PRINTF_LIKE(4, 5) void report(struct verify *v, const char *path, uint64_t offset,
                                     const char *fmt, ...) {
    char why[256], text[ERR_DETAIL_MAX + LOG_PATH_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    snprintf(text, sizeof text, "log file %s, offset %llu: %s", path, (unsigned long long)offset,
             why);
    v->problems++;
    v->each(v->arg, text);
}

// An error that is a finding is reported and done with; others end the check.
static nacre_status finding(struct verify *v, nacre_status status) {
    if (status != NACRE_CORRUPT && status != NACRE_INCOMPATIBLE_FORMAT) return status;
    v->problems++;
    v->each(v->arg, v->ctx->err.detail);
    v->ctx->err.status = NACRE_OK;
    return NACRE_OK;
}

static nacre_status verify_reserved(struct verify *v, struct log_walk *walk,
                                    const struct log_blocks *blocks) {
    static const uint32_t gaps[][2] = {{LOG_BLOCK_BYTES, LOG_OPENING_AT},
                                       {LOG_OPENING_AT + LOG_BLOCK_BYTES, LOG_MARK_AT},
                                       {LOG_MARK_AT + LOG_BLOCK_BYTES, LOG_RECORDS_AT}};
    const uint8_t *p;
    const char *path = walk->window.file->path;
    TRY(log_window_get(v->ctx, &walk->window, 0, LOG_RECORDS_AT, blocks->head.bytes, &p));
    for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++)
        if (!log_bytes_zero(p + gaps[i][0], gaps[i][1] - gaps[i][0]))
            report(v, path, gaps[i][0], "reserved bytes are not zero");
    if (!blocks->marked && !log_bytes_zero(p + LOG_MARK_AT, LOG_BLOCK_BYTES))
        report(v, path, LOG_MARK_AT, "the closing mark is damaged");
    return NACRE_OK;
}

// Reads all records it can find, passing over what is damaged between them.
static nacre_status verify_records(struct verify *v, struct log_walk *walk, uint64_t limit) {
    struct log_record_head head;
    struct slice payload;
    for (;;) {
        bool found;
        TRY(log_walk_next(v->ctx, walk, limit, &head, &payload, &found));
        if (found) {
            v->records++;
            continue;
        }
        struct log_search search = {.min_generation = walk->generation ? walk->generation : 1,
                                    .min_index = walk->index + 1,
                                    .first_only = true};
        uint64_t next = walk->offset + LOG_ALIGN;
        if (next >= limit) return NACRE_OK;
        TRY(log_walk_search(v->ctx, walk, next, limit, &search));
        if (!search.found) return NACRE_OK;
        const uint8_t *p;
        TRY(log_window_get(v->ctx, &walk->window, search.at, LOG_RECORD_HEAD, limit, &p));
        if (!log_format_get_record(p, walk->salt, &head)) return NACRE_OK;
        report(v, walk->window.file->path, walk->offset,
               "record %llu cannot be read (%s); the next one found is %llu at offset %llu",
               (unsigned long long)(walk->index + 1), walk->why, (unsigned long long)head.index,
               (unsigned long long)search.at);
        walk->offset = search.at;
        walk->generation = head.generation;
        walk->index = head.index - 1;
        walk->chain_unknown = true;
    }
}

static nacre_status verify_file(struct verify *v, uint64_t number, bool all_sound) {
    char path[LOG_PATH_MAX];
    struct file file;
    struct log_blocks blocks;
    struct log_walk walk;
    TRY(log_local_segment_path(v->ctx, v->dir, number, path));
    TRY(file_open(v->ctx, path, FILE_READ, &file));
    nacre_status status = log_blocks_read(v->ctx, &file, number, &blocks);
    if (status != NACRE_OK) {
        file_close(&file);
        return all_sound ? status : finding(v, status);
    }
    log_walk_init(&walk, &file, &blocks, NULL);
    status = verify_reserved(v, &walk, &blocks);
    if (status == NACRE_OK && !all_sound) {
        if (!blocks.opened && !blocks.opening_empty)
            report(v, path, LOG_OPENING_AT, "the opening is damaged");
        walk.chain_unknown = !blocks.opened;
        status = finding(v, verify_records(v, &walk, blocks.head.bytes));
    }
    log_walk_free(&walk);
    file_close(&file);
    return status;
}

static uint64_t count_records(const struct log_recovery *r) {
    uint64_t n = 0;
    for (size_t i = 0; i < r->segments.count; i++)
        n += r->segments.items[i].last_index + 1 - r->segments.items[i].first_index;
    return n;
}

nacre_status log_local_verify(struct ctx *ctx, const char *dir, log_problem *each, void *arg,
                              uint64_t *out_records) {
    struct verify v = {.ctx = ctx, .dir = dir, .each = each, .arg = arg};
    char detail[ERR_DETAIL_MAX] = "";
    struct log_recovery recovery = {0};
    nacre_status status = log_recover(ctx, dir, NULL, &recovery);
    bool sound = status == NACRE_OK;
    if (sound) v.records = count_records(&recovery);
    log_recovery_free(&recovery);
    if (!sound) snprintf(detail, sizeof detail, "%s", ctx->err.detail);
    if (!sound && status != NACRE_CORRUPT && status != NACRE_INCOMPATIBLE_FORMAT) return status;
    ctx->err.status = NACRE_OK;

    uint64_t *numbers;
    size_t count;
    TRY(log_recover_numbers(ctx, dir, &numbers, &count));
    status = NACRE_OK;
    for (size_t i = 0; i < count && status == NACRE_OK; i++)
        status = verify_file(&v, numbers[i], sound);
    mem_free(numbers);
    TRY(status);
    if (!sound && v.problems == 0) each(arg, detail); // one that only the files together show
    *out_records = v.records;
    return NACRE_OK;
}
