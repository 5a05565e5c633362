// Databases, collections and indexes through nacre.h.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/lib_fixture.h"

static void test_databases(void **state) {
    struct lib_fixture f;
    const char *text;
    int created;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, nacre_database_create(f.s, "shop", "{\"quota\":{\"documents\":2}}", &created));
    assert_int_equal(created, 1);
    LIB_OK(&f, nacre_database_create(f.s, "shop", NULL, &created));
    assert_int_equal(created, 0);
    LIB_FAILS(&f, nacre_database_create(f.s, "Shop", NULL, NULL), NACRE_ALREADY_EXISTS, "case");
    f.c = nacre_collection_of("shop", "things");
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1}"));
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":2}"));
    LIB_FAILS(&f, lib_fixture_put(&f, "{\"_id\":3}"), NACRE_QUOTA_EXCEEDED, "507");
    LIB_OK(&f, nacre_database_describe(f.s, "shop", &text));
    LIB_HAS(text, "{\"name\":\"shop\",\"documents\":2,\"storage_bytes\":");
    LIB_HAS(text, "\"quota\":{\"documents\":2}");
    LIB_OK(&f, nacre_database_alter(f.s, "shop", "{\"quota\":{\"documents\":3}}"));
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":3}"));
    LIB_OK(&f, nacre_database_describe(f.s, NULL, &text));
    LIB_HAS(text, "{\"items\":[{\"name\":\"main\",\"documents\":0,\"storage_bytes\":0},{\"name\":");
    LIB_OK(&f, nacre_database_drop(f.s, "shop"));
    LIB_FAILS(&f, nacre_database_describe(f.s, "shop", &text), NACRE_DATABASE_NOT_FOUND, "shop");
    LIB_FAILS(&f, nacre_database_drop(f.s, "shop"), NACRE_DATABASE_NOT_FOUND, "shop");
    LIB_FAILS(&f, nacre_database_drop(f.s, "main"), NACRE_INVALID_ARGUMENT, "always there");
    LIB_FAILS(&f, nacre_database_create(f.s, "1x", NULL, NULL), NACRE_INVALID_ARGUMENT,
              "expected a letter");
    LIB_FAILS(&f, nacre_database_create(f.s, NULL, NULL, NULL), NACRE_INVALID_ARGUMENT,
              "name is NULL");
    LIB_FAILS(&f, nacre_database_create(f.s, "y", "{\"quota\":{\"document\":1}}", NULL),
              NACRE_INVALID_ARGUMENT, "\"pointer\":\"/quota/document\"",
              "\"suggestions\":[\"documents\"]");
    LIB_FAILS(&f, nacre_database_create(f.s, "y", "{nope", NULL), NACRE_INVALID_JSON, "'nope'");
    LIB_FAILS(&f, nacre_database_alter(f.s, "nowhere", "{}"), NACRE_DATABASE_NOT_FOUND, "404");
    lib_fixture_close(&f);
}

static void test_collections(void **state) {
    struct lib_fixture f;
    const char *text;
    int created;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, nacre_collection_create(f.s, &f.c,
                                       "{\"ttl_seconds\":60,\"primary_key\":\"k\",\"indexes\":"
                                       "[{\"name\":\"i\",\"fields\":[\"a\",{\"path\":\"b.c\","
                                       "\"order\":\"desc\"}]}]}",
                                       &created));
    assert_int_equal(created, 1);
    LIB_OK(&f, nacre_collection_create(f.s, &f.c, "{\"ttl_seconds\":60}", &created));
    assert_int_equal(created, 0);
    LIB_FAILS(&f, nacre_collection_create(f.s, &f.c, "{\"ttl_seconds\":61}", NULL),
              NACRE_ALREADY_EXISTS, "other settings");
    LIB_OK(&f, lib_fixture_put(&f, "{\"k\":\"key\"}"));
    LIB_HAS(lib_fixture_get(&f, nacre_id_string("key")), "{\"_id\":\"key\",\"k\":\"key\"");
    LIB_OK(&f, nacre_collection_describe(f.s, &f.c, &text));
    LIB_HAS(text, "{\"name\":\"things\",\"documents\":1,\"indexes\":[{\"name\":\"i\",");
    LIB_HAS(text, "\"fields\":[\"a\",{\"path\":\"b.c\",\"order\":\"desc\"}],");
    LIB_HAS(text, "\"state\":\"ready\",\"progress\":1.0}]");
    LIB_HAS(text, "\"ttl_seconds\":60");
    LIB_OK(&f, nacre_collection_alter(f.s, &f.c, "{\"ttl_seconds\":null}"));
    LIB_OK(&f, nacre_collection_describe(f.s, &f.c, &text));
    assert_null(strstr(text, "ttl_seconds"));
    assert_null(strstr(text, "changes_seconds"));
    LIB_OK(&f, nacre_collection_create(f.s, &f.c, "{\"changes_seconds\":86400}", &created));
    assert_int_equal(created, 0);
    LIB_OK(&f, nacre_collection_alter(f.s, &f.c, "{\"changes_seconds\":3600}"));
    LIB_OK(&f, nacre_collection_describe(f.s, &f.c, &text));
    LIB_HAS(text, "\"changes_seconds\":3600");
    LIB_FAILS(&f, nacre_collection_create(f.s, &f.c, "{\"changes_seconds\":7200}", NULL),
              NACRE_ALREADY_EXISTS, "other settings");
    LIB_FAILS(&f, nacre_collection_alter(f.s, &f.c, "{\"changes_seconds\":59}"),
              NACRE_INVALID_ARGUMENT, "an integer from 60 to 31536000");
    nacre_collection all = nacre_collection_of(NULL, NULL);
    LIB_OK(&f, nacre_collection_describe(f.s, &all, &text));
    LIB_HAS(text, "{\"items\":[{\"name\":\"things\"");
    // The handle notices that the collection is gone and made anew.
    LIB_OK(&f, nacre_collection_drop(f.s, &f.c));
    LIB_FAILS(&f, nacre_collection_describe(f.s, &f.c, &text), NACRE_COLLECTION_NOT_FOUND, "404");
    LIB_FAILS(&f, nacre_collection_drop(f.s, &f.c), NACRE_COLLECTION_NOT_FOUND, "things");
    nacre_doc doc = {0};
    LIB_FAILS(&f, nacre_get(f.s, &f.c, nacre_id_string("key"), &doc), NACRE_COLLECTION_NOT_FOUND,
              "things");
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1}"));
    assert_null(lib_fixture_get(&f, nacre_id_string("key")));
    assert_non_null(lib_fixture_get(&f, nacre_id_integer(1)));
    LIB_FAILS(&f, nacre_collection_create(f.s, &f.c, "{\"shards\":3}", NULL), NACRE_UNIMPLEMENTED,
              "\"pointer\":\"/shards\"");
    LIB_FAILS(&f, nacre_collection_create(f.s, &f.c, "{\"tll_seconds\":3}", NULL),
              NACRE_INVALID_ARGUMENT, "\"suggestions\":[\"ttl_seconds\"]");
    LIB_FAILS(&f, nacre_collection_alter(f.s, &f.c, "{\"ttl_seconds\":-3}"), NACRE_INVALID_ARGUMENT,
              "\"pointer\":\"/ttl_seconds\"");
    f.c = nacre_collection_of(NULL, "Things");
    LIB_FAILS(&f, nacre_collection_describe(f.s, &f.c, &text), NACRE_COLLECTION_NOT_FOUND,
              "\"suggestions\":[\"things\"]");
    lib_fixture_close(&f);
}

static void test_indexes(void **state) {
    struct lib_fixture f;
    const char *text;
    int created;
    (void)state;
    lib_fixture_open(&f);
    LIB_FAILS(&f, nacre_index_create(f.s, &f.c, "i", "{\"fields\":[\"a\"]}", NULL),
              NACRE_COLLECTION_NOT_FOUND, "things");
    for (int i = 0; i < 600; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"_id\":%d,\"a\":%d}", i, i / 2);
        LIB_OK(&f, lib_fixture_put(&f, json));
    }
    LIB_OK(&f, nacre_index_create(f.s, &f.c, "i", "{\"fields\":[\"a\"]}", &created));
    assert_int_equal(created, 1);
    LIB_OK(&f, nacre_index_wait(f.s, &f.c, "i"));
    LIB_OK(&f, nacre_index_create(f.s, &f.c, "i", "{\"fields\":[\"a\"]}", &created));
    assert_int_equal(created, 0);
    LIB_FAILS(&f, nacre_index_create(f.s, &f.c, "i", "{\"fields\":[\"b\"]}", NULL),
              NACRE_ALREADY_EXISTS, "409");
    LIB_OK(&f, nacre_index_create(f.s, &f.c, "u", "{\"fields\":[\"a\"],\"unique\":true}", NULL));
    LIB_FAILS(&f, nacre_index_wait(f.s, &f.c, "u"), NACRE_UNIQUE_VIOLATION, "409");
    LIB_OK(&f, nacre_index_describe(f.s, &f.c, "u", &text));
    LIB_HAS(text, "\"state\":\"failed\"");
    LIB_HAS(text, "\"error\":");
    LIB_OK(&f, nacre_index_describe(f.s, &f.c, NULL, &text));
    LIB_HAS(text, "{\"items\":[{\"name\":\"i\",");
    LIB_OK(&f, nacre_index_drop(f.s, &f.c, "u"));
    LIB_FAILS(&f, nacre_index_describe(f.s, &f.c, "u", &text), NACRE_INDEX_NOT_FOUND, "404");
    LIB_FAILS(&f, nacre_index_drop(f.s, &f.c, "u"), NACRE_INDEX_NOT_FOUND, "404");
    LIB_FAILS(&f, nacre_index_wait(f.s, &f.c, "u"), NACRE_INDEX_NOT_FOUND, "404");
    LIB_FAILS(&f,
              nacre_index_create(f.s, &f.c, "p",
                                 "{\"fields\":[\"a\"],\"where\":"
                                 "{\"a\":{\"$regex\":\"x\"}}}",
                                 NULL),
              NACRE_INVALID_FILTER, "regex");
    LIB_FAILS(&f, nacre_index_create(f.s, &f.c, "p", "{\"field\":[\"a\"]}", NULL),
              NACRE_INVALID_ARGUMENT, "\"suggestions\":[\"fields\"]");
    LIB_FAILS(&f,
              nacre_index_create(f.s, &f.c, "p", "{\"type\":\"text\",\"fields\":[\"a\"]}", NULL),
              NACRE_UNIMPLEMENTED, "text");
    LIB_FAILS(&f, nacre_index_create(f.s, &f.c, "p", NULL, NULL), NACRE_INVALID_ARGUMENT,
              "json is NULL");
    LIB_FAILS(&f, nacre_index_create(f.s, &f.c, NULL, "{}", NULL), NACRE_INVALID_ARGUMENT,
              "name is NULL");
    LIB_FAILS(&f, nacre_index_create(f.s, &f.c, "a b", "{\"fields\":[\"a\"]}", NULL),
              NACRE_INVALID_ARGUMENT, "invalid index name");
    // Unique from the beginning.
    LIB_OK(&f, nacre_index_create(f.s, &f.c, "v",
                                  "{\"fields\":[\"b\"],\"unique\":true,"
                                  "\"where\":\"b > 0\"}",
                                  NULL));
    LIB_OK(&f, nacre_index_wait(f.s, &f.c, "v"));
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":\"x\",\"b\":5}"));
    LIB_FAILS(&f, lib_fixture_put(&f, "{\"_id\":\"y\",\"b\":5}"), NACRE_UNIQUE_VIOLATION,
              "\"pointer\":\"/b\"");
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":\"y\",\"b\":-5}"));
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":\"z\",\"b\":-5}"));
    lib_fixture_close(&f);
}

// The bytes of one document decide: with one less the put is refused, and makes no collection.
static void a_quota_keeps_a_collection_from_being_made(void **state) {
    struct lib_fixture f;
    const char *text, json[] = "{\"_id\":\"a\",\"n\":[1,2,{\"b\":\"some text\"}]}";
    char quota[80];
    nacre_collection c = nacre_collection_of("free", "things");
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, nacre_database_create(f.s, "free", NULL, NULL));
    LIB_OK(&f, nacre_put(f.s, &c, NULL, json, sizeof json - 1, NULL, NULL));
    LIB_OK(&f, nacre_database_describe(f.s, "free", &text));
    unsigned long long bytes = strtoull(strstr(text, "\"storage_bytes\":") + 16, NULL, 10);
    for (unsigned long long less = 0; less < 2; less++) {
        snprintf(quota, sizeof quota, "{\"quota\":{\"storage_bytes\":%llu}}", bytes - less);
        const char *name = less ? "small" : "enough";
        LIB_OK(&f, nacre_database_create(f.s, name, quota, NULL));
        c = nacre_collection_of(name, "things");
        nacre_status status = nacre_put(f.s, &c, NULL, json, sizeof json - 1, NULL, NULL);
        assert_int_equal(status, less ? NACRE_QUOTA_EXCEEDED : NACRE_OK);
        status = nacre_collection_describe(f.s, &c, &text);
        assert_int_equal(status, less ? NACRE_COLLECTION_NOT_FOUND : NACRE_OK);
    }
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quota_keeps_a_collection_from_being_made),
        cmocka_unit_test(test_databases),
        cmocka_unit_test(test_collections),
        cmocka_unit_test(test_indexes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
