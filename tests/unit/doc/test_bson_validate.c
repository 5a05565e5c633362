// The validator refuses every malformed document, in linear time, and accepts what the writer
// wrote.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/bits/bits.h"
#include "support/doc_fixture.h"

static struct ctx ctx;

static void accepts(const char *hex) {
    if (bson_validate(&ctx, doc_fixture_unhex(&ctx, hex)) != NACRE_OK)
        fail_msg("%s: %s", hex, ctx.err.detail);
}

// what: part of the detail.
static void refuses(const char *hex, const char *what) {
    assert_int_equal(bson_validate(&ctx, doc_fixture_unhex(&ctx, hex)), NACRE_CORRUPT);
    if (!strstr(ctx.err.detail, what)) fail_msg("%s: %s, not: %s", hex, ctx.err.detail, what);
    assert_true(ctx.err.has_span);
}

static void test_frames(void **state) {
    (void)state;
    accepts("05000000 00");
    refuses("", "length");
    refuses("00", "length");
    refuses("05000000", "length");
    refuses("04000000", "length");
    refuses("06000000 00", "length");
    refuses("05000000 00 00", "length");
    refuses("05000000 01", "final NUL");
    refuses("ffffffff 00", "length");
}

static void test_types(void **state) {
    (void)state;
    accepts("08000000 0a 6100 00");
    refuses("08000000 06 6100 00", "type");                          // undefined
    refuses("0c000000 10 6100 01000000 00", "type");                 // int32
    refuses("14000000 07 6100 000102030405060708090a0b 00", "type"); // ObjectId
    refuses("08000000 ff 6100 00", "type");
    refuses("08000000 00 6100 00", "type");
    accepts("09000000 08 6100 01 00");
    refuses("09000000 08 6100 02 00", "boolean");
    accepts("10000000 12 6100 0102030405060708 00");
    refuses("0f000000 12 6100 01020304050607 00", "truncated");
    refuses("0f000000 09 6100 01020304050607 00", "truncated");
    accepts("10000000 01 6100 000000000000f07f 00"); // infinity
    accepts("10000000 01 6100 000000000000f87f 00"); // the one NaN
    refuses("10000000 01 6100 000000000000f8ff 00", "NaN");
    refuses("10000000 01 6100 010000000000f07f 00", "NaN");
}

static void test_strings(void **state) {
    (void)state;
    accepts("0d000000 02 6100 01000000 00 00");
    accepts("0f000000 02 6100 03000000 c3a900 00");
    refuses("0d000000 02 6100 00000000 00 00", "length");
    refuses("0d000000 02 6100 02000000 00 00", "length");
    refuses("0d000000 02 6100 ffffffff 00 00", "length");
    refuses("0d000000 02 6100 01000000 41 00", "final NUL");
    refuses("0e000000 02 6100 02000000 c300 00", "UTF-8");
    accepts("0f000000 02 6100 03000000 410000 00"); // "A" and U+0000
    refuses("0c000000 02 6100 01000000 00", "truncated");
}

static void test_names(void **state) {
    (void)state;
    accepts("07000000 0a 00 00");
    refuses("07000000 0a 61 00", "name without");
    refuses("08000000 0a 2400 00", "'$'");
    refuses("08000000 0a ff00 00", "UTF-8");
    refuses("0b000000 0a 6100 0a 6100 00", "twice");
    refuses("09000000 0a 00 0a 00 00", "twice");
    accepts("0b000000 0a 6100 0a 6200 00");
    assert_int_equal(bson_validate_operators(&ctx, doc_fixture_unhex(&ctx, "08000000 0a 2400 00")),
                     NACRE_OK);
}

static void test_binaries(void **state) {
    (void)state;
    accepts("0d000000 05 6100 00000000 00 00");
    refuses("0d000000 05 6100 01000000 00 00", "length");
    refuses("0d000000 05 6100 ffffffff 00 00", "length");
    refuses("0d000000 05 6100 00000000 02 00", "subtype");
    refuses("0c000000 05 6100 00000000 00", "truncated");
    accepts("0f000000 05 6100 02000000 09 2700 00");
    accepts("13000000 05 6100 06000000 09 2700 01020304 00");
    refuses("12000000 05 6100 05000000 09 2700 010203 00", "inside an element");
    refuses("10000000 05 6100 03000000 09 2500 01 00", "inside an element");
    accepts("10000000 05 6100 03000000 09 1000 01 00");
    accepts("10000000 05 6100 03000000 09 0300 01 00");
    refuses("10000000 05 6100 03000000 09 1003 01 00", "padding");
    refuses("10000000 05 6100 03000000 09 1100 01 00", "element type");
    refuses("0e000000 05 6100 01000000 09 27 00", "header");
}

static void test_nesting(void **state) {
    (void)state;
    accepts("0d000000 03 6100 05000000 00 00");
    refuses("0d000000 03 6100 06000000 00 00", "length");
    refuses("0d000000 03 6100 04000000 00 00", "length");
    refuses("0d000000 03 6100 05000000 01 00", "final NUL");
    accepts("10000000 04 6100 08000000 0a 3000 00 00");
    refuses("10000000 04 6100 08000000 0a 3100 00 00", "index");
    refuses("11000000 04 6100 09000000 0a 303000 00 00", "index");
    refuses("0f000000 04 6100 07000000 0a 00 00 00", "index");
}

// Objects in objects, depth levels with the document itself.
static struct slice nested(uint32_t depth) {
    size_t n = 5 + 7 * (depth - 1);
    uint8_t *p = arena_zalloc(&ctx.arena, n);
    for (size_t level = 0; level < depth; level++) {
        bits_put_le32(p + level * 6, (uint32_t)(n - level * 7));
        if (level + 1 < depth) p[level * 6 + 4] = 0x03;
    }
    return slice_of(p, n);
}

static void test_depth(void **state) {
    (void)state;
    assert_int_equal(bson_validate(&ctx, nested(DOC_DEPTH_MAX)), NACRE_OK);
    assert_int_equal(bson_validate(&ctx, nested(DOC_DEPTH_MAX + 1)), NACRE_CORRUPT);
    assert_non_null(strstr(ctx.err.detail, "deeply"));
    assert_int_equal(bson_validate(&ctx, nested(100000)), NACRE_CORRUPT);
}

static struct slice numbered_names(uint32_t count, bool last_twice) {
    struct buf out;
    buf_init(&out, NULL, DOC_BYTES_MAX);
    struct bson_writer w;
    bson_begin(&w, &out);
    char name[16];
    for (uint32_t i = 0; i < count; i++) {
        int n = snprintf(name, sizeof name, "n%u", (unsigned)i);
        bson_put(&w, slice_of(name, (size_t)n), val_null());
    }
    if (last_twice) bson_put(&w, SLICE_LIT("n3"), val_null());
    bson_end(&w);
    uint8_t *copy = arena_copy(&ctx.arena, out.p, out.n);
    struct slice doc = slice_of(copy, out.n);
    buf_free(&out);
    return doc;
}

// Quadratic time would take hours here.
static void test_many_names(void **state) {
    (void)state;
    for (uint32_t count = 4; count < 300; count++) {
        assert_int_equal(bson_validate(&ctx, numbered_names(count, false)), NACRE_OK);
        assert_int_equal(bson_validate(&ctx, numbered_names(count, true)), NACRE_CORRUPT);
    }
    assert_int_equal(bson_validate(&ctx, numbered_names(1000000, false)), NACRE_OK);
    assert_int_equal(bson_validate(&ctx, numbered_names(1000000, true)), NACRE_CORRUPT);
}

// Equal names in different objects are no duplicates.
static void test_scopes(void **state) {
    (void)state;
    struct slice doc = doc_fixture_bson(
        &ctx, "{\"a\":{\"a\":1,\"b\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":2}],\"c\":0}");
    assert_int_equal(bson_validate(&ctx, doc), NACRE_OK);
}

int main(void) {
    doc_fixture_ctx(&ctx);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),   cmocka_unit_test(test_types),
        cmocka_unit_test(test_strings),  cmocka_unit_test(test_names),
        cmocka_unit_test(test_binaries), cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_depth),    cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_scopes),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ctx_free(&ctx);
    return failed;
}
