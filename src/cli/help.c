// Help, from the tables.
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cmd.h"
#include "cli/out.h"

static void put_heading(struct cli *cli, const char *heading) {
    cli_put_format("%s%s%s\n", cli_bold(cli), heading, cli_plain(cli));
}

static void put_indented(const char *text, const char *before) {
    while (*text) {
        size_t size = strcspn(text, "\n");
        cli_put_format("%s%.*s\n", before, (int)size, text);
        text += size + (text[size] == '\n');
    }
}

static void option_head(const struct cli_option *option, char out[64]) {
    char letter[8] = "    ";
    if (option->letter) snprintf(letter, sizeof letter, "-%c, ", option->letter);
    snprintf(out, 64, "%s--%s%s%s", letter, option->name, option->value ? " " : "",
             option->value ? option->value : "");
}

static void put_option(const struct cli_option *option) {
    char head[64];
    option_head(option, head);
    size_t wide = strlen(head);
    for (const char *at = head; *at; at++)
        wide -= ((unsigned char)*at & 0xC0) == 0x80;
    cli_put_format("  %s%*s%s\n", head, wide < 32 ? (int)(32 - wide) : 1, "", option->help);
}

static void put_global_options(struct cli *cli) {
    put_heading(cli, "Options of every command");
    for (int i = 0; i <= OPT_HELP; i++)
        put_option(&cli_options[i]);
}

static void put_command_line(const struct cli_command *command) {
    char head[80];
    snprintf(head, sizeof head, "%s %s", command->name, command->arguments);
    cli_put_format("  %-38s %s\n", head, command->summary);
}

static void put_matching(const char *prefix) {
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = &cli_commands[i];
        if (!command->hidden && strncmp(command->name, prefix, strlen(prefix)) == 0)
            put_command_line(command);
    }
}

void cli_help_all(struct cli *cli) {
    cli_put_format("Nacre %s, a multi-model database in a directory.\n\n", nacre_version());
    put_heading(cli, "Usage");
    cli_put_format("  nacre COMMAND [ARGUMENTS] [OPTIONS]\n\n");
    put_heading(cli, "Commands");
    put_matching("");
    cli_put_format("\n");
    put_global_options(cli);
    cli_put_format("\nnacre help COMMAND explains one. Exit codes: 0 ok, 1 failure, 2 usage, "
                   "3 not found,\n4 conflict, 5 not allowed, 6 unavailable, 7 partly done.\n");
}

void cli_help_group(struct cli *cli, const char *group) {
    char prefix[64];
    put_heading(cli, "Commands");
    if (cli_find_command(group, NULL)) put_command_line(cli_find_command(group, NULL));
    snprintf(prefix, sizeof prefix, "%.60s ", group);
    put_matching(prefix);
    cli_put_format("\nnacre help %s COMMAND explains one.\n", group);
}

void cli_help_command(struct cli *cli, const struct cli_command *command) {
    cli_put_format("%s.\n\n", command->summary);
    put_heading(cli, "Usage");
    cli_put_format("  nacre %s%s%s%s\n\n", command->name, command->arguments[0] ? " " : "",
                   command->arguments, command->options ? " [OPTIONS]" : "");
    if (command->more) cli_put_format("%s\n\n", command->more);
    if (command->options) {
        put_heading(cli, "Options");
        for (int i = 0; command->options[i] >= 0; i++)
            put_option(&cli_options[(int)command->options[i]]);
        cli_put_format("\n");
    }
    put_global_options(cli);
    if (command->examples) {
        cli_put_format("\n");
        put_heading(cli, "Examples");
        put_indented(command->examples, "  ");
    }
    if (cli_is_group(command->name)) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "%.60s ", command->name);
        cli_put_format("\n");
        put_heading(cli, "More commands");
        put_matching(prefix);
    }
}

static void put_cell(const char *text) {
    for (; *text; text++)
        cli_put_format(*text == '|' ? "\\|" : "%c", *text);
}

static void put_option_row(const struct cli_option *option) {
    cli_put_format("| `");
    if (option->letter) cli_put_format("-%c`, `", option->letter);
    cli_put_format("--%s%s", option->name, option->value ? " " : "");
    put_cell(option->value ? option->value : "");
    cli_put_format("` | ");
    put_cell(option->help);
    cli_put_format(" |\n");
}

static void put_markdown(const struct cli_command *command) {
    cli_put_format("## %s\n\n%s.\n\n```\nnacre %s%s%s\n```\n\n", command->name, command->summary,
                   command->name, command->arguments[0] ? " " : "", command->arguments);
    if (command->more) cli_put_format("%s\n\n", command->more);
    if (command->options) {
        cli_put_format("| option | |\n|---|---|\n");
        for (int i = 0; command->options[i] >= 0; i++)
            put_option_row(&cli_options[(int)command->options[i]]);
        cli_put_format("\n");
    }
    if (command->examples) cli_put_format("```sh\n%s\n```\n\n", command->examples);
}

static void put_all_markdown(void) {
    cli_put_format("| option of every command | |\n|---|---|\n");
    for (int i = 0; i <= OPT_HELP; i++)
        put_option_row(&cli_options[i]);
    cli_put_format("\n");
    for (size_t i = 0; i < cli_command_count; i++) {
        if (!cli_commands[i].hidden) put_markdown(&cli_commands[i]);
    }
}

int cmd_help(struct cli *cli, const struct cli_call *call) {
    if (call->options[OPT_MARKDOWN].given) {
        put_all_markdown();
        return 0;
    }
    if (call->count == 0) {
        cli_help_all(cli);
        return 0;
    }
    const char *second = call->count > 1 ? call->arguments[1] : NULL;
    const struct cli_command *command = cli_find_command(call->arguments[0], second);
    if (command && (!second || strchr(command->name, ' '))) {
        cli_help_command(cli, command);
        return 0;
    }
    if (cli_is_group(call->arguments[0]) && !second) {
        cli_help_group(cli, call->arguments[0]);
        return 0;
    }
    char *const words[] = {cli_copy(call->arguments[0]), cli_copy(second ? second : "--help")};
    struct cli_call other;
    int code = cli_parse(cli, 2, words, &other); // says what is near
    for (int i = 0; i < 2; i++)
        cli_free(words[i]);
    return code ? code
                : cli_usage(cli, NULL, NULL, "there is no command \"%s %s\"", call->arguments[0],
                            second ? second : "");
}
