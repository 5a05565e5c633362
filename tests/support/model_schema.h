// What a collection's schema means to writers, worked out on whole documents.
#ifndef TESTS_SUPPORT_MODEL_SCHEMA_H
#define TESTS_SUPPORT_MODEL_SCHEMA_H

#include "support/model_state.h"

struct model_schema *model_schema_new(struct rng *rng);
void model_schema_free(struct model_schema *schema);

// The body that a write would leave, in the place of one (n = 0: of none): fills in what is absent
// and holds it against the schema, and against the next one where there is one. A body that stays
// as it was is not looked at.
MUST_USE nacre_status model_schema_fit(struct model *m, const struct model_collection *c,
                                       struct slice before, struct buf *body);
// Whether all documents fit it, as they are.
bool model_schema_fits(const struct model_collection *c, const struct model_schema *schema);
// All documents were held against the next schema.
void model_schema_decide(struct model_collection *c);

#endif
