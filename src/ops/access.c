// Keys, roles, users.
#include "doc/json.h"
#include "ops/principal.h"

// The body as BSON in the call's memory.
static nacre_status read_body(struct op_call *call, struct slice *out) {
    struct buf bson BUF_CLEANUP = {0};
    buf_init(&bson, NULL, 1 << 20);
    struct slice text = call->body_size ? slice_of(call->body, call->body_size) : SLICE_LIT("{}");
    TRY(json_parse(call->ctx, text, NULL, &bson));
    void *p = arena_copy(&call->ctx->arena, bson.p, bson.n);
    *out = slice_of(p, bson.n);
    return p ? NACRE_OK : err_nomem(call->ctx);
}

static nacre_status find_auth(struct op_call *call, struct auth **out) {
    *out = call->principal->auth;
    if (*out) return NACRE_OK;
    return err_set(call->ctx, NACRE_UNIMPLEMENTED, "%s is there on a server", call->op->name);
}

static void put_location(struct op_call *call, const char *list, struct slice id) {
    buf_printf(&call->answer.location, "/v1/%s/%.*s", list, (int)id.n, (const char *)id.p);
}

// --- keys ---

nacre_status run_key_list(struct op_call *call) { return run_key_get(call); }

nacre_status run_key_get(struct op_call *call) {
    struct auth *auth;
    TRY(find_auth(call, &auth));
    return auth_key_describe(call->ctx, auth, call->path[OP_PATH_KEY], &call->answer.body);
}

nacre_status run_key_create(struct op_call *call) {
    struct slice body, id;
    struct auth *auth;
    TRY(find_auth(call, &auth));
    TRY(read_body(call, &body));
    TRY(auth_key_create(call->ctx, auth, body, &id, &call->answer.body));
    put_location(call, "keys", id);
    return NACRE_OK;
}

nacre_status run_key_delete(struct op_call *call) {
    struct auth *auth;
    TRY(find_auth(call, &auth));
    return auth_key_delete(call->ctx, auth, call->path[OP_PATH_KEY]);
}

// --- roles ---

nacre_status run_role_list(struct op_call *call) { return run_role_get(call); }

nacre_status run_role_get(struct op_call *call) {
    struct auth *auth;
    TRY(find_auth(call, &auth));
    return auth_role_describe(call->ctx, auth, call->path[OP_PATH_ROLE], &call->answer.body);
}

nacre_status run_role_put(struct op_call *call) {
    const char *name = call->path[OP_PATH_ROLE];
    struct slice body;
    struct auth *auth;
    bool created;
    TRY(find_auth(call, &auth));
    TRY(read_body(call, &body));
    TRY(auth_role_put(call->ctx, auth, name, body, &created));
    if (!created) call->answer.status = 200;
    return auth_role_describe(call->ctx, auth, name, &call->answer.body);
}

nacre_status run_role_delete(struct op_call *call) {
    struct auth *auth;
    TRY(find_auth(call, &auth));
    return auth_role_delete(call->ctx, auth, call->path[OP_PATH_ROLE]);
}

// --- users ---

nacre_status run_user_list(struct op_call *call) { return run_user_get(call); }

nacre_status run_user_get(struct op_call *call) {
    struct auth *auth;
    TRY(find_auth(call, &auth));
    return auth_user_describe(call->ctx, auth, call->path[OP_PATH_USER], &call->answer.body);
}

nacre_status run_user_put(struct op_call *call) {
    const char *name = call->path[OP_PATH_USER];
    struct slice body;
    struct auth *auth;
    bool created;
    TRY(find_auth(call, &auth));
    TRY(read_body(call, &body));
    TRY(auth_user_put(call->ctx, auth, name, body, &created));
    if (!created) call->answer.status = 200;
    return auth_user_describe(call->ctx, auth, name, &call->answer.body);
}

nacre_status run_user_delete(struct op_call *call) {
    struct auth *auth;
    TRY(find_auth(call, &auth));
    return auth_user_delete(call->ctx, auth, call->path[OP_PATH_USER]);
}
