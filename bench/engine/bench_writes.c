// Durable single writes by 1..64 threads: Nacre (JSON read, synced log, apply, views) against raw
// RocksDB. Interleaved, medians, ratios. The peer makes the same text, parses nothing, and writes
// the same five keys as one synced batch for each write: document, two index entries, change record
// with a number that counts up over all threads, counters. It has RocksDB's default options (64 MiB
// memtables, threads of a group of writers insert side by side) and its own group commit.
//   bench_writes [--seconds S] [--rounds N] [--dir DIR] [--only nacre|rocks] [--threads N]
#include <pthread.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err/check.h"
#include "base/os/file.h"
#include "doc/json.h"
#include "engine/engine.h"
#include "kit/kit.h"

enum { DOC_SIZE = 1024, ROUNDS_MAX = 15 };

struct options {
    double seconds;
    int rounds;
    const char *dir, *only;
    int threads;
};

struct worker {
    pthread_t thread;
    struct engine *engine;
    rocksdb_t *rocks;
    rocksdb_writeoptions_t *write_options;
    atomic_bool *stop;
    atomic_ullong *sequence; // of change records
    int number;
    uint64_t writes;
};

static uint64_t now_ns(void) { return world_mono_ns(&world_system); }

static size_t make_json(char *out, size_t size, int worker, uint64_t i) {
    int n = snprintf(
        out, size,
        "{\"_id\":\"%08x-%016llx\",\"kind\":\"order\",\"worker\":%d,\"number\":%llu,\"text\":\"",
        (unsigned)(i * 2654435761u), (unsigned long long)i * 64 + (unsigned)worker, worker,
        (unsigned long long)i);
    size_t at = (size_t)n;
    while (at < DOC_SIZE - 2)
        out[at] = (char)('a' + (at * 7 + i) % 26), at++;
    memcpy(out + at, "\"}", 3);
    return at + 2;
}

static void *nacre_main(void *arg) {
    struct worker *w = arg;
    struct ctx ctx;
    char json[DOC_SIZE + 64];
    struct buf body;
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX);
    buf_init(&body, NULL, SIZE_MAX);
    while (!atomic_load(w->stop)) {
        struct json_options options = {0};
        struct result result;
        size_t n = make_json(json, sizeof json, w->number, w->writes);
        ctx_reset(&ctx);
        buf_reset(&body);
        CHECK(json_parse(&ctx, slice_of(json, n), &options, &body) == NACRE_OK);
        struct write_item item = {.kind = WRITE_PUT, .body = buf_slice(&body)};
        struct write_request request = {
            .target.collection = SLICE_LIT("orders"), .count = 1, .items = &item};
        nacre_status status = engine_write(&ctx, w->engine, &request, &result);
        if (status != NACRE_OK) fprintf(stderr, "write: %s\n", ctx.err.detail);
        CHECK(status == NACRE_OK);
        w->writes++;
    }
    buf_free(&body);
    ctx_free(&ctx);
    return NULL;
}

static void *rocks_main(void *arg) {
    struct worker *w = arg;
    char json[DOC_SIZE + 64], key[64], index[2][96], change[32];
    while (!atomic_load(w->stop)) {
        char *error = NULL;
        size_t n = make_json(json, sizeof json, w->number, w->writes);
        int k = snprintf(key, sizeof key, "1D%08x-%016llx", (unsigned)(w->writes * 2654435761u),
                         (unsigned long long)w->writes * 64 + (unsigned)w->number);
        int a = snprintf(index[0], sizeof index[0], "1I1%08d%s", w->number, key);
        int b =
            snprintf(index[1], sizeof index[1], "1I2%016llu%s", (unsigned long long)w->writes, key);
        rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
        rocksdb_writebatch_put(batch, key, (size_t)k, json, n);
        rocksdb_writebatch_put(batch, index[0], (size_t)a, "", 0);
        rocksdb_writebatch_put(batch, index[1], (size_t)b, "", 0);
        int c = snprintf(change, sizeof change, "1C%020llu", atomic_fetch_add(w->sequence, 1));
        rocksdb_writebatch_put(batch, change, (size_t)c, key, (size_t)k);
        rocksdb_writebatch_put(batch, "1N", 2, change, (size_t)c);
        rocksdb_write(w->rocks, w->write_options, batch, &error);
        CHECK(error == NULL);
        rocksdb_writebatch_destroy(batch);
        w->writes++;
    }
    return NULL;
}

static double run_workers(struct worker *workers, int count, double seconds, void *(*run)(void *)) {
    atomic_bool stop = false;
    atomic_ullong sequence = 0;
    uint64_t start = now_ns(), writes = 0;
    for (int i = 0; i < count; i++) {
        workers[i].stop = &stop;
        workers[i].sequence = &sequence;
        workers[i].number = i;
        CHECK(pthread_create(&workers[i].thread, NULL, run, &workers[i]) == 0);
    }
    usleep((useconds_t)(seconds * 1e6));
    atomic_store(&stop, true);
    for (int i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        writes += workers[i].writes;
    }
    return (double)writes / ((double)(now_ns() - start) / 1e9);
}

static void make_index(struct ctx *ctx, struct engine *engine, const char *name, const char *json) {
    struct buf body BUF_CLEANUP = {0};
    struct json_options options = {0};
    struct result result;
    buf_init(&body, NULL, SIZE_MAX);
    CHECK(json_parse(ctx, slice_str(json), &options, &body) == NACRE_OK);
    struct catalog_request request = {.op = CATALOG_CREATE_INDEX,
                                      .target.collection = SLICE_LIT("orders"),
                                      .index = slice_str(name),
                                      .body = buf_slice(&body)};
    CHECK(engine_catalog(ctx, engine, &request, &result) == NACRE_OK);
}

static double nacre_round(const struct options *o, int threads) {
    struct ctx ctx;
    char dir[256];
    struct engine *engine;
    struct worker workers[64] = {0};
    struct result result;
    snprintf(dir, sizeof dir, "%s/bench-nacre", o->dir);
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX);
    if (file_exists(dir)) CHECK(dir_remove_all(&ctx, dir) == NACRE_OK);
    struct engine_options options = {.dir = dir, .create = true, .memory_bytes = 1u << 30};
    CHECK(engine_open(&ctx, &options, &engine) == NACRE_OK);
    struct catalog_request make = {.op = CATALOG_CREATE_COLLECTION,
                                   .target.collection = SLICE_LIT("orders")};
    CHECK(engine_catalog(&ctx, engine, &make, &result) == NACRE_OK);
    make_index(&ctx, engine, "by_worker", "{\"fields\":[\"worker\"]}");
    make_index(&ctx, engine, "by_number", "{\"fields\":[\"number\"]}");
    for (int i = 0; i < threads; i++)
        workers[i].engine = engine;
    double rate = run_workers(workers, threads, o->seconds, nacre_main);
    CHECK(engine_close(&ctx, engine) == NACRE_OK);
    CHECK(dir_remove_all(&ctx, dir) == NACRE_OK);
    ctx_free(&ctx);
    return rate;
}

static double rocks_round(const struct options *o, int threads) {
    struct ctx ctx;
    char dir[256], *error = NULL;
    struct worker workers[64] = {0};
    snprintf(dir, sizeof dir, "%s/bench-rocks", o->dir);
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX);
    if (file_exists(dir)) CHECK(dir_remove_all(&ctx, dir) == NACRE_OK);
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_write_buffer_size(options, 64u << 20);
    rocksdb_t *db = rocksdb_open(options, dir, &error);
    CHECK(error == NULL);
    rocksdb_writeoptions_t *sync = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(sync, 1);
    for (int i = 0; i < threads; i++) {
        workers[i].rocks = db;
        workers[i].write_options = sync;
    }
    double rate = run_workers(workers, threads, o->seconds, rocks_main);
    rocksdb_close(db);
    rocksdb_writeoptions_destroy(sync);
    rocksdb_options_destroy(options);
    CHECK(dir_remove_all(&ctx, dir) == NACRE_OK);
    ctx_free(&ctx);
    return rate;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, by_value);
    return values[count / 2];
}

static void compare(const struct options *o, int threads) {
    double nacre[ROUNDS_MAX], rocks[ROUNDS_MAX], ratio[ROUNDS_MAX];
    for (int i = 0; i < o->rounds; i++) {
        nacre[i] = o->only && strcmp(o->only, "rocks") == 0 ? 0 : nacre_round(o, threads);
        rocks[i] = o->only && strcmp(o->only, "nacre") == 0 ? 0 : rocks_round(o, threads);
        ratio[i] = rocks[i] > 0 ? nacre[i] / rocks[i] : 0;
    }
    printf("%7d  %12.0f  %12.0f  %8.2f\n", threads, median(nacre, o->rounds),
           median(rocks, o->rounds), median(ratio, o->rounds));
    static const struct {
        int threads;
        double times;
        const char *text;
    } goals[] = {{1, 1.0, "≥ 1.0×"}, {8, 1.2, "≥ 1.2×"}, {32, 1.4, "≥ 1.4×"}, {64, 1.6, "≥ 1.6×"}};
    char measure[64];
    snprintf(measure, sizeof measure, "synced writes, threads: %d", threads);
    double times = median(ratio, o->rounds);
    for (size_t i = 0; i < sizeof goals / sizeof *goals && !o->only; i++)
        if (goals[i].threads == threads)
            kit_row(measure, goals[i].text, times >= goals[i].times, "%.2f× (%.0f against %.0f/s)",
                    times, median(nacre, o->rounds), median(rocks, o->rounds));
}

static const char *option(int argc, char **argv, const char *name, const char *fallback) {
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0) return argv[i + 1];
    return fallback;
}

int main(int argc, char **argv) {
    static const int counts[] = {1, 8, 32, 64};
    struct options o = {.seconds = strtod(option(argc, argv, "--seconds", "3"), NULL),
                        .rounds = (int)strtol(option(argc, argv, "--rounds", "3"), NULL, 10),
                        .dir = option(argc, argv, "--dir", "/tmp"),
                        .only = option(argc, argv, "--only", NULL),
                        .threads = (int)strtol(option(argc, argv, "--threads", "0"), NULL, 10)};
    if (o.rounds < 1 || o.rounds > ROUNDS_MAX || o.seconds <= 0 || o.threads < 0 ||
        o.threads > 64) {
        fprintf(stderr,
                "usage: bench_writes [--seconds S] [--rounds 1..%d] [--dir DIR] [--only "
                "nacre|rocks] [--threads 1..64]\n",
                ROUNDS_MAX);
        return 2;
    }
    printf("synced writes per second, %d-byte documents, two indexes, medians of %d rounds\n",
           DOC_SIZE, o.rounds);
    printf("threads         nacre       rocksdb     ratio\n");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (!o.threads || o.threads == counts[i]) compare(&o, counts[i]);
    return 0;
}
