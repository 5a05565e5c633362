// Invariants:
//  1. A state that a view, an iterator or a pin can reach never changes: writes make new roots
//  (memkv/tree.h).
//  2. live is replaced as a whole, after the whole batch was applied: a batch is in all families or
//  in none.
//  3. flushed is a state that live had at a flush; a crash puts live back to it.
#include "store/memkv/kv_mem.h"

#include "base/err/check.h"
#include "base/err/ctx.h"
#include "store/memkv/mem_internal.h"

static struct kv_mem *mem_of(struct kv *kv) { return (struct kv_mem *)kv; }

bool kv_mem_fails(struct kv_mem *mem) {
    store_lock_take(&mem->lock);
    bool fails = mem->failing;
    if (!fails && mem->countdown && --mem->countdown == 0) {
        fails = true;
        mem->failing = mem->sticky;
    }
    store_lock_drop(&mem->lock);
    return fails;
}

nacre_status kv_mem_call(struct kv_mem *mem, struct ctx *ctx) {
    return kv_mem_fails(mem)
               ? err_set(ctx, NACRE_IO_ERROR, "in-memory store: this call was told to fail")
               : NACRE_OK;
}

void kv_mem_user(struct kv_mem *mem, bool opens) {
    store_lock_take(&mem->lock);
    DCHECK(opens || mem->users > 0);
    mem->users += opens ? 1u : (uint32_t)-1;
    store_lock_drop(&mem->lock);
}

static struct kv_mem_state state_copy(const struct kv_mem_state *state) {
    struct kv_mem_state copy = {0};
    for (int f = 0; f < KV_FAMILIES; f++) copy.root[f] = tree_hold(state->root[f]);
    return copy;
}

struct kv_mem_state kv_mem_state_hold(struct kv_mem *mem, const struct kv_view *view) {
    if (view) return state_copy((const struct kv_mem_state *)view);
    store_lock_take(&mem->lock);
    struct kv_mem_state copy = state_copy(&mem->live);
    store_lock_drop(&mem->lock);
    return copy;
}

void kv_mem_state_drop(struct kv_mem_state *state) {
    for (int f = 0; f < KV_FAMILIES; f++) tree_drop(state->root[f]);
    *state = (struct kv_mem_state){0};
}

// Takes over state; the one it replaces is dropped outside the lock, since that may free many
// nodes.
static void state_set(struct kv_mem *mem, struct kv_mem_state *where, struct kv_mem_state state) {
    store_lock_take(&mem->lock);
    struct kv_mem_state old = *where;
    *where = state;
    store_lock_drop(&mem->lock);
    kv_mem_state_drop(&old);
}

static bool pin_found(const struct tree_node *root, struct slice key, struct kv_pin *out) {
    struct tree_item *item = tree_find(root, key);
    if (!item) return false;
    tree_item_hold(item);
    *out = (struct kv_pin){.value = tree_value(item), .handle = item};
    return true;
}

static nacre_status mem_multi_get(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                                  enum kv_family family, size_t count, const struct slice *keys,
                                  struct kv_pin *pins, bool *found) {
    struct kv_mem *mem = mem_of(kv);
    TRY(kv_mem_call(mem, ctx));
    struct kv_mem_state state = kv_mem_state_hold(mem, view);
    for (size_t i = 0; i < count; i++) {
        pins[i] = (struct kv_pin){0};
        found[i] = pin_found(state.root[family], keys[i], &pins[i]);
    }
    kv_mem_state_drop(&state);
    return NACRE_OK;
}

static nacre_status mem_get(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                            enum kv_family family, struct slice key, struct kv_pin *out,
                            bool *found) {
    return mem_multi_get(kv, ctx, view, family, 1, &key, out, found);
}

static void mem_unpin(struct kv *kv, struct kv_pin *pin) {
    (void)kv;
    tree_item_drop(pin->handle);
    *pin = (struct kv_pin){0};
}

static bool apply_put(struct tree_node **root, const struct kv_batch_entry *entry) {
    struct tree_item *item = tree_item_new(entry->key, entry->value);
    bool ok = item && tree_replace(root, entry->key, entry->key, true, item);
    tree_item_drop(item);
    return ok;
}

static bool apply_entry(struct kv_mem_state *state, const struct kv_batch_entry *entry) {
    struct tree_node **root = &state->root[entry->family];
    if (entry->op == KV_OP_PUT) return apply_put(root, entry);
    if (entry->op == KV_OP_DELETE) return tree_replace(root, entry->key, entry->key, true, NULL);
    if (slice_cmp(entry->key, entry->value) >= 0) return true;
    return tree_replace(root, entry->key, entry->value, false, NULL);
}

static nacre_status mem_write(struct kv *kv, struct ctx *ctx, const struct kv_batch *batch) {
    struct kv_mem *mem = mem_of(kv);
    TRY(kv_mem_call(mem, ctx));
    TRY(kv_batch_check(ctx, batch));
    struct kv_mem_state state = kv_mem_state_hold(mem, NULL);
    struct slice rest = buf_slice(&batch->bytes);
    struct kv_batch_entry entry;
    while (kv_batch_next(&rest, &entry)) {
        if (apply_entry(&state, &entry)) continue;
        kv_mem_state_drop(&state);
        return err_nomem(ctx);
    }
    state_set(mem, &mem->live, state);
    return NACRE_OK;
}

static nacre_status mem_view_open(struct kv *kv, struct ctx *ctx, struct kv_view **out) {
    struct kv_mem *mem = mem_of(kv);
    TRY(kv_mem_call(mem, ctx));
    struct kv_mem_state *view = mem_alloc(sizeof *view);
    if (!view) return err_nomem(ctx);
    *view = kv_mem_state_hold(mem, NULL);
    kv_mem_user(mem, true);
    *out = (struct kv_view *)view;
    return NACRE_OK;
}

static void mem_view_close(struct kv *kv, struct kv_view *view) {
    if (!view) return;
    kv_mem_state_drop((struct kv_mem_state *)view);
    mem_free(view);
    kv_mem_user(mem_of(kv), false);
}

static nacre_status mem_flush(struct kv *kv, struct ctx *ctx) {
    struct kv_mem *mem = mem_of(kv);
    TRY(kv_mem_call(mem, ctx));
    state_set(mem, &mem->flushed, kv_mem_state_hold(mem, NULL));
    return NACRE_OK;
}

static nacre_status mem_flush_begin(struct kv *kv, struct ctx *ctx) {
    return kv_mem_call(mem_of(kv), ctx);
}

static nacre_status mem_verify(struct kv *kv, struct ctx *ctx,
                               void (*each)(void *arg, const char *problem), void *arg) {
    (void)each;
    (void)arg;
    return kv_mem_call(mem_of(kv), ctx);
}

static uint64_t tree_bytes(const struct tree_node *root) {
    uint64_t sum = 0;
    for (struct tree_item *item = tree_first(root); item;
         item = tree_at_or_after(root, tree_key(item), false))
        sum += sizeof *item + 48 + item->key_size + item->value_size;
    return sum;
}

// O(n log n): a test's question.
static void mem_usage(struct kv *kv, uint64_t *out_memory_bytes, uint64_t *out_disk_bytes) {
    struct kv_mem_state state = kv_mem_state_hold(mem_of(kv), NULL);
    *out_memory_bytes = *out_disk_bytes = 0;
    for (int f = 0; f < KV_FAMILIES; f++) *out_memory_bytes += tree_bytes(state.root[f]);
    kv_mem_state_drop(&state);
}

static const char *mem_describe(struct kv *kv) {
    (void)kv;
    return "memory";
}

static void mem_destroy(struct kv_mem *mem) {
    kv_mem_state_drop(&mem->live);
    kv_mem_state_drop(&mem->flushed);
    mem_free(mem);
}

static void mem_close(struct kv *kv) {
    if (!kv) return;
    struct kv_mem *mem = mem_of(kv);
    DCHECK(mem->users == 0);
    mem->closed = true;
    if (mem->holds == 0) mem_destroy(mem);
}

static const struct kv_ops mem_ops = {
    .get = mem_get,
    .multi_get = mem_multi_get,
    .unpin = mem_unpin,
    .write = mem_write,
    .view_open = mem_view_open,
    .view_close = mem_view_close,
    .iter_open = kv_mem_iter_open,
    .flush = mem_flush,
    .flush_begin = mem_flush_begin,
    .checkpoint = kv_mem_checkpoint,
    .verify = mem_verify,
    .usage = mem_usage,
    .describe = mem_describe,
    .close = mem_close,
};

nacre_status kv_mem_new(struct ctx *ctx, struct kv **out) {
    struct kv_mem *mem = mem_zalloc(sizeof *mem);
    if (!mem) return err_nomem(ctx);
    mem->base.ops = &mem_ops;
    *out = &mem->base;
    return NACRE_OK;
}

void kv_mem_crash(struct kv *kv) {
    struct kv_mem *mem = mem_of(kv);
    CHECK(mem->users == 0);
    state_set(mem, &mem->live, state_copy(&mem->flushed));
}

void kv_mem_fail_nth(struct kv *kv, uint64_t nth, bool sticky) {
    struct kv_mem *mem = mem_of(kv);
    store_lock_take(&mem->lock);
    mem->countdown = nth;
    mem->sticky = sticky;
    mem->failing = false;
    store_lock_drop(&mem->lock);
}

void kv_mem_hold(struct kv *kv) { mem_of(kv)->holds++; }

void kv_mem_release(struct kv *kv) {
    struct kv_mem *mem = mem_of(kv);
    CHECK(mem->holds > 0);
    if (--mem->holds == 0 && mem->closed) mem_destroy(mem);
}
