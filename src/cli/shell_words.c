#include <string.h>

#include "cli/shell.h"

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// A quoted piece that opens at `at`; behind it, or NULL if it does not end.
static const char *take_quoted(const char *at, const char *end, struct cli_text *word) {
    char quote = *at++;
    for (; at < end; at++) {
        if (*at == quote) return at + 1;
        if (quote == '"' && *at == '\\' && at + 1 < end && (at[1] == '"' || at[1] == '\\')) at++;
        cli_text_add(word, at, 1);
    }
    return NULL;
}

// JSON that opens at `at`, to the bracket that closes it; whether the brackets fit each other is
// for the library to say.
static const char *take_json(const char *at, const char *end, struct cli_text *word) {
    const char *from = at;
    size_t depth = 0;
    bool quoted = false;
    for (; at < end; at++) {
        if (quoted && *at == '\\')
            at++; // what follows means itself
        else if (*at == '"')
            quoted = !quoted;
        if (quoted || at >= end) continue;
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        if (depth == 0) {
            cli_text_add(word, from, (size_t)(at + 1 - from));
            return at + 1;
        }
    }
    return NULL;
}

// One word; behind it, or NULL if it does not end.
static const char *take_word(const char *at, const char *end, struct cli_text *word) {
    if (*at == '{' || *at == '[') at = take_json(at, end, word);
    while (at && at < end && !is_blank(*at)) {
        if (*at == '\'' || *at == '"') {
            at = take_quoted(at, end, word);
        } else {
            at += *at == '\\' && at + 1 < end;
            cli_text_add(word, at++, 1);
        }
    }
    return at;
}

enum shell_state shell_words_split(struct cli_slice text, struct shell_words *out) {
    const char *at = text.data, *end = text.data + text.size;
    *out = (struct shell_words){0};
    for (;;) {
        while (at < end && is_blank(*at))
            at++;
        if (at == end || (out->count == 0 && *at == '#')) return SHELL_WHOLE;
        if (out->count == SHELL_WORDS_MAX) return SHELL_FULL;
        struct cli_text word = {0};
        cli_text_puts(&word, "");
        at = take_word(at, end, &word);
        if (!at) {
            cli_text_free(&word);
            return SHELL_OPEN;
        }
        out->words[out->count++] = word.data;
    }
}

void shell_words_free(struct shell_words *words) {
    for (int i = 0; i < words->count; i++)
        cli_free(words->words[i]);
    words->count = 0;
}
