#include "txn/reads.h"

#include "base/bits/bits.h"
#include "txn/seen.h"

struct tx_key {
    uint64_t begin_ts;
    bool written;
};

struct tx_range {
    struct tx_range *older;
    struct slice lower, upper;
    uint64_t count;
};

struct tx_tablet {
    struct tx_tablet *next;
    uint32_t id;
    uint64_t listed;
    bool whole;
};

static struct tx_tablet *tablet_of(struct reads *r, uint32_t id) {
    for (struct tx_tablet *it = r->tablets; it; it = it->next)
        if (it->id == id) return it;
    struct tx_tablet *fresh = ARENA_NEW(&r->arena, struct tx_tablet);
    if (!fresh) {
        r->failed = true;
        return NULL;
    }
    fresh->id = id;
    fresh->next = r->tablets;
    r->tablets = fresh;
    return fresh;
}

// Room for one more thing of its tablet; false: there is none, or it need not be listed.
static bool list(struct reads *r, uint32_t tablet, uint64_t entries) {
    struct tx_tablet *t = tablet_of(r, tablet);
    if (!t || t->whole) return false;
    t->listed += entries;
    t->whole = t->listed > READS_TABLET_MAX;
    return !t->whole;
}

void reads_tablet(struct reads *r, uint32_t tablet) {
    struct tx_tablet *t = tablet_of(r, tablet);
    if (t) t->whole = true;
}

static struct tx_key *add_key(struct reads *r, struct slice key, uint64_t begin_ts) {
    struct skip_node *node = skip_put(&r->keys, key);
    if (node && !node->value) {
        node->value = ARENA_NEW(&r->arena, struct tx_key);
        if (node->value) *(struct tx_key *)node->value = (struct tx_key){.begin_ts = begin_ts};
    }
    if (node && node->value) return node->value;
    r->failed = true;
    return NULL;
}

void reads_key(struct reads *r, struct slice key, uint64_t begin_ts, bool written) {
    if (!written && !list(r, bits_be32(key.p), skip_find(&r->keys, key) ? 0 : 1)) return;
    struct tx_key *seen = add_key(r, key, begin_ts);
    if (seen) seen->written |= written;
}

bool reads_wrote(const struct reads *r, struct slice key) {
    const struct skip_node *node = skip_find(&r->keys, key);
    return node && node->value && ((const struct tx_key *)node->value)->written;
}

// --- told by the layers that read -------------------------------------------------------

static void got(void *arg, struct slice key, struct slice value) {
    if (key.n <= KEYSPACE_PREFIX) return; // counters of a tablet: see view.counted
    if (key.p[4] != KIND_DOCUMENT && key.p[4] != KIND_UNIQUE && key.p[4] != KIND_MULTIKEY) return;
    reads_key(arg, key, seen_begin(key, value), false);
}

static bool counts(void *arg, struct slice key, struct slice value) {
    (void)arg;
    return seen_counts(key, value);
}

enum { RANGES_LOOKED_AT = 16 };

static bool is_within(const struct reads *r, struct slice lower, struct slice upper) {
    const struct tx_range *it = r->ranges;
    for (int i = 0; it && i < RANGES_LOOKED_AT; i++, it = it->older)
        if (slice_cmp(it->lower, lower) <= 0 && slice_cmp(upper, it->upper) <= 0) return true;
    return false;
}

static void range(void *arg, struct slice lower, struct slice upper, uint64_t count) {
    struct reads *r = arg;
    if (is_within(r, lower, upper) || !list(r, bits_be32(lower.p), count + 1)) return;
    struct tx_range *fresh = ARENA_NEW(&r->arena, struct tx_range);
    const uint8_t *l = arena_copy(&r->arena, lower.p, lower.n);
    const uint8_t *u = arena_copy(&r->arena, upper.p, upper.n);
    if (!fresh || !l || !u) {
        r->failed = true;
        return;
    }
    *fresh = (struct tx_range){.older = r->ranges,
                               .lower = slice_of(l, lower.n),
                               .upper = slice_of(u, upper.n),
                               .count = count};
    r->ranges = fresh;
}

static void lost(void *arg) {
    struct reads *r = arg;
    r->failed = true;
}

void reads_init(struct reads *r, struct budget *budget, size_t max_bytes) {
    *r = (struct reads){
        .watch = {.arg = r, .got = got, .range = range, .counts = counts, .lost = lost}};
    arena_init(&r->arena, budget, max_bytes);
    skip_init(&r->keys, &r->arena);
}

void reads_reset(struct reads *r) {
    arena_reset(&r->arena);
    skip_init(&r->keys, &r->arena);
    r->ranges = NULL;
    r->tablets = NULL;
    r->failed = false;
}

void reads_free(struct reads *r) { arena_free(&r->arena); }

// --- as lists ---------------------------------------------------------------------------

static bool is_whole(const struct reads *r, uint32_t tablet) {
    for (const struct tx_tablet *it = r->tablets; it; it = it->next)
        if (it->id == tablet) return it->whole;
    return false;
}

static nacre_status list_keys(struct ctx *ctx, const struct reads *r, bool all,
                              struct command_transaction *out) {
    out->keys = ARENA_ARRAY(&ctx->arena, struct transaction_key, r->keys.count + 1);
    if (!out->keys) return err_nomem(ctx);
    for (struct skip_node *it = skip_first(&r->keys); it; it = skip_next(it)) {
        const struct tx_key *key = it->value;
        if (!key->written && (!all || is_whole(r, bits_be32(it->key)))) continue;
        out->keys[out->key_count++] =
            (struct transaction_key){.key = skip_key(it), .begin_ts = key->begin_ts};
    }
    return NACRE_OK;
}

static nacre_status list_ranges(struct ctx *ctx, const struct reads *r,
                                struct command_transaction *out) {
    size_t count = 0;
    for (const struct tx_range *it = r->ranges; it; it = it->older)
        count++;
    out->ranges = ARENA_ARRAY(&ctx->arena, struct transaction_range, count + 1);
    if (!out->ranges) return err_nomem(ctx);
    for (const struct tx_range *it = r->ranges; it; it = it->older) {
        if (is_whole(r, bits_be32(it->lower.p))) continue;
        out->ranges[out->range_count++] =
            (struct transaction_range){.lower = it->lower, .upper = it->upper, .count = it->count};
    }
    return NACRE_OK;
}

static nacre_status list_tablets(struct ctx *ctx, const struct reads *r,
                                 struct command_transaction *out) {
    size_t count = 0;
    for (const struct tx_tablet *it = r->tablets; it; it = it->next)
        count++;
    out->tablets = ARENA_ARRAY(&ctx->arena, uint32_t, count + 1);
    if (!out->tablets) return err_nomem(ctx);
    for (const struct tx_tablet *it = r->tablets; it; it = it->next)
        if (it->whole) out->tablets[out->tablet_count++] = it->id;
    return NACRE_OK;
}

nacre_status reads_list(struct ctx *ctx, const struct reads *r, bool all,
                        struct command_transaction *out) {
    if (r->failed) return err_nomem(ctx);
    TRY(list_keys(ctx, r, all, out));
    if (!all) return NACRE_OK;
    TRY(list_ranges(ctx, r, out));
    TRY(list_tablets(ctx, r, out));
    if (out->range_count) out->flags |= TRANSACTION_RANGES;
    return NACRE_OK;
}
