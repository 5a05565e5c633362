// What runs is listed with what it is about, and cancelled from another session: a call that runs,
// a cursor that is idle, one in a transaction. Afterwards nothing is held: memory is what it was
// and the database closes.
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err/ctx.h"
#include "base/os/thread.h"
#include "support/lib_fixture.h"

enum { DOCUMENTS = 3000 };

struct pair {
    struct lib_fixture f;
    nacre_session *other;
};

static void open_pair(struct pair *p) {
    nacre_write w = {.durability = NACRE_MEMORY};
    char json[400];
    lib_fixture_open(&p->f);
    assert_int_equal(nacre_session_open(p->f.db, &p->other), NACRE_OK);
    for (int i = 0; i < DOCUMENTS; i++) {
        nacre_id id = nacre_id_integer(i);
        int n = snprintf(json, sizeof json, "{\"n\":%d,\"pad\":\"%0300d\"}", i, i);
        LIB_OK(&p->f, nacre_put(p->f.s, &p->f.c, &id, json, (size_t)n, &w, NULL));
    }
}

static void close_pair(struct pair *p) {
    nacre_session_close(p->other);
    lib_fixture_close(&p->f);
}

static const char *running(nacre_session *s) {
    static const char *text; // the session's; gcc takes another for gone
    assert_int_equal(nacre_running(s, &text), NACRE_OK);
    return text;
}

// The id of the first that does op.
static bool find(nacre_session *s, const char *op, char id[24]) {
    char part[40];
    const char *text = running(s);
    snprintf(part, sizeof part, "\",\"op\":\"%s\"", op);
    const char *at = strstr(text, part);
    if (!at) return false;
    const char *from = at;
    while (from[-1] != '"')
        from--;
    snprintf(id, 24, "%.*s", (int)(at - from), from);
    return true;
}

static uint64_t memory(nacre_session *s) {
    const char *text;
    assert_int_equal(nacre_stats(s, &text), NACRE_OK);
    return strtoull(strstr(text, "\"memory\":{\"used_bytes\":") + 23, NULL, 10);
}

static void lists_cursors(void **state) {
    (void)state;
    struct pair p;
    nacre_cursor *cursor, *groups;
    const char *row;
    open_pair(&p);
    assert_string_equal(running(p.other), "{\"items\":[]}");
    LIB_OK(&p.f, nacre_query(p.f.s, &p.f.c, "{\"filter\":\"n > 5\",\"limit\":10}", &cursor));
    LIB_OK(&p.f, nacre_cursor_next(cursor, &row, NULL));
    LIB_OK(&p.f, nacre_cursor_next(cursor, &row, NULL));
    LIB_OK(&p.f,
           nacre_aggregate(p.f.s, &p.f.c, "{\"aggregates\":{\"c\":{\"count\":\"*\"}}}", &groups));
    const char *text = running(p.other);
    LIB_HAS(text, "{\"items\":[{\"id\":\"");
    LIB_HAS(text, "\"op\":\"query\",\"database\":\"main\",\"collection\":\"things\"");
    LIB_HAS(text, "\"request\":\"{\\\"filter\\\":\\\"n > 5\\\",\\\"limit\\\":10}\"");
    LIB_HAS(text, "\"rows\":2,");
    LIB_HAS(text, "\"op\":\"aggregate\"");
    assert_true(strstr(text, "\"query\"") < strstr(text, "\"aggregate\""));
    nacre_cursor_close(cursor);
    assert_null(strstr(running(p.other), "\"op\":\"query\""));
    nacre_cursor_close(groups);
    assert_string_equal(running(p.f.s), "{\"items\":[]}");
    close_pair(&p);
}

static void cancels_an_idle_cursor(void **state) {
    (void)state;
    struct pair p;
    nacre_cursor *cursor;
    const char *row, *token;
    char id[24], kept[64];
    open_pair(&p);
    uint64_t before = memory(p.other);
    // Sorted without an index: all rows are held.
    LIB_OK(&p.f, nacre_query(p.f.s, &p.f.c, "{\"sort\":[\"-pad\"],\"limit\":2500}", &cursor));
    LIB_OK(&p.f, nacre_cursor_next(cursor, &row, NULL));
    snprintf(kept, sizeof kept, "%.60s", row);
    assert_true(memory(p.other) > before + 200000);
    assert_true(find(p.other, "query", id));
    assert_int_equal(nacre_running_cancel(p.other, id), NACRE_OK);
    assert_true(memory(p.other) < before + 100000);        // at once
    assert_int_equal(strncmp(row, kept, strlen(kept)), 0); // a row that was given stays
    assert_int_equal(nacre_running_cancel(p.other, id), NACRE_NOT_FOUND);
    LIB_FAILS(&p.f, nacre_cursor_next(cursor, &row, NULL), NACRE_CANCELLED, "another session");
    LIB_FAILS(&p.f, nacre_cursor_next(cursor, &row, NULL), NACRE_CANCELLED, "another session");
    LIB_FAILS(&p.f, nacre_cursor_token(cursor, &token), NACRE_INVALID_ARGUMENT, "last row");
    assert_null(strstr(running(p.other), "\"op\":\"query\""));
    nacre_cursor_close(cursor);
    // The session goes on.
    uint64_t n;
    LIB_OK(&p.f, nacre_count(p.f.s, &p.f.c, "n < 10", &n));
    assert_int_equal(n, 10);
    assert_int_equal(nacre_running_cancel(p.other, "x"), NACRE_NOT_FOUND);
    assert_int_equal(nacre_running_cancel(p.other, NULL), NACRE_INVALID_ARGUMENT);
    close_pair(&p);
}

// "op:id" of the next message, or why there is none.
static const char *message(nacre_live *live) {
    const char *text;
    nacre_status status = nacre_live_next(live, 0, &text, NULL);
    if (status != NACRE_OK) return nacre_status_code(status);
    return text ? text : "nothing";
}

static void cancels_live_queries(void **state) {
    (void)state;
    struct pair p;
    nacre_live *rows, *changes;
    char id[24];
    open_pair(&p);
    uint64_t before = memory(p.other);
    LIB_OK(&p.f, nacre_live_open(p.f.s, &p.f.c, "{\"filter\":\"n < 3\"}", &changes));
    LIB_HAS(running(p.other), "\"op\":\"live\",\"database\":\"main\",\"collection\":\"things\"");
    LIB_HAS(running(p.other), "\"request\":\"{\\\"filter\\\":\\\"n < 3\\\"}\"");
    for (int i = 0; i < 3; i++)
        LIB_HAS(message(changes), "enter");
    LIB_HAS(message(changes), "ready");
    assert_string_equal(message(changes), "nothing");
    LIB_HAS(running(p.other), "\"rows\":4,");
    assert_true(find(p.other, "live", id));
    assert_int_equal(nacre_running_cancel(p.other, id), NACRE_OK);
    assert_int_equal(nacre_running_cancel(p.other, id), NACRE_NOT_FOUND);
    assert_string_equal(message(changes), "cancelled");
    LIB_FAILS(&p.f, NACRE_CANCELLED, NACRE_CANCELLED, "another session");
    assert_string_equal(message(changes), "cancelled"); // it is over
    assert_string_equal(running(p.other), "{\"items\":[]}");
    nacre_live_close(changes);

    // One that is still in its first rows gives up what it holds at once.
    LIB_OK(&p.f, nacre_live_open(p.f.s, &p.f.c, NULL, &rows));
    for (int i = 0; i < 2000; i++)
        LIB_HAS(message(rows), "enter");
    assert_true(memory(p.other) > before + 2000 * 96);
    assert_true(find(p.other, "live", id));
    assert_int_equal(nacre_running_cancel(p.other, id), NACRE_OK);
    assert_true(memory(p.other) < before + 100000);
    assert_string_equal(message(rows), "cancelled");
    nacre_live_close(rows);

    // An error ends it, and it is listed no more.
    LIB_OK(&p.f, nacre_live_open(p.f.s, &p.f.c, "{\"max_rows\":1}", &rows));
    LIB_HAS(message(rows), "enter");
    assert_string_equal(message(rows), "request_too_large");
    assert_string_equal(running(p.other), "{\"items\":[]}");
    assert_string_equal(message(rows), "request_too_large");
    nacre_live_close(rows);
    close_pair(&p);
}

static void cancels_in_a_transaction(void **state) {
    (void)state;
    struct pair p;
    nacre_cursor *cursor;
    nacre_tx_options options = {.isolation = NACRE_ISOLATION_SERIALIZABLE};
    const char *row;
    char id[24];
    open_pair(&p);
    LIB_OK(&p.f, nacre_tx_begin(p.f.s, &options));
    LIB_OK(&p.f, nacre_query(p.f.s, &p.f.c, "{\"filter\":\"n < 9\"}", &cursor));
    LIB_OK(&p.f, nacre_cursor_next(cursor, &row, NULL));
    assert_true(find(p.other, "query", id));
    assert_int_equal(nacre_running_cancel(p.other, id), NACRE_OK);
    LIB_FAILS(&p.f, nacre_cursor_next(cursor, &row, NULL), NACRE_CANCELLED, "another session");
    // The transaction is not the query's.
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"a\"}"));
    LIB_OK(&p.f, nacre_tx_commit(p.f.s, NULL));
    nacre_cursor_close(cursor);
    close_pair(&p);
}

// --- calls that run ---------------------------------------------------------------------

struct caller {
    const char *op;
    nacre_session *s;
    _Atomic nacre_status got;
};

static int slow(void *arg, const void *bytes, size_t size) {
    (void)arg;
    (void)bytes;
    (void)size;
    usleep(2000);
    return 0;
}
static int slow_where(void *arg, const nacre_where_result *so_far) {
    (void)arg;
    (void)so_far;
    usleep(2000);
    return 0;
}

// Waits for what nobody writes.
static nacre_status follow(nacre_session *s, nacre_collection *things) {
    const char *message;
    nacre_live *live = NULL;
    nacre_status status = nacre_live_open(s, things, "{\"filter\":\"n = 7\"}", &live);
    while (status == NACRE_OK)
        status = nacre_live_next(live, -1, &message, NULL);
    nacre_live_close(live);
    return status;
}

// Again and again, until it is cancelled.
static void call_main(void *arg) {
    struct caller *c = arg;
    nacre_collection things = nacre_collection_of(NULL, "things");
    nacre_where where = {
        .filter = "{}", .patch = "{\"$inc\":{\"k\":1}}", .on_progress = slow_where};
    where.durability = NACRE_MEMORY;
    while (c->got == NACRE_OK) {
        uint64_t n;
        nacre_cursor *cursor = NULL;
        if (strcmp(c->op, "count") == 0)
            c->got = nacre_count(c->s, &things, "{\"pad\":{\"$regex\":\"9+1\"}}", &n);
        else if (strcmp(c->op, "export") == 0)
            c->got = nacre_export(c->s, &things, NULL, slow, NULL, NULL, NULL, NULL);
        else if (strcmp(c->op, "live") == 0)
            c->got = follow(c->s, &things);
        else if (strcmp(c->op, "update") == 0)
            c->got = nacre_update_where(c->s, &things, &where, NULL);
        else
            c->got = nacre_aggregate(
                c->s, &things, "{\"group_by\":[\"pad\"],\"aggregates\":{\"c\":{\"count\":\"*\"}}}",
                &cursor);
        nacre_cursor_close(cursor);
    }
}

static void cancels_a_running_call(void **state) {
    (void)state;
    static const char *const ops[] = {"count", "export", "update", "aggregate", "live"};
    struct pair p;
    open_pair(&p);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        struct caller c = {.op = ops[i], .s = p.f.s};
        struct ctx ctx;
        struct thread thread;
        char id[24];
        ctx_init(&ctx, &world_system, NULL, SIZE_MAX);
        assert_int_equal(thread_start(&ctx, "caller", call_main, &c, &thread), NACRE_OK);
        while (atomic_load(&c.got) == NACRE_OK) // one that ends by itself is followed by another
            if (find(p.other, ops[i], id)) (void)!nacre_running_cancel(p.other, id);
        thread_join(&thread);
        ctx_free(&ctx);
        assert_int_equal(c.got, NACRE_CANCELLED);
        assert_string_equal(running(p.other), "{\"items\":[]}");
    }
    close_pair(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_cursors), cmocka_unit_test(cancels_an_idle_cursor),
        cmocka_unit_test(cancels_live_queries), cmocka_unit_test(cancels_in_a_transaction),
        cmocka_unit_test(cancels_a_running_call)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
