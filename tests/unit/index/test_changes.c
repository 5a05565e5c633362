// Proves: a change of a document changes exactly its entries and guards, leaves history of what
// goes, counts the bytes, and never gives a unique index one key twice; a build completes what
// writes have not; bytes are those of docs/format/index.md.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/catalog_fixture.h"
#include "support/doc_fixture.h"
#include "support/index_fixture.h"

static struct index_fixture f;

static int setup(void **state) {
    (void)state;
    index_fixture_open(&f);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    index_fixture_close(&f);
    return 0;
}

static struct doc *doc(const char *json) { return json ? index_fixture_doc(&f, json) : NULL; }

static nacre_status change(int64_t id, const char *before, const char *after) {
    return index_fixture_change(&f, val_int(id), doc(before), doc(after));
}

static void must(nacre_status status) {
    if (status != NACRE_OK) fail_msg("%s", f.base.ctx.err.detail);
}

static void expect(enum kv_family family, const char *dump) {
    assert_string_equal(catalog_fixture_dump(&f.base, family), dump);
}

// commit_ts of changes: 1001 = e9 03, 1002 = ea 03 …; rowid 3.
static void test_entries_are_the_documented_bytes(void **state) {
    (void)state;
    index_fixture_add(&f, "ab",
                      "{\"fields\":[\"a\",{\"path\":\"b\",\"order\":\"desc\"}],"
                      "\"unique\":true}");
    must(change(42, NULL, "{\"a\":1.0,\"b\":\"x\"}"));
    expect(KV_DATA, // entry: 1.0 is 1 with bits 01 · "x" complemented · id 42; guard with id 42
           "00000007"
           "49"
           "00000001"
           "2d02"
           "bf87ff"
           "2d54 01e903000000000000030000000000000001\n"
           "00000007"
           "55"
           "00000001"
           "2d02"
           "bf87ff"
           " 01e9030000000000002d54\n");
    expect(KV_HISTORY, "");
    must(change(42, "{\"a\":1.0,\"b\":\"x\"}", NULL));
    expect(KV_DATA, "");
    expect(KV_HISTORY, // the old values, ended at 1002
           "00000007"
           "49"
           "00000001"
           "2d02"
           "bf87ff"
           "2d54"
           "00000000000003ea"
           " 01e903000000000000030000000000000001\n"
           "00000007"
           "55"
           "00000001"
           "2d02"
           "bf87ff"
           "00000000000003ea"
           " 01e9030000000000002d54\n");
    assert_int_equal(f.bytes, 0);
}

static void test_the_mark_of_a_multikey_index(void **state) {
    (void)state;
    struct index_def *a = index_fixture_add(&f, "a", "{\"fields\":[\"a\"]}");
    uint16_t arrays = 1;
    struct kv *kv = f.base.kv;
    must(change(1, NULL, "{\"a\":1}"));
    must(index_multikey_read(&f.base.ctx, kv, NULL, INDEX_FIXTURE_TABLET, a->id, &arrays));
    assert_int_equal(arrays, 0);
    must(change(2, NULL, "{\"a\":[]}"));
    must(index_multikey_read(&f.base.ctx, kv, NULL, INDEX_FIXTURE_TABLET, a->id, &arrays));
    assert_int_equal(arrays, 1);
    assert_string_equal(catalog_fixture_get(&f.base, KV_DATA, "000000074d00000001"), "020100");
    assert_string_equal( // [] is 08
        catalog_fixture_get(&f.base, KV_DATA, "000000074900000001082d04"),
        "01ea03000000000000030000000000000000");
    must(change(2, "{\"a\":[]}", NULL));
    must(index_multikey_read(&f.base.ctx, kv, NULL, INDEX_FIXTURE_TABLET, a->id, &arrays));
    assert_int_equal(arrays, 1); // it never goes
}

static void test_only_the_difference_is_written(void **state) {
    (void)state;
    index_fixture_add(&f, "a", "{\"fields\":[\"a\"]}");
    index_fixture_add(&f, "b", "{\"fields\":[\"b\"]}");
    must(change(1, NULL, "{\"a\":[1,2,3],\"b\":1}"));
    struct doc *before = doc("{\"a\":[1,2,3],\"b\":1}"), *after = doc("{\"a\":[2,3,4],\"b\":1}");
    struct index_change c = {.tablet = INDEX_FIXTURE_TABLET,
                             .id = val_int(1),
                             .before = before,
                             .after = after,
                             .rowid = 3,
                             .commit_ts = 2000,
                             .kv = f.base.kv};
    int64_t bytes = 1;
    must(index_apply(&f.base.ctx, &f.collection, &c, &f.base.batch, &bytes));
    assert_int_equal(f.base.batch.count, 3); // 1 goes, with its history, and 4 comes
    assert_int_equal(bytes, 0);
    kv_batch_reset(&f.base.batch);
    c.after = before;
    must(index_apply(&f.base.ctx, &f.collection, &c, &f.base.batch, &bytes));
    assert_int_equal(f.base.batch.count, 0);
}

static void test_a_change_of_type_only(void **state) {
    (void)state;
    index_fixture_add(&f, "a", "{\"fields\":[\"a\"],\"unique\":true}");
    must(change(1, NULL, "{\"a\":1}"));
    int64_t bytes = f.bytes;
    must(change(1, "{\"a\":1}", "{\"a\":1.0}"));
    assert_int_equal(f.bytes, bytes);
    expect(KV_DATA, "0000000749000000012d022d02 01ea03000000000000030000000000000001\n"
                    "0000000755000000012d02 01e9030000000000002d02\n");
    expect(KV_HISTORY, "0000000749000000012d022d0200000000000003ea "
                       "01e903000000000000030000000000000000\n");
}

static void test_without_a_store_history_has_no_beginning(void **state) {
    (void)state;
    index_fixture_add(&f, "a", "{\"fields\":[\"a\"]}");
    f.blind = true;
    must(change(1, NULL, "{\"a\":1}"));
    must(change(1, "{\"a\":1}", "{\"a\":2}"));
    expect(KV_HISTORY, "0000000749000000012d022d0200000000000003ea "
                       "010000000000000000030000000000000000\n");
    assert_int_equal(f.bytes, index_fixture_stored(&f));
}

static void test_what_came_in_the_same_command_leaves_no_history(void **state) {
    (void)state;
    index_fixture_add(&f, "a", "{\"fields\":[\"a\"]}");
    must(change(1, NULL, "{\"a\":1}"));
    f.ts--;
    must(change(1, "{\"a\":1}", "{\"a\":2}"));
    expect(KV_HISTORY, "");
}

static void test_a_collection_without_history_leaves_none(void **state) {
    (void)state;
    index_fixture_add(&f, "a", "{\"fields\":[\"a\"],\"unique\":true}");
    f.collection.history_seconds = 0;
    must(change(1, NULL, "{\"a\":1}"));
    must(change(1, "{\"a\":1}", "{\"a\":1.0}"));
    must(change(1, "{\"a\":1.0}", "{\"a\":2}"));
    must(change(1, "{\"a\":2}", NULL));
    expect(KV_HISTORY, "");
    expect(KV_DATA, "");
    assert_int_equal(f.bytes, 0);
}

static void test_documents_that_enter_and_leave_a_partial_index(void **state) {
    (void)state;
    index_fixture_add(&f, "a", "{\"fields\":[\"a\"],\"where\":{\"on\":true}}");
    must(change(1, NULL, "{\"a\":1}"));
    expect(KV_DATA, "");
    must(change(1, "{\"a\":1}", "{\"a\":1,\"on\":true}"));
    assert_non_null(catalog_fixture_get(&f.base, KV_DATA, "0000000749000000012d022d02"));
    must(change(1, "{\"a\":1,\"on\":true}", "{\"a\":1}"));
    expect(KV_DATA, "");
    assert_int_equal(f.bytes, 0);
}

static void test_unique(void **state) {
    (void)state;
    index_fixture_add(&f, "mail", "{\"fields\":[\"mail\"],\"unique\":true}");
    must(change(1, NULL, "{\"mail\":\"x@y\"}"));
    assert_int_equal(change(2, NULL, "{\"mail\":\"x@y\"}"), NACRE_UNIQUE_VIOLATION);
    assert_non_null(strstr(f.base.ctx.err.detail, "mail: \"x@y\""));
    assert_non_null(strstr(f.base.ctx.err.detail, "unique index \"mail\""));
    assert_string_equal(f.base.ctx.err.items[0].pointer, "/mail");
    must(change(1, "{\"mail\":\"x@y\"}", "{\"mail\":\"x@y\",\"n\":1}"));
    must(change(2, NULL, "{\"mail\":\"z@y\"}"));
    assert_int_equal(change(2, "{\"mail\":\"z@y\"}", "{\"mail\":[\"q\",\"x@y\"]}"),
                     NACRE_UNIQUE_VIOLATION);
    must(change(1, "{\"mail\":\"x@y\",\"n\":1}", NULL));
    must(change(2, "{\"mail\":\"z@y\"}", "{\"mail\":[\"q\",\"x@y\",\"x@y\"]}"));
    // Null, missing and the empty array are never duplicates.
    for (int64_t id = 10; id < 12; id++) {
        must(change(id, NULL, "{}"));
        must(change(id + 10, NULL, "{\"mail\":null}"));
        must(change(id + 20, NULL, "{\"mail\":[]}"));
    }
    assert_int_equal(f.bytes, index_fixture_stored(&f));
}

static void test_values_too_long_to_be_unique(void **state) {
    (void)state;
    static char json[4096];
    index_fixture_add(&f, "a", "{\"fields\":[\"a\"],\"unique\":true}");
    snprintf(json, sizeof json, "{\"a\":\"%02000d\"}", 1);
    catalog_fixture_expect(&f.base, change(1, NULL, json), NACRE_INVALID_ARGUMENT, "/a");
    assert_non_null(strstr(f.base.ctx.err.detail, "1024 bytes"));
}

static void test_a_missing_entry_is_corruption(void **state) {
    (void)state;
    index_fixture_add(&f, "a", "{\"fields\":[\"a\"],\"unique\":true}");
    assert_int_equal(change(1, "{\"a\":1}", NULL), NACRE_CORRUPT);
    assert_non_null(strstr(f.base.ctx.err.detail, "\"a\""));
}

static nacre_status build(int64_t id, const char *json) {
    struct index_change c = {.tablet = INDEX_FIXTURE_TABLET,
                             .id = val_int(id),
                             .after = doc(json),
                             .rowid = 3,
                             .commit_ts = ++f.ts};
    int64_t bytes = 0;
    kv_batch_reset(&f.base.batch);
    TRY(index_build_counted(&f.base.ctx, f.base.kv, &f.indexes[0], &c, &f.base.batch, &bytes));
    f.bytes += bytes;
    must(f.base.kv->ops->write(f.base.kv, &f.base.ctx, &f.base.batch));
    return NACRE_OK;
}

static void test_a_build_meets_writes(void **state) {
    (void)state;
    struct index_def *a = index_fixture_add(&f, "a", "{\"fields\":[\"a\"],\"unique\":true}");
    // Before the index: 1 has "x", 2 has "y", 3 has ["p","q"].
    a->state = INDEX_BUILDING;
    must(change(1, "{\"a\":\"x\"}", "{\"a\":\"z\"}"));
    must(change(2, "{\"a\":\"y\"}", NULL));
    must(change(3, "{\"a\":[\"p\",\"q\"]}", "{\"a\":[\"q\",\"r\"]}"));
    expect(KV_HISTORY, ""); // what never was in the index leaves nothing
    must(build(1, "{\"a\":\"z\"}"));
    must(build(3, "{\"a\":[\"q\",\"r\"]}"));
    must(build(3, "{\"a\":[\"q\",\"r\"]}"));
    assert_int_equal(f.bytes, index_fixture_stored(&f));
    a->state = INDEX_READY;
    assert_int_equal(change(4, NULL, "{\"a\":\"r\"}"), NACRE_UNIQUE_VIOLATION);
    must(change(3, "{\"a\":[\"q\",\"r\"]}", NULL));
    must(change(1, "{\"a\":\"z\"}", NULL));
    assert_int_equal(f.bytes, 0);
    assert_int_equal(index_fixture_stored(&f), 0);
}

static void test_a_build_meets_duplicates(void **state) {
    (void)state;
    struct index_def *a = index_fixture_add(&f, "a", "{\"fields\":[\"a\"],\"unique\":true}");
    a->state = INDEX_BUILDING;
    must(build(1, "{\"a\":\"x\"}"));
    assert_int_equal(build(2, "{\"a\":\"x\"}"), NACRE_UNIQUE_VIOLATION);
    // The second one goes: the guard stays with the first.
    must(change(2, "{\"a\":\"x\"}", NULL));
    assert_int_equal(change(3, NULL, "{\"a\":\"x\"}"), NACRE_UNIQUE_VIOLATION);
    f.blind = true;
    assert_int_equal(change(2, "{\"a\":\"x\"}", NULL), NACRE_INTERNAL);
}

// A document that an index cannot hold was there before the index: it may be changed and deleted
// all the same, or nobody could mend it; only what is new must fit.
static void test_a_build_does_not_hold_documents_fast(void **state) {
    (void)state;
    struct index_def *ab = index_fixture_add(&f, "ab", "{\"fields\":[\"a\",\"b\"]}");
    struct index_def *u = index_fixture_add(&f, "u", "{\"fields\":[\"u\"],\"unique\":true}");
    char text[2000];
    ab->state = u->state = INDEX_BUILDING;
    must(change(1, "{\"a\":[1],\"b\":[2]}", "{\"a\":[1],\"b\":[2],\"c\":3}"));
    must(change(1, "{\"a\":[1],\"b\":[2]}", NULL));
    must(change(1, "{\"a\":[1],\"b\":[2]}", "{\"a\":1,\"b\":2}"));
    assert_int_equal(change(2, NULL, "{\"a\":[1],\"b\":[2]}"), NACRE_INVALID_ARGUMENT);
    int n = snprintf(text, sizeof text, "{\"u\":\"%1500d\"}", 1);
    assert_true(n > 1500);
    assert_int_equal(change(3, NULL, text), NACRE_INVALID_ARGUMENT);
    must(change(3, text, text));
    must(change(3, text, "{\"u\":1}"));
    ab->state = INDEX_READY; // nothing that does not fit can be in it
    assert_int_equal(change(1, "{\"a\":[1],\"b\":[2]}", NULL), NACRE_INVALID_ARGUMENT);
}

static void test_failed_indexes_are_left_alone(void **state) {
    (void)state;
    struct index_def *a = index_fixture_add(&f, "a", "{\"fields\":[\"a\"],\"unique\":true}");
    a->state = INDEX_FAILED;
    must(change(1, NULL, "{\"a\":\"x\"}"));
    must(change(2, NULL, "{\"a\":\"x\"}"));
    expect(KV_DATA, "");
}

static void test_splitting_keys(void **state) {
    (void)state;
    struct index_def *a =
        index_fixture_add(&f, "a", "{\"fields\":[\"a\",{\"path\":\"b\",\"order\":\"desc\"}]}");
    struct ctx *ctx = &f.base.ctx;
    struct slice components, id;
    struct slice key = doc_fixture_unhex(ctx, "0000000749000000012d02bf87ff2d54");
    must(index_key_split(ctx, a, key, &components, &id));
    assert_string_equal(doc_fixture_hex(ctx, components), "2d02bf87ff");
    assert_string_equal(doc_fixture_hex(ctx, id), "2d54");
    must(index_key_split(ctx, a, doc_fixture_unhex(ctx, "00000007490000000108f72d54"), &components,
                         &id));
    assert_string_equal(doc_fixture_hex(ctx, components), "08f7"); // [] up and down
    for (size_t n = 0; n < key.n; n++)
        assert_int_equal(index_key_split(ctx, a, slice_of(key.p, n), &components, &id),
                         NACRE_CORRUPT);
    static const char *const bad[] = {
        "0000000755000000012d02bf87ff2d54", "0000000749000000022d02bf87ff2d54",
        "0000000749000000012d02bf87ff2d5400", "000000074900000001ff02bf87ff2d54"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(index_key_split(ctx, a, doc_fixture_unhex(ctx, bad[i]), &components, &id),
                         NACRE_CORRUPT);
}

static void test_foreign_values(void **state) {
    (void)state;
    struct ctx *ctx = &f.base.ctx;
    struct index_entry entry;
    struct slice id;
    uint64_t ts = 0;
    must(index_entry_decode(ctx, doc_fixture_unhex(ctx, "01e90300000000000003000000000000000d"),
                            &entry));
    assert_int_equal(entry.begin_ts, 1001);
    assert_int_equal(entry.rowid, 3);
    assert_int_equal(index_type_bits(entry.type_bits, 0), 1);
    assert_int_equal(index_type_bits(entry.type_bits, 1), 3);
    assert_int_equal(index_type_bits(entry.type_bits, 2), 0);
    static const struct {
        const char *hex;
        nacre_status entry, guard;
    } bad[] = {
        {"", NACRE_CORRUPT, NACRE_CORRUPT},
        {"01", NACRE_CORRUPT, NACRE_CORRUPT},
        {"02e903000000000000030000000000000001", NACRE_INCOMPATIBLE_FORMAT,
         NACRE_INCOMPATIBLE_FORMAT},
        {"01e9030000000000000300000000000000", NACRE_CORRUPT, NACRE_CORRUPT},
        {"01e90300000000000003000000000000000102030405", NACRE_CORRUPT, NACRE_CORRUPT},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct slice value = doc_fixture_unhex(ctx, bad[i].hex);
        assert_int_equal(index_entry_decode(ctx, value, &entry), bad[i].entry);
        assert_int_equal(index_guard_decode(ctx, value, &ts, &id), bad[i].guard);
    }
    must(index_guard_decode(ctx, doc_fixture_unhex(ctx, "01e9030000000000002d54"), &ts, &id));
    assert_int_equal(ts, 1001);
    assert_string_equal(doc_fixture_hex(ctx, id), "2d54");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_entries_are_the_documented_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_mark_of_a_multikey_index, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_the_difference_is_written, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_change_of_type_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_a_store_history_has_no_beginning, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_came_in_the_same_command_leaves_no_history, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_collection_without_history_leaves_none, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_documents_that_enter_and_leave_a_partial_index, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_unique, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values_too_long_to_be_unique, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_missing_entry_is_corruption, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_build_meets_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_build_meets_duplicates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_build_does_not_hold_documents_fast, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failed_indexes_are_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_splitting_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreign_values, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
