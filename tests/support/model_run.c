#include "support/model_run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err/check.h"
#include "base/os/file.h"
#include "log/model/log_model.h"
#include "store/memkv/kv_mem.h"
#include "support/model_run_feed.h"

static void open_engine(struct run *run) {
    struct engine_options options = {.create = true,
                                     .memory_bytes = 256u << 20,
                                     .log_bytes = 1u << 20, // flushed often
                                     .world = &run->world.world,
                                     .no_background = true};
    if (run->rocks) {
        options.dir = run->dir;
    } else {
        options.kv = run->kv;
        options.log = run->log;
    }
    nacre_status status = engine_open(&run->ctx, &options, &run->engine);
    if (status != NACRE_OK) run_fail(run, "open: %s", run->ctx.err.detail);
}

nacre_status run_ask_write(struct run *run, const struct write_request *request,
                           struct result *out) {
    if (run->tx) return engine_tx_write(&run->ctx, run->tx, request, out);
    return engine_write(&run->ctx, run->engine, request, out);
}

nacre_status run_ask_get(struct run *run, struct engine_collection *handle, struct val id,
                         struct engine_doc *out) {
    if (run->tx) return engine_tx_get(&run->ctx, run->tx, handle, id, out);
    if (run->past_ms)
        return engine_get_past(&run->ctx, run->engine, handle, id, (int64_t)run->past_ms, out);
    return engine_get(&run->ctx, run->engine, handle, id, out);
}

uint64_t run_now_ms(const struct run *run) {
    return run->past_ms ? run->past_ms : engine_now_ms(run->engine);
}

static struct view *view_past(struct run *run, const struct model_collection *c) {
    struct engine_collection handle = {.target = run_target(c)};
    struct view *view;
    nacre_status status = engine_resolve(&run->ctx, run->engine, handle.target, &handle);
    if (status == NACRE_OK)
        status =
            engine_view_past(&run->ctx, run->engine, handle.tablet, (int64_t)run->past_ms, &view);
    if (status != NACRE_OK) run_fail(run, "a view of the past: %s", run->ctx.err.detail);
    return view;
}

struct view *run_view(struct run *run, const struct model_collection *c) {
    struct view *view;
    struct cache *cache;
    if (run->past_ms) return view_past(run, c);
    if (!run->tx) return engine_view(run->engine);
    CHECK(engine_tx_view(&run->ctx, run->tx, &view, &cache) == NACRE_OK);
    return view;
}

// The body the engine has now.
static bool engine_has(void *arg, const struct model_collection *c, const struct model_doc *doc) {
    struct run *run = arg;
    struct engine_collection handle = {.target = run_target(c)};
    struct engine_doc got = {0};
    CHECK(engine_resolve(&run->ctx, run->engine, handle.target, &handle) == NACRE_OK);
    bool same = run_ask_get(run, &handle, model_id_val(&doc->id), &got) == NACRE_OK &&
                slice_eq(got.row.body, doc->body);
    engine_release_doc(run->engine, &got);
    return same;
}

void run_open(struct run *run, uint64_t seed, bool rocks) {
    *run = (struct run){.seed = seed, .rocks = rocks, .verbose = run->verbose};
    rng_seed(&run->rng, seed);
    world_model_init(&run->world, seed);
    ctx_init(&run->ctx, &run->world.world, NULL, SIZE_MAX);
    if (rocks) {
        const char *tmp = getenv("TMPDIR");
        snprintf(run->dir, sizeof run->dir, "%s/nacre-model-XXXXXX",
                 tmp && strlen(tmp) < 40 ? tmp : "/tmp");
        CHECK(mkdtemp(run->dir) != NULL);
    } else {
        struct log_model_options options = {.seed = seed};
        CHECK(kv_mem_new(&run->ctx, &run->kv) == NACRE_OK);
        kv_mem_hold(run->kv);
        CHECK(log_model_new(&run->ctx, &options, &run->log) == NACRE_OK);
    }
    model_init(&run->model);
    run->model.engine_has = engine_has;
    run->model.arg = run;
    open_engine(run);
}

static void close_engine(struct run *run) {
    nacre_status status = engine_close(&run->ctx, run->engine);
    if (status != NACRE_OK) run_fail(run, "close: %s", run->ctx.err.detail);
}

void run_reopen(struct run *run) {
    run_note(run, "reopen");
    run->counts.reopens++;
    close_engine(run);
    if (run->log) log_model_reopen(run->log);
    open_engine(run);
}

void run_close(struct run *run) {
    close_engine(run);
    for (int i = 0; i < RUN_PHOTOS; i++)
        model_drop(&run->photos[i].state);
    run_followers_free(run);
    model_free(&run->model);
    if (run->log) run->log->ops->close(run->log);
    if (run->kv) {
        run->kv->ops->close(run->kv);
        kv_mem_release(run->kv);
    }
    if (run->rocks) CHECK(dir_remove_all(&run->ctx, run->dir) == NACRE_OK);
    ctx_free(&run->ctx);
}

// --- reports ----------------------------------------------------------------------------

void run_note(struct run *run, const char *fmt, ...) {
    char *text = run->trail[run->trail_at++ % RUN_TRAIL];
    int n = snprintf(text, RUN_TRAIL_TEXT, "%llu: ", (unsigned long long)run->ops);
    va_list args;
    va_start(args, fmt);
    vsnprintf(text + n, RUN_TRAIL_TEXT - (size_t)n, fmt, args);
    va_end(args);
    if (run->verbose) fprintf(stderr, "%s\n", text);
}

void run_fail(struct run *run, const char *fmt, ...) {
    va_list args;
    uint64_t from = run->trail_at > RUN_TRAIL ? run->trail_at - RUN_TRAIL : 0;
    for (uint64_t i = from; i < run->trail_at; i++)
        fprintf(stderr, "  %s\n", run->trail[i % RUN_TRAIL]);
    fprintf(stderr, "model: store %s, seed %llu, operation %llu: ", run->rocks ? "rocks" : "mem",
            (unsigned long long)run->seed, (unsigned long long)run->ops);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    if (run->rocks) fprintf(stderr, "model: the database is in %s\n", run->dir);
    _exit(1);
}

void run_expect(struct run *run, const char *what, nacre_status got, nacre_status wanted) {
    if (got == wanted) return;
    run_fail(run, "%s: status %d (%s), the model says %d", what, (int)got,
             got == NACRE_OK ? "" : run->ctx.err.detail, (int)wanted);
}

// --- collections ------------------------------------------------------------------------

struct model_collection *run_collection(struct run *run) {
    struct model_collection *c = &run->model.collections[run_below(run, MODEL_COLLECTIONS)];
    for (int i = 0; i < 20 && !c->there; i++)
        c = &run->model.collections[run_below(run, MODEL_COLLECTIONS)];
    return run_chance(run, 1) ? &run->model.collections[run_below(run, MODEL_COLLECTIONS)] : c;
}

nacre_status run_absent(const struct run *run, const struct model_collection *c) {
    bool database = strcmp(c->database, "main") == 0 || run->model.side_there;
    return database ? NACRE_COLLECTION_NOT_FOUND : NACRE_DATABASE_NOT_FOUND;
}
