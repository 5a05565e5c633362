// The heap's door, budgets.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "base/mem/mem.h"
#include "base/os/fault.h"

// The sanitizers' heaps are their own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define HEAP_IS_LIBC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define HEAP_IS_LIBC 0
#endif
#endif
#ifndef HEAP_IS_LIBC
#define HEAP_IS_LIBC 1
#endif

static void test_alloc_of_nothing_is_something(void **state) {
    (void)state;
    void *p = mem_alloc(0), *q = mem_zalloc(0);
    assert_non_null(p);
    assert_non_null(q);
    p = mem_realloc(p, 0);
    assert_non_null(p);
    mem_free(p);
    mem_free(q);
    mem_free(NULL);
}

static void test_zalloc_strdup_realloc(void **state) {
    (void)state;
    MEM_CLEANUP uint8_t *p = mem_zalloc(100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    MEM_CLEANUP char *s = mem_strdup("pearl");
    assert_string_equal(s, "pearl");
    s = mem_realloc(s, 1000);
    assert_string_equal(s, "pearl");
}

// Small blocks with one that stays among every sixteen: the heap cannot shrink at its end.
static void test_trim_gives_back_what_lies_between(void **state) {
    (void)state;
    enum { BLOCKS = 16384, SIZE = 4096, KEPT = 16 };
    static uint8_t *blocks[BLOCKS];
    const uint64_t all = (uint64_t)BLOCKS * SIZE;
    uint64_t before = mem_resident();
    assert_true(before > 0);
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = mem_alloc(SIZE);
        assert_non_null(blocks[i]);
        memset(blocks[i], (int)(i & 255), SIZE);
    }
    uint64_t full = mem_resident();
    assert_true(full >= before + all / 4 * 3);
    for (size_t i = 0; i < BLOCKS; i++)
        if (i % KEPT) mem_free(blocks[i]);
    mem_trim();
    if (HEAP_IS_LIBC) assert_true(mem_resident() + all / 2 < full);
    for (size_t i = 0; i < BLOCKS; i += KEPT) {
        assert_int_equal(blocks[i][0], i & 255);
        assert_int_equal(blocks[i][SIZE - 1], i & 255);
        mem_free(blocks[i]);
    }
}

static void test_every_door_has_the_fault_point(void **state) {
    (void)state;
    char *s = mem_strdup("x");
    fault_arm(FAULT_ALLOC, 1, true);
    void *a = mem_alloc(1), *z = mem_zalloc(1), *r = mem_realloc(s, 100), *d = mem_strdup("y");
    fault_disarm(FAULT_ALLOC);
    assert_null(a);
    assert_null(z);
    assert_null(r);
    assert_null(d);
    assert_string_equal(s, "x"); // still valid
    mem_free(s);
}

static void test_budget_limit(void **state) {
    (void)state;
    struct budget b;
    budget_init(&b, NULL, 100);
    assert_true(budget_charge(&b, 60));
    assert_false(budget_charge(&b, 41));
    assert_true(budget_charge(&b, 40));
    assert_false(budget_charge(&b, 1));
    assert_true(budget_charge(&b, 0));
    budget_release(&b, 100);
    assert_int_equal(atomic_load(&b.used), 0);
    assert_true(budget_charge(NULL, SIZE_MAX));
    budget_release(NULL, SIZE_MAX);
}

static void test_budget_without_limit_does_not_wrap(void **state) {
    (void)state;
    struct budget b;
    budget_init(&b, NULL, 0);
    assert_true(budget_charge(&b, SIZE_MAX));
    assert_false(budget_charge(&b, 1));
    budget_release(&b, SIZE_MAX);
}

static void test_budget_parent_refuses_and_child_is_undone(void **state) {
    (void)state;
    struct budget process, tenant, request;
    budget_init(&process, NULL, 100);
    budget_init(&tenant, &process, 0);
    budget_init(&request, &tenant, 1000);
    assert_true(budget_charge(&request, 70));
    assert_false(budget_charge(&request, 31));
    assert_int_equal(atomic_load(&request.used), 70);
    assert_int_equal(atomic_load(&tenant.used), 70);
    assert_int_equal(atomic_load(&process.used), 70);
    budget_release(&request, 70);
    assert_int_equal(atomic_load(&process.used), 0);
}

static struct budget shared;

static void *charge_and_release(void *arg) {
    size_t *refused = arg;
    for (int i = 0; i < 20000; i++) {
        if (!budget_charge(&shared, 3))
            ++*refused;
        else
            budget_release(&shared, 3);
    }
    return NULL;
}

// Four threads with 3 bytes each fit 12: none may be refused because another was just asking.
static void test_budget_threads(void **state) {
    (void)state;
    budget_init(&shared, NULL, 12);
    pthread_t threads[4];
    size_t refused[4] = {0};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, charge_and_release, &refused[i]), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(refused[i], 0);
    assert_int_equal(atomic_load(&shared.used), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc_of_nothing_is_something),
        cmocka_unit_test(test_zalloc_strdup_realloc),
        cmocka_unit_test(test_trim_gives_back_what_lies_between),
        cmocka_unit_test(test_every_door_has_the_fault_point),
        cmocka_unit_test(test_budget_limit),
        cmocka_unit_test(test_budget_without_limit_does_not_wrap),
        cmocka_unit_test(test_budget_parent_refuses_and_child_is_undone),
        cmocka_unit_test(test_budget_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
