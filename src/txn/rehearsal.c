#include "txn/rehearsal.h"

#include "base/err/check.h"
#include "txn/apply.h"
#include "txn/seen.h"

struct rehearsal {
    struct txn *txn;
    struct kv *kv;
    struct kv_layer layer;
    struct view *view;
    struct kv_delta *delta;
    struct reads *reads;
    // Of the running step: documents read from the view, in order, and guards looked up.
    struct buf notes, guards;
    struct kv_watch watch, *watched;
};

// --- what a step reads ------------------------------------------------------------------

bool rehearsal_changed(const struct rehearsal *r, struct slice key) {
    struct slice value;
    bool there;
    return kv_delta_find(r->delta, UINT64_MAX, key, &value, &there);
}

// A note: le64 begin_ts · varint size · key. The arena is no place for it: what reads guards gives
// back what it took there.
static void put_note(struct buf *to, struct slice key, uint64_t begin_ts) {
    buf_put_le64(to, begin_ts);
    buf_put_bytes(to, key);
}

static bool take_note(struct slice *rest, struct slice *key, uint64_t *begin_ts) {
    return bits_take_le64(rest, begin_ts) && bits_take_bytes(rest, key);
}

nacre_status rehearsal_note(struct rehearsal *r, struct slice key, const struct apply_doc *doc) {
    put_note(&r->notes, key, doc->stored ? doc->row.begin_ts : 0);
    return buf_status(&r->notes) == NACRE_OK ? NACRE_OK : err_buf(&r->txn->ctx, &r->notes);
}

static void got(void *arg, struct slice key, struct slice value) {
    struct rehearsal *r = arg;
    if (key.n > KEYSPACE_PREFIX && key.p[4] == KIND_UNIQUE)
        put_note(&r->guards, key, seen_begin(key, value));
}

// --- life -------------------------------------------------------------------------------

nacre_status rehearsal_new(struct ctx *ctx, struct kv *kv, struct cache *cache,
                           struct rehearsal **out) {
    struct rehearsal *r = mem_zalloc(sizeof *r);
    if (!r) return err_nomem(ctx);
    struct txn_options options = {.kv = &r->layer.kv, .cache = cache, .no_trail = true};
    nacre_status status = txn_new(ctx, &options, &r->txn);
    if (status != NACRE_OK) {
        mem_free(r);
        return status;
    }
    r->kv = kv;
    r->txn->rehearsal = r;
    r->watch = (struct kv_watch){.arg = r, .got = got};
    buf_init(&r->notes, NULL, SIZE_MAX);
    buf_init(&r->guards, NULL, SIZE_MAX);
    *out = r;
    return NACRE_OK;
}

void rehearsal_free(struct rehearsal *r) {
    if (!r) return;
    rehearsal_end(r);
    txn_close(r->txn);
    buf_free(&r->notes);
    buf_free(&r->guards);
    mem_free(r);
}

void rehearsal_begin(struct rehearsal *r, struct view *view, struct kv_delta *delta,
                     struct reads *reads) {
    struct txn *t = r->txn;
    r->view = view;
    r->delta = delta;
    r->reads = reads;
    kv_layer_init(&r->layer, r->kv, view->kv_view, delta);
    r->layer.watch = &r->watched;
    t->catalog = catalog_ref(view->catalog);
    t->cache_ts = view->commit_ts;
    t->position.commit_ts = view->commit_ts;
    t->position.seq = view->seq;
}

void rehearsal_end(struct rehearsal *r) {
    struct txn *t = r->txn;
    catalog_unref(t->catalog);
    t->catalog = NULL;
    txn_forget_tablets(t);
    r->view = NULL;
}

// --- a step -----------------------------------------------------------------------------

static bool is_kept(const struct kv_batch_entry *e) {
    if (e->family != KV_DATA || e->key.n < KEYSPACE_PREFIX) return false;
    uint8_t kind = e->key.p[4];
    return kind == KIND_DOCUMENT || kind == KIND_INDEX || kind == KIND_UNIQUE ||
           kind == KIND_MULTIKEY;
}

static nacre_status no_room(struct rehearsal *r) {
    struct ctx *ctx = &r->txn->ctx;
    const struct arena *arena = &r->delta->arena;
    if (arena->used + (1 << 20) < arena->max) return err_nomem(ctx);
    return err_set(ctx, NACRE_TRANSACTION_TOO_LARGE,
                   "the changes of one transaction may take %zu bytes of memory", arena->max);
}

// The batch into the delta, with the counters after it.
static nacre_status keep_changes(struct rehearsal *r) {
    struct txn *t = r->txn;
    struct kv_batch_entry e;
    while (t->touched) {
        struct tablet *it = t->touched;
        t->touched = it->touched_next;
        it->touched = false;
        tablet_put(&t->batch, it->id, &it->now);
    }
    if (buf_status(&t->batch.bytes) != NACRE_OK) return err_buf(&t->ctx, &t->batch.bytes);
    struct slice rest = buf_slice(&t->batch.bytes);
    while (kv_batch_next(&rest, &e)) {
        bool counters =
            e.family == KV_DATA && e.key.n == KEYSPACE_PREFIX && e.key.p[4] == KIND_STATE;
        if (!counters && !is_kept(&e)) continue;
        DCHECK(e.op != KV_OP_DELETE_RANGE);
        if (!kv_delta_put(r->delta, e.key, e.value, e.op == KV_OP_PUT)) return no_room(r);
    }
    return NACRE_OK;
}

static bool is_key_of(struct slice key, const struct write_op *op) {
    return key.n && bits_be32(key.p) == op->tablet &&
           slice_eq(slice_skip(key, KEYSPACE_PREFIX), op->id_key);
}

static void keep_guards(struct rehearsal *r) {
    struct slice rest = buf_slice(&r->guards), key;
    uint64_t begin_ts;
    while (take_note(&rest, &key, &begin_ts))
        reads_key(r->reads, key, begin_ts, false);
}

// Keys of what was written, and with serializable of what was only looked at. A document is read
// from the view at its first operation and at those after it until one of them changes it; so the
// notes stand in the order of the operations.
static void keep_seen(struct rehearsal *r, const struct command_write *c,
                      const struct result *result, bool serializable) {
    struct slice rest = buf_slice(&r->notes), key = {0};
    uint64_t begin_ts = 0;
    bool refused = result->status != NACRE_OK, violated = result->status == NACRE_UNIQUE_VIOLATION;
    (void)take_note(&rest, &key, &begin_ts);
    for (uint32_t i = 0; i < c->count; i++) {
        nacre_status status = refused ? result->status : result->ops[i].status;
        bool written = status == NACRE_OK && c->ops[i].kind != WRITE_GET;
        violated |= status == NACRE_UNIQUE_VIOLATION;
        if (!is_key_of(key, &c->ops[i])) continue;
        if (written || serializable) reads_key(r->reads, key, begin_ts, written);
        if (!take_note(&rest, &key, &begin_ts)) key = (struct slice){0};
    }
    if (violated && serializable) keep_guards(r);
}

static void begin_step(struct rehearsal *r, const struct rehearsal_options *options,
                       struct kv_watch *watch) {
    struct apply_place place = {.proposed_ts = options->now_ms << 20};
    buf_reset(&r->notes);
    buf_reset(&r->guards);
    r->watched = options->serializable ? watch : NULL;
    r->txn->pending = false;
    group_begin_command(r->txn, &place, false);
}

static nacre_status run_step(struct rehearsal *r, const struct command_write *c,
                             const struct rehearsal_options *options, struct result *result) {
    struct txn *t = r->txn;
    r->delta->step++;
    begin_step(r, options, &r->watch);
    nacre_status status = apply_write(t, c, result);
    if (status == NACRE_OK) status = buf_status(&r->guards);
    if (status == NACRE_OK) return keep_changes(r);
    TRY(group_undo_command(t, apply_is_result(status) ? NACRE_OK : status));
    buf_reset(&t->scratch);
    result_error_put(&t->scratch, &t->ctx.err);
    uint32_t failed_op = result->failed_op;
    *result =
        (struct result){.status = status, .failed_op = failed_op, .error = buf_slice(&t->scratch)};
    return NACRE_OK;
}

nacre_status rehearsal_run(struct ctx *ctx, struct rehearsal *r, const struct command_write *c,
                           const struct rehearsal_options *options, struct buf *out_result) {
    struct result result = {0};
    nacre_status status = run_step(r, c, options, &result);
    if (status != NACRE_OK) {
        ctx->err = r->txn->ctx.err;
        return status;
    }
    keep_seen(r, c, &result, options->serializable);
    result_encode(out_result, &result);
    return NACRE_OK;
}

static void keep_examined(struct rehearsal *r) {
    struct slice rest = buf_slice(&r->notes), key;
    uint64_t begin_ts;
    while (take_note(&rest, &key, &begin_ts))
        reads_key(r->reads, key, begin_ts, false);
}

nacre_status rehearsal_choose(struct ctx *ctx, struct rehearsal *r, struct claim_choice *choice,
                              const struct rehearsal_options *options) {
    struct txn *t = r->txn;
    begin_step(r, options, &r->reads->watch);
    nacre_status status = apply_choose(t, choice);
    if (options->serializable) keep_examined(r); // a refusal rests on it, too
    if (status == NACRE_OK && choice->found) {
        struct slice id = choice->id_key;
        const uint8_t *p = arena_copy(&ctx->arena, id.p, id.n);
        if (!p) return err_nomem(ctx);
        choice->id_key = slice_of(p, id.n);
    }
    if (status != NACRE_OK) ctx->err = t->ctx.err;
    return status;
}
