// History within history_bytes. How much a collection holds is read off its samples
// (txn/history.h); what is to go is found here, in a view, a piece at a time, and logged by its
// keys (txn/apply_trim.c). Where a round has come to is kept in memory alone: after a crash it
// begins anew, and finds what is left.
#include "txn/history.h"

#include "base/bits/bits.h"
#include "catalog/keyspace.h"
#include "engine/internal.h"

enum { LOOKED_MAX = 20000, KEYS_MAX = 1000, BYTES_MAX = 4 * 1024 * 1024, END_SIZE = 8 };
enum { KEPT_OF_4 = 3, DAMAGED_MS = 60 * 1000 }; // a round makes room for a while

static uint64_t floor_of(const struct view *view, const struct collection *c) {
    return c->history_from > view->horizon_ts ? c->history_from : view->horizon_ts;
}

static nacre_status read_account(struct ctx *ctx, struct view *view, const struct collection *c,
                                 uint64_t *total, struct history *history) {
    struct tablet_counters counters;
    TRY(tablet_read(ctx, view->kv, view->kv_view, c->tablet, &counters));
    *total = counters.history_total;
    return history_read(ctx, view->kv, view->kv_view, c->tablet, history);
}

nacre_status engine_history(struct ctx *ctx, const struct engine *e, struct view *view,
                            const struct collection *c, struct engine_history *out) {
    struct history history;
    uint64_t total;
    *out = (struct engine_history){0};
    if (!c->history_seconds) return NACRE_OK;
    TRY(read_account(ctx, view, c, &total, &history));
    out->from_ts = engine_oldest_readable(e, c);
    out->bytes = history_since(&history, total, out->from_ts);
    return NACRE_OK;
}

// *from_ts: what ended before is to go; 0: nothing is.
static nacre_status wanted(struct ctx *ctx, struct view *view, const struct collection *c,
                           uint64_t *from_ts) {
    struct history history;
    uint64_t total;
    *from_ts = 0;
    if (!c->history_seconds || !c->history_bytes) return NACRE_OK;
    TRY(read_account(ctx, view, c, &total, &history));
    if (history_since(&history, total, floor_of(view, c)) > c->history_bytes) {
        *from_ts = history_keep(&history, total, c->history_bytes / 4 * KEPT_OF_4);
        if (!*from_ts) *from_ts = TRIM_ALL;
    } else if (history.swept_ts < c->history_from) {
        *from_ts = c->history_from; // a round that did not come to its end
    }
    return NACRE_OK;
}

// One that cannot be read is passed over for a while: its readers, and the check, are told.
static void pass_over(struct engine *e, uint32_t tablet) {
    e->trimming.damaged = tablet;
    e->trimming.damaged_until_ms = engine_now_ms(e) + DAMAGED_MS;
    e->trimming.tablet = 0;
}

// The next collection in turn that is to be trimmed.
static nacre_status pick(struct ctx *ctx, struct engine *e, struct view *view) {
    const struct catalog *catalog = view->catalog;
    uint32_t first = 0, n = catalog->collection_count;
    bool pass = engine_now_ms(e) < e->trimming.damaged_until_ms;
    while (first < n && catalog->by_tablet[first]->tablet <= e->trimming.last)
        first++;
    for (uint32_t i = 0; i < n && !e->trimming.tablet; i++) {
        const struct collection *c = catalog->by_tablet[(first + i) % n];
        uint64_t from_ts;
        if (pass && c->tablet == e->trimming.damaged) continue;
        nacre_status status = wanted(ctx, view, c, &from_ts);
        if (status == NACRE_CORRUPT) pass_over(e, c->tablet);
        if (status != NACRE_OK && status != NACRE_CORRUPT) return status;
        if (status != NACRE_OK || !from_ts) continue;
        e->trimming.tablet = e->trimming.last = c->tablet;
        e->trimming.from_ts = from_ts;
        buf_free(&e->trimming.after);
        buf_init(&e->trimming.after, NULL, SIZE_MAX);
    }
    return NACRE_OK;
}

static nacre_status look(struct ctx *ctx, struct engine *e, struct kv_iter *it,
                         struct command_trim *out) {
    size_t bytes = 0;
    for (int n = 0; it->valid && n < LOOKED_MAX && out->count < KEYS_MAX && bytes < BYTES_MAX;
         n++) {
        if (it->key.n < KEYSPACE_PREFIX + END_SIZE)
            return err_set(ctx, NACRE_CORRUPT, "the key of an old version is damaged");
        bytes += it->key.n + it->value.n;
        if (bits_be64(it->key.p + it->key.n - END_SIZE) < out->from_ts) {
            struct slice local = keyspace_local(it->key);
            const uint8_t *p = arena_copy(&ctx->arena, local.p, local.n);
            if (!p) return err_nomem(ctx);
            out->keys[out->count++] = slice_of(p, local.n);
        }
        buf_reset(&e->trimming.after);
        buf_put_slice(&e->trimming.after, it->key);
        it->ops->next(it);
    }
    out->done = !it->valid;
    TRY(buf_status(&e->trimming.after));
    return it->valid ? NACRE_OK : it->ops->status(it, ctx);
}

// The next piece of what ended before out->from_ts.
static nacre_status find_old(struct ctx *ctx, struct engine *e, struct view *view,
                             struct command_trim *out) {
    struct buf lower BUF_CLEANUP = {0}, upper BUF_CLEANUP = {0};
    struct kv_iter *it;
    out->keys = ARENA_ARRAY(&ctx->arena, struct slice, KEYS_MAX);
    if (!out->keys) return err_nomem(ctx);
    buf_init(&lower, NULL, SIZE_MAX);
    buf_init(&upper, NULL, 64);
    buf_put_slice(&lower, buf_slice(&e->trimming.after));
    if (!lower.n) buf_put_be32(&lower, out->tablet);
    buf_put_u8(&lower, 0);
    buf_put_be32(&upper, out->tablet + 1);
    if (buf_status(&lower) != NACRE_OK || buf_status(&upper) != NACRE_OK) return err_nomem(ctx);
    struct kv_iter_options options = {.lower = buf_slice(&lower), .upper = buf_slice(&upper)};
    TRY(view->kv->ops->iter_open(view->kv, ctx, view->kv_view, KV_HISTORY, &options, &it));
    it->ops->seek_first(it);
    nacre_status status = look(ctx, e, it, out);
    it->ops->close(it);
    return status;
}

static nacre_status submit(struct ctx *ctx, struct engine *e, const struct command_trim *trim,
                           uint64_t *commit_ts) {
    struct buf payload BUF_CLEANUP = {0};
    struct result result;
    buf_init(&payload, &e->budget, SIZE_MAX);
    command_trim_encode(&payload, trim);
    TRY(buf_status(&payload));
    // A piece lost with a crash is found again.
    struct engine_command command = {.type = COMMAND_TRIM,
                                     .durability = DURABILITY_MEMORY,
                                     .tablet = trim->tablet,
                                     .payload = buf_slice(&payload)};
    TRY(engine_submit(ctx, e, &command, &result));
    *commit_ts = result.commit_ts;
    return NACRE_OK;
}

static nacre_status trim_piece(struct ctx *ctx, struct engine *e, struct view *view) {
    struct command_trim trim = {.tablet = e->trimming.tablet, .from_ts = e->trimming.from_ts};
    const struct collection *c = catalog_by_tablet(view->catalog, trim.tablet);
    uint64_t commit_ts = 0;
    if (!c || !c->history_seconds) { // dropped, or altered meanwhile
        e->trimming.tablet = 0;
        return NACRE_OK;
    }
    if (trim.from_ts != TRIM_ALL) TRY(find_old(ctx, e, view, &trim));
    if (trim.count || trim.done || trim.from_ts > c->history_from)
        TRY(submit(ctx, e, &trim, &commit_ts));
    if (trim.from_ts == TRIM_ALL) e->trimming.from_ts = commit_ts;
    if (trim.done) e->trimming.tablet = 0;
    return NACRE_OK;
}

nacre_status engine_history_round(struct ctx *ctx, struct engine *e, bool *worked) {
    struct view *view = engine_view(e);
    nacre_status status = NACRE_OK;
    arena_reset(&ctx->arena);
    if (!e->trimming.tablet) status = pick(ctx, e, view);
    *worked = e->trimming.tablet != 0;
    if (status == NACRE_OK && *worked) status = trim_piece(ctx, e, view);
    txn_view_release(view);
    if (status != NACRE_CORRUPT) return status;
    pass_over(e, e->trimming.tablet);
    err_clear(ctx);
    return NACRE_OK;
}
