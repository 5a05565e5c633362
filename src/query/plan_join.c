// Joins of ids: a union for an OR whose every branch some index narrows, an intersection of two
// indexes that narrow by different conditions. Their parts are read for ids alone, which are sorted
// and told apart before a document is read, so that they have no order but that of ids.
#include "query/plan.h"

const char *plan_join_name(enum plan_join join) {
    static const char *const names[] = {
        [PLAN_ALONE] = NULL, [PLAN_UNION] = "union", [PLAN_INTERSECTION] = "intersection"};
    return names[join];
}

// --- unions -------------------------------------------------------------------------------------

// The conditions of one branch, and all others of the filter.
static nacre_status branch_conjuncts(struct planner *p, uint32_t at,
                                     const struct filter_node *branch, struct plan_conjuncts *out) {
    struct plan_conjuncts inner;
    plan_conjuncts_of(branch, &inner);
    uint32_t count = 0, others = p->conjuncts.count - 1;
    const struct filter_node **nodes =
        ARENA_ARRAY(&p->ctx->arena, const struct filter_node *, (size_t)inner.count + others + 1);
    if (!nodes) return err_nomem(p->ctx);
    for (uint32_t i = 0; i < inner.count; i++)
        nodes[count++] = inner.nodes[i];
    for (uint32_t i = 0; i <= others; i++)
        if (i != at) nodes[count++] = p->conjuncts.nodes[i];
    *out = (struct plan_conjuncts){.count = count, .nodes = nodes};
    return NACRE_OK;
}

// A path that gives ids and nothing else.
static bool gives_ids(const struct plan *plan) {
    return plan->bounded && (plan->index || plan->points);
}

static nacre_status try_path(struct planner *p, const struct index_def *index,
                             const struct plan_conjuncts *conjuncts, struct plan *best,
                             bool *found) {
    static const struct plan_order no_order = {0};
    struct plan plan;
    bool *covered = ARENA_ARRAY(&p->ctx->arena, bool, (size_t)conjuncts->count + 1);
    if (!covered) return err_nomem(p->ctx);
    if (index &&
        (plan_refusal(p, index, conjuncts, covered) || !plan_touches(conjuncts, &no_order, index)))
        return NACRE_OK;
    TRY(plan_consider(p, index, conjuncts, covered, &plan));
    if (!gives_ids(&plan)) return NACRE_OK;
    plan.serves = PLAN_UNORDERED;
    plan.path.reverse = false;
    plan_cost(p, &plan);
    if (*found && best->keys <= plan.keys) return NACRE_OK;
    *best = plan;
    *found = true;
    return NACRE_OK;
}

static nacre_status branch_path(struct planner *p, const struct plan_conjuncts *conjuncts,
                                struct plan *out, bool *found) {
    const struct collection *c = p->request->target->collection;
    *found = false;
    TRY(try_path(p, NULL, conjuncts, out, found));
    for (uint32_t i = 0; i < c->index_count; i++)
        TRY(try_path(p, &c->indexes[i], conjuncts, out, found));
    return NACRE_OK;
}

static struct plan join_of(const struct planner *p, enum plan_join join, struct plan *parts,
                           uint32_t count) {
    struct plan out = {.access = QUERY_ACCESS_INDEX,
                       .join = join,
                       .part_count = count,
                       .parts = parts,
                       .bounded = true,
                       .caches = true,
                       .by_keys = true,
                       .exact = true,
                       .order = p->order};
    for (uint32_t i = 0; i < count; i++)
        out.by_keys &= parts[i].by_keys;
    return out;
}

static nacre_status add_union(struct planner *p, uint32_t at) {
    const struct filter_node *node = p->conjuncts.nodes[at];
    struct plan *parts = ARENA_ARRAY(&p->ctx->arena, struct plan, node->count);
    double part = 0;
    bool exact = true;
    if (!parts) return err_nomem(p->ctx);
    for (uint32_t i = 0; i < node->count; i++) {
        struct plan_conjuncts conjuncts;
        bool found;
        TRY(branch_conjuncts(p, at, node->children[i], &conjuncts));
        TRY(branch_path(p, &conjuncts, &parts[i], &found));
        if (!found) return NACRE_OK;
        TRY(plan_estimate(p, &parts[i]));
        plan_cost(p, &parts[i]);
        part += parts[i].part;
        exact &= parts[i].exact;
    }
    struct plan *out = &p->candidates[p->count++];
    *out = join_of(p, PLAN_UNION, parts, node->count);
    out->exact = exact;
    out->part = part < 1 ? part : 1;
    plan_cost(p, out);
    return NACRE_OK;
}

static nacre_status add_unions(struct planner *p) {
    uint32_t added = 0;
    for (uint32_t i = 0; i < p->conjuncts.count && added < PLAN_UNIONS_MAX; i++) {
        const struct filter_node *node = p->conjuncts.nodes[i];
        if (node->op != FILTER_OR || node->count > PLAN_UNION_PARTS_MAX) continue;
        TRY(add_union(p, i));
        added++;
    }
    return NACRE_OK;
}

// --- intersections ------------------------------------------------------------------------------

static bool may_intersect(const struct plan *plan) {
    return !plan->why && plan->index && plan->bounded && !plan->unique && plan->used;
}

// The cheapest pair of indexes that narrow by different conditions.
static bool best_pair(const struct planner *p, const struct plan **out_a,
                      const struct plan **out_b) {
    double least = 0;
    bool found = false;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct plan *a = &p->candidates[i];
        for (uint32_t k = i + 1; k < p->count && may_intersect(a); k++) {
            const struct plan *b = &p->candidates[k];
            if (!may_intersect(b) || (a->used & b->used)) continue;
            double cost = plan_pair_cost(p, a, b);
            if (found && cost >= least) continue;
            *out_a = a->keys <= b->keys ? a : b;
            *out_b = *out_a == a ? b : a;
            least = cost;
            found = true;
        }
    }
    return found;
}

// Whether the two, read together, tell all conditions exactly.
static bool pair_is_exact(const struct planner *p, const struct plan *a, const struct plan *b) {
    for (uint32_t i = 0; i < p->conjuncts.count; i++)
        if (!a->covered[i] && !b->covered[i]) return false;
    return true;
}

static nacre_status add_intersection(struct planner *p) {
    const struct plan *a, *b;
    if (!best_pair(p, &a, &b)) return NACRE_OK;
    struct plan *parts = ARENA_ARRAY(&p->ctx->arena, struct plan, 2);
    struct plan *out = &p->candidates[p->count];
    if (!parts) return err_nomem(p->ctx);
    parts[0] = *a;
    parts[1] = *b;
    for (int i = 0; i < 2; i++) {
        parts[i].serves = PLAN_UNORDERED;
        parts[i].path.reverse = false;
    }
    *out = join_of(p, PLAN_INTERSECTION, parts, 2);
    out->part = a->part * b->part;
    out->exact = pair_is_exact(p, a, b);
    plan_cost(p, out);
    p->count++;
    return NACRE_OK;
}

nacre_status plan_add_joins(struct planner *p) {
    TRY(add_intersection(p));
    return add_unions(p);
}
