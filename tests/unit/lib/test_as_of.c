// Reads of an earlier time through nacre.h.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/lib_fixture.h"

// The time of a write as text: that of the document's version.
static void time_of(struct lib_fixture *f, int64_t id, char out[32]) {
    nacre_doc doc = {0};
    const char *json;
    LIB_OK(f, nacre_get(f->s, &f->c, nacre_id_integer(id), &doc));
    LIB_OK(f, nacre_doc_json(f->s, &doc, "_updated", &json, NULL));
    const char *at = strstr(json, "\"_updated\":\"");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "\"_updated\":\"%31[^\"]", out), 1);
    nacre_doc_release(&doc);
}

// Puts, in a millisecond of its own.
static void put(struct lib_fixture *f, int id, int n, char out[32]) {
    char json[64], before[32];
    snprintf(json, sizeof json, "{\"_id\":%d,\"n\":%d,\"m\":%d}", id, n, -n);
    LIB_OK(f, lib_fixture_put(f, json));
    time_of(f, id, before);
    do { // the last write of its millisecond is the one that counts
        LIB_OK(f, lib_fixture_put(f, "{\"_id\":0}"));
        time_of(f, 0, out);
    } while (strcmp(before, out) == 0);
    memcpy(out, before, sizeof before);
}

static void expect(struct lib_fixture *f, int id, const char *as_of, const char *want) {
    nacre_doc doc = {0};
    const char *json;
    LIB_OK(f, nacre_get_as_of(f->s, &f->c, nacre_id_integer(id), as_of, &doc));
    LIB_OK(f, nacre_doc_json(f->s, &doc, "n,_version", &json, NULL));
    assert_string_equal(json, want);
    nacre_doc_release(&doc);
}

static void rows(struct lib_fixture *f, const char *spec, const char *as_of, const char *want) {
    char text[256];
    snprintf(text, sizeof text, "{%s,\"fields\":[\"n\"],\"as_of\":\"%s\"}", spec, as_of);
    assert_string_equal(lib_fixture_rows(f, text), want);
}

static void sum_is(struct lib_fixture *f, const char *as_of, const char *want) {
    char text[256];
    nacre_cursor *cursor = NULL;
    const char *row = NULL;
    snprintf(
        text, sizeof text,
        "{\"aggregates\":{\"docs\":{\"count\":\"*\"},\"sum\":{\"sum\":\"n\"}},\"as_of\":\"%s\"}",
        as_of);
    LIB_OK(f, nacre_aggregate(f->s, &f->c, text, &cursor));
    LIB_OK(f, nacre_cursor_next(cursor, &row, NULL));
    assert_string_equal(row, want);
    nacre_cursor_close(cursor);
}

static int append(void *arg, const void *bytes, size_t size) {
    strncat(arg, bytes, size);
    return 0;
}

static void test_reads(void **state) {
    struct lib_fixture f;
    char t1[32], t2[32], t3[32], spec[200], text[512] = "";
    const char *plan;
    uint64_t count;
    nacre_doc doc = {0};
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, nacre_collection_create(f.s, &f.c,
                                       "{\"history_seconds\":3600,"
                                       "\"indexes\":[{\"name\":\"by_n\",\"fields\":[\"n\"]}]}",
                                       NULL));
    put(&f, 1, 10, t1);
    put(&f, 2, 20, t2);
    put(&f, 1, 30, t3);
    LIB_OK(&f, nacre_delete(f.s, &f.c, nacre_id_integer(2), NULL, NULL));
    for (int round = 0; round < 2; round++) {
        expect(&f, 1, t1, "{\"_id\":1,\"n\":10,\"_version\":1}");
        expect(&f, 1, t2, "{\"_id\":1,\"n\":10,\"_version\":1}");
        expect(&f, 1, t3, "{\"_id\":1,\"n\":30,\"_version\":2}");
        expect(&f, 2, t3, "{\"_id\":2,\"n\":20,\"_version\":1}");
        LIB_FAILS(&f, nacre_get_as_of(f.s, &f.c, nacre_id_integer(2), t1, &doc),
                  NACRE_DOCUMENT_NOT_FOUND, "no document");
        rows(&f, "\"filter\":\"n > 0\"", t2, "{\"_id\":1,\"n\":10}\n{\"_id\":2,\"n\":20}\n");
        rows(&f, "\"filter\":\"n = 10\"", t2, "{\"_id\":1,\"n\":10}\n");
        rows(&f, "\"filter\":\"n > 0\",\"sort\":[\"-n\"]", t3,
             "{\"_id\":1,\"n\":30}\n{\"_id\":2,\"n\":20}\n");
        rows(&f, "\"filter\":\"n > 0\",\"sort\":[\"-_id\"]", t3,
             "{\"_id\":2,\"n\":20}\n{\"_id\":1,\"n\":30}\n");
        sum_is(&f, t2, "{\"docs\":3,\"sum\":30}");
        sum_is(&f, t3, "{\"docs\":3,\"sum\":50}");
        LIB_OK(&f, nacre_count_as_of(f.s, &f.c, "n > 0", t1, &count));
        assert_int_equal(count, 1);
        LIB_OK(&f, nacre_count_as_of(f.s, &f.c, NULL, t3, &count));
        assert_int_equal(count, 3);
        LIB_OK(&f, nacre_count(f.s, &f.c, NULL, &count));
        assert_int_equal(count, 2);
        lib_fixture_reopen(&f);
    }
    snprintf(spec, sizeof spec, "{\"filter\":\"n > 0\",\"as_of\":\"%s\"}", t2);
    LIB_OK(&f, nacre_export(f.s, &f.c, spec, append, text, NULL, NULL, &count));
    LIB_HAS(text, "{\"_id\":1,\"n\":10,\"m\":-10}\n{\"_id\":2,\"n\":20,\"m\":-20}\n{\"$end\"");
    snprintf(spec, sizeof spec, "{\"count\":{\"filter\":\"n > 0\",\"as_of\":\"%s\"}}", t2);
    LIB_OK(&f, nacre_explain(f.s, &f.c, spec, &plan, NULL));
    LIB_HAS(plan, "\"rows_returned\":2");
    snprintf(spec, sizeof spec,
             "{\"aggregate\":{\"group_by\":\"n\",\"aggregates\":{},\"filter\":\"n > "
             "0\",\"as_of\":\"%s\"}}",
             t2);
    LIB_OK(&f, nacre_explain(f.s, &f.c, spec, &plan, NULL));
    LIB_HAS(plan, "\"name\":\"group\",\"rows\":2");
    lib_fixture_close(&f);
}

// What was committed up to now, whatever is written while it is read.
static void test_now(void **state) {
    struct lib_fixture f;
    char now[32];
    uint64_t count;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, nacre_collection_create(f.s, &f.c, "{\"history_seconds\":60}", NULL));
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1}"));
    time_of(&f, 1, now); // nothing was committed after it
    for (int i = 2; i < 5; i++) {
        char json[32];
        LIB_OK(&f, nacre_count_as_of(f.s, &f.c, NULL, now, &count));
        assert_int_equal(count, 1);
        snprintf(json, sizeof json, "{\"_id\":%d}", i);
        LIB_OK(&f, lib_fixture_put(&f, json));
    }
    lib_fixture_close(&f);
}

static void test_refusals(void **state) {
    struct lib_fixture f;
    char t1[32];
    nacre_doc doc = {0};
    nacre_cursor *cursor;
    uint64_t count;
    nacre_id one = nacre_id_integer(1);
    (void)state;
    lib_fixture_open(&f);
    put(&f, 1, 10, t1);
    LIB_FAILS(&f, nacre_get_as_of(f.s, &f.c, one, t1, &doc), NACRE_HISTORY_EXPIRED,
              "keeps no history");
    LIB_OK(&f, nacre_collection_alter(f.s, &f.c, "{\"history_seconds\":3600}"));
    LIB_FAILS(&f, nacre_get_as_of(f.s, &f.c, one, t1, &doc), NACRE_HISTORY_EXPIRED,
              "kept no history then");
    put(&f, 1, 20, t1);
    expect(&f, 1, t1, "{\"_id\":1,\"n\":20,\"_version\":2}");
    // Other settings do not begin it anew.
    LIB_OK(&f, nacre_collection_alter(f.s, &f.c, "{\"history_seconds\":7200}"));
    expect(&f, 1, t1, "{\"_id\":1,\"n\":20,\"_version\":2}");
    LIB_OK(&f, nacre_collection_alter(f.s, &f.c, "{\"history_seconds\":0}"));
    LIB_OK(&f, nacre_collection_alter(f.s, &f.c, "{\"history_seconds\":7200}"));
    LIB_FAILS(&f, nacre_get_as_of(f.s, &f.c, one, t1, &doc), NACRE_HISTORY_EXPIRED,
              "kept no history then");
    LIB_FAILS(&f, nacre_get_as_of(f.s, &f.c, one, "2001-01-01T00:00:00Z", &doc),
              NACRE_HISTORY_EXPIRED, "older than");
    LIB_FAILS(&f, nacre_get_as_of(f.s, &f.c, one, "2999-01-01T00:00:00Z", &doc),
              NACRE_INVALID_ARGUMENT, "to come");
    LIB_FAILS(&f, nacre_get_as_of(f.s, &f.c, one, "yesterday", &doc), NACRE_INVALID_ARGUMENT,
              "RFC 3339");
    LIB_FAILS(&f, nacre_get_as_of(f.s, &f.c, one, NULL, &doc), NACRE_INVALID_ARGUMENT, "as_of");
    LIB_FAILS(&f, nacre_count_as_of(f.s, &f.c, NULL, "x", &count), NACRE_INVALID_ARGUMENT, "as_of");
    LIB_FAILS(&f, nacre_query(f.s, &f.c, "{\"as_of\":7}", &cursor), NACRE_INVALID_ARGUMENT,
              "/as_of");
    LIB_FAILS(&f, nacre_query(f.s, &f.c, "{\"as_of\":\"2999-01-01T00:00:00Z\"}", &cursor),
              NACRE_INVALID_ARGUMENT, "to come");
    lib_fixture_close(&f);
}

// What of the past is held is told, and is no more than was asked for.
static void test_held(void **state) {
    struct lib_fixture f;
    const char *text;
    char first[32], last[32], from[32], json[64];
    nacre_doc doc = {0};
    unsigned bytes = 0;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, nacre_collection_create(f.s, &f.c, "{}", NULL));
    LIB_OK(&f, nacre_collection_describe(f.s, &f.c, &text));
    assert_null(strstr(text, "\"history"));
    LIB_OK(&f,
           nacre_collection_alter(f.s, &f.c, "{\"history_seconds\":3600,\"history_bytes\":4096}"));
    LIB_OK(&f, nacre_collection_describe(f.s, &f.c, &text));
    LIB_HAS(text, "\"history\":{\"bytes\":0,\"from\":\"20");
    LIB_HAS(text, "\"history_seconds\":3600,\"history_bytes\":4096");
    put(&f, 1, 1, first);
    for (int n = 2; n < 100; n++) {
        snprintf(json, sizeof json, "{\"_id\":1,\"n\":%d}", n);
        LIB_OK(&f, lib_fixture_put(&f, json));
    }
    time_of(&f, 1, last);
    do { // trimmed in the background
        LIB_OK(&f, nacre_collection_describe(f.s, &f.c, &text));
        text = strstr(text, "\"history\":");
        assert_non_null(text);
        assert_int_equal(
            sscanf(text, "\"history\":{\"bytes\":%u,\"from\":\"%31[^\"]", &bytes, from), 2);
    } while (bytes > 4096);
    assert_true(strcmp(first, from) < 0);
    LIB_FAILS(&f, nacre_get_as_of(f.s, &f.c, nacre_id_integer(1), first, &doc),
              NACRE_HISTORY_EXPIRED, "history");
    expect(&f, 1, last, "{\"_id\":1,\"n\":99,\"_version\":99}");
    LIB_FAILS(&f, nacre_collection_alter(f.s, &f.c, "{\"history_bytes\":1}"),
              NACRE_INVALID_ARGUMENT, "from 4096");
    lib_fixture_close(&f);
}

static void test_versions(void **state) {
    struct lib_fixture f;
    char t1[32], t2[32], want[512];
    nacre_cursor *cursor = NULL;
    nacre_id one = nacre_id_integer(1);
    const char *row, *token;
    uint64_t total;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, nacre_collection_create(f.s, &f.c, "{\"history_seconds\":3600}", NULL));
    put(&f, 1, 10, t1);
    put(&f, 1, 20, t2);
    LIB_OK(&f, nacre_delete(f.s, &f.c, one, NULL, NULL));
    LIB_OK(&f, nacre_versions(f.s, &f.c, one, &cursor));
    LIB_OK(&f, nacre_cursor_next(cursor, &row, NULL));
    LIB_HAS(row, "{\"version\":3,\"op\":\"delete\",\"time\":\"");
    assert_null(strstr(row, "document"));
    LIB_OK(&f, nacre_cursor_next(cursor, &row, NULL));
    snprintf(want, sizeof want,
             "{\"version\":2,\"op\":\"update\",\"time\":\"%s\",\"document\":{\"_id\":1,\"n\":20,"
             "\"m\":-20,\"_version\":2,\"_created\":\"%s\",\"_updated\":\"%s\"}}",
             t2, t1, t2);
    assert_string_equal(row, want);
    LIB_FAILS(&f, nacre_cursor_token(cursor, &token), NACRE_INVALID_ARGUMENT, "last row");
    LIB_OK(&f, nacre_cursor_next(cursor, &row, NULL));
    LIB_HAS(row, "{\"version\":1,\"op\":\"insert\",");
    for (int i = 0; i < 2; i++) {
        LIB_OK(&f, nacre_cursor_next(cursor, &row, NULL));
        assert_null(row);
    }
    LIB_OK(&f, nacre_cursor_token(cursor, &token));
    assert_null(token);
    LIB_FAILS(&f, nacre_cursor_total(cursor, &total), NACRE_INVALID_ARGUMENT, "total");
    nacre_cursor_close(cursor);
    LIB_FAILS(&f, nacre_versions(f.s, &f.c, nacre_id_integer(9), &cursor), NACRE_DOCUMENT_NOT_FOUND,
              "no version");
    LIB_FAILS(&f, nacre_versions(f.s, &f.c, nacre_id_string(""), &cursor), NACRE_INVALID_ARGUMENT,
              "\"id\"");
    LIB_FAILS(&f, nacre_versions(f.s, &f.c, one, NULL), NACRE_INVALID_ARGUMENT, "cursor");
    LIB_OK(&f, nacre_tx_begin(f.s, NULL));
    LIB_FAILS(&f, nacre_versions(f.s, &f.c, one, &cursor), NACRE_INVALID_ARGUMENT, "transaction");
    LIB_OK(&f, nacre_tx_rollback(f.s));
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),    cmocka_unit_test(test_now),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_held),
        cmocka_unit_test(test_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
