// Verifying: what a restore would find, tried.
#include <stdarg.h>
#include <stdio.h>

#include "engine/backup/backup_internal.h"

struct verifying {
    const struct backup_call *call;
    engine_problem *each;
    void *arg;
    uint64_t problems;
};

static void PRINTF_LIKE(2, 3) report(struct verifying *v, const char *fmt, ...) {
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    v->problems++;
    v->each(v->arg, text);
}

static void pass_on(void *arg, const char *text) { report((struct verifying *)arg, "%s", text); }

// Damage is a finding; anything else ends the call.
static nacre_status finding(struct ctx *ctx, struct verifying *v, nacre_status status) {
    if (status != NACRE_CORRUPT && status != NACRE_INCOMPATIBLE_FORMAT) return status;
    report(v, "%s", ctx->err.detail);
    err_clear(ctx);
    return NACRE_OK;
}

// --- every file ---

static nacre_status look_at(struct ctx *ctx, struct verifying *v, const struct manifest *m,
                            const struct manifest_file *file) {
    char folder[BACKUP_PATH_MAX], path[BACKUP_PATH_MAX];
    struct backup_sum sum;
    TRY(backup_path(ctx, v->call->dir, m->name, folder));
    TRY(backup_join(ctx, folder, file->path, path));
    nacre_status status = backup_copy(ctx, path, NULL, v->call->progress, &sum);
    if (status == NACRE_NOT_FOUND || status == NACRE_IO_ERROR) {
        report(v, "file %s of backup \"%s\": %s", file->path, m->name, ctx->err.detail);
        err_clear(ctx);
        return NACRE_OK;
    }
    TRY(status);
    if (sum.bytes != file->sum.bytes)
        report(v, "file %s of backup \"%s\" has %llu bytes instead of %llu", file->path, m->name,
               (unsigned long long)sum.bytes, (unsigned long long)file->sum.bytes);
    else if (sum.crc != file->sum.crc)
        report(v, "file %s of backup \"%s\" is damaged: the checksum does not match", file->path,
               m->name);
    return NACRE_OK;
}

static nacre_status look_at_files(struct ctx *ctx, struct verifying *v,
                                  const struct manifest_chain *chain) {
    struct manifest_file file;
    for (size_t i = 0; i < chain->count; i++) {
        const struct manifest *m = &chain->items[i];
        struct bson_iter it = backup_manifest_files(m);
        for (bool found = true; found;) {
            TRY(backup_manifest_next_file(ctx, m, &it, &file, &found));
            if (found) TRY(look_at(ctx, v, m, &file));
        }
    }
    return NACRE_OK;
}

// --- what is restored ---

static nacre_status compare_collection(struct ctx *ctx, struct verifying *v, struct view *view,
                                       const struct database *database, struct slice told) {
    struct val name = bson_find(told, SLICE_LIT("name"));
    struct val documents = bson_find(told, SLICE_LIT("documents"));
    const struct collection *c = catalog_collection(view->catalog, database->id, val_slice(name));
    struct tablet_counters counters;
    if (!c) {
        report(v, "collection %.*s of %s is missing", (int)name.n, (const char *)name.p,
               database->name);
        return NACRE_OK;
    }
    TRY(tablet_read(ctx, view->kv, view->kv_view, c->tablet, &counters));
    if (documents.type != VAL_INT || counters.documents != (uint64_t)documents.i)
        report(v, "collection %s of %s has %llu documents; the backup says %lld", c->name,
               database->name, (unsigned long long)counters.documents, (long long)documents.i);
    return NACRE_OK;
}

static nacre_status compare_database(struct ctx *ctx, struct verifying *v, struct view *view,
                                     struct slice told) {
    struct val name = bson_find(told, SLICE_LIT("name"));
    const struct database *database = catalog_database(view->catalog, val_slice(name));
    struct slice index;
    struct val item;
    if (!database) {
        report(v, "database %.*s is missing", (int)name.n, (const char *)name.p);
        return NACRE_OK;
    }
    struct bson_iter it = bson_iter_of_val(bson_find(told, SLICE_LIT("collections")));
    while (bson_next(&it, &index, &item))
        TRY(compare_collection(ctx, v, view, database, val_slice(item)));
    return NACRE_OK;
}

static nacre_status compare(struct ctx *ctx, struct verifying *v, struct engine *e,
                            const struct manifest *m) {
    struct bson_iter it = bson_iter_of_val(bson_find(buf_slice(&m->bson), SLICE_LIT("databases")));
    struct view *view = engine_view(e);
    struct slice index;
    struct val item;
    nacre_status status = NACRE_OK;
    if (view->seq != m->sequence)
        report(v, "the restored database ends at sequence %llu; the backup says %llu",
               (unsigned long long)view->seq, (unsigned long long)m->sequence);
    while (status == NACRE_OK && bson_next(&it, &index, &item))
        status = compare_database(ctx, v, view, val_slice(item));
    txn_view_release(view);
    return status;
}

static nacre_status check_restored(struct ctx *ctx, struct verifying *v, const char *dir,
                                   const struct manifest *m) {
    struct engine_options options = {.dir = dir, .no_background = true};
    struct engine *e;
    uint64_t problems;
    TRY(engine_open(ctx, &options, &e));
    nacre_status status = compare(ctx, v, e, m);
    if (status == NACRE_OK) status = engine_check(ctx, e, pass_on, v, &problems);
    struct err err = ctx->err;
    nacre_status closed = engine_close(ctx, e);
    if (status != NACRE_OK) ctx->err = err;
    return status != NACRE_OK ? status : closed;
}

static nacre_status try_restore(struct ctx *ctx, struct verifying *v, const struct manifest *m) {
    char scratch[BACKUP_PATH_MAX + 8];
    struct backup_restore restore = {.to = scratch};
    // No name of a backup has a dot.
    int n = snprintf(scratch, sizeof scratch, "%s/%s.verify", v->call->dir, m->name);
    if (n < 0 || n >= BACKUP_PATH_MAX)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "the directory's name is too long");
    if (file_exists(scratch)) TRY(dir_remove_all(ctx, scratch)); // of one that was killed
    TRY(finding(ctx, v, backup_restore_to(ctx, v->call, &restore)));
    if (v->problems) return NACRE_OK;
    nacre_status status = finding(ctx, v, check_restored(ctx, v, scratch, m));
    struct err err = ctx->err;
    nacre_status removed = dir_remove_all(ctx, scratch);
    if (status != NACRE_OK) ctx->err = err;
    return status != NACRE_OK ? status : removed;
}

static nacre_status verify(struct ctx *ctx, struct verifying *v) {
    struct manifest_chain chain;
    nacre_status status = backup_manifest_chain_read(ctx, v->call->dir, v->call->name, &chain);
    if (status != NACRE_OK) return finding(ctx, v, status);
    status = look_at_files(ctx, v, &chain);
    if (status == NACRE_OK && !v->problems)
        status = try_restore(ctx, v, &chain.items[chain.count - 1]);
    backup_manifest_chain_free(&chain);
    return finding(ctx, v, status);
}

nacre_status backup_verify(struct ctx *ctx, const struct backup_call *call, engine_problem *each,
                           void *arg, uint64_t *out_problems) {
    struct verifying v = {.call = call, .each = each, .arg = arg};
    struct file lock;
    TRY(backup_lock(ctx, call->dir, &lock));
    nacre_status status = verify(ctx, &v);
    file_close(&lock);
    *out_problems = v.problems;
    return engine_recorded(ctx, status);
}
