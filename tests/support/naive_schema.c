#include "support/naive_schema.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err/check.h"

static const char *const bound_names[NAIVE_BOUNDS] = {"minimum",       "maximum",      "minLength",
                                                      "maxLength",     "minItems",     "maxItems",
                                                      "minProperties", "maxProperties"};

// --- at random --------------------------------------------------------------------------

static const char *const states[] = {"waiting", "running", "done"};

static uint32_t below(const struct naive_source *s, uint32_t n) {
    return (uint32_t)rng_below(s->rng, n);
}

static struct naive_schema *new_schema(const struct naive_source *s) {
    struct naive_schema *schema = arena_zalloc(s->arena, sizeof *schema);
    CHECK(schema != NULL);
    return schema;
}

static void bound(struct naive_schema *schema, enum naive_bound which, int64_t n) {
    schema->bounded[which] = true;
    schema->bounds[which] = n;
}

static void type(struct naive_schema *schema, const char *name) {
    CHECK(schema->type_count < NAIVE_SCHEMA_LIST);
    schema->types[schema->type_count++] = name;
}

static void value(struct naive_schema *schema, struct naive *v) {
    CHECK(schema->value_count < NAIVE_SCHEMA_LIST);
    schema->values[schema->value_count++] = v;
}

static struct naive_schema *member(const struct naive_source *s, struct naive_schema *schema,
                                   const char *name) {
    for (uint32_t i = 0; i < schema->member_count; i++)
        if (strcmp(schema->members[i].name, name) == 0) return schema->members[i].schema;
    CHECK(schema->member_count < NAIVE_SCHEMA_LIST);
    struct naive_schema *fresh = new_schema(s);
    schema->members[schema->member_count++] = (struct naive_member){name, fresh, false};
    return fresh;
}

static struct naive *object_of(const struct naive_source *s, const char *name, struct naive *v) {
    struct naive *object = naive_new(s->arena, NAIVE_OBJECT);
    naive_add(s->arena, object, slice_str(name), v);
    return object;
}

static void random_number(const struct naive_source *s, struct naive_schema *out) {
    switch (below(s, 4)) {
    case 0:
        type(out, "integer");
        type(out, "array");
        return;
    case 1:
        type(out, "number");
        type(out, "null");
        type(out, "string");
        return;
    case 2:
        bound(out, NAIVE_MINIMUM, (int64_t)below(s, 3) - 2);
        return;
    default:
        bound(out, NAIVE_MAXIMUM, 3 + below(s, 6));
    }
}

static void random_text(const struct naive_source *s, struct naive_schema *out) {
    static const char *const words[] = {"red", "foo", "bar", "a", "waiting", "done"};
    switch (below(s, 4)) {
    case 0:
        bound(out, NAIVE_MAX_LENGTH, 4 + below(s, 3));
        return;
    case 1:
        bound(out, NAIVE_MIN_LENGTH, 1 + below(s, 2));
        return;
    case 2:
        for (uint32_t i = 0; i < 6; i++)
            value(out, naive_text(s->arena, words[i]));
        return;
    default:
        type(out, "string");
    }
}

static void random_state(const struct naive_source *s, struct naive_schema *out) {
    for (uint32_t i = 0, left_out = below(s, 6); i < 3; i++)
        if (i != left_out) value(out, naive_text(s->arena, states[i]));
    if (below(s, 2)) out->fallback = naive_text(s->arena, states[below(s, 3)]);
}

static void random_list(const struct naive_source *s, struct naive_schema *out) {
    switch (below(s, 3)) {
    case 0:
        out->items = new_schema(s);
        random_text(s, out->items);
        return;
    case 1:
        bound(out, below(s, 3) ? NAIVE_MAX_ITEMS : NAIVE_MIN_ITEMS, 2 + below(s, 3));
        return;
    default:
        type(out, "array");
        if (below(s, 2)) out->fallback = naive_new(s->arena, NAIVE_ARRAY);
    }
}

static void random_object(const struct naive_source *s, struct naive_schema *out) {
    if (below(s, 2)) type(out, "object");
    if (out->type_count && below(s, 2)) type(out, "array");
    if (below(s, 2)) {
        struct naive_schema *x = member(s, out, "x");
        if (below(s, 2)) random_number(s, x);
        if (below(s, 2)) x->fallback = naive_int(s->arena, below(s, 9));
    }
    if (below(s, 2)) {
        struct naive_schema *y = member(s, out, "y");
        if (below(s, 2)) random_text(s, y);
        if (below(s, 2)) y->fallback = naive_text(s->arena, "foo");
    }
    if (!below(s, 3)) out->required[out->required_count++] = "y";
    if (!below(s, 4))
        out->fallback = below(s, 2) ? naive_new(s->arena, NAIVE_OBJECT)
                                    : object_of(s, "y", naive_text(s->arena, "bar"));
}

static void random_any(const struct naive_source *s, struct naive_schema *out) {
    static const char *const types[] = {"null",   "boolean", "integer", "number", "string",
                                        "object", "array",   "date",    "binary"};
    switch (below(s, 3)) {
    case 0:
        out->never = new_schema(s);
        type(out->never, types[below(s, 9)]);
        return;
    case 1:
        out->any_of[0] = new_schema(s);
        out->any_of[1] = new_schema(s);
        random_number(s, out->any_of[0]);
        random_text(s, out->any_of[1]);
        return;
    default:
        out->fallback =
            below(s, 2) ? naive_random_value(s, 2) : object_of(s, "k", naive_int(s->arena, 1));
    }
}

static void random_id(const struct naive_source *s, struct naive_schema *out) {
    type(out, "integer");
    if (below(s, 4)) type(out, "string");
    if (below(s, 2)) bound(out, NAIVE_MAXIMUM, 60 + below(s, 40));
}

static void random_member(const struct naive_source *s, struct naive_schema *out) {
    static const struct {
        const char *name;
        void (*make)(const struct naive_source *s, struct naive_schema *out);
    } fields[] = {{"q", random_number},   {"n", random_any},     {"s", random_text},
                  {"st", random_state},   {"tags", random_list}, {"o", random_object},
                  {"cnt", random_number}, {"w", random_any},     {"b", random_any},
                  {"a", random_any},      {"_id", random_id},    {"u", random_number}};
    uint32_t at = below(s, sizeof fields / sizeof *fields), before = out->member_count;
    struct naive_schema *schema = member(s, out, fields[at].name);
    if (before == out->member_count) return; // it has its rules
    fields[at].make(s, schema);
}

struct naive_schema *naive_random_schema(const struct naive_source *s) {
    struct naive_schema *out = new_schema(s);
    uint32_t roll = below(s, 8);
    for (uint32_t i = 1 + below(s, 4); i; i--)
        random_member(s, out);
    for (uint32_t i = 0; i < out->member_count; i++)
        out->members[i].apart = !below(s, 4);
    if (roll == 0) bound(out, NAIVE_MAX_PROPERTIES, 8 + below(s, 3));
    if (roll == 1) bound(out, NAIVE_MIN_PROPERTIES, 2 + below(s, 3));
    if (roll == 2) out->required[out->required_count++] = below(s, 2) ? "q" : "st";
    if (roll != 3) return out;
    out->any_of[0] = new_schema(s);
    out->any_of[1] = new_schema(s);
    out->any_of[0]->required[out->any_of[0]->required_count++] = "n";
    random_member(s, out->any_of[1]);
    return out;
}

// --- as JSON ----------------------------------------------------------------------------

static void print(struct buf *out, const struct naive_schema *schema);

static void print_names(struct buf *out, const char *keyword, const char *const *names,
                        uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        buf_printf(out, i ? ",\"%s\"" : "\"%s\":[\"%s\"", i ? names[i] : keyword, names[i]);
    if (count) buf_put_str(out, "],");
}

static void print_kid(struct buf *out, const char *keyword, const struct naive_schema *kid) {
    if (!kid) return;
    buf_printf(out, "\"%s\":", keyword);
    print(out, kid);
    buf_put_u8(out, ',');
}

static void print_members(struct buf *out, const struct naive_schema *schema, bool apart) {
    buf_printf(out, "\"%s\":{", apart ? "$defs" : "properties");
    for (uint32_t i = 0, n = 0; i < schema->member_count; i++) {
        const struct naive_member *m = &schema->members[i];
        if (apart && !m->apart) continue;
        buf_printf(out, n++ ? ",\"%s\":" : "\"%s\":", m->name);
        if (!apart && m->apart)
            buf_printf(out, "{\"$ref\":\"#/$defs/%s\"}", m->name);
        else
            print(out, m->schema);
    }
    buf_put_str(out, "},");
}

static bool any_apart(const struct naive_schema *schema) {
    bool any = false;
    for (uint32_t i = 0; i < schema->member_count; i++)
        any |= schema->members[i].apart;
    return any;
}

// Every keyword is followed by a comma; the last thing is one that says nothing.
static void print(struct buf *out, const struct naive_schema *schema) {
    buf_put_u8(out, '{');
    print_names(out, "type", schema->types, schema->type_count);
    print_names(out, "required", schema->required, schema->required_count);
    for (uint32_t i = 0; i < schema->value_count; i++) {
        buf_put_str(out, i ? "," : "\"enum\":[");
        naive_print(out, schema->values[i]);
    }
    if (schema->value_count) buf_put_str(out, "],");
    for (int i = 0; i < NAIVE_BOUNDS; i++)
        if (schema->bounded[i])
            buf_printf(out, "\"%s\":%lld,", bound_names[i], (long long)schema->bounds[i]);
    if (schema->member_count) print_members(out, schema, false);
    if (any_apart(schema)) print_members(out, schema, true);
    print_kid(out, "items", schema->items);
    print_kid(out, "not", schema->never);
    if (schema->any_of[0]) {
        buf_put_str(out, "\"anyOf\":[");
        print(out, schema->any_of[0]);
        buf_put_u8(out, ',');
        print(out, schema->any_of[1]);
        buf_put_str(out, "],");
    }
    if (schema->fallback) {
        buf_put_str(out, "\"default\":");
        naive_print(out, schema->fallback);
        buf_put_u8(out, ',');
    }
    buf_put_str(out, "\"title\":\"t\"}");
}

void naive_schema_print(struct buf *out, const struct naive_schema *schema) { print(out, schema); }

// --- held against a value ---------------------------------------------------------------

static bool is_type(const struct naive *v, const char *name) {
    static const char *const names[] = {
        [NAIVE_NULL] = "null",     [NAIVE_NUMBER] = "number", [NAIVE_STRING] = "string",
        [NAIVE_OBJECT] = "object", [NAIVE_ARRAY] = "array",   [NAIVE_BINARY] = "binary",
        [NAIVE_BOOL] = "boolean",  [NAIVE_DATE] = "date"};
    bool whole = v->kind == NAIVE_NUMBER && floorl(v->number) == v->number;
    return strcmp(names[v->kind], name) == 0 || (whole && strcmp(name, "integer") == 0);
}

static int64_t code_points(struct slice text) {
    int64_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += (text.p[i] & 0xC0) != 0x80;
    return n;
}

// What the bounds of this value's kind bound; false: there are none.
static bool measure(const struct naive *v, bool top, enum naive_bound *least, long double *out) {
    switch (v->kind) {
    case NAIVE_NUMBER:
        *least = NAIVE_MINIMUM;
        *out = v->number;
        return true;
    case NAIVE_STRING:
        *least = NAIVE_MIN_LENGTH;
        *out = code_points(v->bytes);
        return true;
    case NAIVE_ARRAY:
        *least = NAIVE_MIN_ITEMS;
        *out = v->count;
        return true;
    case NAIVE_OBJECT:
        *least = NAIVE_MIN_PROPERTIES;
        *out = (long double)v->count - (top && naive_field(v, SLICE_LIT("_id")));
        return true;
    default:
        return false;
    }
}

static bool within(const struct naive_schema *schema, const struct naive *v, bool top) {
    enum naive_bound least;
    long double n;
    if (!measure(v, top, &least, &n)) return true;
    if (schema->bounded[least] && n < schema->bounds[least]) return false;
    return !schema->bounded[least + 1] || n <= schema->bounds[least + 1];
}

static bool listed(const struct naive_schema *schema, const struct naive *v) {
    bool type_fits = !schema->type_count, value_fits = !schema->value_count;
    for (uint32_t i = 0; i < schema->type_count; i++)
        type_fits |= is_type(v, schema->types[i]);
    for (uint32_t i = 0; i < schema->value_count; i++)
        value_fits |= v->kind == schema->values[i]->kind && naive_cmp(v, schema->values[i]) == 0;
    return type_fits && value_fits;
}

static bool holds(const struct naive_schema *schema, const struct naive *v, bool top);

static bool kids_hold(const struct naive_schema *schema, const struct naive *v) {
    bool all = true;
    for (uint32_t i = 0; v->kind == NAIVE_OBJECT && i < schema->required_count; i++)
        all &= naive_field(v, slice_str(schema->required[i])) != NULL;
    for (uint32_t i = 0; i < schema->member_count; i++) {
        const struct naive *kid = naive_field(v, slice_str(schema->members[i].name));
        if (kid) all &= holds(schema->members[i].schema, kid, false);
    }
    for (uint32_t i = 0; v->kind == NAIVE_ARRAY && schema->items && i < v->count; i++)
        all &= holds(schema->items, v->kids[i], false);
    return all;
}

static bool holds(const struct naive_schema *schema, const struct naive *v, bool top) {
    bool all = listed(schema, v) && within(schema, v, top) && kids_hold(schema, v);
    if (schema->never) all &= !holds(schema->never, v, top);
    if (schema->any_of[0])
        all &= holds(schema->any_of[0], v, top) || holds(schema->any_of[1], v, top);
    return all;
}

bool naive_schema_holds(const struct naive_schema *schema, const struct naive *document) {
    return holds(schema, document, true);
}

// --- defaults ---------------------------------------------------------------------------

static void collect(const struct naive_schema *schema, const struct naive *v, const char *prefix,
                    struct naive_default *out, uint32_t *count) {
    for (uint32_t i = 0; v->kind == NAIVE_OBJECT && i < schema->member_count; i++) {
        const struct naive_member *m = &schema->members[i];
        const struct naive *kid = naive_field(v, slice_str(m->name));
        struct naive_default here = {.value = m->schema->fallback};
        int n = snprintf(here.path, sizeof here.path, "%s%s", prefix, m->name);
        CHECK(n < (int)sizeof here.path - 1 && *count < NAIVE_DEFAULTS_MAX);
        if (!kid && here.value) out[(*count)++] = here;
        here.path[n] = '.';
        if (kid) collect(m->schema, kid, here.path, out, count);
    }
}

uint32_t naive_schema_defaults(const struct naive_schema *schema, const struct naive *document,
                               struct naive_default out[NAIVE_DEFAULTS_MAX]) {
    uint32_t count = 0;
    collect(schema, document, "", out, &count);
    return count;
}
