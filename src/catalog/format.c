// META_FORMAT: what wrote this store. Read before anything else.
#include <string.h>

#include "base/err/check.h"
#include "catalog/rows.h"
#include "doc/bson.h"

static const struct catalog_row_field format_fields[] = {
    {"store_version", VAL_INT, false}, {"apply_version", VAL_INT, false},
    {"cluster_id", VAL_BINARY, false}, {"created_ms", VAL_INT, false},
    {NULL, VAL_MISSING, false},
};
enum { FORMAT_STORE, FORMAT_APPLY, FORMAT_CLUSTER, FORMAT_CREATED };

// Looks at the two versions only: a newer program may have added fields, and says so by the
// versions.
static nacre_status format_versions(struct ctx *ctx, struct slice key, struct slice value) {
    struct slice body;
    TRY(catalog_row_open(ctx, key, value, &body));
    nacre_status status = bson_validate(ctx, body);
    if (status == NACRE_CORRUPT)
        return catalog_row_bad(ctx, key, "its content is no BSON document");
    TRY(status);
    struct val store = bson_find(body, SLICE_LIT("store_version"));
    struct val apply = bson_find(body, SLICE_LIT("apply_version"));
    if (store.type != VAL_INT || apply.type != VAL_INT || store.i < 1 || apply.i < 1)
        return catalog_row_bad(ctx, key, "it names no versions");
    if (store.i <= STORE_VERSION && apply.i <= STORE_APPLY_VERSION) return NACRE_OK;
    status = err_set(ctx, NACRE_INCOMPATIBLE_FORMAT,
                     "a newer program wrote this store (store version %lld, apply version %lld); "
                     "this one knows store version %d, apply version %d",
                     (long long)store.i, (long long)apply.i, STORE_VERSION, STORE_APPLY_VERSION);
    err_hint(ctx, "open it with a program at least as new as the one that wrote it");
    return status;
}

static nacre_status format_decode(struct ctx *ctx, struct slice key, struct slice value,
                                  struct store_format *out) {
    struct val v[CATALOG_ROW_FIELDS_MAX];
    TRY(format_versions(ctx, key, value));
    TRY(catalog_row_fields(ctx, key, value, format_fields, v));
    if (v[FORMAT_CLUSTER].n != sizeof out->cluster_id)
        return catalog_row_bad(ctx, key, "its cluster id is not 16 bytes");
    out->store_version = (uint32_t)v[FORMAT_STORE].i;
    out->apply_version = (uint32_t)v[FORMAT_APPLY].i;
    out->created_ms = v[FORMAT_CREATED].i;
    memcpy(out->cluster_id, v[FORMAT_CLUSTER].p, sizeof out->cluster_id);
    return NACRE_OK;
}

nacre_status store_format_read(struct ctx *ctx, struct kv *kv, struct store_format *out,
                               bool *found) {
    const uint8_t kind = META_FORMAT;
    struct slice key = slice_of(&kind, 1);
    struct kv_pin pin;
    bool is_there = false;
    TRY(kv->ops->get(kv, ctx, NULL, KV_META, key, &pin, &is_there));
    *found = is_there;
    if (!is_there) return NACRE_OK;
    nacre_status status = format_decode(ctx, key, pin.value, out);
    kv->ops->unpin(kv, &pin);
    return status;
}

void store_format_put(struct kv_batch *batch, const struct store_format *format) {
    const uint8_t kind = META_FORMAT;
    struct buf body BUF_CLEANUP;
    struct bson_writer w;
    buf_init(&body, batch->bytes.budget, CATALOG_ROW_MAX);
    bson_begin(&w, &body);
    bson_put(&w, SLICE_LIT("store_version"), val_int(format->store_version));
    bson_put(&w, SLICE_LIT("apply_version"), val_int(format->apply_version));
    bson_put(&w, SLICE_LIT("cluster_id"),
             val_bytes(VAL_BINARY, slice_of(format->cluster_id, sizeof format->cluster_id)));
    bson_put(&w, SLICE_LIT("created_ms"), val_int(format->created_ms));
    bson_end(&w);
    catalog_row_put(batch, slice_of(&kind, 1), &body);
}
