// What a change of a document does to the indexes: the difference of two sorted lists of keys.
//
// Invariants:
// 1. An entry is there if and only if the document has its key, but in an index being built.
// 2. Where the collection keeps history, what goes leaves a history entry that ends at commit_ts,
//    unless it came at commit_ts: then nobody ever saw it.
// 3. Entries are of one document, so they may be deleted unseen; a guard is of whoever came first,
//    so in an index being built it is deleted only by its owner.
#include "base/bits/bits.h"
#include "base/err/check.h"
#include "doc/key.h"
#include "index/entry_bytes.h"

// The entry or guard in w->key goes: w->old is its value.
static void apply_history(struct index_work *w) {
    struct slice key = buf_slice(&w->key), old = buf_slice(&w->old);
    if (!w->keeps_history) return;
    // Format and begin_ts stand at the same place in both.
    if (bits_le64(old.p + 1) == w->change->commit_ts) return;
    buf_reset(&w->value);
    keyspace_history(&w->value, key, w->change->commit_ts);
    if (w->value.status == NACRE_OK) kv_batch_put(w->batch, KV_HISTORY, buf_slice(&w->value), old);
}

static nacre_status apply_bufs(struct index_work *w) {
    if (w->key.status != NACRE_OK) return err_buf(w->ctx, &w->key);
    if (w->value.status != NACRE_OK) return err_buf(w->ctx, &w->value);
    return w->old.status == NACRE_OK ? NACRE_OK : err_buf(w->ctx, &w->old);
}

// Fills w->old with the value of the entry in w->key.
static nacre_status apply_old_entry(struct index_work *w, const struct index_key *key,
                                    bool *found) {
    struct index_entry entry = {.rowid = w->change->rowid, .type_bits = key->type_bits};
    *found = true;
    index_entry_value(&w->old, w->index, &entry);
    TRY(apply_bufs(w));
    if (!w->kv) return NACRE_OK;
    struct kv_pin pin;
    TRY(w->kv->ops->get(w->kv, w->ctx, NULL, KV_DATA, buf_slice(&w->key), &pin, found));
    if (!*found) {
        if (w->index->state == INDEX_BUILDING)
            return NACRE_OK; // the build has not come to this document
        return err_set(w->ctx, NACRE_CORRUPT, "index \"%s\" lacks an entry of a document",
                       w->index->name);
    }
    nacre_status status = index_entry_decode(w->ctx, pin.value, &entry);
    buf_reset(&w->old);
    buf_put_slice(&w->old, pin.value);
    w->kv->ops->unpin(w->kv, &pin);
    return status == NACRE_OK ? apply_bufs(w) : status;
}

// Without kv the bytes of an index being built cannot be known, so none are counted.
static void apply_count(struct index_work *w, int sign) {
    size_t value = sign < 0 ? w->old.n : w->value.n;
    if (w->kv || w->index->state == INDEX_READY) w->bytes += sign * (int64_t)(w->key.n + value);
}

static nacre_status apply_guard_goes(struct index_work *w, const struct index_key *key) {
    if (!w->index->unique || key->has_null || key->cut) return NACRE_OK;
    index_guard_key(&w->key, w->change->tablet, w->index->id, key->components);
    index_guard_value(&w->old, 0, w->id_key);
    TRY(apply_bufs(w));
    bool held = false, own = true;
    if (w->kv)
        TRY(index_work_guard(w, &held, &own));
    else if (w->index->state == INDEX_BUILDING)
        return err_set(w->ctx, NACRE_INTERNAL,
                       "a change of the building unique index \"%s\" came without a store",
                       w->index->name);
    if (!own && w->index->state == INDEX_READY)
        return err_set(w->ctx, NACRE_CORRUPT, "unique index \"%s\" lacks a guard of a document",
                       w->index->name);
    if (!own) return NACRE_OK;
    kv_batch_delete(w->batch, KV_DATA, buf_slice(&w->key));
    apply_history(w);
    apply_count(w, -1);
    return apply_bufs(w);
}

static nacre_status apply_goes(struct index_work *w, const struct index_key *key) {
    bool found = false;
    index_entry_key(&w->key, w->change->tablet, w->index->id, key->components, w->id_key);
    TRY(apply_old_entry(w, key, &found));
    if (found) {
        kv_batch_delete(w->batch, KV_DATA, buf_slice(&w->key));
        apply_history(w);
        apply_count(w, -1);
    }
    TRY(apply_bufs(w));
    return apply_guard_goes(w, key);
}

static nacre_status apply_put_entry(struct index_work *w, const struct index_key *key) {
    const struct index_entry entry = {
        .begin_ts = w->change->commit_ts, .rowid = w->change->rowid, .type_bits = key->type_bits};
    index_entry_value(&w->value, w->index, &entry);
    TRY(apply_bufs(w));
    kv_batch_put(w->batch, KV_DATA, buf_slice(&w->key), buf_slice(&w->value));
    return NACRE_OK;
}

static nacre_status apply_comes(struct index_work *w, const struct index_key *key) {
    index_entry_key(&w->key, w->change->tablet, w->index->id, key->components, w->id_key);
    TRY(apply_put_entry(w, key));
    apply_count(w, 1);
    if (!w->index->unique || key->has_null || key->cut) return NACRE_OK;
    index_guard_key(&w->key, w->change->tablet, w->index->id, key->components);
    index_guard_value(&w->value, w->change->commit_ts, w->id_key);
    TRY(apply_bufs(w));
    kv_batch_put(w->batch, KV_DATA, buf_slice(&w->key), buf_slice(&w->value));
    apply_count(w, 1);
    return NACRE_OK;
}

// The key stays and the type of a value in it changes (1 becomes 1.0): the entry is written anew.
static nacre_status apply_retype(struct index_work *w, const struct index_key *before,
                                 const struct index_key *after) {
    bool found = false;
    index_entry_key(&w->key, w->change->tablet, w->index->id, after->components, w->id_key);
    TRY(apply_old_entry(w, before, &found));
    if (found) apply_history(w);
    TRY(apply_put_entry(w, after));
    if (!found) apply_count(w, 1);
    return NACRE_OK;
}

static bool apply_same_types(const struct index_work *w, const struct index_key *a,
                             const struct index_key *b) {
    return memcmp(a->type_bits, b->type_bits, index_type_bits_size(w->index)) == 0;
}

// Adds fields to the mark. Without kv nobody knows what it says, so it then says all.
static nacre_status apply_mark(struct index_work *w, uint16_t fields) {
    uint16_t there = (uint16_t)((1u << w->index->field_count) - 1);
    uint8_t value[INDEX_MARK_SIZE] = {INDEX_MARK_FORMAT};
    if (w->kv)
        TRY(index_multikey_read(w->ctx, w->kv, NULL, w->change->tablet, w->index->id, &there));
    if (w->kv && !(fields & ~there)) return NACRE_OK;
    bits_put_le16(value + 1, there | fields);
    buf_reset(&w->key);
    keyspace_multikey(&w->key, w->change->tablet, w->index->id);
    if (w->key.status == NACRE_OK)
        kv_batch_put(w->batch, KV_DATA, buf_slice(&w->key), slice_of(value, sizeof value));
    return NACRE_OK;
}

static nacre_status apply_merge(struct index_work *w, const struct index_keys *before,
                                const struct index_keys *after) {
    uint32_t b = 0, a = 0;
    while (b < before->count || a < after->count) {
        const struct index_key *old = b < before->count ? &before->keys[b] : NULL;
        const struct index_key *fresh = a < after->count ? &after->keys[a] : NULL;
        int c = !old ? 1 : !fresh ? -1 : slice_cmp(old->components, fresh->components);
        if (c < 0)
            TRY(apply_goes(w, old));
        else if (c > 0)
            TRY(apply_comes(w, fresh));
        else if (!apply_same_types(w, old, fresh))
            TRY(apply_retype(w, old, fresh));
        b += c <= 0;
        a += c >= 0;
    }
    // A document that was multikey in a ready index has left its mark already.
    uint16_t marked = w->index->state == INDEX_READY ? before->arrays : 0;
    uint16_t fresh = after->arrays & (uint16_t)~marked;
    if (fresh) TRY(apply_mark(w, fresh));
    return apply_bufs(w);
}

static nacre_status apply_index(struct index_work *w, const struct index_def *index) {
    struct arena_mark mark = arena_mark(&w->ctx->arena);
    struct index_keys before, after;
    w->index = index;
    TRY(index_work_change_keys(w, &before, &after));
    TRY(apply_merge(w, &before, &after));
    arena_rewind(&w->ctx->arena, mark);
    return NACRE_OK;
}

nacre_status index_apply(struct ctx *ctx, const struct collection *collection,
                         const struct index_change *change, struct kv_batch *batch,
                         int64_t *out_bytes) {
    struct index_work w;
    nacre_status status = index_work_init(&w, ctx, change);
    w.batch = batch;
    w.keeps_history = collection->history_seconds != 0;
    for (uint32_t i = 0; i < collection->index_count && status == NACRE_OK; i++) {
        const struct index_def *index = &collection->indexes[i];
        if (index->type == INDEX_BTREE && index->state != INDEX_FAILED)
            status = apply_index(&w, index);
    }
    index_work_free(&w);
    TRY(status);
    if (buf_status(&batch->bytes) != NACRE_OK) return err_buf(ctx, &batch->bytes);
    *out_bytes = w.bytes;
    return NACRE_OK;
}

// One document of a build: what is there already was put by a write that came meanwhile.
static nacre_status build_entry(struct index_work *w, const struct index_key *key) {
    struct kv_pin pin;
    bool found = false;
    index_entry_key(&w->key, w->change->tablet, w->index->id, key->components, w->id_key);
    TRY(apply_bufs(w));
    TRY(w->kv->ops->get(w->kv, w->ctx, NULL, KV_DATA, buf_slice(&w->key), &pin, &found));
    if (found) {
        w->kv->ops->unpin(w->kv, &pin);
        return NACRE_OK;
    }
    TRY(apply_put_entry(w, key));
    apply_count(w, 1);
    return NACRE_OK;
}

static nacre_status build_guard(struct index_work *w, const struct index_key *key) {
    bool guarded = false, held = false, own = false;
    TRY(index_work_guarded(w, key, &guarded));
    if (!guarded) return NACRE_OK;
    index_guard_key(&w->key, w->change->tablet, w->index->id, key->components);
    TRY(index_work_guard(w, &held, &own));
    if (held) return index_work_violation(w, key);
    if (own) return NACRE_OK;
    index_guard_value(&w->value, w->change->commit_ts, w->id_key);
    TRY(apply_bufs(w));
    kv_batch_put(w->batch, KV_DATA, buf_slice(&w->key), buf_slice(&w->value));
    apply_count(w, 1);
    return NACRE_OK;
}

static nacre_status build_run(struct index_work *w) {
    struct index_keys keys;
    TRY(index_work_keys(w, w->change->after, &keys));
    for (uint32_t i = 0; i < keys.count; i++) {
        TRY(build_entry(w, &keys.keys[i]));
        TRY(build_guard(w, &keys.keys[i]));
    }
    if (keys.arrays) TRY(apply_mark(w, keys.arrays));
    return apply_bufs(w);
}

nacre_status index_build_counted(struct ctx *ctx, struct kv *kv, const struct index_def *index,
                                 const struct index_change *change, struct kv_batch *batch,
                                 int64_t *out_bytes) {
    struct index_work w;
    nacre_status status = index_work_init(&w, ctx, change);
    w.kv = kv;
    w.index = index;
    w.batch = batch;
    if (status == NACRE_OK) status = build_run(&w);
    index_work_free(&w);
    TRY(status);
    if (buf_status(&batch->bytes) != NACRE_OK) return err_buf(ctx, &batch->bytes);
    *out_bytes = w.bytes;
    return NACRE_OK;
}

nacre_status index_build_one(struct ctx *ctx, struct kv *kv, const struct index_def *index,
                             const struct index_change *change, struct kv_batch *batch) {
    int64_t bytes = 0;
    return index_build_counted(ctx, kv, index, change, batch, &bytes);
}
