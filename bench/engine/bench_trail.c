// What history and change records cost: the same replacements of 1 KB documents, in batches of 100,
// with and without them, in turn. Durability memory, so that no sync hides the difference.
//   bench_trail [--documents N] [--rounds N] [--dir DIR]
// Goal: 0.8 times the writes a second of an engine without them.
#include <stdio.h>
#include <string.h>

#include "base/err/check.h"
#include "doc/json.h"
#include "engine/engine.h"
#include "kit/kit.h"

enum { BATCH = 100 };

struct side {
    struct ctx ctx, request;
    struct engine *engine;
};

static void open_side(struct side *s, const char *dir, bool no_trail, const char *settings) {
    struct result result;
    struct buf body BUF_CLEANUP = {0};
    struct json_options json = {0};
    struct engine_options options = {
        .dir = dir, .create = true, .memory_bytes = 512u << 20, .no_trail = no_trail};
    ctx_init(&s->ctx, &world_system, NULL, SIZE_MAX);
    ctx_init(&s->request, &world_system, NULL, SIZE_MAX);
    CHECK(engine_open(&s->ctx, &options, &s->engine) == NACRE_OK);
    buf_init(&body, NULL, SIZE_MAX);
    CHECK(json_parse(&s->ctx, slice_str(settings), &json, &body) == NACRE_OK);
    struct catalog_request make = {.op = CATALOG_CREATE_COLLECTION,
                                   .target.collection = SLICE_LIT("orders"),
                                   .body = buf_slice(&body)};
    CHECK(engine_catalog(&s->ctx, s->engine, &make, &result) == NACRE_OK);
}

static void close_side(struct side *s) {
    CHECK(engine_close(&s->ctx, s->engine) == NACRE_OK);
    ctx_free(&s->request);
    ctx_free(&s->ctx);
}

static void write_batch(struct side *s, uint64_t from, uint64_t documents) {
    static struct write_item items[BATCH];
    struct result result;
    char json[1400];
    ctx_reset(&s->request);
    for (uint64_t i = 0; i < BATCH; i++) {
        struct buf body BUF_CLEANUP = {0};
        struct json_options options = {0};
        buf_init(&body, NULL, SIZE_MAX);
        size_t n = kit_order(json, (from + i) % documents);
        CHECK(json_parse(&s->request, slice_of(json, n), &options, &body) == NACRE_OK);
        const uint8_t *p = arena_copy(&s->request.arena, body.p, body.n);
        CHECK(p);
        items[i] = (struct write_item){.kind = WRITE_PUT, .body = slice_of(p, body.n)};
    }
    struct write_request request = {.target.collection = SLICE_LIT("orders"),
                                    .count = BATCH,
                                    .items = items,
                                    .durability = DURABILITY_MEMORY};
    CHECK(engine_write(&s->request, s->engine, &request, &result) == NACRE_OK);
}

static double pass(struct side *s, uint64_t documents) {
    double start = kit_now_s();
    for (uint64_t i = 0; i < documents; i += BATCH)
        write_batch(s, i, documents);
    return (double)documents / (kit_now_s() - start);
}

static void compare(const char *base, uint64_t documents, int rounds, bool bodies) {
    struct side on, off;
    double with[KIT_ROUNDS_MAX], without[KIT_ROUNDS_MAX], ratio[KIT_ROUNDS_MAX];
    const char *settings = bodies ? "{\"history_seconds\":3600}" : "{}";
    const char *dirs[] = {kit_dir(base, "trail-on", 0), kit_dir(base, "trail-off", 1)};
    open_side(&on, dirs[0], false, settings);
    open_side(&off, dirs[1], true, settings);
    (void)pass(&on, documents);
    (void)pass(&off, documents);
    for (int i = 0; i < rounds; i++) {
        with[i] = pass(&on, documents);
        without[i] = pass(&off, documents);
        ratio[i] = with[i] / without[i];
    }
    double times = kit_median(ratio, rounds);
    kit_row(bodies ? "writes with change records and whole old versions, against without"
                   : "writes with history and change records, against without",
            bodies ? "" : "≥ 0.8×", bodies || times >= 0.8, "%.2f× (%.0f against %.0f documents/s)",
            times, kit_median(with, rounds), kit_median(without, rounds));
    close_side(&on);
    close_side(&off);
    kit_remove(dirs[0]);
    kit_remove(dirs[1]);
}

int main(int argc, char **argv) {
    const char *base = kit_text(argc, argv, "--dir", "/tmp");
    uint64_t documents = kit_number(argc, argv, "--documents", 20000);
    int rounds = (int)kit_number(argc, argv, "--rounds", 5);
    if (rounds < 1 || rounds > KIT_ROUNDS_MAX || documents < BATCH) return 2;
    compare(base, documents, rounds, false);
    compare(base, documents, rounds, true);
    return 0;
}
