// The end and the extension of leases, by themselves and in transactions.
#include "engine/internal.h"
#include "engine/tx.h"

enum { RELEASE_TRIES = 100 };

nacre_status prepare_set(struct ctx *ctx, struct slice set, struct slice *out) {
    struct buf bytes BUF_CLEANUP = {0};
    struct bson_writer w;
    struct patch patch;
    *out = slice_of(NULL, 0);
    if (!set.n) return NACRE_OK;
    buf_init(&bytes, NULL, DOC_BYTES_MAX + 1024);
    bson_begin(&w, &bytes);
    bson_put(&w, SLICE_LIT("$set"), val_bytes(VAL_OBJECT, set));
    bson_end(&w);
    TRY(buf_status(&bytes));
    const uint8_t *p = arena_copy(&ctx->arena, bytes.p, bytes.n);
    if (!p) return err_nomem(ctx);
    *out = slice_of(p, bytes.n);
    nacre_status status = patch_of_object(ctx, *out, &patch);
    if (status != NACRE_OK) prepare_set_pointers(ctx);
    return status;
}

void prepare_set_pointers(struct ctx *ctx) {
    for (uint32_t i = 0; i < ctx->err.item_count; i++) {
        char *p = ctx->err.items[i].pointer;
        if (strncmp(p, "/$set", 5) == 0) memmove(p + 1, p + 2, strlen(p + 2) + 1);
    }
}

// All of the operation but the document it makes. out's bytes are in ctx's arena.
static nacre_status lease_op(struct ctx *ctx, const struct lease_request *r, enum write_kind kind,
                             uint32_t tablet, struct slice *set, struct write_op *out) {
    struct buf key BUF_CLEANUP = {0}, encoded BUF_CLEANUP = {0};
    *out = (struct write_op){.kind = kind, .flags = WRITE_LEASE | WRITE_WANT_ROW, .tablet = tablet};
    buf_init(&key, NULL, 8192);
    buf_init(&encoded, NULL, SIZE_MAX);
    prepare_token(r->token, out->token);
    TRY(prepare_set(ctx, r->set, set));
    struct write_lease lease = {.lease_ms = r->lease_ms, .set = *set};
    lease_encode(&encoded, &lease);
    (void)key_put(&key, r->id, false);
    TRY(buf_status(&key));
    TRY(buf_status(&encoded));
    const uint8_t *p = arena_copy(&ctx->arena, key.p, key.n);
    const uint8_t *q = arena_copy(&ctx->arena, encoded.p, encoded.n);
    if (!p || !q) return err_nomem(ctx);
    out->id_key = slice_of(p, key.n);
    out->lease = slice_of(q, encoded.n);
    return NACRE_OK;
}

static nacre_status check_id(struct ctx *ctx, struct val id) {
    nacre_status status = id_check(ctx, id);
    if (status != NACRE_OK) err_parameter(ctx, "id");
    return status;
}

// --- by themselves ----------------------------------------------------------------------

// One release or extension.
struct lease_call {
    const struct lease_request *r;
    enum command_type type;
    struct slice set;
    struct command_idempotency idempotency;
    struct write_op op;
};

static nacre_status submit_command(struct ctx *ctx, struct engine *e, const struct lease_call *call,
                                   struct result *out) {
    const struct write_op *op = &call->op;
    struct command_lease command = {.idempotency = call->idempotency,
                                    .tablet = op->tablet,
                                    .id_key = op->id_key,
                                    .lease_ms = call->r->lease_ms,
                                    .set = call->set};
    struct engine_command submit = {.type = call->type,
                                    .durability = call->r->durability,
                                    .tablet = op->tablet,
                                    .key = op->id_key};
    struct buf payload BUF_CLEANUP = {0};
    memcpy(command.token, op->token, sizeof command.token);
    buf_init(&payload, engine_budget(e), COMMAND_BYTES_MAX);
    command_lease_encode(&payload, &command);
    return engine_submit_keyed(ctx, e, &submit, &payload, &call->idempotency, out);
}

// *checked: the schema has patterns, so the operation carries the document that it makes.
static nacre_status check_release(struct ctx *ctx, struct engine *e, struct slice set,
                                  struct write_op *op, bool *checked) {
    struct view *view = engine_view(e);
    const struct collection *collection = catalog_by_tablet(view->catalog, op->tablet);
    nacre_status status = NACRE_OK;
    *checked = collection && prepare_has_patterns(collection);
    if (*checked) status = prepare_lease(ctx, e, NULL, collection, set, op);
    txn_view_release(view);
    return status;
}

static nacre_status prepare_call(struct ctx *ctx, struct engine *e, struct lease_call *call) {
    const struct lease_request *r = call->r;
    bool extend = call->type == COMMAND_EXTEND;
    struct engine_collection handle = {0};
    TRY(check_id(ctx, r->id));
    TRY(engine_resolve(ctx, e, r->target, &handle));
    TRY(lease_op(ctx, r, extend ? WRITE_EXTEND : WRITE_RELEASE, handle.tablet, &call->set,
                 &call->op));
    return prepare_idempotency(ctx, &r->idempotency, extend ? "extend" : "release", handle.tablet,
                               call->op.id_key, &call->idempotency);
}

// *again: somebody changed the document since it was looked at.
static nacre_status submit_once(struct ctx *ctx, struct engine *e, struct lease_call *call,
                                struct result *out, bool *again) {
    const struct command_idempotency *key = &call->idempotency;
    bool checked = false;
    *again = false;
    TRY(prepare_call(ctx, e, call));
    nacre_status status = call->type == COMMAND_RELEASE
                              ? check_release(ctx, e, call->set, &call->op, &checked)
                              : NACRE_OK;
    if (status != NACRE_OK) return key->present ? engine_look_up(ctx, e, key, status, out) : status;
    if (!checked) return submit_command(ctx, e, call, out);
    status = engine_submit_op(ctx, e, &call->op, call->r->durability, key, out);
    *again = status == NACRE_VERSION_MISMATCH || (status == NACRE_CONFLICT && !key->present);
    return status;
}

static nacre_status submit(struct ctx *ctx, struct engine *e, enum command_type type,
                           const struct lease_request *r, struct result *out) {
    nacre_status status = NACRE_OK;
    bool again = true;
    for (int i = 0; i < RELEASE_TRIES && again; i++) {
        struct lease_call call = {.r = r, .type = type};
        *out = (struct result){0};
        status = submit_once(ctx, e, &call, out, &again);
    }
    if (status != NACRE_OK) prepare_set_pointers(ctx);
    return engine_recorded(ctx, status);
}

nacre_status engine_release(struct ctx *ctx, struct engine *e, const struct lease_request *r,
                            struct result *out) {
    return submit(ctx, e, COMMAND_RELEASE, r, out);
}

nacre_status engine_extend(struct ctx *ctx, struct engine *e, const struct lease_request *r,
                           struct result *out) {
    TRY(engine_check_lease_ms(ctx, r->lease_ms));
    return submit(ctx, e, COMMAND_EXTEND, r, out);
}

// --- in a transaction -------------------------------------------------------------------

static nacre_status run_in(struct ctx *ctx, struct engine_tx *tx, struct engine *e,
                           const struct lease_request *r, enum write_kind kind,
                           struct result *out) {
    struct engine_collection handle = {.target = r->target};
    struct write_op op;
    struct slice set;
    TRY(engine_tx_check(ctx, tx));
    TRY(engine_writable(ctx, e));
    TRY(engine_tx_unkeyed(ctx, &r->idempotency));
    TRY(check_id(ctx, r->id));
    TRY(engine_tx_resolve(ctx, tx, &handle));
    TRY(lease_op(ctx, r, kind, handle.tablet, &set, &op));
    if (kind == WRITE_RELEASE)
        TRY(prepare_lease(ctx, e, tx, engine_tx_collection(tx, handle.tablet), set, &op));
    struct command_write command = {.atomic = true, .count = 1, .ops = &op};
    return engine_tx_run(ctx, tx, &command, out);
}

static nacre_status in_tx(struct ctx *ctx, struct engine_tx *tx, const struct lease_request *r,
                          enum write_kind kind, struct result *out) {
    *out = (struct result){0};
    engine_tx_enter(tx);
    nacre_status status = run_in(ctx, tx, engine_tx_engine(tx), r, kind, out);
    engine_tx_leave(tx);
    if (status != NACRE_OK) prepare_set_pointers(ctx);
    return engine_recorded(ctx, status);
}

nacre_status engine_tx_release(struct ctx *ctx, struct engine_tx *tx, const struct lease_request *r,
                               struct result *out) {
    return in_tx(ctx, tx, r, WRITE_RELEASE, out);
}

nacre_status engine_tx_extend(struct ctx *ctx, struct engine_tx *tx, const struct lease_request *r,
                              struct result *out) {
    TRY(engine_check_lease_ms(ctx, r->lease_ms));
    return in_tx(ctx, tx, r, WRITE_EXTEND, out);
}

nacre_status engine_check_lease_ms(struct ctx *ctx, uint64_t lease_ms) {
    if (lease_ms >= 1 && lease_ms <= LEASE_MS_MAX) return NACRE_OK;
    nacre_status status =
        err_set(ctx, NACRE_INVALID_ARGUMENT, "a lease lasts 1 to %d ms, given %llu", LEASE_MS_MAX,
                (unsigned long long)lease_ms);
    err_expected(ctx, "/lease_ms", "1..86400000", "a number outside");
    return status;
}
