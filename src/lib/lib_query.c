// Queries: cursors, counts, plans.
#include "base/text/time.h"
#include "doc/json.h"
#include "lib/lib.h"
#include "query/aggregate.h"

// Holds one view and its own memory, so that calls in between do not end it.
struct nacre_cursor {
    struct nacre_session *session;
    struct nacre_cursor *next, **link;
    struct ctx ctx; // memory of the request
    struct query_target target;
    struct query_request request;
    struct query *query; // one of these three
    struct aggregate_request aggregate_request;
    struct aggregate *aggregate;
    struct engine_versions *versions;
    struct buf row;
    struct buf token;
    bool ended, token_made;
    bool in_tx;
    uint64_t tx_serial; // of its session when it was opened
};

// The view and the cache of the session's transaction.
static nacre_status target_in_tx(struct nacre_session *s, struct engine_collection *handle,
                                 struct query_target *out) {
    nacre_status status = engine_tx_view(&s->ctx, s->tx, &out->view, &out->cache);
    out->memo = engine_memo(s->db->engine);
    TRY(lib_done(s, status));
    status = engine_tx_resolve(&s->ctx, s->tx, handle);
    if (status == NACRE_OK) {
        out->collection = catalog_by_tablet(out->view->catalog, handle->tablet);
        out->spill = engine_spill(s->db->engine);
        return NACRE_OK;
    }
    txn_view_release(out->view);
    out->view = NULL;
    return lib_done(s, status);
}

nacre_status lib_query_target(struct nacre_session *s, struct nacre_collection *c,
                              struct query_target *out) {
    struct engine_collection handle;
    TRY(lib_handle(s, c, &handle));
    if (s->in_tx) return target_in_tx(s, &handle, out);
    TRY(lib_done(s, engine_resolve(&s->ctx, s->db->engine, handle.target, &handle)));
    lib_handle_keep(c, &handle);
    struct view *view = engine_view(s->db->engine);
    const struct collection *collection = catalog_by_tablet(view->catalog, handle.tablet);
    if (!collection) {
        txn_view_release(view);
        return err_set(&s->ctx, NACRE_COLLECTION_NOT_FOUND, "the collection was dropped");
    }
    *out = (struct query_target){.view = view,
                                 .cache = engine_cache(s->db->engine),
                                 .collection = collection,
                                 .spill = engine_spill(s->db->engine),
                                 .memo = engine_memo(s->db->engine)};
    return NACRE_OK;
}

// The body as BSON in ctx's arena; n = 0: none was given.
static nacre_status read_spec(struct nacre_session *s, struct ctx *ctx, const char *spec,
                              struct slice *out) {
    static const struct json_options options = {.allow_dollar_names = true};
    *out = slice_of(NULL, 0);
    if (!spec || !spec[0]) return NACRE_OK;
    s->body.max = LIB_TEXT_MAX;
    lib_text_reset(&s->body);
    TRY(json_parse(ctx, slice_str(spec), &options, &s->body));
    const uint8_t *p = arena_copy(&ctx->arena, s->body.p, s->body.n);
    if (!p) return err_nomem(ctx);
    *out = slice_of(p, s->body.n);
    return NACRE_OK;
}

// --- cursors ---

static void free_cursor(struct nacre_cursor *c) {
    query_close(c->query);
    aggregate_close(c->aggregate);
    engine_versions_close(c->versions);
    txn_view_release(c->target.view);
    buf_free(&c->row);
    buf_free(&c->token);
    ctx_free(&c->ctx);
    mem_free(c);
}

static nacre_status parse_spec(struct nacre_cursor *c, struct slice bson, bool aggregates) {
    if (!aggregates) return query_request_parse(&c->ctx, bson, &c->request);
    TRY(aggregate_request_parse(&c->ctx, bson, &c->aggregate_request));
    c->request = c->aggregate_request.query;
    return NACRE_OK;
}

static nacre_status open_cursor(struct nacre_session *s, struct nacre_collection *collection,
                                const char *spec, bool aggregates, struct nacre_cursor *c) {
    struct slice bson;
    TRY(lib_query_target(s, collection, &c->target));
    nacre_status status = read_spec(s, &c->ctx, spec, &bson);
    if (status == NACRE_OK) status = parse_spec(c, bson, aggregates);
    if (status != NACRE_OK) {
        if (spec) filter_err_span(&c->ctx, slice_str(spec));
        s->ctx.err = c->ctx.err;
        return lib_done(s, status);
    }
    c->request.now_ms = (int64_t)engine_now_ms(s->db->engine);
    if (c->request.has_as_of) {
        c->request.now_ms = c->request.as_of_ms;
        TRY(lib_done(s, lib_query_target_past(s, &c->target, c->request.as_of_ms)));
    }
    if (!aggregates) return lib_done(s, query_open(&s->ctx, &c->target, &c->request, &c->query));
    c->aggregate_request.query.now_ms = c->request.now_ms;
    return lib_done(s, aggregate_open(&s->ctx, &c->target, &c->aggregate_request, &c->aggregate));
}

static void link_cursor(struct nacre_session *s, struct nacre_cursor *c) {
    c->next = s->cursors;
    c->link = &s->cursors;
    if (c->next) c->next->link = &c->next;
    s->cursors = c;
}

static nacre_status new_cursor(struct nacre_session *s, struct nacre_cursor **out) {
    struct budget *budget = engine_budget(s->db->engine);
    struct nacre_cursor *c = mem_zalloc(sizeof *c);
    if (!c) return err_nomem(&s->ctx);
    c->session = s;
    c->in_tx = s->in_tx;
    c->tx_serial = s->tx_serial;
    ctx_init(&c->ctx, s->db->world, budget, LIB_REQUEST_MAX);
    buf_init(&c->row, budget, LIB_TEXT_MAX);
    buf_init(&c->token, budget, LIB_TEXT_MAX);
    *out = c;
    return NACRE_OK;
}

// Hands a cursor out that could be opened.
static nacre_status give_cursor(struct nacre_session *s, struct nacre_cursor *c,
                                nacre_status status, struct nacre_cursor **out) {
    if (status != NACRE_OK) {
        free_cursor(c);
        return status;
    }
    link_cursor(s, c);
    *out = c;
    return NACRE_OK;
}

static nacre_status make_cursor(struct nacre_session *s, struct nacre_collection *collection,
                                const char *spec, bool aggregates, struct nacre_cursor **out) {
    struct nacre_cursor *c;
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the cursor goes");
    TRY(new_cursor(s, &c));
    return give_cursor(s, c, open_cursor(s, collection, spec, aggregates, c), out);
}

// What a transaction reads later would not be validated by its commit.
static nacre_status check_cursor_tx(const struct nacre_cursor *c) {
    if (!c->in_tx) return NACRE_OK;
    struct nacre_session *s = c->session;
    if (c->tx_serial == s->tx_serial) return lib_done(s, engine_tx_check(&s->ctx, s->tx));
    return err_set(&s->ctx, NACRE_TRANSACTION_NOT_FOUND,
                   "the transaction in which the cursor was opened has ended");
}

nacre_status nacre_query(nacre_session *s, nacre_collection *collection, const char *spec,
                         nacre_cursor **out) {
    return make_cursor(s, collection, spec, false, out);
}

nacre_status nacre_aggregate(nacre_session *s, nacre_collection *collection, const char *spec,
                             nacre_cursor **out) {
    return make_cursor(s, collection, spec, true, out);
}

static nacre_status open_versions(struct nacre_session *s, struct nacre_collection *collection,
                                  nacre_id id, struct nacre_cursor *c) {
    struct engine_collection handle;
    TRY(lib_handle(s, collection, &handle));
    nacre_status status =
        engine_versions_open(&s->ctx, s->db->engine, &handle, lib_id(id), &c->versions);
    lib_handle_keep(collection, &handle);
    return lib_done(s, status);
}

nacre_status nacre_versions(nacre_session *s, nacre_collection *collection, nacre_id id,
                            nacre_cursor **out) {
    struct nacre_cursor *c;
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the cursor goes");
    TRY(lib_tx_refuse(s, "a list of versions"));
    TRY(new_cursor(s, &c));
    return give_cursor(s, c, open_versions(s, collection, id, c), out);
}

static nacre_status next_version(struct nacre_session *s, struct nacre_cursor *c, bool *found) {
    struct engine_version version;
    TRY(engine_versions_next(&s->ctx, c->versions, &version, found));
    if (*found) lib_version_json(s, &version, &c->row);
    return NACRE_OK;
}

// Appends the next row to c->row.
static nacre_status next_row(struct nacre_session *s, struct nacre_cursor *c, bool *found) {
    struct query_row row;
    struct slice bson;
    lib_text_reset(&c->row);
    if (c->versions) return next_version(s, c, found);
    if (c->aggregate) {
        TRY(aggregate_next(&s->ctx, c->aggregate, &bson, found));
        if (*found) json_write_doc(&c->row, bson, JSON_INT64_NUMBER);
        return NACRE_OK;
    }
    TRY(query_next(&s->ctx, c->query, &row, found));
    struct present_options options = {.fields = c->request.fields, .now_ms = c->request.now_ms};
    if (*found) present_doc(&c->row, &row.row, &options);
    return NACRE_OK;
}

nacre_status nacre_cursor_next(nacre_cursor *c, const char **out, size_t *out_size) {
    bool found = false;
    if (!c) return NACRE_INVALID_ARGUMENT;
    struct nacre_session *s = c->session;
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the row goes");
    TRY(check_cursor_tx(c));
    if (!c->ended) TRY(lib_done(s, next_row(s, c, &found)));
    if (!found) {
        c->ended = true;
        *out = NULL;
        if (out_size) *out_size = 0;
        return NACRE_OK;
    }
    return lib_text_give(s, &c->row, out, out_size);
}

nacre_status nacre_cursor_token(nacre_cursor *c, const char **out) {
    if (!c) return NACRE_INVALID_ARGUMENT;
    struct nacre_session *s = c->session;
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the token goes");
    if (!c->ended) {
        nacre_status status = err_set(&s->ctx, NACRE_INVALID_ARGUMENT,
                                      "the token of the next page is known after the last row");
        err_hint(&s->ctx, "call nacre_cursor_next until it gives NULL");
        return status;
    }
    TRY(check_cursor_tx(c));
    if (!c->token_made && !c->versions) {
        buf_reset(&c->token);
        TRY(lib_done(s, c->aggregate ? aggregate_cursor(&s->ctx, c->aggregate, &c->token)
                                     : query_cursor(&s->ctx, c->query, &c->token)));
        bool any = c->token.n > 0;
        if (any) buf_put_u8(&c->token, 0);
        if (buf_status(&c->token) != NACRE_OK) return err_buf(&s->ctx, &c->token);
        c->token_made = true;
    }
    *out = c->token.n ? (const char *)c->token.p : NULL;
    return NACRE_OK;
}

nacre_status nacre_cursor_total(nacre_cursor *c, uint64_t *out) {
    if (!c) return NACRE_INVALID_ARGUMENT;
    TRY(lib_begin(c->session));
    if (!out) return lib_null(c->session, "out", "where the number goes");
    if (!c->request.count_exact) {
        nacre_status status = err_set(&c->session->ctx, NACRE_INVALID_ARGUMENT,
                                      "the query did not ask for its total");
        err_hint(&c->session->ctx, "give \"count\":\"exact\" in the query");
        return status;
    }
    *out = query_total(c->query);
    return NACRE_OK;
}

void nacre_cursor_close(nacre_cursor *c) {
    if (!c || lib_is_forked(c->session->db)) return; // L4
    *c->link = c->next;
    if (c->next) c->next->link = c->link;
    free_cursor(c);
}

void lib_query_close_all(struct nacre_session *s) {
    while (s->cursors)
        nacre_cursor_close(s->cursors);
}

// --- counts and plans ---

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
    uint64_t n = 0;
    TRY(parse_filter(s, filter, &parsed));
    TRY(lib_query_target(s, collection, &target));
    struct query_count_request request = {.filter = parsed,
                                          .now_ms = (int64_t)engine_now_ms(s->db->engine)};
    nacre_status status = NACRE_OK;
    if (as_of_ms) {
        request.now_ms = *as_of_ms;
        status = lib_query_target_past(s, &target, *as_of_ms);
    }
    if (status == NACRE_OK) status = query_count(&s->ctx, &target, &request, &n, NULL);
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
    TRY(read_spec(s, &s->ctx, spec, &bson));
    TRY(lib_query_target(s, collection, &target));
    lib_text_reset(&s->text);
    int64_t now_ms;
    nacre_status status = explain_target(s, bson, &target, &now_ms);
    if (status == NACRE_OK) status = query_explain(&s->ctx, &target, bson, now_ms, &s->text);
    txn_view_release(target.view);
    if (status != NACRE_OK) filter_err_span(&s->ctx, slice_str(spec));
    TRY(lib_done(s, status));
    return lib_text_give(s, &s->text, out, out_size);
}
