// Import and export through nacre.h: what is stored, what is told, where it can be resumed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bits/zstd.h"
#include "base/err/ctx.h"
#include "support/lib_fixture.h"

struct seen {
    uint64_t lines[64];
    char problems[64][512];
    int count, calls, cancel_at;
    nacre_progress last;
};

static void note_line(void *arg, uint64_t line, const char *problem) {
    struct seen *seen = arg;
    if (seen->count == 64) return;
    seen->lines[seen->count] = line;
    snprintf(seen->problems[seen->count++], 512, "%s", problem);
}

static int note_progress(void *arg, const nacre_progress *progress) {
    struct seen *seen = arg;
    seen->calls++;
    seen->last = *progress;
    return seen->cancel_at && seen->calls >= seen->cancel_at;
}

static nacre_import_options watched(struct seen *seen) {
    memset(seen, 0, sizeof *seen);
    return (nacre_import_options){
        .on_progress = note_progress, .on_line_error = note_line, .arg = seen};
}

static uint64_t count_of(struct lib_fixture *f) {
    uint64_t count;
    LIB_OK(f, nacre_count(f->s, &f->c, NULL, &count));
    return count;
}

static void test_plain(void **state) {
    struct lib_fixture f;
    struct seen seen;
    nacre_import_options o = watched(&seen);
    nacre_import_result result;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_import(&f,
                                  "{\"_id\":1,\"a\":\"x\"}\n\n  \r\n{\"_id\":2,\"_version\":9,"
                                  "\"_created\":\"x\",\"b\":1,\"_lease\":{}}\r\n{\"a\":1}\n"
                                  "{\"$end\":{\"documents\":3}}",
                                  &o, &result));
    assert_int_equal(result.documents, 3);
    assert_int_equal(result.failed, 0);
    assert_int_equal(result.lines, 6);
    assert_true(strlen(result.sequence) > 3);
    assert_true(seen.calls >= 2 && seen.last.documents == 3 && seen.last.lines == 6);
    assert_string_equal(lib_fixture_get(&f, nacre_id_integer(2)),
                        "{\"_id\":2,\"b\":1,\"_version\":1}");
    LIB_OK(&f, lib_fixture_import(&f, "\xEF\xBB\xBF{\"_id\":7}", NULL, &result));
    LIB_OK(&f, lib_fixture_import(&f, "", NULL, &result));
    assert_true(result.lines == 0 && result.documents == 0 && result.sequence[0] == '\0');
    lib_fixture_reopen(&f);
    assert_int_equal(count_of(&f), 4);
    lib_fixture_close(&f);
}

static void test_stop(void **state) {
    struct lib_fixture f;
    struct seen seen;
    nacre_import_options o = watched(&seen);
    nacre_import_result result;
    (void)state;
    lib_fixture_open(&f);
    // A line that does not parse.
    LIB_FAILS(&f,
              lib_fixture_import(&f, "{\"_id\":1}\n{\"_id\":2}\n{\"_id\":3,}\n{\"_id\":4}\n", &o,
                                 &result),
              NACRE_INVALID_JSON, "\"detail\":\"line 3, column 10: expected");
    assert_true(result.lines == 2 && result.documents == 2 && result.failed == 1);
    assert_true(seen.count == 1 && seen.lines[0] == 3);
    LIB_HAS(seen.problems[0], "\"code\":\"invalid_json\"");
    assert_int_equal(count_of(&f), 2);
    // A line that the database refuses: those before it are stored, those after it are not.
    o = watched(&seen);
    o.insert = 1;
    LIB_FAILS(
        &f,
        lib_fixture_import(&f, "{\"_id\":5}\n{\"_id\":6}\n{\"_id\":1}\n{\"_id\":8}\n", &o, &result),
        NACRE_ALREADY_EXISTS, "line 3: ");
    assert_true(result.lines == 2 && result.documents == 2 && result.failed == 1);
    assert_null(lib_fixture_get(&f, nacre_id_integer(8)));
    assert_non_null(lib_fixture_get(&f, nacre_id_integer(6)));
    // Both in one batch: the first counts.
    LIB_FAILS(&f, lib_fixture_import(&f, "{\"_id\":1}\n{\"_id\":9}\nnonsense\n", &o, &result),
              NACRE_ALREADY_EXISTS, "line 1: ");
    assert_true(result.lines == 0 && result.documents == 0 && result.failed == 1);
    assert_null(lib_fixture_get(&f, nacre_id_integer(9)));
    // Resumed behind it.
    o.skip_lines = 3;
    LIB_OK(&f, lib_fixture_import(&f, "x\ny\nz\n{\"_id\":10}\n", &o, &result));
    assert_true(result.lines == 4 && result.documents == 1);
    lib_fixture_close(&f);
}

static void test_skip(void **state) {
    struct lib_fixture f;
    struct seen seen;
    nacre_import_options o = watched(&seen);
    nacre_import_result result;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, nacre_collection_create(f.s, &f.c,
                                       "{\"indexes\":[{\"name\":\"u\",\"fields\":[\"u\"],"
                                       "\"unique\":true}]}",
                                       NULL));
    o.skip_errors = 1;
    LIB_OK(&f,
           lib_fixture_import(&f,
                              "{\"_id\":1,\"u\":1}\nnonsense\n{\"_id\":2,\"u\":1}\n{\"_id\":1.5}"
                              "\n{\"$end\":{}}\n[]\n{\"_id\":3,\"u\":3}\n{\"$x\":1}\n",
                              &o, &result));
    assert_true(result.documents == 2 && result.failed == 6 && result.lines == 8);
    const uint64_t lines[] = {2, 3, 4, 5, 6, 8};
    assert_int_equal(seen.count, 6);
    for (int i = 0; i < 6; i++)
        assert_int_equal(seen.lines[i], lines[i]);
    LIB_HAS(seen.problems[0], "\"code\":\"invalid_json\"");
    LIB_HAS(seen.problems[0], "\"detail\":\"line 2, column 1: expected");
    LIB_HAS(seen.problems[0], "\"span\":{\"offset\":0,\"length\":8}");
    LIB_HAS(seen.problems[4], "\"detail\":\"line 6, column 1 (the top level): expected an object");
    LIB_HAS(seen.problems[4], "\"code\":\"invalid_argument\"");
    LIB_HAS(seen.problems[1], "unique_violation");
    LIB_HAS(seen.problems[2], "\"pointer\":\"/_id\"");
    LIB_HAS(seen.problems[3], "last line of an export");
    lib_fixture_close(&f);
}

static char *make_lines(int count, size_t *size) {
    size_t room = (size_t)count * 64;
    char *text = malloc(room);
    assert_non_null(text);
    *size = 0;
    for (int i = 0; i < count; i++)
        *size += (size_t)snprintf(text + *size, room - *size, "{\"_id\":%d,\"n\":%d}\n", i, i % 7);
    return text;
}

// Many batches, line errors in all of them, in order.
static void test_many(void **state) {
    struct lib_fixture f;
    struct seen seen;
    nacre_import_options o = watched(&seen);
    nacre_import_result result;
    size_t size;
    char *text = make_lines(20000, &size);
    (void)state;
    lib_fixture_open(&f);
    struct lib_fixture_text input = {text, size, 0};
    LIB_OK(&f, nacre_import(f.s, &f.c, lib_fixture_read, &input, &o, &result));
    assert_true(result.documents == 20000 && result.lines == 20000);
    o = watched(&seen);
    o.insert = o.skip_errors = 1;
    LIB_OK(&f, nacre_delete(f.s, &f.c, nacre_id_integer(12345), NULL, NULL));
    input = (struct lib_fixture_text){text, size, 1000};
    LIB_OK(&f, nacre_import(f.s, &f.c, lib_fixture_read, &input, &o, &result));
    assert_true(result.documents == 1 && result.failed == 19999 && result.lines == 20000);
    for (int i = 1; i < 64; i++)
        assert_true(seen.lines[i] == seen.lines[i - 1] + 1);
    free(text);
    lib_fixture_close(&f);
}

static void test_cancel(void **state) {
    struct lib_fixture f;
    struct seen seen;
    nacre_import_options o = watched(&seen);
    nacre_import_result result;
    size_t size;
    char *text = make_lines(5000, &size);
    (void)state;
    lib_fixture_open(&f);
    struct lib_fixture_text input = {text, size, 0};
    seen.cancel_at = 1;
    LIB_FAILS(&f, nacre_import(f.s, &f.c, lib_fixture_read, &input, &o, &result), NACRE_CANCELLED,
              "cancelled");
    assert_true(result.documents == result.lines);
    nacre_session_cancel(f.s);
    LIB_FAILS(&f, nacre_import(f.s, &f.c, lib_fixture_read, &input, &o, &result), NACRE_CANCELLED,
              "cancelled");
    nacre_session_clear_cancel(f.s);
    free(text);
    lib_fixture_close(&f);
}

struct cancelling {
    struct lib_fixture_text input;
    nacre_session *s;
};

static long cancelling_read(void *arg, void *buffer, size_t size) {
    struct cancelling *c = arg;
    nacre_session_cancel(c->s);
    return lib_fixture_read(&c->input, buffer, size);
}

// Cancelled while lines are being stored: those count.
static void test_cancel_on_the_way(void **state) {
    struct lib_fixture f;
    nacre_import_result result;
    size_t size;
    char *text = make_lines(1500, &size);
    (void)state;
    lib_fixture_open(&f);
    struct cancelling c = {{text, size, 0}, f.s};
    LIB_FAILS(&f, nacre_import(f.s, &f.c, cancelling_read, &c, NULL, &result), NACRE_CANCELLED,
              "cancelled");
    nacre_session_clear_cancel(f.s);
    assert_int_equal(result.lines, count_of(&f));
    assert_int_equal(result.documents, count_of(&f));
    assert_in_range(result.lines, 1, 1499);
    free(text);
    lib_fixture_close(&f);
}

static long failing_read(void *arg, void *buffer, size_t size) {
    long *left = arg;
    if (--*left < 0) return -1;
    assert_true(size > 16);
    memcpy(buffer, "{\"a\":1}\n", 8);
    return 8;
}

static long lying_read(void *arg, void *buffer, size_t size) {
    (void)arg, (void)buffer;
    return (long)size + 1;
}

static void test_bad_input(void **state) {
    struct lib_fixture f;
    nacre_import_result result;
    nacre_import_options o = {.durability = (nacre_durability)5};
    long left = 3;
    (void)state;
    lib_fixture_open(&f);
    LIB_FAILS(&f, nacre_import(f.s, &f.c, failing_read, &left, NULL, &result), NACRE_IO_ERROR,
              "reading the input failed");
    assert_int_equal(result.documents, 3); // what was read whole is stored
    assert_int_equal(result.lines, 3);
    struct lib_fixture_text gzip = {"\x1F\x8B\x08\0\0\0\0\0\0\x03", 10, 0};
    LIB_FAILS(&f, nacre_import(f.s, &f.c, lib_fixture_read, &gzip, NULL, &result),
              NACRE_UNIMPLEMENTED, "gzip", "zcat");
    LIB_FAILS(&f, nacre_import(f.s, &f.c, lying_read, NULL, NULL, &result), NACRE_IO_ERROR,
              "asked");
    LIB_FAILS(&f, nacre_import(f.s, &f.c, NULL, NULL, NULL, &result), NACRE_INVALID_ARGUMENT,
              "read is NULL");
    LIB_FAILS(&f, nacre_import(f.s, &f.c, lying_read, NULL, NULL, NULL), NACRE_INVALID_ARGUMENT,
              "out is NULL");
    LIB_FAILS(&f, nacre_import(f.s, &f.c, lying_read, NULL, &o, &result), NACRE_INVALID_ARGUMENT,
              "\"parameter\":\"durability\"");
    lib_fixture_close(&f);
}

static void test_long_lines(void **state) {
    struct lib_fixture f;
    nacre_import_result result;
    nacre_import_options o = {.skip_errors = 1};
    size_t size = (size_t)67 << 20;
    char *text = malloc(size);
    (void)state;
    assert_non_null(text);
    lib_fixture_open(&f);
    // A document of 3 MB among small ones, a line beyond every bound, and one more.
    memset(text, 'x', size);
    memcpy(text, "{\"_id\":1}\n{\"_id\":2,\"a\":\"", 24);
    memcpy(text + 3000000, "\"}\n{\"_id\":3}\n", 13);
    memcpy(text + size - 11, "\n{\"_id\":4}\n", 11);
    struct lib_fixture_text input = {text, size, 0};
    LIB_OK(&f, nacre_import(f.s, &f.c, lib_fixture_read, &input, &o, &result));
    assert_true(result.documents == 4 && result.failed == 1 && result.lines == 5);
    assert_non_null(lib_fixture_get(&f, nacre_id_integer(4)));
    free(text);
    lib_fixture_close(&f);
}

static void test_zstd(void **state) {
    struct lib_fixture f;
    struct ctx ctx;
    struct buf packed;
    nacre_import_result result;
    size_t size;
    char *text = make_lines(3000, &size);
    (void)state;
    lib_fixture_open(&f);
    ctx_init(&ctx, &world_system, NULL, 1 << 24);
    buf_init(&packed, NULL, 1 << 24);
    assert_int_equal(zstd_compress(&ctx, slice_of(text, size), 3, &packed), NACRE_OK);
    struct lib_fixture_text input = {(const char *)packed.p, packed.n, 13};
    LIB_OK(&f, nacre_import(f.s, &f.c, lib_fixture_read, &input, NULL, &result));
    assert_true(result.documents == 3000 && result.lines == 3000);
    input = (struct lib_fixture_text){(const char *)packed.p, packed.n - 5, 0};
    LIB_FAILS(&f, nacre_import(f.s, &f.c, lib_fixture_read, &input, NULL, &result), NACRE_CORRUPT,
              "ends early");
    packed.p[packed.n / 2] ^= 0xFF;
    input = (struct lib_fixture_text){(const char *)packed.p, packed.n, 0};
    // Damaged: found by zstd, or before that as lines that are no JSON.
    assert_int_not_equal(nacre_import(f.s, &f.c, lib_fixture_read, &input, NULL, &result),
                         NACRE_OK);
    buf_free(&packed);
    ctx_free(&ctx);
    free(text);
    lib_fixture_close(&f);
}

// --- export ---

struct sink {
    char *text;
    size_t n, cap;
    int fail;
};

static int write_sink(void *arg, const void *bytes, size_t size) {
    struct sink *sink = arg;
    if (sink->fail) return -1;
    assert_true(sink->n + size < sink->cap);
    memcpy(sink->text + sink->n, bytes, size);
    sink->n += size;
    sink->text[sink->n] = '\0';
    return 0;
}

static void test_export(void **state) {
    struct lib_fixture f;
    static char text[2 << 20];
    struct sink sink = {text, 0, sizeof text, 0};
    struct seen seen;
    nacre_import_result result;
    uint64_t documents;
    size_t size;
    char *lines = make_lines(20000, &size);
    (void)state;
    lib_fixture_open(&f);
    struct lib_fixture_text input = {lines, size, 0};
    LIB_OK(&f, nacre_import(f.s, &f.c, lib_fixture_read, &input, NULL, &result));
    (void)watched(&seen);
    LIB_OK(&f, nacre_export(f.s, &f.c, NULL, write_sink, &sink, note_progress, &seen, &documents));
    assert_int_equal(documents, 20000);
    assert_true(seen.last.documents == 20000 && seen.last.bytes == sink.n);
    assert_memory_equal(text, lines, size); // ids ascending, no system fields
    LIB_HAS(text + size, "{\"$end\":{\"documents\":20000,\"seq\":\"");
    // It goes in as it is.
    f.c = nacre_collection_of(NULL, "copy");
    input = (struct lib_fixture_text){text, sink.n, 0};
    LIB_OK(&f, nacre_import(f.s, &f.c, lib_fixture_read, &input, NULL, &result));
    assert_true(result.documents == 20000 && result.failed == 0);
    sink.n = 0;
    LIB_OK(&f, nacre_export(f.s, &f.c, "{\"filter\":{\"_id\":5},\"fields\":[\"n\",\"_version\"]}",
                            write_sink, &sink, NULL, NULL, NULL));
    LIB_HAS(text, "{\"_id\":5,\"n\":5,\"_version\":1}\n{\"$end\":{\"documents\":1,");
    LIB_FAILS(&f, nacre_export(f.s, &f.c, "{\"limit\":5}", write_sink, &sink, NULL, NULL, NULL),
              NACRE_INVALID_ARGUMENT, "\"pointer\":\"/limit\"");
    LIB_FAILS(&f, nacre_export(f.s, &f.c, "{\"as_of\":5}", write_sink, &sink, NULL, NULL, NULL),
              NACRE_INVALID_ARGUMENT, "/as_of");
    LIB_FAILS(&f, nacre_export(f.s, &f.c, NULL, NULL, NULL, NULL, NULL, NULL),
              NACRE_INVALID_ARGUMENT, "write is NULL");
    sink.fail = 1;
    LIB_FAILS(&f, nacre_export(f.s, &f.c, NULL, write_sink, &sink, NULL, NULL, NULL),
              NACRE_IO_ERROR, "writing the export failed");
    (void)watched(&seen);
    seen.cancel_at = 1;
    LIB_FAILS(&f, nacre_export(f.s, &f.c, NULL, write_sink, &sink, note_progress, &seen, NULL),
              NACRE_CANCELLED, "cancelled");
    free(lines);
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),     cmocka_unit_test(test_stop),
        cmocka_unit_test(test_skip),      cmocka_unit_test(test_many),
        cmocka_unit_test(test_cancel),    cmocka_unit_test(test_cancel_on_the_way),
        cmocka_unit_test(test_bad_input), cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_zstd),      cmocka_unit_test(test_export),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
