// patch and rm with --where: many documents.
#include <string.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/progress.h"

struct change {
    struct cli *cli;
    const struct cli_call *call;
    nacre_where where;
    nacre_where_result result;
    struct cli_progress progress;
    struct cli_text patch;
    nacre_patch_kind kind;
    const char *done; // "patched"
};

static int on_progress(void *arg, const nacre_where_result *so_far) {
    struct change *c = arg;
    cli_progress_update(&c->progress, so_far->matched, so_far->changed);
    return cli_interrupted();
}

static int check(struct cli *cli, const struct cli_call *call, int arguments) {
    static const int of_one[] = {OPT_IF_VERSION, OPT_IF_ABSENT, OPT_IF_PRESENT, OPT_IF,
                                 OPT_TTL,        OPT_LEASE,     OPT_DOCUMENT};
    for (size_t i = 0; i < sizeof of_one / sizeof *of_one; i++)
        if (call->options[of_one[i]].given)
            return cli_usage(cli, call->command, NULL,
                             "--%s is about one document, --where about "
                             "many",
                             cli_options[of_one[i]].name);
    if (call->count == arguments) return 0;
    if (call->count > arguments)
        return cli_usage(cli, call->command, "leave out one of them",
                         "an ID names one document, --where many");
    return cli_usage(cli, call->command, NULL, "%s needs an argument more: PATCH",
                     call->command->name);
}

static void put_result(struct change *c) {
    const nacre_where_result *r = &c->result;
    char changed[32], left[32];
    if (c->cli->json) {
        struct cli_text line = {0};
        cmd_member_number(&line, "matched", r->matched);
        cmd_member_number(&line, "changed", r->changed);
        if (r->replayed) cmd_member_json(&line, "replayed", "true");
        cmd_member_text(&line, "sequence", r->sequence);
        cmd_members_end(&line);
        cli_put_line((struct cli_slice){cli_text_of(&line), line.size});
        cli_text_free(&line);
        return;
    }
    cli_put_format("%s %s document%s of %s%s\n", c->done, cli_grouped(changed, r->changed),
                   r->changed == 1 ? "" : "s", c->call->arguments[0],
                   r->replayed ? " (done before, with this key)" : "");
    if (r->matched > r->changed)
        cli_note(c->cli, "%s more fitted until somebody else changed them",
                 cli_grouped(left, r->matched - r->changed));
}

static int report(struct change *c, nacre_status status) {
    struct cli *cli = c->cli;
    const char *key = c->where.idempotency_key ? c->where.idempotency_key : c->result.key;
    char changed[32];
    if (status == NACRE_OK) {
        put_result(c);
        return cli_flush(cli);
    }
    int signal_number = cli_interrupted();
    int code = signal_number ? 128 + signal_number
                             : cli_fail(cli, status, c->call->options[OPT_WHERE].text);
    if (c->result.changed > 0 && !c->where.atomic)
        cli_note(cli, "%s %s so far. To go on, give the same command with --idempotency-key %s",
                 cli_grouped(changed, c->result.changed),
                 c->result.changed == 1 ? "document is done" : "documents are done", key);
    return code;
}

static int run(struct change *c) {
    struct cli *cli = c->cli;
    nacre_collection collection = cli_collection(cli, c->call->arguments[0]);
    c->progress = cli_progress_begin(cli, c->done, "documents", 0);
    cli_catch_interrupts(cli->session);
    nacre_status status =
        c->patch.size ? nacre_update_where(cli->session, &collection, &c->where, &c->result)
                      : nacre_delete_where(cli->session, &collection, &c->where, &c->result);
    cli_progress_clear(&c->progress);
    int code = report(c, status);
    cli_release_interrupts();
    return code;
}

static int change(struct change *c, int arguments) {
    nacre_write write;
    uint64_t versions[CMD_VERSIONS_MAX];
    int code = check(c->cli, c->call, arguments);
    if (!code) code = cmd_write_options(c->cli, c->call, &write, versions);
    if (!code) code = cli_open(c->cli, CLI_WRITE);
    if (code) return code;
    c->where = (nacre_where){.filter = c->call->options[OPT_WHERE].text,
                             .patch = c->patch.data,
                             .patch_kind = c->kind,
                             .durability = write.durability,
                             .atomic = c->call->options[OPT_ATOMIC].given,
                             .idempotency_key = write.idempotency_key,
                             .on_progress = on_progress,
                             .arg = c};
    return run(c);
}

int cmd_patch_where(struct cli *cli, const struct cli_call *call) {
    struct change c = {.cli = cli, .call = call, .done = "patched"};
    bool merge = call->options[OPT_MERGE].given, list = call->options[OPT_JSON_PATCH].given;
    const char *argument = call->arguments[call->count - 1];
    c.kind = merge ? NACRE_PATCH_MERGE : list ? NACRE_PATCH_JSON : NACRE_PATCH;
    int code = check(cli, call, 2);
    if (!code) code = cmd_read_text(cli, argument, &c.patch);
    if (!code) code = cmd_check_patch(cli, call, list, cli_text_of(&c.patch));
    if (!code) code = cmd_check_json(cli, argument, list ? '[' : '{', &c.patch);
    if (!code) code = change(&c, 2);
    cli_text_free(&c.patch);
    return code;
}

int cmd_rm_where(struct cli *cli, const struct cli_call *call) {
    struct change c = {.cli = cli, .call = call, .done = "deleted"};
    return change(&c, 1);
}
