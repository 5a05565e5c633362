// Opening and closing.
#include <stdio.h>

#include "auth/internal.h"
#include "base/err/check.h"

uint32_t auth_permission(const struct auth *auth, const char *name) {
    for (uint32_t i = 0; i < auth->options.permission_count; i++)
        if (strcmp(auth->options.permissions[i], name) == 0) return 1u << i;
    return 0;
}

// Who is bound to some databases may neither administer the server nor make databases.
static uint32_t server_permissions(const struct auth *auth) {
    return auth_permission(auth, "databases:write") | auth_permission(auth, "server:admin") |
           auth_permission(auth, "metrics:read");
}

static nacre_status make_admin(struct ctx *ctx, struct auth *auth) {
    TRY(identity_new(ctx, ROWS_KINDS, "admin", &auth->admin_identity));
    auth->admin_identity->role = SLICE_LIT("admin");
    snprintf(auth->admin_identity->name, sizeof auth->admin_identity->name, "admin");
    return NACRE_OK;
}

nacre_status auth_open(struct ctx *ctx, const struct auth_options *options, struct auth **out) {
    struct auth *auth = mem_zalloc(sizeof *auth);
    if (!auth) return err_nomem(ctx);
    CHECK(options->permission_count <= 32);
    auth->options = *options;
    auth->of_server = server_permissions(auth);
    mutex_init(&auth->changes);
    mutex_init(&auth->mutex);
    for (int kind = 0; kind < ROWS_KINDS; kind++)
        map_init(&auth->maps[kind]);
    nacre_status status = gate_open(ctx, auth);
    if (status == NACRE_OK) status = user_queue_open(ctx, auth);
    if (status == NACRE_OK) status = secret_admin_load(ctx, options->dir, &auth->admin);
    if (status == NACRE_OK) status = make_admin(ctx, auth);
    if (status == NACRE_OK) status = role_built_in(ctx, auth);
    if (status == NACRE_OK) status = held_load(ctx, auth);
    if (status == NACRE_OK) status = token_open(ctx, auth);
    if (status == NACRE_OK) status = audit_open(ctx, options->dir, options->world, &auth->log);
    if (status == NACRE_OK)
        *out = auth;
    else
        auth_close(auth);
    return status;
}

struct audit *auth_log(struct auth *auth) {
    return auth->log;
}

void auth_close(struct auth *auth) {
    if (!auth) return;
    audit_close(auth->log);
    token_close(auth);
    held_free(auth);
    identity_free(auth->admin_identity);
    user_queue_close(auth);
    gate_close(auth);
    mutex_destroy(&auth->mutex);
    mutex_destroy(&auth->changes);
    secret_wipe(auth, sizeof *auth);
    mem_free(auth);
}
