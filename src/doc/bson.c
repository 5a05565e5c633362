// Reading validated BSON and writing it.
#include "doc/bson.h"

#include "base/err/check.h"
#include "doc/bson_types.h"

struct bson_iter bson_iter_of(struct slice doc) {
    if (doc.n < BSON_DOC_MIN) return (struct bson_iter){.p = NULL, .end = NULL};
    return (struct bson_iter){.p = doc.p + 4, .end = doc.p + doc.n - 1};
}

struct bson_iter bson_iter_of_val(struct val v) {
    DCHECK(v.type == VAL_OBJECT || v.type == VAL_ARRAY);
    return bson_iter_of(val_slice(v));
}

bool bson_next(struct bson_iter *it, struct slice *name, struct val *out) {
    if (it->p >= it->end) return false;
    uint8_t type = *it->p++;
    *name = slice_of(it->p, bson_name_size(it->p));
    it->p += name->n + 1;
    size_t size;
    *out = bson_value(type, it->p, &size);
    it->p += size;
    return true;
}

struct val bson_find(struct slice doc, struct slice name) {
    struct bson_iter it = bson_iter_of(doc);
    while (it.p < it.end) {
        uint8_t type = *it.p++;
        size_t name_n = bson_name_size(it.p), size;
        const uint8_t *value = it.p + name_n + 1;
        if (name_n == name.n && memcmp(it.p, name.p, name_n) == 0)
            return bson_value(type, value, &size);
        it.p = value + bson_value_size(type, value);
    }
    return val_missing();
}

uint32_t bson_count(struct slice doc) {
    struct bson_iter it = bson_iter_of(doc);
    uint32_t count = 0;
    for (; it.p < it.end; count++) {
        const uint8_t *value = it.p + 1 + bson_name_size(it.p + 1) + 1;
        it.p = value + bson_value_size(*it.p, value);
    }
    return count;
}

static void bson_open(struct bson_writer *w, bool is_array) {
    CHECK(w->depth < sizeof w->start / sizeof w->start[0]);
    w->start[w->depth] = (uint32_t)w->out->n;
    w->elements[w->depth] = 0;
    w->is_array[w->depth] = is_array;
    w->depth++;
    buf_put_le32(w->out, 0);
}

void bson_begin(struct bson_writer *w, struct buf *out) {
    w->out = out;
    w->depth = 0;
    bson_open(w, false);
}

void bson_end(struct bson_writer *w) {
    CHECK(w->depth == 1);
    bson_close(w);
}

// Type byte, name and NUL with room for more bytes after them; NULL when out has failed.
static uint8_t *bson_put_header(struct bson_writer *w, uint8_t type, struct slice name,
                                size_t more) {
    uint32_t level = w->depth - 1;
    uint8_t digits[BSON_INDEX_TEXT_MAX];
    if (w->is_array[level]) name = slice_of(digits, bson_index_name(w->elements[level], digits));
    w->elements[level]++;
    uint8_t *p = buf_reserve(w->out, name.n + 2 + more);
    if (!p) return NULL;
    *p++ = type;
    if (name.n) memcpy(p, name.p, name.n);
    p[name.n] = 0;
    w->out->n += name.n + 2 + more;
    return p + name.n + 1;
}

static void bson_put_fixed(struct bson_writer *w, uint8_t type, struct slice name, uint64_t bits) {
    uint8_t *p = bson_put_header(w, type, name, 8);
    if (p) bits_put_le64(p, bits);
}

// A length, then the bytes between an optional subtype (before) and an optional NUL (after).
static void bson_put_sized(struct bson_writer *w, uint8_t type, struct slice name, struct val v) {
    size_t before = type == BSON_BINARY, after = type == BSON_STRING;
    uint8_t *p = bson_put_header(w, type, name, 4 + before + v.n + after);
    if (!p) return;
    bits_put_le32(p, v.n + (uint32_t)after);
    p += 4;
    if (before) *p++ = v.type == VAL_VECTOR ? BSON_SUBTYPE_VECTOR : BSON_SUBTYPE_GENERIC;
    if (v.n) memcpy(p, v.p, v.n);
    if (after) p[v.n] = 0;
}

void bson_put(struct bson_writer *w, struct slice name, struct val v) {
    uint8_t *p;
    uint64_t bits;
    switch (v.type) {
    case VAL_MISSING:
        break;
    case VAL_NULL:
        bson_put_header(w, BSON_NULL, name, 0);
        break;
    case VAL_BOOL:
        if ((p = bson_put_header(w, BSON_BOOL, name, 1))) *p = v.b;
        break;
    case VAL_INT:
        bson_put_fixed(w, BSON_INT64, name, (uint64_t)v.i);
        break;
    case VAL_DATE:
        bson_put_fixed(w, BSON_DATE, name, (uint64_t)v.i);
        break;
    case VAL_DOUBLE:
        // One bit pattern for all NaN: stored bytes must not depend on how the NaN came about.
        if (v.d != v.d)
            bits = BSON_NAN_BITS;
        else
            memcpy(&bits, &v.d, 8);
        bson_put_fixed(w, BSON_DOUBLE, name, bits);
        break;
    case VAL_STRING:
        bson_put_sized(w, BSON_STRING, name, v);
        break;
    case VAL_BINARY:
    case VAL_VECTOR:
        bson_put_sized(w, BSON_BINARY, name, v);
        break;
    case VAL_OBJECT:
    case VAL_ARRAY:
        p = bson_put_header(w, v.type == VAL_OBJECT ? BSON_OBJECT : BSON_ARRAY, name, v.n);
        if (p) memcpy(p, v.p, v.n);
        break;
    }
}

void bson_open_object(struct bson_writer *w, struct slice name) {
    bson_put_header(w, BSON_OBJECT, name, 0);
    bson_open(w, false);
}

void bson_open_array(struct bson_writer *w, struct slice name) {
    bson_put_header(w, BSON_ARRAY, name, 0);
    bson_open(w, true);
}

void bson_close(struct bson_writer *w) {
    CHECK(w->depth > 0);
    w->depth--;
    buf_put_u8(w->out, 0);
    if (buf_status(w->out) != NACRE_OK) return;
    uint32_t start = w->start[w->depth];
    bits_put_le32(w->out->p + start, (uint32_t)(w->out->n - start));
}
