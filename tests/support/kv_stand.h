// A store of either kind for tests that run on both: RocksDB in a scratch directory, or memkv.
#ifndef SUPPORT_KV_STAND_H
#define SUPPORT_KV_STAND_H

#include "base/err/ctx.h"
#include "store/kv.h"
#include "store/rocks/kv_rocks.h"

enum kv_stand_kind { KV_STAND_MEM, KV_STAND_ROCKS };

struct kv_stand {
    enum kv_stand_kind kind;
    struct ctx ctx;
    char dir[256]; // scratch; the store is in dir/db
    struct kv_rocks_options options;
    struct kv *kv;
};

void kv_stand_open(struct kv_stand *stand, enum kv_stand_kind kind);
void kv_stand_close(struct kv_stand *stand); // and removes the directory
// Loses what was not flushed. No view, iterator or pin may be open.
void kv_stand_crash(struct kv_stand *stand);
void kv_stand_path(const struct kv_stand *stand, const char *name, char out[512]);

// A directory of its own below $TMPDIR or /tmp.
void kv_stand_scratch(char out[256]);

// Short forms that fail the test on an error.
void kv_stand_put(struct kv_stand *stand, enum kv_family family, const char *key,
                  const char *value);
void kv_stand_delete(struct kv_stand *stand, enum kv_family family, const char *key);
void kv_stand_delete_range(struct kv_stand *stand, enum kv_family family, const char *begin,
                           const char *end);
void kv_stand_flush(struct kv_stand *stand);
// value NULL: the key must be absent.
void kv_stand_expect(struct kv_stand *stand, struct kv_view *view, enum kv_family family,
                     const char *key, const char *value);
// All keys in [lower, upper) ("" = unbounded), forwards or backwards, each followed by a blank.
void kv_stand_keys(struct kv_stand *stand, struct kv_view *view, enum kv_family family,
                   const char *bounds[2], bool backwards, char out[512]);

#endif
