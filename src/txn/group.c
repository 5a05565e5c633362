// The batch of a group of commands. Each command's effects are one run of entries in it; counters
// of tablets and the applied position come last, so a batch is as if its commands had been written
// one by one (T2), and a crash finds all of it or nothing. What is pending is seen through the
// overlay.
#include "base/bits/bits.h"
#include "txn/apply.h"
#include "txn/generation.h"

enum { PENDING_BYTES_MAX = 1024 * 1024, CACHED_EFFECTS_MAX = 256 };

static bool is_dropped(const struct txn *t, uint32_t tablet) {
    for (uint32_t i = 0; i < t->dropped_count; i++)
        if (t->dropped[i] == tablet) return true;
    return false;
}

void apply_touch(struct txn *t, struct tablet *tablet) {
    if (tablet->touched) return;
    tablet->touched = true;
    tablet->saved = tablet->now;
    tablet->touched_next = t->touched;
    t->touched = tablet;
}

static void begin_group(struct txn *t) {
    arena_reset(&t->ctx.arena);
    overlay_clear(t);
    kv_batch_reset(&t->batch);
    t->effects = NULL;
    t->effect_count = t->effect_cap = 0;
    t->dropped = NULL;
    t->dropped_count = 0;
    t->catalog_changed = false;
    t->horizon_next = 0;
}

void group_begin_command(struct txn *t, const struct apply_place *place, bool more) {
    uint64_t next = t->position.commit_ts + 1;
    if (!t->pending) begin_group(t);
    t->commit_ts = place->proposed_ts > next ? place->proposed_ts : next;
    err_clear(&t->ctx);
    t->change_count = 0;
    t->parsed_of = slice_of(NULL, 0);
    t->use_overlay = t->pending || more;
    // Before the command's own effects: it stays if the command is refused.
    if (t->position.generation && t->position.generation != place->generation)
        generation_put(&t->batch, place->generation, &t->position);
    t->command = apply_mark(t);
}

// Takes back what the running command did. cause: why, when it is not a result; it is returned.
nacre_status group_undo_command(struct txn *t, nacre_status cause) {
    for (struct tablet *it = t->touched; it; it = it->touched_next) {
        it->now = it->saved;
        it->touched = false;
    }
    t->touched = NULL;
    apply_rollback(t, t->command);
    t->catalog_changed = false;
    t->horizon_next = 0;
    t->dropped_count = 0;
    if (cause != NACRE_OK) return cause;
    if (!t->overlay.count) return NACRE_OK;
    overlay_clear(t); // it may hold entries of the command that failed
    struct err err = t->ctx.err;
    TRY(overlay_absorb(t, 0));
    t->ctx.err = err;
    return NACRE_OK;
}

// The first command with which the history of a tablet has grown by a step leaves a sample.
static void sample_history(const struct txn *t, struct tablet *it) {
    const struct collection *c = catalog_by_tablet(t->catalog, it->id);
    uint64_t before = it->saved.history_total;
    if (!c || it->now.history_total == before || it->now.history_total <= it->now.history_next)
        return;
    uint64_t floor_ts = c->history_from > t->horizon_ts ? c->history_from : t->horizon_ts;
    history_add(it->history, (struct history_sample){t->commit_ts, before}, floor_ts,
                c->history_bytes);
    it->now.history_next = before + it->history->step;
    it->history_changed = true;
}

// The command's effects stay. Its tablets join those of the group.
void group_end_command(struct txn *t, const struct apply_place *place) {
    struct slice effects = slice_skip(buf_slice(&t->batch.bytes), t->command.batch_size);
    struct position *p = &t->position;
    while (t->touched) {
        struct tablet *it = t->touched;
        t->touched = it->touched_next;
        it->touched = false;
        it->now.last_write_ts = t->commit_ts;
        sample_history(t, it);
        if (it->grouped) continue;
        it->grouped = true;
        it->grouped_next = t->grouped;
        t->grouped = it;
    }
    p->index = place->index;
    p->sub = place->sub + 1;
    p->generation = place->generation;
    p->seq++;
    p->commit_ts = t->commit_ts;
    if (effects.n) p->effect_hash = hash_bytes_seed(effects.p, effects.n, p->effect_hash);
    t->pending = true;
}

// The touched tablets in the order of their ids, so that the batch is the same everywhere (T1).
static void emit_tablets(struct txn *t) {
    uint32_t last = 0;
    for (bool first = true;; first = false) {
        struct tablet *next = NULL;
        for (struct tablet *it = t->grouped; it; it = it->grouped_next)
            if ((first || it->id > last) && (!next || it->id < next->id)) next = it;
        if (!next) return;
        last = next->id;
        if (!is_dropped(t, next->id)) tablet_put(&t->batch, next->id, &next->now);
        if (!is_dropped(t, next->id) && next->history_changed)
            history_put(&t->batch, next->id, next->history);
        next->history_changed = false;
    }
}

static void forget_grouped(struct txn *t) {
    for (struct tablet *it = t->grouped; it; it = it->grouped_next)
        it->grouped = false;
    t->grouped = NULL;
}

static nacre_status parse_where(struct ctx *ctx, struct slice bson, void **out) {
    struct filter *filter;
    TRY(filter_parse(ctx, bson, NULL, &filter));
    *out = filter;
    return NACRE_OK;
}

nacre_status group_load_catalog(struct ctx *ctx, struct txn *t) {
    struct catalog_hooks hooks = {.parse_where = parse_where, .schema_regex = t->schema_regex};
    struct catalog *fresh;
    TRY(catalog_load(ctx, t->kv, NULL, &hooks, &fresh));
    catalog_unref(t->catalog);
    t->catalog = fresh;
    return NACRE_OK;
}

static nacre_status after_write(struct txn *t) {
    // What an import writes would wash out of the cache what is read.
    bool many = t->effect_count > CACHED_EFFECTS_MAX;
    for (uint32_t i = 0; i < t->effect_count; i++) {
        const struct effect *e = &t->effects[i];
        (many ? cache_replace : cache_admit)(t->cache, e->key, e->row, e->row.n == 0, e->commit_ts);
    }
    for (uint32_t i = 0; i < t->dropped_count; i++) {
        uint8_t prefix[4];
        bits_put_be32(prefix, t->dropped[i]);
        cache_drop_prefix(t->cache, slice_of(prefix, sizeof prefix));
        lowwater_drop(t, t->dropped[i]);
    }
    if (t->horizon_next > t->horizon_ts) t->horizon_ts = t->horizon_next;
    return t->catalog_changed ? group_load_catalog(&t->ctx, t) : NACRE_OK;
}

nacre_status group_write(struct txn *t) {
    if (!t->pending) return NACRE_OK;
    emit_tablets(t);
    forget_grouped(t);
    lowwater_batch(t);
    position_put(&t->batch, &t->position);
    if (buf_status(&t->batch.bytes) != NACRE_OK) return err_buf(&t->ctx, &t->batch.bytes);
    TRY(t->kv->ops->write(t->kv, &t->ctx, &t->batch));
    t->pending = false;
    return after_write(t);
}

bool group_is_large(const struct txn *t) { return t->batch.bytes.n > PENDING_BYTES_MAX; }
