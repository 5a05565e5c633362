// The seed of a property test: printed, and taken from NACRE_SEED to run the same again.
#ifndef PROPERTY_BASE_SEED_H
#define PROPERTY_BASE_SEED_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/ds/rng.h"
#include "base/os/world.h"

static inline void seed_rng(struct rng *rng) {
    uint64_t seed;
    const char *given = getenv("NACRE_SEED");
    if (given) seed = strtoull(given, NULL, 10);
    else world_random(&world_system, &seed, sizeof seed);
    printf("NACRE_SEED=%" PRIu64 "\n", seed);
    fflush(stdout);
    rng_seed(rng, seed);
}

// A number whose size in bits is as likely to be small as large, where mistakes of ranges show.
static inline uint64_t seed_any_u64(struct rng *rng) {
    return rng_next(rng) >> rng_below(rng, 64);
}

#endif
