// The operators of the JSON form that stand inside a field: {"year":{"$gt":2000,"$ne":2010}}.
// A new operator is a row of the table below and a function that reads its operand.
#include "doc/bson.h"
#include "filter/filter_build.h"

struct operand {
    struct filter_build *b;
    const struct filter_site *site; // of the operator's name
    const struct path *path;        // NULL: about an element
    struct slice siblings;          // the object that holds the operator
    struct val v;
    enum filter_op op; // from the table
    bool negate;       // likewise
};

typedef nacre_status read_operand(const struct operand *o, const struct filter_node **out);

// BSON ends its names with a NUL.
static const char *name_of(const struct operand *o) { return (const char *)o->site->name.p; }

static nacre_status read_value(const struct operand *o, const struct filter_node **out) {
    return filter_build_value(o->b, o->op, o->path, o->v, out);
}

static nacre_status read_string(const struct operand *o, const struct filter_node **out) {
    if (o->v.type != VAL_STRING)
        return filter_fail(o->b, o->site, "a string", o->v, "%s takes a string", name_of(o));
    return read_value(o, out);
}

// An object with operators where a value is asked for is a mistake: documents have no such objects.
static bool has_operators(struct val v) {
    if (v.type != VAL_OBJECT) return false;
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val inner;
    return bson_next(&it, &name, &inner) && filter_is_dollar(name);
}

static nacre_status check_list(const struct operand *o, uint32_t *out_count) {
    if (o->v.type != VAL_ARRAY)
        return filter_fail(o->b, o->site, "an array of values", o->v, "%s takes an array",
                           name_of(o));
    *out_count = bson_count(val_slice(o->v));
    if (*out_count > FILTER_IN_MAX)
        return filter_fail(o->b, o->site, "at most 10000 values", val_int(*out_count),
                           "%s has too many values", name_of(o));
    return NACRE_OK;
}

static nacre_status read_in(const struct operand *o, const struct filter_node **out) {
    uint32_t count = 0;
    TRY(check_list(o, &count));
    struct val *values = filter_build_vals(o->b, count + 1);
    if (!values) return err_nomem(o->b->ctx);
    struct bson_iter it = bson_iter_of_val(o->v);
    struct slice name;
    for (uint32_t i = 0; bson_next(&it, &name, &values[i]); i++) {
        struct filter_site at = {.up = o->site, .index = i};
        if (has_operators(values[i]))
            return filter_fail(o->b, &at, "a value", values[i], "%s takes values, not operators",
                               name_of(o));
    }
    return filter_build_in(o->b, o->path, values, count, out);
}

static nacre_status read_exists(const struct operand *o, const struct filter_node **out) {
    if (o->v.type != VAL_BOOL)
        return filter_fail(o->b, o->site, "true or false", o->v, "$exists takes true or false");
    struct filter_node *node;
    TRY(filter_build_leaf(o->b, FILTER_EXISTS, o->path, &node));
    *out = node;
    return o->v.b ? NACRE_OK : filter_build_not(o->b, node, out);
}

static const char *const type_names[] = {"null",   "bool",  "int",  "double", "number", "string",
                                         "object", "array", "date", "binary", "vector"};
enum { TYPE_NAMES = sizeof(type_names) / sizeof(*type_names) };

static nacre_status read_type_name(struct filter_build *b, const struct filter_site *site,
                                   struct val v, uint32_t *types) {
    static const char expected[] =
        "null, bool, int, double, number, string, object, array, date, binary or vector";
    if (v.type != VAL_STRING)
        return filter_fail(b, site, expected, v, "$type takes names of types");
    if (slice_eq_str(val_slice(v), "number")) {
        *types |= 1u << VAL_INT | 1u << VAL_DOUBLE;
        return NACRE_OK;
    }
    for (uint32_t type = VAL_NULL; type <= VAL_DATE; type++) {
        if (!slice_eq_str(val_slice(v), val_type_name((enum val_type)type))) continue;
        *types |= 1u << type;
        return NACRE_OK;
    }
    nacre_status status = filter_fail(b, site, expected, v, "$type does not know this type");
    filter_suggest(b->ctx, val_slice(v), type_names, TYPE_NAMES);
    return status;
}

static nacre_status read_type_list(const struct operand *o, uint32_t *types) {
    struct bson_iter it = bson_iter_of_val(o->v);
    struct slice name;
    struct val v;
    for (uint32_t i = 0; bson_next(&it, &name, &v); i++) {
        struct filter_site at = {.up = o->site, .index = i};
        TRY(read_type_name(o->b, &at, v, types));
    }
    if (*types == 0)
        return filter_fail(o->b, o->site, "at least one type", o->v, "$type has no type");
    return NACRE_OK;
}

static nacre_status read_type(const struct operand *o, const struct filter_node **out) {
    uint32_t types = 0;
    if (o->v.type == VAL_ARRAY)
        TRY(read_type_list(o, &types));
    else
        TRY(read_type_name(o->b, o->site, o->v, &types));
    struct filter_node *node;
    TRY(filter_build_leaf(o->b, FILTER_TYPE, o->path, &node));
    node->types = types;
    *out = node;
    return NACRE_OK;
}

static nacre_status read_not(const struct operand *o, const struct filter_node **out) {
    if (!has_operators(o->v))
        return filter_fail(o->b, o->site, "an object of operators", o->v,
                           "$not takes operators; what is not equal to a value is $ne");
    TRY(filter_json_operators(o->b, val_slice(o->v), o->path, o->site, out));
    return filter_build_not(o->b, *out, out);
}

static nacre_status read_size(const struct operand *o, const struct filter_node **out) {
    double d = o->v.type == VAL_DOUBLE ? o->v.d : 0.5;
    int64_t size = o->v.type == VAL_INT ? o->v.i : -1;
    if (d >= 0 && d <= UINT32_MAX && d == (double)(uint32_t)d) size = (uint32_t)d;
    if (size < 0 || size > UINT32_MAX)
        return filter_fail(o->b, o->site, "a whole number, 0 or more", o->v,
                           "$size takes a number of elements");
    struct filter_node *node;
    TRY(filter_build_leaf(o->b, FILTER_SIZE, o->path, &node));
    node->size = (uint32_t)size;
    *out = node;
    return NACRE_OK;
}

// Value form: an operator stands first, also inside $and, $or, $nor.
static bool is_value_form(struct slice object) {
    for (;;) {
        struct bson_iter it = bson_iter_of(object);
        struct slice name;
        struct val v;
        if (!bson_next(&it, &name, &v) || !filter_is_dollar(name)) return false;
        if (!filter_is_logical(name)) return true;
        if (v.type != VAL_ARRAY) return false;
        it = bson_iter_of_val(v);
        if (!bson_next(&it, &name, &v) || v.type != VAL_OBJECT) return false;
        object = val_slice(v);
    }
}

static nacre_status read_elem_match(const struct operand *o, const struct filter_node **out) {
    if (o->v.type != VAL_OBJECT)
        return filter_fail(o->b, o->site, "an object", o->v,
                           "$elemMatch takes a filter or operators");
    struct filter_build *b = o->b;
    bool value_form = is_value_form(val_slice(o->v));
    const struct filter_node **child = filter_build_nodes(b, 1);
    if (!child) return err_nomem(b->ctx);
    struct filter_node *node;
    TRY(filter_build_leaf(b, value_form ? FILTER_ELEM_VALUE : FILTER_ELEM_OBJECT, o->path, &node));
    if (value_form)
        TRY(filter_json_element(b, val_slice(o->v), o->site, child));
    else
        TRY(filter_json_object(b, val_slice(o->v), o->site, child));
    node->children = child;
    node->count = 1;
    *out = node;
    return NACRE_OK;
}

static nacre_status read_all_member(const struct operand *o, struct val v, uint32_t i,
                                    const struct filter_node **out) {
    struct filter_site at = {.up = o->site, .index = i};
    if (!has_operators(v)) return filter_build_value(o->b, FILTER_EQ, o->path, v, out);
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val inner;
    if (!bson_next(&it, &name, &inner) || !slice_eq_str(name, "$elemMatch") ||
        bson_count(val_slice(v)) != 1)
        return filter_fail(o->b, &at, "a value or {\"$elemMatch\":…}", v, "$all takes values");
    return filter_json_operators(o->b, val_slice(v), o->path, &at, out);
}

static nacre_status read_all(const struct operand *o, const struct filter_node **out) {
    uint32_t count = 0;
    TRY(check_list(o, &count));
    if (count == 0) return filter_build_in(o->b, o->path, NULL, 0, out);
    const struct filter_node **items = filter_build_nodes(o->b, count);
    if (!items) return err_nomem(o->b->ctx);
    struct bson_iter it = bson_iter_of_val(o->v);
    struct slice name;
    struct val v;
    for (uint32_t i = 0; bson_next(&it, &name, &v); i++)
        TRY(read_all_member(o, v, i, &items[i]));
    return filter_build_join(o->b, FILTER_AND, items, count, out);
}

static nacre_status read_regex_options(const struct operand *o, uint32_t *out) {
    *out = 0;
    struct val v = bson_find(o->siblings, SLICE_LIT("$options"));
    if (v.type == VAL_MISSING) return NACRE_OK;
    struct filter_site site = {.up = o->site->up, .name = SLICE_LIT("$options")};
    if (v.type != VAL_STRING)
        return filter_fail(o->b, &site, "a string of i, m, s, x", v, "$options takes a string");
    for (uint32_t i = 0; i < v.n; i++) {
        static const char letters[] = "imsx";
        const char *found = v.p[i] ? strchr(letters, v.p[i]) : NULL;
        if (!found)
            return filter_fail(o->b, &site, "letters of i, m, s, x", v,
                               "$options has an unknown letter");
        *out |= 1u << (found - letters);
    }
    return NACRE_OK;
}

static nacre_status compile_regex(const struct operand *o, struct filter_regex *regex) {
    struct filter_build *b = o->b;
    nacre_status status =
        regex->engine->compile(b->ctx, regex->pattern, regex->options, &regex->code);
    if (status != NACRE_INVALID_FILTER) return status;
    char detail[ERR_DETAIL_MAX];
    memcpy(detail, b->ctx->err.detail, sizeof(detail));
    return filter_fail(b, o->site, "a regular expression", o->v, "%s", detail);
}

static nacre_status read_regex(const struct operand *o, const struct filter_node **out) {
    struct filter_build *b = o->b;
    if (o->v.type != VAL_STRING)
        return filter_fail(b, o->site, "a string", o->v, "$regex takes a string");
    if (o->v.n > FILTER_REGEX_MAX)
        return filter_fail(b, o->site, "at most 10000 bytes", val_int(o->v.n),
                           "the regular expression is too long");
    if (!b->regex)
        return filter_fail(b, o->site, "no $regex", o->v,
                           "regular expressions cannot be used in this place");
    struct filter_regex *regex = ARENA_NEW(&b->ctx->arena, struct filter_regex);
    if (!regex) return err_nomem(b->ctx);
    regex->pattern = val_slice(o->v);
    regex->engine = b->regex;
    TRY(read_regex_options(o, &regex->options));
    TRY(compile_regex(o, regex));
    struct filter_node *node;
    TRY(filter_build_leaf(b, FILTER_REGEX, o->path, &node));
    node->regex = regex;
    b->pure = false;
    *out = node;
    return NACRE_OK;
}

// Read by $regex; alone it means nothing.
static nacre_status read_options(const struct operand *o, const struct filter_node **out) {
    *out = &filter_node_true;
    if (bson_find(o->siblings, SLICE_LIT("$regex")).type != VAL_MISSING) return NACRE_OK;
    return filter_fail_name(o->b, o->site, "$regex beside it", "$options needs $regex");
}

static nacre_status read_geo(const struct operand *o, const struct filter_node **out) {
    (void)out;
    return err_set(o->b->ctx, NACRE_UNIMPLEMENTED, "%s is not implemented", name_of(o));
}

struct operator_row {
    enum filter_op op;
    bool negate;
    read_operand *read;
};

const char *const filter_operator_names[] = {
    "$eq",    "$ne",      "$gt",         "$gte",      "$lt",        "$lte",       "$in",
    "$nin",   "$exists",  "$type",       "$not",      "$all",       "$elemMatch", "$size",
    "$regex", "$options", "$startsWith", "$contains", "$geoWithin", "$near",
};
static const struct operator_row rows[] = {
    {FILTER_EQ, false, read_value},
    {FILTER_EQ, true, read_value},
    {FILTER_GT, false, read_value},
    {FILTER_GTE, false, read_value},
    {FILTER_LT, false, read_value},
    {FILTER_LTE, false, read_value},
    {FILTER_IN, false, read_in},
    {FILTER_IN, true, read_in},
    {FILTER_EXISTS, false, read_exists},
    {FILTER_TYPE, false, read_type},
    {FILTER_NOT, false, read_not},
    {FILTER_AND, false, read_all},
    {FILTER_ELEM_OBJECT, false, read_elem_match},
    {FILTER_SIZE, false, read_size},
    {FILTER_REGEX, false, read_regex},
    {FILTER_TRUE, false, read_options},
    {FILTER_STARTS_WITH, false, read_string},
    {FILTER_CONTAINS, false, read_value},
    {FILTER_TRUE, false, read_geo},
    {FILTER_TRUE, false, read_geo},
};
const size_t filter_operator_count = sizeof(rows) / sizeof(*rows);
_Static_assert(sizeof(rows) / sizeof(*rows) ==
                   sizeof(filter_operator_names) / sizeof(*filter_operator_names),
               "each operator has a name and a row");

static nacre_status fail_unknown(struct filter_build *b, const struct filter_site *site) {
    struct slice cut = filter_cut(site->name, 60);
    nacre_status status;
    if (filter_is_logical(site->name)) {
        status = filter_fail_name(b, site, "an operator about one field",
                                  "%.*s joins filters; it stands beside fields, not inside one",
                                  (int)cut.n, (const char *)cut.p);
        return status;
    }
    status = filter_fail_name(b, site, "an operator", "unknown operator %.*s", (int)cut.n,
                              (const char *)cut.p);
    filter_suggest(b->ctx, site->name, filter_operator_names, filter_operator_count);
    return status;
}

static nacre_status read_operator(struct operand *o, const struct filter_node **out) {
    if (!filter_is_dollar(o->site->name))
        return filter_fail_name(o->b, o->site, "an operator",
                                "names with and without '$' are mixed in one object");
    for (size_t i = 0; i < filter_operator_count; i++) {
        if (!slice_eq_str(o->site->name, filter_operator_names[i])) continue;
        o->op = rows[i].op;
        o->negate = rows[i].negate;
        if (rows[i].read == read_value && has_operators(o->v))
            return filter_fail(o->b, o->site, "a value", o->v, "%s takes a value, not operators",
                               name_of(o));
        TRY(rows[i].read(o, out));
        return o->negate ? filter_build_not(o->b, *out, out) : NACRE_OK;
    }
    return fail_unknown(o->b, o->site);
}

nacre_status filter_json_operators(struct filter_build *b, struct slice object,
                                   const struct path *path, const struct filter_site *site,
                                   const struct filter_node **out) {
    uint32_t count = bson_count(object), n = 0;
    if (count == 0)
        return filter_fail(b, site, "at least one operator", val_bytes(VAL_OBJECT, object),
                           "an operator is missing");
    const struct filter_node **items = filter_build_nodes(b, count);
    if (!items) return err_nomem(b->ctx);
    struct operand o = {.b = b, .path = path, .siblings = object};
    struct bson_iter it = bson_iter_of(object);
    struct slice name;
    while (bson_next(&it, &name, &o.v)) {
        struct filter_site at = {.up = site, .name = name};
        o.site = &at;
        TRY(read_operator(&o, &items[n++]));
    }
    return filter_build_join(b, FILTER_AND, items, n, out);
}
