// libfaultio.so, for LD_PRELOAD: fails the n-th file call below a directory, or records what
// changes there. It sees calls that go through the C library's dynamic symbols, so not stdio's own
// writes and not memory maps. Environment:
//   NACRE_FAULTIO_PREFIX  the directory: absolute, without symbolic links; without it nothing is
//   done NACRE_FAULTIO_NTH     the n-th call fails, counted over all threads NACRE_FAULTIO_ERROR
//   EIO (default), ENOSPC, or KILL: SIGKILL before the call NACRE_FAULTIO_STICKY  1: all later
//   calls fail, too NACRE_FAULTIO_OPS     which calls count, of: open write sync rename truncate
//   allocate unlink mkdir
//                         link; default all but those of open that make no file
//   NACRE_FAULTIO_COUNT   a file that gets the number of calls counted when the process ends (none:
//   0) NACRE_FAULTIO_TRACE   a file to which a trace is appended (faultio_trace.h)
// A process that knows of it marks the trace through `faultio_mark`, declared weak.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "support/preload/faultio_trace.h"

#define EXPORT __attribute__((visibility("default")))
// The function that this one stands before.
#define REAL(name)                                                                                 \
    ({                                                                                             \
        static __typeof__(&name) real_;                                                            \
        if (!real_) real_ = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                            \
        real_;                                                                                     \
    })

static struct {
    char prefix[PATH_MAX];
    size_t prefix_size;
    long long nth;
    int error; // 0 = SIGKILL
    bool sticky;
    char ops[256];
    char count_path[PATH_MAX];
    int trace_fd;
} settings = {.trace_fd = -1};

static atomic_llong calls;
static atomic_ullong syncs;

static void copy_env(const char *name, char *out, size_t size) {
    const char *value = getenv(name);
    if (value) (void)snprintf(out, size, "%s", value);
}

static int error_of(const char *text) {
    if (text && strcmp(text, "ENOSPC") == 0) return ENOSPC;
    if (text && strcmp(text, "KILL") == 0) return 0;
    return EIO;
}

__attribute__((constructor)) static void begin(void) {
    char trace[PATH_MAX] = "";
    const char *nth = getenv("NACRE_FAULTIO_NTH"), *sticky = getenv("NACRE_FAULTIO_STICKY");
    copy_env("NACRE_FAULTIO_PREFIX", settings.prefix, sizeof settings.prefix);
    settings.prefix_size = strlen(settings.prefix);
    copy_env("NACRE_FAULTIO_OPS", settings.ops, sizeof settings.ops);
    copy_env("NACRE_FAULTIO_COUNT", settings.count_path, sizeof settings.count_path);
    copy_env("NACRE_FAULTIO_TRACE", trace, sizeof trace);
    settings.nth = nth ? strtoll(nth, NULL, 10) : 0;
    settings.error = error_of(getenv("NACRE_FAULTIO_ERROR"));
    settings.sticky = sticky && *sticky == '1';
    if (*trace && settings.prefix_size)
        settings.trace_fd = REAL(open)(trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

__attribute__((destructor)) static void end(void) {
    char text[32];
    if (!*settings.count_path || atomic_load(&calls) == 0) return; // a helper it started: no count
    int fd = REAL(open)(settings.count_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return;
    int n = snprintf(text, sizeof text, "%lld\n", (long long)atomic_load(&calls));
    (void)!REAL(write)(fd, text, (size_t)n);
    (void)close(fd);
}

// ---- places

struct place {
    bool below; // the prefix itself counts
    char path[PATH_MAX];
};

static const char *relative(const struct place *p) {
    const char *rest = p->path + settings.prefix_size;
    return *rest == '/' ? rest + 1 : rest;
}

// Takes "//", "/./" and a "/" at the end out, in place. ".." is left: nobody here uses it.
static void normalize(char *path) {
    char *to = path;
    for (const char *from = path; *from; from++) {
        bool dot = from[0] == '.' && to > path && to[-1] == '/' && (!from[1] || from[1] == '/');
        bool slash = from[0] == '/' && to > path && to[-1] == '/';
        if (!dot && !slash) *to++ = *from;
    }
    if (to > path + 1 && to[-1] == '/') to--;
    *to = '\0';
}

static bool is_below(const char *path) {
    size_t n = settings.prefix_size;
    return n && strncmp(path, settings.prefix, n) == 0 && (path[n] == '/' || !path[n]);
}

static void fd_path(int fd, char out[PATH_MAX]) {
    char link[64];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, PATH_MAX - 1);
    out[n > 0 ? n : 0] = '\0';
}

static struct place place_of_fd(int fd) {
    struct place p = {0};
    if (!settings.prefix_size || fd == settings.trace_fd) return p;
    fd_path(fd, p.path);
    p.below = is_below(p.path);
    return p;
}

static struct place place_at(int dir_fd, const char *path) {
    struct place p = {0};
    char base[PATH_MAX] = "";
    if (!settings.prefix_size || !path) return p;
    if (*path != '/' && dir_fd == AT_FDCWD) (void)!getcwd(base, sizeof base);
    else if (*path != '/') fd_path(dir_fd, base);
    if (*base && strlen(base) + strlen(path) + 2 > sizeof p.path) return p;
    (void)snprintf(p.path, sizeof p.path, "%.*s%s%.*s", PATH_MAX / 2, base, *base ? "/" : "",
                   PATH_MAX / 2 - 2, path);
    normalize(p.path);
    p.below = is_below(p.path);
    return p;
}

static uint64_t path_ino(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

static uint64_t parent_ino(const struct place *p) {
    char parent[PATH_MAX];
    (void)snprintf(parent, sizeof parent, "%s", p->path);
    char *slash = strrchr(parent, '/');
    if (!slash) return 0;
    *slash = '\0';
    return path_ino(*parent ? parent : "/");
}

static uint64_t fd_ino(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

// ---- faults

static bool counts(const char *op) {
    const char *at = *settings.ops ? strstr(settings.ops, op) : op;
    return at != NULL;
}

// True, with errno set, if this call is to fail.
static bool fails(const struct place *p, const char *op) {
    if (!p->below || !counts(op)) return false;
    long long n = atomic_fetch_add(&calls, 1) + 1;
    if (!settings.nth || n < settings.nth || (n > settings.nth && !settings.sticky)) return false;
    if (settings.error == 0) (void)kill(getpid(), SIGKILL);
    errno = settings.error;
    return true;
}

// ---- recording

static bool recording(const struct place *p) { return settings.trace_fd >= 0 && p->below; }

// One append, so that records of several threads and processes do not mix. errno is kept.
static void record(struct faultio_record *r, const char *path, const char *path2,
                   const struct iovec *data, size_t data_size) {
    int kept = errno;
    r->magic = FAULTIO_MAGIC;
    r->pid = (uint32_t)getpid();
    r->path_size = (uint16_t)(path ? strlen(path) : 0);
    r->path2_size = (uint16_t)(path2 ? strlen(path2) : 0);
    r->data_size = data_size;
    struct iovec parts[4] = {{r, sizeof *r},
                             {(void *)(uintptr_t)path, r->path_size},
                             {(void *)(uintptr_t)path2, r->path2_size}};
    if (data) parts[3] = *data;
    parts[3].iov_len = data ? data_size : 0;
    ssize_t want = (ssize_t)(sizeof *r + r->path_size + r->path2_size + data_size);
    if (REAL(writev)(settings.trace_fd, parts, 4) != want)
        abort(); // a trace with a hole is worthless
    errno = kept;
}

static void record_data(int fd, uint64_t offset, const void *bytes, size_t size) {
    struct faultio_record r = {.op = FAULTIO_WRITE, .ino = fd_ino(fd), .offset = offset};
    struct iovec data = {(void *)(uintptr_t)bytes, size};
    record(&r, NULL, NULL, &data, size);
}

static void record_size(int fd, enum faultio_op op, uint64_t offset, uint64_t length) {
    struct faultio_record r = {
        .op = (uint16_t)op, .ino = fd_ino(fd), .offset = offset, .length = length};
    record(&r, NULL, NULL, NULL, 0);
}

EXPORT void faultio_mark(uint64_t value);
EXPORT void faultio_mark(uint64_t value) {
    struct faultio_record r = {.op = FAULTIO_MARK, .offset = value};
    if (settings.trace_fd >= 0) record(&r, NULL, NULL, NULL, 0);
}

// ---- open

static int finish_open(int fd, const struct place *p, int flags, bool existed) {
    if (fd < 0 || !recording(p)) return fd;
    struct stat st;
    if (fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) return fd;
    struct faultio_record r = {.op = existed ? FAULTIO_OPEN : FAULTIO_CREATE,
                               .ino = (uint64_t)st.st_ino,
                               .dir_ino = parent_ino(p)};
    record(&r, relative(p), NULL, NULL, 0);
    if (existed && (flags & O_TRUNC)) record_size(fd, FAULTIO_TRUNCATE, 0, 0);
    return fd;
}

static int open_at(int dir_fd, const char *path, int flags, mode_t mode) {
    struct place p = place_at(dir_fd, path);
    bool existed = !p.below || path_ino(p.path) != 0;
    bool changes = (flags & (O_CREAT | O_TRUNC)) != 0;
    if ((changes || *settings.ops) && fails(&p, "open")) return -1;
    return finish_open(REAL(openat)(dir_fd, path, flags, mode), &p, flags, existed);
}

#define OPEN_MODE(flags)                                                                           \
    ({                                                                                             \
        mode_t mode_ = 0;                                                                          \
        if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                   \
            va_list args_;                                                                         \
            va_start(args_, flags);                                                                \
            mode_ = (mode_t)va_arg(args_, int);                                                    \
            va_end(args_);                                                                         \
        }                                                                                          \
        mode_;                                                                                     \
    })

EXPORT int open(const char *path, int flags, ...) {
    return open_at(AT_FDCWD, path, flags, OPEN_MODE(flags));
}
EXPORT int open64(const char *path, int flags, ...) {
    return open_at(AT_FDCWD, path, flags, OPEN_MODE(flags));
}
EXPORT int openat(int dir_fd, const char *path, int flags, ...) {
    return open_at(dir_fd, path, flags, OPEN_MODE(flags));
}
EXPORT int openat64(int dir_fd, const char *path, int flags, ...) {
    return open_at(dir_fd, path, flags, OPEN_MODE(flags));
}
EXPORT int creat(const char *path, mode_t mode) {
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
// What _FORTIFY_SOURCE makes of open without a mode.
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
EXPORT int __open_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
EXPORT int __open64_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }

// ---- writes

static void wrote(int fd, const struct place *p, const void *bytes, ssize_t n, off_t offset) {
    if (n <= 0 || !recording(p)) return;
    if (offset < 0) offset = lseek(fd, 0, SEEK_CUR) - n; // after the write, right for O_APPEND, too
    record_data(fd, (uint64_t)offset, bytes, (size_t)n);
}

EXPORT ssize_t write(int fd, const void *bytes, size_t size) {
    struct place p = place_of_fd(fd);
    if (fails(&p, "write")) return -1;
    ssize_t n = REAL(write)(fd, bytes, size);
    wrote(fd, &p, bytes, n, -1);
    return n;
}

static ssize_t write_at(int fd, const void *bytes, size_t size, off_t offset) {
    struct place p = place_of_fd(fd);
    if (fails(&p, "write")) return -1;
    ssize_t n = REAL(pwrite)(fd, bytes, size, offset);
    wrote(fd, &p, bytes, n, offset);
    return n;
}
EXPORT ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
    return write_at(fd, bytes, size, offset);
}
EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset) {
    return write_at(fd, bytes, size, offset);
}

// Records the parts of a vector one after the other; the call itself is one.
static ssize_t write_vector(int fd, const struct iovec *parts, int count, off_t offset) {
    struct place p = place_of_fd(fd);
    if (fails(&p, "write")) return -1;
    ssize_t n =
        offset < 0 ? REAL(writev)(fd, parts, count) : REAL(pwritev)(fd, parts, count, offset);
    if (n <= 0 || !recording(&p)) return n;
    off_t at = offset < 0 ? lseek(fd, 0, SEEK_CUR) - n : offset;
    ssize_t left = n;
    for (int i = 0; i < count && left > 0; i++) {
        size_t size = parts[i].iov_len < (size_t)left ? parts[i].iov_len : (size_t)left;
        if (size) record_data(fd, (uint64_t)at, parts[i].iov_base, size);
        at += (off_t)size;
        left -= (ssize_t)size;
    }
    return n;
}
EXPORT ssize_t writev(int fd, const struct iovec *parts, int count) {
    return write_vector(fd, parts, count, -1);
}
EXPORT ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    return write_vector(fd, parts, count, offset);
}
EXPORT ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset) {
    return write_vector(fd, parts, count, offset);
}
// Its caller falls back to reading and writing, which is seen.
EXPORT ssize_t copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t size,
                               unsigned flags) {
    struct place p = place_of_fd(out);
    if (p.below) {
        errno = EXDEV;
        return -1;
    }
    return REAL(copy_file_range)(in, in_at, out, out_at, size, flags);
}

// ---- syncs

static int synced(int fd, int (*call)(int fd)) {
    struct place p = place_of_fd(fd);
    if (fails(&p, "sync")) return -1;
    if (!recording(&p)) return call(fd);
    uint64_t number = (uint64_t)getpid() << 32 | atomic_fetch_add(&syncs, 1);
    record_size(fd, FAULTIO_SYNC_BEGIN, number, 0);
    int result = call(fd);
    if (result == 0) record_size(fd, FAULTIO_SYNC_END, number, 0);
    return result;
}
EXPORT int fsync(int fd) { return synced(fd, REAL(fsync)); }
EXPORT int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

// ---- sizes

static int truncated(int fd, off_t size) {
    struct place p = place_of_fd(fd);
    if (fails(&p, "truncate")) return -1;
    int result = REAL(ftruncate)(fd, size);
    if (result == 0 && recording(&p)) record_size(fd, FAULTIO_TRUNCATE, (uint64_t)size, 0);
    return result;
}
EXPORT int ftruncate(int fd, off_t size) { return truncated(fd, size); }
EXPORT int ftruncate64(int fd, off_t size) { return truncated(fd, size); }

static int truncated_path(const char *path, off_t size) {
    int fd = open_at(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0) return -1;
    int result = truncated(fd, size);
    (void)close(fd);
    return result;
}
EXPORT int truncate(const char *path, off_t size) { return truncated_path(path, size); }
EXPORT int truncate64(const char *path, off_t size) { return truncated_path(path, size); }

static int allocated(int fd, int mode, off_t offset, off_t length) {
    struct place p = place_of_fd(fd);
    if (fails(&p, "allocate")) return -1;
    int result = REAL(fallocate)(fd, mode, offset, length);
    if (result != 0 || !recording(&p)) return result;
    if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
        record_size(fd, FAULTIO_ZERO, (uint64_t)offset, (uint64_t)length);
    if (!(mode & FALLOC_FL_KEEP_SIZE))
        record_size(fd, FAULTIO_EXTEND, (uint64_t)(offset + length), 0);
    return result;
}
EXPORT int fallocate(int fd, int mode, off_t offset, off_t length) {
    return allocated(fd, mode, offset, length);
}
EXPORT int fallocate64(int fd, int mode, off_t offset, off_t length) {
    return allocated(fd, mode, offset, length);
}
EXPORT int posix_fallocate(int fd, off_t offset, off_t length) {
    return allocated(fd, 0, offset, length) == 0 ? 0 : errno;
}
EXPORT int posix_fallocate64(int fd, off_t offset, off_t length) {
    return allocated(fd, 0, offset, length) == 0 ? 0 : errno;
}

// ---- names

static int two_names(const char *op, enum faultio_op kind, const struct place *a,
                     const struct place *b, int result) {
    (void)op;
    if (result != 0 || !(recording(a) || recording(b))) return result;
    struct faultio_record r = {
        .op = (uint16_t)kind, .dir_ino = parent_ino(a), .dir2_ino = parent_ino(b)};
    record(&r, a->below ? relative(a) : "", b->below ? relative(b) : "", NULL, 0);
    return result;
}

EXPORT int renameat2(int dir_fd, const char *from, int dir2_fd, const char *to, unsigned flags) {
    struct place a = place_at(dir_fd, from), b = place_at(dir2_fd, to);
    if (fails(b.below ? &b : &a, "rename")) return -1;
    return two_names("rename", FAULTIO_RENAME, &a, &b,
                     REAL(renameat2)(dir_fd, from, dir2_fd, to, flags));
}
EXPORT int renameat(int dir_fd, const char *from, int dir2_fd, const char *to) {
    return renameat2(dir_fd, from, dir2_fd, to, 0);
}
EXPORT int rename(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

EXPORT int linkat(int dir_fd, const char *from, int dir2_fd, const char *to, int flags) {
    struct place a = place_at(dir_fd, from), b = place_at(dir2_fd, to);
    if (fails(&b, "link")) return -1;
    return two_names("link", FAULTIO_LINK, &a, &b, REAL(linkat)(dir_fd, from, dir2_fd, to, flags));
}
EXPORT int link(const char *from, const char *to) {
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

EXPORT int unlinkat(int dir_fd, const char *path, int flags) {
    struct place p = place_at(dir_fd, path);
    if (fails(&p, "unlink")) return -1;
    uint64_t dir_ino = recording(&p) ? parent_ino(&p) : 0;
    int result = REAL(unlinkat)(dir_fd, path, flags);
    struct faultio_record r = {.op = FAULTIO_UNLINK, .dir_ino = dir_ino};
    if (result == 0 && recording(&p)) record(&r, relative(&p), NULL, NULL, 0);
    return result;
}
EXPORT int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
EXPORT int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
EXPORT int remove(const char *path) {
    int result = unlinkat(AT_FDCWD, path, 0);
    return result != 0 && errno == EISDIR ? unlinkat(AT_FDCWD, path, AT_REMOVEDIR) : result;
}

EXPORT int mkdirat(int dir_fd, const char *path, mode_t mode) {
    struct place p = place_at(dir_fd, path);
    if (fails(&p, "mkdir")) return -1;
    int result = REAL(mkdirat)(dir_fd, path, mode);
    if (result != 0 || !recording(&p)) return result;
    struct faultio_record r = {
        .op = FAULTIO_MKDIR, .ino = path_ino(p.path), .dir_ino = parent_ino(&p)};
    record(&r, relative(&p), NULL, NULL, 0);
    return result;
}
EXPORT int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
