// find, aggregate, count, explain, export: many documents.
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/table.h"

static const char *filter_of(const struct cli_call *call) {
    return call->count > 1 ? call->arguments[1] : NULL;
}

// Columns of the table: _id first, then what --fields names.
static void columns_of(const struct cli_call *call, struct cli_text *out) {
    cli_text_puts(out, "_id,");
    cli_text_puts(out, call->options[OPT_FIELDS].text);
}

static void put_end(struct cli *cli, const struct cli_call *call, const char *token,
                    const uint64_t *total) {
    char number[32];
    if (call->options[OPT_END].given) {
        struct cli_text line = {0};
        if (token) cmd_member_text(&line, "next_cursor", token);
        if (total) cmd_member_number(&line, "total", *total);
        cmd_members_end(&line);
        cli_put_format("{\"$end\":%s}\n", cli_text_of(&line));
        cli_text_free(&line);
        return;
    }
    cli_flush(cli);
    if (total) cli_note(cli, "%s in all", cli_grouped(number, *total));
    if (token) cli_note(cli, "more: --cursor %s", token);
}

static int finish_rows(struct cli *cli, const struct cli_call *call, nacre_cursor *cursor) {
    const char *token = NULL;
    uint64_t total = 0;
    bool counted = call->options[OPT_TOTAL].given;
    nacre_status status = nacre_cursor_token(cursor, &token);
    if (status == NACRE_OK && counted) status = nacre_cursor_total(cursor, &total);
    if (status != NACRE_OK) return cli_fail(cli, status, NULL);
    put_end(cli, call, token, counted ? &total : NULL);
    return 0;
}

static int put_rows(struct cli *cli, const struct cli_call *call, nacre_cursor *cursor) {
    struct cli_text columns = {0};
    bool fields = call->options[OPT_FIELDS].given;
    if (fields) columns_of(call, &columns);
    cli_page_begin(cli);
    struct cli_table *table = cli_table_begin(cli, fields ? cli_text_of(&columns) : NULL);
    const char *row = NULL;
    size_t size = 0;
    bool alive = true;
    nacre_status status = nacre_cursor_next(cursor, &row, &size);
    while (status == NACRE_OK && row && alive) {
        alive = cli_table_row(table, (struct cli_slice){row, size});
        status = nacre_cursor_next(cursor, &row, &size);
    }
    cli_table_end(table);
    cli_page_end();
    cli_text_free(&columns);
    if (status != NACRE_OK) return cli_fail(cli, status, filter_of(call));
    return alive ? finish_rows(cli, call, cursor) : 0;
}

int cmd_find(struct cli *cli, const struct cli_call *call) {
    int code = cli_open(cli, CLI_READ);
    if (code) return code;
    cli->json |= call->options[OPT_END].given;
    struct cli_text spec = {0};
    nacre_cursor *cursor = NULL;
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    cmd_query_spec(call, filter_of(call), &spec);
    nacre_status status = nacre_query(cli->session, &collection, cli_text_of(&spec), &cursor);
    code =
        status == NACRE_OK ? put_rows(cli, call, cursor) : cli_fail(cli, status, filter_of(call));
    nacre_cursor_close(cursor);
    cli_text_free(&spec);
    return code;
}

int cmd_aggregate(struct cli *cli, const struct cli_call *call) {
    struct cli_text spec = {0};
    nacre_cursor *cursor = NULL;
    int code = cmd_aggregate_spec(cli, call, filter_of(call), &spec);
    if (code == 0) code = cli_open(cli, CLI_READ);
    if (code == 0) {
        cli->json |= call->options[OPT_END].given;
        nacre_collection collection = cli_collection(cli, call->arguments[0]);
        nacre_status status =
            nacre_aggregate(cli->session, &collection, cli_text_of(&spec), &cursor);
        code = status == NACRE_OK ? put_rows(cli, call, cursor)
                                  : cli_fail(cli, status, filter_of(call));
    }
    nacre_cursor_close(cursor);
    cli_text_free(&spec);
    return code;
}

int cmd_count(struct cli *cli, const struct cli_call *call) {
    int code = cli_open(cli, CLI_READ);
    if (code) return code;
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    uint64_t count = 0;
    const struct cli_value *as_of = &call->options[OPT_AS_OF];
    nacre_status status =
        as_of->given
            ? nacre_count_as_of(cli->session, &collection, filter_of(call), as_of->text, &count)
            : nacre_count(cli->session, &collection, filter_of(call), &count);
    if (status != NACRE_OK) return cli_fail(cli, status, filter_of(call));
    char number[32];
    if (cli->json_asked)
        cli_put_format("{\"count\":%llu}\n", (unsigned long long)count);
    else if (cli->json)
        cli_put_format("%llu\n", (unsigned long long)count);
    else
        cli_put_format("%s\n", cli_grouped(number, count));
    return 0;
}

// A member that is a list of objects, as a table.
static void put_list(struct cli *cli, struct cli_slice plan, const char *name) {
    struct cli_slice list, item;
    if (!cli_json_find(plan, name, &list)) return;
    cli_put_format("\n");
    struct cli_table *table = cli_table_begin(cli, NULL);
    for (size_t at = 0; cli_json_element(list, &at, &item);)
        cli_table_row(table, item);
    cli_table_end(table);
}

static void put_plan(struct cli *cli, struct cli_slice plan) {
    struct cli_slice value;
    struct cli_text text = {0};
    cli_text_puts(&text, "access     ");
    if (cli_json_path(plan, "plan.access", &value)) cli_json_text(value, &text);
    if (cli_json_path(plan, "plan.index", &value) || cli_json_path(plan, "plan.join", &value)) {
        cli_text_puts(&text, " ");
        cli_json_text(value, &text);
    }
    char a[32], b[32], c[32];
    cli_put_format("%s\nkeys       %s examined\ndocuments  %s examined\nrows       %s returned\n",
                   cli_text_of(&text), cli_grouped(a, cli_json_uint(plan, "keys_examined", 0)),
                   cli_grouped(b, cli_json_uint(plan, "documents_examined", 0)),
                   cli_grouped(c, cli_json_uint(plan, "rows_returned", 0)));
    cli_text_free(&text);
    if (cli_json_find(plan, "ms", &value))
        cli_put_format("time       %.*s ms\n", (int)value.size, value.data);
    put_list(cli, plan, "steps");
    put_list(cli, plan, "plans");
}

// A change of all that fit the filter.
static int change_spec(struct cli *cli, const struct cli_call *call, struct cli_text *out) {
    static const int of_queries[] = {OPT_SORT, OPT_FIELDS, OPT_LIMIT, OPT_OFFSET, OPT_AS_OF};
    const char *patch = call->options[OPT_UPDATE].text;
    struct cli_text json = {0};
    int code = 0;
    if (patch && call->options[OPT_DELETE].given)
        return cli_usage(cli, call->command, NULL, "--update or --delete, not both");
    for (size_t i = 0; i < sizeof of_queries / sizeof *of_queries; i++)
        if (call->options[of_queries[i]].given)
            return cli_usage(cli, call->command, NULL, "--%s is of a query, not of a change",
                             cli_options[of_queries[i]].name);
    if (cmd_is_aggregate(call))
        return cli_usage(cli, call->command, NULL, "a change has no groups");
    if (!filter_of(call))
        return cli_usage(cli, call->command, "'{}' is every document", "a change needs a FILTER");
    cmd_member_text(out, "filter", filter_of(call));
    if (patch) code = cmd_read_json(cli, patch, patch[0] == '[' ? '[' : '{', &json);
    if (patch) cmd_member_json(out, "patch", cli_text_of(&json));
    cmd_members_end(out);
    cli_text_free(&json);
    return code;
}

// What is explained: a change or an aggregate if one of its options is given, else a query.
static int explain_spec(struct cli *cli, const struct cli_call *call, struct cli_text *out) {
    struct cli_text body = {0};
    bool updates = call->options[OPT_UPDATE].given, deletes = call->options[OPT_DELETE].given;
    const char *what = "query";
    int code = 0;
    if (updates || deletes) {
        what = updates ? "update" : "delete";
        code = change_spec(cli, call, &body);
    } else if (cmd_is_aggregate(call)) {
        what = "aggregate";
        code = cmd_aggregate_spec(cli, call, filter_of(call), &body);
    } else {
        cmd_query_spec(call, filter_of(call), &body);
    }
    cmd_member_json(out, what, cli_text_of(&body));
    cmd_members_end(out);
    cli_text_free(&body);
    return code;
}

static int explain(struct cli *cli, const struct cli_call *call, const char *spec) {
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    const char *plan = NULL;
    size_t size = 0;
    nacre_status status = nacre_explain(cli->session, &collection, spec, &plan, &size);
    if (status != NACRE_OK) return cli_fail(cli, status, filter_of(call));
    if (cli->json)
        cli_put_line((struct cli_slice){plan, size});
    else
        put_plan(cli, (struct cli_slice){plan, size});
    return 0;
}

int cmd_explain(struct cli *cli, const struct cli_call *call) {
    struct cli_text spec = {0};
    int code = explain_spec(cli, call, &spec);
    if (code == 0) code = cli_open(cli, CLI_READ);
    if (code == 0) code = explain(cli, call, cli_text_of(&spec));
    cli_text_free(&spec);
    return code;
}

static int export_write(void *arg, const void *bytes, size_t size) {
    (void)arg;
    return cli_put(bytes, size) ? 0 : 1;
}

static int export_progress(void *arg, const nacre_progress *at) {
    cli_progress_update(arg, at->documents, at->documents);
    return 0;
}

// How many documents there are, for the bar; 0 where only a part is asked for.
static uint64_t documents_of(struct cli *cli, nacre_collection *collection, const char *filter) {
    uint64_t count = 0;
    if (filter || !cli->tty_err || nacre_count(cli->session, collection, NULL, &count) != NACRE_OK)
        return 0;
    return count;
}

int cmd_export(struct cli *cli, const struct cli_call *call) {
    int code = cli_open(cli, CLI_READ);
    if (code) return code;
    struct cli_text spec = {0};
    uint64_t documents = 0;
    const char *filter = filter_of(call);
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    cmd_query_spec(call, filter, &spec);
    struct cli_progress progress =
        cli_progress_begin(cli, "exporting", "documents", documents_of(cli, &collection, filter));
    bool drawn = !cli->tty_out; // two things on one terminal would mix
    nacre_status status = nacre_export(cli->session, &collection, cli_text_of(&spec), export_write,
                                       NULL, drawn ? export_progress : NULL, &progress, &documents);
    cli_progress_clear(&progress);
    cli_text_free(&spec);
    int flushed = cli_flush(cli);
    if (flushed) return flushed;
    if (status != NACRE_OK) return cli_fail(cli, status, filter);
    char number[32], time[32];
    if (cli->tty_err)
        cli_note(cli, "exported %s documents in %s", cli_grouped(number, documents),
                 cli_duration(time, cli_progress_seconds(&progress)));
    return 0;
}
