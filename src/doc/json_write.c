// BSON to JSON. Trusted bytes: recursion is bounded by the depth of validated documents.
#include <math.h>

#include "base/text/num.h"
#include "base/text/time.h"
#include "doc/bson_types.h"
#include "doc/json.h"
#include "doc/text.h"

enum { JSON_STRING_SHORT = 16 };

// --- strings ---

static size_t json_put_escape(uint8_t c, uint8_t *out) {
    static const char hex[] = "0123456789abcdef";
    static const char letter[128] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
                                     ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};
    out[0] = '\\';
    if (letter[c]) {
        out[1] = (uint8_t)letter[c];
        return 2;
    }
    memcpy(out + 1, "u00", 3);
    out[4] = (uint8_t)hex[c >> 4];
    out[5] = (uint8_t)hex[c & 15];
    return 6;
}

static inline bool json_must_escape(uint8_t c) {
    return c < 0x20 || c == '"' || c == '\\';
}

// Length of the run at the front of text that needs no escape.
static size_t json_plain_run(struct slice text) {
    size_t n = 0;
    while (text.n - n >= 8 && !text_escape8(bits_le64(text.p + n)))
        n += 8;
    while (n < text.n && !json_must_escape(text.p[n]))
        n++;
    return n;
}

// Copies text of 1 to 16 bytes that needs no escape by two overlapping words; false (and rubbish
// written) if it needs one.
static inline bool json_copy_short(uint8_t *w, struct slice text) {
    if (text.n >= 8) {
        uint64_t a = bits_le64(text.p), b = bits_le64(text.p + text.n - 8);
        bits_put_le64(w, a);
        bits_put_le64(w + text.n - 8, b);
        return !(text_escape8(a) | text_escape8(b));
    }
    if (text.n >= 4) {
        uint32_t a = bits_le32(text.p), b = bits_le32(text.p + text.n - 4);
        bits_put_le32(w, a);
        bits_put_le32(w + text.n - 4, b);
        return !text_escape8((uint64_t)a << 32 | b);
    }
    bool plain = true;
    for (size_t i = 0; i < text.n; i++) {
        w[i] = text.p[i];
        plain &= !json_must_escape(text.p[i]);
    }
    return plain;
}

static void json_write_runs(struct buf *out, struct slice text) {
    for (;;) {
        size_t run = json_plain_run(text);
        uint8_t *w = buf_reserve(out, run + 7);
        if (!w) return;
        if (run) memcpy(w, text.p, run);
        out->n += run;
        if (run == text.n) break;
        out->n += json_put_escape(text.p[run], w + run);
        text = slice_skip(text, run + 1);
    }
    buf_put_u8(out, '"');
}

void json_write_str(struct buf *out, struct slice text) {
    if (text.n <= JSON_STRING_SHORT) {
        uint8_t *w = buf_reserve(out, JSON_STRING_SHORT + 2);
        if (!w) return;
        *w = '"';
        if (json_copy_short(w + 1, text)) {
            w[1 + text.n] = '"';
            out->n += text.n + 2;
            return;
        }
    }
    buf_put_u8(out, '"');
    json_write_runs(out, text);
}

// --- scalars ---

static void json_write_int(struct buf *out, int64_t i, enum json_int64 mode) {
    const int64_t safe = (INT64_C(1) << 53) - 1;
    char text[NUM_TEXT_MAX];
    size_t n = num_print_int(i, text);
    bool as_string = mode == JSON_INT64_STRING && (i > safe || i < -safe);
    if (as_string) buf_put_str(out, "{\"$int64\":\"");
    buf_put(out, text, n);
    if (as_string) buf_put_str(out, "\"}");
}

// JSON has no word for infinities and NaN, which only computation can have brought about: null.
static void json_write_double(struct buf *out, double d) {
    if (!isfinite(d)) {
        buf_put_str(out, "null");
        return;
    }
    char *w = (char *)buf_reserve(out, NUM_TEXT_MAX);
    if (w) out->n += num_print_double(d, w);
}

static void json_write_date(struct buf *out, int64_t ms) {
    buf_put_str(out, "{\"$date\":\"");
    char *w = (char *)buf_reserve(out, TIME_TEXT_MAX);
    if (w) out->n += time_print(ms, w);
    buf_put_str(out, "\"}");
}

static void json_write_base64(struct buf *out, const char *name, struct slice bytes) {
    buf_put_str(out, "{\"");
    buf_put_str(out, name);
    buf_put_str(out, "\":\"");
    char *w = (char *)buf_reserve(out, (bytes.n + 2) / 3 * 4);
    if (w) out->n += base64_encode(bytes.p, bytes.n, w);
    buf_put_str(out, "\"}");
}

static void json_write_vector(struct buf *out, struct val v) {
    const char *name = "$bit";
    switch (v.p[0]) {
    case VEC_DTYPE_F32:
        name = "$f32";
        break;
    case VEC_DTYPE_F16:
        name = "$f16";
        break;
    case VEC_DTYPE_I8:
        name = "$i8";
        break;
    default:
        break;
    }
    json_write_base64(out, name, slice_of(v.p + BSON_VECTOR_HEADER, v.n - BSON_VECTOR_HEADER));
}

// --- containers ---

static void json_write_container(struct buf *out, struct slice doc, bool is_array,
                                 enum json_int64 mode) {
    struct bson_iter it = bson_iter_of(doc);
    struct slice name;
    struct val v;
    uint8_t separator = is_array ? '[' : '{';
    while (bson_next(&it, &name, &v)) {
        buf_put_u8(out, separator);
        separator = ',';
        if (!is_array) {
            json_write_str(out, name);
            buf_put_u8(out, ':');
        }
        json_write_val(out, v, mode);
    }
    if (separator != ',') buf_put_u8(out, separator);
    buf_put_u8(out, is_array ? ']' : '}');
}

void json_write_val(struct buf *out, struct val v, enum json_int64 mode) {
    switch (v.type) {
    case VAL_MISSING:
    case VAL_NULL:
        buf_put(out, "null", 4);
        break;
    case VAL_BOOL:
        buf_put_str(out, v.b ? "true" : "false");
        break;
    case VAL_INT:
        json_write_int(out, v.i, mode);
        break;
    case VAL_DOUBLE:
        json_write_double(out, v.d);
        break;
    case VAL_DATE:
        json_write_date(out, v.i);
        break;
    case VAL_STRING:
        json_write_str(out, val_slice(v));
        break;
    case VAL_BINARY:
        json_write_base64(out, "$binary", val_slice(v));
        break;
    case VAL_VECTOR:
        json_write_vector(out, v);
        break;
    case VAL_OBJECT:
        json_write_container(out, val_slice(v), false, mode);
        break;
    case VAL_ARRAY:
        json_write_container(out, val_slice(v), true, mode);
        break;
    }
}

void json_write_doc(struct buf *out, struct slice bson, enum json_int64 mode) {
    json_write_container(out, bson, false, mode);
}
