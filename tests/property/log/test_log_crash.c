// Random appends, syncs, trims, kills and power cuts against a naive model. A power cut keeps any
// subset of the unsynced 512-byte sectors, or what was written before some byte. What is synced is
// learnt from the calls of fsync and fdatasync themselves, which this program defines. Whatever
// happens: the log opens, everything synced is read back, nothing is invented, no order is broken.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "log/local/log_format.h"
#include "support/log_fixture.h"

enum { RECORDS_MAX = 4096, PAYLOAD_MAX = 6000, CYCLES = 400 };

struct model {
    uint64_t seed[RECORDS_MAX]; // by index: what was appended there last; 0: nothing (a gap)
    uint64_t last, synced, trimmed, generation, counter;
};

struct run {
    struct log_fixture f;
    struct rng rng;
    struct model m;
    size_t payload_max;
};

// The content of each file at its last sync, by inode.
struct durable {
    ino_t inode;
    uint8_t *bytes;
    size_t size;
};
static struct durable durables[4096];
static size_t durable_count;

static struct durable *durable_of(ino_t inode) {
    for (size_t i = 0; i < durable_count; i++)
        if (durables[i].inode == inode) return &durables[i];
    return NULL;
}

static int note_sync(int fd) {
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    if (!S_ISREG(st.st_mode)) return 0;
    struct durable *d = durable_of(st.st_ino);
    if (!d) {
        assert_true(durable_count < sizeof durables / sizeof *durables);
        d = &durables[durable_count++];
        *d = (struct durable){.inode = st.st_ino};
    }
    free(d->bytes);
    d->size = (size_t)st.st_size;
    d->bytes = malloc(d->size + 1);
    assert_non_null(d->bytes);
    assert_int_equal(pread(fd, d->bytes, d->size, 0), d->size);
    return 0;
}

int fsync(int fd) { return note_sync(fd); }
int fdatasync(int fd) { return note_sync(fd); }

static void forget_durables(void) {
    while (durable_count > 0) free(durables[--durable_count].bytes);
}

// The file is durable as it is now.
static void note_path(const char *dir, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    note_sync(fileno(file));
    fclose(file);
}

static void read_back(struct run *r) {
    struct log_fixture *f = &r->f;
    struct replog_status status = log_fixture_status(f);
    struct replog_cursor *cursor;
    struct replog_record record;
    uint8_t want[PAYLOAD_MAX];
    bool found;
    assert_true(status.last_index >= r->m.synced);
    assert_true(status.last_index <= r->m.last);
    assert_int_equal(f->log->ops->open_cursor(f->log, &f->ctx, 0, &cursor), NACRE_OK);
    uint64_t expected = status.first_index, generation = 0;
    for (;;) {
        assert_int_equal(f->log->ops->next(cursor, &f->ctx, &record, &found), NACRE_OK);
        if (!found) break;
        while (expected <= status.last_index && r->m.seed[expected] == 0) expected++;
        assert_int_equal(record.index, expected);
        size_t size = log_fixture_payload(expected, r->m.seed[expected], r->payload_max, want);
        assert_true(slice_eq(record.payload, slice_of(want, size)));
        assert_true(record.generation >= generation);
        generation = record.generation;
        expected++;
    }
    while (expected <= status.last_index && r->m.seed[expected] == 0) expected++;
    assert_int_equal(expected, status.last_index + 1);
    assert_true(status.first_index <= r->m.trimmed + 1 || status.first_index <= r->m.synced + 1);
    f->log->ops->close_cursor(cursor);
}

static const struct durable *durable_named(struct run *r, const char *name) {
    char path[256];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", r->f.log_dir, name);
    assert_int_equal(stat(path, &st), 0);
    return durable_of(st.st_ino);
}

enum loss { LOSE_ALL, LOSE_FROM_TEAR, LOSE_SOME, LOSE_TO_TEAR, LOSE_NONE, LOSSES };

// From which byte on the sector at an offset is lost.
static size_t lost_from(struct run *r, enum loss loss, size_t at, size_t tear, uint64_t keep) {
    switch (loss) {
    case LOSE_ALL:
        return 0;
    case LOSE_FROM_TEAR:
        return at + LOG_SECTOR <= tear ? LOG_SECTOR : tear > at ? tear - at : 0;
    case LOSE_SOME:
        return rng_below(&r->rng, 100) < keep ? LOG_SECTOR : 0;
    case LOSE_TO_TEAR:
        return at + LOG_SECTOR <= tear ? 0 : LOG_SECTOR;
    default:
        return LOG_SECTOR;
    }
}

// What a power cut leaves of one file.
static void lose_sectors(struct run *r, struct log_image_file *now, enum loss loss, size_t tear) {
    uint64_t keep = rng_below(&r->rng, 100);
    const struct durable *old = durable_named(r, now->name);
    assert_true(old && old->size == now->size); // named only after a sync
    for (size_t at = 0; at < now->size; at += LOG_SECTOR) {
        const uint8_t *before = old->bytes + at;
        if (memcmp(before, now->bytes + at, LOG_SECTOR) == 0) continue;
        size_t from = lost_from(r, loss, at, tear, keep);
        memcpy(now->bytes + at + from, before + from, LOG_SECTOR - from);
    }
}

static void lose(struct run *r, struct log_image *now) {
    // Written in order up to some byte of one file, or each file for itself by whole sectors.
    bool ordered = rng_below(&r->rng, 3) == 0;
    size_t torn = (size_t)rng_below(&r->rng, now->count);
    for (size_t i = 0; i < now->count; i++) {
        uint64_t number;
        struct log_image_file *file = &now->files[i];
        if (!log_name_parse(file->name, &number)) continue;
        size_t tear = (size_t)rng_below(&r->rng, file->size + 1);
        enum loss loss = i < torn ? LOSE_NONE : i > torn ? LOSE_ALL : LOSE_FROM_TEAR;
        if (!ordered) {
            loss = (enum loss)rng_below(&r->rng, LOSSES);
            tear = tear / LOG_SECTOR * LOG_SECTOR;
        }
        lose_sectors(r, file, loss, tear);
    }
}

// Undoes what close wrote, in place.
static void restore(struct run *r, const struct log_image *image) {
    for (size_t i = 0; i < image->count; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", r->f.log_dir, image->files[i].name);
        FILE *file = fopen(path, "r+b");
        assert_non_null(file);
        size_t size = image->files[i].size;
        assert_int_equal(fwrite(image->files[i].bytes, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
    }
}

static void crash(struct run *r) {
    struct log_image now;
    log_image_read(&now, &r->f.ctx, r->f.log_dir);
    log_fixture_close(&r->f); // what close writes is not in the image
    if (rng_below(&r->rng, 4) == 0) {
        restore(r, &now); // killed: all is there, but not all is durable
    } else {
        lose(r, &now);
        log_image_write(&now, &r->f.ctx, r->f.log_dir);
        forget_durables();
        for (size_t i = 0; i < now.count; i++) note_path(r->f.log_dir, now.files[i].name);
    }
    log_image_free(&now);
}

static void reopen(struct run *r) {
    nacre_status status = log_fixture_open(&r->f);
    if (status != NACRE_OK) print_error("open: %s\n", r->f.ctx.err.detail);
    assert_int_equal(status, NACRE_OK);
    read_back(r);
    struct replog_status s = log_fixture_status(&r->f);
    uint64_t applied = s.last_index;
    if (rng_below(&r->rng, 8) == 0) applied += rng_below(&r->rng, 3);
    for (uint64_t i = s.last_index + 1; i <= r->m.last || i <= applied; i++) r->m.seed[i] = 0;
    log_fixture_start(&r->f, applied);
    s = log_fixture_status(&r->f);
    assert_int_equal(s.last_index, applied);
    assert_true(s.generation >= r->m.generation);
    r->m.generation = s.generation;
    r->m.last = r->m.synced = applied;
    read_back(r);
}

static void append(struct run *r) {
    uint8_t bytes[PAYLOAD_MAX];
    uint64_t index = r->m.last + 1, seed = ++r->m.counter;
    size_t size = log_fixture_payload(index, seed, r->payload_max, bytes);
    assert_int_equal(log_fixture_append(&r->f, bytes, size), index);
    r->m.seed[index] = seed;
    r->m.last = index;
}

static void step(struct run *r) {
    uint64_t dice = rng_below(&r->rng, 20);
    if (dice < 14) {
        append(r);
    } else if (dice < 18) {
        log_fixture_sync(&r->f);
        r->m.synced = r->m.last;
    } else if (dice == 18 && r->m.last > 0) {
        uint64_t below = rng_below(&r->rng, r->m.last + 2);
        assert_int_equal(r->f.log->ops->trim(r->f.log, &r->f.ctx, below), NACRE_OK);
        if (below > 0 && below - 1 > r->m.trimmed) r->m.trimmed = below - 1;
    } else {
        read_back(r);
    }
}

static void one_run(uint64_t seed, int cycles) {
    static struct run r;
    r = (struct run){0};
    log_fixture_init(&r.f);
    rng_seed(&r.rng, seed);
    r.payload_max = seed % 2 ? 300 : PAYLOAD_MAX;
    r.f.options.segment_bytes = 8192u << rng_below(&r.rng, 3);
    log_fixture_start(&r.f, 0);
    r.m.generation = 1;
    for (int i = 0; i < cycles && r.m.last < RECORDS_MAX - 100; i++) {
        for (uint64_t n = rng_below(&r.rng, 40); n > 0; n--) step(&r);
        if (rng_below(&r.rng, 5) == 0)
            log_fixture_close(&r.f); // without a crash: everything written is there
        else
            crash(&r);
        reopen(&r);
    }
    forget_durables();
    log_fixture_free(&r.f);
}

static void test_crashes(void **state) {
    (void)state;
    const char *text = getenv("NACRE_SEED"), *runs = getenv("NACRE_RUNS");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 1;
    int count = runs ? (int)strtol(runs, NULL, 10) : 8;
    for (int i = 0; i < count; i++) {
        print_message("seed %llu\n", (unsigned long long)seed + (unsigned)i);
        one_run(seed + (unsigned)i, CYCLES / 8);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_crashes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
