// Key ranges of one index, or of the documents: equalities, then one range or list, field by field.
#include "catalog/keyspace.h"
#include "index/entry.h"
#include "query/bounds.h"
#include "query/plan.h"

// Above this a list no longer multiplies the ranges: what comes after it is left to the filter.
enum { PLAN_RANGES_MAX = 10000 };

struct field_bounds {
    struct bounds bounds;
    bool usable;
    uint32_t used;       // the only condition in it, when the field is multikey
    uint64_t conditions; // as plan_ranges.used
};

// P1: of a multikey field the narrowest condition, else all of them.
static nacre_status of_field(struct ctx *ctx, const struct plan_conjuncts *conjuncts,
                             const struct bounds_field *field, struct field_bounds *out) {
    struct bounds one;
    out->usable = false;
    out->conditions = 0;
    for (uint32_t i = 0; i < conjuncts->count; i++) {
        bool usable;
        TRY(bounds_of(ctx, field, conjuncts->nodes[i], &one, &usable));
        if (!usable) continue;
        if (!out->usable || (field->multikey && bounds_part(&one) < bounds_part(&out->bounds))) {
            out->bounds = one;
            out->used = i;
        } else if (!field->multikey) {
            TRY(bounds_and(ctx, &out->bounds, &one, &out->bounds));
        }
        uint64_t bit = i < 64 ? UINT64_C(1) << i : 0;
        out->conditions = field->multikey ? (out->used < 64 ? UINT64_C(1) << out->used : 0)
                                          : out->conditions | bit;
        out->usable = true;
    }
    return NACRE_OK;
}

// Marks the conditions that the intervals of a field tell exactly.
static nacre_status cover(struct ctx *ctx, const struct plan_conjuncts *conjuncts,
                          const struct bounds_field *field, const struct field_bounds *of,
                          bool *covered) {
    struct bounds one;
    for (uint32_t i = 0; i < conjuncts->count; i++) {
        bool usable;
        if (field->multikey && i != of->used) continue;
        TRY(bounds_of(ctx, field, conjuncts->nodes[i], &one, &usable));
        if (usable && one.exact) covered[i] = true;
    }
    return NACRE_OK;
}

static nacre_status joined(struct ctx *ctx, struct slice a, struct slice b, struct slice *out) {
    uint8_t *p = arena_alloc(&ctx->arena, a.n + b.n + 1);
    if (!p) return err_nomem(ctx);
    if (a.n) memcpy(p, a.p, a.n);
    if (b.n) memcpy(p + a.n, b.p, b.n);
    *out = slice_of(p, a.n + b.n);
    return NACRE_OK;
}

// Each range so far, times each interval.
static nacre_status multiply(struct ctx *ctx, const struct bounds *bounds,
                             struct plan_ranges *out) {
    struct access_path *path = &out->path;
    uint32_t count = path->range_count * bounds->count, n = 0;
    struct key_range *ranges = ARENA_ARRAY(&ctx->arena, struct key_range, (size_t)count + 1);
    if (!ranges) return err_nomem(ctx);
    for (uint32_t i = 0; i < path->range_count; i++)
        for (uint32_t k = 0; k < bounds->count; k++, n++) {
            struct slice base = path->ranges[i].lower;
            TRY(joined(ctx, base, bounds->items[k].low, &ranges[n].lower));
            TRY(joined(ctx, base, bounds->items[k].high, &ranges[n].upper));
        }
    path->ranges = ranges;
    path->range_count = count;
    return NACRE_OK;
}

static nacre_status all_keys(struct ctx *ctx, struct plan_ranges *out) {
    uint32_t tablet = out->collection->tablet, index_id = out->index ? out->index->id : 0;
    struct buf key BUF_CLEANUP = {0};
    struct key_range *range = ARENA_NEW(&ctx->arena, struct key_range);
    buf_init(&key, ctx->arena.budget, 64);
    if (!range) return err_nomem(ctx);
    if (out->index)
        keyspace_index(&key, tablet, index_id);
    else
        keyspace_prefix(&key, tablet, KIND_DOCUMENT);
    TRY(joined(ctx, buf_slice(&key), slice_of(NULL, 0), &range->lower));
    if (buf_status(&key) != NACRE_OK || !key_prefix_end(&key)) return err_nomem(ctx);
    TRY(joined(ctx, buf_slice(&key), slice_of(NULL, 0), &range->upper));
    out->part = 1;
    out->points = true;
    out->prefix = range->lower;
    out->path = (struct access_path){
        .tablet = tablet, .index_id = index_id, .range_count = 1, .ranges = range};
    return NACRE_OK;
}

static nacre_status add_field(struct ctx *ctx, const struct plan_conjuncts *conjuncts,
                              const struct bounds_field *field, struct plan_ranges *out,
                              bool *more) {
    struct field_bounds of;
    *more = false;
    TRY(of_field(ctx, conjuncts, field, &of));
    if (!of.usable || (uint64_t)out->path.range_count * of.bounds.count > PLAN_RANGES_MAX) {
        out->points = false;
        return NACRE_OK;
    }
    bool points = bounds_are_points(&of.bounds);
    TRY(cover(ctx, conjuncts, field, &of, out->covered));
    TRY(multiply(ctx, &of.bounds, out));
    out->part *= bounds_part(&of.bounds);
    // What was cut stands for many values, which are not all in one place of the order.
    bool whole = points && of.bounds.count == 1 && of.bounds.items[0].low.n <= INDEX_WHOLE_MAX;
    if (whole && out->pinned == out->bounded_fields) {
        out->pinned++;
        out->prefix = out->path.ranges[0].lower;
    }
    out->used |= of.conditions;
    out->bounded_fields++;
    out->points &= points;
    *more = points && of.bounds.count > 0;
    return NACRE_OK;
}

nacre_status plan_ranges_of(struct ctx *ctx, const struct plan_conjuncts *conjuncts,
                            struct plan_ranges *ranges) {
    struct path_part id_part = {.name = SLICE_LIT("_id"), .index = PATH_NO_INDEX};
    struct path id_path = {.count = 1, .parts = &id_part};
    const struct index_def *index = ranges->index;
    uint32_t fields = index ? index->field_count : 1;
    bool more = true;
    TRY(all_keys(ctx, ranges));
    for (uint32_t i = 0; i < fields && more; i++) {
        struct bounds_field field = {.path = index ? &index->fields[i].path : &id_path,
                                     .descending = index && index->fields[i].descending,
                                     .uncut = !index,
                                     .multikey = ranges->arrays >> i & 1};
        TRY(add_field(ctx, conjuncts, &field, ranges, &more));
    }
    ranges->points &= ranges->bounded_fields == fields;
    ranges->unique = index && index->unique && !ranges->arrays && ranges->pinned == fields;
    return NACRE_OK;
}
