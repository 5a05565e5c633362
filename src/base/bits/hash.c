// libxxhash compiled in: short keys are hashed without a call into a shared library.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bits/bits.h"

uint64_t hash_bytes(const void *bytes, size_t size) { return XXH3_64bits(bytes, size); }

uint64_t hash_bytes_seed(const void *bytes, size_t size, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes, size, seed);
}
