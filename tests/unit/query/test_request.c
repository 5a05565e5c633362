// Bodies of :query and :count, cursors, and what is wrong with them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bits/bits.h"
#include "support/doc_values.h"
#include "support/query_fixture.h"

static struct query_fixture f;

static int setup(void **state) {
    (void)state;
    char json[64];
    query_fixture_open(&f, KV_STAND_MEM);
    for (int i = 0; i < 20; i++) {
        snprintf(json, sizeof json, "{\"_id\":%d,\"a\":%d,\"b\":\"x%d\"}", i, i % 3, i);
        assert_int_equal(query_fixture_put(&f, json), NACRE_OK);
    }
    query_fixture_publish(&f);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    query_fixture_close(&f);
    return 0;
}

static void test_defaults_and_forms(void **state) {
    (void)state;
    struct query_request r = query_fixture_request(&f, "{}");
    assert_int_equal(r.limit, 100);
    assert_null(r.filter);
    assert_null(r.fields);
    assert_int_equal(r.sort.count, 0);
    assert_false(r.count_exact);
    r = query_fixture_request(
        &f, "{\"filter\":\"a = 1\",\"sort\":\"a, -b.c\",\"fields\":\"a,b\",\"limit\":10000,"
            "\"offset\":0,\"cursor\":null,\"count\":\"exact\"}");
    assert_int_equal(r.sort.count, 2);
    assert_true(r.sort.terms[1].descending);
    assert_int_equal(r.sort.terms[1].path.count, 2);
    assert_true(slice_eq_str(r.sort.terms[1].path.parts[0].name, "b"));
    assert_non_null(r.fields);
    assert_true(r.count_exact);
    assert_int_equal(r.limit, 10000);
    struct query_request other = query_fixture_request(
        &f, "{\"filter\":{\"a\":1},\"sort\":[\"a\",\"-b.c\"],\"fields\":[\"a\",\"b\"],"
            "\"count\":\"none\"}");
    assert_true(slice_eq(r.filter->canonical, other.filter->canonical));
    assert_int_equal(other.sort.count, 2);
    assert_int_equal(query_fixture_request(&f, "{\"sort\":\"\"}").sort.count, 0);
    struct query_request empty;
    assert_int_equal(query_request_parse(&f.index.base.ctx, slice_of(NULL, 0), &empty), NACRE_OK);
    assert_int_equal(empty.limit, 100);
}

static void test_refusals(void **state) {
    (void)state;
    struct ctx *ctx = &f.index.base.ctx;
    static const struct {
        const char *json;
        nacre_status status;
        const char *pointer, *suggestion;
    } cases[] = {
        {"{\"limit\":-1}", NACRE_INVALID_ARGUMENT, "/limit", NULL},
        {"{\"limit\":10001}", NACRE_INVALID_ARGUMENT, "/limit", NULL},
        {"{\"limit\":1.5}", NACRE_INVALID_ARGUMENT, "/limit", NULL},
        {"{\"limit\":\"9\"}", NACRE_INVALID_ARGUMENT, "/limit", NULL},
        {"{\"offset\":1000000001}", NACRE_INVALID_ARGUMENT, "/offset", NULL},
        {"{\"offset\":1.0}", NACRE_INVALID_ARGUMENT, "/offset", NULL},
        {"{\"offset\":5,\"cursor\":\"AAAA\"}", NACRE_INVALID_ARGUMENT, "/offset", NULL},
        {"{\"offset\":-5}", NACRE_INVALID_ARGUMENT, "/offset", NULL},
        {"{\"fliter\":{}}", NACRE_INVALID_ARGUMENT, "/fliter", "filter"},
        {"{\"order\":[]}", NACRE_INVALID_ARGUMENT, "/order", NULL},
        {"{\"filter\":7}", NACRE_INVALID_ARGUMENT, "/filter", NULL},
        {"{\"filter\":{\"a\":{\"$gtt\":1}}}", NACRE_INVALID_FILTER, "/filter/a/$gtt", "$gt"},
        {"{\"sort\":[1]}", NACRE_INVALID_ARGUMENT, "/sort/0", NULL},
        {"{\"sort\":\"a,,b\"}", NACRE_INVALID_ARGUMENT, "/sort/1", NULL},
        {"{\"sort\":{}}", NACRE_INVALID_ARGUMENT, "/sort", NULL},
        {"{\"fields\":[\"a\",1]}", NACRE_INVALID_ARGUMENT, "/fields/1", NULL},
        {"{\"fields\":[\"a\",\"b..c\"]}", NACRE_INVALID_ARGUMENT, "/fields/1", NULL},
        {"{\"fields\":7}", NACRE_INVALID_ARGUMENT, "/fields", NULL},
        {"{\"cursor\":7}", NACRE_INVALID_ARGUMENT, "/cursor", NULL},
        {"{\"cursor\":\"\"}", NACRE_INVALID_ARGUMENT, "/cursor", NULL},
        {"{\"count\":\"some\"}", NACRE_INVALID_ARGUMENT, "/count", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct query_request r;
        nacre_status status = query_request_parse(ctx, doc_values_doc(ctx, cases[i].json), &r);
        bool pointer = strcmp(ctx->err.items[0].pointer, cases[i].pointer) == 0;
        bool suggested =
            !cases[i].suggestion || strcmp(ctx->err.suggestions[0], cases[i].suggestion) == 0;
        if (status != cases[i].status || !pointer || !suggested)
            fail_msg("%s: %s, pointer %s, suggestion %s: %s", cases[i].json,
                     nacre_status_code(status), ctx->err.items[0].pointer, ctx->err.suggestions[0],
                     ctx->err.detail);
    }
    struct query_request r;
    assert_int_equal(query_count_parse(ctx, doc_values_doc(ctx, "{\"limit\":1}"), &r),
                     NACRE_INVALID_ARGUMENT);
    assert_int_equal(query_count_parse(ctx, doc_values_doc(ctx, "{\"filter\":{}}"), &r), NACRE_OK);
}

static const char *cursor_of(const char *json) {
    struct query_request r = query_fixture_request(&f, json);
    const char *cursor;
    (void)query_fixture_page(&f, &r, &cursor);
    return cursor;
}

static nacre_status open_with(const char *json, struct slice cursor) {
    struct query_request r = query_fixture_request(&f, json);
    struct query *q = NULL;
    r.cursor = cursor;
    nacre_status status = query_open(&f.index.base.ctx, &f.target, &r, &q);
    query_close(q);
    return status;
}

static void test_a_cursor_belongs_to_its_query(void **state) {
    (void)state;
    const char *json = "{\"filter\":\"a = 1\",\"sort\":\"-b\",\"limit\":2}";
    struct slice cursor = slice_str(cursor_of(json));
    assert_true(cursor.n > 0);
    assert_int_equal(open_with(json, cursor), NACRE_OK);
    // The limit may change, and the spelling of filter and sort.
    assert_int_equal(open_with("{\"filter\":{\"a\":1},\"sort\":[\"-/b\"],\"limit\":5}", cursor),
                     NACRE_OK);
    assert_int_equal(open_with("{\"filter\":\"a = 2\",\"sort\":\"-b\"}", cursor),
                     NACRE_INVALID_ARGUMENT);
    assert_string_equal(f.index.base.ctx.err.items[0].pointer, "/cursor");
    assert_int_equal(open_with("{\"sort\":\"-b\"}", cursor), NACRE_INVALID_ARGUMENT);
    assert_int_equal(open_with("{\"filter\":\"a = 1\",\"sort\":\"b\"}", cursor),
                     NACRE_INVALID_ARGUMENT);
    assert_int_equal(open_with("{\"filter\":\"a = 1\",\"sort\":\"-b,a\"}", cursor),
                     NACRE_INVALID_ARGUMENT);
    assert_int_equal(open_with("{\"filter\":\"a = 1\"}", cursor), NACRE_INVALID_ARGUMENT);
    f.index.collection.id++;
    assert_int_equal(open_with(json, cursor), NACRE_INVALID_ARGUMENT);
    f.index.collection.id--;
    // No filter is the empty filter.
    struct slice all = slice_str(cursor_of("{\"limit\":2}"));
    assert_int_equal(open_with("{\"filter\":{}}", all), NACRE_OK);
}

static void test_every_changed_cursor_is_refused(void **state) {
    (void)state;
    const char *json = "{\"filter\":\"a = 1\",\"sort\":\"-b\",\"limit\":2}";
    const char *cursor = cursor_of(json);
    size_t n = strlen(cursor);
    char changed[512];
    assert_true(n < sizeof changed - 8);
    for (size_t i = 0; i < n; i++) {
        memcpy(changed, cursor, n + 1);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_int_equal(open_with(json, slice_of(changed, n)), NACRE_INVALID_ARGUMENT);
        assert_int_equal(open_with(json, slice_of(cursor, i ? i : 1)), NACRE_INVALID_ARGUMENT);
    }
    memcpy(changed, cursor, n);
    changed[n] = 'A';
    assert_int_equal(open_with(json, slice_of(changed, n + 1)), NACRE_INVALID_ARGUMENT);
    assert_int_equal(open_with(json, slice_str("not a cursor!")), NACRE_INVALID_ARGUMENT);
}

// The right checksum over something that is no place in the order.
static void test_a_sealed_lie_is_refused(void **state) {
    (void)state;
    const char *json = "{\"filter\":\"a = 1\",\"sort\":\"-b\",\"limit\":2}";
    const char *cursor = cursor_of(json);
    uint8_t bytes[512];
    char text[1024];
    size_t n;
    assert_true(base64url_decode(slice_str(cursor), bytes, &n));
    for (size_t keep = 21; keep < n - 4; keep++) {
        bits_put_le32(bytes + keep, crc32c(0, bytes, keep));
        size_t length = base64url_encode(bytes, keep + 4, text);
        assert_int_equal(open_with(json, slice_of(text, length)), NACRE_INVALID_ARGUMENT);
        assert_true(base64url_decode(slice_str(cursor), bytes, &n));
    }
    bytes[0] = 2;
    bits_put_le32(bytes + n - 4, crc32c(0, bytes, n - 4));
    assert_int_equal(open_with(json, slice_of(text, base64url_encode(bytes, n, text))),
                     NACRE_INVALID_ARGUMENT);
}

// The bytes of docs/format/cursor.md.
static void test_bytes(void **state) {
    (void)state;
    assert_string_equal(cursor_of("{\"sort\":\"-a\",\"limit\":1}"),
                        "AQAAAAAAAAAAxqiD1mGJocIBAAAA0vstBO-IteA");
    assert_string_equal(cursor_of("{\"limit\":20}"), ""); // the last row there is
    assert_true(strlen(cursor_of("{\"limit\":19}")) > 0);
    assert_string_equal(cursor_of("{\"limit\":0}"), "");
}

static void test_pages(void **state) {
    (void)state;
    static const char *const sorts[] = {"", "a", "-a", "a,-b", "-_id", "-b", "missing", "-a,-_id"};
    char json[128];
    for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++)
        for (int limit = 1; limit < 23; limit++) {
            snprintf(json, sizeof json, "{\"sort\":\"%s\",\"limit\":%d}", sorts[i], limit);
            struct query_request r = query_fixture_request(&f, json);
            const char *want = query_fixture_naive(&f, &r, NULL);
            assert_string_equal(query_fixture_pages(&f, r, NULL), want);
        }
}

// To stop in the middle of a page and go on there.
static void test_a_cursor_at_any_row(void **state) {
    (void)state;
    struct ctx *ctx = &f.index.base.ctx;
    struct buf cursor BUF_CLEANUP = {0};
    struct query_request r = query_fixture_request(&f, "{\"sort\":\"-_id\"}");
    struct query_row row;
    struct query *q;
    bool found;
    buf_init(&cursor, NULL, 1000);
    assert_int_equal(query_open(ctx, &f.target, &r, &q), NACRE_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(query_next(ctx, q, &row, &found), NACRE_OK);
    assert_int_equal(query_cursor(ctx, q, &cursor), NACRE_OK);
    assert_int_equal(query_next(ctx, q, &row, &found), NACRE_OK);
    assert_false(found); // the page ended there
    query_close(q);
    r.cursor = buf_slice(&cursor);
    r.limit = 2;
    assert_string_equal(query_fixture_page(&f, &r, NULL), "16 15");
}

#define REQUEST_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        REQUEST_TEST(test_defaults_and_forms),
        REQUEST_TEST(test_refusals),
        REQUEST_TEST(test_a_cursor_belongs_to_its_query),
        REQUEST_TEST(test_every_changed_cursor_is_refused),
        REQUEST_TEST(test_a_sealed_lie_is_refused),
        REQUEST_TEST(test_bytes),
        REQUEST_TEST(test_pages),
        REQUEST_TEST(test_a_cursor_at_any_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
