// Merge patch and JSON Patch do what RFC 7396 and RFC 6902 say, their appendices included, and
// refuse what they must.
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

// The patched document, or the error's code.
static const char *apply(struct ctx *ctx, const char *json, const struct patch *patch) {
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 1 << 26);
    buf_put_str(&out, "kept");
    nacre_status status = patch_apply(ctx, patch, doc_values_doc(ctx, json), 0, &out);
    if (status != NACRE_OK) {
        assert_int_equal(out.n, 4);
        assert_int_equal(ctx->err.status, status);
        return nacre_status_code(status);
    }
    assert_int_equal(bson_validate(ctx, slice_skip(buf_slice(&out), 4)), NACRE_OK);
    return doc_values_text(ctx, slice_skip(buf_slice(&out), 4));
}

static const char *merge(struct ctx *ctx, const char *json, const char *text) {
    struct patch patch;
    nacre_status status = patch_of_merge(ctx, doc_values_doc(ctx, text), &patch);
    return status == NACRE_OK ? apply(ctx, json, &patch) : nacre_status_code(status);
}

static const char *json_patch(struct ctx *ctx, const char *json, const char *ops) {
    struct patch patch;
    char text[16384];
    snprintf(text, sizeof text, "{\"ops\":%s}", ops);
    nacre_status status = patch_of_ops(ctx, doc_values_doc(ctx, text), &patch);
    return status == NACRE_OK ? apply(ctx, json, &patch) : nacre_status_code(status);
}

struct one_case {
    const char *doc, *patch, *result;
};

static const struct one_case merges[] = {
    // RFC 7396, appendix A, as far as both are objects …
    {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
    {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
    {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
    {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
    {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
    {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
    {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
    {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
    {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
    {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    // … and the others one level down, where the target may be anything.
    {"{\"x\":[\"a\",\"b\"]}", "{\"x\":[\"c\",\"d\"]}", "{\"x\":[\"c\",\"d\"]}"},
    {"{\"x\":{\"a\":\"b\"}}", "{\"x\":[\"c\"]}", "{\"x\":[\"c\"]}"},
    {"{\"x\":{\"a\":\"foo\"}}", "{\"x\":null}", "{}"},
    {"{\"x\":{\"a\":\"foo\"}}", "{\"x\":\"bar\"}", "{\"x\":\"bar\"}"},
    {"{\"x\":[1,2]}", "{\"x\":{\"a\":\"b\",\"c\":null}}", "{\"x\":{\"a\":\"b\"}}"},
    // Section 3.
    {"{\"title\":\"Goodbye!\",\"author\":{\"givenName\":\"John\",\"familyName\":\"Doe\"},\"tags\":["
     "\"example\","
     "\"sample\"],\"content\":\"This will be unchanged\"}",
     "{\"title\":\"Hello!\",\"phoneNumber\":\"+01-123-456-7890\",\"author\":{\"familyName\":null},"
     "\"tags\":["
     "\"example\"]}",
     "{\"title\":\"Hello!\",\"author\":{\"givenName\":\"John\"},\"tags\":[\"example\"],\"content\":"
     "\"This will be "
     "unchanged\",\"phoneNumber\":\"+01-123-456-7890\"}"},
    // Nulls in arrays stay.
    {"{}", "{\"a\":[null,{\"b\":null}]}", "{\"a\":[null,{\"b\":null}]}"},
    {"{\"a\":1}", "{}", "{\"a\":1}"},
    {"{\"a\":1}", "{\"b\":null}", "{\"a\":1}"},
    // Extended values are values.
    {"{\"a\":{\"b\":1}}", "{\"a\":{\"$date\":\"2024-01-01T00:00:00Z\"}}",
     "{\"a\":{\"$date\":\"2024-01-01T00:00:00.000Z\"}}"},
    // _id and the system fields.
    {"{\"_id\":\"x\",\"a\":1}", "{\"_id\":\"x\",\"a\":2}", "{\"_id\":\"x\",\"a\":2}"},
    {"{\"_id\":\"x\",\"a\":1}", "{\"_id\":\"y\"}", "invalid_argument"},
    {"{\"_id\":\"x\",\"a\":1}", "{\"_id\":null}", "invalid_argument"},
    {"{\"a\":1}", "{\"_id\":\"y\"}", "invalid_argument"},
    {"{\"a\":1}", "{\"_id\":null}", "invalid_argument"},
    {"{\"_id\":1}", "{\"_version\":1}", "invalid_argument"},
    {"{\"_id\":1}", "{\"_lease\":null}", "invalid_argument"},
    {"{\"_id\":1}", "{\"a\":{\"_version\":1,\"_id\":2}}",
     "{\"_id\":1,\"a\":{\"_version\":1,\"_id\":2}}"},
    {"{\"_id\":1}", "{\"_mine\":1}", "{\"_id\":1,\"_mine\":1}"},
    {"{}", "{\"$set\":1}", "invalid_argument"},
    {"{}", "{\"a\":[{\"$x\":1}]}", "invalid_argument"},
};

// RFC 6902, appendix A, and the paragraphs it does not cover.
static const struct one_case ops[] = {
    {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\"}]",
     "{\"foo\":\"bar\",\"baz\":\"qux\"}"},
    {"{\"foo\":[\"bar\",\"baz\"]}", "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"qux\"}]",
     "{\"foo\":[\"bar\",\"qux\",\"baz\"]}"},
    {"{\"baz\":\"qux\",\"foo\":\"bar\"}", "[{\"op\":\"remove\",\"path\":\"/baz\"}]",
     "{\"foo\":\"bar\"}"},
    {"{\"foo\":[\"bar\",\"qux\",\"baz\"]}", "[{\"op\":\"remove\",\"path\":\"/foo/1\"}]",
     "{\"foo\":[\"bar\",\"baz\"]}"},
    {"{\"baz\":\"qux\",\"foo\":\"bar\"}",
     "[{\"op\":\"replace\",\"path\":\"/baz\",\"value\":\"boo\"}]",
     "{\"baz\":\"boo\",\"foo\":\"bar\"}"},
    {"{\"foo\":{\"bar\":\"baz\",\"waldo\":\"fred\"},\"qux\":{\"corge\":\"grault\"}}",
     "[{\"op\":\"move\",\"from\":\"/foo/waldo\",\"path\":\"/qux/thud\"}]",
     "{\"foo\":{\"bar\":\"baz\"},\"qux\":{\"corge\":\"grault\",\"thud\":\"fred\"}}"},
    {"{\"foo\":[\"all\",\"grass\",\"cows\",\"eat\"]}",
     "[{\"op\":\"move\",\"from\":\"/foo/1\",\"path\":\"/foo/3\"}]",
     "{\"foo\":[\"all\",\"cows\",\"eat\",\"grass\"]}"},
    {"{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}",
     "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"qux\"},{\"op\":\"test\",\"path\":\"/foo/"
     "1\",\"value\":2}]",
     "{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}"},
    {"{\"baz\":\"qux\"}", "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"bar\"}]",
     "condition_failed"},
    {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/child\",\"value\":{\"grandchild\":{}}}]",
     "{\"foo\":\"bar\",\"child\":{\"grandchild\":{}}}"},
    {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\",\"xyz\":123}]",
     "{\"foo\":\"bar\",\"baz\":\"qux\"}"},
    {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz/bat\",\"value\":\"qux\"}]",
     "invalid_argument"},
    {"{\"foo\":\"bar\"}",
     "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\",\"op\":\"remove\"}]",
     "invalid_argument"},
    {"{\"/\":9,\"~1\":10}", "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":10}]",
     "{\"/\":9,\"~1\":10}"},
    {"{\"/\":9,\"~1\":10}", "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":\"10\"}]",
     "condition_failed"},
    {"{\"foo\":[\"bar\"]}", "[{\"op\":\"add\",\"path\":\"/foo/-\",\"value\":[\"abc\",\"def\"]}]",
     "{\"foo\":[\"bar\",[\"abc\",\"def\"]]}"},
    // add
    {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":null}]", "{\"a\":null}"},
    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":2}]", "{\"a\":[1,2]}"},
    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/2\",\"value\":2}]", "invalid_argument"},
    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/01\",\"value\":2}]", "invalid_argument"},
    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/-1\",\"value\":2}]", "invalid_argument"},
    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/b\",\"value\":2}]", "invalid_argument"},
    {"{\"a\":[]}",
     "[{\"op\":\"add\",\"path\":\"/a/0\",\"value\":2},{\"op\":\"add\",\"path\":\"/a/"
     "0\",\"value\":1}]",
     "{\"a\":[1,2]}"},
    {"{\"a\":{}}", "[{\"op\":\"add\",\"path\":\"/a/-\",\"value\":2}]", "{\"a\":{\"-\":2}}"},
    {"{\"a\":{}}", "[{\"op\":\"add\",\"path\":\"/a/0\",\"value\":2}]", "{\"a\":{\"0\":2}}"},
    {"{\"\":{}}", "[{\"op\":\"add\",\"path\":\"//\",\"value\":2}]", "{\"\":{\"\":2}}"},
    {"{\"_id\":1,\"a\":2}", "[{\"op\":\"add\",\"path\":\"\",\"value\":{\"b\":3}}]",
     "{\"_id\":1,\"b\":3}"},
    {"{\"_id\":1,\"a\":2}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"b\":3,\"_id\":1.0}}]",
     "{\"_id\":1,\"b\":3}"},
    {"{\"_id\":1,\"a\":2}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"b\":3,\"_id\":2}}]",
     "invalid_argument"},
    {"{\"_id\":1,\"a\":2}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":[1]}]",
     "invalid_argument"},
    {"{\"_id\":1,\"a\":2}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"_version\":1}}]",
     "invalid_argument"},
    // remove, replace
    {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/b\"}]", "invalid_argument"},
    {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"\"}]", "invalid_argument"},
    {"{\"a\":[1]}", "[{\"op\":\"remove\",\"path\":\"/a/1\"}]", "invalid_argument"},
    {"{\"a\":[1]}", "[{\"op\":\"remove\",\"path\":\"/a/-\"}]", "invalid_argument"},
    {"{\"a\":[1,2,3,4]}",
     "[{\"op\":\"remove\",\"path\":\"/a/1\"},{\"op\":\"remove\",\"path\":\"/a/1\"}]",
     "{\"a\":[1,4]}"},
    {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/b\",\"value\":1}]", "invalid_argument"},
    {"{\"a\":[1,2]}", "[{\"op\":\"replace\",\"path\":\"/a/1\",\"value\":{\"b\":1}}]",
     "{\"a\":[1,{\"b\":1}]}"},
    // move, copy
    {"{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]",
     "invalid_argument"},
    {"{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"\",\"path\":\"/a\"}]", "invalid_argument"},
    {"{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a\"}]",
     "{\"a\":{\"b\":1}}"},
    {"{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a/b\",\"path\":\"/a\"}]", "{\"a\":1}"},
    {"{\"a\":1,\"b\":2}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/b\"}]", "{\"b\":1}"},
    {"{\"_id\":1,\"a\":{\"b\":2}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"\"}]",
     "{\"_id\":1,\"b\":2}"},
    {"{\"_id\":1,\"a\":{\"_version\":2}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"\"}]",
     "invalid_argument"},
    {"{\"_id\":1,\"a\":{\"_id\":2}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"\"}]",
     "invalid_argument"},
    {"{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/b\",\"path\":\"/c\"}]", "invalid_argument"},
    {"{\"a\":{\"b\":[1]}}",
     "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/c\"},{\"op\":\"add\",\"path\":\"/c/b/"
     "-\",\"value\":2}]",
     "{\"a\":{\"b\":[1]},\"c\":{\"b\":[1,2]}}"},
    {"{\"a\":{\"b\":[1]}}",
     "[{\"op\":\"add\",\"path\":\"/a/b/-\",\"value\":2},{\"op\":\"copy\",\"from\":\"/"
     "a\",\"path\":\"/c\"},"
     "{\"op\":\"remove\",\"path\":\"/a/b/0\"}]",
     "{\"a\":{\"b\":[2]},\"c\":{\"b\":[1,2]}}"},
    {"{\"a\":1}", "[{\"op\":\"copy\",\"from\":\"\",\"path\":\"/b\"}]", "{\"a\":1,\"b\":{\"a\":1}}"},
    {"{\"a\":1}", "[{\"op\":\"copy\",\"from\":\"/x\",\"path\":\"/b\"}]", "invalid_argument"},
    // test
    {"{\"a\":{\"b\":1,\"c\":[2]}}",
     "[{\"op\":\"test\",\"path\":\"/a\",\"value\":{\"c\":[2.0],\"b\":1}}]",
     "{\"a\":{\"b\":1,\"c\":[2]}}"},
    {"{\"a\":{\"b\":1,\"c\":[2]}}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":{\"b\":1}}]",
     "condition_failed"},
    {"{\"a\":[1,2]}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":[1]}]", "condition_failed"},
    {"{\"a\":[1,2]}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":[1,2,3]}]", "condition_failed"},
    {"{\"a\":[1,2]}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":[2,1]}]", "condition_failed"},
    {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/b\",\"value\":null}]", "condition_failed"},
    {"{\"a\":null}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":null}]", "{\"a\":null}"},
    {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":true}]", "condition_failed"},
    {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"\",\"value\":{\"a\":1}}]", "{\"a\":1}"},
    {"{\"_id\":5}", "[{\"op\":\"test\",\"path\":\"/_id\",\"value\":5}]", "{\"_id\":5}"},
    // All or nothing.
    {"{\"a\":1}",
     "[{\"op\":\"add\",\"path\":\"/b\",\"value\":2},{\"op\":\"remove\",\"path\":\"/c\"}]",
     "invalid_argument"},
    {"{\"a\":1}", "[]", "{\"a\":1}"},
    // _id and the system fields.
    {"{\"_id\":1}", "[{\"op\":\"remove\",\"path\":\"/_id\"}]", "invalid_argument"},
    {"{\"_id\":1}", "[{\"op\":\"replace\",\"path\":\"/_id\",\"value\":2}]", "invalid_argument"},
    {"{\"_id\":1}", "[{\"op\":\"replace\",\"path\":\"/_id\",\"value\":1}]", "{\"_id\":1}"},
    {"{\"_id\":1}", "[{\"op\":\"add\",\"path\":\"/_id\",\"value\":2}]", "invalid_argument"},
    {"{\"_id\":1}", "[{\"op\":\"move\",\"from\":\"/_id\",\"path\":\"/a\"}]", "invalid_argument"},
    {"{\"_id\":1}", "[{\"op\":\"copy\",\"from\":\"/_id\",\"path\":\"/a\"}]", "{\"_id\":1,\"a\":1}"},
    {"{\"_id\":1,\"a\":2}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/_id\"}]",
     "invalid_argument"},
    {"{\"_id\":1,\"a\":2}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/_id\"}]",
     "invalid_argument"},
    {"{\"_id\":1}", "[{\"op\":\"add\",\"path\":\"/_created\",\"value\":2}]", "invalid_argument"},
    {"{\"_id\":1}", "[{\"op\":\"add\",\"path\":\"/$a\",\"value\":2}]", "invalid_argument"},
    {"{\"_id\":1}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":{\"$b\":2}}]", "invalid_argument"},
    // Shapes.
    {"{}", "{}", "invalid_argument"},
    {"{}", "[1]", "invalid_argument"},
    {"{}", "[{}]", "invalid_argument"},
    {"{}", "[{\"op\":\"ad\",\"path\":\"/a\",\"value\":1}]", "invalid_argument"},
    {"{}", "[{\"op\":\"add\",\"value\":1}]", "invalid_argument"},
    {"{}", "[{\"op\":\"add\",\"path\":5,\"value\":1}]", "invalid_argument"},
    {"{}", "[{\"op\":\"add\",\"path\":\"a\",\"value\":1}]", "invalid_argument"},
    {"{}", "[{\"op\":\"add\",\"path\":\"/a~\",\"value\":1}]", "invalid_argument"},
    {"{}", "[{\"op\":\"add\",\"path\":\"/a\"}]", "invalid_argument"},
    {"{}", "[{\"op\":\"move\",\"path\":\"/a\"}]", "invalid_argument"},
};

static void test_merge(void **state) {
    for (size_t i = 0; i < sizeof merges / sizeof merges[0]; i++) {
        const char *got = merge(*state, merges[i].doc, merges[i].patch);
        if (strcmp(got, merges[i].result) != 0)
            fail_msg("%s with %s: %s, not %s", merges[i].doc, merges[i].patch, got,
                     merges[i].result);
    }
}

static void test_json_patch(void **state) {
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        const char *got = json_patch(*state, ops[i].doc, ops[i].patch);
        if (strcmp(got, ops[i].result) != 0)
            fail_msg("%s with %s: %s, not %s", ops[i].doc, ops[i].patch, got, ops[i].result);
    }
}

static void test_errors_name_the_place(void **state) {
    struct ctx *ctx = *state;
    json_patch(ctx, "{\"a\":1}",
               "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1},{\"op\":\"test\",\"path\":\"/"
               "a\",\"value\":2}]");
    assert_string_equal(ctx->err.items[0].pointer, "/1");
    assert_string_equal(ctx->err.items[0].expected, "2");
    assert_string_equal(ctx->err.items[0].got, "1");
    json_patch(ctx, "{}", "[{\"op\":\"replce\",\"path\":\"/a\",\"value\":1}]");
    assert_string_equal(ctx->err.items[0].pointer, "/0/op");
    assert_int_equal(ctx->err.suggestion_count, 1);
    assert_string_equal(ctx->err.suggestions[0], "replace");
    merge(ctx, "{\"_id\":1}", "{\"_id\":\"z\"}");
    assert_string_equal(ctx->err.items[0].pointer, "/_id");
    assert_string_equal(ctx->err.items[0].expected, "1");
    assert_string_equal(ctx->err.items[0].got, "\"z\"");
    merge(ctx, "{}", "{\"a/b\":{\"~\":[{\"$c\":1}]}}");
    assert_string_equal(ctx->err.items[0].pointer, "/a~1b/~0/0/$c");
}

// Text of n arrays within one another around x.
static void put_nested(struct buf *out, int n, const char *x) {
    for (int i = 0; i < n; i++)
        buf_put_str(out, "[");
    buf_put_str(out, x);
    for (int i = 0; i < n; i++)
        buf_put_str(out, "]");
}

static void test_depth(void **state) {
    struct ctx *ctx = *state;
    for (int depth = 90; depth <= 97; depth++) {
        BUF_CLEANUP struct buf text;
        buf_init(&text, NULL, 10000);
        buf_put_str(&text, "[{\"op\":\"add\",\"path\":\"/a/b/c\",\"value\":");
        put_nested(&text, depth, "1");
        buf_put_str(&text, "}]");
        buf_put_u8(&text, 0);
        const char *got = json_patch(ctx, "{\"a\":{\"b\":{\"x\":{\"y\":{}}}}}", (char *)text.p);
        assert_int_equal(strcmp(got, "invalid_argument") == 0, 3 + depth > 100);
    }
    // Copies within copies stop at the bound and do not go on to the end of the stack.
    BUF_CLEANUP struct buf text;
    buf_init(&text, NULL, 1 << 20);
    buf_put_str(&text, "[");
    for (int i = 0; i < 120; i++)
        buf_printf(&text, "%s{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/a\"}", i ? "," : "");
    buf_put_str(&text, "]");
    buf_put_u8(&text, 0);
    assert_string_equal(json_patch(ctx, "{\"a\":{}}", (char *)text.p), "invalid_argument");
}

static void test_copies_are_bounded(void **state) {
    struct ctx *ctx = *state;
    BUF_CLEANUP struct buf text;
    buf_init(&text, NULL, 1 << 20);
    buf_put_str(&text, "[");
    for (int i = 0; i < 40; i++)
        buf_printf(&text, "%s{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/-\"}", i ? "," : "");
    buf_put_str(&text, "]");
    buf_put_u8(&text, 0);
    assert_string_equal(json_patch(ctx, "{\"a\":[[0]]}", (char *)text.p), "document_too_large");
}

static void test_size(void **state) {
    struct ctx *ctx = *state;
    BUF_CLEANUP struct buf doc, patch_doc, out;
    buf_init(&doc, NULL, 1 << 25);
    buf_init(&patch_doc, NULL, 1 << 25);
    buf_init(&out, NULL, 1 << 26);
    enum { HALF = DOC_BYTES_MAX / 2 };
    char *text = arena_alloc(&ctx->arena, HALF);
    memset(text, 'x', HALF);
    struct bson_writer w;
    bson_begin(&w, &doc);
    bson_put(&w, SLICE_LIT("a"), val_str(slice_of(text, HALF)));
    bson_end(&w);
    for (size_t less = 20; less < 30; less++) {
        buf_reset(&patch_doc);
        buf_reset(&out);
        bson_begin(&w, &patch_doc);
        bson_put(&w, SLICE_LIT("b"), val_str(slice_of(text, HALF - less)));
        bson_end(&w);
        struct patch patch;
        assert_int_equal(patch_of_merge(ctx, buf_slice(&patch_doc), &patch), NACRE_OK);
        nacre_status status = patch_apply(ctx, &patch, buf_slice(&doc), 0, &out);
        size_t size = 4 + 2 * (1 + 2 + 4 + 1) + HALF + HALF - less + 1;
        assert_int_equal(status, size <= DOC_BYTES_MAX ? NACRE_OK : NACRE_DOCUMENT_TOO_LARGE);
        assert_int_equal(out.n, status == NACRE_OK ? size : 0);
    }
}

static void test_what_is_no_patch(void **state) {
    struct ctx *ctx = *state;
    struct patch patch = {.kind = (enum patch_kind)77, .bson = doc_values_doc(ctx, "{}")};
    assert_string_equal(apply(ctx, "{}", &patch), "invalid_argument");
    // Unchecked patches, as from a damaged log, are checked once more where they are applied.
    patch = (struct patch){.kind = PATCH_MERGE, .bson = doc_values_doc(ctx, "{\"$a\":1}")};
    assert_string_equal(apply(ctx, "{}", &patch), "invalid_argument");
    patch.kind = PATCH_JSON;
    assert_string_equal(apply(ctx, "{}", &patch), "invalid_argument");
    patch.kind = PATCH_OPERATORS;
    assert_string_equal(apply(ctx, "{}", &patch), "invalid_argument");
}

// Large objects go by a hash table; it must agree with the list through every kind of change.
static void test_large_object(void **state) {
    struct ctx *ctx = *state;
    BUF_CLEANUP struct buf doc, merge_text, expected;
    buf_init(&doc, NULL, 1 << 22);
    buf_init(&merge_text, NULL, 1 << 22);
    buf_init(&expected, NULL, 1 << 22);
    for (int i = 0; i < 3000; i++)
        buf_printf(&doc, "%s\"f%d\":%d", i ? "," : "{", i, i);
    for (int i = 0; i < 3000; i++) {
        if (i % 3 == 0)
            buf_printf(&merge_text, "%s\"f%d\":null", i ? "," : "{", i);
        else if (i % 3 == 1)
            buf_printf(&merge_text, ",\"f%d\":-%d", i, i);
        else
            buf_printf(&merge_text, ",\"g%d\":0", i);
    }
    const char *comma = "{";
    for (int i = 0; i < 3000; i++) {
        if (i % 3 == 0) continue;
        buf_printf(&expected, "%s\"f%d\":%s%d", comma, i, i % 3 == 1 ? "-" : "", i);
        comma = ",";
    }
    for (int i = 2; i < 3000; i += 3)
        buf_printf(&expected, ",\"g%d\":0", i);
    buf_put(&doc, "}", 2);
    buf_put(&merge_text, "}", 2);
    buf_put(&expected, "}", 2);
    assert_string_equal(merge(ctx, (char *)doc.p, (char *)merge_text.p), (char *)expected.p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_merge, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json_patch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors_name_the_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copies_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_size, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_patch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_object, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
