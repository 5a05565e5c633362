// Groups in memory: documents that match go into them one after the other; then each is a row, and
// the rows of the page are kept in order.
#include "query/aggregate.h"

#include "base/bits/bits.h"
#include "query/aggregate_run.h"
#include "query/cursor.h"

enum { AGGREGATE_KEY_MAX = 512 * 1024 * 1024, AGGREGATE_CHECK = 256 };

static nacre_status too_much(struct ctx *ctx) {
    nacre_status status = err_set(ctx, NACRE_MEMORY_LIMIT, "there is no memory for the groups");
    err_hint(ctx, "Narrow the filter, or group by what has fewer values.");
    return status;
}

// --- groups -------------------------------------------------------------------------------------

static struct group *group_new(struct aggregate *a, uint64_t hash, struct slice key) {
    const struct aggregate_request *r = &a->request;
    struct arena *arena = &a->own.arena;
    struct group *group = ARENA_NEW(arena, struct group);
    struct kept *keys = ARENA_ARRAY(arena, struct kept, r->key_count + 1);
    struct accumulator *items = ARENA_ARRAY(arena, struct accumulator, r->item_count + 1);
    const uint8_t *bytes = arena_copy(arena, key.p, key.n);
    if (!group || !keys || !items || (key.n && !bytes)) return NULL;
    *group = (struct group){.entry = {.hash = hash, .key = slice_of(bytes, key.n)},
                            .next = a->list,
                            .serial = a->groups.count,
                            .keys = keys,
                            .items = items};
    return group;
}

// The group of the key in a->key, whose values are given.
static nacre_status group_of(struct ctx *ctx, struct aggregate *a, const struct val *values,
                             struct group **out) {
    struct slice key = buf_slice(&a->key);
    uint64_t hash = hash_bytes(key.p, key.n);
    struct key_entry **place;
    TRY(key_set_place(ctx, &a->groups, hash, key, &place));
    struct group *group = (struct group *)*place;
    bool fresh = !group;
    if (fresh) group = group_new(a, hash, key);
    if (!group) return too_much(ctx);
    for (uint32_t i = 0; i < a->request.key_count; i++)
        if ((fresh || accumulate_shows(values[i], group->keys[i].v)) &&
            !accumulate_keep(&a->own.arena, &group->keys[i], values[i]))
            return too_much(ctx);
    if (fresh) {
        *place = &group->entry;
        a->groups.count++;
        a->list = group;
    }
    *out = group;
    return NACRE_OK;
}

// Whether the value is new to this aggregate of the group.
static nacre_status is_new(struct ctx *ctx, struct aggregate *a, const struct group *group,
                           uint32_t item, struct val v, bool *out) {
    struct key_entry **place;
    buf_reset(&a->key);
    buf_put_le64(&a->key, group->serial);
    buf_put_u8(&a->key, (uint8_t)item);
    (void)key_put(&a->key, v, false);
    if (buf_status(&a->key) != NACRE_OK) return err_buf(ctx, &a->key);
    struct slice key = buf_slice(&a->key);
    uint64_t hash = hash_bytes(key.p, key.n);
    TRY(key_set_place(ctx, &a->distinct, hash, key, &place));
    *out = !*place;
    if (*place) return NACRE_OK;
    struct key_entry *entry = ARENA_NEW(&a->own.arena, struct key_entry);
    const uint8_t *bytes = arena_copy(&a->own.arena, key.p, key.n);
    if (!entry || !bytes) return too_much(ctx);
    *entry = (struct key_entry){.hash = hash, .key = slice_of(bytes, key.n)};
    *place = entry;
    a->distinct.count++;
    return NACRE_OK;
}

static nacre_status add_item(struct ctx *ctx, struct aggregate *a, struct group *group, uint32_t i,
                             const struct doc *doc) {
    const struct aggregate_item *item = &a->request.items[i];
    uint8_t scratch[64];
    bool counts = true;
    if (item->documents) {
        group->items[i].count++;
        return NACRE_OK;
    }
    struct val v = doc_get(doc, &item->path, scratch);
    if (val_is_nullish(v)) return NACRE_OK;
    if (item->op == AGGREGATE_COUNT_DISTINCT) TRY(is_new(ctx, a, group, i, v, &counts));
    if (!counts) return NACRE_OK;
    nacre_status status = accumulate_add(ctx, &a->own.arena, item, &group->items[i], v);
    return status == NACRE_MEMORY_LIMIT ? too_much(ctx) : status;
}

static nacre_status add_document(struct ctx *ctx, struct aggregate *a, const struct row *row) {
    const struct aggregate_request *r = &a->request;
    uint8_t scratch[AGGREGATE_KEYS_MAX][64];
    struct val values[AGGREGATE_KEYS_MAX];
    struct group *group = NULL;
    struct doc_sys sys;
    struct doc doc;
    row_doc(row, r->query.now_ms, &sys, &doc);
    buf_reset(&a->key);
    for (uint32_t i = 0; i < r->key_count; i++) {
        values[i] = doc_get(&doc, &r->keys[i], scratch[i]);
        if (values[i].type == VAL_MISSING) values[i] = val_null();
        (void)key_put(&a->key, values[i], false);
    }
    if (buf_status(&a->key) != NACRE_OK) return err_buf(ctx, &a->key);
    TRY(group_of(ctx, a, values, &group));
    for (uint32_t i = 0; i < r->item_count; i++)
        TRY(add_item(ctx, a, group, i, &doc));
    return NACRE_OK;
}

static nacre_status group_all(struct ctx *ctx, struct aggregate *a, bool timed) {
    struct query_request all = {.filter = a->request.query.filter,
                                .limit = QUERY_UNLIMITED,
                                .forbid_indexes = a->request.query.forbid_indexes,
                                .now_ms = a->request.query.now_ms};
    struct exec_options options = {.any_order = true, .timed = timed};
    struct query_row row;
    uint64_t run;
    TRY(exec_open(ctx, &a->target, &all, &options, &a->source));
    for (bool found = true;;) {
        TRY(exec_match(ctx, a->source, &row, &run, &found));
        if (!found) return NACRE_OK;
        uint64_t clock = exec_clock(ctx, a->source);
        TRY(add_document(ctx, a, &row.row));
        if (timed) a->ns += exec_clock(ctx, a->source) - clock;
    }
}

// --- counts alone -------------------------------------------------------------------------------

static bool only_counts(const struct aggregate_request *r) {
    for (uint32_t i = 0; i < r->item_count; i++)
        if (!r->items[i].documents) return false;
    return r->key_count == 0;
}

static nacre_status count_all(struct ctx *ctx, struct aggregate *a, struct group *group) {
    struct query_count_request count = {.filter = a->request.query.filter,
                                        .forbid_indexes = a->request.query.forbid_indexes,
                                        .now_ms = a->request.query.now_ms};
    uint64_t documents;
    TRY(query_count(ctx, &a->target, &count, &documents, &a->stats));
    for (uint32_t i = 0; i < a->request.item_count; i++)
        group->items[i].count = documents;
    return NACRE_OK;
}

// --- rows ---------------------------------------------------------------------------------------

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
static nacre_status rank(struct ctx *ctx, struct aggregate *a, const struct group *group,
                         bool *wanted) {
    const struct aggregate_request *r = &a->request;
    struct val values[AGGREGATES_MAX];
    *wanted = true;
    TRY(results(ctx, a, group, values));
    if (r->having || r->query.sort.count) TRY(make_row(ctx, a, group, values, false));
    struct doc doc = {.body = buf_slice(&a->row)};
    if (r->having) TRY(filter_eval(ctx, r->having, &doc, wanted));
    buf_reset(&a->key);
    if (!*wanted) return NACRE_OK;
    if (r->query.sort.count) return sort_key(ctx, &r->query.sort, &doc, group->entry.key, &a->key);
    buf_put_slice(&a->key, group->entry.key);
    return buf_status(&a->key) == NACRE_OK ? NACRE_OK : err_buf(ctx, &a->key);
}

static nacre_status rank_all(struct ctx *ctx, struct aggregate *a) {
    uint32_t steps = 0;
    for (struct group *group = a->list; group; group = group->next) {
        bool wanted;
        if (++steps % AGGREGATE_CHECK == 0) TRY(ctx_check(ctx));
        TRY(rank(ctx, a, group, &wanted));
        if (!wanted || (a->after.n && slice_cmp(buf_slice(&a->key), a->after) <= 0)) continue;
        buf_put(&a->key, &group, sizeof group);
        if (buf_status(&a->key) != NACRE_OK) return err_buf(ctx, &a->key);
        TRY(sorter_add(ctx, &a->sorter, buf_slice(&a->key)));
    }
    return NACRE_OK;
}

// --- opening ------------------------------------------------------------------------------------

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

static nacre_status read_cursor(struct ctx *ctx, struct aggregate *a) {
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

static nacre_status run(struct ctx *ctx, struct aggregate *a, bool timed) {
    struct group *whole = NULL;
    TRY(read_cursor(ctx, a));
    if (a->request.key_count == 0) TRY(group_of(ctx, a, NULL, &whole));
    TRY(only_counts(&a->request) ? count_all(ctx, a, whole) : group_all(ctx, a, timed));
    key_set_free(&a->distinct);
    return rank_all(ctx, a);
}

nacre_status aggregate_run(struct ctx *ctx, const struct query_target *target,
                           const struct aggregate_request *request, bool timed,
                           struct aggregate **out) {
    struct budget *budget = ctx->arena.budget;
    struct aggregate *a = mem_zalloc(sizeof *a);
    if (!a) return err_nomem(ctx);
    a->target = *target;
    a->request = *request;
    ctx_init(&a->own, ctx->world, budget, ctx->arena.max);
    key_set_init(&a->groups, budget);
    key_set_init(&a->distinct, budget);
    sorter_init(&a->sorter, budget, ctx->arena.max);
    sorter_reset(&a->sorter, (size_t)request->query.limit + 1); // one more: is there a next page?
    buf_init(&a->key, budget, AGGREGATE_KEY_MAX);
    buf_init(&a->row, budget, AGGREGATE_KEY_MAX);
    buf_init(&a->last, budget, AGGREGATE_KEY_MAX);
    nacre_status status = run(ctx, a, timed);
    if (status == NACRE_OK)
        *out = a;
    else
        aggregate_close(a);
    return status;
}

nacre_status aggregate_open(struct ctx *ctx, const struct query_target *target,
                            const struct aggregate_request *request, struct aggregate **out) {
    return aggregate_run(ctx, target, request, false, out);
}

void aggregate_close(struct aggregate *a) {
    if (!a) return;
    query_close(a->source);
    key_set_free(&a->groups);
    key_set_free(&a->distinct);
    sorter_free(&a->sorter);
    buf_free(&a->key);
    buf_free(&a->row);
    buf_free(&a->last);
    ctx_free(&a->own);
    mem_free(a);
}

// --- the page -----------------------------------------------------------------------------------

nacre_status aggregate_next(struct ctx *ctx, struct aggregate *a, struct slice *bson, bool *found) {
    struct val values[AGGREGATES_MAX];
    struct group *group;
    struct slice key;
    *found = false;
    if (a->returned == a->request.query.limit || !sorter_next(&a->sorter, &key)) return NACRE_OK;
    a->has_last = false; // a failure leaves no place to go on from
    key.n -= sizeof group;
    memcpy(&group, key.p + key.n, sizeof group);
    buf_reset(&a->last);
    buf_put_slice(&a->last, key);
    if (buf_status(&a->last) != NACRE_OK) return err_buf(ctx, &a->last);
    TRY(results(ctx, a, group, values));
    TRY(make_row(ctx, a, group, values, true));
    a->has_last = *found = true;
    a->returned++;
    *bson = buf_slice(&a->row);
    return NACRE_OK;
}

nacre_status aggregate_cursor(struct ctx *ctx, struct aggregate *a, struct buf *out) {
    struct cursor_scope scope = scope_of(a);
    if (!a->has_last || sorter_is_empty(&a->sorter)) return NACRE_OK;
    buf_reset(&a->key);
    (void)key_put(&a->key, val_bytes(VAL_BINARY, buf_slice(&a->last)), false);
    if (buf_status(&a->key) != NACRE_OK) return err_buf(ctx, &a->key);
    cursor_write(out, &scope, buf_slice(&a->key));
    return buf_status(out) == NACRE_OK ? NACRE_OK : err_buf(ctx, out);
}
