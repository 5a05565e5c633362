// The contract on versions, conditions, what is not there, idempotency keys, sequences and batches.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/contract.h"

// "`_version` starts at 1, rises by 1 with every write and does not come back when a deleted id is
// written anew".
static void test_versions(void **state) {
    struct lib_fixture f;
    (void)state;
    lib_fixture_open(&f);
    for (uint64_t version = 1; version < 12; version += 3) {
        LIB_OK(&f, contract_put(&f, "v", "{}", NULL, NULL));
        assert_int_equal(contract_version(&f, "v"), version);
        LIB_OK(&f, contract_patch(&f, "v", NACRE_PATCH, "{}", NULL, NULL));
        assert_int_equal(contract_version(&f, "v"), version + 1);
        LIB_OK(&f, contract_delete(&f, "v", NULL));
        assert_int_equal(contract_version(&f, "v"), 0);
        lib_fixture_reopen(&f);
    }
    lib_fixture_close(&f);
}

// "result.version: of the document that was deleted".
static void test_version_of_delete(void **state) {
    struct lib_fixture f;
    nacre_result r;
    const char *out;
    (void)state;
    lib_fixture_open(&f);
    nacre_id id = nacre_id_string("v");
    LIB_OK(&f, contract_put(&f, "v", "{}", NULL, NULL));
    LIB_OK(&f, contract_patch(&f, "v", NACRE_PATCH, "{}", NULL, NULL));
    LIB_OK(&f, nacre_delete(f.s, &f.c, id, NULL, &r));
    assert_int_equal(r.version, 2);
    LIB_OK(&f, contract_put(&f, "v", "{}", NULL, &r));
    assert_int_equal(r.version, 4);
    LIB_OK(&f, lib_fixture_batch(&f, "{\"operations\":[{\"op\":\"delete\",\"id\":\"v\"}]}", &out));
    assert_string_equal(out, "{\"results\":[{\"status\":204,\"id\":\"v\",\"version\":4}]}");
    lib_fixture_close(&f);
}

// An error says which name was meant.
static void test_near_names(void **state) {
    struct lib_fixture f;
    const char *out;
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, nacre_database_create(f.s, "shop", NULL, NULL));
    LIB_OK(&f, contract_put(&f, "a", "{}", NULL, NULL));
    contract_index(&f, "by_name", "{\"fields\":[\"name\"]}");
    nacre_collection near = nacre_collection_of(NULL, "thinsg");
    nacre_collection same = nacre_collection_of(NULL, "Things");
    nacre_collection far = nacre_collection_of("shpo", "things");
    nacre_collection none = nacre_collection_of(NULL, "people");
#define MEANT(name) "\"suggestions\":[\"" name "\"]"
    LIB_FAILS(&f, nacre_delete(f.s, &near, nacre_id_integer(1), NULL, NULL),
              NACRE_COLLECTION_NOT_FOUND, MEANT("things"));
    LIB_FAILS(&f, nacre_collection_describe(f.s, &near, &out), NACRE_COLLECTION_NOT_FOUND,
              MEANT("things"));
    LIB_FAILS(&f, nacre_collection_drop(f.s, &near), NACRE_COLLECTION_NOT_FOUND, MEANT("things"));
    LIB_FAILS(&f, nacre_collection_drop(f.s, &same), NACRE_COLLECTION_NOT_FOUND, MEANT("things"));
    LIB_FAILS(&f, nacre_collection_drop(f.s, &far), NACRE_DATABASE_NOT_FOUND, MEANT("shop"));
    LIB_FAILS(&f, nacre_database_drop(f.s, "Shop"), NACRE_DATABASE_NOT_FOUND, MEANT("shop"));
    LIB_FAILS(&f, nacre_database_describe(f.s, "shopp", &out), NACRE_DATABASE_NOT_FOUND,
              MEANT("shop"));
    LIB_FAILS(&f, nacre_index_describe(f.s, &f.c, "by_nam", &out), NACRE_INDEX_NOT_FOUND,
              MEANT("by_name"));
    LIB_FAILS(&f, nacre_index_drop(f.s, &f.c, "By_name"), NACRE_INDEX_NOT_FOUND, MEANT("by_name"));
    LIB_FAILS(&f, nacre_index_wait(f.s, &f.c, "by-name"), NACRE_INDEX_NOT_FOUND, MEANT("by_name"));
#undef MEANT
    LIB_FAILS(&f, nacre_collection_drop(f.s, &none), NACRE_COLLECTION_NOT_FOUND,
              "no collection people in database main\",\"retryable\"");
    lib_fixture_close(&f);
}

enum act { PUT, INSERT, PATCH, DELETE };

static nacre_status act(struct lib_fixture *f, enum act what, const char *id,
                        const nacre_write *w) {
    nacre_id given = nacre_id_string(id);
    switch (what) {
    case PUT:
        return contract_put(f, id, "{\"n\":1}", w, NULL);
    case INSERT:
        return nacre_insert(f->s, &f->c, &given, "{\"n\":1}", 7, w, NULL);
    case PATCH:
        return contract_patch(f, id, NACRE_PATCH, "{\"n\":1}", w, NULL);
    case DELETE:
        break;
    }
    return contract_delete(f, id, w);
}

static const uint64_t wrong[] = {7, 8}, right[] = {9, 1};
static const struct {
    nacre_write w;
    nacre_status there[4], gone[4]; // PUT, INSERT, PATCH, DELETE
    const char *says;               // of a refusal of PUT where it is there
} conditions[] = {
    {{0},
     {0, NACRE_ALREADY_EXISTS, 0, 0},
     {0, 0, NACRE_DOCUMENT_NOT_FOUND, NACRE_DOCUMENT_NOT_FOUND},
     ""},
    {{.if_versions = wrong, .if_version_count = 2},
     {NACRE_VERSION_MISMATCH, NACRE_ALREADY_EXISTS, NACRE_VERSION_MISMATCH, NACRE_VERSION_MISMATCH},
     {NACRE_VERSION_MISMATCH, NACRE_VERSION_MISMATCH, NACRE_DOCUMENT_NOT_FOUND,
      NACRE_DOCUMENT_NOT_FOUND},
     "expected version 7 (or another of the list); the document has version 1"},
    {{.if_versions = right, .if_version_count = 2},
     {0, NACRE_ALREADY_EXISTS, 0, 0},
     {NACRE_VERSION_MISMATCH, NACRE_VERSION_MISMATCH, NACRE_DOCUMENT_NOT_FOUND,
      NACRE_DOCUMENT_NOT_FOUND},
     ""},
    {{.if_present = 1},
     {0, NACRE_ALREADY_EXISTS, 0, 0},
     {NACRE_VERSION_MISMATCH, NACRE_VERSION_MISMATCH, NACRE_DOCUMENT_NOT_FOUND,
      NACRE_DOCUMENT_NOT_FOUND},
     ""},
    {{.if_absent = 1},
     {NACRE_VERSION_MISMATCH, NACRE_ALREADY_EXISTS, NACRE_VERSION_MISMATCH, NACRE_VERSION_MISMATCH},
     {0, 0, NACRE_DOCUMENT_NOT_FOUND, NACRE_DOCUMENT_NOT_FOUND},
     "expected no document; the document has version 1"},
    {{.if_filter = "n = 0"},
     {0, NACRE_ALREADY_EXISTS, 0, 0},
     {NACRE_CONDITION_FAILED, NACRE_CONDITION_FAILED, NACRE_DOCUMENT_NOT_FOUND,
      NACRE_DOCUMENT_NOT_FOUND},
     ""},
    {{.if_filter = "{\"n\":{\"$gt\":0}}"},
     {NACRE_CONDITION_FAILED, NACRE_ALREADY_EXISTS, NACRE_CONDITION_FAILED, NACRE_CONDITION_FAILED},
     {NACRE_CONDITION_FAILED, NACRE_CONDITION_FAILED, NACRE_DOCUMENT_NOT_FOUND,
      NACRE_DOCUMENT_NOT_FOUND},
     "does not match"},
    {{.if_filter = "{\"s\":{\"$regex\":\"^y\"}}"},
     {NACRE_CONDITION_FAILED, NACRE_CONDITION_FAILED, NACRE_CONDITION_FAILED,
      NACRE_CONDITION_FAILED},
     {NACRE_CONDITION_FAILED, NACRE_CONDITION_FAILED, NACRE_DOCUMENT_NOT_FOUND,
      NACRE_DOCUMENT_NOT_FOUND},
     "does not match"},
    {{.lease = "no such token"},
     {NACRE_LEASE_LOST, NACRE_ALREADY_EXISTS, NACRE_LEASE_LOST, NACRE_LEASE_LOST},
     {NACRE_LEASE_LOST, NACRE_LEASE_LOST, NACRE_DOCUMENT_NOT_FOUND, NACRE_DOCUMENT_NOT_FOUND},
     "token"},
};

// "else 412 with the current ETag and `current_version`"; "`If-None-Match: *` = create only (412 if
// there)"; "`?if=FILTER` writes only what matches the filter, else 412 `condition_failed`"; "DELETE
// and PATCH of what is not there are 404 whatever the condition".
static void test_conditions(void **state) {
    struct lib_fixture f;
    char id[16];
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, contract_put(&f, "first", "{}", NULL, NULL));
    for (size_t i = 0; i < CONTRACT_COUNT(conditions); i++)
        for (int what = PUT; what <= DELETE; what++) {
            nacre_status want = conditions[i].there[what];
            snprintf(id, sizeof id, "t%zu-%d", i, what);
            LIB_OK(&f, contract_put(&f, id, "{\"n\":0,\"s\":\"x\"}", NULL, NULL));
            nacre_status got = act(&f, (enum act)what, id, &conditions[i].w);
            if (got != want) fail_msg("case %zu, act %d: %d, expected %d", i, what, got, want);
            if (want) LIB_HAS(contract_body(&f, id), ",\"n\":0,\"s\":\"x\"}");
            if (want && what == PUT) {
                got = act(&f, PUT, id, &conditions[i].w);
                LIB_FAILS(&f, got, want, conditions[i].says);
                if (want != NACRE_LEASE_LOST)
                    LIB_FAILS(&f, got, want, "\"status\":412", "\"current_version\":1");
            }
            want = conditions[i].gone[what];
            snprintf(id, sizeof id, "g%zu-%d", i, what);
            got = act(&f, (enum act)what, id, &conditions[i].w);
            if (got != want)
                fail_msg("case %zu, act %d, gone: %d, expected %d", i, what, got, want);
            if (want) assert_string_equal(contract_body(&f, id), "");
        }
    lib_fixture_close(&f);
}

// "Unknown … never ignored": options that mean nothing for a call are refused.
static void test_options(void **state) {
    struct lib_fixture f;
    nacre_write ttl = {.has_ttl = 1, .ttl_seconds = 5}, far = {.has_ttl = 1};
    nacre_write filter = {.if_filter = "a = = 1"};
    (void)state;
    lib_fixture_open(&f);
    far.ttl_seconds = UINT64_MAX;
    LIB_OK(&f, contract_put(&f, "a", "{}", NULL, NULL));
    LIB_FAILS(&f, contract_delete(&f, "a", &ttl), NACRE_INVALID_ARGUMENT, "has_ttl");
    LIB_FAILS(&f, contract_put(&f, "a", "{}", &far, NULL), NACRE_INVALID_ARGUMENT,
              "\"parameter\":\"ttl_seconds\"", "expected 0 to");
    LIB_FAILS(&f, contract_put(&f, "a", "{}", &filter, NULL), NACRE_INVALID_FILTER,
              "\"parameter\":\"if\"", "\"span\":{\"offset\":4,\"length\":1}");
    assert_int_equal(contract_version(&f, "a"), 1);
    lib_fixture_close(&f);
}

// "Collections are made by PUT or by the first PUT, insert, batch or import of a document
// (databases never are)": by none that is refused, and by no other call.
static void test_who_makes_collections(void **state) {
    static const char *const refused[] = {
        "{\"operations\":[]}",
        "{\"operations\":[{\"op\":\"get\",\"id\":1}]}",
        "{\"operations\":[{\"op\":\"put\",\"id\":1,\"document\":{}},{\"op\":\"delete\",\"id\":2}]}",
        "{\"operations\":[{\"op\":\"put\",\"id\":1,\"document\":{},\"if_version\":2}]}",
        "{\"operations\":[{\"op\":\"put\",\"id\":\"..\",\"document\":{}}]}",
        "{\"operations\":[{\"op\":\"put\",\"id\":1,\"document\":{}},{\"op\":\"put\"}]}",
    };
    struct lib_fixture f;
    const char *out;
    uint64_t n;
    uint64_t three = 3;
    nacre_write w[] = {{.if_versions = &three, .if_version_count = 1},
                       {.if_present = 1},
                       {.if_filter = "a = 1"},
                       {.if_filter = "{\"a\":{\"$regex\":\"x\"}}"},
                       {.lease = "x"}};
    (void)state;
    lib_fixture_open(&f);
    for (size_t i = 0; i < CONTRACT_COUNT(w); i++) {
        assert_int_not_equal(contract_put(&f, "a", "{}", &w[i], NULL), NACRE_OK);
        LIB_FAILS(&f, nacre_collection_describe(f.s, &f.c, &out), NACRE_COLLECTION_NOT_FOUND,
                  "things");
    }
    assert_int_not_equal(contract_put(&f, "a", "{\"_created\":\"x\"}", NULL, NULL), NACRE_OK);
    assert_int_not_equal(contract_put(&f, "a", "{\"a\":}", NULL, NULL), NACRE_OK);
    for (size_t i = 0; i < CONTRACT_COUNT(refused); i++) {
        nacre_status status = lib_fixture_batch(&f, refused[i], &out);
        if (i) assert_int_not_equal(status, NACRE_OK);
        LIB_FAILS(&f, nacre_collection_describe(f.s, &f.c, &out), NACRE_COLLECTION_NOT_FOUND,
                  "404");
    }
    // "`atomic:false`: 200 whatever the items": nor do many that are refused, one by one.
    LIB_OK(&f, lib_fixture_batch(
                   &f,
                   "{\"atomic\":false,\"operations\":["
                   "{\"op\":\"put\",\"id\":1,\"document\":{},\"if_version\":2},"
                   "{\"op\":\"put\",\"id\":2,\"document\":{\"_created\":\"x\"}},"
                   "{\"op\":\"put\",\"id\":3,\"document\":{},\"if\":{\"a\":{\"$gtt\":1}}},"
                   "{\"op\":\"patch\",\"id\":4,\"patch\":{}},"
                   "{\"op\":\"get\",\"id\":5}]}",
                   &out));
    LIB_HAS(out, "{\"results\":[{\"status\":412,\"id\":1,\"error\":{");
    LIB_HAS(out, "{\"status\":400,\"id\":2,\"error\":{");
    LIB_HAS(out, "\"pointer\":\"/operations/1/document/_created\"");
    LIB_HAS(out, "{\"status\":400,\"id\":3,\"error\":{\"type\":\"urn:nacre:error:invalid_filter\"");
    LIB_HAS(
        out,
        "{\"status\":404,\"id\":4,\"error\":{\"type\":\"urn:nacre:error:collection_not_found\"");
    LIB_HAS(
        out,
        "{\"status\":404,\"id\":5,\"error\":{\"type\":\"urn:nacre:error:collection_not_found\"");
    LIB_FAILS(&f, nacre_collection_describe(f.s, &f.c, &out), NACRE_COLLECTION_NOT_FOUND, "404");
    LIB_FAILS(&f, act(&f, PATCH, "a", NULL), NACRE_COLLECTION_NOT_FOUND, "things");
    LIB_FAILS(&f, act(&f, DELETE, "a", NULL), NACRE_COLLECTION_NOT_FOUND, "things");
    LIB_FAILS(&f, nacre_count(f.s, &f.c, NULL, &n), NACRE_COLLECTION_NOT_FOUND, "things");
    LIB_FAILS(&f, contract_query(&f, NULL), NACRE_COLLECTION_NOT_FOUND, "things");
    LIB_FAILS(&f, nacre_claim(f.s, &f.c, NULL, NULL, &out, NULL), NACRE_COLLECTION_NOT_FOUND,
              "things");
    LIB_FAILS(&f, nacre_index_create(f.s, &f.c, "i", "{\"fields\":[\"a\"]}", NULL),
              NACRE_COLLECTION_NOT_FOUND, "things");
    LIB_OK(&f, act(&f, INSERT, "a", NULL));
    LIB_OK(&f, nacre_collection_describe(f.s, &f.c, &out));
    nacre_collection other = nacre_collection_of("nowhere", "things");
    LIB_FAILS(&f, nacre_put(f.s, &other, NULL, "{}", 2, NULL, NULL), NACRE_DATABASE_NOT_FOUND,
              "nowhere");
    lib_fixture_close(&f);
}

// "kept … per caller, operation and target; a replay answers the same …; another body 422";
// "Refused calls leave no record."
static void test_idempotency(void **state) {
    struct lib_fixture f;
    nacre_result r;
    char sequence[64], id[64];
    nacre_write w = {.idempotency_key = "k"}, late = {.idempotency_key = "late"};
    static char long_key[257];
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, contract_put(&f, "a", "{\"n\":1}", &w, &r));
    snprintf(sequence, sizeof sequence, "%s", r.sequence);
    lib_fixture_reopen(&f);
    LIB_OK(&f, contract_put(&f, "a", "{\"n\":1}", &w, &r));
    assert_true(r.replayed && r.created && r.version == 1);
    assert_string_equal(r.sequence, sequence);
    LIB_HAS(r.json, "{\"_id\":\"a\",\"n\":1,\"_version\":1,");
    LIB_FAILS(&f, contract_put(&f, "a", "{\"n\":2}", &w, NULL), NACRE_IDEMPOTENCY_KEY_REUSED,
              "\"status\":422");
    LIB_OK(&f, contract_put(&f, "b", "{\"n\":2}", &w, &r)); // another target
    assert_false(r.replayed);
    for (int i = 0; i < 2; i++) { // another operation
        LIB_OK(&f, contract_patch(&f, "a", NACRE_PATCH, "{\"$inc\":{\"n\":1}}", &w, &r));
        assert_int_equal(r.replayed, i);
        assert_int_equal(r.version, 2);
    }
    for (int i = 0; i < 2; i++)
        LIB_OK(&f, contract_delete(&f, "a", &w));
    assert_int_equal(contract_version(&f, "a"), 0);
    id[0] = '\0'; // an id given by the write is given once
    for (int i = 0; i < 2; i++) {
        LIB_OK(&f, nacre_insert(f.s, &f.c, NULL, "{}", 2, &w, &r));
        if (i) assert_string_equal(r.id, id);
        snprintf(id, sizeof id, "%s", r.id);
    }
    LIB_FAILS(&f, act(&f, INSERT, "b", &late), NACRE_ALREADY_EXISTS, "409");
    LIB_OK(&f, contract_delete(&f, "b", NULL));
    LIB_OK(&f, act(&f, INSERT, "b", &late));
    memset(long_key, 'k', 256);
    w.idempotency_key = long_key;
    LIB_FAILS(&f, contract_put(&f, "a", "{}", &w, NULL), NACRE_INVALID_ARGUMENT, "255",
              "idempotency_key");
    w.idempotency_key = long_key + 1;
    LIB_OK(&f, contract_put(&f, "a", "{}", &w, NULL));
    lib_fixture_close(&f);
}

// "a body above 64 KiB is left out"
static void test_idempotency_of_large_bodies(void **state) {
    static char body[70000];
    struct lib_fixture f;
    nacre_result r;
    nacre_write w = {.idempotency_key = "k"};
    (void)state;
    memset(body, 'x', sizeof body - 1);
    memcpy(body, "{\"a\":\"", 6);
    memcpy(body + sizeof body - 3, "\"}", 2);
    lib_fixture_open(&f);
    LIB_OK(&f, contract_put(&f, "a", body, &w, &r));
    assert_true(r.json_size > 65536);
    LIB_OK(&f, contract_put(&f, "a", body, &w, &r));
    assert_true(r.replayed && r.version == 1 && r.json == NULL && strcmp(r.id, "a") == 0);
    lib_fixture_close(&f);
}

// A batch is one operation on its collection, also with one item; of releases and extensions the
// token is part of the body.
static void test_idempotency_of_batches_and_leases(void **state) {
    static const char one[] = "{\"operations\":[{\"op\":\"put\",\"id\":\"z\",\"document\":{}}]}";
    static const char two[] = "{\"operations\":[{\"op\":\"put\",\"id\":\"y\",\"document\":{}}]}";
    struct lib_fixture f;
    nacre_result r;
    const char *out;
    char token[32];
    nacre_write w = {.idempotency_key = "k"};
    (void)state;
    lib_fixture_open(&f);
    for (int i = 0; i < 2; i++) {
        LIB_OK(&f, nacre_batch(f.s, &f.c, one, strlen(one), &w, &out, NULL));
        LIB_HAS(out, "{\"status\":201,\"id\":\"z\",\"version\":1}");
    }
    LIB_FAILS(&f, nacre_batch(f.s, &f.c, two, strlen(two), &w, &out, NULL),
              NACRE_IDEMPOTENCY_KEY_REUSED, "422");
    nacre_id z = nacre_id_string("z");
    LIB_OK(&f, contract_claim(&f, NULL, token));
    for (int i = 0; i < 2; i++) {
        LIB_OK(&f, nacre_extend(f.s, &f.c, z, token, 9000, &w, &r));
        assert_true(r.replayed == i && r.version == 3);
    }
    LIB_FAILS(&f, nacre_extend(f.s, &f.c, z, token, 9001, &w, &r), NACRE_IDEMPOTENCY_KEY_REUSED,
              "422");
    for (int i = 0; i < 2; i++)
        LIB_OK(&f, nacre_release(f.s, &f.c, z, token, NULL, &w, &r));
    assert_true(r.replayed && r.version == 4);
    LIB_FAILS(&f, nacre_release(f.s, &f.c, z, "other token", NULL, &w, &r),
              NACRE_IDEMPOTENCY_KEY_REUSED, "422");
    lib_fixture_close(&f);
}

static int compare(const void *a, const void *b) { return strcmp(a, b); }

// "Every write answers `Nacre-Sequence`, an opaque token, never given twice"
static void test_sequences(void **state) {
    static char seen[300][64];
    struct lib_fixture f;
    nacre_result r;
    (void)state;
    lib_fixture_open(&f);
    for (int i = 0; i < 300; i++) {
        if (i % 100 == 99) lib_fixture_reopen(&f);
        LIB_OK(&f, contract_put(&f, "s", "{}", NULL, &r));
        snprintf(seen[i], sizeof seen[i], "%s", r.sequence);
    }
    qsort(seen, 300, sizeof seen[0], compare);
    for (int i = 1; i < 300; i++)
        assert_string_not_equal(seen[i], seen[i - 1]);
    lib_fixture_close(&f);
}

#define BATCH_OF_THREE                                                                             \
    "{\"atomic\":%s,\"operations\":[{\"op\":\"patch\",\"id\":1,\"patch\":{\"n\":1}},{%s},"         \
    "{\"op\":\"put\",\"id\":2,\"document\":{}}]}"
// "each sees those before it; `status` and `error` (a problem) are what the single call would
// answer"; "`atomic:false`: 200 whatever the items"; "Atomic: all or nothing; the first failure is
// the answer, with `errors[0].pointer` = `/operations/3`".
static void test_batches(void **state) {
    static const struct {
        const char *op;
        nacre_status status;
        const char *has;
    } cases[] = {
        {"\"op\":\"get\",\"id\":9", NACRE_DOCUMENT_NOT_FOUND, "\"/operations/1\""},
        {"\"op\":\"delete\",\"id\":9,\"if_version\":3", NACRE_DOCUMENT_NOT_FOUND, "/operations/1"},
        {"\"op\":\"insert\",\"id\":1,\"document\":{}", NACRE_ALREADY_EXISTS, "/operations/1"},
        {"\"op\":\"put\",\"id\":1,\"document\":{},\"if_version\":7", NACRE_VERSION_MISMATCH,
         "\"current_version\":2"}, // the batch's own first operation made it 2
        {"\"op\":\"put\",\"id\":1,\"document\":{},\"if\":{\"n\":5}", NACRE_CONDITION_FAILED, "412"},
        {"\"op\":\"patch\",\"id\":1,\"patch\":{\"$inc\":{\"s\":1}}", NACRE_INVALID_ARGUMENT,
         "\"/operations/1/patch/$inc/s\""},
        {"\"op\":\"put\",\"id\":\"\",\"document\":{}", NACRE_INVALID_ARGUMENT,
         "\"/operations/1/id\""},
        {"\"op\":\"put\",\"document\":{\"_id\":\"..\"}", NACRE_INVALID_ARGUMENT,
         "\"/operations/1/document/_id\""},
        {"\"op\":\"put\",\"id\":1,\"document\":{\"_created\":\"x\"}", NACRE_INVALID_ARGUMENT,
         "\"/operations/1/document/_created\""},
        {"\"op\":\"put\",\"id\":1,\"document\":{},\"ttl_seconds\":99999999999",
         NACRE_INVALID_ARGUMENT, "\"/operations/1/ttl_seconds\""},
        {"\"op\":\"put\",\"id\":1,\"document\":{},\"ttl_seconds\":-1", NACRE_INVALID_ARGUMENT,
         "\"/operations/1/ttl_seconds\""},
        {"\"op\":\"put\",\"id\":1.0,\"document\":{}", NACRE_INVALID_ARGUMENT,
         "\"/operations/1/id\""},
        {"\"op\":\"put\",\"id\":1,\"document\":{},\"if\":{\"n\":{\"$gtt\":5}}",
         NACRE_INVALID_FILTER, "\"/operations/1/if/n/$gtt\""},
        {"\"op\":\"put\",\"id\":1,\"document\":{},\"if\":\"n ==\"", NACRE_INVALID_FILTER,
         "\"/operations/1/if\""},
        {"\"op\":\"put\",\"id\":1,\"document\":{},\"if\":{\"n\":{\"$regex\":\"(\"}}",
         NACRE_INVALID_FILTER, "\"/operations/1/if"},
        {"\"op\":\"put\",\"id\":1,\"document\":{},\"if\":7", NACRE_INVALID_ARGUMENT,
         "\"/operations/1/if\""},
        {"\"op\":\"patch\",\"id\":1,\"patch\":{\"$st\":{}}", NACRE_INVALID_ARGUMENT,
         "\"/operations/1/patch/$st\""},
        {"\"op\":\"patch\",\"id\":1,\"patch\":[{\"op\":\"ad\"}]", NACRE_INVALID_ARGUMENT,
         "\"/operations/1/patch/0"},
        {"\"op\":\"put\",\"id\":1,\"document\":[]", NACRE_INVALID_ARGUMENT,
         "\"/operations/1/document\""},
        {"\"op\":\"put\",\"id\":1,\"document\":{\"$a\":1}", NACRE_INVALID_ARGUMENT,
         "\"/operations/1/document/$a\""},
    };
    struct lib_fixture f;
    const char *out;
    char body[512], has[64];
    (void)state;
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1,\"s\":\"x\"}"));
    for (size_t i = 0; i < CONTRACT_COUNT(cases); i++) {
        snprintf(body, sizeof body, BATCH_OF_THREE, "true", cases[i].op);
        LIB_FAILS(&f, lib_fixture_batch(&f, body, &out), cases[i].status, cases[i].has,
                  "\"pointer\":\"/operations/1");
        assert_int_equal(contract_version(&f, "~1"), 1);
        assert_int_equal(contract_version(&f, "~2"), 0);
        snprintf(body, sizeof body, BATCH_OF_THREE, "false", cases[i].op);
        LIB_OK(&f, lib_fixture_batch(&f, body, &out));
        LIB_HAS(out, "{\"results\":[{\"status\":200,\"id\":1,\"version\":2},{\"status\":");
        LIB_HAS(out, cases[i].has);
        snprintf(has, sizeof has, "\"code\":\"%s\"", nacre_status_code(cases[i].status));
        LIB_HAS(out, has);
        LIB_HAS(out, "{\"status\":201,\"id\":2,");
        LIB_OK(&f, nacre_collection_drop(f.s, &f.c));
        LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":1,\"s\":\"x\"}"));
    }
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_version_of_delete),
        cmocka_unit_test(test_near_names),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_who_makes_collections),
        cmocka_unit_test(test_idempotency),
        cmocka_unit_test(test_idempotency_of_large_bodies),
        cmocka_unit_test(test_idempotency_of_batches_and_leases),
        cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
