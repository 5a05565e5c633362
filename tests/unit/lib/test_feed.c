// Change feeds through nacre.h: order, images, filters, tokens, following.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/lib_fixture.h"

static nacre_feed *feed_open(struct lib_fixture *f, const char *spec) {
    nacre_feed *feed = NULL;
    LIB_OK(f, nacre_changes(f->s, &f->c, spec, &feed));
    return feed;
}

static const char *feed_next(struct lib_fixture *f, nacre_feed *feed) {
    const char *change = NULL;
    LIB_OK(f, nacre_feed_next(feed, 0, &change, NULL));
    return change;
}

// op, id and version of every change, as in "insert 1 1;delete 1 2;".
static char *feed_read(struct lib_fixture *f, nacre_feed *feed, char *out, size_t size) {
    const char *c = NULL;
    size_t n = 0;
    out[0] = '\0';
    for (;;) {
        LIB_OK(f, nacre_feed_next(feed, 0, &c, NULL));
        if (!c) return out;
        char op[16];
        long long id, version;
        const char *at = strstr(c, "\"op\":\"");
        assert_non_null(at);
        assert_int_equal(
            sscanf(at, "\"op\":\"%15[a-z]\",\"id\":%lld,\"version\":%lld,", op, &id, &version), 3);
        n += (size_t)snprintf(out + n, size - n, "%s %lld %lld%s;", op, id, version,
                              strstr(c, "\"document\":{") ? "" : " -");
        assert_true(n < size);
    }
}

static char *feed_all(struct lib_fixture *f, const char *spec, char *out, size_t size) {
    nacre_feed *feed = feed_open(f, spec);
    feed_read(f, feed, out, size);
    nacre_feed_close(feed);
    return out;
}

static void write_some(struct lib_fixture *f) {
    LIB_OK(f, lib_fixture_put(f, "{\"_id\":1,\"n\":1}"));
    LIB_OK(f, lib_fixture_put(f, "{\"_id\":2,\"n\":2}"));
    LIB_OK(f, lib_fixture_put(f, "{\"_id\":1,\"n\":3}"));
    LIB_OK(f, nacre_delete(f->s, &f->c, nacre_id_integer(2), NULL, NULL));
}

static void test_order(void **state) {
    struct lib_fixture f;
    char text[512];
    (void)state;
    lib_fixture_open(&f);
    write_some(&f);
    // Bodies of earlier versions are not kept without history_seconds.
    assert_string_equal(feed_all(&f, NULL, text, sizeof text),
                        "insert 1 1 -;insert 2 1 -;update 1 2;delete 2 2 -;");
    lib_fixture_reopen(&f);
    nacre_feed *feed = feed_open(&f, "{}");
    LIB_HAS(feed_next(&f, feed), "{\"seq\":\"");
    (void)feed_next(&f, feed);
    const char *change = feed_next(&f, feed);
    LIB_HAS(change, "\"time\":\"20");
    LIB_HAS(change, "\"document\":{\"_id\":1,\"n\":3,\"_version\":2,");
    // What is written now is not of the feed that was opened before.
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":3,\"n\":1}"));
    assert_string_equal(feed_read(&f, feed, text, sizeof text), "delete 2 2 -;");
    assert_null(feed_next(&f, feed));
    nacre_feed_close(feed);
    lib_fixture_close(&f);
}

static void test_history(void **state) {
    struct lib_fixture f;
    char text[512];
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, nacre_collection_create(f.s, &f.c, "{\"history_seconds\":3600}", NULL));
    write_some(&f);
    assert_string_equal(feed_all(&f, NULL, text, sizeof text),
                        "insert 1 1;insert 2 1;update 1 2;delete 2 2 -;");
    // Before or after; deletes always.
    assert_string_equal(feed_all(&f, "{\"filter\":\"n = 1\"}", text, sizeof text),
                        "insert 1 1;update 1 2;delete 2 2 -;");
    assert_string_equal(feed_all(&f, "{\"filter\":{\"n\":3}}", text, sizeof text),
                        "update 1 2;delete 2 2 -;");
    assert_string_equal(feed_all(&f, "{\"filter\":{\"n\":9}}", text, sizeof text), "delete 2 2 -;");
    lib_fixture_close(&f);
}

// After every change the token goes on with the next one, also in a database opened anew.
static void test_tokens(void **state) {
    static const char *const rest[] = {"insert 2 1 -;update 1 2;delete 2 2 -;",
                                       "update 1 2;delete 2 2 -;", "delete 2 2 -;", ""};
    struct lib_fixture f;
    char text[512], spec[4][96], end[96];
    const char *token;
    (void)state;
    lib_fixture_open(&f);
    write_some(&f);
    nacre_feed *feed = feed_open(&f, NULL);
    for (int i = 0; i < 4; i++) {
        char seq[64];
        const char *change = feed_next(&f, feed);
        assert_int_equal(sscanf(change, "{\"seq\":\"%63[^\"]", seq), 1);
        LIB_OK(&f, nacre_feed_token(feed, &token));
        assert_string_equal(seq, token);
        snprintf(spec[i], sizeof spec[i], "{\"since\":\"%s\"}", seq);
    }
    assert_null(feed_next(&f, feed));
    LIB_OK(&f, nacre_feed_token(feed, &token));
    snprintf(end, sizeof end, "{\"since\":\"%s\"}", token);
    nacre_feed_close(feed);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4; i++)
            assert_string_equal(feed_all(&f, spec[i], text, sizeof text), rest[i]);
        assert_string_equal(feed_all(&f, end, text, sizeof text), "");
        lib_fixture_reopen(&f);
    }
    lib_fixture_close(&f);
}

// A write's sequence stands after all it did; the changes of a batch have places of their own.
static void test_sequences(void **state) {
    struct lib_fixture f;
    char text[512], spec[96];
    const char *out, *token;
    nacre_result result;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, nacre_put(f.s, &f.c, NULL, "{\"_id\":1}", 9, NULL, &result));
    snprintf(spec, sizeof spec, "{\"since\":\"%s\"}", result.sequence);
    LIB_OK(&f, lib_fixture_batch(&f,
                                 "{\"operations\":[{\"op\":\"put\",\"id\":2,\"document\":{}},"
                                 "{\"op\":\"put\",\"id\":3,\"document\":{}},"
                                 "{\"op\":\"delete\",\"id\":1}]}",
                                 &out));
    assert_string_equal(feed_all(&f, spec, text, sizeof text),
                        "insert 2 1;insert 3 1;delete 1 2 -;");
    nacre_feed *feed = feed_open(&f, spec);
    (void)feed_next(&f, feed);
    LIB_OK(&f, nacre_feed_token(feed, &token));
    snprintf(spec, sizeof spec, "{\"since\":\"%s\"}", token);
    nacre_feed_close(feed);
    assert_string_equal(feed_all(&f, spec, text, sizeof text), "insert 3 1;delete 1 2 -;");
    lib_fixture_close(&f);
}

static void test_refusals(void **state) {
    struct lib_fixture f;
    nacre_feed *feed = NULL;
    const char *out;
    (void)state;
    lib_fixture_open(&f);
    LIB_FAILS(&f, nacre_changes(f.s, &f.c, NULL, &feed), NACRE_COLLECTION_NOT_FOUND, "things");
    write_some(&f);
    LIB_FAILS(&f, nacre_changes(f.s, &f.c, NULL, NULL), NACRE_INVALID_ARGUMENT, "out is NULL");
    LIB_FAILS(&f, nacre_changes(f.s, &f.c, "{\"sinc\":\"x\"}", &feed), NACRE_INVALID_ARGUMENT,
              "since");
    LIB_FAILS(&f, nacre_changes(f.s, &f.c, "{\"since\":\"x\"}", &feed), NACRE_INVALID_ARGUMENT,
              "no token");
    LIB_FAILS(&f, nacre_changes(f.s, &f.c, "{\"since\":7}", &feed), NACRE_INVALID_ARGUMENT,
              "/since");
    LIB_FAILS(&f, nacre_changes(f.s, &f.c, "{\"filter\":\"n >\"}", &feed), NACRE_INVALID_FILTER,
              "\"code\":\"invalid_filter\"");
    LIB_FAILS(&f, nacre_changes(f.s, &f.c, "{\"follow\":1}", &feed), NACRE_INVALID_ARGUMENT,
              "/follow");
    // A sequence that this log does not hold: it was another database's, or lost.
    struct lib_fixture other;
    nacre_result result;
    char spec[96];
    lib_fixture_open(&other);
    write_some(&other);
    write_some(&other);
    LIB_OK(&other, nacre_put(other.s, &other.c, NULL, "{\"_id\":9}", 9, NULL, &result));
    snprintf(spec, sizeof spec, "{\"since\":\"%s\"}", result.sequence);
    LIB_FAILS(&f, nacre_changes(f.s, &f.c, spec, &feed), NACRE_HISTORY_EXPIRED, "since");
    lib_fixture_close(&other);
    assert_null(feed);
    feed = feed_open(&f, "{\"follow\":true}");
    LIB_FAILS(&f, nacre_feed_next(feed, -2, &out, NULL), NACRE_INVALID_ARGUMENT, "wait_ms");
    LIB_FAILS(&f, nacre_feed_next(feed, 0, NULL, NULL), NACRE_INVALID_ARGUMENT, "out is NULL");
    LIB_OK(&f, nacre_collection_drop(f.s, &f.c));
    LIB_FAILS(&f, nacre_feed_next(feed, -1, &out, NULL), NACRE_COLLECTION_NOT_FOUND, "dropped");
    lib_fixture_close(&f); // closes the feed too
}

static void test_follow(void **state) {
    struct lib_fixture f;
    char text[512];
    const char *out;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1}"));
    nacre_feed *feed = feed_open(&f, "{\"follow\":true}");
    assert_null(feed_next(&f, feed));
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":2}"));
    LIB_OK(&f, nacre_feed_next(feed, -1, &out, NULL));
    LIB_HAS(out, "\"op\":\"insert\",\"id\":2,\"version\":1");
    // Given only once it is durable, which comes by itself.
    LIB_OK(&f, nacre_put(f.s, &f.c, NULL, "{\"_id\":3}", 9,
                         &(nacre_write){.durability = NACRE_MEMORY}, NULL));
    LIB_OK(&f, nacre_feed_next(feed, -1, &out, NULL));
    LIB_HAS(out, "\"op\":\"insert\",\"id\":3,\"version\":1");
    assert_string_equal(feed_read(&f, feed, text, sizeof text), "");
    nacre_session_timeout(f.s, 20);
    LIB_FAILS(&f, nacre_feed_next(feed, -1, &out, NULL), NACRE_TIMEOUT, "timeout");
    nacre_session_timeout(f.s, 0);
    nacre_session_cancel(f.s);
    LIB_FAILS(&f, nacre_feed_next(feed, -1, &out, NULL), NACRE_CANCELLED, "cancelled");
    nacre_session_clear_cancel(f.s);
    nacre_feed_close(feed);
    lib_fixture_close(&f);
}

// --- followers beside writers ---

enum { WRITERS = 3, FOLLOWERS = 2, WRITES = 200, IDS = 7 };

struct follower {
    struct lib_fixture *f;
    nacre_session *s;
    nacre_feed *feed;
    uint64_t last[WRITERS * IDS]; // version
    int seen, problems;
};

static void *follow(void *arg) {
    struct follower *w = arg;
    const char *change;
    while (w->seen < WRITERS * WRITES) {
        if (nacre_feed_next(w->feed, -1, &change, NULL) != NACRE_OK) {
            w->problems++;
            return NULL;
        }
        unsigned long long id, version;
        const char *at = strstr(change, "\"id\":");
        if (!at || sscanf(at, "\"id\":%llu,\"version\":%llu", &id, &version) != 2 ||
            id >= WRITERS * IDS || version != w->last[id] + 1)
            w->problems++;
        else
            w->last[id] = version;
        w->seen++;
    }
    return NULL;
}

struct writer {
    struct lib_fixture *f;
    int number, problems;
};

static void *write_many(void *arg) {
    struct writer *w = arg;
    nacre_session *s;
    nacre_collection c = nacre_collection_of(NULL, "things");
    if (nacre_session_open(w->f->db, &s) != NACRE_OK) return NULL;
    for (int i = 0; i < WRITES; i++) {
        char json[32];
        int n = snprintf(json, sizeof json, "{\"_id\":%d}", w->number * IDS + i % IDS);
        nacre_write options = {.durability = i % 2 ? NACRE_MEMORY : NACRE_SYNCED};
        w->problems += nacre_put(s, &c, NULL, json, (size_t)n, &options, NULL) != NACRE_OK;
    }
    nacre_session_close(s);
    return NULL;
}

// Every change once, and per document in order.
static void test_many(void **state) {
    struct lib_fixture f;
    struct follower followers[FOLLOWERS] = {0};
    struct writer writers[WRITERS] = {0};
    pthread_t threads[FOLLOWERS + WRITERS];
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, nacre_collection_create(f.s, &f.c, NULL, NULL));
    for (int i = 0; i < FOLLOWERS; i++) {
        struct follower *w = &followers[i];
        w->f = &f;
        assert_int_equal(nacre_session_open(f.db, &w->s), NACRE_OK);
        assert_int_equal(nacre_changes(w->s, &f.c, "{\"follow\":true}", &w->feed), NACRE_OK);
        assert_int_equal(pthread_create(&threads[i], NULL, follow, w), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.f = &f, .number = i};
        assert_int_equal(pthread_create(&threads[FOLLOWERS + i], NULL, write_many, &writers[i]), 0);
    }
    for (int i = 0; i < FOLLOWERS + WRITERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(writers[i].problems, 0);
    for (int i = 0; i < FOLLOWERS; i++) {
        assert_int_equal(followers[i].problems, 0);
        assert_int_equal(followers[i].seen, WRITERS * WRITES);
        nacre_session_close(followers[i].s);
    }
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),    cmocka_unit_test(test_history),
        cmocka_unit_test(test_tokens),   cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_follow),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
