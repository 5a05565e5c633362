// A request's path, parameters, headers and body as a call.
#include <stdio.h>

#include "base/text/utf8.h"
#include "server/server.h"

enum { PARAMETERS_MAX = 64 };

static int hex_of(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static nacre_status bad_text(struct ctx *ctx, const char *name, const char *why) {
    nacre_status status =
        err_set(ctx, NACRE_INVALID_ARGUMENT, "%s in the URL: %s", name[0] ? name : "a name", why);
    err_parameter(ctx, name);
    return status;
}

// Percent-decoded, with a NUL, in ctx's arena. plus: '+' is a space. name: of what it is, for
// errors.
static nacre_status decode(struct ctx *ctx, struct slice text, bool plus, const char *name,
                           const char **out) {
    char *p = arena_alloc(&ctx->arena, text.n + 1);
    size_t n = 0;
    if (!p) return err_nomem(ctx);
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (c == '%') {
            if (i + 2 >= text.n || hex_of(text.p[i + 1]) < 0 || hex_of(text.p[i + 2]) < 0)
                return bad_text(ctx, name, "a % must be followed by two hexadecimal digits");
            c = (uint8_t)(hex_of(text.p[i + 1]) << 4 | hex_of(text.p[i + 2]));
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (!c) return bad_text(ctx, name, "it may hold no U+0000");
        p[n++] = (char)c;
    }
    if (!utf8_valid(slice_of(p, n))) return bad_text(ctx, name, "it is not valid UTF-8");
    p[n] = '\0';
    *out = p;
    return NACRE_OK;
}

// --- parameters ---

static void hint_known(struct op_call *call, const char *const *known, size_t count) {
    struct buf names BUF_CLEANUP = {0};
    buf_init(&names, NULL, 4096);
    for (size_t i = 0; i < count; i++)
        buf_printf(&names, "%s%s", i ? ", " : "", known[i]);
    if (buf_status(&names) == NACRE_OK && count)
        err_hint(call->ctx, "parameters: %.*s", (int)names.n, (const char *)names.p);
}

static nacre_status unknown_parameter(struct op_call *call, const char *name) {
    const char *known[OP_PARAMS];
    size_t count = 0;
    for (int param = 0; param < OP_PARAMS; param++)
        if (call->op->params >> param & 1) known[count++] = op_param_names[param];
    err_set(call->ctx, NACRE_INVALID_ARGUMENT, "%s takes no parameter \"%.64s\"", call->op->name,
            name);
    err_parameter(call->ctx, name);
    const char *nearest = err_nearest(name, known, count);
    if (nearest) err_suggest(call->ctx, nearest);
    if (!nearest) hint_known(call, known, count);
    return NACRE_INVALID_ARGUMENT;
}

static nacre_status take_parameter(struct op_call *call, struct slice pair) {
    const uint8_t *sign = memchr(pair.p, '=', pair.n);
    size_t size = sign ? (size_t)(sign - pair.p) : pair.n;
    const char *name, *value = "";
    TRY(decode(call->ctx, slice_of(pair.p, size), true, "", &name));
    if (sign) TRY(decode(call->ctx, slice_skip(pair, size + 1), true, name, &value));
    for (int param = 0; param < OP_PARAMS; param++) {
        if (!(call->op->params >> param & 1) || strcmp(op_param_names[param], name) != 0) continue;
        if (call->params[param]) {
            err_set(call->ctx, NACRE_INVALID_ARGUMENT, "the parameter %s is given twice", name);
            err_parameter(call->ctx, name);
            return NACRE_INVALID_ARGUMENT;
        }
        call->params[param] = value;
        return NACRE_OK;
    }
    return unknown_parameter(call, name);
}

static nacre_status take_query(struct op_call *call, struct slice query) {
    while (query.n) {
        const uint8_t *end = memchr(query.p, '&', query.n);
        size_t size = end ? (size_t)(end - query.p) : query.n;
        if (size) TRY(take_parameter(call, slice_of(query.p, size)));
        query = slice_skip(query, size + (end != NULL));
    }
    return NACRE_OK;
}

// --- headers ---

// Headers that are lists: those of one name are one list, as RFC 9110 has it (5.3).
static bool is_list(int which) {
    return which == OP_HEADER_IF_MATCH || which == OP_HEADER_IF_NONE_MATCH ||
           which == OP_HEADER_PREFER;
}

static nacre_status bad_header(struct op_call *call, int which, const char *format) {
    err_set(call->ctx, NACRE_INVALID_ARGUMENT, "%s %s %s", call->op->name, format,
            op_header_names[which]);
    err_header(call->ctx, op_header_names[which]);
    return NACRE_INVALID_ARGUMENT;
}

static nacre_status join_header(struct op_call *call, int which, struct slice value) {
    struct buf both BUF_CLEANUP = {0};
    buf_init(&both, NULL, HTTP_HEAD_MAX);
    buf_put_str(&both, call->headers[which]);
    buf_put_str(&both, ", ");
    buf_put_slice(&both, value);
    TRY(buf_status(&both));
    call->headers[which] = arena_str(&call->ctx->arena, buf_slice(&both));
    return call->headers[which] ? NACRE_OK : err_nomem(call->ctx);
}

static nacre_status take_header(struct op_call *call, const struct http_header *header) {
    for (int which = 0; which < OP_HEADERS; which++) {
        if (!http_header_is(header->name, op_header_names[which])) continue;
        bool taken = call->op->headers >> which & 1;
        // Prefer is a wish, and Last-Event-ID is sent by browsers: where they mean nothing they
        // are passed over. The others change what a call does.
        bool wish = which == OP_HEADER_PREFER || which == OP_HEADER_LAST_EVENT_ID;
        if (!taken) return wish ? NACRE_OK : bad_header(call, which, "takes no header");
        if (call->headers[which] && is_list(which)) return join_header(call, which, header->value);
        if (call->headers[which]) return bad_header(call, which, "takes only one header");
        call->headers[which] = arena_str(&call->ctx->arena, header->value);
        return call->headers[which] ? NACRE_OK : err_nomem(call->ctx);
    }
    return NACRE_OK;
}

// --- body ---

static nacre_status take_body(struct op_call *call, struct slice body) {
    char *text = arena_str(&call->ctx->arena, body);
    if (!text) return err_nomem(call->ctx);
    call->body = text;
    call->body_size = body.n;
    if (body.n && !call->op->media && !slice_eq_str(body, "{}"))
        return err_set(call->ctx, NACRE_INVALID_ARGUMENT, "%s takes no body", call->op->name);
    if (memchr(text, 0, body.n))
        return err_set(call->ctx, NACRE_INVALID_JSON, "the body holds a byte 0");
    return NACRE_OK;
}

nacre_status rest_call_fill(struct op_call *call, const struct http_request *request,
                            const struct route *route, struct slice body) {
    call->path[OP_PATH_DATABASE] = "main";
    for (int path = 0; path < OP_PATHS; path++)
        if (route->values[path].p)
            TRY(decode(call->ctx, route->values[path], false, op_path_names[path],
                       &call->path[path]));
    TRY(take_query(call, request->query));
    for (size_t i = 0; i < request->header_count; i++)
        TRY(take_header(call, &request->headers[i]));
    TRY(rest_media_take(call, request));
    rest_media_choose(call, request);
    return take_body(call, body);
}
