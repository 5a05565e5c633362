// Live queries through nacre.h: first rows, messages, bounds, waiting, and a model of the result.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/lib_fixture.h"

enum { PATIENCE_MS = 60000 }; // a message that should come and does not fails the test

static nacre_live *live_open(struct lib_fixture *f, const char *spec) {
    nacre_live *live = NULL;
    LIB_OK(f, nacre_live_open(f->s, &f->c, spec, &live));
    return live;
}

// op and id of the next messages, as in "enter 1;ready;". Waits for each of them.
static const char *live_read(struct lib_fixture *f, nacre_live *live, int count) {
    static char out[512];
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < count; i++) {
        const char *message = NULL;
        char op[16];
        long long id;
        LIB_OK(f, nacre_live_next(live, PATIENCE_MS, &message, NULL));
        if (!message) fail_msg("nothing came after %s", out);
        int got = sscanf(message, "{\"op\":\"%15[a-z]\",\"id\":%lld,", op, &id);
        assert_true(got >= 1);
        if (got == 2)
            n += (size_t)snprintf(out + n, sizeof out - n, "%s %lld;", op, id);
        else
            n += (size_t)snprintf(out + n, sizeof out - n, "%s;", op);
        bool has = strcmp(op, "enter") == 0 || strcmp(op, "update") == 0;
        assert_int_equal(strstr(message, "\"document\":{\"_id\":") != NULL, has);
        assert_true(n < sizeof out);
    }
    return out;
}

static void nothing_comes(struct lib_fixture *f, nacre_live *live) {
    const char *message = "";
    size_t size = 1;
    LIB_OK(f, nacre_live_next(live, 0, &message, &size));
    if (message) fail_msg("there came %s", message);
    assert_int_equal(size, 0);
}

static void put_n(struct lib_fixture *f, int id, int n) {
    char json[64];
    snprintf(json, sizeof json, "{\"_id\":%d,\"n\":%d}", id, n);
    LIB_OK(f, lib_fixture_put(f, json));
}

static void remove_id(struct lib_fixture *f, int id) {
    LIB_OK(f, nacre_delete(f->s, &f->c, nacre_id_integer(id), NULL, NULL));
}

static void open_with_history(struct lib_fixture *f) {
    lib_fixture_open(f);
    LIB_OK(f, nacre_collection_create(f->s, &f->c, "{\"history_seconds\":3600}", NULL));
    for (int i = 1; i <= 4; i++)
        put_n(f, i, i);
}

static void test_messages(void **state) {
    struct lib_fixture f;
    (void)state;
    open_with_history(&f);
    nacre_live *live = live_open(&f, "{\"filter\":\"n > 2\"}");
    // Written after the snapshot and before its rows are read: told after "ready".
    put_n(&f, 3, 1);
    put_n(&f, 1, 9);
    assert_string_equal(live_read(&f, live, 3), "enter 3;enter 4;ready;");
    assert_string_equal(live_read(&f, live, 2), "leave 3;enter 1;");
    nothing_comes(&f, live);
    put_n(&f, 4, 5);
    put_n(&f, 2, 0); // was not in it and is not
    remove_id(&f, 2);
    put_n(&f, 4, 0);
    put_n(&f, 4, 7);
    remove_id(&f, 4);
    put_n(&f, 4, 8);
    put_n(&f, 5, 3);
    assert_string_equal(live_read(&f, live, 6),
                        "update 4;leave 4;enter 4;leave 4;enter 4;enter 5;");
    nothing_comes(&f, live);
    nacre_live_close(live);
    nacre_live_close(NULL);
    lib_fixture_close(&f);
}

// Without history a version that was superseded is passed over; what comes is still the result.
static void test_superseded(void **state) {
    struct lib_fixture f;
    (void)state;
    lib_fixture_open(&f);
    put_n(&f, 1, 3);
    nacre_live *live = live_open(&f, NULL),
               *big = live_open(&f, "{\"filter\":{\"n\":{\"$gt\":2}}}");
    assert_string_equal(live_read(&f, live, 2), "enter 1;ready;");
    assert_string_equal(live_read(&f, big, 2), "enter 1;ready;");
    put_n(&f, 1, 0);
    put_n(&f, 1, 4);
    put_n(&f, 2, 4);
    put_n(&f, 2, 0);
    put_n(&f, 3, 5);
    assert_string_equal(live_read(&f, live, 3), "update 1;enter 2;enter 3;");
    assert_string_equal(live_read(&f, big, 2), "update 1;enter 3;");
    lib_fixture_close(&f); // closes them too
}

// Fields as in queries, and seq as a since of change feeds.
static void test_shape(void **state) {
    struct lib_fixture f;
    const char *message;
    char spec[96], seq[64];
    nacre_feed *feed = NULL;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":\"a\",\"n\":1,\"x\":{\"y\":2,\"z\":3}}"));
    nacre_live *live = live_open(&f, "{\"fields\":[\"x.y\"],\"filter\":\"n = 1\"}");
    LIB_OK(&f, nacre_live_next(live, 0, &message, NULL));
    assert_string_equal(message, "{\"op\":\"enter\",\"id\":\"a\","
                                 "\"document\":{\"_id\":\"a\",\"x\":{\"y\":2}}}");
    LIB_OK(&f, nacre_live_next(live, 0, &message, NULL));
    assert_int_equal(sscanf(message, "{\"op\":\"ready\",\"seq\":\"%63[^\"]\"}", seq), 1);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":\"b\",\"n\":1,\"x\":{\"y\":7}}"));
    LIB_OK(&f, nacre_live_next(live, -1, &message, NULL));
    LIB_HAS(message, "{\"op\":\"enter\",\"id\":\"b\",\"seq\":\"");
    LIB_HAS(message, "\"document\":{\"_id\":\"b\",\"x\":{\"y\":7}}}");
    snprintf(spec, sizeof spec, "{\"since\":\"%s\"}", seq);
    LIB_OK(&f, nacre_changes(f.s, &f.c, spec, &feed));
    LIB_OK(&f, nacre_feed_next(feed, 0, &message, NULL));
    LIB_HAS(message, "\"op\":\"insert\",\"id\":\"b\"");
    LIB_OK(&f, nacre_feed_next(feed, 0, &message, NULL));
    assert_null(message);
    lib_fixture_close(&f);
}

static void test_bound(void **state) {
    struct lib_fixture f;
    const char *message;
    (void)state;
    open_with_history(&f);
    nacre_live *small = live_open(&f, "{\"max_rows\":3}");
    nacre_live *live = live_open(&f, "{\"max_rows\":4}");
    assert_string_equal(live_read(&f, small, 3), "enter 1;enter 2;enter 3;");
    for (int i = 0; i < 2; i++)
        LIB_FAILS(&f, nacre_live_next(small, 0, &message, NULL), NACRE_REQUEST_TOO_LARGE,
                  "more than 3 documents", "max_rows");
    assert_string_equal(live_read(&f, live, 5), "enter 1;enter 2;enter 3;enter 4;ready;");
    // What leaves makes room.
    remove_id(&f, 1);
    put_n(&f, 5, 1);
    assert_string_equal(live_read(&f, live, 2), "leave 1;enter 5;");
    put_n(&f, 6, 1);
    remove_id(&f, 2);
    for (int i = 0; i < 2; i++)
        LIB_FAILS(&f, nacre_live_next(live, -1, &message, NULL), NACRE_REQUEST_TOO_LARGE,
                  "more than 4 documents", "max_rows");
    lib_fixture_close(&f);
}

static void test_waiting(void **state) {
    struct lib_fixture f;
    const char *message;
    (void)state;
    open_with_history(&f);
    nacre_live *live = live_open(&f, "{\"filter\":\"n = 1\"}");
    assert_string_equal(live_read(&f, live, 2), "enter 1;ready;");
    nacre_session_timeout(f.s, 20);
    LIB_FAILS(&f, nacre_live_next(live, -1, &message, NULL), NACRE_TIMEOUT, "timeout");
    nacre_session_timeout(f.s, 0);
    nacre_session_cancel(f.s);
    LIB_FAILS(&f, nacre_live_next(live, -1, &message, NULL), NACRE_CANCELLED, "cancelled");
    nacre_session_clear_cancel(f.s);
    LIB_OK(&f, nacre_live_next(live, 5, &message, NULL));
    assert_null(message);
    // A wait that was broken off is taken up again, with nothing lost.
    put_n(&f, 2, 1);
    assert_string_equal(live_read(&f, live, 1), "enter 2;");
    LIB_OK(&f, nacre_collection_drop(f.s, &f.c));
    for (int i = 0; i < 2; i++)
        LIB_FAILS(&f, nacre_live_next(live, -1, &message, NULL), NACRE_COLLECTION_NOT_FOUND,
                  "dropped");
    lib_fixture_close(&f);
}

static void refuses(struct lib_fixture *f, const char *spec, nacre_status status,
                    const char *text) {
    nacre_live *live = NULL;
    LIB_FAILS(f, nacre_live_open(f->s, &f->c, spec, &live), status, text);
    assert_null(live);
}

static void test_refusals(void **state) {
    struct lib_fixture f;
    const char *message;
    (void)state;
    lib_fixture_open(&f);
    refuses(&f, NULL, NACRE_COLLECTION_NOT_FOUND, "things");
    put_n(&f, 1, 1);
    LIB_FAILS(&f, nacre_live_open(f.s, &f.c, NULL, NULL), NACRE_INVALID_ARGUMENT, "out is NULL");
    refuses(&f, "{\"sort\":\"n\"}", NACRE_INVALID_ARGUMENT, "a live query has no sort");
    refuses(&f, "{\"limit\":5}", NACRE_INVALID_ARGUMENT, "a live query has no limit");
    refuses(&f, "{\"as_of\":\"-1m\"}", NACRE_INVALID_ARGUMENT, "a live query has no as_of");
    refuses(&f, "{\"filtr\":{}}", NACRE_INVALID_ARGUMENT, "filter");
    refuses(&f, "{\"filter\":\"n >\"}", NACRE_INVALID_FILTER, "\"code\":\"invalid_filter\"");
    refuses(&f, "{\"filter\":{\"n\":{\"$gtt\":1}}}", NACRE_INVALID_FILTER, "/filter/n/$gtt");
    refuses(&f, "{\"filter\":7}", NACRE_INVALID_ARGUMENT, "/filter");
    refuses(&f, "{\"fields\":[7]}", NACRE_INVALID_ARGUMENT, "/fields/0");
    refuses(&f, "{\"max_rows\":0}", NACRE_INVALID_ARGUMENT, "/max_rows");
    refuses(&f, "{\"max_rows\":1000001}", NACRE_INVALID_ARGUMENT, "/max_rows");
    refuses(&f, "{", NACRE_INVALID_JSON, "invalid_json");
    LIB_OK(&f, nacre_tx_begin(f.s, NULL));
    refuses(&f, NULL, NACRE_INVALID_ARGUMENT, "transaction");
    LIB_OK(&f, nacre_tx_rollback(f.s));
    nacre_live *live = live_open(&f, "");
    assert_int_equal(nacre_live_open(NULL, &f.c, NULL, &live), NACRE_INVALID_ARGUMENT);
    assert_int_equal(nacre_live_next(NULL, 0, &message, NULL), NACRE_INVALID_ARGUMENT);
    LIB_FAILS(&f, nacre_live_next(live, -2, &message, NULL), NACRE_INVALID_ARGUMENT, "wait_ms");
    LIB_FAILS(&f, nacre_live_next(live, 0, NULL, NULL), NACRE_INVALID_ARGUMENT, "out is NULL");
    assert_string_equal(live_read(&f, live, 2), "enter 1;ready;"); // those ended nothing
    lib_fixture_close(&f);
}

// --- a model of the result, beside writers ---

enum { WRITERS = 3, READERS = 2, WRITES = 300, IDS = 20, ALL_IDS = WRITERS * IDS, LAST = ALL_IDS };

struct reader {
    struct lib_fixture *f;
    nacre_session *s;
    int versions[ALL_IDS + 1]; // in the result; 0: not in it
    int problems, opened;
};

static int version_of(const char *json) {
    int version = 0;
    const char *at = strstr(json, "\"_version\":");
    return at && sscanf(at, "\"_version\":%d", &version) == 1 ? version : 0;
}

// Applies a message. A document enters only if it is not there, the others only if it is.
static bool apply(struct reader *r, const char *message) {
    char op[16];
    int id;
    if (sscanf(message, "{\"op\":\"%15[a-z]\",\"id\":%d,", op, &id) != 2 || id < 0 || id > LAST)
        return false;
    bool was = r->versions[id] != 0, enters = strcmp(op, "enter") == 0;
    if (was == enters) return false;
    if (strcmp(op, "leave") == 0) {
        r->versions[id] = 0;
        return true;
    }
    int version = version_of(message), before = r->versions[id];
    r->versions[id] = version;
    return version > before;
}

// Reads until `messages` have come after "ready" (-1: any number), or the last document is there.
static bool run_live(struct reader *r, int messages) {
    nacre_collection c = nacre_collection_of(NULL, "things");
    nacre_live *live;
    bool ready = false;
    memset(r->versions, 0, sizeof r->versions);
    r->opened++;
    if (nacre_live_open(r->s, &c, "{\"filter\":\"n < 5\"}", &live) != NACRE_OK) return false;
    while (!ready || (messages && !r->versions[LAST])) {
        const char *message = NULL;
        if (nacre_live_next(live, PATIENCE_MS, &message, NULL) != NACRE_OK || !message)
            return false;
        if (strstr(message, "{\"op\":\"ready\"")) {
            ready = true;
            continue;
        }
        if (!apply(r, message)) return false;
        if (ready && messages > 0) messages--;
    }
    nacre_live_close(live);
    return true;
}

static void *read_on(void *arg) {
    struct reader *r = arg;
    bool good = true;
    while (good && !r->versions[LAST])
        good = run_live(r, r->opened < 8 ? 10 : -1);
    r->problems = !good;
    return NULL;
}

struct writer {
    struct lib_fixture *f;
    uint64_t random;
    int number, problems;
};

static unsigned pick(struct writer *w, unsigned below) {
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(w->random >> 33) % below;
}

static void *write_many(void *arg) {
    struct writer *w = arg;
    nacre_session *s;
    nacre_collection c = nacre_collection_of(NULL, "things");
    if (nacre_session_open(w->f->db, &s) != NACRE_OK) return NULL;
    for (int i = 0; i < WRITES; i++) {
        char json[64];
        int id = w->number * IDS + (int)pick(w, IDS);
        nacre_write options = {.durability = i % 8 ? NACRE_MEMORY : NACRE_SYNCED};
        int n = snprintf(json, sizeof json, "{\"_id\":%d,\"n\":%u}", id, pick(w, 10));
        nacre_status status = pick(w, 4)
                                  ? nacre_put(s, &c, NULL, json, (size_t)n, &options, NULL)
                                  : nacre_delete(s, &c, nacre_id_integer(id), &options, NULL);
        w->problems += status != NACRE_OK && status != NACRE_DOCUMENT_NOT_FOUND;
    }
    nacre_session_close(s);
    return NULL;
}

// What a query gives in the end is what the messages made.
static void check_result(struct lib_fixture *f, const struct reader *r) {
    nacre_cursor *rows;
    const char *row;
    int versions[ALL_IDS + 1] = {0};
    LIB_OK(f, nacre_query(f->s, &f->c, "{\"filter\":\"n < 5\",\"limit\":1000}", &rows));
    for (;;) {
        int id;
        LIB_OK(f, nacre_cursor_next(rows, &row, NULL));
        if (!row) break;
        assert_int_equal(sscanf(row, "{\"_id\":%d,", &id), 1);
        versions[id] = version_of(row);
    }
    nacre_cursor_close(rows);
    for (int id = 0; id <= LAST; id++)
        if (versions[id] != r->versions[id])
            fail_msg("document %d: version %d, by messages %d", id, versions[id], r->versions[id]);
}

static void run_model(struct lib_fixture *f, uint64_t seed) {
    struct reader readers[READERS] = {0};
    struct writer writers[WRITERS] = {0};
    pthread_t threads[READERS + WRITERS];
    for (int i = 0; i < READERS; i++) {
        readers[i].f = f;
        assert_int_equal(nacre_session_open(f->db, &readers[i].s), NACRE_OK);
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.f = f, .number = i, .random = seed + (uint64_t)i};
        assert_int_equal(pthread_create(&threads[READERS + i], NULL, write_many, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[READERS + i], NULL);
    put_n(f, LAST, 0); // after everything else: who sees it has seen all
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(writers[i].problems, 0);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(readers[i].problems, 0);
        check_result(f, &readers[i]);
        nacre_session_close(readers[i].s);
    }
}

static void test_model(void **state) {
    static const char *const specs[] = {NULL, "{\"history_seconds\":3600}"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct lib_fixture f;
        lib_fixture_open(&f);
        LIB_OK(&f, nacre_collection_create(f.s, &f.c, specs[i], NULL));
        run_model(&f, 7 + (uint64_t)i);
        lib_fixture_close(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages), cmocka_unit_test(test_superseded),
        cmocka_unit_test(test_shape),    cmocka_unit_test(test_bound),
        cmocka_unit_test(test_waiting),  cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
