// A document and a patch, as JSON, with a byte 0A between them. The first byte of the patch
// decides: '[' is a JSON Patch, else operators or a merge patch. What applies gives a valid
// document with the same _id and no system fields; applying once more to the same gives the same
// bytes.
#include "base/err/check.h"
#include "base/err/ctx.h"
#include "doc/json.h"
#include "doc/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 64 * 1024 * 1024 };

static nacre_status read_patch(struct ctx *ctx, struct slice text, struct buf *bson,
                               struct patch *out) {
    struct json_options options = {.allow_dollar_names = true};
    if (text.n == 0 || text.p[0] != '[') {
        TRY(json_parse(ctx, text, &options, bson));
        return patch_of_object(ctx, buf_slice(bson), out);
    }
    BUF_CLEANUP struct buf wrapped;
    buf_init(&wrapped, NULL, ROOM);
    buf_put_str(&wrapped, "{\"ops\":");
    buf_put_slice(&wrapped, text);
    buf_put_str(&wrapped, "}");
    TRY(json_parse(ctx, buf_slice(&wrapped), &options, bson));
    return patch_of_ops(ctx, buf_slice(bson), out);
}

static void check_result(struct ctx *ctx, struct slice before, struct slice after) {
    static const char *const system[] = {"_version", "_created", "_updated", "_expires", "_lease"};
    CHECK(bson_validate(ctx, after) == NACRE_OK);
    CHECK(val_identical(bson_find(before, SLICE_LIT("_id")), bson_find(after, SLICE_LIT("_id"))));
    for (int i = 0; i < 5; i++)
        CHECK(bson_find(before, slice_str(system[i])).type != VAL_MISSING ||
              bson_find(after, slice_str(system[i])).type == VAL_MISSING);
}

static void apply(struct ctx *ctx, struct slice doc, const struct patch *patch) {
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, ROOM);
    nacre_status status = patch_apply(ctx, patch, doc, 1000, &out);
    if (status != NACRE_OK) {
        CHECK(out.n == 0 && ctx->err.status == status);
        CHECK(status == NACRE_INVALID_ARGUMENT || status == NACRE_CONDITION_FAILED ||
              status == NACRE_DOCUMENT_TOO_LARGE);
        return;
    }
    check_result(ctx, doc, buf_slice(&out));
    size_t n = out.n;
    CHECK(patch_apply(ctx, patch, doc, 1000, &out) == NACRE_OK);
    CHECK(slice_eq(slice_of(out.p, n), slice_skip(buf_slice(&out), n)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *split = size ? memchr(data, '\n', size) : NULL;
    if (!split) return 0;
    size_t n = (size_t)(split - data);
    struct ctx ctx;
    struct patch patch;
    BUF_CLEANUP struct buf doc, bson;
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX / 2);
    buf_init(&doc, NULL, ROOM);
    buf_init(&bson, NULL, ROOM);
    if (json_parse(&ctx, slice_of(data, n), NULL, &doc) == NACRE_OK &&
        read_patch(&ctx, slice_of(split + 1, size - n - 1), &bson, &patch) == NACRE_OK)
        apply(&ctx, buf_slice(&doc), &patch);
    ctx_free(&ctx);
    return 0;
}
