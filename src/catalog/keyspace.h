// Where everything lives: keys of the three families. Bytes: docs/format/keyspace.md. Never change
// what is written here.
//
// KV_DATA     [tablet u32 BE][kind u8][key…] → newest value
// KV_HISTORY  [tablet u32 BE][kind u8][key…][end_ts u64 BE] → value as it was (D, I, U);
//             alive in [begin_ts, end_ts)
// KV_META     one byte of kind, then the key: what belongs to no tablet
#ifndef CATALOG_KEYSPACE_H
#define CATALOG_KEYSPACE_H

#include "base/mem/buf.h"
#include "doc/val.h"

enum key_kind {
    KIND_DOCUMENT = 'D', // typed id → row (doc/row.h)
    KIND_INDEX = 'I',    // index id u32 BE · components · typed id → entry (index/entry.h)
    KIND_UNIQUE = 'U',   // index id u32 BE · components → guard (index/entry.h)
    KIND_MULTIKEY = 'M', // index id u32 BE → format u8: a document once made the index multikey
    // owner_epoch u64 BE · seq u64 BE · i u32 BE → commit_ts u64 · op u8 · version u64 · typed id
    KIND_CHANGE = 'C',
    KIND_FLOOR = 'F',       // → how far change records are trimmed (txn/feed.h)
    KIND_LOCK = 'L',        // reserved: cross-cell transactions
    KIND_STAGE = 'S',       // stage id 16 bytes · offset u64 BE → bytes
    KIND_IDEMPOTENCY = 'K', // scope hash 16 bytes → record (txn/idempotency.h)
    KIND_DUE = 'E',         // due_ms u64 BE · what u8 · key… → empty: what ends by time
    KIND_STATE = 'N',       // → counters of the tablet (txn/tablet.h)
    KIND_HISTORY = 'H',     // → how much history was written, and when (txn/history.h)
    KIND_BUILD = 'B',       // index id u32 BE → progress of an index build
};

enum meta_kind {
    META_FORMAT = 'F',     // → format versions, cluster id, created time
    META_APPLIED = 'A',    // → applied position (txn/position.h)
    META_HORIZON = 'H',    // → HORIZON ts
    META_GENERATION = 'G', // generation u64 BE → where it began (txn/generation.h)
    META_DATABASE = 'd',   // database id u32 BE → BSON
    META_COLLECTION = 'c', // collection id u32 BE → BSON
    META_INDEX = 'i',      // collection id u32 BE · index id u32 BE → BSON
    META_COUNTERS = 'n', // → next ids of databases, collections, tablets, indexes; catalog epoch
};

enum { KEYSPACE_PREFIX = 5, KEY_ID_TEXT_MAX = 512 };

// [tablet][kind] appended.
void keyspace_prefix(struct buf *out, uint32_t tablet, enum key_kind kind);
// [tablet]['D'][typed id]: id is VAL_STRING or VAL_INT, already checked.
void keyspace_document(struct buf *out, uint32_t tablet, struct val id);
// The key without the tablet, as row checksums want it.
static inline struct slice keyspace_local(struct slice key) { return slice_skip(key, 4); }
void keyspace_index(struct buf *out, uint32_t tablet, uint32_t index_id); // prefix of one index
void keyspace_unique(struct buf *out, uint32_t tablet, uint32_t index_id);
void keyspace_multikey(struct buf *out, uint32_t tablet, uint32_t index_id); // the key as a whole
void keyspace_due(struct buf *out, uint32_t tablet, uint64_t due_ms, uint8_t what,
                  struct slice key);
// Appends end_ts to a data key: the key of its history entry.
void keyspace_history(struct buf *out, struct slice data_key, uint64_t end_ts);
void keyspace_meta(struct buf *out, enum meta_kind kind);
void keyspace_meta_id(struct buf *out, enum meta_kind kind, uint32_t id);

// Ids of API.md: 1..512 bytes of UTF-8 without U+0000, not "." or "..", or an int64.
// NACRE_INVALID_ARGUMENT.
struct ctx;
MUST_USE nacre_status id_check(struct ctx *ctx, struct val id);
// The URL and CLI form: "~42" is an integer, "~~x" the string "~x", everything else itself (already
// percent-decoded). An integer has one form (no "~042", "~+1", "~-0"). Strings borrow from text.
MUST_USE nacre_status id_parse(struct ctx *ctx, struct slice text, struct val *out);
void id_print(struct buf *out, struct val id);
// Names of databases, collections, indexes: [A-Za-z][A-Za-z0-9_-]{0,63}. what: "collection" … for
// the error text.
MUST_USE nacre_status name_check(struct ctx *ctx, const char *what, struct slice name);
// The database that the program keeps its own documents in: no name that a caller may give.
#define NAME_HIDDEN_DATABASE "$system"
bool name_is_hidden(struct slice database);
// _version _created _updated _expires _lease: kept in the row's header, so no index can be over
// them.
bool name_is_system(struct slice name);

#endif
