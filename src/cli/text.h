// Text that grows, and pieces of text that somebody else owns.
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Borrowed bytes, without a NUL at their end.
struct cli_slice {
    const char *data;
    size_t size;
};

// Owned bytes; zero-initialise. data ends in a NUL once something was added; cli_text_free at the
// end. More than CLI_TEXT_MAX bytes, like no memory, ends the program (cli_die).
struct cli_text {
    char *data;
    size_t size, room;
};

enum { CLI_TEXT_MAX = 256 << 20 };

#define CLI_FORMAT(at, first) __attribute__((format(printf, at, first)))

// Says why on stderr and ends the program with exit code 1. What was acknowledged is on disk by
// then, so nothing has to be put in order first.
_Noreturn void cli_die(const char *why);
void *cli_alloc(size_t size); // zeroed
char *cli_copy(const char *text);
void cli_free(void *memory);

struct cli_slice cli_slice_of(const char *text);
bool cli_slice_is(struct cli_slice slice, const char *text);

void cli_text_add(struct cli_text *text, const char *bytes, size_t size);
void cli_text_puts(struct cli_text *text, const char *string);
void cli_text_format(struct cli_text *text, const char *format, ...) CLI_FORMAT(2, 3);
void cli_text_vformat(struct cli_text *text, const char *format, va_list args) CLI_FORMAT(2, 0);
// As a JSON string with its quotes. Bytes that are no UTF-8 stay as they are: the library refuses
// them with their place.
void cli_text_json(struct cli_text *text, struct cli_slice string);
void cli_text_clear(struct cli_text *text); // keeps the memory
void cli_text_free(struct cli_text *text);
const char *cli_text_of(const struct cli_text *text); // "" for an empty one

// "36,273": digits in groups of three. The answer is in buffer.
const char *cli_grouped(char buffer[32], uint64_t number);
// "1.2 s", "3:07", "2:05:00". Likewise.
const char *cli_duration(char buffer[32], double seconds);
// Seconds on the monotonic clock.
double cli_now(void);

#endif
