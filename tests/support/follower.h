// Followers of the change feeds of a database under test: what they were given lives in the oracle,
// so that it outlives a killed process. Each change must come once, from the place of the last one
// on, and the versions of a document one by one; at the end they must have told all there is. What
// was given is durable: no crash takes it back.
#ifndef TESTS_SUPPORT_FOLLOWER_H
#define TESTS_SUPPORT_FOLLOWER_H

#include <stdatomic.h>

#include "engine/engine.h"
#include "txn/feed.h"

enum { FOLLOWERS = 2, FOLLOWER_DOCS = 256, FOLLOWER_RING = 256 };

struct follower_change {
    struct feed_place place;
    int64_t id;
    uint64_t version, commit_ts;
    uint32_t op;
};

struct follower {
    // A change is first put here, then taken over: a kill in between leaves it pending.
    _Atomic uint32_t pending;
    struct follower_change next;
    struct feed_place at;
    _Atomic uint64_t commit_ts; // of the last change
    uint64_t changes;           // in all
    uint32_t count;
    struct follower_known {
        int64_t id;
        uint64_t version;
        uint32_t live;
    } known[FOLLOWER_DOCS];
    struct follower_change ring[FOLLOWER_RING]; // the last ones
};

struct oracle;

// Follows collection number which (c, jobs) until stop. A failure of the machine ends it, too.
void follower_follow(struct oracle *o, uint32_t which, struct ctx *ctx, struct engine *engine,
                     const atomic_bool *stop);
// The next changes, at most max. Not NACRE_OK: the machine failed.
MUST_USE nacre_status follower_read(struct oracle *o, uint32_t which, struct ctx *ctx,
                                    struct engine *engine, uint64_t max);
// Reads all there is and compares it with the documents, and reads of the past with what was told.
void follower_check(struct oracle *o, struct ctx *ctx, struct engine *engine);
// All followers have got what was committed before.
uint64_t follower_passed_ts(const struct oracle *o);

#endif
