// Schemes of credentials, and whom they make of a request.
#include "ops/principal.h"

// "Scheme rest": rest, whatever case the scheme is in; p NULL: it is another scheme.
static struct slice scheme_rest(struct slice text, const char *scheme) {
    size_t size = strlen(scheme);
    if (text.n < size + 2 || text.p[size] != ' ') return (struct slice){0};
    for (size_t i = 0; i < size; i++)
        if ((text.p[i] | 0x20) != scheme[i]) return (struct slice){0};
    return slice_skip(text, size + 1);
}

bool op_credential_may_pass(struct auth *auth, const struct op_credential *credential) {
    struct slice key = scheme_rest(credential->text, "bearer");
    return key.p && auth_is_admin(auth, key);
}

nacre_status op_principal_of(struct ctx *ctx, struct auth *auth,
                             const struct op_credential *credential, struct op_principal *out) {
    if (op_credential_may_pass(auth, credential)) {
        *out = (struct op_principal){.permissions = (1u << OP_PERMISSIONS) - 1, .name = "admin"};
        return NACRE_OK;
    }
    err_set(ctx, NACRE_UNAUTHENTICATED,
            credential->text.p ? "this key is not valid here"
                               : "expected a header Authorization: Bearer KEY");
    err_hint(ctx, "The admin key is in the file admin.key of the server's directory.");
    return NACRE_UNAUTHENTICATED;
}

void op_principal_free(struct op_principal *principal) { *principal = (struct op_principal){0}; }
