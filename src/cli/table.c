// Widths are measured on the first rows (ROWS_HELD, or BYTES_HELD of them); the rest follows in
// the same widths, so a table of any length takes bounded memory.
#include "cli/table.h"

#include <string.h>

#include "cli/json.h"
#include "cli/out.h"
#include "cli/width.h"

enum { COLUMNS_MAX = 64, ROWS_HELD = 1000, BYTES_HELD = 4 << 20, NARROWEST = 10, GAP = 2 };

struct column {
    char *path;
    size_t width;
    bool numbers; // every cell so far
};

struct cli_table {
    struct cli *cli;
    struct column columns[COLUMNS_MAX];
    size_t column_count, shown;
    bool fixed;           // the caller named the columns
    bool started;         // the head is printed
    bool alive;           // stdout still takes bytes
    struct cli_text held; // rows that wait, one after another
    size_t ends[ROWS_HELD];
    size_t row_count;
};

static void add_column(struct cli_table *table, struct cli_slice name) {
    if (table->column_count == COLUMNS_MAX) return;
    for (size_t i = 0; i < table->column_count; i++) {
        if (cli_slice_is(name, table->columns[i].path)) return;
    }
    char *path = cli_alloc(name.size + 1);
    memcpy(path, name.data, name.size);
    table->columns[table->column_count++] = (struct column){.path = path, .numbers = true};
}

struct cli_table *cli_table_begin(struct cli *cli, const char *columns) {
    struct cli_table *table = cli_alloc(sizeof *table);
    table->cli = cli;
    table->alive = true;
    table->fixed = columns != NULL;
    while (columns && *columns) {
        size_t size = strcspn(columns, ",");
        if (size > 0) add_column(table, (struct cli_slice){columns, size});
        columns += size + (columns[size] == ',');
    }
    return table;
}

// Fields of the system are shown when they are asked for.
static bool is_hidden(const char *name) {
    return strcmp(name, "_version") == 0 || strcmp(name, "_created") == 0 ||
           strcmp(name, "_updated") == 0;
}

static void learn_columns(struct cli_table *table, struct cli_slice row) {
    struct cli_slice key, value;
    for (size_t at = 0; cli_json_member(row, &at, &key, &value);) {
        struct cli_text name = {0};
        cli_json_text(key, &name);
        if (!is_hidden(cli_text_of(&name)))
            add_column(table, (struct cli_slice){cli_text_of(&name), name.size});
        cli_text_free(&name);
    }
}

// What a cell shows: a string without its quotes, nothing for what is missing.
static void cell_text(const struct column *column, struct cli_slice row, struct cli_text *out,
                      bool *number) {
    struct cli_slice value;
    cli_text_clear(out);
    *number = true;
    if (!cli_json_path(row, column->path, &value)) return;
    *number = value.data[0] == '-' || (value.data[0] >= '0' && value.data[0] <= '9');
    cli_json_text(value, out);
}

static void measure(struct cli_table *table, struct cli_slice row) {
    struct cli_text text = {0};
    for (size_t i = 0; i < table->column_count; i++) {
        struct column *column = &table->columns[i];
        bool number;
        cell_text(column, row, &text, &number);
        size_t width = cli_width_escaped((struct cli_slice){cli_text_of(&text), text.size});
        if (width > column->width) column->width = width;
        column->numbers &= number;
    }
    cli_text_free(&text);
}

static size_t total_width(const struct cli_table *table) {
    size_t total = 0;
    for (size_t i = 0; i < table->shown; i++)
        total += table->columns[i].width + (i > 0 ? GAP : 0);
    return total;
}

// Narrows the widest column by one until the table fits; then leaves out columns at the end.
static void fit_columns(struct cli_table *table) {
    size_t room = (size_t)table->cli->columns;
    table->shown = table->column_count;
    for (size_t total = total_width(table); total > room; total--) {
        struct column *widest = &table->columns[0];
        for (size_t i = 1; i < table->shown; i++) {
            if (table->columns[i].width > widest->width) widest = &table->columns[i];
        }
        if (widest->width <= NARROWEST) break;
        widest->width--;
    }
    while (table->shown > 1 && total_width(table) > room)
        table->shown--;
}

static void put_row(struct cli_table *table, struct cli_slice row) {
    struct cli_text line = {0}, text = {0};
    for (size_t i = 0; i < table->shown; i++) {
        const struct column *column = &table->columns[i];
        bool number;
        cell_text(column, row, &text, &number);
        cli_text_puts(&line, i > 0 ? "  " : "");
        cli_width_fit((struct cli_slice){cli_text_of(&text), text.size}, column->width,
                      column->numbers, &line);
    }
    while (line.size > 0 && line.data[line.size - 1] == ' ')
        line.size--;
    table->alive = cli_put_line((struct cli_slice){cli_text_of(&line), line.size});
    cli_text_free(&line);
    cli_text_free(&text);
}

static void put_head(struct cli_table *table) {
    struct cli_text line = {0}, rule = {0};
    for (size_t i = 0; i < table->shown; i++) {
        const struct column *column = &table->columns[i];
        cli_text_puts(&line, i > 0 ? "  " : "");
        cli_text_puts(&rule, i > 0 ? "  " : "");
        cli_width_fit(cli_slice_of(column->path), column->width, column->numbers, &line);
        for (size_t dash = 0; dash < column->width; dash++)
            cli_text_puts(&rule, "─");
    }
    cli_put_format("%s%s%s\n%s%s%s\n", cli_bold(table->cli), cli_text_of(&line),
                   cli_plain(table->cli), cli_dim(table->cli), cli_text_of(&rule),
                   cli_plain(table->cli));
    cli_text_free(&line);
    cli_text_free(&rule);
}

static struct cli_slice held_row(const struct cli_table *table, size_t i) {
    size_t from = i > 0 ? table->ends[i - 1] : 0;
    return (struct cli_slice){cli_text_of(&table->held) + from, table->ends[i] - from};
}

static void start(struct cli_table *table) {
    table->started = true;
    for (size_t i = 0; i < table->row_count && !table->fixed; i++)
        learn_columns(table, held_row(table, i));
    for (size_t i = 0; i < table->column_count; i++)
        table->columns[i].width = cli_width_escaped(cli_slice_of(table->columns[i].path));
    for (size_t i = 0; i < table->row_count; i++)
        measure(table, held_row(table, i));
    fit_columns(table);
    if (table->column_count > 0) put_head(table);
    for (size_t i = 0; i < table->row_count && table->alive; i++)
        put_row(table, held_row(table, i));
    cli_text_free(&table->held);
    table->row_count = 0;
}

bool cli_table_row(struct cli_table *table, struct cli_slice row) {
    if (table->cli->json) return cli_put_line(row);
    if (table->started) {
        put_row(table, row);
        return table->alive;
    }
    cli_text_add(&table->held, row.data, row.size);
    table->ends[table->row_count++] = table->held.size;
    if (table->row_count == ROWS_HELD || table->held.size >= BYTES_HELD) start(table);
    return table->alive;
}

void cli_table_end(struct cli_table *table) {
    if (!table->cli->json && !table->started && table->row_count > 0) start(table);
    if (table->started && table->shown < table->column_count)
        cli_note(table->cli, "%zu more columns do not fit: choose with --fields, or use --json",
                 table->column_count - table->shown);
    for (size_t i = 0; i < table->column_count; i++)
        cli_free(table->columns[i].path);
    cli_text_free(&table->held);
    cli_free(table);
}

void cli_table_items(struct cli *cli, const char *json, const char *columns) {
    struct cli_slice items, item;
    struct cli_table *table = cli_table_begin(cli, columns);
    bool alive = cli_json_find(cli_slice_of(json), "items", &items);
    for (size_t at = 0; alive && cli_json_element(items, &at, &item);)
        alive = cli_table_row(table, item);
    cli_table_end(table);
}
