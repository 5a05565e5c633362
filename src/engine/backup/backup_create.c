// Making a backup. In this order (B2): trimming of the log is held; the store is checkpointed; a
// TICK goes through the log, so that the view published then has all that the checkpoint has; that
// view is where the backup ends; the log is synced; records up to there are copied.
#include <stdio.h>

#include "base/text/time.h"
#include "engine/backup/backup_internal.h"

struct making {
    struct engine *e;
    const struct backup_call *call;
    char folder[BACKUP_PATH_MAX];
    struct manifest parent; // with incremental
    bool incremental;
    struct view *view;
    uint64_t from; // first record
    struct log_copy log;
    struct buf files; // BSON: {"files":[…]}
};

static nacre_status end_at_view(struct ctx *ctx, struct making *m) {
    struct engine_command tick = {.type = COMMAND_TICK, .durability = DURABILITY_SYNCED};
    struct result ignored;
    uint64_t synced;
    TRY(engine_submit(ctx, m->e, &tick, &ignored));
    m->view = engine_view(m->e);
    TRY(m->e->log->ops->sync(m->e->log, ctx, &synced)); // the view may show what is not yet
    m->log.to = m->view->index;
    return NACRE_OK;
}

// Room for it, and the reserve of the database if both are on one disk.
static nacre_status check_room(struct ctx *ctx, const struct making *m, uint64_t bytes) {
    uint64_t free_bytes, reserve = m->e->disk_reserve;
    TRY(dir_free_bytes(ctx, m->call->dir, &free_bytes));
    if (free_bytes >= bytes && free_bytes - bytes >= reserve) return NACRE_OK;
    return err_set(
        ctx, NACRE_DISK_FULL, "the backup needs %llu bytes; of %llu free ones %llu are kept free",
        (unsigned long long)bytes, (unsigned long long)free_bytes, (unsigned long long)reserve);
}

// The checkpoint's files are links: they cost nothing, and stay while they are copied.
static nacre_status copy_checkpoint(struct ctx *ctx, struct making *m, const char *root,
                                    struct bson_writer *w) {
    struct backup_progress *progress = m->call->progress;
    char store[BACKUP_PATH_MAX];
    uint64_t bytes;
    TRY(backup_join(ctx, root, "store", store));
    TRY(backup_folder_bytes(ctx, store, &bytes));
    TRY(check_room(ctx, m, bytes));
    if (progress) atomic_fetch_add(&progress->total_bytes, bytes);
    return backup_copy_folder(ctx, root, "store", m->folder, progress, w);
}

static nacre_status checkpoint(struct ctx *ctx, struct making *m, char root[BACKUP_PATH_MAX]) {
    char store[BACKUP_PATH_MAX];
    struct position at;
    TRY(backup_join(ctx, m->e->spill.dir.path, "checkpoint", root));
    if (file_exists(root)) TRY(dir_remove_all(ctx, root)); // of one that failed
    TRY(dir_make(ctx, root));
    TRY(backup_join(ctx, root, "store", store));
    // Before it: what the checkpoint has goes at least as far.
    TRY(position_read(ctx, m->e->kv, NULL, &at));
    m->from = at.index ? at.index : 1;
    return m->e->kv->ops->checkpoint(m->e->kv, ctx, store);
}

static void remove_tree(struct making *m, const char *path) {
    struct ctx ctx; // the error that is told is another
    ctx_init(&ctx, m->e->world, NULL, 1 << 20);
    if (file_exists(path)) (void)!dir_remove_all(&ctx, path);
    ctx_free(&ctx);
}

static nacre_status copy_store(struct ctx *ctx, struct making *m, struct bson_writer *w) {
    char root[BACKUP_PATH_MAX] = "";
    nacre_status status = checkpoint(ctx, m, root);
    if (status == NACRE_OK) status = end_at_view(ctx, m);
    if (status == NACRE_OK) status = copy_checkpoint(ctx, m, root, w);
    if (root[0]) remove_tree(m, root);
    return status;
}

// The copy of the log is made in place; its files are only read for their checksums.
static nacre_status copy_log(struct ctx *ctx, struct making *m, struct bson_writer *w) {
    char name[32];
    m->log.folder = m->folder;
    TRY(backup_log_copy(ctx, m->e, &m->log, m->from));
    for (uint32_t part = 1; part <= m->log.parts; part++) {
        snprintf(name, sizeof name, "log-%u", part);
        TRY(backup_copy_folder(ctx, m->folder, name, NULL, NULL, w));
    }
    return dir_sync(ctx, m->folder);
}

// --- what it says of itself ---

static nacre_status put_database(struct ctx *ctx, const struct making *m,
                                 const struct database *database, struct bson_writer *w) {
    const struct catalog *catalog = m->view->catalog;
    bson_open_object(w, slice_of(NULL, 0));
    bson_put(w, SLICE_LIT("name"), val_str(slice_str(database->name)));
    bson_open_array(w, SLICE_LIT("collections"));
    for (uint32_t i = 0; i < catalog->collection_count; i++) {
        const struct collection *c = &catalog->collections[i];
        struct tablet_counters counters;
        if (c->database_id != database->id) continue;
        TRY(tablet_read(ctx, m->view->kv, m->view->kv_view, c->tablet, &counters));
        bson_open_object(w, slice_of(NULL, 0));
        bson_put(w, SLICE_LIT("name"), val_str(slice_str(c->name)));
        bson_put(w, SLICE_LIT("documents"), val_int((int64_t)counters.documents));
        bson_close(w);
    }
    bson_close(w);
    bson_close(w);
    return NACRE_OK;
}

static void put_time(struct bson_writer *w, const char *name, uint64_t ms) {
    char text[TIME_TEXT_MAX];
    size_t n = time_print((int64_t)ms, text);
    bson_put(w, slice_str(name), val_str(slice_of(text, n)));
}

static void put_number(struct bson_writer *w, const char *name, uint64_t number) {
    bson_put(w, slice_str(name), val_int((int64_t)number));
}

static void put_head(const struct making *m, struct bson_writer *w) {
    char chain[17];
    put_number(w, "format", 1);
    bson_put(w, SLICE_LIT("name"), val_str(slice_str(m->call->name)));
    bson_put(w, SLICE_LIT("kind"),
             val_str(m->incremental ? SLICE_LIT("incremental") : SLICE_LIT("full")));
    if (m->incremental) bson_put(w, SLICE_LIT("parent"), val_str(slice_str(m->parent.name)));
    put_time(w, "created", engine_now_ms(m->e));
    put_time(w, "time", m->view->commit_ts >> 20);
    put_number(w, "sequence", m->view->seq);
    put_number(w, "commit_ts", m->view->commit_ts);
    put_number(w, "generation", m->log.generation);
    put_number(w, "first_index", m->log.first);
    put_number(w, "last_index", m->log.next - 1);
    snprintf(chain, sizeof chain, "%016llx", (unsigned long long)m->log.chain);
    bson_put(w, SLICE_LIT("chain"), val_str(slice_of(chain, 16)));
}

static nacre_status write_manifest(struct ctx *ctx, const struct making *m) {
    struct buf bson BUF_CLEANUP = {0};
    const struct catalog *catalog = m->view->catalog;
    struct bson_writer w;
    buf_init(&bson, NULL, BACKUP_MANIFEST_MAX);
    bson_begin(&w, &bson);
    put_head(m, &w);
    bson_open_array(&w, SLICE_LIT("databases"));
    for (uint32_t i = 0; i < catalog->database_count; i++)
        TRY(put_database(ctx, m, &catalog->databases[i], &w));
    bson_close(&w);
    bson_put(&w, SLICE_LIT("files"), bson_find(buf_slice(&m->files), SLICE_LIT("files")));
    bson_end(&w);
    if (buf_status(&bson) != NACRE_OK) return err_buf(ctx, &bson);
    return backup_manifest_write(ctx, m->folder, buf_slice(&bson));
}

// --- the steps ---

static nacre_status copy_parts(struct ctx *ctx, struct making *m) {
    struct bson_writer w;
    bson_begin(&w, &m->files);
    bson_open_array(&w, SLICE_LIT("files"));
    if (m->incremental) {
        m->log.next = m->parent.last_index + 1;
        m->log.chain = m->parent.chain;
        TRY(end_at_view(ctx, m));
    } else {
        TRY(copy_store(ctx, m, &w));
    }
    TRY(copy_log(ctx, m, &w));
    bson_close(&w);
    bson_end(&w);
    return buf_status(&m->files) == NACRE_OK ? NACRE_OK : err_buf(ctx, &m->files);
}

static nacre_status make_folder(struct ctx *ctx, struct making *m) {
    TRY(backup_path(ctx, m->call->dir, m->call->name, m->folder));
    if (file_exists(m->folder)) {
        m->folder[0] = '\0'; // not ours to remove
        return err_set(ctx, NACRE_ALREADY_EXISTS, "there is a backup \"%s\" already",
                       m->call->name);
    }
    return dir_make(ctx, m->folder);
}

static nacre_status make(struct ctx *ctx, struct making *m, const char *parent) {
    if (parent) TRY(backup_manifest_read(ctx, m->call->dir, parent, &m->parent, NULL));
    m->incremental = parent != NULL;
    TRY(make_folder(ctx, m));
    TRY(copy_parts(ctx, m));
    TRY(write_manifest(ctx, m));
    return dir_sync(ctx, m->call->dir);
}

static nacre_status make_held(struct ctx *ctx, struct making *m, const char *parent) {
    buf_init(&m->files, NULL, BACKUP_MANIFEST_MAX);
    nacre_status status = make(ctx, m, parent);
    if (status != NACRE_OK && m->folder[0]) remove_tree(m, m->folder);
    txn_view_release(m->view);
    backup_manifest_free(&m->parent);
    buf_free(&m->files);
    return status;
}

static nacre_status check_call(struct ctx *ctx, struct engine *e, const struct backup_call *call) {
    TRY(engine_writable(ctx, e));
    if (!e->dir || !e->owns_log || !e->owns_kv)
        return err_set(ctx, NACRE_UNIMPLEMENTED, "only a database in a directory is backed up");
    return dir_make(ctx, call->dir);
}

nacre_status backup_create(struct ctx *ctx, struct engine *e, const struct backup_call *call,
                           const char *parent) {
    struct making m = {.e = e, .call = call};
    struct file lock;
    bool none = false;
    TRY(check_call(ctx, e, call));
    TRY(backup_lock(ctx, call->dir, &lock));
    nacre_status status;
    if (atomic_compare_exchange_strong(&e->log_held, &none, true)) {
        status = make_held(ctx, &m, parent);
        atomic_store(&e->log_held, false);
    } else {
        status = err_set(ctx, NACRE_CONFLICT, "another backup of this database is being made");
    }
    file_close(&lock);
    return engine_recorded(ctx, status);
}
