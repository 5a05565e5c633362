// Counters of a tablet: exact, part of the state, written in the batch of every command that
// touches the tablet. Bytes: docs/format/tablet.md.
#ifndef TXN_TABLET_H
#define TXN_TABLET_H

#include "base/ds/map.h"
#include "base/err/ctx.h"
#include "store/kv.h"

struct tablet_counters {
    uint64_t documents;
    uint64_t bytes; // logical: keys and values of documents and index entries
    uint64_t next_rowid;
    uint64_t last_write_ts;
    uint64_t history_total; // keys and values of all history entries there ever were
    uint64_t history_next;  // the command with which it passes this is the next sample's
};

struct tablet {
    uint32_t id;
    struct tablet_counters now;
    struct tablet_counters saved; // before the running command
    struct tablet *touched_next;  // list of those the running command touched
    bool touched;
    struct tablet *grouped_next; // list of those the pending batch touches
    bool grouped;
    struct history *history; // NULL: not read yet
    bool history_changed;    // in the pending batch
};

// When the next thing of a tablet ends. Apply notes what it adds; the note counts once the view
// that shows it is published.
struct tablet_due {
    uint32_t id;
    _Atomic uint64_t
        due_ms; // no KIND_DUE entry of a published view is due before this; 0 = not known yet
    uint64_t noted_ms;             // apply door: least since the last publish
    struct tablet_due *noted_next; // apply door
    bool noted;
};

// Reads the counters as of view (NULL: newest); zeros if there are none yet.
MUST_USE nacre_status tablet_read(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                                  uint32_t tablet, struct tablet_counters *out);
void tablet_put(struct kv_batch *batch, uint32_t tablet, const struct tablet_counters *counters);

#endif
