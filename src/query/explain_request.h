// Inside the room: what :explain is asked about.
#ifndef QUERY_EXPLAIN_REQUEST_H
#define QUERY_EXPLAIN_REQUEST_H

#include "doc/patch.h"
#include "query/aggregate.h"

enum explain_kind {
    EXPLAIN_QUERY,
    EXPLAIN_COUNT,
    EXPLAIN_AGGREGATE,
    EXPLAIN_UPDATE,
    EXPLAIN_DELETE,
    EXPLAIN_KINDS
};

struct explain_request {
    enum explain_kind kind;
    struct query_request query; // of a change: what it looks for
    struct aggregate_request aggregate;
    struct patch patch; // EXPLAIN_UPDATE
};

// bson: an object with one member. Everything lives in ctx's arena or in bson.
MUST_USE nacre_status explain_request_parse(struct ctx *ctx, struct slice bson,
                                            struct explain_request *out);

#endif
