// The conditions of a filter, and which partial indexes they allow.
#include "query/bounds.h"
#include "query/plan.h"

void plan_conjuncts_of(const struct filter_node *root, struct plan_conjuncts *out) {
    out->count = root && root->op != FILTER_TRUE;
    out->one[0] = root;
    out->nodes = out->one;
    if (out->count && root->op == FILTER_AND) {
        out->count = root->count;
        out->nodes = root->children;
    }
}

static bool has_children(enum filter_op op) {
    return op == FILTER_AND || op == FILTER_OR || op == FILTER_NOT || op == FILTER_ELEM_OBJECT ||
           op == FILTER_ELEM_VALUE;
}

static bool has_values(enum filter_op op) {
    return op == FILTER_EQ || op == FILTER_LT || op == FILTER_LTE || op == FILTER_GT ||
           op == FILTER_GTE || op == FILTER_IN || op == FILTER_STARTS_WITH || op == FILTER_CONTAINS;
}

static uint32_t children_of(const struct filter_node *node) {
    return node->op == FILTER_AND || node->op == FILTER_OR ? node->count : 1;
}

static bool same_node(const struct filter_node *a, const struct filter_node *b);

static bool same_operands(const struct filter_node *a, const struct filter_node *b) {
    if (has_children(a->op)) {
        if (children_of(a) != children_of(b)) return false;
        for (uint32_t i = 0; i < children_of(a); i++)
            if (!same_node(a->children[i], b->children[i])) return false;
        return true;
    }
    if (has_values(a->op)) {
        if (a->count != b->count) return false;
        for (uint32_t i = 0; i < a->count; i++)
            if (!val_eq(a->values[i], b->values[i])) return false;
        return true;
    }
    switch (a->op) {
    case FILTER_TRUE:
    case FILTER_EXISTS:
        return true;
    case FILTER_TYPE:
        return a->types == b->types;
    case FILTER_SIZE:
        return a->size == b->size;
    default:
        return false; // no index has a regular expression
    }
}

static bool same_node(const struct filter_node *a, const struct filter_node *b) {
    if (a->op != b->op) return false;
    bool join = a->op == FILTER_AND || a->op == FILTER_OR || a->op == FILTER_NOT;
    bool leaf = !join && a->op != FILTER_TRUE;
    if (leaf && !bounds_path_equal(&a->path, &b->path)) return false;
    return same_operands(a, b);
}

bool plan_implies(const struct plan_conjuncts *filter, const struct filter_node *where,
                  bool *covered) {
    struct plan_conjuncts wanted;
    plan_conjuncts_of(where, &wanted);
    for (uint32_t i = 0; i < wanted.count; i++) {
        bool found = false;
        for (uint32_t k = 0; k < filter->count; k++) {
            if (!same_node(wanted.nodes[i], filter->nodes[k])) continue;
            covered[k] = true;
            found = true;
        }
        if (!found) return false;
    }
    return true;
}

static bool speaks_of(const struct filter_node *node, const struct path *path) {
    if (node->op == FILTER_TRUE) return false;
    if (node->op != FILTER_AND && node->op != FILTER_OR && node->op != FILTER_NOT)
        return bounds_path_equal(&node->path, path);
    for (uint32_t i = 0; i < children_of(node); i++)
        if (speaks_of(node->children[i], path)) return true;
    return false;
}

bool plan_touches(const struct plan_conjuncts *filter, const struct plan_order *order,
                  const struct index_def *index) {
    const struct path *path = &index->fields[0].path;
    if (index->where.n) return true;
    for (uint32_t i = 0; i < order->count; i++)
        if (order->terms[i].path && bounds_path_equal(order->terms[i].path, path)) return true;
    for (uint32_t i = 0; i < filter->count; i++)
        if (speaks_of(filter->nodes[i], path)) return true;
    return false;
}
