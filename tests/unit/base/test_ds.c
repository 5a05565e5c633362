// Map, heap, skip list and random numbers: what the models in tests/property/base do not show.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <string.h>

#include "base/ds/heap.h"
#include "base/ds/map.h"
#include "base/ds/rng.h"
#include "base/ds/skip.h"

static void test_map_basics(void **state) {
    (void)state;
    struct map m;
    int a, b;
    map_init(&m);
    assert_null(map_get(&m, SLICE_LIT("x")));
    assert_null(map_remove(&m, SLICE_LIT("x")));
    assert_true(map_put(&m, SLICE_LIT("x"), &a));
    assert_true(map_put(&m, SLICE_LIT("x"), &b)); // replaces
    assert_int_equal(m.count, 1);
    assert_ptr_equal(map_get(&m, SLICE_LIT("x")), &b);
    assert_true(map_put(&m, slice_of(NULL, 0), &a)); // the empty key is a key
    assert_ptr_equal(map_get(&m, SLICE_LIT("")), &a);
    assert_ptr_equal(map_remove(&m, SLICE_LIT("x")), &b);
    assert_null(map_get(&m, SLICE_LIT("x")));
    map_free(&m);
    assert_int_equal(m.count, 0);
    assert_null(map_get(&m, SLICE_LIT("")));
    map_free(&m);
}

static void test_map_copies_keys(void **state) {
    (void)state;
    struct map m;
    map_init(&m);
    char key[] = "a key longer than eight bytes", short_key[] = "short";
    assert_true(map_put(&m, slice_str(key), &m));
    assert_true(map_put(&m, slice_str(short_key), &m));
    key[0] = short_key[0] = '!';
    assert_null(map_get(&m, slice_str(key)));
    assert_null(map_get(&m, slice_str(short_key)));
    assert_non_null(map_get(&m, SLICE_LIT("a key longer than eight bytes")));
    assert_non_null(map_get(&m, SLICE_LIT("short")));
    map_free(&m);
}

// Keys that come and go leave tombstones, which must not make the map grow for ever.
static void test_map_of_passing_keys_stays_small(void **state) {
    (void)state;
    struct map m;
    map_init(&m);
    for (uint64_t i = 0; i < 100000; i++) {
        uint64_t gone = i - 5;
        assert_true(map_put(&m, slice_of(&i, 8), &m));
        if (i >= 5) assert_non_null(map_remove(&m, slice_of(&gone, 8)));
    }
    assert_int_equal(m.count, 5);
    assert_true(m.cap <= 32);
    map_free(&m);
}

static int by_int(const void *a, const void *b, void *arg) {
    ++*(size_t *)arg;
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void test_heap_basics(void **state) {
    (void)state;
    int v[] = {3, 1, 2};
    size_t compared = 0;
    struct heap h;
    heap_init(&h, by_int, &compared);
    assert_null(heap_pop(&h));
    heap_sift_top(&h);
    for (size_t i = 0; i < 3; i++) assert_true(heap_push(&h, &v[i]));
    assert_ptr_equal(h.items[0], &v[1]);
    v[1] = 9;
    heap_sift_top(&h);
    assert_ptr_equal(heap_pop(&h), &v[2]);
    assert_ptr_equal(heap_pop(&h), &v[0]);
    assert_ptr_equal(heap_pop(&h), &v[1]);
    assert_null(heap_pop(&h));
    assert_true(compared > 0);
    heap_free(&h);
    assert_true(heap_push(&h, v)); // usable again
    heap_free(&h);
}

// The authors' reference code gives these for the state {1, 2, 3, 4}.
static void test_rng_known(void **state) {
    (void)state;
    struct rng rng = {{1, 2, 3, 4}};
    static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    for (size_t i = 0; i < 4; i++) assert_true(rng_next(&rng) == expected[i]);
}

static void test_rng_ranges(void **state) {
    (void)state;
    struct rng rng, same;
    rng_seed(&rng, 7);
    rng_seed(&same, 7);
    assert_true(rng_next(&rng) == rng_next(&same));
    size_t seen[3] = {0};
    for (int i = 0; i < 30000; i++) {
        seen[rng_below(&rng, 3)]++;
        double u = rng_unit(&rng);
        assert_true(u >= 0 && u < 1);
        assert_int_equal(rng_below(&rng, 1), 0);
    }
    for (int i = 0; i < 3; i++) assert_true(seen[i] > 9500 && seen[i] < 10500);
    uint64_t bound = (UINT64_MAX >> 1) + 2; // the worst one: about half of the words are refused
    for (int i = 0; i < 1000; i++) assert_true(rng_below(&rng, bound) < bound);
}

static void test_skip_is_sorted(void **state) {
    (void)state;
    enum { RANGE = 1000, PUTS = 3000 };
    static bool there[RANGE + 1];
    struct arena arena;
    struct skip skip;
    struct rng rng;
    size_t count = 0;
    rng_seed(&rng, 5);
    arena_init(&arena, NULL, SIZE_MAX);
    skip_init(&skip, &arena);
    assert_null(skip_first(&skip));
    assert_null(skip_find(&skip, SLICE_LIT("0000")));
    assert_null(skip_before(&skip, SLICE_LIT("9999")));
    for (int i = 0; i < PUTS; i++) {
        char key[8];
        uint64_t n = rng_below(&rng, RANGE);
        (void)snprintf(key, sizeof key, "%04d", (int)n);
        struct skip_node *node = skip_put(&skip, slice_str(key));
        assert_non_null(node);
        assert_true((node->value != NULL) == there[n]);
        node->value = &there[n];
        count += !there[n];
        there[n] = true;
        assert_ptr_equal(skip_find(&skip, slice_str(key)), node);
    }
    assert_int_equal(skip.count, count);
    struct skip_node *before = NULL, *node = skip_first(&skip);
    for (int n = 0; n < RANGE; n++) {
        char key[8];
        (void)snprintf(key, sizeof key, "%04d", n);
        assert_ptr_equal(skip_before(&skip, slice_str(key)), before);
        assert_ptr_equal(skip_at_or_after(&skip, slice_str(key)), node);
        if (!there[n]) continue;
        assert_true(slice_eq_str(skip_key(node), key));
        assert_ptr_equal(node->prev, before);
        before = node;
        node = skip_next(node);
    }
    assert_null(node);
    arena_free(&arena);
}

static void test_skip_without_memory(void **state) {
    (void)state;
    struct arena arena;
    struct skip skip;
    arena_init(&arena, NULL, 1); // not even the head
    skip_init(&skip, &arena);
    assert_null(skip_put(&skip, SLICE_LIT("a")));
    assert_null(skip_find(&skip, SLICE_LIT("a")));
    assert_int_equal(skip.count, 0);
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_basics),
        cmocka_unit_test(test_map_copies_keys),
        cmocka_unit_test(test_map_of_passing_keys_stays_small),
        cmocka_unit_test(test_heap_basics),
        cmocka_unit_test(test_skip_is_sorted),
        cmocka_unit_test(test_skip_without_memory),
        cmocka_unit_test(test_rng_known),
        cmocka_unit_test(test_rng_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
