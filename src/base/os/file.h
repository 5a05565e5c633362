// Files and directories. Every call passes fault point FAULT_IO, retries EINTR and short transfers,
// and records errors with the path. Thread-safe for different offsets of one file.
#ifndef BASE_OS_FILE_H
#define BASE_OS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err/status.h"
#include "base/mem/buf.h"

struct ctx;

struct file {
    int fd;     // -1 = closed
    char *path; // owned
};
#define FILE_CLOSED ((struct file){.fd = -1})

enum file_mode {
    FILE_READ,       // must exist
    FILE_WRITE,      // read and write, must exist
    FILE_CREATE,     // read and write, made if absent (mode 0600)
    FILE_CREATE_NEW, // read and write, must not exist
};

// NACRE_NOT_FOUND if the file must exist and does not; NACRE_ALREADY_EXISTS for FILE_CREATE_NEW.
MUST_USE nacre_status file_open(struct ctx *ctx, const char *path, enum file_mode mode,
                                struct file *out);
void file_close(struct file *file); // accepts a closed file
MUST_USE nacre_status file_size(struct ctx *ctx, const struct file *file, uint64_t *out_bytes);
// Reads up to size bytes at offset; *out_read < size only at the end of the file.
MUST_USE nacre_status file_read_at(struct ctx *ctx, const struct file *file, uint64_t offset,
                                   void *out, size_t size, size_t *out_read);
MUST_USE nacre_status file_write_at(struct ctx *ctx, const struct file *file, uint64_t offset,
                                    const void *bytes, size_t size);
MUST_USE nacre_status file_truncate(struct ctx *ctx, const struct file *file, uint64_t size_bytes);
// Makes the file at least size_bytes long, with room on disk for them (fallocate; where the file
// system cannot, zeros are written from the present end on). Content is kept.
MUST_USE nacre_status file_allocate(struct ctx *ctx, const struct file *file, uint64_t size_bytes);
// fdatasync and fsync. After a failure the content of the file is unknown: stop, never retry.
MUST_USE nacre_status file_sync_data(struct ctx *ctx, const struct file *file);
MUST_USE nacre_status file_sync(struct ctx *ctx, const struct file *file);
// Begins writing these bytes to the disk, and waits for nothing: a later sync has less to wait for.
// A hint that promises nothing; where the system has no such call, it does nothing.
void file_write_out(const struct file *file, uint64_t offset, size_t size);
// An exclusive advisory lock on the whole file, not inherited by children. NACRE_LOCKED if another
// process has it.
MUST_USE nacre_status file_lock(struct ctx *ctx, const struct file *file);

// Appends the content to out. NACRE_REQUEST_TOO_LARGE if it is more than max_bytes or
// out may take; out->n is as it
// was on any error.
MUST_USE nacre_status file_read_all(struct ctx *ctx, const char *path, size_t max_bytes,
                                    struct buf *out);
// Writes a file so that it is there whole or as before, and durable: temporary name (path.tmp),
// fsync, rename, fsync of the directory. One writer per path at a time.
MUST_USE nacre_status file_replace(struct ctx *ctx, const char *path, const void *bytes,
                                   size_t size);
// Replaces what is at to. Durable after dir_sync of its directory. NACRE_NOT_FOUND if from is
// absent.
MUST_USE nacre_status file_rename(struct ctx *ctx, const char *from, const char *to);
MUST_USE nacre_status file_remove(struct ctx *ctx, const char *path); // NACRE_NOT_FOUND if absent
bool file_exists(const char *path);

MUST_USE nacre_status dir_make(struct ctx *ctx, const char *path); // ok if it is there; mode 0700
MUST_USE nacre_status dir_sync(struct ctx *ctx, const char *path);
// Names in the directory without "." and "..", sorted, each on the heap; freed by dir_list_free.
// NACRE_NOT_FOUND if the directory is absent.
struct dir_list {
    char **names;
    size_t count;
};
MUST_USE nacre_status dir_list(struct ctx *ctx, const char *path, struct dir_list *out);
void dir_list_free(struct dir_list *list);
// Removes the directory and all below it. For tests and scratch directories. NACRE_NOT_FOUND if
// absent.
MUST_USE nacre_status dir_remove_all(struct ctx *ctx, const char *path);
// Bytes free to this process in the file system that holds path.
MUST_USE nacre_status dir_free_bytes(struct ctx *ctx, const char *path, uint64_t *out_bytes);

#endif
