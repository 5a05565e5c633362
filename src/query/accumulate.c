#include "query/accumulate.h"

#include <math.h>

#include "base/bits/bits.h"

static bool has_bytes(struct val v) { return v.type >= VAL_STRING && v.type <= VAL_VECTOR; }

// Of two values that are equal, whether a is shown rather than b (A1).
static bool shows(struct val a, struct val b) {
    if (a.type != b.type) return a.type < b.type;
    if (a.type == VAL_DOUBLE) return !signbit(a.d) && signbit(b.d);
    if (a.type == VAL_STRING || !has_bytes(a)) return false;
    return slice_cmp(val_slice(a), val_slice(b)) < 0;
}

static bool keep(struct arena *arena, struct kept *kept, struct val v) {
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

bool accumulate_keep(struct arena *arena, struct kept *kept, struct val v, bool first) {
    return (!first && !shows(v, kept->v)) || keep(arena, kept, v);
}

static bool add_number(struct arena *arena, struct accumulator *acc, struct val v) {
    if (!val_is_number(v)) return true;
    acc->count++;
    return v.type == VAL_INT ? exact_sum_add_int(arena, &acc->sum, v.i)
                             : exact_sum_add_double(arena, &acc->sum, v.d);
}

static bool add_best(struct arena *arena, bool least, struct accumulator *acc, struct val v,
                     uint64_t times) {
    uint64_t before = acc->count;
    acc->count += times;
    int c = before ? val_cmp(v, acc->best.v) : 0;
    if (c == 0) return accumulate_keep(arena, &acc->best, v, before == 0);
    return (c < 0) != least || keep(arena, &acc->best, v);
}

nacre_status accumulate_add(struct ctx *ctx, struct arena *arena, const struct aggregate_item *item,
                            struct accumulator *acc, struct val v) {
    bool added = true;
    switch (item->op) {
    case AGGREGATE_SUM:
    case AGGREGATE_AVG:
        added = add_number(arena, acc, v);
        break;
    case AGGREGATE_MIN:
    case AGGREGATE_MAX:
        added = add_best(arena, item->op == AGGREGATE_MIN, acc, v, 1);
        break;
    default:
        acc->count++;
    }
    return added ? NACRE_OK : err_nomem(ctx);
}

// --- results ------------------------------------------------------------------------------------

static nacre_status too_large(struct ctx *ctx, const struct aggregate_item *item,
                              const char *what) {
    return err_set(ctx, NACRE_INVALID_ARGUMENT, "\"%.*s\": %s", (int)item->name.n,
                   (const char *)item->name.p, what);
}

static nacre_status sum_of(struct ctx *ctx, const struct aggregate_item *item,
                           const struct accumulator *acc, struct val *out) {
    bool average = item->op == AGGREGATE_AVG;
    int64_t whole;
    int exp;
    if (!average && exact_sum_is_int(&acc->sum, &whole)) {
        *out = val_int(whole);
        return NACRE_OK;
    }
    if (!average && !acc->sum.doubles)
        return too_large(ctx, item, "the sum does not fit into a 64-bit integer");
    double m = exact_sum_round(&acc->sum, &exp);
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

// --- as bytes -----------------------------------------------------------------------------------

void accumulate_put_val(struct buf *out, struct val v) {
    buf_put_u8(out, (uint8_t)v.type);
    if (has_bytes(v))
        buf_put_bytes(out, val_slice(v));
    else
        buf_put(out, &v.i, sizeof v.i);
}

bool accumulate_take_val(struct slice *in, struct val *out) {
    uint8_t type;
    struct slice bytes;
    if (!bits_take_u8(in, &type) || type > VAL_DATE) return false;
    *out = (struct val){.type = (enum val_type)type};
    if (!has_bytes(*out)) return bits_take_fixed(in, &out->i, sizeof out->i);
    if (!bits_take_bytes(in, &bytes)) return false;
    *out = val_bytes(out->type, bytes);
    return true;
}

static void put_sum(struct buf *out, const struct exact_sum *sum) {
    struct exact_sum plain = *sum;
    buf_put(out, &plain, sizeof plain);
    if (sum->wide) buf_put(out, sum->wide, sizeof *sum->wide);
}

static bool merge_sum(struct arena *arena, struct exact_sum *sum, struct slice *in, bool *memory) {
    struct exact_chunks wide;
    struct exact_sum other;
    if (!bits_take_fixed(in, &other, sizeof other)) return false;
    if (other.wide && !bits_take_fixed(in, &wide, sizeof wide)) return false;
    if (other.wide) other.wide = &wide;
    *memory = exact_sum_add_sum(arena, sum, &other);
    return true;
}

void accumulate_put(struct buf *out, const struct aggregate_item *item,
                    const struct accumulator *acc) {
    buf_put_varint(out, acc->count);
    if (acc->count == 0) return;
    switch (item->op) {
    case AGGREGATE_SUM:
    case AGGREGATE_AVG:
        put_sum(out, &acc->sum);
        break;
    case AGGREGATE_MIN:
    case AGGREGATE_MAX:
        accumulate_put_val(out, acc->best.v);
        break;
    default:
        break;
    }
}

// false: not what accumulate_put wrote. *memory false: none left.
static bool merge(struct arena *arena, const struct aggregate_item *item, struct accumulator *acc,
                  struct slice *in, bool *memory) {
    uint64_t count;
    struct val v;
    *memory = true;
    if (!bits_take_varint(in, &count)) return false;
    if (count == 0) return true;
    switch (item->op) {
    case AGGREGATE_SUM:
    case AGGREGATE_AVG:
        acc->count += count;
        return merge_sum(arena, &acc->sum, in, memory);
    case AGGREGATE_MIN:
    case AGGREGATE_MAX:
        if (!accumulate_take_val(in, &v)) return false;
        *memory = add_best(arena, item->op == AGGREGATE_MIN, acc, v, count);
        return true;
    default:
        acc->count += count;
        return true;
    }
}

nacre_status accumulate_merge(struct ctx *ctx, struct arena *arena,
                              const struct aggregate_item *item, struct accumulator *acc,
                              struct slice *in) {
    bool memory;
    if (!merge(arena, item, acc, in, &memory))
        return err_set(ctx, NACRE_CORRUPT, "a temporary file does not hold the groups written");
    return memory ? NACRE_OK : err_nomem(ctx);
}
