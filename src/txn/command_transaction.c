// COMMAND_TRANSACTION as bytes: docs/format/command.md.
#include "base/bits/bits.h"
#include "catalog/keyspace.h"
#include "txn/command.h"

static nacre_status malformed(struct ctx *ctx) {
    return err_set(ctx, NACRE_CORRUPT, "a logged transaction is malformed");
}

void command_transaction_encode(struct buf *out, const struct command_transaction *c) {
    buf_put_u8(out, (uint8_t)c->flags);
    buf_put_le64(out, c->read_ts);
    buf_put_le64(out, c->began_ms);
    buf_put_varint(out, c->key_count);
    for (uint32_t i = 0; i < c->key_count; i++) {
        buf_put_bytes(out, c->keys[i].key);
        buf_put_le64(out, c->keys[i].begin_ts);
    }
    buf_put_varint(out, c->range_count);
    for (uint32_t i = 0; i < c->range_count; i++) {
        buf_put_bytes(out, c->ranges[i].lower);
        buf_put_bytes(out, c->ranges[i].upper);
        buf_put_varint(out, c->ranges[i].count);
    }
    buf_put_varint(out, c->tablet_count);
    for (uint32_t i = 0; i < c->tablet_count; i++)
        buf_put_varint(out, c->tablets[i]);
    buf_put_varint(out, c->op_count);
    buf_put_slice(out, c->encoded);
    for (uint32_t i = 0; i < c->op_count && !c->encoded.n; i++)
        command_op_encode(out, &c->ops[i]);
}

static bool take_key(struct slice *in, struct transaction_key *out) {
    if (!bits_take_bytes(in, &out->key) || !bits_take_le64(in, &out->begin_ts)) return false;
    if (out->key.n <= KEYSPACE_PREFIX) return false;
    uint8_t kind = out->key.p[4];
    return kind == KIND_DOCUMENT || kind == KIND_UNIQUE || kind == KIND_MULTIKEY;
}

// Of documents, or of one index.
static bool take_range(struct slice *in, struct transaction_range *out) {
    if (!bits_take_bytes(in, &out->lower) || !bits_take_bytes(in, &out->upper) ||
        !bits_take_varint(in, &out->count))
        return false;
    const struct slice *l = &out->lower, *u = &out->upper;
    if (l->n < KEYSPACE_PREFIX || u->n < KEYSPACE_PREFIX || slice_cmp(*l, *u) >= 0) return false;
    return memcmp(l->p, u->p, 4) == 0 && (l->p[4] == KIND_DOCUMENT || l->p[4] == KIND_INDEX) &&
           (u->p[4] == l->p[4] || (u->p[4] == l->p[4] + 1 && u->n == KEYSPACE_PREFIX));
}

// The count of a list, of which each item takes at least item_bytes.
static bool take_count(struct slice *in, size_t item_bytes, uint32_t *out) {
    return bits_take_varint32(in, out) && *out <= in->n / item_bytes;
}

static nacre_status take_seen(struct ctx *ctx, struct slice *in, struct command_transaction *out) {
    if (!take_count(in, 1 + KEYSPACE_PREFIX + 8, &out->key_count)) return malformed(ctx);
    out->keys = ARENA_ARRAY(&ctx->arena, struct transaction_key, out->key_count + 1u);
    if (!out->keys) return err_nomem(ctx);
    for (uint32_t i = 0; i < out->key_count; i++)
        if (!take_key(in, &out->keys[i])) return malformed(ctx);
    if (!take_count(in, 2 * (size_t)KEYSPACE_PREFIX, &out->range_count)) return malformed(ctx);
    out->ranges = ARENA_ARRAY(&ctx->arena, struct transaction_range, out->range_count + 1u);
    if (!out->ranges) return err_nomem(ctx);
    for (uint32_t i = 0; i < out->range_count; i++)
        if (!take_range(in, &out->ranges[i])) return malformed(ctx);
    if (!take_count(in, 1, &out->tablet_count)) return malformed(ctx);
    out->tablets = ARENA_ARRAY(&ctx->arena, uint32_t, out->tablet_count + 1u);
    if (!out->tablets) return err_nomem(ctx);
    for (uint32_t i = 0; i < out->tablet_count; i++)
        if (!bits_take_varint32(in, &out->tablets[i])) return malformed(ctx);
    return NACRE_OK;
}

nacre_status command_transaction_decode(struct ctx *ctx, struct slice in,
                                        struct command_transaction *out) {
    uint8_t flags;
    *out = (struct command_transaction){0};
    if (!bits_take_u8(&in, &flags) || flags > (TRANSACTION_SERIALIZABLE | TRANSACTION_RANGES) ||
        !bits_take_le64(&in, &out->read_ts) || !bits_take_le64(&in, &out->began_ms))
        return malformed(ctx);
    out->flags = flags;
    TRY(take_seen(ctx, &in, out));
    if ((out->range_count != 0) != ((flags & TRANSACTION_RANGES) != 0)) return malformed(ctx);
    if (!take_count(&in, 4, &out->op_count) || out->op_count > TRANSACTION_OPS_MAX)
        return malformed(ctx);
    out->ops = ARENA_ARRAY(&ctx->arena, struct write_op, out->op_count + 1u);
    if (!out->ops) return err_nomem(ctx);
    for (uint32_t i = 0; i < out->op_count; i++)
        if (!command_op_decode(&in, &out->ops[i]) || (out->ops[i].flags & WRITE_AGAIN))
            return malformed(ctx);
    return in.n ? malformed(ctx) : NACRE_OK;
}
