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
        struct {
            __int128 ints;
            struct exact_sum *doubles; // NULL: none came
        };
        struct kept best; // min, max
    };
};

// Of two values that are equal, whether a is shown rather than b (A1).
bool accumulate_shows(struct val a, struct val b);
// False: no memory.
MUST_USE bool accumulate_keep(struct arena *arena, struct kept *kept, struct val v);

// v is no null; count_distinct: a value that did not come before. NACRE_MEMORY_LIMIT.
MUST_USE nacre_status accumulate_add(struct ctx *ctx, struct arena *arena,
                                     const struct aggregate_item *item, struct accumulator *acc,
                                     struct val v);
// NACRE_INVALID_ARGUMENT: a sum that no number can tell.
MUST_USE nacre_status accumulate_result(struct ctx *ctx, const struct aggregate_item *item,
                                        const struct accumulator *acc, struct val *out);

#endif
