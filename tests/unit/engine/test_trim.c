// Trimming under change feeds and reads of the past: what is older than what is kept is refused,
// never passed over, and what is being read stays.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/keyspace.h"
#include "engine/changes.h"
#include "support/engine_harness.h"

static void put(struct harness *h, const char *json) {
    assert_int_equal(harness_put(h, "things", json, NULL), NACRE_OK);
}

static struct changes_request request_of(struct harness *h) {
    struct changes_request r = {0};
    struct target target = {.collection = SLICE_LIT("things")};
    assert_int_equal(engine_resolve(&h->ctx, h->engine, target, &r.collection), NACRE_OK);
    return r;
}

static uint64_t published_ts(struct harness *h) {
    struct view *view = engine_view(h->engine);
    uint64_t ts = view->commit_ts;
    txn_view_release(view);
    return ts;
}

// Change records of commits before ts may go.
static void trim(struct harness *h, uint64_t ts) {
    struct command_horizon horizon = {
        .history_ts = ts, .changes_ts = ts, .records_max = HORIZON_RECORDS_MAX};
    struct buf payload BUF_CLEANUP = {0};
    struct result result;
    buf_init(&payload, NULL, 64);
    command_horizon_encode(&payload, &horizon);
    struct engine_command submit = {.type = COMMAND_HORIZON, .payload = buf_slice(&payload)};
    assert_int_equal(engine_submit(&h->ctx, h->engine, &submit, &result), NACRE_OK);
}

static uint32_t read_all(struct harness *h, struct engine_changes *f, struct feed_place *places) {
    struct engine_change change;
    bool found;
    for (uint32_t n = 0;; n++) {
        assert_int_equal(engine_changes_next(&h->ctx, f, 0, &change, &found), NACRE_OK);
        if (!found) return n;
        places[n] = change.record.place;
    }
}

static void check_trimmed(struct harness *h, const struct feed_place *places) {
    struct engine_changes *f;
    struct feed_place left[8];
    struct changes_request r = request_of(h);
    // From the oldest kept on.
    assert_int_equal(engine_changes_open(&h->ctx, h->engine, &r, &f), NACRE_OK);
    assert_int_equal(read_all(h, f, left), 2);
    assert_int_equal(feed_place_cmp(left[0], places[2]), 0);
    engine_changes_close(f);
    // After the last that is gone nothing is missing; after the one before it, that one is.
    r.has_since = true;
    r.since = places[1];
    assert_int_equal(engine_changes_open(&h->ctx, h->engine, &r, &f), NACRE_OK);
    assert_int_equal(read_all(h, f, left), 2);
    engine_changes_close(f);
    r.since = places[0];
    assert_int_equal(engine_changes_open(&h->ctx, h->engine, &r, &f), NACRE_HISTORY_EXPIRED);
    r.since = (struct feed_place){0};
    assert_int_equal(engine_changes_open(&h->ctx, h->engine, &r, &f), NACRE_HISTORY_EXPIRED);
}

static void test_trimmed(void **state) {
    struct harness h;
    struct engine_changes *f, *slow;
    struct engine_change change;
    struct feed_place places[8];
    bool found;
    (void)state;
    harness_open_memory(&h, 1);
    put(&h, "{\"_id\":1}");
    put(&h, "{\"_id\":1,\"n\":2}");
    uint64_t ts = published_ts(&h) + 1;
    put(&h, "{\"_id\":2}");
    put(&h, "{\"_id\":3}");
    struct changes_request r = request_of(&h);
    assert_int_equal(engine_changes_open(&h.ctx, h.engine, &r, &f), NACRE_OK);
    assert_int_equal(read_all(&h, f, places), 4);
    engine_changes_close(f);
    // A follower that lags behind the trimming is told.
    struct changes_request follow = r;
    follow.follow = follow.has_since = true;
    assert_int_equal(engine_changes_open(&h.ctx, h.engine, &follow, &slow), NACRE_OK);
    assert_int_equal(engine_changes_next(&h.ctx, slow, 0, &change, &found), NACRE_OK);
    assert_true(found);
    trim(&h, ts);
    world_model_advance(&h.world, 10000);
    assert_int_equal(engine_changes_next(&h.ctx, slow, 0, &change, &found), NACRE_HISTORY_EXPIRED);
    engine_changes_close(slow);
    check_trimmed(&h, places);
    harness_reopen(&h);
    check_trimmed(&h, places);
    harness_close(&h);
}

// Writes that are not synced are not given; nobody else syncs them here.
static void test_durable(void **state) {
    struct harness h;
    struct engine_changes *f;
    struct engine_change change;
    struct replog_status log;
    bool found;
    (void)state;
    harness_open_memory(&h, 2);
    put(&h, "{\"_id\":1}");
    struct changes_request r = request_of(&h);
    r.follow = true;
    assert_int_equal(engine_changes_open(&h.ctx, h.engine, &r, &f), NACRE_OK);
    struct write_item item = {.kind = WRITE_PUT, .body = harness_bson(&h, "{\"_id\":2}")};
    struct write_request write = {.target.collection = SLICE_LIT("things"),
                                  .count = 1,
                                  .items = &item,
                                  .durability = DURABILITY_MEMORY};
    struct result result;
    assert_int_equal(engine_write(&h.ctx, h.engine, &write, &result), NACRE_OK);
    h.log->ops->status(h.log, &log);
    assert_true(log.synced_index < log.last_index);
    assert_int_equal(engine_changes_next(&h.ctx, f, 0, &change, &found), NACRE_OK);
    assert_true(found);
    h.log->ops->status(h.log, &log);
    assert_int_equal(log.synced_index, log.last_index);
    engine_changes_close(f);
    harness_close(&h);
}

static nacre_status past(struct harness *h, uint64_t ts, struct view **out) {
    struct changes_request r = request_of(h);
    return engine_view_past(&h->ctx, h->engine, r.collection.tablet, (int64_t)(ts >> 20), out);
}

static void test_past_held(void **state) {
    struct harness h;
    struct view *first, *second;
    struct result result;
    (void)state;
    harness_open_memory(&h, 3);
    struct catalog_request create = {.op = CATALOG_CREATE_COLLECTION,
                                     .target.collection = SLICE_LIT("things"),
                                     .body = harness_bson(&h, "{\"history_seconds\":3600}")};
    assert_int_equal(engine_catalog(&h.ctx, h.engine, &create, &result), NACRE_OK);
    put(&h, "{\"_id\":1}");
    uint64_t ts = published_ts(&h);
    world_model_advance(&h.world, 1000);
    put(&h, "{\"_id\":1,\"n\":2}");
    assert_int_equal(past(&h, ts, &first), NACRE_OK);
    trim(&h, ts + (100 << 20));
    // History that a view reads is held, so another one may read it too.
    assert_int_equal(past(&h, ts, &second), NACRE_OK);
    txn_view_release(first);
    txn_view_release(second);
    assert_int_equal(past(&h, ts, &first), NACRE_HISTORY_EXPIRED);
    assert_int_equal(past(&h, ts + (100 << 20), &first), NACRE_OK);
    txn_view_release(first);
    harness_reopen(&h);
    assert_int_equal(past(&h, ts, &first), NACRE_HISTORY_EXPIRED);
    // Older than the collection's history_seconds, whatever the horizon.
    world_model_advance(&h.world, 3600000);
    assert_int_equal(past(&h, ts + (100 << 20), &first), NACRE_HISTORY_EXPIRED);
    harness_close(&h);
}

// Change records of a collection that can still be read.
static uint32_t kept(struct harness *h, const char *collection) {
    struct changes_request r = {0};
    struct target target = {.collection = slice_str(collection)};
    struct engine_changes *f;
    struct feed_place places[8];
    assert_int_equal(engine_resolve(&h->ctx, h->engine, target, &r.collection), NACRE_OK);
    assert_int_equal(engine_changes_open(&h->ctx, h->engine, &r, &f), NACRE_OK);
    uint32_t n = read_all(h, f, places);
    engine_changes_close(f);
    return n;
}

static uint64_t applied(struct harness *h) {
    struct view *view = engine_view(h->engine);
    uint64_t seq = view->seq;
    txn_view_release(view);
    return seq;
}

static void put_many(struct harness *h, const char *collection) {
    enum { OPS = 7000 };
    struct write_item *items = ARENA_ARRAY(&h->ctx.arena, struct write_item, OPS);
    struct write_request write = {
        .target.collection = slice_str(collection), .count = OPS, .items = items};
    struct result result;
    assert_non_null(items);
    for (int i = 0; i < OPS; i++)
        items[i] = (struct write_item){.kind = WRITE_PUT, .body = harness_bson(h, "{\"_id\":1}")};
    assert_int_equal(engine_write(&h->ctx, h->engine, &write, &result), NACRE_OK);
    arena_reset(&h->ctx.arena);
}

// However much is written, all of what is old goes in one round, in pieces that are small.
static void test_as_much_as_is_written(void **state) {
    struct harness h;
    (void)state;
    harness_open_memory(&h, 5);
    for (int i = 0; i < 3; i++)
        put_many(&h, i == 1 ? "others" : "things");
    world_model_advance(&h.world, 86401 * 1000);
    put(&h, "{\"_id\":2}");
    uint64_t seq = applied(&h);
    assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    assert_int_equal(kept(&h, "others"), 0);
    assert_int_equal(kept(&h, "things"), 1);
    assert_in_range(applied(&h) - seq, 21000 / 2000, 21000 / 2000 + 2);
    seq = applied(&h);
    assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    assert_int_equal(applied(&h), seq);
    harness_close(&h);
}

// An entry among the change records of a collection that is none, before them all.
static void damage(struct harness *h, const char *collection) {
    struct engine_collection c = {.target.collection = slice_str(collection)};
    struct buf key BUF_CLEANUP = {0};
    struct kv_batch batch;
    assert_int_equal(engine_resolve(&h->ctx, h->engine, c.target, &c), NACRE_OK);
    buf_init(&key, NULL, SIZE_MAX);
    keyspace_prefix(&key, c.tablet, KIND_CHANGE);
    buf_put_be64(&key, 1);
    kv_batch_init(&batch, NULL, SIZE_MAX);
    kv_batch_put(&batch, KV_DATA, buf_slice(&key), SLICE_LIT("no record, but long enough"));
    assert_int_equal(h->kv->ops->write(h->kv, &h->ctx, &batch), NACRE_OK);
    kv_batch_free(&batch);
}

static void test_damage_stops_nobody(void **state) {
    struct harness h;
    struct result result;
    (void)state;
    harness_open_memory(&h, 6);
    put(&h, "{\"_id\":1}");
    assert_int_equal(harness_put(&h, "others", "{\"_id\":1}", NULL), NACRE_OK);
    damage(&h, "things");
    struct catalog_request create = {.op = CATALOG_CREATE_INDEX,
                                     .target.collection = SLICE_LIT("others"),
                                     .index = SLICE_LIT("by_n"),
                                     .body = harness_bson(&h, "{\"fields\":[\"n\"]}")};
    world_model_advance(&h.world, 86401 * 1000);
    assert_int_equal(engine_catalog(&h.ctx, h.engine, &create, &result), NACRE_OK);
    assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    assert_int_equal(engine_wait_index(&h.ctx, h.engine, create.target, create.index), NACRE_OK);
    assert_int_equal(kept(&h, "others"), 0);
    harness_close(&h);
}

static void check_kept(struct harness *h, uint32_t brief, uint32_t things, uint32_t lasting) {
    assert_int_equal(engine_tick(&h->ctx, h->engine), NACRE_OK);
    assert_int_equal(kept(h, "brief"), brief);
    assert_int_equal(kept(h, "things"), things);
    assert_int_equal(kept(h, "lasting"), lasting);
}

static void settings(struct harness *h, enum catalog_op op, const char *name, const char *json) {
    struct result result;
    struct catalog_request request = {
        .op = op, .target.collection = slice_str(name), .body = harness_bson(h, json)};
    assert_int_equal(engine_catalog(&h->ctx, h->engine, &request, &result), NACRE_OK);
}

static void test_changes_seconds(void **state) {
    static const char *const names[] = {"brief", "things", "lasting"};
    struct harness h;
    (void)state;
    harness_open_memory(&h, 4);
    settings(&h, CATALOG_CREATE_COLLECTION, "brief", "{\"changes_seconds\":3600}");
    settings(&h, CATALOG_CREATE_COLLECTION, "lasting", "{\"changes_seconds\":172800}");
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(harness_put(&h, names[i], "{\"_id\":1}", NULL), NACRE_OK);
    world_model_advance(&h.world, 3500 * 1000);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(harness_put(&h, names[i], "{\"_id\":2}", NULL), NACRE_OK);
    check_kept(&h, 2, 2, 2);
    world_model_advance(&h.world, 200 * 1000); // the first are 3,700 s old, the second 200 s
    check_kept(&h, 1, 2, 2);
    harness_reopen(&h);
    check_kept(&h, 1, 2, 2);
    // What is asked for later holds for what is still there.
    settings(&h, CATALOG_ALTER_COLLECTION, "brief", "{\"changes_seconds\":null}");
    world_model_advance(&h.world, 82700 * 1000); // 86,400 s: kept for a day at least
    check_kept(&h, 1, 2, 2);
    world_model_advance(&h.world, 100 * 1000);
    check_kept(&h, 1, 1, 2);
    world_model_advance(&h.world, 86000 * 1000);
    check_kept(&h, 0, 0, 2);
    world_model_advance(&h.world, 600 * 1000);
    check_kept(&h, 0, 0, 1);
    settings(&h, CATALOG_ALTER_COLLECTION, "lasting", "{\"changes_seconds\":60}");
    world_model_advance(&h.world, 60 * 1000);
    check_kept(&h, 0, 0, 0);
    harness_close(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trimmed),
        cmocka_unit_test(test_durable),
        cmocka_unit_test(test_past_held),
        cmocka_unit_test(test_changes_seconds),
        cmocka_unit_test(test_as_much_as_is_written),
        cmocka_unit_test(test_damage_stops_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
