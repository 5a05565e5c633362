// Commands: everything that changes state. Closed: what is not a function of the state (ids, times,
// tokens, plans) is inside. Bytes: docs/format/command.md. Payloads of log/record.h's
// record_command.
#ifndef TXN_COMMAND_H
#define TXN_COMMAND_H

#include "base/err/ctx.h"
#include "doc/patch.h"
#include "doc/row.h"
#include "index/range.h"

enum command_type { // logged: never renumber
    COMMAND_WRITE = 1,
    COMMAND_CLAIM = 2,
    COMMAND_RELEASE = 3,
    COMMAND_EXTEND = 4,
    COMMAND_EXPIRE = 5,
    COMMAND_CATALOG = 6,
    COMMAND_BUILD = 7,
    COMMAND_STAGE = 8,
    COMMAND_COMMIT = 9,
    COMMAND_HORIZON = 10,
    COMMAND_TICK = 11,
    COMMAND_UPGRADE = 12,
    COMMAND_TRANSACTION = 13,
    COMMAND_CHUNK = 14,
    COMMAND_SCHEMA = 15,
    COMMAND_TRIM = 16,
};

enum {
    STAGE_ID_SIZE = 16,
    STAGE_CHUNK_MAX = 256 * 1024,
    COMMAND_BYTES_MAX = 64 * 1024 * 1024,
    WRITE_OPS_MAX = 10000
};
enum { HORIZON_RECORDS_MAX = 20000 };
enum { IDEMPOTENCY_SCOPE_SIZE = 16, LEASE_MS_MAX = 86400000, COMMAND_VERSIONS_MAX = 64 };

// Present in any mutation that came with an Idempotency-Key.
struct command_idempotency {
    bool present;
    uint32_t tablet;                       // of the target; 0 for the catalog
    uint8_t scope[IDEMPOTENCY_SCOPE_SIZE]; // hash of caller, operation, target and key
    uint64_t body_hash;
};

enum write_kind {
    WRITE_PUT = 1,
    WRITE_INSERT = 2,
    WRITE_PATCH = 3,
    WRITE_DELETE = 4,
    WRITE_GET = 5,
    // Of one document that was chosen before:
    WRITE_CLAIM = 6,
    WRITE_RELEASE = 7,
    WRITE_EXTEND = 8,
    WRITE_LEASE_END = 9, // its time is up
};
enum write_flag {
    WRITE_IF_ABSENT = 1,
    WRITE_IF_PRESENT = 2,
    WRITE_IF_VERSIONS = 4,
    WRITE_IF_FILTER = 8,
    WRITE_TTL = 16,       // ttl_ms is given (0 = never)
    WRITE_LEASE = 32,     // fence: the token must be current
    WRITE_SYS = 64,       // system fields that must equal what is stored
    WRITE_WANT_ROW = 128, // the answer carries the row as it is afterwards
    WRITE_SCHEMA = 256,   // the new document was checked under the schema of schema_epoch
    WRITE_AGAIN = 512,    // in a chunk: filter and patch are those of the operation before
};

struct write_op {
    enum write_kind kind;
    uint32_t flags;
    uint32_t tablet;
    struct slice id_key;   // typed key of the id (doc/key.h)
    struct slice versions; // u64 little-endian each
    struct slice filter;   // canonical BSON
    uint64_t ttl_ms;
    uint8_t token[ROW_LEASE_TOKEN_SIZE];
    struct slice sys; // BSON: _created, _updated, _expires as given
    uint32_t schema_epoch;
    enum patch_kind patch_kind;
    // The document, or the patch. From WRITE_CLAIM on: the document as it is to be if that was
    // checked, else n = 0.
    struct slice body;
    struct slice lease; // of WRITE_CLAIM, WRITE_RELEASE, WRITE_EXTEND: struct write_lease, encoded
};

struct write_lease {
    uint64_t lease_ms;      // of WRITE_CLAIM and WRITE_EXTEND
    struct slice holder;    // of WRITE_CLAIM
    struct slice set;       // operators patch {"$set":{…}}, n = 0: none; of a release n = 0: undo
    struct slice on_expire; // {"kind": int, "patch": {…}}, n = 0: none; of WRITE_CLAIM
};

struct command_write {
    bool atomic;
    struct command_idempotency idempotency;
    uint32_t count;
    struct write_op *ops;
};

struct command_claim {
    struct command_idempotency idempotency;
    struct access_path path;
    bool ordered; // path gives the order asked for; else sort decides among max_examined candidates
    struct slice sort;      // BSON array of terms "a", "-b"
    struct slice filter;    // canonical BSON
    struct slice set;       // operators patch {"$set":{…}}, n = 0: none
    struct slice on_expire; // {"kind": int, "patch": {…}}, n = 0: none
    struct slice holder;
    uint64_t lease_ms;
    uint8_t token[ROW_LEASE_TOKEN_SIZE];
    uint32_t max_examined;
};

struct command_lease { // RELEASE and EXTEND
    struct command_idempotency idempotency;
    uint32_t tablet;
    struct slice id_key;
    uint8_t token[ROW_LEASE_TOKEN_SIZE];
    uint64_t lease_ms; // EXTEND
    struct slice set;  // RELEASE: operators patch or empty
};

enum due_what {          // logged and stored in KIND_DUE keys
    DUE_TTL = 1,         // key: typed id
    DUE_LEASE = 2,       // key: typed id
    DUE_MARKER = 3,      // key: typed id; the delete marker has served its time
    DUE_IDEMPOTENCY = 4, // key: scope hash
    DUE_STAGE = 5,       // key: stage id
};
struct command_expire { // every KIND_DUE entry in it is due by the clock of who proposed; apply
                        // looks again
    uint32_t count;
    struct due_item {
        uint32_t tablet;
        struct slice due_key; // full KIND_DUE key
    } * items;
};

enum catalog_op {                // logged
    CATALOG_CREATE_DATABASE = 1, // name, body = {"quota":…}
    CATALOG_ALTER_DATABASE = 2,
    CATALOG_DROP_DATABASE = 3,
    CATALOG_CREATE_COLLECTION =
        4, // name, body = settings with indexes; flag implicit: fine if it is there
    CATALOG_ALTER_COLLECTION = 5, // body = the new settings as a whole
    CATALOG_DROP_COLLECTION = 6,
    CATALOG_CREATE_INDEX = 7, // index name, body = options
    CATALOG_DROP_INDEX = 8,
};
struct command_catalog {
    struct command_idempotency idempotency;
    enum catalog_op op;
    bool implicit;
    struct slice database, collection, index; // names as needed by op
    struct slice body;                        // BSON, may be empty
};

struct command_build { // the next chunk of an index build
    uint32_t tablet, index_id, max_documents;
};

struct command_horizon {  // what ended before may go
    uint64_t history_ts;  // history entries
    uint64_t changes_ts;  // change records, of collections that keep them for the default
    uint32_t records_max; // change records looked at
};

// What ended before from_ts may go of the history of one collection; the engine names what it
// found.
enum { TRIM_KEYS_MAX = 4096 };
#define TRIM_ALL UINT64_MAX // as from_ts: the commit of this command
struct command_trim {
    uint32_t tablet;
    uint64_t from_ts;
    bool done; // nothing is left of it
    uint32_t count;
    struct slice *keys; // of history, without their tablet, in their order
};

struct command_stage {
    uint8_t id[STAGE_ID_SIZE];
    uint64_t offset;
    struct slice bytes;
};
struct command_commit { // the staged bytes are a command's payload
    uint8_t id[STAGE_ID_SIZE];
    uint64_t size;
    uint16_t type;
};

// All or nothing, and nothing unless what the transaction saw is still so.
enum transaction_flag {           // logged
    TRANSACTION_SERIALIZABLE = 1, // for those who read the log: what is validated is listed
    TRANSACTION_RANGES = 2,       // there are ranges
};
enum { TRANSACTION_AGE_MS_MAX = 60 * 1000, TRANSACTION_OPS_MAX = 1000000 };
struct transaction_key {
    struct slice key;  // full data key of a document, a guard or an index's mark
    uint64_t begin_ts; // seen; 0: it was not there; a mark: 1
};
struct transaction_range {
    struct slice lower, upper; // of one index or the documents of one tablet
    uint64_t count;            // entries seen; documents without their delete markers
};
struct command_transaction {
    uint32_t flags;
    uint64_t read_ts; // commit_ts of the view that was read
    uint64_t began_ms;
    uint32_t key_count, range_count, tablet_count, op_count;
    struct transaction_key *keys;
    struct transaction_range *ranges;
    uint32_t *tablets; // in which nothing may have changed
    struct write_op *ops;
    struct slice encoded; // to encode: ops as command_op_encode made them; n = 0: from ops
};

// A part of a change of all that match a filter: documents in the order of their ids. All or
// nothing; a document that is gone, or does not match any more, is passed over.
struct command_chunk {
    // present: the record under it tells how far the whole has come, after each chunk.
    struct command_idempotency idempotency;
    struct slice after; // id of the last document of the chunk before; n = 0: this is the first
    bool last;
    uint64_t found; // documents that matched when they were looked for
    uint32_t op_count;
    struct write_op *ops;
};

// How far the documents of a collection were held against its next schema, by who proposes this:
// all that are between after and last, as some view had them that knew of that schema. What is
// written since was checked when it was written.
struct command_schema {
    uint32_t tablet;
    uint64_t next_from;       // the change of the schema
    struct slice after, last; // typed ids; after is what the part before ended with, n = 0: nothing
    uint64_t documents;       // so far
    bool done;                // none comes after last
    struct slice error;       // result_error_put; n = 0: all of them fit
};

void command_write_encode(struct buf *out, const struct command_write *c);
void command_claim_encode(struct buf *out, const struct command_claim *c);
void command_lease_encode(struct buf *out, const struct command_lease *c);
void command_expire_encode(struct buf *out, const struct command_expire *c);
void command_catalog_encode(struct buf *out, const struct command_catalog *c);
void command_build_encode(struct buf *out, const struct command_build *c);
void command_stage_encode(struct buf *out, const struct command_stage *c);
void command_commit_encode(struct buf *out, const struct command_commit *c);
void command_horizon_encode(struct buf *out, const struct command_horizon *c);
void command_transaction_encode(struct buf *out, const struct command_transaction *c);
void command_schema_encode(struct buf *out, const struct command_schema *c);
MUST_USE nacre_status command_schema_decode(struct ctx *ctx, struct slice payload,
                                            struct command_schema *out);
void command_trim_encode(struct buf *out, const struct command_trim *c);
MUST_USE nacre_status command_trim_decode(struct ctx *ctx, struct slice payload,
                                          struct command_trim *out);
void command_chunk_encode(struct buf *out, const struct command_chunk *c);
void command_op_encode(struct buf *out, const struct write_op *op);
void lease_encode(struct buf *out, const struct write_lease *lease);
bool lease_decode(struct slice in, struct write_lease *out);

// Foreign bytes: NACRE_CORRUPT. Results borrow from payload, arrays live in ctx's arena.
MUST_USE nacre_status command_write_decode(struct ctx *ctx, struct slice payload,
                                           struct command_write *out);
MUST_USE nacre_status command_claim_decode(struct ctx *ctx, struct slice payload,
                                           struct command_claim *out);
MUST_USE nacre_status command_lease_decode(struct ctx *ctx, struct slice payload,
                                           struct command_lease *out);
MUST_USE nacre_status command_expire_decode(struct ctx *ctx, struct slice payload,
                                            struct command_expire *out);
MUST_USE nacre_status command_catalog_decode(struct ctx *ctx, struct slice payload,
                                             struct command_catalog *out);
MUST_USE nacre_status command_build_decode(struct ctx *ctx, struct slice payload,
                                           struct command_build *out);
MUST_USE nacre_status command_stage_decode(struct ctx *ctx, struct slice payload,
                                           struct command_stage *out);
MUST_USE nacre_status command_commit_decode(struct ctx *ctx, struct slice payload,
                                            struct command_commit *out);
MUST_USE nacre_status command_horizon_decode(struct ctx *ctx, struct slice payload,
                                             struct command_horizon *out);
MUST_USE nacre_status command_transaction_decode(struct ctx *ctx, struct slice payload,
                                                 struct command_transaction *out);
MUST_USE nacre_status command_chunk_decode(struct ctx *ctx, struct slice payload,
                                           struct command_chunk *out);
bool command_op_decode(struct slice *in, struct write_op *out);
void command_idempotency_encode(struct buf *out, const struct command_idempotency *i);
bool command_idempotency_decode(struct slice *in, struct command_idempotency *out);

#endif
