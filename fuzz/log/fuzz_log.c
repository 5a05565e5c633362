// Segment files through open, cursor, verify, start and append. The first byte chooses: the rest is
// a segment as it is, or edits (offset u16, count u8, bytes) of a good log of two segments, after
// which the checksums of heads may be made good again, so that what they guard is reached too.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits/bits.h"
#include "base/err/ctx.h"
#include "base/os/file.h"
#include "log/local/log_format.h"
#include "log/local/log_local.h"

enum { SEGMENT = 8192, RAW = 1, REHASH = 2, ONE_FILE = 4, INPUT_MAX = 64 * 1024 };

static char dir[64], file_path[2][96];
static struct world_model world;
static uint8_t good[2][SEGMENT], edited[2][SEGMENT];
static const struct log_local_options options = {.segment_bytes = SEGMENT};

static void must(bool ok) {
    if (!ok) abort();
}

static void remove_all(struct ctx *ctx) {
    nacre_status status = dir_remove_all(ctx, dir);
    must(status == NACRE_OK || status == NACRE_NOT_FOUND);
}

static void make_good_log(struct ctx *ctx) {
    struct replog *log;
    uint64_t index;
    uint8_t payload[300];
    must(log_local_open(ctx, dir, &options, &log) == NACRE_OK);
    must(log->ops->start(log, ctx, 0) == NACRE_OK);
    for (int i = 0; i < 18; i++) {
        memset(payload, i, sizeof payload);
        must(log->ops->append(log, ctx, slice_of(payload, sizeof payload), &index) == NACRE_OK);
        if (i % 7 == 0) must(log->ops->sync(log, ctx, &index) == NACRE_OK);
    }
    log->ops->close(log);
    for (int i = 0; i < 2; i++) {
        struct buf bytes;
        buf_init(&bytes, NULL, SEGMENT);
        must(file_read_all(ctx, file_path[i], SEGMENT, &bytes) == NACRE_OK && bytes.n == SEGMENT);
        memcpy(good[i], bytes.p, SEGMENT);
        buf_free(&bytes);
    }
}

static void first_run(struct ctx *ctx) {
    snprintf(dir, sizeof dir, "%s/nacre-fuzz-log-%d",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
    for (int i = 0; i < 2; i++)
        snprintf(file_path[i], sizeof file_path[i], "%s/%016x.log", dir, i + 1);
    make_good_log(ctx);
}

static void write_file(struct ctx *ctx, const char *path, const void *bytes, size_t size) {
    struct file file;
    must(file_open(ctx, path, FILE_CREATE, &file) == NACRE_OK);
    must(file_write_at(ctx, &file, 0, bytes, size) == NACRE_OK);
    file_close(&file);
}

// Makes the checksums of head, opening and records fit their bytes again.
static void rehash(uint8_t *p) {
    struct log_head head = {.format = bits_le32(p + 8),
                            .number = bits_le64(p + 16),
                            .bytes = bits_le64(p + 24),
                            .salt = bits_le64(p + 32)};
    struct log_opening opening = {.generation = bits_le64(p + LOG_OPENING_AT + 8),
                                  .first_index = bits_le64(p + LOG_OPENING_AT + 16),
                                  .chain_before = bits_le64(p + LOG_OPENING_AT + 24),
                                  .synced_upto = bits_le64(p + LOG_OPENING_AT + 32)};
    log_format_put_head(p, &head);
    log_format_put_opening(p + LOG_OPENING_AT, &opening, head.salt);
    uint64_t chain = opening.chain_before;
    for (size_t at = LOG_RECORDS_AT; at + LOG_RECORD_HEAD <= SEGMENT;) {
        struct log_record_head record = {.length = bits_le32(p + at),
                                         .generation = bits_le64(p + at + 8),
                                         .index = bits_le64(p + at + 16),
                                         .synced_upto = bits_le64(p + at + 32)};
        uint64_t size = log_record_bytes(record.length);
        if (record.generation == 0) return;
        if (size <= SEGMENT - at) {
            record.crc = log_record_crc(record.length, p + at + LOG_RECORD_HEAD);
            chain = log_record_chain(chain, slice_of(p + at + LOG_RECORD_HEAD, record.length));
            record.chain = chain;
        }
        log_format_put_record(p + at, &record, head.salt);
        at += size;
    }
}

static void write_edited(struct ctx *ctx, int mode, struct slice edits) {
    memcpy(edited, good, sizeof good);
    while (edits.n >= 3) {
        size_t at = bits_le16(edits.p) % sizeof edited, n = edits.p[2];
        edits = slice_skip(edits, 3);
        if (n > edits.n) n = edits.n;
        if (n > sizeof edited - at) n = sizeof edited - at;
        memcpy(&edited[0][0] + at, edits.p, n);
        edits = slice_skip(edits, n);
    }
    int files = mode & ONE_FILE ? 1 : 2;
    for (int i = 0; i < files; i++) {
        if (mode & REHASH) rehash(edited[i]);
        write_file(ctx, file_path[i], edited[i], SEGMENT);
    }
}

// Reads all records; how many, and the last one's index.
static uint64_t read_all(struct ctx *ctx, struct replog *log, uint64_t *last) {
    struct replog_cursor *cursor;
    struct replog_record record;
    bool found = true;
    uint64_t count = 0;
    must(log->ops->open_cursor(log, ctx, 0, &cursor) == NACRE_OK);
    while (found) {
        must(log->ops->next(cursor, ctx, &record, &found) == NACRE_OK);
        if (!found) break;
        must(count == 0 || record.index > *last);
        *last = record.index;
        count++;
    }
    log->ops->close_cursor(cursor);
    return count;
}

static void ignore_problem(void *arg, const char *text) {
    (void)text;
    ++*(int *)arg;
}

static nacre_status look(struct ctx *ctx, uint64_t *count) {
    struct replog *log;
    struct log_local_options read_only = options;
    uint64_t last = 0, records;
    int problems = 0;
    read_only.read_only = true;
    nacre_status status = log_local_open(ctx, dir, &read_only, &log);
    must(status == NACRE_OK || status == NACRE_CORRUPT || status == NACRE_INCOMPATIBLE_FORMAT);
    if (status == NACRE_OK) {
        *count = read_all(ctx, log, &last);
        log->ops->close(log);
    }
    must(log_local_verify(ctx, dir, ignore_problem, &problems, &records) == NACRE_OK);
    must(status == NACRE_OK ? records == *count : problems > 0);
    return status;
}

// A log that opens can be continued, and then has one record more.
static void go_on(struct ctx *ctx, uint64_t count) {
    struct replog *log;
    struct replog_status status;
    uint64_t index, last = 0;
    must(log_local_open(ctx, dir, &options, &log) == NACRE_OK);
    log->ops->status(log, &status);
    if (status.last_index < UINT64_MAX / 2 && status.generation < UINT64_MAX / 2) {
        must(log->ops->start(log, ctx, status.last_index) == NACRE_OK);
        must(log->ops->append(log, ctx, SLICE_LIT("more"), &index) == NACRE_OK);
        log->ops->close(log);
        must(log_local_open(ctx, dir, &options, &log) == NACRE_OK);
        must(read_all(ctx, log, &last) == count + 1 && last == index);
    }
    log->ops->close(log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ctx ctx;
    if (size < 1 || size > INPUT_MAX) return 0;
    world_model_init(&world, 1);
    ctx_init(&ctx, &world.world, NULL, 1 << 20);
    if (dir[0] == '\0') first_run(&ctx);
    remove_all(&ctx);
    must(dir_make(&ctx, dir) == NACRE_OK);
    if (data[0] & RAW)
        write_file(&ctx, file_path[0], data + 1, size - 1);
    else
        write_edited(&ctx, data[0], slice_of(data + 1, size - 1));
    uint64_t count = 0;
    if (look(&ctx, &count) == NACRE_OK) go_on(&ctx, count);
    remove_all(&ctx);
    ctx_free(&ctx);
    return 0;
}
