// Counts and plans.
#include "base/text/time.h"
#include "lib/lib.h"

static nacre_status parse_filter(struct nacre_session *s, const char *text, struct filter **out) {
    *out = NULL;
    if (!text || !text[0]) return NACRE_OK;
    nacre_status status = filter_parse_any(&s->ctx, slice_str(text), &filter_regex_pcre2, out);
    if (status != NACRE_OK) err_parameter(&s->ctx, "filter");
    return lib_done(s, status);
}

// as_of_ms NULL: now.
static nacre_status count(struct nacre_session *s, struct nacre_collection *collection,
                          const char *filter, const int64_t *as_of_ms, uint64_t *out) {
    struct filter *parsed;
    struct query_target target;
    struct running running = {0};
    uint64_t n = 0;
    TRY(parse_filter(s, filter, &parsed));
    TRY(lib_query_target(s, collection, &target));
    lib_running_begin(s, &running, "count", collection, filter);
    struct query_count_request request = {.filter = parsed,
                                          .now_ms = (int64_t)engine_now_ms(s->db->engine)};
    nacre_status status = NACRE_OK;
    if (as_of_ms) {
        request.now_ms = *as_of_ms;
        status = lib_query_target_past(s, &target, *as_of_ms);
    }
    if (status == NACRE_OK) status = query_count(&s->ctx, &target, &request, &n, NULL);
    lib_running_end(s, &running);
    txn_view_release(target.view);
    if (status == NACRE_OK) *out = n;
    return lib_done(s, status);
}

nacre_status nacre_count(nacre_session *s, nacre_collection *collection, const char *filter,
                         uint64_t *out) {
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the number goes");
    return count(s, collection, filter, NULL, out);
}

nacre_status nacre_count_as_of(nacre_session *s, nacre_collection *collection, const char *filter,
                               const char *as_of, uint64_t *out) {
    int64_t as_of_ms;
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the number goes");
    TRY(lib_as_of(s, as_of, &as_of_ms));
    return count(s, collection, filter, &as_of_ms, out);
}

// The target of what is explained; a malformed as_of is told by who parses the rest.
static nacre_status explain_target(struct nacre_session *s, struct slice bson,
                                   struct query_target *target, int64_t *now_ms) {
    struct bson_iter it = bson_iter_of(bson);
    struct slice name;
    struct val v;
    int64_t as_of_ms;
    *now_ms = (int64_t)engine_now_ms(s->db->engine);
    if (!bson.n || !bson_next(&it, &name, &v) || v.type != VAL_OBJECT) return NACRE_OK;
    struct val as_of = bson_find(val_slice(v), SLICE_LIT("as_of"));
    if (as_of.type != VAL_STRING || !time_parse(val_slice(as_of), &as_of_ms)) return NACRE_OK;
    *now_ms = as_of_ms;
    return lib_query_target_past(s, target, as_of_ms);
}

nacre_status nacre_explain(nacre_session *s, nacre_collection *collection, const char *spec,
                           const char **out, size_t *out_size) {
    struct slice bson;
    struct query_target target;
    TRY(lib_begin(s));
    if (!spec) return lib_null(s, "spec", "a body as in {\"query\":{…}}");
    if (!out) return lib_null(s, "out", "where the text goes");
    TRY(lib_query_spec(s, &s->ctx, spec, &bson));
    TRY(lib_query_target(s, collection, &target));
    lib_text_reset(&s->text);
    struct running running = {0};
    int64_t now_ms;
    lib_running_begin(s, &running, "explain", collection, spec);
    nacre_status status = explain_target(s, bson, &target, &now_ms);
    if (status == NACRE_OK) status = query_explain(&s->ctx, &target, bson, now_ms, &s->text);
    lib_running_end(s, &running);
    txn_view_release(target.view);
    if (status != NACRE_OK) filter_err_span(&s->ctx, slice_str(spec));
    TRY(lib_done(s, status));
    return lib_text_give(s, &s->text, out, out_size);
}
