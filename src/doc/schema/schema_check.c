// Checking a value against a node.
//
// A first pass stops at the first failure and records nothing. Only when there is one, a second
// pass goes on after each and records the offenders.
#include "doc/schema/schema_impl.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err/check.h"
#include "base/text/utf8.h"

enum {
    STEPS_CHECK = 1 << 16, // deadline and cancel flag are looked at this often
    PATTERN_STEPS = 100,   // what a regular expression counts
};

bool schema_check_give_up(struct schema_check *c, nacre_status status) {
    c->status = status;
    return false;
}

bool schema_check_step(struct schema_check *c, int64_t steps) {
    int64_t left = c->steps - steps;
    bool look = (left ^ c->steps) / STEPS_CHECK != 0;
    c->steps = left;
    if (__builtin_expect(!look && left >= 0, 1)) return true;
    if (left < 0)
        return schema_check_give_up(
            c, err_set(c->ctx, NACRE_SCHEMA_VIOLATION,
                       "checking the document against the schema takes more than %d steps",
                       SCHEMA_STEPS_MAX));
    nacre_status status = ctx_check(c->ctx);
    return status == NACRE_OK || schema_check_give_up(c, status);
}

bool schema_check_pattern(struct schema_check *c, const void *code, struct slice text) {
    bool fits = false;
    if (!schema_check_step(c, PATTERN_STEPS)) return false;
    nacre_status status = ctx_check(c->ctx);
    if (status == NACRE_OK) status = c->schema->regex->match(c->ctx, code, text, &fits);
    return status == NACRE_OK ? fits : schema_check_give_up(c, status);
}

static void at_pointer(const struct schema_at *at, char *out, size_t cap, size_t *n) {
    if (!at->up) return;
    at_pointer(at->up, out, cap, n);
    char index[16];
    struct slice name = at->name;
    if (!name.p) {
        snprintf(index, sizeof index, "%u", at->index);
        name = slice_str(index);
    }
    if (*n + 1 < cap) out[(*n)++] = '/';
    for (size_t i = 0; i < name.n && *n + 2 < cap; i++) {
        bool escape = name.p[i] == '~' || name.p[i] == '/';
        if (escape) out[(*n)++] = '~';
        out[(*n)++] = (char)(!escape ? name.p[i] : name.p[i] == '~' ? '0' : '1');
    }
}

bool schema_check_fail(struct schema_check *c, const struct schema_at *at, struct val v,
                       const char *fmt, ...) {
    if (!c->explain || c->status != NACRE_OK) return false;
    char pointer[ERR_TEXT_MAX], expected[ERR_TEXT_MAX], got[ERR_TEXT_MAX];
    size_t n = 0;
    va_list args;
    at_pointer(at, pointer, sizeof pointer - 1, &n);
    pointer[n] = '\0';
    va_start(args, fmt);
    vsnprintf(expected, sizeof expected, fmt, args);
    va_end(args);
    schema_show(v, got, sizeof got);
    if (c->offenders++ == 0)
        (void)err_set(c->ctx, NACRE_SCHEMA_VIOLATION,
                      "the document does not fit the schema%s%s: expected %s, got %s",
                      pointer[0] ? " at " : "", pointer, expected, got);
    err_expected(c->ctx, pointer, expected, got);
    return false;
}

// Scalars.

static bool fail_type(struct schema_check *c, uint32_t types, struct val v,
                      const struct schema_at *at) {
    static const char *const names[] = {"null",   "boolean", "integer", "number", "string",
                                        "object", "array",   "date",    "binary", "vector"};
    char text[ERR_TEXT_MAX] = "";
    size_t n = 0;
    for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!(types >> i & 1)) continue;
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? " or " : "", names[i]);
    }
    return schema_check_fail(c, at, v, "%s", text);
}

static bool check_bound(struct schema_check *c, struct val bound, struct val v, const char *what,
                        const struct schema_at *at) {
    char shown[ERR_TEXT_MAX];
    if (!c->explain) return false;
    schema_show(bound, shown, sizeof shown);
    return schema_check_fail(c, at, v, "%s %s", what, shown);
}

static bool check_number(struct schema_check *c, const struct schema_number *n, struct val v,
                         const struct schema_at *at) {
    bool fits = true;
    struct schema_decimal decimal;
    if (n->min.type && val_cmp(v, n->min) < 0)
        fits = check_bound(c, n->min, v, "a number of at least", at);
    if (n->max.type && val_cmp(v, n->max) > 0)
        fits = check_bound(c, n->max, v, "a number of at most", at);
    if (n->above.type && val_cmp(v, n->above) <= 0)
        fits = check_bound(c, n->above, v, "a number above", at);
    if (n->below.type && val_cmp(v, n->below) >= 0)
        fits = check_bound(c, n->below, v, "a number below", at);
    if (n->multiple.type &&
        (!schema_value_decimal(v, &decimal) || !schema_value_divides(decimal, n->divisor)))
        fits = check_bound(c, n->multiple, v, "a multiple of", at);
    return fits;
}

static bool check_text(struct schema_check *c, const struct schema_text *t, struct val v,
                       const struct schema_at *at) {
    bool fits = true;
    // A code point takes 1 to 4 bytes: count only where that does not tell.
    bool counted = v.n / 4 < t->min || v.n > t->max;
    size_t length = counted ? utf8_count(val_slice(v)) : 0;
    if (counted && length < t->min)
        fits = schema_check_fail(c, at, v, "a string of at least %u characters", t->min);
    if (counted && length > t->max)
        fits = schema_check_fail(c, at, v, "a string of at most %u characters", t->max);
    if (t->code && !schema_check_pattern(c, t->code, val_slice(v)))
        fits = schema_check_fail(c, at, v, "a string that matches %.*s", (int)t->pattern.n,
                                 (const char *)t->pattern.p);
    return fits;
}

static bool values_hold(struct schema_check *c, const struct schema_values *values, struct val v) {
    enum { FEW = 8 };
    uint32_t at = 0, end = values->count;
    uint64_t hash = 0;
    if (end > FEW) {
        hash = schema_value_hash(v);
        while (at < end) { // the first of this hash or above
            uint32_t middle = at + (end - at) / 2;
            if (values->items[middle].hash < hash)
                at = middle + 1;
            else
                end = middle;
        }
    }
    bool few = values->count <= FEW;
    for (; at < values->count && (few || values->items[at].hash == hash); at++) {
        if (schema_value_equal(values->items[at].v, v, &c->steps)) return true;
        if (!schema_check_step(c, 1)) return false;
    }
    return false;
}

static bool fail_values(struct schema_check *c, const struct schema_values *values, struct val v,
                        const struct schema_at *at) {
    char shown[ERR_TEXT_MAX];
    if (!c->explain) return false;
    if (values->count != 1) return schema_check_fail(c, at, v, "one of %u values", values->count);
    schema_show(values->items[0].v, shown, sizeof shown);
    return schema_check_fail(c, at, v, "%s", shown);
}

// The parts of a node that no marks are needed for.
static bool check_parts(struct schema_check *c, const struct schema_node *node, struct val v,
                        const struct schema_at *at) {
    bool fits = true;
    if (node->types && !(node->types & schema_value_types(v))) {
        fits = fail_type(c, node->types, v, at);
        if (!schema_check_goes_on(c)) return false;
    }
    if (node->constant && !values_hold(c, node->constant, v))
        fits = fail_values(c, node->constant, v, at);
    if (node->values && !values_hold(c, node->values, v))
        fits = fail_values(c, node->values, v, at);
    if (!fits && !schema_check_goes_on(c)) return false;
    if (node->number && val_is_number(v)) fits &= check_number(c, node->number, v, at);
    if (node->text && v.type == VAL_STRING) fits &= check_text(c, node->text, v, at);
    if (!fits && !schema_check_goes_on(c)) return false;
    if (node->object && v.type == VAL_OBJECT) fits &= schema_check_object(c, node->object, v, at);
    if (node->array && v.type == VAL_ARRAY) fits &= schema_check_array(c, node->array, v, at);
    if (!node->apply || (!fits && !schema_check_goes_on(c))) return fits;
    return schema_check_apply(c, node->apply, v, at) && fits;
}

static bool check_scoped(struct schema_check *c, const struct schema_node *node, struct val v,
                         const struct schema_at *at) {
    const struct schema_apply *a = node->apply;
    bool tracks = a && ((a->unevaluated_properties && v.type == VAL_OBJECT) ||
                        (a->unevaluated_items && v.type == VAL_ARRAY));
    if (!tracks) return check_parts(c, node, v, at);
    struct schema_marks marks;
    struct schema_at inner = *at;
    struct arena_mark before = arena_mark(&c->ctx->arena);
    if (!schema_marks_init(c, &marks, v)) return false;
    inner.marks = &marks;
    bool fits = check_parts(c, node, v, &inner) && schema_check_unevaluated(c, node, v, &inner);
    for (uint32_t i = 0; fits && at->marks && i < (marks.count + 63) / 64; i++)
        at->marks->bits[i] |= marks.bits[i];
    arena_rewind(&c->ctx->arena, before);
    return fits;
}

bool schema_check_node(struct schema_check *c, const struct schema_node *node, struct val v,
                       const struct schema_at *at) {
    if (!schema_check_step(c, 1)) return false;
    if (node->never) return schema_check_fail(c, at, v, "nothing here");
    if (!node->place) return true; // the schema true
    if (++c->depth > SCHEMA_DEPTH_MAX)
        return schema_check_give_up(c, err_set(c->ctx, NACRE_SCHEMA_VIOLATION,
                                               "checking the document nests more than %d schemas",
                                               SCHEMA_DEPTH_MAX));
    bool fits;
    if (__builtin_expect(node->resource == at->scope->resource, 1)) {
        fits = check_scoped(c, node, v, at);
    } else {
        struct schema_scope scope = {.up = at->scope, .resource = node->resource};
        struct schema_at inner = *at;
        inner.scope = &scope;
        fits = check_scoped(c, node, v, &inner);
    }
    c->depth--;
    return fits;
}

static struct schema_check check_begin(struct ctx *ctx, const struct schema *schema, struct val v,
                                       bool explain) {
    bool document = schema->collection && v.type == VAL_OBJECT;
    return (struct schema_check){.ctx = ctx,
                                 .schema = schema,
                                 .steps = SCHEMA_STEPS_MAX,
                                 .explain = explain,
                                 .top = document ? v.p : NULL};
}

nacre_status schema_validate(struct ctx *ctx, const struct schema *schema, struct val v) {
    struct schema_scope scope = {.resource = schema->root->resource};
    struct schema_at top = {.scope = &scope};
    struct schema_check c = check_begin(ctx, schema, v, false);
    if (schema_check_node(&c, schema->root, v, &top)) return NACRE_OK;
    if (c.status != NACRE_OK) return c.status;
    c = check_begin(ctx, schema, v, true);
    bool fits = schema_check_node(&c, schema->root, v, &top);
    CHECK(!fits);
    // What was found before a limit was met says more than the limit does.
    return c.offenders ? NACRE_SCHEMA_VIOLATION : c.status;
}
