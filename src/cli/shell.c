// nacre shell.
#include "cli/shell.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/out.h"

// A lease's token proves a claim to whoever has it: it is not kept in the history.
static bool holds_token(const struct shell_words *words) {
    int skip = words->count > 2 && strcmp(words->words[0], "nacre") == 0;
    const struct cli_command *command =
        words->count > 1 ? cli_find_command(words->words[skip], words->words[skip + 1]) : NULL;
    for (int i = 0; i < words->count; i++)
        if (strncmp(words->words[i], "--lease", 7) == 0 && words->words[i][7] != '-') return true;
    return command && strstr(command->arguments, "TOKEN");
}

static bool is_exit(const struct shell_words *words) {
    return words->count == 1 &&
           (strcmp(words->words[0], "exit") == 0 || strcmp(words->words[0], "quit") == 0);
}

static int run_words(struct cli *cli, const struct shell_words *words) {
    int skip = words->count > 1 && strcmp(words->words[0], "nacre") == 0;
    if (words->count == 0) return 0;
    static char help[] = "help";
    if (strcmp(words->words[skip], "?") == 0) // typed as \?
        return cli_run(cli, 1, (char *const[]){help});
    if (strcmp(words->words[skip], "shell") == 0)
        return cli_error(cli, NACRE_USAGE, NULL, "this is the shell");
    cli_catch_interrupts(cli->session);
    int code = cli_run(cli, words->count - skip, words->words + skip);
    cli_release_interrupts();
    return code;
}

struct reading {
    struct shell_input *input;
    struct cli_text command;
    struct shell_words words;
    int first_failure; // exit code of the first that failed
};

static void note_failure(struct reading *reading, int code) {
    if (!reading->first_failure) reading->first_failure = code;
}

// The next whole command. False at the end of the input.
static bool read_command(struct cli *cli, struct reading *reading) {
    cli_text_clear(&reading->command);
    for (;;) {
        bool interrupted, first = reading->command.size == 0;
        cli->line ? cli_catch_interrupts(NULL) : cli_catch_typing();
        const char *line = shell_input_line(reading->input, first, &interrupted);
        cli_release_interrupts();
        if (interrupted) {
            fputc('\n', stdout);
            fflush(stdout);
            cli_text_clear(&reading->command);
            if (!cli->line) continue;
            note_failure(reading, 128 + cli_interrupted());
            return false;
        }
        if (!line && !first)
            note_failure(reading,
                         cli_error(cli, NACRE_USAGE, NULL, "a quote or a bracket is not closed"));
        if (!line) return false;
        if (!first)
            cli_text_puts(&reading->command, "\n");
        else if (cli->line)
            cli->line = shell_input_number(reading->input);
        cli_text_puts(&reading->command, line);
        struct cli_slice text = {cli_text_of(&reading->command), reading->command.size};
        enum shell_state state =
            text.size > SHELL_LINE_MAX ? SHELL_FULL : shell_words_split(text, &reading->words);
        if (state == SHELL_WHOLE) return true;
        if (state == SHELL_FULL)
            note_failure(reading, cli_error(cli, NACRE_USAGE, NULL, "a command is too long"));
        if (state == SHELL_FULL) cli_text_clear(&reading->command);
        shell_words_free(&reading->words);
    }
}

static int run_lines(struct cli *cli, struct reading *reading, bool bail) {
    bool more = true;
    while (more && read_command(cli, reading)) {
        bool leave = is_exit(&reading->words);
        if (reading->words.count > 0 && !holds_token(&reading->words))
            shell_input_remember(reading->input, cli_text_of(&reading->command));
        int code = leave ? 0 : run_words(cli, &reading->words);
        shell_words_free(&reading->words);
        if (cli->line && cli_interrupted()) code = 128 + cli_interrupted();
        note_failure(reading, code);
        bail |= code >= 128;
        more = !leave && code != CLI_PIPE_CLOSED && !(code && bail);
    }
    return reading->first_failure;
}

int cmd_shell(struct cli *cli, const struct cli_call *call) {
    bool terminal = isatty(STDIN_FILENO) == 1 && cli->tty_out;
    if (call->count > 0) cli->dir = call->arguments[0];
    cli->in_shell = true;
    cli->line = terminal ? 0 : 1;
    if (terminal) cli_drop_interrupts(true); // it may come between two commands
    if (terminal)
        printf("Nacre %s in %s. help or \\?, exit; Tab completes.\n", nacre_version(), cli->dir);
    struct reading reading = {.input = shell_input_open(cli, terminal)};
    int code = run_lines(cli, &reading, call->options[OPT_BAIL].given);
    if (terminal) fputc('\n', stdout);
    shell_input_close(reading.input);
    cli_text_free(&reading.command);
    cli_drop_interrupts(false);
    return terminal ? 0 : code;
}
