// backup: made, listed, verified, restored, deleted.
#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/table.h"

static int failed(struct cli *cli, nacre_status status, nacre_backups *backups) {
    const char *detail = nacre_backups_detail(backups), *hint = nacre_backups_hint(backups);
    return cli_error(cli, status, hint[0] ? hint : NULL, "%s",
                     detail[0] ? detail : nacre_status_title(status));
}

static int open_backups(struct cli *cli, const struct cli_call *call, nacre_backups **out) {
    if (!call->options[OPT_BACKUPS].given)
        return cli_usage(cli, call->command, NULL, "--backups names the directory of backups");
    nacre_status status = nacre_backups_open(call->options[OPT_BACKUPS].text, out);
    if (status == NACRE_OK) return 0;
    return cli_error(cli, status, NULL, "%s", nacre_status_title(status));
}

static int create(struct cli *cli, const struct cli_call *call, nacre_backups *backups) {
    const char *json = NULL;
    nacre_status status = nacre_backup_create(backups, cli->db, call->arguments[0],
                                              call->options[OPT_INCREMENTAL_OF].text, &json);
    if (status != NACRE_OK) return failed(cli, status, backups);
    cli_put_json(cli, cli_slice_of(json));
    return 0;
}

int cmd_backup_create(struct cli *cli, const struct cli_call *call) {
    nacre_backups *backups = NULL;
    int code = open_backups(cli, call, &backups);
    if (!code) code = cli_open(cli, CLI_WRITE);
    if (!code) code = create(cli, call, backups);
    nacre_backups_close(backups);
    return code;
}

static int list(struct cli *cli, const char *name, nacre_backups *backups) {
    const char *json = NULL;
    nacre_status status = nacre_backup_list(backups, name, &json);
    if (status != NACRE_OK) return failed(cli, status, backups);
    if (name)
        cli_put_json(cli, cli_slice_of(json));
    else
        cli_table_items(cli, json, "name,state,kind,parent,time,bytes");
    return 0;
}

int cmd_backup_list(struct cli *cli, const struct cli_call *call) {
    nacre_backups *backups = NULL;
    int code = open_backups(cli, call, &backups);
    if (!code) code = list(cli, call->count ? call->arguments[0] : NULL, backups);
    nacre_backups_close(backups);
    return code;
}

static void put_problem(void *arg, const char *text) {
    (void)arg;
    cli_put_line(cli_slice_of(text));
}

static int verify(struct cli *cli, const char *name, nacre_backups *backups) {
    uint64_t problems = 0;
    nacre_status status = nacre_backup_verify(backups, name, put_problem, NULL, &problems);
    if (status != NACRE_OK) return failed(cli, status, backups);
    if (problems)
        return cli_error(cli, NACRE_CORRUPT, NULL, "backup \"%s\" cannot be relied on", name);
    cli_note(cli, "backup \"%s\" was restored and is whole", name);
    return 0;
}

int cmd_backup_verify(struct cli *cli, const struct cli_call *call) {
    nacre_backups *backups = NULL;
    int code = open_backups(cli, call, &backups);
    if (!code) code = verify(cli, call->arguments[0], backups);
    nacre_backups_close(backups);
    return code;
}

static int restore(struct cli *cli, const struct cli_call *call, nacre_backups *backups) {
    nacre_restore_options options = {.to = call->arguments[1],
                                     .time = call->options[OPT_TIME].text,
                                     .log = call->options[OPT_LOG].text};
    nacre_status status = nacre_backup_restore(backups, call->arguments[0], &options);
    if (status != NACRE_OK) return failed(cli, status, backups);
    cli_note(cli, "%s holds the database of backup \"%s\"", options.to, call->arguments[0]);
    return 0;
}

int cmd_backup_restore(struct cli *cli, const struct cli_call *call) {
    nacre_backups *backups = NULL;
    int code = open_backups(cli, call, &backups);
    if (!code) code = restore(cli, call, backups);
    nacre_backups_close(backups);
    return code;
}

int cmd_backup_delete(struct cli *cli, const struct cli_call *call) {
    nacre_backups *backups = NULL;
    int code = open_backups(cli, call, &backups);
    nacre_status status = code ? NACRE_OK : nacre_backup_delete(backups, call->arguments[0]);
    if (status != NACRE_OK) code = failed(cli, status, backups);
    nacre_backups_close(backups);
    return code;
}
