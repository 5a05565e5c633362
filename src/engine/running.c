#include "engine/running.h"

#include "engine/internal.h"

static void keep(char *out, size_t room, struct slice text) {
    size_t n = text.n < room ? text.n : room - 1;
    while (n && n < text.n && (text.p[n] & 0xc0) == 0x80)
        n--; // not within a character
    if (n) memcpy(out, text.p, n);
    out[n] = 0;
}

void engine_running_begin(struct engine *e, struct running *r, const char *what,
                          struct target target, struct slice text, struct slice caller) {
    r->what = what;
    r->since_ms = engine_now_ms(e);
    keep(r->database, sizeof r->database, target.database.n ? target.database : SLICE_LIT("main"));
    keep(r->collection, sizeof r->collection, target.collection);
    keep(r->text, sizeof r->text, text);
    keep(r->caller, sizeof r->caller, caller);
    atomic_store(&r->state, RUNNING_BUSY);
    mutex_lock(&e->running_lock);
    r->id = ++e->running_last;
    r->next = NULL;
    r->link = e->running_tail;
    *e->running_tail = r;
    e->running_tail = &r->next;
    mutex_unlock(&e->running_lock);
}

void engine_running_end(struct engine *e, struct running *r) {
    if (!r->id) return;
    mutex_lock(&e->running_lock);
    *r->link = r->next;
    if (r->next)
        r->next->link = r->link;
    else
        e->running_tail = r->link;
    mutex_unlock(&e->running_lock);
    r->id = 0;
}

// Whoever takes it out of idleness gives it up, once.
static bool give_up(struct running *r) {
    int idle = RUNNING_IDLE;
    if (!atomic_compare_exchange_strong(&r->state, &idle, RUNNING_GONE)) return false;
    if (r->give_up) r->give_up(r->arg);
    return true;
}

bool engine_running_enter(struct running *r) {
    int idle = RUNNING_IDLE;
    return atomic_compare_exchange_strong(&r->state, &idle, RUNNING_BUSY);
}

bool engine_running_leave(struct running *r) {
    atomic_store(&r->state, RUNNING_IDLE);
    if (!atomic_load(&r->watch.stop)) return true;
    (void)give_up(r);
    return false;
}

void engine_running_each(struct engine *e, void (*each)(void *arg, const struct running *r),
                         void *arg) {
    mutex_lock(&e->running_lock);
    for (const struct running *r = e->running; r; r = r->next)
        each(arg, r);
    mutex_unlock(&e->running_lock);
}

nacre_status engine_running_cancel(struct ctx *ctx, struct engine *e, uint64_t id,
                                   const char *caller) {
    mutex_lock(&e->running_lock);
    struct running *r = e->running;
    while (r && r->id != id)
        r = r->next;
    if (r && caller && strcmp(r->caller, caller) != 0) r = NULL;
    bool runs = r && atomic_load(&r->state) != RUNNING_GONE;
    if (runs) {
        atomic_store(&r->watch.stop, true);
        (void)give_up(r); // under the lock: its end waits for it
    }
    mutex_unlock(&e->running_lock);
    if (runs) return NACRE_OK;
    nacre_status status = err_set(ctx, NACRE_NOT_FOUND, "no request runs with this id");
    err_parameter(ctx, "id");
    return status;
}
