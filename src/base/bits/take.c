#include "base/bits/bits.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "bits.h takes the machine to be so");

bool bits_take(struct slice *in, size_t n, struct slice *out) {
    if (in->n < n) return false;
    *out = slice_of(in->p, n);
    *in = slice_skip(*in, n);
    return true;
}

bool bits_take_u8(struct slice *in, uint8_t *out) {
    struct slice s;
    if (!bits_take(in, 1, &s)) return false;
    *out = s.p[0];
    return true;
}

bool bits_take_le32(struct slice *in, uint32_t *out) {
    struct slice s;
    if (!bits_take(in, 4, &s)) return false;
    *out = bits_le32(s.p);
    return true;
}

bool bits_take_le64(struct slice *in, uint64_t *out) {
    struct slice s;
    if (!bits_take(in, 8, &s)) return false;
    *out = bits_le64(s.p);
    return true;
}

bool bits_take_be32(struct slice *in, uint32_t *out) {
    struct slice s;
    if (!bits_take(in, 4, &s)) return false;
    *out = bits_be32(s.p);
    return true;
}

bool bits_take_be64(struct slice *in, uint64_t *out) {
    struct slice s;
    if (!bits_take(in, 8, &s)) return false;
    *out = bits_be64(s.p);
    return true;
}

// One value has one encoding: a last byte of 0 (after the first) is refused, as is what does not
// fit 64 bits.
bool bits_take_varint_long(struct slice *in, uint64_t *out) {
    uint64_t value = 0;
    for (size_t i = 0; i < in->n && i < 10; i++) {
        uint8_t byte = in->p[i];
        if (i == 9 && byte > 1) return false;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80) continue;
        if (byte == 0 && i > 0) return false;
        *out = value;
        *in = slice_skip(*in, i + 1);
        return true;
    }
    return false;
}
