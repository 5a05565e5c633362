// A naive model of a database: what every command must do, worked out without indexes, logs or
// pages. Documents are whole values that are replaced; versions, times, conditions, expiry, leases
// and idempotency are this model's own. Only what a patch makes of a body is asked of doc/patch.
#ifndef TESTS_SUPPORT_MODEL_STATE_H
#define TESTS_SUPPORT_MODEL_STATE_H

#include "base/err/ctx.h"
#include "doc/patch.h"
#include "support/naive_filter.h"
#include "txn/command.h"

enum {
    MODEL_COLLECTIONS = 4,
    MODEL_INDEXES_MAX = 6,
    MODEL_FIELDS_MAX = 3,
    MODEL_RECORDS_MAX = 64,
    MODEL_OPS_MAX = 12
};

struct model_id {
    bool is_int;
    int64_t number;
    char text[48];
};

struct model_lease {
    bool there; // until the sweeper has ended it, also after its time
    uint8_t token[ROW_LEASE_TOKEN_SIZE];
    uint64_t until_ms;
    const char *holder;                   // NULL: none
    struct slice set;                     // {"$set":…}, n = 0: none
    struct slice body_before, body_after; // of the claim
    struct slice on_expire;               // patch, n = 0: none
};

// One version of a document. Immutable; owns its arena.
struct model_doc {
    struct model_id id;
    bool live; // else the marker that keeps the last version
    uint64_t version, created_ms, updated_ms;
    uint64_t expires_ms; // 0 = never
    struct model_lease lease;
    struct arena arena;
    struct slice body;
    struct naive *tree;
};

enum model_index_state { MODEL_BUILDING, MODEL_READY, MODEL_FAILED };
struct model_index {
    char name[24];
    enum model_index_state state;
    bool unique, may_fail; // while it is built, some document did not fit it
    uint32_t field_count;
    const char *paths[MODEL_FIELDS_MAX];
    bool descending[MODEL_FIELDS_MAX];
    struct naive_cond *where;
    const char *options; // as JSON
    struct arena arena;  // of where and options
};

struct model_record { // of an idempotency key
    char key[16];
    enum write_kind kind; // 0: a batch
    bool has_target;
    struct model_id target;
    uint64_t body_hash, due_ms;
    uint32_t count;
    nacre_status statuses[MODEL_OPS_MAX];
    uint64_t versions[MODEL_OPS_MAX];
};

struct naive_schema;
struct model_schema {
    struct arena arena;
    struct naive_schema *rules;
    const char *json;
};

struct model_collection {
    const char *database, *name;
    bool there;
    uint64_t ttl_seconds, quota_documents;
    uint64_t history_seconds, history_from_ms, created_ms;
    uint64_t history_bytes; // 0: no bound
    const char *primary_key;
    struct model_doc **docs; // in no order, markers among them
    uint32_t count, cap;
    struct model_index indexes[MODEL_INDEXES_MAX]; // in the order of their making
    uint32_t index_count;
    struct model_record records[MODEL_RECORDS_MAX];
    uint32_t record_count;
    struct model_schema *schema, *next_schema; // NULL: none; the next one is not decided yet
};

struct model {
    struct ctx ctx;       // for doc/patch and JSON
    struct arena scratch; // of the running command
    uint64_t now_ms;
    bool side_there; // database "side"
    struct model_collection collections[MODEL_COLLECTIONS];
    // Where the answer depends on how far the build of a unique index has come, the engine's own
    // choice is taken: the body it now holds.
    bool (*engine_has)(void *arg, const struct model_collection *c, const struct model_doc *doc);
    void *arg;
};

void model_init(struct model *m);
void model_free(struct model *m);
void model_begin(struct model *m, uint64_t now_ms); // of a command: forgets the scratch memory
void model_drop(struct model_collection *c);        // documents, indexes, records

// The setting: history begins anew where there was none.
void model_history(const struct model *m, struct model_collection *c, uint64_t seconds);

bool model_id_eq(const struct model_id *a, const struct model_id *b);
int model_id_cmp(const struct model_id *a, const struct model_id *b);
struct val model_id_val(const struct model_id *id);
void model_id_json(struct buf *out, const struct model_id *id);
struct model_id model_id_of(struct val v);

// The newest version, marker or not; NULL: never there, or forgotten.
struct model_doc *model_find(const struct model_collection *c, const struct model_id *id);
// Replaces what has fresh's id; the old version is the caller's (NULL: none).
struct model_doc *model_swap(struct model_collection *c, struct model_doc *fresh);
void model_forget(struct model_collection *c, const struct model_id *id);
// fresh takes the body (copied); version, times and the lease are as given by the caller.
struct model_doc *model_doc_new(const struct model_id *id, struct slice body);
void model_doc_lease(struct model_doc *doc, const struct model_lease *lease); // deep copy
void model_doc_free(struct model_doc *doc);
// The documents as they are now, markers too; no indexes, no records. model_drop frees it.
void model_copy(struct model_collection *out, const struct model_collection *c);

struct slice model_json(struct model *m, const char *json); // BSON in scratch
// The document as filters and sorts see it: body and system fields. In scratch.
const struct naive *model_root(struct model *m, const struct model_doc *doc);
static inline bool model_lease_lives(const struct model *m, const struct model_doc *doc) {
    return doc->lease.there && doc->lease.until_ms > m->now_ms;
}

#endif
