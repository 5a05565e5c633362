// Each allocation fails in turn, alone and with all after it: the answer is a status, what was
// there before is still there, and nothing leaks (the address sanitizer looks).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits/zstd.h"
#include "base/ds/heap.h"
#include "base/ds/map.h"
#include "base/err/ctx.h"
#include "base/os/fault.h"
#include "base/os/file.h"

static struct ctx ctx;
static char root[200];

// Runs scenario with the n-th allocation failing, for n from 1 to its end. Where one failure may be
// made good (a smaller request is tried), only a failure of all that follow must show.
static void each_allocation(nacre_status (*scenario)(void)) {
    for (int sticky = 0; sticky < 2; sticky++)
        for (int64_t n = 1;; n++) {
            ctx_init(&ctx, &world_system, NULL, 1 << 20);
            fault_arm(FAULT_ALLOC, n, sticky);
            nacre_status status = scenario();
            fault_disarm(FAULT_ALLOC);
            if (status != NACRE_OK) assert_int_equal(status, NACRE_MEMORY_LIMIT);
            bool fired = fault_fired(FAULT_ALLOC);
            if (sticky && fired) assert_int_equal(status, NACRE_MEMORY_LIMIT);
            if (!fired) assert_int_equal(status, NACRE_OK);
            ctx_free(&ctx);
            if (!fired) break;
            assert_true(n < 10000);
        }
}

static nacre_status use_buf(void) {
    struct buf buf;
    buf_init(&buf, NULL, 5000);
    size_t n = 0;
    for (int i = 0; i < 100; i++) {
        buf_printf(&buf, "%020d", i);
        buf_put_str(&buf, "0123456789");
        if (buf_status(&buf) == NACRE_OK) n = buf.n;
    }
    buf_printf(&buf, "%*s", (int)(5000 - n), ""); // to the last byte: goes another way
    assert_true(buf.n >= n);                      // an error takes nothing away
    nacre_status status = buf_status(&buf);
    if (status != NACRE_OK) (void)err_buf(&ctx, &buf);
    buf_free(&buf);
    return status;
}

static void test_buf(void **state) {
    (void)state;
    each_allocation(use_buf);
}

static nacre_status fill_map(struct map *map) {
    for (int i = 0; i < 100; i++) {
        char key[40];
        snprintf(key, sizeof key, i % 2 ? "%d" : "a key of more than eight bytes %d", i);
        size_t count = map->count;
        bool done = map_put(map, slice_str(key), &ctx);
        assert_int_equal(map->count, count + done);
        assert_int_equal(map_get(map, slice_str(key)) != NULL, done);
        if (!done) return NACRE_MEMORY_LIMIT;
        if (i % 10 == 0) assert_non_null(map_remove(map, slice_str(key)));
    }
    return NACRE_OK;
}

static nacre_status use_map(void) {
    struct map map;
    map_init(&map);
    nacre_status status = fill_map(&map);
    size_t at = 0, seen = 0;
    struct slice key;
    void *value;
    while (map_next(&map, &at, &key, &value)) seen++;
    assert_int_equal(seen, map.count);
    map_free(&map);
    return status;
}

static void test_map(void **state) {
    (void)state;
    each_allocation(use_map);
}

static int by_address(const void *a, const void *b, void *arg) {
    (void)arg;
    return ((uintptr_t)a > (uintptr_t)b) - ((uintptr_t)a < (uintptr_t)b);
}

static nacre_status use_heap(void) {
    static char items[100];
    struct heap heap;
    nacre_status status = NACRE_OK;
    heap_init(&heap, by_address, NULL);
    size_t pushed = 0;
    for (; pushed < 100 && status == NACRE_OK; pushed++)
        if (!heap_push(&heap, &items[99 - pushed])) status = NACRE_MEMORY_LIMIT;
    pushed -= status != NACRE_OK;
    for (size_t i = 0; i < pushed; i++) assert_ptr_equal(heap_pop(&heap), &items[100 - pushed + i]);
    assert_null(heap_pop(&heap));
    heap_free(&heap);
    return status;
}

static void test_heap(void **state) {
    (void)state;
    each_allocation(use_heap);
}

static nacre_status use_arena(void) {
    struct budget budget;
    struct arena arena;
    nacre_status status = NACRE_OK;
    budget_init(&budget, NULL, 0);
    arena_init(&arena, &budget, 64 << 20);
    for (size_t i = 0; i < 40 && status == NACRE_OK; i++) {
        struct arena_mark mark = arena_mark(&arena);
        if (!arena_alloc(&arena, i * 20000)) status = err_nomem(&ctx);
        assert_int_equal(atomic_load(&budget.used), arena.used);
        if (i % 3 == 0) arena_rewind(&arena, mark);
    }
    arena_free(&arena);
    assert_int_equal(atomic_load(&budget.used), 0);
    return status;
}

static void test_arena(void **state) {
    (void)state;
    each_allocation(use_arena);
}

static nacre_status use_zstd_stream(struct slice in) {
    struct zstd_stream *stream;
    uint8_t out[1000];
    size_t n = 1;
    TRY(zstd_stream_new(&ctx, &stream));
    nacre_status status = NACRE_OK;
    while ((in.n || n) && status == NACRE_OK)
        status = zstd_stream_read(&ctx, stream, &in, out, sizeof out, &n);
    if (status == NACRE_OK) assert_true(zstd_stream_done(stream));
    zstd_stream_free(stream);
    return status;
}

static nacre_status use_zstd_with(struct buf *packed, struct buf *out) {
    static uint8_t bytes[20000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * i >> 7);
    TRY(zstd_compress(&ctx, slice_of(bytes, sizeof bytes), 3, packed));
    TRY(zstd_decompress(&ctx, buf_slice(packed), sizeof bytes, out));
    assert_true(slice_eq(buf_slice(out), slice_of(bytes, sizeof bytes)));
    return use_zstd_stream(buf_slice(packed));
}

static nacre_status use_zstd(void) {
    struct buf packed, out;
    buf_init(&packed, NULL, 1 << 20);
    buf_init(&out, NULL, 1 << 20);
    nacre_status status = use_zstd_with(&packed, &out);
    if (status != NACRE_OK) assert_int_equal(ctx.err.status, status);
    buf_free(&packed);
    buf_free(&out);
    return status;
}

static void test_zstd(void **state) {
    (void)state;
    each_allocation(use_zstd);
}

static nacre_status use_files_with(struct buf *out) {
    char path[300];
    struct dir_list list;
    struct file file;
    snprintf(path, sizeof path, "%s/dir", root);
    TRY(dir_make(&ctx, path));
    for (int i = 1; i < 20; i++) { // directories, as each file would cost a sync
        snprintf(path, sizeof path, "%s/dir/%d", root, i);
        TRY(dir_make(&ctx, path));
    }
    snprintf(path, sizeof path, "%s/dir/0", root);
    TRY(file_replace(&ctx, path, "pearl", 5));
    TRY(file_read_all(&ctx, path, 100, out));
    TRY(file_open(&ctx, path, FILE_READ, &file));
    file_close(&file);
    snprintf(path, sizeof path, "%s/dir", root);
    TRY(dir_list(&ctx, path, &list));
    assert_int_equal(list.count, 20);
    dir_list_free(&list);
    return dir_remove_all(&ctx, path);
}

static nacre_status use_files(void) {
    struct buf out;
    buf_init(&out, NULL, 1 << 20);
    nacre_status status = use_files_with(&out);
    if (status != NACRE_OK) assert_int_equal(ctx.err.status, status);
    buf_free(&out);
    return status;
}

static void test_files(void **state) {
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(root, sizeof root, "%s/nacre-alloc-XXXXXX", tmp && strlen(tmp) < 100 ? tmp : "/tmp");
    assert_non_null(mkdtemp(root));
    each_allocation(use_files);
    ctx_init(&ctx, &world_system, NULL, 1 << 20);
    assert_int_equal(dir_remove_all(&ctx, root), NACRE_OK);
    ctx_free(&ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf),  cmocka_unit_test(test_map),   cmocka_unit_test(test_heap),
        cmocka_unit_test(test_arena), cmocka_unit_test(test_zstd), cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
