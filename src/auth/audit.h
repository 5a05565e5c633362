// The audit log: who administered, who was refused. Lines of JSON in DIR/audit/, each with the hash
// of the line before, so that a line that is changed, taken out or put in shows. Bytes:
// docs/format/audit.md. Thread-safe.
#ifndef AUTH_AUDIT_H
#define AUTH_AUDIT_H

#include "base/err/ctx.h"
#include "base/mem/slice.h"

struct audit;

enum { AUDIT_HASH_TEXT = 64 };

// What happened. Texts may be NULL; long ones are cut.
struct audit_event {
    const char *what; // an operation, or "authenticate"
    const char *who;
    struct slice address, target;
    const char *database, *collection;
    nacre_status status;
    bool refused; // there may be many: some are only counted
};

MUST_USE nacre_status audit_open(struct ctx *ctx, const char *dir, const struct world *world,
                                 struct audit **out);
void audit_close(struct audit *audit); // NULL is fine
// Appends a line; of what was not refused it is durable then. An error is also kept: see
// audit_ready.
MUST_USE nacre_status audit_write(struct ctx *ctx, struct audit *audit,
                                  const struct audit_event *event);
// NACRE_UNAVAILABLE while the last line could not be written: nothing is to be administered then.
MUST_USE nacre_status audit_ready(struct ctx *ctx, struct audit *audit);

// Reads the log below dir: how many lines, and the hash of the last as text. NACRE_CORRUPT names
// the first line that does not follow from the one before; NACRE_NOT_FOUND: there is none.
MUST_USE nacre_status audit_verify(struct ctx *ctx, const char *dir, uint64_t *out_lines,
                                   char out_last[AUDIT_HASH_TEXT + 1]);

#endif
