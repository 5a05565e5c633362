// What the tool says: data on stdout, everything else on stderr.
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include "cli/cli.h"

// Writes to stdout. False once it failed (a closed pipe, a full disk): the caller stops then, and
// cli_flush tells.
bool cli_put(const char *bytes, size_t size);
bool cli_put_line(struct cli_slice line);
bool cli_put_format(const char *format, ...) CLI_FORMAT(1, 2);
// One value: a line where JSON is wanted, indented on a terminal.
bool cli_put_json(struct cli *cli, struct cli_slice value);
// 0, or an exit code when stdout could not be written. CLI_PIPE_CLOSED: nobody reads any more.
int cli_flush(struct cli *cli);
enum { CLI_PIPE_CLOSED = 141 };

// Between the two a person at the shell reads data in $PAGER, else less; elsewhere they do nothing.
void cli_page_begin(const struct cli *cli);
void cli_page_end(void);

// A sentence on stderr, unless --quiet.
void cli_note(struct cli *cli, const char *format, ...) CLI_FORMAT(2, 3);

// An error and its exit code. hint may be NULL.
int cli_error(struct cli *cli, nacre_status status, const char *hint, const char *format, ...)
    CLI_FORMAT(4, 5);
// As cli_error with NACRE_USAGE, and the command's line of usage; command may be NULL.
int cli_usage(struct cli *cli, const struct cli_command *command, const char *hint,
              const char *format, ...) CLI_FORMAT(4, 5);
// The session's error. filter: what a span points into, or NULL.
int cli_fail(struct cli *cli, nacre_status status, const char *filter);
// A problem object, as the library writes it.
void cli_put_problem(struct cli *cli, struct cli_slice problem);

// Terminal escapes, "" without colours.
const char *cli_bold(const struct cli *cli);
const char *cli_dim(const struct cli *cli);
const char *cli_plain(const struct cli *cli);

#endif
