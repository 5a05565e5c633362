// HTTP/1.1 over a connection: one request at a time, the replies in the order of the requests.
#include "net/loop/loop.h"

enum { PIPELINED_MAX = 256 << 10 };

enum state { STATE_HEAD, STATE_BODY, STATE_RUN };

struct session {
    enum state state;
    struct http1_body body;
    struct net_exchange *exchange;
    bool begun, chunked, close_after; // of the reply
    bool secure;
    uint64_t head_ms; // since when a part of a head is there; 0: there is none
};

static bool open_session(struct net_conn *conn) {
    struct session *s = mem_zalloc(sizeof *s);
    if (s) s->secure = conn->tls != NULL;
    conn->session = s;
    return s != NULL;
}

static void close_session(struct net_conn *conn) {
    mem_free(conn->session);
    conn->session = NULL;
}

// --- out ---

// size < 0: chunked, or to the end of the connection.
static void put_head(struct buf *out, const struct session *s, int status, struct slice headers,
                     int64_t size) {
    buf_printf(out, "HTTP/1.1 %d %s\r\n", status, http_phrase(status));
    buf_put_slice(out, headers);
    if (s->secure) buf_put_str(out, HTTP_SECURE);
    if (size >= 0 && status != 204 && status != 304)
        buf_printf(out, "Content-Length: %lld\r\n", (long long)size);
    if (size < 0 && s->chunked) buf_put_str(out, "Transfer-Encoding: chunked\r\n");
    if (s->close_after)
        buf_put_str(out, "Connection: close\r\n");
    else if (s->exchange && s->exchange->request.minor_zero)
        buf_put_str(out, "Connection: keep-alive\r\n");
    buf_put_str(out, "\r\n");
}

// An answer that no worker makes; the connection ends after it.
static void refuse(struct net_conn *conn, int status, const char *detail) {
    const struct net_app *app = conn->loop->server->app;
    struct session *s = conn->session;
    struct buf content BUF_CLEANUP = {0};
    buf_init(&content, NULL, 64 << 10);
    app->refuse(app->arg, status, detail, &content);
    s->close_after = true;
    s->exchange = NULL; // the connection drops it
    put_head(&conn->out, s, status, SLICE_LIT("Content-Type: application/problem+json\r\n"),
             (int64_t)content.n);
    buf_put_slice(&conn->out, buf_slice(&content));
    net_conn_finish(conn);
}

// A reply that does not wait for the end of a body is the connection's last.
static void begin(struct net_conn *conn, struct session *s) {
    const struct net_exchange *e = s->exchange;
    s->begun = true;
    s->close_after |= s->state == STATE_BODY;
    s->chunked = e->size < 0 && !e->request.minor_zero;
    if (e->size < 0 && !s->chunked) s->close_after = true; // its end is that of the connection
    put_head(&conn->out, s, e->status, buf_slice(&e->headers), e->size);
}

// What follows is WebSocket's.
static void upgrade(struct net_conn *conn) {
    struct net_exchange *e = conn->exchanges;
    if (conn->ended) {
        net_conn_close(conn);
        return;
    }
    buf_put_str(&conn->out, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n");
    buf_put_slice(&conn->out, buf_slice(&e->headers));
    buf_put_str(&conn->out, "\r\n");
    net_conn_switch(conn, &net_ws);
    if (conn->state == CONN_OPEN && !conn->closing) conn->protocol->told(conn, e);
}

// Takes over what the worker has written so far.
static void pull(struct net_conn *conn) {
    struct session *s = conn->session;
    struct buf *content = &conn->loop->scratch;
    if (!s->exchange->finished && net_conn_unsent(conn) > NET_QUEUE_MAX)
        return; // the peer reads slowly: the worker waits
    struct net_news news = net_exchange_take(s->exchange, content);
    if (news.begun && s->exchange->status == 101) {
        buf_reset(content); // nothing: who owns it speaks when spoken to
        upgrade(conn);
        return;
    }
    if (news.wanted && s->state == STATE_BODY && !s->begun)
        buf_put_str(&conn->out, "HTTP/1.1 100 Continue\r\n\r\n");
    if (news.begun && !s->begun) begin(conn, s);
    if (content->n && s->chunked) buf_printf(&conn->out, "%zx\r\n", content->n);
    buf_put_slice(&conn->out, buf_slice(content));
    if (content->n && s->chunked) buf_put_str(&conn->out, "\r\n");
    buf_reset(content);
    if (news.resume && !s->exchange->finished) net_conn_resume(conn);
}

static void told(struct net_conn *conn, struct net_exchange *e) {
    struct session *s = conn->session;
    bool finished = e->finished;
    pull(conn);
    if (conn->protocol != &net_http1 || !finished || s->exchange != e) return;
    if (!s->begun) {
        refuse(conn, 503, "no worker could be made: there is no memory");
        return;
    }
    if (s->chunked && !e->is_head && !e->aborted) buf_put_str(&conn->out, "0\r\n\r\n");
    bool close = s->close_after || e->aborted || s->state != STATE_RUN;
    net_exchange_free(e);
    *s = (struct session){.state = STATE_HEAD, .secure = s->secure};
    if (close)
        net_conn_finish(conn);
    else
        net_conn_resume(conn);
}

static void drained(struct net_conn *conn) {
    const struct session *s = conn->session;
    if (s->exchange && s->exchange->running) pull(conn);
    net_conn_resume(conn);
}

// --- in ---

static void begin_exchange(struct net_conn *conn, struct net_exchange *e, struct net_plan plan) {
    struct session *s = conn->session;
    const struct http_request *request = &e->request;
    s->exchange = e;
    s->close_after = !request->keep_alive;
    e->streamed = plan.streamed;
    e->endless = plan.endless;
    e->quick = plan.quick;
    e->body_ended = !request->chunked && request->content_length == 0;
    http1_body_begin(&s->body, request);
    s->state = STATE_BODY;
    if (plan.streamed) {
        net_exchange_submit(e); // says when it wants the body
        return;
    }
    e->body.max = plan.body_max;
    if (request->content_length > plan.body_max)
        refuse(conn, 413, "the body is larger than this request may be");
    else if (request->expect_continue)
        buf_put_str(&conn->out, "HTTP/1.1 100 Continue\r\n\r\n");
}

// One head. False: nothing more to do now.
static bool take_head(struct net_conn *conn, struct slice in, size_t *used) {
    const struct net_app *app = conn->loop->server->app;
    struct http1_problem problem;
    struct http_request request;
    if (conn->tls_only && !conn->tls) {
        refuse(conn, 400, "this address speaks TLS: ask it with https://");
        return false;
    }
    enum http1_result result = in.n ? http1_head(in, &request, used, &problem) : HTTP1_MORE;
    if (net_conn_draining(conn) || (result == HTTP1_MORE && conn->ended)) {
        net_conn_finish(conn);
        return false;
    }
    if (result == HTTP1_MORE) return false;
    if (result == HTTP1_BAD) {
        refuse(conn, problem.status, problem.detail);
        return false;
    }
    struct net_exchange *e = net_exchange_new(conn, slice_of(in.p, *used), &request);
    if (e)
        begin_exchange(conn, e, app->plan(app->arg, &request));
    else
        net_conn_close(conn);
    return e != NULL;
}

// The body cannot be had. Who reads it as a stream is told, and may still answer.
static void bad_body(struct net_conn *conn, int status, const char *detail) {
    struct session *s = conn->session;
    if (!s->exchange->streamed) {
        refuse(conn, status, detail);
        return;
    }
    net_exchange_end_body(s->exchange, true);
    s->close_after = true;
    s->state = STATE_RUN;
}

static bool take_body(struct net_conn *conn, struct slice in, size_t *used) {
    struct session *s = conn->session;
    struct http1_problem problem;
    struct slice bytes;
    if (s->exchange->paused) return false; // set on this thread only
    enum http1_result result = http1_body_take(&s->body, in, &bytes, used, &problem);
    if (result == HTTP1_BAD) {
        bad_body(conn, problem.status, problem.detail);
        return false;
    }
    if (bytes.n && !net_exchange_feed(s->exchange, bytes)) {
        bad_body(conn, 413, "the body is larger than this request may be");
        return false;
    }
    if (result == HTTP1_MORE) return *used > 0;
    s->state = STATE_RUN;
    net_exchange_end_body(s->exchange, false);
    if (!s->exchange->streamed) net_exchange_submit(s->exchange);
    return false;
}

static size_t take(struct net_conn *conn, struct slice in) {
    struct session *s = conn->session;
    size_t done = 0;
    bool more = true;
    while (more && !conn->closing && conn->state == CONN_OPEN) {
        size_t used = 0;
        struct slice rest = slice_skip(in, done);
        more = false;
        if (s->state == STATE_HEAD)
            more = take_head(conn, rest, &used);
        else if (s->state == STATE_BODY)
            more = take_body(conn, rest, &used);
        done += used;
    }
    bool partial = s->state == STATE_HEAD && done < in.n;
    if (!partial || !s->head_ms) s->head_ms = partial ? uv_now(&conn->loop->uv) : 0;
    return done;
}

static void ended(struct net_conn *conn) {
    const struct session *s = conn->session;
    bool answers = s->state == STATE_RUN && !s->exchange->endless;
    if (s->state == STATE_BODY && s->exchange->streamed)
        bad_body(conn, 400, "the body ends before its length");
    else if (!answers) // else it may still read: what it asked is answered, then closed
        net_conn_close(conn);
}

static bool hungry(const struct net_conn *conn) {
    const struct session *s = conn->session;
    if (s->state == STATE_RUN) return conn->in.n <= PIPELINED_MAX;
    return s->state != STATE_BODY || !s->exchange->paused;
}

static void sweep(struct net_conn *conn, uint64_t quiet_ms) {
    const struct net_limits *limits = &conn->loop->server->limits;
    const struct session *s = conn->session;
    bool head = s->state == STATE_HEAD;
    if (head && s->head_ms && uv_now(&conn->loop->uv) - s->head_ms > limits->head_ms)
        refuse(conn, 408, "the request did not come in time");
    else if (head && quiet_ms > limits->idle_ms)
        net_conn_close(conn);
    else if (s->state == STATE_BODY && conn->reading && quiet_ms > limits->stall_ms)
        bad_body(conn, 408, "the body did not come in time");
}

static void drain(struct net_conn *conn) {
    const struct session *s = conn->session;
    if (s->state == STATE_HEAD && conn->in.n == 0 && net_conn_unsent(conn) == 0)
        net_conn_close(conn);
}

const struct net_protocol net_http1 = {
    .name = "http/1.1",
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
