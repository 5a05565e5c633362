#include "support/naive_filter.h"

#include <stdio.h>
#include <string.h>

#include "base/err/check.h"

// --- evaluation -------------------------------------------------------------------------

struct about { // a document, or (root NULL) one element itself
    const struct naive *root, *element;
};

static bool holds(const struct naive_cond *c, struct about about);

static bool is_nullish(const struct naive *v) { return v->kind <= NAIVE_NULL; }

static bool order_holds(enum naive_op op, const struct naive *v, const struct naive *operand) {
    if (is_nullish(operand)) return (op == NAIVE_GTE || op == NAIVE_LTE) && is_nullish(v);
    if (v->kind != operand->kind) return false;
    int c = naive_cmp(v, operand);
    if (op == NAIVE_GT) return c > 0;
    if (op == NAIVE_GTE) return c >= 0;
    return op == NAIVE_LT ? c < 0 : c <= 0;
}

static bool in_list(const struct naive *v, const struct naive *list) {
    bool any = false;
    for (uint32_t i = 0; i < list->count; i++)
        any |= naive_cmp(v, list->kids[i]) == 0;
    return any;
}

static bool type_holds(const struct naive *v, struct slice type) {
    static const char *const names[] = {"missing", "null",   "number", "string", "object",
                                        "array",   "binary", "bool",   "date"};
    if (slice_eq_str(type, names[v->kind])) return true;
    return v->kind == NAIVE_NUMBER && slice_eq_str(type, v->is_double ? "double" : "int");
}

static bool has_at(struct slice text, size_t at, struct slice part) {
    return at + part.n <= text.n && (part.n == 0 || memcmp(text.p + at, part.p, part.n) == 0);
}

static bool has_part(struct slice text, struct slice part) {
    bool any = false;
    for (size_t at = 0; at <= text.n; at++)
        any |= has_at(text, at, part);
    return any;
}

// Patterns are text with or without ^ and $.
static bool pattern_holds(struct slice pattern, struct slice text) {
    bool front = pattern.n && pattern.p[0] == '^', any = false;
    if (front) pattern = slice_skip(pattern, 1);
    bool back = pattern.n && pattern.p[pattern.n - 1] == '$';
    if (back) pattern.n--;
    for (size_t at = 0; at <= text.n; at++)
        any |=
            has_at(text, at, pattern) && (!front || at == 0) && (!back || at + pattern.n == text.n);
    return any;
}

// An array among the elements is matched as if it were an object with the names 0, 1, …
static bool element_object_holds(const struct naive_cond *c, const struct naive *e) {
    static const char digits[] = "0123456789";
    struct slice names[10];
    struct naive copy = *e;
    if (e->kind != NAIVE_OBJECT && e->kind != NAIVE_ARRAY) return false;
    if (e->kind == NAIVE_ARRAY) {
        if (copy.count > 10) copy.count = 10; // no path goes further
        for (uint32_t i = 0; i < copy.count; i++)
            names[i] = slice_of(&digits[i], 1);
        copy.names = names;
        copy.kind = NAIVE_OBJECT;
    }
    return holds(c, (struct about){.root = &copy});
}

static bool elements_hold(const struct naive_cond *c, const struct naive *v) {
    bool any = false;
    if (v->kind != NAIVE_ARRAY) return false;
    for (uint32_t i = 0; i < v->count; i++) {
        if (c->op == NAIVE_ELEM_VALUE)
            any |= holds(c->kids[0], (struct about){.element = v->kids[i]});
        else
            any |= element_object_holds(c->kids[0], v->kids[i]);
    }
    return any;
}

// One value, for the operators that are not defined by others.
static bool fits(const struct naive_cond *c, const struct naive *v) {
    const struct naive *o = c->operand;
    bool text = v->kind == NAIVE_STRING;
    switch (c->op) {
    case NAIVE_EQ:
        return naive_cmp(v, o) == 0;
    case NAIVE_GT:
    case NAIVE_GTE:
    case NAIVE_LT:
    case NAIVE_LTE:
        return order_holds(c->op, v, o);
    case NAIVE_IN:
        return in_list(v, o);
    case NAIVE_EXISTS:
        return v->kind != NAIVE_MISSING;
    case NAIVE_TYPE:
        return type_holds(v, o->bytes);
    case NAIVE_SIZE:
        return v->kind == NAIVE_ARRAY && v->count == (uint32_t)o->number;
    case NAIVE_REGEX:
        return text && pattern_holds(o->bytes, v->bytes);
    case NAIVE_STARTS:
        return text && has_at(v->bytes, 0, o->bytes);
    case NAIVE_CONTAINS:
        if (text && o->kind == NAIVE_STRING) return has_part(v->bytes, o->bytes);
        return v->kind == NAIVE_ARRAY && in_list(o, v);
    default:
        return elements_hold(c, v);
    }
}

// The candidates of a leaf: what the path reaches and the elements of arrays among it.
static void candidates(const struct naive_cond *c, struct about about, struct naive_found *out) {
    bool itself = c->op == NAIVE_EXISTS || c->op == NAIVE_SIZE || c->op == NAIVE_CONTAINS ||
                  c->op == NAIVE_ELEM_OBJECT || c->op == NAIVE_ELEM_VALUE;
    out->count = 1;
    out->items[0] = about.element;
    if (!about.root) return;
    naive_reach(about.root, c->path, out);
    uint32_t whole = out->count;
    for (uint32_t i = 0; i < whole && !itself; i++) {
        const struct naive *v = out->items[i];
        for (uint32_t k = 0; v->kind == NAIVE_ARRAY && k < v->count; k++) {
            CHECK(out->count < NAIVE_FOUND_MAX);
            out->items[out->count++] = v->kids[k];
        }
    }
}

static bool leaf_holds(const struct naive_cond *c, struct about about) {
    struct naive_found found;
    uint32_t fit = 0, equal = 0;
    candidates(c, about, &found);
    for (uint32_t i = 0; i < found.count; i++) {
        if (c->op == NAIVE_NE)
            equal += naive_cmp(found.items[i], c->operand) == 0;
        else if (c->op == NAIVE_NIN)
            equal += in_list(found.items[i], c->operand);
        else
            fit += fits(c, found.items[i]);
    }
    if (c->op == NAIVE_NE || c->op == NAIVE_NIN) return equal == 0;
    if (c->op == NAIVE_EXISTS && !c->operand->boolean) return fit == 0;
    return fit > 0;
}

static bool all_holds(const struct naive_cond *c, struct about about) {
    bool all = c->operand->count > 0;
    for (uint32_t i = 0; i < c->operand->count; i++) {
        struct naive_cond one = {.op = NAIVE_EQ, .path = c->path, .operand = c->operand->kids[i]};
        all &= leaf_holds(&one, about);
    }
    return all;
}

// Two elements may hold the two halves.
static bool between_holds(const struct naive_cond *c, struct about about) {
    struct naive_cond low = {NAIVE_GTE, .path = c->path, .operand = c->operand->kids[0]};
    struct naive_cond high = {NAIVE_LTE, .path = c->path, .operand = c->operand->kids[1]};
    return leaf_holds(&low, about) && leaf_holds(&high, about);
}

static bool holds(const struct naive_cond *c, struct about about) {
    uint32_t yes = 0;
    if (c->op == NAIVE_ALL) return all_holds(c, about);
    if (c->op == NAIVE_BETWEEN) return between_holds(c, about);
    if (c->op < NAIVE_LEAVES && c->op != NAIVE_NOT) return leaf_holds(c, about);
    for (uint32_t i = 0; i < c->count; i++)
        yes += holds(c->kids[i], about);
    if (c->op == NAIVE_AND) return yes == c->count;
    return c->op == NAIVE_OR ? yes > 0 : yes == 0; // NOT, NOR
}

bool naive_holds(const struct naive_cond *cond, const struct naive *root) {
    return holds(cond, (struct about){.root = root});
}

// --- random values ----------------------------------------------------------------------

static uint32_t below(const struct naive_source *s, uint32_t n) {
    return (uint32_t)rng_below(s->rng, n);
}

static struct naive *random_number(const struct naive_source *s) {
    struct naive *v = naive_int(s->arena, (int64_t)below(s, 12) - 2);
    if (below(s, 3) == 0) {
        v->is_double = true;
        v->number += below(s, 2) ? 0.5L : 0;
    } else if (below(s, 16) == 0) { // where doubles cannot tell integers apart
        v->number += (long double)(INT64_C(1) << 53);
    }
    return v;
}

static struct naive *random_scalar(const struct naive_source *s) {
    static const char *const texts[] = {"", "a", "b", "ab", "ba", "aab", "x'y", "é", "\u65e5"};
    uint32_t roll = below(s, 20);
    struct naive *v;
    if (roll < 2) return naive_new(s->arena, NAIVE_NULL);
    if (roll < 10) return random_number(s);
    if (roll < 16) return naive_text(s->arena, texts[below(s, 9)]);
    if (roll == 16) {
        v = naive_text(s->arena, texts[below(s, 9)]);
        v->kind = NAIVE_BINARY;
        return v;
    }
    v = naive_new(s->arena, roll == 17 ? NAIVE_DATE : NAIVE_BOOL);
    v->boolean = below(s, 2);
    v->date = 1700000000000 + (int64_t)below(s, 5) * 1000;
    return v;
}

struct naive *naive_random_value(const struct naive_source *s, int depth) {
    static const char *const names[] = {"a", "b", "0", "1", "x"};
    uint32_t roll = below(s, 10);
    if (depth <= 0 || roll < 5) return random_scalar(s);
    struct naive *v = naive_new(s->arena, roll < 7 ? NAIVE_OBJECT : NAIVE_ARRAY);
    uint32_t want = below(s, 5);
    for (uint32_t i = 0; i < want; i++) {
        if (v->kind == NAIVE_OBJECT && below(s, 2)) continue;
        naive_add(s->arena, v, slice_str(names[i]), naive_random_value(s, depth - 1));
    }
    return v;
}

// --- random filters ---------------------------------------------------------------------

// A value that some document has there, mostly: else ranges would hit nothing.
static struct naive *random_operand(const struct naive_source *s, const char *path) {
    const struct naive *root = s->sample && below(s, 4) ? s->sample(s->arg) : NULL;
    struct naive_found found;
    if (!root || !path) return naive_random_value(s, 1);
    naive_reach(root, path, &found);
    const struct naive *v = found.items[below(s, found.count)];
    if (v->kind == NAIVE_ARRAY && v->count && below(s, 3)) v = v->kids[below(s, v->count)];
    struct naive *copy = naive_copy(s->arena, v);
    if (copy->kind == NAIVE_MISSING) copy->kind = NAIVE_NULL;
    return copy;
}

static struct naive *random_list(const struct naive_source *s, const char *path, uint32_t count) {
    struct naive *list = naive_new(s->arena, NAIVE_ARRAY);
    for (uint32_t i = 0; i < count; i++)
        naive_add(s->arena, list, SLICE_LIT(""), random_operand(s, path));
    return list;
}

static struct naive *operand_of(const struct naive_source *s, enum naive_op op, const char *path) {
    static const char *const types[] = {"null",   "bool",   "int",   "double", "number",
                                        "string", "object", "array", "date",   "binary"};
    static const char *const patterns[] = {"a", "^a", "a$", "^ab$", "", "^b"};
    static const char *const parts[] = {"", "a", "b", "ab", "f", "fo"};
    switch (op) {
    case NAIVE_IN:
    case NAIVE_NIN:
    case NAIVE_ALL:
        return random_list(s, path, below(s, 5));
    case NAIVE_BETWEEN:
        return random_list(s, path, 2);
    case NAIVE_SIZE:
        return naive_int(s->arena, below(s, 4));
    case NAIVE_TYPE:
        return naive_text(s->arena, types[below(s, 10)]);
    case NAIVE_REGEX:
        return naive_text(s->arena, patterns[below(s, 6)]);
    case NAIVE_STARTS:
        return naive_text(s->arena, parts[below(s, 6)]);
    case NAIVE_CONTAINS:
        return below(s, 2) ? naive_text(s->arena, parts[below(s, 6)]) : random_operand(s, path);
    case NAIVE_EXISTS: {
        struct naive *v = naive_new(s->arena, NAIVE_BOOL);
        v->boolean = below(s, 2);
        return v;
    }
    default:
        return random_operand(s, path);
    }
}

static struct naive_cond *new_cond(const struct naive_source *s, enum naive_op op) {
    struct naive_cond *c = arena_zalloc(s->arena, sizeof *c);
    CHECK(c != NULL);
    c->op = op;
    return c;
}

static enum naive_op random_leaf_op(const struct naive_source *s, int depth) {
    for (;;) {
        enum naive_op op = (enum naive_op)below(s, NAIVE_LEAVES);
        bool inner = op == NAIVE_NOT || op == NAIVE_ELEM_OBJECT || op == NAIVE_ELEM_VALUE;
        if (below(s, 3) == 0) op = (enum naive_op)below(s, NAIVE_NIN); // what indexes serve
        if ((depth > 0 || !inner) && !(s->no_regex && op == NAIVE_REGEX)) return op;
    }
}

static struct naive_cond *random_leaf(const struct naive_source *s, int depth, const char *path) {
    static const char *const inner[] = {"a", "b", "x", "y", "0", "a.b"};
    struct naive_source of_element = *s;
    of_element.paths = inner;
    of_element.path_count = sizeof inner / sizeof *inner;
    of_element.sample = NULL;
    struct naive_cond *c = new_cond(s, random_leaf_op(s, depth));
    c->path = path;
    c->operand = operand_of(s, c->op, path);
    c->shorthand = c->op == NAIVE_EQ && c->operand->kind != NAIVE_OBJECT && below(s, 2);
    if (c->op == NAIVE_NOT) c->kids[c->count++] = random_leaf(s, depth - 1, path);
    if (c->op == NAIVE_ELEM_VALUE) c->kids[c->count++] = random_leaf(s, depth - 1, NULL);
    if (c->op == NAIVE_ELEM_OBJECT) c->kids[c->count++] = naive_random_cond(&of_element, depth - 1);
    return c;
}

struct naive_cond *naive_random_cond(const struct naive_source *s, int depth) {
    if (depth <= 0 || below(s, 2)) return random_leaf(s, depth, s->paths[below(s, s->path_count)]);
    struct naive_cond *c =
        new_cond(s, below(s, 2) ? NAIVE_AND : (enum naive_op)(NAIVE_AND + below(s, 3)));
    uint32_t want = 1 + below(s, NAIVE_COND_KIDS);
    while (c->count < want)
        c->kids[c->count++] = naive_random_cond(s, depth - 1);
    return c;
}

// --- the two spellings ------------------------------------------------------------------

static const char *const op_names[] = {
    [NAIVE_EQ] = "$eq",
    [NAIVE_NE] = "$ne",
    [NAIVE_GT] = "$gt",
    [NAIVE_GTE] = "$gte",
    [NAIVE_LT] = "$lt",
    [NAIVE_LTE] = "$lte",
    [NAIVE_IN] = "$in",
    [NAIVE_NIN] = "$nin",
    [NAIVE_EXISTS] = "$exists",
    [NAIVE_TYPE] = "$type",
    [NAIVE_NOT] = "$not",
    [NAIVE_ALL] = "$all",
    [NAIVE_ELEM_OBJECT] = "$elemMatch",
    [NAIVE_ELEM_VALUE] = "$elemMatch",
    [NAIVE_SIZE] = "$size",
    [NAIVE_REGEX] = "$regex",
    [NAIVE_STARTS] = "$startsWith",
    [NAIVE_CONTAINS] = "$contains",
    [NAIVE_AND] = "$and",
    [NAIVE_OR] = "$or",
    [NAIVE_NOR] = "$nor",
};

// {"$op":…}
static void print_operator(struct buf *out, const struct naive_cond *c) {
    if (c->op == NAIVE_BETWEEN) {
        buf_put_str(out, "{\"$gte\":");
        naive_print(out, c->operand->kids[0]);
        buf_put_str(out, ",\"$lte\":");
        naive_print(out, c->operand->kids[1]);
        buf_put_str(out, "}");
        return;
    }
    buf_printf(out, "{\"%s\":", op_names[c->op]);
    if (c->op == NAIVE_NOT || c->op == NAIVE_ELEM_VALUE)
        print_operator(out, c->kids[0]);
    else if (c->op == NAIVE_ELEM_OBJECT)
        naive_cond_json(out, c->kids[0]);
    else
        naive_print(out, c->operand);
    buf_put_str(out, "}");
}

void naive_cond_json(struct buf *out, const struct naive_cond *c) {
    if (c->op < NAIVE_LEAVES) {
        buf_printf(out, "{\"%s\":", c->path);
        if (c->shorthand)
            naive_print(out, c->operand);
        else
            print_operator(out, c);
        buf_put_str(out, "}");
        return;
    }
    buf_printf(out, "{\"%s\":[", op_names[c->op]);
    for (uint32_t i = 0; i < c->count; i++) {
        if (i) buf_put_str(out, ",");
        naive_cond_json(out, c->kids[i]);
    }
    buf_put_str(out, "]}");
}

static bool print_value(struct buf *out, const struct naive *v) {
    if (v->kind != NAIVE_STRING) {
        naive_print(out, v);
        return v->kind < NAIVE_OBJECT || v->kind == NAIVE_BOOL;
    }
    buf_put_u8(out, '\'');
    for (size_t i = 0; i < v->bytes.n; i++) {
        if (v->bytes.p[i] == '\'') buf_put_u8(out, '\'');
        buf_put_u8(out, v->bytes.p[i]);
    }
    buf_put_u8(out, '\'');
    return true;
}

static bool print_list(struct buf *out, const struct naive *list, const char *comma) {
    bool ok = true;
    for (uint32_t i = 0; i < list->count; i++) {
        if (i) buf_put_str(out, comma);
        ok &= print_value(out, list->kids[i]);
    }
    return ok;
}

static bool print_leaf(struct buf *out, const struct naive_cond *c) {
    static const char *const signs[] = {"= ", "!= ", "> ", ">= ", "< ", "<= ", "IN (", "NOT IN ("};
    buf_printf(out, c->path[0] == '/' ? "\"%s\" " : "%s ", c->path);
    if (c->op == NAIVE_BETWEEN) {
        buf_put_str(out, "BETWEEN ");
        return print_list(out, c->operand, " AND ");
    }
    if (c->op == NAIVE_STARTS || c->op == NAIVE_CONTAINS) {
        buf_put_str(out, c->op == NAIVE_STARTS ? "STARTS WITH " : "CONTAINS ");
        return print_value(out, c->operand);
    }
    if (c->op > NAIVE_NIN) return false;
    buf_put_str(out, signs[c->op]);
    if (c->op < NAIVE_IN) return print_value(out, c->operand);
    bool ok = print_list(out, c->operand, ", ");
    buf_put_str(out, ")");
    return ok;
}

bool naive_cond_text(struct buf *out, const struct naive_cond *c) {
    bool ok = true;
    if (c->op < NAIVE_LEAVES && c->op != NAIVE_NOT) return print_leaf(out, c);
    if (c->op == NAIVE_NOT || c->op == NAIVE_NOR) buf_put_str(out, "NOT ");
    buf_put_str(out, "(");
    for (uint32_t i = 0; i < c->count; i++) {
        if (i) buf_put_str(out, c->op == NAIVE_AND ? " AND " : " OR ");
        ok &= naive_cond_text(out, c->kids[i]);
    }
    buf_put_str(out, ")");
    return ok;
}
