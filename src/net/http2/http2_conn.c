// HTTP/2 as a protocol of connections: frames in, requests.
#include "net/http2/http2.h"

enum { RESETS_BURST = 200, RESETS_PER_SECOND = 50 };

// --- streams ---

static struct http2_stream *stream_new(struct http2 *h, int32_t id) {
    struct http2_stream *s = mem_zalloc(sizeof *s);
    if (!s) return NULL;
    s->owner = h;
    s->id = id;
    s->since_ms = uv_now(&h->conn->loop->uv);
    buf_init(&s->bytes, NULL, HTTP_HEAD_MAX * 2);
    buf_init(&s->fields, NULL, (HTTP_HEADERS_MAX + 8) * sizeof(struct http2_field));
    buf_init(&s->content, NULL, SIZE_MAX / 4);
    buf_init(&s->trailers, NULL, HTTP_HEAD_MAX * 4);
    s->next = h->streams;
    s->link = &h->streams;
    if (s->next) s->next->link = &s->next;
    h->streams = s;
    return s;
}

static void stream_free(struct http2_stream *s) {
    if (s->exchange) net_exchange_drop(s->exchange);
    http2_let_go(s);
    *s->link = s->next;
    if (s->next) s->next->link = s->link;
    buf_free(&s->bytes);
    buf_free(&s->fields);
    buf_free(&s->content);
    buf_free(&s->trailers);
    mem_free(s);
}

// --- a request's head ---

static void set_refused(struct http2_stream *s, int status, const char *detail) {
    if (s->refused) return;
    s->refused = status;
    s->refused_detail = detail;
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *arg) {
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0; // trailers are passed over
    struct http2_stream *s = stream_new(arg, frame->hd.stream_id);
    if (!s) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return nghttp2_session_set_stream_user_data(ng, frame->hd.stream_id, s);
}

static void keep_field(struct http2_stream *s, struct slice name, struct slice value) {
    if (slice_eq_str(name, ":authority")) name = SLICE_LIT("host");
    struct http2_field field = {(uint32_t)s->bytes.n, (uint32_t)name.n,
                                (uint32_t)(s->bytes.n + name.n), (uint32_t)value.n};
    s->size += name.n + value.n + 32; // as SETTINGS_MAX_HEADER_LIST_SIZE counts
    if (s->size > HTTP_HEAD_MAX) {
        set_refused(s, 431, "the headers are longer than 16 KiB");
        return;
    }
    buf_put_slice(&s->bytes, name);
    buf_put_slice(&s->bytes, value);
    buf_put(&s->fields, &field, sizeof field);
    uint32_t place = (uint32_t)(s->fields.n / sizeof field);
    if (slice_eq_str(name, ":method"))
        s->method = place;
    else if (slice_eq_str(name, ":path"))
        s->path = place;
}

static struct slice bytes_of(nghttp2_rcbuf *counted) {
    nghttp2_vec v = nghttp2_rcbuf_get_buf(counted);
    return slice_of(v.base, v.len);
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *arg) {
    struct http2_stream *s = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    (void)flags, (void)arg;
    if (!s || frame->headers.cat != NGHTTP2_HCAT_REQUEST || s->refused) return 0;
    keep_field(s, bytes_of(name), bytes_of(value));
    return 0;
}

static struct slice part(const struct http2_stream *s, uint32_t at, uint32_t size) {
    return slice_of(s->bytes.p + at, size);
}

static struct http2_field field_at(const struct http2_stream *s, size_t i) {
    struct http2_field field;
    memcpy(&field, s->fields.p + i * sizeof field, sizeof field);
    return field;
}

static void set_target(struct http2_stream *s, struct slice target, struct http_request *out) {
    if (target.n > HTTP_TARGET_MAX) set_refused(s, 414, "the request target is longer than 8 KiB");
    for (size_t i = 0; i < target.n; i++)
        if (target.p[i] <= ' ' || target.p[i] >= 127 || target.p[i] == '#')
            set_refused(s, 400, "the request target has a character that must be percent-encoded");
    const uint8_t *mark = target.n ? memchr(target.p, '?', target.n) : NULL;
    size_t path = mark ? (size_t)(mark - target.p) : target.n;
    out->path = slice_of(target.p, path);
    out->query = mark ? slice_of(mark + 1, target.n - path - 1) : slice_of(NULL, 0);
}

// The length's digits were checked by nghttp2.
static void set_length(struct http_request *out) {
    struct slice length = http_header(out, "content-length");
    for (size_t i = 0; i < length.n && out->content_length < UINT64_MAX / 10 - 10; i++)
        out->content_length = out->content_length * 10 + (uint64_t)(length.p[i] - '0');
}

static void make_request(struct http2_stream *s, struct http_request *out) {
    size_t count = s->fields.n / sizeof(struct http2_field);
    out->header_count = 0;
    out->content_length = 0;
    out->chunked = out->minor_zero = out->expect_continue = false;
    out->keep_alive = true;
    out->method = out->path = out->query = slice_of(NULL, 0);
    for (size_t i = 0; i < count; i++) {
        struct http2_field f = field_at(s, i);
        struct slice name = part(s, f.name, f.name_size), value = part(s, f.value, f.value_size);
        if (i + 1 == s->method) out->method = value;
        if (i + 1 == s->path) set_target(s, value, out);
        if (name.p[0] == ':') continue;
        if (out->header_count == HTTP_HEADERS_MAX) {
            set_refused(s, 431, "more than 100 headers");
            return;
        }
        out->headers[out->header_count++] = (struct http_header){name, value};
    }
    if (!s->path) set_refused(s, 400, "expected a path");
    out->expect_continue = http_header_is(http_header(out, "expect"), "100-continue");
    set_length(out);
}

static void begin_exchange(struct http2_stream *s, const struct http_request *request) {
    struct net_conn *conn = s->owner->conn;
    const struct net_app *app = conn->loop->server->app;
    struct net_plan plan = app->plan(app->arg, request);
    struct net_exchange *e = net_exchange_new(conn, buf_slice(&s->bytes), request);
    if (!e) {
        http2_reset(s, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    s->exchange = e;
    e->stream = s;
    e->streamed = plan.streamed;
    e->quick = plan.quick;
    e->endless = plan.endless;
    e->body_ended = s->complete;
    e->body.max = plan.streamed ? e->body.max : plan.body_max;
    if (plan.streamed || s->complete)
        net_exchange_submit(e);
    else if (request->content_length > plan.body_max)
        http2_refuse(s, 413, "the body is larger than this request may be");
    else if (request->expect_continue)
        http2_continue(s);
}

static void begin_request(struct http2_stream *s) {
    struct http_request request;
    s->opened = true;
    if (!s->refused) make_request(s, &request);
    if (s->refused)
        http2_refuse(s, s->refused, s->refused_detail);
    else
        begin_exchange(s, &request);
    buf_free(&s->bytes);
    buf_free(&s->fields);
}

// --- its body ---

static void end_request(struct http2_stream *s) {
    s->complete = true;
    struct net_exchange *e = s->exchange;
    if (!e) return;
    net_exchange_end_body(e, false);
    if (!e->streamed && !e->running) net_exchange_submit(e);
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *bytes,
                   size_t size, void *arg) {
    struct http2_stream *s = nghttp2_session_get_stream_user_data(ng, id);
    struct http2 *h = arg;
    (void)flags;
    nghttp2_session_consume_connection(ng, size);
    if (!s || !s->exchange) return nghttp2_session_consume_stream(ng, id, size);
    struct net_exchange *e = s->exchange;
    s->since_ms = uv_now(&h->conn->loop->uv);
    if (!net_exchange_feed(e, slice_of(bytes, size))) {
        http2_refuse(s, 413, "the body is larger than this request may be");
    } else if (!e->streamed) {
        s->held += size;
        h->held += size;
        if (h->held > HTTP2_HELD_MAX)
            http2_refuse(s, 503, "the requests of this connection are too large together");
    } else if (e->paused) {
        s->unread += size;
        return 0;
    }
    return nghttp2_session_consume_stream(ng, id, size);
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *arg) {
    struct http2_stream *s = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    (void)arg;
    bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!s || !carries) return 0;
    bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        s->complete = ends;
        begin_request(s);
    } else if (ends) {
        end_request(s);
    }
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *arg) {
    struct http2_stream *s = nghttp2_session_get_stream_user_data(ng, id);
    (void)code, (void)arg;
    if (s) stream_free(s);
    return 0;
}

// --- the session ---

static nghttp2_session *make_session(struct http2 *h) {
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    nghttp2_session *ng = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) return NULL;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, http2_on_frame_sent);
    if (nghttp2_option_new(&option) == 0) {
        nghttp2_option_set_no_auto_window_update(option, 1);
        nghttp2_option_set_stream_reset_rate_limit(option, RESETS_BURST, RESETS_PER_SECOND);
        if (nghttp2_session_server_new2(&ng, callbacks, h, option) != 0) ng = NULL;
        nghttp2_option_del(option);
    }
    nghttp2_session_callbacks_del(callbacks);
    return ng;
}

static bool open_session(struct net_conn *conn) {
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP2_STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_MAX},
    };
    struct http2 *h = mem_zalloc(sizeof *h);
    if (!h) return false;
    h->conn = conn;
    h->ng = make_session(h);
    if (!h->ng) {
        mem_free(h);
        return false;
    }
    conn->session = h;
    h->failed =
        nghttp2_submit_settings(h->ng, NGHTTP2_FLAG_NONE, settings,
                                sizeof settings / sizeof *settings) != 0 ||
        nghttp2_session_set_local_window_size(h->ng, NGHTTP2_FLAG_NONE, 0, HTTP2_CONN_WINDOW) != 0;
    return true;
}

static void close_session(struct net_conn *conn) {
    struct http2 *h = conn->session;
    while (h->streams) {
        h->streams->exchange = NULL; // the connection has let go of it
        stream_free(h->streams);
    }
    nghttp2_session_del(h->ng);
    mem_free(h);
    conn->session = NULL;
}

// Frames that wait become bytes, as far as there is room.
static void pump(struct http2 *h) {
    struct net_conn *conn = h->conn;
    if (net_conn_draining(conn) && !h->goaway) {
        int32_t last = nghttp2_session_get_last_proc_stream_id(h->ng);
        h->failed |=
            nghttp2_submit_goaway(h->ng, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0) != 0;
        h->goaway = true;
    }
    while (!h->failed && net_conn_unsent(conn) < HTTP2_UNSENT_MAX) {
        const uint8_t *bytes;
        ssize_t size = nghttp2_session_mem_send(h->ng, &bytes);
        if (size == 0) break;
        if (size < 0)
            h->failed = true;
        else
            buf_put(&conn->out, bytes, (size_t)size);
    }
    bool over = !nghttp2_session_want_read(h->ng) && !nghttp2_session_want_write(h->ng);
    bool last = (h->goaway || conn->ended) && !h->streams && !nghttp2_session_want_write(h->ng);
    if (h->failed)
        net_conn_close(conn);
    else if (over || last)
        net_conn_finish(conn);
}

static size_t take(struct net_conn *conn, struct slice in) {
    struct http2 *h = conn->session;
    ssize_t used = in.n ? nghttp2_session_mem_recv(h->ng, in.p, in.n) : 0;
    if (used < 0) h->failed = nghttp2_is_fatal((int)used) != 0;
    if (used < 0 && !h->failed) nghttp2_session_terminate_session(h->ng, NGHTTP2_PROTOCOL_ERROR);
    pump(h);
    return in.n; // nghttp2 keeps what it needs
}

static void told(struct net_conn *conn, struct net_exchange *e) {
    struct http2_stream *s = e->stream;
    http2_pull(s);
    if (s->answered && !s->owner->failed &&
        nghttp2_session_resume_data(s->owner->ng, s->id) == NGHTTP2_ERR_NOMEM)
        s->owner->failed = true;
    pump(conn->session);
}

static void drained(struct net_conn *conn) { pump(conn->session); }

static bool hungry(const struct net_conn *conn) { return net_conn_unsent(conn) <= NET_QUEUE_MAX; }

static void ended(struct net_conn *conn) {
    struct http2 *h = conn->session;
    for (struct http2_stream *s = h->streams; s; s = s->next)
        if (!s->complete || (s->exchange && s->exchange->endless)) http2_reset(s, NGHTTP2_CANCEL);
    pump(h);
}

// A stream whose peer neither sends nor takes for too long.
static void sweep_stream(struct http2_stream *s, uint64_t now_ms) {
    const struct net_limits *limits = &s->owner->conn->loop->server->limits;
    uint64_t quiet_ms = now_ms - s->since_ms;
    bool stalls = s->answered && s->content_at < s->content.n;
    bool waits = s->exchange && !s->complete && !s->answered && !s->exchange->paused;
    if (!s->opened && quiet_ms > limits->head_ms)
        s->owner->failed = true; // a block of headers holds the whole connection
    else if (stalls && quiet_ms > limits->stall_ms)
        http2_reset(s, NGHTTP2_CANCEL);
    else if (waits && quiet_ms > limits->stall_ms)
        http2_refuse(s, 408, "the body did not come in time");
}

static void sweep(struct net_conn *conn, uint64_t quiet_ms) {
    struct http2 *h = conn->session;
    if (!h->streams && quiet_ms > conn->loop->server->limits.idle_ms)
        nghttp2_session_terminate_session(h->ng, NGHTTP2_NO_ERROR);
    for (struct http2_stream *s = h->streams; s; s = s->next)
        sweep_stream(s, uv_now(&conn->loop->uv));
    pump(h);
}

static void drain(struct net_conn *conn) { pump(conn->session); }

const struct net_protocol net_http2 = {
    .name = "h2",
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
