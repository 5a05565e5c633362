// Inside the room: HTTP requests to operations and back.
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "base/os/mutex.h"
#include "engine/engine.h"
#include "lib/lib_caller.h"
#include "net/server.h"
#include "ops/job.h"
#include "ops/principal.h"
#include "ops/slowlog.h"
#include "ops/tx.h"
#include "rpc/rpc.h"
#include "server/access.h"
#include "server/logger.h"
#include "server/metrics.h"

enum { ROUTE_SEGMENTS_MAX = 12, BODY_MAX = 64 << 20, REQUEST_MEMORY_MAX = 256 << 20 };

struct nacre_server {
    nacre_db *db;
    const struct world *world;
    struct auth *auth;
    struct op_txs *txs;
    struct op_jobs *jobs;
    struct op_slowlog *slowlog;
    char *backups; // the directory, owned; NULL: none
    struct metrics metrics;
    struct logger *logger;
    bool log_requests;
    struct net_app app;
    struct net_server *net;
    struct sockets *sockets;
    struct mutex mutex; // guards workers
    struct worker *workers;
    atomic_uint followers;                           // workers whose call follows
    char *tls_certificate, *tls_key, *tls_client_ca; // paths; NULL: none
    bool tls_12;
    char *cors;           // origins whose pages may read answers, "a,b" or "*"; NULL: none
    char addresses[1024]; // what it listens on, for people
};

// What requests and their answers are charged to.
static inline struct budget *server_budget(const struct nacre_server *server) {
    return engine_budget(lib_engine(server->db));
}

// A thread's own.
struct worker {
    struct nacre_server *server;
    struct worker *next, **link;
    nacre_session *session;
    struct ctx ctx;
    struct buf headers;  // of the reply
    struct buf message;  // the same, of protocols that carry messages
    atomic_bool follows; // its call ends only when it is told to
};

// --- serve.c ---

// Around a call that ends only when it is told to. NACRE_UNAVAILABLE: as many last already as leave
// workers for others.
MUST_USE nacre_status server_follow(struct worker *worker);
void server_follow_end(struct worker *worker);

// --- rest_route.c ---

struct route {
    const struct op *op;           // NULL: see allowed
    uint32_t allowed;              // with op NULL: bits of verbs this path has; 0: no such path
    struct slice values[OP_PATHS]; // percent-encoded, as they stand in the path
};
enum { VERB_GET, VERB_POST, VERB_PUT, VERB_PATCH, VERB_DELETE, VERBS };
extern const char *const server_verbs[VERBS];
void rest_route_find(struct slice method, struct slice path, struct route *out);

// --- rest_call.c ---

// Fills the call from the request: path, parameters, headers, body. Its texts live in call->ctx.
MUST_USE nacre_status rest_call_fill(struct op_call *call, const struct http_request *request,
                                     const struct route *route, struct slice body);

// --- rest_media.c ---

// The body's media type. NACRE_UNSUPPORTED_MEDIA_TYPE names those that the operation takes.
MUST_USE nacre_status rest_media_take(struct op_call *call, const struct http_request *request);
// The form of the answer that Accept prefers.
void rest_media_choose(struct op_call *call, const struct http_request *request);
const char *rest_media_name(enum op_media media);

extern const unsigned char server_openapi[]; // docs/openapi.json
extern const size_t server_openapi_size;

// --- rest.c ---

// Answers one request.
// False: the exchange became a socket.
bool rest_run(struct worker *worker, struct net_exchange *exchange);
// As net_app.run_quick.
bool rest_run_quick(struct worker *worker, struct net_exchange *exchange);
struct net_plan rest_plan(void *arg, const struct http_request *request);
void rest_refuse_bytes(void *arg, int status, const char *detail, struct buf *content);

// --- messages.c: what protocols that carry messages have in common ---

enum { STREAM_MESSAGE_MAX = 4 << 20 }; // of a message of a streamed request

// A call while it runs.
struct messages {
    struct worker *worker;
    struct net_exchange *exchange;
    const char *headers; // of the reply, "" = none
    char request_id[37];
    struct access access;
    struct buf in;            // a message of a streamed request
    bool begun;               // the reply is a stream, and it has begun
    bool at_once, would_wait; // see op_call
    uint64_t timeout_ms;      // 0: the protocol told none
};
void messages_begin(struct messages *messages, struct worker *worker, struct net_exchange *exchange,
                    const char *protocol);
// status: how the call ended.
void messages_end(struct messages *messages, nacre_status status);
struct net_plan messages_plan(struct nacre_server *server, const struct rpc_method *method,
                              struct slice credential);
// A failure is a status in worker->message.
MUST_USE nacre_status messages_authenticate(struct messages *messages, struct slice credential,
                                            struct op_principal *out);
// worker->message holds then what rpc_run says.
MUST_USE nacre_status messages_run(struct messages *messages, const struct rpc_method *method,
                                   const struct op_principal *principal, struct slice message);
// The next message of a streamed request. 0: no more, -1: there is none to be had.
int messages_receive(void *messages, struct slice *out);
// A message of a reply, which it begins. Not 0: the peer is gone. messages_send: it goes out now.
int messages_write(struct messages *messages, uint8_t kind, struct slice message);
int messages_send(void *messages, struct slice message);

// --- native.c ---

// Whether it came over the native protocol.
bool native_is(const struct http_request *request);
struct net_plan native_plan(struct nacre_server *server, const struct http_request *request);
void native_run(struct worker *worker, struct net_exchange *exchange);
bool native_run_quick(struct worker *worker, struct net_exchange *exchange);

// --- grpc.c ---

bool grpc_is(const struct http_request *request);
struct net_plan grpc_plan(struct nacre_server *server, const struct http_request *request);
void grpc_run(struct worker *worker, struct net_exchange *exchange);
bool grpc_run_quick(struct worker *worker, struct net_exchange *exchange);

#endif
