// The upgrade: RFC 6455, 4.2.
#include "net/ws/ws.h"

#include <openssl/evp.h>

int ws_refuses(const struct http_request *r, const char **out_detail) {
    bool asks = http_list_has(http_header(r, "upgrade"), "websocket") &&
                http_list_has(http_header(r, "connection"), "upgrade");
    struct slice key = http_header(r, "sec-websocket-key");
    *out_detail = "expected an upgrade to websocket, over HTTP/1.1";
    if (!asks || r->minor_zero || !slice_eq_str(r->method, "GET")) return 426;
    *out_detail = "the version of WebSocket understood here is 13";
    if (!slice_eq_str(http_header(r, "sec-websocket-version"), "13")) return 426;
    *out_detail = "expected one Sec-WebSocket-Key of 24 characters, and no body";
    if (key.n != 24 || http_header_times(r, "sec-websocket-key") != 1) return 400;
    return r->chunked || r->content_length ? 400 : 0;
}

void ws_put_accept(const struct http_request *r, struct buf *lines) {
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    struct slice key = http_header(r, "sec-websocket-key");
    uint8_t text[24 + sizeof magic - 1], digest[EVP_MAX_MD_SIZE], code[EVP_MAX_MD_SIZE * 2];
    unsigned size = 0;
    memcpy(text, key.p, 24);
    memcpy(text + 24, magic, sizeof magic - 1);
    if (EVP_Digest(text, sizeof text, digest, &size, EVP_sha1(), NULL) != 1) size = 0;
    int n = EVP_EncodeBlock(code, digest, (int)size);
    buf_printf(lines, "Upgrade: websocket\r\nSec-WebSocket-Accept: %.*s\r\n", n,
               (const char *)code);
}
