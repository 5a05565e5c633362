// Inside doc/: fast checks of text for the readers and writers of strings.
#ifndef DOC_TEXT_H
#define DOC_TEXT_H

#include <string.h>

#include "base/bits/bits.h"
#include "base/mem/slice.h"
#include "base/text/utf8.h"

#define TEXT_ONES UINT64_C(0x0101010101010101)
#define TEXT_HIGHS UINT64_C(0x8080808080808080)

// High bits of the bytes of x that are zero (Hacker's Delight 6-1: exact in the lowest such byte,
// so as a whole a yes or no).
static inline uint64_t text_zero8(uint64_t x) {
    return (x - TEXT_ONES) & ~x & TEXT_HIGHS;
}
// Not 0 if one of the 8 bytes must be escaped in JSON: '"', '\\', below 0x20.
static inline uint64_t text_escape8(uint64_t x) {
    uint64_t control = (x - TEXT_ONES * 0x20) & ~x & TEXT_HIGHS;
    return control | text_zero8(x ^ TEXT_ONES * '"') | text_zero8(x ^ TEXT_ONES * '\\');
}

#endif
