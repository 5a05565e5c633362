// Signatures of tokens (RFC 7515) by the keys of a file (RFC 7517). The only user of libcjose.
#ifndef AUTH_JOSE_H
#define AUTH_JOSE_H

#include "base/err/ctx.h"
#include "base/mem/buf.h"

struct jose_keys;

// {"keys":[…]}: RSA from 2,048 bits, EC on P-256, P-384, P-521, oct from 256 bits. A file with an
// oct key must be its owner's alone. NACRE_INVALID_ARGUMENT, NACRE_PERMISSION_DENIED,
// NACRE_IO_ERROR.
MUST_USE nacre_status jose_keys_load(struct ctx *ctx, const char *path, struct jose_keys **out);
MUST_USE nacre_status jose_keys_parse(struct ctx *ctx, struct slice json, struct jose_keys **out);
void jose_keys_free(struct jose_keys *keys); // NULL is fine

// Appends the payload of a compact token if one of the keys signed it. Its kind of key decides
// which algorithms may be: never "none", no RSA key as the secret of an HMAC; of several keys the
// kid tells which. False: it is not valid. One thread at a time.
bool jose_verify(const struct jose_keys *keys, struct slice token, struct buf *payload);

#endif
