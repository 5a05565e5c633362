// Inside the room: the files of the audit log.
#ifndef AUTH_AUDIT_FILE_H
#define AUTH_AUDIT_FILE_H

#include "auth/audit.h"
#include "base/os/file.h"

enum { AUDIT_FILE_MAX = 64 << 20, AUDIT_LINE_MAX = 8192, AUDIT_PATH_MAX = 4096 };

void audit_path(const char *dir, uint32_t number, char out[AUDIT_PATH_MAX]);
// Of the newest file in dir; 0: there is none.
MUST_USE nacre_status audit_last_number(struct ctx *ctx, const char *dir, uint32_t *out);
// Of a line without its end.
void audit_hash(struct slice line, char out[AUDIT_HASH_TEXT + 1]);

// The last whole line of a file.
struct audit_tail {
    bool found;
    uint64_t n, end; // its number; where the next one begins
    char hash[AUDIT_HASH_TEXT + 1];
};
MUST_USE nacre_status audit_tail_read(struct ctx *ctx, const struct file *file,
                                      struct audit_tail *out);

#endif
