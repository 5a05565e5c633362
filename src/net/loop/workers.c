// Threads that run what is asked. They begin when there is more to do than threads that wait.
#include "net/loop/loop.h"

static struct net_exchange *take(struct net_workers *w) {
    mutex_lock(&w->mutex);
    w->idle++;
    while (!w->first && !w->stopping)
        cond_wait(&w->cond, &w->mutex);
    w->idle--;
    struct net_exchange *e = w->first;
    if (e) {
        w->first = e->next;
        if (!w->first) w->last = &w->first;
        w->queued--;
        e->next = NULL;
    }
    mutex_unlock(&w->mutex);
    return e;
}

static void finish(struct net_exchange *e) {
    mutex_lock(&e->mutex);
    if (e->chunked && !e->is_head && !e->aborted) buf_put_str(&e->out, "0\r\n\r\n");
    mutex_unlock(&e->mutex);
    net_exchange_notice(e, true);
}

static void work(void *arg) {
    struct net_workers *w = arg;
    const struct net_app *app = w->server->app;
    struct net_exchange *e = take(w);
    void *worker = NULL;
    for (; e; e = take(w)) {
        if (!worker) worker = app->worker_open(app->arg);
        if (worker) app->run(worker, e);
        finish(e);
    }
    if (worker) app->worker_close(worker);
}

void net_workers_open(struct net_workers *w, struct net_server *server) {
    w->server = server;
    w->last = &w->first;
    mutex_init(&w->mutex);
    cond_init(&w->cond);
}

bool net_workers_submit(struct net_workers *w, struct net_exchange *e) {
    struct ctx ctx;
    bool taken = true;
    mutex_lock(&w->mutex);
    if (w->queued >= w->idle && w->count < w->server->limits.workers) {
        ctx_init(&ctx, w->server->world, NULL, 1 << 16);
        if (thread_start(&ctx, "nacre worker", work, w, &w->threads[w->count]) == NACRE_OK)
            w->count++;
        ctx_free(&ctx);
        taken = w->count > 0;
    }
    if (taken) {
        w->queued++;
        e->next = NULL;
        *w->last = e;
        w->last = &e->next;
        cond_signal(&w->cond);
    }
    mutex_unlock(&w->mutex);
    return taken;
}

void net_workers_close(struct net_workers *w) {
    mutex_lock(&w->mutex);
    w->stopping = true;
    cond_broadcast(&w->cond);
    mutex_unlock(&w->mutex);
    for (uint32_t i = 0; i < w->count; i++)
        thread_join(&w->threads[i]);
    cond_destroy(&w->cond);
    mutex_destroy(&w->mutex);
}
