// RocksDB behind kv.h: WAL off, three families flushed together, checksums on, background errors
// stop the handle.
#ifndef STORE_ROCKS_KV_ROCKS_H
#define STORE_ROCKS_KV_ROCKS_H

#include "store/kv.h"

struct kv_rocks_options {
    uint64_t cache_bytes;        // block cache (LRU), 0 = 64 MiB
    uint64_t write_buffer_bytes; // over all families, 0 = 64 MiB
    bool create;                 // make it if absent
    bool read_only;
    uint32_t background_threads; // 0 = 2
    // History entries whose end_ts (last 8 key bytes, big-endian) is below *horizon_ts may be
    // dropped by compaction. May be NULL. Atomic, owned by the caller.
    const _Atomic uint64_t *horizon_ts;
    // No compaction until kv_rocks_compact_freely: an open that is then given up left the tables as
    // they were.
    bool hold_compactions;
};

MUST_USE nacre_status kv_rocks_open(struct ctx *ctx, const char *dir,
                                    const struct kv_rocks_options *options, struct kv **out);
MUST_USE nacre_status kv_rocks_compact_freely(struct ctx *ctx, struct kv *kv);

#endif
