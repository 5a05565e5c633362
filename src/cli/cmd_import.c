// import. What makes it resumable: the library tells how many lines are done for good; that number
// is kept in a file (resume.h) as it grows, and told when the import stops before its end.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/resume.h"

enum { REFUSED_SHOWN = 20 };

struct import {
    struct cli *cli;
    const struct cli_call *call;
    const char *file;
    int fd;
    int read_errno;
    struct stat is;
    struct cli_resume resume;
    struct cli_progress progress;
    nacre_import_options options;
    nacre_import_result result;
    uint64_t refused_line; // the last
    uint64_t refused_shown;
    bool problem_told;
};

static long import_read(void *arg, void *buffer, size_t size) {
    struct import *import = arg;
    for (;;) {
        if (!cli_wait_input(import->fd)) return -1;
        ssize_t got = read(import->fd, buffer, size);
        if (got >= 0) return got;
        if (errno != EINTR) {
            import->read_errno = errno;
            return -1;
        }
    }
}

static int import_progress(void *arg, const nacre_progress *at) {
    struct import *import = arg;
    cli_progress_update(&import->progress, at->bytes, at->documents);
    cli_resume_keep(&import->resume, at->lines);
    return cli_interrupted() != 0;
}

static void show_refused(struct import *import, uint64_t line, struct cli_slice problem) {
    struct cli *cli = import->cli;
    import->refused_shown++;
    if (import->refused_shown == REFUSED_SHOWN + 1)
        cli_note(cli, "further refused lines are counted, not shown (--json shows all)");
    if (import->refused_shown > REFUSED_SHOWN) return;
    uint64_t before = cli->line;
    struct cli_slice detail;
    bool said = cli_json_find(problem, "detail", &detail) && detail.size > 6 &&
                memcmp(detail.data, "\"line ", 6) == 0;
    cli->line = said ? 0 : line;
    cli_put_problem(cli, problem);
    cli->line = before;
}

static void import_refused(void *arg, uint64_t line, const char *problem) {
    struct import *import = arg;
    import->refused_line = line;
    cli_progress_clear(&import->progress);
    if (import->cli->json && import->options.skip_errors) {
        cli_put_format("{\"line\":%llu,\"error\":%s}\n", (unsigned long long)line, problem);
        return;
    }
    show_refused(import, line, cli_slice_of(problem));
    import->problem_told = true;
}

static int open_file(struct import *import) {
    struct cli *cli = import->cli;
    import->fd = STDIN_FILENO;
    if (strcmp(import->file, "-") == 0)
        import->file = NULL;
    else
        import->fd = open(import->file, O_RDONLY | O_CLOEXEC);
    if (import->fd < 0 || fstat(import->fd, &import->is) != 0)
        return cli_error(cli, errno == ENOENT ? NACRE_NOT_FOUND : NACRE_IO_ERROR, NULL,
                         "opening %s: %s", import->file ? import->file : "stdin", strerror(errno));
    if (S_ISDIR(import->is.st_mode))
        return cli_error(cli, NACRE_IO_ERROR, NULL, "%s is a directory", import->file);
    return 0;
}

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static nacre_format format_of(const char *file, const char *given) {
    if (given) return strcmp(given, "csv") == 0 ? NACRE_CSV : NACRE_NDJSON;
    return ends_with(file, ".csv") || ends_with(file, ".csv.zst") ? NACRE_CSV : NACRE_NDJSON;
}

static int take_options(struct import *import) {
    struct cli *cli = import->cli;
    const struct cli_value *given = import->call->options;
    if (given[OPT_RESUME].given && given[OPT_SKIP_LINES].given)
        return cli_usage(cli, import->call->command, NULL,
                         "--resume and --skip-lines exclude each other");
    if (given[OPT_RESUME].given && strcmp(import->file, "-") == 0)
        return cli_usage(cli, import->call->command, "give the lines that are done: --skip-lines N",
                         "stdin cannot be resumed by itself");
    nacre_write write;
    uint64_t versions[CMD_VERSIONS_MAX];
    int code = cmd_write_options(cli, import->call, &write, versions);
    const char *mode = given[OPT_MODE].text, *on_error = given[OPT_ON_ERROR].text;
    import->options = (nacre_import_options){
        .insert = mode && strcmp(mode, "insert") == 0,
        .skip_errors = on_error && strcmp(on_error, "skip") == 0,
        .durability = write.durability,
        .format = format_of(import->file, given[OPT_FORMAT].text),
        .skip_lines = given[OPT_SKIP_LINES].number,
        .on_progress = import_progress,
        .on_line_error = import_refused,
        .arg = import,
    };
    return code;
}

static void find_resume(struct import *import) {
    struct cli *cli = import->cli;
    bool asked = import->call->options[OPT_RESUME].given, changed;
    char number[32];
    if (!import->file) return;
    cli_resume_begin(cli, import->call->arguments[0], import->file, &import->is, &import->resume);
    uint64_t lines = cli_resume_read(&import->resume, &changed);
    if (asked && changed)
        cli_note(cli, "the file has changed since its last import: from the first line");
    else if (asked && lines > 0)
        cli_note(cli, "going on after line %s", cli_grouped(number, lines));
    else if (lines > 0 && !import->call->options[OPT_SKIP_LINES].given)
        cli_note(cli,
                 "an earlier import of this file stopped after line %s; --resume would go on "
                 "there",
                 cli_grouped(number, lines));
    if (asked) import->options.skip_lines = lines;
}

static void add_word(struct cli_text *command, const char *word) {
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_-./=:,+@%";
    cli_text_puts(command, " ");
    if (*word && word[strspn(word, safe)] == '\0') {
        cli_text_puts(command, word);
        return;
    }
    cli_text_puts(command, "'");
    for (; *word; word++)
        *word == '\'' ? cli_text_puts(command, "'\\''") : cli_text_add(command, word, 1);
    cli_text_puts(command, "'");
}

static void add_option(struct cli_text *command, const char *name, const char *value) {
    if (!value) return;
    add_word(command, name);
    add_word(command, value);
}

// How to go on, as a command that can be pasted.
static void tell_how(struct import *import) {
    struct cli *cli = import->cli;
    const struct cli_value *given = import->call->options;
    uint64_t lines = import->result.lines;
    char number[32], skip[32];
    struct cli_text command = {0};
    if (lines == 0) { // it begins anew
        if (cli_interrupted()) cli_note(cli, "interrupted: nothing is imported");
        return;
    }
    cli_text_puts(&command, cli->in_shell ? "import" : "nacre import");
    add_word(&command, import->call->arguments[0]);
    add_word(&command, import->file ? import->file : "-");
    snprintf(skip, sizeof skip, "%llu", (unsigned long long)lines);
    if (import->resume.path)
        add_word(&command, "--resume");
    else
        add_option(&command, "--skip-lines", skip);
    add_option(&command, "--format", given[OPT_FORMAT].text);
    add_option(&command, "--mode", given[OPT_MODE].text);
    add_option(&command, "--on-error", given[OPT_ON_ERROR].text);
    add_option(&command, "--dir", given[OPT_DIR].text);
    add_option(&command, "--db", given[OPT_DB].text);
    cli_note(cli, "%s line%s done for good. To go on:%s", cli_grouped(number, lines),
             lines == 1 ? " is" : "s are", import->file ? "" : " (with the same input)");
    cli_note(cli, "  %s", cli_text_of(&command));
    cli_text_free(&command);
}

static int report(struct import *import, nacre_status status) {
    struct cli *cli = import->cli;
    nacre_import_result *result = &import->result;
    double seconds = cli_progress_seconds(&import->progress);
    char a[32], b[32], c[32], d[32];
    if (cli->json) {
        cli_put_format("{\"documents\":%llu,\"failed\":%llu,\"lines\":%llu,\"seconds\":%.3f,"
                       "\"sequence\":\"%s\"}\n",
                       (unsigned long long)result->documents, (unsigned long long)result->failed,
                       (unsigned long long)result->lines, seconds, result->sequence);
        cli_flush(cli);
    } else {
        cli_put_format("imported %s documents in %s (%s/s), %s refused\n",
                       cli_grouped(a, result->documents), cli_duration(b, seconds),
                       cli_grouped(c, (uint64_t)((double)result->documents /
                                                 (seconds > 0.001 ? seconds : 0.001))),
                       cli_grouped(d, result->failed));
        cli_flush(cli);
    }
    if (status == NACRE_OK) return result->failed > 0 ? nacre_status_exit(NACRE_PARTIAL) : 0;
    int code = nacre_status_exit(status);
    int signal_number = cli_interrupted();
    if (signal_number)
        code = 128 + signal_number;
    else if (import->read_errno)
        code = cli_error(cli, NACRE_IO_ERROR, NULL, "reading %s: %s",
                         import->file ? import->file : "stdin", strerror(import->read_errno));
    else if (!import->problem_told)
        code = cli_fail(cli, status, NULL);
    tell_how(import);
    return code;
}

static int import_run(struct import *import) {
    struct cli *cli = import->cli;
    find_resume(import);
    nacre_collection collection = cli_collection(cli, import->call->arguments[0]);
    uint64_t bytes = S_ISREG(import->is.st_mode) ? (uint64_t)import->is.st_size : 0;
    import->progress = cli_progress_begin(cli, "importing", "documents", bytes);
    cli_catch_interrupts(NULL);
    nacre_status status = nacre_import(cli->session, &collection, import_read, import,
                                       &import->options, &import->result);
    cli_progress_clear(&import->progress);
    if (status == NACRE_OK)
        cli_resume_forget(&import->resume);
    else
        cli_resume_keep(&import->resume, import->result.lines);
    int code = report(import, status);
    cli_release_interrupts();
    return code;
}

int cmd_import(struct cli *cli, const struct cli_call *call) {
    struct import import = {.cli = cli, .call = call, .file = call->arguments[1], .fd = -1};
    int code = take_options(&import);
    if (!code) code = open_file(&import);
    if (!code) code = cli_open(cli, CLI_CREATE);
    if (!code) code = import_run(&import);
    if (import.fd > STDIN_FILENO) close(import.fd);
    cli_resume_end(&import.resume);
    return code;
}
