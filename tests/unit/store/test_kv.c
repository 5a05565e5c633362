// The contract of kv.h, run on RocksDB and on memkv: reads, batches, ranges, iterators with bounds
// both ways, views, durability by flush alone, checkpoints.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/os/file.h"
#include "store/memkv/kv_mem.h"
#include "support/kv_stand.h"

static int set_up_mem(void **state) {
    static struct kv_stand stand;
    kv_stand_open(&stand, KV_STAND_MEM);
    *state = &stand;
    return 0;
}

static int set_up_rocks(void **state) {
    static struct kv_stand stand;
    kv_stand_open(&stand, KV_STAND_ROCKS);
    *state = &stand;
    return 0;
}

static int tear_down(void **state) {
    kv_stand_close(*state);
    return 0;
}

static void expect_keys(struct kv_stand *s, struct kv_view *view, const char *lower,
                        const char *upper, const char *forwards, const char *backwards) {
    const char *bounds[2] = {lower, upper};
    char got[512];
    kv_stand_keys(s, view, KV_DATA, bounds, false, got);
    assert_string_equal(got, forwards);
    kv_stand_keys(s, view, KV_DATA, bounds, true, got);
    assert_string_equal(got, backwards);
}

static void test_get_put_delete(void **state) {
    struct kv_stand *s = *state;
    kv_stand_expect(s, NULL, KV_DATA, "a", NULL);
    kv_stand_put(s, KV_DATA, "a", "1");
    kv_stand_put(s, KV_META, "a", "meta");
    kv_stand_put(s, KV_DATA, "", "the empty key");
    kv_stand_put(s, KV_DATA, "empty value", "");
    kv_stand_expect(s, NULL, KV_DATA, "a", "1");
    kv_stand_expect(s, NULL, KV_META, "a", "meta");
    kv_stand_expect(s, NULL, KV_HISTORY, "a", NULL);
    kv_stand_expect(s, NULL, KV_DATA, "", "the empty key");
    kv_stand_expect(s, NULL, KV_DATA, "empty value", "");
    kv_stand_put(s, KV_DATA, "a", "2");
    kv_stand_expect(s, NULL, KV_DATA, "a", "2");
    kv_stand_delete(s, KV_DATA, "a");
    kv_stand_delete(s, KV_DATA, "never was");
    kv_stand_expect(s, NULL, KV_DATA, "a", NULL);
    kv_stand_expect(s, NULL, KV_META, "a", "meta");
}

static void test_a_batch_applies_in_order(void **state) {
    struct kv_stand *s = *state;
    struct kv_batch batch;
    kv_batch_init(&batch, NULL, 1 << 16);
    kv_batch_put(&batch, KV_DATA, SLICE_LIT("k"), SLICE_LIT("1"));
    kv_batch_delete(&batch, KV_DATA, SLICE_LIT("k"));
    kv_batch_put(&batch, KV_DATA, SLICE_LIT("k"), SLICE_LIT("2"));
    kv_batch_put(&batch, KV_DATA, SLICE_LIT("l"), SLICE_LIT("1"));
    kv_batch_delete_range(&batch, KV_DATA, SLICE_LIT("l"), SLICE_LIT("m"));
    kv_batch_put(&batch, KV_DATA, SLICE_LIT("lx"), SLICE_LIT("after the range"));
    kv_batch_put(&batch, KV_HISTORY, SLICE_LIT("k"), SLICE_LIT("h"));
    assert_int_equal(batch.count, 7);
    assert_int_equal(s->kv->ops->write(s->kv, &s->ctx, &batch), NACRE_OK);
    kv_stand_expect(s, NULL, KV_DATA, "k", "2");
    kv_stand_expect(s, NULL, KV_DATA, "l", NULL);
    kv_stand_expect(s, NULL, KV_DATA, "lx", "after the range");
    kv_stand_expect(s, NULL, KV_HISTORY, "k", "h");
    kv_batch_reset(&batch);
    assert_int_equal(s->kv->ops->write(s->kv, &s->ctx, &batch), NACRE_OK);
    kv_batch_free(&batch);
}

static void test_a_bad_batch_changes_nothing(void **state) {
    struct kv_stand *s = *state;
    struct kv_batch batch;
    kv_batch_init(&batch, NULL, 40);
    kv_batch_put(&batch, KV_DATA, SLICE_LIT("k"), SLICE_LIT("1"));
    kv_batch_put(&batch, KV_DATA, SLICE_LIT("l"), SLICE_LIT("forty bytes are too few for this"));
    assert_int_equal(s->kv->ops->write(s->kv, &s->ctx, &batch), NACRE_REQUEST_TOO_LARGE);
    kv_batch_reset(&batch);
    kv_batch_put(&batch, KV_DATA, SLICE_LIT("k"), SLICE_LIT("1"));
    buf_put_u8(&batch.bytes, 9);
    assert_int_equal(s->kv->ops->write(s->kv, &s->ctx, &batch), NACRE_INTERNAL);
    kv_batch_free(&batch);
    kv_stand_expect(s, NULL, KV_DATA, "k", NULL);
    kv_stand_put(s, KV_DATA, "k", "the store still writes");
}

static void multi_get_all(struct kv_stand *s, bool reversed) {
    enum { N = 300 };
    static char text[N][16];
    struct slice keys[N];
    struct kv_pin pins[N];
    bool found[N];
    for (int i = 0; i < N; i++) {
        int number = reversed ? N - 1 - i : i;
        (void)snprintf(text[i], sizeof text[i], "%06d", number);
        keys[i] = slice_str(text[i]);
    }
    assert_int_equal(s->kv->ops->multi_get(s->kv, &s->ctx, NULL, KV_DATA, N, keys, pins, found),
                     NACRE_OK);
    for (int i = 0; i < N; i++) {
        int number = reversed ? N - 1 - i : i;
        assert_int_equal(found[i], number % 3 != 0);
        if (!found[i]) continue;
        assert_true(slice_eq(pins[i].value, keys[i]));
        s->kv->ops->unpin(s->kv, &pins[i]);
    }
}

static void test_multi_get(void **state) {
    struct kv_stand *s = *state;
    struct kv_batch batch;
    kv_batch_init(&batch, NULL, 1 << 20);
    for (int i = 0; i < 300; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%06d", i);
        if (i % 3) kv_batch_put(&batch, KV_DATA, slice_str(key), slice_str(key));
    }
    assert_int_equal(s->kv->ops->write(s->kv, &s->ctx, &batch), NACRE_OK);
    kv_batch_free(&batch);
    multi_get_all(s, false);
    multi_get_all(s, true); // out of order is slower, not wrong
    kv_stand_flush(s);
    multi_get_all(s, false);
    assert_int_equal(s->kv->ops->multi_get(s->kv, &s->ctx, NULL, KV_DATA, 0, NULL, NULL, NULL),
                     NACRE_OK);
}

static void test_a_pin_outlives_the_key(void **state) {
    struct kv_stand *s = *state;
    kv_stand_put(s, KV_DATA, "k", "value");
    struct kv_pin pin;
    bool found;
    assert_int_equal(s->kv->ops->get(s->kv, &s->ctx, NULL, KV_DATA, SLICE_LIT("k"), &pin, &found),
                     NACRE_OK);
    kv_stand_delete(s, KV_DATA, "k");
    kv_stand_flush(s);
    assert_true(slice_eq_str(pin.value, "value"));
    s->kv->ops->unpin(s->kv, &pin);
}

static void test_delete_range(void **state) {
    struct kv_stand *s = *state;
    for (const char *k = "abcdefgh"; *k; k++) kv_stand_put(s, KV_DATA, (char[]){*k, 0}, "x");
    kv_stand_put(s, KV_META, "c", "x");
    kv_stand_delete_range(s, KV_DATA, "c", "f");
    expect_keys(s, NULL, "", "", "a b f g h ", "h g f b a ");
    kv_stand_delete_range(s, KV_DATA, "b", "b"); // empty
    kv_stand_delete_range(s, KV_DATA, "h", "a"); // the wrong way round
    kv_stand_delete_range(s, KV_DATA, "a", "");
    expect_keys(s, NULL, "", "", "a b f g h ", "h g f b a ");
    kv_stand_flush(s);
    kv_stand_put(s, KV_DATA, "d", "again");
    kv_stand_delete_range(s, KV_DATA, "f", "h");
    expect_keys(s, NULL, "", "", "a b d h ", "h d b a ");
    kv_stand_expect(s, NULL, KV_META, "c", "x");
    kv_stand_expect(s, NULL, KV_DATA, "g", NULL);
}

static void test_iterator_bounds(void **state) {
    struct kv_stand *s = *state;
    for (const char *k = "bdfhj"; *k; k++) kv_stand_put(s, KV_DATA, (char[]){*k, 0}, "x");
    for (int round = 0; round < 2; round++) { // from the memtable, then from a file
        expect_keys(s, NULL, "", "", "b d f h j ", "j h f d b ");
        expect_keys(s, NULL, "d", "", "d f h j ", "j h f d ");
        expect_keys(s, NULL, "", "h", "b d f ", "f d b ");
        expect_keys(s, NULL, "c", "i", "d f h ", "h f d ");
        expect_keys(s, NULL, "d", "d", "", "");
        expect_keys(s, NULL, "k", "", "", "");
        expect_keys(s, NULL, "", "b", "", "");
        expect_keys(s, NULL, "e", "f", "", "");
        kv_stand_flush(s);
    }
}

struct seek_case {
    const char *lower, *upper, *key;
    const char *forward, *backward; // "" = invalid
};

static void test_seeks(void **state) {
    struct kv_stand *s = *state;
    for (const char *k = "bdfhj"; *k; k++) kv_stand_put(s, KV_DATA, (char[]){*k, 0}, "x");
    static const struct seek_case cases[] = {
        {"", "", "d", "d", "d"},  {"", "", "e", "f", "d"},  {"", "", "a", "b", ""},
        {"", "", "z", "", "j"},   {"d", "h", "a", "d", ""}, {"d", "h", "d", "d", "d"},
        {"d", "h", "h", "", "f"}, {"d", "h", "z", "", "f"}, {"d", "h", "g", "", "f"},
        {"d", "h", "c", "d", ""}, {"c", "c", "c", "", ""},  {"", "", "", "b", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct seek_case *c = &cases[i];
        struct kv_iter_options options = {.lower = slice_str(c->lower),
                                          .upper = slice_str(c->upper)};
        struct kv_iter *it = NULL;
        assert_int_equal(s->kv->ops->iter_open(s->kv, &s->ctx, NULL, KV_DATA, &options, &it),
                         NACRE_OK);
        it->ops->seek(it, slice_str(c->key));
        assert_int_equal(it->valid, c->forward[0] != '\0');
        if (it->valid) assert_true(slice_eq_str(it->key, c->forward));
        it->ops->seek_for_prev(it, slice_str(c->key));
        assert_int_equal(it->valid, c->backward[0] != '\0');
        if (it->valid) assert_true(slice_eq_str(it->key, c->backward));
        assert_int_equal(it->ops->status(it, &s->ctx), NACRE_OK);
        it->ops->close(it);
    }
}

static void test_turning_round_and_walking_off(void **state) {
    struct kv_stand *s = *state;
    for (const char *k = "bdf"; *k; k++) kv_stand_put(s, KV_DATA, (char[]){*k, 0}, "x");
    struct kv_iter *it = NULL;
    assert_int_equal(s->kv->ops->iter_open(s->kv, &s->ctx, NULL, KV_DATA, NULL, &it), NACRE_OK);
    assert_false(it->valid);
    it->ops->seek(it, SLICE_LIT("c"));
    it->ops->next(it);
    assert_true(slice_eq_str(it->key, "f"));
    it->ops->prev(it);
    it->ops->prev(it);
    assert_true(slice_eq_str(it->key, "b"));
    it->ops->prev(it);
    assert_false(it->valid);
    it->ops->prev(it); // harmless
    it->ops->next(it);
    assert_false(it->valid);
    it->ops->seek_first(it);
    assert_true(slice_eq_str(it->key, "b") && slice_eq_str(it->value, "x"));
    it->ops->close(it);
}

static void test_views_do_not_see_later_writes(void **state) {
    struct kv_stand *s = *state;
    struct kv_view *first = NULL, *second = NULL;
    kv_stand_put(s, KV_DATA, "a", "1");
    kv_stand_put(s, KV_DATA, "b", "1");
    kv_stand_put(s, KV_HISTORY, "h", "1");
    assert_int_equal(s->kv->ops->view_open(s->kv, &s->ctx, &first), NACRE_OK);
    kv_stand_put(s, KV_DATA, "a", "2");
    kv_stand_put(s, KV_DATA, "c", "2");
    kv_stand_delete(s, KV_HISTORY, "h");
    assert_int_equal(s->kv->ops->view_open(s->kv, &s->ctx, &second), NACRE_OK);
    kv_stand_delete_range(s, KV_DATA, "a", "z");
    kv_stand_flush(s);
    kv_stand_expect(s, first, KV_DATA, "a", "1");
    kv_stand_expect(s, first, KV_HISTORY, "h", "1");
    expect_keys(s, first, "", "", "a b ", "b a ");
    kv_stand_expect(s, second, KV_DATA, "a", "2");
    kv_stand_expect(s, second, KV_HISTORY, "h", NULL);
    expect_keys(s, second, "", "", "a b c ", "c b a ");
    expect_keys(s, NULL, "", "", "", "");
    s->kv->ops->view_close(s->kv, first);
    expect_keys(s, second, "", "", "a b c ", "c b a ");
    s->kv->ops->view_close(s->kv, second);
}

static void test_an_iterator_is_a_view(void **state) {
    struct kv_stand *s = *state;
    for (const char *k = "bdf"; *k; k++) kv_stand_put(s, KV_DATA, (char[]){*k, 0}, "x");
    struct kv_iter *it = NULL;
    assert_int_equal(s->kv->ops->iter_open(s->kv, &s->ctx, NULL, KV_DATA, NULL, &it), NACRE_OK);
    kv_stand_put(s, KV_DATA, "c", "x");
    kv_stand_delete(s, KV_DATA, "d");
    it->ops->seek_first(it);
    it->ops->next(it);
    assert_true(slice_eq_str(it->key, "d"));
    it->ops->close(it);
}

static void test_only_flushed_writes_survive(void **state) {
    struct kv_stand *s = *state;
    for (int family = 0; family < KV_FAMILIES; family++)
        kv_stand_put(s, (enum kv_family)family, "kept", "1");
    kv_stand_flush(s);
    kv_stand_flush(s); // nothing to do
    for (int family = 0; family < KV_FAMILIES; family++)
        kv_stand_put(s, (enum kv_family)family, "lost", "1");
    kv_stand_put(s, KV_DATA, "kept", "2");
    kv_stand_delete(s, KV_META, "kept");
    kv_stand_crash(s);
    for (int family = 0; family < KV_FAMILIES; family++) {
        kv_stand_expect(s, NULL, (enum kv_family)family, "kept", "1");
        kv_stand_expect(s, NULL, (enum kv_family)family, "lost", NULL);
    }
    kv_stand_put(s, KV_META, "one family only", "1");
    kv_stand_flush(s);
    kv_stand_crash(s);
    kv_stand_expect(s, NULL, KV_META, "one family only", "1");
    kv_stand_delete_range(s, KV_DATA, "a", "z");
    kv_stand_flush(s);
    kv_stand_crash(s);
    kv_stand_expect(s, NULL, KV_DATA, "kept", NULL);
}

static void test_checkpoint(void **state) {
    struct kv_stand *s = *state;
    kv_stand_put(s, KV_DATA, "a", "1");
    kv_stand_put(s, KV_META, "m", "1");
    char dir[512];
    kv_stand_path(s, "copy", dir);
    assert_int_equal(s->kv->ops->checkpoint(s->kv, &s->ctx, dir), NACRE_OK);
    assert_int_equal(s->kv->ops->checkpoint(s->kv, &s->ctx, dir), NACRE_ALREADY_EXISTS);
    kv_stand_put(s, KV_DATA, "a", "2");
    kv_stand_flush(s);
    struct kv_stand copy = *s;
    struct kv_rocks_options options = {0};
    if (s->kind == KV_STAND_ROCKS)
        assert_int_equal(kv_rocks_open(&s->ctx, dir, &options, &copy.kv), NACRE_OK);
    else assert_int_equal(kv_mem_open_checkpoint(&s->ctx, dir, &copy.kv), NACRE_OK);
    kv_stand_expect(&copy, NULL, KV_DATA, "a", "1");
    kv_stand_expect(&copy, NULL, KV_META, "m", "1");
    kv_stand_put(&copy, KV_DATA, "a", "3");
    kv_stand_flush(&copy);
    copy.kv->ops->close(copy.kv);
    kv_stand_expect(s, NULL, KV_DATA, "a", "2");
}

static void count_problem(void *arg, const char *problem) {
    (void)problem;
    ++*(int *)arg;
}

static void test_usage_describe_verify(void **state) {
    struct kv_stand *s = *state;
    uint64_t memory = 0, disk = 0, later = 0;
    for (int i = 0; i < 200; i++) {
        char key[16], value[600] = {0};
        (void)snprintf(key, sizeof key, "%d", i);
        memset(value, 'a' + i % 26, sizeof value - 1);
        kv_stand_put(s, KV_DATA, key, value);
    }
    s->kv->ops->usage(s->kv, &memory, &disk);
    assert_true(memory > 200 * 600);
    kv_stand_flush(s);
    s->kv->ops->usage(s->kv, &memory, &later);
    if (s->kind == KV_STAND_ROCKS) assert_true(later > disk);
    int problems = 0;
    assert_int_equal(s->kv->ops->verify(s->kv, &s->ctx, count_problem, &problems), NACRE_OK);
    assert_int_equal(problems, 0);
    assert_true(strlen(s->kv->ops->describe(s->kv)) > 5);
    assert_int_equal(s->kv->ops->flush_begin(s->kv, &s->ctx), NACRE_OK);
}

#define BOTH(test)                                                                                 \
    {"memkv " #test, test, set_up_mem, tear_down, NULL}, {                                         \
        "rocks " #test, test, set_up_rocks, tear_down, NULL                                        \
    }

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(test_get_put_delete),
        BOTH(test_a_batch_applies_in_order),
        BOTH(test_a_bad_batch_changes_nothing),
        BOTH(test_multi_get),
        BOTH(test_a_pin_outlives_the_key),
        BOTH(test_delete_range),
        BOTH(test_iterator_bounds),
        BOTH(test_seeks),
        BOTH(test_turning_round_and_walking_off),
        BOTH(test_views_do_not_see_later_writes),
        BOTH(test_an_iterator_is_a_view),
        BOTH(test_only_flushed_writes_survive),
        BOTH(test_checkpoint),
        BOTH(test_usage_describe_verify),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
