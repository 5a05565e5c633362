// Seeded random numbers (xoshiro256**, Blackman & Vigna 2018) for tests, benchmarks and sampling;
// never for secrets.
#ifndef BASE_DS_RNG_H
#define BASE_DS_RNG_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound); // 0..bound-1; bound > 0
double rng_unit(struct rng *rng);                    // [0, 1)

#endif
