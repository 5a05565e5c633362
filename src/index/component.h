// Components of index and sort keys: what doc/key.h encodes, and the one value that only orders
// have.
#ifndef INDEX_COMPONENT_H
#define INDEX_COMPONENT_H

#include "catalog/catalog.h"
#include "doc/key.h"
#include "doc/path.h"

// What an empty array sorts as: before null, whichever the direction of the others.
static inline void component_put_empty_array(struct buf *out, bool descending) {
    key_put_before_null(out, descending);
}

struct component {
    struct slice bytes; // in ctx's arena
    uint8_t type_bits;
    bool is_null; // null, missing or an empty array
};

// What one field of an index has in one document: distinct, in the order of their bytes; at least
// one.
struct component_list {
    struct component *items;
    uint32_t count, cap;
    uint32_t array_depth; // parts of the path down to the first array on it; 0 = none
};
MUST_USE nacre_status component_list_of(struct ctx *ctx, const struct index_field *field,
                                        const struct doc *doc, struct component_list *out);

#endif
