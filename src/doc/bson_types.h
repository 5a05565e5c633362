// Inside doc/: BSON type bytes and small helpers that the readers and writers of bytes share.
#ifndef DOC_BSON_TYPES_H
#define DOC_BSON_TYPES_H

#include "base/bits/bits.h"
#include "doc/bson.h"

// The type byte of an element (bsonspec.org). Only these are written or accepted.
enum bson_type {
    BSON_DOUBLE = 0x01,
    BSON_STRING = 0x02,
    BSON_OBJECT = 0x03,
    BSON_ARRAY = 0x04,
    BSON_BINARY = 0x05,
    BSON_BOOL = 0x08,
    BSON_DATE = 0x09,
    BSON_NULL = 0x0A,
    BSON_INT64 = 0x12,
};

enum bson_subtype { BSON_SUBTYPE_GENERIC = 0, BSON_SUBTYPE_VECTOR = 9 };

enum {
    BSON_DOC_MIN = 5,        // length prefix and the final NUL
    BSON_VECTOR_HEADER = 2,  // dtype byte, padding byte
    BSON_INDEX_TEXT_MAX = 10 // digits of the largest array index
};

// The only NaN that is stored.
#define BSON_NAN_BITS UINT64_C(0x7ff8000000000000)

// Digits of an array index. Returns how many; no NUL.
static inline uint32_t bson_index_name(uint32_t index, uint8_t *out) {
    if (index < 10) {
        out[0] = (uint8_t)('0' + index);
        return 1;
    }
    if (index < 100) {
        out[0] = (uint8_t)('0' + index / 10);
        out[1] = (uint8_t)('0' + index % 10);
        return 2;
    }
    uint8_t digits[BSON_INDEX_TEXT_MAX];
    uint32_t n = 0;
    for (; index; index /= 10)
        digits[n++] = (uint8_t)('0' + index % 10);
    for (uint32_t i = 0; i < n; i++)
        out[i] = digits[n - 1 - i];
    return n;
}

// Bytes of the value at p (after type byte and name). Trusted bytes only.
static inline size_t bson_value_size(uint8_t type, const uint8_t *p) {
    switch (type) {
    case BSON_STRING:
        return 4 + (size_t)bits_le32(p);
    case BSON_OBJECT:
    case BSON_ARRAY:
        return bits_le32(p);
    case BSON_BINARY:
        return 5 + (size_t)bits_le32(p);
    case BSON_BOOL:
        return 1;
    case BSON_NULL:
        return 0;
    default:
        return 8;
    }
}

// Length of a name that is followed by a NUL. Names are short: a call to strlen costs more than
// this loop.
static inline size_t bson_name_size(const uint8_t *p) {
    const uint8_t *q = p;
    while (*q)
        q++;
    return (size_t)(q - p);
}

// Elements of a vector payload must be whole: 0 if the dtype is unknown.
static inline uint32_t bson_vector_unit(uint8_t dtype) {
    switch (dtype) {
    case VEC_DTYPE_F32:
        return 4;
    case VEC_DTYPE_F16:
        return 2;
    case VEC_DTYPE_I8:
    case VEC_DTYPE_BIT:
        return 1;
    default:
        return 0;
    }
}

// The value of type at p. *size is the bytes it takes.
static inline struct val bson_value(uint8_t type, const uint8_t *p, size_t *size) {
    struct val v = {.type = VAL_NULL};
    *size = bson_value_size(type, p);
    switch (type) {
    case BSON_DOUBLE:
        v.type = VAL_DOUBLE;
        memcpy(&v.d, p, 8);
        break;
    case BSON_STRING:
        v = val_bytes(VAL_STRING, slice_of(p + 4, *size - 5));
        break;
    case BSON_OBJECT:
        v = val_bytes(VAL_OBJECT, slice_of(p, *size));
        break;
    case BSON_ARRAY:
        v = val_bytes(VAL_ARRAY, slice_of(p, *size));
        break;
    case BSON_BINARY:
        v = val_bytes(p[4] == BSON_SUBTYPE_VECTOR ? VAL_VECTOR : VAL_BINARY,
                      slice_of(p + 5, *size - 5));
        break;
    case BSON_BOOL:
        v = val_bool(p[0] != 0);
        break;
    case BSON_DATE:
        v = val_date((int64_t)bits_le64(p));
        break;
    case BSON_INT64:
        v = val_int((int64_t)bits_le64(p));
        break;
    default:
        break;
    }
    return v;
}

#endif
