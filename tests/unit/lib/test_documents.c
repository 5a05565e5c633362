// Documents through nacre.h: reads, writes, conditions, patches, and what is said to wrong input.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/lib_fixture.h"

static void put(struct lib_fixture *f, nacre_id id, const char *json, const nacre_write *options,
                nacre_result *out) {
    LIB_OK(f, nacre_put(f->s, &f->c, &id, json, strlen(json), options, out));
}

static void test_put_get(void **state) {
    struct lib_fixture f;
    nacre_result result;
    nacre_doc doc = {0};
    int there;
    (void)state;
    lib_fixture_open(&f);
    put(&f, nacre_id_string("~a"), "{\"n\":9007199254740993,\"d\":1.0}", NULL, &result);
    assert_true(result.created && !result.replayed && result.version == 1);
    assert_string_equal(result.id, "~~a");
    assert_true(strlen(result.sequence) > 3 && result.json == NULL);
    assert_string_equal(lib_fixture_get(&f, nacre_id_string("~a")),
                        "{\"_id\":\"~a\",\"n\":9007199254740993,\"d\":1.0,\"_version\":1}");
    char before[64];
    snprintf(before, sizeof before, "%s", result.sequence);
    nacre_write want = {.want_document = 1};
    put(&f, nacre_id_integer(-3), "{\"x\":{\"y\":[1,2]}}", &want, &result);
    assert_string_equal(result.id, "~-3");
    assert_string_not_equal(result.sequence, before);
    LIB_HAS(result.json, "{\"_id\":-3,\"x\":{\"y\":[1,2]},\"_version\":1,\"_created\":\"20");
    assert_int_equal(result.json_size, strlen(result.json));
    put(&f, nacre_id_integer(-3), "{}", NULL, &result);
    assert_true(!result.created && result.version == 2);
    LIB_OK(&f, nacre_exists(f.s, &f.c, nacre_id_integer(-3), &there));
    assert_int_equal(there, 1);
    LIB_OK(&f, nacre_exists(f.s, &f.c, nacre_id_integer(3), &there));
    assert_int_equal(there, 0);
    LIB_FAILS(&f, nacre_get(f.s, &f.c, nacre_id_integer(3), &doc), NACRE_DOCUMENT_NOT_FOUND,
              "\"code\":\"document_not_found\"", "\"status\":404", "\"retryable\":false");
    lib_fixture_reopen(&f);
    assert_string_equal(lib_fixture_get(&f, nacre_id_integer(-3)), "{\"_id\":-3,\"_version\":2}");
    lib_fixture_close(&f);
}

// A document in hand stays what it was.
static void test_held_document(void **state) {
    struct lib_fixture f;
    nacre_doc doc = {0}, other = {0};
    nacre_value v;
    const char *json;
    size_t size;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1,\"a\":{\"b\":[10,\"x\",true,null]},\"d\":{\"$date\":"
                                   "\"2024-01-01T00:00:00Z\"},\"f\":0.5,\"bin\":{\"$binary\":"
                                   "\"AQID\"}}"));
    LIB_OK(&f, nacre_get(f.s, &f.c, nacre_id_integer(1), &doc));
    assert_int_equal(doc.version, 1);
    assert_true(doc.created_ms > 1600000000000 && doc.created_ms == doc.updated_ms);
    assert_int_equal(doc.expires_ms, 0);
    LIB_OK(&f, nacre_delete(f.s, &f.c, nacre_id_integer(1), NULL, NULL));
    LIB_OK(&f, nacre_doc_field(f.s, &doc, "a.b.0", &v));
    assert_true(v.type == NACRE_TYPE_INT && v.integer == 10);
    LIB_OK(&f, nacre_doc_field(f.s, &doc, "/a/b/1", &v));
    assert_true(v.type == NACRE_TYPE_STRING && v.size == 1 && v.data[0] == 'x');
    LIB_OK(&f, nacre_doc_field(f.s, &doc, "a.b.2", &v));
    assert_true(v.type == NACRE_TYPE_BOOL && v.integer == 1);
    LIB_OK(&f, nacre_doc_field(f.s, &doc, "a.b.3", &v));
    assert_int_equal(v.type, NACRE_TYPE_NULL);
    LIB_OK(&f, nacre_doc_field(f.s, &doc, "d", &v));
    assert_true(v.type == NACRE_TYPE_DATE && v.integer == 1704067200000);
    LIB_OK(&f, nacre_doc_field(f.s, &doc, "f", &v));
    assert_true(v.type == NACRE_TYPE_DOUBLE && v.number == 0.5);
    LIB_OK(&f, nacre_doc_field(f.s, &doc, "bin", &v));
    assert_true(v.type == NACRE_TYPE_BINARY && v.size == 3);
    LIB_OK(&f, nacre_doc_field(f.s, &doc, "a.b", &v));
    assert_int_equal(v.type, NACRE_TYPE_ARRAY);
    LIB_OK(&f, nacre_doc_field(f.s, &doc, "a", &v));
    assert_int_equal(v.type, NACRE_TYPE_OBJECT);
    LIB_OK(&f, nacre_doc_field(f.s, &doc, "nowhere.at.all", &v));
    assert_int_equal(v.type, NACRE_TYPE_MISSING);
    LIB_OK(&f, nacre_doc_field(f.s, &doc, "_version", &v));
    assert_true(v.type == NACRE_TYPE_INT && v.integer == 1);
    LIB_OK(&f, nacre_doc_field(f.s, &doc, "_created", &v));
    assert_true(v.type == NACRE_TYPE_STRING && v.size == 24);
    LIB_OK(&f, nacre_doc_json(f.s, &doc, "f,a.b", &json, &size));
    assert_string_equal(json, "{\"_id\":1,\"a\":{\"b\":[10,\"x\",true,null]},\"f\":0.5}");
    assert_int_equal(size, strlen(json));
    LIB_FAILS(&f, nacre_doc_field(f.s, &doc, "a..b", &v), NACRE_INVALID_ARGUMENT,
              "\"parameter\":\"path\"");
    LIB_FAILS(&f, nacre_doc_json(f.s, &doc, "", &json, NULL), NACRE_INVALID_ARGUMENT, "fields");
    LIB_FAILS(&f, nacre_doc_json(f.s, &doc, "a,,b", &json, NULL), NACRE_INVALID_ARGUMENT,
              "\"parameter\":\"fields\"");
    LIB_FAILS(&f, nacre_doc_json(f.s, &other, NULL, &json, NULL), NACRE_INVALID_ARGUMENT,
              "doc holds no document");
    nacre_doc_release(&doc);
    LIB_FAILS(&f, nacre_doc_field(f.s, &doc, "a", &v), NACRE_INVALID_ARGUMENT, "not released");
    nacre_doc_release(&doc);
    nacre_doc_release(NULL);
    lib_fixture_close(&f);
}

static void test_conditions(void **state) {
    struct lib_fixture f;
    nacre_result result;
    uint64_t versions[] = {7, 1}, many[65] = {0};
    nacre_id id = nacre_id_string("a");
    (void)state;
    lib_fixture_open(&f);
    nacre_write w = {.if_present = 1};
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, &w, NULL), NACRE_VERSION_MISMATCH,
              "\"current_version\":0", "\"status\":412");
    w = (nacre_write){.if_absent = 1};
    put(&f, id, "{\"n\":1}", &w, &result);
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, &w, NULL), NACRE_VERSION_MISMATCH,
              "\"current_version\":1");
    assert_int_equal(nacre_error_version(f.s), 1);
    LIB_FAILS(&f, nacre_insert(f.s, &f.c, &id, "{}", 2, NULL, NULL), NACRE_ALREADY_EXISTS, "hint");
    assert_true(strlen(nacre_error_hint(f.s)) > 0);
    w = (nacre_write){.if_versions = versions, .if_version_count = 1};
    LIB_FAILS(&f, nacre_delete(f.s, &f.c, id, &w, NULL), NACRE_VERSION_MISMATCH, "version 7");
    w.if_version_count = 2;
    put(&f, id, "{\"n\":2}", &w, &result);
    assert_int_equal(result.version, 2);
    w = (nacre_write){.if_filter = "n = 3"};
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, &w, NULL), NACRE_CONDITION_FAILED,
              "\"current_version\":2");
    w.if_filter = "{\"n\":{\"$in\":[2,4]}}";
    put(&f, id, "{\"n\":\"x\"}", &w, &result);
    w.if_filter = "{\"n\":{\"$regex\":\"^x$\"}}";
    put(&f, id, "{\"n\":5}", &w, &result);
    w.if_filter = "n = = 3";
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, &w, NULL), NACRE_INVALID_FILTER,
              "\"parameter\":\"if\"", "\"span\":{\"offset\":4,\"length\":1}");
    w.if_filter = "{\"n\":{\"$gtt\":3}}";
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, &w, NULL), NACRE_INVALID_FILTER,
              "\"suggestions\":[\"$gt");
    w.if_filter = "";
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, &w, NULL), NACRE_INVALID_ARGUMENT,
              "\"parameter\":\"if_filter\"");
    w = (nacre_write){.if_version_count = 1};
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, &w, NULL), NACRE_INVALID_ARGUMENT,
              "if_versions is NULL");
    w = (nacre_write){.if_versions = many, .if_version_count = 65};
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, &w, NULL), NACRE_INVALID_ARGUMENT,
              "at most 64");
    w = (nacre_write){.if_absent = 1, .if_present = 1};
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, &w, NULL), NACRE_INVALID_ARGUMENT,
              "\"parameter\":\"if_absent\"");
    w = (nacre_write){.lease = "nonsense"};
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, &w, NULL), NACRE_LEASE_LOST, "token");
    w = (nacre_write){.durability = (nacre_durability)9};
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, &w, NULL), NACRE_INVALID_ARGUMENT,
              "\"parameter\":\"durability\"");
    LIB_OK(&f, nacre_delete(f.s, &f.c, id, NULL, &result));
    LIB_FAILS(&f, nacre_delete(f.s, &f.c, id, NULL, NULL), NACRE_DOCUMENT_NOT_FOUND, "not there");
    lib_fixture_close(&f);
}

static void test_ids(void **state) {
    struct lib_fixture f;
    nacre_result result;
    nacre_id id;
    char longer[514];
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, nacre_put(f.s, &f.c, NULL, "{\"a\":1}", 7, NULL, &result));
    assert_int_equal(strlen(result.id), 36); // a new UUID
    LIB_OK(&f, nacre_put(f.s, &f.c, NULL, "{\"a\":1,\"_id\":\"b\"}", 17, NULL, &result));
    assert_string_equal(result.id, "b");
    id = nacre_id_string("c");
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{\"_id\":\"b\"}", 11, NULL, NULL),
              NACRE_INVALID_ARGUMENT, "\"pointer\":\"/_id\"", "\"got\":\"another id\"");
    LIB_FAILS(&f, nacre_put(f.s, &f.c, NULL, "{\"_id\":1.5}", 11, NULL, NULL),
              NACRE_INVALID_ARGUMENT, "expected a string or a 64-bit integer, got double");
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    id = nacre_id_string(longer);
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, NULL, NULL), NACRE_INVALID_ARGUMENT,
              "at most 512 bytes");
    longer[512] = '\0';
    id = nacre_id_string(longer);
    LIB_OK(&f, nacre_put(f.s, &f.c, &id, "{}", 2, NULL, NULL));
    id = nacre_id_string("");
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, NULL, NULL), NACRE_INVALID_ARGUMENT, "empty");
    id = nacre_id_string("..");
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, NULL, NULL), NACRE_INVALID_ARGUMENT, "URL");
    id = (nacre_id){.text = "a\0b", .size = 3};
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, NULL, NULL), NACRE_INVALID_ARGUMENT, "U+0000");
    id = nacre_id_string("\xff");
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, NULL, NULL), NACRE_INVALID_ARGUMENT, "UTF-8");
    LIB_OK(&f, nacre_id_parse(f.s, "~-42", &id));
    assert_true(id.text == NULL && id.integer == -42);
    LIB_OK(&f, nacre_id_parse(f.s, "~~42", &id));
    assert_true(id.size == 3 && memcmp(id.text, "~42", 3) == 0);
    LIB_FAILS(&f, nacre_id_parse(f.s, "~x", &id), NACRE_INVALID_ARGUMENT, "64-bit integer");
    LIB_FAILS(&f, nacre_id_parse(f.s, NULL, &id), NACRE_INVALID_ARGUMENT, "text is NULL");
    lib_fixture_close(&f);
}

static void test_bad_documents(void **state) {
    struct lib_fixture f;
    (void)state;
    lib_fixture_open(&f);
    LIB_FAILS(&f, lib_fixture_put(&f, "{\"a\":}"), NACRE_INVALID_JSON, "line 1, column 6",
              "\"span\":{\"offset\":5");
    LIB_FAILS(&f, lib_fixture_put(&f, ""), NACRE_INVALID_JSON, "the end of the text");
    LIB_FAILS(&f, lib_fixture_put(&f, "{} x"), NACRE_INVALID_JSON, "the end of the text, got 'x'");
    LIB_FAILS(&f, lib_fixture_put(&f, "[1]"), NACRE_INVALID_ARGUMENT, "\"expected\":\"an object\"",
              "\"got\":\"an array\"");
    LIB_FAILS(&f, lib_fixture_put(&f, "{\"a\":{\"$x\":1}}"), NACRE_INVALID_ARGUMENT,
              "\"pointer\":\"/a/$x\"", "does not start with '$'");
    LIB_FAILS(&f, lib_fixture_put(&f, "{\"a\":99999999999999999999}"), NACRE_INVALID_ARGUMENT,
              "\"pointer\":\"/a\"");
    // Nothing of all that made the collection.
    LIB_FAILS(&f, nacre_delete(f.s, &f.c, nacre_id_integer(1), NULL, NULL),
              NACRE_COLLECTION_NOT_FOUND, "things");
    LIB_FAILS(&f, lib_fixture_put(&f, "{\"_created\":\"2020-01-01T00:00:00Z\"}"),
              NACRE_INVALID_ARGUMENT, "kept by the database");
    LIB_FAILS(&f, lib_fixture_put(&f, "{\"_id\":1,\"_version\":\"x\"}"), NACRE_INVALID_ARGUMENT,
              "\"pointer\":\"/_version\"");
    LIB_FAILS(&f, nacre_put(f.s, &f.c, NULL, NULL, 0, NULL, NULL), NACRE_INVALID_ARGUMENT,
              "json is NULL", "\"parameter\":\"json\"");
    LIB_FAILS(&f, nacre_put(f.s, NULL, NULL, "{}", 2, NULL, NULL), NACRE_INVALID_ARGUMENT,
              "collection is NULL");
    nacre_collection bad = nacre_collection_of(NULL, "no good");
    LIB_FAILS(&f, nacre_put(f.s, &bad, NULL, "{}", 2, NULL, NULL), NACRE_INVALID_ARGUMENT,
              "invalid collection name", "\"parameter\":\"collection\"");
    bad = nacre_collection_of("no/db", "c");
    LIB_FAILS(&f, nacre_put(f.s, &bad, NULL, "{}", 2, NULL, NULL), NACRE_INVALID_ARGUMENT,
              "invalid database name", "\"parameter\":\"database\"");
    bad = nacre_collection_of("other", "c");
    LIB_FAILS(&f, nacre_put(f.s, &bad, NULL, "{}", 2, NULL, NULL), NACRE_DATABASE_NOT_FOUND,
              "other");
    bad = nacre_collection_of(NULL, NULL);
    LIB_FAILS(&f, nacre_put(f.s, &bad, NULL, "{}", 2, NULL, NULL), NACRE_INVALID_ARGUMENT,
              "collection->name is NULL");
    lib_fixture_close(&f);
}

static void deep(char *out, int levels) {
    *out = '\0';
    for (int i = 0; i < levels; i++)
        memcpy(out + 5 * i, "{\"a\":", 5);
    out[5 * levels] = '1';
    memset(out + 5 * levels + 1, '}', (size_t)levels);
    out[6 * levels + 1] = '\0';
}

static void test_limits(void **state) {
    struct lib_fixture f;
    static char json[(16 << 20) + 64];
    (void)state;
    lib_fixture_open(&f);
    deep(json, 100);
    LIB_OK(&f, lib_fixture_put(&f, json));
    deep(json, 101);
    LIB_FAILS(&f, lib_fixture_put(&f, json), NACRE_INVALID_ARGUMENT, "at most 100 levels");
    memcpy(json, "{\"_id\":1,\"a\":\"", 14);
    memset(json + 14, 'x', 16 << 20);
    memcpy(json + 14 + (16 << 20), "\"}", 3);
    LIB_FAILS(&f, lib_fixture_put(&f, json), NACRE_DOCUMENT_TOO_LARGE, "16777216 bytes");
    memcpy(json + (15 << 20), "\"}", 3);
    LIB_OK(&f, lib_fixture_put(&f, json));
    nacre_doc doc = {0};
    LIB_OK(&f, nacre_get(f.s, &f.c, nacre_id_integer(1), &doc));
    assert_true(doc.bson_size > (15 << 20) - 100);
    nacre_doc_release(&doc);
    lib_fixture_close(&f);
}

static nacre_status patch(struct lib_fixture *f, nacre_patch_kind kind, const char *json,
                          const nacre_write *options, nacre_result *out) {
    return nacre_patch(f->s, &f->c, nacre_id_integer(1), kind, json, strlen(json), options, out);
}

static void test_patch(void **state) {
    struct lib_fixture f;
    nacre_result result;
    nacre_write want = {.want_document = 1};
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1,\"n\":1,\"t\":[1]}"));
    LIB_OK(&f, patch(&f, NACRE_PATCH, "{\"$inc\":{\"n\":2},\"$push\":{\"t\":5}}", &want, &result));
    LIB_HAS(result.json, "{\"_id\":1,\"n\":3,\"t\":[1,5],\"_version\":2");
    LIB_OK(&f, patch(&f, NACRE_PATCH, "{\"n\":null,\"m\":{\"x\":1}}", NULL, NULL));
    LIB_OK(&f, patch(&f, NACRE_PATCH_MERGE, "{\"m\":{\"y\":2}}", NULL, NULL));
    LIB_OK(&f, patch(&f, NACRE_PATCH_JSON, "[{\"op\":\"replace\",\"path\":\"/t/0\",\"value\":9}]",
                     NULL, NULL));
    assert_string_equal(lib_fixture_get(&f, nacre_id_integer(1)),
                        "{\"_id\":1,\"t\":[9,5],\"m\":{\"x\":1,\"y\":2},\"_version\":5}");
    LIB_FAILS(&f, patch(&f, NACRE_PATCH, "{\"$inc\":{\"m\":1}}", NULL, NULL),
              NACRE_INVALID_ARGUMENT, "/$inc/m");
    LIB_FAILS(&f, patch(&f, NACRE_PATCH, "{\"$ink\":{\"m\":1}}", NULL, NULL),
              NACRE_INVALID_ARGUMENT, "\"suggestions\":[\"$inc\"]");
    LIB_FAILS(&f, patch(&f, NACRE_PATCH, "{\"$inc\":{\"n\":1},\"m\":1}", NULL, NULL),
              NACRE_INVALID_ARGUMENT, "detail");
    LIB_FAILS(&f, patch(&f, NACRE_PATCH, "[]", NULL, NULL), NACRE_INVALID_ARGUMENT,
              "NACRE_PATCH_JSON");
    LIB_FAILS(&f, patch(&f, NACRE_PATCH_MERGE, "{\"$inc\":{\"n\":1}}", NULL, NULL),
              NACRE_INVALID_ARGUMENT, "'$'");
    LIB_FAILS(&f, patch(&f, NACRE_PATCH_JSON, "{\"n\":1}", NULL, NULL), NACRE_INVALID_ARGUMENT,
              "\"expected\":\"an array\"", "NACRE_PATCH");
    LIB_FAILS(&f, patch(&f, NACRE_PATCH_JSON, "[{\"op\":\"repalce\",\"path\":\"/a\"}]", NULL, NULL),
              NACRE_INVALID_ARGUMENT, "\"pointer\":\"/0/op\"", "\"suggestions\":[\"replace\"]");
    LIB_FAILS(&f,
              patch(&f, NACRE_PATCH_JSON, "[{\"op\":\"test\",\"path\":\"/m/x\",\"value\":2}]", NULL,
                    NULL),
              NACRE_CONDITION_FAILED, "\"pointer\":\"/0");
    LIB_FAILS(&f, patch(&f, (nacre_patch_kind)7, "{}", NULL, NULL), NACRE_INVALID_ARGUMENT,
              "\"parameter\":\"kind\"");
    LIB_FAILS(&f, nacre_patch(f.s, &f.c, nacre_id_integer(2), NACRE_PATCH, "{}", 2, NULL, NULL),
              NACRE_DOCUMENT_NOT_FOUND, "404");
    lib_fixture_close(&f);
}

static void test_ttl(void **state) {
    struct lib_fixture f;
    nacre_doc doc = {0};
    nacre_id id = nacre_id_integer(1);
    (void)state;
    lib_fixture_open(&f);
    nacre_write w = {.has_ttl = 1, .ttl_seconds = 3600};
    put(&f, id, "{}", &w, NULL);
    LIB_OK(&f, nacre_get(f.s, &f.c, id, &doc));
    assert_true(doc.expires_ms > doc.updated_ms + 3590000);
    nacre_doc_release(&doc);
    w = (nacre_write){.ttl_seconds = 5};
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, &w, NULL), NACRE_INVALID_ARGUMENT, "has_ttl");
    w = (nacre_write){.has_ttl = 1, .ttl_seconds = UINT64_MAX};
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, &w, NULL), NACRE_INVALID_ARGUMENT,
              "ttl_seconds");
    lib_fixture_close(&f);
}

static void test_idempotency(void **state) {
    struct lib_fixture f;
    nacre_result result;
    nacre_write w = {.idempotency_key = "k1"};
    nacre_id id = nacre_id_integer(1);
    char longer[257];
    (void)state;
    lib_fixture_open(&f);
    put(&f, id, "{\"n\":1}", &w, &result);
    put(&f, id, "{\"n\":1}", &w, &result);
    assert_true(result.replayed && result.created && result.version == 1);
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{\"n\":2}", 7, &w, NULL), NACRE_IDEMPOTENCY_KEY_REUSED,
              "422");
    w.idempotency_key = "";
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, &w, NULL), NACRE_INVALID_ARGUMENT,
              "\"parameter\":\"idempotency_key\"");
    memset(longer, 'k', 256);
    longer[256] = '\0';
    w.idempotency_key = longer;
    LIB_FAILS(&f, nacre_put(f.s, &f.c, &id, "{}", 2, &w, NULL), NACRE_INVALID_ARGUMENT,
              "255 bytes");
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_get),       cmocka_unit_test(test_held_document),
        cmocka_unit_test(test_conditions),    cmocka_unit_test(test_ids),
        cmocka_unit_test(test_bad_documents), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_patch),         cmocka_unit_test(test_ttl),
        cmocka_unit_test(test_idempotency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
