// COMMAND_CLAIM, COMMAND_RELEASE, COMMAND_EXTEND: leases on documents. One winner each, because
// apply is one door. What a claim takes is chosen here; the rest is operations (apply_lease.c).
#include "txn/apply.h"

#include "index/sort_key.h"

struct claim_scan {
    const struct command_claim *c;
    struct filter *filter;
    struct sort_spec sort;
    uint32_t examined;
    bool found;
    struct slice id_key; // of the best so far
    struct buf best;     // its sort key, when the path does not give the order
    struct buf run; // of an ordered path: the cut components it shares with what may be before it
    bool done;      // what comes now is after it
    bool moved;     // the low-water cursor was set in this scan
};

static nacre_status too_wide(struct txn *t, const struct claim_scan *s) {
    nacre_status status = err_set(
        &t->ctx, NACRE_CLAIM_TOO_WIDE,
        "%u candidates were examined, as many as may be, and there are more", s->c->max_examined);
    err_hint(
        &t->ctx,
        "add an index that serves the filter and the order of the claim, or raise max_examined");
    return status;
}

static nacre_status keep_id(struct txn *t, struct claim_scan *s, struct slice id_key) {
    const uint8_t *p = arena_copy(&t->ctx.arena, id_key.p, id_key.n);
    if (!p) return err_nomem(&t->ctx);
    s->id_key = slice_of(p, id_key.n);
    s->found = true;
    return NACRE_OK;
}

// Leases are skipped whatever the filter says, ended ones too until the sweeper has given them
// back.
// run: cut components (index_key_cut), within which the path is in no order.
static nacre_status examine(struct txn *t, struct claim_scan *s, struct slice id_key,
                            struct slice run) {
    struct apply_doc doc;
    struct doc_sys sys;
    struct doc view;
    bool match;
    struct arena_mark mark = arena_mark(&t->ctx.arena);
    TRY(apply_read(t, s->c->path.tablet, id_key, &doc));
    if (!doc.live || (doc.row.flags & ROW_LEASE)) {
        arena_rewind(&t->ctx.arena, mark);
        return NACRE_OK;
    }
    row_doc(&doc.row, (int64_t)apply_now_ms(t), &sys, &view);
    TRY(filter_eval(&t->ctx, s->filter, &view, &match));
    if (match && s->c->ordered && run.n == 0) {
        s->done = true;
        return keep_id(t, s, id_key);
    }
    if (match) {
        buf_reset(&t->body);
        TRY(sort_key(&t->ctx, &s->sort, &view, id_key, &t->body));
        if (!s->found || slice_cmp(buf_slice(&t->body), buf_slice(&s->best)) < 0) {
            buf_reset(&s->best);
            buf_put_slice(&s->best, buf_slice(&t->body));
            buf_reset(&s->run);
            buf_put_slice(&s->run, run);
            TRY(buf_status(&s->best));
            TRY(buf_status(&s->run));
            return keep_id(t, s, id_key);
        }
    }
    arena_rewind(&t->ctx.arena, mark);
    return NACRE_OK;
}

static nacre_status candidate(struct txn *t, struct claim_scan *s, struct slice key,
                              const struct index_def *index) {
    struct slice id_key = slice_skip(key, KEYSPACE_PREFIX), components, run = {0};
    if (index) TRY(index_key_split(&t->ctx, index, key, &components, &id_key));
    if (index && s->c->ordered) run = index_key_cut(index, components, index->field_count);
    s->done = s->c->ordered && s->found && !slice_eq(run, buf_slice(&s->run));
    if (s->done) return NACRE_OK;
    if (s->examined++ >= s->c->max_examined) return too_wide(t, s);
    return examine(t, s, id_key, run);
}

static void position_iter(struct txn *t, const struct access_path *path, struct kv_iter *it) {
    const struct lowwater *l = lowwater_find(t, path);
    if (l && path->reverse)
        it->ops->seek_for_prev(it, buf_slice(&l->cursor));
    else if (l)
        it->ops->seek(it, buf_slice(&l->cursor));
    else if (path->reverse)
        it->ops->seek_last(it);
    else
        it->ops->seek_first(it);
}

static nacre_status scan_iter(struct txn *t, struct claim_scan *s, struct kv_iter *it,
                              const struct key_range *range, const struct index_def *index) {
    const struct access_path *path = &s->c->path;
    position_iter(t, path, it);
    lowwater_set(t, path, it->valid ? it->key : path->reverse ? range->lower : range->upper);
    while (it->valid && !s->done) {
        TRY(candidate(t, s, it->key, index));
        if (path->reverse)
            it->ops->prev(it);
        else
            it->ops->next(it);
    }
    return it->valid ? NACRE_OK : it->ops->status(it, &t->ctx);
}

static nacre_status scan_range(struct txn *t, struct claim_scan *s, const struct key_range *range,
                               const struct index_def *index) {
    struct kv_iter *it;
    struct kv_iter_options options = {
        .lower = range->lower, .upper = range->upper, .fill_cache = true};
    TRY(t->kv->ops->iter_open(t->kv, &t->ctx, NULL, KV_DATA, &options, &it));
    nacre_status status = scan_iter(t, s, it, range, index);
    it->ops->close(it);
    return status;
}

static nacre_status scan(struct txn *t, struct claim_scan *s, const struct collection *collection) {
    const struct access_path *path = &s->c->path;
    const struct index_def *index =
        path->index_id ? catalog_index_by_id(collection, path->index_id) : NULL;
    if (path->index_id && (!index || index->state != INDEX_READY))
        return err_set(&t->ctx, NACRE_CONFLICT,
                       "the index that the claim was planned with is gone");
    for (uint32_t i = 0; i < path->range_count && !s->done; i++) {
        uint32_t at = path->reverse ? path->range_count - 1 - i : i;
        TRY(scan_range(t, s, &path->ranges[at], index));
    }
    return NACRE_OK;
}

nacre_status apply_choose(struct txn *t, struct claim_choice *choice) {
    const struct command_claim *c = choice->claim;
    const struct collection *collection;
    struct claim_scan s = {.c = c, .filter = choice->filter};
    TRY(apply_collection(t, c->path.tablet, &collection));
    TRY(sort_spec_parse(&t->ctx, bson_find(c->sort, SLICE_LIT("sort")), &s.sort));
    buf_init(&s.best, NULL, 4 * DOC_BYTES_MAX);
    buf_init(&s.run, NULL, DOC_BYTES_MAX);
    nacre_status status = scan(t, &s, collection);
    buf_free(&s.best);
    buf_free(&s.run);
    choice->found = s.found;
    choice->id_key = s.id_key;
    return status;
}

static nacre_status run_alone(struct txn *t, struct write_op *op, const struct write_lease *lease,
                              const struct command_idempotency *idempotency, struct result *out) {
    struct buf encoded BUF_CLEANUP = {0};
    struct command_write write = {
        .atomic = true, .idempotency = *idempotency, .count = 1, .ops = op};
    buf_init(&encoded, NULL, SIZE_MAX);
    lease_encode(&encoded, lease);
    TRY(buf_status(&encoded));
    op->flags |= WRITE_WANT_ROW;
    op->lease = buf_slice(&encoded);
    return apply_write(t, &write, out);
}

nacre_status apply_claim(struct txn *t, const struct command_claim *c, struct result *out) {
    struct write_op op = {.kind = WRITE_CLAIM, .tablet = c->path.tablet};
    struct write_lease lease = {
        .lease_ms = c->lease_ms, .holder = c->holder, .set = c->set, .on_expire = c->on_expire};
    struct claim_choice choice = {.claim = c};
    bool replayed;
    TRY(apply_replay(t, &c->idempotency, out, &replayed));
    if (replayed) return NACRE_OK;
    TRY(filter_parse(&t->ctx, c->filter, NULL, &choice.filter));
    TRY(apply_choose(t, &choice));
    op.id_key = choice.id_key;
    if (!choice.found) {
        out->flags |= RESULT_EMPTY;
        return NACRE_OK;
    }
    memcpy(op.token, c->token, sizeof op.token);
    return run_alone(t, &op, &lease, &c->idempotency, out);
}

static nacre_status run_lease(struct txn *t, enum write_kind kind, const struct command_lease *c,
                              struct result *out) {
    struct write_op op = {
        .kind = kind, .flags = WRITE_LEASE, .tablet = c->tablet, .id_key = c->id_key};
    struct write_lease lease = {.lease_ms = c->lease_ms, .set = c->set};
    memcpy(op.token, c->token, sizeof op.token);
    return run_alone(t, &op, &lease, &c->idempotency, out);
}

nacre_status apply_release(struct txn *t, const struct command_lease *c, struct result *out) {
    return run_lease(t, WRITE_RELEASE, c, out);
}

nacre_status apply_extend(struct txn *t, const struct command_lease *c, struct result *out) {
    return run_lease(t, WRITE_EXTEND, c, out);
}
