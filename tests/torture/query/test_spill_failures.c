// Sorts and groups that spill, while every allocation, every file call and every look at the clock
// fails in turn: the answer is the failure or the right rows, and nothing is left: no memory of the
// budget, no open file, no file in the directory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/os/fault.h"
#include "doc/json.h"
#include "support/doc_values.h"
#include "support/query_fixture.h"

enum { DOCUMENTS = 120, WORK = 600 };

static struct query_fixture f;
static struct budget budget;
static struct ctx ctx; // of what is tried; charges the budget

static const char *const bodies[] = {
    "{\"sort\":\"b,-c\",\"limit\":200}",
    "{\"sort\":\"-text\",\"limit\":15,\"offset\":10}",
    "{\"group_by\":\"c\",\"aggregates\":{\"n\":{\"sum\":\"b\"},\"t\":{\"max\":\"text\"}}}",
    "{\"group_by\":\"b\",\"aggregates\":{\"n\":{\"count_distinct\":\"c\"}},\"sort\":\"-n\"}",
    "{\"group_by\":\"c\",\"aggregates\":{\"s\":{\"avg\":\"d\"}},\"having\":\"s > 1\",\"limit\":9}",
    "{\"aggregates\":{\"n\":{\"count_distinct\":\"text\"}}}",
};
enum { BODIES = sizeof bodies / sizeof *bodies, FIRST_AGGREGATE = 2 };
static char *wanted[BODIES];
static struct slice bson[BODIES];
static uint64_t spilled; // by the last run

// A clock that goes on by one each time it is read: a deadline of n passes at the n-th look.
static uint64_t ticks;
static uint64_t tick(void *self) { return ++*(uint64_t *)self; }
static struct world ticking;

static nacre_status put_rows(struct query *q, struct buf *out) {
    struct query_row row;
    struct query_stats stats;
    for (bool found = true;;) {
        TRY(query_next(&ctx, q, &row, &found));
        if (!found) break;
        buf_put_bytes(out, row.id_key);
    }
    query_stats(q, &stats);
    spilled = stats.spilled_bytes;
    return buf_status(out);
}

static nacre_status run_query(int body, struct buf *out) {
    struct query_request request;
    struct query *q;
    TRY(query_request_parse(&ctx, bson[body], &request));
    TRY(query_open(&ctx, &f.target, &request, &q));
    nacre_status status = put_rows(q, out);
    query_close(q);
    return status;
}

static nacre_status put_groups(struct aggregate *a, struct buf *out) {
    struct slice row;
    for (bool found = true;;) {
        TRY(aggregate_next(&ctx, a, &row, &found));
        if (!found) return buf_status(out);
        json_write_doc(out, row, JSON_INT64_NUMBER);
    }
}

static nacre_status run_aggregate(int body, struct buf *out) {
    struct aggregate_request request;
    struct aggregate *a;
    TRY(aggregate_request_parse(&ctx, bson[body], &request));
    TRY(aggregate_open(&ctx, &f.target, &request, &a));
    nacre_status status = put_groups(a, out);
    aggregate_close(a);
    return status;
}

// A file that could not be removed while it was made is there by its name until the next opening.
static void check_nothing_left(bool files_failed) {
    struct dir_list list;
    assert_int_equal(atomic_load(&budget.used), 0);
    assert_int_equal(atomic_load(&f.spill.dir.files), 0);
    assert_int_equal(dir_list(&f.index.base.ctx, f.spill.dir.path, &list), NACRE_OK);
    assert_true(list.count == 0 || files_failed);
    char path[300];
    for (size_t i = 0; i < list.count; i++) {
        snprintf(path, sizeof path, "%s/%s", f.spill.dir.path, list.names[i]);
        assert_int_equal(file_remove(&f.index.base.ctx, path), NACRE_OK);
    }
    dir_list_free(&list);
}

static nacre_status run(int body, uint64_t deadline, struct buf *out) {
    ctx_init(&ctx, &ticking, &budget, SIZE_MAX / 2);
    ticks = 0;
    ctx.deadline_ns = deadline;
    buf_reset(out);
    nacre_status status = (body < FIRST_AGGREGATE ? run_query : run_aggregate)(body, out);
    ctx_free(&ctx);
    return status;
}

static void check(int body, int n, nacre_status status, nacre_status allowed,
                  const struct buf *out) {
    bool same = slice_eq(buf_slice(out), slice_of(wanted[body], strlen(wanted[body])));
    check_nothing_left(allowed == NACRE_IO_ERROR);
    if (status == allowed || (status == NACRE_OK && same)) return;
    fail_msg("%s, call %d: %s %s", bodies[body], n, nacre_status_code(status),
             status ? ctx.err.detail : "other rows");
}

static int setup(void **state) {
    (void)state;
    char json[200];
    struct buf out BUF_CLEANUP = {0};
    buf_init(&out, NULL, SIZE_MAX / 2);
    ticking = world_system;
    ticking.mono_ns = tick;
    ticking.self = &ticks;
    budget_init(&budget, NULL, 0);
    query_fixture_open(&f, KV_STAND_MEM);
    for (int i = 0; i < DOCUMENTS; i++) {
        snprintf(json, sizeof json,
                 "{\"_id\":%d,\"b\":%d,\"c\":%d,\"d\":%d.37e%d,\"text\":\"%0*d\"}", i, i % 7,
                 i * 37 % 50, i, i * 11 % 40, 10 + i * 17 % 80, i * 5 % 60);
        assert_int_equal(query_fixture_put(&f, json), NACRE_OK);
    }
    query_fixture_publish(&f);
    for (int body = 0; body < BODIES; body++) {
        bson[body] = doc_values_doc(&f.index.base.ctx, bodies[body]);
        assert_int_equal(run(body, 0, &out), NACRE_OK);
        wanted[body] = arena_str(&f.index.base.ctx.arena, buf_slice(&out));
    }
    query_fixture_spill(&f, WORK);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    query_fixture_close(&f);
    return 0;
}

static void test_every_body_spills(void **state) {
    (void)state;
    struct buf out BUF_CLEANUP = {0};
    buf_init(&out, NULL, SIZE_MAX / 2);
    for (int body = 0; body < BODIES; body++) {
        unsigned before = atomic_load(&f.spill.dir.serial);
        check(body, 0, run(body, 0, &out), NACRE_OK, &out);
        assert_true(atomic_load(&f.spill.dir.serial) > before);
        if (body < FIRST_AGGREGATE) assert_true(spilled > 0);
    }
}

static void each_fault(enum fault_kind kind, nacre_status allowed) {
    struct buf out BUF_CLEANUP = {0};
    buf_init(&out, NULL, SIZE_MAX / 2);
    assert_non_null(buf_reserve(&out, 1 << 16));
    for (int body = 0; body < BODIES; body++) {
        bool fired = true;
        for (int n = 2; fired; n++) { // once, then this one and all after it
            fault_arm(kind, n / 2, n % 2);
            nacre_status status = run(body, 0, &out);
            fired = fault_fired(kind);
            fault_disarm(kind);
            check(body, n, status, fired ? allowed : NACRE_OK, &out);
            assert_true(n < 20000);
        }
    }
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    each_fault(FAULT_ALLOC, NACRE_MEMORY_LIMIT);
}

static void test_every_file_call_fails(void **state) {
    (void)state;
    each_fault(FAULT_IO, NACRE_IO_ERROR);
}

static void test_the_deadline_passes_anywhere(void **state) {
    (void)state;
    struct buf out BUF_CLEANUP = {0};
    buf_init(&out, NULL, SIZE_MAX / 2);
    for (int body = 0; body < BODIES; body++) {
        nacre_status status = NACRE_TIMEOUT;
        int n = 1;
        for (; status != NACRE_OK; n++) {
            status = run(body, (uint64_t)n, &out);
            check(body, n, status, NACRE_TIMEOUT, &out);
            assert_true(n < 20000);
        }
        assert_true(n > 5);
    }
}

// Every page of a sort is closed in the middle.
static void test_closed_early(void **state) {
    (void)state;
    for (int body = 0; body < FIRST_AGGREGATE; body++)
        for (int rows = 0; rows < 12; rows++) {
            struct query_request request;
            struct query_row row;
            struct query *q;
            bool found;
            ctx_init(&ctx, &world_system, &budget, SIZE_MAX / 2);
            assert_int_equal(query_request_parse(&ctx, bson[body], &request), NACRE_OK);
            assert_int_equal(query_open(&ctx, &f.target, &request, &q), NACRE_OK);
            for (int i = 0; i < rows; i++)
                assert_int_equal(query_next(&ctx, q, &row, &found), NACRE_OK);
            query_close(q);
            ctx_free(&ctx);
            check_nothing_left(false);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_body_spills),
        cmocka_unit_test(test_every_allocation_fails),
        cmocka_unit_test(test_every_file_call_fails),
        cmocka_unit_test(test_the_deadline_passes_anywhere),
        cmocka_unit_test(test_closed_early),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
