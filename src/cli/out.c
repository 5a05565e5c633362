#include "cli/out.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/json.h"
#include "cli/width.h"

static int out_errno; // of the first write that failed
static bool out_told; // and whether that was said
static FILE *pager;   // takes the data while it runs
static pid_t pager_id;

static FILE *data_file(void) { return pager ? pager : stdout; }

bool cli_put(const char *bytes, size_t size) {
    if (out_errno == 0 && size > 0 && fwrite(bytes, 1, size, data_file()) < size)
        out_errno = errno ? errno : EIO;
    return out_errno == 0;
}

bool cli_put_line(struct cli_slice line) {
    return cli_put(line.data, line.size) && cli_put("\n", 1);
}

bool cli_put_format(const char *format, ...) {
    struct cli_text text = {0};
    va_list args;
    va_start(args, format);
    cli_text_vformat(&text, format, args);
    va_end(args);
    bool written = cli_put(cli_text_of(&text), text.size);
    cli_text_free(&text);
    return written;
}

bool cli_put_json(struct cli *cli, struct cli_slice value) {
    if (cli->json) return cli_put_line(value);
    struct cli_text text = {0};
    cli_json_pretty(value, &text);
    bool written = cli_put_line((struct cli_slice){cli_text_of(&text), text.size});
    cli_text_free(&text);
    return written;
}

// Data first, then what is said about it.
static void flush_data(void) {
    if (fflush(data_file()) != 0 && out_errno == 0) out_errno = errno;
}

// A pipe to a command of the user's shell; NULL if there is none to be had.
static FILE *start_pager(const char *command) {
    static char shell[] = "sh", option[] = "-c";
    char *text = cli_copy(command);
    char *words[] = {shell, option, text, NULL};
    int ends[2];
    posix_spawn_file_actions_t actions;
    bool started = false;
    if (pipe2(ends, O_CLOEXEC) == 0) {
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
        started = posix_spawn(&pager_id, "/bin/sh", &actions, NULL, words, environ) == 0;
        posix_spawn_file_actions_destroy(&actions);
        close(ends[0]);
        if (!started) close(ends[1]);
    }
    cli_free(text);
    return started ? fdopen(ends[1], "w") : NULL;
}

// The pager is left by its own keys: an interrupt is not for the shell then.
void cli_page_begin(const struct cli *cli) {
    const char *command = getenv("PAGER");
    if (!cli->in_shell || cli->line || !cli->tty_out || cli->json) return;
    flush_data();
    if (!command || !*command) command = "command -v less >/dev/null && exec less -FRX || exec cat";
    pager = start_pager(command);
    if (pager) cli_leave_interrupts(true);
}

void cli_page_end(void) {
    if (!pager) return;
    if (fclose(pager) != 0 && out_errno == 0) out_errno = errno;
    pager = NULL;
    while (waitpid(pager_id, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (out_errno == EPIPE) out_errno = 0; // it was left before the end
    cli_leave_interrupts(false);
}

int cli_flush(struct cli *cli) {
    flush_data();
    if (out_errno == 0) return 0;
    if (out_errno == EPIPE) return CLI_PIPE_CLOSED;
    if (!out_told)
        cli_error(cli, NACRE_IO_ERROR, NULL, "writing to stdout: %s", strerror(out_errno));
    out_told = true;
    return nacre_status_exit(NACRE_IO_ERROR);
}

const char *cli_bold(const struct cli *cli) { return cli->color_out ? "\033[1m" : ""; }
const char *cli_dim(const struct cli *cli) { return cli->color_out ? "\033[2m" : ""; }
const char *cli_plain(const struct cli *cli) { return cli->color_out ? "\033[0m" : ""; }

// Text of somebody else: control characters are shown as escapes.
static void put_err(struct cli_slice text) {
    struct cli_text safe = {0};
    cli_width_escape(text, &safe);
    fwrite(cli_text_of(&safe), 1, safe.size, stderr);
    cli_text_free(&safe);
}

void cli_note(struct cli *cli, const char *format, ...) {
    if (cli->quiet) return;
    flush_data();
    struct cli_text text = {0};
    va_list args;
    va_start(args, format);
    cli_text_vformat(&text, format, args);
    va_end(args);
    put_err((struct cli_slice){cli_text_of(&text), text.size});
    fputc('\n', stderr);
    cli_text_free(&text);
}

static void put_label(struct cli *cli, const char *label, const char *color) {
    if (cli->color_err)
        fprintf(stderr, "%s%s:\033[0m ", color, label);
    else
        fprintf(stderr, "%s: ", label);
}

static void put_member(struct cli *cli, struct cli_slice problem, const char *name,
                       const char *label) {
    struct cli_slice value;
    if (!cli_json_find(problem, name, &value)) return;
    struct cli_text text = {0};
    cli_json_text(value, &text);
    put_label(cli, label, "\033[36m");
    put_err((struct cli_slice){cli_text_of(&text), text.size});
    fputc('\n', stderr);
    cli_text_free(&text);
}

static void put_unquoted(struct cli_slice object, const char *name, const char *before) {
    struct cli_slice value;
    if (!cli_json_find(object, name, &value)) return;
    struct cli_text text = {0};
    cli_json_text(value, &text);
    fputs(before, stderr);
    put_err((struct cli_slice){cli_text_of(&text), text.size});
    cli_text_free(&text);
}

// Where in the document: "  at /age: expected a number, got a string".
static void put_places(struct cli_slice problem, const char *filter) {
    struct cli_slice list, item, pointer;
    if (!cli_json_find(problem, "errors", &list)) return;
    bool shown = filter && cli_json_path(problem, "span", &pointer);
    for (size_t at = 0; cli_json_element(list, &at, &item);) {
        if (shown && cli_json_find(item, "pointer", &pointer) &&
            (pointer.size <= 2 || cli_slice_is(pointer, "\"/filter\"")))
            continue; // the carets say it
        bool whole = !cli_json_find(item, "pointer", &pointer) || pointer.size <= 2;
        fputs(whole ? "  at the whole" : "", stderr);
        if (!whole) put_unquoted(item, "pointer", "  at ");
        put_unquoted(item, "expected", ": expected ");
        put_unquoted(item, "got", ", got ");
        fputc('\n', stderr);
    }
}

// The filter with a caret under what is wrong in it; of a long one the part around that.
static void put_span(struct cli_slice problem, const char *filter) {
    enum { BEFORE = 60, SHOWN = 100 };
    size_t size = strlen(filter);
    size_t offset = cli_json_uint(problem, "span.offset", SIZE_MAX);
    size_t length = cli_json_uint(problem, "span.length", 1);
    if (offset > size) return;
    size_t from = offset > BEFORE ? offset - BEFORE : 0;
    while (from > 0 && from < size && ((unsigned char)filter[from] & 0xC0) == 0x80)
        from--;
    size_t to = size - from > SHOWN ? from + SHOWN : size;
    while (to < size && ((unsigned char)filter[to] & 0xC0) == 0x80)
        to++;
    size_t end = length > to - offset ? to : offset + length;
    fprintf(stderr, "  %s", from > 0 ? "…" : "");
    put_err((struct cli_slice){filter + from, to - from});
    fprintf(stderr, "%s\n  %s", to < size ? "…" : "", from > 0 ? " " : "");
    int blanks = (int)cli_width_escaped((struct cli_slice){filter + from, offset - from});
    int carets = (int)cli_width_escaped((struct cli_slice){filter + offset, end - offset});
    fprintf(stderr, "%*s", blanks, "");
    for (int i = 0; i < (carets > 0 ? carets : 1); i++)
        fputc('^', stderr);
    fputc('\n', stderr);
}

static void put_suggestions(struct cli *cli, struct cli_slice problem) {
    struct cli_slice list, item;
    struct cli_text text = {0};
    if (!cli_json_find(problem, "suggestions", &list)) return;
    for (size_t at = 0; cli_json_element(list, &at, &item);) {
        cli_text_puts(&text, text.size ? ", " : "");
        cli_json_text(item, &text);
    }
    if (text.size > 0) {
        put_label(cli, "hint", "\033[36m");
        fputs("did you mean ", stderr);
        put_err((struct cli_slice){cli_text_of(&text), text.size});
        fputs("?\n", stderr);
    }
    cli_text_free(&text);
}

static void put_problem(struct cli *cli, struct cli_slice problem, const char *filter) {
    flush_data();
    if (cli->json_asked) {
        fwrite(problem.data, 1, problem.size, stderr);
        fputc('\n', stderr);
        return;
    }
    struct cli_slice detail, code;
    bool told = cli_json_find(problem, "detail", &detail) && detail.size > 2;
    put_label(cli, "error", "\033[1;31m");
    if (cli->line > 0) fprintf(stderr, "line %llu: ", (unsigned long long)cli->line);
    put_unquoted(problem, told ? "detail" : "title", "");
    if (cli_json_find(problem, "code", &code) && !cli_slice_is(code, "\"usage\"")) {
        put_unquoted(problem, "code", " (");
        fputc(')', stderr);
    }
    fputc('\n', stderr);
    if (filter) put_span(problem, filter);
    put_places(problem, filter);
    put_suggestions(cli, problem);
    put_member(cli, problem, "hint", "hint");
}

void cli_put_problem(struct cli *cli, struct cli_slice problem) { put_problem(cli, problem, NULL); }

CLI_FORMAT(4, 0)
static int put_error(struct cli *cli, nacre_status status, const char *hint, const char *format,
                     va_list args) {
    struct cli_text detail = {0}, problem = {0};
    const char *code = nacre_status_code(status);
    cli_text_vformat(&detail, format, args);
    cli_text_format(&problem, "{\"type\":\"urn:nacre:error:%s\",\"title\":", code);
    cli_text_json(&problem, cli_slice_of(nacre_status_title(status)));
    cli_text_format(&problem,
                    ",\"status\":%d,\"code\":\"%s\",\"detail\":", nacre_status_http(status), code);
    cli_text_json(&problem, (struct cli_slice){cli_text_of(&detail), detail.size});
    if (hint && hint[0]) {
        cli_text_puts(&problem, ",\"hint\":");
        cli_text_json(&problem, cli_slice_of(hint));
    }
    cli_text_format(&problem, ",\"retryable\":%s}",
                    nacre_status_retryable(status) ? "true" : "false");
    cli_put_problem(cli, (struct cli_slice){cli_text_of(&problem), problem.size});
    cli_text_free(&detail);
    cli_text_free(&problem);
    return nacre_status_exit(status);
}

int cli_error(struct cli *cli, nacre_status status, const char *hint, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int code = put_error(cli, status, hint, format, args);
    va_end(args);
    return code;
}

int cli_usage(struct cli *cli, const struct cli_command *command, const char *hint,
              const char *format, ...) {
    va_list args;
    va_start(args, format);
    int code = put_error(cli, NACRE_USAGE, hint, format, args);
    va_end(args);
    if (cli->json_asked) return code;
    if (command) fprintf(stderr, "usage: nacre %s %s\n", command->name, command->arguments);
    fprintf(stderr, "See: nacre help%s%s\n", command ? " " : "", command ? command->name : "");
    return code;
}

int cli_fail(struct cli *cli, nacre_status status, const char *filter) {
    const char *problem = nacre_error_problem(cli->session);
    if (nacre_error_status(cli->session) == NACRE_OK)
        return cli_error(cli, status, NULL, "%s", nacre_status_title(status));
    put_problem(cli, cli_slice_of(problem), filter);
    return nacre_status_exit(status);
}
