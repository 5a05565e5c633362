// Requests as the faces (library, later server) hand them to the engine: parsed, not yet checked
// against the database.
#ifndef ENGINE_REQUEST_H
#define ENGINE_REQUEST_H

#include "base/err/ctx.h"
#include "txn/command.h"

enum durability { DURABILITY_SYNCED, DURABILITY_MEMORY };

struct target {
    struct slice database; // n = 0: main
    struct slice collection;
};

// A collection resolved to its tablet; stale when epoch differs from the published catalog's.
struct engine_collection {
    struct target target; // names stay the caller's
    uint64_t epoch;
    uint32_t tablet;
};

// Present with key.n > 0. The principal keeps callers apart; operations and targets are told from
// the request.
struct idempotency {
    struct slice key; // ≤ 255 bytes
    struct slice principal;
    uint64_t body_hash;
    bool batch; // the operation is a batch, however many items it has
};

enum patch_format {
    PATCH_FORMAT_OBJECT,
    PATCH_FORMAT_MERGE,
    PATCH_FORMAT_OPS
}; // by content type: application/json, merge-patch, json-patch

struct write_item {
    enum write_kind kind;
    struct val id;     // VAL_MISSING: from body's _id, else primary_key, else a new UUIDv7
    struct slice body; // BSON as json_parse gave it; patches with dollar names allowed, JSON Patch
                       // as {"ops": […]}
    enum patch_format format;
    bool if_absent, if_present;
    uint32_t version_count;
    const uint64_t *versions;
    struct slice filter; // text of `if`: JSON or string form; n = 0: none
    bool has_ttl;
    uint64_t ttl_seconds; // 0 = never
    struct slice token;   // lease token as text; n = 0: none
    bool want_document;
};

struct engine_tx;

struct write_request {
    struct engine_tx *tx; // NULL: none; set by engine_tx_write
    struct target target;
    bool atomic; // of several items
    uint32_t count;
    struct write_item *items;
    enum durability durability;
    struct idempotency idempotency;
};

struct claim_request {
    struct target target;
    struct slice filter;    // text or JSON; n = 0: every document
    struct val sort;        // array of terms, VAL_MISSING: by _id
    struct slice set;       // BSON {path: value}; n = 0: none
    struct slice on_expire; // BSON patch; n = 0: none
    struct slice holder;
    uint64_t lease_ms;     // 0 = 30,000
    uint32_t max_examined; // 0 = 1,000
    enum durability durability;
    struct idempotency idempotency;
};

struct lease_request {
    struct target target;
    struct val id;
    struct slice token; // text
    uint64_t lease_ms;  // extend
    struct slice set;   // release: BSON {path: value}; n = 0: take back what the claim set
    enum durability durability;
    struct idempotency idempotency;
};

struct catalog_request {
    enum catalog_op op;
    struct target target;
    struct slice index;
    struct slice body; // BSON
    struct idempotency idempotency;
};

#endif
