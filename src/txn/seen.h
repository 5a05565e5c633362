// How a stored value tells when it began, for the validation of transactions: the same in whoever
// reads and in apply.
#ifndef TXN_SEEN_H
#define TXN_SEEN_H

#include "base/bits/bits.h"
#include "catalog/keyspace.h"
#include "doc/row.h"

enum { SEEN_ROW_AT = 6, SEEN_ENTRY_AT = 1, SEEN_ROW_FLAGS_AT = 1 };

// begin_ts of a document's row, of a guard or of an index entry; of an index's mark what it says,
// and 1; 0: the value is not there (p NULL), or too short to have one.
static inline uint64_t seen_begin(struct slice key, struct slice value) {
    size_t at = key.p[4] == KIND_DOCUMENT ? SEEN_ROW_AT : SEEN_ENTRY_AT;
    if (!value.p) return 0;
    if (key.p[4] == KIND_MULTIKEY) return value.n < 3 ? 1 : 1 + (uint64_t)bits_le16(value.p + 1);
    return value.n >= at + 8 ? bits_le64(value.p + at) : 0;
}

// Whether an entry of a range is one of what readers see: delete markers are not.
static inline bool seen_counts(struct slice key, struct slice value) {
    return key.p[4] != KIND_DOCUMENT ||
           (value.n > SEEN_ROW_FLAGS_AT && !(value.p[SEEN_ROW_FLAGS_AT] & ROW_DELETED));
}

#endif
