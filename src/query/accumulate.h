// Inside the room: what an aggregate has gathered of one group.
#ifndef QUERY_ACCUMULATE_H
#define QUERY_ACCUMULATE_H

#include "query/aggregate.h"
#include "query/exact_sum.h"

// A value kept in an arena; room is used again where it suffices.
struct kept {
    struct val v;
    uint8_t *room;
    size_t size;
};

struct accumulator {
    uint64_t count; // values counted; of sum and avg, numbers
    union {
        struct exact_sum sum; // sum, avg
        struct kept best;     // min, max
    };
};

// Keeps v if it is to be shown rather than what is kept, which is equal (A1). False: no memory.
MUST_USE bool accumulate_keep(struct arena *arena, struct kept *kept, struct val v, bool first);

// v is no null; count_distinct: a value that did not come before. NACRE_MEMORY_LIMIT.
MUST_USE nacre_status accumulate_add(struct ctx *ctx, struct arena *arena,
                                     const struct aggregate_item *item, struct accumulator *acc,
                                     struct val v);
// NACRE_INVALID_ARGUMENT: a sum that no number can tell.
MUST_USE nacre_status accumulate_result(struct ctx *ctx, const struct aggregate_item *item,
                                        const struct accumulator *acc, struct val *out);

// As bytes, for this process alone: appended, and taken from the front of *in into what is there.
// NACRE_CORRUPT, NACRE_MEMORY_LIMIT.
void accumulate_put_val(struct buf *out, struct val v);
bool accumulate_take_val(struct slice *in, struct val *out); // borrows
void accumulate_put(struct buf *out, const struct aggregate_item *item,
                    const struct accumulator *acc);
MUST_USE nacre_status accumulate_merge(struct ctx *ctx, struct arena *arena,
                                       const struct aggregate_item *item, struct accumulator *acc,
                                       struct slice *in);

#endif
