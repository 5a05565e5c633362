// What the tests of values, keys and patches share: values from JSON, text of values, random
// values.
#ifndef SUPPORT_DOC_VALUES_H
#define SUPPORT_DOC_VALUES_H

#include "base/ds/rng.h"
#include "base/err/ctx.h"
#include "doc/bson.h"

// A context that is ready for use, with as much memory as it likes. ctx_free ends it.
void doc_values_ctx(struct ctx *ctx);
// The document or value of a JSON text in ctx's arena; names may start with '$'. The test fails if
// it is none.
struct slice doc_values_doc(struct ctx *ctx, const char *json);
struct val doc_values_val(struct ctx *ctx, const char *json);
// Its JSON in ctx's arena.
const char *doc_values_text(struct ctx *ctx, struct slice doc);
const char *doc_values_show(struct ctx *ctx, struct val v);

// A seed from NACRE_SEED, or a random one; printed.
void doc_values_seed(struct rng *rng);
// Random values in ctx's arena, most of them near the borders at which an order goes wrong.
struct val doc_values_number(struct rng *rng);
struct val doc_values_random(struct ctx *ctx, struct rng *rng, uint32_t depth);
// The same, changed a little or not at all.
struct val doc_values_near(struct ctx *ctx, struct rng *rng, struct val v);

#endif
