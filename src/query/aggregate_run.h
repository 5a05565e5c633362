// Inside the room: the running of an aggregate.
//
//   documents → groups in memory → (their states in a sorter, when they are too many) → the first
//   rows in order
#ifndef QUERY_AGGREGATE_RUN_H
#define QUERY_AGGREGATE_RUN_H

#include "query/exec.h"
#include "query/groups.h"

struct aggregate {
    struct ctx own; // memory of the cursor
    struct query_target target;
    struct aggregate_request request;
    struct query *source;     // NULL: counted without it
    struct query_stats stats; // then
    struct groups groups;
    struct sorter spilled;  // records of groups.h
    struct arena one;       // of a group that is put together again
    struct sorter rows;     // sort key, state, size of the sort key u32
    uint64_t spilled_bytes; // through spilled
    uint64_t group_count;   // all that there are
    struct slice after;     // of the cursor: sort key and keys; n = 0: none
    struct buf key, row, last;
    uint32_t returned;
    bool has_last;
    uint64_t ns; // grouping, if timed
};

// timed: for explain.
MUST_USE nacre_status aggregate_run(struct ctx *ctx, const struct query_target *target,
                                    const struct aggregate_request *request, bool timed,
                                    struct aggregate **out);
// A whole group is among the rows, if having and the order let it. (aggregate_rows.c)
MUST_USE nacre_status aggregate_rank(struct ctx *ctx, struct aggregate *a,
                                     const struct group *group);
MUST_USE nacre_status aggregate_read_cursor(struct ctx *ctx, struct aggregate *a);
void aggregate_stats(const struct aggregate *a, struct query_stats *out);

// Where the value of a column stands while having and sort are evaluated.
enum { AGGREGATE_COLUMN_TEXT = 16 };
struct slice aggregate_column(uint32_t i, char text[AGGREGATE_COLUMN_TEXT]);

#endif
