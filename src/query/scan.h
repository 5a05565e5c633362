// Inside the room: the keys of an access path, in order, with the ways an order can be turned.
#ifndef QUERY_SCAN_H
#define QUERY_SCAN_H

#include "query/cover.h"

enum { SCAN_TURN_MAX = 64 };

struct scan {
    const struct query_target *target;
    const struct plan *plan;
    struct kv_iter *iter;
    uint32_t range;      // how many ranges are behind
    bool placed;         // the iterator was sought for this range or one before it
    bool given;          // where it stands was given: step first
    uint64_t *keys;      // counts keys read; NULL: nobody asks
    struct slice key;    // after scan_next
    struct cover *cover; // keys that it says no to are passed over; NULL: none
    bool told;           // it says yes to the key

    // PLAN_FLIP: runs of equal components, each read against the direction of the whole.
    bool turns;
    struct buf turned; // keys of a short run, one after the other
    struct scan_piece {
        size_t at, n;
    } pieces[SCAN_TURN_MAX];
    uint32_t piece_count;
    bool in_run;             // a long run is read between its own bounds
    struct buf run, run_end; // [run, run_end)
    struct buf resume;       // where in the first run to go on; n = 0: at its beginning
};

// target and plan must live as long as the scan. resume (may be NULL): what scan_clip gave.
MUST_USE nacre_status scan_open(struct ctx *ctx, struct scan *scan,
                                const struct query_target *target, const struct plan *plan,
                                const struct buf *resume);
void scan_close(struct scan *scan); // accepts a zeroed one
// *found: scan->key is the next key, valid until the next call; without turns the iterator stands
// at it.
MUST_USE nacre_status scan_next(struct ctx *ctx, struct scan *scan, bool *found);

// Cuts from the ranges what comes before the place in the order that key (of sort_key) names; some
// keys at or before it may stay. Fills resume (PLAN_FLIP).
MUST_USE nacre_status scan_clip(struct ctx *ctx, struct plan *plan, const struct sort_spec *sort,
                                struct slice key, struct buf *resume);
// The run that an entry belongs to for sorting: the leading components that must be equal for the
// order to be undecided by the index; n = 0: it is in its place.
struct slice scan_run(const struct plan *plan, struct slice components);

#endif
