// API keys: made, verified, revoked.
#include "auth/internal.h"

enum { NOTE_MS = 60000 };

bool auth_bearer(struct auth *auth, struct slice key, struct auth_who *out) {
    uint8_t hash[SECRET_HASH_SIZE];
    struct slice id = secret_key_id(key);
    if (secret_is_admin(&auth->admin, key)) {
        held_take(auth, auth->admin_identity, out);
        return true;
    }
    if (!id.p || !held_who(auth, ROWS_KEYS, id, out)) return false;
    secret_key_hash(key, hash);
    if (secret_same(hash, out->identity->hash, sizeof hash)) return true;
    auth_who_free(out);
    return false;
}

static bool is_due(const struct auth *auth, const struct auth_identity *identity, int64_t now) {
    return identity != auth->admin_identity && now - atomic_load(&identity->kept_ms) >= NOTE_MS;
}

bool auth_is_quick(const struct auth *auth, const struct auth_who *who) {
    if (who->identity == auth->admin_identity) return true;
    return !auth->by_who && !auth->by_tenant &&
           !is_due(auth, who->identity, (int64_t)world_wall_ms(auth->options.world));
}

nacre_status auth_used(struct ctx *ctx, struct auth *auth, const struct auth_who *who) {
    struct auth_identity *identity = who->identity;
    if (identity->kind == ROWS_KINDS) return NACRE_OK; // it is not stored
    int64_t now = (int64_t)world_wall_ms(auth->options.world);
    int64_t kept = atomic_load(&identity->kept_ms);
    atomic_store_explicit(&identity->used_ms, now, memory_order_relaxed);
    if (!is_due(auth, identity, now) ||
        !atomic_compare_exchange_strong(&identity->kept_ms, &kept, now))
        return NACRE_OK;
    nacre_status status = rows_note(ctx, auth->options.engine, identity->kind,
                                    slice_str(identity->id), "last_used", now);
    return status == NACRE_DOCUMENT_NOT_FOUND ? NACRE_OK : status; // revoked meanwhile
}

// --- administration ---

static nacre_status create(struct ctx *ctx, struct auth *auth, const char *id, const char *key,
                           struct auth_identity *identity, struct buf *json) {
    identity->created_ms = (int64_t)world_wall_ms(auth->options.world);
    identity->of_server = auth->of_server;
    secret_key_hash(slice_str(key), identity->hash);
    nacre_status status =
        held_count(auth, ROWS_KEYS) < AUTH_KEYS_MAX
            ? NACRE_OK
            : err_set(ctx, NACRE_QUOTA_EXCEEDED, "there are %d keys, the most", AUTH_KEYS_MAX);
    if (status == NACRE_OK) status = identity_check(ctx, auth, identity);
    if (status == NACRE_OK) status = identity_keep(ctx, auth, identity, true);
    if (status != NACRE_OK) {
        identity_free(identity);
        return status;
    }
    buf_put_u8(json, '{');
    identity_json(identity, json);
    buf_printf(json, ",\"key\":\"%s\"}", key);
    return held_put(ctx, auth, ROWS_KEYS, id, identity);
}

nacre_status auth_key_create(struct ctx *ctx, struct auth *auth, struct slice body,
                             struct slice *out_id, struct buf *json) {
    char id[SECRET_ID_SIZE + 1], key[SECRET_KEY_MAX];
    struct auth_identity *identity;
    secret_key_make(id, key);
    nacre_status status = identity_parse(ctx, ROWS_KEYS, id, body, false, &identity);
    if (status == NACRE_OK) {
        mutex_lock(&auth->changes);
        status = create(ctx, auth, id, key, identity, json);
        mutex_unlock(&auth->changes);
    }
    secret_wipe(key, sizeof key);
    *out_id = slice_of(arena_str(&ctx->arena, slice_str(id)), SECRET_ID_SIZE);
    return status != NACRE_OK || out_id->p ? status : err_nomem(ctx);
}

nacre_status auth_key_describe(struct ctx *ctx, struct auth *auth, const char *id,
                               struct buf *json) {
    return held_describe(ctx, auth, ROWS_KEYS, id, json);
}

nacre_status auth_key_delete(struct ctx *ctx, struct auth *auth, const char *id) {
    return held_delete(ctx, auth, ROWS_KEYS, id);
}

bool auth_key_is_id(const char *text) { return secret_is_id(slice_str(text)); }
