// The engine end to end on memkv and the model log, and on RocksDB and real files: writes,
// conditions, expiry, leases, reopening.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/engine_harness.h"

static void open_any(struct harness *h, bool dir) {
    if (dir)
        harness_open_dir(h, false);
    else
        harness_open_memory(h, 1);
}

static void put_get(bool dir) {
    struct harness h;
    uint64_t version;
    open_any(&h, dir);
    assert_int_equal(harness_put(&h, "films", "{\"_id\":\"a\",\"n\":1}", &version), NACRE_OK);
    assert_int_equal(version, 1);
    assert_string_equal(harness_get(&h, "films", harness_str("a")), "{\"_id\":\"a\",\"n\":1}");
    assert_int_equal(harness_put(&h, "films", "{\"n\":2,\"_id\":\"a\"}", &version), NACRE_OK);
    assert_int_equal(version, 2);
    harness_reopen(&h);
    assert_string_equal(harness_get(&h, "films", harness_str("a")), "{\"_id\":\"a\",\"n\":2}");
    assert_null(harness_get(&h, "films", harness_str("b")));
    struct write_item item = {.kind = WRITE_DELETE, .id = harness_str("a")};
    assert_int_equal(harness_write(&h, "films", &item, NULL, NULL), NACRE_OK);
    assert_null(harness_get(&h, "films", harness_str("a")));
    assert_int_equal(harness_write(&h, "films", &item, NULL, NULL), NACRE_DOCUMENT_NOT_FOUND);
    // The version goes on where the deleted document ended.
    assert_int_equal(harness_put(&h, "films", "{\"_id\":\"a\"}", &version), NACRE_OK);
    assert_int_equal(version, 4);
    harness_close(&h);
}

static void test_put_get_memory(void **state) {
    (void)state;
    put_get(false);
}
static void test_put_get_dir(void **state) {
    (void)state;
    put_get(true);
}

static void test_conditions(void **state) {
    (void)state;
    struct harness h;
    struct result result;
    uint64_t two = 2, one = 1;
    harness_open_memory(&h, 2);
    struct write_item insert = {.kind = WRITE_INSERT};
    assert_int_equal(harness_write(&h, "c", &insert, "{\"_id\":1,\"s\":\"x\"}", NULL), NACRE_OK);
    assert_int_equal(harness_write(&h, "c", &insert, "{\"_id\":1}", NULL), NACRE_ALREADY_EXISTS);
    struct write_item put = {.kind = WRITE_PUT, .versions = &two, .version_count = 1};
    assert_int_equal(harness_write(&h, "c", &put, "{\"_id\":1}", NULL), NACRE_VERSION_MISMATCH);
    assert_int_equal(h.ctx.err.current_version, 1);
    put.versions = &one;
    put.filter = slice_str("s = 'y'");
    assert_int_equal(harness_write(&h, "c", &put, "{\"_id\":1}", NULL), NACRE_CONDITION_FAILED);
    put.filter = slice_str("{\"s\":{\"$regex\":\"^x\"}}");
    assert_int_equal(harness_write(&h, "c", &put, "{\"_id\":1,\"s\":\"z\"}", &result), NACRE_OK);
    assert_int_equal(result.ops[0].version, 2);
    struct write_item absent = {.kind = WRITE_PUT, .if_absent = true};
    assert_int_equal(harness_write(&h, "c", &absent, "{\"_id\":1}", NULL), NACRE_VERSION_MISMATCH);
    struct write_item body_version = {.kind = WRITE_PUT};
    assert_int_equal(harness_write(&h, "c", &body_version, "{\"_id\":1,\"_version\":1}", NULL),
                     NACRE_VERSION_MISMATCH);
    assert_int_equal(harness_write(&h, "c", &body_version, "{\"_id\":1,\"_version\":2}", NULL),
                     NACRE_OK);
    struct write_item patch = {.kind = WRITE_PATCH, .id = val_int(1)};
    assert_int_equal(harness_write(&h, "c", &patch, "{\"$inc\":{\"n\":5}}", NULL), NACRE_OK);
    assert_int_equal(harness_write(&h, "c", &patch, "{\"$inc\":{\"n\":\"x\"}}", NULL),
                     NACRE_INVALID_ARGUMENT);
    assert_string_equal(harness_get(&h, "c", val_int(1)), "{\"_id\":1,\"n\":5}");
    patch.id = val_int(2);
    assert_int_equal(harness_write(&h, "c", &patch, "{\"a\":1}", NULL), NACRE_DOCUMENT_NOT_FOUND);
    harness_close(&h);
}

static nacre_status claim(struct harness *h, const char *filter, const char *set,
                          struct result *out) {
    struct claim_request request = {
        .target.collection = slice_str("jobs"), .filter = slice_str(filter), .lease_ms = 1000};
    if (set) request.set = harness_bson(h, set);
    return engine_claim(&h->ctx, h->engine, &request, out);
}

static void test_claim(void **state) {
    (void)state;
    struct harness h;
    struct result result;
    harness_open_memory(&h, 3);
    assert_int_equal(harness_put(&h, "jobs", "{\"_id\":1,\"s\":\"waiting\"}", NULL), NACRE_OK);
    assert_int_equal(harness_put(&h, "jobs", "{\"_id\":2,\"s\":\"waiting\"}", NULL), NACRE_OK);
    assert_int_equal(claim(&h, "s = 'waiting'", "{\"s\":\"running\"}", &result), NACRE_OK);
    assert_int_equal(result.count, 1);
    assert_string_equal(harness_get(&h, "jobs", val_int(1)), "{\"_id\":1,\"s\":\"running\"}");
    assert_int_equal(claim(&h, "s = 'waiting'", "{\"s\":\"running\"}", &result), NACRE_OK);
    assert_int_equal(result.count, 1);
    assert_int_equal(claim(&h, "s = 'waiting'", "{\"s\":\"running\"}", &result), NACRE_OK);
    assert_int_equal(result.count, 0);
    world_model_advance(&h.world, 1500);
    assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    assert_string_equal(harness_get(&h, "jobs", val_int(1)), "{\"_id\":1,\"s\":\"waiting\"}");
    assert_string_equal(harness_get(&h, "jobs", val_int(2)), "{\"_id\":2,\"s\":\"waiting\"}");
    harness_close(&h);
}

static void test_ttl(void **state) {
    (void)state;
    struct harness h;
    harness_open_memory(&h, 4);
    struct write_item item = {.kind = WRITE_PUT, .has_ttl = true, .ttl_seconds = 10};
    assert_int_equal(harness_write(&h, "c", &item, "{\"_id\":1}", NULL), NACRE_OK);
    world_model_advance(&h.world, 9000);
    assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    assert_non_null(harness_get(&h, "c", val_int(1)));
    harness_reopen(&h);
    world_model_advance(&h.world, 1100);
    assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    assert_null(harness_get(&h, "c", val_int(1)));
    harness_close(&h);
}

static void test_index_build(void **state) {
    (void)state;
    struct harness h;
    struct result result;
    struct target target = {.collection = slice_str("c")};
    harness_open_memory(&h, 5);
    for (int i = 0; i < 1200; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"_id\":%d,\"u\":%d}", i, i / 2);
        assert_int_equal(harness_put(&h, "c", json, NULL), NACRE_OK);
    }
    struct catalog_request make = {.op = CATALOG_CREATE_INDEX,
                                   .target = target,
                                   .index = slice_str("by_u"),
                                   .body =
                                       harness_bson(&h, "{\"type\":\"btree\",\"fields\":[\"u\"]}")};
    assert_int_equal(engine_catalog(&h.ctx, h.engine, &make, &result), NACRE_OK);
    assert_int_equal(engine_wait_index(&h.ctx, h.engine, target, slice_str("by_u")), NACRE_OK);
    make.index = slice_str("unique_u");
    make.body = harness_bson(&h, "{\"fields\":[\"u\"],\"unique\":true}");
    assert_int_equal(engine_catalog(&h.ctx, h.engine, &make, &result), NACRE_OK);
    assert_int_equal(engine_wait_index(&h.ctx, h.engine, target, slice_str("unique_u")),
                     NACRE_UNIQUE_VIOLATION);
    harness_close(&h);
}

// size: of the document, about.
static void check_large(size_t size) {
    struct harness h;
    static char json[3 << 20];
    harness_open_memory(&h, 6);
    int n = snprintf(json, sizeof json, "{\"_id\":1,\"t\":\"");
    memset(json + n, 'x', size);
    memcpy(json + n + size, "\"}", 3);
    assert_int_equal(harness_put(&h, "c", json, NULL), NACRE_OK);
    assert_string_equal(harness_get(&h, "c", val_int(1)), json);
    harness_reopen(&h);
    assert_string_equal(harness_get(&h, "c", val_int(1)), json);
    harness_close(&h);
}

// As one command, and in pieces.
static void test_large(void **state) {
    (void)state;
    check_large(900000);
    check_large(2500000);
}

static void test_idempotency(void **state) {
    (void)state;
    struct harness h;
    struct result result;
    harness_open_memory(&h, 7);
    struct write_item item = {.kind = WRITE_INSERT, .body = harness_bson(&h, "{\"n\":1}")};
    struct write_request request = {.target.collection = slice_str("c"),
                                    .count = 1,
                                    .items = &item,
                                    .idempotency = {.key = slice_str("k"), .body_hash = 9}};
    assert_int_equal(engine_write(&h.ctx, h.engine, &request, &result), NACRE_OK);
    struct slice id = result.ops[0].id_key;
    assert_int_equal(engine_write(&h.ctx, h.engine, &request, &result), NACRE_OK);
    assert_true(result.flags & RESULT_REPLAYED);
    assert_true(slice_eq(id, result.ops[0].id_key));
    request.idempotency.body_hash = 10;
    assert_int_equal(engine_write(&h.ctx, h.engine, &request, &result),
                     NACRE_IDEMPOTENCY_KEY_REUSED);
    harness_close(&h);
}

static void print_problem(void *arg, const char *text) {
    (void)arg;
    fprintf(stderr, "check: %s\n", text);
}

static void check_is_clean(struct harness *h) {
    uint64_t problems;
    nacre_status status = engine_check(&h->ctx, h->engine, print_problem, NULL, &problems);
    if (status != NACRE_OK) fprintf(stderr, "check: %s\n", h->ctx.err.detail);
    assert_int_equal(status, NACRE_OK);
    assert_int_equal(problems, 0);
}

static void check_all(bool dir) {
    struct harness h;
    struct result result;
    struct target target = {.collection = slice_str("c")};
    open_any(&h, dir);
    for (int i = 0; i < 700; i++) {
        char json[128];
        snprintf(json, sizeof json, "{\"_id\":%d,\"u\":%d,\"tags\":[%d,%d],\"s\":\"waiting\"}", i,
                 i, i % 7, i % 3);
        struct write_item item = {.kind = WRITE_PUT, .has_ttl = i % 5 == 0, .ttl_seconds = 100};
        assert_int_equal(harness_write(&h, "c", &item, json, NULL), NACRE_OK);
    }
    struct catalog_request make = {
        .op = CATALOG_CREATE_INDEX,
        .target = target,
        .index = slice_str("u"),
        .body = harness_bson(&h, "{\"fields\":[\"u\"],\"unique\":true,\"where\":\"u > 10\"}")};
    assert_int_equal(engine_catalog(&h.ctx, h.engine, &make, &result), NACRE_OK);
    assert_int_equal(engine_wait_index(&h.ctx, h.engine, target, slice_str("u")), NACRE_OK);
    make.index = slice_str("tags");
    make.body = harness_bson(&h, "{\"fields\":[\"tags\",{\"path\":\"s\",\"order\":\"desc\"}]}");
    assert_int_equal(engine_catalog(&h.ctx, h.engine, &make, &result), NACRE_OK);
    assert_int_equal(engine_wait_index(&h.ctx, h.engine, target, slice_str("tags")), NACRE_OK);
    for (int i = 0; i < 700; i += 3) {
        struct write_item item = {.kind = i % 2 ? WRITE_DELETE : WRITE_PATCH, .id = val_int(i)};
        assert_int_equal(
            harness_write(&h, "c", &item,
                          i % 2 ? NULL : "{\"$push\":{\"tags\":99},\"$inc\":{\"u\":1000}}", NULL),
            NACRE_OK);
    }
    struct claim_request claim_one = {.target = target,
                                      .filter = slice_str("s = 'waiting'"),
                                      .set = harness_bson(&h, "{\"s\":\"run\"}")};
    assert_int_equal(engine_claim(&h.ctx, h.engine, &claim_one, &result), NACRE_OK);
    check_is_clean(&h);
    harness_reopen(&h);
    check_is_clean(&h);
    harness_close(&h);
}

static void test_check_memory(void **state) {
    (void)state;
    check_all(false);
}
static void test_check_dir(void **state) {
    (void)state;
    check_all(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_get_memory),
        cmocka_unit_test(test_put_get_dir),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_claim),
        cmocka_unit_test(test_ttl),
        cmocka_unit_test(test_index_build),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_idempotency),
        cmocka_unit_test(test_check_memory),
        cmocka_unit_test(test_check_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
