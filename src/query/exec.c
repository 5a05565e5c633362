#include "query/exec.h"

#include "query/cursor.h"
#include "query/project.h"

enum { EXEC_KEY_MAX = 512 * 1024 * 1024 };
// Pages up to this many rows leave their documents in the cache; larger ones would wash it.
enum { EXEC_KEEPS_MAX = 1000 };

// --- opening ------------------------------------------------------------------------------------

static struct cursor_scope scope_of(const struct query *q) {
    const struct filter *filter = q->request.filter;
    bool all = !filter || filter->root->op == FILTER_TRUE;
    return (struct cursor_scope){.filter_hash = all ? 0 : filter_hash(filter),
                                 .sort_hash = cursor_sort_hash(&q->request.sort),
                                 .collection_id = q->target.collection->id};
}

static bool orders_by_id(const struct plan *plan) { return plan->order.terms[0].is_id; }

// Ids in their order: those up to the cursor are behind.
static void skip_ids(struct query *q) {
    struct gather *g = &q->gather;
    if (q->after.n == 0 || q->one_run) return;
    struct slice id = q->after;
    for (uint32_t i = 0; i < q->request.sort.count; i++)
        id = slice_skip(id, key_component_size(id, q->request.sort.terms[i].descending));
    while (g->next < g->count) {
        struct slice next = g->ids[g->descending ? g->count - 1 - g->next : g->next];
        int c = slice_cmp(next, id);
        if (g->descending ? c < 0 : c > 0) return;
        g->next++;
    }
}

static nacre_status start_scan(struct query *q, struct plan *plan) {
    struct buf resume BUF_CLEANUP = {0};
    buf_init(&resume, q->own.arena.budget, EXEC_KEY_MAX);
    if (q->after.n && plan->serves > PLAN_UNORDERED)
        TRY(scan_clip(&q->own, plan, &q->request.sort, q->after, &resume));
    q->scan.keys = &q->stats.keys_examined;
    q->scan.cover = plan->covers && plan == q->plan ? &q->cover : NULL;
    q->cover.index = plan->index;
    return scan_open(&q->own, &q->scan, &q->target, plan, &resume);
}

// The ids of one path, into a list or out of it.
static nacre_status gather_part(struct query *q, struct plan *part, size_t max, bool narrows,
                                bool *over) {
    if (!part->index) {
        q->stats.keys_examined += part->path.range_count;
        return gather_points(&q->own, &q->gather, part);
    }
    TRY(start_scan(q, part));
    nacre_status status = narrows ? gather_narrow(&q->own, &q->gather, &q->scan, over)
                                  : gather_read(&q->own, &q->gather, &q->scan, max, over);
    scan_close(&q->scan);
    return status;
}

// Where narrowing is not worth it there are more ids, and what they name must be looked at.
static nacre_status gather_parts(struct query *q, size_t max, bool *over) {
    struct plan *plan = q->plan;
    bool all = plan->join == PLAN_INTERSECTION, wide = false;
    uint32_t added = plan->join == PLAN_UNION ? plan->part_count : 1;
    for (uint32_t i = 0; i < added && !*over; i++)
        TRY(gather_part(q, plan->join ? &plan->parts[i] : plan, max, false, over));
    if (*over) return NACRE_OK;
    gather_finish(&q->gather);
    if (all) TRY(gather_part(q, &plan->parts[1], max, true, &wide));
    q->exact &= !wide;
    return NACRE_OK;
}

// The ids of all keys; *over: they are too many.
static nacre_status start_gather(struct query *q, bool *over) {
    bool by_keys = q->options.any_order && q->exact && q->plan->by_keys; // no document is read
    size_t max = by_keys ? SIZE_MAX : gather_max(q->choice.documents, exec_reach(&q->request));
    uint64_t clock = exec_clock(&q->own, q);
    TRY(gather_parts(q, max, over));
    exec_spent(&q->own, q, EXEC_ACCESS, clock);
    return NACRE_OK;
}

static nacre_status start(struct query *q) {
    bool any_order = q->options.any_order, over = false;
    bool points = !q->plan->index && q->plan->points && q->plan->bounded;
    bool gathers = plan_gathers(q->plan, any_order);
    q->exact = q->plan->exact;
    if (gathers) TRY(start_gather(q, &over));
    if (over) {
        q->plan = &q->choice.fallback;
        return start(q);
    }
    q->stats.access = q->plan->access;
    q->stats.index = q->plan->index ? q->plan->index->name : NULL;
    q->stats.join = plan_join_name(q->plan->join);
    q->source = gathers || points ? EXEC_IDS : q->plan->index ? EXEC_ENTRIES : EXEC_DOCUMENTS;
    bool by_id = q->source == EXEC_IDS && orders_by_id(q->plan);
    q->one_run = !any_order && q->plan->serves == PLAN_UNORDERED && !by_id;
    q->stats.sorted = q->one_run || (!any_order && q->plan->serves == PLAN_RUNS);
    q->gather.descending = by_id && q->plan->order.terms[0].descending;
    q->repeats = q->source == EXEC_ENTRIES && q->plan->repeats;
    q->tells = q->source == EXEC_ENTRIES && q->plan->tells;
    q->cover.fields = q->plan->tell_fields;
    if (q->repeats) TRY(exec_keep_ranges(q, q->plan));
    if (q->source != EXEC_IDS) return start_scan(q, q->plan);
    if (points) {
        TRY(gather_points(&q->own, &q->gather, q->plan));
        gather_finish(&q->gather);
    }
    skip_ids(q);
    return NACRE_OK;
}

// What the rows' fields and their order ask of a document; *out NULL: more than an index tells, as
// it does not know in what order the document has several fields.
static nacre_status needs_of(struct query *q, struct cover_needs *room,
                             const struct cover_needs **out) {
    const struct query_request *r = &q->request;
    const struct path **paths =
        ARENA_ARRAY(&q->own.arena, const struct path *, (size_t)SORT_TERMS_MAX + 1);
    struct path *field = ARENA_NEW(&q->own.arena, struct path);
    bool one;
    *out = q->options.needs;
    if (*out || !r->fields) return NACRE_OK;
    if (!paths || !field) return err_nomem(&q->own);
    TRY(project_one(&q->own, r->fields, field, &one));
    if (!one) return NACRE_OK;
    *room = (struct cover_needs){.paths = paths};
    if (field->count) paths[room->count++] = field;
    for (uint32_t i = 0; i < r->sort.count; i++)
        paths[room->count++] = &r->sort.terms[i].path;
    *out = room;
    return NACRE_OK;
}

static nacre_status plan_it(struct query *q) {
    struct cover_needs room;
    const struct cover_needs *needs;
    TRY(needs_of(q, &room, &needs));
    q->cover.nulls = needs && needs->nulls;
    struct plan_request request = {
        .target = &q->target,
        .root = q->request.filter ? q->request.filter->root : NULL,
        .sort = &q->request.sort,
        .limit = exec_reach(&q->request),
        .forbid_indexes = q->request.forbid_indexes,
        .any_order = q->options.any_order,
        .needs = q->options.counts ? NULL : needs,
        .forced = q->request.forced_plan,
    };
    struct cursor_scope scope = scope_of(q);
    if (q->request.cursor.n)
        TRY(cursor_read(&q->own, q->request.cursor, &scope, &q->request.sort, &q->after));
    if (q->request.after.n) {
        const uint8_t *p = arena_copy(&q->own.arena, q->request.after.p, q->request.after.n);
        if (!p) return err_nomem(&q->own);
        q->after = slice_of(p, q->request.after.n);
    }
    q->request.cursor = q->request.after = slice_of(NULL, 0); // were the caller's
    uint64_t clock = exec_clock(&q->own, q);
    TRY(plan_make(&q->own, &request, &q->choice));
    exec_spent(&q->own, q, EXEC_PLAN, clock);
    q->plan = &q->choice.plan;
    return start(q);
}

static size_t keep_of(const struct query *q) {
    if (q->request.limit == QUERY_UNLIMITED) return SIZE_MAX;
    return (size_t)q->skip + q->request.limit - q->returned +
           1; // one more tells whether there is a next page
}

nacre_status exec_open(struct ctx *ctx, const struct query_target *target,
                       const struct query_request *request, const struct exec_options *options,
                       struct query **out) {
    struct budget *budget = ctx->arena.budget;
    struct query *q = mem_zalloc(sizeof *q);
    if (!q) return err_nomem(ctx);
    q->target = *target;
    q->request = *request;
    q->options = *options;
    q->skip = request->offset;
    ctx_init(&q->own, ctx->world, budget, ctx->arena.max);
    q->own.deadline_ns = ctx->deadline_ns;
    q->own.cancel = ctx->cancel;
    q->own.watch = ctx->watch;
    gather_init(&q->gather, budget, false);
    fetch_init(&q->fetch, &q->target, budget);
    fetch_init(&q->sorted, &q->target, budget);
    q->fetch.keeps = q->sorted.keeps = exec_reach(request) <= EXEC_KEEPS_MAX;
    sorter_init(&q->sorter, target->spill, budget, ctx->arena.max);
    sorter_reset(&q->sorter, keep_of(q));
    buf_init(&q->key, budget, EXEC_KEY_MAX);
    buf_init(&q->run_key, budget, EXEC_KEY_MAX);
    cover_init(&q->cover, request->filter, budget);
    buf_init(&q->entries, budget, EXEC_KEY_MAX);
    nacre_status status = plan_it(q);
    if (status != NACRE_OK) ctx->err = q->own.err;
    if (status == NACRE_OK) status = exec_opened(ctx, q);
    if (status != NACRE_OK) {
        query_close(q);
        return status;
    }
    *out = q;
    return NACRE_OK;
}

nacre_status query_open(struct ctx *ctx, const struct query_target *target,
                        const struct query_request *request, struct query **out) {
    struct exec_options options = {0};
    return exec_open(ctx, target, request, &options, out);
}

void query_close(struct query *q) {
    if (!q) return;
    if (q->own.watch) atomic_store(&q->own.watch->examined, q->examined);
    scan_close(&q->scan);
    gather_free(&q->gather);
    fetch_free(&q->fetch);
    fetch_free(&q->sorted);
    sorter_free(&q->sorter);
    buf_free(&q->key);
    buf_free(&q->run_key);
    cover_free(&q->cover);
    buf_free(&q->entries);
    ctx_free(&q->own);
    mem_free(q);
}

// --- rows ---------------------------------------------------------------------------------------

// The sort key of a row, in q->key; not all of it if it is not below the limit.
static nacre_status make_key(struct ctx *ctx, struct query *q, const struct query_row *row,
                             struct sort_limit *limit) {
    struct doc_sys sys;
    struct doc doc;
    row_doc(&row->row, q->request.now_ms, &sys, &doc);
    buf_reset(&q->key);
    return sort_key_below(ctx, &q->request.sort, &doc, row->id_key, limit, &q->key);
}

static bool is_after_cursor(const struct query *q) {
    return q->after.n == 0 || slice_cmp(buf_slice(&q->key), q->after) > 0;
}

static nacre_status pass_cursor(struct ctx *ctx, struct query *q, const struct query_row *row,
                                bool *passed) {
    if (q->after.n && !q->past) {
        TRY(make_key(ctx, q, row, NULL));
        q->past = is_after_cursor(q);
    }
    *passed = q->after.n == 0 || q->past;
    return NACRE_OK;
}

static nacre_status add_sorted(struct ctx *ctx, struct query *q, const struct query_row *row,
                               uint64_t run) {
    uint64_t clock = exec_clock(ctx, q);
    struct sort_limit limit = {.bound = sorter_bound(&q->sorter)};
    q->sorting = run;
    nacre_status status = make_key(ctx, q, row, &limit);
    if (status == NACRE_OK && limit.below && is_after_cursor(q))
        status = sorter_add(ctx, &q->sorter, buf_slice(&q->key));
    q->rows[EXEC_SORT]++;
    exec_spent(ctx, q, EXEC_SORT, clock);
    return status;
}

static struct slice id_of_key(const struct query *q, struct slice key) {
    for (uint32_t i = 0; i < q->request.sort.count; i++)
        key = slice_skip(key, key_component_size(key, q->request.sort.terms[i].descending));
    return key;
}

static nacre_status load_sorted(struct ctx *ctx, struct query *q) {
    struct slice key;
    uint64_t clock = exec_clock(ctx, q);
    fetch_reset(&q->sorted);
    bool found = true;
    for (; found && q->skip > 1; q->skip -= found) // the last is passed over by who asks
        TRY(sorter_next(ctx, &q->sorter, &key, &found));
    while (q->sorted.count < FETCH_MAX) {
        TRY(sorter_next(ctx, &q->sorter, &key, &found));
        if (!found) break;
        TRY(fetch_add(ctx, &q->sorted, id_of_key(q, key), 0));
    }
    exec_spent(ctx, q, EXEC_SORT, clock);
    return fetch_load(ctx, &q->sorted);
}

static nacre_status give_sorted(struct ctx *ctx, struct query *q, struct query_row *out,
                                bool *found) {
    uint64_t run;
    *found = false;
    if (q->sorted.next == q->sorted.count) TRY(load_sorted(ctx, q));
    if (q->sorted.count == 0) {
        q->gives_sorted = false;
        sorter_reset(&q->sorter, keep_of(q));
        return NACRE_OK;
    }
    TRY(ctx_check(ctx));
    TRY(fetch_next(ctx, &q->sorted, out, &run, found));
    if (!*found) return err_set(ctx, NACRE_INTERNAL, "a document left the view of the query");
    return NACRE_OK;
}

static nacre_status take_pending(struct ctx *ctx, struct query *q) {
    bool found;
    if (q->has_pending || q->source_done) return NACRE_OK;
    TRY(exec_match(ctx, q, &q->pending, &q->pending_run, &found));
    q->has_pending = found;
    q->source_done = !found;
    return NACRE_OK;
}

// The next row whatever the limit, in the order asked for.
static nacre_status pull(struct ctx *ctx, struct query *q, struct query_row *out, bool *found) {
    *found = false;
    for (;;) {
        if (q->gives_sorted) TRY(give_sorted(ctx, q, out, found));
        if (*found) return NACRE_OK;
        TRY(take_pending(ctx, q));
        bool run_ends = q->source_done || q->pending_run != q->sorting;
        if (run_ends && !sorter_is_empty(&q->sorter)) {
            q->gives_sorted = true;
            continue;
        }
        if (q->source_done) return NACRE_OK;
        q->has_pending = false;
        if (q->pending_run) {
            TRY(add_sorted(ctx, q, &q->pending, q->pending_run));
            continue;
        }
        TRY(pass_cursor(ctx, q, &q->pending, found));
        if (!*found) continue;
        *out = q->pending;
        return NACRE_OK;
    }
}

static nacre_status skip_rows(struct ctx *ctx, struct query *q) {
    struct query_row row;
    for (bool found; q->skip && !q->ended; q->skip--) {
        TRY(pull(ctx, q, &row, &found));
        q->ended = !found;
    }
    return NACRE_OK;
}

nacre_status query_next(struct ctx *ctx, struct query *q, struct query_row *out, bool *found) {
    *found = false;
    bool full = q->request.limit != QUERY_UNLIMITED && q->returned == q->request.limit;
    if (q->ended || full) return NACRE_OK;
    q->has_current = false; // a failure leaves no place to go on from
    TRY(skip_rows(ctx, q));
    if (q->ended) return NACRE_OK;
    TRY(pull(ctx, q, &q->current, found));
    q->has_current = *found;
    q->ended = !*found;
    if (!*found) return NACRE_OK;
    q->returned++;
    *out = q->current;
    return NACRE_OK;
}

nacre_status query_cursor(struct ctx *ctx, struct query *q, struct buf *out) {
    struct buf last BUF_CLEANUP = {0};
    struct cursor_scope scope = scope_of(q);
    struct query_row row;
    bool found;
    if (q->ended || !q->has_current) return NACRE_OK;
    q->ended = true;
    buf_init(&last, ctx->arena.budget, EXEC_KEY_MAX);
    TRY(make_key(ctx, q, &q->current, NULL));
    buf_put_slice(&last, buf_slice(&q->key));
    if (buf_status(&last) != NACRE_OK) return err_buf(ctx, &last);
    TRY(pull(ctx, q, &row, &found));
    if (!found) return NACRE_OK;
    cursor_write(out, &scope, buf_slice(&last));
    return buf_status(out) == NACRE_OK ? NACRE_OK : err_buf(ctx, out);
}

uint64_t query_total(const struct query *q) { return q->total; }

void query_stats(const struct query *q, struct query_stats *out) {
    *out = q->stats;
    out->documents_examined = q->examined;
    out->rows_returned = q->returned;
    out->plans = q->choice.candidate_count;
    out->spilled_bytes = q->sorter.spill.written;
}
