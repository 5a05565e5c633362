// Queries: a scan specification planned and run over a published view. Pages by key, counts,
// explain, and the planner by itself for claims.
//
// Invariants:
//  Q1  Rows and their order depend on the view, the filter and the sort alone: never on the plan,
//  on
//      the indexes there are, or on the cache.
//  Q2  The filter is evaluated on every document that is given out; only counts, groups and rows of
//      which an index tells all that is asked for may rest on its entries, and only where the
//      ranges are exact or the entry answers the filter.
//  Q3  Everything is read through the view. A cache entry counts only if it is not newer than it.
//  Q4  Memory does not grow with the collection. It is charged to the request's budget
//      (NACRE_MEMORY_LIMIT); sorts that no index serves go to the target's spill place beyond their
//      share.
//
// Thread rule: a query belongs to one thread at a time. View, cache and collection may be shared.
#ifndef QUERY_QUERY_H
#define QUERY_QUERY_H

#include "doc/row.h"
#include "filter/filter.h"
#include "index/range.h"
#include "index/sort_key.h"
#include "query/present.h"
#include "query/spill.h"
#include "txn/txn.h"

enum { QUERY_LIMIT_DEFAULT = 100, QUERY_LIMIT_MAX = 10000, QUERY_OFFSET_MAX = 1000000000 };
#define QUERY_UNLIMITED UINT32_MAX // exports: memory stays flat without a sort

// The body of :query. Zero-initialised it asks for nothing: set limit.
struct query_request {
    const struct filter *filter; // NULL: every document
    struct sort_spec sort;       // count 0: by _id ascending
    struct projection *fields;   // NULL: everything; for whoever presents the rows
    uint32_t limit;              // rows of this page, or QUERY_UNLIMITED
    uint32_t offset;             // rows to pass over first; with QUERY_UNLIMITED 0
    struct slice cursor;         // token of the page before, n = 0: from the beginning
    struct slice after;          // without sort: only ids after this typed one; n = 0: all
    bool count_exact;            // query_total is wanted
    bool forbid_indexes;         // tests: documents only, whatever there is
    uint32_t forced_plan;        // tests: this one of stats.plans, from 1 on, or the next before
    int64_t now_ms;              // decides which leases live (_lease in filters)
    bool has_as_of;              // of an earlier time: the target's view must be of it
    int64_t as_of_ms;
};

// bson: the JSON body, parsed with allow_dollar_names; n = 0 is an empty one. filter is an object
// or a text, sort and fields are lists or texts ("a,-b", "a,b.c"). Everything lives in ctx's arena,
// cursor borrows from bson. now_ms is left 0. Errors: NACRE_INVALID_ARGUMENT with pointer and
// suggestion (an offset with a cursor is one), NACRE_INVALID_FILTER, NACRE_INVALID_JSON (a text
// that begins with '{' is JSON).
MUST_USE nacre_status query_request_parse(struct ctx *ctx, struct slice bson,
                                          struct query_request *out);

// The body of :count: {filter?, as_of?}. As query_request_parse.
MUST_USE nacre_status query_count_parse(struct ctx *ctx, struct slice bson,
                                        struct query_request *out);

// What a query is about.
struct query_target {
    struct view *view;                   // held by the caller while the query is open
    struct cache *cache;                 // NULL: none
    const struct collection *collection; // of the view's catalog
    struct spill_place *spill;           // NULL: sorts and groups must fit into memory
    struct estimate_memo *memo;          // NULL: the planner finds everything out anew
};

struct query_row {
    struct slice id_key; // typed id (doc/key.h)
    struct row row;
};

enum query_access { QUERY_ACCESS_SCAN, QUERY_ACCESS_ID, QUERY_ACCESS_INDEX };
const char *query_access_name(enum query_access access);
struct query_stats {
    uint64_t keys_examined;      // index entries, or documents where they are read in their order
    uint64_t documents_examined; // documents whose filter was evaluated
    uint64_t rows_returned;
    enum query_access access;
    const char *index; // its name, of the view's catalog; NULL: none, or several
    const char *join;  // how several were joined: "union", "intersection"; NULL: they were not
    bool sorted;
    uint32_t plans;         // that were looked at
    uint64_t spilled_bytes; // written to temporary files
};

struct query;
// request and what it points to must live as long as the query; ctx may be another one in each
// call, and may be reset between calls. NACRE_INVALID_ARGUMENT: the cursor is malformed, or of
// another filter, sort or collection.
MUST_USE nacre_status query_open(struct ctx *ctx, const struct query_target *target,
                                 const struct query_request *request, struct query **out);
// The row is valid until the next call with this query. *found false: the page is complete.
MUST_USE nacre_status query_next(struct ctx *ctx, struct query *query, struct query_row *out,
                                 bool *found);
// Appends the token of the next page: nothing if the last row returned was the last there is.
// After query_next found nothing more (or at any row, to stop there). Looks for one row more, so it
// may cost as much as a query_next, and ends the page.
MUST_USE nacre_status query_cursor(struct ctx *ctx, struct query *query, struct buf *out);
// All that match the filter, whatever cursor and limit; only with count_exact.
uint64_t query_total(const struct query *query);
void query_stats(const struct query *query, struct query_stats *out);
void query_close(struct query *query); // accepts NULL

// How many documents match. Without a filter from the tablet's counters; from index keys alone
// where a range is exact. stats may be NULL.
struct query_count_request {
    const struct filter *filter; // NULL: every document
    bool forbid_indexes;
    uint32_t forced_plan;
    int64_t now_ms;
};
MUST_USE nacre_status query_count(struct ctx *ctx, const struct query_target *target,
                                  const struct query_count_request *request, uint64_t *out,
                                  struct query_stats *stats);

// The planner by itself, for claims: the path to read and whether it gives the order asked for,
// with ties by _id ascending (then the first match is the one). Only ready indexes; the filter must
// be evaluated on what the path gives, and a document can come more than once. Order among values
// above 1 KiB that begin alike is that of their ids. Ranges live in ctx's arena.
MUST_USE nacre_status query_plan_access(struct ctx *ctx, const struct query_target *target,
                                        const struct filter *filter, const struct sort_spec *sort,
                                        struct access_path *out, bool *ordered);

// The answer of :explain, run to its end: {"plan":{"access","index"?},"keys_examined",
// "documents_examined","rows_returned","spilled_bytes"?,"plans":[{"access","index"?,"keys"?,
// "cost"?,"why"?}],"steps":[{"name","rows","ms"}],"ms"}. plans: the one that ran, then the others
// that were looked at; keys and cost (in documents read one after the other) are the planner's
// guesses. bson: {"query":{…}}, {"count":{…}}, {"aggregate":{…}}, or {"update":{…}} and
// {"delete":{…}}, of which only the search is run and the patch worked out: nothing is changed.
// {"search":{…}} is NACRE_UNIMPLEMENTED. Appended to json.
MUST_USE nacre_status query_explain(struct ctx *ctx, const struct query_target *target,
                                    struct slice bson, int64_t now_ms, struct buf *json);

#endif
