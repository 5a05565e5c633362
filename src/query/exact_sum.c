#include "query/exact_sum.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { LOWEST = -1074, BITS = 53, CARRY_AFTER = 1 << 29 };

static void carry(struct exact_chunks *sum) {
    for (int i = 0; i < EXACT_SUM_CHUNKS - 1; i++) {
        int64_t up = sum->chunks[i] >> 32;
        sum->chunks[i] -= (int64_t)((uint64_t)up << 32);
        sum->chunks[i + 1] += up;
    }
    sum->since = 0;
}

// Adds ±(bits · 2^(at - 1074)).
static void add_bits(struct exact_chunks *sum, uint64_t bits, uint32_t at, bool negative) {
    unsigned __int128 wide = (unsigned __int128)bits << (at & 31);
    for (uint32_t i = at >> 5; wide; i++, wide >>= 32) {
        int64_t part = (int64_t)(uint32_t)wide;
        sum->chunks[i] += negative ? -part : part;
    }
    if (++sum->since == CARRY_AFTER) carry(sum);
}

// Adds v · 2^exp.
static void add_scaled(struct exact_chunks *sum, __int128 v, int exp) {
    bool negative = v < 0;
    unsigned __int128 size = negative ? -(unsigned __int128)v : (unsigned __int128)v;
    add_bits(sum, (uint64_t)size, (uint32_t)(exp - LOWEST), negative);
    add_bits(sum, (uint64_t)(size >> 64), (uint32_t)(exp - LOWEST + 64), negative);
}

// Chunks of a sum that is not negative, each in [0, 2^32). Returns whether it was.
static bool take_sign(struct exact_chunks *sum) {
    carry(sum);
    bool negative = sum->chunks[EXACT_SUM_CHUNKS - 1] < 0;
    if (!negative) return false;
    for (int i = 0; i < EXACT_SUM_CHUNKS; i++)
        sum->chunks[i] = -sum->chunks[i];
    carry(sum);
    return true;
}

static double round_wide(const struct exact_chunks *sum, int *exp) {
    struct exact_chunks s = *sum;
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

// --- while it fits 128 bits ---------------------------------------------------------------------

static bool shift(__int128 *v, int by) {
    if (*v == 0) return true;
    if (by > 126) return false;
    __int128 up = (__int128)((unsigned __int128)*v << by);
    if (up >> by != *v) return false;
    *v = up;
    return true;
}

static bool add_narrow(struct exact_sum *sum, __int128 v, int exp) {
    __int128 m = sum->m;
    int at = m == 0 || exp < sum->exp ? exp : sum->exp;
    if (!shift(&m, sum->exp - at) || !shift(&v, exp - at)) return false;
    if (__builtin_add_overflow(m, v, &m)) return false;
    sum->m = m;
    sum->exp = at;
    return true;
}

static bool widen(struct arena *arena, struct exact_sum *sum) {
    if (sum->wide) return true;
    sum->wide = ARENA_NEW(arena, struct exact_chunks);
    if (!sum->wide) return false;
    add_scaled(sum->wide, sum->m, sum->exp);
    sum->m = 0;
    return true;
}

static bool add_any(struct arena *arena, struct exact_sum *sum, __int128 v, int exp) {
    if (!sum->wide && add_narrow(sum, v, exp)) return true;
    if (!widen(arena, sum)) return false;
    add_scaled(sum->wide, v, exp);
    return true;
}

bool exact_sum_add_int(struct arena *arena, struct exact_sum *sum, int64_t i) {
    return add_any(arena, sum, i, 0);
}

bool exact_sum_add_double(struct arena *arena, struct exact_sum *sum, double d) {
    uint64_t raw;
    memcpy(&raw, &d, sizeof raw);
    int exponent = (int)(raw >> 52 & 0x7ff);
    int64_t mantissa = (int64_t)(raw & ((UINT64_C(1) << 52) - 1));
    sum->doubles = true;
    if (exponent == 0x7ff) {
        if (!widen(arena, sum)) return false;
        sum->wide->odd += d;
        return true;
    }
    if (exponent) mantissa |= INT64_C(1) << 52;
    if (mantissa == 0) return true;
    int exp = LOWEST + (exponent ? exponent - 1 : 0), zeros = __builtin_ctzll((uint64_t)mantissa);
    mantissa >>= zeros;
    return add_any(arena, sum, raw >> 63 ? -mantissa : mantissa, exp + zeros);
}

bool exact_sum_add_sum(struct arena *arena, struct exact_sum *sum, const struct exact_sum *other) {
    sum->doubles |= other->doubles;
    if (other->wide) {
        if (!widen(arena, sum)) return false;
        struct exact_chunks carried = *other->wide;
        carry(&carried);
        carry(sum->wide);
        for (int i = 0; i < EXACT_SUM_CHUNKS; i++)
            sum->wide->chunks[i] += carried.chunks[i];
        sum->wide->since = 2;
        sum->wide->odd += carried.odd;
    }
    return other->m == 0 || add_any(arena, sum, other->m, other->exp);
}

bool exact_sum_is_int(const struct exact_sum *sum, int64_t *out) {
    if (sum->doubles || sum->wide || sum->m < INT64_MIN || sum->m > INT64_MAX) return false;
    *out = (int64_t)sum->m;
    return true;
}

double exact_sum_round(const struct exact_sum *sum, int *exp) {
    *exp = sum->exp;
    return sum->wide ? round_wide(sum->wide, exp) : (double)sum->m;
}
