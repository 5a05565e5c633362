// db, collection, index: what there is.
#include <string.h>

#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/out.h"
#include "cli/table.h"

// Settings: the JSON at arguments[at], or the given options; both is an error. adds: fills in the
// options' members and tells whether there were any.
static int take_settings(struct cli *cli, const struct cli_call *call, int at,
                         bool (*adds)(const struct cli_call *call, struct cli_text *out),
                         struct cli_text *out) {
    bool any = adds(call, out);
    if (call->count <= at) {
        cmd_members_end(out);
        return 0;
    }
    if (any) return cli_usage(cli, call->command, NULL, "give the settings as JSON or as options");
    return cmd_read_json(cli, call->arguments[at], '{', out);
}

static void add_number(const struct cli_call *call, int option, const char *name,
                       struct cli_text *out) {
    if (call->options[option].given) cmd_member_number(out, name, call->options[option].number);
}

static bool add_collection(const struct cli_call *call, struct cli_text *out) {
    if (call->options[OPT_PRIMARY_KEY].given)
        cmd_member_text(out, "primary_key", call->options[OPT_PRIMARY_KEY].text);
    add_number(call, OPT_TTL_SECONDS, "ttl_seconds", out);
    add_number(call, OPT_HISTORY_SECONDS, "history_seconds", out);
    add_number(call, OPT_HISTORY_BYTES, "history_bytes", out);
    add_number(call, OPT_CHANGES_SECONDS, "changes_seconds", out);
    return out->size > 0;
}

static bool add_quota(const struct cli_call *call, struct cli_text *out) {
    struct cli_text quota = {0};
    add_number(call, OPT_STORAGE_BYTES, "storage_bytes", &quota);
    add_number(call, OPT_DOCUMENTS, "documents", &quota);
    bool any = quota.size > 0;
    if (any) {
        cmd_members_end(&quota);
        cmd_member_json(out, "quota", cli_text_of(&quota));
    }
    cli_text_free(&quota);
    return any;
}

// JSON: {"name":…,"done":true}; else a sentence.
static int told(struct cli *cli, const char *what, const char *name, const char *done) {
    if (cli->json) {
        struct cli_text line = {0};
        cmd_member_text(&line, "name", name);
        cmd_member_text(&line, "done", done);
        cmd_members_end(&line);
        cli_put_line((struct cli_slice){cli_text_of(&line), line.size});
        cli_text_free(&line);
    } else {
        cli_put_format("%s %s: %s\n", what, name, done);
    }
    return 0;
}

static const char *created_word(int created) { return created ? "created" : "there already"; }

static int ended(struct cli *cli, nacre_status status, struct cli_text *settings) {
    cli_text_free(settings);
    return status == NACRE_OK ? 0 : cli_fail(cli, status, NULL);
}

// --- collections ---

// A collection as a row of the table: the names of its indexes instead of all about them.
static void add_collection_row(struct cli_table *table, struct cli_slice item) {
    struct cli_text row = {0}, names = {0};
    struct cli_slice value, index;
    if (cli_json_find(item, "name", &value))
        cli_text_format(&row, "{\"name\":%.*s", (int)value.size, value.data);
    cmd_member_number(&row, "documents", cli_json_uint(item, "documents", 0));
    if (!cli_json_find(item, "indexes", &value)) value = cli_slice_of("[]");
    for (size_t at = 0; cli_json_element(value, &at, &index);) {
        struct cli_slice name;
        cli_text_puts(&names, names.size > 0 ? ", " : "");
        if (cli_json_find(index, "name", &name)) cli_json_text(name, &names);
    }
    cmd_member_text(&row, "indexes", cli_text_of(&names));
    cmd_members_end(&row);
    cli_table_row(table, (struct cli_slice){cli_text_of(&row), row.size});
    cli_text_free(&row);
    cli_text_free(&names);
}

static void put_collection_table(struct cli *cli, const char *json) {
    struct cli_slice items, item;
    struct cli_table *table = cli_table_begin(cli, NULL);
    if (!cli_json_find(cli_slice_of(json), "items", &items)) items = cli_slice_of("[]");
    for (size_t at = 0; cli_json_element(items, &at, &item);)
        add_collection_row(table, item);
    cli_table_end(table);
}

int cmd_collection_list(struct cli *cli, const struct cli_call *call) {
    (void)call;
    int code = cli_open(cli, CLI_READ);
    if (code) return code;
    const char *json = NULL;
    nacre_collection all = cli_collection(cli, NULL);
    nacre_status status = nacre_collection_describe(cli->session, &all, &json);
    if (status != NACRE_OK) return cli_fail(cli, status, NULL);
    if (cli->json)
        cli_table_items(cli, json, NULL);
    else
        put_collection_table(cli, json);
    return 0;
}

int cmd_collection_create(struct cli *cli, const struct cli_call *call) {
    struct cli_text settings = {0};
    int code = take_settings(cli, call, 1, add_collection, &settings), created = 0;
    if (!code) code = cli_open(cli, CLI_CREATE);
    if (!code) {
        nacre_collection collection = cli_collection(cli, call->arguments[0]);
        nacre_status status =
            nacre_collection_create(cli->session, &collection, cli_text_of(&settings), &created);
        code = ended(cli, status, &settings);
    }
    cli_text_free(&settings);
    return code ? code : told(cli, "collection", call->arguments[0], created_word(created));
}

int cmd_collection_get(struct cli *cli, const struct cli_call *call) {
    int code = cli_open(cli, CLI_READ);
    if (code) return code;
    const char *json = NULL;
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    nacre_status status = nacre_collection_describe(cli->session, &collection, &json);
    if (status != NACRE_OK) return cli_fail(cli, status, NULL);
    cli_put_json(cli, cli_slice_of(json));
    return 0;
}

int cmd_collection_alter(struct cli *cli, const struct cli_call *call) {
    struct cli_text settings = {0};
    int code = take_settings(cli, call, 1, add_collection, &settings);
    if (!code) code = cli_open(cli, CLI_WRITE);
    if (!code) {
        nacre_collection collection = cli_collection(cli, call->arguments[0]);
        nacre_status status =
            nacre_collection_alter(cli->session, &collection, cli_text_of(&settings));
        code = ended(cli, status, &settings);
    }
    cli_text_free(&settings);
    return code ? code : told(cli, "collection", call->arguments[0], "altered");
}

int cmd_collection_drop(struct cli *cli, const struct cli_call *call) {
    int code = cli_open(cli, CLI_WRITE);
    if (code) return code;
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    nacre_status status = nacre_collection_drop(cli->session, &collection);
    if (status != NACRE_OK) return cli_fail(cli, status, NULL);
    return told(cli, "collection", call->arguments[0], "dropped");
}

// --- indexes ---

// --fields a,-b.c as [{"path":"a"},{"path":"b.c","order":"desc"}].
static void add_fields(const char *fields, struct cli_text *out) {
    struct cli_text list = {0};
    cli_text_puts(&list, "[");
    while (*fields) {
        bool down = *fields == '-';
        size_t size = strcspn(fields + down, ",");
        cli_text_puts(&list, list.size > 1 ? ",{\"path\":" : "{\"path\":");
        cli_text_json(&list, (struct cli_slice){fields + down, size});
        cli_text_puts(&list, down ? ",\"order\":\"desc\"}" : "}");
        fields += down + size;
        fields += *fields == ',';
    }
    cli_text_puts(&list, "]");
    cmd_member_json(out, "fields", cli_text_of(&list));
    cli_text_free(&list);
}

static int index_wait(struct cli *cli, nacre_collection *collection, const char *name) {
    cli_catch_interrupts(cli->session);
    nacre_status status = nacre_index_wait(cli->session, collection, name);
    int code = status == NACRE_OK ? 0 : cli_fail(cli, status, NULL);
    cli_release_interrupts();
    return code;
}

int cmd_index_list(struct cli *cli, const struct cli_call *call) {
    int code = cli_open(cli, CLI_READ);
    if (code) return code;
    const char *json = NULL;
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    nacre_status status = nacre_index_describe(cli->session, &collection, NULL, &json);
    if (status != NACRE_OK) return cli_fail(cli, status, NULL);
    cli_table_items(cli, json, "name,fields,unique,where,state,progress,error");
    return 0;
}

int cmd_index_create(struct cli *cli, const struct cli_call *call) {
    const struct cli_value *options = call->options;
    const char *name = call->arguments[1], *where = options[OPT_WHERE].text;
    if (!options[OPT_FIELDS].given)
        return cli_usage(cli, call->command, NULL, "say what to index: --fields PATHS");
    int code = cli_open(cli, CLI_CREATE), created = 0;
    if (code) return code;
    struct cli_text spec = {0};
    add_fields(options[OPT_FIELDS].text, &spec);
    if (options[OPT_UNIQUE].given) cmd_member_json(&spec, "unique", "true");
    if (where) cmd_member_text(&spec, "where", where);
    cmd_members_end(&spec);
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    nacre_status status =
        nacre_index_create(cli->session, &collection, name, cli_text_of(&spec), &created);
    cli_text_free(&spec);
    if (status != NACRE_OK) return cli_fail(cli, status, where);
    if (options[OPT_WAIT].given) code = index_wait(cli, &collection, name);
    return code ? code : told(cli, "index", name, created_word(created));
}

int cmd_index_get(struct cli *cli, const struct cli_call *call) {
    bool wait = call->options[OPT_WAIT].given;
    const char *json = NULL, *name = call->arguments[1];
    int code = cli_open(cli, wait ? CLI_WRITE : CLI_READ); // who only reads does not build either
    if (code) return code;
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    if (wait) code = index_wait(cli, &collection, name);
    if (code) return code;
    nacre_status status = nacre_index_describe(cli->session, &collection, name, &json);
    if (status != NACRE_OK) return cli_fail(cli, status, NULL);
    cli_put_json(cli, cli_slice_of(json));
    return 0;
}

int cmd_index_drop(struct cli *cli, const struct cli_call *call) {
    int code = cli_open(cli, CLI_WRITE);
    if (code) return code;
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    nacre_status status = nacre_index_drop(cli->session, &collection, call->arguments[1]);
    if (status != NACRE_OK) return cli_fail(cli, status, NULL);
    return told(cli, "index", call->arguments[1], "dropped");
}

// --- databases ---

int cmd_db_list(struct cli *cli, const struct cli_call *call) {
    (void)call;
    int code = cli_open(cli, CLI_READ);
    if (code) return code;
    const char *json = NULL;
    nacre_status status = nacre_database_describe(cli->session, NULL, &json);
    if (status != NACRE_OK) return cli_fail(cli, status, NULL);
    cli_table_items(cli, json, "name,documents,storage_bytes,quota");
    return 0;
}

int cmd_db_create(struct cli *cli, const struct cli_call *call) {
    struct cli_text settings = {0};
    int code = take_settings(cli, call, 1, add_quota, &settings), created = 0;
    if (!code) code = cli_open(cli, CLI_CREATE);
    if (!code) {
        nacre_status status = nacre_database_create(cli->session, call->arguments[0],
                                                    cli_text_of(&settings), &created);
        code = ended(cli, status, &settings);
    }
    cli_text_free(&settings);
    return code ? code : told(cli, "database", call->arguments[0], created_word(created));
}

int cmd_db_get(struct cli *cli, const struct cli_call *call) {
    int code = cli_open(cli, CLI_READ);
    if (code) return code;
    const char *json = NULL;
    nacre_status status = nacre_database_describe(cli->session, call->arguments[0], &json);
    if (status != NACRE_OK) return cli_fail(cli, status, NULL);
    cli_put_json(cli, cli_slice_of(json));
    return 0;
}

int cmd_db_alter(struct cli *cli, const struct cli_call *call) {
    struct cli_text settings = {0};
    int code = take_settings(cli, call, 1, add_quota, &settings);
    if (!code) code = cli_open(cli, CLI_WRITE);
    if (!code) {
        nacre_status status =
            nacre_database_alter(cli->session, call->arguments[0], cli_text_of(&settings));
        code = ended(cli, status, &settings);
    }
    cli_text_free(&settings);
    return code ? code : told(cli, "database", call->arguments[0], "altered");
}

int cmd_db_drop(struct cli *cli, const struct cli_call *call) {
    int code = cli_open(cli, CLI_WRITE);
    if (code) return code;
    nacre_status status = nacre_database_drop(cli->session, call->arguments[0]);
    if (status != NACRE_OK) return cli_fail(cli, status, NULL);
    return told(cli, "database", call->arguments[0], "dropped");
}
