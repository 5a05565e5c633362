// The state of an earlier time, as a store to read: the current family where it began by then, else
// history (docs/format/keyspace.md). Only documents, index entries and guards have versions; all
// other keys, and the catalog, are as they are in the view beneath.
#ifndef TXN_PAST_H
#define TXN_PAST_H

#include "txn/txn.h"

// A view of base as of ts, which must not be below what base's history holds. It keeps base, and
// is released like any view; then on_close(arg, ts) is called. view->past is true: counters, the
// document cache and indexes are of another time. NACRE_MEMORY_LIMIT.
MUST_USE nacre_status txn_view_past(struct ctx *ctx, struct view *base, uint64_t ts,
                                    void (*on_close)(void *arg, uint64_t ts), void *arg,
                                    struct view **out);

#endif
