// Replies of the native protocol: what workers have made, as frames; flow control of streams.
#include "base/bits/bits.h"
#include "base/bits/protobuf.h"
#include "net/native/native_conn.h"

void native_reply_failed(struct net_conn *conn, const struct native_head *head, uint32_t code,
                         const char *detail) {
    struct buf status BUF_CLEANUP = {0};
    buf_init(&status, NULL, 1024);
    protobuf_put_number(&status, 1, code);
    protobuf_put_bytes(&status, 2, slice_str(detail));
    native_put_frame(&conn->out, head->id, head->method, NATIVE_FAILED, buf_slice(&status));
}

// Nothing that follows can be understood.
void native_reply_break(struct net_conn *conn, const char *detail) {
    native_reply_failed(conn, &(struct native_head){0}, GRPC_INVALID_ARGUMENT, detail);
    net_conn_finish(conn);
}

static void put(struct net_conn *conn, const struct native_call *call, uint16_t flags,
                struct slice payload) {
    native_put_frame(&conn->out, call->id, call->method, flags, payload);
}

// The messages that there is credit for. True: the stream has told how it ended.
static bool put_messages(struct net_conn *conn, struct native_call *call) {
    while (call->credit > 0) {
        struct slice rest = slice_skip(buf_slice(&call->pending), call->pending_at);
        uint32_t size = rest.n < NET_PREFIX_SIZE ? 0 : bits_be32(rest.p + 1);
        if (rest.n < NET_PREFIX_SIZE || rest.n - NET_PREFIX_SIZE < size) break;
        bool last = rest.p[0] == NET_PREFIX_STATUS;
        if (last && !call->e->finished) break; // its worker still has the exchange
        put(conn, call, last ? NATIVE_FAILED : NATIVE_MORE,
            slice_of(rest.p + NET_PREFIX_SIZE, size));
        call->pending_at += NET_PREFIX_SIZE + size;
        call->credit -= size;
        if (last) return true;
    }
    size_t left = call->pending.n - call->pending_at;
    if (left && call->pending_at)
        memmove(call->pending.p, call->pending.p + call->pending_at, left);
    call->pending.n = left;
    call->pending_at = 0;
    return false;
}

static void put_whole(struct net_conn *conn, struct native_call *call, struct slice message) {
    const struct net_exchange *e = call->e;
    struct native_head head = {.id = call->id, .method = call->method};
    if (!e->begun)
        native_reply_failed(conn, &head, GRPC_UNAVAILABLE,
                            "no worker could be made: there is no memory");
    else
        put(conn, call, e->status < 400 ? 0 : NATIVE_FAILED, message);
}

void native_reply_credit(struct net_conn *conn, struct native_call *call) {
    uint8_t bytes[4];
    if (call->ended || call->e->paused || call->window > NATIVE_WINDOW / 2) return;
    bits_put_le32(bytes, (uint32_t)(NATIVE_WINDOW - call->window));
    put(conn, call, NATIVE_CREDIT, slice_of(bytes, sizeof bytes));
    call->window = NATIVE_WINDOW;
}

// The worker is through, and all is sent.
static void finish(struct net_conn *conn, struct native_call *call) {
    struct native_session *s = conn->session;
    bool refused = call->method == 0 && (!call->e->begun || call->e->status >= 400);
    net_exchange_free(call->e);
    native_call_free(s, call);
    // Who has no key gets no more.
    if (refused || (conn->ended && !s->calls)) net_conn_finish(conn);
}

// Of a stream: what there is credit for. True: all is sent.
static bool advance_stream(struct net_conn *conn, struct native_call *call) {
    if (put_messages(conn, call)) return true;
    if (!call->e->finished || call->credit <= 0) return false;
    struct native_head head = {.id = call->id, .method = call->method};
    if (call->pending.n || call->e->aborted)
        native_reply_failed(conn, &head, GRPC_INTERNAL, "the reply ended before its end");
    else
        put(conn, call, 0, slice_of(NULL, 0));
    return true;
}

void native_reply_advance(struct net_conn *conn, struct native_call *call) {
    struct net_exchange *e = call->e;
    struct buf *content = &conn->loop->scratch;
    if (net_conn_unsent(conn) > NET_QUEUE_MAX && !call->cancelled) return; // the worker waits
    bool done = e->finished, stream = false;
    if (call->cancelled || call->pending.n < NET_QUEUE_MAX) {
        struct net_news news = net_exchange_take(e, content);
        stream = news.begun && e->size < 0;
        if (done && !stream && !call->pending.n && !call->cancelled)
            put_whole(conn, call, buf_slice(content)); // not copied on its way
        else if (!call->cancelled)
            buf_put_slice(&call->pending, buf_slice(content));
        buf_reset(content);
        if (news.resume && e->streamed) native_reply_credit(conn, call);
    }
    if (stream || call->begun) {
        call->begun = true;
        if (!call->cancelled) done = advance_stream(conn, call);
    } else if (done && call->pending.n && !call->cancelled) {
        put_whole(conn, call, buf_slice(&call->pending));
    }
    if (done) finish(conn, call);
}
