// The body of :query, member by member.
#include <stdio.h>

#include "query/request.h"

#include "base/text/time.h"
#include "query/text_list.h"

nacre_status request_bad(struct ctx *ctx, const char *pointer, const char *expected, struct val got,
                         const char *detail) {
    nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT, "%s", detail);
    err_expected(ctx, pointer, expected, val_type_name(got.type));
    return status;
}

nacre_status request_filter(struct ctx *ctx, struct val v, const char *name, struct filter **out) {
    struct filter *filter = NULL;
    char pointer[32];
    nacre_status status;
    snprintf(pointer, sizeof pointer, "/%s", name);
    if (v.type == VAL_OBJECT)
        status = filter_parse(ctx, val_slice(v), &filter_regex_pcre2, &filter);
    else if (v.type == VAL_STRING)
        status = filter_parse_any(ctx, val_slice(v), &filter_regex_pcre2, &filter);
    else
        return request_bad(
            ctx, pointer, "an object or a text", v,
            "a filter is an object or a text, as in {\"year\":2000} or \"year = 2000\"");
    if (status != NACRE_OK) err_prefix_pointers(ctx, pointer);
    *out = filter;
    return status;
}

nacre_status request_take_filter(struct ctx *ctx, struct val v, struct query_request *out) {
    struct filter *filter = NULL;
    nacre_status status = request_filter(ctx, v, "filter", &filter);
    out->filter = filter;
    return status;
}

nacre_status request_take_sort(struct ctx *ctx, struct val v, struct query_request *out) {
    if (v.type == VAL_STRING)
        TRY(text_list(ctx, val_slice(v), &v));
    else if (v.type == VAL_ARRAY)
        TRY(text_list_keep(ctx, v, &v)); // the terms' paths are views into it
    return sort_spec_parse(ctx, v, &out->sort);
}

static nacre_status take_fields(struct ctx *ctx, struct val v, struct query_request *out) {
    return project_parse(ctx, v, &out->fields);
}

nacre_status request_take_limit(struct ctx *ctx, struct val v, struct query_request *out) {
    if (v.type == VAL_INT && v.i >= 0 && v.i <= QUERY_LIMIT_MAX) {
        out->limit = (uint32_t)v.i;
        return NACRE_OK;
    }
    char got[32];
    nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT,
                                  "limit is a whole number from 0 to %d", QUERY_LIMIT_MAX);
    if (v.type == VAL_INT) snprintf(got, sizeof got, "%lld", (long long)v.i);
    err_expected(ctx, "/limit", "0..10000", v.type == VAL_INT ? got : val_type_name(v.type));
    err_hint(ctx, "Ask for more by the cursor of the answer.");
    return status;
}

static nacre_status take_offset(struct ctx *ctx, struct val v, struct query_request *out) {
    if (v.type != VAL_INT || v.i < 0 || v.i > QUERY_OFFSET_MAX)
        return request_bad(ctx, "/offset", "0..1000000000", v,
                           "offset is a whole number from 0 to 1000000000");
    out->offset = (uint32_t)v.i;
    return NACRE_OK;
}

nacre_status request_take_cursor(struct ctx *ctx, struct val v, struct query_request *out) {
    if (v.type == VAL_NULL) return NACRE_OK;
    if (v.type != VAL_STRING || v.n == 0)
        return request_bad(ctx, "/cursor", "a text", v, "cursor is the next_cursor of an answer");
    out->cursor = val_slice(v);
    return NACRE_OK;
}

static nacre_status take_count(struct ctx *ctx, struct val v, struct query_request *out) {
    struct slice text = v.type == VAL_STRING ? val_slice(v) : slice_of(NULL, 0);
    out->count_exact = slice_eq_str(text, "exact");
    if (out->count_exact || slice_eq_str(text, "none")) return NACRE_OK;
    return request_bad(ctx, "/count", "\"none\" or \"exact\"", v, "count is \"none\" or \"exact\"");
}

nacre_status request_take_as_of(struct ctx *ctx, struct val v, struct query_request *out) {
    out->has_as_of = v.type == VAL_STRING && time_parse(val_slice(v), &out->as_of_ms);
    if (out->has_as_of) return NACRE_OK;
    return request_bad(ctx, "/as_of", "a time as in \"2026-01-31T12:00:00Z\"", v,
                       "as_of is a time (RFC 3339) as text");
}

static const struct request_member members[] = {
    {"filter", request_take_filter}, {"as_of", request_take_as_of}, {"sort", request_take_sort},
    {"fields", take_fields},         {"limit", request_take_limit}, {"offset", take_offset},
    {"cursor", request_take_cursor}, {"count", take_count},
};
enum { MEMBERS = sizeof members / sizeof *members, COUNT_MEMBERS = 2 };

nacre_status request_unknown(struct ctx *ctx, struct slice name, const char *what, const char *all,
                             const char *const *names, size_t count) {
    char word[64] = {0}, pointer[72];
    memcpy(word, name.p, name.n < sizeof word ? name.n : sizeof word - 1);
    nacre_status status =
        err_set(ctx, NACRE_INVALID_ARGUMENT, "a %s has no member \"%s\"", what, word);
    snprintf(pointer, sizeof pointer, "/%s", word);
    err_expected(ctx, pointer, all, word);
    const char *nearest = err_nearest(word, names, count);
    if (nearest) err_suggest(ctx, nearest);
    return status;
}

static nacre_status unknown(struct ctx *ctx, struct slice name, const char *what, size_t count) {
    const char *names[MEMBERS];
    for (size_t i = 0; i < count; i++)
        names[i] = members[i].name;
    return request_unknown(ctx, name, what,
                           count == COUNT_MEMBERS
                               ? "filter or as_of"
                               : "filter, sort, fields, limit, offset, cursor, count or as_of",
                           names, count);
}

static nacre_status offset_with_cursor(struct ctx *ctx) {
    nacre_status status =
        err_set(ctx, NACRE_INVALID_ARGUMENT, "offset counts from the beginning, not from a cursor");
    err_expected(ctx, "/offset", "0 with a cursor", "more");
    return status;
}

static nacre_status parse(struct ctx *ctx, struct slice bson, const char *what, size_t count,
                          struct query_request *out) {
    struct query_request request = {.limit = QUERY_LIMIT_DEFAULT};
    if (bson.n) {
        struct bson_iter it = bson_iter_of(bson);
        struct slice name;
        struct val v;
        while (bson_next(&it, &name, &v)) {
            size_t i = 0;
            while (i < count && !slice_eq_str(name, members[i].name))
                i++;
            if (i == count) return unknown(ctx, name, what, count);
            TRY(members[i].take(ctx, v, &request));
        }
    }
    if (request.offset && request.cursor.n) return offset_with_cursor(ctx);
    *out = request;
    return NACRE_OK;
}

nacre_status query_request_parse(struct ctx *ctx, struct slice bson, struct query_request *out) {
    return parse(ctx, bson, "query", MEMBERS, out);
}

nacre_status query_count_parse(struct ctx *ctx, struct slice bson, struct query_request *out) {
    return parse(ctx, bson, "count", COUNT_MEMBERS, out); // the first ones
}
