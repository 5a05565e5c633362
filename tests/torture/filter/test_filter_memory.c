// Every allocation of parsing and evaluating fails in turn: the answer is right or
// NACRE_MEMORY_LIMIT, and nothing leaks.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/os/fault.h"
#include "support/filter_fixture.h"

static const char *const filters[] = {
    ("{\"a\":{\"$in\":[3,1,2,9,8,7,6,5,4]},\"$or\":[{\"b\":{\"$gt\":5}},{\"c.d\":{\"$not\":{\"$"
     "size\":2}}}],"
     "\"$nor\":[{\"e\":{\"$elemMatch\":{\"$gt\":1,\"$lt\":5}}}],\"s\":{\"$regex\":\"^a.*z$\",\"$"
     "options\":\"i\"}}"),
    "a IN (3, 1, 2) AND (b > 5 OR NOT c.\"d e\" = 'it''s') AND s STARTS WITH 'a' AND x.\"a.b\" IS "
    "NULL",
    "{\"a\":{\"$gtt\":5}}",
    "a = 1 ADN b = 2",
};

static void one_pass(const char *text, const struct doc *doc, nacre_status wanted) {
    struct ctx ctx;
    struct filter *filter = NULL;
    bool match = false;
    ctx_init(&ctx, &world_system, NULL, 8u << 20);
    nacre_status status = filter_parse_any(&ctx, slice_str(text), &filter_regex_pcre2, &filter);
    if (status == NACRE_OK) {
        status = filter_eval(&ctx, filter, doc, &match);
        if (status == NACRE_OK) assert_true(match);
    }
    if (status != wanted) assert_int_equal(status, NACRE_MEMORY_LIMIT);
    assert_int_equal(ctx.err.status, status);
    ctx_free(&ctx);
}

static void test_every_allocation(void **state) {
    (void)state;
    struct ctx ctx;
    struct doc doc;
    ctx_init(&ctx, &world_system, NULL, 8u << 20);
    filter_fixture_doc(&ctx, "{\"a\":1,\"b\":6,\"e\":[7],\"s\":\"a-Z\"}", false, &doc);
    for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++) {
        nacre_status wanted = i < 2 ? NACRE_OK : NACRE_INVALID_FILTER;
        bool fired = true;
        for (int64_t nth = 1; fired && nth < 10000; nth++) {
            fault_arm(FAULT_ALLOC, nth, nth % 2 == 0);
            one_pass(filters[i], &doc, wanted);
            fired = fault_fired(FAULT_ALLOC);
            fault_disarm(FAULT_ALLOC);
        }
        assert_false(fired);
    }
    ctx_free(&ctx);
}

// The same by the arena's bound, in small steps: each allocation from the arena meets it once.
static void test_every_bound(void **state) {
    (void)state;
    struct ctx big;
    struct doc doc;
    ctx_init(&big, &world_system, NULL, 8u << 20);
    filter_fixture_doc(&big, "{\"a\":1,\"b\":6,\"e\":[7],\"s\":\"a-Z\"}", false, &doc);
    for (size_t bound = 0; bound < 64u << 10; bound += 1024) {
        struct ctx ctx;
        struct filter *filter = NULL;
        bool match = false;
        ctx_init(&ctx, &world_system, NULL, bound);
        nacre_status status =
            filter_parse_any(&ctx, slice_str(filters[0]), &filter_regex_pcre2, &filter);
        if (status == NACRE_OK) status = filter_eval(&ctx, filter, &doc, &match);
        if (status != NACRE_OK) assert_int_equal(status, NACRE_MEMORY_LIMIT);
        ctx_free(&ctx);
    }
    ctx_free(&big);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation),
        cmocka_unit_test(test_every_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
