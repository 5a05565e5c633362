// COMMAND_STAGE and COMMAND_COMMIT: a command too large for one record travels in pieces kept in
// the state (tablet 0, kind S).
#include "txn/apply.h"

enum { STAGE_TABLET = 0 };

static void stage_prefix(struct buf *out, const uint8_t id[STAGE_ID_SIZE]) {
    buf_reset(out);
    keyspace_prefix(out, STAGE_TABLET, KIND_STAGE);
    buf_put(out, id, STAGE_ID_SIZE);
}

nacre_status apply_stage(struct txn *t, const struct command_stage *c) {
    stage_prefix(&t->key, c->id);
    buf_put_be64(&t->key, c->offset);
    kv_batch_put(&t->batch, KV_DATA, buf_slice(&t->key), c->bytes);
    if (c->offset) return NACRE_OK;
    // Pieces whose commit never comes (their submitter died) go by themselves.
    uint64_t due_ms = apply_now_ms(t) + STAGE_KEEP_MS;
    apply_due_put(t, STAGE_TABLET, due_ms, DUE_STAGE, slice_of(c->id, STAGE_ID_SIZE));
    return apply_due_note(t, STAGE_TABLET, due_ms);
}

static nacre_status incomplete(struct txn *t) {
    return err_set(&t->ctx, NACRE_CONFLICT,
                   "the pieces of a large command are not all there: send it again");
}

static nacre_status gather(struct txn *t, struct kv_iter *it, uint64_t size, uint8_t *out) {
    uint64_t at = 0;
    for (it->ops->seek_first(it); it->valid; it->ops->next(it)) {
        if (it->value.n > size - at) return incomplete(t);
        if (it->value.n) memcpy(out + at, it->value.p, it->value.n);
        at += it->value.n;
    }
    TRY(it->ops->status(it, &t->ctx));
    return at == size ? NACRE_OK : incomplete(t);
}

nacre_status apply_commit(struct txn *t, const struct command_commit *c,
                          struct slice *out_payload) {
    struct kv_iter *it;
    uint8_t *bytes = arena_alloc(&t->ctx.arena, c->size + 1);
    if (!bytes) return err_nomem(&t->ctx);
    stage_prefix(&t->key, c->id);
    buf_reset(&t->scratch);
    buf_put_slice(&t->scratch, buf_slice(&t->key));
    if (!key_prefix_end(&t->scratch)) return incomplete(t);
    struct kv_iter_options options = {.lower = buf_slice(&t->key), .upper = buf_slice(&t->scratch)};
    TRY(t->kv->ops->iter_open(t->kv, &t->ctx, NULL, KV_DATA, &options, &it));
    nacre_status status = gather(t, it, c->size, bytes);
    it->ops->close(it);
    if (status != NACRE_OK) return status;
    kv_batch_delete_range(&t->batch, KV_DATA, buf_slice(&t->key), buf_slice(&t->scratch));
    *out_payload = slice_of(bytes, c->size);
    return NACRE_OK;
}
