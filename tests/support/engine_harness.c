#include "support/engine_harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err/check.h"
#include "base/os/file.h"
#include "doc/json.h"
#include "log/model/log_model.h"
#include "store/memkv/kv_mem.h"

static void open_engine(struct harness *h) {
    struct engine_options options = {.create = true, .memory_bytes = 256u << 20};
    if (h->dir[0]) {
        options.dir = h->dir;
        options.no_background = !h->background;
    } else {
        options.kv = h->kv;
        options.log = h->log;
        options.world = &h->world.world;
        options.no_background = true;
    }
    nacre_status status = engine_open(&h->ctx, &options, &h->engine);
    if (status != NACRE_OK) fprintf(stderr, "engine_open: %s\n", h->ctx.err.detail);
    CHECK(status == NACRE_OK);
}

void harness_open_memory(struct harness *h, uint64_t seed) {
    *h = (struct harness){0};
    world_model_init(&h->world, seed);
    ctx_init(&h->ctx, &h->world.world, NULL, SIZE_MAX);
    struct log_model_options options = {.seed = seed};
    CHECK(kv_mem_new(&h->ctx, &h->kv) == NACRE_OK);
    kv_mem_hold(h->kv);
    CHECK(log_model_new(&h->ctx, &options, &h->log) == NACRE_OK);
    open_engine(h);
}

void harness_open_dir(struct harness *h, bool background) {
    *h = (struct harness){.background = background};
    ctx_init(&h->ctx, &world_system, NULL, SIZE_MAX);
    memcpy(h->dir, "/tmp/nacre-test-XXXXXX", sizeof "/tmp/nacre-test-XXXXXX");
    CHECK(mkdtemp(h->dir) != NULL);
    open_engine(h);
}

void harness_reopen(struct harness *h) {
    CHECK(engine_close(&h->ctx, h->engine) == NACRE_OK);
    if (h->log) log_model_reopen(h->log);
    open_engine(h);
}

void harness_close(struct harness *h) {
    CHECK(engine_close(&h->ctx, h->engine) == NACRE_OK);
    if (h->log) h->log->ops->close(h->log);
    if (h->kv) {
        h->kv->ops->close(h->kv);
        kv_mem_release(h->kv);
    }
    if (h->dir[0]) CHECK(dir_remove_all(&h->ctx, h->dir) == NACRE_OK);
    ctx_free(&h->ctx);
}

struct val harness_str(const char *s) {
    return val_str(slice_str(s));
}

struct slice harness_bson(struct harness *h, const char *json) {
    struct buf out BUF_CLEANUP = {0};
    struct json_options options = {.allow_dollar_names = true};
    buf_init(&out, NULL, SIZE_MAX);
    nacre_status status = json_parse(&h->ctx, slice_str(json), &options, &out);
    if (status != NACRE_OK) fprintf(stderr, "%s: %s\n", json, h->ctx.err.detail);
    CHECK(status == NACRE_OK);
    return slice_of(arena_copy(&h->ctx.arena, out.p, out.n), out.n);
}

nacre_status harness_write(struct harness *h, const char *collection, struct write_item *item,
                           const char *json, struct result *out) {
    struct result ignored;
    if (json) item->body = harness_bson(h, json);
    struct write_request request = {
        .target.collection = slice_str(collection), .count = 1, .items = item};
    return engine_write(&h->ctx, h->engine, &request, out ? out : &ignored);
}

nacre_status harness_put(struct harness *h, const char *collection, const char *json,
                         uint64_t *out_version) {
    struct write_item item = {.kind = WRITE_PUT};
    struct result result;
    nacre_status status = harness_write(h, collection, &item, json, &result);
    if (status == NACRE_OK && out_version) *out_version = result.ops[0].version;
    return status;
}

const char *harness_get(struct harness *h, const char *collection, struct val id) {
    struct engine_collection handle = {.target.collection = slice_str(collection)};
    struct engine_doc doc = {0};
    struct buf out BUF_CLEANUP = {0};
    if (engine_resolve(&h->ctx, h->engine, handle.target, &handle) != NACRE_OK) return NULL;
    if (engine_get(&h->ctx, h->engine, &handle, id, &doc) != NACRE_OK) return NULL;
    buf_init(&out, NULL, SIZE_MAX);
    json_write_doc(&out, doc.row.body, JSON_INT64_NUMBER);
    engine_release_doc(h->engine, &doc);
    return arena_str(&h->ctx.arena, buf_slice(&out));
}
