// JSON Web Tokens (RFC 7519) as identities: verified once, known until they expire or the file of
// keys changes.
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>

#include "auth/internal.h"
#include "auth/jose.h"
#include "base/bits/bits.h"
#include "catalog/keyspace.h"
#include "doc/json.h"

enum { TOKEN_MAX = 8192, KNOWN_MAX = 4096, LOOK_MS = 1000, SKEW_MS = 30000 };
#define SECONDS_MAX 1e11

struct tokens {
    struct mutex mutex; // guards what follows; taken before auth's
    struct jose_keys *keys;
    struct timespec changed; // the file
    uint64_t next_look_ms;
    struct map known; // by hash of the token
};

// --- the file of keys ---

static void forget_all(struct tokens *tokens) {
    struct slice key;
    void *identity;
    for (size_t at = 0; map_next(&tokens->known, &at, &key, &identity);) {
        atomic_store(&((struct auth_identity *)identity)->over, true);
        identity_free(identity);
    }
    map_free(&tokens->known);
    map_init(&tokens->known);
}

static nacre_status look(struct ctx *ctx, struct auth *auth) {
    struct tokens *tokens = auth->tokens;
    struct jose_keys *keys;
    struct stat about;
    bool there = stat(auth->options.jwks, &about) == 0;
    if (there && tokens->keys &&
        memcmp(&about.st_mtim, &tokens->changed, sizeof about.st_mtim) == 0)
        return NACRE_OK;
    TRY(jose_keys_load(ctx, auth->options.jwks, &keys));
    forget_all(tokens);
    jose_keys_free(tokens->keys);
    tokens->keys = keys;
    tokens->changed = about.st_mtim;
    return NACRE_OK;
}

nacre_status token_open(struct ctx *ctx, struct auth *auth) {
    const struct auth_options *options = &auth->options;
    if (!options->jwks) return NACRE_OK;
    if (!options->jwt_issuer || !options->jwt_audience)
        return err_set(ctx, NACRE_INVALID_ARGUMENT,
                       "keys of tokens need an issuer and an audience that tokens must name");
    auth->tokens = mem_zalloc(sizeof *auth->tokens);
    if (!auth->tokens) return err_nomem(ctx);
    mutex_init(&auth->tokens->mutex);
    map_init(&auth->tokens->known);
    return look(ctx, auth);
}

void token_close(struct auth *auth) {
    if (!auth->tokens) return;
    forget_all(auth->tokens);
    map_free(&auth->tokens->known);
    jose_keys_free(auth->tokens->keys);
    mutex_destroy(&auth->tokens->mutex);
    mem_free(auth->tokens);
}

bool auth_is_token(const struct auth *auth, struct slice text) {
    const uint8_t *dot = memchr(text.p, '.', text.n);
    return auth->tokens && text.n <= TOKEN_MAX && slice_starts(text, SLICE_LIT("eyJ")) && dot;
}

// --- claims ---

static nacre_status invalid(struct ctx *ctx, const char *why) {
    return err_set(ctx, NACRE_UNAUTHENTICATED, "this token is not valid here%s", why);
}

static bool time_of(struct slice claims, const char *name, int64_t *out_ms) {
    struct val v = bson_find(claims, slice_str(name));
    double seconds = v.type == VAL_INT ? (double)v.i : v.type == VAL_DOUBLE ? v.d : NAN;
    if (!(seconds > 0 && seconds < SECONDS_MAX)) return false;
    *out_ms = (int64_t)(seconds * 1000);
    return true;
}

static bool names(struct val v, const char *wanted) {
    struct slice name;
    struct val one;
    if (v.type == VAL_STRING) return slice_eq_str(val_slice(v), wanted);
    if (v.type != VAL_ARRAY) return false;
    struct bson_iter it = bson_iter_of_val(v);
    while (bson_next(&it, &name, &one))
        if (one.type == VAL_STRING && slice_eq_str(val_slice(one), wanted)) return true;
    return false;
}

static nacre_status check_claims(struct ctx *ctx, const struct auth *auth, struct slice claims,
                                 int64_t *out_expires_ms) {
    int64_t now = (int64_t)world_wall_ms(auth->options.world), before;
    struct val issuer = bson_find(claims, SLICE_LIT("iss"));
    bool begins = bson_find(claims, SLICE_LIT("nbf")).type != VAL_MISSING;
    if (!time_of(claims, "exp", out_expires_ms)) return invalid(ctx, ": it must say when it ends");
    if (*out_expires_ms <= now) return invalid(ctx, ": it has expired");
    if (begins && (!time_of(claims, "nbf", &before) || before > now + SKEW_MS))
        return invalid(ctx, ": its time is to come");
    if (issuer.type != VAL_STRING || !slice_eq_str(val_slice(issuer), auth->options.jwt_issuer))
        return invalid(ctx, ": another issuer");
    if (!names(bson_find(claims, SLICE_LIT("aud")), auth->options.jwt_audience))
        return invalid(ctx, ": another audience");
    return NACRE_OK;
}

// Without databases it has none; ["*"] is all.
static nacre_status take_databases(struct ctx *ctx, struct slice claims,
                                   struct auth_identity *identity) {
    struct val v = bson_find(claims, SLICE_LIT("databases"));
    if (v.type != VAL_ARRAY ||
        pattern_list(ctx, "/databases", v, &identity->arena, &identity->databases,
                     &identity->database_count) != NACRE_OK)
        return invalid(ctx, ": its claim databases is no list of names");
    const struct pattern *first = &identity->databases[0];
    if (identity->database_count == 1 && first->prefix && first->text.n == 0)
        identity->database_count = 0;
    return NACRE_OK;
}

static nacre_status take_claims(struct ctx *ctx, struct auth *auth, struct slice claims,
                                struct auth_identity *identity) {
    struct val subject = bson_find(claims, SLICE_LIT("sub"));
    struct val role = bson_find(claims, SLICE_LIT("role"));
    TRY(check_claims(ctx, auth, claims, &identity->expires_ms));
    if (subject.type != VAL_STRING || subject.n == 0)
        return invalid(ctx, ": it must say whose it is");
    if (role.type != VAL_STRING || name_check(ctx, "role", val_slice(role)) != NACRE_OK)
        return invalid(ctx, ": its claim role is no name");
    TRY(take_databases(ctx, claims, identity));
    secret_name(val_slice(subject), identity->id);
    snprintf(identity->name, sizeof identity->name, "token:%s", identity->id);
    identity->role = slice_of(arena_copy(&identity->arena, role.p, role.n), role.n);
    return identity->role.p ? NACRE_OK : err_nomem(ctx);
}

static nacre_status read_token(struct ctx *ctx, struct auth *auth, struct slice token,
                               struct auth_identity *identity) {
    struct buf payload BUF_CLEANUP = {0}, bson BUF_CLEANUP = {0};
    buf_init(&payload, NULL, TOKEN_MAX);
    buf_init(&bson, NULL, 4 * TOKEN_MAX);
    if (!jose_verify(auth->tokens->keys, token, &payload)) return invalid(ctx, "");
    if (buf_status(&payload) != NACRE_OK) return err_buf(ctx, &payload);
    if (json_parse(ctx, buf_slice(&payload), NULL, &bson) != NACRE_OK) return invalid(ctx, "");
    return take_claims(ctx, auth, buf_slice(&bson), identity);
}

// --- who ---

static nacre_status keep(struct ctx *ctx, struct tokens *tokens, struct slice hash,
                         struct auth_identity *identity) {
    if (tokens->known.count >= KNOWN_MAX) forget_all(tokens);
    if (map_put(&tokens->known, hash, identity)) return NACRE_OK;
    identity_free(identity);
    return err_nomem(ctx);
}

struct given {
    struct slice token, hash, address;
};

static nacre_status learn(struct ctx *ctx, struct auth *auth, const struct given *given,
                          struct auth_identity **out) {
    struct auth_identity *identity;
    TRY(gate_look(ctx, auth, given->address));
    TRY(identity_new(ctx, ROWS_KINDS, "", &identity));
    identity->of_server = auth->of_server;
    nacre_status status = read_token(ctx, auth, given->token, identity);
    if (status != NACRE_OK) {
        identity_free(identity);
        return status;
    }
    TRY(keep(ctx, auth->tokens, given->hash, identity));
    *out = identity;
    return NACRE_OK;
}

static nacre_status find(struct ctx *ctx, struct auth *auth, const struct given *given,
                         struct auth_who *out) {
    struct tokens *tokens = auth->tokens;
    uint64_t now = world_wall_ms(auth->options.world);
    if (now >= tokens->next_look_ms) {
        tokens->next_look_ms = now + LOOK_MS;
        // A file that cannot be read just now: the keys that it had go on.
        if (look(ctx, auth) != NACRE_OK) err_clear(ctx);
    }
    struct auth_identity *identity = map_get(&tokens->known, given->hash);
    if (!identity) TRY(learn(ctx, auth, given, &identity));
    if ((int64_t)now >= identity->expires_ms) return invalid(ctx, ": it has expired");
    held_take(auth, identity, out);
    return NACRE_OK;
}

nacre_status auth_token(struct ctx *ctx, struct auth *auth, struct slice token,
                        struct slice address, struct auth_who *out) {
    uint8_t hash[SECRET_HASH_SIZE];
    secret_mark(&auth->admin, token, hash);
    mutex_lock(&auth->tokens->mutex);
    nacre_status status =
        find(ctx, auth, &(struct given){token, slice_of(hash, sizeof hash), address}, out);
    mutex_unlock(&auth->tokens->mutex);
    return status;
}
