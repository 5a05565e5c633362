#include "support/follower.h"

#include <inttypes.h>

#include "base/err/check.h"
#include "doc/key.h"
#include "engine/changes.h"
#include "support/oracle.h"

enum { WAIT_MS = 20, PAST_READS = 6 };

static const char *const names[FOLLOWERS] = {"c", "jobs"};

static struct follower_known *know(struct follower *f, int64_t id) {
    uint32_t i = 0;
    while (i < f->count && f->known[i].id != id)
        i++;
    CHECK(i < FOLLOWER_DOCS);
    if (i == f->count) {
        f->known[i] = (struct follower_known){.id = id};
        f->count++;
    }
    return &f->known[i];
}

// --- taking changes ---------------------------------------------------------------------

// May be done twice with the same change.
static void take_over(struct follower *f) {
    if (!atomic_load(&f->pending)) return;
    struct follower_known *known = know(f, f->next.id);
    known->version = f->next.version;
    known->live = f->next.op != CHANGE_DELETE;
    f->at = f->next.place;
    atomic_store(&f->commit_ts, f->next.commit_ts);
    f->ring[f->changes % FOLLOWER_RING] = f->next;
    atomic_store(&f->pending, 0);
    f->changes++;
}

static void take(struct oracle *o, struct ctx *ctx, struct follower *f,
                 const struct change_record *r) {
    struct slice in = r->id_key;
    struct val id;
    CHECK(key_decode(ctx, &in, false, KEY_TB_PLAIN, &id) == NACRE_OK && id.type == VAL_INT);
    const struct follower_known *known = know(f, id.i);
    if (feed_place_cmp(r->place, f->at) <= 0)
        oracle_fail(o, "feed: the change at %" PRIu64 ".%u came after %" PRIu64 ".%u", r->place.seq,
                    r->place.i, f->at.seq, f->at.i);
    if (r->version != known->version + 1 || r->commit_ts < atomic_load(&f->commit_ts) ||
        (r->op == CHANGE_INSERT) == known->live)
        oracle_fail(o,
                    "feed: document %" PRId64 ": version %" PRIu64 " (op %d) after %" PRIu64 "%s",
                    id.i, r->version, (int)r->op, known->version, known->live ? "" : ", deleted");
    f->next = (struct follower_change){.place = r->place,
                                       .id = id.i,
                                       .version = r->version,
                                       .commit_ts = r->commit_ts,
                                       .op = r->op};
    atomic_store(&f->pending, 1);
    take_over(f);
}

static nacre_status open_feed(struct oracle *o, uint32_t which, struct ctx *ctx,
                              struct engine *engine, bool follow, struct engine_changes **out) {
    struct follower *f = &o->followers[which];
    struct changes_request request = {.has_since = true, .follow = follow};
    struct target target = {.collection = slice_str(names[which])};
    take_over(f);
    request.since = f->at;
    TRY(engine_resolve(ctx, engine, target, &request.collection));
    return engine_changes_open(ctx, engine, &request, out);
}

void follower_follow(struct oracle *o, uint32_t which, struct ctx *ctx, struct engine *engine,
                     const atomic_bool *stop) {
    struct engine_changes *changes;
    struct engine_change change;
    bool found;
    nacre_status status = open_feed(o, which, ctx, engine, true, &changes);
    if (status == NACRE_HISTORY_EXPIRED) oracle_fail(o, "feed: %s", ctx->err.detail);
    if (status != NACRE_OK) return;
    while (status == NACRE_OK && !atomic_load(stop)) {
        ctx_reset(ctx);
        status = engine_changes_next(ctx, changes, WAIT_MS, &change, &found);
        if (status == NACRE_OK && found) take(o, ctx, &o->followers[which], &change.record);
    }
    if (status == NACRE_HISTORY_EXPIRED) oracle_fail(o, "feed: %s", ctx->err.detail);
    engine_changes_close(changes);
}

nacre_status follower_read(struct oracle *o, uint32_t which, struct ctx *ctx, struct engine *engine,
                           uint64_t max) {
    struct engine_changes *changes;
    struct engine_change change;
    bool found = true;
    nacre_status status = open_feed(o, which, ctx, engine, false, &changes);
    if (status == NACRE_HISTORY_EXPIRED) oracle_fail(o, "feed: %s", ctx->err.detail);
    TRY(status);
    for (uint64_t n = 0; n < max && status == NACRE_OK && found; n++) {
        ctx_reset(ctx);
        status = engine_changes_next(ctx, changes, 0, &change, &found);
        if (status == NACRE_OK && found) take(o, ctx, &o->followers[which], &change.record);
    }
    engine_changes_close(changes);
    return status;
}

uint64_t follower_passed_ts(const struct oracle *o) {
    uint64_t ts = UINT64_MAX;
    for (int i = 0; i < FOLLOWERS; i++)
        if (atomic_load(&o->followers[i].commit_ts) < ts)
            ts = atomic_load(&o->followers[i].commit_ts);
    return ts;
}

// --- comparing --------------------------------------------------------------------------

static void compare_row(struct oracle *o, struct ctx *ctx, struct follower *f, struct slice key,
                        struct slice value) {
    struct slice in = slice_skip(key, KEYSPACE_PREFIX);
    struct row row;
    struct val id;
    CHECK(row_decode(ctx, keyspace_local(key), value, true, &row) == NACRE_OK);
    CHECK(key_decode(ctx, &in, false, KEY_TB_PLAIN, &id) == NACRE_OK && id.type == VAL_INT);
    const struct follower_known *known = know(f, id.i);
    bool live = !(row.flags & ROW_DELETED);
    if (known->version != row.version || (known->live != 0) != live)
        oracle_fail(o,
                    "feed: document %" PRId64 " is at version %" PRIu64 "%s, it told %" PRIu64 "%s",
                    id.i, row.version, live ? "" : " (deleted)", known->version,
                    known->live ? "" : " (deleted)");
}

// Every row, markers too.
static void compare(struct oracle *o, struct ctx *ctx, struct engine *engine, uint32_t which) {
    struct engine_collection c = {.target.collection = slice_str(names[which])};
    struct buf from BUF_CLEANUP = {0}, to BUF_CLEANUP = {0};
    struct view *view = engine_view(engine);
    struct kv_iter *it;
    uint32_t rows = 0;
    CHECK(engine_resolve(ctx, engine, c.target, &c) == NACRE_OK);
    buf_init(&from, NULL, 16);
    buf_init(&to, NULL, 16);
    keyspace_prefix(&from, c.tablet, KIND_DOCUMENT);
    keyspace_prefix(&to, c.tablet, (enum key_kind)(KIND_DOCUMENT + 1));
    struct kv_iter_options options = {.lower = buf_slice(&from), .upper = buf_slice(&to)};
    CHECK(view->kv->ops->iter_open(view->kv, ctx, view->kv_view, KV_DATA, &options, &it) ==
          NACRE_OK);
    for (it->ops->seek_first(it); it->valid; it->ops->next(it), rows++)
        compare_row(o, ctx, &o->followers[which], it->key, it->value);
    CHECK(it->ops->status(it, ctx) == NACRE_OK);
    it->ops->close(it);
    txn_view_release(view);
    if (rows != o->followers[which].count)
        oracle_fail(o, "feed: %s has %u documents and markers, it told of %u", names[which], rows,
                    o->followers[which].count);
}

// Once it is, it stays so.
static bool is_trimmed(struct engine *engine, uint64_t ms) {
    struct view *view = engine_view(engine);
    const struct database *db = catalog_database(view->catalog, SLICE_LIT("main"));
    const struct collection *c = catalog_collection(view->catalog, db->id, SLICE_LIT("jobs"));
    uint64_t ts = ms << 20 | 0xFFFFF;
    bool trimmed = ts < view->horizon_ts || (c && ts < c->history_from);
    txn_view_release(view);
    return trimmed;
}

// The document as of the end of a millisecond in which it changed, if that is kept.
static void compare_past(struct oracle *o, struct ctx *ctx, struct engine *engine,
                         const struct follower *f, const struct follower_change *change) {
    struct engine_collection c = {.target.collection = SLICE_LIT("jobs")};
    struct engine_doc doc = {0};
    uint64_t ms = change->commit_ts >> 20, version = 0, kept = f->changes;
    if (ms >= engine_now_ms(engine)) return; // not over: the clock may stand still
    bool trimmed = is_trimmed(engine, ms);
    for (uint64_t i = kept > FOLLOWER_RING ? kept - FOLLOWER_RING : 0; i < kept; i++) {
        const struct follower_change *other = &f->ring[i % FOLLOWER_RING];
        if (other->id == change->id && other->commit_ts >> 20 <= ms) version = other->version;
    }
    nacre_status status = engine_get_past(ctx, engine, &c, val_int(change->id), (int64_t)ms, &doc);
    // A time after the last commit is logged first, and a model log misbehaves at times.
    if (status == NACRE_OUTCOME_UNKNOWN) return;
    bool right = status == NACRE_HISTORY_EXPIRED
                     ? is_trimmed(engine, ms)
                     : !trimmed && status == NACRE_OK && doc.row.version == version;
    if (!right)
        oracle_fail(
            o, "job %" PRId64 " as of %" PRIu64 ": %s, version %" PRIu64 " instead of %" PRIu64,
            change->id, ms, nacre_status_code(status), status == NACRE_OK ? doc.row.version : 0,
            version);
    engine_release_doc(engine, &doc);
}

void follower_check(struct oracle *o, struct ctx *ctx, struct engine *engine) {
    const struct follower *jobs = &o->followers[1];
    for (uint32_t i = 0; i < FOLLOWERS; i++) {
        if (follower_read(o, i, ctx, engine, UINT64_MAX) != NACRE_OK)
            oracle_fail(o, "feed: %s: %s", names[i], ctx->err.detail);
        compare(o, ctx, engine, i);
    }
    uint64_t kept = jobs->changes < FOLLOWER_RING ? jobs->changes : FOLLOWER_RING;
    for (uint64_t n = 0; n < PAST_READS && n < kept; n++) {
        // Some of the oldest, some of the newest.
        uint64_t back = n % 2 ? 1 + n / 2 : kept - n / 2;
        ctx_reset(ctx);
        compare_past(o, ctx, engine, jobs, &jobs->ring[(jobs->changes - back) % FOLLOWER_RING]);
    }
}
