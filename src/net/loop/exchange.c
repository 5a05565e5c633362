// A request and its reply, between a loop and a worker. No protocol is known here.
#include "net/loop/loop.h"

// --- on the loop's thread ---

struct net_exchange *net_exchange_new(struct net_conn *conn, struct slice head,
                                      const struct http_request *request) {
    struct net_exchange *e = mem_zalloc(sizeof *e);
    if (!e) return NULL;
    e->head = mem_alloc(head.n);
    if (!e->head) {
        mem_free(e);
        return NULL;
    }
    memcpy(e->head, head.p, head.n);
    memcpy(e->peer, conn->peer, sizeof e->peer);
    e->request = *request;
    struct http_request *r = &e->request; // its slices move with the bytes
    r->method.p = e->head + (r->method.p - head.p);
    r->path.p = e->head + (r->path.p - head.p);
    if (r->query.p) r->query.p = e->head + (r->query.p - head.p);
    for (size_t i = 0; i < r->header_count; i++) {
        r->headers[i].name.p = e->head + (r->headers[i].name.p - head.p);
        r->headers[i].value.p = e->head + (r->headers[i].value.p - head.p);
    }
    e->is_head = slice_eq_str(r->method, "HEAD");
    e->loop = conn->loop;
    e->conn = conn;
    e->sibling = conn->exchanges;
    e->link = &conn->exchanges;
    if (e->sibling) e->sibling->link = &e->sibling;
    conn->exchanges = e;
    mutex_init(&e->mutex);
    cond_init(&e->cond);
    buf_init(&e->body, NULL, SIZE_MAX / 4);
    buf_init(&e->headers, NULL, HTTP_HEAD_MAX * 4);
    buf_init(&e->out, NULL, SIZE_MAX / 4);
    buf_init(&e->trailers, NULL, HTTP_HEAD_MAX * 4);
    return e;
}

static void leave(struct net_exchange *e) {
    if (!e->conn) return;
    *e->link = e->sibling;
    if (e->sibling) e->sibling->link = e->link;
    e->conn = NULL;
}

void net_exchange_free(struct net_exchange *e) {
    leave(e);
    buf_free(&e->body);
    buf_free(&e->headers);
    buf_free(&e->out);
    buf_free(&e->trailers);
    coding_close(e->coder);
    cond_destroy(&e->cond);
    mutex_destroy(&e->mutex);
    mem_free(e->head);
    mem_free(e);
}

void net_exchange_cancel(struct net_exchange *e) {
    mutex_lock(&e->mutex);
    e->gone = true;
    cond_broadcast(&e->cond);
    mutex_unlock(&e->mutex);
}

void net_exchange_drop(struct net_exchange *e) {
    if (!e->running) {
        net_exchange_free(e);
        return;
    }
    net_exchange_cancel(e);
    mutex_lock(&e->mutex);
    bool is_socket = e->is_socket;
    mutex_unlock(&e->mutex);
    leave(e);
    const struct net_app *app = e->loop->server->app;
    if (is_socket) app->woken(app->arg);
}

void net_exchange_submit(struct net_exchange *e) {
    e->running = true;
    atomic_fetch_add(&e->loop->server->busy, 1);
    e->loop->busy++;
    e->next = NULL;
    *e->loop->submitted_last = e;
    e->loop->submitted_last = &e->next;
}

static bool feed(struct net_exchange *e, struct slice head, struct slice bytes) {
    mutex_lock(&e->mutex);
    // Room for both first: half a message would be taken for another one.
    if (buf_reserve(&e->body, head.n + bytes.n)) {
        buf_put_slice(&e->body, head);
        buf_put_slice(&e->body, bytes);
    }
    bool kept = buf_status(&e->body) == NACRE_OK;
    e->paused = e->streamed && e->body.n > NET_QUEUE_MAX;
    cond_broadcast(&e->cond);
    mutex_unlock(&e->mutex);
    return kept;
}

bool net_exchange_feed(struct net_exchange *e, struct slice bytes) {
    return feed(e, slice_of(NULL, 0), bytes);
}

bool net_exchange_feed_message(struct net_exchange *e, struct slice message) {
    uint32_t size = (uint32_t)message.n;
    return feed(e, slice_of((uint8_t *)&size, sizeof size), message);
}

void net_exchange_end_body(struct net_exchange *e, bool failed) {
    mutex_lock(&e->mutex);
    e->body_ended = true;
    e->body_failed = failed;
    cond_broadcast(&e->cond);
    mutex_unlock(&e->mutex);
}

struct net_news net_exchange_take(struct net_exchange *e, struct buf *content) {
    mutex_lock(&e->mutex);
    struct net_news news = {.begun = e->begun, .wanted = e->wanted};
    struct buf swap = *content;
    *content = e->out;
    e->out = swap;
    e->wanted = false;
    news.resume = e->paused && e->body.n < NET_QUEUE_MAX / 2;
    if (news.resume) e->paused = false;
    cond_broadcast(&e->cond);
    mutex_unlock(&e->mutex);
    return news;
}

// --- on either ---

void net_exchange_notice(struct net_exchange *e, bool done) {
    struct net_loop *loop = e->loop;
    mutex_lock(&loop->mutex);
    e->done |= done; // from here the loop may free it
    bool wake = loop->notices == NULL;
    if (!e->noticed) {
        e->noticed = true;
        e->next = loop->notices;
        loop->notices = e;
    }
    mutex_unlock(&loop->mutex);
    if (wake) uv_async_send(&loop->wake);
}

// --- on the worker's thread ---

const struct http_request *net_request(const struct net_exchange *e) { return &e->request; }
struct slice net_peer(const struct net_exchange *e) {
    return slice_str(e->peer);
}
struct slice net_body(const struct net_exchange *e) {
    return e->streamed ? slice_of(NULL, 0) : buf_slice(&e->body);
}

long net_read(struct net_exchange *e, void *buffer, size_t size) {
    mutex_lock(&e->mutex);
    bool wait = e->body.n == 0 && !e->body_ended && !e->body_failed && !e->gone;
    if (wait && e->request.expect_continue && !e->asked) {
        e->asked = e->wanted = true;
        mutex_unlock(&e->mutex);
        net_exchange_notice(e, false);
        mutex_lock(&e->mutex);
    }
    while (e->body.n == 0 && !e->body_ended && !e->body_failed && !e->gone)
        cond_wait(&e->cond, &e->mutex);
    bool failed = e->body_failed || e->gone;
    size_t n = e->body.n < size ? e->body.n : size;
    if (n) {
        memcpy(buffer, e->body.p, n);
        memmove(e->body.p, e->body.p + n, e->body.n - n);
        e->body.n -= n;
        e->taken += n;
    }
    bool resume = e->paused && e->body.n < NET_QUEUE_MAX / 2;
    mutex_unlock(&e->mutex);
    if (resume) net_exchange_notice(e, false);
    return failed && n == 0 ? -1 : (long)n;
}
