// Files of backups: paths, copies with checksums, the lock.
#include <stdio.h>

#include "base/bits/bits.h"
#include "catalog/keyspace.h"
#include "engine/backup/backup_internal.h"

enum { COPY_BYTES = 1 << 20 };

nacre_status backup_join(struct ctx *ctx, const char *dir, const char *name,
                         char out[BACKUP_PATH_MAX]) {
    int n = snprintf(out, BACKUP_PATH_MAX, "%s/%s", dir, name);
    if (n > 0 && n < BACKUP_PATH_MAX) return NACRE_OK;
    return err_set(ctx, NACRE_INVALID_ARGUMENT, "a path in the directory of backups is too long");
}

nacre_status backup_path(struct ctx *ctx, const char *dir, const char *name,
                         char out[BACKUP_PATH_MAX]) {
    nacre_status status = name_check(ctx, "backup", slice_str(name));
    if (status != NACRE_OK) {
        err_parameter(ctx, "name");
        return status;
    }
    return backup_join(ctx, dir, name, out);
}

nacre_status backup_lock(struct ctx *ctx, const char *dir, struct file *out) {
    char path[BACKUP_PATH_MAX];
    TRY(backup_join(ctx, dir, "LOCK", path));
    TRY(file_open(ctx, path, FILE_CREATE, out));
    nacre_status status = file_lock(ctx, out);
    if (status == NACRE_OK) return NACRE_OK;
    file_close(out);
    if (status != NACRE_LOCKED) return status;
    status = err_set(ctx, NACRE_LOCKED, "a backup in %s is being made, checked or restored", dir);
    err_hint(ctx, "wait until that is over, or cancel it");
    return status;
}

struct copying {
    struct file from, to;
    struct buf bytes;
    struct backup_progress *progress;
};

static nacre_status copy_piece(struct ctx *ctx, struct copying *c, struct backup_sum *sum,
                               bool *end) {
    size_t n;
    TRY(ctx_check(ctx));
    TRY(file_read_at(ctx, &c->from, sum->bytes, c->bytes.p, COPY_BYTES, &n));
    if (n && c->to.fd >= 0) TRY(file_write_at(ctx, &c->to, sum->bytes, c->bytes.p, n));
    sum->crc = crc32c(sum->crc, c->bytes.p, n);
    sum->bytes += n;
    if (c->progress) atomic_fetch_add(&c->progress->done_bytes, n);
    *end = n < COPY_BYTES;
    return NACRE_OK;
}

static nacre_status copy_all(struct ctx *ctx, struct copying *c, const char *from, const char *to,
                             struct backup_sum *sum) {
    bool end = false;
    if (!buf_reserve(&c->bytes, COPY_BYTES)) return err_nomem(ctx);
    TRY(file_open(ctx, from, FILE_READ, &c->from));
    if (to) TRY(file_open(ctx, to, FILE_CREATE_NEW, &c->to));
    while (!end)
        TRY(copy_piece(ctx, c, sum, &end));
    return to ? file_sync(ctx, &c->to) : NACRE_OK;
}

nacre_status backup_copy(struct ctx *ctx, const char *from, const char *to,
                         struct backup_progress *progress, struct backup_sum *out) {
    struct copying c = {.from = FILE_CLOSED, .to = FILE_CLOSED, .progress = progress};
    *out = (struct backup_sum){0};
    buf_init(&c.bytes, NULL, COPY_BYTES);
    nacre_status status = copy_all(ctx, &c, from, to, out);
    file_close(&c.from);
    file_close(&c.to);
    buf_free(&c.bytes);
    return status;
}

static void put_file(struct bson_writer *w, const char *folder, const char *name,
                     const struct backup_sum *sum) {
    char path[BACKUP_PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    bson_open_object(w, slice_of(NULL, 0));
    bson_put(w, SLICE_LIT("path"), val_str(slice_of(path, (size_t)n)));
    bson_put(w, SLICE_LIT("bytes"), val_int((int64_t)sum->bytes));
    bson_put(w, SLICE_LIT("crc32c"), val_int(sum->crc));
    bson_close(w);
}

struct folder_copy {
    const char *folder;
    char from[BACKUP_PATH_MAX], to[BACKUP_PATH_MAX]; // to "": only read
    struct backup_progress *progress;
};

static nacre_status copy_names(struct ctx *ctx, const struct folder_copy *c,
                               const struct dir_list *list, struct bson_writer *w) {
    char source[BACKUP_PATH_MAX], target[BACKUP_PATH_MAX];
    struct backup_sum sum;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->names[i], "lock") == 0) continue; // of a log: not part of it
        TRY(backup_join(ctx, c->from, list->names[i], source));
        if (c->to[0]) TRY(backup_join(ctx, c->to, list->names[i], target));
        TRY(backup_copy(ctx, source, c->to[0] ? target : NULL, c->progress, &sum));
        put_file(w, c->folder, list->names[i], &sum);
    }
    return NACRE_OK;
}

nacre_status backup_copy_folder(struct ctx *ctx, const char *root, const char *folder,
                                const char *to_root, struct backup_progress *progress,
                                struct bson_writer *w) {
    struct folder_copy c = {.folder = folder, .progress = progress};
    struct dir_list list;
    TRY(backup_join(ctx, root, folder, c.from));
    if (to_root) {
        TRY(backup_join(ctx, to_root, folder, c.to));
        TRY(dir_make(ctx, c.to));
    }
    TRY(dir_list(ctx, c.from, &list));
    nacre_status status = copy_names(ctx, &c, &list, w);
    dir_list_free(&list);
    if (status == NACRE_OK && to_root) status = dir_sync(ctx, c.to);
    return status;
}

static nacre_status file_bytes(struct ctx *ctx, const char *dir, const char *name, uint64_t *sum) {
    char path[BACKUP_PATH_MAX];
    struct file file;
    uint64_t bytes = 0;
    TRY(backup_join(ctx, dir, name, path));
    TRY(file_open(ctx, path, FILE_READ, &file));
    nacre_status status = file_size(ctx, &file, &bytes);
    file_close(&file);
    *sum += bytes;
    return status;
}

nacre_status backup_folder_bytes(struct ctx *ctx, const char *dir, uint64_t *out) {
    struct dir_list list;
    nacre_status status = dir_list(ctx, dir, &list);
    *out = 0;
    if (status != NACRE_OK) return status;
    for (size_t i = 0; i < list.count && status == NACRE_OK; i++)
        status = file_bytes(ctx, dir, list.names[i], out);
    dir_list_free(&list);
    return status;
}
