#include "support/lib_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err/ctx.h"
#include "base/os/file.h"
#include "support/scratch.h"

static char rows_text[1 << 20], document_text[1 << 16];

static void open_db(struct lib_fixture *f) {
    static nacre_open_error error;
    f->options.error = &error;
    if (nacre_open(f->dir, &f->options, &f->db) != NACRE_OK) fail_msg("open: %s", error.detail);
    assert_int_equal(nacre_session_open(f->db, &f->s), NACRE_OK);
}

void lib_fixture_open(struct lib_fixture *f) {
    *f = (struct lib_fixture){.options.create = 1, .options.memory_bytes = 256u << 20};
    scratch_dir("lib", f->dir);
    f->c = nacre_collection_of(NULL, "things");
    open_db(f);
}

static void close_db(struct lib_fixture *f) {
    nacre_open_error error = {0};
    nacre_session_close(f->s);
    if (nacre_close(f->db, &error) != NACRE_OK) fail_msg("close: %s", error.detail);
}

void lib_fixture_reopen(struct lib_fixture *f) {
    close_db(f);
    open_db(f);
}

void lib_fixture_remove(const char *dir) {
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 1 << 20);
    assert_int_equal(dir_remove_all(&ctx, dir), NACRE_OK);
    ctx_free(&ctx);
}

void lib_fixture_close(struct lib_fixture *f) {
    close_db(f);
    lib_fixture_remove(f->dir);
}

nacre_status lib_fixture_put(struct lib_fixture *f, const char *json) {
    nacre_write memory = {.durability = NACRE_MEMORY};
    return nacre_put(f->s, &f->c, NULL, json, strlen(json), &memory, NULL);
}

nacre_status lib_fixture_insert(struct lib_fixture *f, const char *json) {
    nacre_write memory = {.durability = NACRE_MEMORY};
    return nacre_insert(f->s, &f->c, NULL, json, strlen(json), &memory, NULL);
}

nacre_status lib_fixture_batch(struct lib_fixture *f, const char *json, const char **out) {
    nacre_write memory = {.durability = NACRE_MEMORY};
    return nacre_batch(f->s, &f->c, json, strlen(json), &memory, out, NULL);
}

const char *lib_fixture_get(struct lib_fixture *f, nacre_id id) {
    nacre_doc doc = {0};
    const char *json;
    nacre_status status = nacre_get(f->s, &f->c, id, &doc);
    if (status == NACRE_DOCUMENT_NOT_FOUND) return NULL;
    LIB_OK(f, status);
    LIB_OK(f, nacre_doc_json(f->s, &doc, NULL, &json, NULL));
    const char *cut = strstr(json, ",\"_created\"");
    assert_non_null(cut);
    snprintf(document_text, sizeof document_text, "%.*s}", (int)(cut - json), json);
    nacre_doc_release(&doc);
    return document_text;
}

const char *lib_fixture_rows(struct lib_fixture *f, const char *spec) {
    nacre_cursor *cursor;
    const char *row;
    size_t at = 0, n;
    rows_text[0] = '\0';
    LIB_OK(f, nacre_query(f->s, &f->c, spec, &cursor));
    for (;;) {
        LIB_OK(f, nacre_cursor_next(cursor, &row, &n));
        if (!row) break;
        assert_int_equal(strlen(row), n);
        assert_true(at + n + 2 < sizeof rows_text);
        memcpy(rows_text + at, row, n);
        at += n;
        memcpy(rows_text + at++, "\n", 2);
    }
    nacre_cursor_close(cursor);
    return rows_text;
}

long lib_fixture_read(void *arg, void *buffer, size_t size) {
    struct lib_fixture_text *text = arg;
    size_t n = text->n < size ? text->n : size;
    if (text->step && n > text->step) n = text->step;
    if (n) memcpy(buffer, text->p, n);
    text->p += n;
    text->n -= n;
    return (long)n;
}

nacre_status lib_fixture_import(struct lib_fixture *f, const char *text,
                                const nacre_import_options *options, nacre_import_result *out) {
    struct lib_fixture_text input = {text, strlen(text), 7};
    return nacre_import(f->s, &f->c, lib_fixture_read, &input, options, out);
}

void lib_fixture_fails(struct lib_fixture *f, nacre_status got, nacre_status want,
                       const char *where, const char *const *texts) {
    const char *problem = nacre_error_problem(f->s);
    if (got != want)
        fail_msg("%s is %s, expected %s; %s", where, nacre_status_code(got),
                 nacre_status_code(want), problem);
    if (nacre_error_status(f->s) != want)
        fail_msg("%s: the session tells %s", where, nacre_status_code(nacre_error_status(f->s)));
    for (; *texts; texts++)
        if (!strstr(problem, *texts)) fail_msg("%s: %s\n  has no %s", where, problem, *texts);
}

void lib_fixture_ok(struct lib_fixture *f, nacre_status got, const char *where) {
    if (got != NACRE_OK)
        fail_msg("%s is %s: %s", where, nacre_status_code(got), nacre_error_problem(f->s));
    if (nacre_error_status(f->s) != NACRE_OK)
        fail_msg("%s was fine, but the session tells an error", where);
}

void lib_fixture_has(const char *text, const char *part, const char *where) {
    if (!strstr(text, part)) fail_msg("%s: %s\n  has no %s", where, text, part);
}
