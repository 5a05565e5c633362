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

static nacre_status bad_header(struct op_call *call, enum op_header header, const char *expected) {
    nacre_status status = err_set(call->ctx, NACRE_INVALID_ARGUMENT, "%s: expected %s, got %.80s",
                                  op_header_names[header], expected, call->headers[header]);
    err_parameter(call->ctx, op_header_names[header]);
    return status;
}

// "7", "8": the versions; *out_count 0 and *any for *.
static nacre_status take_tags(struct op_call *call, enum op_header header, uint64_t versions[64],
                              size_t *out_count, bool *any) {
    static const char *const expected = "a list of versions in quotes, as in \"7\", or *";
    const char *at = call->headers[header];
    *out_count = 0;
    *any = strcmp(at, "*") == 0;
    while (!*any) {
        uint64_t version = 0;
        size_t digits = at[0] == '"' ? strspn(at + 1, "0123456789") : 0;
        if (digits == 0 || digits > 19 || at[digits + 1] != '"' || *out_count == 64)
            return bad_header(call, header, expected);
        for (size_t i = 1; i <= digits; i++)
            version = version * 10 + (uint64_t)(at[i] - '0');
        versions[(*out_count)++] = version;
        at += digits + 2;
        at += strspn(at, " \t");
        if (!*at) return NACRE_OK;
        if (*at != ',') return bad_header(call, header, expected);
        at += 1 + strspn(at + 1, " \t");
    }
    return NACRE_OK;
}

nacre_status op_matches(struct op_call *call, uint64_t version, bool *out) {
    uint64_t versions[64];
    size_t count;
    *out = false;
    if (!call->headers[OP_HEADER_IF_NONE_MATCH]) return NACRE_OK;
    TRY(take_tags(call, OP_HEADER_IF_NONE_MATCH, versions, &count, out));
    for (size_t i = 0; i < count; i++)
        *out |= versions[i] == version;
    return NACRE_OK;
}

nacre_status op_write_options(struct op_call *call, nacre_write *out, uint64_t versions[64]) {
    const char *prefer = call->headers[OP_HEADER_PREFER];
    bool any = false;
    *out = (nacre_write){
        .durability = op_durability(call),
        .if_filter = call->params[OP_PARAM_IF],
        .has_ttl = call->params[OP_PARAM_TTL_SECONDS] != NULL,
        .ttl_seconds = op_number(call, OP_PARAM_TTL_SECONDS, 0),
        .lease = call->headers[OP_HEADER_NACRE_LEASE],
        .idempotency_key = call->headers[OP_HEADER_IDEMPOTENCY_KEY],
        .want_document = !prefer || strcmp(prefer, "return=minimal") != 0,
    };
    if (call->headers[OP_HEADER_IF_NONE_MATCH]) {
        if (strcmp(call->headers[OP_HEADER_IF_NONE_MATCH], "*") != 0)
            return bad_header(call, OP_HEADER_IF_NONE_MATCH, "*, on a write");
        out->if_absent = 1;
    }
    if (!call->headers[OP_HEADER_IF_MATCH]) return NACRE_OK;
    TRY(take_tags(call, OP_HEADER_IF_MATCH, versions, &out->if_version_count, &any));
    out->if_versions = versions;
    out->if_present = any;
    return NACRE_OK;
}

nacre_status op_id(struct op_call *call, nacre_id *out) {
    return op_told(call, nacre_id_parse(call->session, call->path[OP_PATH_ID], out));
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

static nacre_status put_rows(struct op_call *call, nacre_cursor *cursor, bool total) {
    struct buf *out = &call->answer.body;
    const char *row;
    size_t size;
    bool lines = call->accept == OP_NDJSON, first = true;
    call->answer.media = lines ? OP_NDJSON : OP_JSON;
    if (!lines) buf_put_str(out, "{\"items\":[");
    for (;; first = false) {
        TRY(op_told(call, nacre_cursor_next(cursor, &row, &size)));
        if (!row) return put_end(call, cursor, total);
        if (!first && !lines) buf_put_u8(out, ',');
        TRY(op_answer_json(call, row, size));
        if (lines) buf_put_u8(out, '\n');
        if (buf_status(out) != NACRE_OK) return err_buf(call->ctx, out);
    }
}

nacre_status op_answer_rows(struct op_call *call, nacre_cursor *cursor, bool total) {
    nacre_status status = put_rows(call, cursor, total);
    nacre_cursor_close(cursor);
    return status;
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
    for (const char *at = list; *at;) {
        size_t size = strcspn(at, ",");
        if (at > list) buf_put_u8(out, ',');
        json_write_str(out, slice_of(at, size));
        at += size + (at[size] == ',');
    }
    buf_put_u8(out, ']');
}

void op_member_number(struct buf *out, const char *name, uint64_t number) {
    member(out, name);
    buf_printf(out, "%llu", (unsigned long long)number);
}

void op_members_end(struct buf *out) { buf_put_str(out, out->n == 0 ? "{}" : "}"); }
