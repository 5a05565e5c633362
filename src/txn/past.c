#include "txn/past_internal.h"

enum { LUCK_MAX = 7 };

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

// An iterator over the history of keys from first to the end of last's kind.
static nacre_status open_history(struct past_kv *past, struct ctx *ctx, struct slice first,
                                 struct slice last, struct buf *upper, struct kv_iter **out) {
    struct kv *kv = past->base->kv;
    buf_put(upper, last.p, KEYSPACE_PREFIX);
    if (buf_status(upper) != NACRE_OK) return err_nomem(ctx);
    upper->p[KEYSPACE_PREFIX - 1]++;
    struct kv_iter_options options = {
        .lower = first, .upper = buf_slice(upper), .fill_cache = true};
    return kv->ops->iter_open(kv, ctx, past->base->kv_view, KV_HISTORY, &options, out);
}

static nacre_status find_ended(struct past_kv *past, struct ctx *ctx, struct kv_iter *it,
                               struct slice key, struct kv_pin *out, bool *found) {
    struct buf seek BUF_CLEANUP = {0};
    buf_init(&seek, NULL, SIZE_MAX);
    keyspace_history(&seek, key, past->options.ts + 1);
    if (buf_status(&seek) != NACRE_OK) return err_nomem(ctx);
    it->ops->seek(it, buf_slice(&seek));
    *found = past_is_alive(it, key, past->options.ts);
    if (*found) return give(ctx, it->value, out);
    return it->valid ? NACRE_OK : it->ops->status(it, ctx);
}

// The newest value if it began by then; *younger: it did not, or there is none, and an ended
// version may be what is asked for. key.n 0: of a family without versions.
static nacre_status take_newest(struct past_kv *past, struct ctx *ctx, struct kv_pin *pin,
                                bool *found, struct slice key, bool *younger) {
    struct kv *kv = past->base->kv;
    bool versions = past_has_versions(key), there = *found;
    nacre_status status = NACRE_OK;
    struct kv_pin newest = there ? *pin : (struct kv_pin){0};
    *pin = (struct kv_pin){0};
    *found = there && (!versions || past_begin(key, newest.value) <= past->options.ts);
    *younger = versions && !*found;
    if (*found) status = give(ctx, newest.value, pin);
    if (there) kv->ops->unpin(kv, &newest);
    return status;
}

static nacre_status get_now(struct past_kv *past, struct ctx *ctx, enum kv_family family,
                            struct slice key, struct kv_pin *out, bool *found) {
    struct kv *kv = past->base->kv;
    bool younger;
    TRY(kv->ops->get(kv, ctx, past->base->kv_view, family, key, out, found));
    return take_newest(past, ctx, out, found, family == KV_DATA ? key : slice_of(NULL, 0),
                       &younger);
}

static nacre_status get_ended(struct past_kv *past, struct ctx *ctx, struct slice key,
                              struct kv_pin *out, bool *found) {
    struct buf upper BUF_CLEANUP = {0};
    struct kv_iter *it;
    buf_init(&upper, NULL, SIZE_MAX);
    TRY(open_history(past, ctx, key, key, &upper, &it));
    nacre_status status = find_ended(past, ctx, it, key, out, found);
    it->ops->close(it);
    return status;
}

static void note_luck(struct past_kv *past, uint8_t before, bool ended) {
    uint8_t luck = before;
    if (ended && luck < LUCK_MAX) luck++;
    if (!ended && luck > 0) luck--;
    if (luck != before) atomic_store_explicit(past->options.luck, luck, memory_order_relaxed);
}

// A version that lived then is in one place only, so either may be looked into first.
static nacre_status past_get(struct kv *self, struct ctx *ctx, struct kv_view *view,
                             enum kv_family family, struct slice key, struct kv_pin *out,
                             bool *found) {
    struct past_kv *past = past_of(self);
    bool versions = family == KV_DATA && past_has_versions(key);
    uint8_t luck = atomic_load_explicit(past->options.luck, memory_order_relaxed);
    bool ended = versions && luck > LUCK_MAX / 2;
    (void)view;
    *found = false;
    for (int i = 0; i < 1 + versions && !*found; i++) {
        if (i) ended = !ended;
        TRY(ended ? get_ended(past, ctx, key, out, found)
                  : get_now(past, ctx, family, key, out, found));
    }
    if (versions && *found) note_luck(past, luck, ended);
    return NACRE_OK;
}

struct past_many {
    enum kv_family family;
    size_t count;
    const struct slice *keys;
    struct kv_pin *pins;
    bool *found;
};

// Ended versions by one iterator, which moves forward only.
static nacre_status get_many(struct past_kv *past, struct ctx *ctx, const struct past_many *m) {
    struct buf upper BUF_CLEANUP = {0};
    struct kv_iter *it = NULL;
    nacre_status status = NACRE_OK;
    buf_init(&upper, NULL, SIZE_MAX);
    for (size_t i = 0; i < m->count; i++) {
        bool younger = false, *found = &m->found[i];
        struct slice key = m->keys[i];
        nacre_status one = take_newest(past, ctx, &m->pins[i], &m->found[i],
                                       m->family == KV_DATA ? key : slice_of(NULL, 0), &younger);
        if (one != NACRE_OK) *found = false;
        if (status == NACRE_OK) status = one;
        if (status != NACRE_OK || !younger) continue;
        if (!it) status = open_history(past, ctx, key, m->keys[m->count - 1], &upper, &it);
        if (status == NACRE_OK) status = find_ended(past, ctx, it, key, &m->pins[i], found);
        if (status != NACRE_OK) *found = false;
    }
    if (it) it->ops->close(it);
    return status;
}

static nacre_status past_multi_get(struct kv *self, struct ctx *ctx, struct kv_view *view,
                                   enum kv_family family, size_t count, const struct slice *keys,
                                   struct kv_pin *pins, bool *found) {
    struct past_kv *past = past_of(self);
    struct kv *kv = past->base->kv;
    struct past_many many = {family, count, keys, pins, found};
    (void)view;
    TRY(kv->ops->multi_get(kv, ctx, past->base->kv_view, family, count, keys, pins, found));
    nacre_status status = get_many(past, ctx, &many);
    for (size_t i = 0; i < count && status != NACRE_OK; i++)
        if (found[i]) past_unpin(self, &pins[i]);
    return status;
}

// --- the view ---------------------------------------------------------------------------

static void past_view_close(struct kv *self, struct kv_view *view) {
    struct past_kv *past = past_of(self);
    (void)view;
    txn_view_release(past->base);
    past->options.on_close(past->options.arg, past->options.ts);
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

nacre_status txn_view_past(struct ctx *ctx, struct view *base, const struct past_options *options,
                           struct view **out) {
    struct view *view = mem_zalloc(sizeof *view);
    struct past_kv *past = mem_zalloc(sizeof *past);
    if (!view || !past) {
        mem_free(view);
        mem_free(past);
        return err_nomem(ctx);
    }
    *past = (struct past_kv){.kv.ops = &past_ops, .base = base, .options = *options};
    atomic_fetch_add_explicit(&base->refs, 1, memory_order_relaxed);
    atomic_init(&view->refs, 1);
    view->kv = &past->kv;
    view->kv_view = base->kv_view; // closed by past_view_close, with base
    view->catalog = catalog_ref(base->catalog);
    view->seq = base->seq;
    view->index = base->index;
    view->commit_ts = options->ts;
    view->generation = base->generation;
    view->horizon_ts = base->horizon_ts;
    view->beneath = base;
    view->past = true;
    *out = view;
    return NACRE_OK;
}
