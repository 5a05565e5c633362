// Backups: a handle on a directory of them, for one thread, which needs no open database.
#include "base/text/time.h"
#include "engine/backup/backup.h"
#include "lib/lib.h"

struct nacre_backups {
    char *dir;
    struct ctx ctx;
    atomic_bool cancel;
    struct backup_progress progress;
    struct buf text, problem;
};

nacre_status nacre_backups_open(const char *dir, nacre_backups **out) {
    if (!dir || !dir[0] || !out) return NACRE_INVALID_ARGUMENT;
    struct nacre_backups *b = mem_zalloc(sizeof *b);
    if (!b) return NACRE_MEMORY_LIMIT;
    b->dir = mem_strdup(dir);
    if (!b->dir) {
        mem_free(b);
        return NACRE_MEMORY_LIMIT;
    }
    ctx_init(&b->ctx, &world_system, NULL, LIB_REQUEST_MAX);
    buf_init(&b->text, NULL, LIB_TEXT_MAX);
    buf_init(&b->problem, NULL, 1 << 20);
    *out = b;
    return NACRE_OK;
}

void nacre_backups_close(nacre_backups *b) {
    if (!b) return;
    ctx_free(&b->ctx);
    buf_free(&b->text);
    buf_free(&b->problem);
    mem_free(b->dir);
    mem_free(b);
}

void nacre_backups_cancel(nacre_backups *b) {
    if (b) atomic_store(&b->cancel, true);
}

double nacre_backups_progress(const nacre_backups *b) {
    if (!b) return 0;
    uint64_t done = atomic_load(&b->progress.done_bytes);
    uint64_t total = atomic_load(&b->progress.total_bytes);
    if (!total) return 0;
    return done < total ? (double)done / (double)total : 1;
}

const char *nacre_backups_problem(nacre_backups *b) {
    if (!b || b->ctx.err.status == NACRE_OK) return "{}";
    buf_reset(&b->problem);
    lib_problem_write(&b->problem, &b->ctx.err, NULL);
    buf_put_u8(&b->problem, 0);
    return buf_status(&b->problem) == NACRE_OK ? (const char *)b->problem.p : "{}";
}

const struct err *lib_backups_error(const nacre_backups *b) { return &b->ctx.err; }

const char *nacre_backups_detail(const nacre_backups *b) { return b ? b->ctx.err.detail : ""; }

const char *nacre_backups_hint(const nacre_backups *b) { return b ? b->ctx.err.hint : ""; }

static nacre_status begin(struct nacre_backups *b, const void *wanted, const char *what) {
    if (!b) return NACRE_INVALID_ARGUMENT;
    ctx_reset(&b->ctx);
    b->ctx.cancel = &b->cancel;
    atomic_store(&b->progress.done_bytes, 0);
    atomic_store(&b->progress.total_bytes, 0);
    buf_reset(&b->text);
    if (wanted) return NACRE_OK;
    nacre_status status = err_set(&b->ctx, NACRE_INVALID_ARGUMENT, "%s is NULL", what);
    err_parameter(&b->ctx, what);
    return status;
}

static struct backup_call call_of(struct nacre_backups *b, const char *name) {
    return (struct backup_call){.dir = b->dir, .name = name, .progress = &b->progress};
}

static nacre_status ended(struct nacre_backups *b, nacre_status status) {
    if (b->ctx.err.status != status) lib_settle(&b->ctx, status);
    return status;
}

static nacre_status give(struct nacre_backups *b, nacre_status status, const char **out) {
    TRY(ended(b, status));
    buf_put_u8(&b->text, 0);
    if (buf_status(&b->text) != NACRE_OK) return err_buf(&b->ctx, &b->text);
    *out = (const char *)b->text.p;
    return NACRE_OK;
}

nacre_status nacre_backup_create(nacre_backups *b, nacre_db *db, const char *name,
                                 const char *parent, const char **out) {
    TRY(begin(b, db, "db"));
    TRY(begin(b, name, "name"));
    TRY(begin(b, out, "out"));
    struct backup_call call = call_of(b, name);
    TRY(ended(b, backup_create(&b->ctx, db->engine, &call, parent)));
    return give(b, backup_get(&b->ctx, b->dir, name, &b->text), out);
}

nacre_status nacre_backup_list(nacre_backups *b, const char *name, const char **out) {
    TRY(begin(b, out, "out"));
    nacre_status status =
        name ? backup_get(&b->ctx, b->dir, name, &b->text) : backup_list(&b->ctx, b->dir, &b->text);
    return give(b, status, out);
}

nacre_status nacre_backup_delete(nacre_backups *b, const char *name) {
    TRY(begin(b, name, "name"));
    return ended(b, backup_delete(&b->ctx, b->dir, name));
}

struct sink {
    nacre_problem_fn *each;
    void *arg;
};

static void pass_on(void *arg, const char *text) {
    const struct sink *sink = arg;
    if (sink->each) sink->each(sink->arg, text);
}

nacre_status nacre_backup_verify(nacre_backups *b, const char *name, nacre_problem_fn *each,
                                 void *arg, uint64_t *problems) {
    struct sink sink = {each, arg};
    TRY(begin(b, name, "name"));
    TRY(begin(b, problems, "problems"));
    struct backup_call call = call_of(b, name);
    return ended(b, backup_verify(&b->ctx, &call, pass_on, &sink, problems));
}

nacre_status nacre_backup_restore(nacre_backups *b, const char *name,
                                  const nacre_restore_options *options) {
    TRY(begin(b, name, "name"));
    TRY(begin(b, options, "options"));
    TRY(begin(b, options->to, "to"));
    struct backup_call call = call_of(b, name);
    struct backup_restore restore = {
        .to = options->to, .has_time = options->time != NULL, .log = options->log};
    if (restore.has_time && !time_parse(slice_str(options->time), &restore.time_ms)) {
        nacre_status status =
            err_set(&b->ctx, NACRE_INVALID_ARGUMENT,
                    "time is none; expected RFC 3339 as in \"2026-01-31T12:00:00Z\"");
        err_parameter(&b->ctx, "time");
        return status;
    }
    return ended(b, backup_restore(&b->ctx, &call, &restore));
}
