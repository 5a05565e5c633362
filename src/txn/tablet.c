#include "txn/tablet.h"

#include "base/bits/bits.h"
#include "catalog/keyspace.h"

enum { TABLET_PLAIN = 1, TABLET_HISTORY = 2 };
enum { TABLET_SIZE = 1 + 4 * 8 + 4, TABLET_HISTORY_SIZE = TABLET_SIZE + 2 * 8 };

static void tablet_key(uint8_t key[KEYSPACE_PREFIX], uint32_t tablet) {
    bits_put_be32(key, tablet);
    key[4] = KIND_STATE;
}

static uint32_t tablet_crc(const uint8_t key[KEYSPACE_PREFIX], struct slice value) {
    return crc32c(crc32c(0, key, KEYSPACE_PREFIX), value.p, value.n - 4);
}

// Where there never was history, nothing is said of it.
static size_t tablet_size(uint8_t format) {
    return format == TABLET_HISTORY ? TABLET_HISTORY_SIZE : TABLET_SIZE;
}

void tablet_put(struct kv_batch *batch, uint32_t tablet, const struct tablet_counters *counters) {
    uint8_t key[KEYSPACE_PREFIX], v[TABLET_HISTORY_SIZE];
    tablet_key(key, tablet);
    v[0] = counters->history_total ? TABLET_HISTORY : TABLET_PLAIN;
    size_t n = tablet_size(v[0]);
    bits_put_le64(v + 1, counters->documents);
    bits_put_le64(v + 9, counters->bytes);
    bits_put_le64(v + 17, counters->next_rowid);
    bits_put_le64(v + 25, counters->last_write_ts);
    if (v[0] == TABLET_HISTORY) {
        bits_put_le64(v + 33, counters->history_total);
        bits_put_le64(v + 41, counters->history_next);
    }
    bits_put_le32(v + n - 4, tablet_crc(key, slice_of(v, n)));
    kv_batch_put(batch, KV_DATA, slice_of(key, sizeof key), slice_of(v, n));
}

static nacre_status tablet_decode(struct ctx *ctx, const uint8_t key[KEYSPACE_PREFIX],
                                  struct slice value, struct tablet_counters *out) {
    const uint8_t *v = value.p;
    uint32_t tablet = bits_be32(key);
    if ((value.n != TABLET_SIZE && value.n != TABLET_HISTORY_SIZE) ||
        bits_le32(v + value.n - 4) != tablet_crc(key, value))
        return err_set(ctx, NACRE_CORRUPT, "the counters of tablet %u are damaged", tablet);
    if ((v[0] != TABLET_PLAIN && v[0] != TABLET_HISTORY) || value.n != tablet_size(v[0]))
        return err_set(ctx, NACRE_INCOMPATIBLE_FORMAT,
                       "the counters of tablet %u have format %u, this program knows %d and %d",
                       tablet, v[0], TABLET_PLAIN, TABLET_HISTORY);
    *out = (struct tablet_counters){.documents = bits_le64(v + 1),
                                    .bytes = bits_le64(v + 9),
                                    .next_rowid = bits_le64(v + 17),
                                    .last_write_ts = bits_le64(v + 25)};
    if (v[0] == TABLET_PLAIN) return NACRE_OK;
    out->history_total = bits_le64(v + 33);
    out->history_next = bits_le64(v + 41);
    return NACRE_OK;
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
    nacre_status status = tablet_decode(ctx, key, pin.value, out);
    kv->ops->unpin(kv, &pin);
    return status;
}
