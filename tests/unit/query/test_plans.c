// Which plan serves what, what it reads, and that its rows are right.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "query/estimate.h"
#include "support/doc_values.h"
#include "support/query_fixture.h"

static struct query_fixture f;

static int setup(void **state) {
    (void)state;
    query_fixture_open(&f, KV_STAND_MEM);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    query_fixture_close(&f);
    return 0;
}

static void index_on(const char *name, const char *json) {
    index_fixture_add(&f.index, name, json);
}

static void put(const char *json) {
    if (query_fixture_put(&f, json) != NACRE_OK)
        fail_msg("%s: %s", json, f.index.base.ctx.err.detail);
}

// n documents {_id: i, a: i mod 10, b: i / 10, c: n - i}.
static void put_many(uint32_t n) {
    char json[160];
    for (uint32_t i = 0; i < n; i++) {
        snprintf(json, sizeof json, "{\"_id\":%u,\"a\":%u,\"b\":%u,\"c\":%u}", i, i % 10, i / 10,
                 n - i);
        put(json);
    }
    query_fixture_publish(&f);
}

static void expect(const char *request, const char *want) {
    assert_string_equal(query_fixture_run(&f, request), want);
}

static struct query_stats stats_of(const char *json) {
    struct query_request request = query_fixture_request(&f, json);
    struct query_stats stats;
    struct query_row row;
    struct query *q;
    bool found = true;
    assert_int_equal(query_open(&f.index.base.ctx, &f.target, &request, &q), NACRE_OK);
    while (found)
        assert_int_equal(query_next(&f.index.base.ctx, q, &row, &found), NACRE_OK);
    query_stats(q, &stats);
    query_close(q);
    return stats;
}

static void expect_keys(const char *json, uint64_t keys, uint64_t documents) {
    struct query_stats stats = stats_of(json);
    if (stats.keys_examined > keys || stats.documents_examined > documents)
        fail_msg("%s: %d keys, %d documents", json, (int)stats.keys_examined,
                 (int)stats.documents_examined);
}

static void test_by_id(void **state) {
    (void)state;
    put_many(100);
    expect("{\"filter\":{\"_id\":5}}", "id: 5");
    expect("{\"filter\":{\"_id\":5.0,\"a\":5}}", "id: 5");
    expect("{\"filter\":{\"_id\":5,\"a\":6}}", "id: ");
    expect("{\"filter\":{\"_id\":{\"$in\":[7,200,3]}}}", "id: 3 7");
    expect("{\"filter\":{\"_id\":{\"$in\":[7,200,3]}},\"sort\":[\"-_id\"]}", "id: 7 3");
    expect("{\"filter\":{\"_id\":{\"$in\":[7,200,3]}},\"sort\":[\"c\"]}", "id sorted: 7 3");
    expect("{\"filter\":{\"_id\":{\"$gte\":97}}}", "id: 97 98 99");
    expect("{\"filter\":{\"_id\":{\"$gte\":97}},\"sort\":\"-_id\"}", "id: 99 98 97");
    expect("{\"sort\":\"-_id\",\"limit\":2}", "scan: 99 98");
    expect("{\"limit\":2}", "scan: 0 1");
    expect("{\"limit\":0}", "scan: ");
    expect_keys("{\"filter\":{\"_id\":5}}", 1, 1);
    expect_keys("{\"filter\":{\"_id\":{\"$gte\":97}}}", 3, 3);
    expect_keys("{\"limit\":2}", 2, 2);
}

static void test_by_equality(void **state) {
    (void)state;
    index_on("a", "{\"fields\":[\"a\"]}");
    put_many(100);
    expect("{\"filter\":{\"a\":3},\"limit\":3}", "index a: 3 13 23");
    expect("{\"filter\":{\"a\":3},\"limit\":3,\"sort\":\"-_id\"}", "index a: 93 83 73");
    expect("{\"filter\":{\"a\":3},\"limit\":3,\"sort\":\"a,-_id\"}", "index a: 93 83 73");
    expect("{\"filter\":\"a = 3 AND b > 7\"}", "index a: 83 93");
    expect("{\"filter\":{\"a\":3},\"sort\":\"c\",\"limit\":2}", "index a sorted: 93 83");
    expect("{\"filter\":{\"a\":{\"$in\":[3,4]}},\"limit\":4}", "index a: 3 4 13 14");
    expect("{\"filter\":\"a = 3 OR a = 4\",\"limit\":4}", "index a: 3 4 13 14");
    expect("{\"filter\":{\"a\":null}}", "index a: ");
    expect("{\"filter\":{\"a\":{\"$exists\":false}}}", "index a: ");
    expect("{\"filter\":{\"a\":[1]}}", "scan: "); // an array as a whole is in no index
    expect_keys("{\"filter\":{\"a\":3},\"limit\":3}", 8, 3);
}

static void test_by_range(void **state) {
    (void)state;
    index_on("c", "{\"fields\":[\"c\"]}");
    index_on("d", "{\"fields\":[{\"path\":\"b\",\"order\":\"desc\"}]}");
    put_many(2000);
    expect("{\"filter\":\"c > 5 AND c <= 8\"}", "index c: 1992 1993 1994");
    expect("{\"filter\":\"c > 5 AND c <= 8\",\"sort\":\"c\"}", "index c: 1994 1993 1992");
    expect("{\"filter\":\"c > 5 AND c <= 8\",\"sort\":\"-c\"}", "index c: 1992 1993 1994");
    expect("{\"sort\":\"c\",\"limit\":2}", "index c: 1999 1998");
    expect("{\"sort\":\"-c\",\"limit\":2}", "index c: 0 1");
    expect("{\"filter\":\"b >= 198\",\"sort\":\"-b\",\"limit\":3}", "index d: 1990 1991 1992");
    expect("{\"filter\":\"b >= 198\",\"sort\":\"b\",\"limit\":3}", "index d: 1980 1981 1982");
    expect("{\"filter\":\"b >= 198\",\"sort\":\"b,-_id\",\"limit\":3}", "index d: 1989 1988 1987");
    expect("{\"filter\":\"b >= 198\",\"sort\":\"-b,-_id\",\"limit\":3}", "index d: 1999 1998 1997");
    // 100 rows of many: ordered, and by id.
    expect_keys("{\"filter\":\"c > 500 AND c <= 600\",\"sort\":\"c\"}", 102, 101);
    expect_keys("{\"filter\":\"c > 500 AND c <= 600\"}", 102, 101);
    expect_keys("{\"filter\":\"c > 1900\"}", 102, 101);
    expect_keys("{\"sort\":\"c\",\"limit\":10}", 11, 11);
    expect_keys("{\"sort\":\"-c\",\"limit\":10}", 11, 11);
    expect_keys("{\"sort\":\"b\",\"limit\":10}", 22, 11);
}

static void test_long_runs_are_turned(void **state) {
    (void)state;
    index_on("flag", "{\"fields\":[\"flag\"]}");
    char json[64];
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(json, sizeof json, "{\"_id\":%u,\"flag\":%s}", i, i % 2 ? "true" : "false");
        put(json);
    }
    query_fixture_publish(&f);
    expect("{\"sort\":\"-flag\",\"limit\":3}", "index flag: 1 3 5");
    expect("{\"sort\":\"flag,-_id\",\"limit\":3}", "index flag: 998 996 994");
    expect_keys("{\"sort\":\"-flag\",\"limit\":10}", 64 + 1 + 11, 11);
    struct query_request request = query_fixture_request(&f, "{\"sort\":\"-flag\",\"limit\":7}");
    uint32_t rows;
    const char *want = query_fixture_naive(&f, &request, &rows);
    assert_string_equal(query_fixture_pages(&f, request, &rows), want);
    assert_int_equal(rows, 1000);
    // The cursor leads into the middle of a run at once.
    const char *cursor;
    request.limit = 400;
    (void)query_fixture_page(&f, &request, &cursor);
    request.limit = 2;
    request.cursor = slice_str(cursor);
    struct query *q;
    struct query_row row;
    struct query_stats stats;
    bool found = true;
    assert_int_equal(query_open(&f.index.base.ctx, &f.target, &request, &q), NACRE_OK);
    while (found)
        assert_int_equal(query_next(&f.index.base.ctx, q, &row, &found), NACRE_OK);
    query_stats(q, &stats);
    query_close(q);
    assert_true(stats.keys_examined < 15);
}

static void test_compound(void **state) {
    (void)state;
    index_on("abc", "{\"fields\":[\"a\",{\"path\":\"b\",\"order\":\"desc\"},\"c\"]}");
    put_many(200);
    expect("{\"filter\":\"a = 3 AND b < 3\"}", "index abc: 3 13 23");
    expect("{\"filter\":\"a = 3\",\"sort\":\"-b\",\"limit\":2}", "index abc sorted: 193 183");
    expect("{\"filter\":\"a = 3\",\"sort\":\"-b,c\",\"limit\":2}", "index abc: 193 183");
    expect("{\"filter\":\"a = 3\",\"sort\":\"b,-c\",\"limit\":2}", "index abc: 3 13");
    expect("{\"filter\":\"a = 3\",\"sort\":\"b,c\",\"limit\":2}", "index abc sorted: 3 13");
    expect("{\"filter\":\"a IN (3,4) AND b = 7\"}", "index abc: 73 74");
    expect("{\"filter\":\"a IN (3,4) AND b = 7\",\"sort\":\"-a\"}", "index abc sorted: 74 73");
    expect("{\"filter\":\"a = 3 AND b = 7 AND c = 127\"}", "index abc: 73");
    expect("{\"filter\":\"a = 3 AND c < 20\"}", "index abc: 183 193");
    expect_keys("{\"filter\":\"a = 3 AND b < 3\"}", 3, 3);
    expect_keys("{\"filter\":\"a IN (3,4) AND b = 7\"}", 2, 2);
}

static void test_multikey(void **state) {
    (void)state;
    index_on("tags", "{\"fields\":[\"tags\"]}");
    put("{\"_id\":1,\"tags\":[\"red\",\"blue\"]}");
    put("{\"_id\":2,\"tags\":[\"red\"]}");
    put("{\"_id\":3,\"tags\":\"blue\"}");
    put("{\"_id\":4,\"tags\":[]}");
    put("{\"_id\":5}");
    put("{\"_id\":6,\"tags\":[1,9]}");
    query_fixture_publish(&f);
    expect("{\"filter\":{\"tags\":\"red\"}}", "index tags: 1 2");
    expect("{\"filter\":{\"tags\":{\"$in\":[\"red\",\"blue\"]}}}", "index tags: 1 2 3");
    // One element is above 5, the other below 3: no key lies between.
    expect("{\"filter\":\"tags > 5 AND tags < 3\"}", "index tags: 6");
    expect("{\"filter\":{\"tags\":null}}", "index tags: 5");
    expect("{\"filter\":{\"tags\":{\"$elemMatch\":{\"$gt\":5,\"$lt\":3}}}}", "index tags: ");
    expect("{\"filter\":{\"tags\":{\"$elemMatch\":{\"$gt\":\"b\",\"$lt\":\"c\"}}}}",
           "index tags: 1");
    expect_keys("{\"filter\":{\"tags\":{\"$elemMatch\":{\"$gt\":\"b\",\"$lt\":\"c\"}}}}", 2, 2);
    expect("{\"filter\":{\"tags\":{\"$ne\":\"red\"}}}", "index tags: 3 4 5 6");
    expect("{\"sort\":\"tags\"}", "index tags: 4 5 6 1 3 2");
    expect("{\"sort\":\"-tags\"}", "index tags: 1 2 3 6 5 4");
}

static void test_multikey_order(void **state) {
    (void)state;
    index_on("td", "{\"fields\":[\"tags\",\"d\"]}");
    index_on("dt", "{\"fields\":[{\"path\":\"d\",\"order\":\"desc\"},\"tags\"]}");
    for (int i = 0; i < 3000; i++) {
        char json[96];
        snprintf(json, sizeof json, "{\"_id\":%d,\"tags\":[\"x\",\"t%d\",\"u%d\"],\"d\":%d}", i,
                 i % 7, i % 5, 6000 - 2 * i);
        put(json);
    }
    query_fixture_publish(&f);
    // A tag, and the newest first: each document has one key there.
    expect("{\"filter\":\"tags = 'x'\",\"sort\":\"-d\",\"limit\":3}", "index td: 0 1 2");
    expect("{\"filter\":\"tags = 'x'\",\"sort\":\"d\",\"limit\":3}", "index td: 2999 2998 2997");
    expect_keys("{\"filter\":\"tags = 'x'\",\"sort\":\"-d\",\"limit\":30}", 95, 31);
    // Three keys each, of which the first counts, in both directions.
    expect("{\"sort\":\"-d,tags\",\"limit\":3}", "index dt: 0 1 2");
    expect("{\"sort\":\"d,-tags\",\"limit\":3}", "index dt: 2999 2998 2997");
    expect("{\"sort\":\"tags\",\"limit\":3}", "index td sorted: 0 7 14");
    expect("{\"sort\":\"tags,-d,_id\",\"limit\":3}", "index td sorted: 0 7 14");
    // The tag that is asked for need not be the least one, by which a document is sorted.
    expect("{\"filter\":\"tags = 't3'\",\"sort\":\"tags,d\",\"limit\":2}",
           "index td sorted: 2999 2992");
    struct query_request request = query_fixture_request(
        &f, "{\"filter\":\"d > 100 AND d <= 400\",\"sort\":\"-d,tags\",\"limit\":7}");
    const char *want = query_fixture_naive(&f, &request, NULL);
    for (request.forced_plan = 0; request.forced_plan < 4; request.forced_plan++)
        assert_string_equal(query_fixture_pages(&f, request, NULL), want);
}

// Only the field that holds arrays cannot have its conditions intersected.
static void test_multikey_by_field(void **state) {
    (void)state;
    index_on("gy", "{\"fields\":[\"g\",\"y\"]}");
    for (int i = 0; i < 200; i++) {
        char json[96];
        snprintf(json, sizeof json, "{\"_id\":%d,\"g\":[\"x\",\"y%d\"],\"y\":%d}", i, i % 2, i);
        put(json);
    }
    query_fixture_publish(&f);
    expect_keys("{\"filter\":\"g = 'x' AND y >= 50 AND y < 60\"}", 10, 10);
    expect("{\"filter\":\"g = 'x' AND y > 195 AND y < 198\"}", "index gy: 196 197");
    expect("{\"filter\":\"g > 'y' AND g < 'y0' AND y = 3\"}", "index gy: 3");
    put("{\"_id\":300,\"g\":\"x\",\"y\":[10,99]}"); // now an array there, too
    query_fixture_publish(&f);
    expect("{\"filter\":\"g = 'x' AND y > 98 AND y < 11\"}", "index gy: 300");
}

static void test_strings(void **state) {
    (void)state;
    index_on("s", "{\"fields\":[{\"path\":\"s\",\"order\":\"desc\"}]}");
    put("{\"_id\":1,\"s\":\"a\"}");
    put("{\"_id\":2,\"s\":\"ab\"}");
    put("{\"_id\":3,\"s\":\"abc\"}");
    put("{\"_id\":4,\"s\":\"b\"}");
    put("{\"_id\":5,\"s\":7}");
    query_fixture_publish(&f);
    expect("{\"filter\":{\"s\":{\"$startsWith\":\"ab\"}}}", "index s: 2 3");
    expect("{\"filter\":\"s STARTS WITH ''\"}", "index s: 1 2 3 4");
    expect("{\"filter\":\"s > 'ab'\"}", "index s: 3 4"); // the number is of another type
    expect("{\"filter\":\"s > 1\"}", "index s: 5");
    expect("{\"filter\":\"s CONTAINS 'b'\"}", "scan: 2 3 4");
    expect("{\"filter\":{\"s\":{\"$regex\":\"^ab$\"}}}", "scan: 2");
}

static void test_partial(void **state) {
    (void)state;
    index_on("open", "{\"fields\":[\"n\"],\"where\":{\"state\":\"open\",\"n\":{\"$gt\":0}}}");
    put("{\"_id\":1,\"n\":1,\"state\":\"open\"}");
    put("{\"_id\":2,\"n\":1,\"state\":\"shut\"}");
    put("{\"_id\":3,\"n\":2,\"state\":\"open\"}");
    query_fixture_publish(&f);
    expect("{\"filter\":\"n = 1 AND state = 'open'\"}", "scan: 1"); // n > 0 does not stand there
    expect("{\"filter\":\"n > 0 AND state = 'open'\"}", "index open: 1 3");
    expect("{\"filter\":\"n > 0 AND state = 'open' AND n < 2\"}", "index open: 1");
    expect("{\"filter\":\"n > 0\"}", "scan: 1 2 3");
    expect("{\"filter\":\"n > 0 AND state = 'open'\",\"sort\":\"-n\"}", "index open: 3 1");
}

static void test_not_ready(void **state) {
    (void)state;
    index_on("a", "{\"fields\":[\"a\"]}");
    put_many(20);
    expect("{\"filter\":\"a = 3\"}", "index a: 3 13");
    f.index.indexes[0].state = INDEX_BUILDING;
    expect("{\"filter\":\"a = 3\"}", "scan: 3 13");
    f.index.indexes[0].state = INDEX_FAILED;
    expect("{\"filter\":\"a = 3\"}", "scan: 3 13");
}

static void test_cut_values(void **state) {
    (void)state;
    static char json[4000];
    index_on("t", "{\"fields\":[\"t\",\"u\"]}");
    for (uint32_t i = 0; i < 9; i++) { // alike in the first 1500 bytes; the order is 8 7 6 …
        snprintf(json, sizeof json, "{\"_id\":%u,\"u\":%u,\"t\":\"%01500d%c\"}", i, i % 3, 7,
                 'z' - (int)i);
        put(json);
    }
    query_fixture_publish(&f);
    f.forced_plan = 2; // so few are better sorted
    expect("{\"sort\":\"t,u\",\"limit\":4}", "index t: 8 7 6 5");
    expect("{\"sort\":\"-t,-u\",\"limit\":3}", "index t: 0 1 2");
    struct query_request request = query_fixture_request(&f, "{\"sort\":\"t,u\",\"limit\":2}");
    assert_string_equal(query_fixture_pages(&f, request, NULL), "8 7 6 5 4 3 2 1 0");
    f.forced_plan = 0;
    snprintf(json, sizeof json, "{\"filter\":{\"t\":\"%01500dy\"}}", 7);
    expect(json, "index t: 1");
    snprintf(json, sizeof json, "{\"filter\":{\"t\":{\"$lt\":\"%01500ds\"}}}", 7);
    expect(json, "index t: 8");
}

static void test_too_many_ids_to_gather(void **state) {
    (void)state;
    index_on("c", "{\"fields\":[\"c\"]}");
    index_on("b", "{\"fields\":[\"b\"]}");
    put_many(6000);
    expect("{\"filter\":\"c > 100\",\"limit\":3}", "scan: 0 1 2");
    expect("{\"filter\":\"c > 100\",\"limit\":3,\"sort\":\"b\"}", "index b: 0 1 2");
    expect("{\"filter\":\"c < 100\",\"limit\":3,\"sort\":\"b\"}", "index c sorted: 5901 5902 5903");
    struct query_request request = query_fixture_request(&f, "{\"filter\":\"c > 100\"}");
    request.limit = 1000;
    uint32_t rows;
    const char *want = query_fixture_naive(&f, &request, &rows);
    assert_string_equal(query_fixture_pages(&f, request, NULL), want);
}

static void test_counts(void **state) {
    (void)state;
    struct query_stats stats;
    uint64_t count;
    index_on("a", "{\"fields\":[\"a\",\"b\"]}");
    index_on("tags", "{\"fields\":[\"tags\"]}");
    put_many(1000);
    put("{\"_id\":\"x\",\"tags\":[1,2,3]}");
    put("{\"_id\":\"y\",\"tags\":[3,4]}");
    query_fixture_delete(&f, val_int(7));
    query_fixture_publish(&f);
    static const struct {
        const char *filter;
        uint64_t count, keys, documents;
    } cases[] = {
        {"{\"filter\":{}}", 1001, 0, 0},
        {"{}", 1001, 0, 0},
        {"{\"filter\":\"a = 3\"}", 100, 100, 0},
        {"{\"filter\":\"a = 7\"}", 99, 99, 0},
        {"{\"filter\":\"a = 3 AND b > 90\"}", 9, 9, 0},
        {"{\"filter\":\"a = 3 AND c > 990\"}", 1, 100, 100},
        {"{\"filter\":\"tags > 1\"}", 2, 4, 0},
        {"{\"filter\":\"tags > 1 AND tags < 3\"}", 1, 4, 4},
        {"{\"filter\":{\"a\":null}}", 2, 2, 0},
        {"{\"filter\":{\"a\":{\"$exists\":false}}}", 2, 2, 2},
        {"{\"filter\":\"c > 500\"}", 499, 1002, 1001},
        {"{\"filter\":{\"_id\":{\"$in\":[1,7,\"x\"]}}}", 2, 3, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct query_request r = query_fixture_request(&f, cases[i].filter);
        struct query_count_request request = {.filter = r.filter};
        assert_int_equal(query_count(&f.index.base.ctx, &f.target, &request, &count, &stats),
                         NACRE_OK);
        if (count != cases[i].count || stats.keys_examined > cases[i].keys ||
            stats.documents_examined > cases[i].documents)
            fail_msg("%s: %d, %d keys, %d documents", cases[i].filter, (int)count,
                     (int)stats.keys_examined, (int)stats.documents_examined);
    }
}

static void test_unions(void **state) {
    (void)state;
    index_on("a", "{\"fields\":[\"a\"]}");
    index_on("b", "{\"fields\":[\"b\",\"c\"]}");
    index_on("tags", "{\"fields\":[\"tags\"]}");
    put_many(1000);
    put("{\"_id\":\"x\",\"b\":7,\"tags\":[1,2,3]}");
    query_fixture_publish(&f);
    expect("{\"filter\":\"a = 3 OR b = 7\",\"limit\":4}", "index union: 3 13 23 33");
    expect("{\"filter\":\"a = 3 OR b = 7\",\"limit\":3,\"sort\":\"-_id\"}",
           "index union: \"x\" 993 983");
    expect("{\"filter\":\"b = 7 OR b = 8 AND c > 915 OR tags > 1\",\"sort\":\"-c\",\"limit\":4}",
           "index union sorted: 70 71 72 73");
    expect("{\"filter\":\"(a = 3 OR b = 7) AND c <= 928\",\"sort\":\"-c\",\"limit\":3}",
           "index union sorted: 72 73 74");
    expect("{\"filter\":\"b = 7 OR _id = 500 OR _id = 'none'\",\"sort\":\"-_id\",\"limit\":3}",
           "index union: \"x\" 500 79");
    expect("{\"filter\":\"a = 3 OR d = 7\",\"limit\":2}", "scan: 3 13"); // no index for d
    // Each id once, and no document where keys tell.
    struct query_request r = query_fixture_request(&f, "{\"filter\":\"b = 7 OR tags > 1\"}");
    struct query_count_request count = {.filter = r.filter};
    struct query_stats stats;
    uint64_t n;
    assert_int_equal(query_count(&f.index.base.ctx, &f.target, &count, &n, &stats), NACRE_OK);
    assert_int_equal(n, 11);
    assert_string_equal(stats.join, "union");
    assert_int_equal(stats.keys_examined, 13);
    assert_int_equal(stats.documents_examined, 0);
}

static void test_intersections(void **state) {
    (void)state;
    index_on("a", "{\"fields\":[\"a\"]}");
    index_on("m", "{\"fields\":[\"m\"]}");
    char json[96];
    for (uint32_t i = 0; i < 3000; i++) {
        snprintf(json, sizeof json, "{\"_id\":%u,\"a\":%u,\"m\":[%u,%u]}", i, i % 50, i % 60,
                 100 + i % 7);
        put(json);
    }
    query_fixture_publish(&f);
    f.forced_plan = 4;
    expect("{\"filter\":\"a = 3 AND m = 13\"}", "index intersection: 253 553 853 1153 1453 1753 "
                                                "2053 2353 2653 2953");
    expect("{\"filter\":\"a = 3 AND m = 13\",\"limit\":2,\"sort\":\"-_id\"}",
           "index intersection: 2953 2653");
    struct query_request r = query_fixture_request(&f, "{\"filter\":\"a = 3 AND m = 13\"}");
    struct query_count_request count = {.filter = r.filter, .forced_plan = 4};
    struct query_stats stats;
    uint64_t n;
    assert_int_equal(query_count(&f.index.base.ctx, &f.target, &count, &n, &stats), NACRE_OK);
    assert_int_equal(n, 10);
    assert_int_equal(stats.keys_examined, 110);
    assert_int_equal(stats.documents_examined, 0);
}

// What conditions look like says the same of both; the indexes tell them apart.
static void test_estimates(void **state) {
    (void)state;
    struct estimate_memo *memo;
    struct ctx *ctx = &f.index.base.ctx;
    char json[96];
    index_on("wide", "{\"fields\":[\"wide\"]}");
    index_on("thin", "{\"fields\":[\"thin\"]}");
    index_on("t", "{\"fields\":[\"t\"]}");
    for (uint32_t i = 0; i < 8000; i++) {
        snprintf(json, sizeof json, "{\"_id\":%u,\"wide\":%u,\"thin\":%u,\"t\":%u}", i, i % 2 + 8,
                 i % 1000 + 8, 9000 - i);
        put(json);
    }
    query_fixture_publish(&f);
    assert_int_equal(estimate_memo_new(ctx, NULL, &memo), NACRE_OK);
    for (int round = 0; round < 3; round++) { // found out each time, found out, remembered
        f.target.memo = round ? memo : NULL;
        expect("{\"filter\":\"wide = 9 AND thin = 11\",\"limit\":2}", "index thin: 3 1003");
        expect("{\"filter\":\"thin = 11 AND wide = 9\",\"sort\":\"t\",\"limit\":2}",
               "index thin sorted: 7003 6003");
        // Half of all: the order finds them at once, and no id is worth gathering.
        expect("{\"filter\":\"wide = 9\",\"sort\":\"t\",\"limit\":2}", "index t: 7999 7997");
        expect("{\"filter\":\"wide = 9 OR thin = 11\",\"sort\":\"t\",\"limit\":2}",
               "index t: 7999 7997");
        struct query_request r = query_fixture_request(&f, "{\"filter\":\"t > 20 AND x = 1\"}");
        struct query_count_request count = {.filter = r.filter};
        struct query_stats stats;
        uint64_t n;
        assert_int_equal(query_count(ctx, &f.target, &count, &n, &stats), NACRE_OK);
        assert_int_equal(stats.access, QUERY_ACCESS_SCAN);
    }
    f.target.memo = NULL;
    estimate_memo_free(memo, NULL);
}

// What the entries tell of the filter is asked of them, not of the documents.
static void test_covering(void **state) {
    (void)state;
    char json[96];
    index_on("cb", "{\"fields\":[\"c\",{\"path\":\"n.b\",\"order\":\"desc\"}]}");
    for (uint32_t i = 0; i < 3000; i++) {
        snprintf(json, sizeof json, "{\"_id\":%u,\"c\":%u,\"n\":{\"b\":%u}}", i, i, i % 10);
        put(json);
    }
    put("{\"_id\":\"d\",\"c\":50,\"n\":{\"b\":7.0}}");
    put("{\"_id\":\"e\",\"c\":50,\"n\":{\"b\":{\"y\":1}}}");
    put("{\"_id\":\"f\",\"c\":50}");
    query_fixture_publish(&f);
    expect("{\"filter\":\"c > 40 AND c < 60 AND n.b = 7\"}", "index cb: 47 57 \"d\"");
    expect("{\"filter\":\"c > 40 AND c < 60 AND n.b = 7\",\"sort\":\"-c\"}",
           "index cb sorted: 57 \"d\" 47");
    expect("{\"filter\":{\"c\":50,\"n.b\":{\"$type\":\"object\"}}}", "index cb: \"e\"");
    expect("{\"filter\":{\"c\":50,\"n.b\":{\"$exists\":false}}}", "index cb: \"f\"");
    // Three match; of an object and of null only the documents can tell.
    expect_keys("{\"filter\":\"c > 40 AND c < 60 AND n.b = 7\"}", 22, 5);
    struct query_request r =
        query_fixture_request(&f, "{\"filter\":\"c > 40 AND c < 60 AND n.b = 7\"}");
    struct query_count_request count = {.filter = r.filter};
    struct query_stats stats;
    uint64_t n;
    assert_int_equal(query_count(&f.index.base.ctx, &f.target, &count, &n, &stats), NACRE_OK);
    assert_int_equal(n, 3);
    assert_int_equal(stats.documents_examined, 2);
}

static void test_total(void **state) {
    (void)state;
    put_many(50);
    struct query_request request =
        query_fixture_request(&f, "{\"filter\":\"a = 3\",\"limit\":2,\"count\":\"exact\"}");
    struct query *q;
    assert_int_equal(query_open(&f.index.base.ctx, &f.target, &request, &q), NACRE_OK);
    assert_int_equal(query_total(q), 5);
    query_close(q);
}

static void test_claims(void **state) {
    (void)state;
    struct access_path path;
    bool ordered;
    index_on("jobs", "{\"fields\":[\"a\",{\"path\":\"b\",\"order\":\"desc\"}]}");
    put_many(100);
    static const struct {
        const char *request;
        uint32_t index;
        bool reverse, ordered;
        uint32_t ranges;
    } cases[] = {
        {"{}", 0, false, true, 1},
        {"{\"filter\":\"c = 3\"}", 0, false, true, 1},
        {"{\"filter\":\"a = 3\",\"sort\":\"-b\"}", 1, false, true, 1},
        // Read backwards, equal ones would come with the greatest id first.
        {"{\"filter\":\"a = 3\",\"sort\":\"b\"}", 1, false, false, 1},
        {"{\"filter\":\"a = 3\",\"sort\":\"b,-_id\"}", 1, true, true, 1},
        {"{\"filter\":\"a = 3\"}", 1, false, false, 1},
        {"{\"filter\":\"a = 3 AND b = 2\"}", 1, false, true, 1},
        {"{\"filter\":\"a IN (3,5)\",\"sort\":\"a,-b\"}", 1, false, true, 2},
        {"{\"filter\":\"_id = 4\"}", 0, false, true, 1},
        {"{\"sort\":\"-_id\"}", 0, true, true, 1},
        {"{\"filter\":{\"a\":{\"$in\":[]}}}", 1, false, false, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct query_request r = query_fixture_request(&f, cases[i].request);
        assert_int_equal(
            query_plan_access(&f.index.base.ctx, &f.target, r.filter, &r.sort, &path, &ordered),
            NACRE_OK);
        if (path.index_id != cases[i].index || path.reverse != cases[i].reverse ||
            ordered != cases[i].ordered || path.range_count != cases[i].ranges)
            fail_msg("%s: index %u, reverse %d, ordered %d, %u ranges", cases[i].request,
                     path.index_id, path.reverse, ordered, path.range_count);
    }
}

// Rows and groups that entries tell of need no document, but for what only it has.
static void test_told_by_entries(void **state) {
    (void)state;
    index_on("cb", "{\"fields\":[\"c\",\"b\"]}");
    put_many(200);
    query_fixture_publish(&f);
    expect_keys("{\"filter\":\"c > 5 AND c <= 8\",\"sort\":\"c,b\",\"fields\":\"c\"}", 4, 0);
    expect_keys("{\"filter\":\"c > 5 AND c <= 8\",\"sort\":\"-c,-b,-_id\",\"fields\":\"b,_id\"}", 5,
                0);
    expect_keys("{\"filter\":\"c > 5\",\"sort\":\"c,b\",\"fields\":\"_id\",\"limit\":5}", 12, 0);
    expect_keys("{\"filter\":\"c < 30 AND b < 190\",\"sort\":\"c,b\",\"fields\":\"b\"}", 40, 0);
    // In what order a document has two fields no entry tells, nor anything of a third or of the
    // row.
    static const char *const untold[] = {"b,c", "d", "_version", "c,_updated"};
    for (size_t i = 0; i < sizeof untold / sizeof *untold; i++) {
        char json[128];
        snprintf(json, sizeof json, "{\"filter\":{\"c\":7},\"sort\":\"c,b\",\"fields\":\"%s\"}",
                 untold[i]);
        assert_int_equal(stats_of(json).documents_examined, 1);
    }
    put("{\"_id\":1000,\"c\":7,\"b\":null}");
    put("{\"_id\":1001,\"c\":7,\"b\":{\"x\":1}}");
    put("{\"_id\":1002,\"c\":7,\"b\":3}");
    query_fixture_publish(&f);
    assert_int_equal(
        stats_of("{\"filter\":{\"c\":7},\"sort\":\"c,b\",\"fields\":\"b\"}").documents_examined, 2);
    put("{\"_id\":1003,\"c\":[9,10],\"b\":3}"); // now it is multikey
    query_fixture_publish(&f);
    assert_true(
        stats_of("{\"filter\":{\"c\":7},\"sort\":\"c,b\",\"fields\":\"b\"}").documents_examined >
        2);
}

static const char *explained(const char *json) {
    struct buf out BUF_CLEANUP = {0};
    struct ctx *ctx = &f.index.base.ctx;
    buf_init(&out, NULL, SIZE_MAX / 2);
    nacre_status status =
        query_explain(ctx, &f.target, doc_values_doc(ctx, json), QUERY_FIXTURE_NOW_MS, &out);
    if (status != NACRE_OK) return arena_str(&ctx->arena, slice_str(nacre_status_code(status)));
    char *text = arena_str(&ctx->arena, buf_slice(&out));
    for (char *at = text; (at = strstr(at, "\"ms\":"));) { // times are not for comparing
        at += 5;
        size_t n = strspn(at, "0123456789.e-");
        memmove(at + 1, at + n, strlen(at + n) + 1);
        *at++ = '#';
    }
    return text;
}

static void test_explain(void **state) {
    (void)state;
    index_on("a", "{\"fields\":[\"a\"]}");
    index_on("b", "{\"fields\":[\"b\"]}");
    put_many(100);
    assert_string_equal(
        explained("{\"query\":{\"filter\":\"a = 3\",\"limit\":5}}"),
        "{\"plan\":{\"access\":\"index\",\"index\":\"a\"},\"keys_examined\":8,"
        "\"documents_examined\":5,\"rows_returned\":5,\"plans\":["
        "{\"access\":\"index\",\"index\":\"a\",\"keys\":1.0,\"cost\":10.3},"
        "{\"access\":\"scan\",\"keys\":100.0,\"cost\":400.0,\"why\":\"costs more\"},"
        "{\"access\":\"index\",\"index\":\"b\",\"why\":\"neither narrows nor orders\"}],"
        "\"steps\":[{\"name\":\"plan\",\"rows\":3,\"ms\":#},"
        "{\"name\":\"index\",\"rows\":8,\"ms\":#},{\"name\":\"fetch\",\"rows\":5,\"ms\":#},"
        "{\"name\":\"filter\",\"rows\":5,\"ms\":#}],\"ms\":#}");
    assert_string_equal(
        explained("{\"query\":{\"sort\":\"c\",\"limit\":5}}"),
        "{\"plan\":{\"access\":\"scan\"},\"keys_examined\":100,\"documents_examined\":100,"
        "\"rows_returned\":5,\"plans\":[{\"access\":\"scan\",\"keys\":100.0,\"cost\":500.0},"
        "{\"access\":\"index\",\"index\":\"a\",\"why\":\"neither narrows nor orders\"},"
        "{\"access\":\"index\",\"index\":\"b\",\"why\":\"neither narrows nor orders\"}],"
        "\"steps\":[{\"name\":\"plan\",\"rows\":3,\"ms\":#},{\"name\":\"scan\",\"rows\":100,\"ms\":"
        "#},"
        "{\"name\":\"sort\",\"rows\":100,\"ms\":#}],\"ms\":#}");
    assert_string_equal(
        explained("{\"count\":{\"filter\":\"a = 3\"}}"),
        "{\"plan\":{\"access\":\"index\",\"index\":\"a\"},\"keys_examined\":10,"
        "\"documents_examined\":0,\"rows_returned\":10,\"plans\":["
        "{\"access\":\"index\",\"index\":\"a\",\"keys\":10.0,\"cost\":8.0},"
        "{\"access\":\"scan\",\"keys\":100.0,\"cost\":400.0,\"why\":\"costs more\"},"
        "{\"access\":\"index\",\"index\":\"b\",\"why\":\"neither narrows nor orders\"}],"
        "\"steps\":[{\"name\":\"plan\",\"rows\":3,\"ms\":#},{\"name\":\"index\",\"rows\":10,\"ms\":"
        "#},{\"name\":\"fetch\",\"rows\":0,\"ms\":#}],"
        "\"ms\":#}");
    assert_string_equal(explained("{\"count\":{}}"),
                        "{\"plan\":{\"access\":\"scan\"},\"keys_examined\":0,"
                        "\"documents_examined\":0,\"rows_returned\":100,\"steps\":["
                        "{\"name\":\"scan\",\"rows\":0,\"ms\":#}],\"ms\":#}");
    assert_non_null(strstr(explained("{\"aggregate\":{\"group_by\":[\"a\"],\"aggregates\":{\"n\":{"
                                     "\"count\":\"*\"}}}}"),
                           "{\"plan\":{\"access\":\"index\",\"index\":\"a\",\"index_only\":true},"
                           "\"keys_examined\":100,\"documents_examined\":0,\"rows_returned\":10,"));
    assert_string_equal(explained("{\"search\":{}}"), "unimplemented");
    assert_string_equal(explained("{\"update\":{}}"), "invalid_argument");
    assert_string_equal(
        explained("{\"update\":{\"filter\":\"a = 3\",\"patch\":[{\"op\":\"replace\",\"path\":"
                  "\"/missing\",\"value\":1}]}}"),
        "{\"plan\":{\"access\":\"index\",\"index\":\"a\"},\"keys_examined\":10,"
        "\"documents_examined\":10,\"rows_returned\":10,\"plans\":["
        "{\"access\":\"index\",\"index\":\"a\",\"keys\":10.0,\"cost\":58.0},"
        "{\"access\":\"scan\",\"keys\":100.0,\"cost\":400.0,\"why\":\"costs more\"},"
        "{\"access\":\"index\",\"index\":\"b\",\"why\":\"neither narrows nor orders\"}],"
        "\"steps\":[{\"name\":\"plan\",\"rows\":3,\"ms\":#},"
        "{\"name\":\"index\",\"rows\":10,\"ms\":#},{\"name\":\"fetch\",\"rows\":10,\"ms\":#},"
        "{\"name\":\"filter\",\"rows\":10,\"ms\":#},{\"name\":\"patch\",\"rows\":0,\"ms\":#}],"
        "\"ms\":#}"); // it fits none of them
    assert_string_equal(explained("{\"qeury\":{}}"), "invalid_argument");
    assert_string_equal(f.index.base.ctx.err.suggestions[0], "query");
    assert_string_equal(explained("{}"), "invalid_argument");
    assert_string_equal(explained("{\"query\":{},\"count\":{}}"), "invalid_argument");
    assert_string_equal(explained("{\"query\":1}"), "invalid_argument");
    assert_string_equal(explained("{\"query\":{\"limit\":-1}}"), "invalid_argument");
    assert_string_equal(f.index.base.ctx.err.items[0].pointer, "/query/limit");
    assert_string_equal(explained("{\"count\":{\"limit\":1}}"), "invalid_argument");
}

static void test_a_lost_document_is_told(void **state) {
    (void)state;
    struct buf key BUF_CLEANUP = {0};
    struct kv_batch batch;
    struct query_row row;
    struct query *q;
    bool found;
    index_on("a", "{\"fields\":[\"a\"]}");
    put_many(20);
    buf_init(&key, NULL, 100);
    keyspace_document(&key, INDEX_FIXTURE_TABLET, val_int(13));
    kv_batch_init(&batch, NULL, 1000);
    kv_batch_delete(&batch, KV_DATA, buf_slice(&key));
    assert_int_equal(f.view.kv->ops->write(f.view.kv, &f.index.base.ctx, &batch), NACRE_OK);
    kv_batch_free(&batch);
    query_fixture_publish(&f);
    struct query_request request = query_fixture_request(&f, "{\"filter\":\"a = 3\"}");
    assert_int_equal(query_open(&f.index.base.ctx, &f.target, &request, &q), NACRE_OK);
    assert_int_equal(query_next(&f.index.base.ctx, q, &row, &found), NACRE_OK);
    assert_true(found);
    assert_int_equal(query_next(&f.index.base.ctx, q, &row, &found), NACRE_CORRUPT);
    query_close(q);
}

static void test_the_cache_is_used_by_its_rule(void **state) {
    (void)state;
    struct ctx *ctx = &f.index.base.ctx;
    struct buf key BUF_CLEANUP = {0}, value BUF_CLEANUP = {0};
    struct cache_stats before, after;
    struct cache *cache;
    index_on("a", "{\"fields\":[\"a\"]}");
    put_many(20);
    assert_int_equal(cache_new(ctx, NULL, 1 << 20, &cache), NACRE_OK);
    f.target.cache = cache;
    buf_init(&key, NULL, 100);
    buf_init(&value, NULL, 1000);
    keyspace_document(&key, INDEX_FIXTURE_TABLET, val_int(13));
    struct row row = f.docs[13].row;
    row.body = doc_values_doc(ctx, "{\"_id\":13,\"a\":3,\"cached\":true}");
    row.footer = slice_of(NULL, 0);
    row_encode(&value, keyspace_local(buf_slice(&key)), &row);
    cache_write(cache, buf_slice(&key), buf_slice(&value), false, f.view.commit_ts);
    cache_stats(cache, &before);
    expect("{\"filter\":\"a = 3 AND cached = true\"}", "index a: 13");
    cache_stats(cache, &after);
    assert_true(after.hits > before.hits);
    // Newer than the view: not what the view shows.
    cache_write(cache, buf_slice(&key), buf_slice(&value), false, f.view.commit_ts + 1);
    expect("{\"filter\":\"a = 3 AND cached = true\"}", "index a: ");
    expect("{\"filter\":\"a = 3\"}", "index a: 3 13");
    cache_free(cache);
}

static void test_limits_of_memory_and_time(void **state) {
    (void)state;
    struct ctx ctx;
    struct query_row row;
    struct query *q = NULL;
    bool found = true;
    put_many(5000);
    struct query_request request = query_fixture_request(&f, "{\"sort\":\"c\"}");
    request.limit = QUERY_UNLIMITED;
    ctx_init(&ctx, &world_system, NULL, 128 * 1024);
    assert_int_equal(query_open(&ctx, &f.target, &request, &q), NACRE_OK);
    assert_int_equal(query_next(&ctx, q, &row, &found), NACRE_MEMORY_LIMIT);
    query_close(q);
    request.limit = 100; // the first 100 fit
    assert_int_equal(query_open(&ctx, &f.target, &request, &q), NACRE_OK);
    assert_int_equal(query_next(&ctx, q, &row, &found), NACRE_OK);
    query_close(q);
    ctx.deadline_ns = 1;
    assert_int_equal(query_open(&ctx, &f.target, &request, &q), NACRE_OK);
    assert_int_equal(query_next(&ctx, q, &row, &found), NACRE_TIMEOUT);
    query_close(q);
    ctx_free(&ctx);
}

#define PLAN_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        PLAN_TEST(test_by_id),
        PLAN_TEST(test_by_equality),
        PLAN_TEST(test_by_range),
        PLAN_TEST(test_long_runs_are_turned),
        PLAN_TEST(test_compound),
        PLAN_TEST(test_multikey),
        PLAN_TEST(test_multikey_order),
        PLAN_TEST(test_multikey_by_field),
        PLAN_TEST(test_strings),
        PLAN_TEST(test_partial),
        PLAN_TEST(test_not_ready),
        PLAN_TEST(test_cut_values),
        PLAN_TEST(test_too_many_ids_to_gather),
        PLAN_TEST(test_counts),
        PLAN_TEST(test_unions),
        PLAN_TEST(test_intersections),
        PLAN_TEST(test_estimates),
        PLAN_TEST(test_covering),
        PLAN_TEST(test_total),
        PLAN_TEST(test_claims),
        PLAN_TEST(test_told_by_entries),
        PLAN_TEST(test_explain),
        PLAN_TEST(test_a_lost_document_is_told),
        PLAN_TEST(test_the_cache_is_used_by_its_rule),
        PLAN_TEST(test_limits_of_memory_and_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
