// Choosing among the documents and the indexes.
//
// Costs are guesses, in reads of one document in the order of ids. A plan whose ranges say
// something is preferred to one that reads all; where such a plan has to gather ids and finds too
// many, it gives way to the best of those that do not (query/gather.c).
#include "query/plan.h"

#include "catalog/keyspace.h"
#include "index/entry.h"
#include "query/bounds.h"

enum { COST_FETCH = 3, COST_SORT_EACH = 1 };
// A scan of all documents keeps what it reads only if that is at most this part of the memory: two
// thirds of the block cache.
enum { CACHED_PART = 6 };
#define COST_KEY 0.3

struct planner {
    struct ctx *ctx;
    const struct plan_request *request;
    struct plan_conjuncts conjuncts;
    struct plan_order order;
    struct tablet_counters counters;
    double part; // guess of the documents that match
};

// The part of the documents that one condition lets through, whether or not an index has it.
static nacre_status part_of(struct planner *p, const struct filter_node *node, double *out) {
    struct bounds bounds;
    bool usable = false;
    *out = 0.5;
    if (node->op == FILTER_AND || node->op == FILTER_OR || node->op == FILTER_NOT) return NACRE_OK;
    if (node->op == FILTER_TRUE || node->path.count == 0) return NACRE_OK;
    struct bounds_field field = {.path = &node->path, .uncut = true};
    struct arena_mark mark = arena_mark(&p->ctx->arena);
    TRY(bounds_of(p->ctx, &field, node, &bounds, &usable));
    if (usable) *out = bounds_part(&bounds);
    arena_rewind(&p->ctx->arena, mark);
    return NACRE_OK;
}

static nacre_status guess_part(struct planner *p) {
    p->part = 1;
    for (uint32_t i = 0; i < p->conjuncts.count; i++) {
        double part;
        TRY(part_of(p, p->conjuncts.nodes[i], &part));
        p->part *= part;
    }
    if (p->part < 1e-12) p->part = 1e-12;
    return NACRE_OK;
}

// How many keys are read, and what that costs.
static void guess_cost(struct planner *p, struct plan *plan, double part, bool unique) {
    double keys = unique ? 1 : (double)p->counters.documents * part;
    if (keys < 1) keys = 1;
    double needed = keys, wanted = (double)p->request->limit;
    if (part > p->part) wanted *= part / p->part;
    bool streams = plan->serves >= PLAN_RUNS || p->request->any_order;
    bool limited = p->request->limit != QUERY_UNLIMITED && !p->request->any_order;
    if (limited && streams && wanted < needed) needed = wanted;
    if (!plan->index)
        plan->cost = needed * (streams ? 1 : 1 + COST_SORT_EACH);
    else if (plan_gathers(plan, p->request->any_order))
        plan->cost = keys * COST_KEY + needed * COST_FETCH;
    else
        plan->cost = needed * (COST_KEY + COST_FETCH);
    if (plan->serves == PLAN_RUNS) plan->cost *= 2;
}

static bool all_covered(const struct planner *p, const bool *covered) {
    for (uint32_t i = 0; i < p->conjuncts.count; i++)
        if (!covered[i]) return false;
    return true;
}

static bool fits_the_cache(const struct planner *p) {
    const struct budget *budget = p->ctx->arena.budget;
    while (budget && budget->parent)
        budget = budget->parent;
    return budget && budget->limit && p->counters.bytes <= budget->limit / CACHED_PART;
}

static nacre_status consider(struct planner *p, const struct index_def *index, uint16_t arrays,
                             bool *covered, struct plan *out) {
    struct plan_ranges ranges = {.collection = p->request->target->collection,
                                 .index = index,
                                 .arrays = arrays,
                                 .covered = covered};
    TRY(plan_ranges_of(p->ctx, &p->conjuncts, &ranges));
    *out = (struct plan){.index = index,
                         .path = ranges.path,
                         .multikey = arrays != 0,
                         .bounded = ranges.bounded_fields > 0,
                         .exact = all_covered(p, covered),
                         .points = ranges.points,
                         .pinned = index ? ranges.pinned : 0,
                         .prefix = ranges.prefix};
    if (!index) out->prefix.n = KEYSPACE_PREFIX;
    out->caches = index || out->bounded || fits_the_cache(p);
    out->access = index ? QUERY_ACCESS_INDEX : out->bounded ? QUERY_ACCESS_ID : QUERY_ACCESS_SCAN;
    plan_match_order(out, &p->order);
    if (p->request->strict && out->serves < PLAN_NATURAL) out->serves = PLAN_UNORDERED;
    if (out->serves == PLAN_UNORDERED) out->path.reverse = false;
    guess_cost(p, out, ranges.part, ranges.unique);
    return NACRE_OK;
}

// *usable false: the index is not ready, or not for this filter, or no help.
static nacre_status consider_index(struct planner *p, const struct index_def *index,
                                   struct plan *out, bool *usable) {
    const struct query_target *t = p->request->target;
    bool *covered = ARENA_ARRAY(&p->ctx->arena, bool, (size_t)p->conjuncts.count + 1);
    const struct filter *where = index->where_filter;
    uint16_t arrays;
    if (!covered) return err_nomem(p->ctx);
    *usable = false;
    if (index->type != INDEX_BTREE || index->state != INDEX_READY) return NACRE_OK;
    // When an index became ready is not kept: of an earlier time documents are read.
    if (t->view->past) return NACRE_OK;
    if (index->where.n && (!where || !plan_implies(&p->conjuncts, where->root, covered)))
        return NACRE_OK;
    TRY(index_multikey_read(p->ctx, t->view->kv, t->view->kv_view, t->collection->tablet, index->id,
                            &arrays));
    TRY(consider(p, index, arrays, covered, out));
    *usable = out->bounded || index->where.n || out->serves > PLAN_UNORDERED;
    return NACRE_OK;
}

// Q4: without a limit a sort would hold every row.
static bool is_cheaper(const struct planner *p, const struct plan *a, const struct plan *b) {
    bool holds_all = p->request->limit == QUERY_UNLIMITED && !p->request->any_order;
    bool a_sorts = a->serves == PLAN_UNORDERED, b_sorts = b->serves == PLAN_UNORDERED;
    if (holds_all && a_sorts != b_sorts) return b_sorts;
    return a->cost < b->cost;
}

// What plans are compared by first: whether they read all there is.
static bool is_better(const struct planner *p, const struct plan *a, const struct plan *b) {
    bool a_narrow = a->bounded || (a->index && a->index->where.n);
    bool b_narrow = b->bounded || (b->index && b->index->where.n);
    if (a_narrow != b_narrow) return a_narrow;
    return is_cheaper(p, a, b);
}

static void offer(struct planner *p, const struct plan *plan, struct plan_choice *out) {
    bool gathers = plan_gathers(plan, p->request->any_order);
    if (is_better(p, plan, &out->plan)) out->plan = *plan;
    if (!gathers && is_cheaper(p, plan, &out->fallback)) out->fallback = *plan;
}

static nacre_status choose(struct planner *p, struct plan_choice *out) {
    const struct collection *c = p->request->target->collection;
    bool *covered = ARENA_ARRAY(&p->ctx->arena, bool, (size_t)p->conjuncts.count + 1);
    struct plan plan;
    if (!covered) return err_nomem(p->ctx);
    TRY(consider(p, NULL, 0, covered, &out->plan));
    out->fallback = out->plan;
    for (uint32_t i = 0; i < c->index_count && !p->request->forbid_indexes; i++) {
        bool usable = false;
        TRY(consider_index(p, &c->indexes[i], &plan, &usable));
        if (usable) offer(p, &plan, out);
    }
    return NACRE_OK;
}

nacre_status plan_make(struct ctx *ctx, const struct plan_request *request,
                       struct plan_choice *out) {
    const struct query_target *t = request->target;
    struct planner p = {.ctx = ctx, .request = request};
    plan_conjuncts_of(request->root, &p.conjuncts);
    plan_order_of(request->sort, &p.order);
    TRY(tablet_read(ctx, t->view->kv, t->view->kv_view, t->collection->tablet, &p.counters));
    *out = (struct plan_choice){.documents = p.counters.documents};
    TRY(guess_part(&p));
    return choose(&p, out);
}

// Nothing can match: a range that no key is in, since a path with none at all is easily misread.
static nacre_status plan_nothing(struct ctx *ctx, struct plan *plan) {
    uint8_t *end = arena_alloc(&ctx->arena, plan->prefix.n + 1);
    plan->path.ranges = ARENA_NEW(&ctx->arena, struct key_range);
    if (!end || !plan->path.ranges) return err_nomem(ctx);
    memcpy(end, plan->prefix.p, plan->prefix.n);
    end[plan->prefix.n] = 0; // no component begins with it
    plan->path.ranges[0] =
        (struct key_range){.lower = plan->prefix, .upper = slice_of(end, plan->prefix.n + 1)};
    plan->path.range_count = 1;
    return NACRE_OK;
}

nacre_status query_plan_access(struct ctx *ctx, const struct query_target *target,
                               const struct filter *filter, const struct sort_spec *sort,
                               struct access_path *out, bool *ordered) {
    struct plan_request request = {.target = target,
                                   .root = filter ? filter->root : NULL,
                                   .sort = sort,
                                   .limit = 1,
                                   .strict = true};
    struct plan_choice choice;
    TRY(plan_make(ctx, &request, &choice));
    if (choice.plan.path.range_count == 0) TRY(plan_nothing(ctx, &choice.plan));
    *out = choice.plan.path;
    *ordered = choice.plan.serves == PLAN_NATURAL;
    return NACRE_OK;
}
