// What is done to files by their path: whole reads, replacement, rename, removal.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err/err.h"
#include "base/mem/mem.h"
#include "base/os/file.h"
#include "base/os/io_fault.h"

enum { READ_CHUNK_MIN = 4096 };

static nacre_status too_long(struct ctx *ctx, const char *path, size_t max_bytes) {
    return err_set(ctx, NACRE_REQUEST_TOO_LARGE, "expected at most %zu bytes in %s, got more",
                   max_bytes, path);
}

// Reads to the end, not to the size: files of /proc state a size of 0, others may be growing.
static nacre_status read_to_end(struct ctx *ctx, const struct file *file, size_t max_bytes,
                                struct buf *out) {
    uint64_t size, offset = 0;
    if (max_bytes > out->max - out->n) max_bytes = out->max - out->n;
    TRY(file_size(ctx, file, &size));
    if (size > max_bytes) return too_long(ctx, file->path, max_bytes);
    size_t chunk = size < READ_CHUNK_MIN ? READ_CHUNK_MIN : (size_t)size;
    for (;;) {
        size_t left = max_bytes - (size_t)offset, n;
        if (chunk > left) chunk = left;
        if (chunk == 0) break;
        uint8_t *to = buf_reserve(out, chunk);
        if (!to) return err_buf(ctx, out);
        TRY(file_read_at(ctx, file, offset, to, chunk, &n));
        out->n += n;
        offset += n;
        if (n < chunk) return NACRE_OK;
        chunk = READ_CHUNK_MIN;
    }
    uint8_t byte;
    size_t more;
    TRY(file_read_at(ctx, file, offset, &byte, 1, &more));
    return more ? too_long(ctx, file->path, max_bytes) : NACRE_OK;
}

nacre_status file_read_all(struct ctx *ctx, const char *path, size_t max_bytes, struct buf *out) {
    struct file file;
    TRY(file_open(ctx, path, FILE_READ, &file));
    size_t n = out->n;
    nacre_status status = read_to_end(ctx, &file, max_bytes, out);
    file_close(&file);
    if (status != NACRE_OK) out->n = n;
    return status;
}

static nacre_status sync_parent(struct ctx *ctx, const char *path) {
    MEM_CLEANUP char *dir = mem_strdup(path);
    if (!dir) return err_nomem(ctx);
    char *slash = strrchr(dir, '/');
    if (!slash) return dir_sync(ctx, ".");
    slash[slash == dir] = '\0'; // the parent of "/name" is "/"
    return dir_sync(ctx, dir);
}

static nacre_status write_whole(struct ctx *ctx, const char *path, const void *bytes, size_t size) {
    struct file file;
    TRY(file_open(ctx, path, FILE_CREATE, &file));
    nacre_status status = file_truncate(ctx, &file, 0); // what an earlier crash left
    if (status == NACRE_OK) status = file_write_at(ctx, &file, 0, bytes, size);
    if (status == NACRE_OK) status = file_sync(ctx, &file);
    file_close(&file);
    return status;
}

nacre_status file_replace(struct ctx *ctx, const char *path, const void *bytes, size_t size) {
    size_t room = strlen(path) + sizeof ".tmp";
    MEM_CLEANUP char *temporary = mem_alloc(room);
    if (!temporary) return err_nomem(ctx);
    snprintf(temporary, room, "%s.tmp", path);
    nacre_status status = write_whole(ctx, temporary, bytes, size);
    if (status == NACRE_OK) status = file_rename(ctx, temporary, path);
    if (status != NACRE_OK) {
        unlink(temporary); // the first error is the one to tell
        return status;
    }
    return sync_parent(ctx, path);
}

nacre_status file_rename(struct ctx *ctx, const char *from, const char *to) {
    if (IO_RETRY(rename(from, to)) == 0) return NACRE_OK;
    if (errno == ENOENT)
        return err_set(ctx, NACRE_NOT_FOUND, "there is no file %s to rename", from);
    return err_errno(ctx, errno, "cannot rename", from);
}

nacre_status file_remove(struct ctx *ctx, const char *path) {
    if (IO_RETRY(unlink(path)) == 0) return NACRE_OK;
    if (errno == ENOENT) return err_set(ctx, NACRE_NOT_FOUND, "there is no file %s", path);
    return err_errno(ctx, errno, "cannot remove", path);
}

bool file_exists(const char *path) { return access(path, F_OK) == 0; }
