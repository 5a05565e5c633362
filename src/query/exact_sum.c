#include "query/exact_sum.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { LOWEST = -1074, BITS = 53, CARRY_AFTER = 1 << 29 };

static void carry(struct exact_sum *sum) {
    for (int i = 0; i < EXACT_SUM_CHUNKS - 1; i++) {
        int64_t up = sum->chunks[i] >> 32;
        sum->chunks[i] -= (int64_t)((uint64_t)up << 32);
        sum->chunks[i + 1] += up;
    }
    sum->since = 0;
}

// Adds ±(bits · 2^(at - 1074)).
static void add_bits(struct exact_sum *sum, uint64_t bits, uint32_t at, bool negative) {
    unsigned __int128 wide = (unsigned __int128)bits << (at & 31);
    for (uint32_t i = at >> 5; wide; i++, wide >>= 32) {
        int64_t part = (int64_t)(uint32_t)wide;
        sum->chunks[i] += negative ? -part : part;
    }
    if (++sum->since == CARRY_AFTER) carry(sum);
}

void exact_sum_add(struct exact_sum *sum, double d) {
    uint64_t raw;
    memcpy(&raw, &d, sizeof raw);
    uint32_t exponent = raw >> 52 & 0x7ff;
    uint64_t mantissa = raw & ((UINT64_C(1) << 52) - 1);
    if (exponent == 0x7ff) {
        sum->odd += d;
        return;
    }
    if (exponent) mantissa |= UINT64_C(1) << 52;
    add_bits(sum, mantissa, exponent ? exponent - 1 : 0, raw >> 63);
}

void exact_sum_add_int(struct exact_sum *sum, __int128 i) {
    bool negative = i < 0;
    unsigned __int128 size = negative ? -(unsigned __int128)i : (unsigned __int128)i;
    add_bits(sum, (uint64_t)size, -LOWEST, negative);
    add_bits(sum, (uint64_t)(size >> 64), -LOWEST + 64, negative);
}

// Chunks of a sum that is not negative, each in [0, 2^32). Returns whether it was.
static bool take_sign(struct exact_sum *sum) {
    carry(sum);
    bool negative = sum->chunks[EXACT_SUM_CHUNKS - 1] < 0;
    if (!negative) return false;
    for (int i = 0; i < EXACT_SUM_CHUNKS; i++)
        sum->chunks[i] = -sum->chunks[i];
    carry(sum);
    return true;
}

double exact_sum_round(const struct exact_sum *sum, int *exp) {
    struct exact_sum s = *sum;
    *exp = 0;
    if (s.odd != 0) return s.odd; // NaN too
    bool negative = take_sign(&s);
    int top = EXACT_SUM_CHUNKS - 1;
    while (top > 0 && s.chunks[top] == 0)
        top--;
    int base = top > 1 ? top - 2 : 0;
    unsigned __int128 bits = 0;
    for (int i = top; i >= base; i--)
        bits = bits << 32 | (uint64_t)s.chunks[i];
    bool rest = false;
    for (int i = 0; i < base; i++)
        rest |= s.chunks[i] != 0;
    int drop = 0;
    while (bits >> drop >> BITS)
        drop++;
    unsigned __int128 lost = bits & (((unsigned __int128)1 << drop) - 1);
    unsigned __int128 half = drop ? (unsigned __int128)1 << (drop - 1) : 0;
    uint64_t mantissa = (uint64_t)(bits >> drop);
    if (drop && (lost > half || (lost == half && (rest || mantissa & 1)))) mantissa++;
    *exp = LOWEST + 32 * base + drop;
    return negative ? -(double)mantissa : (double)mantissa;
}
