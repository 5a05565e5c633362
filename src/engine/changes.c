#include "engine/changes.h"

#include "base/bits/bits.h"
#include "engine/internal.h"
#include "txn/generation.h"

enum {
    // A follower that lags reads on from a newer view after this time.
    VIEW_KEPT_MS = 1000,
    // Views are taken no more often: at a high rate of writes nobody is woken for each of them.
    VIEW_EVERY_MS = 4,
    // A sleep ends by itself to look at deadline, cancel flag and the state of the engine.
    SLEEP_MS = 100,
};

struct engine_changes {
    struct engine *engine;
    uint32_t tablet;
    bool follow, ended;
    const struct filter *filter;
    struct feed_place at; // up to here all is given or kept back (G2)
    bool oldest;          // at is not known yet: the floor of the first view
    uint64_t generation;  // of the last view
    uint64_t read_seq;    // of the last view that was read to its end
    bool any_read;
    uint64_t taken_ns; // when the last view was taken

    struct view *view;    // durable, being read
    struct view *pending; // the next one, not durable yet
    struct kv_iter *it, *history;
    struct buf lower, upper, key;
    struct kv_pin current, before;
    struct row row;
};

// --- waking -----------------------------------------------------------------------------

// Who publishes or syncs stores first and then looks for waiters; a waiter counts itself first and
// then looks (both in one total order), so that one of the two sees the other.
void engine_changes_wake(struct engine *e) {
    atomic_fetch_add(&e->feed_news, 1);
    if (!atomic_load(&e->feed_waiting)) return;
    mutex_lock(&e->feed_lock);
    cond_broadcast(&e->feed_wake);
    mutex_unlock(&e->feed_lock);
}

void engine_changes_watch(struct engine *e, uint64_t *seen, uint64_t wait_ms) {
    atomic_fetch_add(&e->feed_waiting, 1);
    mutex_lock(&e->feed_lock);
    if (atomic_load(&e->feed_news) == *seen)
        (void)cond_wait_ms(&e->feed_wake, &e->feed_lock, wait_ms);
    mutex_unlock(&e->feed_lock);
    atomic_fetch_sub(&e->feed_waiting, 1);
    *seen = atomic_load(&e->feed_news);
}

static bool is_durable(struct engine *e, const struct view *view) {
    struct replog_status log;
    if (e->read_only || view->index <= atomic_load(&e->flushed_index)) return true;
    e->log->ops->status(e->log, &log);
    return view->index <= log.synced_index;
}

// Whether sleeping is over: there is a newer view, or the pending one is durable.
static bool is_news(struct engine_changes *f) {
    if (f->pending) return is_durable(f->engine, f->pending);
    return !f->any_read || atomic_load(&f->engine->published_seq) > f->read_seq;
}

static nacre_status check_running(struct ctx *ctx, struct engine *e) {
    mutex_lock(&e->door);
    nacre_status status = e->failed;
    if (status != NACRE_OK) ctx->err = e->failure;
    mutex_unlock(&e->door);
    TRY(status);
    return ctx_check(ctx);
}

// Sleeps until there is news, or wait_ms are over.
static void sleep_for(struct engine_changes *f, uint64_t wait_ms) {
    struct engine *e = f->engine;
    atomic_fetch_add(&e->feed_waiting, 1);
    mutex_lock(&e->feed_lock);
    if (!is_news(f)) (void)cond_wait_ms(&e->feed_wake, &e->feed_lock, wait_ms);
    mutex_unlock(&e->feed_lock);
    atomic_fetch_sub(&e->feed_waiting, 1);
}

// At most until end_ns (0: for ever). *news false: nothing came.
static nacre_status wait_for_news(struct ctx *ctx, struct engine_changes *f, bool forever,
                                  uint64_t end_ns, bool *news) {
    const struct world *world = f->engine->world;
    for (;;) {
        *news = is_news(f);
        if (*news) return NACRE_OK;
        TRY(check_running(ctx, f->engine));
        uint64_t now_ns = world_mono_ns(world), left_ms = SLEEP_MS;
        if (!forever && now_ns >= end_ns) return NACRE_OK;
        if (!forever && (end_ns - now_ns) / 1000000 + 1 < left_ms)
            left_ms = (end_ns - now_ns) / 1000000 + 1;
        if (ctx->deadline_ns > now_ns && (ctx->deadline_ns - now_ns) / 1000000 + 1 < left_ms)
            left_ms = (ctx->deadline_ns - now_ns) / 1000000 + 1;
        sleep_for(f, left_ms);
    }
}

// --- views ------------------------------------------------------------------------------

static void drop_images(struct engine_changes *f) {
    struct kv *kv = f->engine->kv;
    if (f->current.handle) kv->ops->unpin(kv, &f->current);
    if (f->before.handle) kv->ops->unpin(kv, &f->before);
    f->current = f->before = (struct kv_pin){0};
}

static void drop_view(struct engine_changes *f) {
    drop_images(f);
    if (f->it) f->it->ops->close(f->it);
    if (f->history) f->history->ops->close(f->history);
    f->it = f->history = NULL;
    txn_view_release(f->view);
    f->view = NULL;
}

static nacre_status expired(struct ctx *ctx) {
    nacre_status status =
        err_set(ctx, NACRE_HISTORY_EXPIRED, "changes after this place are not kept any more");
    err_parameter(ctx, "since");
    err_hint(ctx, "read the documents anew, then follow from there");
    return status;
}

// The view is of this collection, and all after at is still there.
static nacre_status check_view(struct ctx *ctx, struct engine_changes *f) {
    struct feed_place floor;
    if (!catalog_by_tablet(f->view->catalog, f->tablet))
        return err_set(ctx, NACRE_COLLECTION_NOT_FOUND, "the collection was dropped");
    TRY(feed_floor_read(ctx, f->view->kv, f->view->kv_view, f->tablet, &floor));
    if (f->oldest) f->at = floor;
    f->oldest = false;
    return feed_place_cmp(f->at, floor) < 0 ? expired(ctx) : NACRE_OK;
}

static nacre_status open_iterator(struct ctx *ctx, struct engine_changes *f) {
    struct kv *kv = f->view->kv;
    buf_reset(&f->lower);
    buf_reset(&f->upper);
    change_key(&f->lower, f->tablet, f->at);
    buf_put_u8(&f->lower, 0); // at itself is behind
    keyspace_prefix(&f->upper, f->tablet, (enum key_kind)(KIND_CHANGE + 1));
    if (buf_status(&f->lower) != NACRE_OK) return err_buf(ctx, &f->lower);
    if (buf_status(&f->upper) != NACRE_OK) return err_buf(ctx, &f->upper);
    struct kv_iter_options options = {
        .lower = buf_slice(&f->lower), .upper = buf_slice(&f->upper), .fill_cache = true};
    TRY(kv->ops->iter_open(kv, ctx, f->view->kv_view, KV_DATA, &options, &f->it));
    f->it->ops->seek_first(f->it);
    return NACRE_OK;
}

static nacre_status begin_view(struct ctx *ctx, struct engine_changes *f) {
    f->view = f->pending;
    f->pending = NULL;
    f->generation = f->view->generation;
    nacre_status status = check_view(ctx, f);
    if (status == NACRE_OK) status = open_iterator(ctx, f);
    if (status != NACRE_OK) drop_view(f);
    return status;
}

static nacre_status make_durable(struct ctx *ctx, struct engine *e) {
    uint64_t synced;
    nacre_status status = e->log->ops->sync(e->log, ctx, &synced);
    if (status != NACRE_OK) engine_stop_writes(e, status, &ctx->err);
    return status;
}

// Not counted among those who wait, so that nobody wakes this one for every group meanwhile.
static void pace(struct engine_changes *f) {
    struct engine *e = f->engine;
    uint64_t since_ms = (world_mono_ns(e->world) - f->taken_ns) / 1000000;
    if (f->any_read && since_ms < VIEW_EVERY_MS) {
        mutex_lock(&e->feed_lock);
        (void)cond_wait_ms(&e->feed_wake, &e->feed_lock, VIEW_EVERY_MS - since_ms);
        mutex_unlock(&e->feed_lock);
    }
    f->taken_ns = world_mono_ns(e->world);
}

// The next view that is durable. *news false: none came in time.
static nacre_status take_view(struct ctx *ctx, struct engine_changes *f, bool forever,
                              uint64_t end_ns, bool *news) {
    struct engine *e = f->engine;
    if (!f->pending) {
        TRY(wait_for_news(ctx, f, forever, end_ns, news));
        if (!*news) return NACRE_OK;
        pace(f);
        f->pending = engine_view(e);
    }
    // Memory-level writes are synced soon; nobody does it where there are no background threads.
    if (!is_durable(e, f->pending) && e->no_background) TRY(make_durable(ctx, e));
    TRY(wait_for_news(ctx, f, forever, end_ns, news));
    return *news ? begin_view(ctx, f) : NACRE_OK;
}

static void end_view(struct engine_changes *f) {
    f->at = (struct feed_place){.seq = f->view->seq, .i = UINT32_MAX};
    f->read_seq = f->view->seq;
    f->any_read = true;
    drop_view(f);
}

// --- images -----------------------------------------------------------------------------

static nacre_status document_key(struct ctx *ctx, struct engine_changes *f, struct slice id_key) {
    buf_reset(&f->key);
    keyspace_prefix(&f->key, f->tablet, KIND_DOCUMENT);
    buf_put_slice(&f->key, id_key);
    return buf_status(&f->key) == NACRE_OK ? NACRE_OK : err_buf(ctx, &f->key);
}

static nacre_status decode(struct ctx *ctx, struct slice key, struct slice value, struct row *out,
                           bool *there) {
    *there = false;
    TRY(row_decode(ctx, keyspace_local(key), value, true, out));
    *there = !(out->flags & ROW_DELETED);
    return NACRE_OK;
}

// The version that began at commit_ts and has ended. f->key holds the document's key.
static nacre_status find_ended(struct ctx *ctx, struct engine_changes *f, uint64_t commit_ts,
                               struct row *out, bool *there) {
    static const struct kv_iter_options all = {.fill_cache = true};
    struct kv *kv = f->view->kv;
    size_t size = f->key.n;
    if (!f->history)
        TRY(kv->ops->iter_open(kv, ctx, f->view->kv_view, KV_HISTORY, &all, &f->history));
    buf_put_be64(&f->key, commit_ts + 1);
    if (buf_status(&f->key) != NACRE_OK) return err_buf(ctx, &f->key);
    f->history->ops->seek(f->history, buf_slice(&f->key));
    f->key.n = size;
    *there = false;
    if (!f->history->valid) return f->history->ops->status(f->history, ctx);
    struct slice key = f->history->key;
    if (key.n != size + 8 || !slice_starts(key, buf_slice(&f->key))) return NACRE_OK;
    return decode(ctx, buf_slice(&f->key), f->history->value, out, there);
}

// The document as the change left it.
static nacre_status find_image(struct ctx *ctx, struct engine_changes *f,
                               const struct change_record *change, bool *there) {
    struct kv *kv = f->view->kv;
    bool found;
    *there = false;
    TRY(kv->ops->get(kv, ctx, f->view->kv_view, KV_DATA, buf_slice(&f->key), &f->current, &found));
    if (found) TRY(decode(ctx, buf_slice(&f->key), f->current.value, &f->row, there));
    if (!*there || f->row.begin_ts != change->commit_ts)
        TRY(find_ended(ctx, f, change->commit_ts, &f->row, there));
    *there = *there && f->row.begin_ts == change->commit_ts && f->row.version == change->version;
    return NACRE_OK;
}

// The document as the change found it.
static nacre_status find_before(struct ctx *ctx, struct engine_changes *f,
                                const struct change_record *change, struct row *out, bool *there) {
    struct kv *kv = f->view->kv;
    size_t size = f->key.n;
    bool found;
    *there = false;
    buf_put_be64(&f->key, change->commit_ts);
    if (buf_status(&f->key) != NACRE_OK) return err_buf(ctx, &f->key);
    nacre_status status =
        kv->ops->get(kv, ctx, f->view->kv_view, KV_HISTORY, buf_slice(&f->key), &f->before, &found);
    f->key.n = size;
    TRY(status);
    if (found) TRY(decode(ctx, buf_slice(&f->key), f->before.value, out, there));
    *there = *there && out->version + 1 == change->version;
    return NACRE_OK;
}

static nacre_status matches(struct ctx *ctx, struct engine_changes *f, const struct row *row,
                            bool *out) {
    struct doc_sys sys;
    struct doc doc;
    row_doc(row, (int64_t)engine_now_ms(f->engine), &sys, &doc);
    return filter_eval(ctx, f->filter, &doc, out);
}

// What matches after or before the change is wanted, and what cannot be told.
static nacre_status is_wanted(struct ctx *ctx, struct engine_changes *f,
                              const struct change_record *change, bool has_image, bool *out) {
    struct row before;
    bool there;
    *out = true;
    if (!f->filter || !has_image) return NACRE_OK;
    TRY(matches(ctx, f, &f->row, out));
    if (*out || change->op == CHANGE_INSERT) return NACRE_OK;
    TRY(find_before(ctx, f, change, &before, &there));
    *out = true;
    return there ? matches(ctx, f, &before, out) : NACRE_OK;
}

// --- the feed ---------------------------------------------------------------------------

// The next wanted change of the view.
static nacre_status next_in_view(struct ctx *ctx, struct engine_changes *f,
                                 struct engine_change *out, bool *found) {
    struct kv_iter *it = f->it;
    for (uint32_t n = 0; it->valid; n++) {
        bool has_image = false;
        drop_images(f);
        if (n % 256 == 255) TRY(ctx_check(ctx));
        TRY(change_record_decode(ctx, it->key, it->value, &out->record));
        TRY(document_key(ctx, f, out->record.id_key));
        if (out->record.op != CHANGE_DELETE) TRY(find_image(ctx, f, &out->record, &has_image));
        TRY(is_wanted(ctx, f, &out->record, has_image, found));
        // The key is kept: the record's id borrows from it once the iterator is beyond.
        out->record.id_key = slice_skip(buf_slice(&f->key), KEYSPACE_PREFIX);
        f->at = out->record.place;
        it->ops->next(it);
        out->document = has_image ? &f->row : NULL;
        out->generation = f->generation;
        if (*found) return NACRE_OK;
    }
    *found = false;
    return it->ops->status(it, ctx);
}

static bool lags(const struct engine_changes *f) {
    return f->follow &&
           world_mono_ns(f->engine->world) - f->taken_ns > (uint64_t)VIEW_KEPT_MS * 1000000;
}

static nacre_status next(struct ctx *ctx, struct engine_changes *f, int64_t wait_ms,
                         struct engine_change *out, bool *found) {
    bool news = true, forever = wait_ms == CHANGES_WAIT_FOREVER;
    uint64_t end_ns = world_mono_ns(f->engine->world) + (forever ? 0 : (uint64_t)wait_ms * 1000000);
    *found = false;
    if (f->view && lags(f)) drop_view(f);
    while (!f->ended && news) {
        if (!f->view) TRY(take_view(ctx, f, forever, end_ns, &news));
        if (!f->view) continue;
        TRY(next_in_view(ctx, f, out, found));
        if (*found) return NACRE_OK;
        end_view(f);
        f->ended = !f->follow;
    }
    return NACRE_OK;
}

nacre_status engine_changes_next(struct ctx *ctx, struct engine_changes *f, int64_t wait_ms,
                                 struct engine_change *out, bool *found) {
    return engine_recorded(ctx, next(ctx, f, wait_ms, out, found));
}

// A token is of what the log holds: what was written and lost may be another change now.
static nacre_status check_since(struct ctx *ctx, const struct changes_request *r,
                                const struct view *view) {
    bool there = !r->has_since || r->since.seq <= view->seq;
    if (there && r->has_generation && r->generation != view->generation)
        TRY(generation_holds(ctx, view->kv, view->kv_view, r->generation, r->since.seq, &there));
    if (there) return NACRE_OK;
    nacre_status status = err_set(ctx, NACRE_HISTORY_EXPIRED,
                                  "since is of a write that this log does not hold: it "
                                  "was lost in a crash, or is another database's");
    err_parameter(ctx, "since");
    err_hint(ctx, "read the documents anew, then follow from there");
    return status;
}

static nacre_status begin(struct ctx *ctx, struct engine_changes *f,
                          const struct changes_request *r) {
    TRY(engine_usable(ctx, f->engine));
    f->pending = engine_view(f->engine);
    f->generation = f->pending->generation;
    TRY(check_since(ctx, r, f->pending));
    f->at = r->since;
    f->oldest = !r->has_since && !r->follow;
    if (!r->has_since && r->follow)
        f->at = (struct feed_place){.seq = f->pending->seq, .i = UINT32_MAX};
    // The first view is looked at now, so that what is wrong with since is told here.
    if (!f->follow && !is_durable(f->engine, f->pending)) TRY(make_durable(ctx, f->engine));
    return is_durable(f->engine, f->pending) ? begin_view(ctx, f) : NACRE_OK;
}

nacre_status engine_changes_open(struct ctx *ctx, struct engine *e, const struct changes_request *r,
                                 struct engine_changes **out) {
    struct engine_changes *f = mem_zalloc(sizeof *f);
    if (!f) return err_nomem(ctx);
    f->engine = e;
    f->tablet = r->collection.tablet;
    f->follow = r->follow;
    f->filter = r->filter;
    f->taken_ns = world_mono_ns(e->world);
    buf_init(&f->lower, NULL, 64);
    buf_init(&f->upper, NULL, 64);
    buf_init(&f->key, NULL, 8192);
    nacre_status status = begin(ctx, f, r);
    if (status != NACRE_OK) {
        engine_changes_close(f);
        return engine_recorded(ctx, status);
    }
    *out = f;
    return NACRE_OK;
}

struct feed_place engine_changes_place(const struct engine_changes *f, uint64_t *out_generation) {
    *out_generation = f->generation;
    return f->at;
}

void engine_changes_close(struct engine_changes *f) {
    if (!f) return;
    drop_view(f);
    txn_view_release(f->pending);
    buf_free(&f->lower);
    buf_free(&f->upper);
    buf_free(&f->key);
    mem_free(f);
}
