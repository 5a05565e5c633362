// The peers, as plain key-value stores of documents: raw RocksDB (linked as Nacre's own, with the
// options that Nacre gives it where they bear on the comparison), LMDB, SQLite.
#ifndef BENCH_KIT_RAW_H
#define BENCH_KIT_RAW_H

#include <lmdb.h>
#include <rocksdb/c.h>
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

rocksdb_t *raw_rocks_open(const char *dir, uint64_t cache_bytes);
void raw_rocks_close(rocksdb_t *db);
// count orders (kit.h) from `from` on with the keys of two indexes each, as one batch. changes: and
// a change record each, as many bytes as Nacre's.
void raw_rocks_put_orders(rocksdb_t *db, uint64_t from, uint64_t count, int sync, int changes);

struct raw_lmdb {
    MDB_env *env;
    MDB_dbi dbi;
};
void raw_lmdb_open(const char *dir, struct raw_lmdb *out);
void raw_lmdb_close(struct raw_lmdb *db);
void raw_lmdb_put_orders(struct raw_lmdb *db, uint64_t from, uint64_t count);

// WAL, synchronous FULL; "orders" (id TEXT PRIMARY KEY, body TEXT) without rowid.
sqlite3 *raw_sqlite_open(const char *dir);
void raw_sqlite_run(sqlite3 *db, const char *sql);
void raw_sqlite_put_orders(sqlite3 *db, uint64_t from, uint64_t count);

#endif
