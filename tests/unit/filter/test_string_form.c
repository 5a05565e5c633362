// The string form is another spelling of the JSON form, and its errors name their place exactly.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/filter_fixture.h"

static const struct {
    const char *text, *json;
} pairs[] = {
    {"year > 2000 AND genres CONTAINS 'Drama'",
     "{\"year\":{\"$gt\":2000},\"genres\":{\"$contains\":\"Drama\"}}"},
    {"a = 5", "{\"a\":5}"},
    {"a=5", "{\"a\":{\"$eq\":5}}"},
    {"a != 5", "{\"a\":{\"$ne\":5}}"},
    {"a <> 5", "{\"a\":{\"$ne\":5}}"},
    {"a<5", "{\"a\":{\"$lt\":5}}"},
    {"a<=5", "{\"a\":{\"$lte\":5}}"},
    {"a>-5", "{\"a\":{\"$gt\":-5}}"},
    {"a >= 5.0", "{\"a\":{\"$gte\":5.0}}"},
    {"a = 1e3", "{\"a\":1e3}"},
    {"a = -0.0", "{\"a\":-0.0}"},
    {"a = 9223372036854775807", "{\"a\":9223372036854775807}"},
    {"a = 'x'", "{\"a\":\"x\"}"},
    {"a = ''", "{\"a\":\"\"}"},
    {"a = 'it''s'", "{\"a\":\"it's\"}"},
    {"a = ''''", "{\"a\":\"'\"}"},
    {"a = 'AND \"x\" (1)'", "{\"a\":\"AND \\\"x\\\" (1)\"}"},
    {"a = 'caf\xc3\xa9'", "{\"a\":\"caf\xc3\xa9\"}"},
    {"a = TRUE", "{\"a\":true}"},
    {"a = false", "{\"a\":false}"},
    {"a = Null", "{\"a\":null}"},
    {"a > NULL", "{\"a\":{\"$gt\":null}}"},
    {"a IN (3, 1, 2)", "{\"a\":{\"$in\":[1,2,3]}}"},
    {"a in(1,'x',TRUE,NULL)", "{\"a\":{\"$in\":[1,\"x\",true,null]}}"},
    {"a IN ()", "{\"a\":{\"$in\":[]}}"},
    {"a NOT IN (1)", "{\"a\":{\"$nin\":[1]}}"},
    {"a BETWEEN 1 AND 5", "{\"a\":{\"$gte\":1,\"$lte\":5}}"},
    {"a between 1 and 5 and b = 2", "{\"a\":{\"$gte\":1,\"$lte\":5},\"b\":2}"},
    {"a NOT BETWEEN 1 AND 5", "{\"a\":{\"$not\":{\"$gte\":1,\"$lte\":5}}}"},
    {"a IS NULL", "{\"a\":null}"},
    {"a is not null", "{\"a\":{\"$ne\":null}}"},
    {"a CONTAINS 1", "{\"a\":{\"$contains\":1}}"},
    {"a NOT CONTAINS 'x'", "{\"a\":{\"$not\":{\"$contains\":\"x\"}}}"},
    {"a STARTS WITH 'x'", "{\"a\":{\"$startsWith\":\"x\"}}"},
    {"a not starts  with 'x'", "{\"a\":{\"$not\":{\"$startsWith\":\"x\"}}}"},
    {"NOT a = 5", "{\"a\":{\"$ne\":5}}"},
    {"NOT NOT a = 5", "{\"a\":5}"},
    {"NOT (a = 5 OR b = 6)", "{\"$nor\":[{\"a\":5},{\"b\":6}]}"},
    // AND binds tighter than OR; NOT tighter than AND.
    {"a = 1 OR b = 2 AND c = 3", "{\"$or\":[{\"a\":1},{\"b\":2,\"c\":3}]}"},
    {"a = 1 AND b = 2 OR c = 3", "{\"$or\":[{\"a\":1,\"b\":2},{\"c\":3}]}"},
    {"(a = 1 OR b = 2) AND c = 3", "{\"$or\":[{\"a\":1},{\"b\":2}],\"c\":3}"},
    {"NOT a = 1 AND b = 2", "{\"a\":{\"$ne\":1},\"b\":2}"},
    {"((a = 1))", "{\"a\":1}"},
    {"a = 1 AND (b = 2 AND c = 3)", "{\"a\":1,\"b\":2,\"c\":3}"},
    {" \t\r\na = 1\n", "{\"a\":1}"},
    // Names.
    {"a.b.0 = 1", "{\"a.b.0\":1}"},
    {"_version > 3", "{\"_version\":{\"$gt\":3}}"},
    {"content-type = 1", "{\"content-type\":1}"},
    {"\xc3\xa9t\xc3\xa9 = 1", "{\"\xc3\xa9t\xc3\xa9\":1}"},
    {"Year = 1", "{\"Year\":1}"},
    {"contains CONTAINS 1", "{\"contains\":{\"$contains\":1}}"},
    {"a.in = 1", "{\"a.in\":1}"},
    {"\"in\" = 1", "{\"in\":1}"},
    {"\"first name\" = 'x'", "{\"first name\":\"x\"}"},
    {"\"a b\".c.\"d e\" = 1", "{\"a b.c.d e\":1}"},
    {"\"say \"\"hi\"\"\" = 1", "{\"say \\\"hi\\\"\":1}"},
    {"\"a.b\" = 1", "{\"/a.b\":1}"},
    {"x.\"a.b\" = 1", "{\"/x/a.b\":1}"},
    {"x.\"a/~.b\" = 1", "{\"/x/a~1~0.b\":1}"},
    {"x.\"a/b\" = 1", "{\"x.a/b\":1}"},
    {"\"\" = 1", "{\"/\":1}"},
    {"/a/b = 1", "{\"/a/b\":1}"},
    {"/a~1b = 1", "{\"/a~1b\":1}"},
    {"\"/a/b c\" = 1", "{\"/a/b c\":1}"},
};

static void test_same_as_json(void **state) {
    (void)state;
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 64u << 20);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        const struct filter *text = filter_fixture_parse(&ctx, pairs[i].text);
        const struct filter *json = filter_fixture_parse(&ctx, pairs[i].json);
        if (!slice_eq(text->canonical, json->canonical))
            fail_msg("%s is not %s", pairs[i].text, pairs[i].json);
        assert_true(filter_hash(text) == filter_hash(json));
        assert_true(filter_is_pure(text));
    }
    ctx_free(&ctx);
}

static void test_matches(void **state) {
    (void)state;
    static const char film[] =
        "{\"_id\":\"f\",\"title\":\"Amélie\",\"year\":2001,\"genres\":[\"Comedy\","
        "\"Drama\"],\"rating\":8.3,\"cast\":[{\"name\":\"Audrey Tautou\"}]}";
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 64u << 20);
    assert_true(filter_fixture_matches(&ctx, "year > 2000 AND genres CONTAINS 'Drama'", film));
    assert_true(filter_fixture_matches(&ctx, "cast.name STARTS WITH 'Audrey'", film));
    assert_true(filter_fixture_matches(&ctx, "rating BETWEEN 8 AND 9 AND year IN (2001)", film));
    assert_true(filter_fixture_matches(&ctx, "box_office IS NULL", film));
    assert_true(filter_fixture_matches(&ctx, "box_office != 5", film)); // unlike SQL
    assert_false(filter_fixture_matches(&ctx, "genres CONTAINS 'Dram'", film));
    assert_true(filter_fixture_matches(&ctx, "title CONTAINS 'mé'", film));
    assert_true(filter_fixture_matches(&ctx, "genres = 'Drama'", film));
    assert_false(filter_fixture_matches(&ctx, "NOT (genres = 'Drama' OR year < 2000)", film));
    ctx_free(&ctx);
}

struct error_row {
    const char *text;
    uint32_t offset, length;
    const char *suggestion; // NULL: none
};

static const struct error_row mistakes[] = {
    {"", 0, 0, NULL},
    {"   ", 3, 0, NULL},
    {"a", 1, 0, NULL},
    {"a = ", 4, 0, NULL},
    {"a = 1 AND", 9, 0, NULL},
    {"a = 1 AND AND b = 1", 10, 3, NULL},
    {"a = 1 ADN b = 2", 6, 3, "AND"},
    {"a = 1 b = 2", 6, 1, NULL},
    {"a = 1 && b = 2", 6, 2, "AND"},
    {"a = 1 || b = 2", 6, 2, "OR"},
    {"a == 1", 2, 2, "="},
    {"!a = 1", 0, 1, "NOT"},
    {"a => 1", 2, 2, ">="},
    {"genres CONTIANS 'x'", 7, 8, "CONTAINS"},
    {"genres contains Drama", 16, 5, "'Drama'"},
    {"genres = \"Drama\"", 9, 7, "'Drama'"},
    {"a = TREU", 4, 4, "TRUE"},
    {"title LIKE 'x%'", 6, 4, "CONTAINS"},
    {"a STARTS 'x'", 9, 3, NULL},
    {"a STARTS WHITH 'x'", 9, 5, "WITH"},
    {"a STARTS WITH 5", 14, 1, NULL},
    {"a BETWEEN 1 5", 12, 1, NULL},
    {"a BETWEEN 1 OR 5", 12, 2, NULL},
    {"a IN 1", 5, 1, NULL},
    {"a IN (1 2)", 8, 1, NULL},
    {"a IN (1,)", 8, 1, NULL},
    {"a IN (1", 7, 0, NULL},
    {"a IS 5", 5, 1, NULL},
    {"a IS NOT 5", 9, 1, NULL},
    {"a NOT = 5", 6, 1, NULL},
    {"(a = 1", 6, 0, NULL},
    {"a = 1)", 5, 1, NULL},
    {"a = 'x", 4, 2, NULL},
    {"\"a = 1", 0, 6, NULL},
    {"a = 01", 4, 2, NULL},
    {"a = 1.", 4, 2, NULL},
    {"a = -", 4, 1, NULL},
    {"a = 5x", 4, 2, NULL},
    {"a = +5", 4, 1, NULL},
    {"a = 1e999", 4, 5, NULL},
    {"a = 9223372036854775808", 4, 19, NULL},
    {"5 = a", 0, 1, NULL},
    {"in = 5", 0, 2, NULL},
    {"a..b = 1", 2, 1, NULL},
    {"a. = 1", 2, 1, NULL},
    {"$a = 1", 0, 1, NULL},
    {"\"$a\" = 1", 0, 4, NULL},
    {"a = 1; b = 2", 5, 1, NULL},
    {"a \xff", 2, 1, NULL},
    {"/a~2 = 1", 0, 4, NULL},
};

static void test_errors(void **state) {
    (void)state;
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 64u << 20);
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
        struct filter *filter;
        const struct error_row *row = &mistakes[i];
        nacre_status status =
            filter_parse_text(&ctx, slice_str(row->text), &filter_regex_pcre2, &filter);
        if (status != NACRE_INVALID_FILTER || ctx.err.status != NACRE_INVALID_FILTER)
            fail_msg("%s: status %d", row->text, (int)status);
        if (!ctx.err.has_span || ctx.err.span_offset != row->offset ||
            ctx.err.span_length != row->length)
            fail_msg("%s: span %u+%u (%s)", row->text, ctx.err.span_offset, ctx.err.span_length,
                     ctx.err.detail);
        const char *got = ctx.err.suggestion_count ? ctx.err.suggestions[0] : NULL;
        if ((got != NULL) != (row->suggestion != NULL) ||
            (got && strcmp(got, row->suggestion) != 0))
            fail_msg("%s: suggestion %s", row->text, got ? got : "none");
        ctx_reset(&ctx);
    }
    ctx_free(&ctx);
}

static void test_wording(void **state) {
    (void)state;
    struct ctx ctx;
    struct filter *filter;
    ctx_init(&ctx, &world_system, NULL, 64u << 20);
    assert_int_equal(filter_parse_text(&ctx, SLICE_LIT("year > 2000 ADN x = 1"), NULL, &filter),
                     NACRE_INVALID_FILTER);
    assert_string_equal(ctx.err.detail, "expected AND, OR or the end, found ADN at byte 12");
    assert_int_equal(ctx.err.item_count, 1);
    assert_string_equal(ctx.err.items[0].expected, "AND, OR or the end");
    assert_string_equal(ctx.err.items[0].got, "ADN");
    ctx_free(&ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_json),
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_wording),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
