// Token buckets: what they give over time, that names are apart, and that the table stays small.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "auth/limit.h"

#define SECOND 1000000000ull

static uint32_t take_all(struct limit *limit, const char *name, uint64_t now_ns) {
    struct limit_state state;
    uint32_t taken = 0;
    while (limit_take(limit, slice_str(name), now_ns, &state))
        taken++;
    assert_int_equal(state.left, 0);
    assert_true(state.wait_s >= 1);
    return taken;
}

static void test_over_time(void **unused) {
    (void)unused;
    struct limit *limit = limit_open(10, 20);
    struct limit_state state;
    assert_int_equal(take_all(limit, "a", SECOND), 20);
    assert_int_equal(take_all(limit, "a", SECOND), 0);
    assert_int_equal(take_all(limit, "b", SECOND), 20);
    assert_int_equal(take_all(limit, "a", 2 * SECOND), 10);
    assert_false(limit_look(limit, SLICE_LIT("a"), 2 * SECOND, &state));
    assert_true(limit_look(limit, SLICE_LIT("a"), 2 * SECOND + SECOND / 5, &state));
    assert_true(limit_look(limit, SLICE_LIT("a"), 2 * SECOND + SECOND / 5, &state));
    assert_int_equal(state.left, 2);
    assert_int_equal(state.wait_s, 0);
    assert_int_equal(take_all(limit, "a", 100 * SECOND), 20);
    assert_int_equal(take_all(limit, "a", 50 * SECOND), 0); // a clock that goes back gives nothing
    limit_close(limit);
}

static void test_slow(void **unused) {
    (void)unused;
    struct limit *limit = limit_open(1, 1);
    struct limit_state state;
    assert_true(limit_take(limit, SLICE_LIT("a"), SECOND, &state));
    assert_false(limit_take(limit, SLICE_LIT("a"), SECOND, &state));
    assert_int_equal(state.a_second, 1);
    assert_int_equal(state.wait_s, 2);
    assert_true(limit_take(limit, SLICE_LIT("a"), 2 * SECOND, &state));
    limit_close(limit);
}

// Many names do not lift the limit of one that keeps asking.
static void test_many_names(void **unused) {
    (void)unused;
    struct limit *limit = limit_open(10, 20);
    struct limit_state state;
    char name[32];
    uint32_t taken = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        snprintf(name, sizeof name, "n%u", (unsigned)i);
        assert_true(limit_take(limit, slice_str(name), SECOND + i, &state));
        taken += limit_take(limit, SLICE_LIT("a"), SECOND + i, &state);
    }
    assert_true(taken < 10000);
    limit_close(limit);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_over_time),
                                       cmocka_unit_test(test_slow),
                                       cmocka_unit_test(test_many_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
