// The update operators do what MongoDB's do, refuse what does not fit the stored value, and say
// where.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "doc/patch.h"
#include "support/doc_values.h"

static int setup(void **state) {
    static struct ctx ctx;
    doc_values_ctx(&ctx);
    *state = &ctx;
    return 0;
}

static int teardown(void **state) {
    ctx_free(*state);
    return 0;
}

enum { NOW_MS = 1000 };

static const char *update(struct ctx *ctx, const char *json, const char *text) {
    struct patch patch;
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 1 << 26);
    nacre_status status = patch_of_object(ctx, doc_values_doc(ctx, text), &patch);
    if (status == NACRE_OK)
        status = patch_apply(ctx, &patch, doc_values_doc(ctx, json), NOW_MS, &out);
    if (status != NACRE_OK) {
        assert_int_equal(out.n, 0);
        assert_true(ctx->err.item_count > 0 || status != NACRE_INVALID_ARGUMENT);
        return nacre_status_code(status);
    }
    assert_int_equal(bson_validate(ctx, buf_slice(&out)), NACRE_OK);
    return doc_values_text(ctx, buf_slice(&out));
}

#define BAD "invalid_argument"

static const struct {
    const char *doc, *patch, *result;
} cases[] = {
    // $set
    {"{\"a\":1}", "{\"$set\":{\"a\":2,\"b\":3}}", "{\"a\":2,\"b\":3}"},
    {"{}", "{\"$set\":{\"a.b.c\":1}}", "{\"a\":{\"b\":{\"c\":1}}}"},
    {"{}", "{\"$set\":{\"a.0\":1}}", "{\"a\":{\"0\":1}}"},
    {"{\"a\":[1]}", "{\"$set\":{\"a.0\":2,\"a.3\":4}}", "{\"a\":[2,null,null,4]}"},
    {"{\"a\":[1]}", "{\"$set\":{\"a.2.b\":4}}", "{\"a\":[1,null,{\"b\":4}]}"},
    {"{\"a\":[{\"b\":1}]}", "{\"$set\":{\"a.0.b\":{\"c\":2}}}", "{\"a\":[{\"b\":{\"c\":2}}]}"},
    {"{\"a\":[1]}", "{\"$set\":{\"a.b\":2}}", BAD},
    {"{\"a\":[1]}", "{\"$set\":{\"a.01\":2}}", BAD},
    {"{\"a\":[1]}", "{\"$set\":{\"a.300000\":2}}", BAD},
    {"{\"a\":1}", "{\"$set\":{\"a.b\":2}}", BAD},
    {"{\"a\":null}", "{\"$set\":{\"a.b\":2}}", BAD},
    {"{\"a\":{\"b\":1}}", "{\"$set\":{\"/a/b\":2,\"/a/c.d\":3}}", "{\"a\":{\"b\":2,\"c.d\":3}}"},
    {"{\"a\":1}", "{\"$set\":{}}", "{\"a\":1}"},
    {"{}", "{\"$set\":{\"b\":1,\"a\":2}}", "{\"a\":2,\"b\":1}"},
    {"{}", "{\"$set\":{\"a\":{\"$b\":1}}}", BAD},
    {"{}", "{\"$set\":{\"a.$b\":1}}", BAD},
    {"{}", "{\"$set\":{\"a..b\":1}}", BAD},
    {"{}", "{\"$set\":{\"\":1}}", BAD},
    {"{}", "{\"$set\":1}", BAD},
    {"{}", "{\"$set\":{\"a\":1,\"a.b\":2}}", BAD},
    {"{}", "{\"$set\":{\"a\":1},\"$inc\":{\"a\":2}}", BAD},
    {"{}", "{\"$set\":{\"a.b.c\":1},\"$unset\":{\"a\":1}}", BAD},
    {"{}", "{\"$set\":{\"a\":1,\"/a\":2}}", BAD},
    {"{}", "{\"$set\":{\"a.b\":1,\"ab\":2,\"a.c\":3}}", "{\"a\":{\"b\":1,\"c\":3},\"ab\":2}"},
    // $unset
    {"{\"a\":1,\"b\":2}", "{\"$unset\":{\"a\":\"\",\"c\":1}}", "{\"b\":2}"},
    {"{\"a\":{\"b\":1,\"c\":2}}", "{\"$unset\":{\"a.b\":true}}", "{\"a\":{\"c\":2}}"},
    {"{\"a\":[1,2,3]}", "{\"$unset\":{\"a.1\":1}}", "{\"a\":[1,null,3]}"},
    {"{\"a\":[1]}", "{\"$unset\":{\"a.5\":1,\"a.b\":1}}", "{\"a\":[1]}"},
    {"{\"a\":1}", "{\"$unset\":{\"a.b\":1}}", "{\"a\":1}"},
    // $inc, $mul
    {"{\"a\":1}", "{\"$inc\":{\"a\":2}}", "{\"a\":3}"},
    {"{\"a\":1}", "{\"$inc\":{\"a\":-5}}", "{\"a\":-4}"},
    {"{\"a\":1}", "{\"$inc\":{\"a\":0.5}}", "{\"a\":1.5}"},
    {"{\"a\":1.5}", "{\"$inc\":{\"a\":1}}", "{\"a\":2.5}"},
    {"{\"a\":1}", "{\"$inc\":{\"a\":1.0}}", "{\"a\":2.0}"},
    {"{}", "{\"$inc\":{\"a.b\":7}}", "{\"a\":{\"b\":7}}"},
    {"{}", "{\"$inc\":{\"a\":1.5}}", "{\"a\":1.5}"},
    {"{\"a\":[1,2]}", "{\"$inc\":{\"a.1\":3}}", "{\"a\":[1,5]}"},
    {"{\"a\":9223372036854775806}", "{\"$inc\":{\"a\":1}}", "{\"a\":9223372036854775807}"},
    {"{\"a\":9223372036854775807}", "{\"$inc\":{\"a\":1}}", BAD},
    {"{\"a\":-9223372036854775807}", "{\"$inc\":{\"a\":-2}}", BAD},
    {"{\"a\":1.7e308}", "{\"$inc\":{\"a\":1.7e308}}", BAD},
    {"{\"a\":\"x\"}", "{\"$inc\":{\"a\":1}}", BAD},
    {"{\"a\":null}", "{\"$inc\":{\"a\":1}}", BAD},
    {"{\"a\":1}", "{\"$inc\":{\"a\":\"1\"}}", BAD},
    {"{\"a\":3}", "{\"$mul\":{\"a\":4}}", "{\"a\":12}"},
    {"{\"a\":3}", "{\"$mul\":{\"a\":0.5}}", "{\"a\":1.5}"},
    {"{}", "{\"$mul\":{\"a\":4,\"b\":2.5}}", "{\"a\":0,\"b\":0.0}"},
    {"{\"a\":4611686018427387904}", "{\"$mul\":{\"a\":2}}", BAD},
    {"{\"a\":1e300}", "{\"$mul\":{\"a\":1e300}}", BAD},
    {"{\"a\":true}", "{\"$mul\":{\"a\":2}}", BAD},
    // $min, $max
    {"{\"a\":5}", "{\"$min\":{\"a\":3}}", "{\"a\":3}"},
    {"{\"a\":5}", "{\"$min\":{\"a\":7}}", "{\"a\":5}"},
    {"{\"a\":5}", "{\"$max\":{\"a\":7}}", "{\"a\":7}"},
    {"{\"a\":5}", "{\"$max\":{\"a\":5.0}}", "{\"a\":5}"},
    {"{}", "{\"$min\":{\"a\":7},\"$max\":{\"b\":8}}", "{\"a\":7,\"b\":8}"},
    {"{\"a\":\"x\"}", "{\"$max\":{\"a\":7}}", "{\"a\":\"x\"}"},
    {"{\"a\":\"x\"}", "{\"$min\":{\"a\":7}}", "{\"a\":7}"},
    {"{\"a\":null}", "{\"$max\":{\"a\":7}}", "{\"a\":7}"},
    {"{\"a\":[1,2]}", "{\"$max\":{\"a\":[1,3]}}", "{\"a\":[1,3]}"},
    {"{\"a\":{\"$date\":\"2024-01-01T00:00:00Z\"}}",
     "{\"$max\":{\"a\":{\"$date\":\"2025-01-01T00:00:00Z\"}}}",
     "{\"a\":{\"$date\":\"2025-01-01T00:00:00.000Z\"}}"},
    // $push
    {"{\"a\":[1]}", "{\"$push\":{\"a\":2}}", "{\"a\":[1,2]}"},
    {"{\"a\":[1]}", "{\"$push\":{\"a\":[2,3]}}", "{\"a\":[1,[2,3]]}"},
    {"{\"a\":[1]}", "{\"$push\":{\"a\":{\"$each\":[2,{\"b\":3}]}}}", "{\"a\":[1,2,{\"b\":3}]}"},
    {"{}", "{\"$push\":{\"a.b\":2}}", "{\"a\":{\"b\":[2]}}"},
    {"{}", "{\"$push\":{\"a\":{\"$each\":[]}}}", "{\"a\":[]}"},
    {"{\"a\":[[1],[2]]}", "{\"$push\":{\"a.1\":3}}", "{\"a\":[[1],[2,3]]}"},
    {"{\"a\":1}", "{\"$push\":{\"a\":2}}", BAD},
    {"{\"a\":null}", "{\"$push\":{\"a\":2}}", BAD},
    {"{}", "{\"$push\":{\"a\":{\"$each\":2}}}", BAD},
    {"{}", "{\"$push\":{\"a\":{\"$each\":[1],\"$slice\":2}}}", BAD},
    {"{}", "{\"$push\":{\"a\":{\"$slice\":2}}}", BAD},
    {"{}", "{\"$push\":{\"a\":{\"$each\":[{\"$x\":1}]}}}", BAD},
    // $addToSet
    {"{\"a\":[1]}", "{\"$addToSet\":{\"a\":1.0}}", "{\"a\":[1]}"},
    {"{\"a\":[1]}", "{\"$addToSet\":{\"a\":2}}", "{\"a\":[1,2]}"},
    {"{\"a\":[{\"x\":1}]}", "{\"$addToSet\":{\"a\":{\"x\":1}}}", "{\"a\":[{\"x\":1}]}"},
    {"{\"a\":[1]}", "{\"$addToSet\":{\"a\":{\"$each\":[2,1,2,3]}}}", "{\"a\":[1,2,3]}"},
    {"{\"a\":[1,[2],\"x\"]}",
     "{\"$addToSet\":{\"a\":{\"$each\":[1.0,2,[2.0],3,4,5,6,7,3,\"x\",\"y\",\"y\"]}}}",
     "{\"a\":[1,[2],\"x\",2,3,4,5,6,7,\"y\"]}"},
    {"{}", "{\"$addToSet\":{\"a\":1}}", "{\"a\":[1]}"},
    {"{\"a\":[null]}", "{\"$addToSet\":{\"a\":null}}", "{\"a\":[null]}"},
    {"{\"a\":\"x\"}", "{\"$addToSet\":{\"a\":1}}", BAD},
    // $pull
    {"{\"a\":[1,2,1.0,3]}", "{\"$pull\":{\"a\":1}}", "{\"a\":[2,3]}"},
    {"{\"a\":[1,5,9,\"x\",null]}", "{\"$pull\":{\"a\":{\"$gte\":5}}}", "{\"a\":[1,\"x\",null]}"},
    {"{\"a\":[1,5,9]}", "{\"$pull\":{\"a\":{\"$gt\":1,\"$lt\":9}}}", "{\"a\":[1,9]}"},
    {"{\"a\":[1,5,9]}", "{\"$pull\":{\"a\":{\"$lte\":5}}}", "{\"a\":[9]}"},
    {"{\"a\":[1,2,3,4]}", "{\"$pull\":{\"a\":{\"$in\":[4,2.0,7]}}}", "{\"a\":[1,3]}"},
    {"{\"a\":[1,2,3,4]}", "{\"$pull\":{\"a\":{\"$nin\":[4,2]}}}", "{\"a\":[2,4]}"},
    {"{\"a\":[1,2,null]}", "{\"$pull\":{\"a\":{\"$ne\":2}}}", "{\"a\":[2]}"},
    {"{\"a\":[1,null]}", "{\"$pull\":{\"a\":null}}", "{\"a\":[1]}"},
    {"{\"a\":[1,[1,2],[3]]}", "{\"$pull\":{\"a\":[3]}}", "{\"a\":[1,[1,2]]}"},
    {"{\"a\":[1,[1,2],[3]]}", "{\"$pull\":{\"a\":{\"$eq\":1}}}", "{\"a\":[[3]]}"},
    {"{\"a\":[{\"x\":1,\"y\":2},{\"x\":2},{\"x\":1}]}", "{\"$pull\":{\"a\":{\"x\":1}}}",
     "{\"a\":[{\"x\":2}]}"},
    {"{\"a\":[{\"x\":1,\"y\":2},{\"x\":1}]}", "{\"$pull\":{\"a\":{\"y\":null}}}",
     "{\"a\":[{\"x\":1,\"y\":2}]}"},
    {"{\"a\":[{\"x\":1,\"y\":9},{\"x\":1,\"y\":3}]}",
     "{\"$pull\":{\"a\":{\"x\":1,\"y\":{\"$gt\":5}}}}", "{\"a\":[{\"x\":1,\"y\":3}]}"},
    {"{\"a\":[{\"x\":{\"z\":1}},{\"x\":[{\"z\":1}]},{\"x\":2}]}", "{\"$pull\":{\"a\":{\"x.z\":1}}}",
     "{\"a\":[{\"x\":2}]}"},
    {"{\"a\":[{\"t\":[\"u\",\"v\"]},{\"t\":[\"w\"]}]}", "{\"$pull\":{\"a\":{\"t\":\"u\"}}}",
     "{\"a\":[{\"t\":[\"w\"]}]}"},
    {"{\"a\":[{},{\"x\":1}]}", "{\"$pull\":{\"a\":{}}}", "{\"a\":[{\"x\":1}]}"},
    {"{\"a\":[1]}", "{\"$pull\":{\"b\":1,\"a.b\":1,\"c.d\":1}}", "{\"a\":[1]}"},
    {"{\"a\":1}", "{\"$pull\":{\"a\":1}}", BAD},
    {"{\"a\":[1]}", "{\"$pull\":{\"a\":{\"$regex\":\"x\"}}}", BAD},
    {"{\"a\":[1]}", "{\"$pull\":{\"a\":{\"$in\":1}}}", BAD},
    {"{\"a\":[1]}", "{\"$pull\":{\"a\":{\"x\":1,\"$gt\":1}}}", BAD},
    {"{\"a\":[1]}", "{\"$pull\":{\"a\":{\"$gt\":1,\"x\":1}}}", BAD},
    {"{\"a\":[1]}", "{\"$pull\":{\"a\":{\"x\":{\"$gt\":1,\"y\":2}}}}", BAD},
    {"{\"a\":[1]}", "{\"$pull\":{\"a\":{\"x..y\":1}}}", BAD},
    {"{\"a\":[1,2,3]}", "{\"$pull\":{\"a\":{\"$in\":[]}}}", "{\"a\":[1,2,3]}"},
    // $rename
    {"{\"a\":1,\"b\":2}", "{\"$rename\":{\"a\":\"c\"}}", "{\"b\":2,\"c\":1}"},
    {"{\"a\":1,\"b\":2}", "{\"$rename\":{\"a\":\"b\"}}", "{\"b\":1}"},
    {"{\"a\":{\"x\":1}}", "{\"$rename\":{\"a.x\":\"b.y\"}}", "{\"a\":{},\"b\":{\"y\":1}}"},
    {"{\"b\":2}", "{\"$rename\":{\"a\":\"b\"}}", "{\"b\":2}"},
    {"{\"a\":1}", "{\"$rename\":{\"a\":\"a\"}}", BAD},
    {"{\"a\":{\"b\":1}}", "{\"$rename\":{\"a\":\"a.c\"}}", BAD},
    {"{\"a\":1,\"b\":2}", "{\"$rename\":{\"a\":\"b\",\"b\":\"a\"}}", BAD},
    {"{\"a\":1}", "{\"$rename\":{\"a\":\"b\"},\"$set\":{\"b\":1}}", BAD},
    {"{\"a\":[1]}", "{\"$rename\":{\"a.0\":\"b\"}}", BAD},
    {"{\"a\":1,\"b\":[1]}", "{\"$rename\":{\"a\":\"b.0\"}}", BAD},
    {"{\"a\":1,\"b\":2}", "{\"$rename\":{\"a\":\"b.c\"}}", BAD},
    {"{\"a\":1}", "{\"$rename\":{\"a\":5}}", BAD},
    {"{\"a\":1}", "{\"$rename\":{\"a\":\"$b\"}}", BAD},
    {"{\"a\":1}", "{\"$rename\":{\"a\":\"_id\"}}", BAD},
    {"{\"a\":1}", "{\"$rename\":{\"a\":\"_version\"}}", BAD},
    // $currentDate
    {"{}", "{\"$currentDate\":{\"a\":true}}", "{\"a\":{\"$date\":\"1970-01-01T00:00:01.000Z\"}}"},
    {"{\"a\":1}", "{\"$currentDate\":{\"a\":{\"$type\":\"date\"}}}",
     "{\"a\":{\"$date\":\"1970-01-01T00:00:01.000Z\"}}"},
    {"{}", "{\"$currentDate\":{\"a\":false}}", BAD},
    {"{}", "{\"$currentDate\":{\"a\":{\"$type\":\"timestamp\"}}}", BAD},
    // _id, system fields, mixtures
    {"{\"_id\":1,\"a\":1}", "{\"$set\":{\"_id\":1,\"a\":2}}", "{\"_id\":1,\"a\":2}"},
    {"{\"_id\":1,\"a\":1}", "{\"$set\":{\"_id\":2}}", BAD},
    {"{\"_id\":1}", "{\"$unset\":{\"_id\":1}}", BAD},
    {"{\"_id\":1}", "{\"$inc\":{\"_id\":0}}", BAD},
    {"{\"_id\":1}", "{\"$set\":{\"_id.x\":0}}", BAD},
    {"{\"_id\":1}", "{\"$rename\":{\"_id\":\"a\"}}", BAD},
    {"{\"_id\":1}", "{\"$set\":{\"_version\":1}}", BAD},
    {"{\"_id\":1}", "{\"$currentDate\":{\"_updated\":true}}", BAD},
    {"{\"_id\":1}", "{\"$unset\":{\"_lease.until\":1}}", BAD},
    {"{\"_id\":1}", "{\"$set\":{\"a._version\":1}}", "{\"_id\":1,\"a\":{\"_version\":1}}"},
    {"{\"a\":1}", "{\"$set\":{\"b\":1},\"c\":2}", BAD},
    {"{\"a\":1}", "{\"$ste\":{\"b\":1}}", BAD},
    {"{\"a\":1}", "{}", "{\"a\":1}"},
    {"{\"a\":1}", "{\"b\":2}", "{\"a\":1,\"b\":2}"},
    {"{\"n\":1,\"t\":[1],\"o\":{\"x\":1}}",
     "{\"$inc\":{\"n\":1},\"$push\":{\"t\":2},\"$set\":{\"o.y\":2},\"$unset\":{\"o.x\":1}}",
     "{\"n\":2,\"t\":[1,2],\"o\":{\"y\":2}}"},
};

static void test_cases(void **state) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *got = update(*state, cases[i].doc, cases[i].patch);
        if (strcmp(got, cases[i].result) != 0)
            fail_msg("%s with %s: %s, not %s", cases[i].doc, cases[i].patch, got, cases[i].result);
    }
}

static void test_errors_name_the_place(void **state) {
    struct ctx *ctx = *state;
    update(ctx, "{\"a\":{\"b\":\"x\"}}", "{\"$inc\":{\"a.b\":1}}");
    assert_string_equal(ctx->err.items[0].pointer, "/$inc/a.b");
    assert_string_equal(ctx->err.items[0].expected, "a number");
    assert_string_equal(ctx->err.items[0].got, "string");
    update(ctx, "{}", "{\"$ste\":{\"b\":1}}");
    assert_string_equal(ctx->err.items[0].pointer, "/$ste");
    assert_string_equal(ctx->err.suggestions[0], "$set");
    update(ctx, "{}", "{\"$set\":{\"b\":1},\"c\":2}");
    assert_string_equal(ctx->err.items[0].pointer, "/c");
    update(ctx, "{}", "{\"$set\":{\"a.b\":1},\"$inc\":{\"a\":2}}");
    assert_int_equal(ctx->err.item_count, 2);
    assert_string_equal(ctx->err.items[0].pointer, "/$set/a.b");
    assert_string_equal(ctx->err.items[1].pointer, "/$inc/a");
    update(ctx, "{}", "{\"$pull\":{\"a\":{\"$gtt\":1}}}");
    assert_string_equal(ctx->err.items[0].pointer, "/$pull/a/$gtt");
    assert_true(ctx->err.suggestion_count == 1);
    update(ctx, "{}", "{\"$set\":{\"/a/b\":{\"c\":[{\"$d\":1}]}}}");
    assert_string_equal(ctx->err.items[0].pointer, "/$set/~1a~1b/c/0/$d");
    update(ctx, "{\"a\":9223372036854775807}", "{\"$inc\":{\"a\":1}}");
    assert_string_equal(ctx->err.items[0].got, "9223372036854775807");
}

// Neither the order of the operators nor that of the paths tells in the result.
static void test_order_does_not_matter(void **state) {
    struct ctx *ctx = *state;
    const char *doc = "{\"z\":1,\"l\":[1,2]}";
    const char *a = update(ctx, doc,
                           "{\"$set\":{\"m.b\":1,\"c\":2,\"m.a\":3},\"$rename\":{\"z\":\"m.y\"},\"$"
                           "inc\":{\"l.5\":1,\"l.3\":2}}");
    const char *b = update(ctx, doc,
                           "{\"$inc\":{\"l.3\":2,\"l.5\":1},\"$rename\":{\"z\":\"m.y\"},\"$set\":{"
                           "\"m.a\":3,\"m.b\":1,\"c\":2}}");
    assert_string_equal(a, b);
    assert_string_equal(a, "{\"l\":[1,2,null,2,null,1],\"c\":2,\"m\":{\"a\":3,\"b\":1,\"y\":1}}");
}

static void test_depth(void **state) {
    struct ctx *ctx = *state;
    for (int depth = 97; depth <= 101; depth++) {
        BUF_CLEANUP struct buf text;
        buf_init(&text, NULL, 10000);
        buf_put_str(&text, "{\"$push\":{\"");
        for (int i = 1; i < depth; i++)
            buf_put_str(&text, i > 1 ? ".a" : "a");
        buf_put_str(&text, "\":1}}");
        buf_put_u8(&text, 0);
        // The document, depth - 2 objects and the array.
        const char *got = update(ctx, "{}", (char *)text.p);
        assert_int_equal(strcmp(got, BAD) == 0, depth > 100);
    }
}

static void test_padding_is_bounded(void **state) {
    struct ctx *ctx = *state;
    assert_string_equal(
        update(ctx, "{\"a\":[],\"b\":[]}", "{\"$set\":{\"a.150000\":1,\"b.150000\":1}}"), BAD);
    BUF_CLEANUP struct buf text;
    buf_init(&text, NULL, 10000000);
    buf_put_str(&text, "{\"$set\":{");
    for (int i = 0; i <= 10000; i++)
        buf_printf(&text, "%s\"p%d\":1", i ? "," : "", i);
    buf_put(&text, "}}", 3);
    assert_string_equal(update(ctx, "{}", (char *)text.p), BAD);
}

// What is not named stays as it was, byte by byte: numbers keep their type, fields their order.
static void test_the_rest_stays(void **state) {
    struct ctx *ctx = *state;
    assert_string_equal(update(ctx,
                               "{\"_id\":\"k\",\"z\":1.0,\"y\":-0.0,\"n\":{\"d\":{\"$date\":\"2024-"
                               "01-01T00:00:00Z\"},\"v\":{\"$i8\":\"AQI=\"}},\"x\":1}",
                               "{\"$inc\":{\"x\":1}}"),
                        "{\"_id\":\"k\",\"z\":1.0,\"y\":-0.0,\"n\":{\"d\":{\"$date\":\"2024-01-"
                        "01T00:00:00.000Z\"},\"v\":{\"$i8\":\"AQI=\"}},\"x\":2}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cases, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors_name_the_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order_does_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
        cmocka_unit_test_setup_teardown(test_padding_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_rest_stays, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
