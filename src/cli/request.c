// What commands have in common: options of writes, bodies of queries, JSON from the user.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/out.h"

enum { DOCUMENT_INPUT_MAX = 64 << 20 };

static int take_versions(struct cli *cli, const struct cli_call *call, nacre_write *out,
                         uint64_t *versions) {
    const char *at = call->options[OPT_IF_VERSION].text;
    size_t count = 0;
    for (;;) {
        char *end = NULL;
        errno = 0;
        unsigned long long version = strtoull(at, &end, 10);
        if (*at < '0' || *at > '9' || errno || (*end != ',' && *end != '\0'))
            return cli_usage(cli, call->command, NULL,
                             "--if-version takes whole numbers parted by commas, not \"%s\"",
                             call->options[OPT_IF_VERSION].text);
        if (count == CMD_VERSIONS_MAX)
            return cli_usage(cli, call->command, NULL, "--if-version takes at most %d numbers",
                             CMD_VERSIONS_MAX);
        versions[count++] = version;
        if (*end == '\0') break;
        at = end + 1;
    }
    out->if_versions = versions;
    out->if_version_count = count;
    return 0;
}

int cmd_write_options(struct cli *cli, const struct cli_call *call, nacre_write *out,
                      uint64_t versions[CMD_VERSIONS_MAX]) {
    const struct cli_value *options = call->options;
    const char *durability = options[OPT_DURABILITY].text;
    *out = (nacre_write){
        .durability = durability && strcmp(durability, "memory") == 0 ? NACRE_MEMORY : NACRE_SYNCED,
        .if_absent = options[OPT_IF_ABSENT].given,
        .if_present = options[OPT_IF_PRESENT].given,
        .if_filter = options[OPT_IF].text,
        .has_ttl = options[OPT_TTL].given,
        .ttl_seconds = options[OPT_TTL].number,
        .lease = options[OPT_LEASE].text,
        .idempotency_key = options[OPT_IDEMPOTENCY_KEY].text,
        .want_document = options[OPT_DOCUMENT].given,
    };
    return options[OPT_IF_VERSION].given ? take_versions(cli, call, out, versions) : 0;
}

void cmd_member_json(struct cli_text *object, const char *name, const char *json) {
    cli_text_puts(object, object->size == 0 ? "{" : ",");
    cli_text_json(object, cli_slice_of(name));
    cli_text_puts(object, ":");
    cli_text_puts(object, json);
}

void cmd_member_text(struct cli_text *object, const char *name, const char *text) {
    cmd_member_json(object, name, "");
    cli_text_json(object, cli_slice_of(text));
}

void cmd_member_list(struct cli_text *object, const char *name, const char *list) {
    cmd_member_json(object, name, "[");
    for (const char *at = list; *at;) {
        size_t size = strcspn(at, ",");
        if (at > list) cli_text_puts(object, ",");
        cli_text_json(object, (struct cli_slice){at, size});
        at += size + (at[size] == ',');
    }
    cli_text_puts(object, "]");
}

void cmd_member_number(struct cli_text *object, const char *name, uint64_t number) {
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    cmd_member_json(object, name, digits);
}

void cmd_members_end(struct cli_text *object) {
    cli_text_puts(object, object->size == 0 ? "{}" : "}");
}

void cmd_query_spec(const struct cli_call *call, const char *filter, struct cli_text *out) {
    const struct cli_value *options = call->options;
    if (filter) // as text in either spelling, so that a span points into what was typed
        cmd_member_text(out, "filter", filter);
    if (options[OPT_SORT].given) cmd_member_list(out, "sort", options[OPT_SORT].text);
    if (options[OPT_FIELDS].given) cmd_member_list(out, "fields", options[OPT_FIELDS].text);
    if (options[OPT_FORMAT].given) cmd_member_text(out, "format", options[OPT_FORMAT].text);
    if (options[OPT_LIMIT].given) cmd_member_number(out, "limit", options[OPT_LIMIT].number);
    if (options[OPT_OFFSET].given) cmd_member_number(out, "offset", options[OPT_OFFSET].number);
    if (options[OPT_CURSOR].given) cmd_member_text(out, "cursor", options[OPT_CURSOR].text);
    if (options[OPT_TOTAL].given) cmd_member_text(out, "count", "exact");
    if (options[OPT_AS_OF].given) cmd_member_text(out, "as_of", options[OPT_AS_OF].text);
    cmd_members_end(out);
}

static int read_stdin(struct cli *cli, struct cli_text *out) {
    char buffer[65536];
    for (;;) {
        ssize_t got = read(STDIN_FILENO, buffer, sizeof buffer);
        if (got == 0) return 0;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            return cli_error(cli, NACRE_IO_ERROR, NULL, "reading stdin: %s", strerror(errno));
        if (out->size + (size_t)got > DOCUMENT_INPUT_MAX)
            return cli_error(cli, NACRE_DOCUMENT_TOO_LARGE, "import takes many documents",
                             "stdin holds more than 64 MiB; a document is at most 16 MiB");
        cli_text_add(out, buffer, (size_t)got);
    }
}

// A whole value of any kind, where brackets are taken for what they enclose.
static bool is_other_json(struct cli_slice text) {
    static const char *const words[] = {"true", "false", "null"};
    if (!cli_json_is_one(text, 0)) return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(text.data, words[i]) == 0) return true;
    return strchr("{[\"", text.data[0]) || text.data[strspn(text.data, "-+.eE0123456789")] == '\0';
}

int cmd_read_text(struct cli *cli, const char *argument, struct cli_text *out) {
    if (strcmp(argument, "-") == 0) return read_stdin(cli, out);
    cli_text_puts(out, argument);
    return 0;
}

int cmd_check_json(struct cli *cli, const char *argument, char first, const struct cli_text *body) {
    struct cli_slice text = {cli_text_of(body), body->size};
    if (cli_json_is_one(text, first)) return 0;
    if (is_other_json(text))
        return cli_error(cli, NACRE_INVALID_ARGUMENT, NULL, "expected a JSON %s, got: %.60s%s",
                         first == '{' ? "object" : "array", text.data, text.size > 60 ? "…" : "");
    return cli_error(
        cli, NACRE_INVALID_JSON,
        strcmp(argument, "-") != 0 ? "quote it, so that it reaches nacre as one argument" : NULL,
        "expected one JSON %s, got: %.60s%s", first == '{' ? "object" : "array",
        text.size ? text.data : "nothing", text.size > 60 ? "…" : "");
}

int cmd_read_json(struct cli *cli, const char *argument, char first, struct cli_text *out) {
    int code = cmd_read_text(cli, argument, out);
    return code ? code : cmd_check_json(cli, argument, first, out);
}

static void put_result_json(const nacre_result *result, bool created) {
    struct cli_text line = {0};
    cmd_member_text(&line, "id", result->id ? result->id : "");
    cmd_member_number(&line, "version", result->version);
    if (created) cmd_member_json(&line, "created", result->created ? "true" : "false");
    if (result->replayed) cmd_member_json(&line, "replayed", "true");
    cmd_member_text(&line, "sequence", result->sequence ? result->sequence : "");
    cmd_members_end(&line);
    cli_put_line((struct cli_slice){cli_text_of(&line), line.size});
    cli_text_free(&line);
}

void cmd_put_result(struct cli *cli, const struct cli_call *call, const nacre_result *result,
                    const char *done) {
    if (result->json && call->options[OPT_DOCUMENT].given) {
        cli_put_json(cli, (struct cli_slice){result->json, result->json_size});
    } else if (cli->json) {
        put_result_json(result, done == NULL);
    } else {
        const char *word = done ? done : result->created ? "created" : "replaced";
        cli_put_format("%s ", word);
        struct cli_text name = {0};
        cli_text_json(&name, cli_slice_of(result->id ? result->id : ""));
        cli_put_format("%s %s, version %llu%s\n", call->arguments[0], cli_text_of(&name),
                       (unsigned long long)result->version,
                       result->replayed ? " (done before, with this key)" : "");
        cli_text_free(&name);
    }
}
