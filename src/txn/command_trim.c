// The bytes of COMMAND_TRIM. Keys come in their order; each leaves out what it shares with the one
// before.
#include "base/bits/bits.h"
#include "txn/command.h"

enum { TRIM_KEY_MAX = 32768 }; // more than 16 components and an id take

static size_t shared(struct slice a, struct slice b) {
    size_t n = 0;
    while (n < a.n && n < b.n && a.p[n] == b.p[n])
        n++;
    return n;
}

void command_trim_encode(struct buf *out, const struct command_trim *c) {
    struct slice before = {0};
    buf_put_varint(out, c->tablet);
    buf_put_le64(out, c->from_ts);
    buf_put_u8(out, c->done);
    buf_put_varint(out, c->count);
    for (uint32_t i = 0; i < c->count; i++) {
        size_t n = shared(before, c->keys[i]);
        buf_put_varint(out, n);
        buf_put_bytes(out, slice_skip(c->keys[i], n));
        before = c->keys[i];
    }
}

static nacre_status malformed(struct ctx *ctx) {
    return err_set(ctx, NACRE_CORRUPT, "a logged trim command is malformed");
}

static nacre_status take_key(struct ctx *ctx, struct slice *in, struct slice before,
                             struct slice *out) {
    uint64_t n;
    struct slice rest;
    if (!bits_take_varint(in, &n) || n > before.n || !bits_take_bytes(in, &rest) ||
        n + rest.n > TRIM_KEY_MAX)
        return malformed(ctx);
    uint8_t *p = arena_alloc(&ctx->arena, (size_t)n + rest.n + 1);
    if (!p) return err_nomem(ctx);
    if (n) memcpy(p, before.p, (size_t)n);
    if (rest.n) memcpy(p + n, rest.p, rest.n);
    *out = slice_of(p, (size_t)n + rest.n);
    return NACRE_OK;
}

nacre_status command_trim_decode(struct ctx *ctx, struct slice in, struct command_trim *out) {
    uint8_t done;
    struct slice before = {0};
    *out = (struct command_trim){0};
    if (!bits_take_varint32(&in, &out->tablet) || !bits_take_le64(&in, &out->from_ts) ||
        !bits_take_u8(&in, &done) || done > 1 || !bits_take_varint32(&in, &out->count) ||
        out->count > TRIM_KEYS_MAX || out->count > in.n)
        return malformed(ctx);
    out->done = done;
    out->keys = ARENA_ARRAY(&ctx->arena, struct slice, out->count + 1u);
    if (!out->keys) return err_nomem(ctx);
    for (uint32_t i = 0; i < out->count; i++) {
        TRY(take_key(ctx, &in, before, &out->keys[i]));
        before = out->keys[i];
    }
    return in.n ? malformed(ctx) : NACRE_OK;
}
