// Foreign bytes as keys. First byte: bit 0 descending, bits 1 and 2 the type bits; the rest is a
// row of components. What has a size lies within the input; what decodes encodes to the same bytes
// again, and orders as its bytes do.
#include "base/err/check.h"
#include "base/err/ctx.h"
#include "doc/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_component(struct ctx *ctx, struct slice in, size_t size, bool descending,
                            struct val v) {
    BUF_CLEANUP struct buf again;
    buf_init(&again, NULL, SIZE_MAX / 2);
    uint8_t first = descending ? (uint8_t)~in.p[0] : in.p[0];
    if (v.type == VAL_MISSING || first == 0x08)
        return; // cut, or the empty array that sorts before null
    enum key_type_bits bits = key_put(&again, v, descending);
    CHECK(slice_eq(buf_slice(&again), slice_of(in.p, size)));
    struct slice key = buf_slice(&again);
    struct val back;
    CHECK(key_decode(ctx, &key, descending, bits, &back) == NACRE_OK && val_cmp(v, back) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    bool descending = data[0] & 1;
    enum key_type_bits bits = (enum key_type_bits)(data[0] >> 1 & 3);
    struct slice in = slice_of(data + 1, size - 1);
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX / 2);
    struct val last = val_missing();
    while (in.n) {
        size_t n = key_component_size(in, descending);
        CHECK(n <= in.n);
        struct slice rest = in;
        struct val v = val_missing();
        nacre_status status = key_decode(&ctx, &rest, descending, bits, &v);
        CHECK(status == NACRE_OK || status == NACRE_CORRUPT);
        if (status != NACRE_OK) {
            CHECK(rest.p == in.p && rest.n == in.n);
            break;
        }
        CHECK(n > 0 && rest.n == in.n - n);
        check_component(&ctx, in, n, descending, v);
        CHECK(val_cmp(last, v) == -val_cmp(v, last) || val_cmp(last, v) * val_cmp(v, last) < 0);
        last = v;
        in = rest;
    }
    ctx_free(&ctx);
    return 0;
}
