// gRPC over HTTP/2: messages with a prefix, how it went in the trailers. Health and reflection are
// beside it.
#include "server/grpc.h"

#include <stdio.h>

#include "base/bits/bits.h"
#include "base/bits/protobuf.h"

enum { TIMEOUT_MAX_MS = 86400000, DETAILS_MAX = 4500, MESSAGE_TEXT_MAX = 1000 };

static const char media[] = "application/grpc";

// Who does not say that it takes trailers (HTTP/1.1, where there are none here) could not be told
// how a call went.
bool grpc_is(const struct http_request *request) {
    struct slice type = http_header(request, "content-type");
    struct slice rest = slice_skip(type, type.n < sizeof media - 1 ? type.n : sizeof media - 1);
    return slice_starts(type, slice_str(media)) &&
           http_list_has(http_header(request, "te"), "trailers") &&
           (!rest.n || rest.p[0] == ';' || slice_eq_str(rest, "+proto"));
}

// "/nacre.v1.Documents/Get" without the slash.
static struct slice path_of(const struct http_request *request) {
    return slice_skip(request->path, request->path.n > 0);
}

struct net_plan grpc_plan(struct nacre_server *server, const struct http_request *request) {
    struct slice path = path_of(request);
    if (grpc_health_is(path)) return (struct net_plan){.body_max = 64 << 10};
    struct net_plan plan =
        messages_plan(server, rpc_method_of_path(path), http_header(request, "authorization"));
    if (grpc_reflect_is(path)) plan.streamed = true;
    if (!plan.streamed) plan.body_max += NET_PREFIX_SIZE;
    return plan;
}

// --- how it went ---

// RFC 3986's way, as the protocol wants it of what is no visible ASCII.
static void put_message(struct buf *out, struct slice text) {
    for (size_t i = 0; i < text.n && i < MESSAGE_TEXT_MAX; i++) {
        if (text.p[i] >= ' ' && text.p[i] < 127 && text.p[i] != '%')
            buf_put_u8(out, text.p[i]);
        else
            buf_printf(out, "%%%02X", text.p[i]);
    }
}

// The lines of a google.rpc.Status; one that a client's bound on heads may not take goes without
// details.
static void put_status(struct buf *out, struct slice status) {
    char text[DETAILS_MAX * 2];
    struct protobuf_field got;
    struct slice rest = status, message = {0};
    uint64_t code = 0;
    while (rest.n && protobuf_next(&rest, &got)) {
        if (got.number == 1) code = got.value;
        if (got.number == 2) message = got.bytes;
    }
    buf_printf(out, "Grpc-Status: %u\r\n", (unsigned)code);
    if (!message.n && !code) return;
    buf_put_str(out, "Grpc-Message: ");
    put_message(out, message);
    buf_put_str(out, "\r\n");
    if (status.n > DETAILS_MAX) return;
    size_t size = base64_encode(status.p, status.n, text);
    buf_printf(out, "Grpc-Status-Details-Bin: %.*s\r\n", (int)size, text);
}

// Without content its lines stand in the head ("trailers only").
static void finish(struct messages *m, nacre_status status) {
    struct worker *worker = m->worker;
    struct slice message = buf_slice(&worker->message);
    struct buf lines BUF_CLEANUP = {0};
    buf_init(&lines, NULL, 32 << 10);
    if (status == NACRE_OK && !m->begun && messages_write(m, 0, message) != 0) return;
    if (!m->begun) buf_put_str(&lines, m->headers);
    put_status(&lines, status == NACRE_OK ? slice_of(NULL, 0) : message);
    if (m->begun)
        net_trailers(m->exchange, buf_slice(&lines));
    else
        net_reply(m->exchange, 200, buf_slice(&lines), slice_of(NULL, 0));
}

// --- a call ---

nacre_status grpc_refuse(struct messages *m, nacre_status status) {
    rpc_refuse(&m->worker->ctx, m->request_id, &m->worker->message);
    return status;
}

// "100m": at most 8 digits and a unit. False: that is no time.
static bool read_timeout(struct slice text, uint64_t *out_ms) {
    static const struct {
        char unit;
        uint64_t up, down;
    } units[] = {{'H', 3600000, 1}, {'M', 60000, 1}, {'S', 1000, 1},
                 {'m', 1, 1},       {'u', 1, 1000},  {'n', 1, 1000000}};
    uint64_t value = 0;
    if (text.n < 2 || text.n > 9) return false;
    for (size_t i = 0; i + 1 < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') return false;
        value = value * 10 + (uint64_t)(text.p[i] - '0');
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (text.p[text.n - 1] != units[i].unit) continue;
        value = value * units[i].up / units[i].down;
        *out_ms = value < 1 ? 1 : value < TIMEOUT_MAX_MS ? value : TIMEOUT_MAX_MS;
        return true;
    }
    return false;
}

static nacre_status take_timeout(struct messages *m, const struct http_request *request) {
    struct slice text = http_header(request, "grpc-timeout");
    if (!text.p || read_timeout(text, &m->timeout_ms)) return NACRE_OK;
    return err_set(&m->worker->ctx, NACRE_INVALID_ARGUMENT, "grpc-timeout: expected one like 100m");
}

// The message of a request that has one.
static nacre_status read_message(struct messages *m, struct slice *out) {
    struct ctx *ctx = &m->worker->ctx;
    struct slice body = net_body(m->exchange);
    if (body.n < NET_PREFIX_SIZE || bits_be32(body.p + 1) != body.n - NET_PREFIX_SIZE)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "the request is not one message");
    if (body.p[0] != 0)
        return err_set(ctx, NACRE_UNIMPLEMENTED, "this server takes no compressed messages");
    *out = slice_skip(body, NET_PREFIX_SIZE);
    return NACRE_OK;
}

static nacre_status run_method(struct messages *m, const struct rpc_method *method,
                               const struct op_principal *principal) {
    struct buf first BUF_CLEANUP = {0};
    struct slice message;
    if (rpc_method_takes_stream(method)) {
        // A copy: the next message takes its place.
        buf_init(&first, NULL, STREAM_MESSAGE_MAX);
        if (messages_receive(m, &message) > 0) buf_put_slice(&first, message);
        return messages_run(m, method, principal, buf_slice(&first));
    }
    nacre_status status = read_message(m, &message);
    if (status != NACRE_OK) return grpc_refuse(m, status);
    return messages_run(m, method, principal, message);
}

static nacre_status run(struct messages *m, const struct http_request *request) {
    struct slice path = path_of(request), message;
    const struct rpc_method *method = rpc_method_of_path(path);
    struct op_principal principal;
    nacre_status status = take_timeout(m, request);
    if (status == NACRE_OK && grpc_health_is(path)) {
        status = read_message(m, &message);
        if (status == NACRE_OK) return grpc_health_run(m, message);
    }
    if (status != NACRE_OK) return grpc_refuse(m, status);
    TRY(messages_authenticate(m, http_header(request, "authorization"), &principal));
    if (method)
        status = run_method(m, method, &principal);
    else if (grpc_reflect_is(path))
        status = grpc_reflect_run(m);
    else
        status =
            grpc_refuse(m, err_set(&m->worker->ctx, NACRE_UNIMPLEMENTED, "there is no method %.*s",
                                   (int)(path.n < 100 ? path.n : 100), (const char *)path.p));
    op_principal_free(&principal);
    return status;
}

enum { HEADERS_SIZE = 120 };

static void begin(struct messages *m, struct worker *worker, struct net_exchange *exchange,
                  char headers[HEADERS_SIZE]) {
    messages_begin(m, worker, exchange, "grpc");
    snprintf(headers, HEADERS_SIZE, "Content-Type: %s\r\nNacre-Request-Id: %s\r\n", media,
             m->request_id);
    m->headers = headers;
}

bool grpc_run_quick(struct worker *worker, struct net_exchange *exchange) {
    const struct http_request *request = net_request(exchange);
    const struct op_credential given = {.text = http_header(request, "authorization")};
    struct op_principal principal;
    struct messages m;
    nacre_status status = NACRE_OK;
    char headers[HEADERS_SIZE];
    begin(&m, worker, exchange, headers);
    m.at_once = true;
    m.would_wait = take_timeout(&m, request) != NACRE_OK ||
                   !op_principal_quick(&worker->ctx, worker->server->auth, &given, &principal);
    if (!m.would_wait) {
        status = run_method(&m, rpc_method_of_path(path_of(request)), &principal);
        op_principal_free(&principal);
        if (!m.would_wait) finish(&m, status);
    }
    messages_end(&m, status);
    return !m.would_wait;
}

void grpc_run(struct worker *worker, struct net_exchange *exchange) {
    struct messages m;
    char headers[HEADERS_SIZE];
    begin(&m, worker, exchange, headers);
    nacre_status status = run(&m, net_request(exchange));
    finish(&m, status);
    messages_end(&m, status);
}
