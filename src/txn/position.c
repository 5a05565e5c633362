#include "txn/position.h"

#include "base/bits/bits.h"
#include "catalog/keyspace.h"

enum { POSITION_FORMAT = 1, POSITION_SIZE = 1 + 8 + 4 + 8 + 8 + 8 + 8 + 4 };

void position_put(struct kv_batch *batch, const struct position *position) {
    uint8_t key = META_APPLIED, v[POSITION_SIZE];
    v[0] = POSITION_FORMAT;
    bits_put_le64(v + 1, position->index);
    bits_put_le32(v + 9, position->sub);
    bits_put_le64(v + 13, position->seq);
    bits_put_le64(v + 21, position->commit_ts);
    bits_put_le64(v + 29, position->generation);
    bits_put_le64(v + 37, position->effect_hash);
    bits_put_le32(v + 45, crc32c(0, v, POSITION_SIZE - 4));
    kv_batch_put(batch, KV_META, slice_of(&key, 1), slice_of(v, sizeof v));
}

nacre_status position_read(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                           struct position *out) {
    uint8_t key = META_APPLIED;
    struct kv_pin pin;
    bool found;
    *out = (struct position){0};
    TRY(kv->ops->get(kv, ctx, view, KV_META, slice_of(&key, 1), &pin, &found));
    if (!found) return NACRE_OK;
    const uint8_t *v = pin.value.p;
    nacre_status status = NACRE_OK;
    if (pin.value.n != POSITION_SIZE || bits_le32(v + 45) != crc32c(0, v, POSITION_SIZE - 4))
        status = err_set(ctx, NACRE_CORRUPT,
                         "the applied position (row A of the meta family) is damaged");
    else if (v[0] != POSITION_FORMAT)
        status = err_set(ctx, NACRE_INCOMPATIBLE_FORMAT,
                         "the applied position has format %u, this program knows %d", v[0],
                         POSITION_FORMAT);
    else
        *out = (struct position){.index = bits_le64(v + 1),
                                 .sub = bits_le32(v + 9),
                                 .seq = bits_le64(v + 13),
                                 .commit_ts = bits_le64(v + 21),
                                 .generation = bits_le64(v + 29),
                                 .effect_hash = bits_le64(v + 37)};
    kv->ops->unpin(kv, &pin);
    return status;
}
