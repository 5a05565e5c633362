// The body of a request: by its length, or in chunks.
#include "net/http1/http1.h"

enum { TRAILER_MAX = 8 << 10 };

static enum http1_result bad(struct http1_problem *problem, const char *detail) {
    *problem = (struct http1_problem){400, detail};
    return HTTP1_BAD;
}

void http1_body_begin(struct http1_body *body, const struct http_request *request) {
    *body = (struct http1_body){.state = BODY_LENGTH, .left = request->content_length};
    if (request->chunked) body->state = BODY_SIZE;
}

static int hex_of(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The line at the start of in, without CRLF; *used counts it. MORE: it is not all there.
static enum http1_result take_line(struct http1_body *body, struct slice in, struct slice *line,
                                   size_t *used, struct http1_problem *problem) {
    const uint8_t *end = in.n ? memchr(in.p, '\n', in.n) : NULL;
    size_t size = end ? (size_t)(end - in.p) : in.n;
    if (body->trailer_size + size > TRAILER_MAX)
        return bad(problem, "chunk extensions and trailers are longer than 8 KiB");
    if (!end) return HTTP1_MORE;
    if (size == 0 || end[-1] != '\r') return bad(problem, "a line of a chunk must end with CR LF");
    body->trailer_size += size - 1;
    *line = slice_of(in.p, size - 1);
    *used += size + 1;
    return HTTP1_DONE;
}

static enum http1_result take_size(struct http1_body *body, struct slice line,
                                   struct http1_problem *problem) {
    size_t i = 0;
    uint64_t size = 0;
    for (; i < line.n && hex_of(line.p[i]) >= 0; i++) {
        if (i == 15) return bad(problem, "a chunk is too large");
        size = size << 4 | (uint64_t)hex_of(line.p[i]);
    }
    if (i == 0 || (i < line.n && line.p[i] != ';'))
        return bad(problem, "expected the size of a chunk in hexadecimal digits");
    body->trailer_size -= i; // the digits are no extension
    body->left = size;
    body->state = size ? BODY_DATA : BODY_TRAILER;
    return HTTP1_DONE;
}

static void take_data(struct http1_body *body, struct slice in, struct slice *out, size_t *used) {
    size_t size = in.n < body->left ? in.n : (size_t)body->left;
    *out = slice_of(in.p, size);
    *used += size;
    body->left -= size;
}

// One step; DONE: another may follow at once.
static enum http1_result step(struct http1_body *body, struct slice in, struct slice *out,
                              size_t *used, struct http1_problem *problem) {
    struct slice line;
    enum http1_result result;
    switch (body->state) {
    case BODY_LENGTH:
        take_data(body, in, out, used);
        if (body->left) return HTTP1_MORE;
        body->state = BODY_END;
        return HTTP1_DONE;
    case BODY_SIZE:
        result = take_line(body, in, &line, used, problem);
        return result == HTTP1_DONE ? take_size(body, line, problem) : result;
    case BODY_DATA:
        take_data(body, in, out, used);
        if (!body->left) body->state = BODY_DATA_END;
        return HTTP1_MORE;
    case BODY_DATA_END:
        if (in.n < 2) return HTTP1_MORE;
        if (in.p[0] != '\r' || in.p[1] != '\n') return bad(problem, "expected CR LF after a chunk");
        *used += 2;
        body->state = BODY_SIZE;
        return HTTP1_DONE;
    case BODY_TRAILER:
        result = take_line(body, in, &line, used, problem);
        if (result == HTTP1_DONE && line.n == 0) body->state = BODY_END;
        return result;
    case BODY_END:
    default:
        return HTTP1_DONE;
    }
}

enum http1_result http1_body_take(struct http1_body *body, struct slice in, struct slice *out,
                                  size_t *used, struct http1_problem *problem) {
    *out = slice_of(NULL, 0);
    *used = 0;
    enum http1_result result = HTTP1_DONE;
    while (result == HTTP1_DONE && body->state != BODY_END && out->n == 0)
        result = step(body, slice_skip(in, *used), out, used, problem);
    if (result == HTTP1_BAD) return result;
    return body->state == BODY_END ? HTTP1_DONE : HTTP1_MORE;
}
