// Sorts and groups of more than memory may hold: what the process takes at its height, under a
// budget that is a fraction of the keys, and how long it takes. Answers are checked.
//   bench_spill [--documents N] [--memory MIB] [--dir DIR]
// Goal: the budget.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err/check.h"
#include "kit/kit.h"
#include "kit/orders.h"

static const uint64_t prime = 2147483647; // more than there are documents

static uint64_t key_of(uint64_t i) { return (i + 1) * 16807 % prime; } // each once

struct source {
    uint64_t next, end, greatest;
    char line[160];
    size_t at, n;
};

static long read_source(void *arg, void *buffer, size_t size) {
    struct source *src = arg;
    size_t done = 0;
    while (done < size) {
        if (src->at == src->n) {
            if (src->next == src->end) break;
            uint64_t i = src->next++, key = key_of(i);
            if (key > src->greatest) src->greatest = key;
            src->n = (size_t)snprintf(src->line, sizeof src->line,
                                      "{\"_id\":%" PRIu64 ",\"k\":%" PRIu64 ",\"t\":\"name %" PRIu64
                                      "\",\"g\":%" PRIu64 ",\"p\":%" PRIu64 ".25}\n",
                                      i, key, key, i % 1000, i % 900);
            src->at = 0;
        }
        size_t n = src->n - src->at < size - done ? src->n - src->at : size - done;
        memcpy((char *)buffer + done, src->line + src->at, n);
        src->at += n;
        done += n;
    }
    return (long)done;
}

// The height begins anew (proc(5): clear_refs).
static void forget_peak(void) {
    FILE *f = fopen("/proc/self/clear_refs", "w");
    CHECK(f);
    fputs("5\n", f);
    fclose(f);
}

static double peak_mib(void) {
    char line[256];
    double kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    CHECK(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "VmHWM:", 6) == 0) kib = strtod(line + 6, NULL);
    fclose(f);
    return kib / 1024;
}

static uint64_t number_after(const char *text, const char *name) {
    const char *at = strstr(text, name);
    CHECK(at);
    return strtoull(at + strlen(name), NULL, 10);
}

struct bench {
    nacre_session *session;
    nacre_collection docs;
    uint64_t documents, greatest;
    double budget_mib;
};

// The last row of a query or an aggregate, copied.
static void last_row(struct bench *b, bool aggregates, const char *spec, char out[512]) {
    nacre_cursor *cursor;
    const char *row;
    orders_must(b->session,
                (aggregates ? nacre_aggregate : nacre_query)(b->session, &b->docs, spec, &cursor));
    for (;;) {
        orders_must(b->session, nacre_cursor_next(cursor, &row, NULL));
        if (!row) break;
        snprintf(out, 512, "%s", row);
    }
    nacre_cursor_close(cursor);
}

static void run(struct bench *b, const char *measure, bool aggregates, const char *spec,
                const char *name, uint64_t want) {
    char row[512] = "";
    forget_peak();
    double before = peak_mib();
    double start = kit_now_s();
    last_row(b, aggregates, spec, row);
    double s = kit_now_s() - start, peak = peak_mib();
    if (number_after(row, name) != want) fprintf(stderr, "%s: %s\n", measure, row);
    CHECK(number_after(row, name) == want);
    kit_row(measure, "the budget", peak <= b->budget_mib, "%.0f MiB of %.0f (%.0f before), %.1f s",
            peak, b->budget_mib, before, s);
}

static void run_all(struct bench *b) {
    char spec[128], measure[96], row[512];
    double millions = (double)b->documents / 1e6;
    snprintf(spec, sizeof spec, "{\"sort\":\"t,k\",\"offset\":%" PRIu64 ",\"limit\":10}",
             b->documents - 1);
    snprintf(measure, sizeof measure, "a sort of %.1fM rows by two fields, peak memory", millions);
    last_row(b, false, "{\"sort\":\"-t\",\"limit\":1}", row); // the same one, without a sort of all
    run(b, measure, false, spec, "\"k\":", number_after(row, "\"k\":"));
    snprintf(measure, sizeof measure, "%.1fM groups with sums, sorted, peak memory", millions);
    run(b, measure, true,
        "{\"group_by\":\"k\",\"aggregates\":{\"n\":{\"count\":\"*\"},\"s\":{\"sum\":\"p\"}},"
        "\"sort\":\"-k\",\"limit\":1}",
        "\"k\":", b->greatest);
    snprintf(measure, sizeof measure, "count_distinct of %.1fM values, peak memory", millions);
    run(b, measure, true, "{\"aggregates\":{\"n\":{\"count_distinct\":\"t\"}}}",
        "\"n\":", b->documents);
}

int main(int argc, char **argv) {
    struct bench b = {.documents = kit_number(argc, argv, "--documents", 1000000),
                      .docs = nacre_collection_of(NULL, "docs")};
    uint64_t memory_mib = kit_number(argc, argv, "--memory", 256);
    const char *dir = kit_dir(kit_text(argc, argv, "--dir", "/tmp"), "spill", 0);
    nacre_db *db = orders_open(dir, memory_mib << 20);
    struct source src = {.end = b.documents};
    nacre_import_result result;
    b.session = orders_session(db);
    b.budget_mib = (double)memory_mib;
    orders_must(b.session, nacre_import(b.session, &b.docs, read_source, &src, NULL, &result));
    CHECK(result.documents == b.documents);
    b.greatest = src.greatest;
    run_all(&b);
    orders_close(db, b.session);
    kit_remove(dir);
    return 0;
}
