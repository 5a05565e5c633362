#include "query/bounds.h"

#include <stdlib.h>

#include "doc/key.h"

// No component begins with this byte, in either direction.
#define BOUNDS_END SLICE_LIT("\xff")

bool bounds_path_equal(const struct path *a, const struct path *b) {
    if (a->count != b->count) return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!slice_eq(a->parts[i].name, b->parts[i].name)) return false;
    return true;
}

bool bounds_are_points(const struct bounds *b) {
    for (uint32_t i = 0; i < b->count; i++)
        if (!b->items[i].point) return false;
    return true;
}

// Equal values are taken to be rare, null and the booleans less so; a range with two ends to be
// narrow, one that is open to its class on one side to be wide.
double bounds_part(const struct bounds *b) {
    double part = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct bound *item = &b->items[i];
        if (item->point)
            part += item->low.n > 1 ? 0.001 : 0.1;
        else
            part += item->low.n > 1 && item->high.n > 1 ? 0.002 : 0.25;
    }
    return part > 1 ? 1 : part < 1e-9 ? 1e-9 : part;
}

static nacre_status room(struct ctx *ctx, uint32_t count, struct bounds *out) {
    out->count = 0;
    out->items = ARENA_ARRAY(&ctx->arena, struct bound, (size_t)count + 1);
    return out->items ? NACRE_OK : err_nomem(ctx);
}

static nacre_status kept(struct ctx *ctx, const struct buf *bytes, struct slice *out) {
    if (buf_status(bytes) != NACRE_OK) return err_buf(ctx, bytes);
    const uint8_t *p = arena_copy(&ctx->arena, bytes->p, bytes->n);
    if (!p) return err_nomem(ctx);
    *out = slice_of(p, bytes->n);
    return NACRE_OK;
}

// One value encoded: its component, and what comes after all that begin with it.
struct operand {
    struct slice key, after;
    bool cut;
};

static nacre_status operand_of(struct ctx *ctx, const struct bounds_field *field, struct val v,
                               struct operand *out) {
    struct buf bytes BUF_CLEANUP = {0};
    buf_init(&bytes, ctx->arena.budget, 2 * DOC_BYTES_MAX);
    out->cut = false;
    if (field->uncut)
        (void)key_put(&bytes, v, field->descending);
    else
        out->cut = key_put_cut(&bytes, v, field->descending) == KEY_TB_CUT;
    TRY(kept(ctx, &bytes, &out->key));
    if (!key_prefix_end(&bytes)) buf_put_u8(&bytes, 0xFF);
    return kept(ctx, &bytes, &out->after);
}

static nacre_status class_bound(struct ctx *ctx, const struct bounds_field *field,
                                enum val_type type, bool end, struct slice *out) {
    struct buf bytes BUF_CLEANUP = {0};
    buf_init(&bytes, ctx->arena.budget, 16);
    (end ? key_put_class_end : key_put_class_begin)(&bytes, type, field->descending);
    return kept(ctx, &bytes, out);
}

static void add(struct bounds *out, struct slice low, struct slice high, bool point) {
    if (slice_cmp(low, high) < 0)
        out->items[out->count++] = (struct bound){.low = low, .high = high, .point = point};
}

// What an index cannot tell: arrays as a whole (their elements are in it, not they), and NaN, which
// is neither less nor greater than a number.
static bool is_operand(struct val v) {
    return v.type != VAL_ARRAY && !(v.type == VAL_DOUBLE && v.d != v.d);
}

static nacre_status of_values(struct ctx *ctx, const struct bounds_field *field,
                              const struct filter_node *node, struct bounds *out, bool *usable) {
    for (uint32_t i = 0; i < node->count; i++)
        if (!is_operand(node->values[i])) return NACRE_OK;
    TRY(room(ctx, node->count, out));
    out->exact = true;
    for (uint32_t i = 0; i < node->count; i++) {
        // Values ascend, and so must the intervals.
        uint32_t at = field->descending ? node->count - 1 - i : i;
        struct operand operand;
        TRY(operand_of(ctx, field, node->values[at], &operand));
        if (operand.cut) out->exact = false;
        bool again = out->count && slice_eq(out->items[out->count - 1].low, operand.key);
        if (!again) add(out, operand.key, operand.after, true);
    }
    *usable = true;
    return NACRE_OK;
}

// NaN is the least number, and $lt does not give it.
static nacre_status skip_nan(struct ctx *ctx, const struct bounds_field *field,
                             struct bound *item) {
    struct operand nan;
    TRY(operand_of(ctx, field, val_double(__builtin_nan("")), &nan));
    if (field->descending)
        item->high = nan.key;
    else
        item->low = nan.after;
    return NACRE_OK;
}

static nacre_status of_order(struct ctx *ctx, const struct bounds_field *field,
                             const struct filter_node *node, struct bounds *out, bool *usable) {
    struct val v = node->values[0];
    struct operand operand;
    struct bound item;
    bool greater = node->op == FILTER_GT || node->op == FILTER_GTE;
    bool inclusive = node->op == FILTER_GTE || node->op == FILTER_LTE;
    if (!is_operand(v)) return NACRE_OK;
    TRY(room(ctx, 1, out));
    TRY(operand_of(ctx, field, v, &operand));
    TRY(class_bound(ctx, field, v.type, false, &item.low));
    TRY(class_bound(ctx, field, v.type, true, &item.high));
    if (!greater && val_is_number(v)) TRY(skip_nan(ctx, field, &item));
    if (greater != field->descending)
        item.low = inclusive || operand.cut ? operand.key : operand.after;
    else
        item.high = inclusive || operand.cut ? operand.after : operand.key;
    add(out, item.low, item.high, false);
    out->exact = !operand.cut;
    *usable = true;
    return NACRE_OK;
}

static nacre_status of_prefix(struct ctx *ctx, const struct bounds_field *field,
                              const struct filter_node *node, struct bounds *out, bool *usable) {
    struct buf bytes BUF_CLEANUP = {0};
    struct slice low, high, text = val_slice(node->values[0]);
    // A cut prefix stands for more than the text, and an id is not cut where a prefix would be.
    bool cut = text.n > KEY_COMPONENT_MAX / 4;
    if (cut) text.n = KEY_COMPONENT_MAX / 4;
    buf_init(&bytes, ctx->arena.budget, 2 * KEY_COMPONENT_MAX);
    key_put_string_prefix(&bytes, text, field->descending);
    TRY(room(ctx, 1, out));
    TRY(kept(ctx, &bytes, &low));
    if (!key_prefix_end(&bytes)) buf_put_u8(&bytes, 0xFF);
    TRY(kept(ctx, &bytes, &high));
    add(out, low, high, false);
    out->exact = !cut;
    *usable = true;
    return NACRE_OK;
}

static nacre_status of_null(struct ctx *ctx, const struct bounds_field *field, struct bounds *out,
                            bool *usable) {
    struct operand null;
    TRY(room(ctx, 1, out));
    TRY(operand_of(ctx, field, val_null(), &null));
    add(out, null.key, null.after, true);
    out->exact = false; // null stands for missing too
    *usable = true;
    return NACRE_OK;
}

static nacre_status complement(struct ctx *ctx, const struct bounds *of, struct bounds *out) {
    struct slice low = slice_of("", 0);
    TRY(room(ctx, of->count + 1, out));
    for (uint32_t i = 0; i < of->count; i++) {
        add(out, low, of->items[i].low, false);
        low = of->items[i].high;
    }
    add(out, low, BOUNDS_END, false);
    return NACRE_OK;
}

// If a key in the intervals means a match, then a document that does not match has no key there,
// and it always has one: outside.
static nacre_status of_not(struct ctx *ctx, const struct bounds_field *field,
                           const struct filter_node *node, struct bounds *out, bool *usable) {
    const struct filter_node *child = node->children[0];
    struct bounds inner;
    bool inner_usable = false;
    if (child->op == FILTER_EXISTS && bounds_path_equal(&child->path, field->path))
        return of_null(ctx, field, out, usable);
    TRY(bounds_of(ctx, field, child, &inner, &inner_usable));
    if (!inner_usable || !inner.exact) return NACRE_OK;
    TRY(complement(ctx, &inner, out));
    out->exact = !field->multikey;
    *usable = true;
    return NACRE_OK;
}

static int bound_cmp(const void *a, const void *b) {
    const struct bound *x = a, *y = b;
    int c = slice_cmp(x->low, y->low);
    return c ? c : slice_cmp(x->high, y->high);
}

static struct slice greater_of(struct slice a, struct slice b) {
    return slice_cmp(a, b) <= 0 ? b : a;
}

// Intervals that overlap become one.
static void merge(struct bounds *b) {
    uint32_t n = 0;
    if (b->count > 1) qsort(b->items, b->count, sizeof *b->items, bound_cmp);
    for (uint32_t i = 1; i < b->count; i++) {
        struct bound *last = &b->items[n];
        if (slice_cmp(b->items[i].low, last->high) >= 0) {
            b->items[++n] = b->items[i];
            continue;
        }
        last->point &= b->items[i].point && slice_eq(last->low, b->items[i].low);
        last->high = greater_of(last->high, b->items[i].high);
    }
    b->count = b->count ? n + 1 : 0;
}

static nacre_status of_or(struct ctx *ctx, const struct bounds_field *field,
                          const struct filter_node *node, struct bounds *out, bool *usable) {
    struct bounds *all = ARENA_ARRAY(&ctx->arena, struct bounds, (size_t)node->count);
    uint32_t count = 0;
    if (!all) return err_nomem(ctx);
    for (uint32_t i = 0; i < node->count; i++) {
        bool one = false;
        TRY(bounds_of(ctx, field, node->children[i], &all[i], &one));
        if (!one || __builtin_add_overflow(count, all[i].count, &count)) return NACRE_OK;
    }
    TRY(room(ctx, count, out));
    out->exact = true;
    for (uint32_t i = 0; i < node->count; i++) {
        out->exact &= all[i].exact;
        for (uint32_t k = 0; k < all[i].count; k++)
            out->items[out->count++] = all[i].items[k];
    }
    merge(out);
    *usable = true;
    return NACRE_OK;
}

// Of a multikey field one key need not fit all conditions, so only one of them may bound the range.
static nacre_status of_and(struct ctx *ctx, const struct bounds_field *field,
                           const struct filter_node *node, struct bounds *out, bool *usable) {
    struct bounds one;
    bool all = true;
    for (uint32_t i = 0; i < node->count; i++) {
        bool one_usable = false;
        TRY(bounds_of(ctx, field, node->children[i], &one, &one_usable));
        all &= one_usable;
        if (!one_usable || (*usable && field->multikey)) continue;
        if (*usable)
            TRY(bounds_and(ctx, out, &one, out));
        else
            *out = one;
        *usable = true;
    }
    if (*usable) out->exact &= all && !field->multikey;
    return NACRE_OK;
}

// Each element of the array has a key, and one of them fits all that is said. But so may the key of
// what is no array.
static nacre_status of_element(struct ctx *ctx, const struct bounds_field *field,
                               const struct filter_node *node, struct bounds *out, bool *usable) {
    static const struct path itself = {.count = 0};
    struct bounds_field element = *field;
    if (!field->path->count) return NACRE_OK; // elements of an element have no keys
    element.path = &itself;
    element.multikey = false;
    TRY(bounds_of(ctx, &element, node->children[0], out, usable));
    if (*usable) out->exact = false;
    return NACRE_OK;
}

nacre_status bounds_of(struct ctx *ctx, const struct bounds_field *field,
                       const struct filter_node *node, struct bounds *out, bool *usable) {
    *usable = false;
    switch (node->op) {
    case FILTER_AND:
        return of_and(ctx, field, node, out, usable);
    case FILTER_OR:
        return of_or(ctx, field, node, out, usable);
    case FILTER_NOT:
        return of_not(ctx, field, node, out, usable);
    default:
        break;
    }
    if (node->op == FILTER_TRUE || !bounds_path_equal(&node->path, field->path)) return NACRE_OK;
    switch (node->op) {
    case FILTER_EQ:
    case FILTER_IN:
        return of_values(ctx, field, node, out, usable);
    case FILTER_LT:
    case FILTER_LTE:
    case FILTER_GT:
    case FILTER_GTE:
        return of_order(ctx, field, node, out, usable);
    case FILTER_ELEM_VALUE:
        return of_element(ctx, field, node, out, usable);
    case FILTER_STARTS_WITH:
        return of_prefix(ctx, field, node, out, usable);
    default:
        return NACRE_OK;
    }
}

static struct slice lesser_of(struct slice a, struct slice b) {
    return slice_cmp(a, b) <= 0 ? a : b;
}
nacre_status bounds_and(struct ctx *ctx, const struct bounds *a, const struct bounds *b,
                        struct bounds *out) {
    struct bounds result = {.exact = a->exact && b->exact};
    uint32_t count;
    if (__builtin_add_overflow(a->count, b->count, &count)) return err_nomem(ctx);
    TRY(room(ctx, count, &result));
    for (uint32_t i = 0, k = 0; i < a->count && k < b->count;) {
        const struct bound *x = &a->items[i], *y = &b->items[k];
        add(&result, greater_of(x->low, y->low), lesser_of(x->high, y->high), x->point || y->point);
        if (slice_cmp(x->high, y->high) < 0)
            i++;
        else
            k++;
    }
    *out = result;
    return NACRE_OK;
}
