// HTTP/1.1 without I/O: heads and bodies however they are cut, and what must be refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "net/http1/http1.h"

static enum http1_result head(const char *text, struct http_request *out,
                              struct http1_problem *problem) {
    size_t used = 0;
    enum http1_result result = http1_head(slice_str(text), out, &used, problem);
    if (result == HTTP1_DONE) assert_int_equal(used, strlen(text));
    return result;
}

static void test_head(void **state) {
    (void)state;
    struct http_request r;
    struct http1_problem problem;
    assert_int_equal(head("PUT /v1/x%20y?a=1&b HTTP/1.1\r\nHost: h\r\ncontent-LENGTH: 12\r\n"
                          "X:\t a b \t\r\n\r\n",
                          &r, &problem),
                     HTTP1_DONE);
    assert_true(slice_eq_str(r.method, "PUT"));
    assert_true(slice_eq_str(r.path, "/v1/x%20y"));
    assert_true(slice_eq_str(r.query, "a=1&b"));
    assert_int_equal(r.content_length, 12);
    assert_true(r.keep_alive);
    assert_true(slice_eq_str(http_header(&r, "x"), "a b"));
    assert_null(http_header(&r, "y").p);

    assert_int_equal(
        head("\r\nGET http://h:1/p HTTP/1.1\r\nHost: h:1\r\nConnection: x, Close\r\n\r\n", &r,
             &problem),
        HTTP1_DONE);
    assert_true(slice_eq_str(r.path, "/p"));
    assert_false(r.keep_alive);

    assert_int_equal(head("GET / HTTP/1.0\r\n\r\n", &r, &problem), HTTP1_DONE);
    assert_false(r.keep_alive);
    assert_true(r.minor_zero);
    assert_int_equal(head("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: "
                          "100-continue\r\n\r\n",
                          &r, &problem),
                     HTTP1_DONE);
    assert_true(r.chunked);
    assert_true(r.expect_continue);
}

// Every beginning of a head wants more, none is refused.
static void test_head_in_pieces(void **state) {
    (void)state;
    static const char text[] =
        "POST /v1/a?b=c HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n";
    struct http_request r;
    struct http1_problem problem;
    size_t used;
    for (size_t n = 0; n < sizeof text - 1; n++)
        assert_int_equal(http1_head(slice_of(text, n), &r, &used, &problem), HTTP1_MORE);
}

static void test_head_refuses(void **state) {
    (void)state;
    static const struct {
        int status;
        const char *text;
    } bad[] = {
        {400, "GET / HTTP/1.1\nHost: h\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\n\r\n"},
        {400, "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET /\x80 HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET /#a HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET x HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "G(T / HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET /\r\nHost: h\r\n\r\n"},
        {505, "GET / HTTP/1.2\r\nHost: h\r\n\r\n"},
        {505, "GET / HTTP/3.0\r\nHost: h\r\n\r\n"},
        {400, "GET / HTTPS/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost : h\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n Host: h\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\n x\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nA: x\x01\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nA: x\ry\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999999999999999\r\n\r\n"},
        {400,
         "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400,
         "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n"},
        {501, "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
        {501, "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n"},
        {400, "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {417, "GET / HTTP/1.1\r\nHost: h\r\nExpect: 200-ok\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct http_request r;
        struct http1_problem problem = {0};
        if (head(bad[i].text, &r, &problem) != HTTP1_BAD || problem.status != bad[i].status)
            fail_msg("%s: %d", bad[i].text, problem.status);
    }
}

static void test_head_limits(void **state) {
    (void)state;
    static char text[HTTP_HEAD_MAX * 2];
    struct http_request r;
    struct http1_problem problem;
    size_t used, n = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\nA: ");
    memset(text + n, 'a', sizeof text - n);
    assert_int_equal(http1_head(slice_of(text, HTTP_HEAD_MAX - 1), &r, &used, &problem),
                     HTTP1_MORE);
    assert_int_equal(http1_head(slice_of(text, HTTP_HEAD_MAX), &r, &used, &problem), HTTP1_BAD);
    assert_int_equal(problem.status, 431);

    n = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < HTTP_HEADERS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "A: b\r\n");
    assert_int_equal(http1_head(slice_of(text, n), &r, &used, &problem), HTTP1_BAD);
    assert_int_equal(problem.status, 431);

    n = (size_t)snprintf(text, sizeof text, "GET /%0*d HTTP/1.1\r\n", HTTP_TARGET_MAX, 1);
    assert_int_equal(http1_head(slice_of(text, n), &r, &used, &problem), HTTP1_BAD);
    assert_int_equal(problem.status, 414);
}

// Takes a body that comes in pieces of step bytes. The result of the last step; *out_used counts.
static enum http1_result take(const struct http_request *r, const char *text, size_t step,
                              char *out, size_t *out_size, size_t *out_used) {
    struct http1_body body;
    struct http1_problem problem;
    struct slice bytes;
    size_t size = strlen(text), given = 0, at = 0, used;
    *out_size = 0;
    http1_body_begin(&body, r);
    for (;;) {
        enum http1_result result =
            http1_body_take(&body, slice_of(text + at, given - at), &bytes, &used, &problem);
        if (result == HTTP1_BAD) return result;
        memcpy(out + *out_size, bytes.p ? (const void *)bytes.p : "", bytes.n);
        *out_size += bytes.n;
        at += used;
        *out_used = at;
        if (result == HTTP1_DONE || (used == 0 && given == size)) return result;
        if (used == 0) given = given + step < size ? given + step : size;
    }
}

static void test_body(void **state) {
    (void)state;
    static const char chunks[] = "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\nGET";
    struct http_request length = {.content_length = 5}, chunked = {.chunked = true}, none = {0};
    char out[64];
    size_t size, used;
    for (size_t step = 1; step < 60; step++) {
        assert_int_equal(take(&length, "helloGET", step, out, &size, &used), HTTP1_DONE);
        assert_int_equal(size, 5);
        assert_int_equal(used, 5);
        assert_int_equal(take(&chunked, chunks, step, out, &size, &used), HTTP1_DONE);
        assert_int_equal(size, 13);
        assert_memory_equal(out, "abc0123456789", 13);
        assert_int_equal(used, sizeof chunks - 4);
        assert_int_equal(take(&chunked, "5\r\nabc", step, out, &size, &used), HTTP1_MORE);
        assert_int_equal(take(&none, "GET", step, out, &size, &used), HTTP1_DONE);
        assert_int_equal(used, 0);
    }
}

static void test_body_refuses(void **state) {
    (void)state;
    static const char *const bad[] = {
        "\r\n",           "x\r\n",           " 3\r\nabc\r\n",         "3 \r\nabc\r\n",
        "-1\r\n",         "3\nabc\r\n",      "3\r\nabcd\r\n",         "3\r\nabc\n\n",
        "0x3\r\nabc\r\n", "0\r\nT: v\n\r\n", "fffffffffffffffff\r\n",
    };
    struct http_request chunked = {.chunked = true};
    char out[64];
    size_t size, used;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (size_t step = 1; step < 9; step++)
            if (take(&chunked, bad[i], step, out, &size, &used) != HTTP1_BAD)
                fail_msg("%s", bad[i]);
}

// Extensions of chunks and trailers are bounded, however many chunks there are.
static void test_body_limits(void **state) {
    (void)state;
    struct http_request chunked = {.chunked = true};
    struct http1_problem problem;
    struct http1_body body;
    struct slice bytes;
    enum http1_result result = HTTP1_MORE;
    size_t used, rounds = 0;
    http1_body_begin(&body, &chunked);
    while (result == HTTP1_MORE && rounds++ < 10000)
        for (const char *at = "1;aaaaaaaaaaaaaaa\r\nx\r\n"; *at && result == HTTP1_MORE; at += used)
            result = http1_body_take(&body, slice_str(at), &bytes, &used, &problem);
    assert_int_equal(result, HTTP1_BAD);
    assert_true(rounds < 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head),         cmocka_unit_test(test_head_in_pieces),
        cmocka_unit_test(test_head_refuses), cmocka_unit_test(test_head_limits),
        cmocka_unit_test(test_body),         cmocka_unit_test(test_body_refuses),
        cmocka_unit_test(test_body_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
