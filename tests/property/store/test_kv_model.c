// Random operations on both stores against a sorted array, with views, iterators walked in both
// directions, flushes and crashes. The seed is in the message of a failure; NACRE_SEED sets the
// first.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/ds/rng.h"
#include "support/kv_stand.h"

enum { ENTRIES_MAX = 512, KEY_MAX = 4, VIEWS = 4, STEPS = 1500 };

struct entry {
    uint8_t key[KEY_MAX];
    size_t key_size;
    uint64_t value[4];
    size_t value_size;
};

struct state {
    struct entry entries[KV_FAMILIES][ENTRIES_MAX];
    size_t count[KV_FAMILIES];
};

struct world_of_test {
    struct kv_stand stand;
    struct rng rng;
    struct state live, flushed;
    struct kv_view *view[VIEWS];
    struct state view_state[VIEWS];
};

static struct slice key_of(const struct entry *e) { return slice_of(e->key, e->key_size); }
static struct slice value_of(const struct entry *e) { return slice_of(e->value, e->value_size); }

static void random_key(struct rng *rng, struct entry *out) {
    static const uint8_t alphabet[] = {0, 'a', 'b', 0xff};
    out->key_size = (size_t)rng_below(rng, KEY_MAX + 1);
    for (size_t i = 0; i < out->key_size; i++) out->key[i] = alphabet[rng_below(rng, 4)];
}

// The index of the first entry >= key.
static size_t model_find(const struct state *s, int family, struct slice key) {
    size_t i = 0;
    while (i < s->count[family] && slice_cmp(key_of(&s->entries[family][i]), key) < 0) i++;
    return i;
}

static void model_delete_range(struct state *s, int family, size_t from, size_t to) {
    if (from >= to) return;
    struct entry *e = s->entries[family];
    memmove(e + from, e + to, (s->count[family] - to) * sizeof *e);
    s->count[family] -= to - from;
}

static bool model_has(const struct state *s, int family, size_t at, struct slice key) {
    return at < s->count[family] && slice_eq(key_of(&s->entries[family][at]), key);
}

static void model_put(struct state *s, int family, const struct entry *entry) {
    size_t at = model_find(s, family, key_of(entry));
    struct entry *e = s->entries[family];
    if (!model_has(s, family, at, key_of(entry))) {
        assert_true(s->count[family] < ENTRIES_MAX);
        memmove(e + at + 1, e + at, (s->count[family] - at) * sizeof *e);
        s->count[family]++;
    }
    e[at] = *entry;
}

static void batch_step(struct world_of_test *w, struct kv_batch *batch) {
    struct entry a = {0}, b = {0};
    int family = (int)rng_below(&w->rng, KV_FAMILIES);
    random_key(&w->rng, &a);
    random_key(&w->rng, &b);
    uint64_t what = rng_below(&w->rng, 100);
    if (what < 70) {
        a.value_size = (size_t)rng_below(&w->rng, sizeof a.value + 1);
        for (size_t i = 0; i < 4; i++) a.value[i] = rng_next(&w->rng);
        kv_batch_put(batch, (enum kv_family)family, key_of(&a), value_of(&a));
        model_put(&w->live, family, &a);
    } else if (what < 95) {
        kv_batch_delete(batch, (enum kv_family)family, key_of(&a));
        size_t at = model_find(&w->live, family, key_of(&a));
        model_delete_range(&w->live, family, at, at + model_has(&w->live, family, at, key_of(&a)));
    } else {
        kv_batch_delete_range(batch, (enum kv_family)family, key_of(&a), key_of(&b));
        model_delete_range(&w->live, family, model_find(&w->live, family, key_of(&a)),
                           model_find(&w->live, family, key_of(&b)));
    }
}

static void write_step(struct world_of_test *w) {
    struct kv *kv = w->stand.kv;
    struct kv_batch batch;
    kv_batch_init(&batch, NULL, 1 << 16);
    for (uint64_t n = rng_below(&w->rng, 8); n > 0; n--) batch_step(w, &batch);
    assert_int_equal(kv->ops->write(kv, &w->stand.ctx, &batch), NACRE_OK);
    kv_batch_free(&batch);
}

// A view and its model, or the newest state.
static const struct state *pick(struct world_of_test *w, struct kv_view **view) {
    size_t i = (size_t)rng_below(&w->rng, VIEWS + 1);
    *view = i < VIEWS ? w->view[i] : NULL;
    return *view ? &w->view_state[i] : &w->live;
}

static void get_step(struct world_of_test *w) {
    enum { N = 6 };
    struct kv *kv = w->stand.kv;
    struct kv_view *view;
    const struct state *s = pick(w, &view);
    int family = (int)rng_below(&w->rng, KV_FAMILIES);
    struct entry entries[N];
    struct slice keys[N];
    struct kv_pin pins[N];
    bool found[N];
    for (int i = 0; i < N; i++) {
        random_key(&w->rng, &entries[i]);
        keys[i] = key_of(&entries[i]);
    }
    size_t count = (size_t)rng_below(&w->rng, N) + 1;
    if (count == 1)
        assert_int_equal(
            kv->ops->get(kv, &w->stand.ctx, view, (enum kv_family)family, keys[0], pins, found),
            NACRE_OK);
    else
        assert_int_equal(kv->ops->multi_get(kv, &w->stand.ctx, view, (enum kv_family)family, count,
                                            keys, pins, found),
                         NACRE_OK);
    for (size_t i = 0; i < count; i++) {
        size_t at = model_find(s, family, keys[i]);
        assert_int_equal(found[i], model_has(s, family, at, keys[i]));
        if (!found[i]) continue;
        assert_true(slice_eq(pins[i].value, value_of(&s->entries[family][at])));
        kv->ops->unpin(kv, &pins[i]);
    }
}

// The model of an iterator: an index, of which -1 and count are the ends. [low, high) by the
// bounds.
struct cursor {
    const struct state *s;
    int family;
    long low, high, at;
};

static void cursor_check(const struct cursor *c, const struct kv_iter *it) {
    bool valid = c->at >= c->low && c->at < c->high;
    assert_int_equal(it->valid, valid);
    if (!valid) return;
    const struct entry *e = &c->s->entries[c->family][c->at];
    assert_true(slice_eq(it->key, key_of(e)));
    assert_true(slice_eq(it->value, value_of(e)));
}

static void seek_to(struct world_of_test *w, struct kv_iter *it, struct cursor *c) {
    struct entry target;
    random_key(&w->rng, &target);
    long at = (long)model_find(c->s, c->family, key_of(&target));
    switch (rng_below(&w->rng, 4)) {
    case 0:
        it->ops->seek_first(it);
        c->at = c->low;
        break;
    case 1:
        it->ops->seek_last(it);
        c->at = c->high - 1;
        break;
    case 2:
        it->ops->seek(it, key_of(&target));
        c->at = at > c->low ? at : c->low;
        break;
    default:
        it->ops->seek_for_prev(it, key_of(&target));
        if (!model_has(c->s, c->family, (size_t)at, key_of(&target))) at--;
        c->at = at < c->high - 1 ? at : c->high - 1;
    }
}

static void walk_step(struct world_of_test *w) {
    struct kv *kv = w->stand.kv;
    struct entry lower = {0}, upper = {0};
    struct kv_view *view;
    struct cursor c = {.s = pick(w, &view), .family = (int)rng_below(&w->rng, KV_FAMILIES)};
    if (rng_below(&w->rng, 2)) random_key(&w->rng, &lower);
    if (rng_below(&w->rng, 2)) random_key(&w->rng, &upper);
    struct kv_iter_options options = {.lower = key_of(&lower),
                                      .upper = key_of(&upper),
                                      .fill_cache = rng_below(&w->rng, 2) == 0,
                                      .readahead_bytes = rng_below(&w->rng, 2) ? 65536 : 0};
    c.low = (long)model_find(c.s, c.family, key_of(&lower));
    c.high = upper.key_size ? (long)model_find(c.s, c.family, key_of(&upper))
                            : (long)c.s->count[c.family];
    if (c.high < c.low) return; // bounds the wrong way round have no meaning
    struct kv_iter *it = NULL;
    assert_int_equal(
        kv->ops->iter_open(kv, &w->stand.ctx, view, (enum kv_family)c.family, &options, &it),
        NACRE_OK);
    for (uint64_t n = rng_below(&w->rng, 30) + 1; n > 0; n--) {
        if (!it->valid || rng_below(&w->rng, 8) == 0) {
            seek_to(w, it, &c);
        } else if (rng_below(&w->rng, 2)) {
            it->ops->next(it);
            c.at++;
        } else {
            it->ops->prev(it);
            c.at--;
        }
        cursor_check(&c, it);
    }
    assert_int_equal(it->ops->status(it, &w->stand.ctx), NACRE_OK);
    it->ops->close(it);
}

static void view_step(struct world_of_test *w) {
    struct kv *kv = w->stand.kv;
    size_t i = (size_t)rng_below(&w->rng, VIEWS);
    kv->ops->view_close(kv, w->view[i]);
    w->view[i] = NULL;
    if (rng_below(&w->rng, 3) == 0) return;
    assert_int_equal(kv->ops->view_open(kv, &w->stand.ctx, &w->view[i]), NACRE_OK);
    w->view_state[i] = w->live;
}

static void crash_step(struct world_of_test *w) {
    for (size_t i = 0; i < VIEWS; i++) {
        w->stand.kv->ops->view_close(w->stand.kv, w->view[i]);
        w->view[i] = NULL;
    }
    kv_stand_crash(&w->stand);
    w->live = w->flushed;
}

static void run(enum kv_stand_kind kind, uint64_t seed) {
    struct world_of_test *w = test_calloc(1, sizeof *w);
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_seed(&w->rng, seed);
    kv_stand_open(&w->stand, kind);
    for (int step = 0; step < STEPS; step++) {
        uint64_t what = rng_below(&w->rng, 1000);
        if (what < 300) write_step(w);
        else if (what < 600) get_step(w);
        else if (what < 900) walk_step(w);
        else if (what < 970) view_step(w);
        else if (what < 995) {
            kv_stand_flush(&w->stand);
            w->flushed = w->live;
        } else crash_step(w);
    }
    crash_step(w);
    kv_stand_close(&w->stand);
    test_free(w);
}

static uint64_t first_seed(void) {
    const char *text = getenv("NACRE_SEED");
    return text ? strtoull(text, NULL, 10) : 1;
}

static void test_memkv(void **state) {
    (void)state;
    for (uint64_t seed = first_seed(); seed < first_seed() + 20; seed++) run(KV_STAND_MEM, seed);
}

static void test_rocks(void **state) {
    (void)state;
    for (uint64_t seed = first_seed(); seed < first_seed() + 8; seed++) run(KV_STAND_ROCKS, seed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memkv),
        cmocka_unit_test(test_rocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
