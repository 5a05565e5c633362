// Extended values of the JSON reader: objects of exactly one member whose name starts with '$'.
#include <stdio.h>

#include "base/text/num.h"
#include "base/text/time.h"
#include "doc/json_reader.h"

enum json_extended json_extended_of(struct slice name) {
    switch (name.n) {
    case 3:
        return memcmp(name.p, "$i8", 3) == 0 ? JSON_EXT_I8 : JSON_EXT_NONE;
    case 4:
        if (memcmp(name.p, "$f32", 4) == 0) return JSON_EXT_F32;
        if (memcmp(name.p, "$f16", 4) == 0) return JSON_EXT_F16;
        return memcmp(name.p, "$bit", 4) == 0 ? JSON_EXT_BIT : JSON_EXT_NONE;
    case 5:
        return memcmp(name.p, "$date", 5) == 0 ? JSON_EXT_DATE : JSON_EXT_NONE;
    case 6:
        return memcmp(name.p, "$int64", 6) == 0 ? JSON_EXT_INT64 : JSON_EXT_NONE;
    case 7:
        return memcmp(name.p, "$binary", 7) == 0 ? JSON_EXT_BINARY : JSON_EXT_NONE;
    default:
        return JSON_EXT_NONE;
    }
}

static const char *json_extended_shape(enum json_extended kind) {
    switch (kind) {
    case JSON_EXT_DATE:
        return "{\"$date\": an RFC 3339 time of the years 0000 to 9999 as a string}";
    case JSON_EXT_BINARY:
        return "{\"$binary\": base64 as a string}";
    case JSON_EXT_INT64:
        return "{\"$int64\": a 64-bit integer as a string}";
    case JSON_EXT_F32:
        return "{\"$f32\": base64 of little-endian floats, 4 bytes each, as a string}";
    case JSON_EXT_F16:
        return "{\"$f16\": base64 of little-endian half floats, 2 bytes each, as a string}";
    case JSON_EXT_I8:
        return "{\"$i8\": base64 of signed bytes as a string}";
    case JSON_EXT_BIT:
        return "{\"$bit\": base64 of bytes as a string}";
    default:
        return "an extended value";
    }
}

// The string whose raw form (without quotes) is at at has the wrong content.
static nacre_status json_extended_refuse(struct json_reader *r, enum json_extended kind,
                                         const uint8_t *at, size_t length) {
    char got[64];
    bool cut = length > 40;
    snprintf(got, sizeof got, "\"%.*s\"%s", (int)(cut ? 40 : length), (const char *)at,
             cut ? "…" : "");
    return json_refuse(r, at, length, json_extended_shape(kind), got);
}

static nacre_status json_extended_date(struct json_reader *r, struct slice text, bool *good) {
    // What time_print can print and time_parse read back: years 0000 to 9999.
    const int64_t min_ms = INT64_C(-62167219200000), max_ms = INT64_C(253402300799999);
    int64_t ms = 0;
    *good = time_parse(text, &ms) && ms >= min_ms && ms <= max_ms;
    TRY(json_room(r, 8));
    bits_put_le64(r->w, (uint64_t)ms);
    r->w += 8;
    return NACRE_OK;
}

static bool json_is_integer(struct slice text) {
    size_t sign = text.n && text.p[0] == '-';
    if (text.n == sign || (text.p[sign] == '0' && text.n > sign + 1)) return false;
    for (size_t i = sign; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9') return false;
    return true;
}

static nacre_status json_extended_int64(struct json_reader *r, struct slice text, bool *good) {
    int64_t i = 0;
    *good = json_is_integer(text) && num_parse_int((const char *)text.p, text.n, &i);
    TRY(json_room(r, 8));
    bits_put_le64(r->w, (uint64_t)i);
    r->w += 8;
    return NACRE_OK;
}

static uint8_t json_vector_dtype(enum json_extended kind) {
    switch (kind) {
    case JSON_EXT_F32:
        return VEC_DTYPE_F32;
    case JSON_EXT_F16:
        return VEC_DTYPE_F16;
    case JSON_EXT_I8:
        return VEC_DTYPE_I8;
    default:
        return VEC_DTYPE_BIT;
    }
}

// Bytes that base64 text decodes to, if it is well-formed.
static size_t json_base64_size(struct slice text) {
    size_t n = text.n / 4 * 3;
    if (text.n >= 4 && text.p[text.n - 1] == '=') n -= text.p[text.n - 2] == '=' ? 2 : 1;
    return n;
}

// Decodes to where w + skip is, although the decoder wants a little more room than the bytes take.
static nacre_status json_decode_base64(struct json_reader *r, struct slice text, size_t skip,
                                       size_t *n, bool *good) {
    size_t exact = json_base64_size(text), wanted = text.n / 4 * 3 + 3;
    TRY(json_room(r, skip + exact));
    if ((size_t)(r->limit - r->w) >= skip + wanted) {
        *good = base64_decode(text, r->w + skip, n);
        return NACRE_OK;
    }
    uint8_t *bytes = arena_alloc(&r->ctx->arena, wanted);
    if (!bytes) return err_nomem(r->ctx);
    *good = base64_decode(text, bytes, n) && *n == exact;
    if (*good) memcpy(r->w + skip, bytes, exact);
    return NACRE_OK;
}

static nacre_status json_extended_binary(struct json_reader *r, enum json_extended kind,
                                         struct slice text, bool *good) {
    size_t header = kind == JSON_EXT_BINARY ? 0 : BSON_VECTOR_HEADER, n = 0;
    TRY(json_decode_base64(r, text, 5 + header, &n, good));
    if (*good && header) *good = n % bson_vector_unit(json_vector_dtype(kind)) == 0;
    if (!*good) return NACRE_OK;
    bits_put_le32(r->w, (uint32_t)(header + n));
    r->w[4] = header ? BSON_SUBTYPE_VECTOR : BSON_SUBTYPE_GENERIC;
    if (header) {
        r->w[5] = json_vector_dtype(kind);
        r->w[6] = 0;
    }
    r->w += 5 + header + n;
    return NACRE_OK;
}

static nacre_status json_extended_convert(struct json_reader *r, enum json_extended kind,
                                          struct slice text, uint8_t *type, bool *good) {
    switch (kind) {
    case JSON_EXT_DATE:
        *type = BSON_DATE;
        return json_extended_date(r, text, good);
    case JSON_EXT_INT64:
        *type = BSON_INT64;
        return json_extended_int64(r, text, good);
    default:
        *type = BSON_BINARY;
        return json_extended_binary(r, kind, text, good);
    }
}

// p is after the opening quote; leaves it after the closing one. The text is mostly long and
// without escapes: then it is used where it lies. Else it is decoded, by way of the room at w, to a
// copy.
static nacre_status json_extended_text(struct json_reader *r, struct slice *out) {
    const uint8_t *raw = r->p, *p = raw;
    while (p<r->end && * p> 0x20 && *p < 0x7F && *p != '"' && *p != '\\')
        p++;
    if (p < r->end && *p == '"') {
        *out = slice_of(raw, (size_t)(p - raw));
        r->p = p + 1;
        return NACRE_OK;
    }
    uint32_t before = json_offset(r);
    TRY(json_read_string(r, false));
    size_t n = json_offset(r) - before;
    r->w = json_base(r) + before;
    void *copy = arena_copy(&r->ctx->arena, r->w, n);
    if (!copy) return err_nomem(r->ctx);
    *out = slice_of(copy, n);
    return NACRE_OK;
}

nacre_status json_read_extended(struct json_reader *r, enum json_extended kind, uint8_t *type) {
    if (json_peek(r) != ':') return json_bad(r, r->p, "':' after a name");
    r->p++;
    uint8_t c = json_peek(r);
    if (c != '"') {
        const char *got = json_kind(c);
        if (!got) return json_bad(r, r->p, "a value");
        return json_refuse(r, r->p, 1, json_extended_shape(kind), got);
    }
    const uint8_t *raw = ++r->p;
    struct slice text = SLICE_LIT("");
    TRY(json_extended_text(r, &text));
    size_t raw_n = (size_t)(r->p - 1 - raw);
    bool good = false;
    TRY(json_extended_convert(r, kind, text, type, &good));
    if (!good) return json_extended_refuse(r, kind, raw, raw_n);
    c = json_peek(r);
    if (c == ',') return json_refuse(r, r->p, 1, json_extended_shape(kind), "a second member");
    if (c != '}') return json_bad(r, r->p, "'}'");
    r->p++;
    return NACRE_OK;
}
