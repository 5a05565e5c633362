// Any JSON as the body of :aggregate: refused, or a request whose parts keep their limits and which
// the same bytes give again.
#include "base/err/check.h"
#include "doc/json.h"
#include "query/aggregate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_refusal(nacre_status status) {
    return status == NACRE_INVALID_ARGUMENT || status == NACRE_INVALID_FILTER ||
           status == NACRE_INVALID_JSON || status == NACRE_UNIMPLEMENTED ||
           status == NACRE_MEMORY_LIMIT;
}

static void check(struct ctx *ctx, struct slice bson) {
    struct aggregate_request request, again;
    nacre_status status = aggregate_request_parse(ctx, bson, &request);
    CHECK(status == NACRE_OK || is_refusal(status));
    CHECK((status == NACRE_OK) == (ctx->err.status == NACRE_OK));
    if (status != NACRE_OK) return;
    CHECK(request.key_count <= AGGREGATE_KEYS_MAX && request.item_count <= AGGREGATES_MAX);
    CHECK(request.key_count + request.item_count > 0);
    CHECK(request.query.limit <= QUERY_LIMIT_MAX);
    for (uint32_t i = 0; i < request.item_count; i++)
        CHECK(request.items[i].documents || request.items[i].path.count > 0);
    status = aggregate_request_parse(ctx, bson, &again);
    CHECK(status == NACRE_MEMORY_LIMIT || (status == NACRE_OK && again.hash == request.hash));
    static const uint8_t empty[] = {5, 0, 0, 0, 0};
    struct doc row = {.body = slice_of(empty, sizeof empty)};
    bool fits;
    if (request.having) (void)!filter_eval(ctx, request.having, &row, &fits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ctx ctx;
    if (size > 1u << 16) return 0;
    ctx_init(&ctx, &world_system, NULL, 64u << 20);
    BUF_CLEANUP struct buf bson;
    buf_init(&bson, NULL, 1u << 20);
    struct json_options dollars = {.allow_dollar_names = true};
    if (json_parse(&ctx, slice_of(data, size), &dollars, &bson) == NACRE_OK)
        check(&ctx, buf_slice(&bson));
    ctx_free(&ctx);
    return 0;
}
