// What applies in place: references, allOf, anyOf, oneOf, not, if; and what none of them evaluated.
#include "doc/schema/schema_impl.h"

bool schema_marks_init(struct schema_check *c, struct schema_marks *marks, struct val v) {
    marks->count = bson_count(val_slice(v));
    marks->bits = marks->room;
    if (!schema_check_step(c, 1 + marks->count / 8)) return false;
    if (marks->count <= SCHEMA_MARKS_INLINE) {
        memset(marks->room, 0, sizeof marks->room);
        return true;
    }
    marks->bits = ARENA_ARRAY(&c->ctx->arena, uint64_t, (marks->count + 63) / 64);
    return marks->bits || schema_check_give_up(c, err_nomem(c->ctx));
}

bool schema_check_branch(struct schema_check *c, const struct schema_node *node, struct val v,
                         const struct schema_at *at) {
    bool explain = c->explain;
    struct schema_at inner = *at;
    struct schema_marks marks;
    struct arena_mark before = arena_mark(&c->ctx->arena);
    if (at->marks && !schema_marks_init(c, &marks, v)) return false;
    inner.marks = at->marks ? &marks : NULL;
    c->explain = false;
    bool fits = schema_check_node(c, node, v, &inner);
    c->explain = explain;
    for (uint32_t i = 0; fits && at->marks && i < (marks.count + 63) / 64; i++)
        at->marks->bits[i] |= marks.bits[i];
    arena_rewind(&c->ctx->arena, before);
    return fits;
}

// The outermost resource on the way here that has this $dynamicAnchor decides.
static const struct schema_node *dynamic_target(const struct schema_apply *a,
                                                const struct schema_scope *scope) {
    const struct schema_node *target = a->dynamic;
    if (a->dynamic_name.n == 0) return target;
    for (; scope; scope = scope->up)
        for (const struct schema_anchor *d = scope->resource->dynamic; d; d = d->next)
            if (slice_eq(d->name, a->dynamic_name)) target = d->node;
    return target;
}

static bool apply_any(struct schema_check *c, const struct schema_apply *a, struct val v,
                      const struct schema_at *at) {
    bool fits = false;
    for (uint32_t i = 0; i < a->any.count && c->status == NACRE_OK; i++) {
        fits |= schema_check_branch(c, a->any.items[i], v, at);
        if (fits && !at->marks) return true; // else the others' marks are wanted too
    }
    if (c->status != NACRE_OK) return false;
    return fits ||
           schema_check_fail(c, at, v, "what one of the %u schemas of anyOf allows", a->any.count);
}

static bool apply_one(struct schema_check *c, const struct schema_apply *a, struct val v,
                      const struct schema_at *at) {
    uint32_t fits = 0;
    for (uint32_t i = 0; i < a->one.count && fits < 2 && c->status == NACRE_OK; i++)
        fits += schema_check_branch(c, a->one.items[i], v, at);
    if (c->status != NACRE_OK) return false;
    return fits == 1 ||
           schema_check_fail(c, at, v, "what exactly one schema of oneOf allows, not %s",
                             fits ? "two" : "none");
}

static bool apply_not(struct schema_check *c, const struct schema_apply *a, struct val v,
                      const struct schema_at *at) {
    struct schema_at inner = *at;
    inner.marks = NULL;
    bool fits = schema_check_branch(c, a->not, v, &inner);
    if (c->status != NACRE_OK) return false;
    return !fits || schema_check_fail(c, at, v, "what the schema of not does not allow");
}

static bool apply_if(struct schema_check *c, const struct schema_apply *a, struct val v,
                     const struct schema_at *at) {
    bool holds = schema_check_branch(c, a->if_, v, at);
    if (c->status != NACRE_OK) return false;
    const struct schema_node *next = holds ? a->then : a->else_;
    return !next || schema_check_node(c, next, v, at);
}

bool schema_check_apply(struct schema_check *c, const struct schema_apply *a, struct val v,
                        const struct schema_at *at) {
    bool fits = true;
    if (a->ref) fits = schema_check_node(c, a->ref, v, at);
    if (a->dynamic && (fits || schema_check_goes_on(c)))
        fits &= schema_check_node(c, dynamic_target(a, at->scope), v, at);
    for (uint32_t i = 0; i < a->all.count && (fits || schema_check_goes_on(c)); i++)
        fits &= schema_check_node(c, a->all.items[i], v, at);
    if (a->any.count && (fits || schema_check_goes_on(c))) fits &= apply_any(c, a, v, at);
    if (a->one.count && (fits || schema_check_goes_on(c))) fits &= apply_one(c, a, v, at);
    if (a->not &&(fits || schema_check_goes_on(c))) fits &= apply_not(c, a, v, at);
    if (a->if_ && (fits || schema_check_goes_on(c))) fits &= apply_if(c, a, v, at);
    return fits;
}

bool schema_check_unevaluated(struct schema_check *c, const struct schema_node *node, struct val v,
                              const struct schema_at *at) {
    bool object = v.type == VAL_OBJECT, fits = true;
    const struct schema_node *rest =
        object ? node->apply->unevaluated_properties : node->apply->unevaluated_items;
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val one;
    for (uint32_t i = 0; (fits || schema_check_goes_on(c)) && bson_next(&it, &name, &one); i++) {
        if (schema_marks_has(at->marks, i)) continue;
        if (object && schema_check_skips(c, v, name)) continue;
        struct schema_at child = object ? schema_at_member(at, name) : schema_at_element(at, i);
        fits &= schema_check_node(c, rest, one, &child);
        schema_marks_set(at->marks, i);
    }
    return fits;
}
