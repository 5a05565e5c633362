// Random documents, patches, filters and orders for the model test.
#ifndef TESTS_SUPPORT_MODEL_RANDOM_H
#define TESTS_SUPPORT_MODEL_RANDOM_H

#include "support/model_run.h"

// Texts live in the model's scratch memory.
struct model_id random_id(struct run *run);
// "\"n\":1,…"; the primary key's field, if there is one, gets id.
const char *random_fields(struct run *run, const struct model_collection *c,
                          const struct model_id *id);
const char *random_patch(struct run *run, enum patch_kind *out_kind);
const char *random_set(struct run *run);                     // {path: value} for claims
const char *random_on_expire(struct run *run);               // update operators or a merge patch
enum random_cond_kind { COND_QUERY, COND_INDEX }; // INDEX: no system fields either
const struct naive_cond *random_cond(struct run *run, const struct model_collection *c,
                                     enum random_cond_kind kind);
// Either spelling.
const char *random_spelling(struct run *run, const struct naive_cond *cond);
bool cond_has_regex(const struct naive_cond *cond);
void random_order(struct run *run, const struct model_collection *c, struct model_order *out);
const char *random_path(struct run *run); // to index or to sort by

// A NUL-terminated copy of what buf holds, in scratch.
const char *scratch_text(struct run *run, const struct buf *buf);

#endif
