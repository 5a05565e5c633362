// zstd: whole buffers and streams, damaged and oversized input.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/bits/zstd.h"
#include "base/err/ctx.h"

enum { MIB = 1 << 20 };

static struct ctx ctx;
static struct buf text, packed, out;

static int setup(void **state) {
    (void)state;
    ctx_init(&ctx, &world_system, NULL, MIB);
    buf_init(&text, NULL, 16 * MIB);
    buf_init(&packed, NULL, 16 * MIB);
    buf_init(&out, NULL, 16 * MIB);
    for (int i = 0; i < 50000; i++) buf_printf(&text, "%d pearls, ", i);
    return zstd_compress(&ctx, buf_slice(&text), 3, &packed) != NACRE_OK;
}

static int teardown(void **state) {
    (void)state;
    buf_free(&text);
    buf_free(&packed);
    buf_free(&out);
    ctx_free(&ctx);
    return 0;
}

static void test_round_trip_appends(void **state) {
    (void)state;
    assert_true(packed.n < text.n / 2);
    buf_put_str(&out, "before");
    assert_int_equal(zstd_decompress(&ctx, buf_slice(&packed), text.n, &out), NACRE_OK);
    assert_true(slice_eq(slice_skip(buf_slice(&out), 6), buf_slice(&text)));
}

static void test_nothing(void **state) {
    (void)state;
    buf_reset(&packed);
    assert_int_equal(zstd_compress(&ctx, slice_of(NULL, 0), 1, &packed), NACRE_OK);
    assert_true(packed.n > 0);
    assert_int_equal(zstd_decompress(&ctx, buf_slice(&packed), 0, &out), NACRE_OK);
    assert_int_equal(out.n, 0);
    assert_int_equal(zstd_decompress(&ctx, slice_of(NULL, 0), 100, &out), NACRE_CORRUPT);
}

static void test_bounds(void **state) {
    (void)state;
    assert_int_equal(zstd_decompress(&ctx, buf_slice(&packed), text.n - 1, &out),
                     NACRE_REQUEST_TOO_LARGE);
    assert_int_equal(ctx.err.status, NACRE_REQUEST_TOO_LARGE);
    struct buf small;
    buf_init(&small, NULL, 1000);
    assert_int_equal(zstd_decompress(&ctx, buf_slice(&packed), text.n, &small),
                     NACRE_REQUEST_TOO_LARGE);
    assert_int_equal(small.n, 0);
    buf_free(&small);
    // What fits is taken, though the worst case of its size would not be.
    assert_int_equal(zstd_compress(&ctx, buf_slice(&text), 3, &small), NACRE_REQUEST_TOO_LARGE);
    assert_int_equal(small.n, 0);
    struct slice part = slice_of(text.p, 1000);
    assert_int_equal(zstd_compress(&ctx, part, 3, &small), NACRE_OK);
    assert_int_equal(zstd_decompress(&ctx, buf_slice(&small), 1000, &out), NACRE_OK);
    assert_true(slice_eq(buf_slice(&out), part));
    buf_free(&small);
}

static void test_damaged(void **state) {
    (void)state;
    for (size_t n = 0; n < packed.n; n += 1 + n / 8)
        assert_int_equal(zstd_decompress(&ctx, slice_of(packed.p, n), text.n, &out), NACRE_CORRUPT);
    packed.p[0] ^= 1;
    assert_int_equal(zstd_decompress(&ctx, buf_slice(&packed), text.n, &out), NACRE_CORRUPT);
    packed.p[0] ^= 1;
    buf_put_u8(&packed, 0);
    assert_int_equal(zstd_decompress(&ctx, buf_slice(&packed), text.n, &out), NACRE_CORRUPT);
    assert_int_equal(out.n, 0);
}

// Takes the whole of in through a stream with these portions.
static nacre_status stream_all(struct slice in, size_t in_step, size_t out_step, bool *done) {
    struct zstd_stream *stream;
    nacre_status status = zstd_stream_new(&ctx, &stream);
    if (status != NACRE_OK) return status;
    while (in.n && status == NACRE_OK) {
        struct slice part = slice_of(in.p, in.n < in_step ? in.n : in_step);
        in = slice_skip(in, part.n);
        size_t n = out_step;
        while (status == NACRE_OK && (part.n || n == out_step)) {
            uint8_t *to = buf_reserve(&out, out_step);
            assert_non_null(to);
            status = zstd_stream_read(&ctx, stream, &part, to, out_step, &n);
            if (status == NACRE_OK) out.n += n;
        }
    }
    *done = zstd_stream_done(stream);
    zstd_stream_free(stream);
    return status;
}

static void test_stream(void **state) {
    (void)state;
    static const size_t steps[][2] = {{1, 100000}, {100000, 7}, {13, 17}, {1 << 20, 1 << 20}};
    for (size_t i = 0; i < 4; i++) {
        bool done = false;
        buf_reset(&out);
        assert_int_equal(stream_all(buf_slice(&packed), steps[i][0], steps[i][1], &done), NACRE_OK);
        assert_true(done);
        assert_true(slice_eq(buf_slice(&out), buf_slice(&text)));
    }
}

static void test_stream_of_two_frames(void **state) {
    (void)state;
    assert_int_equal(zstd_compress(&ctx, SLICE_LIT("the second"), 3, &packed), NACRE_OK);
    bool done = false;
    assert_int_equal(stream_all(buf_slice(&packed), 1000, 1000, &done), NACRE_OK);
    assert_true(done);
    assert_int_equal(out.n, text.n + 10);
    assert_true(slice_eq_str(slice_skip(buf_slice(&out), text.n), "the second"));
}

static void test_stream_truncated(void **state) {
    (void)state;
    bool done = true;
    struct slice in = slice_of(packed.p, packed.n - 1);
    assert_int_equal(stream_all(in, 1000, 1000, &done), NACRE_OK);
    assert_false(done);
    assert_int_equal(stream_all(slice_of(NULL, 0), 1000, 1000, &done), NACRE_OK);
    assert_false(done);
}

static void test_stream_damaged_stays_so(void **state) {
    (void)state;
    struct zstd_stream *stream;
    uint8_t to[100];
    size_t n;
    assert_int_equal(zstd_stream_new(&ctx, &stream), NACRE_OK);
    struct slice in = SLICE_LIT("this is not zstd");
    assert_int_equal(zstd_stream_read(&ctx, stream, &in, to, sizeof to, &n), NACRE_CORRUPT);
    in = buf_slice(&packed);
    assert_int_equal(zstd_stream_read(&ctx, stream, &in, to, sizeof to, &n), NACRE_CORRUPT);
    assert_false(zstd_stream_done(stream));
    zstd_stream_free(stream);
    zstd_stream_free(NULL);
}

// A frame header that asks for a window of 128 MiB, and frames that do not state their size.
static void test_frames_of_others(void **state) {
    (void)state;
    bool done;
    static const uint8_t wide[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x01, 0x00, 0x00};
    assert_int_equal(stream_all(slice_of(wide, sizeof wide), 100, 100, &done), NACRE_CORRUPT);
    // window 1 KiB, size not stated, one raw block "abc", the last one
    static const uint8_t unsized[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x00,
                                      0x19, 0x00, 0x00, 'a',  'b',  'c'};
    struct slice in = slice_of(unsized, sizeof unsized);
    buf_reset(&out);
    assert_int_equal(zstd_decompress(&ctx, in, 3, &out), NACRE_OK);
    assert_true(slice_eq_str(buf_slice(&out), "abc"));
    assert_int_equal(zstd_decompress(&ctx, in, 2, &out), NACRE_REQUEST_TOO_LARGE);
    assert_int_equal(zstd_decompress(&ctx, in, 0, &out), NACRE_REQUEST_TOO_LARGE);
    assert_int_equal(out.n, 3);
    struct buf tight; // may take what there is, no more
    for (size_t max = 2; max < 5; max++) {
        buf_init(&tight, NULL, max);
        nacre_status status = zstd_decompress(&ctx, in, 1000, &tight);
        assert_int_equal(status, max < 3 ? NACRE_REQUEST_TOO_LARGE : NACRE_OK);
        buf_free(&tight);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_round_trip_appends),
        T(test_nothing),
        T(test_bounds),
        T(test_damaged),
        T(test_stream),
        T(test_stream_of_two_frames),
        T(test_stream_truncated),
        T(test_stream_damaged_stays_so),
        T(test_frames_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
