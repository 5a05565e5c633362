// Restoring: the store of the full backup, then the records of it and of those that build on it,
// applied as a crash's would be, to the end or to a time. The log of the new directory begins a
// generation of its own behind them: what is written there was never written where the backup came
// from.
#include <stdio.h>

#include "engine/backup/backup_internal.h"
#include "filter/filter.h"
#include "log/local/log_local.h"
#include "store/rocks/kv_rocks.h"

enum { RESTORE_MEMORY = 256 << 20, RESTORE_CACHE = 64 << 20, GENERATION_STEP = 1 << 20 };

struct restoring {
    const struct backup_call *call;
    const struct backup_restore *restore;
    struct manifest_chain chain;
    struct budget budget;
    struct cache *cache;
    struct kv *kv;
    struct txn *txn;
    bool reached; // the time
};

// --- files ---

static nacre_status check_file(struct ctx *ctx, const struct manifest *m,
                               const struct manifest_file *file, const struct backup_sum *sum) {
    if (sum->bytes == file->sum.bytes && sum->crc == file->sum.crc) return NACRE_OK;
    return err_set(
        ctx, NACRE_CORRUPT, "file %s of backup \"%s\" is damaged: %s", file->path, m->name,
        sum->bytes == file->sum.bytes ? "the checksum does not match" : "its size is another");
}

// Every file of a backup is read; those of the store are written where they belong.
static nacre_status copy_file(struct ctx *ctx, struct restoring *r, const struct manifest *m,
                              const struct manifest_file *file) {
    char folder[BACKUP_PATH_MAX], from[BACKUP_PATH_MAX], to[BACKUP_PATH_MAX];
    bool is_store = strncmp(file->path, "store/", 6) == 0;
    struct backup_sum sum;
    TRY(backup_path(ctx, r->call->dir, m->name, folder));
    TRY(backup_join(ctx, folder, file->path, from));
    if (is_store) TRY(backup_join(ctx, r->restore->to, file->path, to));
    TRY(backup_copy(ctx, from, is_store ? to : NULL, r->call->progress, &sum));
    return check_file(ctx, m, file, &sum);
}

static nacre_status copy_files(struct ctx *ctx, struct restoring *r, const struct manifest *m) {
    struct bson_iter it = backup_manifest_files(m);
    struct manifest_file file;
    bool found;
    for (;;) {
        TRY(backup_manifest_next_file(ctx, m, &it, &file, &found));
        if (!found) return NACRE_OK;
        TRY(copy_file(ctx, r, m, &file));
    }
}

static nacre_status copy_all(struct ctx *ctx, struct restoring *r) {
    char store[BACKUP_PATH_MAX];
    TRY(backup_join(ctx, r->restore->to, "store", store));
    TRY(dir_make(ctx, store));
    for (size_t i = 0; i < r->chain.count; i++)
        TRY(copy_files(ctx, r, &r->chain.items[i]));
    TRY(dir_sync(ctx, store));
    return dir_sync(ctx, r->restore->to);
}

// --- records ---

// after: the backup that it follows; NULL: none.
static nacre_status replay_log(struct ctx *ctx, struct restoring *r, const char *dir,
                               const struct manifest *after) {
    struct log_local_options options = {.read_only = true};
    struct replog *log;
    struct replay replay = {
        .txn = r->txn, .bounded = r->restore->has_time, .until_ms = (uint64_t)r->restore->time_ms};
    if (after) {
        replay.link_index = after->last_index;
        replay.link_chain = after->chain;
    }
    TRY(log_local_open(ctx, dir, &options, &log));
    nacre_status status = engine_replay_log(ctx, &replay, log);
    log->ops->close(log);
    r->reached |= replay.reached;
    return status;
}

static nacre_status replay_backup(struct ctx *ctx, struct restoring *r, const struct manifest *m,
                                  const struct manifest *after) {
    char folder[BACKUP_PATH_MAX], name[32], path[BACKUP_PATH_MAX];
    TRY(backup_path(ctx, r->call->dir, m->name, folder));
    for (uint32_t part = 1; !r->reached; part++) {
        snprintf(name, sizeof name, "log-%u", part);
        TRY(backup_join(ctx, folder, name, path));
        if (!file_exists(path)) return NACRE_OK;
        TRY(replay_log(ctx, r, path, after));
    }
    return NACRE_OK;
}

// Of a database's log, and before that of its archive.
static nacre_status replay_further(struct ctx *ctx, struct restoring *r) {
    const struct manifest *after = &r->chain.items[r->chain.count - 1];
    char archive[BACKUP_PATH_MAX];
    if (!r->restore->log || r->reached) return NACRE_OK;
    TRY(backup_join(ctx, r->restore->log, "archive", archive));
    if (file_exists(archive)) TRY(replay_log(ctx, r, archive, after));
    return r->reached ? NACRE_OK : replay_log(ctx, r, r->restore->log, after);
}

static nacre_status check_time(struct ctx *ctx, const struct restoring *r) {
    uint64_t at_ms = txn_position(r->txn)->commit_ts >> 20;
    if (!r->restore->has_time) return NACRE_OK;
    if (r->restore->time_ms >= 0 && at_ms <= (uint64_t)r->restore->time_ms) return NACRE_OK;
    nacre_status status = err_set(ctx, NACRE_HISTORY_EXPIRED, "the backup begins after that time");
    err_hint(ctx, "restore from an earlier full backup");
    err_parameter(ctx, "time");
    return status;
}

static nacre_status check_reached(struct ctx *ctx, const struct restoring *r) {
    if (!r->restore->has_time || r->reached) return NACRE_OK;
    if (txn_position(r->txn)->commit_ts >> 20 == (uint64_t)r->restore->time_ms) return NACRE_OK;
    nacre_status status =
        err_set(ctx, NACRE_INVALID_ARGUMENT, "that time is after the end of what is kept");
    err_hint(ctx, "restore a later backup, or give the log of the database");
    err_parameter(ctx, "time");
    return status;
}

static nacre_status replay_all(struct ctx *ctx, struct restoring *r) {
    TRY(check_time(ctx, r));
    for (size_t i = 0; i < r->chain.count; i++)
        TRY(replay_backup(ctx, r, &r->chain.items[i], i ? &r->chain.items[i - 1] : NULL));
    TRY(replay_further(ctx, r));
    TRY(check_reached(ctx, r));
    nacre_status status = txn_publish(r->txn); // what apply holds back is written
    if (status != NACRE_OK) {
        ctx->err = *txn_error(r->txn);
        return status;
    }
    return r->kv->ops->flush(r->kv, ctx);
}

// --- the new directory ---

// A number that the log of the origin, which goes on too, hardly comes to: tokens of either are
// none of the other.
static nacre_status begin_log(struct ctx *ctx, const struct restoring *r,
                              const struct position *at) {
    struct log_origin origin = {.last_index = at->index};
    char path[BACKUP_PATH_MAX];
    uint32_t random;
    world_random(ctx->world, &random, sizeof random);
    origin.generation = at->generation + 1 + random % GENERATION_STEP;
    TRY(backup_join(ctx, r->restore->to, "log", path));
    TRY(log_local_begin(ctx, path, 0, &origin));
    TRY(dir_sync(ctx, r->restore->to));
    return engine_make_format_file(ctx, r->restore->to);
}

static nacre_status apply(struct ctx *ctx, struct restoring *r, struct position *at) {
    char path[BACKUP_PATH_MAX];
    struct kv_rocks_options options = {.cache_bytes = RESTORE_CACHE};
    TRY(backup_join(ctx, r->restore->to, "store", path));
    TRY(kv_rocks_open(ctx, path, &options, &r->kv));
    TRY(cache_new(ctx, &r->budget, RESTORE_CACHE, &r->cache));
    struct txn_options txn = {.kv = r->kv, .cache = r->cache, .schema_regex = &filter_regex_schema};
    TRY(txn_open(ctx, &txn, &r->txn));
    TRY(replay_all(ctx, r));
    *at = *txn_position(r->txn);
    return NACRE_OK;
}

static nacre_status apply_and_close(struct ctx *ctx, struct restoring *r, struct position *at) {
    nacre_status status = apply(ctx, r, at);
    txn_close(r->txn);
    cache_free(r->cache);
    if (r->kv) r->kv->ops->close(r->kv);
    return status;
}

static nacre_status check_target(struct ctx *ctx, const char *to) {
    struct dir_list list;
    if (!file_exists(to)) return dir_make(ctx, to);
    TRY(dir_list(ctx, to, &list));
    bool empty = list.count == 0;
    dir_list_free(&list);
    if (empty) return NACRE_OK;
    nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT,
                                  "%s is not empty: a backup is restored to a new directory", to);
    err_parameter(ctx, "to");
    return status;
}

static nacre_status check_room(struct ctx *ctx, const struct restoring *r) {
    uint64_t free_bytes, bytes = 0;
    for (size_t i = 0; i < r->chain.count; i++) {
        struct bson_iter it = backup_manifest_files(&r->chain.items[i]);
        struct manifest_file file;
        bool found = true;
        while (found) {
            TRY(backup_manifest_next_file(ctx, &r->chain.items[i], &it, &file, &found));
            if (found) bytes += file.sum.bytes;
        }
    }
    if (r->call->progress) atomic_fetch_add(&r->call->progress->total_bytes, bytes);
    TRY(dir_free_bytes(ctx, r->restore->to, &free_bytes));
    if (free_bytes >= bytes) return NACRE_OK;
    return err_set(ctx, NACRE_DISK_FULL, "the backup needs %llu bytes, %llu are free",
                   (unsigned long long)bytes, (unsigned long long)free_bytes);
}

static nacre_status fill_target(struct ctx *ctx, struct restoring *r) {
    struct position at;
    TRY(check_room(ctx, r));
    TRY(copy_all(ctx, r));
    TRY(apply_and_close(ctx, r, &at));
    return begin_log(ctx, r, &at);
}

static void remove_target(const char *to) {
    struct ctx ctx; // the error that is told is another
    ctx_init(&ctx, &world_system, NULL, 1 << 20);
    (void)!dir_remove_all(&ctx, to);
    ctx_free(&ctx);
}

nacre_status backup_restore_to(struct ctx *ctx, const struct backup_call *call,
                               const struct backup_restore *restore) {
    struct restoring r = {.call = call, .restore = restore};
    budget_init(&r.budget, NULL, RESTORE_MEMORY);
    TRY(backup_manifest_chain_read(ctx, call->dir, call->name, &r.chain));
    nacre_status status = check_target(ctx, restore->to);
    if (status == NACRE_OK) {
        status = fill_target(ctx, &r);
        if (status != NACRE_OK) remove_target(restore->to);
    }
    backup_manifest_chain_free(&r.chain);
    return status;
}

nacre_status backup_restore(struct ctx *ctx, const struct backup_call *call,
                            const struct backup_restore *restore) {
    struct file lock;
    TRY(backup_lock(ctx, call->dir, &lock));
    nacre_status status = backup_restore_to(ctx, call, restore);
    file_close(&lock);
    return engine_recorded(ctx, status);
}
