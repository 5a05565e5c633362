// The database of this run: opened when a command needs it, with no more access than it needs.
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/out.h"

nacre_collection cli_collection(const struct cli *cli, const char *name) {
    return nacre_collection_of(cli->database, name);
}

static int open_failed(struct cli *cli, nacre_status status, const nacre_open_error *error) {
    if (status == NACRE_NOT_FOUND)
        return cli_error(cli, status, "--dir or NACRE_DIR names it; put and import make one",
                         "there is no database in %s", cli->dir);
    const char *detail = error->detail[0] ? error->detail : nacre_status_title(status);
    return cli_error(cli, status, error->hint, "%s", detail);
}

static int open_session(struct cli *cli) {
    nacre_status status = nacre_session_open(cli->db, &cli->session);
    if (status != NACRE_OK) {
        cli->session = NULL;
        return cli_error(cli, status, NULL, "%s", nacre_status_title(status));
    }
    return 0;
}

int cli_open(struct cli *cli, enum cli_access access) {
    if (cli->in_shell && access == CLI_READ) access = CLI_WRITE; // the next line may write
    if (cli->db && (cli->access >= access || cli->access >= CLI_WRITE)) {
        nacre_session_timeout(cli->session, cli->timeout_ms);
        return 0;
    }
    int code = cli_close(cli);
    if (code) return code;
    nacre_open_error error = {0};
    // After a crash an open for reading only could not recover, so it is for what cannot be
    // written.
    bool fixed = access == CLI_READ && faccessat(AT_FDCWD, cli->dir, W_OK, AT_EACCESS) != 0;
    nacre_options options = {.create = access == CLI_CREATE, .read_only = fixed, .error = &error};
    nacre_status status = strstr(cli->dir, "://") ? nacre_connect(cli->dir, &options, &cli->db)
                                                  : nacre_open(cli->dir, &options, &cli->db);
    if (status != NACRE_OK) {
        cli->db = NULL;
        return open_failed(cli, status, &error);
    }
    cli->access = fixed ? CLI_READ : access == CLI_CREATE ? CLI_CREATE : CLI_WRITE;
    code = open_session(cli);
    if (code) return code;
    nacre_session_timeout(cli->session, cli->timeout_ms);
    if (cli->in_shell) cli_interrupts_cancel(cli->session); // its commands are caught from outside
    return 0;
}

int cli_close(struct cli *cli) {
    if (cli->in_shell) cli_interrupts_cancel(NULL);
    nacre_session_close(cli->session);
    nacre_open_error error = {0};
    nacre_status status = nacre_close(cli->db, &error);
    cli->session = NULL;
    cli->db = NULL;
    cli->access = CLI_CLOSED;
    return status == NACRE_OK ? 0 : open_failed(cli, status, &error);
}
