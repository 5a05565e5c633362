// HTTP/1.1 (RFC 9112) from bytes, without I/O. Stricter than the standard asks: what two parsers
// could read in two ways is refused (bare LF, folded lines, a space before the colon, more than one
// length, a length beside chunked).
#ifndef NET_HTTP1_HTTP1_H
#define NET_HTTP1_HTTP1_H

#include "base/mem/buf.h"
#include "net/http.h"

enum http1_result { HTTP1_MORE, HTTP1_DONE, HTTP1_BAD };

// Why bytes were refused; the connection must be closed after it.
struct http1_problem {
    int status;         // 400, 414, 417, 431, 501 or 505
    const char *detail; // static
};

// One head at the start of in. DONE: *out, whose slices point into in, and *used bytes. MORE: not
// all is there yet.
enum http1_result http1_head(struct slice in, struct http_request *out, size_t *used,
                             struct http1_problem *problem);

enum http1_body_state { BODY_LENGTH, BODY_SIZE, BODY_DATA, BODY_DATA_END, BODY_TRAILER, BODY_END };
struct http1_body {
    enum http1_body_state state;
    uint64_t left;       // bytes of the body, or of the chunk
    size_t trailer_size; // bytes of chunk extensions and trailers so far
};
void http1_body_begin(struct http1_body *body, const struct http_request *request);
// The next run of the body at the start of in: *out (may be empty) points into in, *used bytes are
// done with. DONE: the body has ended. MORE: take out, drop used, and call again with what follows.
enum http1_result http1_body_take(struct http1_body *body, struct slice in, struct slice *out,
                                  size_t *used, struct http1_problem *problem);

#endif
