// The error record as an RFC 9457 problem object.
#include "doc/json.h"
#include "lib/lib.h"

static void put_member(struct buf *out, const char *name, const char *text) {
    if (!text[0]) return;
    buf_printf(out, ",\"%s\":", name);
    json_write_str(out, slice_str(text));
}

static void put_items(struct buf *out, const struct err *err) {
    if (!err->item_count) return;
    buf_put_str(out, ",\"errors\":[");
    for (uint32_t i = 0; i < err->item_count; i++) {
        const struct err_item *item = &err->items[i];
        if (i) buf_put_u8(out, ',');
        buf_put_str(out, "{\"pointer\":");
        json_write_str(out, slice_str(item->pointer));
        put_member(out, "expected", item->expected);
        put_member(out, "got", item->got);
        buf_put_u8(out, '}');
    }
    buf_put_u8(out, ']');
}

static void put_suggestions(struct buf *out, const struct err *err) {
    if (!err->suggestion_count) return;
    buf_put_str(out, ",\"suggestions\":[");
    for (uint32_t i = 0; i < err->suggestion_count; i++) {
        if (i) buf_put_u8(out, ',');
        json_write_str(out, slice_str(err->suggestions[i]));
    }
    buf_put_u8(out, ']');
}

void lib_problem_write(struct buf *out, const struct err *err, const char *request_id) {
    nacre_status status = err->status;
    const char *code = nacre_status_code(status);
    buf_printf(out, "{\"type\":\"urn:nacre:error:%s\",\"title\":", code);
    json_write_str(out, slice_str(nacre_status_title(status)));
    buf_printf(out, ",\"status\":%d,\"code\":\"%s\"", nacre_status_http(status), code);
    put_member(out, "detail", err->detail);
    put_member(out, "hint", err->hint);
    put_items(out, err);
    put_member(out, err->in_header ? "header" : "parameter", err->parameter);
    if (err->has_span)
        buf_printf(out, ",\"span\":{\"offset\":%u,\"length\":%u}", err->span_offset,
                   err->span_length);
    put_suggestions(out, err);
    if (err->has_current_version)
        buf_printf(out, ",\"current_version\":%llu", (unsigned long long)err->current_version);
    buf_printf(out, ",\"retryable\":%s", nacre_status_retryable(status) ? "true" : "false");
    if (request_id) put_member(out, "request_id", request_id);
    buf_put_u8(out, '}');
}
