// Iterators of an earlier state: a merge of the current entries that began by then with the ended
// ones that lived then. No key is in both.
//
// Invariants:
//  1. Of the two the one that is next stands at a live entry, the place; the other at its first
//     entry beyond, alive or not: nothing is passed that the place has not come to.
//  2. Keys of one kind are no prefixes of each other, so history lies in the order of its keys.
#include "store/kv_merge.h"
#include "txn/past_internal.h"

enum { STEPS = 12 }; // about what a seek costs

struct past_iter {
    struct kv_merge merge;
    struct kv_iter *now, *history;
    uint64_t ts;
    bool ended_there;              // an ended version is at the place of history
    bool now_ended, history_ended; // of the last look
    struct buf ended_key, ended_value, seek;
    struct buf kind_end; // upper bound of history
};

static struct past_iter *iter_of(struct kv_iter *it) { return (struct past_iter *)it; }

// Copies s, with a time behind it if that is not 0.
static void set(struct past_iter *it, struct buf *buf, struct slice s, uint64_t ts) {
    kv_merge_set(&it->merge, buf, s);
    if (ts) buf_put_be64(buf, ts);
    kv_merge_fail(&it->merge, buf_status(buf));
}

// --- history ----------------------------------------------------------------------------

static struct slice key_of_entry(const struct kv_iter *history) {
    struct slice key = history->key;
    return slice_of(key.p, key.n < PAST_END_SIZE ? 0 : key.n - PAST_END_SIZE);
}

static bool is_version(const struct kv_iter *history, struct slice key) {
    return history->valid && history->key.n == key.n + PAST_END_SIZE &&
           slice_starts(history->key, key);
}

// To the first version of ended_key that ended after ts, or beyond: a few are stepped over.
static void find_version(struct past_iter *it) {
    struct kv_iter *h = it->history;
    struct slice key = buf_slice(&it->ended_key);
    for (int i = 0; i < STEPS && !it->merge.backward && is_version(h, key); i++) {
        if (bits_be64(h->key.p + key.n) > it->ts) return;
        h->ops->next(h);
    }
    if (!it->merge.backward && h->valid && !is_version(h, key)) return;
    set(it, &it->seek, key, it->ts + 1);
    h->ops->seek(h, buf_slice(&it->seek));
    kv_merge_fail(&it->merge, kv_iter_failure(h)); // the next seek would forget it
}

// Looks whether ended_key has a version that lived, and keeps it.
static void look(struct past_iter *it) {
    find_version(it);
    it->ended_there = past_is_alive(it->history, buf_slice(&it->ended_key), it->ts);
    if (it->ended_there) set(it, &it->ended_value, it->history->value, 0);
}

// Past all versions of ended_key. Few are stepped over, many jumped over.
static void leave_forward(struct past_iter *it) {
    struct kv_iter *h = it->history;
    for (int i = 0; i < STEPS && h->valid; i++) {
        if (!slice_eq(key_of_entry(h), buf_slice(&it->ended_key))) return;
        h->ops->next(h);
    }
    set(it, &it->seek, buf_slice(&it->ended_key), UINT64_MAX);
    if (h->valid) h->ops->seek(h, buf_slice(&it->seek));
}

// Whether history stands at a key within the bounds; its last look may have shown it alive.
static bool ended_key_here(const struct past_iter *it, struct slice *out) {
    *out = it->ended_there ? buf_slice(&it->ended_key) : key_of_entry(it->history);
    if (it->ended_there || !it->history->valid) return it->ended_there;
    return it->merge.backward ? slice_cmp(*out, it->merge.lower) >= 0
                              : slice_cmp(*out, it->merge.upper) < 0;
}

// Past ended_key.
static void ended_leave(struct past_iter *it) {
    it->ended_there = false;
    if (it->merge.backward)
        it->history->ops->seek_for_prev(it->history, buf_slice(&it->ended_key));
    else
        leave_forward(it);
}

// Looks at the key where history stands, and leaves it if it did not live.
static void ended_look(struct past_iter *it) {
    struct slice key = key_of_entry(it->history);
    bool inside = it->merge.backward ? slice_cmp(key, it->merge.upper) < 0
                                     : slice_cmp(key, it->merge.lower) >= 0;
    set(it, &it->ended_key, key, 0);
    if (inside) look(it);
    if (!it->ended_there) ended_leave(it);
}

// --- the merge --------------------------------------------------------------------------

static void now_step(struct past_iter *it) {
    if (it->merge.backward)
        it->now->ops->prev(it->now);
    else
        it->now->ops->next(it->now);
}

// Whether the next key is an ended one, alive or not.
static bool ended_is_next(const struct past_iter *it) {
    struct slice key;
    bool ended = ended_key_here(it, &key);
    if (!ended || !it->now->valid) return ended;
    int c = slice_cmp(key, it->now->key);
    return it->merge.backward ? c > 0 : c < 0;
}

// To the next entry that lived. Of the two only the one that is behind moves.
static void settle(struct past_iter *it) {
    while (it->merge.failed == NACRE_OK) {
        if (ended_is_next(it)) {
            if (it->ended_there) return;
            ended_look(it);
        } else {
            if (!it->now->valid || past_begin(it->now->key, it->now->value) <= it->ts) return;
            now_step(it);
        }
    }
}

static void show(struct past_iter *it) {
    settle(it);
    bool ended = ended_is_next(it);
    kv_merge_look(&it->merge, it->now, &it->now_ended);
    kv_merge_look(&it->merge, it->history, &it->history_ended);
    it->merge.iter.valid = (ended || it->now->valid) && it->merge.failed == NACRE_OK;
    if (!it->merge.iter.valid) return;
    it->merge.iter.key = ended ? buf_slice(&it->ended_key) : it->now->key;
    it->merge.iter.value = ended ? buf_slice(&it->ended_value) : it->now->value;
}

static void step(struct past_iter *it) {
    if (ended_is_next(it))
        ended_leave(it);
    else
        now_step(it);
    show(it);
}

static void seek_key(struct kv_merge *merge, struct slice key) {
    struct past_iter *it = iter_of(&merge->iter);
    if (slice_cmp(key, it->merge.lower) < 0) key = it->merge.lower;
    it->merge.backward = it->ended_there = it->now_ended = it->history_ended = false;
    it->now->ops->seek(it->now, key);
    it->history->ops->seek(it->history, key);
    // An entry of a shorter key can stand here: key begins with it.
    while (it->history->valid && slice_cmp(key_of_entry(it->history), key) < 0)
        it->history->ops->next(it->history);
    show(it);
}

// The last entry whose key is at most key (strictly below it with before).
static void seek_below(struct past_iter *it, struct slice key, bool before) {
    struct kv_iter *h = it->history, *now = it->now;
    it->merge.backward = true;
    it->ended_there = it->now_ended = it->history_ended = false;
    now->ops->seek_for_prev(now, key);
    if (before && now->valid && slice_cmp(now->key, key) >= 0) now->ops->prev(now);
    // Entries of key itself, and of one that key begins with, stand behind key.
    h->ops->seek(h, key);
    kv_merge_fail(&it->merge, kv_iter_failure(h));
    while (h->valid && slice_cmp(key_of_entry(h), key) < (before ? 0 : 1))
        h->ops->next(h);
    if (h->valid)
        h->ops->prev(h);
    else
        h->ops->seek_last(h);
    show(it);
}

static void seek_key_for_prev(struct kv_merge *merge, struct slice key) {
    bool beyond = slice_cmp(key, merge->upper) >= 0;
    seek_below(iter_of(&merge->iter), beyond ? merge->upper : key, beyond);
}

// --- the contract -----------------------------------------------------------------------

static void iter_next(struct kv_iter *iter) {
    if (kv_merge_face(&iter_of(iter)->merge, false)) step(iter_of(iter));
}

static void iter_prev(struct kv_iter *iter) {
    if (kv_merge_face(&iter_of(iter)->merge, true)) step(iter_of(iter));
}

static nacre_status iter_status(struct kv_iter *iter, struct ctx *ctx) {
    struct past_iter *it = iter_of(iter);
    TRY(it->now->ops->status(it->now, ctx));
    TRY(it->history->ops->status(it->history, ctx));
    return kv_merge_failure(&it->merge, ctx, "reading the past");
}

static void iter_close(struct kv_iter *iter) {
    if (!iter) return;
    struct past_iter *it = iter_of(iter);
    if (it->now) it->now->ops->close(it->now);
    if (it->history) it->history->ops->close(it->history);
    buf_free(&it->ended_key);
    buf_free(&it->ended_value);
    buf_free(&it->seek);
    buf_free(&it->merge.turning);
    buf_free(&it->kind_end);
    mem_free(it);
}

static const struct kv_iter_ops iter_ops = {
    .seek_first = kv_merge_seek_first,
    .seek_last = kv_merge_seek_last,
    .seek = kv_merge_seek,
    .seek_for_prev = kv_merge_seek_for_prev,
    .next = iter_next,
    .prev = iter_prev,
    .status = iter_status,
    .close = iter_close,
};

static nacre_status open_both(struct past_iter *it, struct ctx *ctx, struct past_kv *past,
                              const struct kv_iter_options *options) {
    struct kv *kv = past->base->kv;
    struct kv_view *view = past->base->kv_view;
    struct buf *bufs[] = {&it->ended_key, &it->ended_value, &it->seek, &it->merge.turning,
                          &it->kind_end};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        buf_init(bufs[i], ctx->arena.budget, SIZE_MAX);
    // History ends with the kind: an entry of the last key may stand behind upper.
    buf_put(&it->kind_end, options->lower.p, KEYSPACE_PREFIX);
    if (buf_status(&it->kind_end) != NACRE_OK) return err_buf(ctx, &it->kind_end);
    it->kind_end.p[KEYSPACE_PREFIX - 1]++;
    struct kv_iter_options history = *options;
    history.lower.n = KEYSPACE_PREFIX;
    history.upper = buf_slice(&it->kind_end);
    TRY(kv->ops->iter_open(kv, ctx, view, KV_DATA, options, &it->now));
    return kv->ops->iter_open(kv, ctx, view, KV_HISTORY, &history, &it->history);
}

nacre_status past_iter_open(struct kv *self, struct ctx *ctx, struct kv_view *view,
                            enum kv_family family, const struct kv_iter_options *options,
                            struct kv_iter **out) {
    struct past_kv *past = past_of(self);
    struct kv *kv = past->base->kv;
    (void)view;
    if (family != KV_DATA || !options || !past_has_versions(options->lower) || !options->upper.n)
        return kv->ops->iter_open(kv, ctx, past->base->kv_view, family, options, out);
    struct past_iter *it = mem_zalloc(sizeof *it);
    if (!it) return err_nomem(ctx);
    it->merge = (struct kv_merge){.iter.ops = &iter_ops,
                                  .seek = seek_key,
                                  .seek_for_prev = seek_key_for_prev,
                                  .lower = options->lower,
                                  .upper = options->upper};
    it->ts = past->options.ts;
    nacre_status status = open_both(it, ctx, past, options);
    if (status != NACRE_OK) {
        iter_close(&it->merge.iter);
        return status;
    }
    *out = &it->merge.iter;
    return NACRE_OK;
}
