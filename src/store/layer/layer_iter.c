// Iterators of a layer: a merge of the base's and the delta's, and the account of what was read.
//
// The stretch [lo, hi) is what was read of the base without a gap. Every move begins in it or
// starts a new one; the old one is then told. An entry is counted when the stretch grows over it,
// so what is read twice is counted once.
#include "store/kv_merge.h"
#include "store/layer/layer.h"

struct stretch {
    bool open;
    struct buf lo, hi;
    uint64_t count;
};

struct layer_iter {
    struct kv_merge merge;
    struct kv_layer *layer;
    struct kv_iter *base;
    struct skip_node *node; // at or after (before, backward) the place; NULL: none
    bool at_base, at_node;  // which of them the current entry is
    bool watched;
    bool base_ended; // of the last look
    struct stretch read;
    struct buf place;
};

static struct layer_iter *iter_of(struct kv_iter *it) { return (struct layer_iter *)it; }

// --- what was read ----------------------------------------------------------------------

static void set(struct layer_iter *it, struct buf *buf, struct slice key, bool successor) {
    kv_merge_set(&it->merge, buf, key);
    if (successor) buf_put_u8(buf, 0);
    kv_merge_fail(&it->merge, buf_status(buf));
}

static void tell(struct layer_iter *it) {
    struct stretch *r = &it->read;
    struct kv_watch *watch = *it->layer->watch;
    if (it->merge.failed != NACRE_OK && watch)
        watch->lost(watch->arg);
    else if (r->open && watch && slice_cmp(buf_slice(&r->lo), buf_slice(&r->hi)) < 0)
        watch->range(watch->arg, buf_slice(&r->lo), buf_slice(&r->hi), r->count);
    r->open = false;
}

static uint64_t counts(const struct layer_iter *it) {
    const struct kv_watch *watch = *it->layer->watch;
    return watch && watch->counts(watch->arg, it->base->key, it->base->value);
}

static void begin(struct layer_iter *it, struct slice lo, struct slice hi) {
    tell(it);
    set(it, &it->read.lo, lo, false);
    set(it, &it->read.hi, hi, false);
    it->read.count = 0;
    it->read.open = true;
}

// Whether [lo, hi) holds the key, or ends at it.
static bool touches(const struct layer_iter *it, struct slice key) {
    const struct stretch *r = &it->read;
    return r->open && slice_cmp(key, buf_slice(&r->lo)) >= 0 &&
           slice_cmp(key, buf_slice(&r->hi)) <= 0;
}

// The base moved forward from a place in the stretch to where it stands, or to the end.
static void grow_up(struct layer_iter *it) {
    struct stretch *r = &it->read;
    if (!it->base->valid) {
        if (slice_cmp(it->merge.upper, buf_slice(&r->hi)) > 0)
            set(it, &r->hi, it->merge.upper, false);
        return;
    }
    if (slice_cmp(it->base->key, buf_slice(&r->hi)) < 0) return;
    r->count += counts(it);
    set(it, &r->hi, it->base->key, true);
}

static void grow_down(struct layer_iter *it) {
    struct stretch *r = &it->read;
    struct slice to = it->base->valid ? it->base->key : it->merge.lower;
    if (slice_cmp(to, buf_slice(&r->lo)) >= 0) return;
    if (it->base->valid) r->count += counts(it);
    set(it, &r->lo, to, false);
}

// Moves of the base, each with its account.
static void base_seek(struct layer_iter *it, struct slice key) {
    if (slice_cmp(key, it->merge.lower) < 0) key = it->merge.lower;
    if (it->watched && !touches(it, key)) begin(it, key, key);
    it->base->ops->seek(it->base, key);
    if (it->watched) grow_up(it);
}

static void base_seek_for_prev(struct layer_iter *it, struct slice key) {
    bool beyond = slice_cmp(key, it->merge.upper) >= 0;
    if (it->watched) {
        set(it, &it->place, beyond ? it->merge.upper : key, !beyond);
        if (!touches(it, buf_slice(&it->place)))
            begin(it, buf_slice(&it->place), buf_slice(&it->place));
    }
    it->base->ops->seek_for_prev(it->base, key);
    if (it->watched) grow_down(it);
}

static void base_step(struct layer_iter *it) {
    if (!it->base->valid) return;
    if (it->merge.backward)
        it->base->ops->prev(it->base);
    else
        it->base->ops->next(it->base);
    if (it->watched && it->merge.backward) grow_down(it);
    if (it->watched && !it->merge.backward) grow_up(it);
}

// --- the merge --------------------------------------------------------------------------

static bool node_inside(const struct layer_iter *it) {
    struct slice key = skip_key(it->node);
    return slice_cmp(key, it->merge.lower) >= 0 && slice_cmp(key, it->merge.upper) < 0;
}

static void node_step(struct layer_iter *it) {
    if (it->node) it->node = it->merge.backward ? it->node->prev : skip_next(it->node);
}

static void show(struct layer_iter *it, bool valid, struct slice key, struct slice value) {
    kv_merge_look(&it->merge, it->base, &it->base_ended);
    it->merge.iter.valid = valid && it->merge.failed == NACRE_OK;
    it->merge.iter.key = key;
    it->merge.iter.value = value;
}

// From where base and node stand to the next entry there is.
static void settle(struct layer_iter *it) {
    for (;;) {
        if (it->node && !node_inside(it)) it->node = NULL;
        const struct delta_change *change = it->node ? layer_seen(it->node, it->layer->step) : NULL;
        if (it->node && !change) {
            node_step(it);
            continue;
        }
        if (!it->node && !it->base->valid) {
            show(it, false, (struct slice){0}, (struct slice){0});
            return;
        }
        int c = !it->node          ? -1
                : !it->base->valid ? 1
                                   : slice_cmp(it->base->key, skip_key(it->node));
        if (it->node && it->base->valid && it->merge.backward) c = -c;
        it->at_base = c <= 0;
        it->at_node = c >= 0;
        if (c < 0) {
            show(it, true, it->base->key, it->base->value);
            return;
        }
        if (change->there) {
            show(it, true, skip_key(it->node), change->value);
            return;
        }
        if (it->at_base) base_step(it);
        node_step(it);
    }
}

static void step(struct layer_iter *it) {
    if (it->at_base) base_step(it);
    if (it->at_node) node_step(it);
    settle(it);
}

static void seek_key(struct kv_merge *merge, struct slice key) {
    struct layer_iter *it = iter_of(&merge->iter);
    if (slice_cmp(key, it->merge.lower) < 0) key = it->merge.lower;
    it->merge.backward = it->base_ended = false;
    base_seek(it, key);
    it->node = it->layer->delta ? skip_at_or_after(&it->layer->delta->keys, key) : NULL;
    settle(it);
}

static void seek_key_for_prev(struct kv_merge *merge, struct slice key) {
    struct layer_iter *it = iter_of(&merge->iter);
    it->merge.backward = true;
    it->base_ended = false;
    if (slice_cmp(key, it->merge.upper) > 0) key = it->merge.upper;
    base_seek_for_prev(it, key);
    it->node = NULL;
    if (it->layer->delta) {
        it->node = skip_find(&it->layer->delta->keys, key);
        if (!it->node || !node_inside(it)) it->node = skip_before(&it->layer->delta->keys, key);
    }
    settle(it);
}

static void iter_next(struct kv_iter *iter) {
    if (kv_merge_face(&iter_of(iter)->merge, false)) step(iter_of(iter));
}

static void iter_prev(struct kv_iter *iter) {
    if (kv_merge_face(&iter_of(iter)->merge, true)) step(iter_of(iter));
}

static nacre_status iter_status(struct kv_iter *iter, struct ctx *ctx) {
    struct layer_iter *it = iter_of(iter);
    TRY(it->base->ops->status(it->base, ctx));
    return kv_merge_failure(&it->merge, ctx, "reading the store");
}

static void iter_close(struct kv_iter *iter) {
    if (!iter) return;
    struct layer_iter *it = iter_of(iter);
    if (it->watched) tell(it);
    it->base->ops->close(it->base);
    buf_free(&it->read.lo);
    buf_free(&it->read.hi);
    buf_free(&it->place);
    buf_free(&it->merge.turning);
    mem_free(it);
}

static const struct kv_iter_ops iter_ops = {
    .seek_first = kv_merge_seek_first,
    .seek_last = kv_merge_seek_last,
    .seek = kv_merge_seek,
    .seek_for_prev = kv_merge_seek_for_prev,
    .next = iter_next,
    .prev = iter_prev,
    .status = iter_status,
    .close = iter_close,
};

nacre_status layer_iter_open(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                             enum kv_family family, const struct kv_iter_options *options,
                             struct kv_iter **out) {
    struct kv_layer *layer = (struct kv_layer *)kv;
    (void)view;
    if (family != KV_DATA || !options || !options->upper.n)
        return layer->base->ops->iter_open(layer->base, ctx, layer->view, family, options, out);
    struct layer_iter *it = mem_zalloc(sizeof *it);
    if (!it) return err_nomem(ctx);
    nacre_status status =
        layer->base->ops->iter_open(layer->base, ctx, layer->view, family, options, &it->base);
    if (status != NACRE_OK) {
        mem_free(it);
        return status;
    }
    it->merge = (struct kv_merge){.iter.ops = &iter_ops,
                                  .seek = seek_key,
                                  .seek_for_prev = seek_key_for_prev,
                                  .lower = options->lower,
                                  .upper = options->upper};
    it->layer = layer;
    it->watched = *layer->watch != NULL;
    buf_init(&it->read.lo, NULL, SIZE_MAX);
    buf_init(&it->read.hi, NULL, SIZE_MAX);
    buf_init(&it->place, NULL, SIZE_MAX);
    buf_init(&it->merge.turning, NULL, SIZE_MAX);
    *out = &it->merge.iter;
    return NACRE_OK;
}
