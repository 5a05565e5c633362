// Sequence tokens: there and back, and nothing else is one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/lib_token.h"

static void test_round_trip(void **state) {
    static const uint64_t numbers[] = {0, 1, 127, 128, 1u << 31, UINT64_MAX};
    char text[LIB_TOKEN_MAX];
    uint64_t generation, seq;
    (void)state;
    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < 6; k++) {
            lib_token_print(numbers[i], numbers[k], text);
            assert_true(strspn(text,
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                               "-_") == strlen(text));
            assert_true(lib_token_parse(slice_str(text), &generation, &seq));
            assert_true(generation == numbers[i] && seq == numbers[k]);
        }
}

static void test_foreign(void **state) {
    static const char *const texts[] = {"",     "AAAA", "abc",
                                        "!!!!", "AQEB", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    char text[LIB_TOKEN_MAX];
    uint64_t generation, seq;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(lib_token_parse(slice_str(texts[i]), &generation, &seq));
    lib_token_print(3, 70000, text);
    text[1] = text[1] == 'A' ? 'B' : 'A';
    assert_false(lib_token_parse(slice_str(text), &generation, &seq));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_foreign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
