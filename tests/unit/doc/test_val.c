// The order of values is the one the contract tells, and it tells values apart that are equal but
// not the same.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "doc/val.h"
#include "support/doc_values.h"

static int setup(void **state) {
    static struct ctx ctx;
    doc_values_ctx(&ctx);
    *state = &ctx;
    return 0;
}

static int teardown(void **state) {
    ctx_free(*state);
    return 0;
}

// Ascending; what stands in one line is equal.
static const char *const ladder[][4] = {
    {"null"},
    {"-1.7976931348623157e308"},
    {"-9223372036854775808", "-9223372036854775808.0"},
    {"-9223372036854775807"},
    {"-9007199254740993"},
    {"-9007199254740992", "-9007199254740992.0"},
    {"-1.5"},
    {"-1", "-1.0"},
    {"-5e-324"},
    {"0", "0.0", "-0.0"},
    {"5e-324"},
    {"0.5"},
    {"1", "1.0"},
    {"1.0000000000000002"},
    {"1.5"},
    {"2"},
    {"9007199254740992", "9007199254740992.0"},
    {"9007199254740993"},
    {"9007199254740994", "9007199254740994.0"},
    {"9223372036854774784", "9223372036854774784.0"},
    {"9223372036854775807"},
    {"9223372036854775808.0"},
    {"1e300"},
    {"\"\""},
    {"\"\\u0001\""},
    {"\"A\""},
    {"\"a\""},
    {"\"a\\u0001\""},
    {"\"aa\""},
    {"\"\\u00ff\""},
    {"\"\\uffff\""},
    {"\"\\ud83d\\ude00\""}, // beyond U+FFFF: by code point, not by UTF-16
    {"{}"},
    {"{\"b\":null}"},
    {"{\"a\":1}", "{\"a\":1.0}"},
    {"{\"a\":1,\"b\":1}"},
    {"{\"a\":2}"},
    {"{\"b\":1}"},
    {"{\"a\":\"\"}"}, // type class before name
    {"[]"},
    {"[null]"},
    {"[1]", "[1.0]"},
    {"[1,null]"},
    {"[1,2]"},
    {"[2]"},
    {"[[]]"},
    {"{\"$binary\":\"\"}"},
    {"{\"$binary\":\"AA==\"}"},
    {"{\"$binary\":\"AAA=\"}"},
    {"{\"$i8\":\"AA==\"}"},
    {"false"},
    {"true"},
    {"{\"$date\":\"1969-12-31T23:59:59.999Z\"}"},
    {"{\"$date\":\"1970-01-01T00:00:00Z\"}"},
};
enum { RUNGS = sizeof ladder / sizeof ladder[0] };

static int sign(int c) { return (c > 0) - (c < 0); }

static void test_every_pair_of_the_ladder(void **state) {
    struct ctx *ctx = *state;
    struct val values[RUNGS][4];
    for (int i = 0; i < RUNGS; i++)
        for (int k = 0; k < 4 && ladder[i][k]; k++)
            values[i][k] = doc_values_val(ctx, ladder[i][k]);
    for (int i = 0; i < RUNGS; i++)
        for (int j = 0; j < RUNGS; j++)
            for (int k = 0; k < 4 && ladder[i][k]; k++)
                for (int l = 0; l < 4 && ladder[j][l]; l++) {
                    int got = sign(val_cmp(values[i][k], values[j][l]));
                    if (got != sign(i - j))
                        fail_msg("%s against %s: %d", ladder[i][k], ladder[j][l], got);
                }
}

static void test_what_json_cannot_say(void **state) {
    (void)state;
    double nan = __builtin_nan(""), inf = __builtin_inf();
    assert_int_equal(val_cmp(val_missing(), val_null()), 0);
    assert_true(val_cmp(val_double(nan), val_double(-inf)) < 0);
    assert_true(val_cmp(val_double(nan), val_int(INT64_MIN)) < 0);
    assert_true(val_cmp(val_int(INT64_MIN), val_double(nan)) > 0);
    assert_int_equal(val_cmp(val_double(nan), val_double(-nan)), 0);
    assert_true(val_cmp(val_double(nan), val_null()) > 0);
    assert_true(val_cmp(val_double(inf), val_int(INT64_MAX)) > 0);
    assert_true(val_cmp(val_double(-inf), val_int(INT64_MIN)) < 0);
}

static void test_identical(void **state) {
    struct ctx *ctx = *state;
    assert_false(val_identical(val_int(1), val_double(1)));
    assert_false(val_identical(val_double(0.0), val_double(-0.0)));
    assert_false(val_identical(val_missing(), val_null()));
    assert_true(val_identical(val_double(-0.0), val_double(-0.0)));
    assert_true(val_identical(val_bool(true), val_bool(true)));
    assert_true(val_identical(val_date(5), val_date(5)));
    assert_false(val_identical(doc_values_val(ctx, "[1]"), doc_values_val(ctx, "[1.0]")));
    assert_true(val_identical(doc_values_val(ctx, "[1]"), doc_values_val(ctx, "[1]")));
    assert_true(val_identical(doc_values_val(ctx, "\"x\""), doc_values_val(ctx, "\"x\"")));
}

static void test_type_names(void **state) {
    (void)state;
    assert_string_equal(val_type_name(VAL_INT), "int");
    assert_string_equal(val_type_name(VAL_VECTOR), "vector");
    assert_string_equal(val_type_name((enum val_type)200), "unknown");
    assert_int_equal(val_class((enum val_type)200), 0);
    assert_true(val_is_nullish(val_missing()));
    assert_false(val_is_nullish(val_int(0)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_pair_of_the_ladder, setup, teardown),
        cmocka_unit_test(test_what_json_cannot_say),
        cmocka_unit_test_setup_teardown(test_identical, setup, teardown),
        cmocka_unit_test(test_type_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
