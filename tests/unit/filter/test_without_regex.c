// What uses filters without handing over a regular expression engine does not even link PCRE2:
// apply does so.
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "doc/json.h"
#include "filter/filter.h"

static struct slice json(struct ctx *ctx, const char *text, struct buf *out) {
    struct json_options options = {.allow_dollar_names = true};
    buf_init(out, NULL, 1u << 20);
    assert_non_null(buf_reserve(out, 64));
    assert_int_equal(json_parse(ctx, slice_str(text), &options, out), NACRE_OK);
    return buf_slice(out);
}

static void test_links_without_pcre2(void **state) {
    (void)state;
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 1u << 20);
    BUF_CLEANUP struct buf filter_bson;
    BUF_CLEANUP struct buf regex_bson;
    BUF_CLEANUP struct buf doc_bson;
    struct slice pure = json(&ctx, "{\"a\":{\"$gt\":1},\"b\":{\"$contains\":\"x\"}}", &filter_bson);
    struct slice impure = json(&ctx, "{\"a\":{\"$regex\":\"x\"}}", &regex_bson);
    struct doc doc = {.body = json(&ctx, "{\"a\":2,\"b\":\"xy\"}", &doc_bson)};
    struct filter *filter;
    bool match = false;
    assert_int_equal(filter_parse(&ctx, pure, NULL, &filter), NACRE_OK);
    assert_true(filter_is_pure(filter));
    assert_int_equal(filter_eval(&ctx, filter, &doc, &match), NACRE_OK);
    assert_true(match);
    assert_int_equal(filter_parse(&ctx, impure, NULL, &filter), NACRE_INVALID_FILTER);
    assert_null(dlsym(RTLD_DEFAULT, "pcre2_compile_8"));
    assert_null(dlsym(RTLD_DEFAULT, "pcre2_match_8"));
    ctx_free(&ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_links_without_pcre2)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
