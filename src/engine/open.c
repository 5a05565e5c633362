// Opening and closing: format, lock, store, log, replay.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bits/bits.h"
#include "base/os/fork.h"
#include "engine/internal.h"
#include "filter/filter.h"
#include "log/local/log_local.h"
#include "query/estimate.h"
#include "store/rocks/kv_rocks.h"

enum { PATH_TEXT_MAX = 4096, SPILL_SHARE = 16 };
static const char format_text[] =
    "nacre 1\n"; // DIR/FORMAT: the version of the directory as a whole

static nacre_status join(struct ctx *ctx, const char *dir, const char *name,
                         char out[PATH_TEXT_MAX]) {
    int n = snprintf(out, PATH_TEXT_MAX, "%s/%s", dir, name);
    if (n > 0 && n < PATH_TEXT_MAX) return NACRE_OK;
    return err_set(ctx, NACRE_INVALID_ARGUMENT, "the directory's name is too long (%zu bytes)",
                   strlen(dir));
}

static bool is_forked(const struct engine *e) { return fork_passed(e->forks); }

nacre_status engine_usable(struct ctx *ctx, const struct engine *e) {
    if (!is_forked(e)) return NACRE_OK;
    nacre_status status = err_set(ctx, NACRE_UNAVAILABLE,
                                  "the database was opened before a fork: the child cannot use it");
    err_hint(ctx, "open it anew in the child, or call exec");
    return status;
}

static nacre_status no_format_file(struct ctx *ctx, const char *dir) {
    nacre_status status =
        err_set(ctx, NACRE_NOT_FOUND, "%s is not a Nacre database: it has no file FORMAT", dir);
    err_hint(ctx,
             "check the path; a database is made by the first import or by opening with create");
    return status;
}

// *found = false, and nothing else, where there is none.
static nacre_status check_format_file(struct ctx *ctx, const char *dir, bool *found) {
    char path[PATH_TEXT_MAX];
    struct buf text BUF_CLEANUP = {0};
    buf_init(&text, NULL, 4096);
    *found = false;
    TRY(join(ctx, dir, "FORMAT", path));
    if (!file_exists(path)) return NACRE_OK;
    nacre_status status = file_read_all(ctx, path, 1024, &text);
    if (status == NACRE_REQUEST_TOO_LARGE)
        return err_set(ctx, NACRE_INCOMPATIBLE_FORMAT, "%s is too long to be a database's", path);
    TRY(status);
    *found = true;
    if (slice_eq_str(buf_slice(&text), format_text)) return NACRE_OK;
    size_t shown = text.n < 60 ? text.n : 60;
    while (shown && text.p[shown - 1] == '\n')
        shown--;
    return err_set(ctx, NACRE_INCOMPATIBLE_FORMAT,
                   "%s says \"%.*s\"; this program knows \"nacre 1\"", path, (int)shown,
                   (const char *)text.p);
}

nacre_status engine_make_format_file(struct ctx *ctx, const char *dir) {
    char path[PATH_TEXT_MAX];
    TRY(join(ctx, dir, "FORMAT", path));
    return file_replace(ctx, path, format_text, sizeof format_text - 1);
}

static nacre_status no_directory(struct ctx *ctx, const char *dir) {
    nacre_status status = err_set(ctx, NACRE_NOT_FOUND, "there is no database at %s", dir);
    err_hint(ctx,
             "check the path; a database is made by the first import or by opening with create");
    return status;
}

// A directory that holds anything else is not taken for a new database. What a killed creation
// leaves is: LOCK, and FORMAT under its temporary name.
static nacre_status check_empty(struct ctx *ctx, const char *dir) {
    struct dir_list list;
    bool foreign = false;
    TRY(dir_list(ctx, dir, &list));
    for (size_t i = 0; i < list.count; i++)
        foreign |= strcmp(list.names[i], "LOCK") != 0 && strcmp(list.names[i], "FORMAT.tmp") != 0;
    dir_list_free(&list);
    if (!foreign) return NACRE_OK;
    return err_set(ctx, NACRE_INVALID_ARGUMENT,
                   "%s holds other files and no Nacre database: choose an empty directory", dir);
}

// Before anything is made or locked.
static nacre_status check_directory(struct ctx *ctx, const struct engine_options *o) {
    bool found, create = o->create && !o->read_only;
    if (!file_exists(o->dir)) return create ? dir_make(ctx, o->dir) : no_directory(ctx, o->dir);
    TRY(check_format_file(ctx, o->dir, &found));
    if (found) return NACRE_OK;
    return create ? check_empty(ctx, o->dir) : no_format_file(ctx, o->dir);
}

static nacre_status open_directory(struct ctx *ctx, struct engine *e,
                                   const struct engine_options *o) {
    char path[PATH_TEXT_MAX];
    TRY(check_directory(ctx, o));
    e->dir = mem_strdup(o->dir);
    if (!e->dir) return err_nomem(ctx);
    TRY(join(ctx, e->dir, "LOCK", path));
    TRY(file_open(ctx, path, o->read_only ? FILE_WRITE : FILE_CREATE, &e->lock_file));
    nacre_status status = file_lock(ctx, &e->lock_file);
    if (status == NACRE_LOCKED) {
        status = err_set(ctx, NACRE_LOCKED, "another process has the database at %s open", e->dir);
        err_hint(ctx, "close it there first");
    }
    TRY(status);
    // Looked at again: another process may have made it before the lock was free.
    bool found;
    TRY(check_format_file(ctx, e->dir, &found));
    return found ? NACRE_OK : engine_make_format_file(ctx, e->dir);
}

static nacre_status open_kv(struct ctx *ctx, struct engine *e, const struct engine_options *o) {
    char path[PATH_TEXT_MAX];
    if (o->kv) {
        e->kv = o->kv;
        return NACRE_OK;
    }
    struct kv_rocks_options options = {.cache_bytes = e->budget.limit / 10 * 3,
                                       .write_buffer_bytes = e->budget.limit / 10 * 2,
                                       .create = o->create,
                                       .read_only = o->read_only,
                                       .horizon_ts = &e->horizon_ts,
                                       .hold_compactions = true};
    if (options.write_buffer_bytes > 64u << 20) options.write_buffer_bytes = 64u << 20;
    TRY(join(ctx, e->dir, "store", path));
    e->owns_kv = true;
    return kv_rocks_open(ctx, path, &options, &e->kv);
}

static nacre_status open_log(struct ctx *ctx, struct engine *e, const struct engine_options *o) {
    char path[PATH_TEXT_MAX];
    if (o->log) {
        e->log = o->log;
        return NACRE_OK;
    }
    struct log_local_options options = {.archive = o->archive, .read_only = o->read_only};
    TRY(join(ctx, e->dir, "log", path));
    e->owns_log = true;
    return log_local_open(ctx, path, &options, &e->log);
}

// The format row of the store, made on the first open.
static nacre_status open_format(struct ctx *ctx, struct engine *e) {
    bool found;
    TRY(store_format_read(ctx, e->kv, &e->format, &found));
    if (found || e->read_only) return NACRE_OK;
    struct kv_batch batch;
    e->format = (struct store_format){
        .store_version = 1, .apply_version = 1, .created_ms = (int64_t)world_wall_ms(e->world)};
    world_random(e->world, e->format.cluster_id, sizeof e->format.cluster_id);
    kv_batch_init(&batch, NULL, SIZE_MAX);
    store_format_put(&batch, &e->format);
    nacre_status status = buf_status(&batch.bytes);
    if (status == NACRE_OK) status = e->kv->ops->write(e->kv, ctx, &batch);
    kv_batch_free(&batch);
    if (status != NACRE_OK) return status;
    return e->kv->ops->flush(e->kv, ctx);
}

static uint64_t default_memory(void) {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t all = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 1u << 30;
    return all / 4;
}

static nacre_status init_engine(struct ctx *ctx, struct engine *e, const struct engine_options *o) {
    e->world = o->world ? o->world : &world_system;
    e->forks = fork_watch();
    e->read_only = o->read_only;
    e->no_background = o->no_background || o->read_only;
    e->log_limit = o->log_bytes ? o->log_bytes : 64u << 20;
    e->disk_reserve = o->disk_reserve_bytes ? o->disk_reserve_bytes : 256u << 20;
    e->lock_file = FILE_CLOSED;
    e->queue_tail = &e->queue_head;
    uint32_t chains = thread_processors() / 2;
    e->wake_chains = chains < 1 ? 1 : chains < WAKE_CHAINS_MAX ? chains : WAKE_CHAINS_MAX;
    e->logged_tail = &e->logged_head;
    budget_init(&e->budget, NULL, o->memory_bytes ? o->memory_bytes : default_memory());
    // What logging needs is bounded by the size of a group and charged to nobody: a refusal here
    // would fall on everyone in the group (E3).
    ctx_init(&e->log_ctx, e->world, NULL, SIZE_MAX);
    buf_init(&e->record, NULL, REPLOG_RECORD_MAX);
    mutex_init(&e->door);
    mutex_init(&e->inflight_lock);
    map_init(&e->inflight);
    mutex_init(&e->past_lock);
    mutex_init(&e->tx_lock);
    mutex_init(&e->running_lock);
    e->running_tail = &e->running;
    mutex_init(&e->feed_lock);
    cond_init(&e->feed_wake);
    mutex_init(&e->bg_lock);
    cond_init(&e->bg_wake);
    cond_init(&e->flushed);
    if (e->budget.limit < 16u << 20)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "memory_bytes is at least 16 MiB, given %zu",
                       e->budget.limit);
    return NACRE_OK;
}

// A query has up to three parts that hold as much: together less than what caches leave.
static nacre_status open_spill(struct ctx *ctx, struct engine *e) {
    char path[PATH_TEXT_MAX];
    e->spill.work_bytes = e->budget.limit / SPILL_SHARE;
    if (!e->dir || e->read_only) return NACRE_OK;
    TRY(join(ctx, e->dir, "tmp", path));
    return temp_dir_open(ctx, path, e->disk_reserve, &e->spill.dir);
}

// Database main is made through the log like everything else.
static nacre_status make_main(struct ctx *ctx, struct engine *e) {
    struct result result;
    struct view *view = engine_view(e);
    bool there = catalog_database(view->catalog, SLICE_LIT("main")) != NULL;
    txn_view_release(view);
    if (there || e->read_only) return NACRE_OK;
    // A creation that was killed may have left a log as long as submitters wait for, and nobody
    // flushes yet.
    if (atomic_load(&e->log_bytes_since_flush) > e->log_limit) TRY(engine_flush(ctx, e));
    struct catalog_request request = {.op = CATALOG_CREATE_DATABASE,
                                      .target.database = SLICE_LIT("main")};
    return engine_catalog(ctx, e, &request, &result);
}

static nacre_status open_all(struct ctx *ctx, struct engine *e, const struct engine_options *o) {
    TRY(init_engine(ctx, e, o));
    if (o->dir) TRY(open_directory(ctx, e, o));
    TRY(open_log(ctx, e, o)); // first: it changes nothing, and the store does
    TRY(open_kv(ctx, e, o));
    TRY(open_format(ctx, e));
    TRY(open_spill(ctx, e));
    TRY(cache_new(ctx, &e->budget, e->budget.limit / 10 * 3, &e->cache));
    TRY(estimate_memo_new(ctx, &e->budget, &e->memo));
    struct txn_options txn = {.kv = e->kv,
                              .cache = e->cache,
                              .no_trail = o->no_trail,
                              .schema_regex = &filter_regex_schema};
    TRY(txn_open(ctx, &txn, &e->txn));
    TRY(engine_replay(ctx, e));
    // Nothing is refused any more.
    if (e->owns_kv && !o->no_compaction) TRY(kv_rocks_compact_freely(ctx, e->kv));
    TRY(make_main(ctx, e));
    engine_check_disk(e);
    return engine_background_start(ctx, e);
}

static void release(struct engine *e) {
    txn_close(e->txn);
    cache_free(e->cache);
    temp_dir_close(&e->spill.dir);
    estimate_memo_free(e->memo, &e->budget);
    if (e->owns_log && e->log) e->log->ops->close(e->log);
    if (e->owns_kv && e->kv) e->kv->ops->close(e->kv);
    file_close(&e->lock_file);
    buf_free(&e->record);
    buf_free(&e->trimming.after);
    ctx_free(&e->log_ctx);
    mutex_destroy(&e->door);
    mutex_destroy(&e->inflight_lock);
    map_free(&e->inflight);
    mutex_destroy(&e->past_lock);
    mutex_destroy(&e->tx_lock);
    mutex_destroy(&e->running_lock);
    mutex_destroy(&e->feed_lock);
    cond_destroy(&e->feed_wake);
    mutex_destroy(&e->bg_lock);
    cond_destroy(&e->bg_wake);
    cond_destroy(&e->flushed);
    mem_free(e->dir);
    mem_free(e);
}

nacre_status engine_open(struct ctx *ctx, const struct engine_options *options,
                         struct engine **out) {
    struct engine *e = mem_zalloc(sizeof *e);
    if (!e) return err_nomem(ctx);
    nacre_status status = open_all(ctx, e, options);
    if (status != NACRE_OK) {
        engine_background_stop(e);
        release(e);
        return engine_recorded(ctx, status);
    }
    *out = e;
    return NACRE_OK;
}

struct estimate_memo *engine_memo(struct engine *e) {
    return e->memo;
}

struct cache *engine_cache(struct engine *e) {
    return e->cache;
}

struct spill_place *engine_spill(struct engine *e) {
    return e->spill.dir.path ? &e->spill : NULL;
}

nacre_status engine_close(struct ctx *ctx, struct engine *e) {
    if (!e) return NACRE_OK;
    if (is_forked(e))
        return engine_usable(ctx,
                             e); // the parent's threads and locks are not here: leave all alone
    engine_background_stop(e);
    nacre_status status = NACRE_OK;
    if (!e->read_only && e->failed == NACRE_OK) {
        status = engine_sync_log(ctx, e);
        if (status == NACRE_OK) status = engine_flush(ctx, e);
    } else if (e->failed != NACRE_OK) {
        status = e->failed;
        ctx->err = e->failure;
    }
    release(e);
    return status;
}
