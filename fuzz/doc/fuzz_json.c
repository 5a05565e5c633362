// JSON text: what is accepted is valid BSON; written and read again it is the same bytes.
#include <stdint.h>
#include <stdlib.h>

#include "base/err/ctx.h"
#include "doc/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 1 << 22 };

static void must(bool holds) {
    if (!holds) abort();
}

// A text of any value, by the same options.
static void again(struct ctx *ctx, struct slice bson, struct val v,
                  const struct json_options *options) {
    struct buf text, back;
    buf_init(&text, NULL, OUT_MAX * 8);
    buf_init(&back, NULL, OUT_MAX);
    json_write_val(&text, v, bson.n % 2 ? JSON_INT64_NUMBER : JSON_INT64_STRING);
    must(buf_status(&text) == NACRE_OK);
    struct val v2;
    must(json_parse_value(ctx, buf_slice(&text), options, &back, NULL, &v2) == NACRE_OK);
    must(slice_eq(buf_slice(&back), bson));
    buf_free(&text);
    buf_free(&back);
}

static void parse(struct ctx *ctx, struct slice text, const struct json_options *options) {
    struct buf out;
    buf_init(&out, NULL, OUT_MAX);
    struct val v;
    size_t consumed = 0;
    if (json_parse_value(ctx, text, options, &out, &consumed, &v) == NACRE_OK) {
        must(consumed <= text.n);
        if (v.type == VAL_OBJECT) must(bson_validate_operators(ctx, val_slice(v)) == NACRE_OK);
        again(ctx, buf_slice(&out), v, options);
    } else {
        must(out.n == 0 && buf_status(&out) == NACRE_OK);
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 1 << 26);
    struct slice text = slice_of(data, size);
    struct json_options loose = {.allow_dollar_names = true, .allow_trailing = true};
    parse(&ctx, text, NULL);
    parse(&ctx, text, &loose);
    struct buf out;
    buf_init(&out, NULL, OUT_MAX);
    if (json_parse(&ctx, text, NULL, &out) == NACRE_OK)
        must(bson_validate(&ctx, buf_slice(&out)) == NACRE_OK);
    buf_free(&out);
    ctx_free(&ctx);
    return 0;
}
