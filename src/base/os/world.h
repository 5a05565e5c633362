// The world injected: clock and randomness, so that tests and simulation own them.
#ifndef BASE_OS_WORLD_H
#define BASE_OS_WORLD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct world {
    // Unix time in milliseconds; follows CLOCK_BOOTTIME from its start anchor.
    uint64_t (*wall_ms)(void *self);
    uint64_t (*mono_ns)(void *self); // monotonic nanoseconds
    void (*random)(void *self, void *out, size_t size); // bytes unfit for guessing (getrandom)
    void *self;
    _Atomic uint64_t *uuid_last; // world_uuid7's memory; NULL: that of world_system
};

extern const struct world world_system;

// A world for tests: the clock stands still until told, randomness is a seeded xoshiro256**. Not to
// be moved or copied after world_model_init. Begins at 2024-01-01T00:00:00Z. One thread at a time.
struct world_model {
    struct world world;
    uint64_t wall_ms, mono_ns;
    uint64_t rng[4];
    _Atomic uint64_t uuid_last;
};
void world_model_init(struct world_model *model, uint64_t seed);
void world_model_advance(struct world_model *model, uint64_t ms);

static inline uint64_t world_wall_ms(const struct world *w) { return w->wall_ms(w->self); }
static inline uint64_t world_mono_ns(const struct world *w) { return w->mono_ns(w->self); }
static inline void world_random(const struct world *w, void *out, size_t size) {
    w->random(w->self, out, size);
}
// A UUIDv7 (RFC 9562) as 36 characters and a NUL; later calls with one world sort after earlier
// ones. Thread-safe if the world is.
void world_uuid7(const struct world *w, char out[37]);

#endif
