// Opening, closing, sessions, cancelling, forks, threads, NULLs.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <pthread.h>

#include "support/lib_fixture.h"

static void test_open_errors(void **state) {
    struct lib_fixture f;
    nacre_open_error error = {0};
    nacre_options o = {.error = &error};
    nacre_db *db = NULL;
    char path[128];
    (void)state;
    assert_int_equal(nacre_open("/tmp/nacre-lib-nowhere", &o, &db), NACRE_NOT_FOUND);
    assert_int_equal(error.status, NACRE_NOT_FOUND);
    LIB_HAS(error.detail, "/tmp/nacre-lib-nowhere");
    assert_true(error.hint[0]);
    assert_null(db);
    assert_int_equal(nacre_open("/tmp/nacre-lib-nowhere", NULL, &db), NACRE_NOT_FOUND);
    assert_int_equal(access("/tmp/nacre-lib-nowhere", F_OK), -1);
    assert_int_equal(nacre_open(NULL, &o, &db), NACRE_INVALID_ARGUMENT);
    LIB_HAS(error.detail, "dir is NULL");
    assert_int_equal(nacre_open("", &o, &db), NACRE_INVALID_ARGUMENT);
    assert_int_equal(nacre_open("/tmp", &o, NULL), NACRE_INVALID_ARGUMENT);
    LIB_HAS(error.detail, "out is NULL");
    o.create = o.read_only = 1;
    assert_int_equal(nacre_open("/tmp/nacre-lib-nowhere", &o, &db), NACRE_INVALID_ARGUMENT);
    LIB_HAS(error.detail, "exclude each other");
    assert_int_equal(nacre_connect("http://localhost:7700", &o, &db), NACRE_UNIMPLEMENTED);
    LIB_HAS(error.detail, "not implemented");
    lib_fixture_open(&f);
    o = (nacre_options){.error = &error};
    assert_int_equal(nacre_open(f.dir, &o, &db), NACRE_LOCKED);
    LIB_HAS(error.detail, f.dir);
    nacre_session_close(f.s);
    assert_int_equal(nacre_close(f.db, NULL), NACRE_OK);
    o.memory_bytes = 1 << 20;
    assert_int_equal(nacre_open(f.dir, &o, &db), NACRE_INVALID_ARGUMENT);
    LIB_HAS(error.detail, "16 MiB");
    snprintf(path, sizeof path, "%s/FORMAT", f.dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("nacre 99\n", file);
    fclose(file);
    o.memory_bytes = 0;
    assert_int_equal(nacre_open(f.dir, &o, &db), NACRE_INCOMPATIBLE_FORMAT);
    LIB_HAS(error.detail, "nacre 99");
    lib_fixture_remove(f.dir);
}

static void test_read_only(void **state) {
    struct lib_fixture f;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1}"));
    f.options.create = 0;
    f.options.read_only = 1;
    lib_fixture_reopen(&f);
    assert_string_equal(lib_fixture_get(&f, nacre_id_integer(1)), "{\"_id\":1,\"_version\":1}");
    LIB_FAILS(&f, lib_fixture_put(&f, "{\"_id\":2}"), NACRE_PERMISSION_DENIED, "read-only");
    LIB_FAILS(&f, nacre_collection_drop(f.s, &f.c), NACRE_PERMISSION_DENIED, "read-only");
    nacre_import_result result;
    LIB_FAILS(&f, lib_fixture_import(&f, "{}\n", NULL, &result), NACRE_PERMISSION_DENIED,
              "read-only");
    lib_fixture_close(&f);
}

static void test_sessions(void **state) {
    struct lib_fixture f;
    nacre_session *other;
    nacre_open_error error = {0};
    (void)state;
    lib_fixture_open(&f);
    assert_int_equal(nacre_session_open(f.db, &other), NACRE_OK);
    // A session left open keeps the database open.
    assert_int_equal(nacre_close(f.db, &error), NACRE_INVALID_ARGUMENT);
    LIB_HAS(error.detail, "2 sessions are still open");
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1}"));
    nacre_session_close(other);
    assert_int_equal(nacre_session_open(NULL, &other), NACRE_INVALID_ARGUMENT);
    assert_int_equal(nacre_session_open(f.db, NULL), NACRE_INVALID_ARGUMENT);
    assert_int_equal(nacre_close(NULL, NULL), NACRE_OK);
    nacre_session_close(NULL);
    assert_string_equal(nacre_version(), "0.1.0");
    // An error lasts until the next call, and each session has its own.
    nacre_doc doc = {0};
    LIB_FAILS(&f, nacre_get(f.s, &f.c, nacre_id_integer(2), &doc), NACRE_DOCUMENT_NOT_FOUND, "id");
    assert_string_equal(nacre_error_hint(f.s), "");
    LIB_OK(&f, nacre_get(f.s, &f.c, nacre_id_integer(1), &doc));
    assert_string_equal(nacre_error_detail(f.s), "");
    assert_string_equal(nacre_error_problem(f.s), "{}");
    assert_int_equal(nacre_error_version(f.s), 0);
    nacre_doc_release(&doc);
    lib_fixture_close(&f);
}

static void test_null_session(void **state) {
    nacre_collection c = nacre_collection_of(NULL, "c");
    nacre_doc doc = {0};
    nacre_value value;
    const char *text;
    uint64_t number;
    int flag;
    nacre_id id = nacre_id_integer(1);
    nacre_cursor *cursor;
    nacre_feed *feed;
    nacre_import_result result;
    nacre_where where = {.filter = "{}"};
    (void)state;
    const nacre_status all[] = {
        nacre_get(NULL, &c, id, &doc),
        nacre_exists(NULL, &c, id, &flag),
        nacre_get_as_of(NULL, &c, id, "", &doc),
        nacre_versions(NULL, &c, id, &cursor),
        nacre_count_as_of(NULL, &c, NULL, "", &number),
        nacre_doc_json(NULL, &doc, NULL, &text, NULL),
        nacre_doc_field(NULL, &doc, "a", &value),
        nacre_id_parse(NULL, "a", &id),
        nacre_put(NULL, &c, NULL, "{}", 2, NULL, NULL),
        nacre_insert(NULL, &c, NULL, "{}", 2, NULL, NULL),
        nacre_patch(NULL, &c, id, NACRE_PATCH, "{}", 2, NULL, NULL),
        nacre_delete(NULL, &c, id, NULL, NULL),
        nacre_batch(NULL, &c, "{}", 2, NULL, &text, NULL),
        nacre_update_where(NULL, &c, &where, NULL),
        nacre_delete_where(NULL, &c, &where, NULL),
        nacre_query(NULL, &c, NULL, &cursor),
        nacre_changes(NULL, &c, NULL, &feed),
        nacre_feed_next(NULL, 0, &text, NULL),
        nacre_feed_token(NULL, &text),
        nacre_aggregate(NULL, &c, "{}", &cursor),
        nacre_count(NULL, &c, NULL, &number),
        nacre_explain(NULL, &c, "{}", &text, NULL),
        nacre_running(NULL, &text),
        nacre_running_cancel(NULL, "1"),
        nacre_claim(NULL, &c, NULL, NULL, &text, NULL),
        nacre_release(NULL, &c, id, "t", NULL, NULL, NULL),
        nacre_extend(NULL, &c, id, "t", 1, NULL, NULL),
        nacre_database_create(NULL, "a", NULL, NULL),
        nacre_database_alter(NULL, "a", NULL),
        nacre_database_drop(NULL, "a"),
        nacre_database_describe(NULL, NULL, &text),
        nacre_collection_create(NULL, &c, NULL, NULL),
        nacre_collection_alter(NULL, &c, "{}"),
        nacre_collection_drop(NULL, &c),
        nacre_collection_describe(NULL, &c, &text),
        nacre_index_create(NULL, &c, "i", "{}", NULL),
        nacre_index_drop(NULL, &c, "i"),
        nacre_index_describe(NULL, &c, "i", &text),
        nacre_index_wait(NULL, &c, "i"),
        nacre_import(NULL, &c, lib_fixture_read, NULL, NULL, &result),
        nacre_export(NULL, &c, NULL, NULL, NULL, NULL, NULL, NULL),
        nacre_check(NULL, NULL, NULL, &number),
        nacre_stats(NULL, &text),
        nacre_error_status(NULL),
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_int_equal(all[i], NACRE_INVALID_ARGUMENT);
    assert_string_equal(nacre_error_problem(NULL), "{}");
    assert_string_equal(nacre_error_detail(NULL), "");
    assert_string_equal(nacre_error_hint(NULL), "");
    assert_int_equal(nacre_error_version(NULL), 0);
    nacre_session_cancel(NULL);
    nacre_session_clear_cancel(NULL);
    nacre_session_timeout(NULL, 5);
}

static void test_null_arguments(void **state) {
    struct lib_fixture f;
    uint64_t number;
    nacre_doc doc = {0};
    nacre_id id = nacre_id_integer(1);
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1}"));
    LIB_FAILS(&f, nacre_get(f.s, &f.c, id, NULL), NACRE_INVALID_ARGUMENT, "out is NULL");
    LIB_FAILS(&f, nacre_get(f.s, NULL, id, &doc), NACRE_INVALID_ARGUMENT, "collection is NULL");
    LIB_FAILS(&f, nacre_exists(f.s, &f.c, id, NULL), NACRE_INVALID_ARGUMENT, "out is NULL");
    LIB_FAILS(&f, nacre_doc_json(f.s, NULL, NULL, NULL, NULL), NACRE_INVALID_ARGUMENT, "doc is");
    LIB_OK(&f, nacre_get(f.s, &f.c, id, &doc));
    LIB_FAILS(&f, nacre_doc_json(f.s, &doc, NULL, NULL, NULL), NACRE_INVALID_ARGUMENT, "out is");
    LIB_FAILS(&f, nacre_doc_field(f.s, &doc, NULL, NULL), NACRE_INVALID_ARGUMENT, "path is NULL");
    LIB_FAILS(&f, nacre_doc_field(f.s, &doc, "a", NULL), NACRE_INVALID_ARGUMENT, "out is NULL");
    nacre_doc_release(&doc);
    LIB_FAILS(&f, nacre_count(f.s, &f.c, NULL, NULL), NACRE_INVALID_ARGUMENT, "out is NULL");
    LIB_FAILS(&f, nacre_explain(f.s, &f.c, "{}", NULL, NULL), NACRE_INVALID_ARGUMENT, "out is");
    LIB_FAILS(&f, nacre_claim(f.s, &f.c, NULL, NULL, NULL, NULL), NACRE_INVALID_ARGUMENT, "out is");
    LIB_FAILS(&f, nacre_database_describe(f.s, NULL, NULL), NACRE_INVALID_ARGUMENT, "out is NULL");
    LIB_FAILS(&f, nacre_collection_describe(f.s, &f.c, NULL), NACRE_INVALID_ARGUMENT, "out is");
    LIB_FAILS(&f, nacre_index_describe(f.s, &f.c, NULL, NULL), NACRE_INVALID_ARGUMENT, "out is");
    LIB_FAILS(&f, nacre_stats(f.s, NULL), NACRE_INVALID_ARGUMENT, "out is NULL");
    LIB_FAILS(&f, nacre_check(f.s, NULL, NULL, NULL), NACRE_INVALID_ARGUMENT, "problems is NULL");
    LIB_OK(&f, nacre_check(f.s, NULL, NULL, &number));
    assert_int_equal(number, 0);
    lib_fixture_close(&f);
}

static void test_cancel_and_timeout(void **state) {
    struct lib_fixture f;
    nacre_doc doc = {0};
    nacre_cursor *cursor;
    const char *row;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1}"));
    nacre_session_cancel(f.s);
    LIB_FAILS(&f, nacre_get(f.s, &f.c, nacre_id_integer(1), &doc), NACRE_CANCELLED, "499");
    LIB_FAILS(&f, lib_fixture_put(&f, "{\"_id\":2}"), NACRE_CANCELLED, "cancelled");
    nacre_session_clear_cancel(f.s);
    LIB_OK(&f, nacre_get(f.s, &f.c, nacre_id_integer(1), &doc));
    nacre_doc_release(&doc);
    nacre_session_timeout(f.s, UINT64_MAX);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":2}"));
    // Each call has its own time, which on a busy machine may be over before it has begun.
    nacre_status status = NACRE_TIMEOUT;
    for (uint32_t ms = 20; status == NACRE_TIMEOUT && ms < 30000; ms *= 2) {
        nacre_session_timeout(f.s, ms);
        status = nacre_query(f.s, &f.c, NULL, &cursor);
        if (status != NACRE_OK) continue;
        usleep(ms * 1500);
        status = nacre_cursor_next(cursor, &row, NULL);
        nacre_cursor_close(cursor);
    }
    assert_int_equal(status, NACRE_OK);
    nacre_session_timeout(f.s, 20);
    nacre_session_timeout(f.s, 0);
    usleep(30000);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":3}"));
    lib_fixture_close(&f);
}

static void in_child(struct lib_fixture *f, nacre_doc *doc, nacre_cursor *cursor) {
    nacre_session *s;
    const char *text;
    bool good = nacre_get(f->s, &f->c, nacre_id_integer(1), doc) == NACRE_UNAVAILABLE &&
                strstr(nacre_error_detail(f->s), "fork") != NULL &&
                lib_fixture_put(f, "{}") == NACRE_UNAVAILABLE &&
                nacre_cursor_next(cursor, &text, NULL) == NACRE_UNAVAILABLE &&
                nacre_stats(f->s, &text) == NACRE_UNAVAILABLE &&
                nacre_session_open(f->db, &s) == NACRE_UNAVAILABLE;
    nacre_doc_release(doc);
    nacre_cursor_close(cursor);
    nacre_session_close(f->s);
    good = good && nacre_close(f->db, NULL) == NACRE_UNAVAILABLE;
    _exit(good ? 0 : 1);
}

static void test_fork(void **state) {
    struct lib_fixture f;
    nacre_doc doc = {0};
    nacre_cursor *cursor;
    int status;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1}"));
    LIB_OK(&f, nacre_get(f.s, &f.c, nacre_id_integer(1), &doc));
    LIB_OK(&f, nacre_query(f.s, &f.c, NULL, &cursor));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) in_child(&f, &doc, cursor);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    nacre_doc_release(&doc);
    nacre_cursor_close(cursor);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":2}"));
    lib_fixture_close(&f);
}

struct writer {
    pthread_t thread;
    nacre_db *db;
    int number;
    bool good;
};

static void *writer_main(void *arg) {
    struct writer *w = arg;
    nacre_session *s;
    nacre_collection c = nacre_collection_of(NULL, "shared");
    nacre_write memory = {.durability = NACRE_MEMORY};
    char json[64];
    if (nacre_session_open(w->db, &s) != NACRE_OK) return NULL;
    w->good = true;
    for (int i = 0; i < 200; i++) {
        nacre_doc doc = {0};
        nacre_id id = nacre_id_integer(i % 20);
        snprintf(json, sizeof json, "{\"w\":%d,\"i\":%d}", w->number, i);
        w->good &= nacre_put(s, &c, &id, json, strlen(json), &memory, NULL) == NACRE_OK;
        w->good &= nacre_get(s, &c, id, &doc) == NACRE_OK;
        nacre_doc_release(&doc);
    }
    nacre_session_close(s);
    return NULL;
}

static void test_threads(void **state) {
    struct lib_fixture f;
    struct writer writers[4] = {0};
    uint64_t count;
    (void)state;
    lib_fixture_open(&f);
    for (int i = 0; i < 4; i++) {
        writers[i].db = f.db;
        writers[i].number = i;
        assert_int_equal(pthread_create(&writers[i].thread, NULL, writer_main, &writers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(writers[i].thread, NULL);
        assert_true(writers[i].good);
    }
    f.c = nacre_collection_of("main", "shared");
    LIB_OK(&f, nacre_count(f.s, &f.c, NULL, &count));
    assert_int_equal(count, 20);
    lib_fixture_close(&f);
}

// One handle with two databases, one after the other.
static void test_two_databases(void **state) {
    struct lib_fixture a, b;
    (void)state;
    lib_fixture_open(&a);
    lib_fixture_open(&b);
    LIB_OK(&a, lib_fixture_put(&a, "{\"_id\":1,\"x\":\"a\"}"));
    LIB_OK(&b, lib_fixture_put(&b, "{\"_id\":1,\"x\":\"b\"}"));
    b.c = a.c;
    LIB_HAS(lib_fixture_get(&b, nacre_id_integer(1)), "\"x\":\"b\"");
    a.c = b.c;
    LIB_HAS(lib_fixture_get(&a, nacre_id_integer(1)), "\"x\":\"a\"");
    nacre_doc doc = {0};
    const char *text;
    LIB_OK(&a, nacre_get(a.s, &a.c, nacre_id_integer(1), &doc));
    LIB_FAILS(&b, nacre_doc_json(b.s, &doc, NULL, &text, NULL), NACRE_INVALID_ARGUMENT,
              "another database");
    nacre_doc_release(&doc);
    lib_fixture_close(&a);
    lib_fixture_close(&b);
}

static void test_stats(void **state) {
    struct lib_fixture f;
    const char *text;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1}"));
    LIB_OK(&f, nacre_stats(f.s, &text));
    LIB_HAS(text, "{\"sequence\":");
    LIB_HAS(text, "\"memory\":{\"used_bytes\":");
    LIB_HAS(text, "\"store\":{\"name\":\"RocksDB");
    LIB_HAS(text, "\"writes_stopped\":false,\"disk_full\":false}");
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_errors),    cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_sessions),       cmocka_unit_test(test_null_session),
        cmocka_unit_test(test_null_arguments), cmocka_unit_test(test_cancel_and_timeout),
        cmocka_unit_test(test_fork),           cmocka_unit_test(test_threads),
        cmocka_unit_test(test_two_databases),  cmocka_unit_test(test_stats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
