// Claims: the plan is made here, from the published catalog, and travels in the command; apply
// chooses. What apply cannot run (a regular expression, patterns of a schema that set must fit) is
// chosen here, as in a transaction, and claimed only if nobody has changed it since.
#include "engine/internal.h"
#include "engine/tx.h"
#include "filter/filter.h"
#include "index/sort_key.h"
#include "query/query.h"
#include "txn/rehearsal.h"

enum {
    CLAIM_TRIES = 20,
    CHOSEN_TRIES = 200,
    LEASE_MS_DEFAULT = 30000,
    EXAMINED_DEFAULT = 1000,
    EXAMINED_MAX = 100000
};

static nacre_status claim_filter(struct ctx *ctx, struct slice text, struct filter **out) {
    nacre_status status =
        filter_parse_any(ctx, text.n ? text : SLICE_LIT("{}"), &filter_regex_pcre2, out);
    if (status != NACRE_OK) err_prefix_pointers(ctx, "/filter");
    return status;
}

static nacre_status wrap_sort(struct ctx *ctx, struct val sort, struct slice *out) {
    struct buf bytes BUF_CLEANUP = {0};
    struct bson_writer w;
    buf_init(&bytes, NULL, DOC_BYTES_MAX);
    bson_begin(&w, &bytes);
    bson_put(&w, SLICE_LIT("sort"), sort);
    bson_end(&w);
    TRY(buf_status(&bytes));
    const uint8_t *p = arena_copy(&ctx->arena, bytes.p, bytes.n);
    if (!p) return err_nomem(ctx);
    *out = slice_of(p, bytes.n);
    return NACRE_OK;
}

static nacre_status on_expire(struct ctx *ctx, struct slice given, struct slice *out) {
    struct buf bytes BUF_CLEANUP = {0};
    struct bson_writer w;
    struct patch patch;
    *out = slice_of(NULL, 0);
    if (!given.n) return NACRE_OK;
    nacre_status status = patch_of_object(ctx, given, &patch);
    if (status == NACRE_OK && bson_find(given, SLICE_LIT("_id")).type != VAL_MISSING) {
        status = err_set(ctx, NACRE_INVALID_ARGUMENT, "a patch cannot change _id");
        err_expected(ctx, "/_id", "fields of the document", "_id");
    }
    if (status != NACRE_OK) {
        err_prefix_pointers(ctx, "/on_expire");
        return status;
    }
    buf_init(&bytes, NULL, DOC_BYTES_MAX + 1024);
    bson_begin(&w, &bytes);
    bson_put(&w, SLICE_LIT("kind"), val_int((int64_t)patch.kind));
    bson_put(&w, SLICE_LIT("patch"), val_bytes(VAL_OBJECT, patch.bson));
    bson_end(&w);
    TRY(buf_status(&bytes));
    const uint8_t *p = arena_copy(&ctx->arena, bytes.p, bytes.n);
    if (!p) return err_nomem(ctx);
    *out = slice_of(p, bytes.n);
    return NACRE_OK;
}

static nacre_status claim_limits(struct ctx *ctx, const struct claim_request *r,
                                 struct command_claim *out) {
    out->lease_ms = r->lease_ms ? r->lease_ms : LEASE_MS_DEFAULT;
    out->max_examined = r->max_examined ? r->max_examined : EXAMINED_DEFAULT;
    out->holder = r->holder;
    TRY(engine_check_lease_ms(ctx, out->lease_ms));
    if (out->max_examined > EXAMINED_MAX) {
        nacre_status status =
            err_set(ctx, NACRE_INVALID_ARGUMENT, "max_examined may be %d, given %u", EXAMINED_MAX,
                    out->max_examined);
        err_expected(ctx, "/max_examined", "1..100000", "more");
        return status;
    }
    if (r->holder.n <= ROW_HOLDER_MAX) return NACRE_OK;
    nacre_status status =
        err_set(ctx, NACRE_INVALID_ARGUMENT, "a holder's name may have %d bytes, given %zu",
                ROW_HOLDER_MAX, r->holder.n);
    err_expected(ctx, "/holder", "at most 255 bytes", "more");
    return status;
}

// All but path and idempotency key.
static nacre_status prepare_claim(struct ctx *ctx, struct engine *e, const struct claim_request *r,
                                  struct command_claim *out, struct filter **filter) {
    *out = (struct command_claim){0};
    TRY(claim_filter(ctx, r->filter, filter));
    TRY(claim_limits(ctx, r, out));
    TRY(wrap_sort(ctx, r->sort, &out->sort));
    out->filter = (*filter)->canonical;
    TRY(prepare_set(ctx, r->set, &out->set));
    TRY(on_expire(ctx, r->on_expire, &out->on_expire));
    world_random(e->world, out->token, sizeof out->token);
    return NACRE_OK;
}

static nacre_status claim_plan(struct ctx *ctx, struct engine *e, const struct claim_request *r,
                               const struct query_target *target, const struct filter *filter,
                               struct command_claim *out) {
    struct query_target query = *target;
    struct sort_spec sort;
    query.memo = e->memo;
    TRY(sort_spec_parse(ctx, r->sort, &sort));
    if (!query.collection)
        return err_set(ctx, NACRE_COLLECTION_NOT_FOUND, "the collection was dropped");
    return query_plan_access(ctx, &query, filter, &sort, &out->path, &out->ordered);
}

// --- chosen here ------------------------------------------------------------------------

static nacre_status claim_op(struct ctx *ctx, const struct command_claim *claim,
                             struct write_op *op) {
    struct write_lease lease = {.lease_ms = claim->lease_ms,
                                .holder = claim->holder,
                                .set = claim->set,
                                .on_expire = claim->on_expire};
    struct buf encoded BUF_CLEANUP = {0};
    buf_init(&encoded, NULL, SIZE_MAX);
    lease_encode(&encoded, &lease);
    TRY(buf_status(&encoded));
    const uint8_t *p = arena_copy(&ctx->arena, encoded.p, encoded.n);
    if (!p) return err_nomem(ctx);
    op->kind = WRITE_CLAIM;
    op->flags = WRITE_WANT_ROW;
    op->tablet = claim->path.tablet;
    op->lease = slice_of(p, encoded.n);
    memcpy(op->token, claim->token, sizeof op->token);
    return NACRE_OK;
}

// Inside a call of the transaction that is checked.
static nacre_status choose(struct ctx *ctx, struct engine_tx *tx, const struct claim_request *r,
                           struct write_op *op, bool *found) {
    struct engine *e = engine_tx_engine(tx);
    struct engine_collection handle = {.target = r->target};
    struct query_target target = {0};
    struct command_claim claim;
    struct claim_choice choice = {.claim = &claim};
    *op = (struct write_op){0};
    *found = false;
    TRY(prepare_claim(ctx, e, r, &claim, &choice.filter));
    TRY(engine_tx_resolve(ctx, tx, &handle));
    target.collection = engine_tx_collection(tx, handle.tablet);
    TRY(engine_tx_view(ctx, tx, &target.view, &target.cache));
    nacre_status status = claim_plan(ctx, e, r, &target, choice.filter, &claim);
    txn_view_release(target.view);
    TRY(status);
    TRY(engine_tx_choose(ctx, tx, &choice));
    *found = choice.found;
    if (!*found) return NACRE_OK;
    op->id_key = choice.id_key;
    TRY(claim_op(ctx, &claim, op));
    return prepare_lease(ctx, e, tx, target.collection, claim.set, op);
}

static nacre_status choose_version(struct ctx *ctx, struct engine *e, struct engine_tx *tx,
                                   const struct claim_request *r, struct write_op *op,
                                   bool *found) {
    struct engine_doc doc = {0};
    TRY(choose(ctx, tx, r, op, found));
    if (!*found || (op->flags & WRITE_IF_VERSIONS)) return NACRE_OK;
    TRY(prepare_read(ctx, e, tx, op, &doc));
    nacre_status status = prepare_version(ctx, doc.row.version, op);
    engine_release_doc(e, &doc);
    return status;
}

// Of the published state.
static nacre_status choose_now(struct ctx *ctx, struct engine *e, const struct claim_request *r,
                               struct write_op *op, bool *found) {
    static const struct engine_tx_options options = {0};
    struct engine_tx *tx;
    TRY(engine_tx_new(ctx, e, &tx));
    engine_tx_enter(tx);
    nacre_status status = engine_tx_begin(ctx, tx, &options);
    if (status == NACRE_OK) status = choose_version(ctx, e, tx, r, op, found);
    engine_tx_leave(tx);
    engine_tx_free(tx);
    return status;
}

static nacre_status chosen_once(struct ctx *ctx, struct engine *e, const struct claim_request *r,
                                uint32_t tablet, struct result *out, bool *again) {
    struct command_idempotency idempotency;
    struct write_op op;
    bool found = false;
    *again = false;
    TRY(prepare_idempotency(ctx, &r->idempotency, "claim", tablet, slice_of(NULL, 0),
                            &idempotency));
    nacre_status status = choose_now(ctx, e, r, &op, &found);
    if (idempotency.present && !found) // it may have taken what was there
        return engine_look_up(ctx, e, &idempotency, status, out);
    if (status != NACRE_OK || !found) return status;
    status = engine_submit_op(ctx, e, &op, r->durability, &idempotency, out);
    *again = status == NACRE_VERSION_MISMATCH || status == NACRE_DOCUMENT_NOT_FOUND ||
             (status == NACRE_CONFLICT && !idempotency.present);
    return status;
}

static nacre_status claim_chosen(struct ctx *ctx, struct engine *e, const struct claim_request *r,
                                 uint32_t tablet, struct result *out) {
    for (int i = 0; i < CHOSEN_TRIES; i++) {
        bool again;
        *out = (struct result){0};
        nacre_status status = chosen_once(ctx, e, r, tablet, out, &again);
        if (!again) return status;
        TRY(ctx_check(ctx));
    }
    nacre_status status =
        err_set(ctx, NACRE_CONFLICT, "others took what this claim had chosen, every time");
    err_hint(ctx, "try again");
    return status;
}

// --- chosen by apply --------------------------------------------------------------------

// *chosen: apply cannot do it.
static nacre_status claim_path(struct ctx *ctx, struct engine *e, const struct claim_request *r,
                               const struct filter *filter, struct command_claim *command,
                               bool *chosen) {
    struct engine_collection handle = {0};
    TRY(engine_resolve(ctx, e, r->target, &handle));
    struct query_target target = {.view = engine_view(e), .cache = e->cache};
    const struct collection *c = catalog_by_tablet(target.view->catalog, handle.tablet);
    target.collection = c;
    *chosen = c && (!filter_is_pure(filter) || (command->set.n && prepare_has_patterns(c)));
    nacre_status status = NACRE_OK;
    command->path.tablet = handle.tablet;
    if (!*chosen) status = claim_plan(ctx, e, r, &target, filter, command);
    txn_view_release(target.view);
    return status;
}

static nacre_status claim_once(struct ctx *ctx, struct engine *e, const struct claim_request *r,
                               struct result *out) {
    struct command_claim command;
    struct filter *filter;
    bool chosen = false;
    struct buf payload BUF_CLEANUP = {0};
    TRY(prepare_claim(ctx, e, r, &command, &filter));
    TRY(claim_path(ctx, e, r, filter, &command, &chosen));
    if (chosen) return claim_chosen(ctx, e, r, command.path.tablet, out);
    buf_init(&payload, engine_budget(e), COMMAND_BYTES_MAX);
    TRY(prepare_idempotency(ctx, &r->idempotency, "claim", command.path.tablet, slice_of(NULL, 0),
                            &command.idempotency));
    command_claim_encode(&payload, &command);
    struct engine_command submit = {
        .type = COMMAND_CLAIM, .durability = r->durability, .tablet = command.path.tablet};
    return engine_submit_keyed(ctx, e, &submit, &payload, &command.idempotency, out);
}

// A plan that went stale between its making and apply (an index was dropped) is made again.
nacre_status engine_claim(struct ctx *ctx, struct engine *e, const struct claim_request *r,
                          struct result *out) {
    nacre_status status = NACRE_CONFLICT;
    for (int i = 0; i < CLAIM_TRIES && status == NACRE_CONFLICT; i++) {
        *out = (struct result){0};
        status = claim_once(ctx, e, r, out);
        if (r->idempotency.key.n) break;
    }
    if (status != NACRE_OK) prepare_set_pointers(ctx);
    return engine_recorded(ctx, status);
}

// --- in a transaction -------------------------------------------------------------------

static nacre_status claim_in(struct ctx *ctx, struct engine_tx *tx, const struct claim_request *r,
                             struct result *out) {
    struct write_op op;
    struct command_write command = {.atomic = true, .count = 1, .ops = &op};
    bool found = false;
    TRY(engine_tx_check(ctx, tx));
    TRY(engine_writable(ctx, engine_tx_engine(tx)));
    TRY(engine_tx_unkeyed(ctx, &r->idempotency));
    TRY(choose(ctx, tx, r, &op, &found));
    out->flags = found ? 0 : RESULT_EMPTY;
    return found ? engine_tx_run(ctx, tx, &command, out) : NACRE_OK;
}

nacre_status engine_tx_claim(struct ctx *ctx, struct engine_tx *tx, const struct claim_request *r,
                             struct result *out) {
    *out = (struct result){0};
    engine_tx_enter(tx);
    nacre_status status = claim_in(ctx, tx, r, out);
    engine_tx_leave(tx);
    if (status != NACRE_OK) prepare_set_pointers(ctx);
    return engine_recorded(ctx, status);
}
