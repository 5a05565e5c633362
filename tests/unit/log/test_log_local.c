// The local log: order, durability bookkeeping, segments, generations, trimming, refusals.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "log/local/log_format.h"
#include "support/log_fixture.h"

static int setup(void **state) {
    static struct log_fixture fixture;
    log_fixture_init(&fixture);
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    log_fixture_free(*state);
    return 0;
}

// Reads [from, to] and compares with what log_fixture_payload makes of each index.
static void expect_records(struct log_fixture *f, uint64_t from, uint64_t to, size_t max) {
    struct replog_cursor *cursor;
    struct replog_record record;
    bool found;
    uint8_t want[4096];
    assert_int_equal(f->log->ops->open_cursor(f->log, &f->ctx, from, &cursor), NACRE_OK);
    for (uint64_t i = from; i <= to; i++) {
        assert_int_equal(f->log->ops->next(cursor, &f->ctx, &record, &found), NACRE_OK);
        assert_true(found);
        size_t size = log_fixture_payload(i, 7, max, want);
        assert_int_equal(record.index, i);
        assert_int_equal(record.payload.n, size);
        assert_true(slice_eq(record.payload, slice_of(want, size)));
    }
    assert_int_equal(f->log->ops->next(cursor, &f->ctx, &record, &found), NACRE_OK);
    assert_false(found);
    f->log->ops->close_cursor(cursor);
}

static void append_many(struct log_fixture *f, uint64_t from, uint64_t to, size_t max) {
    uint8_t bytes[4096];
    for (uint64_t i = from; i <= to; i++) {
        size_t size = log_fixture_payload(i, 7, max, bytes);
        assert_int_equal(log_fixture_append(f, bytes, size), i);
    }
}

static void test_empty(void **state) {
    struct log_fixture *f = *state;
    assert_int_equal(log_fixture_open(f), NACRE_OK);
    struct replog_status s = log_fixture_status(f);
    assert_int_equal(s.last_index, 0);
    assert_int_equal(s.first_index, 1);
    expect_records(f, 1, 0, 10);
    log_fixture_start(f, 0);
    s = log_fixture_status(f);
    assert_int_equal(s.generation, 1);
    assert_int_equal(s.first_index, 1);
    log_fixture_sync(f);
    expect_records(f, 1, 0, 10);
}

static void test_append_reopen(void **state) {
    struct log_fixture *f = *state;
    log_fixture_start(f, 0);
    append_many(f, 1, 20, 200);
    assert_int_equal(log_fixture_status(f).synced_index, 0);
    log_fixture_sync(f);
    assert_int_equal(log_fixture_status(f).synced_index, 20);
    uint64_t chain = log_fixture_status(f).chain;
    log_fixture_close(f);
    assert_int_equal(log_fixture_open(f), NACRE_OK);
    struct replog_status s = log_fixture_status(f);
    assert_int_equal(s.last_index, 20);
    assert_int_equal(s.synced_index, 20);
    assert_int_equal(s.generation, 1);
    assert_true(s.chain == chain);
    expect_records(f, 1, 20, 200);
    expect_records(f, 13, 20, 200);
    log_fixture_start(f, 20);
    append_many(f, 21, 25, 200);
    expect_records(f, 20, 25, 200);
}

static void test_many_segments(void **state) {
    struct log_fixture *f = *state;
    log_fixture_start(f, 0);
    for (uint64_t i = 1; i <= 100; i += 5) {
        append_many(f, i, i + 4, 2000);
        log_fixture_sync(f);
    }
    expect_records(f, 1, 100, 2000);
    struct replog_status s = log_fixture_status(f);
    assert_true(s.bytes > 10 * 8192);
    log_fixture_close(f);
    log_fixture_start(f, 100);
    expect_records(f, 1, 100, 2000);
    assert_int_equal(log_fixture_status(f).generation, 1);
}

// One sync covers every segment that has unsynced records.
static void test_sync_over_segments(void **state) {
    struct log_fixture *f = *state;
    log_fixture_start(f, 0);
    append_many(f, 1, 60, 2000);
    log_fixture_sync(f);
    assert_int_equal(log_fixture_status(f).synced_index, 60);
    expect_records(f, 1, 60, 2000);
}

static void test_large_record(void **state) {
    struct log_fixture *f = *state;
    struct buf big;
    buf_init(&big, NULL, 8 << 20);
    for (int i = 0; i < 100000; i++)
        buf_printf(&big, "%d,", i);
    assert_int_equal(buf_status(&big), NACRE_OK);
    log_fixture_start(f, 0);
    log_fixture_append(f, "a", 1);
    log_fixture_append(f, big.p, big.n);
    log_fixture_append(f, "b", 1);
    log_fixture_sync(f);
    log_fixture_close(f);
    log_fixture_start(f, 3);
    struct replog_cursor *cursor;
    struct replog_record record;
    bool found;
    assert_int_equal(f->log->ops->open_cursor(f->log, &f->ctx, 2, &cursor), NACRE_OK);
    assert_int_equal(f->log->ops->next(cursor, &f->ctx, &record, &found), NACRE_OK);
    assert_true(found && slice_eq(record.payload, buf_slice(&big)));
    assert_int_equal(f->log->ops->next(cursor, &f->ctx, &record, &found), NACRE_OK);
    assert_true(found && slice_eq_str(record.payload, "b"));
    f->log->ops->close_cursor(cursor);
    buf_free(&big);
}

static void test_too_large(void **state) {
    struct log_fixture *f = *state;
    uint64_t index;
    log_fixture_start(f, 0);
    assert_int_equal(
        f->log->ops->append(f->log, &f->ctx, slice_of("x", (size_t)REPLOG_RECORD_MAX + 1), &index),
        NACRE_TRANSACTION_TOO_LARGE);
    assert_int_equal(log_fixture_append(f, "x", 1), 1);
}

// RocksDB may be ahead of the log: the gap begins a generation, and lasts.
static void test_generation(void **state) {
    struct log_fixture *f = *state;
    log_fixture_start(f, 0);
    append_many(f, 1, 3, 100);
    log_fixture_sync(f);
    log_fixture_close(f);
    log_fixture_start(f, 10);
    struct replog_status s = log_fixture_status(f);
    assert_int_equal(s.generation, 2);
    assert_int_equal(s.last_index, 10);
    assert_int_equal(s.first_index, 1);
    log_fixture_close(f);
    log_fixture_start(f, 10); // durable although nothing was appended
    assert_int_equal(log_fixture_status(f).generation, 2);
    append_many(f, 11, 12, 100);
    log_fixture_sync(f);
    expect_records(f, 11, 12, 100);
}

static void test_cursor_over_gap(void **state) {
    struct log_fixture *f = *state;
    struct replog_cursor *cursor;
    struct replog_record record;
    bool found;
    log_fixture_start(f, 0);
    append_many(f, 1, 3, 100);
    log_fixture_close(f);
    log_fixture_start(f, 10);
    append_many(f, 11, 11, 100);
    assert_int_equal(f->log->ops->open_cursor(f->log, &f->ctx, 4, &cursor), NACRE_OK);
    assert_int_equal(f->log->ops->next(cursor, &f->ctx, &record, &found), NACRE_OK);
    assert_true(found);
    assert_int_equal(record.index, 11);
    assert_int_equal(record.generation, 2);
    assert_int_equal(f->log->ops->next(cursor, &f->ctx, &record, &found), NACRE_OK);
    assert_false(found);
    append_many(f, 12, 12, 100); // the cursor follows
    assert_int_equal(f->log->ops->next(cursor, &f->ctx, &record, &found), NACRE_OK);
    assert_true(found && record.index == 12);
    f->log->ops->close_cursor(cursor);
}

static void trim_case(struct log_fixture *f, bool archive) {
    f->options.archive = archive;
    log_fixture_start(f, 0);
    append_many(f, 1, 100, 2000);
    assert_int_equal(f->log->ops->trim(f->log, &f->ctx, 50), NACRE_OK);
    assert_int_equal(log_fixture_status(f).first_index, 1); // nothing is synced yet
    log_fixture_sync(f);
    assert_int_equal(f->log->ops->trim(f->log, &f->ctx, 50), NACRE_OK);
    struct replog_status s = log_fixture_status(f);
    assert_true(s.first_index > 30 && s.first_index <= 50);
    expect_records(f, s.first_index, 100, 2000);
    struct replog_cursor *cursor;
    assert_int_equal(f->log->ops->open_cursor(f->log, &f->ctx, 5, &cursor), NACRE_HISTORY_EXPIRED);
    log_fixture_close(f);
    log_fixture_start(f, 100);
    assert_int_equal(log_fixture_status(f).first_index, s.first_index);
    expect_records(f, s.first_index, 100, 2000);
    assert_int_equal(f->log->ops->trim(f->log, &f->ctx, 1000), NACRE_OK);
    s = log_fixture_status(f);
    assert_int_equal(s.last_index, 100);
    log_fixture_close(f);
    log_fixture_start(f, 100);
    assert_int_equal(log_fixture_append(f, "x", 1), 101);
}

static void test_trim(void **state) { trim_case(*state, false); }

// Segments that were wholly synced before the log left them can go too.
static void test_trim_synced_one_by_one(void **state) {
    struct log_fixture *f = *state;
    log_fixture_start(f, 0);
    for (uint64_t i = 1; i <= 100; i++) {
        append_many(f, i, i, 2000);
        log_fixture_sync(f);
    }
    assert_int_equal(f->log->ops->trim(f->log, &f->ctx, 101), NACRE_OK);
    assert_true(log_fixture_status(f).first_index > 80);
    assert_true(log_fixture_status(f).bytes <= 2 * 8192);
}

static void test_archive(void **state) {
    struct log_fixture *f = *state;
    trim_case(f, true);
    char path[256];
    struct dir_list list;
    snprintf(path, sizeof path, "%s/archive", f->log_dir);
    assert_int_equal(dir_list(&f->ctx, path, &list), NACRE_OK);
    assert_true(list.count > 5);
    assert_string_equal(list.names[0], "0000000000000001.log");
    dir_list_free(&list);
}

// An archive with its segments is itself a log that can be read.
static void test_archive_reads(void **state) {
    struct log_fixture *f = *state;
    trim_case(f, true);
    log_fixture_close(f);
    strncat(f->log_dir, "/archive", sizeof f->log_dir - strlen(f->log_dir) - 1);
    f->options.read_only = true;
    assert_int_equal(log_fixture_open(f), NACRE_OK);
    struct replog_status s = log_fixture_status(f);
    assert_int_equal(s.first_index, 1);
    expect_records(f, 1, s.last_index, 2000);
}

static void test_read_only(void **state) {
    struct log_fixture *f = *state;
    uint64_t index;
    f->options.read_only = true;
    assert_int_equal(log_fixture_open(f), NACRE_NOT_FOUND);
    f->options.read_only = false;
    log_fixture_start(f, 0);
    append_many(f, 1, 5, 100);
    log_fixture_sync(f);
    log_fixture_close(f);
    struct log_image before, after;
    log_image_read(&before, &f->ctx, f->log_dir);
    f->options.read_only = true;
    assert_int_equal(log_fixture_open(f), NACRE_OK);
    expect_records(f, 1, 5, 100);
    assert_int_equal(f->log->ops->start(f->log, &f->ctx, 5), NACRE_INVALID_ARGUMENT);
    assert_int_equal(f->log->ops->append(f->log, &f->ctx, SLICE_LIT("x"), &index),
                     NACRE_INVALID_ARGUMENT);
    assert_int_equal(f->log->ops->trim(f->log, &f->ctx, 5), NACRE_INVALID_ARGUMENT);
    log_fixture_close(f);
    log_image_read(&after, &f->ctx, f->log_dir);
    assert_int_equal(before.count, after.count);
    for (size_t i = 0; i < before.count; i++) {
        assert_int_equal(before.files[i].size, after.files[i].size);
        assert_memory_equal(before.files[i].bytes, after.files[i].bytes, after.files[i].size);
    }
    log_image_free(&before);
    log_image_free(&after);
}

static void test_locked(void **state) {
    struct log_fixture *f = *state;
    struct replog *second;
    log_fixture_start(f, 0);
    assert_int_equal(log_local_open(&f->ctx, f->log_dir, &f->options, &second), NACRE_LOCKED);
}

static void test_before_start(void **state) {
    struct log_fixture *f = *state;
    uint64_t index;
    assert_int_equal(log_fixture_open(f), NACRE_OK);
    assert_int_equal(f->log->ops->append(f->log, &f->ctx, SLICE_LIT("x"), &index),
                     NACRE_INVALID_ARGUMENT);
    assert_int_equal(f->log->ops->sync(f->log, &f->ctx, &index), NACRE_INVALID_ARGUMENT);
    log_fixture_start(f, 0);
    assert_int_equal(f->log->ops->start(f->log, &f->ctx, 0), NACRE_INVALID_ARGUMENT);
}

static void test_missing_segment(void **state) {
    struct log_fixture *f = *state;
    char path[256];
    log_fixture_start(f, 0);
    append_many(f, 1, 60, 2000);
    log_fixture_sync(f);
    log_fixture_close(f);
    snprintf(path, sizeof path, "%s/0000000000000003.log", f->log_dir);
    assert_int_equal(file_remove(&f->ctx, path), NACRE_OK);
    assert_int_equal(log_fixture_open(f), NACRE_CORRUPT);
    assert_non_null(strstr(f->ctx.err.detail, "0000000000000003.log is missing"));
}

static void test_newer_format(void **state) {
    struct log_fixture *f = *state;
    char path[256];
    log_fixture_start(f, 0);
    log_fixture_close(f);
    uint8_t block[LOG_BLOCK_BYTES];
    struct log_head head = {.format = LOG_FORMAT + 1, .number = 1, .bytes = 8192, .salt = 5};
    log_format_put_head(block, &head);
    snprintf(path, sizeof path, "%s/0000000000000001.log", f->log_dir);
    struct file file;
    assert_int_equal(file_open(&f->ctx, path, FILE_WRITE, &file), NACRE_OK);
    assert_int_equal(file_write_at(&f->ctx, &file, 0, block, sizeof block), NACRE_OK);
    file_close(&file);
    assert_int_equal(log_fixture_open(f), NACRE_INCOMPATIBLE_FORMAT);
}

struct problems {
    int count;
    char text[8][600];
};

static void note_problem(void *arg, const char *text) {
    struct problems *p = arg;
    if (p->count < 8) snprintf(p->text[p->count], sizeof p->text[0], "%s", text);
    p->count++;
}

static void flip(struct log_fixture *f, const char *name, uint64_t offset) {
    char path[256];
    struct file file;
    uint8_t byte;
    size_t n;
    snprintf(path, sizeof path, "%s/%s", f->log_dir, name);
    assert_int_equal(file_open(&f->ctx, path, FILE_WRITE, &file), NACRE_OK);
    assert_int_equal(file_read_at(&f->ctx, &file, offset, &byte, 1, &n), NACRE_OK);
    byte ^= 4;
    assert_int_equal(file_write_at(&f->ctx, &file, offset, &byte, 1), NACRE_OK);
    file_close(&file);
}

static void test_verify(void **state) {
    struct log_fixture *f = *state;
    struct problems problems = {0};
    uint64_t records;
    log_fixture_start(f, 0);
    append_many(f, 1, 60, 2000);
    log_fixture_sync(f);
    log_fixture_close(f);
    assert_int_equal(log_local_verify(&f->ctx, f->log_dir, note_problem, &problems, &records),
                     NACRE_OK);
    assert_int_equal(problems.count, 0);
    assert_int_equal(records, 60);
    flip(f, "0000000000000002.log", LOG_RECORDS_AT + 10); // two records at least: head and payload
    flip(f, "0000000000000003.log", 700);                 // a reserved byte
    flip(f, "0000000000000004.log", LOG_RECORDS_AT + 100);
    assert_int_equal(log_local_verify(&f->ctx, f->log_dir, note_problem, &problems, &records),
                     NACRE_OK);
    assert_int_equal(problems.count, 3);
    assert_non_null(strstr(problems.text[0], "0000000000000002.log, offset 4096"));
    assert_non_null(strstr(problems.text[1], "reserved"));
    assert_non_null(strstr(problems.text[2], "0000000000000004.log, offset 4096"));
    assert_int_equal(records, 58);
}

// No sync has made it: it is there before an append needs it, and the log goes on in it.
static void test_next_segment_without_syncs(void **state) {
    struct log_fixture *f = *state;
    uint8_t bytes[4096];
    char path[256];
    f->options.segment_bytes = 1024 * 1024;
    log_fixture_start(f, 0);
    uint64_t at = LOG_RECORDS_AT, next = 1;
    for (; at < f->options.segment_bytes / 8 * 7 + sizeof bytes; next++) {
        size_t size = log_fixture_payload(next, 7, sizeof bytes, bytes);
        assert_int_equal(log_fixture_append(f, bytes, size), next);
        at += log_record_bytes(size);
    }
    snprintf(path, sizeof path, "%s/0000000000000002.log", f->log_dir);
    assert_true(file_exists(path));
    append_many(f, next, next + 200, sizeof bytes);
    assert_int_equal(log_fixture_status(f).synced_index, 0);
    log_fixture_sync(f);
    expect_records(f, 1, next + 200, sizeof bytes);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_empty),
        TEST(test_append_reopen),
        TEST(test_many_segments),
        TEST(test_sync_over_segments),
        TEST(test_large_record),
        TEST(test_too_large),
        TEST(test_generation),
        TEST(test_cursor_over_gap),
        TEST(test_trim),
        TEST(test_trim_synced_one_by_one),
        TEST(test_archive),
        TEST(test_archive_reads),
        TEST(test_read_only),
        TEST(test_locked),
        TEST(test_before_start),
        TEST(test_missing_segment),
        TEST(test_newer_format),
        TEST(test_verify),
        TEST(test_next_segment_without_syncs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
