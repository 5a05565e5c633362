// COMMAND_TRANSACTION: what it saw is validated against the state as it is now, then its operations
// are carried out, all or none.
//
// The numbers compared are those that readers saw (seen.h). A range is what it was if nothing in it
// began after the transaction's view and it has as many entries as then: what began before and is
// still there was there then, so equal numbers are equal sets. Nothing of this needs history.
#include "txn/apply.h"
#include "txn/seen.h"

// The id at the end of a document's key, for people.
static void put_id(struct txn *t, struct slice id_key) {
    struct val id;
    buf_reset(&t->scratch);
    if (apply_id(t, id_key, &id) == NACRE_OK) id_print(&t->scratch, id);
}

static nacre_status conflict(struct txn *t) {
    err_hint(&t->ctx, "begin the transaction again");
    return NACRE_CONFLICT;
}

static nacre_status key_conflict(struct txn *t, const struct transaction_key *seen) {
    const struct collection *collection;
    TRY(apply_collection(t, bits_be32(seen->key.p), &collection));
    bool document = seen->key.p[4] == KIND_DOCUMENT;
    buf_reset(&t->scratch);
    if (document) put_id(t, slice_skip(seen->key, KEYSPACE_PREFIX));
    int n = t->scratch.n < 128 ? (int)t->scratch.n : 128;
    if (document)
        (void)!err_set(&t->ctx, NACRE_CONFLICT,
                       "document \"%.*s\" of collection %s was changed after the transaction began",
                       n, (const char *)t->scratch.p, collection->name);
    else
        (void)!err_set(&t->ctx, NACRE_CONFLICT,
                       "a unique value that the transaction looked up in collection %s was given "
                       "or freed after it began",
                       collection->name);
    return conflict(t);
}

static nacre_status current_begin(struct txn *t, struct slice key, uint64_t *out) {
    struct overlay_kv overlay;
    struct kv_pin pin;
    bool found;
    if (key.p[4] == KIND_DOCUMENT) {
        struct apply_doc doc;
        struct arena_mark mark = arena_mark(&t->ctx.arena);
        TRY(apply_read(t, bits_be32(key.p), slice_skip(key, KEYSPACE_PREFIX), &doc));
        *out = doc.stored ? doc.row.begin_ts : 0;
        arena_rewind(&t->ctx.arena, mark);
        return NACRE_OK;
    }
    overlay_open(&overlay, t);
    TRY(overlay.kv.ops->get(&overlay.kv, &t->ctx, NULL, KV_DATA, key, &pin, &found));
    *out = seen_begin(key, found ? pin.value : (struct slice){0});
    if (found) overlay.kv.ops->unpin(&overlay.kv, &pin);
    return NACRE_OK;
}

static nacre_status validate_keys(struct txn *t, const struct command_transaction *c) {
    for (uint32_t i = 0; i < c->key_count; i++) {
        uint64_t now;
        TRY(current_begin(t, c->keys[i].key, &now));
        if (now != c->keys[i].begin_ts) return key_conflict(t, &c->keys[i]);
    }
    return NACRE_OK;
}

static nacre_status count_range(struct txn *t, struct kv_iter *it, uint64_t read_ts, uint64_t *out,
                                bool *fresh) {
    *out = 0;
    *fresh = false;
    for (it->ops->seek_first(it); it->valid && !*fresh; it->ops->next(it)) {
        *out += seen_counts(it->key, it->value);
        *fresh = seen_begin(it->key, it->value) > read_ts;
    }
    return it->valid ? NACRE_OK : it->ops->status(it, &t->ctx);
}

static nacre_status range_conflict(struct txn *t, const struct transaction_range *range) {
    const struct collection *collection;
    TRY(apply_collection(t, bits_be32(range->lower.p), &collection));
    const struct index_def *index = NULL;
    if (range->lower.p[4] == KIND_INDEX && range->lower.n >= KEYSPACE_PREFIX + 4)
        index = catalog_index_by_id(collection, bits_be32(range->lower.p + KEYSPACE_PREFIX));
    (void)!err_set(&t->ctx, NACRE_CONFLICT,
                   "a range of %s%s of collection %s that the transaction read was changed after "
                   "it began",
                   index ? "index " : "the documents", index ? index->name : "", collection->name);
    return conflict(t);
}

static nacre_status validate_range(struct txn *t, const struct transaction_range *range,
                                   uint64_t read_ts) {
    struct tablet *tablet;
    uint64_t count;
    bool fresh;
    TRY(apply_tablet(t, bits_be32(range->lower.p), &tablet));
    if (tablet->now.last_write_ts <= read_ts) return NACRE_OK; // nothing changed in all of it
    struct kv_iter *it;
    struct kv_iter_options options = {
        .lower = range->lower, .upper = range->upper, .fill_cache = true};
    TRY(t->kv->ops->iter_open(t->kv, &t->ctx, NULL, KV_DATA, &options, &it));
    nacre_status status = count_range(t, it, read_ts, &count, &fresh);
    it->ops->close(it);
    TRY(status);
    return fresh || count != range->count ? range_conflict(t, range) : NACRE_OK;
}

static nacre_status validate_tablet(struct txn *t, uint32_t id, uint64_t read_ts) {
    struct tablet *tablet;
    const struct collection *collection;
    TRY(apply_collection(t, id, &collection));
    TRY(apply_tablet(t, id, &tablet));
    if (tablet->now.last_write_ts <= read_ts) return NACRE_OK;
    (void)!err_set(&t->ctx, NACRE_CONFLICT,
                   "collection %s, of which the transaction read all or much, was changed after it "
                   "began",
                   collection->name);
    return conflict(t);
}

static nacre_status validate(struct txn *t, const struct command_transaction *c) {
    if (apply_now_ms(t) > c->began_ms + TRANSACTION_AGE_MS_MAX)
        return err_set(&t->ctx, NACRE_TRANSACTION_TOO_OLD,
                       "the transaction is older than %d seconds", TRANSACTION_AGE_MS_MAX / 1000);
    for (uint32_t i = 0; i < c->tablet_count; i++)
        TRY(validate_tablet(t, c->tablets[i], c->read_ts));
    TRY(validate_keys(t, c));
    for (uint32_t i = 0; i < c->range_count; i++)
        TRY(validate_range(t, &c->ranges[i], c->read_ts));
    return NACRE_OK;
}

nacre_status apply_transaction(struct txn *t, const struct command_transaction *c,
                               struct result *out) {
    TRY(validate(t, c));
    struct command_write write = {.atomic = true, .count = c->op_count, .ops = c->ops};
    TRY(apply_write(t, &write, out));
    // Each operation was answered when it was made.
    out->count = 0;
    return NACRE_OK;
}
