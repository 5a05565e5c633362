// Any text as a filter in the string form: an error has a span within the text; what parses has a
// canonical form that parses to itself and answers the same.
#include "base/err/check.h"
#include "doc/json.h"
#include "filter/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char document[] =
    "{\"_id\":\"f\",\"a\":1,\"b\":[1,2.5,\"x\",null],\"c\":{\"d\":[{\"e\":1},{\"e\":\"ab\"}]},"
    "\"s\":\"abc\",\"t\":true}";

static void check(struct ctx *ctx, const struct filter *filter, const struct doc *doc) {
    struct filter *again = NULL;
    bool a = false, b = false;
    CHECK(filter_is_pure(filter));
    CHECK(filter_parse(ctx, filter->canonical, NULL, &again) == NACRE_OK);
    CHECK(slice_eq(filter->canonical, again->canonical));
    CHECK(filter_eval(ctx, filter, doc, &a) == NACRE_OK);
    CHECK(filter_eval(ctx, again, doc, &b) == NACRE_OK);
    CHECK(a == b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ctx ctx;
    struct filter *filter = NULL;
    if (size > 1u << 16) return 0;
    ctx_init(&ctx, &world_system, NULL, 64u << 20);
    BUF_CLEANUP struct buf doc;
    buf_init(&doc, NULL, 1u << 20);
    CHECK(buf_reserve(&doc, 64));
    struct json_options plain = {0};
    CHECK(json_parse(&ctx, slice_str(document), &plain, &doc) == NACRE_OK);
    struct doc view = {.body = buf_slice(&doc)};
    nacre_status status =
        filter_parse_text(&ctx, slice_of(data, size), &filter_regex_pcre2, &filter);
    if (status == NACRE_OK) {
        check(&ctx, filter, &view);
    } else {
        CHECK(status == NACRE_INVALID_FILTER);
        CHECK(!ctx.err.has_span || (size_t)ctx.err.span_offset + ctx.err.span_length <= size);
    }
    ctx_free(&ctx);
    return 0;
}
