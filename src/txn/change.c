// One change of one document: row, index entries, guards, history, change record, due queue,
// counters.
#include "txn/apply.h"

#include "base/bits/bits.h"
#include "doc/footer.h"

// --- reading what is there --------------------------------------------------------------

static nacre_status copy_row(struct txn *t, struct slice bytes, bool verify,
                             struct apply_doc *out) {
    const uint8_t *p = arena_copy(&t->ctx.arena, bytes.p, bytes.n);
    if (!p) return err_nomem(&t->ctx);
    out->bytes = slice_of(p, bytes.n);
    TRY(row_decode(&t->ctx, keyspace_local(buf_slice(&t->key)), out->bytes, verify, &out->row));
    out->stored = true;
    out->live = !(out->row.flags & ROW_DELETED);
    return NACRE_OK;
}

static nacre_status read_kv(struct txn *t, struct apply_doc *out) {
    struct kv_pin pin;
    bool found;
    TRY(t->kv->ops->get(t->kv, &t->ctx, NULL, KV_DATA, buf_slice(&t->key), &pin, &found));
    if (!found) return NACRE_OK;
    nacre_status status = copy_row(t, pin.value, true, out);
    t->kv->ops->unpin(t->kv, &pin);
    return status;
}

// What the batch does not hold.
static nacre_status read_stored(struct txn *t, struct slice key, struct apply_doc *out) {
    const struct cache_entry *entry = cache_get(t->cache, key, cache_hash(key));
    if (entry && entry->ts > t->cache_ts) {
        cache_unpin(t->cache, entry);
        entry = NULL;
    }
    if (!entry) return read_kv(t, out);
    nacre_status status = entry->absent ? NACRE_OK : copy_row(t, cache_value(entry), false, out);
    cache_unpin(t->cache, entry);
    return status;
}

nacre_status apply_read(struct txn *t, uint32_t tablet, struct slice id_key,
                        struct apply_doc *out) {
    *out = (struct apply_doc){0};
    buf_reset(&t->key);
    keyspace_prefix(&t->key, tablet, KIND_DOCUMENT);
    buf_put_slice(&t->key, id_key);
    TRY(buf_status(&t->key));
    struct slice key = buf_slice(&t->key);
    struct slice pending;
    bool there;
    if (overlay_find(t, key, &pending, &there))
        return there ? copy_row(t, pending, false, out) : NACRE_OK;
    if (t->rehearsal && rehearsal_changed(t->rehearsal, key)) return read_kv(t, out);
    TRY(read_stored(t, key, out));
    return t->rehearsal ? rehearsal_note(t->rehearsal, key, out) : NACRE_OK;
}

// --- the due queue ----------------------------------------------------------------------

static void due_key(struct txn *t, uint32_t tablet, uint64_t due_ms, enum due_what what,
                    struct slice key) {
    buf_reset(&t->scratch);
    keyspace_due(&t->scratch, tablet, due_ms, (uint8_t)what, key);
}

void apply_due_put(struct txn *t, uint32_t tablet, uint64_t due_ms, enum due_what what,
                   struct slice key) {
    due_key(t, tablet, due_ms, what, key);
    kv_batch_put(&t->batch, KV_DATA, buf_slice(&t->scratch), slice_of(NULL, 0));
}

void apply_due_delete(struct txn *t, uint32_t tablet, uint64_t due_ms, enum due_what what,
                      struct slice key) {
    due_key(t, tablet, due_ms, what, key);
    kv_batch_delete(&t->batch, KV_DATA, buf_slice(&t->scratch));
}

nacre_status apply_due_note(struct txn *t, uint32_t tablet, uint64_t due_ms) {
    if (t->rehearsal) return NACRE_OK;
    struct tablet_due *due = due_state(t, tablet);
    if (!due) return err_nomem(&t->ctx);
    if (!due->noted) {
        due->noted = true;
        due->noted_ms = UINT64_MAX;
        due->noted_next = t->noted;
        t->noted = due;
    }
    if (due_ms < due->noted_ms) due->noted_ms = due_ms;
    return NACRE_OK;
}

struct due {
    uint64_t ms; // 0 = none
    enum due_what what;
};

// What a row has in the queue: at most its expiry, its lease's end and, for a marker, its own end.
static uint32_t row_dues(const struct row *row, struct due out[2]) {
    uint32_t n = 0;
    if (row->flags & ROW_DELETED)
        out[n++] = (struct due){(uint64_t)row_ts_ms(row->begin_ts) + MARKER_KEEP_MS, DUE_MARKER};
    if (row->flags & ROW_EXPIRY) out[n++] = (struct due){(uint64_t)row->expires_ms, DUE_TTL};
    if (row->flags & ROW_LEASE) out[n++] = (struct due){row->lease.until_ms, DUE_LEASE};
    return n;
}

static bool has_due(const struct due *dues, uint32_t count, struct due d) {
    for (uint32_t i = 0; i < count; i++)
        if (dues[i].ms == d.ms && dues[i].what == d.what) return true;
    return false;
}

static nacre_status move_dues(struct txn *t, const struct apply_change *c,
                              const struct row *after) {
    struct due old[2], fresh[2];
    uint32_t tablet = c->collection->tablet;
    uint32_t old_count = c->before.stored ? row_dues(&c->before.row, old) : 0;
    uint32_t fresh_count = row_dues(after, fresh);
    for (uint32_t i = 0; i < old_count; i++)
        if (!has_due(fresh, fresh_count, old[i]))
            apply_due_delete(t, tablet, old[i].ms, old[i].what, c->id_key);
    for (uint32_t i = 0; i < fresh_count; i++) {
        if (has_due(old, old_count, fresh[i])) continue;
        apply_due_put(t, tablet, fresh[i].ms, fresh[i].what, c->id_key);
        TRY(apply_due_note(t, tablet, fresh[i].ms));
    }
    return NACRE_OK;
}

// --- history and change records ---------------------------------------------------------

// Where no bodies are kept the document itself, or the marker of its deletion, shows when it last
// changed, for longer than a transaction may last: nothing is written.
static void put_history(struct txn *t, const struct apply_change *c, struct slice data_key) {
    // A version that begins and ends in one command was never visible.
    if (!c->before.stored || c->before.row.begin_ts == t->commit_ts) return;
    if (!c->collection->history_seconds) return;
    buf_reset(&t->scratch);
    keyspace_history(&t->scratch, data_key, t->commit_ts);
    kv_batch_put(&t->batch, KV_HISTORY, buf_slice(&t->scratch), c->before.bytes);
}

static void put_change(struct txn *t, const struct apply_change *c, const struct row *after) {
    uint8_t op = c->remove ? CHANGE_DELETE : c->before.live ? CHANGE_UPDATE : CHANGE_INSERT;
    uint8_t head[18];
    struct buf *s = &t->scratch;
    buf_reset(s);
    change_key(s, c->collection->tablet,
               (struct feed_place){.seq = t->position.seq + 1, .i = t->change_count++});
    size_t key_size = s->n;
    head[0] = CHANGE_FORMAT;
    bits_put_le64(head + 1, t->commit_ts);
    head[9] = op;
    bits_put_le64(head + 10, after->version);
    buf_put(s, head, sizeof head);
    buf_put_slice(s, c->id_key);
    kv_batch_put(&t->batch, KV_DATA, slice_of(s->p, key_size),
                 slice_of(s->p + key_size, s->n - key_size));
}

// Adds up the history entries in the batch from offset from on, of documents and of indexes.
static nacre_status count_history(struct txn *t, struct tablet *tablet, size_t from,
                                  uint64_t *out) {
    struct slice rest = slice_skip(buf_slice(&t->batch.bytes), from);
    struct kv_batch_entry e;
    struct history *history;
    *out = 0;
    while (kv_batch_next(&rest, &e))
        if (e.family == KV_HISTORY) *out += e.key.n + e.value.n;
    return *out ? apply_history(t, tablet, &history) : NACRE_OK;
}

// --- quota ------------------------------------------------------------------------------

static nacre_status check_quota(struct txn *t, const struct collection *collection,
                                int64_t documents, int64_t bytes) {
    const struct database *db = catalog_database_by_id(t->catalog, collection->database_id);
    struct tablet_counters all = {0};
    if (!db || (!db->quota.documents && !db->quota.storage_bytes) || (documents <= 0 && bytes <= 0))
        return NACRE_OK;
    for (uint32_t i = 0; i < t->catalog->collection_count; i++) {
        const struct collection *other = &t->catalog->collections[i];
        if (other->database_id != db->id) continue;
        struct tablet *tablet;
        TRY(apply_tablet(t, other->tablet, &tablet));
        all.documents += tablet->now.documents;
        all.bytes += tablet->now.bytes;
    }
    return txn_check_quota(&t->ctx, db, &all, documents, bytes);
}

nacre_status txn_check_quota(struct ctx *ctx, const struct database *db,
                             const struct tablet_counters *all, int64_t documents, int64_t bytes) {
    if (db->quota.documents && documents > 0 &&
        all->documents + (uint64_t)documents > db->quota.documents)
        return err_set(ctx, NACRE_QUOTA_EXCEEDED,
                       "database %s may hold %llu documents and holds %llu", db->name,
                       (unsigned long long)db->quota.documents, (unsigned long long)all->documents);
    if (db->quota.storage_bytes && bytes > 0 &&
        all->bytes + (uint64_t)bytes > db->quota.storage_bytes)
        return err_set(ctx, NACRE_QUOTA_EXCEEDED,
                       "database %s may hold %llu bytes, holds %llu and would grow by %lld",
                       db->name, (unsigned long long)db->quota.storage_bytes,
                       (unsigned long long)all->bytes, (long long)bytes);
    return NACRE_OK;
}

nacre_status txn_bytes_of(const struct write_op *op, uint64_t *out) {
    struct buf footer BUF_CLEANUP = {0}, bytes BUF_CLEANUP = {0};
    struct row row = {.body = op->body};
    if ((op->flags & WRITE_TTL) && op->ttl_ms) row.flags |= ROW_EXPIRY;
    buf_init(&footer, NULL, SIZE_MAX);
    buf_init(&bytes, NULL, SIZE_MAX);
    footer_build(&footer, op->body);
    row.footer = buf_slice(&footer);
    row_encode(&bytes, op->id_key, &row);
    *out = KEYSPACE_PREFIX + op->id_key.n + bytes.n;
    return buf_status(&footer) == NACRE_OK ? buf_status(&bytes) : NACRE_MEMORY_LIMIT;
}

// --- the change itself ------------------------------------------------------------------

static nacre_status change_indexes(struct txn *t, const struct apply_change *c,
                                   const struct row *after, int64_t *out_bytes) {
    *out_bytes = 0;
    if (!c->collection->index_count) return NACRE_OK;
    struct val id;
    struct doc before, fresh;
    struct doc_sys before_sys, fresh_sys;
    struct overlay_kv overlay;
    overlay_open(&overlay, t);
    TRY(apply_id(t, c->id_key, &id));
    row_doc(&c->before.row, (int64_t)apply_now_ms(t), &before_sys, &before);
    row_doc(after, (int64_t)apply_now_ms(t), &fresh_sys, &fresh);
    struct index_change change = {.tablet = c->collection->tablet,
                                  .id = id,
                                  .before = c->before.live ? &before : NULL,
                                  .after = c->remove ? NULL : &fresh,
                                  .rowid = after->rowid,
                                  .commit_ts = t->commit_ts,
                                  .kv = &overlay.kv};
    TRY(index_check_unique(&t->ctx, &overlay.kv, c->collection, &change));
    return index_apply(&t->ctx, c->collection, &change, &t->batch, out_bytes);
}

static nacre_status push_effect(struct txn *t, struct slice key, struct slice row) {
    if (t->effect_count == t->effect_cap) {
        uint32_t cap = t->effect_cap ? t->effect_cap * 2 : 8;
        struct effect *grown = ARENA_ARRAY(&t->ctx.arena, struct effect, (size_t)cap);
        if (!grown) return err_nomem(&t->ctx);
        if (t->effect_count) memcpy(grown, t->effects, t->effect_count * sizeof *grown);
        t->effects = grown;
        t->effect_cap = cap;
    }
    const uint8_t *p = arena_copy(&t->ctx.arena, key.p, key.n);
    if (!p) return err_nomem(&t->ctx);
    t->effects[t->effect_count++] =
        (struct effect){.key = slice_of(p, key.n), .row = row, .commit_ts = t->commit_ts};
    return NACRE_OK;
}

nacre_status apply_forget(struct txn *t, struct slice data_key) {
    size_t from = t->batch.bytes.n;
    kv_batch_delete(&t->batch, KV_DATA, data_key);
    if (t->use_overlay) TRY(overlay_absorb(t, from));
    return push_effect(t, data_key, slice_of(NULL, 0));
}

// Fills the header of the new row and encodes it into the arena.
static nacre_status encode_after(struct txn *t, struct apply_change *c, struct tablet *tablet,
                                 struct slice data_key) {
    struct row *row = &c->after;
    const struct row *old = &c->before.row;
    if (c->remove) *row = (struct row){.flags = ROW_DELETED};
    row->schema_epoch = c->collection->schema_epoch;
    row->begin_ts = t->commit_ts;
    row->version = c->before.stored ? old->version + 1 : 1;
    row->rowid = c->before.live ? old->rowid : tablet->now.next_rowid;
    row->created_ts = c->before.live ? old->created_ts : t->commit_ts;
    if (row->body.n > DOC_BYTES_MAX)
        return err_set(&t->ctx, NACRE_DOCUMENT_TOO_LARGE,
                       "a document may have %d bytes, this one would have %zu", DOC_BYTES_MAX,
                       row->body.n);
    buf_reset(&t->scratch);
    if (!c->remove) footer_build(&t->scratch, row->body);
    row->footer = buf_slice(&t->scratch);
    buf_reset(&t->row);
    row_encode(&t->row, keyspace_local(data_key), row);
    if (buf_status(&t->scratch) != NACRE_OK || buf_status(&t->row) != NACRE_OK)
        return err_nomem(&t->ctx);
    const uint8_t *p = arena_copy(&t->ctx.arena, t->row.p, t->row.n);
    if (!p) return err_nomem(&t->ctx);
    c->after_row = slice_of(p, t->row.n);
    c->version = row->version;
    return row_decode(&t->ctx, keyspace_local(data_key), c->after_row, false, row);
}

nacre_status apply_change(struct txn *t, struct apply_change *c) {
    struct tablet *tablet;
    struct mark_key {
        uint8_t bytes[KEYSPACE_PREFIX + 2 * KEY_ID_TEXT_MAX];
    } copy;
    TRY(apply_tablet(t, c->collection->tablet, &tablet));
    buf_reset(&t->key);
    keyspace_prefix(&t->key, c->collection->tablet, KIND_DOCUMENT);
    buf_put_slice(&t->key, c->id_key);
    if (buf_status(&t->key) != NACRE_OK) return err_nomem(&t->ctx);
    if (t->key.n > sizeof copy.bytes)
        return err_set(&t->ctx, NACRE_CORRUPT, "a logged command carries an id that is too long");
    memcpy(copy.bytes, t->key.p, t->key.n);
    struct slice data_key = slice_of(copy.bytes, t->key.n);
    size_t from = t->batch.bytes.n;
    int64_t index_bytes, documents = (c->remove ? 0 : 1) - (c->before.live ? 1 : 0);

    TRY(apply_schema(t, c));
    TRY(encode_after(t, c, tablet, data_key));
    TRY(change_indexes(t, c, &c->after, &index_bytes));
    // Logical bytes are those of documents: what an index holds depends on when it was made.
    int64_t bytes = (c->remove ? 0 : (int64_t)(c->after_row.n + data_key.n)) -
                    (c->before.live ? (int64_t)(c->before.bytes.n + data_key.n) : 0);
    TRY(check_quota(t, c->collection, documents, bytes));
    kv_batch_put(&t->batch, KV_DATA, data_key, c->after_row);
    TRY(move_dues(t, c, &c->after));
    if (!t->no_trail) {
        put_history(t, c, data_key);
        put_change(t, c, &c->after);
    }
    uint64_t history = 0;
    if (!t->no_trail && c->collection->history_seconds)
        TRY(count_history(t, tablet, from, &history));
    if (t->use_overlay) TRY(overlay_absorb(t, from));
    TRY(push_effect(t, data_key, c->after_row));
    apply_touch(t, tablet);
    tablet->now.history_total += history;
    if (!c->before.live) tablet->now.next_rowid++;
    tablet->now.documents += (uint64_t)documents;
    tablet->now.bytes += (uint64_t)bytes;
    return NACRE_OK;
}
