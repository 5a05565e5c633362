// The contract on sizes: a document of 16 MiB, and a process that lives at its memory limit.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/contract.h"

enum { MIB = 1 << 20 };

static struct lib_fixture f;
static char *text; // of a document

static void open_small(void) {
    lib_fixture_open(&f);
    f.options.memory_bytes = 64 * (uint64_t)MIB;
    lib_fixture_reopen(&f);
}

// {"NAME":"xxx…"} of about size bytes.
static size_t make_text(char name, size_t size) {
    text = realloc(text, size + 64);
    assert_non_null(text);
    size_t n = (size_t)snprintf(text, 16, "{\"%c\":\"", name);
    memset(text + n, 'x', size);
    n += size;
    return n + (size_t)snprintf(text + n, 16, "\"}");
}

// "A document is a JSON object ≤ 16 MiB"; "document_too_large 413"; "memory_limit 503".
static void test_large_documents(void **state) {
    nacre_doc doc;
    nacre_value value;
    const char *json;
    size_t size;
    uint64_t n;
    (void)state;
    open_small();
    nacre_id big = nacre_id_string("big"), small = nacre_id_string("small");
    LIB_OK(&f, nacre_put(f.s, &f.c, &small, "{\"a\":1}", 7, NULL, NULL));
    for (int round = 0; round < 3; round++) {
        size_t length = make_text('t', 15 * MIB);
        LIB_OK(&f, nacre_put(f.s, &f.c, &big, text, length, NULL, NULL));
        LIB_OK(&f,
               nacre_patch(f.s, &f.c, big, NACRE_PATCH, "{\"$inc\":{\"n\":1}}", 16, NULL, NULL));
        LIB_OK(&f, nacre_get(f.s, &f.c, big, &doc));
        LIB_OK(&f, nacre_doc_field(f.s, &doc, "t", &value));
        assert_int_equal(value.size, 15 * MIB);
        LIB_OK(&f, nacre_doc_json(f.s, &doc, NULL, &json, &size));
        assert_true(size > 15 * MIB);
        nacre_doc_release(&doc);
        LIB_OK(&f, nacre_count(f.s, &f.c, "n = 1", &n));
        assert_int_equal(n, 1);
        // Beyond: refused by name, and nothing is changed by it.
        length = make_text('t', 16 * MIB);
        LIB_FAILS(&f, nacre_put(f.s, &f.c, &big, text, length, NULL, NULL),
                  NACRE_DOCUMENT_TOO_LARGE, "413");
        length = make_text('u', 2 * MIB);
        LIB_FAILS(&f, nacre_patch(f.s, &f.c, big, NACRE_PATCH, text, length, NULL, NULL),
                  NACRE_DOCUMENT_TOO_LARGE, "413");
        assert_string_equal(lib_fixture_get(&f, small),
                            "{\"_id\":\"small\",\"a\":1,\"_version\":1}");
    }
    lib_fixture_close(&f);
}

static int free_all(void **state) {
    (void)state;
    free(text);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_documents),
    };
    return cmocka_run_group_tests(tests, NULL, free_all);
}
