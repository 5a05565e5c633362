// Every allocation of ours, every file call of ours, and every call of memkv fails in turn: the
// error is typed, a batch is there whole or not at all, and the store works afterwards or says that
// it stopped.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/os/fault.h"
#include "base/os/file.h"
#include "store/memkv/kv_mem.h"
#include "support/kv_stand.h"

// The two batches of the scenario write the same keys in all families: all "1", then all "2".
static nacre_status write_all(struct kv *kv, struct ctx *ctx, const char *value) {
    struct kv_batch batch;
    kv_batch_init(&batch, NULL, 1 << 16);
    for (int f = 0; f < KV_FAMILIES; f++) {
        kv_batch_put(&batch, (enum kv_family)f, SLICE_LIT("a"), slice_str(value));
        kv_batch_put(&batch, (enum kv_family)f, SLICE_LIT("b"), slice_str(value));
        kv_batch_delete_range(&batch, (enum kv_family)f, SLICE_LIT("c"), SLICE_LIT("d"));
    }
    nacre_status status = kv->ops->write(kv, ctx, &batch);
    kv_batch_free(&batch);
    return status;
}

static nacre_status walk(struct kv *kv, struct ctx *ctx, struct kv_view *view) {
    struct kv_iter *it = NULL;
    TRY(kv->ops->iter_open(kv, ctx, view, KV_DATA, NULL, &it));
    int count = 0;
    for (it->ops->seek_first(it); it->valid; it->ops->next(it)) count++;
    nacre_status status = it->ops->status(it, ctx);
    if (status == NACRE_OK) assert_int_equal(count, 2);
    it->ops->close(it);
    return status;
}

static nacre_status read_pair(struct kv *kv, struct ctx *ctx, struct kv_view *view) {
    const struct slice keys[2] = {SLICE_LIT("a"), SLICE_LIT("b")};
    struct kv_pin pins[2];
    bool found[2];
    TRY(kv->ops->multi_get(kv, ctx, view, KV_DATA, 2, keys, pins, found));
    assert_true(found[0] && found[1]);
    assert_true(slice_eq(pins[0].value, pins[1].value)); // a batch is never half there
    kv->ops->unpin(kv, &pins[0]);
    kv->ops->unpin(kv, &pins[1]);
    return NACRE_OK;
}

static nacre_status with_view(struct kv *kv, struct ctx *ctx) {
    struct kv_view *view = NULL;
    TRY(kv->ops->view_open(kv, ctx, &view));
    nacre_status status = read_pair(kv, ctx, view);
    if (status == NACRE_OK) status = walk(kv, ctx, view);
    kv->ops->view_close(kv, view);
    return status;
}

static nacre_status scenario(struct kv *kv, struct ctx *ctx, const char *copy_dir) {
    TRY(write_all(kv, ctx, "1"));
    TRY(kv->ops->flush(kv, ctx));
    TRY(with_view(kv, ctx));
    TRY(write_all(kv, ctx, "2"));
    TRY(kv->ops->flush_begin(kv, ctx));
    TRY(kv->ops->checkpoint(kv, ctx, copy_dir));
    TRY(read_pair(kv, ctx, NULL));
    return kv->ops->flush(kv, ctx);
}

struct place {
    struct ctx ctx;
    char dir[256], db[300], copy[300];
};

static void place_make(struct place *p) {
    ctx_init(&p->ctx, &world_system, NULL, 1 << 20);
    kv_stand_scratch(p->dir);
    (void)snprintf(p->db, sizeof p->db, "%s/db", p->dir);
    (void)snprintf(p->copy, sizeof p->copy, "%s/copy", p->dir);
}

static void place_clear(struct place *p) {
    assert_int_equal(dir_remove_all(&p->ctx, p->dir), NACRE_OK);
    ctx_free(&p->ctx);
}

static nacre_status open_kind(struct place *p, enum kv_stand_kind kind, struct kv **out) {
    struct kv_rocks_options options = {.create = true};
    if (kind == KV_STAND_MEM) return kv_mem_new(&p->ctx, out);
    return kv_rocks_open(&p->ctx, p->db, &options, out);
}

// What is left is a state between two batches; the store goes on, or it stopped and says so.
static void check_after(struct place *p, enum kv_stand_kind kind, struct kv *kv) {
    nacre_status status = write_all(kv, &p->ctx, "3");
    if (status != NACRE_OK) {
        assert_int_equal(kind, KV_STAND_ROCKS);
        assert_int_equal(kv->ops->flush(kv, &p->ctx), status);
        kv->ops->close(kv);
        kv = NULL;
        assert_int_equal(open_kind(p, kind, &kv), NACRE_OK);
        assert_int_equal(write_all(kv, &p->ctx, "3"), NACRE_OK);
    }
    assert_int_equal(read_pair(kv, &p->ctx, NULL), NACRE_OK);
    assert_int_equal(walk(kv, &p->ctx, NULL), NACRE_OK);
    assert_int_equal(kv->ops->flush(kv, &p->ctx), NACRE_OK);
    kv->ops->close(kv);
}

// True if the fault was reached.
static bool fail_nth(enum kv_stand_kind kind, enum fault_kind fault, int64_t n, bool sticky) {
    struct place p;
    place_make(&p);
    struct kv *kv = NULL;
    fault_arm(fault, n, sticky);
    nacre_status status = open_kind(&p, kind, &kv);
    if (status == NACRE_OK) status = scenario(kv, &p.ctx, p.copy);
    bool fired = fault_fired(fault);
    fault_disarm(fault);
    if (!fired) assert_int_equal(status, NACRE_OK);
    if (status != NACRE_OK)
        assert_int_equal(status, fault == FAULT_ALLOC ? NACRE_MEMORY_LIMIT : NACRE_IO_ERROR);
    if (!kv) assert_int_equal(open_kind(&p, kind, &kv), NACRE_OK);
    check_after(&p, kind, kv);
    place_clear(&p);
    return fired;
}

static void fail_each(enum kv_stand_kind kind, enum fault_kind fault, bool sticky) {
    int64_t n = 1;
    while (fail_nth(kind, fault, n, sticky)) n++;
    print_message("%lld places\n", (long long)n - 1);
    assert_true(n > 5 || kind == KV_STAND_MEM);
}

static void test_memkv_allocations(void **state) {
    (void)state;
    fail_each(KV_STAND_MEM, FAULT_ALLOC, false);
    fail_each(KV_STAND_MEM, FAULT_ALLOC, true);
}

static void test_rocks_allocations(void **state) {
    (void)state;
    fail_each(KV_STAND_ROCKS, FAULT_ALLOC, false);
}

static void test_rocks_file_calls(void **state) {
    (void)state;
    fail_each(KV_STAND_ROCKS, FAULT_IO, false);
    fail_each(KV_STAND_ROCKS, FAULT_IO, true);
}

static void test_memkv_file_calls(void **state) {
    (void)state;
    fail_each(KV_STAND_MEM, FAULT_IO, false);
}

static void test_memkv_calls(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct place p;
        struct kv *kv = NULL;
        place_make(&p);
        assert_int_equal(kv_mem_new(&p.ctx, &kv), NACRE_OK);
        kv_mem_fail_nth(kv, n, true);
        nacre_status status = scenario(kv, &p.ctx, p.copy);
        if (status != NACRE_OK) assert_int_equal(write_all(kv, &p.ctx, "9"), NACRE_IO_ERROR);
        kv_mem_fail_nth(kv, 0, false);
        check_after(&p, KV_STAND_MEM, kv);
        place_clear(&p);
        if (status == NACRE_OK) break;
        assert_int_equal(status, NACRE_IO_ERROR);
        assert_true(n < 100);
    }
}

static void test_held_memkv_keeps_its_content(void **state) {
    (void)state;
    struct place p;
    struct kv *kv = NULL;
    place_make(&p);
    assert_int_equal(kv_mem_new(&p.ctx, &kv), NACRE_OK);
    kv_mem_hold(kv);
    assert_int_equal(write_all(kv, &p.ctx, "1"), NACRE_OK);
    kv->ops->close(kv);
    assert_int_equal(read_pair(kv, &p.ctx, NULL), NACRE_OK);
    kv->ops->close(kv);
    kv_mem_release(kv);
    place_clear(&p);
}

static void test_a_damaged_memkv_checkpoint(void **state) {
    (void)state;
    struct place p;
    struct kv *kv = NULL, *copy = NULL;
    char path[400];
    place_make(&p);
    assert_int_equal(kv_mem_new(&p.ctx, &kv), NACRE_OK);
    assert_int_equal(write_all(kv, &p.ctx, "1"), NACRE_OK);
    assert_int_equal(kv->ops->checkpoint(kv, &p.ctx, p.copy), NACRE_OK);
    kv->ops->close(kv);
    (void)snprintf(path, sizeof path, "%s/memory", p.copy);
    assert_int_equal(file_replace(&p.ctx, path, "0123456789", 10), NACRE_OK);
    assert_int_equal(kv_mem_open_checkpoint(&p.ctx, p.copy, &copy), NACRE_CORRUPT);
    assert_null(copy);
    place_clear(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memkv_allocations),
        cmocka_unit_test(test_rocks_allocations),
        cmocka_unit_test(test_rocks_file_calls),
        cmocka_unit_test(test_memkv_file_calls),
        cmocka_unit_test(test_memkv_calls),
        cmocka_unit_test(test_held_memkv_keeps_its_content),
        cmocka_unit_test(test_a_damaged_memkv_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
