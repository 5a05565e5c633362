// Inside the room: what stands behind the handles of nacre/nacre.h, and how a call begins.
//
// Invariants:
//  L1  a call begins with lib_begin and ends with the session's error record telling how it went:
//      empty after NACRE_OK, never empty after anything else.
//  L2  text handed out lives in a buffer of the session that only the calls named in nacre.h touch.
//  L3  a get of a cached document touches no heap and no clock.
//  L4  in a forked child no lock of the parent's is taken.
#ifndef LIB_LIB_H
#define LIB_LIB_H

#include <stdatomic.h>

#include "base/err/check.h"
#include "base/os/fork.h"
#include "catalog/keyspace.h"
#include "engine/running.h"
#include "engine/tx.h"
#include "engine/versions.h"
#include "lib/lib_caller.h"
#include "lib/lib_token.h"
#include "lib/problem.h"
#include "nacre/nacre.h"
#include "query/query.h"

enum {
    LIB_TEXT_MAX = 1 << 30,      // of one text handed out
    LIB_TEXT_KEPT = 1 << 20,     // larger buffers are given back at the next call
    LIB_REQUEST_MAX = 512 << 20, // memory of one request
    FEED_WAIT_MAX_MS = 86400000, // of one nacre_feed_next or nacre_live_next
};

struct nacre_db {
    struct engine *engine;
    const struct world *world;
    uint64_t serial; // of this process: tells the databases of nacre_collection.held apart
    uint32_t forks;  // fork_watch when it was opened
    atomic_uint sessions;
};

// What the session's last batch, claim or change of the catalog wrote.
struct lib_last {
    char sequence[LIB_TOKEN_MAX];
    bool replayed;
};

struct nacre_session {
    struct nacre_db *db;
    struct lib_request request;
    struct lib_last last;
    const char *next_key; // nacre_session_idempotency
    struct ctx ctx;
    const uint8_t *arena_start; // ctx.arena.next when it is empty
    atomic_bool cancel;
    uint64_t timeout_ms;
    struct buf text;    // the last text result
    struct buf answer;  // of the last write: id, sequence, json
    struct buf problem; // nacre_error_problem
    struct buf body;    // BSON of the running call
    struct buf scratch; // of the running call
    struct nacre_cursor *cursors;
    struct nacre_feed *feeds;
    struct nacre_live *lives;
    struct engine_tx *tx; // kept for the next transaction; NULL: there was none yet
    bool in_tx;           // begun, neither committed nor rolled back
    uint64_t tx_serial;   // grows with every begin and end
    const char *caller;   // lib_caller.h; NULL: the program itself
    bool caller_sees_all;
    struct lib_cost cost;
};

static inline bool lib_is_forked(const struct nacre_db *db) { return fork_passed(db->forks); }

MUST_USE nacre_status lib_begin_slow(struct nacre_session *s);
// Begins a call. session NULL: NACRE_INVALID_ARGUMENT, with no place for the detail.
MUST_USE static inline nacre_status lib_begin(struct nacre_session *s) {
    if (__builtin_expect(!s, 0)) return NACRE_INVALID_ARGUMENT;
    bool slow = s->ctx.err.status != NACRE_OK || s->ctx.arena.next != s->arena_start ||
                s->ctx.arena.large || s->timeout_ms || s->request.deadline_ns ||
                atomic_load_explicit(&s->cancel, memory_order_relaxed) || lib_is_forked(s->db);
    return __builtin_expect(slow, 0) ? lib_begin_slow(s) : NACRE_OK;
}

// L1, after a call to the rooms below: what they tried and mended is no error of the call, and
// where they ran out of memory without a word, there is one. Returns status.
void lib_settle(struct ctx *ctx, nacre_status status);
MUST_USE static inline nacre_status lib_done(struct nacre_session *s, nacre_status status) {
    if (__builtin_expect(s->ctx.err.status != status, 0)) lib_settle(&s->ctx, status);
    return status;
}

// "expected …, got NULL" for the argument of that name.
MUST_USE nacre_status lib_null(struct nacre_session *s, const char *name, const char *expected);

// The engine's handle of a collection. NACRE_INVALID_ARGUMENT: NULL, or a name that is none.
MUST_USE nacre_status lib_handle_slow(struct nacre_session *s, struct nacre_collection *c);
enum lib_held { HELD_SERIAL, HELD_DATABASE, HELD_NAME, HELD_NAME_SIZES, HELD_EPOCH, HELD_TABLET };
MUST_USE static inline nacre_status lib_handle(struct nacre_session *s, struct nacre_collection *c,
                                               struct engine_collection *out) {
    bool fresh = c && c->held[HELD_SERIAL] == s->db->serial &&
                 c->held[HELD_DATABASE] == (uint64_t)(uintptr_t)c->database &&
                 c->held[HELD_NAME] == (uint64_t)(uintptr_t)c->name;
    if (__builtin_expect(!fresh, 0)) TRY(lib_handle_slow(s, c));
    out->target.database = slice_of(c->database, c->held[HELD_NAME_SIZES] >> 32);
    out->target.collection = slice_of(c->name, c->held[HELD_NAME_SIZES] & UINT32_MAX);
    out->epoch = c->held[HELD_EPOCH];
    out->tablet = (uint32_t)c->held[HELD_TABLET];
    return NACRE_OK;
}
// What a read has resolved, for the next one.
static inline void lib_handle_keep(struct nacre_collection *c, const struct engine_collection *h) {
    c->held[HELD_EPOCH] = h->epoch;
    c->held[HELD_TABLET] = h->tablet;
}
// As lib_handle, of names only.
MUST_USE nacre_status lib_target(struct nacre_session *s, struct nacre_collection *c,
                                 struct target *out);
// A database's name, NULL = main.
MUST_USE nacre_status lib_database(struct nacre_session *s, const char *name, struct slice *out);

// An id as the engine takes it; longer than ids may be, it is refused there.
static inline struct val lib_id(nacre_id id) {
    if (!id.text) return val_int(id.integer);
    size_t n = id.size <= KEY_ID_TEXT_MAX ? id.size : KEY_ID_TEXT_MAX + 1;
    return val_str(slice_of(id.text, n));
}

// --- text handed out ---

// Forgets what buf held; gives a large one back.
void lib_text_reset(struct buf *buf);
// Ends buf with a NUL and hands it out. NACRE_MEMORY_LIMIT, NACRE_REQUEST_TOO_LARGE.
MUST_USE nacre_status lib_text_give(struct nacre_session *s, struct buf *buf, const char **out,
                                    size_t *out_size);
// A row as JSON with its system fields, appended to out.
struct lib_row_options {
    struct slice fields; // "a,b.c"; n = 0: all
    bool with_token;     // _lease.token too
};
MUST_USE nacre_status lib_row_json(struct nacre_session *s, const struct row *row,
                                   const struct lib_row_options *options, struct buf *out);

// --- transactions ---

// As engine_write, in the session's transaction if it has one.
MUST_USE nacre_status lib_tx_write(struct nacre_session *s, const struct write_request *request,
                                   struct result *out);
// NACRE_INVALID_ARGUMENT if the session has a transaction. what: "an import" …
MUST_USE nacre_status lib_tx_refuse(struct nacre_session *s, const char *what);

// What a command wrote, for nacre_last_sequence; NULL: nothing.
void lib_last_keep(struct nacre_session *s, const struct result *result);

// --- queries ---

// A collection as a query wants it; the view is the caller's to release.
MUST_USE nacre_status lib_query_target(struct nacre_session *s, struct nacre_collection *c,
                                       struct query_target *out);
// The same of an earlier time: its view takes the place of target's, which is released.
MUST_USE nacre_status lib_query_target_past(struct nacre_session *s, struct query_target *target,
                                            int64_t as_of_ms);
// A time as text. NACRE_INVALID_ARGUMENT.
MUST_USE nacre_status lib_as_of(struct nacre_session *s, const char *text, int64_t *out_ms);
const char *lib_change_name(enum change_op op);
// Appends a version as nacre_versions gives it.
void lib_version_json(struct nacre_session *s, const struct engine_version *version,
                      struct buf *out);
// A body as BSON in ctx's arena; n = 0: none was given.
MUST_USE nacre_status lib_query_spec(struct nacre_session *s, struct ctx *ctx, const char *spec,
                                     struct slice *out);
// A request that others may list and cancel, from here to its end; its calls see the watch. text
// may be NULL.
void lib_running_begin(struct nacre_session *s, struct running *running, const char *what,
                       const struct nacre_collection *collection, const char *text);
void lib_running_end(struct nacre_session *s, struct running *running);
// What a request that is over has cost.
void lib_cost_note(struct nacre_session *s, const struct ctx_watch *watch);
void lib_query_close_all(struct nacre_session *s);
void lib_changes_close_all(struct nacre_session *s);
void lib_live_close_all(struct nacre_session *s);
// The wait_ms of a feed or a live query. NACRE_INVALID_ARGUMENT.
MUST_USE nacre_status lib_wait_check(struct nacre_session *s, int64_t wait_ms);

#endif
