/* libnacre: documents in one directory, in process. C99; also compiled as C++.
 *
 * Handles
 *   nacre_db       a database directory; shared by any number of threads.
 *   nacre_session  one per thread: owns the error record, the memory of requests and the results
 *                  handed out. Not thread-safe.
 *   nacre_cursor   rows of one query; belongs to its session and its thread.
 *   nacre_feed     changes of one collection; belongs to its session and its thread.
 *   nacre_live     a live query; belongs to its session and its thread.
 *   nacre_backups  a directory of backups; needs no database. Not thread-safe.
 *   nacre_doc      one document held in memory without a copy; the caller's struct, released by
 *                  nacre_doc_release, from any thread.
 *
 * Rules for every function
 *   - It returns a nacre_status; NACRE_OK is 0. What went wrong is in the session:
 *     nacre_error_detail and its siblings.
 *   - An `out` parameter is set only on success, and must not be NULL unless said otherwise. A NULL
 *     where something is needed is NACRE_INVALID_ARGUMENT, never a crash.
 *   - Text results (const char *) end in a NUL, belong to the session and stay until its next call
 *     that returns text, unless said otherwise.
 *   - Documents travel as JSON text (UTF-8): 64-bit integers exact, {"$date":…}, {"$binary":…} and
 *     vectors. Sizes are given in bytes; a NUL at the end is not counted.
 *   - Names: [A-Za-z][A-Za-z0-9_-]{0,63}. database NULL means "main". Ids: see nacre_id.
 *   - Work in a forked child is refused with NACRE_UNAVAILABLE; functions that only release do
 *     nothing there.
 */
#ifndef NACRE_NACRE_H
#define NACRE_NACRE_H

#include <stddef.h>
#include <stdint.h>

#include "nacre/errors.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nacre_db nacre_db;
typedef struct nacre_session nacre_session;
typedef struct nacre_cursor nacre_cursor;
typedef struct nacre_feed nacre_feed;
typedef struct nacre_live nacre_live;

/* ---- library and database ---------------------------------------------------------------- */

NACRE_API const char *nacre_version(void); /* "0.1.0" */

/* Where errors go that happen when there is no session. Zero-initialise. */
typedef struct nacre_open_error {
    nacre_status status;
    char detail[512];
    char hint[192];
} nacre_open_error;

/* Zero-initialise, then set what differs from the default. */
typedef struct nacre_options {
    int create;                  /* make the database if it is not there */
    int read_only;               /* nothing on disk changes; excludes create */
    uint64_t memory_bytes;       /* the one memory budget; 0 = a quarter of RAM; at least 16 MiB */
    uint64_t log_bytes;          /* bound on the log that a crash would replay; 0 = 64 MiB */
    uint64_t disk_reserve_bytes; /* below this free space writes are refused (NACRE_DISK_FULL);
                                    0 = 256 MiB */
    int archive;                 /* keep trimmed log segments in DIR/log/archive */
    nacre_open_error *error;     /* where nacre_open says what was wrong; may be NULL */
} nacre_options;

/* Opens the database in directory dir. One process at a time (NACRE_LOCKED). options may be NULL.
 * Any thread. Errors: NACRE_NOT_FOUND (no database there and create is 0), NACRE_LOCKED,
 * NACRE_INCOMPATIBLE_FORMAT, NACRE_CORRUPT with file and place, NACRE_IO_ERROR, NACRE_DISK_FULL,
 * NACRE_MEMORY_LIMIT. An open that fails changes nothing. */
NACRE_API NACRE_MUST_USE nacre_status nacre_open(const char *dir, const nacre_options *options,
                                                 nacre_db **out);
/* A server by URL. NACRE_UNIMPLEMENTED in this version. */
NACRE_API NACRE_MUST_USE nacre_status nacre_connect(const char *url, const nacre_options *options,
                                                    nacre_db **out);
/* Makes everything durable and closes; NULL is fine, error may be NULL. Every session, cursor and
 * doc must be gone: with a session still open it is NACRE_INVALID_ARGUMENT and nothing is closed.
 * In all other cases the handle is gone, whatever is returned. */
NACRE_API NACRE_MUST_USE nacre_status nacre_close(nacre_db *db, nacre_open_error *error);

/* Any thread. NACRE_MEMORY_LIMIT, NACRE_UNAVAILABLE. */
NACRE_API NACRE_MUST_USE nacre_status nacre_session_open(nacre_db *db, nacre_session **out);
/* Closes its cursors, feeds and live queries too; NULL is fine. */
NACRE_API void nacre_session_close(nacre_session *session);
/* Bounds every later call of the session; 0 = none (the default). NACRE_TIMEOUT. */
NACRE_API void nacre_session_timeout(nacre_session *session, uint64_t timeout_ms);
/* From any thread or a signal handler: the running call, and later ones until cleared, end with
 * NACRE_CANCELLED. */
NACRE_API void nacre_session_cancel(nacre_session *session);
NACRE_API void nacre_session_clear_cancel(nacre_session *session);
/* The session's next change of a database, a collection or an index happens once under this key, as
 * a write does under its idempotency_key. Borrowed until then; NULL = none. */
NACRE_API void nacre_session_idempotency(nacre_session *session, const char *key);
/* Of the session's last batch, claim or change of a database, a collection or an index: its opaque
 * token ("" where it wrote nothing, or is part of a transaction), and whether it was answered from
 * the record of an idempotency key. Valid until the next of those. */
NACRE_API const char *nacre_last_sequence(const nacre_session *session);
NACRE_API int nacre_last_replayed(const nacre_session *session);

/* The error of the session's last call; "" or 0 where there is none. Valid until its next call. */
NACRE_API NACRE_MUST_USE nacre_status nacre_error_status(const nacre_session *session);
NACRE_API const char *nacre_error_detail(const nacre_session *session);
NACRE_API const char *nacre_error_hint(const nacre_session *session);
/* The current version, with version_mismatch and condition_failed; 0 = no document. */
NACRE_API uint64_t nacre_error_version(const nacre_session *session);
/* The whole record as an RFC 9457 problem object (JSON); "{}" where there is no error. Its span
 * counts bytes of what was given: of a filter that is a string those of the string, else of the
 * body. Does not end the life of other text results. Valid until its next call. */
NACRE_API const char *nacre_error_problem(nacre_session *session);

/* ---- ids and documents ------------------------------------------------------------------- */

/* A string (text, size: 1..512 bytes of UTF-8 without U+0000, not "." or "..") or, with text NULL,
 * the integer. */
typedef struct nacre_id {
    const char *text;
    size_t size;
    int64_t integer;
} nacre_id;
NACRE_API nacre_id nacre_id_string(const char *text); /* NUL-terminated; borrowed */
NACRE_API nacre_id nacre_id_integer(int64_t integer);
/* The written form of URLs and the command line: "~42" the integer, "~~x" the string "~x", all else
 * the string itself. *out borrows from text. */
NACRE_API NACRE_MUST_USE nacre_status nacre_id_parse(nacre_session *session, const char *text,
                                                     nacre_id *out);

typedef struct nacre_doc {
    uint64_t version;
    int64_t created_ms, updated_ms, expires_ms; /* Unix time; expires_ms 0 = never */
    const uint8_t *bson;                        /* the body as BSON; first field _id */
    size_t bson_size;
    void *held[16]; /* the library's */
} nacre_doc;

/* A collection by name, resolved once; refreshed by itself when the catalog changes. The caller's
 * struct, used by one thread at a time; the names are borrowed and must not change in place. */
typedef struct nacre_collection {
    const char *database, *name;
    uint64_t held[8]; /* zero at first */
} nacre_collection;
NACRE_API nacre_collection nacre_collection_of(const char *database, const char *name);

/* Point read. *out is valid until nacre_doc_release (before nacre_close), whatever is written
 * meanwhile. NACRE_DOCUMENT_NOT_FOUND. Allocates nothing when the document is cached. */
NACRE_API NACRE_MUST_USE nacre_status nacre_get(nacre_session *session,
                                                nacre_collection *collection, nacre_id id,
                                                nacre_doc *out);
/* The document as it was at as_of, a time as text (RFC 3339), what was committed in that
 * millisecond included. The collection must have kept history then (history_seconds): else, and
 * where the time is older, NACRE_HISTORY_EXPIRED. NACRE_INVALID_ARGUMENT: no time, or one to come.
 * Else as nacre_get. */
NACRE_API NACRE_MUST_USE nacre_status nacre_get_as_of(nacre_session *session,
                                                      nacre_collection *collection, nacre_id id,
                                                      const char *as_of, nacre_doc *out);
/* The kept versions of the document, newest first: what can be read as of some time, deletions
 * included; without history the current one. A row of the cursor: {"version","op":"insert|update|
 * delete","time","document"?}. NACRE_DOCUMENT_NOT_FOUND: none is kept. NACRE_INVALID_ARGUMENT in
 * a transaction. */
NACRE_API NACRE_MUST_USE nacre_status nacre_versions(nacre_session *session,
                                                     nacre_collection *collection, nacre_id id,
                                                     nacre_cursor **out);
/* *out: 1 or 0. */
NACRE_API NACRE_MUST_USE nacre_status nacre_exists(nacre_session *session,
                                                   nacre_collection *collection, nacre_id id,
                                                   int *out);
/* A zeroed doc, and NULL, is fine. Leaves it zeroed. */
NACRE_API void nacre_doc_release(nacre_doc *doc);
/* The document as JSON with its system fields; fields: "a,b.c" (those paths and _id), or NULL for
 * all. out_size may be NULL. */
NACRE_API NACRE_MUST_USE nacre_status nacre_doc_json(nacre_session *session, const nacre_doc *doc,
                                                     const char *fields, const char **out,
                                                     size_t *out_size);

typedef enum nacre_type {
    NACRE_TYPE_MISSING,
    NACRE_TYPE_NULL,
    NACRE_TYPE_INT,
    NACRE_TYPE_DOUBLE,
    NACRE_TYPE_STRING,
    NACRE_TYPE_OBJECT,
    NACRE_TYPE_ARRAY,
    NACRE_TYPE_BINARY,
    NACRE_TYPE_VECTOR,
    NACRE_TYPE_BOOL,
    NACRE_TYPE_DATE
} nacre_type;
typedef struct nacre_value {
    nacre_type type;
    int64_t integer;     /* INT; BOOL 0 or 1; DATE in Unix ms */
    double number;       /* DOUBLE */
    const uint8_t *data; /* STRING (no NUL at its end), BINARY, VECTOR; OBJECT and ARRAY as BSON;
                            lives as long as doc, of a system field until the next call */
    size_t size;
} nacre_value;
/* One field by path ("a.b", "a.0", "/a/b"). A path that reaches nothing is NACRE_OK with
 * NACRE_TYPE_MISSING. */
NACRE_API NACRE_MUST_USE nacre_status nacre_doc_field(nacre_session *session, const nacre_doc *doc,
                                                      const char *path, nacre_value *out);

/* ---- writes ------------------------------------------------------------------------------ */

/* MEMORY: answered before the sync, losable for 50 ms. Of a write in a transaction the commit's
 * counts. */
typedef enum nacre_durability { NACRE_SYNCED, NACRE_MEMORY } nacre_durability;

/* Zero-initialise, then set what is wanted. All conditions must hold. */
typedef struct nacre_write {
    nacre_durability durability;
    int if_absent, if_present;
    const uint64_t *if_versions; /* any of them; at most 64 */
    size_t if_version_count;
    const char *if_filter; /* filter as JSON or string; NULL = none */
    int has_ttl;
    uint64_t ttl_seconds;        /* with has_ttl; 0 = never expires */
    const char *lease;           /* fence: the token must be current; NULL = none */
    const char *idempotency_key; /* ≤ 255 bytes; NULL = none */
    int want_document;           /* fill result.json */
} nacre_write;

typedef struct nacre_result {
    int created;  /* the document was not there before */
    int replayed; /* answered from the record of an idempotency key */
    uint64_t version;
    const char *id;       /* written form (nacre_id_parse); the session's, until its next write */
    const char *sequence; /* opaque token of this write, "" in a transaction; likewise */
    const char *json;     /* with want_document, else NULL; likewise */
    size_t json_size;
} nacre_result;

/* Write a document. id NULL: from the body's _id, else from the collection's primary_key, else a
 * new UUIDv7. options and out may be NULL. Makes the collection if it is not there. insert refuses
 * an id that is there (NACRE_ALREADY_EXISTS). NACRE_OUTCOME_UNKNOWN: it may have happened. */
NACRE_API NACRE_MUST_USE nacre_status nacre_put(nacre_session *session,
                                                nacre_collection *collection, const nacre_id *id,
                                                const char *json, size_t size,
                                                const nacre_write *options, nacre_result *out);
NACRE_API NACRE_MUST_USE nacre_status nacre_insert(nacre_session *session,
                                                   nacre_collection *collection, const nacre_id *id,
                                                   const char *json, size_t size,
                                                   const nacre_write *options, nacre_result *out);

typedef enum nacre_patch_kind {
    NACRE_PATCH,       /* by content: all names start with '$' = update operators, none = merge */
    NACRE_PATCH_MERGE, /* RFC 7396 */
    NACRE_PATCH_JSON   /* RFC 6902: an array */
} nacre_patch_kind;
NACRE_API NACRE_MUST_USE nacre_status nacre_patch(nacre_session *session,
                                                  nacre_collection *collection, nacre_id id,
                                                  nacre_patch_kind kind, const char *json,
                                                  size_t size, const nacre_write *options,
                                                  nacre_result *out);
/* result.version: of the document that was deleted. want_document fills nothing. */
NACRE_API NACRE_MUST_USE nacre_status nacre_delete(nacre_session *session,
                                                   nacre_collection *collection, nacre_id id,
                                                   const nacre_write *options, nacre_result *out);
/* {"atomic"?: true, "operations": [{op, id, document?, patch?, if_version?, if?, ttl_seconds?}]},
 * at most 10,000. *out: {"results":[{status, id, version?, document?, error?}]} in order. On an
 * atomic failure the error's pointer begins with the operation's. Of options, durability and
 * idempotency_key count, and want_document (answers hold the documents written); a condition in it
 * is NACRE_INVALID_ARGUMENT: conditions stand in the operations. out_size may be NULL. */
NACRE_API NACRE_MUST_USE nacre_status nacre_batch(nacre_session *session,
                                                  nacre_collection *collection, const char *json,
                                                  size_t size, const nacre_write *options,
                                                  const char **out, size_t *out_size);

/* Zero-initialise. */
typedef struct nacre_where_result {
    uint64_t matched; /* documents that fit the filter when they were found */
    uint64_t changed; /* of these, those that still did when their turn came: updated or deleted */
    int replayed;     /* all was done by an earlier call with this idempotency_key */
    char key[64];     /* made for a call without idempotency_key that has several chunks; else "" */
    char sequence[64]; /* opaque token of its last write, "" if there was none */
} nacre_where_result;
/* After each chunk, in the calling thread; must not use the session. so_far->key is set when it is
 * called first. Not 0 ends the call with NACRE_CANCELLED. */
typedef int nacre_where_fn(void *arg, const nacre_where_result *so_far);
/* Zero-initialise, then set what is wanted. */
typedef struct nacre_where {
    const char *filter;          /* JSON or string; "{}" = all. It must be given. */
    const char *patch;           /* JSON; for nacre_update_where only */
    nacre_patch_kind patch_kind; /* default: by content */
    nacre_durability durability;
    int atomic;                  /* all or nothing, in one step (default: in chunks) */
    const char *idempotency_key; /* ≤ 255 bytes; NULL = none */
    nacre_where_fn *on_progress; /* NULL = none */
    void *arg;
} nacre_where;
/* Patches, or deletes, every document that fits the filter, each of them once at most and only if
 * it still fits when its turn comes.
 *
 * In chunks of up to 1,000 documents, in the order of the ids, each all or nothing. *out (may be
 * NULL) tells what is done, whatever the status; the same call with the same idempotency_key (one
 * given, or out->key) within a day goes on where it stopped, also after a crash, and does nothing
 * twice. Such a key with another filter or patch: NACRE_IDEMPOTENCY_KEY_REUSED. An error about a
 * document names it; then nothing of its chunk is done.
 *
 * atomic: all of them or, with an error, none. NACRE_TRANSACTION_TOO_LARGE above a million
 * documents or 64 MiB of them.
 *
 * In a transaction (always all or nothing with it) no idempotency_key is taken, and atomic is for
 * up to 10,000 documents. */
NACRE_API NACRE_MUST_USE nacre_status nacre_update_where(nacre_session *session,
                                                         nacre_collection *collection,
                                                         const nacre_where *where,
                                                         nacre_where_result *out);
NACRE_API NACRE_MUST_USE nacre_status nacre_delete_where(nacre_session *session,
                                                         nacre_collection *collection,
                                                         const nacre_where *where,
                                                         nacre_where_result *out);

/* ---- queries ----------------------------------------------------------------------------- */

/* spec: {"filter"?, "sort"?, "fields"?, "limit"?, "offset"?, "cursor"?, "count"?, "as_of"?}; NULL
 * or "" = everything, 100 rows. as_of: a time as for nacre_get_as_of. One snapshot for the life of
 * the cursor: close it soon. */
NACRE_API NACRE_MUST_USE nacre_status nacre_query(nacre_session *session,
                                                  nacre_collection *collection, const char *spec,
                                                  nacre_cursor **out);
/* spec: {"filter"?, "group_by"?: ["a","b.c"], "aggregates": {name: {count|sum|avg|min|max|
 * count_distinct: "path"}}, "having"?, "sort"?, "limit"?, "cursor"?, "as_of"?}. A row per group:
 * its keys by their paths, aggregates by their names; "*" counts documents. Without group_by one
 * row. Reads everything that matches before it returns. Groups and sorts beyond a share of the
 * memory budget go to temporary files: NACRE_DISK_FULL; in a read-only database NACRE_MEMORY_LIMIT.
 */
NACRE_API NACRE_MUST_USE nacre_status nacre_aggregate(nacre_session *session,
                                                      nacre_collection *collection,
                                                      const char *spec, nacre_cursor **out);
/* The next row as JSON; *out NULL at the end. The row is valid until the next call on this cursor.
 * out_size may be NULL. */
NACRE_API NACRE_MUST_USE nacre_status nacre_cursor_next(nacre_cursor *cursor, const char **out,
                                                        size_t *out_size);
/* After the end: the token of the next page, NULL if there is none. As long as the cursor. */
NACRE_API NACRE_MUST_USE nacre_status nacre_cursor_token(nacre_cursor *cursor, const char **out);
/* With "count":"exact". */
NACRE_API NACRE_MUST_USE nacre_status nacre_cursor_total(nacre_cursor *cursor, uint64_t *out);
NACRE_API void nacre_cursor_close(nacre_cursor *cursor); /* NULL is fine */
/* filter: JSON or string; NULL or "" = all. */
NACRE_API NACRE_MUST_USE nacre_status nacre_count(nacre_session *session,
                                                  nacre_collection *collection, const char *filter,
                                                  uint64_t *out);
/* The count of an earlier time, as for nacre_get_as_of. */
NACRE_API NACRE_MUST_USE nacre_status nacre_count_as_of(nacre_session *session,
                                                        nacre_collection *collection,
                                                        const char *filter, const char *as_of,
                                                        uint64_t *out);
/* spec: {"query":{…}}, {"count":{…}} or {"aggregate":{…}}; runs it. Of {"update":{"filter","patch",
 * "atomic"?}} and {"delete":{"filter","atomic"?}} the documents are found and the patch is worked
 * out; nothing is changed. *out: the plan as JSON. out_size may be NULL. */
NACRE_API NACRE_MUST_USE nacre_status nacre_explain(nacre_session *session,
                                                    nacre_collection *collection, const char *spec,
                                                    const char **out, size_t *out_size);

/* ---- what runs --------------------------------------------------------------------------- */

/* Queries, aggregates and live queries from open to close, versions, counts, plans, exports and
 * changes by filter of all sessions, oldest first: {"items":[{"id","op":"query|aggregate|live|
 * versions|count|explain|export|update|delete","database","collection","request"? (its beginning),
 * "since","ms","rows" (given or changed so far),"examined" (documents looked at so far)}]}. */
NACRE_API NACRE_MUST_USE nacre_status nacre_running(nacre_session *session, const char **out);
/* Ends one of them, of whatever session: its running or next call is NACRE_CANCELLED. What it held
 * (memory, snapshot, files) is given up by its running call or, where there is none, at once; in a
 * transaction by its next call. A cursor is closed by its owner as ever. NACRE_NOT_FOUND: nothing
 * runs with this id. Any thread, with a session of its own. */
NACRE_API NACRE_MUST_USE nacre_status nacre_running_cancel(nacre_session *session, const char *id);

/* ---- jobs -------------------------------------------------------------------------------- */

/* Work that goes on behind calls: {"items":[{"id","kind":"index_build|schema_change|update|delete",
 * "state":"running|done|failed","database","collection","index"?,"documents" (done so far),
 * "progress"? (0..1),"error"? (text)}]}: what is under way, and index builds and changes of schemas
 * that failed and stand so. Index builds and changes of schemas go on after a restart, under the
 * same ids. id: one of them alone, as an object; an index build also when it is done; NULL: all.
 * NACRE_NOT_FOUND. */
NACRE_API NACRE_MUST_USE nacre_status nacre_jobs(nacre_session *session, const char *id,
                                                 const char **out);
/* Ends one: the index is dropped, the schema stays as it was, the call is NACRE_CANCELLED.
 * NACRE_NOT_FOUND: it is over, or never was. */
NACRE_API NACRE_MUST_USE nacre_status nacre_job_cancel(nacre_session *session, const char *id);

/* ---- changes ----------------------------------------------------------------------------- */

/* What was written to a collection, in order: per document always, in all by commit. Change records
 * are kept for the collection's changes_seconds at least.
 * spec: {"since"?, "filter"?, "follow"?}, NULL or "" = {}. since: the seq of a change, or a write's
 * sequence; what comes after it is given, also after a restart or a crash. Without since the oldest
 * kept comes first, with follow what is written from now on. follow (false): the feed does not end.
 * filter: only what fits before or after the change; deletes, and what cannot be told because a
 * version is not kept, always. Only what is durable is given. NACRE_HISTORY_EXPIRED: since is older
 * than what is kept, or of a write that was lost. */
NACRE_API NACRE_MUST_USE nacre_status nacre_changes(nacre_session *session,
                                                    nacre_collection *collection, const char *spec,
                                                    nacre_feed **out);
/* The next change: {"seq","op":"insert|update|delete","id","version","time","document"?}, without
 * document where that version is not kept. *out NULL: the end; of a feed with follow, nothing came
 * within wait_ms (0..86,400,000; -1 = as long as the session's timeout allows; without follow it
 * does not matter). Valid until the next call on this feed. out_size may be NULL.
 * NACRE_HISTORY_EXPIRED: the reader was slower than what is kept. */
NACRE_API NACRE_MUST_USE nacre_status nacre_feed_next(nacre_feed *feed, int64_t wait_ms,
                                                      const char **out, size_t *out_size);
/* The since that goes on here: after the last change given, and what the filter kept back after it.
 * Valid until the next call on this feed. */
NACRE_API NACRE_MUST_USE nacre_status nacre_feed_token(nacre_feed *feed, const char **out);
NACRE_API void nacre_feed_close(nacre_feed *feed); /* NULL is fine */

/* ---- live queries ------------------------------------------------------------------------ */

/* The documents that fit a filter, and from then on how that result changes, without a gap between
 * the two: who applies the messages to a map by id has the result at every moment.
 * spec: {"filter"?, "fields"?, "max_rows"?}, NULL or "" = {}. The result has no order and no limit:
 * sort and limit are NACRE_INVALID_ARGUMENT. The ids of the result are held in memory, at most
 * max_rows (10,000; up to 1,000,000) of them. Not in a transaction. */
NACRE_API NACRE_MUST_USE nacre_status nacre_live_open(nacre_session *session,
                                                      nacre_collection *collection,
                                                      const char *spec, nacre_live **out);
/* The next message: first {"op":"enter","id","document"} for each row of one snapshot, which is
 * held until the last is read, then {"op":"ready","seq"}; after it, in the order of the commits and
 * once they are durable, {"op":"enter|update","id","seq","document"} and {"op":"leave","id","seq"}.
 * A version that was superseded before it was read and is not kept (history_seconds) is passed
 * over. seq: a since for nacre_changes.
 * *out NULL: nothing came within wait_ms (as for nacre_feed_next). Valid until the next call on
 * this live query. out_size may be NULL.
 * NACRE_REQUEST_TOO_LARGE: the result has more than max_rows documents. NACRE_HISTORY_EXPIRED: the
 * reader was slower than what is kept. An error ends the live query, and later calls give it again,
 * but for wrong arguments and, after "ready", NACRE_TIMEOUT and the NACRE_CANCELLED of
 * nacre_session_cancel. */
NACRE_API NACRE_MUST_USE nacre_status nacre_live_next(nacre_live *live, int64_t wait_ms,
                                                      const char **out, size_t *out_size);
NACRE_API void nacre_live_close(nacre_live *live); /* NULL is fine */

/* ---- transactions ------------------------------------------------------------------------ */

/* SNAPSHOT: reads one snapshot; two transactions that write one document conflict.
 * SERIALIZABLE: as if transactions ran one after the other: what was read is validated, too. */
typedef enum nacre_isolation {
    NACRE_ISOLATION_SNAPSHOT,
    NACRE_ISOLATION_SERIALIZABLE
} nacre_isolation;
/* Zero-initialise, then set what differs from the default. */
typedef struct nacre_tx_options {
    nacre_isolation isolation;
    uint64_t timeout_ms;         /* 1..60,000; 0 = 30,000 */
    nacre_durability durability; /* of the commit */
} nacre_tx_options;

/* From here to nacre_tx_commit or nacre_tx_rollback the session's gets, queries, counts, exports,
 * writes and batches are one transaction: they read the state as it is now and what it wrote
 * itself, and change nothing before the commit. So are claims, releases and extensions; a lease
 * that was claimed in it lasts from the commit on. A session holds one at a time. Imports, live
 * queries, lists of versions and changes of databases, collections and indexes are
 * NACRE_INVALID_ARGUMENT in it, and no collection is made by a write. options may be NULL.
 *
 * Errors that end it: NACRE_CONFLICT (somebody else wrote what it wrote or, serializable, read) by
 * the write or the commit that meets it, NACRE_TRANSACTION_TOO_OLD when its time is up, both
 * retryable from the beginning; NACRE_TRANSACTION_TOO_LARGE (64 MiB or a million writes), and
 * failures of the machine. Then all its calls are NACRE_TRANSACTION_NOT_FOUND until
 * nacre_tx_rollback. All other errors are of their call only. */
NACRE_API NACRE_MUST_USE nacre_status nacre_tx_begin(nacre_session *session,
                                                     const nacre_tx_options *options);
/* All or nothing. The transaction is over whatever is returned; besides the errors above, what a
 * write of its own can end in is possible (NACRE_UNIQUE_VIOLATION where somebody else has taken the
 * value meanwhile). *sequence (may be NULL): opaque token of the commit, the session's until its
 * next write. Its cursors end with it; documents it got stay. */
NACRE_API NACRE_MUST_USE nacre_status nacre_tx_commit(nacre_session *session,
                                                      const char **sequence);
/* Forgets it; also one that an error has ended. NACRE_TRANSACTION_NOT_FOUND: there is none. */
NACRE_API NACRE_MUST_USE nacre_status nacre_tx_rollback(nacre_session *session);

/* ---- claims ------------------------------------------------------------------------------ */

/* spec: {"filter"?, "sort"?, "set"?, "lease_ms"?, "holder"?, "on_expire"?, "max_examined"?}, NULL
 * or "" = {}. *out: the document with _lease.token, or NULL when nothing can be claimed. Of
 * options, durability and idempotency_key count. out_size may be NULL. */
NACRE_API NACRE_MUST_USE nacre_status nacre_claim(nacre_session *session,
                                                  nacre_collection *collection, const char *spec,
                                                  const nacre_write *options, const char **out,
                                                  size_t *out_size);
/* set: JSON object of paths to values, NULL = give back what the claim had set. NACRE_LEASE_LOST.
 * Of options, durability, idempotency_key and want_document count. options and out may be NULL. */
NACRE_API NACRE_MUST_USE nacre_status nacre_release(nacre_session *session,
                                                    nacre_collection *collection, nacre_id id,
                                                    const char *token, const char *set,
                                                    const nacre_write *options, nacre_result *out);
/* The lease ends lease_ms (1..86,400,000) from now. Else as nacre_release. */
NACRE_API NACRE_MUST_USE nacre_status nacre_extend(nacre_session *session,
                                                   nacre_collection *collection, nacre_id id,
                                                   const char *token, uint64_t lease_ms,
                                                   const nacre_write *options, nacre_result *out);

/* ---- databases, collections, indexes ----------------------------------------------------- */

/* json: {"quota"?: {"storage_bytes"?, "documents"?}}; NULL or "" = {} ("memory_bytes" of a quota is
 * NACRE_UNIMPLEMENTED in this version). Fine if it is there already with what json names (*created
 * 0), else NACRE_ALREADY_EXISTS. created may be NULL. */
NACRE_API NACRE_MUST_USE nacre_status nacre_database_create(nacre_session *session,
                                                            const char *name, const char *json,
                                                            int *created);
NACRE_API NACRE_MUST_USE nacre_status nacre_database_alter(nacre_session *session, const char *name,
                                                           const char *json);
NACRE_API NACRE_MUST_USE nacre_status nacre_database_drop(nacre_session *session, const char *name);
/* {name, documents, storage_bytes, quota?}; name NULL: {"items":[…]} of all. */
NACRE_API NACRE_MUST_USE nacre_status nacre_database_describe(nacre_session *session,
                                                              const char *name, const char **out);
/* json: {"schema"?, "primary_key"?, "ttl_seconds"?, "history_seconds"?, "history_bytes"?,
 * "changes_seconds"?, "indexes"?}; NULL or "" = {}. Idempotent as above. history_seconds (0): how
 * long earlier versions are kept; history_bytes (none; at least 4096): when these, with their
 * index entries, take more, the oldest go until a quarter is free, within about a second.
 * changes_seconds (86400; 60..31,536,000): how long change records are kept at least. A schema
 * (JSON Schema 2020-12) is replaced as a whole by alter, null removes it. While the collection
 * holds documents it changes by itself, and the call waits until they were held against it:
 * NACRE_SCHEMA_VIOLATION with the first that do not fit, and nothing has changed; NACRE_TIMEOUT,
 * NACRE_CANCELLED: it goes on, see nacre_collection_describe; NACRE_CONFLICT: another change took
 * its place. */
NACRE_API NACRE_MUST_USE nacre_status nacre_collection_create(nacre_session *session,
                                                              nacre_collection *collection,
                                                              const char *json, int *created);
NACRE_API NACRE_MUST_USE nacre_status nacre_collection_alter(nacre_session *session,
                                                             nacre_collection *collection,
                                                             const char *merge_patch);
NACRE_API NACRE_MUST_USE nacre_status nacre_collection_drop(nacre_session *session,
                                                            nacre_collection *collection);
/* {name, documents, indexes:[…], schema_change?: {state:"checking", progress, schema} or
 * {state:"refused", error}, history?: {bytes, from}, …settings}; history: what is held of earlier
 * versions, up to about a thirtieth more, and the time from which on they can be read;
 * collection->name NULL:
 * {"items":[…]} of all. */
NACRE_API NACRE_MUST_USE nacre_status nacre_collection_describe(nacre_session *session,
                                                                nacre_collection *collection,
                                                                const char **out);
/* json: {"fields":[…], "unique"?, "where"?}. Idempotent as above. Answers at once; the build goes
 * on in the background. */
NACRE_API NACRE_MUST_USE nacre_status nacre_index_create(nacre_session *session,
                                                         nacre_collection *collection,
                                                         const char *name, const char *json,
                                                         int *created);
NACRE_API NACRE_MUST_USE nacre_status nacre_index_drop(nacre_session *session,
                                                       nacre_collection *collection,
                                                       const char *name);
/* {name, …as given, state:"building|ready|failed", progress:0..1, error?}; name NULL: {"items":[…]}
 * of all. */
NACRE_API NACRE_MUST_USE nacre_status nacre_index_describe(nacre_session *session,
                                                           nacre_collection *collection,
                                                           const char *name, const char **out);
/* {"items":[…]} of the machines that hold the data, here one: {name, state, version, shards,
 * documents, bytes}. */
NACRE_API NACRE_MUST_USE nacre_status nacre_nodes(nacre_session *session, const char **out);
/* {"items":[…]} of the parts that collections are held in, here one of each: {name, database,
 * collection, node, documents, bytes}. */
NACRE_API NACRE_MUST_USE nacre_status nacre_shards(nacre_session *session, const char **out);
/* Waits until the index is ready (NACRE_OK), has failed (its error) or the session's timeout. */
NACRE_API NACRE_MUST_USE nacre_status nacre_index_wait(nacre_session *session,
                                                       nacre_collection *collection,
                                                       const char *name);

/* ---- import, export, check --------------------------------------------------------------- */

typedef struct nacre_progress {
    uint64_t bytes;     /* of the input as it was read (compressed, if it is), or of the output */
    uint64_t documents; /* stored, or written out */
    uint64_t failed;    /* lines refused */
    uint64_t lines;     /* import: lines done for good, from the start of the input */
} nacre_progress;
/* All callbacks run in the calling thread and must not use the session.
 * Reads up to size bytes into buffer; 0 = end; negative = failure (ends with NACRE_IO_ERROR). */
typedef long nacre_read_fn(void *arg, void *buffer, size_t size);
/* Returns 0, or anything else to end the call with NACRE_IO_ERROR. */
typedef int nacre_write_fn(void *arg, const void *bytes, size_t size);
/* Called a few times a second and at the end; not 0 ends the call with NACRE_CANCELLED: an import
 * after the lines given so far. */
typedef int nacre_progress_fn(void *arg, const nacre_progress *progress);
/* A refused line: its number from 1 and the problem as JSON. In the order of the lines. */
typedef void nacre_line_error_fn(void *arg, uint64_t line, const char *problem);

typedef enum nacre_format { NACRE_NDJSON = 0, NACRE_CSV = 1 } nacre_format;

typedef struct nacre_import_options {
    int insert;                  /* refuse ids that are there (default: put replaces them) */
    int skip_errors;             /* go on after a refused line (default: stop before it) */
    nacre_durability durability; /* NACRE_SYNCED: a sync about every second, which moves
                                    progress.lines; NACRE_MEMORY: none till the end, which is
                                    always synced */
    nacre_format format;         /* of the input (default: NDJSON) */
    uint64_t skip_lines;         /* lines to pass over first: resuming */
    nacre_progress_fn *on_progress;
    nacre_line_error_fn *on_line_error;
    void *arg;
} nacre_import_options;
typedef struct nacre_import_result {
    uint64_t lines;     /* done for good, from the start of the input: resume with skip_lines */
    uint64_t documents; /* stored */
    uint64_t failed;    /* lines refused */
    char sequence[64];  /* opaque token of the last write, "" if there was none */
} nacre_import_result;
/* NDJSON or CSV, plain or zstd-compressed (told by its first bytes). Blank lines, system fields and
 * a last {"$end":…} are passed over. CSV: RFC 4180, a header of paths; a record may go over several
 * lines and is known by its first; docs/csv.md. Not atomic: *out tells what is stored, whatever the
 * status. Without skip_errors the error of the refused line is the call's. options may be NULL. */
NACRE_API NACRE_MUST_USE nacre_status nacre_import(nacre_session *session,
                                                   nacre_collection *collection,
                                                   nacre_read_fn *read, void *read_arg,
                                                   const nacre_import_options *options,
                                                   nacre_import_result *out);

/* NDJSON of one snapshot, ending with {"$end":{documents, seq}}, or CSV of it (docs/csv.md), whose
 * columns are found by a first pass. No system fields unless named. spec: {"filter"?, "fields"?,
 * "as_of"?, "format"?: "ndjson" or "csv", "int64"?: "number" or "string" (in NDJSON those beyond
 * ±(2^53−1) as {"$int64":"…"})}, NULL or "" = everything. on_progress and out_documents
 * may be NULL. */
NACRE_API NACRE_MUST_USE nacre_status nacre_export(nacre_session *session,
                                                   nacre_collection *collection, const char *spec,
                                                   nacre_write_fn *write, void *write_arg,
                                                   nacre_progress_fn *on_progress,
                                                   void *progress_arg, uint64_t *out_documents);

typedef void nacre_problem_fn(void *arg, const char *text);
/* Verifies every checksum and every index entry, guard and counter against its document. each (may
 * be NULL) is called for every difference, *problems counts them. NACRE_OK when the check could be
 * made. */
NACRE_API NACRE_MUST_USE nacre_status nacre_check(nacre_session *session, nacre_problem_fn *each,
                                                  void *arg, uint64_t *problems);
/* State of the engine as JSON: positions, log, memory, cache, store. */
NACRE_API NACRE_MUST_USE nacre_status nacre_stats(nacre_session *session, const char **out);

/* ---- backups ----------------------------------------------------------------------------- */

/* A directory of backups. One thread at a time, but for cancel and progress. It may be absent: the
 * first backup makes it. NACRE_MEMORY_LIMIT, NACRE_INVALID_ARGUMENT. */
typedef struct nacre_backups nacre_backups;
NACRE_API NACRE_MUST_USE nacre_status nacre_backups_open(const char *dir, nacre_backups **out);
NACRE_API void nacre_backups_close(nacre_backups *backups); /* NULL is fine */
/* From any thread: the running call, and later ones, end with NACRE_CANCELLED. */
NACRE_API void nacre_backups_cancel(nacre_backups *backups);
/* From any thread: how much of the running call's reading is done, 0..1. */
NACRE_API double nacre_backups_progress(const nacre_backups *backups);
/* The error of the last call: as a problem object ("{}": none), and its texts. */
NACRE_API const char *nacre_backups_problem(nacre_backups *backups);
NACRE_API const char *nacre_backups_detail(const nacre_backups *backups);
NACRE_API const char *nacre_backups_hint(const nacre_backups *backups);

/* Texts are the handle's until its next call. name: [A-Za-z][A-Za-z0-9_-]{0,63}.
 * Makes a backup while the database is used: of all that is committed when it is called, and some
 * of what is meanwhile. parent NULL: a full one; else what was written since that one, for which
 * the log must be kept so far (option archive): else NACRE_HISTORY_EXPIRED. *out: as
 * nacre_backup_list tells one. NACRE_ALREADY_EXISTS, NACRE_NOT_FOUND (the parent), NACRE_LOCKED,
 * NACRE_CONFLICT (another one runs), NACRE_DISK_FULL. One that fails leaves nothing. */
NACRE_API NACRE_MUST_USE nacre_status nacre_backup_create(nacre_backups *backups, nacre_db *db,
                                                          const char *name, const char *parent,
                                                          const char **out);
/* {"items":[{"name","state":"complete|incomplete|damaged","kind":"full|incremental","parent"?,
 * "created","time" (of the last commit in it),"sequence","bytes"}]}; with a name that one, and its
 * "databases":[{"name","collections":[{"name","documents"}]}]. NACRE_NOT_FOUND. */
NACRE_API NACRE_MUST_USE nacre_status nacre_backup_list(nacre_backups *backups, const char *name,
                                                        const char **out);
/* NACRE_CONFLICT: another one builds on it. */
NACRE_API NACRE_MUST_USE nacre_status nacre_backup_delete(nacre_backups *backups, const char *name);
/* Reads every byte of it and of what it builds on, restores it below the directory of backups,
 * checks there all that nacre_check does and what the backup says of itself, and removes that. each
 * (may be NULL) is told every difference. NACRE_OK when it could be done. */
NACRE_API NACRE_MUST_USE nacre_status nacre_backup_verify(nacre_backups *backups, const char *name,
                                                          nacre_problem_fn *each, void *arg,
                                                          uint64_t *problems);
/* Zero-initialise. */
typedef struct nacre_restore_options {
    const char *to;   /* a directory that is not there, or is empty: the new database */
    const char *time; /* RFC 3339: as it was then, what was committed in that millisecond
                         included; NULL: as it was when the backup was made */
    const char *log;  /* DIR/log of the database it is of: what was written later counts too */
} nacre_restore_options;
/* NACRE_CORRUPT names what is damaged; NACRE_HISTORY_EXPIRED: a time before what is kept;
 * NACRE_INVALID_ARGUMENT: one after it, a directory in use. One that fails leaves nothing. */
NACRE_API NACRE_MUST_USE nacre_status nacre_backup_restore(nacre_backups *backups, const char *name,
                                                           const nacre_restore_options *options);

#ifdef __cplusplus
}
#endif

#endif
