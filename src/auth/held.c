// What is in memory of keys, roles and users: all of them, by their ids.
#include "base/err/check.h"
#include <stdlib.h>

#include "auth/internal.h"

static const char *const nouns[ROWS_KINDS] = {
    [ROWS_KEYS] = "key", [ROWS_ROLES] = "role", [ROWS_USERS] = "user"};

static void free_thing(enum rows_kind kind, void *thing) {
    if (!thing) return;
    if (kind == ROWS_ROLES) {
        atomic_store(&((struct auth_role *)thing)->over, true);
        role_free(thing);
        return;
    }
    atomic_store(&((struct auth_identity *)thing)->over, true);
    identity_free(thing);
}

// --- changes ---

nacre_status held_put(struct ctx *ctx, struct auth *auth, enum rows_kind kind, const char *id,
                      void *thing) {
    mutex_lock(&auth->mutex);
    void *before = map_get(&auth->maps[kind], slice_str(id));
    bool done = map_put(&auth->maps[kind], slice_str(id), thing);
    mutex_unlock(&auth->mutex);
    free_thing(kind, done ? before : thing);
    return done ? NACRE_OK : err_nomem(ctx);
}

static void forget(struct auth *auth, enum rows_kind kind, const char *id) {
    mutex_lock(&auth->mutex);
    void *thing = map_remove(&auth->maps[kind], slice_str(id));
    mutex_unlock(&auth->mutex);
    free_thing(kind, thing);
}

bool held_has(struct auth *auth, enum rows_kind kind, const char *id) {
    mutex_lock(&auth->mutex);
    bool found = map_get(&auth->maps[kind], slice_str(id)) != NULL;
    mutex_unlock(&auth->mutex);
    return found;
}

size_t held_count(struct auth *auth, enum rows_kind kind) {
    mutex_lock(&auth->mutex);
    size_t count = auth->maps[kind].count;
    mutex_unlock(&auth->mutex);
    return count;
}

static nacre_status missing(struct ctx *ctx, enum rows_kind kind, const char *id) {
    if (kind != ROWS_KEYS || auth_key_is_id(id))
        return err_set(ctx, NACRE_NOT_FOUND, "there is no %s \"%.64s\"", nouns[kind], id);
    err_set(ctx, NACRE_NOT_FOUND, "there is no key of this id");
    err_hint(ctx, "An id has 16 hexadecimal digits; GET /v1/keys lists them.");
    return NACRE_NOT_FOUND;
}

nacre_status held_delete(struct ctx *ctx, struct auth *auth, enum rows_kind kind, const char *id) {
    mutex_lock(&auth->changes);
    nacre_status status = held_has(auth, kind, id) ? NACRE_OK : missing(ctx, kind, id);
    if (status == NACRE_OK) status = rows_delete(ctx, auth->options.engine, kind, slice_str(id));
    if (status == NACRE_OK) forget(auth, kind, id);
    mutex_unlock(&auth->changes);
    return status;
}

// --- beginning and end ---

struct load {
    struct auth *auth;
    enum rows_kind kind;
};

static nacre_status load_one(void *arg, struct ctx *ctx, struct slice bson) {
    const struct load *load = arg;
    struct val id = bson_find(bson, SLICE_LIT("_id"));
    char name[ID_TEXT_MAX + 1] = "";
    void *thing = NULL;
    if (id.type == VAL_STRING && id.n <= ID_TEXT_MAX) memcpy(name, id.p, id.n);
    name[id.type == VAL_STRING && id.n <= ID_TEXT_MAX ? id.n : 0] = '\0';
    nacre_status status =
        load->kind == ROWS_ROLES
            ? role_parse(ctx, load->auth, name, bson, (struct auth_role **)&thing)
            : identity_parse(ctx, load->kind, name, bson, true, (struct auth_identity **)&thing);
    if (status == NACRE_INVALID_ARGUMENT)
        return err_set(ctx, NACRE_CORRUPT, "the %s \"%s\" is stored in a form that is none",
                       nouns[load->kind], name);
    TRY(status);
    if (load->kind != ROWS_ROLES)
        ((struct auth_identity *)thing)->of_server = load->auth->of_server;
    return held_put(ctx, load->auth, load->kind, name, thing);
}

nacre_status held_load(struct ctx *ctx, struct auth *auth) {
    for (int kind = 0; kind < ROWS_KINDS; kind++) {
        struct load load = {.auth = auth, .kind = (enum rows_kind)kind};
        TRY(rows_load(ctx, auth->options.engine, load.kind, load_one, &load));
    }
    return NACRE_OK;
}

void held_free(struct auth *auth) {
    for (int kind = 0; kind < ROWS_KINDS; kind++) {
        struct slice id;
        void *thing;
        for (size_t at = 0; map_next(&auth->maps[kind], &at, &id, &thing);)
            free_thing((enum rows_kind)kind, thing);
        map_free(&auth->maps[kind]);
    }
}

// --- answers ---

static const char *id_of(enum rows_kind kind, const void *thing) {
    return kind == ROWS_ROLES ? ((const struct auth_role *)thing)->name
                              : ((const struct auth_identity *)thing)->id;
}

static int by_id(const void *a, const void *b, void *kind) {
    return strcmp(id_of(*(enum rows_kind *)kind, *(void *const *)a),
                  id_of(*(enum rows_kind *)kind, *(void *const *)b));
}

static void put_one(const struct auth *auth, enum rows_kind kind, const void *thing,
                    struct buf *json) {
    buf_put_u8(json, '{');
    if (kind == ROWS_ROLES)
        role_json(auth, thing, json);
    else
        identity_json(thing, json);
    buf_put_u8(json, '}');
}

static nacre_status put_all(struct ctx *ctx, struct auth *auth, enum rows_kind kind,
                            struct buf *json) {
    const struct map *map = &auth->maps[kind];
    void **list = ARENA_ARRAY(&ctx->arena, void *, map->count + 1);
    struct slice id;
    size_t count = 0;
    if (!list) return err_nomem(ctx);
    for (size_t at = 0; map_next(map, &at, &id, &list[count]);)
        count++;
    qsort_r(list, count, sizeof *list, by_id, &kind);
    buf_put_str(json, "{\"items\":[");
    for (size_t i = 0; i < count; i++) {
        if (i) buf_put_u8(json, ',');
        put_one(auth, kind, list[i], json);
    }
    buf_put_str(json, "]}");
    return NACRE_OK;
}

nacre_status held_describe(struct ctx *ctx, struct auth *auth, enum rows_kind kind, const char *id,
                           struct buf *json) {
    nacre_status status = NACRE_OK;
    mutex_lock(&auth->mutex);
    const void *thing = id ? map_get(&auth->maps[kind], slice_str(id)) : NULL;
    if (thing)
        put_one(auth, kind, thing, json);
    else
        status = id ? missing(ctx, kind, id) : put_all(ctx, auth, kind, json);
    mutex_unlock(&auth->mutex);
    return status;
}

// --- who ---

static bool has_expired(const struct auth *auth, const struct auth_identity *identity) {
    return identity->expires_ms &&
           (int64_t)world_wall_ms(auth->options.world) >= identity->expires_ms;
}

// mutex is held.
static void take(struct auth *auth, struct auth_identity *identity, struct auth_who *out) {
    struct auth_role *role = map_get(&auth->maps[ROWS_ROLES], identity->role);
    atomic_fetch_add(&identity->refs, 1);
    if (role) atomic_fetch_add(&role->refs, 1);
    *out = (struct auth_who){.name = identity->name, .identity = identity, .role = role};
}

bool held_who(struct auth *auth, enum rows_kind kind, struct slice id, struct auth_who *out) {
    mutex_lock(&auth->mutex);
    struct auth_identity *identity = map_get(&auth->maps[kind], id);
    bool found = identity && !has_expired(auth, identity);
    if (found) take(auth, identity, out);
    mutex_unlock(&auth->mutex);
    return found;
}

void held_take(struct auth *auth, struct auth_identity *identity, struct auth_who *out) {
    mutex_lock(&auth->mutex);
    take(auth, identity, out);
    mutex_unlock(&auth->mutex);
}

void auth_who_free(struct auth_who *who) {
    identity_free(who->identity);
    role_free(who->role);
    *who = (struct auth_who){0};
}

bool auth_is_over(const struct auth *auth, const struct auth_who *who) {
    return atomic_load(&who->identity->over) || (who->role && atomic_load(&who->role->over)) ||
           has_expired(auth, who->identity);
}
