// Jobs: what goes on behind calls.
#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/table.h"

int cmd_job_list(struct cli *cli, const struct cli_call *call) {
    (void)call;
    int code = cli_open(cli, CLI_READ);
    if (code) return code;
    const char *json = NULL;
    nacre_status status = nacre_jobs(cli->session, NULL, &json);
    if (status != NACRE_OK) return cli_fail(cli, status, NULL);
    cli_table_items(cli, json, "id,kind,state,progress,database,collection,index,error");
    return 0;
}

int cmd_job_get(struct cli *cli, const struct cli_call *call) {
    int code = cli_open(cli, CLI_READ);
    if (code) return code;
    const char *json = NULL;
    nacre_status status = nacre_jobs(cli->session, call->arguments[0], &json);
    if (status != NACRE_OK) return cli_fail(cli, status, NULL);
    cli_put_json(cli, cli_slice_of(json));
    return 0;
}

int cmd_job_cancel(struct cli *cli, const struct cli_call *call) {
    int code = cli_open(cli, CLI_WRITE);
    if (code) return code;
    nacre_status status = nacre_job_cancel(cli->session, call->arguments[0]);
    return status == NACRE_OK ? 0 : cli_fail(cli, status, NULL);
}
