// Keys as files and texts.
#include "auth/secret.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/os/file.h"

enum { RANDOM_BYTES = 32, RANDOM_TEXT = 43 }; // in base64url without padding
#define ADMIN_PREFIX "nacre_"
#define KEY_PREFIX "nacre_key_"

static void put_random(char *out, size_t room) {
    uint8_t random[RANDOM_BYTES];
    randombytes_buf(random, sizeof random);
    sodium_bin2base64(out, room, random, sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(random, sizeof random);
}

bool secret_same(const uint8_t *a, const uint8_t *b, size_t size) {
    return sodium_memcmp(a, b, size) == 0;
}

void secret_wipe(void *p, size_t size) { sodium_memzero(p, size); }

// --- the admin key ---

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
    TRY(file_read_all(ctx, path, SECRET_KEY_MAX, text));
    *key = buf_slice(text);
    while (key->n && (key->p[key->n - 1] == '\n' || key->p[key->n - 1] == '\r'))
        key->n--;
    if (key->n >= 32) return NACRE_OK;
    err_set(ctx, NACRE_CORRUPT, "%s holds no key: expected at least 32 characters", path);
    err_hint(ctx, "Remove it: a new one is made at the next start.");
    return NACRE_CORRUPT;
}

static nacre_status make_admin(struct ctx *ctx, const char *path) {
    char made[SECRET_KEY_MAX];
    size_t prefix = (size_t)snprintf(made, sizeof made, ADMIN_PREFIX);
    put_random(made + prefix, sizeof made - prefix);
    size_t end = strlen(made);
    made[end] = '\n';
    nacre_status status = file_replace(ctx, path, made, end + 1);
    sodium_memzero(made, sizeof made);
    return status;
}

static void hash_admin(const struct secret_admin *admin, struct slice key,
                       uint8_t out[SECRET_HASH_SIZE]) {
    crypto_generichash(out, SECRET_HASH_SIZE, key.p, key.n, admin->process, sizeof admin->process);
}

nacre_status secret_admin_load(struct ctx *ctx, const char *dir, struct secret_admin *out) {
    struct buf text BUF_CLEANUP = {0};
    char path[4096];
    struct slice key = {0};
    int size = snprintf(path, sizeof path, "%s/admin.key", dir);
    if (size < 0 || (size_t)size >= sizeof path)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "the directory's path is too long");
    if (sodium_init() < 0) return err_set(ctx, NACRE_INTERNAL, "no source of randomness");
    randombytes_buf(out->process, sizeof out->process);
    if (!file_exists(path)) TRY(make_admin(ctx, path));
    buf_init(&text, NULL, SECRET_KEY_MAX);
    TRY(read_key(ctx, path, &key, &text));
    hash_admin(out, key, out->hash);
    sodium_memzero(text.p, text.n);
    return NACRE_OK;
}

bool secret_is_admin(const struct secret_admin *admin, struct slice key) {
    uint8_t given[SECRET_HASH_SIZE];
    if (key.n > SECRET_KEY_MAX) return false;
    hash_admin(admin, key, given);
    return sodium_memcmp(given, admin->hash, sizeof given) == 0;
}

// --- keys ---

void secret_key_make(char id[SECRET_ID_SIZE + 1], char key[SECRET_KEY_MAX]) {
    uint8_t random[SECRET_ID_SIZE / 2];
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(id, SECRET_ID_SIZE + 1, random, sizeof random);
    size_t n = (size_t)snprintf(key, SECRET_KEY_MAX, KEY_PREFIX "%s_", id);
    put_random(key + n, SECRET_KEY_MAX - n);
}

struct slice secret_key_id(struct slice key) {
    size_t prefix = strlen(KEY_PREFIX);
    if (key.n != prefix + SECRET_ID_SIZE + 1 + RANDOM_TEXT ||
        !slice_starts(key, SLICE_LIT(KEY_PREFIX)))
        return (struct slice){0};
    return slice_of(key.p + prefix, SECRET_ID_SIZE);
}

void secret_key_hash(struct slice key, uint8_t out[SECRET_HASH_SIZE]) {
    struct slice id = secret_key_id(key);
    crypto_generichash(out, SECRET_HASH_SIZE, key.p, key.n, id.p, id.n);
}
