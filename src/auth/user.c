// Users: passwords verified a few at a time, and remembered for a minute.
#include <stdio.h>

#include "auth/internal.h"
#include "base/os/cond.h"
#include "catalog/keyspace.h"
#include "catalog/spec.h"

enum { AT_ONCE = 4, WAITING_MAX = 64, MARK_MS = 60000, BASIC_MAX = 512 };

// Each verification takes 64 MiB and a processor.
struct queue {
    struct mutex mutex;
    struct cond turn;
    uint32_t running, waiting;
};

nacre_status user_queue_open(struct ctx *ctx, struct auth *auth) {
    auth->passwords = mem_zalloc(sizeof *auth->passwords);
    if (!auth->passwords) return err_nomem(ctx);
    mutex_init(&auth->passwords->mutex);
    cond_init(&auth->passwords->turn);
    return NACRE_OK;
}

void user_queue_close(struct auth *auth) {
    if (!auth->passwords) return;
    cond_destroy(&auth->passwords->turn);
    mutex_destroy(&auth->passwords->mutex);
    mem_free(auth->passwords);
}

static nacre_status enter(struct ctx *ctx, struct queue *queue) {
    mutex_lock(&queue->mutex);
    bool full = queue->waiting == WAITING_MAX;
    queue->waiting += !full;
    while (!full && queue->running == AT_ONCE)
        cond_wait(&queue->turn, &queue->mutex);
    queue->waiting -= !full;
    queue->running += !full;
    mutex_unlock(&queue->mutex);
    if (!full) return NACRE_OK;
    return err_set(ctx, NACRE_RATE_LIMITED, "%d passwords wait to be verified", WAITING_MAX);
}

static void leave(struct queue *queue) {
    mutex_lock(&queue->mutex);
    queue->running--;
    cond_signal(&queue->turn);
    mutex_unlock(&queue->mutex);
}

// --- who ---

static bool is_marked(struct auth *auth, const struct auth_identity *identity,
                      const uint8_t hash[SECRET_HASH_SIZE]) {
    int64_t now = (int64_t)world_wall_ms(auth->options.world);
    mutex_lock(&auth->mutex);
    bool marked =
        identity->mark.until_ms > now && secret_same(identity->mark.hash, hash, SECRET_HASH_SIZE);
    mutex_unlock(&auth->mutex);
    return marked;
}

static void set_mark(struct auth *auth, struct auth_identity *identity,
                     const uint8_t hash[SECRET_HASH_SIZE]) {
    mutex_lock(&auth->mutex);
    memcpy(identity->mark.hash, hash, SECRET_HASH_SIZE);
    identity->mark.until_ms = (int64_t)world_wall_ms(auth->options.world) + MARK_MS;
    mutex_unlock(&auth->mutex);
}

static nacre_status refuse(struct ctx *ctx) {
    return err_set(ctx, NACRE_UNAUTHENTICATED, "this user and password are not valid here");
}

// who is the user's, or empty where there is none of that name.
static nacre_status verify(struct ctx *ctx, struct auth *auth, struct slice password,
                           struct slice address, const struct auth_who *who) {
    struct auth_identity *identity = who->identity;
    uint8_t hash[SECRET_HASH_SIZE];
    secret_mark(&auth->admin, password, hash);
    if (identity && is_marked(auth, identity, hash)) return NACRE_OK;
    TRY(gate_look(ctx, auth, address));
    TRY(enter(ctx, auth->passwords));
    bool fits = secret_password_fits(identity ? identity->stored : NULL, password);
    leave(auth->passwords);
    if (!fits) return refuse(ctx);
    set_mark(auth, identity, hash);
    return NACRE_OK;
}

nacre_status auth_password(struct ctx *ctx, struct auth *auth, struct slice basic,
                           struct slice address, struct auth_who *out) {
    char text[BASIC_MAX];
    struct slice user, password;
    struct auth_who who = {0};
    nacre_status status;
    if (secret_basic_decode(basic, text, sizeof text, &user, &password)) {
        (void)!held_who(auth, ROWS_USERS, user, &who);
        status = verify(ctx, auth, password, address, &who);
    } else {
        status = refuse(ctx);
    }
    secret_wipe(text, sizeof text);
    if (status == NACRE_OK)
        *out = who;
    else
        auth_who_free(&who);
    return status;
}

// --- administration ---

static nacre_status store_password(struct ctx *ctx, struct auth *auth,
                                   struct auth_identity *identity) {
    if (!identity->password.n) return NACRE_OK;
    TRY(enter(ctx, auth->passwords));
    nacre_status status = secret_password_store(ctx, identity->password, identity->stored);
    leave(auth->passwords);
    secret_wipe((void *)(uintptr_t)identity->password.p, identity->password.n);
    identity->password = (struct slice){0};
    return status;
}

// What stays of the user that was there. changes is held.
static void take_over(struct auth *auth, struct auth_identity *identity, bool *known) {
    mutex_lock(&auth->mutex);
    const struct auth_identity *there = map_get(&auth->maps[ROWS_USERS], slice_str(identity->id));
    *known = there != NULL;
    if (there) {
        identity->created_ms = there->created_ms;
        if (!identity->stored[0]) memcpy(identity->stored, there->stored, sizeof there->stored);
    }
    mutex_unlock(&auth->mutex);
}

static nacre_status put(struct ctx *ctx, struct auth *auth, struct auth_identity *identity,
                        bool *out_created) {
    bool known;
    identity->created_ms = (int64_t)world_wall_ms(auth->options.world);
    identity->of_server = auth->of_server;
    TRY(identity_check(ctx, auth, identity));
    take_over(auth, identity, &known);
    if (!identity->stored[0])
        return catalog_member_bad(ctx, "/password", "the password of the new user", val_missing());
    if (!known && held_count(auth, ROWS_USERS) >= AUTH_USERS_MAX)
        return err_set(ctx, NACRE_QUOTA_EXCEEDED, "there are %d users, the most", AUTH_USERS_MAX);
    *out_created = !known;
    return identity_keep(ctx, auth, identity, false);
}

static nacre_status put_and_hold(struct ctx *ctx, struct auth *auth, struct auth_identity *identity,
                                 bool *out_created) {
    char name[ID_TEXT_MAX + 1];
    snprintf(name, sizeof name, "%s", identity->id);
    mutex_lock(&auth->changes);
    nacre_status status = put(ctx, auth, identity, out_created);
    if (status == NACRE_OK)
        status = held_put(ctx, auth, ROWS_USERS, name, identity);
    else
        identity_free(identity);
    mutex_unlock(&auth->changes);
    return status;
}

nacre_status auth_user_put(struct ctx *ctx, struct auth *auth, const char *name, struct slice body,
                           bool *out_created) {
    struct auth_identity *identity;
    TRY(name_check(ctx, "user", slice_str(name)));
    TRY(identity_parse(ctx, ROWS_USERS, name, body, false, &identity));
    nacre_status status = store_password(ctx, auth, identity);
    if (status == NACRE_OK) return put_and_hold(ctx, auth, identity, out_created);
    identity_free(identity);
    return status;
}

nacre_status auth_user_describe(struct ctx *ctx, struct auth *auth, const char *name,
                                struct buf *json) {
    return held_describe(ctx, auth, ROWS_USERS, name, json);
}

nacre_status auth_user_delete(struct ctx *ctx, struct auth *auth, const char *name) {
    return held_delete(ctx, auth, ROWS_USERS, name);
}
