// Random documents, indexes and aggregates: groups and results are those of comparing every
// document with every other, rows come in order, pages give what one page gives, and neither
// indexes nor their absence, nor how little memory there is, change a byte. Seed printed;
// NACRE_SEED runs the same again, NACRE_ROUNDS more of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "support/doc_values.h"
#include "support/naive_value.h"
#include "support/query_fixture.h"

enum { DOCUMENTS = 60, KEYS_MAX = 2, OPS = 6, PAGE_LINES_MAX = 200 };

static struct query_fixture f;
static struct rng rng;

static const char *const paths[] = {"a", "b", "n.x", "n", "a.0"};
static const char *const ops[OPS] = {"count", "sum", "avg", "min", "max", "count_distinct"};

struct shape {
    uint32_t key_count;
    const char *keys[KEYS_MAX], *over[OPS]; // an aggregate of each kind
    const char *filter;
};

static uint32_t pick(uint32_t bound) { return (uint32_t)rng_below(&rng, bound); }

static void put_value(struct buf *out) {
    static const char *const some[] = {"null",
                                       "0",
                                       "-0.0",
                                       "0.0",
                                       "1",
                                       "1.0",
                                       "2",
                                       "2.5",
                                       "-7",
                                       "0.25",
                                       "1e17",
                                       "-1e17",
                                       "\"\"",
                                       "\"a\"",
                                       "\"b\"",
                                       "true",
                                       "[]",
                                       "[1,2]",
                                       "[1,2.0]",
                                       "[\"a\"]",
                                       "{\"x\":1}",
                                       "{\"x\":1.0}",
                                       "{}",
                                       "{\"$date\":\"2024-01-01T00:00:00Z\"}",
                                       "9007199254740993",
                                       "{\"$binary\":\"AQI=\"}"};
    uint32_t count = sizeof some / sizeof *some;
    buf_put_str(out, some[pick(pick(2) ? 12 : count)]);
}

static void put_documents(void) {
    struct buf json BUF_CLEANUP = {0};
    buf_init(&json, NULL, 1 << 16);
    for (uint32_t i = 0; i < DOCUMENTS; i++) {
        buf_reset(&json);
        buf_printf(&json, "{\"_id\":%u", i);
        for (const char *name = "abn"; *name; name++) {
            if (pick(5) == 0) continue;
            buf_printf(&json, ",\"%c\":", *name);
            put_value(&json);
        }
        buf_put(&json, "}", 2);
        (void)query_fixture_put(&f, (const char *)json.p); // two arrays in one index are refused
    }
    for (uint32_t i = 0; i < DOCUMENTS / 10; i++)
        query_fixture_delete(&f, val_int(pick(DOCUMENTS)));
    query_fixture_publish(&f);
}

static struct shape shape_random(void) {
    static const char *const filters[] = {"_id >= 0", "a >= 1",           "b = 1 OR a = 2",
                                          "a = 1",    "a < 3 AND b >= 0", "n.x = 1"};
    struct shape s = {.key_count = pick(KEYS_MAX + 1), .filter = filters[pick(6)]};
    uint32_t first = pick(5);
    for (uint32_t i = 0; i < s.key_count; i++)
        s.keys[i] = paths[(first + i) % 5];
    for (uint32_t i = 0; i < OPS; i++)
        s.over[i] = paths[pick(5)];
    return s;
}

static const char *body_of(const struct shape *s, const char *more) {
    struct buf out BUF_CLEANUP = {0};
    buf_init(&out, NULL, 1 << 16);
    buf_printf(&out, "{\"filter\":\"%s\",\"group_by\":[", s->filter);
    for (uint32_t i = 0; i < s->key_count; i++)
        buf_printf(&out, "%s\"%s\"", i ? "," : "", s->keys[i]);
    buf_put_str(&out, "],\"aggregates\":{\"docs\":{\"count\":\"*\"}");
    for (uint32_t i = 0; i < OPS; i++)
        buf_printf(&out, ",\"%s\":{\"%s\":\"%s\"}", ops[i], ops[i], s->over[i]);
    buf_printf(&out, "}%s}", more);
    return arena_str(&f.index.base.ctx.arena, buf_slice(&out));
}

// --- naive --------------------------------------------------------------------------------------

// One value by names and places, null where there is none.
static const struct naive *value_at(const struct naive *v, const char *path) {
    while (v && *path) {
        size_t n = strcspn(path, ".");
        if (v->kind == NAIVE_OBJECT)
            v = naive_field(v, slice_of(path, n));
        else if (v->kind == NAIVE_ARRAY && *path == '0')
            v = v->count ? v->kids[0] : NULL;
        else
            v = NULL;
        path += n + (path[n] == '.');
    }
    return v ? v : &naive_missing;
}

static bool nullish(const struct naive *v) { return v->kind <= NAIVE_NULL; }

struct members {
    const struct naive *docs[DOCUMENTS];
    uint32_t count;
};

static void all_members(const struct shape *s, struct members *out) {
    struct ctx *ctx = &f.index.base.ctx;
    struct filter *filter;
    out->count = 0;
    assert_int_equal(filter_parse_any(ctx, slice_str(s->filter), &filter_regex_pcre2, &filter),
                     NACRE_OK);
    for (uint32_t i = 0; i < f.count; i++) {
        struct doc_sys sys;
        struct doc doc;
        bool match;
        if (!f.docs[i].live) continue;
        row_doc(&f.docs[i].row, QUERY_FIXTURE_NOW_MS, &sys, &doc);
        assert_int_equal(filter_eval(ctx, filter, &doc, &match), NACRE_OK);
        if (match) out->docs[out->count++] = naive_of_bson(&ctx->arena, doc.body);
    }
}

static bool in_group(const struct shape *s, const struct naive *doc, const struct naive *row) {
    for (uint32_t i = 0; i < s->key_count; i++)
        if (naive_cmp(value_at(doc, s->keys[i]), naive_field(row, slice_str(s->keys[i]))))
            return false;
    return true;
}

static const struct naive *cell(const struct naive *row, const char *name) {
    const struct naive *v = naive_field(row, slice_str(name));
    assert_non_null(v);
    return v;
}

static void number_is(const struct naive *row, const char *name, long double want) {
    const struct naive *v = cell(row, name);
    assert_int_equal(v->kind, NAIVE_NUMBER);
    if (fabsl(v->number - want) > fabsl(want) * 1e-15L)
        fail_msg("%s is %Lg, not %Lg", name, v->number, want);
}

static void check_counts(const struct shape *s, const struct members *m, const struct naive *row) {
    uint32_t values = 0, distinct = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        values += !nullish(value_at(m->docs[i], s->over[0]));
        const struct naive *v = value_at(m->docs[i], s->over[5]);
        bool before = nullish(v);
        for (uint32_t k = 0; k < i && !before; k++)
            before = naive_cmp(value_at(m->docs[k], s->over[5]), v) == 0;
        distinct += !before;
    }
    number_is(row, "docs", m->count);
    number_is(row, "count", values);
    number_is(row, "count_distinct", distinct);
}

// Every number here is a multiple of 1/4 below 2^57: 64 bits of mantissa add them exactly.
static void check_sum(const struct members *m, const struct naive *row, const char *name,
                      const char *over) {
    long double sum = 0;
    uint32_t numbers = 0;
    bool doubles = false, average = strcmp(name, "avg") == 0;
    for (uint32_t i = 0; i < m->count; i++) {
        const struct naive *v = value_at(m->docs[i], over);
        if (v->kind != NAIVE_NUMBER) continue;
        numbers++;
        sum += v->number;
        doubles |= v->is_double;
    }
    if (numbers == 0) {
        assert_int_equal(cell(row, name)->kind, NAIVE_NULL);
        return;
    }
    assert_int_equal(cell(row, name)->is_double, doubles || average);
    if (!average) assert_true(cell(row, name)->number == (doubles ? (double)sum : sum));
    number_is(row, name, average ? sum / numbers : sum);
}

static void check_best(const struct members *m, const struct naive *row, const char *name,
                       const char *over, int sign) {
    const struct naive *best = NULL;
    bool integer = false;
    for (uint32_t i = 0; i < m->count; i++) {
        const struct naive *v = value_at(m->docs[i], over);
        if (nullish(v)) continue;
        int c = best ? sign * naive_cmp(v, best) : 1;
        if (c > 0) integer = false;
        if (c >= 0) integer |= v->kind == NAIVE_NUMBER && !v->is_double;
        if (c > 0) best = v;
    }
    assert_int_equal(naive_cmp(cell(row, name), best ? best : &naive_missing), 0);
    if (best && best->kind == NAIVE_NUMBER) assert_int_equal(cell(row, name)->is_double, !integer);
}

static void check_row(const struct shape *s, const struct members *all, const struct naive *row,
                      uint32_t *seen) {
    struct members m = {.count = 0};
    for (uint32_t i = 0; i < all->count; i++)
        if (in_group(s, all->docs[i], row)) m.docs[m.count++] = all->docs[i];
    assert_true(m.count > 0 || s->key_count == 0);
    *seen += m.count;
    check_counts(s, &m, row);
    check_sum(&m, row, "sum", s->over[1]);
    check_sum(&m, row, "avg", s->over[2]);
    check_best(&m, row, "min", s->over[3], -1);
    check_best(&m, row, "max", s->over[4], 1);
}

static int cmp_keys(const struct shape *s, const struct naive *a, const struct naive *b) {
    for (uint32_t i = 0; i < s->key_count; i++) {
        int c = naive_cmp(cell(a, s->keys[i]), cell(b, s->keys[i]));
        if (c) return c;
    }
    return 0;
}

// --- rows ---------------------------------------------------------------------------------------

static uint32_t rows_of(const char *text, const struct naive **rows) {
    struct ctx *ctx = &f.index.base.ctx;
    uint32_t count = 0;
    while (*text) {
        size_t n = strcspn(text, "\n");
        assert_true(count < PAGE_LINES_MAX);
        const char *line = arena_str(&ctx->arena, slice_of(text, n));
        rows[count++] = naive_of_bson(&ctx->arena, doc_values_doc(ctx, line));
        text += n + (text[n] == '\n');
    }
    return count;
}

static const char *all_pages(const char *body) {
    struct buf out BUF_CLEANUP = {0};
    const char *token = NULL;
    buf_init(&out, NULL, 1 << 20);
    do {
        const char *text = query_fixture_aggregate(&f, body, pick(2), token, &token);
        if (out.n && *text) buf_put_u8(&out, '\n');
        buf_put_str(&out, text);
    } while (*token);
    return arena_str(&f.index.base.ctx.arena, buf_slice(&out));
}

static void check_sorted(const struct shape *s) {
    const struct naive *rows[PAGE_LINES_MAX];
    bool down = pick(2);
    const char *column = pick(2) && s->key_count ? s->keys[0] : ops[pick(OPS)];
    char more[80];
    snprintf(more, sizeof more, ",\"sort\":\"%s%s\"", down ? "-" : "", column);
    const char *whole = query_fixture_aggregate(&f, body_of(s, more), false, NULL, NULL);
    uint32_t count = rows_of(whole, rows);
    for (uint32_t i = 1; i < count; i++) {
        struct naive *one = naive_new(&f.index.base.ctx.arena, NAIVE_OBJECT);
        struct naive *two = naive_new(&f.index.base.ctx.arena, NAIVE_OBJECT);
        naive_add(&f.index.base.ctx.arena, one, slice_str("v"),
                  naive_copy(&f.index.base.ctx.arena, cell(rows[i - 1], column)));
        naive_add(&f.index.base.ctx.arena, two, slice_str("v"),
                  naive_copy(&f.index.base.ctx.arena, cell(rows[i], column)));
        int c = naive_sort_cmp(naive_sort_value(one, "v", down), naive_sort_value(two, "v", down));
        if (down) c = -c;
        assert_true(c < 0 || (c == 0 && cmp_keys(s, rows[i - 1], rows[i]) < 0));
    }
    snprintf(more, sizeof more, ",\"sort\":\"%s%s\",\"limit\":%u", down ? "-" : "", column,
             1 + pick(4));
    assert_string_equal(all_pages(body_of(s, more)), whole);
}

static void check_shape(const struct shape *s) {
    const struct naive *rows[PAGE_LINES_MAX], *kept[PAGE_LINES_MAX];
    struct members all;
    uint32_t seen = 0, wanted = 0;
    const char *body = body_of(s, "");
    const char *text = query_fixture_aggregate(&f, body, false, NULL, NULL);
    assert_string_equal(text, query_fixture_aggregate(&f, body, true, NULL, NULL));
    uint32_t count = rows_of(text, rows);
    all_members(s, &all);
    for (uint32_t i = 0; i < count; i++) {
        if (i) assert_true(cmp_keys(s, rows[i - 1], rows[i]) < 0);
        check_row(s, &all, rows[i], &seen);
        wanted += cell(rows[i], "docs")->number > 1;
    }
    assert_int_equal(seen, all.count);
    assert_string_equal(all_pages(body_of(s, ",\"limit\":3")), text);
    text = query_fixture_aggregate(&f, body_of(s, ",\"having\":\"docs > 1\""), false, NULL, NULL);
    assert_int_equal(rows_of(text, kept), wanted);
    check_sorted(s);
}

static void test_against_naive(void **state) {
    static const char *const indexes[] = {"{\"fields\":[\"a\"]}", "{\"fields\":[\"b\",\"a\"]}",
                                          "{\"fields\":[\"n.x\"]}"};
    const char *rounds = getenv("NACRE_ROUNDS");
    (void)state;
    doc_values_seed(&rng);
    for (int round = rounds ? (int)strtol(rounds, NULL, 10) : 30; round > 0; round--) {
        query_fixture_open(&f, KV_STAND_MEM);
        for (uint32_t i = 0; i < 3; i++) {
            char name[8];
            snprintf(name, sizeof name, "i%u", i);
            if (pick(2)) index_fixture_add(&f.index, name, indexes[i]);
        }
        put_documents();
        query_fixture_spill(&f, pick(3) ? 1 + pick(4000) : 0);
        for (int i = 0; i < 10; i++) {
            struct shape shape = shape_random();
            check_shape(&shape);
        }
        query_fixture_close(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_naive)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
