// Protocols of connections over their bytes, in pieces, with workers that answer at once: HTTP/2,
// HTTP/1.1, WebSocket. No socket and no thread: what would be written is dropped.
// The input: a byte that chooses the protocol, then pieces: a size and so many bytes.
#include <stdint.h>
#include <stdlib.h>

#include "net/loop/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct net_server server;
static struct net_loop *loop;
static struct net_exchange *channel; // of WebSocket, until it is ended

static struct net_plan plan(void *arg, const struct http_request *request) {
    (void)arg;
    return (struct net_plan){.streamed = request->path.n % 2 == 0, .body_max = 1 << 16};
}

static void refuse(void *arg, int status, const char *detail, struct buf *content) {
    (void)arg;
    buf_printf(content, "%d %s", status, detail);
}

static void woken(void *arg) { (void)arg; }
static void on_wake(uv_async_t *wake) { (void)wake; }

static const struct net_app app = {.plan = plan, .refuse = refuse, .woken = woken};

static void open_loop(void) {
    if (loop) return;
    loop = &server.loops[0];
    server.app = &app;
    server.limits = (struct net_limits){.head_ms = 1000, .idle_ms = 1000, .stall_ms = 1000};
    loop->server = &server;
    loop->submitted_last = &loop->submitted;
    mutex_init(&loop->mutex);
    buf_init(&loop->scratch, NULL, SIZE_MAX / 4);
    if (uv_loop_init(&loop->uv) || uv_async_init(&loop->uv, &loop->wake, on_wake)) abort();
}

static struct net_conn *open_conn(const struct net_protocol *protocol) {
    struct net_conn *conn = mem_zalloc(sizeof *conn);
    if (!conn || uv_tcp_init(&loop->uv, &conn->uv.tcp)) abort();
    conn->uv.handle.data = conn;
    conn->loop = loop;
    conn->link = &loop->conns;
    loop->conns = conn;
    buf_init(&conn->in, NULL, NET_QUEUE_MAX * 2);
    buf_init(&conn->out, NULL, SIZE_MAX / 4);
    buf_init(&conn->cipher, NULL, 0);
    buf_init(&conn->writing, NULL, 0);
    conn->protocol = protocol;
    return conn;
}

static void open_socket(struct net_conn *conn) {
    static const char head[] = "GET/sec-websocket-key0123456789abcdef01234567";
    struct slice bytes = slice_str(head);
    struct http_request request = {.method = slice_of(bytes.p, 3),
                                   .path = slice_of(bytes.p + 3, 1)};
    request.headers[request.header_count++] =
        (struct http_header){slice_of(bytes.p + 4, 17), slice_of(bytes.p + 21, 24)};
    struct net_exchange *e = net_exchange_new(conn, bytes, &request);
    if (!e) abort();
    net_exchange_submit(e);
    loop->submitted = NULL;
    loop->submitted_last = &loop->submitted;
    net_socket_begin(e);
    channel = e;
}

// As a worker would: the whole of it, or a stream with trailers.
static void answer(struct net_exchange *e) {
    static const char text[3000] = "answer";
    struct slice headers = SLICE_LIT("Content-Type: text/plain\r\n");
    char room[100];
    while (e->streamed && e->body.n && net_read(e, room, sizeof room) > 0)
        continue;
    if (e->request.path.n % 3 == 0) {
        net_reply(e, 200, headers, slice_of(text, sizeof text));
    } else {
        net_reply_begin(e, 200, headers);
        net_write(e, text, sizeof text);
        net_trailers(e, SLICE_LIT("Grpc-Status: 0\r\n"));
    }
    net_exchange_notice(e, true);
}

static void echo(struct net_exchange *e) {
    struct buf message BUF_CLEANUP = {0};
    buf_init(&message, NULL, 1 << 20);
    while (net_socket_receive(e, &message) == 1) {
        if (message.n == 3) {
            net_socket_end(e, 1000, "enough");
            channel = NULL;
            return;
        }
        net_socket_send(e, buf_slice(&message));
        buf_reset(&message);
    }
    net_socket_flush(e);
}

// What workers, and the end of a turn of the loop, would do.
static void settle(struct net_conn *conn) {
    while (loop->submitted) {
        struct net_exchange *e = loop->submitted;
        loop->submitted = e->next;
        answer(e);
    }
    loop->submitted_last = &loop->submitted;
    if (channel) echo(channel);
    while (loop->notices) {
        struct net_exchange *e = loop->notices;
        loop->notices = e->next;
        e->noticed = false;
        e->finished = e->done;
        net_conn_notice(e);
    }
    loop->dirty = NULL;
    conn->dirty = false;
    if (buf_status(&conn->out) != NACRE_OK) abort();
    buf_reset(&conn->out);
    if (conn->state == CONN_OPEN && !conn->closing) conn->protocol->drained(conn);
    conn->dirty = false;
    loop->dirty = NULL;
}

static void feed(struct net_conn *conn, struct slice bytes) {
    buf_put_slice(&conn->in, bytes);
    size_t used = conn->protocol->take(conn, buf_slice(&conn->in));
    if (used > conn->in.n) abort();
    conn->in.n -= used;
    if (used) memmove(conn->in.p, conn->in.p + used, conn->in.n);
    settle(conn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct net_protocol *const protocols[] = {&net_http2, &net_http1, &net_ws};
    if (size < 2) return 0;
    open_loop();
    struct slice rest = slice_of(data + 1, size - 1);
    struct net_conn *conn = open_conn(protocols[data[0] % 3]);
    if (conn->protocol == &net_ws) open_socket(conn);
    if (!conn->protocol->open(conn)) abort();
    settle(conn);
    while (rest.n && conn->state == CONN_OPEN && !conn->closing) {
        size_t n = rest.p[0];
        rest = slice_skip(rest, 1);
        n = n < rest.n ? n : rest.n;
        if (n == 0 && !conn->ended) conn->protocol->sweep(conn, 2000);
        if (n && conn->protocol->hungry(conn)) feed(conn, slice_of(rest.p, n));
        rest = slice_skip(rest, n);
    }
    if (conn->state == CONN_OPEN && !conn->closing) conn->protocol->ended(conn);
    settle(conn);
    net_conn_close(conn);
    if (channel) net_socket_end(channel, 1001, "");
    channel = NULL;
    while (loop->notices || loop->submitted)
        settle(conn);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    if (loop->conns || loop->busy) abort();
    return 0;
}
