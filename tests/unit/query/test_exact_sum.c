// Sums that are rounded once: whatever order and parts they come in, and wherever they are kept.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/ds/rng.h"
#include "query/exact_sum.h"
#include "support/doc_values.h"

enum { NUMBERS = 40 };

static struct arena arena;
static struct rng rng;

static double value_of(const struct exact_sum *sum) {
    int exp;
    double m = exact_sum_round(sum, &exp);
    return ldexp(m, exp);
}

static double sum_doubles(const double *numbers, int count) {
    struct exact_sum sum = {0};
    for (int i = 0; i < count; i++)
        assert_true(exact_sum_add_double(&arena, &sum, numbers[i]));
    return value_of(&sum);
}

static void test_known(void **state) {
    (void)state;
    static const double tenths[] = {0.1, 0.2, 0.3, -0.6};
    static const double large[] = {1e308, 1e308, -1e308, -1e308, 5e-324};
    static const double half[] = {9007199254740992.0, 1.0},
                        more[] = {9007199254740992.0, 1.0, 1e-9};
    static const double far[] = {1e300, 1.0, -1e300};
    assert_true(sum_doubles(tenths, 4) == 2.7755575615628914e-17);
    assert_true(sum_doubles(large, 5) == 5e-324);
    assert_true(sum_doubles(half, 2) == 9007199254740992.0);
    assert_true(sum_doubles(more, 3) == 9007199254740994.0);
    assert_true(sum_doubles(far, 3) == 1.0);
    assert_true(sum_doubles(NULL, 0) == 0);
    static const double odd[] = {1.0, INFINITY, -1e308};
    assert_true(isinf(sum_doubles(odd, 3)));
}

static void test_integers(void **state) {
    (void)state;
    struct exact_sum sum = {0};
    int64_t out;
    for (int i = 0; i < 3; i++)
        assert_true(exact_sum_add_int(&arena, &sum, INT64_MAX));
    assert_false(exact_sum_is_int(&sum, &out));
    for (int i = 0; i < 2; i++)
        assert_true(exact_sum_add_int(&arena, &sum, -INT64_MAX));
    assert_true(exact_sum_is_int(&sum, &out));
    assert_true(out == INT64_MAX);
    assert_true(exact_sum_add_double(&arena, &sum, 0.0));
    assert_false(exact_sum_is_int(&sum, &out));
    assert_true(value_of(&sum) == 9223372036854775808.0);
}

static double random_double(int spread) {
    return ldexp((double)(int64_t)rng_next(&rng),
                 (int)rng_below(&rng, (uint64_t)spread) - spread / 2);
}

// In any order, in parts that are added up, and with what makes it leave 128 bits and comes back.
static void test_order_and_parts(void **state) {
    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct exact_sum whole = {0}, parts[3] = {0}, all = {0};
        double numbers[NUMBERS];
        int spread = 2 + (int)rng_below(&rng, round % 2 ? 30 : 1800);
        double stray = random_double(1800);
        for (int i = 0; i < NUMBERS; i++)
            numbers[i] = random_double(spread);
        for (int i = 0; i < NUMBERS; i++)
            assert_true(exact_sum_add_double(&arena, &whole, numbers[i]));
        for (int i = NUMBERS; i-- > 0;)
            assert_true(exact_sum_add_double(&arena, &parts[rng_below(&rng, 3)], numbers[i]));
        assert_true(exact_sum_add_double(&arena, &all, stray));
        for (int i = 0; i < 3; i++)
            assert_true(exact_sum_add_sum(&arena, &all, &parts[i]));
        assert_true(exact_sum_add_double(&arena, &all, -stray));
        assert_true(value_of(&whole) == value_of(&all));
        arena_reset(&arena);
    }
}

// Where a long double holds the sum exactly.
static void test_against_long_double(void **state) {
    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct exact_sum sum = {0};
        long double want = 0;
        for (int i = 0; i < NUMBERS; i++) {
            double d = (double)(int32_t)rng_next(&rng) / 1024;
            want += d;
            assert_true(exact_sum_add_double(&arena, &sum, d));
        }
        assert_true(value_of(&sum) == (double)want);
    }
    assert_int_equal(arena.used, 0); // all of it in 128 bits
}

static int setup(void **state) {
    (void)state;
    arena_init(&arena, NULL, SIZE_MAX / 2);
    doc_values_seed(&rng);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

#define SUM_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        SUM_TEST(test_known),
        SUM_TEST(test_integers),
        SUM_TEST(test_order_and_parts),
        SUM_TEST(test_against_long_double),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
