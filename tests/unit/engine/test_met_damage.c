// A command that met damage in the store is flushed by the next round of the background, so that a
// replay need not meet it: after a crash the database opens. Before that round it does not, and
// names the record.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/keyspace.h"
#include "log/model/log_model.h"
#include "store/memkv/kv_mem.h"
#include "support/engine_harness.h"

static struct engine_options options_of(struct harness *h) {
    return (struct engine_options){.memory_bytes = 256u << 20,
                                   .kv = h->kv,
                                   .log = h->log,
                                   .world = &h->world.world,
                                   .no_background = true};
}

// The row of document 1 becomes something else, for good, behind the engine's back.
static void damage(struct harness *h) {
    struct engine_collection c = {.target.collection = SLICE_LIT("c")};
    struct engine_options options = options_of(h);
    struct buf key BUF_CLEANUP = {0};
    struct kv_batch batch;
    assert_int_equal(engine_resolve(&h->ctx, h->engine, c.target, &c), NACRE_OK);
    assert_int_equal(engine_close(&h->ctx, h->engine), NACRE_OK);
    buf_init(&key, NULL, SIZE_MAX);
    keyspace_document(&key, c.tablet, val_int(1));
    kv_batch_init(&batch, NULL, SIZE_MAX);
    kv_batch_put(&batch, KV_DATA, buf_slice(&key), SLICE_LIT("no row, but long enough to be one"));
    assert_int_equal(h->kv->ops->write(h->kv, &h->ctx, &batch), NACRE_OK);
    kv_batch_free(&batch);
    assert_int_equal(h->kv->ops->flush(h->kv, &h->ctx), NACRE_OK);
    log_model_reopen(h->log);
    assert_int_equal(engine_open(&h->ctx, &options, &h->engine), NACRE_OK);
}

static nacre_status patch(struct harness *h) {
    struct result ignored;
    struct write_item item = {
        .kind = WRITE_PATCH, .id = val_int(1), .body = harness_bson(h, "{\"n\":2}")};
    struct write_request request = {
        .target.collection = SLICE_LIT("c"), .count = 1, .items = &item};
    return engine_write(&h->ctx, h->engine, &request, &ignored);
}

// The power goes: what was not flushed is gone from the store, and nothing from the log.
static nacre_status crash(struct harness *h) {
    struct engine_options options = options_of(h);
    kv_mem_fail_nth(h->kv, 1, true);
    nacre_status status = engine_close(&h->ctx, h->engine);
    assert_int_equal(status, NACRE_IO_ERROR);
    kv_mem_fail_nth(h->kv, 0, false);
    kv_mem_crash(h->kv);
    log_model_reopen(h->log);
    return engine_open(&h->ctx, &options, &h->engine);
}

static void run(bool tick, nacre_status want) {
    struct harness h;
    harness_open_memory(&h, 1);
    assert_int_equal(harness_put(&h, "c", "{\"_id\":1,\"n\":1}", NULL), NACRE_OK);
    damage(&h);
    assert_int_equal(harness_put(&h, "c", "{\"_id\":2}", NULL), NACRE_OK);
    assert_int_equal(patch(&h), NACRE_CORRUPT);
    if (tick) assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
    assert_int_equal(crash(&h), want);
    if (want == NACRE_OK) {
        assert_string_equal(harness_get(&h, "c", val_int(2)), "{\"_id\":2}");
    } else {
        assert_non_null(strstr(h.ctx.err.hint, "of the log cannot be applied"));
        // Mended, it opens.
        struct engine_options options = options_of(&h);
        kv_mem_crash(h.kv);
        struct kv_batch batch;
        struct buf key BUF_CLEANUP = {0};
        buf_init(&key, NULL, SIZE_MAX);
        keyspace_document(&key, 1, val_int(1));
        kv_batch_init(&batch, NULL, SIZE_MAX);
        kv_batch_delete(&batch, KV_DATA, buf_slice(&key));
        assert_int_equal(h.kv->ops->write(h.kv, &h.ctx, &batch), NACRE_OK);
        kv_batch_free(&batch);
        log_model_reopen(h.log);
        assert_int_equal(engine_open(&h.ctx, &options, &h.engine), NACRE_OK);
    }
    harness_close(&h);
}

static void test_flushed(void **state) {
    (void)state;
    run(true, NACRE_OK);
}
static void test_not_flushed(void **state) {
    (void)state;
    run(false, NACRE_CORRUPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_flushed),
                                       cmocka_unit_test(test_not_flushed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
