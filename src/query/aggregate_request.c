// The body of :aggregate, and what its having and sort say about columns.
#include <stdio.h>

#include "base/bits/bits.h"
#include "query/aggregate_run.h"
#include "query/request.h"
#include "query/text_list.h"

struct slice aggregate_column(uint32_t i, char text[AGGREGATE_COLUMN_TEXT]) {
    int n = snprintf(text, AGGREGATE_COLUMN_TEXT, "c%u", i);
    return slice_of(text, (size_t)n);
}

static nacre_status bad(struct ctx *ctx, const char *pointer, const char *expected, const char *got,
                        const char *detail) {
    nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT, "%s", detail);
    err_expected(ctx, pointer, expected, got);
    return status;
}

// A path or a name that is one of the columns so far.
static bool is_column(const struct aggregate_request *r, struct slice name, uint32_t *out) {
    for (*out = 0; *out < r->key_count; ++*out)
        if (slice_eq(r->keys[*out].text, name)) return true;
    for (uint32_t i = 0; i < r->item_count; i++, ++*out)
        if (slice_eq(r->items[i].name, name)) return true;
    return false;
}

static void note(struct aggregate_request *r, struct slice bytes) {
    r->hash = hash_bytes_seed(bytes.p, bytes.n, r->hash + 1);
}

// --- group_by -----------------------------------------------------------------------------------

static nacre_status take_key(struct ctx *ctx, struct val v, struct aggregate_request *out) {
    char pointer[32];
    uint32_t column;
    snprintf(pointer, sizeof pointer, "/group_by/%u", out->key_count);
    if (v.type != VAL_STRING)
        return request_bad(ctx, pointer, "a path", v, "what rows are grouped by is a path");
    if (is_column(out, val_slice(v), &column))
        return bad(ctx, pointer, "a path of its own", "one that is there already",
                   "a path is given twice in group_by");
    nacre_status status = path_parse(ctx, val_slice(v), &out->keys[out->key_count]);
    if (status == NACRE_INVALID_ARGUMENT) err_expected(ctx, pointer, "a path", "a malformed one");
    TRY(status);
    out->key_count++;
    note(out, val_slice(v));
    return NACRE_OK;
}

static nacre_status take_group_by(struct ctx *ctx, struct val v, struct aggregate_request *out) {
    if (v.type == VAL_MISSING) return NACRE_OK;
    if (v.type == VAL_STRING)
        TRY(text_list(ctx, val_slice(v), &v));
    else if (v.type == VAL_ARRAY)
        TRY(text_list_keep(ctx, v, &v));
    if (v.type != VAL_ARRAY || bson_count(val_slice(v)) > AGGREGATE_KEYS_MAX)
        return request_bad(ctx, "/group_by", "[\"a\",\"b.c\"]", v,
                           "group_by is a list of at most 16 paths");
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    while (bson_next(&it, &name, &v))
        TRY(take_key(ctx, v, out));
    return NACRE_OK;
}

// --- aggregates ---------------------------------------------------------------------------------

static const char *const op_names[AGGREGATE_OPS] = {
    [AGGREGATE_COUNT] = "count", [AGGREGATE_SUM] = "sum",
    [AGGREGATE_AVG] = "avg",     [AGGREGATE_MIN] = "min",
    [AGGREGATE_MAX] = "max",     [AGGREGATE_COUNT_DISTINCT] = "count_distinct"};

static nacre_status take_op(struct ctx *ctx, struct slice name, const char *pointer,
                            enum aggregate_op *out) {
    static const char all[] = "count, sum, avg, min, max or count_distinct";
    char word[64] = {0};
    for (*out = 0; *out < AGGREGATE_OPS; ++*out)
        if (slice_eq_str(name, op_names[*out])) return NACRE_OK;
    memcpy(word, name.p, name.n < sizeof word ? name.n : sizeof word - 1);
    nacre_status status =
        err_set(ctx, NACRE_INVALID_ARGUMENT, "there is no aggregate \"%s\"", word);
    err_expected(ctx, pointer, all, word);
    const char *nearest = err_nearest(word, op_names, AGGREGATE_OPS);
    if (nearest) err_suggest(ctx, nearest);
    return status;
}

static nacre_status take_path(struct ctx *ctx, struct val v, const char *pointer,
                              struct aggregate_item *out) {
    if (v.type != VAL_STRING)
        return request_bad(ctx, pointer, "a path", v, "an aggregate is over a path");
    out->documents = slice_eq_str(val_slice(v), "*");
    if (out->documents && out->op == AGGREGATE_COUNT) return NACRE_OK;
    if (out->documents)
        return bad(ctx, pointer, "a path", "\"*\"", "only count takes \"*\", for documents");
    nacre_status status = path_parse(ctx, val_slice(v), &out->path);
    if (status == NACRE_INVALID_ARGUMENT) err_expected(ctx, pointer, "a path", "a malformed one");
    return status;
}

static nacre_status check_name(struct ctx *ctx, const struct aggregate_request *r,
                               struct slice name, const char *pointer) {
    uint32_t column;
    bool odd = name.n == 0 || name.n > AGGREGATE_NAME_MAX || name.p[0] == '$';
    if (odd || memchr(name.p, 0, name.n))
        return bad(ctx, pointer, "a name of 1 to 255 bytes that does not start with '$'",
                   "another name", "that is no name for an aggregate");
    if (is_column(r, name, &column))
        return bad(ctx, pointer, "a name of its own", "one of group_by",
                   "an aggregate has the name of what rows are grouped by");
    return NACRE_OK;
}

// One member: {name: {op: path}}.
static nacre_status take_item(struct ctx *ctx, struct slice name, struct val v,
                              struct aggregate_request *out) {
    struct aggregate_item *item = &out->items[out->item_count];
    char pointer[ERR_TEXT_MAX];
    struct slice op, more;
    struct val path, other;
    snprintf(pointer, sizeof pointer, "/aggregates/%.*s", (int)(name.n < 100 ? name.n : 100),
             (const char *)name.p);
    TRY(check_name(ctx, out, name, pointer));
    if (v.type != VAL_OBJECT)
        return request_bad(ctx, pointer, "{\"sum\":\"path\"}", v,
                           "an aggregate is an object as in {\"sum\":\"price\"}");
    struct bson_iter it = bson_iter_of_val(v);
    if (!bson_next(&it, &op, &path) || bson_next(&it, &more, &other))
        return bad(ctx, pointer, "{\"sum\":\"path\"}", "none or more than one",
                   "an aggregate has one member, as in {\"sum\":\"price\"}");
    TRY(take_op(ctx, op, pointer, &item->op));
    item->name = name;
    TRY(take_path(ctx, path, pointer, item));
    out->item_count++;
    return NACRE_OK;
}

static nacre_status take_aggregates(struct ctx *ctx, struct val v, struct aggregate_request *out) {
    static const char sample[] = "{\"n\":{\"count\":\"*\"}}";
    if (v.type != VAL_OBJECT)
        return request_bad(ctx, "/aggregates", sample, v,
                           "aggregates is an object as in {\"n\":{\"count\":\"*\"}}");
    uint32_t count = bson_count(val_slice(v));
    if (count > AGGREGATES_MAX || (count == 0 && out->key_count == 0))
        return bad(ctx, "/aggregates", count ? "at most 64" : sample, count ? "more" : "{}",
                   count ? "there are too many aggregates"
                         : "without group_by there must be an aggregate");
    TRY(text_list_keep(ctx, v, &v));
    out->items = ARENA_ARRAY(&ctx->arena, struct aggregate_item, count + 1);
    if (!out->items) return err_nomem(ctx);
    note(out, val_slice(v));
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    while (bson_next(&it, &name, &v))
        TRY(take_item(ctx, name, v, out));
    return NACRE_OK;
}

// --- having and sort: paths over columns --------------------------------------------------------

static nacre_status no_column(struct ctx *ctx, const struct aggregate_request *r,
                              const char *pointer, struct slice text) {
    const char *names[AGGREGATE_KEYS_MAX + AGGREGATES_MAX];
    size_t count = 0;
    char word[64] = {0};
    memcpy(word, text.p, text.n < sizeof word ? text.n : sizeof word - 1);
    for (uint32_t i = 0; i < r->key_count + r->item_count; i++) {
        struct slice name = i < r->key_count ? r->keys[i].text : r->items[i - r->key_count].name;
        const char *copy = arena_str(&ctx->arena, name);
        if (copy) names[count++] = copy;
    }
    nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT,
                                  "\"%s\" is no column: those are the paths of group_by and the "
                                  "names of aggregates",
                                  word);
    err_expected(ctx, pointer, "a column", word);
    const char *nearest = err_nearest(word, names, count);
    if (nearest) err_suggest(ctx, nearest);
    return status;
}

// The path as it goes through the row that having and sort look at: the column, then what is in it.
static nacre_status through_column(struct ctx *ctx, const struct aggregate_request *r,
                                   const char *pointer, struct path *path) {
    char text[AGGREGATE_COLUMN_TEXT];
    uint32_t column;
    struct path head;
    bool whole = is_column(r, path->text, &column);
    if (!whole && !is_column(r, path->parts[0].name, &column))
        return no_column(ctx, r, pointer, path->text);
    char *copy = arena_str(&ctx->arena, aggregate_column(column, text));
    if (!copy) return err_nomem(ctx);
    TRY(path_parse(ctx, slice_str(copy), &head));
    if (!whole && path->count > 1) {
        struct path_part *parts = ARENA_ARRAY(&ctx->arena, struct path_part, path->count);
        if (!parts) return err_nomem(ctx);
        memcpy(parts, path->parts, path->count * sizeof *parts);
        parts[0] = head.parts[0];
        head.count = path->count;
        head.parts = parts;
    }
    *path = head;
    return NACRE_OK;
}

static bool has_children(const struct filter_node *node) {
    return node->op == FILTER_AND || node->op == FILTER_OR || node->op == FILTER_NOT;
}

// A copy of the tree whose paths go through columns. What is inside $elemMatch is about elements.
static nacre_status over_columns(struct ctx *ctx, const struct aggregate_request *r,
                                 const struct filter_node *node, const struct filter_node **out) {
    struct filter_node *copy = ARENA_NEW(&ctx->arena, struct filter_node);
    if (!copy) return err_nomem(ctx);
    *copy = *node;
    *out = copy;
    if (node->op == FILTER_TRUE) return NACRE_OK;
    if (!has_children(node)) return through_column(ctx, r, "/having", &copy->path);
    copy->children = ARENA_ARRAY(&ctx->arena, const struct filter_node *, node->count);
    if (!copy->children) return err_nomem(ctx);
    for (uint32_t i = 0; i < node->count; i++)
        TRY(over_columns(ctx, r, node->children[i], &copy->children[i]));
    return NACRE_OK;
}

static nacre_status take_having(struct ctx *ctx, struct val v, struct aggregate_request *out) {
    if (v.type == VAL_MISSING) return NACRE_OK;
    TRY(request_filter(ctx, v, "having", &out->having));
    note(out, out->having->canonical);
    return over_columns(ctx, out, out->having->root, &out->having->root);
}

static nacre_status place_sort(struct ctx *ctx, struct aggregate_request *r) {
    char pointer[32];
    for (uint32_t i = 0; i < r->query.sort.count; i++) {
        snprintf(pointer, sizeof pointer, "/sort/%u", i);
        TRY(through_column(ctx, r, pointer, &r->query.sort.terms[i].path));
    }
    return NACRE_OK;
}

// --- the body -----------------------------------------------------------------------------------

static const struct request_member members[] = {
    {"filter", request_take_filter},
    {"group_by", NULL},
    {"aggregates", NULL},
    {"having", NULL},
    {"sort", request_take_sort},
    {"limit", request_take_limit},
    {"cursor", request_take_cursor},
    {"as_of", request_take_as_of},
};
enum { MEMBERS = sizeof members / sizeof *members };

static nacre_status take_member(struct ctx *ctx, struct slice name, struct val v,
                                struct aggregate_request *out) {
    const char *names[MEMBERS];
    for (size_t i = 0; i < MEMBERS; i++) {
        names[i] = members[i].name;
        if (slice_eq_str(name, names[i]))
            return members[i].take ? members[i].take(ctx, v, &out->query) : NACRE_OK;
    }
    return request_unknown(ctx, name, "aggregate",
                           "filter, group_by, aggregates, having, sort, limit, cursor or as_of",
                           names, MEMBERS);
}

nacre_status aggregate_request_parse(struct ctx *ctx, struct slice bson,
                                     struct aggregate_request *out) {
    struct aggregate_request request = {.query = {.limit = QUERY_LIMIT_DEFAULT}};
    struct val group_by = val_missing(), aggregates = val_missing(), having = val_missing();
    if (bson.n) {
        struct bson_iter it = bson_iter_of(bson);
        struct slice name;
        struct val v;
        while (bson_next(&it, &name, &v))
            TRY(take_member(ctx, name, v, &request));
        group_by = bson_find(bson, SLICE_LIT("group_by"));
        aggregates = bson_find(bson, SLICE_LIT("aggregates"));
        having = bson_find(bson, SLICE_LIT("having"));
    }
    if (aggregates.type == VAL_MISSING)
        return bad(ctx, "/aggregates", "{\"n\":{\"count\":\"*\"}}", "nothing",
                   "an aggregate needs \"aggregates\"");
    TRY(take_group_by(ctx, group_by, &request)); // in this order: columns first
    TRY(take_aggregates(ctx, aggregates, &request));
    TRY(take_having(ctx, having, &request));
    TRY(place_sort(ctx, &request));
    *out = request;
    return NACRE_OK;
}
