// Proves: rows are the bytes that docs/format/catalog.md shows and read back as they were; every
// damaged row is told as corrupt, by its name, and nothing of it is served; a newer format is told
// from damage; loading 10,000 collections takes a few hundredths of a second.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/bits/bits.h"
#include "catalog/rows.h"
#include "support/catalog_fixture.h"
#include "support/doc_fixture.h"
#include "support/doc_values.h"

static struct catalog_fixture f;

static int setup(void **state) {
    (void)state;
    catalog_fixture_open(&f);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    catalog_fixture_close(&f);
    return 0;
}

static void put_database(uint32_t id, const char *name) {
    struct database database = {.id = id, .created_ts = 5, .quota = {.documents = 9}};
    catalog_fixture_name(database.name, name);
    catalog_put_database(&f.batch, &database);
    if (id >= f.counters.next_database) f.counters.next_database = id + 1;
}

static void put_collection(uint32_t id, uint32_t database_id, uint32_t tablet, const char *name) {
    struct collection c = {.id = id,
                           .database_id = database_id,
                           .tablet = tablet,
                           .schema_epoch = 2,
                           .ttl_seconds = 60,
                           .created_ts = UINT64_C(1) << 60,
                           .settings = doc_values_doc(&f.ctx, "{\"ttl_seconds\":60}")};
    catalog_fixture_name(c.name, name);
    assert_int_equal(path_parse(&f.ctx, SLICE_LIT("sku.id"), &c.primary_key), NACRE_OK);
    catalog_put_collection(&f.batch, &c);
    if (id >= f.counters.next_collection) f.counters.next_collection = id + 1;
    if (tablet >= f.counters.next_tablet) f.counters.next_tablet = tablet + 1;
}

static nacre_status parse_where(struct ctx *ctx, struct slice where, void **out) {
    struct val v = bson_find(where, SLICE_LIT("bad"));
    if (v.type != VAL_MISSING) return err_set(ctx, NACRE_INVALID_FILTER, "bad filter");
    *out = arena_copy(&ctx->arena, where.p, where.n);
    return *out ? NACRE_OK : err_nomem(ctx);
}
static const struct catalog_hooks hooks = {.parse_where = parse_where};

static struct catalog *load(void) {
    struct catalog *catalog = NULL;
    nacre_status status = catalog_load(&f.ctx, f.kv, NULL, &hooks, &catalog);
    if (status != NACRE_OK) fail_msg("load: %s", f.ctx.err.detail);
    return catalog;
}

static void expect_damaged(nacre_status expected, const char *text) {
    struct catalog *catalog = NULL;
    nacre_status status = catalog_load(&f.ctx, f.kv, NULL, &hooks, &catalog);
    if (status != expected || !strstr(f.ctx.err.detail, text))
        fail_msg("status %d (%s), expected %d and \"%s\"", status, f.ctx.err.detail, expected,
                 text);
    assert_null(catalog);
}

static void test_an_empty_store(void **state) {
    (void)state;
    struct catalog *catalog = load();
    assert_int_equal(catalog->epoch, 0);
    assert_int_equal(catalog->next_tablet, 1);
    assert_int_equal(catalog->database_count, 0);
    assert_null(catalog_database(catalog, SLICE_LIT("main")));
    assert_null(catalog_by_tablet(catalog, 1));
    assert_ptr_equal(catalog_ref(catalog), catalog);
    catalog_unref(catalog);
    catalog_unref(catalog);
    catalog_unref(NULL);
}

// Made apart from this code, with another BSON writer and another CRC: docs/format/catalog.md.
static const struct {
    const char *key, *value;
} documented[] = {
    {"6400000001", // database
     "0165000000026e616d6500050000006d61696e001273746f726167655f6279746573000000000000"
     "000000126d656d6f72795f627974657300000000000000000012646f63756d656e74730009000000"
     "000000001263726561746564000500000000000000002134055f"},
    {"6300000002", // collection
     "01ca000000126461746162617365000100000000000000127461626c657400030000000000000002"
     "6e616d65000600000066696c6d730012736368656d615f65706f6368000000000000000000127474"
     "6c5f7365636f6e647300000000000000000012686973746f72795f7365636f6e6473000000000000"
     "000000027072696d6172795f6b65790004000000736b75000573657474696e6773001a000000001a"
     "000000027072696d6172795f6b65790004000000736b750000126372656174656400050000000000"
     "0000008cbd73f9"},
    {"690000000200000001", // index
     "01ee000000026e616d65000800000062795f79656172001274797065000100000000000000127374"
     "61746500020000000000000008756e697175650000046669656c6473002900000003300021000000"
     "0270617468000500000079656172000864657363656e64696e670000000005776865726500100000"
     "000010000000126100010000000000000000056f7074696f6e730045000000004500000002747970"
     "650006000000627472656500046669656c6473001100000002300005000000796561720000037768"
     "6572650010000000126100010000000000000000001263726561746564000700000000000000002c"
     "d0b16c"},
    {"6e", // counters
     "016d0000001265706f6368000100000000000000126e6578745f6461746162617365000200000000"
     "000000126e6578745f636f6c6c656374696f6e000300000000000000126e6578745f7461626c6574"
     "000400000000000000126e6578745f696e6465780002000000000000000091bda597"},
    {"46", // format
     "01680000001273746f72655f76657273696f6e000100000000000000126170706c795f7665727369"
     "6f6e00010000000000000005636c75737465725f6964001000000000303132333435363738396162"
     "6364656612637265617465645f6d73000068e5cf8b0100000062112ff4"},
};

static void test_rows_are_the_documented_bytes(void **state) {
    (void)state;
    struct store_format format = {1, 1, "", 1700000000000};
    memcpy(format.cluster_id, "0123456789abcdef", sizeof format.cluster_id);
    put_database(1, "main");
    struct collection c = {.id = 2,
                           .database_id = 1,
                           .tablet = 3,
                           .created_ts = 5,
                           .settings = doc_values_doc(&f.ctx, "{\"primary_key\":\"sku\"}")};
    catalog_fixture_name(c.name, "films");
    assert_int_equal(path_parse(&f.ctx, SLICE_LIT("sku"), &c.primary_key), NACRE_OK);
    catalog_put_collection(&f.batch, &c);
    struct index_def index =
        catalog_fixture_index(&f, "by_year", "{\"fields\":[\"year\"],\"where\":{\"a\":1}}");
    catalog_put_index(&f.batch, 2, &index);
    f.counters.next_collection = 3;
    f.counters.next_tablet = 4;
    store_format_put(&f.batch, &format);
    catalog_fixture_write(&f);
    for (size_t i = 0; i < sizeof documented / sizeof *documented; i++)
        assert_string_equal(catalog_fixture_get(&f, KV_META, documented[i].key),
                            documented[i].value);
    catalog_unref(load());
}

static void test_everything_reads_back(void **state) {
    (void)state;
    put_database(1, "main");
    put_database(2, "Other");
    put_collection(4, 1, 7, "Films");
    put_collection(5, 2, 6, "films");
    struct index_def index = catalog_fixture_index(
        &f, "By_year",
        "{\"fields\":[\"year\",{\"path\":\"a.b\",\"order\":\"desc\"}],\"unique\":true,"
        "\"where\":{\"a\":{\"$gt\":1}}}");
    index.state = INDEX_FAILED;
    catalog_fixture_name(index.error, "twice");
    catalog_put_index(&f.batch, 4, &index);
    catalog_fixture_write(&f);

    struct catalog *catalog = load();
    assert_int_equal(catalog->epoch, 1);
    assert_int_equal(catalog->next_collection, 6);
    const struct database *main_db = catalog_database(catalog, SLICE_LIT("MAIN"));
    assert_non_null(main_db);
    assert_string_equal(main_db->name, "main");
    assert_int_equal(main_db->quota.documents, 9);
    assert_ptr_equal(catalog_database_by_id(catalog, 1), main_db);
    assert_null(catalog_database_by_id(catalog, 3));
    const struct collection *films = catalog_collection(catalog, 1, SLICE_LIT("filmS"));
    assert_non_null(films);
    assert_int_equal(films->id, 4);
    assert_int_equal(films->tablet, 7);
    assert_int_equal(films->schema_epoch, 2);
    assert_int_equal(films->created_ts, UINT64_C(1) << 60);
    assert_int_equal(films->primary_key.count, 2);
    assert_string_equal(doc_values_text(&f.ctx, films->settings), "{\"ttl_seconds\":60}");
    assert_ptr_equal(catalog_collection_by_id(catalog, 4), films);
    assert_ptr_equal(catalog_by_tablet(catalog, 7), films);
    assert_int_equal(catalog_by_tablet(catalog, 6)->id, 5);
    assert_null(catalog_collection(catalog, 1, SLICE_LIT("film")));
    assert_null(catalog_collection(catalog, 3, SLICE_LIT("films")));

    const struct index_def *got = catalog_index(films, SLICE_LIT("by_YEAR"));
    assert_non_null(got);
    assert_ptr_equal(catalog_index_by_id(films, index.id), got);
    assert_null(catalog_index_by_id(films, index.id + 1));
    assert_true(got->unique && got->fields[1].descending && !got->fields[0].descending);
    assert_int_equal(got->fields[1].path.count, 2);
    assert_int_equal(got->state, INDEX_FAILED);
    assert_string_equal(got->error, "twice");
    assert_true(slice_eq(got->where, index.where));
    assert_non_null(got->where_filter);
    assert_int_equal(catalog_collection_by_id(catalog, 5)->index_count, 0);
    catalog_unref(catalog);

    catalog = load();
    catalog_delete_collection(&f.batch, catalog_collection_by_id(catalog, 4));
    catalog_delete_database(&f.batch, 1);
    catalog_fixture_write(&f);
    catalog_unref(catalog);
    catalog = load();
    assert_int_equal(catalog->collection_count, 1);
    assert_int_equal(catalog->database_count, 1);
    assert_null(catalog_fixture_get(&f, KV_META, "690000000400000001"));
    catalog_unref(catalog);
}

static void test_index_description(void **state) {
    (void)state;
    struct index_def index = catalog_fixture_index(
        &f, "ix", "{\"fields\":[\"a\"],\"unique\":false,\"where\":\"a > 1\"}");
    BUF_CLEANUP struct buf bson;
    struct bson_writer w;
    buf_init(&bson, NULL, 4096);
    index.state = INDEX_BUILDING;
    bson_begin(&w, &bson);
    index_describe(&w, &index, 0.25);
    bson_end(&w);
    assert_string_equal(doc_values_text(&f.ctx, buf_slice(&bson)),
                        "{\"name\":\"ix\",\"type\":\"btree\",\"fields\":[\"a\"],\"unique\":false,"
                        "\"where\":\"a > 1\",\"state\":\"building\",\"progress\":0.25}");
    buf_reset(&bson);
    index.options = (struct slice){0};
    index.where = (struct slice){0};
    index.fields[0].descending = index.unique = true;
    index.state = INDEX_FAILED;
    catalog_fixture_name(index.error, "twice");
    bson_begin(&w, &bson);
    index_describe(&w, &index, 1);
    bson_end(&w);
    assert_string_equal(doc_values_text(&f.ctx, buf_slice(&bson)),
                        "{\"name\":\"ix\",\"type\":\"btree\",\"fields\":[{\"path\":\"a\",\"order\":"
                        "\"desc\"}],\"unique\":true,\"state\":\"failed\",\"progress\":1.0,"
                        "\"error\":\"twice\"}");
}

static void overwrite(struct slice key, struct slice value) {
    struct kv_batch batch;
    kv_batch_init(&batch, NULL, SIZE_MAX / 2);
    kv_batch_put(&batch, KV_META, key, value);
    assert_int_equal(f.kv->ops->write(f.kv, &f.ctx, &batch), NACRE_OK);
    kv_batch_free(&batch);
}

static struct slice stored(struct slice key) {
    return doc_fixture_unhex(&f.ctx,
                             catalog_fixture_get(&f, KV_META, doc_fixture_hex(&f.ctx, key)));
}

// Every bit of every row is looked at: whatever flips, the row is refused by its name.
static void test_every_flipped_bit_is_found(void **state) {
    (void)state;
    static const struct {
        const char *key, *name;
    } rows[] = {{"6400000001", "of database 1"},
                {"6300000002", "of collection 2"},
                {"690000000200000001", "of index 1 of collection 2"},
                {"6e", "of the counters"}};
    put_database(1, "main");
    put_collection(2, 1, 3, "films");
    struct index_def index = catalog_fixture_index(&f, "ix", "{\"fields\":[\"a\"]}");
    catalog_put_index(&f.batch, 2, &index);
    catalog_fixture_write(&f);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct slice key = doc_fixture_unhex(&f.ctx, rows[i].key), good = stored(key);
        for (size_t bit = 0; bit < good.n * 8; bit++) {
            uint8_t *bad = arena_copy(&f.ctx.arena, good.p, good.n);
            bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
            overwrite(key, slice_of(bad, good.n));
            expect_damaged(NACRE_CORRUPT, rows[i].name);
        }
        for (size_t n = 0; n < good.n; n++) {
            overwrite(key, slice_of(good.p, n));
            expect_damaged(NACRE_CORRUPT, rows[i].name);
        }
        overwrite(key, good);
        catalog_unref(load());
    }
}

// A row under another key is damage too: the checksum covers the key.
static void test_a_row_in_the_wrong_place(void **state) {
    (void)state;
    put_database(1, "main");
    put_collection(2, 1, 3, "films");
    put_collection(4, 1, 5, "books");
    catalog_fixture_write(&f);
    overwrite(SLICE_LIT("c\0\0\0\2"), stored(SLICE_LIT("c\0\0\0\4")));
    expect_damaged(NACRE_CORRUPT, "of collection 2");
}

// A checksum that is right over content that is wrong: the next row of a fuzzer or a bug.
static void seal(const char *key_hex, const char *json, uint8_t format) {
    struct slice key = doc_fixture_unhex(&f.ctx, key_hex), bson = doc_values_doc(&f.ctx, json);
    BUF_CLEANUP struct buf value;
    buf_init(&value, NULL, 65536);
    buf_put_u8(&value, format);
    buf_put_slice(&value, bson);
    buf_put_le32(&value, crc32c(crc32c(0, key.p, key.n), value.p, value.n));
    overwrite(key, buf_slice(&value));
}

#define DATABASE(name)                                                                             \
    "{\"name\":" name ",\"storage_bytes\":0,\"memory_bytes\":0,\"documents\":0,\"created\":5}"

static void test_rows_that_make_no_sense(void **state) {
    (void)state;
    put_database(1, "main");
    put_database(2, "other");
    put_collection(2, 1, 3, "films");
    put_collection(4, 1, 5, "books");
    catalog_fixture_write(&f);
    struct slice good = stored(SLICE_LIT("d\0\0\0\2"));

    seal("6400000002", DATABASE("\"x\""), 2);
    expect_damaged(NACRE_INCOMPATIBLE_FORMAT, "of database 2 is of format 2");
    seal("6400000002", DATABASE("\"MAIN\""), 1);
    expect_damaged(NACRE_CORRUPT, "another has its name");
    seal("6400000002", DATABASE("\"a b\""), 1);
    expect_damaged(NACRE_CORRUPT, "its name is malformed");
    seal("6400000002", DATABASE("1"), 1);
    expect_damaged(NACRE_CORRUPT, "a field is missing or of another type");
    seal("6400000002", "{\"name\":\"x\"}", 1);
    expect_damaged(NACRE_CORRUPT, "a field is missing or of another type");
    seal("6400000002",
         "{\"name\":\"x\",\"storage_bytes\":0,\"memory_bytes\":0,\"documents\":0,"
         "\"created\":5,\"new\":1}",
         1);
    expect_damaged(NACRE_CORRUPT, "unknown field");
    overwrite(SLICE_LIT("d\0\0\0\2"), good);

    seal("6400000009", DATABASE("\"x\""), 1);
    expect_damaged(NACRE_CORRUPT, "its id was never given");
}

static void put_settings(const char *settings) {
    struct collection c = {
        .id = 1, .database_id = 1, .tablet = 1, .settings = doc_values_doc(&f.ctx, settings)};
    catalog_fixture_name(c.name, "films");
    catalog_put_collection(&f.batch, &c);
    catalog_fixture_write(&f);
}

static void test_settings(void **state) {
    (void)state;
    put_database(1, "main");
    f.counters.next_collection = f.counters.next_tablet = 2;
    put_settings("{}");
    struct catalog *catalog = load();
    assert_int_equal(catalog->collections[0].changes_seconds, CHANGES_SECONDS_DEFAULT);
    catalog_unref(catalog);
    put_settings("{\"changes_seconds\":60}");
    catalog = load();
    assert_int_equal(catalog->collections[0].changes_seconds, 60);
    catalog_unref(catalog);
    put_settings("{\"changes_seconds\":59}");
    expect_damaged(NACRE_CORRUPT, "changes_seconds");
    put_settings("{\"changes_seconds\":\"60\"}");
    expect_damaged(NACRE_CORRUPT, "changes_seconds");
    put_settings("{\"history_bytes\":5000}");
    catalog = load();
    assert_int_equal(catalog->collections[0].history_bytes, 5000);
    catalog_unref(catalog);
    put_settings("{\"history_bytes\":4095}");
    expect_damaged(NACRE_CORRUPT, "history_bytes");
}

static void test_collections_that_make_no_sense(void **state) {
    (void)state;
    put_database(1, "main");
    put_collection(2, 1, 3, "films");
    f.counters.next_collection = 100;
    f.counters.next_tablet = 100;
    put_collection(3, 1, 3, "books");
    catalog_fixture_write(&f);
    expect_damaged(NACRE_CORRUPT, "another has its tablet");
    put_collection(3, 1, 4, "FILMS");
    catalog_fixture_write(&f);
    expect_damaged(NACRE_CORRUPT, "of collection 3 is damaged: another has its name");
    put_collection(3, 8, 4, "books");
    catalog_fixture_write(&f);
    expect_damaged(NACRE_CORRUPT, "its database is not there");
    put_collection(3, 1, 4, "books");
    struct index_def index = catalog_fixture_index(&f, "ix", "{\"fields\":[\"a\"]}");
    catalog_put_index(&f.batch, 9, &index);
    catalog_fixture_write(&f);
    expect_damaged(NACRE_CORRUPT, "of index 1 of collection 9 is damaged: its collection is not");
    catalog_delete_index(&f.batch, 9, index.id);
    catalog_put_index(&f.batch, 3, &index);
    index.id = f.counters.next_index++;
    catalog_fixture_name(index.name, "IX");
    catalog_put_index(&f.batch, 3, &index);
    catalog_fixture_write(&f);
    expect_damaged(NACRE_CORRUPT, "another index has its name");
    catalog_fixture_name(index.name, "iy");
    index.where = doc_values_doc(&f.ctx, "{\"bad\":1}");
    catalog_put_index(&f.batch, 3, &index);
    catalog_fixture_write(&f);
    expect_damaged(NACRE_CORRUPT, "its filter does not parse");
}

static void test_format_row(void **state) {
    (void)state;
    struct store_format format = {.store_version = 1,
                                  .apply_version = 1,
                                  .created_ms = 1700000000000},
                        got;
    bool found = true;
    assert_int_equal(store_format_read(&f.ctx, f.kv, &got, &found), NACRE_OK);
    assert_false(found);
    memcpy(format.cluster_id, "0123456789abcdef", 16);
    store_format_put(&f.batch, &format);
    catalog_fixture_write(&f);
    assert_int_equal(store_format_read(&f.ctx, f.kv, &got, &found), NACRE_OK);
    assert_true(found);
    assert_memory_equal(got.cluster_id, format.cluster_id, 16);
    assert_int_equal(got.created_ms, format.created_ms);
    assert_int_equal(got.store_version, 1);

    format.apply_version = 2;
    store_format_put(&f.batch, &format);
    catalog_fixture_write(&f);
    assert_int_equal(store_format_read(&f.ctx, f.kv, &got, &found), NACRE_INCOMPATIBLE_FORMAT);
    assert_non_null(strstr(f.ctx.err.detail, "apply version 2"));
    seal("46", "{\"store_version\":7,\"apply_version\":1,\"something\":\"new\"}", 1);
    assert_int_equal(store_format_read(&f.ctx, f.kv, &got, &found), NACRE_INCOMPATIBLE_FORMAT);
    assert_non_null(strstr(f.ctx.err.detail, "store version 7"));
    seal("46", "{\"store_version\":1,\"apply_version\":1}", 1);
    assert_int_equal(store_format_read(&f.ctx, f.kv, &got, &found), NACRE_CORRUPT);
    seal("46", "{\"store_version\":0,\"apply_version\":1}", 1);
    assert_int_equal(store_format_read(&f.ctx, f.kv, &got, &found), NACRE_CORRUPT);
}

static void test_ten_thousand_collections(void **state) {
    (void)state;
    enum { COUNT = 10000 };
    char name[32];
    put_database(1, "main");
    for (uint32_t i = 1; i <= COUNT; i++) {
        snprintf(name, sizeof name, "c%05u", (i * 7919) % COUNT);
        put_collection(i, 1, i, name);
    }
    catalog_fixture_write(&f);
    clock_t start = clock(); // of this process alone: machines are busy
    struct catalog *catalog = load();
    long ms = (clock() - start) / (CLOCKS_PER_SEC / 1000);
    print_message("loaded %d collections in %ld ms\n", COUNT, ms);
    assert_true(ms < 2000); // the target is 50; sanitizers take longer
    for (uint32_t i = 1; i <= COUNT; i++) {
        snprintf(name, sizeof name, "C%05u", (i * 7919) % COUNT);
        const struct collection *c = catalog_collection(catalog, 1, slice_str(name));
        assert_non_null(c);
        assert_int_equal(c->id, i);
        assert_ptr_equal(catalog_by_tablet(catalog, i), c);
        assert_ptr_equal(catalog_collection_by_id(catalog, i), c);
    }
    catalog_unref(catalog);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_empty_store, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rows_are_the_documented_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_everything_reads_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_index_description, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_flipped_bit_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_row_in_the_wrong_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rows_that_make_no_sense, setup, teardown),
        cmocka_unit_test_setup_teardown(test_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_collections_that_make_no_sense, setup, teardown),
        cmocka_unit_test_setup_teardown(test_format_row, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ten_thousand_collections, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
