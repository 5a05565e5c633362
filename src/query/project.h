// Inside the room: a projection as a tree of names.
#ifndef QUERY_PROJECT_H
#define QUERY_PROJECT_H

#include "query/present.h"

struct project_node {
    struct slice name;
    uint32_t index; // of an array element if the name is one, else PATH_NO_INDEX
    bool whole;     // everything from here on; children do not count
    struct project_node *children, *next;
};

struct projection {
    struct project_node root;
};

// *one: besides _id there is one path at most, given in ctx's arena; count 0: none.
MUST_USE nacre_status project_one(struct ctx *ctx, const struct projection *projection,
                                  struct path *out, bool *one);
// The child of this name; NULL if none.
const struct project_node *project_child(const struct project_node *node, struct slice name);
// Appends the JSON of what node leaves of v, an object or an array.
void project_write(struct buf *json, const struct project_node *node, struct val v,
                   enum json_int64 int64);

#endif
