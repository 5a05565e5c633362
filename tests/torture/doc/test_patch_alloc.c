// Every allocation fails in turn while paths are parsed, keys decoded and patches applied: the
// answer is memory_limit, nothing is written, nothing leaks; and with memory again the same call
// succeeds.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/os/fault.h"
#include "doc/key.h"
#include "doc/patch.h"
#include "doc/path.h"
#include "support/doc_values.h"

static const char doc_text[] = "{\"_id\":\"x\",\"n\":1,\"t\":[1,2,3],\"o\":{\"a\":{\"b\":[{\"c\":1}"
                               ",{\"c\":2}]}},\"s\":\"text\"}";
static const struct {
    enum patch_kind kind;
    const char *json;
} patches[] = {
    {PATCH_MERGE, "{\"o\":{\"a\":{\"b\":null,\"x\":{\"y\":[1,2]}}},\"new\":{\"deep\":{\"er\":1}}}"},
    {PATCH_JSON, "{\"ops\":[{\"op\":\"copy\",\"from\":\"/o\",\"path\":\"/p\"},"
                 "{\"op\":\"add\",\"path\":\"/p/a/b/-\",\"value\":{\"c\":3}},"
                 "{\"op\":\"test\",\"path\":\"/o/a\",\"value\":{\"b\":[{\"c\":1},{\"c\":2}]}},"
                 "{\"op\":\"move\",\"from\":\"/t/0\",\"path\":\"/first~1one\"}]}"},
    {PATCH_OPERATORS,
     "{\"$set\":{\"o.a.z\":1,\"q.r.s\":[1]},\"$inc\":{\"n\":1},\"$rename\":{\"s\":\"o.s\"},"
     "\"$addToSet\":{\"t\":{\"$each\":[1,2,3,4,5,6,7,8,9,10,11]}},"
     "\"$pull\":{\"o.a.b\":{\"c\":{\"$in\":[2,5]}}}}"},
};

static nacre_status apply(struct ctx *ctx, enum patch_kind kind, struct slice bson,
                          struct slice doc, struct buf *out) {
    struct patch patch;
    if (kind == PATCH_JSON)
        TRY(patch_of_ops(ctx, bson, &patch));
    else
        TRY(patch_of_object(ctx, bson, &patch));
    return patch_apply(ctx, &patch, doc, 0, out);
}

static void fail_each_allocation(enum patch_kind kind, struct slice bson, struct slice doc) {
    bool done = false;
    for (int64_t nth = 1; !done; nth++) {
        struct ctx ctx;
        BUF_CLEANUP struct buf out;
        doc_values_ctx(&ctx);
        buf_init(&out, NULL, 1 << 20);
        fault_arm(FAULT_ALLOC, nth, false);
        nacre_status status = apply(&ctx, kind, bson, doc, &out);
        done = !fault_fired(FAULT_ALLOC);
        fault_disarm(FAULT_ALLOC);
        if (!done && status != NACRE_OK) {
            assert_int_equal(status, NACRE_MEMORY_LIMIT);
            assert_int_equal(ctx.err.status, NACRE_MEMORY_LIMIT);
            assert_int_equal(out.n, 0);
            buf_reset(&out);
            assert_int_equal(apply(&ctx, kind, bson, doc, &out), NACRE_OK);
        } else {
            assert_int_equal(status, NACRE_OK);
        }
        ctx_free(&ctx);
        assert_true(nth < 10000);
    }
}

static void test_patches(void **state) {
    (void)state;
    struct ctx ctx;
    doc_values_ctx(&ctx);
    for (size_t i = 0; i < sizeof patches / sizeof patches[0]; i++)
        fail_each_allocation(patches[i].kind, doc_values_doc(&ctx, patches[i].json),
                             doc_values_doc(&ctx, doc_text));
    ctx_free(&ctx);
}

// The arena takes blocks, so few allocations fail above; a bound on the arena fails everywhere.
static void test_small_arena(void **state) {
    (void)state;
    struct ctx ctx;
    doc_values_ctx(&ctx);
    struct slice doc = doc_values_doc(&ctx, doc_text);
    for (size_t i = 0; i < sizeof patches / sizeof patches[0]; i++) {
        struct slice bson = doc_values_doc(&ctx, patches[i].json);
        nacre_status status = NACRE_MEMORY_LIMIT;
        for (size_t max = 0; status == NACRE_MEMORY_LIMIT; max += 64) {
            struct ctx small;
            BUF_CLEANUP struct buf out;
            buf_init(&out, NULL, 1 << 20);
            ctx_init(&small, &world_system, NULL, max);
            status = apply(&small, patches[i].kind, bson, doc, &out);
            if (status != NACRE_OK) assert_int_equal(out.n, 0);
            ctx_free(&small);
            assert_true(max < 1 << 20);
        }
        assert_int_equal(status, NACRE_OK);
    }
    ctx_free(&ctx);
}

static nacre_status decode(struct ctx *ctx, struct slice key, enum key_type_bits bits) {
    struct val v;
    return key_decode(ctx, &key, false, bits, &v);
}

static void test_keys_and_paths(void **state) {
    (void)state;
    struct ctx ctx;
    BUF_CLEANUP struct buf key;
    doc_values_ctx(&ctx);
    buf_init(&key, NULL, 1 << 20);
    enum key_type_bits bits =
        key_put(&key, doc_values_val(&ctx, "{\"a\":[1,\"x\",{\"b\":{}}]}"), false);
    bool done = false;
    for (int64_t nth = 1; !done; nth++) {
        struct ctx fresh;
        struct path path;
        doc_values_ctx(&fresh);
        fault_arm(FAULT_ALLOC, nth, true);
        nacre_status decoded = decode(&fresh, buf_slice(&key), bits);
        nacre_status parsed = path_parse(&fresh, SLICE_LIT("/a~0/b~1/c"), &path);
        done = !fault_fired(FAULT_ALLOC);
        fault_disarm(FAULT_ALLOC);
        assert_true(decoded == NACRE_OK || decoded == NACRE_MEMORY_LIMIT);
        assert_true(parsed == NACRE_OK || parsed == NACRE_MEMORY_LIMIT);
        if (done) assert_true(decoded == NACRE_OK && parsed == NACRE_OK);
        ctx_free(&fresh);
        assert_true(nth < 10000);
    }
    ctx_free(&ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patches),
        cmocka_unit_test(test_small_arena),
        cmocka_unit_test(test_keys_and_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
