// What backups there are, and away with one.
#include <stdio.h>

#include "doc/json.h"
#include "engine/backup/backup_internal.h"

static uint64_t bytes_of(struct ctx *ctx, const struct manifest *m) {
    struct bson_iter it = backup_manifest_files(m);
    struct manifest_file file;
    uint64_t bytes = 0;
    for (bool found = true; found;) {
        if (backup_manifest_next_file(ctx, m, &it, &file, &found) != NACRE_OK) break;
        if (found) bytes += file.sum.bytes;
    }
    err_clear(ctx);
    return bytes;
}

static void put_member(struct buf *out, const struct manifest *m, const char *name) {
    struct val v = bson_find(buf_slice(&m->bson), slice_str(name));
    if (v.type == VAL_MISSING) return;
    buf_printf(out, ",\"%s\":", name);
    json_write_val(out, v, JSON_INT64_NUMBER);
}

static void put_complete(struct ctx *ctx, const struct manifest *m, bool whole, struct buf *out) {
    static const char *const members[] = {"kind", "parent", "created", "time", "sequence"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        put_member(out, m, members[i]);
    buf_printf(out, ",\"bytes\":%llu", (unsigned long long)bytes_of(ctx, m));
    if (whole) put_member(out, m, "databases");
}

static nacre_status put_backup(struct ctx *ctx, const char *dir, const char *name, bool whole,
                               struct buf *out) {
    struct manifest m;
    bool incomplete = false;
    nacre_status status = backup_manifest_read(ctx, dir, name, &m, &incomplete);
    bool damaged = status == NACRE_CORRUPT || status == NACRE_INCOMPATIBLE_FORMAT;
    if (status != NACRE_OK && !damaged) return status;
    buf_printf(out, "{\"name\":\"%s\",\"state\":\"%s\"", name,
               incomplete ? "incomplete"
               : damaged  ? "damaged"
                          : "complete");
    if (damaged) {
        err_clear(ctx);
    } else {
        put_complete(ctx, &m, whole, out);
        backup_manifest_free(&m);
    }
    buf_put_u8(out, '}');
    return buf_status(out) == NACRE_OK ? NACRE_OK : err_buf(ctx, out);
}

nacre_status backup_get(struct ctx *ctx, const char *dir, const char *name, struct buf *out) {
    return engine_recorded(ctx, put_backup(ctx, dir, name, true, out));
}

// Folders whose name could be one's.
static bool is_backup(struct ctx *ctx, const char *dir, const char *name) {
    char path[BACKUP_PATH_MAX];
    bool is = strcmp(name, "LOCK") != 0 && backup_path(ctx, dir, name, path) == NACRE_OK;
    err_clear(ctx);
    return is;
}

static nacre_status put_all(struct ctx *ctx, const char *dir, const struct dir_list *list,
                            struct buf *out) {
    bool any = false;
    buf_put_str(out, "{\"items\":[");
    for (size_t i = 0; i < list->count; i++) {
        if (!is_backup(ctx, dir, list->names[i])) continue;
        if (any) buf_put_u8(out, ',');
        TRY(put_backup(ctx, dir, list->names[i], false, out));
        any = true;
    }
    buf_put_str(out, "]}");
    return buf_status(out) == NACRE_OK ? NACRE_OK : err_buf(ctx, out);
}

nacre_status backup_list(struct ctx *ctx, const char *dir, struct buf *out) {
    struct dir_list list = {0};
    if (file_exists(dir)) TRY(dir_list(ctx, dir, &list));
    nacre_status status = put_all(ctx, dir, &list, out);
    dir_list_free(&list);
    return engine_recorded(ctx, status);
}

// --- away ---

static nacre_status check_children(struct ctx *ctx, const char *dir, const char *name,
                                   const struct dir_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        struct manifest m;
        if (!is_backup(ctx, dir, list->names[i])) continue;
        if (backup_manifest_read(ctx, dir, list->names[i], &m, NULL) != NACRE_OK) continue;
        bool child = strcmp(m.parent, name) == 0;
        backup_manifest_free(&m);
        if (child)
            return err_set(ctx, NACRE_CONFLICT, "backup \"%s\" builds on \"%s\": delete it first",
                           list->names[i], name);
    }
    err_clear(ctx);
    return NACRE_OK;
}

static nacre_status remove_backup(struct ctx *ctx, const char *dir, const char *name) {
    char folder[BACKUP_PATH_MAX], manifest[BACKUP_PATH_MAX];
    struct dir_list list;
    TRY(backup_path(ctx, dir, name, folder));
    if (!file_exists(folder))
        return err_set(ctx, NACRE_NOT_FOUND, "there is no backup \"%s\"", name);
    TRY(dir_list(ctx, dir, &list));
    nacre_status status = check_children(ctx, dir, name, &list);
    dir_list_free(&list);
    TRY(status);
    // First (B1): what a crash leaves is told as incomplete.
    TRY(backup_join(ctx, folder, BACKUP_MANIFEST, manifest));
    if (file_exists(manifest)) {
        TRY(file_remove(ctx, manifest));
        TRY(dir_sync(ctx, folder));
    }
    return dir_remove_all(ctx, folder);
}

nacre_status backup_delete(struct ctx *ctx, const char *dir, const char *name) {
    struct file lock;
    if (!file_exists(dir)) return err_set(ctx, NACRE_NOT_FOUND, "there is no backup \"%s\"", name);
    TRY(backup_lock(ctx, dir, &lock));
    nacre_status status = remove_backup(ctx, dir, name);
    file_close(&lock);
    return engine_recorded(ctx, status);
}
