#include "kit/raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err/check.h"
#include "kit/kit.h"

// --- RocksDB ----------------------------------------------------------------------------

// As few shards as Nacre has (rocks_settings.c): else index blocks do not fit them.
static rocksdb_cache_t *cache_new(uint64_t bytes) {
    rocksdb_lru_cache_options_t *options = rocksdb_lru_cache_options_create();
    int bits = 0;
    while (bits < 6 && bytes >> (bits + 1) >= 16u << 20)
        bits++;
    rocksdb_lru_cache_options_set_capacity(options, bytes);
    rocksdb_lru_cache_options_set_num_shard_bits(options, bits);
    rocksdb_cache_t *cache = rocksdb_cache_create_lru_opts(options);
    rocksdb_lru_cache_options_destroy(options);
    return cache;
}

rocksdb_t *raw_rocks_open(const char *dir, uint64_t cache_bytes) {
    char *error = NULL;
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_cache_t *cache = cache_new(cache_bytes);
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_block_size(table, 8192);
    rocksdb_block_based_options_set_format_version(table, 5);
    rocksdb_block_based_options_set_block_restart_interval(table, 4);
    rocksdb_block_based_options_set_index_block_restart_interval(table, 8);
    rocksdb_block_based_options_set_data_block_index_type(
        table, rocksdb_block_based_table_data_block_index_type_binary_search_and_hash);
    // Memory is bounded as in Nacre: index and filter blocks within the cache, not all files open.
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(table, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1);
    rocksdb_options_set_max_open_files(options, 512);
    rocksdb_block_based_options_set_filter_policy(table,
                                                  rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_write_buffer_size(options, 64u << 20);
    rocksdb_options_set_max_background_jobs(options, 2);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
    const int levels[] = {rocksdb_no_compression, rocksdb_lz4_compression};
    rocksdb_options_set_compression_per_level(options, levels, 2);
    rocksdb_t *db = rocksdb_open(options, dir, &error);
    if (error) fprintf(stderr, "rocksdb: %s\n", error);
    CHECK(error == NULL);
    rocksdb_options_destroy(options);
    rocksdb_block_based_options_destroy(table);
    rocksdb_cache_destroy(cache);
    return db;
}

void raw_rocks_close(rocksdb_t *db) { rocksdb_close(db); }

void raw_rocks_put_orders(rocksdb_t *db, uint64_t from, uint64_t count, int sync, int changes) {
    char json[1400], key[17], index[96], change[2][40], *error = NULL;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    rocksdb_writeoptions_t *options = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(options, (unsigned char)sync);
    for (uint64_t i = from; i < from + count; i++) {
        size_t n = kit_order(json, i);
        kit_order_id(key, i);
        rocksdb_writebatch_put(batch, key, 16, json, n);
        int a = snprintf(index, sizeof index, "i1%06llu%s",
                         (unsigned long long)kit_order_customer(i), key);
        rocksdb_writebatch_put(batch, index, (size_t)a, "", 0);
        int b = snprintf(index, sizeof index, "i2%.17s%08llu%s", strstr(json, "2024-"),
                         (unsigned long long)i % 100000, key);
        rocksdb_writebatch_put(batch, index, (size_t)b, "", 0);
        if (!changes) continue;
        int c = snprintf(change[0], sizeof change[0], "c%024llu", (unsigned long long)i);
        int d = snprintf(change[1], sizeof change[1], "%018llu%s", (unsigned long long)i, key);
        rocksdb_writebatch_put(batch, change[0], (size_t)c, change[1], (size_t)d);
    }
    rocksdb_write(db, options, batch, &error);
    CHECK(error == NULL);
    rocksdb_writeoptions_destroy(options);
    rocksdb_writebatch_destroy(batch);
}

// --- LMDB -------------------------------------------------------------------------------

void raw_lmdb_open(const char *dir, struct raw_lmdb *out) {
    MDB_txn *txn;
    CHECK(mkdir(dir, 0700) == 0);
    CHECK(mdb_env_create(&out->env) == 0);
    CHECK(mdb_env_set_mapsize(out->env, 16ull << 30) == 0);
    CHECK(mdb_env_open(out->env, dir, MDB_NOSYNC | MDB_WRITEMAP, 0600) == 0); // only read is timed
    CHECK(mdb_txn_begin(out->env, NULL, 0, &txn) == 0);
    CHECK(mdb_dbi_open(txn, NULL, 0, &out->dbi) == 0);
    CHECK(mdb_txn_commit(txn) == 0);
}

void raw_lmdb_close(struct raw_lmdb *db) { mdb_env_close(db->env); }

void raw_lmdb_put_orders(struct raw_lmdb *db, uint64_t from, uint64_t count) {
    char json[1400], id[17];
    MDB_txn *txn;
    CHECK(mdb_txn_begin(db->env, NULL, 0, &txn) == 0);
    for (uint64_t i = from; i < from + count; i++) {
        MDB_val key = {16, id}, value = {kit_order(json, i), json};
        kit_order_id(id, i);
        CHECK(mdb_put(txn, db->dbi, &key, &value, 0) == 0);
    }
    CHECK(mdb_txn_commit(txn) == 0);
}

// --- SQLite -----------------------------------------------------------------------------

void raw_sqlite_run(sqlite3 *db, const char *sql) {
    char *error = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fprintf(stderr, "sqlite: %s: %s\n", sql, error);
    CHECK(error == NULL);
}

sqlite3 *raw_sqlite_open(const char *dir) {
    sqlite3 *db;
    char path[300];
    CHECK(mkdir(dir, 0700) == 0);
    snprintf(path, sizeof path, "%s/db", dir);
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    raw_sqlite_run(db,
                   "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536");
    raw_sqlite_run(db, "CREATE TABLE orders(id TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID");
    return db;
}

void raw_sqlite_put_orders(sqlite3 *db, uint64_t from, uint64_t count) {
    char json[1400], id[17];
    sqlite3_stmt *put;
    CHECK(sqlite3_prepare_v2(db, "INSERT INTO orders VALUES(?,?)", -1, &put, NULL) == SQLITE_OK);
    raw_sqlite_run(db, "BEGIN");
    for (uint64_t i = from; i < from + count; i++) {
        int n = (int)kit_order(json, i);
        kit_order_id(id, i);
        sqlite3_bind_text(put, 1, id, 16, SQLITE_STATIC);
        sqlite3_bind_text(put, 2, json, n, SQLITE_STATIC);
        CHECK(sqlite3_step(put) == SQLITE_DONE);
        sqlite3_reset(put);
    }
    raw_sqlite_run(db, "COMMIT");
    sqlite3_finalize(put);
}
