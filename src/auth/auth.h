// Who asks, and what they may do: credentials, roles and users of a server. Thread-safe once open.
//
// Invariants:
//  A1  deny by default: what no grant of a role names is refused, and so is all to an identity
//      whose role is gone.
//  A2  what is answered about a key or a user never holds the secret or what was made of it.
//  A3  a change is durable before it is answered, and holds for every call that begins after that.
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "auth/limit.h"
#include "base/err/ctx.h"
#include "base/mem/buf.h"
#include "base/mem/slice.h"

struct auth;
struct engine;

enum {
    AUTH_NAME_MAX = 96,
    AUTH_KEYS_MAX = 10000,
    AUTH_USERS_MAX = 10000,
    AUTH_ROLES_MAX = 1000,
    AUTH_GRANTS_MAX = 64
};

// Borrowed: they outlive it. permissions: the names of all there are, by their numbers.
struct auth_options {
    const char *dir;
    struct engine *engine;
    const struct world *world;
    const char *const *permissions;
    uint32_t permission_count; // at most 32
    // Tokens: a file of keys (JWKS), and what they must name. All three, or jwks NULL: none.
    const char *jwks, *jwt_issuer, *jwt_audience;
    // Calls a second of each key, user or token, and of all with the same databases; 0: no limit.
    uint32_t rate, tenant_rate;
};
// Reads DIR/admin.key, or makes it (mode 0600), and what is kept in the database. NACRE_IO_ERROR,
// NACRE_CORRUPT, NACRE_PERMISSION_DENIED where others may read the key.
MUST_USE nacre_status auth_open(struct ctx *ctx, const struct auth_options *options,
                                struct auth **out);
void auth_close(struct auth *auth); // NULL is fine

// What was administered and refused (auth/audit.h).
struct audit *auth_log(struct auth *auth);

// --- who ---

// One who was authenticated; auth_who_free.
struct auth_who {
    const char *name; // "admin", "key:ID": one for each; as long as this
    struct auth_identity *identity;
    struct auth_role *role; // NULL: may nothing
};
// The bearer of a key: the admin key or one that auth_key_create gave. False: it is none, or no
// more. Cost: two hashes and a lock; never waits for the disk.
bool auth_bearer(struct auth *auth, struct slice key, struct auth_who *out);
// A credential that was none, from there. NACRE_UNAUTHENTICATED, or NACRE_RATE_LIMITED where too
// many came from that address.
MUST_USE nacre_status auth_wrong(struct ctx *ctx, struct auth *auth, struct slice address,
                                 struct limit_state *out);
// One more call of it. NACRE_RATE_LIMITED: too many; out tells of the limit that is nearest.
MUST_USE nacre_status auth_admit(struct ctx *ctx, struct auth *auth, const struct auth_who *who,
                                 struct limit_state *out);
// The user of "user:password" in base64. NACRE_UNAUTHENTICATED, alike and after the same time
// whether there is such a user; NACRE_RATE_LIMITED: too many wait, or were wrong from that address.
// Verifies a password once a minute for a tenth of a second; else as auth_bearer.
MUST_USE nacre_status auth_password(struct ctx *ctx, struct auth *auth, struct slice basic,
                                    struct slice address, struct auth_who *out);
// Whether it looks like a token, where those are taken.
bool auth_is_token(const struct auth *auth, struct slice text);
// The bearer of a token: its claims role (a name) and databases (names and beginnings, ["*"]: all)
// say what it may; exp, iss, aud and sub must be there. NACRE_UNAUTHENTICATED. Cost: a signature
// the first time, then a hash.
MUST_USE nacre_status auth_token(struct ctx *ctx, struct auth *auth, struct slice token,
                                 struct slice address, struct auth_who *out);
// Notes that it was used; at most once a minute for each this is a write.
MUST_USE nacre_status auth_used(struct ctx *ctx, struct auth *auth, const struct auth_who *who);
// Whether its calls are not counted, and auth_used would not write now.
bool auth_is_quick(const struct auth *auth, const struct auth_who *who);
void auth_who_free(struct auth_who *who);
// Whether it was revoked or has expired, or its role was changed, since: for calls that last.
bool auth_is_over(const struct auth *auth, const struct auth_who *who);

// Whether it may do this (a permission's number) there. "*": to all there are, so of the server
// where the database is that too; collection NULL: to some of that database.
bool auth_may(const struct auth_who *who, uint32_t permission, const char *database,
              const char *collection);
// Whether there is a database at all to which it may.
bool auth_may_somewhere(const struct auth_who *who, uint32_t permission);

// --- administration ---
// Bodies are BSON as a caller gave them; answers are appended as JSON.

// {name, role, databases?, expires?} → the key with its secret, told this once. out_id: in ctx's
// memory.
MUST_USE nacre_status auth_key_create(struct ctx *ctx, struct auth *auth, struct slice body,
                                      struct slice *out_id, struct buf *json);
// id NULL: all, as {"items":[…]}. NACRE_NOT_FOUND.
MUST_USE nacre_status auth_key_describe(struct ctx *ctx, struct auth *auth, const char *id,
                                        struct buf *json);
MUST_USE nacre_status auth_key_delete(struct ctx *ctx, struct auth *auth, const char *id);
// False: perhaps the key itself, which is told nowhere.
bool auth_key_is_id(const char *text);

// {password?, role, databases?, expires?}: password only where the user is new or gets another.
MUST_USE nacre_status auth_user_put(struct ctx *ctx, struct auth *auth, const char *name,
                                    struct slice body, bool *out_created);
MUST_USE nacre_status auth_user_describe(struct ctx *ctx, struct auth *auth, const char *name,
                                         struct buf *json);
MUST_USE nacre_status auth_user_delete(struct ctx *ctx, struct auth *auth, const char *name);

// {grants:[{databases?, collections?, permissions}]}
MUST_USE nacre_status auth_role_put(struct ctx *ctx, struct auth *auth, const char *name,
                                    struct slice body, bool *out_created);
MUST_USE nacre_status auth_role_describe(struct ctx *ctx, struct auth *auth, const char *name,
                                         struct buf *json);
MUST_USE nacre_status auth_role_delete(struct ctx *ctx, struct auth *auth, const char *name);

#endif
