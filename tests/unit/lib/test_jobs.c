// Jobs are listed with how far they are, under the same ids after a restart, and cancelled: an
// index is gone, a schema is as it was and who waited is told, a call ends.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/lib.h"
#include "support/engine_harness.h"
#include "support/lib_fixture.h"

enum { DOCUMENTS = 1200 }; // several chunks of a build

// The library over an engine whose background runs when it is told to.
struct stand {
    struct harness h;
    struct nacre_db db;
    nacre_session *s;
    nacre_collection c;
};

static void open_session(struct stand *t) {
    t->db = (struct nacre_db){
        .engine = t->h.engine, .world = &t->h.world.world, .serial = 1, .forks = fork_watch()};
    t->c = nacre_collection_of(NULL, "c");
    assert_int_equal(nacre_session_open(&t->db, &t->s), NACRE_OK);
}

static void stand_open(struct stand *t) {
    char json[64];
    harness_open_memory(&t->h, 1);
    open_session(t);
    for (int i = 0; i < DOCUMENTS; i++) {
        snprintf(json, sizeof json, "{\"_id\":%d,\"n\":%d}", i, i);
        assert_int_equal(harness_put(&t->h, "c", json, NULL), NACRE_OK);
    }
}

static void stand_reopen(struct stand *t) {
    nacre_session_close(t->s);
    harness_reopen(&t->h);
    open_session(t);
}

static void stand_close(struct stand *t) {
    nacre_session_close(t->s);
    harness_close(&t->h);
}

static const char *jobs(struct stand *t, const char *id) {
    static const char *text; // the session's; gcc takes another for gone
    assert_int_equal(nacre_jobs(t->s, id, &text), NACRE_OK);
    return text;
}

// The id of the first one.
static void first_id(struct stand *t, char out[64]) {
    assert_int_equal(sscanf(jobs(t, NULL), "{\"items\":[{\"id\":\"%63[^\"]", out), 1);
}

static void test_index(void **state) {
    struct stand t;
    char id[64];
    const char *text;
    (void)state;
    stand_open(&t);
    assert_string_equal(jobs(&t, NULL), "{\"items\":[]}");
    assert_int_equal(nacre_index_create(t.s, &t.c, "by_n", "{\"fields\":[\"n\"]}", NULL), NACRE_OK);
    first_id(&t, id);
    LIB_HAS(jobs(&t, id), "\"kind\":\"index_build\",\"state\":\"running\",\"database\":\"main\","
                          "\"collection\":\"c\",\"index\":\"by_n\",\"documents\":0,");
    assert_int_equal(engine_tick(&t.h.ctx, t.h.engine), NACRE_OK);
    LIB_HAS(jobs(&t, id), "\"documents\":500,\"progress\":0.4167}");
    stand_reopen(&t);
    LIB_HAS(jobs(&t, NULL), id);
    LIB_HAS(jobs(&t, id), "\"state\":\"running\"");
    assert_int_equal(nacre_job_cancel(t.s, id), NACRE_OK);
    assert_string_equal(jobs(&t, NULL), "{\"items\":[]}");
    assert_int_equal(nacre_jobs(t.s, id, &text), NACRE_NOT_FOUND);
    assert_int_equal(nacre_job_cancel(t.s, id), NACRE_NOT_FOUND);
    assert_int_equal(nacre_index_describe(t.s, &t.c, "by_n", &text), NACRE_INDEX_NOT_FOUND);
    // Another, to its end: known by its id, listed no more, and not to be cancelled.
    assert_int_equal(nacre_index_create(t.s, &t.c, "by_n", "{\"fields\":[\"n\"]}", NULL), NACRE_OK);
    first_id(&t, id);
    while (!strstr(jobs(&t, id), "\"state\":\"done\""))
        assert_int_equal(engine_tick(&t.h.ctx, t.h.engine), NACRE_OK);
    assert_string_equal(jobs(&t, NULL), "{\"items\":[]}");
    assert_int_equal(nacre_job_cancel(t.s, id), NACRE_NOT_FOUND);
    assert_int_equal(nacre_index_describe(t.s, &t.c, "by_n", &text), NACRE_OK);
    stand_close(&t);
}

static void test_failed_index(void **state) {
    struct stand t;
    char id[64];
    (void)state;
    stand_open(&t);
    assert_int_equal(harness_put(&t.h, "c", "{\"_id\":\"x\",\"n\":1}", NULL), NACRE_OK);
    assert_int_equal(
        nacre_index_create(t.s, &t.c, "u", "{\"fields\":[\"n\"],\"unique\":true}", NULL), NACRE_OK);
    first_id(&t, id);
    for (int i = 0; i < 8; i++)
        assert_int_equal(engine_tick(&t.h.ctx, t.h.engine), NACRE_OK);
    LIB_HAS(jobs(&t, NULL), "\"state\":\"failed\"");
    LIB_HAS(jobs(&t, id), "\"error\":\"");
    assert_int_equal(nacre_job_cancel(t.s, id), NACRE_OK); // it is dropped
    assert_string_equal(jobs(&t, NULL), "{\"items\":[]}");
    stand_close(&t);
}

// Asked for without waiting for its end.
static void begin_schema(struct stand *t) {
    struct buf payload BUF_CLEANUP = {0};
    struct result ignored;
    struct command_catalog command = {
        .op = CATALOG_ALTER_COLLECTION,
        .database = SLICE_LIT("main"),
        .collection = SLICE_LIT("c"),
        .body = harness_bson(&t->h, "{\"schema\":{\"required\":[\"n\"]}}")};
    buf_init(&payload, NULL, SIZE_MAX);
    command_catalog_encode(&payload, &command);
    struct engine_command submitted = {.type = COMMAND_CATALOG, .payload = buf_slice(&payload)};
    assert_int_equal(engine_submit(&t->h.ctx, t->h.engine, &submitted, &ignored), NACRE_OK);
}

static void test_schema(void **state) {
    struct stand t;
    char id[64];
    const char *text;
    (void)state;
    stand_open(&t);
    begin_schema(&t);
    first_id(&t, id);
    LIB_HAS(jobs(&t, id), "\"kind\":\"schema_change\",\"state\":\"running\"");
    stand_reopen(&t);
    LIB_HAS(jobs(&t, id), "\"state\":\"running\"");
    assert_int_equal(nacre_job_cancel(t.s, id), NACRE_OK);
    LIB_HAS(jobs(&t, id), "\"state\":\"failed\"");
    LIB_HAS(jobs(&t, id), "was cancelled");
    assert_int_equal(nacre_job_cancel(t.s, id), NACRE_NOT_FOUND);
    assert_int_equal(nacre_collection_describe(t.s, &t.c, &text), NACRE_OK);
    assert_null(strstr(text, "\"checking\""));
    assert_null(strstr(text, "\"schema\":"));
    assert_int_equal(engine_tick(&t.h.ctx, t.h.engine), NACRE_OK);
    assert_int_equal(harness_put(&t.h, "c", "{\"_id\":\"y\"}", NULL), NACRE_OK);
    stand_close(&t);
}

// A call that runs stands in for a long change by filter.
static void test_call(void **state) {
    struct stand t;
    struct running running = {0};
    char id[64];
    const char *text;
    (void)state;
    stand_open(&t);
    struct target target = {.collection = SLICE_LIT("c")};
    engine_running_begin(t.h.engine, &running, "update", target, SLICE_LIT("{}"), SLICE_LIT(""));
    atomic_store(&running.rows, 7);
    first_id(&t, id);
    LIB_HAS(jobs(&t, id), "\"kind\":\"update\",\"state\":\"running\"");
    LIB_HAS(jobs(&t, id), "\"documents\":7}");
    assert_int_equal(nacre_job_cancel(t.s, id), NACRE_OK);
    assert_true(atomic_load(&running.watch.stop));
    engine_running_end(t.h.engine, &running);
    assert_int_equal(nacre_jobs(t.s, id, &text), NACRE_NOT_FOUND);
    assert_int_equal(nacre_jobs(t.s, "nonsense", &text), NACRE_NOT_FOUND);
    assert_int_equal(nacre_jobs(t.s, NULL, NULL), NACRE_INVALID_ARGUMENT);
    assert_int_equal(nacre_job_cancel(t.s, NULL), NACRE_INVALID_ARGUMENT);
    stand_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_index),
                                       cmocka_unit_test(test_failed_index),
                                       cmocka_unit_test(test_schema), cmocka_unit_test(test_call)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
