// Inside the room: sums of numbers that do not depend on the order they come in.
//
// A fixed-point accumulator wide enough for every double (R. Neal, "Fast exact summation using
// small and large superaccumulators", 2015): additions are exact, the result is rounded once.
#ifndef QUERY_EXACT_SUM_H
#define QUERY_EXACT_SUM_H

#include <stdint.h>

// Chunk i counts 2^(32 · i - 1074). 2^1024 is in chunk 65; above are 64 bits for carries.
enum { EXACT_SUM_CHUNKS = 68 };

struct exact_sum {
    int64_t chunks[EXACT_SUM_CHUNKS];
    uint32_t since; // additions since carries were taken
    double odd;     // sum of what is not finite
};

// A zeroed one is 0.
void exact_sum_add(struct exact_sum *sum, double d);
void exact_sum_add_int(struct exact_sum *sum, __int128 i);
// The sum is m · 2^*exp with m rounded to nearest, ties to even, |m| <= 2^53.
double exact_sum_round(const struct exact_sum *sum, int *exp);

#endif
