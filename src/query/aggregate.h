// Aggregates: documents that match, grouped, each group a row.
//
//  A1  Rows depend on the view and the request alone, as Q1: sums are exact before they are rounded
//      once, and of values that are equal but written differently (1 and 1.0) always the same one
//      is shown.
//  A2  Groups live in memory that is charged to the request's budget: NACRE_MEMORY_LIMIT.
#ifndef QUERY_AGGREGATE_H
#define QUERY_AGGREGATE_H

#include "query/query.h"

enum { AGGREGATE_KEYS_MAX = 16, AGGREGATES_MAX = 64, AGGREGATE_NAME_MAX = 255 };

enum aggregate_op {
    AGGREGATE_COUNT,
    AGGREGATE_SUM,
    AGGREGATE_AVG,
    AGGREGATE_MIN,
    AGGREGATE_MAX,
    AGGREGATE_COUNT_DISTINCT,
    AGGREGATE_OPS
};

struct aggregate_item {
    struct slice name;
    enum aggregate_op op;
    bool documents; // count of "*"
    struct path path;
};

// The body of :aggregate. Of query: filter, sort (over the columns of the rows), limit, cursor,
// as_of, now_ms, forbid_indexes.
struct aggregate_request {
    struct query_request query;
    uint32_t key_count, item_count;
    struct path keys[AGGREGATE_KEYS_MAX];
    struct aggregate_item *items;
    struct filter *having; // over the columns; NULL: every group
    uint64_t hash;         // of all that says what the rows are, but filter and sort
};

// As query_request_parse; names and paths borrow from ctx's arena. A having or a sort that names no
// column: NACRE_INVALID_ARGUMENT.
MUST_USE nacre_status aggregate_request_parse(struct ctx *ctx, struct slice bson,
                                              struct aggregate_request *out);

struct aggregate;
// Reads and groups all that matches. Lifetimes as query_open. NACRE_INVALID_ARGUMENT: a sum of
// integers is none that fits 64 bits, a sum is beyond what a double holds, or the cursor is another
// request's.
MUST_USE nacre_status aggregate_open(struct ctx *ctx, const struct query_target *target,
                                     const struct aggregate_request *request,
                                     struct aggregate **out);
// The next row as BSON: keys by their paths as they were given, then aggregates by their names.
// Valid until the next call. *found false: the page is complete.
MUST_USE nacre_status aggregate_next(struct ctx *ctx, struct aggregate *a, struct slice *bson,
                                     bool *found);
// Appends the token of the next page, after the last row of this one; nothing if there is none.
MUST_USE nacre_status aggregate_cursor(struct ctx *ctx, struct aggregate *a, struct buf *out);
void aggregate_close(struct aggregate *a); // accepts NULL

#endif
