// What the tests of documents share: JSON to BSON and back, hex, random documents.
#ifndef SUPPORT_DOC_FIXTURE_H
#define SUPPORT_DOC_FIXTURE_H

#include "base/ds/rng.h"
#include "base/err/ctx.h"
#include "doc/json.h"

// A context with the system's world and 1 GiB of arena; freed by ctx_free.
void doc_fixture_ctx(struct ctx *ctx);
// The BSON of a JSON object in ctx's arena; the test fails with the error if there is one.
struct slice doc_fixture_bson(struct ctx *ctx, const char *json);
// The JSON of a document, with a NUL, in ctx's arena.
const char *doc_fixture_json(struct ctx *ctx, struct slice bson);
// Bytes as lower-case hex, with a NUL, in ctx's arena.
const char *doc_fixture_hex(struct ctx *ctx, struct slice bytes);
// Bytes of hex text; blanks and newlines between pairs are skipped.
struct slice doc_fixture_unhex(struct ctx *ctx, const char *hex);

// Appends a random document: every type of value, nesting up to depth levels, odd names and texts.
void doc_fixture_random(struct buf *out, struct rng *rng, uint32_t depth);

#endif
