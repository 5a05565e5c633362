// What is known only once all nodes are there: that no schema runs in circles, which have defaults.
#include "doc/schema/schema_impl.h"

// The nodes that apply to the same value as node, one after another; NULL at the end.
static const struct schema_node *in_place_at(const struct schema_node *node, uint32_t i) {
    const struct schema_apply *a = node->apply;
    if (a) {
        const struct schema_node *ones[] = {
            a->ref, a->dynamic_name.n ? NULL : a->dynamic, a->not, a->if_, a->then, a->else_};
        const struct schema_nodes lists[] = {a->all, a->any, a->one};
        for (size_t k = 0; k < sizeof ones / sizeof ones[0]; k++)
            if (ones[k] && i-- == 0) return ones[k];
        for (size_t k = 0; k < sizeof lists / sizeof lists[0]; k++) {
            if (i < lists[k].count) return lists[k].items[i];
            i -= lists[k].count;
        }
    }
    const struct schema_object *o = node->object;
    for (uint32_t k = 0; o && k < o->dependent_count; k++)
        if (o->dependents[k].node && i-- == 0) return o->dependents[k].node;
    return NULL;
}

static nacre_status order_heights(struct schema_compiler *c, struct schema_node *node,
                                  uint32_t depth) {
    struct slice none = {0};
    if (node->height) return NACRE_OK;
    if (node->running)
        return schema_refuse(c, node->place, none,
                             "a schema that refers to itself only for parts of a value",
                             node->place->schema);
    if (depth > SCHEMA_IN_PLACE_MAX)
        return schema_refuse(c, node->place, none, "at most 100 schemas one in another for a value",
                             node->place->schema);
    const struct schema_node *below;
    uint32_t height = 0;
    node->running = true;
    for (uint32_t i = 0; (below = in_place_at(node, i)); i++) {
        // The nodes of true and false have heights, all others a place that may be written.
        if (below->place) TRY(order_heights(c, below->place->node, depth + 1));
        if (below->height > height) height = below->height;
    }
    node->running = false;
    node->height = height + 1;
    if (node->height > SCHEMA_IN_PLACE_MAX)
        return schema_refuse(c, node->place, none, "at most 100 schemas one in another for a value",
                             node->place->schema);
    return NACRE_OK;
}

// Defaults.

struct val schema_node_default(const struct schema_node *node) {
    while (node && node->fallback.type == VAL_MISSING)
        node = node->apply ? node->apply->ref : NULL;
    return node ? node->fallback : val_missing();
}

static nacre_status order_table(struct schema_compiler *c, struct schema_table *t) {
    t->defaults = ARENA_ARRAY(&c->ctx->arena, uint32_t, t->count + 1);
    if (!t->defaults) return err_nomem(c->ctx);
    for (uint32_t i = 0; i < t->count; i++) {
        const struct schema_node *node = t->items[i].node;
        if (node && schema_node_default(node).type != VAL_MISSING)
            t->defaults[t->default_count++] = i;
    }
    return NACRE_OK;
}

static bool node_fills(const struct schema_node *node) {
    const struct schema_node *ref = node->apply ? node->apply->ref : NULL;
    if (ref && ref->fills) return true;
    const struct schema_object *o = node->object;
    if (o && o->table.default_count) return true;
    for (uint32_t i = 0; o && i < o->table.count; i++)
        if (o->table.items[i].node && o->table.items[i].node->fills) return true;
    return false;
}

static void order_fills(struct schema_compiler *c) {
    for (bool changed = true; changed;) {
        changed = false;
        for (struct schema_node *node = c->all; node; node = node->next) {
            bool fills = node->fills || node_fills(node);
            changed |= fills != node->fills;
            node->fills = fills;
        }
    }
}

// A value that a document can hold: names in it do not start with '$'.
static bool fit_to_store(struct val v) {
    if (v.type != VAL_OBJECT && v.type != VAL_ARRAY) return true;
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val one;
    while (bson_next(&it, &name, &one))
        if ((name.n && name.p[0] == '$') || !fit_to_store(one)) return false;
    return true;
}

static bool is_system(struct slice name) {
    static const char *const names[] = {"_id",      "_version", "_created",
                                        "_updated", "_expires", "_lease"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (slice_eq_str(name, names[i])) return true;
    return false;
}

// Every default that may be filled in can stand where it would.
static nacre_status order_defaults(struct schema_compiler *c, const struct schema_node *node,
                                   bool top) {
    const struct schema_object *o = node->object;
    for (uint32_t i = 0; o && i < o->table.count; i++) {
        const struct schema_property *property = &o->table.items[i];
        if (!property->node) continue;
        struct val v = schema_node_default(property->node);
        if (v.type == VAL_MISSING) continue;
        bool name_bad =
            (property->name.n && property->name.p[0] == '$') || (top && is_system(property->name));
        if (name_bad)
            return schema_refuse(c, property->node->place, SLICE_LIT("default"),
                                 "no default for a field that Nacre sets or that cannot be", v);
        if (!fit_to_store(v))
            return schema_refuse(c, property->node->place, SLICE_LIT("default"),
                                 "a value that a document can hold", v);
    }
    return NACRE_OK;
}

nacre_status schema_order(struct schema_compiler *c, const struct schema_node *root) {
    for (struct schema_node *node = c->all; node; node = node->next)
        TRY(order_heights(c, node, 1));
    for (struct schema_node *node = c->all; node; node = node->next)
        if (node->object) TRY(order_table(c, &node->object->table));
    order_fills(c);
    if (!c->options->collection) return NACRE_OK;
    for (const struct schema_node *node = c->all; node; node = node->next)
        TRY(order_defaults(c, node, false));
    for (; root; root = root->apply ? root->apply->ref : NULL)
        TRY(order_defaults(c, root, true));
    return NACRE_OK;
}
