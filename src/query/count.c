// Counting: from counters, from keys alone, or by looking at documents.
#include <stdio.h>

#include "query/exec.h"

enum { COUNT_CHECK = 256 };

static bool has_filter(const struct query_count_request *request) {
    return request->filter && request->filter->root->op != FILTER_TRUE;
}

static nacre_status count_all(struct ctx *ctx, const struct query_target *target, uint64_t *out,
                              struct query_stats *stats) {
    struct tablet_counters counters;
    struct view *view = target->view;
    if (view->counted) view->counted(view, target->collection->tablet);
    TRY(tablet_read(ctx, target->view->kv, target->view->kv_view, target->collection->tablet,
                    &counters));
    *out = counters.documents;
    *stats = (struct query_stats){0};
    return NACRE_OK;
}

// Q2: whether a key in the ranges is a document that matches. Documents' keys have markers among
// them.
static bool keys_suffice(const struct query *q) { return q->plan->by_keys && q->exact; }

static nacre_status count_keys(struct ctx *ctx, struct query *q, uint64_t *out) {
    if (q->source == EXEC_IDS) {
        *out = q->gather.count;
        return NACRE_OK;
    }
    for (bool found = true;; ++*out) {
        if (*out % COUNT_CHECK == 0) TRY(ctx_check(ctx));
        TRY(scan_next(ctx, &q->scan, &found));
        if (!found) return NACRE_OK;
    }
}

static nacre_status count_matches(struct ctx *ctx, struct query *q, uint64_t *out) {
    struct query_row row;
    uint64_t run;
    for (bool found = true;; ++*out) {
        TRY(exec_match(ctx, q, &row, &run, &found));
        if (!found) break;
    }
    *out += q->told;
    return NACRE_OK;
}

nacre_status exec_count(struct ctx *ctx, struct query *q, uint64_t *out) {
    *out = 0;
    return keys_suffice(q) ? count_keys(ctx, q, out) : count_matches(ctx, q, out);
}

nacre_status query_count(struct ctx *ctx, const struct query_target *target,
                         const struct query_count_request *request, uint64_t *out,
                         struct query_stats *stats) {
    struct query_request query = {.filter = request->filter,
                                  .limit = QUERY_UNLIMITED,
                                  .forbid_indexes = request->forbid_indexes,
                                  .forced_plan = request->forced_plan,
                                  .now_ms = request->now_ms};
    struct exec_options options = {.any_order = true, .counts = true};
    struct query_stats unused;
    struct query *q;
    uint64_t count = 0;
    if (!stats) stats = &unused;
    if (!has_filter(request) && !target->view->past) return count_all(ctx, target, out, stats);
    TRY(exec_open(ctx, target, &query, &options, &q));
    nacre_status status = exec_count(ctx, q, &count);
    query_stats(q, stats);
    query_close(q);
    if (status == NACRE_OK) *out = count;
    return status;
}

static void tell_plan(const struct plan *plan, char *out, size_t room) {
    const char *name = plan->index ? plan->index->name : "";
    if (plan->join != PLAN_ALONE)
        snprintf(out, room, "%s of %u indexes", plan->join == PLAN_UNION ? "union" : "intersection",
                 plan->part_count);
    else
        snprintf(out, room, "%s%s%s", query_access_name(plan->access), name[0] ? " " : "", name);
}

nacre_status exec_opened(struct ctx *ctx, struct query *q) {
    struct query_count_request count = {.filter = q->request.filter,
                                        .forbid_indexes = q->request.forbid_indexes,
                                        .forced_plan = q->request.forced_plan,
                                        .now_ms = q->request.now_ms};
    if (q->own.watch) tell_plan(q->plan, q->own.watch->plan, sizeof q->own.watch->plan);
    if (!q->request.count_exact) return NACRE_OK;
    return query_count(ctx, &q->target, &count, &q->total, NULL);
}
