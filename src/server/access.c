#include "server/access.h"

#include <stdio.h>
#include <string.h>

#include "server/logger.h"
#include "server/server.h"

// --- trace ---

static bool is_hex(struct slice text) {
    for (size_t i = 0; i < text.n; i++)
        if (!(text.p[i] >= '0' && text.p[i] <= '9') && !(text.p[i] >= 'a' && text.p[i] <= 'f'))
            return false;
    return true;
}

static bool is_zeros(struct slice text) {
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != '0') return false;
    return true;
}

// traceparent (W3C Trace Context, 3.2): VERSION-TRACE-PARENT-FLAGS; later versions may go on.
static bool read_trace(struct slice text, struct slice *out_id) {
    enum { SIZE = 55 };
    if (text.n < SIZE || text.p[2] != '-' || text.p[35] != '-' || text.p[52] != '-') return false;
    struct slice version = slice_of(text.p, 2), id = slice_of(text.p + 3, 32),
                 parent = slice_of(text.p + 36, 16), flags = slice_of(text.p + 53, 2);
    bool first = slice_eq_str(version, "00");
    if (text.n > SIZE && (first || text.p[SIZE] != '-')) return false;
    if (!is_hex(version) || !is_hex(id) || !is_hex(parent) || !is_hex(flags)) return false;
    if (slice_eq_str(version, "ff") || is_zeros(id) || is_zeros(parent)) return false;
    *out_id = id;
    return true;
}

// A new one is the request's id without dashes: 128 bits that are no other's.
static void trace_of(const struct http_request *request, const char *request_id,
                     char out[TRACE_ID_SIZE]) {
    struct slice id;
    size_t n = 0;
    bool once = http_header_times(request, "traceparent") == 1;
    if (once && read_trace(http_header(request, "traceparent"), &id)) {
        snprintf(out, TRACE_ID_SIZE, "%.*s", (int)id.n, (const char *)id.p);
        return;
    }
    for (const char *at = request_id; *at && n + 1 < TRACE_ID_SIZE; at++)
        if (*at != '-') out[n++] = *at;
    out[n] = '\0';
}

// --- a request ---

void access_begin(struct access *access, struct nacre_server *server, struct net_exchange *exchange,
                  const char *protocol, const char *request_id) {
    access->server = server;
    access->protocol = protocol;
    access->request_id = request_id;
    access->op = NULL;
    access->status = NACRE_OK;
    access->http = 0;
    access->principal[0] = '\0';
    access->begin_ns = server->log_requests ? world_mono_ns(server->world) : 0;
    trace_of(net_request(exchange), request_id, access->trace_id);
}

void access_principal(struct access *access, const struct op_principal *principal) {
    if (access->begin_ns)
        snprintf(access->principal, ACCESS_NAME_MAX, "%s", op_principal_name(principal));
}

void access_end(const struct access *access, struct net_exchange *exchange) {
    struct logger_line line;
    if (!access->begin_ns) return;
    struct net_account account = net_account(exchange);
    struct slice address = net_peer(exchange);
    uint64_t took_ns = world_mono_ns(access->server->world) - access->begin_ns;
    logger_begin(access->server->logger, LOG_INFO, "request", &line);
    logger_text(&line, "request_id", slice_str(access->request_id));
    logger_text(&line, "trace_id", slice_str(access->trace_id));
    logger_text(&line, "protocol", slice_str(access->protocol));
    if (access->op) logger_text(&line, "op", slice_str(access->op));
    logger_number(&line, "status", (uint64_t)(access->http ? access->http : account.status));
    logger_text(&line, "code", slice_str(nacre_status_code(access->status)));
    logger_ms(&line, took_ns / 1000);
    logger_number(&line, "bytes_in", account.taken);
    logger_number(&line, "bytes_out", account.given);
    if (access->principal[0]) logger_text(&line, "principal", slice_str(access->principal));
    logger_text(&line, "address", address.n ? address : SLICE_LIT("unix"));
    logger_end(&line);
}

void access_refused(struct nacre_server *server, int http, nacre_status status,
                    const char *request_id) {
    struct logger_line line;
    if (!server->log_requests) return;
    logger_begin(server->logger, LOG_INFO, "refused", &line);
    logger_text(&line, "request_id", slice_str(request_id));
    logger_number(&line, "status", (uint64_t)http);
    logger_text(&line, "code", slice_str(nacre_status_code(status)));
    logger_end(&line);
}
