// Short transactions: two accounts are read and both are changed, serializable, synced. Beside them
// the same two writes as one atomic batch without a transaction, the same as two calls, and SQLite
// (WAL, FULL) doing the whole with one writer, which is its fastest way.
//   bench_transactions [--threads N] [--seconds S] [--rounds N] [--accounts N] [--dir DIR]
// Goals: 0.8 of the batch, twice SQLite, with 32 threads.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/ds/rng.h"
#include "base/err/check.h"
#include "kit/kit.h"
#include "kit/orders.h"
#include "kit/raw.h"

enum { THREADS_MAX = 64 };

enum way { WAY_TRANSACTION, WAY_BATCH, WAY_CALLS, WAYS };

struct worker {
    pthread_t thread;
    nacre_db *db;
    atomic_bool *stop;
    enum way way;
    struct rng rng;
    uint64_t accounts, done, conflicts;
};

static const char minus[] = "{\"$inc\":{\"balance\":-1}}", plus[] = "{\"$inc\":{\"balance\":1}}";

static int64_t balance(nacre_session *s, nacre_collection *c, int64_t id) {
    nacre_doc doc;
    nacre_value v;
    orders_must(s, nacre_get(s, c, nacre_id_integer(id), &doc));
    orders_must(s, nacre_doc_field(s, &doc, "balance", &v));
    nacre_doc_release(&doc);
    return v.integer;
}

static nacre_status change(nacre_session *s, nacre_collection *c, int64_t id, const char *patch) {
    return nacre_patch(s, c, nacre_id_integer(id), NACRE_PATCH, patch, strlen(patch), NULL, NULL);
}

static nacre_status transaction(nacre_session *s, nacre_collection *c, int64_t a, int64_t b) {
    nacre_tx_options options = {.isolation = NACRE_ISOLATION_SERIALIZABLE};
    orders_must(s, nacre_tx_begin(s, &options));
    CHECK(balance(s, c, a) + balance(s, c, b) != INT64_MIN); // both were read
    nacre_status status = change(s, c, a, minus);
    if (status == NACRE_OK) status = change(s, c, b, plus);
    if (status == NACRE_OK) return nacre_tx_commit(s, NULL);
    orders_must(s, nacre_tx_rollback(s));
    return status;
}

static nacre_status batch(nacre_session *s, nacre_collection *c, int64_t a, int64_t b) {
    char json[256];
    const char *out;
    int n = snprintf(json, sizeof json,
                     "{\"operations\":[{\"op\":\"patch\",\"id\":%lld,\"patch\":%s},"
                     "{\"op\":\"patch\",\"id\":%lld,\"patch\":%s}]}",
                     (long long)a, minus, (long long)b, plus);
    return nacre_batch(s, c, json, (size_t)n, NULL, &out, NULL);
}

static nacre_status one(struct worker *w, nacre_session *s, nacre_collection *c) {
    int64_t a = (int64_t)rng_below(&w->rng, w->accounts);
    int64_t b = (a + 1 + (int64_t)rng_below(&w->rng, w->accounts - 1)) % (int64_t)w->accounts;
    if (w->way == WAY_TRANSACTION) return transaction(s, c, a, b);
    if (w->way == WAY_BATCH) return batch(s, c, a, b);
    nacre_status status = change(s, c, a, minus);
    return status == NACRE_OK ? change(s, c, b, plus) : status;
}

static void *worker_main(void *arg) {
    struct worker *w = arg;
    nacre_session *s = orders_session(w->db);
    nacre_collection c = nacre_collection_of(NULL, "accounts");
    while (!atomic_load(w->stop)) {
        nacre_status status = one(w, s, &c);
        if (status == NACRE_CONFLICT)
            w->conflicts++;
        else
            orders_must(s, status);
        w->done += status == NACRE_OK;
    }
    nacre_session_close(s);
    return NULL;
}

static void make_accounts(nacre_session *s, uint64_t count) {
    nacre_collection c = nacre_collection_of(NULL, "accounts");
    nacre_write memory = {.durability = NACRE_MEMORY};
    for (uint64_t i = 0; i < count; i++) {
        char json[128];
        int n = snprintf(json, sizeof json,
                         "{\"_id\":%llu,\"balance\":1000,\"owner\":\"customer %llu\"}",
                         (unsigned long long)i, (unsigned long long)i);
        orders_must(s, nacre_put(s, &c, NULL, json, (size_t)n, &memory, NULL));
    }
}

struct setting {
    const char *base;
    int threads;
    double seconds;
    uint64_t accounts;
};

static double nacre_round(nacre_db *db, const struct setting *set, enum way way,
                          uint64_t *conflicts) {
    struct worker workers[THREADS_MAX] = {0};
    atomic_bool stop = false;
    uint64_t done = 0;
    double start = kit_now_s();
    for (int i = 0; i < set->threads; i++) {
        struct worker *w = &workers[i];
        *w = (struct worker){.db = db, .stop = &stop, .way = way, .accounts = set->accounts};
        rng_seed(&w->rng, (uint64_t)i + 1);
        CHECK(pthread_create(&w->thread, NULL, worker_main, w) == 0);
    }
    usleep((useconds_t)(set->seconds * 1e6));
    atomic_store(&stop, true);
    for (int i = 0; i < set->threads; i++) {
        pthread_join(workers[i].thread, NULL);
        done += workers[i].done;
        *conflicts += workers[i].conflicts;
    }
    return (double)done / (kit_now_s() - start);
}

static void step(sqlite3_stmt *stmt, int64_t id, int expected) {
    if (sqlite3_bind_parameter_count(stmt)) CHECK(sqlite3_bind_int64(stmt, 1, id) == SQLITE_OK);
    CHECK(sqlite3_step(stmt) == expected);
    CHECK(sqlite3_reset(stmt) == SQLITE_OK);
}

static double sqlite_round(const struct setting *set) {
    static const char *const texts[] = {
        "BEGIN IMMEDIATE", "SELECT balance FROM accounts WHERE id=?",
        "UPDATE accounts SET balance=balance-1 WHERE id=?",
        "UPDATE accounts SET balance=balance+1 WHERE id=?", "COMMIT"};
    sqlite3_stmt *s[5];
    char make[256];
    const char *dir = kit_dir(set->base, "transactions-sqlite", 1);
    sqlite3 *db = raw_sqlite_open(dir);
    struct rng rng;
    uint64_t done = 0;
    rng_seed(&rng, 1);
    snprintf(make, sizeof make,
             "CREATE TABLE accounts(id INTEGER PRIMARY KEY, balance INTEGER, owner TEXT);"
             "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i<%llu)"
             "INSERT INTO accounts SELECT i, 1000, 'customer ' || i FROM n",
             (unsigned long long)set->accounts - 1);
    raw_sqlite_run(db, make);
    for (int i = 0; i < 5; i++)
        CHECK(sqlite3_prepare_v2(db, texts[i], -1, &s[i], NULL) == SQLITE_OK);
    double start = kit_now_s();
    for (; kit_now_s() - start < set->seconds; done++) {
        int64_t a = (int64_t)rng_below(&rng, set->accounts);
        int64_t b = (a + 1) % (int64_t)set->accounts;
        step(s[0], 0, SQLITE_DONE);
        step(s[1], a, SQLITE_ROW);
        step(s[1], b, SQLITE_ROW);
        step(s[2], a, SQLITE_DONE);
        step(s[3], b, SQLITE_DONE);
        step(s[4], 0, SQLITE_DONE);
    }
    double rate = (double)done / (kit_now_s() - start);
    for (int i = 0; i < 5; i++)
        sqlite3_finalize(s[i]);
    sqlite3_close(db);
    kit_remove(dir);
    return rate;
}

int main(int argc, char **argv) {
    struct setting set = {.base = kit_text(argc, argv, "--dir", "/tmp"),
                          .threads = (int)kit_number(argc, argv, "--threads", 32),
                          .seconds = (double)kit_number(argc, argv, "--seconds", 2),
                          .accounts = kit_number(argc, argv, "--accounts", 100000)};
    int rounds = (int)kit_number(argc, argv, "--rounds", 3);
    double rate[WAYS][KIT_ROUNDS_MAX], sqlite[KIT_ROUNDS_MAX];
    uint64_t conflicts = 0;
    if (set.threads < 1 || set.threads > THREADS_MAX || rounds < 1 || rounds > KIT_ROUNDS_MAX)
        return 2;
    const char *dir = kit_dir(set.base, "transactions", 0);
    nacre_db *db = orders_open(dir, 512u << 20);
    nacre_session *session = orders_session(db);
    make_accounts(session, set.accounts);
    for (int i = 0; i < rounds; i++) {
        for (int way = 0; way < WAYS; way++)
            rate[way][i] = nacre_round(db, &set, (enum way)way, &conflicts);
        sqlite[i] = sqlite_round(&set);
        fprintf(stderr, "a second: transactions %.0f, batches %.0f, two calls %.0f, sqlite %.0f\n",
                rate[WAY_TRANSACTION][i], rate[WAY_BATCH][i], rate[WAY_CALLS][i], sqlite[i]);
    }
    orders_close(db, session);
    kit_remove(dir);
    double tx = kit_median(rate[WAY_TRANSACTION], rounds);
    double plain = kit_median(rate[WAY_BATCH], rounds), calls = kit_median(rate[WAY_CALLS], rounds);
    double peer = kit_median(sqlite, rounds);
    kit_row("serializable transactions (2 reads, 2 writes), 32 threads, against one atomic batch",
            "≥ 0.8×", tx >= 0.8 * plain, "%.2f× (%.0f/s, batches %.0f/s; %llu conflicts)",
            tx / plain, tx, plain, (unsigned long long)conflicts);
    kit_row("the same against the two writes as calls of their own", "≥ 0.8×", tx >= 0.8 * calls,
            "%.2f× (%.0f/s)", tx / calls, calls);
    kit_row("the same against SQLite (WAL, FULL)", "≥ 2×", tx >= 2 * peer, "%.2f× (%.0f/s)",
            tx / peer, peer);
    return 0;
}
