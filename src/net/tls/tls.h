// TLS (1.3; 1.2 where asked for) under the protocols, without I/O: bytes of the peer to plain ones
// and back. OpenSSL 3 is used here only.
#ifndef NET_TLS_TLS_H
#define NET_TLS_TLS_H

#include "base/err/ctx.h"
#include "base/mem/buf.h"
#include "net/server.h"

struct tls_files; // what the files held; thread-safe
struct tls;       // of one connection

enum { TLS_HELLO = 0x16 }; // the first byte of a connection that wants it

MUST_USE nacre_status tls_files_open(struct ctx *ctx, const struct net_tls *options,
                                     struct tls_files **out);
void tls_files_close(struct tls_files *files); // NULL is fine; connections keep what they need

struct tls *tls_open(struct tls_files *files); // NULL: there is no memory
void tls_close(struct tls *tls);               // NULL is fine

enum tls_result {
    TLS_GOES_ON,
    TLS_ENDED,  // the peer sends no more
    TLS_FAILED, // no handshake, or bytes that nobody of the two made; cipher tells the peer
};
// Appends what the bytes hold to plain, and what must be answered to cipher.
enum tls_result tls_take(struct tls *tls, struct slice bytes, struct buf *plain,
                         struct buf *cipher);
// Before the handshake has ended nothing is to be put. False: it failed.
MUST_USE bool tls_put(struct tls *tls, struct slice plain, struct buf *cipher);
void tls_put_end(struct tls *tls, struct buf *cipher); // nothing follows

#endif
