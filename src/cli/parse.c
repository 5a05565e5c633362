// From words to a parsed call. Nothing is guessed: an unknown option, a value that is missing or
// out of its range, an option given twice and a word too many are errors that name the nearest
// thing there is.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/out.h"

enum { GLOBAL_LAST = OPT_HELP };

struct parser {
    struct cli *cli;
    struct cli_call *call;
    int argc;
    char *const *argv;
    int at;
    bool only_arguments; // after "--"
};

bool cli_takes(const struct cli_command *command, int option) {
    if (option <= GLOBAL_LAST) return true;
    for (int i = 0; command && command->options && command->options[i] >= 0; i++) {
        if (command->options[i] == option) return true;
    }
    return false;
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// Optimal string alignment distance (Damerau-Levenshtein without repeated edits), of short words.
static size_t distance(const char *a, const char *b) {
    enum { WORD_MAX = 32 };
    size_t n = strlen(a), m = strlen(b), d[WORD_MAX + 1][WORD_MAX + 1];
    if (n > WORD_MAX || m > WORD_MAX) return WORD_MAX;
    for (size_t i = 0; i <= n; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= m; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        for (size_t j = 1; j <= m; j++) {
            size_t change = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = smaller(change, smaller(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = smaller(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[n][m];
}

const char *cli_nearest(const char *word, const char *const *words, size_t count) {
    const char *best = NULL;
    size_t least = smaller(3, strlen(word) / 2 + 1);
    for (size_t i = 0; i < count; i++) {
        size_t far = distance(word, words[i]);
        if (far < least) {
            least = far;
            best = words[i];
        }
    }
    return best;
}

static const char *nearest_option(const struct cli_command *command, const char *name) {
    const char *names[OPT_COUNT];
    size_t count = 0;
    for (int i = 0; i < OPT_COUNT; i++) {
        if (cli_takes(command, i)) names[count++] = cli_options[i].name;
    }
    return cli_nearest(name, names, count);
}

static int unknown_option(struct parser *p, const char *name, const char *shown) {
    const struct cli_command *command = p->call->command;
    const char *near = nearest_option(command, name);
    struct cli_text hint = {0};
    if (near)
        cli_text_format(&hint, "did you mean --%s?", near);
    else if (!command)
        cli_text_puts(&hint, "options of a command stand behind its name");
    int code = cli_usage(p->cli, command, near || !command ? cli_text_of(&hint) : NULL,
                         "unknown option %s", shown);
    cli_text_free(&hint);
    return code;
}

static int find_option(const struct cli_command *command, struct cli_slice name) {
    for (int i = 0; i < OPT_COUNT; i++) {
        if (cli_takes(command, i) && cli_slice_is(name, cli_options[i].name)) return i;
    }
    return -1;
}

static int find_letter(const struct cli_command *command, char letter) {
    for (int i = 0; i < OPT_COUNT; i++) {
        if (cli_takes(command, i) && cli_options[i].letter == letter) return i;
    }
    return -1;
}

static bool is_choice(const char *choices, const char *text) {
    size_t size = strlen(text);
    for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
        if (strcspn(at, "|") == size && memcmp(at, text, size) == 0) return true;
    }
    return false;
}

bool cli_option_accepts(const struct cli_option *option, const char *text, uint64_t *number) {
    char *end = NULL;
    if (option->kind == CLI_CHOICE) return is_choice(option->value, text);
    if (option->kind != CLI_NUMBER) return true;
    errno = 0;
    unsigned long long read = strtoull(text, &end, 10);
    *number = read;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 &&
           read >= option->least && read <= option->most;
}

static int wrong_value(struct parser *p, const struct cli_option *option, const char *text) {
    const struct cli_command *command = p->call->command;
    if (option->kind == CLI_CHOICE)
        return cli_usage(p->cli, command, NULL, "--%s takes %s, not \"%s\"", option->name,
                         option->value, text);
    if (option->most == UINT64_MAX)
        return cli_usage(p->cli, command, NULL,
                         "--%s takes a whole number of at least %llu, not \"%s\"", option->name,
                         (unsigned long long)option->least, text);
    return cli_usage(p->cli, command, NULL,
                     "--%s takes a whole number from %llu to %llu, not \"%s\"", option->name,
                     (unsigned long long)option->least, (unsigned long long)option->most, text);
}

// text: the value, NULL for a flag.
static int set_option(struct parser *p, int id, const char *text) {
    const struct cli_option *option = &cli_options[id];
    struct cli_value *value = &p->call->options[id];
    if (value->given && option->kind != CLI_FLAG)
        return cli_usage(p->cli, p->call->command, NULL, "--%s is given twice", option->name);
    value->given = true;
    value->text = text;
    return cli_option_accepts(option, text, &value->number) ? 0 : wrong_value(p, option, text);
}

static int missing_value(struct parser *p, const struct cli_option *option) {
    return cli_usage(p->cli, p->call->command, NULL, "--%s needs a value: --%s %s", option->name,
                     option->name, option->value);
}

static int parse_long(struct parser *p, const char *word) {
    const char *equals = strchr(word, '=');
    struct cli_slice name = {word + 2, equals ? (size_t)(equals - word - 2) : strlen(word + 2)};
    int id = find_option(p->call->command, name);
    if (id < 0) {
        char shown[64];
        snprintf(shown, sizeof shown, "--%.*s", (int)smaller(name.size, 60), name.data);
        return unknown_option(p, shown + 2, shown);
    }
    const struct cli_option *option = &cli_options[id];
    if (option->kind == CLI_FLAG) {
        if (equals)
            return cli_usage(p->cli, p->call->command, NULL, "--%s takes no value", option->name);
        return set_option(p, id, NULL);
    }
    if (!equals && p->at == p->argc) return missing_value(p, option);
    return set_option(p, id, equals ? equals + 1 : p->argv[p->at++]);
}

// -q, -n 5, -n5; letters of flags may stand together.
static int parse_letters(struct parser *p, const char *word) {
    for (const char *letter = word + 1; *letter; letter++) {
        char shown[3] = {'-', *letter, '\0'};
        int id = find_letter(p->call->command, *letter);
        if (id < 0)
            return unknown_option(p, word + 1, *letter > ' ' && *letter < 127 ? shown : word);
        if (cli_options[id].kind == CLI_FLAG) {
            set_option(p, id, NULL);
            continue;
        }
        if (letter[1]) return set_option(p, id, letter + 1);
        if (p->at == p->argc) return missing_value(p, &cli_options[id]);
        return set_option(p, id, p->argv[p->at++]);
    }
    return 0;
}

static bool is_option(const char *word) { return word[0] == '-' && word[1] != '\0'; }

static int parse_option(struct parser *p) {
    const char *word = p->argv[p->at++];
    return word[1] == '-' ? parse_long(p, word) : parse_letters(p, word);
}

// Commands that the design has and this version does not.
static bool is_to_come(const char *word) {
    static const char words[] = "|key|node|recall|role|search|shard|"
                                "slowlog|sql|status|top|versions|";
    char wanted[16];
    int size = snprintf(wanted, sizeof wanted, "|%s|", word);
    return size < (int)sizeof wanted && strstr(words, wanted);
}

static int unknown_command(struct parser *p, const char *group, const char *word) {
    if (!group && is_to_come(word))
        return cli_error(p->cli, NACRE_UNIMPLEMENTED, "nacre help lists what there is",
                         "the command %s is not in this version", word);
    const char *names[128];
    char firsts[128][32];
    size_t count = 0;
    for (size_t i = 0; i < cli_command_count && count < 128; i++) {
        const char *name = cli_commands[i].name, *blank = strchr(name, ' ');
        if (cli_commands[i].hidden ||
            (group &&
             (!blank || !cli_slice_is((struct cli_slice){name, (size_t)(blank - name)}, group))))
            continue;
        snprintf(firsts[count], sizeof firsts[count], "%.*s", group ? 31 : (int)strcspn(name, " "),
                 group ? blank + 1 : name);
        names[count] = firsts[count];
        count++;
    }
    const char *near = cli_nearest(word, names, count);
    struct cli_text hint = {0};
    if (near)
        cli_text_format(&hint, "did you mean \"%s%s%s\"?", group ? group : "", group ? " " : "",
                        near);
    int code = cli_usage(p->cli, NULL, near ? cli_text_of(&hint) : NULL,
                         "unknown command \"%s%s%s\"", group ? group : "", group ? " " : "", word);
    cli_text_free(&hint);
    return code;
}

const struct cli_command *cli_find_command(const char *first, const char *second) {
    char two[80];
    snprintf(two, sizeof two, "%s %s", first, second ? second : "");
    for (size_t i = 0; second && i < cli_command_count; i++) {
        if (strcmp(cli_commands[i].name, two) == 0) return &cli_commands[i];
    }
    for (size_t i = 0; i < cli_command_count; i++) {
        if (strcmp(cli_commands[i].name, first) == 0) return &cli_commands[i];
    }
    return NULL;
}

bool cli_is_group(const char *word) {
    size_t size = strlen(word);
    for (size_t i = 0; i < cli_command_count; i++) {
        if (strncmp(cli_commands[i].name, word, size) == 0 && cli_commands[i].name[size] == ' ')
            return true;
    }
    return false;
}

static bool asks_help(const struct parser *p) {
    for (int i = p->at; i < p->argc && strcmp(p->argv[i], "--") != 0; i++) {
        if (strcmp(p->argv[i], "--help") == 0 || strcmp(p->argv[i], "-h") == 0) return true;
    }
    return p->call->options[OPT_HELP].given;
}

static int group_alone(struct parser *p, const char *group) {
    if (asks_help(p)) {
        cli_help_group(p->cli, group);
        p->call->options[OPT_HELP].given = true;
        return 0;
    }
    if (p->at < p->argc && !is_option(p->argv[p->at]))
        return unknown_command(p, group, p->argv[p->at]);
    char hint[80];
    snprintf(hint, sizeof hint, "nacre help %s lists them", group);
    return cli_usage(p->cli, NULL, hint, "\"%s\" needs to know what to do", group);
}

static int parse_command(struct parser *p) {
    const char *first = p->argv[p->at++];
    const char *second = p->at < p->argc ? p->argv[p->at] : NULL;
    const struct cli_command *command = cli_find_command(first, second);
    if (!command && cli_is_group(first)) return group_alone(p, first);
    if (!command) return unknown_command(p, NULL, first);
    if (strchr(command->name, ' ')) p->at++;
    p->call->command = command;
    return 0;
}

// The argument that is missing: the first that must be there beyond those that are.
static struct cli_slice missing_argument(const struct cli_command *command, int count) {
    const char *at = command->arguments;
    for (;;) {
        size_t size = strcspn(at, " ");
        if (at[0] != '[' && count-- == 0) return (struct cli_slice){at, size};
        if (at[size] == '\0') return cli_slice_of("more");
        at += size + 1;
    }
}

static int check_count(struct parser *p) {
    const struct cli_command *command = p->call->command;
    if (p->call->count >= command->least) return 0;
    struct cli_slice missing = missing_argument(command, p->call->count);
    return cli_usage(p->cli, command, NULL, "%s needs an argument more: %.*s", command->name,
                     (int)missing.size, missing.data);
}

static int parse_rest(struct parser *p) {
    struct cli_call *call = p->call;
    while (p->at < p->argc) {
        const char *word = p->argv[p->at];
        int code = 0;
        if (!p->only_arguments && strcmp(word, "--") == 0) {
            p->only_arguments = true;
            p->at++;
        } else if (!p->only_arguments && is_option(word)) {
            code = parse_option(p);
        } else if (call->count == call->command->most) {
            code = cli_usage(p->cli, call->command, "quote what has blanks in it",
                             "one argument too many: \"%s\"", word);
        } else {
            call->arguments[call->count++] = word;
            p->at++;
        }
        if (code) return code;
    }
    return check_count(p);
}

static void take_global(struct cli *cli, const struct cli_call *call) {
    const struct cli_value *options = call->options;
    if (options[OPT_DIR].given) cli->dir = options[OPT_DIR].text;
    if (options[OPT_DB].given) cli->database = options[OPT_DB].text;
    if (options[OPT_TIMEOUT_MS].given) cli->timeout_ms = options[OPT_TIMEOUT_MS].number;
    cli->json_asked |= options[OPT_JSON].given;
    cli->json |= options[OPT_JSON].given;
    cli->quiet |= options[OPT_QUIET].given;
    if (options[OPT_NO_COLOR].given) cli->color_out = cli->color_err = false;
}

int cli_parse(struct cli *cli, int argc, char *const *argv, struct cli_call *out) {
    *out = (struct cli_call){0};
    struct parser p = {.cli = cli, .call = out, .argc = argc, .argv = argv};
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0;
         i++) // so that errors of the rest already follow it
        cli->json_asked |= strcmp(argv[i], "--json") == 0;
    int code = 0;
    while (!code && p.at < argc && is_option(argv[p.at])) {
        if (strcmp(argv[p.at], "--version") == 0) {
            out->command = cli_find_command("version", NULL);
            p.at++;
            break;
        }
        code = parse_option(&p);
    }
    if (!code && !out->command && p.at < argc) code = parse_command(&p);
    if (code) return code;
    if (out->command && asks_help(&p))
        out->options[OPT_HELP].given = true;
    else if (out->command)
        code = parse_rest(&p);
    if (!code) take_global(cli, out);
    return code;
}
