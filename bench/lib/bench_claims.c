// Durable claims: threads take jobs from one collection, each claim synced before it is answered.
// Beside it SQLite (WAL, FULL) doing the same with UPDATE … RETURNING over an index.
//   bench_claims [--threads N] [--seconds S] [--rounds N] [--dir DIR]
// Goal: 10,000 claims a second with 32 threads.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err/check.h"
#include "kit/kit.h"
#include "kit/orders.h"
#include "kit/raw.h"

enum { THREADS_MAX = 64, JOBS_A_SECOND = 40000 };

struct worker {
    pthread_t thread;
    nacre_db *db;
    atomic_bool *stop;
    uint64_t claims;
};

static void *claim_main(void *arg) {
    static const char spec[] =
        "{\"filter\":{\"state\":\"waiting\"},\"set\":{\"state\":\"running\"},"
        "\"lease_ms\":600000,\"holder\":\"bench\"}";
    struct worker *w = arg;
    nacre_session *session = orders_session(w->db);
    nacre_collection c = nacre_collection_of(NULL, "jobs");
    const char *job = "";
    while (!atomic_load(w->stop)) {
        orders_must(session, nacre_claim(session, &c, spec, NULL, &job, NULL));
        if (!job) {
            fprintf(stderr, "bench_claims: no jobs are left; a shorter run is needed\n");
            exit(1);
        }
        w->claims++;
    }
    nacre_session_close(session);
    return NULL;
}

static void make_jobs(nacre_session *session, uint64_t count) {
    nacre_collection c = nacre_collection_of(NULL, "jobs");
    nacre_write memory = {.durability = NACRE_MEMORY};
    orders_must(
        session,
        nacre_collection_create(
            session, &c, "{\"indexes\":[{\"name\":\"by_state\",\"fields\":[\"state\"]}]}", NULL));
    for (uint64_t i = 0; i < count; i++) {
        char json[160];
        nacre_id id = nacre_id_integer((int64_t)i);
        int n =
            snprintf(json, sizeof json,
                     "{\"state\":\"waiting\",\"number\":%llu,\"url\":\"https://example.org/%llu\"}",
                     (unsigned long long)i, (unsigned long long)i);
        orders_must(session, nacre_put(session, &c, &id, json, (size_t)n, &memory, NULL));
    }
}

static double nacre_round(const char *base, int threads, double seconds) {
    const char *dir = kit_dir(base, "claims", 0);
    nacre_db *db = orders_open(dir, 512u << 20);
    nacre_session *session = orders_session(db);
    struct worker workers[THREADS_MAX] = {0};
    atomic_bool stop = false;
    uint64_t claims = 0;
    make_jobs(session, (uint64_t)(seconds * JOBS_A_SECOND));
    double start = kit_now_s();
    for (int i = 0; i < threads; i++) {
        workers[i].db = db;
        workers[i].stop = &stop;
        CHECK(pthread_create(&workers[i].thread, NULL, claim_main, &workers[i]) == 0);
    }
    usleep((useconds_t)(seconds * 1e6));
    atomic_store(&stop, true);
    for (int i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        claims += workers[i].claims;
    }
    double rate = (double)claims / (kit_now_s() - start);
    orders_close(db, session);
    kit_remove(dir);
    return rate;
}

static double sqlite_round(const char *base, double seconds) {
    const char *dir = kit_dir(base, "claims-sqlite", 1);
    sqlite3 *db = raw_sqlite_open(dir);
    sqlite3_stmt *claim;
    uint64_t claims = 0;
    raw_sqlite_run(db,
                   "CREATE TABLE jobs(id INTEGER PRIMARY KEY, state TEXT, until INTEGER);"
                   "CREATE INDEX by_state ON jobs(state);"
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<100000)"
                   "INSERT INTO jobs SELECT i, 'waiting', 0 FROM n");
    CHECK(
        sqlite3_prepare_v2(db,
                           "UPDATE jobs SET state='running', until=1 WHERE id=(SELECT id FROM jobs "
                           "WHERE state='waiting' ORDER BY id LIMIT 1) RETURNING id",
                           -1, &claim, NULL) == SQLITE_OK);
    double start = kit_now_s();
    while (kit_now_s() - start < seconds) {
        CHECK(sqlite3_step(claim) == SQLITE_ROW);
        CHECK(sqlite3_step(claim) == SQLITE_DONE);
        sqlite3_reset(claim);
        claims++;
    }
    double rate = (double)claims / (kit_now_s() - start);
    sqlite3_finalize(claim);
    sqlite3_close(db);
    kit_remove(dir);
    return rate;
}

int main(int argc, char **argv) {
    const char *base = kit_text(argc, argv, "--dir", "/tmp");
    int threads = (int)kit_number(argc, argv, "--threads", 32);
    int rounds = (int)kit_number(argc, argv, "--rounds", 3);
    double seconds = (double)kit_number(argc, argv, "--seconds", 3);
    double nacre[KIT_ROUNDS_MAX], sqlite[KIT_ROUNDS_MAX];
    if (threads < 1 || threads > THREADS_MAX || rounds < 1 || rounds > KIT_ROUNDS_MAX) return 2;
    for (int i = 0; i < rounds; i++) {
        nacre[i] = nacre_round(base, threads, seconds);
        sqlite[i] = sqlite_round(base, seconds);
        fprintf(stderr, "claims/s: nacre %.0f, sqlite %.0f\n", nacre[i], sqlite[i]);
    }
    double mine = kit_median(nacre, rounds);
    kit_row("durable claims a second, 32 threads", "≥ 10,000", mine >= 10000,
            "%.0f (SQLite, one writer: %.0f)", mine, kit_median(sqlite, rounds));
    return 0;
}
