// The native protocol over a connection: requests by id, any number under way, replies as they are
// ready. The application sees a request as one of HTTP with the method NATIVE, the operation's
// number as its path and the credential of the hello as its header Authorization; bodies and
// replies that are streams are messages with a prefix (net/server.h).
#include "net/native/native_conn.h"

#include "base/bits/bits.h"

enum {
    RUNNING_MAX = 128,    // calls under way; more wait in the socket
    STREAMS_MAX = 100,    // of them, those whose request or reply is a stream
    HELD_MAX = 80 << 20,  // bytes of requests that are held as a whole
    CREDIT_MAX = 1 << 30, // that a peer may give in all
    IDLE_FACTOR = 8,      // a connection of this protocol is one of a pool
};

static bool open_session(struct net_conn *conn) {
    struct native_session *s = mem_zalloc(sizeof *s);
    if (!s) return false;
    buf_init(&s->control, NULL, NATIVE_CONTROL_MAX);
    buf_init(&s->credential, NULL, NATIVE_CONTROL_MAX);
    conn->session = s;
    return true;
}

static struct native_call **bucket(struct native_session *s, uint64_t id) {
    return &s->buckets[id % NATIVE_BUCKETS]; // clients count upwards
}

void native_call_free(struct native_session *s, struct native_call *call) {
    struct native_call **at = bucket(s, call->id);
    while (*at != call)
        at = &(*at)->same;
    *at = call->same;
    *call->link = call->next;
    if (call->next) call->next->link = call->link;
    s->running--;
    s->streams -= call->streamed;
    s->held -= call->held;
    if (s->filling == call) {
        s->filling = NULL;
        s->sink = NATIVE_SINK_NONE; // what still comes of the frame is for nobody
    }
    buf_free(&call->pending);
    mem_free(call);
}

static void close_session(struct net_conn *conn) {
    struct native_session *s = conn->session;
    while (s->calls)
        native_call_free(s, s->calls);
    buf_free(&s->control);
    buf_free(&s->credential);
    mem_free(s);
    conn->session = NULL;
}

static struct native_call *find(struct native_session *s, uint64_t id) {
    struct native_call *call = *bucket(s, id);
    while (call && (call->id != id || call->cancelled))
        call = call->same;
    return call;
}

// --- replies ---

static void told(struct net_conn *conn, struct net_exchange *e) {
    native_reply_advance(conn, e->stream);
    if (conn->in.n) net_conn_resume(conn); // it waited for room
}

static void drained(struct net_conn *conn) {
    struct native_session *s = conn->session;
    for (struct native_call *call = s->calls, *next; call && conn->state == CONN_OPEN;
         call = next) {
        next = call->next;
        native_reply_advance(conn, call);
    }
    if (conn->in.n) net_conn_resume(conn);
}

// --- requests ---

static struct net_exchange *new_exchange(struct net_conn *conn, uint16_t method) {
    struct native_session *s = conn->session;
    static const char name[] = "NATIVE", header[] = "Authorization";
    struct buf head BUF_CLEANUP = {0};
    struct http_request request = {.keep_alive = true};
    buf_init(&head, NULL, NATIVE_CONTROL_MAX + 100);
    buf_printf(&head, "%s%s%u", name, header, (unsigned)method);
    size_t path = sizeof name - 1 + sizeof header - 1, digits = head.n - path;
    buf_put_slice(&head, buf_slice(&s->credential));
    if (buf_status(&head) != NACRE_OK) return NULL;
    request.method = slice_of(head.p, sizeof name - 1);
    request.path = slice_of(head.p + path, digits);
    if (s->credential.n) {
        request.header_count = 1;
        request.headers[0].name = slice_of(head.p + sizeof name - 1, sizeof header - 1);
        request.headers[0].value = slice_of(head.p + path + digits, s->credential.n);
    }
    return net_exchange_new(conn, buf_slice(&head), &request);
}

static struct native_call *new_call(struct net_conn *conn, const struct native_head *head) {
    struct native_session *s = conn->session;
    struct native_call *call = mem_zalloc(sizeof *call);
    struct net_exchange *e = call ? new_exchange(conn, head->method) : NULL;
    if (!e) {
        mem_free(call);
        return NULL;
    }
    *call = (struct native_call){.next = s->calls,
                                 .link = &s->calls,
                                 .e = e,
                                 .id = head->id,
                                 .method = head->method,
                                 .window = NATIVE_WINDOW,
                                 .credit = NATIVE_WINDOW};
    buf_init(&call->pending, NULL, SIZE_MAX / 4);
    if (call->next) call->next->link = &call->next;
    s->calls = call;
    call->same = *bucket(s, call->id);
    *bucket(s, call->id) = call;
    s->running++;
    e->stream = call;
    return call;
}

static void feed_prefix(struct native_call *call, uint32_t size) {
    uint8_t prefix[NET_PREFIX_SIZE] = {0};
    bits_put_be32(prefix + 1, size);
    net_exchange_feed(call->e, slice_of(prefix, sizeof prefix));
    call->window -= size;
}

// A request that is not run; what comes of its frame is passed over.
static void refuse(struct net_conn *conn, struct native_call *call, uint32_t code,
                   const char *detail) {
    struct native_session *s = conn->session;
    native_reply_failed(conn, &s->reader.head, code, detail);
    net_exchange_free(call->e);
    native_call_free(s, call);
}

// Its frames come next.
static void take_body(struct native_session *s, struct native_call *call, uint64_t max) {
    const struct native_head *head = &s->reader.head;
    s->filling = call;
    s->sink = NATIVE_SINK_BODY;
    if (call->e->streamed) {
        call->message_max = (uint32_t)max;
        feed_prefix(call, head->size);
        net_exchange_submit(call->e);
        return;
    }
    call->e->body.max = max;
    call->held = head->size;
    s->held += call->held;
}

static void begin_call(struct net_conn *conn, const struct native_head *head) {
    const struct net_app *app = conn->loop->server->app;
    struct native_session *s = conn->session;
    struct native_call *call = new_call(conn, head);
    if (!call) {
        net_conn_close(conn);
        return;
    }
    struct net_exchange *e = call->e;
    struct net_plan plan = app->plan(app->arg, &e->request);
    bool wanted = plan.body_max > 0; // who has no key is refused before its request is held
    e->streamed = plan.streamed;
    e->endless = plan.endless;
    e->quick = plan.quick;
    call->streamed = (plan.streamed && wanted) || plan.reply_streams;
    s->streams += call->streamed;
    if (s->streams > STREAMS_MAX) {
        refuse(conn, call, GRPC_RESOURCE_EXHAUSTED, "this connection has 100 streams");
    } else if (!plan.streamed && (head->flags & NATIVE_MORE)) {
        refuse(conn, call, GRPC_INVALID_ARGUMENT, "the request of this method is no stream");
    } else if (wanted && head->size > plan.body_max) {
        refuse(conn, call, GRPC_RESOURCE_EXHAUSTED, "the message is larger than it may be");
    } else if (net_conn_draining(conn)) {
        refuse(conn, call, GRPC_UNAVAILABLE, "the server ends");
    } else if (!wanted) {
        call->ended = true;
        net_exchange_end_body(e, false);
        net_exchange_submit(e);
    } else {
        take_body(s, call, plan.body_max);
    }
}

// A further frame of a streamed request. Of one that has ended meanwhile it is passed over.
static void continue_call(struct net_conn *conn, const struct native_head *head) {
    struct native_session *s = conn->session;
    struct native_call *call = find(s, head->id);
    if (!call || call->ended) return;
    if (!call->e->streamed || call->method != head->method) {
        native_reply_break(conn, "this request is no stream");
    } else if (head->size && (call->window <= 0 || head->size > call->message_max)) {
        native_reply_break(conn, "more came on a stream than may");
    } else {
        s->filling = call;
        s->sink = NATIVE_SINK_BODY;
        if (head->size) feed_prefix(call, head->size);
    }
}

static void begin_frame(struct net_conn *conn) {
    struct native_session *s = conn->session;
    const struct native_head *head = &s->reader.head;
    uint16_t kind = head->flags & (NATIVE_CREDIT | NATIVE_CANCEL | NATIVE_PING);
    s->sink = NATIVE_SINK_NONE;
    s->filling = NULL;
    if (kind || head->method == 0) {
        buf_reset(&s->control);
        s->sink = NATIVE_SINK_CONTROL;
        if (head->size > NATIVE_CONTROL_MAX || (kind & (kind - 1)) || (kind && kind != head->flags))
            native_reply_break(conn, "this frame is no frame of control");
    } else if (head->flags & NATIVE_FAILED) {
        native_reply_break(conn, "a request does not fail");
    } else if (head->flags & NATIVE_NEXT) {
        continue_call(conn, head);
    } else if (find(s, head->id)) {
        native_reply_break(conn, "a request with this id is under way");
    } else {
        begin_call(conn, head);
    }
}

static void end_body(struct native_session *s) {
    struct native_call *call = s->filling;
    if (s->reader.head.flags & NATIVE_MORE) return;
    call->ended = true;
    net_exchange_end_body(call->e, false);
    if (!call->e->streamed) net_exchange_submit(call->e);
}

// --- frames of control ---

// Whoever waits for its reply has gone; its worker is told where it looks.
static void cancel(struct net_conn *conn, struct native_call *call) {
    call->cancelled = true;
    if (call->e->running || call->e->finished) {
        net_exchange_cancel(call->e);
        if (call->e->finished) native_reply_advance(conn, call);
        return;
    }
    net_exchange_free(call->e);
    native_call_free(conn->session, call);
}

static void take_credit(struct net_conn *conn, struct native_call *call) {
    const struct native_session *s = conn->session;
    uint32_t more = s->control.n == 4 ? bits_le32(s->control.p) : UINT32_MAX;
    if (more > CREDIT_MAX || (call && call->credit + more > CREDIT_MAX)) {
        native_reply_break(conn, "this credit is too large");
    } else if (call) {
        call->credit += more;
        native_reply_advance(conn, call);
    }
}

static void hello(struct net_conn *conn, const struct native_head *head) {
    struct native_session *s = conn->session;
    buf_reset(&s->credential);
    for (size_t i = 0; i < s->control.n; i++) {
        if (s->control.p[i] >= ' ' && s->control.p[i] < 127) continue;
        native_reply_break(conn, "the credential is not ASCII");
        return;
    }
    buf_put_slice(&s->credential, buf_slice(&s->control));
    begin_call(conn, head);
    if (s->filling) end_body(s);
}

static void end_control(struct net_conn *conn) {
    struct native_session *s = conn->session;
    struct native_head head = s->reader.head;
    if (head.flags & NATIVE_PING) {
        native_put_frame(&conn->out, head.id, head.method, head.flags, buf_slice(&s->control));
    } else if (head.flags & NATIVE_CREDIT) {
        take_credit(conn, find(s, head.id));
    } else if (head.flags & NATIVE_CANCEL) {
        struct native_call *call = find(s, head.id);
        if (call) cancel(conn, call);
    } else if (find(s, head.id) || head.flags) {
        native_reply_break(conn, "this is no hello");
    } else {
        s->reader.head.size = 0; // the credential is no request
        hello(conn, &s->reader.head);
    }
}

static void take_bytes(struct net_conn *conn, struct slice bytes) {
    struct native_session *s = conn->session;
    if (s->sink == NATIVE_SINK_CONTROL)
        buf_put_slice(&s->control, bytes);
    else if (s->sink == NATIVE_SINK_BODY && !net_exchange_feed(s->filling->e, bytes))
        net_conn_close(conn); // there is no memory
}

static void end_frame(struct net_conn *conn) {
    struct native_session *s = conn->session;
    enum native_sink sink = s->sink;
    if (sink == NATIVE_SINK_CONTROL)
        end_control(conn);
    else if (sink == NATIVE_SINK_BODY) {
        end_body(s);
        if (s->filling->e->streamed) native_reply_credit(conn, s->filling);
    }
    s->sink = NATIVE_SINK_NONE;
    s->filling = NULL;
}

// Whether another frame may begin. What waits behind it may be credit, so what waits must be able
// to end without: streams are refused beyond their bound, and others need no credit. Who does not
// read the replies gets no more of them.
static bool has_room(const struct net_conn *conn) {
    const struct native_session *s = conn->session;
    return s->reader.inside || (s->running < RUNNING_MAX && s->held < HELD_MAX &&
                                net_conn_unsent(conn) <= NET_QUEUE_MAX);
}

static size_t take(struct net_conn *conn, struct slice in) {
    struct native_session *s = conn->session;
    size_t done = 0, used;
    struct slice bytes;
    if (!s->greeted && in.n >= strlen(NATIVE_PREFACE)) {
        s->greeted = true;
        done = strlen(NATIVE_PREFACE);
    }
    while (s->greeted && has_room(conn) && !conn->closing && conn->state == CONN_OPEN) {
        enum native_event event = native_read(&s->reader, slice_skip(in, done), &bytes, &used);
        done += used;
        if (event == NATIVE_WAIT) break;
        if (event == NATIVE_BAD)
            native_reply_break(conn, "this is no frame");
        else if (event == NATIVE_HEAD)
            begin_frame(conn);
        else if (event == NATIVE_BYTES)
            take_bytes(conn, bytes);
        else
            end_frame(conn);
    }
    return done;
}

// --- end ---

static void ended(struct net_conn *conn) {
    struct native_session *s = conn->session;
    for (struct native_call *call = s->calls, *next; call && conn->state == CONN_OPEN;
         call = next) {
        next = call->next;
        if (!call->cancelled && (!call->ended || call->e->endless)) cancel(conn, call);
    }
    if (!s->calls) net_conn_finish(conn);
}

static bool hungry(const struct net_conn *conn) {
    return has_room(conn) && net_conn_unsent(conn) <= NET_QUEUE_MAX;
}

static void sweep(struct net_conn *conn, uint64_t quiet_ms) {
    const struct net_limits *limits = &conn->loop->server->limits;
    const struct native_session *s = conn->session;
    bool cut = s->reader.inside || conn->in.n;
    if (!s->credential.n && !s->calls && quiet_ms > limits->head_ms)
        net_conn_close(conn);
    else if (cut && conn->reading && quiet_ms > limits->stall_ms)
        net_conn_close(conn);
    else if (!s->calls && quiet_ms > limits->idle_ms * IDLE_FACTOR)
        net_conn_close(conn);
}

static void drain(struct net_conn *conn) {
    const struct native_session *s = conn->session;
    if (!s->calls) net_conn_finish(conn);
}

const struct net_protocol net_native = {
    .name = "native",
    .open = open_session,
    .close = close_session,
    .take = take,
    .ended = ended,
    .told = told,
    .drained = drained,
    .hungry = hungry,
    .sweep = sweep,
    .drain = drain,
};
