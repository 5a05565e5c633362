// A write that was checked under a schema which no longer holds: apply checks it again where it
// can, else it is a conflict; and many threads write while the schema comes and goes, and nothing
// that does not fit gets in.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/os/thread.h"
#include "doc/key.h"
#include "support/engine_harness.h"

static const char plain[] =
    "{\"schema\":{\"properties\":{\"n\":{\"minimum\":0},\"d\":{\"default\":1}}}}";
static const char pattern[] =
    "{\"schema\":{\"properties\":{\"n\":{\"minimum\":0},\"s\":{\"pattern\":\"^a\"}}}}";

static nacre_status alter(struct harness *h, enum catalog_op op, const char *settings) {
    struct result ignored;
    struct catalog_request request = {
        .op = op, .target.collection = SLICE_LIT("c"), .body = harness_bson(h, settings)};
    return engine_catalog(&h->ctx, h->engine, &request, &ignored);
}

// A put as its submitter closed it, under this epoch; 0: it knew of no schema.
static nacre_status submit(struct harness *h, const char *json, uint32_t epoch) {
    struct engine_collection handle = {0};
    struct target target = {.collection = SLICE_LIT("c")};
    struct buf payload BUF_CLEANUP = {0}, key BUF_CLEANUP = {0};
    struct slice body = harness_bson(h, json);
    struct result ignored;
    buf_init(&payload, NULL, SIZE_MAX);
    buf_init(&key, NULL, SIZE_MAX);
    (void)key_put(&key, bson_find(body, SLICE_LIT("_id")), false);
    assert_int_equal(engine_resolve(&h->ctx, h->engine, target, &handle), NACRE_OK);
    struct write_op op = {.kind = WRITE_PUT,
                          .tablet = handle.tablet,
                          .id_key = buf_slice(&key),
                          .flags = epoch ? WRITE_SCHEMA : 0,
                          .schema_epoch = epoch,
                          .body = body};
    struct command_write command = {.atomic = true, .count = 1, .ops = &op};
    command_write_encode(&payload, &command);
    struct engine_command submitted = {.type = COMMAND_WRITE,
                                       .tablet = handle.tablet,
                                       .key = op.id_key,
                                       .payload = buf_slice(&payload)};
    return engine_submit(&h->ctx, h->engine, &submitted, &ignored);
}

static void test_stale(void **state) {
    (void)state;
    struct harness h;
    harness_open_memory(&h, 1);
    assert_int_equal(alter(&h, CATALOG_CREATE_COLLECTION, plain), NACRE_OK); // epoch 1
    assert_int_equal(submit(&h, "{\"_id\":1,\"n\":-1}", 0), NACRE_SCHEMA_VIOLATION);
    assert_string_equal(h.ctx.err.items[0].pointer, "/n");
    assert_int_equal(submit(&h, "{\"_id\":1,\"n\":-1}", 2), NACRE_SCHEMA_VIOLATION);
    assert_int_equal(submit(&h, "{\"_id\":1,\"n\":1}", 0), NACRE_OK);
    assert_string_equal(harness_get(&h, "c", val_int(1)), "{\"_id\":1,\"n\":1,\"d\":1}");
    // Checked under the schema that holds: taken as it is.
    assert_int_equal(submit(&h, "{\"_id\":2,\"n\":-1}", 1), NACRE_OK);
    assert_int_equal(alter(&h, CATALOG_DROP_COLLECTION, "{}"), NACRE_OK);
    assert_int_equal(alter(&h, CATALOG_CREATE_COLLECTION, plain), NACRE_OK);
    assert_int_equal(alter(&h, CATALOG_ALTER_COLLECTION, pattern), NACRE_OK); // epoch 2
    assert_int_equal(alter(&h, CATALOG_ALTER_COLLECTION, "{\"ttl_seconds\":9}"), NACRE_OK);
    assert_int_equal(submit(&h, "{\"_id\":1,\"n\":1}", 0), NACRE_CONFLICT);
    assert_int_equal(submit(&h, "{\"_id\":1,\"n\":1}", 1), NACRE_CONFLICT);
    assert_int_equal(submit(&h, "{\"_id\":1,\"n\":1}", 2), NACRE_OK);
    harness_close(&h);
}

// --- threads ----------------------------------------------------------------------------

enum { WRITERS = 3, WRITES = 300, CHANGES = 40 };

struct writer {
    struct harness *h;
    uint32_t me, stored;
    nacre_status failed;
};

// Deletes what it wrote, so that the schema may change; what does not fit any schema must not be
// in.
static void write_main(void *arg) {
    struct writer *w = arg;
    struct ctx ctx;
    ctx_init(&ctx, w->h->ctx.world, NULL, SIZE_MAX);
    for (int64_t i = 0; i < WRITES && w->failed == NACRE_OK; i++) {
        struct buf body BUF_CLEANUP = {0};
        struct bson_writer b;
        struct result ignored;
        bool fits = i % 3 > 0;
        buf_init(&body, NULL, SIZE_MAX);
        bson_begin(&b, &body);
        bson_put(&b, SLICE_LIT("_id"), val_int(w->me));
        bson_put(&b, SLICE_LIT("n"), val_int(fits ? i : -1));
        bson_put(&b, SLICE_LIT("s"), val_str(SLICE_LIT("ab")));
        bson_end(&b);
        struct write_item put = {.kind = WRITE_PUT, .body = buf_slice(&body)};
        struct write_item gone = {.kind = WRITE_DELETE, .id = val_int(w->me)};
        struct write_request request = {
            .target.collection = SLICE_LIT("c"), .count = 1, .items = &put};
        nacre_status status = engine_write(&ctx, w->h->engine, &request, &ignored);
        if (status != (fits ? NACRE_OK : NACRE_SCHEMA_VIOLATION)) w->failed = status;
        if (status == NACRE_OK) {
            w->stored++;
            request.items = &gone;
            w->failed = engine_write(&ctx, w->h->engine, &request, &ignored);
        }
        ctx_reset(&ctx);
    }
    ctx_free(&ctx);
}

static void test_threads(void **state) {
    (void)state;
    struct harness h;
    struct writer writers[WRITERS];
    struct thread threads[WRITERS];
    harness_open_dir(&h, false);
    assert_int_equal(alter(&h, CATALOG_CREATE_COLLECTION, plain), NACRE_OK);
    for (uint32_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.h = &h, .me = i + 1};
        assert_int_equal(thread_start(&h.ctx, "writer", write_main, &writers[i], &threads[i]),
                         NACRE_OK);
    }
    for (int i = 0; i < CHANGES; i++) {
        nacre_status status = alter(&h, CATALOG_ALTER_COLLECTION, i % 2 ? plain : pattern);
        assert_int_equal(status, NACRE_OK); // what documents there are fit both
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        thread_join(&threads[i]);
        assert_int_equal(writers[i].failed, NACRE_OK);
        assert_int_equal(writers[i].stored, WRITES * 2 / 3);
    }
    harness_close(&h);
}

// Two patches of the shared document in one batch, under patterns: worked out before the log, on a
// version that another thread may have taken; none is lost.
static void batch_main(void *arg) {
    struct writer *w = arg;
    struct ctx ctx;
    ctx_init(&ctx, w->h->ctx.world, NULL, SIZE_MAX);
    for (int i = 0; i < WRITES / 3 && w->failed == NACRE_OK; i++) {
        struct buf body BUF_CLEANUP = {0};
        struct bson_writer b;
        struct result ignored;
        buf_init(&body, NULL, SIZE_MAX);
        bson_begin(&b, &body);
        bson_open_object(&b, SLICE_LIT("$inc"));
        bson_put(&b, SLICE_LIT("n"), val_int(1));
        bson_close(&b);
        bson_end(&b);
        struct write_item one = {.kind = WRITE_PATCH, .id = val_int(100), .body = buf_slice(&body)};
        struct write_item items[] = {one, one};
        struct write_request request = {.target.collection = SLICE_LIT("c"),
                                        .atomic = w->me % 2 == 0,
                                        .count = 2,
                                        .items = items,
                                        .durability = DURABILITY_MEMORY};
        w->failed = engine_write(&ctx, w->h->engine, &request, &ignored);
        if (w->failed == NACRE_OK && ignored.count == 1) { // the second is for another command
            request.items++;
            request.count--;
            w->failed = engine_write(&ctx, w->h->engine, &request, &ignored);
        }
        ctx_reset(&ctx);
    }
    ctx_free(&ctx);
}

static void test_batches(void **state) {
    (void)state;
    struct harness h;
    struct writer writers[WRITERS];
    struct thread threads[WRITERS];
    char want[64];
    harness_open_dir(&h, false);
    assert_int_equal(alter(&h, CATALOG_CREATE_COLLECTION, pattern), NACRE_OK);
    assert_int_equal(harness_put(&h, "c", "{\"_id\":100,\"n\":0}", NULL), NACRE_OK);
    for (uint32_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.h = &h, .me = i};
        assert_int_equal(thread_start(&h.ctx, "writer", batch_main, &writers[i], &threads[i]),
                         NACRE_OK);
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        thread_join(&threads[i]);
        assert_int_equal(writers[i].failed, NACRE_OK);
    }
    snprintf(want, sizeof want, "{\"_id\":100,\"n\":%d}", 2 * WRITERS * (WRITES / 3));
    assert_string_equal(harness_get(&h, "c", val_int(100)), want);
    harness_close(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stale), cmocka_unit_test(test_threads),
                                       cmocka_unit_test(test_batches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
