// Inside the room: the planner. Candidates, each with what it would cost; the cheapest runs.
//
//  P1  A path gives every match: conditions on one field are intersected only if no document has an
//      array there, a partial index serves only a filter with all conditions of its `where`.
//  P2  A plan says what order its path has; what it does not say is sorted.
#ifndef QUERY_PLAN_H
#define QUERY_PLAN_H

#include "query/query.h"

// The order asked for: the sort terms that count, ended by _id.
struct plan_order {
    uint32_t count;
    struct plan_term {
        const struct path *path; // NULL: the _id at the end that nobody named
        bool descending;
        bool is_id;
        uint32_t component; // of the sort key
    } terms[SORT_TERMS_MAX + 1];
};

enum plan_serves {
    PLAN_UNORDERED, // sort everything
    PLAN_RUNS,      // equal first components come together: sort each run
    PLAN_FLIP,      // as asked for, but ties by id the wrong way round
    PLAN_NATURAL,   // as asked for
};

struct cover_needs;

enum plan_join { PLAN_ALONE, PLAN_UNION, PLAN_INTERSECTION };

struct plan {
    enum query_access access;
    const struct index_def *index; // NULL: documents, or a join
    enum plan_join join;
    uint32_t part_count; // of a join: read one after the other for their ids, the fewest first
    struct plan *parts;
    struct access_path path;
    uint16_t arrays; // fields that make the index multikey
    uint32_t tell_fields;
    bool repeats; // a document may have several keys in the ranges
    bool bounded; // the ranges are not all there is
    bool exact;   // what has a key in the ranges matches
    bool points;  // each range is one key of a document
    bool unique;  // one key at most
    bool by_keys; // every id comes from an index, so its document is there
    bool tells;   // entries tell what is asked for, by the fields in tell_fields; all match, or
                  // entries tell that too
    bool covers;  // entries tell all that the filter asks, and the ranges do not
    bool caches;  // blocks read may stay in the block cache
    enum plan_serves serves;
    uint32_t pinned;         // leading components that are the same in all keys
    uint32_t bounded_fields; // leading fields that the ranges narrow
    struct slice prefix;     // key of the index with them
    uint32_t matched;        // terms of the order that components after them serve
    struct plan_order order; // what is left of the order: without pinned terms
    const bool *covered;     // conditions that the ranges tell exactly
    uint64_t used;           // bit i: condition i (below 64) made the ranges
    double part;             // guess of the keys that are in the ranges
    bool estimated;          // by looking at the index, else by the look of the conditions
    double keys;             // that part of all
    double cost;             // in reads of one document in their order
    const char *why;         // it is not taken; NULL: nothing speaks against it but the cost
};

struct plan_request {
    const struct query_target *target;
    const struct filter_node *root; // NULL: every document
    const struct sort_spec *sort;
    uint32_t limit; // QUERY_UNLIMITED: none
    bool forbid_indexes;
    bool any_order;                  // counting
    bool strict;                     // claims: natural order or none
    const struct cover_needs *needs; // what is asked for of each document; NULL: all of it
    uint32_t forced; // tests: the last usable candidate up to this, from 1 on; 0: the cheapest
};

struct plan_choice {
    struct plan plan;
    struct plan fallback; // for a plan that gathers ids, when there are too many
    uint64_t documents;   // of the collection
    // All that were looked at, the documents first; those with `why` cannot be taken.
    uint32_t candidate_count, taken, fallback_taken;
    const struct plan *candidates;
};

// Everything lives in ctx's arena, or in what the request points to.
MUST_USE nacre_status plan_make(struct ctx *ctx, const struct plan_request *request,
                                struct plan_choice *out);
// Whether ids must be gathered, sorted and told apart before documents are read.
static inline bool plan_gathers(const struct plan *plan, bool any_order) {
    if (plan->join) return true;
    return any_order ? plan->repeats : plan->index && plan->serves == PLAN_UNORDERED;
}

// The conditions that all must hold.
struct plan_conjuncts {
    uint32_t count;
    const struct filter_node *const *nodes;
    const struct filter_node *one[1];
};
void plan_conjuncts_of(const struct filter_node *root, struct plan_conjuncts *out);
// Whether each condition of where is among those of the filter; covered[i] is set for them.
bool plan_implies(const struct plan_conjuncts *filter, const struct filter_node *where,
                  bool *covered);

// Whether filter or order say something about the first field of an index; only then can it help
// (or, if it is partial, by being smaller).
bool plan_touches(const struct plan_conjuncts *filter, const struct plan_order *order,
                  const struct index_def *index);

// The ranges of one index, made field after field. (plan_range.c)
struct plan_ranges {
    const struct collection *collection; // given, with the next three
    const struct index_def *index;       // NULL: documents
    uint16_t arrays;                     // fields that make it multikey
    bool *covered;                       // conditions that the ranges tell exactly are set
    uint64_t used;                       // bit i: condition i (below 64) makes the ranges
    uint32_t pinned;                     // leading fields with one value each
    uint32_t bounded_fields;
    double part; // guess of the keys in the ranges
    bool points; // each range is one component of each field
    bool unique; // one key at most, by a unique index
    struct slice prefix;
    struct access_path path;
};
MUST_USE nacre_status plan_ranges_of(struct ctx *ctx, const struct plan_conjuncts *conjuncts,
                                     struct plan_ranges *ranges);

// The order asked for, and what of it a path serves. (plan_order.c)
void plan_order_of(const struct sort_spec *sort, struct plan_order *out);
void plan_match_order(struct plan *plan, const struct plan_order *order);

// Inside the planner: what its files share.
struct planner {
    struct ctx *ctx;
    const struct plan_request *request;
    struct plan_conjuncts conjuncts;
    struct plan_order order;
    struct tablet_counters counters;
    struct plan *candidates;
    uint32_t count;
    uint32_t *arrays; // of each index, by its place: its mark, and PLAN_MARK_READ
    double *parts;    // guesses of the documents that each condition lets through
    double part;      // and of those that match
    uint32_t looks;   // at indexes, that planning may still take
};
enum { PLAN_MARK_READ = 1 << 16 };
// One index (NULL: the documents) under conjuncts; those its `where` implies are in covered.
// (plan.c)
MUST_USE nacre_status plan_consider(struct planner *p, const struct index_def *index,
                                    const struct plan_conjuncts *conjuncts, bool *covered,
                                    struct plan *out);
// Why an index cannot serve, as far as its definition tells; NULL: it may. Fills covered.
const char *plan_refusal(const struct planner *p, const struct index_def *index,
                         const struct plan_conjuncts *conjuncts, bool *covered);

// Ids of several paths, put together. (plan_join.c)
enum { PLAN_UNIONS_MAX = 4, PLAN_UNION_PARTS_MAX = 64 };
MUST_USE nacre_status plan_add_joins(struct planner *p);
const char *plan_join_name(enum plan_join join); // NULL: none

// How much each path gives. (plan_guess.c)
enum { PLAN_LOOKS_MAX = 16 };
MUST_USE nacre_status plan_guess_parts(struct planner *p); // by the conditions alone
MUST_USE nacre_status plan_estimate(struct planner *p, struct plan *plan);
// Looks at the candidates where that can decide something, then guesses anew how much matches.
MUST_USE nacre_status plan_estimate_all(struct planner *p);

// What each candidate costs. (plan_cost.c)
void plan_cost(const struct planner *p, struct plan *plan);
double plan_pair_cost(const struct planner *p, const struct plan *a, const struct plan *b);
// Whether a is to be taken rather than b.
bool plan_is_better(const struct planner *p, const struct plan *a, const struct plan *b);

#endif
