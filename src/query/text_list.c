#include "query/text_list.h"

#include "doc/bson.h"

static struct slice trimmed(struct slice s) {
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = slice_skip(s, 1);
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static struct slice next_part(struct slice *rest) {
    const uint8_t *comma = rest->n ? memchr(rest->p, ',', rest->n) : NULL;
    size_t n = comma ? (size_t)(comma - rest->p) : rest->n;
    struct slice part = slice_of(rest->p, n);
    *rest = slice_skip(*rest, comma ? n + 1 : n);
    return trimmed(part);
}

static void write_parts(struct buf *out, struct slice text) {
    struct bson_writer w;
    bson_begin(&w, out);
    bson_open_array(&w, SLICE_LIT(""));
    struct slice rest = text;
    bool more = trimmed(text).n > 0;
    while (more) {
        more = rest.n && memchr(rest.p, ',', rest.n);
        bson_put(&w, SLICE_LIT(""), val_str(next_part(&rest)));
    }
    bson_close(&w);
    bson_end(&w);
}

nacre_status text_list_keep(struct ctx *ctx, struct val array, struct val *out) {
    const uint8_t *copy = arena_copy(&ctx->arena, array.p, array.n);
    if (!copy) return err_nomem(ctx);
    *out = val_bytes(array.type, slice_of(copy, array.n));
    return NACRE_OK;
}

nacre_status text_list(struct ctx *ctx, struct slice text, struct val *out) {
    struct buf bson BUF_CLEANUP = {0};
    buf_init(&bson, ctx->arena.budget, DOC_BYTES_MAX);
    write_parts(&bson, text);
    if (buf_status(&bson) != NACRE_OK) return err_buf(ctx, &bson);
    return text_list_keep(ctx, bson_find(buf_slice(&bson), SLICE_LIT("")), out);
}
