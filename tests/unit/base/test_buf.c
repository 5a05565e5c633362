// The growing buffer: growth, bounds, sticky errors, budget.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/bits/bits.h"
#include "base/mem/buf.h"

static void test_grows_and_keeps(void **state) {
    (void)state;
    BUF_CLEANUP struct buf b;
    buf_init(&b, NULL, 1 << 20);
    for (int i = 0; i < 10000; i++) buf_put_u8(&b, (uint8_t)i);
    assert_int_equal(buf_status(&b), NACRE_OK);
    assert_int_equal(b.n, 10000);
    for (int i = 0; i < 10000; i++) assert_int_equal(b.p[i], (uint8_t)i);
}

static void test_max_is_exact_and_errors_stick(void **state) {
    (void)state;
    BUF_CLEANUP struct buf b;
    buf_init(&b, NULL, 100);
    uint8_t bytes[101] = {0};
    buf_put(&b, bytes, 100);
    assert_int_equal(buf_status(&b), NACRE_OK);
    buf_put(&b, bytes, 0);
    assert_int_equal(buf_status(&b), NACRE_OK);
    buf_put_u8(&b, 1);
    assert_int_equal(buf_status(&b), NACRE_REQUEST_TOO_LARGE);
    assert_int_equal(b.n, 100);
    buf_reset(&b);
    assert_int_equal(buf_status(&b), NACRE_OK);
    assert_int_equal(b.n, 0);
    buf_put(&b, bytes, 101);
    assert_int_equal(buf_status(&b), NACRE_REQUEST_TOO_LARGE);
    buf_put_u8(&b, 1); // would fit, but the error sticks
    assert_int_equal(b.n, 0);
    assert_null(buf_reserve(&b, 1));
}

static void test_reserve(void **state) {
    (void)state;
    BUF_CLEANUP struct buf b;
    buf_init(&b, NULL, 1000);
    assert_non_null(buf_reserve(&b, 0));
    assert_int_equal(b.n, 0);
    uint8_t *p = buf_reserve(&b, 1000);
    assert_non_null(p);
    memset(p, 7, 1000);
    b.n += 1000;
    assert_non_null(buf_reserve(&b, 0));
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_int_equal(buf_status(&b), NACRE_REQUEST_TOO_LARGE);
}

static void test_max_of_zero(void **state) {
    (void)state;
    BUF_CLEANUP struct buf b;
    buf_init(&b, NULL, 0);
    buf_put(&b, "", 0);
    buf_printf(&b, "%s", "");
    assert_int_equal(buf_status(&b), NACRE_OK);
    buf_put_u8(&b, 1);
    assert_int_equal(buf_status(&b), NACRE_REQUEST_TOO_LARGE);
}

static void test_budget_is_charged_for_cap(void **state) {
    (void)state;
    struct budget budget;
    budget_init(&budget, NULL, 1000);
    struct buf b;
    buf_init(&b, &budget, 1 << 20);
    uint8_t bytes[600] = {0};
    buf_put(&b, bytes, 600);
    assert_int_equal(atomic_load(&budget.used), b.cap);
    buf_put(&b, bytes, 300); // doubling is over the budget, 900 is not
    assert_int_equal(buf_status(&b), NACRE_OK);
    assert_int_equal(atomic_load(&budget.used), b.cap);
    buf_put(&b, bytes, 101);
    assert_int_equal(buf_status(&b), NACRE_MEMORY_LIMIT);
    buf_free(&b);
    assert_int_equal(atomic_load(&budget.used), 0);
    buf_put(&b, bytes, 1); // usable again
    assert_int_equal(buf_status(&b), NACRE_OK);
    buf_free(&b);
}

static void test_numbers(void **state) {
    (void)state;
    BUF_CLEANUP struct buf b;
    buf_init(&b, NULL, 1000);
    buf_put_be32(&b, 0x01020304);
    buf_put_le32(&b, 0x01020304);
    buf_put_be64(&b, 0x0102030405060708);
    buf_put_le64(&b, 0x0102030405060708);
    buf_put_varint(&b, 0);
    buf_put_varint(&b, 300);
    static const uint8_t expected[] = {1, 2, 3, 4, 4, 3, 2, 1, 1, 2, 3, 4,    5,    6,   7,
                                       8, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0xac, 0x02};
    assert_int_equal(b.n, sizeof expected);
    assert_memory_equal(b.p, expected, sizeof expected);
}

static void test_printf(void **state) {
    (void)state;
    BUF_CLEANUP struct buf b;
    buf_init(&b, NULL, 100000);
    buf_printf(&b, "%d-%s", 42, "x");
    assert_true(slice_eq_str(buf_slice(&b), "42-x"));
    for (int width = 1; width < 200; width++) {
        size_t before = b.n;
        buf_printf(&b, "%*d", width, 7);
        assert_int_equal(b.n, before + (size_t)width);
        assert_int_equal(b.p[b.n - 1], '7');
    }
    assert_int_equal(buf_status(&b), NACRE_OK);
}

// The text may fill the buffer to its last byte, though vsnprintf wants one more.
static void test_printf_fills_to_max(void **state) {
    (void)state;
    for (int width = 1; width <= 130; width++) {
        BUF_CLEANUP struct buf b;
        buf_init(&b, NULL, 128);
        buf_printf(&b, "%0*d", width, 5);
        assert_int_equal(buf_status(&b), width <= 128 ? NACRE_OK : NACRE_REQUEST_TOO_LARGE);
        assert_int_equal(b.n, width <= 128 ? width : 0);
        assert_true(b.cap <= 128);
        if (width > 128) continue;
        assert_int_equal(b.p[b.n - 1], '5');
        buf_printf(&b, "%s", "");
        assert_int_equal(buf_status(&b), NACRE_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_and_keeps),
        cmocka_unit_test(test_max_is_exact_and_errors_stick),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_max_of_zero),
        cmocka_unit_test(test_budget_is_charged_for_cap),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_printf),
        cmocka_unit_test(test_printf_fills_to_max),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
