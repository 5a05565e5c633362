// Each public call, with its first, second, third … allocation failing, then its file calls, until
// one goes through with nothing left to fail. Proves for each: a typed error that the session
// tells, or the right answer; what was answered with a definite error has not happened, what was
// answered well has, what is outcome_unknown did wholly or not at all, and all this also after the
// database is opened again; the check finds nothing. An engine that stops writing goes on reading.
// NACRE_RUNS multiplies the number of places tried.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/os/fault.h"
#include "support/lib_fixture.h"
#include "support/scratch.h"
#include "support/torture_scene.h"

// prepare makes the state before, whatever it was; make does the call; done tells whether its
// effect is there: 1, 0, or SCENE_UNSURE, which is a half-done thing and fails the test.
struct call {
    const char *name;
    void (*prepare)(struct scene *s);
    nacre_status (*make)(struct scene *s);
    int (*done)(struct scene *s);
};

// --- writes -----------------------------------------------------------------------------

static const char fresh[] = "{\"n\":700,\"fresh\":true,\"list\":[1,2,{\"a\":null}]}";

static void before_put(struct scene *s) { scene_put_document(s, 1); }
static nacre_status make_put(struct scene *s) {
    nacre_result r = {0};
    nacre_write w = {.want_document = 1, .if_filter = "n = 1"};
    nacre_id id = scene_number(1);
    return nacre_put(s->f.s, &s->f.c, &id, fresh, sizeof fresh - 1, &w, &r);
}
static int done_put(struct scene *s) { return scene_holds(s, 1, "\"fresh\":true"); }

static void before_insert(struct scene *s) { scene_absent(s, 101); }
static nacre_status make_insert(struct scene *s) {
    nacre_id id = scene_number(101);
    nacre_write w = {.has_ttl = 1, .ttl_seconds = 3600, .durability = NACRE_MEMORY};
    return nacre_insert(s->f.s, &s->f.c, &id, fresh, sizeof fresh - 1, &w, NULL);
}
static int done_insert(struct scene *s) { return scene_holds(s, 101, "\"fresh\":true"); }

static void before_patch(struct scene *s) { scene_put_document(s, 2); }
static nacre_status patch(struct scene *s, nacre_patch_kind kind, const char *json) {
    nacre_result r = {0};
    nacre_write w = {.want_document = 1};
    return nacre_patch(s->f.s, &s->f.c, scene_number(2), kind, json, strlen(json), &w, &r);
}
static nacre_status make_patch(struct scene *s) {
    return patch(s, NACRE_PATCH, "{\"$inc\":{\"n\":698},\"$push\":{\"list\":{\"$each\":[1,2]}}}");
}
static nacre_status make_merge(struct scene *s) {
    return patch(s, NACRE_PATCH, "{\"n\":700,\"t\":null,\"deep\":{\"er\":[1]}}");
}
static nacre_status make_json_patch(struct scene *s) {
    return patch(s, NACRE_PATCH_JSON,
                 "[{\"op\":\"test\",\"path\":\"/n\",\"value\":2},"
                 "{\"op\":\"replace\",\"path\":\"/n\",\"value\":700}]");
}
static int done_patch(struct scene *s) { return scene_holds(s, 2, "\"n\":700"); }

static void before_delete(struct scene *s) { scene_put_document(s, 3); }
static nacre_status make_delete(struct scene *s) {
    return nacre_delete(s->f.s, &s->f.c, scene_number(3), NULL, NULL);
}
static int done_delete(struct scene *s) { return scene_document(s, 3) == NULL; }

static void before_batch(struct scene *s) {
    for (int i = 200; i < 204; i++)
        scene_absent(s, i);
}
static nacre_status batch(struct scene *s, const char *head) {
    char json[600];
    const char *out;
    nacre_write w = {.want_document = 1};
    size_t n = (size_t)snprintf(json, sizeof json, "{%s\"operations\":[", head);
    for (int i = 200; i < 204; i++)
        n += (size_t)snprintf(json + n, sizeof json - n,
                              "%s{\"op\":\"put\",\"id\":%d,\"document\":{\"batch\":1,\"n\":%d}}",
                              i > 200 ? "," : "", i, i);
    n += (size_t)snprintf(json + n, sizeof json - n, "]}");
    return nacre_batch(s->f.s, &s->f.c, json, n, &w, &out, NULL);
}
static nacre_status make_batch(struct scene *s) { return batch(s, ""); }
static nacre_status make_loose_batch(struct scene *s) { return batch(s, "\"atomic\":false,"); }
static int done_batch(struct scene *s) {
    return scene_all_or_nothing(scene_count_of(s, "batch = 1"), 4);
}

// The key is new at each place: what failed is repeated with it and must have happened once.
static void before_idempotent(struct scene *s) {
    scene_put_document(s, 4);
    s->key++;
}
static nacre_status make_idempotent(struct scene *s) {
    char key[32];
    const char *json = "{\"$inc\":{\"n\":1}}";
    nacre_write w = {.idempotency_key = key};
    (void)snprintf(key, sizeof key, "key %d", s->key);
    return nacre_patch(s->f.s, &s->f.c, scene_number(4), NACRE_PATCH, json, strlen(json), &w, NULL);
}
static int done_idempotent(struct scene *s) {
    return scene_holds(s, 4, "\"n\":4") ? 0 : scene_holds(s, 4, "\"n\":5") ? 1 : SCENE_UNSURE;
}

// --- claims -----------------------------------------------------------------------------

// Document 5 anew, and so without a lease.
static void before_claim(struct scene *s) {
    scene_absent(s, 5);
    scene_put_document(s, 5);
}
static nacre_status make_claim(struct scene *s) {
    const char *json = NULL;
    nacre_status status =
        nacre_claim(s->f.s, &s->f.c,
                    "{\"filter\":{\"_id\":5},\"sort\":[\"n\"],\"set\":{\"busy\":true},\"holder\":"
                    "\"me\",\"on_expire\":{\"$inc\":{\"lost\":1}},\"lease_ms\":3600000}",
                    NULL, &json, NULL);
    if (status != NACRE_OK) return status;
    const char *token = json ? strstr(json, "\"token\":\"") : NULL;
    if (!token) fail_msg("the claim gives %s", json ? json : "nothing");
    (void)snprintf(s->token, sizeof s->token, "%.*s", (int)strcspn(token + 9, "\""), token + 9);
    return status;
}
static int done_claim(struct scene *s) {
    int busy = scene_holds(s, 5, "\"busy\":true"), leased = scene_holds(s, 5, "\"_lease\":{");
    return busy == leased ? busy : SCENE_UNSURE;
}

static void before_release(struct scene *s) {
    before_claim(s);
    scene_must(s, make_claim(s), "claiming");
}
static nacre_status make_release(struct scene *s) {
    return nacre_release(s->f.s, &s->f.c, scene_number(5), s->token, NULL, NULL, NULL);
}
static int done_release(struct scene *s) {
    int claimed = done_claim(s);
    return claimed == SCENE_UNSURE ? SCENE_UNSURE : !claimed;
}
static nacre_status make_finish(struct scene *s) {
    nacre_result r = {0};
    nacre_write w = {.want_document = 1};
    return nacre_release(s->f.s, &s->f.c, scene_number(5), s->token, "{\"state\":\"done\"}", &w,
                         &r);
}
static int done_finish(struct scene *s) {
    int done = scene_holds(s, 5, "\"state\":\"done\""), leased = scene_holds(s, 5, "\"_lease\":{");
    return done != leased ? done : SCENE_UNSURE;
}

static nacre_status make_extend(struct scene *s) {
    return nacre_extend(s->f.s, &s->f.c, scene_number(5), s->token, 7200000, NULL, NULL);
}
static void lease_end(struct scene *s, char out[64]) {
    const char *json = scene_document(s, 5), *lease = json ? strstr(json, "\"_lease\":{") : NULL;
    const char *until = lease ? strstr(lease, "\"until\":") : NULL;
    if (!until) fail_msg("%s, place %lld: the lease is gone", s->call, s->nth);
    (void)snprintf(out, 64, "%.*s", (int)strcspn(until, "}"), until);
}
static void before_extend(struct scene *s) {
    before_release(s);
    lease_end(s, s->until);
}
static int done_extend(struct scene *s) {
    char now[64];
    lease_end(s, now);
    return strcmp(now, s->until) != 0;
}

static nacre_status make_fenced(struct scene *s) {
    const char *json = "{\"$set\":{\"step\":2}}";
    nacre_write w = {.lease = s->token};
    return nacre_patch(s->f.s, &s->f.c, scene_number(5), NACRE_PATCH, json, strlen(json), &w, NULL);
}
static int done_fenced(struct scene *s) { return scene_holds(s, 5, "\"step\":2"); }

// --- the catalog ------------------------------------------------------------------------

static nacre_collection other(void) { return nacre_collection_of(NULL, "other"); }

static void before_create(struct scene *s) {
    nacre_collection c = other();
    nacre_status status = nacre_collection_drop(s->f.s, &c);
    if (status != NACRE_COLLECTION_NOT_FOUND) scene_must(s, status, "preparing");
}
static nacre_status make_create(struct scene *s) {
    nacre_collection c = other();
    return nacre_collection_create(s->f.s, &c,
                                   "{\"ttl_seconds\":3600,\"indexes\":[{\"name\":\"u\",\"fields\":"
                                   "[\"a\",{\"path\":\"b\",\"order\":\"desc\"}],\"unique\":true}]}",
                                   NULL);
}
static int describes(struct scene *s, const char *part) {
    nacre_collection c = other();
    const char *text;
    nacre_status status = nacre_collection_describe(s->f.s, &c, &text);
    if (status == NACRE_COLLECTION_NOT_FOUND) return 0;
    scene_must(s, status, "describing");
    return strstr(text, part) != NULL;
}
static int done_create(struct scene *s) {
    int there = describes(s, "\"other\"");
    return there == describes(s, "\"u\"") && there == describes(s, "3600") ? there : SCENE_UNSURE;
}

static void before_alter(struct scene *s) {
    before_create(s);
    scene_must(s, make_create(s), "creating");
}
static nacre_status make_alter(struct scene *s) {
    nacre_collection c = other();
    return nacre_collection_alter(s->f.s, &c, "{\"ttl_seconds\":7200}");
}
static int done_alter(struct scene *s) { return describes(s, "7200"); }
static nacre_status make_drop(struct scene *s) {
    nacre_collection c = other();
    return nacre_collection_drop(s->f.s, &c);
}
static int done_drop(struct scene *s) { return !describes(s, "\"other\""); }

static nacre_status make_describe(struct scene *s) {
    const char *text;
    nacre_status status = nacre_collection_describe(s->f.s, &s->f.c, &text);
    if (status == NACRE_OK && !strstr(text, "\"by_n\"")) fail_msg("described as %s", text);
    return status;
}

static int described_index(struct scene *s) {
    const char *text;
    nacre_status status = nacre_index_describe(s->f.s, &s->f.c, "by_t", &text);
    if (status == NACRE_INDEX_NOT_FOUND) return 0;
    scene_must(s, status, "describing an index");
    return 1;
}
static void before_index(struct scene *s) {
    nacre_status status = nacre_index_drop(s->f.s, &s->f.c, "by_t");
    if (status != NACRE_INDEX_NOT_FOUND) scene_must(s, status, "preparing");
}
static nacre_status make_index(struct scene *s) {
    return nacre_index_create(s->f.s, &s->f.c, "by_t",
                              "{\"fields\":[\"t\"],\"unique\":true,\"where\":\"n >= 0\"}", NULL);
}
// The build, too: it stops at a failing allocation and is taken up again.
static nacre_status make_built_index(struct scene *s) {
    nacre_status status = make_index(s);
    return status == NACRE_OK ? nacre_index_wait(s->f.s, &s->f.c, "by_t") : status;
}
static void before_index_drop(struct scene *s) { scene_must(s, make_built_index(s), "an index"); }
static nacre_status make_index_drop(struct scene *s) {
    return nacre_index_drop(s->f.s, &s->f.c, "by_t");
}
static int done_index_drop(struct scene *s) { return !described_index(s); }
static nacre_status make_index_describe(struct scene *s) {
    const char *text;
    nacre_status status = nacre_index_describe(s->f.s, &s->f.c, NULL, &text);
    if (status == NACRE_OK && !strstr(text, "\"ready\"")) fail_msg("described as %s", text);
    return status;
}

static void before_database(struct scene *s) {
    nacre_status status = nacre_database_drop(s->f.s, "second");
    if (status != NACRE_DATABASE_NOT_FOUND) scene_must(s, status, "preparing");
}
static nacre_status make_database(struct scene *s) {
    return nacre_database_create(s->f.s, "second", "{\"quota\":{\"documents\":5}}", NULL);
}
static int database_says(struct scene *s, const char *part) {
    const char *text;
    nacre_status status = nacre_database_describe(s->f.s, "second", &text);
    if (status == NACRE_DATABASE_NOT_FOUND) return 0;
    scene_must(s, status, "describing a database");
    return strstr(text, part) != NULL;
}
static int done_database(struct scene *s) { return database_says(s, ":5"); }
static void before_database_alter(struct scene *s) {
    before_database(s);
    scene_must(s, make_database(s), "a database");
}
static nacre_status make_database_alter(struct scene *s) {
    return nacre_database_alter(s->f.s, "second", "{\"quota\":{\"documents\":77}}");
}
static int done_database_alter(struct scene *s) { return database_says(s, "77"); }
static nacre_status make_database_drop(struct scene *s) {
    return nacre_database_drop(s->f.s, "second");
}
static int done_database_drop(struct scene *s) { return !database_says(s, "second"); }
static nacre_status make_database_describe(struct scene *s) {
    const char *text;
    nacre_status status = nacre_database_describe(s->f.s, NULL, &text);
    if (status == NACRE_OK && !strstr(text, "\"main\"")) fail_msg("described as %s", text);
    return status;
}

// --- reads ------------------------------------------------------------------------------

static nacre_status make_session(struct scene *s) {
    nacre_session *second;
    nacre_status status = nacre_session_open(s->f.db, &second);
    if (status == NACRE_OK) nacre_session_close(second);
    return status;
}

static nacre_status make_get(struct scene *s) {
    nacre_doc doc = {0};
    nacre_value value = {0};
    const char *json = NULL;
    int there = 0;
    nacre_status status = nacre_exists(s->f.s, &s->f.c, scene_number(7), &there);
    if (status == NACRE_OK && !there) fail_msg("document 7 is not there");
    if (status == NACRE_OK) status = nacre_get(s->f.s, &s->f.c, scene_number(7), &doc);
    if (status == NACRE_OK) status = nacre_doc_field(s->f.s, &doc, "n", &value);
    if (status == NACRE_OK && value.integer != 7) fail_msg("n is not 7");
    if (status == NACRE_OK) status = nacre_doc_json(s->f.s, &doc, "t,_version", &json, NULL);
    if (status == NACRE_OK && !strstr(json, "\"t\":\"00092\"")) fail_msg("it is %s", json);
    nacre_doc_release(&doc);
    return status;
}

// Every change of one document, with its image.
static nacre_status make_changes(struct scene *s) {
    nacre_feed *feed = NULL;
    const char *change = "", *token = NULL;
    int seen = 0;
    nacre_status status = nacre_changes(s->f.s, &s->f.c, "{\"filter\":\"n = 7\"}", &feed);
    if (status != NACRE_OK) return status;
    while (change && (status = nacre_feed_next(feed, 0, &change, NULL)) == NACRE_OK)
        seen += change && strstr(change, "\"op\":\"insert\"") && strstr(change, "\"n\":7,");
    if (status == NACRE_OK && seen != 1) fail_msg("%d inserts of it", seen);
    if (status == NACRE_OK) status = nacre_feed_token(feed, &token);
    nacre_feed_close(feed);
    return status;
}

// The rows of a live query, then that nothing more comes.
static nacre_status make_live(struct scene *s) {
    nacre_live *live = NULL;
    const char *message = "";
    int rows = 0, ready = 0;
    nacre_status status = nacre_live_open(s->f.s, &s->f.c, "{\"filter\":\"n = 7\"}", &live);
    if (status != NACRE_OK) return status;
    while (message && (status = nacre_live_next(live, 0, &message, NULL)) == NACRE_OK && message) {
        rows += strstr(message, "\"op\":\"enter\"") && strstr(message, "\"n\":7,");
        ready += strstr(message, "\"op\":\"ready\"") != NULL;
    }
    if (status == NACRE_OK && (rows != 1 || ready != 1)) fail_msg("%d rows, %d ready", rows, ready);
    nacre_live_close(live);
    return status;
}

// From one page to the next by the cursor's token, rows in order.
static nacre_status pages(struct scene *s, const char *sort, int from, int step) {
    char token[400] = "", spec[600];
    nacre_status status = NACRE_OK;
    for (int seen = 0; status == NACRE_OK && seen < 6;) {
        nacre_cursor *cursor = NULL;
        const char *row = "", *next = NULL;
        uint64_t total = 0;
        (void)snprintf(spec, sizeof spec,
                       "{\"filter\":\"n >= 6 AND n < 12\",\"sort\":[\"%s\"],\"limit\":2,"
                       "\"fields\":[\"n\"],\"count\":\"exact\"%s%s%s}",
                       sort, *token ? ",\"cursor\":\"" : "", token, *token ? "\"" : "");
        status = nacre_query(s->f.s, &s->f.c, spec, &cursor);
        if (status != NACRE_OK) return status;
        while (row && (status = nacre_cursor_next(cursor, &row, NULL)) == NACRE_OK) {
            char want[32];
            (void)snprintf(want, sizeof want, "\"n\":%d", from + step * seen);
            if (row && !strstr(row, want)) fail_msg("%s instead of %s", row, want);
            seen += row != NULL;
        }
        if (status == NACRE_OK) status = nacre_cursor_total(cursor, &total);
        if (status == NACRE_OK && total != 6) fail_msg("%d rows in all", (int)total);
        if (status == NACRE_OK) status = nacre_cursor_token(cursor, &next);
        if (status == NACRE_OK && !next != (seen == 6)) fail_msg("a page ends at %d", seen);
        (void)snprintf(token, sizeof token, "%s", next ? next : "");
        nacre_cursor_close(cursor);
    }
    return status;
}
static nacre_status make_query(struct scene *s) { return pages(s, "n", 6, 1); }
static nacre_status make_sorted_query(struct scene *s) { return pages(s, "t", 11, -1); }

static nacre_status make_count(struct scene *s) {
    uint64_t n = 0;
    nacre_status status =
        nacre_count(s->f.s, &s->f.c, "{\"$or\":[{\"n\":{\"$in\":[6,7]}},{\"t\":\"00091\"}]}", &n);
    if (status == NACRE_OK && n != 3) fail_msg("%d counted", (int)n);
    return status;
}
static nacre_status make_aggregate(struct scene *s) {
    static const char *const bodies[] = {
        "{\"filter\":\"n >= 6 AND n < "
        "12\",\"group_by\":\"n\",\"aggregates\":{\"x\":{\"max\":\"t\"},"
        "\"d\":{\"count_distinct\":\"t\"},\"s\":{\"sum\":\"n\"}},\"having\":\"n > 6\",\"limit\":2}",
        "{\"filter\":\"n = 7\",\"aggregates\":{\"c\":{\"count\":\"*\"}}}"};
    static const char *const wanted[] = {"\"n\":8,", "\"c\":1"};
    for (int i = 0; i < 2; i++) {
        nacre_cursor *cursor = NULL;
        const char *row = "", *token = NULL;
        char seen[256] = "";
        nacre_status status = nacre_aggregate(s->f.s, &s->f.c, bodies[i], &cursor);
        while (status == NACRE_OK && row) {
            status = nacre_cursor_next(cursor, &row, NULL);
            if (status == NACRE_OK && row) (void)snprintf(seen, sizeof seen, "%s", row);
        }
        if (status == NACRE_OK) status = nacre_cursor_token(cursor, &token);
        bool right = strstr(seen, wanted[i]) && (token != NULL) == (i == 0);
        nacre_cursor_close(cursor);
        if (status != NACRE_OK) return status;
        if (!right) fail_msg("the last row is %s", seen);
    }
    return NACRE_OK;
}
static nacre_status make_explain(struct scene *s) {
    const char *text;
    nacre_status status =
        nacre_explain(s->f.s, &s->f.c, "{\"query\":{\"filter\":\"n = 7\"}}", &text, NULL);
    if (status == NACRE_OK && !strstr(text, "\"by_n\"")) fail_msg("explained as %s", text);
    return status;
}

static int write_out(void *arg, const void *bytes, size_t size) {
    struct lib_fixture_text *out = arg;
    out->n += size;
    return memchr(bytes, '\0', size) != NULL;
}
static nacre_status make_export(struct scene *s) {
    struct lib_fixture_text out = {0};
    uint64_t documents = 0;
    nacre_status status = nacre_export(s->f.s, &s->f.c, "{\"filter\":\"n >= 6 AND n < 12\"}",
                                       write_out, &out, NULL, NULL, &documents);
    if (status == NACRE_OK && documents != 6) fail_msg("%d exported", (int)documents);
    return status;
}
static nacre_status make_export_csv(struct scene *s) {
    struct lib_fixture_text out = {0};
    uint64_t documents = 0;
    nacre_status status = nacre_export(
        s->f.s, &s->f.c, "{\"filter\":\"n >= 6 AND n < 12\",\"format\":\"csv\",\"fields\":\"n\"}",
        write_out, &out, NULL, NULL, &documents);
    if (status == NACRE_OK && documents != 6) fail_msg("%d exported", (int)documents);
    return status;
}
static nacre_status make_check(struct scene *s) {
    uint64_t problems = 0;
    nacre_status status = nacre_check(s->f.s, NULL, NULL, &problems);
    // A file that cannot be read is a finding.
    if (status == NACRE_OK && problems && !fault_fired(s->kind))
        fail_msg("%d problems", (int)problems);
    return status;
}
static nacre_status make_stats(struct scene *s) {
    const char *text;
    return nacre_stats(s->f.s, &text);
}

// --- import -----------------------------------------------------------------------------

static void before_import(struct scene *s) {
    for (int i = 300; i < 308; i++)
        scene_absent(s, i);
}
static nacre_status make_import(struct scene *s) {
    char text[600];
    nacre_import_result result = {0};
    size_t n = 0;
    for (int i = 300; i < 308; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "{\"_id\":%d,\"imported\":true}\n", i);
    nacre_status status = lib_fixture_import(&s->f, text, NULL, &result);
    fault_disarm(s->kind); // the count is no part of the call
    int stored = scene_count_of(s, "imported = true");
    if (result.lines > (uint64_t)stored || (status == NACRE_OK && stored != 8))
        fail_msg("%s, place %lld: %d lines for good, %d stored", s->call, s->nth, (int)result.lines,
                 stored);
    return status;
}

// Its lines go over two lines of the text each.
static nacre_status make_import_csv(struct scene *s) {
    char text[600] = "_id,csv,t.0\n";
    nacre_import_options options = {.format = NACRE_CSV};
    nacre_import_result result = {0};
    size_t n = strlen(text);
    for (int i = 310; i < 318; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%d,true,\"a\n\"\"b\"\n", i);
    nacre_status status = lib_fixture_import(&s->f, text, &options, &result);
    fault_disarm(s->kind); // the count is no part of the call
    int stored = scene_count_of(s, "csv = true");
    if (result.lines > 1 + 2 * (uint64_t)stored || (status == NACRE_OK && stored != 8))
        fail_msg("%s, place %lld: %d lines for good, %d stored", s->call, s->nth, (int)result.lines,
                 stored);
    return status;
}
static void before_import_csv(struct scene *s) {
    for (int i = 310; i < 318; i++)
        scene_absent(s, i);
}

// --- every call, every place ------------------------------------------------------------

static void before_where(struct scene *s) {
    for (int i = 330; i < 334; i++) {
        char json[60];
        nacre_id id = scene_number(i);
        int n = snprintf(json, sizeof json, "{\"group\":5,\"w\":0}");
        scene_must(s, nacre_put(s->f.s, &s->f.c, &id, json, (size_t)n, NULL, NULL), "preparing");
    }
}
static nacre_status make_update_where(struct scene *s) {
    nacre_where_result told;
    char key[24];
    nacre_where where = {
        .filter = "group = 5", .patch = "{\"$inc\":{\"w\":1}}", .idempotency_key = key};
    (void)snprintf(key, sizeof key, "where-%d", ++s->key);
    nacre_status status = nacre_update_where(s->f.s, &s->f.c, &where, &told);
    if (status == NACRE_OK && told.changed != 4) fail_msg("%d changed", (int)told.changed);
    return status;
}
static int done_update_where(struct scene *s) {
    return scene_all_or_nothing(scene_count_of(s, "w = 1"), 4);
}
static nacre_status make_delete_where(struct scene *s) {
    nacre_where where = {.filter = "{\"group\":5}", .atomic = 1};
    return nacre_delete_where(s->f.s, &s->f.c, &where, NULL);
}
static int done_delete_where(struct scene *s) {
    return scene_all_or_nothing(4 - scene_count_of(s, "group = 5"), 4);
}

static nacre_status make_transaction(struct scene *s) {
    nacre_tx_options options = {.isolation = NACRE_ISOLATION_SERIALIZABLE};
    nacre_status status = nacre_tx_begin(s->f.s, &options);
    if (status != NACRE_OK) return status;
    status = make_get(s);
    if (status == NACRE_OK) status = make_query(s);
    if (status == NACRE_OK) status = batch(s, "");
    if (status == NACRE_OK) return nacre_tx_commit(s->f.s, NULL);
    nacre_status rolled = nacre_tx_rollback(s->f.s);
    return rolled == NACRE_OK ? status : rolled;
}

static nacre_status make_running(struct scene *s) {
    const char *text;
    return nacre_running(s->f.s, &text);
}

static nacre_status make_jobs(struct scene *s) {
    const char *text;
    return nacre_jobs(s->f.s, NULL, &text);
}

static void before_backup(struct scene *s) {
    char dir[96];
    snprintf(dir, sizeof dir, "%s/backups", s->f.dir);
    if (access(dir, F_OK) == 0) lib_fixture_remove(dir);
}

static nacre_status make_backup_in(struct scene *s, nacre_backups *backups) {
    const char *text;
    uint64_t problems = 0;
    nacre_status status = nacre_backup_create(backups, s->f.db, "b", NULL, &text);
    if (status == NACRE_OK) status = nacre_backup_list(backups, NULL, &text);
    if (status == NACRE_OK) status = nacre_backup_verify(backups, "b", NULL, NULL, &problems);
    if (status == NACRE_OK && problems && !fault_fired(s->kind)) return NACRE_CORRUPT;
    return status;
}

static nacre_status make_backup(struct scene *s) {
    char dir[96];
    nacre_backups *backups;
    snprintf(dir, sizeof dir, "%s/backups", s->f.dir);
    nacre_status status = nacre_backups_open(dir, &backups);
    if (status != NACRE_OK) return status;
    status = make_backup_in(s, backups);
    nacre_backups_close(backups);
    return status;
}

static const struct call calls[] = {
    {"put", before_put, make_put, done_put},
    {"insert", before_insert, make_insert, done_insert},
    {"patch", before_patch, make_patch, done_patch},
    {"merge patch", before_patch, make_merge, done_patch},
    {"JSON patch", before_patch, make_json_patch, done_patch},
    {"delete", before_delete, make_delete, done_delete},
    {"batch", before_batch, make_batch, done_batch},
    {"batch, not atomic", before_batch, make_loose_batch, done_batch},
    {"transaction", before_batch, make_transaction, done_batch},
    {"update_where", before_where, make_update_where, done_update_where},
    {"delete_where", before_where, make_delete_where, done_delete_where},
    {"idempotent patch", before_idempotent, make_idempotent, done_idempotent},
    {"claim", before_claim, make_claim, done_claim},
    {"release", before_release, make_release, done_release},
    {"release with set", before_release, make_finish, done_finish},
    {"extend", before_extend, make_extend, done_extend},
    {"fenced patch", before_release, make_fenced, done_fenced},
    {"collection_create", before_create, make_create, done_create},
    {"collection_alter", before_alter, make_alter, done_alter},
    {"collection_drop", before_alter, make_drop, done_drop},
    {"collection_describe", NULL, make_describe, NULL},
    {"index_create", before_index, make_index, described_index},
    {"index_create and build", before_index, make_built_index, NULL},
    {"index_drop", before_index_drop, make_index_drop, done_index_drop},
    {"index_describe", NULL, make_index_describe, NULL},
    {"database_create", before_database, make_database, done_database},
    {"database_alter", before_database_alter, make_database_alter, done_database_alter},
    {"database_drop", before_database_alter, make_database_drop, done_database_drop},
    {"database_describe", NULL, make_database_describe, NULL},
    {"session_open", NULL, make_session, NULL},
    {"get", NULL, make_get, NULL},
    {"query", NULL, make_query, NULL},
    {"query, sorted", NULL, make_sorted_query, NULL},
    {"changes", NULL, make_changes, NULL},
    {"live query", NULL, make_live, NULL},
    {"count", NULL, make_count, NULL},
    {"aggregate", NULL, make_aggregate, NULL},
    {"explain", NULL, make_explain, NULL},
    {"running", NULL, make_running, NULL},
    {"jobs", NULL, make_jobs, NULL},
    {"backup", before_backup, make_backup, NULL},
    {"export", NULL, make_export, NULL},
    {"export CSV", NULL, make_export_csv, NULL},
    {"check", NULL, make_check, NULL},
    {"stats", NULL, make_stats, NULL},
    {"import", before_import, make_import, NULL},
    {"import CSV", before_import_csv, make_import_csv, NULL},
};

// What a failing machine may answer; UNAVAILABLE is a check that met a log which moved.
static bool is_typed(nacre_status status) {
    return status == NACRE_MEMORY_LIMIT || status == NACRE_IO_ERROR ||
           status == NACRE_OUTCOME_UNKNOWN || status == NACRE_UNAVAILABLE;
}

static void hold_to(struct scene *s, const struct call *call, nacre_status got, const char *when) {
    if (!call->done) return;
    int done = call->done(s);
    bool right = got == NACRE_OK ? done == 1 : got == NACRE_OUTCOME_UNKNOWN ? done >= 0 : done == 0;
    if (!right)
        fail_msg("%s, place %lld: answered %s, and %s it is %s", call->name, s->nth,
                 nacre_status_code(got), when,
                 done == SCENE_UNSURE ? "half done"
                 : done               ? "done"
                                      : "not done");
}

// The answer, which is right or typed, while the n-th call fails.
static nacre_status answer(struct scene *s, const struct call *call) {
    fault_arm(s->kind, s->nth, false);
    nacre_status got = call->make(s);
    fault_disarm(s->kind);
    if (got == NACRE_OK) return got;
    if (!is_typed(got))
        fail_msg("%s, place %lld: %s: %s", call->name, s->nth, nacre_status_code(got),
                 nacre_error_detail(s->f.s));
    return got;
}

// false: nothing failed any more.
static bool one_place(struct scene *s, const struct call *call) {
    if (call->prepare) call->prepare(s);
    nacre_status got = answer(s, call);
    bool fired = fault_fired(s->kind), stopped = scene_is_stopped(s);
    hold_to(s, call, got, "at once");
    if (got == NACRE_OK && !stopped) return fired;
    if (stopped) {
        scene_close_db(s);
        scene_open_db(s);
        hold_to(s, call, got, "opened again");
    }
    if (strcmp(call->name, "idempotent patch") != 0) return fired;
    scene_must(s, call->make(s), "again with its key");
    hold_to(s, call, NACRE_OK, "repeated");
    return fired;
}

// The calls that wait for the background get fewer places.
static long long step(const struct call *call, long long nth) {
    const char *runs = getenv("NACRE_RUNS");
    bool waits = call->make == make_built_index || call->prepare == before_index_drop;
    return 1 +
           nth / ((waits ? SCENE_DENSE / 4 : SCENE_DENSE) * (runs ? strtol(runs, NULL, 10) : 1));
}

static void all_calls(enum fault_kind kind) {
    static struct scene s;
    long long places = 0;
    scene_begin(&s);
    s.kind = kind;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        s.call = calls[i].name;
        bool fired = true;
        for (s.nth = 1; fired; s.nth += step(&calls[i], s.nth), places++)
            fired = one_place(&s, &calls[i]);
        scene_check(&s);
        if (getenv("NACRE_VERBOSE")) printf("%s: to place %lld\n", s.call, s.nth);
    }
    printf("%zu calls, %lld places\n", sizeof calls / sizeof *calls, places);
    lib_fixture_close(&s.f);
}

static void test_allocations(void **state) {
    (void)state;
    all_calls(FAULT_ALLOC);
}
static void test_files(void **state) {
    (void)state;
    all_calls(FAULT_IO);
}

// --- open and close ---------------------------------------------------------------------

// Opening a database that must replay its log, then closing it: each refuses with a typed error or
// works, and takes nothing with it.
static bool open_and_close(struct scene *s, enum fault_kind kind, bool closing) {
    nacre_db *db;
    nacre_open_error error = {0};
    s->f.options.error = &error;
    scene_put_document(s, 8);
    fault_arm(kind, 1, true); // so that closing leaves the log to the next open
    scene_close_db(s);
    fault_disarm(kind);
    if (!closing) fault_arm(kind, s->nth, false);
    nacre_status status = nacre_open(s->f.dir, &s->f.options, &db);
    if (closing && status == NACRE_OK) fault_arm(kind, s->nth, false);
    if (status == NACRE_OK) status = nacre_close(db, &error);
    fault_disarm(kind);
    bool fired = fault_fired(kind);
    if (status != NACRE_OK && (!is_typed(status) || error.status != status || !error.detail[0]))
        fail_msg("%s, place %lld: %s, told as %s: %s", s->call, s->nth, nacre_status_code(status),
                 nacre_status_code(error.status), error.detail);
    scene_open_db(s);
    for (int i = 0; i < SCENE_DOCUMENTS; i++)
        if (!scene_document(s, i))
            fail_msg("%s, place %lld: document %d is gone", s->call, s->nth, i);
    scene_check(s);
    return fired;
}

static void test_open_close(void **state) {
    (void)state;
    static struct scene s;
    const char *runs = getenv("NACRE_RUNS");
    long long dense = SCENE_DENSE * (runs ? strtol(runs, NULL, 10) : 1) / 2;
    scene_begin(&s);
    for (int way = 0; way < 4; way++) {
        bool fired = true;
        s.call = way & 1 ? "close" : "open";
        for (s.nth = 1; fired; s.nth += 1 + s.nth / dense)
            fired = open_and_close(&s, way & 2 ? FAULT_IO : FAULT_ALLOC, way & 1);
    }
    lib_fixture_close(&s.f);
}

int main(void) {
    scratch_leave_disk();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_allocations),
                                       cmocka_unit_test(test_files),
                                       cmocka_unit_test(test_open_close)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
