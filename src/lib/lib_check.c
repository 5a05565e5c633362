// What the engine says of itself.
#include "doc/json.h"
#include "lib/lib.h"

struct problem_sink {
    nacre_problem_fn *each;
    void *arg;
};

static void pass_on(void *arg, const char *text) {
    const struct problem_sink *sink = arg;
    if (sink->each) sink->each(sink->arg, text);
}

nacre_status nacre_check(nacre_session *s, nacre_problem_fn *each, void *arg, uint64_t *problems) {
    struct problem_sink sink = {each, arg};
    uint64_t count = 0;
    TRY(lib_begin(s));
    if (!problems) return lib_null(s, "problems", "where their number goes");
    TRY(lib_done(s, engine_check(&s->ctx, s->db->engine, pass_on, &sink, &count)));
    *problems = count;
    return NACRE_OK;
}

static void put_number(struct bson_writer *w, const char *name, uint64_t number) {
    int64_t shown = number > INT64_MAX ? INT64_MAX : (int64_t)number;
    bson_put(w, slice_str(name), val_int(shown));
}

static void put_log(struct bson_writer *w, const struct replog_status *log) {
    bson_open_object(w, SLICE_LIT("log"));
    put_number(w, "generation", log->generation);
    put_number(w, "first_index", log->first_index);
    put_number(w, "last_index", log->last_index);
    put_number(w, "synced_index", log->synced_index);
    put_number(w, "bytes", log->bytes);
    bson_close(w);
}

static void put_cache(struct bson_writer *w, const struct cache_stats *cache) {
    bson_open_object(w, SLICE_LIT("cache"));
    put_number(w, "entries", cache->entries);
    put_number(w, "bytes", cache->bytes);
    put_number(w, "hits", cache->hits);
    put_number(w, "misses", cache->misses);
    put_number(w, "evictions", cache->evictions);
    bson_close(w);
}

static void put_status(struct bson_writer *w, const struct engine_status *status) {
    put_number(w, "sequence", status->published_seq);
    bson_put(w, SLICE_LIT("committed"), val_date((int64_t)(status->position.commit_ts >> 20)));
    put_log(w, &status->log);
    bson_open_object(w, SLICE_LIT("memory"));
    put_number(w, "used_bytes", status->memory_used);
    put_number(w, "limit_bytes", status->memory_limit);
    bson_close(w);
    put_cache(w, &status->cache);
    bson_open_object(w, SLICE_LIT("store"));
    bson_put(w, SLICE_LIT("name"), val_str(slice_str(status->store)));
    put_number(w, "disk_bytes", status->disk_bytes);
    bson_close(w);
    bson_put(w, SLICE_LIT("writes_stopped"), val_bool(status->writes_stopped));
    bson_put(w, SLICE_LIT("disk_full"), val_bool(status->disk_full));
}

nacre_status nacre_stats(nacre_session *s, const char **out) {
    struct engine_status status;
    struct bson_writer w;
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the text goes");
    engine_status(s->db->engine, &status);
    s->body.max = LIB_TEXT_MAX;
    lib_text_reset(&s->body);
    lib_text_reset(&s->text);
    bson_begin(&w, &s->body);
    put_status(&w, &status);
    bson_end(&w);
    if (buf_status(&s->body) != NACRE_OK) return err_buf(&s->ctx, &s->body);
    json_write_doc(&s->text, buf_slice(&s->body), JSON_INT64_NUMBER);
    return lib_text_give(s, &s->text, out, NULL);
}
