// Reads of an earlier time: whether it is still there, and views that hold the horizon back.
#include "txn/past.h"

#include "engine/internal.h"

enum { TS_COUNTER_MAX = (1 << 20) - 1 };

// One view of the past that is open.
struct open_past {
    struct engine *engine;
    uint64_t ts;
    struct open_past *next, **link;
};

// Under past_lock. Compaction may drop what ended before the horizon, whoever reads.
static void move_horizon(struct engine *e) {
    uint64_t ts = atomic_load(&e->horizon_wanted);
    for (const struct open_past *p = e->pasts; p; p = p->next)
        if (p->ts < ts) ts = p->ts;
    atomic_store(&e->horizon_ts, ts);
}

void engine_note_horizon(struct engine *e, uint64_t ts) {
    if (atomic_load(&e->horizon_wanted) == ts) return;
    mutex_lock(&e->past_lock);
    atomic_store(&e->horizon_wanted, ts);
    move_horizon(e);
    mutex_unlock(&e->past_lock);
}

static void close_past(void *arg, uint64_t ts) {
    struct open_past *p = arg;
    struct engine *e = p->engine;
    (void)ts;
    mutex_lock(&e->past_lock);
    *p->link = p->next;
    if (p->next) p->next->link = p->link;
    move_horizon(e);
    mutex_unlock(&e->past_lock);
    mem_free(p);
}

static nacre_status expired(struct ctx *ctx, const char *why) {
    nacre_status status = err_set(ctx, NACRE_HISTORY_EXPIRED, "as_of: %s", why);
    err_parameter(ctx, "as_of");
    err_hint(ctx, "read a newer time; set the collection's history_seconds to keep more");
    return status;
}

// Holds history at ts and above from here on; NULL in *out and an error if some is gone.
static nacre_status hold(struct ctx *ctx, struct engine *e, uint64_t ts, struct open_past **out) {
    struct open_past *p = mem_zalloc(sizeof *p);
    *out = NULL;
    if (!p) return err_nomem(ctx);
    *p = (struct open_past){.engine = e, .ts = ts, .link = &e->pasts};
    mutex_lock(&e->past_lock);
    bool there = ts >= atomic_load(&e->horizon_ts);
    if (there) {
        p->next = e->pasts;
        if (p->next) p->next->link = &p->next;
        e->pasts = p;
    }
    mutex_unlock(&e->past_lock);
    if (there) {
        *out = p;
        return NACRE_OK;
    }
    mem_free(p);
    return expired(ctx, "what was there then has been trimmed");
}

uint64_t engine_oldest_readable(const struct engine *e, const struct collection *c) {
    uint64_t now_ms = engine_now_ms(e), kept_ms = c->history_seconds * 1000;
    uint64_t oldest_ts = now_ms > kept_ms ? (now_ms - kept_ms) << 20 : 0;
    uint64_t horizon_ts = atomic_load(&e->horizon_ts);
    if (oldest_ts < horizon_ts) oldest_ts = horizon_ts;
    return oldest_ts < c->history_from ? c->history_from : oldest_ts;
}

static nacre_status check_collection(struct ctx *ctx, const struct collection *c, uint64_t ts,
                                     uint64_t now_ms) {
    if (!c) return err_set(ctx, NACRE_COLLECTION_NOT_FOUND, "the collection was dropped");
    if (!c->history_seconds) return expired(ctx, "the collection keeps no history");
    uint64_t age_ms = now_ms > (ts >> 20) ? now_ms - (ts >> 20) : 0;
    if (age_ms / 1000 >= c->history_seconds) return expired(ctx, "older than history_seconds");
    if (ts < c->created_ts)
        return err_set(ctx, NACRE_COLLECTION_NOT_FOUND,
                       "collection \"%s\" was made after that time", c->name);
    return ts < c->history_from ? expired(ctx, "the collection kept no history then") : NACRE_OK;
}

// Whatever is committed from here on is after ts: the clock has passed its millisecond, and the
// log knows.
static nacre_status pass(struct ctx *ctx, struct engine *e, uint64_t ts) {
    struct result result;
    struct engine_command tick = {.type = COMMAND_TICK, .durability = DURABILITY_MEMORY};
    while (engine_now_ms(e) <= ts >> 20) { // at most a millisecond
        TRY(ctx_check(ctx));
        mutex_lock(&e->feed_lock);
        (void)cond_wait_ms(&e->feed_wake, &e->feed_lock, 1);
        mutex_unlock(&e->feed_lock);
    }
    return engine_submit(ctx, e, &tick, &result);
}

static nacre_status check_time(struct ctx *ctx, struct engine *e, int64_t as_of_ms) {
    if (as_of_ms >= 0 && (uint64_t)as_of_ms <= engine_now_ms(e)) return NACRE_OK;
    if (as_of_ms < 0) return expired(ctx, "before 1970");
    nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT, "as_of is a time yet to come");
    err_parameter(ctx, "as_of");
    return status;
}

static nacre_status open_past(struct ctx *ctx, struct engine *e, uint32_t tablet, uint64_t ts,
                              struct view **out) {
    struct open_past *p;
    struct view *base = engine_view(e);
    if (base->commit_ts <= ts && !e->read_only) {
        txn_view_release(base);
        TRY(pass(ctx, e, ts));
        base = engine_view(e);
    }
    nacre_status status =
        check_collection(ctx, catalog_by_tablet(base->catalog, tablet), ts, engine_now_ms(e));
    if (status == NACRE_OK) status = hold(ctx, e, ts, &p);
    if (status == NACRE_OK) {
        struct past_options options = {
            .ts = ts, .on_close = close_past, .arg = p, .luck = &e->past_luck};
        status = txn_view_past(ctx, base, &options, out);
        if (status != NACRE_OK) close_past(p, ts);
    }
    txn_view_release(base);
    return status;
}

nacre_status engine_view_past(struct ctx *ctx, struct engine *e, uint32_t tablet, int64_t as_of_ms,
                              struct view **out) {
    TRY(engine_usable(ctx, e));
    TRY(check_time(ctx, e, as_of_ms));
    uint64_t ts = (uint64_t)as_of_ms << 20 | TS_COUNTER_MAX;
    return engine_recorded(ctx, open_past(ctx, e, tablet, ts, out));
}

nacre_status engine_get_past(struct ctx *ctx, struct engine *e,
                             struct engine_collection *collection, struct val id, int64_t as_of_ms,
                             struct engine_doc *out) {
    struct buf key BUF_CLEANUP = {0};
    bool found = false;
    TRY(engine_resolve(ctx, e, collection->target, collection));
    nacre_status status = id_check(ctx, id);
    if (status != NACRE_OK) err_parameter(ctx, "id");
    TRY(status);
    buf_init(&key, NULL, 8192);
    keyspace_document(&key, collection->tablet, id);
    if (buf_status(&key) != NACRE_OK) return err_buf(ctx, &key);
    TRY(engine_view_past(ctx, e, collection->tablet, as_of_ms, &out->view));
    struct kv *kv = out->view->kv;
    status = kv->ops->get(kv, ctx, out->view->kv_view, KV_DATA, buf_slice(&key), &out->pin, &found);
    if (status == NACRE_OK && found)
        status = row_decode(ctx, keyspace_local(buf_slice(&key)), out->pin.value, true, &out->row);
    if (status == NACRE_OK && (!found || (out->row.flags & ROW_DELETED)))
        status = err_set(ctx, NACRE_DOCUMENT_NOT_FOUND, "there was no document with this id");
    if (status != NACRE_OK) engine_release_doc(e, out);
    return engine_recorded(ctx, status);
}
