// Queries against SQLite over the same documents: JSON text with an index on an expression, and
// native columns. Medians of rounds in turn, ratios.
//   bench_query [DOCUMENTS] [DIR] [WORD]: only what has the word in its name
// Goals: count with a filter and a scan with a filter ≥ 2.5 times as fast as SQLite over JSON, ≤ 4
// times its time over native columns; groups, and sorts with a limit, ≥ 3 times as fast as over
// JSON; 100 rows by an index ≤ 2 times its time.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/ds/rng.h"
#include "base/err/check.h"
#include "base/os/file.h"
#include "doc/json.h"
#include "engine/engine.h"
#include "kit/kit.h"
#include "query/aggregate.h"

enum { ROUNDS = 7, BATCH = 1000, LOOKUPS = 2000 };

struct bench {
    struct ctx ctx, read;
    struct engine *engine;
    struct view *view;
    struct query_target target;
    sqlite3 *db;
    uint64_t documents;
    struct rng rng;
};

// CPU time of this thread: all data is in memory, and other work on the machine must not count.
static uint64_t now_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static size_t make_json(char *out, uint64_t i) {
    static const char *const kinds[] = {"order", "invoice", "offer", "receipt", "note"};
    int n = snprintf(
        out, 512,
        "{\"_id\":%llu,\"kind\":\"%s\",\"n\":%llu,\"year\":%d,\"price\":%d.25,\"open\":%s,"
        "\"customer\":{\"name\":\"customer %d\",\"city\":\"city %d\"},\"tags\":[\"t%d\",\"u%d\"],"
        "\"text\":\"",
        (unsigned long long)i, kinds[i % 5], (unsigned long long)(i * 7919 % 1000003),
        1950 + (int)(i * 31 % 75), (int)(i * 17 % 900), i % 3 ? "true" : "false", (int)(i % 977),
        (int)(i % 53), (int)(i % 11), (int)(i % 7));
    size_t at = (size_t)n, end = 600 + i % 200;
    for (; at < end; at++)
        out[at] = (char)('a' + (at * 7 + i) % 26);
    memcpy(out + at, "\",\"last\":1}", 12);
    return at + 11;
}

static struct slice bson_of(struct ctx *ctx, struct slice json) {
    struct buf body BUF_CLEANUP = {0};
    struct json_options options = {.allow_dollar_names = true};
    buf_init(&body, NULL, SIZE_MAX);
    CHECK(json_parse(ctx, json, &options, &body) == NACRE_OK);
    return slice_of(arena_copy(&ctx->arena, body.p, body.n), body.n);
}

static void load_nacre(struct bench *b) {
    static struct write_item items[BATCH];
    char json[2048];
    for (uint64_t i = 0; i < b->documents; i += BATCH) {
        uint32_t count = (uint32_t)(b->documents - i < BATCH ? b->documents - i : BATCH);
        for (uint32_t k = 0; k < count; k++) {
            size_t n = make_json(json, i + k);
            items[k] =
                (struct write_item){.kind = WRITE_PUT, .body = bson_of(&b->ctx, slice_of(json, n))};
        }
        struct write_request request = {.target.collection = SLICE_LIT("docs"),
                                        .count = count,
                                        .items = items,
                                        .durability = DURABILITY_MEMORY};
        struct result result;
        nacre_status status = engine_write(&b->ctx, b->engine, &request, &result);
        if (status != NACRE_OK) fprintf(stderr, "%s\n", b->ctx.err.detail);
        CHECK(status == NACRE_OK);
        ctx_reset(&b->ctx);
    }
}

static void open_nacre(struct bench *b, const char *dir) {
    struct engine_options options = {.dir = dir, .create = true, .memory_bytes = 2u << 30};
    struct target target = {.collection = SLICE_LIT("docs")};
    struct result result;
    if (file_exists(dir)) CHECK(dir_remove_all(&b->ctx, dir) == NACRE_OK);
    CHECK(engine_open(&b->ctx, &options, &b->engine) == NACRE_OK);
    struct catalog_request make = {.op = CATALOG_CREATE_COLLECTION, .target = target};
    CHECK(engine_catalog(&b->ctx, b->engine, &make, &result) == NACRE_OK);
    make.op = CATALOG_CREATE_INDEX;
    make.index = SLICE_LIT("n");
    make.body = bson_of(&b->ctx, SLICE_LIT("{\"fields\":[\"n\"]}"));
    CHECK(engine_catalog(&b->ctx, b->engine, &make, &result) == NACRE_OK);
    load_nacre(b);
    CHECK(engine_wait_index(&b->ctx, b->engine, target, SLICE_LIT("n")) == NACRE_OK);
    // Closed and opened, it is all in files.
    CHECK(engine_close(&b->ctx, b->engine) == NACRE_OK);
    CHECK(engine_open(&b->ctx, &options, &b->engine) == NACRE_OK);
    struct engine_collection handle = {0};
    CHECK(engine_resolve(&b->ctx, b->engine, target, &handle) == NACRE_OK);
    b->view = engine_view(b->engine);
    b->target = (struct query_target){
        .view = b->view, .collection = catalog_by_tablet(b->view->catalog, handle.tablet)};
}

static void run_sql(struct bench *b, const char *sql) {
    char *error = NULL;
    if (sqlite3_exec(b->db, sql, NULL, NULL, &error) != SQLITE_OK) fprintf(stderr, "%s\n", error);
    CHECK(error == NULL);
}

static void open_sqlite(struct bench *b, const char *path) {
    char json[2048];
    sqlite3_stmt *insert;
    if (file_exists(path)) CHECK(file_remove(&b->ctx, path) == NACRE_OK);
    CHECK(sqlite3_open(path, &b->db) == SQLITE_OK);
    run_sql(b, "pragma journal_mode=wal; pragma synchronous=full; pragma cache_size=-500000;"
               "create table docs(id integer primary key, body text);"
               "create table plain(id integer primary key, kind text, n int, year int, price real,"
               " open int, name text, city text, text text); begin");
    CHECK(sqlite3_prepare_v2(b->db, "insert into docs values(?,?)", -1, &insert, NULL) == 0);
    for (uint64_t i = 0; i < b->documents; i++) {
        size_t n = make_json(json, i);
        sqlite3_bind_int64(insert, 1, (int64_t)i);
        sqlite3_bind_text(insert, 2, json, (int)n, SQLITE_STATIC);
        CHECK(sqlite3_step(insert) == SQLITE_DONE);
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    run_sql(b,
            "insert into plain select id, body->>'$.kind', body->>'$.n', body->>'$.year',"
            " body->>'$.price', body->>'$.open', body->>'$.customer.name',"
            " body->>'$.customer.city', body->>'$.text' from docs;"
            "create index docs_n on docs(json_extract(body,'$.n'));"
            "create index plain_n on plain(n); commit; analyze; pragma wal_checkpoint(truncate)");
}

// Rows are read to their end; their bytes are touched.
static uint64_t run_query(struct bench *b, const char *json, bool whole,
                          struct query_stats *out_stats) {
    struct query_request request;
    struct query_row row;
    struct query *q;
    uint64_t rows = 0;
    bool found = true;
    ctx_reset(&b->read);
    CHECK(query_request_parse(&b->read, bson_of(&b->read, slice_str(json)), &request) == NACRE_OK);
    if (whole) request.limit = QUERY_UNLIMITED;
    CHECK(query_open(&b->read, &b->target, &request, &q) == NACRE_OK);
    for (;; rows++) {
        CHECK(query_next(&b->read, q, &row, &found) == NACRE_OK);
        if (!found) break;
    }
    if (out_stats) query_stats(q, out_stats);
    query_close(q);
    return rows;
}

static uint64_t run_count(struct bench *b, const char *json) {
    struct query_request request;
    uint64_t count;
    ctx_reset(&b->read);
    CHECK(query_count_parse(&b->read, bson_of(&b->read, slice_str(json)), &request) == NACRE_OK);
    struct query_count_request r = {.filter = request.filter};
    CHECK(query_count(&b->read, &b->target, &r, &count, NULL) == NACRE_OK);
    return count;
}

static uint64_t run_aggregate(struct bench *b, const char *json) {
    struct aggregate_request request;
    struct aggregate *a;
    struct slice row;
    uint64_t rows = 0;
    bool found = true;
    ctx_reset(&b->read);
    CHECK(aggregate_request_parse(&b->read, bson_of(&b->read, slice_str(json)), &request) ==
          NACRE_OK);
    CHECK(aggregate_open(&b->read, &b->target, &request, &a) == NACRE_OK);
    for (;; rows++) {
        CHECK(aggregate_next(&b->read, a, &row, &found) == NACRE_OK);
        if (!found) break;
    }
    aggregate_close(a);
    return rows;
}

static uint64_t run_rows(struct bench *b, const char *sql, int64_t low) {
    sqlite3_stmt *s;
    uint64_t rows = 0, count = 0;
    CHECK(sqlite3_prepare_v2(b->db, sql, -1, &s, NULL) == SQLITE_OK);
    if (low >= 0) sqlite3_bind_int64(s, 1, low);
    for (; sqlite3_step(s) == SQLITE_ROW; rows++)
        count = (uint64_t)sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return strncmp(sql, "select count", 12) == 0 ? count : rows;
}

static int cmp(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *samples) {
    qsort(samples, ROUNDS, sizeof *samples, cmp);
    return samples[ROUNDS / 2];
}

enum kind { COUNT, SCAN, PAGE, GROUP };
struct pair {
    const char *name, *json, *sql, *columns;
    enum kind kind;
};

static uint64_t run_pair(struct bench *b, const struct pair *p) {
    if (p->kind == COUNT) return run_count(b, p->json);
    if (p->kind == GROUP) return run_aggregate(b, p->json);
    return run_query(b, p->json, p->kind == SCAN, NULL);
}

static void compare(struct bench *b, const struct pair *p) {
    double ours[ROUNDS], theirs[ROUNDS], native[ROUNDS] = {0};
    uint64_t rows = 0, other = 0;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t start = now_ns();
        rows = run_pair(b, p);
        ours[i] = (double)(now_ns() - start) / 1e6;
        start = now_ns();
        other = run_rows(b, p->sql, -1);
        theirs[i] = (double)(now_ns() - start) / 1e6;
        start = now_ns();
        CHECK(run_rows(b, p->columns, -1) == other);
        native[i] = (double)(now_ns() - start) / 1e6;
    }
    if (rows != other) fprintf(stderr, "%s: %d rows, not %d\n", p->name, (int)rows, (int)other);
    double a = median(ours), s = median(theirs), n = median(native);
    printf("  %-34s %8d %9.1f %9.1f %9.1f   %5.2fx faster, %5.2fx the time of columns\n", p->name,
           (int)rows, a, s, n, s / a, a / n);
    char measure[64];
    snprintf(measure, sizeof measure, "%s, against SQLite over JSON", p->name);
    double goal = p->kind <= SCAN ? 2.5 : 3;
    kit_row(measure, p->kind <= SCAN ? "≥ 2.5×" : "≥ 3×", s >= goal * a,
            "%.2f× (%.1f against %.1f ms)", s / a, a, s);
    snprintf(measure, sizeof measure, "%s, against SQLite over columns", p->name);
    kit_row(measure, "≤ 4× the time", a <= 4 * n, "%.2f× (%.1f against %.1f ms)", a / n, a, n);
}

// Keys that the range queries examined for the rows they gave.
static void print_keys(uint64_t keys, uint64_t rows) {
    kit_row("keys examined by a range query of 100 rows", "≤ 1.1 × rows + 100",
            (double)keys <= 1.1 * (double)rows + 100.0 * LOOKUPS, "%.1f for %.1f rows",
            (double)keys / LOOKUPS, (double)rows / LOOKUPS);
}

static void compare_lookups(struct bench *b, const char *name) {
    double ours[ROUNDS], theirs[ROUNDS];
    struct query_stats stats;
    char json[160];
    int64_t span = 100000300 / (int64_t)b->documents; // 100 rows
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t start = now_ns(), rows = 0, other = 0, keys = 0;
        rng_seed(&b->rng, (uint64_t)i);
        for (int k = 0; k < LOOKUPS; k++) {
            int64_t low = (int64_t)rng_below(&b->rng, 900000);
            snprintf(json, sizeof json,
                     "{\"filter\":\"n >= %lld AND n < %lld\",\"sort\":\"n\",\"limit\":200}",
                     (long long)low, (long long)(low + span));
            rows += run_query(b, json, false, &stats);
            keys += stats.keys_examined;
        }
        ours[i] = (double)(now_ns() - start) / 1e3 / LOOKUPS;
        snprintf(
            json, sizeof json,
            "select body from docs where json_extract(body,'$.n') >= ?1 and"
            " json_extract(body,'$.n') < ?1 + %lld order by json_extract(body,'$.n') limit 200",
            (long long)span);
        start = now_ns();
        rng_seed(&b->rng, (uint64_t)i);
        for (int k = 0; k < LOOKUPS; k++)
            other += run_rows(b, json, (int64_t)rng_below(&b->rng, 900000));
        theirs[i] = (double)(now_ns() - start) / 1e3 / LOOKUPS;
        if (rows != other) fprintf(stderr, "lookups: %d rows, not %d\n", (int)rows, (int)other);
        if (i == 0 && !b->target.cache) print_keys(keys, rows);
    }
    double a = median(ours), s = median(theirs);
    kit_row(name, "≤ 2× SQLite's time", a <= 2 * s, "%.2f× (%.1f against %.1f µs)", a / s, a, s);
}

static const struct pair pairs[] = {
    {"count, two numbers", "{\"filter\":\"year > 2000 AND price < 100\"}",
     "select count(*) from docs where json_extract(body,'$.year') > 2000 and"
     " json_extract(body,'$.price') < 100",
     "select count(*) from plain where year > 2000 and price < 100", COUNT},
    {"count, a text", "{\"filter\":\"kind = 'offer'\"}",
     "select count(*) from docs where json_extract(body,'$.kind') = 'offer'",
     "select count(*) from plain where kind = 'offer'", COUNT},
    {"scan, nested field", "{\"filter\":\"customer.city = 'city 7' AND open = true\"}",
     "select body from docs where json_extract(body,'$.customer.city') = 'city 7' and"
     " json_extract(body,'$.open')",
     "select * from plain where city = 'city 7' and open", SCAN},
    {"scan, one in ten", "{\"filter\":\"price < 90\"}",
     "select body from docs where json_extract(body,'$.price') < 90",
     "select * from plain where price < 90", SCAN},
    {"group by a text, sum and average",
     "{\"group_by\":\"customer.city\",\"aggregates\":{\"c\":{\"count\":\"*\"},\"s\":{\"sum\":"
     "\"price\"},"
     "\"a\":{\"avg\":\"n\"}}}",
     "select json_extract(body,'$.customer.city') g, count(*), sum(json_extract(body,'$.price')),"
     " avg(json_extract(body,'$.n')) from docs group by g order by g limit 100",
     "select city g, count(*), sum(price), avg(n) from plain group by g order by g limit 100",
     GROUP},
    {"group by two, min, max, having, sort",
     "{\"group_by\":[\"kind\",\"year\"],\"aggregates\":{\"lo\":{\"min\":\"price\"},\"hi\":{\"max\":"
     "\"n\"},"
     "\"d\":{\"count\":\"open\"}},\"having\":\"d > 10\",\"sort\":\"-hi\",\"limit\":10}",
     "select json_extract(body,'$.kind') k, json_extract(body,'$.year') y,"
     " min(json_extract(body,'$.price')), max(json_extract(body,'$.n')) hi,"
     " count(json_extract(body,'$.open')) d from docs group by k, y having d > 10"
     " order by hi desc limit 10",
     "select kind k, year y, min(price), max(n) hi, count(open) d from plain group by k, y"
     " having d > 10 order by hi desc limit 10",
     GROUP},
    {"group by, as many groups as documents",
     "{\"group_by\":\"n\",\"aggregates\":{\"d\":{\"count_distinct\":\"customer.name\"}},"
     "\"sort\":\"-d\",\"limit\":10}",
     "select json_extract(body,'$.n') g, count(distinct json_extract(body,'$.customer.name'))"
     " d from docs group by g order by d desc, g limit 10",
     "select n g, count(distinct name) d from plain group by g order by d desc, g limit 10", GROUP},
    {"sort, limit 10", "{\"sort\":\"-price,year\",\"limit\":10}",
     "select body from docs order by json_extract(body,'$.price') desc,"
     " json_extract(body,'$.year'), id limit 10",
     "select * from plain order by price desc, year, id limit 10", PAGE},
    {"sort by a text, limit 10", "{\"sort\":\"customer.name\",\"limit\":10}",
     "select body from docs order by json_extract(body,'$.customer.name'), id limit 10",
     "select * from plain order by name, id limit 10", PAGE},
};

int main(int argc, char **argv) {
    struct bench b = {.documents = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000};
    const char *dir = argc > 2 ? argv[2] : "/tmp";
    char path[512];
    ctx_init(&b.ctx, &world_system, NULL, SIZE_MAX);
    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(path, sizeof path, "%s/bench-query-nacre", dir);
    open_nacre(&b, path);
    ctx_init(&b.read, &world_system, engine_budget(b.engine), SIZE_MAX);
    snprintf(path, sizeof path, "%s/bench-query.sqlite", dir);
    open_sqlite(&b, path);
    printf("%llu documents\n  %-34s %8s %9s %9s %9s\n", (unsigned long long)b.documents, "ms",
           "rows", "nacre", "json", "columns");
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (argc < 4 || strstr(pairs[i].name, argv[3])) compare(&b, &pairs[i]);
    if (argc < 4 || strstr("lookups", argv[3])) {
        struct cache *cache;
        compare_lookups(&b, "100 rows by an index, in order");
        CHECK(cache_new(&b.ctx, NULL, 1u << 30, &cache) == NACRE_OK);
        b.target.cache = cache; // nobody writes, so it needs no door
        compare_lookups(&b, "100 rows by an index, with a document cache");
        b.target.cache = NULL;
        cache_free(cache);
    }
    txn_view_release(b.view);
    ctx_free(&b.read);
    CHECK(engine_close(&b.ctx, b.engine) == NACRE_OK);
    sqlite3_close(b.db);
    snprintf(path, sizeof path, "%s/bench-query-nacre", dir);
    CHECK(dir_remove_all(&b.ctx, path) == NACRE_OK);
    ctx_free(&b.ctx);
    return 0;
}
