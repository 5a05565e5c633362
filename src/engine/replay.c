// Recovery: what the log has beyond the store is applied again, command by command, skipping what
// is there already.
#include "engine/internal.h"

bool engine_met_damage(const struct result *result, struct slice *out_error) {
    *out_error = result->error;
    if (result->status == NACRE_CORRUPT) return true;
    for (uint32_t i = 0; result->status == NACRE_OK && i < result->count; i++) {
        *out_error = result->ops[i].error;
        if (result->ops[i].status == NACRE_CORRUPT) return true;
    }
    return false;
}

// Commands whose answer a client has; the engine's own come again.
static bool was_promised(enum command_type type) {
    return type != COMMAND_EXPIRE && type != COMMAND_BUILD && type != COMMAND_HORIZON &&
           type != COMMAND_TRIM;
}

// What was acknowledged and cannot be done again, because it meets damage in the store, would be
// lost without a word: the database stays closed and names the place. A command that met the damage
// when it was first applied looks the same; it is flushed soon, so that it is seldom met here.
static nacre_status refuse_damage(struct ctx *ctx, const struct apply_place *place,
                                  struct slice answer) {
    struct result result;
    struct slice error;
    TRY(result_decode(ctx, answer, &result));
    if (!engine_met_damage(&result, &error)) return NACRE_OK;
    nacre_status status = result_error_raise(ctx, error);
    err_hint(ctx,
             "record %llu of the log cannot be applied to what is damaged: bring the file back "
             "from a backup, or restore the database",
             (unsigned long long)place->index);
    return status;
}

// Whether the first command of the record would commit after the time.
static bool is_later(const struct replay *replay, uint64_t proposed_ts) {
    uint64_t next = txn_position(replay->txn)->commit_ts + 1;
    if (next < proposed_ts) next = proposed_ts;
    return replay->bounded && next >> 20 > replay->until_ms;
}

static nacre_status replay_record(struct ctx *ctx, struct replay *replay,
                                  const struct replog_record *record, struct buf *scratch) {
    struct buf answer BUF_CLEANUP = {0};
    struct record_head head;
    struct record_reader reader;
    struct record_command command;
    bool found, applied;
    arena_reset(&ctx->arena);
    buf_init(&answer, NULL, SIZE_MAX);
    TRY(record_open(ctx, record->payload, scratch, &head, &reader));
    struct apply_place place = {.index = record->index,
                                .generation = record->generation,
                                .proposed_ts = head.proposed_ts,
                                .more = true};
    replay->reached =
        record->index > txn_position(replay->txn)->index && is_later(replay, head.proposed_ts);
    if (replay->reached) return NACRE_OK;
    for (;; place.sub++) {
        TRY(record_next(ctx, &reader, &command, &found));
        if (!found) return NACRE_OK;
        bool promised = was_promised((enum command_type)command.type);
        buf_reset(&answer);
        nacre_status status =
            txn_apply(replay->txn, &command, &place, promised ? &answer : NULL, &applied);
        if (status != NACRE_OK) {
            ctx->err = *txn_error(replay->txn);
            return status;
        }
        if (promised && applied) TRY(refuse_damage(ctx, &place, buf_slice(&answer)));
    }
}

static nacre_status check_link(struct ctx *ctx, const struct replay *replay,
                               const struct replog_record *record) {
    if (!replay->link_index || record->index != replay->link_index + 1 ||
        record->chain_before == replay->link_chain)
        return NACRE_OK;
    return err_set(ctx, NACRE_INVALID_ARGUMENT,
                   "record %llu of the log is of another history: of another database, or after "
                   "one was restored",
                   (unsigned long long)record->index);
}

static nacre_status replay_all(struct ctx *ctx, struct replay *replay, struct replog *log,
                               struct replog_cursor *cursor) {
    struct buf scratch BUF_CLEANUP = {0};
    struct replog_record record;
    bool found;
    buf_init(&scratch, NULL, REPLOG_RECORD_MAX);
    while (!replay->reached) {
        TRY(ctx_check(ctx));
        TRY(log->ops->next(cursor, ctx, &record, &found));
        if (!found) return NACRE_OK;
        TRY(check_link(ctx, replay, &record));
        TRY(replay_record(ctx, replay, &record, &scratch));
    }
    return NACRE_OK;
}

// The log must not begin behind what the state lacks.
static nacre_status check_reach(struct ctx *ctx, const struct replay *replay,
                                const struct replog_status *log) {
    uint64_t applied = txn_position(replay->txn)->index;
    if (log->first_index <= applied + 1) return NACRE_OK;
    return err_set(ctx, NACRE_CORRUPT, "the log begins at record %llu; records from %llu on lack",
                   (unsigned long long)log->first_index, (unsigned long long)applied + 1);
}

nacre_status engine_replay_log(struct ctx *ctx, struct replay *replay, struct replog *log) {
    struct replog_status has;
    struct replog_cursor *cursor;
    log->ops->status(log, &has);
    uint64_t applied = txn_position(replay->txn)->index;
    uint64_t from = applied > has.first_index ? applied : has.first_index;
    replay->reached = false;
    if (!has.last_index || has.last_index < from) return NACRE_OK;
    TRY(check_reach(ctx, replay, &has));
    TRY(log->ops->open_cursor(log, ctx, from, &cursor));
    nacre_status status = replay_all(ctx, replay, log, cursor);
    log->ops->close_cursor(cursor);
    return status;
}

// The log must reach down to what the store lacks.
static nacre_status check_gap(struct ctx *ctx, const struct engine *e,
                              const struct replog_status *log) {
    uint64_t applied = txn_position(e->txn)->index;
    // The record that makes database main is synced before it is applied, and the last one is never
    // trimmed: a store that is not empty has a log that is not.
    if (applied && !log->last_index)
        return err_set(ctx, NACRE_CORRUPT,
                       "the log in %s/log is empty, but the store ends at record %llu: its files "
                       "are missing",
                       e->dir ? e->dir : "memory", (unsigned long long)applied);
    if (log->last_index <= applied || log->first_index <= applied + 1) return NACRE_OK;
    return err_set(ctx, NACRE_CORRUPT,
                   "the log in %s/log begins at record %llu, but the store ends at record %llu: "
                   "records are missing",
                   e->dir ? e->dir : "memory", (unsigned long long)log->first_index,
                   (unsigned long long)applied);
}

// Replay writes into the store, which a reader must not.
static nacre_status needs_writing(struct ctx *ctx, const struct engine *e) {
    nacre_status status = err_set(
        ctx, NACRE_UNAVAILABLE,
        "the database at %s was not closed cleanly: its log holds writes that the store lacks",
        e->dir ? e->dir : "memory");
    err_hint(ctx, "open it for writing once; it recovers by itself");
    return status;
}

nacre_status engine_replay(struct ctx *ctx, struct engine *e) {
    struct replog_status log;
    struct replay replay = {.txn = e->txn};
    e->log->ops->status(e->log, &log);
    TRY(check_gap(ctx, e, &log));
    uint64_t applied = txn_position(e->txn)->index;
    if (e->read_only && log.last_index > applied) return needs_writing(ctx, e);
    TRY(engine_replay_log(ctx, &replay, e->log));
    atomic_store(&e->flushed_index, applied);
    atomic_store(&e->log_bytes_since_flush, log.bytes);
    nacre_status status = txn_publish(e->txn);
    if (status != NACRE_OK) {
        ctx->err = *txn_error(e->txn);
        return status;
    }
    engine_note_published(e);
    return e->read_only ? NACRE_OK : e->log->ops->start(e->log, ctx, txn_position(e->txn)->index);
}
