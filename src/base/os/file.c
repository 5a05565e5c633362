#include "base/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err/check.h"
#include "base/err/err.h"
#include "base/mem/mem.h"
#include "base/os/io_fault.h"

enum { FILE_ZERO_BLOCK = 64 << 10 };

static int open_flags(enum file_mode mode) {
    switch (mode) {
    case FILE_READ: return O_RDONLY;
    case FILE_WRITE: return O_RDWR;
    case FILE_CREATE: return O_RDWR | O_CREAT;
    case FILE_CREATE_NEW: return O_RDWR | O_CREAT | O_EXCL;
    }
    check_failed("mode is a file_mode", __FILE__, __LINE__);
}

static nacre_status open_failed(struct ctx *ctx, int errno_value, const char *path,
                                enum file_mode mode) {
    if (errno_value == ENOENT && (mode == FILE_READ || mode == FILE_WRITE))
        return err_set(ctx, NACRE_NOT_FOUND, "there is no file %s", path);
    if (errno_value == EEXIST && mode == FILE_CREATE_NEW)
        return err_set(ctx, NACRE_ALREADY_EXISTS, "file %s exists already", path);
    return err_errno(ctx, errno_value, "cannot open", path);
}

nacre_status file_open(struct ctx *ctx, const char *path, enum file_mode mode, struct file *out) {
    char *copy = mem_strdup(path);
    if (!copy) return err_nomem(ctx);
    int fd = IO_RETRY(open(path, open_flags(mode) | O_CLOEXEC, 0600));
    if (fd < 0) {
        int errno_value = errno;
        mem_free(copy);
        return open_failed(ctx, errno_value, path, mode);
    }
    *out = (struct file){.fd = fd, .path = copy};
    return NACRE_OK;
}

void file_close(struct file *file) {
    if (file->fd >= 0) close(file->fd); // after EINTR the descriptor is gone too: never twice
    mem_free(file->path);
    *file = FILE_CLOSED;
}

nacre_status file_size(struct ctx *ctx, const struct file *file, uint64_t *out_bytes) {
    struct stat st;
    if (IO_RETRY(fstat(file->fd, &st)) < 0)
        return err_errno(ctx, errno, "cannot get the size of", file->path);
    *out_bytes = (uint64_t)st.st_size;
    return NACRE_OK;
}

// Offsets are read from files too, so that a bad one is an error, not a bug.
static bool range_ok(uint64_t offset, uint64_t size) {
    uint64_t end;
    return !__builtin_add_overflow(offset, size, &end) && end <= INT64_MAX;
}

nacre_status file_read_at(struct ctx *ctx, const struct file *file, uint64_t offset, void *out,
                          size_t size, size_t *out_read) {
    if (!range_ok(offset, size)) return err_errno(ctx, EOVERFLOW, "cannot read", file->path);
    uint8_t *p = out;
    size_t done = 0;
    while (done < size) {
        ssize_t n = IO_RETRY(pread(file->fd, p + done, size - done, (off_t)(offset + done)));
        if (n < 0) return err_errno(ctx, errno, "cannot read", file->path);
        if (n == 0) break;
        done += (size_t)n;
    }
    *out_read = done;
    return NACRE_OK;
}

nacre_status file_write_at(struct ctx *ctx, const struct file *file, uint64_t offset,
                           const void *bytes, size_t size) {
    if (!range_ok(offset, size)) return err_errno(ctx, EFBIG, "cannot write", file->path);
    const uint8_t *p = bytes;
    size_t done = 0;
    while (done < size) {
        ssize_t n = IO_RETRY(pwrite(file->fd, p + done, size - done, (off_t)(offset + done)));
        if (n <= 0) return err_errno(ctx, n < 0 ? errno : EIO, "cannot write", file->path);
        done += (size_t)n;
    }
    return NACRE_OK;
}

nacre_status file_truncate(struct ctx *ctx, const struct file *file, uint64_t size_bytes) {
    if (!range_ok(size_bytes, 0)) return err_errno(ctx, EFBIG, "cannot truncate", file->path);
    if (IO_RETRY(ftruncate(file->fd, (off_t)size_bytes)) < 0)
        return err_errno(ctx, errno, "cannot truncate", file->path);
    return NACRE_OK;
}

static nacre_status write_zeros(struct ctx *ctx, const struct file *file, uint64_t from,
                                uint64_t to) {
    static const uint8_t zeros[FILE_ZERO_BLOCK];
    while (from < to) {
        uint64_t left = to - from;
        size_t n = left < sizeof zeros ? (size_t)left : sizeof zeros;
        TRY(file_write_at(ctx, file, from, zeros, n));
        from += n;
    }
    return NACRE_OK;
}

nacre_status file_allocate(struct ctx *ctx, const struct file *file, uint64_t size_bytes) {
    if (!range_ok(size_bytes, 0)) return err_errno(ctx, EFBIG, "cannot allocate", file->path);
    if (size_bytes == 0) return NACRE_OK;
    if (IO_RETRY(fallocate(file->fd, 0, 0, (off_t)size_bytes)) == 0) return NACRE_OK;
    if (errno != EOPNOTSUPP && errno != ENOSYS)
        return err_errno(ctx, errno, "cannot allocate", file->path);
    uint64_t size;
    TRY(file_size(ctx, file, &size));
    return write_zeros(ctx, file, size, size_bytes);
}

nacre_status file_sync_data(struct ctx *ctx, const struct file *file) {
    if (IO_RETRY(fdatasync(file->fd)) < 0) return err_errno(ctx, errno, "cannot sync", file->path);
    return NACRE_OK;
}

nacre_status file_sync(struct ctx *ctx, const struct file *file) {
    if (IO_RETRY(fsync(file->fd)) < 0) return err_errno(ctx, errno, "cannot sync", file->path);
    return NACRE_OK;
}

void file_write_out(const struct file *file, uint64_t offset, size_t size) {
    int saved = errno;
    (void)sync_file_range(file->fd, (off64_t)offset, (off64_t)size, SYNC_FILE_RANGE_WRITE);
    errno = saved;
}

// A lock of the open file, not of the process (F_SETLK's are lost as soon as any descriptor of the
// file is closed).
nacre_status file_lock(struct ctx *ctx, const struct file *file) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (IO_RETRY(fcntl(file->fd, F_OFD_SETLK, &lock)) == 0) return NACRE_OK;
    if (errno == EAGAIN || errno == EACCES)
        return err_set(ctx, NACRE_LOCKED, "file %s is locked by another process", file->path);
    return err_errno(ctx, errno, "cannot lock", file->path);
}
