// Inside the room: sums of numbers that do not depend on the order they come in.
//
// A fixed-point accumulator wide enough for every double (R. Neal, "Fast exact summation using
// small and large superaccumulators", 2015): additions are exact, the result is rounded once.
#ifndef QUERY_EXACT_SUM_H
#define QUERY_EXACT_SUM_H

#include <stdint.h>

#include "base/err/status.h"
#include "base/mem/arena.h"

// Chunk i counts 2^(32 · i - 1074). 2^1024 is in chunk 65; above are 64 bits for carries.
enum { EXACT_SUM_CHUNKS = 68 };

struct exact_chunks {
    int64_t chunks[EXACT_SUM_CHUNKS];
    uint32_t since; // additions since carries were taken
    double odd;     // sum of what is not finite
};

// m · 2^exp while that is exact, which it is for most data; else in wide.
struct exact_sum {
    __int128 m;
    int32_t exp;
    bool doubles; // any came
    struct exact_chunks *wide;
};

// A zeroed one is 0. False: no memory.
MUST_USE bool exact_sum_add_int(struct arena *arena, struct exact_sum *sum, int64_t i);
MUST_USE bool exact_sum_add_double(struct arena *arena, struct exact_sum *sum, double d);
MUST_USE bool exact_sum_add_sum(struct arena *arena, struct exact_sum *sum,
                                const struct exact_sum *other);
// Whether it is of integers and fits.
bool exact_sum_is_int(const struct exact_sum *sum, int64_t *out);
// The sum is m · 2^*exp, rounded to nearest, ties to even.
double exact_sum_round(const struct exact_sum *sum, int *exp);

#endif
