// Any JSON as a filter: what parses has a canonical form that parses to itself and answers the
// same; its complement answers the opposite.
#include "base/err/check.h"
#include "doc/json.h"
#include "filter/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char document[] =
    "{\"_id\":\"f\",\"a\":1,\"b\":[1,2.5,\"x\",null,[1,2]],\"c\":{\"d\":[{\"e\":1},{\"e\":[\"ab\"]}"
    "]},"
    "\"s\":\"abc\",\"t\":true,\"y\":{\"$date\":\"2024-02-29T00:00:00Z\"}}";

static bool answer(struct ctx *ctx, const struct filter *filter, const struct doc *doc, bool *out) {
    nacre_status status = filter_eval(ctx, filter, doc, out);
    CHECK(status == NACRE_OK || (!filter_is_pure(filter) &&
                                 (status == NACRE_INVALID_FILTER || status == NACRE_MEMORY_LIMIT)));
    return status == NACRE_OK;
}

static void check(struct ctx *ctx, const struct filter *filter, const struct doc *doc) {
    struct filter *again = NULL, *negated = NULL;
    CHECK(filter_parse(ctx, filter->canonical, &filter_regex_pcre2, &again) == NACRE_OK);
    CHECK(slice_eq(filter->canonical, again->canonical));
    BUF_CLEANUP struct buf buf;
    buf_init(&buf, NULL, 64u << 20);
    struct bson_writer w;
    bson_begin(&w, &buf);
    bson_open_array(&w, SLICE_LIT("$nor"));
    bson_put(&w, (struct slice){0}, val_bytes(VAL_OBJECT, filter->canonical));
    bson_close(&w);
    bson_end(&w);
    bool a = false, b = false, c = false;
    if (!answer(ctx, filter, doc, &a)) return;
    CHECK(answer(ctx, again, doc, &b) && a == b);
    // The complement may be too deep or have a node too many.
    if (filter_parse(ctx, buf_slice(&buf), &filter_regex_pcre2, &negated) != NACRE_OK) return;
    CHECK(answer(ctx, negated, doc, &c) && a != c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ctx ctx;
    struct filter *filter = NULL;
    if (size > 1u << 16) return 0;
    ctx_init(&ctx, &world_system, NULL, 64u << 20);
    BUF_CLEANUP struct buf doc;
    BUF_CLEANUP struct buf bson;
    buf_init(&doc, NULL, 1u << 20);
    buf_init(&bson, NULL, 1u << 20);
    CHECK(buf_reserve(&doc, 64) && buf_reserve(&bson, 64));
    struct json_options plain = {0}, dollars = {.allow_dollar_names = true};
    CHECK(json_parse(&ctx, slice_str(document), &plain, &doc) == NACRE_OK);
    struct doc view = {.body = buf_slice(&doc)};
    if (json_parse(&ctx, slice_of(data, size), &dollars, &bson) == NACRE_OK &&
        filter_parse(&ctx, buf_slice(&bson), &filter_regex_pcre2, &filter) == NACRE_OK)
        check(&ctx, filter, &view);
    filter_err_span(&ctx, slice_of(data, size));
    CHECK(!ctx.err.has_span || (size_t)ctx.err.span_offset + ctx.err.span_length <= size);
    ctx_free(&ctx);
    return 0;
}
