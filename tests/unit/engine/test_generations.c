// Sequences of writes over crashes that end generations of the log: one whose write is there is
// taken, whatever the generation, and the feed goes on after it; one whose write was lost is
// refused, also when its number is another's meanwhile.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/changes.h"
#include "log/model/log_model.h"
#include "store/memkv/kv_mem.h"
#include "support/engine_harness.h"

enum { ROUNDS = 6, WRITES = 8, SEEDS = 25 };

struct written {
    uint64_t generation, seq;
};

static void put(struct harness *h, int id, enum durability durability, struct written *out) {
    char json[32];
    struct result result;
    snprintf(json, sizeof json, "{\"_id\":%d}", id);
    struct write_item item = {.kind = WRITE_PUT, .body = harness_bson(h, json)};
    struct write_request write = {.target.collection = SLICE_LIT("things"),
                                  .count = 1,
                                  .items = &item,
                                  .durability = durability};
    assert_int_equal(engine_write(&h->ctx, h->engine, &write, &result), NACRE_OK);
    *out = (struct written){result.generation, result.seq};
}

// The power goes: of what was not synced the log keeps a part, and the store what it flushed.
static void crash(struct harness *h) {
    struct engine_options options = {.memory_bytes = 256u << 20,
                                     .kv = h->kv,
                                     .log = h->log,
                                     .world = &h->world.world,
                                     .no_background = true};
    log_model_crash(h->log);
    kv_mem_fail_nth(h->kv, 1, true);
    assert_int_not_equal(engine_close(&h->ctx, h->engine), NACRE_OK);
    kv_mem_fail_nth(h->kv, 0, false);
    kv_mem_crash(h->kv);
    log_model_reopen(h->log);
    assert_int_equal(engine_open(&h->ctx, &options, &h->engine), NACRE_OK);
}

static nacre_status follow(struct harness *h, const struct written *w) {
    struct changes_request r = {.has_since = true,
                                .since = {w->seq, UINT32_MAX},
                                .has_generation = true,
                                .generation = w->generation};
    struct target target = {.collection = SLICE_LIT("things")};
    struct engine_changes *f;
    struct engine_change change;
    bool found = true;
    assert_int_equal(engine_resolve(&h->ctx, h->engine, target, &r.collection), NACRE_OK);
    nacre_status status = engine_changes_open(&h->ctx, h->engine, &r, &f);
    if (status != NACRE_OK) return status;
    for (uint64_t last = w->seq; found; last = change.record.place.seq) {
        assert_int_equal(engine_changes_next(&h->ctx, f, 0, &change, &found), NACRE_OK);
        if (found) assert_true(change.record.place.seq > last);
    }
    engine_changes_close(f);
    return NACRE_OK;
}

// Of all writes so far. Returns those that were lost.
static uint32_t check(struct harness *h, const struct written *all, int count) {
    uint32_t lost = 0;
    for (int i = 0; i < count; i++) {
        bool there = harness_get(h, "things", val_int(i)) != NULL;
        assert_int_equal(follow(h, &all[i]), there ? NACRE_OK : NACRE_HISTORY_EXPIRED);
        lost += !there;
    }
    return lost;
}

static void test_crashes(void **state) {
    static struct written all[ROUNDS * WRITES];
    uint64_t generations = 0;
    uint32_t lost = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct harness h;
        struct rng rng;
        int n = 0;
        rng_seed(&rng, seed);
        harness_open_memory(&h, seed);
        for (int round = 0; round < ROUNDS; round++) {
            for (int i = 0; i < WRITES; i++, n++) {
                bool synced = n == 0 || rng_below(&rng, 4) == 0;
                put(&h, n, synced ? DURABILITY_SYNCED : DURABILITY_MEMORY, &all[n]);
            }
            // Sometimes the store is ahead of the log.
            if (rng_below(&rng, 3) == 0) assert_int_equal(h.kv->ops->flush(h.kv, &h.ctx), NACRE_OK);
            crash(&h);
            (void)check(&h, all, n);
        }
        struct written other = {all[n - 1].generation + 1000, 1};
        assert_int_equal(follow(&h, &other), NACRE_HISTORY_EXPIRED);
        other.generation = UINT64_MAX;
        assert_int_equal(follow(&h, &other), NACRE_HISTORY_EXPIRED);
        put(&h, n - 1, DURABILITY_SYNCED, &other);
        generations += other.generation;
        lost += check(&h, all, n - 1);
        harness_reopen(&h);
        (void)check(&h, all, n - 1);
        harness_close(&h);
    }
    assert_true(generations > 2 * SEEDS && lost > SEEDS);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_crashes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
