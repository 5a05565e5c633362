// A document against what its collection asks of it.
#include "catalog/catalog.h"
#include "doc/bson.h"

bool collection_schema_runs(const struct collection *c) {
    return (!c->schema.n || c->program) && (!c->next_schema.n || c->next_program);
}

bool collection_schema_is_pure(const struct collection *c) {
    return collection_schema_runs(c) && (!c->program || schema_is_pure(c->program)) &&
           (!c->next_program || schema_is_pure(c->next_program));
}

static nacre_status fill(struct ctx *ctx, const struct schema *program, struct slice *body) {
    struct buf filled BUF_CLEANUP = {0};
    bool changed;
    if (!program) return NACRE_OK;
    buf_init(&filled, NULL, DOC_BYTES_MAX);
    TRY(schema_fill(ctx, program, *body, &filled, &changed));
    if (!changed) return NACRE_OK;
    if (buf_status(&filled) != NACRE_OK) return err_buf(ctx, &filled);
    const uint8_t *p = arena_copy(&ctx->arena, filled.p, filled.n);
    if (!p) return err_nomem(ctx);
    *body = slice_of(p, filled.n);
    return NACRE_OK;
}

nacre_status collection_check(struct ctx *ctx, const struct collection *c, struct slice *body) {
    TRY(fill(ctx, c->program, body));
    TRY(fill(ctx, c->next_program, body));
    struct val document = val_bytes(VAL_OBJECT, *body);
    if (c->program) TRY(schema_validate(ctx, c->program, document));
    if (!c->next_program) return NACRE_OK;
    nacre_status status = schema_validate(ctx, c->next_program, document);
    if (status == NACRE_SCHEMA_VIOLATION)
        err_hint(ctx,
                 "the collection is about to get this schema: what is written must fit it, too");
    return status;
}
