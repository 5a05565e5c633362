// Queries: cursors.
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
    struct running running;
    bool given_up; // it was cancelled: what it held but row and token is gone
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

nacre_status lib_query_spec(struct nacre_session *s, struct ctx *ctx, const char *spec,
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

// Any thread may do it, while the owner is not at work on it.
static void give_up(void *arg) {
    struct nacre_cursor *c = arg;
    if (c->given_up) return;
    query_close(c->query);
    aggregate_close(c->aggregate);
    engine_versions_close(c->versions);
    txn_view_release(c->target.view);
    ctx_free(&c->ctx);
    c->given_up = true;
}

static void free_cursor(struct nacre_cursor *c) {
    engine_running_end(c->session->db->engine, &c->running);
    give_up(c);
    lib_cost_note(c->session, &c->running.watch);
    buf_free(&c->row);
    buf_free(&c->token);
    mem_free(c);
}

static nacre_status cancelled(struct nacre_cursor *c) {
    engine_running_end(c->session->db->engine, &c->running); // waits for who gives it up
    give_up(c);
    return err_set(&c->session->ctx, NACRE_CANCELLED, "the query was cancelled by another session");
}

static nacre_status enter(struct nacre_cursor *c) {
    if (!engine_running_enter(&c->running)) return cancelled(c);
    c->session->ctx.watch = &c->running.watch;
    return NACRE_OK;
}

static nacre_status leave(struct nacre_cursor *c, nacre_status status) {
    c->session->ctx.watch = NULL;
    return engine_running_leave(&c->running) ? status : cancelled(c);
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
    nacre_status status = lib_query_spec(s, &c->ctx, spec, &bson);
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

// What its view tells the transaction of belongs to the session's thread.
static void begin_running(struct nacre_cursor *c, const char *what,
                          const struct nacre_collection *collection, const char *text) {
    if (!c->in_tx) c->running.give_up = give_up;
    c->running.arg = c;
    lib_running_begin(c->session, &c->running, what, collection, text);
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
    status = leave(c, status);
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
    begin_running(c, aggregates ? "aggregate" : "query", collection, spec);
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
    begin_running(c, "versions", collection, NULL);
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
    if (!c->ended) {
        TRY(enter(c));
        TRY(leave(c, lib_done(s, next_row(s, c, &found))));
        c->running.rows += found;
    }
    if (!found) {
        c->ended = true;
        *out = NULL;
        if (out_size) *out_size = 0;
        return NACRE_OK;
    }
    return lib_text_give(s, &c->row, out, out_size);
}

static nacre_status make_token(struct nacre_session *s, struct nacre_cursor *c) {
    if (c->versions) return NACRE_OK;
    buf_reset(&c->token);
    TRY(lib_done(s, c->aggregate ? aggregate_cursor(&s->ctx, c->aggregate, &c->token)
                                 : query_cursor(&s->ctx, c->query, &c->token)));
    bool any = c->token.n > 0;
    if (any) buf_put_u8(&c->token, 0);
    if (buf_status(&c->token) != NACRE_OK) return err_buf(&s->ctx, &c->token);
    c->token_made = true;
    return NACRE_OK;
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
    if (!c->token_made) {
        TRY(enter(c));
        TRY(leave(c, make_token(s, c)));
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
    TRY(enter(c));
    *out = query_total(c->query);
    return leave(c, NACRE_OK);
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
