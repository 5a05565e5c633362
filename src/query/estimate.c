#include "query/estimate.h"

#include <stdatomic.h>

#include "base/bits/bits.h"

// Keys counted in a range where files tell the rest, and where nothing else does; ranges of a list
// that stand for all; seconds for which a guess is good.
enum { COUNT_FEW = 64, COUNT_MANY = 4096, RANGES_LOOKED_AT = 4, KEPT_S = 10 };
// A collection of which the most that is counted is this part: more is dearer than reading it all.
enum { COUNTED_PART = 8 };
enum { MEMO_SLOTS = 4096, HASHED_RANGES = 64 };
// Less than this of an index in files says nothing about it.
enum { FILES_TELL = 64 * 1024 };

// --- what was found out lately ------------------------------------------------------------------

// Two words that are written one by one: the first is the hash mixed with the second, so that a
// pair that does not belong together is no entry.
struct memo_slot {
    _Atomic uint64_t mixed;
    _Atomic uint64_t found; // keys as a float (negative: at least so many), second of the find
};

struct estimate_memo {
    struct memo_slot slots[MEMO_SLOTS];
};

nacre_status estimate_memo_new(struct ctx *ctx, struct budget *budget, struct estimate_memo **out) {
    if (!budget_charge(budget, sizeof **out)) return err_nomem(ctx);
    *out = mem_zalloc(sizeof **out);
    if (*out) return NACRE_OK;
    budget_release(budget, sizeof **out);
    return err_nomem(ctx);
}

void estimate_memo_free(struct estimate_memo *memo, struct budget *budget) {
    if (memo) budget_release(budget, sizeof *memo);
    mem_free(memo);
}

static uint32_t second_of(const struct ctx *ctx) {
    return (uint32_t)(world_mono_ns(ctx->world) / 1000000000u) + 1;
}

static bool recall(struct estimate_memo *memo, uint64_t hash, uint32_t now_s,
                   struct estimate *out) {
    if (!memo) return false;
    struct memo_slot *slot = &memo->slots[hash % MEMO_SLOTS];
    uint64_t found = atomic_load_explicit(&slot->found, memory_order_relaxed);
    uint64_t mixed = atomic_load_explicit(&slot->mixed, memory_order_relaxed);
    uint32_t then_s = (uint32_t)found, bits = (uint32_t)(found >> 32);
    float keys;
    if ((mixed ^ found) != hash || now_s - then_s > KEPT_S) return false;
    memcpy(&keys, &bits, sizeof keys);
    out->known = keys >= 0;
    out->keys = (double)(out->known ? keys : -keys);
    return true;
}

static void remember(struct estimate_memo *memo, uint64_t hash, uint32_t now_s, double keys) {
    float kept = (float)keys;
    uint32_t bits;
    if (!memo) return;
    memcpy(&bits, &kept, sizeof bits);
    struct memo_slot *slot = &memo->slots[hash % MEMO_SLOTS];
    uint64_t found = (uint64_t)bits << 32 | now_s;
    atomic_store_explicit(&slot->found, found, memory_order_relaxed);
    atomic_store_explicit(&slot->mixed, hash ^ found, memory_order_relaxed);
}

// --- finding out --------------------------------------------------------------------------------

struct look {
    struct ctx *ctx;
    struct view *view;
    const struct access_path *path;
    uint32_t looked_at; // ranges of the path, at equal distances
};

static const struct key_range *range_at(const struct look *look, uint32_t i) {
    return &look->path->ranges[(uint64_t)i * look->path->range_count / look->looked_at];
}

// Keys in the ranges looked at, up to max.
static nacre_status count_keys(const struct look *look, uint64_t max, uint64_t *out) {
    struct kv *kv = look->view->kv;
    const struct access_path *path = look->path;
    struct kv_iter_options options = {.lower = path->ranges[0].lower,
                                      .upper = path->ranges[path->range_count - 1].upper,
                                      .fill_cache = true};
    struct kv_iter *it;
    *out = 0;
    TRY(kv->ops->iter_open(kv, look->ctx, look->view->kv_view, KV_DATA, &options, &it));
    nacre_status status = NACRE_OK;
    for (uint32_t i = 0; i < look->looked_at && *out < max && status == NACRE_OK; i++) {
        const struct key_range *range = range_at(look, i);
        it->ops->seek(it, range->lower);
        while (it->valid && slice_cmp(it->key, range->upper) < 0 && ++*out < max)
            it->ops->next(it);
        if (!it->valid) status = it->ops->status(it, look->ctx);
    }
    it->ops->close(it);
    return status;
}

// The part of an index that the ranges looked at are, by the sizes of files; false: they do not
// tell.
static bool part_by_files(const struct look *look, double *out) {
    struct kv *kv = look->view->kv;
    struct slice begins[RANGES_LOOKED_AT + 1], ends[RANGES_LOOKED_AT + 1];
    uint64_t sizes[RANGES_LOOKED_AT + 1], sum = 0;
    uint8_t whole[KEYSPACE_PREFIX + 4], end[sizeof whole];
    if (!kv->ops->sizes) return false;
    memcpy(whole, look->path->ranges[0].lower.p, sizeof whole);
    memcpy(end, whole, sizeof end);
    bits_put_be32(end + KEYSPACE_PREFIX, look->path->index_id + 1);
    begins[0] = slice_of(whole, sizeof whole);
    ends[0] = slice_of(end, sizeof end);
    for (uint32_t i = 0; i < look->looked_at; i++) {
        begins[i + 1] = range_at(look, i)->lower;
        ends[i + 1] = range_at(look, i)->upper;
    }
    kv->ops->sizes(kv, KV_DATA, look->looked_at + 1, begins, ends, sizes);
    for (uint32_t i = 1; i <= look->looked_at; i++)
        sum += sizes[i];
    *out = sizes[0] ? (double)sum / (double)sizes[0] : 0;
    return sizes[0] >= FILES_TELL;
}

static uint64_t hash_of(const struct access_path *path) {
    uint32_t n = path->range_count < HASHED_RANGES ? path->range_count : HASHED_RANGES;
    uint64_t hash = path->range_count;
    for (uint32_t i = 0; i < n; i++) {
        hash = hash_bytes_seed(path->ranges[i].lower.p, path->ranges[i].lower.n, hash);
        hash = hash_bytes_seed(path->ranges[i].upper.p, path->ranges[i].upper.n, hash);
    }
    return hash;
}

static nacre_status find_out(const struct look *look, uint64_t all, struct estimate *out) {
    double times = (double)look->path->range_count / look->looked_at, part;
    uint64_t counted, many = all / COUNTED_PART < COUNT_MANY ? all / COUNTED_PART : COUNT_MANY;
    TRY(count_keys(look, COUNT_FEW, &counted));
    out->known = counted < COUNT_FEW;
    out->keys = (double)counted * times;
    if (out->known) return NACRE_OK;
    if (part_by_files(look, &part)) {
        out->known = true;
        part = part * times * (double)all;
        if (part > out->keys) out->keys = part;
        return NACRE_OK;
    }
    if (many <= COUNT_FEW) return NACRE_OK;
    TRY(count_keys(look, many, &counted));
    out->known = counted < many;
    out->keys = (double)counted * times;
    return NACRE_OK;
}

nacre_status estimate_keys(struct ctx *ctx, struct view *view, struct estimate_memo *memo,
                           const struct access_path *path, uint64_t all, struct estimate *out) {
    struct look look = {.ctx = ctx,
                        .view = view->beneath ? view->beneath : view,
                        .path = path,
                        .looked_at = path->range_count < RANGES_LOOKED_AT ? path->range_count
                                                                          : RANGES_LOOKED_AT};
    uint64_t hash = hash_of(path);
    uint32_t now_s = memo ? second_of(ctx) : 0;
    *out = (struct estimate){.known = true};
    if (path->range_count == 0 || recall(memo, hash, now_s, out)) return NACRE_OK;
    TRY(find_out(&look, all, out));
    remember(memo, hash, now_s, out->known ? out->keys : -out->keys);
    return NACRE_OK;
}
