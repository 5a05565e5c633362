// The bytes of COMMAND_CHUNK. Filter and patch of a chunk stand in its first operation; the others
// say that theirs are the same.
#include "base/bits/bits.h"
#include "txn/command.h"

void command_chunk_encode(struct buf *out, const struct command_chunk *c) {
    command_idempotency_encode(out, &c->idempotency);
    buf_put_bytes(out, c->after);
    buf_put_u8(out, c->last);
    buf_put_varint(out, c->found);
    buf_put_varint(out, c->op_count);
    for (uint32_t i = 0; i < c->op_count; i++)
        command_op_encode(out, &c->ops[i]);
}

static nacre_status malformed(struct ctx *ctx) {
    return err_set(ctx, NACRE_CORRUPT, "a logged chunk command is malformed");
}

// before: NULL for the first.
static bool take_op(struct slice *in, const struct write_op *before, struct write_op *op) {
    if (!command_op_decode(in, op)) return false;
    if (op->kind != WRITE_PATCH && op->kind != WRITE_DELETE) return false;
    if (!(op->flags & WRITE_AGAIN)) return true;
    if (!before || before->kind != op->kind) return false;
    op->filter = before->filter;
    op->patch_kind = before->patch_kind;
    op->body = before->body;
    return true;
}

nacre_status command_chunk_decode(struct ctx *ctx, struct slice in, struct command_chunk *out) {
    uint8_t last;
    *out = (struct command_chunk){0};
    if (!command_idempotency_decode(&in, &out->idempotency) || !bits_take_bytes(&in, &out->after) ||
        !bits_take_u8(&in, &last) || last > 1 || !bits_take_varint(&in, &out->found) ||
        !bits_take_varint32(&in, &out->op_count) || out->op_count > TRANSACTION_OPS_MAX ||
        out->op_count > in.n)
        return malformed(ctx);
    out->last = last;
    out->ops = ARENA_ARRAY(&ctx->arena, struct write_op, out->op_count + 1u);
    if (!out->ops) return err_nomem(ctx);
    for (uint32_t i = 0; i < out->op_count; i++)
        if (!take_op(&in, i ? &out->ops[i - 1] : NULL, &out->ops[i])) return malformed(ctx);
    return in.n ? malformed(ctx) : NACRE_OK;
}
