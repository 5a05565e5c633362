// libbson as oracle: what we write it validates and reads alike, and what it writes we validate and
// write alike.
// link: libbson-1.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// Its bson_validate has another type than ours.
#define bson_validate bson_validate_of_libbson
#include <bson/bson.h>
#undef bson_validate

#include "property/base/seed.h"
#include "support/doc_fixture.h"

enum { ROUNDS = 3000 };

static struct ctx ctx;
static struct rng rng;

static void copy_fields(bson_t *to, struct slice doc, bool is_array);

static void copy_container(bson_t *to, const char *name, int name_n, struct val v) {
    bson_t child;
    bool is_array = v.type == VAL_ARRAY;
    assert_true(is_array ? bson_append_array_begin(to, name, name_n, &child)
                         : bson_append_document_begin(to, name, name_n, &child));
    copy_fields(&child, val_slice(v), is_array);
    assert_true(is_array ? bson_append_array_end(to, &child)
                         : bson_append_document_end(to, &child));
}

static void copy_value(bson_t *to, struct slice name_slice, struct val v) {
    const char *name = (const char *)name_slice.p;
    int n = (int)name_slice.n;
    switch (v.type) {
    case VAL_NULL:
        assert_true(bson_append_null(to, name, n));
        break;
    case VAL_BOOL:
        assert_true(bson_append_bool(to, name, n, v.b));
        break;
    case VAL_INT:
        assert_true(bson_append_int64(to, name, n, v.i));
        break;
    case VAL_DOUBLE:
        assert_true(bson_append_double(to, name, n, v.d));
        break;
    case VAL_DATE:
        assert_true(bson_append_date_time(to, name, n, v.i));
        break;
    case VAL_STRING:
        assert_true(bson_append_utf8(to, name, n, (const char *)v.p, (int)v.n));
        break;
    case VAL_BINARY:
        assert_true(bson_append_binary(to, name, n, BSON_SUBTYPE_BINARY, v.p, v.n));
        break;
    case VAL_VECTOR:
        assert_true(bson_append_binary(to, name, n, (bson_subtype_t)9, v.p, v.n));
        break;
    case VAL_OBJECT:
    case VAL_ARRAY:
        copy_container(to, name, n, v);
        break;
    case VAL_MISSING:
        fail();
    }
}

static void copy_fields(bson_t *to, struct slice doc, bool is_array) {
    struct bson_iter it = bson_iter_of(doc);
    struct slice name;
    struct val v;
    char digits[16];
    const char *key;
    for (uint32_t i = 0; bson_next(&it, &name, &v); i++) {
        // libbson's own text of the index, not ours.
        if (is_array) name.n = bson_uint32_to_string(i, &key, digits, sizeof digits);
        if (is_array) name.p = (const uint8_t *)key;
        copy_value(to, name, v);
    }
}

static void check_one(struct slice doc) {
    bson_t view;
    assert_true(bson_init_static(&view, doc.p, doc.n));
    bson_error_t error;
    assert_true(bson_validate_with_error(&view, BSON_VALIDATE_UTF8 | BSON_VALIDATE_UTF8_ALLOW_NULL,
                                         &error));
    assert_int_equal(bson_validate(&ctx, doc), NACRE_OK);
    assert_int_equal(bson_count_keys(&view), bson_count(doc));
    bson_t copy = BSON_INITIALIZER;
    copy_fields(&copy, doc, false);
    assert_int_equal(copy.len, doc.n);
    assert_memory_equal(bson_get_data(&copy), doc.p, doc.n);
    bson_destroy(&copy);
}

static void test_same_bytes(void **state) {
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        BUF_CLEANUP struct buf out;
        buf_init(&out, NULL, 1 << 24);
        doc_fixture_random(&out, &rng, 1 + (uint32_t)rng_below(&rng, 5));
        check_one(buf_slice(&out));
    }
}

static void test_same_bytes_from_json(void **state) {
    (void)state;
    const char *json =
        "{\"a\":1.5,\"b\":[true,null,{\"c\":\"x\"}],\"a\":{\"d\":[]},\"e\":\"\\u00e9\"}";
    check_one(doc_fixture_bson(&ctx, json));
}

int main(void) {
    doc_fixture_ctx(&ctx);
    seed_rng(&rng);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_same_bytes_from_json),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ctx_free(&ctx);
    return failed;
}
