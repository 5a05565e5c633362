// Map, heap, buffer and arena against naive models under random operations.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/ds/heap.h"
#include "base/ds/map.h"
#include "base/mem/arena.h"
#include "base/mem/buf.h"
#include "property/base/seed.h"

static struct rng rng;

enum { KEYS = 300, KEY_MAX = 20 };

struct model_entry {
    uint8_t key[KEY_MAX];
    size_t size;
    void *value; // NULL: absent
};

static struct model_entry model[KEYS];

static bool model_has(size_t count, const struct model_entry *entry) {
    for (size_t i = 0; i < count; i++)
        if (model[i].size == entry->size && memcmp(model[i].key, entry->key, entry->size) == 0)
            return true;
    return false;
}

static void model_make_keys(void) {
    for (size_t i = 0; i < KEYS; i++)
        do {
            model[i].value = NULL;
            model[i].size = rng_below(&rng, KEY_MAX + 1);
            for (size_t k = 0; k < model[i].size; k++)
                model[i].key[k] = (uint8_t)rng_below(&rng, 3);
        } while (model_has(i, &model[i]));
}

static void check_map_all(const struct map *map) {
    size_t expected = 0, seen = 0, at = 0;
    struct slice key;
    void *value;
    for (size_t i = 0; i < KEYS; i++) {
        expected += model[i].value != NULL;
        assert_ptr_equal(map_get(map, slice_of(model[i].key, model[i].size)), model[i].value);
    }
    assert_int_equal(map->count, expected);
    while (map_next(map, &at, &key, &value)) {
        assert_ptr_equal(map_get(map, key), value); // each once: seen is the count
        seen++;
    }
    assert_int_equal(seen, expected);
    assert_false(map_next(map, &at, &key, &value));
}

static void test_map(void **state) {
    (void)state;
    struct map map;
    map_init(&map);
    for (int round = 0; round < 20; round++) {
        model_make_keys();
        uint64_t puts = 1 + rng_below(&rng, 9); // of ten: growing and shrinking rounds
        for (int step = 0; step < 3000; step++) {
            struct model_entry *entry = &model[rng_below(&rng, KEYS)];
            struct slice key = slice_of(entry->key, entry->size);
            if (rng_below(&rng, 10) < puts) {
                entry->value = &model[rng_below(&rng, KEYS)];
                assert_true(map_put(&map, key, entry->value));
            } else {
                assert_ptr_equal(map_remove(&map, key), entry->value);
                entry->value = NULL;
            }
            if (step % 100 == 0) check_map_all(&map);
        }
        check_map_all(&map);
        map_free(&map);
    }
}

static int by_value(const void *a, const void *b, void *arg) {
    (void)arg;
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void test_heap(void **state) {
    (void)state;
    static uint64_t values[2000];
    struct heap heap;
    heap_init(&heap, by_value, NULL);
    size_t used = 0, live = 0;
    while (used < 2000 || live) {
        if (used < 2000 && rng_below(&rng, 5) < 3) {
            values[used] = rng_below(&rng, 500);
            assert_true(heap_push(&heap, &values[used++]));
            live++;
        } else if (live && rng_below(&rng, 4) == 0) {
            *(uint64_t *)heap.items[0] = rng_below(&rng, 500);
            heap_sift_top(&heap);
        } else {
            uint64_t least = UINT64_MAX; // UINT64_MAX also marks what was popped
            for (size_t i = 0; i < used; i++) least = values[i] < least ? values[i] : least;
            uint64_t *popped = heap_pop(&heap);
            assert_true(popped ? *popped == least : live == 0);
            if (popped) *popped = UINT64_MAX;
            live -= popped != NULL;
        }
        assert_int_equal(heap.count, live);
    }
    heap_free(&heap);
}

static void test_buf(void **state) {
    (void)state;
    static uint8_t expected[5000];
    for (int round = 0; round < 200; round++) {
        size_t max = rng_below(&rng, sizeof expected), n = 0;
        bool failed = false;
        struct buf buf;
        buf_init(&buf, NULL, max);
        for (int step = 0; step < 100; step++) {
            uint8_t bytes[200];
            size_t size = rng_below(&rng, sizeof bytes);
            memset(bytes, step, size);
            failed = failed || size > max - n;
            if (rng_below(&rng, 2)) buf_put(&buf, bytes, size);
            else buf_printf(&buf, "%.*s", (int)size, (memset(bytes, 'a' + step % 26, size), bytes));
            if (!failed && size) memcpy(expected + n, bytes, size);
            if (!failed) n += size;
            assert_int_equal(buf_status(&buf), failed ? NACRE_REQUEST_TOO_LARGE : NACRE_OK);
            assert_int_equal(buf.n, n);
            assert_true(buf.cap <= max);
            if (n) assert_memory_equal(buf.p, expected, n);
        }
        buf_free(&buf);
    }
}

// Each piece is filled with its number; at the end of its life it must still hold it.
enum { PIECES = 400, MARKS = 8 };

struct piece {
    uint8_t *p;
    size_t size;
    uint8_t fill;
};

static void check_pieces(const struct piece *pieces, size_t from, size_t to) {
    for (size_t i = from; i < to; i++)
        for (size_t k = 0; k < pieces[i].size; k++)
            assert_int_equal(pieces[i].p[k], pieces[i].fill);
}

static void test_arena(void **state) {
    (void)state;
    static struct piece pieces[PIECES];
    struct budget budget;
    struct arena arena;
    budget_init(&budget, NULL, 0);
    arena_init(&arena, &budget, 32 << 20);
    struct arena_mark marks[MARKS];
    size_t counts[MARKS], depth = 0, count = 0;
    for (int step = 0; step < 6000; step++) {
        uint64_t what = rng_below(&rng, 20);
        if (what == 0 && depth < MARKS) {
            counts[depth] = count;
            marks[depth++] = arena_mark(&arena);
        } else if ((what == 1 || count == PIECES) && depth) {
            depth = rng_below(&rng, depth);
            check_pieces(pieces, counts[depth], count);
            arena_rewind(&arena, marks[depth]);
            count = counts[depth];
        } else if (count == PIECES) {
            check_pieces(pieces, 0, count);
            arena_reset(&arena);
            count = 0;
        } else {
            size_t size = rng_below(&rng, 50) ? rng_below(&rng, 600) : rng_below(&rng, 600000);
            uint8_t *p = arena_alloc(&arena, size);
            if (!p) continue;
            if (size) memset(p, step, size);
            pieces[count++] = (struct piece){.p = p, .size = size, .fill = (uint8_t)step};
        }
        assert_int_equal(atomic_load(&budget.used), arena.used);
    }
    check_pieces(pieces, 0, count);
    arena_free(&arena);
    assert_int_equal(atomic_load(&budget.used), 0);
}

int main(void) {
    seed_rng(&rng);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_heap),
        cmocka_unit_test(test_buf),
        cmocka_unit_test(test_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
