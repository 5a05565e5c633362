// Every allocation and every I/O call of a scenario fails in turn, once or from then on. Each call
// answers with a typed error or does its work; a later open finds all that was acknowledged.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/os/fault.h"
#include "support/log_fixture.h"

enum { FIRST = 12, SECOND = 10, PAYLOAD_MAX = 1500, ROUNDS_MAX = 20000 };

struct acked {
    uint64_t appended, synced; // the highest index for which append, sync answered OK
    uint64_t tried;            // the highest index that may be in the log
};

static bool typed(nacre_status status) {
    return status == NACRE_IO_ERROR || status == NACRE_MEMORY_LIMIT || status == NACRE_DISK_FULL ||
           status == NACRE_OUTCOME_UNKNOWN;
}

static bool good(struct log_fixture *f, nacre_status status) {
    if (status == NACRE_OK) return true;
    if (!typed(status)) print_error("%s: %s\n", nacre_status_code(status), f->ctx.err.detail);
    assert_true(typed(status));
    assert_int_equal(f->ctx.err.status, status);
    return false;
}

static void append_some(struct log_fixture *f, int count, struct acked *a) {
    uint8_t bytes[PAYLOAD_MAX];
    for (int i = 0; i < count; i++) {
        uint64_t index = 0, next = log_fixture_status(f).last_index + 1;
        size_t size = log_fixture_payload(next, 3, PAYLOAD_MAX, bytes);
        if (next > a->tried) a->tried = next;
        nacre_status status = f->log->ops->append(f->log, &f->ctx, slice_of(bytes, size), &index);
        if (!good(f, status)) continue;
        assert_int_equal(index, next);
        a->appended = index;
        if (i % 3 != 2) continue;
        if (good(f, f->log->ops->sync(f->log, &f->ctx, &index)) && index > a->synced)
            a->synced = index;
    }
}

static bool read_some(struct log_fixture *f, uint64_t *out_last) {
    struct replog_cursor *cursor;
    struct replog_record record;
    uint8_t want[PAYLOAD_MAX];
    bool found = true, ok = true;
    if (!good(f, f->log->ops->open_cursor(f->log, &f->ctx, 0, &cursor))) return false;
    while (ok && found) {
        ok = good(f, f->log->ops->next(cursor, &f->ctx, &record, &found));
        if (!ok || !found) continue;
        size_t size = log_fixture_payload(record.index, 3, PAYLOAD_MAX, want);
        assert_true(slice_eq(record.payload, slice_of(want, size)));
        *out_last = record.index;
    }
    f->log->ops->close_cursor(cursor);
    return ok;
}

static void session(struct log_fixture *f, int count, struct acked *a) {
    uint64_t last = 0;
    if (!good(f, log_fixture_open(f))) return;
    if (good(f, f->log->ops->start(f->log, &f->ctx, log_fixture_status(f).last_index))) {
        append_some(f, count, a);
        read_some(f, &last);
        good(f, f->log->ops->trim(f->log, &f->ctx, a->synced > 6 ? 6 : 1));
        append_some(f, 2, a);
    }
    log_fixture_close(f);
}

static void check_after(struct log_fixture *f, const struct acked *a) {
    uint64_t last = 0;
    nacre_status status = log_fixture_open(f);
    if (status != NACRE_OK) print_error("open: %s\n", f->ctx.err.detail);
    assert_int_equal(status, NACRE_OK);
    assert_true(read_some(f, &last));
    assert_true(last >= a->synced && last <= a->tried);
    log_fixture_start(f, last);
    log_fixture_append(f, "x", 1);
    log_fixture_sync(f);
    log_fixture_close(f);
}

static void one_kind(enum fault_kind kind, bool sticky, bool archive) {
    int64_t n = 1;
    for (bool fired = true; fired && n < ROUNDS_MAX; n++) {
        struct log_fixture f;
        struct acked a = {0};
        log_fixture_init(&f);
        f.options.archive = archive;
        fault_arm(kind, n, sticky);
        session(&f, FIRST, &a);
        session(&f, SECOND, &a);
        fired = fault_fired(kind);
        fault_disarm(kind);
        check_after(&f, &a);
        log_fixture_free(&f);
    }
    print_message("%d points\n", (int)n);
    assert_true(n > 20 && n < ROUNDS_MAX);
}

static void test_alloc(void **state) {
    (void)state;
    one_kind(FAULT_ALLOC, false, false);
    one_kind(FAULT_ALLOC, true, false);
}

static void test_io(void **state) {
    (void)state;
    one_kind(FAULT_IO, false, false);
    one_kind(FAULT_IO, true, false);
    one_kind(FAULT_IO, false, true);
}

// After a failed sync nothing is accepted any more, with the same status, until the log is
// reopened.
static void test_poison(void **state) {
    (void)state;
    struct log_fixture f;
    uint64_t index;
    log_fixture_init(&f);
    f.options.segment_bytes = 1 << 20;
    log_fixture_start(&f, 0);
    log_fixture_append(&f, "a", 1);
    log_fixture_sync(&f);
    log_fixture_append(&f, "b", 1);
    fault_arm(FAULT_IO, 1, false);
    assert_int_equal(f.log->ops->sync(f.log, &f.ctx, &index), NACRE_IO_ERROR);
    fault_disarm(FAULT_IO);
    assert_int_equal(f.log->ops->sync(f.log, &f.ctx, &index), NACRE_IO_ERROR);
    assert_int_equal(f.log->ops->append(f.log, &f.ctx, SLICE_LIT("c"), &index), NACRE_IO_ERROR);
    assert_non_null(strstr(f.ctx.err.detail, "earlier"));
    assert_int_equal(log_fixture_status(&f).synced_index, 1);
    log_fixture_close(&f);
    log_fixture_start(&f, 1);
    assert_int_equal(log_fixture_append(&f, "c", 1), 3);
    log_fixture_free(&f);
}

// A write that fails may have written: the answer says so, and what follows is refused.
static void test_unknown(void **state) {
    (void)state;
    struct log_fixture f;
    uint64_t index;
    log_fixture_init(&f);
    log_fixture_start(&f, 0);
    fault_arm(FAULT_IO, 1, false);
    assert_int_equal(f.log->ops->append(f.log, &f.ctx, SLICE_LIT("a"), &index),
                     NACRE_OUTCOME_UNKNOWN);
    fault_disarm(FAULT_IO);
    assert_int_equal(f.log->ops->append(f.log, &f.ctx, SLICE_LIT("a"), &index), NACRE_IO_ERROR);
    log_fixture_free(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_io),
        cmocka_unit_test(test_poison),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
