// claim, claim release, claim extend: lending documents.
#include <string.h>

#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/out.h"

static int take_id_and_open(struct cli *cli, const struct cli_call *call, nacre_id *out) {
    int code = cli_open(cli, CLI_WRITE);
    if (code) return code;
    nacre_status status = nacre_id_parse(cli->session, call->arguments[1], out);
    return status == NACRE_OK ? 0 : cli_fail(cli, status, NULL);
}

// An option that goes into a bigger JSON text as it is.
static int add_json_option(struct cli *cli, const struct cli_call *call, int option,
                           const char *name, struct cli_text *spec) {
    const struct cli_value *value = &call->options[option];
    if (!value->given) return 0;
    if (!cli_json_is_one(cli_slice_of(value->text), 0))
        return cli_error(cli, NACRE_INVALID_JSON, NULL, "--%s is not one JSON value: %.60s",
                         cli_options[option].name, value->text);
    cmd_member_json(spec, name, value->text);
    return 0;
}

static int claim_spec(struct cli *cli, const struct cli_call *call, struct cli_text *spec) {
    const struct cli_value *options = call->options;
    if (call->count > 1) cmd_member_text(spec, "filter", call->arguments[1]);
    if (options[OPT_SORT].given) cmd_member_list(spec, "sort", options[OPT_SORT].text);
    if (options[OPT_LEASE_MS].given)
        cmd_member_number(spec, "lease_ms", options[OPT_LEASE_MS].number);
    if (options[OPT_HOLDER].given) cmd_member_text(spec, "holder", options[OPT_HOLDER].text);
    if (options[OPT_MAX_EXAMINED].given)
        cmd_member_number(spec, "max_examined", options[OPT_MAX_EXAMINED].number);
    int code = add_json_option(cli, call, OPT_SET, "set", spec);
    if (!code) code = add_json_option(cli, call, OPT_ON_EXPIRE, "on_expire", spec);
    cmd_members_end(spec);
    return code;
}

int cmd_claim(struct cli *cli, const struct cli_call *call) {
    struct cli_text spec = {0};
    nacre_write write;
    uint64_t versions[CMD_VERSIONS_MAX];
    int code = cmd_write_options(cli, call, &write, versions);
    if (!code) code = claim_spec(cli, call, &spec);
    if (!code) code = cli_open(cli, CLI_WRITE);
    if (code) {
        cli_text_free(&spec);
        return code;
    }
    const char *json = NULL, *filter = call->count > 1 ? call->arguments[1] : NULL;
    size_t size = 0;
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    nacre_status status =
        nacre_claim(cli->session, &collection, cli_text_of(&spec), &write, &json, &size);
    cli_text_free(&spec);
    if (status != NACRE_OK) return cli_fail(cli, status, filter);
    if (json) {
        cli_put_json(cli, (struct cli_slice){json, size});
        return 0;
    }
    cli_note(cli, "nothing to claim");
    return nacre_status_exit(NACRE_NOT_FOUND);
}

static int lease_end(struct cli *cli, const struct cli_call *call, nacre_status status,
                     const nacre_result *result, const char *done) {
    if (status != NACRE_OK) return cli_fail(cli, status, NULL);
    cmd_put_result(cli, call, result, done);
    return 0;
}

int cmd_claim_release(struct cli *cli, const struct cli_call *call) {
    nacre_write write;
    uint64_t versions[CMD_VERSIONS_MAX];
    nacre_id id;
    int code = cmd_write_options(cli, call, &write, versions);
    if (!code) code = take_id_and_open(cli, call, &id);
    if (code) return code;
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    nacre_result result = {0};
    nacre_status status = nacre_release(cli->session, &collection, id, call->arguments[2],
                                        call->options[OPT_SET].text, &write, &result);
    return lease_end(cli, call, status, &result, "released");
}

int cmd_claim_extend(struct cli *cli, const struct cli_call *call) {
    nacre_write write;
    uint64_t versions[CMD_VERSIONS_MAX];
    nacre_id id;
    int code = cmd_write_options(cli, call, &write, versions);
    if (!code) code = take_id_and_open(cli, call, &id);
    if (code) return code;
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    nacre_result result = {0};
    const struct cli_value *lease = &call->options[OPT_LEASE_MS];
    nacre_status status = nacre_extend(cli->session, &collection, id, call->arguments[2],
                                       lease->given ? lease->number : 30000, &write, &result);
    return lease_end(cli, call, status, &result, "extended");
}
