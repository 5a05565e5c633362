// Inside of apply, shared by its parts. Nothing outside txn/ includes this.
#ifndef TXN_APPLY_H
#define TXN_APPLY_H

#include "base/os/mutex.h"
#include "doc/key.h"
#include "filter/filter.h"
#include "index/entry.h"
#include "txn/feed.h"
#include "txn/history.h"
#include "txn/rehearsal.h"
#include "txn/txn.h"

struct rehearsal;

enum { LOWWATER_MAX = 32, OWNER_EPOCH = 1 };
enum { CHANGE_FORMAT = 1 };

// Where the first entry of a claim's range was last seen: nothing lies between the range's start
// and cursor. Only an accelerator.
struct lowwater {
    uint32_t tablet, index_id;
    bool reverse;
    uint64_t last_use;
    struct buf edge; // lower key of the range (upper when reverse)
    struct buf cursor;
};

// What the running command did to one document: for its later operations, and for the cache once
// the batch is written.
struct effect {
    struct slice key; // full data key
    struct slice row; // n = 0: the key is gone
    uint64_t commit_ts;
};

// A mark to fall back to when an operation of a per-item batch fails half-way.
struct apply_mark {
    size_t batch_size;
    uint32_t batch_count, effect_count, change_count;
};

// Where the pending batch holds what (overlay.c).
struct overlay {
    struct overlay_slot *slots;
    size_t cap, count;
    uint64_t epoch; // slots of another one are free
    uint64_t seed;  // keys come from clients, who must not be able to choose keys that collide
};

struct txn {
    struct kv *kv;
    struct cache *cache;
    bool no_trail;
    const struct schema_regex *schema_regex;
    uint64_t cache_ts;           // entries of the cache that are newer do not count
    struct rehearsal *rehearsal; // NULL: this is the state machine itself
    struct ctx ctx;              // of apply; arena is reset per command
    struct position position;
    struct catalog *catalog;
    uint64_t horizon_ts;
    struct map tablets; // u32 → struct tablet *
    struct map dues;    // u32 → struct tablet_due *, under dues_lock: the sweeper looks too
    struct mutex dues_lock;
    struct tablet_due *noted; // to be folded into due_ms by the next publish
    struct kv_batch batch;
    struct buf row, key, body, scratch; // reused per document
    // Of the pending batch: effects (of all its commands), overlay, dropped … catalog_changed.
    bool pending;
    struct tablet *grouped;
    // Of the running command:
    uint64_t commit_ts;
    struct apply_mark command; // where its effects begin
    struct tablet *touched;
    struct effect *effects;
    uint32_t effect_count, effect_cap;
    struct overlay overlay;
    bool use_overlay; // something is pending, or the running command has several operations
    uint32_t change_count;
    struct slice parsed_of; // n = 0: none; operations of a chunk share their condition
    struct filter *parsed;
    bool catalog_changed;
    uint64_t horizon_next; // 0 = as it is
    uint32_t *dropped;     // tablets dropped by it, in the arena
    uint32_t dropped_count;
    struct lowwater lowwater[LOWWATER_MAX];
    uint32_t lowwater_count;
    uint64_t clock; // for lowwater's last_use
    // Published:
    struct mutex view_lock;
    struct view *view;
    _Atomic uint64_t published_ts;
};

static inline uint64_t apply_now_ms(const struct txn *t) { return t->commit_ts >> 20; }

// A document as apply finds it.
struct apply_doc {
    bool stored;    // there is a row, perhaps only a marker
    bool live;      // there is a document
    struct row row; // views into bytes (arena)
    struct slice bytes;
};

// One change of one document, prepared by the operations, carried out by apply_change.
struct apply_change {
    const struct collection *collection;
    struct slice id_key;
    struct apply_doc before;
    bool remove;      // else after is the new row
    uint32_t checked; // the new body was checked under this schema_epoch; 0 = it was not
    struct row after; // body and what differs; version, begin_ts, rowid, created_ts are set by
                      // apply_change
    struct slice after_row; // out: the encoded row (arena)
    uint64_t version;       // out
};

// The parts that a rehearsal shares: everything but the state.
MUST_USE nacre_status txn_new(struct ctx *ctx, const struct txn_options *options, struct txn **out);
void txn_forget_tablets(struct txn *t);
// Whether the transaction changed the key; its steps so far are seen through t->kv.
bool rehearsal_changed(const struct rehearsal *r, struct slice key);
MUST_USE nacre_status rehearsal_note(struct rehearsal *r, struct slice key,
                                     const struct apply_doc *doc);

struct apply_mark apply_mark(const struct txn *t);
void apply_rollback(struct txn *t, struct apply_mark mark);

// The due state of a tablet, made if absent; NULL: no memory.
struct tablet_due *due_state(struct txn *t, uint32_t tablet);
void due_fold(struct txn *t); // after a publish

// Parts. Result statuses (conditions, quota, …) are recorded in t->ctx.err and returned as status;
// apply_is_result tells them from failures of the machine.
bool apply_is_result(nacre_status status);
MUST_USE nacre_status apply_tablet(struct txn *t, uint32_t id, struct tablet **out);
void apply_touch(struct txn *t, struct tablet *tablet);
// The account of the tablet's history, kept with it.
MUST_USE nacre_status apply_history(struct txn *t, struct tablet *tablet, struct history **out);

// The batch of a group (group.c).
void group_begin_command(struct txn *t, const struct apply_place *place, bool more);
MUST_USE nacre_status group_undo_command(struct txn *t, nacre_status cause);
void group_end_command(struct txn *t, const struct apply_place *place);
MUST_USE nacre_status group_write(struct txn *t); // nothing pending: nothing done
bool group_is_large(const struct txn *t);
MUST_USE nacre_status group_load_catalog(struct ctx *ctx, struct txn *t);

MUST_USE nacre_status apply_read(struct txn *t, uint32_t tablet, struct slice id_key,
                                 struct apply_doc *out);
MUST_USE nacre_status apply_change(struct txn *t, struct apply_change *change);
// Holds the new body against the collection's schema, with its defaults filled in.
MUST_USE nacre_status apply_schema(struct txn *t, struct apply_change *change);
// Entries, guards and build progress of one index (apply_catalog.c).
void apply_wipe_index(struct txn *t, uint32_t tablet, uint32_t index_id);
// Progress rows of jobs over all documents, [tablet]['B'][number]: of index builds, and with number
// 0 of a change of the schema. (apply_build.c)
void apply_progress_key(struct buf *out, uint32_t tablet, uint32_t number);
void apply_progress_put(struct txn *t, struct slice key, uint64_t documents, struct slice last);
// last may be NULL. *documents 0: nothing is done yet.
MUST_USE nacre_status apply_progress_read(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                                          struct slice key, uint64_t *documents, struct buf *last);
MUST_USE nacre_status apply_schema_progress(struct txn *t, const struct command_schema *c);
// Takes back the change of the schema that is under way, if any.
void apply_schema_forget(struct txn *t, struct collection *collection);
// The counters of the next catalog epoch.
struct catalog_counters apply_counters(const struct txn *t);

// Commands of several operations: what earlier ones did, seen through overlay's kv (get only).
struct overlay_kv {
    struct kv kv;
    struct kv_ops ops;
    struct txn *txn;
};
void overlay_open(struct overlay_kv *overlay, struct txn *t);
// Remembers documents, guards and entries that the batch holds from offset from on.
MUST_USE nacre_status overlay_absorb(struct txn *t, size_t from);
// False: the batch says nothing about the key. *out lives until the batch grows.
bool overlay_find(const struct txn *t, struct slice key, struct slice *out, bool *there);
void overlay_clear(struct txn *t);
void overlay_free(struct txn *t);

// The key is gone without being changed by an operation (an ended delete marker).
MUST_USE nacre_status apply_forget(struct txn *t, struct slice data_key);
MUST_USE nacre_status apply_collection(struct txn *t, uint32_t tablet,
                                       const struct collection **out);
MUST_USE nacre_status apply_id(struct txn *t, struct slice id_key, struct val *out);
void apply_due_put(struct txn *t, uint32_t tablet, uint64_t due_ms, enum due_what what,
                   struct slice key);
void apply_due_delete(struct txn *t, uint32_t tablet, uint64_t due_ms, enum due_what what,
                      struct slice key);
MUST_USE nacre_status apply_due_note(struct txn *t, uint32_t tablet, uint64_t due_ms);

MUST_USE nacre_status apply_write(struct txn *t, const struct command_write *c, struct result *out);
MUST_USE nacre_status apply_claim(struct txn *t, const struct command_claim *c, struct result *out);
MUST_USE nacre_status apply_release(struct txn *t, const struct command_lease *c,
                                    struct result *out);
MUST_USE nacre_status apply_extend(struct txn *t, const struct command_lease *c,
                                   struct result *out);
MUST_USE nacre_status apply_expire(struct txn *t, const struct command_expire *c,
                                   struct result *out);
MUST_USE nacre_status apply_catalog(struct txn *t, const struct command_catalog *c,
                                    struct result *out);
MUST_USE nacre_status apply_build(struct txn *t, const struct command_build *c, struct result *out);
MUST_USE nacre_status apply_transaction(struct txn *t, const struct command_transaction *c,
                                        struct result *out);
// Answers one item: id of the last document done, version = documents changed so far, begin_ts =
// documents found so far, of all chunks up to here.
MUST_USE nacre_status apply_chunk(struct txn *t, const struct command_chunk *c, struct result *out);
// One operation: what it asks of the stored document, then what it makes of it.
MUST_USE nacre_status apply_op_check(struct txn *t, const struct write_op *op,
                                     struct apply_change *out);
MUST_USE nacre_status apply_op_run(struct txn *t, const struct write_op *op,
                                   struct apply_change *change, struct op_result *out);
// RESULT_PARTIAL: there may be more to trim.
MUST_USE nacre_status apply_horizon(struct txn *t, const struct command_horizon *c,
                                    struct result *out);
MUST_USE nacre_status apply_trim(struct txn *t, const struct command_trim *c);
MUST_USE nacre_status horizon_read(struct ctx *ctx, struct kv *kv, uint64_t *out_ts);
MUST_USE nacre_status apply_stage(struct txn *t, const struct command_stage *c);
MUST_USE nacre_status apply_commit(struct txn *t, const struct command_commit *c,
                                   struct slice *out_payload);
// One result of one operation, from the row as it is afterwards.
MUST_USE nacre_status apply_result_one(struct txn *t, struct result *out,
                                       const struct op_result *op);

// Idempotency: *replayed = true and *out filled if the record is there with the same body.
MUST_USE nacre_status apply_replay(struct txn *t, const struct command_idempotency *i,
                                   struct result *out, bool *replayed);
MUST_USE nacre_status apply_remember(struct txn *t, const struct command_idempotency *i,
                                     const struct result *result);
// In the place of the record that may be there.
MUST_USE nacre_status apply_remember_anew(struct txn *t, const struct command_idempotency *i,
                                          const struct result *result);
// The record has served its time, unless it was replaced by a later one.
MUST_USE nacre_status apply_forget_record(struct txn *t, uint32_t tablet, struct slice scope,
                                          uint64_t due_ms);

// Leases (apply_lease.c): what an operation from WRITE_CLAIM on asks of the document, and the row
// it makes.
MUST_USE nacre_status apply_lease_check(struct txn *t, const struct write_op *op,
                                        const struct apply_doc *doc);
MUST_USE nacre_status apply_lease_run(struct txn *t, const struct write_op *op,
                                      struct apply_change *c);
// A lease whose time is up ends with this body; where it cannot, the document keeps its own.
MUST_USE nacre_status apply_lease_end(struct txn *t, struct apply_change *c, struct slice body);
// The document that a claim takes; its id in t's arena.
MUST_USE nacre_status apply_choose(struct txn *t, struct claim_choice *choice);

// The claim's accelerator (lowwater.c).
struct lowwater *lowwater_find(struct txn *t, const struct access_path *path);
void lowwater_set(struct txn *t, const struct access_path *path, struct slice key);
void lowwater_batch(struct txn *t); // looks through the batch that is about to be written
void lowwater_drop(struct txn *t, uint32_t tablet);

#endif
