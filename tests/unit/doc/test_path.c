// Paths: what parses, what one value a path has, what values it reaches through arrays.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "doc/footer.h"
#include "doc/path.h"
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

static struct path parse(struct ctx *ctx, const char *text) {
    struct path path;
    if (path_parse(ctx, slice_str(text), &path) != NACRE_OK)
        fail_msg("%s: %s", text, ctx->err.detail);
    return path;
}

static void test_parse_good(void **state) {
    struct ctx *ctx = *state;
    static const struct {
        const char *text;
        const char *parts[4];
        uint32_t index[4];
    } good[] = {
        {"a", {"a"}, {PATH_NO_INDEX}},
        {"a.b", {"a", "b"}, {PATH_NO_INDEX, PATH_NO_INDEX}},
        {"a.0.12", {"a", "0", "12"}, {PATH_NO_INDEX, 0, 12}},
        {"a.01", {"a", "01"}, {PATH_NO_INDEX, PATH_NO_INDEX}},
        {"a.4294967295", {"a", "4294967295"}, {PATH_NO_INDEX, PATH_NO_INDEX}},
        {"a~b.c/d", {"a~b", "c/d"}, {PATH_NO_INDEX, PATH_NO_INDEX}},
        {"/a", {"a"}, {PATH_NO_INDEX}},
        {"/a.b/c", {"a.b", "c"}, {PATH_NO_INDEX, PATH_NO_INDEX}},
        {"/a~1b/~0/~01", {"a/b", "~", "~1"}, {PATH_NO_INDEX, PATH_NO_INDEX, PATH_NO_INDEX}},
        {"/", {""}, {PATH_NO_INDEX}},
        {"/a//0", {"a", "", "0"}, {PATH_NO_INDEX, PATH_NO_INDEX, 0}},
        {"/-", {"-"}, {PATH_NO_INDEX}},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct path path = parse(ctx, good[i].text);
        for (uint32_t k = 0; k < path.count; k++) {
            assert_non_null(good[i].parts[k]);
            assert_true(slice_eq_str(path.parts[k].name, good[i].parts[k]));
            assert_int_equal(path.parts[k].index, good[i].index[k]);
            assert_true(path.parts[k].hash == footer_hash_name(path.parts[k].name));
        }
        assert_true(path.count == 4 || !good[i].parts[path.count]);
        assert_true(slice_eq_str(path.text, good[i].text));
    }
    struct path nested = parse(ctx, "a.b.c");
    assert_true(nested.hash == footer_hash_nested(nested.parts[0].hash, SLICE_LIT("b")));
}

static void test_parse_bad(void **state) {
    struct ctx *ctx = *state;
    struct path path;
    static const char *const bad[] = {"",   ".",    "a.",    ".a",   "a..b",
                                      "/~", "/a~2", "/~x/b", "\xff", "a.\xc3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (path_parse(ctx, slice_str(bad[i]), &path) != NACRE_INVALID_ARGUMENT)
            fail_msg("%s", bad[i]);
        assert_true(ctx->err.detail[0] != 0);
    }
    assert_int_equal(path_parse(ctx, slice_of("a\0b", 3), &path), NACRE_INVALID_ARGUMENT);
    char deep[2 * 101];
    for (int i = 0; i < 101; i++)
        memcpy(deep + (ptrdiff_t)2 * i, "a.", 2);
    assert_int_equal(path_parse(ctx, slice_of(deep, 2 * 101 - 1), &path), NACRE_INVALID_ARGUMENT);
    assert_int_equal(path_parse(ctx, slice_of(deep, 2 * 100 - 1), &path), NACRE_OK);
    assert_int_equal(path.count, 100);
}

// The document with enough other fields that it has a footer, or without one.
static struct doc doc_of(struct ctx *ctx, const char *json, bool padded) {
    struct doc doc = {.body = doc_values_doc(ctx, json)};
    if (!padded) return doc;
    BUF_CLEANUP struct buf buf;
    buf_init(&buf, NULL, 1 << 20);
    struct bson_writer w;
    bson_begin(&w, &buf);
    struct bson_iter it = bson_iter_of(doc.body);
    struct slice name;
    struct val v;
    while (bson_next(&it, &name, &v))
        bson_put(&w, name, v);
    for (int i = 0; i < 40; i++) {
        char text[16];
        snprintf(text, sizeof text, "pad_%d", i);
        bson_put(&w, slice_str(text), val_int(i));
    }
    bson_end(&w);
    doc.body = slice_of(arena_copy(&ctx->arena, buf.p, buf.n), buf.n);
    buf_reset(&buf);
    footer_build(&buf, doc.body);
    assert_true(buf.n > 0);
    doc.footer = slice_of(arena_copy(&ctx->arena, buf.p, buf.n), buf.n);
    return doc;
}

static bool collect(void *arg, struct val v) {
    struct ctx *ctx = ((void **)arg)[0];
    struct buf *out = ((void **)arg)[1];
    buf_put_str(out, doc_values_show(ctx, v));
    buf_put_str(out, " ");
    return true;
}

static const struct {
    const char *json, *path, *one, *all;
} reached[] = {
    {"{\"a\":1}", "a", "1", "1 "},
    {"{\"a\":1}", "b", "missing", "missing"},
    {"{\"a\":1}", "a.b", "missing", "missing"},
    {"{\"a\":null}", "a.b", "missing", "missing"},
    {"{\"a\":{\"b\":{\"c\":5}}}", "a.b.c", "5", "5 "},
    {"{\"a\":{\"b\":{\"c\":5}}}", "/a/b", "{\"c\":5}", "{\"c\":5} "},
    {"{\"a\":{\"b\":{}}}", "a.b.c", "missing", "missing"},
    {"{\"a\":[1,2]}", "a", "[1,2]", "[1,2] "},
    {"{\"a\":[1,2]}", "a.1", "2", "2 "},
    {"{\"a\":[1,2]}", "a.2", "missing", "missing"},
    {"{\"a\":[1,2]}", "a.b", "missing", "missing"},
    {"{\"a\":[]}", "a.b", "missing", "missing"},
    {"{\"a\":[]}", "a.0", "missing", "missing"},
    {"{\"a\":[{\"b\":1},{\"b\":2}]}", "a.b", "missing", "1 2 "},
    {"{\"a\":[{\"b\":1},{\"c\":2}]}", "a.b", "missing", "1 missing"},
    {"{\"a\":[{\"b\":1},7]}", "a.b", "missing", "1 "},
    {"{\"a\":[{\"b\":1},{\"b\":2}]}", "a.1.b", "2", "2 "},
    {"{\"a\":[{\"b\":[{\"c\":1},{\"c\":2}]},{\"b\":{\"c\":3}}]}", "a.b.c", "missing", "1 2 3 "},
    {"{\"a\":[[{\"b\":1}]]}", "a.b", "missing", "missing"},
    {"{\"a\":[[{\"b\":1}]]}", "a.0.b", "missing", "1 "},
    {"{\"a\":[[5,6],[7]]}", "a.0.1", "6", "6 "},
    {"{\"a\":[{\"0\":\"name\"},\"x\"]}", "a.0", "{\"0\":\"name\"}", "{\"0\":\"name\"} \"name\" "},
    {"{\"a\":[{\"1\":\"name\"},\"x\"]}", "a.1", "\"x\"", "\"name\" \"x\" "},
    {"{\"a\":[{\"b\":1}]}", "a.5", "missing", "missing"},
    {"{\"a\":{\"0\":{\"x\":4}}}", "a.0.x", "4", "4 "},
    {"{\"a\":[{\"b\":[1,2]}]}", "a.b", "missing", "[1,2] "},
    {"{\"a\":[{\"b\":[10,20]},{\"b\":[30]}]}", "a.b.0", "missing", "10 30 "},
    {"{\"\":{\"\":3}}",
     "/"
     "/",
     "3", "3 "},
    {"{\"a.b\":3}", "/a.b", "3", "3 "},
    {"{\"a\":[{\"b\":{\"c\":1}},{\"b\":4}]}", "a.b.c", "missing", "1 missing"},
};

static void test_get_and_reach(void **state) {
    struct ctx *ctx = *state;
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 1 << 20);
    void *arg[2] = {ctx, &out};
    for (size_t i = 0; i < 2 * sizeof reached / sizeof reached[0]; i++) {
        struct doc doc = doc_of(ctx, reached[i / 2].json, i % 2);
        struct path path = parse(ctx, reached[i / 2].path);
        uint8_t scratch[64];
        bool missing = false;
        const char *one = doc_values_show(ctx, doc_get(&doc, &path, scratch));
        buf_reset(&out);
        doc_reach(&doc, &path, collect, arg, &missing);
        if (missing) buf_put_str(&out, "missing");
        buf_put_u8(&out, 0);
        if (strcmp(one, reached[i / 2].one) != 0)
            fail_msg("%s at %s: %s, not %s", reached[i / 2].json, reached[i / 2].path, one,
                     reached[i / 2].one);
        if (strcmp((char *)out.p, reached[i / 2].all) != 0)
            fail_msg("%s reaches %s: %s, not %s", reached[i / 2].json, reached[i / 2].path,
                     (char *)out.p, reached[i / 2].all);
    }
}

static bool first_only(void *arg, struct val v) {
    *(struct val *)arg = v;
    return false;
}

static void test_reach_stops(void **state) {
    struct ctx *ctx = *state;
    struct doc doc = doc_of(ctx, "{\"a\":[{\"b\":1},{\"b\":2},{}]}", false);
    struct path path = parse(ctx, "a.b");
    struct val v;
    bool missing = true;
    doc_reach(&doc, &path, first_only, &v, &missing);
    assert_int_equal(v.i, 1);
    assert_false(missing);
}

static void test_system_fields(void **state) {
    struct ctx *ctx = *state;
    struct doc_sys sys = {.version = 7,
                          .created_ms = 1709210096789,
                          .updated_ms = 1709210097000,
                          .expires_ms = 1709210098000,
                          .lease_until_ms = 1709210099000,
                          .lease_holder = SLICE_LIT("worker-1")};
    struct doc doc = {.body = doc_values_doc(ctx, "{\"_id\":\"x\",\"_other\":1}"), .sys = &sys};
    static const struct {
        const char *path, *value;
    } fields[] = {
        {"_id", "\"x\""},
        {"_other", "1"},
        {"_version", "7"},
        {"_version.a", "missing"},
        {"_created", "\"2024-02-29T12:34:56.789Z\""},
        {"/_updated", "\"2024-02-29T12:34:57.000Z\""},
        {"_expires", "\"2024-02-29T12:34:58.000Z\""},
        {"_lease", "{\"until\":\"2024-02-29T12:34:59.000Z\"}"},
        {"_lease.until", "\"2024-02-29T12:34:59.000Z\""},
        {"_lease.holder", "\"worker-1\""},
        {"_lease.token", "missing"},
        {"_lease.until.x", "missing"},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        struct path path = parse(ctx, fields[i].path);
        uint8_t scratch[64];
        assert_string_equal(doc_values_show(ctx, doc_get(&doc, &path, scratch)), fields[i].value);
        struct val v = val_missing();
        bool missing;
        doc_reach(&doc, &path, first_only, &v, &missing);
        if (!missing) assert_true(val_class(v.type) != 0);
        assert_true(missing == (strcmp(fields[i].value, "missing") == 0));
    }
    sys.expires_ms = sys.lease_until_ms = 0;
    static const char *const absent[] = {"_expires", "_lease", "_lease.until"};
    for (int i = 0; i < 3; i++) {
        struct path path = parse(ctx, absent[i]);
        uint8_t scratch[64];
        assert_int_equal(doc_get(&doc, &path, scratch).type, VAL_MISSING);
    }
    doc.sys = NULL;
    struct path path = parse(ctx, "_version");
    uint8_t scratch[64];
    assert_int_equal(doc_get(&doc, &path, scratch).type, VAL_MISSING);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_parse_good, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parse_bad, setup, teardown),
        cmocka_unit_test_setup_teardown(test_get_and_reach, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reach_stops, setup, teardown),
        cmocka_unit_test_setup_teardown(test_system_fields, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
