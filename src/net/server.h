// A server of requests over sockets: loops that read and write, workers that run what is asked.
// Which requests there are, the application tells by struct net_app.
//
// Invariants:
//  N1  a loop never waits for a worker or a disk, and no worker touches a socket.
//  N2  what is held for a connection is bounded: head 16 KiB, body as the application allows,
//      queues of streams 1 MiB each way; past that the peer is not read, or the worker waits.
//  N3  replies of one connection stand in the order of its requests.
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "base/err/ctx.h"
#include "base/mem/buf.h"
#include "net/http.h"

struct net_exchange; // one request and its reply
struct net_server;

struct net_plan {
    bool streamed;      // the body is read by net_read while it comes; else it is there as a whole
    bool endless;       // the reply ends when the peer goes: a half close is its end
    bool reply_streams; // the reply is begun with net_reply_begin
    bool quick;         // run_quick is tried first; only of a body that is there as a whole
    uint64_t body_max;  // bytes of a whole body, or of a message of a stream of them; beyond: 413.
                        // 0: of a streamed body nothing is wanted
};

// Messages in a stream of bytes, for protocols that carry messages (gRPC's form): a byte of kind,
// the size as 32 bits big-endian, the message. NATIVE takes and gives streams so.
enum { NET_PREFIX_SIZE = 5, NET_PREFIX_STATUS = 0x80 }; // STATUS: the last one, how it ended

struct net_app {
    void *arg;
    // On a loop's thread; must not block.
    struct net_plan (*plan)(void *arg, const struct http_request *request);
    // The body of an answer to what is no request; fills content. status: 400, 408, 413…
    void (*refuse)(void *arg, int status, const char *detail, struct buf *content);
    void *(*worker_open)(void *arg); // a thread's own state; NULL: there can be no more now
    void (*worker_close)(void *worker);
    // Must reply. False: the exchange became a socket and is its owner's.
    bool (*run)(void *worker, struct net_exchange *exchange);
    // On a loop's thread, with a state of its own; must not block. True: it has replied, as a
    // whole. False: it would have to wait, and a worker runs it.
    bool (*run_quick)(void *worker, struct net_exchange *exchange);
    // On a loop's thread: a socket has a message or room, or is gone. Must not block.
    void (*woken)(void *arg);
};

struct net_limits {
    uint32_t connections, workers, loops;
    uint64_t head_ms, idle_ms, stall_ms; // time for a head, between requests, without progress
};

// Files of PEM. client_ca: clients must show a certificate of one of these authorities.
struct net_tls {
    const char *certificate, *key;
    const char *client_ca; // NULL: clients need none
    bool allow_12;         // TLS 1.2 too
};

// Nothing listens yet. app and world outlive the server.
MUST_USE nacre_status net_server_open(struct ctx *ctx, const struct net_app *app,
                                      const struct net_limits *limits, struct net_server **out);
// Connections that begin with a TLS hello get one with these files from now on; those that are open
// keep theirs. Thread-safe.
MUST_USE nacre_status net_server_tls(struct ctx *ctx, struct net_server *server,
                                     const struct net_tls *tls);
// What the next listeners take: TLS only, or plain connections as well (at first).
void net_server_tls_only(struct net_server *server, bool only);
// Listens on host (an address or a name) and port; port 0: any that is free. *out_port may be NULL.
MUST_USE nacre_status net_server_listen(struct ctx *ctx, struct net_server *server,
                                        const char *host, uint16_t port, uint16_t *out_port);
// Listens on a Unix socket that only this user may open; a stale one is replaced.
MUST_USE nacre_status net_server_listen_unix(struct ctx *ctx, struct net_server *server,
                                             const char *path);
// Begins to serve.
MUST_USE nacre_status net_server_start(struct ctx *ctx, struct net_server *server);
// No new requests from here on. NULL is fine.
void net_server_quiesce(struct net_server *server);
// Waits for those that run, at most drain_ms. NULL is fine.
void net_server_drain(struct net_server *server, uint64_t drain_ms);
// Cuts what is left and frees all; NULL is fine. What a worker waits for outside of the exchange,
// the application must have ended.
void net_server_close(struct net_server *server);

// --- for the application's run ---

const struct http_request *net_request(const struct net_exchange *exchange);
struct slice net_body(const struct net_exchange *exchange); // of a whole body; streamed: empty
// The address that it came from, as text; n 0: a Unix socket.
struct slice net_peer(const struct net_exchange *exchange);
// The next bytes of a streamed body; 0 at its end, -1: the peer is gone or sent nonsense.
long net_read(struct net_exchange *exchange, void *buffer, size_t size);
// The reply's content may be compressed as the client likes it. Before the reply; not for what
// answers a secret, whose size would tell of it.
void net_compress(struct net_exchange *exchange);
// The whole reply. headers: lines that end with CR LF, without length and connection.
void net_reply(struct net_exchange *exchange, int status, struct slice headers,
               struct slice content);
// A reply of unknown length: begin, write any number of times; it ends when run returns.
void net_reply_begin(struct net_exchange *exchange, int status, struct slice headers);
int net_write(struct net_exchange *exchange, const void *bytes,
              size_t size);                   // -1: the peer is gone
int net_flush(struct net_exchange *exchange); // what was written goes out now
// Lines like headers that stand after the content, of protocols that have them.
void net_trailers(struct net_exchange *exchange, struct slice lines);
// How the exchange went so far: the status of the reply (0: none yet), bytes of the request's body
// and of the reply's content, as they were sent.
struct net_account {
    int status;
    uint64_t taken, given;
};
struct net_account net_account(struct net_exchange *exchange);
// Ends a streamed reply so that the peer sees that it is not whole.
void net_abort(struct net_exchange *exchange);

// --- sockets: an exchange that becomes a channel of text messages (WebSocket) ---
// Owned from net_socket_begin, which answers the upgrade, to net_socket_end, after which it is
// gone; run returns meanwhile. One thread at a time; nothing waits.

// Why the request cannot become one: a status and its detail. 0: it can.
int net_socket_refuses(const struct http_request *request, const char **out_detail);
void net_socket_begin(struct net_exchange *exchange);
// Appends the next message; NULL: none is wanted. 1: there was one, 0: none now, -1: the peer is
// gone.
int net_socket_receive(struct net_exchange *exchange, struct buf *message);
// Whether more may be sent; else app->woken tells when.
bool net_socket_has_room(struct net_exchange *exchange);
void net_socket_send(struct net_exchange *exchange, struct slice text); // goes out with flush
void net_socket_flush(struct net_exchange *exchange);
void net_socket_end(struct net_exchange *exchange, int code, const char *reason);

#endif
