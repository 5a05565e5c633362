// Inside the room: what an entry of an index tells of its document, so that the filter can be asked
// before the document is read.
#ifndef QUERY_COVER_H
#define QUERY_COVER_H

#include "query/plan.h"

// Whether the fields of an index that is not multikey are all that the filter speaks of.
bool cover_has(const struct index_def *index, const struct filter_node *root);

enum cover_says { COVER_NO, COVER_YES, COVER_ASKS }; // COVER_ASKS: only the document can tell
struct cover {
    const struct index_def *index;
    const struct filter *filter;
    struct buf bson;
};
void cover_init(struct cover *cover, const struct filter *filter, struct budget *budget);
void cover_free(struct cover *cover); // accepts a zeroed one
// Of an entry of the index, by its components, its id and its value.
MUST_USE nacre_status cover_ask(struct ctx *ctx, struct cover *cover, struct slice components,
                                struct slice id_key, struct slice value, enum cover_says *out);

#endif
