#include "txn/result.h"

#include "base/bits/bits.h"

static bool take_status(struct slice *in, nacre_status *out) {
    uint32_t v;
    if (!bits_take_varint32(in, &v)) return false;
    *out = (nacre_status)v;
    return true;
}

void result_encode(struct buf *out, const struct result *r) {
    buf_put_varint(out, (uint64_t)r->status);
    buf_put_varint(out, r->flags);
    buf_put_varint(out, r->failed_op);
    buf_put_varint(out, r->seq);
    buf_put_varint(out, r->commit_ts);
    buf_put_varint(out, r->generation);
    buf_put_bytes(out, r->error);
    buf_put_varint(out, r->count);
    for (uint32_t i = 0; i < r->count; i++) {
        const struct op_result *op = &r->ops[i];
        buf_put_varint(out, (uint64_t)op->status);
        buf_put_varint(out, op->flags);
        buf_put_varint(out, op->version);
        buf_put_varint(out, op->begin_ts);
        buf_put_bytes(out, op->id_key);
        buf_put_bytes(out, op->row);
        buf_put_bytes(out, op->error);
    }
}

static bool take_op(struct slice *in, struct op_result *op) {
    return take_status(in, &op->status) && bits_take_varint32(in, &op->flags) &&
           bits_take_varint(in, &op->version) && bits_take_varint(in, &op->begin_ts) &&
           bits_take_bytes(in, &op->id_key) && bits_take_bytes(in, &op->row) &&
           bits_take_bytes(in, &op->error);
}

nacre_status result_decode(struct ctx *ctx, struct slice in, struct result *out) {
    *out = (struct result){0};
    if (!take_status(&in, &out->status) || !bits_take_varint32(&in, &out->flags) ||
        !bits_take_varint32(&in, &out->failed_op) || !bits_take_varint(&in, &out->seq) ||
        !bits_take_varint(&in, &out->commit_ts) || !bits_take_varint(&in, &out->generation) ||
        !bits_take_bytes(&in, &out->error) || !bits_take_varint32(&in, &out->count) ||
        out->count > in.n)
        return err_set(ctx, NACRE_CORRUPT, "a stored result is malformed");
    out->ops = ARENA_ARRAY(&ctx->arena, struct op_result, out->count + 1u);
    if (!out->ops) return err_nomem(ctx);
    for (uint32_t i = 0; i < out->count; i++)
        if (!take_op(&in, &out->ops[i]))
            return err_set(ctx, NACRE_CORRUPT, "a stored result is malformed");
    return NACRE_OK;
}

void result_error_put(struct buf *out, const struct err *err) {
    buf_put_varint(out, (uint64_t)err->status);
    buf_put_bytes(out, slice_str(err->detail));
    buf_put_bytes(out, slice_str(err->hint));
    buf_put_u8(out, err->has_current_version);
    buf_put_varint(out, err->current_version);
    buf_put_varint(out, err->item_count);
    for (uint32_t i = 0; i < err->item_count; i++) {
        buf_put_bytes(out, slice_str(err->items[i].pointer));
        buf_put_bytes(out, slice_str(err->items[i].expected));
        buf_put_bytes(out, slice_str(err->items[i].got));
    }
    if (err->suggestion_count) buf_put_varint(out, err->suggestion_count);
    for (uint32_t i = 0; i < err->suggestion_count; i++)
        buf_put_bytes(out, slice_str(err->suggestions[i]));
}

static bool take_text(struct slice *in, char text[ERR_DETAIL_MAX]) {
    struct slice s;
    if (!bits_take_bytes(in, &s) || s.n >= ERR_DETAIL_MAX) return false;
    if (s.n) memcpy(text, s.p, s.n);
    text[s.n] = 0;
    return true;
}

static bool raise_items(struct ctx *ctx, struct slice *in) {
    char pointer[ERR_DETAIL_MAX], expected[ERR_DETAIL_MAX], got[ERR_DETAIL_MAX];
    uint32_t count;
    if (!bits_take_varint32(in, &count) || count > ERR_ITEMS_MAX) return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!take_text(in, pointer) || !take_text(in, expected) || !take_text(in, got))
            return false;
        err_expected(ctx, pointer, expected, got);
    }
    return true;
}

static bool raise_suggestions(struct ctx *ctx, struct slice *in) {
    char text[ERR_DETAIL_MAX];
    uint32_t count = 0;
    if (in->n && (!bits_take_varint32(in, &count) || count > ERR_SUGGESTIONS_MAX)) return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!take_text(in, text)) return false;
        err_suggest(ctx, text);
    }
    return true;
}

nacre_status result_error_raise(struct ctx *ctx, struct slice in) {
    char detail[ERR_DETAIL_MAX], hint[ERR_DETAIL_MAX];
    nacre_status status;
    uint8_t has_version;
    uint64_t version;
    if (!take_status(&in, &status) || status == NACRE_OK || !take_text(&in, detail) ||
        !take_text(&in, hint) || !bits_take_u8(&in, &has_version) ||
        !bits_take_varint(&in, &version))
        return err_set(ctx, NACRE_CORRUPT, "a stored error is malformed");
    nacre_status raised = err_set(ctx, status, "%s", detail);
    if (hint[0]) err_hint(ctx, "%s", hint);
    if (has_version) err_version(ctx, version);
    if (!raise_items(ctx, &in) || !raise_suggestions(ctx, &in))
        return err_set(ctx, NACRE_CORRUPT, "a stored error is malformed");
    return raised;
}
