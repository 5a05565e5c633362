// Power cuts, in memory: several actors write to an engine on the store and the log that can lose
// what was not made durable. At a random call of one of them everything begins to fail, then the
// power goes: the store falls back to its last flush, the log to its synced records and some of the
// others. Recovery may be cut, too. Proves: no synced write is lost; memory-level ones are lost as
// a suffix; an error other than outcome_unknown means that nothing was done; reading goes on after
// the failure; the checker finds nothing; followers of changes are told each once, and nothing that
// is lost.
// NACRE_SEED repeats a run, NACRE_RUNS sets the number of cuts.
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "log/model/log_model.h"
#include "store/memkv/kv_mem.h"
#include "support/actor.h"
#include "support/failing_log.h"
#include "support/oracle.h"

enum { CUTS = 1200, CUTS_PER_STORE = 20, STEPS_MAX = 120, CALLS_MAX = 3000 };

struct stand {
    struct world_model world;
    struct ctx ctx;
    struct rng rng;
    struct kv *kv;
    struct replog *model;
    struct failing_log log;
    struct engine *engine;
    struct oracle *o;
    struct actor actors[ORACLE_ACTORS];
    bool misbehaves; // the log, at random
    uint64_t cuts, cut_opens, failed_steps, steps;
};

static void stand_new(struct stand *s, uint64_t seed) {
    struct log_model_options options = {.seed = seed};
    s->misbehaves = seed % 3 == 0;
    if (s->misbehaves)
        options = (struct log_model_options){.seed = seed,
                                             .unknown_per_mille = 3,
                                             .fail_sync_per_mille = 3,
                                             .duplicate_per_mille = 200};
    world_model_init(&s->world, seed);
    ctx_init(&s->ctx, &s->world.world, NULL, SIZE_MAX);
    rng_seed(&s->rng, seed);
    assert_int_equal(kv_mem_new(&s->ctx, &s->kv), NACRE_OK);
    kv_mem_hold(s->kv);
    assert_int_equal(log_model_new(&s->ctx, &options, &s->model), NACRE_OK);
    failing_log_init(&s->log, s->model);
    s->o = calloc(1, sizeof *s->o);
    assert_non_null(s->o);
    for (uint32_t i = 0; i < ORACLE_ACTORS; i++) {
        struct actor *a = &s->actors[i];
        actor_init(a, s->o, &s->world.world, i, rng_next(&s->rng));
        a->faults = a->small = true;
    }
}

static void stand_free(struct stand *s) {
    for (uint32_t i = 0; i < ORACLE_ACTORS; i++)
        actor_free(&s->actors[i]);
    s->model->ops->close(s->model);
    s->kv->ops->close(s->kv);
    kv_mem_release(s->kv);
    ctx_free(&s->ctx);
    free(s->o);
}

static nacre_status open_engine(struct stand *s) {
    struct engine_options options = {.create = true,
                                     .memory_bytes = 64u << 20,
                                     .log_bytes = 20000,
                                     .world = &s->world.world,
                                     .kv = s->kv,
                                     .log = &s->log.base,
                                     .no_background = true};
    ctx_reset(&s->ctx);
    return engine_open(&s->ctx, &options, &s->engine);
}

// At a random call from now on the store or the log fails.
static void arm(struct stand *s) {
    uint64_t nth = 1 + rng_below(&s->rng, 1 + rng_below(&s->rng, CALLS_MAX));
    if (rng_below(&s->rng, 2))
        kv_mem_fail_nth(s->kv, nth, true);
    else
        failing_log_arm(&s->log, 1 + nth / 20, rng_below(&s->rng, 2));
}

static void power_back(struct stand *s) {
    kv_mem_crash(s->kv);
    log_model_crash(s->model);
    log_model_reopen(s->model);
    kv_mem_fail_nth(s->kv, 0, false);
    failing_log_arm(&s->log, 0, false);
}

static void cut_power(struct stand *s) {
    kv_mem_fail_nth(s->kv, 1, true);
    failing_log_arm(&s->log, 1, false);
    ctx_reset(&s->ctx);
    nacre_status status = engine_close(&s->ctx, s->engine);
    (void)status; // the disk is dead: closing cannot have worked
    power_back(s);
    s->cuts++;
}

static void must_hold(struct stand *s) {
    if (!atomic_load(&s->o->failed)) return;
    fail_msg("%s", s->o->failure);
}

static void recover(struct stand *s) {
    while (rng_below(&s->rng, 3) == 0) {
        arm(s);
        nacre_status status = open_engine(s);
        s->cut_opens++;
        if (status == NACRE_OK)
            cut_power(s);
        else
            power_back(s);
    }
    nacre_status status = open_engine(s);
    // A model log that misbehaves at times may do so when the open makes database main.
    for (int i = 0; s->misbehaves && status != NACRE_OK && i < 5; i++) {
        power_back(s);
        status = open_engine(s);
    }
    if (status != NACRE_OK) fail_msg("open: %s", s->ctx.err.detail);
    oracle_check(s->o, &s->ctx, s->engine, ORACLE_MEMORY_LOSS);
    must_hold(s);
}

// What is published can still be read when nothing can be written any more.
static void read_on(struct stand *s) {
    struct engine_status status;
    struct engine_collection handle = {.target.collection = SLICE_LIT("c")};
    struct engine_doc doc = {0};
    engine_status(s->engine, &status);
    if (!status.writes_stopped || !atomic_load(&s->o->ready)) return;
    kv_mem_fail_nth(s->kv, 0, false);
    ctx_reset(&s->ctx);
    assert_int_equal(engine_get(&s->ctx, s->engine, &handle, val_int(ORACLE_HOT_ID), &doc),
                     NACRE_OK);
    engine_release_doc(s->engine, &doc);
}

static bool step(struct stand *s) {
    s->steps++;
    world_model_advance(&s->world, rng_below(&s->rng, 40));
    if (rng_below(&s->rng, 8) == 0) {
        ctx_reset(&s->ctx);
        return engine_tick(&s->ctx, s->engine) == NACRE_OK;
    }
    if (rng_below(&s->rng, 10) == 0) {
        ctx_reset(&s->ctx);
        return follower_read(s->o, (uint32_t)rng_below(&s->rng, FOLLOWERS), &s->ctx, s->engine,
                             rng_below(&s->rng, 20)) == NACRE_OK;
    }
    return actor_step(&s->actors[rng_below(&s->rng, ORACLE_ACTORS)]) == NACRE_OK;
}

static void live(struct stand *s) {
    uint64_t steps = rng_below(&s->rng, STEPS_MAX);
    ctx_reset(&s->ctx);
    if (oracle_setup(s->o, &s->ctx, s->engine) != NACRE_OK) return;
    for (uint32_t i = 0; i < ORACLE_ACTORS; i++)
        if (actor_resume(&s->actors[i], s->engine) != NACRE_OK) return;
    for (uint64_t i = 0; i < steps; i++) {
        if (step(s)) continue;
        must_hold(s);
        s->failed_steps++;
        read_on(s);
        return;
    }
}

static uint64_t number(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void test_cuts(void **state) {
    (void)state;
    uint64_t cuts = 0, steps = 0, cut_opens = 0, failed_steps = 0, lost = 0, acknowledged = 0;
    uint64_t runs = number("NACRE_RUNS", CUTS), seed;
    world_random(&world_system, &seed, sizeof seed);
    seed = number("NACRE_SEED", seed);
    for (; cuts < runs; seed++) {
        static struct stand s;
        printf("NACRE_SEED=%" PRIu64 "\n", seed);
        s = (struct stand){0};
        stand_new(&s, seed);
        for (int i = 0; i < CUTS_PER_STORE; i++) {
            recover(&s);
            if (rng_below(&s.rng, 4)) arm(&s);
            live(&s);
            cut_power(&s);
        }
        cuts += s.cuts;
        steps += s.steps;
        cut_opens += s.cut_opens;
        failed_steps += s.failed_steps;
        lost += s.o->lost_allowed;
        for (uint32_t a = 0; a < ORACLE_ACTORS; a++)
            acknowledged += s.o->actors[a].acknowledged;
        stand_free(&s);
    }
    printf("%" PRIu64 " power cuts (%" PRIu64 " in recovery, %" PRIu64
           " at a failing call), %" PRIu64 " steps, %" PRIu64
           " acknowledged; 0 synced losses, %" PRIu64 " memory-level ones\n",
           cuts, cut_opens, failed_steps, steps, acknowledged, lost);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cuts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
