// Proves: keys are the bytes that docs/format/keyspace.md shows; ids and names are those of the
// contract and no others.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/catalog.h"
#include "support/catalog_fixture.h"
#include "support/doc_fixture.h"

static struct ctx ctx;

static int setup(void **state) {
    (void)state;
    doc_fixture_ctx(&ctx);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    ctx_free(&ctx);
    return 0;
}

static void expect_key(struct buf *key, const char *hex) {
    assert_int_equal(buf_status(key), NACRE_OK);
    assert_string_equal(doc_fixture_hex(&ctx, buf_slice(key)), hex);
    buf_reset(key);
}

static void test_keys_are_the_documented_bytes(void **state) {
    (void)state;
    BUF_CLEANUP struct buf key;
    buf_init(&key, NULL, 4096);
    keyspace_prefix(&key, 7, KIND_STATE);
    expect_key(&key, "000000074e");
    keyspace_document(&key, 7, val_str(SLICE_LIT("ab")));
    expect_key(&key, "000000074440616200");
    keyspace_document(&key, 7, val_int(42));
    expect_key(&key, "00000007442d54");
    keyspace_document(&key, 7, val_int(-1));
    expect_key(&key, "000000074429fd");
    keyspace_index(&key, 7, 3);
    expect_key(&key, "000000074900000003");
    keyspace_unique(&key, 7, 3);
    expect_key(&key, "000000075500000003");
    keyspace_multikey(&key, 7, 3);
    expect_key(&key, "000000074d00000003");
    keyspace_due(&key, 7, 0x0102030405060708, 1, SLICE_LIT("k"));
    expect_key(&key, "00000007450102030405060708016b");
    keyspace_history(&key, SLICE_LIT("key"), 0x1112131415161718);
    expect_key(&key, "6b65791112131415161718");
    keyspace_meta(&key, META_APPLIED);
    expect_key(&key, "41");
    keyspace_meta_id(&key, META_COLLECTION, 258);
    expect_key(&key, "6300000102");
    assert_true(slice_eq_str(keyspace_local(SLICE_LIT("\0\0\0\7Dx")), "Dx"));
}

static nacre_status check_text(const char *text) {
    return id_check(&ctx, val_str(slice_str(text)));
}

static void test_ids_that_are_ids(void **state) {
    (void)state;
    char long_id[514];
    memset(long_id, 'x', sizeof long_id);
    long_id[512] = '\0';
    assert_int_equal(check_text("a"), NACRE_OK);
    assert_int_equal(check_text("..."), NACRE_OK);
    assert_int_equal(check_text("~42/\xc3\xa9 "), NACRE_OK);
    assert_int_equal(check_text(long_id), NACRE_OK);
    assert_int_equal(id_check(&ctx, val_int(INT64_MIN)), NACRE_OK);

    long_id[512] = 'x';
    long_id[513] = '\0';
    assert_int_equal(check_text(long_id), NACRE_INVALID_ARGUMENT);
    assert_int_equal(check_text(""), NACRE_INVALID_ARGUMENT);
    assert_int_equal(check_text("."), NACRE_INVALID_ARGUMENT);
    assert_int_equal(check_text(".."), NACRE_INVALID_ARGUMENT);
    assert_int_equal(check_text("\xc3"), NACRE_INVALID_ARGUMENT);
    assert_int_equal(id_check(&ctx, val_str(SLICE_LIT("a\0b"))), NACRE_INVALID_ARGUMENT);
    assert_int_equal(id_check(&ctx, val_double(1.0)), NACRE_INVALID_ARGUMENT);
    assert_int_equal(id_check(&ctx, val_null()), NACRE_INVALID_ARGUMENT);
    assert_int_equal(id_check(&ctx, val_missing()), NACRE_INVALID_ARGUMENT);
    assert_non_null(strstr(ctx.err.detail, "got nothing"));
}

static void test_ids_of_urls(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool is_int;
        int64_t i;
        const char *string;
    } good[] = {
        {"a", false, 0, "a"},
        {"42", false, 0, "42"},
        {"~42", true, 42, NULL},
        {"~0", true, 0, NULL},
        {"~-7", true, -7, NULL},
        {"~9223372036854775807", true, INT64_MAX, NULL},
        {"~-9223372036854775808", true, INT64_MIN, NULL},
        {"~~x", false, 0, "~x"},
        {"~~42", false, 0, "~42"},
        {"~~", false, 0, "~"},
        {"~~~", false, 0, "~~"},
        {"a~42", false, 0, "a~42"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct val id;
        assert_int_equal(id_parse(&ctx, slice_str(good[i].text), &id), NACRE_OK);
        assert_int_equal(id.type, good[i].is_int ? VAL_INT : VAL_STRING);
        if (good[i].is_int)
            assert_int_equal(id.i, good[i].i);
        else
            assert_true(slice_eq_str(val_slice(id), good[i].string));
        BUF_CLEANUP struct buf text;
        buf_init(&text, NULL, 1024);
        id_print(&text, id);
        assert_true(slice_eq_str(buf_slice(&text), good[i].text));
    }
    static const char *const bad[] = {
        "",    "~",    "~x", "~042", "~+1",  "~-0", "~-", "~1.0", "~ 1", "~9223372036854775808",
        "~1x", "~--1", ".",  "..",   "\xff",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct val id;
        assert_int_equal(id_parse(&ctx, slice_str(bad[i]), &id), NACRE_INVALID_ARGUMENT);
    }
}

static void test_the_longest_id_in_a_url(void **state) {
    (void)state;
    char text[516];
    struct val id;
    memset(text, '~', sizeof text);
    assert_int_equal(id_parse(&ctx, slice_of(text, 513), &id),
                     NACRE_OK); // one '~' doubles the first
    assert_int_equal(id.n, 512);
    assert_int_equal(id_parse(&ctx, slice_of(text, 514), &id), NACRE_INVALID_ARGUMENT);
}

static void test_names(void **state) {
    (void)state;
    char name[CATALOG_NAME_MAX + 2];
    memset(name, 'a', sizeof name);
    assert_int_equal(name_check(&ctx, "collection", slice_of(name, CATALOG_NAME_MAX)), NACRE_OK);
    assert_int_equal(name_check(&ctx, "collection", slice_of(name, CATALOG_NAME_MAX + 1)),
                     NACRE_INVALID_ARGUMENT);
    assert_int_equal(name_check(&ctx, "collection", SLICE_LIT("Films_2-x")), NACRE_OK);
    static const char *const bad[] = {"", "1a", "_a", "-a", "a.b", "a b", "\xc3\xa9", "a/b", "a\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(name_check(&ctx, "index", slice_str(bad[i])), NACRE_INVALID_ARGUMENT);
    assert_non_null(strstr(ctx.err.detail, "invalid index name"));
    assert_true(name_is_system(SLICE_LIT("_lease")));
    assert_false(name_is_system(SLICE_LIT("_id")));
    assert_false(name_is_system(SLICE_LIT("_leased")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keys_are_the_documented_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ids_that_are_ids, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ids_of_urls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_longest_id_in_a_url, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
