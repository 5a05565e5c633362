// HTTP/2 (RFC 9113) over a connection. Frames, HPACK and flow control are nghttp2's; this is what
// lies between it and exchanges.
#ifndef NET_HTTP2_HTTP2_H
#define NET_HTTP2_HTTP2_H

#include <nghttp2/nghttp2.h>

#include "net/loop/loop.h"

enum {
    HTTP2_STREAMS_MAX = 100,
    HTTP2_STREAM_WINDOW = 256 << 10, // of a request's body that is read as it comes
    HTTP2_CONN_WINDOW = 1 << 20,
    HTTP2_HELD_MAX = 128 << 20, // of whole bodies of a connection together
    HTTP2_UNSENT_MAX = 256 << 10,
};

// A field of a request, by places in the stream's bytes.
struct http2_field {
    uint32_t name, name_size, value, value_size;
};

struct http2_stream {
    struct http2_stream *next, **link;
    struct http2 *owner;
    int32_t id;
    uint64_t since_ms; // of its last progress
    // The request.
    struct buf bytes;      // of names and values
    struct buf fields;     // struct http2_field
    uint32_t method, path; // places in fields, + 1; 0: none
    size_t size;           // as a header list counts it
    int refused;           // a status; 0: none yet
    const char *refused_detail;
    bool opened;   // the head is whole
    bool complete; // the whole request has come
    size_t held;   // bytes of a whole body
    size_t unread; // bytes whose window is not given back
    // The reply.
    struct net_exchange *exchange;
    struct buf content;
    size_t content_at; // of content, what was sent
    struct buf trailers;
    bool answered, finished, aborted;
};

struct http2 {
    nghttp2_session *ng;
    struct net_conn *conn;
    struct http2_stream *streams;
    size_t held; // by all streams
    bool goaway, failed;
};

// http2_reply.c
// An answer that no worker makes.
void http2_refuse(struct http2_stream *stream, int status, const char *detail);
void http2_continue(struct http2_stream *stream); // the body may come
// Takes over what the worker has, if there is room for it.
void http2_pull(struct http2_stream *stream);
void http2_let_go(struct http2_stream *stream); // of the bytes of its body
void http2_reset(struct http2_stream *stream, uint32_t code);
int http2_on_frame_sent(nghttp2_session *ng, const nghttp2_frame *frame, void *arg);

#endif
