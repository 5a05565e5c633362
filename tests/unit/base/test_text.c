// Text: UTF-8, numbers, times. Known answers and refusals; round trips are in tests/property/base.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/text/num.h"
#include "base/text/time.h"
#include "base/text/utf8.h"

static void test_utf8_refuses(void **state) {
    (void)state;
    static const char *const bad[] = {
        "\x80",             "\xbf",         "\xc0\x80",         "\xc1\xbf",     "\xc2",
        "\xc2\x41",         "\xe0\x80\x80", "\xe0\x9f\xbf",     "\xed\xa0\x80", "\xed\xbf\xbf",
        "\xe2\x82",         "\xe2\x82\x41", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf0\x9f\x98", "\xff",         "\xfe",
    };
    char text[64];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (size_t before = 0; before < 40; before++) {
            memset(text, 'a', before);
            size_t n = strlen(bad[i]);
            memcpy(text + before, bad[i], n);
            memset(text + before + n, 'b', 8);
            assert_false(utf8_valid(slice_of(text, before + n)));
            assert_int_equal(utf8_valid_prefix(slice_of(text, before + n)), before);
            assert_int_equal(utf8_valid_prefix(slice_of(text, before + n + 8)), before);
        }
}

static void test_utf8_accepts(void **state) {
    (void)state;
    assert_true(utf8_valid(slice_of(NULL, 0)));
    assert_true(utf8_valid(slice_of("\0", 1)));
    assert_true(utf8_valid(SLICE_LIT("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80")));
    assert_true(utf8_valid(SLICE_LIT("\xed\x9f\xbf \xee\x80\x80 \xf4\x8f\xbf\xbf")));
    assert_int_equal(utf8_count(SLICE_LIT("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80")), 9);
    assert_int_equal(utf8_count(slice_of(NULL, 0)), 0);
    uint8_t out[4];
    assert_int_equal(utf8_put(0xD7FF, out), 3);
    assert_int_equal(utf8_put(0xD800, out), 0);
    assert_int_equal(utf8_put(0xDFFF, out), 0);
    assert_int_equal(utf8_put(0xE000, out), 3);
    assert_int_equal(utf8_put(0x10FFFF, out), 4);
    assert_int_equal(utf8_put(0x110000, out), 0);
    assert_int_equal(utf8_put(UINT32_MAX, out), 0);
}

static void check_double(double value, const char *text) {
    char out[NUM_TEXT_MAX];
    size_t n = num_print_double(value, out);
    assert_true(slice_eq_str(slice_of(out, n), text));
    double back = 1;
    assert_true(num_parse_double(out, n, &back));
    assert_memory_equal(&back, &value, sizeof value);
}

static void test_double_known(void **state) {
    (void)state;
    check_double(0.0, "0.0");
    check_double(-0.0, "-0.0");
    check_double(1, "1.0");
    check_double(0.1, "0.1");
    check_double(-123456, "-123456.0");
    check_double(1e300, "1e+300");
    check_double(1e22, "1e+22");
    check_double(DBL_MAX, "1.7976931348623157e+308");
    check_double(DBL_MIN, "2.2250738585072014e-308");
    check_double(DBL_TRUE_MIN, "5e-324");
    check_double(9007199254740993.0, "9007199254740992.0");
}

static void check_parse(const char *text, double expected) {
    double value = 1;
    assert_true(num_parse_double(text, strlen(text), &value));
    assert_memory_equal(&value, &expected, sizeof value);
}

static void test_double_out_of_range(void **state) {
    (void)state;
    static const char *const large[] = {"1e309", "-1e309", "1.7976931348623159e308",
                                        "1e99999999999", "10000e305", "0.001e312",
                                        "123e99999999999999999999999"};
    double value;
    for (size_t i = 0; i < sizeof large / sizeof *large; i++)
        assert_false(num_parse_double(large[i], strlen(large[i]), &value));
    check_parse("1e-400", 0.0);
    check_parse("-1e-400", -0.0);
    check_parse("2e-324", 0.0);
    check_parse("3e-324", DBL_TRUE_MIN);
    check_parse("0.0001E-99999999999999999999", 0.0);
    check_parse("123456789e-400", 0.0);
    check_parse("0e99999999999999999999", 0.0);
    check_parse("-0", -0.0);
    char text[600] = "0.";
    memset(text + 2, '0', 400);
    memcpy(text + 402, "1", 2);
    check_parse(text, 0.0);
    memcpy(text + 402, "1e400", 6);
    check_parse(text, 0.1);
}

static void test_int(void **state) {
    (void)state;
    char out[NUM_TEXT_MAX];
    int64_t value;
    static const int64_t values[] = {0, -1, 42, INT64_MIN, INT64_MAX};
    static const char *const texts[] = {"0", "-1", "42", "-9223372036854775808",
                                        "9223372036854775807"};
    for (size_t i = 0; i < 5; i++) {
        size_t n = num_print_int(values[i], out);
        assert_true(slice_eq_str(slice_of(out, n), texts[i]));
        assert_true(num_parse_int(out, n, &value));
        assert_true(value == values[i]);
    }
    assert_false(num_parse_int("9223372036854775808", 19, &value));
    assert_false(num_parse_int("-9223372036854775809", 20, &value));
    assert_false(num_parse_int("1.0", 3, &value));
    assert_false(num_parse_int("", 0, &value));
}

static void test_cmp_int_double(void **state) {
    (void)state;
    assert_int_equal(num_cmp_int_double(0, -0.0), 0);
    assert_true(num_cmp_int_double(INT64_MAX, 0x1p63) < 0); // (double)INT64_MAX == 0x1p63
    assert_true(num_cmp_int_double(INT64_MAX, 0x1.fffffffffffffp62) > 0);
    assert_int_equal(num_cmp_int_double(INT64_MIN, -0x1p63), 0);
    assert_true(num_cmp_int_double(INT64_MIN, -0x1.0000000000001p63) > 0);
    assert_true(num_cmp_int_double((INT64_C(1) << 53) + 1, 0x1p53) > 0);
    assert_true(num_cmp_int_double(3, 3.5) < 0);
    assert_true(num_cmp_int_double(-3, -3.5) > 0);
    assert_true(num_cmp_int_double(0, DBL_TRUE_MIN) < 0);
    assert_true(num_cmp_int_double(INT64_MAX, (double)INFINITY) < 0);
    assert_true(num_cmp_int_double(INT64_MIN, -(double)INFINITY) > 0);
}

static void check_time(const char *text, int64_t expected) {
    int64_t ms = 1;
    assert_true(time_parse(slice_str(text), &ms));
    assert_true(ms == expected);
}

static void check_print(int64_t ms, const char *text) {
    char out[TIME_TEXT_MAX];
    size_t n = time_print(ms, out);
    assert_true(slice_eq_str(slice_of(out, n), text));
    check_time(text, ms);
}

static void test_time_known(void **state) {
    (void)state;
    check_print(0, "1970-01-01T00:00:00.000Z");
    check_print(-1, "1969-12-31T23:59:59.999Z");
    check_print(1709210096789, "2024-02-29T12:34:56.789Z");
    check_print(951782400000, "2000-02-29T00:00:00.000Z");
    check_print(253402300799999, "9999-12-31T23:59:59.999Z");
    check_print(253402300800000, "+010000-01-01T00:00:00.000Z");
    check_print(-62167219200000, "0000-01-01T00:00:00.000Z");
    check_print(-62167219200001, "-000001-12-31T23:59:59.999Z");
    check_print(INT64_MAX, "+292278994-08-17T07:12:55.807Z");
    check_print(INT64_MIN, "-292275055-05-16T16:47:04.192Z");
}

static void test_time_accepts(void **state) {
    (void)state;
    check_time("1985-04-12T23:20:50.52Z", 482196050520);
    check_time("1996-12-19T16:39:57-08:00", 851042397000);
    check_time("1937-01-01T12:00:27.87+00:20", -1041337172130);
    check_time("1970-01-01t00:00:00z", 0);
    check_time("1970-01-01 00:00:00.1-00:00", 100);
    check_time("1970-01-01T00:00:00.123456789Z", 123);
    check_time("1990-12-31T23:59:60Z", 662688000000); // leap seconds (RFC 3339 §5.8)
    check_time("1990-12-31T15:59:60-08:00", 662688000000);
}

static void test_time_refuses(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "2024-02-30T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2024-00-01T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-01-00T00:00:00Z",
        "2024-04-31T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:61Z",
        "2024-01-01T12:00:60Z",
        "2024-01-01T23:59:60+01:00",
        "2024-01-01T00:00:00",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00.1234567890Z",
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+01:60",
        "2024-01-01T00:00:00+0100",
        "2024-01-01T00:00:00ZZ",
        "2024-01-01_00:00:00Z",
        "2024-1-01T00:00:00Z",
        "24-01-01T00:00:00Z",
        "-000000-01-01T00:00:00Z",
        "+12345-01-01T00:00:00Z",
        "+999999999-01-01T00:00:00Z",
        "-999999999-01-01T00:00:00Z",
        "+292278994-08-17T07:12:55.808Z",
        "-292275055-05-16T16:47:04.191Z",
        "2024-01-01",
        "2024-01-0aT00:00:00Z",
    };
    int64_t ms;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (time_parse(slice_str(bad[i]), &ms)) fail_msg("accepted: %s", bad[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_refuses),
        cmocka_unit_test(test_utf8_accepts),
        cmocka_unit_test(test_double_known),
        cmocka_unit_test(test_double_out_of_range),
        cmocka_unit_test(test_int),
        cmocka_unit_test(test_cmp_int_double),
        cmocka_unit_test(test_time_known),
        cmocka_unit_test(test_time_accepts),
        cmocka_unit_test(test_time_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
