// What the files of store/memkv share.
#ifndef STORE_MEMKV_MEM_INTERNAL_H
#define STORE_MEMKV_MEM_INTERNAL_H

#include "store/kv.h"
#include "store/lock.h"
#include "store/memkv/tree.h"

struct kv_mem_state {
    struct tree_node *root[KV_FAMILIES];
};

struct kv_mem {
    struct kv base;
    store_lock lock; // over all below
    struct kv_mem_state live, flushed;
    uint64_t countdown; // calls until the one that fails; 0 = off
    bool failing;       // a sticky failure has happened
    bool sticky;
    bool closed;
    uint32_t holds;
    uint32_t users; // open views and iterators
};

// Every call of kv.h passes here, so that tests can fail the n-th one.
bool kv_mem_fails(struct kv_mem *mem);
MUST_USE nacre_status kv_mem_call(struct kv_mem *mem, struct ctx *ctx);
// The state that view (NULL: the newest) shows, with a reference of the caller's on each root.
struct kv_mem_state kv_mem_state_hold(struct kv_mem *mem, const struct kv_view *view);
void kv_mem_state_drop(struct kv_mem_state *state);
void kv_mem_user(struct kv_mem *mem, bool opens);

MUST_USE nacre_status kv_mem_iter_open(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                                       enum kv_family family, const struct kv_iter_options *options,
                                       struct kv_iter **out);
MUST_USE nacre_status kv_mem_checkpoint(struct kv *kv, struct ctx *ctx, const char *dir);

#endif
