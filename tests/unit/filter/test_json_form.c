// What the JSON form refuses, where the error points, and what it suggests; limits; what PCRE2 may
// not do.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "doc/json.h"
#include "support/filter_fixture.h"

struct row {
    const char *filter, *pointer, *got;
    const char *suggestion; // NULL: none
};

static void check_row(struct ctx *ctx, const struct row *row) {
    struct filter *filter;
    nacre_status status =
        filter_parse_any(ctx, slice_str(row->filter), &filter_regex_pcre2, &filter);
    if (status != NACRE_INVALID_FILTER) fail_msg("%s: status %d", row->filter, (int)status);
    if (ctx->err.item_count != 1) fail_msg("%s: %s", row->filter, ctx->err.detail);
    const struct err_item *item = &ctx->err.items[0];
    if (strcmp(item->pointer, row->pointer) != 0)
        fail_msg("%s: pointer %s", row->filter, item->pointer);
    if (strcmp(item->got, row->got) != 0) fail_msg("%s: got %s", row->filter, item->got);
    if (item->expected[0] == '\0') fail_msg("%s: nothing expected", row->filter);
    const char *got = ctx->err.suggestion_count ? ctx->err.suggestions[0] : NULL;
    if ((got != NULL) != (row->suggestion != NULL) || (got && strcmp(got, row->suggestion) != 0))
        fail_msg("%s: suggestion %s", row->filter, got ? got : "none");
}

static void test_rows(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"{\"a\":{\"$gtt\":1}}", "/a/$gtt", "$gtt", "$gt"},
        {"{\"a\":{\"$cotnains\":1}}", "/a/$cotnains", "$cotnains", "$contains"},
        {"{\"a\":{\"$zzzzzz\":1}}", "/a/$zzzzzz", "$zzzzzz", NULL},
        {"{\"$ro\":[]}", "/$ro", "$ro", "$or"},
        {"{\"$where\":\"x\"}", "/$where", "$where", NULL},
        {"{\"$gt\":1}", "/$gt", "$gt", NULL},
        {"{\"$not\":{\"a\":1}}", "/$not", "$not", "$nor"},
        {"{\"a\":{\"$and\":[]}}", "/a/$and", "$and", NULL},
        {"{\"a\":{\"$gt\":1,\"b\":2}}", "/a", "object", NULL},
        {"{\"$or\":[]}", "/$or", "array", NULL},
        {"{\"$or\":{}}", "/$or", "object", NULL},
        {"{\"$and\":5}", "/$and", "5", NULL},
        {"{\"$or\":[{\"a\":1},5]}", "/$or/1", "5", NULL},
        {"{\"$or\":[{\"a\":1},{\"b/c\":{\"$inn\":[]}}]}", "/$or/1/b~1c/$inn", "$inn", "$in"},
        {"{\"a\":{\"$in\":5}}", "/a/$in", "5", NULL},
        {"{\"a\":{\"$in\":[1,{\"$gt\":5}]}}", "/a/$in/1", "object", NULL},
        {"{\"a\":{\"$nin\":\"x\"}}", "/a/$nin", "\"x\"", NULL},
        {"{\"a\":{\"$all\":1}}", "/a/$all", "1", NULL},
        {"{\"a\":{\"$all\":[{\"$gt\":1}]}}", "/a/$all/0", "object", NULL},
        {"{\"a\":{\"$eq\":{\"$gt\":1}}}", "/a/$eq", "object", NULL},
        {"{\"a\":{\"$exists\":1}}", "/a/$exists", "1", NULL},
        {"{\"a\":{\"$type\":\"strnig\"}}", "/a/$type", "\"strnig\"", "string"},
        {"{\"a\":{\"$type\":2}}", "/a/$type", "2", NULL},
        {"{\"a\":{\"$type\":[]}}", "/a/$type", "array", NULL},
        {"{\"a\":{\"$type\":[\"int\",\"missing\"]}}", "/a/$type/1", "\"missing\"", NULL},
        {"{\"a\":{\"$not\":5}}", "/a/$not", "5", NULL},
        {"{\"a\":{\"$not\":{}}}", "/a/$not", "object", NULL},
        {"{\"a\":{\"$size\":-1}}", "/a/$size", "-1", NULL},
        {"{\"a\":{\"$size\":1.5}}", "/a/$size", "1.5", NULL},
        {"{\"a\":{\"$size\":\"1\"}}", "/a/$size", "\"1\"", NULL},
        {"{\"a\":{\"$size\":4294967296}}", "/a/$size", "4294967296", NULL},
        {"{\"a\":{\"$elemMatch\":5}}", "/a/$elemMatch", "5", NULL},
        {"{\"a\":{\"$elemMatch\":{\"$gt\":1,\"b\":1}}}", "/a/$elemMatch/b", "b", NULL},
        {"{\"a\":{\"$elemMatch\":{\"b\":1,\"$gt\":1}}}", "/a/$elemMatch/$gt", "$gt", NULL},
        {"{\"a\":{\"$elemMatch\":{\"$and\":[{\"$gt\":1}],\"$lt\":1}}}", "/a/$elemMatch/$lt", "$lt",
         NULL},
        {"{\"a\":{\"$elemMatch\":{\"$and\":[{\"$gt\":1},{}]}}}", "/a/$elemMatch/$and/1", "object",
         NULL},
        {"{\"a\":{\"$startsWith\":5}}", "/a/$startsWith", "5", NULL},
        {"{\"a\":{\"$contains\":{\"$gt\":5}}}", "/a/$contains", "object", NULL},
        {"{\"a\":{\"$regex\":5}}", "/a/$regex", "5", NULL},
        {"{\"a\":{\"$regex\":\"(\"}}", "/a/$regex", "\"(\"", NULL},
        {"{\"a\":{\"$regex\":\"a\",\"$options\":\"g\"}}", "/a/$options", "\"g\"", NULL},
        {"{\"a\":{\"$regex\":\"a\",\"$options\":1}}", "/a/$options", "1", NULL},
        {"{\"a\":{\"$options\":\"i\"}}", "/a/$options", "$options", NULL},
        {"{\"a..b\":1}", "/a..b", "a..b", NULL},
        {"{\"\":1}", "/", "", NULL},
    };
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 64u << 20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        check_row(&ctx, &rows[i]);
        ctx_reset(&ctx);
    }
    ctx_free(&ctx);
}

// Errors of the JSON form have a span too: the name where that is wrong, else the value.
static void test_spans(void **state) {
    (void)state;
    static const struct {
        const char *filter, *at_fault; // the first place of this text
    } rows[] = {
        {"{\"a\":{\"$gtt\":1}}", "\"$gtt\""},
        {" { \"a\" : [1,2] , \"b\" : { \"$size\" : -1 } } ", "-1"},
        {"{\"$or\":[{\"a\":1},{\"b/c\":{\"$inn\":[]}}]}", "\"$inn\""},
        {"{\"$or\":[{\"a\":\"}],{\\\"\"},{\"~\":{\"$in\":{\"x\":[1]}}}]}", "{\"x\":[1]}"},
        {"{\"$or\":[{\"a\":1}, 5 ]}", "5"},
        {"{\"a\":{\"$in\":5},\"a\":{\"$in\":7}}", "7"},
        {"{\"a\":{\"$type\":[\"int\",\"oops\"]}}", "\"oops\""},
        {"{\"a..b\":1}", "\"a..b\""},
    };
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 64u << 20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct filter *filter;
        const char *text = rows[i].filter;
        assert_int_equal(filter_parse_any(&ctx, slice_str(text), NULL, &filter),
                         NACRE_INVALID_FILTER);
        size_t offset = (size_t)(strstr(text, rows[i].at_fault) - text);
        if (!ctx.err.has_span || ctx.err.span_offset != offset ||
            ctx.err.span_length != strlen(rows[i].at_fault))
            fail_msg("%s: span %u+%u (%s)", text, ctx.err.span_offset, ctx.err.span_length,
                     ctx.err.detail);
    }
    ctx_free(&ctx);
}

static nacre_status parse(struct ctx *ctx, const char *text,
                          const struct filter_regex_engine *regex) {
    struct filter *filter;
    return filter_parse_any(ctx, slice_str(text), regex, &filter);
}

static void test_other_errors(void **state) {
    (void)state;
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 64u << 20);
    assert_int_equal(parse(&ctx, "{\"a\":", NULL), NACRE_INVALID_JSON);
    assert_int_equal(parse(&ctx, "{\"a\":{\"$geoWithin\":{}}}", NULL), NACRE_UNIMPLEMENTED);
    assert_int_equal(parse(&ctx, "{\"a\":{\"$near\":{}}}", NULL), NACRE_UNIMPLEMENTED);
    // Where no engine is given, none is reached.
    assert_int_equal(parse(&ctx, "{\"a\":{\"$regex\":\"x\"}}", NULL), NACRE_INVALID_FILTER);
    assert_false(
        filter_is_pure(filter_fixture_parse(&ctx, "{\"a\":{\"$not\":{\"$regex\":\"x\"}}}")));
    assert_true(filter_is_pure(filter_fixture_parse(&ctx, "{\"a\":{\"$not\":{\"$gt\":\"x\"}}}")));
    ctx_free(&ctx);
}

static const char *repeat(struct ctx *ctx, const char *head, const char *unit, size_t times,
                          const char *tail) {
    size_t n = strlen(head) + strlen(unit) * times + strlen(tail) + 1;
    char *text = arena_alloc(&ctx->arena, n);
    assert_non_null(text);
    char *at = text + snprintf(text, n, "%s", head);
    for (size_t i = 0; i < times; i++)
        at += snprintf(at, n - (size_t)(at - text), "%s", unit);
    snprintf(at, n - (size_t)(at - text), "%s", tail);
    return text;
}

static void test_limits(void **state) {
    (void)state;
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 256u << 20);
    const struct filter_regex_engine *re = &filter_regex_pcre2;
    // Operands of IN.
    assert_int_equal(parse(&ctx, repeat(&ctx, "a IN (1", ",2", 9999, ")"), re), NACRE_OK);
    assert_int_equal(parse(&ctx, repeat(&ctx, "a IN (1", ",2", 10000, ")"), re),
                     NACRE_INVALID_FILTER);
    assert_int_equal(parse(&ctx, repeat(&ctx, "{\"a\":{\"$in\":[1", ",2", 9999, "]}}"), re),
                     NACRE_OK);
    assert_int_equal(parse(&ctx, repeat(&ctx, "{\"a\":{\"$in\":[1", ",2", 10000, "]}}"), re),
                     NACRE_INVALID_FILTER);
    // Nodes: the AND itself is one.
    assert_int_equal(parse(&ctx, repeat(&ctx, "a=1", " AND b=2", 9998, ""), re), NACRE_OK);
    assert_int_equal(parse(&ctx, repeat(&ctx, "a=1", " AND b=2", 9999, ""), re),
                     NACRE_INVALID_FILTER);
    // Depth.
    assert_int_equal(parse(&ctx, repeat(&ctx, "", "(", 100, repeat(&ctx, "a=1", ")", 100, "")), re),
                     NACRE_OK);
    assert_int_equal(parse(&ctx, repeat(&ctx, "", "(", 101, repeat(&ctx, "a=1", ")", 101, "")), re),
                     NACRE_INVALID_FILTER);
    assert_int_equal(parse(&ctx, repeat(&ctx, "", "NOT ", 100, "a=1"), re),
                     NACRE_OK); // they cancel out
    assert_int_equal(parse(&ctx, repeat(&ctx, "", "NOT ", 101, "a=1"), re), NACRE_INVALID_FILTER);
    // a=1 is two levels of canonical BSON, each NOT (… AND …) four more.
    const char *tail = repeat(&ctx, "a=1", ")", 24, "");
    assert_int_equal(parse(&ctx, repeat(&ctx, "", "NOT (b=1 AND ", 24, tail), re), NACRE_OK);
    tail = repeat(&ctx, "a=1", ")", 25, "");
    assert_int_equal(parse(&ctx, repeat(&ctx, "", "NOT (b=1 AND ", 25, tail), re),
                     NACRE_INVALID_FILTER);
    // Patterns.
    assert_int_equal(parse(&ctx, repeat(&ctx, "{\"a\":{\"$regex\":\"", "x", 10000, "\"}}"), re),
                     NACRE_OK);
    assert_int_equal(parse(&ctx, repeat(&ctx, "{\"a\":{\"$regex\":\"", "x", 10001, "\"}}"), re),
                     NACRE_INVALID_FILTER);
    ctx_free(&ctx);
}

// A limit that is hit is an error, never "no match"; not even where a complement would hide it.
static void test_regex_limit(void **state) {
    (void)state;
    static const char *const filters[] = {
        "{\"a\":{\"$regex\":\"^(a+)+$\"}}",
        "{\"a\":{\"$not\":{\"$regex\":\"^(a+)+$\"}}}",
        "{\"$or\":[{\"a\":{\"$regex\":\"^(a|aa)+$\"}},{}],\"a\":{\"$regex\":\"^(a|aa)+$\"}}",
        "{\"a\":{\"$regex\":\"^(?:(a)|b)*?(?:c|(?R)x)*$\"}}",
    };
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 64u << 20);
    for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++) {
        struct doc doc;
        bool match = true;
        filter_fixture_doc(&ctx, repeat(&ctx, "{\"a\":\"", "a", 5000, "!\"}"), false, &doc);
        const struct filter *filter = filter_fixture_parse(&ctx, filters[i]);
        size_t used = ctx.arena.used;
        nacre_status status = filter_eval(&ctx, filter, &doc, &match);
        if (status != NACRE_INVALID_FILTER) fail_msg("%s: status %d", filters[i], (int)status);
        assert_true(match); // untouched
        assert_true(ctx.arena.used <= used);
        ctx_reset(&ctx);
    }
    ctx_free(&ctx);
}

// The bytes of the canonical form are part of the log's format.
static void test_canonical(void **state) {
    (void)state;
    static const struct {
        const char *filter, *canonical;
    } rows[] = {
        {"{}", "{}"},
        {"{\"$and\":[{},{}]}", "{}"},
        {"{\"a\":5}", "{\"a\":{\"$eq\":5}}"},
        {"a != 5", "{\"$nor\":[{\"a\":{\"$eq\":5}}]}"},
        {"{\"a\":{\"$gt\":1,\"$lt\":5}}", "{\"$and\":[{\"a\":{\"$gt\":1}},{\"a\":{\"$lt\":5}}]}"},
        {"{\"a\":{\"$in\":[3,\"x\",1,1.0,null]}}", "{\"a\":{\"$in\":[null,1,3,\"x\"]}}"},
        {"{\"a\":{\"$all\":[1,2]}}", "{\"$and\":[{\"a\":{\"$eq\":1}},{\"a\":{\"$eq\":2}}]}"},
        {"{\"a\":{\"$exists\":false}}", "{\"$nor\":[{\"a\":{\"$exists\":true}}]}"},
        {"{\"a\":{\"$type\":[\"date\",\"number\"]}}",
         "{\"a\":{\"$type\":[\"int\",\"double\",\"date\"]}}"},
        {"{\"a\":{\"$size\":2.0}}", "{\"a\":{\"$size\":2}}"},
        {"{\"a\":{\"$regex\":\"x\",\"$options\":\"xi\"}}",
         "{\"a\":{\"$regex\":\"x\",\"$options\":\"ix\"}}"},
        {"{\"a\":{\"$elemMatch\":{\"$gt\":1,\"$ne\":5}}}",
         "{\"a\":{\"$elemMatch\":{\"$and\":[{\"$gt\":1},{\"$nor\":[{\"$eq\":5}]}]}}}"},
        {"{\"a\":{\"$elemMatch\":{\"x\":1}}}", "{\"a\":{\"$elemMatch\":{\"x\":{\"$eq\":1}}}}"},
        {"{\"$nor\":[{\"a\":1},{\"b\":2}]}",
         "{\"$nor\":[{\"$or\":[{\"a\":{\"$eq\":1}},{\"b\":{\"$eq\":2}}]}]}"},
        {"{\"$nor\":[{\"$nor\":[{\"a\":1}]}]}", "{\"a\":{\"$eq\":1}}"},
        {"{\"a\":{\"$all\":[]}}", "{\"a\":{\"$in\":[]}}"},
    };
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 64u << 20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        BUF_CLEANUP struct buf out;
        buf_init(&out, NULL, 1u << 20);
        const struct filter *filter = filter_fixture_parse(&ctx, rows[i].filter);
        json_write_doc(&out, filter->canonical, JSON_INT64_NUMBER);
        buf_put_u8(&out, 0);
        assert_int_equal(buf_status(&out), NACRE_OK);
        assert_string_equal((const char *)out.p, rows[i].canonical);
    }
    ctx_free(&ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),         cmocka_unit_test(test_spans),
        cmocka_unit_test(test_other_errors), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_regex_limit),  cmocka_unit_test(test_canonical),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
