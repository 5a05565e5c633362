// What is written reads back: varints, base64, numbers, times, zstd. Numbers also against the C
// library.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/bits/bits.h"
#include "base/bits/zstd.h"
#include "base/err/ctx.h"
#include "base/text/num.h"
#include "base/text/time.h"
#include "property/base/seed.h"

static struct rng rng;

static void check_varint(uint64_t value) {
    struct buf buf;
    uint64_t back;
    buf_init(&buf, NULL, 100);
    buf_put_varint(&buf, value);
    struct slice in = buf_slice(&buf), cut;
    assert_true(bits_take_varint(&in, &back));
    assert_true(back == value && in.n == 0);
    for (size_t n = 0; n < buf.n; n++) {
        cut = slice_of(buf.p, n);
        assert_false(bits_take_varint(&cut, &back));
    }
    buf_free(&buf);
}

static void test_varint(void **state) {
    (void)state;
    for (int bit = 0; bit < 64; bit++)
        for (uint64_t near = 0; near < 3; near++) check_varint((UINT64_C(1) << bit) - 1 + near);
    check_varint(UINT64_MAX);
    for (int i = 0; i < 20000; i++) check_varint(seed_any_u64(&rng));
}

// Any bytes: either refused with the input as it was, or read as a value that is written the same.
static void test_varint_of_noise(void **state) {
    (void)state;
    for (int i = 0; i < 100000; i++) {
        uint8_t bytes[12];
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = (uint8_t)(rng_next(&rng) | (rng_below(&rng, 8) ? 0x80 : 0));
        struct slice in = slice_of(bytes, rng_below(&rng, sizeof bytes)), before = in;
        uint64_t value;
        if (!bits_take_varint(&in, &value)) {
            assert_true(in.p == before.p && in.n == before.n);
            continue;
        }
        struct buf buf;
        buf_init(&buf, NULL, 100);
        buf_put_varint(&buf, value);
        assert_true(slice_eq(buf_slice(&buf), slice_of(bytes, before.n - in.n)));
        buf_free(&buf);
    }
}

static void test_base64(void **state) {
    (void)state;
    for (int i = 0; i < 5000; i++) {
        uint8_t bytes[100], back[103];
        char text[140];
        size_t size = rng_below(&rng, sizeof bytes + 1), n = 0;
        for (size_t k = 0; k < size; k++) bytes[k] = (uint8_t)rng_next(&rng);
        size_t length = base64_encode(bytes, size, text);
        assert_int_equal(length, (size + 2) / 3 * 4);
        assert_true(base64_decode(slice_of(text, length), back, &n));
        assert_true(slice_eq(slice_of(back, n), slice_of(bytes, size)));
        length = base64url_encode(bytes, size, text);
        assert_int_equal(length, (size * 4 + 2) / 3);
        assert_true(base64url_decode(slice_of(text, length), back, &n));
        assert_true(slice_eq(slice_of(back, n), slice_of(bytes, size)));
        if (length == 0) continue;
        // One value has one text: a text that was changed is refused or is another value.
        text[rng_below(&rng, length)] ^= (char)(1 << rng_below(&rng, 8));
        if (base64url_decode(slice_of(text, length), back, &n))
            assert_false(slice_eq(slice_of(back, n), slice_of(bytes, size)));
    }
}

static void check_int(int64_t value) {
    char text[NUM_TEXT_MAX], expected[40];
    int64_t back;
    size_t n = num_print_int(value, text);
    snprintf(expected, sizeof expected, "%" PRId64, value);
    assert_true(slice_eq_str(slice_of(text, n), expected));
    assert_true(num_parse_int(text, n, &back));
    assert_true(back == value);
}

static void test_int(void **state) {
    (void)state;
    for (int bit = 0; bit < 64; bit++) {
        check_int((int64_t)((UINT64_C(1) << bit) - 1));
        check_int((int64_t)-(UINT64_C(1) << bit));
    }
    for (int i = 0; i < 20000; i++) {
        uint64_t v = seed_any_u64(&rng);
        check_int((int64_t)(rng_below(&rng, 2) ? v : -v));
    }
}

static size_t count_digits(const char *text, size_t n) {
    size_t digits = 0, zeros = 0;
    for (size_t i = 0; i < n && text[i] != 'e'; i++) {
        if (!isdigit((unsigned char)text[i]) || (digits == 0 && text[i] == '0')) continue;
        digits++;
        zeros = text[i] == '0' ? zeros + 1 : 0;
    }
    return digits - zeros;
}

// No text with fewer digits reads back as the value (%.*e of C rounds correctly, so it would be
// found).
static void check_double(double value) {
    char text[NUM_TEXT_MAX + 1], shorter[60];
    double back;
    size_t n = num_print_double(value, text);
    assert_true(n <= NUM_TEXT_MAX);
    text[n] = '\0';
    assert_non_null(strpbrk(text, ".e"));
    assert_true(num_parse_double(text, n, &back));
    assert_memory_equal(&back, &value, sizeof value);
    back = strtod(text, NULL);
    assert_memory_equal(&back, &value, sizeof value);
    size_t digits = count_digits(text, n);
    // Large integers are written in full where that takes no more characters than an exponent.
    if (digits < 2 || (fabs(value) >= 0x1p53 && !strchr(text, 'e'))) return;
    snprintf(shorter, sizeof shorter, "%.*e", (int)digits - 2, value);
    if (strtod(shorter, NULL) == value) fail_msg("%s is shorter than %s", shorter, text);
}

static double double_of_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void test_double(void **state) {
    (void)state;
    static const double edges[] = {0.0, -0.0, 1, 0.1, DBL_MAX, -DBL_MAX, DBL_MIN, DBL_TRUE_MIN,
                                   DBL_EPSILON, 0x1p53, 0x1p63, 9007199254740993.0, 1e21, 1e22,
                                   1e23, 5e-324, 2.2250738585072011e-308, 4.35, 1.0 / 3};
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) check_double(edges[i]);
    for (uint64_t exponent = 0; exponent < 2047; exponent++)
        for (uint64_t near = 0; near < 3; near++)
            check_double(double_of_bits((exponent << 52) + near - (exponent || near ? 1 : 0)));
    for (int i = 0; i < 50000; i++) {
        double value = double_of_bits(rng_next(&rng));
        if (isfinite(value)) check_double(value);
        check_double(double_of_bits(seed_any_u64(&rng) >> 12));            // denormals
        check_double((double)(int64_t)rng_below(&rng, 1000000000) / 1000); // prices and the like
        check_double(ldexp((double)rng_below(&rng, 1000), (int)rng_below(&rng, 100) - 50));
    }
}

// Decimal texts of any length and exponent read as strtod reads them.
static void test_double_texts(void **state) {
    (void)state;
    for (int i = 0; i < 50000; i++) {
        char text[80];
        size_t n = 0, whole = rng_below(&rng, 25), fraction = rng_below(&rng, 25);
        if (rng_below(&rng, 2)) text[n++] = '-';
        text[n++] = (char)('0' + (whole ? 1 + rng_below(&rng, 9) : 0));
        for (size_t k = 1; k < whole; k++) text[n++] = (char)('0' + rng_below(&rng, 10));
        if (fraction) text[n++] = '.';
        for (size_t k = 0; k < fraction; k++) text[n++] = (char)('0' + rng_below(&rng, 10));
        n += (size_t)snprintf(text + n, sizeof text - n, "e%d", (int)rng_below(&rng, 700) - 360);
        double expected = strtod(text, NULL), value = 1;
        assert_int_equal(num_parse_double(text, n, &value), isfinite(expected));
        if (isfinite(expected)) assert_memory_equal(&value, &expected, sizeof value);
    }
}

// long double holds every int64 and every double exactly on the machines that Nacre runs on.
_Static_assert(LDBL_MANT_DIG >= 64, "long double is exact for int64");

static void check_cmp(int64_t i, double d) {
    long double a = (long double)i, b = (long double)d;
    assert_int_equal(num_cmp_int_double(i, d), (a > b) - (a < b));
}

static void test_cmp_int_double(void **state) {
    (void)state;
    for (int i = 0; i < 100000; i++) {
        uint64_t v = seed_any_u64(&rng);
        int64_t n = (int64_t)(rng_below(&rng, 2) ? v : -v);
        double near = (double)n;
        check_cmp(n, near);
        check_cmp(n, nextafter(near, DBL_MAX));
        check_cmp(n, nextafter(near, -DBL_MAX));
        check_cmp(n, near + 0.5);
        check_cmp(n, -near);
        double any = double_of_bits(rng_next(&rng));
        if (!isnan(any)) check_cmp(n, any);
        if (n < INT64_MAX) check_cmp(n + 1, near);
        if (n > INT64_MIN) check_cmp(n - 1, near);
    }
    check_cmp(INT64_MAX, 0x1p63);
    check_cmp(INT64_MIN, -0x1p63);
}

static void check_time(int64_t ms) {
    char text[TIME_TEXT_MAX];
    int64_t back;
    size_t n = time_print(ms, text);
    assert_true(n <= TIME_TEXT_MAX);
    assert_true(time_parse(slice_of(text, n), &back));
    assert_true(back == ms);
}

static void test_time(void **state) {
    (void)state;
    for (int64_t day = -800000; day < 3000000; day += 7) check_time(day * 86400000 - (day & 1));
    for (int64_t near = 0; near < 2000; near++) {
        check_time(INT64_MAX - near);
        check_time(INT64_MIN + near);
    }
    for (int i = 0; i < 50000; i++) {
        uint64_t v = seed_any_u64(&rng);
        check_time((int64_t)(rng_below(&rng, 2) ? v : -v));
    }
}

// The calendar, day by day through two of its periods of 400 years.
static void test_time_calendar(void **state) {
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t ms = -62167219200000; // 0000-01-01
    for (int year = 0; year < 800; year++)
        for (int month = 1; month <= 12; month++) {
            bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            int days = lengths[month - 1] + (month == 2 && leap);
            for (int day = 1; day <= days; day++, ms += 86400000) {
                char text[TIME_TEXT_MAX], expected[60];
                size_t n = time_print(ms, text);
                snprintf(expected, sizeof expected, "%04d-%02d-%02dT00:00:00.000Z", year, month,
                         day);
                assert_true(slice_eq_str(slice_of(text, n), expected));
            }
        }
}

static void test_zstd(void **state) {
    (void)state;
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 1 << 20);
    struct buf in, packed, out;
    buf_init(&in, NULL, 1 << 20);
    buf_init(&packed, NULL, 1 << 21);
    buf_init(&out, NULL, 1 << 20);
    for (int i = 0; i < 60; i++) {
        buf_reset(&in);
        buf_reset(&packed);
        buf_reset(&out);
        uint64_t kinds = 1 + rng_below(&rng, 256);
        for (size_t n = rng_below(&rng, 200000); n; n--)
            buf_put_u8(&in, (uint8_t)rng_below(&rng, kinds));
        int level = 1 + (int)rng_below(&rng, 5);
        assert_int_equal(zstd_compress(&ctx, buf_slice(&in), level, &packed), NACRE_OK);
        assert_int_equal(zstd_decompress(&ctx, buf_slice(&packed), in.n, &out), NACRE_OK);
        assert_true(slice_eq(buf_slice(&in), buf_slice(&out)));
        // Damage is an error or goes unseen (there is no checksum in the frame), never worse.
        packed.p[rng_below(&rng, packed.n)] ^= (uint8_t)(1 << rng_below(&rng, 8));
        buf_reset(&out);
        if (zstd_decompress(&ctx, buf_slice(&packed), in.n, &out) != NACRE_OK)
            assert_int_equal(out.n, 0);
    }
    buf_free(&in);
    buf_free(&packed);
    buf_free(&out);
    ctx_free(&ctx);
}

int main(void) {
    seed_rng(&rng);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_varint),        cmocka_unit_test(test_varint_of_noise),
        cmocka_unit_test(test_base64),        cmocka_unit_test(test_int),
        cmocka_unit_test(test_double),        cmocka_unit_test(test_double_texts),
        cmocka_unit_test(test_cmp_int_double), cmocka_unit_test(test_time),
        cmocka_unit_test(test_time_calendar), cmocka_unit_test(test_zstd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
