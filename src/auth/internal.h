// Inside the room: identities, roles, and where they are held.
#ifndef AUTH_INTERNAL_H
#define AUTH_INTERNAL_H

#include <stdatomic.h>

#include "auth/audit.h"
#include "auth/auth.h"
#include "auth/limit.h"
#include "auth/pattern.h"
#include "auth/rows.h"
#include "auth/secret.h"
#include "base/ds/map.h"
#include "base/os/mutex.h"

enum { ID_TEXT_MAX = 64 };

// What a role allows. Immutable; freed with its last reference.
struct auth_grant {
    struct pattern *databases, *collections;
    uint32_t database_count, collection_count;
    uint32_t permissions; // bits
};
struct auth_role {
    atomic_uint refs;
    struct arena arena; // of all below
    char name[ID_TEXT_MAX + 1];
    bool built_in;
    atomic_bool over; // deleted, or replaced
    uint32_t grant_count;
    struct auth_grant *grants;
};

// A password that was verified a short while ago, as a hash of this process.
struct mark {
    uint8_t hash[SECRET_HASH_SIZE];
    int64_t until_ms; // 0: none
};

// A key or a user. Immutable but for what is atomic and the mark; freed with its last reference.
struct auth_identity {
    atomic_uint refs;
    struct arena arena; // of all below
    enum rows_kind kind;
    char name[AUTH_NAME_MAX]; // as a principal
    char id[ID_TEXT_MAX + 1];
    struct slice label, role;  // label: the name that a key was given
    struct pattern *databases; // none: all
    uint32_t database_count;
    uint32_t of_server;               // permissions that one of some databases never has
    int64_t created_ms, expires_ms;   // 0: never
    uint8_t hash[SECRET_HASH_SIZE];   // of a key
    struct slice password;            // of a body, until it is hashed
    char stored[SECRET_STORED_MAX];   // of a user: the password as it is kept
    struct mark mark;                 // of a user: under auth's mutex
    atomic_bool over;                 // revoked, or replaced
    _Atomic int64_t used_ms, kept_ms; // last used; as the database has it
};

struct auth {
    struct auth_options options;
    struct secret_admin admin;
    uint32_t of_server; // bits of permissions over the server
    struct audit *log;
    struct limit *wrong;     // credentials that were none, by address
    struct limit *by_who;    // calls of each; NULL: no limit
    struct limit *by_tenant; // calls of those with the same databases; NULL: no limit
    struct auth_identity *admin_identity;
    struct queue *passwords; // being verified
    struct tokens *tokens;   // NULL: none are taken
    struct mutex changes;    // one at a time; taken before mutex
    struct mutex mutex;      // guards maps
    struct map maps[ROWS_KINDS];
};

// The bit of a permission; 0: there is none of that name.
uint32_t auth_permission(const struct auth *auth, const char *name);

// --- role.c ---

MUST_USE nacre_status role_parse(struct ctx *ctx, const struct auth *auth, const char *name,
                                 struct slice bson, struct auth_role **out);
// Makes those that are always there.
MUST_USE nacre_status role_built_in(struct ctx *ctx, struct auth *auth);
void role_json(const struct auth *auth, const struct auth_role *role, struct buf *json);
void role_free(struct auth_role *role); // one reference; NULL is fine

// --- identity.c ---

// kind ROWS_KINDS: one that is not stored.
MUST_USE nacre_status identity_new(struct ctx *ctx, enum rows_kind kind, const char *id,
                                   struct auth_identity **out);
// From a body (stored false) or a document.
MUST_USE nacre_status identity_parse(struct ctx *ctx, enum rows_kind kind, const char *id,
                                     struct slice bson, bool stored, struct auth_identity **out);
// A role that is there, a time to come.
MUST_USE nacre_status identity_check(struct ctx *ctx, struct auth *auth,
                                     const struct auth_identity *identity);
// Into the database.
MUST_USE nacre_status identity_keep(struct ctx *ctx, struct auth *auth,
                                    const struct auth_identity *identity, bool insert);
// Members without the braces.
void identity_json(const struct auth_identity *identity, struct buf *json);
void identity_free(struct auth_identity *identity); // one reference; NULL is fine

// --- user.c ---

MUST_USE nacre_status user_queue_open(struct ctx *ctx, struct auth *auth);
void user_queue_close(struct auth *auth);

// --- token.c ---

MUST_USE nacre_status token_open(struct ctx *ctx, struct auth *auth);
void token_close(struct auth *auth);

// --- gate.c ---

MUST_USE nacre_status gate_open(struct ctx *ctx, struct auth *auth);
void gate_close(struct auth *auth);
// NACRE_RATE_LIMITED: too many wrong credentials came from that address.
MUST_USE nacre_status gate_look(struct ctx *ctx, struct auth *auth, struct slice address);

// --- held.c ---

MUST_USE nacre_status held_load(struct ctx *ctx, struct auth *auth);
void held_free(struct auth *auth);
// Puts one reference into the place of what was held under that id.
MUST_USE nacre_status held_put(struct ctx *ctx, struct auth *auth, enum rows_kind kind,
                               const char *id, void *thing);
bool held_has(struct auth *auth, enum rows_kind kind, const char *id);
size_t held_count(struct auth *auth, enum rows_kind kind);
// Out of the database, then no more held. NACRE_NOT_FOUND.
MUST_USE nacre_status held_delete(struct ctx *ctx, struct auth *auth, enum rows_kind kind,
                                  const char *id);
// One, or with id NULL all in order as {"items":[…]}. NACRE_NOT_FOUND.
MUST_USE nacre_status held_describe(struct ctx *ctx, struct auth *auth, enum rows_kind kind,
                                    const char *id, struct buf *json);
// The identity with its role, referenced. False: it is not there, or has expired.
bool held_who(struct auth *auth, enum rows_kind kind, struct slice id, struct auth_who *out);
// One that is not held here, with its role.
void held_take(struct auth *auth, struct auth_identity *identity, struct auth_who *out);

#endif
