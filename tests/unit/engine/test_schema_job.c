// A schema given to a collection that holds documents: they are held against it part by part while
// others write, who must fit the old and the new one; it goes on after a restart; it is taken, or
// refused with the first offenders. At random, held to what must be so afterwards: who was told
// that it was taken finds no document that does not fit, and it is refused only where there was
// one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/ds/rng.h"
#include "base/os/thread.h"
#include "engine/where.h"
#include "support/engine_harness.h"

enum { PARTS = 5000 }; // documents: several parts of a job

static nacre_status alter(struct harness *h, const char *settings) {
    struct result ignored;
    struct catalog_request request = {.op = CATALOG_ALTER_COLLECTION,
                                      .target.collection = SLICE_LIT("c"),
                                      .body = harness_bson(h, settings)};
    return engine_catalog(&h->ctx, h->engine, &request, &ignored);
}

// Asks for it and does not wait.
static nacre_status begin(struct harness *h, const char *settings) {
    struct buf payload BUF_CLEANUP = {0};
    struct result ignored;
    struct command_catalog command = {.op = CATALOG_ALTER_COLLECTION,
                                      .database = SLICE_LIT("main"),
                                      .collection = SLICE_LIT("c"),
                                      .body = harness_bson(h, settings)};
    buf_init(&payload, NULL, SIZE_MAX);
    command_catalog_encode(&payload, &command);
    struct engine_command submitted = {.type = COMMAND_CATALOG, .payload = buf_slice(&payload)};
    return engine_submit(&h->ctx, h->engine, &submitted, &ignored);
}

struct seen {
    bool changing, has_schema;
    uint32_t epoch;
    uint64_t documents; // of the job
    uint64_t refused;
};

static struct seen look(struct harness *h) {
    struct view *view = engine_view(h->engine);
    const struct database *db = catalog_database(view->catalog, SLICE_LIT("main"));
    const struct collection *c = catalog_collection(view->catalog, db->id, SLICE_LIT("c"));
    struct seen seen = {c->next_schema.n != 0, c->schema.n != 0, c->schema_epoch, 0, 0};
    struct slice error;
    if (seen.changing)
        assert_int_equal(
            txn_schema_progress(&h->ctx, view->kv, view->kv_view, c->tablet, &seen.documents, NULL),
            NACRE_OK);
    else
        assert_int_equal(
            txn_schema_failure(&h->ctx, view->kv, view->kv_view, c->tablet, &seen.refused, &error),
            NACRE_OK);
    txn_view_release(view);
    return seen;
}

static nacre_status put(struct harness *h, int64_t id, int n) {
    char json[80];
    snprintf(json, sizeof json, "{\"_id\":%lld,\"n\":%d}", (long long)id, n);
    return harness_put(h, "c", json, NULL);
}

static void fill(struct harness *h, int documents) {
    for (int i = 0; i < documents; i++) {
        ctx_reset(&h->ctx);
        assert_int_equal(put(h, i, i % 10), NACRE_OK);
    }
}

static void tick(struct harness *h) { assert_int_equal(engine_tick(&h->ctx, h->engine), NACRE_OK); }

static void test_parts(void **state) {
    (void)state;
    struct harness h;
    static const char nine[] = "{\"schema\":{\"properties\":{\"n\":{\"maximum\":9}}}}";
    harness_open_memory(&h, 1);
    fill(&h, PARTS);
    assert_int_equal(begin(&h, nine), NACRE_OK);
    assert_true(look(&h).changing);
    tick(&h);
    assert_int_equal(look(&h).documents, 2000);
    // What is written meanwhile must fit already, behind and before the job.
    assert_int_equal(put(&h, 5, 10), NACRE_SCHEMA_VIOLATION);
    assert_non_null(strstr(h.ctx.err.hint, "about to get"));
    assert_int_equal(put(&h, 4999, 10), NACRE_SCHEMA_VIOLATION);
    assert_int_equal(put(&h, 4999, 3), NACRE_OK);
    harness_reopen(&h);
    assert_int_equal(look(&h).documents, 2000);
    // Asked for again it is the same change, if that is all that is asked for.
    assert_int_equal(begin(&h, nine), NACRE_OK);
    assert_int_equal(begin(&h, "{\"ttl_seconds\":5,\"schema\":{\"properties\":{\"n\":{\"maximum\":"
                               "9}}}}"),
                     NACRE_INVALID_ARGUMENT);
    assert_int_equal(look(&h).documents, 2000);
    tick(&h);
    assert_int_equal(look(&h).documents, 4000);
    uint32_t epoch = look(&h).epoch;
    tick(&h);
    assert_false(look(&h).changing);
    assert_true(look(&h).has_schema);
    assert_int_equal(look(&h).epoch, epoch + 1);
    assert_int_equal(put(&h, 1, 10), NACRE_SCHEMA_VIOLATION);
    assert_int_equal(alter(&h, nine), NACRE_OK); // nothing to do
    harness_close(&h);
}

static void test_refused(void **state) {
    (void)state;
    struct harness h;
    harness_open_memory(&h, 1);
    fill(&h, PARTS);
    assert_int_equal(put(&h, 4500, 99), NACRE_OK);
    assert_int_equal(put(&h, 4501, 98), NACRE_OK);
    assert_int_equal(alter(&h, "{\"schema\":{\"properties\":{\"n\":{\"maximum\":9}}}}"),
                     NACRE_SCHEMA_VIOLATION);
    assert_non_null(strstr(h.ctx.err.detail, "2 documents of collection c do not fit"));
    assert_int_equal(h.ctx.err.item_count, 2);
    assert_string_equal(h.ctx.err.items[0].pointer, "~4500/n");
    assert_string_equal(h.ctx.err.items[0].got, "99");
    assert_string_equal(h.ctx.err.items[1].pointer, "~4501/n");
    assert_false(look(&h).changing);
    assert_false(look(&h).has_schema);
    assert_true(look(&h).refused > 0);
    assert_int_equal(put(&h, 1, 10), NACRE_OK); // the old one, which is none, holds
    harness_reopen(&h);
    assert_true(look(&h).refused > 0);
    // The next change forgets it. One with patterns is held against, too.
    static const char text[] = "{\"schema\":{\"properties\":{\"s\":{\"pattern\":\"^a\"}}}}";
    assert_int_equal(alter(&h, text), NACRE_OK);
    assert_int_equal(look(&h).refused, 0);
    assert_int_equal(harness_put(&h, "c", "{\"_id\":1,\"s\":\"b\"}", NULL), NACRE_SCHEMA_VIOLATION);
    harness_close(&h);
}

// Another change takes its place; null takes it away.
static void test_replaced(void **state) {
    (void)state;
    struct harness h;
    harness_open_memory(&h, 1);
    fill(&h, PARTS);
    assert_int_equal(begin(&h, "{\"schema\":{\"required\":[\"nope\"]}}"), NACRE_OK);
    assert_int_equal(put(&h, 1, 1), NACRE_SCHEMA_VIOLATION);
    assert_int_equal(begin(&h, "{\"schema\":{\"required\":[\"n\"]}}"), NACRE_OK);
    assert_int_equal(put(&h, 1, 1), NACRE_OK);
    tick(&h);
    assert_int_equal(begin(&h, "{\"schema\":null}"), NACRE_OK);
    assert_false(look(&h).changing);
    assert_int_equal(harness_put(&h, "c", "{\"_id\":1}", NULL), NACRE_OK);
    for (int i = 0; i < 4; i++)
        tick(&h);
    assert_false(look(&h).has_schema);
    // Defaults of the next one are filled in meanwhile; documents that are there are not changed.
    assert_int_equal(
        begin(&h, "{\"schema\":{\"properties\":{\"d\":{\"default\":7}},\"required\":[\"d\"]}}"),
        NACRE_OK);
    assert_int_equal(put(&h, 1, 1), NACRE_OK);
    assert_string_equal(harness_get(&h, "c", val_int(1)), "{\"_id\":1,\"n\":1,\"d\":7}");
    tick(&h);
    assert_false(look(&h).changing);
    assert_true(look(&h).refused > 0);
    assert_string_equal(harness_get(&h, "c", val_int(2)), "{\"_id\":2,\"n\":2}");
    harness_close(&h);
}

// --- at random --------------------------------------------------------------------------

enum { RUNS = 30, IDS = 400, SCALE = 12 };

static int greatest(const int *n) {
    int most = -1;
    for (int i = 0; i < IDS; i++)
        if (n[i] > most) most = n[i];
    return most;
}

static void random_writes(struct harness *h, struct rng *rng, int *n, int low, int high) {
    for (uint64_t i = rng_below(rng, 40); i; i--) {
        int id = (int)rng_below(rng, IDS), fresh = (int)rng_below(rng, SCALE);
        bool fits = (low < 0 || fresh <= low) && (high < 0 || fresh <= high);
        ctx_reset(&h->ctx);
        assert_int_equal(put(h, id, fresh), fits ? NACRE_OK : NACRE_SCHEMA_VIOLATION);
        if (fits) n[id] = fresh;
    }
}

static void test_random(void **state) {
    (void)state;
    struct harness h;
    struct rng rng;
    int n[IDS], limit = -1; // of n; -1: there is none
    rng_seed(&rng, 5);
    memset(n, 0xff, sizeof n);
    harness_open_memory(&h, 5);
    assert_int_equal(put(&h, 0, 0), NACRE_OK);
    n[0] = 0;
    for (int i = 0; i < RUNS; i++) {
        char settings[80];
        int next = 3 + (int)rng_below(&rng, SCALE - 3);
        random_writes(&h, &rng, n, limit, -1);
        if (next == limit) continue;
        bool fitted = greatest(n) <= next;
        snprintf(settings, sizeof settings,
                 "{\"schema\":{\"properties\":{\"n\":{\"maximum\":%d}}}}", next);
        assert_int_equal(begin(&h, settings), NACRE_OK);
        random_writes(&h, &rng, n, limit, next);
        if (rng_below(&rng, 3) == 0) harness_reopen(&h);
        random_writes(&h, &rng, n, limit, next);
        while (look(&h).changing)
            tick(&h);
        bool taken = look(&h).refused == 0;
        assert_true(!taken || greatest(n) <= next);
        assert_true(taken || !fitted);
        if (taken) limit = next;
    }
    harness_close(&h);
}

// --- threads ----------------------------------------------------------------------------

enum { WRITERS = 3, WRITES = 400, CHANGES = 30 };

struct writer {
    struct harness *h;
    int64_t me;
    nacre_status failed;
};

static void write_main(void *arg) {
    struct writer *w = arg;
    struct ctx ctx;
    ctx_init(&ctx, w->h->ctx.world, NULL, SIZE_MAX);
    for (int64_t i = 0; i < WRITES && w->failed == NACRE_OK; i++) {
        struct buf body BUF_CLEANUP = {0};
        struct bson_writer b;
        struct result ignored;
        buf_init(&body, NULL, SIZE_MAX);
        bson_begin(&b, &body);
        bson_put(&b, SLICE_LIT("_id"), val_int(w->me * 1000 + i % 100));
        bson_put(&b, SLICE_LIT("n"), val_int(i % 3 ? i % 5 : 9));
        bson_end(&b);
        struct write_item item = {.kind = WRITE_PUT, .body = buf_slice(&body)};
        struct write_request request = {.target.collection = SLICE_LIT("c"),
                                        .count = 1,
                                        .items = &item,
                                        .durability = DURABILITY_MEMORY};
        nacre_status status = engine_write(&ctx, w->h->engine, &request, &ignored);
        if (status != NACRE_OK && status != NACRE_SCHEMA_VIOLATION) w->failed = status;
        ctx_reset(&ctx);
    }
    ctx_free(&ctx);
}

static void count_too_great(struct harness *h, int *out) {
    struct view *view = engine_view(h->engine);
    const struct database *db = catalog_database(view->catalog, SLICE_LIT("main"));
    const struct collection *c = catalog_collection(view->catalog, db->id, SLICE_LIT("c"));
    *out = 0;
    for (int64_t id = 0; id < WRITERS * 1000 && c->schema.n; id++) {
        struct engine_collection handle = {.epoch = view->catalog->epoch, .tablet = c->tablet};
        struct engine_doc doc = {0};
        if (engine_get(&h->ctx, h->engine, &handle, val_int(id), &doc) == NACRE_OK)
            *out += bson_find(doc.row.body, SLICE_LIT("n")).i > 5;
        engine_release_doc(h->engine, &doc);
    }
    txn_view_release(view);
}

static void test_threads(void **state) {
    (void)state;
    struct harness h;
    struct writer writers[WRITERS];
    struct thread threads[WRITERS];
    int taken = 0, great;
    harness_open_dir(&h, true);
    assert_int_equal(put(&h, 0, 1), NACRE_OK);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.h = &h, .me = i};
        assert_int_equal(thread_start(&h.ctx, "writer", write_main, &writers[i], &threads[i]),
                         NACRE_OK);
    }
    for (int i = 0; i < CHANGES; i++) {
        static const char *const schemas[] = {
            "{\"schema\":{\"properties\":{\"n\":{\"maximum\":5}}}}", "{\"schema\":null}"};
        struct where_result gone;
        struct where_request out = {.target.collection = SLICE_LIT("c"),
                                    .kind = WRITE_DELETE,
                                    .filter = SLICE_LIT("n > 5"),
                                    .durability = DURABILITY_MEMORY};
        assert_int_equal(engine_where(&h.ctx, h.engine, &out, &gone), NACRE_OK);
        nacre_status status = alter(&h, schemas[i % 2]);
        assert_true(status == NACRE_OK || status == NACRE_SCHEMA_VIOLATION);
        if (i % 2 || status != NACRE_OK) continue;
        taken++;
        count_too_great(&h, &great);
        assert_int_equal(great, 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        thread_join(&threads[i]);
        assert_int_equal(writers[i].failed, NACRE_OK);
    }
    print_message("%d of %d taken\n", taken, CHANGES / 2);
    harness_close(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parts), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_replaced),
                                       cmocka_unit_test(test_random),
                                       cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
