// Protocol Buffers on the wire (protobuf.dev/programming-guides/encoding): the fields of a message
// one by one, in place; groups are refused.
#ifndef BASE_BITS_PROTOBUF_H
#define BASE_BITS_PROTOBUF_H

#include <stdbool.h>

#include "base/mem/buf.h"

enum { PROTOBUF_VARINT = 0, PROTOBUF_FIXED64 = 1, PROTOBUF_BYTES = 2, PROTOBUF_FIXED32 = 5 };

struct protobuf_field {
    uint32_t number;    // 1..2^29-1
    uint8_t wire;       // PROTOBUF_…
    uint64_t value;     // of a varint or a fixed number
    struct slice bytes; // of PROTOBUF_BYTES: points into the message
};

// Takes the next field from the front of *in, which is not empty. False: these bytes are no field.
bool protobuf_next(struct slice *in, struct protobuf_field *out);
// Takes a varint in any of its spellings of up to 10 bytes.
bool protobuf_varint(struct slice *in, uint64_t *out);

void protobuf_put_number(struct buf *out, uint32_t number, uint64_t value);
void protobuf_put_bytes(struct buf *out, uint32_t number, struct slice bytes);

#endif
