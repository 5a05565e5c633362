// The store: RocksDB gets, sorted multi-gets, writes, scans and flushes of 1 KB values, a view, and
// the document cache. Prints medians of many batches in nanoseconds of CPU time a call. Goals: a
// cache hit ≤ 100 with a small working set; a get ≤ 4,500; a scan ≤ 1,000 a row; a write of a
// document and 2 keys ≤ 15,000.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/ds/rng.h"
#include "base/err/check.h"
#include "base/err/ctx.h"
#include "base/os/file.h"
#include "store/cache/cache.h"
#include "store/rocks/kv_rocks.h"

enum { KEYS = 200000, VALUE = 1024, BATCHES = 51, BATCH_CALLS = 2000, BATCH_KEYS = 100 };

struct bench {
    struct ctx ctx;
    struct kv *kv;
    struct cache *cache;
    struct rng rng;
    uint64_t next_key;
    size_t cached_keys;
    uint8_t value[VALUE];
};

static uint64_t now_ns(clockid_t clock) {
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_median(const char *name, double *ns) {
    qsort(ns, BATCHES, sizeof *ns, by_value);
    printf("%-40s %10.0f ns   (quartiles %.0f, %.0f)\n", name, ns[BATCHES / 2], ns[BATCHES / 4],
           ns[BATCHES * 3 / 4]);
}

// CPU time of this thread, so that what else the machine does matters less.
static void median(struct bench *b, const char *name, int calls, void (*one)(struct bench *b)) {
    double ns[BATCHES];
    for (int batch = 0; batch < BATCHES; batch++) {
        uint64_t start = now_ns(CLOCK_THREAD_CPUTIME_ID);
        for (int i = 0; i < calls; i++) one(b);
        ns[batch] = (double)(now_ns(CLOCK_THREAD_CPUTIME_ID) - start) / calls;
    }
    print_median(name, ns);
}

static void median_wall(struct bench *b, const char *name, void (*one)(struct bench *b)) {
    double ns[BATCHES];
    for (int batch = 0; batch < BATCHES; batch++) {
        uint64_t start = now_ns(CLOCK_MONOTONIC);
        one(b);
        ns[batch] = (double)(now_ns(CLOCK_MONOTONIC) - start);
    }
    print_median(name, ns);
}

// The shape of our keys: a tablet and a kind, then the document's own.
static struct slice key_text(char out[32], uint64_t n) {
    int size = snprintf(out, 32,
                        "\x01\x02\x03\x04"
                        "D%014llu",
                        (unsigned long long)n);
    return slice_of(out, (size_t)size);
}

// Half random, half repeated: LZ4 has something to do, as with documents.
static void new_value(struct bench *b) {
    for (size_t i = 0; i < VALUE; i += 16) {
        uint64_t r = rng_next(&b->rng);
        memcpy(b->value + i, &r, 8);
        memset(b->value + i + 8, 'x', 8);
    }
}

static void write_one(struct bench *b) {
    char key[32], index[32];
    struct kv_batch batch;
    struct slice document = key_text(key, b->next_key++);
    kv_batch_init(&batch, NULL, 1 << 20);
    kv_batch_put(&batch, KV_DATA, document, slice_of(b->value, VALUE));
    for (int i = 0; i < 2; i++) {
        struct slice entry = key_text(index, rng_next(&b->rng) % 1000000);
        index[4] = 'I';
        kv_batch_put(&batch, KV_DATA, entry, document);
    }
    CHECK(b->kv->ops->write(b->kv, &b->ctx, &batch) == NACRE_OK);
    kv_batch_free(&batch);
}

static void get_one(struct bench *b) {
    char key[32];
    struct kv_pin pin;
    bool found;
    struct slice k = key_text(key, rng_below(&b->rng, KEYS));
    CHECK(b->kv->ops->get(b->kv, &b->ctx, NULL, KV_DATA, k, &pin, &found) == NACRE_OK && found);
    b->kv->ops->unpin(b->kv, &pin);
}

static void get_absent(struct bench *b) {
    char key[32];
    struct kv_pin pin;
    bool found;
    struct slice k = key_text(key, rng_below(&b->rng, KEYS));
    key[k.n - 1] ^= 0x40;
    CHECK(b->kv->ops->get(b->kv, &b->ctx, NULL, KV_DATA, k, &pin, &found) == NACRE_OK && !found);
}

static void multi_get(struct bench *b) {
    static char text[BATCH_KEYS][32];
    struct slice keys[BATCH_KEYS];
    struct kv_pin pins[BATCH_KEYS];
    bool found[BATCH_KEYS];
    uint64_t first = rng_below(&b->rng, KEYS - BATCH_KEYS * 7);
    for (uint64_t i = 0; i < BATCH_KEYS; i++) keys[i] = key_text(text[i], first + i * 7);
    CHECK(b->kv->ops->multi_get(b->kv, &b->ctx, NULL, KV_DATA, BATCH_KEYS, keys, pins, found) ==
          NACRE_OK);
    for (int i = 0; i < BATCH_KEYS; i++) b->kv->ops->unpin(b->kv, &pins[i]);
}

static void scan(struct bench *b) {
    char key[32];
    struct kv_iter *it = NULL;
    struct kv_iter_options options = {.fill_cache = true};
    CHECK(b->kv->ops->iter_open(b->kv, &b->ctx, NULL, KV_DATA, &options, &it) == NACRE_OK);
    it->ops->seek(it, key_text(key, rng_below(&b->rng, KEYS - 1000)));
    for (int i = 0; i < 1000; i++) it->ops->next(it);
    CHECK(it->valid);
    it->ops->close(it);
}

static void seek(struct bench *b) {
    char key[32];
    struct kv_iter *it = NULL;
    CHECK(b->kv->ops->iter_open(b->kv, &b->ctx, NULL, KV_DATA, NULL, &it) == NACRE_OK);
    it->ops->seek(it, key_text(key, rng_below(&b->rng, KEYS)));
    CHECK(it->valid);
    it->ops->close(it);
}

static void view(struct bench *b) {
    struct kv_view *v = NULL;
    CHECK(b->kv->ops->view_open(b->kv, &b->ctx, &v) == NACRE_OK);
    b->kv->ops->view_close(b->kv, v);
}

static void flush(struct bench *b) {
    write_one(b);
    CHECK(b->kv->ops->flush(b->kv, &b->ctx) == NACRE_OK);
}

// For the cache: no snprintf, which would be most of what is measured.
static struct slice number_key(struct bench *b, char out[32]) {
    uint64_t n = rng_below(&b->rng, b->cached_keys);
    memcpy(out, "tabletD", 8);
    memcpy(out + 8, &n, 8);
    return slice_of(out, 16);
}

static void cache_hit(struct bench *b) {
    char key[32];
    struct slice k = number_key(b, key);
    const struct cache_entry *e = cache_get(b->cache, k, cache_hash(k));
    CHECK(e != NULL);
    cache_unpin(b->cache, e);
}

static void cache_put(struct bench *b) {
    char key[32];
    struct slice k = number_key(b, key);
    cache_write(b->cache, k, slice_of(b->value, VALUE), false, ++b->next_key);
}

static void key_alone(struct bench *b) {
    char key[32];
    struct slice k = number_key(b, key);
    CHECK(k.p[0] == 't');
}

static void bench_cache(struct bench *b, size_t keys) {
    char name[64];
    CHECK(cache_new(&b->ctx, NULL, keys * 2 * (VALUE + 256) + (1 << 20), &b->cache) == NACRE_OK);
    b->cached_keys = keys;
    for (uint64_t n = 0; n < keys; n++) {
        char key[32];
        struct slice k = number_key(b, key);
        memcpy(key + 8, &n, 8);
        cache_write(b->cache, k, slice_of(b->value, VALUE), false, ++b->next_key);
    }
    (void)snprintf(name, sizeof name, "cache hit, %zu keys (key included)", keys);
    median(b, name, 100000, cache_hit);
    (void)snprintf(name, sizeof name, "cache write, %zu keys", keys);
    median(b, name, 2000, cache_put);
    cache_free(b->cache);
}

static void bench_rocks(struct bench *b) {
    median(b, "write 1 KB and 2 index entries", KEYS / BATCHES + 1, write_one);
    CHECK(b->kv->ops->flush(b->kv, &b->ctx) == NACRE_OK);
    median(b, "view open and close", BATCH_CALLS, view);
    for (int i = 0; i < KEYS; i++) get_one(b); // fills the block cache
    median(b, "get", BATCH_CALLS, get_one);
    median(b, "get of an absent key", BATCH_CALLS, get_absent);
    median(b, "multi-get of 100, sorted", 50, multi_get);
    median(b, "open, seek, close", BATCH_CALLS, seek);
    median(b, "scan of 1,000 rows", 10, scan);
    median_wall(b, "write and flush (wall time)", flush);
}

int main(void) {
    static struct bench b;
    char dir[] = "bench-store-XXXXXX";
    struct kv_rocks_options options = {.create = true, .cache_bytes = 512 << 20};
    ctx_init(&b.ctx, &world_system, NULL, 1 << 20);
    rng_seed(&b.rng, 1);
    new_value(&b);
    b.cached_keys = 1000;
    median(&b, "(random number and key alone)", 100000, key_alone);
    bench_cache(&b, 1000);
    bench_cache(&b, 100000);
    CHECK(mkdtemp(dir) != NULL);
    CHECK(kv_rocks_open(&b.ctx, dir, &options, &b.kv) == NACRE_OK);
    printf("%s\n", b.kv->ops->describe(b.kv));
    b.next_key = 0;
    bench_rocks(&b);
    b.kv->ops->close(b.kv);
    CHECK(dir_remove_all(&b.ctx, dir) == NACRE_OK);
    ctx_free(&b.ctx);
    return 0;
}
