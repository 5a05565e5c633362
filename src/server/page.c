// Paths that are no operations: health, metrics, the OpenAPI document, the dashboard.
#include <stdio.h>

#include "base/bits/bits.h"
#include "engine/engine.h"
#include "lib/lib_caller.h"
#include "server/rest.h"
#include "server/ui.h"

// Whether the verb reads, as all paths here want it; else the request is refused.
static bool reads(struct rest *rest) {
    static const struct route read = {.allowed = 1u << VERB_GET};
    struct slice method = rest->request->method;
    if (slice_eq_str(method, "GET") || slice_eq_str(method, "HEAD")) return true;
    rest_refuse_path(rest, &read);
    return false;
}

// Whether it is this path, and the verb reads.
static bool is_page(struct rest *rest, const char *path, bool *answered) {
    if (!slice_eq_str(rest->request->path, path)) return false;
    rest->access.op = path;
    *answered = !reads(rest);
    return !*answered;
}

static void reply_page_as(struct rest *rest, int status, const char *type, struct slice content) {
    struct buf *headers = &rest->worker->headers;
    net_compress(rest->exchange);
    buf_reset(headers);
    buf_printf(headers, "Nacre-Request-Id: %s\r\nContent-Type: %s\r\nCache-Control: no-store\r\n",
               rest->request_id, type);
    cors_put(rest, headers);
    net_reply(rest->exchange, status, buf_slice(headers), content);
}

static void reply_page(struct rest *rest, const char *type, struct slice content) {
    reply_page_as(rest, 200, type, content);
}

// --- the dashboard ---

static void reply_file(struct rest *rest, const struct ui_file *file) {
    struct buf *headers = &rest->worker->headers;
    struct slice content = slice_of(file->content, *file->size);
    char tag[12];
    snprintf(tag, sizeof tag, "\"%08x\"", crc32c(0, content.p, content.n));
    net_compress(rest->exchange);
    bool known = slice_eq_str(http_header(rest->request, "if-none-match"), tag);
    buf_reset(headers);
    buf_printf(headers,
               "Nacre-Request-Id: %s\r\nContent-Type: %s\r\nETag: %s\r\n"
               "Cache-Control: no-cache\r\n" UI_HEADERS,
               rest->request_id, file->type, tag);
    net_reply(rest->exchange, known ? 304 : 200, buf_slice(headers),
              known ? slice_of(NULL, 0) : content);
}

static void run_ui(struct rest *rest) {
    static const struct route none = {0};
    const struct ui_file *file = ui_find(rest->request->path);
    struct ctx *ctx = &rest->worker->ctx;
    if (!reads(rest)) return;
    if (!ui_is_built()) {
        err_set(ctx, NACRE_UNIMPLEMENTED, "this program was built without the dashboard");
        err_hint(ctx, "Install nodejs and npm, and build again.");
        rest_refuse(rest, "");
    } else if (slice_eq_str(rest->request->path, "/ui")) {
        net_reply(rest->exchange, 308, SLICE_LIT("Location: /ui/\r\n"), slice_of(NULL, 0));
    } else if (file) {
        reply_file(rest, file);
    } else {
        rest_refuse_path(rest, &none);
    }
}

// --- health ---

static void put_check(struct buf *out, const char *name, bool ok) {
    buf_printf(out, ",\"%s\":\"%s\"", name, ok ? "ok" : "failed");
}

// Ready: writes are taken. Nobody needs a key for this, so it tells no more than that and why.
static void reply_ready(struct rest *rest) {
    struct buf text BUF_CLEANUP = {0};
    struct engine_status status;
    engine_status(lib_engine(rest->worker->server->db), &status);
    bool memory = status.memory_used <= status.memory_limit;
    bool ready = !status.writes_stopped && !status.disk_full;
    buf_init(&text, NULL, 4096);
    buf_printf(&text, "{\"status\":\"%s\"", ready ? "ok" : "unavailable");
    if (slice_eq_str(rest->request->query, "verbose")) {
        put_check(&text, "store_and_log", !status.writes_stopped);
        put_check(&text, "disk", !status.disk_full);
        put_check(&text, "memory", memory);
    }
    buf_put_u8(&text, '}');
    reply_page_as(rest, ready ? 200 : 503, "application/json", buf_slice(&text));
}

// --- others ---

bool page_run_public(struct rest *rest) {
    bool answered = false;
    if (ui_is_path(rest->request->path)) {
        rest->access.op = "/ui";
        run_ui(rest);
        return true;
    }
    if (is_page(rest, "/readyz", &answered)) {
        reply_ready(rest);
        return true;
    }
    if (!is_page(rest, "/livez", &answered)) return answered;
    reply_page(rest, "application/json", SLICE_LIT("{\"status\":\"ok\"}"));
    return true;
}

static void reply_metrics(struct rest *rest) {
    struct worker *worker = rest->worker;
    struct buf text BUF_CLEANUP = {0};
    buf_init(&text, NULL, 256 << 20);
    if (metrics_print(&worker->ctx, &worker->server->metrics, worker->server->db, worker->session,
                      &text) == NACRE_OK)
        reply_page(rest, "text/plain; version=0.0.4; charset=utf-8", buf_slice(&text));
    else
        rest_refuse(rest, "");
}

bool page_run(struct rest *rest, const struct op_principal *principal) {
    bool answered = false;
    if (is_page(rest, "/openapi.json", &answered)) {
        reply_page(rest, "application/json", slice_of(server_openapi, server_openapi_size));
        return true;
    }
    if (!is_page(rest, "/metrics", &answered)) return answered;
    if (op_may(principal, OP_MAY_METRICS_READ, "*", "*")) {
        reply_metrics(rest);
    } else {
        err_set(&rest->worker->ctx, NACRE_PERMISSION_DENIED,
                "/metrics needs the permission metrics:read");
        rest_refuse(rest, "");
    }
    return true;
}
