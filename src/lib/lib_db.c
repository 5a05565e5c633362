// Opening and closing.
#include "base/os/thread.h"
#include "lib/lib.h"

static atomic_ullong lib_serial;

static void copy_text(char *out, size_t cap, const char *text) {
    size_t n = strlen(text);
    if (n >= cap) n = cap - 1;
    memcpy(out, text, n);
    out[n] = '\0';
}

static void tell(nacre_open_error *out, const struct err *err) {
    if (!out) return;
    out->status = err->status;
    copy_text(out->detail, sizeof out->detail, err->detail);
    copy_text(out->hint, sizeof out->hint, err->hint);
}

const char *nacre_version(void) { return NACRE_VERSION; }

static nacre_status check_open(struct ctx *ctx, const char *dir, const nacre_options *options,
                               nacre_db **out) {
    const char *missing = !dir ? "dir" : !out ? "out" : NULL;
    if (missing) {
        nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT, "%s is NULL; expected %s",
                                      missing, dir ? "where the handle goes" : "a directory");
        err_parameter(ctx, missing);
        return status;
    }
    if (!dir[0]) return err_set(ctx, NACRE_INVALID_ARGUMENT, "dir is empty; expected a directory");
    if (options && options->create && options->read_only)
        return err_set(ctx, NACRE_INVALID_ARGUMENT,
                       "create and read_only exclude each other: give one of them");
    return NACRE_OK;
}

static nacre_status open_db(struct ctx *ctx, const char *dir, const nacre_options *o,
                            struct nacre_db *db) {
    static const nacre_options defaults = {0};
    if (!o) o = &defaults;
    struct engine_options options = {.dir = dir,
                                     .create = o->create != 0,
                                     .read_only = o->read_only != 0,
                                     .memory_bytes = o->memory_bytes,
                                     .log_bytes = o->log_bytes,
                                     .disk_reserve_bytes = o->disk_reserve_bytes,
                                     .archive = o->archive != 0};
    db->world = &world_system;
    db->serial = atomic_fetch_add(&lib_serial, 1) + 1;
    db->forks = fork_watch();
    return engine_open(ctx, &options, &db->engine);
}

nacre_status nacre_open(const char *dir, const nacre_options *options, nacre_db **out) {
    struct ctx ctx;
    struct nacre_db *db = NULL;
    ctx_init(&ctx, &world_system, NULL, LIB_REQUEST_MAX);
    nacre_status status = check_open(&ctx, dir, options, out);
    if (status == NACRE_OK) {
        db = mem_zalloc(sizeof *db);
        status = db ? open_db(&ctx, dir, options, db) : err_nomem(&ctx);
    }
    if (status == NACRE_OK)
        *out = db;
    else
        mem_free(db);
    if (ctx.err.status != status) lib_settle(&ctx, status);
    if (options) tell(options->error, &ctx.err);
    ctx_free(&ctx);
    return status;
}

nacre_status nacre_connect(const char *url, const nacre_options *options, nacre_db **out) {
    struct ctx ctx;
    (void)url, (void)out;
    ctx_init(&ctx, &world_system, NULL, LIB_REQUEST_MAX);
    nacre_status status =
        err_set(&ctx, NACRE_UNIMPLEMENTED, "connecting to a server is not implemented yet");
    err_hint(&ctx, "open the database's directory with nacre_open");
    if (options) tell(options->error, &ctx.err);
    ctx_free(&ctx);
    return status;
}

static nacre_status close_db(struct ctx *ctx, struct nacre_db *db) {
    unsigned sessions = atomic_load(&db->sessions);
    if (sessions && !lib_is_forked(db)) {
        nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT,
                                      "%u sessions are still open: nothing was closed", sessions);
        err_hint(ctx, "call nacre_session_close for each, then nacre_close again");
        return status;
    }
    nacre_status status = engine_close(ctx, db->engine);
    if (!lib_is_forked(db)) mem_free(db); // in a child the sessions still point to it
    return status;
}

nacre_status nacre_close(nacre_db *db, nacre_open_error *error) {
    struct ctx ctx;
    if (!db) return NACRE_OK;
    ctx_init(&ctx, db->world, NULL, LIB_REQUEST_MAX);
    nacre_status status = close_db(&ctx, db);
    if (ctx.err.status != status) lib_settle(&ctx, status);
    tell(error, &ctx.err);
    ctx_free(&ctx);
    return status;
}
