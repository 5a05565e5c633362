// History within history_bytes: what is over goes, the oldest first, down to three quarters; what
// is told of it is what is there; earlier times are refused, later ones read right, and who reads
// an earlier one already goes on; a round that a crash broke off is ended; damage in one collection
// stops no other.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bits/bits.h"
#include "catalog/keyspace.h"
#include "support/engine_harness.h"
#include "txn/history.h"

enum { BOUND = 16384 };

static void settings(struct harness *h, enum catalog_op op, const char *name, const char *json) {
    struct result result;
    struct catalog_request request = {
        .op = op, .target.collection = slice_str(name), .body = harness_bson(h, json)};
    assert_int_equal(engine_catalog(&h->ctx, h->engine, &request, &result), NACRE_OK);
}

static void make(struct harness *h, const char *name) {
    settings(h, CATALOG_CREATE_COLLECTION, name,
             "{\"history_seconds\":86400,\"history_bytes\":16384,"
             "\"indexes\":[{\"name\":\"by_n\",\"fields\":[\"n\"]}]}");
}

// Ten documents over and over, a second between any two writes.
static void write_many(struct harness *h, const char *name, int from, int to) {
    char json[160];
    for (int n = from; n < to; n++) {
        snprintf(json, sizeof json, "{\"_id\":%d,\"n\":%d,\"pad\":\"%080d\"}", n % 10, n, n);
        assert_int_equal(harness_put(h, name, json, NULL), NACRE_OK);
        world_model_advance(&h->world, 1000);
    }
}

static const struct collection *collection_of(struct view *view, const char *name) {
    const struct database *db = catalog_database(view->catalog, SLICE_LIT("main"));
    const struct collection *c = catalog_collection(view->catalog, db->id, slice_str(name));
    assert_non_null(c);
    return c;
}

static struct engine_history told(struct harness *h, const char *name) {
    struct engine_history history;
    struct view *view = engine_view(h->engine);
    assert_int_equal(engine_history(&h->ctx, h->engine, view, collection_of(view, name), &history),
                     NACRE_OK);
    txn_view_release(view);
    return history;
}

// Bytes of history that are there and ended at from_ts or later; *older counts the other entries.
static uint64_t stored(struct harness *h, const char *name, uint64_t from_ts, uint32_t *older) {
    struct view *view = engine_view(h->engine);
    uint8_t lower[4], upper[4];
    uint64_t bytes = 0;
    struct kv_iter *it;
    *older = 0;
    bits_put_be32(lower, collection_of(view, name)->tablet);
    bits_put_be32(upper, collection_of(view, name)->tablet + 1);
    struct kv_iter_options options = {.lower = slice_of(lower, 4), .upper = slice_of(upper, 4)};
    assert_int_equal(
        h->kv->ops->iter_open(h->kv, &h->ctx, view->kv_view, KV_HISTORY, &options, &it), NACRE_OK);
    for (it->ops->seek_first(it); it->valid; it->ops->next(it)) {
        bool old = bits_be64(it->key.p + it->key.n - 8) < from_ts;
        *older += old;
        bytes += old ? 0 : it->key.n + it->value.n;
    }
    it->ops->close(it);
    txn_view_release(view);
    return bytes;
}

static nacre_status read_at(struct harness *h, const char *name, uint64_t ms, struct view **out) {
    struct engine_collection c = {.target.collection = slice_str(name)};
    assert_int_equal(engine_resolve(&h->ctx, h->engine, c.target, &c), NACRE_OK);
    return engine_view_past(&h->ctx, h->engine, c.tablet, (int64_t)ms, out);
}

// Versions of all documents in the view, added up.
static uint64_t versions_in(struct harness *h, struct view *view, const char *name) {
    uint8_t lower[5], upper[5];
    struct kv_iter *it;
    struct row row;
    uint64_t sum = 0;
    bits_put_be32(lower, collection_of(view, name)->tablet);
    memcpy(upper, lower, 4);
    lower[4] = KIND_DOCUMENT;
    upper[4] = KIND_DOCUMENT + 1;
    struct kv_iter_options options = {.lower = slice_of(lower, 5), .upper = slice_of(upper, 5)};
    assert_int_equal(
        view->kv->ops->iter_open(view->kv, &h->ctx, view->kv_view, KV_DATA, &options, &it),
        NACRE_OK);
    for (it->ops->seek_first(it); it->valid; it->ops->next(it)) {
        assert_int_equal(row_decode(&h->ctx, keyspace_local(it->key), it->value, true, &row),
                         NACRE_OK);
        sum += row.version;
    }
    assert_int_equal(it->ops->status(it, &h->ctx), NACRE_OK);
    it->ops->close(it);
    return sum;
}

static void check_bounded(struct harness *h, const char *name) {
    uint32_t older;
    struct engine_history history = told(h, name);
    assert_in_range(history.bytes, BOUND / 2, BOUND);
    uint64_t bytes = stored(h, name, history.from_ts, &older);
    assert_int_equal(older, 0);
    assert_in_range(history.bytes, bytes, bytes + BOUND / 32);
}

static void test_bounded(void **state) {
    struct harness h;
    struct view *early, *view;
    uint32_t older;
    (void)state;
    harness_open_memory(&h, 1);
    make(&h, "things");
    uint64_t began_ms = engine_now_ms(h.engine);
    write_many(&h, "things", 0, 40);
    // What is told is what is there, before anything goes, and nothing goes too early.
    uint64_t bytes = stored(&h, "things", 0, &older);
    assert_int_equal(told(&h, "things").bytes, bytes);
    assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    assert_int_equal(stored(&h, "things", 0, &older), bytes);
    assert_int_equal(read_at(&h, "things", began_ms + 20 * 1000, &early), NACRE_OK);
    uint64_t versions = versions_in(&h, early, "things");
    write_many(&h, "things", 40, 300);
    assert_true(told(&h, "things").bytes > BOUND);
    assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    check_bounded(&h, "things");
    assert_true(told(&h, "things").bytes <= BOUND / 4 * 3);
    // Who reads goes on; nobody else begins so early.
    assert_int_equal(versions_in(&h, early, "things"), versions);
    txn_view_release(early);
    assert_int_equal(read_at(&h, "things", began_ms + 20 * 1000, &view), NACRE_HISTORY_EXPIRED);
    uint64_t from_ms = told(&h, "things").from_ts >> 20;
    assert_int_equal(read_at(&h, "things", from_ms - 1, &view), NACRE_HISTORY_EXPIRED);
    for (uint64_t ms = from_ms + 1; ms < engine_now_ms(h.engine); ms += 7000) {
        assert_int_equal(read_at(&h, "things", ms, &view), NACRE_OK);
        // A document is written every second.
        assert_int_equal(versions_in(&h, view, "things"), (ms - began_ms) / 1000 + 1);
        txn_view_release(view);
    }
    harness_reopen(&h);
    check_bounded(&h, "things");
    write_many(&h, "things", 300, 600);
    assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    check_bounded(&h, "things");
    harness_close(&h);
}

// One command that is over the bound by itself, and a bound that comes when there is much.
static void test_at_once(void **state) {
    struct harness h;
    uint32_t older;
    (void)state;
    harness_open_memory(&h, 2);
    settings(&h, CATALOG_CREATE_COLLECTION, "things", "{\"history_seconds\":86400}");
    write_many(&h, "things", 0, 300);
    uint64_t bytes = stored(&h, "things", 0, &older);
    assert_true(bytes > BOUND * 2);
    assert_int_equal(told(&h, "things").bytes, bytes);
    assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    assert_int_equal(stored(&h, "things", 0, &older), bytes);
    settings(&h, CATALOG_ALTER_COLLECTION, "things", "{\"history_bytes\":4096}");
    assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    assert_true(told(&h, "things").bytes <= 4096);
    assert_true(stored(&h, "things", 0, &older) <= 4096);
    struct write_item items[60];
    struct write_request write = {
        .target.collection = SLICE_LIT("things"), .count = 60, .items = items};
    struct result result;
    char json[160];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 60; i++) {
            snprintf(json, sizeof json, "{\"_id\":%d,\"pad\":\"%0100d\"}", i, i);
            items[i] = (struct write_item){.kind = WRITE_PUT, .body = harness_bson(&h, json)};
        }
        assert_int_equal(engine_write(&h.ctx, h.engine, &write, &result), NACRE_OK);
        world_model_advance(&h.world, 1000);
    }
    assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    assert_int_equal(told(&h, "things").bytes, 0);
    assert_int_equal(stored(&h, "things", 0, &older), 0);
    harness_close(&h);
}

static void submit_trim(struct harness *h, const struct command_trim *trim, nacre_status want) {
    struct buf payload BUF_CLEANUP = {0};
    struct result result;
    buf_init(&payload, NULL, SIZE_MAX);
    command_trim_encode(&payload, trim);
    struct engine_command command = {.type = COMMAND_TRIM, .payload = buf_slice(&payload)};
    assert_int_equal(engine_submit(&h->ctx, h->engine, &command, &result), want);
}

// The first piece was logged, and no other.
static void test_broken_off(void **state) {
    struct harness h;
    struct view *view;
    uint32_t older;
    (void)state;
    harness_open_memory(&h, 3);
    make(&h, "things");
    write_many(&h, "things", 0, 20);
    uint64_t ms = engine_now_ms(h.engine);
    write_many(&h, "things", 20, 40);
    view = engine_view(h.engine);
    struct command_trim trim = {.tablet = collection_of(view, "things")->tablet,
                                .from_ts = ms << 20};
    txn_view_release(view);
    submit_trim(&h, &trim, NACRE_OK);
    assert_int_equal(read_at(&h, "things", ms - 1, &view), NACRE_HISTORY_EXPIRED);
    assert_int_equal(read_at(&h, "things", ms, &view), NACRE_OK);
    txn_view_release(view);
    uint64_t bytes = stored(&h, "things", ms << 20, &older);
    assert_in_range(older, 1, 100);
    harness_reopen(&h);
    assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    assert_int_equal(stored(&h, "things", ms << 20, &older), bytes);
    assert_int_equal(older, 0);
    // Times do not go back, and what is to come does not go.
    trim.from_ts = (ms - 5000) << 20;
    submit_trim(&h, &trim, NACRE_OK);
    assert_true(told(&h, "things").from_ts == ms << 20);
    trim.from_ts = (engine_now_ms(h.engine) + 60000) << 20;
    submit_trim(&h, &trim, NACRE_CORRUPT);
    struct slice key = SLICE_LIT("Dkey"
                                 "\xff\xff\xff\xff\xff\xff\xff\xfe");
    trim =
        (struct command_trim){.tablet = trim.tablet, .from_ts = ms << 20, .count = 1, .keys = &key};
    submit_trim(&h, &trim, NACRE_CORRUPT);
    trim = (struct command_trim){.tablet = 99, .from_ts = ms << 20};
    submit_trim(&h, &trim, NACRE_OK);
    harness_close(&h);
}

static void damage(struct harness *h, const char *name) {
    struct kv_batch batch;
    uint8_t key[5];
    struct view *view = engine_view(h->engine);
    bits_put_be32(key, collection_of(view, name)->tablet);
    txn_view_release(view);
    key[4] = KIND_HISTORY;
    kv_batch_init(&batch, NULL, SIZE_MAX);
    kv_batch_put(&batch, KV_DATA, slice_of(key, 5), SLICE_LIT("no account, but long enough"));
    assert_int_equal(h->kv->ops->write(h->kv, &h->ctx, &batch), NACRE_OK);
    kv_batch_free(&batch);
}

static void count_problem(void *arg, const char *text) {
    *(int *)arg += strstr(text, "history") != NULL;
}

static void test_damage(void **state) {
    struct harness h;
    struct engine_history history;
    uint64_t problems;
    int found = 0;
    (void)state;
    harness_open_memory(&h, 4);
    make(&h, "others");
    make(&h, "things");
    write_many(&h, "others", 0, 300);
    write_many(&h, "things", 0, 300);
    assert_int_equal(engine_check(&h.ctx, h.engine, count_problem, &found, &problems), NACRE_OK);
    assert_int_equal(problems, 0);
    damage(&h, "others");
    assert_int_equal(harness_put(&h, "things", "{\"_id\":1}", NULL), NACRE_OK); // a new view
    assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    check_bounded(&h, "things");
    struct view *view = engine_view(h.engine);
    assert_int_equal(
        engine_history(&h.ctx, h.engine, view, collection_of(view, "others"), &history),
        NACRE_CORRUPT);
    txn_view_release(view);
    assert_int_equal(engine_check(&h.ctx, h.engine, count_problem, &found, &problems), NACRE_OK);
    assert_int_equal(found, 1);
    harness_close(&h);
}

// However much is written, samples are few, and say no less than there is.
static void test_samples(void **state) {
    struct history h = {0};
    uint64_t total = 0, next = 0, ended[3000];
    (void)state;
    for (uint64_t ts = 0; ts < 3000; ts++) {
        uint64_t before = total;
        ended[ts] = before;
        total += 1 + (ts * 7919) % (ts < 1500 ? 90000 : 900);
        if (total <= next) continue;
        history_add(&h, (struct history_sample){ts, before}, 0, 0);
        next = before + h.step;
        assert_in_range(h.count, 1, HISTORY_SAMPLES_MAX);
        assert_int_equal(h.at[0].before, 0);
        for (uint64_t at = 0; at <= ts; at += 97) {
            uint64_t since = history_since(&h, total, at);
            assert_in_range(since, total - ended[at], total - ended[at] + 2 * h.step + 90000);
        }
    }
    for (uint64_t keep = 0; keep < total; keep += total / 50) {
        uint64_t ts = history_keep(&h, total, keep);
        if (ts) assert_true(total - ended[ts] <= keep);
    }
    uint64_t floor_ts = h.at[40].ts;
    history_add(&h, (struct history_sample){3000, total}, floor_ts, BOUND);
    assert_int_equal(h.at[0].ts, floor_ts);
    assert_int_equal(h.step, BOUND / 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounded),    cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_broken_off), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
