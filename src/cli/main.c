// The nacre tool. See README.md in this folder for how a command goes through it.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/out.h"

static int terminal_columns(void) {
    struct winsize size = {0};
    const char *columns = getenv("COLUMNS");
    long number = columns ? strtol(columns, NULL, 10) : 0;
    for (int fd = STDOUT_FILENO; number <= 0 && fd <= STDERR_FILENO; fd++) {
        if (ioctl(fd, TIOCGWINSZ, &size) == 0) number = size.ws_col;
    }
    if (number <= 0) return 80;
    return number < 20 ? 20 : number > 1000 ? 1000 : (int)number;
}

static struct cli cli_begin(const char *program) {
    const char *dir = getenv("NACRE_DIR"), *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    bool plain = (no_color && *no_color) || (terminal && strcmp(terminal, "dumb") == 0);
    struct cli cli = {.program = program,
                      .dir = dir && *dir ? dir : "nacre-data",
                      .tty_out = isatty(STDOUT_FILENO) == 1,
                      .tty_err = isatty(STDERR_FILENO) == 1,
                      .columns = terminal_columns()};
    cli.json = !cli.tty_out;
    cli.color_out = cli.tty_out && !plain;
    cli.color_err = cli.tty_err && !plain;
    return cli;
}

int cli_run(struct cli *cli, int argc, char *const *argv) {
    struct cli_call call;
    struct cli before = *cli;
    int code = cli_parse(cli, argc, argv, &call);
    if (!code && cli->in_shell && call.options[OPT_DIR].given)
        code = cli_usage(cli, NULL, "leave the shell and start it with --dir",
                         "the shell stays in one directory");
    if (!code && !call.command && !call.options[OPT_HELP].given)
        code = cli_usage(cli, NULL, NULL, "expected a command");
    else if (!code && !call.command)
        argc > 0 && !cli_is_group(argv[0]) ? cli_help_all(cli) : (void)0;
    else if (!code && call.options[OPT_HELP].given)
        cli_help_command(cli, call.command);
    else if (!code)
        code = call.command->run(cli, &call);
    int flushed = cli_flush(cli);
    struct cli after = *cli;
    *cli = before; // a command's options are its own
    cli->db = after.db;
    cli->session = after.session;
    cli->access = after.access;
    return code ? code : flushed;
}

// Dies of SIGPIPE as a program does that never caught it, but with the database closed.
static _Noreturn void die_of_pipe(void) {
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
    _exit(CLI_PIPE_CLOSED);
}

int main(int argc, char **argv) {
    static char buffer[1 << 16];
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    struct cli cli = cli_begin(argc > 0 ? argv[0] : "nacre");
    int code = argc > 1 ? cli_run(&cli, argc - 1, argv + 1) : 0;
    if (argc <= 1) {
        cli_help_all(&cli);
        code = cli_flush(&cli);
    }
    int closed = cli_close(&cli);
    if (code == CLI_PIPE_CLOSED || cli_flush(&cli) == CLI_PIPE_CLOSED) die_of_pipe();
    return code ? code : closed;
}
