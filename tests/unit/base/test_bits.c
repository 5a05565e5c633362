// Slices, takes, varints, base64, hashes: known answers and malformed input.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/bits/bits.h"

static void test_slice_order(void **state) {
    (void)state;
    struct slice none = slice_of(NULL, 0);
    assert_true(slice_cmp(none, SLICE_LIT("a")) < 0);
    assert_true(slice_cmp(SLICE_LIT("ab"), SLICE_LIT("a")) > 0);
    assert_true(slice_cmp(SLICE_LIT("\xff"), SLICE_LIT("a")) > 0);
    assert_int_equal(slice_cmp(none, SLICE_LIT("")), 0);
    assert_true(slice_eq(none, SLICE_LIT("")));
    assert_true(slice_starts(SLICE_LIT("pearl"), SLICE_LIT("pe")));
    assert_true(slice_starts(none, none));
    assert_false(slice_starts(SLICE_LIT("p"), SLICE_LIT("pe")));
    assert_int_equal(slice_skip(none, 0).n, 0);
    assert_true(slice_eq_str(slice_skip(SLICE_LIT("pearl"), 2), "arl"));
}

static void test_takes(void **state) {
    (void)state;
    static const uint8_t bytes[] = {1,    0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24, 0x25,
                                    0x26, 0x27, 0x28, 0x31, 0x32, 0x33, 0x34, 0x41, 0x42, 0x43,
                                    0x44, 0x45, 0x46, 0x47, 0x48};
    struct slice in = slice_of(bytes, sizeof bytes);
    uint8_t u8;
    uint32_t u32;
    uint64_t u64;
    assert_true(bits_take_u8(&in, &u8));
    assert_int_equal(u8, 1);
    assert_true(bits_take_be32(&in, &u32));
    assert_int_equal(u32, 0x11121314);
    assert_true(bits_take_be64(&in, &u64));
    assert_int_equal(u64, 0x2122232425262728);
    assert_true(bits_take_le32(&in, &u32));
    assert_int_equal(u32, 0x34333231);
    assert_true(bits_take_le64(&in, &u64));
    assert_int_equal(u64, 0x4847464544434241);
    assert_int_equal(in.n, 0);
    assert_false(bits_take_u8(&in, &u8));
}

static void test_takes_leave_short_input(void **state) {
    (void)state;
    struct slice in = SLICE_LIT("abc"), before = in, out;
    uint32_t u32;
    uint64_t u64;
    assert_false(bits_take(&in, 4, &out));
    assert_false(bits_take_le32(&in, &u32));
    assert_false(bits_take_be32(&in, &u32));
    assert_false(bits_take_le64(&in, &u64));
    assert_false(bits_take_be64(&in, &u64));
    assert_ptr_equal(in.p, before.p);
    assert_int_equal(in.n, before.n);
}

static void check_bad_varint(struct slice in) {
    struct slice before = in;
    uint64_t value;
    assert_false(bits_take_varint(&in, &value));
    assert_ptr_equal(in.p, before.p);
    assert_int_equal(in.n, before.n);
}

static void test_varint_malformed(void **state) {
    (void)state;
    check_bad_varint(slice_of(NULL, 0));
    check_bad_varint(SLICE_LIT("\x80"));
    check_bad_varint(SLICE_LIT("\x80\x00"));     // 0, not in its shortest form
    check_bad_varint(SLICE_LIT("\xff\x80\x00")); // nor this
    check_bad_varint(SLICE_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")); // 65 bits
    check_bad_varint(SLICE_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    check_bad_varint(SLICE_LIT("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"));
    struct slice in = SLICE_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x");
    uint64_t value;
    assert_true(bits_take_varint(&in, &value));
    assert_true(value == UINT64_MAX);
    assert_int_equal(in.n, 1);
    in = SLICE_LIT("\x80\x80\x80\x80\x10");
    uint32_t narrow;
    assert_false(bits_take_varint32(&in, &narrow));
    assert_int_equal(in.n, 5);
}

static void check_base64(const char *plain, const char *text, const char *url) {
    char out[64];
    uint8_t back[64];
    size_t n = base64_encode(plain, strlen(plain), out);
    assert_true(slice_eq_str(slice_of(out, n), text));
    assert_true(base64_decode(slice_str(text), back, &n));
    assert_true(slice_eq_str(slice_of(back, n), plain));
    n = base64url_encode(plain, strlen(plain), out);
    assert_true(slice_eq_str(slice_of(out, n), url));
    assert_true(base64url_decode(slice_str(url), back, &n));
    assert_true(slice_eq_str(slice_of(back, n), plain));
}

// RFC 4648 §10.
static void test_base64_known(void **state) {
    (void)state;
    check_base64("", "", "");
    check_base64("f", "Zg==", "Zg");
    check_base64("fo", "Zm8=", "Zm8");
    check_base64("foo", "Zm9v", "Zm9v");
    check_base64("foob", "Zm9vYg==", "Zm9vYg");
    check_base64("fooba", "Zm9vYmE=", "Zm9vYmE");
    check_base64("foobar", "Zm9vYmFy", "Zm9vYmFy");
    check_base64("\xfb\xff\xbf", "+/+/", "-_-_");
}

static void test_base64_malformed(void **state) {
    (void)state;
    static const char *const bad[] = {"Z",    "Zg",   "Zg=",  "Zg===", "Zh==", "Zm9=", "====",
                                      "=",    "Z===", "Zm=v", "Zg==Zg==", "Zm9v\n", "Zm 9",
                                      "-_-_", "Zm9\xc3"};
    uint8_t out[64];
    size_t n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(base64_decode(slice_str(bad[i]), out, &n));
    // "Zh" and "Zm9" have bits left over that are not 0.
    static const char *const bad_url[] = {"Z", "Zh", "Zm9", "Zg==", "+/+/", "Zm9vY"};
    for (size_t i = 0; i < sizeof bad_url / sizeof *bad_url; i++)
        assert_false(base64url_decode(slice_str(bad_url[i]), out, &n));
    assert_false(base64_decode(SLICE_LIT("Zm\0v"), out, &n));
}

// XXH3-64 is part of stored formats: these must never change (values from xxHash's own tool).
static void test_hash_known(void **state) {
    (void)state;
    assert_true(hash_bytes(NULL, 0) == 0x2d06800538d394c2);
    assert_true(hash_bytes("a", 1) == 0xe6c632b61e964e1f);
    assert_true(hash_bytes("abc", 3) == 0x78af5f94892f3950);
    assert_true(hash_bytes_seed("abc", 3, 0) == hash_bytes("abc", 3));
    assert_true(hash_bytes_seed("abc", 3, 1) != hash_bytes("abc", 3));
    uint8_t long_text[300];
    for (size_t i = 0; i < sizeof long_text; i++) long_text[i] = (uint8_t)i;
    assert_true(hash_bytes(long_text, 100) == 0x004e4f921a64bd1c);
    assert_true(hash_bytes(long_text, 200) == 0xf42a8864feaf0703);
    assert_true(hash_bytes(long_text, 300) == 0xd44052f5a3485425);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slice_order),
        cmocka_unit_test(test_takes),
        cmocka_unit_test(test_takes_leave_short_input),
        cmocka_unit_test(test_varint_malformed),
        cmocka_unit_test(test_base64_known),
        cmocka_unit_test(test_base64_malformed),
        cmocka_unit_test(test_hash_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
