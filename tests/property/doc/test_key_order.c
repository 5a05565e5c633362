// memcmp of encodings is val_cmp of values, in both directions, alone and one component after
// another; equal values encode equally; decoding gives the value back, with its type; keys that
// were cut never turn an order round. Millions of random pairs, most of them near the borders.
// NACRE_SEED runs the same again, NACRE_ROUNDS that many.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "doc/key.h"
#include "support/doc_values.h"

static int sign(int c) { return (c > 0) - (c < 0); }

static uint64_t rounds(uint64_t usual) {
    const char *given = getenv("NACRE_ROUNDS");
    return given ? strtoull(given, NULL, 10) : usual;
}

// Values of which many are close to one another.
static struct val pick_near(struct ctx *ctx, struct rng *rng, struct val v, uint32_t depth) {
    return rng_below(rng, 3) ? doc_values_near(ctx, rng, v) : doc_values_random(ctx, rng, depth);
}

static void check_fail(struct ctx *ctx, struct val a, struct val b, const char *what) {
    if (val_is_number(a) && val_is_number(b))
        fail_msg("%s: %d %lld %a against %d %lld %a", what, a.type, (long long)a.i, a.d, b.type,
                 (long long)b.i, b.d);
    fail_msg("%s: %s against %s", what, doc_values_show(ctx, a), doc_values_show(ctx, b));
}

static void check_pair(struct ctx *ctx, struct val a, struct val b, struct buf *ka,
                       struct buf *kb) {
    int order = sign(val_cmp(a, b));
    if (order != -sign(val_cmp(b, a))) check_fail(ctx, a, b, "val_cmp is not antisymmetric");
    for (int descending = 0; descending < 2; descending++) {
        buf_reset(ka);
        buf_reset(kb);
        key_put(ka, a, descending);
        key_put(kb, b, descending);
        int got = sign(slice_cmp(buf_slice(ka), buf_slice(kb)));
        if (got != (descending ? -order : order)) check_fail(ctx, a, b, "order");
        if (got && (slice_starts(buf_slice(ka), buf_slice(kb)) ||
                    slice_starts(buf_slice(kb), buf_slice(ka))))
            check_fail(ctx, a, b, "a key begins with another");
        buf_reset(ka);
        buf_reset(kb);
        key_put_cut(ka, a, descending);
        key_put_cut(kb, b, descending);
        got = sign(slice_cmp(buf_slice(ka), buf_slice(kb)));
        if (got && got != (descending ? -order : order)) check_fail(ctx, a, b, "order of cut keys");
        assert_true(ka->n <= KEY_COMPONENT_MAX);
        assert_int_equal(key_component_size(buf_slice(ka), descending), ka->n);
    }
}

static void check_above(struct ctx *ctx, struct val a, struct val b, struct buf *ka,
                        struct buf *kb) {
    buf_reset(ka);
    buf_reset(kb);
    key_put(ka, a, false);
    key_put(kb, b, false);
    int c = slice_cmp(buf_slice(ka), buf_slice(kb));
    if (key_is_above(a, buf_slice(kb)) && c <= 0) check_fail(ctx, a, b, "above");
    if (key_is_above(b, buf_slice(ka)) && c >= 0) check_fail(ctx, a, b, "above");
}

static void check_round_trip(struct ctx *ctx, struct val v, bool descending, struct buf *key) {
    buf_reset(key);
    enum key_type_bits bits = key_put(key, v, descending);
    struct slice in = buf_slice(key);
    struct val back;
    assert_int_equal(key_component_size(in, descending), in.n);
    if (key_decode(ctx, &in, descending, bits, &back) != NACRE_OK)
        check_fail(ctx, v, v, ctx->err.detail);
    assert_int_equal(in.n, 0);
    bool container = v.type == VAL_OBJECT || v.type == VAL_ARRAY;
    bool nan = v.type == VAL_DOUBLE && v.d != v.d;
    if (container || nan ? !val_eq(back, v) : !val_identical(back, v))
        check_fail(ctx, v, back, "round trip");
}

static void test_pairs_of_numbers(void **state) {
    (void)state;
    struct ctx ctx;
    struct rng rng;
    BUF_CLEANUP struct buf ka, kb;
    doc_values_ctx(&ctx);
    doc_values_seed(&rng);
    buf_init(&ka, NULL, 1 << 20);
    buf_init(&kb, NULL, 1 << 20);
    for (uint64_t i = rounds(1000000); i > 0; i--) {
        struct val a = doc_values_number(&rng);
        struct val b =
            rng_below(&rng, 3) ? doc_values_near(&ctx, &rng, a) : doc_values_number(&rng);
        check_pair(&ctx, a, b, &ka, &kb);
        check_above(&ctx, a, b, &ka, &kb);
        check_round_trip(&ctx, a, i % 2, &ka);
    }
    ctx_free(&ctx);
}

static void test_pairs_of_values(void **state) {
    (void)state;
    struct ctx ctx;
    struct rng rng;
    BUF_CLEANUP struct buf ka, kb;
    doc_values_ctx(&ctx);
    doc_values_seed(&rng);
    buf_init(&ka, NULL, 1 << 24);
    buf_init(&kb, NULL, 1 << 24);
    for (uint64_t i = rounds(200000); i > 0; i--) {
        struct arena_mark mark = arena_mark(&ctx.arena);
        uint32_t depth = (uint32_t)rng_below(&rng, 4);
        struct val a = doc_values_random(&ctx, &rng, depth), b = pick_near(&ctx, &rng, a, depth);
        check_pair(&ctx, a, b, &ka, &kb);
        check_round_trip(&ctx, a, i % 2, &ka);
        arena_rewind(&ctx.arena, mark);
    }
    ctx_free(&ctx);
}

// Three values are in one order, whichever two are asked: else no sort and no index would be right.
static void test_transitive(void **state) {
    (void)state;
    struct ctx ctx;
    struct rng rng;
    doc_values_ctx(&ctx);
    doc_values_seed(&rng);
    for (uint64_t i = rounds(200000); i > 0; i--) {
        struct arena_mark mark = arena_mark(&ctx.arena);
        struct val a = doc_values_random(&ctx, &rng, 2), b = pick_near(&ctx, &rng, a, 2),
                   c = pick_near(&ctx, &rng, b, 2);
        if (val_cmp(a, b) <= 0 && val_cmp(b, c) <= 0 && val_cmp(a, c) > 0)
            check_fail(&ctx, a, c, "not transitive");
        if (val_cmp(a, b) >= 0 && val_cmp(b, c) >= 0 && val_cmp(a, c) < 0)
            check_fail(&ctx, a, c, "not transitive");
        arena_rewind(&ctx.arena, mark);
    }
    ctx_free(&ctx);
}

static void test_rows_of_components(void **state) {
    (void)state;
    enum { COLUMNS = 3 };
    struct ctx ctx;
    struct rng rng;
    BUF_CLEANUP struct buf ka, kb;
    doc_values_ctx(&ctx);
    doc_values_seed(&rng);
    buf_init(&ka, NULL, 1 << 24);
    buf_init(&kb, NULL, 1 << 24);
    for (uint64_t i = rounds(100000); i > 0; i--) {
        struct arena_mark mark = arena_mark(&ctx.arena);
        struct val a[COLUMNS], b[COLUMNS];
        bool descending[COLUMNS];
        enum key_type_bits bits[COLUMNS];
        int order = 0;
        buf_reset(&ka);
        buf_reset(&kb);
        for (int k = 0; k < COLUMNS; k++) {
            a[k] = doc_values_random(&ctx, &rng, 1);
            b[k] = rng_below(&rng, 3) ? a[k] : pick_near(&ctx, &rng, a[k], 1);
            descending[k] = rng_below(&rng, 2);
            bits[k] = key_put(&ka, a[k], descending[k]);
            key_put(&kb, b[k], descending[k]);
            int c = sign(val_cmp(a[k], b[k]));
            if (order == 0) order = descending[k] ? -c : c;
        }
        if (sign(slice_cmp(buf_slice(&ka), buf_slice(&kb))) != order)
            check_fail(&ctx, a[0], b[0], "a row");
        struct slice in = buf_slice(&ka);
        for (int k = 0; k < COLUMNS; k++) {
            struct val back;
            assert_int_equal(key_decode(&ctx, &in, descending[k], bits[k], &back), NACRE_OK);
            if (!val_eq(back, a[k])) check_fail(&ctx, a[k], back, "a component of a row");
        }
        assert_int_equal(in.n, 0);
        arena_rewind(&ctx.arena, mark);
    }
    ctx_free(&ctx);
}

// Changed bytes: a size within the input or none; what decodes is a value that encodes to just
// these bytes.
static void test_mutations(void **state) {
    (void)state;
    struct ctx ctx;
    struct rng rng;
    BUF_CLEANUP struct buf key, again;
    doc_values_ctx(&ctx);
    doc_values_seed(&rng);
    buf_init(&key, NULL, 1 << 24);
    buf_init(&again, NULL, 1 << 24);
    for (uint64_t i = rounds(300000); i > 0; i--) {
        struct arena_mark mark = arena_mark(&ctx.arena);
        bool descending = rng_below(&rng, 2);
        buf_reset(&key);
        enum key_type_bits bits = key_put_cut(&key, doc_values_random(&ctx, &rng, 3), descending);
        for (uint64_t n = rng_below(&rng, 4); n > 0; n--)
            key.p[rng_below(&rng, key.n)] ^= (uint8_t)(1u << rng_below(&rng, 8));
        if (rng_below(&rng, 4) == 0) key.n = rng_below(&rng, key.n + 1);
        size_t size = key_component_size(buf_slice(&key), descending);
        assert_true(size <= key.n);
        struct slice in = buf_slice(&key);
        struct val v = val_missing();
        nacre_status status = key_decode(&ctx, &in, descending, bits, &v);
        if (status == NACRE_OK) {
            assert_int_equal(in.n, key.n - size);
            buf_reset(&again);
            key_put(&again, v, descending);
            bool special =
                v.type == VAL_MISSING || (descending ? key.p[0] ^ 0xFF : key.p[0]) == 0x08;
            if (!special) assert_true(slice_eq(buf_slice(&again), slice_of(key.p, size)));
        } else {
            assert_int_equal(status, NACRE_CORRUPT);
        }
        arena_rewind(&ctx.arena, mark);
    }
    ctx_free(&ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_of_numbers), cmocka_unit_test(test_pairs_of_values),
        cmocka_unit_test(test_transitive),       cmocka_unit_test(test_rows_of_components),
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
