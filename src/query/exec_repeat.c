// A multikey index has several keys for one document. Read in order, the document counts at the
// first of them that the path comes to: there it stands where its sort key puts it, since an array
// sorts by its least element, or, going down, by its greatest.
#include "catalog/keyspace.h"
#include "index/entry.h"
#include "query/exec.h"

nacre_status exec_keep_ranges(struct query *q, const struct plan *plan) {
    const struct access_path *path = &plan->path;
    q->whole_count = path->range_count;
    q->whole = ARENA_ARRAY(&q->own.arena, struct key_range, (size_t)path->range_count + 1);
    if (!q->whole) return err_nomem(&q->own);
    if (path->range_count) memcpy(q->whole, path->ranges, path->range_count * sizeof *path->ranges);
    return NACRE_OK;
}

nacre_status exec_keep_entry(struct ctx *ctx, struct query *q, struct slice components) {
    if (q->fetch.count == 0) buf_reset(&q->entries);
    q->entry_at[q->fetch.count] = (struct scan_piece){.at = q->entries.n, .n = components.n};
    buf_put_slice(&q->entries, components);
    return buf_status(&q->entries) == NACRE_OK ? NACRE_OK : err_buf(ctx, &q->entries);
}

static bool in_ranges(const struct query *q, struct slice key) {
    uint32_t from = 0, to = q->whole_count;
    while (from < to) { // the first range that ends after the key
        uint32_t at = from + (to - from) / 2;
        if (slice_cmp(q->whole[at].upper, key) <= 0)
            from = at + 1;
        else
            to = at;
    }
    return from < q->whole_count && slice_cmp(q->whole[from].lower, key) <= 0;
}

static nacre_status first_of(struct ctx *ctx, struct query *q, const struct index_keys *keys,
                             struct slice *out) {
    const struct plan *plan = q->plan;
    for (uint32_t i = 0; i < keys->count; i++) {
        *out = keys->keys[plan->path.reverse ? keys->count - 1 - i : i].components;
        buf_reset(&q->key);
        keyspace_index(&q->key, plan->path.tablet, plan->index->id);
        buf_put_slice(&q->key, *out);
        if (buf_status(&q->key) != NACRE_OK) return err_buf(ctx, &q->key);
        if (in_ranges(q, buf_slice(&q->key))) return NACRE_OK;
    }
    return err_set(ctx, NACRE_CORRUPT, "index \"%s\" has a key that its document has not",
                   plan->index->name);
}

nacre_status exec_is_first(struct ctx *ctx, struct query *q, const struct query_row *row,
                           bool *out) {
    const struct scan_piece *at = &q->entry_at[q->fetch.next - 1];
    struct slice entry = slice_of(q->entries.p + at->at, at->n), first = {0};
    struct arena_mark mark = arena_mark(&ctx->arena);
    struct index_keys keys;
    struct doc_sys sys;
    struct doc doc;
    row_doc(&row->row, q->request.now_ms, &sys, &doc);
    nacre_status status = index_keys_of(ctx, q->plan->index, &doc, &keys);
    if (status == NACRE_OK) status = first_of(ctx, q, &keys, &first);
    if (status == NACRE_OK) *out = slice_eq(entry, first);
    arena_rewind(&ctx->arena, mark);
    return status;
}
