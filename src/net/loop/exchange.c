// A request and its reply, between a loop and a worker.
#include "net/loop/loop.h"

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
    mutex_init(&e->mutex);
    cond_init(&e->cond);
    buf_init(&e->body, NULL, SIZE_MAX / 4);
    buf_init(&e->out, NULL, SIZE_MAX / 4);
    return e;
}

void net_exchange_free(struct net_exchange *e) {
    buf_free(&e->body);
    buf_free(&e->out);
    cond_destroy(&e->cond);
    mutex_destroy(&e->mutex);
    mem_free(e->head);
    mem_free(e);
}

void net_exchange_notice(struct net_exchange *e, bool done) {
    struct net_loop *loop = e->loop;
    mutex_lock(&loop->mutex);
    e->done |= done; // from here the loop may free it
    if (!e->noticed) {
        e->noticed = true;
        e->next = loop->notices;
        loop->notices = e;
    }
    mutex_unlock(&loop->mutex);
    uv_async_send(&loop->wake);
}

void net_exchange_head(struct buf *out, int status, struct slice headers, int64_t size,
                       const struct net_exchange *e) {
    buf_printf(out, "HTTP/1.1 %d %s\r\n", status, http_phrase(status));
    buf_put_slice(out, headers);
    if (size >= 0 && status != 204 && status != 304)
        buf_printf(out, "Content-Length: %lld\r\n", (long long)size);
    if (size < 0 && e->chunked) buf_put_str(out, "Transfer-Encoding: chunked\r\n");
    if (e->close_after)
        buf_put_str(out, "Connection: close\r\n");
    else if (e->request.minor_zero)
        buf_put_str(out, "Connection: keep-alive\r\n");
    buf_put_str(out, "\r\n");
}

const struct http_request *net_request(const struct net_exchange *e) { return &e->request; }
struct slice net_body(const struct net_exchange *e) {
    return e->streamed ? slice_of(NULL, 0) : buf_slice(&e->body);
}

long net_read(struct net_exchange *e, void *buffer, size_t size) {
    mutex_lock(&e->mutex);
    while (e->body.n == 0 && !e->body_ended && !e->body_failed && !e->gone)
        cond_wait(&e->cond, &e->mutex);
    bool failed = e->body_failed || e->gone;
    size_t n = e->body.n < size ? e->body.n : size;
    if (n) {
        memcpy(buffer, e->body.p, n);
        memmove(e->body.p, e->body.p + n, e->body.n - n);
        e->body.n -= n;
    }
    bool resume = e->paused && e->body.n < NET_QUEUE_MAX / 2;
    mutex_unlock(&e->mutex);
    if (resume) net_exchange_notice(e, false);
    return failed && n == 0 ? -1 : (long)n;
}

// Under the mutex. A reply that does not wait for the end of a body is the connection's last.
static void begin(struct net_exchange *e) {
    e->begun = true;
    e->close_after |= e->streamed && !e->body_ended;
}

void net_reply(struct net_exchange *e, int status, struct slice headers, struct slice content) {
    mutex_lock(&e->mutex);
    begin(e);
    net_exchange_head(&e->out, status, headers, (int64_t)content.n, e);
    if (!e->is_head && status != 204 && status != 304) buf_put_slice(&e->out, content);
    mutex_unlock(&e->mutex);
}

void net_reply_begin(struct net_exchange *e, int status, struct slice headers) {
    mutex_lock(&e->mutex);
    begin(e);
    e->chunked = !e->request.minor_zero;
    if (!e->chunked) e->close_after = true; // its end is that of the connection
    net_exchange_head(&e->out, status, headers, -1, e);
    mutex_unlock(&e->mutex);
}

int net_write(struct net_exchange *e, const void *bytes, size_t size) {
    if (size == 0) return 0;
    mutex_lock(&e->mutex);
    while (e->out.n > NET_QUEUE_MAX && !e->gone)
        cond_wait(&e->cond, &e->mutex);
    bool gone = e->gone;
    if (!gone && !e->is_head) {
        if (e->chunked) buf_printf(&e->out, "%zx\r\n", size);
        buf_put(&e->out, bytes, size);
        if (e->chunked) buf_put_str(&e->out, "\r\n");
        gone = buf_status(&e->out) != NACRE_OK;
    }
    bool flush = e->out.n > NET_FLUSH_SIZE;
    mutex_unlock(&e->mutex);
    if (flush) net_exchange_notice(e, false);
    return gone ? -1 : 0;
}

int net_flush(struct net_exchange *e) {
    mutex_lock(&e->mutex);
    bool gone = e->gone;
    mutex_unlock(&e->mutex);
    if (!gone) net_exchange_notice(e, false);
    return gone ? -1 : 0;
}

void net_abort(struct net_exchange *e) {
    mutex_lock(&e->mutex);
    e->aborted = true;
    mutex_unlock(&e->mutex);
}
