// JSON to BSON: values, positions of errors, what is no document, duplicates, limits.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/doc_fixture.h"

static struct ctx ctx;

// json becomes want when it is written again.
static void reads(const char *json, const char *want) {
    assert_string_equal(doc_fixture_json(&ctx, doc_fixture_bson(&ctx, json)), want);
}

static nacre_status parse(const char *json, const struct json_options *options) {
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, DOC_BYTES_MAX);
    buf_put_str(&out, "kept");
    nacre_status status = json_parse(&ctx, slice_str(json), options, &out);
    assert_int_equal(buf_status(&out), NACRE_OK);
    if (status != NACRE_OK) assert_int_equal(out.n, 4); // nothing appended
    return status;
}

// NACRE_INVALID_JSON, with this detail at this offset.
static void malformed(const char *json, size_t offset, const char *detail) {
    assert_int_equal(parse(json, NULL), NACRE_INVALID_JSON);
    assert_string_equal(ctx.err.detail, detail);
    assert_true(ctx.err.has_span);
    assert_int_equal(ctx.err.span_offset, offset);
}

// NACRE_INVALID_ARGUMENT, with this item.
static void refused(const char *json, const char *pointer, const char *expected, const char *got) {
    assert_int_equal(parse(json, NULL), NACRE_INVALID_ARGUMENT);
    assert_int_equal(ctx.err.item_count, 1);
    assert_string_equal(ctx.err.items[0].pointer, pointer);
    if (!strstr(ctx.err.items[0].expected, expected))
        fail_msg("%s: %s", json, ctx.err.items[0].expected);
    assert_string_equal(ctx.err.items[0].got, got);
    assert_true(ctx.err.has_span);
}

static void test_values(void **state) {
    (void)state;
    reads("{}", "{}");
    reads(" \t\r\n{ \"a\" : null , \"b\":[ ] , \"c\" : { } } \n", "{\"a\":null,\"b\":[],\"c\":{}}");
    reads("{\"a\":[true,false,[1,[2]],{\"x\":[{}]}]}", "{\"a\":[true,false,[1,[2]],{\"x\":[{}]}]}");
    reads("{\"\":1,\"é\":\"€😀\"}", "{\"\":1,\"é\":\"€😀\"}");
    reads("{\"a\":[0,1,2,3,4,5,6,7,8,9,10,11]}", "{\"a\":[0,1,2,3,4,5,6,7,8,9,10,11]}");
}

static void test_numbers(void **state) {
    (void)state;
    reads("{\"a\":[0,-0,-1,42]}", "{\"a\":[0,0,-1,42]}");
    reads("{\"a\":[9223372036854775807,-9223372036854775808]}",
          "{\"a\":[9223372036854775807,-9223372036854775808]}");
    reads("{\"a\":[1.0,-0.0,0.1,1e2,1E+2,12.5e-1]}", "{\"a\":[1.0,-0.0,0.1,100.0,100.0,1.25]}");
    reads("{\"a\":1.7976931348623157e308}", "{\"a\":1.7976931348623157e+308}");
    refused("{\"a\":[0,9223372036854775808]}", "/a/1", "64 bits", "9223372036854775808");
    refused("{\"a\":-9223372036854775809}", "/a", "64 bits", "-9223372036854775809");
    refused("{\"a\":18446744073709551616}", "/a", "64 bits", "18446744073709551616");
    refused("{\"a\":1e999}", "/a", "range of a double", "1e999");
    malformed("{\"a\":01}", 5,
              "line 1, column 6: expected a number without leading zeros, got '01'");
    malformed("{\"a\":-}", 6, "line 1, column 7: expected a digit, got '}'");
    malformed("{\"a\":1.}", 7, "line 1, column 8: expected a digit after the '.', got '}'");
    malformed("{\"a\":1e+}", 8, "line 1, column 9: expected a digit in the exponent, got '}'");
    malformed("{\"a\":.5}", 5, "line 1, column 6: expected a value, got '.5'");
    malformed("{\"a\":+1}", 5, "line 1, column 6: expected a value, got '+1'");
    malformed("{\"a\":NaN}", 5, "line 1, column 6: expected a value, got 'NaN'");
}

static void test_strings(void **state) {
    (void)state;
    reads("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "{\"a\":\"\\\"\\\\/\\b\\f\\n\\r\\t\"}");
    reads("{\"a\":\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00\"}", "{\"a\":\"Aé€😀\"}");
    reads("{\"a\":\"\\u001f\\u007f\"}", "{\"a\":\"\\u001f\x7f\"}");
    malformed(
        "{\"a\":\"\\x\"}", 6,
        "line 1, column 7: expected an escape (\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX), got "
        "'\\x\"'");
    malformed("{\"a\":\"\\u12g4\"}", 6,
              "line 1, column 7: expected four hexadecimal digits after \\u, got '\\u12g4\"'");
    malformed(
        "{\"a\":\"x\ny\"}", 7,
        "line 1, column 8: expected no unescaped control character in a string, got byte 0x0A");
    malformed("{\"a\":\"xy", 8,
              "line 1, column 9: expected a '\"' that ends the string, got the end of the text");
    const char *const lone[] = {"\\uD800", "\\uDC00", "\\uD800\\uD800", "\\uD800x",
                                "\\uDC00\\uD800"};
    for (size_t i = 0; i < sizeof lone / sizeof *lone; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"a\":\"%s\"}", lone[i]);
        assert_int_equal(parse(text, NULL), NACRE_INVALID_JSON);
        assert_non_null(strstr(ctx.err.detail, "surrogate pair"));
    }
}

static void test_utf8(void **state) {
    (void)state;
    malformed("{\"a\":\"ok \xC3\"}", 9, "line 1, column 10: expected UTF-8, got byte 0xC3");
    malformed("{\"a\":\"\\n\xED\xA0\x80\"}", 8, "line 1, column 9: expected UTF-8, got byte 0xED");
    malformed("{\"\xFF\":1}", 2, "line 1, column 3: expected UTF-8, got byte 0xFF");
    // The column counts characters, the span bytes.
    malformed("{\"é\":\n \"é\" x}", 13, "line 2, column 6: expected ',' or '}', got 'x'");
}

static void test_structure(void **state) {
    (void)state;
    malformed("", 0, "line 1, column 1: expected an object, got the end of the text");
    malformed("{", 1,
              "line 1, column 2: expected a name in quotes or '}', got the end of the text");
    malformed("{\"a\"}", 4, "line 1, column 5: expected ':' after a name, got '}'");
    malformed("{\"a\":}", 5, "line 1, column 6: expected a value, got '}'");
    malformed("{\"a\":1,}", 7, "line 1, column 8: expected a name in quotes, got '}'");
    malformed("{\"a\":1 \"b\":2}", 7, "line 1, column 8: expected ',' or '}', got '\"b\"'");
    malformed("{\"a\":[1,]}", 8, "line 1, column 9: expected a value, got ']'");
    malformed("{\"a\":[1 2]}", 8, "line 1, column 9: expected ',' or ']', got '2'");
    malformed("{\"a\":tru}", 5, "line 1, column 6: expected a value, got 'tru'");
    malformed("{} {}", 3, "line 1, column 4: expected the end of the text, got '{'");
    malformed("{'a':1}", 1, "line 1, column 2: expected a name in quotes or '}', got ''a''");
    malformed("\xEF\xBB\xBF{}", 0, "line 1, column 1: expected an object, got '\xEF\xBB\xBF{'");
    malformed("{\"a\":1}/**/", 7, "line 1, column 8: expected the end of the text, got '/**/'");
}

static void test_no_documents(void **state) {
    (void)state;
    refused("[1]", "", "an object", "an array");
    refused(" \"x\"", "", "an object", "a string");
    refused("12", "", "an object", "a number");
    refused("true", "", "an object", "a boolean");
    refused("null", "", "an object", "null");
    refused("{\"$date\":\"2024-02-29T00:00:00Z\"}", "", "a document", "an extended value");
    refused("{\"a\":{\"b\":1,\"$c\":2}}", "/a/$c", "not start with '$'", "\"$c\"");
    refused("{\"$set\":{}}", "/$set", "not start with '$'", "\"$set\"");
    refused("{\"a\":{\"x/y~z\":[1,1e999]}}", "/a/x~1y~0z/1", "range of a double", "1e999");
    refused("{\"a\":{\"b\\u0000\":1}}", "/a", "a field name without U+0000", "\\u0000");
}

static void test_duplicates(void **state) {
    (void)state;
    reads("{\"a\":1,\"a\":2}", "{\"a\":2}");
    reads("{\"a\":1,\"b\":2,\"a\":\"longer than before\",\"c\":3,\"b\":null}",
          "{\"a\":\"longer than before\",\"b\":null,\"c\":3}");
    reads("{\"a\":{\"x\":1,\"x\":{\"y\":1,\"y\":2}},\"b\":[{\"q\":1,\"q\":2}],\"a\":5}",
          "{\"a\":5,\"b\":[{\"q\":2}]}");
    reads("{\"\":1,\"\":2}", "{\"\":2}");
    reads("{\"\\u0061\":1,\"a\":2}", "{\"a\":2}");
    assert_int_equal(
        bson_validate(&ctx,
                      doc_fixture_bson(&ctx, "{\"a\":1,\"b\":2,\"a\":3,\"a\":[1,2],\"b\":{}}")),
        NACRE_OK);
}

// count names, each twice: all second values, in the order of the first.
static void check_many_duplicates(uint32_t count) {
    struct buf json, want;
    buf_init(&json, NULL, SIZE_MAX / 4);
    buf_init(&want, NULL, SIZE_MAX / 4);
    buf_put_u8(&json, '{');
    buf_put_u8(&want, '{');
    for (uint32_t i = 0; i < 2 * count; i++)
        buf_printf(&json, "%s\"k%u\":%u", i ? "," : "", (unsigned)(i % count), (unsigned)i);
    for (uint32_t i = 0; i < count; i++)
        buf_printf(&want, "%s\"k%u\":%u", i ? "," : "", (unsigned)i, (unsigned)(i + count));
    buf_put_str(&json, "}");
    buf_put_str(&want, "}");
    buf_put_u8(&json, 0);
    buf_put_u8(&want, 0);
    reads((const char *)json.p, (const char *)want.p);
    buf_free(&json);
    buf_free(&want);
}

// Around the sizes at which the set of names changes its shape, and at one where quadratic time
// shows.
static void test_many_duplicates(void **state) {
    (void)state;
    for (uint32_t count = 1; count < 200; count++)
        check_many_duplicates(count);
    check_many_duplicates(200000);
}

// Objects with many names, and objects with duplicates, give back their memory when they end: a
// little is enough for a document of many.
static void test_scratch_memory(void **state) {
    (void)state;
    BUF_CLEANUP struct buf json;
    BUF_CLEANUP struct buf out;
    buf_init(&json, NULL, 1 << 24);
    buf_init(&out, NULL, 1 << 24);
    buf_put_str(&json, "{\"a\":[0");
    for (int i = 0; i < 500; i++) {
        buf_put_str(&json, ",{\"n0\":0");
        for (int k = 0; k < 150; k++)
            buf_printf(&json, ",\"n%d\":%d", k, k);
        buf_put_str(&json, "}");
    }
    buf_put_str(&json, "]}");
    struct ctx small;
    ctx_init(&small, &world_system, NULL, 64 << 10);
    assert_int_equal(json_parse(&small, buf_slice(&json), NULL, &out), NACRE_OK);
    assert_int_equal(bson_validate(&small, buf_slice(&out)), NACRE_OK);
    ctx_free(&small);
}

static void test_extended(void **state) {
    (void)state;
    reads("{\"a\":{\"$date\":\"2024-02-29T12:34:56.789Z\"}}",
          "{\"a\":{\"$date\":\"2024-02-29T12:34:56.789Z\"}}");
    reads("{\"a\":{\"$date\":\"2024-02-29T14:34:56.789+02:00\"}}",
          "{\"a\":{\"$date\":\"2024-02-29T12:34:56.789Z\"}}");
    reads("{\"a\":{\"$binary\":\"AAEC\"},\"b\":{ \"$binary\" : \"\" } }",
          "{\"a\":{\"$binary\":\"AAEC\"},\"b\":{\"$binary\":\"\"}}");
    reads("{\"a\":{\"\\u0024binary\":\"\\/+8=\"}}", "{\"a\":{\"$binary\":\"/+8=\"}}");
    reads("{\"a\":[{\"$int64\":\"-9223372036854775808\"},{\"$int64\":\"7\"}]}",
          "{\"a\":[-9223372036854775808,7]}");
    reads("{\"a\":{\"$f32\":\"AACAPwAAAEA=\"}}", "{\"a\":{\"$f32\":\"AACAPwAAAEA=\"}}");
    reads("{\"a\":{\"$f16\":\"ADwAQA==\"}}", "{\"a\":{\"$f16\":\"ADwAQA==\"}}");
    reads("{\"a\":{\"$i8\":\"Af8=\"}}", "{\"a\":{\"$i8\":\"Af8=\"}}");
    reads("{\"a\":{\"$bit\":\"8A==\"}}", "{\"a\":{\"$bit\":\"8A==\"}}");
    struct slice doc = doc_fixture_bson(&ctx, "{\"a\":{\"$f32\":\"AACAPw==\"}}");
    assert_string_equal(doc_fixture_hex(&ctx, doc), "1300000005610006000000092700"
                                                    "0000803f"
                                                    "00");
}

static void test_extended_refused(void **state) {
    (void)state;
    refused("{\"a\":{\"$date\":5}}", "/a", "RFC 3339", "a number");
    refused("{\"a\":{\"$date\":\"2023-02-29T00:00:00Z\"}}", "/a", "RFC 3339",
            "\"2023-02-29T00:00:00Z\"");
    refused("{\"a\":{\"$date\":\"9999-12-31T23:59:59-01:00\"}}", "/a", "0000 to 9999",
            "\"9999-12-31T23:59:59-01:00\"");
    refused("{\"a\":{\"$binary\":\"AAE\"}}", "/a", "base64", "\"AAE\"");
    refused("{\"a\":{\"$binary\":null}}", "/a", "base64", "null");
    refused("{\"a\":{\"$int64\":\"07\"}}", "/a", "64-bit", "\"07\"");
    refused("{\"a\":{\"$int64\":\"\"}}", "/a", "64-bit", "\"\"");
    refused("{\"a\":{\"$int64\":\"1.0\"}}", "/a", "64-bit", "\"1.0\"");
    refused("{\"a\":{\"$int64\":\"9223372036854775808\"}}", "/a", "64-bit",
            "\"9223372036854775808\"");
    refused("{\"a\":{\"$f32\":\"AAAA\"}}", "/a", "4 bytes each", "\"AAAA\"");
    refused("{\"a\":{\"$f16\":\"AA==\"}}", "/a", "2 bytes each", "\"AA==\"");
    refused("{\"a\":{\"$bit\":[1]}}", "/a", "base64", "an array");
    refused("{\"a\":{\"$i8\":\"AA==\",\"b\":1}}", "/a", "$i8", "a second member");
    refused("{\"a\":{\"b\":1,\"$date\":\"2024-01-01T00:00:00Z\"}}", "/a/$date", "'$'", "\"$date\"");
    malformed("{\"a\":{\"$date\" \"x\"}}", 14,
              "line 1, column 15: expected ':' after a name, got '\"x\"'");
    malformed("{\"a\":{\"$i8\":\"AA==\" 1}}", 19, "line 1, column 20: expected '}', got '1'");
}

static void test_options(void **state) {
    (void)state;
    struct json_options dollars = {.allow_dollar_names = true};
    assert_int_equal(parse("{\"$set\":{\"a\":{\"$date\":\"2024-02-29T00:00:00Z\"}}}", &dollars),
                     NACRE_OK);
    assert_int_equal(parse("{\"$set\":{\"a\":{\"$date\":1}}}", &dollars), NACRE_INVALID_ARGUMENT);
    struct json_options shallow = {.depth_max = 2};
    assert_int_equal(parse("{\"a\":[1],\"b\":{}}", &shallow), NACRE_OK);
    assert_int_equal(parse("{\"a\":[[1]]}", &shallow), NACRE_INVALID_ARGUMENT);
    assert_string_equal(ctx.err.items[0].pointer, "/a/0");
    assert_string_equal(ctx.err.items[0].expected, "at most 2 levels of nesting");
    struct json_options trailing = {.allow_trailing = true};
    assert_int_equal(parse("{\"a\":1} and more", &trailing), NACRE_OK);
}

static nacre_status parse_nested(uint32_t depth, bool value) {
    char text[2 * DOC_DEPTH_MAX + 32];
    size_t n = 0;
    if (!value) n += (size_t)snprintf(text, sizeof text, "{\"a\":");
    for (uint32_t i = value ? 0 : 1; i < depth; i++)
        text[n++] = '[';
    for (uint32_t i = value ? 0 : 1; i < depth; i++)
        text[n++] = ']';
    if (!value) text[n++] = '}';
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, DOC_BYTES_MAX);
    struct val v;
    if (value) return json_parse_value(&ctx, slice_of(text, n), NULL, &out, NULL, &v);
    return json_parse(&ctx, slice_of(text, n), NULL, &out);
}

static void test_depth(void **state) {
    (void)state;
    assert_int_equal(parse_nested(DOC_DEPTH_MAX, false), NACRE_OK);
    assert_int_equal(parse_nested(DOC_DEPTH_MAX, true), NACRE_OK);
    assert_int_equal(parse_nested(DOC_DEPTH_MAX + 1, true), NACRE_INVALID_ARGUMENT);
    assert_int_equal(parse_nested(DOC_DEPTH_MAX + 1, false), NACRE_INVALID_ARGUMENT);
}

static void test_any_value(void **state) {
    (void)state;
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 1000);
    struct json_options trailing = {.allow_trailing = true};
    size_t consumed = 0;
    struct val v;
    assert_int_equal(json_parse_value(&ctx, SLICE_LIT(" 12 ,"), &trailing, &out, &consumed, &v),
                     NACRE_OK);
    assert_int_equal(consumed, 3);
    assert_true(v.type == VAL_INT && v.i == 12);
    assert_int_equal(json_parse_value(&ctx, SLICE_LIT("[\"x\"]"), NULL, &out, NULL, &v), NACRE_OK);
    assert_int_equal(v.type, VAL_ARRAY);
    assert_int_equal(json_parse_value(&ctx, SLICE_LIT("{\"$date\":\"1970-01-01T00:00:01Z\"}"), NULL,
                                      &out, &consumed, &v),
                     NACRE_OK);
    assert_true(v.type == VAL_DATE && v.i == 1000);
    size_t before = out.n;
    assert_int_equal(json_parse_value(&ctx, SLICE_LIT("[1,{\"$x\":1}]"), NULL, &out, NULL, &v),
                     NACRE_INVALID_ARGUMENT);
    assert_string_equal(ctx.err.items[0].pointer, "/1/$x");
    assert_int_equal(json_parse_value(&ctx, SLICE_LIT(""), NULL, &out, NULL, &v),
                     NACRE_INVALID_JSON);
    assert_int_equal(json_parse_value(&ctx, SLICE_LIT("1 2"), NULL, &out, NULL, &v),
                     NACRE_INVALID_JSON);
    assert_int_equal(out.n, before);
}

// The bound is on the stored bytes, exactly, however the text is spelled.
static void test_bound(void **state) {
    (void)state;
    const char *json =
        "{ \"name\" : \"\\u0041\\u0042 and more than sixteen bytes\", \"a\":[1,2.5,{}],"
        "\"b\":[{\"$binary\":\"AAE=\"},{\"$f32\":\"AACAPw==\"},{\"$i8\":\"\"}]}";
    struct slice doc = doc_fixture_bson(&ctx, json);
    for (size_t max = 0; max <= doc.n + 1; max++) {
        BUF_CLEANUP struct buf out;
        buf_init(&out, NULL, max);
        nacre_status status = json_parse(&ctx, slice_str(json), NULL, &out);
        assert_int_equal(status, max < doc.n ? NACRE_DOCUMENT_TOO_LARGE : NACRE_OK);
        assert_int_equal(out.n, max < doc.n ? 0 : doc.n);
        if (status == NACRE_OK) assert_memory_equal(out.p, doc.p, doc.n);
    }
}

// Text in memory that ends with the text: a read past it is seen by the address sanitizer.
static void test_every_prefix(void **state) {
    (void)state;
    const char *json = "{\"a\":[1,-2.5e1,true,false,null,\"x\\u00e9\\n\"],\"b\":{\"$date\":"
                       "\"2024-02-29T00:00:00Z\"},\"c\":{\"$binary\":\"AAEC\"}}";
    for (size_t n = 0; n < strlen(json); n++) {
        uint8_t *copy = mem_alloc(n ? n : 1);
        memcpy(copy, json, n);
        BUF_CLEANUP struct buf out;
        buf_init(&out, NULL, 1000);
        assert_int_equal(json_parse(&ctx, slice_of(copy, n), NULL, &out), NACRE_INVALID_JSON);
        mem_free(copy);
    }
}

int main(void) {
    doc_fixture_ctx(&ctx);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),     cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_strings),    cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_structure),  cmocka_unit_test(test_no_documents),
        cmocka_unit_test(test_duplicates), cmocka_unit_test(test_many_duplicates),
        cmocka_unit_test(test_extended),   cmocka_unit_test(test_extended_refused),
        cmocka_unit_test(test_options),    cmocka_unit_test(test_depth),
        cmocka_unit_test(test_any_value),  cmocka_unit_test(test_scratch_memory),
        cmocka_unit_test(test_bound),      cmocka_unit_test(test_every_prefix),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ctx_free(&ctx);
    return failed;
}
