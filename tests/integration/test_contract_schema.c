// Schemas of collections, as docs/schema.md tells them: what is refused where, defaults, patches,
// batches, imports, claims, and how a schema comes and goes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "support/contract.h"

// Two schemas that ask the same; the second has a pattern, which apply cannot run.
static const char plain[] =
    "{\"schema\":{\"properties\":{\"age\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":200},"
    "\"name\":{\"type\":\"string\"},\"state\":{\"default\":\"new\"},\"at\":{\"properties\":"
    "{\"n\":{\"default\":0}}}},\"additionalProperties\":false}}";
static const char pattern[] =
    "{\"schema\":{\"properties\":{\"age\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":200},"
    "\"name\":{\"type\":\"string\",\"pattern\":\"^\\\\p{Letter}+$\"},\"state\":{\"default\":"
    "\"new\"},"
    "\"at\":{\"properties\":{\"n\":{\"default\":0}}}},\"additionalProperties\":false}}";

static void open_with(struct lib_fixture *f, const char *settings) {
    int created = 0;
    lib_fixture_open(f);
    LIB_OK(f, nacre_collection_create(f->s, &f->c, settings, &created));
    assert_int_equal(created, 1);
}

static void test_documents(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct lib_fixture f;
        open_with(&f, i ? pattern : plain);
        LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1,\"age\":7.0,\"at\":{}}"));
        assert_string_equal(contract_body(&f, "~1"),
                            "{\"_id\":1,\"age\":7.0,\"at\":{\"n\":0},\"state\":\"new\"}");
        LIB_FAILS(&f, lib_fixture_put(&f, "{\"_id\":1,\"age\":-1,\"name\":5,\"x\":[]}"),
                  NACRE_SCHEMA_VIOLATION, "\"status\":422", "\"code\":\"schema_violation\"",
                  "{\"pointer\":\"/age\",\"expected\":\"a number of at least 0\",\"got\":\"-1\"}",
                  "{\"pointer\":\"/name\",\"expected\":\"string\",\"got\":\"5\"}",
                  "{\"pointer\":\"/x\",\"expected\":\"nothing here\",\"got\":\"an array\"}");
        LIB_FAILS(&f, lib_fixture_insert(&f, "{\"age\":true}"), NACRE_SCHEMA_VIOLATION, "/age");
        lib_fixture_reopen(&f);
        LIB_FAILS(&f, lib_fixture_put(&f, "{\"_id\":2,\"x\":1}"), NACRE_SCHEMA_VIOLATION, "/x");
        assert_string_equal(contract_body(&f, "~2"), "");
        assert_int_equal(contract_version(&f, "~1"), 1);
        lib_fixture_close(&f);
    }
}

static void test_pattern(void **state) {
    struct lib_fixture f;
    (void)state;
    open_with(&f, pattern);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1,\"name\":\"Zoë\",\"state\":0}"));
    LIB_FAILS(&f, lib_fixture_put(&f, "{\"_id\":1,\"name\":\"R2\"}"), NACRE_SCHEMA_VIOLATION,
              "a string that matches ^");
    LIB_FAILS(&f, contract_patch(&f, "~1", NACRE_PATCH_MERGE, "{\"name\":\"R2\"}", NULL, NULL),
              NACRE_SCHEMA_VIOLATION, "\"pointer\":\"/name\"");
    lib_fixture_close(&f);
}

static void test_patches(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct lib_fixture f;
        nacre_result r;
        uint64_t one = 1, three = 3;
        nacre_write stale = {.if_versions = &one, .if_version_count = 1};
        nacre_write fresh = {.if_versions = &three, .if_version_count = 1};
        open_with(&f, i ? pattern : plain);
        LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1,\"age\":199}"));
        LIB_OK(&f, contract_patch(&f, "~1", NACRE_PATCH, "{\"$inc\":{\"age\":1}}", NULL, &r));
        assert_int_equal(r.version, 2);
        LIB_FAILS(&f, contract_patch(&f, "~1", NACRE_PATCH, "{\"$inc\":{\"age\":1}}", NULL, NULL),
                  NACRE_SCHEMA_VIOLATION, "\"pointer\":\"/age\"", "at most 200", "201");
        // A default that a patch takes away comes back.
        LIB_OK(&f, contract_patch(&f, "~1", NACRE_PATCH_MERGE, "{\"state\":null}", NULL, NULL));
        assert_string_equal(contract_body(&f, "~1"), "{\"_id\":1,\"age\":200,\"state\":\"new\"}");
        LIB_FAILS(&f, contract_patch(&f, "~2", NACRE_PATCH_MERGE, "{\"x\":1}", NULL, NULL),
                  NACRE_DOCUMENT_NOT_FOUND, "404");
        // Another version is told first.
        LIB_FAILS(&f, contract_patch(&f, "~1", NACRE_PATCH_MERGE, "{\"x\":1}", &stale, NULL),
                  NACRE_VERSION_MISMATCH, "\"current_version\":3");
        LIB_OK(&f,
               contract_patch(&f, "~1", NACRE_PATCH_JSON,
                              "[{\"op\":\"replace\",\"path\":\"/age\",\"value\":3}]", &fresh, &r));
        assert_int_equal(r.version, 4);
        assert_string_equal(contract_body(&f, "~1"), "{\"_id\":1,\"age\":3,\"state\":\"new\"}");
        lib_fixture_close(&f);
    }
}

static void test_batches(void **state) {
    struct lib_fixture f;
    const char *out;
    (void)state;
    open_with(&f, plain);
    LIB_FAILS(&f,
              lib_fixture_batch(&f,
                                "{\"operations\":[{\"op\":\"put\",\"id\":1,\"document\":{}},"
                                "{\"op\":\"put\",\"id\":2,\"document\":{\"age\":-1}}]}",
                                &out),
              NACRE_SCHEMA_VIOLATION, "\"pointer\":\"/operations/1/document/age\"");
    assert_string_equal(contract_body(&f, "~1"), "");
    LIB_OK(&f, lib_fixture_batch(
                   &f,
                   "{\"atomic\":false,\"operations\":[{\"op\":\"put\",\"id\":1,\"document\":{}},"
                   "{\"op\":\"put\",\"id\":2,\"document\":{\"age\":-1}},"
                   "{\"op\":\"patch\",\"id\":1,\"patch\":{\"age\":-1}},"
                   "{\"op\":\"patch\",\"id\":1,\"patch\":{\"age\":1}}]}",
                   &out));
    LIB_HAS(out, "{\"results\":[{\"status\":201,\"id\":1,\"version\":1}");
    LIB_HAS(out, "{\"status\":422,\"id\":2,\"error\":{");
    LIB_HAS(out, "{\"status\":422,\"id\":1,\"error\":{");
    LIB_HAS(out, "{\"status\":200,\"id\":1,\"version\":2}]}");
    assert_string_equal(contract_body(&f, "~1"), "{\"_id\":1,\"state\":\"new\",\"age\":1}");
    lib_fixture_close(&f);

    open_with(&f, pattern);
    // All or nothing: a patch goes upon what the operations before it make.
    LIB_OK(&f, lib_fixture_batch(&f,
                                 "{\"operations\":[{\"op\":\"put\",\"id\":1,\"document\":{}},"
                                 "{\"op\":\"patch\",\"id\":1,\"patch\":{\"age\":1}},"
                                 "{\"op\":\"patch\",\"id\":1,\"patch\":{\"$inc\":{\"age\":4}}}]}",
                                 &out));
    LIB_HAS(out, "{\"status\":200,\"id\":1,\"version\":3}]}");
    LIB_HAS(contract_body(&f, "~1"), "\"age\":5");
    LIB_FAILS(
        &f,
        lib_fixture_batch(&f,
                          "{\"operations\":[{\"op\":\"patch\",\"id\":1,\"patch\":{\"age\":7}},"
                          "{\"op\":\"patch\",\"id\":1,\"patch\":{\"name\":\"9\"}}]}",
                          &out),
        NACRE_SCHEMA_VIOLATION, "/operations/1", "/name");
    LIB_HAS(contract_body(&f, "~1"), "\"age\":5");
    LIB_FAILS(&f,
              lib_fixture_batch(&f,
                                "{\"operations\":[{\"op\":\"delete\",\"id\":1},"
                                "{\"op\":\"patch\",\"id\":1,\"patch\":{\"name\":\"B\"}}]}",
                                &out),
              NACRE_DOCUMENT_NOT_FOUND, "/operations/1");
    LIB_OK(&f, lib_fixture_batch(
                   &f,
                   "{\"atomic\":false,\"operations\":[{\"op\":\"put\",\"id\":2,\"document\":{}},"
                   "{\"op\":\"patch\",\"id\":1,\"patch\":{\"age\":1}}]}",
                   &out));
    LIB_HAS(out, "{\"results\":[{\"status\":201,\"id\":2,\"version\":1},"
                 "{\"status\":200,\"id\":1,\"version\":4}]}");
    LIB_OK(&f, lib_fixture_batch(&f,
                                 "{\"operations\":[{\"op\":\"put\",\"id\":1,\"document\":"
                                 "{\"name\":\"A\"}}]}",
                                 &out));
    LIB_OK(&f, lib_fixture_batch(&f,
                                 "{\"operations\":[{\"op\":\"patch\",\"id\":1,\"patch\":"
                                 "{\"name\":\"B\"}}]}",
                                 &out));
    lib_fixture_close(&f);
}

// Without atomic each operation sees those before it, whatever has become of them, also where
// patches are worked out before they are logged.
static void test_patches_in_pieces(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct lib_fixture f;
        const char *out;
        nacre_write key = {.idempotency_key = "k", .want_document = 1};
        open_with(&f, i ? pattern : plain);
        const char *batch = "{\"atomic\":false,\"operations\":["
                            "{\"op\":\"put\",\"id\":1,\"document\":{\"age\":1}},"
                            "{\"op\":\"patch\",\"id\":1,\"patch\":{\"$inc\":{\"age\":1}}},"
                            "{\"op\":\"patch\",\"id\":1,\"patch\":{\"$set\":{\"name\":\"Zoë\"}}},"
                            "{\"op\":\"patch\",\"id\":1,\"patch\":{\"$set\":{\"name\":7}}},"
                            "{\"op\":\"patch\",\"id\":2,\"patch\":{\"age\":3}},"
                            "{\"op\":\"insert\",\"id\":1,\"document\":{}},"
                            "{\"op\":\"patch\",\"id\":1,\"patch\":{\"age\":9},\"if_version\":2},"
                            "{\"op\":\"patch\",\"id\":1,\"patch\":{\"age\":9},\"if_version\":3},"
                            "{\"op\":\"delete\",\"id\":1},"
                            "{\"op\":\"patch\",\"id\":1,\"patch\":{\"age\":3}},"
                            "{\"op\":\"put\",\"id\":1,\"document\":{\"x\":1}},"
                            "{\"op\":\"put\",\"id\":3,\"document\":{\"age\":5}},"
                            "{\"op\":\"patch\",\"id\":3,\"patch\":{\"$inc\":{\"age\":1}}}]}";
        static const int statuses[] = {201, 200, 200, 422, 404, 409, 412,
                                       200, 204, 404, 422, 201, 200};
        for (int again = 0; again < 2; again++) { // with the key it is done once
            LIB_OK(&f, nacre_batch(f.s, &f.c, batch, strlen(batch), &key, &out, NULL));
            char *at = (char *)(uintptr_t)out;
            // What was refused before it was logged has no record.
            size_t count = again && i ? 0 : sizeof statuses / sizeof *statuses;
            for (size_t k = 0; k < count; k++) {
                at = strstr(at, "{\"status\":");
                assert_non_null(at);
                at += strlen("{\"status\":");
                if (strtol(at, &at, 10) != statuses[k]) fail_msg("%d: operation %zu: %s", i, k, at);
                while (strncmp(at, "},{\"status\":", 12) != 0 && strncmp(at, "}]}", 4) != 0)
                    at++;
            }
            if (count) LIB_HAS(out, "\"pointer\":\"/operations/3/patch/name\"");
            assert_string_equal(contract_body(&f, "~1"), "");
            assert_string_equal(contract_body(&f, "~3"), "{\"_id\":3,\"age\":6,\"state\":\"new\"}");
        }
        // In a transaction too.
        LIB_OK(&f, nacre_tx_begin(f.s, NULL));
        batch = "{\"atomic\":false,\"operations\":["
                "{\"op\":\"patch\",\"id\":3,\"patch\":{\"$inc\":{\"age\":1}}},"
                "{\"op\":\"patch\",\"id\":3,\"patch\":{\"$inc\":{\"age\":1000}}},"
                "{\"op\":\"patch\",\"id\":3,\"patch\":{\"$inc\":{\"age\":1}}}]}";
        LIB_OK(&f, nacre_batch(f.s, &f.c, batch, strlen(batch), NULL, &out, NULL));
        LIB_OK(&f, nacre_tx_commit(f.s, NULL));
        assert_string_equal(contract_body(&f, "~3"), "{\"_id\":3,\"age\":8,\"state\":\"new\"}");
        lib_fixture_close(&f);
    }
}

static void test_import(void **state) {
    struct lib_fixture f;
    nacre_import_options skip = {.skip_errors = 1};
    nacre_import_result r = {0};
    (void)state;
    open_with(&f, pattern);
    LIB_OK(&f,
           lib_fixture_import(
               &f, "{\"_id\":1}\n{\"_id\":2,\"name\":\"7\"}\n{\"_id\":3,\"age\":1}\n", &skip, &r));
    assert_int_equal(r.documents, 2);
    assert_int_equal(r.failed, 1);
    assert_string_equal(contract_matches(&f, "{\"state\":\"new\"}"), "1 3 ");
    lib_fixture_close(&f);
}

static void test_claims_of(const char *settings) {
    struct lib_fixture f;
    char token[32];
    open_with(&f, settings);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1,\"age\":1}"));
    LIB_FAILS(&f, contract_claim(&f, "{\"set\":{\"age\":\"old\"}}", token), NACRE_SCHEMA_VIOLATION,
              "/age");
    LIB_OK(&f, contract_claim(&f, "{\"set\":{\"state\":\"run\"},\"lease_ms\":60000}", token));
    nacre_id id;
    LIB_OK(&f, nacre_id_parse(f.s, "~1", &id));
    LIB_FAILS(&f, nacre_release(f.s, &f.c, id, token, "{\"x\":1}", NULL, NULL),
              NACRE_SCHEMA_VIOLATION, "/x");
    LIB_FAILS(&f, nacre_release(f.s, &f.c, id, "no", "{\"age\":2}", NULL, NULL), NACRE_LEASE_LOST,
              "token");
    LIB_FAILS(&f, nacre_release(f.s, &f.c, nacre_id_integer(9), token, NULL, NULL, NULL),
              NACRE_DOCUMENT_NOT_FOUND, "not there");
    LIB_OK(&f, nacre_release(f.s, &f.c, id, token, NULL, NULL, NULL));
    assert_string_equal(contract_body(&f, "~1"), "{\"_id\":1,\"age\":1,\"state\":\"new\"}");
    // What the end of a lease would make and cannot be is left out: the lease ends all the same.
    LIB_OK(&f, contract_claim(
                   &f, "{\"set\":{\"state\":\"run\"},\"on_expire\":{\"age\":-1},\"lease_ms\":1}",
                   token));
    static const struct timespec pause = {.tv_nsec = 5000000};
    for (int i = 0; i < 20000 && contract_version(&f, "~1") < 5; i++)
        nanosleep(&pause, NULL);
    assert_int_equal(contract_version(&f, "~1"), 5); // put, claim, release, claim, end
    assert_string_equal(contract_body(&f, "~1"), "{\"_id\":1,\"age\":1,\"state\":\"run\"}");
    // What can be is there: on_expire, what had been before, what a release sets.
    LIB_OK(&f, contract_claim(&f, "{\"on_expire\":{\"name\":\"Zoë\",\"at\":{}},\"lease_ms\":1}",
                              token));
    contract_await(&f, "~1",
                   "{\"_id\":1,\"age\":1,\"state\":\"run\",\"name\":\"Zoë\",\"at\":{\"n\":0}}");
    LIB_OK(&f, contract_claim(&f, "{\"set\":{\"age\":2,\"name\":\"Ada\"},\"lease_ms\":1}", token));
    contract_await(&f, "~1",
                   "{\"_id\":1,\"age\":1,\"state\":\"run\",\"name\":\"Zoë\",\"at\":{\"n\":0}}");
    nacre_write key = {.idempotency_key = "r", .want_document = 1};
    nacre_result r;
    LIB_OK(&f, contract_claim(&f, "{\"set\":{\"age\":2}}", token));
    for (int i = 0; i < 2; i++) {
        LIB_OK(&f, nacre_release(f.s, &f.c, id, token, "{\"at\":{}}", &key, &r));
        LIB_HAS(r.json, "\"age\":2,\"state\":\"run\",\"name\":\"Zoë\",\"at\":{\"n\":0}");
        assert_int_equal(r.replayed, i);
    }
    const char *first, *again;
    char *kept;
    key.want_document = 0;
    LIB_OK(&f, nacre_claim(f.s, &f.c, "{\"set\":{\"age\":3}}", &key, &first, NULL));
    assert_non_null(first);
    assert_non_null(kept = strdup(first));
    LIB_OK(&f, nacre_claim(f.s, &f.c, "{\"set\":{\"age\":3}}", &key, &again, NULL));
    assert_string_equal(again, kept);
    free(kept);
    LIB_OK(&f, nacre_claim(f.s, &f.c, "{\"set\":{\"age\":3}}", NULL, &again, NULL));
    assert_null(again);
    lib_fixture_close(&f);
}

static void test_claims(void **state) {
    (void)state;
    test_claims_of(plain);
    test_claims_of(pattern);
}

// A claim's undo looks for what the claim wrote, defaults and all.
static void test_claim_of_defaults(void **state) {
    struct lib_fixture f;
    nacre_id id;
    char token[32];
    (void)state;
    open_with(&f, plain);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1,\"age\":1}"));
    LIB_OK(&f, nacre_id_parse(f.s, "~1", &id));
    LIB_OK(&f, contract_claim(&f, "{\"set\":{\"at\":{}}}", token));
    assert_string_equal(contract_body(&f, "~1"),
                        "{\"_id\":1,\"age\":1,\"state\":\"new\",\"at\":{\"n\":0}}");
    LIB_OK(&f, nacre_release(f.s, &f.c, id, token, NULL, NULL, NULL));
    assert_string_equal(contract_body(&f, "~1"), "{\"_id\":1,\"age\":1,\"state\":\"new\"}");
    lib_fixture_close(&f);
}

// What was done under an earlier schema, or condition, is answered to whoever repeats it.
static void test_replay(void **state) {
    struct lib_fixture f;
    nacre_result r;
    nacre_write keyed = {.idempotency_key = "k"};
    nacre_write conditional = {.idempotency_key = "c", .if_filter = "{\"s\":{\"$regex\":\"^a\"}}"};
    (void)state;
    open_with(&f, "{}");
    LIB_OK(&f, contract_put(&f, "~1", "{\"age\":500}", &keyed, &r));
    LIB_OK(&f, contract_put(&f, "~2", "{\"s\":\"a\"}", NULL, &r));
    LIB_OK(&f, contract_put(&f, "~2", "{\"s\":\"b\"}", &conditional, &r));
    LIB_OK(&f, contract_put(&f, "~2", "{\"s\":\"b\"}", &conditional, &r));
    assert_int_equal(r.replayed, 1);
    assert_int_equal(r.version, 2);
    LIB_OK(&f, contract_put(&f, "~1", "{}", NULL, NULL));
    LIB_OK(&f, nacre_collection_alter(f.s, &f.c,
                                      "{\"schema\":{\"properties\":{\"age\":{\"maximum\":200}}}}"));
    LIB_OK(&f, contract_put(&f, "~1", "{\"age\":500}", &keyed, &r));
    assert_int_equal(r.replayed, 1);
    assert_int_equal(r.version, 1);
    assert_string_equal(contract_body(&f, "~1"), "{\"_id\":1}");
    LIB_FAILS(&f, contract_put(&f, "~1", "{\"age\":501}", &keyed, &r), NACRE_IDEMPOTENCY_KEY_REUSED,
              "422");
    keyed.idempotency_key = "other";
    LIB_FAILS(&f, contract_put(&f, "~1", "{\"age\":500}", &keyed, &r), NACRE_SCHEMA_VIOLATION,
              "/age");
    lib_fixture_close(&f);
}

static void test_settings(void **state) {
    struct lib_fixture f;
    const char *json;
    int created;
    (void)state;
    lib_fixture_open(&f);
    LIB_FAILS(&f,
              nacre_collection_create(
                  f.s, &f.c, "{\"schema\":{\"properties\":{\"a\":{\"minLength\":-1}}}}", NULL),
              NACRE_INVALID_ARGUMENT,
              "{\"pointer\":\"/schema/properties/a/minLength\",\"expected\":\"an integer of 0 or "
              "more\",\"got\":\"-1\"}");
    LIB_FAILS(&f, nacre_collection_create(f.s, &f.c, "{\"schema\":{\"pattern\":\"(\"}}", NULL),
              NACRE_INVALID_ARGUMENT, "\"pointer\":\"/schema/pattern\"");
    LIB_FAILS(&f, nacre_collection_create(f.s, &f.c, "{\"schema\":true}", NULL),
              NACRE_INVALID_ARGUMENT, "\"pointer\":\"/schema\"");
    LIB_FAILS(&f,
              nacre_collection_create(f.s, &f.c,
                                      "{\"schema\":{\"$ref\":\"https://example.org/s\"}}", NULL),
              NACRE_INVALID_ARGUMENT, "\"pointer\":\"/schema/$ref\"");
    LIB_OK(&f, nacre_collection_create(f.s, &f.c, plain, &created));
    LIB_OK(&f, nacre_collection_create(f.s, &f.c, plain, &created)); // so already
    assert_int_equal(created, 0);
    LIB_OK(&f, nacre_collection_create(f.s, &f.c, "{}", &created));
    LIB_FAILS(&f, nacre_collection_create(f.s, &f.c, pattern, NULL), NACRE_ALREADY_EXISTS, "409");
    LIB_OK(&f, nacre_collection_alter(f.s, &f.c, "{\"ttl_seconds\":100}"));
    LIB_OK(&f, nacre_collection_describe(f.s, &f.c, &json));
    LIB_HAS(json, "\"schema\":{\"properties\":{\"age\":{\"type\":\"integer\"");
    // Replaced as a whole, null and all.
    LIB_OK(&f, nacre_collection_alter(f.s, &f.c,
                                      "{\"schema\":{\"properties\":{\"b\":{\"default\":null}}}}"));
    LIB_OK(&f, nacre_collection_describe(f.s, &f.c, &json));
    LIB_HAS(json, "\"schema\":{\"properties\":{\"b\":{\"default\":null}}}");
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1,\"age\":-1}"));
    assert_string_equal(contract_body(&f, "~1"), "{\"_id\":1,\"age\":-1,\"b\":null}");
    lib_fixture_close(&f);
}

static void test_filled(void **state) {
    struct lib_fixture f;
    const char *json;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1,\"age\":-1}"));
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":\"b\",\"age\":3}"));
    LIB_FAILS(&f, nacre_collection_alter(f.s, &f.c, plain), NACRE_SCHEMA_VIOLATION, "1 document",
              "\"pointer\":\"~1/age\"");
    LIB_OK(&f, nacre_collection_describe(f.s, &f.c, &json));
    LIB_HAS(json, "\"schema_change\":{\"state\":\"refused\",\"error\":\"1 document");
    assert_null(strstr(json, "\"schema\":"));
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1,\"age\":1}"));
    LIB_OK(&f, nacre_collection_alter(f.s, &f.c, plain));
    LIB_OK(&f, nacre_collection_describe(f.s, &f.c, &json));
    assert_null(strstr(json, "schema_change"));
    LIB_FAILS(&f, lib_fixture_put(&f, "{\"_id\":1,\"age\":-1}"), NACRE_SCHEMA_VIOLATION, "/age");
    LIB_FAILS(&f, nacre_collection_alter(f.s, &f.c, "{\"schema\":{},\"ttl_seconds\":3}"),
              NACRE_INVALID_ARGUMENT, "/ttl_seconds", "by itself");
    LIB_OK(&f, nacre_collection_alter(f.s, &f.c, "{\"ttl_seconds\":0}"));
    LIB_OK(&f, nacre_collection_alter(f.s, &f.c, "{\"schema\":null}"));
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1,\"age\":-1}"));
    LIB_OK(&f, nacre_collection_describe(f.s, &f.c, &json));
    assert_null(strstr(json, "schema"));
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_pattern),
        cmocka_unit_test(test_patches),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_patches_in_pieces),
        cmocka_unit_test(test_import),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_filled),
        cmocka_unit_test(test_claim_of_defaults),
        cmocka_unit_test(test_replay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
