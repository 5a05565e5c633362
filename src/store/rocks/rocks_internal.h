// What the files of store/rocks share.
#ifndef STORE_ROCKS_ROCKS_INTERNAL_H
#define STORE_ROCKS_ROCKS_INTERNAL_H

#include <rocksdb/c.h>
#include <stdatomic.h>

#include "base/err/ctx.h"
#include "store/kv.h"
#include "store/lock.h"
#include "store/rocks/kv_rocks.h"

enum {
    ROCKS_PATH_MAX = 4096,
    ROCKS_FAMILIES = KV_FAMILIES + 1, // ours, then RocksDB's "default", which holds the flush mark
    ROCKS_MARK = KV_FAMILIES,
    ROCKS_YOUNG_FILES = 4, // of a family in level 0: then they are merged
};

// Everything open needs and close destroys, in C API objects.
struct rocks_settings {
    rocksdb_options_t *db; // also the options of the family "default"
    rocksdb_options_t *family[ROCKS_FAMILIES];
    rocksdb_cache_t *block_cache;
    rocksdb_compactionfilter_t *history_filter;
    const _Atomic uint64_t *horizon_ts;
    const char *compression; // for people
};
// compression: 0 LZ4, ZSTD at the bottom of meta and history, 1 LZ4, 2 none.
enum { ROCKS_COMPRESSIONS = 3 };
MUST_USE nacre_status rocks_settings_init(struct ctx *ctx, const struct kv_rocks_options *options,
                                          int compression, struct rocks_settings *out);
void rocks_settings_free(struct rocks_settings *settings);

// How far the MANIFEST was durable at the last flush (docs/format/store.md).
struct rocks_guard {
    uint64_t number, size;
    uint32_t crc;
};
// Before RocksDB sees the directory: NACRE_CORRUPT if CURRENT or the MANIFEST are not what the
// guard file says. mend: an edit at the end of the MANIFEST that a power cut tore is cut off.
MUST_USE nacre_status rocks_guard_check(struct ctx *ctx, const char *dir, bool mend);
// The size of the whole records that a MANIFEST begins with.
size_t rocks_manifest_whole(struct slice file);
MUST_USE nacre_status rocks_manifest_read(struct ctx *ctx, const char *path, struct buf *out);
MUST_USE nacre_status rocks_manifest_cut(struct ctx *ctx, const char *path, size_t size);
// Brings the guard file up to date; *guard is what was last written (zeroed at first).
MUST_USE nacre_status rocks_guard_update(struct ctx *ctx, const char *dir,
                                         struct rocks_guard *guard);

struct kv_rocks {
    struct kv base;
    rocksdb_t *db;
    struct rocks_settings settings;
    rocksdb_column_family_handle_t *family[ROCKS_FAMILIES];
    rocksdb_readoptions_t *read_newest, *read_persisted;
    rocksdb_writeoptions_t *write_options, *mark_options;
    rocksdb_compactoptions_t *compact_options;
    rocksdb_writebatch_t *batch; // the one writer's
    size_t batch_bytes;          // largest batch it has held
    struct rocks_order *order;   // likewise: rocks_order.c
    char *dir;
    char describe[96];
    bool read_only;
    _Atomic uint8_t *alive; // 1; in a page that the kernel clears in a forked child
    atomic_bool dirty;      // a write ended since the last flush began
    store_lock flush_lock;  // one flush or checkpoint at a time; over mark and guard
    uint64_t mark;
    struct rocks_guard guard;
    bool settling[KV_FAMILIES]; // of the one thread that calls rocks_settle
    store_lock fail_lock;       // over fail_text
    atomic_int failed;          // the first nacre_status that stopped the handle
    char fail_text[ERR_DETAIL_MAX];
};

static inline struct kv_rocks *rocks_of(struct kv *kv) { return (struct kv_rocks *)kv; }

// Maps RocksDB's text to a status, records it in ctx and frees the text. what: "reading", "flush",
// …
MUST_USE nacre_status rocks_error(struct ctx *ctx, char *error, const char *what);
// Stops the handle with the error in ctx, unless it is stopped: every later write and flush fails
// with it.
void rocks_stop(struct kv_rocks *rocks, const struct ctx *ctx);
// NACRE_CLOSED in a forked child: RocksDB's threads are not there, a flush would wait for ever.
static inline bool rocks_alive(const struct kv_rocks *rocks) {
    return atomic_load_explicit(rocks->alive, memory_order_relaxed) != 0;
}
MUST_USE nacre_status rocks_check_alive(const struct kv_rocks *rocks, struct ctx *ctx);
// The above, not read-only, not stopped, and no error in the background.
MUST_USE nacre_status rocks_check_writable(struct kv_rocks *rocks, struct ctx *ctx);

MUST_USE nacre_status rocks_get(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                                enum kv_family family, struct slice key, struct kv_pin *out,
                                bool *found);
void rocks_sizes(struct kv *kv, enum kv_family family, size_t count, const struct slice *begins,
                 const struct slice *ends, uint64_t *out);
MUST_USE nacre_status rocks_multi_get(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                                      enum kv_family family, size_t count, const struct slice *keys,
                                      struct kv_pin *pins, bool *found);
void rocks_unpin(struct kv *kv, struct kv_pin *pin);
MUST_USE nacre_status rocks_view_open(struct kv *kv, struct ctx *ctx, struct kv_view **out);
void rocks_view_close(struct kv *kv, struct kv_view *view);
MUST_USE nacre_status rocks_iter_open(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                                      enum kv_family family, const struct kv_iter_options *options,
                                      struct kv_iter **out);

// The entries of a checked batch in the order of their keys, of each key the last one; NULL where
// order matters (ranges) or there is no memory: then they go in as they come.
struct rocks_sorted {
    uint64_t family_prefix, head;
    size_t at;
    struct kv_batch_entry entry;
};
const struct rocks_sorted *rocks_order_sort(struct rocks_order **order,
                                            const struct kv_batch *batch, size_t *out_count);
void rocks_order_free(struct rocks_order *order);

MUST_USE nacre_status rocks_write(struct kv *kv, struct ctx *ctx, const struct kv_batch *batch);
MUST_USE nacre_status rocks_flush(struct kv *kv, struct ctx *ctx);
MUST_USE nacre_status rocks_flush_begin(struct kv *kv, struct ctx *ctx);
MUST_USE nacre_status rocks_settle(struct kv *kv, struct ctx *ctx, bool idle);
MUST_USE nacre_status rocks_checkpoint(struct kv *kv, struct ctx *ctx, const char *dir);
// The mark that is in the files now; 0 if none.
MUST_USE nacre_status rocks_mark_read(struct kv_rocks *rocks, struct ctx *ctx, uint64_t *out);
// Makes the name of the directory durable: RocksDB syncs what is in it, not where it stands.
MUST_USE nacre_status rocks_parent_sync(struct ctx *ctx, const char *path);
MUST_USE nacre_status rocks_verify(struct kv *kv, struct ctx *ctx,
                                   void (*each)(void *arg, const char *problem), void *arg);

// RocksDB blames the MANIFEST for a table that it cannot open. Reads the tables and puts the first
// damaged place before the detail of the error in ctx.
void rocks_damage_locate(struct ctx *ctx, const char *dir);

static inline const char *rocks_chars(struct slice s) { return s.n ? (const char *)s.p : ""; }

#endif
