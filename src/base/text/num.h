// Numbers as text, independent of the locale. base/text/num.cc is std::to_chars and
// std::from_chars.
#ifndef BASE_TEXT_NUM_H
#define BASE_TEXT_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem/slice.h"

enum { NUM_TEXT_MAX = 32 };

#ifdef __cplusplus
#define NUM_NOEXCEPT noexcept
extern "C" {
#else
#define NUM_NOEXCEPT
#endif
// Shortest text that reads back as the same double, always with a '.' or an 'e' ("1.0", "-0.0",
// "1e+300"). value is finite. Writes at most NUM_TEXT_MAX characters, no NUL; returns how many.
size_t num_print_double(double value, char *out) NUM_NOEXCEPT;
size_t num_print_int(int64_t value, char *out) NUM_NOEXCEPT;
// The whole text is one JSON number (already checked by the caller's grammar). False: out of range,
// that is, for a double, above DBL_MAX; what is nearer to 0 than to the smallest double is 0.
bool num_parse_double(const char *text, size_t size, double *out) NUM_NOEXCEPT;
bool num_parse_int(const char *text, size_t size, int64_t *out) NUM_NOEXCEPT;
#ifdef __cplusplus
}
#endif

// Exact comparison of an int64 with a double that is not NaN: <0, 0, >0.
int num_cmp_int_double(int64_t i, double d);

#endif
