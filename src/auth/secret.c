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

bool secret_is_id(struct slice text) {
    for (size_t i = 0; i < text.n; i++)
        if (!memchr("0123456789abcdef", text.p[i], 16)) return false;
    return text.n == SECRET_ID_SIZE;
}

void secret_key_hash(struct slice key, uint8_t out[SECRET_HASH_SIZE]) {
    struct slice id = secret_key_id(key);
    crypto_generichash(out, SECRET_HASH_SIZE, key.p, key.n, id.p, id.n);
}

// --- passwords ---

nacre_status secret_password_store(struct ctx *ctx, struct slice password,
                                   char out[SECRET_STORED_MAX]) {
    _Static_assert(SECRET_STORED_MAX >= crypto_pwhash_STRBYTES, "room for a stored password");
    if (crypto_pwhash_str(out, (const char *)password.p, password.n,
                          crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0)
        return NACRE_OK;
    return err_nomem(ctx);
}

bool secret_password_fits(const char *stored, struct slice password) {
    // Of a password that nobody has.
    static const char nobody[] = "$argon2id$v=19$m=65536,t=2,p=1$R6XBcrdLqKWqSJmcr646Qg$"
                                 "sOfC3geWLdfNpql9B/ht5gH7KjC7jngoUSA2eMuKGtQ";
    bool fits = crypto_pwhash_str_verify(stored ? stored : nobody, (const char *)password.p,
                                         password.n) == 0;
    return stored && fits;
}

void secret_mark(const struct secret_admin *process, struct slice password,
                 uint8_t out[SECRET_HASH_SIZE]) {
    crypto_generichash(out, SECRET_HASH_SIZE, password.p, password.n, process->process,
                       sizeof process->process);
}

void secret_digest(struct slice text, char out[2 * SECRET_HASH_SIZE + 1]) {
    uint8_t hash[SECRET_HASH_SIZE];
    crypto_generichash(hash, sizeof hash, text.p, text.n, NULL, 0);
    sodium_bin2hex(out, 2 * SECRET_HASH_SIZE + 1, hash, sizeof hash);
}

void secret_name(struct slice text, char out[SECRET_NAME_SIZE + 1]) {
    uint8_t hash[crypto_generichash_BYTES_MIN];
    crypto_generichash(hash, sizeof hash, text.p, text.n, NULL, 0);
    sodium_bin2hex(out, SECRET_NAME_SIZE + 1, hash, sizeof hash);
}

bool secret_basic_decode(struct slice text, char *out, size_t room, struct slice *user,
                         struct slice *password) {
    size_t size;
    const char *end;
    if (sodium_base642bin((uint8_t *)out, room, (const char *)text.p, text.n, NULL, &size, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        end != (const char *)text.p + text.n)
        return false;
    const char *colon = memchr(out, ':', size);
    if (!colon) return false;
    *user = slice_of(out, (size_t)(colon - out));
    *password = slice_of(colon + 1, size - user->n - 1);
    return password->n <= SECRET_PASSWORD_MAX;
}
