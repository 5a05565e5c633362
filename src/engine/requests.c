// Catalog changes, and the table of idempotency keys whose first request still runs.
#include "base/bits/bits.h"
#include "engine/internal.h"

// --- idempotency keys in flight ---------------------------------------------------------

static nacre_status conflict(struct ctx *ctx) {
    return err_set(ctx, NACRE_CONFLICT, "the first request with this Idempotency-Key still runs");
}

nacre_status engine_inflight_begin(struct ctx *ctx, struct engine *e,
                                   const struct command_idempotency *i) {
    if (!i->present) return NACRE_OK;
    struct slice key = slice_of(i->scope, sizeof i->scope);
    mutex_lock(&e->inflight_lock);
    bool there = map_get(&e->inflight, key) != NULL;
    bool added = !there && map_put(&e->inflight, key, e);
    mutex_unlock(&e->inflight_lock);
    if (there) return conflict(ctx);
    return added ? NACRE_OK : err_nomem(ctx);
}

void engine_inflight_end(struct engine *e, const struct command_idempotency *i) {
    if (!i->present) return;
    mutex_lock(&e->inflight_lock);
    (void)map_remove(&e->inflight, slice_of(i->scope, sizeof i->scope));
    mutex_unlock(&e->inflight_lock);
}

nacre_status engine_submit_keyed(struct ctx *ctx, struct engine *e, struct engine_command *command,
                                 const struct buf *payload,
                                 const struct command_idempotency *idempotency,
                                 struct result *out) {
    if (payload->status == NACRE_REQUEST_TOO_LARGE)
        return err_set(ctx, NACRE_TRANSACTION_TOO_LARGE, "one command may have %d bytes",
                       COMMAND_BYTES_MAX);
    if (payload->status != NACRE_OK) return err_buf(ctx, payload);
    command->payload = buf_slice(payload);
    TRY(engine_inflight_begin(ctx, e, idempotency));
    nacre_status status = engine_submit(ctx, e, command, out);
    engine_inflight_end(e, idempotency);
    return status;
}

// --- catalog ----------------------------------------------------------------------------

static nacre_status check_body(struct ctx *ctx, const struct catalog_request *r) {
    struct collection_spec collection;
    struct index_spec index;
    struct quota quota;
    if (!r->body.n) return NACRE_OK;
    if (r->op == CATALOG_CREATE_COLLECTION || r->op == CATALOG_ALTER_COLLECTION)
        TRY(prepare_schema_body(ctx, r->body));
    switch (r->op) {
    case CATALOG_CREATE_DATABASE:
    case CATALOG_ALTER_DATABASE:
        return quota_parse(ctx, r->body, &quota);
    case CATALOG_CREATE_COLLECTION:
        return collection_spec_parse(ctx, r->body, &collection);
    case CATALOG_CREATE_INDEX:
        return index_spec_parse(ctx, r->index, r->body, &index);
    case CATALOG_ALTER_COLLECTION:
    case CATALOG_DROP_DATABASE:
    case CATALOG_DROP_COLLECTION:
    case CATALOG_DROP_INDEX:
        break;
    }
    return NACRE_OK;
}

static nacre_status catalog_submit(struct ctx *ctx, struct engine *e,
                                   const struct catalog_request *r, bool implicit,
                                   struct result *out) {
    struct buf payload BUF_CLEANUP = {0}, target BUF_CLEANUP = {0};
    struct slice database = r->target.database.n ? r->target.database : SLICE_LIT("main");
    struct command_catalog command = {.op = r->op,
                                      .implicit = implicit,
                                      .database = database,
                                      .collection = r->target.collection,
                                      .index = r->index,
                                      .body = r->body};
    TRY(check_body(ctx, r));
    buf_init(&target, NULL, 4096);
    buf_init(&payload, engine_budget(e), COMMAND_BYTES_MAX);
    buf_put_u8(&target, (uint8_t)r->op);
    buf_put_bytes(&target, database);
    buf_put_bytes(&target, r->target.collection);
    buf_put_bytes(&target, r->index);
    if (target.status == NACRE_REQUEST_TOO_LARGE)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "a name is too long");
    if (buf_status(&target) != NACRE_OK) return err_buf(ctx, &target);
    TRY(prepare_idempotency(ctx, &r->idempotency, "catalog", 0, buf_slice(&target),
                            &command.idempotency));
    command_catalog_encode(&payload, &command);
    struct engine_command submit = {.type = COMMAND_CATALOG};
    TRY(engine_submit_keyed(ctx, e, &submit, &payload, &command.idempotency, out));
    engine_background_nudge(e);
    return NACRE_OK;
}

static nacre_status catalog_change(struct ctx *ctx, struct engine *e,
                                   const struct catalog_request *r, struct result *out) {
    TRY(catalog_submit(ctx, e, r, false, out));
    if (r->op != CATALOG_ALTER_COLLECTION || !r->body.n) return NACRE_OK;
    struct val schema = bson_find(r->body, SLICE_LIT("schema"));
    if (schema.type == VAL_MISSING) return NACRE_OK;
    struct slice wanted = schema.type == VAL_OBJECT ? val_slice(schema) : slice_of(NULL, 0);
    return engine_wait_schema(ctx, e, r->target, wanted, out->commit_ts);
}

nacre_status engine_catalog(struct ctx *ctx, struct engine *e, const struct catalog_request *r,
                            struct result *out) {
    return engine_recorded(ctx, catalog_change(ctx, e, r, out));
}

nacre_status engine_catalog_implicit(struct ctx *ctx, struct engine *e,
                                     const struct catalog_request *r, struct result *out) {
    return engine_recorded(ctx, catalog_submit(ctx, e, r, true, out));
}
