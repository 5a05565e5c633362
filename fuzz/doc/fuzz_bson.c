// Foreign BSON: what the validator accepts can be walked, found in, indexed and written as JSON;
// the JSON, where it holds no value that JSON cannot, is read back to the same bytes.
#include <stdint.h>
#include <stdlib.h>

#include "base/err/ctx.h"
#include "doc/footer.h"
#include "doc/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 1 << 24 };

static void must(bool holds) {
    if (!holds) abort();
}

// false if some value has no JSON form that is read back: infinite, NaN, or a date beyond year
// 9999.
static bool walk(struct slice doc, bool is_array, uint32_t *fields) {
    struct bson_iter it = bson_iter_of(doc);
    struct slice name;
    struct val v;
    bool all = true;
    while (bson_next(&it, &name, &v)) {
        ++*fields;
        if (v.type == VAL_OBJECT || v.type == VAL_ARRAY)
            all &= walk(val_slice(v), v.type == VAL_ARRAY, fields);
        if (v.type == VAL_DOUBLE) all &= v.d - v.d == 0;
        if (v.type == VAL_DATE) all &= v.i >= -62167219200000 && v.i <= 253402300799999;
        // A search is linear: a few are enough.
        if (!is_array && *fields < 64) must(bson_find(doc, name).type == v.type);
    }
    return all;
}

static void write_and_read(struct ctx *ctx, struct slice doc, bool readable) {
    struct buf text, back;
    buf_init(&text, NULL, OUT_MAX);
    buf_init(&back, NULL, OUT_MAX);
    json_write_doc(&text, doc, JSON_INT64_NUMBER);
    must(buf_status(&text) == NACRE_OK);
    nacre_status status = json_parse(ctx, buf_slice(&text), NULL, &back);
    must(status == NACRE_OK || !readable);
    if (readable) must(slice_eq(buf_slice(&back), doc));
    buf_free(&text);
    buf_free(&back);
}

static void use(struct ctx *ctx, struct slice doc) {
    uint32_t fields = 0;
    bool readable = walk(doc, false, &fields);
    must(bson_count(doc) <= fields);
    struct buf footer;
    buf_init(&footer, NULL, OUT_MAX);
    footer_build(&footer, doc);
    must(buf_status(&footer) == NACRE_OK);
    must(footer_validate(ctx, doc, buf_slice(&footer)) == NACRE_OK);
    buf_free(&footer);
    write_and_read(ctx, doc, readable);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 1 << 26);
    struct slice doc = slice_of(data, size);
    if (bson_validate(&ctx, doc) == NACRE_OK) use(&ctx, doc);
    ctx_free(&ctx);
    return 0;
}
