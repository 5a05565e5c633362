// The contract on the order of rows, limits, cursors, fields, and the filter language in both
// spellings.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/contract.h"

// One value of each kind at v; the id is the place in the list.
static const char *const values[] = {
    "null",
    "",
    "-5",
    "2",
    "2.0", // 0
    "2.5",
    "\"a\"",
    "\"b\"",
    "{\"x\":1}",
    "[]", // 5
    "[1,9]",
    "[5]",
    "[null]",
    "[\"z\",0]",
    "{\"$binary\":\"AQI=\"}", // 10
    "false",
    "true",
    "{\"$date\":\"2024-01-01T00:00:00.000Z\"}", // 15
    "-0.0",
    "1e300",
    "[[]]",
    "[{\"x\":1}]",
    "9007199254740993", // 18
    "\"\\uffff\"",
    "\"\xf0\x9f\x98\x80\"", // 23
};

static void open_values(struct lib_fixture *f) {
    char body[128];
    lib_fixture_open(f);
    for (size_t i = 0; i < CONTRACT_COUNT(values); i++) {
        snprintf(body, sizeof body, "{\"_id\":%zu%s%s}", i, *values[i] ? ",\"v\":" : "", values[i]);
        LIB_OK(f, lib_fixture_put(f, body));
    }
}

// "Order: the `sort` terms in BSON order (null = missing < numbers < strings by code point <
// objects < arrays < binary < booleans < dates), an array by its least element, going down by its
// greatest (`[]` before null), ties and no sort by `_id` ascending." The same with any index.
static void test_order(void **state) {
    static const char up[] = "9 0 1 12 2 13 18 10 3 4 5 11 22 19 6 7 23 24 8 21 20 14 15 16 17 ";
    static const char down[] = "17 16 15 14 20 8 21 24 23 13 7 6 19 22 10 11 5 3 4 18 2 0 1 12 9 ";
    static const char *const indexes[] = {NULL, "{\"fields\":[\"v\"]}",
                                          "{\"fields\":[{\"path\":\"v\",\"order\":\"desc\"}]}"};
    struct lib_fixture f;
    (void)state;
    open_values(&f);
    for (size_t i = 0; i < CONTRACT_COUNT(indexes); i++) {
        if (indexes[i]) contract_index(&f, "i", indexes[i]);
        assert_string_equal(contract_ids(&f, "{\"sort\":[\"v\"]}"), up);
        assert_string_equal(contract_ids(&f, "{\"sort\":[\"-v\"]}"), down);
        if (indexes[i]) LIB_OK(&f, nacre_index_drop(f.s, &f.c, "i"));
    }
    assert_string_equal(contract_ids(&f, "{\"sort\":[],\"limit\":3}"), "0 1 2 ");
    assert_string_equal(contract_ids(&f, "{\"sort\":\"-_id\",\"limit\":3}"), "24 23 22 ");
    lib_fixture_close(&f);
}

static const struct {
    const char *filter, *ids;
} filters[] = {
    {"{\"v\":null}", "0 1 12 "},
    {"v IS NULL", "0 1 12 "},
    {"v = NULL", "0 1 12 "},
    {"{\"v\":{\"$exists\":false}}", "1 "},
    {"{\"v\":2}", "3 4 "},
    {"v = 2.0", "3 4 "},
    {"{\"v\":{\"$ne\":2},\"_id\":{\"$lt\":5}}", "0 1 2 "},
    {"v != 2 AND _id < 5", "0 1 2 "},
    {"v <> 2 and not _id >= 5", "0 1 2 "},
    {"{\"v\":{\"$gt\":2}}", "5 10 11 19 22 "},
    {"v > 2", "5 10 11 19 22 "},
    {"{\"v\":{\"$gt\":9007199254740992}}", "19 22 "},
    {"{\"v\":{\"$gt\":9007199254740992.0}}", "19 22 "},
    {"{\"v\":{\"$lt\":\"b\"}}", "6 "},
    {"v < 'b'", "6 "},
    {"{\"v\":{\"$gte\":null}}", "0 1 12 "},
    {"{\"v\":{\"$gt\":null}}", ""},
    {"{\"v\":{\"$in\":[2,null]}}", "0 1 3 4 12 "},
    {"v IN (2, NULL)", "0 1 3 4 12 "},
    {"{\"v\":{\"$in\":[]}}", ""},
    {"v IN ()", ""},
    {"{\"v\":{\"$nin\":[2,null]},\"_id\":{\"$lt\":7}}", "2 5 6 "},
    {"v NOT IN (2, NULL) AND _id < 7", "2 5 6 "},
    {"v BETWEEN 2 AND 3", "3 4 5 10 "}, // as in MongoDB: 9 and 1 of [1,9] fit one bound each
    {"v NOT BETWEEN 2 AND 3 AND _id < 5", "0 1 2 "},
    {"{\"v\":0}", "13 18 "},
    {"{\"v\":{\"$type\":\"int\"}}", "2 3 10 11 13 22 "},
    {"{\"v\":{\"$type\":[\"bool\",\"date\"]}}", "15 16 17 "},
    {"{\"v\":{\"$type\":\"null\"}}", "0 12 "},
    {"{\"v\":{\"$type\":\"array\"}}", "9 10 11 12 13 20 21 "},
    {"{\"v\":{\"$size\":1}}", "11 12 20 21 "},
    {"{\"v\":{\"$all\":[1,9]}}", "10 "},
    {"{\"v\":{\"$elemMatch\":{\"$gt\":4,\"$lt\":6}}}", "11 "},
    {"{\"v\":{\"$gt\":4,\"$lt\":6}}", "10 11 "},
    {"{\"v\":{\"$elemMatch\":{\"x\":1}}}", "21 "},
    {"{\"v\":[]}", "9 20 "},
    {"{\"v.x\":1}", "8 21 "},
    {"{\"/v/x\":1}", "8 21 "},
    {"v.x = 1", "8 21 "},
    {"{\"v.0\":1}", "10 "},
    {"{\"v\":{\"$contains\":\"a\"}}", "6 "},
    {"v CONTAINS 9", "10 "},
    {"v STARTS WITH 'a'", "6 "},
    {"{\"v\":{\"$startsWith\":\"b\"}}", "7 "},
    {"{\"v\":{\"$regex\":\"^A\",\"$options\":\"i\"}}", "6 "},
    {"{\"v\":{\"$not\":{\"$gt\":2}},\"_id\":{\"$lt\":6}}", "0 1 2 3 4 "},
    {"{\"$nor\":[{\"v\":2},{\"v\":null}],\"_id\":{\"$lt\":6}}", "2 5 "},
    {"{\"$or\":[{\"v\":2},{\"v\":\"a\"}]}", "3 4 6 "},
    {"v = 2 OR v = 'a'", "3 4 6 "},
    {"(v = 2 OR v = 'a') AND _id > 3", "4 6 "},
    {"v = 2 OR v = 'a' AND _id > 3", "3 4 6 "},
    {"\"v\" = TRUE", "16 "},
    {"v = 'it''s'", ""},
    {"{\"v\":{\"$gt\":false}}", "16 "},
    {"{\"v\":{\"$gte\":{\"$date\":\"2020-01-01T00:00:00Z\"}}}", "17 "},
    {"{\"_version\":1,\"_id\":3}", "3 "}, // "System fields are filtered like others."
    {"{\"_created\":{\"$gt\":\"2000\"},\"_id\":3}", "3 "},
    {"{\"_lease\":null,\"_expires\":null,\"_id\":3}", "3 "},
};

// "on an array a condition holds if the array or one of its elements fits; `$gt …` match only the
// operand's own type (integers and doubles are one, compared exactly); null = missing; `$ne $nin
// $not $nor` are exact complements, so they match what is missing."
static void test_filters(void **state) {
    struct lib_fixture f;
    uint64_t n;
    (void)state;
    open_values(&f);
    for (int index = 0; index < 2; index++) {
        if (index) contract_index(&f, "i", "{\"fields\":[\"v\"]}");
        for (size_t i = 0; i < CONTRACT_COUNT(filters); i++) {
            const char *ids = contract_matches(&f, filters[i].filter);
            if (strcmp(ids, filters[i].ids) != 0)
                fail_msg("%s gives %s, expected %s", filters[i].filter, ids, filters[i].ids);
            LIB_OK(&f, nacre_count(f.s, &f.c, filters[i].filter, &n));
            for (; *ids; n--)
                ids = strchr(ids, ' ') + 1;
            assert_int_equal(n, 0);
        }
    }
    lib_fixture_close(&f);
}

// "Unknown operators are errors with a suggestion"; "filter errors carry `span` and `suggestions`".
static void test_filter_errors(void **state) {
    static const struct {
        const char *filter, *says, *span;
        nacre_status status; // 0: invalid_filter
    } cases[] = {
        {"{\"v\":{\"$gtt\":1}}", "\"suggestions\":[\"$gt\"]", "\"offset\":6,\"length\":6", 0},
        {"{\"$an\":[]}", "\"suggestions\":[\"$and\"]", "\"offset\":1,\"length\":5", 0},
        {"{\"$or\":[{\"v\":2},{\"v\":{\"$foo\":5}}]}", "\"/$or/1/v/$foo\"", "\"span\"", 0},
        {"{\"$and\":[]}", "this one is empty", "\"span\"", 0},
        {"{\"v\":{\"$gt\":1,\"x\":2}}", "\"pointer\":\"/v", "\"span\"", 0},
        {"{\"v\":{\"$in\":5}}", "an array", "\"span\"", 0},
        {"{\"v\":{\"$size\":-1}}", "\"pointer\":\"/v/$size\"", "\"span\"", 0},
        {"{\"v\":{\"$exists\":1}}", "true or false", "\"span\"", 0},
        {"{\"v\":{\"$type\":\"strin\"}}", "\"suggestions\":[\"string\"]", "\"span\"", 0},
        {"{\"v\":{\"$regex\":\"(\"}}", "missing closing parenthesis", "\"span\"", 0},
        {"{\"v\":{\"$options\":\"i\"}}", "needs $regex", "\"span\"", 0},
        {"{\"v\":{\"$not\":5}}", "$ne", "\"span\"", 0},
        {"{\"v\":{\"$eq\":{\"$gt\":1}}}", "takes a value", "\"span\"", 0},
        {"{\"$where\":\"1\"}", "unknown operator $where", "\"span\"", 0},
        {"{\"v\":{\"$near\":{\"point\":[0,0]}}}", "$near", "", NACRE_UNIMPLEMENTED},
        {"{\"v\":{\"$geoWithin\":{\"box\":[[0,0],[1,1]]}}}", "$geoWithin", "", NACRE_UNIMPLEMENTED},
        {"v == 2", "\"suggestions\":[\"=\"]", "\"offset\":2,\"length\":2", 0},
        {"v = \"a\"", "\"suggestions\":[\"'a'\"]", "\"offset\":4,\"length\":3", 0},
        {"v LIKE 'a'", "\"CONTAINS\"", "\"offset\":2,\"length\":4", 0},
        {"v = 2 AND", "found the end", "\"offset\":9,\"length\":0", 0},
        {"(v = 2", "expected AND, OR or )", "\"offset\":6", 0},
        {"v = 'x", "closing '", "\"offset\":4", 0},
        {"v = 9223372036854775808", "64-bit", "\"offset\":4,\"length\":19", 0},
        {"v IN 2", "a list of values", "\"offset\":5", 0},
        {"v IS 5", "NULL or NOT NULL", "\"offset\":5", 0},
        {"AND = 2", "double quotes", "\"offset\":0,\"length\":3", 0},
        {"v = 2;", "found ;", "\"offset\":5", 0},
    };
    struct lib_fixture f;
    uint64_t n;
    (void)state;
    open_values(&f);
    for (size_t i = 0; i < CONTRACT_COUNT(cases); i++)
        LIB_FAILS(&f, nacre_count(f.s, &f.c, cases[i].filter, &n),
                  cases[i].status ? cases[i].status : NACRE_INVALID_FILTER, cases[i].says,
                  cases[i].span, "\"parameter\":\"filter\"");
    LIB_FAILS(&f, contract_query(&f, "{\"limit\":1,\"filter\":{\"v\":{\"$gtt\":1}}}"),
              NACRE_INVALID_FILTER, "\"pointer\":\"/filter/v/$gtt\"",
              "\"span\":{\"offset\":26,\"length\":6}");
    lib_fixture_close(&f);
}

// "`limit` 0..10,000, default 100; beyond is 400, never clamped"; "Unknown members of a body … are
// 400 with a suggestion, never ignored."
static void test_requests(void **state) {
    static const struct {
        const char *spec;
        nacre_status status;
        const char *says, *pointer;
    } cases[] = {
        {"{\"limit\":-1}", NACRE_INVALID_ARGUMENT, "0 to 10000", "\"pointer\":\"/limit\""},
        {"{\"limit\":10001}", NACRE_INVALID_ARGUMENT, "\"got\":\"10001\"", "/limit"},
        {"{\"limit\":1.0}", NACRE_INVALID_ARGUMENT, "double", "/limit"},
        {"{\"limit\":\"5\"}", NACRE_INVALID_ARGUMENT, "string", "/limit"},
        {"{\"offset\":3,\"cursor\":\"x\"}", NACRE_INVALID_ARGUMENT, "from the beginning",
         "\"pointer\":\"/offset\""},
        {"{\"offset\":-1}", NACRE_INVALID_ARGUMENT, "whole number", "/offset"},
        {"{\"as_of\":\"2020-01-01T00:00:00Z\"}", NACRE_HISTORY_EXPIRED, "history_seconds", "as_of"},
        {"{\"as_of\":\"2020\"}", NACRE_INVALID_ARGUMENT, "RFC 3339", "/as_of"},
        {"{\"count\":true}", NACRE_INVALID_ARGUMENT, "exact", "/count"},
        {"{\"sort\":[\"\"]}", NACRE_INVALID_ARGUMENT, "path", "/sort/0"},
        {"{\"sort\":{\"a\":1}}", NACRE_INVALID_ARGUMENT, "list", "/sort"},
        {"{\"fields\":[\"a..b\"]}", NACRE_INVALID_ARGUMENT, "between dots", "/fields/0"},
        {"{\"fields\":[5]}", NACRE_INVALID_ARGUMENT, "path", "/fields/0"},
        {"{\"limitt\":5}", NACRE_INVALID_ARGUMENT, "\"suggestions\":[\"limit\"]", "/limitt"},
        {"{\"vector\":[1]}", NACRE_INVALID_ARGUMENT, "vector", "/vector"},
        {"{\"cursor\":\"x\"}", NACRE_INVALID_ARGUMENT, "malformed", "/cursor"},
        {"{\"cursor\":5}", NACRE_INVALID_ARGUMENT, "next_cursor", "/cursor"},
        {"{\"filter\":[1]}", NACRE_INVALID_ARGUMENT, "an object or a text", "/filter"},
        {"[]", NACRE_INVALID_ARGUMENT, "expected an object", "\"pointer\":\"\""},
        {"{", NACRE_INVALID_JSON, "line 1", ""},
    };
    struct lib_fixture f;
    const char *out;
    (void)state;
    open_values(&f);
    for (size_t i = 0; i < CONTRACT_COUNT(cases); i++)
        LIB_FAILS(&f, contract_query(&f, cases[i].spec), cases[i].status, cases[i].says,
                  cases[i].pointer);
    assert_string_equal(contract_ids(&f, "{\"limit\":0}"), "");
    assert_string_equal(contract_ids(&f, "{\"limit\":0,\"offset\":3}"), "");
    assert_string_equal(contract_ids(&f, "{\"limit\":2,\"offset\":3}"), "3 4 ");
    assert_string_equal(contract_ids(&f, "{\"sort\":\"-_id\",\"limit\":2,\"offset\":1}"), "23 22 ");
    assert_string_equal(contract_ids(&f, "{\"offset\":24}"), "24 ");
    assert_string_equal(contract_ids(&f, "{\"offset\":25}"), "");
    assert_string_equal(contract_ids(&f, "{\"limit\":10000,\"filter\":\"_id > 22\"}"), "23 24 ");
    LIB_FAILS(&f, nacre_explain(f.s, &f.c, "{\"search\":{}}", &out, NULL), NACRE_UNIMPLEMENTED,
              "search");
    LIB_FAILS(&f, nacre_explain(f.s, &f.c, "{\"qery\":{}}", &out, NULL), NACRE_INVALID_ARGUMENT,
              "query");
    LIB_OK(&f, nacre_explain(f.s, &f.c, "{\"query\":{}}", &out, NULL));
    LIB_HAS(out, "{\"plan\":{\"access\":\"scan\"},\"keys_examined\":");
    lib_fixture_close(&f);
}

// "`fields`: those paths and `_id`; system fields only when named."
static void test_fields(void **state) {
    static const struct {
        const char *fields, *row;
    } cases[] = {
        {"[\"a\"]", "{\"_id\":1,\"a\":1}\n"},
        {"\"a,b.c\"", "{\"_id\":1,\"a\":1,\"b\":{\"c\":2}}\n"},
        {"[]", "{\"_id\":1}\n"},
        {"[\"_id\"]", "{\"_id\":1}\n"},
        {"[\"_version\"]", "{\"_id\":1,\"_version\":1}\n"},
        {"[\"/b/c\"]", "{\"_id\":1,\"b\":{\"c\":2}}\n"},
        {"[\"nothing\"]", "{\"_id\":1}\n"},
    };
    struct lib_fixture f;
    char spec[128];
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1,\"a\":1,\"b\":{\"c\":2,\"d\":3}}"));
    for (size_t i = 0; i < CONTRACT_COUNT(cases); i++) {
        snprintf(spec, sizeof spec, "{\"fields\":%s}", cases[i].fields);
        assert_string_equal(lib_fixture_rows(&f, spec), cases[i].row);
    }
    lib_fixture_close(&f);
}

// The rows of a page, and in *token the next one's cursor ("" at the end).
static void page(struct lib_fixture *f, const char *cursor, char *token, uint32_t seen[100]) {
    nacre_cursor *c;
    const char *row, *next;
    char spec[256];
    snprintf(spec, sizeof spec, "{\"sort\":[\"a\"],\"limit\":7%s%s%s}",
             *cursor ? ",\"cursor\":\"" : "", cursor, *cursor ? "\"" : "");
    LIB_OK(f, nacre_query(f->s, &f->c, spec, &c));
    for (;;) {
        unsigned id;
        LIB_OK(f, nacre_cursor_next(c, &row, NULL));
        if (!row) break;
        assert_int_equal(sscanf(row, "{\"_id\":%u", &id), 1);
        seen[id]++;
    }
    LIB_OK(f, nacre_cursor_token(c, &next));
    snprintf(token, 200, "%s", next ? next : "");
    nacre_cursor_close(c);
}

// "Pages are by key: what is not written meanwhile appears exactly once. A cursor belongs to its
// filter and sort, survives a restart, else 400."
static void test_cursors(void **state) {
    struct lib_fixture f;
    uint32_t seen[100] = {0};
    char body[64], token[200] = "", spec[512];
    (void)state;
    lib_fixture_open(&f);
    for (int i = 0; i < 60; i++) {
        snprintf(body, sizeof body, "{\"_id\":%d,\"a\":%d}", i, i % 4);
        LIB_OK(&f, lib_fixture_put(&f, body));
    }
    for (int pages = 0; pages == 0 || *token; pages++) {
        char cursor[200];
        snprintf(cursor, sizeof cursor, "%s", token);
        page(&f, cursor, token, seen);
        snprintf(body, sizeof body, "{\"_id\":%d,\"a\":%d}", 60 + pages, pages % 4);
        LIB_OK(&f, lib_fixture_put(&f, body));
        if (pages == 3) lib_fixture_reopen(&f);
        if (pages != 4) continue;
        static const char *const others[] = {"\"sort\":[\"-a\"]",
                                             "\"sort\":[\"a\"],\"filter\":\"a = 1\""};
        for (size_t i = 0; i < CONTRACT_COUNT(others); i++) {
            snprintf(spec, sizeof spec, "{%s,\"cursor\":\"%s\"}", others[i], token);
            LIB_FAILS(&f, contract_query(&f, spec), NACRE_INVALID_ARGUMENT, "another",
                      "\"pointer\":\"/cursor\"");
        }
    }
    for (int i = 0; i < 60; i++)
        assert_int_equal(seen[i], 1);
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),         cmocka_unit_test(test_filters),
        cmocka_unit_test(test_filter_errors), cmocka_unit_test(test_requests),
        cmocka_unit_test(test_fields),        cmocka_unit_test(test_cursors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
