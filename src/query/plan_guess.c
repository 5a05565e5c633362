// How many keys a path holds and how many documents match: guessed from what the conditions look
// like, and estimated from the indexes where more than one way is open.
#include "query/bounds.h"
#include "query/estimate.h"
#include "query/plan.h"

#define PART_LEAST 1e-12

static nacre_status part_of(struct planner *p, const struct filter_node *node, double *out);

static nacre_status part_of_all(struct planner *p, const struct filter_node *node, double *out) {
    bool any = node->op == FILTER_OR;
    *out = any ? 0 : 1;
    for (uint32_t i = 0; i < node->count; i++) {
        double part;
        TRY(part_of(p, node->children[i], &part));
        *out = any ? *out + part : *out * part;
    }
    if (*out > 1) *out = 1;
    return NACRE_OK;
}

static nacre_status part_of_leaf(struct planner *p, const struct filter_node *node, double *out) {
    struct bounds bounds;
    bool usable = false;
    struct bounds_field field = {.path = &node->path, .uncut = true};
    *out = 0.5;
    if (node->op == FILTER_TRUE || node->path.count == 0) return NACRE_OK;
    struct arena_mark mark = arena_mark(&p->ctx->arena);
    TRY(bounds_of(p->ctx, &field, node, &bounds, &usable));
    if (usable) *out = bounds_part(&bounds);
    arena_rewind(&p->ctx->arena, mark);
    return NACRE_OK;
}

// The part of the documents that one condition lets through, whether or not an index has it.
static nacre_status part_of(struct planner *p, const struct filter_node *node, double *out) {
    if (node->op == FILTER_AND || node->op == FILTER_OR) return part_of_all(p, node, out);
    if (node->op != FILTER_NOT) return part_of_leaf(p, node, out);
    TRY(part_of(p, node->children[0], out));
    *out = 1 - *out;
    return NACRE_OK;
}

static double product(const struct planner *p, uint64_t without) {
    double part = 1;
    for (uint32_t i = 0; i < p->conjuncts.count; i++)
        if (i >= 64 || !(without >> i & 1)) part *= p->parts[i];
    return part < PART_LEAST ? PART_LEAST : part;
}

nacre_status plan_guess_parts(struct planner *p) {
    p->parts = ARENA_ARRAY(&p->ctx->arena, double, (size_t)p->conjuncts.count + 1);
    if (!p->parts) return err_nomem(p->ctx);
    for (uint32_t i = 0; i < p->conjuncts.count; i++)
        TRY(part_of(p, p->conjuncts.nodes[i], &p->parts[i]));
    p->part = product(p, 0);
    return NACRE_OK;
}

nacre_status plan_estimate(struct planner *p, struct plan *plan) {
    const struct query_target *t = p->request->target;
    uint64_t all = p->counters.documents;
    struct estimate keys;
    if (!plan->index || !plan->bounded || plan->unique || all == 0 || p->looks == 0)
        return NACRE_OK;
    p->looks--;
    struct estimate_path path = {.path = &plan->path,
                                 .all = all,
                                 .point = plan->points && plan->path.range_count == 1,
                                 .fields = (uint8_t)plan->bounded_fields};
    TRY(estimate_keys(p->ctx, t->view, t->memo, &path, &keys));
    double part = keys.keys / (double)all;
    if (keys.known || part > plan->part) plan->part = part;
    plan->estimated = true;
    return NACRE_OK;
}

static bool is_one_bit(uint64_t bits) { return bits && !(bits & (bits - 1)); }

// What an index says about conditions is better than what they look like.
static void guess_anew(struct planner *p) {
    uint64_t widest = 0;
    double part = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct plan *plan = &p->candidates[i];
        if (plan->why || !plan->estimated || !is_one_bit(plan->used)) continue;
        p->parts[__builtin_ctzll(plan->used)] = plan->part < 1 ? plan->part : 1;
    }
    for (uint32_t i = 0; i < p->count; i++) {
        const struct plan *plan = &p->candidates[i];
        if (plan->why || !plan->estimated || is_one_bit(plan->used)) continue;
        if (__builtin_popcountll(plan->used) <= __builtin_popcountll(widest)) continue;
        widest = plan->used;
        part = plan->part < 1 ? plan->part : 1;
    }
    p->part = widest ? part * product(p, widest) : product(p, 0);
    if (p->part < PART_LEAST) p->part = PART_LEAST;
}

// A single index for a page is tried: it gives way if it holds too much.
static bool need_not_look(const struct planner *p) {
    uint32_t ways = 0;
    for (uint32_t i = 1; i < p->count; i++)
        ways += !p->candidates[i].why;
    return ways < 2 && p->request->limit != QUERY_UNLIMITED && !p->request->any_order;
}

nacre_status plan_estimate_all(struct planner *p) {
    p->looks = PLAN_LOOKS_MAX;
    if (need_not_look(p)) return NACRE_OK;
    for (uint32_t i = 1; i < p->count; i++)
        if (!p->candidates[i].why) TRY(plan_estimate(p, &p->candidates[i]));
    guess_anew(p);
    return NACRE_OK;
}
