// Encoding and decoding of commands. Every field is length-prefixed or of fixed size; decoders take
// the whole payload or refuse it.
#include "txn/command.h"

#include "base/bits/bits.h"

static bool take_bool(struct slice *in, bool *out) {
    uint8_t v;
    if (!bits_take_u8(in, &v) || v > 1) return false;
    *out = v;
    return true;
}

static nacre_status malformed(struct ctx *ctx, const char *what) {
    return err_set(ctx, NACRE_CORRUPT, "a logged %s command is malformed", what);
}

void command_idempotency_encode(struct buf *out, const struct command_idempotency *i) {
    buf_put_u8(out, i->present);
    if (!i->present) return;
    buf_put_varint(out, i->tablet);
    buf_put(out, i->scope, sizeof i->scope);
    buf_put_le64(out, i->body_hash);
}

bool command_idempotency_decode(struct slice *in, struct command_idempotency *out) {
    *out = (struct command_idempotency){0};
    if (!take_bool(in, &out->present)) return false;
    if (!out->present) return true;
    return bits_take_varint32(in, &out->tablet) &&
           bits_take_fixed(in, out->scope, sizeof out->scope) &&
           bits_take_le64(in, &out->body_hash);
}

void lease_encode(struct buf *out, const struct write_lease *l) {
    buf_put_varint(out, l->lease_ms);
    buf_put_bytes(out, l->holder);
    buf_put_bytes(out, l->set);
    buf_put_bytes(out, l->on_expire);
}

bool lease_decode(struct slice in, struct write_lease *out) {
    return bits_take_varint(&in, &out->lease_ms) && bits_take_bytes(&in, &out->holder) &&
           bits_take_bytes(&in, &out->set) && bits_take_bytes(&in, &out->on_expire) && !in.n;
}

static bool has_token(const struct write_op *op) {
    return (op->flags & WRITE_LEASE) || op->kind == WRITE_CLAIM || op->kind == WRITE_LEASE_END;
}

static bool has_body(enum write_kind kind) { return kind <= WRITE_PATCH || kind >= WRITE_CLAIM; }

void command_op_encode(struct buf *out, const struct write_op *op) {
    bool again = op->flags & WRITE_AGAIN;
    buf_put_u8(out, (uint8_t)op->kind);
    buf_put_varint(out, op->flags);
    buf_put_varint(out, op->tablet);
    buf_put_bytes(out, op->id_key);
    if (op->flags & WRITE_IF_VERSIONS) buf_put_bytes(out, op->versions);
    if ((op->flags & WRITE_IF_FILTER) && !again) buf_put_bytes(out, op->filter);
    if (op->flags & WRITE_TTL) buf_put_varint(out, op->ttl_ms);
    if (has_token(op)) buf_put(out, op->token, sizeof op->token);
    if (op->flags & WRITE_SYS) buf_put_bytes(out, op->sys);
    if (op->flags & WRITE_SCHEMA) buf_put_varint(out, op->schema_epoch);
    if (again) return;
    if (op->kind == WRITE_PATCH) buf_put_u8(out, (uint8_t)op->patch_kind);
    if (has_body(op->kind)) buf_put_bytes(out, op->body);
    if (op->kind >= WRITE_CLAIM) buf_put_bytes(out, op->lease);
}

static bool take_op_options(struct slice *in, struct write_op *op) {
    if ((op->flags & WRITE_IF_VERSIONS) &&
        (!bits_take_bytes(in, &op->versions) || op->versions.n % 8 || !op->versions.n ||
         op->versions.n / 8 > COMMAND_VERSIONS_MAX))
        return false;
    bool again = op->flags & WRITE_AGAIN;
    if ((op->flags & WRITE_IF_FILTER) && !again && !bits_take_bytes(in, &op->filter)) return false;
    if ((op->flags & WRITE_TTL) && !bits_take_varint(in, &op->ttl_ms)) return false;
    if (has_token(op) && !bits_take_fixed(in, op->token, sizeof op->token)) return false;
    if ((op->flags & WRITE_SYS) && !bits_take_bytes(in, &op->sys)) return false;
    return !(op->flags & WRITE_SCHEMA) || bits_take_varint32(in, &op->schema_epoch);
}

bool command_op_decode(struct slice *in, struct write_op *op) {
    uint8_t kind, patch_kind = 0;
    *op = (struct write_op){0};
    if (!bits_take_u8(in, &kind) || kind < WRITE_PUT || kind > WRITE_LEASE_END) return false;
    op->kind = (enum write_kind)kind;
    if (!bits_take_varint32(in, &op->flags) || op->flags >= 2 * WRITE_AGAIN) return false;
    if (!bits_take_varint32(in, &op->tablet) || !bits_take_bytes(in, &op->id_key) || !op->id_key.n)
        return false;
    if (!take_op_options(in, op)) return false;
    if (op->flags & WRITE_AGAIN) return op->kind < WRITE_CLAIM;
    if (op->kind == WRITE_PATCH && (!bits_take_u8(in, &patch_kind) || patch_kind < PATCH_MERGE ||
                                    patch_kind > PATCH_OPERATORS))
        return false;
    op->patch_kind = (enum patch_kind)patch_kind;
    if (has_body(op->kind) && !bits_take_bytes(in, &op->body)) return false;
    struct write_lease lease;
    if (op->kind < WRITE_CLAIM) return true;
    return bits_take_bytes(in, &op->lease) &&
           (op->kind == WRITE_LEASE_END ? !op->lease.n : lease_decode(op->lease, &lease));
}

void command_write_encode(struct buf *out, const struct command_write *c) {
    buf_put_u8(out, c->atomic);
    command_idempotency_encode(out, &c->idempotency);
    buf_put_varint(out, c->count);
    for (uint32_t i = 0; i < c->count; i++)
        command_op_encode(out, &c->ops[i]);
}

nacre_status command_write_decode(struct ctx *ctx, struct slice in, struct command_write *out) {
    *out = (struct command_write){0};
    if (!take_bool(&in, &out->atomic) || !command_idempotency_decode(&in, &out->idempotency) ||
        !bits_take_varint32(&in, &out->count) || out->count > WRITE_OPS_MAX)
        return malformed(ctx, "write");
    out->ops = ARENA_ARRAY(&ctx->arena, struct write_op, out->count + 1u);
    if (!out->ops) return err_nomem(ctx);
    for (uint32_t i = 0; i < out->count; i++)
        if (!command_op_decode(&in, &out->ops[i]) || (out->ops[i].flags & WRITE_AGAIN))
            return malformed(ctx, "write");
    return in.n ? malformed(ctx, "write") : NACRE_OK;
}

void command_claim_encode(struct buf *out, const struct command_claim *c) {
    command_idempotency_encode(out, &c->idempotency);
    access_path_write(out, &c->path);
    buf_put_u8(out, c->ordered);
    buf_put_bytes(out, c->sort);
    buf_put_bytes(out, c->filter);
    buf_put_bytes(out, c->set);
    buf_put_bytes(out, c->on_expire);
    buf_put_bytes(out, c->holder);
    buf_put_varint(out, c->lease_ms);
    buf_put(out, c->token, sizeof c->token);
    buf_put_varint(out, c->max_examined);
}

nacre_status command_claim_decode(struct ctx *ctx, struct slice in, struct command_claim *out) {
    *out = (struct command_claim){0};
    if (!command_idempotency_decode(&in, &out->idempotency)) return malformed(ctx, "claim");
    TRY(access_path_read(ctx, &in, &out->path));
    if (!take_bool(&in, &out->ordered) || !bits_take_bytes(&in, &out->sort) ||
        !bits_take_bytes(&in, &out->filter) || !bits_take_bytes(&in, &out->set) ||
        !bits_take_bytes(&in, &out->on_expire) || !bits_take_bytes(&in, &out->holder) ||
        !bits_take_varint(&in, &out->lease_ms) ||
        !bits_take_fixed(&in, out->token, sizeof out->token) ||
        !bits_take_varint32(&in, &out->max_examined) || in.n || out->holder.n > ROW_HOLDER_MAX)
        return malformed(ctx, "claim");
    return NACRE_OK;
}

void command_lease_encode(struct buf *out, const struct command_lease *c) {
    command_idempotency_encode(out, &c->idempotency);
    buf_put_varint(out, c->tablet);
    buf_put_bytes(out, c->id_key);
    buf_put(out, c->token, sizeof c->token);
    buf_put_varint(out, c->lease_ms);
    buf_put_bytes(out, c->set);
}

nacre_status command_lease_decode(struct ctx *ctx, struct slice in, struct command_lease *out) {
    *out = (struct command_lease){0};
    if (!command_idempotency_decode(&in, &out->idempotency) ||
        !bits_take_varint32(&in, &out->tablet) || !bits_take_bytes(&in, &out->id_key) ||
        !bits_take_fixed(&in, out->token, sizeof out->token) ||
        !bits_take_varint(&in, &out->lease_ms) || !bits_take_bytes(&in, &out->set) || in.n)
        return malformed(ctx, "lease");
    return NACRE_OK;
}

void command_expire_encode(struct buf *out, const struct command_expire *c) {
    buf_put_varint(out, c->count);
    for (uint32_t i = 0; i < c->count; i++) {
        buf_put_varint(out, c->items[i].tablet);
        buf_put_bytes(out, c->items[i].due_key);
    }
}

nacre_status command_expire_decode(struct ctx *ctx, struct slice in, struct command_expire *out) {
    *out = (struct command_expire){0};
    if (!bits_take_varint32(&in, &out->count) || out->count > WRITE_OPS_MAX)
        return malformed(ctx, "expire");
    out->items = ARENA_ARRAY(&ctx->arena, struct due_item, out->count + 1u);
    if (!out->items) return err_nomem(ctx);
    for (uint32_t i = 0; i < out->count; i++)
        if (!bits_take_varint32(&in, &out->items[i].tablet) ||
            !bits_take_bytes(&in, &out->items[i].due_key))
            return malformed(ctx, "expire");
    return in.n ? malformed(ctx, "expire") : NACRE_OK;
}

void command_catalog_encode(struct buf *out, const struct command_catalog *c) {
    command_idempotency_encode(out, &c->idempotency);
    buf_put_u8(out, (uint8_t)c->op);
    buf_put_u8(out, c->implicit);
    buf_put_bytes(out, c->database);
    buf_put_bytes(out, c->collection);
    buf_put_bytes(out, c->index);
    buf_put_bytes(out, c->body);
}

nacre_status command_catalog_decode(struct ctx *ctx, struct slice in, struct command_catalog *out) {
    uint8_t op;
    *out = (struct command_catalog){0};
    if (!command_idempotency_decode(&in, &out->idempotency) || !bits_take_u8(&in, &op) ||
        op < CATALOG_CREATE_DATABASE || op > CATALOG_DROP_INDEX ||
        !take_bool(&in, &out->implicit) || !bits_take_bytes(&in, &out->database) ||
        !bits_take_bytes(&in, &out->collection) || !bits_take_bytes(&in, &out->index) ||
        !bits_take_bytes(&in, &out->body) || in.n)
        return malformed(ctx, "catalog");
    out->op = (enum catalog_op)op;
    return NACRE_OK;
}

void command_build_encode(struct buf *out, const struct command_build *c) {
    buf_put_varint(out, c->tablet);
    buf_put_varint(out, c->index_id);
    buf_put_varint(out, c->max_documents);
}

nacre_status command_build_decode(struct ctx *ctx, struct slice in, struct command_build *out) {
    if (!bits_take_varint32(&in, &out->tablet) || !bits_take_varint32(&in, &out->index_id) ||
        !bits_take_varint32(&in, &out->max_documents) || in.n)
        return malformed(ctx, "build");
    return NACRE_OK;
}

void command_stage_encode(struct buf *out, const struct command_stage *c) {
    buf_put(out, c->id, sizeof c->id);
    buf_put_varint(out, c->offset);
    buf_put_bytes(out, c->bytes);
}

nacre_status command_stage_decode(struct ctx *ctx, struct slice in, struct command_stage *out) {
    if (!bits_take_fixed(&in, out->id, sizeof out->id) || !bits_take_varint(&in, &out->offset) ||
        !bits_take_bytes(&in, &out->bytes) || in.n)
        return malformed(ctx, "stage");
    return NACRE_OK;
}

void command_commit_encode(struct buf *out, const struct command_commit *c) {
    buf_put(out, c->id, sizeof c->id);
    buf_put_varint(out, c->size);
    buf_put_varint(out, c->type);
}

nacre_status command_commit_decode(struct ctx *ctx, struct slice in, struct command_commit *out) {
    uint32_t type;
    if (!bits_take_fixed(&in, out->id, sizeof out->id) || !bits_take_varint(&in, &out->size) ||
        !bits_take_varint32(&in, &type) || in.n || out->size > COMMAND_BYTES_MAX ||
        type > COMMAND_TRIM)
        return malformed(ctx, "commit");
    out->type = (uint16_t)type;
    return NACRE_OK;
}

void command_horizon_encode(struct buf *out, const struct command_horizon *c) {
    buf_put_le64(out, c->history_ts);
    buf_put_le64(out, c->changes_ts);
    buf_put_varint(out, c->records_max);
}

nacre_status command_horizon_decode(struct ctx *ctx, struct slice in, struct command_horizon *out) {
    bool whole = bits_take_le64(&in, &out->history_ts) && bits_take_le64(&in, &out->changes_ts);
    out->records_max = HORIZON_RECORDS_MAX;
    if (whole && in.n) whole = bits_take_varint32(&in, &out->records_max);
    return whole && !in.n && out->records_max <= HORIZON_RECORDS_MAX ? NACRE_OK
                                                                     : malformed(ctx, "horizon");
}

void command_schema_encode(struct buf *out, const struct command_schema *c) {
    buf_put_varint(out, c->tablet);
    buf_put_le64(out, c->next_from);
    buf_put_bytes(out, c->after);
    buf_put_bytes(out, c->last);
    buf_put_varint(out, c->documents);
    buf_put_u8(out, c->done);
    buf_put_bytes(out, c->error);
}

nacre_status command_schema_decode(struct ctx *ctx, struct slice in, struct command_schema *out) {
    *out = (struct command_schema){0};
    if (!bits_take_varint32(&in, &out->tablet) || !bits_take_le64(&in, &out->next_from) ||
        !bits_take_bytes(&in, &out->after) || !bits_take_bytes(&in, &out->last) ||
        !bits_take_varint(&in, &out->documents) || !take_bool(&in, &out->done) ||
        !bits_take_bytes(&in, &out->error) || in.n)
        return malformed(ctx, "schema");
    return NACRE_OK;
}
