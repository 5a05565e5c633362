// What stands in the audit log: what was administered, and what was refused.
#include "auth/audit.h"

#include "ops/principal.h"

static bool administers(const struct op *op) {
    return strcmp(op->verb, "GET") != 0 &&
           (op->permission == OP_MAY_SERVER_ADMIN || op->permission == OP_MAY_DATABASES_WRITE ||
            op->permission == OP_MAY_COLLECTIONS_WRITE);
}

nacre_status op_audit_ready(struct op_call *call) {
    struct auth *auth = call->principal->auth;
    if (!auth || !administers(call->op)) return NACRE_OK;
    return audit_ready(call->ctx, auth_log(auth));
}

// What it is about, beside a database and a collection. A key that was given as its own id is not
// told.
static struct slice target_of(const struct op_call *call) {
    const char *key = call->path[OP_PATH_KEY];
    if (key && !auth_key_is_id(key)) return (struct slice){0};
    for (int path = OP_PATH_INDEX; path < OP_PATHS; path++)
        if (path != OP_PATH_ID && call->path[path]) return slice_str(call->path[path]);
    return buf_slice(&call->answer.location);
}

static nacre_status tell(struct op_call *call, nacre_status status, bool refused) {
    bool scoped = call->op->of_database || strstr(call->op->path, "{database}");
    struct audit_event event = {.what = call->op->name,
                                .who = op_principal_name(call->principal),
                                .address = slice_str(call->principal->address),
                                .target = target_of(call),
                                .database = scoped ? call->path[OP_PATH_DATABASE] : NULL,
                                .collection = call->path[OP_PATH_COLLECTION],
                                .status = status,
                                .refused = refused};
    struct err why = call->ctx->err;
    nacre_status told = audit_write(call->ctx, auth_log(call->principal->auth), &event);
    if (status == NACRE_OK) return told;
    call->ctx->err = why; // the call's own error is its answer
    return status;
}

nacre_status op_audit(struct op_call *call, nacre_status status) {
    return call->principal->auth && administers(call->op) ? tell(call, status, false) : status;
}

nacre_status op_audit_denied(struct op_call *call) {
    nacre_status status = NACRE_PERMISSION_DENIED;
    return call->principal->auth ? tell(call, status, true) : status;
}

void op_audit_wrong(struct ctx *ctx, struct auth *auth, const struct op_credential *credential) {
    struct audit_event event = {.what = "authenticate",
                                .address = credential->address,
                                .status = NACRE_UNAUTHENTICATED,
                                .refused = true};
    struct err why = ctx->err;
    // The refusal stands whether or not it is told; administering stops until it can be.
    (void)!audit_write(ctx, auth_log(auth), &event);
    ctx->err = why;
}
