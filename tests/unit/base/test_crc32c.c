// CRC-32C: known answers, and every way against the tables.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/bits/bits.h"
#include "base/bits/crc32c_ways.h"

// RFC 3720 appendix B.4.
static void test_known(void **state) {
    (void)state;
    uint8_t bytes[32];
    assert_int_equal(crc32c(0, NULL, 0), 0);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x62a8ab43);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x46dd794e);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(31 - i);
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x113fdb5c);
}

static uint8_t text[40000];

static void agree(crc32c_way *way) {
    if (!way) skip();
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * 7 + i / 13);
    for (size_t n = 0; n + 8 < sizeof text; n += 1 + n / 30)
        for (size_t start = 0; start < 8; start++)
            assert_int_equal(way((uint32_t)n, text + start, n),
                             crc32c_by_tables((uint32_t)n, text + start, n));
}

static void test_hardware_agrees(void **state) {
    (void)state;
    agree(crc32c_hardware());
}

static void test_folding_agrees(void **state) {
    (void)state;
    agree(crc32c_folding());
}

static void test_continues(void **state) {
    (void)state;
    uint32_t whole = crc32c(0, text, sizeof text);
    for (size_t cut = 0; cut < sizeof text; cut += 1 + cut / 10)
        assert_int_equal(crc32c(crc32c(0, text, cut), text + cut, sizeof text - cut), whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_hardware_agrees),
        cmocka_unit_test(test_folding_agrees),
        cmocka_unit_test(test_continues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
