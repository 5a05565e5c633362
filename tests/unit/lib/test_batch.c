// nacre_batch: atomic and not, each operation's answer, and where wrong bodies are wrong.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/lib_fixture.h"

static const char *run(struct lib_fixture *f, const char *json) {
    const char *out;
    LIB_OK(f, lib_fixture_batch(f, json, &out));
    return out;
}

static void test_all_kinds(void **state) {
    struct lib_fixture f;
    (void)state;
    lib_fixture_open(&f);
    const char *out = run(&f, "{\"operations\":["
                              "{\"op\":\"put\",\"id\":1,\"document\":{\"n\":1}},"
                              "{\"op\":\"insert\",\"document\":{\"_id\":\"b\"}},"
                              "{\"op\":\"patch\",\"id\":1,\"patch\":{\"$inc\":{\"n\":1}}},"
                              "{\"op\":\"patch\",\"id\":1,\"patch\":{\"m\":2}},"
                              "{\"op\":\"patch\",\"id\":1,\"patch\":[{\"op\":\"remove\","
                              "\"path\":\"/m\"}],\"if_version\":3,\"if\":\"n = 2\"},"
                              "{\"op\":\"delete\",\"id\":\"b\"},"
                              "{\"op\":\"get\",\"id\":1}]}");
    LIB_HAS(out, "{\"results\":[{\"status\":201,\"id\":1,\"version\":1},"
                 "{\"status\":201,\"id\":\"b\",\"version\":1},"
                 "{\"status\":200,\"id\":1,\"version\":2},"
                 "{\"status\":200,\"id\":1,\"version\":3},"
                 "{\"status\":200,\"id\":1,\"version\":4},{\"status\":204,\"id\":\"b\",");
    LIB_HAS(out, "{\"status\":200,\"id\":1,\"version\":4,\"document\":{\"_id\":1,\"n\":2,"
                 "\"_version\":4,");
    assert_string_equal(run(&f, "{\"operations\":[]}"), "{\"results\":[]}");
    nacre_write want = {.want_document = 1};
    const char *body = "{ \"operations\" : [ {\"op\":\"put\",\"id\":\"\\u0061\","
                       "\"document\":{\"x\":1},\"ttl_seconds\":60} ] , \"atomic\" : false }";
    LIB_OK(&f, nacre_batch(f.s, &f.c, body, strlen(body), &want, &out, NULL));
    LIB_HAS(out, "\"document\":{\"_id\":\"a\",\"x\":1,\"_version\":1");
    LIB_HAS(out, "_expires");
    lib_fixture_close(&f);
}

static void test_atomic_failure(void **state) {
    struct lib_fixture f;
    const char *out;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1,\"n\":\"x\"}"));
    LIB_FAILS(&f,
              lib_fixture_batch(&f,
                                "{\"operations\":["
                                "{\"op\":\"put\",\"id\":2,\"document\":{}},"
                                "{\"op\":\"insert\",\"id\":1,\"document\":{}}]}",
                                &out),
              NACRE_ALREADY_EXISTS, "\"pointer\":\"/operations/1\"");
    LIB_FAILS(&f,
              lib_fixture_batch(&f,
                                "{\"atomic\":true,\"operations\":["
                                "{\"op\":\"put\",\"id\":2,\"document\":{}},"
                                "{\"op\":\"patch\",\"id\":1,"
                                "\"patch\":{\"$inc\":{\"n\":1}}}]}",
                                &out),
              NACRE_INVALID_ARGUMENT, "\"pointer\":\"/operations/1/patch/$inc/n\"");
    LIB_FAILS(&f,
              lib_fixture_batch(&f,
                                "{\"operations\":["
                                "{\"op\":\"put\",\"id\":2,\"document\":{}},"
                                "{\"op\":\"delete\",\"id\":1,\"if\":\"n = = 1\"}]}",
                                &out),
              NACRE_INVALID_FILTER, "\"pointer\":\"/operations/1/if");
    LIB_FAILS(&f,
              lib_fixture_batch(&f,
                                "{\"operations\":["
                                "{\"op\":\"put\",\"id\":2,\"document\":{\"_id\":3}}]}",
                                &out),
              NACRE_INVALID_ARGUMENT, "\"pointer\":\"/operations/0/document/_id\"");
    assert_null(lib_fixture_get(&f, nacre_id_integer(2)));
    lib_fixture_close(&f);
}

// What is refused before the log, while reading, and at apply: each where it stands, the rest done.
static void test_each_for_itself(void **state) {
    struct lib_fixture f;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1}"));
    const char *out = run(&f, "{\"atomic\":false,\"operations\":["
                              "{\"op\":\"put\",\"id\":2,\"document\":{\"$bad\":1}},"
                              "{\"op\":\"put\",\"id\":3,\"document\":{}},"
                              "{\"op\":\"insert\",\"id\":1,\"document\":{}},"
                              "{\"op\":\"patch\",\"id\":3,\"patch\":{\"$nop\":{\"a\":1}}},"
                              "{\"op\":\"put\",\"id\":4,\"document\":{\"_id\":5}},"
                              "{\"op\":\"delete\",\"id\":9},"
                              "{\"op\":\"put\",\"id\":6,\"document\":{}},"
                              "{\"op\":\"get\",\"id\":7}]}");
    LIB_HAS(out, "{\"results\":[{\"status\":400,\"id\":2,\"error\":{");
    LIB_HAS(out, "\"pointer\":\"/operations/0/document/$bad\"");
    LIB_HAS(out, "},{\"status\":201,\"id\":3,\"version\":1},{\"status\":409,\"id\":1,\"error\":{");
    LIB_HAS(out, "},{\"status\":400,\"id\":3,\"error\":{");
    LIB_HAS(out, "\"pointer\":\"/operations/3/patch/$nop\"");
    LIB_HAS(out, "},{\"status\":400,\"id\":4,\"error\":{");
    LIB_HAS(out, "},{\"status\":404,\"id\":9,\"error\":{");
    LIB_HAS(out, "},{\"status\":201,\"id\":6,\"version\":1},{\"status\":404,\"id\":7,\"error\":{");
    assert_non_null(lib_fixture_get(&f, nacre_id_integer(3)));
    assert_non_null(lib_fixture_get(&f, nacre_id_integer(6)));
    assert_null(lib_fixture_get(&f, nacre_id_integer(4)));
    LIB_HAS(run(&f, "{\"atomic\":false,\"operations\":[{\"op\":\"insert\",\"id\":1,"
                    "\"document\":{}}]}"),
            "{\"results\":[{\"status\":409,\"id\":1,\"error\":{\"type\":");
    lib_fixture_close(&f);
}

static void test_wrong_bodies(void **state) {
    static const struct {
        const char *body;
        nacre_status status;
        const char *has;
    } cases[] = {
        {"", NACRE_INVALID_JSON, "the end of the text"},
        {"{\"operations\":[}", NACRE_INVALID_JSON, "line 1, column 16"},
        {"{\"operations\":[{\"op\":\"get\" \"id\":1}]}", NACRE_INVALID_JSON, "','"},
        {"{\"operations\":[]} x", NACRE_INVALID_JSON, "'x'"},
        {"[]", NACRE_INVALID_ARGUMENT, "\"expected\":\"an object\""},
        {"{}", NACRE_INVALID_ARGUMENT, "\"pointer\":\"/operations\""},
        {"{\"operations\":{}}", NACRE_INVALID_ARGUMENT, "\"expected\":\"an array\""},
        {"{\"operations\":[1]}", NACRE_INVALID_ARGUMENT, "\"pointer\":\"/operations/0\""},
        {"{\"operation\":[]}", NACRE_INVALID_ARGUMENT, "\"suggestions\":[\"operations\"]"},
        {"{\"atomic\":1,\"operations\":[]}", NACRE_INVALID_ARGUMENT, "\"pointer\":\"/atomic\""},
        {"{\"operations\":[{}]}", NACRE_INVALID_ARGUMENT, "\"pointer\":\"/operations/0/op\""},
        {"{\"operations\":[{\"op\":\"putt\",\"id\":1}]}", NACRE_INVALID_ARGUMENT,
         "\"suggestions\":[\"put\"]"},
        {"{\"operations\":[{\"op\":\"get\"}]}", NACRE_INVALID_ARGUMENT,
         "\"pointer\":\"/operations/0/id\""},
        {"{\"operations\":[{\"op\":\"get\",\"id\":1.5}]}", NACRE_INVALID_ARGUMENT,
         "\"got\":\"1.5\""},
        {"{\"operations\":[{\"op\":\"put\",\"id\":1}]}", NACRE_INVALID_ARGUMENT,
         "\"pointer\":\"/operations/0/document\""},
        {"{\"operations\":[{\"op\":\"put\",\"id\":1,\"document\":[]}]}", NACRE_INVALID_ARGUMENT,
         "\"expected\":\"an object\""},
        {"{\"operations\":[{\"op\":\"put\",\"id\":1,\"document\":{},\"patch\":{}}]}",
         NACRE_INVALID_ARGUMENT, "\"pointer\":\"/operations/0/patch\""},
        {"{\"operations\":[{\"op\":\"patch\",\"id\":1}]}", NACRE_INVALID_ARGUMENT, "a patch"},
        {"{\"operations\":[{\"op\":\"get\",\"id\":1,\"document\":{}}]}", NACRE_INVALID_ARGUMENT,
         "no document"},
        {"{\"operations\":[{\"op\":\"delete\",\"id\":1,\"ttl_seconds\":1}]}",
         NACRE_INVALID_ARGUMENT, "ttl_seconds"},
        {"{\"operations\":[{\"op\":\"get\",\"id\":1,\"if_version\":0}]}", NACRE_INVALID_ARGUMENT,
         "an integer from 1"},
        {"{\"operations\":[{\"op\":\"get\",\"id\":1,\"if_versoin\":1}]}", NACRE_INVALID_ARGUMENT,
         "\"suggestions\":[\"if_version\"]"},
        {"{\"operations\":[{\"op\":\"get\",\"id\":1,\"if\":7}]}", NACRE_INVALID_ARGUMENT,
         "\"pointer\":\"/operations/0/if\""},
        {"{\n \"operations\":[\n  {\"op\":\"put\",\"id\":1,\"document\":{\"a\":\n   1e999}}]}",
         NACRE_INVALID_ARGUMENT, "line 4, column 4 (/operations/0/document/a): expected"},
        {"{\"operations\":[{\"op\":\"put\",\"id\":1,\"document\":{\"a\":tru}}]}",
         NACRE_INVALID_JSON, "line 1, column 51"},
    };
    struct lib_fixture f;
    const char *out;
    (void)state;
    lib_fixture_open(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        LIB_FAILS(&f, lib_fixture_batch(&f, cases[i].body, &out), cases[i].status, cases[i].has);
    nacre_write bad = {.if_absent = 1};
    LIB_FAILS(&f, nacre_batch(f.s, &f.c, "{}", 2, &bad, &out, NULL), NACRE_INVALID_ARGUMENT,
              "\"parameter\":\"options\"");
    LIB_FAILS(&f, nacre_batch(f.s, &f.c, NULL, 0, NULL, &out, NULL), NACRE_INVALID_ARGUMENT,
              "json is NULL");
    LIB_FAILS(&f, nacre_batch(f.s, &f.c, "{}", 2, NULL, NULL, NULL), NACRE_INVALID_ARGUMENT,
              "out is NULL");
    lib_fixture_close(&f);
}

static char *write_deletes(char *at, int count) {
    at += snprintf(at, 80, "{\"atomic\":false,\"operations\":[");
    for (int i = 0; i < count; i++)
        at += snprintf(at, 80, "%s{\"op\":\"get\",\"id\":%d}", i ? "," : "", i);
    at += snprintf(at, 80, "]}");
    return at;
}

static void test_many(void **state) {
    struct lib_fixture f;
    static char body[1 << 20];
    const char *out;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1}"));
    write_deletes(body, 10000);
    LIB_HAS(run(&f, body), "{\"status\":200,\"id\":1,");
    write_deletes(body, 10001);
    LIB_FAILS(&f, lib_fixture_batch(&f, body, &out), NACRE_INVALID_ARGUMENT,
              "at most 10000 elements", "\"got\":\"10001\"");
    lib_fixture_close(&f);
}

static void test_idempotent(void **state) {
    struct lib_fixture f;
    const char *out;
    char first[4096];
    const char *body = "{\"atomic\":false,\"operations\":["
                       "{\"op\":\"insert\",\"id\":1,\"document\":{}},"
                       "{\"op\":\"put\",\"id\":2,\"document\":{\"_id\":3}},"
                       "{\"op\":\"insert\",\"id\":4,\"document\":{}}]}";
    nacre_write w = {.idempotency_key = "batch-1"};
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, nacre_batch(f.s, &f.c, body, strlen(body), &w, &out, NULL));
    snprintf(first, sizeof first, "%s", out);
    LIB_OK(&f, nacre_batch(f.s, &f.c, body, strlen(body), &w, &out, NULL));
    assert_string_equal(out, first);
    LIB_FAILS(&f,
              nacre_batch(f.s, &f.c, "{\"operations\":[{\"op\":\"delete\",\"id\":1}]}", 39, &w,
                          &out, NULL),
              NACRE_IDEMPOTENCY_KEY_REUSED, "422");

    // One that comes first and fails by itself does not keep those after it from being done, and a
    // record that is too small for all answers leaves nothing to be done twice.
    const char *bad = "{\"atomic\":false,\"operations\":["
                      "{\"op\":\"patch\",\"id\":9,\"patch\":{}},"
                      "{\"op\":\"put\",\"id\":2,\"document\":{\"_id\":3}},"
                      "{\"op\":\"insert\",\"id\":5,\"document\":{}}]}";
    LIB_OK(&f, lib_fixture_batch(&f, bad, &out));
    LIB_HAS(out, "{\"results\":[{\"status\":404,\"id\":9,");
    LIB_HAS(out, "{\"status\":201,\"id\":5,\"version\":1}]}");
    enum { COUNT = 6000 };
    static char many[COUNT * 64 + 128];
    char *at = many + snprintf(many, 64, "{\"atomic\":false,\"operations\":[");
    for (int i = 0; i < COUNT; i++)
        at += snprintf(at, 64, "%s{\"op\":\"patch\",\"id\":1,\"patch\":{\"$inc\":{\"n\":1}}}",
                       i ? "," : "");
    at += snprintf(at, 80, ",{\"op\":\"put\",\"id\":2,\"document\":{\"_id\":3}}]}");
    w.idempotency_key = "batch-2";
    for (int i = 0; i < 2; i++) {
        LIB_OK(&f, nacre_batch(f.s, &f.c, many, (size_t)(at - many), &w, &out, NULL));
        LIB_HAS(out, "{\"status\":400,\"id\":2,");
        LIB_HAS(lib_fixture_get(&f, nacre_id_integer(1)), "\"n\":6000");
    }
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_kinds),
        cmocka_unit_test(test_atomic_failure),
        cmocka_unit_test(test_each_for_itself),
        cmocka_unit_test(test_wrong_bodies),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_idempotent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
