// COMMAND_BUILD: the next chunk of an online index build. A chunk is a function of the state: it
// goes on after the last document that was done, and writes that come meanwhile keep the index
// current from the moment it is in the catalog. Progress row (docs/format/index.md):
// [tablet]['B'][index id] → format u8 = 1 · documents u64 · last typed id · crc32c u32.
#include "txn/apply.h"

#include "base/bits/bits.h"

enum { BUILD_FORMAT = 1, BUILD_HEAD = 1 + 8 };

void apply_progress_key(struct buf *out, uint32_t tablet, uint32_t index_id) {
    buf_reset(out);
    keyspace_prefix(out, tablet, KIND_BUILD);
    buf_put_be32(out, index_id);
}

nacre_status apply_progress_read(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                                 struct slice key, uint64_t *documents, struct buf *last) {
    struct kv_pin pin;
    bool found;
    *documents = 0;
    TRY(kv->ops->get(kv, ctx, view, KV_DATA, key, &pin, &found));
    if (!found) return NACRE_OK;
    nacre_status status = NACRE_OK;
    struct slice v = pin.value;
    if (v.n < BUILD_HEAD + 4 || v.p[0] != BUILD_FORMAT ||
        bits_le32(v.p + v.n - 4) != crc32c(0, v.p, v.n - 4)) {
        status = err_set(ctx, NACRE_CORRUPT, "the progress of a job is damaged");
    } else {
        *documents = bits_le64(v.p + 1);
        if (last) buf_put(last, v.p + BUILD_HEAD, v.n - BUILD_HEAD - 4);
    }
    kv->ops->unpin(kv, &pin);
    return status;
}

void apply_progress_put(struct txn *t, struct slice key, uint64_t documents, struct slice last) {
    uint8_t head[BUILD_HEAD] = {BUILD_FORMAT};
    bits_put_le64(head + 1, documents);
    buf_reset(&t->scratch);
    buf_put(&t->scratch, head, sizeof head);
    buf_put_slice(&t->scratch, last);
    buf_put_le32(&t->scratch, crc32c(0, t->scratch.p, t->scratch.n));
    kv_batch_put(&t->batch, KV_DATA, key, buf_slice(&t->scratch));
}

nacre_status txn_build_progress(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                                uint32_t tablet, uint32_t index_id, uint64_t *out_documents) {
    struct buf key BUF_CLEANUP = {0};
    buf_init(&key, NULL, 64);
    apply_progress_key(&key, tablet, index_id);
    TRY(buf_status(&key));
    return apply_progress_read(ctx, kv, view, buf_slice(&key), out_documents, NULL);
}

struct build {
    const struct collection *collection;
    const struct index_def *index;
    uint32_t left;
    uint64_t documents;
    struct buf last; // typed id of the last document done
};

static nacre_status build_one(struct txn *t, const struct build *b, struct slice key,
                              struct slice value) {
    struct row row;
    struct doc doc;
    struct doc_sys sys;
    struct overlay_kv overlay;
    overlay_open(&overlay, t);
    struct index_change change = {.tablet = b->collection->tablet,
                                  .after = &doc,
                                  .commit_ts = t->commit_ts,
                                  .kv = &overlay.kv};
    TRY(row_decode(&t->ctx, keyspace_local(key), value, true, &row));
    if (row.flags & ROW_DELETED) return NACRE_OK;
    row_doc(&row, (int64_t)apply_now_ms(t), &sys, &doc);
    TRY(apply_id(t, slice_skip(key, KEYSPACE_PREFIX), &change.id));
    change.rowid = row.rowid;
    return index_build_one(&t->ctx, &overlay.kv, b->index, &change, &t->batch);
}

static nacre_status build_chunk(struct txn *t, struct build *b, struct kv_iter *it, bool *done) {
    while (it->valid && b->left) {
        struct arena_mark mark = arena_mark(&t->ctx.arena);
        size_t from = t->batch.bytes.n;
        TRY(build_one(t, b, it->key, it->value));
        arena_rewind(&t->ctx.arena, mark);
        TRY(overlay_absorb(t, from));
        buf_reset(&b->last);
        buf_put_slice(&b->last, slice_skip(it->key, KEYSPACE_PREFIX));
        b->documents++;
        b->left--;
        it->ops->next(it);
    }
    *done = !it->valid;
    return it->valid ? NACRE_OK : it->ops->status(it, &t->ctx);
}

static nacre_status build_scan(struct txn *t, struct build *b, bool *done) {
    struct buf from BUF_CLEANUP = {0}, to BUF_CLEANUP = {0};
    struct kv_iter *it;
    buf_init(&from, NULL, SIZE_MAX);
    buf_init(&to, NULL, 64);
    keyspace_prefix(&from, b->collection->tablet, KIND_DOCUMENT);
    keyspace_prefix(&to, b->collection->tablet, (enum key_kind)(KIND_DOCUMENT + 1));
    if (b->last.n) {
        buf_put_slice(&from, buf_slice(&b->last));
        buf_put_u8(
            &from,
            0); // typed ids are no prefixes of one another: the next key is greater than this
    }
    if (buf_status(&from) != NACRE_OK || buf_status(&to) != NACRE_OK) return err_nomem(&t->ctx);
    struct kv_iter_options options = {.lower = buf_slice(&from), .upper = buf_slice(&to)};
    TRY(t->kv->ops->iter_open(t->kv, &t->ctx, NULL, KV_DATA, &options, &it));
    it->ops->seek_first(it);
    nacre_status status = build_chunk(t, b, it, done);
    it->ops->close(it);
    return status;
}

// A build that cannot go on: the index stays in the catalog as failed, with the reason; nothing
// else changes.
static nacre_status build_fail(struct txn *t, const struct build *b) {
    struct index_def failed = *b->index;
    failed.state = INDEX_FAILED;
    memset(failed.error, 0, sizeof failed.error);
    memcpy(failed.error, t->ctx.err.detail, strnlen(t->ctx.err.detail, sizeof failed.error - 1));
    apply_rollback(t, t->command);
    struct catalog_counters counters = apply_counters(t);
    catalog_put_index(&t->batch, b->collection->id, &failed);
    apply_wipe_index(t, b->collection->tablet, failed.id);
    catalog_put_counters(&t->batch, &counters);
    t->catalog_changed = true;
    return NACRE_OK;
}

static nacre_status build_done(struct txn *t, const struct build *b, struct slice key) {
    struct index_def ready = *b->index;
    struct catalog_counters counters = apply_counters(t);
    ready.state = INDEX_READY;
    ready.ready_ts = t->commit_ts;
    catalog_put_index(&t->batch, b->collection->id, &ready);
    catalog_put_counters(&t->batch, &counters);
    kv_batch_delete(&t->batch, KV_DATA, key);
    t->catalog_changed = true;
    return NACRE_OK;
}

static nacre_status build_run(struct txn *t, struct build *b) {
    struct buf key BUF_CLEANUP = {0};
    bool done = false;
    buf_init(&key, NULL, 64);
    apply_progress_key(&key, b->collection->tablet, b->index->id);
    TRY(buf_status(&key));
    TRY(apply_progress_read(&t->ctx, t->kv, NULL, buf_slice(&key), &b->documents, &b->last));
    t->use_overlay = true;
    nacre_status status = build_scan(t, b, &done);
    if (status != NACRE_OK) return apply_is_result(status) ? build_fail(t, b) : status;
    if (done) return build_done(t, b, buf_slice(&key));
    apply_progress_put(t, buf_slice(&key), b->documents, buf_slice(&b->last));
    return NACRE_OK;
}

nacre_status apply_build(struct txn *t, const struct command_build *c, struct result *out) {
    (void)out;
    struct build b = {.collection = catalog_by_tablet(t->catalog, c->tablet),
                      .left = c->max_documents};
    b.index = b.collection ? catalog_index_by_id(b.collection, c->index_id) : NULL;
    if (!b.index || b.index->state != INDEX_BUILDING) return NACRE_OK; // dropped or done meanwhile
    buf_init(&b.last, NULL, SIZE_MAX);
    nacre_status status = build_run(t, &b);
    buf_free(&b.last);
    return status;
}
