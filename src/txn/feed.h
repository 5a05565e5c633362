// Change records as readers of a feed see them, and how far they have been trimmed. Bytes:
// docs/format/command.md.
#ifndef TXN_FEED_H
#define TXN_FEED_H

#include "base/err/ctx.h"
#include "store/kv.h"

enum change_op { CHANGE_INSERT = 1, CHANGE_UPDATE = 2, CHANGE_DELETE = 3 };

// A change's place in the feed of its tablet: the command, and its number within that. Ordered.
struct feed_place {
    uint64_t seq;
    uint32_t i; // UINT32_MAX: after all changes of seq
};
static inline int feed_place_cmp(struct feed_place a, struct feed_place b) {
    return a.seq != b.seq ? (a.seq > b.seq) - (a.seq < b.seq) : (a.i > b.i) - (a.i < b.i);
}

struct change_record {
    struct feed_place place;
    uint64_t commit_ts, version;
    enum change_op op;
    struct slice id_key; // typed id; borrows from the value
};

void change_key(struct buf *out, uint32_t tablet, struct feed_place place);
// The key is one of KIND_CHANGE. NACRE_CORRUPT, NACRE_INCOMPATIBLE_FORMAT.
MUST_USE nacre_status change_record_decode(struct ctx *ctx, struct slice key, struct slice value,
                                           struct change_record *out);

// The floor: changes up to it may have been trimmed; zeros if none was.
MUST_USE nacre_status feed_floor_read(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                                      uint32_t tablet, struct feed_place *out);
void feed_floor_put(struct kv_batch *batch, uint32_t tablet, struct feed_place floor);

#endif
