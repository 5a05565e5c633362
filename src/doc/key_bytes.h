// Inside doc/: the bytes of the ordered encoding, as docs/format/keys.md specifies them.
#ifndef DOC_KEY_BYTES_H
#define DOC_KEY_BYTES_H

#include <stdint.h>

#include "doc/bson.h"

// First byte of a component. The type classes are ranges, each from key_class_low of it to that of
// the next; the same byte stands for the class before the name of a field.
enum key_tag {
    KEY_END =
        0x00, // ends an array, an object, a string, a name, a binary: below all that may follow
    KEY_ESCAPE = 0x01, // in bytes: 01 01 = 00, 01 02 = 01; where a unit may begin: 01 FF = cut here
    KEY_BEFORE_NULL = 0x08, // the sort key of an empty array
    KEY_NULL = 0x10,
    KEY_NAN = 0x20,
    KEY_NEG_LARGE = 0x21, // ≤ −2^63: 8 bytes
    KEY_NEG_INT = 0x2A,   // −n: 1 to 8 bytes of magnitude, 0x22 (8 bytes) to 0x29 (1 byte)
    KEY_NEG_SMALL = 0x2A, // between −1 and 0: 8 bytes
    KEY_ZERO = 0x2B,
    KEY_POS_SMALL = 0x2C, // between 0 and 1: 8 bytes
    KEY_POS_INT = 0x2C,   // +n: 0x2D (1 byte) to 0x34 (8 bytes)
    KEY_POS_LARGE = 0x35, // ≥ 2^63: 8 bytes
    KEY_STRING = 0x40,
    KEY_OBJECT = 0x50,
    KEY_ARRAY = 0x60,
    KEY_BINARY = 0x70,
    KEY_VECTOR = 0x71,
    KEY_FALSE = 0x80,
    KEY_TRUE = 0x81,
    KEY_DATE = 0x90,
};

enum {
    KEY_CUT_SECOND = 0xFF,
    KEY_UNIT_MAX = 9, // bytes of the largest unit: a number or a date
    KEY_CUT_AT =
        KEY_COMPONENT_MAX - 2 - KEY_UNIT_MAX + 1, // first offset at which a unit boundary is a cut
    KEY_DEPTH_MAX = DOC_DEPTH_MAX,                // containers within each other in one component
};

// Of numbers there are more than 16 tags, so their class takes two times 16.
static inline uint8_t key_class_low(int class) {
    return (uint8_t)(class <= 1 ? 0x10 + 0x10 * class : 0x20 + 0x10 * class);
}
static inline uint8_t key_class_low_of_tag(int tag) {
    return (uint8_t)(tag >= 0x30 && tag < KEY_STRING ? 0x20 : tag & 0xF0);
}

// Magnitudes from 1 to 2^63: the integer part, shifted left with the fraction bit below, in as few
// bytes as hold it.
static inline uint32_t key_size_of(uint64_t shifted) {
    return (71u - (uint32_t)__builtin_clzll(shifted)) / 8u;
}

#endif
