// The state of an earlier time, as a store to read: the current family where it began by then, else
// history (docs/format/keyspace.md). Only documents, index entries and guards have versions; all
// other keys, and the catalog, are as they are in the view beneath.
#ifndef TXN_PAST_H
#define TXN_PAST_H

#include "txn/txn.h"

struct past_options {
    uint64_t ts; // must not be below what base's history holds
    void (*on_close)(void *arg, uint64_t ts);
    void *arg;
    // Where points of late were found, of many views: the next is looked for there first. Zero at
    // the beginning; no locks.
    _Atomic uint8_t *luck;
};
// A view of base as of ts. It keeps base, and is released like any view; then on_close is called.
// view->past is true: counters, the document cache and indexes are of another time.
// NACRE_MEMORY_LIMIT.
MUST_USE nacre_status txn_view_past(struct ctx *ctx, struct view *base,
                                    const struct past_options *options, struct view **out);

#endif
