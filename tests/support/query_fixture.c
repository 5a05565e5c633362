#include "support/query_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doc/json.h"
#include "doc/key.h"
#include "support/doc_values.h"
#include "support/index_fixture.h"
#include "support/kv_stand.h"
#include "support/scratch.h"

void query_fixture_open(struct query_fixture *f, enum kv_stand_kind kind) {
    memset(f, 0, sizeof *f);
    index_fixture_open(&f->index);
    if (kind == KV_STAND_ROCKS) {
        f->has_stand = true;
        f->index.base.kv->ops->close(f->index.base.kv);
        kv_stand_open(&f->stand, kind);
        f->index.base.kv = f->stand.kv;
    }
    f->view.kv = f->index.base.kv;
    f->target = (struct query_target){.view = &f->view, .collection = &f->index.collection};
}

void query_fixture_spill(struct query_fixture *f, size_t work_bytes) {
    struct ctx *ctx = &f->index.base.ctx;
    char path[64];
    if (work_bytes && !f->spill.dir.path) {
        scratch_dir("spill", path);
        assert_int_equal(temp_dir_open(ctx, path, 0, &f->spill.dir), NACRE_OK);
    }
    f->spill.work_bytes = work_bytes;
    f->target.spill = work_bytes ? &f->spill : NULL;
}

// Nothing is left in it, nor open.
static void spill_drop(struct query_fixture *f) {
    struct dir_list list;
    if (!f->spill.dir.path) return;
    assert_int_equal(atomic_load(&f->spill.dir.files), 0);
    assert_int_equal(dir_list(&f->index.base.ctx, f->spill.dir.path, &list), NACRE_OK);
    assert_int_equal(list.count, 0);
    dir_list_free(&list);
    assert_int_equal(dir_remove_all(&f->index.base.ctx, f->spill.dir.path), NACRE_OK);
    temp_dir_close(&f->spill.dir);
}

static void view_drop(struct query_fixture *f) {
    if (f->view.kv_view) f->view.kv->ops->view_close(f->view.kv, f->view.kv_view);
    f->view.kv_view = NULL;
}

void query_fixture_close(struct query_fixture *f) {
    view_drop(f);
    spill_drop(f);
    free(f->docs);
    if (!f->has_stand) {
        index_fixture_close(&f->index);
        return;
    }
    kv_batch_free(&f->index.base.batch);
    kv_stand_close(&f->stand);
    ctx_free(&f->index.base.ctx);
}

static struct query_fixture_doc *doc_slot(struct query_fixture *f, struct val id) {
    for (uint32_t i = 0; i < f->count; i++)
        if (val_eq(f->docs[i].id, id)) return &f->docs[i];
    if (f->count == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 64;
        f->docs = realloc(f->docs, f->cap * sizeof *f->docs);
        assert_non_null(f->docs);
    }
    struct query_fixture_doc *slot = &f->docs[f->count++];
    struct buf key BUF_CLEANUP = {0};
    buf_init(&key, NULL, 8192);
    (void)key_put(&key, id, false);
    *slot = (struct query_fixture_doc){.id = id};
    slot->id_key = slice_of(arena_copy(&f->index.base.ctx.arena, key.p, key.n), key.n);
    return slot;
}

// The row, and the tablet's counters.
static void write_row(struct query_fixture *f, struct slice id_key, const struct row *row) {
    struct catalog_fixture *base = &f->index.base;
    struct buf key BUF_CLEANUP = {0}, value BUF_CLEANUP = {0};
    struct tablet_counters counters = {0};
    buf_init(&key, NULL, 8192);
    buf_init(&value, NULL, SIZE_MAX / 2);
    keyspace_prefix(&key, INDEX_FIXTURE_TABLET, KIND_DOCUMENT);
    buf_put_slice(&key, id_key);
    row_encode(&value, keyspace_local(buf_slice(&key)), row);
    for (uint32_t i = 0; i < f->count; i++)
        counters.documents += f->docs[i].live;
    kv_batch_reset(&base->batch);
    kv_batch_put(&base->batch, KV_DATA, buf_slice(&key), buf_slice(&value));
    tablet_put(&base->batch, INDEX_FIXTURE_TABLET, &counters);
    assert_int_equal(base->kv->ops->write(base->kv, &base->ctx, &base->batch), NACRE_OK);
    kv_batch_reset(&base->batch);
}

nacre_status query_fixture_put_row(struct query_fixture *f, const char *json, struct row *row) {
    const struct doc *doc = index_fixture_doc(&f->index, json);
    struct val id = bson_find(doc->body, SLICE_LIT("_id"));
    assert_true(id.type == VAL_STRING || id.type == VAL_INT);
    struct query_fixture_doc *slot = doc_slot(f, id);
    nacre_status status = index_fixture_change(&f->index, id, slot->live ? slot->doc : NULL, doc);
    if (status != NACRE_OK) return status;
    row->begin_ts = row->created_ts = ((uint64_t)QUERY_FIXTURE_NOW_MS << 20) + f->index.ts;
    row->version = slot->row.version + 1;
    row->body = doc->body;
    row->footer = doc->footer;
    slot->doc = doc;
    slot->row = *row;
    slot->live = true;
    write_row(f, slot->id_key, row);
    return NACRE_OK;
}

nacre_status query_fixture_put(struct query_fixture *f, const char *json) {
    struct row row = {0};
    return query_fixture_put_row(f, json, &row);
}

void query_fixture_delete(struct query_fixture *f, struct val id) {
    struct query_fixture_doc *slot = doc_slot(f, id);
    struct row row = {.flags = ROW_DELETED, .version = slot->row.version + 1};
    if (!slot->live) return;
    assert_int_equal(index_fixture_change(&f->index, id, slot->doc, NULL), NACRE_OK);
    slot->live = false;
    write_row(f, slot->id_key, &row);
}

void query_fixture_publish(struct query_fixture *f) {
    view_drop(f);
    f->view.commit_ts = ((uint64_t)QUERY_FIXTURE_NOW_MS << 20) + f->index.ts;
    assert_int_equal(f->view.kv->ops->view_open(f->view.kv, &f->index.base.ctx, &f->view.kv_view),
                     NACRE_OK);
}

struct query_request query_fixture_request(struct query_fixture *f, const char *json) {
    struct ctx *ctx = &f->index.base.ctx;
    struct query_request request;
    nacre_status status = query_request_parse(ctx, doc_values_doc(ctx, json), &request);
    if (status != NACRE_OK) fail_msg("%s: %s", json, ctx->err.detail);
    request.now_ms = QUERY_FIXTURE_NOW_MS;
    request.forced_plan = f->forced_plan;
    return request;
}

static void put_id(struct query_fixture *f, struct slice id_key, struct buf *out) {
    struct val id;
    assert_int_equal(key_decode(&f->index.base.ctx, &id_key, false, KEY_TB_PLAIN, &id), NACRE_OK);
    if (out->n) buf_put_u8(out, ' ');
    json_write_val(out, id, JSON_INT64_NUMBER);
}

// Rows of one page, appended to ids. Returns how many.
static uint32_t page(struct query_fixture *f, const struct query_request *request, struct buf *ids,
                     struct buf *cursor, struct query_stats *stats) {
    struct ctx *ctx = &f->index.base.ctx;
    struct query *q = NULL;
    struct query_row row;
    bool found = true;
    uint32_t rows = 0;
    nacre_status status = query_open(ctx, &f->target, request, &q);
    while (status == NACRE_OK && found) {
        status = query_next(ctx, q, &row, &found);
        if (status != NACRE_OK || !found) break;
        put_id(f, row.id_key, ids);
        rows++;
    }
    if (status == NACRE_OK) status = query_cursor(ctx, q, cursor);
    if (status != NACRE_OK) fail_msg("status %d: %s", status, ctx->err.detail);
    query_stats(q, stats);
    query_close(q);
    return rows;
}

const char *query_fixture_page(struct query_fixture *f, const struct query_request *request,
                               const char **out_cursor) {
    struct buf ids BUF_CLEANUP = {0}, cursor BUF_CLEANUP = {0};
    struct query_stats stats;
    buf_init(&ids, NULL, SIZE_MAX / 2);
    buf_init(&cursor, NULL, SIZE_MAX / 2);
    (void)page(f, request, &ids, &cursor, &stats);
    if (out_cursor) *out_cursor = arena_str(&f->index.base.ctx.arena, buf_slice(&cursor));
    return arena_str(&f->index.base.ctx.arena, buf_slice(&ids));
}

const char *query_fixture_run(struct query_fixture *f, const char *json) {
    static const char *const access[] = {"scan", "id", "index"};
    struct buf ids BUF_CLEANUP = {0}, cursor BUF_CLEANUP = {0}, out BUF_CLEANUP = {0};
    struct query_request request = query_fixture_request(f, json);
    struct query_stats stats;
    buf_init(&ids, NULL, SIZE_MAX / 2);
    buf_init(&cursor, NULL, SIZE_MAX / 2);
    buf_init(&out, NULL, SIZE_MAX / 2);
    (void)page(f, &request, &ids, &cursor, &stats);
    const char *name = stats.join ? stats.join : stats.index;
    buf_printf(&out, "%s%s%s%s: ", access[stats.access], name ? " " : "", name ? name : "",
               stats.sorted ? " sorted" : "");
    buf_put_slice(&out, buf_slice(&ids));
    return arena_str(&f->index.base.ctx.arena, buf_slice(&out));
}

const char *query_fixture_pages(struct query_fixture *f, struct query_request request,
                                uint32_t *out_rows) {
    struct buf ids BUF_CLEANUP = {0}, cursor BUF_CLEANUP = {0};
    struct query_stats stats;
    uint32_t rows = 0;
    buf_init(&ids, NULL, SIZE_MAX / 2);
    buf_init(&cursor, NULL, SIZE_MAX / 2);
    do {
        request.cursor = slice_str(arena_str(&f->index.base.ctx.arena, buf_slice(&cursor)));
        buf_reset(&cursor);
        if (f->alternates) request.forbid_indexes = !request.forbid_indexes;
        uint32_t got = page(f, &request, &ids, &cursor, &stats);
        assert_true(got == request.limit || cursor.n == 0);
        rows += got;
        request.offset = 0; // of the first page
    } while (cursor.n);
    if (out_rows) *out_rows = rows;
    return arena_str(&f->index.base.ctx.arena, buf_slice(&ids));
}

struct naive_row {
    struct slice key, id_key;
};

static int naive_cmp(const void *a, const void *b) {
    return slice_cmp(((const struct naive_row *)a)->key, ((const struct naive_row *)b)->key);
}

const char *query_fixture_naive(struct query_fixture *f, const struct query_request *request,
                                uint32_t *out_rows) {
    struct ctx *ctx = &f->index.base.ctx;
    struct naive_row *rows = calloc(f->count + 1, sizeof *rows);
    struct buf key BUF_CLEANUP = {0}, ids BUF_CLEANUP = {0};
    uint32_t n = 0;
    assert_non_null(rows);
    buf_init(&key, NULL, SIZE_MAX / 2);
    buf_init(&ids, NULL, SIZE_MAX / 2);
    for (uint32_t i = 0; i < f->count; i++) {
        struct doc_sys sys;
        struct doc doc;
        bool match = true;
        if (!f->docs[i].live) continue;
        row_doc(&f->docs[i].row, request->now_ms, &sys, &doc);
        if (request->filter)
            assert_int_equal(filter_eval(ctx, request->filter, &doc, &match), NACRE_OK);
        if (!match) continue;
        buf_reset(&key);
        assert_int_equal(sort_key(ctx, &request->sort, &doc, f->docs[i].id_key, &key), NACRE_OK);
        rows[n].key = slice_of(arena_copy(&ctx->arena, key.p, key.n), key.n);
        rows[n++].id_key = f->docs[i].id_key;
    }
    qsort(rows, n, sizeof *rows, naive_cmp);
    for (uint32_t i = 0; i < n; i++)
        put_id(f, rows[i].id_key, &ids);
    free(rows);
    if (out_rows) *out_rows = n;
    return arena_str(&ctx->arena, buf_slice(&ids));
}

static nacre_status aggregate_rows(struct query_fixture *f, const struct aggregate_request *request,
                                   struct buf *out, struct buf *cursor) {
    struct ctx *ctx = &f->index.base.ctx;
    struct aggregate *a;
    struct slice row;
    bool found = true;
    TRY(aggregate_open(ctx, &f->target, request, &a));
    nacre_status status = NACRE_OK;
    while (status == NACRE_OK && found) {
        status = aggregate_next(ctx, a, &row, &found);
        if (status != NACRE_OK || !found) continue;
        if (out->n) buf_put_u8(out, '\n');
        json_write_doc(out, row, JSON_INT64_NUMBER);
    }
    if (status == NACRE_OK) status = aggregate_cursor(ctx, a, cursor);
    aggregate_close(a);
    return status;
}

const char *query_fixture_aggregate(struct query_fixture *f, const char *json, bool forbid_indexes,
                                    const char *token, const char **out_cursor) {
    struct ctx *ctx = &f->index.base.ctx;
    struct buf out BUF_CLEANUP = {0}, cursor BUF_CLEANUP = {0};
    struct aggregate_request request;
    buf_init(&out, NULL, SIZE_MAX / 2);
    buf_init(&cursor, NULL, SIZE_MAX / 2);
    nacre_status status = aggregate_request_parse(ctx, doc_values_doc(ctx, json), &request);
    if (status == NACRE_OK) {
        request.query.now_ms = QUERY_FIXTURE_NOW_MS;
        request.query.forbid_indexes = forbid_indexes;
        if (token) request.query.cursor = slice_str(token);
        status = aggregate_rows(f, &request, &out, &cursor);
    }
    if (status != NACRE_OK) {
        buf_reset(&out);
        buf_printf(&out, "%s %s", nacre_status_code(status),
                   ctx->err.item_count ? ctx->err.items[0].pointer : "");
    }
    if (out_cursor) *out_cursor = arena_str(&ctx->arena, buf_slice(&cursor));
    return arena_str(&ctx->arena, buf_slice(&out));
}
