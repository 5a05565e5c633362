// Requests over the native protocol: the method is the number of an operation, 0 a hello.
#include "server/server.h"

bool native_is(const struct http_request *request) {
    return slice_eq_str(request->method, "NATIVE") && request->path.p[0] != '/';
}

static uint16_t number_of(const struct http_request *request) {
    unsigned number = 0;
    for (size_t i = 0; i < request->path.n; i++)
        number = number * 10 + (request->path.p[i] - '0');
    return (uint16_t)number;
}

struct net_plan native_plan(struct nacre_server *server, const struct http_request *request) {
    return messages_plan(server, rpc_method_of_number(number_of(request)),
                         http_header(request, "authorization"));
}

// A reply that is whole, or a last message that tells how a stream ended.
static void finish(struct messages *m, nacre_status status) {
    struct slice message = buf_slice(&m->worker->message);
    if (!m->begun)
        net_reply(m->exchange, nacre_status_http(status), slice_of(NULL, 0), message);
    else if (status != NACRE_OK)
        messages_write(m, NET_PREFIX_STATUS, message);
}

static nacre_status run_method(struct messages *m, const struct rpc_method *method,
                               const struct op_principal *principal) {
    struct buf first BUF_CLEANUP = {0};
    struct slice message = net_body(m->exchange);
    if (!rpc_method_takes_stream(method)) return messages_run(m, method, principal, message);
    // A copy: the next message takes its place.
    buf_init(&first, NULL, STREAM_MESSAGE_MAX);
    if (messages_receive(m, &message) > 0) buf_put_slice(&first, message);
    return messages_run(m, method, principal, buf_slice(&first));
}

static nacre_status run(struct messages *m, const struct http_request *request,
                        const struct op_principal *principal) {
    uint16_t number = number_of(request);
    const struct rpc_method *method = rpc_method_of_number(number);
    if (method) return run_method(m, method, principal);
    if (number == 0) return NACRE_OK;
    struct ctx *ctx = &m->worker->ctx;
    nacre_status status = err_set(ctx, NACRE_UNIMPLEMENTED, "there is no method %u", number);
    rpc_refuse(ctx, m->request_id, &m->worker->message);
    return status;
}

bool native_run_quick(struct worker *worker, struct net_exchange *exchange) {
    const struct http_request *request = net_request(exchange);
    const struct op_credential given = {.text = http_header(request, "authorization")};
    struct op_principal principal;
    struct messages m;
    nacre_status status = NACRE_OK;
    messages_begin(&m, worker, exchange, "native");
    m.at_once = true;
    m.would_wait = !op_principal_quick(&worker->ctx, worker->server->auth, &given, &principal);
    if (!m.would_wait) {
        status = run(&m, request, &principal);
        op_principal_free(&principal);
        if (!m.would_wait) finish(&m, status);
    }
    messages_end(&m, status);
    return !m.would_wait;
}

void native_run(struct worker *worker, struct net_exchange *exchange) {
    const struct http_request *request = net_request(exchange);
    struct op_principal principal;
    struct messages m;
    messages_begin(&m, worker, exchange, "native");
    nacre_status status =
        messages_authenticate(&m, http_header(request, "authorization"), &principal);
    if (status == NACRE_OK) {
        status = run(&m, request, &principal);
        op_principal_free(&principal);
    }
    finish(&m, status);
    messages_end(&m, status);
}
