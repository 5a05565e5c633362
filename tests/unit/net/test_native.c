// The native protocol's frames: the same events however the bytes are cut, and what is no frame.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/native/native.h"

// What a text of frames gives: heads in brackets, payloads as they are. step: bytes at a time.
static void events(struct slice in, size_t step, struct buf *out) {
    struct native_reader reader = {0};
    size_t given = 0, done = 0, used;
    struct slice bytes;
    for (;;) {
        enum native_event event =
            native_read(&reader, slice_of(in.p + done, given - done), &bytes, &used);
        assert_true(used <= given - done);
        done += used;
        if (event == NATIVE_WAIT && given == in.n) return;
        if (event == NATIVE_WAIT) given = given + step < in.n ? given + step : in.n;
        if (event == NATIVE_HEAD)
            buf_printf(out, "[%u %llu %u %u]", reader.head.size, (unsigned long long)reader.head.id,
                       reader.head.method, reader.head.flags);
        if (event == NATIVE_BYTES) buf_put_slice(out, bytes);
        if (event == NATIVE_END) buf_put_str(out, ";");
        if (event == NATIVE_BAD) buf_put_str(out, "bad");
        if (event == NATIVE_BAD) return;
    }
}

static void test_cuts(void **state) {
    (void)state;
    struct buf in BUF_CLEANUP = {0}, whole BUF_CLEANUP = {0}, cut BUF_CLEANUP = {0};
    buf_init(&in, NULL, 1000);
    buf_init(&whole, NULL, 1000);
    buf_init(&cut, NULL, 1000);
    native_put_frame(&in, 1, 32, 0, SLICE_LIT("abc"));
    native_put_frame(&in, UINT64_MAX, 60, NATIVE_MORE | NATIVE_NEXT, slice_of(NULL, 0));
    native_put_frame(&in, 2, 65535, NATIVE_FAILED, SLICE_LIT("a longer payload than its head"));
    events(buf_slice(&in), in.n, &whole);
    assert_true(
        slice_eq(buf_slice(&whole), SLICE_LIT("[3 1 32 0]abc;[0 18446744073709551615 60 3];"
                                              "[30 2 65535 4]a longer payload than its head;")));
    for (size_t step = 1; step < in.n; step++) {
        buf_reset(&cut);
        events(buf_slice(&in), step, &cut);
        assert_true(slice_eq(buf_slice(&cut), buf_slice(&whole)));
    }
}

static void test_bytes(void **state) {
    (void)state;
    struct buf out BUF_CLEANUP = {0};
    buf_init(&out, NULL, 100);
    native_put_frame(&out, 0x0102, 33, NATIVE_CREDIT, SLICE_LIT("xy"));
    assert_true(
        slice_eq(buf_slice(&out), SLICE_LIT("\x0e\0\0\0\x02\x01\0\0\0\0\0\0\x21\0\x08\0xy")));
}

static void test_bad(void **state) {
    (void)state;
    static const struct slice bad[] = {
        {(const uint8_t *)"\x0b\0\0\0\x01\0\0\0\0\0\0\0\x21\0\0\0", 16},       // too short
        {(const uint8_t *)"\0\0\0\0\x01\0\0\0\0\0\0\0\x21\0\0\0", 16},         // shorter still
        {(const uint8_t *)"\xff\xff\xff\xff\x01\0\0\0\0\0\0\0\x21\0\0\0", 16}, // too long
        {(const uint8_t *)"\x0c\0\0\0\x01\0\0\0\0\0\0\0\x21\0\x40\0", 16}, // a flag nobody knows
    };
    struct native_reader reader = {0};
    struct slice bytes;
    size_t used;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(native_read(&reader, bad[i], &bytes, &used), NATIVE_BAD);
        assert_int_equal(used, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cuts), cmocka_unit_test(test_bytes),
                                       cmocka_unit_test(test_bad)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
