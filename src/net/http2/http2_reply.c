// Replies of exchanges as frames.
#include "net/http2/http2.h"

#include <stdio.h>

#include "base/err/check.h"

void http2_reset(struct http2_stream *s, uint32_t code) {
    if (nghttp2_submit_rst_stream(s->owner->ng, NGHTTP2_FLAG_NONE, s->id, code) != 0)
        s->owner->failed = true;
}

void http2_let_go(struct http2_stream *s) {
    s->owner->held -= s->held;
    s->held = 0;
}

// --- fields ---

enum { FIELDS_MAX = 64 };

struct fields {
    nghttp2_nv list[FIELDS_MAX];
    size_t count;
};

static void add(struct fields *out, struct slice name, struct slice value) {
    CHECK(out->count < FIELDS_MAX);
    out->list[out->count++] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.p,
                                           .namelen = name.n,
                                           .value = (uint8_t *)(uintptr_t)value.p,
                                           .valuelen = value.n};
}

// "Name: value\r\n"…; names become lower case where they stand.
static void add_lines(struct fields *out, struct buf *lines) {
    uint8_t *at = lines->p, *end = lines->p + lines->n;
    while (at < end) {
        const uint8_t *eol = memchr(at, '\r', (size_t)(end - at));
        uint8_t *name = at;
        while (*at != ':') {
            if (*at >= 'A' && *at <= 'Z') *at |= 0x20;
            at++;
        }
        const uint8_t *value = at + 2;
        add(out, slice_of(name, (size_t)(at - name)), slice_of(value, (size_t)(eol - value)));
        at += (eol - at) + 2;
    }
}

static void add_trailers(struct http2_stream *s) {
    struct fields fields;
    fields.count = 0;
    add_lines(&fields, &s->trailers);
    if (nghttp2_submit_trailer(s->owner->ng, s->id, fields.list, fields.count) != 0)
        s->owner->failed = true;
}

// --- content ---

// The worker is through with it.
static void finish(struct http2_stream *s) {
    struct net_exchange *e = s->exchange;
    struct buf swap = s->trailers;
    s->trailers = e->trailers;
    e->trailers = swap;
    s->aborted = e->aborted;
    s->finished = true;
    http2_let_go(s);
    s->exchange = NULL;
    net_exchange_free(e);
}

static ssize_t read_content(nghttp2_session *ng, int32_t id, uint8_t *out, size_t room,
                            uint32_t *flags, nghttp2_data_source *source, void *arg) {
    struct http2_stream *s = source->ptr;
    (void)ng, (void)id, (void)arg;
    if (s->content_at == s->content.n) http2_pull(s);
    size_t left = s->content.n - s->content_at, size = left < room ? left : room;
    s->since_ms = uv_now(&s->owner->conn->loop->uv);
    if (size) memcpy(out, s->content.p + s->content_at, size);
    s->content_at += size;
    if (size == left && s->finished) {
        if (s->aborted) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; // resets the stream
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (s->trailers.n) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            add_trailers(s);
        }
        return (ssize_t)size;
    }
    return size ? (ssize_t)size : NGHTTP2_ERR_DEFERRED;
}

static void answer(struct http2_stream *s, int status, struct buf *lines, int64_t size,
                   bool bodiless) {
    struct fields fields;
    char code[12], length[24];
    bodiless |= status == 204 || status == 304 || (size == 0 && !s->trailers.n);
    fields.count = 0;
    snprintf(code, sizeof code, "%d", status);
    add(&fields, SLICE_LIT(":status"), slice_str(code));
    if (s->owner->conn->tls) buf_put_str(lines, HTTP_SECURE);
    add_lines(&fields, lines);
    if (size >= 0 && status != 204 && status != 304) {
        snprintf(length, sizeof length, "%lld", (long long)size);
        add(&fields, SLICE_LIT("content-length"), slice_str(length));
    }
    s->answered = true;
    nghttp2_data_provider provider = {.source = {.ptr = s}, .read_callback = read_content};
    if (nghttp2_submit_response(s->owner->ng, s->id, fields.list, fields.count,
                                bodiless ? NULL : &provider) != 0)
        s->owner->failed = true;
}

void http2_refuse(struct http2_stream *s, int status, const char *detail) {
    const struct net_app *app = s->owner->conn->loop->server->app;
    struct buf lines BUF_CLEANUP = {0};
    if (s->exchange) net_exchange_drop(s->exchange);
    s->exchange = NULL;
    http2_let_go(s);
    if (s->answered) { // its head is gone out
        http2_reset(s, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    buf_init(&lines, NULL, 1 << 10);
    app->refuse(app->arg, status, detail, &s->content);
    s->finished = true;
    buf_put_str(&lines, "content-type: application/problem+json\r\n");
    answer(s, status, &lines, (int64_t)s->content.n, false);
}

void http2_continue(struct http2_stream *s) {
    struct fields fields;
    fields.count = 0;
    add(&fields, SLICE_LIT(":status"), SLICE_LIT("100"));
    if (nghttp2_submit_headers(s->owner->ng, NGHTTP2_FLAG_NONE, s->id, NULL, fields.list,
                               fields.count, NULL) != 0)
        s->owner->failed = true;
}

static void begin(struct http2_stream *s) {
    struct net_exchange *e = s->exchange;
    struct buf lines BUF_CLEANUP = e->headers; // ours from here on
    buf_init(&e->headers, NULL, 0);
    int status = e->status;
    int64_t size = e->size;
    bool bodiless = e->is_head;
    if (e->finished) finish(s); // before: the trailers are known then
    answer(s, status, &lines, size, bodiless);
}

// Only what was sent as a whole makes room: the worker waits meanwhile.
void http2_pull(struct http2_stream *s) {
    struct net_exchange *e = s->exchange;
    if (!e || s->content_at < s->content.n) return;
    buf_reset(&s->content);
    s->content_at = 0;
    struct net_news news = net_exchange_take(e, &s->content);
    if (news.wanted && !s->complete && !news.begun) http2_continue(s);
    if (news.resume && s->unread) {
        if (nghttp2_session_consume_stream(s->owner->ng, s->id, s->unread) != 0)
            s->owner->failed = true;
        s->unread = 0;
    }
    if (news.begun && !s->answered)
        begin(s);
    else if (e->finished && s->answered)
        finish(s);
    else if (e->finished)
        http2_refuse(s, 503, "no worker could be made: there is no memory");
}

// A reply that did not wait for the end of the request: the rest of that is not wanted.
int http2_on_frame_sent(nghttp2_session *ng, const nghttp2_frame *frame, void *arg) {
    struct http2_stream *s = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    (void)arg;
    bool ends = (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
                frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (s && ends && !s->complete) http2_reset(s, NGHTTP2_NO_ERROR);
    return 0;
}
