#include "base/os/temp.h"

#include <stdio.h>
#include <string.h>

#include "base/err/check.h"
#include "base/err/err.h"

nacre_status temp_dir_open(struct ctx *ctx, const char *path, uint64_t reserve_bytes,
                           struct temp_dir *out) {
    if (file_exists(path)) TRY(dir_remove_all(ctx, path));
    TRY(dir_make(ctx, path));
    char *copy = mem_strdup(path);
    if (!copy) return err_nomem(ctx);
    *out = (struct temp_dir){.path = copy, .reserve_bytes = reserve_bytes};
    return NACRE_OK;
}

void temp_dir_close(struct temp_dir *dir) {
    DCHECK(atomic_load(&dir->files) == 0);
    mem_free(dir->path);
    dir->path = NULL;
}

nacre_status temp_dir_check(struct ctx *ctx, const struct temp_dir *dir) {
    uint64_t free_bytes;
    TRY(dir_free_bytes(ctx, dir->path, &free_bytes));
    if (free_bytes >= dir->reserve_bytes) return NACRE_OK;
    return err_set(ctx, NACRE_DISK_FULL,
                   "no room for temporary files in %s: %llu bytes are free, %llu are kept free",
                   dir->path, (unsigned long long)free_bytes,
                   (unsigned long long)dir->reserve_bytes);
}

nacre_status temp_file_open(struct ctx *ctx, struct temp_dir *dir, struct file *out) {
    size_t room = strlen(dir->path) + 16;
    struct file file;
    MEM_CLEANUP char *path = mem_alloc(room);
    if (!path) return err_nomem(ctx);
    snprintf(path, room, "%s/%u", dir->path, atomic_fetch_add(&dir->serial, 1));
    TRY(file_open(ctx, path, FILE_CREATE_NEW, &file));
    nacre_status status = file_remove(ctx, path);
    if (status != NACRE_OK) {
        file_close(&file);
        return status;
    }
    atomic_fetch_add(&dir->files, 1);
    *out = file;
    return NACRE_OK;
}

void temp_file_close(struct temp_dir *dir, struct file *file) {
    if (file->fd >= 0) atomic_fetch_sub(&dir->files, 1);
    file_close(file);
}
