// Every allocation and every call of the store is failed in turn while queries of every kind run:
// the answer is the machine's error or the right rows, never other rows, and nothing leaks.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/os/fault.h"
#include "store/memkv/kv_mem.h"
#include "support/doc_values.h"
#include "support/query_fixture.h"

static struct query_fixture f;

static const char *const bodies[] = {
    "{\"filter\":\"a = 3 AND c > 3\",\"limit\":5,\"count\":\"exact\"}", // equality
    "{\"filter\":\"c > 20 AND c < 90\",\"limit\":7}",                   // gathers ids
    "{\"filter\":\"c > 20 AND c < 90\",\"sort\":\"b\",\"limit\":7}",    // and sorts
    "{\"filter\":\"a IN (1,2)\",\"sort\":\"-a\",\"limit\":3}",          // turns runs
    "{\"filter\":\"a = 4\",\"sort\":\"-flag\",\"limit\":3}",
    "{\"filter\":\"_id IN (1,5,9,200)\",\"sort\":\"-_id\"}",
    "{\"filter\":\"b = 5 OR c = 7\",\"sort\":\"flag\",\"limit\":4,\"fields\":[\"a\"]}",
    "{\"filter\":{\"tags\":{\"$gt\":1}},\"limit\":4,\"count\":\"exact\"}",
    "{\"filter\":\"a = 3 OR c = 7 OR _id = 5\",\"sort\":\"b\",\"limit\":4,\"count\":\"exact\"}",
    "{\"sort\":\"-tags\",\"limit\":4}", // documents that come again
    "{\"filter\":\"a = 3 AND tags = 1\",\"limit\":4,\"count\":\"exact\"}",
};
enum { BODIES = sizeof bodies / sizeof *bodies, INTERSECTED = BODIES - 1 };
static char *wanted[BODIES];

static void begin(void) {
    char json[160];
    query_fixture_open(&f, KV_STAND_MEM);
    index_fixture_add(&f.index, "a", "{\"fields\":[\"a\"]}");
    index_fixture_add(&f.index, "c", "{\"fields\":[\"c\"]}");
    index_fixture_add(&f.index, "tags", "{\"fields\":[\"tags\"]}");
    index_fixture_add(&f.index, "flag", "{\"fields\":[\"flag\",\"b\"]}");
    for (int i = 0; i < 150; i++) {
        snprintf(json, sizeof json,
                 "{\"_id\":%d,\"a\":%d,\"b\":%d,\"c\":%d,\"flag\":%d,\"tags\":[%d,%d]}", i, i % 5,
                 i % 7, 150 - i, i % 2, i % 3, i % 4);
        assert_int_equal(query_fixture_put(&f, json), NACRE_OK);
    }
    query_fixture_publish(&f);
}

// Two pages of one body as ids, its total, and what explain says. The status of the first failure.
static nacre_status read_page(struct ctx *ctx, struct query_request *request, struct buf *out,
                              struct buf *cursor) {
    struct query *q;
    struct query_row row;
    bool found = true;
    TRY(query_open(ctx, &f.target, request, &q));
    nacre_status status = NACRE_OK;
    while (status == NACRE_OK && found) {
        status = query_next(ctx, q, &row, &found);
        if (status == NACRE_OK && found) {
            struct present_options options = {.fields = request->fields};
            present_doc(out, &row.row, &options);
            status = buf_status(out);
        }
    }
    if (status == NACRE_OK) status = query_cursor(ctx, q, cursor);
    if (status == NACRE_OK) buf_printf(out, "|%d|", (int)query_total(q));
    query_close(q);
    return status;
}

static nacre_status read_both(struct ctx *ctx, struct slice bson, struct buf *out) {
    struct buf cursor BUF_CLEANUP = {0}, next BUF_CLEANUP = {0};
    struct query_request request;
    struct access_path path;
    bool ordered;
    buf_init(&cursor, NULL, 4096);
    buf_init(&next, NULL, 4096);
    TRY(query_request_parse(ctx, bson, &request));
    request.forced_plan = f.forced_plan;
    TRY(read_page(ctx, &request, out, &cursor));
    request.cursor = buf_slice(&cursor);
    if (cursor.n) TRY(read_page(ctx, &request, out, &next));
    return query_plan_access(ctx, &f.target, request.filter, &request.sort, &path, &ordered);
}

static nacre_status explain(struct ctx *ctx, struct slice bson) {
    struct buf body BUF_CLEANUP = {0}, out BUF_CLEANUP = {0};
    struct bson_writer w;
    buf_init(&body, NULL, 4096);
    buf_init(&out, NULL, 4096);
    bson_begin(&w, &body);
    bson_put(&w, SLICE_LIT("query"), val_bytes(VAL_OBJECT, bson));
    bson_end(&w);
    TRY(buf_status(&body));
    return query_explain(ctx, &f.target, buf_slice(&body), QUERY_FIXTURE_NOW_MS, &out);
}

// A ctx of its own, so that its arena's blocks are among what fails.
static nacre_status run(struct slice bson, struct buf *out, char *detail) {
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX / 2);
    buf_reset(out);
    nacre_status status = read_both(&ctx, bson, out);
    if (status == NACRE_OK) status = explain(&ctx, bson);
    snprintf(detail, ERR_DETAIL_MAX, "%s", ctx.err.detail);
    ctx_free(&ctx);
    return status;
}

static void check(int body, int n, nacre_status status, nacre_status allowed, const struct buf *out,
                  const char *detail) {
    if (status == allowed) return;
    if (status != NACRE_OK)
        fail_msg("%s, call %d: %s, %s", bodies[body], n, nacre_status_code(status), detail);
    struct slice want = slice_str(wanted[body]);
    if (!slice_eq(buf_slice(out), want))
        fail_msg("%s, call %d: %.*s\nnot %s", bodies[body], n, (int)out->n, (const char *)out->p,
                 wanted[body]);
}

static struct slice prepare(int body, struct buf *out) {
    char detail[ERR_DETAIL_MAX];
    struct slice bson = doc_values_doc(&f.index.base.ctx, bodies[body]);
    buf_init(out, NULL, SIZE_MAX / 2);
    f.forced_plan = body == INTERSECTED ? 1 + 4 + 1 : 0; // after the documents and all indexes
    if (run(bson, out, detail) != NACRE_OK) fail_msg("%s: %s", bodies[body], detail);
    wanted[body] = arena_str(&f.index.base.ctx.arena, buf_slice(out));
    assert_true(out->n > 30);
    return bson;
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    char detail[ERR_DETAIL_MAX];
    begin();
    for (int body = 0; body < BODIES; body++) {
        struct buf out;
        struct slice bson = prepare(body, &out);
        bool fired = true;
        for (int n = 2; fired; n++) { // once, then this one and all after it
            fault_arm(FAULT_ALLOC, n / 2, n % 2);
            nacre_status status = run(bson, &out, detail);
            fired = fault_fired(FAULT_ALLOC);
            fault_disarm(FAULT_ALLOC);
            check(body, n, status, NACRE_MEMORY_LIMIT, &out, detail);
            assert_true(n < 5000);
        }
        buf_free(&out);
    }
    query_fixture_close(&f);
}

static void test_every_call_of_the_store_fails(void **state) {
    (void)state;
    char detail[ERR_DETAIL_MAX];
    begin();
    for (int body = 0; body < BODIES; body++) {
        struct buf out;
        struct slice bson = prepare(body, &out);
        nacre_status status = NACRE_IO_ERROR;
        int n = 1;
        for (; status != NACRE_OK; n++) {
            kv_mem_fail_nth(f.view.kv, (uint64_t)n, false);
            status = run(bson, &out, detail);
            check(body, n, status, NACRE_IO_ERROR, &out, detail);
            assert_true(n < 10000);
        }
        kv_mem_fail_nth(f.view.kv, 0, false);
        assert_true(n > 5);
        buf_free(&out);
    }
    query_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_fails),
        cmocka_unit_test(test_every_call_of_the_store_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
