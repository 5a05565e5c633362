// A connection: the socket, its buffers and timers. What the bytes mean is its protocol's. On its
// loop's thread.
#include "net/loop/loop.h"
#include "net/native/native.h"

enum { LINGER_MS = 1000, SPARE_MS = 1000, SPARE_SIZE = 1024 };

// --- end ---

static void on_closed(uv_handle_t *handle) {
    struct net_conn *conn = handle->data;
    if (conn->session) conn->protocol->close(conn);
    tls_close(conn->tls);
    buf_free(&conn->in);
    buf_free(&conn->out);
    buf_free(&conn->cipher);
    buf_free(&conn->writing);
    atomic_fetch_sub(&conn->loop->server->connections, 1);
    mem_free(conn);
}

void net_conn_close(struct net_conn *conn) {
    if (conn->closing) return;
    conn->closing = true;
    while (conn->exchanges)
        net_exchange_drop(conn->exchanges);
    *conn->link = conn->next;
    if (conn->next) conn->next->link = conn->link;
    uv_close(&conn->uv.handle, on_closed);
}

// --- out ---

static void flush(struct net_conn *conn);
static void read_or_not(struct net_conn *conn);

// Its output is written, and its appetite asked, at the end of the turn.
static void set_dirty(struct net_conn *conn) {
    if (conn->dirty) return;
    conn->dirty = true;
    conn->dirty_next = conn->loop->dirty;
    conn->loop->dirty = conn;
}

size_t net_conn_unsent(const struct net_conn *conn) {
    return conn->out.n + conn->cipher.n + conn->writing.n;
}

bool net_conn_draining(const struct net_conn *conn) {
    return atomic_load(&conn->loop->server->draining);
}

void net_conn_finish(struct net_conn *conn) {
    if (conn->state != CONN_OPEN) return;
    conn->state = CONN_LAST;
    while (conn->exchanges)
        net_exchange_drop(conn->exchanges);
    set_dirty(conn);
}

// What was stopped for want of room goes on.
static void make_more(struct net_conn *conn) {
    if (conn->state != CONN_OPEN || conn->closing || !conn->protocol) return;
    conn->protocol->drained(conn);
    if (conn->out.n) set_dirty(conn);
}

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
    make_more(conn);
    set_dirty(conn);
    net_loop_settle(conn->loop);
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

// What is to be written, as it goes over the wire, into conn->writing. False: it cannot be.
static bool gather(struct net_conn *conn) {
    struct buf *from = conn->tls ? &conn->cipher : &conn->out;
    bool made = buf_status(&conn->out) == NACRE_OK;
    if (conn->tls && conn->out.n) {
        made = made && tls_put(conn->tls, buf_slice(&conn->out), &conn->cipher);
        buf_reset(&conn->out);
    }
    if (conn->tls && conn->state == CONN_LAST && !conn->tls_said_end) {
        conn->tls_said_end = true;
        tls_put_end(conn->tls, &conn->cipher);
    }
    struct buf swap = conn->writing;
    conn->writing = *from;
    *from = swap;
    return made && buf_status(&conn->writing) == NACRE_OK;
}

static void flush(struct net_conn *conn) {
    if (conn->closing || conn->write_pending) return;
    if (!gather(conn)) {
        net_conn_close(conn);
        return;
    }
    if (conn->writing.n == 0) {
        linger(conn);
        return;
    }
    uv_buf_t bytes = uv_buf_init((char *)conn->writing.p, (unsigned)conn->writing.n);
    int sent = uv_try_write(&conn->uv.stream, &bytes, 1);
    if (sent == (int)conn->writing.n) {
        buf_reset(&conn->writing);
        linger(conn);
        make_more(conn);
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

// --- in ---

static const struct {
    const char *bytes;
    const struct net_protocol *protocol;
} prefaces[] = {{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &net_http2},
                {NATIVE_PREFACE, &net_native},
                {"", &net_http1}};

// Whether the bytes are the preface (1), cannot be (-1), or may become it (0).
static int compare(struct slice in, const char *preface) {
    size_t size = strlen(preface), n = in.n < size ? in.n : size;
    if (n && memcmp(in.p, preface, n) != 0) return -1;
    return in.n >= size;
}

// By the first bytes. False: they do not tell yet.
static bool choose(struct net_conn *conn, struct slice in) {
    for (size_t i = 0; i < sizeof prefaces / sizeof *prefaces; i++) {
        int like = compare(in, prefaces[i].bytes);
        if (like == 0) return false;
        if (like < 0) continue;
        conn->protocol = prefaces[i].protocol;
        break;
    }
    if (conn->tls_only && !conn->tls) conn->protocol = &net_http1; // tells it
    if (conn->protocol->open(conn)) return true;
    net_conn_close(conn);
    return false;
}

static size_t take(struct net_conn *conn, struct slice in) {
    if (!conn->protocol && !choose(conn, in)) return 0;
    return conn->protocol->take(conn, in);
}

// Gives the protocol what is there; fresh: bytes that are not in conn->in.
static void feed(struct net_conn *conn, struct slice fresh) {
    if (conn->feeding) {
        conn->again = true;
        return;
    }
    conn->feeding = true;
    do {
        conn->again = false;
        bool kept = conn->in.n > 0;
        if (kept) buf_put_slice(&conn->in, fresh);
        struct slice in = kept ? buf_slice(&conn->in) : fresh;
        size_t used = take(conn, in);
        if (!kept)
            buf_put_slice(&conn->in, slice_skip(fresh, used));
        else if (used) {
            conn->in.n -= used;
            memmove(conn->in.p, conn->in.p + used, conn->in.n);
        }
        fresh = slice_of(NULL, 0);
    } while (conn->again && conn->state == CONN_OPEN && !conn->closing);
    conn->feeding = false;
    if (buf_status(&conn->in) != NACRE_OK) net_conn_close(conn);
    read_or_not(conn);
}

void net_conn_resume(struct net_conn *conn) {
    if (conn->state == CONN_OPEN && !conn->closing) feed(conn, slice_of(NULL, 0));
}

void net_conn_switch(struct net_conn *conn, const struct net_protocol *protocol) {
    conn->protocol->close(conn);
    conn->protocol = protocol;
    if (!protocol->open(conn)) {
        net_conn_close(conn);
        return;
    }
    net_conn_resume(conn);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    const struct net_conn *conn = handle->data;
    (void)suggested;
    *out = uv_buf_init((char *)conn->loop->room, NET_READ_SIZE);
}

static void give_plain(struct net_conn *conn, struct slice bytes) {
    if (bytes.n && conn->state == CONN_OPEN && !conn->closing) feed(conn, bytes);
}

static void on_end(struct net_conn *conn) {
    if (conn->state != CONN_OPEN || !conn->protocol) {
        net_conn_close(conn);
        return;
    }
    conn->ended = true;
    conn->protocol->ended(conn);
    read_or_not(conn);
}

// Whether the connection is, or becomes with these first bytes, one of TLS.
static bool has_tls(struct net_conn *conn, struct slice bytes) {
    struct net_server *server = conn->loop->server;
    bool first = !conn->protocol && conn->in.n == 0 && !conn->tls;
    if (!first || bytes.p[0] != TLS_HELLO) return conn->tls != NULL;
    mutex_lock(&server->mutex);
    bool offered = server->tls != NULL;
    if (offered) conn->tls = tls_open(server->tls);
    mutex_unlock(&server->mutex);
    if (offered && !conn->tls) net_conn_close(conn);
    return offered;
}

static void on_bytes(struct net_conn *conn, struct slice bytes) {
    struct buf *plain = &conn->loop->plain;
    conn->since_ms = uv_now(&conn->loop->uv);
    set_dirty(conn);
    if (!has_tls(conn, bytes)) {
        give_plain(conn, bytes);
        return;
    }
    if (conn->closing) return;
    buf_reset(plain);
    enum tls_result result = tls_take(conn->tls, bytes, plain, &conn->cipher);
    give_plain(conn, buf_slice(plain));
    if (conn->closing) return;
    if (result == TLS_ENDED)
        on_end(conn);
    else if (result == TLS_FAILED)
        net_conn_finish(conn);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *bytes) {
    struct net_conn *conn = stream->data;
    if (size == UV_EOF)
        on_end(conn);
    else if (size < 0)
        net_conn_close(conn);
    else if (size > 0 && conn->state == CONN_OPEN)
        on_bytes(conn, slice_of(bytes->base, (size_t)size));
    net_loop_settle(conn->loop);
}

static void read_or_not(struct net_conn *conn) {
    if (conn->closing) return;
    bool wanted = !conn->ended;
    if (conn->state == CONN_OPEN && conn->protocol) wanted &= conn->protocol->hungry(conn);
    if (wanted && !conn->reading) uv_read_start(&conn->uv.stream, on_room, on_read);
    if (!wanted && conn->reading) uv_read_stop(&conn->uv.stream);
    conn->reading = wanted;
}

// --- what workers tell, and time ---

void net_conn_notice(struct net_exchange *e) {
    struct net_conn *conn = e->conn;
    if (e->finished) {
        e->running = false;
        atomic_fetch_sub(&e->loop->server->busy, 1);
        e->loop->busy--;
        if (!conn) net_exchange_free(e);
    }
    if (!conn) return;
    conn->protocol->told(conn, e);
    set_dirty(conn);
}

// Without a worker: it has its reply, or gets none.
static void finish(struct net_exchange *e) {
    e->finished = true;
    net_conn_notice(e);
}

// Runs what is quick; a reply may bring its connection's next request. The others are handed over.
static void run_submitted(struct net_loop *loop) {
    const struct net_app *app = loop->server->app;
    struct net_exchange *slow = NULL, **last = &slow;
    while (loop->submitted) {
        struct net_exchange *e = loop->submitted;
        loop->submitted = e->next;
        if (!loop->submitted) loop->submitted_last = &loop->submitted;
        e->next = NULL;
        if (e->quick && loop->quick && app->run_quick(loop->quick, e)) {
            finish(e);
        } else {
            *last = e;
            last = &e->next;
        }
    }
    if (!slow || net_workers_submit(&loop->server->workers, slow)) return;
    for (struct net_exchange *e = slow, *next; e; e = next) {
        next = e->next;
        finish(e);
    }
}

void net_loop_settle(struct net_loop *loop) {
    run_submitted(loop);
    while (loop->dirty) {
        struct net_conn *conn = loop->dirty;
        loop->dirty = conn->dirty_next;
        conn->dirty = false;
        flush(conn);
        read_or_not(conn);
    }
}

// Buffers of a connection that is at rest are given back.
static void spare(struct net_conn *conn) {
    if (conn->in.n == 0 && conn->in.cap > SPARE_SIZE) buf_free(&conn->in);
    if (conn->out.n == 0 && conn->out.cap > SPARE_SIZE) buf_free(&conn->out);
    if (conn->cipher.n == 0 && conn->cipher.cap > SPARE_SIZE) buf_free(&conn->cipher);
    if (!conn->write_pending && conn->writing.cap > SPARE_SIZE) buf_free(&conn->writing);
}

void net_conn_sweep(struct net_conn *conn, uint64_t now_ms) {
    const struct net_limits *limits = &conn->loop->server->limits;
    uint64_t quiet_ms = now_ms - conn->since_ms;
    if (quiet_ms > SPARE_MS) spare(conn);
    if (conn->state == CONN_LINGER && quiet_ms > LINGER_MS)
        net_conn_close(conn);
    else if (conn->write_pending && quiet_ms > limits->stall_ms)
        net_conn_close(conn);
    else if (conn->state == CONN_OPEN && !conn->protocol &&
             (now_ms - conn->born_ms > limits->head_ms || net_conn_draining(conn)))
        net_conn_close(conn);
    if (conn->closing || conn->state != CONN_OPEN || !conn->protocol) return;
    if (net_conn_draining(conn)) conn->protocol->drain(conn);
    if (!conn->closing && conn->state == CONN_OPEN) conn->protocol->sweep(conn, quiet_ms);
}

// --- begin ---

static void tell_peer(struct net_conn *conn) {
    struct sockaddr_storage address = {0};
    int size = sizeof address;
    if (uv_tcp_getpeername(&conn->uv.tcp, (struct sockaddr *)&address, &size) == 0)
        uv_ip_name((struct sockaddr *)&address, conn->peer, sizeof conn->peer);
}

static int open_handle(struct net_listener *listener, struct net_conn *conn) {
    uv_loop_t *uv = &listener->loop->uv;
    int failed =
        listener->is_unix ? uv_pipe_init(uv, &conn->uv.pipe, 0) : uv_tcp_init(uv, &conn->uv.tcp);
    if (failed) return failed;
    conn->uv.handle.data = conn;
    failed = uv_accept(&listener->uv.stream, &conn->uv.stream);
    if (!failed && !listener->is_unix) {
        uv_tcp_nodelay(&conn->uv.tcp, 1);
        tell_peer(conn);
    }
    return failed;
}

void net_conn_accept(struct net_listener *listener) {
    struct net_loop *loop = listener->loop;
    struct net_conn *conn = mem_zalloc(sizeof *conn);
    if (!conn) return; // it waits in the kernel's queue
    conn->loop = loop;
    conn->is_unix = listener->is_unix;
    conn->tls_only = listener->tls_only;
    buf_init(&conn->in, NULL, NET_QUEUE_MAX * 2);
    buf_init(&conn->out, NULL, SIZE_MAX / 4);
    buf_init(&conn->cipher, NULL, SIZE_MAX / 4);
    buf_init(&conn->writing, NULL, SIZE_MAX / 4);
    conn->born_ms = conn->since_ms = uv_now(&loop->uv);
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
