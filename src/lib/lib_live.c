// Live queries: what matches now, and from then on what enters, changes in and leaves the result.
// The first rows are of one view; the feed begins after that view's last write, so that nothing
// is missed or told twice. The ids of the result are held, as what a document was before a change
// need not be kept.
#include "base/ds/map.h"
#include "doc/json.h"
#include "doc/key.h"
#include "engine/changes.h"
#include "lib/lib.h"
#include "lib/lib_body.h"
#include "lib/lib_token.h"

enum {
    LIVE_ROWS_DEFAULT = 10000,
    LIVE_ROWS_MAX = 1000000,
    LIVE_ID_BYTES = 96, // charged for an id beside its bytes: slots of the map
};

struct nacre_live {
    struct nacre_session *session;
    struct nacre_live *next, **link;
    struct ctx ctx; // memory of filter and fields
    struct query_request request;
    uint64_t max_rows;
    struct map ids; // of the result; values mean nothing
    size_t charged; // for them
    struct buf message;
    struct err problem; // an error has ended it

    struct query_target target; // until the first rows are given
    struct query *query;
    uint32_t tablet;
    struct engine_changes *changes; // from then on
    struct running running;
};

// --- the result -------------------------------------------------------------------------

static nacre_status add_id(struct nacre_live *l, struct slice id) {
    struct ctx *ctx = &l->session->ctx;
    struct budget *budget = engine_budget(l->session->db->engine);
    size_t size = id.n + LIVE_ID_BYTES;
    if (l->ids.count >= l->max_rows) {
        nacre_status status = err_set(ctx, NACRE_REQUEST_TOO_LARGE,
                                      "the result of the live query has more than %llu documents",
                                      (unsigned long long)l->max_rows);
        err_parameter(ctx, "max_rows");
        err_hint(ctx, "narrow the filter, or give a max_rows up to %d", LIVE_ROWS_MAX);
        return status;
    }
    if (!budget_charge(budget, size)) return err_nomem(ctx);
    if (!map_put(&l->ids, id, l)) {
        budget_release(budget, size);
        return err_nomem(ctx);
    }
    l->charged += size;
    return NACRE_OK;
}

static void remove_id(struct nacre_live *l, struct slice id) {
    size_t size = id.n + LIVE_ID_BYTES;
    if (!map_remove(&l->ids, id)) return;
    budget_release(engine_budget(l->session->db->engine), size);
    l->charged -= size;
}

// --- messages ---------------------------------------------------------------------------

static nacre_status end_message(struct nacre_live *l) {
    buf_put_u8(&l->message, '}');
    if (buf_status(&l->message) != NACRE_OK) return err_buf(&l->session->ctx, &l->message);
    return NACRE_OK;
}

static void put_seq(struct nacre_live *l, uint64_t generation, struct feed_place place) {
    char token[LIB_TOKEN_MAX];
    lib_token_print_place(generation, place, token);
    buf_printf(&l->message, ",\"seq\":\"%s\"", token);
}

// row NULL: it left. change NULL: one of the first rows.
static nacre_status put_row(struct nacre_live *l, const char *op, struct slice id_key,
                            const struct row *row, const struct engine_change *change) {
    struct nacre_session *s = l->session;
    struct val id;
    lib_text_reset(&l->message);
    TRY(key_decode(&s->ctx, &id_key, false, KEY_TB_PLAIN, &id));
    buf_printf(&l->message, "{\"op\":\"%s\",\"id\":", op);
    json_write_val(&l->message, id, JSON_INT64_NUMBER);
    if (change) put_seq(l, change->generation, change->record.place);
    if (row) {
        struct present_options options = {.fields = l->request.fields,
                                          .now_ms = (int64_t)engine_now_ms(s->db->engine)};
        buf_put_str(&l->message, ",\"document\":");
        present_doc(&l->message, row, &options);
    }
    return end_message(l);
}

// --- the first rows ---------------------------------------------------------------------

static void drop_query(struct nacre_live *l) {
    query_close(l->query);
    txn_view_release(l->target.view);
    l->query = NULL;
    l->target.view = NULL;
}

static nacre_status follow_from(struct nacre_live *l, struct feed_place place) {
    struct nacre_session *s = l->session;
    struct changes_request request = {
        .collection.tablet = l->tablet, .has_since = true, .since = place, .follow = true};
    return engine_changes_open(&s->ctx, s->db->engine, &request, &l->changes);
}

static nacre_status put_ready(struct nacre_live *l) {
    uint64_t generation = l->target.view->generation;
    struct feed_place place = {.seq = l->target.view->seq, .i = UINT32_MAX};
    drop_query(l);
    TRY(follow_from(l, place));
    lib_text_reset(&l->message);
    buf_put_str(&l->message, "{\"op\":\"ready\"");
    put_seq(l, generation, place);
    return end_message(l);
}

static nacre_status first_row(struct nacre_live *l) {
    struct query_row row;
    bool found;
    TRY(query_next(&l->session->ctx, l->query, &row, &found));
    if (!found) return put_ready(l);
    TRY(add_id(l, row.id_key));
    return put_row(l, "enter", row.id_key, &row.row, NULL);
}

// --- following --------------------------------------------------------------------------

static nacre_status matches(struct nacre_live *l, const struct row *row, bool *out) {
    struct nacre_session *s = l->session;
    struct doc_sys sys;
    struct doc doc;
    *out = true;
    if (!l->request.filter) return NACRE_OK;
    row_doc(row, (int64_t)engine_now_ms(s->db->engine), &sys, &doc);
    return filter_eval(&s->ctx, l->request.filter, &doc, out);
}

static nacre_status take_change(struct nacre_live *l, const struct engine_change *change,
                                bool *found) {
    struct slice id = change->record.id_key;
    bool was = map_get(&l->ids, id) != NULL, is = false;
    *found = false;
    if (change->document)
        TRY(matches(l, change->document, &is));
    else if (change->record.op != CHANGE_DELETE)
        return NACRE_OK; // that version is not kept, so a later change of the document follows
    if (!was && !is) return NACRE_OK;
    if (!was) TRY(add_id(l, id));
    if (!is) remove_id(l, id);
    *found = true;
    const char *op = !was ? "enter" : is ? "update" : "leave";
    return put_row(l, op, id, is ? change->document : NULL, change);
}

static int64_t left_ms(const struct world *world, uint64_t end_ns) {
    uint64_t now_ns = world_mono_ns(world);
    return now_ns < end_ns ? (int64_t)((end_ns - now_ns) / 1000000) : 0;
}

static nacre_status follow(struct nacre_live *l, int64_t wait_ms, bool *found) {
    struct nacre_session *s = l->session;
    bool any = true, forever = wait_ms == CHANGES_WAIT_FOREVER;
    uint64_t end_ns = world_mono_ns(s->db->world) + (forever ? 0 : (uint64_t)wait_ms * 1000000);
    for (uint32_t n = 1; any && !*found; n++) {
        struct engine_change change;
        TRY(engine_changes_next(&s->ctx, l->changes, wait_ms, &change, &any));
        if (any) TRY(take_change(l, &change, found));
        if (!forever) wait_ms = left_ms(s->db->world, end_ns);
        if (n % 256 == 0 && !*found) TRY(ctx_check(&s->ctx));
    }
    return NACRE_OK;
}

// --- the handle -------------------------------------------------------------------------

// Any thread may do it, while the owner is not at work on it; a message that was given stays.
static void drop_all(void *arg) {
    struct nacre_live *l = arg;
    drop_query(l);
    engine_changes_close(l->changes);
    l->changes = NULL;
    map_free(&l->ids);
    map_init(&l->ids);
    budget_release(engine_budget(l->session->db->engine), l->charged);
    l->charged = 0;
}

// From now on every call tells why.
static nacre_status end(struct nacre_live *l, nacre_status status) {
    engine_running_end(l->session->db->engine, &l->running); // waits for who cancels it
    l->problem = l->session->ctx.err;
    drop_all(l);
    return status;
}

static nacre_status cancelled(struct nacre_live *l) {
    nacre_status status = err_set(&l->session->ctx, NACRE_CANCELLED,
                                  "the live query was cancelled by another session");
    return end(l, status);
}

static nacre_status enter(struct nacre_live *l) {
    if (!engine_running_enter(&l->running)) return cancelled(l);
    l->session->ctx.watch = &l->running.watch;
    return NACRE_OK;
}

// What an error has interrupted may be half done; only a wait can be taken up again.
static nacre_status leave(struct nacre_live *l, nacre_status status) {
    bool waited = l->changes && (status == NACRE_TIMEOUT || status == NACRE_CANCELLED);
    l->session->ctx.watch = NULL;
    if (atomic_load(&l->running.watch.stop)) return cancelled(l);
    if (status != NACRE_OK && !waited) return end(l, status);
    return engine_running_leave(&l->running) ? status : cancelled(l);
}

static void free_live(struct nacre_live *l) {
    engine_running_end(l->session->db->engine, &l->running);
    drop_all(l);
    buf_free(&l->message);
    ctx_free(&l->ctx);
    mem_free(l);
}

enum { LIVE_FILTER, LIVE_FIELDS, LIVE_MAX_ROWS, LIVE_REFUSED };

static nacre_status read_members(struct nacre_live *l, const struct lib_body *body) {
    struct lib_member m[] = {{.name = "filter"}, {.name = "fields"}, {.name = "max_rows"},
                             {.name = "sort"},   {.name = "limit"},  {.name = "offset"},
                             {.name = "cursor"}, {.name = "count"},  {.name = "as_of"},
                             {.name = NULL}};
    struct val fields;
    TRY(lib_body_members(body, body->whole, m));
    for (const struct lib_member *r = m + LIVE_REFUSED; r->name; r++) {
        if (!r->raw.n) continue;
        nacre_status status =
            err_set(body->ctx, NACRE_INVALID_ARGUMENT, "a live query has no %s", r->name);
        err_parameter(body->ctx, r->name);
        err_hint(body->ctx, "it takes filter, fields and max_rows; nacre_query takes the others");
        return status;
    }
    if (m[LIVE_MAX_ROWS].raw.n)
        TRY(lib_body_integer(body, &m[LIVE_MAX_ROWS], 1, LIVE_ROWS_MAX, &l->max_rows));
    if (m[LIVE_FIELDS].raw.n) {
        TRY(lib_body_value(body, &m[LIVE_FIELDS], &fields));
        TRY(project_parse(body->ctx, fields, &l->request.fields));
    }
    if (!m[LIVE_FILTER].raw.n) return NACRE_OK;
    return lib_body_filter_tree(body, &m[LIVE_FILTER], body->ctx, &l->request.filter);
}

static nacre_status read_spec(struct nacre_live *l, const char *spec) {
    struct nacre_session *s = l->session;
    struct lib_body body = {.ctx = &l->ctx,
                            .bson = &s->body,
                            .whole = slice_str(spec && spec[0] ? spec : "{}"),
                            .what = "a live query"};
    s->body.max = LIB_TEXT_MAX;
    lib_text_reset(&s->body);
    nacre_status status = read_members(l, &body);
    if (status != NACRE_OK) s->ctx.err = l->ctx.err;
    return lib_done(s, status);
}

static nacre_status begin_live(struct nacre_live *l, struct nacre_collection *collection,
                               const char *spec) {
    struct nacre_session *s = l->session;
    struct engine_collection handle;
    TRY(read_spec(l, spec));
    TRY(lib_query_target(s, collection, &l->target));
    TRY(lib_handle(s, collection, &handle));
    l->tablet = handle.tablet;
    l->request.limit = QUERY_UNLIMITED;
    l->request.now_ms = (int64_t)engine_now_ms(s->db->engine);
    return lib_done(s, query_open(&s->ctx, &l->target, &l->request, &l->query));
}

static nacre_status open_live(struct nacre_live *l, struct nacre_collection *collection,
                              const char *spec) {
    TRY(lib_tx_refuse(l->session, "a live query"));
    if (!collection) return lib_null(l->session, "collection", "the collection");
    l->running.give_up = drop_all;
    l->running.arg = l;
    lib_running_begin(l->session, &l->running, "live", collection, spec);
    return leave(l, begin_live(l, collection, spec));
}

nacre_status nacre_live_open(nacre_session *s, nacre_collection *collection, const char *spec,
                             nacre_live **out) {
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the live query goes");
    struct budget *budget = engine_budget(s->db->engine);
    struct nacre_live *l = mem_zalloc(sizeof *l);
    if (!l) return err_nomem(&s->ctx);
    l->session = s;
    l->max_rows = LIVE_ROWS_DEFAULT;
    map_init(&l->ids);
    ctx_init(&l->ctx, s->db->world, budget, LIB_REQUEST_MAX);
    buf_init(&l->message, budget, LIB_TEXT_MAX);
    nacre_status status = open_live(l, collection, spec);
    if (status != NACRE_OK) {
        free_live(l);
        return status;
    }
    l->next = s->lives;
    l->link = &s->lives;
    if (l->next) l->next->link = &l->next;
    s->lives = l;
    *out = l;
    return NACRE_OK;
}

static nacre_status next_message(struct nacre_live *l, int64_t wait_ms, const char **out,
                                 size_t *out_size) {
    struct nacre_session *s = l->session;
    bool found = l->query != NULL;
    TRY(lib_done(s, found ? first_row(l) : follow(l, wait_ms, &found)));
    *out = NULL;
    if (out_size) *out_size = 0;
    l->running.rows += found;
    return found ? lib_text_give(s, &l->message, out, out_size) : NACRE_OK;
}

nacre_status nacre_live_next(nacre_live *l, int64_t wait_ms, const char **out, size_t *out_size) {
    if (!l) return NACRE_INVALID_ARGUMENT;
    struct nacre_session *s = l->session;
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the message goes");
    TRY(lib_wait_check(s, wait_ms));
    if (l->problem.status != NACRE_OK) {
        s->ctx.err = l->problem;
        return l->problem.status;
    }
    TRY(enter(l));
    return leave(l, next_message(l, wait_ms, out, out_size));
}

void nacre_live_close(nacre_live *l) {
    if (!l || lib_is_forked(l->session->db)) return; // L4
    *l->link = l->next;
    if (l->next) l->next->link = l->link;
    free_live(l);
}

void lib_live_close_all(struct nacre_session *s) {
    while (s->lives)
        nacre_live_close(s->lives);
}
