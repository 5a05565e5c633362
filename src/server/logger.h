// Lines of the server for people and collectors of logs: JSON (RFC 8259) or text, written by one
// thread, so that nobody waits for who reads them. What does not fit its queue is counted and left
// out. Thread-safe.
#ifndef SERVER_LOGGER_H
#define SERVER_LOGGER_H

#include <stdatomic.h>

#include "base/err/ctx.h"
#include "base/mem/buf.h"

struct logger;
enum log_level { LOG_INFO, LOG_WARN };

struct logger_options {
    int fd; // stays the caller's
    bool text;
    const struct world *world;
    _Atomic uint64_t *lost; // lines that were left out
};
MUST_USE nacre_status logger_open(struct ctx *ctx, const struct logger_options *options,
                                  struct logger **out);
// What is queued is written first, while somebody takes it. NULL is fine.
void logger_close(struct logger *logger);

// A line: begun, given fields, queued by logger_end, which also frees it. Control characters become
// blanks; a text has at most LOGGER_TEXT_MAX bytes.
enum { LOGGER_TEXT_MAX = 2000 };
struct logger_line {
    struct logger *logger;
    struct buf out;
};
void logger_begin(struct logger *logger, enum log_level level, const char *message,
                  struct logger_line *out);
void logger_text(struct logger_line *line, const char *name, struct slice value);
void logger_number(struct logger_line *line, const char *name, uint64_t value);
void logger_ms(struct logger_line *line, uint64_t us); // the field "ms"
void logger_end(struct logger_line *line);

#endif
