// The n-th allocation fails, once or from then on, during a life of a database: every call answers
// with a typed error, nothing that was acknowledged is lost, and what is there is whole.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/os/fault.h"
#include "support/lib_fixture.h"

enum { IDS = 40, IMPORTED = 20 };

struct life {
    char dir[64];
    nacre_db *db;
    nacre_session *s;
    nacre_collection c;
    bool stored[IDS + IMPORTED];
};

// A failure has a status of the table, and the session tells it.
static bool fine(const struct life *l, nacre_status status) {
    if (status == NACRE_OK) return true;
    assert_true(status > NACRE_OK && status < NACRE_STATUS_COUNT);
    assert_int_not_equal(status, NACRE_INTERNAL);
    assert_int_not_equal(status, NACRE_CORRUPT);
    assert_int_equal(nacre_error_status(l->s), status);
    assert_true(nacre_error_detail(l->s)[0] != '\0');
    return false;
}

static void put_some(struct life *l) {
    for (int i = 0; i < 10; i++) {
        char json[200];
        nacre_result result;
        nacre_write w = {.want_document = i % 2, .durability = i % 3 ? NACRE_SYNCED : NACRE_MEMORY};
        nacre_id id = nacre_id_integer(i);
        snprintf(json, sizeof json, "{\"n\":%d,\"text\":\"%0100d\"}", i, i);
        if (fine(l, nacre_put(l->s, &l->c, &id, json, strlen(json), &w, &result)))
            l->stored[i] = true;
    }
    (void)fine(l, nacre_patch(l->s, &l->c, nacre_id_integer(3), NACRE_PATCH, "{\"$inc\":{\"n\":1}}",
                              17, NULL, NULL));
}

static void batch_some(struct life *l) {
    char json[2000];
    const char *out;
    size_t n = (size_t)snprintf(json, sizeof json, "{\"operations\":[");
    for (int i = 10; i < 20; i++)
        n += (size_t)snprintf(json + n, sizeof json - n,
                              "%s{\"op\":\"put\",\"id\":%d,\"document\":{\"n\":%d}}",
                              i > 10 ? "," : "", i, i);
    n += (size_t)snprintf(json + n, sizeof json - n, "]}");
    if (!fine(l, nacre_batch(l->s, &l->c, json, n, NULL, &out, NULL))) return;
    for (int i = 10; i < 20; i++)
        l->stored[i] = true;
}

static void read_some(struct life *l) {
    nacre_cursor *cursor;
    const char *text = "";
    uint64_t count;
    nacre_doc doc = {0};
    if (fine(l, nacre_get(l->s, &l->c, nacre_id_integer(1), &doc)))
        (void)fine(l, nacre_doc_json(l->s, &doc, "n", &text, NULL));
    nacre_doc_release(&doc);
    (void)fine(l, nacre_count(l->s, &l->c, "n > 3", &count));
    (void)fine(l, nacre_collection_describe(l->s, &l->c, &text));
    (void)fine(l, nacre_explain(l->s, &l->c, "{\"query\":{\"filter\":{\"n\":3}}}", &text, NULL));
    if (!fine(l, nacre_query(l->s, &l->c, "{\"sort\":[\"-text\"]}", &cursor))) return;
    text = "";
    while (text && fine(l, nacre_cursor_next(cursor, &text, NULL))) {
    }
    nacre_cursor_close(cursor);
}

static void claim_one(struct life *l) {
    const char *json;
    if (fine(l, nacre_claim(l->s, &l->c, "{\"filter\":\"n = 5\",\"set\":{\"busy\":true}}", NULL,
                            &json, NULL)) &&
        json)
        (void)fine(l, nacre_extend(l->s, &l->c, nacre_id_integer(5), "AAAAAAAAAAAAAAAAAAAAAA", 5,
                                   NULL, NULL));
}

static void import_some(struct life *l) {
    char text[2000];
    size_t n = 0;
    nacre_import_result result = {0};
    for (int i = IDS; i < IDS + IMPORTED; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "{\"_id\":%d,\"n\":%d}\n", i, i);
    struct lib_fixture_text input = {text, n, 100};
    (void)fine(l, nacre_import(l->s, &l->c, lib_fixture_read, &input, NULL, &result));
    assert_true(result.lines <= IMPORTED);
    for (uint64_t i = 0; i < result.lines; i++)
        l->stored[IDS + i] = true;
}

static bool open_life(struct life *l) {
    nacre_open_error error = {0};
    nacre_options o = {.create = 1, .memory_bytes = 64u << 20, .error = &error};
    nacre_status status = nacre_open(l->dir, &o, &l->db);
    if (status != NACRE_OK) {
        assert_int_equal(error.status, status);
        // Database main is made by a command, whose outcome may be unknown.
        if (status != NACRE_MEMORY_LIMIT && status != NACRE_OUTCOME_UNKNOWN)
            fail_msg("open: %s: %s", nacre_status_code(status), error.detail);
        return false;
    }
    if (nacre_session_open(l->db, &l->s) == NACRE_OK) return true;
    (void)!nacre_close(l->db, NULL);
    return false;
}

static void live(struct life *l) {
    if (!open_life(l)) return;
    int created;
    (void)fine(l, nacre_collection_create(l->s, &l->c,
                                          "{\"indexes\":[{\"name\":\"by_n\",\"fields\":[\"n\"]}]}",
                                          &created));
    put_some(l);
    batch_some(l);
    read_some(l);
    claim_one(l);
    import_some(l);
    nacre_session_close(l->s);
    (void)!nacre_close(l->db, NULL);
}

static void note_problem(void *arg, const char *text) {
    (void)arg;
    print_error("%s\n", text);
}

static void verify(struct life *l, long long nth) {
    uint64_t problems;
    if (!open_life(l)) fail_msg("after allocation %lld failed the database does not open", nth);
    for (int i = 0; i < IDS + IMPORTED; i++) {
        int there = 0;
        if (!l->stored[i]) continue;
        nacre_status status = nacre_exists(l->s, &l->c, nacre_id_integer(i), &there);
        if (status != NACRE_OK || !there)
            fail_msg("allocation %lld: document %d was acknowledged and is gone", nth, i);
    }
    nacre_status status = NACRE_UNAVAILABLE; // a background write moved the log meanwhile
    for (int i = 0; i < 1000 && status == NACRE_UNAVAILABLE; i++, usleep(20000))
        status = nacre_check(l->s, note_problem, NULL, &problems);
    assert_int_equal(status, NACRE_OK);
    assert_int_equal(problems, 0);
    nacre_session_close(l->s);
    assert_int_equal(nacre_close(l->db, NULL), NACRE_OK);
}

// false: n was beyond the last allocation.
static bool run(long long nth, bool sticky) {
    struct life l = {.c = nacre_collection_of(NULL, "things")};
    snprintf(l.dir, sizeof l.dir, "/tmp/nacre-torture-XXXXXX");
    assert_non_null(mkdtemp(l.dir));
    fault_arm(FAULT_ALLOC, nth, sticky);
    live(&l);
    bool fired = fault_fired(FAULT_ALLOC);
    fault_disarm(FAULT_ALLOC);
    verify(&l, nth);
    lib_fixture_remove(l.dir);
    return fired;
}

// Steps grow, so that the beginning is covered closely and the whole in minutes.
static void test_each_allocation(void **state) {
    (void)state;
    int runs = 0;
    for (long long nth = 1; run(nth, false); nth += 1 + nth / 12)
        runs++;
    assert_true(runs > 30);
}

static void test_no_memory_from_then_on(void **state) {
    (void)state;
    for (long long nth = 1; run(nth, true); nth += 1 + nth / 4) {
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation),
        cmocka_unit_test(test_no_memory_from_then_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
