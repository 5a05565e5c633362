// Inside the room: tokens of the string form.
#ifndef FILTER_FILTER_LEX_H
#define FILTER_FILTER_LEX_H

#include "filter/filter_build.h"

enum filter_token_kind {
    FILTER_TOKEN_END,
    FILTER_TOKEN_NAME,   // a word, a path, or quoted names joined by dots
    FILTER_TOKEN_NUMBER, // value
    FILTER_TOKEN_STRING, // value
    FILTER_TOKEN_SIGN,   // = != <> < <= > >= ( ) ,
};

struct filter_token {
    enum filter_token_kind kind;
    struct slice text; // as written; empty at the end
    struct val value;
    bool quoted; // NAME: has quotes somewhere, so it is no keyword
};

struct filter_lex {
    struct filter_build *b;
    struct slice all; // valid UTF-8, lives as long as the filter
    size_t at;
    struct filter_token token; // the current one
};

// Checks the characters and reads the first token.
MUST_USE nacre_status filter_lex_begin(struct filter_lex *lex, struct filter_build *b,
                                       struct slice text);
MUST_USE nacre_status filter_lex_next(struct filter_lex *lex);
// The path that a NAME token spells.
MUST_USE nacre_status filter_lex_path(struct filter_lex *lex, struct filter_token token,
                                      struct path *out);
// NACRE_INVALID_FILTER at the token: what was expected there.
MUST_USE nacre_status filter_lex_fail(struct filter_lex *lex, const struct filter_token *token,
                                      const char *expected);

#endif
