// The admin key: made once, kept in a file that only its owner reads, in memory as a hash.
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>

#include "auth/auth.h"
#include "base/os/file.h"

enum { KEY_BYTES = 32, KEY_TEXT_MAX = 128 };
#define KEY_PREFIX "nacre_"

struct auth {
    uint8_t hash_key[crypto_generichash_KEYBYTES]; // of this process
    uint8_t admin[crypto_generichash_BYTES];
};

static void hash(const struct auth *auth, struct slice key, uint8_t out[crypto_generichash_BYTES]) {
    crypto_generichash(out, crypto_generichash_BYTES, key.p, key.n, auth->hash_key,
                       sizeof auth->hash_key);
}

// Random bytes as text, with the prefix that tells what it is.
static void make_key(char out[KEY_TEXT_MAX]) {
    uint8_t random[KEY_BYTES];
    randombytes_buf(random, sizeof random);
    size_t prefix = (size_t)snprintf(out, KEY_TEXT_MAX, KEY_PREFIX);
    sodium_bin2base64(out + prefix, KEY_TEXT_MAX - prefix, random, sizeof random,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(random, sizeof random);
}

static nacre_status read_key(struct ctx *ctx, const char *path, struct slice *key,
                             struct buf *text) {
    struct stat about;
    if (stat(path, &about) != 0) return err_errno(ctx, errno, "reading", path);
    if (about.st_mode & 077) {
        err_set(ctx, NACRE_PERMISSION_DENIED, "%s may be read by others than its owner", path);
        err_hint(ctx, "chmod 600 %s; if others may have read it, remove it: a new one is made",
                 path);
        return NACRE_PERMISSION_DENIED;
    }
    TRY(file_read_all(ctx, path, KEY_TEXT_MAX, text));
    *key = buf_slice(text);
    while (key->n && (key->p[key->n - 1] == '\n' || key->p[key->n - 1] == '\r'))
        key->n--;
    if (key->n >= 32) return NACRE_OK;
    err_set(ctx, NACRE_CORRUPT, "%s holds no key: expected at least 32 characters", path);
    err_hint(ctx, "Remove it: a new one is made at the next start.");
    return NACRE_CORRUPT;
}

static nacre_status load(struct ctx *ctx, const char *dir, struct auth *auth) {
    struct buf text BUF_CLEANUP = {0};
    char path[4096], made[KEY_TEXT_MAX + 1];
    struct slice key = {0};
    int size = snprintf(path, sizeof path, "%s/admin.key", dir);
    if (size < 0 || (size_t)size >= sizeof path)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "the directory's path is too long");
    if (sodium_init() < 0) return err_set(ctx, NACRE_INTERNAL, "no source of randomness");
    randombytes_buf(auth->hash_key, sizeof auth->hash_key);
    if (!file_exists(path)) {
        make_key(made);
        size_t end = strlen(made);
        made[end] = '\n';
        nacre_status status = file_replace(ctx, path, made, end + 1);
        sodium_memzero(made, sizeof made);
        TRY(status);
    }
    buf_init(&text, NULL, KEY_TEXT_MAX);
    TRY(read_key(ctx, path, &key, &text));
    hash(auth, key, auth->admin);
    sodium_memzero(text.p, text.n);
    return NACRE_OK;
}

nacre_status auth_open(struct ctx *ctx, const char *dir, struct auth **out) {
    struct auth *auth = mem_zalloc(sizeof *auth);
    if (!auth) return err_nomem(ctx);
    nacre_status status = load(ctx, dir, auth);
    if (status == NACRE_OK)
        *out = auth;
    else
        auth_close(auth);
    return status;
}

void auth_close(struct auth *auth) {
    if (auth) sodium_memzero(auth, sizeof *auth);
    mem_free(auth);
}

bool auth_is_admin(const struct auth *auth, struct slice key) {
    uint8_t given[crypto_generichash_BYTES];
    hash(auth, key, given);
    return sodium_memcmp(given, auth->admin, sizeof given) == 0;
}
