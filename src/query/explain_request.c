#include "query/explain_request.h"

#include <stdio.h>

#include "query/request.h"

static const char *const kind_names[EXPLAIN_KINDS] = {"query", "count", "aggregate", "update",
                                                      "delete"};

static nacre_status refuse_member(struct ctx *ctx, struct slice name) {
    if (slice_eq_str(name, "search"))
        return err_set(ctx, NACRE_UNIMPLEMENTED, "explain of \"search\" is not implemented yet");
    char word[64] = {0}, pointer[72];
    memcpy(word, name.p, name.n < sizeof word ? name.n : sizeof word - 1);
    snprintf(pointer, sizeof pointer, "/%s", word);
    nacre_status status =
        err_set(ctx, NACRE_INVALID_ARGUMENT, "explain has no member \"%s\"", word);
    err_expected(ctx, pointer, "query, count, aggregate, update or delete", word);
    const char *nearest = err_nearest(word, kind_names, EXPLAIN_KINDS);
    if (nearest) err_suggest(ctx, nearest);
    return status;
}

static nacre_status keep(struct ctx *ctx, const struct buf *bytes, struct slice *out) {
    TRY(buf_status(bytes));
    const uint8_t *p = arena_copy(&ctx->arena, bytes->p, bytes->n);
    if (!p) return err_nomem(ctx);
    *out = slice_of(p, bytes->n);
    return NACRE_OK;
}

static nacre_status take_list(struct ctx *ctx, struct val v, struct patch *out) {
    struct buf bytes BUF_CLEANUP = {0};
    struct bson_writer w;
    struct slice ops;
    buf_init(&bytes, NULL, DOC_BYTES_MAX + 1024);
    bson_begin(&w, &bytes);
    bson_put(&w, SLICE_LIT("ops"), v);
    bson_end(&w);
    TRY(keep(ctx, &bytes, &ops));
    return patch_of_ops(ctx, ops, out);
}

static nacre_status take_patch(struct ctx *ctx, struct val v, struct patch *out) {
    nacre_status status;
    if (v.type == VAL_OBJECT)
        status = patch_of_object(ctx, val_slice(v), out);
    else if (v.type == VAL_ARRAY)
        status = take_list(ctx, v, out);
    else
        return request_bad(ctx, "/patch", "an object, or an array of RFC 6902", v,
                           "patch is what is to be done to each document");
    if (status != NACRE_OK) err_prefix_pointers(ctx, "/patch");
    return status;
}

static nacre_status lacks(struct ctx *ctx, const char *what, const char *pointer) {
    nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT, "%s needs a %s", what, pointer + 1);
    err_expected(ctx, pointer, "a member of this name", "none");
    if (slice_eq_str(slice_str(pointer), "/filter")) err_hint(ctx, "{} stands for every document");
    return status;
}

// {filter, patch, atomic?} or {filter, atomic?}.
static nacre_status parse_change(struct ctx *ctx, struct slice bson, struct explain_request *out) {
    static const char *const names[] = {"filter", "atomic", "patch"};
    bool update = out->kind == EXPLAIN_UPDATE, patched = false;
    const char *what = kind_names[out->kind];
    struct bson_iter it = bson_iter_of(bson);
    struct slice name;
    struct val v;
    out->query.limit = QUERY_UNLIMITED;
    while (bson_next(&it, &name, &v)) {
        if (slice_eq_str(name, "filter")) {
            TRY(request_take_filter(ctx, v, &out->query));
        } else if (slice_eq_str(name, "atomic")) {
            if (v.type != VAL_BOOL)
                return request_bad(ctx, "/atomic", "true or false", v, "atomic is true or false");
        } else if (update && slice_eq_str(name, "patch")) {
            patched = true;
            TRY(take_patch(ctx, v, &out->patch));
        } else {
            return request_unknown(ctx, name, what,
                                   update ? "filter, patch or atomic" : "filter or atomic", names,
                                   update ? 3 : 2);
        }
    }
    if (!out->query.filter) return lacks(ctx, what, "/filter");
    return update && !patched ? lacks(ctx, what, "/patch") : NACRE_OK;
}

static nacre_status parse_kind(struct ctx *ctx, struct slice bson, struct explain_request *out) {
    switch (out->kind) {
    case EXPLAIN_QUERY:
        return query_request_parse(ctx, bson, &out->query);
    case EXPLAIN_COUNT:
        return query_count_parse(ctx, bson, &out->query);
    case EXPLAIN_AGGREGATE:
        return aggregate_request_parse(ctx, bson, &out->aggregate);
    case EXPLAIN_UPDATE:
    case EXPLAIN_DELETE:
    case EXPLAIN_KINDS:
        break;
    }
    return parse_change(ctx, bson, out);
}

static nacre_status needs_one(struct ctx *ctx) {
    return err_set(
        ctx, NACRE_INVALID_ARGUMENT,
        "explain takes one of \"query\", \"count\", \"aggregate\", \"update\" and \"delete\"");
}

nacre_status explain_request_parse(struct ctx *ctx, struct slice bson,
                                   struct explain_request *out) {
    struct bson_iter it = bson_iter_of(bson);
    struct slice name;
    struct val v;
    char pointer[32];
    *out = (struct explain_request){0};
    if (!bson.n || !bson_next(&it, &name, &v)) return needs_one(ctx);
    while (out->kind < EXPLAIN_KINDS && !slice_eq_str(name, kind_names[out->kind]))
        out->kind++;
    if (out->kind == EXPLAIN_KINDS) return refuse_member(ctx, name);
    snprintf(pointer, sizeof pointer, "/%s", kind_names[out->kind]);
    if (v.type != VAL_OBJECT) {
        nacre_status status =
            err_set(ctx, NACRE_INVALID_ARGUMENT, "\"%s\" is an object", pointer + 1);
        err_expected(ctx, pointer, "an object", val_type_name(v.type));
        return status;
    }
    nacre_status status = parse_kind(ctx, val_slice(v), out);
    if (status != NACRE_OK) err_prefix_pointers(ctx, pointer);
    TRY(status);
    return bson_next(&it, &name, &v) ? needs_one(ctx) : NACRE_OK;
}
