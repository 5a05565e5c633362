// Lines from a terminal (libedit) or from a pipe.
#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/shell.h"

enum { HISTORY_LINES = 1000 };

struct shell_input {
    struct cli *cli;
    EditLine *edit; // NULL: a pipe
    History *history;
    char *history_path;
    char *line; // of getline
    size_t line_room;
    struct cli_text text; // the line without its end
    uint64_t number;
    bool first;
};

static struct shell_input *current_input; // libedit's callbacks get no argument for it

static char *prompt(EditLine *edit) {
    static char first[] = "nacre> ", more[] = "    -> ";
    (void)edit;
    return current_input->first ? first : more;
}

static void make_folders(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) != 0) errno = 0; // mostly it is there; else the history is not kept
        *slash = '/';
    }
}

static char *find_history(void) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    struct cli_text path = {0};
    if (state && state[0] == '/')
        cli_text_format(&path, "%s/nacre/history", state);
    else if (home && home[0] == '/')
        cli_text_format(&path, "%s/.local/state/nacre/history", home);
    else
        return NULL;
    make_folders(path.data);
    return path.data;
}

// The text of the line up to the cursor, completed as far as all matches agree.
static unsigned char complete(EditLine *edit, int key) {
    (void)key;
    const LineInfo *info = el_line(edit);
    char *matches[SHELL_MATCHES_MAX],
        *before = cli_alloc((size_t)(info->cursor - info->buffer) + 1);
    memcpy(before, info->buffer, (size_t)(info->cursor - info->buffer));
    size_t count = shell_complete(current_input->cli, before, matches);
    const char *blank = strrchr(before, ' ');
    size_t typed = strlen(blank ? blank + 1 : before);
    size_t common = count > 0 ? strlen(matches[0]) : 0;
    for (size_t i = 1; i < count; i++) {
        size_t same = 0;
        while (same < common && matches[i][same] == matches[0][same])
            same++;
        common = same;
    }
    unsigned char result = CC_ERROR;
    struct cli_text insert = {0};
    if (common > typed) cli_text_add(&insert, matches[0] + typed, common - typed);
    if (count == 1) cli_text_puts(&insert, " ");
    if (insert.size > 0 && el_insertstr(edit, cli_text_of(&insert)) == 0) result = CC_REFRESH;
    if (insert.size == 0 && count > 1) {
        fputc('\n', stdout);
        for (size_t i = 0; i < count; i++)
            printf("%s%s", matches[i], i + 1 < count ? "  " : "\n");
        fflush(stdout);
        result = CC_REDISPLAY;
    }
    for (size_t i = 0; i < count; i++)
        cli_free(matches[i]);
    cli_text_free(&insert);
    cli_free(before);
    return result;
}

// The next character typed; 0 at the end of the input, -1 where a signal comes before it. libedit's
// own reader blocks in read(2), and a signal that comes just before is not seen there.
static int read_character(EditLine *edit, wchar_t *character) {
    mbstate_t state = {0};
    char byte;
    size_t got = (size_t)-2; // of mbrtowc: more bytes follow
    (void)edit;
    while (got == (size_t)-2) {
        if (!cli_wait_input(STDIN_FILENO)) return -1;
        ssize_t size = read(STDIN_FILENO, &byte, 1);
        if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (size <= 0) return (int)size;
        got = mbrtowc(character, &byte, 1, &state);
        if (got == (size_t)-1) { // no UTF-8: the byte is left out
            memset(&state, 0, sizeof state);
            got = (size_t)-2;
        }
    }
    return 1;
}

static void open_history(struct shell_input *input) {
    HistEvent event;
    input->history = history_init();
    input->history_path = find_history();
    history(input->history, &event, H_SETSIZE, HISTORY_LINES);
    history(input->history, &event, H_SETUNIQUE, 1);
    if (input->history_path) history(input->history, &event, H_LOAD, input->history_path);
    el_set(input->edit, EL_HIST, history, input->history);
}

struct shell_input *shell_input_open(struct cli *cli, bool terminal) {
    struct shell_input *input = cli_alloc(sizeof *input);
    input->cli = cli;
    current_input = input;
    if (!terminal) return input;
    setlocale(LC_CTYPE, "C.UTF-8");
    input->edit = el_init("nacre", stdin, stdout, stderr);
    if (!input->edit) return input;
    el_set(input->edit, EL_PROMPT, prompt);
    el_set(input->edit, EL_EDITOR, "emacs");
    el_set(input->edit, EL_SIGNAL, 0);
    el_set(input->edit, EL_GETCFN, read_character);
    el_set(input->edit, EL_ADDFN, "nacre-complete", "complete a word", complete);
    el_set(input->edit, EL_BIND, "^I", "nacre-complete", NULL);
    el_set(input->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    open_history(input);
    return input;
}

const char *shell_input_line(struct shell_input *input, bool first, bool *interrupted) {
    const char *line;
    ssize_t size;
    *interrupted = false;
    input->first = first;
    if (input->edit) {
        int count = 0;
        line = el_gets(input->edit, &count);
        size = count;
    } else {
        size = getline(&input->line, &input->line_room, stdin);
        line = size < 0 ? NULL : input->line;
    }
    if (cli_interrupted()) {
        *interrupted = true;
        clearerr(stdin);
        return NULL;
    }
    if (!line || size <= 0) return NULL;
    input->number++;
    cli_text_clear(&input->text);
    cli_text_add(&input->text, line, (size_t)size - (line[size - 1] == '\n'));
    return cli_text_of(&input->text);
}

void shell_input_remember(struct shell_input *input, const char *command) {
    HistEvent event;
    if (input->history && command[0] != ' ') history(input->history, &event, H_ENTER, command);
}

uint64_t shell_input_number(const struct shell_input *input) { return input->number; }

void shell_input_close(struct shell_input *input) {
    HistEvent event;
    if (input->history && input->history_path) {
        mode_t before = umask(077); // what was typed is nobody else's
        history(input->history, &event, H_SAVE, input->history_path);
        umask(before);
        if (chmod(input->history_path, 0600) != 0) errno = 0; // it could not be written either
    }
    if (input->history) history_end(input->history);
    if (input->edit) el_end(input->edit);
    cli_free(input->history_path);
    free(input->line);
    cli_text_free(&input->text);
    cli_free(input);
}
