// The pipeline with failing allocations and failing file calls: the n-th fails, once or for good,
// while an engine opens, serves a mixed load and closes. Proves: a typed error and nothing done, or
// outcome_unknown; an engine that must stop stops writing and can be closed; opened again without
// faults it holds everything acknowledged and the check is clean; nothing leaks (under ASan).
// NACRE_RUNS multiplies the number of places.
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/os/fault.h"
#include "base/os/file.h"
#include "log/model/log_model.h"
#include "store/memkv/kv_mem.h"
#include "support/actor.h"
#include "support/oracle.h"

enum { STEPS = 45 };

struct bench {
    struct world_model world;
    struct ctx ctx;
    struct rng rng;
    char dir[64]; // "" for memory
    struct kv *kv;
    struct replog *log;
    struct oracle *o;
    struct actor actors[ORACLE_ACTORS];
    struct engine *engine;
    uint64_t refused_opens, stops, errors;
};

static void bench_new(struct bench *b, bool in_memory, uint64_t seed) {
    *b = (struct bench){.dir = ""};
    world_model_init(&b->world, seed);
    ctx_init(&b->ctx, in_memory ? &b->world.world : &world_system, NULL, SIZE_MAX);
    rng_seed(&b->rng, seed);
    b->o = calloc(1, sizeof *b->o);
    assert_non_null(b->o);
    for (uint32_t i = 0; i < ORACLE_ACTORS; i++) {
        actor_init(&b->actors[i], b->o, b->ctx.world, i, rng_next(&b->rng));
        b->actors[i].faults = true;
    }
    if (!in_memory) {
        memcpy(b->dir, "/tmp/nacre-pipeline-XXXXXX", sizeof "/tmp/nacre-pipeline-XXXXXX");
        assert_non_null(mkdtemp(b->dir));
        return;
    }
    struct log_model_options options = {.seed = seed};
    assert_int_equal(kv_mem_new(&b->ctx, &b->kv), NACRE_OK);
    kv_mem_hold(b->kv);
    assert_int_equal(log_model_new(&b->ctx, &options, &b->log), NACRE_OK);
}

static void bench_free(struct bench *b) {
    for (uint32_t i = 0; i < ORACLE_ACTORS; i++)
        actor_free(&b->actors[i]);
    if (b->kv) {
        b->log->ops->close(b->log);
        b->kv->ops->close(b->kv);
        kv_mem_release(b->kv);
    } else {
        assert_int_equal(dir_remove_all(&b->ctx, b->dir), NACRE_OK);
    }
    ctx_free(&b->ctx);
    free(b->o);
}

static bool is_typed(nacre_status status) {
    return status == NACRE_MEMORY_LIMIT || status == NACRE_IO_ERROR ||
           status == NACRE_OUTCOME_UNKNOWN || status == NACRE_DISK_FULL;
}

static nacre_status open_engine(struct bench *b) {
    struct engine_options options = {.create = true,
                                     .memory_bytes = 64u << 20,
                                     .log_bytes = 40000,
                                     .disk_reserve_bytes = 1,
                                     .dir = b->dir[0] ? b->dir : NULL,
                                     .kv = b->kv,
                                     .log = b->log,
                                     .world = b->ctx.world,
                                     .no_background = true};
    if (b->log) log_model_reopen(b->log);
    ctx_reset(&b->ctx);
    return engine_open(&b->ctx, &options, &b->engine);
}

// ctx: of the call; an error is also recorded there.
static void note(struct bench *b, const struct ctx *ctx, nacre_status status) {
    if (status == NACRE_OK) return;
    if (atomic_load(&b->o->failed)) fail_msg("%s", b->o->failure);
    if (!is_typed(status)) fail_msg("%s: %s", nacre_status_code(status), ctx->err.detail);
    if (ctx->err.status != status)
        fail_msg("%s, but recorded is %s: %s", nacre_status_code(status),
                 nacre_status_code(ctx->err.status), ctx->err.detail);
    b->errors++;
}

// Goes on after an error: an actor whose operation is in doubt rests.
static void load(struct bench *b) {
    bool rests[ORACLE_ACTORS] = {false};
    ctx_reset(&b->ctx);
    nacre_status status = oracle_setup(b->o, &b->ctx, b->engine);
    note(b, &b->ctx, status);
    if (status != NACRE_OK) return;
    for (uint32_t i = 0; i < ORACLE_ACTORS; i++)
        rests[i] = actor_resume(&b->actors[i], b->engine) != NACRE_OK;
    for (int i = 0; i < STEPS; i++) {
        uint32_t who = (uint32_t)rng_below(&b->rng, ORACLE_ACTORS + 1);
        ctx_reset(&b->ctx);
        world_model_advance(&b->world, 20);
        if (who == ORACLE_ACTORS) {
            note(b, &b->ctx, engine_tick(&b->ctx, b->engine));
        } else if (!rests[who]) {
            status = actor_step(&b->actors[who]);
            note(b, &b->actors[who].ctx, status);
            rests[who] = atomic_load(&b->o->actors[who].intent.op) != ORACLE_IDLE;
        }
    }
}

static void close_engine(struct bench *b, bool faults) {
    struct engine_status status;
    engine_status(b->engine, &status);
    b->stops += status.writes_stopped;
    ctx_reset(&b->ctx);
    nacre_status closed = engine_close(&b->ctx, b->engine);
    if (!faults && closed != NACRE_OK) fail_msg("close: %s", b->ctx.err.detail);
}

// false: the n-th call never came.
static bool one_place(struct bench *b, enum fault_kind kind, int64_t nth, bool sticky,
                      bool opened) {
    if (opened) {
        if (open_engine(b) != NACRE_OK) fail_msg("open: %s", b->ctx.err.detail);
        load(b);
        fault_arm(kind, nth, sticky);
    } else {
        fault_arm(kind, nth, sticky);
        nacre_status status = open_engine(b);
        if (status != NACRE_OK) {
            fault_disarm(kind);
            if (!is_typed(status)) fail_msg("open: %s", b->ctx.err.detail);
            b->refused_opens++;
            if (open_engine(b) != NACRE_OK) fail_msg("open again: %s", b->ctx.err.detail);
        }
    }
    load(b);
    close_engine(b, true);
    fault_disarm(kind);
    bool fired = fault_fired(kind);
    if (open_engine(b) != NACRE_OK) fail_msg("open after it: %s", b->ctx.err.detail);
    oracle_check(b->o, &b->ctx, b->engine, ORACLE_NO_LOSS);
    if (atomic_load(&b->o->failed))
        fail_msg("place %" PRId64 "%s: %s", nth, sticky ? " and on" : "", b->o->failure);
    close_engine(b, false);
    return fired;
}

static void all_places(bool in_memory, enum fault_kind kind, int64_t density) {
    static struct bench b;
    uint64_t places = 0, refused = 0, stops = 0, errors = 0;
    const char *text = getenv("NACRE_RUNS");
    density *= text ? strtol(text, NULL, 10) : 1;
    for (int way = 0; way < 4; way++) {
        bool fired = true;
        for (int64_t n = 1; fired; n += 1 + n / density, places++) {
            bench_new(&b, in_memory, (uint64_t)n);
            fired = one_place(&b, kind, n, way & 1, way & 2);
            refused += b.refused_opens;
            stops += b.stops;
            errors += b.errors;
            bench_free(&b);
        }
    }
    printf("%" PRIu64 " places: %" PRIu64 " refused opens, %" PRIu64 " engines stopped, %" PRIu64
           " errors\n",
           places, refused, stops, errors);
}

static void test_memory(void **state) {
    (void)state;
    all_places(true, FAULT_ALLOC, 20);
}
static void test_memory_dir(void **state) {
    (void)state;
    all_places(false, FAULT_ALLOC, 1);
}
static void test_io(void **state) {
    (void)state;
    all_places(false, FAULT_IO, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory),
                                       cmocka_unit_test(test_memory_dir),
                                       cmocka_unit_test(test_io)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
