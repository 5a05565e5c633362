#include "txn/tablet.h"

#include "base/bits/bits.h"
#include "catalog/keyspace.h"

enum { TABLET_FORMAT = 1, TABLET_SIZE = 1 + 4 * 8 + 4 };

static void tablet_key(uint8_t key[KEYSPACE_PREFIX], uint32_t tablet) {
    bits_put_be32(key, tablet);
    key[4] = KIND_STATE;
}

static uint32_t tablet_crc(const uint8_t key[KEYSPACE_PREFIX], const uint8_t *value) {
    return crc32c(crc32c(0, key, KEYSPACE_PREFIX), value, TABLET_SIZE - 4);
}

void tablet_put(struct kv_batch *batch, uint32_t tablet, const struct tablet_counters *counters) {
    uint8_t key[KEYSPACE_PREFIX], v[TABLET_SIZE];
    tablet_key(key, tablet);
    v[0] = TABLET_FORMAT;
    bits_put_le64(v + 1, counters->documents);
    bits_put_le64(v + 9, counters->bytes);
    bits_put_le64(v + 17, counters->next_rowid);
    bits_put_le64(v + 25, counters->last_write_ts);
    bits_put_le32(v + 33, tablet_crc(key, v));
    kv_batch_put(batch, KV_DATA, slice_of(key, sizeof key), slice_of(v, sizeof v));
}

nacre_status tablet_read(struct ctx *ctx, struct kv *kv, struct kv_view *view, uint32_t tablet,
                         struct tablet_counters *out) {
    uint8_t key[KEYSPACE_PREFIX];
    struct kv_pin pin;
    bool found;
    *out = (struct tablet_counters){0};
    tablet_key(key, tablet);
    TRY(kv->ops->get(kv, ctx, view, KV_DATA, slice_of(key, sizeof key), &pin, &found));
    if (!found) return NACRE_OK;
    const uint8_t *v = pin.value.p;
    nacre_status status = NACRE_OK;
    if (pin.value.n != TABLET_SIZE || bits_le32(v + 33) != tablet_crc(key, v))
        status = err_set(ctx, NACRE_CORRUPT, "the counters of tablet %u are damaged", tablet);
    else if (v[0] != TABLET_FORMAT)
        status = err_set(ctx, NACRE_INCOMPATIBLE_FORMAT,
                         "the counters of tablet %u have format %u, this program knows %d", tablet,
                         v[0], TABLET_FORMAT);
    else
        *out = (struct tablet_counters){.documents = bits_le64(v + 1),
                                        .bytes = bits_le64(v + 9),
                                        .next_rowid = bits_le64(v + 17),
                                        .last_write_ts = bits_le64(v + 25)};
    kv->ops->unpin(kv, &pin);
    return status;
}
