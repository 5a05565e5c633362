// The sorter against qsort: in memory and spilled, all keys and the first few, in one merge and in
// several; and what it says of a file that was damaged, of a full disk and of too little memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "query/sorter.h"
#include "support/doc_values.h"
#include "support/scratch.h"

enum { KEYS_MAX = 3000, KEY_SIZE_MAX = 300 };

static struct ctx ctx;
static struct budget budget;
static struct spill_place place;
static struct rng rng;
static struct slice keys[KEYS_MAX];

static uint32_t pick(uint32_t bound) { return (uint32_t)rng_below(&rng, bound); }

static int setup(void **state) {
    (void)state;
    char path[64];
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX / 2);
    budget_init(&budget, NULL, 0);
    doc_values_seed(&rng);
    scratch_dir("sorter", path);
    return temp_dir_open(&ctx, path, 0, &place.dir) == NACRE_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    assert_int_equal(atomic_load(&budget.used), 0);
    assert_int_equal(atomic_load(&place.dir.files), 0);
    assert_int_equal(dir_remove_all(&ctx, place.dir.path), NACRE_OK);
    temp_dir_close(&place.dir);
    ctx_free(&ctx);
    return 0;
}

// Few letters and a common beginning, so that keys are alike, begin one another, and are equal.
static void make_keys(uint32_t count, uint32_t size_max) {
    uint32_t common = pick(20);
    ctx_reset(&ctx);
    for (uint32_t i = 0; i < count; i++) {
        size_t n = common + pick(size_max);
        uint8_t *p = arena_alloc(&ctx.arena, n + 1);
        assert_non_null(p);
        memset(p, 'c', n);
        for (size_t k = common; k < n; k++)
            p[k] = (uint8_t)(pick(3) * 127);
        keys[i] = slice_of(p, n);
    }
}

static int by_key(const void *a, const void *b) {
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static void add_all(struct sorter *sorter, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(sorter_add(&ctx, sorter, keys[i]), NACRE_OK);
}

static void check_all(struct sorter *sorter, uint32_t count, size_t keep) {
    struct slice key;
    bool found;
    if (count) qsort(keys, count, sizeof *keys, by_key);
    for (uint32_t i = 0; i < count && i < keep; i++) {
        assert_false(sorter_is_empty(sorter));
        assert_int_equal(sorter_next(&ctx, sorter, &key, &found), NACRE_OK);
        assert_true(found && slice_eq(key, keys[i]));
    }
    assert_int_equal(sorter_next(&ctx, sorter, &key, &found), NACRE_OK);
    assert_false(found);
    assert_true(sorter_is_empty(sorter));
}

static void test_against_qsort(void **state) {
    (void)state;
    uint64_t spilled = 0;
    for (int round = 0; round < 300; round++) {
        struct sorter sorter;
        place.work_bytes = 1 + pick(round % 3 ? 2000 : 200000);
        sorter_init(&sorter, pick(4) ? &place : NULL, &budget, SIZE_MAX / 2);
        for (uint32_t uses = 1 + pick(3); uses; uses--) {
            uint32_t count = pick(pick(2) ? 50 : KEYS_MAX);
            size_t keep = pick(2) ? SIZE_MAX : 1 + pick(count + 10);
            sorter_reset(&sorter, keep);
            make_keys(count, 1 + pick(pick(8) ? 20 : KEY_SIZE_MAX));
            add_all(&sorter, count);
            if (pick(10)) check_all(&sorter, count, keep);
        }
        spilled += sorter.spill.written > 0;
        sorter_free(&sorter);
        assert_int_equal(atomic_load(&budget.used), 0);
    }
    assert_true(spilled > 100);
}

static void spill_some(struct sorter *sorter, size_t work_bytes) {
    place.work_bytes = work_bytes;
    sorter_init(sorter, &place, &budget, SIZE_MAX / 2);
    make_keys(KEYS_MAX, 40);
    add_all(sorter, KEYS_MAX);
}

// Any byte, in whatever block: keys that came before it are the right ones.
static void test_damage_is_told(void **state) {
    (void)state;
    for (int round = 0; round < 60; round++) {
        struct sorter sorter;
        struct slice key;
        uint8_t byte;
        bool found = true;
        uint32_t given = 0;
        nacre_status status = NACRE_OK;
        spill_some(&sorter, 20000);
        off_t at = (off_t)rng_below(&rng, sorter.spill.end);
        assert_int_equal(pread(sorter.spill.file.fd, &byte, 1, at), 1);
        byte ^= (uint8_t)(1 + pick(255));
        assert_int_equal(pwrite(sorter.spill.file.fd, &byte, 1, at), 1);
        qsort(keys, KEYS_MAX, sizeof *keys, by_key);
        while (status == NACRE_OK && found) {
            status = sorter_next(&ctx, &sorter, &key, &found);
            if (status == NACRE_OK && found) assert_true(slice_eq(key, keys[given++]));
        }
        assert_int_equal(status, NACRE_CORRUPT);
        sorter_free(&sorter);
    }
}

static void test_a_full_disk_is_told(void **state) {
    (void)state;
    struct sorter sorter;
    nacre_status status = NACRE_OK;
    place.work_bytes = 10000;
    place.dir.reserve_bytes = UINT64_MAX;
    sorter_init(&sorter, &place, &budget, SIZE_MAX / 2);
    make_keys(KEYS_MAX, 40);
    for (uint32_t i = 0; i < KEYS_MAX && status == NACRE_OK; i++)
        status = sorter_add(&ctx, &sorter, keys[i]);
    assert_int_equal(status, NACRE_DISK_FULL);
    sorter_free(&sorter);
    place.dir.reserve_bytes = 0;
}

// A budget that others use up is no error while there is something to spill.
static void test_a_tight_budget(void **state) {
    (void)state;
    struct sorter sorter;
    place.work_bytes = 1 << 20;
    budget_init(&budget, NULL, 600 << 10);
    sorter_init(&sorter, &place, &budget, SIZE_MAX / 2);
    for (int i = 0; i < 5; i++) {
        make_keys(KEYS_MAX, KEY_SIZE_MAX);
        add_all(&sorter, KEYS_MAX);
        assert_true(atomic_load(&budget.used) <= budget.limit);
    }
    struct slice key, before = slice_of(NULL, 0);
    struct buf last BUF_CLEANUP = {0};
    buf_init(&last, NULL, SIZE_MAX / 2);
    bool found = true;
    for (int i = 0; i < 5 * KEYS_MAX; i++) {
        assert_int_equal(sorter_next(&ctx, &sorter, &key, &found), NACRE_OK);
        assert_true(found && slice_cmp(before, key) <= 0);
        buf_reset(&last);
        buf_put_slice(&last, key);
        before = buf_slice(&last);
    }
    assert_true(sorter_is_empty(&sorter));
    sorter_free(&sorter);
    budget_init(&budget, NULL, 0);
}

// What a process that was killed left is removed; the directory of another name is made.
static void test_the_directory(void **state) {
    (void)state;
    struct temp_dir dir;
    struct file file;
    struct dir_list list;
    char path[128], inside[160];
    snprintf(path, sizeof path, "%s/tmp", place.dir.path);
    snprintf(inside, sizeof inside, "%s/17", path);
    assert_int_equal(temp_dir_open(&ctx, path, 0, &dir), NACRE_OK);
    assert_int_equal(temp_file_open(&ctx, &dir, &file), NACRE_OK);
    assert_false(file_exists(file.path));
    assert_int_equal(atomic_load(&dir.files), 1);
    temp_file_close(&dir, &file);
    temp_dir_close(&dir);
    assert_int_equal(file_replace(&ctx, inside, "left", 4), NACRE_OK);
    assert_int_equal(temp_dir_open(&ctx, path, 0, &dir), NACRE_OK);
    assert_int_equal(dir_list(&ctx, path, &list), NACRE_OK);
    assert_int_equal(list.count, 0);
    dir_list_free(&list);
    temp_dir_close(&dir);
}

#define SORTER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        SORTER_TEST(test_against_qsort),       SORTER_TEST(test_damage_is_told),
        SORTER_TEST(test_a_full_disk_is_told), SORTER_TEST(test_a_tight_budget),
        SORTER_TEST(test_the_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
