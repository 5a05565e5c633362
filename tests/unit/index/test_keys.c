// Proves: the keys of a document follow MongoDB's multikey rule, missing is null, the empty array
// comes before null, order and direction hold, and what cannot be indexed is refused by name.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "filter/filter.h"
#include "support/doc_values.h"
#include "support/catalog_fixture.h"
#include "support/index_fixture.h"

static struct index_fixture f;

static int setup(void **state) {
    (void)state;
    index_fixture_open(&f);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    index_fixture_close(&f);
    return 0;
}

#define KEYS(index, json, expected)                                                                \
    assert_string_equal(index_fixture_keys(&f, (index), (json)), (expected))

static void test_one_field(void **state) {
    (void)state;
    struct index_def *a = index_fixture_add(&f, "a", "{\"fields\":[\"a\"]}");
    KEYS(a, "{\"a\":1}", "(1)");
    KEYS(a, "{\"a\":\"x\"}", "(\"x\")");
    KEYS(a, "{\"a\":1.0}", "(1.0)");
    KEYS(a, "{\"a\":-0.0}", "(-0.0)");
    KEYS(a, "{\"a\":{\"b\":1}}", "({\"b\":1})");
    KEYS(a, "{\"a\":null}", "~(null)");
    KEYS(a, "{\"b\":1}", "~(null)");
}

static void test_an_array_at_the_end(void **state) {
    (void)state;
    struct index_def *a = index_fixture_add(&f, "a", "{\"fields\":[\"a\"]}");
    KEYS(a, "{\"a\":[2,1,2]}", "(1) (2) *");
    KEYS(a, "{\"a\":[]}", "~([]) *");
    KEYS(a, "{\"a\":[[]]}", "([]) *");
    KEYS(a, "{\"a\":[null,1,[]]}", "~(null) (1) ([]) *");
    KEYS(a, "{\"a\":[[1,2],1]}", "(1) ([1,2]) *");
    KEYS(a, "{\"a\":[1,1.0]}", "(1.0) *");
    KEYS(a, "{\"a\":[1.0,1]}", "(1.0) *");
    KEYS(a, "{\"a\":[{\"b\":1}]}", "({\"b\":1}) *");
}

static void test_paths_through_arrays(void **state) {
    (void)state;
    struct index_def *ab = index_fixture_add(&f, "ab", "{\"fields\":[\"a.b\"]}");
    KEYS(ab, "{\"a\":{\"b\":1}}", "(1)");
    KEYS(ab, "{\"a\":{\"c\":1}}", "~(null)");
    KEYS(ab, "{\"a\":1}", "~(null)");
    KEYS(ab, "{\"a\":[{\"b\":2},{\"b\":1},{\"b\":2}]}", "(1) (2) *");
    KEYS(ab, "{\"a\":[{\"b\":2}]}", "(2) *");
    KEYS(ab, "{\"a\":[{\"b\":2},{}]}", "~(null) (2) *");
    KEYS(ab, "{\"a\":[{\"b\":[3,1]},{\"b\":[2,[4]]}]}", "(1) (2) (3) ([4]) *");
    KEYS(ab, "{\"a\":[{\"b\":[]},{\"b\":1}]}", "~([]) (1) *");
    KEYS(ab, "{\"a\":[]}", "~(null) *");
    KEYS(ab, "{\"a\":[5]}", "~(null) *");
    KEYS(ab, "{\"a\":{\"b\":[1,2]}}", "(1) (2) *");
    struct index_def *a0 = index_fixture_add(&f, "a0", "{\"fields\":[\"a.0\"]}");
    KEYS(a0, "{\"a\":[7,8]}", "(7) *");
    KEYS(a0, "{\"a\":{\"0\":7}}", "(7)");
    struct index_def *deep = index_fixture_add(&f, "deep", "{\"fields\":[\"a.b.c\"]}");
    KEYS(deep, "{\"a\":{\"b\":{\"c\":1}}}", "(1)");
    KEYS(deep, "{\"a\":{\"b\":[{\"c\":1},{\"c\":2}]}}", "(1) (2) *");
    KEYS(deep, "{\"a\":[{\"b\":[{\"c\":1}]},{\"b\":{\"c\":2}}]}", "(1) (2) *");
}

static void test_order_and_direction(void **state) {
    (void)state;
    const char *all =
        "{\"a\":[{\"$date\":\"2024-01-01T00:00:00Z\"},true,{\"$binary\":\"AA==\"},[1],"
        "{\"x\":1},\"s\",1,null]}";
    struct index_def *up = index_fixture_add(&f, "up", "{\"fields\":[\"a\"]}");
    struct index_def *down =
        index_fixture_add(&f, "down", "{\"fields\":[{\"path\":\"a\",\"order\":\"desc\"}]}");
    KEYS(up, all,
         "~(null) (1) (\"s\") ({\"x\":1}) ([1]) ({\"$binary\":\"AA==\"}) (true) "
         "({\"$date\":\"2024-01-01T00:00:00.000Z\"}) *");
    KEYS(down, all,
         "({\"$date\":\"2024-01-01T00:00:00.000Z\"}) (true) ({\"$binary\":\"AA==\"}) ([1]) "
         "({\"x\":1}) (\"s\") (1) ~(null) *");
    // [] is last going down, as it is first going up.
    struct index_keys null_keys, empty_keys;
    struct ctx *ctx = &f.base.ctx;
    for (int i = 0; i < 2; i++) {
        struct index_def *index = i ? down : up;
        assert_int_equal(index_keys_of(ctx, index, index_fixture_doc(&f, "{}"), &null_keys),
                         NACRE_OK);
        assert_int_equal(
            index_keys_of(ctx, index, index_fixture_doc(&f, "{\"a\":[]}"), &empty_keys), NACRE_OK);
        int c = slice_cmp(empty_keys.keys[0].components, null_keys.keys[0].components);
        assert_true(i ? c > 0 : c < 0);
    }
}

static void test_compound(void **state) {
    (void)state;
    struct index_def *ab =
        index_fixture_add(&f, "ab", "{\"fields\":[\"a\",{\"path\":\"b\",\"order\":\"desc\"}]}");
    KEYS(ab, "{\"a\":1,\"b\":2}", "(1,2)");
    KEYS(ab, "{\"a\":1}", "~(1,null)");
    KEYS(ab, "{\"a\":[2,1],\"b\":3}", "(1,3) (2,3) *");
    KEYS(ab, "{\"a\":0,\"b\":[1,2]}", "(0,2) (0,1) *");
    KEYS(ab, "{\"a\":[],\"b\":1}", "~([],1) *");
}

static void test_fields_of_one_array_are_combined(void **state) {
    (void)state;
    struct index_def *ab = index_fixture_add(&f, "ab", "{\"fields\":[\"i.a\",\"i.b\"]}");
    KEYS(ab, "{\"i\":[{\"a\":1,\"b\":2},{\"a\":3,\"b\":4}]}", "(1,2) (1,4) (3,2) (3,4) *");
    KEYS(ab, "{\"i\":[{\"a\":1,\"b\":2}]}", "(1,2) *");
    ab->unique = true;
    struct index_keys keys;
    nacre_status status =
        index_keys_of(&f.base.ctx, ab, index_fixture_doc(&f, "{\"i\":[{\"a\":1,\"b\":2}]}"), &keys);
    catalog_fixture_expect(&f.base, status, NACRE_INVALID_ARGUMENT, "/i/b");
}

static void test_parallel_arrays_are_refused(void **state) {
    (void)state;
    struct index_def *ab = index_fixture_add(&f, "ab", "{\"fields\":[\"a\",\"c\",\"b.x\"]}");
    static const char *const bad[] = {
        "{\"a\":[1,2],\"b\":{\"x\":[3,4]}}",
        "{\"a\":[1],\"b\":[{\"x\":1}]}",
        "{\"a\":[],\"b\":{\"x\":[]}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct index_keys keys;
        nacre_status status = index_keys_of(&f.base.ctx, ab, index_fixture_doc(&f, bad[i]), &keys);
        catalog_fixture_expect(&f.base, status, NACRE_INVALID_ARGUMENT, "/b/x");
        assert_non_null(strstr(f.base.ctx.err.detail, "parallel arrays"));
        assert_non_null(strstr(f.base.ctx.err.detail, "\"ab\""));
    }
}

static const char *numbers(char *out, size_t cap, int count) {
    int at = snprintf(out, cap, "{\"a\":[");
    for (int i = 0; i < count; i++) at += snprintf(out + at, cap - (size_t)at, i ? ",%d" : "%d", i);
    snprintf(out + at, cap - (size_t)at, "]}");
    return out;
}

static void test_most_entries(void **state) {
    (void)state;
    static char json[100000];
    struct index_def *a = index_fixture_add(&f, "a", "{\"fields\":[\"a\"]}");
    struct index_keys keys;
    assert_int_equal(
        index_keys_of(&f.base.ctx, a,
                      index_fixture_doc(&f, numbers(json, sizeof json, INDEX_ENTRIES_MAX)), &keys),
        NACRE_OK);
    assert_int_equal(keys.count, INDEX_ENTRIES_MAX);
    assert_int_equal(
        index_keys_of(&f.base.ctx, a,
                      index_fixture_doc(&f, numbers(json, sizeof json, INDEX_ENTRIES_MAX + 1)),
                      &keys),
        NACRE_INVALID_ARGUMENT);
}

static void test_long_values_are_cut(void **state) {
    (void)state;
    static char json[4096];
    struct index_def *a = index_fixture_add(&f, "a", "{\"fields\":[\"a\"]}");
    snprintf(json, sizeof json, "{\"a\":\"%02000d\"}", 1);
    KEYS(a, json, "!(cut)");
    snprintf(json, sizeof json, "{\"a\":[\"%02000d\",\"%02000d\"]}", 1, 2);
    KEYS(a, json, "!(cut) *"); // two values, one entry
}

static void test_partial_indexes(void **state) {
    (void)state;
    struct index_def *a =
        index_fixture_add(&f, "a", "{\"fields\":[\"a\"],\"where\":{\"b\":{\"$gt\":1}}}");
    bool covers = false;
    struct ctx *ctx = &f.base.ctx;
    assert_int_equal(index_covers(ctx, a, index_fixture_doc(&f, "{\"b\":2}"), &covers), NACRE_OK);
    assert_true(covers);
    assert_int_equal(index_covers(ctx, a, index_fixture_doc(&f, "{\"b\":1}"), &covers), NACRE_OK);
    assert_false(covers);
    a->where_filter = NULL;
    assert_int_equal(index_covers(ctx, a, index_fixture_doc(&f, "{}"), &covers), NACRE_INTERNAL);
    a->where = (struct slice){0};
    assert_int_equal(index_covers(ctx, a, index_fixture_doc(&f, "{}"), &covers), NACRE_OK);
    assert_true(covers);
}

static nacre_status check_where(const char *json) {
    struct filter *filter = NULL;
    struct ctx *ctx = &f.base.ctx;
    assert_int_equal(filter_parse(ctx, doc_values_doc(ctx, json), &filter_regex_pcre2, &filter),
                     NACRE_OK);
    return index_where_check(ctx, filter);
}

static void test_filters_that_apply_may_not_run(void **state) {
    (void)state;
    assert_int_equal(check_where("{}"), NACRE_OK);
    assert_int_equal(check_where("{\"a\":1,\"$or\":[{\"_id\":1},{\"b\":null}]}"), NACRE_OK);
    assert_int_equal(check_where("{\"a\":{\"$elemMatch\":{\"_version\":1}}}"), NACRE_OK);
    assert_int_equal(check_where("{\"x._version\":1}"), NACRE_OK);
    assert_int_equal(check_where("{\"a\":{\"$regex\":\"^x\"}}"), NACRE_INVALID_FILTER);
    assert_int_equal(check_where("{\"_version\":1}"), NACRE_INVALID_FILTER);
    assert_int_equal(check_where("{\"$or\":[{\"a\":1},{\"_lease.until\":{\"$ne\":null}}]}"),
                     NACRE_INVALID_FILTER);
    assert_string_equal(f.base.ctx.err.items[0].got, "_lease");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_field, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_array_at_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_paths_through_arrays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order_and_direction, setup, teardown),
        cmocka_unit_test_setup_teardown(test_compound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fields_of_one_array_are_combined, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parallel_arrays_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_most_entries, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_values_are_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_partial_indexes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filters_that_apply_may_not_run, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
