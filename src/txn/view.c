// Published views: made once per applied group, held by readers through a count.
#include "txn/apply.h"

static struct view *view_new(struct txn *t) {
    struct view *view = mem_zalloc(sizeof *view);
    if (!view) return NULL;
    atomic_init(&view->refs, 1);
    view->kv = t->kv;
    view->catalog = catalog_ref(t->catalog);
    view->seq = t->position.seq;
    view->commit_ts = t->position.commit_ts;
    view->generation = t->position.generation;
    view->index = t->position.index;
    view->horizon_ts = t->horizon_ts;
    return view;
}

nacre_status txn_publish(struct txn *t) {
    TRY(group_write(t));
    struct view *fresh = view_new(t);
    if (!fresh) return err_nomem(&t->ctx);
    nacre_status status = t->kv->ops->view_open(t->kv, &t->ctx, &fresh->kv_view);
    if (status != NACRE_OK) {
        txn_view_release(fresh);
        return status;
    }
    mutex_lock(&t->view_lock);
    struct view *old = t->view;
    t->view = fresh;
    mutex_unlock(&t->view_lock);
    atomic_store_explicit(&t->published_ts, fresh->commit_ts, memory_order_release);
    txn_view_release(old);
    due_fold(t);
    return NACRE_OK;
}

struct view *txn_view_acquire(struct txn *t) {
    mutex_lock(&t->view_lock);
    struct view *view = t->view;
    atomic_fetch_add_explicit(&view->refs, 1, memory_order_relaxed);
    mutex_unlock(&t->view_lock);
    return view;
}

void txn_view_release(struct view *view) {
    if (!view || atomic_fetch_sub_explicit(&view->refs, 1, memory_order_acq_rel) != 1) return;
    if (view->kv_view) view->kv->ops->view_close(view->kv, view->kv_view);
    catalog_unref(view->catalog);
    mem_free(view);
}

uint64_t txn_published_ts(const struct txn *t) {
    return atomic_load_explicit(&t->published_ts, memory_order_acquire);
}
