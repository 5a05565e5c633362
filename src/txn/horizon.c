// COMMAND_HORIZON: what is older than it may go. History entries go by compaction (the store is
// told the time), change records by range deletes, a bounded number of them per command. Row
// META_HORIZON (docs/format/command.md): le64 history_ts · crc32c u32.
#include "base/bits/bits.h"
#include "txn/apply.h"

enum { HORIZON_SIZE = 8 + 4 };

nacre_status horizon_read(struct ctx *ctx, struct kv *kv, uint64_t *out_ts) {
    uint8_t key = META_HORIZON;
    struct kv_pin pin;
    bool found;
    *out_ts = 0;
    TRY(kv->ops->get(kv, ctx, NULL, KV_META, slice_of(&key, 1), &pin, &found));
    if (!found) return NACRE_OK;
    const uint8_t *v = pin.value.p;
    nacre_status status = NACRE_OK;
    if (pin.value.n != HORIZON_SIZE || bits_le32(v + 8) != crc32c(0, v, 8))
        status = err_set(ctx, NACRE_CORRUPT,
                         "the history horizon (row H of the meta family) is damaged");
    else
        *out_ts = bits_le64(v);
    kv->ops->unpin(kv, &pin);
    return status;
}

static void put_row(struct txn *t, uint64_t ts) {
    uint8_t key = META_HORIZON, v[HORIZON_SIZE];
    bits_put_le64(v, ts);
    bits_put_le32(v + 8, crc32c(0, v, 8));
    kv_batch_put(&t->batch, KV_META, slice_of(&key, 1), slice_of(v, sizeof v));
    t->horizon_next = ts;
}

// The change records of one tablet from the oldest on, as long as they are old: t->key becomes
// the first that stays.
static nacre_status find_old(struct txn *t, struct kv_iter *it, uint64_t ts, uint32_t *left,
                             struct feed_place *floor, bool *any) {
    struct change_record record;
    for (it->ops->seek_first(it); it->valid && *left; it->ops->next(it), (*left)--) {
        TRY(change_record_decode(&t->ctx, it->key, it->value, &record));
        buf_reset(&t->key);
        buf_put_slice(&t->key, it->key);
        if (record.commit_ts >= ts) return buf_status(&t->key);
        *floor = record.place;
        *any = true;
        buf_put_u8(&t->key, 0);
    }
    TRY(buf_status(&t->key));
    return it->valid ? NACRE_OK : it->ops->status(it, &t->ctx);
}

// Begins at the floor: what lies below it is gone, and would be walked over again.
static nacre_status trim_changes(struct txn *t, uint32_t tablet, uint64_t ts, uint32_t *left) {
    struct buf from BUF_CLEANUP = {0}, to BUF_CLEANUP = {0};
    struct feed_place floor;
    struct kv_iter *it;
    bool any = false;
    TRY(feed_floor_read(&t->ctx, t->kv, NULL, tablet, &floor));
    buf_init(&from, NULL, 64);
    buf_init(&to, NULL, 64);
    change_key(&from, tablet, floor);
    buf_put_u8(&from, 0);
    keyspace_prefix(&to, tablet, (enum key_kind)(KIND_CHANGE + 1));
    if (buf_status(&from) != NACRE_OK || buf_status(&to) != NACRE_OK) return err_nomem(&t->ctx);
    struct kv_iter_options options = {.lower = buf_slice(&from), .upper = buf_slice(&to)};
    TRY(t->kv->ops->iter_open(t->kv, &t->ctx, NULL, KV_DATA, &options, &it));
    nacre_status status = find_old(t, it, ts, left, &floor, &any);
    it->ops->close(it);
    if (status != NACRE_OK || !any) return status;
    kv_batch_delete_range(&t->batch, KV_DATA, buf_slice(&from), buf_slice(&t->key));
    feed_floor_put(&t->batch, tablet, floor);
    return NACRE_OK;
}

// The command names the time for collections that keep change records for the default; the others'
// is as much later or earlier.
static uint64_t changes_horizon(const struct collection *c, uint64_t changes_ts) {
    uint64_t by_default = (uint64_t)CHANGES_SECONDS_DEFAULT * 1000 << 20;
    uint64_t kept = c->changes_seconds * 1000 << 20;
    if (kept <= by_default) return changes_ts + (by_default - kept);
    return changes_ts > kept - by_default ? changes_ts - (kept - by_default) : 0;
}

nacre_status apply_horizon(struct txn *t, const struct command_horizon *c, struct result *out) {
    uint32_t left = c->records_max;
    if (c->history_ts > t->horizon_ts) put_row(t, c->history_ts);
    for (uint32_t i = 0; i < t->catalog->collection_count && left; i++) {
        const struct collection *of = t->catalog->by_tablet[i];
        uint32_t before = left;
        nacre_status status =
            trim_changes(t, of->tablet, changes_horizon(of, c->changes_ts), &left);
        if (status == NACRE_OK) continue;
        if (status != NACRE_CORRUPT) return status;
        // One that is damaged keeps no other from being trimmed; its readers, and the check, are
        // told.
        err_clear(&t->ctx);
        left = before;
    }
    if (!left) out->flags |= RESULT_PARTIAL;
    return NACRE_OK;
}
