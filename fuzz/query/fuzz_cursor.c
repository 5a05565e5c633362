// Any text as a cursor, and any bytes sealed as one: refused, or a place in the order that the same
// bytes come back from.
#include "base/bits/bits.h"
#include "base/err/check.h"
#include "query/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_it(struct ctx *ctx, struct slice token, const struct cursor_scope *scope,
                    const struct sort_spec *sort) {
    struct slice key;
    nacre_status status = cursor_read(ctx, token, scope, sort, &key);
    CHECK(status == NACRE_OK || status == NACRE_INVALID_ARGUMENT || status == NACRE_MEMORY_LIMIT);
    if (status != NACRE_OK) return;
    BUF_CLEANUP struct buf again;
    buf_init(&again, NULL, 1u << 20);
    cursor_write(&again, scope, key);
    CHECK(buf_status(&again) == NACRE_OK && slice_eq(buf_slice(&again), token));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ctx ctx;
    struct sort_spec sort = {0};
    if (size < 2 || size > 1u << 16) return 0;
    ctx_init(&ctx, &world_system, NULL, 16u << 20);
    sort.count = data[0] % 4;
    for (uint32_t i = 0; i < sort.count; i++) {
        CHECK(path_parse(&ctx, SLICE_LIT("a"), &sort.terms[i].path) == NACRE_OK);
        sort.terms[i].descending = data[0] >> (4 + i) & 1;
    }
    struct cursor_scope scope = {.sort_hash = cursor_sort_hash(&sort), .collection_id = 3};
    struct slice rest = slice_of(data + 2, size - 2);
    if (data[1] & 1) {
        read_it(&ctx, rest, &scope, &sort);
    } else {
        BUF_CLEANUP struct buf token;
        buf_init(&token, NULL, 1u << 20);
        cursor_write(&token, &scope, rest);
        CHECK(buf_status(&token) == NACRE_OK);
        read_it(&ctx, buf_slice(&token), &scope, &sort);
    }
    ctx_free(&ctx);
    return 0;
}
