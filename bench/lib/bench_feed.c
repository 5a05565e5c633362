// The change feed behind writers: 20,000 synced writes a second, offered at an even pace in batches
// of eight, and a follower that reads every change with its image; and what it costs the writers,
// in CPU time of their threads. Besides, a counter that 32 threads raise by $inc, synced.
//   bench_feed [--seconds S] [--rounds N] [--dir DIR]
// Goals: delivered within 20 ms (p99, from the write's answer), at most 5 % of the writers' time;
// 15,000 durable increments a second and none of them refused.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err/check.h"
#include "kit/kit.h"
#include "kit/orders.h"

enum { WRITERS = 4, RATE = 20000, THREADS = 32, WRITES_MAX = 2000000 };

struct stand {
    nacre_db *db;
    double seconds;
    atomic_bool stop;
    atomic_uint_fast64_t written, delivered;
    atomic_uint conflicts;
    _Atomic double *answered; // by number of the write; 0: not yet
    double *delay;            // by order of delivery, s
    uint64_t delays;
};

struct writer {
    pthread_t thread;
    struct stand *stand;
    int number;
    double cpu;
};

static void wait_until(double at) {
    double left = at - kit_now_s();
    if (left > 0) (void)usleep((useconds_t)(left * 1e6) + 1);
}

// Batches of eight, so that a pace of 20,000 a second needs no thread that spins.
static void *write_main(void *arg) {
    struct writer *w = arg;
    struct stand *st = w->stand;
    nacre_session *s = orders_session(st->db);
    nacre_collection c = nacre_collection_of(NULL, "things");
    double start = kit_now_s(), cpu = kit_thread_cpu_s();
    const char *out;
    char json[4096];
    for (uint64_t done = 0; !atomic_load(&st->stop); done += 8) {
        uint64_t first = atomic_fetch_add(&st->written, 8);
        if (first + 8 > WRITES_MAX) break;
        wait_until(start + (double)done * WRITERS / RATE);
        int n = snprintf(json, sizeof json, "{\"operations\":[");
        for (uint64_t i = first; i < first + 8; i++)
            n += snprintf(
                json + n, sizeof json - (size_t)n,
                "%s{\"op\":\"put\",\"id\":%llu,\"document\":{\"i\":%llu,\"text\":\"%0100d\"}}",
                i > first ? "," : "", (unsigned long long)(i % 50000), (unsigned long long)i,
                w->number);
        n += snprintf(json + n, sizeof json - (size_t)n, "]}");
        orders_must(s, nacre_batch(s, &c, json, (size_t)n, NULL, &out, NULL));
        for (uint64_t i = first; i < first + 8; i++)
            atomic_store(&st->answered[i], kit_now_s());
    }
    w->cpu = kit_thread_cpu_s() - cpu;
    nacre_session_close(s);
    return NULL;
}

static void *follow_main(void *arg) {
    struct stand *st = arg;
    nacre_session *s = orders_session(st->db);
    nacre_collection c = nacre_collection_of(NULL, "things");
    nacre_feed *feed;
    const char *change;
    orders_must(s, nacre_changes(s, &c, "{\"follow\":true}", &feed));
    atomic_store(&st->delivered, 1);
    while (!atomic_load(&st->stop)) {
        orders_must(s, nacre_feed_next(feed, 20, &change, NULL));
        const char *at = change ? strstr(change, "\"i\":") : NULL;
        if (!at) continue; // a version that was replaced already has no image
        double then = atomic_load(&st->answered[strtoull(at + 4, NULL, 10)]);
        // Delivered before the writer was told: no time has passed.
        if (st->delays < WRITES_MAX) st->delay[st->delays++] = then > 0 ? kit_now_s() - then : 0;
    }
    nacre_feed_close(feed);
    nacre_session_close(s);
    return NULL;
}

// Writes a second; *cpu: µs of a writer's thread for each.
static double run(struct stand *st, bool followed, double *cpu) {
    struct writer writers[WRITERS];
    pthread_t follower;
    memset(st->answered, 0, WRITES_MAX * sizeof *st->answered);
    atomic_store(&st->stop, false);
    atomic_store(&st->written, 0);
    atomic_store(&st->delivered, 0);
    st->delays = 0;
    if (followed) {
        CHECK(pthread_create(&follower, NULL, follow_main, st) == 0);
        while (!atomic_load(&st->delivered))
            (void)usleep(1000);
    }
    double start = kit_now_s();
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.stand = st, .number = i};
        CHECK(pthread_create(&writers[i].thread, NULL, write_main, &writers[i]) == 0);
    }
    (void)usleep((useconds_t)(st->seconds * 1e6));
    double seconds = kit_now_s() - start;
    uint64_t written = atomic_load(&st->written);
    atomic_store(&st->stop, true);
    *cpu = 0;
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(writers[i].thread, NULL);
        *cpu += writers[i].cpu * 1e6 / (double)atomic_load(&st->written);
    }
    if (followed) pthread_join(follower, NULL);
    return (double)written / seconds;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// --- the hot counter --------------------------------------------------------------------

static void *raise_main(void *arg) {
    struct stand *st = arg;
    static const char inc[] = "{\"$inc\":{\"n\":1}}";
    nacre_session *s = orders_session(st->db);
    nacre_collection c = nacre_collection_of(NULL, "counters");
    while (!atomic_load(&st->stop)) {
        nacre_status status =
            nacre_patch(s, &c, nacre_id_integer(1), NACRE_PATCH, inc, sizeof inc - 1, NULL, NULL);
        if (status == NACRE_CONFLICT)
            atomic_fetch_add(&st->conflicts, 1);
        else
            orders_must(s, status);
        atomic_fetch_add(&st->written, status == NACRE_OK);
    }
    nacre_session_close(s);
    return NULL;
}

static double raise_counter(struct stand *st) {
    pthread_t threads[THREADS];
    nacre_session *s = orders_session(st->db);
    nacre_collection c = nacre_collection_of(NULL, "counters");
    nacre_id one = nacre_id_integer(1);
    nacre_doc doc;
    nacre_value v;
    orders_must(s, nacre_put(s, &c, &one, "{\"n\":0}", 7, NULL, NULL));
    atomic_store(&st->stop, false);
    atomic_store(&st->written, 0);
    double start = kit_now_s();
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, raise_main, st) == 0);
    (void)usleep((useconds_t)(st->seconds * 1e6));
    atomic_store(&st->stop, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    double rate = (double)atomic_load(&st->written) / (kit_now_s() - start);
    orders_must(s, nacre_get(s, &c, one, &doc));
    orders_must(s, nacre_doc_field(s, &doc, "n", &v));
    CHECK((uint64_t)v.integer == atomic_load(&st->written));
    nacre_doc_release(&doc);
    nacre_session_close(s);
    return rate;
}

int main(int argc, char **argv) {
    static struct stand st;
    double alone[KIT_ROUNDS_MAX], followed[KIT_ROUNDS_MAX], p99[KIT_ROUNDS_MAX];
    double paced[KIT_ROUNDS_MAX], counter[KIT_ROUNDS_MAX];
    int rounds = (int)kit_number(argc, argv, "--rounds", 5);
    if (rounds < 1 || rounds > KIT_ROUNDS_MAX) return 2;
    st.seconds = (double)kit_number(argc, argv, "--seconds", 3);
    st.answered = calloc(WRITES_MAX, sizeof *st.answered);
    st.delay = calloc(WRITES_MAX, sizeof *st.delay);
    CHECK(st.answered && st.delay);
    const char *dir = kit_dir(kit_text(argc, argv, "--dir", "/tmp"), "feed", 0);
    st.db = orders_open(dir, 512u << 20);
    nacre_session *session = orders_session(st.db);
    nacre_collection things = nacre_collection_of(NULL, "things");
    orders_must(session, nacre_collection_create(session, &things, NULL, NULL));
    (void)run(&st, true, &alone[0]); // the first documents
    for (int i = 0; i < rounds; i++) {
        paced[i] = run(&st, true, &followed[i]);
        CHECK(st.delays > 0);
        qsort(st.delay, st.delays, sizeof *st.delay, by_size);
        p99[i] = st.delay[st.delays * 99 / 100] * 1e3;
        double p50 = st.delay[st.delays / 2] * 1e3;
        uint64_t delivered = st.delays;
        (void)run(&st, false, &alone[i]);
        counter[i] = raise_counter(&st);
        fprintf(stderr,
                "%.0f writes/s, %llu images delivered, p50 %.2f ms, p99 %.2f ms; µs a write: %.2f, "
                "alone %.2f; counter %.0f/s\n",
                paced[i], (unsigned long long)delivered, p50, p99[i], followed[i], alone[i],
                counter[i]);
    }
    orders_close(st.db, session);
    kit_remove(dir);
    double rate = kit_median(paced, rounds), last = kit_median(p99, rounds);
    double a = kit_median(alone, rounds), f = kit_median(followed, rounds);
    double raised = kit_median(counter, rounds);
    kit_row("feed behind the writers at 20,000 writes/s, p99", "≤ 20 ms", last <= 20,
            "%.1f ms (%.0f writes/s)", last, rate);
    kit_row("cost of a follower to writers at 20,000 writes/s", "≤ 5 %", f <= 1.05 * a,
            "%.1f %% (%.2f against %.2f µs CPU a write)", (f / a - 1) * 100, f, a);
    kit_row("one counter raised by $inc, synced, 32 threads", "≥ 15,000/s, no conflict",
            raised >= 15000 && !atomic_load(&st.conflicts), "%.0f/s, %u conflicts", raised,
            atomic_load(&st.conflicts));
    free(st.answered);
    free(st.delay);
    return 0;
}
