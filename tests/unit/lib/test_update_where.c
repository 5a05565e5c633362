// nacre_update_where and nacre_delete_where: what is refused and how it is told; counts, keys and
// sequences; going on after a cancel; transactions. The rules themselves: unit/engine/test_where.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/lib_fixture.h"

enum { DOCUMENTS = 2500 };

static void fill(struct lib_fixture *f) {
    nacre_write w = {.durability = NACRE_MEMORY};
    for (int i = 0; i < DOCUMENTS; i++) {
        nacre_id id = nacre_id_integer(i);
        char json[32];
        int n = snprintf(json, sizeof json, "{\"n\":%d,\"k\":0}", i);
        LIB_OK(f, nacre_put(f->s, &f->c, &id, json, (size_t)n, &w, NULL));
    }
}

static uint64_t count(struct lib_fixture *f, const char *filter) {
    uint64_t n;
    LIB_OK(f, nacre_count(f->s, &f->c, filter, &n));
    return n;
}

static void refuses_what_is_no_change(void **state) {
    (void)state;
    struct lib_fixture f;
    nacre_where_result told = {.changed = 9};
    lib_fixture_open(&f);
    LIB_OK(&f, lib_fixture_put(&f, "{\"_id\":\"a\"}"));
    LIB_FAILS(&f, nacre_update_where(f.s, &f.c, NULL, &told), NACRE_INVALID_ARGUMENT, "where");
    assert_int_equal(told.changed, 0);
    nacre_where where = {.patch = "{}"};
    LIB_FAILS(&f, nacre_update_where(f.s, &f.c, &where, NULL), NACRE_INVALID_ARGUMENT, "filter",
              "{}");
    where = (nacre_where){.filter = "{}"};
    LIB_FAILS(&f, nacre_update_where(f.s, &f.c, &where, NULL), NACRE_INVALID_ARGUMENT, "patch");
    where.patch = "{\"$set\":{\"a\":1}";
    LIB_FAILS(&f, nacre_update_where(f.s, &f.c, &where, NULL), NACRE_INVALID_JSON, "line");
    where.patch = "{\"$set\":1}";
    LIB_FAILS(&f, nacre_update_where(f.s, &f.c, &where, NULL), NACRE_INVALID_ARGUMENT, "$set");
    LIB_FAILS(&f, nacre_delete_where(f.s, &f.c, &where, NULL), NACRE_INVALID_ARGUMENT, "patch");
    where = (nacre_where){.filter = "a >", .patch = "{}"};
    LIB_FAILS(&f, nacre_update_where(f.s, &f.c, &where, NULL), NACRE_INVALID_FILTER, "span");
    where = (nacre_where){.filter = "{}", .idempotency_key = ""};
    LIB_FAILS(&f, nacre_delete_where(f.s, &f.c, &where, NULL), NACRE_INVALID_ARGUMENT,
              "idempotency_key");
    where = (nacre_where){.filter = "{}", .durability = (nacre_durability)7};
    LIB_FAILS(&f, nacre_delete_where(f.s, &f.c, &where, NULL), NACRE_INVALID_ARGUMENT,
              "durability");
    assert_int_equal(count(&f, NULL), 1);
    lib_fixture_close(&f);
}

static int cancel(void *arg, const nacre_where_result *so_far) {
    memcpy(arg, so_far->key, sizeof so_far->key);
    return 1;
}

static void goes_on_with_its_key(void **state) {
    (void)state;
    struct lib_fixture f;
    nacre_where_result told;
    char key[64] = "";
    lib_fixture_open(&f);
    fill(&f);
    nacre_where where = {
        .filter = "n >= 100", .patch = "{\"$inc\":{\"k\":1}}", .on_progress = cancel, .arg = key};
    LIB_FAILS(&f, nacre_update_where(f.s, &f.c, &where, &told), NACRE_CANCELLED, "chunks");
    assert_int_equal(told.changed, 1000);
    assert_string_equal(told.key, key);
    assert_int_equal(count(&f, "k = 1"), 1000);
    lib_fixture_reopen(&f);
    where.on_progress = NULL;
    where.idempotency_key = key;
    LIB_OK(&f, nacre_update_where(f.s, &f.c, &where, &told));
    assert_int_equal(told.matched, DOCUMENTS - 100);
    assert_int_equal(told.changed, DOCUMENTS - 100);
    assert_int_equal(told.replayed, 0);
    assert_int_not_equal(told.sequence[0], 0);
    assert_int_equal(count(&f, "k = 1"), DOCUMENTS - 100);
    where.patch = "{\"$inc\":{\"k\":2}}";
    LIB_FAILS(&f, nacre_update_where(f.s, &f.c, &where, &told), NACRE_IDEMPOTENCY_KEY_REUSED,
              "another request");
    where = (nacre_where){.filter = "k = 1", .atomic = 1};
    LIB_OK(&f, nacre_delete_where(f.s, &f.c, &where, &told));
    assert_int_equal(told.changed, DOCUMENTS - 100);
    assert_int_equal(count(&f, NULL), 100);
    lib_fixture_close(&f);
}

static void is_part_of_a_transaction(void **state) {
    (void)state;
    struct lib_fixture f;
    nacre_where_result told;
    lib_fixture_open(&f);
    fill(&f);
    LIB_OK(&f, nacre_tx_begin(f.s, NULL));
    nacre_where where = {.filter = "n < 1500", .patch = "{\"k\":1}"};
    LIB_OK(&f, nacre_update_where(f.s, &f.c, &where, &told));
    assert_int_equal(told.changed, 1500);
    assert_int_equal(told.sequence[0], 0);
    where = (nacre_where){.filter = "k = 1 AND n >= 1000"};
    LIB_OK(&f, nacre_delete_where(f.s, &f.c, &where, &told));
    assert_int_equal(told.changed, 500);
    LIB_OK(&f, nacre_tx_rollback(f.s));
    assert_int_equal(count(&f, "k = 0"), DOCUMENTS);
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(refuses_what_is_no_change),
                                       cmocka_unit_test(goes_on_with_its_key),
                                       cmocka_unit_test(is_part_of_a_transaction)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
