// The past reads as it was: views of an earlier commit made from history against the views that
// were published then and kept open: every document, index entry and guard, by points, forwards,
// backwards, from anywhere, turning round; and by queries, whatever their plan.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bits/bits.h"
#include "catalog/keyspace.h"
#include "query/query.h"
#include "store/memkv/kv_mem.h"
#include "support/engine_harness.h"
#include "txn/past.h"

enum { STEPS = 150, VIEWS = 30, IDS = 12, WALKS = 40, WALK_STEPS = 12, MANY = 100, CALLS = 24 };

struct run {
    struct harness h;
    uint64_t rng;
    struct view *views[VIEWS];
    uint32_t view_count;
    int closed;
    _Atomic uint8_t luck;
};

static uint32_t below(struct run *r, uint32_t n) {
    r->rng = r->rng * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(r->rng >> 33) % n;
}

static void catalog(struct run *r, enum catalog_op op, const char *index, const char *json) {
    struct result result;
    struct catalog_request request = {.op = op,
                                      .target.collection = SLICE_LIT("things"),
                                      .index = index ? slice_str(index) : slice_of(NULL, 0),
                                      .body = harness_bson(&r->h, json)};
    assert_int_equal(engine_catalog(&r->h.ctx, r->h.engine, &request, &result), NACRE_OK);
}

static void write_one(struct run *r) {
    char json[96];
    int64_t id = below(r, IDS);
    struct write_item item = {.kind = below(r, 4) ? WRITE_PUT : WRITE_DELETE, .id = val_int(id)};
    snprintf(json, sizeof json, "{\"_id\":%d,\"a\":[%u,%u],\"b\":\"%u\"}", (int)id, below(r, 4),
             below(r, 4), below(r, 1000000));
    nacre_status status =
        harness_write(&r->h, "things", &item, item.kind == WRITE_PUT ? json : NULL, NULL);
    assert_true(status == NACRE_OK || status == NACRE_DOCUMENT_NOT_FOUND);
    ctx_reset(&r->h.ctx);
    if (below(r, 3) == 0) world_model_advance(&r->h.world, below(r, 5));
}

static void on_close(void *arg, uint64_t ts) {
    struct run *r = arg;
    (void)ts;
    r->closed++;
}

// Points are looked for where those before were found, so both ways run.
static nacre_status open_past(struct run *r, struct view *base, uint64_t ts, struct view **out) {
    struct past_options options = {.ts = ts, .on_close = on_close, .arg = r, .luck = &r->luck};
    return txn_view_past(&r->h.ctx, base, &options, out);
}

static void same(const struct kv_iter *a, const struct kv_iter *b) {
    assert_int_equal(a->valid, b->valid);
    if (!a->valid) return;
    assert_true(slice_eq(a->key, b->key));
    assert_true(slice_eq(a->value, b->value));
}

static void point(struct run *r, const struct view *was, const struct view *past,
                  struct slice key) {
    struct kv_pin a, b;
    bool found_a, found_b;
    const struct view *views[] = {was, past};
    struct kv_pin *pins[] = {&a, &b};
    bool *found[] = {&found_a, &found_b};
    for (int i = 0; i < 2; i++)
        assert_int_equal(views[i]->kv->ops->get(views[i]->kv, &r->h.ctx, views[i]->kv_view, KV_DATA,
                                                key, pins[i], found[i]),
                         NACRE_OK);
    assert_int_equal(found_a, found_b);
    if (found_a) assert_true(slice_eq(a.value, b.value));
    for (int i = 0; i < 2; i++)
        if (*found[i]) views[i]->kv->ops->unpin(views[i]->kv, pins[i]);
}

static int by_bytes(const void *a, const void *b) {
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

// Several keys at once give what each gives alone.
static void many(struct run *r, const struct view *was, const struct view *past,
                 const struct buf keys[3]) {
    struct slice sorted[3];
    struct kv_pin pins[2][3];
    bool found[2][3];
    const struct view *views[] = {was, past};
    for (int i = 0; i < 3; i++)
        sorted[i] = buf_slice(&keys[i]);
    qsort(sorted, 3, sizeof *sorted, by_bytes);
    for (int i = 0; i < 2; i++)
        assert_int_equal(views[i]->kv->ops->multi_get(views[i]->kv, &r->h.ctx, views[i]->kv_view,
                                                      KV_DATA, 3, sorted, pins[i], found[i]),
                         NACRE_OK);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(found[0][k], found[1][k]);
        if (!found[0][k]) continue;
        assert_true(slice_eq(pins[0][k].value, pins[1][k].value));
        for (int i = 0; i < 2; i++)
            views[i]->kv->ops->unpin(views[i]->kv, &pins[i][k]);
    }
}

// The same moves of both iterators; keys are those of all states, and what lies between.
static void walk(struct run *r, struct kv_iter *a, struct kv_iter *b, struct slice seek) {
    struct kv_iter *its[] = {a, b};
    uint32_t how = below(r, 4);
    for (int i = 0; i < 2; i++) {
        struct kv_iter *it = its[i];
        if (how == 0)
            it->ops->seek_first(it);
        else if (how == 1)
            it->ops->seek_last(it);
        else if (how == 2)
            it->ops->seek(it, seek);
        else
            it->ops->seek_for_prev(it, seek);
    }
    same(a, b);
    for (int n = 0; n < WALK_STEPS && a->valid; n++) {
        bool forward = below(r, 4) ? how == 0 || how == 2 : below(r, 2);
        for (int i = 0; i < 2; i++) {
            if (forward)
                its[i]->ops->next(its[i]);
            else
                its[i]->ops->prev(its[i]);
        }
        same(a, b);
    }
}

// A key of any state, or one a little before or after it.
static void any_key(struct run *r, uint8_t kind, struct buf *out) {
    const struct view *view = r->views[below(r, r->view_count)];
    uint8_t lower[KEYSPACE_PREFIX] = {0, 0, 0, 1, kind}, upper[KEYSPACE_PREFIX] = {0, 0, 0, 1};
    struct kv_iter *it;
    upper[4] = (uint8_t)(kind + 1);
    struct kv_iter_options all = {.lower = slice_of(lower, sizeof lower),
                                  .upper = slice_of(upper, sizeof upper)};
    assert_int_equal(
        view->kv->ops->iter_open(view->kv, &r->h.ctx, view->kv_view, KV_DATA, &all, &it), NACRE_OK);
    buf_reset(out);
    it->ops->seek_first(it);
    for (uint32_t n = below(r, 20); n && it->valid; n--)
        it->ops->next(it);
    buf_put_slice(out, it->valid ? it->key : all.lower);
    it->ops->close(it);
    if (below(r, 3) == 0) buf_put_u8(out, (uint8_t)below(r, 256));
    if (below(r, 3) == 0 && out->n > KEYSPACE_PREFIX) out->n--;
}

static void compare(struct run *r, const struct view *was, const struct view *past, uint8_t kind) {
    struct buf keys[3] = {0};
    for (int i = 0; i < 3; i++)
        buf_init(&keys[i], NULL, SIZE_MAX);
    for (int n = 0; n < WALKS; n++) {
        struct kv_iter *a, *b;
        for (int i = 0; i < 3; i++)
            any_key(r, kind, &keys[i]);
        bool turned = slice_cmp(buf_slice(&keys[0]), buf_slice(&keys[1])) > 0;
        struct kv_iter_options options = {.lower = buf_slice(&keys[turned]),
                                          .upper = buf_slice(&keys[!turned])};
        if (slice_eq(options.lower, options.upper)) continue;
        assert_int_equal(
            was->kv->ops->iter_open(was->kv, &r->h.ctx, was->kv_view, KV_DATA, &options, &a),
            NACRE_OK);
        assert_int_equal(
            past->kv->ops->iter_open(past->kv, &r->h.ctx, past->kv_view, KV_DATA, &options, &b),
            NACRE_OK);
        walk(r, a, b, buf_slice(&keys[2]));
        assert_int_equal(b->ops->status(b, &r->h.ctx), NACRE_OK);
        a->ops->close(a);
        b->ops->close(b);
        point(r, was, past, buf_slice(&keys[2]));
        many(r, was, past, keys);
    }
    for (int i = 0; i < 3; i++)
        buf_free(&keys[i]);
}

// The ids of a query's rows, and how many a count finds, by one of the plans there are.
static uint32_t ask(struct run *r, struct view *view, const char *body, uint32_t plan,
                    struct buf *out) {
    struct query_target target = {.view = view, .collection = catalog_by_tablet(view->catalog, 1)};
    struct query_request request;
    struct query_stats stats;
    struct query_row row;
    struct query *q;
    uint64_t total;
    assert_int_equal(query_request_parse(&r->h.ctx, harness_bson(&r->h, body), &request), NACRE_OK);
    request.forced_plan = plan;
    assert_int_equal(query_open(&r->h.ctx, &target, &request, &q), NACRE_OK);
    for (bool found = true; found;) {
        assert_int_equal(query_next(&r->h.ctx, q, &row, &found), NACRE_OK);
        if (found) buf_put_slice(out, row.id_key);
        if (found) buf_put_be64(out, row.row.begin_ts);
    }
    query_stats(q, &stats);
    query_close(q);
    struct query_count_request count = {.filter = request.filter, .forced_plan = plan};
    assert_int_equal(query_count(&r->h.ctx, &target, &count, &total, NULL), NACRE_OK);
    buf_put_be64(out, total);
    return stats.access == QUERY_ACCESS_INDEX;
}

// What a view of the past answers by each plan is what the view of then answers by the documents.
static uint32_t compare_queries(struct run *r, struct view *was, struct view *past) {
    static const char *const bodies[] = {
        "{\"filter\":\"a = 1\"}",
        "{\"filter\":\"a >= 1\",\"sort\":\"-b\"}",
        "{\"filter\":\"b > '3' AND b <= '8'\",\"sort\":\"b\",\"limit\":3}",
        "{\"filter\":\"a = 2 OR b < '3'\",\"sort\":\"-b\"}",
        "{\"filter\":\"a = 2 AND b < '7'\"}",
        "{\"sort\":\"-b\"}",
    };
    uint32_t by_index = 0;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        for (uint32_t plan = 0; plan <= 6; plan++) {
            struct buf then BUF_CLEANUP = {0}, now BUF_CLEANUP = {0};
            buf_init(&then, NULL, SIZE_MAX);
            buf_init(&now, NULL, SIZE_MAX);
            (void)ask(r, was, bodies[i], 1, &then);
            by_index += ask(r, past, bodies[i], plan, &now);
            if (!slice_eq(buf_slice(&then), buf_slice(&now)))
                fail_msg("%s by plan %u", bodies[i], plan);
        }
    return by_index;
}

static void run(uint64_t seed) {
    struct run r = {.rng = seed};
    harness_open_memory(&r.h, seed);
    catalog(&r, CATALOG_CREATE_COLLECTION, NULL, "{\"history_seconds\":100000}");
    catalog(&r, CATALOG_CREATE_INDEX, "by_a", "{\"fields\":[\"a\",\"-b\"]}");
    catalog(&r, CATALOG_CREATE_INDEX, "by_b", "{\"fields\":[\"b\"],\"unique\":true}");
    assert_int_equal(engine_tick(&r.h.ctx, r.h.engine), NACRE_OK);
    for (int i = 0; i < STEPS; i++) {
        write_one(&r);
        if (i % (STEPS / VIEWS) == 0) r.views[r.view_count++] = engine_view(r.h.engine);
    }
    struct view *now = engine_view(r.h.engine), *past;
    for (uint32_t i = 0; i < r.view_count; i++) {
        static const uint8_t kinds[] = {KIND_DOCUMENT, KIND_INDEX, KIND_UNIQUE};
        assert_int_equal(open_past(&r, now, r.views[i]->commit_ts, &past), NACRE_OK);
        for (size_t k = 0; k < sizeof kinds; k++)
            compare(&r, r.views[i], past, kinds[k]);
        assert_true(compare_queries(&r, r.views[i], past) > 0);
        txn_view_release(past);
    }
    assert_int_equal(r.closed, r.view_count);
    txn_view_release(now);
    for (uint32_t i = 0; i < r.view_count; i++)
        txn_view_release(r.views[i]);
    harness_close(&r.h);
}

static void test_past(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        run(seed);
    }
}

static void put_all(struct run *r) {
    char json[64];
    for (int i = 0; i < MANY; i++) {
        snprintf(json, sizeof json, "{\"_id\":%d}", i);
        assert_int_equal(harness_put(&r->h, "things", json, NULL), NACRE_OK);
        ctx_reset(&r->h.ctx);
    }
}

// The store fails after some calls: far fewer than there are documents.
static void read_the_end_of(struct run *r, struct view *past, bool last) {
    static const uint8_t lower[KEYSPACE_PREFIX] = {0, 0, 0, 1, KIND_DOCUMENT},
                         upper[KEYSPACE_PREFIX] = {0, 0, 0, 1, KIND_DOCUMENT + 1};
    struct kv_iter_options all = {.lower = slice_of(lower, sizeof lower),
                                  .upper = slice_of(upper, sizeof upper)};
    struct kv_iter *it;
    assert_int_equal(
        past->kv->ops->iter_open(past->kv, &r->h.ctx, past->kv_view, KV_DATA, &all, &it), NACRE_OK);
    kv_mem_fail_nth(r->h.kv, CALLS, true);
    if (last)
        it->ops->seek_last(it);
    else
        it->ops->seek_first(it);
    kv_mem_fail_nth(r->h.kv, 0, false);
    assert_true(it->valid);
    assert_int_equal(it->ops->status(it, &r->h.ctx), NACRE_OK);
    it->ops->close(it);
}

// Of documents that have all changed since, the first one costs no look at the others; nor do
// their versions stand before documents as they are.
static void test_only_what_is_asked_for_is_read(void **state) {
    (void)state;
    struct run r = {.rng = 1};
    struct view *past;
    harness_open_memory(&r.h, 1);
    catalog(&r, CATALOG_CREATE_COLLECTION, NULL, "{\"history_seconds\":100000}");
    put_all(&r);
    struct view *was = engine_view(r.h.engine);
    put_all(&r);
    put_all(&r);
    struct view *now = engine_view(r.h.engine);
    assert_int_equal(open_past(&r, now, was->commit_ts, &past), NACRE_OK);
    read_the_end_of(&r, past, false);
    read_the_end_of(&r, past, true);
    txn_view_release(past);
    assert_int_equal(open_past(&r, now, now->commit_ts, &past), NACRE_OK);
    read_the_end_of(&r, past, false);
    read_the_end_of(&r, past, true);
    txn_view_release(past);
    txn_view_release(now);
    txn_view_release(was);
    harness_close(&r.h);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_past),
                                       cmocka_unit_test(test_only_what_is_asked_for_is_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
