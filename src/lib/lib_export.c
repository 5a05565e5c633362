// Export: every document that matches, out of one view, as NDJSON.
#include "doc/json.h"
#include "lib/lib.h"
#include "lib/lib_body.h"
#include "lib/lib_token.h"

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
    nacre_progress progress;
    uint64_t next_progress_ns;
};

static nacre_status read_spec(struct nacre_session *s, const char *spec,
                              struct query_request *out) {
    static const struct json_options options = {.allow_dollar_names = true};
    struct lib_body body = {.ctx = &s->ctx,
                            .bson = &s->body,
                            .whole = slice_str(spec && spec[0] ? spec : "{}"),
                            .what = "an export"};
    struct lib_member members[] = {
        {.name = "filter"}, {.name = "fields"}, {.name = "as_of", .later = true}, {.name = NULL}};
    s->body.max = LIB_TEXT_MAX;
    lib_text_reset(&s->body);
    TRY(lib_body_members(&body, body.whole, members));
    buf_reset(&s->body);
    TRY(json_parse(&s->ctx, body.whole, &options, &s->body));
    const uint8_t *p = arena_copy(&s->ctx.arena, s->body.p, s->body.n);
    if (!p) return err_nomem(&s->ctx);
    nacre_status status = query_request_parse(&s->ctx, slice_of(p, s->body.n), out);
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
    if (world_mono_ns(s->db->world) < run->next_progress_ns) return NACRE_OK;
    return tell_progress(run);
}

static nacre_status write_end(struct export_run *run) {
    char token[LIB_TOKEN_MAX];
    lib_token_print(run->target.view->generation, run->target.view->seq, token);
    buf_printf(&run->s->text, "{\"$end\":{\"documents\":%llu,\"seq\":\"%s\"}}\n",
               (unsigned long long)run->progress.documents, token);
    TRY(write_out(run));
    return tell_progress(run);
}

static nacre_status write_rows(struct export_run *run) {
    struct nacre_session *s = run->s;
    struct present_options options = {
        .fields = run->request.fields, .no_system = true, .now_ms = run->request.now_ms};
    // What the request needs lies before the mark; what a row needs is given back.
    struct arena_mark mark = arena_mark(&s->ctx.arena);
    for (;;) {
        struct query_row row;
        bool found;
        TRY(query_next(&s->ctx, run->query, &row, &found));
        if (!found) return write_end(run);
        present_doc(&s->text, &row.row, &options);
        buf_put_u8(&s->text, '\n');
        arena_rewind(&s->ctx.arena, mark);
        if (++run->progress.documents % EXPORT_CHECK_ROWS == 0) TRY(ctx_check(&s->ctx));
        if (s->text.n >= EXPORT_BYTES || s->text.status != NACRE_OK) TRY(write_out(run));
    }
}

static nacre_status run_export(struct export_run *run) {
    struct nacre_session *s = run->s;
    run->request.now_ms = (int64_t)engine_now_ms(s->db->engine);
    TRY(query_open(&s->ctx, &run->target, &run->request, &run->query));
    lib_text_reset(&s->text);
    TRY(tell_progress(run));
    return write_rows(run);
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
    TRY(lib_done(s, read_spec(s, spec, &run.request)));
    TRY(lib_query_target(s, collection, &run.target));
    nacre_status status = run_export(&run);
    query_close(run.query);
    txn_view_release(run.target.view);
    if (status == NACRE_OK && out_documents) *out_documents = run.progress.documents;
    return lib_done(s, status);
}
