// WebSocket (RFC 6455) over a connection that HTTP/1.1 has upgraded. Frames are wslay's.
#ifndef NET_WS_WS_H
#define NET_WS_WS_H

#include "base/mem/buf.h"
#include "net/http.h"

enum {
    WS_MESSAGE_MAX = 64 << 10, // of the peer
    WS_QUEUE_MAX = 256 << 10,  // of messages that wait, each way
    WS_PING_MS = 25000,        // so quiet a peer is asked whether it lives
};

// Why a request cannot be upgraded: a status and its detail. 0: it can.
int ws_refuses(const struct http_request *request, const char **out_detail);
// The header lines of the answer 101.
void ws_put_accept(const struct http_request *request, struct buf *lines);

#endif
