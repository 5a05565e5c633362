// Writes without a WAL, and the only way they become durable.
//
// rocksdb_flush and rocksdb_flush_cf persist one family only, also with atomic_flush, so they are
// banned. A manual compaction, and a checkpoint, flush all families with unwritten memtables
// together. The compaction call tells no error; so a flush
//   1. writes a mark, one key of the family "default" with a number that counts up, after
//   everything it is to make durable;
//   2. compacts the range of that one key: it overlaps the memtable, so all families are flushed,
//   atomically;
//   3. reads the mark from the files alone (read tier "persisted"). The mark is there only if the
//   flush that wrote it succeeded,
//      and that flush held everything written before the mark.
#include <string.h>

#include "base/bits/bits.h"
#include "base/os/file.h"
#include "store/rocks/rocks_internal.h"

enum { BATCH_KEEP_BYTES = 4 << 20 };
static const char mark_key[] = "flushed";
enum { MARK_KEY_SIZE = sizeof mark_key - 1, MARK_SIZE = 8 };

static void batch_add(struct kv_rocks *rocks, const struct kv_batch_entry *entry) {
    rocksdb_column_family_handle_t *family = rocks->family[entry->family];
    const char *key = rocks_chars(entry->key), *value = rocks_chars(entry->value);
    if (entry->op == KV_OP_PUT)
        rocksdb_writebatch_put_cf(rocks->batch, family, key, entry->key.n, value, entry->value.n);
    else if (entry->op == KV_OP_DELETE)
        rocksdb_writebatch_delete_cf(rocks->batch, family, key, entry->key.n);
    else if (slice_cmp(entry->key, entry->value) < 0) // RocksDB fails in the middle of the batch on
                                                      // a range turned round
        rocksdb_writebatch_delete_range_cf(rocks->batch, family, key, entry->key.n, value,
                                           entry->value.n);
}

// What sorting took is well-formed; the rest is looked at before any of it is added.
static nacre_status batch_fill(struct kv_rocks *rocks, struct ctx *ctx,
                               const struct kv_batch *batch) {
    size_t count;
    const struct rocks_sorted *sorted = rocks_order_sort(&rocks->order, batch, &count);
    for (size_t i = 0; sorted && i < count; i++)
        batch_add(rocks, &sorted[i].entry);
    if (sorted) return NACRE_OK;
    TRY(kv_batch_check(ctx, batch));
    struct slice rest = buf_slice(&batch->bytes);
    struct kv_batch_entry entry;
    while (kv_batch_next(&rest, &entry))
        batch_add(rocks, &entry);
    return NACRE_OK;
}

static void batch_reset(struct kv_rocks *rocks) {
    if (rocks->batch_bytes > BATCH_KEEP_BYTES) {
        rocksdb_writebatch_destroy(rocks->batch);
        rocks->batch = rocksdb_writebatch_create();
        rocks->batch_bytes = 0;
    } else {
        rocksdb_writebatch_clear(rocks->batch);
    }
}

nacre_status rocks_write(struct kv *kv, struct ctx *ctx, const struct kv_batch *batch) {
    struct kv_rocks *rocks = rocks_of(kv);
    TRY(rocks_check_writable(rocks, ctx));
    TRY(batch_fill(rocks, ctx, batch));
    if (batch->bytes.n > rocks->batch_bytes) rocks->batch_bytes = batch->bytes.n;
    char *error = NULL;
    rocksdb_write(rocks->db, rocks->write_options, rocks->batch, &error);
    // After the write: a flush that runs in between leaves it true, so the next one looks again.
    atomic_store(&rocks->dirty, true);
    batch_reset(rocks);
    if (!error) return NACRE_OK;
    nacre_status status = rocks_error(ctx, error, "writing");
    rocks_stop(rocks, ctx);
    return status;
}

nacre_status rocks_mark_read(struct kv_rocks *rocks, struct ctx *ctx, uint64_t *out) {
    char *error = NULL;
    size_t n = 0;
    *out = 0;
    rocksdb_pinnableslice_t *pin =
        rocksdb_get_pinned_cf(rocks->db, rocks->read_persisted, rocks->family[ROCKS_MARK], mark_key,
                              MARK_KEY_SIZE, &error);
    if (error) return rocks_error(ctx, error, "reading the flush mark");
    if (!pin) return NACRE_OK;
    const char *value = rocksdb_pinnableslice_value(pin, &n);
    if (n == MARK_SIZE) *out = bits_le64(value);
    rocksdb_pinnableslice_destroy(pin);
    return n == MARK_SIZE ? NACRE_OK
                          : err_set(ctx, NACRE_CORRUPT, "the flush mark has %zu bytes", n);
}

static char *mark_write(struct kv_rocks *rocks, uint64_t mark) {
    char *error = NULL, value[MARK_SIZE];
    bits_put_le64(value, mark);
    rocksdb_put_cf(rocks->db, rocks->mark_options, rocks->family[ROCKS_MARK], mark_key,
                   MARK_KEY_SIZE, value, MARK_SIZE, &error);
    return error;
}

// Under flush_lock.
static nacre_status flush_all(struct kv_rocks *rocks, struct ctx *ctx) {
    char *error = mark_write(rocks, ++rocks->mark);
    if (error) return rocks_error(ctx, error, "flushing");
    rocksdb_compact_range_cf_opt(rocks->db, rocks->family[ROCKS_MARK], rocks->compact_options,
                                 mark_key, MARK_KEY_SIZE, mark_key, MARK_KEY_SIZE);
    uint64_t durable = 0;
    TRY(rocks_mark_read(rocks, ctx, &durable));
    if (durable == rocks->mark) return rocks_guard_update(ctx, rocks->dir, &rocks->guard);
    error = mark_write(rocks, rocks->mark); // a background error tells its text through the next
                                            // write
    if (error) return rocks_error(ctx, error, "flushing");
    return err_set(ctx, NACRE_IO_ERROR, "flushing: the memtables were not written");
}

nacre_status rocks_flush(struct kv *kv, struct ctx *ctx) {
    struct kv_rocks *rocks = rocks_of(kv);
    TRY(rocks_check_writable(rocks, ctx));
    store_lock_take(&rocks->flush_lock);
    nacre_status status = NACRE_OK;
    if (atomic_exchange(&rocks->dirty, false)) {
        status = flush_all(rocks, ctx);
        if (status == NACRE_MEMORY_LIMIT)
            atomic_store(&rocks->dirty, true); // nothing was lost: flush again
        else if (status != NACRE_OK)
            rocks_stop(rocks, ctx);
    }
    store_lock_drop(&rocks->flush_lock);
    return status;
}

// RocksDB writes a full memtable out by itself, and all that the C API has beyond that is the
// banned rocksdb_flush.
nacre_status rocks_flush_begin(struct kv *kv, struct ctx *ctx) {
    return rocks_check_alive(rocks_of(kv), ctx);
}

nacre_status rocks_parent_sync(struct ctx *ctx, const char *path) {
    char parent[ROCKS_PATH_MAX];
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    while (n > 0 && path[n - 1] != '/')
        n--;
    if (n >= sizeof parent)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "the path of the store is too long");
    if (n == 0) return dir_sync(ctx, ".");
    memcpy(parent, path, n);
    parent[n] = '\0';
    return dir_sync(ctx, parent);
}

static nacre_status checkpoint_make(struct kv_rocks *rocks, struct ctx *ctx, const char *dir) {
    char *error = NULL;
    rocksdb_checkpoint_t *checkpoint = rocksdb_checkpoint_object_create(rocks->db, &error);
    if (error) return rocks_error(ctx, error, "making a checkpoint");
    rocksdb_checkpoint_create(checkpoint, dir, 0, &error); // 0: flush, whatever the size of the
                                                           // (empty) WAL
    rocksdb_checkpoint_object_destroy(checkpoint);
    if (error) return rocks_error(ctx, error, "making a checkpoint");
    struct rocks_guard guard = {0};
    TRY(rocks_guard_update(ctx, dir, &guard));
    return rocks_parent_sync(ctx, dir);
}

nacre_status rocks_checkpoint(struct kv *kv, struct ctx *ctx, const char *dir) {
    struct kv_rocks *rocks = rocks_of(kv);
    TRY(rocks_check_alive(rocks, ctx));
    if (!rocks->read_only) TRY(rocks_check_writable(rocks, ctx));
    if (file_exists(dir)) return err_set(ctx, NACRE_ALREADY_EXISTS, "%s is there already", dir);
    store_lock_take(&rocks->flush_lock);
    nacre_status status = checkpoint_make(rocks, ctx, dir);
    store_lock_drop(&rocks->flush_lock);
    return status;
}
