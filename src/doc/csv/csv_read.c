// Records to JSON.
#include <stdio.h>

#include "base/text/utf8.h"
#include "doc/csv/csv_impl.h"
#include "doc/json.h"

struct reader {
    struct ctx *ctx;
    struct slice text;
    size_t at;
    uint64_t line; // where the text begins
    bool ended;
};

// --- errors ---

// What was expected at an offset of the record.
static nacre_status bad(const struct reader *r, size_t at, const char *expected) {
    uint64_t line = r->line, column = 1;
    for (size_t i = 0; i < at; i++) {
        if (r->text.p[i] == '\n') {
            line++;
            column = 1;
        } else if ((r->text.p[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    return err_set(r->ctx, NACRE_INVALID_ARGUMENT, "line %llu, column %llu: expected %s",
                   (unsigned long long)line, (unsigned long long)column, expected);
}

// About the value of a column; its path is named.
static nacre_status bad_value(const struct reader *r, const struct csv_node *node,
                              const char *what) {
    BUF_CLEANUP struct buf path;
    buf_init(&path, NULL, 1 << 16);
    csv_path_write(node, &path);
    struct slice shown = slice_of(path.p, path.n > 100 ? 100 : path.n);
    return err_set(r->ctx, NACRE_INVALID_ARGUMENT, "line %llu: column %.*s %s",
                   (unsigned long long)r->line, (int)utf8_valid_prefix(shown),
                   shown.n ? (const char *)shown.p : "", what);
}

// --- fields ---

static nacre_status take_quoted(struct reader *r, struct csv_cell *out) {
    size_t from = r->at, at = from + 1;
    *out = (struct csv_cell){.quoted = true};
    for (;; at++) {
        const uint8_t *quote = at < r->text.n ? memchr(r->text.p + at, '"', r->text.n - at) : NULL;
        if (!quote) return bad(r, from, "a '\"' that ends the field");
        at = (size_t)(quote - r->text.p) + 1;
        if (at == r->text.n || r->text.p[at] != '"') break;
        out->doubled = true;
    }
    out->text = slice_of(r->text.p + from + 1, at - from - 2);
    r->at = at;
    return NACRE_OK;
}

static bool at_end(const struct reader *r) {
    size_t left = r->text.n - r->at;
    return left == 0 || (left == 1 && r->text.p[r->at] == '\r');
}

static nacre_status take_plain(struct reader *r, struct csv_cell *out) {
    size_t from = r->at;
    while (r->at < r->text.n && r->text.p[r->at] != ',' && !at_end(r)) {
        uint8_t c = r->text.p[r->at];
        if (c == '"')
            return bad(r, r->at, "the whole field in quotes, and the quotes in it doubled");
        if (c == '\r') return bad(r, r->at, "a newline after CR, or the field in quotes");
        r->at++;
    }
    *out = (struct csv_cell){.text = slice_of(r->text.p + from, r->at - from)};
    return NACRE_OK;
}

// The next field; r->ended after the last.
static nacre_status take_cell(struct reader *r, struct csv_cell *out) {
    if (r->at < r->text.n && r->text.p[r->at] == '"')
        TRY(take_quoted(r, out));
    else
        TRY(take_plain(r, out));
    r->ended = at_end(r);
    if (!r->ended && r->text.p[r->at++] != ',')
        return bad(r, r->at - 1, "a comma or the end of the line after the quotes");
    return NACRE_OK;
}

static nacre_status check_utf8(const struct reader *r) {
    if (utf8_valid(r->text)) return NACRE_OK;
    return bad(r, utf8_valid_prefix(r->text), "UTF-8");
}

// The text of a cell, without doubled quotes in the scratch buffer.
static struct slice cell_text(struct csv_columns *columns, const struct csv_cell *cell) {
    struct slice rest = cell->text;
    if (!cell->doubled) return rest;
    buf_reset(&columns->scratch);
    const uint8_t *quote;
    while (rest.n && (quote = memchr(rest.p, '"', rest.n))) {
        size_t n = (size_t)(quote - rest.p) + 1;
        buf_put(&columns->scratch, rest.p, n);
        rest = slice_skip(rest, n + 1);
    }
    buf_put_slice(&columns->scratch, rest);
    return buf_slice(&columns->scratch);
}

// --- header ---

static void find_arrays(struct csv_node *node) {
    bool all = node->first != NULL;
    for (struct csv_node *child = node->first; child; child = child->next) {
        find_arrays(child);
        all &= child->index != PATH_NO_INDEX;
    }
    node->is_array = all;
}

static size_t count_commas(struct slice text) {
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == ',';
    return n;
}

static nacre_status take_column(struct reader *r, struct csv_columns *columns) {
    struct csv_cell cell;
    struct csv_node *node;
    size_t from = r->at;
    TRY(take_cell(r, &cell));
    BUF_CLEANUP struct buf path; // the scratch buffer is needed for the names
    buf_init(&path, columns->scratch.budget, 1 << 20);
    buf_put_slice(&path, cell_text(columns, &cell));
    if (buf_status(&columns->scratch) != NACRE_OK) return err_buf(r->ctx, &columns->scratch);
    if (buf_status(&path) != NACRE_OK) return err_buf(r->ctx, &path);
    nacre_status status = csv_path_make(r->ctx, columns, buf_slice(&path), &node);
    if (status == NACRE_INVALID_ARGUMENT) {
        char what[ERR_DETAIL_MAX];
        memcpy(what, r->ctx->err.detail, sizeof what);
        status = bad(r, from, "a path: ");
        size_t n = strlen(r->ctx->err.detail);
        snprintf(r->ctx->err.detail + n, ERR_DETAIL_MAX - n, "%s", what);
    }
    TRY(status);
    if (node->column != CSV_NO_COLUMN) return bad(r, from, "a path that no earlier column has");
    node->column = columns->count;
    columns->order[columns->count++] = node;
    return NACRE_OK;
}

nacre_status csv_header_read(struct ctx *ctx, struct csv_columns *columns, struct slice text,
                             uint64_t line) {
    struct reader r = {.ctx = ctx, .text = text, .line = line};
    size_t room = count_commas(text);
    TRY(check_utf8(&r));
    if (room > CSV_COLUMNS_MAX) room = CSV_COLUMNS_MAX;
    columns->order = ARENA_ARRAY(&columns->arena, struct csv_node *, room);
    columns->cells = ARENA_ARRAY(&columns->arena, struct csv_cell, room);
    if (!columns->order || !columns->cells) return err_nomem(ctx);
    while (!r.ended) {
        if (columns->count == CSV_COLUMNS_MAX) return csv_too_many(ctx);
        TRY(take_column(&r, columns));
    }
    find_arrays(columns->root);
    columns->root->is_array = false;
    return NACRE_OK;
}

// --- records ---

static nacre_status take_cells(struct reader *r, struct csv_columns *columns) {
    uint32_t i = 0;
    columns->record++;
    for (; !r->ended; i++) {
        struct csv_cell cell;
        size_t from = r->at;
        TRY(take_cell(r, &cell));
        if (i == columns->count)
            return bad(r, from, "the end of the line: the header has no more columns");
        columns->cells[i] = cell;
        if (cell.quoted || cell.text.n) csv_mark(columns, columns->order[i]);
    }
    if (i == columns->count) return NACRE_OK;
    return bad(r, at_end(r) ? r->at : r->text.n, "a field for each column of the header");
}

static const struct csv_cell *cell_of(const struct csv_columns *columns,
                                      const struct csv_node *node) {
    return node->own == columns->record ? &columns->cells[node->column] : NULL;
}

static void put_cell(struct csv_columns *columns, const struct csv_node *node,
                     const struct csv_cell *cell, struct buf *json) {
    bool text = cell->quoted || (node->name.n && node->name.p[0] == '$') ||
                !(csv_is_word(cell->text) || csv_is_number(cell->text));
    if (text)
        json_write_str(json, cell_text(columns, cell));
    else
        buf_put_slice(json, cell->text);
}

static nacre_status put_node(struct reader *r, struct csv_columns *columns, struct csv_node *node,
                             struct buf *json);

static nacre_status put_array(struct reader *r, struct csv_columns *columns, struct csv_node *node,
                              struct buf *json) {
    uint32_t next = 0;
    buf_put_u8(json, '[');
    for (struct csv_node *child = node->first; child; child = child->next) {
        if (child->own != columns->record && child->below != columns->record) continue;
        if (child->index == PATH_NO_INDEX)
            return bad_value(r, child, "has a value, but what it is in is an array");
        for (; next < child->index && buf_status(json) == NACRE_OK; next++)
            buf_put_str(json, "null,");
        TRY(put_node(r, columns, child, json));
        buf_put_u8(json, ',');
        next = child->index + 1;
    }
    if (buf_status(json) == NACRE_OK) json->p[json->n - 1] = ']'; // over the last comma
    return NACRE_OK;
}

static nacre_status put_object(struct reader *r, struct csv_columns *columns, struct csv_node *node,
                               struct buf *json) {
    bool first = true;
    buf_put_u8(json, '{');
    for (struct csv_node *child = node->first; child; child = child->next) {
        if (child->own != columns->record && child->below != columns->record) continue;
        if (!first) buf_put_u8(json, ',');
        first = false;
        json_write_str(json, child->name);
        buf_put_u8(json, ':');
        TRY(put_node(r, columns, child, json));
    }
    buf_put_u8(json, '}');
    return NACRE_OK;
}

static nacre_status put_node(struct reader *r, struct csv_columns *columns, struct csv_node *node,
                             struct buf *json) {
    const struct csv_cell *cell = cell_of(columns, node);
    bool is_array = node->is_array;
    if (node->below != columns->record && cell) {
        put_cell(columns, node, cell, json);
        return NACRE_OK;
    }
    if (cell) {
        is_array = slice_eq_str(cell->text, "[]");
        if (cell->quoted || !(is_array || slice_eq_str(cell->text, "{}")))
            return bad_value(r, node, "has a value, and so has one that is a part of it");
    }
    return is_array ? put_array(r, columns, node, json) : put_object(r, columns, node, json);
}

nacre_status csv_record_read(struct ctx *ctx, struct csv_columns *columns, struct slice text,
                             uint64_t line, struct buf *json) {
    struct reader r = {.ctx = ctx, .text = text, .line = line};
    TRY(check_utf8(&r));
    TRY(take_cells(&r, columns));
    buf_reset(&columns->scratch);
    TRY(put_object(&r, columns, columns->root, json));
    if (buf_status(&columns->scratch) != NACRE_OK) return err_buf(ctx, &columns->scratch);
    if (buf_status(json) != NACRE_OK) return err_buf(ctx, json);
    return NACRE_OK;
}
