// Documents as answers: system fields, projections, the claimer's token.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "query/present.h"
#include "support/doc_values.h"

static struct ctx ctx;

static int setup(void **state) {
    (void)state;
    doc_values_ctx(&ctx);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    ctx_free(&ctx);
    return 0;
}

enum { NOW_MS = 1709210096 }; // times 1000

static struct row row_of(const char *json) {
    return (struct row){.version = 7,
                        .created_ts = UINT64_C(1709210096789) << 20 | 5,
                        .begin_ts = UINT64_C(1709210097000) << 20,
                        .body = doc_values_doc(&ctx, json)};
}

static const char *shown(const struct row *row, struct present_options options,
                         const char *fields) {
    struct buf out BUF_CLEANUP = {0};
    struct projection *projection = NULL;
    buf_init(&out, NULL, SIZE_MAX / 2);
    if (fields)
        assert_int_equal(project_parse(&ctx, doc_values_val(&ctx, fields), &projection), NACRE_OK);
    options.fields = projection;
    options.now_ms = (int64_t)NOW_MS * 1000;
    present_doc(&out, row, &options);
    assert_int_equal(buf_status(&out), NACRE_OK);
    return arena_str(&ctx.arena, buf_slice(&out));
}

static const char *projected(const char *json, const char *fields) {
    struct row row = row_of(json);
    return shown(&row, (struct present_options){0}, fields);
}

static void test_system_fields(void **state) {
    (void)state;
    struct row row = row_of("{\"_id\":1,\"z\":1,\"a\":2.0}");
    struct present_options plain = {0}, none = {.no_system = true};
    assert_string_equal(shown(&row, plain, NULL), "{\"_id\":1,\"z\":1,\"a\":2.0,\"_version\":7,"
                                                  "\"_created\":\"2024-02-29T12:34:56.789Z\","
                                                  "\"_updated\":\"2024-02-29T12:34:57.000Z\"}");
    assert_string_equal(shown(&row, none, NULL), "{\"_id\":1,\"z\":1,\"a\":2.0}");
    row.flags = ROW_EXPIRY;
    row.expires_ms = INT64_C(1709210100000);
    assert_string_equal(shown(&row, plain, "[\"a\",\"_expires\",\"_version\"]"),
                        "{\"_id\":1,\"a\":2.0,\"_version\":7,"
                        "\"_expires\":\"2024-02-29T12:35:00.000Z\"}");
    assert_string_equal(shown(&row, none, "[\"_created\"]"),
                        "{\"_id\":1,\"_created\":\"2024-02-29T12:34:56.789Z\"}");
}

static void test_leases(void **state) {
    (void)state;
    struct row row = row_of("{\"_id\":1}");
    struct present_options plain = {0}, token = {.with_token = true};
    row.flags = ROW_LEASE;
    row.lease =
        (struct row_lease){.until_ms = UINT64_C(1709210099000), .holder = slice_str("w\"1")};
    memset(row.lease.token, 0xFB, sizeof row.lease.token);
    assert_string_equal(
        shown(&row, plain, "[\"_lease\"]"),
        "{\"_id\":1,\"_lease\":{\"until\":\"2024-02-29T12:34:59.000Z\",\"holder\":\"w\\\"1\"}}");
    assert_string_equal(shown(&row, plain, "[\"_lease.until\"]"),
                        "{\"_id\":1,\"_lease\":{\"until\":\"2024-02-29T12:34:59.000Z\"}}");
    assert_string_equal(shown(&row, token, "[]"),
                        "{\"_id\":1,\"_lease\":{\"token\":\"-_v7-_v7-_v7-_v7-_v7-w\","
                        "\"until\":\"2024-02-29T12:34:59.000Z\",\"holder\":\"w\\\"1\"}}");
    row.lease.holder.n = 0;
    row.lease.until_ms = (uint64_t)NOW_MS * 1000; // ended
    assert_string_equal(shown(&row, plain, "[\"_lease\"]"), "{\"_id\":1}");
    assert_string_equal(shown(&row, (struct present_options){.no_system = true}, NULL),
                        "{\"_id\":1}");
}

static void test_integers(void **state) {
    (void)state;
    struct row row = row_of("{\"_id\":9007199254740993,\"n\":[9007199254740993,1]}");
    struct present_options strings = {.int64 = JSON_INT64_STRING, .no_system = true};
    assert_string_equal(shown(&row, strings, NULL), "{\"_id\":{\"$int64\":\"9007199254740993\"},"
                                                    "\"n\":[{\"$int64\":\"9007199254740993\"},1]}");
    assert_string_equal(shown(&row, strings, "[\"n.0\"]"),
                        "{\"_id\":{\"$int64\":\"9007199254740993\"},"
                        "\"n\":[{\"$int64\":\"9007199254740993\"}]}");
}

static void test_projections(void **state) {
    (void)state;
    const char *doc = "{\"_id\":1,\"a\":{\"b\":1,\"c\":{\"d\":2,\"e\":3}},\"l\":[{\"x\":1,\"y\":2},"
                      "5,{\"y\":3},[{\"x\":4}]],\"s\":\"t\",\"\":0}";
    static const struct {
        const char *fields, *want;
    } cases[] = {
        {"[]", "{\"_id\":1}"},
        {"\"\"", "{\"_id\":1}"},
        {"[\"s\",\"nothing\"]", "{\"_id\":1,\"s\":\"t\"}"},
        {"\"s, a.b\"", "{\"_id\":1,\"a\":{\"b\":1},\"s\":\"t\"}"},
        {"[\"a.c.d\"]", "{\"_id\":1,\"a\":{\"c\":{\"d\":2}}}"},
        {"[\"a.c.d\",\"a.c.e\"]", "{\"_id\":1,\"a\":{\"c\":{\"d\":2,\"e\":3}}}"},
        {"[\"a.c.d\",\"a\"]", "{\"_id\":1,\"a\":{\"b\":1,\"c\":{\"d\":2,\"e\":3}}}"},
        {"[\"a.none\"]", "{\"_id\":1,\"a\":{}}"},
        {"[\"s.t\"]", "{\"_id\":1}"},
        {"[\"l.x\"]", "{\"_id\":1,\"l\":[{\"x\":1},{}]}"},
        {"[\"l.y\"]", "{\"_id\":1,\"l\":[{\"y\":2},{\"y\":3}]}"},
        {"[\"l.1\"]", "{\"_id\":1,\"l\":[5]}"},
        {"[\"l.0.y\"]", "{\"_id\":1,\"l\":[{\"y\":2}]}"},
        {"[\"l.3.x\"]", "{\"_id\":1,\"l\":[[{\"x\":4}]]}"},
        {"[\"/a/b\",\"_id\"]", "{\"_id\":1,\"a\":{\"b\":1}}"},
        {"[\"/\"]", "{\"_id\":1,\"\":0}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(projected(doc, cases[i].fields), cases[i].want);
}

#define PRESENT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        PRESENT_TEST(test_system_fields),
        PRESENT_TEST(test_leases),
        PRESENT_TEST(test_integers),
        PRESENT_TEST(test_projections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
