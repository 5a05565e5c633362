// What the tests of catalog, index and what stands on them share: a memkv with databases,
// collections and indexes in it, made from JSON as users give it.
#ifndef SUPPORT_CATALOG_FIXTURE_H
#define SUPPORT_CATALOG_FIXTURE_H

#include "catalog/catalog.h"

struct catalog_fixture {
    struct ctx ctx;
    struct kv *kv;
    struct kv_batch batch;
    struct catalog_counters counters;
};

void catalog_fixture_open(struct catalog_fixture *f);
void catalog_fixture_close(struct catalog_fixture *f);
// Writes the batch, with the counters in it, and empties it.
void catalog_fixture_write(struct catalog_fixture *f);
// Copies of the name into a field of CATALOG_NAME_MAX + 1 bytes.
void catalog_fixture_name(char out[CATALOG_NAME_MAX + 1], const char *name);
// An index definition from the JSON of its PUT; next id, state ready. The test fails on an error.
struct index_def catalog_fixture_index(struct catalog_fixture *f, const char *name,
                                       const char *json);
// All rows of a family as "key value" lines of hex, with a NUL, in ctx's arena.
const char *catalog_fixture_dump(struct catalog_fixture *f, enum kv_family family);
// The value of a key given as hex, as hex in ctx's arena; NULL if absent.
const char *catalog_fixture_get(struct catalog_fixture *f, enum kv_family family, const char *hex);
// The error must be this one, its first item at this pointer (NULL: not looked at).
void catalog_fixture_expect(struct catalog_fixture *f, nacre_status status, nacre_status expected,
                            const char *pointer);

#endif
