// What a database must hold, kept by those who write to it: flat memory, so that it can live in a
// shared mapping and outlive a killed writer. Actors (support/actor.h) write down what they are
// about to do (an intent), then what was acknowledged and under which sequence number (the
// journal). oracle_check folds the journal, up to the last sequence number that the database still
// has, and compares every document, job, collection and index with it. Only an operation that was
// running when the writer died may be there or not.
#ifndef TESTS_SUPPORT_ORACLE_H
#define TESTS_SUPPORT_ORACLE_H

#include <stdatomic.h>

#include "engine/engine.h"
#include "support/follower.h"

enum {
    ORACLE_ACTORS = 6,
    ORACLE_KEYS = 20,                               // documents of each actor, its own
    ORACLE_TTL_KEYS = 3,                            // documents that expire
    ORACLE_OWN = ORACLE_KEYS + ORACLE_TTL_KEYS + 2, // and a counter, and a field of a shared one
    ORACLE_JOBS = 24,                               // claimed by all, with leases that do not end
    ORACLE_SHORTS = 12, // claimed by all, with leases that nobody releases
    ORACLE_DDL = 3,     // collections that come and go
    ORACLE_INDEXES = 3, // of collection c, likewise
    ORACLE_SLOTS = ORACLE_ACTORS * ORACLE_OWN + ORACLE_JOBS + ORACLE_DDL + ORACLE_INDEXES,
    ORACLE_ITEMS = 4, // of one intent
    ORACLE_JOURNAL = 8192,
    ORACLE_HOT_ID = 900000, // the shared counter
};

// Slots: what an actor's own document (by key), the shared things hold.
enum oracle_kind {
    ORACLE_DOC,
    ORACLE_TTL,
    ORACLE_COUNTER,
    ORACLE_HOT,
    ORACLE_JOB,
    ORACLE_COLLECTION,
    ORACLE_INDEX
};

struct oracle_state {
    uint32_t live;       // job: 1 + the actor that holds it
    uint32_t size;       // of the padding
    uint64_t n;          // what the document says; job: number of the claim; collection: documents
    uint64_t version;    // 0 = not known
    uint64_t expires_ms; // ORACLE_TTL: not gone before this
};

struct oracle_entry {
    uint64_t seq;
    uint64_t order; // of the acknowledgements in all
    uint32_t slot;
    bool synced, in_parts; // in_parts: of ORACLE_CHUNKS, whose seq is that of the last part
    struct oracle_state after;
};

enum oracle_op {
    ORACLE_IDLE,
    ORACLE_WRITE,
    ORACLE_IDEMPOTENT,
    ORACLE_CHUNKS, // all documents of an interval, in chunks: may be done in part
    ORACLE_CLAIM,
    ORACLE_RELEASE
};
// These their actor repeats until they are done.
static inline bool oracle_op_is_repeated(uint32_t op) {
    return op == ORACLE_IDEMPOTENT || op == ORACLE_CHUNKS;
}

struct oracle_intent {
    _Atomic uint32_t op;
    uint32_t count;
    uint32_t slots[ORACLE_ITEMS];
    struct oracle_state after[ORACLE_ITEMS];
};

struct oracle_actor {
    struct oracle_intent intent;
    uint64_t claims, keys;  // numbers given out
    uint64_t acknowledged;  // operations in all
    _Atomic uint32_t count; // of entries
    struct oracle_entry entries[ORACLE_JOURNAL];
};

struct oracle {
    _Atomic uint32_t phase; // the program's
    _Atomic uint32_t ready; // collections and jobs are there
    _Atomic uint32_t failed;
    char failure[512];
    _Atomic uint64_t order;        // acknowledgements so far
    uint64_t mark;                 // of them, those before the power cut that is looked at
    uint64_t checks, lost_allowed; // memory-level writes that a power cut took
    // What the last check found, up to seq. A check that is killed leaves the one or the other.
    _Atomic uint32_t which;
    struct oracle_base {
        uint64_t seq;
        struct oracle_state states[ORACLE_SLOTS];
    } bases[2];
    struct oracle_state now[ORACLE_SLOTS];
    // Of slots whose next change lies behind the end of the database that is looked at.
    struct oracle_next {
        bool known, may_be_done; // may_be_done: it was one in parts
        struct oracle_state after;
    } next[ORACLE_SLOTS];
    struct oracle_actor actors[ORACLE_ACTORS];
    struct follower followers[FOLLOWERS];
};

// What acknowledged writes may be gone: none, memory-level ones, or also those after o->mark.
enum oracle_loss { ORACLE_NO_LOSS, ORACLE_MEMORY_LOSS, ORACLE_POWER_LOSS };

uint32_t oracle_slot(uint32_t actor, uint32_t key);
uint32_t oracle_job_slot(uint32_t job);
uint32_t oracle_ddl_slot(uint32_t number);
uint32_t oracle_index_slot(uint32_t number);
int64_t oracle_id(uint32_t slot); // of the document; jobs: their number
enum oracle_kind oracle_kind_of(uint32_t slot);
void oracle_ddl_name(uint32_t slot, char out[16]); // of the collection or index

// What ORACLE_CHUNKS does to a document: what follows from n otherwise stays.
enum { ORACLE_CHUNKS_INC = 546 };
struct oracle_state oracle_after_chunks(const struct oracle_state *before);

// Keeps the first text.
void oracle_fail(struct oracle *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
// The body of an actor's document in ctx's arena.
struct slice oracle_body(struct ctx *ctx, uint32_t slot, const struct oracle_state *state);
// Whether the slot holds what o->now says, or cannot be read; for the one that owns it. Uses ctx's
// arena.
bool oracle_fits(struct oracle *o, struct ctx *ctx, struct engine *engine, uint32_t slot);
// Makes what actors need, as often as it takes until it was once done.
MUST_USE nacre_status oracle_setup(struct oracle *o, struct ctx *ctx, struct engine *engine);
// Everything is as it must be; fails the oracle otherwise. No actor runs. An intent that was left
// is settled, but for one that its actor repeats.
void oracle_check(struct oracle *o, struct ctx *ctx, struct engine *engine, enum oracle_loss loss);

#endif
