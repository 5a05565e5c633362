// Random documents: BSON to JSON and back gives the same bytes; with a footer every path reads as
// it does without.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "doc/footer.h"
#include "doc/path.h"
#include "property/base/seed.h"
#include "support/doc_fixture.h"

enum { ROUNDS = 3000, DOC_MAX = 1 << 24 };

static struct ctx ctx;
static struct rng rng;

static void check_round_trip(struct slice doc, enum json_int64 mode) {
    BUF_CLEANUP struct buf text;
    BUF_CLEANUP struct buf back;
    buf_init(&text, NULL, DOC_MAX);
    buf_init(&back, NULL, DOC_MAX);
    json_write_doc(&text, doc, mode);
    assert_int_equal(buf_status(&text), NACRE_OK);
    // Exactly as long as the text, so that a read past its end is seen.
    uint8_t *exact = mem_alloc(text.n);
    memcpy(exact, text.p, text.n);
    nacre_status status = json_parse(&ctx, slice_of(exact, text.n), NULL, &back);
    if (status != NACRE_OK) fail_msg("%s: %.*s", ctx.err.detail, (int)text.n, (char *)text.p);
    assert_int_equal(back.n, doc.n);
    assert_memory_equal(back.p, doc.p, doc.n);
    mem_free(exact);
}

static void test_json_round_trip(void **state) {
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        BUF_CLEANUP struct buf out;
        buf_init(&out, NULL, DOC_MAX);
        doc_fixture_random(&out, &rng, 1 + (uint32_t)rng_below(&rng, 5));
        assert_int_equal(bson_validate(&ctx, buf_slice(&out)), NACRE_OK);
        check_round_trip(buf_slice(&out), JSON_INT64_NUMBER);
        check_round_trip(buf_slice(&out), JSON_INT64_STRING);
    }
}

static struct val step(struct val v, struct slice name) {
    return v.type == VAL_OBJECT ? bson_find(val_slice(v), name) : val_missing();
}

static bool same(struct val a, struct val b) {
    return a.type == b.type &&
           (a.type < VAL_STRING || a.type > VAL_VECTOR ? val_identical(a, b)
                                                       : a.p == b.p && a.n == b.n);
}

// What footer_find says of first (and second) against a linear walk.
static void check_path(struct slice body, struct slice footer, struct slice first,
                       const struct slice *second) {
    struct path_part parts[2] = {{.name = first, .hash = footer_hash_name(first)}};
    struct path path = {.count = second ? 2 : 1, .parts = parts, .hash = parts[0].hash};
    if (second) {
        parts[1].name = *second;
        path.hash = footer_hash_nested(parts[0].hash, *second);
    }
    struct val want = bson_find(body, first), got;
    uint32_t want_depth = want.type != VAL_MISSING, depth;
    if (second && want.type == VAL_OBJECT) {
        want = step(want, *second);
        want_depth = want.type == VAL_MISSING ? 0 : 2;
    }
    assert_int_equal(footer_find(body, footer, &path, &got, &depth), want_depth > 0);
    assert_int_equal(depth, want_depth);
    assert_true(same(got, want));
}

static void check_footer(struct slice body, struct slice footer) {
    const struct slice absent = SLICE_LIT("absent"), empty = SLICE_LIT("");
    struct bson_iter it = bson_iter_of(body), inner;
    struct slice name, nested_name;
    struct val v, nested;
    check_path(body, footer, absent, NULL);
    check_path(body, footer, absent, &empty);
    while (bson_next(&it, &name, &v)) {
        check_path(body, footer, name, NULL);
        check_path(body, footer, name, &absent);
        check_path(body, footer, name, &name);
        inner = v.type == VAL_OBJECT ? bson_iter_of_val(v) : (struct bson_iter){0};
        while (bson_next(&inner, &nested_name, &nested)) {
            check_path(body, footer, name, &nested_name);
            check_path(body, footer, nested_name, NULL);
        }
    }
}

static void test_footer(void **state) {
    (void)state;
    int with = 0;
    for (int i = 0; i < ROUNDS; i++) {
        BUF_CLEANUP struct buf body;
        BUF_CLEANUP struct buf footer;
        buf_init(&body, NULL, DOC_MAX);
        buf_init(&footer, NULL, DOC_MAX);
        doc_fixture_random(&body, &rng, 1 + (uint32_t)rng_below(&rng, 3));
        footer_build(&footer, buf_slice(&body));
        assert_int_equal(buf_status(&footer), NACRE_OK);
        assert_int_equal(footer_validate(&ctx, buf_slice(&body), buf_slice(&footer)), NACRE_OK);
        if (footer.n == 0) continue;
        check_footer(buf_slice(&body), buf_slice(&footer));
        with++;
    }
    assert_true(with > ROUNDS / 100);
}

int main(void) {
    doc_fixture_ctx(&ctx);
    seed_rng(&rng);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_round_trip),
        cmocka_unit_test(test_footer),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ctx_free(&ctx);
    return failed;
}
