// Defaults: properties that are absent and have one are added to the end of their object.
#include "doc/schema/schema_impl.h"

// Properties of a node and of what its $ref leads to.
#define FOR_EACH_PROPERTY(node, property)                                                          \
    for (const struct schema_node *n_ = (node); n_; n_ = n_->apply ? n_->apply->ref : NULL)        \
        for (uint32_t i_ = 0; n_->object && i_ < n_->object->table.count; i_++)                    \
            if (((property) = &n_->object->table.items[i_])->node)

bool schema_has_defaults(const struct schema *schema) { return schema->root->fills; }

// The first schema of the property, which is the one whose defaults count.
static const struct schema_node *property_node(const struct schema_node *node, struct slice name) {
    for (; node; node = node->apply ? node->apply->ref : NULL) {
        const struct schema_property *property =
            node->object ? schema_table_find(&node->object->table, name) : NULL;
        if (property && property->node) return property->node;
    }
    return NULL;
}

static bool is_absent(const struct schema_node *node, const struct schema_property *property,
                      struct slice object) {
    return schema_node_default(property->node).type != VAL_MISSING &&
           property_node(node, property->name) == property->node &&
           bson_find(object, property->name).type == VAL_MISSING;
}

// Whether anything is to be added to the object.
static bool fill_needed(const struct schema_node *node, struct slice object) {
    const struct schema_property *property;
    FOR_EACH_PROPERTY(node, property) {
        if (is_absent(node, property, object)) return true;
        if (!property->node->fills) continue;
        struct val v = bson_find(object, property->name);
        bool inside = v.type == VAL_OBJECT && property_node(node, property->name) == property->node;
        if (inside && fill_needed(property->node, val_slice(v))) return true;
    }
    return false;
}

static uint32_t height_of(struct val v) {
    if (v.type != VAL_OBJECT && v.type != VAL_ARRAY) return 0;
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val one;
    uint32_t height = 0;
    while (bson_next(&it, &name, &one)) {
        uint32_t below = height_of(one);
        if (below > height) height = below;
    }
    return height + 1;
}

static nacre_status fill_absent(struct ctx *ctx, const struct schema_node *node,
                                struct slice object, struct bson_writer *w) {
    const struct schema_property *property;
    FOR_EACH_PROPERTY(node, property) {
        if (!is_absent(node, property, object)) continue;
        struct val v = schema_node_default(property->node);
        if (w->depth + height_of(v) > DOC_DEPTH_MAX)
            return err_set(ctx, NACRE_SCHEMA_VIOLATION,
                           "with the default of \"%.*s\" the document nests more than %d levels",
                           (int)property->name.n, (const char *)property->name.p, DOC_DEPTH_MAX);
        bson_put(w, property->name, v);
    }
    return NACRE_OK;
}

static nacre_status fill_members(struct ctx *ctx, const struct schema_node *node,
                                 struct slice object, struct bson_writer *w) {
    struct bson_iter it = bson_iter_of(object);
    struct slice name;
    struct val v;
    while (bson_next(&it, &name, &v)) {
        const struct schema_node *below = v.type == VAL_OBJECT ? property_node(node, name) : NULL;
        if (!below || !below->fills || !fill_needed(below, val_slice(v))) {
            bson_put(w, name, v);
            continue;
        }
        bson_open_object(w, name);
        TRY(fill_members(ctx, below, val_slice(v), w));
        bson_close(w);
    }
    return fill_absent(ctx, node, object, w);
}

nacre_status schema_fill(struct ctx *ctx, const struct schema *schema, struct slice body,
                         struct buf *out, bool *out_changed) {
    struct bson_writer w;
    size_t before = out->n;
    *out_changed = schema->root->fills && fill_needed(schema->root, body);
    if (!*out_changed) return NACRE_OK;
    bson_begin(&w, out);
    nacre_status status = fill_members(ctx, schema->root, body, &w);
    if (status != NACRE_OK) {
        out->n = before;
        return status;
    }
    bson_end(&w);
    if (buf_status(out) == NACRE_OK) return NACRE_OK;
    return out->status == NACRE_REQUEST_TOO_LARGE
               ? err_set(ctx, NACRE_DOCUMENT_TOO_LARGE,
                         "with the defaults of the schema the document is larger than %zu bytes",
                         out->max)
               : err_buf(ctx, out);
}
