// Purity of apply. An engine runs a random load (documents, batches, claims, expiries, collections,
// indexes being built, staged commands) and leaves a log. The log is then applied again to empty
// stores: one command at a time, in groups of any size, with another cache or none, to RocksDB,
// through restarts that forget what was not written, and with records coming twice. Proves: the
// same effect hash, the same position, and the same bytes in every family.
// NACRE_SEED repeats a run, NACRE_RUNS sets the number of logs.
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "log/model/log_model.h"
#include "log/record.h"
#include "store/memkv/kv_mem.h"
#include "support/actor.h"
#include "support/kv_stand.h"
#include "support/oracle.h"
#include "txn/txn.h"

enum { LOGS = 6, STEPS = 350 };

struct source {
    struct world_model world;
    struct ctx ctx;
    struct rng rng;
    struct kv *kv;
    struct replog *log;
    struct position end;
    uint64_t commands;
};

// --- the log ----------------------------------------------------------------------------

static void load(struct source *s, struct oracle *o) {
    static struct actor actors[ORACLE_ACTORS];
    struct engine *engine;
    struct engine_options options = {.memory_bytes = 64u << 20,
                                     .log_bytes = UINT64_MAX / 4, // nothing is trimmed
                                     .world = &s->world.world,
                                     .kv = s->kv,
                                     .log = s->log,
                                     .no_background = true};
    assert_int_equal(engine_open(&s->ctx, &options, &engine), NACRE_OK);
    assert_int_equal(oracle_setup(o, &s->ctx, engine), NACRE_OK);
    for (uint32_t i = 0; i < ORACLE_ACTORS; i++) {
        actor_init(&actors[i], o, &s->world.world, i, rng_next(&s->rng));
        assert_int_equal(actor_resume(&actors[i], engine), NACRE_OK);
    }
    for (int i = 0; i < STEPS; i++) {
        ctx_reset(&s->ctx);
        world_model_advance(&s->world, rng_below(&s->rng, 60));
        if (rng_below(&s->rng, 6) == 0)
            assert_int_equal(engine_tick(&s->ctx, engine), NACRE_OK);
        else if (actor_step(&actors[rng_below(&s->rng, ORACLE_ACTORS)]) != NACRE_OK)
            fail_msg("%s", o->failure);
    }
    for (uint32_t i = 0; i < ORACLE_ACTORS; i++)
        actor_free(&actors[i]);
    // Closing would trim the log: from here on the store cannot be flushed.
    kv_mem_fail_nth(s->kv, 1, true);
    nacre_status status = engine_close(&s->ctx, engine);
    assert_int_equal(status, NACRE_IO_ERROR);
    kv_mem_fail_nth(s->kv, 0, false);
}

static void source_new(struct source *s, uint64_t seed) {
    struct log_model_options options = {.seed = seed};
    struct oracle *o = calloc(1, sizeof *o);
    assert_non_null(o);
    *s = (struct source){0};
    world_model_init(&s->world, seed);
    ctx_init(&s->ctx, &s->world.world, NULL, SIZE_MAX);
    rng_seed(&s->rng, seed);
    assert_int_equal(kv_mem_new(&s->ctx, &s->kv), NACRE_OK);
    assert_int_equal(log_model_new(&s->ctx, &options, &s->log), NACRE_OK);
    load(s, o);
    assert_int_equal(position_read(&s->ctx, s->kv, NULL, &s->end), NACRE_OK);
    free(o);
}

static void source_free(struct source *s) {
    s->log->ops->close(s->log);
    s->kv->ops->close(s->kv);
    ctx_free(&s->ctx);
}

// --- applying it again ------------------------------------------------------------------

struct replay {
    struct source *from;
    struct kv *kv;
    struct ctx ctx;
    struct budget budget;
    struct cache *cache;
    struct txn *txn;
    uint64_t restart_per_mille, group_per_mille; // chances after, in, a record
    size_t cache_bytes;
    uint64_t restarts;
};

static void start(struct replay *r) {
    struct txn_options options = {.kv = r->kv};
    budget_init(&r->budget, NULL, 256u << 20);
    assert_int_equal(cache_new(&r->ctx, &r->budget, r->cache_bytes, &r->cache), NACRE_OK);
    options.cache = r->cache;
    assert_int_equal(txn_open(&r->ctx, &options, &r->txn), NACRE_OK);
}

static void stop(struct replay *r) {
    txn_close(r->txn);
    cache_free(r->cache);
}

static void apply_record(struct replay *r, const struct replog_record *record,
                         struct buf *scratch) {
    struct record_head head;
    struct record_reader reader;
    struct record_command command;
    bool found = true, applied;
    assert_int_equal(record_open(&r->ctx, record->payload, scratch, &head, &reader), NACRE_OK);
    struct apply_place place = {
        .index = record->index, .generation = record->generation, .proposed_ts = head.proposed_ts};
    for (;; place.sub++) {
        assert_int_equal(record_next(&r->ctx, &reader, &command, &found), NACRE_OK);
        if (!found) return;
        place.more = rng_below(&r->from->rng, 1000) < r->group_per_mille;
        nacre_status status = txn_apply(r->txn, &command, &place, NULL, &applied);
        if (status != NACRE_OK) fail_msg("apply: %s", txn_error(r->txn)->detail);
        if (rng_below(&r->from->rng, 20) == 0) assert_int_equal(txn_publish(r->txn), NACRE_OK);
    }
}

// From where the store says that it is, or a little before. true: a restart comes.
static bool apply_some(struct replay *r, struct buf *scratch) {
    struct replog_cursor *cursor;
    struct replog_record record;
    bool found = true, restart = false;
    uint64_t at = txn_position(r->txn)->index, back = rng_below(&r->from->rng, 4);
    struct replog *log = r->from->log;
    assert_int_equal(log->ops->open_cursor(log, &r->ctx, at > back ? at - back : 1, &cursor),
                     NACRE_OK);
    while (found && !restart) {
        arena_reset(&r->ctx.arena);
        assert_int_equal(log->ops->next(cursor, &r->ctx, &record, &found), NACRE_OK);
        if (found) apply_record(r, &record, scratch);
        restart = found && rng_below(&r->from->rng, 1000) < r->restart_per_mille;
    }
    log->ops->close_cursor(cursor);
    return restart;
}

static void compare_family(struct replay *r, enum kv_family family) {
    struct kv *a = r->from->kv, *b = r->kv;
    struct kv_iter *x, *y;
    struct kv_iter_options all = {0};
    uint64_t rows = 0;
    assert_int_equal(a->ops->iter_open(a, &r->ctx, NULL, family, &all, &x), NACRE_OK);
    assert_int_equal(b->ops->iter_open(b, &r->ctx, NULL, family, &all, &y), NACRE_OK);
    x->ops->seek_first(x);
    y->ops->seek_first(y);
    for (; x->valid; x->ops->next(x)) {
        // The format row is the engine's, not a command's.
        if (family == KV_META && x->key.n == 1 && x->key.p[0] == META_FORMAT) continue;
        if (!y->valid || !slice_eq(x->key, y->key) || !slice_eq(x->value, y->value))
            fail_msg("family %d differs at row %" PRIu64 " (kind %c)", (int)family, rows,
                     x->key.n > 4 ? x->key.p[4] : '-');
        y->ops->next(y);
        rows++;
    }
    assert_false(y->valid);
    assert_true(rows > 0);
    x->ops->close(x);
    y->ops->close(y);
}

static void replay(struct replay *r) {
    struct buf scratch BUF_CLEANUP = {0};
    buf_init(&scratch, NULL, SIZE_MAX);
    ctx_init(&r->ctx, &r->from->world.world, NULL, SIZE_MAX);
    start(r);
    while (apply_some(r, &scratch)) {
        stop(r); // what was not written is forgotten
        start(r);
        r->restarts++;
    }
    assert_int_equal(txn_publish(r->txn), NACRE_OK);
    const struct position *end = txn_position(r->txn), *want = &r->from->end;
    assert_int_equal(end->index, want->index);
    assert_int_equal(end->sub, want->sub);
    assert_int_equal(end->seq, want->seq);
    assert_int_equal(end->commit_ts, want->commit_ts);
    assert_int_equal(end->generation, want->generation);
    assert_true(end->effect_hash == want->effect_hash);
    for (int f = 0; f < KV_FAMILIES; f++)
        compare_family(r, (enum kv_family)f);
    stop(r);
    ctx_free(&r->ctx);
}

static void replay_on_memory(struct source *s, struct replay how) {
    how.from = s;
    assert_int_equal(kv_mem_new(&s->ctx, &how.kv), NACRE_OK);
    replay(&how);
    how.kv->ops->close(how.kv);
}

static void replay_on_rocks(struct source *s, struct replay how) {
    struct kv_stand stand = {0};
    kv_stand_open(&stand, KV_STAND_ROCKS);
    how.from = s;
    how.kv = stand.kv;
    replay(&how);
    kv_stand_close(&stand);
}

static uint64_t number(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void test_replay(void **state) {
    (void)state;
    uint64_t runs = number("NACRE_RUNS", LOGS), seed, commands = 0;
    world_random(&world_system, &seed, sizeof seed);
    seed = number("NACRE_SEED", seed);
    for (uint64_t i = 0; i < runs; i++, seed++) {
        static struct source s;
        printf("NACRE_SEED=%" PRIu64 "\n", seed);
        source_new(&s, seed);
        replay_on_memory(&s, (struct replay){.cache_bytes = 32u << 20});
        replay_on_memory(&s, (struct replay){.group_per_mille = 1000, .cache_bytes = 1 << 16});
        replay_on_memory(&s, (struct replay){.group_per_mille = 700,
                                             .restart_per_mille = 40,
                                             .cache_bytes = 32u << 20});
        replay_on_rocks(&s, (struct replay){.group_per_mille = 800,
                                            .restart_per_mille = 5,
                                            .cache_bytes = 1 << 20});
        commands += s.end.seq;
        source_free(&s);
    }
    printf("%" PRIu64 " logs, %" PRIu64 " commands, each applied five times\n", runs, commands);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_replay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
