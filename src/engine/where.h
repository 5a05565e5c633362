// Changes of all documents that match a filter.
//
// Invariants:
//  W1  a document is changed at most once, and only if it matches when it is changed; what matched
//  from the beginning to the end of the call is changed.
//  W2  a chunk is done whole or not at all. How far they have come is written with each of them,
//  under the idempotency key, so that W1 holds over crashes and calls that go on where one stopped.
#ifndef ENGINE_WHERE_H
#define ENGINE_WHERE_H

#include "engine/tx.h"

enum { WHERE_KEY_MAX = 23 };

struct where_result {
    uint64_t matched;        // documents that were found
    uint64_t changed;        // of them, those that still matched when they were changed
    bool replayed;           // all was done by an earlier call with this key
    char key[WHERE_KEY_MAX]; // made for a call without one, when it has more than one chunk
    uint64_t seq, commit_ts, generation; // of the last command; seq 0: there was none
};

struct where_request {
    struct engine_tx *tx; // NULL: none
    struct target target;
    enum write_kind kind; // WRITE_PATCH, WRITE_DELETE
    struct slice filter;  // text, JSON or string form
    struct slice body;    // of a patch, as write_item's
    enum patch_format format;
    bool atomic;    // all or nothing: one command
    uint32_t chunk; // documents of one; 0 = 1,000
    enum durability durability;
    struct idempotency idempotency; // body_hash is needed in any case
    // After each chunk; false ends the call with NACRE_CANCELLED. May be NULL.
    bool (*progress)(void *arg, const struct where_result *so_far);
    void *arg;
};

// *out tells what was done, whatever the status; the same request with its key goes on from there.
// An error that is about a document names it, and nothing of its chunk was done.
// NACRE_TRANSACTION_TOO_LARGE: atomic, and more than a million documents or 64 MiB of them match.
MUST_USE nacre_status engine_where(struct ctx *ctx, struct engine *engine,
                                   const struct where_request *request, struct where_result *out);

#endif
