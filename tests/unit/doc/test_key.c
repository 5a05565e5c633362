// The bytes of keys are those of docs/format/keys.md, and what is malformed is told, never
// believed.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/os/file.h"
#include "doc/key.h"
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

// The examples of docs/format/keys.md. Stored bytes: a line here never changes.
static const struct {
    const char *json, *hex;
    enum key_type_bits bits;
} fixtures[] = {
    {"null", "10", KEY_TB_PLAIN},
    {"0", "2b", KEY_TB_PLAIN},
    {"0.0", "2b", KEY_TB_DOUBLE},
    {"-0.0", "2b", KEY_TB_NEG_ZERO},
    {"1", "2d02", KEY_TB_PLAIN},
    {"1.0", "2d02", KEY_TB_DOUBLE},
    {"42", "2d54", KEY_TB_PLAIN},
    {"127", "2dfe", KEY_TB_PLAIN},
    {"128", "2e0100", KEY_TB_PLAIN},
    {"1000000", "2f1e8480", KEY_TB_PLAIN},
    {"9007199254740993", "3340000000000002", KEY_TB_PLAIN},
    {"9223372036854775807", "34fffffffffffffffe", KEY_TB_PLAIN},
    {"9223372036854775808.0", "3543e0000000000000", KEY_TB_DOUBLE},
    {"1e300", "357e37e43c8800759c", KEY_TB_DOUBLE},
    {"0.5", "2c3fe0000000000000", KEY_TB_DOUBLE},
    {"5e-324", "2c0000000000000001", KEY_TB_DOUBLE},
    {"1.5", "2d0380000000000000", KEY_TB_DOUBLE},
    {"3.141592653589793", "2d07243f6a8885a300", KEY_TB_DOUBLE},
    {"1000000.25", "2f1e84814000000000", KEY_TB_DOUBLE},
    {"-1", "29fd", KEY_TB_PLAIN},
    {"-1.5", "29fc7fffffffffffff", KEY_TB_DOUBLE},
    {"-128", "28feff", KEY_TB_PLAIN},
    {"-0.5", "2ac01fffffffffffff", KEY_TB_DOUBLE},
    {"-9223372036854775807", "220000000000000001", KEY_TB_PLAIN},
    {"-9223372036854775808.0", "21bc1fffffffffffff", KEY_TB_DOUBLE},
    {"\"\"", "4000", KEY_TB_PLAIN},
    {"\"abc\"", "4061626300", KEY_TB_PLAIN},
    {"\"\\u0001\\u0002\\u00ff\"", "40010202c3bf00", KEY_TB_PLAIN},
    {"{}", "5000", KEY_TB_PLAIN},
    {"{\"a\":1}", "502061002d0200", KEY_TB_PLAIN},
    {"{\"a\":\"b\",\"\":null}", "5040610040620010001000", KEY_TB_PLAIN},
    {"[]", "6000", KEY_TB_PLAIN},
    {"[1,\"x\",[]]", "602d02407800600000", KEY_TB_PLAIN},
    {"{\"$binary\":\"AAEC\"}", "70010101020200", KEY_TB_PLAIN},
    {"{\"$i8\":\"AQ==\"}",
     "710301"
     "01010200",
     KEY_TB_PLAIN},
    {"false", "80", KEY_TB_PLAIN},
    {"true", "81", KEY_TB_PLAIN},
    {"{\"$date\":\"1970-01-01T00:00:00Z\"}", "908000000000000000", KEY_TB_PLAIN},
    {"{\"$date\":\"1969-12-31T23:59:59.999Z\"}", "907fffffffffffffff", KEY_TB_PLAIN},
};
enum { FIXTURES = sizeof fixtures / sizeof fixtures[0] };

static void hex_of(struct slice s, char *out) {
    for (size_t i = 0; i < s.n; i++)
        snprintf(out + 2 * i, 3, "%02x", s.p[i]);
    out[2 * s.n] = 0;
}

static struct slice unhex(struct ctx *ctx, const char *hex) {
    size_t n = strlen(hex) / 2;
    uint8_t *p = arena_alloc(&ctx->arena, n + 1);
    for (size_t i = 0; i < n; i++) {
        unsigned byte = 0;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        p[i] = (uint8_t)byte;
    }
    return slice_of(p, n);
}

static struct val decode(struct ctx *ctx, struct slice key, bool descending,
                         enum key_type_bits bits) {
    struct val v;
    nacre_status status = key_decode(ctx, &key, descending, bits, &v);
    if (status != NACRE_OK) fail_msg("%s", ctx->err.detail);
    assert_int_equal(key.n, 0);
    return v;
}

static void test_fixtures(void **state) {
    struct ctx *ctx = *state;
    BUF_CLEANUP struct buf buf;
    buf_init(&buf, NULL, 1 << 20);
    for (int i = 0; i < FIXTURES; i++) {
        struct val v = doc_values_val(ctx, fixtures[i].json);
        char hex[200];
        buf_reset(&buf);
        assert_int_equal(key_put(&buf, v, false), fixtures[i].bits);
        hex_of(buf_slice(&buf), hex);
        if (strcmp(hex, fixtures[i].hex) != 0)
            fail_msg("%s is %s, not %s", fixtures[i].json, hex, fixtures[i].hex);
        assert_int_equal(key_component_size(buf_slice(&buf), false), buf.n);
        assert_true(val_eq(decode(ctx, buf_slice(&buf), false, fixtures[i].bits), v));
        if (v.type != VAL_OBJECT && v.type != VAL_ARRAY)
            assert_true(val_identical(decode(ctx, buf_slice(&buf), false, fixtures[i].bits), v));
        size_t n = buf.n;
        assert_int_equal(key_put(&buf, v, true), fixtures[i].bits);
        assert_int_equal(buf.n, 2 * n);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(buf.p[k] ^ buf.p[n + k], 0xFF);
        assert_true(val_eq(decode(ctx, slice_skip(buf_slice(&buf), n), true, fixtures[i].bits), v));
    }
}

// The page shows these very bytes.
static void test_fixtures_are_documented(void **state) {
    struct ctx *ctx = *state;
    BUF_CLEANUP struct buf page;
    buf_init(&page, NULL, 1 << 20);
    if (!file_exists("docs/format/keys.md")) skip();
    assert_int_equal(file_read_all(ctx, "docs/format/keys.md", 1 << 20, &page), NACRE_OK);
    for (int i = 0; i < FIXTURES; i++) {
        char row[256];
        int n = snprintf(row, sizeof row, "| `%s` | `%s` | %d |\n", fixtures[i].json,
                         fixtures[i].hex, (int)fixtures[i].bits);
        if (!memmem(page.p, page.n, row, (size_t)n)) fail_msg("keys.md lacks %s", row);
    }
}

static void test_what_json_cannot_say(void **state) {
    struct ctx *ctx = *state;
    BUF_CLEANUP struct buf buf;
    buf_init(&buf, NULL, 1 << 20);
    struct val min = val_int(INT64_MIN), nan = val_double(-__builtin_nan("")),
               inf = val_double(-__builtin_inf());
    assert_int_equal(key_put(&buf, min, false), KEY_TB_PLAIN);
    assert_true(slice_eq(buf_slice(&buf), unhex(ctx, "21bc1fffffffffffff")));
    assert_true(val_identical(decode(ctx, buf_slice(&buf), false, KEY_TB_PLAIN), min));
    assert_true(
        val_identical(decode(ctx, buf_slice(&buf), false, KEY_TB_DOUBLE), val_double(-0x1p63)));
    buf_reset(&buf);
    assert_int_equal(key_put(&buf, nan, false), KEY_TB_DOUBLE);
    assert_true(slice_eq(buf_slice(&buf), unhex(ctx, "20")));
    struct val back = decode(ctx, buf_slice(&buf), false, KEY_TB_DOUBLE);
    assert_true(val_identical(back, val_double(__builtin_nan(""))));
    buf_reset(&buf);
    key_put(&buf, inf, false);
    assert_true(slice_eq(buf_slice(&buf), unhex(ctx, "21800fffffffffffff")));
    buf_reset(&buf);
    key_put(&buf, val_missing(), false);
    assert_true(slice_eq(buf_slice(&buf), unhex(ctx, "10")));
    buf_reset(&buf);
    key_put_before_null(&buf, false);
    key_put_before_null(&buf, true);
    assert_true(slice_eq(buf_slice(&buf), unhex(ctx, "08f7")));
    assert_int_equal(key_component_size(buf_slice(&buf), false), 1);
    assert_string_equal(doc_values_show(ctx, decode(ctx, unhex(ctx, "08"), false, KEY_TB_PLAIN)),
                        "[]");
    assert_string_equal(doc_values_show(ctx, decode(ctx, unhex(ctx, "f7"), true, KEY_TB_PLAIN)),
                        "[]");
}

static void test_malformed(void **state) {
    struct ctx *ctx = *state;
    static const char *const bad[] = {
        "",
        "00",   // a terminator
        "01ff", // a cut at the front
        "11",   // no such tag
        "36",
        "72",
        "82",
        "91",
        "ff",
        "2d",                   // no payload
        "2d00",                 // 0 has its own tag
        "2d01",                 // a fraction without integer part
        "2e00fe",               // one byte too many
        "2d03",                 // a fraction that is not there
        "2d0300000000000000",   // and that is 0
        "2d0380000000000001",   // bits beyond the double's
        "3440000000000003",     // too short
        "344000000000000003ff", // more bits than a double has
        "29ff",
        "29fe",
        "2c0000000000000000", // 0 is not small
        "2c3ff0000000000000", // 1 is not small
        "2c3fe00000000000",
        "3543dfffffffffffff", // below 2^63
        "357ff0000000000001", // NaN
        "21bc20000000000000",
        "2affffffffffffffff",
        "40",
        "4061",
        "4001",
        "400100",
        "400103",
        "4001ff", // a cut before its place
        "50",
        "5010",
        "501061",
        "50106100",
        "5010610010",
        "501161001000", // no class byte
        "502061001000", // the value is of another class
        "60",
        "6010",
        "600800", // sorts before null only as a whole component
        "6001ff",
        "90",
        "9000000000000000",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct slice key = unhex(ctx, bad[i]), before = key;
        struct val v;
        if (key_component_size(key, false) != 0) fail_msg("%s has a size", bad[i]);
        assert_int_equal(key_decode(ctx, &key, false, KEY_TB_PLAIN, &v), NACRE_CORRUPT);
        assert_ptr_equal(key.p, before.p);
    }
}

static void test_well_formed_but_no_value(void **state) {
    struct ctx *ctx = *state;
    static const struct {
        const char *hex;
        enum key_type_bits bits;
    } bad[] = {
        {"40ff00", KEY_TB_PLAIN},         // no UTF-8
        {"5010ff001000", KEY_TB_PLAIN},   // no UTF-8 in a name
        {"50100101001000", KEY_TB_PLAIN}, // U+0000 in a name
        {"501024610010"
         "00",
         KEY_TB_PLAIN},                         // a name with '$'
        {"50106100101061001000", KEY_TB_PLAIN}, // a name twice
        {"7100", KEY_TB_PLAIN},                 // a vector without header
        {"714200", KEY_TB_PLAIN},
        {"10", KEY_TB_DOUBLE}, // type bits that do not fit
        {"2d02", KEY_TB_NEG_ZERO},
        {"2d02", KEY_TB_CUT},
        {"3340000000000002", KEY_TB_DOUBLE}, // 2^53 + 1 is no double
        {"4000", KEY_TB_NEG_ZERO},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct slice key = unhex(ctx, bad[i].hex);
        struct val v;
        if (key_component_size(key, false) != key.n) fail_msg("%s", bad[i].hex);
        if (key_decode(ctx, &key, false, bad[i].bits, &v) != NACRE_CORRUPT)
            fail_msg("%s decodes", bad[i].hex);
    }
}

static void test_depth(void **state) {
    struct ctx *ctx = *state;
    uint8_t nested[2 * 101];
    struct val v;
    for (size_t depth = 99; depth <= 101; depth++) {
        memset(nested, 0x60, depth);
        memset(nested + depth, 0, depth);
        struct slice key = slice_of(nested, 2 * depth);
        assert_int_equal(key_component_size(key, false), depth <= 100 ? 2 * depth : 0);
        assert_int_equal(key_decode(ctx, &key, false, KEY_TB_PLAIN, &v),
                         depth <= 100 ? NACRE_OK : NACRE_CORRUPT);
    }
}

static void test_cut(void **state) {
    struct ctx *ctx = *state;
    BUF_CLEANUP struct buf a, b;
    buf_init(&a, NULL, 1 << 20);
    buf_init(&b, NULL, 1 << 20);
    char text[3000];
    memset(text, 'x', sizeof text);
    for (size_t n = 1000; n < 1040; n++) {
        struct val v = val_str(slice_of(text, n));
        buf_reset(&a);
        enum key_type_bits bits = key_put_cut(&a, v, false);
        assert_true(a.n <= KEY_COMPONENT_MAX);
        assert_int_equal(key_component_size(buf_slice(&a), false), a.n);
        assert_int_equal(bits, n > 1012 ? KEY_TB_CUT : KEY_TB_PLAIN);
        struct val back = decode(ctx, buf_slice(&a), false, bits);
        assert_int_equal(back.type, n > 1012 ? VAL_MISSING : VAL_STRING);
        buf_put_str(&a, "rest");
        assert_int_equal(key_component_size(buf_slice(&a), false), a.n - 4);
    }
    // Longer ones are cut alike; what differs before the cut still orders.
    buf_reset(&a);
    key_put_cut(&a, val_str(slice_of(text, 2000)), true);
    key_put_cut(&b, val_str(slice_of(text, 3000)), true);
    assert_true(slice_eq(buf_slice(&a), buf_slice(&b)));
    assert_int_equal(decode(ctx, buf_slice(&a), true, KEY_TB_CUT).type, VAL_MISSING);
    buf_reset(&b);
    text[1000] = 'w';
    key_put_cut(&b, val_str(slice_of(text, 3000)), true);
    assert_true(slice_cmp(buf_slice(&a), buf_slice(&b)) < 0);
    // Not cut: as long as it is.
    buf_reset(&b);
    assert_int_equal(key_put(&b, val_str(slice_of(text, 3000)), false), KEY_TB_PLAIN);
    assert_int_equal(b.n, 3002);
    assert_int_equal(decode(ctx, buf_slice(&b), false, KEY_TB_PLAIN).n, 3000);
}

static void test_cut_of_containers(void **state) {
    struct ctx *ctx = *state;
    BUF_CLEANUP struct buf json, key;
    buf_init(&json, NULL, 1 << 20);
    buf_init(&key, NULL, 1 << 20);
    buf_put_str(&json, "[");
    for (int i = 0; i < 400; i++)
        buf_printf(&json, "{\"n%d\":[1.25,\"s\"]},", i);
    buf_put_str(&json, "0]");
    buf_put_u8(&json, 0);
    struct val v = doc_values_val(ctx, (char *)json.p);
    for (int descending = 0; descending < 2; descending++) {
        buf_reset(&key);
        assert_int_equal(key_put_cut(&key, v, descending), KEY_TB_CUT);
        assert_true(key.n <= KEY_COMPONENT_MAX && key.n > KEY_COMPONENT_MAX - 12);
        buf_put_str(&key, "rest");
        assert_int_equal(key_component_size(buf_slice(&key), descending), key.n - 4);
        // Any shorter piece is no key.
        for (size_t n = 0; n < key.n - 4; n++)
            assert_int_equal(key_component_size(slice_of(key.p, n), descending), 0);
    }
}

static void test_prefix_end(void **state) {
    struct ctx *ctx = *state;
    static const char *const cases[][2] = {
        {"00", "01"}, {"4061", "4062"}, {"40ff", "41"}, {"feffff", "ff"}};
    BUF_CLEANUP struct buf buf;
    buf_init(&buf, NULL, 100);
    for (int i = 0; i < 4; i++) {
        buf_reset(&buf);
        buf_put_slice(&buf, unhex(ctx, cases[i][0]));
        assert_true(key_prefix_end(&buf));
        assert_true(slice_eq(buf_slice(&buf), unhex(ctx, cases[i][1])));
    }
    buf_reset(&buf);
    assert_false(key_prefix_end(&buf));
    buf_put_slice(&buf, unhex(ctx, "ffff"));
    assert_false(key_prefix_end(&buf));
}

static bool within(struct slice key, struct slice begin, struct slice end) {
    return slice_cmp(begin, key) <= 0 && slice_cmp(key, end) < 0;
}

static void test_class_bounds(void **state) {
    struct ctx *ctx = *state;
    BUF_CLEANUP struct buf begin, end, key;
    buf_init(&begin, NULL, 100);
    buf_init(&end, NULL, 100);
    buf_init(&key, NULL, 10000);
    for (enum val_type type = VAL_NULL; type <= VAL_DATE; type++)
        for (int descending = 0; descending < 2; descending++)
            for (int i = 0; i < FIXTURES; i++) {
                struct val v = doc_values_val(ctx, fixtures[i].json);
                buf_reset(&begin);
                buf_reset(&end);
                buf_reset(&key);
                key_put_class_begin(&begin, type, descending);
                key_put_class_end(&end, type, descending);
                key_put(&key, v, descending);
                assert_int_equal(within(buf_slice(&key), buf_slice(&begin), buf_slice(&end)),
                                 val_class(type) == val_class(v.type));
            }
}

static void test_string_prefix(void **state) {
    (void)state;
    static const char *const texts[] = {"",    "a", "a\x01",     "a\x01z", "ab",
                                        "abc", "b", "a\xc3\xbf", "\x01"};
    enum { TEXTS = sizeof texts / sizeof texts[0] };
    BUF_CLEANUP struct buf begin, end, key;
    buf_init(&begin, NULL, 10000);
    buf_init(&end, NULL, 10000);
    buf_init(&key, NULL, 10000);
    for (int p = 0; p < TEXTS; p++)
        for (int t = 0; t < TEXTS; t++)
            for (int descending = 0; descending < 2; descending++) {
                buf_reset(&begin);
                buf_reset(&end);
                buf_reset(&key);
                key_put_string_prefix(&begin, slice_str(texts[p]), descending);
                buf_put_slice(&end, buf_slice(&begin));
                assert_true(key_prefix_end(&end));
                key_put(&key, val_str(slice_str(texts[t])), descending);
                assert_int_equal(within(buf_slice(&key), buf_slice(&begin), buf_slice(&end)),
                                 slice_starts(slice_str(texts[t]), slice_str(texts[p])));
            }
    // A prefix beyond the cut still finds the keys that were cut.
    char text[2000];
    memset(text, 'x', sizeof text);
    for (size_t n = 1000; n < 1030; n++) {
        buf_reset(&begin);
        buf_reset(&end);
        buf_reset(&key);
        key_put_string_prefix(&begin, slice_of(text, n), false);
        buf_put_slice(&end, buf_slice(&begin));
        assert_true(key_prefix_end(&end));
        key_put_cut(&key, val_str(slice_of(text, n + 500)), false);
        assert_true(within(buf_slice(&key), buf_slice(&begin), buf_slice(&end)));
    }
}

static void test_full_buffer(void **state) {
    struct ctx *ctx = *state;
    struct val v =
        doc_values_val(ctx, "{\"a\":[1,2.5,\"text with \\u0001\",{\"$binary\":\"AAEC\"},true]}");
    for (size_t max = 0; max < 60; max++) {
        BUF_CLEANUP struct buf buf;
        buf_init(&buf, NULL, max);
        key_put(&buf, v, true);
        key_put_string_prefix(&buf, SLICE_LIT("text"), true);
        assert_true(buf.n <= max);
        if (buf_status(&buf) != NACRE_OK)
            assert_int_equal(buf_status(&buf), NACRE_REQUEST_TOO_LARGE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fixtures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fixtures_are_documented, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_json_cannot_say, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_well_formed_but_no_value, setup, teardown),
        cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_of_containers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_prefix_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_class_bounds, setup, teardown),
        cmocka_unit_test(test_string_prefix),
        cmocka_unit_test_setup_teardown(test_full_buffer, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
