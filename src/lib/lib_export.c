// Export: every document that matches, out of one view, as NDJSON or CSV. CSV goes over the view
// twice: its columns are known when every document was seen.
#include "doc/csv/csv.h"
#include "doc/json.h"
#include "lib/lib.h"
#include "lib/lib_body.h"
#include "lib/lib_token.h"
#include "query/text_list.h"

enum { EXPORT_BYTES = 256 << 10, EXPORT_PROGRESS_MS = 250, EXPORT_CHECK_ROWS = 256 };

struct export_run {
    struct nacre_session *s;
    nacre_write_fn *write;
    void *write_arg;
    nacre_progress_fn *on_progress;
    void *progress_arg;
    struct query_target target;
    struct query_request request;
    struct query *query;
    bool csv, int64_as_text;
    struct val fields; // as the spec has them
    struct csv_columns columns;
    struct buf json, bson; // of a row whose fields are picked
    nacre_progress progress;
    uint64_t next_progress_ns;
    struct running running;
};

static nacre_status read_format(const struct lib_body *body, const struct lib_member *m,
                                bool *out_csv) {
    struct slice text = {0};
    *out_csv = false;
    if (!m->raw.n) return NACRE_OK;
    TRY(lib_body_string(body, m, &text));
    *out_csv = slice_eq_str(text, "csv");
    if (*out_csv || slice_eq_str(text, "ndjson")) return NACRE_OK;
    return lib_body_bad(body, m->name, "\"ndjson\" or \"csv\"", val_str(text));
}

static nacre_status read_int64(const struct lib_body *body, const struct lib_member *m,
                               bool *out_as_text) {
    struct slice text = {0};
    if (!m->raw.n) return NACRE_OK;
    TRY(lib_body_string(body, m, &text));
    *out_as_text = slice_eq_str(text, "string");
    if (*out_as_text || slice_eq_str(text, "number")) return NACRE_OK;
    return lib_body_bad(body, m->name, "\"number\" or \"string\"", val_str(text));
}

// What is the query's of a spec, in the arena.
static nacre_status query_part(struct nacre_session *s, struct slice spec, struct slice *out) {
    struct bson_iter it = bson_iter_of(spec);
    struct bson_writer w;
    struct slice name;
    struct val v;
    BUF_CLEANUP struct buf bson;
    buf_init(&bson, engine_budget(s->db->engine), LIB_TEXT_MAX);
    bson_begin(&w, &bson);
    while (bson_next(&it, &name, &v))
        if (!slice_eq_str(name, "format") && !slice_eq_str(name, "int64")) bson_put(&w, name, v);
    bson_end(&w);
    if (buf_status(&bson) != NACRE_OK) return err_buf(&s->ctx, &bson);
    const uint8_t *p = arena_copy(&s->ctx.arena, bson.p, bson.n);
    if (!p) return err_nomem(&s->ctx);
    *out = slice_of(p, bson.n);
    return NACRE_OK;
}

static nacre_status read_spec(struct nacre_session *s, const char *spec, struct export_run *run) {
    struct query_request *out = &run->request;
    static const struct json_options options = {.allow_dollar_names = true};
    struct lib_body body = {.ctx = &s->ctx,
                            .bson = &s->body,
                            .whole = slice_str(spec && spec[0] ? spec : "{}"),
                            .what = "an export"};
    struct lib_member members[] = {{.name = "filter"}, {.name = "fields"}, {.name = "as_of"},
                                   {.name = "format"}, {.name = "int64"},  {.name = NULL}};
    struct slice query;
    s->body.max = LIB_TEXT_MAX;
    lib_text_reset(&s->body);
    TRY(lib_body_members(&body, body.whole, members));
    TRY(read_format(&body, &members[3], &run->csv));
    TRY(read_int64(&body, &members[4], &run->int64_as_text));
    buf_reset(&s->body);
    TRY(json_parse(&s->ctx, body.whole, &options, &s->body));
    TRY(query_part(s, buf_slice(&s->body), &query));
    nacre_status status = query_request_parse(&s->ctx, query, out);
    run->fields = bson_find(query, SLICE_LIT("fields"));
    if (status != NACRE_OK) filter_err_span(&s->ctx, body.whole);
    out->limit = QUERY_UNLIMITED;
    return status;
}

static nacre_status tell_progress(struct export_run *run) {
    run->next_progress_ns = world_mono_ns(run->s->db->world) + EXPORT_PROGRESS_MS * 1000000ull;
    if (!run->on_progress || run->on_progress(run->progress_arg, &run->progress) == 0)
        return NACRE_OK;
    return err_set(&run->s->ctx, NACRE_CANCELLED, "the export was cancelled");
}

static nacre_status write_out(struct export_run *run) {
    struct nacre_session *s = run->s;
    struct buf *text = &s->text;
    if (buf_status(text) != NACRE_OK) return err_buf(&s->ctx, text);
    if (!text->n) return NACRE_OK;
    if (run->write(run->write_arg, text->p, text->n) != 0)
        return err_set(&s->ctx, NACRE_IO_ERROR, "writing the export failed");
    run->progress.bytes += text->n;
    lib_text_reset(text);
    return NACRE_OK;
}

static nacre_status write_end(struct export_run *run) {
    char token[LIB_TOKEN_MAX];
    lib_token_print(run->target.view->generation, run->target.view->seq, token);
    if (!run->csv)
        buf_printf(&run->s->text, "{\"$end\":{\"documents\":%llu,\"seq\":\"%s\"}}\n",
                   (unsigned long long)run->progress.documents, token);
    TRY(write_out(run));
    return tell_progress(run);
}

// --- rows ---

// The document that a row of NDJSON would hold.
static nacre_status row_document(struct export_run *run, const struct row *row,
                                 const struct present_options *options, struct slice *out) {
    *out = row->body;
    if (!options->fields) return NACRE_OK;
    buf_reset(&run->json);
    buf_reset(&run->bson);
    present_doc(&run->json, row, options);
    if (buf_status(&run->json) != NACRE_OK) return err_buf(&run->s->ctx, &run->json);
    TRY(json_parse(&run->s->ctx, buf_slice(&run->json), NULL, &run->bson));
    *out = buf_slice(&run->bson);
    return NACRE_OK;
}

enum pass { PASS_SHOW, PASS_WRITE }; // PASS_SHOW: only the columns are looked for

static nacre_status take_row(struct export_run *run, const struct row *row,
                             const struct present_options *options, enum pass pass) {
    struct nacre_session *s = run->s;
    struct slice document;
    if (!run->csv) {
        present_doc(&s->text, row, options);
        buf_put_u8(&s->text, '\n');
        return NACRE_OK;
    }
    TRY(row_document(run, row, options, &document));
    if (pass == PASS_SHOW) return csv_columns_show(&s->ctx, &run->columns, document);
    return csv_record_write(&s->ctx, &run->columns, document, &s->text);
}

static nacre_status take_rows(struct export_run *run, enum pass pass) {
    struct nacre_session *s = run->s;
    struct present_options options = {.int64 = run->int64_as_text && !run->csv ? JSON_INT64_STRING
                                                                               : JSON_INT64_NUMBER,
                                      .fields = run->request.fields,
                                      .no_system = true,
                                      .now_ms = run->request.now_ms};
    // What the request needs lies before the mark; what a row needs is given back.
    struct arena_mark mark = arena_mark(&s->ctx.arena);
    for (uint64_t rows = 1;; rows++) {
        struct query_row row;
        bool found;
        TRY(query_next(&s->ctx, run->query, &row, &found));
        if (!found) return NACRE_OK;
        TRY(take_row(run, &row.row, &options, pass));
        arena_rewind(&s->ctx.arena, mark);
        run->progress.documents += pass == PASS_WRITE;
        if (rows % EXPORT_CHECK_ROWS == 0) {
            atomic_store(&run->running.rows, run->progress.documents);
            TRY(ctx_check(&s->ctx));
            if (world_mono_ns(s->db->world) >= run->next_progress_ns) TRY(tell_progress(run));
        }
        if (s->text.n >= EXPORT_BYTES || s->text.status != NACRE_OK) TRY(write_out(run));
    }
}

// --- CSV ---

// Columns that the fields name are there, in their order.
static nacre_status name_columns(struct export_run *run) {
    struct ctx *ctx = &run->s->ctx;
    struct val fields = run->fields, v;
    struct slice name;
    TRY(csv_columns_name(ctx, &run->columns, SLICE_LIT("_id")));
    if (fields.type == VAL_STRING) TRY(text_list(ctx, val_slice(fields), &fields));
    if (fields.type == VAL_MISSING) return NACRE_OK;
    struct bson_iter it = bson_iter_of_val(fields);
    while (bson_next(&it, &name, &v))
        TRY(csv_columns_name(ctx, &run->columns, val_slice(v)));
    return NACRE_OK;
}

static nacre_status run_pass(struct export_run *run, enum pass pass) {
    query_close(run->query);
    run->query = NULL;
    TRY(query_open(&run->s->ctx, &run->target, &run->request, &run->query));
    return take_rows(run, pass);
}

static nacre_status find_columns(struct export_run *run) {
    struct nacre_session *s = run->s;
    TRY(name_columns(run));
    TRY(run_pass(run, PASS_SHOW));
    return csv_header_write(&s->ctx, &run->columns, &s->text);
}

// --- the call ---

static nacre_status run_export(struct export_run *run) {
    struct nacre_session *s = run->s;
    struct budget *budget = engine_budget(s->db->engine);
    run->request.now_ms = (int64_t)engine_now_ms(s->db->engine);
    if (run->request.has_as_of) {
        run->request.now_ms = run->request.as_of_ms;
        TRY(lib_query_target_past(s, &run->target, run->request.as_of_ms));
    }
    buf_init(&run->json, budget, LIB_TEXT_MAX);
    buf_init(&run->bson, budget, LIB_TEXT_MAX);
    nacre_status status = csv_columns_init(&s->ctx, budget, &run->columns);
    lib_text_reset(&s->text);
    if (status == NACRE_OK) status = tell_progress(run);
    if (status == NACRE_OK && run->csv) status = find_columns(run);
    if (status == NACRE_OK) status = run_pass(run, PASS_WRITE);
    if (status == NACRE_OK) status = write_end(run);
    csv_columns_free(&run->columns);
    buf_free(&run->json);
    buf_free(&run->bson);
    return status;
}

nacre_status nacre_export(nacre_session *s, nacre_collection *collection, const char *spec,
                          nacre_write_fn *write, void *write_arg, nacre_progress_fn *on_progress,
                          void *progress_arg, uint64_t *out_documents) {
    struct export_run run = {.s = s,
                             .write = write,
                             .write_arg = write_arg,
                             .on_progress = on_progress,
                             .progress_arg = progress_arg};
    TRY(lib_begin(s));
    if (!write) return lib_null(s, "write", "a function that takes the output");
    TRY(lib_done(s, read_spec(s, spec, &run)));
    TRY(lib_query_target(s, collection, &run.target));
    lib_running_begin(s, &run.running, "export", collection, spec);
    nacre_status status = run_export(&run);
    lib_running_end(s, &run.running);
    query_close(run.query);
    txn_view_release(run.target.view);
    if (status == NACRE_OK && out_documents) *out_documents = run.progress.documents;
    return lib_done(s, status);
}
