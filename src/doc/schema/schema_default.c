// Defaults: properties that are absent and have one are added to the end of their object.
#include "doc/schema/schema_impl.h"

// The first schema of the property, which is the one whose defaults count.
static const struct schema_node *property_node(const struct schema_node *node, struct slice name) {
    for (; node; node = node->apply ? node->apply->ref : NULL) {
        const struct schema_property *property =
            node->object ? schema_table_find(&node->object->table, name) : NULL;
        if (property && property->node) return property->node;
    }
    return NULL;
}

static const struct schema_node *next_node(const struct schema_node *node) {
    return node->apply ? node->apply->ref : NULL;
}

// Which entries of a table an object has: one pass over its members.
struct seen {
    uint64_t *bits;
    uint64_t room[4];
};

static nacre_status seen_in(struct ctx *ctx, const struct schema_table *t, struct slice object,
                            struct seen *out) {
    size_t words = (t->count + 63) / 64;
    memset(out->room, 0, sizeof out->room);
    out->bits = out->room;
    if (words > sizeof out->room / sizeof out->room[0])
        out->bits = ARENA_ARRAY(&ctx->arena, uint64_t, words);
    if (!out->bits) return err_nomem(ctx);
    struct bson_iter it = bson_iter_of(object);
    struct slice name;
    struct val v;
    while (bson_next(&it, &name, &v)) {
        const struct schema_property *entry = schema_table_find(t, name);
        if (!entry) continue;
        size_t i = (size_t)(entry - t->items);
        out->bits[i / 64] |= UINT64_C(1) << i % 64;
    }
    return ctx_check(ctx);
}

// The defaults that are absent: counted, and written where there is a writer.
struct fill {
    struct ctx *ctx;
    struct bson_writer *w;
    uint64_t absent;
};

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

static nacre_status fill_one(struct fill *f, const struct schema_property *property) {
    struct val v = schema_node_default(property->node);
    f->absent++;
    if (!f->w) return NACRE_OK;
    if (f->w->depth + height_of(v) > DOC_DEPTH_MAX)
        return err_set(f->ctx, NACRE_SCHEMA_VIOLATION,
                       "with the default of \"%.*s\" the document nests more than %d levels",
                       (int)property->name.n, (const char *)property->name.p, DOC_DEPTH_MAX);
    bson_put(f->w, property->name, v);
    return NACRE_OK;
}

static nacre_status fill_absent(struct fill *f, const struct schema_node *node,
                                struct slice object) {
    for (const struct schema_node *n = node; n; n = next_node(n)) {
        const struct schema_table *t = n->object ? &n->object->table : NULL;
        struct arena_mark mark = arena_mark(&f->ctx->arena);
        struct seen seen;
        if (!t || t->default_count == 0) continue;
        TRY(seen_in(f->ctx, t, object, &seen));
        for (uint32_t i = 0; i < t->default_count; i++) {
            uint32_t at = t->defaults[i];
            const struct schema_property *property = &t->items[at];
            if (seen.bits[at / 64] >> at % 64 & 1) continue;
            if (property_node(node, property->name) == property->node) TRY(fill_one(f, property));
        }
        arena_rewind(&f->ctx->arena, mark);
    }
    return NACRE_OK;
}

// Whether anything is to be added to the object.
static nacre_status fill_needed(struct fill *f, const struct schema_node *node,
                                struct slice object) {
    struct bson_iter it = bson_iter_of(object);
    struct slice name;
    struct val v;
    TRY(fill_absent(f, node, object));
    while (f->absent == 0 && bson_next(&it, &name, &v)) {
        const struct schema_node *below = v.type == VAL_OBJECT ? property_node(node, name) : NULL;
        if (below && below->fills) TRY(fill_needed(f, below, val_slice(v)));
    }
    return NACRE_OK;
}

static nacre_status fill_members(struct fill *f, const struct schema_node *node,
                                 struct slice object) {
    struct bson_iter it = bson_iter_of(object);
    struct slice name;
    struct val v;
    while (bson_next(&it, &name, &v)) {
        const struct schema_node *below = v.type == VAL_OBJECT ? property_node(node, name) : NULL;
        if (!below || !below->fills) {
            bson_put(f->w, name, v);
            continue;
        }
        bson_open_object(f->w, name);
        TRY(fill_members(f, below, val_slice(v)));
        bson_close(f->w);
    }
    return fill_absent(f, node, object);
}

nacre_status schema_fill(struct ctx *ctx, const struct schema *schema, struct slice body,
                         struct buf *out, bool *out_changed) {
    struct bson_writer w;
    struct fill f = {.ctx = ctx};
    size_t before = out->n;
    *out_changed = false;
    if (!schema->root->fills) return NACRE_OK;
    TRY(fill_needed(&f, schema->root, body));
    if (f.absent == 0) return NACRE_OK;
    *out_changed = true;
    bson_begin(&w, out);
    f.w = &w;
    nacre_status status = fill_members(&f, schema->root, body);
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
