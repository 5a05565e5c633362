// Roles: what they grant, from bodies and documents, and whether that fits.
#include <stdio.h>

#include "auth/internal.h"
#include "catalog/keyspace.h"
#include "catalog/spec.h"
#include "doc/json.h"

// --- parsing ---

struct grant_reader {
    struct auth_role *role;
    const struct auth *auth;
    struct auth_grant *grant;
    char pointer[24]; // of the grant
};

static const char *place(const struct grant_reader *r, const char *member, char out[64]) {
    snprintf(out, 64, "%s/%s", r->pointer, member);
    return out;
}

static nacre_status take_databases(struct ctx *ctx, struct val v, void *arg) {
    struct grant_reader *r = arg;
    char at[64];
    return pattern_list(ctx, place(r, "databases", at), v, &r->role->arena, &r->grant->databases,
                        &r->grant->database_count);
}

static nacre_status take_collections(struct ctx *ctx, struct val v, void *arg) {
    struct grant_reader *r = arg;
    char at[64];
    return pattern_list(ctx, place(r, "collections", at), v, &r->role->arena,
                        &r->grant->collections, &r->grant->collection_count);
}

static nacre_status take_permission(struct ctx *ctx, const struct grant_reader *r, struct val v) {
    const struct auth_options *o = &r->auth->options;
    char at[64], word[64];
    for (uint32_t i = 0; v.type == VAL_STRING && i < o->permission_count; i++)
        if (slice_eq_str(val_slice(v), o->permissions[i])) {
            r->grant->permissions |= 1u << i;
            return NACRE_OK;
        }
    nacre_status status =
        catalog_member_bad(ctx, place(r, "permissions", at), "names of permissions", v);
    if (v.type != VAL_STRING) return status;
    snprintf(word, sizeof word, "%.*s", (int)(v.n < 63 ? v.n : 63), (const char *)v.p);
    const char *nearest = err_nearest(word, o->permissions, o->permission_count);
    if (nearest) err_suggest(ctx, nearest);
    return status;
}

// Who writes is answered what stands there afterwards: writing includes reading.
static uint32_t with_reading(const struct auth *auth, uint32_t permissions) {
    static const char *const pairs[][2] = {{"documents:write", "documents:read"},
                                           {"databases:write", "databases:read"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (permissions & auth_permission(auth, pairs[i][0]))
            permissions |= auth_permission(auth, pairs[i][1]);
    return permissions;
}

static nacre_status take_permissions(struct ctx *ctx, struct val v, void *arg) {
    struct grant_reader *r = arg;
    struct slice name;
    struct val one;
    char at[64];
    if (v.type != VAL_ARRAY || bson_count(val_slice(v)) == 0)
        return catalog_member_bad(ctx, place(r, "permissions", at), "names of permissions", v);
    struct bson_iter it = bson_iter_of_val(v);
    while (bson_next(&it, &name, &one))
        TRY(take_permission(ctx, r, one));
    r->grant->permissions = with_reading(r->auth, r->grant->permissions);
    return NACRE_OK;
}

static nacre_status take_grant(struct ctx *ctx, struct grant_reader *r, struct val v) {
    static const struct catalog_member members[] = {{"databases", take_databases},
                                                    {"collections", take_collections},
                                                    {"permissions", take_permissions},
                                                    {0}};
    static struct pattern all = {.text = {(const uint8_t *)"", 0}, .prefix = true};
    struct auth_grant *grant = r->grant;
    *grant = (struct auth_grant){
        .databases = &all, .database_count = 1, .collections = &all, .collection_count = 1};
    if (v.type != VAL_OBJECT) return catalog_member_bad(ctx, r->pointer, "an object", v);
    nacre_status status = catalog_members(ctx, val_slice(v), "a grant", members, r);
    if (status == NACRE_OK && !grant->permissions)
        status = catalog_member_bad(ctx, r->pointer, "permissions", val_missing());
    return status;
}

static nacre_status take_grants(struct ctx *ctx, struct val v, void *arg) {
    struct grant_reader *r = arg;
    struct slice name;
    struct val one;
    uint32_t count = v.type == VAL_ARRAY ? bson_count(val_slice(v)) : AUTH_GRANTS_MAX + 1;
    if (count > AUTH_GRANTS_MAX)
        return catalog_member_bad(ctx, "/grants", "an array of at most 64 grants", v);
    r->role->grants = ARENA_ARRAY(&r->role->arena, struct auth_grant, count + 1u);
    if (!r->role->grants) return err_nomem(ctx);
    struct bson_iter it = bson_iter_of_val(v);
    for (; bson_next(&it, &name, &one); r->role->grant_count++) {
        snprintf(r->pointer, sizeof r->pointer, "/grants/%u", (unsigned)r->role->grant_count);
        r->grant = &r->role->grants[r->role->grant_count];
        TRY(take_grant(ctx, r, one));
    }
    return NACRE_OK;
}

static nacre_status take_id(struct ctx *ctx, struct val v, void *arg) {
    const struct grant_reader *r = arg;
    if (v.type == VAL_STRING && slice_eq_str(val_slice(v), r->role->name)) return NACRE_OK;
    return catalog_member_bad(ctx, "/_id", "the name of the role, or nothing", v);
}

static struct auth_role *new_role(const char *name) {
    struct auth_role *role = mem_zalloc(sizeof *role);
    if (!role) return NULL;
    atomic_store(&role->refs, 1);
    arena_init(&role->arena, NULL, 1 << 20);
    snprintf(role->name, sizeof role->name, "%s", name);
    return role;
}

nacre_status role_parse(struct ctx *ctx, const struct auth *auth, const char *name,
                        struct slice bson, struct auth_role **out) {
    static const struct catalog_member members[] = {{"grants", take_grants}, {"_id", take_id}, {0}};
    TRY(name_check(ctx, "role", slice_str(name)));
    struct auth_role *role = new_role(name);
    if (!role) return err_nomem(ctx);
    struct grant_reader reader = {.role = role, .auth = auth};
    nacre_status status = catalog_members(ctx, bson, "a role", members, &reader);
    if (status == NACRE_OK && !role->grants)
        status = catalog_member_bad(ctx, "/grants", "an array of grants", val_missing());
    if (status == NACRE_OK)
        *out = role;
    else
        role_free(role);
    return status;
}

void role_free(struct auth_role *role) {
    if (!role || atomic_fetch_sub(&role->refs, 1) > 1) return;
    arena_free(&role->arena);
    mem_free(role);
}

// --- those that are always there ---

static const struct {
    const char *name, *permissions; // NULL: all
} built_ins[] = {
    {"reader", "\"documents:read\",\"databases:read\""},
    {"writer", "\"documents:read\",\"documents:write\",\"databases:read\""},
    {"admin", NULL},
};

static void put_all(const struct auth *auth, struct buf *json) {
    for (uint32_t i = 0; i < auth->options.permission_count; i++)
        buf_printf(json, "%s\"%s\"", i ? "," : "", auth->options.permissions[i]);
}

static nacre_status add_built_in(struct ctx *ctx, struct auth *auth, const char *name,
                                 const char *permissions) {
    struct buf json BUF_CLEANUP = {0}, bson BUF_CLEANUP = {0};
    struct auth_role *role;
    buf_init(&json, NULL, 4096);
    buf_init(&bson, NULL, 4096);
    buf_put_str(&json, "{\"grants\":[{\"permissions\":[");
    if (permissions)
        buf_put_str(&json, permissions);
    else
        put_all(auth, &json);
    buf_put_str(&json, "]}]}");
    TRY(json_parse(ctx, buf_slice(&json), NULL, &bson));
    TRY(role_parse(ctx, auth, name, buf_slice(&bson), &role));
    role->built_in = true;
    return held_put(ctx, auth, ROWS_ROLES, name, role);
}

nacre_status role_built_in(struct ctx *ctx, struct auth *auth) {
    for (size_t i = 0; i < sizeof built_ins / sizeof *built_ins; i++)
        TRY(add_built_in(ctx, auth, built_ins[i].name, built_ins[i].permissions));
    return NACRE_OK;
}

// --- what they allow ---

static bool grants(const struct auth_grant *grant, uint32_t permission, struct slice database,
                   const char *collection) {
    return grant->permissions >> permission & 1 &&
           pattern_fits_one(grant->databases, grant->database_count, database) &&
           (!collection ||
            pattern_fits_one(grant->collections, grant->collection_count, slice_str(collection)));
}

static bool is_bound(const struct auth_who *who, uint32_t permission) {
    const struct auth_identity *identity = who->identity;
    return identity->database_count && identity->of_server >> permission & 1;
}

bool auth_may(const struct auth_who *who, uint32_t permission, const char *database,
              const char *collection) {
    const struct auth_identity *identity = who->identity;
    struct slice name = slice_str(database);
    if (!who->role || is_bound(who, permission)) return false;
    if (identity->database_count &&
        !pattern_fits_one(identity->databases, identity->database_count, name))
        return false;
    for (uint32_t i = 0; i < who->role->grant_count; i++)
        if (grants(&who->role->grants[i], permission, name, collection)) return true;
    return false;
}

bool auth_may_somewhere(const struct auth_who *who, uint32_t permission) {
    if (!who->role || is_bound(who, permission)) return false;
    for (uint32_t i = 0; i < who->role->grant_count; i++)
        if (who->role->grants[i].permissions >> permission & 1) return true;
    return false;
}

// --- administration ---

static void put_grant(const struct auth *auth, const struct auth_grant *grant, struct buf *json) {
    const char *comma = "";
    buf_put_u8(json, '{');
    pattern_list_json(json, "databases", grant->databases, grant->database_count);
    buf_put_u8(json, ',');
    pattern_list_json(json, "collections", grant->collections, grant->collection_count);
    buf_put_str(json, ",\"permissions\":[");
    for (uint32_t i = 0; i < auth->options.permission_count; i++) {
        if (!(grant->permissions >> i & 1)) continue;
        buf_printf(json, "%s\"%s\"", comma, auth->options.permissions[i]);
        comma = ",";
    }
    buf_put_str(json, "]}");
}

void role_json(const struct auth *auth, const struct auth_role *role, struct buf *json) {
    buf_printf(json, "\"name\":\"%s\",\"built_in\":%s,\"grants\":[", role->name,
               role->built_in ? "true" : "false");
    for (uint32_t i = 0; i < role->grant_count; i++) {
        if (i) buf_put_u8(json, ',');
        put_grant(auth, &role->grants[i], json);
    }
    buf_put_u8(json, ']');
}

static nacre_status check_custom(struct ctx *ctx, const char *name) {
    for (size_t i = 0; i < sizeof built_ins / sizeof *built_ins; i++)
        if (strcmp(name, built_ins[i].name) == 0)
            return err_set(ctx, NACRE_ALREADY_EXISTS, "the role %s is always there as it is", name);
    return NACRE_OK;
}

static nacre_status put_role(struct ctx *ctx, struct auth *auth, const char *name,
                             struct slice body, bool *out_created) {
    struct auth_role *role;
    bool known = held_has(auth, ROWS_ROLES, name);
    if (!known && held_count(auth, ROWS_ROLES) >= AUTH_ROLES_MAX)
        return err_set(ctx, NACRE_QUOTA_EXCEEDED, "there are %d roles, the most", AUTH_ROLES_MAX);
    TRY(role_parse(ctx, auth, name, body, &role));
    nacre_status status =
        rows_put(ctx, auth->options.engine, ROWS_ROLES, slice_str(name), body, false);
    if (status != NACRE_OK) {
        role_free(role);
        return status;
    }
    *out_created = !known;
    return held_put(ctx, auth, ROWS_ROLES, name, role);
}

nacre_status auth_role_put(struct ctx *ctx, struct auth *auth, const char *name, struct slice body,
                           bool *out_created) {
    TRY(check_custom(ctx, name));
    mutex_lock(&auth->changes);
    nacre_status status = put_role(ctx, auth, name, body, out_created);
    mutex_unlock(&auth->changes);
    return status;
}

nacre_status auth_role_describe(struct ctx *ctx, struct auth *auth, const char *name,
                                struct buf *json) {
    return held_describe(ctx, auth, ROWS_ROLES, name, json);
}

nacre_status auth_role_delete(struct ctx *ctx, struct auth *auth, const char *name) {
    TRY(check_custom(ctx, name));
    return held_delete(ctx, auth, ROWS_ROLES, name);
}
