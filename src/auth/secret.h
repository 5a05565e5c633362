// Secrets: making them, keeping hashes of them, comparing in constant time. The only user of
// libsodium.
#ifndef AUTH_SECRET_H
#define AUTH_SECRET_H

#include "base/err/ctx.h"
#include "base/mem/slice.h"

enum { SECRET_HASH_SIZE = 32, SECRET_ID_SIZE = 16, SECRET_KEY_MAX = 128 };

// The admin key, as a hash that only this process can make.
struct secret_admin {
    uint8_t process[SECRET_HASH_SIZE], hash[SECRET_HASH_SIZE];
};
// Reads DIR/admin.key or makes it.
MUST_USE nacre_status secret_admin_load(struct ctx *ctx, const char *dir, struct secret_admin *out);
bool secret_is_admin(const struct secret_admin *admin, struct slice key);

// A new API key: "nacre_key_", its public id, "_", 32 random bytes. Both texts end with a NUL.
void secret_key_make(char id[SECRET_ID_SIZE + 1], char key[SECRET_KEY_MAX]);
// The id within a key; p NULL: it is no such key.
struct slice secret_key_id(struct slice key);
// Whether a text is such an id; what is none may be a secret that was given in its place.
bool secret_is_id(struct slice text);
// Of a whole key. The secret has 256 bits: a plain hash keyed with the public id is enough.
void secret_key_hash(struct slice key, uint8_t out[SECRET_HASH_SIZE]);
// A hash of any text, as text.
void secret_digest(struct slice text, char out[2 * SECRET_HASH_SIZE + 1]);

// Passwords: argon2id at libsodium's interactive limits (64 MiB, two passes): a tenth of a second.
enum { SECRET_PASSWORD_MIN = 8, SECRET_PASSWORD_MAX = 256, SECRET_STORED_MAX = 128 };
MUST_USE nacre_status secret_password_store(struct ctx *ctx, struct slice password,
                                            char out[SECRET_STORED_MAX]);
// stored NULL: false, after the same time.
bool secret_password_fits(const char *stored, struct slice password);
// What this process alone can make of it, to know it again in no time.
void secret_mark(const struct secret_admin *process, struct slice secret,
                 uint8_t out[SECRET_HASH_SIZE]);
// A name of fixed size for a text of any.
enum { SECRET_NAME_SIZE = 32 };
void secret_name(struct slice text, char out[SECRET_NAME_SIZE + 1]);
// "user:password" in base64; at most room bytes. False: it is none.
bool secret_basic_decode(struct slice text, char *out, size_t room, struct slice *user,
                         struct slice *password);

bool secret_same(const uint8_t *a, const uint8_t *b, size_t size);
void secret_wipe(void *p, size_t size);

#endif
