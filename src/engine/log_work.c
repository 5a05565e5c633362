// What the log's work is counted by: one thread at a time adds, others read.
#include "engine/internal.h"

const uint32_t engine_sync_bounds_us[ENGINE_SYNC_BUCKETS] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 1000000};
const uint32_t engine_batch_bounds[ENGINE_BATCH_BUCKETS] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 1024};

static void count(_Atomic uint64_t *buckets, const uint32_t *bounds, int bound_count,
                  uint64_t value) {
    int i = 0;
    while (i < bound_count && value > bounds[i])
        i++;
    atomic_fetch_add_explicit(&buckets[i], 1, memory_order_relaxed);
}

void engine_count_sync(struct engine_log_work *work, uint64_t ns) {
    atomic_fetch_add_explicit(&work->sync_ns, ns, memory_order_relaxed);
    count(work->syncs, engine_sync_bounds_us, ENGINE_SYNC_BUCKETS, ns / 1000);
}

void engine_count_batch(struct engine_log_work *work, uint64_t commands) {
    atomic_fetch_add_explicit(&work->commands, commands, memory_order_relaxed);
    count(work->batches, engine_batch_bounds, ENGINE_BATCH_BUCKETS, commands);
}

const struct engine_log_work *engine_log_work(const struct engine *e) { return &e->log_work; }
