// Replies, on the worker's thread.
#include "net/loop/loop.h"

enum { COMPRESS_MIN = 1024 };

void net_compress(struct net_exchange *e) { e->compress = true; }

// What may be compressed is told by Vary even where it is not: a cache must not mix them.
static void begin(struct net_exchange *e, int status, struct slice headers, int64_t size) {
    e->status = status;
    e->size = size;
    buf_put_slice(&e->headers, headers);
    if (e->compress) buf_put_str(&e->headers, "Vary: Accept-Encoding\r\n");
    if (e->coding) buf_printf(&e->headers, "Content-Encoding: %s\r\n", coding_name(e->coding));
    e->begun = true;
}

static enum coding wanted_coding(const struct net_exchange *e) {
    if (!e->compress) return CODING_NONE;
    return coding_choose(http_header(&e->request, "accept-encoding"));
}

// The content as it goes out; false: as it is.
static bool compress_whole(struct net_exchange *e, struct slice content, struct buf *out) {
    enum coding coding = content.n > COMPRESS_MIN ? wanted_coding(e) : CODING_NONE;
    struct coder *coder = coding ? coding_open(coding) : NULL;
    bool smaller = coder && coding_put(coder, content, CODER_END, out) && out->n < content.n;
    coding_close(coder);
    if (smaller) e->coding = coding;
    return smaller;
}

void net_reply(struct net_exchange *e, int status, struct slice headers, struct slice content) {
    struct buf coded BUF_CLEANUP = {0};
    buf_init(&coded, NULL, SIZE_MAX / 4);
    if (compress_whole(e, content, &coded)) content = buf_slice(&coded);
    mutex_lock(&e->mutex);
    begin(e, status, headers, (int64_t)content.n);
    if (!e->is_head && status != 204 && status != 304) {
        buf_put_slice(&e->out, content);
        e->given += content.n;
    }
    mutex_unlock(&e->mutex);
}

void net_reply_begin(struct net_exchange *e, int status, struct slice headers) {
    enum coding coding = wanted_coding(e);
    if (coding && !e->is_head) e->coder = coding_open(coding);
    if (e->coder) e->coding = coding;
    mutex_lock(&e->mutex);
    begin(e, status, headers, -1);
    mutex_unlock(&e->mutex);
}

// Waits for room. -1: the peer is gone.
static int put(struct net_exchange *e, struct slice bytes) {
    mutex_lock(&e->mutex);
    while (e->out.n > NET_QUEUE_MAX && !e->gone)
        cond_wait(&e->cond, &e->mutex);
    bool gone = e->gone;
    if (!gone && !e->is_head) {
        buf_put_slice(&e->out, bytes);
        e->given += bytes.n;
        gone = buf_status(&e->out) != NACRE_OK;
    }
    bool flush = e->out.n > NET_FLUSH_SIZE;
    mutex_unlock(&e->mutex);
    if (flush) net_exchange_notice(e, false);
    return gone ? -1 : 0;
}

static int put_coded(struct net_exchange *e, struct slice bytes, enum coder_step step) {
    struct buf coded BUF_CLEANUP = {0};
    buf_init(&coded, NULL, SIZE_MAX / 4);
    if (!coding_put(e->coder, bytes, step, &coded)) {
        net_abort(e);
        return -1;
    }
    return put(e, buf_slice(&coded));
}

int net_write(struct net_exchange *e, const void *bytes, size_t size) {
    if (size == 0) return 0;
    struct slice plain = slice_of(bytes, size);
    return e->coder ? put_coded(e, plain, CODER_MORE) : put(e, plain);
}

int net_flush(struct net_exchange *e) {
    if (e->coder && put_coded(e, slice_of(NULL, 0), CODER_FLUSH) != 0) return -1;
    mutex_lock(&e->mutex);
    bool gone = e->gone;
    mutex_unlock(&e->mutex);
    if (!gone) net_exchange_notice(e, false);
    return gone ? -1 : 0;
}

struct net_account net_account(struct net_exchange *e) {
    mutex_lock(&e->mutex);
    struct net_account account = {
        .status = e->status, .taken = e->streamed ? e->taken : e->body.n, .given = e->given};
    mutex_unlock(&e->mutex);
    return account;
}

void net_trailers(struct net_exchange *e, struct slice lines) {
    mutex_lock(&e->mutex);
    buf_put_slice(&e->trailers, lines);
    mutex_unlock(&e->mutex);
}

void net_abort(struct net_exchange *e) {
    mutex_lock(&e->mutex);
    e->aborted = true;
    mutex_unlock(&e->mutex);
}

void net_exchange_end_reply(struct net_exchange *e) {
    if (e->coder && !e->aborted) (void)put_coded(e, slice_of(NULL, 0), CODER_END);
}
