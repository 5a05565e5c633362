#include "auth/jose.h"

#include <cjose/cjose.h>
#include <errno.h>
#include <sys/stat.h>

#include "base/os/file.h"
#include "doc/json.h"

enum { KEYS_MAX = 64, FILE_MAX = 1 << 20, OCT_BITS_MIN = 256, RSA_BITS_MIN = 2048 };

struct jose_key {
    cjose_jwk_t *jwk;
    char alg[16]; // "": any of its kind
};
struct jose_keys {
    uint32_t count;
    bool secret; // one of them is of an HMAC
    struct jose_key list[KEYS_MAX];
};

// libcjose ends the program (an assertion) on text that is no base64url: it never sees any.
static bool is_base64url(struct slice text) {
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        bool good = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_';
        if (!good) return false;
    }
    return text.n > 0 && text.n % 4 != 1;
}

// --- keys ---

void jose_keys_free(struct jose_keys *keys) {
    for (uint32_t i = 0; keys && i < keys->count; i++)
        cjose_jwk_release(keys->list[i].jwk);
    mem_free(keys);
}

static nacre_status bad_key(struct ctx *ctx, uint32_t index, const char *why) {
    return err_set(ctx, NACRE_INVALID_ARGUMENT, "key %u of the JWKS %s", (unsigned)index, why);
}

static nacre_status check_key(struct ctx *ctx, struct jose_keys *keys, const cjose_jwk_t *jwk) {
    cjose_err error;
    size_t bits = cjose_jwk_get_keysize(jwk, &error);
    switch (cjose_jwk_get_kty(jwk, &error)) {
    case CJOSE_JWK_KTY_RSA:
        if (bits < RSA_BITS_MIN) return bad_key(ctx, keys->count, "has less than 2048 bits");
        return NACRE_OK;
    case CJOSE_JWK_KTY_EC:
        return NACRE_OK;
    case CJOSE_JWK_KTY_OCT:
        keys->secret = true;
        if (bits < OCT_BITS_MIN) return bad_key(ctx, keys->count, "has less than 256 bits");
        return NACRE_OK;
    default:
        return bad_key(ctx, keys->count, "is of an unknown kind");
    }
}

static bool has_bad_number(struct slice key) {
    static const char *const members[] = {"n", "e", "x", "y", "k"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        struct val v = bson_find(key, slice_str(members[i]));
        if (v.type != VAL_MISSING && (v.type != VAL_STRING || !is_base64url(val_slice(v))))
            return true;
    }
    return false;
}

static nacre_status take_key(struct ctx *ctx, struct jose_keys *keys, struct val v) {
    struct buf json BUF_CLEANUP = {0};
    cjose_err error;
    if (keys->count == KEYS_MAX) return bad_key(ctx, keys->count, "is one too many: 64 may be");
    if (v.type != VAL_OBJECT) return bad_key(ctx, keys->count, "is no object");
    struct jose_key *key = &keys->list[keys->count];
    struct val alg = bson_find(val_slice(v), SLICE_LIT("alg"));
    struct val use = bson_find(val_slice(v), SLICE_LIT("use"));
    if (use.type == VAL_STRING && !slice_eq_str(val_slice(use), "sig")) return NACRE_OK;
    if (alg.type == VAL_STRING && alg.n < sizeof key->alg) memcpy(key->alg, alg.p, alg.n);
    if (has_bad_number(val_slice(v))) return bad_key(ctx, keys->count, "cannot be read");
    buf_init(&json, NULL, FILE_MAX);
    json_write_doc(&json, val_slice(v), JSON_INT64_NUMBER);
    if (buf_status(&json) != NACRE_OK) return err_buf(ctx, &json);
    key->jwk = cjose_jwk_import((const char *)json.p, json.n, &error);
    if (!key->jwk) return bad_key(ctx, keys->count, "cannot be read");
    keys->count++;
    return check_key(ctx, keys, key->jwk);
}

static nacre_status take_keys(struct ctx *ctx, struct slice json, struct jose_keys *keys) {
    struct buf bson BUF_CLEANUP = {0};
    struct slice name;
    struct val v;
    buf_init(&bson, NULL, 2 * FILE_MAX);
    TRY(json_parse(ctx, json, NULL, &bson));
    struct val list = bson_find(buf_slice(&bson), SLICE_LIT("keys"));
    if (list.type != VAL_ARRAY)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "expected {\"keys\":[…]} in the JWKS");
    struct bson_iter it = bson_iter_of_val(list);
    while (bson_next(&it, &name, &v))
        TRY(take_key(ctx, keys, v));
    return NACRE_OK;
}

nacre_status jose_keys_parse(struct ctx *ctx, struct slice json, struct jose_keys **out) {
    struct jose_keys *keys = mem_zalloc(sizeof *keys);
    if (!keys) return err_nomem(ctx);
    nacre_status status = take_keys(ctx, json, keys);
    if (status == NACRE_OK)
        *out = keys;
    else
        jose_keys_free(keys);
    return status;
}

nacre_status jose_keys_load(struct ctx *ctx, const char *path, struct jose_keys **out) {
    struct buf text BUF_CLEANUP = {0};
    struct stat about;
    if (stat(path, &about) != 0) return err_errno(ctx, errno, "reading", path);
    buf_init(&text, NULL, FILE_MAX);
    TRY(file_read_all(ctx, path, FILE_MAX, &text));
    TRY(jose_keys_parse(ctx, buf_slice(&text), out));
    if (!(*out)->secret || !(about.st_mode & 077)) return NACRE_OK;
    jose_keys_free(*out);
    *out = NULL;
    err_set(ctx, NACRE_PERMISSION_DENIED, "%s holds a secret and may be read by others", path);
    err_hint(ctx, "chmod 600 %s", path);
    return NACRE_PERMISSION_DENIED;
}

// --- tokens ---

static bool is_of_kind(const struct jose_key *key, const char *alg) {
    static const char *const kinds[][7] = {
        [CJOSE_JWK_KTY_RSA] = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", NULL},
        [CJOSE_JWK_KTY_EC] = {"ES256", "ES384", "ES512", NULL},
        [CJOSE_JWK_KTY_OCT] = {"HS256", "HS384", "HS512", NULL},
    };
    cjose_err error;
    if (key->alg[0] && strcmp(key->alg, alg) != 0) return false;
    const char *const *kind = kinds[cjose_jwk_get_kty(key->jwk, &error)];
    while (*kind && strcmp(*kind, alg) != 0)
        kind++;
    return *kind != NULL;
}

// The one key that a header names; NULL: none.
static const struct jose_key *find_key(const struct jose_keys *keys, const char *kid) {
    cjose_err error;
    if (!kid) return keys->count == 1 ? &keys->list[0] : NULL;
    for (uint32_t i = 0; i < keys->count; i++) {
        const char *own = cjose_jwk_get_kid(keys->list[i].jwk, &error);
        if (own && strcmp(own, kid) == 0) return &keys->list[i];
    }
    return NULL;
}

// What must be understood (crit) is nothing here.
static bool has_critical(cjose_header_t *header) {
    cjose_err error;
    char *critical = cjose_header_get_raw(header, "crit", &error);
    bool has = critical != NULL;
    if (critical) cjose_get_dealloc()(critical);
    return has;
}

static bool verify(const struct jose_keys *keys, cjose_jws_t *jws, struct buf *payload) {
    cjose_err error;
    uint8_t *text = NULL;
    size_t size = 0;
    cjose_header_t *header = cjose_jws_get_protected(jws);
    const char *alg = header ? cjose_header_get(header, "alg", &error) : NULL;
    if (!alg || has_critical(header)) return false;
    const struct jose_key *key = find_key(keys, cjose_header_get(header, "kid", &error));
    if (!key || !is_of_kind(key, alg) || !cjose_jws_verify(jws, key->jwk, &error) ||
        !cjose_jws_get_plaintext(jws, &text, &size, &error))
        return false;
    buf_put(payload, text, size);
    return true;
}

// Three parts.
static bool is_compact(struct slice token) {
    for (int part = 0; part < 3; part++) {
        const uint8_t *dot = part < 2 ? memchr(token.p, '.', token.n) : token.p + token.n;
        if (!dot || !is_base64url(slice_of(token.p, (size_t)(dot - token.p)))) return false;
        if (part < 2) token = slice_skip(token, (size_t)(dot - token.p) + 1);
    }
    return true;
}

bool jose_verify(const struct jose_keys *keys, struct slice token, struct buf *payload) {
    cjose_err error;
    if (!is_compact(token)) return false;
    cjose_jws_t *jws = cjose_jws_import((const char *)token.p, token.n, &error);
    if (!jws) return false;
    bool valid = verify(keys, jws, payload);
    cjose_jws_release(jws);
    return valid;
}
