// Schemas: what is refused where, with place and words; offenders; the rules of collections;
// defaults; limits. That the draft is kept, the suite shows
// (tests/unit/filter/test_schema_suite.c).
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/doc_values.h"
#include "support/plain_regex.h"

static struct ctx ctx;

static const struct schema_options options = {.regex = &plain_regex, .collection = true};

static struct schema *compiled(const char *json) {
    struct schema *schema = NULL;
    if (schema_compile(&ctx, doc_values_val(&ctx, json), &options, &schema) != NACRE_OK)
        fail_msg("%s: %s", json, ctx.err.detail);
    return schema;
}

// text n times, with @ for the number of the time and + for that of the next.
static const char *times(const char *head, const char *text, int n, const char *tail) {
    struct buf out;
    buf_init(&out, NULL, 64 << 20);
    buf_put_str(&out, head);
    for (int i = 0; i < n; i++) {
        for (const char *p = text; *p; p++) {
            if (*p == '@' || *p == '+')
                buf_printf(&out, "%d", i + (*p == '+'));
            else
                buf_put_u8(&out, (uint8_t)*p);
        }
    }
    buf_put_str(&out, tail);
    const char *s = arena_str(&ctx.arena, buf_slice(&out));
    buf_free(&out);
    return s;
}

// Refused schemas: where, and what was expected there.
static const struct {
    const char *json, *pointer, *expected, *got;
} refused[] = {
    {"{\"type\":\"text\"}", "/type",
     "null, boolean, integer, number, string, object, array, date, binary, vector, or an array "
     "of "
     "them",
     "\"text\""},
    {"{\"properties\":{\"a/b\":{\"minLength\":-1}}}", "/properties/a~1b/minLength",
     "an integer of 0 or more", "-1"},
    {"{\"properties\":[]}", "/properties", "an object of schemas", "an array"},
    {"{\"allOf\":[true,7]}", "/allOf/1", "a schema: an object, true or false", "7"},
    {"{\"anyOf\":[]}", "/anyOf", "an array of at least one schema", "an array"},
    {"{\"items\":[{}]}", "/items", "a schema: an object, true or false", "an array"},
    {"{\"required\":\"a\"}", "/required", "an array of names", "\"a\""},
    {"{\"required\":[1]}", "/required", "an array of names", "an array"},
    {"{\"minimum\":\"1\"}", "/minimum", "a number", "\"1\""},
    {"{\"multipleOf\":0}", "/multipleOf", "a number above 0", "0"},
    {"{\"uniqueItems\":1}", "/uniqueItems", "true or false", "1"},
    {"{\"enum\":1}", "/enum", "an array of values", "1"},
    {"{\"pattern\":\"!\"}", "/pattern", "a regular expression of ECMA-262", "\"!\""},
    {"{\"patternProperties\":{\"!\":true}}", "/patternProperties",
     "a regular expression of ECMA-262", "\"!\""},
    {"{\"$ref\":\"#/$defs/none\"}", "/$ref", "a reference to a schema that is there",
     "\"#/$defs/none\""},
    {"{\"$ref\":\"#none\"}", "/$ref", "a reference to a schema that is there", "\"#none\""},
    {"{\"$ref\":\"https://example.org/x\"}", "/$ref",
     "a reference into this schema or to the metaschema of draft 2020-12",
     "\"https://example.org/x\""},
    {"{\"$schema\":\"http://json-schema.org/draft-07/schema#\"}", "/$schema",
     "\"https://json-schema.org/draft/2020-12/schema\"",
     "\"http://json-schema.org/draft-07/schema#\""},
    {"{\"$anchor\":\"1\"}", "/$anchor", "a name: a letter or _, then letters, digits, - _ .",
     "\"1\""},
    {"{\"$defs\":{\"a\":{\"$anchor\":\"x\"},\"b\":{\"$anchor\":\"x\"}}}", "/$defs/b/$anchor",
     "a name that no other schema has", "\"x\""},
    {"{\"$defs\":{\"a\":{\"$id\":\"x\"},\"b\":{\"$id\":\"x\"}}}", "/$defs/b/$id",
     "a URI that no other schema has", "\"x\""},
    {"{\"$id\":\"x#y\"}", "/$id", "a URI without fragment", "\"x#y\""},
    {"{\"$ref\":\"#\"}", "", "a schema that refers to itself only for parts of a value",
     "an object"},
    {"{\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/a\"}]}}}", "", "",
     ""}, // never reached: nothing to refuse
    {"{\"dependencies\":{}}", "/dependencies", "dependentRequired or dependentSchemas",
     "an object"},
    {"{\"properties\":{\"_id\":{\"default\":1}}}", "/properties/_id/default",
     "no default for a field that Nacre sets or that cannot be", "1"},
    {"{\"properties\":{\"$x\":{\"default\":1}}}", "/properties/$x/default",
     "no default for a field that Nacre sets or that cannot be", "1"},
    {"{\"properties\":{\"x\":{\"default\":[{\"$y\":1}]}}}", "/properties/x/default",
     "a value that a document can hold", "an array"},
    {"true", "", "an object", "true"},
};

static void test_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct schema *schema = NULL;
        nacre_status status =
            schema_compile(&ctx, doc_values_val(&ctx, refused[i].json), &options, &schema);
        if (!refused[i].expected[0]) {
            assert_int_equal(status, NACRE_OK);
            schema_free(schema);
            continue;
        }
        if (status != NACRE_INVALID_ARGUMENT) fail_msg("%s: %d", refused[i].json, (int)status);
        assert_int_equal(ctx.err.item_count, 1);
        assert_string_equal(ctx.err.items[0].pointer, refused[i].pointer);
        assert_string_equal(ctx.err.items[0].expected, refused[i].expected);
        assert_string_equal(ctx.err.items[0].got, refused[i].got);
        assert_null(schema);
    }
}

static void test_no_engine(void **state) {
    (void)state;
    static const struct schema_options bare = {0};
    struct schema *schema;
    struct val v = doc_values_val(&ctx, "{\"items\":{\"pattern\":\"a\"}}");
    assert_int_equal(schema_compile(&ctx, v, &bare, &schema), NACRE_INVALID_ARGUMENT);
    assert_string_equal(ctx.err.items[0].pointer, "/items/pattern");
}

// Documents that do not fit: every offender up to the tenth, with its place.
static void test_offenders(void **state) {
    (void)state;
    static const struct {
        const char *schema, *doc, *items;
    } rows[] = {
        {"{\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"minimum\":3}},\"required\":[\"c\"]"
         "}",
         "{\"_id\":1,\"a\":1,\"b\":2}",
         "/a: string, 1\n/b: a number of at least 3, 2\n/c: a value, as it is required, nothing\n"},
        {"{\"properties\":{\"t\":{\"items\":{\"type\":[\"integer\",\"null\"]},\"uniqueItems\":true}"
         "}}",
         "{\"t\":[1,\"x\",1.5,1.0]}",
         "/t/1: null or integer, \"x\"\n/t/2: null or integer, 1.5\n"
         "/t/3: another value than element 0 has, 1.0\n"},
        {"{\"additionalProperties\":false}", "{\"_id\":1,\"x/y\":[]}",
         "/x~1y: nothing here, an array\n"},
        {"{\"unevaluatedProperties\":false,\"allOf\":[{\"properties\":{\"a\":true}}]}",
         "{\"_id\":1,\"a\":1,\"b\":2}", "/b: nothing here, 2\n"},
        {"{\"properties\":{\"a\":{\"anyOf\":[{\"type\":\"null\"},{\"const\":1}]}}}", "{\"a\":2}",
         "/a: what one of the 2 schemas of anyOf allows, 2\n"},
        {"{\"properties\":{\"a\":{\"oneOf\":[true,{}]}}}", "{\"a\":2}",
         "/a: what exactly one schema of oneOf allows, not two, 2\n"},
        {"{\"properties\":{\"a\":{\"not\":{\"type\":\"integer\"}}}}", "{\"a\":2}",
         "/a: what the schema of not does not allow, 2\n"},
        {"{\"properties\":{\"a\":{\"enum\":[1,2]},\"b\":{\"const\":\"x\"}}}", "{\"a\":3,\"b\":4}",
         "/a: one of 2 values, 3\n/b: \"x\", 4\n"},
        {"{\"properties\":{\"a\":{\"pattern\":\"yz\",\"maxLength\":2}}}", "{\"a\":\"äöü\"}",
         "/a: a string of at most 2 characters, \"äöü\"\n/a: a string that matches yz, \"äöü\"\n"},
        {"{\"properties\":{\"a\":{\"multipleOf\":0.01}}}", "{\"a\":19.991}",
         "/a: a multiple of 0.01, 19.991\n"},
        {"{\"properties\":{\"a\":{\"type\":\"string\"}}}",
         "{\"a\":{\"$date\":\"2024-01-01T00:00:00Z\"}}",
         "/a: string, {\"$date\":\"2024-01-01T00:00:00.000Z\"}\n"},
        {"{\"dependentRequired\":{\"a\":[\"b\",\"c\"]}}", "{\"a\":1,\"c\":1}",
         "/b: a value, as \"a\" is there, nothing\n"},
        {"{\"maxProperties\":1,\"propertyNames\":{\"maxLength\":1}}",
         "{\"_id\":1,\"a\":1,\"bc\":1}",
         "/bc: a string of at most 1 characters, \"bc\"\n: at most 1 members, not 2, an object\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct schema *schema = compiled(rows[i].schema);
        struct val doc = doc_values_val(&ctx, rows[i].doc);
        char text[4096] = "";
        size_t n = 0;
        assert_int_equal(schema_validate(&ctx, schema, doc), NACRE_SCHEMA_VIOLATION);
        for (uint32_t k = 0; k < ctx.err.item_count; k++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s: %s, %s\n",
                                  ctx.err.items[k].pointer, ctx.err.items[k].expected,
                                  ctx.err.items[k].got);
        assert_string_equal(text, rows[i].items);
        schema_free(schema);
    }
}

static void test_many_offenders(void **state) {
    (void)state;
    struct schema *schema =
        compiled("{\"additionalProperties\":{\"items\":{\"type\":\"string\"}}}");
    struct val doc = doc_values_val(&ctx, "{\"a\":[1,2,3,4,5,6,7,8,9,10,11,12,13]}");
    assert_int_equal(schema_validate(&ctx, schema, doc), NACRE_SCHEMA_VIOLATION);
    assert_int_equal(ctx.err.item_count, 10);
    assert_string_equal(ctx.err.items[9].pointer, "/a/9");
    schema_free(schema);
}

static void test_fits(void **state) {
    (void)state;
    static const struct {
        const char *schema, *doc;
    } rows[] = {
        // _id need not be named, but may be.
        {"{\"additionalProperties\":false,\"properties\":{\"a\":true}}", "{\"_id\":1,\"a\":1}"},
        {"{\"unevaluatedProperties\":false}", "{\"_id\":1}"},
        {"{\"maxProperties\":0}", "{\"_id\":1}"},
        {"{\"required\":[\"_id\"],\"properties\":{\"_id\":{\"type\":\"integer\"}}}", "{\"_id\":1}"},
        {"{\"properties\":{\"n\":{\"type\":\"integer\",\"multipleOf\":1e-8}}}",
         "{\"n\":9223372036854775807}"},
        {"{\"properties\":{\"n\":{\"multipleOf\":0.1}}}", "{\"n\":1e300}"},
        {"{\"properties\":{\"n\":{\"multipleOf\":2.5}}}", "{\"n\":-7.5}"},
        {"{\"properties\":{\"d\":{\"type\":\"date\"},\"b\":{\"type\":\"binary\"}}}",
         "{\"d\":{\"$date\":\"2024-01-01T00:00:00Z\"},\"b\":{\"$binary\":\"AA==\"}}"},
        {"{\"properties\":{\"a\":{\"enum\":[1,2,3,4,5,6,7,8,{\"x\":1,\"y\":[2.0]},10]}}}",
         "{\"a\":{\"y\":[2],\"x\":1.0}}"},
        {"{\"properties\":{\"t\":{\"uniqueItems\":true}}}",
         "{\"t\":[1,2,3,4,5,6,7,8,9,\"1\",true,[1],{\"a\":1},{\"a\":2},null]}"},
        {"{\"$ref\":\"https://json-schema.org/draft/2020-12/schema\"}",
         "{\"type\":\"object\",\"properties\":{\"a\":{\"minLength\":2}}}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct schema *schema = compiled(rows[i].schema);
        if (schema_validate(&ctx, schema, doc_values_val(&ctx, rows[i].doc)) != NACRE_OK)
            fail_msg("%s: %s", rows[i].schema, ctx.err.detail);
        schema_free(schema);
    }
}

static void test_unique_many(void **state) {
    (void)state;
    struct schema *schema = compiled("{\"properties\":{\"t\":{\"uniqueItems\":true}}}");
    struct val doc = doc_values_val(
        &ctx, "{\"t\":[1,2,3,4,5,6,7,8,9,{\"a\":1,\"b\":2},11,{\"b\":2.0,\"a\":1}]}");
    assert_int_equal(schema_validate(&ctx, schema, doc), NACRE_SCHEMA_VIOLATION);
    assert_string_equal(ctx.err.items[0].pointer, "/t/11");
    schema_free(schema);
}

static void test_defaults(void **state) {
    (void)state;
    static const char schema_json[] =
        "{\"properties\":{\"a\":{\"default\":1},\"o\":{\"$ref\":\"#/$defs/o\"},\"list\":{\"items\":"
        "{\"properties\":{\"x\":{\"default\":1}}}},\"p\":{\"default\":{},\"properties\":{\"q\":"
        "{\"default\":5}}}},\"allOf\":[{\"properties\":{\"z\":{\"default\":1}}}],"
        "\"$defs\":{\"o\":{\"properties\":{\"n\":{\"$ref\":\"#/$defs/n\"},\"o\":{\"$ref\":"
        "\"#/$defs/o\"}}},\"n\":{\"default\":null}}}";
    static const struct {
        const char *doc, *filled;
    } rows[] = {
        {"{\"_id\":1}", "{\"_id\":1,\"a\":1,\"p\":{}}"},
        {"{\"p\":{},\"_id\":1,\"a\":2}", "{\"p\":{\"q\":5},\"_id\":1,\"a\":2}"},
        {"{\"a\":null,\"p\":3,\"o\":{\"o\":{}}}",
         "{\"a\":null,\"p\":3,\"o\":{\"o\":{\"n\":null},\"n\":null}}"},
        {"{\"a\":1,\"p\":[],\"list\":[{}]}", NULL},
    };
    struct schema *schema = compiled(schema_json);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        BUF_CLEANUP struct buf out;
        bool changed;
        buf_init(&out, NULL, 1 << 20);
        struct slice doc = doc_values_doc(&ctx, rows[i].doc);
        assert_int_equal(schema_fill(&ctx, schema, doc, &out, &changed), NACRE_OK);
        assert_int_equal(changed, rows[i].filled != NULL);
        if (!changed) continue;
        assert_int_equal(bson_validate(&ctx, buf_slice(&out)), NACRE_OK);
        assert_string_equal(doc_values_text(&ctx, buf_slice(&out)), rows[i].filled);
    }
    schema_free(schema);
}

// More properties than the room of one pass, some of them there.
// In the order of "properties", whatever "required" says before it.
static void test_order_of_defaults(void **state) {
    (void)state;
    BUF_CLEANUP struct buf out;
    bool changed;
    struct schema *schema = compiled("{\"required\":[\"b\",\"c\"],\"properties\":"
                                     "{\"a\":{\"default\":1},\"b\":{\"default\":2}}}");
    buf_init(&out, NULL, 1 << 20);
    assert_int_equal(schema_fill(&ctx, schema, doc_values_doc(&ctx, "{\"c\":0}"), &out, &changed),
                     NACRE_OK);
    assert_string_equal(doc_values_text(&ctx, buf_slice(&out)), "{\"c\":0,\"a\":1,\"b\":2}");
    schema_free(schema);
}

static void test_many_defaults(void **state) {
    (void)state;
    struct schema *schema =
        compiled(times("{\"properties\":{", "\"a@\":{\"default\":@},", 1000, "\"z\":true}}"));
    struct slice doc = doc_values_doc(&ctx, times("{", "\"a@\":0,", 500, "\"a999\":0}"));
    BUF_CLEANUP struct buf out;
    bool changed;
    buf_init(&out, NULL, 1 << 20);
    assert_int_equal(schema_fill(&ctx, schema, doc, &out, &changed), NACRE_OK);
    assert_true(changed);
    assert_int_equal(bson_count(buf_slice(&out)), 1000);
    assert_int_equal(bson_find(buf_slice(&out), SLICE_LIT("a998")).i, 998);
    assert_int_equal(bson_find(buf_slice(&out), SLICE_LIT("a999")).i, 0);
    schema_free(schema);
}

static void refused_as(const char *json, const char *words) {
    struct schema *schema;
    nacre_status status = schema_compile(&ctx, doc_values_val(&ctx, json), &options, &schema);
    assert_int_equal(status, NACRE_INVALID_ARGUMENT);
    if (!strstr(ctx.err.detail, words)) fail_msg("%s", ctx.err.detail);
}

static void test_limits(void **state) {
    (void)state;
    // The top is a subschema, too.
    schema_free(compiled(times("{\"$defs\":{", "\"a@\":{},", SCHEMA_NODES_MAX - 2, "\"z\":{}}}")));
    refused_as(times("{\"$defs\":{", "\"a@\":{},", SCHEMA_NODES_MAX - 1, "\"z\":{}}}"),
               "more than 10000 subschemas");
    refused_as(times("{\"a\":[", "\"@ and some more text to make it long\",", 30000, "0]}"),
               "a schema may take 1048576");
    refused_as(times("{\"patternProperties\":{", "\"a@\":true,", SCHEMA_PATTERNS_MAX, "\"z\":{}}}"),
               "at most 1000 patterns");
    const char *chain = "\"a@\":{\"$ref\":\"#/$defs/a+\"},";
    schema_free(compiled(times("{\"$defs\":{", chain, 99, "\"a99\":{}}}")));
    refused_as(times("{\"$ref\":\"#/$defs/a0\",\"$defs\":{", chain, 100, "\"a100\":{}}}"),
               "at most 100 schemas");
}

static void test_hard_documents(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        // Twice the work a level.
        {"{\"$ref\":\"#/$defs/a0\",\"$defs\":{", "checking the document against the schema takes"},
        {"{\"$dynamicAnchor\":\"x\",\"$dynamicRef\":\"#x\"}", "nests more than 1000 schemas"},
        {"{\"properties\":{\"a\":{\"not\":{\"pattern\":\"?\"}}}}", "too many steps"},
    };
    const char *twice = "\"a@\":{\"allOf\":[{\"$ref\":\"#/$defs/a+\"},"
                        "{\"$ref\":\"#/$defs/a+\"}]},";
    for (size_t i = 0; i < 3; i++) {
        const char *json = i ? rows[i][0] : times(rows[i][0], twice, 40, "\"a40\":{}}}");
        struct schema *schema = compiled(json);
        struct val doc = doc_values_val(&ctx, "{\"a\":\"x\"}");
        assert_int_equal(schema_validate(&ctx, schema, doc), NACRE_SCHEMA_VIOLATION);
        if (!strstr(ctx.err.detail, rows[i][1])) fail_msg("%s", ctx.err.detail);
        schema_free(schema);
    }
}

// A schema keeps nothing of what it was compiled from.
static void test_copied(void **state) {
    (void)state;
    struct slice doc = doc_values_doc(&ctx, "{\"properties\":{\"a\":{\"const\":\"x\"}}}");
    uint8_t *bytes = mem_alloc(doc.n);
    struct schema *schema;
    memcpy(bytes, doc.p, doc.n);
    struct val v = val_bytes(VAL_OBJECT, slice_of(bytes, doc.n));
    assert_int_equal(schema_compile(&ctx, v, &options, &schema), NACRE_OK);
    memset(bytes, 0, doc.n);
    mem_free(bytes);
    assert_int_equal(schema_validate(&ctx, schema, doc_values_val(&ctx, "{\"a\":\"x\"}")),
                     NACRE_OK);
    schema_free(schema);
    schema_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_no_engine),
        cmocka_unit_test(test_offenders),      cmocka_unit_test(test_many_offenders),
        cmocka_unit_test(test_fits),           cmocka_unit_test(test_unique_many),
        cmocka_unit_test(test_defaults),       cmocka_unit_test(test_limits),
        cmocka_unit_test(test_hard_documents), cmocka_unit_test(test_copied),
        cmocka_unit_test(test_many_defaults),  cmocka_unit_test(test_order_of_defaults),
    };
    doc_values_ctx(&ctx);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ctx_free(&ctx);
    return failed;
}
