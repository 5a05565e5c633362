// Inside the room: sort keys in memory, all of them or the first few.
#ifndef QUERY_SORTER_H
#define QUERY_SORTER_H

#include "base/ds/heap.h"
#include "base/err/ctx.h"

struct sorter_item;

struct sorter {
    struct heap heap; // the greatest on top while keys come
    size_t keep;      // how many of the first; SIZE_MAX: all
    struct budget *budget;
    size_t charged, used, max; // bytes
    bool sorted;
    size_t next;
};

// max_bytes bounds what the keys take, besides the budget.
void sorter_init(struct sorter *sorter, struct budget *budget, size_t max_bytes);
void sorter_free(struct sorter *sorter);
void sorter_reset(struct sorter *sorter, size_t keep);
// NACRE_MEMORY_LIMIT.
MUST_USE nacre_status sorter_add(struct ctx *ctx, struct sorter *sorter, struct slice key);
static inline bool sorter_is_empty(const struct sorter *sorter) {
    return sorter->heap.count == sorter->next;
}
// The next key in ascending order, valid until sorter_reset; no more keys may come then.
bool sorter_next(struct sorter *sorter, struct slice *out);

#endif
