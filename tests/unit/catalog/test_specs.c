// Proves: what users may ask of collections, indexes and quotas is read as they mean it, and what
// they may not is refused with a pointer to it and a suggestion.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/catalog_fixture.h"
#include "support/doc_values.h"

static struct catalog_fixture f;

static int setup(void **state) {
    (void)state;
    catalog_fixture_open(&f);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    catalog_fixture_close(&f);
    return 0;
}

static nacre_status parse_collection(const char *json, struct collection_spec *out) {
    return collection_spec_parse(&f.ctx, doc_values_doc(&f.ctx, json), out);
}

static nacre_status parse_index(const char *json, struct index_spec *out) {
    return index_spec_parse(&f.ctx, SLICE_LIT("ix"), doc_values_doc(&f.ctx, json), out);
}

static void test_collection_with_everything(void **state) {
    (void)state;
    struct collection_spec spec, again;
    assert_int_equal(
        parse_collection("{\"indexes\":[{\"name\":\"a\",\"type\":\"btree\",\"fields\":[\"x\"]},"
                         "{\"name\":\"b\",\"fields\":[{\"path\":\"y.z\",\"order\":\"desc\"},\"w\"],"
                         "\"unique\":true}],"
                         "\"ttl_seconds\":60,\"history_seconds\":315360000,\"shards\":1,"
                         "\"history_bytes\":4096,\"changes_seconds\":31536000,"
                         "\"primary_key\":\"sku\"}",
                         &spec),
        NACRE_OK);
    assert_int_equal(spec.ttl_seconds, 60);
    assert_int_equal(spec.history_seconds, 315360000);
    assert_int_equal(spec.history_bytes, 4096);
    assert_int_equal(spec.changes_seconds, 31536000);
    assert_true(slice_eq_str(spec.primary_key, "sku"));
    assert_int_equal(spec.index_count, 2);
    assert_true(slice_eq_str(spec.indexes[1].name, "b"));
    assert_true(spec.indexes[1].unique && spec.indexes[1].fields[0].descending);
    assert_false(spec.indexes[1].fields[1].descending);
    assert_true(slice_eq_str(spec.indexes[1].fields[0].path, "y.z"));
    assert_string_equal(doc_values_text(&f.ctx, spec.settings),
                        "{\"primary_key\":\"sku\",\"shards\":1,\"ttl_seconds\":60,"
                        "\"history_seconds\":315360000,\"history_bytes\":4096,"
                        "\"changes_seconds\":31536000}");
    assert_int_equal(collection_spec_parse(&f.ctx, spec.settings, &again), NACRE_OK);
    assert_true(slice_eq(again.settings, spec.settings));
    assert_int_equal(again.index_count, 0);
}

static void test_collection_with_nothing(void **state) {
    (void)state;
    struct collection_spec spec;
    assert_int_equal(collection_spec_parse(&f.ctx, (struct slice){0}, &spec), NACRE_OK);
    assert_int_equal(spec.ttl_seconds, 0);
    assert_int_equal(spec.changes_seconds, 86400);
    assert_int_equal(spec.history_bytes, 0);
    assert_string_equal(doc_values_text(&f.ctx, spec.settings), "{}");
    assert_int_equal(parse_collection("{}", &spec), NACRE_OK);
    assert_int_equal(parse_collection("{\"primary_key\":\"_id\"}", &spec), NACRE_OK);
    assert_int_equal(spec.primary_key.n, 0);
}

static void test_collection_refusals(void **state) {
    (void)state;
    static const struct {
        const char *json;
        nacre_status status;
        const char *pointer;
    } cases[] = {
        {"{\"ttl_second\":1}", NACRE_INVALID_ARGUMENT, "/ttl_second"},
        {"{\"a~/b\":1}", NACRE_INVALID_ARGUMENT, "/a~0~1b"},
        {"{\"ttl_seconds\":-1}", NACRE_INVALID_ARGUMENT, "/ttl_seconds"},
        {"{\"ttl_seconds\":315360001}", NACRE_INVALID_ARGUMENT, "/ttl_seconds"},
        {"{\"ttl_seconds\":1.0}", NACRE_INVALID_ARGUMENT, "/ttl_seconds"},
        {"{\"ttl_seconds\":null}", NACRE_INVALID_ARGUMENT, "/ttl_seconds"},
        {"{\"history_seconds\":\"1\"}", NACRE_INVALID_ARGUMENT, "/history_seconds"},
        {"{\"history_bytes\":4095}", NACRE_INVALID_ARGUMENT, "/history_bytes"},
        {"{\"changes_seconds\":59}", NACRE_INVALID_ARGUMENT, "/changes_seconds"},
        {"{\"changes_seconds\":31536001}", NACRE_INVALID_ARGUMENT, "/changes_seconds"},
        {"{\"changes_seconds\":\"1h\"}", NACRE_INVALID_ARGUMENT, "/changes_seconds"},
        {"{\"shards\":0}", NACRE_INVALID_ARGUMENT, "/shards"},
        {"{\"shards\":4}", NACRE_UNIMPLEMENTED, "/shards"},
        {"{\"schema\":[]}", NACRE_INVALID_ARGUMENT, "/schema"},
        {"{\"primary_key\":1}", NACRE_INVALID_ARGUMENT, "/primary_key"},
        {"{\"primary_key\":\"\"}", NACRE_INVALID_ARGUMENT, "/primary_key"},
        {"{\"primary_key\":\"a..b\"}", NACRE_INVALID_ARGUMENT, "/primary_key"},
        {"{\"primary_key\":\"_version\"}", NACRE_INVALID_ARGUMENT, "/primary_key"},
        {"{\"indexes\":{}}", NACRE_INVALID_ARGUMENT, "/indexes"},
        {"{\"indexes\":[1]}", NACRE_INVALID_ARGUMENT, "/indexes/0"},
        {"{\"indexes\":[{\"fields\":[\"a\"]}]}", NACRE_INVALID_ARGUMENT, "/indexes/0/name"},
        {"{\"indexes\":[{\"name\":\"1\",\"fields\":[\"a\"]}]}", NACRE_INVALID_ARGUMENT,
         "/indexes/0/name"},
        {"{\"indexes\":[{\"name\":\"a\",\"fields\":[\"a\"]},{\"name\":\"A\",\"fields\":[\"b\"]}]}",
         NACRE_INVALID_ARGUMENT, "/indexes/1/name"},
        {"{\"indexes\":[{\"name\":\"a\",\"fields\":[\"a\",{\"path\":\"b\",\"order\":\"up\"}]}]}",
         NACRE_INVALID_ARGUMENT, "/indexes/0/fields/1/order"},
        {"{\"indexes\":[{\"name\":\"a\",\"type\":\"text\",\"fields\":[\"a\"]}]}",
         NACRE_UNIMPLEMENTED, "/indexes/0/type"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct collection_spec spec;
        catalog_fixture_expect(&f, parse_collection(cases[i].json, &spec), cases[i].status,
                               cases[i].pointer);
        assert_true(f.ctx.err.items[0].expected[0] != '\0');
        assert_true(f.ctx.err.items[0].got[0] != '\0');
    }
}

static void test_misspelt_members_are_suggested(void **state) {
    (void)state;
    struct collection_spec collection;
    struct index_spec index;
    struct quota quota;
    catalog_fixture_expect(&f, parse_collection("{\"ttl_second\":1}", &collection),
                           NACRE_INVALID_ARGUMENT, "/ttl_second");
    assert_int_equal(f.ctx.err.suggestion_count, 1);
    assert_string_equal(f.ctx.err.suggestions[0], "ttl_seconds");
    catalog_fixture_expect(&f, parse_index("{\"feilds\":[\"a\"]}", &index), NACRE_INVALID_ARGUMENT,
                           "/feilds");
    assert_string_equal(f.ctx.err.suggestions[0], "fields");
    catalog_fixture_expect(&f, parse_index("{\"type\":\"btre\",\"fields\":[\"a\"]}", &index),
                           NACRE_INVALID_ARGUMENT, "/type");
    assert_string_equal(f.ctx.err.suggestions[0], "btree");
    struct slice bson = doc_values_doc(&f.ctx, "{\"quota\":{\"document\":1}}");
    catalog_fixture_expect(&f, quota_parse(&f.ctx, bson, &quota), NACRE_INVALID_ARGUMENT,
                           "/quota/document");
    assert_string_equal(f.ctx.err.suggestions[0], "documents");
}

static void test_index_as_given(void **state) {
    (void)state;
    struct index_spec spec, again;
    assert_int_equal(parse_index("{\"where\":{\"a\":{\"$gt\":1}},\"fields\":[\"_id\",{\"path\":"
                                 "\"/b/c\"}],\"name\":\"ix\"}",
                                 &spec),
                     NACRE_OK);
    assert_int_equal(spec.type, INDEX_BTREE);
    assert_false(spec.unique);
    assert_string_equal(doc_values_text(&f.ctx, spec.where), "{\"a\":{\"$gt\":1}}");
    assert_string_equal(doc_values_text(&f.ctx, spec.options),
                        "{\"type\":\"btree\",\"fields\":[\"_id\",{\"path\":\"/b/c\"}],"
                        "\"where\":{\"a\":{\"$gt\":1}}}");
    assert_int_equal(index_spec_parse(&f.ctx, spec.name, spec.options, &again), NACRE_OK);
    assert_true(slice_eq(again.options, spec.options));
    assert_true(slice_eq(again.where, spec.where));
    assert_int_equal(parse_index("{\"fields\":[\"a\"],\"where\":\"a > 1\"}", &spec), NACRE_OK);
    assert_string_equal(doc_values_text(&f.ctx, spec.where), "{\"\":\"a > 1\"}");
    assert_int_equal(parse_index("{\"fields\":[\"a\"],\"where\":{}}", &spec), NACRE_OK);
    assert_int_equal(spec.where.n, 0);
}

static void test_index_refusals(void **state) {
    (void)state;
    static const struct {
        const char *json;
        nacre_status status;
        const char *pointer;
    } cases[] = {
        {"{}", NACRE_INVALID_ARGUMENT, "/fields"},
        {"{\"fields\":[]}", NACRE_INVALID_ARGUMENT, "/fields"},
        {"{\"fields\":\"a\"}", NACRE_INVALID_ARGUMENT, "/fields"},
        {"{\"fields\":[1]}", NACRE_INVALID_ARGUMENT, "/fields/0"},
        {"{\"fields\":[\"a\",\"_version\"]}", NACRE_INVALID_ARGUMENT, "/fields/1"},
        {"{\"fields\":[\"_lease.until\"]}", NACRE_INVALID_ARGUMENT, "/fields/0"},
        {"{\"fields\":[{\"path\":\"_expires\"}]}", NACRE_INVALID_ARGUMENT, "/fields/0/path"},
        {"{\"fields\":[\"a\",\"a\"]}", NACRE_INVALID_ARGUMENT, "/fields/1"},
        {"{\"fields\":[\"a.b\",\"/a/b\"]}", NACRE_INVALID_ARGUMENT, "/fields/1"},
        {"{\"fields\":[\"a.\"]}", NACRE_INVALID_ARGUMENT, "/fields/0"},
        {"{\"fields\":[{\"order\":\"asc\"}]}", NACRE_INVALID_ARGUMENT, "/fields/0/path"},
        {"{\"fields\":[{\"path\":\"a\",\"oder\":\"asc\"}]}", NACRE_INVALID_ARGUMENT,
         "/fields/0/oder"},
        {"{\"fields\":[\"a\"],\"unique\":1}", NACRE_INVALID_ARGUMENT, "/unique"},
        {"{\"fields\":[\"a\"],\"where\":1}", NACRE_INVALID_ARGUMENT, "/where"},
        {"{\"fields\":[\"a\"],\"name\":\"other\"}", NACRE_INVALID_ARGUMENT, "/name"},
        {"{\"fields\":[\"a\"],\"state\":\"ready\"}", NACRE_INVALID_ARGUMENT, "/state"},
        {"{\"type\":1,\"fields\":[\"a\"]}", NACRE_INVALID_ARGUMENT, "/type"},
        {"{\"type\":\"vector\",\"field\":\"v\",\"dimension\":3}", NACRE_UNIMPLEMENTED, "/type"},
        {"{\"type\":\"text\",\"fields\":[\"a\"]}", NACRE_UNIMPLEMENTED, "/type"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct index_spec spec;
        catalog_fixture_expect(&f, parse_index(cases[i].json, &spec), cases[i].status,
                               cases[i].pointer);
    }
    struct index_spec spec;
    assert_int_equal(index_spec_parse(&f.ctx, SLICE_LIT("a b"), (struct slice){0}, &spec),
                     NACRE_INVALID_ARGUMENT);
}

static const char *fields_json(char *out, size_t cap, int count) {
    int at = snprintf(out, cap, "{\"fields\":[");
    for (int i = 0; i < count; i++)
        at += snprintf(out + at, cap - (size_t)at, "%s\"f%d\"", i ? "," : "", i);
    snprintf(out + at, cap - (size_t)at, "]}");
    return out;
}

static void test_most_fields_and_indexes(void **state) {
    (void)state;
    char json[8192];
    struct index_spec spec;
    struct collection_spec collection;
    assert_int_equal(parse_index(fields_json(json, sizeof json, INDEX_FIELDS_MAX), &spec),
                     NACRE_OK);
    assert_int_equal(spec.field_count, INDEX_FIELDS_MAX);
    catalog_fixture_expect(&f,
                           parse_index(fields_json(json, sizeof json, INDEX_FIELDS_MAX + 1), &spec),
                           NACRE_INVALID_ARGUMENT, "/fields");
    for (int count = INDEXES_MAX; count <= INDEXES_MAX + 1; count++) {
        int at = snprintf(json, sizeof json, "{\"indexes\":[");
        for (int i = 0; i < count; i++)
            at += snprintf(json + at, sizeof json - (size_t)at,
                           "%s{\"name\":\"i%d\",\"fields\":[\"a\"]}", i ? "," : "", i);
        snprintf(json + at, sizeof json - (size_t)at, "]}");
        if (count <= INDEXES_MAX)
            assert_int_equal(parse_collection(json, &collection), NACRE_OK);
        else
            catalog_fixture_expect(&f, parse_collection(json, &collection), NACRE_INVALID_ARGUMENT,
                                   "/indexes");
    }
}

static nacre_status parse_quota(const char *json, struct quota *out) {
    return quota_parse(&f.ctx, doc_values_doc(&f.ctx, json), out);
}

static void test_quota(void **state) {
    (void)state;
    struct quota quota;
    assert_int_equal(parse_quota("{\"quota\":{\"storage_bytes\":1,\"memory_bytes\":null,"
                                 "\"documents\":9223372036854775807}}",
                                 &quota),
                     NACRE_OK);
    assert_int_equal(quota.storage_bytes, 1);
    assert_int_equal(quota.memory_bytes, 0);
    assert_int_equal(quota.documents, INT64_MAX);
    assert_int_equal(parse_quota("{}", &quota), NACRE_OK);
    assert_int_equal(quota.documents, 0);
    assert_int_equal(quota_parse(&f.ctx, (struct slice){0}, &quota), NACRE_OK);
    assert_int_equal(parse_quota("{\"quota\":null}", &quota), NACRE_OK);
    catalog_fixture_expect(&f, parse_quota("{\"quota\":1}", &quota), NACRE_INVALID_ARGUMENT,
                           "/quota");
    catalog_fixture_expect(&f, parse_quota("{\"quota\":{\"memory_bytes\":1}}", &quota),
                           NACRE_UNIMPLEMENTED, "/quota/memory_bytes");
    catalog_fixture_expect(&f, parse_quota("{\"quota\":{\"documents\":0}}", &quota),
                           NACRE_INVALID_ARGUMENT, "/quota/documents");
    catalog_fixture_expect(&f, parse_quota("{\"quotas\":{}}", &quota), NACRE_INVALID_ARGUMENT,
                           "/quotas");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_collection_with_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(test_collection_with_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_collection_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_misspelt_members_are_suggested, setup, teardown),
        cmocka_unit_test_setup_teardown(test_index_as_given, setup, teardown),
        cmocka_unit_test_setup_teardown(test_index_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_most_fields_and_indexes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quota, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
