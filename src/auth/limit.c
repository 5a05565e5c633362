#include "auth/limit.h"

#include "base/bits/bits.h"

enum { SETS = 1024, WAYS = 4 };
#define NS_A_SECOND 1000000000.0

struct bucket {
    uint64_t name; // hash; 0: empty
    uint64_t at_ns;
    double left; // at that time
};
struct limit {
    struct mutex mutex;
    uint32_t a_second, burst;
    uint64_t seed; // of this process: nobody knows which names share a set
    struct bucket sets[SETS][WAYS];
};

struct limit *limit_open(uint32_t a_second, uint32_t burst) {
    struct limit *limit = mem_zalloc(sizeof *limit);
    if (!limit) return NULL;
    limit->a_second = a_second;
    limit->burst = burst;
    world_random(&world_system, &limit->seed, sizeof limit->seed);
    mutex_init(&limit->mutex);
    return limit;
}

void limit_close(struct limit *limit) {
    if (!limit) return;
    mutex_destroy(&limit->mutex);
    mem_free(limit);
}

static struct bucket *bucket_of(struct limit *limit, struct slice name) {
    uint64_t hash = hash_bytes_seed(name.p, name.n, limit->seed) | 1;
    struct bucket *set = limit->sets[hash >> 32 & (SETS - 1)], *oldest = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].name == hash) return &set[i];
        if (set[i].at_ns < oldest->at_ns) oldest = &set[i];
    }
    *oldest = (struct bucket){.name = hash, .left = limit->burst};
    return oldest;
}

static bool count(struct limit *limit, struct slice name, uint64_t now_ns, double take,
                  struct limit_state *out) {
    mutex_lock(&limit->mutex);
    struct bucket *bucket = bucket_of(limit, name);
    double since = now_ns > bucket->at_ns ? (double)(now_ns - bucket->at_ns) / NS_A_SECOND : 0;
    bucket->left += since * limit->a_second;
    if (bucket->left > limit->burst) bucket->left = limit->burst;
    bucket->at_ns = now_ns;
    bool there = bucket->left >= 1;
    if (there) bucket->left -= take;
    double missing = 1 - bucket->left;
    *out =
        (struct limit_state){.a_second = limit->a_second,
                             .left = (uint32_t)bucket->left,
                             .wait_s = missing > 0 ? (uint32_t)(missing / limit->a_second) + 1 : 0};
    mutex_unlock(&limit->mutex);
    return there;
}

bool limit_take(struct limit *limit, struct slice name, uint64_t now_ns, struct limit_state *out) {
    return count(limit, name, now_ns, 1, out);
}

bool limit_look(struct limit *limit, struct slice name, uint64_t now_ns, struct limit_state *out) {
    return count(limit, name, now_ns, 0, out);
}
