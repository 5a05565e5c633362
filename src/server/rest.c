// Requests over HTTP: who asks, which operation, its call, its answer as headers and a body.
#include <stdio.h>

#include "doc/json.h"
#include "lib/problem.h"
#include "server/rest.h"
#include "server/sockets.h"

// --- headers ---

// draft-ietf-httpapi-ratelimit-headers: the limit that is nearest.
static void put_limit(const struct limit_state *limit, int status, struct buf *out) {
    if (status == 429 || status == 503)
        buf_printf(out, "Retry-After: %u\r\n", limit->wait_s ? limit->wait_s : 1);
    if (!limit->a_second) return;
    buf_printf(out, "RateLimit-Policy: \"calls\";q=%u;w=1\r\nRateLimit: \"calls\";r=%u;t=%u\r\n",
               limit->a_second, limit->left, limit->wait_s ? limit->wait_s : 1);
}

static void put_headers(struct rest *rest, const struct op_answer *answer) {
    struct buf *out = &rest->worker->headers;
    buf_reset(out);
    buf_printf(out, "Nacre-Request-Id: %s\r\n", rest->request_id);
    if (answer->problem)
        buf_put_str(out, "Content-Type: application/problem+json\r\n");
    else if (answer->body.n || rest->begun)
        buf_printf(out, "Content-Type: %s\r\n", rest_media_name(answer->media));
    if (answer->version) buf_printf(out, "ETag: \"%llu\"\r\n", (unsigned long long)answer->version);
    if (answer->sequence[0]) buf_printf(out, "Nacre-Sequence: %s\r\n", answer->sequence);
    if (answer->location.n) {
        buf_put_str(out, "Location: ");
        buf_put_slice(out, buf_slice(&answer->location));
        buf_put_str(out, "\r\n");
    }
    if (answer->replayed) buf_put_str(out, "Idempotency-Replayed: true\r\n");
    if (answer->minimal) buf_put_str(out, "Preference-Applied: return=minimal\r\n");
    if (answer->status == 401) buf_put_str(out, "WWW-Authenticate: Bearer\r\n");
    put_limit(&rest->limit, answer->status, out);
    cors_put(rest, out);
    buf_put_str(out, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                     "Content-Security-Policy: frame-ancestors 'none'\r\n");
}

static void reply(struct rest *rest, struct op_answer *answer) {
    put_headers(rest, answer);
    net_reply(rest->exchange, answer->status, buf_slice(&rest->worker->headers),
              buf_slice(&answer->body));
}

static void refuse_as(struct rest *rest, int status, const char *extra) {
    struct ctx *ctx = &rest->worker->ctx;
    struct op_answer answer;
    rest->access.status = ctx->err.status;
    op_answer_init(&answer, NULL);
    lib_problem_write(&answer.body, &ctx->err, rest->request_id);
    answer.problem = true;
    answer.status = status;
    put_headers(rest, &answer);
    buf_put_str(&rest->worker->headers, extra);
    net_reply(rest->exchange, answer.status, buf_slice(&rest->worker->headers),
              buf_slice(&answer.body));
    op_answer_free(&answer);
}

void rest_refuse(struct rest *rest, const char *extra) {
    refuse_as(rest, nacre_status_http(rest->worker->ctx.err.status), extra);
}

// --- streams ---

static long read_stream(void *arg, void *buffer, size_t size) {
    return net_read(((struct rest *)arg)->exchange, buffer, size);
}

static int write_stream(void *arg, const void *bytes, size_t size) {
    struct rest *rest = arg;
    if (!rest->begun) {
        rest->begun = true;
        put_headers(rest, &rest->call->answer);
        net_reply_begin(rest->exchange, rest->call->answer.status,
                        buf_slice(&rest->worker->headers));
    }
    return net_write(rest->exchange, bytes, size);
}

static int flush_stream(void *arg) { return net_flush(((struct rest *)arg)->exchange); }

// --- who asks ---

static struct op_credential credential_of(const struct http_request *request) {
    return (struct op_credential){.text = http_header(request, "authorization")};
}

static bool authenticate(struct rest *rest, struct op_principal *out) {
    struct op_credential credential = credential_of(rest->request);
    credential.address = net_peer(rest->exchange);
    nacre_status status =
        op_principal_of(&rest->worker->ctx, rest->worker->server->auth, &credential, out);
    rest->limit = out->limit;
    if (status == NACRE_OK) return true;
    rest_refuse(rest, "");
    return false;
}

// --- what is no operation ---

static void put_allowed(uint32_t verbs, char *out, size_t size) {
    size_t n = (size_t)snprintf(out, size, "Allow: ");
    const char *comma = "";
    for (int verb = 0; verb < VERBS; verb++) {
        if (!(verbs >> verb & 1)) continue;
        n += (size_t)snprintf(out + n, size - n, "%s%s%s", comma, server_verbs[verb],
                              verb == VERB_GET ? ", HEAD" : "");
        comma = ", ";
    }
    snprintf(out + n, size - n, "\r\n");
}

void rest_refuse_path(struct rest *rest, const struct route *route) {
    struct ctx *ctx = &rest->worker->ctx;
    struct slice path = rest->request->path, method = rest->request->method;
    char allowed[100] = "";
    if (route->allowed) {
        put_allowed(route->allowed, allowed, sizeof allowed);
        err_set(ctx, NACRE_METHOD_NOT_ALLOWED, "%.*s is no method of this path", (int)method.n,
                (const char *)method.p);
    } else {
        err_set(ctx, NACRE_NOT_FOUND, "there is no path %.*s", (int)(path.n < 200 ? path.n : 200),
                (const char *)path.p);
    }
    rest_refuse(rest, allowed);
}

// --- a request ---

static bool is_head(const struct http_request *request) {
    return slice_eq_str(request->method, "HEAD");
}

// False: at_once, and it would have to wait.
static bool run_call(struct rest *rest, const struct route *route,
                     const struct op_principal *principal) {
    struct worker *worker = rest->worker;
    // Administration answers keys, whose guessed parts would show in the size of what is
    // compressed.
    if (route->op->permission != OP_MAY_SERVER_ADMIN) net_compress(rest->exchange);
    struct op_stream stream = {
        .arg = rest, .read = read_stream, .write = write_stream, .flush = flush_stream};
    struct op_call call = {.op = route->op,
                           .principal = principal,
                           .ctx = &worker->ctx,
                           .session = worker->session,
                           .txs = worker->server->txs,
                           .jobs = worker->server->jobs,
                           .slowlog = worker->server->slowlog,
                           .stream = &stream,
                           .request_id = rest->request_id,
                           .trace_id = rest->access.trace_id,
                           .at_once = rest->at_once};
    uint64_t begin_ns = world_mono_ns(worker->server->world);
    op_answer_init(&call.answer, server_budget(worker->server));
    rest->call = &call;
    rest->access.op = route->op->name;
    nacre_status status = rest_call_fill(&call, rest->request, route, net_body(rest->exchange));
    if (is_head(rest->request)) call.params[OP_PARAM_FOLLOW] = NULL; // its head tells all
    if (status == NACRE_OK && op_flag(&call, OP_PARAM_FOLLOW, false))
        status = server_follow(worker);
    status = status == NACRE_OK ? op_run(&call) : op_refuse(&call, status);
    server_follow_end(worker);
    if (call.would_wait) {
        op_answer_free(&call.answer);
        return false;
    }
    if (!rest->begun)
        reply(rest, &call.answer);
    else if (status != NACRE_OK && call.answer.media == OP_NDJSON) { // the last line tells it
        net_write(rest->exchange, "{\"$error\":", 10);
        net_write(rest->exchange, call.answer.body.p, call.answer.body.n);
        net_write(rest->exchange, "}\n", 2);
    } else if (status != NACRE_OK) {
        net_abort(rest->exchange);
    }
    op_answer_free(&call.answer);
    rest->call = NULL;
    uint64_t took_ns = world_mono_ns(worker->server->world) - begin_ns;
    metrics_count(&worker->server->metrics, route->op, status, took_ns / 1000);
    rest->access.status = status;
    return true;
}

static void begin(struct rest *rest, struct worker *worker, struct net_exchange *exchange) {
    *rest = (struct rest){.worker = worker, .exchange = exchange, .request = net_request(exchange)};
    ctx_reset(&worker->ctx);
    world_uuid7(worker->server->world, rest->request_id);
    access_begin(&rest->access, worker->server, exchange, "http", rest->request_id);
}

// The socket of subscriptions. True: the exchange is one now.
static bool run_socket(struct rest *rest, struct op_principal *principal) {
    const char *detail;
    int refused = net_socket_refuses(rest->request, &detail);
    rest->access.op = "/ws";
    if (refused == 0) {
        rest->access.http = 101;
        access_end(&rest->access, rest->exchange); // from here on it is another thread's
        sockets_take(rest->worker->server->sockets, rest->exchange, principal);
        return true;
    }
    err_set(&rest->worker->ctx, NACRE_INVALID_ARGUMENT, "%s", detail);
    refuse_as(rest, refused,
              "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
    return false;
}

static void run_route(struct rest *rest, const struct op_principal *principal) {
    struct route route;
    rest_route_find(rest->request->method, rest->request->path, &route);
    if (route.op)
        run_call(rest, &route, principal);
    else
        rest_refuse_path(rest, &route);
}

bool rest_run(struct worker *worker, struct net_exchange *exchange) {
    struct rest rest;
    struct op_principal principal;
    bool socket = false;
    begin(&rest, worker, exchange);
    if (cors_run_preflight(&rest) || page_run_public(&rest) || !authenticate(&rest, &principal)) {
        access_end(&rest.access, exchange);
        return true;
    }
    access_principal(&rest.access, &principal);
    if (slice_eq_str(rest.request->path, "/ws"))
        socket = run_socket(&rest, &principal);
    else if (!page_run(&rest, &principal))
        run_route(&rest, &principal);
    op_principal_free(&principal);
    if (!socket) access_end(&rest.access, exchange);
    return !socket;
}

bool rest_run_quick(struct worker *worker, struct net_exchange *exchange) {
    struct rest rest;
    struct op_principal principal;
    struct route route;
    begin(&rest, worker, exchange);
    rest.at_once = true;
    struct op_credential credential = credential_of(rest.request);
    if (!op_principal_quick(&worker->ctx, worker->server->auth, &credential, &principal))
        return false;
    access_principal(&rest.access, &principal);
    rest_route_find(rest.request->method, rest.request->path, &route);
    bool done = run_call(&rest, &route, &principal);
    if (done) access_end(&rest.access, exchange);
    op_principal_free(&principal);
    return done;
}

// Whether the query has follow=true, in the spelling that clients use.
static bool follows(const struct http_request *request) {
    struct slice text = SLICE_LIT("follow=true"), query = request->query;
    if (is_head(request)) return false;
    for (; query.n >= text.n; query = slice_skip(query, 1))
        if (slice_starts(query, text)) return true;
    return false;
}

struct net_plan rest_plan(void *arg, const struct http_request *request) {
    struct nacre_server *server = arg;
    struct op_credential credential = credential_of(request);
    struct route route;
    // Who has no key is refused at the head: no body is held for it.
    if (!op_credential_may_pass(server->auth, &credential))
        return (struct net_plan){.streamed = true};
    rest_route_find(request->method, request->path, &route);
    bool streamed = route.op && route.op->body && strcmp(route.op->body, "stream") == 0;
    bool endless = route.op && route.op->params >> OP_PARAM_FOLLOW & 1 && follows(request);
    return (struct net_plan){.streamed = streamed,
                             .endless = endless,
                             .quick = route.op && op_is_quick(route.op),
                             .body_max = route.op && route.op->body ? BODY_MAX : 64 << 10};
}

void rest_refuse_bytes(void *arg, int http, const char *detail, struct buf *content) {
    static const struct {
        int http;
        nacre_status status;
    } codes[] = {{413, NACRE_REQUEST_TOO_LARGE},
                 {408, NACRE_TIMEOUT},
                 {501, NACRE_UNIMPLEMENTED},
                 {503, NACRE_UNAVAILABLE}};
    struct nacre_server *server = arg;
    nacre_status status = NACRE_INVALID_ARGUMENT;
    char id[37];
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].http == http) status = codes[i].status;
    world_uuid7(server->world, id);
    access_refused(server, http, status, id);
    buf_printf(content,
               "{\"type\":\"urn:nacre:error:%s\",\"title\":\"%s\",\"status\":%d,\"code\":\"%s\","
               "\"detail\":",
               nacre_status_code(status), nacre_status_title(status), http,
               nacre_status_code(status));
    json_write_str(content, slice_str(detail));
    buf_printf(content, ",\"retryable\":%s,\"request_id\":\"%s\"}",
               nacre_status_retryable(status) ? "true" : "false", id);
}
