// Calls of protocols that carry messages: who asks, the operation, streams of messages with a
// prefix (net/server.h).
#include <stdio.h>

#include "base/bits/bits.h"
#include "server/server.h"

enum { SPARE_SIZE = 1 << 20 };

void messages_begin(struct messages *m, struct worker *worker, struct net_exchange *exchange,
                    const char *protocol) {
    *m = (struct messages){.worker = worker, .exchange = exchange, .headers = ""};
    ctx_reset(&worker->ctx);
    world_uuid7(worker->server->world, m->request_id);
    access_begin(&m->access, worker->server, exchange, protocol, m->request_id);
    buf_init(&m->in, NULL, STREAM_MESSAGE_MAX);
    buf_reset(&worker->message);
}

void messages_end(struct messages *m, nacre_status status) {
    m->access.status = status;
    if (!m->would_wait) access_end(&m->access, m->exchange);
    buf_free(&m->in);
    if (m->worker->message.cap > SPARE_SIZE) buf_free(&m->worker->message);
}

struct net_plan messages_plan(struct nacre_server *server, const struct rpc_method *method,
                              struct slice credential) {
    struct op_credential given = {.text = credential};
    // Who has no key is refused before a message is held.
    if (!op_credential_may_pass(server->auth, &given)) return (struct net_plan){.streamed = true};
    bool takes = method && rpc_method_takes_stream(method);
    bool gives = method && rpc_method_gives_stream(method);
    bool follows = gives && rpc_method_op(method)->params >> OP_PARAM_FOLLOW & 1;
    return (struct net_plan){.streamed = takes,
                             .reply_streams = gives,
                             .endless = follows,
                             .quick = method && op_is_quick(rpc_method_op(method)),
                             .body_max = takes ? STREAM_MESSAGE_MAX : BODY_MAX};
}

// --- streams ---

// So many bytes of the request. 0: it ends before the first.
static int read_all(struct messages *m, uint8_t *to, size_t size) {
    for (size_t n = 0; n < size;) {
        long got = net_read(m->exchange, to + n, size - n);
        if (got <= 0) return got == 0 && n == 0 ? 0 : -1;
        n += (size_t)got;
    }
    return 1;
}

int messages_receive(void *arg, struct slice *out) {
    struct messages *m = arg;
    uint8_t prefix[NET_PREFIX_SIZE];
    int got = read_all(m, prefix, sizeof prefix);
    uint32_t size = bits_be32(prefix + 1);
    if (got <= 0) return got;
    if (prefix[0] != 0 || size > STREAM_MESSAGE_MAX) return -1;
    buf_reset(&m->in);
    *out = slice_of(NULL, 0);
    if (size == 0) return 1;
    uint8_t *room = buf_reserve(&m->in, size);
    if (!room || read_all(m, room, size) != 1) return -1;
    *out = slice_of(room, size);
    return 1;
}

int messages_write(struct messages *m, uint8_t kind, struct slice message) {
    uint8_t prefix[NET_PREFIX_SIZE] = {kind};
    bits_put_be32(prefix + 1, (uint32_t)message.n);
    if (!m->begun) net_reply_begin(m->exchange, 200, slice_str(m->headers));
    m->begun = true;
    if (net_write(m->exchange, prefix, sizeof prefix) != 0) return -1;
    if (message.n && net_write(m->exchange, message.p, message.n) != 0) return -1;
    return 0;
}

int messages_send(void *arg, struct slice message) {
    struct messages *m = arg;
    return messages_write(m, 0, message) == 0 ? net_flush(m->exchange) : -1;
}

// --- a call ---

nacre_status messages_authenticate(struct messages *m, struct slice credential,
                                   struct op_principal *out) {
    struct worker *worker = m->worker;
    const struct op_credential given = {.text = credential, .address = net_peer(m->exchange)};
    nacre_status status = op_principal_of(&worker->ctx, worker->server->auth, &given, out);
    if (status != NACRE_OK) rpc_refuse(&worker->ctx, m->request_id, &worker->message);
    return status;
}

nacre_status messages_run(struct messages *m, const struct rpc_method *method,
                          const struct op_principal *principal, struct slice message) {
    struct worker *worker = m->worker;
    const struct world *world = worker->server->world;
    const struct rpc_stream stream = {.arg = m, .receive = messages_receive, .send = messages_send};
    struct op_call call = {.op = rpc_method_op(method),
                           .principal = principal,
                           .ctx = &worker->ctx,
                           .session = worker->session,
                           .txs = worker->server->txs,
                           .jobs = worker->server->jobs,
                           .slowlog = worker->server->slowlog,
                           .trace_id = m->access.trace_id,
                           .at_once = m->at_once};
    uint64_t begin_ns = world_mono_ns(world);
    access_principal(&m->access, principal);
    m->access.op = call.op->name;
    char timeout[24];
    snprintf(timeout, sizeof timeout, "%llu", (unsigned long long)m->timeout_ms);
    if (m->timeout_ms && call.op->params >> OP_PARAM_TIMEOUT_MS & 1)
        call.params[OP_PARAM_TIMEOUT_MS] = timeout;
    op_answer_init(&call.answer, NULL);
    nacre_status status = NACRE_OK;
    if (rpc_method_follows(method, message)) status = server_follow(worker);
    if (status == NACRE_OK)
        status = rpc_run(&call, method, message, &stream, m->request_id, &worker->message);
    else
        rpc_refuse(&worker->ctx, m->request_id, &worker->message);
    server_follow_end(worker);
    op_answer_free(&call.answer);
    m->would_wait = call.would_wait;
    if (call.would_wait) return status;
    metrics_count(&worker->server->metrics, call.op, status,
                  (world_mono_ns(world) - begin_ns) / 1000);
    return status;
}
