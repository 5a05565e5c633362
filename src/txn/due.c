// Things that end by time: found by the sweeper in KIND_DUE, ended by COMMAND_EXPIRE. Apply looks
// at the state again, so an entry that no longer holds only disappears.
#include "base/bits/bits.h"
#include "txn/apply.h"
#include "txn/lease.h"

enum { DUE_HEAD = KEYSPACE_PREFIX + 8 + 1 };

static nacre_status end_ttl(struct txn *t, struct apply_change *c, uint64_t due_ms) {
    if (!c->before.live || !(c->before.row.flags & ROW_EXPIRY) ||
        (uint64_t)c->before.row.expires_ms != due_ms)
        return NACRE_OK;
    c->remove = true;
    return apply_change(t, c);
}

// A patch that no longer fits the document leaves it as it is: the lease must end all the same.
static nacre_status end_lease(struct txn *t, struct apply_change *c, uint64_t due_ms) {
    const struct row *row = &c->before.row;
    bool changed;
    if (!c->before.live || !(row->flags & ROW_LEASE) || row->lease.until_ms != due_ms)
        return NACRE_OK;
    buf_reset(&t->body);
    nacre_status status =
        lease_end_body(&t->ctx, row, (int64_t)apply_now_ms(t), &t->body, &changed);
    if (status != NACRE_OK && !apply_is_result(status)) return status;
    changed = changed && status == NACRE_OK;
    return apply_lease_end(t, c, changed ? buf_slice(&t->body) : row->body);
}

static nacre_status end_marker(struct txn *t, const struct apply_change *c, uint64_t due_ms) {
    const struct row *row = &c->before.row;
    if (!c->before.stored || c->before.live ||
        (uint64_t)row_ts_ms(row->begin_ts) + MARKER_KEEP_MS != due_ms)
        return NACRE_OK;
    buf_reset(&t->key);
    keyspace_prefix(&t->key, c->collection->tablet, KIND_DOCUMENT);
    buf_put_slice(&t->key, c->id_key);
    return apply_forget(t, buf_slice(&t->key));
}

static nacre_status end_document(struct txn *t, uint32_t tablet, enum due_what what,
                                 uint64_t due_ms, struct slice id_key) {
    struct apply_change c = {.id_key = id_key};
    c.collection = catalog_by_tablet(t->catalog, tablet);
    if (!c.collection) return NACRE_OK;
    TRY(apply_read(t, tablet, id_key, &c.before));
    if (what == DUE_TTL) return end_ttl(t, &c, due_ms);
    if (what == DUE_LEASE) return end_lease(t, &c, due_ms);
    return end_marker(t, &c, due_ms);
}

static void end_stage(struct txn *t, uint32_t tablet, struct slice key) {
    buf_reset(&t->key);
    keyspace_prefix(&t->key, tablet, KIND_STAGE);
    buf_put_slice(&t->key, key);
    buf_reset(&t->scratch);
    buf_put_slice(&t->scratch, buf_slice(&t->key));
    if (key_prefix_end(&t->scratch))
        kv_batch_delete_range(&t->batch, KV_DATA, buf_slice(&t->key), buf_slice(&t->scratch));
}

static nacre_status end_item(struct txn *t, const struct due_item *item) {
    if (item->due_key.n <= DUE_HEAD || bits_be32(item->due_key.p) != item->tablet ||
        item->due_key.p[4] != KIND_DUE)
        return err_set(&t->ctx, NACRE_CORRUPT, "a logged expire command carries a malformed key");
    uint64_t due_ms = bits_be64(item->due_key.p + KEYSPACE_PREFIX);
    uint8_t what = item->due_key.p[DUE_HEAD - 1];
    struct slice key = slice_skip(item->due_key, DUE_HEAD);
    if (due_ms > apply_now_ms(t)) return NACRE_OK;
    kv_batch_delete(&t->batch, KV_DATA, item->due_key);
    switch ((enum due_what)what) {
    case DUE_TTL:
    case DUE_LEASE:
    case DUE_MARKER:
        return end_document(t, item->tablet, (enum due_what)what, due_ms, key);
    case DUE_IDEMPOTENCY:
        return apply_forget_record(t, item->tablet, key, due_ms);
    case DUE_STAGE:
        end_stage(t, item->tablet, key);
        return NACRE_OK;
    }
    return NACRE_OK;
}

nacre_status apply_expire(struct txn *t, const struct command_expire *c, struct result *out) {
    (void)out;
    if (c->count > 1) t->use_overlay = true;
    for (uint32_t i = 0; i < c->count; i++) {
        struct apply_mark mark = apply_mark(t);
        nacre_status status = end_item(t, &c->items[i]);
        if (status == NACRE_OK) continue;
        if (!apply_is_result(status)) return status;
        apply_rollback(t, mark);
    }
    return NACRE_OK;
}

// --- the sweeper's side -----------------------------------------------------------------

struct tablet_due *due_state(struct txn *t, uint32_t tablet) {
    struct slice key = slice_of(&tablet, sizeof tablet);
    mutex_lock(&t->dues_lock);
    struct tablet_due *due = map_get(&t->dues, key);
    if (!due && (due = mem_zalloc(sizeof *due))) {
        due->id = tablet;
        if (!map_put(&t->dues, key, due)) {
            mem_free(due);
            due = NULL;
        }
    }
    mutex_unlock(&t->dues_lock);
    return due;
}

static void lower(struct tablet_due *due, uint64_t ms) {
    uint64_t known = atomic_load(&due->due_ms);
    while (ms < known && !atomic_compare_exchange_weak(&due->due_ms, &known, ms)) {
    }
}

void due_fold(struct txn *t) {
    while (t->noted) {
        struct tablet_due *due = t->noted;
        t->noted = due->noted_next;
        due->noted = false;
        lower(due, due->noted_ms);
    }
}

struct due_scan {
    uint32_t tablet, max;
    uint64_t from_ms, to_ms;
    uint64_t next_ms; // out: when to look again
    struct command_expire *out;
};

static nacre_status collect(struct ctx *ctx, struct kv_iter *it, struct due_scan *s) {
    struct command_expire *out = s->out;
    uint32_t before = out->count;
    for (it->ops->seek_first(it); it->valid && out->count < s->max; it->ops->next(it)) {
        if (it->key.n <= DUE_HEAD || bits_be64(it->key.p + KEYSPACE_PREFIX) > s->to_ms) break;
        const uint8_t *p = arena_copy(&ctx->arena, it->key.p, it->key.n);
        if (!p) return err_nomem(ctx);
        out->items[out->count++] = (struct due_item){s->tablet, slice_of(p, it->key.n)};
    }
    if (out->count > before) // again, until these are gone
        s->next_ms = bits_be64(out->items[before].due_key.p + KEYSPACE_PREFIX);
    else if (it->valid && it->key.n > DUE_HEAD)
        s->next_ms = bits_be64(it->key.p + KEYSPACE_PREFIX);
    return it->valid ? NACRE_OK : it->ops->status(it, ctx);
}

static nacre_status scan_due(struct ctx *ctx, struct view *view, struct due_scan *s) {
    struct buf from BUF_CLEANUP = {0}, to BUF_CLEANUP = {0};
    struct kv_iter *it;
    buf_init(&from, NULL, 64);
    buf_init(&to, NULL, 64);
    keyspace_prefix(&from, s->tablet, KIND_DUE);
    buf_put_be64(&from, s->from_ms);
    keyspace_prefix(&to, s->tablet, (enum key_kind)(KIND_DUE + 1));
    if (buf_status(&from) != NACRE_OK || buf_status(&to) != NACRE_OK) return err_nomem(ctx);
    struct kv_iter_options options = {
        .lower = buf_slice(&from), .upper = buf_slice(&to), .fill_cache = true};
    TRY(view->kv->ops->iter_open(view->kv, ctx, view->kv_view, KV_DATA, &options, &it));
    nacre_status status = collect(ctx, it, s);
    it->ops->close(it);
    return status;
}

nacre_status txn_due(struct ctx *ctx, struct txn *t, uint32_t tablet, uint64_t now_ms, uint32_t max,
                     struct command_expire *out) {
    struct tablet_due *due = due_state(t, tablet);
    if (!due) return err_nomem(ctx);
    if (atomic_load(&due->due_ms) > now_ms) return NACRE_OK;
    // Publishing comes before folding, so whatever was folded into the value taken here is in the
    // view taken after it.
    struct due_scan s = {
        .tablet = tablet, .max = max, .to_ms = now_ms, .next_ms = UINT64_MAX, .out = out};
    s.from_ms = atomic_exchange(&due->due_ms, UINT64_MAX);
    struct view *view = txn_view_acquire(t);
    nacre_status status = scan_due(ctx, view, &s);
    txn_view_release(view);
    lower(due, status == NACRE_OK ? s.next_ms : s.from_ms);
    return status;
}

bool txn_due_lease(const struct due_item *item, struct slice *id_key, uint64_t *due_ms) {
    struct slice key = item->due_key;
    if (key.n <= DUE_HEAD || key.p[DUE_HEAD - 1] != DUE_LEASE) return false;
    *id_key = slice_skip(key, DUE_HEAD);
    *due_ms = bits_be64(key.p + KEYSPACE_PREFIX);
    return true;
}
