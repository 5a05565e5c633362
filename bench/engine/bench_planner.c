// The planner by itself: CPU time to choose a plan in a collection with ten indexes, in files.
//   bench_planner [--documents N] [--rounds N] [--dir DIR]
// Goal: 10 µs per query. Conditions change from query to query, over some hundred values; "new
// values" takes any value of the field, and ranges that nobody asked for before; "first time" plans
// with nothing remembered, so that every estimate reads the indexes.
#include <stdio.h>
#include <string.h>

#include "base/ds/rng.h"
#include "base/err/check.h"
#include "doc/json.h"
#include "engine/engine.h"
#include "kit/kit.h"
#include "query/plan.h"

enum { BATCH = 1000, INDEXES = 10, PLANS = 2000 };

struct bench {
    struct ctx ctx, request;
    struct engine *engine;
    struct view *view;
    struct query_target target;
    struct rng rng;
};

static struct slice bson_of(struct ctx *ctx, const char *json) {
    struct buf body BUF_CLEANUP = {0};
    struct json_options options = {.allow_dollar_names = true};
    buf_init(&body, NULL, SIZE_MAX);
    CHECK(json_parse(ctx, slice_str(json), &options, &body) == NACRE_OK);
    return slice_of(arena_copy(&ctx->arena, body.p, body.n), body.n);
}

// Field k of document i has about 10, 20, 40, … values.
static void make_json(char *out, size_t size, uint64_t i) {
    int n = snprintf(out, size, "{\"_id\":%llu", (unsigned long long)i);
    for (int k = 0; k < INDEXES; k++)
        n += snprintf(out + n, size - (size_t)n, ",\"f%d\":%llu", k,
                      (unsigned long long)(i * (2 * (unsigned)k + 7919) % (10u << k)));
    snprintf(out + n, size - (size_t)n, "}");
}

static void load(struct bench *b, uint64_t documents) {
    static struct write_item items[BATCH];
    char json[512];
    for (uint64_t i = 0; i < documents; i += BATCH) {
        ctx_reset(&b->request);
        for (uint32_t k = 0; k < BATCH; k++) {
            make_json(json, sizeof json, i + k);
            items[k] = (struct write_item){.kind = WRITE_PUT, .body = bson_of(&b->request, json)};
        }
        struct write_request request = {.target.collection = SLICE_LIT("docs"),
                                        .count = BATCH,
                                        .items = items,
                                        .durability = DURABILITY_MEMORY};
        struct result result;
        CHECK(engine_write(&b->request, b->engine, &request, &result) == NACRE_OK);
    }
}

static void open_bench(struct bench *b, const char *dir, uint64_t documents) {
    struct engine_options options = {.dir = dir, .create = true, .memory_bytes = 512u << 20};
    struct target target = {.collection = SLICE_LIT("docs")};
    struct engine_collection handle = {0};
    struct result result;
    char name[8], json[64];
    CHECK(engine_open(&b->ctx, &options, &b->engine) == NACRE_OK);
    struct catalog_request make = {.op = CATALOG_CREATE_COLLECTION, .target = target};
    CHECK(engine_catalog(&b->ctx, b->engine, &make, &result) == NACRE_OK);
    make.op = CATALOG_CREATE_INDEX;
    for (int k = 0; k < INDEXES; k++) {
        snprintf(name, sizeof name, "i%d", k);
        snprintf(json, sizeof json, "{\"fields\":[\"f%d\",\"f%d\"]}", k, (k + 1) % INDEXES);
        make.index = slice_str(name);
        make.body = bson_of(&b->ctx, json);
        CHECK(engine_catalog(&b->ctx, b->engine, &make, &result) == NACRE_OK);
        CHECK(engine_wait_index(&b->ctx, b->engine, target, make.index) == NACRE_OK);
    }
    load(b, documents);
    CHECK(engine_close(&b->ctx, b->engine) == NACRE_OK); // all is in files
    CHECK(engine_open(&b->ctx, &options, &b->engine) == NACRE_OK);
    CHECK(engine_resolve(&b->ctx, b->engine, target, &handle) == NACRE_OK);
    b->view = engine_view(b->engine);
    b->target =
        (struct query_target){.view = b->view,
                              .collection = catalog_by_tablet(b->view->catalog, handle.tablet),
                              .memo = engine_memo(b->engine)};
}

// What is asked: each # is a value.
static const struct shape {
    const char *name, *json;
} shapes[] = {
    {"one condition", "{\"filter\":\"f9 = #\",\"limit\":100}"},
    {"two conditions", "{\"filter\":\"f3 = # AND f7 = #\",\"limit\":100}"},
    {"two and an order", "{\"filter\":\"f5 = # AND f8 > #\",\"sort\":\"-f6\",\"limit\":20}"},
    {"three conditions", "{\"filter\":\"f2 = # AND f5 > # AND f9 < #\",\"limit\":100}"},
};

enum values { REMEMBERED, NEW, FIRST, VALUES };

// A value of field k: a whole one where it is to be equal, else mostly between two.
static int put_new(char *out, size_t size, struct rng *rng, int k, bool equal) {
    int v = (int)rng_below(rng, 10u << k);
    return equal ? snprintf(out, size, "%d", v)
                 : snprintf(out, size, "%d.%06d", v, (int)rng_below(rng, 1000000));
}

static void fill_in(struct bench *b, char *out, size_t size, const char *shape, int v) {
    size_t n = 0;
    for (int k = 0; *shape && n + 24 < size; shape++) {
        if (*shape == 'f' && shape[1] >= '0' && shape[1] <= '9') k = shape[1] - '0';
        if (*shape != '#')
            out[n++] = *shape;
        else if (v >= 0)
            n += (size_t)snprintf(out + n, size - n, "%d", v++);
        else
            n += (size_t)put_new(out + n, size - n, &b->rng, k, shape[-2] == '=');
    }
    out[n] = 0;
}

static double time_shape(struct bench *b, const struct shape *shape, enum values values) {
    double spent = 0;
    char json[256];
    b->target.memo = values != FIRST ? engine_memo(b->engine) : NULL;
    for (int i = -PLANS / 4; i < PLANS; i++) {
        struct query_request r;
        struct plan_choice choice;
        int v = values == NEW ? -1 : (i + PLANS) % 100;
        ctx_reset(&b->request);
        fill_in(b, json, sizeof json, shape->json, v);
        CHECK(query_request_parse(&b->request, bson_of(&b->request, json), &r) == NACRE_OK);
        struct plan_request request = {
            .target = &b->target, .root = r.filter->root, .sort = &r.sort, .limit = r.limit};
        double start = kit_thread_cpu_s();
        CHECK(plan_make(&b->request, &request, &choice) == NACRE_OK);
        if (i >= 0) spent += kit_thread_cpu_s() - start;
    }
    return spent / PLANS * 1e6;
}

int main(int argc, char **argv) {
    const char *base = kit_text(argc, argv, "--dir", "/tmp");
    uint64_t documents = kit_number(argc, argv, "--documents", 100000);
    int rounds = (int)kit_number(argc, argv, "--rounds", 5);
    const char *dir = kit_dir(base, "planner", 0);
    struct bench b = {0};
    if (rounds < 1 || rounds > KIT_ROUNDS_MAX || documents % BATCH) return 2;
    ctx_init(&b.ctx, &world_system, NULL, SIZE_MAX);
    ctx_init(&b.request, &world_system, NULL, SIZE_MAX);
    rng_seed(&b.rng, 1);
    open_bench(&b, dir, documents);
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int values = 0; values < VALUES; values++) {
            static const char *const names[] = {"", ", new values", ", first time"};
            double us[KIT_ROUNDS_MAX];
            char measure[96];
            for (int i = 0; i < rounds; i++)
                us[i] = time_shape(&b, &shapes[s], (enum values)values);
            double median = kit_median(us, rounds);
            snprintf(measure, sizeof measure, "planner, 10 indexes, %s%s", shapes[s].name,
                     names[values]);
            kit_row(measure, values == FIRST ? "" : "≤ 10 µs", values == FIRST || median <= 10,
                    "%.1f µs", median);
        }
    txn_view_release(b.view);
    CHECK(engine_close(&b.ctx, b.engine) == NACRE_OK);
    ctx_free(&b.request);
    ctx_free(&b.ctx);
    kit_remove(dir);
    return 0;
}
