#include "lib/lib_token.h"

#include "base/bits/bits.h"
#include "base/err/check.h"
#include "base/mem/buf.h"

enum { TOKEN_BYTES_MAX = 10 + 10 + 5 + 1 };

static void print(struct buf *bytes, char out[LIB_TOKEN_MAX]) {
    buf_put_u8(bytes, (uint8_t)crc32c(0, bytes->p, bytes->n));
    CHECK(bytes->status == NACRE_OK && bytes->n <= TOKEN_BYTES_MAX);
    out[base64url_encode(bytes->p, bytes->n, out)] = '\0';
}

void lib_token_print(uint64_t generation, uint64_t seq, char out[LIB_TOKEN_MAX]) {
    uint8_t room[TOKEN_BYTES_MAX + 8];
    struct buf bytes = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_put_varint(&bytes, generation);
    buf_put_varint(&bytes, seq);
    print(&bytes, out);
}

void lib_token_print_place(uint64_t generation, struct feed_place place, char out[LIB_TOKEN_MAX]) {
    uint8_t room[TOKEN_BYTES_MAX + 8];
    struct buf bytes = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_put_varint(&bytes, generation);
    buf_put_varint(&bytes, place.seq);
    buf_put_varint(&bytes, place.i);
    print(&bytes, out);
}

static bool parse(struct slice text, struct lib_token *out) {
    uint8_t bytes[LIB_TOKEN_MAX];
    size_t n;
    if (text.n >= LIB_TOKEN_MAX || !base64url_decode(text, bytes, &n) || n < 1) return false;
    if (bytes[n - 1] != (uint8_t)crc32c(0, bytes, n - 1)) return false;
    struct slice in = slice_of(bytes, n - 1);
    *out = (struct lib_token){.place.i = UINT32_MAX, .of_write = true};
    if (!bits_take_varint(&in, &out->generation) || !bits_take_varint(&in, &out->place.seq))
        return false;
    if (!in.n) return true;
    out->of_write = false;
    return bits_take_varint32(&in, &out->place.i) && !in.n;
}

nacre_status lib_token_parse(struct ctx *ctx, struct slice text, struct lib_token *out) {
    if (parse(text, out)) return NACRE_OK;
    nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT,
                                  "since is no token; expected the seq of a change or the sequence "
                                  "of a write");
    err_parameter(ctx, "since");
    return status;
}
