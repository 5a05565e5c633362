// A transaction that nobody calls any more: when its time is up it gives back the state it holds,
// and its next call is told; what was read in it stays.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/tx.h"
#include "support/engine_harness.h"

static uint32_t refs_of(struct view *view) { return atomic_load(&view->refs); }

static void test_idle(void **state) {
    struct harness h;
    struct engine_tx *tx;
    struct engine_tx_options options = {.serializable = true};
    struct engine_collection c = {.target.collection = SLICE_LIT("things")};
    struct engine_doc doc = {0};
    struct result result;
    (void)state;
    for (int writes = 0; writes < 2; writes++) {
        harness_open_memory(&h, 1);
        assert_int_equal(harness_put(&h, "things", "{\"_id\":1,\"n\":1}", NULL), NACRE_OK);
        struct view *held = engine_view(h.engine);
        assert_int_equal(engine_tx_new(&h.ctx, h.engine, &tx), NACRE_OK);
        assert_int_equal(engine_tx_begin(&h.ctx, tx, &options), NACRE_OK);
        assert_int_equal(engine_tx_get(&h.ctx, tx, &c, val_int(1), &doc), NACRE_OK);
        if (writes) {
            struct write_item item = {.kind = WRITE_PUT, .body = harness_bson(&h, "{\"_id\":2}")};
            struct write_request request = {
                .target.collection = SLICE_LIT("things"), .count = 1, .items = &item};
            assert_int_equal(engine_tx_write(&h.ctx, tx, &request, &result), NACRE_OK);
        }
        // A later view is published: only the transaction and this test hold that one.
        assert_int_equal(harness_put(&h, "things", "{\"_id\":3}", NULL), NACRE_OK);
        assert_true(refs_of(held) > 1);
        world_model_advance(&h.world, TX_TIMEOUT_MS - 1000);
        assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
        assert_true(refs_of(held) > 1);
        assert_int_equal(engine_tx_check(&h.ctx, tx), NACRE_OK);
        world_model_advance(&h.world, 2000);
        assert_int_equal(engine_tick(&h.ctx, h.engine), NACRE_OK);
        engine_release_doc(h.engine, &doc);
        assert_int_equal(refs_of(held), 1);
        assert_int_equal(engine_tx_get(&h.ctx, tx, &c, val_int(1), &doc),
                         NACRE_TRANSACTION_TOO_OLD);
        assert_int_equal(engine_tx_commit(&h.ctx, tx, &result), NACRE_TRANSACTION_NOT_FOUND);
        // The next one has nothing of it.
        assert_int_equal(engine_tx_begin(&h.ctx, tx, &options), NACRE_OK);
        assert_int_equal(engine_tx_get(&h.ctx, tx, &c, val_int(2), &doc), NACRE_DOCUMENT_NOT_FOUND);
        assert_int_equal(engine_tx_get(&h.ctx, tx, &c, val_int(3), &doc), NACRE_OK);
        engine_release_doc(h.engine, &doc);
        assert_int_equal(engine_tx_commit(&h.ctx, tx, &result), NACRE_OK);
        txn_view_release(held);
        engine_tx_free(tx);
        harness_close(&h);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_idle)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
