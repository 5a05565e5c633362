// Changes of all that match a filter: each document once, whatever happens in between: writers,
// calls that stop and go on, conditions that apply cannot run, schemas with patterns.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/os/thread.h"
#include "engine/where.h"
#include "support/engine_harness.h"

enum { DOCUMENTS = 30 };

static void fill(struct harness *h) {
    for (int i = 0; i < DOCUMENTS; i++) {
        char json[80];
        snprintf(json, sizeof json, "{\"_id\":%d,\"n\":%d,\"s\":\"%c%d\",\"k\":0}", i, i % 10,
                 'a' + i % 3, i);
        assert_int_equal(harness_put(h, "c", json, NULL), NACRE_OK);
    }
}

static struct where_request patch(struct harness *h, const char *filter, const char *json) {
    return (struct where_request){.target.collection = SLICE_LIT("c"),
                                  .kind = WRITE_PATCH,
                                  .filter = slice_str(filter),
                                  .body = harness_bson(h, json),
                                  .chunk = 4};
}

static int64_t number(struct harness *h, int64_t id, const char *name) {
    const char *json = harness_get(h, "c", val_int(id));
    char field[16];
    snprintf(field, sizeof field, "\"%s\":", name);
    const char *at = json ? strstr(json, field) : NULL;
    return at ? strtoll(at + strlen(field), NULL, 10) : -1;
}

static int64_t sum(struct harness *h, const char *name) {
    int64_t n = 0;
    for (int64_t i = 0; i < DOCUMENTS; i++)
        if (harness_get(h, "c", val_int(i))) n += number(h, i, name);
    return n;
}

static void test_chunks(void **state) {
    (void)state;
    struct harness h;
    struct where_result told;
    harness_open_memory(&h, 1);
    fill(&h);
    struct where_request r = patch(&h, "n < 5", "{\"$inc\":{\"k\":1,\"n\":100}}");
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_OK);
    assert_int_equal(told.matched, 15);
    assert_int_equal(told.changed, 15);
    assert_false(told.replayed);
    assert_int_not_equal(told.key[0], 0); // several chunks, and none was given
    assert_int_equal(sum(&h, "k"), 15);
    r = patch(&h, "n = 6", "{\"k\":7}");
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_OK);
    assert_int_equal(told.changed, 3);
    assert_int_equal(told.key[0], 0);
    r = patch(&h, "n = 77", "{\"k\":7}");
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_OK);
    assert_int_equal(told.changed, 0);
    assert_int_equal(told.seq, 0);
    r.kind = WRITE_DELETE;
    r.filter = SLICE_LIT("k = 7");
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_OK);
    assert_int_equal(told.changed, 3);
    assert_null(harness_get(&h, "c", val_int(6)));
    r.target.collection = SLICE_LIT("none");
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_COLLECTION_NOT_FOUND);
    harness_close(&h);
}

// --- stopping and going on --------------------------------------------------------------

struct stop {
    int chunks, after;
    char key[WHERE_KEY_MAX];
};

static bool on_chunk(void *arg, const struct where_result *so_far) {
    struct stop *stop = arg;
    memcpy(stop->key, so_far->key, sizeof stop->key);
    return ++stop->chunks != stop->after;
}

static void test_going_on(void **state) {
    (void)state;
    for (int after = 1; after < 8; after++) {
        struct harness h;
        struct where_result told;
        struct stop stop = {.after = after};
        harness_open_memory(&h, (uint64_t)after);
        fill(&h);
        struct where_request r = patch(&h, "{}", "{\"$inc\":{\"k\":1}}");
        r.progress = on_chunk;
        r.arg = &stop;
        assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_CANCELLED);
        assert_int_equal(told.changed, 4 * after);
        assert_int_equal(sum(&h, "k"), 4 * after);
        harness_reopen(&h);
        r = patch(&h, "{}", "{\"$inc\":{\"k\":1}}");
        r.idempotency.key = slice_str(stop.key);
        r.chunk = 7;
        // Another body is another request.
        r.idempotency.body_hash = 1;
        assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_IDEMPOTENCY_KEY_REUSED);
        r.idempotency.body_hash = 0;
        assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_OK);
        assert_int_equal(told.changed, DOCUMENTS);
        assert_false(told.replayed);
        assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_OK);
        assert_int_equal(told.changed, DOCUMENTS);
        assert_true(told.replayed);
        assert_int_equal(sum(&h, "k"), DOCUMENTS);
        harness_close(&h);
    }
}

// What is known of a change lasts a day from its last chunk.
static void test_forgotten(void **state) {
    (void)state;
    static const char json[] = "{\"$inc\":{\"k\":1}}";
    struct harness h;
    struct where_result told;
    struct stop stop = {.after = 1};
    harness_open_memory(&h, 3);
    fill(&h);
    struct where_request r = patch(&h, "{}", json);
    r.progress = on_chunk;
    r.arg = &stop;
    r.idempotency.key = SLICE_LIT("key");
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_CANCELLED);
    world_model_advance(&h.world, 23 * 3600 * 1000);
    assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    r.body = harness_bson(&h, json);
    stop = (struct stop){.after = 2}; // it is told first how far the call before came
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_CANCELLED);
    world_model_advance(&h.world, 2 * 3600 * 1000); // the first chunk was more than a day ago
    assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    r.body = harness_bson(&h, json);
    stop = (struct stop){0};
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_OK);
    assert_int_equal(told.changed, DOCUMENTS);
    assert_int_equal(sum(&h, "k"), DOCUMENTS);
    world_model_advance(&h.world, 25 * 3600 * 1000);
    assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    r.body = harness_bson(&h, json);
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_OK);
    assert_false(told.replayed);
    assert_int_equal(sum(&h, "k"), 2 * DOCUMENTS);
    harness_close(&h);
}

// --- all or nothing ---------------------------------------------------------------------

static void make_unique(struct harness *h) {
    struct result ignored;
    struct catalog_request index = {.op = CATALOG_CREATE_INDEX,
                                    .target.collection = SLICE_LIT("c"),
                                    .index = SLICE_LIT("u"),
                                    .body =
                                        harness_bson(h, "{\"fields\":[\"s\"],\"unique\":true}")};
    assert_int_equal(engine_catalog(&h->ctx, h->engine, &index, &ignored), NACRE_OK);
    assert_int_equal(engine_wait_index(&h->ctx, h->engine, index.target, index.index), NACRE_OK);
}

static void test_errors(void **state) {
    (void)state;
    struct harness h;
    struct where_result told;
    harness_open_memory(&h, 1);
    fill(&h);
    make_unique(&h);
    struct where_request r = patch(&h, "{}", "{\"s\":\"same\",\"k\":1}");
    r.atomic = true;
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_UNIQUE_VIOLATION);
    assert_non_null(strstr(h.ctx.err.detail, "document \"~1\""));
    assert_int_equal(told.changed, 0);
    assert_int_equal(sum(&h, "k"), 0);
    r = patch(&h, "_id >= 10", "{\"$inc\":{\"k\":1}}");
    r.atomic = true;
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_OK);
    assert_int_equal(told.changed, DOCUMENTS - 10);
    // In chunks those before it are done, of its own nothing is.
    assert_int_equal(harness_put(&h, "c", "{\"_id\":9,\"n\":9,\"s\":\"x\",\"k\":\"no\"}", NULL),
                     NACRE_OK);
    r.atomic = false;
    r.filter = SLICE_LIT("{}");
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_INVALID_ARGUMENT);
    assert_non_null(strstr(h.ctx.err.detail, "document \"~9\""));
    assert_int_equal(told.changed, 8);
    assert_int_equal(number(&h, 7, "k"), 1);
    assert_int_equal(number(&h, 8, "k"), 0);
    // Mended, it goes on.
    assert_int_equal(harness_put(&h, "c", "{\"_id\":9,\"n\":9,\"s\":\"x\",\"k\":0}", NULL),
                     NACRE_OK);
    char key[WHERE_KEY_MAX];
    memcpy(key, told.key, sizeof key);
    r.idempotency.key = slice_str(key);
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_OK);
    assert_int_equal(told.changed, DOCUMENTS);
    assert_int_equal(sum(&h, "k"), DOCUMENTS + DOCUMENTS - 10);
    r = patch(&h, "{}", "{\"_version\":1,\"k\":1}");
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_INVALID_ARGUMENT);
    assert_string_equal(h.ctx.err.items[0].pointer, "/_version");
    harness_close(&h);
}

// --- what apply cannot run --------------------------------------------------------------

static void test_regex_and_patterns(void **state) {
    (void)state;
    struct harness h;
    struct where_result told;
    struct result ignored;
    harness_open_memory(&h, 1);
    struct catalog_request make = {
        .op = CATALOG_CREATE_COLLECTION,
        .target.collection = SLICE_LIT("c"),
        .body = harness_bson(&h, "{\"schema\":{\"properties\":{\"s\":{\"pattern\":\"^[abc]\"}}}}")};
    assert_int_equal(engine_catalog(&h.ctx, h.engine, &make, &ignored), NACRE_OK);
    fill(&h);
    struct where_request r = patch(&h, "{\"s\":{\"$regex\":\"^a\"}}", "{\"$inc\":{\"k\":1}}");
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_OK);
    assert_int_equal(told.changed, 10);
    r = patch(&h, "n = 1", "{\"$set\":{\"s\":\"cc\"}}");
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_OK);
    assert_int_equal(told.changed, 3);
    r = patch(&h, "n = 1", "{\"$set\":{\"s\":\"z\"}}");
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_SCHEMA_VIOLATION);
    assert_non_null(strstr(h.ctx.err.detail, "document \"~1\""));
    // A test of a JSON Patch is no condition of the change: it fails it.
    r = patch(&h, "n = 1",
              "{\"ops\":[{\"op\":\"test\",\"path\":\"/k\",\"value\":9},"
              "{\"op\":\"replace\",\"path\":\"/k\",\"value\":1}]}");
    r.format = PATCH_FORMAT_OPS;
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_CONDITION_FAILED);
    r.kind = WRITE_DELETE;
    r.filter = SLICE_LIT("{\"s\":{\"$regex\":\"^c+$\"}}");
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_OK);
    assert_int_equal(told.changed, 3);
    harness_close(&h);
}

// --- in a transaction -------------------------------------------------------------------

static void test_transaction(void **state) {
    (void)state;
    struct harness h;
    struct where_result told;
    struct result result;
    struct engine_tx *tx;
    struct engine_tx_options options = {0};
    harness_open_memory(&h, 1);
    fill(&h);
    assert_int_equal(engine_tx_new(&h.ctx, h.engine, &tx), NACRE_OK);
    assert_int_equal(engine_tx_begin(&h.ctx, tx, &options), NACRE_OK);
    struct where_request r = patch(&h, "n < 5", "{\"$inc\":{\"n\":100}}");
    r.tx = tx;
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_OK);
    assert_int_equal(told.changed, 15);
    r.filter = SLICE_LIT("n >= 100"); // sees its own
    r.atomic = true;
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_OK);
    assert_int_equal(told.changed, 15);
    assert_int_equal(number(&h, 0, "n"), 0); // nobody else does
    r.idempotency.key = SLICE_LIT("key");
    assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_INVALID_ARGUMENT);
    assert_int_equal(engine_tx_commit(&h.ctx, tx, &result), NACRE_OK);
    assert_int_equal(number(&h, 0, "n"), 200);
    engine_tx_free(tx);
    harness_close(&h);
}

// --- while others write -----------------------------------------------------------------

enum { ROUNDS = 12, WRITERS = 3, WRITES = 150 };

struct writer {
    struct harness *h;
    int64_t me;
    nacre_status failed;
};

// Takes documents out of the filter and puts them in again, and counts in another field.
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
        bson_open_object(&b, SLICE_LIT("$inc"));
        bson_put(&b, SLICE_LIT("w"), val_int(1));
        bson_close(&b);
        bson_open_object(&b, SLICE_LIT("$set"));
        bson_put(&b, SLICE_LIT("flag"), val_bool(i % 2));
        bson_close(&b);
        bson_end(&b);
        struct write_item item = {.kind = WRITE_PATCH,
                                  .id = val_int((i * 7 + w->me) % DOCUMENTS),
                                  .body = buf_slice(&body)};
        struct write_request request = {.target.collection = SLICE_LIT("c"),
                                        .count = 1,
                                        .items = &item,
                                        .durability = DURABILITY_MEMORY};
        w->failed = engine_write(&ctx, w->h->engine, &request, &ignored);
        ctx_reset(&ctx);
    }
    ctx_free(&ctx);
}

// Every change that is told is one increment: the sum in the documents is that of the answers.
static void test_threads(void **state) {
    (void)state;
    struct harness h;
    struct thread threads[WRITERS];
    struct writer writers[WRITERS];
    struct where_result told;
    uint64_t changed = 0;
    harness_open_dir(&h, true);
    fill(&h);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.h = &h, .me = i};
        assert_int_equal(thread_start(&h.ctx, "writer", write_main, &writers[i], &threads[i]),
                         NACRE_OK);
    }
    for (int i = 0; i < ROUNDS; i++) {
        static const char *const filters[] = {"flag = true", "{\"s\":{\"$regex\":\"^[ab]\"}}"};
        struct where_request r = patch(&h, filters[i % 2], "{\"$inc\":{\"k\":1}}");
        r.durability = DURABILITY_MEMORY;
        r.atomic = i % 4 == 2;
        assert_int_equal(engine_where(&h.ctx, h.engine, &r, &told), NACRE_OK);
        assert_true(told.changed <= told.matched);
        changed += told.changed;
    }
    for (int i = 0; i < WRITERS; i++) {
        thread_join(&threads[i]);
        assert_int_equal(writers[i].failed, NACRE_OK);
    }
    assert_int_equal(sum(&h, "k"), changed);
    int64_t writes = 0;
    for (int64_t i = 0; i < DOCUMENTS; i++)
        writes += number(&h, i, "w") > 0 ? number(&h, i, "w") : 0;
    assert_int_equal(writes, WRITERS * WRITES);
    harness_close(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_going_on),
        cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_regex_and_patterns),
        cmocka_unit_test(test_transaction),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
