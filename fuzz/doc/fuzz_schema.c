// A schema and a document, as JSON, with a byte 0A between them. What compiles gives one answer for
// the document, twice the same, with an offender if it does not fit; filled in, the document is
// valid BSON, and has no more defaults to be filled in where it already is.
#include "base/err/check.h"
#include "base/err/ctx.h"
#include "doc/json.h"
#include "support/plain_regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 64 * 1024 * 1024 };

static void check_fill(struct ctx *ctx, const struct schema *schema, struct slice doc) {
    BUF_CLEANUP struct buf out;
    bool changed;
    buf_init(&out, NULL, ROOM);
    nacre_status status = schema_fill(ctx, schema, doc, &out, &changed);
    CHECK(status == NACRE_OK || status == NACRE_SCHEMA_VIOLATION);
    if (status != NACRE_OK) return;
    CHECK(changed || out.n == 0);
    if (changed) CHECK(bson_validate(ctx, buf_slice(&out)) == NACRE_OK);
}

static void check(struct ctx *ctx, const struct schema *schema, struct slice doc) {
    struct val v = val_bytes(VAL_OBJECT, doc);
    nacre_status status = schema_validate(ctx, schema, v);
    CHECK(status == NACRE_OK || status == NACRE_SCHEMA_VIOLATION);
    CHECK(status == NACRE_OK || ctx->err.status == status);
    CHECK(schema_validate(ctx, schema, v) == status);
    check_fill(ctx, schema, doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *split = size ? memchr(data, '\n', size) : NULL;
    if (!split) return 0;
    size_t n = (size_t)(split - data);
    struct json_options names = {.allow_dollar_names = true};
    struct schema_options options = {.regex = &plain_regex, .collection = data[0] == '{'};
    struct ctx ctx;
    struct schema *schema;
    struct val v;
    BUF_CLEANUP struct buf doc, bson;
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX / 2);
    buf_init(&doc, NULL, ROOM);
    buf_init(&bson, NULL, ROOM);
    if (json_parse(&ctx, slice_of(split + 1, size - n - 1), NULL, &doc) == NACRE_OK &&
        json_parse_value(&ctx, slice_of(data, n), &names, &bson, NULL, &v) == NACRE_OK) {
        nacre_status status = schema_compile(&ctx, v, &options, &schema);
        CHECK(status == NACRE_OK || status == NACRE_INVALID_ARGUMENT);
        if (status == NACRE_OK) {
            check(&ctx, schema, buf_slice(&doc));
            schema_free(schema);
        }
    }
    ctx_free(&ctx);
    return 0;
}
