// Schemes of credentials, and whom they make of a request.
#include "ops/principal.h"

#include <stdio.h>

// "Scheme rest": rest, whatever case the scheme is in; p NULL: it is another scheme.
static struct slice scheme_rest(struct slice text, const char *scheme) {
    size_t size = strlen(scheme);
    if (text.n < size + 2 || text.p[size] != ' ') return (struct slice){0};
    for (size_t i = 0; i < size; i++)
        if ((text.p[i] | 0x20) != scheme[i]) return (struct slice){0};
    return slice_skip(text, size + 1);
}

nacre_status op_auth_open(struct ctx *ctx, const struct auth_options *options, struct auth **out) {
    struct auth_options all = *options;
    all.permissions = op_permission_names;
    all.permission_count = OP_PERMISSIONS;
    return auth_open(ctx, &all, out);
}

bool op_credential_may_pass(struct auth *auth, const struct op_credential *credential) {
    struct slice key = scheme_rest(credential->text, "bearer");
    struct auth_who who;
    // To verify a password or a signature takes long: that is a worker's.
    if (scheme_rest(credential->text, "basic").p) return true;
    if (key.p && auth_is_token(auth, key)) return true;
    if (!key.p || !auth_bearer(auth, key, &who)) return false;
    auth_who_free(&who);
    return true;
}

// What was given is none, and counts as a try from that address.
static nacre_status refuse(struct ctx *ctx, struct auth *auth,
                           const struct op_credential *credential, struct op_principal *out) {
    bool given = credential->text.p != NULL;
    if (given && auth_wrong(ctx, auth, credential->address, &out->limit) == NACRE_RATE_LIMITED)
        return NACRE_RATE_LIMITED;
    out->limit = (struct limit_state){0};
    if (given) op_audit_wrong(ctx, auth, credential);
    if (ctx->err.status == NACRE_UNAUTHENTICATED) return NACRE_UNAUTHENTICATED; // it says why
    err_set(ctx, NACRE_UNAUTHENTICATED,
            given ? "this key is not valid here" : "expected a header Authorization: Bearer KEY");
    err_hint(ctx, "The admin key is in the file admin.key of the server's directory.");
    return NACRE_UNAUTHENTICATED;
}

static nacre_status identify(struct ctx *ctx, struct auth *auth,
                             const struct op_credential *credential, struct auth_who *out) {
    struct slice key = scheme_rest(credential->text, "bearer");
    struct slice basic = scheme_rest(credential->text, "basic");
    if (basic.p) return auth_password(ctx, auth, basic, credential->address, out);
    if (key.p && auth_is_token(auth, key))
        return auth_token(ctx, auth, key, credential->address, out);
    return key.p && auth_bearer(auth, key, out) ? NACRE_OK : NACRE_UNAUTHENTICATED;
}

nacre_status op_principal_of(struct ctx *ctx, struct auth *auth,
                             const struct op_credential *credential, struct op_principal *out) {
    *out = (struct op_principal){.auth = auth};
    snprintf(out->address, sizeof out->address, "%.*s", (int)credential->address.n,
             (const char *)credential->address.p);
    nacre_status status = identify(ctx, auth, credential, &out->who);
    if (status == NACRE_UNAUTHENTICATED) return refuse(ctx, auth, credential, out);
    TRY(status);
    status = auth_admit(ctx, auth, &out->who, &out->limit);
    if (status != NACRE_OK) {
        auth_who_free(&out->who);
        return status;
    }
    // When it was used last is worth no refusal: a minute later it is tried again.
    if (auth_used(ctx, auth, &out->who) != NACRE_OK) err_clear(ctx);
    return NACRE_OK;
}

bool op_principal_quick(struct ctx *ctx, struct auth *auth, const struct op_credential *credential,
                        struct op_principal *out) {
    struct slice key = scheme_rest(credential->text, "bearer");
    *out = (struct op_principal){.auth = auth};
    if (!key.p || !auth_bearer(auth, key, &out->who)) return false;
    if (auth_is_quick(auth, &out->who)) return auth_used(ctx, auth, &out->who) == NACRE_OK;
    op_principal_free(out);
    return false;
}

void op_principal_free(struct op_principal *principal) { auth_who_free(&principal->who); }
