// What the tests of index share: one collection over a memkv, changed document by document as apply
// changes it.
#ifndef SUPPORT_INDEX_FIXTURE_H
#define SUPPORT_INDEX_FIXTURE_H

#include "index/entry.h"
#include "support/catalog_fixture.h"

enum { INDEX_FIXTURE_TABLET = 7 };

struct index_fixture {
    struct catalog_fixture base;
    struct index_def indexes[8];
    struct collection collection;
    uint64_t ts; // commit_ts of the last change
    bool blind;  // changes are given no kv
    int64_t bytes;
};

void index_fixture_open(struct index_fixture *f);
void index_fixture_close(struct index_fixture *f);
// Adds a ready index from the JSON of its PUT, with its filter parsed.
struct index_def *index_fixture_add(struct index_fixture *f, const char *name, const char *json);
// A document of the JSON text in ctx's arena.
struct doc *index_fixture_doc(struct index_fixture *f, const char *json);
// Checks, applies and writes one change at the next commit_ts; NULL = not there.
nacre_status index_fixture_change(struct index_fixture *f, struct val id, const struct doc *before,
                                  const struct doc *after);
// The keys of a document, one after another, as "(1,\"x\") ~(null)": ~ means no guard, ! a cut
// value,
// * at the end a multikey document. The test fails on an error.
const char *index_fixture_keys(struct index_fixture *f, const struct index_def *index,
                               const char *json);
// Bytes of the entries and guards of all indexes in the store.
int64_t index_fixture_stored(struct index_fixture *f);

#endif
