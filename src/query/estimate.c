#include "query/estimate.h"

#include <math.h>
#include <stdatomic.h>

#include "base/bits/bits.h"

// Keys counted in a range where files tell the rest, and where nothing else does; ranges of a list
// that stand for all; seconds for which a guess is good.
enum { COUNT_FEW = 64, COUNT_MANY = 4096, RANGES_LOOKED_AT = 4, KEPT_S = 10 };
// A collection of which the most that is counted is this part: more is dearer than reading it all.
enum { COUNTED_PART = 8 };
enum { MEMO_SLOTS = 4096, HASHED_RANGES = 64 };
// Less than this of an index in files says nothing about it; so much of a range is more than what a
// few blocks more or less make of it; a value of a few keys may stand in two blocks.
enum { FILES_TELL = 64 * 1024, FILES_SAY_MUCH = 32 * 1024, FILES_SAY_LITTLE = 8 * 1024 };
// Looks in a row that found what was expected, after which a new value is expected to be alike.
enum { HABIT_SURE = 8, HABIT_SCALE = 256 };
// Times more than usual by the files that make a value one to look at.
#define UNUSUAL 4.0

// --- what was found out lately ------------------------------------------------------------------

// Two words that are written one by one: the first is the hash mixed with the second, so that a
// pair that does not belong together is no entry.
struct memo_slot {
    _Atomic uint64_t mixed;
    _Atomic uint64_t
        found; // keys as a float (negative: at least so many), or a habit; second of it
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

// What was kept under a hash within KEPT_S: a word whose lower half is the second of that.
static bool memo_read(struct estimate_memo *memo, uint64_t hash, uint32_t now_s, uint32_t *out) {
    if (!memo) return false;
    struct memo_slot *slot = &memo->slots[hash % MEMO_SLOTS];
    uint64_t found = atomic_load_explicit(&slot->found, memory_order_relaxed);
    uint64_t mixed = atomic_load_explicit(&slot->mixed, memory_order_relaxed);
    *out = (uint32_t)(found >> 32);
    return (mixed ^ found) == hash && now_s - (uint32_t)found <= KEPT_S;
}

static void memo_write(struct estimate_memo *memo, uint64_t hash, uint32_t now_s, uint32_t what) {
    if (!memo) return;
    struct memo_slot *slot = &memo->slots[hash % MEMO_SLOTS];
    uint64_t found = (uint64_t)what << 32 | now_s;
    atomic_store_explicit(&slot->found, found, memory_order_relaxed);
    atomic_store_explicit(&slot->mixed, hash ^ found, memory_order_relaxed);
}

static bool recall(struct estimate_memo *memo, uint64_t hash, uint32_t now_s,
                   struct estimate *out) {
    uint32_t bits;
    float keys;
    if (!memo_read(memo, hash, now_s, &bits)) return false;
    memcpy(&keys, &bits, sizeof keys);
    out->known = keys >= 0;
    out->keys = (double)(out->known ? keys : -keys);
    return true;
}

static void remember(struct estimate_memo *memo, uint64_t hash, uint32_t now_s,
                     const struct estimate *found) {
    float kept = (float)(found->known ? found->keys : -found->keys);
    uint32_t bits;
    memcpy(&bits, &kept, sizeof bits);
    memo_write(memo, hash, now_s, bits);
}

// --- finding out --------------------------------------------------------------------------------

struct look {
    struct ctx *ctx;
    struct view *view;
    struct estimate_memo *memo;
    uint32_t now_s;
    const struct estimate_path *of;
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

enum { INDEX_PREFIX = KEYSPACE_PREFIX + 4 };

static struct slice index_of(const struct look *look) {
    return slice_of(look->path->ranges[0].lower.p, INDEX_PREFIX);
}

// What files tell, in bytes. Of the whole index it is remembered.
struct files {
    bool tell;
    double whole, ranges; // of those that are looked at
};

static void ask_files(const struct look *look, struct files *out) {
    struct kv *kv = look->view->kv;
    struct slice begins[RANGES_LOOKED_AT + 1], ends[RANGES_LOOKED_AT + 1], index = index_of(look);
    uint64_t sizes[RANGES_LOOKED_AT + 1], hash = hash_bytes_seed(index.p, index.n, FILES_TELL);
    uint8_t end[INDEX_PREFIX];
    struct estimate whole = {.known = true};
    uint32_t n = look->looked_at;
    *out = (struct files){0};
    if (!kv->ops->sizes) return;
    bool recalled = recall(look->memo, hash, look->now_s, &whole);
    for (uint32_t i = 0; i < n; i++) {
        begins[i] = range_at(look, i)->lower;
        ends[i] = range_at(look, i)->upper;
    }
    memcpy(end, index.p, sizeof end);
    bits_put_be32(end + KEYSPACE_PREFIX, look->path->index_id + 1);
    begins[n] = index;
    ends[n] = slice_of(end, sizeof end);
    kv->ops->sizes(kv, KV_DATA, n + !recalled, begins, ends, sizes);
    if (!recalled) {
        whole.keys = (double)sizes[n];
        remember(look->memo, hash, look->now_s, &whole);
    }
    for (uint32_t i = 0; i < n; i++)
        out->ranges += (double)sizes[i];
    out->whole = whole.keys;
    out->tell = whole.keys >= FILES_TELL;
}

// Keys of all ranges of the path, as files tell.
static double keys_by_files(const struct look *look, const struct files *files) {
    double times = (double)look->path->range_count / look->looked_at;
    return files->ranges / files->whole * times * (double)look->of->all;
}

// --- habits -------------------------------------------------------------------------------------
//
// What looks at an index have found lately, for what was not looked at yet. Of single values: how
// many keys each has, if that is much the same. Of ranges: that those of which files say much have
// keys indeed; files do not know what was deleted since. In the memo: the keys as a logarithm, and
// how many looks in a row agreed.

static uint64_t habit_hash(const struct look *look) {
    struct slice index = index_of(look);
    return hash_bytes_seed(index.p, index.n, 2u * look->of->fields + look->of->point);
}

static bool has_habits(const struct look *look) {
    return look->memo && look->path->range_count == 1;
}

// What is out of the ordinary by its files is looked at, too.
static bool expect(const struct look *look, struct estimate *out) {
    struct files files;
    uint32_t habit;
    if (!has_habits(look) || !memo_read(look->memo, habit_hash(look), look->now_s, &habit))
        return false;
    if ((habit & UINT16_MAX) < HABIT_SURE) return false;
    ask_files(look, &files);
    if (!files.tell) return false;
    out->known = true;
    if (!look->of->point) {
        out->keys = keys_by_files(look, &files);
        return files.ranges >= FILES_SAY_MUCH;
    }
    out->keys = exp2((double)(habit >> 16) / HABIT_SCALE) - 1;
    double usual = out->keys / (double)look->of->all * files.whole;
    return files.ranges <= UNUSUAL * usual + FILES_SAY_LITTLE;
}

static void note_habit(const struct look *look, bool agrees, double keys) {
    uint64_t hash = habit_hash(look);
    uint32_t habit = 0, agreed = 0;
    double found = log2(keys + 1) * HABIT_SCALE, usual = found;
    if (memo_read(look->memo, hash, look->now_s, &habit)) {
        agreed = habit & UINT16_MAX;
        usual = (double)(habit >> 16);
    }
    if (look->of->point) agrees = fabs(found - usual) <= HABIT_SCALE;
    usual = agrees ? usual + (found - usual) / HABIT_SURE : found;
    agreed = !agrees ? 0 : agreed < HABIT_SURE ? agreed + 1 : agreed;
    memo_write(look->memo, hash, look->now_s, (uint32_t)usual << 16 | agreed);
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

// Counts a little way; beyond that files tell, or what is counted further on.
static nacre_status find_out(const struct look *look, struct estimate *out) {
    double times = (double)look->path->range_count / look->looked_at;
    uint64_t counted, all = look->of->all;
    uint64_t many = all / COUNTED_PART < COUNT_MANY ? all / COUNTED_PART : COUNT_MANY;
    struct files files = {0};
    TRY(count_keys(look, COUNT_FEW, &counted));
    out->known = counted < COUNT_FEW;
    out->keys = (double)counted * times;
    if (!out->known || has_habits(look)) ask_files(look, &files);
    if (!out->known && files.tell) {
        double keys = keys_by_files(look, &files);
        out->known = true;
        if (keys > out->keys) out->keys = keys;
    } else if (!out->known && many > COUNT_FEW) {
        TRY(count_keys(look, many, &counted));
        out->known = counted < many;
        out->keys = (double)counted * times;
    }
    bool says_much = files.tell && files.ranges >= FILES_SAY_MUCH;
    if (has_habits(look) && (look->of->point || says_much))
        note_habit(look, counted >= COUNT_FEW, out->keys);
    return NACRE_OK;
}

nacre_status estimate_keys(struct ctx *ctx, struct view *view, struct estimate_memo *memo,
                           const struct estimate_path *path, struct estimate *out) {
    uint32_t ranges = path->path->range_count;
    struct look look = {.ctx = ctx,
                        .view = view->beneath ? view->beneath : view,
                        .memo = memo,
                        .now_s = memo ? second_of(ctx) : 0,
                        .of = path,
                        .path = path->path,
                        .looked_at = ranges < RANGES_LOOKED_AT ? ranges : RANGES_LOOKED_AT};
    uint64_t hash = hash_of(path->path);
    *out = (struct estimate){.known = true};
    if (ranges == 0 || recall(memo, hash, look.now_s, out) || expect(&look, out)) return NACRE_OK;
    TRY(find_out(&look, out));
    remember(memo, hash, look.now_s, out);
    return NACRE_OK;
}
