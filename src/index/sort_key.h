// Sort terms, and one memcmp-ordered key per document for them: what sorts, top-N heaps and cursors
// compare. Order of API.md: BSON order; an array counts by its least element, going down by its
// greatest; [] before null; ties by _id ascending.
#ifndef INDEX_SORT_KEY_H
#define INDEX_SORT_KEY_H

#include "base/err/ctx.h"
#include "doc/path.h"

enum { SORT_TERMS_MAX = 16 };

struct sort_term {
    struct path path;
    bool descending;
};
struct sort_spec {
    uint32_t count;
    struct sort_term terms[SORT_TERMS_MAX];
};

// terms: a BSON array of "a" and "-b". NACRE_INVALID_ARGUMENT with pointer /sort/i. Paths live in
// ctx's arena and borrow from terms.
MUST_USE nacre_status sort_spec_parse(struct ctx *ctx, struct val terms, struct sort_spec *out);
// Appends the key of doc: one component per term, then the typed id.
MUST_USE nacre_status sort_key(struct ctx *ctx, const struct sort_spec *spec, const struct doc *doc,
                               struct slice id_key, struct buf *out);
struct sort_limit {
    struct slice bound; // n = 0: none
    bool below;         // out: the key is below it
};
// The same, given up where it shows that the key is not below the limit's bound: what is in out is
// then no key. limit NULL: none.
MUST_USE nacre_status sort_key_below(struct ctx *ctx, const struct sort_spec *spec,
                                     const struct doc *doc, struct slice id_key,
                                     struct sort_limit *limit, struct buf *out);

#endif
