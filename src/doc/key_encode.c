// Values to memcmp-ordered bytes (docs/format/keys.md).
//
// Invariants:
// K1  No encoding is a proper prefix of another: every component ends by itself.
// K2  The bytes are a row of units (a tag with its payload, an escaped byte, a terminator), and at
// the first unit in which
//     two encodings differ their order is decided within that unit. Hence a cut is made only
//     between units, and at the first boundary at or after KEY_CUT_AT whatever follows: two values
//     either both go past it or both are cut there, so a cut never turns an order round.
#include "base/bits/bits.h"
#include "base/err/check.h"
#include "doc/key.h"
#include "doc/key_bytes.h"

struct key_writer {
    struct buf *out;
    size_t start;  // of the component
    size_t cut_at; // offset within the component from which a boundary is a cut
    bool cut;
};

static void key_value(struct key_writer *w, struct val v);

// At a boundary between units: true if the component ends here.
static bool key_full(struct key_writer *w) {
    if (w->cut) return true;
    if (__builtin_expect(w->out->n - w->start < w->cut_at, 1)) return false;
    buf_put(w->out, (const uint8_t[]){KEY_ESCAPE, KEY_CUT_SECOND}, 2);
    w->cut = true;
    return true;
}

static void key_unit(struct key_writer *w, uint8_t byte) {
    if (!key_full(w)) buf_put_u8(w->out, byte);
}

// Bytes without a terminator: 00 is 01 01 and 01 is 01 02, all others are themselves.
static void key_escaped(struct key_writer *w, struct slice s) {
    size_t i = 0;
    while (i < s.n && !key_full(w)) {
        size_t run = i, left = w->cut_at - (w->out->n - w->start);
        size_t stop = s.n - i > left ? i + left : s.n;
        while (run < stop && s.p[run] > KEY_ESCAPE)
            run++;
        if (run > i) {
            buf_put(w->out, s.p + i, run - i);
            i = run;
        } else {
            buf_put(w->out, (const uint8_t[]){KEY_ESCAPE, (uint8_t)(s.p[i] + 1)}, 2);
            i++;
        }
    }
}

static void key_bytes(struct key_writer *w, struct slice s) {
    key_escaped(w, s);
    key_unit(w, KEY_END);
}

// A tag and the last size bytes of payload, big-endian; of negative numbers complemented, so that
// larger magnitudes sort lower.
static void key_fixed(struct key_writer *w, uint8_t tag, uint64_t payload, uint32_t size,
                      bool complement) {
    uint8_t bytes[9], be[8];
    bits_put_be64(be, complement ? ~payload : payload);
    bytes[0] = tag;
    memcpy(bytes + 1, be + 8 - size, size);
    buf_put(w->out, bytes, 1 + size);
}

static void key_integer(struct key_writer *w, uint64_t magnitude, bool negative) {
    uint64_t shifted = magnitude << 1;
    uint32_t size = key_size_of(shifted);
    key_fixed(w, (uint8_t)(negative ? KEY_NEG_INT - size : KEY_POS_INT + size), shifted, size,
              negative);
}

static void key_int(struct key_writer *w, int64_t i) {
    if (i == 0)
        buf_put_u8(w->out, KEY_ZERO);
    else if (i > 0)
        key_integer(w, (uint64_t)i, false);
    else if (i > INT64_MIN)
        key_integer(w, (uint64_t)-i, true);
    else
        key_fixed(w, KEY_NEG_LARGE, UINT64_C(0x43E0000000000000), 8, true); // −2^63 as a double
}

// Magnitude from 1 to below 2^63, with or without a fraction. bits: of the magnitude.
static void key_mixed(struct key_writer *w, uint64_t bits, bool negative) {
    uint32_t exponent = (uint32_t)(bits >> 52) - 1023;
    uint64_t mantissa = (bits & UINT64_C(0xFFFFFFFFFFFFF)) | UINT64_C(1) << 52;
    if (exponent >= 52) {
        key_integer(w, mantissa << (exponent - 52), negative);
        return;
    }
    uint32_t fraction_bits = 52 - exponent;
    uint64_t integer = mantissa >> fraction_bits,
             fraction = mantissa & ((UINT64_C(1) << fraction_bits) - 1);
    if (fraction == 0) {
        key_integer(w, integer, negative);
        return;
    }
    uint64_t shifted = integer << 1 | 1;
    uint32_t size = key_size_of(shifted), fraction_size = (fraction_bits + 7) / 8;
    DCHECK(1 + size + fraction_size <= KEY_UNIT_MAX);
    key_fixed(w, (uint8_t)(negative ? KEY_NEG_INT - size : KEY_POS_INT + size), shifted, size,
              negative);
    fraction <<= fraction_size * 8 - fraction_bits;
    uint8_t be[8];
    bits_put_be64(be, negative ? ~fraction : fraction);
    buf_put(w->out, be + 8 - fraction_size, fraction_size);
}

static void key_double(struct key_writer *w, double d) {
    uint64_t bits;
    memcpy(&bits, &d, 8);
    bool negative = bits >> 63;
    bits &= INT64_MAX;
    if (d != d)
        buf_put_u8(w->out, KEY_NAN);
    else if (bits == 0)
        buf_put_u8(w->out, KEY_ZERO);
    else if (bits < UINT64_C(0x3FF0000000000000)) // below 1
        key_fixed(w, negative ? KEY_NEG_SMALL : KEY_POS_SMALL, bits, 8, negative);
    else if (bits >= UINT64_C(0x43E0000000000000)) // from 2^63
        key_fixed(w, negative ? KEY_NEG_LARGE : KEY_POS_LARGE, bits, 8, negative);
    else
        key_mixed(w, bits, negative);
}

static void key_container(struct key_writer *w, struct val v) {
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val child;
    while (bson_next(&it, &name, &child)) {
        if (key_full(w)) return;
        if (v.type == VAL_OBJECT) {
            buf_put_u8(w->out, key_class_low(val_class(child.type)));
            key_bytes(w, name);
        }
        if (key_full(w)) return;
        key_value(w, child);
    }
    key_unit(w, KEY_END);
}

static void key_value(struct key_writer *w, struct val v) {
    static const uint8_t tags[] = {[VAL_STRING] = KEY_STRING,
                                   [VAL_OBJECT] = KEY_OBJECT,
                                   [VAL_ARRAY] = KEY_ARRAY,
                                   [VAL_BINARY] = KEY_BINARY,
                                   [VAL_VECTOR] = KEY_VECTOR};
    switch (v.type) {
    case VAL_MISSING:
    case VAL_NULL:
        buf_put_u8(w->out, KEY_NULL);
        break;
    case VAL_INT:
        key_int(w, v.i);
        break;
    case VAL_DOUBLE:
        key_double(w, v.d);
        break;
    case VAL_BOOL:
        buf_put_u8(w->out, v.b ? KEY_TRUE : KEY_FALSE);
        break;
    case VAL_DATE:
        key_fixed(w, KEY_DATE, (uint64_t)v.i ^ UINT64_C(1) << 63, 8, false);
        break;
    case VAL_OBJECT:
    case VAL_ARRAY:
        buf_put_u8(w->out, tags[v.type]);
        key_container(w, v);
        break;
    case VAL_STRING:
    case VAL_BINARY:
    case VAL_VECTOR:
        buf_put_u8(w->out, tags[v.type]);
        key_bytes(w, val_slice(v));
        break;
    }
}

static void key_complement(struct buf *out, size_t start) {
    for (size_t i = start; i < out->n; i++)
        out->p[i] = (uint8_t)~out->p[i];
}

static enum key_type_bits key_bits_of(struct val v) {
    if (v.type != VAL_DOUBLE) return KEY_TB_PLAIN;
    return v.d == 0 && __builtin_signbit(v.d) ? KEY_TB_NEG_ZERO : KEY_TB_DOUBLE;
}

static enum key_type_bits key_put_limited(struct buf *out, struct val v, bool descending,
                                          size_t cut_at) {
    struct key_writer w = {.out = out, .start = out->n, .cut_at = cut_at};
    key_value(&w, v);
    if (descending) key_complement(out, w.start);
    return w.cut ? KEY_TB_CUT : key_bits_of(v);
}

enum key_type_bits key_put(struct buf *out, struct val v, bool descending) {
    return key_put_limited(out, v, descending, SIZE_MAX);
}

// By K2 the first bytes that differ decide, where both are units of one byte.
bool key_is_above(struct val v, struct slice key) {
    if (v.type != VAL_STRING || key.n == 0 || key.p[0] != KEY_STRING) return false;
    for (size_t i = 0; i < v.n && i + 1 < key.n; i++) {
        uint8_t a = v.p[i], b = key.p[i + 1];
        if (a <= KEY_ESCAPE || b <= KEY_ESCAPE) return false;
        if (a != b) return a > b;
    }
    return false;
}

enum key_type_bits key_put_cut(struct buf *out, struct val v, bool descending) {
    return key_put_limited(out, v, descending, KEY_CUT_AT);
}

void key_put_before_null(struct buf *out, bool descending) {
    buf_put_u8(out, (uint8_t)(descending ? ~KEY_BEFORE_NULL : KEY_BEFORE_NULL));
}

void key_put_class_begin(struct buf *out, enum val_type type, bool descending) {
    int class = val_class(type);
    buf_put_u8(out,
               descending ? (uint8_t)(0x100 - key_class_low(class + 1)) : key_class_low(class));
}

void key_put_class_end(struct buf *out, enum val_type type, bool descending) {
    int class = val_class(type);
    buf_put_u8(out,
               descending ? (uint8_t)(0x100 - key_class_low(class)) : key_class_low(class + 1));
}

void key_put_string_prefix(struct buf *out, struct slice text, bool descending) {
    struct key_writer w = {.out = out, .start = out->n, .cut_at = KEY_CUT_AT};
    buf_put_u8(out, KEY_STRING);
    key_escaped(&w, text);
    // The mark of a cut must not take part: the range is then one of all strings that were cut at
    // the same place, or go on.
    if (w.cut && buf_status(out) == NACRE_OK) out->n -= 2;
    if (descending) key_complement(out, w.start);
}

bool key_prefix_end(struct buf *key) {
    while (key->n && key->p[key->n - 1] == 0xFF)
        key->n--;
    if (key->n == 0) return false;
    key->p[key->n - 1]++;
    return true;
}
