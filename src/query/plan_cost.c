// What the candidates cost.
//
// Costs are guesses, in reads of one document in the order of ids.
#include "query/plan.h"

// Of reading one document anywhere, of going to the beginning of a range, of a document in a sort,
// and of a key.
#define COST_FETCH 5.0
#define COST_SEEK 5.0
#define COST_SORT 1.0
#define COST_KEY 0.3
#define COVERED_KEYS 3.0 // keys that one costs of which the filter is asked
// So much is put on reading all documents: where there are few, plans need not follow their number.
#define COST_ALL 300.0

double plan_pair_cost(const struct planner *p, const struct plan *a, const struct plan *b) {
    return (a->keys + b->keys) * COST_KEY +
           (double)p->counters.documents * a->part * b->part * COST_FETCH;
}

static void guess_keys(const struct planner *p, struct plan *plan, double *ranges) {
    plan->keys = plan->unique ? 1 : (double)p->counters.documents * plan->part;
    *ranges = plan->path.range_count;
    if (plan->join) plan->keys = 0;
    for (uint32_t i = 0; i < plan->part_count; i++) {
        plan->keys += plan->parts[i].keys;
        *ranges += plan->parts[i].path.range_count;
    }
    if (plan->keys < 1) plan->keys = 1;
}

// The documents that a path gives.
static double documents_of(const struct planner *p, const struct plan *plan) {
    double all = (double)p->counters.documents, given = plan->keys;
    if (plan->join == PLAN_INTERSECTION) given = all * plan->part;
    return given < 1 ? 1 : given > all ? all : given;
}

// Those of them that must be read for the rows of a page.
static double documents_read(const struct planner *p, const struct plan *plan, bool ordered) {
    double given = documents_of(p, plan), wanted = (double)p->request->limit;
    bool limited = p->request->limit != QUERY_UNLIMITED && !p->request->any_order;
    if (!limited || !ordered) return given;
    if (plan->part > p->part) wanted *= plan->part / p->part;
    if (plan->serves == PLAN_RUNS) wanted *= 2;
    return wanted < given ? wanted : given;
}

void plan_cost(const struct planner *p, struct plan *plan) {
    bool any_order = p->request->any_order, gathers = plan_gathers(plan, any_order);
    bool by_id = gathers && p->order.terms[0].is_id;
    bool ordered = any_order || plan->serves >= PLAN_RUNS || by_id;
    double ranges;
    guess_keys(p, plan, &ranges);
    double read = documents_read(p, plan, ordered), keys = gathers ? plan->keys : read;
    if (plan->by_keys && plan->exact && any_order) {
        plan->cost = plan->keys * COST_KEY + ranges * COST_SEEK;
        return;
    }
    // Of what entries tell, only the documents that match are read.
    double matching = (double)p->counters.documents * p->part;
    if (plan->covers || plan->tells) keys *= COVERED_KEYS;
    if (plan->covers && matching < read) read = matching;
    if (plan->tells) read = 0;
    plan->cost = plan->access == QUERY_ACCESS_SCAN ? COST_ALL : 0;
    plan->cost += ordered && plan->serves != PLAN_RUNS ? 0 : read * COST_SORT;
    if (plan->access == QUERY_ACCESS_INDEX)
        plan->cost += keys * COST_KEY + ranges * COST_SEEK + read * COST_FETCH;
    else
        plan->cost += read * (plan->points && plan->bounded ? COST_FETCH : 1);
}

// Whether every row is held before the first is given out. Ids that were gathered come in order.
static bool sorts_all(const struct planner *p, const struct plan *plan) {
    bool by_id = plan_gathers(plan, false) && p->order.terms[0].is_id;
    return plan->serves == PLAN_UNORDERED && !by_id;
}

// Q4: without a limit, and with no place for what does not fit into memory, nothing may be sorted
// that some index has in order.
bool plan_is_better(const struct planner *p, const struct plan *a, const struct plan *b) {
    const struct plan_request *r = p->request;
    bool holds_all = r->limit == QUERY_UNLIMITED && !r->any_order && !r->target->spill;
    if (holds_all && sorts_all(p, a) != sorts_all(p, b)) return sorts_all(p, b);
    return a->cost < b->cost;
}
