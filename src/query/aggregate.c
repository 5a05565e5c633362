// Documents that match go into groups one after the other. Groups that are more than memory is
// meant for go to a sorter as they are, and are put together again as it gives them out.
#include "query/aggregate.h"

#include "query/aggregate_run.h"

enum { AGGREGATE_KEY_MAX = 512 * 1024 * 1024, AGGREGATE_CHECK = 256 };

// --- reading ------------------------------------------------------------------------------------

static bool is_full(const struct aggregate *a) {
    struct spill_place *place = a->target.spill;
    const struct groups *groups = &a->groups;
    return place && groups_bytes(groups) >= spill_work_bytes(place, groups->arena.budget);
}

static nacre_status add_document(struct ctx *ctx, struct aggregate *a, const struct row *row) {
    struct doc_sys sys;
    struct doc doc;
    if (is_full(a)) TRY(groups_spill(ctx, &a->groups, &a->spilled));
    row_doc(row, a->request.query.now_ms, &sys, &doc);
    return groups_add(ctx, &a->groups, &doc);
}

static void needs_of(const struct aggregate_request *r, const struct path **paths,
                     struct cover_needs *out) {
    *out = (struct cover_needs){.paths = paths, .nulls = true};
    for (uint32_t i = 0; i < r->key_count; i++)
        paths[out->count++] = &r->keys[i];
    for (uint32_t i = 0; i < r->item_count; i++)
        if (!r->items[i].documents) paths[out->count++] = &r->items[i].path;
}

static nacre_status group_all(struct ctx *ctx, struct aggregate *a, bool timed) {
    const struct path *paths[AGGREGATE_KEYS_MAX + AGGREGATES_MAX];
    struct cover_needs needs;
    needs_of(&a->request, paths, &needs);
    struct query_request all = {.filter = a->request.query.filter,
                                .limit = QUERY_UNLIMITED,
                                .forbid_indexes = a->request.query.forbid_indexes,
                                .now_ms = a->request.query.now_ms};
    struct exec_options options = {.any_order = true, .timed = timed, .needs = &needs};
    struct query_row row;
    uint64_t run;
    TRY(exec_open(ctx, &a->target, &all, &options, &a->source));
    for (bool found = true;;) {
        TRY(exec_match(ctx, a->source, &row, &run, &found));
        if (!found) return NACRE_OK;
        uint64_t clock = exec_clock(ctx, a->source);
        TRY(add_document(ctx, a, &row.row));
        if (timed) a->ns += exec_clock(ctx, a->source) - clock;
    }
}

// --- counts alone -------------------------------------------------------------------------------

static bool only_counts(const struct aggregate_request *r) {
    for (uint32_t i = 0; i < r->item_count; i++)
        if (!r->items[i].documents) return false;
    return r->key_count == 0;
}

static nacre_status count_all(struct ctx *ctx, struct aggregate *a, struct group *group) {
    struct query_count_request count = {.filter = a->request.query.filter,
                                        .forbid_indexes = a->request.query.forbid_indexes,
                                        .now_ms = a->request.query.now_ms};
    uint64_t documents;
    TRY(query_count(ctx, &a->target, &count, &documents, &a->stats));
    for (uint32_t i = 0; i < a->request.item_count; i++)
        group->items[i].count = documents;
    return NACRE_OK;
}

// --- whole groups -------------------------------------------------------------------------------

static nacre_status rank_all(struct ctx *ctx, struct aggregate *a) {
    key_set_free(&a->groups.distinct);
    for (const struct group *group = a->groups.first; group; group = group->next) {
        if (group->serial % AGGREGATE_CHECK == 0) TRY(ctx_check(ctx));
        TRY(aggregate_rank(ctx, a, group));
    }
    groups_reset(&a->groups);
    return NACRE_OK;
}

// One record into the group that it is of. The one before is whole when another begins.
static nacre_status take_record(struct ctx *ctx, struct aggregate *a, struct slice bytes,
                                struct group **group) {
    struct group_record record;
    if (!groups_split_record(bytes, &record) || record.kind > a->request.item_count)
        return err_set(ctx, NACRE_CORRUPT, "a temporary file does not hold the groups written");
    if (!*group || !slice_eq((*group)->entry.key, record.keys)) {
        if (*group) TRY(aggregate_rank(ctx, a, *group));
        arena_reset(&a->one);
        *group = groups_make(&a->one, &a->request, record.keys);
        if (!*group) return err_nomem(ctx);
        buf_reset(&a->last);
    }
    if (record.kind == 0) return groups_merge_state(ctx, &a->one, &a->request, *group, record.rest);
    if (slice_eq(bytes, buf_slice(&a->last))) return NACRE_OK;
    (*group)->items[record.kind - 1].count++;
    buf_reset(&a->last);
    buf_put_slice(&a->last, bytes);
    return buf_status(&a->last) == NACRE_OK ? NACRE_OK : err_buf(ctx, &a->last);
}

static nacre_status rank_spilled(struct ctx *ctx, struct aggregate *a) {
    struct group *group = NULL;
    struct slice bytes;
    TRY(groups_spill(ctx, &a->groups, &a->spilled));
    for (bool found = true;;) {
        TRY(sorter_next(ctx, &a->spilled, &bytes, &found));
        if (!found) break;
        TRY(take_record(ctx, a, bytes, &group));
    }
    if (group) TRY(aggregate_rank(ctx, a, group));
    a->spilled_bytes = a->spilled.spill.written;
    sorter_free(&a->spilled);
    return NACRE_OK;
}

// --- opening ------------------------------------------------------------------------------------

static nacre_status run(struct ctx *ctx, struct aggregate *a, bool timed) {
    struct group *whole = NULL;
    TRY(aggregate_read_cursor(ctx, a));
    if (a->request.key_count == 0) TRY(groups_whole(ctx, &a->groups, &whole));
    TRY(only_counts(&a->request) ? count_all(ctx, a, whole) : group_all(ctx, a, timed));
    return sorter_is_empty(&a->spilled) ? rank_all(ctx, a) : rank_spilled(ctx, a);
}

nacre_status aggregate_run(struct ctx *ctx, const struct query_target *target,
                           const struct aggregate_request *request, bool timed,
                           struct aggregate **out) {
    struct budget *budget = ctx->arena.budget;
    size_t max = ctx->arena.max;
    struct aggregate *a = mem_zalloc(sizeof *a);
    if (!a) return err_nomem(ctx);
    a->target = *target;
    a->request = *request;
    ctx_init(&a->own, ctx->world, budget, max);
    groups_init(&a->groups, &a->request, budget, max);
    sorter_init(&a->spilled, target->spill, budget, max);
    arena_init(&a->one, budget, max);
    sorter_init(&a->rows, target->spill, budget, max);
    sorter_reset(&a->rows, (size_t)request->query.limit + 1); // one more: is there a next page?
    buf_init(&a->key, budget, AGGREGATE_KEY_MAX);
    buf_init(&a->row, budget, AGGREGATE_KEY_MAX);
    buf_init(&a->last, budget, AGGREGATE_KEY_MAX);
    nacre_status status = run(ctx, a, timed);
    if (status == NACRE_OK)
        *out = a;
    else
        aggregate_close(a);
    return status;
}

nacre_status aggregate_open(struct ctx *ctx, const struct query_target *target,
                            const struct aggregate_request *request, struct aggregate **out) {
    return aggregate_run(ctx, target, request, false, out);
}

void aggregate_stats(const struct aggregate *a, struct query_stats *out) {
    *out = a->stats;
    if (a->source) query_stats(a->source, out);
    out->rows_returned = a->returned;
    out->spilled_bytes = a->spilled_bytes + a->rows.spill.written;
}

void aggregate_close(struct aggregate *a) {
    if (!a) return;
    query_close(a->source);
    groups_free(&a->groups);
    sorter_free(&a->spilled);
    sorter_free(&a->rows);
    arena_free(&a->one);
    buf_free(&a->key);
    buf_free(&a->row);
    buf_free(&a->last);
    ctx_free(&a->own);
    mem_free(a);
}
