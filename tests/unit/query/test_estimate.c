// Estimates over files: what looks at an index have found lately is expected of values that were
// not looked at yet, but not of those that files show to be others, nor where deletions made files
// lie.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bits/bits.h"
#include "catalog/keyspace.h"
#include "query/estimate.h"
#include "support/kv_stand.h"

enum { VALUES = 3000, EACH = 20, HOT = VALUES, HOT_KEYS = 60000, INDEX = 7, TABLET = 1 };
enum { ALL = VALUES * EACH + HOT_KEYS, LOOKS = 8 };

static uint32_t opened; // iterators: looks
static nacre_status (*open_really)(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                                   enum kv_family family, const struct kv_iter_options *options,
                                   struct kv_iter **out);

static nacre_status open_counted(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                                 enum kv_family family, const struct kv_iter_options *options,
                                 struct kv_iter **out) {
    opened++;
    return open_really(kv, ctx, view, family, options, out);
}

struct stand {
    struct kv_stand kv;
    struct kv_ops ops;
    const struct kv_ops *theirs;
    struct view view;
    struct estimate_memo *memo;
    struct world_model world; // what was found is good for ten seconds
};

// One index of 20 keys for each value but the last.
static void put_key(struct buf *key, uint32_t value, uint32_t n) {
    buf_reset(key);
    keyspace_index(key, TABLET, INDEX);
    buf_put_be32(key, value);
    buf_put_be32(key, n * 2654435761u); // so that files do not become too small
}

static void fill(struct kv_stand *s) {
    struct kv_batch batch;
    struct buf key BUF_CLEANUP = {0};
    buf_init(&key, NULL, 100);
    for (uint32_t v = 0; v <= VALUES; v++) {
        kv_batch_init(&batch, NULL, 8 << 20);
        for (uint32_t i = 0; i < (v == HOT ? HOT_KEYS : EACH); i++) {
            put_key(&key, v, i);
            kv_batch_put(&batch, KV_DATA, buf_slice(&key), SLICE_LIT("entry"));
        }
        assert_int_equal(s->kv->ops->write(s->kv, &s->ctx, &batch), NACRE_OK);
        kv_batch_free(&batch);
    }
    kv_stand_flush(s);
}

static int set_up(void **state) {
    static struct stand stand;
    stand = (struct stand){0};
    kv_stand_open(&stand.kv, KV_STAND_ROCKS);
    world_model_init(&stand.world, 1);
    stand.kv.ctx.world = &stand.world.world;
    fill(&stand.kv);
    stand.theirs = stand.kv.kv->ops;
    stand.ops = *stand.theirs;
    open_really = stand.ops.iter_open;
    stand.ops.iter_open = open_counted;
    stand.kv.kv->ops = &stand.ops;
    stand.view = (struct view){.kv = stand.kv.kv};
    assert_int_equal(estimate_memo_new(&stand.kv.ctx, NULL, &stand.memo), NACRE_OK);
    *state = &stand;
    return 0;
}

static int tear_down(void **state) {
    struct stand *s = *state;
    estimate_memo_free(s->memo, NULL);
    s->kv.kv->ops = s->theirs;
    kv_stand_close(&s->kv);
    return 0;
}

// Of values from `from` up to `to`; *looked: the index was read for it.
static double ask(struct stand *s, uint32_t from, uint32_t to, bool *looked) {
    struct buf lower BUF_CLEANUP = {0}, upper BUF_CLEANUP = {0};
    struct estimate found;
    uint32_t before = opened;
    buf_init(&lower, NULL, 100);
    buf_init(&upper, NULL, 100);
    keyspace_index(&lower, TABLET, INDEX);
    keyspace_index(&upper, TABLET, INDEX);
    buf_put_be32(&lower, from);
    buf_put_be32(&upper, to);
    struct key_range range = {buf_slice(&lower), buf_slice(&upper)};
    struct access_path path = {
        .tablet = TABLET, .index_id = INDEX, .range_count = 1, .ranges = &range};
    struct estimate_path of = {.path = &path, .all = ALL, .point = to == from + 1, .fields = 1};
    assert_int_equal(estimate_keys(&s->kv.ctx, &s->view, s->memo, &of, &found), NACRE_OK);
    *looked = opened > before;
    return found.keys;
}

static double ask_value(struct stand *s, uint32_t value, bool *looked) {
    return ask(s, value, value + 1, looked);
}

static void test_a_new_value_is_expected_to_be_alike(void **state) {
    struct stand *s = *state;
    bool looked;
    for (uint32_t v = 0; v < LOOKS; v++) {
        assert_true(ask_value(s, 10 * v, &looked) == EACH);
        assert_true(looked);
    }
    for (uint32_t v = 1; v < VALUES; v += 97) {
        double keys = ask_value(s, v, &looked);
        assert_false(looked);
        assert_true(keys > EACH - 2 && keys < EACH + 2);
    }
    double keys = ask_value(s, HOT, &looked); // its files tell
    assert_true(looked && keys > HOT_KEYS / 2.0);
    world_model_advance(&s->world, 11000);
    (void)ask_value(s, 1, &looked);
    assert_true(looked);
}

static void test_values_of_all_sorts_are_looked_at(void **state) {
    struct stand *s = *state;
    bool looked;
    for (uint32_t v = 0; v < 5 * LOOKS; v++) { // there is nothing above the hot one
        uint32_t value = v % 4 ? v : HOT + 1 + v;
        assert_true(ask_value(s, value, &looked) == (v % 4 ? EACH : 0));
        assert_true(looked);
    }
}

static void test_ranges_are_told_by_files_until_they_lie(void **state) {
    struct stand *s = *state;
    bool looked;
    for (uint32_t v = 0; v < LOOKS; v++) {
        (void)ask(s, 2 * v, VALUES, &looked);
        assert_true(looked);
    }
    double keys = ask(s, 1001, VALUES, &looked), right = (VALUES - 1001.0) * EACH;
    assert_false(looked);
    assert_true(keys > right / 2 && keys < right * 2);
    keys = ask(s, 33, 35, &looked); // too small for files
    assert_true(looked && keys == 2 * EACH);
    // What was deleted is in files: one look that finds nothing, and they are not believed.
    estimate_memo_free(s->memo, NULL);
    assert_int_equal(estimate_memo_new(&s->kv.ctx, NULL, &s->memo), NACRE_OK);
    struct kv_batch batch;
    struct buf from BUF_CLEANUP = {0}, to BUF_CLEANUP = {0};
    buf_init(&from, NULL, 100);
    buf_init(&to, NULL, 100);
    put_key(&from, 0, 0);
    put_key(&to, HOT, 0);
    kv_batch_init(&batch, NULL, 1000);
    kv_batch_delete_range(&batch, KV_DATA, buf_slice(&from), buf_slice(&to));
    assert_int_equal(s->kv.kv->ops->write(s->kv.kv, &s->kv.ctx, &batch), NACRE_OK);
    kv_batch_free(&batch);
    for (uint32_t v = 0; v < 3 * LOOKS; v++) {
        assert_true(ask(s, 2 * v, VALUES, &looked) == 0);
        assert_true(looked);
    }
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_value_is_expected_to_be_alike),
        TEST(test_values_of_all_sorts_are_looked_at),
        TEST(test_ranges_are_told_by_files_until_they_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
