#include "support/torture_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

nacre_id scene_number(int64_t i) { return nacre_id_integer(i); }

void scene_must(struct scene *s, nacre_status status, const char *what) {
    if (status != NACRE_OK)
        fail_msg("%s, place %lld: %s: %s: %s", s->call, s->nth, what, nacre_status_code(status),
                 s->f.s ? nacre_error_detail(s->f.s) : "");
}

// --- the database -----------------------------------------------------------------------

void scene_put_document(struct scene *s, int i) {
    char json[200];
    nacre_write w = {.durability = NACRE_MEMORY};
    nacre_id id = scene_number(i);
    int n =
        snprintf(json, sizeof json, "{\"n\":%d,\"t\":\"%05d\",\"pad\":\"%080d\"}", i, 99 - i, i);
    scene_must(s, nacre_put(s->f.s, &s->f.c, &id, json, (size_t)n, &w, NULL), "preparing");
}

void scene_open_db(struct scene *s) {
    nacre_open_error error = {0};
    s->f.options.error = &error;
    nacre_status status = nacre_open(s->f.dir, &s->f.options, &s->f.db);
    if (status != NACRE_OK)
        fail_msg("%s, place %lld: open: %s: %s", s->call, s->nth, nacre_status_code(status),
                 error.detail);
    s->f.options.error = NULL;
    scene_must(s, nacre_session_open(s->f.db, &s->f.s), "a session");
}

void scene_close_db(struct scene *s) {
    nacre_session_close(s->f.s);
    nacre_status status = nacre_close(s->f.db, NULL);
    (void)status; // it may have stopped writing
    s->f.s = NULL;
}

static void note_problem(void *arg, const char *text) {
    (void)arg;
    print_error("%s\n", text);
}

void scene_check(struct scene *s) {
    uint64_t problems;
    nacre_status status = NACRE_UNAVAILABLE; // a background write moved the log meanwhile
    for (int i = 0; i < 1000 && status == NACRE_UNAVAILABLE; i++, usleep(20000))
        status = nacre_check(s->f.s, note_problem, NULL, &problems);
    scene_must(s, status, "the check");
    if (problems) fail_msg("%s, place %lld: the check finds something", s->call, s->nth);
}

void scene_begin(struct scene *s) {
    *s = (struct scene){.call = "the beginning"};
    lib_fixture_open(&s->f);
    s->f.options.log_bytes = SCENE_LOG_BYTES;
    lib_fixture_reopen(&s->f);
    for (int i = 0; i < SCENE_DOCUMENTS; i++)
        scene_put_document(s, i);
    scene_must(s, nacre_index_create(s->f.s, &s->f.c, "by_n", "{\"fields\":[\"n\"]}", NULL),
               "an index");
    scene_must(s, nacre_index_wait(s->f.s, &s->f.c, "by_n"), "its build");
}

bool scene_is_stopped(struct scene *s) {
    const char *text;
    scene_must(s, nacre_stats(s->f.s, &text), "stats");
    return strstr(text, "\"writes_stopped\":true") != NULL;
}

// --- what is there ----------------------------------------------------------------------

const char *scene_document(struct scene *s, int i) {
    static char kept[600];
    nacre_doc doc = {0};
    const char *json;
    nacre_status status = nacre_get(s->f.s, &s->f.c, scene_number(i), &doc);
    if (status == NACRE_DOCUMENT_NOT_FOUND) return NULL;
    scene_must(s, status, "reading");
    scene_must(s, nacre_doc_json(s->f.s, &doc, NULL, &json, NULL), "writing it as JSON");
    (void)snprintf(kept, sizeof kept, "%s", json);
    nacre_doc_release(&doc);
    return kept;
}

int scene_holds(struct scene *s, int i, const char *text) {
    const char *json = scene_document(s, i);
    return json && strstr(json, text) ? 1 : 0;
}

void scene_absent(struct scene *s, int i) {
    nacre_status status = nacre_delete(s->f.s, &s->f.c, scene_number(i), NULL, NULL);
    if (status != NACRE_DOCUMENT_NOT_FOUND) scene_must(s, status, "preparing");
}

int scene_count_of(struct scene *s, const char *filter) {
    uint64_t n;
    scene_must(s, nacre_count(s->f.s, &s->f.c, filter, &n), "counting");
    return (int)n;
}

int scene_all_or_nothing(int n, int all) { return n == all ? 1 : n == 0 ? 0 : SCENE_UNSURE; }
