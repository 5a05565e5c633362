// A checker of recorded histories: which transactions could not have run as their isolation
// promises.
//
// After Adya ("Weak Consistency: A Generalized Theory and Optimistic Implementations", 1999) and
// Elle (Kingsbury and Alvaro, VLDB 2020): transactions append numbers of their own to lists and add
// members to groups, so a read tells whose writes it saw and whose it did not, and the end of the
// history tells the order of the versions. From that come dependencies between transactions:
//   ww  its version follows the other's         wr  it read the other's version
//   rw  the other overwrote what it had read    rt  it began after the other had been answered
// Serializable (and strictly so): no cycle. Snapshot isolation (Cerone and Gotsman, PODC 2016): no
// cycle of (ww | wr | rt) each followed by at most one rw; what is left is write skew.
//
// One thread at a time; recorders are merged before the check. A recorder may be killed at any
// time: what it has written so far can be merged.
#ifndef SUPPORT_ISOLATION_H
#define SUPPORT_ISOLATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum iso_kind {
    ISO_APPEND, // value to the list object
    ISO_READ,   // of the list: values in order
    ISO_ADD,    // the member value to the group object
    ISO_REMOVE, // the member value from it
    ISO_SCAN,   // of the group: members in any order
};

struct iso_op {
    enum iso_kind kind;
    uint32_t object, value;
    uint32_t first, count; // in history.values
};

struct iso_txn {
    bool committed; // known to be; else it is known not to be, or
    bool asked;     // it was asked for and not answered: killed meanwhile
    bool serializable;
    uint64_t begin, end; // when it was asked for, when it was answered: one clock for all
    uint32_t first_op, op_count;
};

struct iso_history {
    struct iso_txn *txns;
    struct iso_op *ops;
    uint32_t *values;
    uint32_t txn_count, op_count, value_count;
    uint32_t txn_cap, op_cap, value_cap;
    bool fixed; // the arrays are the caller's and do not grow
};

void iso_history_free(struct iso_history *h);
void iso_begin(struct iso_history *h, uint64_t now, bool serializable);
// Of the last transaction begun; values only with READ and SCAN.
void iso_op(struct iso_history *h, enum iso_kind kind, uint32_t object, uint32_t value);
void iso_saw(struct iso_history *h, uint32_t value); // by the last operation
// Its commit is asked for now (of a write by itself: the write, whose operation is recorded
// before).
void iso_ask(struct iso_history *h);
void iso_end(struct iso_history *h, uint64_t now, bool committed);
// Of who was killed: what was asked for and not answered is committed if somebody saw a write of it
// (the last transaction, of a merged history, sees all there is), else it is not. Returns their
// number.
uint32_t iso_settle(struct iso_history *h, uint32_t *out_committed);
void iso_merge(struct iso_history *into, const struct iso_history *from);

enum iso_anomaly {
    ISO_ABORTED_READ,   // of what never was committed
    ISO_OWN_WRITE,      // a transaction did not read its own writes, or others' after them
    ISO_LOST_WRITE,     // a committed append or member is not in the end
    ISO_FORKED_ORDER,   // two reads of one list that no order of versions gives
    ISO_CYCLE,          // of ww, wr and rw: not serializable
    ISO_STALE,          // a cycle that needs rt: something was answered before and not seen
    ISO_SNAPSHOT_CYCLE, // not even snapshot isolation
    ISO_ANOMALIES
};
const char *iso_anomaly_name(enum iso_anomaly anomaly);

struct iso_report {
    uint64_t found[ISO_ANOMALIES]; // transactions in cycles; single facts of the others
    uint64_t committed, aborted, operations, dependencies;
    char first[256]; // what was found first, in words
};
// The last transaction must be a committed one that reads every object there is, begun after all
// the others ended. Values are given once in the whole history. With serializable transactions
// only: whatever is found is wrong. With snapshot ones: ISO_CYCLE alone, and ISO_STALE as far as it
// is no ISO_SNAPSHOT_CYCLE, are write skew.
void iso_check(const struct iso_history *h, struct iso_report *out);

#endif
