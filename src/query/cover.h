// Inside the room: what an entry of an index tells of its document, so that the filter can be asked
// before the document is read.
#ifndef QUERY_COVER_H
#define QUERY_COVER_H

#include "query/plan.h"

// Whether the fields of an index that is not multikey are all that the filter speaks of.
bool cover_has(const struct index_def *index, const struct filter_node *root);

// What of a document is asked for, besides its id.
struct cover_needs {
    uint32_t count;
    const struct path *const *paths;
    bool nulls; // null and missing are one
};
// Whether entries of an index that is not multikey tell all of it, but for values that only the
// document has. Bit i of *fields: by field i.
bool cover_tells(const struct index_def *index, const struct cover_needs *needs, uint32_t *fields);

enum cover_says { COVER_NO, COVER_YES, COVER_ASKS }; // COVER_ASKS: only the document can tell
struct cover {
    const struct index_def *index;
    const struct filter *filter;
    uint32_t fields; // of cover_tell, as cover_tells gave them
    bool nulls;      // likewise
    struct buf bson;
};
void cover_init(struct cover *cover, const struct filter *filter, struct budget *budget);
void cover_free(struct cover *cover); // accepts a zeroed one
// Of an entry of the index, by its components, its id and its value.
MUST_USE nacre_status cover_ask(struct ctx *ctx, struct cover *cover, struct slice components,
                                struct slice id_key, struct slice value, enum cover_says *out);
// *told: cover->bson is the document as far as it is asked for. So it is where cover_ask says yes.
MUST_USE nacre_status cover_tell(struct ctx *ctx, struct cover *cover, struct slice components,
                                 struct slice id_key, struct slice value, bool *told);

#endif
