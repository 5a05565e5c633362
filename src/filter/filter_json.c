// The JSON form: objects of fields and logical operators. Operators about one field are in
// filter_operators.c.
#include "doc/json.h"
#include "filter/filter_build.h"

static const char *const logical_names[] = {"$and", "$or", "$nor"};

bool filter_is_logical(struct slice name) {
    for (size_t i = 0; i < sizeof(logical_names) / sizeof(*logical_names); i++)
        if (slice_eq_str(name, logical_names[i])) return true;
    return false;
}

// How the members of a logical operator's array are read: filters, or conditions on an element.
typedef nacre_status read_object(struct filter_build *b, struct slice object,
                                 const struct filter_site *site, const struct filter_node **out);

static nacre_status read_members(struct filter_build *b, struct val array,
                                 const struct filter_site *site, read_object *read,
                                 const struct filter_node **items) {
    struct bson_iter it = bson_iter_of_val(array);
    struct slice name;
    struct val member;
    for (uint32_t i = 0; bson_next(&it, &name, &member); i++) {
        struct filter_site at = {.up = site, .index = i};
        if (member.type != VAL_OBJECT)
            return filter_fail(b, &at, "an object", member,
                               "%.*s joins filters, and a filter is an object", (int)site->name.n,
                               (const char *)site->name.p);
        TRY(read(b, val_slice(member), &at, &items[i]));
    }
    return NACRE_OK;
}

// $and, $or or $nor, with site at its name.
static nacre_status read_logical(struct filter_build *b, struct val v,
                                 const struct filter_site *site, read_object *read,
                                 const struct filter_node **out) {
    bool array = v.type == VAL_ARRAY;
    if (!array || bson_count(val_slice(v)) == 0)
        return filter_fail(b, site, "an array of at least one filter", v,
                           "%.*s takes an array of filters%s", (int)site->name.n,
                           (const char *)site->name.p, array ? ", this one is empty" : "");
    uint32_t count = bson_count(val_slice(v));
    const struct filter_node **items = filter_build_nodes(b, count);
    if (!items) return err_nomem(b->ctx);
    TRY(read_members(b, v, site, read, items));
    enum filter_op op = slice_eq_str(site->name, "$and") ? FILTER_AND : FILTER_OR;
    TRY(filter_build_join(b, op, items, count, out));
    return slice_eq_str(site->name, "$nor") ? filter_build_not(b, *out, out) : NACRE_OK;
}

static bool is_operator(struct slice name) {
    for (size_t i = 0; i < filter_operator_count; i++)
        if (slice_eq_str(name, filter_operator_names[i])) return true;
    return false;
}

static nacre_status fail_top_level(struct filter_build *b, const struct filter_site *site) {
    int n = (int)filter_cut(site->name, 60).n;
    const char *p = (const char *)site->name.p;
    nacre_status status;
    if (slice_eq_str(site->name, "$not")) {
        status = filter_fail_name(b, site, "a field or $and, $or, $nor",
                                  "$not stands inside a field; a whole filter is negated by $nor");
        err_suggest(b->ctx, "$nor");
        return status;
    }
    if (is_operator(site->name)) {
        status = filter_fail_name(b, site, "a field or $and, $or, $nor",
                                  "%.*s stands inside a field", n, p);
        err_hint(b->ctx, "Write {\"field\":{\"%.*s\":…}}.", n, p);
        return status;
    }
    status = filter_fail_name(b, site, "a field or $and, $or, $nor", "unknown operator %.*s", n, p);
    filter_suggest(b->ctx, site->name, logical_names,
                   sizeof(logical_names) / sizeof(*logical_names));
    return status;
}

// Whether the object holds operators (1), only fields (0), or both (-1).
static int kind_of_object(struct slice object) {
    struct bson_iter it = bson_iter_of(object);
    struct slice name;
    struct val v;
    bool dollar = false, plain = false;
    while (bson_next(&it, &name, &v))
        *(filter_is_dollar(name) ? &dollar : &plain) = true;
    return dollar && plain ? -1 : dollar;
}

static nacre_status read_field(struct filter_build *b, struct val v, const struct filter_site *site,
                               const struct filter_node **out) {
    struct path path;
    nacre_status status = filter_build_path(b, site->name, &path);
    if (status == NACRE_INVALID_FILTER) {
        char detail[ERR_DETAIL_MAX];
        memcpy(detail, b->ctx->err.detail, sizeof(detail));
        return filter_fail_name(b, site, "a path", "%s", detail);
    }
    TRY(status);
    int kind = v.type == VAL_OBJECT ? kind_of_object(val_slice(v)) : 0;
    if (kind < 0)
        return filter_fail(b, site, "operators, or an object to be equal to", v,
                           "names with and without '$' are mixed in one object");
    if (kind) return filter_json_operators(b, val_slice(v), &path, site, out);
    return filter_build_value(b, FILTER_EQ, &path, v, out);
}

nacre_status filter_json_object(struct filter_build *b, struct slice object,
                                const struct filter_site *site, const struct filter_node **out) {
    uint32_t count = bson_count(object), n = 0;
    const struct filter_node **items = filter_build_nodes(b, count + 1);
    if (!items) return err_nomem(b->ctx);
    struct bson_iter it = bson_iter_of(object);
    struct slice name;
    struct val v;
    while (bson_next(&it, &name, &v)) {
        struct filter_site at = {.up = site, .name = name};
        if (filter_is_logical(name))
            TRY(read_logical(b, v, &at, filter_json_object, &items[n++]));
        else if (filter_is_dollar(name))
            return fail_top_level(b, &at);
        else
            TRY(read_field(b, v, &at, &items[n++]));
    }
    return filter_build_join(b, FILTER_AND, items, n, out);
}

nacre_status filter_json_element(struct filter_build *b, struct slice object,
                                 const struct filter_site *site, const struct filter_node **out) {
    struct bson_iter it = bson_iter_of(object);
    struct slice name;
    struct val v;
    bool logical = bson_next(&it, &name, &v) && filter_is_logical(name);
    if (!logical) return filter_json_operators(b, object, NULL, site, out);
    struct filter_site at = {.up = site, .name = name};
    struct val more;
    TRY(read_logical(b, v, &at, filter_json_element, out));
    if (bson_next(&it, &at.name, &more))
        return filter_fail_name(b, &at, "nothing",
                                "%.*s about an element stands alone in its object", (int)name.n,
                                (const char *)name.p);
    return NACRE_OK;
}

nacre_status filter_parse(struct ctx *ctx, struct slice bson,
                          const struct filter_regex_engine *regex, struct filter **out) {
    struct filter_build b = {.ctx = ctx, .regex = regex, .pure = true};
    void *copy = arena_copy(&ctx->arena, bson.p,
                            bson.n); // operands and paths view it for as long as the filter lives
    if (!copy) return err_nomem(ctx);
    struct filter_site site = {0};
    const struct filter_node *root;
    TRY(filter_json_object(&b, slice_of(copy, bson.n), &site, &root));
    return filter_build_finish(&b, root, out);
}

nacre_status filter_parse_any(struct ctx *ctx, struct slice text,
                              const struct filter_regex_engine *regex, struct filter **out) {
    size_t at = 0;
    while (at < text.n && strchr(" \t\r\n", text.p[at]) && text.p[at])
        at++;
    if (at == text.n || text.p[at] != '{') return filter_parse_text(ctx, text, regex, out);
    BUF_CLEANUP struct buf bson;
    buf_init(&bson, ctx->arena.budget, DOC_BYTES_MAX);
    struct json_options options = {.allow_dollar_names = true};
    if (!buf_reserve(&bson, text.n < DOC_BYTES_MAX / 2 ? text.n + 64 : 64)) return err_nomem(ctx);
    TRY(json_parse(ctx, text, &options, &bson));
    nacre_status status = filter_parse(ctx, buf_slice(&bson), regex, out);
    if (status != NACRE_OK) filter_err_span(ctx, text);
    return status;
}
