// Threads that run what is asked. They begin when there is more to do than threads that wait.
#include "net/loop/loop.h"

// The next. A thread is idle from its start on, but while it runs one.
static struct net_exchange *take(struct net_workers *w, bool was_busy) {
    mutex_lock(&w->mutex);
    w->idle += was_busy;
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

static void work(void *arg) {
    struct net_workers *w = arg;
    const struct net_app *app = w->server->app;
    struct net_exchange *e = take(w, false);
    void *worker = NULL;
    for (; e; e = take(w, true)) {
        if (!worker) worker = app->worker_open(app->arg);
        bool kept = worker && !app->run(worker, e);
        if (kept) continue;
        net_exchange_end_reply(e);
        net_exchange_notice(e, true);
    }
    if (worker) app->worker_close(worker);
}

// Under the mutex.
static bool start_worker(struct net_workers *w) {
    struct ctx ctx;
    ctx_init(&ctx, w->server->world, NULL, 1 << 16);
    nacre_status status = thread_start(&ctx, "nacre worker", work, w, &w->threads[w->count]);
    ctx_free(&ctx);
    w->count += status == NACRE_OK;
    w->idle += status == NACRE_OK;
    return status == NACRE_OK;
}

void net_workers_open(struct net_workers *w, struct net_server *server) {
    w->server = server;
    w->last = &w->first;
    mutex_init(&w->mutex);
    cond_init(&w->cond);
}

bool net_workers_submit(struct net_workers *w, struct net_exchange *first) {
    struct net_exchange *last = first;
    uint32_t size = 1;
    for (; last->next; last = last->next)
        size++;
    mutex_lock(&w->mutex);
    while (w->queued + size > w->idle && w->count < w->server->limits.workers && start_worker(w))
        continue;
    bool taken = w->count > 0;
    if (taken) {
        w->queued += size;
        *w->last = first;
        w->last = &last->next;
        for (uint32_t i = 0; i < size && i < w->idle; i++)
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
