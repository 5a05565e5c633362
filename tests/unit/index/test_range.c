// Proves: access paths are the bytes of docs/format/index.md, read back as written, and nothing
// that leaves its index, is empty, overlaps or ends early is taken.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog/keyspace.h"
#include "index/range.h"
#include "support/doc_fixture.h"

static struct ctx ctx;

static int setup(void **state) {
    (void)state;
    doc_fixture_ctx(&ctx);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    ctx_free(&ctx);
    return 0;
}

static nacre_status read_hex(const char *hex, struct access_path *out, size_t *left) {
    struct slice in = doc_fixture_unhex(&ctx, hex);
    nacre_status status = access_path_read(&ctx, &in, out);
    *left = in.n;
    return status;
}

static void test_bytes_and_back(void **state) {
    (void)state;
    struct key_range ranges[] = {
        {SLICE_LIT("\0\0\0\7I\0\0\0\1\x2d\2"), SLICE_LIT("\0\0\0\7I\0\0\0\1\x2d\4")},
        {SLICE_LIT("\0\0\0\7I\0\0\0\1\x2d\4"), SLICE_LIT("\0\0\0\7I\0\0\0\2")},
    };
    struct access_path path = {7, 1, true, 2, ranges}, got;
    BUF_CLEANUP struct buf bytes;
    size_t left = 0;
    buf_init(&bytes, NULL, 4096);
    access_path_write(&bytes, &path);
    const char *hex = "07000000010000000102"
                      "0b0000000749000000012d02"
                      "0b0000000749000000012d04"
                      "0b0000000749000000012d04"
                      "09000000074900000002";
    assert_string_equal(doc_fixture_hex(&ctx, buf_slice(&bytes)), hex);
    buf_put_u8(&bytes, 0xff); // what follows in the command
    assert_int_equal(read_hex(doc_fixture_hex(&ctx, buf_slice(&bytes)), &got, &left), NACRE_OK);
    assert_int_equal(left, 1);
    assert_int_equal(got.tablet, 7);
    assert_int_equal(got.index_id, 1);
    assert_true(got.reverse);
    assert_int_equal(got.range_count, 2);
    for (int i = 0; i < 2; i++) {
        assert_true(slice_eq(got.ranges[i].lower, ranges[i].lower));
        assert_true(slice_eq(got.ranges[i].upper, ranges[i].upper));
    }
    for (size_t n = 0; n + 1 < bytes.n; n++) {
        struct slice in = slice_of(bytes.p, n);
        assert_int_equal(access_path_read(&ctx, &in, &got), NACRE_CORRUPT);
        assert_int_equal(in.n, n);
    }
}

static void test_all_documents(void **state) {
    (void)state;
    struct access_path got;
    size_t left = 0;
    assert_int_equal(read_hex("0700000000000000"
                              "00"
                              "01"
                              "050000000744"
                              "050000000745",
                              &got, &left),
                     NACRE_OK);
    assert_int_equal(got.index_id, 0);
    assert_int_equal(read_hex("0700000000000000"
                              "00"
                              "00",
                              &got, &left),
                     NACRE_OK);
    assert_int_equal(got.range_count, 0);
}

static void test_foreign_paths(void **state) {
    (void)state;
    static const char *const bad[] = {
        "0700000000000000"
        "02"
        "00", // reverse is 2
        "0000000000000000"
        "00"
        "00", // tablet 0
        "07000000ffffffff"
        "00"
        "00", // no such index id
        "0700000000000000"
        "00"
        "8080808001", // too many
        "0700000000000000"
        "00"
        "01"
        "050000000744"
        "050000000744", // empty
        "0700000000000000"
        "00"
        "01"
        "050000000745"
        "050000000744", // turned round
        "0700000000000000"
        "00"
        "01"
        "050000000743"
        "050000000745", // begins before
        "0700000000000000"
        "00"
        "01"
        "050000000744"
        "050000000746", // ends after
        "0700000000000000"
        "00"
        "01"
        "050000000744"
        "050000000845", // another tablet
        "0700000001000000"
        "00"
        "01"
        "050000000749"
        "09000000074900000002", // before the index
        "0700000000000000"
        "00"
        "02"
        "060000000744aa"
        "060000000744bb"
        "060000000744ba"
        "060000000744bc", // overlap
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct access_path got;
        size_t left = 0;
        assert_int_equal(read_hex(bad[i], &got, &left), NACRE_CORRUPT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bytes_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_documents, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreign_paths, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
