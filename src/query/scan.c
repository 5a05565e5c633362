#include "query/scan.h"

#include "catalog/keyspace.h"
#include "doc/key.h"
#include "index/entry.h"

enum { SCAN_KEY_MAX = 64 * 1024 * 1024, SCAN_READAHEAD = 128 * 1024, SCAN_CHECK = 256 };

nacre_status scan_open(struct ctx *ctx, struct scan *scan, const struct query_target *target,
                       const struct plan *plan, const struct buf *resume) {
    const struct access_path *path = &plan->path;
    uint64_t *keys = scan->keys;
    struct cover *cover = scan->cover;
    *scan = (struct scan){.target = target, .plan = plan, .keys = keys, .cover = cover};
    scan->turns = plan->index && plan->serves == PLAN_FLIP;
    buf_init(&scan->turned, ctx->arena.budget, SCAN_KEY_MAX);
    buf_init(&scan->run, ctx->arena.budget, SCAN_KEY_MAX);
    buf_init(&scan->run_end, ctx->arena.budget, SCAN_KEY_MAX);
    buf_init(&scan->resume, ctx->arena.budget, SCAN_KEY_MAX);
    if (resume) buf_put_slice(&scan->resume, buf_slice(resume));
    if (buf_status(&scan->resume) != NACRE_OK) return err_buf(ctx, &scan->resume);
    if (path->range_count == 0) return NACRE_OK;
    struct kv *kv = target->view->kv;
    struct kv_iter_options options = {.lower = path->ranges[0].lower,
                                      .upper = path->ranges[path->range_count - 1].upper,
                                      .fill_cache = plan->caches,
                                      .readahead_bytes = plan->caches ? 0 : SCAN_READAHEAD};
    return kv->ops->iter_open(kv, ctx, target->view->kv_view, KV_DATA, &options, &scan->iter);
}

void scan_close(struct scan *scan) {
    if (scan->iter) scan->iter->ops->close(scan->iter);
    scan->iter = NULL;
    buf_free(&scan->turned);
    buf_free(&scan->run);
    buf_free(&scan->run_end);
    buf_free(&scan->resume);
}

static const struct key_range *range_now(const struct scan *scan) {
    const struct access_path *path = &scan->plan->path;
    return &path->ranges[path->reverse ? path->range_count - 1 - scan->range : scan->range];
}

// The last key before end.
static void seek_before(struct kv_iter *it, struct slice end) {
    it->ops->seek_for_prev(it, end);
    if (it->valid && slice_cmp(it->key, end) >= 0) it->ops->prev(it);
}

static void step(struct kv_iter *it, bool reverse) {
    if (reverse)
        it->ops->prev(it);
    else
        it->ops->next(it);
}

// Moves the iterator to the first key of the range, unless it stands in or after it.
static void place(struct scan *scan, const struct key_range *range) {
    struct kv_iter *it = scan->iter;
    bool reverse = scan->plan->path.reverse;
    if (scan->placed && it->valid) {
        bool before =
            reverse ? slice_cmp(it->key, range->upper) >= 0 : slice_cmp(it->key, range->lower) < 0;
        if (!before) return;
    }
    if (reverse)
        seek_before(it, range->upper);
    else
        it->ops->seek(it, range->lower);
    scan->placed = true;
}

// The next key in the direction of the path. The iterator stands at it.
static nacre_status next_plain(struct ctx *ctx, struct scan *scan, bool *found) {
    const struct access_path *path = &scan->plan->path;
    struct kv_iter *it = scan->iter;
    *found = false;
    if (scan->given) step(it, path->reverse);
    scan->given = false;
    for (; scan->range < path->range_count; scan->range++) {
        const struct key_range *range = range_now(scan);
        if (scan->placed && !it->valid) return it->ops->status(it, ctx);
        place(scan, range);
        if (!it->valid) return it->ops->status(it, ctx);
        // The iterator itself ends with the last range.
        *found = scan->range + 1 == path->range_count ||
                 (path->reverse ? slice_cmp(it->key, range->lower) >= 0
                                : slice_cmp(it->key, range->upper) < 0);
        if (!*found) continue;
        scan->key = it->key;
        scan->given = true;
        if (scan->keys) ++*scan->keys;
        return NACRE_OK;
    }
    return NACRE_OK;
}

static bool next_piece(struct scan *scan) {
    if (scan->piece_count == 0) return false;
    const struct scan_piece *piece = &scan->pieces[--scan->piece_count];
    scan->key = slice_of(scan->turned.p + piece->at, piece->n);
    return true;
}

// The bounds of the run that key is in: its components, whatever the id.
static nacre_status bound_run(struct ctx *ctx, struct scan *scan, struct slice key) {
    struct slice components, id_key;
    TRY(index_key_split(ctx, scan->plan->index, key, &components, &id_key));
    buf_reset(&scan->run);
    buf_reset(&scan->run_end);
    buf_put(&scan->run, key.p, key.n - id_key.n);
    buf_put(&scan->run_end, key.p, key.n - id_key.n);
    if (!key_prefix_end(&scan->run_end)) buf_put_u8(&scan->run_end, 0xFF);
    if (buf_status(&scan->run) != NACRE_OK) return err_buf(ctx, &scan->run);
    return buf_status(&scan->run_end) != NACRE_OK ? err_buf(ctx, &scan->run_end) : NACRE_OK;
}

static bool in_run(const struct scan *scan, struct slice key) {
    return slice_starts(key, buf_slice(&scan->run));
}

// Reads the run between its bounds, against the direction of the path.
static void enter_run(struct scan *scan) {
    struct kv_iter *it = scan->iter;
    bool reverse = !scan->plan->path.reverse;
    if (scan->resume.n && reverse)
        it->ops->seek_for_prev(it, buf_slice(&scan->resume));
    else if (scan->resume.n)
        it->ops->seek(it, buf_slice(&scan->resume));
    else if (reverse)
        seek_before(it, buf_slice(&scan->run_end));
    else
        it->ops->seek(it, buf_slice(&scan->run));
    buf_reset(&scan->resume);
    scan->in_run = true;
    scan->given = false;
}

static nacre_status next_in_run(struct ctx *ctx, struct scan *scan, bool *found) {
    struct kv_iter *it = scan->iter;
    bool reverse = scan->plan->path.reverse;
    if (scan->given) step(it, !reverse);
    scan->given = false;
    if (!it->valid) TRY(it->ops->status(it, ctx));
    *found = it->valid && in_run(scan, it->key);
    if (*found) {
        scan->key = it->key;
        scan->given = true;
        if (scan->keys) ++*scan->keys;
        return NACRE_OK;
    }
    // On, past the run, in the direction of the path.
    scan->in_run = false;
    if (reverse)
        seek_before(it, buf_slice(&scan->run));
    else
        it->ops->seek(it, buf_slice(&scan->run_end));
    scan->placed = true;
    return it->valid ? NACRE_OK : it->ops->status(it, ctx);
}

static nacre_status keep_piece(struct ctx *ctx, struct scan *scan, struct slice key) {
    scan->pieces[scan->piece_count++] = (struct scan_piece){.at = scan->turned.n, .n = key.n};
    buf_put_slice(&scan->turned, key);
    return buf_status(&scan->turned) == NACRE_OK ? NACRE_OK : err_buf(ctx, &scan->turned);
}

// Keeps the keys of the run that the iterator has come to, if they are few; else enters it.
static nacre_status turn_run(struct ctx *ctx, struct scan *scan, bool *found) {
    buf_reset(&scan->turned);
    TRY(bound_run(ctx, scan, scan->key));
    if (scan->resume.n && in_run(scan, buf_slice(&scan->resume))) {
        enter_run(scan);
        return NACRE_OK;
    }
    buf_reset(&scan->resume); // its run is gone
    while (*found && in_run(scan, scan->key)) {
        if (scan->piece_count == SCAN_TURN_MAX) {
            scan->piece_count = 0;
            enter_run(scan);
            return NACRE_OK;
        }
        TRY(keep_piece(ctx, scan, scan->key));
        TRY(next_plain(ctx, scan, found));
    }
    if (*found && scan->keys) --*scan->keys; // it is read again
    scan->given = false;
    return NACRE_OK;
}

static nacre_status next_covered(struct ctx *ctx, struct scan *scan, bool *found) {
    struct slice components, id_key;
    enum cover_says says = COVER_NO;
    for (uint32_t i = 1; says == COVER_NO; i++) {
        if (i % SCAN_CHECK == 0) TRY(ctx_check(ctx));
        TRY(next_plain(ctx, scan, found));
        if (!*found) return NACRE_OK;
        TRY(index_key_split(ctx, scan->plan->index, scan->key, &components, &id_key));
        TRY(cover_ask(ctx, scan->cover, components, id_key, scan->iter->value, &says));
    }
    scan->told = says == COVER_YES;
    return NACRE_OK;
}

nacre_status scan_next(struct ctx *ctx, struct scan *scan, bool *found) {
    *found = false;
    if (!scan->iter) return NACRE_OK;
    if (scan->cover) return next_covered(ctx, scan, found);
    if (!scan->turns) return next_plain(ctx, scan, found);
    for (;;) {
        if (next_piece(scan)) {
            *found = true;
            return NACRE_OK;
        }
        if (scan->in_run) TRY(next_in_run(ctx, scan, found));
        if (*found || scan->in_run) return NACRE_OK;
        TRY(next_plain(ctx, scan, found));
        if (!*found) return NACRE_OK;
        TRY(turn_run(ctx, scan, found));
        *found = false;
    }
}
