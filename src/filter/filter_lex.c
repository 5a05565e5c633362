// Tokens of the string form.
#include "filter/filter_lex.h"

#include <stdio.h>

#include "base/text/num.h"
#include "base/text/utf8.h"

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static bool is_letter(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}
static bool is_word(uint8_t c) { return is_letter(c) || is_digit(c) || c == '-'; }
static bool is_space(uint8_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static uint8_t peek(const struct filter_lex *lex) {
    return lex->at < lex->all.n ? lex->all.p[lex->at] : 0;
}

nacre_status filter_lex_fail(struct filter_lex *lex, const struct filter_token *token,
                             const char *expected) {
    struct ctx *ctx = lex->b->ctx;
    size_t offset = token->text.n ? (size_t)(token->text.p - lex->all.p) : lex->all.n;
    struct slice cut = filter_cut(token->text, 60);
    char got[80];
    if (cut.n == 0)
        snprintf(got, sizeof(got), "the end");
    else
        snprintf(got, sizeof(got), "%.*s%s", (int)cut.n, (const char *)cut.p,
                 cut.n < token->text.n ? "…" : "");
    nacre_status status = err_set(ctx, NACRE_INVALID_FILTER, "expected %s, found %s at byte %zu",
                                  expected, got, offset);
    err_expected(ctx, "", expected, got);
    err_span(ctx, offset, token->text.n);
    return status;
}

// An error about all[from..lex->at).
static nacre_status fail_from(struct filter_lex *lex, size_t from, const char *expected) {
    struct filter_token token = {.text = slice_of(lex->all.p + from, lex->at - from)};
    return filter_lex_fail(lex, &token, expected);
}

// After the opening quote at lex->at: skips to behind the closing one; a doubled quote is part of
// the text.
static nacre_status skip_quoted(struct filter_lex *lex, uint8_t quote) {
    size_t from = lex->at++;
    while (lex->at < lex->all.n) {
        if (lex->all.p[lex->at++] != quote) continue;
        if (peek(lex) != quote) return NACRE_OK;
        lex->at++;
    }
    return fail_from(lex, from,
                     quote == '\'' ? "a closing ' of the text" : "a closing \" of the name");
}

// Content of a quoted run, doubled quotes made one. Copies only if there are any.
static nacre_status unquote(struct filter_lex *lex, struct slice run, struct slice *out) {
    uint8_t quote = run.p[0];
    struct slice inner = slice_of(run.p + 1, run.n - 2);
    *out = inner;
    if (inner.n == 0 || !memchr(inner.p, quote, inner.n)) return NACRE_OK;
    uint8_t *p = arena_alloc(&lex->b->ctx->arena, inner.n);
    if (!p) return err_nomem(lex->b->ctx);
    size_t n = 0;
    for (size_t i = 0; i < inner.n; i++) {
        p[n++] = inner.p[i];
        i += inner.p[i] == quote;
    }
    *out = slice_of(p, n);
    return NACRE_OK;
}

static nacre_status lex_string(struct filter_lex *lex, size_t from) {
    TRY(skip_quoted(lex, '\''));
    struct slice text;
    TRY(unquote(lex, slice_of(lex->all.p + from, lex->at - from), &text));
    if (text.n > UINT32_MAX / 4) return fail_from(lex, from, "a shorter text");
    lex->token.kind = FILTER_TOKEN_STRING;
    lex->token.value = val_str(text);
    return NACRE_OK;
}

static bool skip_digits(struct filter_lex *lex) {
    size_t from = lex->at;
    while (is_digit(peek(lex)))
        lex->at++;
    return lex->at > from;
}

// The number grammar of JSON.
static bool scan_number(struct filter_lex *lex, bool *out_whole) {
    *out_whole = true;
    if (peek(lex) == '-') lex->at++;
    bool zero = peek(lex) == '0';
    size_t digits = lex->at;
    if (!skip_digits(lex) || (zero && lex->at - digits > 1)) return false;
    if (peek(lex) == '.') {
        *out_whole = false;
        lex->at++;
        if (!skip_digits(lex)) return false;
    }
    if (peek(lex) == 'e' || peek(lex) == 'E') {
        *out_whole = false;
        lex->at++;
        if (peek(lex) == '+' || peek(lex) == '-') lex->at++;
        if (!skip_digits(lex)) return false;
    }
    return !is_word(peek(lex)) && peek(lex) != '.';
}

static nacre_status lex_number(struct filter_lex *lex, size_t from) {
    bool whole;
    bool ok = scan_number(lex, &whole);
    if (!ok) {
        while (is_word(peek(lex)) || peek(lex) == '.' || peek(lex) == '+')
            lex->at++;
        return fail_from(lex, from, "a number as in JSON");
    }
    const char *p = (const char *)lex->all.p + from;
    size_t n = lex->at - from;
    int64_t i;
    double d;
    lex->token.kind = FILTER_TOKEN_NUMBER;
    if (whole && num_parse_int(p, n, &i))
        lex->token.value = val_int(i);
    else if (!whole && num_parse_double(p, n, &d))
        lex->token.value = val_double(d);
    else
        return fail_from(lex, from,
                         whole ? "a 64-bit integer" : "a number in the range of a double");
    return NACRE_OK;
}

static nacre_status lex_name_part(struct filter_lex *lex, bool first) {
    if (peek(lex) == '"') {
        lex->token.quoted = true;
        return skip_quoted(lex, '"');
    }
    size_t from = lex->at;
    if (first ? is_letter(peek(lex)) : is_word(peek(lex)))
        while (is_word(peek(lex)))
            lex->at++;
    if (lex->at > from) return NACRE_OK;
    if (lex->at < lex->all.n) lex->at++;
    return fail_from(lex, from, "a name");
}

static nacre_status lex_name(struct filter_lex *lex) {
    lex->token.kind = FILTER_TOKEN_NAME;
    TRY(lex_name_part(lex, true));
    while (peek(lex) == '.') {
        lex->at++;
        TRY(lex_name_part(lex, false));
    }
    return NACRE_OK;
}

static void lex_pointer(struct filter_lex *lex) {
    lex->token.kind = FILTER_TOKEN_NAME;
    while (is_word(peek(lex)) || peek(lex) == '/' || peek(lex) == '~' || peek(lex) == '.')
        lex->at++;
}

static const struct {
    const char *wrong, *right;
} sign_mistakes[] = {{"==", "="},  {"&&", "AND"}, {"||", "OR"},
                     {"!", "NOT"}, {"=>", ">="},  {"=<", "<="}};

static nacre_status lex_sign(struct filter_lex *lex) {
    static const char *const signs[] = {"!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ","};
    struct slice rest = slice_skip(lex->all, lex->at);
    for (size_t i = 0; i < sizeof(sign_mistakes) / sizeof(*sign_mistakes); i++) {
        struct slice wrong = slice_str(sign_mistakes[i].wrong);
        if (!slice_starts(rest, wrong) || slice_starts(rest, SLICE_LIT("!="))) continue;
        lex->at += wrong.n;
        nacre_status status = fail_from(lex, lex->at - wrong.n, "an operator");
        err_suggest(lex->b->ctx, sign_mistakes[i].right);
        return status;
    }
    lex->token.kind = FILTER_TOKEN_SIGN;
    for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
        if (!slice_starts(rest, slice_str(signs[i]))) continue;
        lex->at += strlen(signs[i]);
        return NACRE_OK;
    }
    lex->at++; // ASCII: everything else was taken for a letter
    return fail_from(lex, lex->at - 1, "a name, a value or an operator");
}

static nacre_status lex_token(struct filter_lex *lex, size_t from) {
    uint8_t c = peek(lex);
    if (c == '\'') return lex_string(lex, from);
    if (is_digit(c) || c == '-') return lex_number(lex, from);
    if (c == '"' || is_letter(c)) return lex_name(lex);
    if (c == '/') {
        lex_pointer(lex);
        return NACRE_OK;
    }
    return lex_sign(lex);
}

nacre_status filter_lex_next(struct filter_lex *lex) {
    while (is_space(peek(lex)))
        lex->at++;
    size_t from = lex->at;
    lex->token =
        (struct filter_token){.kind = FILTER_TOKEN_END, .text = slice_of(lex->all.p + from, 0)};
    if (from == lex->all.n) return NACRE_OK;
    TRY(lex_token(lex, from));
    lex->token.text.n = lex->at - from;
    return NACRE_OK;
}

nacre_status filter_lex_begin(struct filter_lex *lex, struct filter_build *b, struct slice text) {
    *lex = (struct filter_lex){.b = b};
    void *copy = arena_copy(&b->ctx->arena, text.p, text.n);
    if (!copy) return err_nomem(b->ctx);
    lex->all = slice_of(copy, text.n);
    size_t valid = utf8_valid_prefix(lex->all);
    if (valid < text.n) {
        nacre_status status = err_set(b->ctx, NACRE_INVALID_FILTER,
                                      "the filter is not UTF-8 text at byte %zu", valid);
        err_span(b->ctx, valid, 1);
        return status;
    }
    return filter_lex_next(lex);
}

// The end of the name part at the front of rest.
static size_t part_size(struct slice rest) {
    size_t i = 0;
    if (rest.p[0] != '"') {
        while (i < rest.n && rest.p[i] != '.')
            i++;
        return i;
    }
    for (i = 1; i < rest.n; i++) {
        if (rest.p[i] != '"') continue;
        if (i + 1 < rest.n && rest.p[i + 1] == '"')
            i++;
        else
            return i + 1;
    }
    return rest.n;
}

static bool needs_pointer(struct slice name) {
    return name.n == 0 || memchr(name.p, '.', name.n) || name.p[0] == '/';
}

// Dotted where every name can be, else a JSON Pointer. At most two bytes for each of the token, in
// out.
static size_t join_names(const struct slice *names, size_t count, uint8_t *out) {
    bool pointer = false;
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        pointer = pointer || needs_pointer(names[i]);
    for (size_t i = 0; i < count; i++) {
        if (pointer)
            out[n++] = '/';
        else if (i)
            out[n++] = '.';
        for (size_t k = 0; k < names[i].n; k++) {
            uint8_t c = names[i].p[k];
            bool escape = pointer && (c == '~' || c == '/');
            out[n++] = escape ? '~' : c;
            if (escape) out[n++] = c == '~' ? '0' : '1';
        }
    }
    return n;
}

static nacre_status quoted_path(struct filter_lex *lex, struct slice text, struct slice *out) {
    struct arena *arena = &lex->b->ctx->arena;
    struct slice *names = ARENA_ARRAY(arena, struct slice, PATH_PARTS_MAX + 1);
    uint8_t *joined = arena_alloc(arena, text.n * 2 + 1);
    if (!names || !joined) return err_nomem(lex->b->ctx);
    size_t count = 0;
    while (text.n && count <= PATH_PARTS_MAX) {
        struct slice part = slice_of(text.p, part_size(text));
        names[count] = part;
        if (part.p[0] == '"') TRY(unquote(lex, part, &names[count]));
        count++;
        text = slice_skip(text, part.n < text.n ? part.n + 1 : part.n);
    }
    bool is_pointer = count == 1 && names[0].n && names[0].p[0] == '/';
    *out = is_pointer ? names[0] : slice_of(joined, join_names(names, count, joined));
    return NACRE_OK;
}

nacre_status filter_lex_path(struct filter_lex *lex, struct filter_token token, struct path *out) {
    struct slice text = token.text;
    if (token.quoted) TRY(quoted_path(lex, text, &text));
    if (filter_is_dollar(text))
        return filter_lex_fail(lex, &token, "a name that does not start with '$'");
    nacre_status status = filter_build_path(lex->b, text, out);
    if (status == NACRE_INVALID_FILTER)
        err_span(lex->b->ctx, (size_t)(token.text.p - lex->all.p), token.text.n);
    return status;
}
