// Requests of web pages from elsewhere (Fetch, CORS protocol): off unless origins are named.
#include "ops/op.h"
#include "server/rest.h"

// The origin that may read answers; n 0: none.
static struct slice allowed_origin(const struct rest *rest) {
    const char *origins = rest->worker->server->cors;
    struct slice origin = http_header(rest->request, "origin");
    bool known =
        origins && origin.p && (strcmp(origins, "*") == 0 || op_is_listed(origins, origin));
    return known ? origin : (struct slice){0};
}

void cors_put(const struct rest *rest, struct buf *out) {
    struct slice origin = allowed_origin(rest);
    if (rest->worker->server->cors) buf_put_str(out, "Vary: Origin\r\n");
    if (!origin.n) return;
    buf_put_str(out, "Access-Control-Allow-Origin: ");
    buf_put_slice(out, origin);
    buf_put_str(out, "\r\nAccess-Control-Expose-Headers: ETag, Location, Nacre-Request-Id, "
                     "Nacre-Sequence, Idempotency-Replayed, RateLimit, RateLimit-Policy, "
                     "Retry-After\r\n");
}

bool cors_run_preflight(struct rest *rest) {
    struct buf *headers = &rest->worker->headers;
    if (!slice_eq_str(rest->request->method, "OPTIONS") || !allowed_origin(rest).n ||
        !http_header(rest->request, "access-control-request-method").p)
        return false;
    buf_reset(headers);
    cors_put(rest, headers);
    buf_put_str(headers, "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE\r\n"
                         "Access-Control-Allow-Headers: Authorization, Content-Type, Accept, "
                         "Prefer, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID, "
                         "Nacre-Lease, Nacre-Transaction, Nacre-Min-Sequence\r\n"
                         "Access-Control-Max-Age: 600\r\n");
    net_reply(rest->exchange, 204, buf_slice(headers), slice_of(NULL, 0));
    return true;
}
