// BSON to JSON: escapes at every length and place, numbers, extended values, large integers as
// strings.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <math.h>

#include "support/doc_fixture.h"

static struct ctx ctx;

static void writes(struct val v, enum json_int64 mode, const char *want) {
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 10000);
    json_write_val(&out, v, mode);
    buf_put_u8(&out, 0);
    assert_int_equal(buf_status(&out), NACRE_OK);
    assert_string_equal((const char *)out.p, want);
}

static void test_scalars(void **state) {
    (void)state;
    writes(val_null(), JSON_INT64_NUMBER, "null");
    writes(val_missing(), JSON_INT64_NUMBER, "null");
    writes(val_bool(true), JSON_INT64_NUMBER, "true");
    writes(val_bool(false), JSON_INT64_NUMBER, "false");
    writes(val_int(INT64_MIN), JSON_INT64_NUMBER, "-9223372036854775808");
    writes(val_double(1), JSON_INT64_NUMBER, "1.0");
    writes(val_double(-0.0), JSON_INT64_NUMBER, "-0.0");
    writes(val_double(NAN), JSON_INT64_NUMBER, "null");
    writes(val_double(-INFINITY), JSON_INT64_NUMBER, "null");
    writes(val_date(1709210096789), JSON_INT64_NUMBER, "{\"$date\":\"2024-02-29T12:34:56.789Z\"}");
    writes(val_bytes(VAL_BINARY, SLICE_LIT("\x01")), JSON_INT64_NUMBER, "{\"$binary\":\"AQ==\"}");
    writes(val_bytes(VAL_VECTOR, SLICE_LIT("\x10\0\xF0")), JSON_INT64_NUMBER,
           "{\"$bit\":\"8A==\"}");
    writes(val_bytes(VAL_VECTOR, SLICE_LIT("\x27\0")), JSON_INT64_NUMBER, "{\"$f32\":\"\"}");
}

static void test_int64_as_string(void **state) {
    (void)state;
    const int64_t safe = (INT64_C(1) << 53) - 1;
    writes(val_int(safe), JSON_INT64_STRING, "9007199254740991");
    writes(val_int(-safe), JSON_INT64_STRING, "-9007199254740991");
    writes(val_int(safe + 1), JSON_INT64_STRING, "{\"$int64\":\"9007199254740992\"}");
    writes(val_int(-safe - 1), JSON_INT64_STRING, "{\"$int64\":\"-9007199254740992\"}");
    struct slice doc = doc_fixture_bson(&ctx, "{\"a\":[9007199254740993]}");
    writes(val_bytes(VAL_OBJECT, doc), JSON_INT64_STRING,
           "{\"a\":[{\"$int64\":\"9007199254740993\"}]}");
}

static void test_containers(void **state) {
    (void)state;
    const char *json = "{\"a\":{},\"b\":[],\"c\":[[],{}],\"d\":{\"e\":{\"f\":null}}}";
    struct slice doc = doc_fixture_bson(&ctx, json);
    assert_string_equal(doc_fixture_json(&ctx, doc), json);
    writes(bson_find(doc, SLICE_LIT("c")), JSON_INT64_NUMBER, "[[],{}]");
}

// Every byte below 0x80, and U+00E9 as two bytes, at every place of texts of every length up to 40.
static void check_escape(size_t length, size_t place, uint8_t byte) {
    uint8_t text[64];
    char want[80];
    memset(text, 'x', length);
    text[place] = byte;
    const char *const letters = "\b\t\n\f\r\"\\", *const escapes = "btnfr\"\\";
    const char *letter = byte ? strchr(letters, byte) : NULL;
    char middle[8];
    if (letter)
        snprintf(middle, sizeof middle, "\\%c", escapes[letter - letters]);
    else if (byte < 0x20)
        snprintf(middle, sizeof middle, "\\u%04x", byte);
    else
        snprintf(middle, sizeof middle, "%c", byte);
    snprintf(want, sizeof want, "\"%.*s%s%.*s\"", (int)place, (const char *)text, middle,
             (int)(length - place - 1), (const char *)text + place + 1);
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 1000);
    json_write_str(&out, slice_of(text, length));
    assert_int_equal(out.n, strlen(want));
    assert_memory_equal(out.p, want, out.n);
}

static void test_escapes(void **state) {
    (void)state;
    for (size_t length = 1; length <= 40; length++)
        for (size_t place = 0; place < length; place++)
            for (unsigned byte = 1; byte < 0x80; byte += byte < 0x30 || byte == '\\' - 1 ? 1 : 11)
                check_escape(length, place, (uint8_t)byte);
}

static void test_plain_text(void **state) {
    (void)state;
    writes(val_str(SLICE_LIT("")), JSON_INT64_NUMBER, "\"\"");
    writes(val_str(SLICE_LIT("é€😀 and a text of more than sixteen bytes\x7f")), JSON_INT64_NUMBER,
           "\"é€😀 and a text of more than sixteen bytes\x7f\"");
}

static void test_failed_buffers_stick(void **state) {
    (void)state;
    struct slice doc =
        doc_fixture_bson(&ctx, "{\"a\":[1,\"long enough for two blocks\\n\",{\"$date\":"
                               "\"2024-02-29T00:00:00Z\"},{\"$binary\":\"AAEC\"}]}");
    for (size_t max = 1; max < 60; max++) {
        BUF_CLEANUP struct buf out;
        buf_init(&out, NULL, max);
        json_write_doc(&out, doc, JSON_INT64_NUMBER);
        assert_int_equal(buf_status(&out), NACRE_REQUEST_TOO_LARGE);
        assert_true(out.n <= max);
    }
}

int main(void) {
    doc_fixture_ctx(&ctx);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),    cmocka_unit_test(test_int64_as_string),
        cmocka_unit_test(test_containers), cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_plain_text), cmocka_unit_test(test_failed_buffers_stick),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ctx_free(&ctx);
    return failed;
}
