#include "query/cursor.h"

#include "base/bits/bits.h"
#include "doc/key.h"

enum { CURSOR_FORMAT = 1, CURSOR_HEAD = 1 + 8 + 8 + 4, CURSOR_TAIL = 4 };

uint64_t cursor_sort_hash(const struct sort_spec *sort) {
    uint64_t hash = 0;
    for (uint32_t i = 0; i < sort->count; i++) {
        const struct sort_term *term = &sort->terms[i];
        uint8_t head[2] = {term->descending, (uint8_t)term->path.count};
        hash = hash_bytes_seed(head, sizeof head, hash);
        for (uint32_t k = 0; k < term->path.count; k++)
            hash = hash_bytes_seed(term->path.parts[k].name.p, term->path.parts[k].name.n, hash);
    }
    return hash;
}

static void put_bytes(struct buf *out, const struct cursor_scope *scope, struct slice key) {
    buf_put_u8(out, CURSOR_FORMAT);
    buf_put_le64(out, scope->filter_hash);
    buf_put_le64(out, scope->sort_hash);
    buf_put_le32(out, scope->collection_id);
    buf_put_slice(out, key);
    if (buf_status(out) == NACRE_OK) buf_put_le32(out, crc32c(0, out->p, out->n));
}

void cursor_write(struct buf *out, const struct cursor_scope *scope, struct slice key) {
    struct buf bytes BUF_CLEANUP = {0};
    buf_init(&bytes, out->budget, out->max);
    put_bytes(&bytes, scope, key);
    if (buf_status(&bytes) != NACRE_OK) {
        if (out->status == NACRE_OK) out->status = bytes.status;
        return;
    }
    char *text = (char *)buf_reserve(out, (bytes.n + 2) / 3 * 4);
    if (text) out->n += base64url_encode(bytes.p, bytes.n, text);
}

static nacre_status bad(struct ctx *ctx, const char *detail, const char *got) {
    nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT, "%s", detail);
    err_expected(ctx, "/cursor", "the next_cursor of an answer", got);
    return status;
}

// One component per term, then the typed id, and nothing more.
static bool is_sort_key(struct slice key, const struct sort_spec *sort) {
    for (uint32_t i = 0; i < sort->count; i++) {
        size_t n = key_component_size(key, sort->terms[i].descending);
        if (n == 0) return false;
        key = slice_skip(key, n);
    }
    return key.n > 0 && key_component_size(key, false) == key.n;
}

static nacre_status check(struct ctx *ctx, struct slice bytes, const struct cursor_scope *scope,
                          const struct sort_spec *sort, struct slice *out) {
    if (bytes.n < CURSOR_HEAD + CURSOR_TAIL)
        return bad(ctx, "the cursor is malformed", "a text that is too short");
    size_t body = bytes.n - CURSOR_TAIL;
    if (bits_le32(bytes.p + body) != crc32c(0, bytes.p, body))
        return bad(ctx, "the cursor is malformed", "a text that was changed");
    if (bytes.p[0] != CURSOR_FORMAT)
        return bad(ctx, "the cursor is of another version of the program", "an unknown format");
    if (bits_le64(bytes.p + 1) != scope->filter_hash)
        return bad(ctx, "the cursor belongs to another filter", "a cursor of another filter");
    if (bits_le64(bytes.p + 9) != scope->sort_hash)
        return bad(ctx, "the cursor belongs to another sort", "a cursor of another sort");
    if (bits_le32(bytes.p + 17) != scope->collection_id)
        return bad(ctx, "the cursor belongs to another collection",
                   "a cursor of another collection");
    *out = slice_of(bytes.p + CURSOR_HEAD, body - CURSOR_HEAD);
    return is_sort_key(*out, sort) ? NACRE_OK
                                   : bad(ctx, "the cursor is malformed", "no place in the order");
}

nacre_status cursor_read(struct ctx *ctx, struct slice token, const struct cursor_scope *scope,
                         const struct sort_spec *sort, struct slice *out) {
    size_t n;
    uint8_t *bytes = arena_alloc(&ctx->arena, 3 * (token.n / 4) + 3);
    if (!bytes) return err_nomem(ctx);
    if (!base64url_decode(token, bytes, &n))
        return bad(ctx, "the cursor is malformed", "a text that is no cursor");
    return check(ctx, slice_of(bytes, n), scope, sort, out);
}
