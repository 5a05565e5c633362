// WebSocket as a protocol of connections. Its one exchange is the upgrade's, which lives on as a
// channel of messages: each stands in the queues after its size.
#include <wslay/wslay.h>

#include "net/loop/loop.h"
#include "net/ws/ws.h"

struct session {
    wslay_event_context_ptr ws;
    struct net_conn *conn;
    struct net_exchange *exchange; // NULL: its owner has ended it
    struct slice in;               // what is being taken
    uint64_t heard_ms, asked_ms;   // of the peer; by a ping
    bool failed;
};

// --- wslay's ---

static ssize_t on_receive(wslay_event_context_ptr ws, uint8_t *out, size_t room, int flags,
                          void *arg) {
    struct session *s = arg;
    (void)flags;
    size_t size = s->in.n < room ? s->in.n : room;
    if (size == 0) {
        wslay_event_set_error(ws, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(out, s->in.p, size);
    s->in = slice_skip(s->in, size);
    return (ssize_t)size;
}

static ssize_t on_send(wslay_event_context_ptr ws, const uint8_t *bytes, size_t size, int flags,
                       void *arg) {
    struct session *s = arg;
    (void)flags;
    if (net_conn_unsent(s->conn) > WS_QUEUE_MAX) {
        wslay_event_set_error(ws, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    buf_put(&s->conn->out, bytes, size);
    return (ssize_t)size;
}

static void wake(const struct session *s) {
    const struct net_app *app = s->conn->loop->server->app;
    app->woken(app->arg);
}

// After a close of the peer's own none goes out.
static void close_by(struct session *s, uint16_t code, struct slice reason) {
    int failed = wslay_event_queue_close(s->ws, code, reason.p, reason.n);
    s->failed |= failed != 0 && failed != WSLAY_ERR_NO_MORE_MSG;
    wslay_event_shutdown_read(s->ws);
}

static void on_message(wslay_event_context_ptr ws,
                       const struct wslay_event_on_msg_recv_arg *message, void *arg) {
    struct session *s = arg;
    (void)ws;
    if (wslay_is_ctrl_frame(message->opcode) || !s->exchange) return;
    if (message->opcode != WSLAY_TEXT_FRAME) {
        close_by(s, WSLAY_CODE_UNSUPPORTED_DATA, SLICE_LIT("messages are text"));
        return;
    }
    struct slice text = slice_of(message->msg, message->msg_length);
    s->failed |= !net_exchange_feed_message(s->exchange, text);
    wake(s);
}

// --- the session ---

static bool open_session(struct net_conn *conn) {
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_receive, .send_callback = on_send, .on_msg_recv_callback = on_message};
    struct session *s = mem_zalloc(sizeof *s);
    if (!s) return false;
    if (wslay_event_context_server_init(&s->ws, &callbacks, s) != 0) {
        mem_free(s);
        return false;
    }
    wslay_event_config_set_max_recv_msg_length(s->ws, WS_MESSAGE_MAX);
    s->conn = conn;
    s->exchange = conn->exchanges;
    s->heard_ms = s->asked_ms = uv_now(&conn->loop->uv);
    conn->session = s;
    return true;
}

static void close_session(struct net_conn *conn) {
    struct session *s = conn->session;
    wslay_event_context_free(s->ws);
    mem_free(s);
    conn->session = NULL;
}

static void send_all(struct session *s) {
    if (s->failed || wslay_event_send(s->ws) != 0)
        net_conn_close(s->conn);
    else if (!wslay_event_want_read(s->ws) && !wslay_event_want_write(s->ws))
        net_conn_finish(s->conn);
}

static size_t take(struct net_conn *conn, struct slice in) {
    struct session *s = conn->session;
    s->in = in;
    if (in.n) s->heard_ms = uv_now(&conn->loop->uv);
    if (wslay_event_recv(s->ws) != 0) close_by(s, WSLAY_CODE_PROTOCOL_ERROR, slice_of(NULL, 0));
    send_all(s);
    return in.n - s->in.n;
}

static void ended(struct net_conn *conn) { net_conn_close(conn); }

// The messages of the owner, as long as the peer takes them.
static void pull(struct session *s) {
    struct buf *content = &s->conn->loop->scratch;
    struct net_exchange *e = s->exchange;
    if (!e || net_conn_unsent(s->conn) > WS_QUEUE_MAX || wslay_event_want_write(s->ws)) return;
    struct net_news news = net_exchange_take(e, content);
    for (size_t at = 0; at < content->n;) {
        uint32_t size;
        memcpy(&size, content->p + at, sizeof size);
        struct wslay_event_msg message = {WSLAY_TEXT_FRAME, content->p + at + sizeof size, size};
        int code = wslay_event_queue_msg(s->ws, &message);
        s->failed |= code != 0 && code != WSLAY_ERR_NO_MORE_MSG; // after a close none go out
        at += sizeof size + size;
    }
    buf_reset(content);
    if (e->finished) {
        close_by(s, e->close_code, buf_slice(&e->trailers));
        s->exchange = NULL;
        net_exchange_free(e);
    } else if (news.begun) {
        wake(s); // there is room again
    }
    if (news.resume) net_conn_resume(s->conn);
}

static void told(struct net_conn *conn, struct net_exchange *e) {
    struct session *s = conn->session;
    (void)e;
    pull(s);
    if (!conn->closing && conn->state == CONN_OPEN) send_all(s);
}

static void drained(struct net_conn *conn) {
    struct session *s = conn->session;
    send_all(s);
    if (conn->closing || conn->state != CONN_OPEN) return;
    pull(s);
    if (!conn->closing && conn->state == CONN_OPEN) send_all(s);
}

static bool hungry(const struct net_conn *conn) {
    const struct session *s = conn->session;
    return net_conn_unsent(conn) <= WS_QUEUE_MAX && !(s->exchange && s->exchange->paused);
}

static void sweep(struct net_conn *conn, uint64_t quiet_ms) {
    struct session *s = conn->session;
    uint64_t now_ms = uv_now(&conn->loop->uv);
    (void)quiet_ms;
    if (now_ms - s->heard_ms > conn->loop->server->limits.idle_ms) {
        net_conn_close(conn);
        return;
    }
    if (now_ms - s->heard_ms > WS_PING_MS && now_ms - s->asked_ms > WS_PING_MS) {
        struct wslay_event_msg ping = {WSLAY_PING, NULL, 0};
        s->asked_ms = now_ms;
        if (wslay_event_queue_msg(s->ws, &ping) == WSLAY_ERR_NOMEM) s->failed = true;
        send_all(s);
    }
}

// Its owner ends it.
static void drain(struct net_conn *conn) { (void)conn; }

const struct net_protocol net_ws = {
    .name = "websocket",
    .open = open_session,
    .close = close_session,
    .take = take,
    .ended = ended,
    .told = told,
    .drained = drained,
    .hungry = hungry,
    .sweep = sweep,
    .drain = drain,
};
