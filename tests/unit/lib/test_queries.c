// Cursors, counts, plans, claims and leases through nacre.h.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/lib_fixture.h"

static void fill(struct lib_fixture *f, int count) {
    for (int i = 0; i < count; i++) {
        char json[96];
        snprintf(json, sizeof json, "{\"_id\":%d,\"n\":%d,\"even\":%s}", i, count - i,
                 i % 2 ? "false" : "true");
        LIB_OK(f, lib_fixture_put(f, json));
    }
}

static void test_rows(void **state) {
    struct lib_fixture f;
    (void)state;
    lib_fixture_open(&f);
    fill(&f, 10);
    assert_string_equal(lib_fixture_rows(&f, "{\"filter\":{\"n\":{\"$lte\":2}},\"fields\":[\"n\"],"
                                             "\"sort\":[\"n\"]}"),
                        "{\"_id\":9,\"n\":1}\n{\"_id\":8,\"n\":2}\n");
    assert_string_equal(lib_fixture_rows(&f, "{\"filter\":\"even = true AND n > 7\","
                                             "\"fields\":[\"_version\"]}"),
                        "{\"_id\":0,\"_version\":1}\n{\"_id\":2,\"_version\":1}\n");
    LIB_HAS(lib_fixture_rows(&f, NULL),
            "{\"_id\":0,\"n\":10,\"even\":true,\"_version\":1,\"_created");
    LIB_HAS(lib_fixture_rows(&f, ""), "{\"_id\":9,");
    assert_string_equal(lib_fixture_rows(&f, "{\"limit\":0}"), "");
    lib_fixture_close(&f);
}

static void test_pages(void **state) {
    struct lib_fixture f;
    nacre_cursor *cursor;
    const char *row, *token = NULL;
    char spec[512] = "{\"sort\":[\"-n\"],\"limit\":4,\"count\":\"exact\"}";
    int rows = 0, pages = 0;
    uint64_t total;
    (void)state;
    lib_fixture_open(&f);
    fill(&f, 10);
    do {
        LIB_OK(&f, nacre_query(f.s, &f.c, spec, &cursor));
        LIB_FAILS(&f, nacre_cursor_token(cursor, &token), NACRE_INVALID_ARGUMENT, "last row");
        do {
            LIB_OK(&f, nacre_cursor_next(cursor, &row, NULL));
            rows += row != NULL;
        } while (row);
        LIB_OK(&f, nacre_cursor_next(cursor, &row, NULL));
        assert_null(row);
        LIB_OK(&f, nacre_cursor_total(cursor, &total));
        assert_int_equal(total, 10);
        LIB_OK(&f, nacre_cursor_token(cursor, &token));
        if (token)
            snprintf(spec, sizeof spec,
                     "{\"sort\":[\"-n\"],\"limit\":4,\"count\":\"exact\","
                     "\"cursor\":\"%s\"}",
                     token);
        nacre_cursor_close(cursor);
        pages++;
    } while (token);
    assert_int_equal(rows, 10);
    assert_int_equal(pages, 3);
    LIB_OK(&f, nacre_query(f.s, &f.c, "{}", &cursor));
    LIB_FAILS(&f, nacre_cursor_total(cursor, &total), NACRE_INVALID_ARGUMENT, "exact");
    // A cursor sees one snapshot; writes through its session do not end it.
    LIB_OK(&f, nacre_delete(f.s, &f.c, nacre_id_integer(9), NULL, NULL));
    for (rows = 0;; rows++) {
        LIB_OK(&f, nacre_cursor_next(cursor, &row, NULL));
        if (!row) break;
    }
    assert_int_equal(rows, 10);
    // Left open: the session closes it.
    lib_fixture_close(&f);
}

static void test_counts_and_plans(void **state) {
    struct lib_fixture f;
    uint64_t count;
    const char *plan;
    (void)state;
    lib_fixture_open(&f);
    fill(&f, 10);
    LIB_OK(&f, nacre_count(f.s, &f.c, NULL, &count));
    assert_int_equal(count, 10);
    LIB_OK(&f, nacre_count(f.s, &f.c, "n > 3", &count));
    assert_int_equal(count, 7);
    LIB_OK(&f, nacre_count(f.s, &f.c, "{\"n\":{\"$regex\":\"x\"}}", &count));
    assert_int_equal(count, 0);
    LIB_FAILS(&f, nacre_count(f.s, &f.c, "n >", &count), NACRE_INVALID_FILTER,
              "\"parameter\":\"filter\"", "\"span\"");
    LIB_OK(&f, nacre_index_create(f.s, &f.c, "by_n", "{\"fields\":[\"n\"]}", NULL));
    LIB_OK(&f, nacre_index_wait(f.s, &f.c, "by_n"));
    LIB_OK(&f, nacre_explain(f.s, &f.c, "{\"query\":{\"filter\":{\"n\":4}}}", &plan, NULL));
    LIB_HAS(plan, "\"access\":\"index\",\"index\":\"by_n\"");
    LIB_HAS(plan, "\"rows_returned\":1");
    LIB_OK(&f, nacre_explain(f.s, &f.c, "{\"count\":{\"filter\":\"even = true\"}}", &plan, NULL));
    LIB_HAS(plan, "\"access\":\"scan\"");
    LIB_OK(&f, nacre_explain(f.s, &f.c,
                             "{\"update\":{\"filter\":{\"n\":{\"$lte\":4}},\"patch\":{\"$set\":"
                             "{\"m\":1}},\"atomic\":true}}",
                             &plan, NULL));
    LIB_HAS(plan, "\"access\":\"index\",\"index\":\"by_n\"");
    LIB_HAS(plan, "\"rows_returned\":4");
    LIB_HAS(plan, "{\"name\":\"patch\",\"rows\":4,\"ms\":");
    LIB_OK(&f, nacre_explain(f.s, &f.c, "{\"delete\":{\"filter\":{}}}", &plan, NULL));
    LIB_HAS(plan, "\"access\":\"scan\"");
    LIB_HAS(plan, "\"rows_returned\":10");
    assert_null(strstr(plan, "\"patch\""));
    LIB_OK(&f, nacre_count(f.s, &f.c, "m = 1", &count)); // nothing was changed
    assert_int_equal(count, 0);
    LIB_OK(&f, nacre_count(f.s, &f.c, NULL, &count));
    assert_int_equal(count, 10);
    static const struct {
        const char *spec, *has;
    } wrong[] = {
        {"{\"update\":{\"patch\":{}}}", "/update/filter"},
        {"{\"update\":{\"filter\":{}}}", "/update/patch"},
        {"{\"update\":{\"filter\":{},\"patch\":7}}", "/update/patch"},
        {"{\"update\":{\"filter\":{},\"patch\":{\"$st\":{}}}}", "/update/patch/$st"},
        {"{\"update\":{\"filter\":{},\"patch\":{},\"limit\":1}}", "/update/limit"},
        {"{\"delete\":{\"filter\":{},\"patch\":{}}}", "/delete/patch"},
        {"{\"delete\":{\"filter\":{},\"atomic\":1}}", "/delete/atomic"},
        {"{\"delete\":{}}", "/delete/filter"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        LIB_FAILS(&f, nacre_explain(f.s, &f.c, wrong[i].spec, &plan, NULL), NACRE_INVALID_ARGUMENT,
                  wrong[i].has);
    LIB_FAILS(&f, nacre_explain(f.s, &f.c, "{\"quary\":{}}", &plan, NULL), NACRE_INVALID_ARGUMENT,
              "query");
    LIB_FAILS(&f, nacre_explain(f.s, &f.c, NULL, &plan, NULL), NACRE_INVALID_ARGUMENT,
              "spec is NULL");
    lib_fixture_close(&f);
}

static void test_wrong_queries(void **state) {
    static const struct {
        const char *spec;
        nacre_status status;
        const char *has;
    } cases[] = {
        {"{", NACRE_INVALID_JSON, "end of the text"},
        {"[]", NACRE_INVALID_ARGUMENT, "an object"},
        {"{\"filtr\":{}}", NACRE_INVALID_ARGUMENT, "\"suggestions\":[\"filter\"]"},
        {"{\"filter\":{\"a\":{\"$foo\":1}}}", NACRE_INVALID_FILTER,
         "\"pointer\":\"/filter/a/$foo\""},
        {"{\"filter\":\"a > \"}", NACRE_INVALID_FILTER, "\"pointer\":\"/filter\""},
        {"{\"limit\":10001}", NACRE_INVALID_ARGUMENT, "\"pointer\":\"/limit\""},
        {"{\"limit\":-1}", NACRE_INVALID_ARGUMENT, "\"pointer\":\"/limit\""},
        {"{\"sort\":[1]}", NACRE_INVALID_ARGUMENT, "\"pointer\":\"/sort/0\""},
        {"{\"fields\":{}}", NACRE_INVALID_ARGUMENT, "\"pointer\":\"/fields\""},
        {"{\"cursor\":\"nonsense\"}", NACRE_INVALID_ARGUMENT, "cursor"},
        {"{\"count\":\"yes\"}", NACRE_INVALID_ARGUMENT, "\"pointer\":\"/count\""},
        {"{\"as_of\":\"2024-01-01T00:00:00Z\"}", NACRE_HISTORY_EXPIRED, "as_of"},
    };
    struct lib_fixture f;
    nacre_cursor *cursor;
    (void)state;
    lib_fixture_open(&f);
    LIB_FAILS(&f, nacre_query(f.s, &f.c, "{}", &cursor), NACRE_COLLECTION_NOT_FOUND, "things");
    fill(&f, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        LIB_FAILS(&f, nacre_query(f.s, &f.c, cases[i].spec, &cursor), cases[i].status,
                  cases[i].has);
    LIB_FAILS(&f, nacre_query(f.s, &f.c, "{}", NULL), NACRE_INVALID_ARGUMENT, "out is NULL");
    assert_int_equal(nacre_cursor_next(NULL, NULL, NULL), NACRE_INVALID_ARGUMENT);
    nacre_cursor_close(NULL);
    lib_fixture_close(&f);
}

static void token_of(const char *json, char token[64]) {
    const char *at = strstr(json, "\"token\":\"");
    assert_non_null(at);
    snprintf(token, 64, "%.*s", (int)strcspn(at + 9, "\""), at + 9);
}

static void test_claims(void **state) {
    struct lib_fixture f;
    const char *job;
    char token[64];
    nacre_result result;
    const char *spec = "{\"filter\":{\"s\":\"new\"},\"set\":{\"s\":\"busy\"},\"holder\":\"w1\","
                       "\"lease_ms\":60000,\"sort\":[\"-p\"],\"max_examined\":100}";
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1,\"s\":\"new\",\"p\":1}"));
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":2,\"s\":\"new\",\"p\":2}"));
    LIB_OK(&f, nacre_claim(f.s, &f.c, spec, NULL, &job, NULL));
    LIB_HAS(job, "{\"_id\":2,\"s\":\"busy\",\"p\":2,\"_version\":2,");
    LIB_HAS(job, "\"holder\":\"w1\"");
    token_of(job, token);
    LIB_OK(&f, nacre_extend(f.s, &f.c, nacre_id_integer(2), token, 120000, NULL, &result));
    assert_string_equal(result.id, "~2");
    LIB_OK(&f, nacre_release(f.s, &f.c, nacre_id_integer(2), token, NULL, NULL, &result));
    LIB_HAS(lib_fixture_get(&f, nacre_id_integer(2)), "\"s\":\"new\"");
    LIB_FAILS(&f, nacre_release(f.s, &f.c, nacre_id_integer(2), token, NULL, NULL, NULL),
              NACRE_LEASE_LOST, "409");
    LIB_OK(&f, nacre_claim(f.s, &f.c, spec, NULL, &job, NULL));
    token_of(job, token);
    nacre_write fence = {.lease = token};
    LIB_OK(&f,
           nacre_patch(f.s, &f.c, nacre_id_integer(2), NACRE_PATCH, "{\"x\":1}", 7, &fence, NULL));
    nacre_write want = {.want_document = 1};
    LIB_OK(&f, nacre_release(f.s, &f.c, nacre_id_integer(2), token, "{\"s\":\"done\"}", &want,
                             &result));
    LIB_HAS(result.json, "\"s\":\"done\"");
    LIB_FAILS(&f, nacre_delete(f.s, &f.c, nacre_id_integer(2), &fence, NULL), NACRE_LEASE_LOST,
              "not current");
    LIB_OK(&f, nacre_claim(f.s, &f.c, spec, NULL, &job, NULL));
    LIB_HAS(job, "\"_id\":1,");
    LIB_OK(&f, nacre_claim(f.s, &f.c, spec, NULL, &job, NULL));
    assert_null(job);
    lib_fixture_close(&f);
}

static void test_wrong_claims(void **state) {
    static const struct {
        const char *spec;
        nacre_status status;
        const char *has;
    } cases[] = {
        {"{\"filter\":}", NACRE_INVALID_JSON, "line 1, column 11"},
        {"{\"lease_mss\":1}", NACRE_INVALID_ARGUMENT, "\"suggestions\":[\"lease_ms\"]"},
        {"{\"lease_ms\":0}", NACRE_INVALID_ARGUMENT, "an integer from 1 to 86400000"},
        {"{\"lease_ms\":86400001}", NACRE_INVALID_ARGUMENT, "\"got\":\"86400001\""},
        {"{\"lease_ms\":\"5\"}", NACRE_INVALID_ARGUMENT, "\"pointer\":\"/lease_ms\""},
        {"{\"filter\":5}", NACRE_INVALID_ARGUMENT, "\"pointer\":\"/filter\""},
        {"{\"filter\":{\"a\":{\"$gtt\":1}}}", NACRE_INVALID_FILTER,
         "\"pointer\":\"/filter/a/$gtt\""},
        {"{\"filter\":\"a = = 1\"}", NACRE_INVALID_FILTER, "\"span\":{\"offset\":4,\"length\":1}"},
        {"{\"filter\":{\"a\":{\"$regex\":\"(\"}}}", NACRE_INVALID_FILTER, "$regex"},
        {"{\"sort\":\"a\"}", NACRE_INVALID_ARGUMENT, "\"pointer\":\"/sort\""},
        {"{\"set\":{\"$set\":{}}}", NACRE_INVALID_ARGUMENT, "\"pointer\":\"/set/$set\""},
        {"{\"set\":[]}", NACRE_INVALID_ARGUMENT, "\"pointer\":\"/set\""},
        {"{\"on_expire\":{\"$nop\":{\"a\":1}}}", NACRE_INVALID_ARGUMENT, "/on_expire/$nop"},
        {"{\"holder\":1}", NACRE_INVALID_ARGUMENT, "\"pointer\":\"/holder\""},
        {"{\"max_examined\":0}", NACRE_INVALID_ARGUMENT, "\"pointer\":\"/max_examined\""},
    };
    struct lib_fixture f;
    const char *job;
    (void)state;
    lib_fixture_open(&f);
    LIB_FAILS(&f, nacre_claim(f.s, &f.c, NULL, NULL, &job, NULL), NACRE_COLLECTION_NOT_FOUND,
              "404");
    fill(&f, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        LIB_FAILS(&f, nacre_claim(f.s, &f.c, cases[i].spec, NULL, &job, NULL), cases[i].status,
                  cases[i].has);
    nacre_id id = nacre_id_integer(0);
    LIB_FAILS(&f, nacre_extend(f.s, &f.c, id, "x", 5, NULL, NULL), NACRE_LEASE_LOST, "token");
    LIB_FAILS(&f, nacre_extend(f.s, &f.c, id, NULL, 5, NULL, NULL), NACRE_INVALID_ARGUMENT,
              "token is NULL");
    LIB_FAILS(&f, nacre_extend(f.s, &f.c, id, "x", 0, NULL, NULL), NACRE_INVALID_ARGUMENT,
              "lease_ms");
    LIB_FAILS(&f, nacre_release(f.s, &f.c, id, "x", "[]", NULL, NULL), NACRE_INVALID_ARGUMENT,
              "an object");
    lib_fixture_close(&f);
}

// An index has an array's elements, not the elements of these.
static void nested_elements(void **state) {
    (void)state;
    struct lib_fixture f;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1,\"a\":[[5]]}"));
    LIB_OK(&f, nacre_index_create(f.s, &f.c, "by_a", "{\"fields\":[\"a\"]}", NULL));
    LIB_OK(&f, nacre_index_wait(f.s, &f.c, "by_a"));
    static const char *const filters[] = {
        "{\"filter\":{\"a\":{\"$elemMatch\":{\"$elemMatch\":{\"$lt\":7}}}},\"fields\":\"_id\"}",
        "{\"filter\":{\"a\":{\"$elemMatch\":{\"$elemMatch\":{\"$eq\":5}}}},\"fields\":\"_id\"}",
    };
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        assert_string_equal(lib_fixture_rows(&f, filters[i]), "{\"_id\":1}\n");
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_elements),    cmocka_unit_test(test_rows),
        cmocka_unit_test(test_pages),         cmocka_unit_test(test_counts_and_plans),
        cmocka_unit_test(test_wrong_queries), cmocka_unit_test(test_claims),
        cmocka_unit_test(test_wrong_claims),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
