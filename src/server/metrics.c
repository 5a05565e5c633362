// Counters of requests, gauges of the engine and of the process.
#include "server/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err/check.h"
#include "base/os/file.h"
#include "doc/json.h"
#include "engine/engine.h"
#include "lib/lib_caller.h"

static const uint32_t bounds_us[METRICS_BUCKETS] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 5000000};

void metrics_count(struct metrics *metrics, const struct op *op, nacre_status status, uint64_t us) {
    CHECK(op_count <= METRICS_OPS_MAX);
    size_t which = (size_t)(op - op_table);
    struct metrics_op *m = &metrics->ops[which];
    int bucket = 0;
    while (bucket < METRICS_BUCKETS && us > bounds_us[bucket])
        bucket++;
    atomic_fetch_add_explicit(&m->results[status], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->sum_us, us, memory_order_relaxed);
}

static void head(struct buf *out, const char *name, const char *type, const char *help) {
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static uint64_t load(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void put_requests(const struct metrics *metrics, struct buf *out) {
    head(out, "nacre_requests_total", "counter", "Requests by operation and result.");
    for (size_t i = 0; i < op_count; i++)
        for (int status = 0; status < NACRE_STATUS_COUNT; status++) {
            uint64_t count = load(&metrics->ops[i].results[status]);
            if (count)
                buf_printf(out, "nacre_requests_total{op=\"%s\",code=\"%s\"} %llu\n",
                           op_table[i].name, nacre_status_code((nacre_status)status),
                           (unsigned long long)count);
        }
}

static void put_duration(const struct metrics_op *m, const char *op, struct buf *out) {
    static const char name[] = "nacre_request_duration_seconds";
    uint64_t count = 0;
    for (int i = 0; i < METRICS_BUCKETS; i++) {
        count += load(&m->buckets[i]);
        buf_printf(out, "%s_bucket{op=\"%s\",le=\"%g\"} %llu\n", name, op,
                   (double)bounds_us[i] / 1e6, (unsigned long long)count);
    }
    count += load(&m->buckets[METRICS_BUCKETS]);
    buf_printf(out, "%s_bucket{op=\"%s\",le=\"+Inf\"} %llu\n", name, op, (unsigned long long)count);
    buf_printf(out, "%s_sum{op=\"%s\"} %.6f\n", name, op, (double)load(&m->sum_us) / 1e6);
    buf_printf(out, "%s_count{op=\"%s\"} %llu\n", name, op, (unsigned long long)count);
}

static void put_durations(const struct metrics *metrics, struct buf *out) {
    head(out, "nacre_request_duration_seconds", "histogram",
         "Time from a whole request to its answer; of streams to their end.");
    for (size_t i = 0; i < op_count; i++) {
        bool any = false;
        for (int bucket = 0; bucket <= METRICS_BUCKETS; bucket++)
            any |= load(&metrics->ops[i].buckets[bucket]) > 0;
        if (any) put_duration(&metrics->ops[i], op_table[i].name, out);
    }
}

// --- the engine ---

static struct val member(struct slice bson, const char *object, const char *name) {
    struct val inner = bson_find(bson, slice_str(object));
    if (inner.type != VAL_OBJECT) return val_missing();
    return bson_find(slice_of(inner.p, inner.n), slice_str(name));
}

static void put_gauge(struct buf *out, const char *series, struct val value) {
    if (value.type == VAL_INT) buf_printf(out, "%s %lld\n", series, (long long)value.i);
}

static nacre_status put_engine(struct ctx *ctx, nacre_session *session, struct buf *out) {
    struct buf bson BUF_CLEANUP = {0};
    const char *json;
    nacre_status status = nacre_stats(session, &json);
    if (status != NACRE_OK) return err_set(ctx, status, "%s", nacre_error_detail(session));
    buf_init(&bson, NULL, 1 << 20);
    TRY(json_parse(ctx, slice_str(json), NULL, &bson));
    struct slice doc = buf_slice(&bson);
    head(out, "nacre_memory_bytes", "gauge", "Memory charged to the budget, by part.");
    put_gauge(out, "nacre_memory_bytes{part=\"used\"}", member(doc, "memory", "used_bytes"));
    put_gauge(out, "nacre_memory_bytes{part=\"limit\"}", member(doc, "memory", "limit_bytes"));
    put_gauge(out, "nacre_memory_bytes{part=\"document_cache\"}", member(doc, "cache", "bytes"));
    head(out, "nacre_log_bytes", "gauge", "Bytes of log that a crash would replay.");
    put_gauge(out, "nacre_log_bytes", member(doc, "log", "bytes"));
    head(out, "nacre_storage_bytes", "gauge", "Bytes of files, by part.");
    put_gauge(out, "nacre_storage_bytes{part=\"store\"}", member(doc, "store", "disk_bytes"));
    put_gauge(out, "nacre_storage_bytes{part=\"log\"}", member(doc, "log", "bytes"));
    return NACRE_OK;
}

// A histogram of counters; scale: units of the bounds in one of the series.
static void put_histogram(struct buf *out, const char *name, const _Atomic uint64_t *buckets,
                          const uint32_t *bounds, int bound_count, double scale) {
    uint64_t count = 0;
    for (int i = 0; i < bound_count; i++) {
        count += load(&buckets[i]);
        buf_printf(out, "%s_bucket{le=\"%g\"} %llu\n", name, (double)bounds[i] / scale,
                   (unsigned long long)count);
    }
    count += load(&buckets[bound_count]);
    buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_count %llu\n", name, (unsigned long long)count,
               name, (unsigned long long)count);
}

static void put_log_work(nacre_db *db, struct buf *out) {
    const struct engine_log_work *work = engine_log_work(lib_engine(db));
    head(out, "nacre_log_sync_duration_seconds", "histogram", "Time of the log's syncs to disk.");
    put_histogram(out, "nacre_log_sync_duration_seconds", work->syncs, engine_sync_bounds_us,
                  ENGINE_SYNC_BUCKETS, 1e6);
    buf_printf(out, "nacre_log_sync_duration_seconds_sum %.6f\n",
               (double)load(&work->sync_ns) / 1e9);
    head(out, "nacre_commit_batch_size", "histogram", "Commands that were logged together.");
    put_histogram(out, "nacre_commit_batch_size", work->batches, engine_batch_bounds,
                  ENGINE_BATCH_BUCKETS, 1);
    buf_printf(out, "nacre_commit_batch_size_sum %llu\n",
               (unsigned long long)load(&work->commands));
}

// Of the indexes that are being built; jobs know how far they are.
static nacre_status put_builds(struct ctx *ctx, nacre_session *session, struct buf *out) {
    struct buf bson BUF_CLEANUP = {0};
    const char *json;
    struct slice index;
    struct val item;
    nacre_status status = nacre_jobs(session, NULL, &json);
    if (status != NACRE_OK) return err_set(ctx, status, "%s", nacre_error_detail(session));
    buf_init(&bson, NULL, 64 << 20);
    TRY(json_parse(ctx, slice_str(json), NULL, &bson));
    head(out, "nacre_index_build_progress_ratio", "gauge", "How far index builds are.");
    struct bson_iter it = bson_iter_of_val(bson_find(buf_slice(&bson), SLICE_LIT("items")));
    while (bson_next(&it, &index, &item)) {
        struct slice job = val_slice(item);
        struct val name = bson_find(job, SLICE_LIT("index"));
        struct val database = bson_find(job, SLICE_LIT("database"));
        struct val collection = bson_find(job, SLICE_LIT("collection"));
        struct val progress = bson_find(job, SLICE_LIT("progress"));
        if (name.type != VAL_STRING || progress.type != VAL_DOUBLE) continue;
        buf_printf(out,
                   "nacre_index_build_progress_ratio{database=\"%.*s\",collection=\"%.*s\","
                   "index=\"%.*s\"} %g\n",
                   (int)database.n, (const char *)database.p, (int)collection.n,
                   (const char *)collection.p, (int)name.n, (const char *)name.p, progress.d);
    }
    return NACRE_OK;
}

// The value of every {"items":[{"name":…}]} element.
static nacre_status parse_items(struct ctx *ctx, const char *json, struct buf *bson,
                                struct val *out) {
    TRY(json_parse(ctx, slice_str(json), NULL, bson));
    *out = bson_find(buf_slice(bson), SLICE_LIT("items"));
    return NACRE_OK;
}

static nacre_status put_collections(struct ctx *ctx, nacre_session *session, struct slice database,
                                    struct buf *out) {
    struct buf bson BUF_CLEANUP = {0};
    char name[128];
    const char *json;
    struct val items, item;
    struct slice index;
    snprintf(name, sizeof name, "%.*s", (int)database.n, (const char *)database.p);
    nacre_collection all = nacre_collection_of(name, NULL);
    nacre_status status = nacre_collection_describe(session, &all, &json);
    if (status == NACRE_DATABASE_NOT_FOUND) return NACRE_OK; // dropped meanwhile
    if (status != NACRE_OK) return err_set(ctx, status, "%s", nacre_error_detail(session));
    buf_init(&bson, NULL, 64 << 20);
    TRY(parse_items(ctx, json, &bson, &items));
    struct bson_iter it = bson_iter_of_val(items);
    while (bson_next(&it, &index, &item)) {
        struct slice one = slice_of(item.p, item.n);
        struct val collection = bson_find(one, SLICE_LIT("name"));
        struct val documents = bson_find(one, SLICE_LIT("documents"));
        buf_printf(out, "nacre_documents{database=\"%s\",collection=\"%.*s\"} %lld\n", name,
                   (int)collection.n, (const char *)collection.p, (long long)documents.i);
    }
    return NACRE_OK;
}

static nacre_status put_documents(struct ctx *ctx, nacre_session *session, struct buf *out) {
    struct buf bson BUF_CLEANUP = {0};
    const char *json;
    struct val items, item;
    struct slice index;
    nacre_status status = nacre_database_describe(session, NULL, &json);
    if (status != NACRE_OK) return err_set(ctx, status, "%s", nacre_error_detail(session));
    buf_init(&bson, NULL, 64 << 20);
    TRY(parse_items(ctx, json, &bson, &items));
    head(out, "nacre_documents", "gauge", "Documents of a collection.");
    struct bson_iter it = bson_iter_of_val(items);
    while (bson_next(&it, &index, &item)) {
        struct val name = bson_find(slice_of(item.p, item.n), SLICE_LIT("name"));
        TRY(put_collections(ctx, session, slice_of(name.p, name.n), out));
    }
    return NACRE_OK;
}

// --- the process ---

static double seconds(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void put_process(const struct metrics *metrics, struct ctx *ctx, struct buf *out) {
    struct buf text BUF_CLEANUP = {0};
    struct dir_list open;
    struct rusage usage;
    head(out, "nacre_build_info", "gauge", "Always 1; its label tells the version.");
    buf_printf(out, "nacre_build_info{version=\"%s\"} 1\n", nacre_version());
    head(out, "process_start_time_seconds", "gauge", "Unix time at which the server began.");
    buf_printf(out, "process_start_time_seconds %.3f\n", (double)metrics->start_ms / 1e3);
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        head(out, "process_cpu_seconds_total", "counter", "CPU time, user and system.");
        buf_printf(out, "process_cpu_seconds_total %.6f\n",
                   seconds(usage.ru_utime) + seconds(usage.ru_stime));
    }
    buf_init(&text, NULL, 4096);
    if (file_read_all(ctx, "/proc/self/statm", 4000, &text) == NACRE_OK) {
        unsigned long long resident = 0;
        buf_put_u8(&text, 0);
        const char *blank = strchr((const char *)text.p, ' ');
        for (const char *at = blank ? blank + 1 : ""; *at >= '0' && *at <= '9'; at++)
            resident = resident * 10 + (unsigned long long)(*at - '0');
        head(out, "process_resident_memory_bytes", "gauge", "Memory that is in RAM.");
        buf_printf(out, "process_resident_memory_bytes %llu\n",
                   resident * (unsigned long long)sysconf(_SC_PAGESIZE));
    }
    if (dir_list(ctx, "/proc/self/fd", &open) == NACRE_OK) {
        head(out, "process_open_fds", "gauge", "Open file descriptors.");
        buf_printf(out, "process_open_fds %zu\n", open.count);
        dir_list_free(&open);
    }
    err_clear(ctx); // a machine without /proc tells less
}

nacre_status metrics_print(struct ctx *ctx, const struct metrics *metrics, nacre_db *db,
                           nacre_session *session, struct buf *out) {
    put_requests(metrics, out);
    put_durations(metrics, out);
    TRY(put_engine(ctx, session, out));
    put_log_work(db, out);
    TRY(put_builds(ctx, session, out));
    TRY(put_documents(ctx, session, out));
    head(out, "nacre_log_lines_lost_total", "counter", "Lines for stderr that nobody took.");
    buf_printf(out, "nacre_log_lines_lost_total %llu\n",
               (unsigned long long)load(&metrics->lines_lost));
    put_process(metrics, ctx, out);
    return buf_status(out) == NACRE_OK ? NACRE_OK : err_buf(ctx, out);
}
