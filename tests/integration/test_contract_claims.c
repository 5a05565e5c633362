// The contract on claims, leases and times to live.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/contract.h"

static void open_jobs(struct lib_fixture *f, int count) {
    char body[64];
    lib_fixture_open(f);
    for (int i = 0; i < count; i++) {
        snprintf(body, sizeof body, "{\"_id\":%d,\"s\":\"new\",\"p\":%d}", i, count - i);
        LIB_OK(f, lib_fixture_put(f, body));
    }
}

// "Takes the first match without a live lease, writes `set`, lends it …. Others see `_lease`
// without the token."
static void test_claim(void **state) {
    static const char spec[] = "{\"sort\":[\"p\"],\"set\":{\"s\":\"run\",\"by.who\":\"me\"},"
                               "\"holder\":\"w1\",\"lease_ms\":60000}";
    struct lib_fixture f;
    const char *out;
    char token[32], second[32];
    (void)state;
    open_jobs(&f, 3);
    LIB_OK(&f, contract_claim(&f, spec, token));
    assert_int_equal(strlen(token), 22);
    assert_string_equal(contract_body(&f, "~2"),
                        "{\"_id\":2,\"s\":\"run\",\"p\":1,\"by\":{\"who\":\"me\"}}");
    out = lib_fixture_rows(&f, "{\"filter\":{\"_lease.holder\":\"w1\"}}");
    LIB_HAS(out, "\"_lease\":{\"until\":\"20");
    LIB_HAS(out, "\"holder\":\"w1\"}");
    assert_null(strstr(out, token));
    assert_null(strstr(out, "token"));
    assert_string_equal(contract_matches(&f, "{\"_lease\":null}"), "0 1 ");
    for (int i = 0; i < 2; i++)
        LIB_OK(&f, contract_claim(&f, spec, second));
    assert_string_equal(contract_body(&f, "~0"),
                        "{\"_id\":0,\"s\":\"run\",\"p\":3,\"by\":{\"who\":\"me\"}}");
    LIB_OK(&f, nacre_claim(f.s, &f.c, spec, NULL, &out, NULL));
    assert_null(out); // 204
    lib_fixture_close(&f);
}

static void test_claim_refusals(void **state) {
    static const struct {
        const char *spec, *says;
        nacre_status status; // 0: invalid_argument
    } cases[] = {
        {"{\"lease_ms\":0}", "1 to 86400000", 0},
        {"{\"lease_ms\":86400001}", "1 to 86400000", 0},
        {"{\"lease_ms\":1.5}", "\"got\":\"1.5\"", 0},
        {"{\"max_examined\":0}", "\"pointer\":\"/max_examined\"", 0},
        {"{\"holder\":5}", "\"pointer\":\"/holder\"", 0},
        {"{\"set\":5}", "\"pointer\":\"/set\"", 0},
        {"{\"set\":{\"_id\":9}}", "\"pointer\":\"/set/_id\"", 0},
        {"{\"set\":{\"_version\":9}}", "\"pointer\":\"/set/_version\"", 0},
        {"{\"set\":{\"a..b\":1}}", "\"pointer\":\"/set/a..b\"", 0},
        {"{\"set\":{\"s.x\":1}}", "\"pointer\":\"/set/s.x\"", 0},
        {"{\"on_expire\":{\"$foo\":1}}", "\"pointer\":\"/on_expire/$foo\"", 0},
        {"{\"on_expire\":{\"_id\":7}}", "\"pointer\":\"/on_expire/_id\"", 0},
        {"{\"on_expire\":{\"_version\":7}}", "\"pointer\":\"/on_expire/_version\"", 0},
        {"{\"on_expire\":{\"$set\":{\"a\":1},\"b\":2}}", "not both", 0},
        {"{\"leasems\":5}", "\"suggestions\":[\"lease_ms\"]", 0},
        {"[]", "expected an object", 0},
        {"{\"filter\":{\"s\":{\"$foo\":1}}}", "\"pointer\":\"/filter/s/$foo\"",
         NACRE_INVALID_FILTER},
        {"{\"filter\":\"a =\"}", "\"span\":{\"offset\":3", NACRE_INVALID_FILTER},
        {"{\"filter\":{\"s\":{\"$regex\":\"(\"}}}", "/filter/s/$regex", NACRE_INVALID_FILTER},
    };
    struct lib_fixture f;
    char token[32];
    (void)state;
    open_jobs(&f, 1);
    for (size_t i = 0; i < CONTRACT_COUNT(cases); i++)
        LIB_FAILS(&f, contract_claim(&f, cases[i].spec, token),
                  cases[i].status ? cases[i].status : NACRE_INVALID_ARGUMENT, cases[i].says);
    assert_int_equal(contract_version(&f, "~0"), 1);
    LIB_OK(&f, contract_claim(&f, "{\"lease_ms\":86400000}", token));
    assert_int_equal(strlen(token), 22);
    lib_fixture_close(&f);
}

// "It examines at most `max_examined` (1,000) candidates: past that `claim_too_wide`, never a
// silent 204."
static void test_too_wide(void **state) {
    struct lib_fixture f;
    char token[32];
    (void)state;
    open_jobs(&f, 1001);
    LIB_FAILS(&f, contract_claim(&f, "{\"filter\":{\"p\":1}}", token), NACRE_CLAIM_TOO_WIDE,
              "1000 candidates", "\"status\":422", "add an index");
    LIB_FAILS(&f, contract_claim(&f, "{\"filter\":{\"p\":-1}}", token), NACRE_CLAIM_TOO_WIDE,
              "1000 candidates");
    LIB_FAILS(&f, contract_claim(&f, "{\"sort\":[\"p\"]}", token), NACRE_CLAIM_TOO_WIDE, "index");
    LIB_OK(&f, contract_claim(&f, "{\"filter\":{\"p\":-1},\"max_examined\":1001}", token));
    assert_string_equal(token, "");
    LIB_OK(&f, contract_claim(&f, "{\"filter\":{\"p\":1},\"max_examined\":1001}", token));
    assert_int_equal(strlen(token), 22);
    contract_index(&f, "p", "{\"fields\":[\"p\"]}");
    LIB_OK(&f, contract_claim(&f, "{\"filter\":{\"p\":2}}", token));
    LIB_OK(&f, contract_claim(&f, "{\"sort\":[\"p\"],\"set\":{\"x\":1}}", token));
    assert_string_equal(contract_matches(&f, "{\"x\":1}"), "998 ");
    lib_fixture_close(&f);
}

// "the fields of `set` get their earlier values back if all still hold what the claim wrote, else
// none does, and the document can be claimed again"; "`:release` with `set` writes that instead".
static void test_release(void **state) {
    static const struct {
        const char *meanwhile, *set, *after; // members behind _id
    } cases[] = {
        {NULL, NULL, "\"s\":\"new\",\"p\":1"},
        {"{\"k\":5}", NULL, "\"s\":\"new\",\"p\":1,\"k\":5"},
        {"{\"n\":2}", NULL, "\"s\":\"run\",\"p\":1,\"by\":{\"who\":\"me\"},\"n\":2"},
        {"{\"n\":null}", NULL, "\"s\":\"run\",\"p\":1,\"by\":{\"who\":\"me\"}"},
        {"{\"by\":{\"x\":1}}", NULL, "\"s\":\"new\",\"p\":1,\"by\":{\"x\":1}"},
        {NULL, "{\"s\":\"done\",\"r.v\":1}",
         "\"s\":\"done\",\"p\":1,\"by\":{\"who\":\"me\"},\"n\":1,\"r\":{\"v\":1}"},
        {NULL, "{}", "\"s\":\"run\",\"p\":1,\"by\":{\"who\":\"me\"},\"n\":1"},
    };
    struct lib_fixture f;
    char token[32], after[160];
    nacre_id id = nacre_id_integer(0);
    (void)state;
    for (size_t i = 0; i < CONTRACT_COUNT(cases); i++) {
        open_jobs(&f, 1);
        LIB_OK(&f, contract_claim(
                       &f, "{\"set\":{\"s\":\"run\",\"n\":1,\"by.who\":\"me\"},\"lease_ms\":60000}",
                       token));
        if (cases[i].meanwhile)
            LIB_OK(&f, contract_patch(&f, "~0", NACRE_PATCH, cases[i].meanwhile, NULL, NULL));
        LIB_OK(&f, nacre_release(f.s, &f.c, id, token, cases[i].set, NULL, NULL));
        snprintf(after, sizeof after, "{\"_id\":0,%s}", cases[i].after);
        assert_string_equal(contract_body(&f, "~0"), after);
        LIB_FAILS(&f, nacre_release(f.s, &f.c, id, token, NULL, NULL, NULL), NACRE_LEASE_LOST,
                  "409");
        LIB_OK(&f, contract_claim(&f, NULL, token));
        assert_int_equal(strlen(token), 22);
        lib_fixture_close(&f);
    }
}

// "SQL and filter errors carry `span:{offset, length}`": of an object into the body, of a string
// into the string, as they were given.
static void test_filter_spans(void **state) {
    static const struct {
        const char *spec, *span;
    } cases[] = {
        {"{\"filter\":{\"a\":{\"$gtt\":1}}}", "\"offset\":16,\"length\":6"},
        {"{ \"lease_ms\" : 5 ,\n \"filter\" :  { \"a\" : { \"$gtt\" : 1 } } }",
         "\"offset\":42,\"length\":6"},
        {"{\"filter\":\"a LIKE 'x'\",\"set\":{}}", "\"offset\":2,\"length\":4"},
        {"{\"set\":{\"x\":1},\"filter\":\"b = '\\u00e9\\\"' AND a LIKE 'x'\"}",
         "\"offset\":16,\"length\":4"},
        {"{\"filter\":\"{\\\"a\\\":{\\\"$gtt\\\":1}}\"}", "\"offset\":6,\"length\":6"},
    };
    struct lib_fixture f;
    char token[32];
    const char *out, *batch = "{\"operations\":[{\"op\":\"put\",\"id\":0,\"document\":{},"
                              "\"if\":{\"a\":{\"$gtt\":1}}}]}";
    (void)state;
    open_jobs(&f, 1);
    for (size_t i = 0; i < CONTRACT_COUNT(cases); i++)
        LIB_FAILS(&f, contract_claim(&f, cases[i].spec, token), NACRE_INVALID_FILTER, cases[i].span,
                  "\"pointer\":\"/filter");
    LIB_FAILS(&f, lib_fixture_batch(&f, batch, &out), NACRE_INVALID_FILTER,
              "\"offset\":59,\"length\":6", "\"pointer\":\"/operations/0/if/a/$gtt\"");
    lib_fixture_close(&f);
}

// "A token that is not current is 409 `lease_lost`, also on PUT, PATCH, DELETE with header
// `Nacre-Lease` (a fence; writes without it are not hindered)"; "DELETE ends the lease."
static void test_fence(void **state) {
    struct lib_fixture f;
    char token[32];
    nacre_id id = nacre_id_integer(0), none = nacre_id_integer(9);
    nacre_write fence = {.lease = token}, stale = {.lease = "AAAAAAAAAAAAAAAAAAAAAA"};
    (void)state;
    open_jobs(&f, 1);
    LIB_OK(&f, contract_claim(&f, NULL, token));
    LIB_OK(&f, contract_patch(&f, "~0", NACRE_PATCH, "{\"x\":1}", &fence, NULL));
    LIB_FAILS(&f, contract_patch(&f, "~0", NACRE_PATCH, "{\"x\":2}", &stale, NULL),
              NACRE_LEASE_LOST, "token");
    LIB_FAILS(&f, contract_put(&f, "~0", "{}", &stale, NULL), NACRE_LEASE_LOST, "token");
    LIB_FAILS(&f, contract_delete(&f, "~0", &stale), NACRE_LEASE_LOST, "token");
    LIB_OK(&f, contract_put(&f, "~0", "{\"y\":1}", NULL, NULL));
    LIB_OK(&f, nacre_extend(f.s, &f.c, id, token, 1000, NULL, NULL));
    LIB_FAILS(&f, nacre_extend(f.s, &f.c, id, token, 0, NULL, NULL), NACRE_INVALID_ARGUMENT,
              "1 to 86400000");
    LIB_FAILS(&f, nacre_extend(f.s, &f.c, id, token, 86400001, NULL, NULL), NACRE_INVALID_ARGUMENT,
              "1 to 86400000");
    LIB_FAILS(&f, nacre_extend(f.s, &f.c, id, "", 5, NULL, NULL), NACRE_LEASE_LOST, "token");
    LIB_FAILS(&f, nacre_extend(f.s, &f.c, none, "zz", 5, NULL, NULL), NACRE_DOCUMENT_NOT_FOUND,
              "404");
    LIB_OK(&f, contract_delete(&f, "~0", &fence));
    LIB_FAILS(&f, nacre_extend(f.s, &f.c, id, token, 5, NULL, NULL), NACRE_DOCUMENT_NOT_FOUND,
              "404");
    LIB_OK(&f, contract_put(&f, "~0", "{}", NULL, NULL));
    LIB_FAILS(&f, nacre_extend(f.s, &f.c, id, token, 5, NULL, NULL), NACRE_LEASE_LOST, "token");
    LIB_OK(&f, contract_claim(&f, NULL, token));
    assert_int_equal(strlen(token), 22);
    lib_fixture_close(&f);
}

// "When the lease ends (acted on within a second) …; `on_expire` (a patch) is applied instead".
static void test_expiry(void **state) {
    struct lib_fixture f;
    char token[32];
    nacre_write fence = {.lease = token};
    (void)state;
    open_jobs(&f, 3);
    LIB_OK(&f, contract_claim(&f,
                              "{\"filter\":{\"_id\":1},\"set\":{\"s\":\"run\"},\"lease_ms\":1,"
                              "\"on_expire\":{\"$inc\":{\"tries\":1}}}",
                              token));
    LIB_OK(&f, contract_claim(&f,
                              "{\"filter\":{\"_id\":2},\"lease_ms\":1,"
                              "\"on_expire\":{\"p\":null,\"z\":9}}",
                              token));
    LIB_OK(&f, contract_claim(&f, "{\"filter\":{\"_id\":0},\"set\":{\"s\":\"run\"},\"lease_ms\":1}",
                              token));
    contract_await(&f, "~0", "{\"_id\":0,\"s\":\"new\",\"p\":3}");
    contract_await(&f, "~1", "{\"_id\":1,\"s\":\"run\",\"p\":2,\"tries\":1}");
    contract_await(&f, "~2", "{\"_id\":2,\"s\":\"new\",\"z\":9}");
    LIB_FAILS(&f, contract_patch(&f, "~0", NACRE_PATCH, "{}", &fence, NULL), NACRE_LEASE_LOST,
              "409");
    LIB_OK(&f, contract_claim(&f, "{\"filter\":{\"_id\":0}}", token));
    assert_int_equal(strlen(token), 22);
    lib_fixture_close(&f);
}

// "`ttl_seconds` (of the collection, or `?ttl_seconds=` of a write, 0 = never) sets `_expires`;
// within a second after it the document is deleted, for every read, count, index and feed at once."
static void test_time_to_live(void **state) {
    struct lib_fixture f;
    nacre_write never = {.has_ttl = 1}, one = {.has_ttl = 1, .ttl_seconds = 1};
    uint64_t n;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, nacre_collection_create(f.s, &f.c, "{\"ttl_seconds\":1}", NULL));
    contract_index(&f, "a", "{\"fields\":[\"a\"]}");
    LIB_OK(&f, contract_put(&f, "gone", "{\"a\":1}", NULL, NULL));
    LIB_OK(&f, contract_put(&f, "kept", "{\"a\":1}", &never, NULL));
    LIB_OK(&f, contract_put(&f, "saved", "{\"a\":1}", NULL, NULL));
    LIB_OK(&f, contract_patch(&f, "gone", NACRE_PATCH, "{\"b\":1}", NULL, NULL)); // it stays
    LIB_OK(&f, contract_patch(&f, "saved", NACRE_PATCH, "{}", &never, NULL));
    LIB_HAS(lib_fixture_rows(&f, "{\"filter\":\"_expires > '2000'\"}"), "\"_id\":\"gone\"");
    contract_await(&f, "gone", "");
    assert_string_equal(contract_ids(&f, NULL), "kept saved ");
    assert_string_equal(contract_matches(&f, "{\"a\":1}"), "kept saved ");
    LIB_OK(&f, nacre_count(f.s, &f.c, NULL, &n));
    assert_int_equal(n, 2);
    LIB_OK(&f, contract_patch(&f, "kept", NACRE_PATCH, "{}", &one, NULL));
    contract_await(&f, "kept", "");
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claim),        cmocka_unit_test(test_claim_refusals),
        cmocka_unit_test(test_filter_spans), cmocka_unit_test(test_too_wide),
        cmocka_unit_test(test_release),      cmocka_unit_test(test_fence),
        cmocka_unit_test(test_expiry),       cmocka_unit_test(test_time_to_live),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
