// Document writes: resolve (or make) the collection, prepare, submit, retry what only lost a race.
#include <stdio.h>

#include "engine/internal.h"

enum { WRITE_TRIES = 100 };

static bool may_make_collection(const struct write_request *request) {
    for (uint32_t i = 0; i < request->count; i++)
        if (request->items[i].kind <= WRITE_INSERT) return true;
    return false;
}

static nacre_status refuse_times(struct ctx *ctx, const struct write_op *op) {
    struct bson_iter it = bson_iter_of(op->sys);
    struct slice name;
    struct val v;
    char field[16] = "", pointer[17];
    if (bson_next(&it, &name, &v))
        snprintf(field, sizeof field, "%.*s", (int)name.n, (const char *)name.p);
    nacre_status status =
        err_set(ctx, NACRE_INVALID_ARGUMENT, "%s is kept by the database: leave it out", field);
    snprintf(pointer, sizeof pointer, "/%s", field);
    err_expected(ctx, pointer, "no such member", val_type_name(v.type));
    return status;
}

static nacre_status refuse_op(struct ctx *ctx, const struct write_op *op) {
    nacre_status status = NACRE_OK;
    if (op->kind >= WRITE_PATCH)
        return err_set(ctx, NACRE_DOCUMENT_NOT_FOUND, "the document is not there");
    if (op->flags & (WRITE_IF_VERSIONS | WRITE_IF_PRESENT))
        status = err_set(ctx, NACRE_VERSION_MISMATCH,
                         "expected a document, or a version of it; the document is not there");
    else if (op->flags & WRITE_LEASE)
        return err_set(ctx, NACRE_LEASE_LOST, "the lease token is not current");
    else if (op->flags & WRITE_IF_FILTER)
        status = err_set(ctx, NACRE_CONDITION_FAILED,
                         "the document is not there, so it cannot match the condition");
    else if (op->flags & WRITE_SYS)
        return refuse_times(ctx, op);
    if (status != NACRE_OK) err_version(ctx, 0);
    return status;
}

// All that the database holds.
static nacre_status holdings(struct ctx *ctx, struct view *view, const struct database *db,
                             struct tablet_counters *out) {
    *out = (struct tablet_counters){0};
    for (uint32_t i = 0; i < view->catalog->collection_count; i++) {
        const struct collection *c = &view->catalog->collections[i];
        struct tablet_counters one;
        if (c->database_id != db->id) continue;
        TRY(tablet_read(ctx, view->kv, view->kv_view, c->tablet, &one));
        out->documents += one.documents;
        out->bytes += one.bytes;
    }
    return NACRE_OK;
}

// The first count operations, which make a document each, against the database's quota.
static nacre_status refuse_quota(struct ctx *ctx, struct engine *e, struct target target,
                                 const struct command_write *command, uint32_t count,
                                 uint32_t *out_failed) {
    struct slice name = target.database.n ? target.database : SLICE_LIT("main");
    struct view *view = engine_view(e);
    const struct database *db = catalog_database(view->catalog, name);
    struct tablet_counters all;
    nacre_status status = NACRE_OK;
    bool limited = db && (db->quota.documents || db->quota.storage_bytes);
    if (limited) status = holdings(ctx, view, db, &all);
    for (uint32_t i = 0; limited && i < count && status == NACRE_OK; i++) {
        uint64_t bytes = 0;
        *out_failed = i;
        status = txn_bytes_of(&command->ops[i], &bytes);
        if (status == NACRE_OK) status = txn_check_quota(ctx, db, &all, 1, (int64_t)bytes);
        all.documents++;
        all.bytes += bytes;
    }
    txn_view_release(view);
    return status;
}

// A write that is refused whatever the collection holds must not make it. Decided for the first
// operation, and if all must be done also for the others up to the first on what an earlier one
// writes.
static nacre_status refuse_first(struct ctx *ctx, struct engine *e,
                                 const struct write_request *request, uint32_t *out_failed) {
    static const struct collection nothing = {0};
    struct write_request known = *request;
    struct command_write command;
    struct map written;
    if (!request->atomic) known.count = 1;
    nacre_status status = prepare_write(ctx, e, &known, &nothing, &command);
    *out_failed = command.count;
    if (status != NACRE_OK) return status;
    map_init(&written);
    uint32_t good = 0;
    while (good < command.count && !map_get(&written, command.ops[good].id_key)) {
        *out_failed = good;
        status = refuse_op(ctx, &command.ops[good]);
        if (status == NACRE_OK && !map_put(&written, command.ops[good].id_key, e))
            status = err_nomem(ctx);
        if (status != NACRE_OK) break;
        good++;
    }
    map_free(&written);
    struct err err = ctx->err;
    TRY(refuse_quota(ctx, e, request->target, &command, good, out_failed));
    if (status != NACRE_OK) *out_failed = good;
    ctx->err = err;
    return status;
}

// The view and, in it, the collection.
static nacre_status resolve(struct ctx *ctx, struct engine *e, struct target target,
                            struct view **out_view, const struct collection **out) {
    TRY(engine_usable(ctx, e));
    struct view *view = engine_view(e);
    uint32_t tablet;
    nacre_status status = engine_resolve_in(ctx, view->catalog, target, &tablet);
    if (status != NACRE_OK) {
        txn_view_release(view);
        return status;
    }
    *out_view = view;
    *out = catalog_by_tablet(view->catalog, tablet);
    return NACRE_OK;
}

static nacre_status resolve_or_make(struct ctx *ctx, struct engine *e,
                                    const struct write_request *request, struct view **out_view,
                                    const struct collection **out, uint32_t *out_failed) {
    nacre_status status = resolve(ctx, e, request->target, out_view, out);
    if (status != NACRE_COLLECTION_NOT_FOUND || !may_make_collection(request)) return status;
    struct result ignored;
    TRY(refuse_first(ctx, e, request, out_failed));
    struct catalog_request make = {.op = CATALOG_CREATE_COLLECTION, .target = request->target};
    TRY(engine_catalog_implicit(ctx, e, &make, &ignored));
    return resolve(ctx, e, request->target, out_view, out);
}

static bool has_impure_filter(const struct write_request *request,
                              const struct command_write *command) {
    return request->count == 1 && request->items[0].filter.n &&
           !(command->ops[0].flags & WRITE_IF_FILTER);
}

// The operation that failed is a patch that was worked out for a schema with patterns, on the
// version it then found.
static bool has_own_version(const struct write_request *request,
                            const struct command_write *command, uint32_t failed) {
    if (!command->atomic || failed >= command->count) return false;
    const struct write_op *op = &command->ops[failed];
    return op->kind == WRITE_PATCH && (op->flags & WRITE_SCHEMA) &&
           (op->flags & WRITE_IF_VERSIONS) && !request->items[failed].version_count;
}

// Of an idempotency key.
static const char *operation_name(enum write_kind kind) {
    switch (kind) {
    case WRITE_PUT:
        return "put";
    case WRITE_INSERT:
        return "insert";
    case WRITE_PATCH:
        return "patch";
    case WRITE_DELETE:
        return "delete";
    case WRITE_GET:
    case WRITE_CLAIM:
    case WRITE_RELEASE:
    case WRITE_EXTEND:
    case WRITE_LEASE_END:
        break;
    }
    return "get";
}

static nacre_status prepare_all(struct ctx *ctx, struct engine *e,
                                const struct write_request *request, struct command_write *command,
                                struct result *out) {
    struct view *view = NULL;
    const struct collection *collection;
    TRY(resolve_or_make(ctx, e, request, &view, &collection, &out->failed_op));
    nacre_status status = prepare_write(ctx, e, request, collection, command);
    struct err err = ctx->err;
    if (status != NACRE_OK) out->failed_op = command->count;
    // Of a document that is given its id by the write, the target is the collection.
    bool one = request->count == 1 && !request->idempotency.batch;
    bool chosen = one && request->items[0].id.type != VAL_MISSING && command->ops;
    nacre_status keyed = prepare_idempotency(
        ctx, &request->idempotency, one ? operation_name(request->items[0].kind) : "batch",
        collection->tablet, chosen ? command->ops[0].id_key : slice_of(NULL, 0),
        &command->idempotency);
    txn_view_release(view);
    if (status == NACRE_OK) return keyed;
    if (keyed != NACRE_OK) ctx->err = err;
    return status;
}

nacre_status engine_look_up(struct ctx *ctx, struct engine *e,
                            const struct command_idempotency *idempotency, nacre_status failure,
                            struct result *out) {
    struct command_write nothing = {.idempotency = *idempotency};
    struct engine_command submit = {.type = COMMAND_WRITE, .tablet = idempotency->tablet};
    struct buf payload BUF_CLEANUP = {0};
    struct result record = {0};
    struct err err = ctx->err;
    buf_init(&payload, engine_budget(e), COMMAND_BYTES_MAX);
    command_write_encode(&payload, &nothing);
    nacre_status status = engine_submit_keyed(ctx, e, &submit, &payload, idempotency, &record);
    bool found = status == NACRE_OK && (record.flags & RESULT_REPLAYED);
    if (found) *out = record;
    if (found || status == NACRE_IDEMPOTENCY_KEY_REUSED || failure == NACRE_OK) return status;
    ctx->err = err;
    return failure;
}

nacre_status engine_submit_op(struct ctx *ctx, struct engine *e, struct write_op *op,
                              enum durability durability,
                              const struct command_idempotency *idempotency, struct result *out) {
    struct command_write command = {
        .atomic = true, .idempotency = *idempotency, .count = 1, .ops = op};
    struct engine_command submit = {
        .type = COMMAND_WRITE, .durability = durability, .tablet = op->tablet, .key = op->id_key};
    struct buf payload BUF_CLEANUP = {0};
    buf_init(&payload, engine_budget(e), COMMAND_BYTES_MAX + 1024);
    command_write_encode(&payload, &command);
    return engine_submit_keyed(ctx, e, &submit, &payload, idempotency, out);
}

// Room for the whole command at once, or what it may take: growing would copy it several times.
static bool payload_room(struct buf *payload, const struct command_write *command) {
    size_t room = 64;
    for (uint32_t i = 0; i < command->count && room < payload->max; i++)
        room += 64 + command->ops[i].id_key.n + command->ops[i].body.n;
    return buf_reserve(payload, room < payload->max ? room : payload->max) != NULL;
}

static nacre_status submit_once(struct ctx *ctx, struct engine *e,
                                const struct write_request *request, struct result *out,
                                bool *retry) {
    struct command_write command = {0};
    struct buf payload BUF_CLEANUP = {0};
    *out = (struct result){0};
    *retry = false;
    uint64_t epoch = atomic_load(&e->catalog_epoch);
    nacre_status status = prepare_all(ctx, e, request, &command, out);
    if (status != NACRE_OK && command.idempotency.present)
        return engine_look_up(ctx, e, &command.idempotency, status, out);
    if (status != NACRE_OK) return status;
    buf_init(&payload, engine_budget(e), COMMAND_BYTES_MAX + 1024);
    if (payload_room(&payload, &command)) command_write_encode(&payload, &command);
    struct engine_command submit = {.type = COMMAND_WRITE, .durability = request->durability};
    if (command.count) submit.tablet = command.ops[0].tablet;
    if (command.count == 1) submit.key = command.ops[0].id_key;
    status = engine_submit_keyed(ctx, e, &submit, &payload, &command.idempotency, out);
    bool own = (has_impure_filter(request, &command) && !request->items[0].version_count) ||
               has_own_version(request, &command, out->failed_op);
    *retry = (status == NACRE_VERSION_MISMATCH && own) ||
             (status == NACRE_CONFLICT && atomic_load(&e->catalog_epoch) != epoch);
    return status;
}

nacre_status engine_write(struct ctx *ctx, struct engine *e, const struct write_request *request,
                          struct result *out) {
    nacre_status status = NACRE_OK;
    bool retry = true;
    for (int i = 0; i < WRITE_TRIES && retry; i++)
        status = submit_once(ctx, e, request, out, &retry);
    return engine_recorded(ctx, status);
}
