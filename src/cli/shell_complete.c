// What may stand at the cursor: commands, options, collections, indexes, fields.
#include <stdio.h>
#include <string.h>

#include "cli/json.h"
#include "cli/shell.h"

static void add_match(char **matches, size_t *count, struct cli_slice name, const char *typed) {
    size_t size = strlen(typed);
    if (*count == SHELL_MATCHES_MAX || name.size < size || memcmp(name.data, typed, size) != 0)
        return;
    char *copy = cli_alloc(name.size + 1);
    memcpy(copy, name.data, name.size);
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(matches[i], copy) == 0) {
            cli_free(copy);
            return;
        }
    }
    matches[(*count)++] = copy;
}

static void match_commands(const struct shell_words *words, const char *typed, char **matches,
                           size_t *count) {
    for (size_t i = 0; i < cli_command_count; i++) {
        const char *name = cli_commands[i].name;
        size_t first = strcspn(name, " ");
        if (cli_commands[i].hidden) continue;
        if (words->count == 0)
            add_match(matches, count, (struct cli_slice){name, first}, typed);
        else if (name[first] && cli_slice_is((struct cli_slice){name, first}, words->words[0]))
            add_match(matches, count, cli_slice_of(name + first + 1), typed);
    }
    if (words->count == 0) add_match(matches, count, cli_slice_of("exit"), typed);
}

static void match_options(const struct cli_command *command, const char *typed, char **matches,
                          size_t *count) {
    for (int i = 0; i < OPT_COUNT; i++) {
        char name[64];
        snprintf(name, sizeof name, "--%s", cli_options[i].name);
        if (cli_takes(command, i)) add_match(matches, count, cli_slice_of(name), typed);
    }
}

// Asked in a session of its own: what Tab looks at is no part of a transaction, and no error.
static nacre_session *ask(const struct cli *cli) {
    nacre_session *session = NULL;
    if (!cli->db || nacre_session_open(cli->db, &session) != NACRE_OK) return NULL;
    return session;
}

// The names in items of a description: collections, or a collection's indexes.
static void match_described(struct cli *cli, const char *collection, const char *list,
                            const char *typed, char **matches, size_t *count) {
    const char *json = NULL;
    struct cli_slice items, item, name;
    nacre_collection which = cli_collection(cli, collection);
    nacre_session *session = ask(cli);
    if (session && nacre_collection_describe(session, &which, &json) == NACRE_OK &&
        cli_json_find(cli_slice_of(json), list, &items)) {
        for (size_t at = 0; cli_json_element(items, &at, &item);)
            if (cli_json_find(item, "name", &name) && name.size > 2)
                add_match(matches, count, (struct cli_slice){name.data + 1, name.size - 2}, typed);
    }
    nacre_session_close(session);
}

// --- fields ---

struct fields {
    struct cli_text path; // of the object at hand, behind what was typed before the path
    const char *typed;
    char **matches;
    size_t *count;
};

// Names that need no quotes in a shell, a list or a filter.
static bool is_plain(struct cli_slice name) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    for (size_t i = 0; i < name.size; i++)
        if (!memchr(plain, name.data[i], sizeof plain - 1)) return false;
    return name.size > 0;
}

static void match_names(struct fields *fields, struct cli_slice object, int depth) {
    struct cli_slice key, value;
    size_t before = fields->path.size;
    for (size_t at = 0; cli_json_member(object, &at, &key, &value);) {
        struct cli_slice name = {key.data + 1, key.size - 2};
        if (!is_plain(name)) continue;
        cli_text_add(&fields->path, name.data, name.size);
        struct cli_slice path = {cli_text_of(&fields->path), fields->path.size};
        add_match(fields->matches, fields->count, path, fields->typed);
        cli_text_puts(&fields->path, ".");
        if (depth > 0 && value.data[0] == '{') match_names(fields, value, depth - 1);
        fields->path.size = before;
    }
}

// The fields of the first documents.
static void match_fields(struct cli *cli, const char *collection, struct fields *fields) {
    const char *row = NULL;
    size_t size = 0;
    nacre_cursor *cursor = NULL;
    nacre_collection which = cli_collection(cli, collection);
    nacre_session *session = ask(cli);
    if (session && nacre_query(session, &which, "{\"limit\":50}", &cursor) == NACRE_OK) {
        while (nacre_cursor_next(cursor, &row, &size) == NACRE_OK && row)
            match_names(fields, (struct cli_slice){row, size}, 3);
    }
    nacre_cursor_close(cursor);
    nacre_session_close(session);
}

static bool is_list_option(const char *word) {
    static const char *const names[] = {"--fields", "-f", "--sort", "-s"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(word, names[i]) == 0) return true;
    return false;
}

// Whether a path may stand here: in a list of paths, or in a filter, which may be in open quotes.
static bool wants_field(const struct cli_command *command, const struct shell_words *words,
                        int named) {
    if (!command || words->count <= named || strncmp(command->arguments, "COLL", 4) != 0)
        return false;
    return is_list_option(words->words[words->count - 1]) ||
           (words->count == named + 1 && strstr(command->arguments, "FILTER"));
}

static void match_word(struct cli *cli, const struct shell_words *words, const char *typed,
                       char **matches, size_t *count) {
    const struct cli_command *command =
        words->count > 0
            ? cli_find_command(words->words[0], words->count > 1 ? words->words[1] : NULL)
            : NULL;
    int named = command && strchr(command->name, ' ') ? 2 : 1;
    bool list = words->count > 0 && is_list_option(words->words[words->count - 1]);
    if (wants_field(command, words, named) && (list || typed[0] != '-')) {
        struct fields fields = {.typed = typed, .matches = matches, .count = count};
        size_t name = strlen(typed); // what is before the path stays
        while (name > 0 && !strchr(",\"'(-", typed[name - 1]))
            name--;
        cli_text_add(&fields.path, typed, name);
        match_fields(cli, words->words[named], &fields);
        cli_text_free(&fields.path);
        return;
    }
    if (typed[0] == '-') {
        match_options(command, typed, matches, count);
        return;
    }
    if (words->count < 2) match_commands(words, typed, matches, count);
    if (!command) return;
    if (words->count == named && strncmp(command->arguments, "COLL", 4) == 0)
        match_described(cli, NULL, "items", typed, matches, count);
    if (words->count == named + 1 && strcmp(command->arguments, "COLLECTION INDEX") == 0)
        match_described(cli, words->words[named], "indexes", typed, matches, count);
}

size_t shell_complete(struct cli *cli, const char *before, char *matches[SHELL_MATCHES_MAX]) {
    struct shell_words words;
    size_t count = 0;
    const char *blank = strrchr(before, ' '), *typed = blank ? blank + 1 : before;
    struct cli_slice earlier = {before, blank ? (size_t)(blank - before) : 0};
    if (shell_words_split(earlier, &words) != SHELL_FULL)
        match_word(cli, &words, typed, matches, &count);
    shell_words_free(&words);
    return count;
}
