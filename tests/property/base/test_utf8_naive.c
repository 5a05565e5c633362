// UTF-8 against a naive decoder: all short texts, and long ones with one mistake anywhere.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "base/text/utf8.h"
#include "property/base/seed.h"

static struct rng rng;

// One code point by the definition alone: the bits are put together, then the value is judged.
static size_t naive_step(const uint8_t *p, size_t n) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = p[0] < 0x80       ? 1
                    : p[0] >> 5 == 6  ? 2
                    : p[0] >> 4 == 14 ? 3
                    : p[0] >> 3 == 30 ? 4
                                      : 0;
    if (length == 0 || length > n) return 0;
    if (length == 1) return 1;
    uint32_t value = p[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (p[i] >> 6 != 2) return 0;
        value = value << 6 | (p[i] & 0x3f);
    }
    bool bad = value < least[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF);
    return bad ? 0 : length;
}

static size_t naive_prefix(const uint8_t *p, size_t n, size_t *out_count) {
    size_t at = 0, step;
    *out_count = 0;
    while (at < n && (step = naive_step(p + at, n - at))) {
        at += step;
        ++*out_count;
    }
    return at;
}

static void check(const uint8_t *p, size_t n) {
    size_t count, expected = naive_prefix(p, n, &count);
    struct slice text = slice_of(p, n);
    if (utf8_valid_prefix(text) != expected || utf8_valid(text) != (expected == n))
        fail_msg("differs at %zu bytes from 0x%02x 0x%02x", n, p[0], n > 1 ? p[1] : 0u);
    if (expected == n && utf8_count(text) != count) fail_msg("counts differ");
}

static void test_all_of_up_to_three_bytes(void **state) {
    (void)state;
    for (uint32_t v = 0; v < 1u << 24; v++) {
        uint8_t bytes[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
        if (bytes[0] < 0xC0 && (v & 0xff) > 1) continue; // what follows a short one matters less
        check(bytes, 3);
        if (bytes[2] == 0) check(bytes, 2);
        if (bytes[1] == 0) check(bytes, 1);
    }
}

static void test_four_bytes(void **state) {
    (void)state;
    static const uint8_t last[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
    for (uint32_t lead = 0xE0; lead < 0x100; lead++)
        for (uint32_t second = 0; second < 0x100; second++)
            for (uint32_t third = 0; third < 0x100; third++)
                for (size_t i = 0; i < sizeof last; i++) {
                    uint8_t bytes[4] = {(uint8_t)lead, (uint8_t)second, (uint8_t)third, last[i]};
                    check(bytes, 4);
                }
}

static void test_every_code_point(void **state) {
    (void)state;
    for (uint32_t c = 0; c < 0x110100; c++) {
        uint8_t bytes[4];
        size_t n = utf8_put(c, bytes);
        bool exists = c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
        if ((n != 0) != exists) fail_msg("U+%04X", c);
        if (n) check(bytes, n);
        if (n && naive_step(bytes, n) != n) fail_msg("U+%04X", c);
    }
}

// The fast path for runs of ASCII meets mistakes at every distance from its blocks' edges.
static void test_long_texts(void **state) {
    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint8_t text[220];
        size_t n = 0, size = rng_below(&rng, 200);
        uint64_t ascii = rng_below(&rng, 40); // of 40 code points
        while (n < size) {
            bool plain = rng_below(&rng, 40) < ascii;
            uint64_t point = plain ? rng_below(&rng, 128) : seed_any_u64(&rng) >> 43;
            n += utf8_put((uint32_t)point, text + n);
        }
        size_t start = n < 16 ? 0 : rng_below(&rng, 16);
        check(text + start, n - start);
        if (n == start) continue;
        text[start + rng_below(&rng, n - start)] = (uint8_t)rng_next(&rng);
        check(text + start, n - start);
        check(text, rng_below(&rng, n) + 1);
    }
}

int main(void) {
    seed_rng(&rng);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_up_to_three_bytes),
        cmocka_unit_test(test_four_bytes),
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
