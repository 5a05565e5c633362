#include "base/os/world.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/bits/bits.h"
#include "base/ds/rng.h"
#include "base/err/check.h"

static int64_t clock_ns(clockid_t id) {
    struct timespec t;
    CHECK(clock_gettime(id, &t) == 0);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// Unix time at boot as the clock was when this process asked first. A clock set back later moves
// nothing.
static int64_t system_anchor_ns;
static pthread_once_t system_anchor_once = PTHREAD_ONCE_INIT;

static void system_anchor_init(void) {
    system_anchor_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);
}

static uint64_t system_wall_ms(void *self) {
    (void)self;
    pthread_once(&system_anchor_once, system_anchor_init);
    int64_t now_ns = system_anchor_ns + clock_ns(CLOCK_BOOTTIME);
    return now_ns > 0 ? (uint64_t)now_ns / 1000000 : 0;
}

static uint64_t system_mono_ns(void *self) {
    (void)self;
    return (uint64_t)clock_ns(CLOCK_MONOTONIC);
}

static void system_random(void *self, void *out, size_t size) {
    (void)self;
    uint8_t *p = out;
    while (size) {
        ssize_t n = getrandom(p, size, 0);
        if (n < 0 && errno == EINTR) continue;
        CHECK(n > 0); // no process may go on with bytes that can be guessed
        p += n;
        size -= (size_t)n;
    }
}

static _Atomic uint64_t system_uuid_last;

const struct world world_system = {
    .wall_ms = system_wall_ms,
    .mono_ns = system_mono_ns,
    .random = system_random,
    .uuid_last = &system_uuid_last,
};

static uint64_t model_wall_ms(void *self) { return ((struct world_model *)self)->wall_ms; }
static uint64_t model_mono_ns(void *self) { return ((struct world_model *)self)->mono_ns; }

static void model_random(void *self, void *out, size_t size) {
    struct world_model *model = self;
    struct rng rng;
    memcpy(rng.s, model->rng, sizeof rng.s);
    uint8_t *p = out;
    while (size) {
        uint64_t word = rng_next(&rng);
        size_t n = size < 8 ? size : 8;
        memcpy(p, &word, n);
        p += n;
        size -= n;
    }
    memcpy(model->rng, rng.s, sizeof rng.s);
}

void world_model_init(struct world_model *model, uint64_t seed) {
    struct rng rng;
    rng_seed(&rng, seed);
    model->world = (struct world){
        .wall_ms = model_wall_ms,
        .mono_ns = model_mono_ns,
        .random = model_random,
        .uuid_last = &model->uuid_last,
        .self = model,
    };
    model->wall_ms = 1704067200000; // 2024-01-01T00:00:00Z
    model->mono_ns = 1000000000;    // not 0, which means "no deadline"
    memcpy(model->rng, rng.s, sizeof rng.s);
    atomic_init(&model->uuid_last, 0);
}

void world_model_advance(struct world_model *model, uint64_t ms) {
    model->wall_ms += ms;
    model->mono_ns += ms * 1000000;
}

// Milliseconds (48 bits) and counter (12 bits) as one number that only grows (RFC 9562 §6.2, method
// 1). The counter begins each millisecond at random in its lower half; if it overflows, it runs
// ahead of the clock.
static uint64_t uuid7_next(_Atomic uint64_t *last, uint64_t now_ms, uint32_t random) {
    uint64_t fresh = (now_ms & 0xffffffffffff) << 12 | (random & 0x7ff);
    uint64_t before = atomic_load_explicit(last, memory_order_relaxed), next;
    do {
        next = fresh > before ? fresh : before + 1;
    } while (!atomic_compare_exchange_weak_explicit(last, &before, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    return next;
}

void world_uuid7(const struct world *w, char out[37]) {
    static const char hex[] = "0123456789abcdef";
    uint8_t random[12], bytes[16];
    world_random(w, random, sizeof random);
    uint64_t stamp = uuid7_next(w->uuid_last ? w->uuid_last : &system_uuid_last, world_wall_ms(w),
                                bits_le32(random));
    bits_put_be64(bytes, (stamp >> 12) << 16 | 0x7000 | (stamp & 0xfff));
    memcpy(bytes + 8, random + 4, 8);
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));
    char *at = out;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
        *at++ = hex[bytes[i] >> 4];
        *at++ = hex[bytes[i] & 15];
    }
    *at = '\0';
}
