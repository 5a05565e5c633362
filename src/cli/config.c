#include "cli/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/out.h"
#include "cli/toml.h"

enum { NAME_MAX_BYTES = 64, FILE_MAX_BYTES = 1 << 20 };

const struct cli_config_row cli_config_rows[] = {
    {"server", "listen", OPT_LISTEN},
    {"server", "insecure", OPT_INSECURE},
    {"server", "cors", OPT_CORS},
    {"server", "slow_ms", OPT_SLOW_MS},
    {"server", "log_format", OPT_LOG_FORMAT},
    {"server", "log_requests", OPT_LOG_REQUESTS},
    {"server", "rate", OPT_RATE},
    {"server", "tenant_rate", OPT_TENANT_RATE},
    {"tls", "cert", OPT_TLS_CERT},
    {"tls", "key", OPT_TLS_KEY},
    {"tls", "client_ca", OPT_TLS_CLIENT_CA},
    {"tls", "min", OPT_TLS_MIN},
    {"jwt", "jwks", OPT_JWKS},
    {"jwt", "issuer", OPT_JWT_ISSUER},
    {"jwt", "audience", OPT_JWT_AUDIENCE},
    {"backup", "directory", OPT_BACKUPS},
    {"backup", "archive", OPT_ARCHIVE},
};
const size_t cli_config_row_count = sizeof cli_config_rows / sizeof *cli_config_rows;

struct reading {
    struct cli *cli;
    struct cli_config *config;
};

static void name_of(const struct cli_config_row *row, char out[NAME_MAX_BYTES]) {
    snprintf(out, NAME_MAX_BYTES, "%s.%s", row->section, row->key);
}

static void variable_of(const struct cli_config_row *row, char out[NAME_MAX_BYTES]) {
    snprintf(out, NAME_MAX_BYTES, "NACRE_%s_%s", row->section, row->key);
    for (char *at = out; *at; at++)
        if (*at >= 'a' && *at <= 'z') *at = (char)(*at - 'a' + 'A');
}

// --- one value ---

static int wrong(struct cli *cli, const struct cli_config_row *row, const char *where,
                 const char *text) {
    const struct cli_option *option = &cli_options[row->option];
    const char *expected = option->kind == CLI_FLAG     ? "true or false"
                           : option->kind == CLI_CHOICE ? option->value
                                                        : "a text";
    char number[80];
    if (option->kind == CLI_NUMBER) {
        snprintf(number, sizeof number, "a whole number from %llu to %llu",
                 (unsigned long long)option->least, (unsigned long long)option->most);
        expected = number;
    }
    return cli_usage(cli, NULL, NULL, "%s: %s.%s is %s, not \"%.100s\"", where, row->section,
                     row->key, expected, text);
}

static bool take_flag(const char *text, bool *out) {
    *out = strcmp(text, "true") == 0;
    return *out || strcmp(text, "false") == 0;
}

// kind: as it was written, CLI_TOML_OTHER where that says nothing.
static bool fits(const struct cli_option *option, const char *text, enum cli_toml_kind kind,
                 struct cli_value *out) {
    static const enum cli_toml_kind kinds[] = {[CLI_FLAG] = CLI_TOML_FLAG,
                                               [CLI_TEXT] = CLI_TOML_TEXT,
                                               [CLI_NUMBER] = CLI_TOML_NUMBER,
                                               [CLI_CHOICE] = CLI_TOML_TEXT};
    if (kind != CLI_TOML_OTHER && kind != kinds[option->kind]) return false;
    if (option->kind == CLI_FLAG) return take_flag(text, &out->given);
    out->given = true;
    return text[0] && cli_option_accepts(option, text, &out->number);
}

// Checked also where something stronger says otherwise.
static int take(struct reading *r, const struct cli_config_row *row, const char *text,
                enum cli_toml_kind kind, enum cli_origin origin, const char *where) {
    struct cli_value value = {0};
    struct cli_config *config = r->config;
    if (!fits(&cli_options[row->option], text, kind, &value))
        return wrong(r->cli, row, where, text);
    if (config->origins[row->option] > origin) return 0;
    cli_free(config->texts[row->option]);
    config->texts[row->option] = cli_copy(text);
    value.text = config->texts[row->option];
    config->values[row->option] = value;
    config->origins[row->option] = origin;
    return 0;
}

// --- the file ---

static const struct cli_config_row *find_row(const char *name) {
    char known[NAME_MAX_BYTES];
    for (size_t i = 0; i < cli_config_row_count; i++) {
        name_of(&cli_config_rows[i], known);
        if (strcmp(known, name) == 0) return &cli_config_rows[i];
    }
    return NULL;
}

// names: with the index of a row each.
static int unknown(struct cli *cli, const char *where, const char *name,
                   void (*print)(const struct cli_config_row *row, char out[NAME_MAX_BYTES])) {
    char names[32][NAME_MAX_BYTES], hint[NAME_MAX_BYTES + 20];
    const char *list[32];
    size_t count = 0;
    for (; count < cli_config_row_count && count < 32; count++) {
        print(&cli_config_rows[count], names[count]);
        list[count] = names[count];
    }
    const char *near = cli_nearest(name, list, count);
    snprintf(hint, sizeof hint, "did you mean %s?", near ? near : "");
    return cli_usage(cli, NULL, near ? hint : NULL, "%s: there is no option %.60s", where, name);
}

static int take_toml(void *arg, const struct cli_toml_value *value) {
    struct reading *r = arg;
    char name[2 * NAME_MAX_BYTES], where[4200];
    snprintf(where, sizeof where, "%s:%u", r->config->file, value->line);
    snprintf(name, sizeof name, "%.60s%s%.60s", value->section, value->section[0] ? "." : "",
             value->key);
    const struct cli_config_row *row = find_row(name);
    if (!row) return unknown(r->cli, where, name, name_of);
    if (value->kind == CLI_TOML_OTHER) return wrong(r->cli, row, where, "something else");
    return take(r, row, value->text, value->kind, CLI_BY_FILE, where);
}

static int read_text(struct cli *cli, const char *path, struct cli_text *out) {
    char piece[4096];
    FILE *file = fopen(path, "rbe");
    if (!file) return cli_error(cli, NACRE_NOT_FOUND, NULL, "%s cannot be read", path);
    for (size_t n; (n = fread(piece, 1, sizeof piece, file)) > 0 && out->size <= FILE_MAX_BYTES;)
        cli_text_add(out, piece, n);
    bool failed = ferror(file) || out->size > FILE_MAX_BYTES;
    fclose(file);
    return failed ? cli_error(cli, NACRE_INVALID_ARGUMENT, NULL,
                              "%s cannot be read, or is too long", path)
                  : 0;
}

static int read_file(struct reading *r, const char *path) {
    struct cli_text text = {0};
    struct cli_toml_error error = {0};
    r->config->file = cli_copy(path);
    int code = read_text(r->cli, path, &text);
    if (!code) code = cli_toml_read(cli_text_of(&text), text.size, &error, take_toml, r);
    cli_text_free(&text);
    if (code == -1) return cli_usage(r->cli, NULL, NULL, "%s:%u: %s", path, error.line, error.text);
    return code;
}

static int read_config_file(struct reading *r, const struct cli_call *call) {
    const char *path = call->options[OPT_CONFIG].text;
    if (!path) path = getenv("NACRE_CONFIG");
    if (path && path[0]) return read_file(r, path);
    return access("nacre.toml", F_OK) == 0 ? read_file(r, "nacre.toml") : 0;
}

// --- the environment ---

// A variable of one of the sections that is none of the rows is a mistake.
static int check_variable(struct cli *cli, const char *variable) {
    char prefix[NAME_MAX_BYTES], known[NAME_MAX_BYTES], name[NAME_MAX_BYTES];
    bool ours = false;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(variable, "="), variable);
    for (size_t i = 0; i < cli_config_row_count; i++) {
        variable_of(&cli_config_rows[i], known);
        if (strcmp(known, name) == 0) return 0;
        snprintf(prefix, sizeof prefix, "%.*s_", (int)(6 + strlen(cli_config_rows[i].section)),
                 known);
        ours |= strncmp(name, prefix, strlen(prefix)) == 0;
    }
    return ours ? unknown(cli, "environment", name, variable_of) : 0;
}

static int read_environment(struct reading *r) {
    char name[NAME_MAX_BYTES];
    int code = 0;
    for (char **at = environ; *at && !code; at++)
        code = check_variable(r->cli, *at);
    for (size_t i = 0; i < cli_config_row_count && !code; i++) {
        variable_of(&cli_config_rows[i], name);
        const char *text = getenv(name);
        if (text)
            code = take(r, &cli_config_rows[i], text, CLI_TOML_OTHER, CLI_BY_ENVIRONMENT, name);
    }
    return code;
}

int cli_config_read(struct cli *cli, const struct cli_call *call, struct cli_config *out) {
    struct reading r = {.cli = cli, .config = out};
    *out = (struct cli_config){0};
    for (int i = 0; i < OPT_COUNT; i++) {
        out->values[i] = call->options[i];
        if (call->options[i].given) out->origins[i] = CLI_BY_FLAG;
    }
    int code = read_config_file(&r, call);
    return code ? code : read_environment(&r);
}

void cli_config_free(struct cli_config *config) {
    for (int i = 0; i < OPT_COUNT; i++)
        cli_free(config->texts[i]);
    cli_free(config->file);
}
