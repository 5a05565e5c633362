// The request context: first parameter of everything that serves a request. Owned by one thread at
// a time.
#ifndef BASE_ERR_CTX_H
#define BASE_ERR_CTX_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err/err.h"
#include "base/mem/arena.h"
#include "base/os/world.h"

// What other threads see of a running request, and how they end it.
struct ctx_watch {
    atomic_bool stop;          // NACRE_CANCELLED
    _Atomic uint64_t examined; // documents looked at, now and then; at the end exactly
    char plan[80];             // of the owner alone: how they were found, as in "index by_year"
};

struct ctx {
    struct arena arena;        // memory of this request; freed as a whole by ctx_reset
    struct err err;            // the one error of this request
    const struct world *world; // clock and randomness
    uint64_t deadline_ns;      // on world's monotonic clock; 0 = none
    const atomic_bool *cancel; // set by another thread; NULL = cannot be cancelled
    struct ctx_watch *watch;   // NULL = nobody looks
};

// budget may be NULL (uncharged). max_bytes bounds the arena.
void ctx_init(struct ctx *ctx, const struct world *world, struct budget *budget, size_t max_bytes);
// Forgets error, deadline, cancel flag and watch and releases the arena (one block is kept for the
// next request).
void ctx_reset(struct ctx *ctx);
void ctx_free(struct ctx *ctx);
// NACRE_OK, NACRE_TIMEOUT or NACRE_CANCELLED. Long loops call it every few hundred steps.
MUST_USE nacre_status ctx_check(struct ctx *ctx);

#endif
