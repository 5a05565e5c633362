// nacre_server: a directory served over sockets.
#include "nacre/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/audit.h"
#include "engine/changes.h"
#include "lib/lib_caller.h"
#include "server/server.h"
#include "server/sockets.h"

enum {
    WORKERS_MAX = 256,
    FOLLOWERS_MAX = WORKERS_MAX / 4 * 3,
    CONNECTIONS_MAX = 20000,
    LOOPS_MAX = 64,
    DRAIN_MS = 10000,
    SLOW_MS = 500
};

// --- workers ---

static void *open_worker(void *arg) {
    struct nacre_server *server = arg;
    struct worker *worker = mem_zalloc(sizeof *worker);
    if (!worker) return NULL;
    if (nacre_session_open(server->db, &worker->session) != NACRE_OK) {
        mem_free(worker);
        return NULL;
    }
    worker->server = server;
    ctx_init(&worker->ctx, server->world, server_budget(server), REQUEST_MEMORY_MAX);
    buf_init(&worker->headers, NULL, 64 << 10);
    buf_init(&worker->message, NULL, REQUEST_MEMORY_MAX);
    mutex_lock(&server->mutex);
    worker->next = server->workers;
    worker->link = &server->workers;
    if (worker->next) worker->next->link = &worker->next;
    server->workers = worker;
    mutex_unlock(&server->mutex);
    return worker;
}

static void close_worker(void *arg) {
    struct worker *worker = arg;
    mutex_lock(&worker->server->mutex);
    *worker->link = worker->next;
    if (worker->next) worker->next->link = worker->link;
    mutex_unlock(&worker->server->mutex);
    nacre_session_close(worker->session);
    ctx_free(&worker->ctx);
    buf_free(&worker->headers);
    buf_free(&worker->message);
    mem_free(worker);
}

nacre_status server_follow(struct worker *worker) {
    atomic_uint *followers = &worker->server->followers;
    if (atomic_fetch_add(followers, 1) < FOLLOWERS_MAX) {
        atomic_store(&worker->follows, true);
        return NACRE_OK;
    }
    atomic_fetch_sub(followers, 1);
    err_set(&worker->ctx, NACRE_UNAVAILABLE, "%d streams follow changes already", FOLLOWERS_MAX);
    err_hint(&worker->ctx, "Subscriptions over a WebSocket (/ws) have no such bound.");
    return NACRE_UNAVAILABLE;
}

void server_follow_end(struct worker *worker) {
    if (atomic_exchange(&worker->follows, false)) atomic_fetch_sub(&worker->server->followers, 1);
}

// True: it is answered.
static bool run(void *worker, struct net_exchange *exchange) {
    if (native_is(net_request(exchange)))
        native_run(worker, exchange);
    else if (grpc_is(net_request(exchange)))
        grpc_run(worker, exchange);
    else
        return rest_run(worker, exchange);
    return true;
}

static void woken(void *arg) {
    struct nacre_server *server = arg;
    engine_changes_wake(lib_engine(server->db));
}

static bool run_quick(void *worker, struct net_exchange *exchange) {
    if (native_is(net_request(exchange))) return native_run_quick(worker, exchange);
    if (grpc_is(net_request(exchange))) return grpc_run_quick(worker, exchange);
    return rest_run_quick(worker, exchange);
}

static struct net_plan plan(void *arg, const struct http_request *request) {
    if (native_is(request)) return native_plan(arg, request);
    return grpc_is(request) ? grpc_plan(arg, request) : rest_plan(arg, request);
}

// --- addresses ---

// "HOST:PORT", "[::1]:PORT" or ":PORT".
static nacre_status split_address(struct ctx *ctx, const char *text, char host[256],
                                  uint16_t *port) {
    const char *colon = strrchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : 0;
    char *end = NULL;
    unsigned long number = colon ? strtoul(colon + 1, &end, 10) : 0;
    if (!colon || end == colon + 1 || *end || number > 65535 || size > 255)
        return err_set(ctx, NACRE_INVALID_ARGUMENT,
                       "expected HOST:PORT to listen on, as in 127.0.0.1:7700, got \"%.100s\"",
                       text);
    if (size > 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    snprintf(host, 256, "%.*s", (int)size, text);
    *port = (uint16_t)number;
    return NACRE_OK;
}

static bool is_loopback(const char *host) {
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           strncmp(host, "127.", 4) == 0;
}

static nacre_status listen_on(struct ctx *ctx, struct nacre_server *server, const char *address,
                              const nacre_serve_options *options) {
    size_t used = strlen(server->addresses);
    char host[256];
    uint16_t port;
    TRY(split_address(ctx, address, host, &port));
    bool tls = options->tls_certificate != NULL;
    if (!is_loopback(host) && !options->insecure && !tls) {
        err_set(ctx, NACRE_INVALID_ARGUMENT,
                "%s can be reached from other machines, and there is no TLS", address);
        err_hint(ctx, "Listen on 127.0.0.1, give --tls-cert and --tls-key, or --insecure if the "
                      "network is to be trusted.");
        return NACRE_INVALID_ARGUMENT;
    }
    net_server_tls_only(server->net, tls && !is_loopback(host) && !options->insecure);
    TRY(net_server_listen(ctx, server->net, host, port, &port));
    bool six = strchr(host, ':') != NULL;
    snprintf(server->addresses + used, sizeof server->addresses - used, "%shttp%s://%s%s%s:%u",
             used ? " " : "", tls ? "s" : "", six ? "[" : "", host, six ? "]" : "", port);
    return NACRE_OK;
}

// --- TLS ---

// A path outlives the caller's options: it is read again.
static nacre_status keep_path(struct ctx *ctx, const char *path, char **out) {
    if (!path) return NACRE_OK;
    *out = mem_strdup(path);
    return *out ? NACRE_OK : err_nomem(ctx);
}

static nacre_status keep_tls(struct ctx *ctx, struct nacre_server *server,
                             const nacre_serve_options *options) {
    const char *oldest = options->tls_min ? options->tls_min : "1.3";
    if (!options->tls_certificate != !options->tls_key)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "a certificate and its key go together");
    if (options->tls_client_ca && !options->tls_key)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "clients' certificates need TLS: give one");
    if (strcmp(oldest, "1.2") != 0 && strcmp(oldest, "1.3") != 0)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "TLS is 1.2 or 1.3 here, not \"%.20s\"",
                       oldest);
    server->tls_12 = strcmp(oldest, "1.2") == 0;
    TRY(keep_path(ctx, options->tls_certificate, &server->tls_certificate));
    TRY(keep_path(ctx, options->tls_key, &server->tls_key));
    return keep_path(ctx, options->tls_client_ca, &server->tls_client_ca);
}

static nacre_status load_tls(struct ctx *ctx, struct nacre_server *server) {
    const struct net_tls tls = {.certificate = server->tls_certificate,
                                .key = server->tls_key,
                                .client_ca = server->tls_client_ca,
                                .allow_12 = server->tls_12};
    return tls.key ? net_server_tls(ctx, server->net, &tls) : NACRE_OK;
}

// --- begin and end ---

// One a processor.
static uint32_t loops_here(void) {
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > LOOPS_MAX ? LOOPS_MAX : (uint32_t)count;
}

static nacre_status open_logger(struct ctx *ctx, const nacre_serve_options *options,
                                struct nacre_server *server) {
    const struct logger_options logger = {.fd = STDERR_FILENO,
                                          .text = options->log_text,
                                          .world = server->world,
                                          .lost = &server->metrics.lines_lost};
    server->log_requests = options->log_requests;
    return logger_open(ctx, &logger, &server->logger);
}

static nacre_status start(struct ctx *ctx, const nacre_serve_options *options,
                          struct nacre_server *server) {
    static const char *const usual[] = {"127.0.0.1:7700"};
    const struct net_limits limits = {.connections = CONNECTIONS_MAX,
                                      .workers = WORKERS_MAX,
                                      .loops = loops_here(),
                                      .head_ms = 10000,
                                      .idle_ms = 75000,
                                      .stall_ms = 30000};
    const char *const *addresses = options->listen_count ? options->listen : usual;
    size_t count = options->listen_count ? options->listen_count : 1;
    struct auth_options auth = {.dir = options->dir,
                                .engine = lib_engine(server->db),
                                .world = server->world,
                                .jwks = options->jwks,
                                .jwt_issuer = options->jwt_issuer,
                                .jwt_audience = options->jwt_audience,
                                .rate = options->rate,
                                .tenant_rate = options->tenant_rate};
    char path[4096];
    TRY(open_logger(ctx, options, server));
    TRY(op_auth_open(ctx, &auth, &server->auth));
    server->txs = op_txs_open(server->db, server->world);
    if (options->backups) server->backups = mem_strdup(options->backups);
    if (options->backups && !server->backups) return err_nomem(ctx);
    server->jobs = op_jobs_open(server->db, server->backups, server->world);
    uint64_t slow_ms = options->slow_ms ? options->slow_ms : SLOW_MS;
    server->slowlog = op_slowlog_open(slow_ms, server->world);
    if (!server->txs || !server->jobs || !server->slowlog) return err_nomem(ctx);
    server->app = (struct net_app){.arg = server,
                                   .plan = plan,
                                   .refuse = rest_refuse_bytes,
                                   .worker_open = open_worker,
                                   .worker_close = close_worker,
                                   .run = run,
                                   .run_quick = run_quick,
                                   .woken = woken};
    TRY(sockets_open(ctx, server, &server->sockets));
    TRY(net_server_open(ctx, &server->app, &limits, &server->net));
    TRY(keep_tls(ctx, server, options));
    TRY(keep_path(ctx, options->cors, &server->cors));
    TRY(load_tls(ctx, server));
    for (size_t i = 0; i < count; i++)
        TRY(listen_on(ctx, server, addresses[i], options));
    snprintf(path, sizeof path, "%s/nacre.sock", options->dir);
    TRY(net_server_listen_unix(ctx, server->net, path));
    return net_server_start(ctx, server->net);
}

static void tell(nacre_open_error *error, const struct ctx *ctx) {
    if (!error) return;
    error->status = ctx->err.status;
    snprintf(error->detail, sizeof error->detail, "%s", ctx->err.detail);
    snprintf(error->hint, sizeof error->hint, "%s", ctx->err.hint);
}

nacre_status nacre_server_start(const nacre_serve_options *options, nacre_open_error *error,
                                nacre_server **out) {
    struct nacre_server *server = mem_zalloc(sizeof *server);
    struct ctx ctx;
    nacre_options open = options->open;
    if (!server) return NACRE_MEMORY_LIMIT;
    open.error = error;
    nacre_status status = nacre_open(options->dir, &open, &server->db);
    if (status != NACRE_OK) {
        mem_free(server);
        return status;
    }
    server->world = &world_system;
    server->metrics.start_ms = world_wall_ms(server->world);
    mutex_init(&server->mutex);
    ctx_init(&ctx, server->world, NULL, 1 << 20);
    status = start(&ctx, options, server);
    if (status == NACRE_OK) {
        *out = server;
    } else {
        tell(error, &ctx);
        nacre_status closed = nacre_server_stop(server, NULL);
        (void)closed; // the first error is told
    }
    ctx_free(&ctx);
    return status;
}

nacre_status nacre_server_reload(nacre_server *server, nacre_open_error *error) {
    struct ctx ctx;
    ctx_init(&ctx, server->world, NULL, 1 << 20);
    nacre_status status = load_tls(&ctx, server);
    if (status != NACRE_OK) tell(error, &ctx);
    ctx_free(&ctx);
    return status;
}

void nacre_server_log(nacre_server *server, int is_warning, const char *message) {
    struct logger_line line;
    logger_begin(server->logger, is_warning ? LOG_WARN : LOG_INFO, message, &line);
    logger_end(&line);
}

const char *nacre_server_addresses(const nacre_server *server) { return server->addresses; }

static void cancel_workers(struct nacre_server *server, bool followers_only) {
    mutex_lock(&server->mutex);
    for (struct worker *worker = server->workers; worker; worker = worker->next)
        if (!followers_only || atomic_load(&worker->follows)) nacre_session_cancel(worker->session);
    mutex_unlock(&server->mutex);
}

nacre_status nacre_server_stop(nacre_server *server, nacre_open_error *error) {
    if (!server) return NACRE_OK;
    net_server_quiesce(server->net);
    sockets_stop(server->sockets);
    cancel_workers(server, true);
    net_server_drain(server->net, DRAIN_MS);
    cancel_workers(server, false);
    op_txs_cancel(server->txs);
    net_server_close(server->net);
    sockets_close(server->sockets);
    op_txs_close(server->txs);
    op_jobs_close(server->jobs);
    op_slowlog_close(server->slowlog);
    mem_free(server->backups);
    auth_close(server->auth);
    mutex_destroy(&server->mutex);
    nacre_status status = nacre_close(server->db, error);
    logger_close(server->logger);
    mem_free(server->tls_certificate);
    mem_free(server->tls_key);
    mem_free(server->cors);
    mem_free(server->tls_client_ca);
    mem_free(server);
    return status;
}

nacre_status nacre_audit_verify(const char *dir, nacre_open_error *error, uint64_t *out_lines,
                                char out_last[65]) {
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 1 << 20);
    nacre_status status = audit_verify(&ctx, dir, out_lines, out_last);
    if (status != NACRE_OK) tell(error, &ctx);
    ctx_free(&ctx);
    return status;
}
