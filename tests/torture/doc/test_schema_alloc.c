// Every allocation fails in turn while a schema is compiled, a document filled in and checked: the
// answer is memory_limit, nothing leaks; and with memory again the same call succeeds.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/os/fault.h"
#include "support/doc_values.h"
#include "support/plain_regex.h"

static const char schema_text[] =
    "{\"$id\":\"http://x/y\",\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/a\"},"
    "\"m\":{\"$ref\":\"https://json-schema.org/draft/2020-12/schema\"},\"u\":{\"uniqueItems\":true,"
    "\"prefixItems\":[true],\"unevaluatedItems\":{\"type\":\"integer\"}},\"d\":{\"default\":[1]}},"
    "\"$defs\":{\"a\":{\"$anchor\":\"a\",\"enum\":[1,2,3],\"allOf\":[{\"minimum\":0}]}},"
    "\"dependentRequired\":{\"a\":[\"u\"]},\"unevaluatedProperties\":false}";
static const char doc_text[] = "{\"_id\":1,\"a\":2,\"m\":{\"type\":\"null\"},\"u\":[%s0]}";

static nacre_status work(struct ctx *ctx, struct val text, struct slice doc) {
    struct schema_options options = {.regex = &plain_regex, .collection = true};
    struct schema *schema;
    BUF_CLEANUP struct buf filled;
    bool changed;
    buf_init(&filled, NULL, 1 << 20);
    TRY(schema_compile(ctx, text, &options, &schema));
    nacre_status status = schema_fill(ctx, schema, doc, &filled, &changed);
    if (status == NACRE_OK)
        status = schema_validate(ctx, schema, val_bytes(VAL_OBJECT, buf_slice(&filled)));
    schema_free(schema);
    return status;
}

// 300 numbers: more than what needs no memory.
static struct slice document(struct ctx *ctx) {
    char numbers[4096] = "", json[8192];
    for (size_t i = 300, n = 0; i; i--)
        n += (size_t)snprintf(numbers + n, sizeof numbers - n, "%zu,", i);
    snprintf(json, sizeof json, doc_text, numbers);
    return doc_values_doc(ctx, json);
}

static void test_allocations(void **state) {
    (void)state;
    struct ctx ctx;
    doc_values_ctx(&ctx);
    struct val schema = doc_values_val(&ctx, schema_text);
    struct slice doc = document(&ctx);
    bool done = false;
    for (int64_t nth = 1; !done; nth++) {
        struct ctx fresh;
        doc_values_ctx(&fresh);
        fault_arm(FAULT_ALLOC, nth, false);
        nacre_status status = work(&fresh, schema, doc);
        done = !fault_fired(FAULT_ALLOC);
        fault_disarm(FAULT_ALLOC);
        if (status != NACRE_OK) {
            assert_false(done);
            assert_int_equal(status, NACRE_MEMORY_LIMIT);
            assert_int_equal(fresh.err.status, NACRE_MEMORY_LIMIT);
            assert_int_equal(work(&fresh, schema, doc), NACRE_OK);
        }
        ctx_free(&fresh);
        assert_true(nth < 10000);
    }
    ctx_free(&ctx);
}

// The arena takes blocks, so few allocations fail above; a bound on the arena fails everywhere.
static void test_small_arena(void **state) {
    (void)state;
    struct ctx ctx;
    struct schema *schema;
    struct schema_options options = {.regex = &plain_regex, .collection = true};
    doc_values_ctx(&ctx);
    struct slice doc = document(&ctx);
    struct val v = val_bytes(VAL_OBJECT, doc);
    assert_int_equal(schema_compile(&ctx, doc_values_val(&ctx, schema_text), &options, &schema),
                     NACRE_OK);
    nacre_status status = NACRE_MEMORY_LIMIT;
    for (size_t max = 0; status == NACRE_MEMORY_LIMIT; max += 64) {
        struct ctx small;
        ctx_init(&small, &world_system, NULL, max);
        status = schema_validate(&small, schema, v);
        ctx_free(&small);
        assert_true(max < 1 << 20);
    }
    assert_int_equal(status, NACRE_OK);
    schema_free(schema);
    ctx_free(&ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_small_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
