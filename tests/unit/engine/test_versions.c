// The kept versions of a document: all that a read as of some time can give, newest first.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/versions.h"
#include "support/engine_harness.h"

static struct engine_collection things(struct harness *h) {
    struct engine_collection c = {0};
    struct target target = {.collection = SLICE_LIT("things")};
    assert_int_equal(engine_resolve(&h->ctx, h->engine, target, &c), NACRE_OK);
    return c;
}

static void configure(struct harness *h, enum catalog_op op, const char *json) {
    struct result result;
    struct catalog_request request = {
        .op = op, .target.collection = SLICE_LIT("things"), .body = harness_bson(h, json)};
    assert_int_equal(engine_catalog(&h->ctx, h->engine, &request, &result), NACRE_OK);
}

static void put(struct harness *h, const char *json) {
    world_model_advance(&h->world, 1000);
    assert_int_equal(harness_put(h, "things", json, NULL), NACRE_OK);
}

static void drop(struct harness *h, int64_t id) {
    struct result result;
    struct write_item item = {.kind = WRITE_DELETE, .id = val_int(id)};
    struct write_request request = {
        .target.collection = SLICE_LIT("things"), .count = 1, .items = &item};
    world_model_advance(&h->world, 1000);
    assert_int_equal(engine_write(&h->ctx, h->engine, &request, &result), NACRE_OK);
}

static void trim(struct harness *h, uint64_t ts) {
    struct command_horizon horizon = {.history_ts = ts};
    struct buf payload BUF_CLEANUP = {0};
    struct result result;
    buf_init(&payload, NULL, 64);
    command_horizon_encode(&payload, &horizon);
    struct engine_command submit = {.type = COMMAND_HORIZON, .payload = buf_slice(&payload)};
    assert_int_equal(engine_submit(&h->ctx, h->engine, &submit, &result), NACRE_OK);
}

// "2u 1i": version and op of each, "." behind those whose document is there. Times go down.
static void versions_are(struct harness *h, int64_t id, const char *want) {
    struct engine_collection c = things(h);
    struct engine_versions *v;
    struct engine_version version;
    char got[256] = "";
    uint64_t before = UINT64_MAX;
    bool found = true;
    assert_int_equal(engine_versions_open(&h->ctx, h->engine, &c, val_int(id), &v), NACRE_OK);
    for (size_t at = 0;;) {
        assert_int_equal(engine_versions_next(&h->ctx, v, &version, &found), NACRE_OK);
        if (!found) break;
        assert_true(version.begin_ts < before);
        before = version.begin_ts;
        if (version.document) assert_int_equal(version.document->version, version.version);
        at +=
            (size_t)snprintf(got + at, sizeof got - at, "%s%d%c%s", at ? " " : "",
                             (int)version.version, " iud"[version.op], version.document ? "." : "");
    }
    engine_versions_close(v);
    assert_string_equal(got, want);
}

static uint64_t published_ts(struct harness *h) {
    struct view *view = engine_view(h->engine);
    uint64_t ts = view->commit_ts;
    txn_view_release(view);
    return ts;
}

static void test_kept(void **state) {
    struct harness h;
    struct engine_versions *v;
    (void)state;
    harness_open_memory(&h, 1);
    configure(&h, CATALOG_CREATE_COLLECTION, "{\"history_seconds\":604800}");
    put(&h, "{\"_id\":1,\"n\":1}");
    put(&h, "{\"_id\":11,\"n\":1}"); // no version of another id is among them
    put(&h, "{\"_id\":1,\"n\":2}");
    put(&h, "{\"_id\":1,\"n\":3}");
    versions_are(&h, 1, "3u. 2u. 1i.");
    drop(&h, 1);
    versions_are(&h, 1, "4d 3u. 2u. 1i.");
    put(&h, "{\"_id\":1,\"n\":5}");
    versions_are(&h, 1, "5i. 4d 3u. 2u. 1i.");
    versions_are(&h, 11, "1i.");
    harness_reopen(&h);
    versions_are(&h, 1, "5i. 4d 3u. 2u. 1i.");
    struct engine_collection c = things(&h);
    assert_int_equal(engine_versions_open(&h.ctx, h.engine, &c, val_int(2), &v),
                     NACRE_DOCUMENT_NOT_FOUND);
    harness_close(&h);
}

// The marker of a deletion goes after a day; what it said does not.
static void test_swept(void **state) {
    struct harness h;
    (void)state;
    harness_open_memory(&h, 2);
    configure(&h, CATALOG_CREATE_COLLECTION, "{\"history_seconds\":604800}");
    put(&h, "{\"_id\":1}");
    drop(&h, 1);
    uint64_t deleted_ts = published_ts(&h);
    world_model_advance(&h.world, 25ull * 3600 * 1000);
    assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    versions_are(&h, 1, "2d 1i.");
    put(&h, "{\"_id\":1}");
    versions_are(&h, 1, "1i. 2d 1i.");
    trim(&h, deleted_ts);
    versions_are(&h, 1, "1i.");
    harness_close(&h);
}

static void test_trimmed(void **state) {
    struct harness h;
    (void)state;
    harness_open_memory(&h, 3);
    put(&h, "{\"_id\":1,\"n\":1}");
    put(&h, "{\"_id\":1,\"n\":2}");
    versions_are(&h, 1, "2u.");
    configure(&h, CATALOG_ALTER_COLLECTION, "{\"history_seconds\":60}");
    put(&h, "{\"_id\":1,\"n\":3}");
    uint64_t third_ts = published_ts(&h);
    put(&h, "{\"_id\":1,\"n\":4}");
    // The second was there when the history began, so that it can be read as of then.
    versions_are(&h, 1, "4u. 3u. 2u.");
    trim(&h, third_ts);
    versions_are(&h, 1, "4u. 3u.");
    world_model_advance(&h.world, 61000); // older than history_seconds, whatever the horizon
    versions_are(&h, 1, "4u.");
    configure(&h, CATALOG_ALTER_COLLECTION, "{\"history_seconds\":0}");
    drop(&h, 1);
    versions_are(&h, 1, "5d");
    harness_close(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_swept),
        cmocka_unit_test(test_trimmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
