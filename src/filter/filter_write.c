// The canonical form. Every tree has exactly one, and reading it gives the same tree:
//   leaf            {"path":{"$op":operand}}, about an element {"$op":operand}
//   AND, OR         {"$and":[…]}, {"$or":[…]}
//   NOT             {"$nor":[child]}
//   TRUE            {}
#include "doc/bson.h"
#include "filter/filter_build.h"

static const char *const op_names[] = {
    [FILTER_EQ] = "$eq",
    [FILTER_LT] = "$lt",
    [FILTER_LTE] = "$lte",
    [FILTER_GT] = "$gt",
    [FILTER_GTE] = "$gte",
    [FILTER_IN] = "$in",
    [FILTER_EXISTS] = "$exists",
    [FILTER_TYPE] = "$type",
    [FILTER_SIZE] = "$size",
    [FILTER_REGEX] = "$regex",
    [FILTER_STARTS_WITH] = "$startsWith",
    [FILTER_CONTAINS] = "$contains",
    [FILTER_ELEM_OBJECT] = "$elemMatch",
    [FILTER_ELEM_VALUE] = "$elemMatch",
};

static void write_body(struct bson_writer *w, const struct filter_node *node);

static void write_list(struct bson_writer *w, const char *name, const struct filter_node *node) {
    bson_open_array(w, slice_str(name));
    for (uint32_t i = 0; i < node->count; i++) {
        bson_open_object(w, (struct slice){0});
        write_body(w, node->children[i]);
        bson_close(w);
    }
    bson_close(w);
}

static void write_regex(struct bson_writer *w, const struct filter_regex *regex) {
    static const char letters[] = "imsx";
    char options[sizeof(letters)];
    size_t n = 0;
    for (uint32_t i = 0; i < 4; i++)
        if (regex->options & 1u << i) options[n++] = letters[i];
    bson_put(w, SLICE_LIT("$regex"), val_str(regex->pattern));
    if (n) bson_put(w, SLICE_LIT("$options"), val_str(slice_of(options, n)));
}

static void write_types(struct bson_writer *w, uint32_t types) {
    bson_open_array(w, SLICE_LIT("$type"));
    for (uint32_t type = VAL_NULL; type <= VAL_DATE; type++)
        if (types & 1u << type)
            bson_put(w, (struct slice){0}, val_str(slice_str(val_type_name((enum val_type)type))));
    bson_close(w);
}

static void write_operand(struct bson_writer *w, const struct filter_node *node) {
    struct slice name = slice_str(op_names[node->op]);
    switch (node->op) {
    case FILTER_IN:
        bson_open_array(w, name);
        for (uint32_t i = 0; i < node->count; i++)
            bson_put(w, (struct slice){0}, node->values[i]);
        bson_close(w);
        return;
    case FILTER_EXISTS: bson_put(w, name, val_bool(true)); return;
    case FILTER_TYPE: write_types(w, node->types); return;
    case FILTER_SIZE: bson_put(w, name, val_int(node->size)); return;
    case FILTER_REGEX: write_regex(w, node->regex); return;
    case FILTER_ELEM_OBJECT:
    case FILTER_ELEM_VALUE:
        bson_open_object(w, name);
        write_body(w, node->children[0]);
        bson_close(w);
        return;
    default: bson_put(w, name, node->values[0]); return;
    }
}

static void write_body(struct bson_writer *w, const struct filter_node *node) {
    switch (node->op) {
    case FILTER_TRUE: return;
    case FILTER_AND: write_list(w, "$and", node); return;
    case FILTER_OR: write_list(w, "$or", node); return;
    case FILTER_NOT: write_list(w, "$nor", node); return;
    default: break;
    }
    if (node->path.count) bson_open_object(w, node->path.text);
    write_operand(w, node);
    if (node->path.count) bson_close(w);
}

void filter_write_node(const struct filter_node *node, struct buf *out) {
    struct bson_writer w;
    bson_begin(&w, out);
    write_body(&w, node);
    bson_end(&w);
}

static uint32_t val_depth(struct val v) {
    if (v.type != VAL_OBJECT && v.type != VAL_ARRAY) return 0;
    uint32_t deepest = 0;
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val inner;
    while (bson_next(&it, &name, &inner)) {
        uint32_t depth = val_depth(inner);
        if (depth > deepest) deepest = depth;
    }
    return deepest + 1;
}

static uint32_t operand_depth(const struct filter_node *node) {
    uint32_t deepest = 0;
    switch (node->op) {
    case FILTER_TYPE: return 1;
    case FILTER_EXISTS:
    case FILTER_SIZE:
    case FILTER_REGEX: return 0;
    case FILTER_ELEM_OBJECT:
    case FILTER_ELEM_VALUE: return filter_node_depth(node->children[0]);
    default: break;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        uint32_t depth = val_depth(node->values[i]);
        if (depth > deepest) deepest = depth;
    }
    return deepest + (node->op == FILTER_IN);
}

uint32_t filter_node_depth(const struct filter_node *node) {
    uint32_t deepest = 0;
    switch (node->op) {
    case FILTER_TRUE: return 1;
    case FILTER_AND:
    case FILTER_OR:
    case FILTER_NOT:
        for (uint32_t i = 0; i < node->count; i++) {
            uint32_t depth = filter_node_depth(node->children[i]);
            if (depth > deepest) deepest = depth;
        }
        return deepest + 2;
    default: return operand_depth(node) + 1 + (node->path.count > 0);
    }
}
