// Reading bodies one level at a time. The scanner here only finds where members and elements begin
// and end; what is between is checked by who parses it. Whatever it cannot make sense of is told by
// json_parse over the whole text.
#include "lib/lib_body.h"

#include <stdio.h>

#include "doc/json.h"

struct scan {
    const uint8_t *p, *end;
};

static bool is_space(uint8_t c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// The next byte that is no white space, 0 at the end.
static uint8_t peek(struct scan *in) {
    while (in->p < in->end && is_space(*in->p))
        in->p++;
    return in->p < in->end ? *in->p : 0;
}

static bool skip_string(struct scan *in) {
    for (in->p++; in->p < in->end; in->p++) {
        if (*in->p == '\\') {
            in->p++;
        } else if (*in->p == '"') {
            in->p++;
            return true;
        }
    }
    in->p = in->end;
    return false;
}

static bool skip_container(struct scan *in) {
    size_t depth = 0;
    while (in->p < in->end) {
        uint8_t c = *in->p;
        if (c == '"') {
            if (!skip_string(in)) return false;
            continue;
        }
        in->p++;
        if (c == '{' || c == '[') depth++;
        if ((c == '}' || c == ']') && --depth == 0) return true;
    }
    return false;
}

static bool ends_scalar(uint8_t c) { return is_space(c) || c == ',' || c == '}' || c == ']'; }

// The text of the next value. Not empty when true.
static bool take_value(struct scan *in, struct slice *out) {
    uint8_t c = peek(in);
    const uint8_t *start = in->p;
    bool good = c != 0;
    if (c == '"')
        good = skip_string(in);
    else if (c == '{' || c == '[')
        good = skip_container(in);
    else
        while (in->p < in->end && !ends_scalar(*in->p))
            in->p++;
    *out = slice_of(start, (size_t)(in->p - start));
    return good && out->n > 0;
}

// After a value: true if another follows, false at close; *good false: neither.
static bool another(struct scan *in, uint8_t close, bool *good) {
    uint8_t c = peek(in);
    *good = c == ',' || c == close;
    if (*good) in->p++;
    return c == ',';
}

// --- errors ---

// Not JSON at all is said first, whatever else is wrong.
static nacre_status check_whole(const struct lib_body *b) {
    struct json_options options = {.allow_dollar_names = true};
    size_t n = b->bson->n;
    struct val ignored;
    nacre_status status = json_parse_value(b->ctx, b->whole, &options, b->bson, NULL, &ignored);
    b->bson->n = n;
    return status == NACRE_INVALID_JSON ? status : NACRE_OK;
}

static nacre_status malformed(const struct lib_body *b) {
    TRY(check_whole(b));
    return err_set(b->ctx, NACRE_INVALID_JSON, "%s is no JSON that could be read", b->what);
}

static void pointer_of(const struct lib_body *b, const char *name, char out[ERR_TEXT_MAX]) {
    snprintf(out, ERR_TEXT_MAX, "%s%s%s", b->pointer, name[0] ? "/" : "", name);
}

static const char *kind_of(struct val got) {
    return got.type == VAL_MISSING ? "nothing" : val_type_name(got.type);
}

nacre_status lib_body_bad(const struct lib_body *b, const char *name, const char *expected,
                          struct val got) {
    char pointer[ERR_TEXT_MAX];
    char text[ERR_TEXT_MAX];
    struct buf json BUF_CLEANUP = {0};
    pointer_of(b, name, pointer);
    snprintf(text, sizeof text, "%s", kind_of(got));
    buf_init(&json, NULL, 100);
    if (val_is_number(got) || got.type == VAL_STRING || got.type == VAL_BOOL)
        json_write_val(&json, got, JSON_INT64_NUMBER);
    if (json.n && buf_status(&json) == NACRE_OK)
        snprintf(text, sizeof text, "%.*s", (int)json.n, (const char *)json.p);
    nacre_status status = err_set(b->ctx, NACRE_INVALID_ARGUMENT, "%s of %s: expected %s, got %s",
                                  name[0] ? name : "the top level", b->what, expected, text);
    err_expected(b->ctx, pointer, expected, text);
    return status;
}

static nacre_status not_a(const struct lib_body *b, const char *name, const char *expected,
                          struct slice text) {
    struct val got = val_missing();
    size_t n = b->bson->n;
    TRY(check_whole(b));
    if (text.n) TRY(json_parse_value(b->ctx, text, NULL, b->bson, NULL, &got));
    b->bson->n = n;
    return lib_body_bad(b, name, expected, got);
}

static nacre_status unknown(const struct lib_body *b, struct slice name,
                            const struct lib_member *members) {
    enum { NAMES_MAX = 24 };
    const char *names[NAMES_MAX];
    char word[64], pointer[ERR_TEXT_MAX];
    size_t count = 0;
    snprintf(word, sizeof word, "%.*s", (int)(name.n < 60 ? name.n : 60), (const char *)name.p);
    for (; members[count].name && count < NAMES_MAX; count++)
        names[count] = members[count].name;
    pointer_of(b, word, pointer);
    const char *near = err_nearest(word, names, count);
    struct buf list BUF_CLEANUP = {0};
    buf_init(&list, NULL, ERR_TEXT_MAX);
    for (size_t i = 0; i < count; i++)
        buf_printf(&list, "%s%s", i ? ", " : "one of ", names[i]);
    buf_put_u8(&list, 0);
    nacre_status status =
        err_set(b->ctx, NACRE_INVALID_ARGUMENT, "%s has no member \"%s\"", b->what, word);
    err_expected(b->ctx, pointer,
                 buf_status(&list) == NACRE_OK ? (const char *)list.p : "a known member", word);
    if (near) err_hint(b->ctx, "did you mean \"%s\"?", near);
    err_suggest(b->ctx, near);
    return status;
}

static void count_lines(struct slice text, size_t *lines, size_t *columns) {
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\n') {
            ++*lines;
            *columns = 0;
        } else if ((text.p[i] & 0xC0) != 0x80) {
            ++*columns;
        }
    }
}

// The JSON reader counted lines from the beginning of the part.
static void move_place(const struct lib_body *b, size_t offset) {
    struct err *err = &b->ctx->err;
    size_t lines = 0, columns = 0;
    unsigned long line, column;
    char rest[ERR_DETAIL_MAX], place[ERR_TEXT_MAX + 8] = "";
    const char *from = strstr(err->detail, ": expected");
    if (!from || sscanf(err->detail, "line %lu, column %lu", &line, &column) != 2) return;
    snprintf(rest, sizeof rest, "%s", from);
    count_lines(slice_of(b->whole.p, offset), &lines, &columns);
    if (line == 1) column += columns;
    if (err->item_count) snprintf(place, sizeof place, " (%s)", err->items[0].pointer);
    snprintf(err->detail, sizeof err->detail, "line %lu, column %lu%s%.200s", line + lines, column,
             place, rest);
}

// Moves the errors of a part, checked as if it were the whole, to where it stands in the body.
static nacre_status moved(const struct lib_body *b, const char *name, struct slice part,
                          nacre_status status) {
    struct err *err = &b->ctx->err;
    char pointer[ERR_TEXT_MAX];
    if (status == NACRE_OK) return status;
    pointer_of(b, name, pointer);
    if (err->item_count)
        err_prefix_pointers(b->ctx, pointer);
    else if (status == NACRE_INVALID_ARGUMENT || status == NACRE_INVALID_FILTER)
        err_expected(b->ctx, pointer, "a valid value", err->detail);
    size_t offset = part.p && b->whole.p ? (size_t)(part.p - b->whole.p) : 0;
    if (err->has_span) err->span_offset += (uint32_t)offset;
    move_place(b, offset);
    return status;
}

// --- structure ---

static nacre_status take_name(const struct lib_body *b, struct scan *in, struct slice *out) {
    struct slice raw;
    struct val name;
    if (peek(in) != '"' || !take_value(in, &raw)) return malformed(b);
    if (peek(in) != ':') return malformed(b);
    in->p++;
    *out = slice_of(raw.p + 1, raw.n - 2);
    if (!memchr(raw.p, '\\', raw.n)) return NACRE_OK;
    buf_reset(b->bson);
    TRY(json_parse_value(b->ctx, raw, NULL, b->bson, NULL, &name));
    const uint8_t *p = arena_copy(&b->ctx->arena, name.p, name.n);
    if (!p) return err_nomem(b->ctx);
    *out = slice_of(p, name.n);
    return NACRE_OK;
}

static nacre_status take_member(const struct lib_body *b, struct scan *in,
                                struct lib_member *members) {
    struct slice name, ignored;
    size_t i = 0;
    TRY(take_name(b, in, &name));
    while (members[i].name && !slice_eq_str(name, members[i].name))
        i++;
    if (!members[i].name && b->open) return take_value(in, &ignored) ? NACRE_OK : malformed(b);
    if (!members[i].name) {
        TRY(check_whole(b));
        return unknown(b, name, members);
    }
    return take_value(in, &members[i].raw) ? NACRE_OK : malformed(b);
}

nacre_status lib_body_members(const struct lib_body *b, struct slice text,
                              struct lib_member *members) {
    struct scan in = {text.p, text.p + text.n};
    bool good = true;
    if (peek(&in) != '{') return not_a(b, "", "an object", text);
    in.p++;
    if (peek(&in) == '}') {
        in.p++;
    } else {
        do
            TRY(take_member(b, &in, members));
        while (another(&in, '}', &good));
    }
    return good && peek(&in) == 0 && in.p == in.end ? NACRE_OK : malformed(b);
}

static size_t count_elements(struct scan in) {
    struct slice ignored;
    size_t count = 0;
    bool good = true;
    in.p++;
    if (peek(&in) == ']') return 0;
    do {
        if (!take_value(&in, &ignored)) break;
        count++;
    } while (another(&in, ']', &good));
    return count;
}

nacre_status lib_body_elements(const struct lib_body *b, const char *name, struct slice text,
                               size_t max, struct slice **out, size_t *out_count) {
    struct scan in = {text.p, text.p + text.n};
    bool good = true;
    char expected[64];
    if (peek(&in) != '[') return not_a(b, name, "an array", text);
    size_t count = count_elements(in), n = 0;
    if (count > max) {
        snprintf(expected, sizeof expected, "at most %zu elements", max);
        return lib_body_bad(b, name, expected, val_int((int64_t)count));
    }
    struct slice *elements = ARENA_ARRAY(&b->ctx->arena, struct slice, count + 1);
    if (!elements) return err_nomem(b->ctx);
    in.p++;
    if (peek(&in) == ']')
        in.p++;
    else
        do
            good = n < count && take_value(&in, &elements[n++]);
        while (good && another(&in, ']', &good));
    if (!good || n != count || peek(&in) != 0) return malformed(b);
    *out = elements;
    *out_count = count;
    return NACRE_OK;
}

// --- values ---

static nacre_status parse(const struct lib_body *b, const struct lib_member *m, bool dollar,
                          struct val *out) {
    struct json_options options = {.allow_dollar_names = dollar};
    struct val v;
    buf_reset(b->bson);
    nacre_status status = json_parse_value(b->ctx, m->raw, &options, b->bson, NULL, &v);
    if (status != NACRE_OK) return moved(b, m->name, m->raw, status);
    if (v.type >= VAL_STRING && v.type <= VAL_VECTOR) {
        const uint8_t *p = arena_copy(&b->ctx->arena, v.p, v.n);
        if (!p) return err_nomem(b->ctx);
        v.p = p;
    }
    *out = v;
    return NACRE_OK;
}

nacre_status lib_body_value(const struct lib_body *b, const struct lib_member *m, struct val *out) {
    return parse(b, m, false, out);
}

nacre_status lib_body_bool(const struct lib_body *b, const struct lib_member *m, bool *out) {
    struct val v;
    TRY(parse(b, m, false, &v));
    if (v.type != VAL_BOOL) return lib_body_bad(b, m->name, "true or false", v);
    *out = v.b;
    return NACRE_OK;
}

nacre_status lib_body_integer(const struct lib_body *b, const struct lib_member *m, uint64_t low,
                              uint64_t high, uint64_t *out) {
    struct val v;
    char expected[80];
    TRY(parse(b, m, false, &v));
    if (v.type == VAL_INT && v.i >= 0 && (uint64_t)v.i >= low && (uint64_t)v.i <= high) {
        *out = (uint64_t)v.i;
        return NACRE_OK;
    }
    if (high >= INT64_MAX)
        snprintf(expected, sizeof expected, "an integer from %llu", (unsigned long long)low);
    else
        snprintf(expected, sizeof expected, "an integer from %llu to %llu", (unsigned long long)low,
                 (unsigned long long)high);
    return lib_body_bad(b, m->name, expected, v);
}

nacre_status lib_body_string(const struct lib_body *b, const struct lib_member *m,
                             struct slice *out) {
    struct val v;
    TRY(parse(b, m, false, &v));
    if (v.type != VAL_STRING) return lib_body_bad(b, m->name, "a string", v);
    *out = val_slice(v);
    return NACRE_OK;
}

nacre_status lib_body_object(const struct lib_body *b, const struct lib_member *m, bool dollar,
                             struct slice *out) {
    struct val v;
    TRY(parse(b, m, dollar, &v));
    if (v.type != VAL_OBJECT) return lib_body_bad(b, m->name, "an object", v);
    *out = val_slice(v);
    return NACRE_OK;
}

nacre_status lib_body_filter(const struct lib_body *b, const struct lib_member *m,
                             struct slice *out) {
    struct val v;
    TRY(parse(b, m, true, &v));
    if (v.type != VAL_OBJECT && v.type != VAL_STRING)
        return lib_body_bad(b, m->name, "a filter as an object or a string", v);
    *out = v.type == VAL_OBJECT ? m->raw : val_slice(v);
    return NACRE_OK;
}

void lib_body_place_filter(const struct lib_body *b, struct slice filter) {
    struct err *err = &b->ctx->err;
    bool raw = filter.p >= b->whole.p && filter.p < b->whole.p + b->whole.n;
    if (err->status == NACRE_INVALID_FILTER && err->has_span && raw)
        err->span_offset += (uint32_t)(filter.p - b->whole.p);
}

nacre_status lib_body_filter_tree(const struct lib_body *b, const struct lib_member *m,
                                  struct ctx *keep, const struct filter **out) {
    struct slice text;
    struct filter *filter;
    TRY(lib_body_filter(b, m, &text));
    nacre_status status = filter_parse_any(keep, text, &filter_regex_pcre2, &filter);
    if (status == NACRE_OK) {
        *out = filter;
        return NACRE_OK;
    }
    if (keep != b->ctx) b->ctx->err = keep->err;
    err_prefix_pointers(b->ctx, "/filter");
    lib_body_place_filter(b, text);
    return status;
}
