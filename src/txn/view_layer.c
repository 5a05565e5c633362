// The view of a transaction: the published one it began at, seen through its changes.
#include "txn/reads.h"
#include "txn/txn.h"

static void drop_base(void *base) { txn_view_release(base); }

// Counters leave no key that could be compared, so the tablet is validated as a whole.
static void counted(struct view *view, uint32_t tablet) {
    const struct kv_layer *layer = (const struct kv_layer *)(const void *)view->kv;
    struct kv_watch *watch = *layer->watch;
    if (watch) reads_tablet(watch->arg, tablet);
}

struct view *txn_view_layered(struct view *base, struct kv_delta *delta) {
    struct view *view = mem_zalloc(sizeof *view);
    struct kv_layer *layer =
        view ? kv_layer_open(base->kv, base->kv_view, delta, drop_base, base) : NULL;
    if (!layer) {
        mem_free(view);
        return NULL;
    }
    atomic_fetch_add_explicit(&base->refs, 1, memory_order_relaxed);
    atomic_init(&view->refs, 1);
    view->kv = &layer->kv;
    view->kv_view = kv_layer_view(layer);
    view->catalog = catalog_ref(base->catalog);
    view->seq = base->seq;
    view->commit_ts = base->commit_ts;
    view->generation = base->generation;
    view->horizon_ts = base->horizon_ts;
    view->counted = counted;
    view->beneath = base;
    return view;
}
