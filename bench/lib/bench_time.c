// Reads of an earlier time in a collection with ten versions of every document, beside the same
// reads of now: points of documents that no cache holds, and scans of what the block cache holds.
// The time lies after the fifth version, so what is read has ended.
//   bench_time [--documents N] [--rounds N] [--dir DIR]
// Goals: a point at most twice, a scan at most three times the read of now.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/ds/rng.h"
#include "base/err/check.h"
#include "base/os/world.h"
#include "base/text/time.h"
#include "kit/kit.h"
#include "kit/orders.h"

enum { VERSIONS = 10, BATCH = 500, POINTS = 4000, SMALL = 48 << 20, LARGE = 768 << 20 };

struct stand {
    nacre_db *db;
    nacre_session *s;
    nacre_collection c;
    uint64_t documents;
    char then[TIME_TEXT_MAX];
    struct rng rng;
};

static void write_version(struct stand *st, int version) {
    static char json[BATCH * 512];
    const char *out;
    nacre_write memory = {.durability = NACRE_MEMORY};
    for (uint64_t i = 0; i < st->documents;) {
        int n = snprintf(json, sizeof json, "{\"operations\":[");
        for (int k = 0; k < BATCH && i < st->documents; k++, i++)
            n += snprintf(json + n, sizeof json - (size_t)n,
                          "%s{\"op\":\"put\",\"id\":%llu,\"document\":{\"n\":%llu,\"v\":%d,"
                          "\"text\":\"%0200d\"}}",
                          k ? "," : "", (unsigned long long)i,
                          (unsigned long long)(i * 7919 % st->documents), version, (int)i);
        n += snprintf(json + n, sizeof json - (size_t)n, "]}");
        orders_must(st->s, nacre_batch(st->s, &st->c, json, (size_t)n, &memory, &out, NULL));
    }
}

static void note_time(struct stand *st) {
    usleep(5000);
    st->then[time_print((int64_t)world_wall_ms(&world_system), st->then)] = 0;
    usleep(5000);
}

static void fill(struct stand *st) {
    orders_must(
        st->s, nacre_collection_create(st->s, &st->c,
                                       "{\"history_seconds\":86400,\"indexes\":[{\"name\":\"by_n\","
                                       "\"fields\":[\"n\"]}]}",
                                       NULL));
    for (int version = 1; version <= VERSIONS; version++) {
        write_version(st, version);
        if (version == VERSIONS / 2) note_time(st);
    }
}

static int64_t version_of(struct stand *st, nacre_doc *doc) {
    nacre_value v;
    orders_must(st->s, nacre_doc_field(st->s, doc, "v", &v));
    nacre_doc_release(doc);
    return v.integer;
}

// µs of CPU a read; documents in no order, each seldom twice.
static double points(struct stand *st, bool past) {
    double start = kit_thread_cpu_s();
    for (int i = 0; i < POINTS; i++) {
        nacre_doc doc = {0};
        nacre_id id = nacre_id_integer((int64_t)rng_below(&st->rng, st->documents));
        if (past)
            orders_must(st->s, nacre_get_as_of(st->s, &st->c, id, st->then, &doc));
        else
            orders_must(st->s, nacre_get(st->s, &st->c, id, &doc));
        CHECK(version_of(st, &doc) == (past ? VERSIONS / 2 : VERSIONS));
    }
    return (kit_thread_cpu_s() - start) / POINTS * 1e6;
}

// ms of CPU for all rows of the query.
static double scan(struct stand *st, const char *filter, bool past) {
    char spec[256];
    nacre_cursor *cursor;
    const char *row = "";
    uint64_t rows = 0;
    snprintf(spec, sizeof spec, "{\"filter\":\"%s\",\"limit\":10000,\"fields\":[\"v\"]%s%s%s}",
             filter, past ? ",\"as_of\":\"" : "", past ? st->then : "", past ? "\"" : "");
    double start = kit_thread_cpu_s();
    orders_must(st->s, nacre_query(st->s, &st->c, spec, &cursor));
    for (; row; rows++)
        orders_must(st->s, nacre_cursor_next(cursor, &row, NULL));
    nacre_cursor_close(cursor);
    CHECK(rows > 1);
    return (kit_thread_cpu_s() - start) * 1e3;
}

static void reopen(struct stand *st, const char *dir, uint64_t memory_bytes) {
    if (st->db) orders_close(st->db, st->s);
    st->db = orders_open(dir, memory_bytes);
    st->s = orders_session(st->db);
}

struct figures {
    double now[KIT_ROUNDS_MAX], past[KIT_ROUNDS_MAX];
};

static void tell(const char *measure, const char *goal, double times, struct figures *f, int rounds,
                 const char *unit) {
    double now = kit_median(f->now, rounds), past = kit_median(f->past, rounds);
    kit_row(measure, goal, past <= times * now, "%.2f× (%.2f against %.2f %s)", past / now, past,
            now, unit);
}

int main(int argc, char **argv) {
    static struct figures point, range, all;
    char by_n[64];
    struct stand st = {.documents = kit_number(argc, argv, "--documents", 50000),
                       .c = nacre_collection_of(NULL, "things")};
    int rounds = (int)kit_number(argc, argv, "--rounds", 5);
    if (rounds < 1 || rounds > KIT_ROUNDS_MAX || st.documents < 20000) return 2;
    const char *dir = kit_dir(kit_text(argc, argv, "--dir", "/tmp"), "time", 0);
    rng_seed(&st.rng, 1);
    reopen(&st, dir, SMALL);
    fill(&st);
    reopen(&st, dir, SMALL);
    for (int i = 0; i < rounds; i++) {
        point.now[i] = points(&st, false);
        point.past[i] = points(&st, true);
    }
    reopen(&st, dir, LARGE);
    snprintf(by_n, sizeof by_n, "n < %llu", (unsigned long long)st.documents / 10);
    for (int i = -1; i < rounds; i++) {
        if (i < 0) { // to fill the caches
            (void)scan(&st, by_n, true);
            (void)scan(&st, "v > 0", true);
            continue;
        }
        range.now[i] = scan(&st, by_n, false);
        range.past[i] = scan(&st, by_n, true);
        all.now[i] = scan(&st, "v > 0", false);
        all.past[i] = scan(&st, "v > 0", true);
    }
    orders_close(st.db, st.s);
    kit_remove(dir);
    tell("point as of a time, 10 versions, against the read of now", "≤ 2×", 2, &point, rounds,
         "µs CPU");
    tell("a tenth by an index as of a time", "≤ 3×", 3, &range, rounds, "ms CPU");
    tell("scan of 10,000 documents as of a time", "≤ 3×", 3, &all, rounds, "ms CPU");
    return 0;
}
