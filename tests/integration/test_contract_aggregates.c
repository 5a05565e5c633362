// The contract on aggregates, through nacre.h alone.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/contract.h"

static char rows[8192], token[512];

// The rows of a page, one a line; its token in token.
static const char *aggregate(struct lib_fixture *f, const char *spec) {
    nacre_cursor *cursor = NULL;
    const char *row = "", *next = NULL;
    size_t n = 0, size = 0;
    LIB_OK(f, nacre_aggregate(f->s, &f->c, spec, &cursor));
    for (;;) {
        LIB_OK(f, nacre_cursor_next(cursor, &row, &size));
        if (!row) break;
        assert_int_equal(strlen(row), size);
        n += (size_t)snprintf(rows + n, sizeof rows - n, "%s\n", row);
        assert_true(n < sizeof rows);
    }
    rows[n] = '\0';
    LIB_OK(f, nacre_cursor_token(cursor, &next));
    snprintf(token, sizeof token, "%s", next ? next : "");
    nacre_cursor_close(cursor);
    return rows;
}

static void open_orders(struct lib_fixture *f) {
    lib_fixture_open(f);
    LIB_OK(f,
           lib_fixture_put(f, "{\"_id\":1,\"city\":\"Oslo\",\"price\":10,\"tags\":[\"a\",\"b\"]}"));
    LIB_OK(f, lib_fixture_put(f, "{\"_id\":2,\"city\":\"Bonn\",\"price\":2.5,\"tags\":[\"a\"]}"));
    LIB_OK(f, lib_fixture_put(
                  f, "{\"_id\":3,\"city\":\"Oslo\",\"price\":null,\"tags\":[\"a\",\"b\"]}"));
    LIB_OK(f, lib_fixture_put(f, "{\"_id\":4,\"price\":\"free\",\"by\":{\"name\":\"x\"}}"));
    LIB_OK(f, lib_fixture_put(f, "{\"_id\":5,\"city\":null,\"price\":7,\"by\":{\"name\":\"x\"}}"));
}

// "null and missing are not counted ("*" counts documents), sum and avg take numbers and are null
// over none, …; one row without group_by".
static void test_aggregates(void **state) {
    struct lib_fixture f;
    (void)state;
    open_orders(&f);
    assert_string_equal(
        aggregate(&f,
                  "{\"aggregates\":{\"n\":{\"count\":\"*\"},\"p\":{\"count\":\"price\"},"
                  "\"s\":{\"sum\":\"price\"},\"a\":{\"avg\":\"price\"},\"lo\":{\"min\":"
                  "\"price\"},\"hi\":{\"max\":\"price\"},\"d\":{\"count_distinct\":\"city\"}}}"),
        "{\"n\":5,\"p\":4,\"s\":19.5,\"a\":6.5,\"lo\":2.5,\"hi\":\"free\",\"d\":2}\n");
    assert_string_equal(token, "");
    assert_string_equal(aggregate(&f, "{\"filter\":\"city = 'Rome'\",\"aggregates\":{\"n\":{"
                                      "\"count\":\"*\"},\"s\":{\"sum\":\"price\"},\"m\":{\"min\":"
                                      "\"price\"}}}"),
                        "{\"n\":0,\"s\":null,\"m\":null}\n");
    lib_fixture_close(&f);
}

// "a key that is an array groups as a whole, null = missing; … in key order unless sorted", rows as
// {a, "b.c", name}.
static void test_groups(void **state) {
    static const char by_city[] = "{\"city\":null,\"n\":2}\n{\"city\":\"Bonn\",\"n\":1}\n"
                                  "{\"city\":\"Oslo\",\"n\":2}\n";
    struct lib_fixture f;
    (void)state;
    open_orders(&f);
    for (int indexed = 0; indexed < 2; indexed++) {
        if (indexed) contract_index(&f, "i", "{\"fields\":[\"city\",\"price\"]}");
        assert_string_equal(
            aggregate(&f, "{\"group_by\":[\"city\"],\"aggregates\":{\"n\":{\"count\":\"*\"}}}"),
            by_city);
    }
    assert_string_equal(
        aggregate(&f,
                  "{\"group_by\":[\"tags\",\"by.name\"],\"aggregates\":{\"n\":{\"count\":\"*\"}}}"),
        "{\"tags\":null,\"by.name\":\"x\",\"n\":2}\n{\"tags\":[\"a\"],\"by.name\":null,\"n\":1}\n"
        "{\"tags\":[\"a\",\"b\"],\"by.name\":null,\"n\":2}\n");
    assert_string_equal(
        aggregate(&f, "{\"group_by\":\"by.name\",\"aggregates\":{\"n\":{\"count\":\"*\"}},"
                      "\"having\":{\"by.name\":\"x\"}}"),
        "{\"by.name\":\"x\",\"n\":2}\n");
    assert_string_equal(aggregate(&f, "{\"group_by\":\"city\",\"aggregates\":{\"n\":{\"count\":"
                                      "\"*\"}},\"having\":\"n >= 2\",\"sort\":[\"-n\",\"-city\"]}"),
                        "{\"city\":\"Oslo\",\"n\":2}\n{\"city\":null,\"n\":2}\n");
    lib_fixture_close(&f);
}

// "limit 0..10,000, default 100"; a cursor belongs to its request and survives a restart.
static void test_pages(void **state) {
    struct lib_fixture f;
    char json[64], spec[700];
    int seen = 0;
    (void)state;
    lib_fixture_open(&f);
    for (int i = 0; i < 130; i++) {
        snprintf(json, sizeof json, "{\"_id\":%d,\"k\":%d}", i, i % 120);
        LIB_OK(&f, lib_fixture_put(&f, json));
    }
    (void)aggregate(&f, "{\"group_by\":\"k\",\"aggregates\":{}}");
    for (const char *at = rows; *at; at++)
        seen += *at == '\n';
    assert_int_equal(seen, 100);
    assert_true(*token);
    lib_fixture_reopen(&f);
    snprintf(spec, sizeof spec, "{\"group_by\":\"k\",\"aggregates\":{},\"cursor\":\"%s\"}", token);
    assert_int_equal(strncmp(aggregate(&f, spec), "{\"k\":100}\n{\"k\":101}\n", 20), 0);
    assert_string_equal(token, "");
    assert_string_equal(aggregate(&f, "{\"group_by\":\"k\",\"aggregates\":{},\"limit\":0}"), "");
    lib_fixture_close(&f);
}

// "what fits neither, also as the result of … sum, is 400"; unknown members with a suggestion.
static void test_refusals(void **state) {
    struct lib_fixture f;
    nacre_cursor *cursor = NULL;
    const char *text = NULL;
    uint64_t total;
    (void)state;
    open_orders(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":8,\"big\":9223372036854775807}"));
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":9,\"big\":1}"));
    LIB_FAILS(&f, nacre_aggregate(f.s, &f.c, "{\"aggregates\":{\"s\":{\"sum\":\"big\"}}}", &cursor),
              NACRE_INVALID_ARGUMENT, "does not fit");
    LIB_FAILS(&f, nacre_aggregate(f.s, &f.c, "{\"agregates\":{}}", &cursor), NACRE_INVALID_ARGUMENT,
              "/agregates", "aggregates");
    LIB_FAILS(&f, nacre_aggregate(f.s, &f.c, NULL, &cursor), NACRE_INVALID_ARGUMENT,
              "\"/aggregates\"");
    LIB_FAILS(&f, nacre_aggregate(f.s, &f.c, "{\"aggregates\":{}}", NULL), NACRE_INVALID_ARGUMENT,
              "out is");
    LIB_FAILS(&f,
              nacre_aggregate(f.s, &f.c,
                              "{\"group_by\":\"a\",\"aggregates\":{},\"having\":\"a >\"}", &cursor),
              NACRE_INVALID_FILTER, "/having");
    LIB_OK(&f, nacre_aggregate(f.s, &f.c, "{\"aggregates\":{\"n\":{\"count\":\"*\"}}}", &cursor));
    LIB_FAILS(&f, nacre_cursor_total(cursor, &total), NACRE_INVALID_ARGUMENT, "did not ask");
    nacre_cursor_close(cursor);
    LIB_OK(&f, nacre_explain(f.s, &f.c, "{\"aggregate\":{\"group_by\":\"city\",\"aggregates\":{}}}",
                             &text, NULL));
    LIB_HAS(text, "{\"plan\":{\"access\":\"scan\"}");
    LIB_HAS(text, "\"name\":\"group\",\"rows\":3,");
    LIB_FAILS(&f, nacre_explain(f.s, &f.c, "{\"aggregate\":{}}", &text, NULL),
              NACRE_INVALID_ARGUMENT, "/aggregate/aggregates");
    lib_fixture_close(&f);
}

// "Transaction. Reads one snapshot and its own writes."
static void test_in_a_transaction(void **state) {
    static const char sum[] = "{\"aggregates\":{\"n\":{\"count\":\"*\"},\"s\":{\"sum\":\"_id\"}}}";
    struct lib_fixture f;
    (void)state;
    open_orders(&f);
    LIB_OK(&f, nacre_tx_begin(f.s, NULL));
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":6}"));
    LIB_OK(&f, contract_delete(&f, "~1", NULL));
    assert_string_equal(aggregate(&f, sum), "{\"n\":5,\"s\":20}\n");
    LIB_OK(&f, nacre_tx_rollback(f.s));
    assert_string_equal(aggregate(&f, sum), "{\"n\":5,\"s\":15}\n");
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aggregates), cmocka_unit_test(test_groups),
        cmocka_unit_test(test_pages),      cmocka_unit_test(test_in_a_transaction),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
