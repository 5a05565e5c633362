// What the protocols agree on: a request as it was understood, whichever of them carried it. The
// slices point into memory of the connection and live as long as the exchange.
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <stdbool.h>

#include "base/mem/slice.h"

enum {
    HTTP_HEAD_MAX = 16 << 10, // bytes of request line and headers together
    HTTP_TARGET_MAX = 8 << 10,
    HTTP_HEADERS_MAX = 100,
};

struct http_header {
    struct slice name; // as it was sent; compare with http_header_is
    struct slice value;
};

struct http_request {
    struct slice method;
    struct slice path;  // percent-encoded, begins with '/'; "*" of OPTIONS
    struct slice query; // after '?', percent-encoded
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t header_count;
    uint64_t content_length; // 0 with chunked
    bool chunked;
    bool keep_alive;
    bool expect_continue;
    bool minor_zero; // HTTP/1.0: no chunked answer
};

// For answers over TLS: a browser asks no other way from then on.
#define HTTP_SECURE "Strict-Transport-Security: max-age=31536000\r\n"

// Without regard to case.
bool http_header_is(struct slice name, const char *other);
// The value of the first header of that name; p NULL: there is none.
struct slice http_header(const struct http_request *request, const char *lower);
size_t http_header_times(const struct http_request *request, const char *lower);
// Whether a comma-separated list has this token, without regard to case.
bool http_list_has(struct slice list, const char *lower);
// The standard phrase of a status, "Unknown" for others.
const char *http_phrase(int status);

#endif
