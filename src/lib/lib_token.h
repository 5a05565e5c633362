// The sequence token of a write: opaque to callers.
// Text: base64url of varint generation of the log · varint seq · check byte (low byte of crc32c).
#ifndef LIB_LIB_TOKEN_H
#define LIB_LIB_TOKEN_H

#include <stdint.h>

enum { LIB_TOKEN_MAX = 32 }; // with the NUL

void lib_token_print(uint64_t generation, uint64_t seq, char out[LIB_TOKEN_MAX]);

#endif
