// Schemas at apply. What was checked when it was submitted, under the schema that still holds, is
// taken as it is; the rest is checked here, if the schema has no patterns: apply runs nobody else's
// code (T1).
#include "txn/apply.h"

static nacre_status filled(struct txn *t, struct apply_change *c) {
    struct buf body BUF_CLEANUP = {0};
    bool changed;
    buf_init(&body, NULL, DOC_BYTES_MAX);
    TRY(schema_fill(&t->ctx, c->collection->program, c->after.body, &body, &changed));
    if (!changed) return NACRE_OK;
    const uint8_t *p = arena_copy(&t->ctx.arena, body.p, body.n);
    if (!p) return err_nomem(&t->ctx);
    c->after.body = slice_of(p, body.n);
    return NACRE_OK;
}

nacre_status apply_schema(struct txn *t, struct apply_change *c) {
    const struct collection *collection = c->collection;
    if (!collection->schema.n || c->remove || c->checked == collection->schema_epoch)
        return NACRE_OK;
    // A lease that comes or goes leaves the body as it is.
    if (c->before.live && slice_eq(c->after.body, c->before.row.body)) return NACRE_OK;
    if (!collection->program || !schema_is_pure(collection->program))
        return err_set(
            &t->ctx, NACRE_CONFLICT,
            "the schema of collection %s, which has patterns, was changed at this moment",
            collection->name);
    TRY(filled(t, c));
    return schema_validate(&t->ctx, collection->program, val_bytes(VAL_OBJECT, c->after.body));
}
