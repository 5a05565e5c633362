// Cursors: each reads through a file handle of its own, up to what the appender has published.
#include "base/err/ctx.h"
#include "log/local/log_impl.h"
#include "log/local/log_walk.h"

struct replog_cursor {
    struct log_local *log;
    uint64_t from;   // records below are passed over
    uint64_t number; // of the segment being read; 0: not chosen yet
    bool walking;    // file and walk are open
    struct file file;
    struct log_walk walk;
};

static nacre_status trimmed(struct ctx *ctx, uint64_t index) {
    return err_set(ctx, NACRE_HISTORY_EXPIRED, "log record %llu has been trimmed",
                   (unsigned long long)index);
}

// The segment that has from, or the newest that begins before it.
static nacre_status choose(struct replog_cursor *cursor, struct ctx *ctx) {
    struct log_local *log = cursor->log;
    bool expired = false;
    mutex_lock(&log->mutex);
    const struct log_segments *segments = &log->segments;
    if (segments->count) {
        if (cursor->from == 0) cursor->from = segments->items[0].first_index;
        expired = cursor->from < segments->items[0].first_index;
        size_t i = segments->count - 1;
        while (i > 0 && segments->items[i].first_index > cursor->from)
            i--;
        cursor->number = segments->items[i].number;
    }
    mutex_unlock(&log->mutex);
    return expired ? trimmed(ctx, cursor->from) : NACRE_OK;
}

nacre_status log_local_open_cursor(struct replog *base, struct ctx *ctx, uint64_t from_index,
                                   struct replog_cursor **out) {
    struct replog_cursor *cursor = mem_zalloc(sizeof *cursor);
    if (!cursor) return err_nomem(ctx);
    cursor->log = log_local_of(base);
    cursor->from = from_index;
    cursor->file = FILE_CLOSED;
    nacre_status status = choose(cursor, ctx);
    if (status != NACRE_OK) {
        mem_free(cursor);
        return status;
    }
    *out = cursor;
    return NACRE_OK;
}

static void leave(struct replog_cursor *cursor) {
    if (cursor->walking) log_walk_free(&cursor->walk);
    cursor->walking = false;
    file_close(&cursor->file);
}

void log_local_close_cursor(struct replog_cursor *cursor) {
    if (!cursor) return;
    leave(cursor);
    mem_free(cursor);
}

// The segment as published now. false: trimmed.
static bool look_up(struct replog_cursor *cursor, struct log_segment *out, bool *newest) {
    struct log_local *log = cursor->log;
    mutex_lock(&log->mutex);
    uint64_t first = log->segments.items[0].number;
    bool found = cursor->number >= first && cursor->number - first < log->segments.count;
    if (found) {
        *out = log->segments.items[cursor->number - first];
        *newest = cursor->number - first + 1 == log->segments.count;
    }
    mutex_unlock(&log->mutex);
    return found;
}

static nacre_status enter(struct replog_cursor *cursor, struct ctx *ctx,
                          const struct log_segment *segment) {
    char path[LOG_PATH_MAX];
    TRY(log_local_segment_path(ctx, cursor->log->dir, segment->number, path));
    nacre_status status = file_open(ctx, path, FILE_READ, &cursor->file);
    if (status == NACRE_NOT_FOUND) return trimmed(ctx, segment->first_index);
    TRY(status);
    struct log_blocks blocks = {.opened = true,
                                .head.salt = segment->salt,
                                .opening = {.generation = segment->generation,
                                            .first_index = segment->first_index,
                                            .chain_before = segment->chain_before}};
    log_walk_init(&cursor->walk, &cursor->file, &blocks, cursor->log->options.budget);
    cursor->walking = true;
    return NACRE_OK;
}

static nacre_status unreadable(struct replog_cursor *cursor, struct ctx *ctx) {
    return err_set(ctx, NACRE_CORRUPT, "log file %s, offset %llu: record %llu cannot be read (%s)",
                   cursor->file.path, (unsigned long long)cursor->walk.offset,
                   (unsigned long long)(cursor->walk.index + 1), cursor->walk.why);
}

nacre_status log_local_next(struct replog_cursor *cursor, struct ctx *ctx,
                            struct replog_record *out, bool *found) {
    *found = false;
    if (cursor->number == 0) TRY(choose(cursor, ctx));
    while (cursor->number != 0) {
        struct log_segment segment;
        bool newest;
        if (!look_up(cursor, &segment, &newest)) return trimmed(ctx, cursor->from);
        if (!cursor->walking) TRY(enter(cursor, ctx, &segment));
        struct log_walk *walk = &cursor->walk;
        if (walk->offset == segment.end) {
            if (newest) return NACRE_OK;
            leave(cursor);
            cursor->number++;
            continue;
        }
        struct log_record_head head;
        struct slice payload;
        uint64_t before = walk->chain;
        bool whole;
        TRY(log_walk_next(ctx, walk, segment.end, &head, &payload, &whole));
        if (!whole) return unreadable(cursor, ctx);
        if (head.index < cursor->from) continue;
        *out = (struct replog_record){.index = head.index,
                                      .generation = head.generation,
                                      .chain = head.chain,
                                      .chain_before = before,
                                      .payload = payload};
        cursor->from = head.index + 1;
        *found = true;
        return NACRE_OK;
    }
    return NACRE_OK;
}
