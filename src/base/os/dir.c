#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/err/err.h"
#include "base/mem/mem.h"
#include "base/os/file.h"
#include "base/os/io_fault.h"

enum { DIR_DEPTH_MAX = 64, DIR_FIRST_NAMES = 16 };

nacre_status dir_make(struct ctx *ctx, const char *path) {
    if (IO_RETRY(mkdir(path, 0700)) == 0) return NACRE_OK;
    int errno_value = errno;
    struct stat st;
    if (errno_value == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return NACRE_OK;
    return err_errno(ctx, errno_value, "cannot make directory", path);
}

nacre_status dir_sync(struct ctx *ctx, const char *path) {
    int fd = IO_RETRY(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0) return err_errno(ctx, errno, "cannot open directory", path);
    int result = IO_RETRY(fsync(fd));
    int errno_value = errno;
    close(fd);
    // EINVAL: the file system has no way to sync a directory, and nothing was lost by asking.
    if (result < 0 && errno_value != EINVAL)
        return err_errno(ctx, errno_value, "cannot sync directory", path);
    return NACRE_OK;
}

void dir_list_free(struct dir_list *list) {
    for (size_t i = 0; i < list->count; i++) mem_free(list->names[i]);
    mem_free((void *)list->names);
    *list = (struct dir_list){0};
}

static bool list_add(struct dir_list *list, size_t *cap, const char *name) {
    if (list->count == *cap) {
        size_t more = *cap ? *cap * 2 : DIR_FIRST_NAMES;
        char **names = (char **)mem_realloc((void *)list->names, more * sizeof *names);
        if (!names) return false;
        list->names = names;
        *cap = more;
    }
    char *copy = mem_strdup(name);
    if (!copy) return false;
    list->names[list->count++] = copy;
    return true;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static nacre_status list_fill(struct ctx *ctx, DIR *dir, const char *path, struct dir_list *list) {
    size_t cap = 0;
    for (;;) {
        errno = 0;
        struct dirent *entry = io_fault() ? NULL : readdir(dir);
        if (!entry && errno) return err_errno(ctx, errno, "cannot read directory", path);
        if (!entry) break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (!list_add(list, &cap, entry->d_name)) return err_nomem(ctx);
    }
    if (list->count) qsort((void *)list->names, list->count, sizeof *list->names, by_name);
    return NACRE_OK;
}

nacre_status dir_list(struct ctx *ctx, const char *path, struct dir_list *out) {
    DIR *dir = io_fault() ? NULL : opendir(path);
    if (!dir && errno == ENOENT)
        return err_set(ctx, NACRE_NOT_FOUND, "there is no directory %s", path);
    if (!dir) return err_errno(ctx, errno, "cannot open directory", path);
    struct dir_list list = {0};
    nacre_status status = list_fill(ctx, dir, path, &list);
    closedir(dir);
    if (status != NACRE_OK) {
        dir_list_free(&list);
        return status;
    }
    *out = list;
    return NACRE_OK;
}

static nacre_status remove_tree(struct ctx *ctx, const char *path, int depth);

// Links are removed, never followed.
static nacre_status remove_entry(struct ctx *ctx, const char *dir, const char *name, int depth) {
    size_t room = strlen(dir) + 1 + strlen(name) + 1;
    MEM_CLEANUP char *path = mem_alloc(room);
    if (!path) return err_nomem(ctx);
    snprintf(path, room, "%s/%s", dir, name);
    struct stat st;
    if (IO_RETRY(lstat(path, &st)) < 0) return err_errno(ctx, errno, "cannot look at", path);
    return S_ISDIR(st.st_mode) ? remove_tree(ctx, path, depth + 1) : file_remove(ctx, path);
}

static nacre_status remove_tree(struct ctx *ctx, const char *path, int depth) {
    if (depth > DIR_DEPTH_MAX) return err_errno(ctx, ELOOP, "cannot remove directory", path);
    struct dir_list list;
    TRY(dir_list(ctx, path, &list));
    nacre_status status = NACRE_OK;
    for (size_t i = 0; i < list.count && status == NACRE_OK; i++)
        status = remove_entry(ctx, path, list.names[i], depth);
    dir_list_free(&list);
    if (status != NACRE_OK) return status;
    if (IO_RETRY(rmdir(path)) < 0) return err_errno(ctx, errno, "cannot remove directory", path);
    return NACRE_OK;
}

nacre_status dir_remove_all(struct ctx *ctx, const char *path) { return remove_tree(ctx, path, 0); }

nacre_status dir_free_bytes(struct ctx *ctx, const char *path, uint64_t *out_bytes) {
    struct statvfs st;
    if (IO_RETRY(statvfs(path, &st)) < 0)
        return err_errno(ctx, errno, "cannot get the free space of", path);
    *out_bytes = (uint64_t)st.f_bavail * st.f_frsize;
    return NACRE_OK;
}
