// Sorts and groups that are more than a small database may hold in memory: they answer, out of
// temporary files that are gone afterwards, and an opening removes what a killed process left.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dirent.h>

#include <cmocka.h>

#include "support/lib_fixture.h"

enum { ROWS = 12000, BATCH = 500 };

static struct lib_fixture f;

// Keys fall and texts are long: neither fits into the share of 16 MiB that a query has.
static void open_small(void) {
    char *text = malloc(BATCH * 400 + 64);
    assert_non_null(text);
    lib_fixture_open(&f);
    f.options.memory_bytes = 16u << 20;
    lib_fixture_reopen(&f);
    for (int i = 0; i < ROWS; i += BATCH) {
        size_t n = 0;
        for (int k = i; k < i + BATCH; k++)
            n +=
                (size_t)snprintf(text + n, 400, "{\"_id\":%d,\"n\":%d,\"t\":\"%0250d\",\"g\":%d}\n",
                                 k, ROWS - k, k * 7 % ROWS, k % 10);
        nacre_import_result result;
        LIB_OK(&f, lib_fixture_import(&f, text, NULL, &result));
    }
    free(text);
}

static int files_in(const char *name) {
    char path[128];
    int count = -2; // "." and ".."
    snprintf(path, sizeof path, "%s/%s", f.dir, name);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static const char *row_of(bool aggregate, const char *spec) {
    static char row[600];
    nacre_cursor *cursor;
    const char *json;
    LIB_OK(&f, (aggregate ? nacre_aggregate : nacre_query)(f.s, &f.c, spec, &cursor));
    assert_int_equal(files_in("tmp"), 0); // open files have no name
    LIB_OK(&f, nacre_cursor_next(cursor, &json, NULL));
    assert_non_null(json);
    snprintf(row, sizeof row, "%s", json);
    nacre_cursor_close(cursor);
    return row;
}

static void test_answers(void **state) {
    (void)state;
    const char *plan;
    open_small();
    LIB_HAS(row_of(false, "{\"sort\":\"t,n\",\"offset\":11999,\"limit\":1,\"fields\":[\"n\"]}"),
            "\"n\":5143");
    LIB_HAS(row_of(true, "{\"group_by\":\"t\",\"aggregates\":{\"s\":{\"sum\":\"n\"}},"
                         "\"having\":\"s = 12000\"}"),
            "\"s\":12000");
    LIB_HAS(row_of(true, "{\"aggregates\":{\"d\":{\"count_distinct\":\"t\"}}}"), "\"d\":12000");
    LIB_OK(&f, nacre_explain(
                   f.s, &f.c,
                   "{\"aggregate\":{\"group_by\":\"t\",\"aggregates\":{\"a\":{\"avg\":\"n\"}}}}",
                   &plan, NULL));
    LIB_HAS(plan, "\"spilled_bytes\":");
    LIB_HAS(plan, "\"name\":\"group\",\"rows\":12000");
    LIB_OK(&f,
           nacre_explain(f.s, &f.c, "{\"query\":{\"sort\":\"t\",\"offset\":11000}}", &plan, NULL));
    LIB_HAS(plan, "\"spilled_bytes\":");
    lib_fixture_close(&f);
}

// What one process leaves, the next removes; one that reads only touches nothing, and does with
// memory alone.
static void test_what_is_left(void **state) {
    (void)state;
    char path[128];
    const char *plan;
    open_small();
    snprintf(path, sizeof path, "%s/tmp/3", f.dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    f.options.read_only = 1;
    f.options.create = 0;
    lib_fixture_reopen(&f);
    assert_int_equal(files_in("tmp"), 1);
    LIB_OK(&f, nacre_explain(
                   f.s, &f.c,
                   "{\"aggregate\":{\"group_by\":\"t\",\"aggregates\":{\"a\":{\"avg\":\"n\"}}}}",
                   &plan, NULL));
    LIB_HAS(plan, "\"rows\":12000");
    assert_null(strstr(plan, "spilled"));
    assert_int_equal(files_in("tmp"), 1);
    f.options.read_only = 0;
    lib_fixture_reopen(&f);
    assert_int_equal(files_in("tmp"), 0);
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
