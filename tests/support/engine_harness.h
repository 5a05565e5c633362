// Engines for tests: in memory (memkv and the model log, both surviving a close) or in a scratch
// directory.
#ifndef TESTS_SUPPORT_ENGINE_HARNESS_H
#define TESTS_SUPPORT_ENGINE_HARNESS_H

#include "engine/engine.h"

struct harness {
    struct ctx ctx;
    struct world_model world;
    struct kv *kv;
    struct replog *log;
    struct engine *engine;
    char dir[64]; // "" for memory
    bool background;
};

void harness_open_memory(struct harness *h, uint64_t seed);
void harness_open_dir(struct harness *h,
                      bool background); // a new scratch directory, the system's clock
void harness_reopen(struct harness *h); // close and open again
void harness_close(struct harness *h);  // and remove what was made

// JSON in, status out; want != NULL compares the JSON of the answer's document without system
// times.
nacre_status harness_put(struct harness *h, const char *collection, const char *json,
                         uint64_t *out_version);
nacre_status harness_write(struct harness *h, const char *collection, struct write_item *item,
                           const char *json, struct result *out);
// The body as JSON in ctx's arena, NULL if not there.
const char *harness_get(struct harness *h, const char *collection, struct val id);
struct val harness_str(const char *s);
struct slice harness_bson(struct harness *h, const char *json);

#endif
