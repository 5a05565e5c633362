// Answers as reply messages; failures as google.rpc.Status.
#include "base/bits/protobuf.h"
#include "doc/json.h"
#include "lib/lib_body.h"
#include "rpc/rpc_table.h"

// --- members of JSON ---

static nacre_status put_text(struct lib_body *b, const struct lib_member *member, uint32_t number,
                             struct buf *out) {
    struct slice text;
    TRY(lib_body_string(b, member, &text));
    protobuf_put_bytes(out, number, text);
    return NACRE_OK;
}

static nacre_status put_number(struct lib_body *b, const struct lib_member *member, uint32_t number,
                               struct buf *out) {
    uint64_t value;
    TRY(lib_body_integer(b, member, 0, UINT64_MAX, &value));
    protobuf_put_number(out, number, value);
    return NACRE_OK;
}

static nacre_status put_word(struct lib_body *b, const struct lib_member *member,
                             const struct rpc_field *field, struct buf *out) {
    struct slice text;
    uint64_t value = 1;
    TRY(lib_body_string(b, member, &text));
    for (const char *at = field->words; *at; value++) {
        size_t size = strcspn(at, ",");
        if (slice_eq(slice_of(at, size), text)) {
            protobuf_put_number(out, field->number, value);
            return NACRE_OK;
        }
        at += size + (at[size] == ',');
    }
    return lib_body_bad(b, field->name, field->words, val_str(text));
}

static void put_id_text(struct slice text, uint32_t number, struct buf *out) {
    struct buf id BUF_CLEANUP = {0};
    buf_init(&id, NULL, 4096);
    protobuf_put_bytes(&id, 1, text);
    protobuf_put_bytes(out, number, buf_slice(&id));
}

static void put_id_integer(int64_t integer, uint32_t number, struct buf *out) {
    struct buf id BUF_CLEANUP = {0};
    buf_init(&id, NULL, 64);
    protobuf_put_number(&id, 2, (uint64_t)integer);
    protobuf_put_bytes(out, number, buf_slice(&id));
}

static nacre_status put_id(struct lib_body *b, const struct lib_member *member, uint32_t number,
                           struct buf *out) {
    struct val value;
    TRY(lib_body_value(b, member, &value));
    if (value.type == VAL_INT)
        put_id_integer(value.i, number, out);
    else if (value.type == VAL_STRING)
        put_id_text(slice_of(value.p, value.n), number, out);
    else
        return lib_body_bad(b, member->name, "a string or an integer", value);
    return NACRE_OK;
}

static nacre_status put_messages(struct op_call *call, struct lib_body *b,
                                 const struct lib_member *member, const struct rpc_field *field,
                                 struct buf *out) {
    struct buf one BUF_CLEANUP = {0};
    struct slice *elements;
    size_t count;
    TRY(lib_body_elements(b, field->name, member->raw, SIZE_MAX, &elements, &count));
    buf_init(&one, NULL, out->max);
    for (size_t i = 0; i < count; i++) {
        buf_reset(&one);
        TRY(rpc_reply_members(call, field->part, elements[i], &one));
        protobuf_put_bytes(out, field->number, buf_slice(&one));
    }
    return NACRE_OK;
}

static nacre_status put_member(struct op_call *call, struct lib_body *b,
                               const struct lib_member *member, const struct rpc_field *field,
                               struct buf *out) {
    switch (field->kind) {
    case RPC_TEXT:
        return put_text(b, member, field->number, out);
    case RPC_NUMBER:
        return put_number(b, member, field->number, out);
    case RPC_ENUM:
        return put_word(b, member, field, out);
    case RPC_ID:
        return put_id(b, member, field->number, out);
    case RPC_MESSAGES:
        return put_messages(call, b, member, field, out);
    default:
        protobuf_put_bytes(out, field->number, member->raw);
        return NACRE_OK;
    }
}

nacre_status rpc_reply_members(struct op_call *call, const struct rpc_part *part, struct slice json,
                               struct buf *out) {
    struct lib_member members[RPC_FIELDS_MAX + 1];
    const struct rpc_field *fields[RPC_FIELDS_MAX];
    struct buf bson BUF_CLEANUP = {0};
    struct lib_body body = {
        .ctx = call->ctx, .bson = &bson, .whole = json, .what = "an answer", .open = true};
    size_t count = 0;
    for (size_t i = 0; i < part->count; i++) {
        if (part->fields[i].place != RPC_MEMBER) continue;
        fields[count] = &part->fields[i];
        members[count++] = (struct lib_member){.name = part->fields[i].name};
    }
    if (count == 0) return NACRE_OK;
    members[count] = (struct lib_member){0};
    buf_init(&bson, NULL, out->max);
    TRY(lib_body_members(&body, json, members));
    for (size_t i = 0; i < count; i++)
        if (members[i].raw.n) TRY(put_member(call, &body, &members[i], fields[i], out));
    return buf_status(out) == NACRE_OK ? NACRE_OK : err_buf(call->ctx, out);
}

// --- an answer ---

static int hex_of(uint8_t c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; }

// The id that ends a Location: percent-encoded by whoever wrote it, in the written form of ids.
static void put_location_id(struct slice location, uint32_t number, struct buf *out) {
    char id[600];
    size_t n = 0, begin = location.n;
    if (!location.n) return;
    while (begin > 0 && location.p[begin - 1] != '/')
        begin--;
    for (size_t i = begin; i < location.n && n + 1 < sizeof id; i++) {
        bool coded = location.p[i] == '%' && i + 2 < location.n;
        uint8_t c = location.p[i];
        if (coded) c = (uint8_t)(hex_of(location.p[i + 1]) << 4 | hex_of(location.p[i + 2]));
        id[n++] = (char)c;
        if (coded) i += 2;
    }
    id[n] = '\0';
    if (id[0] != '~') {
        put_id_text(slice_of(id, n), number, out);
    } else if (id[1] == '~') {
        put_id_text(slice_of(id + 1, n - 1), number, out);
    } else {
        uint64_t digits = 0;
        bool minus = id[1] == '-';
        for (const char *at = id + 1 + minus; *at; at++)
            digits = digits * 10 + (uint64_t)(*at - '0');
        put_id_integer((int64_t)(minus ? 0 - digits : digits), number, out);
    }
}

static void put_flag(struct buf *out, uint32_t number, bool flag) {
    if (flag) protobuf_put_number(out, number, 1);
}

nacre_status rpc_reply_answer(struct op_call *call, const struct rpc_part *part, struct buf *out) {
    const struct op_answer *answer = &call->answer;
    for (size_t i = 0; i < part->count; i++) {
        const struct rpc_field *field = &part->fields[i];
        switch (field->place) {
        case RPC_WHOLE:
            if (answer->body.n) protobuf_put_bytes(out, field->number, buf_slice(&answer->body));
            break;
        case RPC_VERSION:
            if (answer->version) protobuf_put_number(out, field->number, answer->version);
            break;
        case RPC_SEQUENCE:
            if (answer->sequence[0])
                protobuf_put_bytes(out, field->number, slice_str(answer->sequence));
            break;
        case RPC_CREATED:
            put_flag(out, field->number, answer->status == 201);
            break;
        case RPC_REPLAYED:
            put_flag(out, field->number, answer->replayed);
            break;
        case RPC_NOT_MODIFIED:
            put_flag(out, field->number, answer->status == 304);
            break;
        case RPC_LOCATION:
            put_location_id(buf_slice(&answer->location), field->number, out);
            break;
        default:
            break;
        }
    }
    if (!answer->body.n) return buf_status(out) == NACRE_OK ? NACRE_OK : err_buf(call->ctx, out);
    return rpc_reply_members(call, part, buf_slice(&answer->body), out);
}

// --- failures ---

enum { STATUS_CODE = 1, STATUS_MESSAGE, STATUS_DETAILS };
enum { INFO_REASON = 1, INFO_DOMAIN };
enum { PROBLEM_CODE = 1, PROBLEM_STATUS, PROBLEM_DETAIL, PROBLEM_RETRYABLE, PROBLEM_JSON };

static void put_detail(struct buf *out, const char *type, const struct buf *detail) {
    struct buf any BUF_CLEANUP = {0};
    buf_init(&any, NULL, out->max);
    protobuf_put_bytes(&any, 1, slice_str(type));
    protobuf_put_bytes(&any, 2, buf_slice(detail));
    protobuf_put_bytes(out, STATUS_DETAILS, buf_slice(&any));
}

// The detail of a problem object; "" where that cannot be read.
static struct slice detail_of(struct ctx *ctx, struct slice json, struct buf *bson) {
    struct lib_member members[] = {{.name = "detail"}, {0}};
    struct lib_body body = {
        .ctx = ctx, .bson = bson, .whole = json, .what = "a problem", .open = true};
    struct slice detail = {0};
    if (lib_body_members(&body, json, members) != NACRE_OK || !members[0].raw.n ||
        lib_body_string(&body, &members[0], &detail) != NACRE_OK)
        return (struct slice){0};
    return detail;
}

void rpc_reply_problem(struct ctx *ctx, nacre_status status, struct slice json, struct buf *out) {
    struct buf bson BUF_CLEANUP = {0}, part BUF_CLEANUP = {0};
    buf_init(&bson, NULL, 1 << 20);
    buf_init(&part, NULL, 1 << 20);
    struct slice detail = detail_of(ctx, json, &bson);
    protobuf_put_number(out, STATUS_CODE, (uint64_t)nacre_status_grpc(status));
    protobuf_put_bytes(out, STATUS_MESSAGE, detail);
    protobuf_put_bytes(&part, INFO_REASON, slice_str(nacre_status_code(status)));
    protobuf_put_bytes(&part, INFO_DOMAIN, SLICE_LIT("nacre"));
    put_detail(out, "type.googleapis.com/google.rpc.ErrorInfo", &part);
    buf_reset(&part);
    protobuf_put_bytes(&part, PROBLEM_CODE, slice_str(nacre_status_code(status)));
    protobuf_put_number(&part, PROBLEM_STATUS, (uint64_t)nacre_status_http(status));
    protobuf_put_bytes(&part, PROBLEM_DETAIL, detail);
    put_flag(&part, PROBLEM_RETRYABLE, nacre_status_retryable(status));
    protobuf_put_bytes(&part, PROBLEM_JSON, json);
    put_detail(out, "type.googleapis.com/nacre.v1.Problem", &part);
}
