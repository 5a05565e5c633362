// get, versions, put, patch, rm: one document.
#include <string.h>

#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/out.h"
#include "cli/table.h"

static int take_id(struct cli *cli, const char *text, nacre_id *out) {
    nacre_status status = nacre_id_parse(cli->session, text, out);
    return status == NACRE_OK ? 0 : cli_fail(cli, status, NULL);
}

int cmd_get(struct cli *cli, const struct cli_call *call) {
    int code = cli_open(cli, CLI_READ);
    nacre_id id;
    if (!code) code = take_id(cli, call->arguments[1], &id);
    if (code) return code;
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    nacre_doc doc = {0};
    const char *json = NULL;
    size_t size = 0;
    const struct cli_value *as_of = &call->options[OPT_AS_OF];
    nacre_status status = as_of->given
                              ? nacre_get_as_of(cli->session, &collection, id, as_of->text, &doc)
                              : nacre_get(cli->session, &collection, id, &doc);
    if (status == NACRE_OK)
        status = nacre_doc_json(cli->session, &doc, call->options[OPT_FIELDS].text, &json, &size);
    if (status == NACRE_OK)
        cli_put_json(cli, (struct cli_slice){json, size});
    else
        code = cli_fail(cli, status, NULL);
    nacre_doc_release(&doc);
    return code;
}

static int put_versions(struct cli *cli, nacre_cursor *cursor) {
    const char *row = NULL;
    size_t size = 0;
    bool alive = true;
    cli_page_begin(cli);
    struct cli_table *table = cli_table_begin(cli, "version,op,time,document");
    nacre_status status = nacre_cursor_next(cursor, &row, &size);
    while (status == NACRE_OK && row && alive) {
        alive = cli_table_row(table, (struct cli_slice){row, size});
        status = nacre_cursor_next(cursor, &row, &size);
    }
    cli_table_end(table);
    cli_page_end();
    return status == NACRE_OK ? 0 : cli_fail(cli, status, NULL);
}

int cmd_versions(struct cli *cli, const struct cli_call *call) {
    int code = cli_open(cli, CLI_READ);
    nacre_id id;
    if (!code) code = take_id(cli, call->arguments[1], &id);
    if (code) return code;
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    nacre_cursor *cursor = NULL;
    nacre_status status = nacre_versions(cli->session, &collection, id, &cursor);
    code = status == NACRE_OK ? put_versions(cli, cursor) : cli_fail(cli, status, NULL);
    nacre_cursor_close(cursor);
    return code;
}

// Options of a write, and the id at arguments[1] where the command has one.
struct write {
    nacre_write options;
    uint64_t versions[CMD_VERSIONS_MAX];
    struct cli_text body;
    nacre_id id;
};

static int write_begin(struct cli *cli, const struct cli_call *call, enum cli_access access,
                       bool with_id, struct write *write) {
    int code = cmd_write_options(cli, call, &write->options, write->versions);
    if (!code) code = cli_open(cli, access);
    if (!code && with_id) code = take_id(cli, call->arguments[1], &write->id);
    return code;
}

static int write_end(struct cli *cli, const struct cli_call *call, struct write *write,
                     nacre_status status, const nacre_result *result, const char *done) {
    cli_text_free(&write->body);
    if (status != NACRE_OK) return cli_fail(cli, status, write->options.if_filter);
    cmd_put_result(cli, call, result, done);
    return 0;
}

int cmd_put(struct cli *cli, const struct cli_call *call) {
    struct write write = {0};
    bool with_id = call->count == 3;
    int code = cmd_read_json(cli, call->arguments[call->count - 1], '{', &write.body);
    if (!code) code = write_begin(cli, call, CLI_CREATE, with_id, &write);
    if (code) {
        cli_text_free(&write.body);
        return code;
    }
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    nacre_result result = {0};
    nacre_status status =
        nacre_put(cli->session, &collection, with_id ? &write.id : NULL, cli_text_of(&write.body),
                  write.body.size, &write.options, &result);
    return write_end(cli, call, &write, status, &result, NULL);
}

// An array is a JSON Patch, and nothing else is.
int cmd_check_patch(struct cli *cli, const struct cli_call *call, bool list, const char *patch) {
    bool array = patch[strspn(patch, " \t\r\n")] == '[';
    if (array == list) return 0;
    return cli_usage(cli, call->command,
                     list ? "leave out --json-patch" : "a JSON Patch is given with --json-patch",
                     list ? "--json-patch takes an array of operations, this is something else"
                          : "a patch is an object, this is an array");
}

// Without --where it is one document, which an ID names.
static int check_id(struct cli *cli, const struct cli_call *call) {
    if (call->options[OPT_ATOMIC].given)
        return cli_usage(cli, call->command, NULL, "--atomic goes with --where");
    if (call->count == call->command->most) return 0;
    return cli_usage(cli, call->command, "or give --where FILTER for many documents",
                     "%s needs an argument more: ID", call->command->name);
}

int cmd_patch(struct cli *cli, const struct cli_call *call) {
    struct write write = {0};
    bool merge = call->options[OPT_MERGE].given, list = call->options[OPT_JSON_PATCH].given;
    if (merge && list)
        return cli_usage(cli, call->command, NULL, "--merge and --json-patch exclude each other");
    if (call->options[OPT_WHERE].given) return cmd_patch_where(cli, call);
    int code = check_id(cli, call);
    if (code) return code;
    code = cmd_read_text(cli, call->arguments[2], &write.body);
    if (!code) code = cmd_check_patch(cli, call, list, cli_text_of(&write.body));
    if (!code) code = cmd_check_json(cli, call->arguments[2], list ? '[' : '{', &write.body);
    if (!code) code = write_begin(cli, call, CLI_WRITE, true, &write);
    if (code) {
        cli_text_free(&write.body);
        return code;
    }
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    nacre_result result = {0};
    nacre_patch_kind kind = merge ? NACRE_PATCH_MERGE : list ? NACRE_PATCH_JSON : NACRE_PATCH;
    nacre_status status =
        nacre_patch(cli->session, &collection, write.id, kind, cli_text_of(&write.body),
                    write.body.size, &write.options, &result);
    return write_end(cli, call, &write, status, &result, "patched");
}

int cmd_rm(struct cli *cli, const struct cli_call *call) {
    struct write write = {0};
    if (call->options[OPT_WHERE].given) return cmd_rm_where(cli, call);
    int code = check_id(cli, call);
    if (!code) code = cmd_write_options(cli, call, &write.options, write.versions);
    if (!code) code = cli_open(cli, CLI_WRITE);
    if (!code) code = take_id(cli, call->arguments[1], &write.id);
    if (code) return code;
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    nacre_result result = {0};
    nacre_status status =
        nacre_delete(cli->session, &collection, write.id, &write.options, &result);
    return write_end(cli, call, &write, status, &result, "deleted");
}
