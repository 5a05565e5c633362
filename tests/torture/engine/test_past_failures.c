// Every allocation and every call of the store is failed in turn while the past is read: by points,
// by queries in both directions, counted, as versions, and from a feed with its images. The answer
// is the machine's error or what was there; nothing of it keeps the horizon back afterwards.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/os/fault.h"
#include "engine/changes.h"
#include "engine/versions.h"
#include "query/query.h"
#include "store/memkv/kv_mem.h"
#include "support/engine_harness.h"

enum { IDS = 12, ROUNDS = 4, ALLOCATIONS = 0, CALLS = 1 };

static const char *const bodies[] = {"{\"sort\":[\"_id\"]}", "{\"sort\":[\"-_id\"],\"limit\":3}",
                                     "{\"filter\":\"n > 105\",\"sort\":[\"-n\"]}"};
enum { BODIES = sizeof bodies / sizeof *bodies, BODY_MAX = 256 };

static struct harness h;
static uint8_t body_bytes[BODIES][BODY_MAX];
static struct slice parsed[BODIES];
static char detail[ERR_DETAIL_MAX]; // of the last failure
static uint64_t past_ms;            // half of the writes are later

static void write_all(int round) {
    char json[96];
    for (int i = 0; i < IDS; i++) {
        if ((i + round) % 3 == 0) continue;
        snprintf(json, sizeof json, "{\"_id\":%d,\"n\":%d,\"m\":%d}", i, round * 100 + i, i % 4);
        assert_int_equal(harness_put(&h, "things", json, NULL), NACRE_OK);
        ctx_reset(&h.ctx);
    }
    world_model_advance(&h.world, 1000);
}

static void begin(void) {
    struct result result;
    harness_open_memory(&h, 5);
    struct catalog_request create = {
        .op = CATALOG_CREATE_COLLECTION,
        .target.collection = SLICE_LIT("things"),
        .body = harness_bson(&h, "{\"history_seconds\":3600,\"indexes\":[{\"name\":\"by_n\","
                                 "\"fields\":[\"n\"]}]}")};
    assert_int_equal(engine_catalog(&h.ctx, h.engine, &create, &result), NACRE_OK);
    for (int i = 0; i < BODIES; i++) {
        struct slice bson = harness_bson(&h, bodies[i]);
        assert_true(bson.n <= BODY_MAX);
        memcpy(body_bytes[i], bson.p, bson.n);
        parsed[i] = slice_of(body_bytes[i], bson.n);
    }
    for (int round = 0; round < ROUNDS; round++) {
        write_all(round);
        if (round == ROUNDS / 2) past_ms = engine_now_ms(h.engine) - 500;
    }
}

// --- the reads; each appends what it saw --------------------------------------------------

static nacre_status resolve(struct ctx *ctx, struct engine_collection *out) {
    *out = (struct engine_collection){.target.collection = SLICE_LIT("things")};
    return engine_resolve(ctx, h.engine, out->target, out);
}

static nacre_status points(struct ctx *ctx, struct buf *out) {
    struct engine_collection c;
    TRY(resolve(ctx, &c));
    for (int i = 0; i < IDS; i++) {
        struct engine_doc doc = {0};
        nacre_status status =
            engine_get_past(ctx, h.engine, &c, val_int(i), (int64_t)past_ms, &doc);
        if (status == NACRE_OK) buf_printf(out, "%d:%d ", i, (int)doc.row.version);
        engine_release_doc(h.engine, &doc);
        if (status != NACRE_OK && status != NACRE_DOCUMENT_NOT_FOUND) return status;
    }
    return NACRE_OK;
}

static nacre_status rows(struct ctx *ctx, const struct query_target *target, struct slice body,
                         struct buf *out) {
    struct query_request request;
    struct query_row row;
    struct query *q;
    bool found = true;
    TRY(query_request_parse(ctx, body, &request));
    request.now_ms = (int64_t)past_ms;
    TRY(query_open(ctx, target, &request, &q));
    nacre_status status = NACRE_OK;
    while (status == NACRE_OK && found) {
        status = query_next(ctx, q, &row, &found);
        if (status == NACRE_OK && found)
            buf_printf(out, "%d/%d ", (int)bson_find(row.row.body, SLICE_LIT("n")).i,
                       (int)row.row.version);
    }
    query_close(q);
    return status;
}

static nacre_status queries(struct ctx *ctx, struct buf *out) {
    struct engine_collection c;
    struct query_target target = {0};
    uint64_t n = 0;
    TRY(resolve(ctx, &c));
    TRY(engine_view_past(ctx, h.engine, c.tablet, (int64_t)past_ms, &target.view));
    target.collection = catalog_by_tablet(target.view->catalog, c.tablet);
    nacre_status status = NACRE_OK;
    for (size_t i = 0; i < BODIES && status == NACRE_OK; i++)
        status = rows(ctx, &target, parsed[i], out);
    struct query_count_request count = {.now_ms = (int64_t)past_ms};
    if (status == NACRE_OK) status = query_count(ctx, &target, &count, &n, NULL);
    buf_printf(out, "count %d", (int)n);
    txn_view_release(target.view);
    return status;
}

static nacre_status versions(struct ctx *ctx, struct buf *out) {
    struct engine_collection c;
    struct engine_versions *v;
    struct engine_version version;
    bool found = true;
    TRY(resolve(ctx, &c));
    TRY(engine_versions_open(ctx, h.engine, &c, val_int(1), &v));
    nacre_status status = NACRE_OK;
    while (status == NACRE_OK && found) {
        status = engine_versions_next(ctx, v, &version, &found);
        if (status == NACRE_OK && found)
            buf_printf(out, "%d:%d ", (int)version.version, (int)version.op);
    }
    engine_versions_close(v);
    return status;
}

static nacre_status feed(struct ctx *ctx, struct buf *out) {
    struct changes_request request = {0};
    struct engine_changes *changes;
    struct engine_change change;
    struct filter *filter;
    bool found = true;
    TRY(resolve(ctx, &request.collection));
    TRY(filter_parse_any(ctx, SLICE_LIT("m = 1"), NULL, &filter));
    request.filter = filter;
    TRY(engine_changes_open(ctx, h.engine, &request, &changes));
    nacre_status status = NACRE_OK;
    while (status == NACRE_OK && found) {
        status = engine_changes_next(ctx, changes, 0, &change, &found);
        if (status == NACRE_OK && found)
            buf_printf(out, "%d:%d ", (int)change.record.version,
                       (int)bson_find(change.document->body, SLICE_LIT("n")).i);
    }
    engine_changes_close(changes);
    return status;
}

static const struct read {
    const char *name;
    nacre_status (*run)(struct ctx *ctx, struct buf *out);
} reads[] = {{"points", points}, {"queries", queries}, {"versions", versions}, {"feed", feed}};

// --- the failures -------------------------------------------------------------------------

// Its ctx is its own, so that its arena's blocks are among what fails.
static nacre_status once(const struct read *read, struct buf *out) {
    struct ctx ctx;
    ctx_init(&ctx, &h.world.world, NULL, SIZE_MAX / 2);
    buf_reset(out);
    nacre_status status = read->run(&ctx, out);
    if (status == NACRE_OK) status = buf_status(out);
    if (status != NACRE_OK && ctx.err.status != status && buf_status(out) == NACRE_OK)
        fail_msg("%s: %s, and the record tells %s", read->name, nacre_status_code(status),
                 nacre_status_code(ctx.err.status));
    snprintf(detail, sizeof detail, "%s", ctx.err.detail);
    ctx_free(&ctx);
    ctx_reset(&h.ctx);
    return status;
}

static void arm(int what, uint64_t nth) {
    if (what == ALLOCATIONS)
        fault_arm(FAULT_ALLOC, (int64_t)nth, false);
    else
        kv_mem_fail_nth(h.kv, nth, false);
}

static void fail_each(const struct read *read, int what) {
    struct buf want BUF_CLEANUP = {0}, got BUF_CLEANUP = {0};
    nacre_status allowed = what == ALLOCATIONS ? NACRE_MEMORY_LIMIT : NACRE_IO_ERROR;
    int failures = 0, well = 0;
    buf_init(&want, NULL, 1 << 20);
    buf_init(&got, NULL, 1 << 20);
    assert_int_equal(once(read, &want), NACRE_OK);
    assert_true(want.n > 10);
    // What a failed place makes another call do ends after a few rounds without a failure.
    for (uint64_t nth = 1; well < 8; nth++) {
        buf_free(&got);
        buf_init(&got, NULL, 1 << 20);
        arm(what, nth);
        nacre_status status = once(read, &got);
        arm(what, 0);
        well = status == NACRE_OK ? well + 1 : 0;
        failures += status != NACRE_OK;
        if (status != NACRE_OK && status != allowed)
            fail_msg("%s, %s %d: %s: %s", read->name, what == CALLS ? "call" : "allocation",
                     (int)nth, nacre_status_code(status), detail);
        if (status == NACRE_OK && !slice_eq(buf_slice(&want), buf_slice(&got)))
            fail_msg("%s, place %d: %.*s\nnot %.*s", read->name, (int)nth, (int)got.n,
                     (const char *)got.p, (int)want.n, (const char *)want.p);
    }
    assert_true(failures > 1);
}

static void nothing_is_held(void) {
    struct engine_collection c;
    struct view *view;
    struct result result;
    struct buf payload BUF_CLEANUP = {0};
    struct command_horizon horizon = {.history_ts = (past_ms + 1) << 20};
    buf_init(&payload, NULL, 64);
    command_horizon_encode(&payload, &horizon);
    struct engine_command submit = {.type = COMMAND_HORIZON, .payload = buf_slice(&payload)};
    assert_int_equal(engine_submit(&h.ctx, h.engine, &submit, &result), NACRE_OK);
    assert_int_equal(resolve(&h.ctx, &c), NACRE_OK);
    assert_int_equal(engine_view_past(&h.ctx, h.engine, c.tablet, (int64_t)past_ms, &view),
                     NACRE_HISTORY_EXPIRED);
}

static void test_failures(void **state) {
    (void)state;
    begin();
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
        for (int what = ALLOCATIONS; what <= CALLS; what++)
            fail_each(&reads[i], what);
    nothing_is_held();
    harness_close(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_failures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
