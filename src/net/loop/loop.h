// Inside the room: loops, connections, exchanges.
#ifndef NET_LOOP_LOOP_H
#define NET_LOOP_LOOP_H

#include <stdatomic.h>
#include <uv.h>

#include "base/os/cond.h"
#include "base/os/mutex.h"
#include "base/os/thread.h"
#include "net/coding/coding.h"
#include "net/http1/http1.h"
#include "net/server.h"
#include "net/tls/tls.h"

enum {
    NET_PEER_MAX = 46,         // of an address as text, with the NUL
    NET_QUEUE_MAX = 1 << 20,   // bytes of a stream that wait, each way
    NET_FLUSH_SIZE = 64 << 10, // so much of a streamed reply goes out at once
    NET_READ_SIZE = 64 << 10,
    NET_LISTENERS_MAX = 16,
    NET_LOOPS_MAX = 64,
};

// Belongs to its loop; between net_exchange_submit and the notice of its end also to a worker.
struct net_exchange {
    struct net_exchange *next;       // in the queue of the workers, or in the loop's notices
    struct net_exchange *taken_next; // of the notices that the loop has taken
    struct net_loop *loop;
    struct net_conn *conn;                // loop's thread only; NULL: gone
    struct net_exchange *sibling, **link; // the connection's others; loop's thread only
    void *stream;                         // the protocol's own
    struct http_request request;
    char peer[NET_PEER_MAX];
    uint8_t *head;   // the bytes that request points into
    struct buf body; // whole, or (under mutex) what waits to be read
    bool streamed, endless, quick, is_head;
    bool running;                 // a worker has it; loop's thread only
    bool noticed, done, finished; // under the loop's mutex; finished: the loop has seen done
    struct mutex mutex;           // guards what follows
    struct cond cond;
    // The reply. status, headers and size stay as they are once begun is set.
    bool begun;
    int status;
    struct buf headers;
    int64_t size;                 // of the content; -1: not known yet
    struct buf out;               // content that the loop has not taken
    struct buf trailers;          // lines like headers; complete when done
    uint64_t taken, given;        // bytes of the body that were read, of the content
    bool compress;                // if the client likes it; the worker's, as are the next two
    enum coding coding;           // of the content
    struct coder *coder;          // of a stream
    bool aborted;                 // the reply is not whole
    bool body_ended, body_failed; // of a streamed body
    bool asked, wanted;           // for the first bytes of the body, by a worker that waits
    bool paused;                  // the loop does not feed
    bool is_socket;               // see net_socket_begin
    uint16_t close_code;          // of a socket that has ended
    bool gone;                    // the connection is
};

// What a worker has made of an exchange since its loop looked last.
struct net_news {
    bool begun;  // there is a head
    bool wanted; // the worker waits for the first bytes of the body: told once
    bool resume; // there is room for more of the body: told once
};

// A protocol over a connection, as functions that run on the loop's thread. They read conn->in's
// bytes as given, append to conn->out, and never touch the socket.
struct net_protocol {
    const char *name;
    // Makes conn->session. False: there is no memory.
    bool (*open)(struct net_conn *conn);
    // Frees conn->session; the exchanges have been let go of.
    void (*close)(struct net_conn *conn);
    // Bytes of the peer, none (after net_conn_resume) or more: how many are done with. The rest is
    // given again, with what follows it.
    size_t (*take)(struct net_conn *conn, struct slice in);
    // The peer sends no more.
    void (*ended)(struct net_conn *conn);
    // A worker has something: call net_exchange_take. e->finished: the worker is through; the
    // protocol frees the exchange, now or later.
    void (*told)(struct net_conn *conn, struct net_exchange *e);
    // What was written has gone out: there is room for more.
    void (*drained)(struct net_conn *conn);
    bool (*hungry)(const struct net_conn *conn); // whether more bytes are wanted now
    // Every quarter of a second; since the last progress quiet_ms.
    void (*sweep)(struct net_conn *conn, uint64_t quiet_ms);
    // No new requests: ends the connection when what runs is answered. Called again and again.
    void (*drain)(struct net_conn *conn);
};

enum net_conn_state {
    CONN_OPEN,
    CONN_LAST,   // ends when all is written
    CONN_LINGER, // its last bytes are read
};

union net_handle {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

struct net_conn {
    union net_handle uv;
    struct net_loop *loop;
    struct net_conn *next, **link;
    struct net_conn *dirty_next; // in the loop's list of those with something to write
    enum net_conn_state state;
    const struct net_protocol *protocol; // NULL: the first bytes have not told yet
    void *session;                       // the protocol's
    struct net_exchange *exchanges;
    struct tls *tls; // NULL: plain
    struct buf in;   // what the protocol did not take yet
    struct buf out;  // plain
    struct buf cipher, writing;
    uv_write_t write;
    uv_shutdown_t shut;
    bool ended; // the peer sends no more
    bool dirty, feeding, again, write_pending, closing, reading, is_unix;
    char peer[NET_PEER_MAX];
    bool tls_only, tls_said_end;
    uint64_t born_ms, since_ms; // the latter of the last progress; by the loop's clock
};

struct net_listener {
    struct net_loop *loop;
    union net_handle uv;
    bool is_unix, tls_only;
};

struct net_loop {
    struct net_server *server;
    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t sweep;
    struct thread thread;
    struct net_listener listeners[NET_LISTENERS_MAX];
    size_t listener_count;
    struct net_conn *conns, *dirty;
    struct net_exchange *submitted, **submitted_last; // for the workers, at the end of a turn
    uint8_t *room;                                    // where sockets are read into
    struct buf plain;                                 // what came of TLS
    struct buf scratch; // content on its way from an exchange to its connection
    void *quick;        // the application's state for run_quick; NULL: there is none
    struct mutex mutex; // guards notices
    struct net_exchange *notices;
    uint32_t busy; // exchanges that workers have; the loop's thread only
    bool stopping, started;
};

struct net_workers {
    struct net_server *server;
    struct mutex mutex;
    struct cond cond;
    struct net_exchange *first, **last;
    struct thread *threads;
    uint32_t count, idle, queued;
    bool stopping;
};

struct net_server {
    const struct net_app *app;
    const struct world *world;
    struct net_limits limits;
    struct net_loop loops[NET_LOOPS_MAX];
    uint32_t opened; // of loops
    struct net_workers workers;
    atomic_uint connections;
    atomic_bool draining, cutting;
    atomic_uint busy;   // exchanges that run
    struct mutex mutex; // guards tls
    struct tls_files *tls;
    bool tls_only; // of the next listeners
    char unix_path[108];
};

// conn.c; on the loop's thread
void net_conn_accept(struct net_listener *listener);
void net_conn_notice(struct net_exchange *exchange); // a worker has something
void net_conn_sweep(struct net_conn *conn, uint64_t now_ms);
void net_conn_close(struct net_conn *conn);
void net_loop_settle(struct net_loop *loop); // hands over and writes what a turn has gathered
// For protocols.
void net_conn_finish(struct net_conn *conn); // no more requests; ends when all is written
void net_conn_resume(struct net_conn *conn); // take is called again
// Another protocol goes on with the exchanges and the bytes that are there.
void net_conn_switch(struct net_conn *conn, const struct net_protocol *protocol);
size_t net_conn_unsent(const struct net_conn *conn);
bool net_conn_draining(const struct net_conn *conn);
// exchange.c
// The request's slices point into head, which is copied. NULL: there is no memory.
struct net_exchange *net_exchange_new(struct net_conn *conn, struct slice head,
                                      const struct http_request *request);
void net_exchange_free(struct net_exchange *exchange); // no worker has it
// Nobody waits for its reply: its worker is told so where it reads or writes.
void net_exchange_cancel(struct net_exchange *exchange);
// The loop has no more to do with it: freed now, or when its worker is through.
void net_exchange_drop(struct net_exchange *exchange);
// It is run at the end of the turn: here, if it is quick, else by a worker.
void net_exchange_submit(struct net_exchange *exchange);
bool net_exchange_feed(struct net_exchange *exchange, struct slice bytes); // false: too many
// A message after its size, both at once: who takes messages never meets a part of one.
bool net_exchange_feed_message(struct net_exchange *exchange, struct slice message);
void net_exchange_end_body(struct net_exchange *exchange, bool failed);
void net_exchange_end_reply(struct net_exchange *exchange); // after run, on the worker
// Takes the news; content that came since is swapped into *content, which must be empty.
struct net_news net_exchange_take(struct net_exchange *exchange, struct buf *content);
void net_exchange_notice(struct net_exchange *exchange, bool done); // wakes its loop
// workers.c
void net_workers_open(struct net_workers *workers, struct net_server *server);
// All of a list that ends with NULL. False: there is no thread, and none were taken.
MUST_USE bool net_workers_submit(struct net_workers *workers, struct net_exchange *first);
void net_workers_close(struct net_workers *workers);

// --- protocols ---
extern const struct net_protocol net_http1, net_http2, net_native, net_ws;

#endif
