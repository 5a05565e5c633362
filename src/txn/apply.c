// The apply door: one command, one batch (T2), from dispatch to the published caches.
#include "txn/apply.h"

#include "base/bits/bits.h"
#include "base/err/check.h"

bool apply_is_result(nacre_status status) {
    switch (status) {
    case NACRE_VERSION_MISMATCH:
    case NACRE_CONDITION_FAILED:
    case NACRE_ALREADY_EXISTS:
    case NACRE_DOCUMENT_NOT_FOUND:
    case NACRE_COLLECTION_NOT_FOUND:
    case NACRE_DATABASE_NOT_FOUND:
    case NACRE_INDEX_NOT_FOUND:
    case NACRE_UNIQUE_VIOLATION:
    case NACRE_SCHEMA_VIOLATION:
    case NACRE_QUOTA_EXCEEDED:
    case NACRE_DOCUMENT_TOO_LARGE:
    case NACRE_INVALID_ARGUMENT:
    case NACRE_INVALID_FILTER:
    case NACRE_LEASE_LOST:
    case NACRE_CLAIM_TOO_WIDE:
    case NACRE_CONFLICT:
    case NACRE_TRANSACTION_TOO_OLD:
    case NACRE_IDEMPOTENCY_KEY_REUSED:
    case NACRE_CORRUPT:
    case NACRE_UNIMPLEMENTED:
        return true;
    default:
        return false;
    }
}

struct apply_mark apply_mark(const struct txn *t) {
    return (struct apply_mark){.batch_size = t->batch.bytes.n,
                               .batch_count = t->batch.count,
                               .effect_count = t->effect_count,
                               .change_count = t->change_count};
}

void apply_rollback(struct txn *t, struct apply_mark mark) {
    t->batch.bytes.n = mark.batch_size;
    t->batch.count = mark.batch_count;
    t->effect_count = mark.effect_count;
    t->change_count = mark.change_count;
}

nacre_status apply_tablet(struct txn *t, uint32_t id, struct tablet **out) {
    *out = map_get(&t->tablets, slice_of(&id, sizeof id));
    if (*out) return NACRE_OK;
    struct tablet *tablet = mem_zalloc(sizeof *tablet);
    if (!tablet) return err_nomem(&t->ctx);
    tablet->id = id;
    nacre_status status = tablet_read(&t->ctx, t->kv, NULL, id, &tablet->now);
    if (status == NACRE_OK && !map_put(&t->tablets, slice_of(&id, sizeof id), tablet))
        status = err_nomem(&t->ctx);
    if (status != NACRE_OK) {
        mem_free(tablet);
        return status;
    }
    *out = tablet;
    return NACRE_OK;
}

nacre_status apply_history(struct txn *t, struct tablet *tablet, struct history **out) {
    if (!tablet->history) {
        struct history *history = mem_alloc(sizeof *history);
        if (!history) return err_nomem(&t->ctx);
        nacre_status status = history_read(&t->ctx, t->kv, NULL, tablet->id, history);
        if (status != NACRE_OK) {
            mem_free(history);
            return status;
        }
        tablet->history = history;
    }
    *out = tablet->history;
    return NACRE_OK;
}

nacre_status apply_collection(struct txn *t, uint32_t tablet, const struct collection **out) {
    *out = catalog_by_tablet(t->catalog, tablet);
    if (*out) return NACRE_OK;
    return err_set(&t->ctx, NACRE_COLLECTION_NOT_FOUND,
                   "the collection was dropped before the write was applied");
}

nacre_status apply_id(struct txn *t, struct slice id_key, struct val *out) {
    struct slice in = id_key;
    TRY(key_decode(&t->ctx, &in, false, KEY_TB_PLAIN, out));
    if (in.n || (out->type != VAL_STRING && out->type != VAL_INT))
        return err_set(&t->ctx, NACRE_CORRUPT, "a logged command carries a malformed id");
    return NACRE_OK;
}

static nacre_status run_write(struct txn *t, struct slice payload, struct result *out) {
    struct command_write c;
    TRY(command_write_decode(&t->ctx, payload, &c));
    return apply_write(t, &c, out);
}

static nacre_status run_claim(struct txn *t, struct slice payload, struct result *out) {
    struct command_claim c;
    TRY(command_claim_decode(&t->ctx, payload, &c));
    return apply_claim(t, &c, out);
}

static nacre_status run_lease(struct txn *t, uint16_t type, struct slice payload,
                              struct result *out) {
    struct command_lease c;
    TRY(command_lease_decode(&t->ctx, payload, &c));
    return type == COMMAND_RELEASE ? apply_release(t, &c, out) : apply_extend(t, &c, out);
}

static nacre_status run_expire(struct txn *t, struct slice payload, struct result *out) {
    struct command_expire c;
    TRY(command_expire_decode(&t->ctx, payload, &c));
    return apply_expire(t, &c, out);
}

static nacre_status run_catalog(struct txn *t, struct slice payload, struct result *out) {
    struct command_catalog c;
    TRY(command_catalog_decode(&t->ctx, payload, &c));
    return apply_catalog(t, &c, out);
}

static nacre_status run_build(struct txn *t, struct slice payload, struct result *out) {
    struct command_build c;
    TRY(command_build_decode(&t->ctx, payload, &c));
    return apply_build(t, &c, out);
}

static nacre_status run_stage(struct txn *t, struct slice payload) {
    struct command_stage c;
    TRY(command_stage_decode(&t->ctx, payload, &c));
    return apply_stage(t, &c);
}

static nacre_status run_horizon(struct txn *t, struct slice payload, struct result *out) {
    struct command_horizon c;
    TRY(command_horizon_decode(&t->ctx, payload, &c));
    return apply_horizon(t, &c, out);
}

static nacre_status run_transaction(struct txn *t, struct slice payload, struct result *out) {
    struct command_transaction c;
    TRY(command_transaction_decode(&t->ctx, payload, &c));
    return apply_transaction(t, &c, out);
}

static nacre_status run_chunk(struct txn *t, struct slice payload, struct result *out) {
    struct command_chunk c;
    TRY(command_chunk_decode(&t->ctx, payload, &c));
    return apply_chunk(t, &c, out);
}

static nacre_status run_schema(struct txn *t, struct slice payload) {
    struct command_schema c;
    TRY(command_schema_decode(&t->ctx, payload, &c));
    return apply_schema_progress(t, &c);
}

static nacre_status run_trim(struct txn *t, struct slice payload) {
    struct command_trim c;
    TRY(command_trim_decode(&t->ctx, payload, &c));
    return apply_trim(t, &c);
}

static nacre_status dispatch(struct txn *t, uint16_t type, struct slice payload,
                             struct result *out) {
    switch ((enum command_type)type) {
    case COMMAND_WRITE:
        return run_write(t, payload, out);
    case COMMAND_CLAIM:
        return run_claim(t, payload, out);
    case COMMAND_RELEASE:
    case COMMAND_EXTEND:
        return run_lease(t, type, payload, out);
    case COMMAND_EXPIRE:
        return run_expire(t, payload, out);
    case COMMAND_CATALOG:
        return run_catalog(t, payload, out);
    case COMMAND_BUILD:
        return run_build(t, payload, out);
    case COMMAND_STAGE:
        return run_stage(t, payload);
    case COMMAND_HORIZON:
        return run_horizon(t, payload, out);
    case COMMAND_TRANSACTION:
        return run_transaction(t, payload, out);
    case COMMAND_CHUNK:
        return run_chunk(t, payload, out);
    case COMMAND_SCHEMA:
        return run_schema(t, payload);
    case COMMAND_TRIM:
        return run_trim(t, payload);
    case COMMAND_TICK:
        return NACRE_OK;
    case COMMAND_COMMIT:
    case COMMAND_UPGRADE:
        break;
    }
    return err_set(&t->ctx, NACRE_UNIMPLEMENTED,
                   "a logged command has type %u, which this program cannot apply", type);
}

static nacre_status run(struct txn *t, const struct record_command *command, struct result *out) {
    if (command->type != COMMAND_COMMIT) return dispatch(t, command->type, command->payload, out);
    struct command_commit c;
    struct slice payload;
    TRY(command_commit_decode(&t->ctx, command->payload, &c));
    TRY(apply_commit(t, &c, &payload));
    return dispatch(t, c.type, payload, out);
}

static void give_up(struct txn *t, nacre_status status, struct result *out) {
    buf_reset(&t->scratch);
    result_error_put(&t->scratch, &t->ctx.err);
    uint32_t failed_op = out->failed_op;
    *out =
        (struct result){.status = status, .failed_op = failed_op, .error = buf_slice(&t->scratch)};
}

// Commands that read by key alone see what is pending through the overlay; the others need it
// written before they run.
static bool reads_by_key(const struct record_command *command) {
    uint16_t type = command->type;
    bool ranges = !command->payload.n || (command->payload.p[0] & TRANSACTION_RANGES);
    return type == COMMAND_WRITE || type == COMMAND_RELEASE || type == COMMAND_EXTEND ||
           type == COMMAND_CHUNK || (type == COMMAND_TRANSACTION && !ranges);
}

static nacre_status apply_one(struct txn *t, const struct record_command *command,
                              const struct apply_place *place, struct result *out) {
    bool alone = !reads_by_key(command);
    if (alone) TRY(group_write(t));
    group_begin_command(t, place, place->more && !alone);
    nacre_status status = run(t, command, out);
    if (status != NACRE_OK) {
        TRY(group_undo_command(t, apply_is_result(status) ? NACRE_OK : status));
        give_up(t, status, out);
    }
    group_end_command(t, place);
    return place->more && !alone && !group_is_large(t) ? NACRE_OK : group_write(t);
}

nacre_status txn_apply(struct txn *t, const struct record_command *command,
                       const struct apply_place *place, struct buf *out_result, bool *out_applied) {
    const struct position *p = &t->position;
    *out_applied = false;
    if (place->index < p->index || (place->index == p->index && place->sub < p->sub))
        return NACRE_OK;
    struct result result = {0};
    nacre_status status = apply_one(t, command, place, &result);
    if (status != NACRE_OK) {
        if (t->ctx.err.status != status) // a buffer's failure is a status only
            err_set(&t->ctx, status, "%s", nacre_status_title(status));
        return status;
    }
    *out_applied = true;
    // A replay answers what the first call answered.
    if (!(result.flags & RESULT_REPLAYED)) result.seq = t->position.seq;
    result.commit_ts = t->commit_ts;
    result.generation = place->generation;
    if (out_result) result_encode(out_result, &result);
    return NACRE_OK;
}

const struct position *txn_position(const struct txn *t) { return &t->position; }

const struct err *txn_error(const struct txn *t) { return &t->ctx.err; }

nacre_status txn_new(struct ctx *ctx, const struct txn_options *options, struct txn **out) {
    struct txn *t = mem_zalloc(sizeof *t);
    if (!t) return err_nomem(ctx);
    t->kv = options->kv;
    t->cache = options->cache;
    t->no_trail = options->no_trail;
    t->schema_regex = options->schema_regex;
    t->cache_ts = UINT64_MAX;
    // No budget and no bound of its own: what a command may need is bounded where it is made, and a
    // refusal here would be a failure of the machine (T3).
    ctx_init(&t->ctx, ctx->world, NULL, SIZE_MAX);
    kv_batch_init(&t->batch, NULL, SIZE_MAX);
    buf_init(&t->row, NULL, SIZE_MAX);
    buf_init(&t->key, NULL, SIZE_MAX);
    buf_init(&t->body, NULL, SIZE_MAX);
    buf_init(&t->scratch, NULL, SIZE_MAX);
    map_init(&t->tablets);
    map_init(&t->dues);
    world_random(ctx->world, &t->overlay.seed, sizeof t->overlay.seed);
    mutex_init(&t->dues_lock);
    mutex_init(&t->view_lock);
    *out = t;
    return NACRE_OK;
}

static nacre_status open_state(struct ctx *ctx, struct txn *t) {
    TRY(position_read(ctx, t->kv, NULL, &t->position));
    TRY(group_load_catalog(ctx, t));
    TRY(horizon_read(ctx, t->kv, &t->horizon_ts));
    nacre_status status = txn_publish(t);
    if (status != NACRE_OK) ctx->err = t->ctx.err;
    return status;
}

nacre_status txn_open(struct ctx *ctx, const struct txn_options *options, struct txn **out) {
    struct txn *t;
    TRY(txn_new(ctx, options, &t));
    nacre_status status = open_state(ctx, t);
    if (status != NACRE_OK) {
        txn_close(t);
        return status;
    }
    *out = t;
    return NACRE_OK;
}

void txn_forget_tablets(struct txn *t) {
    size_t at = 0;
    struct slice key;
    void *tablet;
    while (map_next(&t->tablets, &at, &key, &tablet)) {
        mem_free(((struct tablet *)tablet)->history);
        mem_free(tablet);
    }
    map_free(&t->tablets);
}

void txn_close(struct txn *t) {
    if (!t) return;
    txn_view_release(t->view);
    catalog_unref(t->catalog);
    size_t at = 0;
    struct slice key;
    void *due;
    txn_forget_tablets(t);
    while (map_next(&t->dues, &at, &key, &due))
        mem_free(due);
    map_free(&t->dues);
    overlay_free(t);
    for (uint32_t i = 0; i < t->lowwater_count; i++) {
        buf_free(&t->lowwater[i].edge);
        buf_free(&t->lowwater[i].cursor);
    }
    kv_batch_free(&t->batch);
    buf_free(&t->row);
    buf_free(&t->key);
    buf_free(&t->body);
    buf_free(&t->scratch);
    ctx_free(&t->ctx);
    mutex_destroy(&t->dues_lock);
    mutex_destroy(&t->view_lock);
    mem_free(t);
}
