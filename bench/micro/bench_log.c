// Append and sync rates of the local log. Arguments: directory (default: a new one below the
// working directory), record bytes (1024), records per run (20000). Prints the median of eleven
// runs.
#include <stdio.h>
#include <stdlib.h>

#include "base/err/check.h"
#include "base/err/ctx.h"
#include "base/os/file.h"
#include "log/local/log_local.h"

enum { RUNS = 11, RECORD_MAX = 1 << 20, SYNCED = 400 };

struct bench {
    struct ctx ctx;
    struct replog *log;
    const char *dir;
    size_t size;
    uint64_t records;
    uint8_t payload[RECORD_MAX];
};

static void must(struct bench *b, nacre_status status) {
    if (status == NACRE_OK) return;
    fprintf(stderr, "bench_log: %s\n", b->ctx.err.detail);
    exit(1);
}

static double now_us(void) { return (double)world_mono_ns(&world_system) / 1000; }

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values) {
    qsort(values, RUNS, sizeof *values, by_value);
    return values[RUNS / 2];
}

static void open_log(struct bench *b) {
    must(b, log_local_open(&b->ctx, b->dir, NULL, &b->log));
    must(b, b->log->ops->start(b->log, &b->ctx, 0));
}

static void close_log(struct bench *b) {
    b->log->ops->close(b->log);
    must(b, dir_remove_all(&b->ctx, b->dir));
}

static void append(struct bench *b) {
    uint64_t index;
    must(b, b->log->ops->append(b->log, &b->ctx, slice_of(b->payload, b->size), &index));
}

static void sync_log(struct bench *b) {
    uint64_t index;
    must(b, b->log->ops->sync(b->log, &b->ctx, &index));
}

// Appends without a sync, in the room of one segment so that making segments is not in it.
static double append_us(struct bench *b) {
    uint64_t n = 15 * 1024 * 1024 / (b->size + 56);
    if (n > b->records) n = b->records;
    open_log(b);
    double start = now_us();
    for (uint64_t i = 0; i < n; i++) append(b);
    double us = (now_us() - start) / (double)n;
    close_log(b);
    return us;
}

// Groups of appends, each group synced: microseconds per record, segments made on the way.
static double group_us(struct bench *b, uint64_t group, double *sync_us) {
    uint64_t groups = group * SYNCED > b->records ? b->records / group : SYNCED;
    double in_sync = 0;
    open_log(b);
    double start = now_us();
    for (uint64_t i = 0; i < groups; i++) {
        for (uint64_t k = 0; k < group; k++) append(b);
        double before = now_us();
        sync_log(b);
        in_sync += now_us() - before;
    }
    double us = (now_us() - start) / (double)(groups * group);
    *sync_us = in_sync / (double)groups;
    close_log(b);
    return us;
}

// Opening a log of all records: every byte is checked.
static double open_us(struct bench *b) {
    open_log(b);
    for (uint64_t i = 0; i < b->records; i++) append(b);
    sync_log(b);
    b->log->ops->close(b->log);
    double start = now_us();
    must(b, log_local_open(&b->ctx, b->dir, NULL, &b->log));
    double us = (now_us() - start) / (double)b->records;
    close_log(b);
    return us;
}

int main(int argc, char **argv) {
    static struct bench b;
    static const uint64_t groups[] = {1, 8, 32, 128};
    double values[RUNS], syncs[RUNS];
    b.dir = argc > 1 ? argv[1] : "bench_log.tmp";
    b.size = argc > 2 ? strtoul(argv[2], NULL, 10) : 1024;
    b.records = argc > 3 ? strtoul(argv[3], NULL, 10) : 20000;
    CHECK(b.size <= RECORD_MAX && b.records >= 128);
    ctx_init(&b.ctx, &world_system, NULL, 1 << 20);
    for (size_t i = 0; i < b.size; i++) b.payload[i] = (uint8_t)(i * 31);
    for (int i = 0; i < RUNS; i++) values[i] = append_us(&b);
    printf("append %zu bytes, no sync   %8.2f us\n", b.size, median(values));
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        for (int i = 0; i < RUNS; i++) values[i] = group_us(&b, groups[g], &syncs[i]);
        double us = median(values);
        printf("synced in groups of %-4llu    %8.2f us per record (%.0f/s), %.0f us per sync\n",
               (unsigned long long)groups[g], us, 1e6 / us, median(syncs));
    }
    for (int i = 0; i < RUNS; i++) values[i] = open_us(&b);
    printf("open                        %8.2f us per record\n", median(values));
    ctx_free(&b.ctx);
    return 0;
}
