// nacre check: every checksum, and every index entry, guard, due entry and counter against its
// document. Two passes per collection. Documents first: each row is decoded and validated, and
// every entry and guard it must have is looked up and counted. Then the entries and guards there
// are get counted: with none missing, a surplus is what belongs to no document.
#include <stdarg.h>
#include <stdio.h>

#include "base/bits/bits.h"
#include "doc/footer.h"
#include "engine/internal.h"
#include "txn/history.h"
#include "index/entry.h"
#include "log/local/log_local.h"

enum { PROBLEM_TEXT_MAX = 512, LOG_LOOKS = 100 };

struct check {
    struct ctx *ctx;
    struct engine *engine;
    struct view *view;
    engine_problem *each;
    void *arg;
    uint64_t problems;
    const struct collection *collection;
    uint64_t documents, bytes; // of the collection
    uint64_t dues;             // due entries its rows must have
    uint64_t entries[INDEXES_MAX], guards[INDEXES_MAX];
};

static void PRINTF_LIKE(2, 3) report(struct check *k, const char *fmt, ...) {
    char text[PROBLEM_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    k->problems++;
    k->each(k->arg, text);
}

static void report_below(void *arg, const char *text) { report((struct check *)arg, "%s", text); }

// A corrupt object is a finding; anything else (memory, I/O, time) ends the check.
static nacre_status finding(struct check *k, nacre_status status, const char *where) {
    if (status != NACRE_CORRUPT && status != NACRE_INCOMPATIBLE_FORMAT) return status;
    report(k, "%s: %s", where, k->ctx->err.detail);
    return NACRE_OK;
}

static void id_text(struct check *k, struct slice id_key, char out[160]) {
    struct slice in = id_key;
    struct val id;
    struct buf text BUF_CLEANUP = {0};
    buf_init(&text, NULL, 4096);
    if (key_decode(k->ctx, &in, false, KEY_TB_PLAIN, &id) == NACRE_OK)
        id_print(&text, id);
    else
        buf_put_str(&text, "(malformed id)");
    size_t n = text.n < 100 ? text.n : 100;
    snprintf(out, 160, "document %.*s of %s", (int)n, (const char *)text.p, k->collection->name);
}

static nacre_status lookup(struct check *k, struct slice key, struct kv_pin *pin, bool *found) {
    struct kv *kv = k->engine->kv;
    return kv->ops->get(kv, k->ctx, k->view->kv_view, KV_DATA, key, pin, found);
}

static nacre_status check_entry(struct check *k, const struct index_def *index,
                                const struct index_key *key, struct slice id_key, const char *who) {
    struct buf full BUF_CLEANUP = {0};
    struct kv_pin pin;
    struct index_entry entry;
    bool found;
    buf_init(&full, NULL, SIZE_MAX);
    keyspace_index(&full, k->collection->tablet, index->id);
    buf_put_slice(&full, key->components);
    buf_put_slice(&full, id_key);
    TRY(buf_status(&full));
    TRY(lookup(k, buf_slice(&full), &pin, &found));
    if (!found) {
        report(k, "index %s lacks an entry of %s", index->name, who);
        return NACRE_OK;
    }
    nacre_status status = index_entry_decode(k->ctx, pin.value, &entry);
    k->engine->kv->ops->unpin(k->engine->kv, &pin);
    return finding(k, status, index->name);
}

static nacre_status check_guard(struct check *k, const struct index_def *index,
                                const struct index_key *key, struct slice id_key, const char *who) {
    struct buf full BUF_CLEANUP = {0};
    struct kv_pin pin;
    uint64_t begin_ts;
    struct slice owner;
    bool found;
    buf_init(&full, NULL, SIZE_MAX);
    keyspace_unique(&full, k->collection->tablet, index->id);
    buf_put_slice(&full, key->components);
    TRY(buf_status(&full));
    TRY(lookup(k, buf_slice(&full), &pin, &found));
    if (!found) {
        report(k, "unique index %s lacks the guard of %s", index->name, who);
        return NACRE_OK;
    }
    nacre_status status = index_guard_decode(k->ctx, pin.value, &begin_ts, &owner);
    if (status == NACRE_OK && !slice_eq(owner, id_key))
        report(k, "the guard of unique index %s for %s names another document", index->name, who);
    k->engine->kv->ops->unpin(k->engine->kv, &pin);
    return finding(k, status, index->name);
}

static nacre_status check_index(struct check *k, uint32_t number, const struct doc *doc,
                                struct slice id_key, const char *who) {
    const struct index_def *index = &k->collection->indexes[number];
    struct index_keys keys;
    bool covers;
    if (index->state != INDEX_READY) return NACRE_OK;
    TRY(index_covers(k->ctx, index, doc, &covers));
    if (!covers) return NACRE_OK;
    TRY(index_keys_of(k->ctx, index, doc, &keys));
    k->entries[number] += keys.count;
    for (uint32_t i = 0; i < keys.count; i++) {
        TRY(check_entry(k, index, &keys.keys[i], id_key, who));
        if (!index->unique || keys.keys[i].has_null) continue;
        k->guards[number]++;
        TRY(check_guard(k, index, &keys.keys[i], id_key, who));
    }
    return NACRE_OK;
}

static nacre_status check_due(struct check *k, uint64_t due_ms, enum due_what what,
                              struct slice id_key, const char *who) {
    struct buf key BUF_CLEANUP = {0};
    struct kv_pin pin;
    bool found;
    buf_init(&key, NULL, SIZE_MAX);
    keyspace_due(&key, k->collection->tablet, due_ms, (uint8_t)what, id_key);
    TRY(buf_status(&key));
    TRY(lookup(k, buf_slice(&key), &pin, &found));
    k->dues++;
    if (!found) {
        report(k, "the queue of things that end lacks what %s says", who);
        return NACRE_OK;
    }
    k->engine->kv->ops->unpin(k->engine->kv, &pin);
    return NACRE_OK;
}

static nacre_status check_dues(struct check *k, const struct row *row, struct slice id_key,
                               const char *who) {
    if (row->flags & ROW_DELETED)
        TRY(check_due(k, (uint64_t)row_ts_ms(row->begin_ts) + MARKER_KEEP_MS, DUE_MARKER, id_key,
                      who));
    if (row->flags & ROW_EXPIRY) TRY(check_due(k, (uint64_t)row->expires_ms, DUE_TTL, id_key, who));
    if (row->flags & ROW_LEASE) TRY(check_due(k, row->lease.until_ms, DUE_LEASE, id_key, who));
    return NACRE_OK;
}

static nacre_status check_body(struct check *k, const struct row *row) {
    TRY(bson_validate(k->ctx, row->body));
    return row->footer.n ? footer_validate(k->ctx, row->body, row->footer) : NACRE_OK;
}

static nacre_status check_row(struct check *k, struct slice key, struct slice value) {
    struct row row;
    struct doc_sys sys;
    struct doc doc;
    char who[160];
    struct slice id_key = slice_skip(key, KEYSPACE_PREFIX);
    id_text(k, id_key, who);
    nacre_status status = row_decode(k->ctx, keyspace_local(key), value, true, &row);
    if (status != NACRE_OK) return finding(k, status, who);
    TRY(check_dues(k, &row, id_key, who));
    if (row.flags & ROW_DELETED) return NACRE_OK;
    k->documents++;
    k->bytes += key.n + value.n;
    status = check_body(k, &row);
    if (status != NACRE_OK) return finding(k, status, who);
    row_doc(&row, (int64_t)engine_now_ms(k->engine), &sys, &doc);
    for (uint32_t i = 0; i < k->collection->index_count; i++)
        TRY(check_index(k, i, &doc, id_key, who));
    return NACRE_OK;
}

static nacre_status scan_prefix(struct check *k, struct slice prefix,
                                nacre_status (*each)(struct check *, struct slice, struct slice),
                                uint64_t *out_count) {
    struct kv_iter *it;
    struct buf upper BUF_CLEANUP = {0};
    struct kv *kv = k->engine->kv;
    buf_init(&upper, NULL, 4096);
    buf_put_slice(&upper, prefix);
    TRY(buf_status(&upper));
    if (!key_prefix_end(&upper)) return NACRE_OK;
    struct kv_iter_options options = {.lower = prefix, .upper = buf_slice(&upper)};
    TRY(kv->ops->iter_open(kv, k->ctx, k->view->kv_view, KV_DATA, &options, &it));
    nacre_status status = NACRE_OK;
    uint64_t count = 0;
    for (it->ops->seek_first(it); it->valid && status == NACRE_OK; it->ops->next(it)) {
        struct arena_mark mark = arena_mark(&k->ctx->arena);
        if (each) status = each(k, it->key, it->value);
        arena_rewind(&k->ctx->arena, mark);
        if (++count % 1024 == 0 && status == NACRE_OK) status = ctx_check(k->ctx);
    }
    if (status == NACRE_OK) status = finding(k, it->ops->status(it, k->ctx), k->collection->name);
    it->ops->close(it);
    *out_count = count;
    return status;
}

static nacre_status check_surplus(struct check *k, uint32_t number) {
    const struct index_def *index = &k->collection->indexes[number];
    struct buf prefix BUF_CLEANUP = {0};
    uint64_t entries, guards;
    if (index->state != INDEX_READY) return NACRE_OK;
    buf_init(&prefix, NULL, 64);
    keyspace_index(&prefix, k->collection->tablet, index->id);
    TRY(buf_status(&prefix));
    TRY(scan_prefix(k, buf_slice(&prefix), NULL, &entries));
    buf_reset(&prefix);
    keyspace_unique(&prefix, k->collection->tablet, index->id);
    TRY(buf_status(&prefix));
    TRY(scan_prefix(k, buf_slice(&prefix), NULL, &guards));
    if (entries != k->entries[number])
        report(k, "index %s of %s has %llu entries, its documents need %llu", index->name,
               k->collection->name, (unsigned long long)entries,
               (unsigned long long)k->entries[number]);
    if (guards != k->guards[number])
        report(k, "unique index %s of %s has %llu guards, its documents need %llu", index->name,
               k->collection->name, (unsigned long long)guards,
               (unsigned long long)k->guards[number]);
    return NACRE_OK;
}

static nacre_status check_counters(struct check *k) {
    struct tablet_counters counters;
    struct history history;
    nacre_status status =
        tablet_read(k->ctx, k->engine->kv, k->view->kv_view, k->collection->tablet, &counters);
    if (status == NACRE_OK)
        status =
            history_read(k->ctx, k->engine->kv, k->view->kv_view, k->collection->tablet, &history);
    if (status != NACRE_OK) return finding(k, status, k->collection->name);
    if (counters.documents != k->documents)
        report(k, "the counter of %s says %llu documents, there are %llu", k->collection->name,
               (unsigned long long)counters.documents, (unsigned long long)k->documents);
    if (counters.bytes != k->bytes)
        report(k, "the counter of %s says %llu bytes, there are %llu", k->collection->name,
               (unsigned long long)counters.bytes, (unsigned long long)k->bytes);
    return NACRE_OK;
}

static nacre_status count_due(struct check *k, struct slice key, struct slice value) {
    (void)value;
    enum { WHAT = KEYSPACE_PREFIX + 8 };
    if (key.n <= WHAT) {
        report(k, "a due entry of %s is malformed", k->collection->name);
        return NACRE_OK;
    }
    if (key.p[WHAT] == DUE_IDEMPOTENCY || key.p[WHAT] == DUE_STAGE) k->dues++;
    return NACRE_OK;
}

static nacre_status check_collection(struct check *k) {
    uint8_t prefix[KEYSPACE_PREFIX];
    uint64_t rows, dues;
    k->documents = k->bytes = k->dues = 0;
    memset(k->entries, 0, sizeof k->entries);
    memset(k->guards, 0, sizeof k->guards);
    bits_put_be32(prefix, k->collection->tablet);
    prefix[4] = KIND_DOCUMENT;
    TRY(scan_prefix(k, slice_of(prefix, sizeof prefix), check_row, &rows));
    for (uint32_t i = 0; i < k->collection->index_count; i++)
        TRY(check_surplus(k, i));
    prefix[4] = KIND_DUE;
    TRY(scan_prefix(k, slice_of(prefix, sizeof prefix), count_due, &dues));
    if (dues != k->dues)
        report(k, "the queue of things that end has %llu entries for %s, its documents need %llu",
               (unsigned long long)dues, k->collection->name, (unsigned long long)k->dues);
    return check_counters(k);
}

static nacre_status check_log(struct check *k) {
    char path[4096];
    uint64_t records;
    if (!k->engine->dir) return NACRE_OK;
    int n = snprintf(path, sizeof path, "%s/log", k->engine->dir);
    if (n < 0 || (size_t)n >= sizeof path) return NACRE_OK;
    // The log goes on growing meanwhile; a look that met a moving end is taken again.
    nacre_status status = NACRE_UNAVAILABLE;
    for (int i = 0; i < LOG_LOOKS && status == NACRE_UNAVAILABLE; i++)
        status = log_local_verify(k->ctx, path, report_below, k, &records);
    return status;
}

nacre_status engine_check(struct ctx *ctx, struct engine *e, engine_problem *each, void *arg,
                          uint64_t *out_problems) {
    struct check k = {.ctx = ctx, .engine = e, .each = each, .arg = arg};
    TRY(engine_usable(ctx, e));
    k.view = engine_view(e);
    nacre_status status = e->kv->ops->verify(e->kv, ctx, report_below, &k);
    if (status == NACRE_OK) status = check_log(&k);
    for (uint32_t i = 0; i < k.view->catalog->collection_count && status == NACRE_OK; i++) {
        k.collection = &k.view->catalog->collections[i];
        status = check_collection(&k);
    }
    txn_view_release(k.view);
    *out_problems = k.problems;
    return status;
}
