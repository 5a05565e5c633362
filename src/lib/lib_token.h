// The sequence token of a write: opaque to callers, sent back by a later read that must see it.
// Text: base64url of varint generation of the log · varint seq · check byte (low byte of crc32c).
#ifndef LIB_LIB_TOKEN_H
#define LIB_LIB_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem/slice.h"

enum { LIB_TOKEN_MAX = 32 }; // with the NUL

void lib_token_print(uint64_t generation, uint64_t seq, char out[LIB_TOKEN_MAX]);
// False: no token of ours.
bool lib_token_parse(struct slice text, uint64_t *out_generation, uint64_t *out_seq);

#endif
