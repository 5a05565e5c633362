// Idempotency records: written in the batch of the mutation they belong to, kept for a day.
// Bytes (docs/format/command.md): format u8 = 1 · body_hash u64 · due_ms u64 · crc32c u32 (of the
// rest) · result.
#include "txn/apply.h"

#include "base/bits/bits.h"

enum { RECORD_FORMAT = 1, RECORD_HEAD = 1 + 8 + 8 + 4 };

static void scope_key(struct buf *out, uint32_t tablet,
                      const uint8_t scope[IDEMPOTENCY_SCOPE_SIZE]) {
    buf_reset(out);
    keyspace_prefix(out, tablet, KIND_IDEMPOTENCY);
    buf_put(out, scope, IDEMPOTENCY_SCOPE_SIZE);
}

static uint32_t record_crc(struct slice value) {
    uint32_t crc = crc32c(0, value.p, RECORD_HEAD - 4);
    return crc32c(crc, value.p + RECORD_HEAD, value.n - RECORD_HEAD);
}

struct record {
    bool found;
    uint64_t body_hash, due_ms;
    struct slice result; // in the arena
};

static nacre_status open_record(struct txn *t, struct slice value, struct record *out) {
    if (value.n < RECORD_HEAD || value.p[0] != RECORD_FORMAT ||
        bits_le32(value.p + 17) != record_crc(value))
        return err_set(&t->ctx, NACRE_CORRUPT, "an idempotency record is damaged");
    const uint8_t *p = arena_copy(&t->ctx.arena, value.p, value.n);
    if (!p) return err_nomem(&t->ctx);
    out->body_hash = bits_le64(p + 1);
    out->due_ms = bits_le64(p + 9);
    out->result = slice_of(p + RECORD_HEAD, value.n - RECORD_HEAD);
    return NACRE_OK;
}

static nacre_status read_record(struct txn *t, const struct command_idempotency *i,
                                struct record *out) {
    struct overlay_kv overlay;
    struct kv_pin pin;
    *out = (struct record){0};
    scope_key(&t->key, i->tablet, i->scope);
    TRY(buf_status(&t->key));
    overlay_open(&overlay, t);
    TRY(overlay.ops.get(&overlay.kv, &t->ctx, NULL, KV_DATA, buf_slice(&t->key), &pin,
                        &out->found));
    if (!out->found) return NACRE_OK;
    nacre_status status = open_record(t, pin.value, out);
    overlay.ops.unpin(&overlay.kv, &pin);
    return status;
}

nacre_status apply_replay(struct txn *t, const struct command_idempotency *i, struct result *out,
                          bool *replayed) {
    struct record record;
    *replayed = false;
    if (!i->present) return NACRE_OK;
    TRY(read_record(t, i, &record));
    if (!record.found) return NACRE_OK;
    if (record.body_hash != i->body_hash)
        return err_set(&t->ctx, NACRE_IDEMPOTENCY_KEY_REUSED,
                       "this Idempotency-Key came with another request before");
    TRY(result_decode(&t->ctx, record.result, out));
    out->flags |= RESULT_REPLAYED;
    *replayed = true;
    return NACRE_OK;
}

static bool drop_rows(struct result *copy) {
    bool dropped = false;
    for (uint32_t k = 0; k < copy->count; k++) {
        dropped |= copy->ops[k].row.n != 0;
        copy->ops[k].row = slice_of(NULL, 0);
    }
    return dropped;
}

// The encoded result without bodies if they make it too large; without results of items if it still
// is.
static nacre_status encode_small(struct txn *t, const struct result *result, struct buf *out) {
    struct result copy = *result;
    copy.ops = ARENA_ARRAY(&t->ctx.arena, struct op_result, result->count + 1u);
    if (!copy.ops) return err_nomem(&t->ctx);
    if (result->count) memcpy(copy.ops, result->ops, result->count * sizeof *copy.ops);
    copy.seq = t->position.seq + 1;
    copy.commit_ts = t->commit_ts;
    size_t start = out->n;
    result_encode(out, &copy);
    if (out->n - start > IDEMPOTENCY_RESULT_MAX && drop_rows(&copy)) {
        out->n = start;
        result_encode(out, &copy);
    }
    if (out->n - start > IDEMPOTENCY_RESULT_MAX) {
        out->n = start;
        copy.failed_op = copy.count; // none has failed: it tells how many there were
        copy.count = 0;
        result_encode(out, &copy);
    }
    return buf_status(out);
}

static nacre_status put_record(struct txn *t, const struct command_idempotency *i,
                               const struct result *result) {
    uint64_t due_ms = apply_now_ms(t) + IDEMPOTENCY_KEEP_MS;
    uint8_t head[RECORD_HEAD] = {RECORD_FORMAT};
    bits_put_le64(head + 1, i->body_hash);
    bits_put_le64(head + 9, due_ms);
    buf_reset(&t->body);
    buf_put(&t->body, head, sizeof head);
    TRY(encode_small(t, result, &t->body));
    bits_put_le32(t->body.p + 17, record_crc(buf_slice(&t->body)));
    scope_key(&t->key, i->tablet, i->scope);
    size_t from = t->batch.bytes.n;
    kv_batch_put(&t->batch, KV_DATA, buf_slice(&t->key), buf_slice(&t->body));
    if (t->use_overlay) TRY(overlay_absorb(t, from));
    struct slice scope = slice_of(i->scope, sizeof i->scope);
    apply_due_put(t, i->tablet, due_ms, DUE_IDEMPOTENCY, scope);
    return apply_due_note(t, i->tablet, due_ms);
}

nacre_status apply_remember(struct txn *t, const struct command_idempotency *i,
                            const struct result *result) {
    return i->present ? put_record(t, i, result) : NACRE_OK;
}

nacre_status apply_remember_anew(struct txn *t, const struct command_idempotency *i,
                                 const struct result *result) {
    struct record before;
    if (!i->present) return NACRE_OK;
    TRY(read_record(t, i, &before));
    if (before.found)
        apply_due_delete(t, i->tablet, before.due_ms, DUE_IDEMPOTENCY,
                         slice_of(i->scope, sizeof i->scope));
    return put_record(t, i, result);
}

nacre_status apply_forget_record(struct txn *t, uint32_t tablet, struct slice scope,
                                 uint64_t due_ms) {
    struct command_idempotency i = {.tablet = tablet};
    struct record record;
    if (scope.n != sizeof i.scope)
        return err_set(&t->ctx, NACRE_CORRUPT, "a logged expire command carries a malformed key");
    memcpy(i.scope, scope.p, sizeof i.scope);
    TRY(read_record(t, &i, &record));
    if (!record.found || record.due_ms != due_ms) return NACRE_OK;
    scope_key(&t->key, tablet, i.scope);
    size_t from = t->batch.bytes.n;
    kv_batch_delete(&t->batch, KV_DATA, buf_slice(&t->key));
    return t->use_overlay ? overlay_absorb(t, from) : NACRE_OK;
}
