// :explain runs the query or the count and tells what it took.
#include <stdio.h>

#include "base/text/num.h"
#include "query/exec.h"

struct explained {
    struct query_stats stats;
    uint64_t ns, step_ns[EXEC_STEPS], step_rows[EXEC_STEPS];
    bool steps[EXEC_STEPS];
};

static const char *access_name(enum query_access access) {
    static const char *const names[] = {
        [QUERY_ACCESS_SCAN] = "scan", [QUERY_ACCESS_ID] = "id", [QUERY_ACCESS_INDEX] = "index"};
    return names[access];
}

static void put_ms(struct buf *json, uint64_t ns) {
    char text[NUM_TEXT_MAX];
    buf_put(json, text, num_print_double((double)(ns / 1000) / 1000.0, text));
}

static void put_step(struct buf *json, const char *name, uint64_t rows, uint64_t ns, bool *any) {
    buf_printf(json, "%s{\"name\":\"%s\",\"rows\":%llu,\"ms\":", *any ? "," : "", name,
               (unsigned long long)rows);
    put_ms(json, ns);
    buf_put_u8(json, '}');
    *any = true;
}

static void put_answer(struct buf *json, const struct explained *e) {
    const struct query_stats *s = &e->stats;
    static const char *const names[EXEC_STEPS] = {
        [EXEC_FETCH] = "fetch", [EXEC_FILTER] = "filter", [EXEC_SORT] = "sort"};
    bool any = false;
    buf_printf(json, "{\"plan\":{\"access\":\"%s\"", access_name(s->access));
    if (s->index) {
        buf_put_str(json, ",\"index\":");
        json_write_str(json, slice_str(s->index));
    }
    buf_printf(json, "},\"keys_examined\":%llu,\"documents_examined\":%llu,\"rows_returned\":%llu",
               (unsigned long long)s->keys_examined, (unsigned long long)s->documents_examined,
               (unsigned long long)s->rows_returned);
    buf_put_str(json, ",\"steps\":[");
    put_step(json, access_name(s->access), s->keys_examined, e->step_ns[EXEC_ACCESS], &any);
    for (int i = EXEC_FETCH; i < EXEC_STEPS; i++)
        if (e->steps[i]) put_step(json, names[i], e->step_rows[i], e->step_ns[i], &any);
    buf_put_str(json, "],\"ms\":");
    put_ms(json, e->ns);
    buf_put_u8(json, '}');
}

static void look_back(const struct query *q, struct explained *out) {
    query_stats(q, &out->stats);
    memcpy(out->step_ns, q->ns, sizeof out->step_ns);
    out->steps[EXEC_FETCH] = q->source != EXEC_DOCUMENTS;
    out->step_rows[EXEC_FETCH] = q->examined;
    out->steps[EXEC_FILTER] = q->request.filter != NULL && q->examined > 0;
    out->step_rows[EXEC_FILTER] = q->matched;
    out->steps[EXEC_SORT] = q->stats.sorted;
    out->step_rows[EXEC_SORT] = q->rows[EXEC_SORT];
}

static nacre_status run_query(struct ctx *ctx, const struct query_target *target,
                              const struct query_request *request, struct explained *out) {
    struct exec_options options = {.timed = true};
    struct query_row row;
    struct query *q;
    bool found = true;
    TRY(exec_open(ctx, target, request, &options, &q));
    nacre_status status = NACRE_OK;
    while (status == NACRE_OK && found)
        status = query_next(ctx, q, &row, &found);
    look_back(q, out);
    query_close(q);
    return status;
}

static nacre_status run_count(struct ctx *ctx, const struct query_target *target,
                              const struct query_request *request, struct explained *out) {
    struct exec_options options = {.any_order = true, .timed = true};
    struct query_request all = {
        .filter = request->filter, .limit = QUERY_UNLIMITED, .now_ms = request->now_ms};
    struct query *q;
    uint64_t count;
    if (!request->filter || request->filter->root->op == FILTER_TRUE) {
        struct query_count_request none = {0};
        TRY(query_count(ctx, target, &none, &count, &out->stats));
        out->stats.rows_returned = count;
        return NACRE_OK;
    }
    TRY(exec_open(ctx, target, &all, &options, &q));
    nacre_status status = exec_count(ctx, q, &count);
    look_back(q, out);
    out->stats.rows_returned = count;
    query_close(q);
    return status;
}

static nacre_status refuse_member(struct ctx *ctx, struct slice name) {
    static const char *const later[] = {"search", "aggregate", "update", "delete"};
    static const char *const all[] = {"query", "count", "search", "aggregate", "update", "delete"};
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (slice_eq_str(name, later[i]))
            return err_set(ctx, NACRE_UNIMPLEMENTED, "explain of \"%s\" is not implemented yet",
                           later[i]);
    char word[64] = {0}, pointer[72];
    memcpy(word, name.p, name.n < sizeof word ? name.n : sizeof word - 1);
    snprintf(pointer, sizeof pointer, "/%s", word);
    nacre_status status =
        err_set(ctx, NACRE_INVALID_ARGUMENT, "explain has no member \"%s\"", word);
    err_expected(ctx, pointer, "query or count", word);
    const char *nearest = err_nearest(word, all, sizeof all / sizeof *all);
    if (nearest) err_suggest(ctx, nearest);
    return status;
}

// The one member, with its request.
static nacre_status parse(struct ctx *ctx, struct slice bson, bool *counts,
                          struct query_request *out) {
    struct bson_iter it = bson_iter_of(bson);
    struct slice name;
    struct val v;
    if (!bson_next(&it, &name, &v))
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "explain needs \"query\" or \"count\"");
    *counts = slice_eq_str(name, "count");
    if (!*counts && !slice_eq_str(name, "query")) return refuse_member(ctx, name);
    const char *pointer = *counts ? "/count" : "/query";
    if (v.type != VAL_OBJECT) {
        nacre_status status =
            err_set(ctx, NACRE_INVALID_ARGUMENT, "\"%s\" is an object", pointer + 1);
        err_expected(ctx, pointer, "an object", val_type_name(v.type));
        return status;
    }
    nacre_status status =
        (*counts ? query_count_parse : query_request_parse)(ctx, val_slice(v), out);
    if (status != NACRE_OK) err_prefix_pointers(ctx, pointer);
    TRY(status);
    if (!bson_next(&it, &name, &v)) return NACRE_OK;
    return err_set(ctx, NACRE_INVALID_ARGUMENT, "explain takes one of \"query\" and \"count\"");
}

nacre_status query_explain(struct ctx *ctx, const struct query_target *target, struct slice bson,
                           int64_t now_ms, struct buf *json) {
    struct query_request request;
    struct explained e = {0};
    bool counts = false;
    if (bson.n == 0)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "explain needs \"query\" or \"count\"");
    TRY(parse(ctx, bson, &counts, &request));
    request.now_ms = now_ms;
    uint64_t start = world_mono_ns(ctx->world);
    TRY((counts ? run_count : run_query)(ctx, target, &request, &e));
    e.ns = world_mono_ns(ctx->world) - start;
    put_answer(json, &e);
    return buf_status(json) == NACRE_OK ? NACRE_OK : err_buf(ctx, json);
}
