#include "txn/past_internal.h"

// --- points -----------------------------------------------------------------------------

// Values are copied: a pin is a block of memory, whatever family it came from.
static nacre_status give(struct ctx *ctx, struct slice value, struct kv_pin *out) {
    uint8_t *p = mem_alloc(value.n ? value.n : 1);
    if (!p) return err_nomem(ctx);
    if (value.n) memcpy(p, value.p, value.n);
    *out = (struct kv_pin){.value = slice_of(p, value.n), .handle = p};
    return NACRE_OK;
}

static void past_unpin(struct kv *kv, struct kv_pin *pin) {
    (void)kv;
    mem_free(pin->handle);
    *pin = (struct kv_pin){0};
}

static nacre_status find_ended(struct past_kv *past, struct ctx *ctx, struct slice key,
                               struct kv_pin *out, bool *found) {
    struct kv *kv = past->base->kv;
    struct buf seek BUF_CLEANUP = {0}, upper BUF_CLEANUP = {0};
    struct kv_iter *it;
    buf_init(&seek, NULL, SIZE_MAX);
    buf_init(&upper, NULL, SIZE_MAX);
    keyspace_history(&seek, key, past->ts + 1);
    keyspace_history(&upper, key, UINT64_MAX);
    if (buf_status(&seek) != NACRE_OK || buf_status(&upper) != NACRE_OK) return err_nomem(ctx);
    struct kv_iter_options options = {
        .lower = buf_slice(&seek), .upper = buf_slice(&upper), .fill_cache = true};
    TRY(kv->ops->iter_open(kv, ctx, past->base->kv_view, KV_HISTORY, &options, &it));
    it->ops->seek_first(it);
    nacre_status status = NACRE_OK;
    *found = past_is_alive(it, key, past->ts);
    if (*found)
        status = give(ctx, it->value, out);
    else if (!it->valid)
        status = it->ops->status(it, ctx);
    it->ops->close(it);
    return status;
}

static nacre_status past_get(struct kv *self, struct ctx *ctx, struct kv_view *view,
                             enum kv_family family, struct slice key, struct kv_pin *out,
                             bool *found) {
    struct past_kv *past = past_of(self);
    struct kv *kv = past->base->kv;
    struct kv_pin pin;
    bool there;
    (void)view;
    *found = false;
    TRY(kv->ops->get(kv, ctx, past->base->kv_view, family, key, &pin, &there));
    bool versions = family == KV_DATA && past_has_versions(key);
    if (there) {
        nacre_status status = NACRE_OK;
        *found = !versions || past_begin(key, pin.value) <= past->ts;
        if (*found) status = give(ctx, pin.value, out);
        kv->ops->unpin(kv, &pin);
        if (status != NACRE_OK || *found) return status;
    }
    return versions ? find_ended(past, ctx, key, out, found) : NACRE_OK;
}

static nacre_status past_multi_get(struct kv *self, struct ctx *ctx, struct kv_view *view,
                                   enum kv_family family, size_t count, const struct slice *keys,
                                   struct kv_pin *pins, bool *found) {
    for (size_t i = 0; i < count; i++) {
        nacre_status status = past_get(self, ctx, view, family, keys[i], &pins[i], &found[i]);
        if (status == NACRE_OK) continue;
        while (i-- > 0)
            if (found[i]) past_unpin(self, &pins[i]);
        return status;
    }
    return NACRE_OK;
}

// --- the view ---------------------------------------------------------------------------

static void past_view_close(struct kv *self, struct kv_view *view) {
    struct past_kv *past = past_of(self);
    (void)view;
    txn_view_release(past->base);
    past->on_close(past->arg, past->ts);
    mem_free(past);
}

// What changes a store or looks after it is not for readers and stays NULL.
static const struct kv_ops past_ops = {
    .get = past_get,
    .multi_get = past_multi_get,
    .unpin = past_unpin,
    .view_close = past_view_close,
    .iter_open = past_iter_open,
};

nacre_status txn_view_past(struct ctx *ctx, struct view *base, uint64_t ts,
                           void (*on_close)(void *arg, uint64_t ts), void *arg, struct view **out) {
    struct view *view = mem_zalloc(sizeof *view);
    struct past_kv *past = mem_zalloc(sizeof *past);
    if (!view || !past) {
        mem_free(view);
        mem_free(past);
        return err_nomem(ctx);
    }
    *past = (struct past_kv){
        .kv.ops = &past_ops, .base = base, .ts = ts, .on_close = on_close, .arg = arg};
    atomic_fetch_add_explicit(&base->refs, 1, memory_order_relaxed);
    atomic_init(&view->refs, 1);
    view->kv = &past->kv;
    view->kv_view = base->kv_view; // closed by past_view_close, with base
    view->catalog = catalog_ref(base->catalog);
    view->seq = base->seq;
    view->index = base->index;
    view->commit_ts = ts;
    view->generation = base->generation;
    view->horizon_ts = base->horizon_ts;
    view->beneath = base;
    view->past = true;
    *out = view;
    return NACRE_OK;
}
