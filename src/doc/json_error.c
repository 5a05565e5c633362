// Errors of the JSON reader: where (byte span, line, column, JSON Pointer) and what.
#include <stdio.h>

#include "base/text/utf8.h"
#include "doc/json_reader.h"

struct json_place {
    size_t line, column; // from 1; columns in code points
};

static struct json_place json_place_of(const struct json_reader *r, const uint8_t *at) {
    struct json_place place = {1, 1};
    for (const uint8_t *p = r->text; p < at; p++) {
        if (*p == '\n') {
            place.line++;
            place.column = 1;
        } else if ((*p & 0xC0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

// What stands at at, for people: at most a few characters, unprintable ones as hex. Returns its
// length in the text.
static size_t json_describe(const struct json_reader *r, const uint8_t *at, char *out, size_t cap) {
    if (at >= r->end) {
        snprintf(out, cap, "the end of the text");
        return 0;
    }
    if (*at < 0x20 || *at == 0x7F) {
        snprintf(out, cap, "byte 0x%02X", *at);
        return 1;
    }
    enum { EXCERPT_MAX = 24 };
    size_t n = 0, left = (size_t)(r->end - at);
    while (n < left && n < EXCERPT_MAX && at[n] >= 0x20 && at[n] != 0x7F &&
           !(n && strchr(" ,:]}", at[n])))
        n++;
    n = utf8_valid_prefix(slice_of(at, n));
    if (n)
        snprintf(out, cap, "'%.*s'", (int)n, (const char *)at);
    else
        snprintf(out, cap, "byte 0x%02X", *at);
    return n ? n : 1;
}

const char *json_kind(uint8_t c) {
    switch (c) {
    case '{':
        return "an object";
    case '[':
        return "an array";
    case '"':
        return "a string";
    case 't':
    case 'f':
        return "a boolean";
    case 'n':
        return "null";
    case '-':
    case '0' ... '9':
        return "a number";
    default:
        return NULL;
    }
}

nacre_status json_bad(struct json_reader *r, const uint8_t *at, const char *expected) {
    char got[64];
    size_t length = json_describe(r, at, got, sizeof got);
    struct json_place place = json_place_of(r, at);
    nacre_status status =
        err_set(r->ctx, NACRE_INVALID_JSON, "line %zu, column %zu: expected %s, got %s", place.line,
                place.column, expected, got);
    err_span(r->ctx, (size_t)(at - r->text), length);
    return status;
}

// Appends one part of a JSON Pointer (RFC 6901) as far as there is room.
static size_t json_pointer_part(char *out, size_t n, size_t cap, const uint8_t *name) {
    if (n + 1 >= cap) return n;
    out[n++] = '/';
    for (; *name && n + 2 < cap; name++) {
        if (*name == '~' || *name == '/') {
            out[n++] = '~';
            out[n++] = *name == '~' ? '0' : '1';
        } else {
            out[n++] = (char)*name;
        }
    }
    return n;
}

static void json_pointer(const struct json_reader *r, char *out, size_t cap) {
    size_t n = 0;
    for (uint32_t i = r->wrapped ? 1 : 0; i < r->depth; i++) {
        const struct json_frame *frame = &r->frames[i];
        if (frame->element == frame->start) break;
        n = json_pointer_part(out, n, cap, json_base(r) + frame->element + 1);
    }
    n = utf8_valid_prefix(slice_of(out, n)); // it may have been cut inside a character
    out[n] = 0;
}

nacre_status json_refuse(struct json_reader *r, const uint8_t *at, size_t length,
                         const char *expected, const char *got) {
    char pointer[ERR_TEXT_MAX];
    json_pointer(r, pointer, sizeof pointer);
    struct json_place place = json_place_of(r, at);
    nacre_status status =
        err_set(r->ctx, NACRE_INVALID_ARGUMENT, "line %zu, column %zu (%s): expected %s, got %s",
                place.line, place.column, pointer[0] ? pointer : "the top level", expected, got);
    err_expected(r->ctx, pointer, expected, got);
    err_span(r->ctx, (size_t)(at - r->text), length);
    return status;
}
