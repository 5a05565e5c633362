// Ordered bytes back to values. Every function here takes untrusted bytes (docs/format/keys.md).
#include "base/bits/bits.h"
#include "base/err/ctx.h"
#include "base/text/num.h"
#include "base/text/utf8.h"
#include "doc/bson_types.h"
#include "doc/key.h"
#include "doc/key_bytes.h"

struct key_reader {
    const uint8_t *start, *p, *end;
    uint8_t mask; // FF for a descending component
    uint32_t depth;
};

enum key_read { KEY_READ_BAD, KEY_READ_OK, KEY_READ_CUT };

static struct key_reader key_reader_of(struct slice in, bool descending) {
    return (struct key_reader){
        .start = in.p, .p = in.p, .end = in.p + in.n, .mask = descending ? 0xFF : 0};
}

// The next byte without taking it; −1 at the end.
static int key_peek(const struct key_reader *r) { return r->p < r->end ? *r->p ^ r->mask : -1; }

// size ≤ 8 bytes, big-endian.
static bool key_take(struct key_reader *r, uint32_t size, uint64_t *out) {
    if ((size_t)(r->end - r->p) < size) return false;
    uint64_t v = 0;
    for (uint32_t i = 0; i < size; i++)
        v = v << 8 | (uint8_t)(*r->p++ ^ r->mask);
    *out = v;
    return true;
}

// At a place where a unit may begin: takes the mark of a cut, which stands only at the first
// boundary from KEY_CUT_AT on.
static enum key_read key_take_cut(struct key_reader *r) {
    size_t at = (size_t)(r->p - r->start);
    uint64_t mark;
    if (at < KEY_CUT_AT || at >= KEY_CUT_AT + KEY_UNIT_MAX || !key_take(r, 2, &mark))
        return KEY_READ_BAD;
    return mark == (KEY_ESCAPE << 8 | KEY_CUT_SECOND) ? KEY_READ_CUT : KEY_READ_BAD;
}

// Escaped bytes and their terminator. out, if not NULL, gets the bytes; it has room for all that is
// left of the input.
static enum key_read key_read_bytes(struct key_reader *r, uint8_t *out, size_t *out_n) {
    size_t n = 0;
    while (r->p < r->end) {
        uint8_t byte = *r->p ^ r->mask;
        if (byte > KEY_ESCAPE) { // itself, as most bytes are
            if (out) out[n] = byte;
            n++;
            r->p++;
            continue;
        }
        if (byte == KEY_ESCAPE) {
            int second = r->end - r->p > 1 ? r->p[1] ^ r->mask : -1;
            if (second == KEY_CUT_SECOND) return key_take_cut(r);
            if (second != 1 && second != 2) return KEY_READ_BAD;
            byte = (uint8_t)(second - 1);
            r->p++;
        } else if (byte == KEY_END) {
            r->p++;
            if (out_n) *out_n = n;
            return KEY_READ_OK;
        }
        r->p++;
        if (out) out[n] = byte;
        n++;
    }
    return KEY_READ_BAD;
}

static struct val key_double_of(uint64_t bits, bool negative) {
    struct val v = {.type = VAL_DOUBLE};
    bits |= (uint64_t)negative << 63;
    memcpy(&v.d, &bits, 8);
    return v;
}

// Below 1 or from 2^63 on: the bits of the double.
static enum key_read key_read_ieee(struct key_reader *r, uint8_t tag, struct val *out) {
    bool negative = tag == KEY_NEG_LARGE || tag == KEY_NEG_SMALL;
    uint64_t bits, low = UINT64_C(1), high = UINT64_C(0x3FEFFFFFFFFFFFFF);
    if (tag == KEY_NEG_LARGE || tag == KEY_POS_LARGE) {
        low = UINT64_C(0x43E0000000000000);
        high = UINT64_C(0x7FF0000000000000);
    }
    if (!key_take(r, 8, &bits)) return KEY_READ_BAD;
    if (negative) bits = ~bits;
    if (bits < low || bits > high) return KEY_READ_BAD;
    *out = key_double_of(bits, negative);
    if (tag == KEY_NEG_LARGE && bits == low) *out = val_int(INT64_MIN);
    return KEY_READ_OK;
}

static enum key_read key_read_fraction(struct key_reader *r, uint64_t integer, bool negative,
                                       struct val *out) {
    uint32_t integer_bits = 64 - (uint32_t)__builtin_clzll(integer);
    if (integer_bits > 52) return KEY_READ_BAD;
    uint32_t bits = 53 - integer_bits, size = (bits + 7) / 8;
    uint64_t fraction;
    if (!key_take(r, size, &fraction)) return KEY_READ_BAD;
    if (negative) fraction = ~fraction & (UINT64_MAX >> (64 - size * 8));
    uint32_t unused = size * 8 - bits;
    if (fraction == 0 || (fraction & ((UINT64_C(1) << unused) - 1))) return KEY_READ_BAD;
    uint64_t mantissa = integer << bits | fraction >> unused;
    uint64_t exponent = integer_bits - 1 + 1023;
    *out = key_double_of(exponent << 52 | (mantissa & UINT64_C(0xFFFFFFFFFFFFF)), negative);
    return KEY_READ_OK;
}

static enum key_read key_read_integer(struct key_reader *r, uint32_t size, bool negative,
                                      struct val *out) {
    uint64_t shifted;
    if (!key_take(r, size, &shifted)) return KEY_READ_BAD;
    if (negative) shifted = ~shifted & (UINT64_MAX >> (64 - size * 8));
    if (shifted < 2 || key_size_of(shifted) != size) return KEY_READ_BAD;
    uint64_t integer = shifted >> 1;
    if (shifted & 1) return key_read_fraction(r, integer, negative, out);
    *out = val_int(negative ? -(int64_t)integer : (int64_t)integer);
    return KEY_READ_OK;
}

static enum key_read key_read_number(struct key_reader *r, uint8_t tag, struct val *out) {
    switch (tag) {
    case KEY_NAN:
        *out = key_double_of(BSON_NAN_BITS, false);
        return KEY_READ_OK;
    case KEY_ZERO:
        *out = val_int(0);
        return KEY_READ_OK;
    case KEY_NEG_LARGE:
    case KEY_NEG_SMALL:
    case KEY_POS_SMALL:
    case KEY_POS_LARGE:
        return key_read_ieee(r, tag, out);
    default:
        break;
    }
    if (tag < KEY_ZERO) return key_read_integer(r, KEY_NEG_INT - (uint32_t)tag, true, out);
    return key_read_integer(r, (uint32_t)tag - KEY_POS_INT, false, out);
}

// All that is no bytes and no container. *out is in its shortest form: an int where it is one.
static enum key_read key_read_scalar(struct key_reader *r, uint8_t tag, struct val *out) {
    uint64_t bits;
    switch (tag) {
    case KEY_NULL:
        *out = val_null();
        return KEY_READ_OK;
    case KEY_FALSE:
    case KEY_TRUE:
        *out = val_bool(tag == KEY_TRUE);
        return KEY_READ_OK;
    case KEY_DATE:
        if (!key_take(r, 8, &bits)) return KEY_READ_BAD;
        *out = val_date((int64_t)(bits ^ UINT64_C(1) << 63));
        return KEY_READ_OK;
    default:
        return tag >= KEY_NAN && tag <= KEY_POS_LARGE ? key_read_number(r, tag, out) : KEY_READ_BAD;
    }
}

static enum key_read key_skip(struct key_reader *r);

// The class byte and the name of a field; the value that follows must be of the class.
static enum key_read key_skip_field(struct key_reader *r) {
    uint64_t class;
    if (!key_take(r, 1, &class)) return KEY_READ_BAD;
    enum key_read read = key_read_bytes(r, NULL, NULL);
    if (read != KEY_READ_OK) return read;
    int tag = key_peek(r);
    if (tag == KEY_ESCAPE) return key_take_cut(r);
    if (tag < 0 || key_class_low_of_tag(tag) != class) return KEY_READ_BAD;
    return key_skip(r);
}

static enum key_read key_skip_container(struct key_reader *r, bool is_object) {
    if (++r->depth > KEY_DEPTH_MAX) return KEY_READ_BAD;
    for (;;) {
        int tag = key_peek(r);
        if (tag < 0) return KEY_READ_BAD;
        if (tag == KEY_END) break;
        enum key_read read = tag == KEY_ESCAPE ? key_take_cut(r)
                             : is_object       ? key_skip_field(r)
                                               : key_skip(r);
        if (read != KEY_READ_OK) return read;
    }
    r->p++;
    r->depth--;
    return KEY_READ_OK;
}

static enum key_read key_skip(struct key_reader *r) {
    uint64_t tag;
    struct val ignored;
    if (!key_take(r, 1, &tag)) return KEY_READ_BAD;
    switch (tag) {
    case KEY_STRING:
    case KEY_BINARY:
    case KEY_VECTOR:
        return key_read_bytes(r, NULL, NULL);
    case KEY_OBJECT:
    case KEY_ARRAY:
        return key_skip_container(r, tag == KEY_OBJECT);
    default:
        return key_read_scalar(r, (uint8_t)tag, &ignored);
    }
}

// As key_component_size, and whether the component was cut.
static size_t key_measure(struct slice in, bool descending, bool *cut) {
    struct key_reader r = key_reader_of(in, descending);
    *cut = false;
    if (key_peek(&r) == KEY_BEFORE_NULL) return 1;
    enum key_read read = key_skip(&r);
    *cut = read == KEY_READ_CUT;
    return read == KEY_READ_BAD ? 0 : (size_t)(r.p - r.start);
}

size_t key_component_size(struct slice in, bool descending) {
    bool cut;
    return key_measure(in, descending, &cut);
}

// From here on the bytes have been measured, so that the readers cannot fail and containers end
// where they should.

// Unescaped bytes in the arena, NULL if there is no memory.
static const uint8_t *key_copy_bytes(struct ctx *ctx, struct key_reader *r, size_t *n) {
    const uint8_t *start = r->p;
    *n = 0;
    if (key_read_bytes(r, NULL, NULL) != KEY_READ_OK) return NULL;
    uint8_t *out = arena_alloc(&ctx->arena, (size_t)(r->p - start));
    if (!out) return NULL;
    r->p = start;
    return key_read_bytes(r, out, n) == KEY_READ_OK ? out : NULL;
}

static nacre_status key_write(struct ctx *ctx, struct key_reader *r, struct bson_writer *w,
                              struct slice name);

static nacre_status key_write_container(struct ctx *ctx, struct key_reader *r,
                                        struct bson_writer *w, bool is_object) {
    while (key_peek(r) > KEY_END) {
        struct slice name = {0};
        if (is_object) {
            r->p++;
            name.p = key_copy_bytes(ctx, r, &name.n);
            if (!name.p) return err_nomem(ctx);
            if (memchr(name.p, 0, name.n))
                return err_set(ctx, NACRE_CORRUPT, "a key holds a name with U+0000");
        }
        TRY(key_write(ctx, r, w, name));
    }
    r->p++;
    bson_close(w);
    return NACRE_OK;
}

static enum val_type key_bytes_type(uint8_t tag) {
    return tag == KEY_STRING ? VAL_STRING : tag == KEY_BINARY ? VAL_BINARY : VAL_VECTOR;
}

static nacre_status key_write(struct ctx *ctx, struct key_reader *r, struct bson_writer *w,
                              struct slice name) {
    uint8_t tag = *r->p++ ^ r->mask;
    struct val v = val_null();
    switch (tag) {
    case KEY_OBJECT:
        bson_open_object(w, name);
        return key_write_container(ctx, r, w, true);
    case KEY_ARRAY:
        bson_open_array(w, name);
        return key_write_container(ctx, r, w, false);
    case KEY_STRING:
    case KEY_BINARY:
    case KEY_VECTOR: {
        struct slice s;
        s.p = key_copy_bytes(ctx, r, &s.n);
        if (!s.p) return err_nomem(ctx);
        v = val_bytes(key_bytes_type(tag), s);
        break;
    }
    default:
        (void)key_read_scalar(r, tag, &v);
    }
    bson_put(w, name, v);
    return NACRE_OK;
}

// Containers and vectors: as the only field of a document, which is then validated like any foreign
// one.
static nacre_status key_decode_as_bson(struct ctx *ctx, struct key_reader *r, struct val *out) {
    BUF_CLEANUP struct buf buf;
    buf_init(&buf, NULL, (size_t)2 * DOC_BYTES_MAX);
    struct bson_writer w;
    bson_begin(&w, &buf);
    TRY(key_write(ctx, r, &w, SLICE_LIT("")));
    bson_end(&w);
    if (buf_status(&buf) == NACRE_MEMORY_LIMIT) return err_nomem(ctx);
    if (buf_status(&buf) != NACRE_OK)
        return err_set(ctx, NACRE_CORRUPT, "a key component is too large");
    const uint8_t *copy = arena_copy(&ctx->arena, buf.p, buf.n);
    if (!copy) return err_nomem(ctx);
    struct val v = bson_find(slice_of(copy, buf.n), SLICE_LIT(""));
    TRY(bson_validate(ctx, v.type == VAL_VECTOR ? slice_of(copy, buf.n) : val_slice(v)));
    *out = v;
    return NACRE_OK;
}

static nacre_status key_decode_bytes(struct ctx *ctx, struct key_reader *r, uint8_t tag,
                                     struct val *out) {
    struct slice s;
    s.p = key_copy_bytes(ctx, r, &s.n);
    if (!s.p) return err_nomem(ctx);
    if (s.n > DOC_BYTES_MAX) return err_set(ctx, NACRE_CORRUPT, "a key component is too large");
    if (tag == KEY_STRING && !utf8_valid(s))
        return err_set(ctx, NACRE_CORRUPT, "a key component is no valid text");
    *out = val_bytes(key_bytes_type(tag), s);
    return NACRE_OK;
}

static nacre_status key_read_component(struct ctx *ctx, struct key_reader *r, struct val *out) {
    static const uint8_t empty_array[] = {5, 0, 0, 0, 0};
    uint8_t tag = *r->p ^ r->mask;
    switch (tag) {
    case KEY_BEFORE_NULL:
        *out = val_bytes(VAL_ARRAY, slice_of(empty_array, 5));
        return NACRE_OK;
    case KEY_VECTOR:
    case KEY_OBJECT:
    case KEY_ARRAY:
        return key_decode_as_bson(ctx, r, out);
    case KEY_STRING:
    case KEY_BINARY:
        r->p++;
        return key_decode_bytes(ctx, r, tag, out);
    default:
        r->p++;
        (void)key_read_scalar(r, tag, out);
        return NACRE_OK;
    }
}

// Gives a number the type it had. false: it cannot have had it.
static bool key_apply_bits(enum key_type_bits bits, struct val *v) {
    if (bits == KEY_TB_PLAIN) return true;
    if (bits == KEY_TB_NEG_ZERO && v->type == VAL_INT && v->i == 0) {
        *v = val_double(-0.0);
        return true;
    }
    if (bits != KEY_TB_DOUBLE) return false;
    if (v->type == VAL_DOUBLE) return true;
    if (v->type != VAL_INT) return false;
    double d = (double)v->i;
    if (num_cmp_int_double(v->i, d) != 0) return false;
    *v = val_double(d);
    return true;
}

nacre_status key_decode(struct ctx *ctx, struct slice *in, bool descending, enum key_type_bits bits,
                        struct val *out) {
    bool cut;
    size_t size = key_measure(*in, descending, &cut);
    if (size == 0) return err_set(ctx, NACRE_CORRUPT, "malformed key component");
    struct val v = val_missing();
    if (!cut) {
        struct key_reader r = key_reader_of(slice_of(in->p, size), descending);
        TRY(key_read_component(ctx, &r, &v));
        if (!key_apply_bits(bits, &v))
            return err_set(ctx, NACRE_CORRUPT, "a key component does not fit its type bits");
    }
    *in = slice_skip(*in, size);
    *out = v;
    return NACRE_OK;
}
