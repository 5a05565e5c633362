// One writer of a database under test: random operations whose every outcome it can tell, written
// down in an oracle (support/oracle.h).
#ifndef TESTS_SUPPORT_ACTOR_H
#define TESTS_SUPPORT_ACTOR_H

#include "base/ds/rng.h"
#include "support/oracle.h"

enum { ACTOR_HELD = 4, ACTOR_TOKEN = 23 };

struct actor {
    struct oracle *o;
    struct engine *engine;
    uint32_t me;
    bool faults;                         // failures of the machine may come: they end the actor
    bool no_memory;                      // only synced writes
    bool small;                          // no large documents
    void (*mark)(uint64_t acknowledged); // told of each acknowledgement; may be NULL
    struct ctx ctx;
    struct rng rng;
    struct held {
        uint32_t slot; // of the job
        bool live;
        char token[ACTOR_TOKEN];
    } held[ACTOR_HELD], stale;
};

void actor_init(struct actor *a, struct oracle *o, const struct world *world, uint32_t me,
                uint64_t seed);
void actor_free(struct actor *a);
// After an open: takes up the leases it holds and repeats the idempotent request that was running.
MUST_USE nacre_status actor_resume(struct actor *a, struct engine *engine);
// One operation. Not NACRE_OK: the machine failed (or the oracle did); the actor is done.
MUST_USE nacre_status actor_step(struct actor *a);

// Between the files of the actor.
struct actor_call {
    nacre_status got, want;
    const struct result *result;
    enum durability durability;
};
void actor_intend(struct actor *a, enum oracle_op op, uint32_t count);
MUST_USE nacre_status actor_settle(struct actor *a, const struct actor_call *call);
void actor_acknowledge(struct actor *a, const struct oracle_entry *entry);
enum durability actor_durability(struct actor *a);
MUST_USE nacre_status actor_parse(struct actor *a, const char *json, struct slice *out);

#endif
