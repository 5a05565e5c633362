// Inside the room: loops, connections, exchanges.
#ifndef NET_LOOP_LOOP_H
#define NET_LOOP_LOOP_H

#include <stdatomic.h>
#include <uv.h>

#include "base/os/cond.h"
#include "base/os/mutex.h"
#include "base/os/thread.h"
#include "net/http1/http1.h"
#include "net/server.h"

enum {
    NET_QUEUE_MAX = 1 << 20,   // bytes of a stream that wait, each way
    NET_FLUSH_SIZE = 64 << 10, // so much of a streamed reply goes out at once
    NET_LISTENERS_MAX = 16,
    NET_LOOPS_MAX = 64,
};

// Belongs to its loop; between net_workers_submit and the notice of its end also to a worker.
struct net_exchange {
    struct net_exchange *next; // in the queue of the workers, or in the loop's notices
    struct net_loop *loop;
    struct net_conn *conn; // loop's thread only; NULL: gone
    struct http_request request;
    uint8_t *head;   // the bytes that request points into
    struct buf body; // whole, or (under mutex) what waits to be read
    bool streamed, endless, is_head;
    bool noticed, done, finished; // under the loop's mutex; finished: the loop has seen done
    struct mutex mutex;           // guards what follows
    struct cond cond;
    struct buf out;                   // of the reply, as it goes out
    bool begun, chunked, close_after; // of the reply
    bool body_ended, body_failed;     // of a streamed body
    bool paused;                      // the loop does not read
    bool gone;                        // the connection is
    bool aborted;
};

enum net_conn_state { CONN_HEAD, CONN_BODY, CONN_RUN, CONN_LAST, CONN_LINGER };

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
    enum net_conn_state state; // LAST: ends when all is written; LINGER: its last bytes are read
    struct buf in;
    size_t in_at; // bytes of in that are done with
    struct http1_body body;
    struct net_exchange *exchange;
    struct buf out, writing;
    uv_write_t write;
    uv_shutdown_t shut;
    bool ended; // the peer sends no more
    bool write_pending, closing, reading, is_unix;
    uint64_t since_ms; // of the last progress, by the loop's clock
};

struct net_listener {
    struct net_loop *loop;
    union net_handle uv;
    bool is_unix;
};

struct net_loop {
    struct net_server *server;
    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t sweep;
    struct thread thread;
    struct net_listener listeners[NET_LISTENERS_MAX];
    size_t listener_count;
    struct net_conn *conns;
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
    atomic_uint busy; // exchanges that run
    char unix_path[108];
};

// conn.c; on the loop's thread
void net_conn_accept(struct net_listener *listener);
void net_conn_notice(struct net_exchange *exchange); // a worker has something
void net_conn_sweep(struct net_conn *conn, uint64_t now_ms);
void net_conn_close(struct net_conn *conn);
// exchange.c
struct net_exchange *net_exchange_new(struct net_conn *conn, struct slice head,
                                      const struct http_request *request);
void net_exchange_free(struct net_exchange *exchange);
void net_exchange_notice(struct net_exchange *exchange, bool done); // wakes its loop
// Appends a reply's head; size < 0: chunked, or to the end of the connection.
void net_exchange_head(struct buf *out, int status, struct slice headers, int64_t size,
                       const struct net_exchange *exchange);
// workers.c
void net_workers_open(struct net_workers *workers, struct net_server *server);
MUST_USE bool net_workers_submit(struct net_workers *workers, struct net_exchange *exchange);
void net_workers_close(struct net_workers *workers);

#endif
