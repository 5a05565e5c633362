// Projections: parsing, and what they leave of a value.
#include "query/project.h"

#include <stdio.h>

#include "query/text_list.h"

const struct project_node *project_child(const struct project_node *node, struct slice name) {
    for (const struct project_node *child = node->children; child; child = child->next)
        if (slice_eq(child->name, name)) return child;
    return NULL;
}

static struct project_node *child_made(struct ctx *ctx, struct project_node *node,
                                       const struct path_part *part) {
    struct project_node **at = &node->children;
    for (; *at; at = &(*at)->next)
        if (slice_eq((*at)->name, part->name)) return *at;
    *at = ARENA_NEW(&ctx->arena, struct project_node);
    if (*at) **at = (struct project_node){.name = part->name, .index = part->index};
    return *at;
}

static nacre_status path_added(struct ctx *ctx, struct projection *projection,
                               const struct path *path) {
    struct project_node *node = &projection->root;
    for (uint32_t i = 0; i < path->count; i++) {
        node = child_made(ctx, node, &path->parts[i]);
        if (!node) return err_nomem(ctx);
    }
    node->whole = true;
    return NACRE_OK;
}

static nacre_status field_added(struct ctx *ctx, struct projection *projection, struct val v,
                                uint32_t i) {
    char pointer[32];
    struct path path;
    snprintf(pointer, sizeof pointer, "/fields/%u", i);
    if (v.type != VAL_STRING) {
        nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT, "a field is a path");
        err_expected(ctx, pointer, "a path", val_type_name(v.type));
        return status;
    }
    nacre_status status = path_parse(ctx, val_slice(v), &path);
    if (status == NACRE_INVALID_ARGUMENT) err_expected(ctx, pointer, "a path", "a malformed one");
    TRY(status);
    return path_added(ctx, projection, &path);
}

static nacre_status check_list(struct ctx *ctx, struct val fields) {
    bool list = fields.type == VAL_ARRAY;
    if (list && bson_count(val_slice(fields)) <= PROJECTION_PATHS_MAX) return NACRE_OK;
    nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT,
                                  "fields is a list of at most %d paths", PROJECTION_PATHS_MAX);
    err_expected(ctx, "/fields", "[\"a\",\"b.c\"]", list ? "more" : val_type_name(fields.type));
    return status;
}

nacre_status project_parse(struct ctx *ctx, struct val fields, struct projection **out) {
    *out = NULL;
    if (fields.type == VAL_MISSING) return NACRE_OK;
    if (fields.type == VAL_STRING) TRY(text_list(ctx, val_slice(fields), &fields));
    TRY(check_list(ctx, fields));
    TRY(text_list_keep(ctx, fields, &fields)); // names are views into it
    struct projection *projection = ARENA_NEW(&ctx->arena, struct projection);
    if (!projection) return err_nomem(ctx);
    struct bson_iter it = bson_iter_of_val(fields);
    struct slice name;
    struct val v;
    for (uint32_t i = 0; bson_next(&it, &name, &v); i++)
        TRY(field_added(ctx, projection, v, i));
    *out = projection;
    return NACRE_OK;
}

// The only child besides _id; *one false: there are several.
static const struct project_node *only_child(const struct project_node *node, bool *one) {
    const struct project_node *only = NULL;
    for (const struct project_node *child = node->children; child; child = child->next) {
        if (slice_eq_str(child->name, "_id")) continue;
        *one = *one && !only;
        only = child;
    }
    return only;
}

nacre_status project_one(struct ctx *ctx, const struct projection *projection, struct path *out,
                         bool *one) {
    *one = true;
    *out = (struct path){0};
    out->parts = ARENA_ARRAY(&ctx->arena, struct path_part, PATH_PARTS_MAX);
    if (!out->parts) return err_nomem(ctx);
    const struct project_node *node = only_child(&projection->root, one);
    for (; node && *one; node = node->whole ? NULL : only_child(node, one))
        out->parts[out->count++] = (struct path_part){.name = node->name, .index = node->index};
    return NACRE_OK;
}

static void write_object(struct buf *json, const struct project_node *node, struct val object,
                         enum json_int64 int64) {
    struct bson_iter it = bson_iter_of_val(object);
    struct slice name;
    struct val v;
    bool any = false;
    buf_put_u8(json, '{');
    while (bson_next(&it, &name, &v)) {
        const struct project_node *child = project_child(node, name);
        if (!child) continue;
        if (!child->whole && v.type != VAL_OBJECT && v.type != VAL_ARRAY) continue;
        if (any) buf_put_u8(json, ',');
        any = true;
        json_write_str(json, name);
        buf_put_u8(json, ':');
        project_write(json, child, v, int64);
    }
    buf_put_u8(json, '}');
}

// What node asks of element i of an array: the node itself for the names in each object, a child
// for an element picked by its index, NULL for nothing.
static const struct project_node *element_node(const struct project_node *node, uint32_t i,
                                               struct val element) {
    bool names = false;
    for (const struct project_node *child = node->children; child; child = child->next) {
        bool inside = element.type == VAL_OBJECT || element.type == VAL_ARRAY;
        if (child->index == i && (child->whole || inside)) return child;
        names |= child->index == PATH_NO_INDEX;
    }
    return names && element.type == VAL_OBJECT ? node : NULL;
}

static void write_array(struct buf *json, const struct project_node *node, struct val array,
                        enum json_int64 int64) {
    struct bson_iter it = bson_iter_of_val(array);
    struct slice name;
    struct val element;
    bool any = false;
    buf_put_u8(json, '[');
    for (uint32_t i = 0; bson_next(&it, &name, &element); i++) {
        const struct project_node *part = element_node(node, i, element);
        if (!part) continue;
        if (any) buf_put_u8(json, ',');
        any = true;
        project_write(json, part, element, int64);
    }
    buf_put_u8(json, ']');
}

void project_write(struct buf *json, const struct project_node *node, struct val v,
                   enum json_int64 int64) {
    if (node->whole)
        json_write_val(json, v, int64);
    else if (v.type == VAL_OBJECT)
        write_object(json, node, v, int64);
    else
        write_array(json, node, v, int64);
}
