// Inside the room: the ids that an access path names, each once, in their order.
#ifndef QUERY_GATHER_H
#define QUERY_GATHER_H

#include "query/scan.h"

struct gather {
    struct buf bytes;  // typed ids, one after the other
    struct buf places; // struct scan_piece each
    struct slice *ids; // after gather_finish: sorted, distinct; views into bytes
    size_t count;
    size_t next;
    bool descending;
};

void gather_init(struct gather *gather, struct budget *budget, bool descending);
void gather_free(struct gather *gather);
// Adds the ids of the whole path. *over: more than max keys in all, or no memory for them; the list
// is then empty.
MUST_USE nacre_status gather_read(struct ctx *ctx, struct gather *gather, struct scan *scan,
                                  size_t max, bool *over);
// Adds the ids of a path whose ranges are one document each.
MUST_USE nacre_status gather_points(struct ctx *ctx, struct gather *gather,
                                    const struct plan *plan);
// After all was added: sorts the ids and tells them apart.
void gather_finish(struct gather *gather);
// Of a finished list what the path has, too. *over: the path has more keys than it is worth, or
// there is no memory; the list is then as it was.
MUST_USE nacre_status gather_narrow(struct ctx *ctx, struct gather *gather, struct scan *scan,
                                    bool *over);
// How many keys are worth gathering: where documents must be read in another order anyway, reading
// limit of them by luck takes about documents · limit / keys.
size_t gather_max(uint64_t documents, uint32_t limit);
bool gather_next(struct gather *gather, struct slice *out_id_key);

#endif
