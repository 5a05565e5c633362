// CSV as RFC 4180 and the contract have it: what is read as what, what is refused and where, what
// is written.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "doc/csv/csv.h"
#include "support/doc_fixture.h"

static struct ctx ctx;
static struct csv_columns columns;
static struct buf json;

static int setup(void **state) {
    (void)state;
    doc_fixture_ctx(&ctx);
    buf_init(&json, NULL, 1 << 20);
    return csv_columns_init(&ctx, NULL, &columns) == NACRE_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    csv_columns_free(&columns);
    buf_free(&json);
    ctx_free(&ctx);
    return 0;
}

static void header(const char *text) {
    csv_columns_free(&columns);
    assert_int_equal(csv_columns_init(&ctx, NULL, &columns), NACRE_OK);
    if (csv_header_read(&ctx, &columns, slice_str(text), 1) != NACRE_OK)
        fail_msg("%s", ctx.err.detail);
}

static void header_fails(const char *text, const char *detail) {
    csv_columns_free(&columns);
    assert_int_equal(csv_columns_init(&ctx, NULL, &columns), NACRE_OK);
    assert_int_equal(csv_header_read(&ctx, &columns, slice_str(text), 1), NACRE_INVALID_ARGUMENT);
    if (!strstr(ctx.err.detail, detail)) fail_msg("%s", ctx.err.detail);
}

static void reads(const char *text, const char *want) {
    buf_reset(&json);
    if (csv_record_read(&ctx, &columns, slice_str(text), 2, &json) != NACRE_OK)
        fail_msg("%s", ctx.err.detail);
    buf_put_u8(&json, 0);
    assert_string_equal((const char *)json.p, want);
}

static void fails_of(struct slice text, const char *detail) {
    buf_reset(&json);
    assert_int_equal(csv_record_read(&ctx, &columns, text, 2, &json), NACRE_INVALID_ARGUMENT);
    if (!strstr(ctx.err.detail, detail)) fail_msg("%s", ctx.err.detail);
}

static void fails(const char *text, const char *detail) { fails_of(slice_str(text), detail); }

static void test_types(void **state) {
    (void)state;
    header("a");
    reads("1", "{\"a\":1}");
    reads("-0.50e+3", "{\"a\":-0.50e+3}");
    reads("true", "{\"a\":true}");
    reads("false", "{\"a\":false}");
    reads("null", "{\"a\":null}");
    reads("{}", "{\"a\":{}}");
    reads("[]", "{\"a\":[]}");
    reads("\"1\"", "{\"a\":\"1\"}");
    reads("\"null\"", "{\"a\":\"null\"}");
    reads("\"\"", "{\"a\":\"\"}");
    reads("\"{}\"", "{\"a\":\"{}\"}");
    // Not quite JSON's.
    static const char *const texts[] = {"01",  "+1",   ".5",  "1.",   "1e",  "-",   "1 ", " 1",
                                        "0x1", "True", "NaN", "NULL", "1.e", "abc", "é"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char want[32];
        snprintf(want, sizeof want, "{\"a\":\"%s\"}", texts[i]);
        reads(texts[i], want);
    }
    header("a,b");
    reads(",", "{}");
    reads(",\r", "{}");
    reads("x,", "{\"a\":\"x\"}");
    reads(",2\r", "{\"b\":2}");
}

static void test_quotes(void **state) {
    (void)state;
    header("a,\"b,\"\"c\"");
    reads("\"x,\"\"y\"\"\r\nz\",\"\"\"\"\r", "{\"a\":\"x,\\\"y\\\"\\r\\nz\",\"b,\\\"c\":\"\\\"\"}");
    fails("a\"b,1", "line 2, column 2: expected the whole field in quotes");
    fails("\"a\"b,1", "line 2, column 4: expected a comma or the end");
    fails("1,\"a\nb", "line 2, column 3: expected a '\"' that ends the field");
    fails("\"a\nb\",c\"", "line 3, column 5: expected the whole field in quotes");
    fails("a\rb,1", "line 2, column 2: expected a newline after CR");
    fails("1", "line 2, column 2: expected a field for each column");
    fails("1,2,3", "line 2, column 5: expected the end of the line");
    fails("1,2,", "line 2, column 5: expected the end of the line");
    fails_of(slice_of("é,\xFF", 4), "line 2, column 3: expected UTF-8");
    reads("1,2", "{\"a\":1,\"b,\\\"c\":2}");
}

static void test_paths(void **state) {
    (void)state;
    header("a.b,a.c.d,l.1,l.0,/x.y,/z~1~0/w");
    reads("1,2,3,4,5,6",
          "{\"a\":{\"b\":1,\"c\":{\"d\":2}},\"l\":[4,3],\"x.y\":5,\"z/~\":{\"w\":6}}");
    reads(",,3,,,", "{\"l\":[null,3]}");
    reads(",,,,,", "{}");
    header("a,a.0,a.x,t,t.$date,n.$int64,b.0,b,b.1.c");
    reads("5,,,now,,,,,", "{\"a\":5,\"t\":\"now\"}");
    reads(",1,2,,2024-02-29T00:00:00Z,7,,,",
          "{\"a\":{\"0\":1,\"x\":2},\"t\":{\"$date\":\"2024-02-29T00:00:00Z\"},"
          "\"n\":{\"$int64\":\"7\"}}");
    reads("[],1,,,,,,{},1", "{\"a\":[1],\"b\":{\"1\":{\"c\":1}}}");
    reads(",,,,,,,,1", "{\"b\":[null,{\"c\":1}]}");
    fails("5,1,,,,,,,", "line 2: column a has a value");
    fails("\"[]\",1,,,,,,,", "line 2: column a has a value");
    fails("[],,1,,,,,,", "line 2: column a.x has a value");
    header("90210,10000.a.10000,0");
    reads("1,2,3", "{\"90210\":1,\"10000\":{\"a\":{\"10000\":2}},\"0\":3}");
}

static void test_headers(void **state) {
    (void)state;
    header_fails("", "line 1, column 1: expected a path: invalid path: it is empty");
    header_fails("a,,b", "line 1, column 3: expected a path");
    header_fails("a,a", "line 1, column 3: expected a path that no earlier column has");
    header_fails("a.b,/a/b", "line 1, column 5: expected a path that no earlier column has");
    header_fails("a..b", "line 1, column 1: expected a path: invalid path \"a..b\"");
    header_fails("$date", "cannot start with '$'");
    header_fails("a.$x.b", "cannot start with '$'");
    header_fails("a,b\"", "line 1, column 4: expected the whole field in quotes");
    header_fails("a,\"b\nc,d", "line 1, column 3: expected a '\"'");
    header_fails("a\xFF", "expected UTF-8");
    BUF_CLEANUP struct buf wide;
    buf_init(&wide, NULL, 1 << 20);
    for (int i = 0; i <= CSV_COLUMNS_MAX; i++)
        buf_printf(&wide, "%sc%d", i ? "," : "", i);
    buf_put_u8(&wide, 0);
    header_fails((const char *)wide.p, "more than 10000 columns");
}

// Every way of cutting the input gives the same records.
static void test_scan(void **state) {
    (void)state;
    static const char text[] = "a,b\r\n\"x\ny\",\"\"\"\n\"\n\nq\"r\n\"s\nt\",\"u";
    static const size_t ends[] = {5, 17, 18, 22};
    static const uint64_t lines[] = {1, 4, 5, 6};
    for (size_t cut = 0; cut < sizeof text; cut++) {
        struct csv_scan scan = {0};
        size_t at = 0, record = 0, sizes[2] = {cut, sizeof text - 1};
        for (int i = 0; i < 2; i++)
            while (csv_scan(&scan, slice_of(text, sizes[i]), &at)) {
                assert_true(record < sizeof ends / sizeof *ends);
                assert_int_equal(at, ends[record]);
                assert_int_equal(scan.newlines, lines[record++]);
            }
        assert_int_equal(record, sizeof ends / sizeof *ends);
        assert_int_equal(at, sizeof text - 1);
    }
}

static void writes(const char *const *docs, const char *named, const char *want) {
    csv_columns_free(&columns);
    assert_int_equal(csv_columns_init(&ctx, NULL, &columns), NACRE_OK);
    buf_reset(&json);
    assert_int_equal(csv_columns_name(&ctx, &columns, SLICE_LIT("_id")), NACRE_OK);
    if (named) assert_int_equal(csv_columns_name(&ctx, &columns, slice_str(named)), NACRE_OK);
    for (const char *const *doc = docs; *doc; doc++)
        assert_int_equal(csv_columns_show(&ctx, &columns, doc_fixture_bson(&ctx, *doc)), NACRE_OK);
    assert_int_equal(csv_header_write(&ctx, &columns, &json), NACRE_OK);
    for (const char *const *doc = docs; *doc; doc++)
        assert_int_equal(csv_record_write(&ctx, &columns, doc_fixture_bson(&ctx, *doc), &json),
                         NACRE_OK);
    buf_put_u8(&json, 0);
    assert_string_equal((const char *)json.p, want);
}

#define DOCS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_written(void **state) {
    (void)state;
    writes(
        DOCS("{\"_id\":1,\"a\":\"x\",\"b\":1.0}", "{\"_id\":\"1\",\"b\":null,\"c\":[true,\"\"]}"),
        NULL, "_id,a,b,c.0,c.1\r\n1,x,1.0,,\r\n\"1\",,null,true,\"\"\r\n");
    writes(DOCS("{\"_id\":1,\"a\":\"true\",\"b\":\"x, y\",\"c\":\"\\\"q\\\"\",\"d\":\" x\"}"), NULL,
           "_id,a,b,c,d\r\n1,\"true\",\"x, y\",\"\"\"q\"\"\",\" x\"\r\n");
    writes(DOCS("{\"_id\":1,\"a\":{\"b.c\":1,\"\":2}}", "{\"_id\":2,\"/d\":{\"e~/\":3}}"), NULL,
           "_id,/a/b.c,/a/,/~1d/e~0~1\r\n1,1,2,\r\n2,,,3\r\n");
    // Kinds that the columns do not tell.
    writes(DOCS("{\"_id\":1,\"a\":[5]}", "{\"_id\":2,\"a\":{\"0\":6}}", "{\"_id\":3,\"a\":[]}",
                "{\"_id\":4,\"a\":{}}", "{\"_id\":5,\"a\":\"[]\"}"),
           NULL, "_id,a,a.0\r\n1,,5\r\n2,{},6\r\n3,[],\r\n4,{},\r\n5,\"[]\",\r\n");
    writes(DOCS("{\"_id\":1,\"a\":[5]}", "{\"_id\":2,\"a\":{\"x\":6}}"), NULL,
           "_id,a,a.0,a.x\r\n1,[],5,\r\n2,,,6\r\n");
    writes(
        DOCS("{\"_id\":1,\"t\":{\"$date\":\"2024-02-29T12:00:00Z\"},\"b\":{\"$binary\":\"1234\"}}"),
        NULL, "_id,t.$date,b.$binary\r\n1,2024-02-29T12:00:00.000Z,\"1234\"\r\n");
    // Columns that are there by their names.
    writes(DOCS("{\"_id\":1,\"b\":2}"), "a.x", "_id,a.x,b\r\n1,,2\r\n");
    writes(DOCS("{\"_id\":1,\"a\":[{\"x\":2}]}"), "a.x", "_id,a.0.x\r\n1,2\r\n");
    writes(DOCS("{\"_id\":1,\"a\":[2]}"), "a.1", "_id,a.0\r\n1,2\r\n");
    assert_int_equal(csv_record_write(&ctx, &columns, doc_fixture_bson(&ctx, "{\"new\":1}"), &json),
                     NACRE_INVALID_ARGUMENT);
}

static void test_bounds(void **state) {
    (void)state;
    BUF_CLEANUP struct buf doc;
    buf_init(&doc, NULL, 1 << 20);
    buf_put_str(&doc, "{\"_id\":1,\"a\":[0");
    for (int i = 0; i < CSV_COLUMNS_MAX; i++)
        buf_put_str(&doc, ",0");
    buf_put_str(&doc, "]}");
    buf_put_u8(&doc, 0);
    struct slice bson = doc_fixture_bson(&ctx, (const char *)doc.p);
    assert_int_equal(csv_columns_show(&ctx, &columns, bson), NACRE_OK);
    assert_int_equal(csv_header_write(&ctx, &columns, &json), NACRE_INVALID_ARGUMENT);
    assert_non_null(strstr(ctx.err.detail, "more than 10000 columns"));
    // What a record asks for may be more than its JSON may be.
    header("a.9999");
    json.max = 1000;
    buf_reset(&json);
    assert_int_equal(csv_record_read(&ctx, &columns, SLICE_LIT("1"), 2, &json),
                     NACRE_REQUEST_TOO_LARGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_types, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quotes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scan, setup, teardown),
        cmocka_unit_test_setup_teardown(test_written, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
