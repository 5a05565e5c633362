// The arena: alignment, marks, bound, budget.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem/arena.h"

enum { KIB = 1024, MIB = 1024 * 1024 };

static void test_alignment_and_separate_room(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, NULL, 16 * MIB);
    uint8_t *last = NULL;
    for (size_t size = 0; size < 3000; size++) {
        uint8_t *p = arena_alloc(&a, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        if (size) memset(p, (int)size, size);
        if (last) assert_int_equal(last[size - 2], (uint8_t)(size - 1));
        if (size) last = p;
    }
    arena_free(&a);
}

static void test_nothing_from_an_empty_arena_is_not_null(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, NULL, 0);
    assert_non_null(arena_alloc(&a, 0));
    assert_null(arena_alloc(&a, 1));
    arena_free(&a);
}

static void test_copies(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, NULL, MIB);
    assert_string_equal(arena_str(&a, SLICE_LIT("pearl")), "pearl");
    assert_string_equal(arena_str(&a, slice_of(NULL, 0)), "");
    assert_memory_equal(arena_copy(&a, "abc", 3), "abc", 3);
    uint64_t *v = ARENA_ARRAY(&a, uint64_t, 100);
    for (int i = 0; i < 100; i++) assert_int_equal(v[i], 0);
    assert_null(ARENA_ARRAY(&a, uint64_t, SIZE_MAX / 4));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 20));
    assert_null(arena_str(&a, slice_of("", SIZE_MAX)));
    arena_free(&a);
}

static void test_bound_is_kept_and_used_up(void **state) {
    (void)state;
    struct budget budget;
    budget_init(&budget, NULL, 0);
    struct arena a;
    arena_init(&a, &budget, MIB);
    size_t got = 0;
    while (arena_alloc(&a, 1000)) got += 1000;
    assert_true(a.used <= MIB);
    assert_int_equal(atomic_load(&budget.used), a.used);
    assert_true(got > MIB / 10 * 9);
    arena_free(&a);
    assert_int_equal(atomic_load(&budget.used), 0);
    assert_int_equal(a.used, 0);
}

static void test_budget_refuses(void **state) {
    (void)state;
    struct budget budget;
    budget_init(&budget, NULL, 20 * KIB);
    struct arena a;
    arena_init(&a, &budget, MIB);
    assert_non_null(arena_alloc(&a, 100));
    assert_null(arena_alloc(&a, 64 * KIB));
    assert_non_null(arena_alloc(&a, 9 * KIB)); // no doubled block fits, an exact one does
    arena_free(&a);
    assert_int_equal(atomic_load(&budget.used), 0);
}

static void test_rewind(void **state) {
    (void)state;
    struct budget budget;
    budget_init(&budget, NULL, 0);
    struct arena a;
    arena_init(&a, &budget, 64 * MIB);
    struct arena_mark empty = arena_mark(&a);
    char *kept = arena_str(&a, SLICE_LIT("kept"));
    struct arena_mark mark = arena_mark(&a);
    size_t used = a.used;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 300; i++)
            memset(arena_alloc(&a, 10 * KIB), 1, 10 * KIB);
        memset(arena_alloc(&a, 3 * MIB), 2, 3 * MIB);
        arena_rewind(&a, mark);
        assert_int_equal(a.used, used);
        assert_string_equal(kept, "kept");
    }
    arena_rewind(&a, empty);
    assert_int_equal(atomic_load(&budget.used), 0);
    arena_free(&a);
}

// A large allocation has a block of its own: what is left of the newest block is still used.
static void test_large_ones_stand_aside(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, NULL, 64 * MIB);
    uint8_t *before = arena_alloc(&a, 16);
    struct arena_mark mark = arena_mark(&a);
    uint8_t *large = arena_alloc(&a, 2 * MIB);
    memset(large, 3, 2 * MIB);
    uint8_t *after = arena_alloc(&a, 16);
    assert_ptr_equal(after, before + 16);
    arena_rewind(&a, mark);
    assert_ptr_equal(arena_alloc(&a, 16), before + 16);
    arena_free(&a);
}

static void test_reset_keeps_one_block(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, NULL, 64 * MIB);
    void *first = arena_alloc(&a, 100);
    size_t used = a.used;
    for (int i = 0; i < 100; i++) assert_non_null(arena_alloc(&a, 50 * KIB));
    assert_non_null(arena_alloc(&a, MIB));
    arena_reset(&a);
    assert_int_equal(a.used, used);
    assert_ptr_equal(arena_alloc(&a, 100), first);
    arena_free(&a);
    arena_reset(&a); // of an empty one
    assert_int_equal(a.used, 0);
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignment_and_separate_room),
        cmocka_unit_test(test_nothing_from_an_empty_arena_is_not_null),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_bound_is_kept_and_used_up),
        cmocka_unit_test(test_budget_refuses),
        cmocka_unit_test(test_rewind),
        cmocka_unit_test(test_large_ones_stand_aside),
        cmocka_unit_test(test_reset_keeps_one_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
