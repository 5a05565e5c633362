// :explain runs the query or the count and tells what it took. Of a change of all that match it
// runs the search and works the patch out; nothing is changed.
#include "base/text/num.h"
#include "query/aggregate_run.h"
#include "query/explain_request.h"

struct explained {
    struct query_stats stats;
    uint64_t ns, step_ns[EXEC_STEPS], step_rows[EXEC_STEPS];
    bool steps[EXEC_STEPS];
    struct buf *plan, *plans; // what these members hold
    const char *last;         // a step after those of the query, NULL: there is none
    uint64_t last_ns, last_rows;
};

const char *query_access_name(enum query_access access) {
    static const char *const names[] = {
        [QUERY_ACCESS_SCAN] = "scan", [QUERY_ACCESS_ID] = "id", [QUERY_ACCESS_INDEX] = "index"};
    return names[access];
}

static void put_ms(struct buf *json, uint64_t ns) {
    char text[NUM_TEXT_MAX];
    uint64_t us = ns / 1000;
    buf_put(json, text, num_print_double((double)us / 1000.0, text));
}

static void put_step(struct buf *json, const char *name, uint64_t rows, uint64_t ns, bool *any) {
    buf_printf(json, "%s{\"name\":\"%s\",\"rows\":%llu,\"ms\":", *any ? "," : "", name,
               (unsigned long long)rows);
    put_ms(json, ns);
    buf_put_u8(json, '}');
    *any = true;
}

// A guess, with one digit after the point.
static void put_guess(struct buf *json, const char *name, double guess) {
    char text[NUM_TEXT_MAX];
    double rounded = guess < 1e15 ? (double)(uint64_t)(guess * 10 + 0.5) / 10 : guess;
    buf_printf(json, ",\"%s\":", name);
    buf_put(json, text, num_print_double(rounded, text));
}

static void put_path(struct buf *json, const struct plan *plan) {
    buf_printf(json, "\"access\":\"%s\"", query_access_name(plan->access));
    if (plan->index) {
        buf_put_str(json, ",\"index\":");
        json_write_str(json, slice_str(plan->index->name));
    }
    if (plan->tells) buf_put_str(json, ",\"index_only\":true");
    if (!plan->join) return;
    buf_printf(json, ",\"join\":\"%s\",\"of\":[", plan_join_name(plan->join));
    for (uint32_t i = 0; i < plan->part_count; i++) {
        buf_put_str(json, i ? ",{" : "{");
        put_path(json, &plan->parts[i]);
        buf_put_u8(json, '}');
    }
    buf_put_u8(json, ']');
}

static void put_way(struct buf *json, const struct plan *plan) {
    buf_put_u8(json, '{');
    put_path(json, plan);
    if (plan->why) return;
    put_guess(json, "keys", plan->keys);
    put_guess(json, "cost", plan->cost);
}

// The plan that ran, then the others with what speaks against them.
static void put_plans(struct buf *json, const struct query *q) {
    const struct plan_choice *c = &q->choice;
    uint32_t ran = q->plan == &c->fallback ? c->fallback_taken : c->taken;
    buf_put_str(json, ",\"plans\":[");
    put_way(json, &c->candidates[ran]);
    for (uint32_t i = 0; i < c->candidate_count; i++) {
        const struct plan *plan = &c->candidates[i];
        const char *why = plan->why;
        if (i == ran) continue;
        if (!why) why = i == c->taken ? "holds too many ids" : "costs more";
        buf_put_str(json, "},");
        put_way(json, plan);
        buf_printf(json, ",\"why\":\"%s\"", why);
    }
    buf_put_str(json, "}]");
}

static void put_answer(struct buf *json, const struct explained *e) {
    const struct query_stats *s = &e->stats;
    static const char *const names[EXEC_STEPS] = {
        [EXEC_FETCH] = "fetch", [EXEC_FILTER] = "filter", [EXEC_SORT] = "sort"};
    bool any = false;
    buf_put_str(json, "{\"plan\":{");
    if (e->plan->n)
        buf_put_slice(json, buf_slice(e->plan));
    else
        put_path(json, &(struct plan){.access = s->access});
    buf_printf(json, "},\"keys_examined\":%llu,\"documents_examined\":%llu,\"rows_returned\":%llu",
               (unsigned long long)s->keys_examined, (unsigned long long)s->documents_examined,
               (unsigned long long)s->rows_returned);
    if (s->spilled_bytes)
        buf_printf(json, ",\"spilled_bytes\":%llu", (unsigned long long)s->spilled_bytes);
    buf_put_slice(json, buf_slice(e->plans));
    buf_put_str(json, ",\"steps\":[");
    if (s->plans) put_step(json, "plan", s->plans, e->step_ns[EXEC_PLAN], &any);
    put_step(json, query_access_name(s->access), s->keys_examined, e->step_ns[EXEC_ACCESS], &any);
    for (int i = EXEC_FETCH; i < EXEC_STEPS; i++)
        if (e->steps[i]) put_step(json, names[i], e->step_rows[i], e->step_ns[i], &any);
    if (e->last) put_step(json, e->last, e->last_rows, e->last_ns, &any);
    buf_put_str(json, "],\"ms\":");
    put_ms(json, e->ns);
    buf_put_u8(json, '}');
}

static void look_back(const struct query *q, struct explained *out) {
    query_stats(q, &out->stats);
    put_path(out->plan, q->plan);
    put_plans(out->plans, q);
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
    struct exec_options options = {.any_order = true, .counts = true, .timed = true};
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

static nacre_status run_aggregate(struct ctx *ctx, const struct query_target *target,
                                  const struct aggregate_request *request, struct explained *out) {
    struct aggregate *a;
    struct slice row;
    bool found = true;
    TRY(aggregate_run(ctx, target, request, true, &a));
    nacre_status status = NACRE_OK;
    while (status == NACRE_OK && found)
        status = aggregate_next(ctx, a, &row, &found);
    if (a->source) look_back(a->source, out);
    aggregate_stats(a, &out->stats);
    out->last = "group";
    out->last_rows = a->group_count;
    out->last_ns = a->ns;
    aggregate_close(a);
    return status;
}

// What a document would become; one that the patch does not fit is not counted.
static nacre_status work_out(struct ctx *ctx, const struct patch *patch,
                             const struct query_row *row, int64_t now_ms, struct explained *out) {
    struct buf after BUF_CLEANUP = {0};
    struct arena_mark mark = arena_mark(&ctx->arena);
    uint64_t start = world_mono_ns(ctx->world);
    buf_init(&after, ctx->arena.budget, DOC_BYTES_MAX);
    nacre_status status = patch_apply(ctx, patch, row->row.body, now_ms, &after);
    out->last_ns += world_mono_ns(ctx->world) - start;
    out->last_rows += status == NACRE_OK;
    arena_rewind(&ctx->arena, mark);
    if (status != NACRE_INVALID_ARGUMENT && status != NACRE_CONDITION_FAILED &&
        status != NACRE_DOCUMENT_TOO_LARGE)
        return status;
    err_clear(ctx);
    return NACRE_OK;
}

static nacre_status run_change(struct ctx *ctx, const struct query_target *target,
                               const struct explain_request *request, struct explained *out) {
    struct exec_options options = {.timed = true};
    struct query_row row;
    struct query *q;
    bool found = true;
    if (request->kind == EXPLAIN_UPDATE) out->last = "patch";
    TRY(exec_open(ctx, target, &request->query, &options, &q));
    nacre_status status = NACRE_OK;
    while (status == NACRE_OK && found) {
        status = query_next(ctx, q, &row, &found);
        if (status == NACRE_OK && found && out->last)
            status = work_out(ctx, &request->patch, &row, request->query.now_ms, out);
    }
    look_back(q, out);
    query_close(q);
    return status;
}

static nacre_status run(struct ctx *ctx, const struct query_target *target,
                        const struct explain_request *request, struct explained *out) {
    if (request->kind == EXPLAIN_AGGREGATE)
        return run_aggregate(ctx, target, &request->aggregate, out);
    if (request->kind == EXPLAIN_UPDATE || request->kind == EXPLAIN_DELETE)
        return run_change(ctx, target, request, out);
    return (request->kind == EXPLAIN_COUNT ? run_count : run_query)(ctx, target, &request->query,
                                                                    out);
}

nacre_status query_explain(struct ctx *ctx, const struct query_target *target, struct slice bson,
                           int64_t now_ms, struct buf *json) {
    struct explain_request request = {0};
    struct buf plan BUF_CLEANUP = {0}, plans BUF_CLEANUP = {0};
    struct explained e = {.plan = &plan, .plans = &plans};
    buf_init(&plan, ctx->arena.budget, DOC_BYTES_MAX);
    buf_init(&plans, ctx->arena.budget, DOC_BYTES_MAX);
    TRY(explain_request_parse(ctx, bson, &request));
    request.query.now_ms = request.aggregate.query.now_ms = now_ms;
    uint64_t start = world_mono_ns(ctx->world);
    TRY(run(ctx, target, &request, &e));
    e.ns = world_mono_ns(ctx->world) - start;
    if (buf_status(&plan) != NACRE_OK) return err_buf(ctx, &plan);
    if (buf_status(&plans) != NACRE_OK) return err_buf(ctx, &plans);
    put_answer(json, &e);
    return buf_status(json) == NACRE_OK ? NACRE_OK : err_buf(ctx, json);
}
