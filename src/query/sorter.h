// Inside the room: keys in order, all of them or the first few. In memory while they fit; else in
// sorted runs of a temporary file, merged as they are given out (Knuth, TAOCP 3, 5.4).
#ifndef QUERY_SORTER_H
#define QUERY_SORTER_H

#include "base/ds/heap.h"
#include "query/spill.h"

struct sorter_item {
    uint64_t prefix; // while sorting: eight bytes behind what all keys begin with
    uint8_t *bytes;
    uint32_t n, room;
};

struct sorter {
    struct budget *budget;
    size_t max;  // bytes of memory where nothing is spilled
    size_t keep; // how many of the first; SIZE_MAX: all
    struct arena arena;
    struct sorter_item *items;
    size_t count, cap;
    bool is_heap;   // the greatest on top: as many as are kept
    bool has_bound; // as many as are kept are in a run, none of them above the bound
    struct buf bound;
    bool done; // no more keys come
    size_t given;

    struct spill spill; // its place NULL: nothing is spilled
    struct heap merge;  // of readers
    struct buf out;
};

// place NULL: no more than max_bytes are taken; else what spill_work_bytes says.
void sorter_init(struct sorter *sorter, struct spill_place *place, struct budget *budget,
                 size_t max_bytes);
void sorter_free(struct sorter *sorter);
void sorter_reset(struct sorter *sorter, size_t keep);
// Whether the key may be among those that are kept.
bool sorter_wants(const struct sorter *sorter, struct slice key);
// What such a key must be below; n = 0: nothing that is known. Valid until the next one is added.
struct slice sorter_bound(const struct sorter *sorter);
// Keys are told apart by all their bytes; equal ones are all kept. NACRE_MEMORY_LIMIT, and errors
// of spilling.
MUST_USE nacre_status sorter_add(struct ctx *ctx, struct sorter *sorter, struct slice key);
// Whether sorter_next has something to give.
bool sorter_is_empty(const struct sorter *sorter);
// The next key in ascending order, valid until the next call; no more keys may come then.
MUST_USE nacre_status sorter_next(struct ctx *ctx, struct sorter *sorter, struct slice *out,
                                  bool *found);

#endif
