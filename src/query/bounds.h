// Inside the room: what a filter says about one field, as intervals of encoded components.
//
// A key of a document in an index lies in the intervals if the document matches (never the other
// way round unless exact): so a range made of them gives every match, and the filter is evaluated
// on what it gives.
#ifndef QUERY_BOUNDS_H
#define QUERY_BOUNDS_H

#include "base/err/ctx.h"
#include "filter/filter.h"

struct bound {
    struct slice low, high; // components c with low <= c < high
    bool point;             // one component: low
};

struct bounds {
    uint32_t count; // ascending, disjoint; 0: nothing can match
    bool exact;     // a document with a key in the intervals matches
    struct bound *items;
};

// Whose components.
struct bounds_field {
    const struct path *path;
    bool descending;
    bool uncut;    // document ids
    bool multikey; // a document may have several keys
};

// *usable false: the node says nothing about the field that intervals can tell.
MUST_USE nacre_status bounds_of(struct ctx *ctx, const struct bounds_field *field,
                                const struct filter_node *node, struct bounds *out, bool *usable);
// Of two conditions on a field that is not multikey.
MUST_USE nacre_status bounds_and(struct ctx *ctx, const struct bounds *a, const struct bounds *b,
                                 struct bounds *out);
bool bounds_are_points(const struct bounds *b);
// A guess of the part of all keys that lies in the intervals, in (0, 1].
double bounds_part(const struct bounds *b);
bool bounds_path_equal(const struct path *a, const struct path *b);

#endif
