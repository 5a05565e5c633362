// A connection: bytes in, requests; replies, bytes out. On its loop's thread.
#include "net/loop/loop.h"

enum { READ_SIZE = 64 << 10, PIPELINED_MAX = 256 << 10, LINGER_MS = 1000 };

static void advance(struct net_conn *conn);

// --- end ---

static void on_closed(uv_handle_t *handle) {
    struct net_conn *conn = handle->data;
    buf_free(&conn->in);
    buf_free(&conn->out);
    buf_free(&conn->writing);
    atomic_fetch_sub(&conn->loop->server->connections, 1);
    mem_free(conn);
}

// The exchange goes on without its connection; its end frees it.
static void let_go(struct net_exchange *e) {
    mutex_lock(&e->mutex);
    e->gone = true;
    cond_broadcast(&e->cond);
    mutex_unlock(&e->mutex);
    e->conn = NULL;
}

void net_conn_close(struct net_conn *conn) {
    if (conn->closing) return;
    conn->closing = true;
    if (conn->exchange && (conn->state == CONN_RUN || conn->exchange->streamed))
        let_go(conn->exchange);
    else if (conn->exchange)
        net_exchange_free(conn->exchange);
    conn->exchange = NULL;
    *conn->link = conn->next;
    if (conn->next) conn->next->link = conn->link;
    uv_close(&conn->uv.handle, on_closed);
}

// --- out ---

static void flush(struct net_conn *conn);
static void pull(struct net_conn *conn);

static void on_written(uv_write_t *write, int status) {
    struct net_conn *conn = write->data;
    conn->write_pending = false;
    conn->since_ms = uv_now(&conn->loop->uv);
    buf_reset(&conn->writing);
    if (conn->closing) return;
    if (status < 0) {
        net_conn_close(conn);
        return;
    }
    if (conn->exchange) pull(conn);
    flush(conn);
}

static void on_shut(uv_shutdown_t *shut, int status) {
    struct net_conn *conn = shut->data;
    if (status < 0) net_conn_close(conn);
}

// All is written. What the peer still sends is read and thrown away for a while: closed at once,
// the kernel would answer it with a reset, and the peer might lose the reply.
static void linger(struct net_conn *conn) {
    if (conn->state != CONN_LAST) return;
    conn->state = CONN_LINGER;
    conn->since_ms = uv_now(&conn->loop->uv);
    conn->shut.data = conn;
    if (uv_shutdown(&conn->shut, &conn->uv.stream, on_shut) != 0) net_conn_close(conn);
}

static void flush(struct net_conn *conn) {
    if (conn->closing || conn->write_pending) return;
    if (buf_status(&conn->out) != NACRE_OK) {
        net_conn_close(conn);
        return;
    }
    if (conn->out.n == 0) {
        linger(conn);
        return;
    }
    struct buf swap = conn->writing;
    conn->writing = conn->out;
    conn->out = swap;
    uv_buf_t bytes = uv_buf_init((char *)conn->writing.p, (unsigned)conn->writing.n);
    int sent = uv_try_write(&conn->uv.stream, &bytes, 1);
    if (sent == (int)conn->writing.n) {
        buf_reset(&conn->writing);
        linger(conn);
        return;
    }
    if (sent < 0 && sent != UV_EAGAIN) {
        net_conn_close(conn);
        return;
    }
    if (sent > 0)
        bytes = uv_buf_init(bytes.base + sent, (unsigned)(conn->writing.n - (size_t)sent));
    conn->write.data = conn;
    conn->write_pending = true;
    if (uv_write(&conn->write, &conn->uv.stream, &bytes, 1, on_written) != 0) {
        conn->write_pending = false;
        net_conn_close(conn);
    }
}

// An answer that no worker makes; the connection closes after it.
static void refuse(struct net_conn *conn, int status, const char *detail) {
    const struct net_app *app = conn->loop->server->app;
    struct net_exchange none = {.close_after = true};
    struct buf content BUF_CLEANUP = {0};
    buf_init(&content, NULL, 64 << 10);
    app->refuse(app->arg, status, detail, &content);
    net_exchange_head(&conn->out, status, SLICE_LIT("Content-Type: application/problem+json\r\n"),
                      (int64_t)content.n, &none);
    buf_put_slice(&conn->out, buf_slice(&content));
    if (conn->exchange && conn->exchange->streamed)
        let_go(conn->exchange);
    else if (conn->exchange)
        net_exchange_free(conn->exchange);
    conn->exchange = NULL;
    conn->state = CONN_LAST;
    flush(conn);
}

// Takes over what the worker has written so far.
static void pull(struct net_conn *conn) {
    struct net_exchange *e = conn->exchange;
    if (conn->out.n > NET_QUEUE_MAX) return; // the peer reads slowly: the worker waits
    mutex_lock(&e->mutex);
    buf_put_slice(&conn->out, buf_slice(&e->out));
    buf_reset(&e->out);
    bool resume = e->paused && e->body.n < NET_QUEUE_MAX / 2;
    if (resume) e->paused = false;
    cond_broadcast(&e->cond);
    mutex_unlock(&e->mutex);
    if (resume) advance(conn);
}

// --- in ---

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    struct net_conn *conn = handle->data;
    (void)suggested;
    if (conn->in_at) { // what is done with makes room
        memmove(conn->in.p, conn->in.p + conn->in_at, conn->in.n - conn->in_at);
        conn->in.n -= conn->in_at;
        conn->in_at = 0;
    }
    uint8_t *room = buf_reserve(&conn->in, READ_SIZE);
    *out = uv_buf_init((char *)room, room ? READ_SIZE : 0);
}

static void read_or_not(struct net_conn *conn);
static bool bad_body(struct net_conn *conn, int status, const char *detail);

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *bytes) {
    struct net_conn *conn = stream->data;
    (void)bytes;
    if (size == UV_EOF && conn->state == CONN_RUN && !conn->exchange->endless) {
        conn->ended = true; // it may still read: what it asked is answered, then closed
        read_or_not(conn);
        return;
    }
    if (size == UV_EOF && conn->state == CONN_BODY && conn->exchange->streamed) {
        conn->ended = true; // within a body: who reads that is told, and may still answer
        bad_body(conn, 400, "the body ends before its length");
        read_or_not(conn);
        return;
    }
    if (size < 0) { // the end, or no room
        net_conn_close(conn);
        return;
    }
    if (conn->state == CONN_LAST || conn->state == CONN_LINGER) {
        conn->in.n = conn->in_at = 0;
        return;
    }
    conn->in.n += (size_t)size;
    conn->since_ms = uv_now(&conn->loop->uv);
    advance(conn);
}

static void read_or_not(struct net_conn *conn) {
    bool wanted = true;
    if (conn->closing) return;
    if (conn->ended) wanted = false;
    if (conn->state == CONN_RUN && conn->in.n - conn->in_at > PIPELINED_MAX) wanted = false;
    if (conn->state == CONN_BODY && conn->exchange->paused) wanted = false;
    if (wanted && !conn->reading) uv_read_start(&conn->uv.stream, on_room, on_read);
    if (!wanted && conn->reading) uv_read_stop(&conn->uv.stream);
    conn->reading = wanted;
}

static void submit(struct net_conn *conn) {
    struct net_server *server = conn->loop->server;
    struct net_exchange *e = conn->exchange;
    atomic_fetch_add(&server->busy, 1);
    conn->loop->busy++;
    if (net_workers_submit(&server->workers, e)) return;
    atomic_fetch_sub(&server->busy, 1);
    conn->loop->busy--;
    e->streamed = false;
    refuse(conn, 503, "there can be no more threads");
}

// One head. False: nothing more to do now.
static bool take_head(struct net_conn *conn) {
    struct net_server *server = conn->loop->server;
    struct slice rest = slice_of(conn->in.p + conn->in_at, conn->in.n - conn->in_at);
    struct http1_problem problem;
    struct http_request request;
    size_t used;
    enum http1_result result = rest.n ? http1_head(rest, &request, &used, &problem) : HTTP1_MORE;
    if (atomic_load(&server->draining) || (result == HTTP1_MORE && conn->ended)) {
        conn->state = CONN_LAST;
        flush(conn);
        return false;
    }
    if (result == HTTP1_MORE) return false;
    if (result == HTTP1_BAD) {
        refuse(conn, problem.status, problem.detail);
        return false;
    }
    struct net_plan plan = server->app->plan(server->app->arg, &request);
    struct net_exchange *e = net_exchange_new(conn, slice_of(rest.p, used), &request);
    if (!e) {
        net_conn_close(conn);
        return false;
    }
    conn->in_at += used;
    conn->exchange = e;
    e->close_after = !request.keep_alive;
    e->streamed = plan.streamed;
    e->endless = plan.endless;
    e->body_ended = !request.chunked && request.content_length == 0;
    if (!plan.streamed) e->body.max = plan.body_max;
    if (!plan.streamed && request.content_length > plan.body_max) {
        refuse(conn, 413, "the body is larger than this request may be");
        return false;
    }
    if (request.expect_continue) buf_put_str(&conn->out, "HTTP/1.1 100 Continue\r\n\r\n");
    http1_body_begin(&conn->body, &request);
    conn->state = CONN_BODY;
    if (e->streamed) submit(conn);
    return conn->state == CONN_BODY;
}

static bool keep_body(struct net_conn *conn, struct slice bytes) {
    struct net_exchange *e = conn->exchange;
    if (!e->streamed) {
        buf_put_slice(&e->body, bytes);
        return buf_status(&e->body) == NACRE_OK;
    }
    mutex_lock(&e->mutex);
    buf_put_slice(&e->body, bytes);
    bool kept = buf_status(&e->body) == NACRE_OK;
    e->paused = e->body.n > NET_QUEUE_MAX;
    cond_broadcast(&e->cond);
    mutex_unlock(&e->mutex);
    return kept;
}

static void end_body(struct net_conn *conn, bool failed) {
    struct net_exchange *e = conn->exchange;
    mutex_lock(&e->mutex);
    e->body_ended = true;
    e->body_failed = failed;
    e->close_after |= failed;
    cond_broadcast(&e->cond);
    mutex_unlock(&e->mutex);
}

static bool bad_body(struct net_conn *conn, int status, const char *detail) {
    if (conn->exchange->streamed) { // the worker tells it
        end_body(conn, true);
        conn->state = CONN_RUN;
        return false;
    }
    refuse(conn, status, detail);
    return false;
}

static bool take_body(struct net_conn *conn) {
    struct slice rest = slice_of(conn->in.p + conn->in_at, conn->in.n - conn->in_at), bytes;
    struct http1_problem problem;
    size_t used;
    if (conn->exchange->streamed && conn->exchange->paused) return false;
    enum http1_result result = http1_body_take(&conn->body, rest, &bytes, &used, &problem);
    if (result == HTTP1_BAD) return bad_body(conn, problem.status, problem.detail);
    if (!keep_body(conn, bytes))
        return bad_body(conn, 413, "the body is larger than this request may be");
    conn->in_at += used;
    if (result == HTTP1_MORE) return used > 0;
    conn->state = CONN_RUN;
    if (conn->exchange->streamed)
        end_body(conn, false);
    else
        submit(conn);
    return false;
}

static void advance(struct net_conn *conn) {
    bool more = true;
    while (more && !conn->closing) {
        more = false;
        if (conn->state == CONN_HEAD)
            more = take_head(conn);
        else if (conn->state == CONN_BODY)
            more = take_body(conn);
    }
    flush(conn);
    read_or_not(conn);
}

// --- what workers tell ---

static void end_exchange(struct net_conn *conn, struct net_exchange *e) {
    bool whole_body = conn->state == CONN_RUN;
    bool close = e->close_after || e->aborted || !whole_body;
    conn->exchange = NULL;
    conn->state = close ? CONN_LAST : CONN_HEAD;
    net_exchange_free(e);
}

void net_conn_notice(struct net_exchange *e) {
    struct net_conn *conn = e->conn;
    if (e->finished) {
        atomic_fetch_sub(&e->loop->server->busy, 1);
        e->loop->busy--;
    }
    if (!conn) {
        if (e->finished) net_exchange_free(e);
        return;
    }
    if (e->finished) {
        bool begun = e->begun;
        buf_put_slice(&conn->out, buf_slice(&e->out));
        if (!begun) {
            e->streamed = false;
            refuse(conn, 503, "no worker could be made: there is no memory");
        } else {
            end_exchange(conn, e);
        }
        advance(conn);
        return;
    }
    pull(conn);
    if (conn->exchange == e) flush(conn);
    if (!conn->closing) read_or_not(conn);
}

void net_conn_sweep(struct net_conn *conn, uint64_t now_ms) {
    const struct net_limits *limits = &conn->loop->server->limits;
    uint64_t quiet_ms = now_ms - conn->since_ms;
    bool partial = conn->in.n > conn->in_at;
    if (conn->state == CONN_LINGER && quiet_ms > LINGER_MS)
        net_conn_close(conn);
    else if (atomic_load(&conn->loop->server->draining) && conn->state == CONN_HEAD && !partial &&
             conn->out.n == 0 && !conn->write_pending)
        net_conn_close(conn);
    else if (conn->write_pending && quiet_ms > limits->stall_ms)
        net_conn_close(conn);
    else if (conn->state == CONN_HEAD && partial && quiet_ms > limits->head_ms)
        refuse(conn, 408, "the request did not come in time");
    else if (conn->state == CONN_HEAD && quiet_ms > limits->idle_ms)
        net_conn_close(conn);
    else if (conn->state == CONN_BODY && conn->reading && quiet_ms > limits->stall_ms)
        bad_body(conn, 408, "the body did not come in time");
}

// --- begin ---

static int open_handle(struct net_listener *listener, struct net_conn *conn) {
    uv_loop_t *uv = &listener->loop->uv;
    int failed =
        listener->is_unix ? uv_pipe_init(uv, &conn->uv.pipe, 0) : uv_tcp_init(uv, &conn->uv.tcp);
    if (failed) return failed;
    conn->uv.handle.data = conn;
    failed = uv_accept(&listener->uv.stream, &conn->uv.stream);
    if (!failed && !listener->is_unix) uv_tcp_nodelay(&conn->uv.tcp, 1);
    return failed;
}

void net_conn_accept(struct net_listener *listener) {
    struct net_loop *loop = listener->loop;
    struct net_conn *conn = mem_zalloc(sizeof *conn);
    if (!conn) return; // it waits in the kernel's queue
    conn->loop = loop;
    conn->is_unix = listener->is_unix;
    buf_init(&conn->in, NULL, NET_QUEUE_MAX * 2);
    buf_init(&conn->out, NULL, SIZE_MAX / 4);
    buf_init(&conn->writing, NULL, SIZE_MAX / 4);
    conn->since_ms = uv_now(&loop->uv);
    uint32_t count = atomic_fetch_add(&loop->server->connections, 1) + 1;
    conn->next = loop->conns;
    conn->link = &loop->conns;
    if (conn->next) conn->next->link = &conn->next;
    loop->conns = conn;
    int failed = open_handle(listener, conn);
    if (failed || count > loop->server->limits.connections) {
        net_conn_close(conn);
        return;
    }
    read_or_not(conn);
}
