// The change feed of a collection: its change records in order, with the images that are kept, as
// far as the log is durable.
//
// Invariants:
//  G1  a change is given only once its record is durable: what was given is never taken back.
//  G2  changes come in the order of their places, each once; after at, nothing is left out but what
//      the filter keeps back.
//  G3  a follower that waits holds no view.
#ifndef ENGINE_CHANGES_H
#define ENGINE_CHANGES_H

#include "engine/engine.h"
#include "filter/filter.h"
#include "txn/feed.h"

enum { CHANGES_WAIT_FOREVER = -1 };

struct changes_request {
    struct engine_collection collection; // resolved
    bool has_since;
    struct feed_place since; // exclusive
    // since is a write's, which may have been lost: of this generation of the log.
    bool has_generation;
    uint64_t generation;
    bool follow;
    const struct filter *filter; // NULL: all; must live as long as the feed
};

struct engine_change {
    struct change_record record; // borrows until the next call
    uint64_t generation;
    const struct row *document; // image of that version; NULL: deleted, or not kept
};

struct engine_changes;

// Without since: from the oldest kept on; a follower from now on. NACRE_HISTORY_EXPIRED: since is
// older than what is kept, or of a state that is not there. Another ctx may be used in each call.
MUST_USE nacre_status engine_changes_open(struct ctx *ctx, struct engine *engine,
                                          const struct changes_request *request,
                                          struct engine_changes **out);
// *found false: the end; of a follower, nothing came for wait_ms (CHANGES_WAIT_FOREVER: as long as
// ctx allows). NACRE_HISTORY_EXPIRED: the follower is slower than what is kept.
MUST_USE nacre_status engine_changes_next(struct ctx *ctx, struct engine_changes *changes,
                                          int64_t wait_ms, struct engine_change *out, bool *found);
// Where the feed stands: since for the next one.
struct feed_place engine_changes_place(const struct engine_changes *changes,
                                       uint64_t *out_generation);
void engine_changes_close(struct engine_changes *changes); // accepts NULL

// For who follows many at once: sleeps until something was published or synced, or
// engine_changes_wake was called, since *seen (0 at first); at most wait_ms.
void engine_changes_watch(struct engine *engine, uint64_t *seen, uint64_t wait_ms);
void engine_changes_wake(struct engine *engine);

#endif
