// Work nobody waits for: expiry, index builds, the horizon (one thread); log sync of memory-level
// writes, flushing, trimming of the log (another).
#include "engine/changes.h"
#include "engine/internal.h"

enum { HEAP_PAUSE_MS = 500, HEAP_PAUSE_MAX_MS = 8000, HEAP_WORTH = 16, IDLE_MS = 3000 };

nacre_status engine_sync_log(struct ctx *ctx, struct engine *e) {
    uint64_t synced;
    mutex_lock(&e->bg_lock);
    bool unsynced = e->unsynced;
    e->unsynced = false;
    mutex_unlock(&e->bg_lock);
    if (!unsynced) return NACRE_OK;
    TRY(e->log->ops->sync(e->log, ctx, &synced));
    engine_changes_wake(e);
    return NACRE_OK;
}

nacre_status engine_flush(struct ctx *ctx, struct engine *e) {
    struct view *view = engine_view(e);
    struct position at;
    nacre_status status = position_read(ctx, e->kv, view->kv_view, &at);
    txn_view_release(view);
    if (status != NACRE_OK) return status;
    uint64_t bytes = atomic_load(&e->log_bytes_since_flush);
    TRY(e->kv->ops->flush(e->kv, ctx));
    // Only now is everything up to `at` in the store for good (E4). The record at.index itself
    // stays: it may be half applied.
    atomic_store(&e->flushed_index, at.index);
    atomic_fetch_sub(&e->log_bytes_since_flush, bytes);
    mutex_lock(&e->bg_lock);
    cond_broadcast(&e->flushed);
    mutex_unlock(&e->bg_lock);
    return atomic_load(&e->log_held) ? NACRE_OK : e->log->ops->trim(e->log, ctx, at.index);
}

void engine_check_disk(struct engine *e) {
    struct ctx ctx;
    uint64_t free_bytes;
    if (!e->dir) return;
    ctx_init(&ctx, e->world, NULL, 1 << 16);
    if (dir_free_bytes(&ctx, e->dir, &free_bytes) == NACRE_OK)
        atomic_store(&e->disk_full, free_bytes < e->disk_reserve);
    ctx_free(&ctx);
}

// collection NULL: what is of no collection.
static nacre_status expire_tablet(struct ctx *ctx, struct engine *e,
                                  const struct collection *collection) {
    uint32_t tablet = collection ? collection->tablet : 0;
    struct command_expire expire = {.items =
                                        ARENA_ARRAY(&ctx->arena, struct due_item, DUE_CHUNK_MAX)};
    struct buf payload BUF_CLEANUP = {0};
    struct result result;
    if (!expire.items) return err_nomem(ctx);
    TRY(txn_due(ctx, e->txn, tablet, engine_now_ms(e), DUE_CHUNK_MAX, &expire));
    if (expire.count && collection) TRY(engine_end_leases(ctx, e, collection, &expire));
    if (!expire.count) return NACRE_OK;
    buf_init(&payload, &e->budget, SIZE_MAX);
    command_expire_encode(&payload, &expire);
    TRY(buf_status(&payload));
    struct engine_command submit = {
        .type = COMMAND_EXPIRE, .tablet = tablet, .payload = buf_slice(&payload)};
    return engine_submit(ctx, e, &submit, &result);
}

// Passes over what is damaged: one collection must not keep the others from expiring.
static nacre_status sweep(struct ctx *ctx, struct engine *e) {
    engine_tx_reap(e);
    struct view *view = engine_view(e);
    nacre_status status = expire_tablet(ctx, e, NULL);
    for (uint32_t i = 0; i < view->catalog->collection_count; i++) {
        if (status != NACRE_OK && status != NACRE_CORRUPT) break;
        arena_reset(&ctx->arena);
        status = expire_tablet(ctx, e, &view->catalog->collections[i]);
    }
    txn_view_release(view);
    return status == NACRE_CORRUPT ? NACRE_OK : status; // its readers, and the check, are told
}

static nacre_status build_chunk(struct ctx *ctx, struct engine *e, uint32_t tablet,
                                uint32_t index_id) {
    struct command_build build = {
        .tablet = tablet, .index_id = index_id, .max_documents = BUILD_CHUNK};
    struct buf payload BUF_CLEANUP = {0};
    struct result result;
    buf_init(&payload, &e->budget, SIZE_MAX);
    command_build_encode(&payload, &build);
    TRY(buf_status(&payload));
    // A chunk lost with a crash is simply done again.
    struct engine_command submit = {.type = COMMAND_BUILD,
                                    .durability = DURABILITY_MEMORY,
                                    .tablet = tablet,
                                    .payload = buf_slice(&payload)};
    return engine_submit(ctx, e, &submit, &result);
}

// One chunk for every index that is being built. *worked: there was one.
static nacre_status build_round(struct ctx *ctx, struct engine *e, bool *worked) {
    struct view *view = engine_view(e);
    nacre_status status = NACRE_OK;
    *worked = false;
    for (uint32_t i = 0; i < view->catalog->collection_count; i++) {
        const struct collection *c = &view->catalog->collections[i];
        for (uint32_t k = 0; k < c->index_count && status == NACRE_OK; k++) {
            if (c->indexes[k].state != INDEX_BUILDING) continue;
            arena_reset(&ctx->arena);
            status = build_chunk(ctx, e, c->tablet, c->indexes[k].id);
            *worked = true;
        }
    }
    txn_view_release(view);
    return status;
}

static nacre_status flush_round(struct ctx *ctx, struct engine *e) {
    TRY(engine_sync_log(ctx, e));
    bool full = atomic_load(&e->log_bytes_since_flush) > e->log_limit;
    bool wanted = atomic_load(&e->flush_wanted) && atomic_exchange(&e->flush_wanted, false);
    return full || wanted ? engine_flush(ctx, e) : NACRE_OK;
}

static nacre_status jobs(struct ctx *ctx, struct engine *e) {
    bool worked = true;
    TRY(sweep(ctx, e));
    while (worked) {
        bool more = false;
        worked = false;
        TRY(engine_horizon_round(ctx, e, &worked));
        TRY(engine_history_round(ctx, e, &more));
        worked |= more;
    }
    TRY(build_round(ctx, e, &worked));
    return engine_schema_round(ctx, e, &worked);
}

// The flush does not wait for jobs that fail: with threads it has its own.
static nacre_status tick(struct ctx *ctx, struct engine *e) {
    nacre_status status = jobs(ctx, e);
    struct err err = ctx->err;
    engine_check_disk(e);
    TRY(flush_round(ctx, e));
    ctx->err = err;
    return status;
}

nacre_status engine_tick(struct ctx *ctx, struct engine *e) {
    return engine_recorded(ctx, tick(ctx, e));
}

// --- threads ----------------------------------------------------------------------------

// Under bg_lock. Waits at most wait_ms or until nudged; false when the engine is closing.
static bool pause_ms(struct engine *e, uint64_t wait_ms) {
    if (!e->stopping) (void)cond_wait_ms(&e->bg_wake, &e->bg_lock, wait_ms);
    return !e->stopping;
}

static bool stopping(struct engine *e) {
    mutex_lock(&e->bg_lock);
    bool stop = e->stopping;
    mutex_unlock(&e->bg_lock);
    return stop;
}

// After a piece that was trimmed, which took apply from writers: where there are any, they have it
// for as long again.
static void give_way(struct engine *e, uint64_t took_ns) {
    uint64_t seq = atomic_load(&e->published_seq);
    bool busy = seq > e->trimmed_seq + 1;
    e->trimmed_seq = seq;
    if (!busy) return;
    mutex_lock(&e->bg_lock);
    (void)pause_ms(e, took_ns / 1000000 + 1);
    mutex_unlock(&e->bg_lock);
}

// Failures show at the next write; here they only end the round.
static void jobs_round(struct ctx *ctx, struct engine *e, uint64_t *next_sweep_ns) {
    bool worked = true;
    while (worked && !stopping(e)) {
        uint64_t now_ns = world_mono_ns(e->world);
        ctx_reset(ctx);
        if (now_ns >= *next_sweep_ns) {
            if (sweep(ctx, e) != NACRE_OK) return;
            *next_sweep_ns = now_ns + SWEEP_MS * 1000000ull;
        }
        ctx_reset(ctx);
        bool held = false, trimmed = false, more = false;
        if (build_round(ctx, e, &worked) != NACRE_OK) return;
        if (engine_schema_round(ctx, e, &held) != NACRE_OK) return;
        now_ns = world_mono_ns(e->world);
        if (engine_horizon_round(ctx, e, &trimmed) != NACRE_OK) return;
        if (engine_history_round(ctx, e, &more) != NACRE_OK) return;
        trimmed |= more;
        worked |= held;
        if (trimmed && !worked) give_way(e, world_mono_ns(e->world) - now_ns);
        worked |= trimmed;
    }
}

static void jobs_main(void *arg) {
    struct engine *e = arg;
    struct ctx ctx;
    uint64_t next_sweep_ns = 0;
    ctx_init(&ctx, e->world, &e->budget, SIZE_MAX);
    mutex_lock(&e->bg_lock);
    do {
        mutex_unlock(&e->bg_lock);
        jobs_round(&ctx, e, &next_sweep_ns);
        mutex_lock(&e->bg_lock);
    } while (pause_ms(e, SWEEP_MS));
    mutex_unlock(&e->bg_lock);
    ctx_free(&ctx);
}

// Blocks come and go in the store's cache, in heaps of several threads, and what is free of one
// heap serves no other: without this the process grows beyond the budget. Where it gives little
// back, as in a process that holds more than this database, it is tried less and less often.
struct heap_watch {
    uint64_t next_ns, pause_ms;
};

static void watch_heap(struct engine *e, struct heap_watch *watch) {
    uint64_t now_ns = world_mono_ns(e->world);
    if (now_ns < watch->next_ns) return;
    uint64_t before = mem_resident(), most = e->budget.limit / 4 * 3;
    if (before > most) mem_trim();
    bool idle = before > most && before - before / HEAP_WORTH < mem_resident();
    watch->pause_ms = idle ? watch->pause_ms * 2 : HEAP_PAUSE_MS;
    if (watch->pause_ms > HEAP_PAUSE_MAX_MS) watch->pause_ms = HEAP_PAUSE_MAX_MS;
    watch->next_ns = now_ns + watch->pause_ms * 1000000;
}

// When the last write was seen, and what the store was told of it.
struct idle_watch {
    uint64_t seq, since_ns, next_ns;
    bool idle;
};

// While nobody writes the store is told so every few seconds, and at once when somebody does again.
static nacre_status watch_idle(struct ctx *ctx, struct engine *e, struct idle_watch *watch) {
    uint64_t now_ns = world_mono_ns(e->world), seq = atomic_load(&e->published_seq);
    if (!e->kv->ops->settle || e->read_only) return NACRE_OK;
    if (watch->seq != seq) watch->since_ns = now_ns;
    watch->seq = seq;
    bool idle = now_ns - watch->since_ns >= IDLE_MS * 1000000ull && !atomic_load(&e->disk_full);
    if (idle == watch->idle && (!idle || now_ns < watch->next_ns)) return NACRE_OK;
    watch->idle = idle;
    watch->next_ns = now_ns + IDLE_MS * 1000000ull;
    return e->kv->ops->settle(e->kv, ctx, idle);
}

static void flusher_main(void *arg) {
    struct engine *e = arg;
    struct ctx ctx;
    struct heap_watch heap = {.pause_ms = HEAP_PAUSE_MS};
    struct idle_watch idle = {.since_ns = world_mono_ns(e->world)};
    ctx_init(&ctx, e->world, &e->budget, SIZE_MAX);
    mutex_lock(&e->bg_lock);
    while (pause_ms(e, MEMORY_SYNC_MS)) {
        mutex_unlock(&e->bg_lock);
        ctx_reset(&ctx);
        engine_check_disk(e);
        watch_heap(e, &heap);
        nacre_status status = flush_round(&ctx, e);
        if (status == NACRE_OK) status = watch_idle(&ctx, e, &idle);
        if (status != NACRE_OK) engine_stop_writes(e, status, &ctx.err);
        mutex_lock(&e->bg_lock);
    }
    mutex_unlock(&e->bg_lock);
    ctx_free(&ctx);
}

nacre_status engine_background_start(struct ctx *ctx, struct engine *e) {
    if (e->no_background) return NACRE_OK;
    TRY(thread_start(ctx, "nacre-jobs", jobs_main, e, &e->jobs_thread));
    e->jobs_running = true;
    TRY(thread_start(ctx, "nacre-flush", flusher_main, e, &e->flusher_thread));
    e->flusher_running = true;
    return NACRE_OK;
}

void engine_background_nudge(struct engine *e) {
    mutex_lock(&e->bg_lock);
    cond_broadcast(&e->bg_wake);
    mutex_unlock(&e->bg_lock);
}

void engine_background_stop(struct engine *e) {
    mutex_lock(&e->bg_lock);
    e->stopping = true;
    cond_broadcast(&e->bg_wake);
    mutex_unlock(&e->bg_lock);
    if (e->jobs_running) thread_join(&e->jobs_thread);
    if (e->flusher_running) thread_join(&e->flusher_thread);
    e->jobs_running = e->flusher_running = false;
}

// --- waiting for an index ---------------------------------------------------------------

static nacre_status index_state(struct ctx *ctx, struct engine *e, struct target target,
                                struct slice name, enum index_state *out, char error[192]) {
    struct engine_collection handle = {.target = target};
    TRY(engine_resolve(ctx, e, target, &handle));
    struct view *view = engine_view(e);
    const struct collection *c = catalog_by_tablet(view->catalog, handle.tablet);
    const struct index_def *index = c ? catalog_index(c, name) : NULL;
    nacre_status status = NACRE_OK;
    if (index && slice_eq_str(name, index->name)) {
        *out = index->state;
        memcpy(error, index->error, 192);
    } else {
        status = c ? catalog_no_index(ctx, c, name)
                   : err_set(ctx, NACRE_COLLECTION_NOT_FOUND, "the collection was dropped");
    }
    txn_view_release(view);
    return status;
}

// An engine that stopped writing builds nothing any more.
static nacre_status check_writes(struct ctx *ctx, struct engine *e) {
    mutex_lock(&e->door);
    nacre_status status = e->failed;
    if (status != NACRE_OK) ctx->err = e->failure;
    mutex_unlock(&e->door);
    return status;
}

nacre_status engine_wait_round(struct ctx *ctx, struct engine *e) {
    TRY(ctx_check(ctx));
    TRY(check_writes(ctx, e));
    if (e->no_background) return engine_tick(ctx, e);
    engine_background_nudge(e);
    mutex_lock(&e->bg_lock);
    (void)pause_ms(e, 5);
    mutex_unlock(&e->bg_lock);
    return NACRE_OK;
}

nacre_status engine_wait_index(struct ctx *ctx, struct engine *e, struct target target,
                               struct slice index) {
    enum index_state state = INDEX_BUILDING;
    char error[192];
    for (;;) {
        TRY(index_state(ctx, e, target, index, &state, error));
        if (state == INDEX_READY) return NACRE_OK;
        if (state == INDEX_FAILED)
            return err_set(ctx, NACRE_UNIQUE_VIOLATION, "building the index failed: %s", error);
        TRY(engine_wait_round(ctx, e));
    }
}
