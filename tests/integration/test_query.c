// Queries on the engine, in memory and on RocksDB: pages while others write, while indexes come and
// go and the program is restarted; claims by an index in order.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ds/rng.h"
#include "doc/key.h"
#include "query/query.h"
#include "support/engine_harness.h"

static struct harness h;
static struct rng rng;

enum { STABLE = 300, MOVING = 150 };

static void open_any(bool dir) {
    if (dir)
        harness_open_dir(&h, false);
    else
        harness_open_memory(&h, 1);
}

static void put(int id, int n) {
    char json[96];
    snprintf(json, sizeof json, "{\"_id\":%d,\"n\":%d,\"m\":%d}", id, n, n % 7);
    assert_int_equal(harness_put(&h, "c", json, NULL), NACRE_OK);
}

static void catalog(enum catalog_op op, const char *index, const char *body) {
    struct target target = {.collection = SLICE_LIT("c")};
    struct result result;
    struct catalog_request request = {.op = op, .target = target, .index = slice_str(index)};
    if (body) request.body = harness_bson(&h, body);
    assert_int_equal(engine_catalog(&h.ctx, h.engine, &request, &result), NACRE_OK);
    if (op == CATALOG_CREATE_INDEX)
        assert_int_equal(engine_wait_index(&h.ctx, h.engine, target, request.index), NACRE_OK);
}

static struct query_target target_now(void) {
    struct target name = {.collection = SLICE_LIT("c")};
    struct engine_collection handle = {0};
    assert_int_equal(engine_resolve(&h.ctx, h.engine, name, &handle), NACRE_OK);
    struct view *view = engine_view(h.engine);
    return (struct query_target){.view = view,
                                 .collection = catalog_by_tablet(view->catalog, handle.tablet)};
}

// What happens between two pages. Documents below STABLE are never touched.
static void disturb(int step, bool reopens) {
    for (int i = 0; i < 20; i++) {
        int id = STABLE + (int)rng_below(&rng, MOVING);
        if (rng_below(&rng, 4)) {
            put(id, (int)rng_below(&rng, 1000));
            continue;
        }
        struct write_item item = {.kind = WRITE_DELETE, .id = val_int(id)};
        nacre_status status = harness_write(&h, "c", &item, NULL, NULL);
        assert_true(status == NACRE_OK || status == NACRE_DOCUMENT_NOT_FOUND);
    }
    if (step % 6 == 2) catalog(CATALOG_CREATE_INDEX, "n", "{\"fields\":[\"n\"]}");
    if (step % 6 == 5) catalog(CATALOG_DROP_INDEX, "n", NULL);
    if (reopens && step % 9 == 4) harness_reopen(&h);
}

static void note(struct slice id_key, int *seen) {
    struct val id;
    assert_int_equal(key_decode(&h.ctx, &id_key, false, KEY_TB_PLAIN, &id), NACRE_OK);
    if (id.i < STABLE) seen[id.i]++;
}

// One page; the token of the next replaces the cursor's content (empty: no more).
static void read_page(const char *json, struct buf *cursor, int *seen) {
    struct query_target target = target_now();
    struct query_request request;
    struct query_row row;
    struct query *q;
    bool found = true;
    assert_int_equal(query_request_parse(&h.ctx, harness_bson(&h, json), &request), NACRE_OK);
    request.cursor = buf_slice(cursor);
    assert_int_equal(query_open(&h.ctx, &target, &request, &q), NACRE_OK);
    buf_reset(cursor);
    for (;;) {
        assert_int_equal(query_next(&h.ctx, q, &row, &found), NACRE_OK);
        if (!found) break;
        note(row.id_key, seen);
    }
    assert_int_equal(query_cursor(&h.ctx, q, cursor), NACRE_OK);
    query_close(q);
    txn_view_release(target.view);
}

static void page_through(const char *json, bool reopens) {
    int seen[STABLE] = {0};
    struct buf cursor BUF_CLEANUP = {0};
    int step = 0;
    buf_init(&cursor, NULL, 1 << 16);
    do {
        read_page(json, &cursor, seen);
        disturb(step++, reopens);
    } while (cursor.n);
    for (int i = 0; i < STABLE; i++)
        if (seen[i] != 1) fail_msg("%s: document %d came %d times", json, i, seen[i]);
    if (step % 6 > 2) catalog(CATALOG_DROP_INDEX, "n", NULL); // left by disturb
}

static void pages_under_writes(bool dir) {
    static const char *const requests[] = {
        "{\"sort\":\"n\",\"limit\":17}",        "{\"sort\":\"-n\",\"limit\":23}",
        "{\"sort\":\"m,-n\",\"limit\":31}",     "{\"limit\":29}",
        "{\"filter\":\"n >= 0\",\"limit\":13}", "{\"sort\":\"-_id\",\"limit\":40}",
        "{\"sort\":\"-m\",\"limit\":19}",
    };
    rng_seed(&rng, 7);
    open_any(dir);
    for (int i = 0; i < STABLE + MOVING; i++)
        put(i, (int)rng_below(&rng, 1000));
    catalog(CATALOG_CREATE_INDEX, "m", "{\"fields\":[{\"path\":\"m\",\"order\":\"desc\"}]}");
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        page_through(requests[i], true);
    harness_close(&h);
}

static void test_pages_in_memory(void **state) {
    (void)state;
    pages_under_writes(false);
}

static void test_pages_on_rocksdb(void **state) {
    (void)state;
    pages_under_writes(true);
}

// A view does not change under a query that is open.
static void test_an_open_query_keeps_its_view(void **state) {
    (void)state;
    struct query_row row;
    struct query *q;
    bool found = true;
    int rows = 0;
    open_any(false);
    for (int i = 0; i < 500; i++)
        put(i, i);
    catalog(CATALOG_CREATE_INDEX, "n", "{\"fields\":[\"n\"]}");
    struct query_target target = target_now();
    struct query_request request;
    assert_int_equal(query_request_parse(&h.ctx, harness_bson(&h, "{\"sort\":\"n\"}"), &request),
                     NACRE_OK);
    request.limit = QUERY_UNLIMITED;
    assert_int_equal(query_open(&h.ctx, &target, &request, &q), NACRE_OK);
    for (;; rows++) {
        assert_int_equal(query_next(&h.ctx, q, &row, &found), NACRE_OK);
        if (!found) break;
        if (rows % 50 == 0) put(499 - rows, 10000 + rows);
        if (rows == 100) catalog(CATALOG_DROP_INDEX, "n", NULL);
    }
    assert_int_equal(rows, 500);
    query_close(q);
    txn_view_release(target.view);
    harness_close(&h);
}

static int64_t claimed(const char *filter, const char *sort) {
    struct claim_request request = {.target.collection = SLICE_LIT("c"),
                                    .filter = slice_str(filter),
                                    .set = harness_bson(&h, "{\"taken\":true}"),
                                    .lease_ms = 60000,
                                    .max_examined = 30};
    struct result result;
    struct val id;
    if (sort) request.sort = bson_find(harness_bson(&h, sort), SLICE_LIT("sort"));
    nacre_status status = engine_claim(&h.ctx, h.engine, &request, &result);
    if (status != NACRE_OK) fail_msg("%s", h.ctx.err.detail);
    if (result.count == 0) return -1;
    struct slice key = result.ops[0].id_key;
    assert_int_equal(key_decode(&h.ctx, &key, false, KEY_TB_PLAIN, &id), NACRE_OK);
    return id.i;
}

// 1,000 documents, of which 30 may be examined: only an index can serve these.
static void test_claims_by_index(void **state) {
    (void)state;
    open_any(false);
    for (int i = 0; i < 1000; i++)
        put(i, (i * 37) % 1000);
    catalog(CATALOG_CREATE_INDEX, "mn", "{\"fields\":[\"m\",{\"path\":\"n\",\"order\":\"desc\"}]}");
    // m = 3: the greatest n is 997 of id 81, then 990, 983 …
    assert_int_equal(claimed("m = 3", "{\"sort\":[\"-n\"]}"), 81);
    assert_int_equal(claimed("m = 3", "{\"sort\":[\"-n\"]}"), 270);
    assert_int_equal(claimed("m = 3 AND n <= 10", "{\"sort\":[\"-n\"]}"), 730);
    assert_int_equal(claimed("m = 3 AND n <= 10", "{\"sort\":[\"-n\"]}"), 919);
    assert_int_equal(claimed("m = 3 AND n <= 10", "{\"sort\":[\"-n\"]}"), -1);
    harness_close(&h);
}

// Alike in their first 1,500 bytes, so that the keys of the index do not tell their order.
static void test_claims_among_cut_values(void **state) {
    (void)state;
    static char json[4000];
    for (int reverse = 0; reverse < 2; reverse++) {
        open_any(false);
        for (int i = 0; i < 9; i++) {
            snprintf(json, sizeof json, "{\"_id\":%d,\"t\":\"%01500d%c\"}", i, 7, 'z' - i);
            assert_int_equal(harness_put(&h, "c", json, NULL), NACRE_OK);
        }
        assert_int_equal(harness_put(&h, "c", "{\"_id\":20,\"t\":\"\"}", NULL), NACRE_OK);
        assert_int_equal(harness_put(&h, "c", "{\"_id\":21,\"t\":\"z\"}", NULL), NACRE_OK);
        catalog(CATALOG_CREATE_INDEX, "t", "{\"fields\":[\"t\"]}");
        const char *sort = reverse ? "{\"sort\":[\"-t\",\"-_id\"]}" : "{\"sort\":[\"t\"]}";
        assert_int_equal(claimed("t >= ''", sort), reverse ? 21 : 20);
        for (int i = 0; i < 9; i++)
            assert_int_equal(claimed("t >= ''", sort), reverse ? i : 8 - i);
        assert_int_equal(claimed("t >= ''", sort), reverse ? 20 : 21);
        assert_int_equal(claimed("t >= ''", sort), -1);
        harness_close(&h);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_in_memory),
        cmocka_unit_test(test_pages_on_rocksdb),
        cmocka_unit_test(test_an_open_query_keeps_its_view),
        cmocka_unit_test(test_claims_by_index),
        cmocka_unit_test(test_claims_among_cut_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
