// How many keys ranges of indexes hold: counted a little way into them, by the store's idea of the
// size of its files beyond that, and remembered for a while. Guesses: rows never depend on them.
#ifndef QUERY_ESTIMATE_H
#define QUERY_ESTIMATE_H

#include "index/range.h"
#include "txn/txn.h"

// Shared by all queries of an engine; no locks.
struct estimate_memo;
MUST_USE nacre_status estimate_memo_new(struct ctx *ctx, struct budget *budget,
                                        struct estimate_memo **out);
void estimate_memo_free(struct estimate_memo *memo, struct budget *budget); // accepts NULL

struct estimate {
    double keys;
    bool known; // false: at least so many
};
struct estimate_path {
    const struct access_path *path; // of an index
    uint64_t all;                   // keys that it has, about
    bool point;                     // one value of each of its first fields
    uint8_t fields;                 // that the ranges bound
};
// Keys of a path. Looks into the published view behind `view`, so that a transaction has read
// nothing. memo may be NULL. NACRE_CORRUPT, NACRE_IO_ERROR.
MUST_USE nacre_status estimate_keys(struct ctx *ctx, struct view *view, struct estimate_memo *memo,
                                    const struct estimate_path *path, struct estimate *out);

#endif
