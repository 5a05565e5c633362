#include "query/accumulate.h"

#include <math.h>

bool accumulate_shows(struct val a, struct val b) {
    if (a.type != b.type) return a.type < b.type;
    if (a.type == VAL_DOUBLE) return !signbit(a.d) && signbit(b.d);
    bool scalar = a.type <= VAL_DOUBLE || a.type == VAL_BOOL || a.type == VAL_DATE;
    return !scalar && slice_cmp(val_slice(a), val_slice(b)) < 0;
}

static bool has_bytes(struct val v) { return v.type >= VAL_STRING && v.type <= VAL_VECTOR; }

bool accumulate_keep(struct arena *arena, struct kept *kept, struct val v) {
    if (has_bytes(v) && v.n > 0) {
        if (v.n > kept->size) {
            size_t size = kept->room && v.n < 2 * kept->size ? 2 * kept->size : v.n;
            uint8_t *room = arena_alloc(arena, size);
            if (!room) return false;
            kept->room = room;
            kept->size = size;
        }
        memcpy(kept->room, v.p, v.n);
        v.p = kept->room;
    }
    kept->v = v;
    return true;
}

static nacre_status add_number(struct ctx *ctx, struct arena *arena, struct accumulator *acc,
                               struct val v) {
    if (!val_is_number(v)) return NACRE_OK;
    acc->count++;
    if (v.type == VAL_INT) {
        acc->ints += v.i;
        return NACRE_OK;
    }
    if (!acc->doubles) acc->doubles = ARENA_NEW(arena, struct exact_sum);
    if (!acc->doubles) return err_nomem(ctx);
    exact_sum_add(acc->doubles, v.d);
    return NACRE_OK;
}

static nacre_status add_best(struct ctx *ctx, struct arena *arena, bool least,
                             struct accumulator *acc, struct val v) {
    if (acc->count++) {
        int c = val_cmp(v, acc->best.v);
        bool better = c == 0 ? accumulate_shows(v, acc->best.v) : (c < 0) == least;
        if (!better) return NACRE_OK;
    }
    return accumulate_keep(arena, &acc->best, v) ? NACRE_OK : err_nomem(ctx);
}

nacre_status accumulate_add(struct ctx *ctx, struct arena *arena, const struct aggregate_item *item,
                            struct accumulator *acc, struct val v) {
    switch (item->op) {
    case AGGREGATE_SUM:
    case AGGREGATE_AVG:
        return add_number(ctx, arena, acc, v);
    case AGGREGATE_MIN:
    case AGGREGATE_MAX:
        return add_best(ctx, arena, item->op == AGGREGATE_MIN, acc, v);
    default:
        acc->count++;
        return NACRE_OK;
    }
}

static nacre_status too_large(struct ctx *ctx, const struct aggregate_item *item,
                              const char *what) {
    return err_set(ctx, NACRE_INVALID_ARGUMENT, "\"%.*s\": %s", (int)item->name.n,
                   (const char *)item->name.p, what);
}

static nacre_status sum_of(struct ctx *ctx, const struct aggregate_item *item,
                           const struct accumulator *acc, struct val *out) {
    bool average = item->op == AGGREGATE_AVG;
    struct exact_sum sum = {0};
    int exp;
    if (!average && !acc->doubles) {
        if (acc->ints < INT64_MIN || acc->ints > INT64_MAX)
            return too_large(ctx, item, "the sum does not fit into a 64-bit integer");
        *out = val_int((int64_t)acc->ints);
        return NACRE_OK;
    }
    if (acc->doubles) sum = *acc->doubles;
    exact_sum_add_int(&sum, acc->ints);
    double m = exact_sum_round(&sum, &exp);
    *out = val_double(ldexp(average ? m / (double)acc->count : m, exp));
    return isinf(out->d) ? too_large(ctx, item, "the sum does not fit into a double") : NACRE_OK;
}

nacre_status accumulate_result(struct ctx *ctx, const struct aggregate_item *item,
                               const struct accumulator *acc, struct val *out) {
    bool counts = item->op == AGGREGATE_COUNT || item->op == AGGREGATE_COUNT_DISTINCT;
    *out = val_null();
    if (counts) {
        *out = val_int((int64_t)acc->count);
        return NACRE_OK;
    }
    if (acc->count == 0) return NACRE_OK;
    if (item->op == AGGREGATE_SUM || item->op == AGGREGATE_AVG) return sum_of(ctx, item, acc, out);
    *out = acc->best.v;
    return NACRE_OK;
}
