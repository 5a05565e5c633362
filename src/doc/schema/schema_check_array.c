// Arrays: items, contains, uniqueness.
#include "doc/schema/schema_impl.h"

enum { UNIQUE_FEW = 8 };

static const struct schema_node *item_node(const struct schema_array *a, uint32_t i) {
    return i < a->prefix.count ? a->prefix.items[i] : a->items;
}

static bool check_items(struct schema_check *c, const struct schema_array *a, struct val v,
                        const struct schema_at *at) {
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val one;
    bool fits = true;
    for (uint32_t i = 0; (fits || schema_check_goes_on(c)) && bson_next(&it, &name, &one); i++) {
        const struct schema_node *node = item_node(a, i);
        if (!node) break;
        struct schema_at child = schema_at_element(at, i);
        fits &= schema_check_node(c, node, one, &child);
        schema_marks_set(at->marks, i);
    }
    return fits;
}

static bool check_contains(struct schema_check *c, const struct schema_array *a, struct val v,
                           const struct schema_at *at) {
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val one;
    uint32_t found = 0;
    for (uint32_t i = 0; bson_next(&it, &name, &one); i++) {
        struct schema_at child = schema_at_element(at, i);
        bool fits = schema_check_branch(c, a->contains, one, &child);
        if (c->status != NACRE_OK) return false;
        found += fits;
        if (fits) schema_marks_set(at->marks, i);
    }
    bool fits = true;
    if (found < a->contains_min)
        fits = schema_check_fail(c, at, v, "at least %u elements as contains wants them, not %u",
                                 a->contains_min, found);
    if (found > a->contains_max)
        fits = schema_check_fail(c, at, v, "at most %u elements as contains wants them, not %u",
                                 a->contains_max, found);
    return fits;
}

// Unique elements: a few are compared with each other, many by hash.

struct unique {
    struct schema_value *items;
    uint32_t *slots; // item + 1
    uint32_t mask;
};

static bool unique_twice(struct schema_check *c, const struct schema_at *at, struct val one,
                         uint32_t i, uint32_t before) {
    struct schema_at child = schema_at_element(at, i);
    return schema_check_fail(c, &child, one, "another value than element %u has", before);
}

static bool unique_few(struct schema_check *c, struct val v, const struct schema_at *at) {
    struct val seen[UNIQUE_FEW];
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    for (uint32_t i = 0; bson_next(&it, &name, &seen[i]); i++) {
        if (!schema_check_step(c, i)) return false;
        for (uint32_t k = 0; k < i; k++)
            if (schema_value_equal(seen[k], seen[i], &c->steps))
                return unique_twice(c, at, seen[i], i, k);
        if (i + 1 == UNIQUE_FEW) break;
    }
    return schema_check_step(c, 0); // comparing may have taken too many
}

static bool unique_add(struct schema_check *c, struct unique *u, uint32_t i, struct val one,
                       const struct schema_at *at) {
    u->items[i] = (struct schema_value){.v = one, .hash = schema_value_hash(one)};
    uint32_t slot = (uint32_t)u->items[i].hash & u->mask;
    for (; u->slots[slot]; slot = (slot + 1) & u->mask) {
        uint32_t k = u->slots[slot] - 1;
        if (!schema_check_step(c, 1)) return false;
        if (u->items[k].hash == u->items[i].hash &&
            schema_value_equal(u->items[k].v, one, &c->steps))
            return unique_twice(c, at, one, i, k);
    }
    u->slots[slot] = i + 1;
    return true;
}

static bool unique_many(struct schema_check *c, struct val v, uint32_t count,
                        const struct schema_at *at) {
    struct unique u = {.mask = 2 * UNIQUE_FEW - 1};
    while (u.mask < 2 * count)
        u.mask = u.mask * 2 + 1;
    u.items = ARENA_ARRAY(&c->ctx->arena, struct schema_value, count);
    u.slots = ARENA_ARRAY(&c->ctx->arena, uint32_t, u.mask + 1);
    if (!u.items || !u.slots) return schema_check_give_up(c, err_nomem(c->ctx));
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val one;
    for (uint32_t i = 0; bson_next(&it, &name, &one); i++)
        if (!schema_check_step(c, 1) || !unique_add(c, &u, i, one, at)) return false;
    return schema_check_step(c, 0);
}

static bool check_unique(struct schema_check *c, struct val v, uint32_t count,
                         const struct schema_at *at) {
    if (count <= UNIQUE_FEW) return unique_few(c, v, at);
    struct arena_mark before = arena_mark(&c->ctx->arena);
    bool fits = unique_many(c, v, count, at);
    arena_rewind(&c->ctx->arena, before);
    return fits;
}

bool schema_check_array(struct schema_check *c, const struct schema_array *a, struct val v,
                        const struct schema_at *at) {
    bool fits = true, counts = a->min || a->max < UINT32_MAX || a->unique;
    uint32_t count = counts ? bson_count(val_slice(v)) : 0;
    if (counts && count < a->min)
        fits = schema_check_fail(c, at, v, "at least %u elements, not %u", a->min, count);
    if (counts && count > a->max)
        fits = schema_check_fail(c, at, v, "at most %u elements, not %u", a->max, count);
    if ((a->items || a->prefix.count) && (fits || schema_check_goes_on(c)))
        fits &= check_items(c, a, v, at);
    if (a->contains && (fits || schema_check_goes_on(c))) fits &= check_contains(c, a, v, at);
    if (a->unique && (fits || schema_check_goes_on(c))) fits &= check_unique(c, v, count, at);
    return fits;
}
