// What indexes mean to writers, worked out on whole documents: which documents they refuse, and
// which two documents collide.
#ifndef TESTS_SUPPORT_MODEL_INDEX_H
#define TESTS_SUPPORT_MODEL_INDEX_H

#include "support/model_state.h"

struct model_verdict {
    nacre_status status; // NACRE_OK, NACRE_UNIQUE_VIOLATION, NACRE_INVALID_ARGUMENT (arrays)
    bool maybe;          // the collision is with a unique index that is still being built
};
// Whether doc may replace what has its id.
struct model_verdict model_index_verdict(const struct model_collection *c,
                                         const struct model_doc *doc);
// doc was stored: marks the indexes being built that cannot hold it.
void model_index_note(struct model_collection *c, const struct model_doc *doc);
// Whether all documents fit the index.
bool model_index_fits(const struct model_collection *c, const struct model_index *index);

#endif
