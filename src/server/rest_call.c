// A request's path, parameters, headers and body as a call.
#include <stdio.h>

#include "server/server.h"

enum { PARAMETERS_MAX = 64 };

static int hex_of(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Percent-decoded, with a NUL, in ctx's arena. plus: '+' is a space.
static nacre_status decode(struct ctx *ctx, struct slice text, bool plus, const char **out) {
    char *p = arena_alloc(&ctx->arena, text.n + 1);
    size_t n = 0;
    if (!p) return err_nomem(ctx);
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (c == '%') {
            if (i + 2 >= text.n || hex_of(text.p[i + 1]) < 0 || hex_of(text.p[i + 2]) < 0)
                return err_set(ctx, NACRE_INVALID_ARGUMENT,
                               "%% must be followed by two hexadecimal digits, in \"%.*s\"",
                               (int)(text.n < 100 ? text.n : 100), (const char *)text.p);
            c = (uint8_t)(hex_of(text.p[i + 1]) << 4 | hex_of(text.p[i + 2]));
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (!c) return err_set(ctx, NACRE_INVALID_ARGUMENT, "a URL may hold no U+0000");
        p[n++] = (char)c;
    }
    p[n] = '\0';
    *out = p;
    return NACRE_OK;
}

// --- parameters ---

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
    return NACRE_INVALID_ARGUMENT;
}

static nacre_status take_parameter(struct op_call *call, struct slice pair) {
    const uint8_t *sign = memchr(pair.p, '=', pair.n);
    size_t size = sign ? (size_t)(sign - pair.p) : pair.n;
    const char *name, *value = "";
    TRY(decode(call->ctx, slice_of(pair.p, size), true, &name));
    if (sign) TRY(decode(call->ctx, slice_skip(pair, size + 1), true, &value));
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

static nacre_status take_header(struct op_call *call, const struct http_header *header) {
    for (int which = 0; which < OP_HEADERS; which++) {
        if (!http_header_is(header->name, op_header_names[which])) continue;
        nacre_status status = NACRE_OK;
        // Prefer is a wish, and Last-Event-ID is sent by browsers: where they mean nothing they
        // are passed over. The others change what a call does.
        bool wish = which == OP_HEADER_PREFER || which == OP_HEADER_LAST_EVENT_ID;
        if (!(call->op->headers >> which & 1) && wish) return NACRE_OK;
        if (!(call->op->headers >> which & 1))
            status = err_set(call->ctx, NACRE_INVALID_ARGUMENT, "%s takes no header %s",
                             call->op->name, op_header_names[which]);
        else if (call->headers[which])
            status = err_set(call->ctx, NACRE_INVALID_ARGUMENT, "the header %s is given twice",
                             op_header_names[which]);
        if (status != NACRE_OK) {
            err_parameter(call->ctx, op_header_names[which]);
            return status;
        }
        call->headers[which] = arena_str(&call->ctx->arena, header->value);
        return call->headers[which] ? NACRE_OK : err_nomem(call->ctx);
    }
    return NACRE_OK;
}

// --- media types ---

static const char *const media_names[] = {
    [OP_JSON] = "application/json",
    [OP_MERGE_PATCH] = "application/merge-patch+json",
    [OP_JSON_PATCH] = "application/json-patch+json",
    [OP_NDJSON] = "application/x-ndjson",
    [OP_CSV] = "text/csv",
    [OP_EVENTS] = "text/event-stream",
};

const char *rest_media_name(enum op_media media) { return media_names[media]; }

// "a/b; charset=utf-8": the part before ';'.
static struct slice media_of(struct slice value) {
    size_t n = 0;
    while (n < value.n && value.p[n] != ';' && value.p[n] != ' ')
        n++;
    return slice_of(value.p, n);
}

static nacre_status take_media(struct op_call *call, const struct http_request *request) {
    struct slice type = http_header(request, "content-type");
    call->media = OP_JSON;
    if (!type.p || !call->op->media) {
        if (call->op->media && !op_is_listed(call->op->media, slice_str(media_names[OP_JSON])))
            call->media = OP_NDJSON;
        return NACRE_OK;
    }
    struct slice media = media_of(type);
    if (op_is_listed(call->op->media, media))
        for (int i = 0; i <= OP_EVENTS; i++)
            if (slice_eq_str(media, media_names[i])) {
                call->media = (enum op_media)i;
                return NACRE_OK;
            }
    err_set(call->ctx, NACRE_UNSUPPORTED_MEDIA_TYPE, "%s takes %s, not %.*s", call->op->name,
            call->op->media, (int)(media.n < 80 ? media.n : 80), (const char *)media.p);
    err_parameter(call->ctx, "Content-Type");
    return NACRE_UNSUPPORTED_MEDIA_TYPE;
}

static void take_accept(struct op_call *call, const struct http_request *request) {
    static const enum op_media others[] = {OP_NDJSON, OP_CSV, OP_EVENTS};
    struct slice accept = http_header(request, "accept");
    call->accept = OP_JSON;
    for (size_t i = 0; accept.p && i < sizeof others / sizeof *others; i++)
        if (http_header_is(media_of(accept), media_names[others[i]])) call->accept = others[i];
}

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
            TRY(decode(call->ctx, route->values[path], false, &call->path[path]));
    TRY(take_query(call, request->query));
    for (size_t i = 0; i < request->header_count; i++)
        TRY(take_header(call, &request->headers[i]));
    TRY(take_media(call, request));
    take_accept(call, request);
    return take_body(call, body);
}
