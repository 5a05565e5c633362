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
