// Bodies and answers that are not held as a whole: import, export, changes.
#include "doc/json.h"
#include "lib/lib_body.h"
#include "ops/principal.h"

// --- import ---

struct import_call {
    struct op_call *call;
    struct buf line; // of the answer
    bool skips, refused, gone;
};

static long read_body(void *arg, void *buffer, size_t size) {
    struct import_call *import = arg;
    const struct op_stream *stream = import->call->stream;
    if (op_still(import->call) != NACRE_OK) return -1;
    return stream->read(stream->arg, buffer, size);
}

static void write_line(struct import_call *import) {
    const struct op_stream *stream = import->call->stream;
    if (buf_status(&import->line) != NACRE_OK) import->gone = true;
    if (!import->gone)
        import->gone = stream->write(stream->arg, import->line.p, import->line.n) != 0;
}

static void tell_refused(void *arg, uint64_t line, const char *problem) {
    struct import_call *import = arg;
    import->refused = true;
    if (!import->skips) return; // the last line of the answer tells it
    buf_reset(&import->line);
    buf_printf(&import->line, "{\"line\":%llu,\"error\":%s}\n", (unsigned long long)line, problem);
    write_line(import);
}

static int is_gone(void *arg, const nacre_progress *progress) {
    (void)progress;
    return ((struct import_call *)arg)->gone;
}

// The last line: how it went.
static void put_import_end(struct import_call *import, nacre_status status,
                           const nacre_import_result *result) {
    struct buf *out = &import->line;
    buf_reset(out);
    if (status == NACRE_OK) {
        buf_printf(out, "{\"$end\":{\"documents\":%llu,\"failed\":%llu,\"seq\":\"%s\"}}\n",
                   (unsigned long long)result->documents, (unsigned long long)result->failed,
                   result->sequence);
        return;
    }
    buf_printf(out, "{\"$error\":%s", nacre_error_problem(import->call->session));
    if (out->n) out->n--; // the problem object goes on
    buf_printf(out, ",\"line\":%llu,\"documents\":%llu}}\n", (unsigned long long)result->lines + 1,
               (unsigned long long)result->documents);
}

static nacre_status import_lines(struct op_call *call, struct import_call *import) {
    const char *mode = call->params[OP_PARAM_MODE];
    nacre_import_options options = {
        .insert = mode && strcmp(mode, "insert") == 0,
        .skip_errors = import->skips,
        .durability = op_durability(call),
        .format = call->media == OP_CSV ? NACRE_CSV : NACRE_NDJSON,
        .on_progress = is_gone,
        .on_line_error = tell_refused,
        .arg = import,
    };
    nacre_import_result result = {0};
    call->answer.media = OP_NDJSON;
    nacre_status status =
        nacre_import(call->session, &call->collection, read_body, import, &options, &result);
    // What is no error of a line, before anything is stored, is the answer of the call.
    if (status != NACRE_OK && !import->refused && result.documents == 0)
        return op_told(call, status);
    put_import_end(import, status, &result);
    op_answer_sequence(call, result.sequence);
    write_line(import);
    return NACRE_OK; // how it went stands in the answer's last line
}

nacre_status run_import(struct op_call *call) {
    const char *on_error = call->params[OP_PARAM_ON_ERROR];
    struct import_call import = {.call = call, .skips = on_error && strcmp(on_error, "skip") == 0};
    buf_init(&import.line, NULL, 1 << 20);
    nacre_status status = import_lines(call, &import);
    buf_free(&import.line);
    return status;
}

// --- export ---

static int write_answer(void *arg, const void *bytes, size_t size) {
    struct op_call *call = arg;
    if (op_still(call) != NACRE_OK) return -1;
    return call->stream->write(call->stream->arg, bytes, size);
}

nacre_status run_export(struct op_call *call) {
    struct buf spec BUF_CLEANUP = {0};
    bool csv = call->accept == OP_CSV;
    buf_init(&spec, NULL, 1 << 20);
    op_member_text(&spec, "filter", call->params[OP_PARAM_FILTER]);
    op_member_list(&spec, "fields", call->params[OP_PARAM_FIELDS]);
    op_member_text(&spec, "as_of", call->params[OP_PARAM_AS_OF]);
    op_member_text(&spec, "format", csv ? "csv" : NULL);
    op_member_text(&spec, "int64", call->params[OP_PARAM_INT64]);
    op_members_end(&spec);
    buf_put_u8(&spec, 0);
    TRY(buf_status(&spec));
    call->answer.media = csv ? OP_CSV : OP_NDJSON;
    return op_told(call, nacre_export(call->session, &call->collection, (const char *)spec.p,
                                      write_answer, call, NULL, NULL, NULL));
}

// --- changes ---

static nacre_status put_change(struct op_call *call, struct buf *out, const char *json,
                               size_t size) {
    struct lib_member members[] = {{.name = "seq"},
                                   {.name = "op"},
                                   {.name = "id"},
                                   {.name = "version"},
                                   {.name = "time"},
                                   {.name = "document"},
                                   {0}};
    struct buf *answer = &call->answer.body;
    struct lib_body body;
    struct slice seq;
    buf_reset(answer); // op_answer_json writes there
    TRY(op_answer_json(call, json, size));
    buf_reset(out);
    if (call->accept == OP_EVENTS) {
        call->body = json;
        call->body_size = size;
        TRY(op_members(call, "a change", &body, members));
        TRY(lib_body_string(&body, &members[0], &seq));
        buf_put_str(out, "id: ");
        buf_put_slice(out, seq);
        buf_put_str(out, "\nevent: change\ndata: ");
        buf_free(call->scratch);
        call->scratch = NULL;
    }
    buf_put_slice(out, buf_slice(answer));
    buf_put_str(out, call->accept == OP_EVENTS ? "\n\n" : "\n");
    buf_reset(answer);
    return buf_status(out);
}

static nacre_status end_changes(struct op_call *call, nacre_feed *feed, struct buf *out) {
    const char *token;
    TRY(op_told(call, nacre_feed_token(feed, &token)));
    buf_reset(out);
    buf_printf(out,
               call->accept == OP_EVENTS ? "event: end\ndata: {\"seq\":\"%s\"}\n\n"
                                         : "{\"$end\":{\"seq\":\"%s\"}}\n",
               token);
    call->stream->write(call->stream->arg, out->p, out->n);
    return NACRE_OK;
}

enum { KEEP_ALIVE_MS = 15000 };

static nacre_status follow_changes(struct op_call *call, nacre_feed *feed, struct buf *out) {
    const struct op_stream *stream = call->stream;
    bool follow = op_flag(call, OP_PARAM_FOLLOW, false);
    const char *json;
    size_t size;
    // The head goes out now, not with the first change.
    if (follow && (stream->write(stream->arg, "", 0) != 0 || stream->flush(stream->arg) != 0))
        return NACRE_OK;
    for (;;) {
        struct arena_mark mark = arena_mark(&call->ctx->arena);
        TRY(op_told(call, nacre_feed_next(feed, follow ? KEEP_ALIVE_MS : -1, &json, &size)));
        TRY(op_still(call));
        if (!json && !follow) return end_changes(call, feed, out);
        if (json) TRY(put_change(call, out, json, size));
        const char *alive = call->accept == OP_EVENTS ? ":\n\n" : "\n"; // nothing came for a while
        int gone = json ? stream->write(stream->arg, out->p, out->n)
                        : stream->write(stream->arg, alive, strlen(alive));
        if (!gone && follow) gone = stream->flush(stream->arg);
        arena_rewind(&call->ctx->arena, mark);
        if (gone) return NACRE_OK;
    }
}

nacre_status run_changes(struct op_call *call) {
    const char *since = call->params[OP_PARAM_SINCE];
    struct buf spec BUF_CLEANUP = {0}, out BUF_CLEANUP = {0};
    nacre_feed *feed;
    if (!since) since = call->headers[OP_HEADER_LAST_EVENT_ID];
    buf_init(&spec, NULL, 1 << 20);
    buf_init(&out, NULL, call->answer.body.max);
    op_member_text(&spec, "since", since);
    op_member_text(&spec, "filter", call->params[OP_PARAM_FILTER]);
    if (op_flag(call, OP_PARAM_FOLLOW, false))
        buf_put_str(&spec, spec.n ? ",\"follow\":true" : "{\"follow\":true");
    op_members_end(&spec);
    buf_put_u8(&spec, 0);
    TRY(buf_status(&spec));
    call->answer.media = call->accept == OP_EVENTS ? OP_EVENTS : OP_NDJSON;
    TRY(op_told(call,
                nacre_changes(call->session, &call->collection, (const char *)spec.p, &feed)));
    nacre_status status = follow_changes(call, feed, &out);
    nacre_feed_close(feed);
    return status;
}
