// Change feeds: a change a line of JSON.
#include "base/text/time.h"
#include "doc/json.h"
#include "doc/key.h"
#include "engine/changes.h"
#include "lib/lib.h"
#include "lib/lib_body.h"
#include "lib/lib_token.h"

struct nacre_feed {
    struct nacre_session *session;
    struct nacre_feed *next, **link;
    struct ctx ctx; // memory of the filter
    struct engine_changes *changes;
    struct buf row;
    char token[LIB_TOKEN_MAX];
};

enum { CHANGES_SINCE, CHANGES_FILTER, CHANGES_FOLLOW };

static nacre_status read_since(const struct lib_body *b, const struct lib_member *m,
                               struct changes_request *out) {
    struct slice text;
    struct lib_token token;
    TRY(lib_body_string(b, m, &text));
    TRY(lib_token_parse(b->ctx, text, &token));
    out->has_since = true;
    out->since = token.place;
    out->has_generation = token.of_write;
    out->generation = token.generation;
    return NACRE_OK;
}

static nacre_status read_spec(struct nacre_session *s, const char *spec, struct nacre_feed *f,
                              struct changes_request *out) {
    struct lib_body body = {.ctx = &s->ctx,
                            .bson = &s->body,
                            .whole = slice_str(spec && spec[0] ? spec : "{}"),
                            .what = "a feed"};
    struct lib_member m[] = {
        {.name = "since"}, {.name = "filter"}, {.name = "follow"}, {.name = NULL}};
    s->body.max = LIB_TEXT_MAX;
    lib_text_reset(&s->body);
    TRY(lib_body_members(&body, body.whole, m));
    if (m[CHANGES_SINCE].raw.n) TRY(read_since(&body, &m[CHANGES_SINCE], out));
    if (m[CHANGES_FOLLOW].raw.n) TRY(lib_body_bool(&body, &m[CHANGES_FOLLOW], &out->follow));
    if (!m[CHANGES_FILTER].raw.n) return NACRE_OK;
    return lib_body_filter_tree(&body, &m[CHANGES_FILTER], &f->ctx, &out->filter);
}

static nacre_status open_feed(struct nacre_session *s, struct nacre_collection *collection,
                              const char *spec, struct nacre_feed *f) {
    struct changes_request request = {0};
    TRY(lib_done(s, read_spec(s, spec, f, &request)));
    TRY(lib_handle(s, collection, &request.collection));
    TRY(lib_done(
        s, engine_resolve(&s->ctx, s->db->engine, request.collection.target, &request.collection)));
    lib_handle_keep(collection, &request.collection);
    return lib_done(s, engine_changes_open(&s->ctx, s->db->engine, &request, &f->changes));
}

static void free_feed(struct nacre_feed *f) {
    engine_changes_close(f->changes);
    buf_free(&f->row);
    ctx_free(&f->ctx);
    mem_free(f);
}

static void link_feed(struct nacre_session *s, struct nacre_feed *f) {
    f->next = s->feeds;
    f->link = &s->feeds;
    if (f->next) f->next->link = &f->next;
    s->feeds = f;
}

nacre_status nacre_changes(nacre_session *s, nacre_collection *collection, const char *spec,
                           nacre_feed **out) {
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the feed goes");
    struct budget *budget = engine_budget(s->db->engine);
    struct nacre_feed *f = mem_zalloc(sizeof *f);
    if (!f) return err_nomem(&s->ctx);
    f->session = s;
    ctx_init(&f->ctx, s->db->world, budget, LIB_REQUEST_MAX);
    buf_init(&f->row, budget, LIB_TEXT_MAX);
    nacre_status status = open_feed(s, collection, spec, f);
    if (status != NACRE_OK) {
        free_feed(f);
        return status;
    }
    link_feed(s, f);
    *out = f;
    return NACRE_OK;
}

static void put_member(struct buf *json, const char *name, const char *text, size_t size) {
    buf_printf(json, ",\"%s\":\"", name);
    buf_put(json, text, size);
    buf_put_u8(json, '"');
}

static nacre_status put_change(struct nacre_feed *f, const struct engine_change *change) {
    struct nacre_session *s = f->session;
    const struct change_record *r = &change->record;
    char text[LIB_TOKEN_MAX], time[TIME_TEXT_MAX];
    struct slice id_key = r->id_key;
    struct buf *json = &f->row;
    struct val id;
    lib_text_reset(json);
    TRY(key_decode(&s->ctx, &id_key, false, KEY_TB_PLAIN, &id));
    lib_token_print_place(change->generation, r->place, text);
    buf_printf(json, "{\"seq\":\"%s\",\"op\":\"%s\",\"id\":", text, lib_change_name(r->op));
    json_write_val(json, id, JSON_INT64_NUMBER);
    buf_printf(json, ",\"version\":%llu", (unsigned long long)r->version);
    put_member(json, "time", time, time_print(row_ts_ms(r->commit_ts), time));
    if (change->document) {
        struct present_options options = {.now_ms = (int64_t)engine_now_ms(s->db->engine)};
        buf_put_str(json, ",\"document\":");
        present_doc(json, change->document, &options);
    }
    buf_put_u8(json, '}');
    return json->status == NACRE_OK ? NACRE_OK : err_buf(&s->ctx, json);
}

nacre_status lib_wait_check(struct nacre_session *s, int64_t wait_ms) {
    if (wait_ms >= CHANGES_WAIT_FOREVER && wait_ms <= FEED_WAIT_MAX_MS) return NACRE_OK;
    nacre_status status =
        err_set(&s->ctx, NACRE_INVALID_ARGUMENT, "wait_ms is -1 (for ever) to %d, given %lld",
                FEED_WAIT_MAX_MS, (long long)wait_ms);
    err_parameter(&s->ctx, "wait_ms");
    return status;
}

nacre_status nacre_feed_next(nacre_feed *f, int64_t wait_ms, const char **out, size_t *out_size) {
    struct engine_change change;
    bool found;
    if (!f) return NACRE_INVALID_ARGUMENT;
    struct nacre_session *s = f->session;
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the change goes");
    TRY(lib_wait_check(s, wait_ms));
    TRY(lib_done(s, engine_changes_next(&s->ctx, f->changes, wait_ms, &change, &found)));
    if (!found) {
        *out = NULL;
        if (out_size) *out_size = 0;
        return NACRE_OK;
    }
    TRY(lib_done(s, put_change(f, &change)));
    return lib_text_give(s, &f->row, out, out_size);
}

nacre_status nacre_feed_token(nacre_feed *f, const char **out) {
    uint64_t generation;
    if (!f) return NACRE_INVALID_ARGUMENT;
    TRY(lib_begin(f->session));
    if (!out) return lib_null(f->session, "out", "where the token goes");
    struct feed_place place = engine_changes_place(f->changes, &generation);
    lib_token_print_place(generation, place, f->token);
    *out = f->token;
    return NACRE_OK;
}

void nacre_feed_close(nacre_feed *f) {
    if (!f || lib_is_forked(f->session->db)) return; // L4
    *f->link = f->next;
    if (f->next) f->next->link = f->link;
    free_feed(f);
}

void lib_changes_close_all(struct nacre_session *s) {
    while (s->feeds)
        nacre_feed_close(s->feeds);
}
