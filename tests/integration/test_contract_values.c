// The contract on ids, documents, numbers, extended values, names and system fields.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/contract.h"

// "Id: UTF-8 string of 1..512 bytes (no U+0000, not `.` or `..`) or signed 64-bit integer."
static void test_ids(void **state) {
    static char long_id[514];
    static const struct {
        const char *text;
        size_t size;
        const char *says; // NULL: good
    } cases[] = {
        {"a", 1, NULL},
        {"a/b c%", 6, NULL},
        {"~x", 2, NULL},
        {"...", 3, NULL},
        {"\xc3\xa9", 2, NULL},
        {long_id, 512, NULL},
        {".", 1, "URL"},
        {"..", 2, "URL"},
        {"", 0, "empty"},
        {"a\0b", 3, "U+0000"},
        {"\xff\xfe", 2, "UTF-8"},
        {"\xc3", 1, "UTF-8"},
        {long_id, 513, "got 513"},
        {"\xed\xa0\x80", 3, "UTF-8"},
    };
    struct lib_fixture f;
    nacre_doc doc = {0};
    (void)state;
    lib_fixture_open(&f);
    memset(long_id, 'x', 513);
    LIB_OK(&f, contract_put(&f, "first", "{}", NULL, NULL));
    for (size_t i = 0; i < CONTRACT_COUNT(cases); i++) {
        nacre_id id = {.text = cases[i].text, .size = cases[i].size};
        nacre_status put = nacre_put(f.s, &f.c, &id, "{}", 2, NULL, NULL);
        if (cases[i].says) {
            LIB_FAILS(&f, put, NACRE_INVALID_ARGUMENT, cases[i].says, "\"parameter\":\"id\"");
            LIB_FAILS(&f, nacre_get(f.s, &f.c, id, &doc), NACRE_INVALID_ARGUMENT,
                      "\"parameter\":\"id\"");
            continue;
        }
        LIB_OK(&f, put);
        LIB_OK(&f, nacre_get(f.s, &f.c, id, &doc));
        nacre_doc_release(&doc);
    }
    int64_t ints[] = {0, -1, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < CONTRACT_COUNT(ints); i++) {
        nacre_id id = nacre_id_integer(ints[i]);
        LIB_OK(&f, nacre_put(f.s, &f.c, &id, "{}", 2, NULL, NULL));
        LIB_OK(&f, nacre_get(f.s, &f.c, id, &doc));
        nacre_doc_release(&doc);
    }
    lib_fixture_close(&f);
}

// "`_id` is the id": of the same types and limits, and the one the document is written under.
static void test_ids_in_bodies(void **state) {
    static const char *const bad[] = {
        "{\"_id\":1.0}",
        "{\"_id\":null}",
        "{\"_id\":true}",
        "{\"_id\":[1]}",
        "{\"_id\":\"\"}",
        "{\"_id\":\"..\"}",
        "{\"_id\":{\"$date\":\"2024-01-01T00:00:00Z\"}}",
        "{\"_id\":1e2}",
        "{\"_id\":9223372036854775808}",
    };
    struct lib_fixture f;
    nacre_result r;
    nacre_write want = {.want_document = 1};
    (void)state;
    lib_fixture_open(&f);
    for (size_t i = 0; i < CONTRACT_COUNT(bad); i++)
        LIB_FAILS(&f, lib_fixture_put(&f, bad[i]), NACRE_INVALID_ARGUMENT, "\"pointer\":\"/_id\"",
                  "\"expected\":\"a", "\"got\":\"");
    LIB_FAILS(&f, contract_put(&f, "~6", "{\"_id\":5}", NULL, NULL), NACRE_INVALID_ARGUMENT,
              "\"pointer\":\"/_id\"");
    LIB_FAILS(&f, contract_put(&f, "~6", "{\"_id\":\"6\"}", NULL, NULL), NACRE_INVALID_ARGUMENT,
              "\"pointer\":\"/_id\"");
    LIB_OK(&f, contract_put(&f, "~6", "{\"a\":1,\"_id\":6}", NULL, NULL));
    assert_string_equal(contract_body(&f, "~6"), "{\"_id\":6,\"a\":1}");
    LIB_OK(&f, nacre_put(f.s, &f.c, NULL, "{\"_id\":{\"$int64\":\"7\"}}", 22, &want, &r));
    assert_string_equal(r.id, "~7");
    LIB_OK(&f, nacre_put(f.s, &f.c, NULL, "{}", 2, &want, &r));
    assert_int_equal(strlen(r.id), 36); // "or a new UUIDv7"
    assert_int_equal(r.id[14], '7');
    lib_fixture_close(&f);
}

// "A number without fraction and exponent is a 64-bit integer, any other a double (`1.0` stays
// `1.0`, `-0.0` keeps its sign)"; "Values come back in the form they were sent"; "of equal names
// the last counts"; "Field names: any text without U+0000 that does not start with `$`".
static void test_values_come_back(void **state) {
    static const struct {
        const char *sent, *back; // NULL: the same
    } cases[] = {
        {"1.0", NULL},
        {"-0.0", NULL},
        {"0.1", NULL},
        {"1e2", "100.0"},
        {"5e-324", NULL},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"9223372036854775807", NULL},
        {"-9223372036854775808", NULL},
        {"9007199254740993", NULL},
        {"{\"$int64\":\"9223372036854775807\"}", "9223372036854775807"},
        {"{\"$date\":\"2024-02-29T12:34:56.789Z\"}", NULL},
        {"{\"$date\":\"2024-02-29T12:34:56+02:00\"}", "{\"$date\":\"2024-02-29T10:34:56.000Z\"}"},
        {"{\"$date\":\"0000-01-01T00:00:00.000Z\"}", NULL},
        {"{\"$date\":\"1969-12-31T23:59:59.999Z\"}", NULL},
        {"{\"$binary\":\"AQI=\"}", NULL},
        {"{\"$binary\":\"\"}", NULL},
        {"{\"$f32\":\"AACAPw==\"}", NULL},
        {"{\"$f16\":\"ADw=\"}", NULL},
        {"{\"$i8\":\"AQID\"}", NULL},
        {"{\"$bit\":\"/w==\"}", NULL},
        {"[1,2.5,-0.0,null,true,[],{}]", NULL},
        {"{\"x\":1,\"y\":2,\"x\":3}", "{\"x\":3,\"y\":2}"},
        {"{\"\":1,\"a.b\":2,\"a/b\":3}", NULL},
        {"{\"_version\":9,\"_id\":3}", NULL}, // system fields are those of the top level
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
    };
    struct lib_fixture f;
    char sent[128], back[128];
    (void)state;
    lib_fixture_open(&f);
    for (size_t i = 0; i < CONTRACT_COUNT(cases); i++) {
        snprintf(sent, sizeof sent, "{\"v\":%s}", cases[i].sent);
        snprintf(back, sizeof back, "{\"_id\":\"n\",\"v\":%s}",
                 cases[i].back ? cases[i].back : cases[i].sent);
        LIB_OK(&f, contract_put(&f, "n", sent, NULL, NULL));
        assert_string_equal(contract_body(&f, "n"), back);
    }
    lib_fixture_close(&f);
}

// "Id: … (no U+0000 …)", "Field names: any text without U+0000": other text may hold it, and it is
// text like any other, below U+0001 in every order.
static void test_nul_in_text(void **state) {
    static const char *const documents[] = {
        "{\"_id\":\"0\",\"s\":\"a\"}",         "{\"_id\":\"1\",\"s\":\"a\\u0000\"}",
        "{\"_id\":\"2\",\"s\":\"a\\u0000b\"}", "{\"_id\":\"3\",\"s\":\"a\\u0001\"}",
        "{\"_id\":\"4\",\"s\":\"ab\"}",        "{\"_id\":\"5\",\"s\":[{\"t\":\"\\u0000\"}]}",
    };
    static const char *const matches[][2] = {
        {"{\"s\":\"a\"}", "0 "},
        {"{\"s\":\"a\\u0000\"}", "1 "},
        {"{\"s\":{\"$in\":[\"a\\u0000b\",\"\\u0000\"]}}", "2 "},
        {"{\"s\":{\"$gt\":\"a\\u0000\",\"$lt\":\"ab\"}}", "2 3 "},
        {"{\"s\":{\"$startsWith\":\"a\\u0000\"}}", "1 2 "},
        {"{\"s\":{\"$contains\":\"\\u0000b\"}}", "2 "},
        {"{\"s\":{\"$regex\":\"^a\\\\x00b$\"}}", "2 "},
        {"{\"s\":{\"$regex\":\"\\u0000$\"}}", "1 "},
        {"{\"s.t\":\"\\u0000\"}", "5 "},
    };
    struct lib_fixture f;
    nacre_doc doc;
    nacre_value value;
    (void)state;
    lib_fixture_open(&f);
    for (size_t i = 0; i < CONTRACT_COUNT(documents); i++)
        LIB_OK(&f, lib_fixture_put(&f, documents[i]));
    for (int indexed = 0; indexed < 2; indexed++) {
        for (size_t i = 0; i < CONTRACT_COUNT(matches); i++)
            assert_string_equal(contract_matches(&f, matches[i][0]), matches[i][1]);
        assert_string_equal(contract_ids(&f, "{\"filter\":\"s = 'a\\u0000b'\"}"), "2 ");
        assert_string_equal(contract_ids(&f, "{\"sort\":[\"s\"]}"), "0 1 2 3 4 5 ");
        assert_string_equal(contract_ids(&f, "{\"sort\":[\"-s\"]}"), "5 4 3 2 1 0 ");
        contract_index(&f, "by_s", "{\"fields\":[\"s\"],\"unique\":true}");
        contract_index(&f, "down", "{\"fields\":[{\"path\":\"s\",\"order\":\"desc\"}]}");
    }
    LIB_FAILS(&f, contract_put(&f, "6", "{\"s\":\"a\\u0000b\"}", NULL, NULL),
              NACRE_UNIQUE_VIOLATION, "by_s");
    LIB_OK(&f, contract_patch(&f, "0", NACRE_PATCH,
                              "{\"$set\":{\"s\":\"\\u0000\"},\"$push\":{\"l\":\"\\u0000x\"}}", NULL,
                              NULL));
    assert_string_equal(contract_body(&f, "0"),
                        "{\"_id\":\"0\",\"s\":\"\\u0000\",\"l\":[\"\\u0000x\"]}");
    LIB_FAILS(&f, contract_patch(&f, "0", NACRE_PATCH, "{\"$set\":{\"\\u0000\":1}}", NULL, NULL),
              NACRE_INVALID_ARGUMENT, "U+0000");
    LIB_FAILS(&f, contract_query(&f, "{\"filter\":{\"a\\u0000\":1}}"), NACRE_INVALID_ARGUMENT,
              "U+0000");
    LIB_FAILS(&f, lib_fixture_put(&f, "{\"_id\":\"a\\u0000\"}"), NACRE_INVALID_ARGUMENT,
              "\"pointer\":\"/_id\"", "U+0000");
    lib_fixture_reopen(&f);
    LIB_OK(&f, nacre_get(f.s, &f.c, nacre_id_string("2"), &doc));
    LIB_OK(&f, nacre_doc_field(f.s, &doc, "s", &value));
    assert_int_equal(value.size, 3);
    assert_memory_equal(value.data, "a\0b", 3);
    nacre_doc_release(&doc);
    lib_fixture_close(&f);
}

// "what fits neither … is 400"; extended values "are the only objects with `$`"; malformed text is
// invalid_json. Nothing is stored, and each says where, what was expected and what was given.
static void test_values_refused(void **state) {
    static const struct {
        const char *value;
        nacre_status status;
        const char *says;
    } cases[] = {
        {"9223372036854775808", NACRE_INVALID_ARGUMENT, "64 bits"},
        {"-9223372036854775809", NACRE_INVALID_ARGUMENT, "64 bits"},
        {"1e400", NACRE_INVALID_ARGUMENT, "range of a double"},
        {"{\"$int64\":\"9223372036854775808\"}", NACRE_INVALID_ARGUMENT, "$int64"},
        {"{\"$int64\":12}", NACRE_INVALID_ARGUMENT, "got a number"},
        {"{\"$int64\":\" 1\"}", NACRE_INVALID_ARGUMENT, "$int64"},
        {"{\"$int64\":\"1\",\"b\":1}", NACRE_INVALID_ARGUMENT, "a second member"},
        {"{\"$foo\":1}", NACRE_INVALID_ARGUMENT, "/v/$foo"},
        {"{\"x\":1,\"$date\":\"2024-01-01T00:00:00Z\"}", NACRE_INVALID_ARGUMENT, "/v/$date"},
        {"{\"$date\":\"2023-02-29T12:34:56Z\"}", NACRE_INVALID_ARGUMENT, "RFC 3339"},
        {"{\"$date\":\"2024-02-29\"}", NACRE_INVALID_ARGUMENT, "RFC 3339"},
        {"{\"$date\":\"10000-01-01T00:00:00Z\"}", NACRE_INVALID_ARGUMENT, "RFC 3339"},
        {"{\"$date\":5}", NACRE_INVALID_ARGUMENT, "RFC 3339"},
        {"{\"$binary\":\"AQI\"}", NACRE_INVALID_ARGUMENT, "base64"},
        {"{\"$f32\":\"AACA\"}", NACRE_INVALID_ARGUMENT, "4 bytes each"},
        {"{\"a\\u0000\":1}", NACRE_INVALID_ARGUMENT, "U+0000"},
        {"{\"$date\":\"2024-02-29T12:34:56Z\\u0000\"}", NACRE_INVALID_ARGUMENT, "RFC 3339"},
        {"{\"$int64\":\"1\\u0000\"}", NACRE_INVALID_ARGUMENT, "$int64"},
        {"{\"$binary\":\"AQID\\u0000\"}", NACRE_INVALID_ARGUMENT, "base64"},
        {"NaN", NACRE_INVALID_JSON, "expected a value, got 'NaN'"},
        {"-Infinity", NACRE_INVALID_JSON, "expected"},
        {"01", NACRE_INVALID_JSON, "leading zeros"},
        {".5", NACRE_INVALID_JSON, "expected a value"},
        {"1.", NACRE_INVALID_JSON, "a digit"},
        {"\"\\ud800\"", NACRE_INVALID_JSON, "surrogate"},
        {"\"\x01\"", NACRE_INVALID_JSON, "control character"},
        {"\"\xff\"", NACRE_INVALID_JSON, "UTF-8"},
        {"tru", NACRE_INVALID_JSON, "got 'tru'"},
        {"{\"$x\":1}}}", NACRE_INVALID_ARGUMENT, "/v/$x"},
        {"[1,]", NACRE_INVALID_JSON, "expected"},
    };
    static const char *const bodies[] = {"[1]", "1", "null", "\"x\""};
    struct lib_fixture f;
    char sent[128];
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, contract_put(&f, "a", "{}", NULL, NULL));
    for (size_t i = 0; i < CONTRACT_COUNT(cases); i++) {
        snprintf(sent, sizeof sent, "{\"v\":%s}", cases[i].value);
        LIB_FAILS(&f, contract_put(&f, "n", sent, NULL, NULL), cases[i].status, cases[i].says,
                  "line 1, column", "\"span\":{");
    }
    // "Valid JSON of the wrong shape is `invalid_argument`."
    for (size_t i = 0; i < CONTRACT_COUNT(bodies); i++)
        LIB_FAILS(&f, contract_put(&f, "n", bodies[i], NULL, NULL), NACRE_INVALID_ARGUMENT,
                  "expected an object");
    // But what is no JSON at all is that first.
    static const char *const texts[] = {"not json", "[1", "[1] x", "nul", "\"x",
                                        "1 2",      "",   " ",     "-"};
    for (size_t i = 0; i < CONTRACT_COUNT(texts); i++)
        LIB_FAILS(&f, contract_put(&f, "n", texts[i], NULL, NULL), NACRE_INVALID_JSON,
                  "line 1, column ", "\"span\":{");
    assert_string_equal(contract_body(&f, "n"), "");
    lib_fixture_close(&f);
}

// {"a":[[…]]} of so many levels.
static void nested(char *out, size_t size, int levels) {
    int inner = levels - 1;
    snprintf(out, size, "{\"a\":%.*s%.*s}", inner,
             "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
             "[[[[[[[[[[[[[[[[[[[[[[[[",
             inner,
             "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
             "]]]]]]]]]]]]]]]]]]]]]]]]");
}

// "A document is a JSON object ≤ 16 MiB, nesting ≤ 100 with the document itself counted."
static void test_bounds(void **state) {
    struct lib_fixture f;
    char text[512], deep[300];
    size_t big = (16u << 20) - 64;
    char *body = malloc(big + 256);
    (void)state;
    assert_non_null(body);
    lib_fixture_open(&f);
    nested(text, sizeof text, 100);
    LIB_OK(&f, contract_put(&f, "d", text, NULL, NULL));
    nested(text, sizeof text, 101);
    LIB_FAILS(&f, contract_put(&f, "e", text, NULL, NULL), NACRE_INVALID_ARGUMENT,
              "at most 100 levels", "got one more");
    nested(deep, sizeof deep, 100);
    snprintf(text, sizeof text, "{\"$set\":{\"b\":%s}}", deep);
    LIB_FAILS(&f, contract_patch(&f, "d", NACRE_PATCH, text, NULL, NULL), NACRE_INVALID_ARGUMENT,
              "levels");
    memset(body, 'x', big + 256);
    memcpy(body, "{\"a\":\"", 6);
    memcpy(body + big - 2, "\"}", 3);
    LIB_OK(&f, contract_put(&f, "big", body, NULL, NULL));
    body[big - 2] = body[big - 1] = body[big] = 'x';
    memcpy(body + big + 100, "\"}", 3);
    LIB_FAILS(&f, contract_put(&f, "big", body, NULL, NULL), NACRE_DOCUMENT_TOO_LARGE, "16777216");
    snprintf(text, sizeof text, "{\"b\":\"%064d\"}", 0);
    LIB_FAILS(&f, contract_patch(&f, "big", NACRE_PATCH, text, NULL, NULL),
              NACRE_DOCUMENT_TOO_LARGE, "16 MiB");
    assert_int_equal(contract_version(&f, "big"), 1);
    lib_fixture_close(&f);
    free(body);
}

// System fields are "refused on write unless they equal what is stored (`_version` in a body is
// then a condition: 412; `_lease` is ignored; the others 400)".
static void test_system_fields(void **state) {
    static const struct {
        const char *body;
        nacre_status status;
        const char *says, *pointer;
    } cases[] = {
        {"{\"_version\":99}", NACRE_VERSION_MISMATCH,
         "\"current_version\":", "expected version 99"},
        {"{\"_version\":0}", NACRE_INVALID_ARGUMENT, "\"got\":\"0\"", "\"pointer\":\"/_version\""},
        {"{\"_version\":1.0}", NACRE_INVALID_ARGUMENT, "double", "\"pointer\":\"/_version\""},
        {"{\"_version\":\"1\"}", NACRE_INVALID_ARGUMENT, "string", "\"pointer\":\"/_version\""},
        {"{\"_created\":\"2020-01-01T00:00:00.000Z\"}", NACRE_INVALID_ARGUMENT,
         "\"got\":\"\\\"2020-01-01T00:00:00.000Z\\\"\"", "\"pointer\":\"/_created\""},
        {"{\"_updated\":5}", NACRE_INVALID_ARGUMENT, "\"got\":\"int\"",
         "\"pointer\":\"/_updated\""},
        {"{\"_expires\":null}", NACRE_INVALID_ARGUMENT, "\"expected\":\"no such member\"",
         "\"pointer\":\"/_expires\""},
    };
    struct lib_fixture f;
    nacre_result r;
    char as_read[512];
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, contract_put(&f, "s", "{\"a\":1}", NULL, NULL));
    for (size_t i = 0; i < CONTRACT_COUNT(cases); i++) {
        LIB_FAILS(&f, contract_put(&f, "s", cases[i].body, NULL, NULL), cases[i].status,
                  cases[i].says, cases[i].pointer);
        LIB_FAILS(&f, contract_patch(&f, "s", NACRE_PATCH, cases[i].body, NULL, NULL),
                  cases[i].status, cases[i].says, cases[i].pointer);
    }
    nacre_write ttl = {.has_ttl = 1, .ttl_seconds = 1000};
    LIB_OK(&f, contract_put(&f, "s", "{\"a\":1,\"_lease\":{\"token\":\"x\"}}", &ttl, &r));
    snprintf(as_read, sizeof as_read, "%s", r.json);
    LIB_HAS(as_read, "\"_expires\":\"");
    assert_null(strstr(as_read, "_lease"));
    LIB_OK(&f, contract_put(&f, "s", as_read, NULL, NULL)); // what was read goes back in, once
    LIB_FAILS(&f, contract_put(&f, "s", as_read, NULL, NULL), NACRE_VERSION_MISMATCH,
              "expected version 2", "\"current_version\":3");
    LIB_FAILS(&f, contract_put(&f, "new", "{\"_version\":1}", NULL, NULL), NACRE_VERSION_MISMATCH,
              "\"current_version\":0");
    lib_fixture_close(&f);
}

// "Names of databases, collections and indexes: `[A-Za-z][A-Za-z0-9_-]{0,63}`, no two differing
// only in case."
static void test_names(void **state) {
    static const char *const bad[] = {
        "",         "1a",
        "_a",       "-a",
        "a b",      "a.b",
        "\xc3\xa9", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    struct lib_fixture f;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, nacre_collection_create(f.s, &f.c, NULL, NULL));
    for (size_t i = 0; i < CONTRACT_COUNT(bad); i++) {
        nacre_collection c = nacre_collection_of(NULL, bad[i]);
        LIB_FAILS(&f, nacre_put(f.s, &c, NULL, "{}", 2, NULL, NULL), NACRE_INVALID_ARGUMENT,
                  "expected a letter", "\"parameter\":\"collection\"");
        LIB_FAILS(&f, nacre_database_create(f.s, bad[i], NULL, NULL), NACRE_INVALID_ARGUMENT,
                  "expected a letter");
        LIB_FAILS(&f, nacre_index_create(f.s, &f.c, bad[i], "{\"fields\":[\"a\"]}", NULL),
                  NACRE_INVALID_ARGUMENT, "expected a letter");
    }
    nacre_collection longest = nacre_collection_of(NULL, &bad[7][1]), odd, other;
    odd = nacre_collection_of(NULL, "Z-_9");
    other = nacre_collection_of(NULL, "z-_9");
    LIB_OK(&f, nacre_put(f.s, &longest, NULL, "{}", 2, NULL, NULL));
    LIB_OK(&f, nacre_put(f.s, &odd, NULL, "{}", 2, NULL, NULL));
    LIB_FAILS(&f, nacre_put(f.s, &other, NULL, "{}", 2, NULL, NULL), NACRE_ALREADY_EXISTS,
              "only in case", "Z-_9");
    LIB_OK(&f, nacre_database_create(f.s, "Shop", NULL, NULL));
    LIB_FAILS(&f, nacre_database_create(f.s, "shop", NULL, NULL), NACRE_ALREADY_EXISTS, "case");
    contract_index(&f, "Ix", "{\"fields\":[\"a\"]}");
    LIB_FAILS(&f, nacre_index_create(f.s, &f.c, "iX", "{\"fields\":[\"a\"]}", NULL),
              NACRE_ALREADY_EXISTS, "case");
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_ids_in_bodies),
        cmocka_unit_test(test_values_come_back),
        cmocka_unit_test(test_nul_in_text),
        cmocka_unit_test(test_values_refused),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_system_fields),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
