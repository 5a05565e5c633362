// Objects: one pass over the members. The schema's names are tried in their order first, for most
// documents have it, then by hash.
#include "doc/schema/schema_impl.h"

#include "base/bits/bits.h"

struct object_pass {
    const struct schema_object *o;
    struct val v;
    uint32_t guess;    // the entry after the one found last
    uint32_t required; // seen
    uint32_t count;    // members that count
};

const struct schema_property *schema_table_find(const struct schema_table *t, struct slice name) {
    if (t->count == 0) return NULL;
    uint64_t hash = hash_bytes(name.p, name.n);
    for (uint32_t at = (uint32_t)hash & t->mask; t->slots[at]; at = (at + 1) & t->mask) {
        const struct schema_property *entry = &t->items[t->slots[at] - 1];
        if (entry->hash == hash && slice_eq(entry->name, name)) return entry;
    }
    return NULL;
}

static const struct schema_property *next_property(struct object_pass *pass, struct slice name) {
    const struct schema_table *t = &pass->o->table;
    const struct schema_property *guess = &t->items[pass->guess];
    bool found = pass->guess < t->count && slice_eq(guess->name, name);
    if (!found) guess = schema_table_find(t, name);
    if (guess) pass->guess = (uint32_t)(guess - t->items) + 1;
    return guess;
}

static bool check_patterns(struct schema_check *c, const struct schema_object *o, struct val member,
                           const struct schema_at *at, bool *evaluated) {
    bool fits = true;
    for (uint32_t i = 0; i < o->pattern_count && (fits || schema_check_goes_on(c)); i++) {
        bool matches = schema_check_pattern(c, o->patterns[i].code, at->name);
        if (c->status != NACRE_OK) return false;
        if (!matches) continue;
        *evaluated = true;
        fits &= schema_check_node(c, o->patterns[i].node, member, at);
    }
    return fits;
}

static bool check_member(struct schema_check *c, struct object_pass *pass, struct val member,
                         const struct schema_at *at, bool *evaluated) {
    const struct schema_object *o = pass->o;
    const struct schema_property *property = next_property(pass, at->name);
    bool skipped = schema_check_skips(c, pass->v, at->name), fits = true;
    *evaluated = property && property->node;
    pass->required += property && property->required;
    pass->count += !skipped;
    if (*evaluated) fits = schema_check_node(c, property->node, member, at);
    if (skipped || (!fits && !schema_check_goes_on(c))) return fits;
    if (o->pattern_count) fits &= check_patterns(c, o, member, at, evaluated);
    if (o->names && (fits || schema_check_goes_on(c)))
        fits &= schema_check_node(c, o->names, val_str(at->name), at);
    if (*evaluated || !o->additional || (!fits && !schema_check_goes_on(c))) return fits;
    *evaluated = true;
    return schema_check_node(c, o->additional, member, at) && fits;
}

static bool check_required(struct schema_check *c, const struct schema_object *o, struct val v,
                           const struct schema_at *at) {
    for (uint32_t i = 0; i < o->table.count && schema_check_goes_on(c); i++) {
        const struct schema_property *entry = &o->table.items[i];
        if (!entry->required || bson_find(val_slice(v), entry->name).type != VAL_MISSING) continue;
        struct schema_at member = schema_at_member(at, entry->name);
        (void)schema_check_fail(c, &member, val_missing(), "a value, as it is required");
    }
    return false;
}

static bool check_dependent(struct schema_check *c, const struct schema_dependent *d, struct val v,
                            const struct schema_at *at) {
    bool fits = true;
    if (!schema_check_step(c, 1 + v.n / 64)) return false;
    if (bson_find(val_slice(v), d->name).type == VAL_MISSING) return true;
    if (d->node) return schema_check_node(c, d->node, v, at);
    struct bson_iter it = bson_iter_of_val(d->names);
    struct slice index;
    struct val name;
    while ((fits || schema_check_goes_on(c)) && bson_next(&it, &index, &name)) {
        if (!schema_check_step(c, 1 + v.n / 64)) return false;
        if (bson_find(val_slice(v), val_slice(name)).type != VAL_MISSING) continue;
        struct schema_at member = schema_at_member(at, val_slice(name));
        fits = schema_check_fail(c, &member, val_missing(), "a value, as \"%.*s\" is there",
                                 (int)d->name.n, (const char *)d->name.p);
    }
    return fits;
}

static bool check_rest(struct schema_check *c, const struct object_pass *pass,
                       const struct schema_at *at) {
    const struct schema_object *o = pass->o;
    bool fits = true;
    if (pass->required < o->table.required) fits = check_required(c, o, pass->v, at);
    if (pass->count < o->min)
        fits =
            schema_check_fail(c, at, pass->v, "at least %u members, not %u", o->min, pass->count);
    if (pass->count > o->max)
        fits = schema_check_fail(c, at, pass->v, "at most %u members, not %u", o->max, pass->count);
    for (uint32_t i = 0; i < o->dependent_count && (fits || schema_check_goes_on(c)); i++)
        fits &= check_dependent(c, &o->dependents[i], pass->v, at);
    return fits;
}

bool schema_check_object(struct schema_check *c, const struct schema_object *o, struct val v,
                         const struct schema_at *at) {
    struct object_pass pass = {.o = o, .v = v};
    struct bson_iter it = bson_iter_of_val(v);
    struct schema_at child = schema_at_member(at, (struct slice){0});
    struct val member;
    bool fits = true, evaluated;
    for (uint32_t i = 0; (fits || schema_check_goes_on(c)) && bson_next(&it, &child.name, &member);
         i++) {
        fits &= check_member(c, &pass, member, &child, &evaluated);
        if (evaluated) schema_marks_set(at->marks, i);
    }
    return (fits || schema_check_goes_on(c)) && check_rest(c, &pass, at) && fits;
}
