// Inside the room: the running of a plan.
//
//   keys of the path → documents in batches → filter → (sort of a run, or of all) → rows
//
// A row has a run: 0 stands in its place already; rows of one run come together and are sorted by
// their sort keys before they are given out. Where nothing is in order all rows are of one run.
#ifndef QUERY_EXEC_H
#define QUERY_EXEC_H

#include "doc/key.h"
#include "query/fetch.h"
#include "query/gather.h"
#include "query/sorter.h"

enum exec_source { EXEC_DOCUMENTS, EXEC_ENTRIES, EXEC_IDS };
enum exec_step { EXEC_PLAN, EXEC_ACCESS, EXEC_FETCH, EXEC_FILTER, EXEC_SORT, EXEC_STEPS };

struct exec_options {
    bool any_order;                  // counting
    bool counts;                     // nobody asks for the documents
    bool timed;                      // explain
    const struct cover_needs *needs; // of each document; NULL: as the request's fields say
};

struct query {
    struct ctx own; // memory of the plan
    struct query_target target;
    struct query_request request;
    struct exec_options options;
    struct plan_choice choice;
    struct plan *plan; // the one that runs
    struct query_stats stats;
    uint64_t total;
    enum exec_source source;
    bool exact;   // what the path gives matches
    bool one_run; // everything must be sorted
    bool repeats; // documents come more than once: only the first time counts
    bool tells;   // what is asked for is in the entries, but for some
    bool past;    // a row after the cursor was seen, and rows are in order
    bool gives_sorted, source_done, has_pending, has_current, ended;

    struct scan scan;
    struct cover cover;
    uint64_t told; // counted without their documents
    struct gather gather;
    struct fetch fetch; // documents of the path
    uint64_t examined, matched, told_rows;
    uint64_t run;       // of the last key
    struct buf run_key; // its components
    struct buf entries; // components of the batch's keys
    struct scan_piece entry_at[FETCH_MAX];
    struct key_range *whole; // the ranges before a cursor cut them
    uint32_t whole_count;
    uint32_t steps; // since ctx was looked at

    struct sorter sorter;
    uint64_t sorting;         // the run in the sorter
    struct fetch sorted;      // documents as the sorter gives them
    struct query_row pending; // of the next run
    uint64_t pending_run;

    struct slice after; // sort key of the cursor, n = 0: none
    struct buf key;     // scratch: a sort key

    struct query_row current;
    uint32_t skip; // rows of the offset that are still ahead
    uint32_t returned;
    uint64_t ns[EXEC_STEPS], rows[EXEC_STEPS];
};

MUST_USE nacre_status exec_open(struct ctx *ctx, const struct query_target *target,
                                const struct query_request *request,
                                const struct exec_options *options, struct query **out);
// The next document that matches, in the order of the path. (exec_source.c)
MUST_USE nacre_status exec_match(struct ctx *ctx, struct query *q, struct query_row *out,
                                 uint64_t *run, bool *found);
// For paths that come to a document more than once. (exec_repeat.c)
MUST_USE nacre_status exec_keep_ranges(struct query *q, const struct plan *plan);
MUST_USE nacre_status exec_keep_entry(struct ctx *ctx, struct query *q, struct slice components);
// Whether the document that fetch gave last comes for the first time.
MUST_USE nacre_status exec_is_first(struct ctx *ctx, struct query *q, const struct query_row *row,
                                    bool *out);
// How many match, of a query opened with any_order. (count.c)
// Once it is planned: its total is counted where it is asked for, and who looks is told the plan.
MUST_USE nacre_status exec_opened(struct ctx *ctx, struct query *q);
MUST_USE nacre_status exec_count(struct ctx *ctx, struct query *q, uint64_t *out);

// How many rows are read of the order asked for.
static inline uint32_t exec_reach(const struct query_request *request) {
    return request->limit == QUERY_UNLIMITED ? QUERY_UNLIMITED : request->offset + request->limit;
}
// Clocks for explain; 0 where nobody asks.
static inline uint64_t exec_clock(const struct ctx *ctx, const struct query *q) {
    return q->options.timed ? world_mono_ns(ctx->world) : 0;
}
static inline void exec_spent(const struct ctx *ctx, struct query *q, enum exec_step step,
                              uint64_t since) {
    if (q->options.timed) q->ns[step] += world_mono_ns(ctx->world) - since;
}

#endif
