#include "kit/kit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/err/check.h"
#include "base/err/ctx.h"
#include "base/os/file.h"

enum { ORDER_SIZE = 1000 };

const char *kit_text(int argc, char **argv, const char *name, const char *fallback) {
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0) return argv[i + 1];
    return fallback;
}

uint64_t kit_number(int argc, char **argv, const char *name, uint64_t fallback) {
    const char *text = kit_text(argc, argv, name, NULL);
    return text ? strtoull(text, NULL, 10) : fallback;
}

static double clock_s(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double kit_now_s(void) { return clock_s(CLOCK_MONOTONIC); }
double kit_cpu_s(void) { return clock_s(CLOCK_PROCESS_CPUTIME_ID); }
double kit_thread_cpu_s(void) { return clock_s(CLOCK_THREAD_CPUTIME_ID); }

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// A store begins after three seconds (engine/background.c); then what it does shows as CPU time.
void kit_rest(void) {
    double before;
    (void)usleep(4000000);
    do {
        before = kit_cpu_s();
        (void)usleep(500000);
    } while (kit_cpu_s() - before > 0.05);
}

double kit_median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, by_value);
    return values[count / 2];
}

double kit_peak_mib(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

void kit_drop_caches_hint(const char *dir) {
    DIR *listing = opendir(dir);
    struct dirent *entry;
    while (listing && (entry = readdir(listing))) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (entry->d_name[0] == '.') continue;
        if (entry->d_type == DT_DIR) kit_drop_caches_hint(path);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) continue;
        (void)fdatasync(fd);
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
    }
    if (listing) closedir(listing);
}

void kit_remove(const char *dir) {
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX);
    if (file_exists(dir)) CHECK(dir_remove_all(&ctx, dir) == NACRE_OK);
    ctx_free(&ctx);
}

const char *kit_dir(const char *base, const char *name, int slot) {
    static char paths[4][256];
    snprintf(paths[slot], sizeof paths[slot], "%s/nacre-bench-%s", base, name);
    kit_remove(paths[slot]);
    return paths[slot];
}

void kit_row(const char *measure, const char *goal, bool met, const char *figure, ...) {
    va_list args;
    printf("| %s | %s | ", measure, goal);
    va_start(args, figure);
    vprintf(figure, args);
    va_end(args);
    printf(" | %s |\n", met ? "met" : "missed");
    fflush(stdout);
}

static uint64_t order_hash(uint64_t i) { return (i + 1) * UINT64_C(0x9E3779B97F4A7C15); }

void kit_order_id(char out[17], uint64_t i) {
    snprintf(out, 17, "%016llx", (unsigned long long)order_hash(i));
}

uint64_t kit_order_customer(uint64_t i) { return (order_hash(i) >> 40) % 100000; }

size_t kit_order(char *out, uint64_t i) {
    uint64_t hash = order_hash(i);
    int n = snprintf(out, ORDER_SIZE,
                     "{\"_id\":\"%016llx\",\"customer\":%llu,\"created\":\"2024-%02llu-%02lluT12:"
                     "%02llu:00Z\",\"total\":%llu.%02llu,\"tags\":[\"a\",\"b\",\"c\"],\"address\":{"
                     "\"city\":\"Lisbon\",\"zip\":\"%05llu\"},\"lines\":[{\"sku\":\"x%llu\","
                     "\"count\":%llu},{\"sku\":\"y%llu\",\"count\":2}],\"text\":\"",
                     (unsigned long long)hash, (unsigned long long)kit_order_customer(i),
                     (unsigned long long)(i % 12 + 1), (unsigned long long)(i % 28 + 1),
                     (unsigned long long)(i % 60), (unsigned long long)(hash % 1000),
                     (unsigned long long)(i % 100), (unsigned long long)(hash % 99999),
                     (unsigned long long)(hash % 777), (unsigned long long)(i % 9),
                     (unsigned long long)(i % 555));
    for (; n < ORDER_SIZE - 2; n++)
        out[n] = "etaoin shrdlu cmfwyp"[(hash >> (n % 48)) % 20];
    memcpy(out + n, "\"}", 3);
    return (size_t)n + 2;
}
