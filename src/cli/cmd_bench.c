// bench: a first impression of this machine, not a comparison (that is bench/ in the source).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/demo.h"
#include "cli/out.h"
#include "cli/table.h"

enum { SECONDS = 2, BODY = 512, HOT = 1000, GETS = 200000, QUERIES = 500 };

struct bench {
    struct cli *cli;
    struct cli_table *table;
    nacre_session *session;
    nacre_collection docs;
    uint64_t count, random;
    struct cli_text line;
    uint64_t next;
    size_t line_at;
};

// splitmix64 (Steele, Lea, Flood 2014): the same numbers in every run.
static uint64_t next_random(struct bench *bench) {
    uint64_t z = bench->random += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static void make_body(struct bench *bench, uint64_t number, struct cli_text *out) {
    char blob[BODY - 80];
    for (size_t i = 0; i < sizeof blob - 1; i++)
        blob[i] = (char)('a' + next_random(bench) % 26);
    blob[sizeof blob - 1] = '\0';
    cli_text_clear(out);
    cli_text_format(out, "{\"_id\":%llu,\"n\":%llu,\"group\":%llu,\"text\":\"%s\"}\n",
                    (unsigned long long)number, (unsigned long long)number,
                    (unsigned long long)(number % 1000), blob);
}

static void put_row(struct bench *bench, const char *what, uint64_t count, double seconds) {
    struct cli_text row = {0};
    char number[64];
    double rate = (double)count / (seconds > 1e-9 ? seconds : 1e-9);
    cmd_member_text(&row, "measure", what);
    cmd_member_number(&row, "operations", count);
    snprintf(number, sizeof number, "%.3f", seconds);
    cmd_member_json(&row, "seconds", number);
    snprintf(number, sizeof number, "%.0f", rate);
    cmd_member_json(&row, "per_second", number);
    snprintf(number, sizeof number, "%.2f", 1e6 / rate);
    cmd_member_json(&row, "microseconds", number);
    cmd_members_end(&row);
    cli_table_row(bench->table, (struct cli_slice){cli_text_of(&row), row.size});
    cli_text_free(&row);
}

static long read_lines(void *arg, void *buffer, size_t size) {
    struct bench *bench = arg;
    if (bench->line_at == bench->line.size) {
        if (bench->next == bench->count) return 0;
        make_body(bench, bench->next++, &bench->line);
        bench->line_at = 0;
    }
    size_t left = bench->line.size - bench->line_at;
    size_t take = left < size ? left : size;
    memcpy(buffer, bench->line.data + bench->line_at, take);
    bench->line_at += take;
    return (long)take;
}

static nacre_status bench_import(struct bench *bench) {
    nacre_import_result result = {0};
    double began = cli_now();
    nacre_status status =
        nacre_import(bench->session, &bench->docs, read_lines, bench, NULL, &result);
    if (status == NACRE_OK)
        put_row(bench, "import, 0.5 KB documents", result.documents, cli_now() - began);
    return status;
}

static nacre_status bench_puts(struct bench *bench, nacre_durability durability, const char *what) {
    nacre_write options = {.durability = durability};
    nacre_status status = NACRE_OK;
    double began = cli_now();
    uint64_t count = 0;
    while (status == NACRE_OK && count < bench->count && cli_now() - began < SECONDS) {
        uint64_t number = next_random(bench) % bench->count;
        make_body(bench, number, &bench->line);
        status = nacre_put(bench->session, &bench->docs, NULL, bench->line.data,
                           bench->line.size - 1, &options, NULL);
        count++;
    }
    if (status == NACRE_OK) put_row(bench, what, count, cli_now() - began);
    return status;
}

static nacre_status bench_gets(struct bench *bench, uint64_t among, const char *what) {
    nacre_status status = NACRE_OK;
    nacre_doc doc = {0};
    double began = cli_now();
    uint64_t count = 0;
    while (status == NACRE_OK && count < GETS && (count % 1000 || cli_now() - began < SECONDS)) {
        int64_t number = (int64_t)(next_random(bench) % among);
        status = nacre_get(bench->session, &bench->docs, nacre_id_integer(number), &doc);
        nacre_doc_release(&doc);
        count++;
    }
    if (status == NACRE_OK) put_row(bench, what, count, cli_now() - began);
    return status;
}

static nacre_status query_once(struct bench *bench, uint64_t *rows) {
    char spec[128];
    nacre_cursor *cursor = NULL;
    const char *row = NULL;
    uint64_t from = next_random(bench) % (bench->count > 200 ? bench->count - 100 : 1);
    snprintf(spec, sizeof spec, "{\"filter\":\"n >= %llu\",\"sort\":[\"n\"],\"limit\":100}",
             (unsigned long long)from);
    nacre_status status = nacre_query(bench->session, &bench->docs, spec, &cursor);
    while (status == NACRE_OK) {
        status = nacre_cursor_next(cursor, &row, NULL);
        if (status != NACRE_OK || !row) break;
        ++*rows;
    }
    nacre_cursor_close(cursor);
    return status;
}

static nacre_status bench_queries(struct bench *bench) {
    nacre_status status =
        nacre_index_create(bench->session, &bench->docs, "by_n", "{\"fields\":[\"n\"]}", NULL);
    double began = cli_now();
    if (status == NACRE_OK) status = nacre_index_wait(bench->session, &bench->docs, "by_n");
    if (status != NACRE_OK) return status;
    put_row(bench, "building an index", bench->count, cli_now() - began);
    uint64_t rows = 0, count = 0;
    began = cli_now();
    while (status == NACRE_OK && count < QUERIES && cli_now() - began < SECONDS) {
        status = query_once(bench, &rows);
        count++;
    }
    if (status == NACRE_OK) put_row(bench, "query by an index, 100 rows", count, cli_now() - began);
    began = cli_now();
    uint64_t found = 0;
    if (status == NACRE_OK) status = nacre_count(bench->session, &bench->docs, "group = 7", &found);
    if (status == NACRE_OK)
        put_row(bench, "documents filtered in a count", bench->count, cli_now() - began);
    return status;
}

static nacre_status run_all(struct bench *bench) {
    nacre_status status = bench_import(bench);
    if (status == NACRE_OK) status = bench_puts(bench, NACRE_SYNCED, "put, synced, one thread");
    if (status == NACRE_OK) status = bench_puts(bench, NACRE_MEMORY, "put, in memory first");
    if (status == NACRE_OK)
        status = bench_gets(bench, bench->count < HOT ? bench->count : HOT, "get, 1,000 hot");
    if (status == NACRE_OK) status = bench_gets(bench, bench->count, "get, at random");
    return status == NACRE_OK ? bench_queries(bench) : status;
}

// The scratch database is another one than the run's, but what opens and complains is shared.
int cmd_bench(struct cli *cli, const struct cli_call *call) {
    const struct cli_value *count = &call->options[OPT_COUNT_OF];
    char *dir = NULL;
    int code =
        demo_scratch_make(cli, call->count > 0 ? call->arguments[0] : ".", "nacre-bench", &dir);
    if (code) return code;
    struct cli own = *cli;
    own.dir = dir;
    own.database = NULL;
    own.db = NULL;
    own.session = NULL;
    own.access = CLI_CLOSED;
    code = cli_open(&own, CLI_CREATE);
    if (!code) {
        struct bench bench = {.cli = cli,
                              .table = cli_table_begin(&own, NULL),
                              .session = own.session,
                              .docs = nacre_collection_of(NULL, "docs"),
                              .count = count->given ? count->number : 50000,
                              .random = 1};
        cli_catch_interrupts(own.session);
        nacre_status status = run_all(&bench);
        cli_table_end(bench.table);
        code = status == NACRE_OK ? 0 : cli_fail(&own, status, NULL);
        cli_release_interrupts();
        cli_text_free(&bench.line);
    }
    int closed = cli_close(&own);
    demo_scratch_remove(dir);
    cli_free(dir);
    return code ? code : closed;
}
