// Protocol Buffers on the wire: known answers, and bytes that are no field.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bits/protobuf.h"

static void test_fields(void **state) {
    (void)state;
    // 1: 150, 2: "testing", 3: fixed64 1, 4: fixed32 2; the first two are the documentation's own.
    struct slice in = SLICE_LIT("\x08\x96\x01\x12\x07testing\x19\x01\0\0\0\0\0\0\0\x25\x02\0\0\0");
    struct protobuf_field f;
    assert_true(protobuf_next(&in, &f) && f.number == 1 && f.value == 150);
    assert_true(protobuf_next(&in, &f) && f.number == 2 && slice_eq_str(f.bytes, "testing"));
    assert_true(protobuf_next(&in, &f) && f.number == 3 && f.value == 1);
    assert_true(protobuf_next(&in, &f) && f.number == 4 && f.value == 2);
    assert_int_equal(in.n, 0);
}

static void test_written(void **state) {
    (void)state;
    struct buf out BUF_CLEANUP = {0};
    struct protobuf_field f;
    buf_init(&out, NULL, 100);
    protobuf_put_number(&out, 1, 150);
    protobuf_put_bytes(&out, 2, SLICE_LIT("testing"));
    assert_true(slice_eq(buf_slice(&out), SLICE_LIT("\x08\x96\x01\x12\x07testing")));
    buf_reset(&out);
    protobuf_put_number(&out, 100, UINT64_MAX);
    struct slice in = buf_slice(&out);
    assert_int_equal(in.n, 12);
    assert_true(protobuf_next(&in, &f) && f.number == 100 && f.value == UINT64_MAX && !in.n);
}

static void test_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"\x08",     // no value
                                      "\x08\x96", // cut
                                      "\x12\x05"  // longer than what is there
                                      "abc",
                                      "\x19\x01", // eight bytes are missing
                                      "\x25\x01", // four are
                                      "\x0b",     // a group
                                      "\x0f",     // no type
                                      "\x02\x01"
                                      "a", // field 0
                                      "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
                                      "\xff\xff\xff\xff\xff\x01\x01"};
    struct protobuf_field f;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct slice in = slice_str(bad[i]);
        assert_false(protobuf_next(&in, &f));
    }
    struct slice in = SLICE_LIT("\x88\x00\x81\x00"); // longer than they must be: good all the same
    assert_true(protobuf_next(&in, &f) && f.number == 1 && f.value == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fields),
                                       cmocka_unit_test(test_written),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
