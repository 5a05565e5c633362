// Gets, views, iterators. Checksums are verified on every read of a block from disk.
#include "store/rocks/rocks_internal.h"

enum { BATCH_KEYS = 128, ROCKS_SIZES_MAX = 16 };

struct rocks_view {
    const rocksdb_snapshot_t *snapshot;
    rocksdb_readoptions_t *options;
};

static const rocksdb_readoptions_t *options_of(const struct kv_rocks *rocks,
                                               const struct kv_view *view) {
    return view ? ((const struct rocks_view *)view)->options : rocks->read_newest;
}

static bool pin_set(rocksdb_pinnableslice_t *handle, struct kv_pin *out) {
    *out = (struct kv_pin){0};
    if (!handle) return false;
    size_t n = 0;
    const char *value = rocksdb_pinnableslice_value(handle, &n);
    *out = (struct kv_pin){.value = slice_of(value, n), .handle = handle};
    return true;
}

nacre_status rocks_get(struct kv *kv, struct ctx *ctx, struct kv_view *view, enum kv_family family,
                       struct slice key, struct kv_pin *out, bool *found) {
    struct kv_rocks *rocks = rocks_of(kv);
    TRY(rocks_check_alive(rocks, ctx));
    char *error = NULL;
    rocksdb_pinnableslice_t *handle = rocksdb_get_pinned_cf(
        rocks->db, options_of(rocks, view), rocks->family[family], rocks_chars(key), key.n, &error);
    if (error) {
        *found = false;
        return rocks_error(ctx, error, "reading");
    }
    *found = pin_set(handle, out);
    return NACRE_OK;
}

void rocks_unpin(struct kv *kv, struct kv_pin *pin) {
    if (pin->handle && rocks_alive(rocks_of(kv))) rocksdb_pinnableslice_destroy(pin->handle);
    *pin = (struct kv_pin){0};
}

// One call into RocksDB, of at most BATCH_KEYS keys.
struct get_chunk {
    size_t count;
    bool sorted;
    const char *keys[BATCH_KEYS];
    size_t sizes[BATCH_KEYS];
    rocksdb_pinnableslice_t *values[BATCH_KEYS];
    char *errors[BATCH_KEYS];
};

// Debian's build asserts that input said to be sorted is, so it is looked at here and not believed.
static void chunk_fill(struct get_chunk *chunk, const struct slice *keys, size_t count) {
    chunk->count = count;
    chunk->sorted = true;
    for (size_t i = 0; i < count; i++) {
        chunk->keys[i] = rocks_chars(keys[i]);
        chunk->sizes[i] = keys[i].n;
        if (i && slice_cmp(keys[i - 1], keys[i]) > 0) chunk->sorted = false;
    }
}

// The first error, if any; the others are freed. Values are handed out in any case.
static nacre_status chunk_results(struct ctx *ctx, struct get_chunk *chunk, struct kv_pin *pins,
                                  bool *found) {
    nacre_status status = NACRE_OK;
    for (size_t i = 0; i < chunk->count; i++) {
        found[i] = pin_set(chunk->values[i], &pins[i]);
        char *error = chunk->errors[i];
        if (error && status == NACRE_OK)
            status = rocks_error(ctx, error, "reading");
        else if (error)
            rocksdb_free(error);
    }
    return status;
}

static void unpin_all(struct kv *kv, struct kv_pin *pins, bool *found, size_t count) {
    for (size_t i = 0; i < count; i++) {
        rocks_unpin(kv, &pins[i]);
        found[i] = false;
    }
}

nacre_status rocks_multi_get(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                             enum kv_family family, size_t count, const struct slice *keys,
                             struct kv_pin *pins, bool *found) {
    struct kv_rocks *rocks = rocks_of(kv);
    TRY(rocks_check_alive(rocks, ctx));
    struct get_chunk chunk;
    for (size_t done = 0; done < count; done += chunk.count) {
        chunk_fill(&chunk, keys + done, count - done < BATCH_KEYS ? count - done : BATCH_KEYS);
        rocksdb_batched_multi_get_cf(rocks->db, options_of(rocks, view), rocks->family[family],
                                     chunk.count, chunk.keys, chunk.sizes, chunk.values,
                                     chunk.errors, chunk.sorted);
        nacre_status status = chunk_results(ctx, &chunk, pins + done, found + done);
        if (status == NACRE_OK) continue;
        unpin_all(kv, pins, found, done + chunk.count);
        return status;
    }
    return NACRE_OK;
}

nacre_status rocks_view_open(struct kv *kv, struct ctx *ctx, struct kv_view **out) {
    struct kv_rocks *rocks = rocks_of(kv);
    TRY(rocks_check_alive(rocks, ctx));
    struct rocks_view *view = mem_alloc(sizeof *view);
    if (!view) return err_nomem(ctx);
    view->snapshot = rocksdb_create_snapshot(rocks->db);
    view->options = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(view->options, 1);
    rocksdb_readoptions_set_snapshot(view->options, view->snapshot);
    *out = (struct kv_view *)view;
    return NACRE_OK;
}

void rocks_view_close(struct kv *kv, struct kv_view *base) {
    struct rocks_view *view = (struct rocks_view *)base;
    if (!view) return;
    if (rocks_alive(rocks_of(kv))) {
        rocksdb_readoptions_destroy(view->options);
        rocksdb_release_snapshot(rocks_of(kv)->db, view->snapshot);
    }
    mem_free(view);
}

struct rocks_iter {
    struct kv_iter base;
    struct kv_rocks *rocks;
    rocksdb_iterator_t *handle;
    rocksdb_readoptions_t *options; // holds the bounds that the handle points to
};

static struct rocks_iter *iter_of(struct kv_iter *it) { return (struct rocks_iter *)it; }

static void show(struct rocks_iter *it) {
    it->base.valid = rocksdb_iter_valid(it->handle);
    it->base.key = it->base.value = (struct slice){0};
    if (!it->base.valid) return;
    size_t key_size = 0, value_size = 0;
    const char *key = rocksdb_iter_key(it->handle, &key_size);
    const char *value = rocksdb_iter_value(it->handle, &value_size);
    it->base.key = slice_of(key, key_size);
    it->base.value = slice_of(value, value_size);
}

static bool iter_usable(struct rocks_iter *it) {
    if (rocks_alive(it->rocks)) return true;
    it->base.valid = false;
    return false;
}

static void iter_seek_first(struct kv_iter *base) {
    struct rocks_iter *it = iter_of(base);
    if (!iter_usable(it)) return;
    rocksdb_iter_seek_to_first(it->handle);
    show(it);
}

static void iter_seek_last(struct kv_iter *base) {
    struct rocks_iter *it = iter_of(base);
    if (!iter_usable(it)) return;
    rocksdb_iter_seek_to_last(it->handle);
    show(it);
}

static void iter_seek(struct kv_iter *base, struct slice key) {
    struct rocks_iter *it = iter_of(base);
    if (!iter_usable(it)) return;
    rocksdb_iter_seek(it->handle, rocks_chars(key), key.n);
    show(it);
}

static void iter_seek_for_prev(struct kv_iter *base, struct slice key) {
    struct rocks_iter *it = iter_of(base);
    if (!iter_usable(it)) return;
    rocksdb_iter_seek_for_prev(it->handle, rocks_chars(key), key.n);
    show(it);
}

static void iter_next(struct kv_iter *base) {
    struct rocks_iter *it = iter_of(base);
    if (!base->valid || !iter_usable(it)) return; // RocksDB asserts that it is valid
    rocksdb_iter_next(it->handle);
    show(it);
}

static void iter_prev(struct kv_iter *base) {
    struct rocks_iter *it = iter_of(base);
    if (!base->valid || !iter_usable(it)) return;
    rocksdb_iter_prev(it->handle);
    show(it);
}

static nacre_status iter_status(struct kv_iter *base, struct ctx *ctx) {
    struct rocks_iter *it = iter_of(base);
    TRY(rocks_check_alive(it->rocks, ctx));
    char *error = NULL;
    rocksdb_iter_get_error(it->handle, &error);
    return error ? rocks_error(ctx, error, "reading") : NACRE_OK;
}

static void iter_close(struct kv_iter *base) {
    if (!base) return;
    struct rocks_iter *it = iter_of(base);
    if (rocks_alive(it->rocks)) {
        rocksdb_iter_destroy(it->handle);
        rocksdb_readoptions_destroy(it->options);
    }
    mem_free(it);
}

static const struct kv_iter_ops iter_ops = {
    .seek_first = iter_seek_first,
    .seek_last = iter_seek_last,
    .seek = iter_seek,
    .seek_for_prev = iter_seek_for_prev,
    .next = iter_next,
    .prev = iter_prev,
    .status = iter_status,
    .close = iter_close,
};

static rocksdb_readoptions_t *iter_options(const struct kv_view *view,
                                           const struct kv_iter_options *options) {
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(read, 1);
    if (view) rocksdb_readoptions_set_snapshot(read, ((const struct rocks_view *)view)->snapshot);
    if (!options) return read;
    if (options->lower.n)
        rocksdb_readoptions_set_iterate_lower_bound(read, (const char *)options->lower.p,
                                                    options->lower.n);
    if (options->upper.n)
        rocksdb_readoptions_set_iterate_upper_bound(read, (const char *)options->upper.p,
                                                    options->upper.n);
    rocksdb_readoptions_set_fill_cache(read, options->fill_cache);
    if (options->readahead_bytes)
        rocksdb_readoptions_set_readahead_size(read, options->readahead_bytes);
    return read;
}

nacre_status rocks_iter_open(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                             enum kv_family family, const struct kv_iter_options *options,
                             struct kv_iter **out) {
    struct kv_rocks *rocks = rocks_of(kv);
    TRY(rocks_check_alive(rocks, ctx));
    struct rocks_iter *it = mem_zalloc(sizeof *it);
    if (!it) return err_nomem(ctx);
    it->base.ops = &iter_ops;
    it->rocks = rocks;
    it->options = iter_options(view, options);
    it->handle = rocksdb_create_iterator_cf(rocks->db, it->options, rocks->family[family]);
    *out = &it->base;
    return NACRE_OK;
}

void rocks_sizes(struct kv *kv, enum kv_family family, size_t count, const struct slice *begins,
                 const struct slice *ends, uint64_t *out) {
    struct kv_rocks *rocks = rocks_of(kv);
    const char *from[ROCKS_SIZES_MAX], *to[ROCKS_SIZES_MAX];
    size_t from_n[ROCKS_SIZES_MAX], to_n[ROCKS_SIZES_MAX];
    char *error = NULL;
    memset(out, 0, count * sizeof *out);
    if (count > ROCKS_SIZES_MAX || !rocks_alive(rocks)) return;
    for (size_t i = 0; i < count; i++) {
        from[i] = rocks_chars(begins[i]);
        from_n[i] = begins[i].n;
        to[i] = rocks_chars(ends[i]);
        to_n[i] = ends[i].n;
    }
    rocksdb_approximate_sizes_cf(rocks->db, rocks->family[family], (int)count, from, from_n, to,
                                 to_n, out, &error);
    if (error) rocksdb_free(error);
}
