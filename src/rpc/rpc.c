// A call from its request message to its last reply.
#include "rpc/rpc.h"

#include <stdio.h>

#include "base/bits/protobuf.h"
#include "lib/lib_body.h"
#include "lib/problem.h"
#include "rpc/rpc_table.h"

// So much of a stream's reply goes out as one message, where nobody waits for it.
enum { MESSAGE_SIZE = 64 << 10, LINE_MAX = 64 << 20 };

struct run {
    struct op_call *call;
    const struct rpc_method *method;
    const struct rpc_stream *stream;
    struct buf *out;     // the message that is being made
    struct buf line;     // the begin of a line of the answer
    struct slice data;   // of an import: what is not read yet of a message
    bool sent;           // a message has been
    bool gone, beats;    // the peer is; it is to be told that the stream stands
    nacre_status failed; // what could not be made a message, or read from one: ctx's error record
    nacre_status status; // what a last line told
    struct slice problem;
};

// --- which ---

const struct rpc_method *rpc_method_of_path(struct slice path) {
    for (size_t i = 0; i < rpc_method_count; i++)
        if (slice_eq_str(path, rpc_methods[i].path)) return &rpc_methods[i];
    return NULL;
}

const struct rpc_method *rpc_method_of_number(uint16_t number) {
    for (size_t i = 0; i < rpc_method_count; i++)
        if (rpc_methods[i].op->number == number) return &rpc_methods[i];
    return NULL;
}

struct slice rpc_method_path(const struct rpc_method *method) {
    return slice_str(method->path);
}

const struct op *rpc_method_op(const struct rpc_method *method) { return method->op; }

bool rpc_method_takes_stream(const struct rpc_method *method) { return method->takes_stream; }

bool rpc_method_gives_stream(const struct rpc_method *method) { return method->reply->streams; }

bool rpc_method_follows(const struct rpc_method *method, struct slice message) {
    struct protobuf_field got;
    uint32_t follow = 0;
    for (size_t i = 0; i < method->request->count; i++) {
        const struct rpc_field *field = &method->request->fields[i];
        if (field->place == RPC_PARAM && field->which == OP_PARAM_FOLLOW) follow = field->number;
    }
    bool follows = false;
    while (follow && message.n && protobuf_next(&message, &got))
        if (got.number == follow) follows = got.value != 0;
    return follows;
}

// --- replies of a stream ---

static int send(struct run *run) {
    if (buf_status(run->out) != NACRE_OK) {
        run->failed = err_buf(run->call->ctx, run->out);
        run->gone = true;
    }
    if (!run->gone) run->gone = run->stream->send(run->stream->arg, buf_slice(run->out)) != 0;
    buf_reset(run->out);
    run->beats = false;
    run->sent = true;
    return run->gone ? -1 : 0;
}

// "{"$end":{…}}": the inner object.
static bool is_last(struct slice line, const char *name, struct slice *out) {
    struct slice begin = slice_str(name);
    if (!slice_starts(line, begin) || line.n < begin.n + 3) return false;
    *out = slice_of(line.p + begin.n, line.n - begin.n - 1);
    return true;
}

static nacre_status status_of(struct slice json) {
    for (int i = 1; i < NACRE_STATUS_COUNT; i++) {
        char text[64];
        int n = snprintf(text, sizeof text, "\"code\":\"%s\"", nacre_status_code((nacre_status)i));
        if (memmem(json.p, json.n, text, (size_t)n)) return (nacre_status)i;
    }
    return NACRE_INTERNAL;
}

static nacre_status put_item(struct run *run, struct slice line) {
    const struct rpc_reply *reply = run->method->reply;
    struct buf item BUF_CLEANUP = {0};
    if (run->out->n >= MESSAGE_SIZE) send(run);
    if (!reply->item_part) {
        protobuf_put_bytes(run->out, reply->item, line);
        return NACRE_OK;
    }
    struct arena_mark mark = arena_mark(&run->call->ctx->arena);
    buf_init(&item, NULL, run->out->max);
    nacre_status status = rpc_reply_members(run->call, reply->item_part, line, &item);
    if (status == NACRE_OK) protobuf_put_bytes(run->out, reply->item, buf_slice(&item));
    arena_rewind(&run->call->ctx->arena, mark);
    return status;
}

static nacre_status put_line(struct run *run, struct slice line) {
    const struct rpc_reply *reply = run->method->reply;
    struct slice last;
    if (!line.n) {
        run->beats = true;
        return NACRE_OK;
    }
    if (is_last(line, "{\"$end\":", &last))
        return rpc_reply_members(run->call, reply->fields, last, run->out);
    if (!is_last(line, "{\"$error\":", &last)) return put_item(run, line);
    run->status = status_of(last);
    const uint8_t *copy = arena_copy(&run->call->ctx->arena, last.p, last.n);
    if (!copy) return err_nomem(run->call->ctx);
    run->problem = slice_of(copy, last.n);
    return NACRE_OK;
}

// Bytes of the answer, in whatever pieces: its lines.
static nacre_status put_lines(struct run *run, struct slice bytes) {
    while (bytes.n) {
        const uint8_t *end = memchr(bytes.p, '\n', bytes.n);
        struct slice line = slice_of(bytes.p, end ? (size_t)(end - bytes.p) : bytes.n);
        bytes = slice_skip(bytes, line.n + (end != NULL));
        if (!end || run->line.n) buf_put_slice(&run->line, line);
        if (buf_status(&run->line) != NACRE_OK) return err_buf(run->call->ctx, &run->line);
        if (!end) break;
        if (run->line.n) line = buf_slice(&run->line);
        TRY(put_line(run, line));
        buf_reset(&run->line);
    }
    return NACRE_OK;
}

static int write_answer(void *arg, const void *bytes, size_t size) {
    struct run *run = arg;
    nacre_status status = NACRE_OK;
    if (run->gone || run->failed != NACRE_OK) return -1;
    if (size == 0) return send(run); // the answer begins
    if (run->call->answer.media == OP_CSV)
        protobuf_put_bytes(run->out, run->method->reply->csv, slice_of(bytes, size));
    else
        status = put_lines(run, slice_of(bytes, size));
    if (status != NACRE_OK) run->failed = status;
    if (run->failed == NACRE_OK && run->out->n >= MESSAGE_SIZE) send(run);
    return run->gone || run->failed != NACRE_OK ? -1 : 0;
}

static int flush_answer(void *arg) {
    struct run *run = arg;
    return run->out->n || run->beats ? send(run) : run->gone ? -1 : 0;
}

// --- requests of a stream ---

static long read_data(void *arg, void *buffer, size_t size) {
    struct run *run = arg;
    struct slice message;
    while (!run->data.n) {
        int got = run->stream->receive(run->stream->arg, &message);
        if (got <= 0) return got;
        run->failed = rpc_call_data(run->call->ctx, run->method->request, message, &run->data);
        if (run->failed != NACRE_OK) return -1;
    }
    size_t n = run->data.n < size ? run->data.n : size;
    memcpy(buffer, run->data.p, n);
    run->data = slice_skip(run->data, n);
    return (long)n;
}

// --- the call ---

// What an operation held as a whole, though it has rows: {"items":[…]} or lines.
static nacre_status put_page(struct run *run) {
    struct lib_member members[] = {{.name = "items"}, {0}};
    struct buf bson BUF_CLEANUP = {0};
    struct slice body = buf_slice(&run->call->answer.body), *items;
    struct lib_body page = {
        .ctx = run->call->ctx, .bson = &bson, .whole = body, .what = "an answer", .open = true};
    size_t count;
    if (run->call->answer.media != OP_JSON) return put_lines(run, body);
    buf_init(&bson, NULL, LINE_MAX);
    TRY(lib_body_members(&page, body, members));
    TRY(lib_body_elements(&page, "items", members[0].raw, SIZE_MAX, &items, &count));
    for (size_t i = 0; i < count; i++)
        TRY(put_item(run, items[i]));
    return rpc_reply_members(run->call, run->method->reply->fields, body, run->out);
}

static nacre_status finish_stream(struct run *run) {
    struct op_answer *answer = &run->call->answer;
    TRY(run->failed);
    if (answer->body.n) TRY(put_page(run));
    if (run->status != NACRE_OK) {
        buf_reset(&answer->body);
        buf_put_slice(&answer->body, run->problem);
        return run->status;
    }
    if (run->out->n || !run->sent) send(run);
    return run->failed;
}

static nacre_status run_call(struct run *run, struct slice message) {
    struct op_call *call = run->call;
    const struct rpc_reply *reply = run->method->reply;
    call->media = run->method->takes_stream ? OP_NDJSON : OP_JSON;
    call->accept = reply->streams ? OP_NDJSON : OP_JSON; // rows come one by one
    nacre_status status = rpc_call_fill(call, run->method->request, message, &run->data);
    if (status != NACRE_OK) return op_refuse(call, status);
    status = op_run(call);
    if (status != NACRE_OK && run->failed == NACRE_OK) return status;
    status = reply->streams ? finish_stream(run) : rpc_reply_answer(call, reply->fields, run->out);
    if (status == NACRE_OK || (status == run->status && run->failed == NACRE_OK)) return status;
    return op_refuse(call, status);
}

nacre_status rpc_run(struct op_call *call, const struct rpc_method *method, struct slice message,
                     const struct rpc_stream *stream, const char *request_id, struct buf *out) {
    struct run run = {.call = call, .method = method, .stream = stream, .out = out};
    struct op_stream answer = {
        .arg = &run, .read = read_data, .write = write_answer, .flush = flush_answer};
    buf_reset(out);
    buf_init(&run.line, NULL, LINE_MAX);
    call->stream = &answer;
    call->request_id = request_id;
    nacre_status status = run_call(&run, message);
    call->stream = NULL;
    buf_free(&run.line);
    if (status == NACRE_OK || call->would_wait) return status;
    buf_reset(out);
    rpc_reply_problem(call->ctx, status, buf_slice(&call->answer.body), out);
    return status;
}

void rpc_refuse(struct ctx *ctx, const char *request_id, struct buf *out) {
    struct buf problem BUF_CLEANUP = {0};
    nacre_status status = ctx->err.status;
    buf_init(&problem, NULL, 1 << 16);
    lib_problem_write(&problem, &ctx->err, request_id);
    buf_reset(out);
    rpc_reply_problem(ctx, status, buf_slice(&problem), out);
}
