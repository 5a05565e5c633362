// The keywords of the draft: which of them hold schemas, and what each puts into a node.
#include "doc/schema/schema_impl.h"

#include "base/bits/bits.h"

// The node's part of a kind, made when the first keyword of it is met.
#define NODE_PART(c, p, part)                                                                      \
    do {                                                                                           \
        if (!(p)->node->part) (p)->node->part = ARENA_ALLOC_LIKE(c, (p)->node->part);              \
        if (!(p)->node->part) return err_nomem((c)->ctx);                                          \
    } while (0)
#define ARENA_ALLOC_LIKE(c, pointer) arena_zalloc(&(c)->ctx->arena, sizeof *(pointer))

typedef struct schema_compiler compiler;
typedef struct schema_place place;

static nacre_status part_number(compiler *c, place *p) {
    NODE_PART(c, p, number);
    return NACRE_OK;
}

static nacre_status part_text(compiler *c, place *p) {
    if (p->node->text) return NACRE_OK;
    NODE_PART(c, p, text);
    p->node->text->max = UINT32_MAX;
    return NACRE_OK;
}

static nacre_status part_array(compiler *c, place *p) {
    if (p->node->array) return NACRE_OK;
    NODE_PART(c, p, array);
    p->node->array->max = p->node->array->contains_max = UINT32_MAX;
    p->node->array->contains_min = 1;
    return NACRE_OK;
}

static uint32_t members_of(const place *p, struct slice keyword) {
    struct val v = bson_find(val_slice(p->schema), keyword);
    return v.type == VAL_OBJECT || v.type == VAL_ARRAY ? bson_count(val_slice(v)) : 0;
}

// The entry of a name, made if it is new; room was counted before.
static struct schema_property *table_entry(struct schema_table *t, struct slice name) {
    uint64_t hash = hash_bytes(name.p, name.n);
    uint32_t at = (uint32_t)hash & t->mask;
    for (; t->slots[at]; at = (at + 1) & t->mask)
        if (slice_eq(t->items[t->slots[at] - 1].name, name)) return &t->items[t->slots[at] - 1];
    t->items[t->count] = (struct schema_property){.name = name, .hash = hash};
    t->slots[at] = ++t->count;
    return &t->items[t->count - 1];
}

static nacre_status part_object(compiler *c, place *p) {
    if (p->node->object) return NACRE_OK;
    NODE_PART(c, p, object);
    struct schema_object *o = p->node->object;
    struct arena *arena = &c->ctx->arena;
    o->max = UINT32_MAX;
    uint32_t names = members_of(p, SLICE_LIT("properties")) + members_of(p, SLICE_LIT("required"));
    uint32_t dependents = members_of(p, SLICE_LIT("dependentRequired")) +
                          members_of(p, SLICE_LIT("dependentSchemas"));
    uint32_t patterns = members_of(p, SLICE_LIT("patternProperties")), slots = 4;
    while (slots < 2 * names)
        slots *= 2;
    o->table.mask = slots - 1;
    o->table.slots = ARENA_ARRAY(arena, uint32_t, slots);
    o->table.items = ARENA_ARRAY(arena, struct schema_property, names + 1);
    o->dependents = ARENA_ARRAY(arena, struct schema_dependent, dependents + 1);
    o->patterns = ARENA_ARRAY(arena, struct schema_pattern, patterns + 1);
    bool all = o->table.slots && o->table.items && o->dependents && o->patterns;
    if (!all) return err_nomem(c->ctx);
    // Properties first, wherever "required" stands: defaults are filled in in their order.
    struct val properties = bson_find(val_slice(p->schema), SLICE_LIT("properties"));
    if (properties.type != VAL_OBJECT) return NACRE_OK;
    struct bson_iter it = bson_iter_of_val(properties);
    struct slice name;
    struct val one;
    while (bson_next(&it, &name, &one))
        table_entry(&o->table, name);
    return NACRE_OK;
}

static nacre_status part_apply(compiler *c, place *p) {
    NODE_PART(c, p, apply);
    return NACRE_OK;
}

// Numbers.

static nacre_status take_bound(compiler *c, place *p, struct slice keyword, struct val v) {
    if (!val_is_number(v)) return schema_refuse(c, p, keyword, "a number", v);
    TRY(part_number(c, p));
    struct schema_number *number = p->node->number;
    if (slice_eq_str(keyword, "minimum")) number->min = v;
    if (slice_eq_str(keyword, "maximum")) number->max = v;
    if (slice_eq_str(keyword, "exclusiveMinimum")) number->above = v;
    if (slice_eq_str(keyword, "exclusiveMaximum")) number->below = v;
    return NACRE_OK;
}

static nacre_status take_multiple(compiler *c, place *p, struct slice keyword, struct val v) {
    TRY(part_number(c, p));
    struct schema_number *number = p->node->number;
    bool positive = val_is_number(v) && val_cmp(v, val_int(0)) > 0;
    if (!positive || !schema_value_decimal(v, &number->divisor))
        return schema_refuse(c, p, keyword, "a number above 0", v);
    number->multiple = v;
    return NACRE_OK;
}

// A count: an integer of 0 or more; what is beyond 2^32-1 is that.
static nacre_status count_of(compiler *c, const place *p, struct slice keyword, struct val v,
                             uint32_t *out) {
    bool whole = v.type == VAL_INT || (v.type == VAL_DOUBLE && schema_value_integral(v.d));
    if (!whole || val_cmp(v, val_int(0)) < 0)
        return schema_refuse(c, p, keyword, "an integer of 0 or more", v);
    bool large = val_cmp(v, val_int(UINT32_MAX)) > 0;
    *out = large ? UINT32_MAX : v.type == VAL_INT ? (uint32_t)v.i : (uint32_t)v.d;
    return NACRE_OK;
}

// Texts.

static nacre_status take_length(compiler *c, place *p, struct slice keyword, struct val v) {
    TRY(part_text(c, p));
    struct schema_text *text = p->node->text;
    bool min = slice_eq_str(keyword, "minLength");
    return count_of(c, p, keyword, v, min ? &text->min : &text->max);
}

static nacre_status pattern_compile(compiler *c, const place *p, struct slice keyword,
                                    struct slice pattern, const void **out) {
    const struct schema_regex *regex = c->options->regex;
    if (!regex) return schema_refuse(c, p, keyword, "no regular expression here", val_str(pattern));
    if (pattern.n > SCHEMA_PATTERN_BYTES_MAX || c->patterns++ == SCHEMA_PATTERNS_MAX)
        return schema_refuse(c, p, keyword, "at most 1000 patterns of at most 4096 bytes each",
                             val_str(pattern));
    nacre_status status = regex->compile(c->ctx, pattern, out);
    if (status != NACRE_INVALID_ARGUMENT) return status;
    char why[ERR_DETAIL_MAX];
    memcpy(why, c->ctx->err.detail, sizeof why);
    status = schema_refuse(c, p, keyword, "a regular expression of ECMA-262", val_str(pattern));
    err_hint(c->ctx, "%s", why);
    return status;
}

static nacre_status take_pattern(compiler *c, place *p, struct slice keyword, struct val v) {
    TRY(part_text(c, p));
    if (v.type != VAL_STRING) return schema_refuse(c, p, keyword, "a regular expression", v);
    p->node->text->pattern = val_slice(v);
    return pattern_compile(c, p, keyword, val_slice(v), &p->node->text->code);
}

// Values.

static nacre_status take_type(compiler *c, place *p, struct slice keyword, struct val v) {
    static const char expected[] = "null, boolean, integer, number, string, object, array, date, "
                                   "binary, vector, or an array of them";
    static const char *const names[] = {"null",   "boolean", "integer", "number", "string",
                                        "object", "array",   "date",    "binary", "vector"};
    struct bson_iter it = {NULL, NULL};
    struct slice name;
    struct val one = v;
    if (v.type == VAL_ARRAY) {
        it = bson_iter_of_val(v);
        if (!bson_next(&it, &name, &one)) return schema_refuse(c, p, keyword, expected, v);
    }
    do {
        uint32_t bit = 0;
        for (uint32_t i = 0; one.type == VAL_STRING && i < sizeof names / sizeof names[0]; i++)
            if (slice_eq_str(val_slice(one), names[i])) bit = 1u << i;
        if (bit == 0) return schema_refuse(c, p, keyword, expected, one);
        p->node->types |= bit;
    } while (v.type == VAL_ARRAY && bson_next(&it, &name, &one));
    return NACRE_OK;
}

static void values_sort(struct schema_value *items, uint32_t count) {
    // Shell's: the list is the schema's own, and at most some ten thousands long.
    for (uint32_t gap = count / 2; gap; gap = gap == 2 ? 1 : gap * 5 / 11) {
        for (uint32_t i = gap; i < count; i++) {
            struct schema_value one = items[i];
            uint32_t j = i;
            for (; j >= gap && items[j - gap].hash > one.hash; j -= gap)
                items[j] = items[j - gap];
            items[j] = one;
        }
    }
}

static nacre_status values_new(compiler *c, uint32_t count, struct schema_values **out,
                               struct schema_value **out_items) {
    *out = ARENA_NEW(&c->ctx->arena, struct schema_values);
    *out_items = ARENA_ARRAY(&c->ctx->arena, struct schema_value, count + 1);
    if (!*out || !*out_items) return err_nomem(c->ctx);
    (*out)->items = *out_items;
    (*out)->count = count;
    return NACRE_OK;
}

static nacre_status take_enum(compiler *c, place *p, struct slice keyword, struct val v) {
    struct schema_value *items;
    struct slice name;
    uint32_t n = 0;
    if (v.type != VAL_ARRAY) return schema_refuse(c, p, keyword, "an array of values", v);
    TRY(values_new(c, bson_count(val_slice(v)), &p->node->values, &items));
    struct bson_iter it = bson_iter_of_val(v);
    for (; bson_next(&it, &name, &items[n].v); n++)
        items[n].hash = schema_value_hash(items[n].v);
    values_sort(items, n);
    return NACRE_OK;
}

static nacre_status take_const(compiler *c, place *p, struct slice keyword, struct val v) {
    struct schema_value *items;
    (void)keyword;
    TRY(values_new(c, 1, &p->node->constant, &items));
    items[0] = (struct schema_value){.v = v, .hash = schema_value_hash(v)};
    return NACRE_OK;
}

static nacre_status take_default(compiler *c, place *p, struct slice keyword, struct val v) {
    (void)c;
    (void)keyword;
    p->node->fallback = v;
    return NACRE_OK;
}

// Arrays.

static nacre_status nodes_of(compiler *c, struct val list, struct schema_nodes *out) {
    struct bson_iter it = bson_iter_of_val(list);
    struct slice name;
    struct val v;
    out->items =
        ARENA_ARRAY(&c->ctx->arena, const struct schema_node *, bson_count(val_slice(list)) + 1);
    if (!out->items) return err_nomem(c->ctx);
    for (; bson_next(&it, &name, &v); out->count++)
        TRY(schema_node_of(c, v, &out->items[out->count]));
    return NACRE_OK;
}

static nacre_status take_array_part(compiler *c, place *p, struct slice keyword, struct val v) {
    TRY(part_array(c, p));
    struct schema_array *a = p->node->array;
    if (slice_eq_str(keyword, "prefixItems")) return nodes_of(c, v, &a->prefix);
    bool items = slice_eq_str(keyword, "items");
    return schema_node_of(c, v, items ? &a->items : &a->contains);
}

static nacre_status take_array_count(compiler *c, place *p, struct slice keyword, struct val v) {
    TRY(part_array(c, p));
    struct schema_array *a = p->node->array;
    uint32_t *to = slice_eq_str(keyword, "minItems")      ? &a->min
                   : slice_eq_str(keyword, "maxItems")    ? &a->max
                   : slice_eq_str(keyword, "minContains") ? &a->contains_min
                                                          : &a->contains_max;
    return count_of(c, p, keyword, v, to);
}

static nacre_status take_unique(compiler *c, place *p, struct slice keyword, struct val v) {
    TRY(part_array(c, p));
    if (v.type != VAL_BOOL) return schema_refuse(c, p, keyword, "true or false", v);
    p->node->array->unique = v.b;
    return NACRE_OK;
}

// Objects.

static nacre_status take_properties(compiler *c, place *p, struct slice keyword, struct val v) {
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val one;
    (void)keyword;
    TRY(part_object(c, p));
    while (bson_next(&it, &name, &one))
        TRY(schema_node_of(c, one, &table_entry(&p->node->object->table, name)->node));
    return NACRE_OK;
}

static bool strings_only(struct val list) {
    if (list.type != VAL_ARRAY) return false;
    struct bson_iter it = bson_iter_of_val(list);
    struct slice name;
    struct val one;
    while (bson_next(&it, &name, &one))
        if (one.type != VAL_STRING) return false;
    return true;
}

static nacre_status take_required(compiler *c, place *p, struct slice keyword, struct val v) {
    if (!strings_only(v)) return schema_refuse(c, p, keyword, "an array of names", v);
    TRY(part_object(c, p));
    struct schema_table *t = &p->node->object->table;
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val one;
    while (bson_next(&it, &name, &one)) {
        struct schema_property *entry = table_entry(t, val_slice(one));
        t->required += !entry->required;
        entry->required = true;
    }
    return NACRE_OK;
}

static nacre_status take_patterns(compiler *c, place *p, struct slice keyword, struct val v) {
    TRY(part_object(c, p));
    struct schema_object *o = p->node->object;
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val one;
    while (bson_next(&it, &name, &one)) {
        struct schema_pattern *pattern = &o->patterns[o->pattern_count++];
        pattern->pattern = name;
        TRY(pattern_compile(c, p, keyword, name, &pattern->code));
        TRY(schema_node_of(c, one, &pattern->node));
    }
    return NACRE_OK;
}

static nacre_status take_object_part(compiler *c, place *p, struct slice keyword, struct val v) {
    TRY(part_object(c, p));
    struct schema_object *o = p->node->object;
    bool names = slice_eq_str(keyword, "propertyNames");
    return schema_node_of(c, v, names ? &o->names : &o->additional);
}

static nacre_status take_object_count(compiler *c, place *p, struct slice keyword, struct val v) {
    TRY(part_object(c, p));
    struct schema_object *o = p->node->object;
    return count_of(c, p, keyword, v, slice_eq_str(keyword, "minProperties") ? &o->min : &o->max);
}

static nacre_status take_dependents(compiler *c, place *p, struct slice keyword, struct val v) {
    bool schemas = slice_eq_str(keyword, "dependentSchemas");
    if (v.type != VAL_OBJECT)
        return schema_refuse(c, p, keyword, "an object of arrays of names", v);
    TRY(part_object(c, p));
    struct schema_object *o = p->node->object;
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val one;
    while (bson_next(&it, &name, &one)) {
        struct schema_dependent *d = &o->dependents[o->dependent_count++];
        d->name = name;
        d->names = schemas ? val_missing() : one;
        if (schemas) TRY(schema_node_of(c, one, &d->node));
        if (!schemas && !strings_only(one))
            return schema_refuse(c, p, keyword, "an object of arrays of names", one);
    }
    return NACRE_OK;
}

// In place.

static nacre_status take_list(compiler *c, place *p, struct slice keyword, struct val v) {
    TRY(part_apply(c, p));
    struct schema_apply *a = p->node->apply;
    return nodes_of(c, v,
                    slice_eq_str(keyword, "allOf")   ? &a->all
                    : slice_eq_str(keyword, "anyOf") ? &a->any
                                                     : &a->one);
}

static nacre_status take_one(compiler *c, place *p, struct slice keyword, struct val v) {
    TRY(part_apply(c, p));
    struct schema_apply *a = p->node->apply;
    const struct schema_node **to = slice_eq_str(keyword, "not")    ? &a->not
                                    : slice_eq_str(keyword, "if")   ? &a->if_
                                    : slice_eq_str(keyword, "then") ? &a->then
                                    : slice_eq_str(keyword, "else") ? &a->else_
                                    : slice_eq_str(keyword, "unevaluatedItems")
                                        ? &a->unevaluated_items
                                        : &a->unevaluated_properties;
    return schema_node_of(c, v, to);
}

static nacre_status take_ref(compiler *c, place *p, struct slice keyword, struct val v) {
    struct slice anchor;
    struct val target;
    TRY(part_apply(c, p));
    struct schema_apply *a = p->node->apply;
    TRY(schema_ref_resolve(c, p, keyword, v, &anchor, &target));
    if (slice_eq_str(keyword, "$ref")) return schema_node_of(c, target, &a->ref);
    a->dynamic_name = anchor;
    return schema_node_of(c, target, &a->dynamic);
}

// What earlier drafts had and this one has not: it would do nothing, and somebody counts on it.
static nacre_status take_former(compiler *c, place *p, struct slice keyword, struct val v) {
    if (!c->options->collection) return NACRE_OK;
    const char *instead = slice_eq_str(keyword, "additionalItems") ? "items after prefixItems"
                          : slice_eq_str(keyword, "dependencies")
                              ? "dependentRequired or dependentSchemas"
                              : "$dynamicRef and $dynamicAnchor";
    return schema_refuse(c, p, keyword, instead, v);
}

#define CORE SCHEMA_VOCABULARY_CORE
#define APPLICATOR SCHEMA_VOCABULARY_APPLICATOR
#define UNEVALUATED SCHEMA_VOCABULARY_UNEVALUATED
#define VALIDATION SCHEMA_VOCABULARY_VALIDATION
#define NOTHING SCHEMA_HOLDS_NOTHING
#define ONE SCHEMA_HOLDS_ONE
#define LIST SCHEMA_HOLDS_LIST
#define MAP SCHEMA_HOLDS_MAP

static const struct schema_keyword keywords[] = {
    {"$defs", CORE, MAP, NULL},
    {"$ref", CORE, NOTHING, take_ref},
    {"$dynamicRef", CORE, NOTHING, take_ref},
    {"$recursiveRef", CORE, NOTHING, take_former},
    {"$recursiveAnchor", CORE, NOTHING, take_former},
    {"additionalItems", CORE, NOTHING, take_former},
    {"dependencies", CORE, NOTHING, take_former},
    {"default", CORE, NOTHING, take_default},
    {"allOf", APPLICATOR, LIST, take_list},
    {"anyOf", APPLICATOR, LIST, take_list},
    {"oneOf", APPLICATOR, LIST, take_list},
    {"not", APPLICATOR, ONE, take_one},
    {"if", APPLICATOR, ONE, take_one},
    {"then", APPLICATOR, ONE, take_one},
    {"else", APPLICATOR, ONE, take_one},
    {"prefixItems", APPLICATOR, LIST, take_array_part},
    {"items", APPLICATOR, ONE, take_array_part},
    {"contains", APPLICATOR, ONE, take_array_part},
    {"properties", APPLICATOR, MAP, take_properties},
    {"patternProperties", APPLICATOR, MAP, take_patterns},
    {"additionalProperties", APPLICATOR, ONE, take_object_part},
    {"propertyNames", APPLICATOR, ONE, take_object_part},
    {"dependentSchemas", APPLICATOR, MAP, take_dependents},
    {"unevaluatedItems", UNEVALUATED, ONE, take_one},
    {"unevaluatedProperties", UNEVALUATED, ONE, take_one},
    {"contentSchema", SCHEMA_VOCABULARY_OTHER, ONE, NULL},
    {"type", VALIDATION, NOTHING, take_type},
    {"enum", VALIDATION, NOTHING, take_enum},
    {"const", VALIDATION, NOTHING, take_const},
    {"minimum", VALIDATION, NOTHING, take_bound},
    {"maximum", VALIDATION, NOTHING, take_bound},
    {"exclusiveMinimum", VALIDATION, NOTHING, take_bound},
    {"exclusiveMaximum", VALIDATION, NOTHING, take_bound},
    {"multipleOf", VALIDATION, NOTHING, take_multiple},
    {"minLength", VALIDATION, NOTHING, take_length},
    {"maxLength", VALIDATION, NOTHING, take_length},
    {"pattern", VALIDATION, NOTHING, take_pattern},
    {"minItems", VALIDATION, NOTHING, take_array_count},
    {"maxItems", VALIDATION, NOTHING, take_array_count},
    {"minContains", VALIDATION, NOTHING, take_array_count},
    {"maxContains", VALIDATION, NOTHING, take_array_count},
    {"uniqueItems", VALIDATION, NOTHING, take_unique},
    {"minProperties", VALIDATION, NOTHING, take_object_count},
    {"maxProperties", VALIDATION, NOTHING, take_object_count},
    {"required", VALIDATION, NOTHING, take_required},
    {"dependentRequired", VALIDATION, NOTHING, take_dependents},
};

const struct schema_keyword *schema_keyword_find(struct slice name) {
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (slice_eq_str(name, keywords[i].name)) return &keywords[i];
    return NULL;
}
