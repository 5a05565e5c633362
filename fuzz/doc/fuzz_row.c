// Stored rows: the first byte is the length of the key, then key and row. Decoded with a checksum
// made right, so that the search gets behind it; what is accepted encodes to the same bytes.
#include <stdint.h>
#include <stdlib.h>

#include "base/bits/bits.h"
#include "base/err/ctx.h"
#include "doc/footer.h"
#include "doc/row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CRC_AT = 38, HEADER_SIZE = 42 };

static void must(bool holds) {
    if (!holds) abort();
}

static void encode_again(struct slice key, const struct row *row, struct slice bytes) {
    struct buf out;
    buf_init(&out, NULL, 1 << 24);
    row_encode(&out, key, row);
    must(buf_status(&out) == NACRE_OK);
    must(slice_eq(buf_slice(&out), bytes));
    buf_free(&out);
}

static void check_body(struct ctx *ctx, const struct row *row) {
    struct doc_sys sys;
    struct doc doc;
    row_doc(row, 1000, &sys, &doc);
    if (row->flags & ROW_DELETED || bson_validate(ctx, doc.body) != NACRE_OK) return;
    if (footer_validate(ctx, doc.body, doc.footer) != NACRE_OK) return;
    struct path path;
    uint8_t scratch[64];
    must(path_parse(ctx, SLICE_LIT("a.b"), &path) == NACRE_OK);
    (void)doc_get(&doc, &path, scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || size - 1 < data[0]) return 0;
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 1 << 26);
    struct slice key = slice_of(data + 1, data[0]), in = slice_of(key.p + key.n, size - 1 - key.n);
    uint8_t *bytes = mem_alloc(in.n + 1);
    memcpy(bytes, in.p, in.n);
    struct row row;
    (void)!row_decode(&ctx, key, in, true, &row);
    if (in.n >= HEADER_SIZE) {
        uint32_t crc = crc32c(crc32c(0, key.p, key.n), bytes, CRC_AT);
        bits_put_le32(bytes + CRC_AT, crc32c(crc, bytes + HEADER_SIZE, in.n - HEADER_SIZE));
    }
    if (row_decode(&ctx, key, slice_of(bytes, in.n), true, &row) == NACRE_OK) {
        encode_again(key, &row, slice_of(bytes, in.n));
        check_body(&ctx, &row);
    }
    mem_free(bytes);
    ctx_free(&ctx);
    return 0;
}
