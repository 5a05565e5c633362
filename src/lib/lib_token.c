#include "lib/lib_token.h"

#include "base/bits/bits.h"
#include "base/err/check.h"
#include "base/mem/buf.h"

enum { TOKEN_BYTES_MAX = 21 };

void lib_token_print(uint64_t generation, uint64_t seq, char out[LIB_TOKEN_MAX]) {
    uint8_t room[TOKEN_BYTES_MAX + 8];
    struct buf bytes = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_put_varint(&bytes, generation);
    buf_put_varint(&bytes, seq);
    buf_put_u8(&bytes, (uint8_t)crc32c(0, bytes.p, bytes.n));
    CHECK(bytes.status == NACRE_OK && bytes.n <= TOKEN_BYTES_MAX);
    out[base64url_encode(bytes.p, bytes.n, out)] = '\0';
}

bool lib_token_parse(struct slice text, uint64_t *out_generation, uint64_t *out_seq) {
    uint8_t room[LIB_TOKEN_MAX];
    size_t n;
    uint64_t generation, seq;
    if (text.n < 4 || text.n >= LIB_TOKEN_MAX || !base64url_decode(text, room, &n)) return false;
    struct slice rest = slice_of(room, n - 1);
    if ((uint8_t)crc32c(0, room, n - 1) != room[n - 1]) return false;
    if (!bits_take_varint(&rest, &generation) || !bits_take_varint(&rest, &seq) || rest.n)
        return false;
    *out_generation = generation;
    *out_seq = seq;
    return true;
}
