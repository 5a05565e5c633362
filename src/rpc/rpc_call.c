// A request message as a call: paths, parameters, headers and the body, as every operation takes
// them.
#include <stdio.h>
#include <stdlib.h>

#include "base/bits/protobuf.h"
#include "base/text/utf8.h"
#include "doc/json.h"
#include "rpc/rpc_table.h"

// What a message has of one field: of several the last, and how many.
struct value {
    uint32_t count;
    struct protobuf_field last;
};

static nacre_status bad(struct ctx *ctx, const struct rpc_field *field, const char *expected) {
    nacre_status status =
        err_set(ctx, NACRE_INVALID_ARGUMENT, "%s: expected %s", field->name, expected);
    err_parameter(ctx, field->name);
    return status;
}

// --- the wire ---

static bool is_wire(const struct rpc_field *field, uint8_t wire) {
    switch (field->kind) {
    case RPC_NUMBER:
    case RPC_FLAG:
    case RPC_CHOICE:
    case RPC_ENUM:
        return wire == PROTOBUF_VARINT;
    case RPC_NUMBERS:
        return wire == PROTOBUF_VARINT || wire == PROTOBUF_BYTES; // packed
    default:
        return wire == PROTOBUF_BYTES;
    }
}

// A field that this server does not know may be a condition: it is refused, not passed over.
static nacre_status scan(struct ctx *ctx, const struct rpc_part *part, struct slice message,
                         struct value *values) {
    struct protobuf_field got;
    memset(values, 0, part->count * sizeof *values);
    while (message.n) {
        size_t i = 0;
        if (!protobuf_next(&message, &got))
            return err_set(ctx, NACRE_INVALID_ARGUMENT, "the message is no protobuf");
        while (i < part->count && part->fields[i].number != got.number)
            i++;
        if (i == part->count)
            return err_set(ctx, NACRE_INVALID_ARGUMENT, "the message has no field %u",
                           (unsigned)got.number);
        if (!is_wire(&part->fields[i], got.wire))
            return bad(ctx, &part->fields[i], "another type on the wire");
        values[i].count++;
        values[i].last = got;
    }
    return NACRE_OK;
}

// --- values as text ---

static nacre_status text_of(struct ctx *ctx, const struct rpc_field *field, struct slice bytes,
                            const char **out) {
    if (!utf8_valid(bytes) || (bytes.n && memchr(bytes.p, 0, bytes.n)))
        return bad(ctx, field, "UTF-8 without U+0000");
    *out = arena_str(&ctx->arena, bytes);
    return *out ? NACRE_OK : err_nomem(ctx);
}

// The kind of an id and what it holds. Of both the last counts.
static nacre_status read_id(struct ctx *ctx, const struct rpc_field *field, struct slice message,
                            struct protobuf_field *out) {
    out->number = 0;
    while (message.n) {
        if (!protobuf_next(&message, out) || out->number > 2 ||
            out->wire != (out->number == 1 ? PROTOBUF_BYTES : PROTOBUF_VARINT))
            return bad(ctx, field, "a text or an integer");
    }
    return out->number ? NACRE_OK : bad(ctx, field, "a text or an integer");
}

static nacre_status written_id(struct ctx *ctx, const struct rpc_field *field, struct slice message,
                               const char **out) {
    struct protobuf_field id;
    TRY(read_id(ctx, field, message, &id));
    char *text = arena_alloc(&ctx->arena, id.bytes.n + 24);
    if (!text) return err_nomem(ctx);
    if (id.number == 1) {
        const char *given;
        TRY(text_of(ctx, field, id.bytes, &given));
        snprintf(text, id.bytes.n + 24, "%s%s", given[0] == '~' ? "~" : "", given);
    } else {
        snprintf(text, 24, "~%lld", (long long)(int64_t)id.value);
    }
    *out = text;
    return NACRE_OK;
}

static nacre_status word_of(struct ctx *ctx, const struct rpc_field *field, uint64_t value,
                            struct slice *out) {
    const char *at = field->words;
    while (value > 1 && *at) {
        at += strcspn(at, ",");
        at += *at == ',';
        value--;
    }
    if (!*at) return bad(ctx, field, field->words);
    *out = slice_of(at, strcspn(at, ","));
    return NACRE_OK;
}

// Texts with commas between, or versions as a list of tags: "7", "8".
static nacre_status list_of(struct ctx *ctx, const struct rpc_field *field, struct slice message,
                            const char **out) {
    struct buf list BUF_CLEANUP = {0};
    struct protobuf_field got;
    const char *text;
    buf_init(&list, NULL, 1 << 20);
    while (message.n && protobuf_next(&message, &got)) {
        if (got.number != field->number) continue;
        if (field->kind == RPC_TEXTS) {
            TRY(text_of(ctx, field, got.bytes, &text));
            buf_printf(&list, "%s%s", list.n ? "," : "", text);
            continue;
        }
        do {
            if (got.wire == PROTOBUF_BYTES && !protobuf_varint(&got.bytes, &got.value))
                return bad(ctx, field, "numbers");
            buf_printf(&list, "%s\"%llu\"", list.n ? "," : "", (unsigned long long)got.value);
        } while (got.wire == PROTOBUF_BYTES && got.bytes.n);
    }
    if (buf_status(&list) != NACRE_OK) return err_buf(ctx, &list);
    *out = arena_str(&ctx->arena, buf_slice(&list));
    return *out ? NACRE_OK : err_nomem(ctx);
}

// What a parameter, a header or a part of the path is; NULL: not given.
static nacre_status value_text(struct ctx *ctx, const struct rpc_field *field,
                               const struct value *value, struct slice message, const char **out) {
    uint64_t number = value->last.value;
    char digits[24];
    struct slice word;
    *out = NULL;
    switch (field->kind) {
    case RPC_NUMBER:
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
        *out = arena_str(&ctx->arena, slice_str(digits));
        return *out ? NACRE_OK : err_nomem(ctx);
    case RPC_FLAG:
        if (number) *out = field->words;
        return NACRE_OK;
    case RPC_CHOICE:
        *out = number ? "true" : "false";
        return NACRE_OK;
    case RPC_ENUM:
        if (!number) return NACRE_OK;
        TRY(word_of(ctx, field, number, &word));
        return text_of(ctx, field, word, out);
    case RPC_ID:
        return written_id(ctx, field, value->last.bytes, out);
    case RPC_TEXTS:
    case RPC_NUMBERS:
        return list_of(ctx, field, message, out);
    default:
        return value->last.bytes.n ? text_of(ctx, field, value->last.bytes, out) : NACRE_OK;
    }
}

// --- values as members of a JSON object ---

static nacre_status put_object(struct ctx *ctx, const struct rpc_part *part, struct slice message,
                               const struct value *values, struct buf *out);

// Only whole values come in, so that what a field holds cannot be taken for other members.
static nacre_status put_json(struct ctx *ctx, const struct rpc_field *field, struct slice json,
                             struct buf *out) {
    static const struct json_options options = {.allow_dollar_names = true};
    struct buf bson BUF_CLEANUP = {0};
    buf_init(&bson, NULL, 128 << 20);
    nacre_status status = json_parse_value(ctx, json, &options, &bson, NULL, NULL);
    if (status != NACRE_OK) {
        err_parameter(ctx, field->name);
        return status;
    }
    buf_put_slice(out, json);
    return NACRE_OK;
}

static nacre_status put_text(struct ctx *ctx, const struct rpc_field *field, struct slice bytes,
                             struct buf *out) {
    if (!utf8_valid(bytes)) return bad(ctx, field, "UTF-8");
    json_write_str(out, bytes);
    return NACRE_OK;
}

static nacre_status put_id(struct ctx *ctx, const struct rpc_field *field, struct slice message,
                           struct buf *out) {
    struct protobuf_field id;
    TRY(read_id(ctx, field, message, &id));
    if (id.number == 1) return put_text(ctx, field, id.bytes, out);
    buf_printf(out, "%lld", (long long)(int64_t)id.value);
    return NACRE_OK;
}

// All of a repeated field, as an array.
static nacre_status put_array(struct ctx *ctx, const struct rpc_field *field, struct slice message,
                              struct buf *out) {
    struct value inner[RPC_FIELDS_MAX];
    struct protobuf_field got;
    bool first = true;
    buf_put_u8(out, '[');
    while (message.n && protobuf_next(&message, &got)) {
        if (got.number != field->number) continue;
        if (!first) buf_put_u8(out, ',');
        first = false;
        if (field->kind == RPC_TEXTS) {
            TRY(put_text(ctx, field, got.bytes, out));
            continue;
        }
        TRY(scan(ctx, field->part, got.bytes, inner));
        TRY(put_object(ctx, field->part, got.bytes, inner, out));
    }
    buf_put_u8(out, ']');
    return NACRE_OK;
}

static nacre_status put_value(struct ctx *ctx, const struct rpc_field *field,
                              const struct value *value, struct slice message, struct buf *out) {
    struct slice word;
    switch (field->kind) {
    case RPC_TEXTS:
    case RPC_MESSAGES:
        return put_array(ctx, field, message, out);
    case RPC_JSON:
        return put_json(ctx, field, value->last.bytes, out);
    case RPC_ID:
        return put_id(ctx, field, value->last.bytes, out);
    case RPC_TEXT:
        return put_text(ctx, field, value->last.bytes, out);
    case RPC_ENUM:
        TRY(word_of(ctx, field, value->last.value, &word));
        json_write_str(out, word);
        return NACRE_OK;
    case RPC_NUMBER:
        buf_printf(out, "%llu", (unsigned long long)value->last.value);
        return NACRE_OK;
    default:
        buf_put_str(out, value->last.value ? "true" : "false");
        return NACRE_OK;
    }
}

// A default value is not sent, and so is none.
static bool is_given(const struct rpc_field *field, const struct value *value) {
    if (!value->count) return false;
    if (field->kind == RPC_TEXT || field->kind == RPC_JSON) return value->last.bytes.n > 0;
    return (field->kind != RPC_FLAG && field->kind != RPC_ENUM) || value->last.value != 0;
}

static nacre_status put_object(struct ctx *ctx, const struct rpc_part *part, struct slice message,
                               const struct value *values, struct buf *out) {
    const char *comma = "";
    buf_put_u8(out, '{');
    for (size_t i = 0; i < part->count; i++) {
        const struct rpc_field *field = &part->fields[i];
        if (field->place != RPC_MEMBER || !is_given(field, &values[i])) continue;
        buf_printf(out, "%s\"%s\":", comma, field->name);
        TRY(put_value(ctx, field, &values[i], message, out));
        comma = ",";
    }
    buf_put_u8(out, '}');
    return buf_status(out) == NACRE_OK ? NACRE_OK : err_buf(ctx, out);
}

// --- the call ---

static nacre_status take_path(struct op_call *call, const struct rpc_field *field,
                              const char *text) {
    bool usual = field->which == OP_PATH_DATABASE && call->op->of_database;
    if (!text && !usual) return bad(call->ctx, field, "it to be given");
    call->path[field->which] = text ? text : "main";
    return NACRE_OK;
}

static nacre_status take_header(struct op_call *call, const struct rpc_field *field,
                                const char *text) {
    if (!text) return NACRE_OK;
    if (call->headers[field->which])
        return bad(call->ctx, field, "one condition, not two that exclude each other");
    call->headers[field->which] = text;
    return NACRE_OK;
}

static nacre_status take_body(struct op_call *call, struct slice json) {
    call->body = arena_str(&call->ctx->arena, json);
    call->body_size = json.n;
    if (!call->body) return err_nomem(call->ctx);
    if (json.n && memchr(json.p, 0, json.n))
        return err_set(call->ctx, NACRE_INVALID_JSON, "the body holds a byte 0");
    return NACRE_OK;
}

static nacre_status take(struct op_call *call, const struct rpc_field *field,
                         const struct value *value, struct slice message, struct slice *data) {
    static const enum op_media patches[] = {OP_JSON, OP_MERGE_PATCH, OP_JSON_PATCH};
    const char *text = NULL;
    uint64_t number = value->last.value;
    switch (field->place) {
    case RPC_BODY:
        return take_body(call, value->last.bytes);
    case RPC_DATA:
        *data = value->last.bytes;
        return NACRE_OK;
    case RPC_FORMAT:
        if (number > 2) return bad(call->ctx, field, field->words);
        call->media = call->accept = number == 2 ? OP_CSV : OP_NDJSON;
        return NACRE_OK;
    case RPC_PATCH_KIND:
        if (number > 2) return bad(call->ctx, field, field->words);
        call->media = patches[number];
        return NACRE_OK;
    default:
        break;
    }
    if (value->count) TRY(value_text(call->ctx, field, value, message, &text));
    if (field->place == RPC_PATH) return take_path(call, field, text);
    if (field->place == RPC_HEADER) return take_header(call, field, text);
    const char *before = call->params[field->which]; // a deadline that the protocol carried
    if (!before || (text && strtoull(text, NULL, 10) < strtoull(before, NULL, 10)))
        call->params[field->which] = text;
    return NACRE_OK;
}

nacre_status rpc_call_fill(struct op_call *call, const struct rpc_part *part, struct slice message,
                           struct slice *data) {
    struct value values[RPC_FIELDS_MAX];
    struct buf body BUF_CLEANUP = {0};
    bool members = false;
    TRY(scan(call->ctx, part, message, values));
    call->path[OP_PATH_DATABASE] = "main";
    call->body = "";
    for (size_t i = 0; i < part->count; i++) {
        if (part->fields[i].place == RPC_MEMBER)
            members = true;
        else
            TRY(take(call, &part->fields[i], &values[i], message, data));
    }
    if (!members) return NACRE_OK;
    buf_init(&body, NULL, 128 << 20);
    TRY(put_object(call->ctx, part, message, values, &body));
    return take_body(call, buf_slice(&body));
}

nacre_status rpc_call_data(struct ctx *ctx, const struct rpc_part *part, struct slice message,
                           struct slice *data) {
    struct value values[RPC_FIELDS_MAX];
    *data = (struct slice){0};
    TRY(scan(ctx, part, message, values));
    for (size_t i = 0; i < part->count; i++) {
        if (!values[i].count) continue;
        if (part->fields[i].place != RPC_DATA)
            return bad(ctx, &part->fields[i], "it in the first message only");
        *data = values[i].last.bytes;
    }
    return NACRE_OK;
}
