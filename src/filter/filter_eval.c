// Evaluation over one document, in place.
//
// Invariants:
//  E1  NOT is the exact complement: a leaf answers true or false, never a third value. Only a
//  failed regex is neither; it
//      is kept aside and becomes the status of the whole.
//  E2  A leaf is about the values its path reaches: each of them, then the elements of each that is
//  an array (SIZE,
//      CONTAINS and ELEM_* are about the array itself), then, if some branch reaches nothing, about
//      what is missing.
//  E3  Recursion is bounded by FILTER_DEPTH_MAX.
#include "base/err/check.h"
#include "doc/bson.h"
#include "filter/filter.h"

struct eval {
    struct ctx *ctx;
    nacre_status status; // of a regex
};

// What a subtree is about.
struct scope {
    const struct doc *doc; // NULL: elem
    struct val elem;
};

static bool eval_node(struct eval *e, const struct filter_node *node, const struct scope *scope);

static bool is_nan(struct val v) { return v.type == VAL_DOUBLE && v.d != v.d; }

static bool order_fits(enum filter_op op, int c) {
    switch (op) {
    case FILTER_LT: return c < 0;
    case FILTER_LTE: return c <= 0;
    case FILTER_GT: return c > 0;
    default: return c >= 0;
    }
}

static bool fits_order(enum filter_op op, struct val v, struct val operand) {
    if (v.type == VAL_INT && operand.type == VAL_INT)
        return order_fits(op, (v.i > operand.i) - (v.i < operand.i));
    if (val_class(v.type) != val_class(operand.type)) return false;
    if (is_nan(v) != is_nan(operand))
        return false; // NaN has a place in the sort order, but is neither less nor greater
    return order_fits(op, val_cmp(v, operand));
}

static bool fits_equal(struct val v, struct val operand) {
    if (v.type == VAL_STRING && operand.type == VAL_STRING)
        return slice_eq(val_slice(v), val_slice(operand));
    return val_eq(v, operand);
}

static bool fits_in(const struct filter_node *node, struct val v) {
    uint32_t low = 0, high = node->count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int c = val_cmp(node->values[mid], v);
        if (c == 0) return true;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

static bool fits_contains(struct val v, struct val operand) {
    if (v.type == VAL_STRING && operand.type == VAL_STRING)
        return operand.n == 0 || memmem(v.p, v.n, operand.p, operand.n) != NULL;
    if (v.type != VAL_ARRAY) return false;
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val element;
    while (bson_next(&it, &name, &element))
        if (fits_equal(element, operand)) return true;
    return false;
}

static bool fits_elem(struct eval *e, const struct filter_node *node, struct val v) {
    if (v.type != VAL_ARRAY) return false;
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct scope scope = {0};
    while (bson_next(&it, &name, &scope.elem)) {
        struct doc doc = {0};
        if (node->op == FILTER_ELEM_OBJECT) {
            if (scope.elem.type != VAL_OBJECT && scope.elem.type != VAL_ARRAY) continue;
            doc.body = val_slice(scope.elem);
            scope.doc = &doc;
        }
        if (eval_node(e, node->children[0], &scope)) return true;
    }
    return false;
}

static bool fits_regex(struct eval *e, const struct filter_regex *regex, struct val v) {
    if (v.type != VAL_STRING || e->status != NACRE_OK) return false;
    bool match = false;
    e->status = regex->engine->match(e->ctx, regex->code, val_slice(v), &match);
    return match;
}

// One value, as it is.
static bool fits(struct eval *e, const struct filter_node *node, struct val v) {
    switch (node->op) {
    case FILTER_EQ: return fits_equal(v, node->values[0]);
    case FILTER_LT:
    case FILTER_LTE:
    case FILTER_GT:
    case FILTER_GTE: return fits_order(node->op, v, node->values[0]);
    case FILTER_IN: return fits_in(node, v);
    case FILTER_EXISTS: return v.type != VAL_MISSING;
    case FILTER_TYPE: return (node->types >> v.type & 1) != 0;
    case FILTER_SIZE: return v.type == VAL_ARRAY && bson_count(val_slice(v)) == node->size;
    case FILTER_REGEX: return fits_regex(e, node->regex, v);
    case FILTER_STARTS_WITH:
        return v.type == VAL_STRING && slice_starts(val_slice(v), val_slice(node->values[0]));
    case FILTER_CONTAINS: return fits_contains(v, node->values[0]);
    case FILTER_ELEM_OBJECT:
    case FILTER_ELEM_VALUE: return fits_elem(e, node, v);
    default: CHECK(node->op >= FILTER_EQ); return false; // the others are no leaves
    }
}

// E2: whether the elements of an array count beside the array.
static bool is_about_elements(enum filter_op op) {
    return op != FILTER_EXISTS && op != FILTER_SIZE && op != FILTER_CONTAINS &&
           op != FILTER_ELEM_OBJECT && op != FILTER_ELEM_VALUE;
}

static bool fits_any(struct eval *e, const struct filter_node *node, struct val v) {
    if (fits(e, node, v)) return true;
    if (v.type != VAL_ARRAY || !is_about_elements(node->op)) return false;
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val element;
    while (bson_next(&it, &name, &element))
        if (fits(e, node, element)) return true;
    return false;
}

struct reach_arg {
    struct eval *e;
    const struct filter_node *node;
    bool found;
};

static bool reach_each(void *arg, struct val v) {
    struct reach_arg *reach = arg;
    reach->found = fits_any(reach->e, reach->node, v);
    return !reach->found;
}

static bool eval_leaf(struct eval *e, const struct filter_node *node, const struct scope *scope) {
    if (node->path.count == 0) return fits(e, node, scope->elem);
    if (node->single) {
        uint8_t scratch[64];
        struct val v = doc_get(scope->doc, &node->path, scratch);
        // No array was crossed on the way to a value found, so there is no other. A first name has
        // no array before it.
        if (v.type != VAL_MISSING || node->path.count == 1) return fits_any(e, node, v);
    }
    struct reach_arg arg = {.e = e, .node = node};
    bool missing = false;
    doc_reach(scope->doc, &node->path, reach_each, &arg, &missing);
    return arg.found || (missing && fits(e, node, val_missing()));
}

static bool eval_node(struct eval *e, const struct filter_node *node, const struct scope *scope) {
    switch (node->op) {
    case FILTER_TRUE: return true;
    case FILTER_AND:
        for (uint32_t i = 0; i < node->count; i++)
            if (!eval_node(e, node->children[i], scope)) return false;
        return true;
    case FILTER_OR:
        for (uint32_t i = 0; i < node->count; i++)
            if (eval_node(e, node->children[i], scope)) return true;
        return false;
    case FILTER_NOT: return !eval_node(e, node->children[0], scope);
    default: return eval_leaf(e, node, scope);
    }
}

nacre_status filter_eval_node(struct ctx *ctx, const struct filter_node *node,
                              const struct doc *doc, bool *out) {
    struct eval e = {.ctx = ctx};
    struct scope scope = {.doc = doc};
    bool match = eval_node(&e, node, &scope);
    if (e.status != NACRE_OK) return e.status;
    *out = match;
    return NACRE_OK;
}

nacre_status filter_eval(struct ctx *ctx, const struct filter *filter, const struct doc *doc,
                         bool *out) {
    return filter_eval_node(ctx, filter->root, doc, out);
}
