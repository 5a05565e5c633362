// Claims in transactions, and claims that apply cannot choose: by a regular expression, or with a
// set that a schema with patterns must see.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err/ctx.h"
#include "base/os/thread.h"
#include "support/contract.h"

enum { JOBS = 5, THREADS = 4, MANY = 60 };

struct pair {
    struct lib_fixture f;
    nacre_session *other;
};

static void open_pair(struct pair *p) {
    char json[64];
    lib_fixture_open(&p->f);
    assert_int_equal(nacre_session_open(p->f.db, &p->other), NACRE_OK);
    for (int i = 0; i < JOBS; i++) {
        snprintf(json, sizeof json, "{\"_id\":%d,\"p\":%d,\"s\":\"new\"}", i, JOBS - i);
        LIB_OK(&p->f, lib_fixture_put(&p->f, json));
    }
}

static void close_pair(struct pair *p) {
    uint64_t problems = 1;
    LIB_OK(&p->f, nacre_check(p->f.s, NULL, NULL, &problems));
    assert_int_equal(problems, 0);
    nacre_session_close(p->other);
    lib_fixture_close(&p->f);
}

static void begin(struct pair *p, nacre_isolation isolation) {
    nacre_tx_options options = {.isolation = isolation};
    LIB_OK(&p->f, nacre_tx_begin(p->f.s, &options));
}

// The ids that a filter finds, as another session sees them.
static const char *others(struct pair *p, const char *filter) {
    nacre_session *own = p->f.s;
    p->f.s = p->other;
    const char *ids = contract_matches(&p->f, filter);
    p->f.s = own;
    return ids;
}

static nacre_status claim_by(nacre_session *s, struct pair *p, const char *spec) {
    const char *out;
    return nacre_claim(s, &p->f.c, spec, NULL, &out, NULL);
}

static void claims_are_of_the_transaction(void **state) {
    (void)state;
    struct pair p;
    char first[32], second[32], none[32];
    const char *spec = "{\"filter\":\"s = 'new'\",\"sort\":[\"p\"],\"set\":{\"s\":\"run\"}}";
    open_pair(&p);
    begin(&p, NACRE_ISOLATION_SERIALIZABLE);
    LIB_OK(&p.f, contract_claim(&p.f, spec, first));  // 4
    LIB_OK(&p.f, contract_claim(&p.f, spec, second)); // 3
    assert_string_equal(contract_matches(&p.f, "{\"s\":\"run\"}"), "3 4 ");
    assert_string_equal(others(&p, "{\"s\":\"run\"}"), "");
    // What it has claimed it can write with the token, extend, give back and claim again.
    nacre_write fence = {.lease = first};
    LIB_OK(&p.f, contract_patch(&p.f, "~4", NACRE_PATCH, "{\"n\":1}", &fence, NULL));
    LIB_OK(&p.f, nacre_extend(p.f.s, &p.f.c, nacre_id_integer(4), first, 60000, NULL, NULL));
    LIB_OK(&p.f, nacre_release(p.f.s, &p.f.c, nacre_id_integer(3), second, NULL, NULL, NULL));
    LIB_FAILS(&p.f, nacre_extend(p.f.s, &p.f.c, nacre_id_integer(3), second, 9, NULL, NULL),
              NACRE_LEASE_LOST, "token");
    LIB_OK(&p.f, contract_claim(&p.f, "{\"filter\":\"p = 2\"}", second));
    LIB_OK(&p.f, contract_claim(&p.f, "{\"filter\":\"p = 77\"}", none));
    assert_string_equal(none, "");
    LIB_OK(&p.f, nacre_tx_commit(p.f.s, NULL));
    assert_string_equal(others(&p, "{\"s\":\"run\"}"), "4 ");
    assert_string_equal(others(&p, "{\"_lease\":{\"$exists\":true}}"), "3 4 ");
    // The tokens are good after the commit.
    LIB_OK(&p.f, nacre_release(p.f.s, &p.f.c, nacre_id_integer(4), first, NULL, NULL, NULL));
    assert_string_equal(contract_body(&p.f, "~4"), "{\"_id\":4,\"p\":1,\"s\":\"new\",\"n\":1}");
    // One that was claimed by itself is released in a transaction, with a write beside it.
    begin(&p, NACRE_ISOLATION_SNAPSHOT);
    LIB_OK(&p.f, nacre_release(p.f.s, &p.f.c, nacre_id_integer(3), second, "{\"s\":\"done\"}", NULL,
                               NULL));
    LIB_OK(&p.f, lib_fixture_put(&p.f, "{\"_id\":\"log\",\"s\":\"log\"}"));
    LIB_OK(&p.f, nacre_tx_commit(p.f.s, NULL));
    assert_string_equal(others(&p, "{\"s\":{\"$in\":[\"done\",\"log\"]}}"), "3 log ");
    // Nothing of one that is rolled back is there.
    begin(&p, NACRE_ISOLATION_SNAPSHOT);
    LIB_OK(&p.f, contract_claim(&p.f, spec, first));
    LIB_OK(&p.f, nacre_tx_rollback(p.f.s));
    assert_string_equal(others(&p, "{\"_lease\":{\"$exists\":true}}"), "");
    close_pair(&p);
}

static void claims_conflict(void **state) {
    (void)state;
    struct pair p;
    char token[32];
    open_pair(&p);
    for (int i = 0; i < 2; i++) {
        nacre_isolation isolation = i ? NACRE_ISOLATION_SERIALIZABLE : NACRE_ISOLATION_SNAPSHOT;
        // Somebody else has claimed it: told by the claim, or else by the commit.
        begin(&p, isolation);
        assert_int_equal(claim_by(p.other, &p, "{\"filter\":\"s = 'new'\",\"lease_ms\":80000000}"),
                         NACRE_OK);
        LIB_FAILS(&p.f, contract_claim(&p.f, "{\"filter\":\"s = 'new'\"}", token), NACRE_CONFLICT,
                  "changed after");
        LIB_OK(&p.f, nacre_tx_rollback(p.f.s));
        begin(&p, isolation);
        LIB_OK(&p.f, contract_claim(&p.f, "{\"filter\":\"s = 'new'\"}", token));
        assert_int_equal(claim_by(p.other, &p, "{\"filter\":\"s = 'new'\",\"lease_ms\":80000000}"),
                         NACRE_OK);
        LIB_FAILS(&p.f, nacre_tx_commit(p.f.s, NULL), NACRE_CONFLICT,
                  "begin the transaction again");
    }
    // What comes to stand before the document that was chosen counts at serializable.
    for (int i = 0; i < 2; i++) {
        char json[64];
        begin(&p, i ? NACRE_ISOLATION_SERIALIZABLE : NACRE_ISOLATION_SNAPSHOT);
        LIB_OK(&p.f,
               contract_claim(&p.f, "{\"filter\":\"s = 'new'\",\"sort\":[\"p\"],\"lease_ms\":1}",
                              token));
        int n = snprintf(json, sizeof json, "{\"p\":%d,\"s\":\"new\"}", -1 - i);
        nacre_id id = nacre_id_integer(100 + i);
        assert_int_equal(nacre_put(p.other, &p.f.c, &id, json, (size_t)n, NULL, NULL), NACRE_OK);
        nacre_status status = nacre_tx_commit(p.f.s, NULL);
        assert_int_equal(status, i ? NACRE_CONFLICT : NACRE_OK);
    }
    close_pair(&p);
}

static void other_errors_do_not_end_it(void **state) {
    (void)state;
    struct pair p;
    char token[32];
    const char *out;
    nacre_write key = {.idempotency_key = "k"};
    open_pair(&p);
    begin(&p, NACRE_ISOLATION_SERIALIZABLE);
    LIB_FAILS(&p.f, contract_claim(&p.f, "{\"filter\":\"s = 'x'\",\"max_examined\":2}", token),
              NACRE_CLAIM_TOO_WIDE, "2 candidates");
    LIB_FAILS(&p.f, contract_claim(&p.f, "{\"set\":{\"_id\":1}}", token), NACRE_INVALID_ARGUMENT,
              "\"pointer\":\"/set/_id\"");
    LIB_FAILS(&p.f, contract_claim(&p.f, "{\"set\":{\"s.x\":1}}", token), NACRE_INVALID_ARGUMENT,
              "\"pointer\":\"/set/s.x\"");
    LIB_FAILS(&p.f, nacre_claim(p.f.s, &p.f.c, NULL, &key, &out, NULL), NACRE_INVALID_ARGUMENT,
              "idempotency key");
    LIB_FAILS(&p.f, nacre_release(p.f.s, &p.f.c, nacre_id_integer(0), "x", NULL, &key, NULL),
              NACRE_INVALID_ARGUMENT, "idempotency key");
    LIB_FAILS(&p.f, nacre_release(p.f.s, &p.f.c, nacre_id_integer(9), "x", NULL, NULL, NULL),
              NACRE_DOCUMENT_NOT_FOUND, "not there");
    LIB_FAILS(&p.f, nacre_release(p.f.s, &p.f.c, nacre_id_integer(0), "x", NULL, NULL, NULL),
              NACRE_LEASE_LOST, "token");
    LIB_FAILS(&p.f, nacre_extend(p.f.s, &p.f.c, nacre_id_integer(0), "x", 0, NULL, NULL),
              NACRE_INVALID_ARGUMENT, "lease_ms");
    nacre_collection none = nacre_collection_of(NULL, "none");
    LIB_FAILS(&p.f, nacre_claim(p.f.s, &none, NULL, NULL, &out, NULL), NACRE_COLLECTION_NOT_FOUND,
              "404");
    LIB_OK(&p.f, contract_claim(&p.f, "{\"filter\":{\"s\":{\"$regex\":\"^n\"}}}", token));
    LIB_OK(&p.f, nacre_tx_commit(p.f.s, NULL));
    LIB_OK(&p.f, nacre_release(p.f.s, &p.f.c, nacre_id_integer(0), token, NULL, NULL, NULL));
    close_pair(&p);
}

// --- threads ----------------------------------------------------------------------------

struct claimer {
    nacre_session *s;
    const char *spec;
    bool in_tx, failed;
    uint32_t taken;
};

static nacre_status claim_once(struct claimer *c, const char **out) {
    nacre_collection things = nacre_collection_of(NULL, "things");
    nacre_write memory = {.durability = NACRE_MEMORY};
    nacre_tx_options options = {.isolation = NACRE_ISOLATION_SNAPSHOT, .durability = NACRE_MEMORY};
    if (!c->in_tx) return nacre_claim(c->s, &things, c->spec, &memory, out, NULL);
    nacre_status status = nacre_tx_begin(c->s, &options);
    if (status == NACRE_OK) status = nacre_claim(c->s, &things, c->spec, NULL, out, NULL);
    bool got = status == NACRE_OK && *out;
    if (status == NACRE_OK) return got ? nacre_tx_commit(c->s, NULL) : nacre_tx_rollback(c->s);
    return nacre_tx_rollback(c->s) == NACRE_OK ? status : NACRE_INTERNAL;
}

// Until nothing is left.
static void claim_main(void *arg) {
    struct claimer *c = arg;
    for (;;) {
        const char *out = NULL;
        nacre_status status = claim_once(c, &out);
        if (status == NACRE_CONFLICT && c->in_tx) continue;
        c->failed = status != NACRE_OK;
        if (c->failed || !out) return;
        c->taken++;
    }
}

// Each document is taken once, whoever chooses it and however.
static void each_is_taken_once(void **state) {
    (void)state;
    struct lib_fixture f;
    struct claimer claimers[THREADS];
    struct thread threads[THREADS];
    struct ctx ctx;
    uint32_t taken = 0;
    lib_fixture_open(&f);
    LIB_OK(&f, nacre_collection_create(
                   f.s, &f.c, "{\"schema\":{\"properties\":{\"by\":{\"pattern\":\"^[a-z]+$\"}}}}",
                   NULL));
    for (int i = 0; i < MANY; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"_id\":%d,\"s\":\"%s\",\"n\":0}", i, i % 2 ? "new" : "old");
        LIB_OK(&f, lib_fixture_put(&f, json));
    }
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX);
    for (uint32_t i = 0; i < THREADS; i++) {
        static const char *const specs[] = {
            "{\"filter\":{\"s\":{\"$regex\":\"^(new|old)$\"}},\"lease_ms\":80000000}",
            "{\"set\":{\"by\":\"me\"},\"lease_ms\":80000000}"};
        claimers[i] = (struct claimer){.spec = specs[i % 2], .in_tx = i == 3};
        assert_int_equal(nacre_session_open(f.db, &claimers[i].s), NACRE_OK);
        assert_int_equal(thread_start(&ctx, "claimer", claim_main, &claimers[i], &threads[i]),
                         NACRE_OK);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        thread_join(&threads[i]);
        assert_false(claimers[i].failed);
        taken += claimers[i].taken;
        nacre_session_close(claimers[i].s);
    }
    ctx_free(&ctx);
    assert_int_equal(taken, MANY);
    uint64_t count;
    LIB_OK(&f, nacre_count(f.s, &f.c, "{\"_version\":2,\"_lease\":{\"$exists\":true}}", &count));
    assert_int_equal(count, MANY);
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_are_of_the_transaction), cmocka_unit_test(claims_conflict),
        cmocka_unit_test(other_errors_do_not_end_it), cmocka_unit_test(each_is_taken_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
