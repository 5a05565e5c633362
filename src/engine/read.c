// Point reads and resolution of names. A get that finds its document in the cache takes no view.
#include "engine/internal.h"
#include "txn/generation.h"

struct view *engine_view(struct engine *e) {
    return txn_view_acquire(e->txn);
}

uint64_t engine_now_ms(const struct engine *e) { return world_wall_ms(e->world); }

struct budget *engine_budget(struct engine *e) {
    return &e->budget;
}

nacre_status engine_resolve_in(struct ctx *ctx, const struct catalog *catalog, struct target target,
                               uint32_t *out_tablet) {
    struct slice database = target.database.n ? target.database : SLICE_LIT("main");
    const struct database *db = catalog_database(catalog, database);
    if (!db || !slice_eq_str(database, db->name))
        return catalog_no_database(ctx, catalog, database);
    const struct collection *c = catalog_collection(catalog, db->id, target.collection);
    if (c && slice_eq_str(target.collection, c->name)) {
        *out_tablet = c->tablet;
        return NACRE_OK;
    }
    return catalog_no_collection(ctx, catalog, db, target.collection);
}

nacre_status engine_resolve(struct ctx *ctx, struct engine *e, struct target target,
                            struct engine_collection *out) {
    TRY(engine_usable(ctx, e));
    struct view *view = engine_view(e);
    out->target = target;
    nacre_status status = engine_resolve_in(ctx, view->catalog, target, &out->tablet);
    out->epoch = view->catalog->epoch;
    txn_view_release(view);
    return status;
}

static nacre_status not_found(struct ctx *ctx) {
    return err_set(ctx, NACRE_DOCUMENT_NOT_FOUND, "there is no document with this id");
}

// The row's checksum runs over lines that are seldom in the processor's cache: they are fetched all
// at once, not one after the other.
static void fetch_ahead(struct slice row) {
    enum { LINE_BYTES = 64, AHEAD_MAX = 2048 };
    for (size_t at = 0; at < row.n && at < AHEAD_MAX; at += LINE_BYTES)
        __builtin_prefetch(row.p + at);
}

static nacre_status read_view(struct ctx *ctx, struct engine *e, struct slice key,
                              struct engine_doc *out) {
    bool found;
    out->view = engine_view(e);
    TRY(e->kv->ops->get(e->kv, ctx, out->view->kv_view, KV_DATA, key, &out->pin, &found));
    if (!found) {
        cache_insert(e->cache, key, slice_of(NULL, 0), true, 0, out->view->commit_ts);
        return not_found(ctx);
    }
    fetch_ahead(out->pin.value);
    TRY(row_decode(ctx, keyspace_local(key), out->pin.value, true, &out->row));
    cache_insert(e->cache, key, out->pin.value, false, out->row.begin_ts, out->view->commit_ts);
    return out->row.flags & ROW_DELETED ? not_found(ctx) : NACRE_OK;
}

// What the cache knows of the key. *known false: nothing, or what is not published yet.
static nacre_status read_cache(struct ctx *ctx, struct engine *e, struct slice key,
                               struct engine_doc *out, bool *known) {
    uint64_t hash = cache_hash(key), published = txn_published_ts(e->txn);
    const struct cache_entry *entry = cache_get(e->cache, key, hash);
    if (entry && entry->ts > published) {
        cache_unpin(e->cache, entry);
        entry = NULL;
    }
    *known = entry != NULL;
    if (!entry) return NACRE_UNAVAILABLE;
    out->entry = entry;
    if (entry->absent) return not_found(ctx);
    TRY(row_decode(ctx, keyspace_local(key), cache_value(entry), false, &out->row));
    return out->row.flags & ROW_DELETED ? not_found(ctx) : NACRE_OK;
}

static nacre_status read_key(struct ctx *ctx, struct engine *e, struct slice key,
                             struct engine_doc *out) {
    bool known;
    nacre_status status = read_cache(ctx, e, key, out, &known);
    return known ? status : read_view(ctx, e, key, out);
}

// The key of a document, in a buffer with room for it: a get allocates nothing.
static nacre_status key_of(struct ctx *ctx, struct engine *e, struct engine_collection *collection,
                           struct val id, struct buf *key) {
    if (collection->epoch != atomic_load_explicit(&e->catalog_epoch, memory_order_relaxed))
        TRY(engine_resolve(ctx, e, collection->target, collection));
    nacre_status status = id_check(ctx, id);
    if (status != NACRE_OK) err_parameter(ctx, "id");
    TRY(status);
    keyspace_document(key, collection->tablet, id);
    return buf_status(key);
}

enum { KEY_ROOM = KEYSPACE_PREFIX + 2 * KEY_ID_TEXT_MAX + 64 };

nacre_status engine_get(struct ctx *ctx, struct engine *e, struct engine_collection *collection,
                        struct val id, struct engine_doc *out) {
    uint8_t room[KEY_ROOM];
    struct buf key = {.p = room, .cap = sizeof room, .max = sizeof room};
    TRY(key_of(ctx, e, collection, id, &key));
    nacre_status status = read_key(ctx, e, buf_slice(&key), out);
    if (status != NACRE_OK) engine_release_doc(e, out);
    return status;
}

nacre_status engine_get_cached(struct ctx *ctx, struct engine *e,
                               struct engine_collection *collection, struct val id,
                               struct engine_doc *out, bool *would_wait) {
    uint8_t room[KEY_ROOM];
    struct buf key = {.p = room, .cap = sizeof room, .max = sizeof room};
    bool known;
    TRY(key_of(ctx, e, collection, id, &key));
    nacre_status status = read_cache(ctx, e, buf_slice(&key), out, &known);
    *would_wait = !known;
    if (status != NACRE_OK) engine_release_doc(e, out);
    return status;
}

void engine_release_doc(struct engine *e, struct engine_doc *doc) {
    if (doc->entry) cache_unpin(e->cache, doc->entry);
    if (doc->pin.handle) doc->view->kv->ops->unpin(doc->view->kv, &doc->pin);
    txn_view_release(doc->view);
    *doc = (struct engine_doc){0};
}

// What the published view knows of a command.
enum seen { SEEN, NOT_YET, NEVER };
static nacre_status look_for(struct ctx *ctx, struct engine *e, uint64_t generation, uint64_t seq,
                             enum seen *out) {
    struct view *view = engine_view(e);
    nacre_status status = NACRE_OK;
    bool there = seq <= view->seq;
    if (generation == view->generation) {
        *out = there ? SEEN : NOT_YET;
    } else {
        if (there) status = generation_holds(ctx, view->kv, view->kv_view, generation, seq, &there);
        *out = there ? SEEN : NEVER;
    }
    txn_view_release(view);
    return status;
}

nacre_status engine_wait_sequence(struct ctx *ctx, struct engine *e, uint64_t generation,
                                  uint64_t seq) {
    enum { LOOK_EVERY_MS = 5 };
    for (;;) {
        enum seen seen;
        TRY(look_for(ctx, e, generation, seq, &seen));
        if (seen == SEEN) return NACRE_OK;
        if (seen == NEVER)
            return err_set(ctx, NACRE_INVALID_ARGUMENT,
                           "the sequence is of a write that this log does not hold: it was lost "
                           "in a crash, or is another database's");
        TRY(ctx_check(ctx));
        mutex_lock(&e->feed_lock);
        atomic_fetch_add(&e->feed_waiting, 1);
        (void)cond_wait_ms(&e->feed_wake, &e->feed_lock, LOOK_EVERY_MS);
        atomic_fetch_sub(&e->feed_waiting, 1);
        mutex_unlock(&e->feed_lock);
    }
}

void engine_status(struct engine *e, struct engine_status *out) {
    *out = (struct engine_status){.memory_used = atomic_load(&e->budget.used),
                                  .memory_limit = e->budget.limit};
    struct view *view = engine_view(e);
    out->published_seq = view->seq;
    out->position.seq = view->seq;
    out->position.commit_ts = view->commit_ts;
    out->position.generation = view->generation;
    txn_view_release(view);
    uint64_t kv_memory;
    e->kv->ops->usage(e->kv, &kv_memory, &out->disk_bytes);
    out->memory_used += kv_memory;
    e->log->ops->status(e->log, &out->log);
    cache_stats(e->cache, &out->cache);
    mutex_lock(&e->door);
    out->writes_stopped = e->failed != NACRE_OK;
    mutex_unlock(&e->door);
    out->disk_full = atomic_load(&e->disk_full);
    out->store = e->kv->ops->describe(e->kv);
}
