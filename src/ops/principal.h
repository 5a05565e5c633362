// From a credential to its principal, and what that may: the one door of all protocols.
// Thread-safe.
#ifndef OPS_PRINCIPAL_H
#define OPS_PRINCIPAL_H

#include "ops/op.h"

// What a request brought to show who asks.
struct op_credential {
    struct slice text;    // as the header Authorization carries it: "Bearer KEY"; p NULL: none
    struct slice address; // of the peer; n 0: a Unix socket
};

// auth_open with the permissions of the operations, whatever options says of them.
MUST_USE nacre_status op_auth_open(struct ctx *ctx, const struct auth_options *options,
                                   struct auth **out);

// Who asks; op_principal_free when its call is over. NACRE_UNAUTHENTICATED says what was expected;
// NACRE_RATE_LIMITED: out->limit tells how long to wait.
// May take long for some credentials: not for a loop's thread.
MUST_USE nacre_status op_principal_of(struct ctx *ctx, struct auth *auth,
                                      const struct op_credential *credential,
                                      struct op_principal *out);
// As op_principal_of on a loop's thread. False: it would have to wait, or refuse.
bool op_principal_quick(struct ctx *ctx, struct auth *auth, const struct op_credential *credential,
                        struct op_principal *out);
void op_principal_free(struct op_principal *principal);
// False: op_principal_of will refuse it. Never takes long: for deciding whether a body is held.
bool op_credential_may_pass(struct auth *auth, const struct op_credential *credential);

// One for each principal; as long as it.
const char *op_principal_name(const struct op_principal *principal);
// As auth_may.
bool op_may(const struct op_principal *principal, enum op_permission permission,
            const char *database, const char *collection);

// --- for op_run ---

// NACRE_PERMISSION_DENIED: names what is missing, and tells nothing of what is there.
MUST_USE nacre_status op_permit(struct op_call *call);
// For calls that last: NACRE_UNAUTHENTICATED where the key or its role is no more what it was.
MUST_USE nacre_status op_still(struct op_call *call);
// What the library does now, it does for the principal.
void op_principal_enter(struct op_call *call);
// Whether an error of the library may name what the principal may not see; then the error without.
bool op_hides_names(const struct op_call *call, nacre_status status);
MUST_USE nacre_status op_hide_names(struct op_call *call, nacre_status status);
// What administers stands in the audit log before it is answered, and so does what is refused.
// NACRE_UNAVAILABLE: the log cannot be written.
MUST_USE nacre_status op_audit_ready(struct op_call *call);
// status, or why a call that was done could not be told.
MUST_USE nacre_status op_audit(struct op_call *call, nacre_status status);
// NACRE_PERMISSION_DENIED, whose error stands already.
MUST_USE nacre_status op_audit_denied(struct op_call *call);
void op_audit_wrong(struct ctx *ctx, struct auth *auth, const struct op_credential *credential);
// A list of databases or collections ({"items":[{"name"…}]}), those that the principal may read.
MUST_USE nacre_status op_answer_shown(struct op_call *call, const char *json, bool databases);

#endif
