// Ordered key-value storage with atomic batches, read views and explicit durability. Keys and
// values are bytes here. Implementations: store/rocks (RocksDB), store/memkv (in memory, can lose
// power). Thread rule: any thread, but one writer at a time.
#ifndef STORE_KV_H
#define STORE_KV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err/status.h"
#include "base/mem/buf.h"

struct ctx;
struct kv;
struct kv_view;
struct kv_iter;

enum kv_op { KV_OP_PUT = 1, KV_OP_DELETE = 2, KV_OP_DELETE_RANGE = 3 };
enum kv_family { KV_META, KV_DATA, KV_HISTORY, KV_FAMILIES };

// A batch: our own flat bytes, so that apply's effect hash runs over them. Appended by kv_batch_*;
// errors stick in the buf. Each entry:
// op u8 (1 put, 2 delete, 3 delete range) · family u8 · varint key size · key · varint value size ·
// value (delete: none; range: the end key)
struct kv_batch {
    struct buf bytes;
    uint32_t count;
};
void kv_batch_init(struct kv_batch *batch, struct budget *budget, size_t max_bytes);
void kv_batch_free(struct kv_batch *batch);
void kv_batch_reset(struct kv_batch *batch);
void kv_batch_put(struct kv_batch *batch, enum kv_family family, struct slice key,
                  struct slice value);
void kv_batch_delete(struct kv_batch *batch, enum kv_family family, struct slice key);
// All keys in [begin, end); nothing if begin >= end.
void kv_batch_delete_range(struct kv_batch *batch, enum kv_family family, struct slice begin,
                           struct slice end);

// A value pinned in memory until kv_unpin.
struct kv_pin {
    struct slice value;
    void *handle;
};

struct kv_iter_options {
    // [lower, upper), n = 0: unbounded. Borrowed until the iterator is closed.
    struct slice lower, upper;
    bool fill_cache;          // false for scans that would wash the block cache
    uint32_t readahead_bytes; // 0 = automatic
};

struct kv_ops {
    // view NULL = newest state. *found = false, no pin, if absent. NACRE_CORRUPT names the file
    // where it can.
    nacre_status (*get)(struct kv *kv, struct ctx *ctx, struct kv_view *view, enum kv_family family,
                        struct slice key, struct kv_pin *out, bool *found);
    // keys sorted ascending; found[i] and pins[i] as for get.
    nacre_status (*multi_get)(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                              enum kv_family family, size_t count, const struct slice *keys,
                              struct kv_pin *pins, bool *found);
    void (*unpin)(struct kv *kv, struct kv_pin *pin);
    // All or nothing; visible to later live reads at once; durable only after flush.
    nacre_status (*write)(struct kv *kv, struct ctx *ctx, const struct kv_batch *batch);
    nacre_status (*view_open)(struct kv *kv, struct ctx *ctx, struct kv_view **out); // the state
                                                                                     // now
    void (*view_close)(struct kv *kv, struct kv_view *view);
    nacre_status (*iter_open)(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                              enum kv_family family, const struct kv_iter_options *options,
                              struct kv_iter **out);
    // Everything written before the call is durable when it returns, in all families together.
    nacre_status (*flush)(struct kv *kv, struct ctx *ctx);
    // Starts writing memtables out without waiting where the implementation can; a hint.
    nacre_status (*flush_begin)(struct kv *kv, struct ctx *ctx);
    // Told by one thread now and then that nobody has written for a while, and once that somebody
    // does again: meanwhile the store may put its files into the shape that reads like best. NULL:
    // it has none.
    nacre_status (*settle)(struct kv *kv, struct ctx *ctx, bool idle);
    // A consistent copy in a new directory (hard links where possible).
    nacre_status (*checkpoint)(struct kv *kv, struct ctx *ctx, const char *dir);
    // Reads every block of every file; each(arg, problem) per damaged place.
    nacre_status (*verify)(struct kv *kv, struct ctx *ctx,
                           void (*each)(void *arg, const char *problem), void *arg);
    // About how many bytes of files the keys of each [begins[i], ends[i]) take; what is in memory
    // alone does not count. NULL: nobody can tell.
    void (*sizes)(struct kv *kv, enum kv_family family, size_t count, const struct slice *begins,
                  const struct slice *ends, uint64_t *out);
    // Bytes: memory held, on disk.
    void (*usage)(struct kv *kv, uint64_t *out_memory_bytes, uint64_t *out_disk_bytes);
    const char *(*describe)(struct kv *kv); // "RocksDB 7.8.3 (…)", for `nacre version`
    void (*close)(struct kv *kv);           // does not flush
};

struct kv {
    const struct kv_ops *ops;
};

// Iterators: one thread; live within view and kv. After seek or step: kv_iter_valid tells whether
// there is an entry; when it is false, kv_iter_status tells the end (NACRE_OK) from an error. key
// and value are valid until the next step.
struct kv_iter_ops {
    void (*seek_first)(struct kv_iter *it);
    void (*seek_last)(struct kv_iter *it);
    void (*seek)(struct kv_iter *it, struct slice key);          // first entry ≥ key
    void (*seek_for_prev)(struct kv_iter *it, struct slice key); // last entry ≤ key
    void (*next)(struct kv_iter *it);
    void (*prev)(struct kv_iter *it);
    nacre_status (*status)(struct kv_iter *it, struct ctx *ctx);
    void (*close)(struct kv_iter *it);
};
struct kv_iter {
    const struct kv_iter_ops *ops;
    bool valid;
    struct slice key, value;
};
// For iterators over iterators: why one has no entry; NACRE_OK: it stands at an end. Of one that
// broke off what others have there must not be shown for the next entry.
MUST_USE nacre_status kv_iter_failure(struct kv_iter *it);

// Reading a batch, for implementations and tests.
struct kv_batch_entry {
    uint8_t op; // enum kv_op
    enum kv_family family;
    struct slice key, value;
};
bool kv_batch_next(struct slice *rest, struct kv_batch_entry *out); // false at the end or when
                                                                    // malformed (rest.n != 0)
// What a write checks before it changes anything: the buffer's sticky error, then the bytes of
// every entry (NACRE_INTERNAL).
MUST_USE nacre_status kv_batch_check(struct ctx *ctx, const struct kv_batch *batch);

#endif
