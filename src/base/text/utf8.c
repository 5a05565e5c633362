#include "base/text/utf8.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/bits/bits.h"

#define HIGH_BITS 0x8080808080808080u

// Bytes of ASCII at the start.
static size_t ascii_run(const uint8_t *p, size_t n) {
    size_t i = 0;
#ifdef __SSE2__
    for (; n - i >= 16; i += 16) {
        __m128i block = _mm_loadu_si128((const __m128i_u *)(p + i));
        int high = _mm_movemask_epi8(block);
        if (high) return i + (size_t)__builtin_ctz((unsigned)high);
    }
#endif
    for (; n - i >= 8; i += 8) {
        uint64_t high = bits_le64(p + i) & HIGH_BITS;
        if (high) return i + (size_t)__builtin_ctzll(high) / 8;
    }
    while (i < n && p[i] < 0x80) i++;
    return i;
}

static inline bool in_range(uint8_t byte, uint8_t low, uint8_t high) {
    return byte >= low && byte <= high;
}

// Length of the valid sequence of 2..4 bytes at p, or 0 (RFC 3629 §4: the second byte carries the
// exceptions).
static size_t sequence(const uint8_t *p, size_t n) {
    uint8_t lead = p[0];
    if (lead < 0xC2 || lead > 0xF4 || n < 2) return 0;
    if (lead < 0xE0) return in_range(p[1], 0x80, 0xBF) ? 2 : 0;
    uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (n < 3 || !in_range(p[1], low, high) || !in_range(p[2], 0x80, 0xBF)) return 0;
    if (lead < 0xF0) return 3;
    return n >= 4 && in_range(p[3], 0x80, 0xBF) ? 4 : 0;
}

size_t utf8_valid_prefix(struct slice text) {
    size_t i = 0;
    while (i < text.n) {
        if (text.p[i] < 0x80) {
            i += ascii_run(text.p + i, text.n - i);
            continue;
        }
        size_t length = sequence(text.p + i, text.n - i);
        if (length == 0) break;
        i += length;
    }
    return i;
}

bool utf8_valid(struct slice text) { return utf8_valid_prefix(text) == text.n; }

size_t utf8_put(uint32_t code_point, uint8_t out[4]) {
    if (code_point < 0x80) {
        out[0] = (uint8_t)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (uint8_t)(0xC0 | code_point >> 6);
        out[1] = (uint8_t)(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point < 0x10000) {
        if (code_point >= 0xD800 && code_point <= 0xDFFF) return 0;
        out[0] = (uint8_t)(0xE0 | code_point >> 12);
        out[1] = (uint8_t)(0x80 | (code_point >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (code_point & 0x3F));
        return 3;
    }
    if (code_point > 0x10FFFF) return 0;
    out[0] = (uint8_t)(0xF0 | code_point >> 18);
    out[1] = (uint8_t)(0x80 | (code_point >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (code_point >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (code_point & 0x3F));
    return 4;
}

size_t utf8_count(struct slice text) {
    size_t i = 0, count = 0;
    for (; text.n - i >= 8; i += 8) {
        uint64_t word = bits_le64(text.p + i);
        // A continuation byte is 10xxxxxx: bit 7 set, bit 6 not.
        count += 8 - (size_t)__builtin_popcountll(word & ~(word << 1) & HIGH_BITS);
    }
    for (; i < text.n; i++) count += (text.p[i] & 0xC0) != 0x80;
    return count;
}
