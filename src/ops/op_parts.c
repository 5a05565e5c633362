// What operations share: conditions, answers, bodies from parameters.
#include <stdio.h>

#include "doc/json.h"
#include "lib/lib_body.h"
#include "ops/op.h"

nacre_status op_text(struct op_call *call, struct slice text, const char **out) {
    *out = arena_str(&call->ctx->arena, text);
    return *out ? NACRE_OK : err_nomem(call->ctx);
}

nacre_status op_members(struct op_call *call, const char *what, struct lib_body *out,
                        struct lib_member *members) {
    struct slice text = slice_of(call->body, call->body_size);
    struct buf *bson = arena_zalloc(&call->ctx->arena, sizeof *bson);
    if (!bson) return err_nomem(call->ctx);
    buf_init(bson, NULL, call->answer.body.max);
    call->scratch = bson;
    *out = (struct lib_body){.ctx = call->ctx, .bson = bson, .whole = text, .what = what};
    return text.n ? lib_body_members(out, text, members) : NACRE_OK;
}

nacre_status op_id(struct op_call *call, nacre_id *out) {
    nacre_status status = op_told(call, nacre_id_parse(call->session, call->path[OP_PATH_ID], out));
    if (status == NACRE_INVALID_ARGUMENT) err_parameter(call->ctx, op_path_names[OP_PATH_ID]);
    return status;
}

void op_answer_sequence(struct op_call *call, const char *sequence) {
    snprintf(call->answer.sequence, sizeof call->answer.sequence, "%s", sequence);
}

nacre_status op_answer_json(struct op_call *call, const char *json, size_t size) {
    const char *mode = call->params[OP_PARAM_INT64];
    struct json_options options = {.allow_dollar_names = true};
    struct buf bson BUF_CLEANUP = {0};
    struct val value;
    if (!mode || strcmp(mode, "string") != 0) {
        buf_put(&call->answer.body, json, size);
        return NACRE_OK;
    }
    buf_init(&bson, NULL, call->answer.body.max);
    TRY(json_parse_value(call->ctx, slice_of(json, size), &options, &bson, NULL, &value));
    json_write_val(&call->answer.body, value, JSON_INT64_STRING);
    return NACRE_OK;
}

nacre_status op_answer_write(struct op_call *call, const nacre_result *result) {
    call->answer.version = result->version;
    call->answer.replayed = result->replayed;
    op_answer_sequence(call, result->sequence);
    if (result->json) return op_answer_json(call, result->json, result->json_size);
    if (call->answer.status == 200) call->answer.status = 204;
    return NACRE_OK;
}

nacre_status op_answer_changed(struct op_call *call, const char *json) {
    if (!op_is_minimal(call)) return op_answer_json(call, json, strlen(json));
    if (call->answer.status == 200) call->answer.status = 204;
    return NACRE_OK;
}

void op_answer_last(struct op_call *call) {
    op_answer_sequence(call, nacre_last_sequence(call->session));
    call->answer.replayed = nacre_last_replayed(call->session);
}

// --- pages ---

static nacre_status put_end(struct op_call *call, nacre_cursor *cursor, bool total) {
    struct buf *out = &call->answer.body;
    bool lines = call->accept == OP_NDJSON;
    const char *token;
    uint64_t count;
    const char *comma = lines ? "" : ",";
    buf_put_str(out, lines ? "{\"$end\":{" : "]");
    TRY(op_told(call, nacre_cursor_token(cursor, &token)));
    if (token) {
        buf_printf(out, "%s\"next_cursor\":", comma);
        json_write_str(out, slice_str(token));
        comma = ",";
    }
    if (total) {
        TRY(op_told(call, nacre_cursor_total(cursor, &count)));
        buf_printf(out, "%s\"total\":%llu", comma, (unsigned long long)count);
    }
    buf_put_str(out, lines ? "}}\n" : "}");
    return NACRE_OK;
}

enum { PART_SIZE = 64 << 10 }; // of an answer in lines that is sent while it is made

// Sends the lines that are there; none is held twice.
static nacre_status send_lines(struct op_call *call) {
    struct buf *out = &call->answer.body;
    if (call->stream->write(call->stream->arg, out->p, out->n) != 0)
        return err_set(call->ctx, NACRE_CANCELLED, "the client has gone");
    buf_reset(out);
    call->sent = true;
    return NACRE_OK;
}

static nacre_status put_rows(struct op_call *call, nacre_cursor *cursor, bool total) {
    struct buf *out = &call->answer.body;
    const char *row;
    size_t size;
    bool lines = call->accept == OP_NDJSON, first = true;
    call->answer.media = lines ? OP_NDJSON : OP_JSON;
    if (!lines) buf_put_str(out, "{\"items\":[");
    for (;; first = false) {
        TRY(op_told(call, nacre_cursor_next(cursor, &row, &size)));
        if (!row) break;
        if (!first && !lines) buf_put_u8(out, ',');
        TRY(op_answer_json(call, row, size));
        if (lines) buf_put_u8(out, '\n');
        if (buf_status(out) != NACRE_OK) return err_buf(call->ctx, out);
        if (lines && out->n >= PART_SIZE) TRY(send_lines(call));
    }
    TRY(put_end(call, cursor, total));
    return call->sent ? send_lines(call) : NACRE_OK;
}

nacre_status op_answer_rows(struct op_call *call, nacre_cursor *cursor, bool total) {
    nacre_status status = put_rows(call, cursor, total);
    nacre_cursor_close(cursor);
    return status;
}

// Members beside the items, as the last line tells them.
static void put_rest(struct buf *out, const struct lib_member *members) {
    const char *comma = "";
    buf_put_str(out, "{\"$end\":{");
    for (size_t i = 1; members[i].name; i++) {
        if (!members[i].raw.n) continue;
        buf_printf(out, "%s\"%s\":", comma, members[i].name);
        buf_put_slice(out, members[i].raw);
        comma = ",";
    }
    buf_put_str(out, "}}\n");
}

nacre_status op_answer_lines(struct op_call *call) {
    struct lib_member members[] = {
        {.name = "items"}, {.name = "next_cursor"}, {.name = "total"}, {0}};
    struct op_answer *answer = &call->answer;
    struct lib_body body;
    struct slice *items;
    size_t count;
    if (answer->media != OP_JSON || !answer->body.n) return NACRE_OK;
    struct slice text = buf_slice(&answer->body);
    call->body = (const char *)arena_copy(&call->ctx->arena, text.p, text.n);
    if (!call->body) return err_nomem(call->ctx);
    call->body_size = text.n; // what members are read from
    TRY(op_members(call, "a list", &body, members));
    TRY(lib_body_elements(&body, "items", members[0].raw, SIZE_MAX, &items, &count));
    buf_reset(&answer->body);
    for (size_t i = 0; i < count; i++) {
        buf_put_slice(&answer->body, items[i]);
        buf_put_u8(&answer->body, '\n');
    }
    put_rest(&answer->body, members);
    answer->media = OP_NDJSON;
    return NACRE_OK;
}

// --- members ---

static void member(struct buf *out, const char *name) {
    buf_put_str(out, out->n == 0 ? "{" : ",");
    json_write_str(out, slice_str(name));
    buf_put_u8(out, ':');
}

void op_member_text(struct buf *out, const char *name, const char *text) {
    if (!text) return;
    member(out, name);
    json_write_str(out, slice_str(text));
}

void op_member_list(struct buf *out, const char *name, const char *list) {
    if (!list) return;
    member(out, name);
    buf_put_u8(out, '[');
    for (const char *at = list;; at++) {
        size_t size = strcspn(at, ",");
        if (at > list) buf_put_u8(out, ',');
        json_write_str(out, slice_of(at, size));
        at += size;
        if (!*at) break;
    }
    buf_put_u8(out, ']');
}

void op_member_number(struct buf *out, const char *name, uint64_t number) {
    member(out, name);
    buf_printf(out, "%llu", (unsigned long long)number);
}

nacre_status op_body_as_of(struct op_call *call) {
    struct json_options options = {.allow_dollar_names = true};
    const char *as_of = call->params[OP_PARAM_AS_OF];
    struct buf text BUF_CLEANUP = {0};
    size_t size = call->body_size;
    struct val value;
    if (!as_of) return NACRE_OK;
    buf_init(&text, NULL, call->answer.body.max);
    while (size && strchr(" \t\r\n", call->body[size - 1]))
        size--;
    if (!size) {
        op_member_text(&text, "as_of", as_of);
        op_members_end(&text);
    } else {
        struct buf bson BUF_CLEANUP = {0};
        buf_init(&bson, NULL, call->answer.body.max);
        TRY(json_parse_value(call->ctx, slice_of(call->body, size), &options, &bson, NULL, &value));
        if (value.type != VAL_OBJECT) return NACRE_OK; // the library refuses it
        if (bson_find(val_slice(value), SLICE_LIT("as_of")).type != VAL_MISSING) {
            nacre_status status = err_set(call->ctx, NACRE_INVALID_ARGUMENT,
                                          "as_of is given in the body and as a parameter");
            err_parameter(call->ctx, "as_of");
            return status;
        }
        // Before its last brace, so that places in the body stay what they are.
        buf_put(&text, call->body, size - 1);
        if (bson_count(val_slice(value))) buf_put_u8(&text, ',');
        buf_put_str(&text, "\"as_of\":");
        json_write_str(&text, slice_str(as_of));
        buf_put_u8(&text, '}');
    }
    TRY(buf_status(&text));
    TRY(op_text(call, buf_slice(&text), &call->body));
    call->body_size = text.n;
    return NACRE_OK;
}

void op_members_end(struct buf *out) { buf_put_str(out, out->n == 0 ? "{}" : "}"); }
