// The log's part of a backup: its records, out of the log and the archive, in logs of their own.
#include <stdio.h>

#include "engine/backup/backup_internal.h"
#include "log/local/log_local.h"

enum { LOOKS = 5 };

static nacre_status end_part(struct ctx *ctx, struct log_copy *c) {
    uint64_t synced;
    if (!c->log) return NACRE_OK;
    nacre_status status = c->log->ops->sync(c->log, ctx, &synced);
    c->log->ops->close(c->log);
    c->log = NULL;
    return status;
}

static nacre_status begin_part(struct ctx *ctx, struct log_copy *c,
                               const struct replog_record *record) {
    char name[32], dir[BACKUP_PATH_MAX];
    struct log_local_options options = {.segment_bytes = BACKUP_SEGMENT_BYTES};
    struct log_origin origin = {.generation = record->generation,
                                .last_index = record->index - 1,
                                .chain = record->chain_before};
    TRY(end_part(ctx, c));
    snprintf(name, sizeof name, "log-%u", ++c->parts);
    TRY(backup_join(ctx, c->folder, name, dir));
    TRY(log_local_begin(ctx, dir, BACKUP_SEGMENT_BYTES, &origin));
    TRY(log_local_open(ctx, dir, &options, &c->log));
    c->generation = record->generation;
    return c->log->ops->start(c->log, ctx, origin.last_index);
}

// Each follows the one before it, in one history.
static nacre_status check_next(struct ctx *ctx, const struct log_copy *c,
                               const struct replog_record *record) {
    if (!c->next) return NACRE_OK;
    nacre_status status = NACRE_OK;
    if (record->index != c->next)
        status = err_set(ctx, NACRE_HISTORY_EXPIRED,
                         "the log lost records after a power cut: record %llu is followed by %llu",
                         (unsigned long long)c->next - 1, (unsigned long long)record->index);
    else if (record->chain_before != c->chain)
        status = err_set(ctx, NACRE_HISTORY_EXPIRED,
                         "the parent is a backup of another database, or of one that was restored");
    if (status != NACRE_OK) err_hint(ctx, "make a full backup");
    return status;
}

static nacre_status copy_record(struct ctx *ctx, struct log_copy *c,
                                const struct replog_record *record) {
    uint64_t index;
    TRY(check_next(ctx, c, record));
    if (!c->log || record->generation != c->generation) TRY(begin_part(ctx, c, record));
    TRY(c->log->ops->append(c->log, ctx, record->payload, &index));
    struct replog_status now;
    c->log->ops->status(c->log, &now);
    if (index != record->index || now.chain != record->chain)
        return err_set(ctx, NACRE_CORRUPT, "record %llu of the log is not what its chain says",
                       (unsigned long long)record->index);
    if (!c->first) c->first = index;
    c->next = index + 1;
    c->chain = record->chain;
    return NACRE_OK;
}

static nacre_status copy_cursor(struct ctx *ctx, struct log_copy *c, struct replog *from,
                                struct replog_cursor *cursor) {
    struct replog_record record;
    bool found = true;
    while (found && c->next <= c->to) {
        TRY(ctx_check(ctx));
        TRY(from->ops->next(cursor, ctx, &record, &found));
        if (found) TRY(copy_record(ctx, c, &record));
    }
    return NACRE_OK;
}

// What a log has from c->next, or from `from`, on.
static nacre_status copy_from(struct ctx *ctx, struct log_copy *c, struct replog *log,
                              uint64_t from) {
    struct replog_cursor *cursor;
    TRY(log->ops->open_cursor(log, ctx, c->next ? c->next : from, &cursor));
    nacre_status status = copy_cursor(ctx, c, log, cursor);
    log->ops->close_cursor(cursor);
    return status;
}

static nacre_status copy_archive(struct ctx *ctx, const struct engine *e, struct log_copy *c,
                                 uint64_t from) {
    struct log_local_options options = {.read_only = true};
    char path[BACKUP_PATH_MAX];
    struct replog *archive;
    TRY(backup_join(ctx, e->dir, "log/archive", path));
    if (!file_exists(path)) return NACRE_OK;
    TRY(log_local_open(ctx, path, &options, &archive));
    nacre_status status = copy_from(ctx, c, archive, from);
    archive->ops->close(archive);
    return status == NACRE_HISTORY_EXPIRED && !c->next ? NACRE_OK : status;
}

static nacre_status not_kept(struct ctx *ctx, uint64_t from) {
    nacre_status status =
        err_set(ctx, NACRE_HISTORY_EXPIRED, "the log from record %llu on is not kept any more",
                (unsigned long long)from);
    err_hint(ctx, "make a full backup; with the option archive the log is kept for the next");
    return status;
}

// Segments may move to the archive between a look at one and at the other, until trimming holds.
static nacre_status copy_all(struct ctx *ctx, struct engine *e, struct log_copy *c, uint64_t from) {
    nacre_status status = NACRE_HISTORY_EXPIRED;
    uint64_t before = UINT64_MAX;
    for (int look = 0; look < LOOKS && status == NACRE_HISTORY_EXPIRED; look++) {
        status = copy_from(ctx, c, e->log, from);
        if (status != NACRE_HISTORY_EXPIRED || before == c->next || ctx->err.hint[0]) break;
        before = c->next;
        err_clear(ctx);
        TRY(copy_archive(ctx, e, c, from));
    }
    return status;
}

nacre_status backup_log_copy(struct ctx *ctx, struct engine *e, struct log_copy *c, uint64_t from) {
    uint64_t wanted = c->next ? c->next : from;
    nacre_status status = copy_all(ctx, e, c, from);
    struct err err = ctx->err;
    nacre_status ended = end_part(ctx, c);
    if (status != NACRE_OK) ctx->err = err;
    if (status == NACRE_OK) status = ended;
    if (status == NACRE_HISTORY_EXPIRED && !ctx->err.hint[0]) status = not_kept(ctx, wanted);
    if (status == NACRE_OK && c->next <= c->to) status = not_kept(ctx, c->next);
    return status;
}
