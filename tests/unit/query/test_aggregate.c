// Aggregates: what each counts and adds, how rows are grouped, shown, ordered and paged, and what
// is wrong with a request.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/doc_values.h"
#include "support/query_fixture.h"

static struct query_fixture f;

static int setup(void **state) {
    (void)state;
    static const char *const documents[] = {
        "{\"_id\":1,\"a\":1,\"b\":{\"c\":\"x\"},\"v\":5}",
        "{\"_id\":2,\"a\":1.0,\"b\":{\"c\":\"y\"},\"v\":null}",
        "{\"_id\":3,\"a\":2,\"b\":{\"c\":\"x\"},\"v\":\"text\"}",
        "{\"_id\":4,\"a\":null,\"v\":2.5}",
        "{\"_id\":5,\"b\":{\"c\":\"x\"},\"v\":5.0}",
        "{\"_id\":6,\"a\":[1,2],\"b\":3,\"v\":-1}",
        "{\"_id\":7,\"a\":[1,2.0],\"v\":[9]}",
        "{\"_id\":8,\"a\":-0.0,\"v\":7}",
        "{\"_id\":9,\"a\":0.0,\"v\":8}",
    };
    query_fixture_open(&f, KV_STAND_MEM);
    index_fixture_add(&f.index, "a", "{\"fields\":[\"a\"]}");
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
        assert_int_equal(query_fixture_put(&f, documents[i]), NACRE_OK);
    query_fixture_publish(&f);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    query_fixture_close(&f);
    return 0;
}

static const char *run(const char *json) {
    return query_fixture_aggregate(&f, json, false, NULL, NULL);
}

#define ONE(op, path) "{\"aggregates\":{\"r\":{\"" op "\":\"" path "\"}}}"

static void test_each_aggregate(void **state) {
    (void)state;
    assert_string_equal(run(ONE("count", "*")), "{\"r\":9}");
    assert_string_equal(run(ONE("count", "v")), "{\"r\":8}");
    assert_string_equal(run(ONE("count", "b.c")), "{\"r\":4}");
    assert_string_equal(run(ONE("sum", "v")), "{\"r\":26.5}");
    assert_string_equal(run(ONE("sum", "_id")), "{\"r\":45}");
    assert_string_equal(run(ONE("avg", "_id")), "{\"r\":5.0}");
    assert_string_equal(run(ONE("avg", "b.c")), "{\"r\":null}");
    assert_string_equal(run(ONE("sum", "nothing")), "{\"r\":null}");
    assert_string_equal(run(ONE("min", "v")), "{\"r\":-1}");
    assert_string_equal(run(ONE("max", "v")), "{\"r\":[9]}");
    assert_string_equal(run(ONE("max", "nothing")), "{\"r\":null}");
    assert_string_equal(run(ONE("count_distinct", "v")), "{\"r\":7}"); // 5 and 5.0 are one
    assert_string_equal(run(ONE("count_distinct", "a")), "{\"r\":4}");
    assert_string_equal(run("{\"filter\":\"_id > 100\",\"aggregates\":{\"n\":{\"count\":\"*\"},"
                            "\"s\":{\"sum\":\"_id\"}}}"),
                        "{\"n\":0,\"s\":null}");
    assert_string_equal(run("{\"filter\":\"_id > 100\",\"group_by\":\"a\",\"aggregates\":{}}"), "");
}

// Equal values are one group; the integer is shown, 0.0 rather than -0.0; null = missing.
static void test_groups(void **state) {
    (void)state;
    assert_string_equal(
        run("{\"group_by\":[\"a\"],\"aggregates\":{\"n\":{\"count\":\"*\"},\"m\":{\"max\":\"v\"}}"
            "}"),
        "{\"a\":null,\"n\":2,\"m\":5.0}\n{\"a\":0.0,\"n\":2,\"m\":8}\n{\"a\":1,\"n\":2,\"m\":5}\n"
        "{\"a\":2,\"n\":1,\"m\":\"text\"}\n{\"a\":[1,2.0],\"n\":2,\"m\":[9]}");
    assert_string_equal(run("{\"group_by\":\"b.c, a\",\"filter\":\"_id < 6\",\"aggregates\":{}}"),
                        "{\"b.c\":null,\"a\":null}\n{\"b.c\":\"x\",\"a\":null}\n"
                        "{\"b.c\":\"x\",\"a\":1}\n{\"b.c\":\"x\",\"a\":2}\n"
                        "{\"b.c\":\"y\",\"a\":1.0}");
}

static void test_having_and_sort(void **state) {
    (void)state;
    assert_string_equal(run("{\"group_by\":[\"b.c\"],\"aggregates\":{\"n\":{\"count\":\"*\"}},"
                            "\"having\":\"n > 1\",\"sort\":\"-n\"}"),
                        "{\"b.c\":null,\"n\":5}\n{\"b.c\":\"x\",\"n\":3}");
    assert_string_equal(
        run("{\"group_by\":[\"b.c\"],\"aggregates\":{\"n\":{\"count\":\"*\"}},"
            "\"having\":{\"$or\":[{\"b.c\":\"y\"},{\"n\":5}]},\"sort\":[\"-b.c\"]}"),
        "{\"b.c\":\"y\",\"n\":1}\n{\"b.c\":null,\"n\":5}");
    assert_string_equal(run("{\"group_by\":\"b\",\"aggregates\":{},\"having\":\"b.c = 'y'\"}"),
                        "{\"b\":{\"c\":\"y\"}}");
    assert_string_equal(run("{\"aggregates\":{\"_version\":{\"count\":\"*\"}},"
                            "\"having\":\"_version = 9\"}"),
                        "{\"_version\":9}");
    assert_string_equal(run("{\"aggregates\":{\"n\":{\"count\":\"*\"}},\"having\":\"n = 8\"}"), "");
}

static void test_pages(void **state) {
    (void)state;
    static const char body[] = "{\"group_by\":\"a\",\"aggregates\":{\"n\":{\"count\":\"*\"}},"
                               "\"sort\":\"-n\",\"limit\":2}";
    const char *cursor;
    assert_string_equal(query_fixture_aggregate(&f, body, false, NULL, &cursor),
                        "{\"a\":null,\"n\":2}\n{\"a\":0.0,\"n\":2}");
    const char *first = cursor;
    assert_string_equal(query_fixture_aggregate(&f, body, false, cursor, &cursor),
                        "{\"a\":1,\"n\":2}\n{\"a\":[1,2.0],\"n\":2}");
    assert_string_equal(query_fixture_aggregate(&f, body, true, cursor, &cursor),
                        "{\"a\":2,\"n\":1}");
    assert_string_equal(cursor, "");
    static const char *const others[] = {
        "{\"group_by\":\"a\",\"aggregates\":{\"n\":{\"count\":\"*\"}},\"limit\":2}",
        "{\"group_by\":\"a\",\"aggregates\":{\"n\":{\"count\":\"v\"}},\"sort\":\"-n\"}",
        "{\"group_by\":\"v\",\"aggregates\":{\"n\":{\"count\":\"*\"}},\"sort\":\"-n\"}",
        "{\"group_by\":\"a\",\"aggregates\":{\"n\":{\"count\":\"*\"}},\"sort\":\"-n\","
        "\"having\":\"n > 1\"}",
        "{\"group_by\":\"a\",\"aggregates\":{\"n\":{\"count\":\"*\"}},\"sort\":\"-n\","
        "\"filter\":\"a = 1\"}",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_string_equal(query_fixture_aggregate(&f, others[i], false, first, NULL),
                            "invalid_argument /cursor");
    assert_string_equal(run("{\"group_by\":\"a\",\"aggregates\":{},\"limit\":0}"), "");
}

// Sums are exact before they are rounded, so no order of the documents changes them.
static void test_sums(void **state) {
    static const struct {
        const char *values[4], *sum, *avg;
    } cases[] = {
        {{"1e308", "1e308", "-1e308"}, "1e+308", "3.333333333333333e+307"},
        {{"1e16", "1.0", "-1e16"}, "1.0", "0.3333333333333333"},
        {{"0.1", "0.2", "0.3"}, "0.6", "0.19999999999999998"},
        {{"9223372036854775807", "1", "-1"}, "9223372036854775807", "3074457345618258432.0"},
        {{"9223372036854775807", "1"}, "invalid_argument ", "4611686018427387904.0"},
        {{"-9223372036854775808", "-1", "0.5"}, "-9223372036854775808.0", "-3074457345618258432.0"},
        {{"5e-324", "5e-324"}, "1e-323", "5e-324"},
        {{"1e308", "1e308"}, "invalid_argument ", "1e+308"},
        {{"9007199254740993", "0.0"}, "9007199254740992.0", "4503599627370496.0"},
        {{"-0.5", "0.25"}, "-0.25", "-0.125"},
    };
    char json[128], body[128], want[128];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int k = 0; k < 4 && cases[i].values[k]; k++) {
            snprintf(json, sizeof json, "{\"_id\":\"%zu-%d\",\"case\":%zu,\"s\":%s}", i, k, i,
                     cases[i].values[k]);
            assert_int_equal(query_fixture_put(&f, json), NACRE_OK);
        }
        query_fixture_publish(&f);
        for (int average = 0; average < 2; average++) {
            const char *result = average ? cases[i].avg : cases[i].sum;
            snprintf(body, sizeof body,
                     "{\"filter\":\"case = %zu\",\"aggregates\":{\"r\":{\"%s\":"
                     "\"s\"}}}",
                     i, average ? "avg" : "sum");
            snprintf(want, sizeof want, *result == 'i' ? "%s" : "{\"r\":%s}", result);
            assert_string_equal(run(body), want);
        }
    }
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *json, *want;
    } cases[] = {
        {"{}", "invalid_argument /aggregates"},
        {"{\"aggregates\":{}}", "invalid_argument /aggregates"},
        {"{\"aggregates\":[]}", "invalid_argument /aggregates"},
        {"{\"aggregates\":{\"n\":\"count\"}}", "invalid_argument /aggregates/n"},
        {"{\"aggregates\":{\"n\":{}}}", "invalid_argument /aggregates/n"},
        {"{\"aggregates\":{\"n\":{\"sum\":\"a\",\"avg\":\"a\"}}}",
         "invalid_argument /aggregates/n"},
        {"{\"aggregates\":{\"n\":{\"smu\":\"a\"}}}", "invalid_argument /aggregates/n"},
        {"{\"aggregates\":{\"n\":{\"sum\":\"*\"}}}", "invalid_argument /aggregates/n"},
        {"{\"aggregates\":{\"n\":{\"sum\":\"a..b\"}}}", "invalid_argument /aggregates/n"},
        {"{\"aggregates\":{\"n\":{\"sum\":1}}}", "invalid_argument /aggregates/n"},
        {"{\"aggregates\":{\"$n\":{\"sum\":\"a\"}}}", "invalid_argument /aggregates/$n"},
        {"{\"aggregates\":{\"\":{\"sum\":\"a\"}}}", "invalid_argument /aggregates/"},
        {"{\"group_by\":\"a\",\"aggregates\":{\"a\":{\"count\":\"*\"}}}",
         "invalid_argument /aggregates/a"},
        {"{\"group_by\":[\"a\",\"a\"],\"aggregates\":{}}", "invalid_argument /group_by/1"},
        {"{\"group_by\":[1],\"aggregates\":{}}", "invalid_argument /group_by/0"},
        {"{\"group_by\":1,\"aggregates\":{}}", "invalid_argument /group_by"},
        {"{\"group_by\":\"a,,b\",\"aggregates\":{}}", "invalid_argument /group_by/1"},
        {"{\"group_by\":\"a\",\"aggregates\":{},\"sort\":\"b\"}", "invalid_argument /sort/0"},
        {"{\"group_by\":\"a\",\"aggregates\":{},\"having\":\"b = 1\"}", "invalid_argument /having"},
        {"{\"group_by\":\"a\",\"aggregates\":{},\"having\":7}", "invalid_argument /having"},
        {"{\"group_by\":\"a\",\"aggregates\":{},\"having\":{\"a\":{\"$gtt\":1}}}",
         "invalid_filter /having/a/$gtt"},
        {"{\"filter\":\"{a\",\"aggregates\":{\"n\":{\"count\":\"*\"}}}", "invalid_json "},
        {"{\"group_by\":\"a\",\"aggregates\":{},\"limit\":10001}", "invalid_argument /limit"},
        {"{\"group_by\":\"a\",\"aggregates\":{},\"fields\":\"a\"}", "invalid_argument /fields"},
        {"{\"group_by\":\"a\",\"aggregates\":{},\"cursor\":\"AAAA\"}", "invalid_argument /cursor"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(run(cases[i].json), cases[i].want);
    assert_string_equal(run("{\"group_by\":\"a\",\"agregates\":{}}"),
                        "invalid_argument /agregates");
    assert_string_equal(f.index.base.ctx.err.suggestions[0], "aggregates");
    (void)run("{\"aggregates\":{\"n\":{\"cuont\":\"*\"}}}");
    assert_string_equal(f.index.base.ctx.err.suggestions[0], "count");
    (void)run("{\"aggregates\":{\"total\":{\"count\":\"*\"}},\"sort\":\"-totla\"}");
    assert_string_equal(f.index.base.ctx.err.suggestions[0], "total");
}

// Groups are charged: a budget that is too small is told, and all of it comes back.
static void test_memory(void **state) {
    (void)state;
    struct budget budget;
    struct ctx ctx;
    struct aggregate_request request;
    struct aggregate *a;
    char json[64];
    for (int i = 0; i < 3000; i++) {
        snprintf(json, sizeof json, "{\"_id\":\"m%d\",\"m\":%d}", i, i);
        assert_int_equal(query_fixture_put(&f, json), NACRE_OK);
    }
    query_fixture_publish(&f);
    budget_init(&budget, NULL, 200000);
    ctx_init(&ctx, &world_system, &budget, SIZE_MAX / 2);
    struct slice bson = doc_values_doc(
        &f.index.base.ctx, "{\"group_by\":\"_id\",\"aggregates\":{\"n\":{\"count\":\"*\"}}}");
    assert_int_equal(aggregate_request_parse(&ctx, bson, &request), NACRE_OK);
    assert_int_equal(aggregate_open(&ctx, &f.target, &request, &a), NACRE_MEMORY_LIMIT);
    assert_string_equal(ctx.err.detail, "there is no memory for the groups");
    bson =
        doc_values_doc(&f.index.base.ctx, "{\"aggregates\":{\"n\":{\"count_distinct\":\"_id\"}}}");
    assert_int_equal(aggregate_request_parse(&ctx, bson, &request), NACRE_OK);
    assert_int_equal(aggregate_open(&ctx, &f.target, &request, &a), NACRE_MEMORY_LIMIT);
    ctx_free(&ctx);
    assert_int_equal(budget.used, 0);
}

static const char *explained(const char *json) {
    struct ctx *ctx = &f.index.base.ctx;
    struct buf out BUF_CLEANUP = {0};
    buf_init(&out, NULL, 4096);
    nacre_status status =
        query_explain(ctx, &f.target, doc_values_doc(ctx, json), QUERY_FIXTURE_NOW_MS, &out);
    assert_int_equal(status, NACRE_OK);
    return arena_str(&ctx->arena, buf_slice(&out));
}

static void test_explain(void **state) {
    (void)state;
    const char *text = explained("{\"aggregate\":{\"filter\":\"a = 1\",\"group_by\":\"b.c\","
                                 "\"aggregates\":{\"n\":{\"count\":\"*\"}},\"limit\":1}}");
    assert_non_null(strstr(text, "{\"plan\":{\"access\":\"index\",\"index\":\"a\"},"));
    assert_non_null(strstr(text, "\"rows_returned\":1,"));
    assert_non_null(strstr(text, "{\"name\":\"group\",\"rows\":3,\"ms\":"));
    text = explained("{\"aggregate\":{\"aggregates\":{\"n\":{\"count\":\"*\"}}}}");
    assert_non_null(strstr(text, "\"documents_examined\":0,\"rows_returned\":1,"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_aggregate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_groups, setup, teardown),
        cmocka_unit_test_setup_teardown(test_having_and_sort, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sums, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_explain, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
