// Schemas at submit: documents are filled in and checked here, under the schema of the published
// catalog; the command carries that schema's epoch, and apply takes it only under the same.
// Patches, and what claims and their ends change, are checked at apply, by the same code, unless
// the schema has patterns: those need a library that apply may not run, so what comes of them is
// worked out here.
#include "base/bits/bits.h"
#include "engine/internal.h"
#include "filter/filter.h"
#include "txn/lease.h"

static nacre_status keep(struct ctx *ctx, const struct buf *bytes, struct slice *out) {
    if (buf_status(bytes) != NACRE_OK) return err_buf(ctx, bytes);
    const uint8_t *p = arena_copy(&ctx->arena, bytes->p, bytes->n);
    if (!p) return err_nomem(ctx);
    *out = slice_of(p, bytes->n);
    return NACRE_OK;
}

static nacre_status check_runs(struct ctx *ctx, const struct collection *collection) {
    if (collection_schema_runs(collection)) return NACRE_OK;
    return err_set(ctx, NACRE_UNAVAILABLE,
                   "this program cannot run the patterns in the schema of collection %s",
                   collection->name);
}

static nacre_status check_document(struct ctx *ctx, const struct collection *collection,
                                   struct slice *body, struct write_op *op) {
    TRY(collection_check(ctx, collection, body));
    op->flags |= WRITE_SCHEMA;
    op->schema_epoch = collection->schema_epoch;
    return NACRE_OK;
}

// {"ops":[{"op":"replace","path":"","value":body}]}: the document that was checked is the one that
// is stored.
static nacre_status replace_all(struct ctx *ctx, struct slice body, struct write_op *op) {
    struct buf bytes BUF_CLEANUP = {0};
    struct bson_writer w;
    buf_init(&bytes, NULL, DOC_BYTES_MAX + 1024);
    bson_begin(&w, &bytes);
    bson_open_array(&w, SLICE_LIT("ops"));
    bson_open_object(&w, slice_of(NULL, 0));
    bson_put(&w, SLICE_LIT("op"), val_str(SLICE_LIT("replace")));
    bson_put(&w, SLICE_LIT("path"), val_str(slice_of("", 0)));
    bson_put(&w, SLICE_LIT("value"), val_bytes(VAL_OBJECT, body));
    bson_close(&w);
    bson_close(&w);
    bson_end(&w);
    op->patch_kind = PATCH_JSON;
    return keep(ctx, &bytes, &op->body);
}

// The document after a patch: of *body, as the batch has left it so far, or (n = 0) of what is
// stored. *out_version 0: the batch is all or nothing and has written it, so it will be this one.
static nacre_status patched(struct ctx *ctx, struct engine *e, struct engine_tx *tx,
                            const struct write_op *op, struct slice *body, uint64_t *out_version) {
    struct engine_doc doc = {0};
    struct patch patch = {.kind = op->patch_kind, .bson = op->body};
    struct buf after BUF_CLEANUP = {0};
    bool stored = !body->n;
    if (op->patch_kind == PATCH_JSON) TRY(patch_of_ops(ctx, op->body, &patch));
    if (stored) TRY(prepare_read(ctx, e, tx, op, &doc));
    buf_init(&after, NULL, DOC_BYTES_MAX);
    nacre_status status =
        patch_apply(ctx, &patch, stored ? doc.row.body : *body, (int64_t)engine_now_ms(e), &after);
    if (status == NACRE_OK) status = keep(ctx, &after, body);
    *out_version = doc.row.version;
    engine_release_doc(e, &doc);
    return status;
}

// *out: the document before it as patched takes it, then after it; n = 0: it will fail.
static nacre_status check_patch(struct ctx *ctx, struct engine *e, struct engine_tx *tx,
                                const struct collection *collection, struct write_op *op,
                                struct slice *out) {
    struct slice body = *out;
    uint64_t version = 0;
    *out = slice_of(NULL, 0);
    TRY(patched(ctx, e, tx, op, &body, &version));
    if (version) {
        TRY(prepare_version(ctx, version, op));
        // Of another version than is asked for: apply tells that, whatever the patch would make.
        if (bits_le64(op->versions.p) != version) return NACRE_OK;
    }
    TRY(check_document(ctx, collection, &body, op));
    *out = body;
    return replace_all(ctx, body, op);
}

static nacre_status check_op(struct ctx *ctx, struct engine *e, struct engine_tx *tx,
                             const struct collection *collection, struct write_op *op,
                             struct slice *body) {
    if (op->kind == WRITE_PATCH) return check_patch(ctx, e, tx, collection, op, body);
    TRY(check_document(ctx, collection, &op->body, op));
    *body = op->body;
    return NACRE_OK;
}

// In a batch that is all or nothing: a patch goes upon what the operations before it make.
static nacre_status check_in_batch(struct ctx *ctx, struct engine *e, struct engine_tx *tx,
                                   const struct collection *collection, struct write_op *op,
                                   struct map *bodies) {
    struct slice *body = map_get(bodies, op->id_key);
    bool gone = body && !body->n;
    if (op->kind == WRITE_GET || (gone && op->kind == WRITE_PATCH)) return NACRE_OK;
    if (!body) {
        body = ARENA_NEW(&ctx->arena, struct slice);
        if (!body || !map_put(bodies, op->id_key, body)) return err_nomem(ctx);
    }
    if (op->kind == WRITE_DELETE) {
        *body = slice_of(NULL, 0);
        return NACRE_OK;
    }
    return check_op(ctx, e, tx, collection, op, body);
}

nacre_status prepare_schema(struct ctx *ctx, struct engine *e, struct engine_tx *tx,
                            const struct collection *collection, struct write_op *op,
                            struct map *bodies) {
    struct slice body = {0};
    bool patterns = prepare_has_patterns(collection);
    if (!collection_has_schema(collection)) return NACRE_OK;
    if (op->kind <= WRITE_PATCH) TRY(check_runs(ctx, collection));
    if (bodies && patterns) return check_in_batch(ctx, e, tx, collection, op, bodies);
    if (op->kind > WRITE_PATCH || (op->kind == WRITE_PATCH && !patterns)) return NACRE_OK;
    return check_op(ctx, e, tx, collection, op, &body);
}

bool prepare_has_patterns(const struct collection *collection) {
    return collection_has_schema(collection) && !collection_schema_is_pure(collection);
}

// What the operation will make of the document, as apply would work it out; nothing if that is what
// it is, or if apply will refuse it.
static nacre_status lease_body(struct ctx *ctx, const struct write_op *op, struct slice set,
                               const struct row *row, uint64_t now_ms, struct buf *out) {
    bool changed, current = (row->flags & ROW_LEASE) && row->lease.until_ms > now_ms &&
                            memcmp(row->lease.token, op->token, sizeof op->token) == 0;
    if (op->kind == WRITE_CLAIM)
        return lease_set_body(ctx, set, row->body, (int64_t)now_ms, out, &changed);
    if (!current) return NACRE_OK;
    return lease_release_body(ctx, row, set, (int64_t)now_ms, out, &changed);
}

static nacre_status check_lease_body(struct ctx *ctx, const struct collection *collection,
                                     uint64_t version, const struct buf *body,
                                     struct write_op *op) {
    struct slice checked;
    if (!body->n) return NACRE_OK;
    TRY(keep(ctx, body, &checked));
    TRY(prepare_version(ctx, version, op));
    TRY(check_document(ctx, collection, &checked, op));
    op->body = checked;
    return NACRE_OK;
}

nacre_status prepare_lease(struct ctx *ctx, struct engine *e, struct engine_tx *tx,
                           const struct collection *collection, struct slice set,
                           struct write_op *op) {
    struct engine_doc doc = {0};
    struct buf after BUF_CLEANUP = {0};
    if (!prepare_has_patterns(collection)) return NACRE_OK;
    TRY(check_runs(ctx, collection));
    nacre_status status = prepare_read(ctx, e, tx, op, &doc);
    uint64_t version = doc.row.version;
    buf_init(&after, NULL, DOC_BYTES_MAX);
    if (status == NACRE_OK) status = lease_body(ctx, op, set, &doc.row, engine_now_ms(e), &after);
    engine_release_doc(e, &doc);
    if (status == NACRE_OK) return check_lease_body(ctx, collection, version, &after, op);
    if (status != NACRE_DOCUMENT_NOT_FOUND) return status;
    err_clear(ctx); // apply tells that
    return NACRE_OK;
}

nacre_status prepare_lease_end(struct ctx *ctx, const struct collection *collection,
                               const struct row *row, uint64_t now_ms, struct write_op *op) {
    struct buf after BUF_CLEANUP = {0};
    bool changed;
    buf_init(&after, NULL, DOC_BYTES_MAX);
    TRY(lease_end_body(ctx, row, (int64_t)now_ms, &after, &changed));
    return check_lease_body(ctx, collection, row->version, &after, op);
}

nacre_status prepare_schema_body(struct ctx *ctx, struct slice settings) {
    static const struct schema_options options = {.regex = &filter_regex_schema,
                                                  .collection = true};
    struct schema *schema;
    struct val v = settings.n ? bson_find(settings, SLICE_LIT("schema")) : val_missing();
    if (v.type != VAL_OBJECT)
        return NACRE_OK; // what it may be otherwise, the settings' parser tells
    nacre_status status = schema_compile(ctx, v, &options, &schema);
    if (status != NACRE_OK) {
        err_prefix_pointers(ctx, "/schema");
        return status;
    }
    schema_free(schema);
    return NACRE_OK;
}
