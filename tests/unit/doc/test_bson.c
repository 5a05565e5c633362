// Reading and writing BSON: bytes of every type, arrays, nesting, failed buffers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/doc_fixture.h"

static struct ctx ctx;

static void put_every_type(struct bson_writer *w) {
    bson_put(w, SLICE_LIT("n"), val_null());
    bson_put(w, SLICE_LIT("i"), val_int(-2));
    bson_put(w, SLICE_LIT("d"), val_double(1.5));
    bson_put(w, SLICE_LIT("s"), val_str(SLICE_LIT("hé")));
    bson_put(w, SLICE_LIT("t"), val_bool(true));
    bson_put(w, SLICE_LIT("when"), val_date(1));
    bson_put(w, SLICE_LIT("bin"), val_bytes(VAL_BINARY, SLICE_LIT("\x00\xFF")));
    bson_put(w, SLICE_LIT("vec"), val_bytes(VAL_VECTOR, SLICE_LIT("\x03\x00\x01\xFF")));
    bson_put(w, SLICE_LIT("gone"), val_missing());
    bson_open_array(w, SLICE_LIT("a"));
    bson_put(w, SLICE_LIT("ignored"), val_int(7));
    bson_open_object(w, SLICE_LIT(""));
    bson_put(w, SLICE_LIT(""), val_bool(false));
    bson_close(w);
    bson_close(w);
}

// The bytes of every type, as docs/format/document.md has them. They are stored: never change.
static void test_bytes_of_every_type(void **state) {
    (void)state;
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 1000);
    struct bson_writer w;
    bson_begin(&w, &out);
    put_every_type(&w);
    bson_end(&w);
    assert_int_equal(buf_status(&out), NACRE_OK);
    struct slice want = doc_fixture_unhex(&ctx, "73000000"
                                                "0a 6e00"
                                                "12 6900 feffffffffffffff"
                                                "01 6400 000000000000f83f"
                                                "02 7300 04000000 68c3a900"
                                                "08 7400 01"
                                                "09 7768656e00 0100000000000000"
                                                "05 62696e00 02000000 00 00ff"
                                                "05 76656300 04000000 09 03 00 01ff"
                                                "04 6100 1b000000"
                                                "  12 3000 0700000000000000"
                                                "  03 3100 08000000 08 00 00 00 00"
                                                "00");
    assert_string_equal(doc_fixture_hex(&ctx, buf_slice(&out)), doc_fixture_hex(&ctx, want));
    assert_int_equal(bson_validate(&ctx, buf_slice(&out)), NACRE_OK);
    assert_int_equal(bson_count(buf_slice(&out)), 9);
}

static void test_reads_what_it_wrote(void **state) {
    (void)state;
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 1000);
    struct bson_writer w;
    bson_begin(&w, &out);
    put_every_type(&w);
    bson_end(&w);
    struct slice doc = buf_slice(&out);
    assert_int_equal(bson_find(doc, SLICE_LIT("n")).type, VAL_NULL);
    assert_int_equal(bson_find(doc, SLICE_LIT("i")).i, -2);
    assert_true(bson_find(doc, SLICE_LIT("d")).d == 1.5);
    assert_true(slice_eq_str(val_slice(bson_find(doc, SLICE_LIT("s"))), "hé"));
    assert_true(bson_find(doc, SLICE_LIT("t")).b);
    assert_int_equal(bson_find(doc, SLICE_LIT("when")).type, VAL_DATE);
    assert_int_equal(bson_find(doc, SLICE_LIT("bin")).n, 2);
    assert_int_equal(bson_find(doc, SLICE_LIT("vec")).type, VAL_VECTOR);
    assert_int_equal(bson_find(doc, SLICE_LIT("gone")).type, VAL_MISSING);
    assert_int_equal(bson_find(doc, SLICE_LIT("whe")).type, VAL_MISSING);
    struct bson_iter it = bson_iter_of_val(bson_find(doc, SLICE_LIT("a")));
    struct slice name;
    struct val v;
    assert_true(bson_next(&it, &name, &v) && v.i == 7 && slice_eq_str(name, "0"));
    assert_true(bson_next(&it, &name, &v) && v.type == VAL_OBJECT && slice_eq_str(name, "1"));
    assert_false(bson_next(&it, &name, &v));
}

static void test_array_indexes_of_any_length(void **state) {
    (void)state;
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 1 << 20);
    struct bson_writer w;
    bson_begin(&w, &out);
    bson_open_array(&w, SLICE_LIT("a"));
    for (int i = 0; i < 12345; i++)
        bson_put(&w, SLICE_LIT(""), val_null());
    bson_close(&w);
    bson_end(&w);
    assert_int_equal(bson_validate(&ctx, buf_slice(&out)), NACRE_OK);
    struct val a = bson_find(buf_slice(&out), SLICE_LIT("a"));
    assert_int_equal(bson_find(val_slice(a), SLICE_LIT("12344")).type, VAL_NULL);
}

// Every NaN is stored as one bit pattern.
static void test_nan_is_canonical(void **state) {
    (void)state;
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 100);
    uint64_t odd = UINT64_C(0xfff8000000000001), bits;
    double nan;
    memcpy(&nan, &odd, 8);
    struct bson_writer w;
    bson_begin(&w, &out);
    bson_put(&w, SLICE_LIT("x"), val_double(nan));
    bson_end(&w);
    memcpy(&bits, out.p + 7, 8);
    assert_true(bits == UINT64_C(0x7ff8000000000000));
    assert_int_equal(bson_validate(&ctx, buf_slice(&out)), NACRE_OK);
}

// A writer on a buffer that fails does nothing, at whatever byte it fails.
static void test_failed_buffers_stick(void **state) {
    (void)state;
    for (size_t max = 1; max < 0x73; max++) {
        BUF_CLEANUP struct buf out;
        buf_init(&out, NULL, max);
        struct bson_writer w;
        bson_begin(&w, &out);
        put_every_type(&w);
        bson_end(&w);
        assert_int_equal(buf_status(&out), NACRE_REQUEST_TOO_LARGE);
        assert_true(out.n <= max);
    }
}

static void test_empty(void **state) {
    (void)state;
    struct slice doc = SLICE_LIT("\x05\0\0\0\0");
    assert_int_equal(bson_count(doc), 0);
    struct bson_iter it = bson_iter_of(slice_of(NULL, 0));
    struct slice name;
    struct val v;
    assert_false(bson_next(&it, &name, &v));
}

int main(void) {
    doc_fixture_ctx(&ctx);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_of_every_type),
        cmocka_unit_test(test_reads_what_it_wrote),
        cmocka_unit_test(test_array_indexes_of_any_length),
        cmocka_unit_test(test_nan_is_canonical),
        cmocka_unit_test(test_failed_buffers_stick),
        cmocka_unit_test(test_empty),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ctx_free(&ctx);
    return failed;
}
