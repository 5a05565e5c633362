// CRC-32C by folding with carry-less multiplication: what is read so far, times a power of x modulo
// the polynomial, is added to the bytes that distance further on (V. Gopal et al., "Fast CRC
// Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009). Twice as fast as
// the crc32 instruction alone for a row, and without its tables, which are seldom in the cache when
// a row is.
#include "base/bits/bits.h"
#include "base/bits/crc32c_ways.h"

#ifdef __x86_64__

#include <immintrin.h>

#define FOLDING __attribute__((target("avx2,vpclmulqdq,pclmul,sse4.2")))

enum { STRIDE = 128, LANE = 32, HALF_LANE = 16 };

// x^(d + 63) and x^(d - 1) modulo the polynomial for a distance of d bits; bit 63 is x^0.
static const uint64_t fold_128[] = {0x3743f7bd00000000, 0x3171d43000000000};
static const uint64_t fold_256[] = {0x33ccbbbc00000000, 0xa2158b3400000000};
static const uint64_t fold_512[] = {0x1c19243b00000000, 0x75bba45b00000000};
static const uint64_t fold_1024[] = {0x6577b24500000000, 0x7417153f00000000};

FOLDING static inline __m128i load(const void *p) { return _mm_loadu_si128(p); }

FOLDING static inline __m256i load_lane(const void *p) { return _mm256_loadu_si256(p); }

FOLDING static inline __m256i distance(const uint64_t *powers) {
    return _mm256_broadcastsi128_si256(load(powers));
}

FOLDING static inline __m128i fold(__m128i x, __m128i powers, __m128i next) {
    __m128i low = _mm_clmulepi64_si128(x, powers, 0x00);
    __m128i high = _mm_clmulepi64_si128(x, powers, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

FOLDING static inline __m256i fold_lane(__m256i x, __m256i powers, __m256i next) {
    __m256i low = _mm256_clmulepi64_epi128(x, powers, 0x00);
    __m256i high = _mm256_clmulepi64_epi128(x, powers, 0x11);
    return _mm256_xor_si256(_mm256_xor_si256(low, high), next);
}

// Bytes of which there are less than a stride.
FOLDING static inline uint32_t finish(uint32_t crc, const uint8_t *p, size_t size) {
    for (; size >= 8; size -= 8, p += 8)
        crc = (uint32_t)_mm_crc32_u64(crc, bits_le64(p));
    if (size & 4) {
        crc = _mm_crc32_u32(crc, bits_le32(p));
        p += 4;
    }
    for (size &= 3; size; size--, p++)
        crc = _mm_crc32_u8(crc, *p);
    return crc;
}

// Four lanes side by side, for the latency of a multiplication, then one. size: STRIDE or more.
FOLDING static __m256i fold_strides(uint32_t crc, const uint8_t **at, size_t *size) {
    const uint8_t *p = *at;
    __m256i a = _mm256_xor_si256(load_lane(p), _mm256_set_epi64x(0, 0, 0, crc));
    __m256i b = load_lane(p + LANE), c = load_lane(p + 2 * LANE), d = load_lane(p + 3 * LANE);
    __m256i powers = distance(fold_1024);
    size_t left = *size - STRIDE;
    for (p += STRIDE; left >= STRIDE; left -= STRIDE, p += STRIDE) {
        a = fold_lane(a, powers, load_lane(p));
        b = fold_lane(b, powers, load_lane(p + LANE));
        c = fold_lane(c, powers, load_lane(p + 2 * LANE));
        d = fold_lane(d, powers, load_lane(p + 3 * LANE));
    }
    powers = distance(fold_512);
    a = fold_lane(a, powers, c);
    b = fold_lane(b, powers, d);
    powers = distance(fold_256);
    a = fold_lane(a, powers, b);
    for (; left >= LANE; left -= LANE, p += LANE)
        a = fold_lane(a, powers, load_lane(p));
    *at = p;
    *size = left;
    return a;
}

// Where x stands before the last size bytes (less than 16, of 16 or more that end before `end`):
// its first size bytes are folded onto the 16 at the end. Without a branch on size, which no
// processor foresees in rows.
FOLDING static inline __m128i fold_tail(__m128i x, __m128i powers, const uint8_t *end,
                                        size_t size) {
    static const uint8_t moves[3 * HALF_LANE] = {
        0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
        0x80, 0x80, 0x80, 0x80, 0,    1,    2,    3,    4,    5,    6,    7,
        8,    9,    10,   11,   12,   13,   14,   15,   0x80, 0x80, 0x80, 0x80,
        0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80};
    __m128i first = _mm_shuffle_epi8(x, load(moves + size));
    __m128i onward = load(moves + HALF_LANE + size), last = load(end - HALF_LANE);
    return fold(first, powers, _mm_blendv_epi8(_mm_shuffle_epi8(x, onward), last, onward));
}

FOLDING static uint32_t by_folding(uint32_t crc, const void *bytes, size_t size) {
    const uint8_t *p = bytes, *end = p + size;
    crc = ~crc;
    if (size < STRIDE) return ~finish(crc, p, size);
    __m256i lane = fold_strides(crc, &p, &size);
    __m128i powers = load(fold_128);
    __m128i x = fold(_mm256_castsi256_si128(lane), powers, _mm256_extracti128_si256(lane, 1));
    if (size >= HALF_LANE) {
        x = fold(x, powers, load(p));
        size -= HALF_LANE;
    }
    x = fold_tail(x, powers, end, size);
    crc = (uint32_t)_mm_crc32_u64(0, (uint64_t)_mm_extract_epi64(x, 0));
    return ~(uint32_t)_mm_crc32_u64(crc, (uint64_t)_mm_extract_epi64(x, 1));
}

crc32c_way *crc32c_folding(void) {
    bool present = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("vpclmulqdq") &&
                   __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.2");
    return present ? by_folding : NULL;
}

#else

crc32c_way *crc32c_folding(void) { return NULL; }

#endif
