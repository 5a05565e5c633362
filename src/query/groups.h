// Inside the room: groups of documents in memory, and what is gathered of each.
#ifndef QUERY_GROUPS_H
#define QUERY_GROUPS_H

#include "query/accumulate.h"
#include "query/key_set.h"
#include "query/sorter.h"

struct group {
    struct key_entry entry; // its keys, encoded: equal values, equal bytes
    struct group *next;     // that came after it
    uint64_t serial;
    struct kept *keys;
    struct accumulator *items;
};

struct groups {
    const struct aggregate_request *request;
    struct arena arena;
    struct key_set set;         // of struct group
    struct group *first, *last; // as they came, which is how they lie in memory
    struct key_set distinct;    // values of count_distinct
    struct buf key;             // scratch
};

void groups_init(struct groups *groups, const struct aggregate_request *request,
                 struct budget *budget, size_t max_bytes);
void groups_free(struct groups *groups);
void groups_reset(struct groups *groups); // none
static inline size_t groups_bytes(const struct groups *groups) {
    return groups->arena.used + key_set_bytes(&groups->set) + key_set_bytes(&groups->distinct);
}
// The document into its group. Columns come with the keys' paths missing as null.
// NACRE_MEMORY_LIMIT.
MUST_USE nacre_status groups_add(struct ctx *ctx, struct groups *groups, const struct doc *doc);
// The one group there is without group_by, made if it is not there.
MUST_USE nacre_status groups_whole(struct ctx *ctx, struct groups *groups, struct group **out);

// The groups as records that sort by their keys, so that those of one group come together:
//   keys · 0 · state · size of the keys u32         what was gathered
//   keys · item + 1 · value · size of the keys u32  a value of a count_distinct, encoded
// Then there are none.
MUST_USE nacre_status groups_spill(struct ctx *ctx, struct groups *groups, struct sorter *to);
struct group_record {
    struct slice keys, rest;
    uint8_t kind; // 0 or item + 1
};
bool groups_split_record(struct slice bytes, struct group_record *out);

// A group by itself, in arena. NULL: no memory.
struct group *groups_make(struct arena *arena, const struct aggregate_request *request,
                          struct slice keys);
// Its state as bytes, for this process alone; and into a group what they say, beside what it has.
void groups_put_state(struct buf *out, const struct aggregate_request *request,
                      const struct group *group);
MUST_USE nacre_status groups_merge_state(struct ctx *ctx, struct arena *arena,
                                         const struct aggregate_request *request,
                                         struct group *group, struct slice state);

#endif
