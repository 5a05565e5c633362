// Who asks: the admin key of a server's directory. Thread-safe once open.
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "base/err/ctx.h"
#include "base/mem/slice.h"

struct auth;

// Reads DIR/admin.key, or makes it (mode 0600): a random key. NACRE_IO_ERROR, NACRE_CORRUPT where
// it is no key, NACRE_PERMISSION_DENIED where others may read it.
MUST_USE nacre_status auth_open(struct ctx *ctx, const char *dir, struct auth **out);
void auth_close(struct auth *auth); // NULL is fine
// Whether this is the admin key; takes the same time whatever differs.
bool auth_is_admin(const struct auth *auth, struct slice key);

#endif
