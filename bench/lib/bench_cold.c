// Gets of documents that no cache of documents holds, each id once, the files in the system's page
// cache: CPU time of Nacre, raw RocksDB, LMDB, SQLite over the same documents, in turn, medians.
//   bench_cold [--documents N] [--gets N] [--rounds N] [--memory MIB] [--dir DIR]
// Goal: 1.2 times raw RocksDB.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds/rng.h"
#include "base/err/check.h"
#include "kit/kit.h"
#include "kit/orders.h"
#include "kit/raw.h"

enum { BATCH = 1000, PEERS = 4 };

struct bench {
    uint64_t documents, gets;
    uint64_t *order; // all ids in random order; a round takes the next `gets`
    uint64_t at;
    nacre_db *db;
    nacre_session *session;
    rocksdb_t *rocks;
    struct raw_lmdb lmdb;
    sqlite3 *sqlite;
    uint64_t bytes; // of what was read, so that nothing is left out
};

static void shuffle(struct bench *b) {
    struct rng rng;
    rng_seed(&rng, 1);
    b->order = malloc(b->documents * sizeof *b->order);
    CHECK(b->order);
    for (uint64_t i = 0; i < b->documents; i++)
        b->order[i] = i;
    for (uint64_t i = b->documents - 1; i > 0; i--) {
        uint64_t other = rng_below(&rng, i + 1), kept = b->order[i];
        b->order[i] = b->order[other];
        b->order[other] = kept;
    }
}

// What the engine gives its store's block cache (engine/open.c, rocks_settings.c).
static uint64_t block_cache_of(uint64_t memory_bytes) { return memory_bytes / 100 * 24; }

static void load(struct bench *b, const char *base, uint64_t memory_bytes) {
    b->db = orders_open(kit_dir(base, "cold", 0), memory_bytes);
    b->session = orders_session(b->db);
    orders_create(b->session, 0);
    orders_import(b->session, 0, b->documents);
    orders_close(b->db, b->session); // everything in files
    char dir[256];
    snprintf(dir, sizeof dir, "%s/nacre-bench-cold", base);
    b->db = orders_open(dir, memory_bytes);
    b->session = orders_session(b->db);
    b->rocks = raw_rocks_open(kit_dir(base, "cold-rocksdb", 1), block_cache_of(memory_bytes));
    raw_lmdb_open(kit_dir(base, "cold-lmdb", 2), &b->lmdb);
    b->sqlite = raw_sqlite_open(kit_dir(base, "cold-sqlite", 3));
    for (uint64_t i = 0; i < b->documents; i += BATCH) {
        uint64_t n = b->documents - i < BATCH ? b->documents - i : BATCH;
        raw_rocks_put_orders(b->rocks, i, n, 0, 0);
        raw_lmdb_put_orders(&b->lmdb, i, n);
        raw_sqlite_put_orders(b->sqlite, i, n);
    }
    raw_sqlite_run(b->sqlite, "PRAGMA wal_checkpoint(TRUNCATE)");
    raw_rocks_close(b->rocks); // as Nacre above
    snprintf(dir, sizeof dir, "%s/nacre-bench-cold-rocksdb", base);
    b->rocks = raw_rocks_open(dir, block_cache_of(memory_bytes));
    rocksdb_compact_range(b->rocks, NULL, 0, NULL, 0); // what Nacre does when it is idle
    kit_rest();
}

static void get_nacre(struct bench *b, const uint64_t *ids) {
    nacre_collection c = nacre_collection_of(NULL, "orders");
    nacre_doc doc = {0};
    char id[17];
    for (uint64_t i = 0; i < b->gets; i++) {
        kit_order_id(id, ids[i]);
        orders_must(b->session, nacre_get(b->session, &c, nacre_id_string(id), &doc));
        b->bytes += doc.bson_size;
        nacre_doc_release(&doc);
    }
}

static void get_rocks(struct bench *b, const uint64_t *ids) {
    rocksdb_readoptions_t *options = rocksdb_readoptions_create();
    char id[17], *error = NULL;
    for (uint64_t i = 0; i < b->gets; i++) {
        size_t n;
        kit_order_id(id, ids[i]);
        rocksdb_pinnableslice_t *got = rocksdb_get_pinned(b->rocks, options, id, 16, &error);
        CHECK(got && !error && rocksdb_pinnableslice_value(got, &n));
        b->bytes += n;
        rocksdb_pinnableslice_destroy(got);
    }
    rocksdb_readoptions_destroy(options);
}

static void get_lmdb(struct bench *b, const uint64_t *ids) {
    MDB_txn *txn;
    char id[17];
    CHECK(mdb_txn_begin(b->lmdb.env, NULL, MDB_RDONLY, &txn) == 0);
    for (uint64_t i = 0; i < b->gets; i++) {
        MDB_val key = {16, id}, value;
        kit_order_id(id, ids[i]);
        CHECK(mdb_get(txn, b->lmdb.dbi, &key, &value) == 0);
        b->bytes += value.mv_size;
    }
    mdb_txn_abort(txn);
}

static void get_sqlite(struct bench *b, const uint64_t *ids) {
    sqlite3_stmt *get;
    char id[17];
    CHECK(sqlite3_prepare_v2(b->sqlite, "SELECT body FROM orders WHERE id=?", -1, &get, NULL) ==
          SQLITE_OK);
    for (uint64_t i = 0; i < b->gets; i++) {
        kit_order_id(id, ids[i]);
        sqlite3_bind_text(get, 1, id, 16, SQLITE_STATIC);
        CHECK(sqlite3_step(get) == SQLITE_ROW);
        b->bytes += (uint64_t)sqlite3_column_bytes(get, 0);
        sqlite3_reset(get);
    }
    sqlite3_finalize(get);
}

static void measure(struct bench *b, int rounds) {
    static void (*const gets[PEERS])(struct bench *, const uint64_t *) = {get_nacre, get_rocks,
                                                                          get_lmdb, get_sqlite};
    double us[PEERS][KIT_ROUNDS_MAX], ratio[KIT_ROUNDS_MAX];
    for (int r = 0; r < rounds; r++) {
        for (int p = 0; p < PEERS; p++) {
            double start = kit_thread_cpu_s();
            gets[p](b, b->order + b->at);
            us[p][r] = (kit_thread_cpu_s() - start) / (double)b->gets * 1e6;
        }
        b->at += b->gets;
        ratio[r] = us[0][r] / us[1][r];
    }
    double times = kit_median(ratio, rounds);
    kit_row("get, cold, against raw RocksDB", "≤ 1.2×", times <= 1.2,
            "%.2f× (%.2f against %.2f µs; LMDB %.2f, SQLite %.2f)", times,
            kit_median(us[0], rounds), kit_median(us[1], rounds), kit_median(us[2], rounds),
            kit_median(us[3], rounds));
}

int main(int argc, char **argv) {
    struct bench b = {.documents = kit_number(argc, argv, "--documents", 100000)};
    const char *base = kit_text(argc, argv, "--dir", "/tmp");
    int rounds = (int)kit_number(argc, argv, "--rounds", 5);
    if (rounds < 1 || rounds > KIT_ROUNDS_MAX) rounds = 5;
    b.gets = kit_number(argc, argv, "--gets", b.documents / 10);
    if (b.gets * (uint64_t)rounds > b.documents) b.gets = b.documents / (uint64_t)rounds;
    shuffle(&b);
    load(&b, base, kit_number(argc, argv, "--memory", 512) << 20);
    measure(&b, rounds);
    orders_close(b.db, b.session);
    raw_rocks_close(b.rocks);
    raw_lmdb_close(&b.lmdb);
    sqlite3_close(b.sqlite);
    static const char *const names[] = {"cold", "cold-rocksdb", "cold-lmdb", "cold-sqlite"};
    for (int i = 0; i < PEERS; i++)
        (void)kit_dir(base, names[i], 0);
    free(b.order);
    return b.bytes ? 0 : 1;
}
