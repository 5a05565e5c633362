// Loops and listeners: opened, run, closed.
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/loop/loop.h"

enum { BACKLOG = 1024, SWEEP_MS = 250 };

// --- a loop ---

static void close_loop(struct net_loop *loop) {
    if (loop->stopping) return;
    loop->stopping = true;
    for (size_t i = 0; i < loop->listener_count; i++)
        uv_close(&loop->listeners[i].uv.handle, NULL);
    uv_close((uv_handle_t *)&loop->sweep, NULL);
    while (loop->conns)
        net_conn_close(loop->conns);
    uv_async_send(&loop->wake); // closed by its own callback, when no worker has anything left
}

// All at once. A worker may notice its exchange again while the loop is at it, but not one that is
// done: so none of those taken is freed by another's.
static struct net_exchange *take_notices(struct net_loop *loop) {
    struct net_exchange *first = NULL;
    mutex_lock(&loop->mutex);
    while (loop->notices) {
        struct net_exchange *e = loop->notices;
        loop->notices = e->next;
        e->taken_next = first; // turned over: the oldest comes first
        first = e;
        e->noticed = false;
        e->finished = e->done;
    }
    mutex_unlock(&loop->mutex);
    return first;
}

static void on_wake(uv_async_t *wake) {
    struct net_loop *loop = wake->data;
    for (struct net_exchange *e = take_notices(loop), *next; e; e = next) {
        next = e->taken_next;
        net_conn_notice(e);
    }
    net_loop_settle(loop);
    // Last: what was let go of must still be freed.
    if (loop->stopping && loop->busy == 0 && !uv_is_closing((uv_handle_t *)wake))
        uv_close((uv_handle_t *)wake, NULL);
}

static void on_sweep(uv_timer_t *timer) {
    struct net_loop *loop = timer->data;
    struct net_server *server = loop->server;
    if (atomic_load(&server->cutting)) {
        close_loop(loop);
        return;
    }
    for (struct net_conn *conn = loop->conns, *next; conn; conn = next) {
        next = conn->next;
        net_conn_sweep(conn, uv_now(&loop->uv));
    }
    net_loop_settle(loop);
}

static void on_connection(uv_stream_t *stream, int status) {
    if (status == 0) net_conn_accept(stream->data);
}

static void run_loop(void *arg) {
    struct net_loop *loop = arg;
    const struct net_app *app = loop->server->app;
    if (app->run_quick) loop->quick = app->worker_open(app->arg);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    if (loop->quick) app->worker_close(loop->quick);
}

static nacre_status uv_failed(struct ctx *ctx, int code, const char *what) {
    nacre_status status = code == UV_ENOMEM ? NACRE_MEMORY_LIMIT : NACRE_IO_ERROR;
    return err_set(ctx, status, "%s: %s", what, uv_strerror(code));
}

static nacre_status open_loop(struct ctx *ctx, struct net_server *server, struct net_loop *loop) {
    loop->server = server;
    loop->submitted_last = &loop->submitted;
    loop->room = mem_alloc(NET_READ_SIZE);
    if (!loop->room) return err_nomem(ctx);
    int code = uv_loop_init(&loop->uv);
    if (code) {
        mem_free(loop->room);
        return uv_failed(ctx, code, "an event loop");
    }
    code = uv_async_init(&loop->uv, &loop->wake, on_wake);
    loop->wake.data = loop;
    if (code) {
        uv_loop_close(&loop->uv);
        mem_free(loop->room);
        return uv_failed(ctx, code, "an event loop's wake-up");
    }
    mutex_init(&loop->mutex);
    buf_init(&loop->scratch, NULL, SIZE_MAX / 4);
    buf_init(&loop->plain, NULL, NET_QUEUE_MAX);
    uv_timer_init(&loop->uv, &loop->sweep);
    loop->sweep.data = loop;
    uv_timer_start(&loop->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    return NACRE_OK;
}

nacre_status net_server_open(struct ctx *ctx, const struct net_app *app,
                             const struct net_limits *limits, struct net_server **out) {
    struct net_server *server = mem_zalloc(sizeof *server);
    if (!server) return err_nomem(ctx);
    server->app = app;
    server->limits = *limits;
    server->world = ctx->world;
    server->workers.threads = mem_zalloc(limits->workers * sizeof *server->workers.threads);
    if (!server->workers.threads) {
        mem_free(server);
        return err_nomem(ctx);
    }
    net_workers_open(&server->workers, server);
    mutex_init(&server->mutex);
    *out = server;
    for (; server->opened < limits->loops; server->opened++)
        TRY(open_loop(ctx, server, &server->loops[server->opened]));
    return NACRE_OK;
}

nacre_status net_server_tls(struct ctx *ctx, struct net_server *server, const struct net_tls *tls) {
    struct tls_files *files;
    TRY(tls_files_open(ctx, tls, &files));
    mutex_lock(&server->mutex);
    struct tls_files *before = server->tls;
    server->tls = files;
    mutex_unlock(&server->mutex);
    tls_files_close(before);
    return NACRE_OK;
}

void net_server_tls_only(struct net_server *server, bool only) { server->tls_only = only; }

// --- listeners ---

static nacre_status add_listener(struct ctx *ctx, struct net_loop *loop, int fd, bool is_unix,
                                 const char *what) {
    struct net_listener *listener = &loop->listeners[loop->listener_count];
    *listener = (struct net_listener){.loop = loop, .is_unix = is_unix};
    listener->tls_only = !is_unix && loop->server->tls_only;
    int code = is_unix ? uv_pipe_init(&loop->uv, &listener->uv.pipe, 0)
                       : uv_tcp_init(&loop->uv, &listener->uv.tcp);
    if (code) {
        close(fd);
        return uv_failed(ctx, code, what);
    }
    loop->listener_count++;
    listener->uv.handle.data = listener;
    code = is_unix ? uv_pipe_open(&listener->uv.pipe, fd) : uv_tcp_open(&listener->uv.tcp, fd);
    if (code) close(fd);
    if (!code) code = uv_listen(&listener->uv.stream, BACKLOG, on_connection);
    return code ? uv_failed(ctx, code, what) : NACRE_OK;
}

// A bound socket of this address; several of one port share its connections.
static int bound_socket(const struct addrinfo *address) {
    int one = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (address->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0) return fd;
    int before = errno;
    close(fd);
    errno = before;
    return -1;
}

static uint16_t port_of(int fd) {
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) return 0;
    if (address.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static void set_port(struct addrinfo *address, uint16_t port) {
    if (address->ai_family == AF_INET6)
        ((struct sockaddr_in6 *)address->ai_addr)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)address->ai_addr)->sin_port = htons(port);
}

// Whether somebody serves there already; SO_REUSEPORT would let both of us in.
static bool is_taken(const struct addrinfo *address) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool taken = fd >= 0 && connect(fd, address->ai_addr, address->ai_addrlen) == 0;
    if (fd >= 0) close(fd);
    return taken;
}

static nacre_status listen_address(struct ctx *ctx, struct net_server *server,
                                   struct addrinfo *address, uint16_t *port, const char *what) {
    set_port(address, *port);
    if (*port && is_taken(address))
        return err_set(ctx, NACRE_UNAVAILABLE, "%s: another process serves there", what);
    for (uint32_t i = 0; i < server->limits.loops; i++) {
        set_port(address, *port);
        int fd = bound_socket(address);
        if (fd < 0) return err_errno(ctx, errno, "listening on", what);
        if (*port == 0) *port = port_of(fd);
        TRY(add_listener(ctx, &server->loops[i], fd, false, what));
    }
    return NACRE_OK;
}

nacre_status net_server_listen(struct ctx *ctx, struct net_server *server, const char *host,
                               uint16_t port, uint16_t *out_port) {
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    char what[300];
    snprintf(what, sizeof what, "%s:%u", host, port);
    int code = getaddrinfo(host, NULL, &hints, &found);
    if (code) return err_set(ctx, NACRE_INVALID_ARGUMENT, "%s: %s", host, gai_strerror(code));
    if (server->loops[0].listener_count == NET_LISTENERS_MAX) {
        freeaddrinfo(found);
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "at most %d addresses", NET_LISTENERS_MAX);
    }
    nacre_status status = listen_address(ctx, server, found, &port, what);
    freeaddrinfo(found);
    if (status == NACRE_OK && out_port) *out_port = port;
    return status;
}

nacre_status net_server_listen_unix(struct ctx *ctx, struct net_server *server, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "%s: longer than a socket's path may be (%zu)",
                       path, sizeof address.sun_path - 1);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return err_errno(ctx, errno, "making a socket", path);
    if (unlink(path) != 0) errno = 0; // mostly there is none; it is ours: the directory is locked
    mode_t before = umask(0177);
    int failed = bind(fd, (const struct sockaddr *)&address, sizeof address);
    umask(before);
    if (failed) {
        nacre_status status = err_errno(ctx, errno, "listening on", path);
        close(fd);
        return status;
    }
    snprintf(server->unix_path, sizeof server->unix_path, "%s", path);
    return add_listener(ctx, &server->loops[0], fd, true, path);
}

// --- begin and end ---

nacre_status net_server_start(struct ctx *ctx, struct net_server *server) {
    for (uint32_t i = 0; i < server->limits.loops; i++) {
        struct net_loop *loop = &server->loops[i];
        TRY(thread_start(ctx, "nacre loop", run_loop, loop, &loop->thread));
        loop->started = true;
    }
    return NACRE_OK;
}

void net_server_quiesce(struct net_server *server) {
    if (server) atomic_store(&server->draining, true);
}

void net_server_drain(struct net_server *server, uint64_t drain_ms) {
    struct mutex mutex;
    struct cond cond;
    if (!server) return;
    mutex_init(&mutex);
    cond_init(&cond);
    mutex_lock(&mutex);
    for (uint64_t waited = 0; waited < drain_ms && atomic_load(&server->busy) > 0; waited += 20)
        cond_wait_ms(&cond, &mutex, 20);
    mutex_unlock(&mutex);
    cond_destroy(&cond);
    mutex_destroy(&mutex);
}

void net_server_close(struct net_server *server) {
    if (!server) return;
    atomic_store(&server->cutting,
                 true); // the sweep of each loop sees it, and wakes those that wait
    net_workers_close(&server->workers);
    for (uint32_t i = 0; i < server->opened; i++) {
        struct net_loop *loop = &server->loops[i];
        if (!loop->started) close_loop(loop);
        uv_async_send(&loop->wake);
        if (loop->started)
            thread_join(&loop->thread);
        else
            run_loop(loop); // what was opened closes in it
        uv_loop_close(&loop->uv);
        mutex_destroy(&loop->mutex);
        buf_free(&loop->scratch);
        buf_free(&loop->plain);
        mem_free(loop->room);
    }
    if (server->unix_path[0] && unlink(server->unix_path) != 0) errno = 0;
    tls_files_close(server->tls);
    mutex_destroy(&server->mutex);
    mem_free(server->workers.threads);
    mem_free(server);
}
