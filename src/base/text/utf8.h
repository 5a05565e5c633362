// UTF-8 (RFC 3629).
#ifndef BASE_TEXT_UTF8_H
#define BASE_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem/slice.h"

// No overlongs, surrogates or values above U+10FFFF; fast for ASCII.
bool utf8_valid(struct slice text);
// Length of the valid prefix in bytes; == text.n when all is valid.
size_t utf8_valid_prefix(struct slice text);
// Bytes written; 0 for surrogates and > U+10FFFF.
size_t utf8_put(uint32_t code_point, uint8_t out[4]);
size_t utf8_count(struct slice text); // code points of a valid text

#endif
