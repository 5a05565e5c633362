// The second stage of an import: takes batches of parsed lines in order, in a thread of its own,
// and submits each as one command.
//
// Invariants:
//  F1  batches are filled, submitted and retired in one order, each by one thread at a time: the
//      importer's (FREE, DONE) or the feed's (READY).
//  F2  what comes after a line that stopped the import is not stored.
//  F3  after a barrier everything submitted before it is durable.
#ifndef LIB_LIB_FEED_H
#define LIB_LIB_FEED_H

#include "base/os/cond.h"
#include "base/os/thread.h"
#include "engine/engine.h"

enum { FEED_LINES_MAX = 1024, FEED_BYTES_MAX = 640 << 10, FEED_BATCHES = 3 };

// One line of a batch: a document, or a refusal.
struct feed_line {
    uint64_t number;
    size_t body_at, body_size; // in bson
    bool refused;
    size_t problem_at; // in problems, NUL-terminated; refused lines only
};

enum feed_state { FEED_FREE, FEED_READY, FEED_DONE };

struct feed_batch {
    enum feed_state state; // under the feed's lock
    struct ctx ctx;        // memory of the command
    struct buf bson, problems;
    uint32_t count;
    struct feed_line lines[FEED_LINES_MAX];
    uint64_t last_line; // lines up to here are dealt with when this batch is done
    bool sync;          // a barrier
    // Answers:
    uint32_t used;      // lines[used..] were dropped: line used - 1 stopped the import
    bool dropped;       // as a whole: an earlier batch stopped it
    uint64_t documents; // stored
    const char *request_id;
    struct err error;    // of the line refused last; where one stops the import, of that
    nacre_status status; // of this machine or the collection: ends the import
};

struct lib_feed {
    struct engine *engine;
    struct target target;
    enum write_kind kind;
    bool stop_at_error;
    const char *request_id; // for problem objects; NULL: none
    struct mutex lock;
    struct cond changed;
    struct thread thread;
    bool closing;
    bool stopped;               // F2; the feed's thread writes it under the lock
    uint32_t head, tail;        // batches given and taken
    uint64_t generation, seq;   // of the last command
    struct feed_batch *batches; // FEED_BATCHES
};

// Starts the thread. feed is zeroed but for engine, target, kind, stop_at_error and request_id.
MUST_USE nacre_status lib_feed_start(struct ctx *ctx, const struct world *world,
                                     struct lib_feed *feed);
// Waits for what was given, ends the thread and frees all. Batches that are DONE must be retired.
void lib_feed_stop(struct lib_feed *feed);

// Waits for the next batch in order: FREE, or DONE and to be retired first.
struct feed_batch *lib_feed_next(struct lib_feed *feed);
// Hands the batch that lib_feed_next gave to the thread.
void lib_feed_give(struct lib_feed *feed, struct feed_batch *batch);
// The oldest batch that was given and not retired, when it is done; NULL if there is none.
struct feed_batch *lib_feed_drain(struct lib_feed *feed, uint32_t *left);

// A batch that was DONE is FREE and empty again.
void lib_feed_retired(struct lib_feed *feed, struct feed_batch *batch);
// Marks the line as refused with err.
MUST_USE nacre_status lib_feed_refuse(struct feed_batch *batch, struct feed_line *line,
                                      const struct err *err);
// Makes durable what was submitted (F3). Feed idle.
MUST_USE nacre_status lib_feed_sync(struct ctx *ctx, struct lib_feed *feed);

#endif
