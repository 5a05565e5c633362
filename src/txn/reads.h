// What a transaction saw, for its commit to validate: keys with when they began, ranges with what
// they held, whole tablets where there is too much of either. One thread at a time.
#ifndef TXN_READS_H
#define TXN_READS_H

#include "base/ds/skip.h"
#include "store/layer/layer.h"
#include "txn/command.h"

// Keys and entries of one tablet that are listed one by one; with more the tablet is validated as a
// whole.
enum { READS_TABLET_MAX = 10000 };

struct reads {
    struct arena arena;
    struct skip keys;
    struct tx_range *ranges; // newest first
    struct tx_tablet *tablets;
    bool failed; // no memory: it can not be committed
    struct kv_watch watch;
};

void reads_init(struct reads *reads, struct budget *budget, size_t max_bytes);
void reads_reset(struct reads *reads); // for the next transaction
void reads_free(struct reads *reads);
// written: validated whatever else is read.
void reads_key(struct reads *reads, struct slice key, uint64_t begin_ts, bool written);
bool reads_wrote(const struct reads *reads, struct slice key);
void reads_tablet(struct reads *reads, uint32_t tablet);
// The lists of the command, in ctx's arena; keys are borrowed. all false: the written keys only.
MUST_USE nacre_status reads_list(struct ctx *ctx, const struct reads *reads, bool all,
                                 struct command_transaction *out);

#endif
