// Iterators over a held root: every step looks its key up again from the top, O(log n), so there is
// no path to keep.
#include "base/err/ctx.h"
#include "store/memkv/mem_internal.h"

struct mem_iter {
    struct kv_iter base;
    struct kv_mem *mem;
    struct tree_node *root;
    struct slice lower, upper;
    nacre_status status;
};

static struct mem_iter *iter_of(struct kv_iter *it) { return (struct mem_iter *)it; }

// Shows item, if it is one and lies within the bounds.
static void show(struct mem_iter *it, const struct tree_item *item) {
    struct slice key = item ? tree_key(item) : (struct slice){0};
    bool inside = item && (!it->lower.n || slice_cmp(key, it->lower) >= 0) &&
                  (!it->upper.n || slice_cmp(key, it->upper) < 0);
    it->base.valid = inside;
    it->base.key = inside ? key : (struct slice){0};
    it->base.value = inside ? tree_value(item) : (struct slice){0};
}

// The fault point of a step; there is no context here, so the error waits for kv_iter_status.
static bool step_begin(struct mem_iter *it) {
    bool fails = kv_mem_fails(it->mem);
    it->status = fails ? NACRE_IO_ERROR : NACRE_OK;
    if (fails) show(it, NULL);
    return !fails;
}

static void iter_seek_first(struct kv_iter *base) {
    struct mem_iter *it = iter_of(base);
    if (!step_begin(it)) return;
    show(it, it->lower.n ? tree_at_or_after(it->root, it->lower, true) : tree_first(it->root));
}

static void iter_seek_last(struct kv_iter *base) {
    struct mem_iter *it = iter_of(base);
    if (!step_begin(it)) return;
    show(it, it->upper.n ? tree_at_or_before(it->root, it->upper, false) : tree_last(it->root));
}

static void iter_seek(struct kv_iter *base, struct slice key) {
    struct mem_iter *it = iter_of(base);
    if (!step_begin(it)) return;
    if (it->lower.n && slice_cmp(key, it->lower) < 0) key = it->lower;
    show(it, tree_at_or_after(it->root, key, true));
}

static void iter_seek_for_prev(struct kv_iter *base, struct slice key) {
    struct mem_iter *it = iter_of(base);
    if (!step_begin(it)) return;
    bool beyond = it->upper.n && slice_cmp(key, it->upper) >= 0;
    show(it, tree_at_or_before(it->root, beyond ? it->upper : key, !beyond));
}

static void iter_next(struct kv_iter *base) {
    struct mem_iter *it = iter_of(base);
    if (!base->valid || !step_begin(it)) return;
    show(it, tree_at_or_after(it->root, base->key, false));
}

static void iter_prev(struct kv_iter *base) {
    struct mem_iter *it = iter_of(base);
    if (!base->valid || !step_begin(it)) return;
    show(it, tree_at_or_before(it->root, base->key, false));
}

static nacre_status iter_status(struct kv_iter *base, struct ctx *ctx) {
    if (iter_of(base)->status == NACRE_OK) return NACRE_OK;
    return err_set(ctx, iter_of(base)->status, "in-memory store: this step was told to fail");
}

static void iter_close(struct kv_iter *base) {
    if (!base) return;
    struct mem_iter *it = iter_of(base);
    tree_drop(it->root);
    kv_mem_user(it->mem, false);
    mem_free(it);
}

static const struct kv_iter_ops iter_ops = {
    .seek_first = iter_seek_first,
    .seek_last = iter_seek_last,
    .seek = iter_seek,
    .seek_for_prev = iter_seek_for_prev,
    .next = iter_next,
    .prev = iter_prev,
    .status = iter_status,
    .close = iter_close,
};

nacre_status kv_mem_iter_open(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                              enum kv_family family, const struct kv_iter_options *options,
                              struct kv_iter **out) {
    struct kv_mem *mem = (struct kv_mem *)kv;
    TRY(kv_mem_call(mem, ctx));
    struct mem_iter *it = mem_zalloc(sizeof *it);
    if (!it) return err_nomem(ctx);
    struct kv_mem_state state = kv_mem_state_hold(mem, view);
    it->base.ops = &iter_ops;
    it->mem = mem;
    it->root = tree_hold(state.root[family]);
    it->lower = options ? options->lower : (struct slice){0};
    it->upper = options ? options->upper : (struct slice){0};
    kv_mem_state_drop(&state);
    kv_mem_user(mem, true);
    *out = &it->base;
    return NACRE_OK;
}
