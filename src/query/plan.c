// Finding the ways to read what a query asks for, and choosing one of them.
//
// A candidate whose ranges say something can turn out to hold too many ids to gather; it then gives
// way to the best of those that gather none (query/gather.c).
#include "query/plan.h"

#include "catalog/keyspace.h"
#include "index/entry.h"
#include "query/bounds.h"
#include "query/cover.h"

// A scan of all documents keeps what it reads only if that is at most this part of the memory: two
// thirds of the block cache.
enum { CACHED_PART = 6 };

static bool all_covered(const struct plan_conjuncts *conjuncts, const bool *covered) {
    for (uint32_t i = 0; i < conjuncts->count; i++)
        if (!covered[i]) return false;
    return true;
}

static bool fits_the_cache(const struct planner *p) {
    const struct budget *budget = p->ctx->arena.budget;
    while (budget && budget->parent)
        budget = budget->parent;
    return budget && budget->limit && p->counters.bytes <= budget->limit / CACHED_PART;
}

// The mark of an index, read once.
static nacre_status arrays_of(struct planner *p, const struct index_def *index, uint16_t *out) {
    const struct query_target *t = p->request->target;
    uint32_t *known = index ? &p->arrays[index - t->collection->indexes] : NULL;
    *out = 0;
    if (!known) return NACRE_OK;
    if (!(*known & PLAN_MARK_READ)) {
        TRY(index_multikey_read(p->ctx, t->view->kv, t->view->kv_view, t->collection->tablet,
                                index->id, out));
        *known = *out | PLAN_MARK_READ;
    }
    *out = (uint16_t)(*known & UINT16_MAX);
    return NACRE_OK;
}

nacre_status plan_consider(struct planner *p, const struct index_def *index,
                           const struct plan_conjuncts *conjuncts, bool *covered,
                           struct plan *out) {
    struct plan_ranges ranges = {
        .collection = p->request->target->collection, .index = index, .covered = covered};
    TRY(arrays_of(p, index, &ranges.arrays));
    TRY(plan_ranges_of(p->ctx, conjuncts, &ranges));
    *out = (struct plan){.index = index,
                         .path = ranges.path,
                         .arrays = ranges.arrays,
                         .repeats = ranges.arrays >> (index ? ranges.pinned : 0) != 0,
                         .bounded = ranges.bounded_fields > 0,
                         .bounded_fields = ranges.bounded_fields,
                         .exact = all_covered(conjuncts, covered),
                         .points = ranges.points,
                         .unique = ranges.unique,
                         .by_keys = index != NULL,
                         .pinned = index ? ranges.pinned : 0,
                         .prefix = ranges.prefix,
                         .covered = covered,
                         .used = ranges.used,
                         .part = ranges.part};
    if (!index) out->prefix.n = KEYSPACE_PREFIX;
    out->caches = index || out->bounded || fits_the_cache(p);
    out->access = index ? QUERY_ACCESS_INDEX : out->bounded ? QUERY_ACCESS_ID : QUERY_ACCESS_SCAN;
    plan_match_order(out, &p->order);
    out->covers = index && !ranges.arrays && !out->exact && out->serves != PLAN_FLIP &&
                  p->request->root && cover_has(index, p->request->root);
    bool placed = p->request->any_order || out->serves == PLAN_NATURAL;
    out->tells = index && p->request->needs && !ranges.arrays && placed &&
                 (out->exact || out->covers) &&
                 cover_tells(index, p->request->needs, &out->tell_fields);
    if (p->request->strict && out->serves < PLAN_NATURAL) out->serves = PLAN_UNORDERED;
    if (out->serves == PLAN_UNORDERED) out->path.reverse = false;
    return NACRE_OK;
}

const char *plan_refusal(const struct planner *p, const struct index_def *index,
                         const struct plan_conjuncts *conjuncts, bool *covered) {
    const struct filter *where = index->where_filter;
    if (index->type != INDEX_BTREE) return "is of another kind";
    if (index->state == INDEX_BUILDING) return "is being built";
    if (index->state != INDEX_READY) return "has failed";
    const struct view *view = p->request->target->view;
    if (view->past && (index->ready_ts == 0 || view->commit_ts < index->ready_ts))
        return "was not there at that time";
    if (index->where.n && (!where || !plan_implies(conjuncts, where->root, covered)))
        return "holds other documents than the filter asks for";
    return NULL;
}

static nacre_status consider_index(struct planner *p, const struct index_def *index,
                                   struct plan *out) {
    static const char *const no_help = "neither narrows nor orders";
    bool *covered = ARENA_ARRAY(&p->ctx->arena, bool, (size_t)p->conjuncts.count + 1);
    if (!covered) return err_nomem(p->ctx);
    *out = (struct plan){.index = index, .access = QUERY_ACCESS_INDEX};
    out->why = plan_refusal(p, index, &p->conjuncts, covered);
    // What neither narrows nor orders may still tell all that is asked for.
    bool may_tell = p->request->needs && p->request->any_order;
    if (!out->why && !may_tell && !plan_touches(&p->conjuncts, &p->order, index))
        out->why = no_help;
    if (out->why) return NACRE_OK;
    TRY(plan_consider(p, index, &p->conjuncts, covered, out));
    if (!out->bounded && !index->where.n && out->serves == PLAN_UNORDERED && !out->tells)
        out->why = no_help;
    return NACRE_OK;
}

static nacre_status find_candidates(struct planner *p) {
    const struct collection *c = p->request->target->collection;
    struct arena *arena = &p->ctx->arena;
    uint32_t indexes = p->request->forbid_indexes ? 0 : c->index_count;
    bool *covered = ARENA_ARRAY(arena, bool, (size_t)p->conjuncts.count + 1);
    p->candidates = ARENA_ARRAY(arena, struct plan, (size_t)indexes + 2 + PLAN_UNIONS_MAX);
    p->arrays = ARENA_ARRAY(arena, uint32_t, (size_t)indexes + 1);
    if (!covered || !p->candidates || !p->arrays) return err_nomem(p->ctx);
    TRY(plan_consider(p, NULL, &p->conjuncts, covered, p->candidates));
    p->count++;
    for (uint32_t i = 0; i < indexes; i++)
        TRY(consider_index(p, &c->indexes[i], &p->candidates[p->count++]));
    TRY(plan_estimate_all(p));
    for (uint32_t i = 0; i < p->count; i++)
        if (!p->candidates[i].why) plan_cost(p, &p->candidates[i]);
    return p->request->strict || indexes == 0 ? NACRE_OK : plan_add_joins(p);
}

static void choose(const struct planner *p, struct plan_choice *out) {
    const struct plan *fallback = p->candidates, *best = p->candidates;
    for (uint32_t i = 1; i < p->count; i++) {
        const struct plan *plan = &p->candidates[i];
        if (plan->why) continue;
        if (plan_is_better(p, plan, best)) best = plan;
        bool gathers = plan_gathers(plan, p->request->any_order);
        if (!gathers && plan_is_better(p, plan, fallback)) fallback = plan;
    }
    uint32_t forced = p->request->forced < p->count ? p->request->forced : p->count;
    if (forced) {
        for (best = &p->candidates[forced - 1]; best->why;)
            best--;
    }
    out->plan = *best;
    out->fallback = *fallback;
    out->taken = (uint32_t)(best - p->candidates);
    out->fallback_taken = (uint32_t)(fallback - p->candidates);
}

nacre_status plan_make(struct ctx *ctx, const struct plan_request *request,
                       struct plan_choice *out) {
    const struct query_target *t = request->target;
    struct planner p = {.ctx = ctx, .request = request};
    plan_conjuncts_of(request->root, &p.conjuncts);
    plan_order_of(request->sort, &p.order);
    TRY(tablet_read(ctx, t->view->kv, t->view->kv_view, t->collection->tablet, &p.counters));
    TRY(plan_guess_parts(&p));
    TRY(find_candidates(&p));
    *out = (struct plan_choice){
        .documents = p.counters.documents, .candidate_count = p.count, .candidates = p.candidates};
    choose(&p, out);
    return NACRE_OK;
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
