// The document cache: its three rules against a model of one writer and many readers with views,
// its bounds, pins, eviction; and threads, for TSan.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>

#include "base/ds/rng.h"
#include "base/err/ctx.h"
#include "base/os/fault.h"
#include "store/cache/cache.h"

static struct ctx ctx;

static struct cache *cache_of(struct budget *budget, size_t capacity) {
    struct cache *cache = NULL;
    assert_int_equal(cache_new(&ctx, budget, capacity, &cache), NACRE_OK);
    return cache;
}

// A key that is read for the first time is only marked; this is the second read.
static void insert_again(struct cache *cache, struct slice key, struct slice value, uint64_t ts,
                         uint64_t view_ts) {
    cache_insert(cache, key, value, false, ts, view_ts);
    cache_insert(cache, key, value, false, ts, view_ts);
}

static void expect(struct cache *cache, const char *key, const char *value, uint64_t ts) {
    const struct cache_entry *e = cache_get(cache, slice_str(key), cache_hash(slice_str(key)));
    if (!value) {
        assert_null(e);
        return;
    }
    assert_non_null(e);
    assert_true(slice_eq_str(cache_value(e), value));
    assert_int_equal(e->ts, ts);
    cache_unpin(cache, e);
}

static void test_write_get_replace(void **state) {
    (void)state;
    struct cache *cache = cache_of(NULL, 1 << 20);
    expect(cache, "a", NULL, 0);
    cache_write(cache, SLICE_LIT("a"), SLICE_LIT("one"), false, 10);
    expect(cache, "a", "one", 10);
    cache_write(cache, SLICE_LIT("a"), SLICE_LIT("two"), false, 11);
    expect(cache, "a", "two", 11);
    cache_write(cache, SLICE_LIT("a"), slice_of(NULL, 0), true, 12);
    const struct cache_entry *e = cache_get(cache, SLICE_LIT("a"), cache_hash(SLICE_LIT("a")));
    assert_true(e && e->absent && e->ts == 12);
    cache_unpin(cache, e);
    cache_write(cache, SLICE_LIT(""), SLICE_LIT("the empty key"), false, 13);
    expect(cache, "", "the empty key", 13);
    struct cache_stats stats;
    cache_stats(cache, &stats);
    assert_int_equal(stats.entries, 2);
    assert_int_equal(stats.hits, 4);
    assert_int_equal(stats.misses, 1);
    cache_free(cache);
    cache_free(NULL);
}

// Rule 3: what an older view read is not taken once the shard has seen a later write.
static void test_insert_only_what_is_newest(void **state) {
    (void)state;
    struct cache *cache = cache_of(NULL, 1 << 20);
    insert_again(cache, SLICE_LIT("a"), SLICE_LIT("old"), 5, 100);
    expect(cache, "a", "old", 5);
    insert_again(cache, SLICE_LIT("a"), SLICE_LIT("other"), 6, 100);
    expect(cache, "a", "old", 5); // the one that is there is as new
    cache_write(cache, SLICE_LIT("a"), SLICE_LIT("new"), false, 101);
    cache_drop_prefix(cache, SLICE_LIT("a"));
    expect(cache, "a", NULL, 0);
    insert_again(cache, SLICE_LIT("a"), SLICE_LIT("old"), 5, 100);
    cache_offer(cache, SLICE_LIT("a"), SLICE_LIT("old"), 5, 100);
    expect(cache, "a", NULL, 0);
    insert_again(cache, SLICE_LIT("a"), SLICE_LIT("new"), 101, 101);
    expect(cache, "a", "new", 101);
    cache_free(cache);
}

static void test_replace_adds_nothing(void **state) {
    (void)state;
    struct cache *cache = cache_of(NULL, 1 << 20);
    cache_replace(cache, SLICE_LIT("a"), SLICE_LIT("one"), false, 10);
    expect(cache, "a", NULL, 0);
    insert_again(cache, SLICE_LIT("a"), SLICE_LIT("old"), 5, 9); // its view is older than the write
    expect(cache, "a", NULL, 0);
    cache_write(cache, SLICE_LIT("a"), SLICE_LIT("two"), false, 11);
    cache_replace(cache, SLICE_LIT("a"), SLICE_LIT("three"), false, 12);
    expect(cache, "a", "three", 12);
    cache_replace(cache, SLICE_LIT("a"), slice_of(NULL, 0), true, 13);
    const struct cache_entry *e = cache_get(cache, SLICE_LIT("a"), cache_hash(SLICE_LIT("a")));
    assert_true(e && e->absent && e->ts == 13);
    cache_unpin(cache, e);
    cache_free(cache);
}

// A key that was written once is kept from its next read or write on.
static void test_admit_keeps_what_is_met_again(void **state) {
    (void)state;
    struct cache *cache = cache_of(NULL, 1 << 20);
    cache_admit(cache, SLICE_LIT("a"), SLICE_LIT("one"), false, 10);
    expect(cache, "a", NULL, 0);
    cache_insert(cache, SLICE_LIT("a"), SLICE_LIT("old"), false, 5,
                 9); // of a view before the write
    expect(cache, "a", NULL, 0);
    cache_insert(cache, SLICE_LIT("a"), SLICE_LIT("one"), false, 10, 10);
    expect(cache, "a", "one", 10);
    cache_admit(cache, SLICE_LIT("a"), SLICE_LIT("two"), false, 11);
    expect(cache, "a", "two", 11);
    cache_admit(cache, SLICE_LIT("b"), SLICE_LIT("three"), false, 12);
    cache_admit(cache, SLICE_LIT("b"), SLICE_LIT("four"), false, 13);
    expect(cache, "b", "four", 13);
    cache_admit(cache, SLICE_LIT("b"), slice_of(NULL, 0), true, 14);
    const struct cache_entry *e = cache_get(cache, SLICE_LIT("b"), cache_hash(SLICE_LIT("b")));
    assert_true(e && e->absent && e->ts == 14);
    cache_unpin(cache, e);
    cache_free(cache);
}

static size_t entries_of(const struct cache *cache) {
    struct cache_stats stats;
    cache_stats(cache, &stats);
    return stats.entries;
}

static void get_many(struct cache *cache, int from, int count) {
    for (int i = from; i < from + count; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%08d", i);
        cache_insert(cache, slice_str(key), SLICE_LIT("value"), false, 1, 1);
    }
}

static void offer_many(struct cache *cache, int from, int count) {
    for (int i = from; i < from + count; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%08d", i);
        cache_offer(cache, slice_str(key), SLICE_LIT("value"), 1, 1);
    }
}

static void test_what_is_got_once_is_not_kept(void **state) {
    (void)state;
    struct cache *cache = cache_of(NULL, 1 << 20);
    get_many(cache, 0, 1000);
    assert_int_equal(entries_of(cache), 0);
    get_many(cache, 990, 10);
    assert_int_equal(entries_of(cache), 10);
    cache_free(cache);
}

static void test_what_is_offered_is_kept_where_there_is_room(void **state) {
    (void)state;
    struct budget budget;
    budget_init(&budget, NULL, 0);
    struct cache *cache = cache_of(&budget, 1 << 20);
    offer_many(cache, 0, 1000);
    assert_int_equal(entries_of(cache), 1000);
    cache_free(cache);
    assert_int_equal(budget.used, 0);
}

static void test_what_is_offered_evicts_nothing(void **state) {
    (void)state;
    struct budget budget;
    struct cache_stats stats;
    budget_init(&budget, NULL, 0);
    struct cache *cache = cache_of(&budget, 1 << 20);
    offer_many(cache, 0, 20000); // much more than the cache holds
    size_t entries = entries_of(cache), used = budget.used;
    assert_true(entries > 5000 && entries < 20000);
    expect(cache, "00000000", "value", 1);
    offer_many(cache, 20000, 100);
    assert_int_equal(entries_of(cache), entries);
    assert_int_equal(budget.used, used);
    cache_stats(cache, &stats);
    assert_int_equal(stats.evictions, 0);
    offer_many(cache, 20000, 100);
    expect(cache, "00020000", "value", 1);
    cache_write(cache, SLICE_LIT("written"), SLICE_LIT("two"), false, 2);
    expect(cache, "written", "two", 2); // what is written is kept at once
    cache_free(cache);
    assert_int_equal(budget.used, 0);
}

static void test_a_budget_without_room_is_left_alone_by_what_is_offered(void **state) {
    (void)state;
    struct budget budget;
    budget_init(&budget, NULL, 200 << 10);
    struct cache *cache = cache_of(&budget, 16 << 20);
    offer_many(cache, 0, 20000);
    struct cache_stats stats;
    cache_stats(cache, &stats);
    assert_int_equal(stats.evictions, 0);
    assert_true(stats.entries > 300);
    assert_true(budget.used <= 200 << 10);
    cache_free(cache);
    assert_int_equal(budget.used, 0);
}

static void test_a_pin_outlives_replacement_and_is_charged(void **state) {
    (void)state;
    struct budget budget;
    budget_init(&budget, NULL, 0);
    struct cache *cache = cache_of(&budget, 1 << 20);
    cache_write(cache, SLICE_LIT("a"), SLICE_LIT("one"), false, 1);
    const struct cache_entry *e = cache_get(cache, SLICE_LIT("a"), cache_hash(SLICE_LIT("a")));
    size_t with_one = budget.used;
    cache_write(cache, SLICE_LIT("a"), SLICE_LIT("two"), false, 2);
    assert_true(budget.used > with_one);
    assert_true(slice_eq_str(cache_value(e), "one"));
    cache_unpin(cache, e);
    assert_int_equal(budget.used, with_one);
    cache_free(cache);
    assert_int_equal(budget.used, 0);
}

static void fill(struct cache *cache, int count, size_t value_size) {
    static const uint8_t value[4096];
    for (int i = 0; i < count; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%08d", i);
        cache_write(cache, slice_str(key), slice_of(value, value_size), false, (uint64_t)i + 1);
    }
}

static void test_bounds_are_kept(void **state) {
    (void)state;
    struct budget budget;
    budget_init(&budget, NULL, 0);
    struct cache *cache = cache_of(&budget, 1 << 20);
    fill(cache, 20000, 200);
    struct cache_stats stats;
    cache_stats(cache, &stats);
    assert_true(stats.bytes <= 1 << 20);
    assert_true(stats.bytes > (1 << 20) / 2);
    assert_true(stats.evictions > 10000);
    assert_true(budget.used <= (1 << 20) + 65 * 256 + 2 * 2048); // shards and marks besides
    cache_free(cache);
    assert_int_equal(budget.used, 0);
}

static void test_a_refused_budget_only_evicts(void **state) {
    (void)state;
    struct budget budget;
    budget_init(&budget, NULL, 200 << 10);
    struct cache *cache = cache_of(&budget, 16 << 20);
    fill(cache, 20000, 200);
    struct cache_stats stats;
    cache_stats(cache, &stats);
    assert_true(budget.used <= 200 << 10);
    assert_true(stats.entries > 300);
    cache_free(cache);
    assert_int_equal(budget.used, 0);
}

static void test_large_values_are_left_out_and_drop_what_was_there(void **state) {
    (void)state;
    struct cache *cache = cache_of(NULL, 64 << 10); // a shard has 1 KiB
    static const uint8_t large[4096];
    cache_write(cache, SLICE_LIT("a"), SLICE_LIT("small"), false, 1);
    expect(cache, "a", "small", 1);
    cache_write(cache, SLICE_LIT("a"), slice_of(large, sizeof large), false, 2);
    expect(cache, "a", NULL, 0);
    cache_free(cache);
    cache = cache_of(NULL, 0); // a cache of nothing works
    cache_write(cache, SLICE_LIT("a"), SLICE_LIT("small"), false, 1);
    expect(cache, "a", NULL, 0);
    cache_free(cache);
}

static void test_what_is_read_stays(void **state) {
    (void)state;
    struct cache *cache = cache_of(NULL, 1 << 20);
    cache_write(cache, SLICE_LIT("hot"), SLICE_LIT("x"), false, 1);
    for (int i = 0; i < 20000; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%08d", i);
        cache_write(cache, slice_str(key), SLICE_LIT("0123456789012345678901234567890123456789"),
                    false, (uint64_t)i + 2);
        expect(cache, "hot", "x", 1);
    }
    cache_free(cache);
}

static void test_drop_prefix(void **state) {
    (void)state;
    struct cache *cache = cache_of(NULL, 8 << 20);
    fill(cache, 5000, 10);
    cache_drop_prefix(cache, SLICE_LIT("00001")); // 1000..1999
    struct cache_stats stats;
    cache_stats(cache, &stats);
    assert_int_equal(stats.entries, 4000);
    expect(cache, "00001500", NULL, 0);
    for (int i = 0; i < 5000; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%08d", i);
        const struct cache_entry *e = cache_get(cache, slice_str(key), cache_hash(slice_str(key)));
        assert_int_equal(e != NULL, i < 1000 || i >= 2000);
        cache_unpin(cache, e);
    }
    cache_drop_prefix(cache, SLICE_LIT(""));
    cache_stats(cache, &stats);
    assert_int_equal(stats.entries, 0);
    cache_free(cache);
}

// The model: for each of KEYS keys the history of its values. A reader of a view must get the value
// that was newest at its view, whether it comes from the cache or from the model.
enum { KEYS = 40, WRITES = 4000, READERS = 8 };

struct model {
    uint64_t ts[KEYS][WRITES];
    uint32_t count[KEYS];
};

static uint64_t model_at(const struct model *m, size_t key, uint64_t view_ts) {
    for (uint32_t i = m->count[key]; i-- > 0;)
        if (m->ts[key][i] <= view_ts) return m->ts[key][i];
    return 0;
}

// A value is its own timestamp; a timestamp divisible by 7 is a deletion.
static bool is_absent(uint64_t ts) { return ts % 7 == 0; }

struct reader {
    uint64_t view_ts;
    bool waiting; // has read from its view, has not inserted yet
    size_t key;
    uint64_t ts;
};

static struct slice key_text(size_t key, char out[16]) {
    (void)snprintf(out, 16, "key%04zu", key);
    return slice_str(out);
}

static void read_step(struct cache *cache, const struct model *m, struct reader *r,
                      struct rng *rng) {
    char text[16];
    if (r->waiting) { // the insert comes late: anything may have happened since the read
        r->waiting = false;
        for (int i = 0; i < 2; i++) // the first may only leave a mark
            cache_insert(cache, key_text(r->key, text), slice_of(&r->ts, 8), is_absent(r->ts),
                         r->ts, r->view_ts);
        return;
    }
    r->key = (size_t)rng_below(rng, KEYS);
    struct slice key = key_text(r->key, text);
    uint64_t expected = model_at(m, r->key, r->view_ts);
    const struct cache_entry *e = cache_get(cache, key, cache_hash(key));
    if (e && e->ts <= r->view_ts) {
        assert_int_equal(e->ts, expected);
        assert_int_equal(e->absent, is_absent(expected));
        if (!e->absent) assert_memory_equal(cache_value(e).p, &expected, 8);
    } else {
        r->waiting = true;
        r->ts = expected;
    }
    cache_unpin(cache, e);
}

static void write_any(struct cache *cache, struct rng *rng, struct slice key, uint64_t applied) {
    void (*const ways[])(struct cache *, struct slice, struct slice, bool,
                         uint64_t) = {cache_write, cache_replace, cache_admit};
    ways[rng_below(rng, 3)](cache, key, slice_of(&applied, 8), is_absent(applied), applied);
}

static void test_the_rules_against_a_model(void **state) {
    (void)state;
    static struct model m;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng rng;
        rng_seed(&rng, seed);
        m = (struct model){0};
        struct cache *cache = cache_of(NULL, 1 << 20);
        struct reader readers[READERS] = {0};
        uint64_t applied = 0, published = 0;
        for (int step = 0; step < 20000; step++) {
            uint64_t what = rng_below(&rng, 100);
            struct reader *r = &readers[rng_below(&rng, READERS)];
            if (what < 10 && applied < WRITES) { // apply writes through, and publishes later
                size_t key = (size_t)rng_below(&rng, KEYS);
                char text[16];
                applied++;
                m.ts[key][m.count[key]++] = applied;
                write_any(cache, &rng, key_text(key, text), applied);
            } else if (what < 15) {
                published = applied;
            } else if (what < 20) { // stands for eviction, at any time
                char text[16];
                cache_drop_prefix(cache, key_text((size_t)rng_below(&rng, KEYS), text));
            } else if (what < 30 && !r->waiting) {
                r->view_ts = published;
            } else {
                read_step(cache, &m, r, &rng);
            }
        }
        cache_free(cache);
    }
}

static void test_no_memory_drops_the_entry(void **state) {
    (void)state;
    struct cache *cache = cache_of(NULL, 1 << 20);
    cache_write(cache, SLICE_LIT("a"), SLICE_LIT("one"), false, 1);
    fault_arm(FAULT_ALLOC, 1, false);
    cache_write(cache, SLICE_LIT("a"), SLICE_LIT("two"), false, 2);
    fault_disarm(FAULT_ALLOC);
    expect(cache, "a", NULL, 0);
    insert_again(cache, SLICE_LIT("a"), SLICE_LIT("one"), 1, 1);
    expect(cache, "a", NULL, 0); // the write counted although it left nothing
    cache_free(cache);
}

static void test_every_allocation_fails_once(void **state) {
    (void)state;
    for (int64_t n = 1;; n++) {
        struct budget budget;
        budget_init(&budget, NULL, 0);
        struct cache *cache = NULL;
        fault_arm(FAULT_ALLOC, n, false);
        if (cache_new(&ctx, &budget, 1 << 20, &cache) == NACRE_OK) fill(cache, 200, 10);
        bool fired = fault_fired(FAULT_ALLOC);
        fault_disarm(FAULT_ALLOC);
        cache_free(cache);
        assert_int_equal(budget.used, 0);
        if (!fired) break;
        assert_true(n < 2000);
    }
}

// Threads: one writer, readers that check that a value is whole and not newer than what was
// written.
struct shared {
    struct cache *cache;
    _Atomic uint64_t applied, published;
    atomic_bool stop;
    atomic_int bad;
};

static struct slice thread_value(uint64_t ts, uint64_t out[16]) {
    for (int i = 0; i < 16; i++)
        out[i] = ts;
    return slice_of(out, 16 * 8);
}

static void *reader_main(void *arg) {
    struct shared *s = arg;
    struct rng rng;
    rng_seed(&rng, (uint64_t)(uintptr_t)&rng);
    while (!atomic_load(&s->stop)) {
        char text[16];
        uint64_t view_ts = atomic_load(&s->published), words[16];
        struct slice key = key_text((size_t)rng_below(&rng, 500), text);
        const struct cache_entry *e = cache_get(s->cache, key, cache_hash(key));
        if (!e) {
            // Stands for a read of the view: the value 0, which every key had at first.
            if (view_ts == 0)
                cache_insert(s->cache, key, thread_value(0, words), false, 0, view_ts);
            continue;
        }
        (void)thread_value(e->ts, words);
        if (e->value_size != sizeof words || memcmp(cache_value(e).p, words, sizeof words) != 0)
            atomic_fetch_add(&s->bad, 1);
        if (e->ts > atomic_load(&s->applied)) atomic_fetch_add(&s->bad, 1);
        cache_unpin(s->cache, e);
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    struct budget budget;
    budget_init(&budget, NULL, 0);
    struct shared s = {.cache = cache_of(&budget, 64 << 10)};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reader_main, &s), 0);
    struct rng rng;
    rng_seed(&rng, 7);
    for (uint64_t ts = 1; ts <= 60000; ts++) {
        char text[16];
        uint64_t words[16];
        struct slice key = key_text((size_t)rng_below(&rng, 500), text);
        atomic_store(&s.applied, ts);
        cache_write(s.cache, key, thread_value(ts, words), false, ts);
        if (ts % 8 == 0) atomic_store(&s.published, ts);
        if (ts % 5000 == 0) cache_drop_prefix(s.cache, SLICE_LIT("key01"));
    }
    atomic_store(&s.stop, true);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(s.bad, 0);
    cache_free(s.cache);
    assert_int_equal(budget.used, 0);
}

int main(void) {
    ctx_init(&ctx, &world_system, NULL, 1 << 20);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_get_replace),
        cmocka_unit_test(test_insert_only_what_is_newest),
        cmocka_unit_test(test_replace_adds_nothing),
        cmocka_unit_test(test_admit_keeps_what_is_met_again),
        cmocka_unit_test(test_what_is_got_once_is_not_kept),
        cmocka_unit_test(test_what_is_offered_is_kept_where_there_is_room),
        cmocka_unit_test(test_what_is_offered_evicts_nothing),
        cmocka_unit_test(test_a_budget_without_room_is_left_alone_by_what_is_offered),
        cmocka_unit_test(test_a_pin_outlives_replacement_and_is_charged),
        cmocka_unit_test(test_bounds_are_kept),
        cmocka_unit_test(test_a_refused_budget_only_evicts),
        cmocka_unit_test(test_large_values_are_left_out_and_drop_what_was_there),
        cmocka_unit_test(test_what_is_read_stays),
        cmocka_unit_test(test_drop_prefix),
        cmocka_unit_test(test_the_rules_against_a_model),
        cmocka_unit_test(test_no_memory_drops_the_entry),
        cmocka_unit_test(test_every_allocation_fails_once),
        cmocka_unit_test(test_threads),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ctx_free(&ctx);
    return failed;
}
