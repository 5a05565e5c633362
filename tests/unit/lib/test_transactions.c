// Transactions through the public header: own writes are read, nothing else is; conflicts of every
// kind are found and no others; what ends one and what does not.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/lib_fixture.h"

// A second session beside the fixture's.
struct pair {
    struct lib_fixture f;
    nacre_session *other;
    nacre_collection c; // of other
};

static void open_pair(struct pair *p) {
    lib_fixture_open(&p->f);
    assert_int_equal(nacre_session_open(p->f.db, &p->other), NACRE_OK);
    p->c = nacre_collection_of(NULL, "things");
    LIB_OK(&p->f, nacre_collection_create(p->f.s, &p->f.c, NULL, NULL));
}

static void close_pair(struct pair *p) {
    nacre_session_close(p->other);
    lib_fixture_close(&p->f);
}

static void begin(struct lib_fixture *f, nacre_isolation isolation) {
    nacre_tx_options options = {.isolation = isolation};
    LIB_OK(f, nacre_tx_begin(f->s, &options));
}

static void put_other(struct pair *p, const char *json) {
    assert_int_equal(nacre_put(p->other, &p->c, NULL, json, strlen(json), NULL, NULL), NACRE_OK);
}

static void delete_other(struct pair *p, const char *id) {
    assert_int_equal(nacre_delete(p->other, &p->c, nacre_id_string(id), NULL, NULL), NACRE_OK);
}

// The value of n of a document as the other session sees it; -1: it is not there.
static int64_t other_n(struct pair *p, const char *id) {
    nacre_doc doc = {0};
    nacre_value v;
    nacre_status status = nacre_get(p->other, &p->c, nacre_id_string(id), &doc);
    if (status == NACRE_DOCUMENT_NOT_FOUND) return -1;
    assert_int_equal(status, NACRE_OK);
    assert_int_equal(nacre_doc_field(p->other, &doc, "n", &v), NACRE_OK);
    nacre_doc_release(&doc);
    return v.integer;
}

static const char *get(struct pair *p, const char *id) {
    return lib_fixture_get(&p->f, nacre_id_string(id));
}

static uint64_t count(struct pair *p, const char *filter) {
    uint64_t n;
    LIB_OK(&p->f, nacre_count(p->f.s, &p->f.c, filter, &n));
    return n;
}

static void reads_its_own_writes_and_nobody_elses(void **state) {
    (void)state;
    struct pair p;
    open_pair(&p);
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"a\",\"n\":1}"));
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"b\",\"n\":1}"));
    begin(&p.f, NACRE_ISOLATION_SNAPSHOT);
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"a\",\"n\":2}"));
    LIB_OK(&p.f, lib_fixture_insert(&p.f, "{\"_id\":\"c\",\"n\":3}"));
    LIB_OK(&p.f, nacre_delete(p.f.s, &p.f.c, nacre_id_string("b"), NULL, NULL));
    put_other(&p, "{\"_id\":\"d\",\"n\":9}");
    LIB_HAS(get(&p, "a"), "\"n\":2");
    LIB_HAS(get(&p, "c"), "\"n\":3");
    assert_null(get(&p, "b"));
    assert_null(get(&p, "d"));
    assert_int_equal(count(&p, NULL), 2);
    assert_int_equal(count(&p, "n > 1"), 2);
    assert_string_equal(lib_fixture_rows(&p.f, "{\"fields\":\"n\"}"),
                        "{\"_id\":\"a\",\"n\":2}\n{\"_id\":\"c\",\"n\":3}\n");
    assert_int_equal(other_n(&p, "a"), 1);
    assert_int_equal(other_n(&p, "b"), 1);
    assert_int_equal(other_n(&p, "c"), -1);
    const char *sequence = NULL;
    LIB_OK(&p.f, nacre_tx_commit(p.f.s, &sequence));
    assert_true(sequence && sequence[0]);
    assert_int_equal(other_n(&p, "a"), 2);
    assert_int_equal(other_n(&p, "b"), -1);
    assert_int_equal(other_n(&p, "c"), 3);
    assert_int_equal(count(&p, NULL), 3);
    close_pair(&p);
}

static void rollback_leaves_nothing(void **state) {
    (void)state;
    struct pair p;
    open_pair(&p);
    begin(&p.f, NACRE_ISOLATION_SERIALIZABLE);
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"a\",\"n\":1}"));
    LIB_OK(&p.f, nacre_tx_rollback(p.f.s));
    assert_null(get(&p, "a"));
    assert_int_equal(count(&p, NULL), 0);
    LIB_FAILS(&p.f, nacre_tx_rollback(p.f.s), NACRE_TRANSACTION_NOT_FOUND, "no transaction");
    LIB_FAILS(&p.f, nacre_tx_commit(p.f.s, NULL), NACRE_TRANSACTION_NOT_FOUND, "no transaction");
    close_pair(&p);
}

static void answers_are_those_of_the_commit(void **state) {
    (void)state;
    struct pair p;
    open_pair(&p);
    nacre_result r;
    nacre_id a = nacre_id_string("a");
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"a\",\"n\":1}"));
    begin(&p.f, NACRE_ISOLATION_SNAPSHOT);
    nacre_write want = {.want_document = 1};
    const char *inc = "{\"$inc\":{\"n\":1}}";
    for (uint64_t i = 2; i <= 4; i++) {
        LIB_OK(&p.f, nacre_patch(p.f.s, &p.f.c, a, NACRE_PATCH, inc, strlen(inc), &want, &r));
        assert_int_equal(r.version, i);
        assert_string_equal(r.sequence, "");
    }
    LIB_HAS(r.json, "\"n\":4");
    LIB_OK(&p.f, nacre_tx_commit(p.f.s, NULL));
    nacre_doc doc = {0};
    LIB_OK(&p.f, nacre_get(p.f.s, &p.f.c, a, &doc));
    assert_int_equal(doc.version, 4);
    nacre_doc_release(&doc);
    assert_int_equal(other_n(&p, "a"), 4);
    close_pair(&p);
}

static void other_errors_do_not_end_it(void **state) {
    (void)state;
    struct pair p;
    open_pair(&p);
    LIB_OK(&p.f,
           nacre_index_create(p.f.s, &p.f.c, "by_n", "{\"fields\":[\"n\"],\"unique\":true}", NULL));
    LIB_OK(&p.f, nacre_index_wait(p.f.s, &p.f.c, "by_n"));
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"a\",\"n\":1}"));
    begin(&p.f, NACRE_ISOLATION_SERIALIZABLE);
    LIB_FAILS(&p.f, lib_fixture_insert(&p.f, "{\"_id\":\"a\",\"n\":5}"), NACRE_ALREADY_EXISTS, "a");
    LIB_FAILS(&p.f, lib_fixture_insert(&p.f, "{\"_id\":\"b\",\"n\":1}"), NACRE_UNIQUE_VIOLATION,
              "by_n");
    LIB_FAILS(&p.f, nacre_delete(p.f.s, &p.f.c, nacre_id_string("zz"), NULL, NULL),
              NACRE_DOCUMENT_NOT_FOUND, "not there");
    nacre_collection none = nacre_collection_of(NULL, "none");
    LIB_FAILS(&p.f, nacre_put(p.f.s, &none, NULL, "{}", 2, NULL, NULL), NACRE_COLLECTION_NOT_FOUND,
              "create it before");
    LIB_FAILS(&p.f, nacre_collection_drop(p.f.s, &p.f.c), NACRE_INVALID_ARGUMENT, "transaction");
    LIB_FAILS(&p.f, nacre_tx_begin(p.f.s, NULL), NACRE_INVALID_ARGUMENT, "one at a time");
    LIB_OK(&p.f, nacre_delete(p.f.s, &p.f.c, nacre_id_string("a"), NULL, NULL));
    LIB_OK(&p.f, lib_fixture_insert(&p.f, "{\"_id\":\"b\",\"n\":1}"));
    assert_string_equal(lib_fixture_rows(&p.f, "{\"filter\":\"n = 1\",\"fields\":\"n\"}"),
                        "{\"_id\":\"b\",\"n\":1}\n");
    LIB_OK(&p.f, nacre_tx_commit(p.f.s, NULL));
    assert_int_equal(other_n(&p, "b"), 1);
    assert_int_equal(other_n(&p, "a"), -1);
    uint64_t problems = 1;
    LIB_OK(&p.f, nacre_check(p.f.s, NULL, NULL, &problems));
    assert_int_equal(problems, 0);
    close_pair(&p);
}

static void two_writers_of_one_document_conflict(void **state) {
    (void)state;
    struct pair p;
    open_pair(&p);
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"a\",\"n\":1}"));
    // Met by the commit.
    begin(&p.f, NACRE_ISOLATION_SNAPSHOT);
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"a\",\"n\":2}"));
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"b\",\"n\":2}"));
    put_other(&p, "{\"_id\":\"a\",\"n\":3}");
    LIB_FAILS(&p.f, nacre_tx_commit(p.f.s, NULL), NACRE_CONFLICT, "\\\"a\\\"", "things");
    assert_int_equal(other_n(&p, "a"), 3);
    assert_int_equal(other_n(&p, "b"), -1);
    // Met by the write, which ends it.
    begin(&p.f, NACRE_ISOLATION_SNAPSHOT);
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"b\",\"n\":2}"));
    put_other(&p, "{\"_id\":\"a\",\"n\":4}");
    LIB_FAILS(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"a\",\"n\":5}"), NACRE_CONFLICT, "\\\"a\\\"");
    LIB_FAILS(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"c\",\"n\":5}"), NACRE_TRANSACTION_NOT_FOUND,
              "has ended");
    LIB_OK(&p.f, nacre_tx_rollback(p.f.s));
    assert_int_equal(other_n(&p, "b"), -1);
    // A deletion, and an id that both make.
    begin(&p.f, NACRE_ISOLATION_SNAPSHOT);
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"a\",\"n\":2}"));
    delete_other(&p, "a");
    LIB_FAILS(&p.f, nacre_tx_commit(p.f.s, NULL), NACRE_CONFLICT, "\\\"a\\\"");
    begin(&p.f, NACRE_ISOLATION_SNAPSHOT);
    LIB_OK(&p.f, lib_fixture_insert(&p.f, "{\"_id\":\"new\",\"n\":2}"));
    put_other(&p, "{\"_id\":\"new\",\"n\":1}");
    delete_other(&p, "new");
    LIB_FAILS(&p.f, nacre_tx_commit(p.f.s, NULL), NACRE_CONFLICT, "\\\"new\\\"");
    close_pair(&p);
}

// Two doctors on call; each may leave while the other stays.
static void write_skew_is_possible_in_a_snapshot_alone(void **state) {
    (void)state;
    for (int serializable = 0; serializable < 2; serializable++) {
        struct pair p;
        open_pair(&p);
        LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"a\",\"n\":1}"));
        LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"b\",\"n\":1}"));
        begin(&p.f, serializable ? NACRE_ISOLATION_SERIALIZABLE : NACRE_ISOLATION_SNAPSHOT);
        LIB_HAS(get(&p, "b"), "\"n\":1");
        LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"a\",\"n\":0}"));
        put_other(&p, "{\"_id\":\"b\",\"n\":0}");
        if (serializable)
            LIB_FAILS(&p.f, nacre_tx_commit(p.f.s, NULL), NACRE_CONFLICT, "\\\"b\\\"");
        else
            LIB_OK(&p.f, nacre_tx_commit(p.f.s, NULL));
        assert_int_equal(other_n(&p, "a"), serializable);
        close_pair(&p);
    }
}

// What a transaction does, then what somebody else does, and whether its commit must fail.
struct phantom {
    const char *read;   // "query …", "count …", "get id", or a filter of nothing
    const char *change; // JSON put, or "-id"
    bool conflicts;
    const char *named;
};

static void read_in(struct pair *p, const char *read) {
    if (strncmp(read, "query ", 6) == 0)
        (void)lib_fixture_rows(&p->f, read + 6);
    else if (strncmp(read, "count ", 6) == 0)
        (void)count(p, read + 6);
    else
        (void)get(p, read + 4);
}

static void run_phantom(const struct phantom *t, bool with_index) {
    struct pair p;
    open_pair(&p);
    if (with_index) {
        LIB_OK(&p.f, nacre_index_create(p.f.s, &p.f.c, "by_n", "{\"fields\":[\"n\"]}", NULL));
        LIB_OK(&p.f, nacre_index_wait(p.f.s, &p.f.c, "by_n"));
    }
    for (int i = 0; i < 20; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"_id\":\"k%02d\",\"n\":%d,\"m\":0}", i, i);
        LIB_OK(&p.f, lib_fixture_put(&p.f, json));
    }
    begin(&p.f, NACRE_ISOLATION_SERIALIZABLE);
    read_in(&p, t->read);
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"mine\",\"n\":1000}"));
    if (t->change[0] == '-')
        delete_other(&p, t->change + 1);
    else
        put_other(&p, t->change);
    if (t->conflicts)
        LIB_FAILS(&p.f, nacre_tx_commit(p.f.s, NULL), NACRE_CONFLICT, with_index ? t->named : "");
    else
        LIB_OK(&p.f, nacre_tx_commit(p.f.s, NULL));
    close_pair(&p);
}

static void ranges_are_validated(void **state) {
    (void)state;
    static const struct phantom table[] = {
        {"count n >= 5 and n < 8", "{\"_id\":\"x\",\"n\":6}", true, "by_n"},
        {"count n >= 5 and n < 8", "-k06", true, "by_n"},
        {"count n >= 5 and n < 8", "{\"_id\":\"k06\",\"n\":60}", true, "by_n"},
        {"query {\"filter\":\"n >= 5 and n < 8\"}", "{\"_id\":\"x\",\"n\":7}", true, "by_n"},
        {"query {\"filter\":\"n >= 5 and n < 8\"}", "-k05", true, ""},
        {"query {\"filter\":\"n >= 5 and n < 8\"}", "{\"_id\":\"k05\",\"n\":5,\"m\":1}", true, ""},
        {"query {\"filter\":\"n = 77\"}", "{\"_id\":\"x\",\"n\":77}", true, "by_n"},
        {"query {\"sort\":\"-n\",\"limit\":1}", "{\"_id\":\"x\",\"n\":77}", true, "by_n"},
        {"count ", "{\"_id\":\"x\",\"n\":77}", true, ""},
        {"query {\"filter\":\"m = 1\"}", "{\"_id\":\"x\",\"m\":1}", true, ""},
        {"get none", "{\"_id\":\"none\",\"n\":1}", true, "none"},
        {"get k01", "{\"_id\":\"k01\",\"n\":1}", true, "k01"},
        {"get k01", "{\"_id\":\"k02\",\"n\":1}", false, ""},
        {"query {\"filter\":\"_id = 'k01'\"}", "{\"_id\":\"k02\",\"n\":1}", false, ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int with_index = 0; with_index < 2; with_index++)
            run_phantom(&table[i], with_index);
    // What an index keeps apart does not meet.
    static const struct phantom apart[] = {
        {"count n >= 5 and n < 8", "{\"_id\":\"x\",\"n\":8}", false, ""},
        {"count n >= 5 and n < 8", "-k09", false, ""},
        {"query {\"filter\":\"n >= 5 and n < 8\"}", "{\"_id\":\"k08\",\"n\":80}", false, ""},
        {"query {\"sort\":\"n\",\"limit\":1}", "{\"_id\":\"x\",\"n\":500}", false, ""},
    };
    for (size_t i = 0; i < sizeof apart / sizeof *apart; i++)
        run_phantom(&apart[i], true);
}

static void unique_values_are_guarded_by_the_commit(void **state) {
    (void)state;
    struct pair p;
    open_pair(&p);
    LIB_OK(&p.f,
           nacre_index_create(p.f.s, &p.f.c, "by_n", "{\"fields\":[\"n\"],\"unique\":true}", NULL));
    LIB_OK(&p.f, nacre_index_wait(p.f.s, &p.f.c, "by_n"));
    begin(&p.f, NACRE_ISOLATION_SNAPSHOT);
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"a\",\"n\":1}"));
    put_other(&p, "{\"_id\":\"b\",\"n\":1}");
    LIB_FAILS(&p.f, nacre_tx_commit(p.f.s, NULL), NACRE_UNIQUE_VIOLATION, "by_n");
    assert_int_equal(other_n(&p, "a"), -1);
    // A violation that was told is a read: the value's owner must still be there.
    begin(&p.f, NACRE_ISOLATION_SERIALIZABLE);
    LIB_FAILS(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"a\",\"n\":1}"), NACRE_UNIQUE_VIOLATION,
              "by_n");
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"c\",\"n\":3}"));
    delete_other(&p, "b");
    LIB_FAILS(&p.f, nacre_tx_commit(p.f.s, NULL), NACRE_CONFLICT, "unique value");
    close_pair(&p);
}

static void time_ends_it(void **state) {
    (void)state;
    struct pair p;
    open_pair(&p);
    nacre_tx_options options = {.timeout_ms = 1};
    LIB_OK(&p.f, nacre_tx_begin(p.f.s, &options));
    nacre_status status = NACRE_OK;
    while (status == NACRE_OK)
        status = lib_fixture_put(&p.f, "{\"_id\":\"a\"}");
    assert_int_equal(status, NACRE_TRANSACTION_TOO_OLD);
    LIB_FAILS(&p.f, lib_fixture_put(&p.f, "{}"), NACRE_TRANSACTION_NOT_FOUND, "has ended");
    LIB_FAILS(&p.f, nacre_tx_commit(p.f.s, NULL), NACRE_TRANSACTION_NOT_FOUND, "has ended");
    assert_null(get(&p, "a"));
    options.timeout_ms = 60001;
    LIB_FAILS(&p.f, nacre_tx_begin(p.f.s, &options), NACRE_INVALID_ARGUMENT, "60000");
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"a\"}"));
    close_pair(&p);
}

static void cursors_and_documents(void **state) {
    (void)state;
    struct pair p;
    open_pair(&p);
    nacre_cursor *cursor;
    nacre_doc doc = {0};
    const char *row;
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"a\",\"n\":1}"));
    begin(&p.f, NACRE_ISOLATION_SNAPSHOT);
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"b\",\"n\":1}"));
    LIB_OK(&p.f, nacre_query(p.f.s, &p.f.c, NULL, &cursor));
    LIB_OK(&p.f, nacre_get(p.f.s, &p.f.c, nacre_id_string("b"), &doc));
    // What is written after the cursor was opened it does not see.
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"b\",\"n\":2}"));
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"c\",\"n\":3}"));
    LIB_OK(&p.f, nacre_cursor_next(cursor, &row, NULL));
    LIB_HAS(row, "\"a\"");
    LIB_OK(&p.f, nacre_cursor_next(cursor, &row, NULL));
    LIB_HAS(row, "\"n\":1");
    LIB_OK(&p.f, nacre_cursor_next(cursor, &row, NULL));
    assert_null(row);
    nacre_cursor_close(cursor);
    LIB_OK(&p.f, nacre_query(p.f.s, &p.f.c, NULL, &cursor));
    LIB_OK(&p.f, nacre_tx_commit(p.f.s, NULL));
    LIB_FAILS(&p.f, nacre_cursor_next(cursor, &row, NULL), NACRE_TRANSACTION_NOT_FOUND, "cursor");
    nacre_cursor_close(cursor);
    LIB_OK(&p.f, nacre_doc_json(p.f.s, &doc, "n", &row, NULL));
    assert_string_equal(row, "{\"_id\":\"b\",\"n\":1}");
    nacre_doc_release(&doc);
    close_pair(&p);
}

static void batches_take_part(void **state) {
    (void)state;
    struct pair p;
    open_pair(&p);
    const char *out;
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"a\",\"n\":1}"));
    begin(&p.f, NACRE_ISOLATION_SERIALIZABLE);
    LIB_OK(&p.f, lib_fixture_batch(&p.f,
                                   "{\"atomic\":false,\"operations\":["
                                   "{\"op\":\"insert\",\"document\":{\"_id\":\"a\"}},"
                                   "{\"op\":\"patch\",\"id\":\"a\",\"patch\":{\"n\":2}},"
                                   "{\"op\":\"put\",\"document\":{\"_id\":\"b\",\"n\":2}},"
                                   "{\"op\":\"get\",\"id\":\"a\"}]}",
                                   &out));
    LIB_HAS(out, "\"already_exists\"");
    LIB_HAS(out, "\"n\":2");
    LIB_FAILS(&p.f,
              lib_fixture_batch(&p.f,
                                "{\"operations\":[{\"op\":\"put\",\"document\":{\"_id\":\"z\"}},"
                                "{\"op\":\"insert\",\"document\":{\"_id\":\"b\"}}]}",
                                &out),
              NACRE_ALREADY_EXISTS, "/operations/1");
    assert_null(get(&p, "z"));
    LIB_OK(&p.f, nacre_tx_commit(p.f.s, NULL));
    assert_int_equal(other_n(&p, "a"), 2);
    assert_int_equal(other_n(&p, "b"), 2);
    assert_int_equal(other_n(&p, "z"), -1);
    close_pair(&p);
}

static void large_ones_travel_in_pieces(void **state) {
    (void)state;
    struct pair p;
    open_pair(&p);
    static char json[200000];
    begin(&p.f, NACRE_ISOLATION_SERIALIZABLE);
    for (int i = 0; i < 20; i++) {
        int n = snprintf(json, sizeof json, "{\"_id\":\"k%d\",\"n\":%d,\"text\":\"", i, i);
        memset(json + n, 'x', 150000);
        snprintf(json + n + 150000, 8, "\"}");
        LIB_OK(&p.f, nacre_put(p.f.s, &p.f.c, NULL, json, strlen(json), NULL, NULL));
    }
    LIB_OK(&p.f, nacre_tx_commit(p.f.s, NULL));
    for (int i = 0; i < 20; i++) {
        snprintf(json, sizeof json, "k%d", i);
        assert_int_equal(other_n(&p, json), i);
    }
    close_pair(&p);
}

static void survives_a_reopen(void **state) {
    (void)state;
    struct lib_fixture f;
    lib_fixture_open(&f);
    LIB_OK(&f, nacre_collection_create(f.s, &f.c, NULL, NULL));
    begin(&f, NACRE_ISOLATION_SERIALIZABLE);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":\"a\",\"n\":1}"));
    LIB_OK(&f, nacre_tx_commit(f.s, NULL));
    begin(&f, NACRE_ISOLATION_SERIALIZABLE);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":\"b\",\"n\":1}"));
    lib_fixture_reopen(&f); // closes the session, which forgets what was not committed
    LIB_HAS(lib_fixture_get(&f, nacre_id_string("a")), "\"n\":1");
    assert_null(lib_fixture_get(&f, nacre_id_string("b")));
    lib_fixture_close(&f);
}

static void read_only_databases_have_read_only_transactions(void **state) {
    (void)state;
    struct lib_fixture f;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":\"a\",\"n\":1}"));
    f.options.create = 0;
    f.options.read_only = 1;
    lib_fixture_reopen(&f);
    begin(&f, NACRE_ISOLATION_SERIALIZABLE);
    LIB_HAS(lib_fixture_get(&f, nacre_id_string("a")), "\"n\":1");
    LIB_FAILS(&f, lib_fixture_put(&f, "{\"_id\":\"b\"}"), NACRE_PERMISSION_DENIED, "read-only");
    LIB_OK(&f, nacre_tx_commit(f.s, NULL));
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_its_own_writes_and_nobody_elses),
        cmocka_unit_test(rollback_leaves_nothing),
        cmocka_unit_test(answers_are_those_of_the_commit),
        cmocka_unit_test(other_errors_do_not_end_it),
        cmocka_unit_test(two_writers_of_one_document_conflict),
        cmocka_unit_test(write_skew_is_possible_in_a_snapshot_alone),
        cmocka_unit_test(ranges_are_validated),
        cmocka_unit_test(unique_values_are_guarded_by_the_commit),
        cmocka_unit_test(time_ends_it),
        cmocka_unit_test(cursors_and_documents),
        cmocka_unit_test(batches_take_part),
        cmocka_unit_test(large_ones_travel_in_pieces),
        cmocka_unit_test(survives_a_reopen),
        cmocka_unit_test(read_only_databases_have_read_only_transactions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
