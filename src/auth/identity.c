// Keys and users as bodies, documents and answers.
#include <stdio.h>

#include "auth/internal.h"
#include "base/text/time.h"
#include "catalog/keyspace.h"
#include "catalog/spec.h"
#include "doc/json.h"

enum { LABEL_MAX = 64 };

static nacre_status keep_text(struct ctx *ctx, struct auth_identity *identity, struct val v,
                              struct slice *out) {
    *out = slice_of(arena_copy(&identity->arena, v.p, v.n), v.n);
    return out->p ? NACRE_OK : err_nomem(ctx);
}

static nacre_status take_label(struct ctx *ctx, struct val v, void *arg) {
    struct auth_identity *identity = arg;
    if (v.type != VAL_STRING || v.n == 0 || v.n > LABEL_MAX)
        return catalog_member_bad(ctx, "/name", "a text of 1 to 64 bytes", v);
    return keep_text(ctx, identity, v, &identity->label);
}

static nacre_status take_role(struct ctx *ctx, struct val v, void *arg) {
    struct auth_identity *identity = arg;
    if (v.type != VAL_STRING || name_check(ctx, "role", val_slice(v)) != NACRE_OK)
        return catalog_member_bad(ctx, "/role", "reader, writer, admin or the name of a role", v);
    return keep_text(ctx, identity, v, &identity->role);
}

static nacre_status take_databases(struct ctx *ctx, struct val v, void *arg) {
    struct auth_identity *identity = arg;
    return pattern_list(ctx, "/databases", v, &identity->arena, &identity->databases,
                        &identity->database_count);
}

static nacre_status take_time(struct ctx *ctx, const char *pointer, struct val v, int64_t *out) {
    if (v.type == VAL_DATE) *out = v.i;
    if (v.type == VAL_DATE || (v.type == VAL_STRING && time_parse(val_slice(v), out)))
        return NACRE_OK;
    return catalog_member_bad(ctx, pointer, "a time as 2030-01-31T00:00:00Z", v);
}

static nacre_status take_expires(struct ctx *ctx, struct val v, void *arg) {
    return take_time(ctx, "/expires", v, &((struct auth_identity *)arg)->expires_ms);
}

static nacre_status take_created(struct ctx *ctx, struct val v, void *arg) {
    return take_time(ctx, "/created", v, &((struct auth_identity *)arg)->created_ms);
}

static nacre_status take_used(struct ctx *ctx, struct val v, void *arg) {
    struct auth_identity *identity = arg;
    int64_t ms;
    TRY(take_time(ctx, "/last_used", v, &ms));
    atomic_store(&identity->used_ms, ms);
    atomic_store(&identity->kept_ms, ms);
    return NACRE_OK;
}

static nacre_status take_hash(struct ctx *ctx, struct val v, void *arg) {
    struct auth_identity *identity = arg;
    if (v.type != VAL_BINARY || v.n != SECRET_HASH_SIZE)
        return catalog_member_bad(ctx, "/hash", "32 bytes", v);
    memcpy(identity->hash, v.p, v.n);
    return NACRE_OK;
}

static nacre_status take_id(struct ctx *ctx, struct val v, void *arg) {
    const struct auth_identity *identity = arg;
    if (v.type == VAL_STRING && slice_eq_str(val_slice(v), identity->id)) return NACRE_OK;
    return catalog_member_bad(ctx, "/_id", "the id of the document", v);
}

static nacre_status take_password(struct ctx *ctx, struct val v, void *arg) {
    struct auth_identity *identity = arg;
    if (v.type != VAL_STRING || v.n < SECRET_PASSWORD_MIN || v.n > SECRET_PASSWORD_MAX)
        return catalog_member_bad(ctx, "/password", "a text of 8 to 256 bytes",
                                  (struct val){.type = v.type == VAL_STRING ? VAL_NULL : v.type});
    return keep_text(ctx, identity, v, &identity->password);
}

static nacre_status take_stored(struct ctx *ctx, struct val v, void *arg) {
    struct auth_identity *identity = arg;
    if (v.type != VAL_STRING || v.n >= SECRET_STORED_MAX)
        return catalog_member_bad(ctx, "/password", "a stored password", val_null());
    memcpy(identity->stored, v.p, v.n);
    return NACRE_OK;
}

static const struct catalog_member key_given[] = {{"name", take_label},
                                                  {"role", take_role},
                                                  {"databases", take_databases},
                                                  {"expires", take_expires},
                                                  {0}};
static const struct catalog_member key_kept[] = {{"_id", take_id},
                                                 {"name", take_label},
                                                 {"role", take_role},
                                                 {"databases", take_databases},
                                                 {"expires", take_expires},
                                                 {"created", take_created},
                                                 {"last_used", take_used},
                                                 {"hash", take_hash},
                                                 {0}};
static const struct catalog_member user_given[] = {{"password", take_password},
                                                   {"role", take_role},
                                                   {"databases", take_databases},
                                                   {"expires", take_expires},
                                                   {0}};
static const struct catalog_member user_kept[] = {
    {"_id", take_id},          {"password", take_stored},
    {"role", take_role},       {"databases", take_databases},
    {"expires", take_expires}, {"created", take_created},
    {"last_used", take_used},  {0}};

static nacre_status parse(struct ctx *ctx, struct auth_identity *identity, struct slice bson,
                          bool stored) {
    if (identity->kind == ROWS_USERS)
        TRY(catalog_members(ctx, bson, "a user", stored ? user_kept : user_given, identity));
    else
        TRY(catalog_members(ctx, bson, "a key", stored ? key_kept : key_given, identity));
    if (identity->kind == ROWS_KEYS && !identity->label.n)
        return catalog_member_bad(ctx, "/name", "a name to know it by", val_missing());
    if (!identity->role.n)
        return catalog_member_bad(ctx, "/role", "reader, writer, admin or the name of a role",
                                  val_missing());
    return NACRE_OK;
}

nacre_status identity_new(struct ctx *ctx, enum rows_kind kind, const char *id,
                          struct auth_identity **out) {
    struct auth_identity *identity = mem_zalloc(sizeof *identity);
    if (!identity) return err_nomem(ctx);
    atomic_store(&identity->refs, 1);
    arena_init(&identity->arena, NULL, 1 << 16);
    identity->kind = kind;
    snprintf(identity->id, sizeof identity->id, "%s", id);
    snprintf(identity->name, sizeof identity->name, "%s:%s", kind == ROWS_USERS ? "user" : "key",
             id);
    *out = identity;
    return NACRE_OK;
}

nacre_status identity_parse(struct ctx *ctx, enum rows_kind kind, const char *id, struct slice bson,
                            bool stored, struct auth_identity **out) {
    struct auth_identity *identity;
    TRY(identity_new(ctx, kind, id, &identity));
    nacre_status status = parse(ctx, identity, bson, stored);
    if (status == NACRE_OK)
        *out = identity;
    else
        identity_free(identity);
    return status;
}

void identity_free(struct auth_identity *identity) {
    if (!identity || atomic_fetch_sub(&identity->refs, 1) > 1) return;
    arena_free(&identity->arena);
    secret_wipe(identity, sizeof *identity);
    mem_free(identity);
}

// --- as a document ---

static void put_patterns(struct bson_writer *w, const struct auth_identity *identity) {
    if (!identity->database_count) return;
    bson_open_array(w, SLICE_LIT("databases"));
    for (uint32_t i = 0; i < identity->database_count; i++) {
        const struct pattern *pattern = &identity->databases[i];
        char text[CATALOG_NAME_MAX + 2];
        int n = snprintf(text, sizeof text, "%.*s%s", (int)pattern->text.n,
                         (const char *)pattern->text.p, pattern->prefix ? "*" : "");
        bson_put(w, slice_of(NULL, 0), val_str(slice_of(text, (size_t)n)));
    }
    bson_close(w);
}

static void identity_bson(const struct auth_identity *identity, struct buf *out) {
    struct bson_writer w;
    bson_begin(&w, out);
    bson_put(&w, SLICE_LIT("role"), val_str(identity->role));
    put_patterns(&w, identity);
    if (identity->expires_ms) bson_put(&w, SLICE_LIT("expires"), val_date(identity->expires_ms));
    bson_put(&w, SLICE_LIT("created"), val_date(identity->created_ms));
    if (identity->kind == ROWS_USERS) {
        bson_put(&w, SLICE_LIT("password"), val_str(slice_str(identity->stored)));
    } else {
        bson_put(&w, SLICE_LIT("name"), val_str(identity->label));
        bson_put(&w, SLICE_LIT("hash"),
                 val_bytes(VAL_BINARY, slice_of(identity->hash, sizeof identity->hash)));
    }
    bson_end(&w);
}

// --- as an answer ---

static void put_time(struct buf *json, const char *member, int64_t ms) {
    char text[TIME_TEXT_MAX];
    if (!ms) return;
    size_t n = time_print(ms, text);
    buf_printf(json, ",\"%s\":\"%.*s\"", member, (int)n, text);
}

void identity_json(const struct auth_identity *identity, struct buf *json) {
    if (identity->kind == ROWS_KEYS) buf_printf(json, "\"id\":\"%s\",", identity->id);
    buf_put_str(json, "\"name\":");
    json_write_str(json, identity->kind == ROWS_KEYS ? identity->label : slice_str(identity->id));
    buf_printf(json, ",\"role\":\"%.*s\"", (int)identity->role.n, (const char *)identity->role.p);
    if (identity->database_count) {
        buf_put_u8(json, ',');
        pattern_list_json(json, "databases", identity->databases, identity->database_count);
    }
    put_time(json, "expires", identity->expires_ms);
    put_time(json, "created", identity->created_ms);
    put_time(json, "last_used", atomic_load(&identity->used_ms));
}

// --- changes ---

nacre_status identity_check(struct ctx *ctx, struct auth *auth,
                            const struct auth_identity *identity) {
    char role[ID_TEXT_MAX + 1] = "";
    memcpy(role, identity->role.p, identity->role.n);
    if (!held_has(auth, ROWS_ROLES, role))
        return catalog_member_bad(ctx, "/role", "reader, writer, admin or the name of a role",
                                  val_str(identity->role));
    if (identity->expires_ms && identity->expires_ms <= identity->created_ms)
        return catalog_member_bad(ctx, "/expires", "a time to come",
                                  val_date(identity->expires_ms));
    return NACRE_OK;
}

nacre_status identity_keep(struct ctx *ctx, struct auth *auth, const struct auth_identity *identity,
                           bool insert) {
    struct buf bson BUF_CLEANUP = {0};
    buf_init(&bson, NULL, 1 << 16);
    identity_bson(identity, &bson);
    if (buf_status(&bson) != NACRE_OK) return err_buf(ctx, &bson);
    return rows_put(ctx, auth->options.engine, identity->kind, slice_str(identity->id),
                    buf_slice(&bson), insert);
}
