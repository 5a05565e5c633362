// The tree of columns.
#include "doc/csv/csv_impl.h"

nacre_status csv_columns_init(struct ctx *ctx, struct budget *budget, struct csv_columns *out) {
    *out = (struct csv_columns){.nodes = 1};
    arena_init(&out->arena, budget, CSV_ARENA_MAX);
    buf_init(&out->scratch, budget, 2 * DOC_BYTES_MAX);
    map_init(&out->children);
    out->root = ARENA_NEW(&out->arena, struct csv_node);
    if (!out->root) return err_nomem(ctx);
    out->root->column = CSV_NO_COLUMN;
    return NACRE_OK;
}

void csv_columns_free(struct csv_columns *columns) {
    map_free(&columns->children);
    buf_free(&columns->scratch);
    arena_free(&columns->arena);
}

nacre_status csv_too_many(struct ctx *ctx) {
    nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT,
                                  "CSV of more than %d columns or too deep", CSV_COLUMNS_MAX);
    err_hint(ctx, "name the fields that matter, or use NDJSON");
    return status;
}

static struct slice child_key(struct csv_columns *columns, const struct csv_node *node,
                              struct slice name) {
    buf_reset(&columns->scratch);
    buf_put_le32(&columns->scratch, node->id);
    buf_put_slice(&columns->scratch, name);
    return buf_slice(&columns->scratch);
}

struct csv_node *csv_child(struct csv_columns *columns, struct csv_node *node, struct slice name) {
    struct csv_node *child = node->likely;
    if (!child || !slice_eq(child->name, name)) {
        struct slice key = child_key(columns, node, name);
        child = buf_status(&columns->scratch) == NACRE_OK ? map_get(&columns->children, key) : NULL;
    }
    if (child) node->likely = child->next ? child->next : node->first;
    return child;
}

// Indexes go up and stand before names, which stay in the order they came in; the whole document is
// no array.
static void link_child(struct csv_node *node, struct csv_node *child) {
    bool sorted = node->parent && child->index != PATH_NO_INDEX;
    struct csv_node *before = sorted ? node->last_index : node->last;
    while (sorted && before && before->index > child->index)
        before = before->prev;
    if (sorted && before == node->last_index) node->last_index = child;
    child->parent = node;
    child->prev = before;
    child->next = before ? before->next : node->first;
    *(before ? &before->next : &node->first) = child;
    *(child->next ? &child->next->prev : &node->last) = child;
}

// Beyond CSV_COLUMNS_MAX a number is a name like any other: elements before it would be nulls.
static uint32_t index_of(struct slice name) {
    uint32_t index = 0;
    if (name.n == 0 || name.n > 4 || (name.n > 1 && name.p[0] == '0')) return PATH_NO_INDEX;
    _Static_assert(CSV_COLUMNS_MAX == 10000, "an index has at most four digits");
    for (size_t i = 0; i < name.n; i++) {
        if ((uint8_t)(name.p[i] - '0') > 9) return PATH_NO_INDEX;
        index = index * 10 + (uint32_t)(name.p[i] - '0');
    }
    return index;
}

nacre_status csv_child_make(struct ctx *ctx, struct csv_columns *columns, struct csv_node *node,
                            struct slice name, struct csv_node **out) {
    struct csv_node *child = csv_child(columns, node, name);
    *out = child;
    if (child) return NACRE_OK;
    if (columns->nodes == CSV_NODES_MAX) return csv_too_many(ctx);
    struct slice key = child_key(columns, node, name);
    if (buf_status(&columns->scratch) != NACRE_OK) return err_buf(ctx, &columns->scratch);
    child = ARENA_NEW(&columns->arena, struct csv_node);
    const uint8_t *copy = child && name.n ? arena_copy(&columns->arena, name.p, name.n) : NULL;
    if (!child || (name.n && !copy) || !map_put(&columns->children, key, child))
        return err_nomem(ctx);
    child->name = slice_of(copy, name.n);
    child->id = columns->nodes++;
    child->index = index_of(name);
    child->column = CSV_NO_COLUMN;
    link_child(node, child);
    *out = child;
    return NACRE_OK;
}

// The last name of a path, if it is one of an extended value; it is taken off the text.
static struct slice take_extended(struct slice *text) {
    uint8_t separator = text->n && text->p[0] == '/' ? '/' : '.';
    size_t at = text->n;
    while (at && text->p[at - 1] != separator)
        at--;
    if (at < 2 || at == text->n || text->p[at] != '$') return (struct slice){0};
    struct slice name = slice_skip(*text, at);
    text->n = at - 1;
    return name;
}

static nacre_status make_parts(struct ctx *ctx, struct csv_columns *columns, struct slice text,
                               struct csv_node **out) {
    struct slice extended = take_extended(&text);
    struct csv_node *node = columns->root;
    struct path path;
    TRY(path_parse(ctx, text, &path));
    for (uint32_t i = 0; i < path.count; i++)
        TRY(csv_child_make(ctx, columns, node, path.parts[i].name, &node));
    if (extended.n) TRY(csv_child_make(ctx, columns, node, extended, &node));
    *out = node;
    return NACRE_OK;
}

nacre_status csv_path_make(struct ctx *ctx, struct csv_columns *columns, struct slice text,
                           struct csv_node **out) {
    struct arena_mark mark = arena_mark(&ctx->arena);
    nacre_status status = make_parts(ctx, columns, text, out);
    arena_rewind(&ctx->arena, mark);
    return status;
}

// Whether dots alone can part the names.
static bool is_dotted(const struct csv_node *node) {
    for (; node->parent; node = node->parent) {
        if (!node->name.n || memchr(node->name.p, '.', node->name.n)) return false;
        if (!node->parent->parent && node->name.p[0] == '/') return false;
    }
    return true;
}

static void write_pointer_name(struct slice name, struct buf *out) {
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '~')
            buf_put_str(out, "~0");
        else if (name.p[i] == '/')
            buf_put_str(out, "~1");
        else
            buf_put_u8(out, name.p[i]);
    }
}

static void write_names(const struct csv_node *node, bool dotted, struct buf *out) {
    if (!node->parent) return;
    write_names(node->parent, dotted, out);
    if (!dotted)
        buf_put_u8(out, '/');
    else if (node->parent->parent)
        buf_put_u8(out, '.');
    if (dotted)
        buf_put_slice(out, node->name);
    else
        write_pointer_name(node->name, out);
}

void csv_path_write(const struct csv_node *node, struct buf *out) {
    write_names(node, is_dotted(node), out);
}

void csv_mark(struct csv_columns *columns, struct csv_node *node) {
    uint32_t record = columns->record;
    node->own = record;
    for (node = node->parent; node && node->below != record; node = node->parent)
        node->below = record;
}
