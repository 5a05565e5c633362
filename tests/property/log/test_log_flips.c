// Every single bit flip in a small log and every truncation of each of its files: reported as
// corrupt, or everything that is known to be synced is read back; nothing else is ever read.
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "log/local/log_format.h"
#include "support/log_fixture.h"

enum { RECORDS = 12, SIZE = 401 };

// No zero byte, so that no part of a record looks like a lost sector.
static void payload(uint64_t index, uint8_t *out) {
    for (size_t i = 0; i < SIZE; i++) out[i] = (uint8_t)(1 + (index * 31 + i * 7) % 255);
}

static void append(struct log_fixture *f, uint64_t from, uint64_t to) {
    uint8_t bytes[SIZE];
    for (uint64_t i = from; i <= to; i++) {
        payload(i, bytes);
        assert_int_equal(log_fixture_append(f, bytes, SIZE), i);
    }
}

// Records read back, or -1 for a log that is reported corrupt.
static int read_log(struct log_fixture *f) {
    nacre_status status = log_fixture_open(f);
    if (status == NACRE_CORRUPT || status == NACRE_INCOMPATIBLE_FORMAT) return -1;
    assert_int_equal(status, NACRE_OK);
    struct replog_cursor *cursor;
    struct replog_record record;
    uint8_t want[SIZE];
    int count = 0;
    bool found;
    assert_int_equal(f->log->ops->open_cursor(f->log, &f->ctx, 1, &cursor), NACRE_OK);
    for (;; count++) {
        assert_int_equal(f->log->ops->next(cursor, &f->ctx, &record, &found), NACRE_OK);
        if (!found) break;
        payload((uint64_t)count + 1, want);
        assert_int_equal(record.index, count + 1);
        assert_true(slice_eq(record.payload, slice_of(want, SIZE)));
    }
    f->log->ops->close_cursor(cursor);
    log_fixture_close(f);
    return count;
}

struct tally {
    int corrupt, whole, shorter;
};

static void judge(struct log_fixture *f, int least, struct tally *t) {
    int count = read_log(f);
    if (count < 0)
        t->corrupt++;
    else if (count == RECORDS)
        t->whole++;
    else
        t->shorter++;
    assert_true(count < 0 || count >= least);
}

static void flip_all(struct log_fixture *f, const char *name, int least, struct tally *t) {
    char path[256];
    uint8_t byte;
    snprintf(path, sizeof path, "%s/%s", f->log_dir, name);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    off_t size = lseek(fd, 0, SEEK_END), used = size;
    for (byte = 0; byte == 0; used--) assert_int_equal(pread(fd, &byte, 1, used - 1), 1);
    for (off_t at = 0; at < size; at++) {
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        // In the free zeros behind the records one bit of each byte stands for all.
        int bits = at > used ? 1 : 8;
        for (int bit = 0; bit < bits; bit++) {
            uint8_t flipped = (uint8_t)(byte ^ (1 << (bits == 1 ? at % 8 : bit)));
            assert_int_equal(pwrite(fd, &flipped, 1, at), 1);
            judge(f, least, t);
        }
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
}

static void truncate_all(struct log_fixture *f, const char *name) {
    struct log_image image;
    char path[256];
    log_image_read(&image, &f->ctx, f->log_dir);
    snprintf(path, sizeof path, "%s/%s", f->log_dir, name);
    off_t size = 0;
    for (size_t i = 0; i < image.count; i++)
        if (strcmp(image.files[i].name, name) == 0) size = (off_t)image.files[i].size;
    for (off_t n = size - 1; n >= 0; n--) {
        assert_int_equal(truncate(path, n), 0);
        assert_int_equal(read_log(f), -1); // a segment never shrinks
    }
    log_image_write(&image, &f->ctx, f->log_dir);
    log_image_free(&image);
    assert_int_equal(read_log(f), RECORDS);
}

// Two segments with records; for `open` logs without the mark of a clean close. least: how many
// records must be there whatever single bit is flipped.
static void one_log(bool clean, uint64_t synced, int least) {
    struct log_fixture f;
    struct log_image image;
    struct tally t = {0};
    log_fixture_init(&f);
    f.options.segment_bytes = 8192;
    log_fixture_start(&f, 0);
    append(&f, 1, synced);
    if (synced) log_fixture_sync(&f);
    append(&f, synced + 1, RECORDS);
    if (clean) log_fixture_sync(&f);
    log_image_read(&image, &f.ctx, f.log_dir);
    log_fixture_close(&f);
    if (!clean) log_image_write(&image, &f.ctx, f.log_dir);
    log_image_free(&image);
    f.options.read_only = true;
    assert_int_equal(read_log(&f), RECORDS);
    flip_all(&f, "0000000000000001.log", least, &t);
    flip_all(&f, "0000000000000002.log", least, &t);
    print_message("flips: %d corrupt, %d whole, %d shorter\n", t.corrupt, t.whole, t.shorter);
    truncate_all(&f, "0000000000000001.log");
    truncate_all(&f, "0000000000000002.log");
    f.options.read_only = false;
    log_fixture_free(&f);
}

// Closed cleanly, the mark vouches for the last record too.
static void test_clean(void **state) {
    (void)state;
    one_log(true, RECORDS, RECORDS);
}

// Only later records vouch for earlier ones: the last one alone may be taken for a torn tail.
static void test_unsynced(void **state) {
    (void)state;
    one_log(false, 0, RECORDS - 1);
}

static void test_half_synced(void **state) {
    (void)state;
    one_log(false, 5, RECORDS - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_unsynced),
        cmocka_unit_test(test_half_synced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
