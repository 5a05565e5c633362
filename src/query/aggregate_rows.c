// Rows of an aggregate: which groups are among those of the page, in their order; then one after
// the other.
#include "base/bits/bits.h"
#include "query/aggregate_run.h"
#include "query/cursor.h"

static nacre_status results(struct ctx *ctx, const struct aggregate *a, const struct group *group,
                            struct val *out) {
    for (uint32_t i = 0; i < a->request.item_count; i++)
        TRY(accumulate_result(ctx, &a->request.items[i], &group->items[i], &out[i]));
    return NACRE_OK;
}

// named: as the row is given out; else as having and sort know the columns.
static nacre_status make_row(struct ctx *ctx, struct aggregate *a, const struct group *group,
                             const struct val *values, bool named) {
    const struct aggregate_request *r = &a->request;
    char text[AGGREGATE_COLUMN_TEXT];
    struct bson_writer w;
    buf_reset(&a->row);
    bson_begin(&w, &a->row);
    for (uint32_t i = 0; i < r->key_count; i++)
        bson_put(&w, named ? r->keys[i].text : aggregate_column(i, text), group->keys[i].v);
    for (uint32_t i = 0; i < r->item_count; i++)
        bson_put(&w, named ? r->items[i].name : aggregate_column(r->key_count + i, text),
                 values[i]);
    bson_end(&w);
    return buf_status(&a->row) == NACRE_OK ? NACRE_OK : err_buf(ctx, &a->row);
}

// Leaves the sort key and the keys in a->key.
static nacre_status make_key(struct ctx *ctx, struct aggregate *a, const struct group *group,
                             bool *wanted) {
    const struct aggregate_request *r = &a->request;
    struct val values[AGGREGATES_MAX];
    *wanted = true;
    buf_reset(&a->key);
    TRY(results(ctx, a, group, values)); // of all, so that none is told by luck
    if (!r->having && r->query.sort.count == 0) {
        buf_put_slice(&a->key, group->entry.key);
        return buf_status(&a->key) == NACRE_OK ? NACRE_OK : err_buf(ctx, &a->key);
    }
    TRY(make_row(ctx, a, group, values, false));
    struct doc doc = {.body = buf_slice(&a->row)};
    if (r->having) TRY(filter_eval(ctx, r->having, &doc, wanted));
    return *wanted ? sort_key(ctx, &r->query.sort, &doc, group->entry.key, &a->key) : NACRE_OK;
}

nacre_status aggregate_rank(struct ctx *ctx, struct aggregate *a, const struct group *group) {
    bool wanted;
    a->group_count++;
    TRY(make_key(ctx, a, group, &wanted));
    struct slice key = buf_slice(&a->key);
    if (!wanted || (a->after.n && slice_cmp(key, a->after) <= 0)) return NACRE_OK;
    if (!sorter_wants(&a->rows, key)) return NACRE_OK;
    groups_put_state(&a->key, &a->request, group);
    buf_put_le32(&a->key, (uint32_t)key.n);
    if (buf_status(&a->key) != NACRE_OK) return err_buf(ctx, &a->key);
    return sorter_add(ctx, &a->rows, buf_slice(&a->key));
}

// --- the cursor ---------------------------------------------------------------------------------

static const struct sort_spec by_place; // a cursor's key is one component

static struct cursor_scope scope_of(const struct aggregate *a) {
    const struct query_request *q = &a->request.query;
    bool all = !q->filter || q->filter->root->op == FILTER_TRUE;
    uint64_t hash = a->request.hash;
    return (struct cursor_scope){
        .filter_hash = all ? 0 : filter_hash(q->filter),
        .sort_hash = hash_bytes_seed(&hash, sizeof hash, cursor_sort_hash(&q->sort)),
        .collection_id = a->target.collection->id};
}

nacre_status aggregate_read_cursor(struct ctx *ctx, struct aggregate *a) {
    struct cursor_scope scope = scope_of(a);
    struct slice key;
    struct val place;
    if (a->request.query.cursor.n == 0) return NACRE_OK;
    TRY(cursor_read(ctx, a->request.query.cursor, &scope, &by_place, &key));
    nacre_status status = key_decode(ctx, &key, false, KEY_TB_PLAIN, &place);
    if (status == NACRE_OK && place.type == VAL_BINARY && place.n > 0) {
        const uint8_t *copy = arena_copy(&a->own.arena, place.p, place.n);
        a->after = slice_of(copy, place.n);
        return copy ? NACRE_OK : err_nomem(ctx);
    }
    if (status == NACRE_MEMORY_LIMIT) return status;
    status = err_set(ctx, NACRE_INVALID_ARGUMENT, "the cursor is malformed");
    err_expected(ctx, "/cursor", "the next_cursor of an answer", "no place in the order");
    return status;
}

// --- the page -----------------------------------------------------------------------------------

// The group of a row, put together in a->one, and its place in the order in a->last.
static nacre_status take_row(struct ctx *ctx, struct aggregate *a, struct slice row,
                             struct group **out) {
    size_t end = row.n - 4, key_n = bits_le32(row.p + end);
    buf_reset(&a->last);
    buf_put(&a->last, row.p, key_n);
    if (buf_status(&a->last) != NACRE_OK) return err_buf(ctx, &a->last);
    arena_reset(&a->one);
    struct group *group = groups_make(&a->one, &a->request, slice_of(NULL, 0));
    if (!group) return err_nomem(ctx);
    *out = group;
    return groups_merge_state(ctx, &a->one, &a->request, group,
                              slice_of(row.p + key_n, end - key_n));
}

nacre_status aggregate_next(struct ctx *ctx, struct aggregate *a, struct slice *bson, bool *found) {
    struct val values[AGGREGATES_MAX];
    struct group *group = NULL;
    struct slice row;
    *found = false;
    if (a->returned == a->request.query.limit) return NACRE_OK;
    a->has_last = false; // a failure leaves no place to go on from
    TRY(sorter_next(ctx, &a->rows, &row, found));
    if (!*found) return NACRE_OK;
    *found = false;
    TRY(take_row(ctx, a, row, &group));
    TRY(results(ctx, a, group, values));
    TRY(make_row(ctx, a, group, values, true));
    a->has_last = *found = true;
    a->returned++;
    *bson = buf_slice(&a->row);
    return NACRE_OK;
}

nacre_status aggregate_cursor(struct ctx *ctx, struct aggregate *a, struct buf *out) {
    struct cursor_scope scope = scope_of(a);
    if (!a->has_last || sorter_is_empty(&a->rows)) return NACRE_OK;
    buf_reset(&a->key);
    (void)key_put(&a->key, val_bytes(VAL_BINARY, buf_slice(&a->last)), false);
    if (buf_status(&a->key) != NACRE_OK) return err_buf(ctx, &a->key);
    cursor_write(out, &scope, buf_slice(&a->key));
    return buf_status(out) == NACRE_OK ? NACRE_OK : err_buf(ctx, out);
}
