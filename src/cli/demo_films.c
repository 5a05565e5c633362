// Import, reading, an index, conditions.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/demo.h"
#include "cli/json.h"
#include "cli/out.h"

#define FILM "The_Matrix"
#define QUESTION "genres = 'Noir' AND year BETWEEN 1944 AND 1950"

static long read_film_file(void *arg, void *buffer, size_t size) {
    return read(*(int *)arg, buffer, size);
}

void demo_import(struct demo *demo) {
    demo_step(demo, "Import");
    int fd = open(demo->films, O_RDONLY | O_CLOEXEC);
    nacre_import_result result = {0};
    nacre_collection films = nacre_collection_of(NULL, "films");
    double began = cli_now();
    nacre_status status = nacre_import(demo->session, &films, read_film_file, &fd, NULL, &result);
    double seconds = cli_now() - began;
    close(fd);
    if (!demo_ok(demo, status, "importing")) return;
    uint64_t count = 0;
    char a[32], b[32], c[32];
    if (!demo_ok(demo, nacre_count(demo->session, &films, NULL, &count), "counting")) return;
    demo_say(demo, "%s: %s films in %s (%s/s), synced to disk", demo->films,
             cli_grouped(a, result.documents), cli_duration(b, seconds),
             cli_grouped(c, (uint64_t)((double)result.documents / seconds)));
    demo_expect(demo, count == result.documents && count > 0 && result.failed == 0,
                "%s are counted, none was refused", cli_grouped(a, count));
}

void demo_read(struct demo *demo) {
    enum { READS = 100000 };
    demo_step(demo, "Read");
    nacre_collection films = nacre_collection_of(NULL, "films");
    nacre_doc doc = {0};
    const char *json = NULL;
    if (!demo_ok(demo, nacre_get(demo->session, &films, nacre_id_string(FILM), &doc), "reading"))
        return;
    nacre_status status =
        nacre_doc_json(demo->session, &doc, "title,year,cast,_version", &json, NULL);
    if (demo_ok(demo, status, "writing as JSON")) demo_say(demo, "%s", json);
    nacre_doc_release(&doc);
    double began = cli_now();
    unsigned found = 0;
    for (int i = 0; i < READS; i++) {
        found += nacre_get(demo->session, &films, nacre_id_string(FILM), &doc) == NACRE_OK;
        nacre_doc_release(&doc);
    }
    char a[32];
    demo_expect(demo, found == READS, "read %s times more: %.2f µs each", cli_grouped(a, READS),
                (cli_now() - began) * 1e6 / READS);
}

struct plan {
    char access[32];
    uint64_t keys, documents, rows;
    double ms;
};

static bool explain(struct demo *demo, struct plan *out) {
    static const char spec[] = "{\"query\":{\"filter\":\"" QUESTION "\",\"limit\":1000}}";
    nacre_collection films = nacre_collection_of(NULL, "films");
    const char *json = NULL;
    double began = cli_now();
    nacre_status status = nacre_explain(demo->session, &films, spec, &json, NULL);
    out->ms = (cli_now() - began) * 1e3;
    if (!demo_ok(demo, status, "explaining")) return false;
    struct cli_slice plan = cli_slice_of(json), access;
    struct cli_text text = {0};
    if (cli_json_path(plan, "plan.access", &access)) cli_json_text(access, &text);
    snprintf(out->access, sizeof out->access, "%s", cli_text_of(&text));
    cli_text_free(&text);
    out->keys = cli_json_uint(plan, "keys_examined", 0);
    out->documents = cli_json_uint(plan, "documents_examined", 0);
    out->rows = cli_json_uint(plan, "rows_returned", 0);
    return true;
}

static void say_plan(struct demo *demo, const char *when, const struct plan *plan) {
    char a[32], b[32], c[32];
    demo_say(demo, "%-7s %-5s  %s keys and %s documents examined, %s rows, %.1f ms", when,
             plan->access, cli_grouped(a, plan->keys), cli_grouped(b, plan->documents),
             cli_grouped(c, plan->rows), plan->ms);
}

void demo_index(struct demo *demo) {
    demo_step(demo, "Found by an index");
    struct plan before, after;
    nacre_collection films = nacre_collection_of(NULL, "films");
    demo_say(demo, "%s", QUESTION);
    if (!explain(demo, &before)) return;
    say_plan(demo, "before:", &before);
    double began = cli_now();
    nacre_status status = nacre_index_create(
        demo->session, &films, "by_genre_and_year",
        "{\"fields\":[\"genres\",{\"path\":\"year\",\"order\":\"desc\"}]}", NULL);
    if (status == NACRE_OK) status = nacre_index_wait(demo->session, &films, "by_genre_and_year");
    if (!demo_ok(demo, status, "making an index")) return;
    char time[32];
    demo_say(demo, "index on genres, -year: built in %s", cli_duration(time, cli_now() - began));
    if (!explain(demo, &after)) return;
    say_plan(demo, "after:", &after);
    demo_expect(demo, after.rows == before.rows && after.rows > 0, "the same rows");
    demo_expect(demo, strcmp(after.access, "index") == 0 && after.documents * 10 < before.documents,
                "less than a tenth of the work");
}

static nacre_status patch(struct demo *demo, const char *json, const nacre_write *options,
                          nacre_result *result) {
    nacre_collection films = nacre_collection_of(NULL, "films");
    return nacre_patch(demo->session, &films, nacre_id_string(FILM), NACRE_PATCH, json,
                       strlen(json), options, result);
}

void demo_conditions(struct demo *demo) {
    demo_step(demo, "Changed under conditions");
    uint64_t version = 1;
    nacre_result result = {0};
    nacre_write if_version = {.if_versions = &version, .if_version_count = 1};
    nacre_status status = patch(demo, "{\"$set\":{\"seen\":true}}", &if_version, &result);
    if (!demo_ok(demo, status, "patching")) return;
    demo_expect(demo, result.version == 2, "$set seen, if the version is 1: done, version %llu",
                (unsigned long long)result.version);
    status = patch(demo, "{\"$set\":{\"seen\":false}}", &if_version, &result);
    demo_expect(demo, status == NACRE_VERSION_MISMATCH && nacre_error_version(demo->session) == 2,
                "the same once more: refused, %s (%s)", nacre_error_detail(demo->session),
                nacre_status_code(status));
    nacre_write if_filter = {.if_filter = "year < 1990"};
    status = patch(demo, "{\"$inc\":{\"year\":1}}", &if_filter, &result);
    demo_expect(demo, status == NACRE_CONDITION_FAILED, "$inc year, if year < 1990: refused (%s)",
                nacre_status_code(status));
    nacre_write if_absent = {.if_absent = 1};
    nacre_collection films = nacre_collection_of(NULL, "films");
    nacre_id id = nacre_id_string(FILM);
    status = nacre_put(demo->session, &films, &id, "{}", 2, &if_absent, &result);
    demo_expect(demo, status != NACRE_OK, "put, if it is not there: refused (%s)",
                nacre_status_code(status));
}
