// Layers over a store: random puts and deletes in steps, gets and walks in both directions against
// a sorted array, for layers opened at any step. And the account of what was read: every stretch
// that is told has as many entries in the base as it says, and all that a walk came by lies in one.
// The seed is in the message of a failure; NACRE_SEED sets the first.
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/ds/rng.h"
#include "store/layer/layer.h"
#include "store/memkv/kv_mem.h"

enum { KEYS = 60, STEPS_MAX = 12, WALKS = 60, MOVES = 40, STRETCHES = 4096, RUNS = 40 };

// Keys are "k" and two letters, so that every key is known by its number.
struct key {
    uint8_t bytes[3];
};

static struct key key_of(uint64_t i) {
    return (struct key){{'k', (uint8_t)('a' + i / 8), (uint8_t)('a' + i % 8)}};
}
static struct slice slice_key(const struct key *k) { return slice_of(k->bytes, 3); }

struct stretch {
    uint8_t lower[8], upper[8];
    size_t lower_n, upper_n;
    uint64_t count;
};

struct test {
    struct ctx ctx;
    struct rng rng;
    uint64_t seed;
    struct kv *base;
    struct kv_view *view;
    struct kv_delta *delta;
    struct kv_watch watch;
    bool in_base[KEYS], counted[KEYS];
    // What each layer sees: values of each step, 0 = not there.
    uint32_t value[STEPS_MAX + 1][KEYS];
    struct stretch told[STRETCHES];
    size_t told_count;
    bool got[KEYS];
};

#define MUST(t, condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) fail_msg("NACRE_SEED=%" PRIu64 ": " #condition, (t)->seed);              \
    } while (0)

// --- the watch --------------------------------------------------------------------------

static int index_of(struct slice key) {
    return key.n == 3 ? (key.p[1] - 'a') * 8 + key.p[2] - 'a' : -1;
}

static void got(void *arg, struct slice key, struct slice value) {
    struct test *t = arg;
    int i = index_of(key);
    MUST(t, i >= 0 && i < KEYS && (value.p != NULL) == t->in_base[i]);
    t->got[i] = true;
}

static bool counts(void *arg, struct slice key, struct slice value) {
    struct test *t = arg;
    (void)value;
    return t->counted[index_of(key)];
}

static void range(void *arg, struct slice lower, struct slice upper, uint64_t count) {
    struct test *t = arg;
    uint64_t there = 0;
    for (uint64_t i = 0; i < KEYS; i++) {
        struct key k = key_of(i);
        bool inside = slice_cmp(slice_key(&k), lower) >= 0 && slice_cmp(slice_key(&k), upper) < 0;
        there += inside && t->in_base[i] && t->counted[i];
    }
    MUST(t, there == count && slice_cmp(lower, upper) < 0);
    MUST(t, t->told_count < STRETCHES && lower.n <= 8 && upper.n <= 8);
    struct stretch *s = &t->told[t->told_count++];
    memcpy(s->lower, lower.p, lower.n);
    memcpy(s->upper, upper.p, upper.n);
    s->lower_n = lower.n;
    s->upper_n = upper.n;
}

static bool is_told(const struct test *t, struct slice key) {
    for (size_t i = 0; i < t->told_count; i++) {
        const struct stretch *s = &t->told[i];
        if (slice_cmp(slice_of(s->lower, s->lower_n), key) <= 0 &&
            slice_cmp(key, slice_of(s->upper, s->upper_n)) < 0)
            return true;
    }
    return false;
}

// --- the naive layer --------------------------------------------------------------------

struct bounds {
    int from, to; // [from, to) of keys
};

static int naive_next(const struct test *t, uint32_t step, struct bounds b, int i) {
    if (i < b.from) i = b.from;
    while (i < b.to && !t->value[step][i])
        i++;
    return i < b.to ? i : -1;
}

static int naive_prev(const struct test *t, uint32_t step, struct bounds b, int i) {
    if (i >= b.to) i = b.to - 1;
    while (i >= b.from && !t->value[step][i])
        i--;
    return i >= b.from ? i : -1;
}

static void check_at(struct test *t, const struct kv_iter *it, uint32_t step, int i) {
    MUST(t, it->valid == (i >= 0));
    if (i < 0) return;
    struct key k = key_of((uint64_t)i);
    MUST(t, slice_eq(it->key, slice_key(&k)));
    MUST(t, slice_eq(it->value, slice_of(&t->value[step][i], sizeof(uint32_t))));
}

// --- walks ------------------------------------------------------------------------------

static int move(struct test *t, struct kv_iter *it, uint32_t step, struct bounds b, int at) {
    int target = (int)rng_below(&t->rng, KEYS);
    struct key k = key_of((uint64_t)target);
    switch (rng_below(&t->rng, at < 0 ? 4 : 12)) {
    case 0:
        it->ops->seek_first(it);
        return naive_next(t, step, b, b.from);
    case 1:
        it->ops->seek_last(it);
        return naive_prev(t, step, b, b.to);
    case 2:
        it->ops->seek(it, slice_key(&k));
        return naive_next(t, step, b, target);
    case 3:
        it->ops->seek_for_prev(it, slice_key(&k));
        return naive_prev(t, step, b, target);
    case 4:
    case 5:
    case 6:
        it->ops->prev(it);
        return naive_prev(t, step, b, at - 1);
    default:
        it->ops->next(it);
        return naive_next(t, step, b, at + 1);
    }
}

static void walk(struct test *t, struct kv_layer *layer, uint32_t step) {
    struct bounds b = {(int)rng_below(&t->rng, KEYS), 0};
    b.to = b.from + 1 + (int)rng_below(&t->rng, (uint64_t)(KEYS - b.from));
    struct key lower = key_of((uint64_t)b.from), upper = key_of((uint64_t)b.to);
    struct kv_iter_options options = {.lower = slice_key(&lower), .upper = slice_key(&upper)};
    bool seen[KEYS] = {0};
    struct kv_iter *it;
    struct kv *kv = &layer->kv;
    int at = -1;
    MUST(t, kv->ops->iter_open(kv, &t->ctx, NULL, KV_DATA, &options, &it) == NACRE_OK);
    t->told_count = 0;
    for (uint64_t i = 1 + rng_below(&t->rng, MOVES); i; i--) {
        at = move(t, it, step, b, at);
        check_at(t, it, step, at);
        if (at >= 0) seen[at] = true;
    }
    MUST(t, it->ops->status(it, &t->ctx) == NACRE_OK);
    it->ops->close(it);
    for (uint64_t i = 0; i < KEYS; i++) {
        struct key k = key_of(i);
        MUST(t, !seen[i] || is_told(t, slice_key(&k)));
    }
}

static void get_some(struct test *t, struct kv_layer *layer, uint32_t step) {
    struct key keys[8];
    struct slice slices[8];
    struct kv_pin pins[8] = {0};
    bool found[8] = {0};
    uint64_t first = rng_below(&t->rng, KEYS - 8);
    struct kv *kv = &layer->kv;
    for (uint64_t i = 0; i < 8; i++) {
        keys[i] = key_of(first + i);
        slices[i] = slice_key(&keys[i]);
    }
    MUST(t, kv->ops->multi_get(kv, &t->ctx, NULL, KV_DATA, 8, slices, pins, found) == NACRE_OK);
    for (uint64_t i = 0; i < 8; i++) {
        const uint32_t *value = &t->value[step][first + i];
        MUST(t, found[i] == (*value != 0));
        if (!found[i]) continue;
        MUST(t, slice_eq(pins[i].value, slice_of(value, sizeof *value)));
        kv->ops->unpin(kv, &pins[i]);
    }
    struct kv_pin pin;
    MUST(t, kv->ops->get(kv, &t->ctx, NULL, KV_DATA, slices[0], &pin, &found[0]) == NACRE_OK);
    MUST(t, found[0] == (t->value[step][first] != 0));
    if (found[0]) kv->ops->unpin(kv, &pin);
}

// --- a run ------------------------------------------------------------------------------

static void fill_base(struct test *t) {
    struct kv_batch batch;
    kv_batch_init(&batch, NULL, SIZE_MAX);
    for (uint64_t i = 0; i < KEYS; i++) {
        struct key k = key_of(i);
        t->in_base[i] = rng_below(&t->rng, 2);
        t->counted[i] = rng_below(&t->rng, 4) != 0;
        t->value[0][i] = t->in_base[i] ? (uint32_t)(1000 + i) : 0;
        if (t->in_base[i])
            kv_batch_put(&batch, KV_DATA, slice_key(&k),
                         slice_of(&t->value[0][i], sizeof(uint32_t)));
    }
    MUST(t, t->base->ops->write(t->base, &t->ctx, &batch) == NACRE_OK);
    kv_batch_free(&batch);
    MUST(t, t->base->ops->view_open(t->base, &t->ctx, &t->view) == NACRE_OK);
}

static void change(struct test *t, uint32_t step) {
    memcpy(t->value[step], t->value[step - 1], sizeof t->value[step]);
    t->delta->step++;
    for (uint64_t i = rng_below(&t->rng, 8); i; i--) {
        uint64_t at = rng_below(&t->rng, KEYS);
        struct key k = key_of(at);
        bool there = rng_below(&t->rng, 3) != 0;
        uint32_t value = there ? (uint32_t)(step * 10000 + i) : 0;
        t->value[step][at] = value;
        MUST(t, kv_delta_put(t->delta, slice_key(&k), slice_of(&value, sizeof value), there));
    }
}

static void dropped(void *arg) { ++*(int *)arg; }

static void run(uint64_t seed) {
    static struct test t;
    struct kv_layer *layers[STEPS_MAX + 1];
    int drops = 0;
    memset(&t, 0, sizeof t);
    t.seed = seed;
    rng_seed(&t.rng, seed);
    ctx_init(&t.ctx, &world_system, NULL, SIZE_MAX);
    assert_int_equal(kv_mem_new(&t.ctx, &t.base), NACRE_OK);
    t.delta = kv_delta_new(NULL, SIZE_MAX);
    assert_non_null(t.delta);
    t.watch = (struct kv_watch){.arg = &t, .got = got, .range = range, .counts = counts};
    t.delta->watch = &t.watch;
    fill_base(&t);
    for (uint32_t step = 0; step <= STEPS_MAX; step++) {
        if (step) change(&t, step);
        layers[step] = kv_layer_open(t.base, t.view, t.delta, dropped, &drops);
        assert_non_null(layers[step]);
        for (int i = 0; i < WALKS / STEPS_MAX; i++) {
            uint32_t which = (uint32_t)rng_below(&t.rng, step + 1);
            walk(&t, layers[which], which);
            get_some(&t, layers[which], which);
        }
    }
    kv_delta_unref(t.delta); // the layers hold it
    for (uint32_t step = 0; step <= STEPS_MAX; step++)
        layers[step]->kv.ops->view_close(&layers[step]->kv, kv_layer_view(layers[step]));
    assert_int_equal(drops, STEPS_MAX + 1);
    t.base->ops->view_close(t.base, t.view);
    t.base->ops->close(t.base);
    ctx_free(&t.ctx);
}

static void layers_are_what_they_should_be(void **state) {
    (void)state;
    const char *text = getenv("NACRE_SEED");
    uint64_t seed;
    world_random(&world_system, &seed, sizeof seed);
    if (text) seed = strtoull(text, NULL, 10);
    for (uint64_t i = 0; i < RUNS; i++)
        run(seed + i);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(layers_are_what_they_should_be)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
