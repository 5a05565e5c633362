// Every allocation and every call of the store is failed in turn while documents are checked,
// applied and built: the answer is the machine's error and never a result, nothing is written, and
// once the machine is well the same change goes through.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/os/fault.h"
#include "store/memkv/kv_mem.h"
#include "support/index_fixture.h"

static struct index_fixture f;
static struct doc *before, *after;

static void begin(void) {
    index_fixture_open(&f);
    index_fixture_add(&f, "a", "{\"fields\":[\"a\"],\"unique\":true}");
    index_fixture_add(&f, "bc", "{\"fields\":[\"b.c\",{\"path\":\"a\",\"order\":\"desc\"}]}");
    index_fixture_add(&f, "p", "{\"fields\":[\"n\"],\"where\":{\"n\":{\"$gt\":1}}}");
    before = index_fixture_doc(&f, "{\"a\":\"x\",\"b\":[{\"c\":1},{\"c\":[2,3]},{}],\"n\":2}");
    after = index_fixture_doc(&f, "{\"a\":\"y\",\"b\":[{\"c\":1.0},{\"c\":[3,4]}],\"n\":3}");
    assert_int_equal(index_fixture_change(&f, val_int(1), NULL, before), NACRE_OK);
}

static nacre_status run(struct ctx *ctx) {
    struct index_change change = {.tablet = INDEX_FIXTURE_TABLET,
                                  .id = val_int(1),
                                  .before = before,
                                  .after = after,
                                  .rowid = 3,
                                  .commit_ts = 2000,
                                  .kv = f.base.kv};
    struct kv_batch batch;
    int64_t bytes = 0;
    nacre_status status;
    kv_batch_init(&batch, NULL, SIZE_MAX / 2);
    status = index_check_unique(ctx, f.base.kv, &f.collection, &change);
    if (status == NACRE_OK) status = index_apply(ctx, &f.collection, &change, &batch, &bytes);
    kv_batch_reset(&batch);
    change.before = NULL;
    change.id = val_int(2);
    for (uint32_t i = 0; i < f.collection.index_count && status == NACRE_OK; i++)
        status = index_build_one(ctx, f.base.kv, &f.indexes[i], &change, &batch);
    uint16_t multikey = 0;
    if (status == NACRE_OK)
        status = index_multikey_read(ctx, f.base.kv, NULL, INDEX_FIXTURE_TABLET, 2, &multikey);
    kv_batch_free(&batch);
    return status;
}

// A ctx of its own, so that its arena's blocks are among what fails.
static nacre_status run_apart(char *detail) {
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX / 2);
    nacre_status status = run(&ctx);
    snprintf(detail, ERR_DETAIL_MAX, "%s", ctx.err.detail);
    ctx_free(&ctx);
    return status;
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    char detail[ERR_DETAIL_MAX];
    bool fired = true;
    int64_t n = 2;
    begin();
    for (; fired; n++) {
        fault_arm(FAULT_ALLOC, n / 2, n % 2);
        nacre_status status = run_apart(detail);
        fired = fault_fired(FAULT_ALLOC);
        fault_disarm(FAULT_ALLOC);
        // A buffer that cannot grow as it likes takes what it needs: one failure may pass unseen.
        bool may_pass = !fired || n % 2 == 0;
        if (status != (fired ? NACRE_MEMORY_LIMIT : NACRE_OK) && !(may_pass && status == NACRE_OK))
            fail_msg("allocation %d: status %d, %s", (int)n, status, detail);
    }
    assert_true(n > 10);
    assert_int_equal(index_fixture_change(&f, val_int(1), before, after), NACRE_OK);
    assert_int_equal(f.bytes, index_fixture_stored(&f));
    index_fixture_close(&f);
}

static void test_every_call_of_the_store_fails(void **state) {
    (void)state;
    char detail[ERR_DETAIL_MAX];
    nacre_status status = NACRE_IO_ERROR;
    int n = 1;
    begin();
    for (; status != NACRE_OK; n++) {
        kv_mem_fail_nth(f.base.kv, (uint64_t)n, false);
        status = run_apart(detail);
        if (status != NACRE_OK && status != NACRE_IO_ERROR) fail_msg("call %d: %s", n, detail);
        assert_true(n < 1000);
    }
    kv_mem_fail_nth(f.base.kv, 0, false);
    assert_true(n > 8);
    assert_int_equal(index_fixture_change(&f, val_int(1), before, after), NACRE_OK);
    assert_int_equal(f.bytes, index_fixture_stored(&f));
    index_fixture_close(&f);
}

// A batch that is full is an error of the change, not a shorter change.
static void test_a_batch_that_is_full(void **state) {
    (void)state;
    begin();
    struct index_change change = {.tablet = INDEX_FIXTURE_TABLET,
                                  .id = val_int(2),
                                  .after = after,
                                  .rowid = 4,
                                  .commit_ts = 2000,
                                  .kv = f.base.kv};
    for (size_t max = 0;; max += 7) {
        struct kv_batch batch;
        int64_t bytes = 77;
        kv_batch_init(&batch, NULL, max);
        nacre_status status = index_apply(&f.base.ctx, &f.collection, &change, &batch, &bytes);
        kv_batch_free(&batch);
        if (status == NACRE_OK) break;
        assert_int_equal(status, NACRE_REQUEST_TOO_LARGE);
        assert_int_equal(bytes, 77);
        assert_true(max < 10000);
    }
    index_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_fails),
        cmocka_unit_test(test_every_call_of_the_store_fails),
        cmocka_unit_test(test_a_batch_that_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
