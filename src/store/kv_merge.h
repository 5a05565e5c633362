// What iterators that merge others have in common: a place that is shown, a direction, turning
// round, and failing for good, so that a part which broke off never looks like one that has ended.
#ifndef STORE_KV_MERGE_H
#define STORE_KV_MERGE_H

#include "store/kv.h"

struct kv_merge {
    struct kv_iter iter; // first: what is handed out
    // To the first entry at or after key, then going forward; to the last one at or before it, then
    // going backward.
    void (*seek)(struct kv_merge *merge, struct slice key);
    void (*seek_for_prev)(struct kv_merge *merge, struct slice key);
    struct slice lower, upper; // borrowed from the options
    bool backward;
    nacre_status failed; // for good: no memory, or a part broke off
    struct buf turning;
};

static inline void kv_merge_fail(struct kv_merge *m, nacre_status status) {
    if (m->failed == NACRE_OK) m->failed = status;
}
// Copies s.
void kv_merge_set(struct kv_merge *merge, struct buf *buf, struct slice s);
// To be called of each part when an entry is about to be shown. *ended: of the last look, false
// after a seek.
static inline void kv_merge_look(struct kv_merge *m, struct kv_iter *part, bool *ended) {
    if (!part->valid && !*ended) kv_merge_fail(m, kv_iter_failure(part));
    *ended = !part->valid;
}
// Turns round at the entry that is shown: all parts stand at or beyond it then.
void kv_merge_turn(struct kv_merge *merge);
// Whether there is an entry to step away from, in that direction.
static inline bool kv_merge_face(struct kv_merge *m, bool backward) {
    if (!m->iter.valid) return false;
    if (m->backward != backward) kv_merge_turn(m);
    return true;
}
// Of the table of functions; next and prev are the iterator's own, for speed.
void kv_merge_seek_first(struct kv_iter *iter);
void kv_merge_seek_last(struct kv_iter *iter);
void kv_merge_seek(struct kv_iter *iter, struct slice key);
void kv_merge_seek_for_prev(struct kv_iter *iter, struct slice key);
// what: "reading the store" … broke off, if it did and no part has told why.
MUST_USE nacre_status kv_merge_failure(const struct kv_merge *merge, struct ctx *ctx,
                                       const char *what);

#endif
