// COMMAND_TRIM: history of one collection that is over its history_bytes goes. The collection's
// history_from rises first; then what ended before it is deleted, key by key, as the engine found
// it in a view: what a store still holds there is compaction's choice and nothing to decide by
// (T1). Who reads an earlier time reads a snapshot, which keeps all of it.
#include "txn/apply.h"

#include "base/bits/bits.h"

static nacre_status check_keys(struct txn *t, const struct command_trim *c, uint64_t from_ts) {
    for (uint32_t i = 0; i < c->count; i++) {
        struct slice key = c->keys[i];
        uint8_t kind = key.n > 1 + 8 ? key.p[0] : 0;
        if ((kind != KIND_DOCUMENT && kind != KIND_INDEX && kind != KIND_UNIQUE) ||
            bits_be64(key.p + key.n - 8) >= from_ts)
            return err_set(&t->ctx, NACRE_CORRUPT, "a logged trim command carries a wrong key");
    }
    return NACRE_OK;
}

static void raise_from(struct txn *t, const struct collection *there, uint64_t from_ts) {
    struct catalog_counters counters = apply_counters(t);
    struct collection fresh = *there;
    fresh.history_from = from_ts;
    catalog_put_collection(&t->batch, &fresh);
    catalog_put_counters(&t->batch, &counters);
    t->catalog_changed = true;
}

nacre_status apply_trim(struct txn *t, const struct command_trim *c) {
    const struct collection *there = catalog_by_tablet(t->catalog, c->tablet);
    struct tablet *tablet;
    struct history *history;
    bool all = c->from_ts == TRIM_ALL;
    uint64_t from_ts = all ? t->commit_ts : c->from_ts;
    if (!there || !there->history_seconds) return NACRE_OK; // dropped, or altered meanwhile
    if (from_ts > t->commit_ts)
        return err_set(&t->ctx, NACRE_CORRUPT, "a logged trim command names a time to come");
    TRY(check_keys(t, c, from_ts));
    TRY(apply_tablet(t, c->tablet, &tablet));
    TRY(apply_history(t, tablet, &history));
    if (from_ts > there->history_from) raise_from(t, there, from_ts);
    for (uint32_t i = 0; i < c->count; i++) {
        buf_reset(&t->key);
        buf_put_be32(&t->key, c->tablet);
        buf_put_slice(&t->key, c->keys[i]);
        TRY(buf_status(&t->key));
        kv_batch_delete(&t->batch, KV_HISTORY, buf_slice(&t->key));
    }
    struct history_sample now = {t->commit_ts, tablet->now.history_total};
    if (all) history_add(history, now, from_ts, there->history_bytes);
    if (c->done && history->swept_ts < from_ts) history->swept_ts = from_ts;
    if (all || c->done) history_put(&t->batch, c->tablet, history);
    return NACRE_OK;
}
