// The catalog in memory: immutable, refcounted, one per epoch; built from the rows of KV_META.
// Readers hold it with their view.
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include <stdatomic.h>

#include "base/err/ctx.h"
#include "catalog/keyspace.h"
#include "doc/path.h"
#include "doc/schema/schema.h"
#include "store/kv.h"

// Stored. Only btree is built yet.
enum index_type { INDEX_BTREE = 1, INDEX_TEXT = 2, INDEX_VECTOR = 3 };
enum index_state { INDEX_BUILDING = 1, INDEX_READY = 2, INDEX_FAILED = 3 };
enum { INDEX_FIELDS_MAX = 16, INDEXES_MAX = 64, CATALOG_NAME_MAX = 64 };

struct index_field {
    struct path path;
    bool descending;
};

struct index_def {
    uint32_t id; // unique in the collection's life, never reused
    char name[CATALOG_NAME_MAX + 1];
    enum index_type type;
    enum index_state state;
    uint32_t field_count;
    struct index_field fields[INDEX_FIELDS_MAX];
    bool unique;
    struct slice where;   // canonical BSON of the partial filter, n = 0: none
    void *where_filter;   // the parsed filter (struct filter *), set through catalog_hooks
    struct slice options; // BSON as given, for describe
    char error[192];      // of a failed build
    uint64_t created_ts;
    uint64_t ready_ts; // from this commit on it has all documents; 0: it is not ready, or not known
};

enum { CHANGES_SECONDS_DEFAULT = 86400 };

struct quota {
    uint64_t storage_bytes, memory_bytes, documents; // 0 = none
};

struct database {
    uint32_t id;
    char name[CATALOG_NAME_MAX + 1];
    struct quota quota;
    uint64_t created_ts;
};

struct collection {
    uint32_t id, database_id;
    uint32_t tablet; // one tablet per collection by default
    char name[CATALOG_NAME_MAX + 1];
    uint32_t schema_epoch;  // +1 with every change of the schema
    struct slice schema;    // BSON, of the settings; n = 0: none
    struct schema *program; // compiled; NULL: there is none, or not in this program
    // While documents are held against a schema that is to take the place of schema: writes must
    // fit both.
    struct slice next_schema;    // n = 0: none
    struct schema *next_program; // as program
    uint64_t next_from;          // the commit that asked for it, which names the change; 0: none
    uint64_t ttl_seconds;        // 0 = none
    uint64_t history_seconds;    // 0 = no bodies kept
    uint64_t history_bytes;      // with history_seconds: no more than that is kept; 0 = any
    uint64_t history_from;       // with history_seconds: the commit from which on they are
    uint64_t changes_seconds;    // how long change records are kept at least
    struct path primary_key;     // count 0 = _id only
    struct slice settings;       // BSON as given, for describe
    uint64_t created_ts;
    uint32_t index_count;
    struct index_def *indexes; // sorted by id
};

// What documents of a collection must fit (collection_check.c): its schema, and the one that is to
// take its place.
static inline bool collection_has_schema(const struct collection *c) {
    return c->schema.n || c->next_schema.n;
}
// Whether this program can run them; whether apply may, too: they have no patterns.
bool collection_schema_runs(const struct collection *c);
bool collection_schema_is_pure(const struct collection *c);
// Fills the body in with defaults (*body is then in ctx's arena) and holds it against them.
// NACRE_SCHEMA_VIOLATION, NACRE_DOCUMENT_TOO_LARGE.
MUST_USE nacre_status collection_check(struct ctx *ctx, const struct collection *c,
                                       struct slice *body);

struct catalog {
    atomic_uint refs;
    uint64_t epoch; // +1 per DDL command
    uint32_t next_database, next_collection, next_tablet, next_index;
    uint32_t database_count, collection_count;
    struct database *databases;            // sorted by name
    struct database **databases_by_id;     // sorted by id
    struct collection *collections;        // sorted by (database id, name)
    struct collection **collections_by_id; // sorted by id
    struct collection **by_tablet;         // sorted by tablet; collection_count entries
    struct arena arena;
};

// The parser for `where` lives in a room above doc but beside catalog; its owner (txn) passes it
// in. Parsed filters live in the arena of ctx, which is the catalog's own while hooks run.
struct catalog_hooks {
    nacre_status (*parse_where)(struct ctx *ctx, struct slice where_bson, void **out_filter);
    // For the patterns of schemas; NULL: a schema with patterns has no program.
    const struct schema_regex *schema_regex;
};

// Reads all rows through view (NULL: newest). An empty store gives an empty catalog with database
// "main" missing (epoch 0) and all next ids 1. The catalog's memory is charged to the budget of
// ctx's arena, which must outlive it. NACRE_CORRUPT names the row. Cost: O(rows · log rows).
MUST_USE nacre_status catalog_load(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                                   const struct catalog_hooks *hooks, struct catalog **out);
struct catalog *catalog_ref(struct catalog *catalog);
void catalog_unref(struct catalog *catalog); // accepts NULL

// Names are found in any case; exact spelling is checked by the caller where it matters. NULL if
// absent.
const struct database *catalog_database(const struct catalog *catalog, struct slice name);
const struct database *catalog_database_by_id(const struct catalog *catalog, uint32_t id);
const struct collection *catalog_collection(const struct catalog *catalog, uint32_t database_id,
                                            struct slice name);
const struct collection *catalog_collection_by_id(const struct catalog *catalog, uint32_t id);
const struct collection *catalog_by_tablet(const struct catalog *catalog, uint32_t tablet);
const struct index_def *catalog_index(const struct collection *collection, struct slice name);
// NACRE_DATABASE_NOT_FOUND, NACRE_COLLECTION_NOT_FOUND, NACRE_INDEX_NOT_FOUND for a name that is
// not there as it is written, with the one that may have been meant.
MUST_USE nacre_status catalog_no_database(struct ctx *ctx, const struct catalog *catalog,
                                          struct slice name);
MUST_USE nacre_status catalog_no_collection(struct ctx *ctx, const struct catalog *catalog,
                                            const struct database *database, struct slice name);
MUST_USE nacre_status catalog_no_index(struct ctx *ctx, const struct collection *collection,
                                       struct slice name);
const struct index_def *catalog_index_by_id(const struct collection *collection, uint32_t id);

// What users may ask for. Parse and check the BSON of a JSON body (unknown members:
// NACRE_INVALID_ARGUMENT with suggestion and pointer). Known but not built yet (shards > 1,
// text and vector indexes): NACRE_UNIMPLEMENTED. Whether a schema is one is for who compiles it.
struct collection_spec {
    struct slice settings; // the canonical BSON of what was given, without indexes
    uint64_t ttl_seconds, history_seconds, history_bytes, changes_seconds;
    struct slice primary_key; // path text, n = 0: none
    struct slice schema;      // BSON as given, n = 0: none
    uint32_t index_count;
    struct index_spec *indexes;
};
struct index_spec {
    struct slice name;
    enum index_type type;
    bool unique;
    uint32_t field_count;
    struct {
        struct slice path;
        bool descending;
    } fields[INDEX_FIELDS_MAX];
    // BSON of the filter as given (object form, or string form as {"": text}), n = 0: none.
    // Whether it is a filter is for who parses it.
    struct slice where;
    struct slice options; // BSON as given; parses again to the same
};
MUST_USE nacre_status collection_spec_parse(struct ctx *ctx, struct slice bson,
                                            struct collection_spec *out);
MUST_USE nacre_status index_spec_parse(struct ctx *ctx, struct slice name, struct slice bson,
                                       struct index_spec *out);
// {"quota":{…}}, may be empty.
MUST_USE nacre_status quota_parse(struct ctx *ctx, struct slice bson, struct quota *out);
// The same onto a quota that is there: what is not named stays.
MUST_USE nacre_status quota_alter(struct ctx *ctx, struct slice bson, struct quota *quota);

// Rows, appended to a batch by apply: BSON with a format byte in front and a crc32c behind. Names,
// paths and BSON are what the parsers above accepted.
void catalog_put_database(struct kv_batch *batch, const struct database *database);
void catalog_delete_database(struct kv_batch *batch, uint32_t id);
void catalog_put_collection(struct kv_batch *batch, const struct collection *collection);
// Its index rows too.
void catalog_delete_collection(struct kv_batch *batch, const struct collection *collection);
void catalog_put_index(struct kv_batch *batch, uint32_t collection_id,
                       const struct index_def *index);
void catalog_delete_index(struct kv_batch *batch, uint32_t collection_id, uint32_t index_id);
struct catalog_counters {
    uint64_t epoch;
    uint32_t next_database, next_collection, next_tablet, next_index;
};
void catalog_put_counters(struct kv_batch *batch, const struct catalog_counters *counters);

// META_FORMAT. Read before anything else: NACRE_INCOMPATIBLE_FORMAT names what wrote it and what
// this program knows.
struct store_format {
    uint32_t store_version, apply_version; // this program: 1, 1
    uint8_t cluster_id[16];
    int64_t created_ms;
};
MUST_USE nacre_status store_format_read(struct ctx *ctx, struct kv *kv, struct store_format *out,
                                        bool *found);
void store_format_put(struct kv_batch *batch, const struct store_format *format);

// Descriptions as API.md gives them, appended as BSON fields to an open writer.
struct bson_writer;
// {name, …as given, state, progress, error?}
void index_describe(struct bson_writer *w, const struct index_def *index, double progress);

#endif
