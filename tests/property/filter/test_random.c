// Random filters over random documents against a naive evaluator, which works on trees, spells out
// every operator as the description has it ($ne and $nin are no complements here), collects all
// that a path reaches before it looks at any of it, and never stops early. Checked as well: the
// canonical form answers the same, complements are exact, and the string form of a filter is the
// JSON form's filter.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ds/rng.h"
#include "support/filter_fixture.h"

enum kind { MISSING, NUL, NUMBER, STRING, OBJECT, ARRAY, BOOLEAN }; // in the order of values
enum { KIDS_MAX = 4, DEPTH_MAX = 3 };

struct tree {
    enum kind kind;
    double number;
    bool is_double, boolean;
    const char *text;
    int count;
    const char *names[KIDS_MAX];
    struct tree *kids[KIDS_MAX];
};

enum op {
    EQ,
    NE,
    GT,
    GTE,
    LT,
    LTE,
    IN,
    NIN,
    EXISTS,
    TYPE,
    NOT,
    ALL,
    ELEM_OBJECT,
    ELEM_VALUE,
    SIZE,
    REGEX,
    STARTS,
    CONTAINS,
    LEAVES,
    AND,
    OR,
    NOR
};

struct cond {
    enum op op;
    const char *path;     // leaves outside ELEM_VALUE
    struct tree *operand; // IN, NIN, ALL: an array
    struct cond *kids[3];
    int count;
};

static struct arena arena;
static struct rng rng;

static int below(int n) { return (int)rng_below(&rng, (uint64_t)n); }
static void *make(size_t size) {
    void *p = arena_zalloc(&arena, size);
    assert_non_null(p);
    return p;
}

static const char *const field_names[] = {"a", "b", "0", "1"};
static const char *const texts[] = {"", "a", "b", "ab", "ba", "aab"};
static const char *const paths[] = {"a",     "b",     "a.b",  "b.a", "a.0", "a.1",
                                    "a.0.b", "a.b.a", "/a/b", "b.1", "c"};

static struct tree *random_tree(int depth) {
    struct tree *t = make(sizeof(*t));
    int roll = below(depth > 0 ? 10 : 6);
    if (roll == 0)
        t->kind = NUL;
    else if (roll <= 3)
        t->kind = NUMBER;
    else if (roll == 4)
        t->kind = STRING;
    else if (roll == 5)
        t->kind = BOOLEAN;
    else
        t->kind = roll <= 7 ? OBJECT : ARRAY;
    t->is_double = below(3) == 0;
    t->number = below(5) - 1 + (t->is_double && below(2) ? 0.5 : 0);
    t->text = texts[below(6)];
    t->boolean = below(2);
    if (t->kind != OBJECT && t->kind != ARRAY) return t;
    int want = below(KIDS_MAX);
    for (int i = 0; i < want; i++) {
        if (t->kind == OBJECT && below(2)) continue;
        t->names[t->count] = field_names[i];
        t->kids[t->count++] = random_tree(depth - 1);
    }
    return t;
}

static void print_tree(struct buf *out, const struct tree *t) {
    switch (t->kind) {
    case MISSING: fail(); return;
    case NUL: buf_put_str(out, "null"); return;
    case NUMBER: buf_printf(out, t->is_double ? "%.1f" : "%.0f", t->number); return;
    case STRING: buf_printf(out, "\"%s\"", t->text); return;
    case BOOLEAN: buf_put_str(out, t->boolean ? "true" : "false"); return;
    default: break;
    }
    buf_put_str(out, t->kind == OBJECT ? "{" : "[");
    for (int i = 0; i < t->count; i++) {
        if (i) buf_put_str(out, ",");
        if (t->kind == OBJECT) buf_printf(out, "\"%s\":", t->names[i]);
        print_tree(out, t->kids[i]);
    }
    buf_put_str(out, t->kind == OBJECT ? "}" : "]");
}

// Order of values, on trees.
static int rank(const struct tree *t) { return t->kind == MISSING ? NUL : (int)t->kind; }
static int cmp(const struct tree *a, const struct tree *b) {
    if (rank(a) != rank(b)) return rank(a) - rank(b);
    if (a->kind == NUMBER) return (a->number > b->number) - (a->number < b->number);
    if (a->kind == STRING) return strcmp(a->text, b->text);
    if (a->kind == BOOLEAN) return (int)a->boolean - (int)b->boolean;
    for (int i = 0; i < a->count && i < b->count; i++) {
        int c = rank(a->kids[i]) - rank(b->kids[i]);
        if (c == 0 && a->kind == OBJECT) c = strcmp(a->names[i], b->names[i]);
        if (c == 0) c = cmp(a->kids[i], b->kids[i]);
        if (c) return c;
    }
    return a->count - b->count;
}

// All that a path reaches; what is missing stands in the list as such.
struct found {
    const struct tree *items[1000];
    int count;
};
static const struct tree missing = {.kind = MISSING};

static void found_add(struct found *found, const struct tree *t) {
    assert_true(found->count < 1000);
    found->items[found->count++] = t;
}

static const struct tree *field(const struct tree *t, const char *name, size_t n) {
    for (int i = 0; i < t->count; i++)
        if (strlen(t->names[i]) == n && memcmp(t->names[i], name, n) == 0) return t->kids[i];
    return NULL;
}

static void reach(const struct tree *t, const char *path, char separator, struct found *found);

static void reach_elements(const struct tree *t, const char *path, size_t n, const char *rest,
                           char separator, struct found *found) {
    bool is_index = n == 1 && path[0] >= '0' && path[0] <= '9';
    int before = found->count;
    for (int i = 0; i < t->count; i++) {
        const struct tree *inner = t->kids[i]->kind == OBJECT ? field(t->kids[i], path, n) : NULL;
        if (is_index && i == path[0] - '0') reach(t->kids[i], rest, separator, found);
        if (inner)
            reach(inner, rest, separator, found);
        else if (t->kids[i]->kind == OBJECT && !is_index)
            found_add(found, &missing);
    }
    // An index that no element has, and names that no element could have.
    if (found->count == before) found_add(found, &missing);
}

static void reach(const struct tree *t, const char *path, char separator, struct found *found) {
    if (!path) {
        found_add(found, t);
        return;
    }
    const char *end = strchr(path, separator);
    size_t n = end ? (size_t)(end - path) : strlen(path);
    const char *rest = end ? end + 1 : NULL;
    if (t->kind == ARRAY) {
        reach_elements(t, path, n, rest, separator, found);
        return;
    }
    const struct tree *inner = t->kind == OBJECT ? field(t, path, n) : NULL;
    if (inner)
        reach(inner, rest, separator, found);
    else
        found_add(found, &missing);
}

static bool is_nullish(const struct tree *t) { return t->kind <= NUL; }

static bool order_holds(enum op op, const struct tree *t, const struct tree *operand) {
    if (operand->kind == NUL) return (op == GTE || op == LTE) && is_nullish(t);
    if (rank(t) != rank(operand)) return false;
    int c = cmp(t, operand);
    return op == GT ? c > 0 : op == GTE ? c >= 0 : op == LT ? c < 0 : c <= 0;
}

static bool in_list(const struct tree *t, const struct tree *list) {
    bool any = false;
    for (int i = 0; i < list->count; i++)
        any |= cmp(t, list->kids[i]) == 0;
    return any;
}

static const char *type_of(const struct tree *t) {
    static const char *const names[] = {"missing", "null",  "number", "string",
                                        "object",  "array", "bool"};
    return t->kind == NUMBER ? (t->is_double ? "double" : "int") : names[t->kind];
}

// Patterns are text with or without ^ and $.
static bool pattern_holds(const char *pattern, const char *text) {
    bool front = pattern[0] == '^', back = strchr(pattern, '$') != NULL;
    char plain[16];
    snprintf(plain, sizeof(plain), "%s", pattern + front);
    if (back) plain[strlen(plain) - 1] = '\0';
    size_t n = strlen(plain), m = strlen(text);
    bool any = false;
    for (size_t i = 0; i + n <= m; i++)
        any |= memcmp(text + i, plain, n) == 0 && (!front || i == 0) && (!back || i + n == m);
    return any;
}

static bool holds(const struct cond *c, const struct tree *root, const struct tree *element);

// An array among the elements is matched as if it were an object with the names 0, 1, …
static const struct tree *as_object(const struct tree *t) {
    static const char *const digits[KIDS_MAX] = {"0", "1", "2", "3"};
    struct tree *copy = make(sizeof(*copy));
    *copy = *t;
    if (t->kind == ARRAY) memcpy(copy->names, digits, sizeof(digits));
    copy->kind = OBJECT;
    return copy;
}

static bool elem_holds(const struct cond *c, const struct tree *t) {
    bool any = false;
    if (t->kind != ARRAY) return false;
    for (int i = 0; i < t->count; i++) {
        const struct tree *e = t->kids[i];
        if (c->op == ELEM_VALUE)
            any |= holds(c->kids[0], NULL, e);
        else if (e->kind == OBJECT || e->kind == ARRAY)
            any |= holds(c->kids[0], as_object(e), NULL);
    }
    return any;
}

// One value, for the operators that are not defined by others.
static bool fits(const struct cond *c, const struct tree *t) {
    const struct tree *o = c->operand;
    switch (c->op) {
    case EQ: return cmp(t, o) == 0;
    case GT:
    case GTE:
    case LT:
    case LTE: return order_holds(c->op, t, o);
    case IN: return in_list(t, o);
    case EXISTS: return t->kind != MISSING;
    case TYPE:
        return strcmp(type_of(t), o->text) == 0 ||
               (t->kind == NUMBER && strcmp(o->text, "number") == 0);
    case SIZE: return t->kind == ARRAY && t->count == (int)o->number;
    case REGEX: return t->kind == STRING && pattern_holds(o->text, t->text);
    case STARTS: return t->kind == STRING && strncmp(t->text, o->text, strlen(o->text)) == 0;
    case CONTAINS:
        if (t->kind == STRING && o->kind == STRING) return strstr(t->text, o->text) != NULL;
        return t->kind == ARRAY && in_list(o, t);
    default: return elem_holds(c, t);
    }
}

// The candidates of a leaf: what the path reaches and the elements of arrays among it. About an
// element: itself.
static void candidates(const struct cond *c, const struct tree *root, const struct tree *element,
                       struct found *out) {
    if (!root) {
        found_add(out, element);
        return;
    }
    bool pointer = c->path[0] == '/';
    struct found *whole = make(sizeof(*whole));
    reach(root, c->path + pointer, pointer ? '/' : '.', whole);
    bool itself = c->op == EXISTS || c->op == SIZE || c->op == CONTAINS || c->op == ELEM_OBJECT ||
                  c->op == ELEM_VALUE;
    for (int i = 0; i < whole->count; i++) {
        found_add(out, whole->items[i]);
        for (int k = 0; !itself && k < whole->items[i]->count && whole->items[i]->kind == ARRAY;
             k++)
            found_add(out, whole->items[i]->kids[k]);
    }
}

static bool leaf_holds(const struct cond *c, const struct tree *root, const struct tree *element) {
    struct found *found = make(sizeof(*found));
    candidates(c, root, element, found);
    int fit = 0, equal = 0;
    for (int i = 0; i < found->count; i++) {
        if (c->op == NE)
            equal += cmp(found->items[i], c->operand) == 0;
        else if (c->op == NIN)
            equal += in_list(found->items[i], c->operand);
        else
            fit += fits(c, found->items[i]);
    }
    return c->op == NE || c->op == NIN ? equal == 0 : fit > 0;
}

static bool all_holds(const struct cond *c, const struct tree *root, const struct tree *element) {
    bool all = c->operand->count > 0;
    for (int i = 0; i < c->operand->count; i++) {
        struct cond one = {.op = EQ, .path = c->path, .operand = c->operand->kids[i]};
        all &= leaf_holds(&one, root, element);
    }
    return all;
}

static bool holds(const struct cond *c, const struct tree *root, const struct tree *element) {
    int yes = 0;
    if (c->op == ALL) return all_holds(c, root, element);
    if (c->op < LEAVES && c->op != NOT) return leaf_holds(c, root, element);
    for (int i = 0; i < c->count; i++)
        yes += holds(c->kids[i], root, element);
    if (c->op == AND) return yes == c->count;
    return c->op == OR ? yes > 0 : yes == 0; // NOT, NOR
}

static struct tree *random_array(void) {
    struct tree *t = make(sizeof(*t));
    t->kind = ARRAY;
    t->count = below(KIDS_MAX);
    for (int i = 0; i < t->count; i++)
        t->kids[i] = random_tree(1);
    return t;
}

static struct tree *random_operand(enum op op) {
    static const char *const types[] = {"null",   "bool",   "int",    "double",
                                        "number", "string", "object", "array"};
    static const char *const patterns[] = {"a", "^a", "a$", "^ab$", "", "^b"};
    if (op == IN || op == NIN || op == ALL) return random_array();
    struct tree *t = random_tree(2);
    if (op != SIZE && op != TYPE && op != REGEX && op != STARTS) return t;
    t->kind = op == SIZE ? NUMBER : STRING;
    t->is_double = false;
    t->number = below(4);
    if (op == TYPE) t->text = types[below(8)];
    if (op == REGEX) t->text = patterns[below(6)];
    return t;
}

static struct cond *random_cond(int depth, const char *path);

static struct cond *random_leaf(int depth, const char *path) {
    struct cond *c = make(sizeof(*c));
    c->path = path;
    do
        c->op = (enum op)below(LEAVES);
    while (depth == 0 && (c->op == NOT || c->op == ELEM_OBJECT || c->op == ELEM_VALUE));
    c->operand = random_operand(c->op);
    if (c->op == NOT) c->kids[c->count++] = random_leaf(depth - 1, path);
    if (c->op == ELEM_VALUE) c->kids[c->count++] = random_leaf(depth - 1, "");
    if (c->op == ELEM_OBJECT) c->kids[c->count++] = random_cond(depth - 1, NULL);
    return c;
}

static struct cond *random_cond(int depth, const char *path) {
    if (depth == 0 || below(2)) return random_leaf(depth, path ? path : paths[below(11)]);
    struct cond *c = make(sizeof(*c));
    c->op = (enum op)(AND + below(3));
    c->count = 1 + below(3);
    for (int i = 0; i < c->count; i++)
        c->kids[i] = random_cond(depth - 1, path);
    return c;
}

static const char *const op_names[] = {
    "$eq",         "$ne",       "$gt",  "$gte", "$lt",        "$lte",       "$in",   "$nin",
    "$exists",     "$type",     "$not", "$all", "$elemMatch", "$elemMatch", "$size", "$regex",
    "$startsWith", "$contains", "",     "$and", "$or",        "$nor"};

static void print_json(struct buf *out, const struct cond *c);

// {"$op":…}
static void print_operator(struct buf *out, const struct cond *c) {
    buf_printf(out, "{\"%s\":", op_names[c->op]);
    if (c->op == EXISTS)
        buf_put_str(out, "true");
    else if (c->op == NOT || c->op == ELEM_VALUE)
        print_operator(out, c->kids[0]);
    else if (c->op == ELEM_OBJECT)
        print_json(out, c->kids[0]);
    else
        print_tree(out, c->operand);
    buf_put_str(out, "}");
}

static void print_json(struct buf *out, const struct cond *c) {
    if (c->op < LEAVES) {
        buf_printf(out, "{\"%s\":", c->path);
        print_operator(out, c);
        buf_put_str(out, "}");
        return;
    }
    buf_printf(out, "{\"%s\":[", op_names[c->op]);
    for (int i = 0; i < c->count; i++) {
        if (i) buf_put_str(out, ",");
        print_json(out, c->kids[i]);
    }
    buf_put_str(out, "]}");
}

static bool print_value(struct buf *out, const struct tree *t) {
    if (t->kind == OBJECT || t->kind == ARRAY) return false;
    if (t->kind == STRING)
        buf_printf(out, "'%s'", t->text);
    else
        print_tree(out, t);
    return true;
}

static bool print_list(struct buf *out, const struct tree *list) {
    bool ok = true;
    buf_put_str(out, "(");
    for (int i = 0; i < list->count; i++) {
        if (i) buf_put_str(out, ", ");
        ok &= print_value(out, list->kids[i]);
    }
    buf_put_str(out, ")");
    return ok;
}

// The string form; false: it has none.
static bool print_text(struct buf *out, const struct cond *c) {
    static const char *const signs[] = {"=", "!=", ">", ">=", "<", "<=", "IN ", "NOT IN "};
    bool ok = true;
    if (c->op == STARTS || c->op == CONTAINS) {
        buf_printf(out, "%s %s ", c->path, c->op == STARTS ? "STARTS WITH" : "CONTAINS");
        return print_value(out, c->operand);
    }
    if (c->op <= NIN) {
        buf_printf(out, "%s %s", c->path, signs[c->op]);
        return c->op >= IN ? print_list(out, c->operand) : print_value(out, c->operand);
    }
    if (c->op < LEAVES && c->op != NOT) return false;
    if (c->op == NOT || c->op == NOR) buf_put_str(out, "NOT ");
    buf_put_str(out, "(");
    for (int i = 0; i < c->count; i++) {
        if (i) buf_put_str(out, c->op == AND ? " AND " : " OR ");
        ok &= print_text(out, c->kids[i]);
    }
    buf_put_str(out, ")");
    return ok;
}

static const char *text_of(struct buf *out) {
    buf_put_u8(out, 0);
    assert_int_equal(buf_status(out), NACRE_OK);
    return (const char *)out->p;
}

struct run {
    struct ctx ctx;
    struct buf filter, text, doc;
    long textual, matched, total;
};

static void check_documents(struct run *run, const struct cond *c, const char *filter) {
    for (int i = 0; i < 12; i++) {
        struct tree *t;
        do
            t = random_tree(DEPTH_MAX);
        while (t->count == 0 && below(8));
        t->kind = OBJECT;
        for (int k = 0; k < t->count; k++)
            t->names[k] = field_names[k];
        buf_reset(&run->doc);
        print_tree(&run->doc, t);
        const char *doc = text_of(&run->doc);
        bool expected = holds(c, t, NULL);
        if (filter_fixture_matches(&run->ctx, filter, doc) != expected)
            fail_msg("%s on %s: expected %d", filter, doc, (int)expected);
        run->matched += expected;
        run->total++;
    }
}

static void check_one(struct run *run) {
    const struct cond *c = random_cond(3, NULL);
    buf_reset(&run->filter);
    buf_reset(&run->text);
    print_json(&run->filter, c);
    const char *filter = text_of(&run->filter);
    if (print_text(&run->text, c)) {
        const char *text = text_of(&run->text);
        const struct filter *a = filter_fixture_parse(&run->ctx, filter);
        const struct filter *b = filter_fixture_parse(&run->ctx, text);
        if (!slice_eq(a->canonical, b->canonical)) fail_msg("%s is not %s", text, filter);
        run->textual++;
    }
    check_documents(run, c, filter);
    ctx_reset(&run->ctx);
    arena_reset(&arena);
}

static void test_against_naive(void **state) {
    (void)state;
    const char *given = getenv("NACRE_SEED"), *rounds = getenv("NACRE_ROUNDS");
    uint64_t seed = given ? strtoull(given, NULL, 0) : 20240229;
    long count = rounds ? strtol(rounds, NULL, 0) : 4000;
    struct run run = {0};
    printf("seed %llu, %ld filters\n", (unsigned long long)seed, count);
    rng_seed(&rng, seed);
    arena_init(&arena, NULL, 64u << 20);
    ctx_init(&run.ctx, &world_system, NULL, 64u << 20);
    buf_init(&run.filter, NULL, 1u << 20);
    buf_init(&run.text, NULL, 1u << 20);
    buf_init(&run.doc, NULL, 1u << 20);
    for (long i = 0; i < count; i++)
        check_one(&run);
    printf("%ld of %ld documents matched, %ld filters in both forms\n", run.matched, run.total,
           run.textual);
    assert_true(run.matched > run.total / 10 && run.matched < run.total * 9 / 10);
    assert_true(run.textual > 0);
    buf_free(&run.filter);
    buf_free(&run.text);
    buf_free(&run.doc);
    ctx_free(&run.ctx);
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_naive)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
