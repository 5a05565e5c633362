// begin, commit, rollback: transactions, in the shell, whose commands share one session.
#include <string.h>

#include "cli/cmd.h"
#include "cli/out.h"

enum { TYPING_MS = 60000 }; // who types needs all the time there is

static int open_in_shell(struct cli *cli, const struct cli_call *call) {
    if (cli->in_shell) return cli_open(cli, CLI_WRITE);
    return cli_usage(cli, call->command, "start one: nacre shell",
                     "a transaction lives in a shell, and this is none");
}

int cmd_begin(struct cli *cli, const struct cli_call *call) {
    const char *isolation = call->options[OPT_ISOLATION].text;
    nacre_tx_options options = {.timeout_ms = TYPING_MS};
    int code = open_in_shell(cli, call);
    if (code) return code;
    if (isolation && strcmp(isolation, "serializable") == 0)
        options.isolation = NACRE_ISOLATION_SERIALIZABLE;
    nacre_status status = nacre_tx_begin(cli->session, &options);
    if (status != NACRE_OK) return cli_fail(cli, status, NULL);
    cli_note(cli, "begun: commit within 60 seconds, or roll back");
    return 0;
}

int cmd_commit(struct cli *cli, const struct cli_call *call) {
    const char *sequence;
    int code = open_in_shell(cli, call);
    if (code) return code;
    nacre_status status = nacre_tx_commit(cli->session, &sequence);
    if (status != NACRE_OK) return cli_fail(cli, status, NULL);
    if (cli->json)
        (void)cli_put_format("{\"sequence\":\"%s\"}\n", sequence);
    else
        (void)cli_put_format("committed\n");
    return cli_flush(cli);
}

int cmd_rollback(struct cli *cli, const struct cli_call *call) {
    int code = open_in_shell(cli, call);
    if (code) return code;
    nacre_status status = nacre_tx_rollback(cli->session);
    if (status != NACRE_OK) return cli_fail(cli, status, NULL);
    cli_note(cli, "rolled back");
    return 0;
}
