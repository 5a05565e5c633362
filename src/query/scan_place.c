// Places in an order: where a cursor lies in an access path, and which keys the order of an index
// leaves undecided.
#include "catalog/keyspace.h"
#include "index/entry.h"
#include "query/scan.h"

struct slice scan_run(const struct plan *plan, struct slice components) {
    const struct index_def *index = plan->index;
    bool runs = plan->serves == PLAN_RUNS;
    uint32_t fields = runs ? plan->pinned + plan->matched : index->field_count;
    struct slice run = index_key_cut(index, components, fields), rest = components;
    if (!runs || run.n) return run;
    for (uint32_t i = 0; i < fields; i++)
        rest = slice_skip(rest, key_component_size(rest, index->fields[i].descending));
    return slice_of(components.p, components.n - rest.n);
}

// The component of a sort key that a term has; the id is at its end.
static struct slice component_at(const struct sort_spec *sort, struct slice key, uint32_t at) {
    size_t n = 0;
    for (uint32_t i = 0; i <= at && i < sort->count; i++) {
        key = slice_skip(key, n);
        n = key_component_size(key, sort->terms[i].descending);
    }
    return at < sort->count ? slice_of(key.p, n) : slice_skip(key, n);
}

// false: it was too long to be put as a whole.
static bool put_component(struct buf *out, struct slice component, bool complement) {
    bool whole = component.n <= INDEX_WHOLE_MAX;
    if (!whole) component.n = INDEX_WHOLE_MAX;
    size_t from = out->n;
    buf_put_slice(out, component);
    if (complement && buf_status(out) == NACRE_OK)
        for (size_t i = from; i < out->n; i++)
            out->p[i] = (uint8_t)~out->p[i];
    return whole;
}

// The key of the index at which the place lies, as far as the index decides it. *id_from: where the
// id begins in it, 0 if it does not have one.
static void place_key(const struct plan *plan, const struct sort_spec *sort, struct slice key,
                      struct buf *out, size_t *id_from) {
    uint32_t fields = plan->index ? plan->index->field_count : 0;
    bool flip = plan->serves == PLAN_FLIP;
    *id_from = 0;
    buf_put_slice(out, plan->prefix);
    for (uint32_t i = 0; i < plan->matched + flip; i++) {
        const struct plan_term *term = &plan->order.terms[i];
        uint32_t column = plan->pinned + i;
        struct slice component = component_at(sort, key, term->component);
        if (column == fields) {
            *id_from = out->n;
            buf_put_slice(out, component_at(sort, key, sort->count));
            return;
        }
        bool descending = plan->index->fields[column].descending;
        if (!put_component(out, component, descending != term->descending)) return;
    }
}

static void clip_low(struct access_path *path, struct slice low) {
    while (path->range_count && slice_cmp(path->ranges[0].upper, low) <= 0) {
        path->ranges++;
        path->range_count--;
    }
    if (path->range_count && slice_cmp(path->ranges[0].lower, low) < 0) path->ranges[0].lower = low;
}

static void clip_high(struct access_path *path, struct slice high) {
    while (path->range_count && slice_cmp(path->ranges[path->range_count - 1].lower, high) >= 0)
        path->range_count--;
    struct key_range *last = path->range_count ? &path->ranges[path->range_count - 1] : NULL;
    if (last && slice_cmp(last->upper, high) > 0) last->upper = high;
}

nacre_status scan_clip(struct ctx *ctx, struct plan *plan, const struct sort_spec *sort,
                       struct slice key, struct buf *resume) {
    struct buf place BUF_CLEANUP = {0};
    size_t id_from;
    buf_init(&place, ctx->arena.budget, DOC_BYTES_MAX);
    place_key(plan, sort, key, &place, &id_from);
    if (plan->serves == PLAN_FLIP && id_from) {
        buf_put_slice(resume, buf_slice(&place));
        place.n = id_from;
    }
    if (plan->path.reverse && !key_prefix_end(&place)) return NACRE_OK;
    if (buf_status(&place) != NACRE_OK) return err_buf(ctx, &place);
    if (buf_status(resume) != NACRE_OK) return err_buf(ctx, resume);
    const uint8_t *bytes = arena_copy(&ctx->arena, place.p, place.n);
    if (!bytes) return err_nomem(ctx);
    if (plan->path.reverse)
        clip_high(&plan->path, slice_of(bytes, place.n));
    else
        clip_low(&plan->path, slice_of(bytes, place.n));
    return NACRE_OK;
}
