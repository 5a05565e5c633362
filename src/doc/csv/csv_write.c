// Documents to records: the columns are found first, then filled.
#include "doc/csv/csv_impl.h"
#include "doc/json.h"

struct walk {
    struct ctx *ctx;
    struct csv_columns *columns;
    bool showing; // else columns are filled
};

static nacre_status find_child(const struct walk *w, struct csv_node *node, struct slice name,
                               struct csv_node **out) {
    if (w->showing) return csv_child_make(w->ctx, w->columns, node, name, out);
    *out = csv_child(w->columns, node, name);
    if (*out) return NACRE_OK;
    return err_set(w->ctx, NACRE_INVALID_ARGUMENT,
                   "no column takes a field of this document: it was not shown before");
}

static nacre_status put_value(const struct walk *w, struct csv_node *node, struct val value) {
    if (w->showing) {
        node->used = true;
        return NACRE_OK;
    }
    if (node->column == CSV_NO_COLUMN)
        return err_set(w->ctx, NACRE_INVALID_ARGUMENT,
                       "no column takes a value of this document: it was not shown before");
    w->columns->cells[node->column].value = value;
    csv_mark(w->columns, node);
    return NACRE_OK;
}

// The name that {"$date":"…"} and its like have; NULL for what JSON has a form of.
static const char *extended_name(struct val value) {
    if (value.type == VAL_DATE) return "$date";
    if (value.type == VAL_BINARY) return "$binary";
    if (value.type != VAL_VECTOR) return NULL;
    switch (value.p[0]) {
    case VEC_DTYPE_F32:
        return "$f32";
    case VEC_DTYPE_F16:
        return "$f16";
    case VEC_DTYPE_I8:
        return "$i8";
    default:
        return "$bit";
    }
}

// A container says its own kind where the columns below do not.
static nacre_status put_kind(const struct walk *w, struct csv_node *node, struct val value,
                             bool empty) {
    bool is_array = value.type == VAL_ARRAY;
    if (!node->parent) return NACRE_OK;
    if (w->showing) {
        node->saw_empty |= empty;
        node->saw_array |= !empty && is_array;
        node->saw_object |= !empty && !is_array;
        return NACRE_OK;
    }
    return empty || node->is_array != is_array ? put_value(w, node, value) : NACRE_OK;
}

static nacre_status walk_node(const struct walk *w, struct csv_node *node, struct val value) {
    const char *extended = extended_name(value);
    struct csv_node *child;
    if (extended) {
        TRY(put_kind(w, node, (struct val){.type = VAL_OBJECT}, false));
        TRY(find_child(w, node, slice_str(extended), &child));
        return put_value(w, child, value);
    }
    if (value.type != VAL_OBJECT && value.type != VAL_ARRAY) return put_value(w, node, value);
    struct bson_iter it = bson_iter_of_val(value);
    struct slice name;
    struct val v;
    bool empty = true;
    while (bson_next(&it, &name, &v)) {
        empty = false;
        TRY(find_child(w, node, name, &child));
        TRY(walk_node(w, child, v));
    }
    return put_kind(w, node, value, empty);
}

// --- finding columns ---

nacre_status csv_columns_name(struct ctx *ctx, struct csv_columns *columns, struct slice path) {
    struct csv_node *node;
    TRY(csv_path_make(ctx, columns, path, &node));
    // What is picked out of an array does not keep its place in it.
    for (const struct csv_node *at = node; at; at = at->parent)
        if (at->parent && at->index != PATH_NO_INDEX) return NACRE_OK;
    node->named = true;
    return NACRE_OK;
}

nacre_status csv_columns_show(struct ctx *ctx, struct csv_columns *columns, struct slice bson) {
    struct walk w = {.ctx = ctx, .columns = columns, .showing = true};
    return walk_node(&w, columns->root, val_bytes(VAL_OBJECT, bson));
}

// Whether columns end at the node or below it. Below an array none is kept for its name only.
static bool settle(struct csv_node *node, bool in_array) {
    bool all = true, any = false;
    in_array |= node->saw_array;
    for (struct csv_node *child = node->first; child; child = child->next) {
        if (!settle(child, in_array)) continue;
        any = true;
        all &= child->index != PATH_NO_INDEX;
    }
    node->is_array = node->parent && any && all;
    node->used |= node->saw_empty || (node->is_array ? node->saw_object : node->saw_array) ||
                  (node->named && !any && !in_array);
    return node->used || any;
}

static uint32_t count_used(const struct csv_node *node) {
    uint32_t n = node->used;
    for (const struct csv_node *child = node->first; child; child = child->next)
        n += count_used(child);
    return n;
}

static void set_order(struct csv_columns *columns, struct csv_node *node) {
    if (node->used) {
        node->column = columns->count;
        columns->order[columns->count++] = node;
    }
    for (struct csv_node *child = node->first; child; child = child->next)
        set_order(columns, child);
}

// --- writing ---

static bool needs_quotes(struct slice text) {
    if (!text.n || csv_is_word(text) || csv_is_number(text)) return true;
    if (text.p[0] == ' ' || text.p[0] == '\t') return true;
    if (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t') return true;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '"' || text.p[i] == ',' || text.p[i] == '\r' || text.p[i] == '\n')
            return true;
    return false;
}

static void write_text(struct slice text, struct buf *out) {
    if (!needs_quotes(text)) {
        buf_put_slice(out, text);
        return;
    }
    buf_put_u8(out, '"');
    const uint8_t *quote;
    while (text.n && (quote = memchr(text.p, '"', text.n))) {
        size_t n = (size_t)(quote - text.p) + 1;
        buf_put(out, text.p, n);
        buf_put_u8(out, '"');
        text = slice_skip(text, n);
    }
    buf_put_slice(out, text);
    buf_put_u8(out, '"');
}

// The text in {"$date":"…"}: it has nothing that is escaped.
static void write_extended(struct buf *scratch, struct val value, struct buf *out) {
    buf_reset(scratch);
    json_write_val(scratch, value, JSON_INT64_NUMBER);
    size_t before = strlen(extended_name(value)) + 5; // {"":" and the name
    if (buf_status(scratch) == NACRE_OK)
        write_text(slice_of(scratch->p + before, scratch->n - before - 2), out);
}

static void write_value(struct buf *scratch, struct val value, struct buf *out) {
    if (value.type == VAL_STRING)
        write_text(val_slice(value), out);
    else if (value.type == VAL_OBJECT || value.type == VAL_ARRAY)
        buf_put_str(out, value.type == VAL_OBJECT ? "{}" : "[]");
    else if (extended_name(value))
        write_extended(scratch, value, out);
    else
        json_write_val(out, value, JSON_INT64_NUMBER);
}

nacre_status csv_header_write(struct ctx *ctx, struct csv_columns *columns, struct buf *out) {
    columns->root->named = false;
    settle(columns->root, false);
    uint32_t count = count_used(columns->root);
    if (count > CSV_COLUMNS_MAX) return csv_too_many(ctx);
    columns->order = ARENA_ARRAY(&columns->arena, struct csv_node *, count + 1);
    columns->cells = ARENA_ARRAY(&columns->arena, struct csv_cell, count + 1);
    if (!columns->order || !columns->cells) return err_nomem(ctx);
    set_order(columns, columns->root);
    for (uint32_t i = 0; i < columns->count; i++) {
        buf_reset(&columns->scratch);
        csv_path_write(columns->order[i], &columns->scratch);
        if (buf_status(&columns->scratch) != NACRE_OK) return err_buf(ctx, &columns->scratch);
        if (i) buf_put_u8(out, ',');
        write_text(buf_slice(&columns->scratch), out);
    }
    buf_put_str(out, "\r\n");
    return NACRE_OK;
}

nacre_status csv_record_write(struct ctx *ctx, struct csv_columns *columns, struct slice bson,
                              struct buf *out) {
    struct walk w = {.ctx = ctx, .columns = columns};
    columns->record++;
    TRY(walk_node(&w, columns->root, val_bytes(VAL_OBJECT, bson)));
    buf_reset(&columns->scratch);
    for (uint32_t i = 0; i < columns->count; i++) {
        if (i) buf_put_u8(out, ',');
        if (columns->order[i]->own == columns->record)
            write_value(&columns->scratch, columns->cells[i].value, out);
    }
    buf_put_str(out, "\r\n");
    if (buf_status(&columns->scratch) != NACRE_OK) return err_buf(ctx, &columns->scratch);
    return NACRE_OK;
}
