// Random damage to stored bytes: the validator never reads past them, and what it accepts can be
// walked, written as JSON, and given a footer. Rows likewise.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "doc/footer.h"
#include "doc/row.h"
#include "property/base/seed.h"
#include "support/doc_fixture.h"

enum { ROUNDS = 400, DAMAGES = 100, DOC_MAX = 1 << 24 };

static struct ctx ctx;
static struct rng rng;

// Counts what can be reached, so that every byte of every value is read.
static uint64_t walk(struct slice doc) {
    struct bson_iter it = bson_iter_of(doc);
    struct slice name;
    struct val v;
    uint64_t sum = 0;
    while (bson_next(&it, &name, &v)) {
        for (size_t i = 0; i < name.n; i++)
            sum += name.p[i];
        if (v.type == VAL_OBJECT || v.type == VAL_ARRAY)
            sum += walk(val_slice(v));
        else if (v.type >= VAL_STRING && v.type <= VAL_VECTOR)
            for (size_t i = 0; i < v.n; i++)
                sum += v.p[i];
        else
            sum++;
    }
    return sum;
}

static void check_use(struct slice doc) {
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, DOC_MAX);
    (void)walk(doc);
    json_write_doc(&out, doc, JSON_INT64_STRING);
    assert_int_equal(buf_status(&out), NACRE_OK);
    buf_reset(&out);
    footer_build(&out, doc);
    assert_int_equal(footer_validate(&ctx, doc, buf_slice(&out)), NACRE_OK);
}

static void damage(uint8_t *bytes, size_t n) {
    static const uint8_t telling[] = {0, 1, 2, 3, 4, 5, 8, 9, 10, 0x12, 0x7f, 0x80, 0xc3, 0xff};
    for (uint64_t i = 1 + rng_below(&rng, 3); i > 0; i--) {
        size_t at = rng_below(&rng, n);
        if (rng_below(&rng, 2))
            bytes[at] = telling[rng_below(&rng, sizeof telling)];
        else
            bytes[at] ^= (uint8_t)(1 << rng_below(&rng, 8));
    }
}

static void test_documents(void **state) {
    (void)state;
    int accepted = 0;
    for (int i = 0; i < ROUNDS; i++) {
        BUF_CLEANUP struct buf out;
        buf_init(&out, NULL, DOC_MAX);
        doc_fixture_random(&out, &rng, 1 + (uint32_t)rng_below(&rng, 3));
        for (int k = 0; k < DAMAGES; k++) {
            size_t n = rng_below(&rng, 10) ? out.n : 1 + rng_below(&rng, out.n);
            uint8_t *bytes = mem_alloc(n);
            memcpy(bytes, out.p, n);
            damage(bytes, n);
            nacre_status status = bson_validate(&ctx, slice_of(bytes, n));
            if (status == NACRE_OK)
                check_use(slice_of(bytes, n));
            else
                assert_int_equal(status, NACRE_CORRUPT);
            accepted += status == NACRE_OK;
            mem_free(bytes);
        }
    }
    assert_true(accepted > 0);
}

static void check_row(struct slice bytes) {
    struct row row;
    nacre_status status = row_decode(&ctx, SLICE_LIT("k"), bytes, false, &row);
    if (status != NACRE_OK) {
        assert_true(status == NACRE_CORRUPT || status == NACRE_INCOMPATIBLE_FORMAT);
        return;
    }
    struct doc_sys sys;
    struct doc doc;
    row_doc(&row, 0, &sys, &doc);
    if (row.flags & ROW_DELETED || bson_validate(&ctx, doc.body) != NACRE_OK) return;
    if (footer_validate(&ctx, doc.body, doc.footer) == NACRE_OK) check_use(doc.body);
}

static void test_rows(void **state) {
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        BUF_CLEANUP struct buf body;
        BUF_CLEANUP struct buf footer;
        BUF_CLEANUP struct buf out;
        buf_init(&body, NULL, DOC_MAX);
        buf_init(&footer, NULL, DOC_MAX);
        buf_init(&out, NULL, DOC_MAX);
        doc_fixture_random(&body, &rng, 2);
        footer_build(&footer, buf_slice(&body));
        struct row row = {.flags = (uint8_t)(rng_below(&rng, 4) * ROW_EXPIRY), .version = 1};
        row.body = buf_slice(&body);
        row.footer = buf_slice(&footer);
        row.lease.holder = SLICE_LIT("holder");
        row.lease.on_expire = SLICE_LIT("\x05\0\0\0\0");
        row_encode(&out, SLICE_LIT("k"), &row);
        for (int k = 0; k < DAMAGES; k++) {
            size_t n = rng_below(&rng, 10) ? out.n : 1 + rng_below(&rng, out.n);
            uint8_t *bytes = mem_alloc(n);
            memcpy(bytes, out.p, n);
            damage(bytes, n < 200 ? n : 200);
            check_row(slice_of(bytes, n));
            mem_free(bytes);
        }
    }
}

// JSON texts: whatever is accepted is a valid document.
static void test_texts(void **state) {
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        BUF_CLEANUP struct buf doc;
        BUF_CLEANUP struct buf text;
        buf_init(&doc, NULL, DOC_MAX);
        buf_init(&text, NULL, DOC_MAX);
        doc_fixture_random(&doc, &rng, 1 + (uint32_t)rng_below(&rng, 3));
        json_write_doc(&text, buf_slice(&doc), JSON_INT64_NUMBER);
        for (int k = 0; k < DAMAGES; k++) {
            size_t n = rng_below(&rng, 10) ? text.n : 1 + rng_below(&rng, text.n);
            uint8_t *bytes = mem_alloc(n);
            memcpy(bytes, text.p, n);
            damage(bytes, n);
            BUF_CLEANUP struct buf out;
            buf_init(&out, NULL, DOC_MAX);
            nacre_status status = json_parse(&ctx, slice_of(bytes, n), NULL, &out);
            if (status == NACRE_OK)
                assert_int_equal(bson_validate(&ctx, buf_slice(&out)), NACRE_OK);
            else
                assert_true(status == NACRE_INVALID_JSON || status == NACRE_INVALID_ARGUMENT);
            mem_free(bytes);
        }
    }
}

int main(void) {
    doc_fixture_ctx(&ctx);
    seed_rng(&rng);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_texts),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ctx_free(&ctx);
    return failed;
}
