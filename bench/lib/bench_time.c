// Reads of an earlier time in a collection with ten versions of every document, beside the same
// reads of now: points with a cache that holds the present but not its history, and with one that
// holds both; a range in the order of an index, a scan, and its first page, of what the cache
// holds. The time lies after the fifth version, so what is read has ended.
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

struct ask {
    const char *filter, *sort;
    int limit;
};

// ms of CPU for all rows of the query.
static double scan(struct stand *st, const struct ask *ask, bool past) {
    char spec[256];
    nacre_cursor *cursor;
    const char *row = "";
    uint64_t rows = 0;
    snprintf(spec, sizeof spec,
             "{\"filter\":\"%s\",\"sort\":[\"%s\"],\"limit\":%d,\"fields\":[\"v\"]%s%s%s}",
             ask->filter, ask->sort, ask->limit, past ? ",\"as_of\":\"" : "", past ? st->then : "",
             past ? "\"" : "");
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

// As often as is about needed to have read every block.
static void warm_up(struct stand *st, const struct ask *asks, int n) {
    for (uint64_t i = 0; i < st->documents; i += POINTS)
        (void)points(st, true);
    for (int i = 0; i < n; i++)
        (void)scan(st, &asks[i], true);
}

int main(int argc, char **argv) {
    static struct figures point, warm, rows[3];
    char by_n[64];
    const struct ask asks[] = {{by_n, "n", 10000}, {"v > 0", "_id", 10000}, {"v > 0", "_id", 100}};
    struct stand st = {.documents = kit_number(argc, argv, "--documents", 50000),
                       .c = nacre_collection_of(NULL, "things")};
    int rounds = (int)kit_number(argc, argv, "--rounds", 5);
    if (rounds < 1 || rounds > KIT_ROUNDS_MAX || st.documents < 20000) return 2;
    const char *dir = kit_dir(kit_text(argc, argv, "--dir", "/tmp"), "time", 0);
    snprintf(by_n, sizeof by_n, "n < %llu", (unsigned long long)st.documents / 10);
    rng_seed(&st.rng, 1);
    reopen(&st, dir, SMALL);
    fill(&st);
    reopen(&st, dir, SMALL);
    kit_rest();
    for (int i = 0; i < rounds; i++) {
        point.now[i] = points(&st, false);
        point.past[i] = points(&st, true);
    }
    reopen(&st, dir, LARGE);
    warm_up(&st, asks, 3);
    for (int i = 0; i < rounds; i++) {
        warm.now[i] = points(&st, false);
        warm.past[i] = points(&st, true);
        for (int k = 0; k < 3; k++) {
            rows[k].now[i] = scan(&st, &asks[k], false);
            rows[k].past[i] = scan(&st, &asks[k], true);
        }
    }
    orders_close(st.db, st.s);
    kit_remove(dir);
    tell("point as of a time, 10 versions, history larger than the cache, against the read of now",
         "≤ 2×", 2, &point, rounds, "µs CPU");
    tell("the same, history in the cache", "≤ 2×", 2, &warm, rounds, "µs CPU");
    tell("a tenth by an index as of a time", "≤ 3×", 3, &rows[0], rounds, "ms CPU");
    tell("scan of 10,000 documents as of a time", "≤ 3×", 3, &rows[1], rounds, "ms CPU");
    tell("first 100 of 50,000 documents as of a time", "≤ 3×", 3, &rows[2], rounds, "ms CPU");
    return 0;
}
