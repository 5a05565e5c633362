// Inside the room: the running of an aggregate.
#ifndef QUERY_AGGREGATE_RUN_H
#define QUERY_AGGREGATE_RUN_H

#include "query/accumulate.h"
#include "query/exec.h"
#include "query/key_set.h"

struct group {
    struct key_entry entry; // of its keys
    struct group *next;
    uint64_t serial;
    struct kept *keys;
    struct accumulator *items;
};

struct aggregate {
    struct ctx own; // memory of the groups
    struct query_target target;
    struct aggregate_request request;
    struct query *source;     // NULL: counted without it
    struct query_stats stats; // then
    struct key_set groups, distinct;
    struct group *list;
    struct sorter sorter; // sort key, keys of the group, its address
    struct slice after;   // of the cursor: sort key and keys; n = 0: none
    struct buf key, row, last;
    uint32_t returned;
    bool has_last;
    uint64_t ns; // grouping, if timed
};

// timed: for explain.
MUST_USE nacre_status aggregate_run(struct ctx *ctx, const struct query_target *target,
                                    const struct aggregate_request *request, bool timed,
                                    struct aggregate **out);

// Where the value of a column stands while having and sort are evaluated.
enum { AGGREGATE_COLUMN_TEXT = 16 };
struct slice aggregate_column(uint32_t i, char text[AGGREGATE_COLUMN_TEXT]);

#endif
