// Leases whose time is up, under a schema with patterns: what they leave behind is worked out and
// checked here, as apply may not run patterns. What does not fit is left to apply, which ends the
// lease and leaves the document as it is.
#include "engine/internal.h"

enum { ENDS_BYTES = 4 * 1024 * 1024 }; // in one command; the rest is for the next round

// op->body empty: it is left to apply.
static nacre_status prepare_end(struct ctx *ctx, struct engine *e,
                                const struct collection *collection, struct slice id_key,
                                uint64_t due_ms, struct write_op *op) {
    struct engine_doc doc = {0};
    op->kind = WRITE_LEASE_END;
    op->tablet = collection->tablet;
    op->id_key = id_key;
    nacre_status status = prepare_read(ctx, e, NULL, op, &doc);
    const struct row_lease *lease = &doc.row.lease;
    if (status == NACRE_OK && (doc.row.flags & ROW_LEASE) && lease->until_ms == due_ms) {
        memcpy(op->token, lease->token, sizeof op->token);
        status = prepare_lease_end(ctx, collection, &doc.row, engine_now_ms(e), op);
    }
    engine_release_doc(e, &doc);
    if (status == NACRE_OK || (nacre_status_http(status) < 500 && status != NACRE_CANCELLED)) {
        err_clear(ctx);
        return NACRE_OK;
    }
    return status;
}

// Takes those that are ended here out of the list.
static nacre_status prepare_ends(struct ctx *ctx, struct engine *e,
                                 const struct collection *collection, struct command_expire *list,
                                 struct command_write *out) {
    uint32_t kept = 0;
    size_t bytes = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        struct slice id_key;
        uint64_t due_ms;
        struct write_op *op = &out->ops[out->count];
        *op = (struct write_op){0};
        if (txn_due_lease(&list->items[i], &id_key, &due_ms)) {
            if (bytes >= ENDS_BYTES) continue;
            TRY(prepare_end(ctx, e, collection, id_key, due_ms, op));
        }
        if (!op->body.n) {
            list->items[kept++] = list->items[i];
            continue;
        }
        bytes += op->body.n;
        out->count++;
    }
    list->count = kept;
    return NACRE_OK;
}

nacre_status engine_end_leases(struct ctx *ctx, struct engine *e,
                               const struct collection *collection, struct command_expire *list) {
    struct command_write ends = {
        .ops = ARENA_ARRAY(&ctx->arena, struct write_op, (size_t)list->count + 1)};
    struct buf payload BUF_CLEANUP = {0};
    struct result result;
    if (!prepare_has_patterns(collection)) return NACRE_OK;
    if (!ends.ops) return err_nomem(ctx);
    TRY(prepare_ends(ctx, e, collection, list, &ends));
    if (!ends.count) return NACRE_OK;
    buf_init(&payload, &e->budget, SIZE_MAX);
    command_write_encode(&payload, &ends);
    TRY(buf_status(&payload));
    struct engine_command submit = {
        .type = COMMAND_WRITE, .tablet = collection->tablet, .payload = buf_slice(&payload)};
    return engine_submit(ctx, e, &submit, &result);
}
