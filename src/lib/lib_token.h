// Tokens of sequences: opaque to callers. A write's stands after all it did; a change's is its
// place. Text: base64url of varint generation of the log · varint seq · (of a change: varint i) ·
// check byte (low byte of crc32c).
#ifndef LIB_LIB_TOKEN_H
#define LIB_LIB_TOKEN_H

#include <stdint.h>

#include "base/err/ctx.h"
#include "txn/feed.h"

enum { LIB_TOKEN_MAX = 40 }; // with the NUL

void lib_token_print(uint64_t generation, uint64_t seq, char out[LIB_TOKEN_MAX]);
void lib_token_print_place(uint64_t generation, struct feed_place place, char out[LIB_TOKEN_MAX]);

struct lib_token {
    uint64_t generation;
    struct feed_place place;
    bool of_write; // place.i is UINT32_MAX then
};
// NACRE_INVALID_ARGUMENT, parameter "since".
MUST_USE nacre_status lib_token_parse(struct ctx *ctx, struct slice text, struct lib_token *out);

#endif
