// The footer: its bytes, what it finds and what it says is missing, collisions, foreign bytes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "doc/footer.h"
#include "doc/path.h"
#include "support/doc_fixture.h"

static struct ctx ctx;

static struct slice footer_of(struct slice body) {
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, SIZE_MAX / 4);
    footer_build(&out, body);
    assert_int_equal(buf_status(&out), NACRE_OK);
    return slice_of(arena_copy(&ctx.arena, out.p, out.n), out.n);
}

static struct path path_of(const char *text) {
    struct path path;
    assert_int_equal(path_parse(&ctx, slice_str(text), &path), NACRE_OK);
    return path;
}

// depth 0: missing; else the value is the integer want, or no integer if want is -1.
static void finds(struct slice body, struct slice footer, const char *text, uint32_t depth,
                  int want) {
    struct path path = path_of(text);
    struct val v;
    uint32_t done = 99;
    assert_int_equal(footer_find(body, footer, &path, &v, &done), depth > 0);
    assert_int_equal(done, depth);
    if (depth == 0)
        assert_int_equal(v.type, VAL_MISSING);
    else if (want == -1)
        assert_int_not_equal(v.type, VAL_INT);
    else
        assert_true(v.type == VAL_INT && v.i == want);
}

static const char sample[] =
    "{\"_id\":\"x\",\"a\":1,\"b\":{\"a\":2,\"c\":{\"d\":3}},\"e\":[4,{\"a\":5}],"
    "\"f\":6,\"g\":7,\"h\":8,\"i\":9,\"j\":10,\"k\":{}}";

// The bytes of docs/format/document.md. They are stored: never change.
static void test_bytes(void **state) {
    (void)state;
    struct slice footer = footer_of(doc_fixture_bson(&ctx, sample));
    assert_string_equal(doc_fixture_hex(&ctx, footer),
                        "01"
                        "702e8d47784a1e4ece5a666a3e841c8896b66db99aba66df"
                        "9200210040000f0087007c001a009d0071002c0066000400");
}

static void test_few_fields_have_none(void **state) {
    (void)state;
    assert_int_equal(footer_of(doc_fixture_bson(&ctx, "{}")).n, 0);
    const char *eleven = "{\"a\":0,\"b\":{\"a\":0,\"b\":0,\"c\":0,\"d\":0,\"e\":0,\"f\":0,\"g\":0,"
                         "\"h\":0,\"i\":0}}";
    assert_int_equal(footer_of(doc_fixture_bson(&ctx, eleven)).n, 0);
    struct slice none = slice_of(NULL, 0);
    finds(doc_fixture_bson(&ctx, eleven), none, "a", 0, 0);
}

static void test_lookups(void **state) {
    (void)state;
    struct slice body = doc_fixture_bson(&ctx, sample), footer = footer_of(body);
    finds(body, footer, "a", 1, 1);
    finds(body, footer, "j", 1, 10);
    finds(body, footer, "_id", 1, -1);
    finds(body, footer, "b", 1, -1);
    finds(body, footer, "b.a", 2, 2);
    finds(body, footer, "b.c", 2, -1);
    finds(body, footer, "b.c.d", 2, -1); // the object: the third part is the caller's
    finds(body, footer, "e.0", 1, -1);   // the array
    finds(body, footer, "a.b", 1, 1);    // a scalar
    finds(body, footer, "z", 0, 0);
    finds(body, footer, "b.z", 0, 0);
    finds(body, footer, "k.a", 0, 0);
    finds(body, footer, "c", 0, 0); // only below b
    finds(body, footer, "d", 0, 0);
}

// Enough names that many share their 15 bits of hash, in a body of either width.
static void check_many(uint32_t count, uint32_t padding) {
    BUF_CLEANUP struct buf json;
    buf_init(&json, NULL, SIZE_MAX / 4);
    buf_put_u8(&json, '{');
    for (uint32_t i = 0; i < count; i++) {
        unsigned n = (unsigned)i;
        if (i % 2)
            buf_printf(&json, "%s\"k%u\":%u", i ? "," : "", n, n);
        else
            buf_printf(&json, "%s\"k%u\":{\"x\":%u,\"k%u\":%u}", i ? "," : "", n, n, n + 1, n);
    }
    buf_printf(&json, ",\"pad\":\"%*s\"}", (int)padding, "");
    buf_put_u8(&json, 0);
    struct slice body = doc_fixture_bson(&ctx, (const char *)json.p), footer = footer_of(body);
    uint32_t entries = count + 1 + (count + 1) / 2 * 2;
    assert_int_equal(footer.n, 1 + entries * (body.n <= UINT16_MAX ? 4 : 8));
    assert_int_equal(footer_validate(&ctx, body, footer), NACRE_OK);
    char text[32];
    for (uint32_t i = 0; i < count; i++) {
        snprintf(text, sizeof text, i % 2 ? "k%u" : "k%u.x", (unsigned)i);
        finds(body, footer, text, i % 2 ? 1 : 2, (int)i);
        snprintf(text, sizeof text, "x%u", (unsigned)i);
        finds(body, footer, text, 0, 0);
        snprintf(text, sizeof text, "k%u.k%u", (unsigned)i, (unsigned)i);
        finds(body, footer, text, i % 2 ? 1 : 0, (int)i);
    }
}

static void test_many_fields(void **state) {
    (void)state;
    for (uint32_t count = 10; count < 120; count += 7)
        check_many(count, 10);
    check_many(1500, 10);
    check_many(100, 70000);
    check_many(20000, 10);
}

static void refuses(struct slice body, struct slice footer) {
    assert_int_equal(footer_validate(&ctx, body, footer), NACRE_CORRUPT);
}

static void test_foreign_bytes(void **state) {
    (void)state;
    struct slice body = doc_fixture_bson(&ctx, sample), good = footer_of(body);
    assert_int_equal(footer_validate(&ctx, body, good), NACRE_OK);
    assert_int_equal(footer_validate(&ctx, body, slice_of(NULL, 0)), NACRE_OK);
    uint8_t bytes[256];
    memcpy(bytes, good.p, good.n);
    for (size_t i = 0; i < good.n; i++) {
        bytes[i] ^= 1;
        refuses(body, slice_of(bytes, good.n));
        bytes[i] ^= 1;
        if (i) refuses(body, slice_of(bytes, i));
    }
    bytes[good.n] = 0;
    refuses(body, slice_of(bytes, good.n + 1));
    refuses(doc_fixture_bson(&ctx, "{\"a\":1}"), good);
}

// A buffer that is too small says so and holds no half a footer.
static void test_failed_buffer(void **state) {
    (void)state;
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 10);
    footer_build(&out, doc_fixture_bson(&ctx, sample));
    assert_int_equal(buf_status(&out), NACRE_REQUEST_TOO_LARGE);
    assert_int_equal(out.n, 0);
}

int main(void) {
    doc_fixture_ctx(&ctx);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),         cmocka_unit_test(test_few_fields_have_none),
        cmocka_unit_test(test_lookups),       cmocka_unit_test(test_many_fields),
        cmocka_unit_test(test_foreign_bytes), cmocka_unit_test(test_failed_buffer),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ctx_free(&ctx);
    return failed;
}
