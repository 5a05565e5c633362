// RFC 3339 times in UTC with milliseconds.
#ifndef BASE_TEXT_TIME_H
#define BASE_TEXT_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem/slice.h"

enum { TIME_TEXT_MAX = 40 };

// "2024-02-29T12:34:56.789Z" (years 0000..9999; others as ISO 8601 extended ±YYYYYY). Returns the
// length, no NUL.
size_t time_print(int64_t unix_ms, char *out);
// Accepts RFC 3339 with any offset and 0..9 fraction digits (cut to ms). False if malformed or no
// real date.
bool time_parse(struct slice text, int64_t *out_unix_ms);

#endif
