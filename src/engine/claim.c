// Claims: the plan is made here, from the published catalog, and travels in the command; apply
// chooses.
#include "engine/internal.h"
#include "filter/filter.h"
#include "index/sort_key.h"
#include "query/query.h"

enum { CLAIM_TRIES = 20, LEASE_MS_DEFAULT = 30000, EXAMINED_DEFAULT = 1000, EXAMINED_MAX = 100000 };

static nacre_status claim_filter(struct ctx *ctx, struct slice text, struct filter **out) {
    nacre_status status =
        filter_parse_any(ctx, text.n ? text : SLICE_LIT("{}"), &filter_regex_pcre2, out);
    if (status != NACRE_OK) {
        err_prefix_pointers(ctx, "/filter");
        return status;
    }
    if (filter_is_pure(*out)) return NACRE_OK;
    status =
        err_set(ctx, NACRE_UNIMPLEMENTED,
                "a claim cannot use $regex: it is decided where regular expressions do not run");
    err_hint(ctx,
             "use $startsWith or $contains, or a field that says what the expression looks for");
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

static nacre_status claim_schema(struct ctx *ctx, const struct claim_request *r,
                                 const struct collection *collection) {
    if (r->set.n) TRY(prepare_schema_decides(ctx, collection, "/set"));
    return r->on_expire.n ? prepare_schema_decides(ctx, collection, "/on_expire") : NACRE_OK;
}

static nacre_status claim_plan(struct ctx *ctx, struct engine *e, const struct claim_request *r,
                               const struct filter *filter, struct command_claim *out) {
    struct engine_collection handle = {0};
    struct sort_spec sort;
    TRY(sort_spec_parse(ctx, r->sort, &sort));
    TRY(engine_resolve(ctx, e, r->target, &handle));
    struct view *view = engine_view(e);
    const struct collection *collection = catalog_by_tablet(view->catalog, handle.tablet);
    struct query_target query = {
        .view = view, .cache = e->cache, .collection = collection, .memo = e->memo};
    nacre_status status = collection ? claim_schema(ctx, r, collection) : NACRE_OK;
    if (status == NACRE_OK)
        status = collection
                     ? query_plan_access(ctx, &query, filter, &sort, &out->path, &out->ordered)
                     : err_set(ctx, NACRE_COLLECTION_NOT_FOUND, "the collection was dropped");
    txn_view_release(view);
    return status;
}

static nacre_status claim_once(struct ctx *ctx, struct engine *e, const struct claim_request *r,
                               struct result *out) {
    struct command_claim command = {0};
    struct filter *filter;
    struct buf payload BUF_CLEANUP = {0};
    buf_init(&payload, engine_budget(e), COMMAND_BYTES_MAX);
    TRY(claim_filter(ctx, r->filter, &filter));
    TRY(claim_limits(ctx, r, &command));
    TRY(claim_plan(ctx, e, r, filter, &command));
    TRY(wrap_sort(ctx, r->sort, &command.sort));
    command.filter = filter->canonical;
    TRY(prepare_set(ctx, r->set, &command.set));
    TRY(on_expire(ctx, r->on_expire, &command.on_expire));
    world_random(e->world, command.token, sizeof command.token);
    TRY(prepare_idempotency(ctx, &r->idempotency, "claim", command.path.tablet, slice_of(NULL, 0),
                            &command.idempotency));
    command_claim_encode(&payload, &command);
    struct engine_command submit = {
        .type = COMMAND_CLAIM, .durability = r->durability, .tablet = command.path.tablet};
    nacre_status status = engine_submit_keyed(ctx, e, &submit, &payload, &command.idempotency, out);
    if (status != NACRE_OK) prepare_set_pointers(ctx);
    return status;
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
    return engine_recorded(ctx, status);
}
