#include "server/sockets.h"

#include "base/os/cond.h"
#include "base/os/thread.h"
#include "doc/json.h"
#include "engine/changes.h"
#include "lib/lib_body.h"
#include "lib/lib_caller.h"
#include "lib/problem.h"

enum { CREDIT_USUAL = 100, CREDIT_MAX = 1000000, ID_MAX = 128, ROUND_MAX = 256, WAIT_MS = 1000 };

struct subscription {
    struct subscription *next;
    char id[ID_MAX + 1]; // as JSON
    nacre_feed *feed;    // or
    nacre_live *live;
    uint64_t credit;
};

struct socket {
    struct socket *next;
    struct net_exchange *exchange;
    struct op_principal principal;
    struct subscription *subscriptions;
    uint32_t count;
};

struct sockets {
    struct nacre_server *server;
    struct thread thread;
    struct mutex mutex; // guards coming and stopping
    struct cond cond;   // of those, while there is no socket
    struct socket *coming;
    bool stopping;
    // The thread's own.
    struct socket *list;
    uint32_t subscriptions;
    nacre_session *session;
    struct ctx ctx;
    struct buf text; // a message, either way
};

static struct engine *engine_of(struct sockets *s) { return lib_engine(s->server->db); }

// --- what is told ---

static void send_error(struct sockets *s, struct socket *socket, const char *id,
                       struct slice problem) {
    buf_reset(&s->text);
    buf_put_u8(&s->text, '{');
    if (id[0]) buf_printf(&s->text, "\"id\":%s,", id);
    buf_put_str(&s->text, "\"error\":");
    buf_put_slice(&s->text, problem);
    buf_put_u8(&s->text, '}');
    net_socket_send(socket->exchange, buf_slice(&s->text));
}

// The error of s->ctx.
static void send_refusal(struct sockets *s, struct socket *socket, const char *id) {
    struct buf problem BUF_CLEANUP = {0};
    buf_init(&problem, NULL, 64 << 10);
    lib_problem_write(&problem, &s->ctx.err, NULL);
    send_error(s, socket, id, buf_slice(&problem));
    err_clear(&s->ctx);
}

// --- subscriptions ---

static void drop(struct sockets *s, struct socket *socket, struct subscription **at) {
    struct subscription *gone = *at;
    *at = gone->next;
    nacre_feed_close(gone->feed);
    nacre_live_close(gone->live);
    mem_free(gone);
    socket->count--;
    s->subscriptions--;
}

static struct subscription **find(struct socket *socket, const char *id) {
    struct subscription **at = &socket->subscriptions;
    while (*at && strcmp((*at)->id, id) != 0)
        at = &(*at)->next;
    return at;
}

static nacre_status next_of(struct subscription *sub, const char **json, size_t *size) {
    return sub->feed ? nacre_feed_next(sub->feed, 0, json, size)
                     : nacre_live_next(sub->live, 0, json, size);
}

// What there is for it, as far as credit and room allow. False: it has ended.
static bool serve(struct sockets *s, struct socket *socket, struct subscription *sub, bool *more) {
    for (int i = 0; sub->credit && net_socket_has_room(socket->exchange); i++) {
        const char *json;
        size_t size;
        if (i == ROUND_MAX) {
            *more = true;
            break;
        }
        if (next_of(sub, &json, &size) != NACRE_OK) {
            send_error(s, socket, sub->id, slice_str(nacre_error_problem(s->session)));
            return false;
        }
        if (!json) break;
        buf_reset(&s->text);
        buf_printf(&s->text, "{\"id\":%s,\"change\":", sub->id);
        buf_put(&s->text, json, size);
        buf_put_u8(&s->text, '}');
        net_socket_send(socket->exchange, buf_slice(&s->text));
        sub->credit--;
    }
    return true;
}

// --- what is asked ---

enum { M_ID, M_OP, M_DATABASE, M_COLLECTION, M_FILTER, M_SINCE, M_FIELDS, M_CREDIT, M_N, M_END };
struct request {
    struct lib_member members[M_END + 1];
    struct lib_body body;
    char id[ID_MAX + 1];
};

static nacre_status refuse(struct sockets *s, const char *parameter, const char *detail) {
    err_set(&s->ctx, NACRE_INVALID_ARGUMENT, "%s", detail);
    err_parameter(&s->ctx, parameter);
    return NACRE_INVALID_ARGUMENT;
}

static nacre_status text_of(struct request *r, int member, const char *usual, const char **out) {
    struct slice text;
    *out = usual;
    if (!r->members[member].raw.n) return NACRE_OK;
    TRY(lib_body_string(&r->body, &r->members[member], &text));
    *out = arena_str(&r->body.ctx->arena, text);
    return *out ? NACRE_OK : err_nomem(r->body.ctx);
}

static void put_member(struct buf *out, const struct request *r, int member) {
    const struct lib_member *m = &r->members[member];
    if (!m->raw.n) return;
    buf_printf(out, "%s\"%s\":", out->n > 1 ? "," : "", m->name);
    buf_put_slice(out, m->raw);
}

// The library reads the members as they stand.
static nacre_status open_feed(struct sockets *s, struct op_call *call, const struct request *r,
                              bool live, struct subscription *out) {
    struct buf spec BUF_CLEANUP = {0};
    buf_init(&spec, NULL, 1 << 20);
    buf_put_u8(&spec, '{');
    put_member(&spec, r, M_FILTER);
    put_member(&spec, r, live ? M_FIELDS : M_SINCE);
    if (!live) buf_printf(&spec, "%s\"follow\":true", spec.n > 1 ? "," : "");
    buf_put(&spec, "}", 2); // with its NUL
    TRY(buf_status(&spec));
    const char *text = (const char *)spec.p;
    nacre_session_timeout(s->session, 0);
    if (live) return nacre_live_open(s->session, &call->collection, text, &out->live);
    return nacre_changes(s->session, &call->collection, text, &out->feed);
}

static const struct op *op_of_changes(void) {
    const struct op *op = op_table;
    while (strcmp(op->name, "changes") != 0)
        op++; // it is there
    return op;
}

static nacre_status open_checked(struct sockets *s, struct socket *socket, const struct request *r,
                                 bool live, struct subscription *sub) {
    struct op_call call = {.op = op_of_changes(),
                           .principal = &socket->principal,
                           .ctx = &s->ctx,
                           .session = s->session};
    TRY(text_of((struct request *)(uintptr_t)r, M_DATABASE, "main", &call.path[OP_PATH_DATABASE]));
    TRY(text_of((struct request *)(uintptr_t)r, M_COLLECTION, "", &call.path[OP_PATH_COLLECTION]));
    op_answer_init(&call.answer, NULL);
    call.collection =
        nacre_collection_of(call.path[OP_PATH_DATABASE], call.path[OP_PATH_COLLECTION]);
    nacre_status status = op_permit(&call);
    if (status == NACRE_OK) {
        op_principal_enter(&call);
        status = op_told(&call, open_feed(s, &call, r, live, sub));
        lib_caller_set(s->session, NULL, true);
    }
    if (status != NACRE_OK) {
        status = op_refuse(&call, status);
        send_error(s, socket, r->id, buf_slice(&call.answer.body));
        err_clear(&s->ctx);
    }
    op_answer_free(&call.answer);
    return status;
}

static nacre_status subscribe(struct sockets *s, struct socket *socket, struct request *r,
                              bool live) {
    uint64_t credit = CREDIT_USUAL;
    if (*find(socket, r->id)) return refuse(s, "id", "a subscription with this id runs");
    if (!r->members[M_COLLECTION].raw.n) return refuse(s, "collection", "expected a collection");
    if (live && r->members[M_SINCE].raw.n) return refuse(s, "since", "a live query has no since");
    if (!live && r->members[M_FIELDS].raw.n) return refuse(s, "fields", "changes have no fields");
    if (r->members[M_CREDIT].raw.n)
        TRY(lib_body_integer(&r->body, &r->members[M_CREDIT], 0, CREDIT_MAX, &credit));
    if (socket->count == SOCKET_SUBSCRIPTIONS_MAX)
        return err_set(&s->ctx, NACRE_MEMORY_LIMIT, "at most %d subscriptions of a connection",
                       SOCKET_SUBSCRIPTIONS_MAX);
    if (s->subscriptions == SUBSCRIPTIONS_MAX)
        return err_set(&s->ctx, NACRE_MEMORY_LIMIT, "at most %d subscriptions", SUBSCRIPTIONS_MAX);
    struct subscription *sub = mem_zalloc(sizeof *sub);
    if (!sub) return err_nomem(&s->ctx);
    sub->credit = credit;
    memcpy(sub->id, r->id, sizeof sub->id);
    if (open_checked(s, socket, r, live, sub) != NACRE_OK) {
        mem_free(sub);
        return NACRE_OK; // it was told
    }
    sub->next = socket->subscriptions;
    socket->subscriptions = sub;
    socket->count++;
    s->subscriptions++;
    return NACRE_OK;
}

static nacre_status run_op(struct sockets *s, struct socket *socket, struct request *r) {
    static const char *const ops[] = {"changes", "live", "credit", "cancel"};
    const char *op;
    uint64_t n;
    TRY(text_of(r, M_OP, "", &op));
    if (strcmp(op, "changes") == 0 || strcmp(op, "live") == 0)
        return subscribe(s, socket, r, op[0] == 'l');
    struct subscription **sub = find(socket, r->id);
    if (strcmp(op, "credit") == 0) {
        if (!r->members[M_N].raw.n) return refuse(s, "n", "expected n: how many more to send");
        TRY(lib_body_integer(&r->body, &r->members[M_N], 1, CREDIT_MAX, &n));
        if (*sub && (*sub)->credit + n <= CREDIT_MAX) (*sub)->credit += n;
        return NACRE_OK; // what has ended meanwhile needs none
    }
    if (strcmp(op, "cancel") == 0) {
        if (*sub) drop(s, socket, sub);
        return NACRE_OK;
    }
    nacre_status status = refuse(s, "op", "op is changes, live, credit or cancel");
    const char *nearest = err_nearest(op, ops, sizeof ops / sizeof *ops);
    if (nearest) err_suggest(&s->ctx, nearest);
    return status;
}

// {id, op, …}. The id comes first into r: errors are told under it.
static nacre_status read_request(struct sockets *s, struct request *r) {
    r->body.open = true;
    TRY(lib_body_members(&r->body, r->body.whole, r->members));
    r->body.open = false;
    struct slice id = r->members[M_ID].raw;
    bool fits = id.n && id.n <= ID_MAX && (id.p[0] == '"' || id.p[0] == '-' || id.p[0] <= '9');
    if (!fits) return refuse(s, "id", "expected an id: a string or a number of up to 128 bytes");
    memcpy(r->id, id.p, id.n);
    return lib_body_members(&r->body, r->body.whole, r->members); // no others
}

static void take_message(struct sockets *s, struct socket *socket, struct slice text) {
    static const char *const names[M_END] = {"id",    "op",     "database", "collection", "filter",
                                             "since", "fields", "credit",   "n"};
    struct buf bson BUF_CLEANUP = {0};
    struct request r = {
        .body = {.ctx = &s->ctx, .bson = &bson, .whole = text, .what = "a message"}};
    ctx_reset(&s->ctx);
    buf_init(&bson, NULL, 1 << 20);
    for (int i = 0; i < M_END; i++)
        r.members[i].name = names[i];
    nacre_status status = read_request(s, &r);
    if (status == NACRE_OK) status = run_op(s, socket, &r);
    if (status != NACRE_OK) send_refusal(s, socket, r.id);
}

// --- sockets ---

static void end(struct sockets *s, struct socket *socket, int code, const char *reason) {
    while (socket->subscriptions)
        drop(s, socket, &socket->subscriptions);
    op_principal_free(&socket->principal);
    net_socket_end(socket->exchange, code, reason);
    mem_free(socket);
}

// Whether the key that it came with still holds.
static bool may_stay(struct sockets *s, struct socket *socket) {
    struct op_call call = {.principal = &socket->principal, .ctx = &s->ctx};
    ctx_reset(&s->ctx);
    if (op_still(&call) == NACRE_OK) return true;
    send_refusal(s, socket, "");
    return false;
}

// Messages first, then what there is for its subscriptions. False: it has ended.
static bool turn(struct sockets *s, struct socket *socket, bool *more) {
    struct buf message BUF_CLEANUP = {0};
    buf_init(&message, NULL, 1 << 20);
    int got = 1;
    for (int i = 0; got == 1 && net_socket_has_room(socket->exchange); i++) {
        buf_reset(&message);
        got = i == ROUND_MAX ? 0 : net_socket_receive(socket->exchange, &message);
        if (i == ROUND_MAX) *more = true;
        if (got == 1) take_message(s, socket, buf_slice(&message));
    }
    if (net_socket_receive(socket->exchange, NULL) < 0) {
        end(s, socket, 1001, "");
        return false;
    }
    if (!may_stay(s, socket)) {
        end(s, socket, 1008, "the key is no more what it was");
        return false;
    }
    for (struct subscription **at = &socket->subscriptions; *at;) {
        if (serve(s, socket, *at, more))
            at = &(*at)->next;
        else
            drop(s, socket, at);
    }
    net_socket_flush(socket->exchange);
    return true;
}

// Takes in those that came, and waits for the first: who follows nothing hinders no publish. False:
// all must end.
static bool welcome(struct sockets *s) {
    mutex_lock(&s->mutex);
    while (!s->list && !s->coming && !s->stopping)
        cond_wait(&s->cond, &s->mutex);
    while (s->coming) {
        struct socket *socket = s->coming;
        s->coming = socket->next;
        socket->next = s->list;
        s->list = socket;
    }
    bool stopping = s->stopping;
    mutex_unlock(&s->mutex);
    return !stopping;
}

static void run_sockets(void *arg) {
    struct sockets *s = arg;
    uint64_t seen = 0;
    while (welcome(s)) {
        bool more = false;
        for (struct socket **at = &s->list; *at;) {
            struct socket *socket = *at, *next = socket->next;
            if (turn(s, socket, &more))
                at = &socket->next;
            else
                *at = next;
        }
        if (!more) engine_changes_watch(engine_of(s), &seen, WAIT_MS);
    }
    while (s->list) {
        struct socket *socket = s->list;
        s->list = socket->next;
        end(s, socket, 1001, "the server ends");
    }
}

nacre_status sockets_open(struct ctx *ctx, struct nacre_server *server, struct sockets **out) {
    struct sockets *s = mem_zalloc(sizeof *s);
    if (!s) return err_nomem(ctx);
    s->server = server;
    mutex_init(&s->mutex);
    cond_init(&s->cond);
    ctx_init(&s->ctx, server->world, NULL, REQUEST_MEMORY_MAX);
    buf_init(&s->text, NULL, 64 << 20);
    nacre_status status = nacre_session_open(server->db, &s->session);
    if (status == NACRE_OK)
        status = thread_start(ctx, "nacre sockets", run_sockets, s, &s->thread);
    else
        err_set(ctx, status, "no session for the sockets");
    if (status != NACRE_OK) {
        s->stopping = true;
        sockets_close(s);
        return status;
    }
    *out = s;
    return NACRE_OK;
}

void sockets_stop(struct sockets *s) {
    if (!s) return;
    mutex_lock(&s->mutex);
    s->stopping = true;
    cond_signal(&s->cond);
    mutex_unlock(&s->mutex);
    engine_changes_wake(engine_of(s));
    thread_join(&s->thread);
}

void sockets_close(struct sockets *s) {
    if (!s) return;
    nacre_session_close(s->session);
    ctx_free(&s->ctx);
    buf_free(&s->text);
    cond_destroy(&s->cond);
    mutex_destroy(&s->mutex);
    mem_free(s);
}

void sockets_take(struct sockets *s, struct net_exchange *exchange,
                  struct op_principal *principal) {
    struct socket *socket = mem_zalloc(sizeof *socket);
    net_socket_begin(exchange);
    mutex_lock(&s->mutex);
    bool welcome = socket && !s->stopping;
    if (welcome) {
        socket->exchange = exchange;
        socket->principal = *principal;
        *principal = (struct op_principal){0};
        socket->next = s->coming;
        s->coming = socket;
        cond_signal(&s->cond);
    }
    mutex_unlock(&s->mutex);
    if (welcome) {
        engine_changes_wake(engine_of(s));
        return;
    }
    mem_free(socket);
    net_socket_end(exchange, 1001, "the server ends");
}
