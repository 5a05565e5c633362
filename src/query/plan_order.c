// What order a path has, and what that serves of the order asked for.
#include "query/bounds.h"
#include "query/plan.h"

static bool is_id(const struct path *path) {
    return path->count == 1 && slice_eq_str(path->parts[0].name, "_id");
}

// Whether a path was there before; in the other direction too, where `either`.
static bool has_path(const struct plan_order *order, const struct plan_term *term, bool either) {
    for (uint32_t i = 0; i < order->count; i++)
        if (bounds_path_equal(order->terms[i].path, term->path) &&
            (either || order->terms[i].descending == term->descending))
            return true;
    return false;
}

// Nothing is left to decide after _id, nor by a path that was there before.
void plan_order_of(const struct sort_spec *sort, struct plan_order *out) {
    out->count = 0;
    for (uint32_t i = 0; i < sort->count; i++) {
        const struct sort_term *from = &sort->terms[i];
        struct plan_term term = {.path = &from->path,
                                 .descending = from->descending,
                                 .is_id = is_id(&from->path),
                                 .component = i};
        if (has_path(out, &term, term.is_id)) continue;
        out->terms[out->count++] = term;
        if (term.is_id) return;
    }
    out->terms[out->count++] = (struct plan_term){.is_id = true, .component = sort->count};
}

static bool is_array(const struct plan *plan, uint32_t field) {
    return plan->index && plan->arrays >> field & 1;
}

// One value each. Of a field with arrays it need not be the value that sorts.
static bool is_pinned(const struct plan *plan, const struct plan_term *term) {
    if (!plan->index || !term->path) return false;
    for (uint32_t i = 0; i < plan->pinned; i++)
        if (bounds_path_equal(&plan->index->fields[i].path, term->path)) return !is_array(plan, i);
    return false;
}

// Whether a term decides nothing any more. The least element of an array says nothing of the
// greatest.
static bool is_idle(const struct plan *plan, const struct plan_term *term) {
    bool array = false;
    if (!term->path) return false;
    for (uint32_t i = 0; plan->index && i < plan->index->field_count; i++)
        if (bounds_path_equal(&plan->index->fields[i].path, term->path)) array |= is_array(plan, i);
    return is_pinned(plan, term) || has_path(&plan->order, term, !array);
}

static bool has_position(const struct path *path) {
    for (uint32_t i = 0; i < path->count; i++)
        if (path->parts[i].index != PATH_NO_INDEX) return true;
    return false;
}

// Whether a document's first key in the direction of a component has the value that sorts it, the
// least of an array or, going down, the greatest: where no range leaves elements out.
static bool first_key_sorts(const struct plan *plan, uint32_t field) {
    if (!is_array(plan, field)) return true;
    return field >= plan->bounded_fields && !has_position(&plan->index->fields[field].path);
}

// Column i after the pinned ones, the id last. false: there is none.
static bool column_serves(const struct plan *plan, uint32_t i, const struct plan_term *term,
                          bool *descending) {
    uint32_t fields = plan->index ? plan->index->field_count : 0, column = plan->pinned + i;
    *descending = false;
    if (column > fields) return false;
    if (column == fields) return term->is_id;
    const struct index_field *field = &plan->index->fields[column];
    *descending = field->descending;
    if (!first_key_sorts(plan, column)) return false;
    return term->path ? bounds_path_equal(&field->path, term->path) : is_id(&field->path);
}

// In a multikey index a document counts where its first key is (exec_source.c); so the order of
// those keys is that of the documents.
void plan_match_order(struct plan *plan, const struct plan_order *asked) {
    struct plan_order *order = &plan->order;
    bool flip = false, descending;
    uint32_t i = 0;
    *order = *asked;
    order->count = 0;
    for (uint32_t k = 0; k < asked->count; k++)
        if (!is_idle(plan, &asked->terms[k])) order->terms[order->count++] = asked->terms[k];
    for (; i < order->count && column_serves(plan, i, &order->terms[i], &descending); i++) {
        bool turned = descending != order->terms[i].descending;
        if (i == 0) flip = turned;
        if (turned != flip) break;
    }
    uint32_t fields = plan->index ? plan->index->field_count : 0;
    bool at_id = i + 1 == order->count && order->terms[i].is_id && plan->pinned + i == fields;
    plan->matched = i;
    plan->path.reverse = flip && i > 0;
    if (i == order->count)
        plan->serves = PLAN_NATURAL;
    else if (i > 0)
        plan->serves = at_id ? PLAN_FLIP : PLAN_RUNS;
    else
        plan->serves = PLAN_UNORDERED;
}
