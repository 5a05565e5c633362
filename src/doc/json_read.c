// JSON to BSON in one pass: structure, names, entry points. Contract: json.h, state: json_reader.h.
#include <stdio.h>

#include "doc/json_reader.h"

// --- room ---

// After out->n.
static nacre_status json_grow(struct json_reader *r, size_t size) {
    enum { SLACK = 256 }; // so that strings near the end of the room can still be copied in blocks
    struct buf *out = r->out;
    size_t used = out->n - r->start;
    if (size > (size_t)INT32_MAX - used)
        return err_set(r->ctx, NACRE_DOCUMENT_TOO_LARGE, "the document exceeds 2 GiB");
    size_t left = out->max > out->n ? out->max - out->n : 0;
    size_t want = left >= SLACK && size <= left - SLACK ? size + SLACK : size;
    if (!buf_reserve(out, want)) {
        nacre_status status = buf_status(out);
        if (status != NACRE_REQUEST_TOO_LARGE) return err_nomem(r->ctx);
        return err_set(r->ctx, NACRE_DOCUMENT_TOO_LARGE,
                       "the document exceeds %zu bytes in its stored form", out->max - r->start);
    }
    r->w = out->p + out->n;
    r->limit = out->p + (out->cap < out->max ? out->cap : out->max);
    return NACRE_OK;
}

nacre_status json_room_slow(struct json_reader *r, size_t size) {
    r->out->n = (size_t)(r->w - r->out->p);
    return json_grow(r, size);
}

// --- structure ---

static nacre_status json_read_value(struct json_reader *r, uint8_t *type);

static nacre_status json_push(struct json_reader *r, const uint8_t *at) {
    if (r->depth >= r->depth_max + r->wrapped) {
        char expected[64];
        snprintf(expected, sizeof expected, "at most %u levels of nesting", r->depth_max);
        return json_refuse(r, at, 1, expected, "one more");
    }
    TRY(json_room(r, BSON_DOC_MIN));
    uint32_t start = json_offset(r);
    r->frames[r->depth++] = (struct json_frame){start, start};
    r->w += 4;
    return NACRE_OK;
}

static nacre_status json_pop(struct json_reader *r) {
    TRY(json_room(r, 1));
    *r->w++ = 0;
    uint32_t start = r->frames[--r->depth].start;
    bits_put_le32(json_base(r) + start, json_offset(r) - start);
    return NACRE_OK;
}

// Type byte (set when the value is known) of an element whose name cannot fail; the name follows.
static inline void json_begin_element(struct json_reader *r) {
    r->frames[r->depth - 1].element = json_offset(r);
    *r->w++ = BSON_NULL;
}

// The value of the element that was begun.
static nacre_status json_read_element(struct json_reader *r) {
    uint32_t level = r->depth - 1;
    uint8_t type;
    TRY(json_read_value(r, &type));
    json_base(r)[r->frames[level].element] = type;
    return NACRE_OK;
}

static nacre_status json_read_array(struct json_reader *r) {
    TRY(json_push(r, r->p));
    r->p++;
    uint8_t c = json_peek(r);
    if (c == ']') r->p++;
    for (uint32_t index = 0; c != ']'; index++) {
        uint8_t digits[BSON_INDEX_TEXT_MAX];
        uint32_t n = bson_index_name(index, digits);
        TRY(json_room(r, 2 + n));
        json_begin_element(r);
        memcpy(r->w, digits, n);
        r->w[n] = 0;
        r->w += n + 1;
        TRY(json_read_element(r));
        c = json_peek(r);
        if (c != ',' && c != ']') return json_bad(r, r->p, "',' or ']'");
        r->p++;
    }
    return json_pop(r);
}

// Of equal names the last counts, at the place of the first: writes the elements of the innermost
// object anew.
static nacre_status json_resolve_duplicates(struct json_reader *r,
                                            const struct names_scope *scope) {
    uint8_t *base = json_base(r);
    uint32_t begin = r->frames[r->depth - 1].start + 4, end = json_offset(r);
    struct arena_mark mark = arena_mark(&r->ctx->arena);
    uint8_t *fresh = arena_alloc(&r->ctx->arena, end - begin), *w = fresh;
    if (!fresh) return err_nomem(r->ctx);
    for (uint32_t at = begin; at < end;) {
        struct slice name = slice_of(base + at + 1, bson_name_size(base + at + 1));
        const uint8_t *value = name.p + name.n + 1;
        uint32_t next = (uint32_t)(value + bson_value_size(base[at], value) - base);
        const struct names_item *item = names_get(&r->names, scope, base, name);
        if (item && item->first == at) {
            const uint8_t *last = base + item->last, *last_value = last + 1 + name.n + 1;
            size_t n = (size_t)(last_value - last) + bson_value_size(*last, last_value);
            memcpy(w, last, n);
            w += n;
        }
        at = next;
    }
    memcpy(base + begin, fresh, (size_t)(w - fresh));
    r->w = base + begin + (w - fresh);
    arena_rewind(&r->ctx->arena, mark);
    return NACRE_OK;
}

static nacre_status json_refuse_dollar(struct json_reader *r, const uint8_t *at,
                                       struct slice name) {
    char got[80];
    snprintf(got, sizeof got, "\"%.*s\"", (int)(name.n > 60 ? 60 : name.n), (const char *)name.p);
    nacre_status status =
        json_refuse(r, at, (size_t)(r->p - at), "a field name that does not start with '$'", got);
    err_hint(
        r->ctx,
        "extended values are objects of exactly one member: $date, $binary, $int64, $f32, $f16, "
        "$i8 or $bit");
    return status;
}

// A member's name and the ':' after it. p is at the name. If the name makes the object an extended
// value, *kind tells it: nothing after the name has been read then.
static nacre_status json_read_name(struct json_reader *r, struct names_scope *scope, bool is_first,
                                   enum json_extended *kind) {
    const uint8_t *at = r->p;
    if (r->p >= r->end || *at != '"')
        return json_bad(r, at, is_first ? "a name in quotes or '}'" : "a name in quotes");
    TRY(json_room(r, 2));
    struct json_frame *frame = &r->frames[r->depth - 1];
    uint32_t element = json_offset(r);
    frame->element = frame->start; // until the name is whole, errors point at the object
    *r->w++ = BSON_NULL;
    r->p++;
    TRY(json_read_string(r, true));
    TRY(json_room(r, 1));
    *r->w++ = 0;
    frame->element = element;
    const uint8_t *base = json_base(r);
    struct slice name = slice_of(base + element + 1, json_offset(r) - element - 2);
    if (__builtin_expect(name.n && name.p[0] == '$', 0)) {
        *kind = is_first ? json_extended_of(name) : JSON_EXT_NONE;
        if (*kind) return NACRE_OK;
        if (!r->allow_dollar) return json_refuse_dollar(r, at, name);
    }
    if (names_add(&r->names, scope, base, element, name) == NAMES_NO_MEMORY)
        return err_nomem(r->ctx);
    if (json_peek(r) != ':') return json_bad(r, r->p, "':' after a name");
    r->p++;
    return NACRE_OK;
}

// Takes back the object that was opened and reads it as an extended value.
static nacre_status json_turn_extended(struct json_reader *r, enum json_extended kind,
                                       uint8_t *type) {
    r->w = json_base(r) + r->frames[--r->depth].start;
    return json_read_extended(r, kind, type);
}

static nacre_status json_read_object(struct json_reader *r, uint8_t *type) {
    TRY(json_push(r, r->p));
    *type = BSON_OBJECT;
    r->p++;
    struct names_scope scope = names_open(&r->names);
    enum json_extended kind = JSON_EXT_NONE;
    uint8_t c = json_peek(r);
    if (c == '}') r->p++;
    for (bool is_first = true; c != '}'; is_first = false) {
        TRY(json_read_name(r, &scope, is_first, &kind));
        if (kind) return json_turn_extended(r, kind, type);
        TRY(json_read_element(r));
        c = json_peek(r);
        if (c != ',' && c != '}') return json_bad(r, r->p, "',' or '}'");
        r->p++;
        if (c == ',') json_peek(r);
    }
    if (scope.duplicates) TRY(json_resolve_duplicates(r, &scope));
    names_close(&r->names, &scope);
    return json_pop(r);
}

static nacre_status json_read_text(struct json_reader *r) {
    TRY(json_room(r, 5));
    uint32_t at = json_offset(r);
    r->w += 4;
    r->p++;
    TRY(json_read_string(r, false));
    TRY(json_room(r, 1));
    *r->w++ = 0;
    bits_put_le32(json_base(r) + at, json_offset(r) - at - 4);
    return NACRE_OK;
}

static nacre_status json_read_word(struct json_reader *r, const char *word, size_t n) {
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
        return json_bad(r, r->p, "a value");
    r->p += n;
    return NACRE_OK;
}

static nacre_status json_read_bool(struct json_reader *r, bool value) {
    TRY(value ? json_read_word(r, "true", 4) : json_read_word(r, "false", 5));
    TRY(json_room(r, 1));
    *r->w++ = value;
    return NACRE_OK;
}

static nacre_status json_read_value(struct json_reader *r, uint8_t *type) {
    switch (json_peek(r)) {
    case '"':
        *type = BSON_STRING;
        return json_read_text(r);
    case '{':
        return json_read_object(r, type);
    case '[':
        *type = BSON_ARRAY;
        return json_read_array(r);
    case 't':
        *type = BSON_BOOL;
        return json_read_bool(r, true);
    case 'f':
        *type = BSON_BOOL;
        return json_read_bool(r, false);
    case 'n':
        *type = BSON_NULL;
        return json_read_word(r, "null", 4);
    case '-':
    case '0' ... '9':
        return json_read_number(r, type);
    default:
        return json_bad(r, r->p, "a value");
    }
}

// --- entry points ---

static nacre_status json_begin(struct json_reader *r, struct ctx *ctx, struct slice text,
                               const struct json_options *options, struct buf *out) {
    static const struct json_options defaults = {0};
    if (!options) options = &defaults;
    static const uint8_t empty[1];
    r->text = r->p = text.n ? text.p : empty;
    r->end = r->text + text.n;
    r->ctx = ctx;
    r->out = out;
    r->start = out->n;
    r->depth = 0;
    r->depth_max = options->depth_max && options->depth_max < DOC_DEPTH_MAX ? options->depth_max
                                                                            : DOC_DEPTH_MAX;
    r->allow_dollar = options->allow_dollar_names;
    r->wrapped = false;
    names_init(&r->names, &ctx->arena);
    // BSON of text is about as long as its JSON; a wrong guess costs one more growth.
    size_t left = out->max > out->n ? out->max - out->n : 0, guess = text.n + text.n / 8 + 64;
    return json_grow(r, guess < left ? guess : BSON_DOC_MIN);
}

static nacre_status json_end(struct json_reader *r, const struct json_options *options) {
    if (options && options->allow_trailing) return NACRE_OK;
    json_peek(r);
    return r->p == r->end ? NACRE_OK : json_bad(r, r->p, "the end of the text");
}

// Sets the length of out, or takes everything back: a failed parse leaves out as it was, fit for
// use.
static nacre_status json_finish(struct json_reader *r, struct arena_mark mark,
                                nacre_status status) {
    arena_rewind(&r->ctx->arena, mark);
    if (status == NACRE_OK) {
        r->out->n = (size_t)(r->w - r->out->p);
        return NACRE_OK;
    }
    r->out->n = r->start;
    r->out->status = NACRE_OK;
    return status;
}

// {"": value}
static nacre_status json_read_wrapped(struct json_reader *r) {
    r->wrapped = true;
    TRY(json_push(r, r->p));
    TRY(json_room(r, 2));
    json_begin_element(r);
    *r->w++ = 0;
    TRY(json_read_element(r));
    return json_pop(r);
}

// Whether it is JSON at all is told first.
static nacre_status json_read_no_object(struct json_reader *r, const struct json_options *options) {
    const uint8_t *at = r->p;
    const char *got = at == r->end ? NULL : json_kind(*at);
    if (!got) return json_bad(r, at, "an object");
    TRY(json_read_wrapped(r));
    TRY(json_end(r, options));
    return json_refuse(r, at, 1, "an object", got);
}

static nacre_status json_read_top(struct json_reader *r, const struct json_options *options) {
    uint8_t c = json_peek(r), type;
    const uint8_t *at = r->p;
    if (c != '{') return json_read_no_object(r, options);
    TRY(json_read_object(r, &type));
    if (type != BSON_OBJECT)
        return json_refuse(r, at, (size_t)(r->p - at), "a document", "an extended value");
    return NACRE_OK;
}

nacre_status json_parse(struct ctx *ctx, struct slice text, const struct json_options *options,
                        struct buf *out) {
    struct json_reader r;
    struct arena_mark mark = arena_mark(&ctx->arena);
    nacre_status status = buf_status(out);
    if (status != NACRE_OK) return err_set(ctx, status, "the output buffer has failed");
    status = json_begin(&r, ctx, text, options, out);
    if (status == NACRE_OK) status = json_read_top(&r, options);
    if (status == NACRE_OK) status = json_end(&r, options);
    return json_finish(&r, mark, status);
}

nacre_status json_parse_value(struct ctx *ctx, struct slice text,
                              const struct json_options *options, struct buf *out,
                              size_t *out_consumed, struct val *val_out) {
    struct json_reader r;
    struct arena_mark mark = arena_mark(&ctx->arena);
    nacre_status status = buf_status(out);
    if (status != NACRE_OK) return err_set(ctx, status, "the output buffer has failed");
    status = json_begin(&r, ctx, text, options, out);
    if (status == NACRE_OK) status = json_read_wrapped(&r);
    if (status == NACRE_OK) status = json_end(&r, options);
    TRY(json_finish(&r, mark, status));
    if (out_consumed) *out_consumed = (size_t)(r.p - r.text);
    if (val_out) *val_out = bson_find(slice_of(out->p + r.start, out->n - r.start), SLICE_LIT(""));
    return NACRE_OK;
}
