// Point reads through the library: CPU time of a nacre_get and its release, hot and zipf.
//   bench_get [--documents N] [--rounds N] [--dir DIR]
// Prints the median and the best of the rounds; the machine's noise is in the difference.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/ds/rng.h"
#include "base/err/check.h"
#include "kit/kit.h"
#include "nacre/nacre.h"

enum { DOC_SIZE = 1000, ROUNDS_MAX = 31, GETS = 200000, HOT = 1000 };

struct zipf {
    uint32_t *ranks;
    uint32_t count;
};

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double thread_cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fill(nacre_session *s, nacre_collection *c, uint32_t count) {
    char json[DOC_SIZE + 64];
    nacre_write options = {.durability = NACRE_MEMORY};
    for (uint32_t i = 0; i < count; i++) {
        int n = snprintf(json, sizeof json, "{\"name\":\"document %u\",\"n\":%u,\"text\":\"", i, i);
        memset(json + n, 'a' + (int)(i % 26), (size_t)(DOC_SIZE - n));
        memcpy(json + DOC_SIZE, "\"}", 3);
        nacre_id id = nacre_id_integer(i);
        CHECK(nacre_put(s, c, &id, json, strlen(json), &options, NULL) == NACRE_OK);
    }
}

// Draws 1/k^0.99 over count ranks by inversion of the sum, scattered over the ids.
static void draw_zipf(uint32_t *ids, uint32_t gets, uint32_t count, struct rng *rng) {
    double *sums = calloc(count, sizeof *sums), sum = 0;
    CHECK(sums);
    for (uint32_t k = 0; k < count; k++) {
        // k^-0.99 = k^-1 * k^0.01, and k^0.01 is close to 1: the plain harmonic law will do.
        sum += 1.0 / (k + 1.0);
        sums[k] = sum;
    }
    for (uint32_t i = 0; i < gets; i++) {
        double at = rng_unit(rng) * sum;
        uint32_t low = 0, high = count - 1;
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if (sums[middle] < at)
                low = middle + 1;
            else
                high = middle;
        }
        ids[i] = (uint32_t)(((uint64_t)low * 2654435761u) % count);
    }
    free(sums);
}

static double run_gets(nacre_session *s, nacre_collection *c, const uint32_t *ids) {
    nacre_doc doc = {0};
    uint64_t bytes = 0;
    double start = thread_cpu_s();
    for (uint32_t i = 0; i < GETS; i++) {
        CHECK(nacre_get(s, c, nacre_id_integer(ids[i]), &doc) == NACRE_OK);
        bytes += doc.bson_size;
        nacre_doc_release(&doc);
    }
    double spent = thread_cpu_s() - start;
    CHECK(bytes);
    return spent / GETS * 1e6;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *name, nacre_session *s, nacre_collection *c, const uint32_t *ids,
                    int rounds, double goal) {
    double us[ROUNDS_MAX];
    (void)run_gets(s, c, ids);
    for (int i = 0; i < rounds; i++)
        us[i] = run_gets(s, c, ids);
    qsort(us, (size_t)rounds, sizeof *us, by_value);
    char measure[64], limit[32];
    snprintf(measure, sizeof measure, "get, pinned document, %s", name);
    snprintf(limit, sizeof limit, "≤ %.2f µs CPU", goal);
    kit_row(measure, limit, us[rounds / 2] <= goal, "%.3f µs (best %.3f)", us[rounds / 2], us[0]);
}

static void measure_field(nacre_session *s, nacre_collection *c) {
    nacre_doc doc = {0};
    nacre_value value;
    CHECK(nacre_get(s, c, nacre_id_integer(7), &doc) == NACRE_OK);
    double start = thread_cpu_s();
    for (uint32_t i = 0; i < GETS; i++)
        CHECK(nacre_doc_field(s, &doc, "n", &value) == NACRE_OK && value.integer == 7);
    double spent = thread_cpu_s() - start;
    nacre_doc_release(&doc);
    printf("%-12s %.3f us a field\n", "field", spent / GETS * 1e6);
}

static void run(nacre_session *s, uint32_t documents, int rounds) {
    nacre_collection c = nacre_collection_of(NULL, "bench");
    struct rng rng;
    uint32_t *ids = calloc(GETS, sizeof *ids);
    CHECK(ids);
    double start = cpu_s();
    fill(s, &c, documents);
    printf("%u documents of %d bytes put, %.1f us CPU each\n", documents, DOC_SIZE,
           (cpu_s() - start) / documents * 1e6);
    rng_seed(&rng, 1);
    for (uint32_t i = 0; i < GETS; i++)
        ids[i] = (uint32_t)rng_below(&rng, HOT);
    measure("hot 1k", s, &c, ids, rounds, 0.15);
    draw_zipf(ids, GETS, documents, &rng);
    measure("zipf", s, &c, ids, rounds, 0.5);
    measure_field(s, &c);
    free(ids);
}

int main(int argc, char **argv) {
    uint32_t documents = 100000;
    int rounds = 11;
    char made[] = "/tmp/nacre-bench-XXXXXX";
    const char *dir = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--documents") == 0)
            documents = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--rounds") == 0)
            rounds = (int)strtol(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--dir") == 0)
            dir = argv[i + 1];
    }
    if (rounds > ROUNDS_MAX) rounds = ROUNDS_MAX;
    if (!dir) dir = mkdtemp(made);
    nacre_open_error error = {0};
    nacre_options options = {.create = 1, .memory_bytes = 2ull << 30, .error = &error};
    nacre_db *db;
    nacre_session *s;
    if (!dir || nacre_open(dir, &options, &db) != NACRE_OK) {
        fprintf(stderr, "bench_get: %s\n", dir ? error.detail : "no directory");
        return 1;
    }
    CHECK(nacre_session_open(db, &s) == NACRE_OK);
    run(s, documents, rounds);
    nacre_session_close(s);
    CHECK(nacre_close(db, NULL) == NACRE_OK);
    return 0;
}
