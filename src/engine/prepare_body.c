// Bodies of writes: system fields taken out or made conditions, patches made what apply carries
// out.
#include <stdio.h>

#include "base/bits/bits.h"
#include "engine/internal.h"

enum sys_field { SYS_NONE, SYS_ID, SYS_VERSION, SYS_TIME, SYS_IGNORED };

static enum sys_field sys_field(struct slice name) {
    if (name.n < 3 || name.p[0] != '_') return SYS_NONE;
    if (slice_eq(name, SLICE_LIT("_id"))) return SYS_ID;
    if (slice_eq(name, SLICE_LIT("_version"))) return SYS_VERSION;
    if (slice_eq(name, SLICE_LIT("_lease"))) return SYS_IGNORED;
    if (slice_eq(name, SLICE_LIT("_created")) || slice_eq(name, SLICE_LIT("_updated")) ||
        slice_eq(name, SLICE_LIT("_expires")))
        return SYS_TIME;
    return SYS_NONE;
}

struct body_scan prepare_scan(struct slice body) {
    struct body_scan scan = {0};
    struct bson_iter it = bson_iter_of(body);
    struct slice name;
    struct val v;
    for (uint32_t i = 0; bson_next(&it, &name, &v); i++) {
        enum sys_field field = sys_field(name);
        if (field == SYS_ID) {
            scan.id = v;
            scan.id_first = i == 0;
        }
        if (field == SYS_VERSION) scan.version = v;
        scan.has_times |= field == SYS_TIME;
        scan.has_sys |= field > SYS_ID;
    }
    return scan;
}

// The body as it is stored: _id first (unless it is a patch), system fields left out.
static nacre_status strip_body(struct ctx *ctx, struct slice body, struct val id,
                               struct slice *out) {
    struct buf bytes BUF_CLEANUP = {0};
    struct bson_writer w;
    struct bson_iter it = bson_iter_of(body);
    struct slice name;
    struct val v;
    buf_init(&bytes, NULL, DOC_BYTES_MAX + 1024);
    bson_begin(&w, &bytes);
    if (id.type != VAL_MISSING) bson_put(&w, SLICE_LIT("_id"), id);
    while (bson_next(&it, &name, &v)) {
        enum sys_field field = sys_field(name);
        if (field > SYS_ID || (field == SYS_ID && id.type != VAL_MISSING)) continue;
        bson_put(&w, name, v);
    }
    bson_end(&w);
    TRY(buf_status(&bytes));
    const uint8_t *p = arena_copy(&ctx->arena, bytes.p, bytes.n);
    if (!p) return err_nomem(ctx);
    *out = slice_of(p, bytes.n);
    return NACRE_OK;
}

static nacre_status sys_of_body(struct ctx *ctx, struct slice body, struct slice *out) {
    struct buf bytes BUF_CLEANUP = {0};
    struct bson_writer w;
    struct bson_iter it = bson_iter_of(body);
    struct slice name;
    struct val v;
    buf_init(&bytes, NULL, DOC_BYTES_MAX);
    bson_begin(&w, &bytes);
    while (bson_next(&it, &name, &v))
        if (sys_field(name) == SYS_TIME) bson_put(&w, name, v);
    bson_end(&w);
    TRY(buf_status(&bytes));
    const uint8_t *p = arena_copy(&ctx->arena, bytes.p, bytes.n);
    if (!p) return err_nomem(ctx);
    *out = slice_of(p, bytes.n);
    return NACRE_OK;
}

nacre_status prepare_version(struct ctx *ctx, uint64_t version, struct write_op *op) {
    uint8_t *p = arena_alloc(&ctx->arena, 8);
    if (!p) return err_nomem(ctx);
    bits_put_le64(p, version);
    // Together with a list asked for, only a version in both can fit; 0 is nobody's version.
    bool shared = !(op->flags & WRITE_IF_VERSIONS);
    for (size_t i = 0; i + 8 <= op->versions.n; i += 8)
        shared |= bits_le64(op->versions.p + i) == version;
    if (!shared) bits_put_le64(p, 0);
    op->versions = slice_of(p, 8);
    op->flags |= WRITE_IF_VERSIONS;
    return NACRE_OK;
}

static nacre_status add_version(struct ctx *ctx, struct val version, struct write_op *op) {
    if (version.type == VAL_INT && version.i >= 1)
        return prepare_version(ctx, (uint64_t)version.i, op);
    char got[32];
    nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT,
                                  "_version is kept by the database; in a body it is a condition");
    if (version.type == VAL_INT) snprintf(got, sizeof got, "%lld", (long long)version.i);
    err_expected(ctx, "/_version", "a version, an integer of at least 1",
                 version.type == VAL_INT ? got : val_type_name(version.type));
    return status;
}

nacre_status prepare_body(struct ctx *ctx, const struct write_item *item,
                          const struct body_scan *scan, struct val id, struct write_op *op) {
    bool document = item->kind <= WRITE_INSERT;
    op->body = item->body;
    if (item->format == PATCH_FORMAT_OPS) return NACRE_OK;
    if (scan->version.type != VAL_MISSING) TRY(add_version(ctx, scan->version, op));
    if (scan->has_times) {
        TRY(sys_of_body(ctx, item->body, &op->sys));
        op->flags |= WRITE_SYS;
    }
    if (scan->has_sys || (document && !scan->id_first))
        TRY(strip_body(ctx, item->body, document ? id : val_missing(), &op->body));
    if (document && op->body.n > DOC_BYTES_MAX)
        return err_set(ctx, NACRE_DOCUMENT_TOO_LARGE,
                       "a document may have %d bytes, this one has %zu", DOC_BYTES_MAX, op->body.n);
    return NACRE_OK;
}

nacre_status prepare_patch(struct ctx *ctx, const struct write_item *item, struct write_op *op) {
    struct patch patch;
    if (item->kind != WRITE_PATCH) return NACRE_OK;
    if (item->format == PATCH_FORMAT_OPS)
        TRY(patch_of_ops(ctx, op->body, &patch));
    else if (item->format == PATCH_FORMAT_MERGE)
        TRY(patch_of_merge(ctx, op->body, &patch));
    else
        TRY(patch_of_object(ctx, op->body, &patch));
    op->patch_kind = patch.kind;
    op->body = patch.bson;
    return NACRE_OK;
}

static nacre_status refuse_sys(struct ctx *ctx, struct slice name) {
    char pointer[24];
    nacre_status status =
        err_set(ctx, NACRE_INVALID_ARGUMENT, "%.*s is a document's own: many cannot share it",
                (int)name.n, (const char *)name.p);
    snprintf(pointer, sizeof pointer, "/%.*s", (int)name.n, (const char *)name.p);
    err_expected(ctx, pointer, "no such member", "one");
    return status;
}

nacre_status prepare_patch_of_many(struct ctx *ctx, const struct write_item *item,
                                   struct write_op *op) {
    struct bson_iter it = bson_iter_of(item->body);
    struct slice name;
    struct val v;
    op->body = item->body;
    while (item->format != PATCH_FORMAT_OPS && bson_next(&it, &name, &v))
        if (sys_field(name) != SYS_NONE) return refuse_sys(ctx, name);
    return prepare_patch(ctx, item, op);
}
