// From a credential to its principal: the one door of all protocols. Thread-safe.
#ifndef OPS_PRINCIPAL_H
#define OPS_PRINCIPAL_H

#include "auth/auth.h"
#include "ops/op.h"

// What a request brought to show who asks.
struct op_credential {
    struct slice text;    // as the header Authorization carries it: "Bearer KEY"; p NULL: none
    struct slice address; // of the peer; n 0: a Unix socket
};

// Who asks; op_principal_free when its call is over. NACRE_UNAUTHENTICATED says what was expected.
// May take long for some credentials: not for a loop's thread.
MUST_USE nacre_status op_principal_of(struct ctx *ctx, struct auth *auth,
                                      const struct op_credential *credential,
                                      struct op_principal *out);
void op_principal_free(struct op_principal *principal);
// False: op_principal_of will refuse it. Never takes long: for deciding whether a body is held.
bool op_credential_may_pass(struct auth *auth, const struct op_credential *credential);

#endif
