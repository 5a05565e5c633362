// In-memory twin of kv.h for tests: loses what was not flushed when told, fails the n-th call.
#ifndef STORE_MEMKV_KV_MEM_H
#define STORE_MEMKV_KV_MEM_H

#include "store/kv.h"

MUST_USE nacre_status kv_mem_new(struct ctx *ctx, struct kv **out);
// Power loss: the state returns to the last flush. Open views and iterators must be closed before.
void kv_mem_crash(struct kv *kv);
// The n-th call from now (get, write, seek, flush …) fails with NACRE_IO_ERROR, and all after it if
// sticky. 0 = off.
void kv_mem_fail_nth(struct kv *kv, uint64_t nth, bool sticky);
// A new store with the content of a directory that checkpoint made. NACRE_CORRUPT if its file is
// damaged.
MUST_USE nacre_status kv_mem_open_checkpoint(struct ctx *ctx, const char *dir, struct kv **out);
// close() of a memkv keeps the content when it is held: reopen by kv_mem_hold before and
// kv_mem_release at the end.
void kv_mem_hold(struct kv *kv);
void kv_mem_release(struct kv *kv);

#endif
