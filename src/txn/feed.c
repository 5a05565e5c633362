#include "txn/feed.h"

#include "base/bits/bits.h"
#include "catalog/keyspace.h"
#include "txn/apply.h"

enum {
    FLOOR_FORMAT = 1,
    FLOOR_SIZE = 1 + 8 + 4 + 4,
    CHANGE_KEY_SIZE = KEYSPACE_PREFIX + 8 + 8 + 4,
    CHANGE_HEAD = 18,
};

void change_key(struct buf *out, uint32_t tablet, struct feed_place place) {
    keyspace_prefix(out, tablet, KIND_CHANGE);
    buf_put_be64(out, OWNER_EPOCH);
    buf_put_be64(out, place.seq);
    buf_put_be32(out, place.i);
}

static nacre_status damaged(struct ctx *ctx, const char *what) {
    return err_set(ctx, NACRE_CORRUPT, "a change record's %s is damaged", what);
}

static nacre_status change_key_place(struct ctx *ctx, struct slice key, struct feed_place *out) {
    if (key.n != CHANGE_KEY_SIZE) return damaged(ctx, "key");
    *out = (struct feed_place){.seq = bits_be64(key.p + KEYSPACE_PREFIX + 8),
                               .i = bits_be32(key.p + KEYSPACE_PREFIX + 16)};
    return NACRE_OK;
}

nacre_status change_record_decode(struct ctx *ctx, struct slice key, struct slice value,
                                  struct change_record *out) {
    TRY(change_key_place(ctx, key, &out->place));
    if (value.n && value.p[0] != CHANGE_FORMAT)
        return err_set(ctx, NACRE_INCOMPATIBLE_FORMAT, "a change record has format %d", value.p[0]);
    if (value.n <= CHANGE_HEAD || value.p[9] < CHANGE_INSERT || value.p[9] > CHANGE_DELETE)
        return damaged(ctx, "value");
    out->commit_ts = bits_le64(value.p + 1);
    out->op = (enum change_op)value.p[9];
    out->version = bits_le64(value.p + 10);
    out->id_key = slice_skip(value, CHANGE_HEAD);
    return NACRE_OK;
}

static void floor_key(struct buf *out, uint32_t tablet) {
    keyspace_prefix(out, tablet, KIND_FLOOR);
}

static nacre_status floor_decode(struct ctx *ctx, struct slice v, struct feed_place *out) {
    if (v.n != FLOOR_SIZE || v.p[0] != FLOOR_FORMAT || bits_le32(v.p + 13) != crc32c(0, v.p, 13))
        return err_set(ctx, NACRE_CORRUPT,
                       "the row that tells how far changes are trimmed is "
                       "damaged (kind F of the data family)");
    *out = (struct feed_place){.seq = bits_le64(v.p + 1), .i = bits_le32(v.p + 9)};
    return NACRE_OK;
}

nacre_status feed_floor_read(struct ctx *ctx, struct kv *kv, struct kv_view *view, uint32_t tablet,
                             struct feed_place *out) {
    uint8_t room[KEYSPACE_PREFIX];
    struct buf key = {.p = room, .cap = sizeof room, .max = sizeof room};
    struct kv_pin pin;
    bool found;
    *out = (struct feed_place){0};
    floor_key(&key, tablet);
    TRY(kv->ops->get(kv, ctx, view, KV_DATA, buf_slice(&key), &pin, &found));
    if (!found) return NACRE_OK;
    nacre_status status = floor_decode(ctx, pin.value, out);
    kv->ops->unpin(kv, &pin);
    return status;
}

void feed_floor_put(struct kv_batch *batch, uint32_t tablet, struct feed_place floor) {
    uint8_t room[KEYSPACE_PREFIX], v[FLOOR_SIZE] = {FLOOR_FORMAT};
    struct buf key = {.p = room, .cap = sizeof room, .max = sizeof room};
    floor_key(&key, tablet);
    bits_put_le64(v + 1, floor.seq);
    bits_put_le32(v + 9, floor.i);
    bits_put_le32(v + 13, crc32c(0, v, 13));
    kv_batch_put(batch, KV_DATA, buf_slice(&key), slice_of(v, sizeof v));
}
