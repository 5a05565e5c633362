// The error record, the request context, assertions, the error table's reach.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err/check.h"
#include "base/err/ctx.h"
#include "base/mem/buf.h"
#include "base/text/utf8.h"

static struct ctx ctx;
static struct world_model model;

static int setup(void **state) {
    (void)state;
    world_model_init(&model, 1);
    ctx_init(&ctx, &model.world, NULL, 1 << 20);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    ctx_free(&ctx);
    return 0;
}

static void test_set_begins_anew(void **state) {
    (void)state;
    assert_int_equal(err_set(&ctx, NACRE_CONFLICT, "first %d", 1), NACRE_CONFLICT);
    err_hint(&ctx, "try %s", "again");
    err_expected(&ctx, "/a", "a number", "a string");
    err_parameter(&ctx, "limit");
    err_span(&ctx, 3, 4);
    err_suggest(&ctx, "limits");
    err_suggest(&ctx, NULL); // err_nearest found none
    err_version(&ctx, 7);
    assert_string_equal(ctx.err.detail, "first 1");
    assert_string_equal(ctx.err.hint, "try again");
    assert_string_equal(ctx.err.parameter, "limit");
    assert_int_equal(ctx.err.item_count, 1);
    assert_int_equal(ctx.err.suggestion_count, 1);
    assert_true(ctx.err.has_span && ctx.err.has_current_version);
    assert_int_equal(ctx.err.span_offset, 3);
    assert_int_equal(ctx.err.current_version, 7);
    assert_int_equal(err_set(&ctx, NACRE_TIMEOUT, "second"), NACRE_TIMEOUT);
    assert_int_equal(ctx.err.status, NACRE_TIMEOUT);
    assert_string_equal(ctx.err.detail, "second");
    assert_string_equal(ctx.err.hint, "");
    assert_string_equal(ctx.err.parameter, "");
    assert_int_equal(ctx.err.item_count + ctx.err.suggestion_count, 0);
    assert_false(ctx.err.has_span || ctx.err.has_current_version);
}

static void test_set_may_quote_the_record(void **state) {
    (void)state;
    (void)err_set(&ctx, NACRE_CORRUPT, "bad byte");
    (void)err_set(&ctx, NACRE_CORRUPT, "segment 7: %s", ctx.err.detail);
    assert_string_equal(ctx.err.detail, "segment 7: bad byte");
}

// "é" twice in a row puts the cut inside of a character for one of the two lengths.
static void test_texts_are_cut_between_characters(void **state) {
    (void)state;
    char text[2001];
    for (size_t at = 0; at < 2000; at += 2) memcpy(text + at, "\xc3\xa9", 2);
    text[2000] = '\0';
    for (int shift = 0; shift < 2; shift++) {
        (void)err_set(&ctx, NACRE_CONFLICT, "%s%s", shift ? "x" : "", text);
        size_t n = strlen(ctx.err.detail);
        assert_true(n >= ERR_DETAIL_MAX - 2 && n < ERR_DETAIL_MAX);
        assert_true(utf8_valid(slice_str(ctx.err.detail)));
        err_expected(&ctx, text, text + shift, "g");
        err_parameter(&ctx, text);
        err_suggest(&ctx, text);
        assert_true(utf8_valid(slice_str(ctx.err.items[0].pointer)));
        assert_true(utf8_valid(slice_str(ctx.err.parameter)));
        assert_true(utf8_valid(slice_str(ctx.err.suggestions[0])));
    }
}

static void test_texts_are_utf8(void **state) {
    (void)state;
    (void)err_set(&ctx, NACRE_CONFLICT, "a\xff\xc3[b\xe2\x82");
    assert_string_equal(ctx.err.detail, "a??[b??");
}

static void test_lists_are_bounded(void **state) {
    (void)state;
    (void)err_set(&ctx, NACRE_SCHEMA_VIOLATION, "x");
    for (int i = 0; i < 20; i++) {
        err_expected(&ctx, "/a", "b", "c");
        err_suggest(&ctx, "d");
    }
    assert_int_equal(ctx.err.item_count, ERR_ITEMS_MAX);
    assert_int_equal(ctx.err.suggestion_count, ERR_SUGGESTIONS_MAX);
    err_span(&ctx, SIZE_MAX, SIZE_MAX);
    assert_int_equal(ctx.err.span_offset, UINT32_MAX);
}

static void test_prefix(void **state) {
    (void)state;
    (void)err_set(&ctx, NACRE_SCHEMA_VIOLATION, "x");
    err_expected(&ctx, "/name", "b", "c");
    err_expected(&ctx, "", "b", "c");
    err_prefix_pointers(&ctx, "/documents/3");
    assert_string_equal(ctx.err.items[0].pointer, "/documents/3/name");
    assert_string_equal(ctx.err.items[1].pointer, "/documents/3");
    for (int i = 0; i < 100; i++) err_prefix_pointers(&ctx, "/longer");
    assert_int_equal(strlen(ctx.err.items[0].pointer), ERR_TEXT_MAX - 1);
}

static void test_errno(void **state) {
    (void)state;
    assert_int_equal(err_errno(&ctx, ENOSPC, "cannot write", "/x"), NACRE_DISK_FULL);
    assert_string_equal(ctx.err.detail, "cannot write /x: No space left on device (errno 28)");
    assert_int_equal(err_errno(&ctx, EDQUOT, "cannot write", NULL), NACRE_DISK_FULL);
    assert_int_equal(err_errno(&ctx, ENOMEM, "cannot write", NULL), NACRE_MEMORY_LIMIT);
    assert_int_equal(err_errno(&ctx, EIO, "cannot read", NULL), NACRE_IO_ERROR);
    assert_string_equal(ctx.err.detail, "cannot read: Input/output error (errno 5)");
    assert_int_equal(err_errno(&ctx, 9999, "cannot read", NULL), NACRE_IO_ERROR);
    assert_int_equal(err_nomem(&ctx), NACRE_MEMORY_LIMIT);
}

static void test_buf(void **state) {
    (void)state;
    BUF_CLEANUP struct buf b;
    buf_init(&b, NULL, 1);
    buf_put_str(&b, "xx");
    assert_int_equal(err_buf(&ctx, &b), NACRE_REQUEST_TOO_LARGE);
    assert_string_equal(ctx.err.detail, "expected at most 1 bytes, got more");
}

static void test_nearest(void **state) {
    (void)state;
    static const char *const words[] = {"limit", "offset", "order", "select", "id"};
    static const struct {
        const char *word, *nearest;
    } cases[] = {
        {"limt", "limit"},   {"limmit", "limit"}, {"ilmit", "limit"}, {"lmiti", "limit"},
        {"oder", "order"},   {"sleect", "select"}, {"limit", "limit"}, {"", NULL},
        {"x", NULL},         {"di", NULL}, // half of its letters differ
        {"filter", NULL},    {"limitless", NULL},
        {"a word of more than sixty-four letters, longer than any name that there is", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *found = err_nearest(cases[i].word, words, 5);
        if (cases[i].nearest) assert_string_equal(found, cases[i].nearest);
        else assert_null(found);
    }
    assert_null(err_nearest("x", NULL, 0));
}

static void test_ctx_check(void **state) {
    (void)state;
    assert_int_equal(ctx_check(&ctx), NACRE_OK);
    ctx.deadline_ns = model.mono_ns + 5000000;
    assert_int_equal(ctx_check(&ctx), NACRE_OK);
    world_model_advance(&model, 5);
    assert_int_equal(ctx_check(&ctx), NACRE_TIMEOUT);
    assert_int_equal(ctx.err.status, NACRE_TIMEOUT);
    atomic_bool cancel = false;
    ctx_reset(&ctx);
    assert_int_equal(ctx.err.status, NACRE_OK);
    ctx.cancel = &cancel;
    assert_int_equal(ctx_check(&ctx), NACRE_OK);
    atomic_store(&cancel, true);
    assert_int_equal(ctx_check(&ctx), NACRE_CANCELLED);
    ctx_reset(&ctx);
    assert_null(ctx.cancel);
}

static void test_ctx_arena_is_reset(void **state) {
    (void)state;
    void *first = arena_alloc(&ctx.arena, 100);
    while (arena_alloc(&ctx.arena, 1000)) {}
    ctx_reset(&ctx);
    assert_ptr_equal(arena_alloc(&ctx.arena, 100), first);
}

// The message goes to the pipe as it would to standard error; the process ends by SIGABRT.
static void test_check_fails(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        CHECK(1 + 1 == 3);
        _exit(0);
    }
    close(ends[1]);
    char text[600] = {0};
    assert_true(read(ends[0], text, sizeof text - 1) > 0);
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "test_err.c:"));
    assert_non_null(strstr(text, ": check failed: 1 + 1 == 3\n"));
}

// Every number below the count, and any other, has a name; names are told apart.
static void test_table(void **state) {
    (void)state;
    assert_string_equal(nacre_status_code(NACRE_OK), "ok");
    for (int i = 0; i < NACRE_STATUS_COUNT; i++) {
        const char *code = nacre_status_code((nacre_status)i);
        assert_true(code && *code && *nacre_status_title((nacre_status)i));
        int http = nacre_status_http((nacre_status)i);
        assert_true(http >= 200 && http < 600);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(nacre_status_code((nacre_status)j), code);
    }
    assert_string_equal(nacre_status_code((nacre_status)9999), "internal");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_set_begins_anew),
        T(test_set_may_quote_the_record),
        T(test_texts_are_cut_between_characters),
        T(test_texts_are_utf8),
        T(test_lists_are_bounded),
        T(test_prefix),
        T(test_errno),
        T(test_buf),
        T(test_nearest),
        T(test_ctx_check),
        T(test_ctx_arena_is_reset),
        T(test_check_fails),
        T(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
