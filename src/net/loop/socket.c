// An exchange that became a channel of messages: its owner's side. Nothing here waits.
#include "net/loop/loop.h"
#include "net/ws/ws.h"

int net_socket_refuses(const struct http_request *request, const char **out_detail) {
    return ws_refuses(request, out_detail);
}

void net_socket_begin(struct net_exchange *e) {
    mutex_lock(&e->mutex);
    e->is_socket = true;
    e->streamed = true; // its body has no end
    e->body_ended = false;
    buf_reset(&e->body);
    e->body.max = SIZE_MAX / 4; // it pauses
    e->status = 101;
    ws_put_accept(&e->request, &e->headers);
    e->begun = true;
    mutex_unlock(&e->mutex);
    net_exchange_notice(e, false);
}

int net_socket_receive(struct net_exchange *e, struct buf *message) {
    uint32_t size = 0;
    mutex_lock(&e->mutex);
    int got = e->gone ? -1 : message && e->body.n > 0;
    if (got == 1) {
        memcpy(&size, e->body.p, sizeof size);
        buf_put(message, e->body.p + sizeof size, size);
        e->body.n -= sizeof size + size;
        memmove(e->body.p, e->body.p + sizeof size + size, e->body.n);
    }
    bool resume = e->paused && e->body.n < WS_QUEUE_MAX / 2;
    mutex_unlock(&e->mutex);
    if (resume) net_exchange_notice(e, false);
    return got;
}

bool net_socket_has_room(struct net_exchange *e) {
    mutex_lock(&e->mutex);
    bool room = !e->gone && e->out.n < WS_QUEUE_MAX;
    mutex_unlock(&e->mutex);
    return room;
}

void net_socket_send(struct net_exchange *e, struct slice text) {
    uint32_t size = (uint32_t)text.n;
    mutex_lock(&e->mutex);
    if (!e->gone) {
        buf_put(&e->out, &size, sizeof size);
        buf_put_slice(&e->out, text);
    }
    mutex_unlock(&e->mutex);
}

void net_socket_flush(struct net_exchange *e) { net_exchange_notice(e, false); }

void net_socket_end(struct net_exchange *e, int code, const char *reason) {
    mutex_lock(&e->mutex);
    e->close_code = (uint16_t)code;
    buf_reset(&e->trailers);
    buf_put_str(&e->trailers, reason);
    mutex_unlock(&e->mutex);
    net_exchange_notice(e, true);
}
