// The delta, and a layer's gets.
#include "store/layer/layer.h"

// --- the delta --------------------------------------------------------------------------

struct kv_delta *kv_delta_new(struct budget *budget, size_t max_bytes) {
    struct kv_delta *delta = mem_zalloc(sizeof *delta);
    if (!delta) return NULL;
    atomic_init(&delta->refs, 1);
    arena_init(&delta->arena, budget, max_bytes);
    skip_init(&delta->keys, &delta->arena);
    return delta;
}

static struct kv_delta *delta_ref(struct kv_delta *delta) {
    atomic_fetch_add_explicit(&delta->refs, 1, memory_order_relaxed);
    return delta;
}

void kv_delta_unref(struct kv_delta *delta) {
    if (!delta || atomic_fetch_sub_explicit(&delta->refs, 1, memory_order_acq_rel) != 1) return;
    arena_free(&delta->arena);
    mem_free(delta);
}

bool kv_delta_put(struct kv_delta *delta, struct slice key, struct slice value, bool there) {
    struct delta_change *change = ARENA_NEW(&delta->arena, struct delta_change);
    const uint8_t *p = arena_copy(&delta->arena, value.p, value.n);
    struct skip_node *node = change && p ? skip_put(&delta->keys, key) : NULL;
    if (!node) return false;
    *change = (struct delta_change){
        .older = node->value, .step = delta->step, .there = there, .value = slice_of(p, value.n)};
    node->value = change;
    return true;
}

const struct delta_change *layer_seen(const struct skip_node *node, uint64_t step) {
    const struct delta_change *change = node->value;
    while (change && change->step > step)
        change = change->older;
    return change;
}

bool kv_delta_find(const struct kv_delta *delta, uint64_t step, struct slice key, struct slice *out,
                   bool *there) {
    const struct skip_node *node = delta ? skip_find(&delta->keys, key) : NULL;
    const struct delta_change *change = node ? layer_seen(node, step) : NULL;
    if (!change) return false;
    *out = change->value;
    *there = change->there;
    return true;
}

// --- reading ----------------------------------------------------------------------------

static struct kv_layer *layer_of(struct kv *kv) { return (struct kv_layer *)kv; }

static void tell_got(const struct kv_layer *l, struct slice key, const struct kv_pin *pin,
                     bool found) {
    struct kv_watch *watch = *l->watch;
    if (watch) watch->got(watch->arg, key, found ? pin->value : (struct slice){0});
}

static bool from_delta(const struct kv_layer *l, enum kv_family family, struct slice key,
                       struct kv_pin *out, bool *found) {
    struct slice value;
    if (family != KV_DATA || !kv_delta_find(l->delta, l->step, key, &value, found)) return false;
    *out = (struct kv_pin){.value = *found ? value : (struct slice){0}};
    return true;
}

static nacre_status layer_get(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                              enum kv_family family, struct slice key, struct kv_pin *out,
                              bool *found) {
    struct kv_layer *l = layer_of(kv);
    (void)view;
    if (from_delta(l, family, key, out, found)) return NACRE_OK;
    TRY(l->base->ops->get(l->base, ctx, l->view, family, key, out, found));
    if (family == KV_DATA) tell_got(l, key, out, *found);
    return NACRE_OK;
}

static void layer_unpin(struct kv *kv, struct kv_pin *pin) {
    struct kv_layer *l = layer_of(kv);
    if (pin->handle) l->base->ops->unpin(l->base, pin);
    *pin = (struct kv_pin){0};
}

enum { LAYER_KEYS = 128 };

// Of up to LAYER_KEYS keys, those that the delta does not have, to be read together.
struct misses {
    size_t count, place[LAYER_KEYS];
    struct slice keys[LAYER_KEYS];
    struct kv_pin pins[LAYER_KEYS];
    bool found[LAYER_KEYS];
};

static nacre_status get_misses(struct kv_layer *l, struct ctx *ctx, enum kv_family family,
                               struct misses *m) {
    if (!m->count) return NACRE_OK;
    TRY(l->base->ops->multi_get(l->base, ctx, l->view, family, m->count, m->keys, m->pins,
                                m->found));
    for (size_t i = 0; i < m->count && family == KV_DATA; i++)
        tell_got(l, m->keys[i], &m->pins[i], m->found[i]);
    return NACRE_OK;
}

static nacre_status layer_multi_get(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                                    enum kv_family family, size_t count, const struct slice *keys,
                                    struct kv_pin *pins, bool *found) {
    struct kv_layer *l = layer_of(kv);
    nacre_status status = NACRE_OK;
    size_t done = 0;
    (void)view;
    while (done < count && status == NACRE_OK) {
        struct misses m;
        size_t end = count - done < LAYER_KEYS ? count : done + LAYER_KEYS;
        m.count = 0;
        for (; done < end; done++) {
            if (from_delta(l, family, keys[done], &pins[done], &found[done])) continue;
            found[done] = false; // until it is read
            m.place[m.count] = done;
            m.keys[m.count++] = keys[done];
        }
        status = get_misses(l, ctx, family, &m);
        for (size_t i = 0; i < m.count && status == NACRE_OK; i++) {
            pins[m.place[i]] = m.pins[i];
            found[m.place[i]] = m.found[i];
        }
    }
    if (status == NACRE_OK) return NACRE_OK;
    for (size_t i = 0; i < done; i++) {
        if (found[i]) layer_unpin(kv, &pins[i]);
        found[i] = false;
    }
    return status;
}

static void layer_view_close(struct kv *kv, struct kv_view *view) {
    struct kv_layer *l = layer_of(kv);
    (void)view;
    kv_delta_unref(l->delta);
    l->drop(l->drop_arg);
    mem_free(l);
}

// What a layer does not have (writing, flushing, copying) nobody who reads asks for.
static const struct kv_ops layer_ops = {
    .get = layer_get,
    .multi_get = layer_multi_get,
    .unpin = layer_unpin,
    .view_close = layer_view_close,
    .iter_open = layer_iter_open,
};

static struct kv_watch *nobody = NULL;

void kv_layer_init(struct kv_layer *layer, struct kv *base, struct kv_view *view,
                   struct kv_delta *delta) {
    *layer = (struct kv_layer){.kv.ops = &layer_ops,
                               .base = base,
                               .view = view,
                               .delta = delta,
                               .step = UINT64_MAX,
                               .watch = delta ? &delta->watch : &nobody};
}

struct kv_layer *kv_layer_open(struct kv *base, struct kv_view *view, struct kv_delta *delta,
                               void (*drop)(void *), void *drop_arg) {
    struct kv_layer *layer = mem_alloc(sizeof *layer);
    if (!layer) return NULL;
    kv_layer_init(layer, base, view, delta_ref(delta));
    layer->step = delta->step;
    layer->drop = drop;
    layer->drop_arg = drop_arg;
    return layer;
}

struct kv_view *kv_layer_view(struct kv_layer *layer) {
    return (struct kv_view *)(void *)layer;
}
