// Random documents, indexes, filters, sorts and limits, on both stores: every page after page gives
// what evaluating and sorting every document gives, with the indexes and without; counts agree; the
// path of a claim holds every match and, where it says so, in order. Seed printed; NACRE_SEED runs
// the same again, NACRE_ROUNDS more of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doc/key.h"
#include "support/doc_values.h"
#include "support/query_fixture.h"

static struct query_fixture f;
static struct rng rng;
static struct buf text;

static uint32_t pick(uint32_t bound) { return (uint32_t)rng_below(&rng, bound); }
static bool chance(uint32_t in_100) { return pick(100) < in_100; }

static const char *const paths[] = {"a", "b", "c", "n.x", "n.y", "list.x", "list.y", "_id", "a.0"};
enum { PATHS = sizeof paths / sizeof *paths, INDEXED = 8 };

static void put(const char *s) { buf_put_str(&text, s); }

static void put_long(void) {
    uint32_t shared = 1000 + pick(30);
    put("\"");
    for (uint32_t i = 0; i < shared; i++)
        put("x");
    buf_printf(&text, "%c\"", "abc"[pick(3)]);
}

static void put_scalar(void) {
    static const char *const some[] = {"null",
                                       "0",
                                       "1",
                                       "2",
                                       "3",
                                       "-1",
                                       "1.0",
                                       "-0.0",
                                       "0.5",
                                       "2.5",
                                       "\"\"",
                                       "\"a\"",
                                       "\"ab\"",
                                       "\"abc\"",
                                       "\"b\"",
                                       "true",
                                       "false",
                                       "{}",
                                       "{\"x\":1}",
                                       "{\"y\":2}",
                                       "9007199254740993",
                                       "9007199254740992.0",
                                       "-7",
                                       "{\"$date\":\"2024-01-01T00:00:00Z\"}",
                                       "{\"$binary\":\"AAE=\"}",
                                       "\"\\u0001\""};
    if (chance(3))
        put_long();
    else if (chance(60))
        buf_printf(&text, "%u", pick(4));
    else
        put(some[pick(sizeof some / sizeof *some)]);
}

static void put_value(bool arrays) {
    if (!arrays || !chance(25)) {
        put_scalar();
        return;
    }
    put("[");
    for (uint32_t i = 0, n = pick(4); i < n; i++) {
        if (i) put(",");
        if (chance(8)) {
            put("[");
            put_scalar();
            put("]");
        } else {
            put_scalar();
        }
    }
    put("]");
}

static void put_list(void) {
    put("[");
    for (uint32_t i = 0, n = pick(4); i < n; i++) {
        if (i) put(",");
        if (chance(10)) {
            put_scalar();
            continue;
        }
        bool any = false;
        put("{");
        for (int k = 0; k < 2; k++) {
            if (!chance(70)) continue;
            buf_printf(&text, "%s\"%c\":", any ? "," : "", "xy"[k]);
            put_value(chance(20));
            any = true;
        }
        put("}");
    }
    put("]");
}

static void put_document(uint32_t id, bool arrays) {
    buf_reset(&text);
    buf_printf(&text, id % 3 ? "{\"_id\":%u" : "{\"_id\":\"s%u\"", id);
    for (const char *name = "abc"; *name; name++) {
        if (!chance(80)) continue;
        buf_printf(&text, ",\"%c\":", *name);
        put_value(arrays);
    }
    if (chance(60)) {
        put(",\"n\":{\"x\":");
        put_value(arrays);
        put(",\"y\":");
        put_scalar();
        put("}");
    }
    if (chance(arrays ? 50 : 0)) {
        put(",\"list\":");
        put_list();
    }
    for (uint32_t i = 0, n = chance(30) ? 12 : 0; i < n; i++)
        buf_printf(&text, ",\"pad%u\":%u", i, i);
    put("}");
    buf_put_u8(&text, 0);
}

static void put_condition(uint32_t depth);

static void put_operator(void) {
    static const char *const orders[] = {"$gt", "$gte", "$lt", "$lte", "$eq", "$ne"};
    switch (pick(9)) {
    case 0:
        put("\"$in\":[");
        for (uint32_t i = 0, n = pick(4); i < n; i++) {
            if (i) put(",");
            put_value(true);
        }
        put("]");
        break;
    case 1:
        put(chance(50) ? "\"$exists\":true" : "\"$exists\":false");
        break;
    case 2:
        put(chance(50) ? "\"$startsWith\":\"a\"" : "\"$startsWith\":\"xxxx\"");
        break;
    case 3:
        put(chance(50) ? "\"$type\":\"number\"" : "\"$type\":\"string\"");
        break;
    case 4:
        put("\"$not\":{\"$gt\":");
        put_scalar();
        put("}");
        break;
    default:
        buf_printf(&text, "\"%s\":", orders[pick(6)]);
        put_value(chance(10));
    }
}

static void put_field(void) {
    buf_printf(&text, "{\"%s\":", paths[pick(PATHS)]);
    if (chance(35)) {
        put_scalar();
    } else if (chance(10)) {
        put("{\"$elemMatch\":{");
        put_operator();
        put(chance(50) ? "}}" : ",\"$lte\":3}}");
    } else {
        put("{");
        put_operator();
        put("}");
    }
    put("}");
}

static void put_condition(uint32_t depth) {
    if (depth == 0 || chance(45)) {
        put_field();
        return;
    }
    put(chance(60) ? "{\"$and\":[" : chance(70) ? "{\"$or\":[" : "{\"$nor\":[");
    for (uint32_t i = 0, n = 1 + pick(3); i < n; i++) {
        if (i) put(",");
        put_condition(depth - 1);
    }
    put("]}");
}

static void put_range(void) {
    buf_printf(&text, "{\"%s\":{\"$gte\":%u,\"$lt\":%u}}", paths[pick(INDEXED)], pick(3),
               1 + pick(4));
}

static void put_sort(void) {
    put("[");
    for (uint32_t i = 0, n = pick(4); i < n; i++)
        buf_printf(&text, "%s\"%s%s\"", i ? "," : "", chance(40) ? "-" : "", paths[pick(INDEXED)]);
    put("]");
}

static void add_index(uint32_t i) {
    char name[16];
    snprintf(name, sizeof name, "i%u", i);
    buf_reset(&text);
    put("{\"fields\":[");
    bool used[INDEXED] = {0};
    for (uint32_t k = 0, n = 1 + pick(3); k < n; k++) {
        uint32_t at = pick(INDEXED);
        if (used[at]) continue;
        used[at] = true;
        if (text.p[text.n - 1] == '}') put(",");
        buf_printf(&text, "{\"path\":\"%s\",\"order\":\"%s\"}", paths[at],
                   chance(40) ? "desc" : "asc");
    }
    put("]");
    if (chance(15)) put(",\"unique\":true");
    if (chance(15)) put(",\"where\":{\"b\":1}");
    if (chance(10)) put(",\"where\":{\"a\":{\"$gt\":0},\"b\":{\"$exists\":true}}");
    put("}");
    buf_put_u8(&text, 0);
    if (strstr((char *)text.p, "where") != strrchr((char *)text.p, 'w')) return; // twice
    index_fixture_add(&f.index, name, (char *)text.p);
}

static const char *request_text(void) {
    buf_reset(&text);
    put("{\"filter\":");
    if (chance(15))
        put("{}");
    else if (chance(25))
        put_range();
    else
        put_condition(2);
    if (chance(15)) {
        text.n--; // the last brace
        put(text.p[text.n - 1] == '{' ? "\"b\":1}" : ",\"b\":1}");
    }
    put(",\"sort\":");
    put_sort();
    buf_printf(&text, ",\"limit\":%u,\"count\":\"exact\"}", 1 + pick(chance(50) ? 5 : 200));
    return arena_str(&f.index.base.ctx.arena, buf_slice(&text));
}

static const char *path_name(const struct query_stats *stats) {
    return stats->join ? stats->join : stats->index ? stats->index : "-";
}

static void same(const char *what, const char *request, const char *got, const char *want) {
    if (strcmp(got, want) == 0) return;
    for (uint32_t i = 0; i < f.index.collection.index_count; i++) {
        const struct index_def *index = &f.index.indexes[i];
        fprintf(stderr, "index %s:", index->name);
        for (uint32_t k = 0; k < index->field_count; k++)
            fprintf(stderr, " %s%.*s", index->fields[k].descending ? "-" : "",
                    (int)index->fields[k].path.text.n, (const char *)index->fields[k].path.text.p);
        fprintf(stderr, "%s\n", index->where.n ? " (partial)" : "");
    }
    struct query_stats stats = {0};
    struct query_request r = query_fixture_request(&f, request);
    struct query *q = NULL;
    if (query_open(&f.index.base.ctx, &f.target, &r, &q) == NACRE_OK) query_stats(q, &stats);
    query_close(q);
    fail_msg("%s of %s (access %d, index %s, sorted %d)\ngot  %.2000s\nwant %.2000s", what, request,
             stats.access, path_name(&stats), stats.sorted, got, want);
}

// By the plan that is chosen, then by each that was looked at.
static void check_counts(const char *request, const struct query_request *r, uint32_t rows) {
    struct ctx *ctx = &f.index.base.ctx;
    struct query_stats stats = {.plans = 1};
    for (uint32_t plan = 0; plan <= stats.plans; plan++) {
        struct query_count_request count = {
            .filter = r->filter, .forced_plan = plan, .now_ms = r->now_ms};
        uint64_t got;
        assert_int_equal(query_count(ctx, &f.target, &count, &got, &stats), NACRE_OK);
        if (got != rows)
            fail_msg("count (plan %u, access %d, index %s) of %s: %llu, not %u", plan, stats.access,
                     path_name(&stats), request, (unsigned long long)got, rows);
    }
}

static void check_plans(const char *request, struct query_request r, const char *want) {
    struct query_stats stats = {0};
    struct query *q = NULL;
    assert_int_equal(query_open(&f.index.base.ctx, &f.target, &r, &q), NACRE_OK);
    query_stats(q, &stats);
    query_close(q);
    for (r.forced_plan = 1; r.forced_plan <= stats.plans; r.forced_plan++) {
        char what[64];
        snprintf(what, sizeof what, "pages by plan %u", r.forced_plan);
        same(what, request, query_fixture_pages(&f, r, NULL), want);
    }
}

// Reads a path as apply does, and gives the matches in that order, each once.
static const char *path_matches(const struct access_path *path, const struct query_request *r,
                                uint32_t *out_rows) {
    struct ctx *ctx = &f.index.base.ctx;
    const struct index_def *index =
        path->index_id ? catalog_index_by_id(&f.index.collection, path->index_id) : NULL;
    bool *seen = calloc(f.count + 1, 1);
    buf_reset(&text);
    *out_rows = 0;
    for (uint32_t i = 0; i < path->range_count; i++) {
        const struct key_range *range =
            &path->ranges[path->reverse ? path->range_count - 1 - i : i];
        struct kv_iter_options options = {.lower = range->lower, .upper = range->upper};
        struct kv_iter *it;
        assert_int_equal(
            f.view.kv->ops->iter_open(f.view.kv, ctx, f.view.kv_view, KV_DATA, &options, &it),
            NACRE_OK);
        for (path->reverse ? it->ops->seek_last(it) : it->ops->seek_first(it); it->valid;
             path->reverse ? it->ops->prev(it) : it->ops->next(it)) {
            struct slice components, id_key = slice_skip(it->key, KEYSPACE_PREFIX);
            if (index)
                assert_int_equal(index_key_split(ctx, index, it->key, &components, &id_key),
                                 NACRE_OK);
            for (uint32_t k = 0; k < f.count; k++) {
                struct doc_sys sys;
                struct doc doc;
                struct val id;
                bool match = true;
                if (seen[k] || !f.docs[k].live || !slice_eq(f.docs[k].id_key, id_key)) continue;
                row_doc(&f.docs[k].row, r->now_ms, &sys, &doc);
                if (r->filter)
                    assert_int_equal(filter_eval(ctx, r->filter, &doc, &match), NACRE_OK);
                if (!match) continue;
                seen[k] = true;
                assert_int_equal(key_decode(ctx, &id_key, false, KEY_TB_PLAIN, &id), NACRE_OK);
                if (++*out_rows > 1) put(" ");
                json_write_val(&text, id, JSON_INT64_NUMBER);
            }
        }
        it->ops->close(it);
    }
    free(seen);
    return arena_str(&ctx->arena, buf_slice(&text));
}

static bool has_long(void) {
    for (uint32_t i = 0; i < f.count; i++)
        if (f.docs[i].live && f.docs[i].row.body.n > 900) return true;
    return false;
}

static void check_claim(const char *request, const struct query_request *r, const char *want,
                        uint32_t rows) {
    struct ctx *ctx = &f.index.base.ctx;
    struct access_path path, again;
    struct buf bytes BUF_CLEANUP = {0};
    bool ordered;
    uint32_t got_rows;
    assert_int_equal(query_plan_access(ctx, &f.target, r->filter, &r->sort, &path, &ordered),
                     NACRE_OK);
    buf_init(&bytes, NULL, SIZE_MAX / 2);
    access_path_write(&bytes, &path);
    struct slice in = buf_slice(&bytes);
    assert_int_equal(access_path_read(ctx, &in, &again), NACRE_OK);
    const char *got = path_matches(&again, r, &got_rows);
    if (got_rows != rows) fail_msg("claim path of %s: %u of %u", request, got_rows, rows);
    if (ordered && !has_long()) same("claim order", request, got, want);
}

// The texts after the first count.
static const char *after(const char *ids, uint32_t count) {
    while (count-- && *ids) {
        ids += strcspn(ids, " ");
        ids += *ids == ' ';
    }
    return ids;
}

static void check_request(void) {
    const char *request = request_text();
    struct ctx *ctx = &f.index.base.ctx;
    uint32_t rows, got;
    struct query_request r = query_fixture_request(&f, request);
    const char *want = query_fixture_naive(&f, &r, &rows);
    same("pages", request, query_fixture_pages(&f, r, &got), want);
    assert_int_equal(rows, got);
    f.alternates = true;
    same("pages by two plans", request, query_fixture_pages(&f, r, NULL), want);
    f.alternates = false;
    r.offset = pick(chance(50) ? 4 : rows + 3);
    same("pages from an offset", request, query_fixture_pages(&f, r, NULL), after(want, r.offset));
    r.offset = 0;
    r.forbid_indexes = true;
    same("pages without indexes", request, query_fixture_pages(&f, r, NULL), want);
    r.forbid_indexes = false;
    check_plans(request, r, want);
    r.limit = QUERY_UNLIMITED;
    same("everything", request, query_fixture_page(&f, &r, NULL), want);
    check_counts(request, &r, rows);
    check_claim(request, &r, want, rows);
    assert_true(ctx->err.status == NACRE_OK || ctx->err.status != NACRE_CORRUPT);
}

static void check_round(enum kv_stand_kind kind) {
    bool arrays = chance(50);
    uint32_t documents = chance(15) ? 200 + pick(200) : pick(60);
    struct ctx *ctx = &f.index.base.ctx;
    query_fixture_open(&f, kind);
    for (uint32_t i = 0, n = pick(6); i < n; i++)
        add_index(i);
    for (uint32_t i = 0; i < documents; i++) {
        put_document(pick(documents * 2), arrays);
        (void)query_fixture_put(&f, (char *)text.p);
        err_clear(ctx);
        if (chance(10) && f.count) query_fixture_delete(&f, f.docs[pick(f.count)].id);
    }
    query_fixture_publish(&f);
    query_fixture_spill(&f, chance(60) ? 1 + pick(4000) : 0);
    struct cache *cache = NULL;
    if (chance(50)) assert_int_equal(cache_new(ctx, NULL, 1 << 20, &cache), NACRE_OK);
    f.target.cache = cache; // nothing is written from here on
    struct arena_mark mark = arena_mark(&ctx->arena);
    for (uint32_t i = 0; i < 12; i++) {
        check_request();
        arena_rewind(&ctx->arena, mark);
    }
    cache_free(cache);
    query_fixture_close(&f);
}

static uint32_t rounds(uint32_t usual) {
    const char *given = getenv("NACRE_ROUNDS");
    return given ? (uint32_t)strtoul(given, NULL, 10) : usual;
}

static void run_on(enum kv_stand_kind kind, uint32_t count) {
    doc_values_seed(&rng);
    buf_init(&text, NULL, SIZE_MAX / 2);
    for (uint32_t i = 0; i < count; i++)
        check_round(kind);
    buf_free(&text);
}

static void test_on_memkv(void **state) {
    (void)state;
    run_on(KV_STAND_MEM, rounds(250));
}

static void test_on_rocksdb(void **state) {
    (void)state;
    run_on(KV_STAND_ROCKS, rounds(25));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_on_memkv),
        cmocka_unit_test(test_on_rocksdb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
