// A run of the model test: an engine and the naive model of it, side by side, random commands given
// to both. The clock is the run's own.
#ifndef TESTS_SUPPORT_MODEL_RUN_H
#define TESTS_SUPPORT_MODEL_RUN_H

#include "engine/tx.h"
#include "support/model_lease.h"
#include "txn/feed.h"

enum { RUN_TRAIL = 24, RUN_TRAIL_TEXT = 600, RUN_TOKENS = 32, RUN_PHOTOS = 12 };

// A collection as it was at the end of a millisecond.
struct run_photo {
    uint64_t ms;
    const struct model_collection *of;
    struct model_collection state;
};

struct run_token { // of a claim, may have ended meanwhile
    struct model_collection *collection;
    struct model_id id;
    uint8_t token[ROW_LEASE_TOKEN_SIZE];
};

struct run_known;

// Reads the feed of a collection again and again.
struct run_follower {
    uint32_t tablet; // 0: not begun
    struct feed_place at;
    uint64_t read_ms; // when it was read last
    struct run_known *known;
    uint32_t count, cap;
};

struct run_counts {
    uint64_t transactions, wheres;
    uint64_t writes, batches, refused, replays, gets, queries, pages, rows, by_index, by_join,
        past_by_index, counts;
    uint64_t pasts, expired, trims, bounded, versions, changes, images;
    uint64_t claims, taken, leases, ended, catalog, builds, failed_builds, reopens, checks;
    uint64_t schemas, refused_schemas, misfits;
};

struct run {
    uint64_t seed, ops;
    bool rocks, verbose;
    struct rng rng;
    struct world_model world;
    struct ctx ctx;
    struct kv *kv;
    struct replog *log;
    struct engine *engine;
    struct engine_tx *tx;                   // NULL: what is done is no transaction
    uint64_t past_ms;                       // 0: what is read is of now
    const struct model_collection *past_of; // with past_ms
    struct run_photo photos[RUN_PHOTOS];
    uint64_t photo_count; // taken, the newest of which are kept
    struct run_follower followers[MODEL_COLLECTIONS];
    uint64_t changes_ms; // change records of commits before it may be gone
    char dir[64];
    struct model model;
    struct run_token tokens[RUN_TOKENS];
    uint32_t token_count;
    struct run_counts counts;
    char trail[RUN_TRAIL][RUN_TRAIL_TEXT]; // what was done last, for the report of a difference
    uint64_t trail_at;
};

void run_open(struct run *run, uint64_t seed, bool rocks);
void run_reopen(struct run *run);
void run_close(struct run *run); // and removes what it made

// Reports the seed, the operation and what led to it; ends the process.
_Noreturn void run_fail(struct run *run, const char *fmt, ...) PRINTF_LIKE(2, 3);
void run_note(struct run *run, const char *fmt, ...) PRINTF_LIKE(2, 3); // into the trail
void run_expect(struct run *run, const char *what, nacre_status got, nacre_status wanted);

// What the engine is asked, in the transaction if there is one; what is read, in the past if that
// is where the run is.
MUST_USE nacre_status run_ask_write(struct run *run, const struct write_request *request,
                                    struct result *out);
MUST_USE nacre_status run_ask_get(struct run *run, struct engine_collection *handle, struct val id,
                                  struct engine_doc *out);
// Release with txn_view_release.
struct view *run_view(struct run *run, const struct model_collection *c);
uint64_t run_now_ms(const struct run *run);

static inline uint32_t run_below(struct run *run, uint32_t n) {
    return (uint32_t)rng_below(&run->rng, n);
}
static inline bool run_chance(struct run *run, uint32_t percent) {
    return run_below(run, 100) < percent;
}
struct model_collection *run_collection(struct run *run); // any of them, mostly one that is there
static inline struct target run_target(const struct model_collection *c) {
    return (struct target){slice_str(c->database), slice_str(c->name)};
}
// The status a request to a collection that is not there gets.
nacre_status run_absent(const struct run *run, const struct model_collection *c);

#endif
