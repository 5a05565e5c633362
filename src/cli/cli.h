// What every part of the tool shares: the state of one run, the commands and options as data.
//
//   main → cli_parse (command table, option table) → command->run → exit code
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "cli/text.h"
#include "nacre/nacre.h"

enum cli_option_id {
    OPT_DIR,
    OPT_DB,
    OPT_JSON,
    OPT_QUIET,
    OPT_NO_COLOR,
    OPT_TIMEOUT_MS,
    OPT_HELP, // everywhere
    OPT_FIELDS,
    OPT_SORT,
    OPT_LIMIT,
    OPT_OFFSET,
    OPT_CURSOR,
    OPT_TOTAL,
    OPT_END,
    OPT_AS_OF,
    OPT_SINCE,
    OPT_NO_FOLLOW,
    OPT_GROUP_BY,
    OPT_AGG_COUNT,
    OPT_AGG_SUM,
    OPT_AGG_AVG,
    OPT_AGG_MIN,
    OPT_AGG_MAX,
    OPT_AGG_DISTINCT,
    OPT_HAVING,
    OPT_UPDATE,
    OPT_DELETE,
    OPT_IF_VERSION,
    OPT_IF_ABSENT,
    OPT_IF_PRESENT,
    OPT_IF,
    OPT_TTL,
    OPT_LEASE,
    OPT_IDEMPOTENCY_KEY,
    OPT_DURABILITY,
    OPT_DOCUMENT,
    OPT_MERGE,
    OPT_JSON_PATCH,
    OPT_SET,
    OPT_LEASE_MS,
    OPT_HOLDER,
    OPT_ON_EXPIRE,
    OPT_MAX_EXAMINED,
    OPT_ISOLATION,
    OPT_FORMAT,
    OPT_MODE,
    OPT_ON_ERROR,
    OPT_SKIP_LINES,
    OPT_RESUME,
    OPT_UNIQUE,
    OPT_WHERE,
    OPT_ATOMIC,
    OPT_WAIT,
    OPT_PRIMARY_KEY,
    OPT_TTL_SECONDS,
    OPT_HISTORY_SECONDS,
    OPT_HISTORY_BYTES,
    OPT_CHANGES_SECONDS,
    OPT_STORAGE_BYTES,
    OPT_DOCUMENTS,
    OPT_BACKUPS,
    OPT_INCREMENTAL_OF,
    OPT_TIME,
    OPT_LOG,
    OPT_ARCHIVE,
    OPT_SLOW_MS,
    OPT_CONFIG,
    OPT_ORIGIN,
    OPT_FILMS,
    OPT_COUNT_OF,
    OPT_WORKERS,
    OPT_BAIL,
    OPT_LISTEN,
    OPT_INSECURE,
    OPT_CORS,
    OPT_RATE,
    OPT_TENANT_RATE,
    OPT_JWKS,
    OPT_JWT_ISSUER,
    OPT_JWT_AUDIENCE,
    OPT_TLS_CERT,
    OPT_TLS_KEY,
    OPT_TLS_CLIENT_CA,
    OPT_TLS_MIN,
    OPT_LOG_FORMAT,
    OPT_LOG_REQUESTS,
    OPT_MARKDOWN,
    OPT_COUNT
};

enum cli_kind {
    CLI_FLAG,
    CLI_TEXT,
    CLI_NUMBER, // a whole number in [least, most]
    CLI_CHOICE, // one of the words of `value`, which '|' parts
};

struct cli_option {
    const char *name; // without the dashes
    char letter;      // 0 = none
    enum cli_kind kind;
    const char *value; // how help calls the value; NULL for a flag
    uint64_t least, most;
    const char *help;
};
extern const struct cli_option cli_options[OPT_COUNT];

struct cli;
struct cli_call;

// A command is this and nothing else: parsing, help, completion, suggestions and docs/cli.md all
// read it. To add one, add a row to cli_commands and a function.
struct cli_command {
    const char *name;           // "get"; "index create": two words
    const char *arguments;      // as help shows them
    int least, most;            // how many arguments
    const char *summary;        // one line
    const char *more;           // paragraphs for `help`, or NULL
    const char *examples;       // lines, or NULL
    const signed char *options; // enum cli_option_id, ended by -1; those for everywhere not named
    int (*run)(struct cli *cli, const struct cli_call *call); // returns the exit code
    bool hidden;
};
extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;

enum { CLI_ARGUMENTS_MAX = 8 };

struct cli_value {
    bool given;
    const char *text; // CLI_TEXT, CLI_CHOICE
    uint64_t number;  // CLI_NUMBER
};

// One command line, parsed. Borrows from argv.
struct cli_call {
    const struct cli_command *command;
    const char *arguments[CLI_ARGUMENTS_MAX];
    int count;
    struct cli_value options[OPT_COUNT];
};

enum cli_access { CLI_CLOSED, CLI_READ, CLI_WRITE, CLI_CREATE };

struct cli {
    const char *program;  // argv[0]
    const char *dir;      // database directory
    const char *database; // NULL = main
    bool json;            // JSON lines on stdout instead of tables and sentences
    bool json_asked;      // --json was given: errors are JSON too
    bool quiet;
    bool in_shell;
    bool tty_out, tty_err, color_out, color_err;
    int columns; // of the terminal
    uint64_t timeout_ms;
    uint64_t line; // of a script that the shell runs; 0 = none
    enum cli_access access;
    nacre_db *db;
    nacre_session *session;
};

// --- the tables (options.c, commands.c) and what reads them (parse.c, help.c) ---

// The words of a command line after the program's name. Sets what belongs to every command in cli.
// Returns 0, or an exit code when it has said what is wrong. out->command NULL: nothing given.
int cli_parse(struct cli *cli, int argc, char *const *argv, struct cli_call *out);
// Whether a value fits; *number: of a CLI_NUMBER.
bool cli_option_accepts(const struct cli_option *option, const char *text, uint64_t *number);
// The word that may have been meant; NULL: nothing is near.
const char *cli_nearest(const char *word, const char *const *words, size_t count);
const struct cli_command *cli_find_command(const char *first, const char *second);
bool cli_is_group(const char *word); // "index": begins names of commands
bool cli_takes(const struct cli_command *command, int option);
int cli_run(struct cli *cli, int argc, char *const *argv); // parse and run

void cli_help_all(struct cli *cli);
void cli_help_group(struct cli *cli, const char *group);
void cli_help_command(struct cli *cli, const struct cli_command *command);

// --- the database (open.c) ---

// Opens cli->dir unless it is open with at least that access. 0, or an exit code.
int cli_open(struct cli *cli, enum cli_access access);
int cli_close(struct cli *cli); // 0, or an exit code
nacre_collection cli_collection(const struct cli *cli, const char *name);

// --- supervisors (notify.c) ---

// "READY=1", "STOPPING=1": to systemd, or whoever else set NOTIFY_SOCKET; else nothing.
void cli_notify(const char *state);

// --- signals (signals.c) ---

// While on, the first SIGINT or SIGTERM sets a flag, and cancels the session's call if there is
// one; the second ends the program as ever. They nest: a flag that is set stays so until the
// outermost begins anew.
void cli_catch_interrupts(nacre_session *session);
void cli_catch_typing(void); // the same at a prompt, where the second is as the first
void cli_interrupts_cancel(nacre_session *session); // while on: this one from here on
void cli_release_interrupts(void);
void cli_drop_interrupts(bool on);  // on: a SIGINT that nobody catches does nothing
void cli_leave_interrupts(bool on); // on: a SIGINT is another program's; off: caught again
// Until fd can be read (or has ended): false if an interrupt came first.
bool cli_wait_input(int fd);
// SIGHUP ends nothing from here on: cli_wait_input comes back, and cli_hung_up is true once. Only
// while interrupts are caught.
void cli_catch_hang_ups(void);
bool cli_hung_up(void);
int cli_interrupted(void); // the signal, or 0

#endif
