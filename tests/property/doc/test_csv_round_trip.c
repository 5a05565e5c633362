// Random documents written as CSV and read again are the same documents, whatever kinds of values
// they have at one path; the order of fields does not count.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "doc/csv/csv.h"
#include "property/base/seed.h"
#include "support/doc_fixture.h"
#include "support/doc_same.h"

enum { ROUNDS = 300, DOCS_MAX = 6, TEXT_MAX = 1 << 24 };

static struct ctx ctx;
static struct rng rng;

// --- documents that share paths, which differ in kind ---

static void small_value(struct bson_writer *w, struct slice name, uint32_t depth);

static void small_fields(struct bson_writer *w, uint32_t depth, bool is_array) {
    static const char *const names[] = {"0", "1", "2", "a", "b", "a.b", "/", "~", "", "10000"};
    uint64_t count = rng_below(&rng, 4), at = rng_below(&rng, 10);
    for (uint64_t i = 0; i < count; i++)
        small_value(w, is_array ? SLICE_LIT("") : slice_str(names[(at + i * 3) % 10]), depth);
}

static void small_value(struct bson_writer *w, struct slice name, uint32_t depth) {
    static const char *const texts[] = {"", "1", "null", "{}", "[]", "x", "a,b", "\"", "\r\n", " "};
    switch (rng_below(&rng, depth ? 8 : 5)) {
    case 0:
        bson_put(w, name, val_int((int64_t)rng_below(&rng, 3)));
        break;
    case 1:
        bson_put(w, name, val_null());
        break;
    case 2:
        bson_put(w, name, val_date((int64_t)rng_below(&rng, 1000)));
        break;
    case 3:
        bson_put(w, name, val_double(0.5));
        break;
    case 4:
        bson_put(w, name, val_str(slice_str(texts[rng_below(&rng, 10)])));
        break;
    case 5:
        bson_open_array(w, name);
        small_fields(w, depth - 1, true);
        bson_close(w);
        break;
    default:
        bson_open_object(w, name);
        small_fields(w, depth - 1, false);
        bson_close(w);
    }
}

// A record is never empty: an export has an _id.
static void random_doc(struct buf *out, int number) {
    struct bson_writer w;
    BUF_CLEANUP struct buf rest;
    buf_init(&rest, NULL, TEXT_MAX);
    bson_begin(&w, out);
    bson_put(&w, SLICE_LIT("_id"), val_int(number));
    if (rng_below(&rng, 2)) {
        small_fields(&w, 4, false);
    } else {
        struct slice name;
        struct val v;
        doc_fixture_random(&rest, &rng, 1 + (uint32_t)rng_below(&rng, 4));
        struct bson_iter it = bson_iter_of(buf_slice(&rest));
        while (bson_next(&it, &name, &v))
            bson_put(&w, name, v);
    }
    bson_end(&w);
}

static void expect_same(struct slice want, struct slice got) {
    if (!doc_same_fields(val_bytes(VAL_OBJECT, want), val_bytes(VAL_OBJECT, got)))
        fail_msg("want %s\ngot %s", doc_fixture_json(&ctx, want), doc_fixture_json(&ctx, got));
}

static void expect_all(struct slice text, const struct buf *docs, int count) {
    struct csv_columns columns;
    struct csv_scan scan = {0};
    BUF_CLEANUP struct buf json, bson;
    size_t at = 0;
    buf_init(&json, NULL, TEXT_MAX);
    buf_init(&bson, NULL, TEXT_MAX);
    assert_int_equal(csv_columns_init(&ctx, NULL, &columns), NACRE_OK);
    for (int i = -1; i < count; i++) {
        size_t from = at;
        uint64_t line = scan.newlines + 1;
        assert_true(csv_scan(&scan, text, &at));
        struct slice record = slice_of(text.p + from, at - 1 - from);
        buf_reset(&json);
        buf_reset(&bson);
        nacre_status status = i < 0 ? csv_header_read(&ctx, &columns, record, line)
                                    : csv_record_read(&ctx, &columns, record, line, &json);
        if (status == NACRE_OK && i >= 0) status = json_parse(&ctx, buf_slice(&json), NULL, &bson);
        if (status != NACRE_OK)
            fail_msg("%s: %.*s", ctx.err.detail, (int)text.n, (const char *)text.p);
        if (i >= 0) expect_same(buf_slice(&docs[i]), buf_slice(&bson));
    }
    assert_int_equal(at, text.n);
    csv_columns_free(&columns);
}

static void test_csv_round_trip(void **state) {
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct csv_columns columns;
        struct buf docs[DOCS_MAX];
        BUF_CLEANUP struct buf text;
        int count = (int)rng_below(&rng, DOCS_MAX + 1);
        buf_init(&text, NULL, TEXT_MAX);
        assert_int_equal(csv_columns_init(&ctx, NULL, &columns), NACRE_OK);
        assert_int_equal(csv_columns_name(&ctx, &columns, SLICE_LIT("_id")), NACRE_OK);
        for (int i = 0; i < count; i++) {
            buf_init(&docs[i], NULL, TEXT_MAX);
            random_doc(&docs[i], i);
            assert_int_equal(csv_columns_show(&ctx, &columns, buf_slice(&docs[i])), NACRE_OK);
        }
        assert_int_equal(csv_header_write(&ctx, &columns, &text), NACRE_OK);
        for (int i = 0; i < count; i++)
            assert_int_equal(csv_record_write(&ctx, &columns, buf_slice(&docs[i]), &text),
                             NACRE_OK);
        assert_int_equal(buf_status(&text), NACRE_OK);
        expect_all(buf_slice(&text), docs, count);
        for (int i = 0; i < count; i++)
            buf_free(&docs[i]);
        csv_columns_free(&columns);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_csv_round_trip)};
    seed_rng(&rng);
    doc_fixture_ctx(&ctx);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ctx_free(&ctx);
    return failed;
}
