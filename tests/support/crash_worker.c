#include "support/crash_worker.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/os/thread.h"
#include "support/actor.h"
#include "support/oracle.h"

void faultio_mark(uint64_t value) __attribute__((weak));

enum { LOG_BYTES = 256 * 1024, DRAIN_MS = 8000 };

static struct oracle *map_oracle(const char *path, int flags) {
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(struct oracle)) != 0) return NULL;
    void *p = mmap(NULL, sizeof(struct oracle), PROT_READ | PROT_WRITE, flags, fd, 0);
    (void)close(fd);
    return p == MAP_FAILED ? NULL : p;
}

struct oracle *crash_oracle(const char *path) {
    return map_oracle(path, MAP_SHARED);
}

static struct engine_options options_of(const char *dir) {
    return (struct engine_options){.dir = dir,
                                   .create = true,
                                   .memory_bytes = 64u << 20,
                                   .log_bytes = LOG_BYTES,
                                   .disk_reserve_bytes = 1};
}

struct worker {
    struct actor actor;
    struct thread thread;
    atomic_bool *stop;
    nacre_status status;
};

static void act(void *arg) {
    struct worker *w = arg;
    w->status = NACRE_OK;
    while (w->status == NACRE_OK && !atomic_load(w->stop))
        w->status = actor_step(&w->actor);
}

struct watcher {
    struct oracle *o;
    struct engine *engine;
    uint32_t which;
    struct ctx ctx;
    struct thread thread;
    atomic_bool *stop;
};

static void watch(void *arg) {
    struct watcher *w = arg;
    follower_follow(w->o, w->which, &w->ctx, w->engine, w->stop);
}

static void sleep_ms(uint64_t ms) { (void)usleep((useconds_t)(ms * 1000)); }

// Until a lease or an expiry is left, for at most DRAIN_MS.
static bool is_drained(struct oracle *o, struct ctx *ctx, struct engine *engine) {
    bool busy = false;
    for (uint32_t slot = 0; slot < oracle_job_slot(0); slot++) {
        if (oracle_kind_of(slot) != ORACLE_TTL) continue;
        struct engine_collection handle = {.target.collection = SLICE_LIT("c")};
        struct engine_doc doc = {0};
        busy |= engine_get(ctx, engine, &handle, val_int(oracle_id(slot)), &doc) == NACRE_OK;
        engine_release_doc(engine, &doc);
    }
    for (int64_t j = 0; j < ORACLE_SHORTS; j++) {
        struct engine_collection handle = {.target.collection = SLICE_LIT("short")};
        struct engine_doc doc = {0};
        if (engine_get(ctx, engine, &handle, val_int(j), &doc) != NACRE_OK)
            oracle_fail(o, "short job %" PRId64 " cannot be read", j);
        busy |= (doc.row.flags & ROW_LEASE) != 0;
        engine_release_doc(engine, &doc);
    }
    return !busy;
}

static void drain(struct oracle *o, struct ctx *ctx, struct engine *engine) {
    for (int ms = 0; ms < DRAIN_MS; ms += 20) {
        ctx_reset(ctx);
        if (is_drained(o, ctx, engine)) return;
        sleep_ms(20);
    }
    oracle_fail(o, "leases or expiries that are due for seconds have not ended");
}

static void run_actors(struct oracle *o, struct ctx *ctx, struct engine *engine,
                       const struct crash_work *work) {
    static struct worker workers[ORACLE_ACTORS];
    static struct watcher watchers[FOLLOWERS];
    atomic_bool stop = false;
    for (uint32_t i = 0; i < ORACLE_ACTORS; i++) {
        struct worker *w = &workers[i];
        actor_init(&w->actor, o, ctx->world, i, work->seed);
        w->actor.faults = work->faults;
        w->actor.mark = work->marks ? faultio_mark : NULL;
        w->stop = &stop;
        nacre_status status = actor_resume(&w->actor, engine);
        if (status != NACRE_OK && !work->faults)
            oracle_fail(o, "actor %u cannot resume: %s: %s", i, nacre_status_code(status),
                        w->actor.ctx.err.detail);
    }
    atomic_store(&o->phase, PHASE_RUN);
    for (uint32_t i = 0; i < ORACLE_ACTORS; i++)
        if (thread_start(ctx, "actor", act, &workers[i], &workers[i].thread) != NACRE_OK)
            _exit(CRASH_EXIT_HARNESS);
    for (uint32_t i = 0; i < FOLLOWERS; i++) {
        watchers[i] = (struct watcher){.o = o, .engine = engine, .which = i, .stop = &stop};
        ctx_init(&watchers[i].ctx, ctx->world, NULL, SIZE_MAX);
        if (thread_start(ctx, "watcher", watch, &watchers[i], &watchers[i].thread) != NACRE_OK)
            _exit(CRASH_EXIT_HARNESS);
    }
    for (uint64_t ms = 0; ms < work->run_ms && !atomic_load(&o->failed); ms += 2)
        sleep_ms(2);
    atomic_store(&stop, true);
    for (uint32_t i = 0; i < ORACLE_ACTORS; i++) {
        thread_join(&workers[i].thread);
        actor_free(&workers[i].actor);
    }
    for (uint32_t i = 0; i < FOLLOWERS; i++) {
        thread_join(&watchers[i].thread);
        ctx_free(&watchers[i].ctx);
    }
}

// An open or a setup that the failing disk ends is no fault of the database.
static int machine_failed(struct oracle *o, const struct crash_work *work, struct ctx *ctx,
                          const char *what) {
    if (!work->faults)
        oracle_fail(o, "%s: %s: %s", what, nacre_status_code(ctx->err.status), ctx->err.detail);
    return work->faults ? CRASH_EXIT_MACHINE : CRASH_EXIT_ORACLE;
}

int crash_worker(const struct crash_work *work) {
    struct oracle *o = crash_oracle(work->oracle_path);
    struct ctx ctx;
    struct engine *engine;
    struct engine_options options = options_of(work->dir);
    if (!o) return CRASH_EXIT_HARNESS;
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX);
    if (engine_open(&ctx, &options, &engine) != NACRE_OK)
        return machine_failed(o, work, &ctx, "open");
    atomic_store(&o->phase, PHASE_CHECK);
    if (!work->faults) oracle_check(o, &ctx, engine, ORACLE_NO_LOSS);
    if (oracle_setup(o, &ctx, engine) != NACRE_OK) return machine_failed(o, work, &ctx, "setup");
    run_actors(o, &ctx, engine, work);
    if (work->drain) {
        drain(o, &ctx, engine);
        oracle_check(o, &ctx, engine, ORACLE_NO_LOSS);
    }
    atomic_store(&o->phase, PHASE_CLOSE);
    if (engine_close(&ctx, engine) != NACRE_OK) return machine_failed(o, work, &ctx, "close");
    ctx_free(&ctx);
    atomic_store(&o->phase, PHASE_END);
    return 0;
}

int crash_verify(const char *dir, const char *oracle_path, uint64_t mark) {
    struct oracle *o = map_oracle(oracle_path, MAP_PRIVATE);
    struct ctx ctx;
    struct engine *engine;
    struct engine_options options = options_of(dir);
    options.no_background = true;
    if (!o) return CRASH_EXIT_HARNESS;
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX);
    if (engine_open(&ctx, &options, &engine) != NACRE_OK) {
        printf("open: %s: %s\n", nacre_status_code(ctx.err.status), ctx.err.detail);
        return CRASH_EXIT_ORACLE;
    }
    o->mark = mark;
    oracle_check(o, &ctx, engine, ORACLE_POWER_LOSS);
    if (atomic_load(&o->failed)) printf("%s\n", o->failure);
    nacre_status status = engine_close(&ctx, engine);
    ctx_free(&ctx);
    if (status != NACRE_OK) printf("close: %s\n", nacre_status_code(status));
    return atomic_load(&o->failed) || status != NACRE_OK ? CRASH_EXIT_ORACLE : 0;
}
