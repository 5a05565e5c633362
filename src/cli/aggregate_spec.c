// The body of an aggregate from --group-by, --count NAME[=PATH], --sum NAME=PATH[,…] and the like.
#include <string.h>

#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/out.h"

enum { NAMES_MAX = 64 };

struct spec {
    struct cli *cli;
    const struct cli_call *call;
    struct cli_text aggregates;
    struct cli_slice names[NAMES_MAX];
    size_t count;
};

static const struct {
    enum cli_option_id id;
    const char *op;
} kinds[] = {
    {OPT_AGG_COUNT, "count"}, {OPT_AGG_SUM, "sum"}, {OPT_AGG_AVG, "avg"},
    {OPT_AGG_MIN, "min"},     {OPT_AGG_MAX, "max"}, {OPT_AGG_DISTINCT, "count_distinct"},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

bool cmd_is_aggregate(const struct cli_call *call) {
    bool any = call->options[OPT_GROUP_BY].given || call->options[OPT_HAVING].given;
    for (size_t i = 0; i < KINDS; i++)
        any |= call->options[kinds[i].id].given;
    return any;
}

static int add_name(struct spec *spec, struct cli_slice name) {
    for (size_t i = 0; i < spec->count; i++)
        if (spec->names[i].size == name.size &&
            memcmp(spec->names[i].data, name.data, name.size) == 0)
            return cli_usage(spec->cli, spec->call->command, NULL,
                             "the name \"%.*s\" is given to two aggregates", (int)name.size,
                             name.data);
    if (spec->count == NAMES_MAX)
        return cli_usage(spec->cli, spec->call->command, NULL, "at most %d aggregates",
                         (int)NAMES_MAX);
    spec->names[spec->count++] = name;
    return 0;
}

// One NAME=PATH; of count also NAME alone: documents.
static int add_part(struct spec *spec, size_t kind, struct cli_slice part) {
    const char *equals = memchr(part.data, '=', part.size);
    struct cli_slice name = {part.data, equals ? (size_t)(equals - part.data) : part.size};
    struct cli_slice path = {"*", 1};
    if (equals) path = (struct cli_slice){equals + 1, part.size - name.size - 1};
    if (name.size == 0 || path.size == 0 || (!equals && kinds[kind].id != OPT_AGG_COUNT))
        return cli_usage(spec->cli, spec->call->command, NULL, "--%s takes NAME=PATH, not \"%.*s\"",
                         cli_options[kinds[kind].id].name, (int)part.size, part.data);
    int code = add_name(spec, name);
    if (code) return code;
    struct cli_text *out = &spec->aggregates;
    cli_text_puts(out, out->size == 0 ? "{" : ",");
    cli_text_json(out, name);
    cli_text_format(out, ":{\"%s\":", kinds[kind].op);
    cli_text_json(out, path);
    cli_text_puts(out, "}");
    return 0;
}

static int add_kind(struct spec *spec, size_t kind) {
    const struct cli_value *value = &spec->call->options[kinds[kind].id];
    if (!value->given) return 0;
    const char *at = value->text;
    for (;;) {
        size_t size = strcspn(at, ",");
        int code = add_part(spec, kind, (struct cli_slice){at, size});
        if (code || !at[size]) return code;
        at += size + 1;
    }
}

int cmd_aggregate_spec(struct cli *cli, const struct cli_call *call, const char *filter,
                       struct cli_text *out) {
    const struct cli_value *options = call->options;
    struct spec spec = {.cli = cli, .call = call};
    int code = 0;
    for (size_t i = 0; i < KINDS && code == 0; i++)
        code = add_kind(&spec, i);
    cmd_members_end(&spec.aggregates);
    if (options[OPT_GROUP_BY].given) cmd_member_list(out, "group_by", options[OPT_GROUP_BY].text);
    cmd_member_json(out, "aggregates", cli_text_of(&spec.aggregates));
    if (options[OPT_HAVING].given) cmd_member_text(out, "having", options[OPT_HAVING].text);
    cmd_query_spec(call, filter, out);
    cli_text_free(&spec.aggregates);
    return code;
}
