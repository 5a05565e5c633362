// Queries on the naive model: every document is looked at, what matches is sorted as a whole.
#ifndef TESTS_SUPPORT_MODEL_QUERY_H
#define TESTS_SUPPORT_MODEL_QUERY_H

#include "support/model_state.h"

struct model_order {
    uint32_t count;
    const char *paths[MODEL_FIELDS_MAX];
    bool descending[MODEL_FIELDS_MAX];
};

struct model_rows {
    struct model_doc **docs; // in the model's scratch memory
    uint32_t count;
};

// cond NULL: every document. unleased: only those without a lease, be it ended or not.
void model_select(struct model *m, const struct model_collection *c, const struct naive_cond *cond,
                  const struct model_order *order, bool unleased, struct model_rows *out);

// The JSON of a document as it is presented: with fields (count > 0) only those paths and _id.
void model_present(struct model *m, struct buf *out, const struct model_doc *doc,
                   const char *const *fields, uint32_t count);

#endif
