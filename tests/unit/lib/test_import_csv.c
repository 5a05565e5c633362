// CSV through nacre.h: records and their lines, what is refused, resuming, and an export that goes
// in as it came out.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/lib_fixture.h"

enum { SEEN_MAX = 8, SINK_MAX = 1 << 21 };

struct seen {
    uint64_t lines[SEEN_MAX];
    char problems[SEEN_MAX][512];
    int count;
};

static void note_line(void *arg, uint64_t line, const char *problem) {
    struct seen *seen = arg;
    assert_true(seen->count < SEEN_MAX);
    seen->lines[seen->count] = line;
    snprintf(seen->problems[seen->count++], 512, "%s", problem);
}

static const char *at(struct lib_fixture *f, int id) {
    return lib_fixture_get(f, nacre_id_integer(id));
}

static void test_records(void **state) {
    struct lib_fixture f;
    nacre_import_options o = {.format = NACRE_CSV};
    nacre_import_result result;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_import(&f,
                                  "\xEF\xBB\xBF"
                                  "_id,a.b,a.c.0,_version,born.$date\r\n"
                                  "1,\"x\ny\",true,7,\r\n"
                                  "\r\n"
                                  "2,\"1\",,,2024-02-29T00:00:00Z\n"
                                  "3,,1.50,9,",
                                  &o, &result));
    assert_true(result.documents == 3 && result.failed == 0 && result.lines == 6);
    assert_string_equal(at(&f, 1),
                        "{\"_id\":1,\"a\":{\"b\":\"x\\ny\",\"c\":[true]},\"_version\":1}");
    assert_string_equal(at(&f, 2), "{\"_id\":2,\"a\":{\"b\":\"1\"},"
                                   "\"born\":{\"$date\":\"2024-02-29T00:00:00.000Z\"},"
                                   "\"_version\":1}");
    assert_string_equal(at(&f, 3), "{\"_id\":3,\"a\":{\"c\":[1.5]},\"_version\":1}");
    // No records at all.
    LIB_OK(&f, lib_fixture_import(&f, "", &o, &result));
    LIB_OK(&f, lib_fixture_import(&f, "_id,a\n", &o, &result));
    assert_true(result.documents == 0 && result.lines == 1);
    o.format = (nacre_format)7;
    LIB_FAILS(&f, lib_fixture_import(&f, "_id\n", &o, &result), NACRE_INVALID_ARGUMENT,
              "\"parameter\":\"format\"");
    lib_fixture_close(&f);
}

// The third record goes over lines 4 and 5.
static const char wrong[] = "_id,a\n1,x\n1e999,x\n3,\"y\nz\",\n4,ok\n5,\"y\nz\"\n6\n7,x\"y\n8,ok\n";

static void test_refused(void **state) {
    struct lib_fixture f;
    struct seen seen = {0};
    nacre_import_options o = {.format = NACRE_CSV, .on_line_error = note_line, .arg = &seen};
    nacre_import_result result;
    (void)state;
    lib_fixture_open(&f);
    LIB_FAILS(&f, lib_fixture_import(&f, wrong, &o, &result), NACRE_INVALID_ARGUMENT,
              "\"detail\":\"line 3 (/_id): expected a number in the range of a double, got 1e999\"",
              "\"pointer\":\"/_id\"");
    assert_true(result.lines == 2 && result.documents == 1 && result.failed == 1);
    assert_null(strstr(seen.problems[0], "span"));
    // Resumed: the header is read again.
    o.skip_lines = 3;
    LIB_FAILS(&f, lib_fixture_import(&f, wrong, &o, &result), NACRE_INVALID_ARGUMENT,
              "line 5, column 4: expected the end of the line");
    assert_true(result.lines == 3 && result.documents == 0 && result.failed == 1);
    seen.count = 0;
    o.skip_errors = o.insert = 1;
    LIB_OK(&f, lib_fixture_import(&f, wrong, &o, &result));
    assert_true(result.lines == 11 && result.documents == 3 && result.failed == 3);
    const uint64_t lines[] = {4, 9, 10};
    assert_int_equal(seen.count, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(seen.lines[i], lines[i]);
    LIB_HAS(seen.problems[1], "line 9, column 2: expected a field for each column");
    LIB_HAS(seen.problems[2], "line 10, column 4: expected the whole field in quotes");
    assert_string_equal(at(&f, 5), "{\"_id\":5,\"a\":\"y\\nz\",\"_version\":1}");
    // What the database refuses is told by its line too.
    seen.count = 0;
    o.skip_lines = 0;
    LIB_OK(&f, lib_fixture_import(&f, "_id,a\n9,\"\n\"\n5,\"\n\"\n", &o, &result));
    assert_true(seen.count == 1 && seen.lines[0] == 4 && result.documents == 1);
    LIB_HAS(seen.problems[0], "already_exists");
    // A header that is none ends it, whatever is to be done about lines.
    LIB_FAILS(&f, lib_fixture_import(&f, "_id,a,a\n1,2,3\n", &o, &result), NACRE_INVALID_ARGUMENT,
              "line 1, column 7: expected a path that no earlier column has");
    LIB_FAILS(&f, lib_fixture_import(&f, "_id,\"a\n1,2\n3,4\n", &o, &result),
              NACRE_INVALID_ARGUMENT, "line 1, column 5: expected a '\\\"' that ends the field");
    lib_fixture_close(&f);
}

// Cut anywhere on its way in.
static void test_pieces(void **state) {
    struct lib_fixture f;
    nacre_import_options o = {.format = NACRE_CSV};
    nacre_import_result result;
    const int count = 3000;
    size_t n = 0, room = (size_t)count * 64;
    char *text = malloc(room);
    (void)state;
    assert_non_null(text);
    n += (size_t)snprintf(text, room, "_id,t\r\n");
    for (int i = 0; i < count; i++)
        n += (size_t)snprintf(text + n, room - n, "%d,\"%d \"\"\r\n,\"\r\n", i, i);
    lib_fixture_open(&f);
    for (size_t step = 1; step < 5000; step = step * 7 + 1) {
        struct lib_fixture_text input = {text, n, step};
        LIB_OK(&f, nacre_import(f.s, &f.c, lib_fixture_read, &input, &o, &result));
        assert_true(result.documents == (uint64_t)count && result.lines == 1 + 2 * (uint64_t)count);
    }
    assert_string_equal(at(&f, 77), "{\"_id\":77,\"t\":\"77 \\\"\\r\\n,\",\"_version\":5}");
    free(text);
    lib_fixture_close(&f);
}

struct sink {
    char *text;
    size_t n;
};

static int write_sink(void *arg, const void *bytes, size_t size) {
    struct sink *sink = arg;
    assert_true(sink->n + size < SINK_MAX);
    memcpy(sink->text + sink->n, bytes, size);
    sink->n += size;
    sink->text[sink->n] = '\0';
    return 0;
}

static void export_to(struct lib_fixture *f, const char *spec, struct sink *out) {
    uint64_t documents;
    out->n = 0;
    LIB_OK(f, nacre_export(f->s, &f->c, spec, write_sink, out, NULL, NULL, &documents));
}

static void test_round_trip(void **state) {
    struct lib_fixture f;
    struct sink csv = {malloc(SINK_MAX), 0}, one = {malloc(SINK_MAX), 0},
                two = {malloc(SINK_MAX), 0};
    nacre_import_options o = {.format = NACRE_CSV};
    nacre_import_result result;
    (void)state;
    lib_fixture_open(&f);
    for (int i = 0; i < 3000; i++)
        one.n += (size_t)snprintf(
            one.text + one.n, SINK_MAX - one.n,
            "{\"_id\":%d,\"n\":%d.0,\"s\":\"%d\",\"l\":[{\"x\":\"a,\\\"b\\\"\"},null],\"e\":%s,"
            "\"d\":{\"$date\":\"2024-02-29T00:00:00.000Z\"}}\n",
            i, i, i, i % 2 ? "[]" : "{\"k\":\"\\n\"}");
    LIB_OK(&f, lib_fixture_import(&f, one.text, NULL, &result));
    export_to(&f, "", &one);
    export_to(&f, "{\"format\":\"csv\"}", &csv);
    LIB_HAS(csv.text, "_id,n,s,l.0.x,l.1,e,e.k,d.$date\r\n0,0.0,\"0\",\"a,\"\"b\"\"\",null,,\"\n\","
                      "2024-02-29T00:00:00.000Z\r\n1,1.0,");
    f.c = nacre_collection_of(NULL, "copy");
    struct lib_fixture_text input = {csv.text, csv.n, 1000};
    LIB_OK(&f, nacre_import(f.s, &f.c, lib_fixture_read, &input, &o, &result));
    assert_true(result.documents == 3000 && result.failed == 0);
    export_to(&f, "{\"format\":\"ndjson\"}", &two);
    *strstr(one.text, "{\"$end\"") = *strstr(two.text, "{\"$end\"") = '\0';
    assert_string_equal(one.text, two.text);
    // Fields, a filter, system fields.
    export_to(&f, "{\"format\":\"csv\",\"fields\":\"s, none,_version\",\"filter\":\"_id = 5\"}",
              &csv);
    assert_string_equal(csv.text, "_id,s,none,_version\r\n5,\"5\",,1\r\n");
    export_to(&f, "{\"format\":\"csv\",\"fields\":[\"l.x\"],\"filter\":{\"_id\":5}}", &csv);
    assert_string_equal(csv.text, "_id,l.0.x\r\n5,\"a,\"\"b\"\"\"\r\n");
    export_to(&f, "{\"format\":\"csv\",\"filter\":\"_id < 0\"}", &csv);
    assert_string_equal(csv.text, "_id\r\n");
    LIB_FAILS(&f,
              nacre_export(f.s, &f.c, "{\"format\":\"xml\"}", write_sink, &csv, NULL, NULL, NULL),
              NACRE_INVALID_ARGUMENT, "\"pointer\":\"/format\"");
    free(csv.text);
    free(one.text);
    free(two.text);
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
