// Random documents, indexes, projections and aggregates: what is answered from the entries of an
// index is, byte by byte, what the documents give, whatever the plan, page after page. Seed
// printed; NACRE_SEED runs the same again, NACRE_ROUNDS more of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/doc_values.h"
#include "support/query_fixture.h"

enum { DOCUMENTS = 50, ROUNDS = 40, QUERIES = 12, PLANS_MAX = 6, LONG = 1500 };

static struct query_fixture f;
static struct rng rng;
static uint64_t told; // rows given without their documents

static uint32_t pick(uint32_t bound) { return (uint32_t)rng_below(&rng, bound); }

// --- documents --------------------------------------------------------------------------

static void put_value(struct buf *out, bool arrays) {
    static const char *const some[] = {"0",
                                       "-0.0",
                                       "0.0",
                                       "1",
                                       "1.0",
                                       "1.5",
                                       "-7",
                                       "9007199254740993",
                                       "9007199254740992.0",
                                       "-9223372036854775808",
                                       "1e300",
                                       "5e-324",
                                       "\"\"",
                                       "\"a\"",
                                       "\"\\u00e9\\u0001\"",
                                       "true",
                                       "false",
                                       "{\"$date\":\"2024-02-29T12:34:56.789Z\"}",
                                       "null",
                                       "{\"x\":1}",
                                       "{\"x\":2.0,\"y\":1}",
                                       "{}",
                                       "{\"$binary\":\"AQI=\"}",
                                       "[1,2]"};
    uint32_t count = sizeof some / sizeof *some;
    if (pick(40) == 0) {
        buf_printf(out, "\"%0*u\"", LONG, pick(3));
        return;
    }
    buf_put_str(out, some[pick(pick(4) ? 18 : arrays ? count : count - 1)]);
}

static void put_documents(void) {
    struct buf json BUF_CLEANUP = {0};
    bool arrays = pick(6) == 0;
    buf_init(&json, NULL, 1 << 16);
    for (uint32_t i = 0; i < DOCUMENTS; i++) {
        static const char *const orders[] = {"abn", "nba"};
        buf_reset(&json);
        buf_printf(&json, pick(4) ? "{\"_id\":%u" : "{\"_id\":\"t%u\"", i);
        for (const char *name = orders[pick(2)]; *name; name++) {
            if (pick(8) == 0) continue;
            buf_printf(&json, ",\"%c\":", *name);
            put_value(&json, arrays);
        }
        buf_put(&json, "}", 2);
        (void)query_fixture_put(&f, (const char *)json.p); // two arrays in one index are refused
    }
    query_fixture_publish(&f);
}

static void open_round(void) {
    static const char *const indexes[] = {
        "{\"fields\":[\"a\"]}",
        "{\"fields\":[\"b\",\"a\"]}",
        "{\"fields\":[{\"path\":\"a\",\"order\":\"desc\"},\"b\"]}",
        "{\"fields\":[\"n.x\",\"b\"]}",
        "{\"fields\":[\"b\"],\"where\":{\"a\":{\"$gte\":0}}}",
    };
    query_fixture_open(&f, KV_STAND_MEM);
    for (uint32_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
        char name[8];
        snprintf(name, sizeof name, "i%u", i);
        if (pick(3)) index_fixture_add(&f.index, name, indexes[i]);
    }
    put_documents();
}

// --- queries ----------------------------------------------------------------------------

static const char *const filters[] = {
    "",
    "\"filter\":{\"a\":{\"$gte\":0}},",
    "\"filter\":{\"a\":{\"$gt\":0,\"$lte\":1}},",
    "\"filter\":{\"a\":1},",
    "\"filter\":{\"a\":{\"$in\":[0,1,\"a\"]}},",
    "\"filter\":{\"b\":{\"$gte\":\"\"}},",
    "\"filter\":{\"b\":1,\"a\":{\"$ne\":1}},",
    "\"filter\":{\"a\":{\"$gte\":0},\"b\":{\"$ne\":0}},",
    "\"filter\":{\"n.x\":{\"$gte\":0}},",
    "\"filter\":{\"a\":null},",
    "\"filter\":{\"a\":{\"$type\":\"double\"}},",
};

// A page's rows as JSON, one a line, and its cursor.
static void put_page(const struct query_request *request, struct buf *out, struct buf *cursor) {
    struct ctx *ctx = &f.index.base.ctx;
    struct present_options options = {.fields = request->fields, .now_ms = request->now_ms};
    struct query_stats stats;
    struct query_row row;
    struct query *q;
    bool found = true;
    if (query_open(ctx, &f.target, request, &q) != NACRE_OK) fail_msg("%s", ctx->err.detail);
    for (;;) {
        if (query_next(ctx, q, &row, &found) != NACRE_OK) fail_msg("%s", ctx->err.detail);
        if (!found) break;
        present_doc(out, &row.row, &options);
        buf_put_u8(out, '\n');
    }
    query_stats(q, &stats);
    told += stats.rows_returned > stats.documents_examined
                ? stats.rows_returned - stats.documents_examined
                : 0;
    buf_reset(cursor);
    assert_int_equal(query_cursor(ctx, q, cursor), NACRE_OK);
    query_close(q);
}

static void put_pages(struct query_request request, struct buf *out) {
    struct buf cursor BUF_CLEANUP = {0};
    buf_init(&cursor, NULL, SIZE_MAX);
    do {
        const uint8_t *p = arena_copy(&f.index.base.ctx.arena, cursor.p, cursor.n);
        request.cursor = slice_of(p, cursor.n);
        put_page(&request, out, &cursor);
    } while (cursor.n);
}

static void check_query(void) {
    static const char *const fields[] = {"a", "b",   "_id",   "a,_id", "n.x",
                                         "n", "a,b", "n.x,a", "a.x",   "_version,a"};
    static const char *const sorts[] = {"",
                                        "\"sort\":\"a\",",
                                        "\"sort\":\"-a,b\",",
                                        "\"sort\":\"b,a\",",
                                        "\"sort\":\"-b,-a,-_id\",",
                                        "\"sort\":\"n.x,b\",",
                                        "\"sort\":\"-a,-b\","};
    struct buf want BUF_CLEANUP = {0}, got BUF_CLEANUP = {0};
    char json[256];
    buf_init(&want, NULL, SIZE_MAX);
    buf_init(&got, NULL, SIZE_MAX);
    snprintf(json, sizeof json, "{%s%s\"fields\":\"%s\",\"limit\":%u}",
             filters[pick(sizeof filters / sizeof *filters)],
             sorts[pick(sizeof sorts / sizeof *sorts)],
             fields[pick(sizeof fields / sizeof *fields)], pick(2) ? 100 : 1 + pick(9));
    struct query_request request = query_fixture_request(&f, json);
    request.forbid_indexes = true;
    put_pages(request, &want);
    request.forbid_indexes = false;
    for (request.forced_plan = 0; request.forced_plan <= PLANS_MAX; request.forced_plan++) {
        buf_reset(&got);
        put_pages(request, &got);
        if (!slice_eq(buf_slice(&got), buf_slice(&want)))
            fail_msg("%s by plan %u:\n%.*s, expected\n%.*s", json, request.forced_plan, (int)got.n,
                     (const char *)got.p, (int)want.n, (const char *)want.p);
    }
}

static void check_aggregate(void) {
    static const char *const keys[] = {"", "\"group_by\":[\"a\"],", "\"group_by\":[\"b\",\"a\"],",
                                       "\"group_by\":[\"n.x\"],"};
    static const char *const items[] = {"{\"c\":{\"count\":\"*\"}}",
                                        "{\"c\":{\"count\":\"a\"},\"m\":{\"min\":\"a\"},\"x\":{"
                                        "\"max\":\"a\"}}",
                                        "{\"d\":{\"count_distinct\":\"b\"},\"s\":{\"sum\":\"a\"}}",
                                        "{\"v\":{\"max\":\"_version\"},\"i\":{\"min\":\"_id\"}}"};
    char json[512];
    snprintf(json, sizeof json, "{%s%s\"aggregates\":%s}",
             filters[pick(sizeof filters / sizeof *filters)],
             keys[pick(sizeof keys / sizeof *keys)], items[pick(sizeof items / sizeof *items)]);
    const char *want = query_fixture_aggregate(&f, json, true, NULL, NULL);
    const char *got = query_fixture_aggregate(&f, json, false, NULL, NULL);
    if (strcmp(got, want) != 0) fail_msg("%s:\n%s, expected\n%s", json, got, want);
}

static void test_against_documents(void **state) {
    const char *rounds = getenv("NACRE_ROUNDS");
    (void)state;
    doc_values_seed(&rng);
    for (int round = rounds ? (int)strtol(rounds, NULL, 10) : ROUNDS; round > 0; round--) {
        open_round();
        for (int i = 0; i < QUERIES; i++) {
            check_query();
            check_aggregate();
        }
        query_fixture_close(&f);
    }
    assert_true(told > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_documents)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
