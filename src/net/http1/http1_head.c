// The head of a request.
#include "net/http1/http1.h"

static bool is_token(uint8_t c) {
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
    return c && strchr("!#$%&'*+-.^_`|~", c);
}

static enum http1_result bad(struct http1_problem *problem, int status, const char *detail) {
    *problem = (struct http1_problem){status, detail};
    return HTTP1_BAD;
}

static struct slice trim(struct slice s) {
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = slice_skip(s, 1);
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

// The line at the start of in, without its CRLF.
static enum http1_result take_line(struct slice *in, struct slice *out,
                                   struct http1_problem *problem) {
    const uint8_t *end = in->n ? memchr(in->p, '\n', in->n) : NULL;
    if (!end) return HTTP1_MORE;
    size_t size = (size_t)(end - in->p);
    if (size == 0 || end[-1] != '\r')
        return bad(problem, 400, "a line must end with CR LF, this one ends with LF alone");
    *out = slice_of(in->p, size - 1);
    *in = slice_skip(*in, size + 1);
    return HTTP1_DONE;
}

static enum http1_result parse_target(struct slice target, struct http_request *out,
                                      struct http1_problem *problem) {
    static const char *const schemes[] = {"http://", "https://"};
    if (target.n > HTTP_TARGET_MAX)
        return bad(problem, 414, "the request target is longer than 8 KiB");
    for (size_t i = 0; i < target.n; i++)
        if (target.p[i] <= ' ' || target.p[i] >= 127 || target.p[i] == '#')
            return bad(problem, 400,
                       "the request target has a character that must be percent-encoded");
    for (int i = 0; i < 2; i++) {
        if (!slice_starts(target, slice_str(schemes[i]))) continue;
        target = slice_skip(target, strlen(schemes[i]));
        while (target.n && target.p[0] != '/')
            target = slice_skip(target, 1);
    }
    bool asterisk = slice_eq_str(target, "*") && slice_eq_str(out->method, "OPTIONS");
    if (!asterisk && (target.n == 0 || target.p[0] != '/'))
        return bad(problem, 400, "the request target must begin with /");
    const uint8_t *mark = memchr(target.p, '?', target.n);
    size_t path = mark ? (size_t)(mark - target.p) : target.n;
    out->path = slice_of(target.p, path);
    out->query = mark ? slice_of(mark + 1, target.n - path - 1) : slice_of(NULL, 0);
    return HTTP1_DONE;
}

static enum http1_result parse_request_line(struct slice line, struct http_request *out,
                                            struct http1_problem *problem) {
    size_t method = 0;
    while (method < line.n && is_token(line.p[method]))
        method++;
    if (method == 0 || method > 32 || method == line.n || line.p[method] != ' ')
        return bad(problem, 400, "expected a method, a target and HTTP/1.1 on the first line");
    out->method = slice_of(line.p, method);
    struct slice rest = slice_skip(line, method + 1);
    const uint8_t *space = rest.n ? memchr(rest.p, ' ', rest.n) : NULL;
    if (!space) return bad(problem, 400, "expected a target and HTTP/1.1 after the method");
    struct slice target = slice_of(rest.p, (size_t)(space - rest.p));
    struct slice version = slice_skip(rest, target.n + 1);
    out->minor_zero = slice_eq_str(version, "HTTP/1.0");
    if (!out->minor_zero && !slice_eq_str(version, "HTTP/1.1")) {
        bool known = version.n == 8 && slice_starts(version, SLICE_LIT("HTTP/"));
        return known ? bad(problem, 505, "HTTP/1.1 and HTTP/1.0 are understood here")
                     : bad(problem, 400, "expected HTTP/1.1 at the end of the first line");
    }
    return parse_target(target, out, problem);
}

static enum http1_result parse_header(struct slice line, struct http_request *out,
                                      struct http1_problem *problem) {
    size_t name = 0;
    while (name < line.n && is_token(line.p[name]))
        name++;
    if (name == 0 && line.n && (line.p[0] == ' ' || line.p[0] == '\t'))
        return bad(problem, 400, "a header that is folded over lines is refused");
    if (name == 0 || name == line.n || line.p[name] != ':')
        return bad(problem, 400, "expected a header: a name, a colon at once, a value");
    struct slice value = trim(slice_skip(line, name + 1));
    for (size_t i = 0; i < value.n; i++)
        if ((value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 127)
            return bad(problem, 400, "the value of a header has a control character");
    if (out->header_count == HTTP_HEADERS_MAX) return bad(problem, 431, "more than 100 headers");
    out->headers[out->header_count++] = (struct http_header){slice_of(line.p, name), value};
    return HTTP1_DONE;
}

static enum http1_result parse_length(struct slice text, struct http_request *out,
                                      struct http1_problem *problem) {
    if (text.n == 0 || text.n > 18) return bad(problem, 400, "Content-Length is not a number");
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return bad(problem, 400, "Content-Length is not a number");
        out->content_length = out->content_length * 10 + (uint64_t)(text.p[i] - '0');
    }
    return HTTP1_DONE;
}

static enum http1_result parse_framing(struct http_request *out, struct http1_problem *problem) {
    struct slice length = http_header(out, "content-length");
    struct slice coding = http_header(out, "transfer-encoding");
    if (length.p && coding.p)
        return bad(problem, 400, "Content-Length and Transfer-Encoding exclude each other");
    if (http_header_times(out, "content-length") > 1)
        return bad(problem, 400, "Content-Length is given more than once");
    if (!coding.p) return length.p ? parse_length(length, out, problem) : HTTP1_DONE;
    if (out->minor_zero) return bad(problem, 400, "HTTP/1.0 has no Transfer-Encoding");
    if (http_header_times(out, "transfer-encoding") > 1)
        return bad(problem, 400, "Transfer-Encoding is given more than once");
    if (!http_header_is(coding, "chunked"))
        return bad(problem, 501, "the only Transfer-Encoding understood here is chunked");
    out->chunked = true;
    return HTTP1_DONE;
}

// What the headers say about the connection and the body.
static enum http1_result finish_head(struct http_request *out, struct http1_problem *problem) {
    size_t hosts = http_header_times(out, "host");
    if (hosts > 1 || (hosts == 0 && !out->minor_zero))
        return bad(problem, 400, "expected one Host header");
    struct slice connection = http_header(out, "connection");
    out->keep_alive = out->minor_zero ? http_list_has(connection, "keep-alive")
                                      : !http_list_has(connection, "close");
    struct slice expect = http_header(out, "expect");
    if (expect.p && !http_header_is(expect, "100-continue"))
        return bad(problem, 417, "the only Expect understood here is 100-continue");
    out->expect_continue = expect.p && !out->minor_zero;
    return parse_framing(out, problem);
}

static enum http1_result parse_lines(struct slice *in, struct http_request *out,
                                     struct http1_problem *problem) {
    struct slice line;
    enum http1_result result = take_line(in, &line, problem);
    if (result == HTTP1_DONE && line.n == 0)
        result = take_line(in, &line, problem); // one is allowed
    if (result == HTTP1_DONE) result = parse_request_line(line, out, problem);
    while (result == HTTP1_DONE) {
        result = take_line(in, &line, problem);
        if (result == HTTP1_DONE && line.n == 0) return finish_head(out, problem);
        if (result == HTTP1_DONE) result = parse_header(line, out, problem);
    }
    return result;
}

enum http1_result http1_head(struct slice in, struct http_request *out, size_t *used,
                             struct http1_problem *problem) {
    struct slice rest = in.n > HTTP_HEAD_MAX ? slice_of(in.p, HTTP_HEAD_MAX) : in;
    out->header_count = 0;
    out->content_length = 0;
    out->chunked = false;
    size_t given = rest.n;
    enum http1_result result = parse_lines(&rest, out, problem);
    if (result == HTTP1_MORE && given == HTTP_HEAD_MAX)
        return bad(problem, 431, "request line and headers are longer than 16 KiB");
    if (result == HTTP1_DONE) *used = given - rest.n;
    return result;
}
