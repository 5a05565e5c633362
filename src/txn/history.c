#include "txn/history.h"

#include "base/bits/bits.h"
#include "catalog/keyspace.h"

enum { HISTORY_FORMAT = 1, HISTORY_HEAD = 1 + 8 + 8, SAMPLE_SIZE = 16, CRC_SIZE = 4 };
enum { HISTORY_SIZE_MAX = HISTORY_HEAD + HISTORY_SAMPLES_MAX * SAMPLE_SIZE + CRC_SIZE };

static void history_key(uint8_t key[KEYSPACE_PREFIX], uint32_t tablet) {
    bits_put_be32(key, tablet);
    key[4] = KIND_HISTORY;
}

static uint32_t history_crc(const uint8_t key[KEYSPACE_PREFIX], struct slice value) {
    return crc32c(crc32c(0, key, KEYSPACE_PREFIX), value.p, value.n - CRC_SIZE);
}

void history_put(struct kv_batch *batch, uint32_t tablet, const struct history *h) {
    uint8_t key[KEYSPACE_PREFIX], v[HISTORY_SIZE_MAX];
    size_t n = HISTORY_HEAD;
    history_key(key, tablet);
    v[0] = HISTORY_FORMAT;
    bits_put_le64(v + 1, h->swept_ts);
    bits_put_le64(v + 9, h->step);
    for (uint32_t i = 0; i < h->count; i++, n += SAMPLE_SIZE) {
        bits_put_le64(v + n, h->at[i].ts);
        bits_put_le64(v + n + 8, h->at[i].before);
    }
    n += CRC_SIZE;
    bits_put_le32(v + n - CRC_SIZE, history_crc(key, slice_of(v, n)));
    kv_batch_put(batch, KV_DATA, slice_of(key, sizeof key), slice_of(v, n));
}

static nacre_status history_decode(struct ctx *ctx, const uint8_t key[KEYSPACE_PREFIX],
                                   struct slice v, struct history *out) {
    uint32_t tablet = bits_be32(key);
    if (v.n < HISTORY_HEAD + CRC_SIZE || v.n > HISTORY_SIZE_MAX ||
        (v.n - HISTORY_HEAD - CRC_SIZE) % SAMPLE_SIZE ||
        bits_le32(v.p + v.n - CRC_SIZE) != history_crc(key, v))
        return err_set(ctx, NACRE_CORRUPT, "the account of the history of tablet %u is damaged",
                       tablet);
    if (v.p[0] != HISTORY_FORMAT)
        return err_set(ctx, NACRE_INCOMPATIBLE_FORMAT,
                       "the account of the history of tablet %u has format %u, this program knows "
                       "%d",
                       tablet, v.p[0], HISTORY_FORMAT);
    out->swept_ts = bits_le64(v.p + 1);
    out->step = bits_le64(v.p + 9);
    out->count = (uint32_t)((v.n - HISTORY_HEAD - CRC_SIZE) / SAMPLE_SIZE);
    for (uint32_t i = 0; i < out->count; i++) {
        const uint8_t *p = v.p + HISTORY_HEAD + (size_t)i * SAMPLE_SIZE;
        out->at[i] = (struct history_sample){bits_le64(p), bits_le64(p + 8)};
    }
    return NACRE_OK;
}

nacre_status history_read(struct ctx *ctx, struct kv *kv, struct kv_view *view, uint32_t tablet,
                          struct history *out) {
    uint8_t key[KEYSPACE_PREFIX];
    struct kv_pin pin;
    bool found;
    *out = (struct history){0};
    history_key(key, tablet);
    TRY(kv->ops->get(kv, ctx, view, KV_DATA, slice_of(key, sizeof key), &pin, &found));
    if (!found) return NACRE_OK;
    nacre_status status = history_decode(ctx, key, pin.value, out);
    kv->ops->unpin(kv, &pin);
    return status;
}

// --- samples ----------------------------------------------------------------------------

// The last one at or before ts, the first of all if there is none.
static uint32_t sample_at(const struct history *h, uint64_t ts) {
    uint32_t i = 0;
    while (i + 1 < h->count && h->at[i + 1].ts <= ts)
        i++;
    return i;
}

static void drop_before(struct history *h, uint64_t floor_ts) {
    uint32_t first = sample_at(h, floor_ts);
    memmove(h->at, h->at + first, (h->count - first) * sizeof *h->at);
    h->count -= first;
}

// Every second one goes; the first stays, from which all is counted.
static void thin_out(struct history *h) {
    for (uint32_t i = 0; i < h->count / 2; i++)
        h->at[i] = h->at[(size_t)2 * i];
    h->count /= 2;
    h->step *= 2;
}

void history_add(struct history *h, struct history_sample sample, uint64_t floor_ts,
                 uint64_t bound) {
    if (h->count) drop_before(h, floor_ts);
    if (h->count == HISTORY_SAMPLES_MAX) thin_out(h);
    if (!h->step) h->step = HISTORY_STEP;
    if (h->count < HISTORY_SAMPLES_MAX / 4 && h->step > HISTORY_STEP) h->step /= 2;
    if (bound && h->step > bound / (HISTORY_SAMPLES_MAX / 2))
        h->step = bound / (HISTORY_SAMPLES_MAX / 2);
    h->at[h->count++] = sample;
}

uint64_t history_since(const struct history *h, uint64_t total, uint64_t ts) {
    return h->count ? total - h->at[sample_at(h, ts)].before : 0;
}

uint64_t history_keep(const struct history *h, uint64_t total, uint64_t bytes) {
    for (uint32_t i = 0; i < h->count; i++)
        if (total - h->at[i].before <= bytes) return h->at[i].ts;
    return 0;
}
