// From a write request to a closed command: ids, times to live, conditions, tokens. What needs the
// state is left to apply.
#include <stdio.h>

#include "base/bits/bits.h"
#include "doc/json.h"
#include "engine/internal.h"
#include "engine/tx.h"
#include "filter/filter.h"

// What is no token becomes one that no lease has: apply refuses it, after what comes before it (a
// document that is not there is 404 whatever the condition).
void prepare_token(struct slice text, uint8_t out[ROW_LEASE_TOKEN_SIZE]) {
    uint8_t bytes[32];
    size_t n = 0;
    bool good = text.n == 22 && base64url_decode(text, bytes, &n) && n == ROW_LEASE_TOKEN_SIZE;
    if (good)
        memcpy(out, bytes, ROW_LEASE_TOKEN_SIZE);
    else
        memset(out, 0, ROW_LEASE_TOKEN_SIZE);
}

nacre_status prepare_idempotency(struct ctx *ctx, const struct idempotency *given,
                                 const char *operation, uint32_t tablet, struct slice target,
                                 struct command_idempotency *out) {
    struct buf text BUF_CLEANUP = {0};
    *out = (struct command_idempotency){0};
    if (!given->key.n) return NACRE_OK;
    if (given->key.n > 255) {
        nacre_status status =
            err_set(ctx, NACRE_INVALID_ARGUMENT,
                    "an idempotency key may have 255 bytes, this one has %zu", given->key.n);
        err_parameter(ctx, "idempotency_key");
        return status;
    }
    buf_init(&text, NULL, SIZE_MAX);
    buf_put_bytes(&text, given->principal);
    buf_put_bytes(&text, slice_str(operation));
    buf_put_varint(&text, tablet);
    buf_put_bytes(&text, target);
    buf_put_bytes(&text, given->key);
    TRY(buf_status(&text));
    out->present = true;
    out->tablet = tablet;
    bits_put_le64(out->scope, hash_bytes_seed(text.p, text.n, 1));
    bits_put_le64(out->scope + 8, hash_bytes_seed(text.p, text.n, 2));
    out->body_hash = given->body_hash;
    return NACRE_OK;
}

#define TTL_SECONDS_MAX (10ull * 366 * 86400)

// --- ids ---------------------------------------------------------------------------------

static nacre_status id_mismatch(struct ctx *ctx) {
    nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT,
                                  "the body's _id is not the id the document is written under");
    err_expected(ctx, "/_id", "the same id, or none", "another id");
    return status;
}

static nacre_status new_id(struct ctx *ctx, struct engine *e, struct val *out) {
    char text[37];
    world_uuid7(e->world, text);
    char *p = arena_str(&ctx->arena, slice_of(text, 36));
    if (!p) return err_nomem(ctx);
    *out = val_str(slice_of(p, 36));
    return NACRE_OK;
}

// An id that is none is told where it was given: as the id, in the body, in the primary key.
static nacre_status check_id(struct ctx *ctx, const struct write_item *item,
                             const struct collection *collection, const struct body_scan *scan,
                             struct val id) {
    char pointer[128] = "/_id";
    nacre_status status = id_check(ctx, id);
    if (status == NACRE_OK) return status;
    if (item->id.type != VAL_MISSING) {
        err_parameter(ctx, "id");
        return status;
    }
    struct slice key = collection->primary_key.text;
    if (scan->id.type == VAL_MISSING && key.n && key.n < sizeof pointer - 1) {
        bool dotted = key.p[0] != '/';
        snprintf(pointer, sizeof pointer, "%s%.*s", dotted ? "/" : "", (int)key.n,
                 (const char *)key.p);
        for (char *p = pointer + 1; dotted && *p; p++)
            if (*p == '.') *p = '/';
    }
    err_expected(ctx, pointer, "a string of 1 to 512 bytes or a 64-bit integer",
                 id.type == VAL_STRING ? "another string" : val_type_name(id.type));
    return status;
}

static nacre_status choose_id(struct ctx *ctx, struct engine *e, const struct write_item *item,
                              const struct collection *collection, const struct body_scan *scan,
                              struct val *out) {
    uint8_t scratch[64];
    bool document = item->kind <= WRITE_INSERT;
    *out = item->id;
    if (document && scan->id.type != VAL_MISSING) {
        if (out->type != VAL_MISSING && !val_identical(*out, scan->id)) return id_mismatch(ctx);
        *out = scan->id;
    }
    if (out->type == VAL_MISSING && document && collection->primary_key.count) {
        struct doc doc = {.body = item->body};
        *out = doc_get(&doc, &collection->primary_key, scratch);
    }
    if (out->type == VAL_MISSING && document) TRY(new_id(ctx, e, out));
    if (out->type == VAL_MISSING) {
        nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT, "an id is needed");
        err_parameter(ctx, "id");
        return status;
    }
    return check_id(ctx, item, collection, scan, *out);
}

// --- conditions -------------------------------------------------------------------------

static nacre_status prepare_versions(struct ctx *ctx, const struct write_item *item,
                                     struct write_op *op) {
    if (!item->version_count) return NACRE_OK;
    if (item->version_count > COMMAND_VERSIONS_MAX)
        return err_set(ctx, NACRE_INVALID_ARGUMENT,
                       "at most %d versions can be asked for, given %u", COMMAND_VERSIONS_MAX,
                       item->version_count);
    uint8_t *p = arena_alloc(&ctx->arena, 8 * (size_t)item->version_count);
    if (!p) return err_nomem(ctx);
    for (uint32_t i = 0; i < item->version_count; i++)
        bits_put_le64(p + 8 * (size_t)i, item->versions[i]);
    op->versions = slice_of(p, 8 * (size_t)item->version_count);
    op->flags |= WRITE_IF_VERSIONS;
    return NACRE_OK;
}

nacre_status prepare_read(struct ctx *ctx, struct engine *e, struct engine_tx *tx,
                          const struct write_op *op, struct engine_doc *out) {
    struct slice in = op->id_key;
    struct val id;
    uint64_t epoch = tx ? engine_tx_epoch(tx) : atomic_load(&e->catalog_epoch);
    struct engine_collection handle = {.tablet = op->tablet, .epoch = epoch};
    TRY(key_decode(ctx, &in, false, KEY_TB_PLAIN, &id));
    return tx ? engine_tx_get(ctx, tx, &handle, id, out) : engine_get(ctx, e, &handle, id, out);
}

nacre_status prepare_impure(struct ctx *ctx, struct engine *e, struct engine_tx *tx,
                            const struct filter *filter, struct write_op *op) {
    struct engine_doc doc = {0};
    struct doc_sys sys;
    struct doc view;
    bool match = false;
    nacre_status status = prepare_read(ctx, e, tx, op, &doc);
    if (status == NACRE_DOCUMENT_NOT_FOUND && op->kind <= WRITE_INSERT) status = NACRE_OK;
    if (status == NACRE_OK && doc.row.body.n) {
        row_doc(&doc.row, (int64_t)engine_now_ms(e), &sys, &view);
        status = filter_eval(ctx, filter, &view, &match);
    }
    uint64_t version = doc.row.version;
    engine_release_doc(e, &doc);
    if (status != NACRE_OK) return status;
    if (!match) {
        status = err_set(ctx, NACRE_CONDITION_FAILED, "the document does not match the condition");
        err_version(ctx, version);
        return status;
    }
    return prepare_version(ctx, version, op);
}

static nacre_status prepare_filter(struct ctx *ctx, struct engine *e, struct engine_tx *tx,
                                   const struct write_item *item, struct write_op *op) {
    struct filter *filter;
    if (!item->filter.n) return NACRE_OK;
    nacre_status status = filter_parse_any(ctx, item->filter, &filter_regex_pcre2, &filter);
    if (status != NACRE_OK) {
        err_parameter(ctx, "if");
        return status;
    }
    if (!filter_is_pure(filter)) return prepare_impure(ctx, e, tx, filter, op);
    op->filter = filter->canonical;
    op->flags |= WRITE_IF_FILTER;
    return NACRE_OK;
}

static nacre_status prepare_op(struct ctx *ctx, struct engine *e, struct engine_tx *tx,
                               const struct write_item *item, const struct collection *collection,
                               struct write_op *op) {
    struct body_scan scan = {0};
    struct val id;
    uint8_t room[8192];
    struct buf key = {.p = room, .cap = sizeof room, .max = sizeof room};
    *op = (struct write_op){.kind = item->kind, .tablet = collection->tablet};
    if (item->kind <= WRITE_PATCH && item->format != PATCH_FORMAT_OPS)
        scan = prepare_scan(item->body);
    TRY(choose_id(ctx, e, item, collection, &scan, &id));
    (void)key_put(&key, id, false);
    TRY(buf_status(&key));
    const uint8_t *p = arena_copy(&ctx->arena, key.p, key.n);
    if (!p) return err_nomem(ctx);
    op->id_key = slice_of(p, key.n);
    if (item->if_absent) op->flags |= WRITE_IF_ABSENT;
    if (item->if_present) op->flags |= WRITE_IF_PRESENT;
    if (item->want_document) op->flags |= WRITE_WANT_ROW;
    TRY(prepare_versions(ctx, item, op));
    if (item->kind <= WRITE_PATCH) {
        TRY(prepare_body(ctx, item, &scan, id, op));
        TRY(prepare_patch(ctx, item, op));
    }
    if (item->has_ttl) {
        if (item->ttl_seconds > TTL_SECONDS_MAX) {
            nacre_status status =
                err_set(ctx, NACRE_INVALID_ARGUMENT, "ttl_seconds: expected 0 to %llu, got %llu",
                        (unsigned long long)TTL_SECONDS_MAX, (unsigned long long)item->ttl_seconds);
            err_parameter(ctx, "ttl_seconds");
            return status;
        }
        op->flags |= WRITE_TTL;
        op->ttl_ms = item->ttl_seconds * 1000;
    }
    if (item->token.n) {
        prepare_token(item->token, op->token);
        op->flags |= WRITE_LEASE;
    }
    return prepare_filter(ctx, e, tx, item, op);
}

static nacre_status prepare_ops(struct ctx *ctx, struct engine *e,
                                const struct write_request *request,
                                const struct collection *collection, struct map *bodies,
                                struct command_write *out) {
    bool patterns = prepare_has_patterns(collection);
    for (out->count = 0; out->count < request->count; out->count++) {
        const struct write_item *item = &request->items[out->count];
        struct write_op *op = &out->ops[out->count];
        // A patch of what an operation before it may have written is worked out after that one.
        bool alone = patterns && !request->atomic && item->kind == WRITE_PATCH;
        if (alone && out->count) break;
        nacre_status status = prepare_op(ctx, e, request->tx, item, collection, op);
        if (status == NACRE_OK)
            status = prepare_schema(ctx, e, request->tx, collection, op, bodies);
        if (status != NACRE_OK) return status; // count tells where it stopped
        if (!alone) continue;
        out->count = 1;
        out->atomic = true;
        break;
    }
    return NACRE_OK;
}

nacre_status prepare_write(struct ctx *ctx, struct engine *e, const struct write_request *request,
                           const struct collection *collection, struct command_write *out) {
    struct map bodies;
    *out = (struct command_write){.atomic = request->atomic || request->count == 1};
    if (request->count > WRITE_OPS_MAX)
        return err_set(ctx, NACRE_INVALID_ARGUMENT,
                       "a batch may have %d operations, this one has %u", WRITE_OPS_MAX,
                       request->count);
    out->ops = ARENA_ARRAY(&ctx->arena, struct write_op, (size_t)request->count + 1);
    if (!out->ops) return err_nomem(ctx);
    map_init(&bodies);
    bool together = request->atomic && request->count > 1;
    nacre_status status = prepare_ops(ctx, e, request, collection, together ? &bodies : NULL, out);
    map_free(&bodies);
    return status;
}
