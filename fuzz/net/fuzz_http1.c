// HTTP/1.1: a head is read alike whole and cut; a body gives the same bytes however it is cut.
#include <stdint.h>
#include <stdlib.h>

#include "net/http1/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) abort();
}

static void inside(struct slice part, struct slice whole) {
    must(!part.p || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

// The end of the body, or of what can be read of it: its size and a sum of its bytes.
struct taken {
    enum http1_result result;
    size_t size, used;
    uint64_t sum;
};

static struct taken take(const struct http_request *request, struct slice in, size_t step) {
    struct taken taken = {.result = HTTP1_MORE};
    struct http1_problem problem;
    struct http1_body body;
    struct slice bytes;
    size_t given = 0, used;
    http1_body_begin(&body, request);
    for (;;) {
        taken.result = http1_body_take(&body, slice_of(in.p + taken.used, given - taken.used),
                                       &bytes, &used, &problem);
        if (taken.result == HTTP1_BAD) return taken;
        inside(bytes, in);
        for (size_t i = 0; i < bytes.n; i++)
            taken.sum = taken.sum * 31 + bytes.p[i];
        taken.size += bytes.n;
        taken.used += used;
        if (taken.result == HTTP1_DONE || (used == 0 && given == in.n)) return taken;
        if (used == 0) given = given + step < in.n ? given + step : in.n;
    }
}

static void check_head(const struct http_request *request, struct slice in, size_t used) {
    struct http1_problem problem;
    struct http_request again;
    size_t other;
    inside(request->method, in);
    inside(request->path, in);
    inside(request->query, in);
    must(!(request->chunked && request->content_length));
    for (size_t i = 0; i < request->header_count; i++) {
        inside(request->headers[i].name, in);
        inside(request->headers[i].value, in);
    }
    must(http1_head(slice_of(in.p, used - 1), &again, &other, &problem) == HTTP1_MORE);
    must(http1_head(slice_of(in.p, used), &again, &other, &problem) == HTTP1_DONE && other == used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    struct http1_problem problem;
    struct http_request request;
    size_t used;
    if (size == 0 || http1_head(in, &request, &used, &problem) != HTTP1_DONE) return 0;
    check_head(&request, in, used);
    struct slice rest = slice_skip(in, used);
    struct taken whole = take(&request, rest, rest.n ? rest.n : 1);
    for (size_t step = 1; step < 8; step += 3) {
        struct taken parts = take(&request, rest, step);
        must(parts.result == whole.result);
        must(parts.result == HTTP1_BAD || (parts.size == whole.size && parts.sum == whole.sum));
        must(parts.result != HTTP1_DONE || parts.used == whole.used);
    }
    return 0;
}
