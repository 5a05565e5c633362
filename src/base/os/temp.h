// Temporary files of one directory. A file has no name any more once it is open, so that nothing of
// it stays, whatever ends its user. Thread-safe.
#ifndef BASE_OS_TEMP_H
#define BASE_OS_TEMP_H

#include <stdatomic.h>

#include "base/os/file.h"

struct temp_dir {
    char *path;             // owned; NULL: closed
    uint64_t reserve_bytes; // free space that is left to others
    atomic_uint serial;
    atomic_size_t files; // open ones
};

// Makes the directory, or removes what a process that was killed left in it.
MUST_USE nacre_status temp_dir_open(struct ctx *ctx, const char *path, uint64_t reserve_bytes,
                                    struct temp_dir *out);
void temp_dir_close(struct temp_dir *dir); // every file is closed; accepts a zeroed one
// NACRE_DISK_FULL: less than the reserve is free.
MUST_USE nacre_status temp_dir_check(struct ctx *ctx, const struct temp_dir *dir);
MUST_USE nacre_status temp_file_open(struct ctx *ctx, struct temp_dir *dir, struct file *out);
void temp_file_close(struct temp_dir *dir, struct file *file); // accepts a closed one

#endif
