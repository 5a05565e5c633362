// Inside doc/: the state of one pass of the JSON reader, shared by json_read.c (structure),
// json_scalar.c (strings, numbers), json_extended.c ({"$date"} …) and json_error.c.
//
// Invariants:
// 1. text ≤ p ≤ end; no byte at end is read.
// 2. out->p + start ≤ w ≤ limit; bytes before w are written; out->n is set from w only when the
// buffer must grow and at the end.
// 3. frames[0..depth) are the open objects and arrays; frame.element is set only when the element's
// name is written with its
//    NUL, so that an error can tell its pointer.
#ifndef DOC_JSON_READER_H
#define DOC_JSON_READER_H

#include "base/err/ctx.h"
#include "doc/bson_types.h"
#include "doc/json.h"
#include "doc/names.h"

// Offsets count from the start of the result.
struct json_frame {
    uint32_t start;   // its length prefix
    uint32_t element; // type byte of the element being read; == start: none yet
};

struct json_reader {
    const uint8_t *p, *end, *text;
    uint8_t *w, *limit;
    struct ctx *ctx;
    struct buf *out;
    size_t start; // of the result in out
    uint32_t depth, depth_max;
    bool allow_dollar;
    bool wrapped; // the top level is {"": value} of our own making
    struct names names;
    struct json_frame frames[DOC_DEPTH_MAX + 2];
};

// --- room ---

// Grows out. NACRE_DOCUMENT_TOO_LARGE, NACRE_MEMORY_LIMIT.
MUST_USE nacre_status json_room_slow(struct json_reader *r, size_t size);
// Room for size bytes at w.
MUST_USE static inline nacre_status json_room(struct json_reader *r, size_t size) {
    if (__builtin_expect(size <= (size_t)(r->limit - r->w), 1)) return NACRE_OK;
    return json_room_slow(r, size);
}
static inline uint8_t *json_base(const struct json_reader *r) {
    return r->out->p + r->start;
}
static inline uint32_t json_offset(const struct json_reader *r) {
    return (uint32_t)(r->w - json_base(r));
}

// --- tokens ---

static inline bool json_is_space(uint8_t c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
// Skips white space; the next byte, or 0 at the end (a NUL in the text is no token either).
static inline uint8_t json_peek(struct json_reader *r) {
    while (r->p < r->end) {
        uint8_t c = *r->p;
        if (c > ' ' || !json_is_space(c)) return c;
        r->p++;
    }
    return 0;
}
// p is after the opening quote; appends the decoded bytes and leaves p after the closing quote.
// Nothing else is appended. A name cannot hold U+0000.
MUST_USE nacre_status json_read_string(struct json_reader *r, bool is_name);
// p is at '-' or a digit; appends 8 bytes and tells their type.
MUST_USE nacre_status json_read_number(struct json_reader *r, uint8_t *type);

// --- extended values ---

enum json_extended {
    JSON_EXT_NONE,
    JSON_EXT_DATE,
    JSON_EXT_BINARY,
    JSON_EXT_INT64,
    JSON_EXT_F32,
    JSON_EXT_F16,
    JSON_EXT_I8,
    JSON_EXT_BIT,
};
enum json_extended json_extended_of(struct slice name);
// p is after the name, w where the value is to be written. Reads up to and with the closing brace.
MUST_USE nacre_status json_read_extended(struct json_reader *r, enum json_extended kind,
                                         uint8_t *type);

// --- errors: all record the span, line and column of at ---

// What a value that begins with c is, for people ("an array"); NULL if none begins so.
const char *json_kind(uint8_t c);
// NACRE_INVALID_JSON: what was expected at at.
MUST_USE nacre_status json_bad(struct json_reader *r, const uint8_t *at, const char *expected);
// NACRE_INVALID_ARGUMENT: text of length bytes at at is JSON but not what a document holds; with
// the JSON Pointer of the element being read.
MUST_USE nacre_status json_refuse(struct json_reader *r, const uint8_t *at, size_t length,
                                  const char *expected, const char *got);

#endif
