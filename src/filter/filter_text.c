// The string form: a recursive descent parser onto the same tree.
//
//   either    = both { OR both }
//   both      = single { AND single }
//   single    = NOT single | "(" either ")" | condition
//   condition = name ( sign value | [NOT] IN "(" [ value { "," value } ] ")" | [NOT] BETWEEN value
//   AND value
//             | IS [NOT] NULL | [NOT] CONTAINS value | [NOT] STARTS WITH text )
//   value     = number | text | TRUE | FALSE | NULL
#include "filter/filter_build.h"
#include "filter/filter_lex.h"

enum { NESTING_MAX = FILTER_DEPTH_MAX };

struct parser {
    struct filter_lex lex;
    struct filter_build *b;
    uint32_t nesting; // of "(" and NOT
};

// Parts of AND or OR, in the arena.
struct list {
    const struct filter_node **items;
    uint32_t count, cap;
};

static nacre_status list_add(struct parser *p, struct list *list, const struct filter_node *node) {
    if (list->count == list->cap) {
        uint32_t cap = list->cap ? list->cap * 2 : 8;
        const struct filter_node **items = filter_build_nodes(p->b, cap);
        if (!items) return err_nomem(p->b->ctx);
        for (uint32_t i = 0; i < list->count; i++)
            items[i] = list->items[i];
        list->items = items;
        list->cap = cap;
    }
    list->items[list->count++] = node;
    return NACRE_OK;
}

static bool equal_fold(struct slice a, const char *upper) {
    for (size_t i = 0; i < a.n; i++) {
        uint8_t c = a.p[i];
        if (c >= 'a' && c <= 'z') c = (uint8_t)(c - 'a' + 'A');
        if (c != (uint8_t)upper[i]) return false; // its NUL ends the comparison too
    }
    return upper[a.n] == '\0';
}

static bool is_keyword(const struct filter_token *token, const char *upper) {
    return token->kind == FILTER_TOKEN_NAME && !token->quoted && equal_fold(token->text, upper);
}

static bool is_sign(const struct filter_token *token, const char *sign) {
    return token->kind == FILTER_TOKEN_SIGN && slice_eq_str(token->text, sign);
}

// Words that cannot be a name without quotes, as they would hide mistakes.
static bool is_reserved(const struct filter_token *token) {
    static const char *const words[] = {"AND", "OR",   "NOT",  "IN",   "BETWEEN",
                                        "IS",  "NULL", "TRUE", "FALSE"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (is_keyword(token, words[i])) return true;
    return false;
}

static void suggest_keyword(struct parser *p, const struct filter_token *token,
                            const char *const *words, size_t n) {
    char upper[64];
    if (token->kind != FILTER_TOKEN_NAME || token->quoted || token->text.n >= sizeof(upper)) return;
    for (size_t i = 0; i < token->text.n; i++) {
        uint8_t c = token->text.p[i];
        upper[i] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    filter_suggest(p->b->ctx, slice_of(upper, token->text.n), words, n);
}

static nacre_status fail(struct parser *p, const char *expected) {
    return filter_lex_fail(&p->lex, &p->lex.token, expected);
}

static nacre_status take_keyword(struct parser *p, const char *upper) {
    if (is_keyword(&p->lex.token, upper)) return filter_lex_next(&p->lex);
    nacre_status status = fail(p, upper);
    suggest_keyword(p, &p->lex.token, &upper, 1);
    return status;
}

static nacre_status take_sign(struct parser *p, const char *sign, const char *expected) {
    return is_sign(&p->lex.token, sign) ? filter_lex_next(&p->lex) : fail(p, expected);
}

// A word where a value should be is most often text without its quotes.
static nacre_status fail_value(struct parser *p, const char *expected) {
    const struct filter_token *token = &p->lex.token;
    nacre_status status = fail(p, expected);
    if (token->kind != FILTER_TOKEN_NAME) return status;
    static const char *const words[] = {"TRUE", "FALSE", "NULL"};
    suggest_keyword(p, token, words, sizeof(words) / sizeof(*words));
    struct slice text = token->text;
    if (text.n > 2 && text.p[0] == '"' && text.p[text.n - 1] == '"')
        text = slice_of(text.p + 1, text.n - 2);
    char quoted[64];
    if (p->b->ctx->err.suggestion_count || text.n > sizeof(quoted) - 3 ||
        memchr(text.p, '\'', text.n))
        return status;
    quoted[0] = '\'';
    memcpy(quoted + 1, text.p, text.n);
    memcpy(quoted + 1 + text.n, "'", 2);
    err_suggest(p->b->ctx, quoted);
    return status;
}

static nacre_status parse_value(struct parser *p, struct val *out) {
    const struct filter_token *token = &p->lex.token;
    if (token->kind == FILTER_TOKEN_NUMBER || token->kind == FILTER_TOKEN_STRING)
        *out = token->value;
    else if (is_keyword(token, "TRUE"))
        *out = val_bool(true);
    else if (is_keyword(token, "FALSE"))
        *out = val_bool(false);
    else if (is_keyword(token, "NULL"))
        *out = val_null();
    else
        return fail_value(p, "a number, 'text', TRUE, FALSE or NULL");
    return filter_lex_next(&p->lex);
}

static nacre_status parse_sign(struct parser *p, const struct path *path,
                               const struct filter_node **out) {
    static const struct {
        const char *sign;
        enum filter_op op;
        bool negate;
    } signs[] = {{"=", FILTER_EQ, false},  {"!=", FILTER_EQ, true},   {"<>", FILTER_EQ, true},
                 {"<", FILTER_LT, false},  {"<=", FILTER_LTE, false}, {">", FILTER_GT, false},
                 {">=", FILTER_GTE, false}};
    for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
        if (!is_sign(&p->lex.token, signs[i].sign)) continue;
        struct val v;
        TRY(filter_lex_next(&p->lex));
        TRY(parse_value(p, &v));
        TRY(filter_build_value(p->b, signs[i].op, path, v, out));
        return signs[i].negate ? filter_build_not(p->b, *out, out) : NACRE_OK;
    }
    return fail(p, "an operator");
}

static nacre_status in_add(struct parser *p, struct val **values, uint32_t count, uint32_t *cap) {
    if (count >= FILTER_IN_MAX) return fail(p, "at most 10000 values");
    if (count == *cap) {
        uint32_t more = *cap ? *cap * 2 : 16;
        struct val *grown = filter_build_vals(p->b, more);
        if (!grown) return err_nomem(p->b->ctx);
        if (count) memcpy(grown, *values, count * sizeof(*grown));
        *values = grown;
        *cap = more;
    }
    return parse_value(p, &(*values)[count]);
}

static nacre_status parse_in(struct parser *p, const struct path *path,
                             const struct filter_node **out) {
    struct val *values = NULL;
    uint32_t count = 0, cap = 0;
    TRY(filter_lex_next(&p->lex));
    TRY(take_sign(p, "(", "( and a list of values"));
    while (!is_sign(&p->lex.token, ")")) {
        if (count) TRY(take_sign(p, ",", ", or )"));
        TRY(in_add(p, &values, count, &cap));
        count++;
    }
    TRY(filter_lex_next(&p->lex));
    return filter_build_in(p->b, path, values, count, out);
}

static nacre_status parse_between(struct parser *p, const struct path *path,
                                  const struct filter_node **out) {
    struct val low, high;
    const struct filter_node *items[2];
    TRY(filter_lex_next(&p->lex));
    TRY(parse_value(p, &low));
    TRY(take_keyword(p, "AND"));
    TRY(parse_value(p, &high));
    TRY(filter_build_value(p->b, FILTER_GTE, path, low, &items[0]));
    TRY(filter_build_value(p->b, FILTER_LTE, path, high, &items[1]));
    return filter_build_join(p->b, FILTER_AND, items, 2, out);
}

static nacre_status parse_contains(struct parser *p, const struct path *path,
                                   const struct filter_node **out) {
    struct val v;
    TRY(filter_lex_next(&p->lex));
    TRY(parse_value(p, &v));
    return filter_build_value(p->b, FILTER_CONTAINS, path, v, out);
}

static nacre_status parse_starts(struct parser *p, const struct path *path,
                                 const struct filter_node **out) {
    TRY(filter_lex_next(&p->lex));
    TRY(take_keyword(p, "WITH"));
    if (p->lex.token.kind != FILTER_TOKEN_STRING) return fail_value(p, "'text'");
    struct val v;
    TRY(parse_value(p, &v));
    return filter_build_value(p->b, FILTER_STARTS_WITH, path, v, out);
}

static nacre_status parse_is(struct parser *p, const struct path *path,
                             const struct filter_node **out) {
    TRY(filter_lex_next(&p->lex));
    bool negate = is_keyword(&p->lex.token, "NOT");
    if (negate) TRY(filter_lex_next(&p->lex));
    if (!is_keyword(&p->lex.token, "NULL")) {
        static const char *const words[] = {"NULL", "NOT"};
        nacre_status status = fail(p, negate ? "NULL" : "NULL or NOT NULL");
        suggest_keyword(p, &p->lex.token, words, negate ? 1 : 2);
        return status;
    }
    TRY(filter_lex_next(&p->lex));
    TRY(filter_build_value(p->b, FILTER_EQ, path, val_null(), out));
    return negate ? filter_build_not(p->b, *out, out) : NACRE_OK;
}

static nacre_status fail_operator(struct parser *p, bool negate) {
    static const char *const words[] = {"IN", "BETWEEN", "CONTAINS", "STARTS", "NOT", "IS"};
    nacre_status status =
        fail(p, negate ? "IN, BETWEEN, CONTAINS or STARTS WITH"
                       : "an operator (= != < <= > >= IN NOT BETWEEN IS CONTAINS STARTS WITH)");
    if (is_keyword(&p->lex.token, "LIKE") || is_keyword(&p->lex.token, "ILIKE")) {
        err_suggest(p->b->ctx, "CONTAINS");
        err_suggest(p->b->ctx, "STARTS WITH");
        return status;
    }
    suggest_keyword(p, &p->lex.token, words, negate ? 4 : 6);
    return status;
}

typedef nacre_status parse_word(struct parser *p, const struct path *path,
                                const struct filter_node **out);

static nacre_status parse_condition(struct parser *p, const struct path *path,
                                    const struct filter_node **out) {
    static const struct {
        const char *word;
        parse_word *parse;
    } words[] = {{"IN", parse_in},
                 {"BETWEEN", parse_between},
                 {"CONTAINS", parse_contains},
                 {"STARTS", parse_starts}};
    if (is_keyword(&p->lex.token, "IS")) return parse_is(p, path, out);
    bool negate = is_keyword(&p->lex.token, "NOT");
    if (negate) TRY(filter_lex_next(&p->lex));
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (!is_keyword(&p->lex.token, words[i].word)) continue;
        TRY(words[i].parse(p, path, out));
        return negate ? filter_build_not(p->b, *out, out) : NACRE_OK;
    }
    const struct filter_token *token = &p->lex.token;
    bool sign = token->kind == FILTER_TOKEN_SIGN && strchr("=!<>", token->text.p[0]);
    return sign && !negate ? parse_sign(p, path, out) : fail_operator(p, negate);
}

static nacre_status parse_either(struct parser *p, const struct filter_node **out);

static nacre_status parse_parenthesis(struct parser *p, const struct filter_node **out) {
    TRY(filter_lex_next(&p->lex));
    TRY(parse_either(p, out));
    return take_sign(p, ")", "AND, OR or )");
}

static nacre_status parse_single(struct parser *p, const struct filter_node **out) {
    const struct filter_token *token = &p->lex.token;
    bool negate = is_keyword(token, "NOT");
    if (!negate && !is_sign(token, "(")) {
        struct path path;
        if (token->kind != FILTER_TOKEN_NAME || is_reserved(token)) {
            nacre_status status = fail(p, "a field name, NOT or (");
            if (is_reserved(token))
                err_hint(p->b->ctx, "A field of this name stands in double quotes.");
            return status;
        }
        TRY(filter_lex_path(&p->lex, *token, &path));
        TRY(filter_lex_next(&p->lex));
        return parse_condition(p, &path, out);
    }
    if (p->nesting == NESTING_MAX) return fail(p, "at most 100 levels of NOT and (");
    p->nesting++;
    if (negate) {
        TRY(filter_lex_next(&p->lex));
        TRY(parse_single(p, out));
        TRY(filter_build_not(p->b, *out, out));
    } else {
        TRY(parse_parenthesis(p, out));
    }
    p->nesting--;
    return NACRE_OK;
}

static nacre_status parse_both(struct parser *p, const struct filter_node **out) {
    TRY(parse_single(p, out));
    if (!is_keyword(&p->lex.token, "AND")) return NACRE_OK;
    struct list list = {0};
    TRY(list_add(p, &list, *out));
    while (is_keyword(&p->lex.token, "AND")) {
        TRY(filter_lex_next(&p->lex));
        TRY(parse_single(p, out));
        TRY(list_add(p, &list, *out));
    }
    return filter_build_join(p->b, FILTER_AND, list.items, list.count, out);
}

static nacre_status parse_either(struct parser *p, const struct filter_node **out) {
    TRY(parse_both(p, out));
    if (!is_keyword(&p->lex.token, "OR")) return NACRE_OK;
    struct list list = {0};
    TRY(list_add(p, &list, *out));
    while (is_keyword(&p->lex.token, "OR")) {
        TRY(filter_lex_next(&p->lex));
        TRY(parse_both(p, out));
        TRY(list_add(p, &list, *out));
    }
    return filter_build_join(p->b, FILTER_OR, list.items, list.count, out);
}

nacre_status filter_parse_text(struct ctx *ctx, struct slice text,
                               const struct filter_regex_engine *regex, struct filter **out) {
    struct filter_build b = {.ctx = ctx, .regex = regex, .pure = true};
    struct parser p = {.b = &b};
    const struct filter_node *root;
    TRY(filter_lex_begin(&p.lex, &b, text));
    TRY(parse_either(&p, &root));
    if (p.lex.token.kind != FILTER_TOKEN_END) {
        static const char *const words[] = {"AND", "OR"};
        nacre_status status = fail(&p, "AND, OR or the end");
        suggest_keyword(&p, &p.lex.token, words, 2);
        return status;
    }
    return filter_build_finish(&b, root, out);
}
