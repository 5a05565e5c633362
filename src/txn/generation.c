#include "txn/generation.h"

#include "base/bits/bits.h"
#include "catalog/keyspace.h"

enum { GENERATION_FORMAT = 1, KEY_SIZE = 1 + 8, VALUE_SIZE = 1 + 8 + 8 + 4 };

static void generation_key(uint8_t key[KEY_SIZE], uint64_t generation) {
    key[0] = META_GENERATION;
    bits_put_be64(key + 1, generation);
}

static uint32_t generation_crc(const uint8_t *key, const uint8_t *value) {
    return crc32c(crc32c(0, key, KEY_SIZE), value, VALUE_SIZE - 4);
}

void generation_put(struct kv_batch *batch, uint64_t generation, const struct position *before) {
    uint8_t key[KEY_SIZE], v[VALUE_SIZE] = {GENERATION_FORMAT};
    generation_key(key, generation);
    bits_put_le64(v + 1, before->generation);
    bits_put_le64(v + 9, before->seq);
    bits_put_le32(v + 17, generation_crc(key, v));
    kv_batch_put(batch, KV_META, slice_of(key, sizeof key), slice_of(v, sizeof v));
}

static nacre_status read_row(struct ctx *ctx, const struct kv_iter *it, uint64_t *before,
                             uint64_t *last_seq) {
    if (it->key.n != KEY_SIZE || it->value.n != VALUE_SIZE ||
        bits_le32(it->value.p + 17) != generation_crc(it->key.p, it->value.p))
        return err_set(ctx, NACRE_CORRUPT,
                       "a row of a generation of the log (rows G of the meta "
                       "family) is damaged");
    if (it->value.p[0] != GENERATION_FORMAT)
        return err_set(ctx, NACRE_INCOMPATIBLE_FORMAT,
                       "a row of a generation of the log has format %u, this program knows %d",
                       it->value.p[0], GENERATION_FORMAT);
    *before = bits_le64(it->value.p + 1);
    *last_seq = bits_le64(it->value.p + 9);
    return NACRE_OK;
}

nacre_status generation_holds(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                              uint64_t generation, uint64_t seq, bool *out) {
    uint8_t lower[KEY_SIZE], upper[1] = {META_GENERATION + 1};
    uint64_t before = 0, last_seq = 0;
    struct kv_iter *it;
    *out = false;
    if (generation == UINT64_MAX) return NACRE_OK;
    generation_key(lower, generation + 1);
    struct kv_iter_options options = {.lower = slice_of(lower, sizeof lower),
                                      .upper = slice_of(upper, sizeof upper)};
    TRY(kv->ops->iter_open(kv, ctx, view, KV_META, &options, &it));
    it->ops->seek_first(it);
    nacre_status status =
        it->valid ? read_row(ctx, it, &before, &last_seq) : it->ops->status(it, ctx);
    it->ops->close(it);
    // The next one that has a row did not follow it: it left nothing, or was before there were
    // rows.
    *out = status == NACRE_OK && before == generation && seq <= last_seq;
    return status;
}
