#include "base/bits/protobuf.h"

#include "base/bits/bits.h"

enum { NUMBER_MAX = (1 << 29) - 1 };

bool protobuf_varint(struct slice *in, uint64_t *out) {
    uint64_t value = 0;
    for (size_t i = 0; i < in->n && i < 10; i++) {
        if (i < 9 || in->p[i] < 2) value |= (uint64_t)(in->p[i] & 127) << (7 * i);
        if (in->p[i] > 127) continue;
        if (i == 9 && in->p[i] > 1) return false;
        *in = slice_skip(*in, i + 1);
        *out = value;
        return true;
    }
    return false;
}

bool protobuf_next(struct slice *in, struct protobuf_field *out) {
    uint64_t tag, size;
    uint32_t half;
    if (!protobuf_varint(in, &tag) || tag >> 3 == 0 || tag >> 3 > NUMBER_MAX) return false;
    *out = (struct protobuf_field){.number = (uint32_t)(tag >> 3), .wire = (uint8_t)(tag & 7)};
    switch (out->wire) {
    case PROTOBUF_VARINT:
        return protobuf_varint(in, &out->value);
    case PROTOBUF_FIXED64:
        return bits_take_le64(in, &out->value);
    case PROTOBUF_BYTES:
        return protobuf_varint(in, &size) && size <= in->n &&
               bits_take(in, (size_t)size, &out->bytes);
    case PROTOBUF_FIXED32:
        if (!bits_take_le32(in, &half)) return false;
        out->value = half;
        return true;
    default:
        return false;
    }
}

void protobuf_put_number(struct buf *out, uint32_t number, uint64_t value) {
    buf_put_varint(out, (uint64_t)number << 3 | PROTOBUF_VARINT);
    buf_put_varint(out, value);
}

void protobuf_put_bytes(struct buf *out, uint32_t number, struct slice bytes) {
    buf_put_varint(out, (uint64_t)number << 3 | PROTOBUF_BYTES);
    buf_put_bytes(out, bytes);
}
