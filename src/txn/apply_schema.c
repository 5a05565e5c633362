// Schemas at apply. What was checked when it was submitted, under what still holds, is taken as it
// is; the rest is checked here, if there are no patterns: apply runs nobody else's code (T1).
//
// A change of the schema of a collection that holds documents: the next schema stands in the
// catalog beside the present one, and writes must fit both, while the engine holds the documents
// against it. Its findings come as COMMAND_SCHEMA; the last of them makes the next schema the
// collection's, or takes it away. Progress: [tablet]['B'][0], after a refusal format u8 = 2 · le64
// next_from · error · crc32c.
#include "txn/apply.h"

#include "base/bits/bits.h"

enum { FAILURE_FORMAT = 2, FAILURE_HEAD = 1 + 8 };

nacre_status apply_schema(struct txn *t, struct apply_change *c) {
    const struct collection *collection = c->collection;
    if (!collection_has_schema(collection) || c->remove || c->checked == collection->schema_epoch)
        return NACRE_OK;
    // A lease that comes or goes leaves the body as it is.
    if (c->before.live && slice_eq(c->after.body, c->before.row.body)) return NACRE_OK;
    if (!collection_schema_is_pure(collection))
        return err_set(
            &t->ctx, NACRE_CONFLICT,
            "the schema of collection %s, which has patterns, was changed at this moment",
            collection->name);
    return collection_check(&t->ctx, collection, &c->after.body);
}

// --- changes ----------------------------------------------------------------------------

void apply_schema_forget(struct txn *t, struct collection *collection) {
    collection->next_schema = slice_of(NULL, 0);
    collection->next_from = 0;
    apply_progress_key(&t->key, collection->tablet, 0);
    kv_batch_delete(&t->batch, KV_DATA, buf_slice(&t->key));
}

static void put_collection(struct txn *t, struct collection *collection) {
    struct catalog_counters counters = apply_counters(t);
    collection->schema_epoch++;
    catalog_put_collection(&t->batch, collection);
    catalog_put_counters(&t->batch, &counters);
    t->catalog_changed = true;
}

static nacre_status refuse(struct txn *t, const struct command_schema *c,
                           struct collection *collection) {
    uint8_t head[FAILURE_HEAD] = {FAILURE_FORMAT};
    apply_schema_forget(t, collection);
    bits_put_le64(head + 1, c->next_from);
    buf_reset(&t->scratch);
    buf_put(&t->scratch, head, sizeof head);
    buf_put_slice(&t->scratch, c->error);
    buf_put_le32(&t->scratch, crc32c(0, t->scratch.p, t->scratch.n));
    kv_batch_put(&t->batch, KV_DATA, buf_slice(&t->key), buf_slice(&t->scratch));
    put_collection(t, collection);
    return buf_status(&t->scratch);
}

// The settings with the next schema in them.
static nacre_status accept(struct txn *t, struct collection *collection) {
    struct buf settings BUF_CLEANUP = {0};
    struct bson_writer w;
    struct bson_iter it = bson_iter_of(collection->settings);
    struct slice name;
    struct val v;
    buf_init(&settings, NULL, DOC_BYTES_MAX);
    bson_begin(&w, &settings);
    while (collection->settings.n && bson_next(&it, &name, &v))
        if (!slice_eq(name, SLICE_LIT("schema"))) bson_put(&w, name, v);
    bson_put(&w, SLICE_LIT("schema"), val_bytes(VAL_OBJECT, collection->next_schema));
    bson_end(&w);
    TRY(buf_status(&settings));
    collection->settings = buf_slice(&settings);
    apply_schema_forget(t, collection);
    put_collection(t, collection);
    return NACRE_OK;
}

nacre_status apply_schema_progress(struct txn *t, const struct command_schema *c) {
    const struct collection *there = catalog_by_tablet(t->catalog, c->tablet);
    struct buf key BUF_CLEANUP = {0}, last BUF_CLEANUP = {0};
    uint64_t documents;
    if (!there || !there->next_from || there->next_from != c->next_from) return NACRE_OK;
    struct collection fresh = *there;
    buf_init(&key, NULL, 64);
    buf_init(&last, NULL, SIZE_MAX);
    apply_progress_key(&key, c->tablet, 0);
    TRY(apply_progress_read(&t->ctx, t->kv, NULL, buf_slice(&key), &documents, &last));
    if (!slice_eq(buf_slice(&last), c->after)) return NACRE_OK; // this part is done already
    if (c->error.n) return refuse(t, c, &fresh);
    if (c->done) return accept(t, &fresh);
    apply_progress_put(t, buf_slice(&key), c->documents, c->last);
    return NACRE_OK;
}

// --- for readers ------------------------------------------------------------------------

nacre_status txn_schema_progress(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                                 uint32_t tablet, uint64_t *out_documents, struct buf *last) {
    struct buf key BUF_CLEANUP = {0};
    buf_init(&key, NULL, 64);
    apply_progress_key(&key, tablet, 0);
    TRY(buf_status(&key));
    return apply_progress_read(ctx, kv, view, buf_slice(&key), out_documents, last);
}

static nacre_status read_failure(struct ctx *ctx, struct slice v, uint64_t *next_from,
                                 struct slice *out) {
    if (!v.n || v.p[0] != FAILURE_FORMAT) return NACRE_OK; // progress
    if (v.n < FAILURE_HEAD + 4 || bits_le32(v.p + v.n - 4) != crc32c(0, v.p, v.n - 4))
        return err_set(ctx, NACRE_CORRUPT, "the refusal of a schema is damaged");
    const uint8_t *p = arena_copy(&ctx->arena, v.p, v.n);
    if (!p) return err_nomem(ctx);
    *next_from = bits_le64(p + 1);
    *out = slice_of(p + FAILURE_HEAD, v.n - FAILURE_HEAD - 4);
    return NACRE_OK;
}

nacre_status txn_schema_failure(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                                uint32_t tablet, uint64_t *next_from, struct slice *out_error) {
    struct buf key BUF_CLEANUP = {0};
    struct kv_pin pin;
    bool found;
    *next_from = 0;
    *out_error = slice_of(NULL, 0);
    buf_init(&key, NULL, 64);
    apply_progress_key(&key, tablet, 0);
    TRY(buf_status(&key));
    TRY(kv->ops->get(kv, ctx, view, KV_DATA, buf_slice(&key), &pin, &found));
    if (!found) return NACRE_OK;
    nacre_status status = read_failure(ctx, pin.value, next_from, out_error);
    kv->ops->unpin(kv, &pin);
    return status;
}
