// Databases, collections and indexes as JSON, each answer out of one view.
#include <stdio.h>

#include "base/text/time.h"
#include "doc/json.h"
#include "lib/lib.h"

struct describe {
    struct nacre_session *s;
    struct view *view;
    struct bson_writer w;
};

static nacre_status counters_of(struct describe *d, const struct collection *c,
                                struct tablet_counters *out) {
    return tablet_read(&d->s->ctx, d->view->kv, d->view->kv_view, c->tablet, out);
}

// --- indexes ---

static nacre_status progress_of(struct describe *d, const struct collection *c,
                                const struct index_def *index, double *out) {
    struct tablet_counters counters;
    uint64_t done;
    *out = index->state == INDEX_READY ? 1 : 0;
    if (index->state != INDEX_BUILDING) return NACRE_OK;
    TRY(counters_of(d, c, &counters));
    TRY(txn_build_progress(&d->s->ctx, d->view->kv, d->view->kv_view, c->tablet, index->id, &done));
    if (counters.documents) *out = (double)done / (double)counters.documents;
    if (*out > 1) *out = 1; // documents were deleted behind the builder
    return NACRE_OK;
}

// Fields of the open object.
static nacre_status put_index(struct describe *d, const struct collection *c,
                              const struct index_def *index) {
    double progress;
    TRY(progress_of(d, c, index, &progress));
    index_describe(&d->w, index, progress);
    return NACRE_OK;
}

static nacre_status put_indexes(struct describe *d, const struct collection *c,
                                const char *member) {
    bson_open_array(&d->w, slice_str(member));
    for (uint32_t i = 0; i < c->index_count; i++) {
        bson_open_object(&d->w, slice_of(NULL, 0));
        TRY(put_index(d, c, &c->indexes[i]));
        bson_close(&d->w);
    }
    bson_close(&d->w);
    return NACRE_OK;
}

// --- collections ---

static nacre_status put_refusal(struct describe *d, const struct collection *c) {
    struct ctx *ctx = &d->s->ctx;
    uint64_t refused;
    struct slice error;
    TRY(txn_schema_failure(ctx, d->view->kv, d->view->kv_view, c->tablet, &refused, &error));
    if (!refused) return NACRE_OK;
    (void)!result_error_raise(ctx, error);
    struct err raised = ctx->err;
    err_clear(ctx);
    bson_open_object(&d->w, SLICE_LIT("schema_change"));
    bson_put(&d->w, SLICE_LIT("state"), val_str(SLICE_LIT("refused")));
    bson_put(&d->w, SLICE_LIT("error"), val_str(slice_str(raised.detail)));
    bson_close(&d->w);
    return NACRE_OK;
}

// A change of the schema that is under way, or was refused.
static nacre_status put_change(struct describe *d, const struct collection *c, uint64_t documents) {
    uint64_t done;
    if (!c->next_schema.n) return put_refusal(d, c);
    TRY(txn_schema_progress(&d->s->ctx, d->view->kv, d->view->kv_view, c->tablet, &done, NULL));
    double progress = documents ? (double)done / (double)documents : 0;
    bson_open_object(&d->w, SLICE_LIT("schema_change"));
    bson_put(&d->w, SLICE_LIT("state"), val_str(SLICE_LIT("checking")));
    bson_put(&d->w, SLICE_LIT("progress"), val_double(progress > 1 ? 1 : progress));
    bson_put(&d->w, SLICE_LIT("schema"), val_bytes(VAL_OBJECT, c->next_schema));
    bson_close(&d->w);
    return NACRE_OK;
}

// What is held of the past, and from when on.
static nacre_status put_history(struct describe *d, const struct collection *c) {
    struct engine_history history;
    char time[TIME_TEXT_MAX];
    if (!c->history_seconds) return NACRE_OK;
    TRY(engine_history(&d->s->ctx, d->s->db->engine, d->view, c, &history));
    size_t n = time_print(row_ts_ms(history.from_ts), time);
    bson_open_object(&d->w, SLICE_LIT("history"));
    bson_put(&d->w, SLICE_LIT("bytes"), val_int((int64_t)history.bytes));
    bson_put(&d->w, SLICE_LIT("from"), val_str(slice_of(time, n)));
    bson_close(&d->w);
    return NACRE_OK;
}

static nacre_status put_collection(struct describe *d, const struct collection *c) {
    struct tablet_counters counters;
    TRY(counters_of(d, c, &counters));
    bson_put(&d->w, SLICE_LIT("name"), val_str(slice_str(c->name)));
    bson_put(&d->w, SLICE_LIT("documents"), val_int((int64_t)counters.documents));
    TRY(put_indexes(d, c, "indexes"));
    TRY(put_change(d, c, counters.documents));
    TRY(put_history(d, c));
    if (!c->settings.n) return NACRE_OK;
    struct bson_iter it = bson_iter_of(c->settings);
    struct slice name;
    struct val v;
    while (bson_next(&it, &name, &v))
        bson_put(&d->w, name, v);
    return NACRE_OK;
}

static nacre_status put_collections(struct describe *d, uint32_t database_id) {
    const struct catalog *catalog = d->view->catalog;
    bson_open_array(&d->w, SLICE_LIT("items"));
    for (uint32_t i = 0; i < catalog->collection_count; i++) {
        if (catalog->collections[i].database_id != database_id) continue;
        bson_open_object(&d->w, slice_of(NULL, 0));
        TRY(put_collection(d, &catalog->collections[i]));
        bson_close(&d->w);
    }
    bson_close(&d->w);
    return NACRE_OK;
}

// --- databases ---

static void put_number(struct describe *d, const char *name, uint64_t number) {
    if (number) bson_put(&d->w, slice_str(name), val_int((int64_t)number));
}

static void put_quota(struct describe *d, const struct quota *quota) {
    if (!quota->storage_bytes && !quota->memory_bytes && !quota->documents) return;
    bson_open_object(&d->w, SLICE_LIT("quota"));
    put_number(d, "storage_bytes", quota->storage_bytes);
    put_number(d, "memory_bytes", quota->memory_bytes);
    put_number(d, "documents", quota->documents);
    bson_close(&d->w);
}

static nacre_status put_database(struct describe *d, const struct database *database) {
    const struct catalog *catalog = d->view->catalog;
    uint64_t documents = 0, bytes = 0;
    for (uint32_t i = 0; i < catalog->collection_count; i++) {
        struct tablet_counters counters;
        if (catalog->collections[i].database_id != database->id) continue;
        TRY(counters_of(d, &catalog->collections[i], &counters));
        documents += counters.documents;
        bytes += counters.bytes;
    }
    bson_put(&d->w, SLICE_LIT("name"), val_str(slice_str(database->name)));
    bson_put(&d->w, SLICE_LIT("documents"), val_int((int64_t)documents));
    bson_put(&d->w, SLICE_LIT("storage_bytes"), val_int((int64_t)bytes));
    put_quota(d, &database->quota);
    return NACRE_OK;
}

static nacre_status put_databases(struct describe *d) {
    const struct catalog *catalog = d->view->catalog;
    bson_open_array(&d->w, SLICE_LIT("items"));
    for (uint32_t i = 0; i < catalog->database_count; i++) {
        if (name_is_hidden(slice_str(catalog->databases[i].name))) continue;
        bson_open_object(&d->w, slice_of(NULL, 0));
        TRY(put_database(d, &catalog->databases[i]));
        bson_close(&d->w);
    }
    bson_close(&d->w);
    return NACRE_OK;
}

// --- nodes and shards ---

// One machine: a node, and a shard for each collection.
static const char node_name[] = "local";

struct totals {
    uint64_t shards, documents, bytes;
};

static nacre_status put_shard(struct describe *d, const struct collection *c,
                              const char *database, struct totals *totals) {
    struct tablet_counters counters;
    char name[16];
    int n = snprintf(name, sizeof name, "%u", c->tablet);
    TRY(counters_of(d, c, &counters));
    totals->shards++;
    totals->documents += counters.documents;
    totals->bytes += counters.bytes;
    bson_open_object(&d->w, slice_of(NULL, 0));
    bson_put(&d->w, SLICE_LIT("name"), val_str(slice_of(name, (size_t)n)));
    bson_put(&d->w, SLICE_LIT("database"), val_str(slice_str(database)));
    bson_put(&d->w, SLICE_LIT("collection"), val_str(slice_str(c->name)));
    bson_put(&d->w, SLICE_LIT("node"), val_str(slice_str(node_name)));
    bson_put(&d->w, SLICE_LIT("documents"), val_int((int64_t)counters.documents));
    bson_put(&d->w, SLICE_LIT("bytes"), val_int((int64_t)counters.bytes));
    bson_close(&d->w);
    return NACRE_OK;
}

static nacre_status put_shards(struct describe *d, struct totals *totals) {
    const struct catalog *catalog = d->view->catalog;
    bson_open_array(&d->w, SLICE_LIT("items"));
    for (uint32_t i = 0; i < catalog->collection_count; i++) {
        const struct collection *c = &catalog->collections[i];
        const struct database *database = catalog_database_by_id(catalog, c->database_id);
        if (!database || name_is_hidden(slice_str(database->name))) continue;
        TRY(put_shard(d, c, database->name, totals));
    }
    bson_close(&d->w);
    return NACRE_OK;
}

static void put_node(struct describe *d, const struct totals *totals) {
    bson_open_array(&d->w, SLICE_LIT("items"));
    bson_open_object(&d->w, slice_of(NULL, 0));
    bson_put(&d->w, SLICE_LIT("name"), val_str(slice_str(node_name)));
    bson_put(&d->w, SLICE_LIT("state"), val_str(SLICE_LIT("active")));
    bson_put(&d->w, SLICE_LIT("version"), val_str(slice_str(nacre_version())));
    bson_put(&d->w, SLICE_LIT("shards"), val_int((int64_t)totals->shards));
    bson_put(&d->w, SLICE_LIT("documents"), val_int((int64_t)totals->documents));
    bson_put(&d->w, SLICE_LIT("bytes"), val_int((int64_t)totals->bytes));
    bson_close(&d->w);
    bson_close(&d->w);
}

// --- calls ---

static nacre_status find_database(struct describe *d, struct slice name,
                                  const struct database **out) {
    *out = catalog_database(d->view->catalog, name);
    if (*out && slice_eq_str(name, (*out)->name)) return NACRE_OK;
    return catalog_no_database(&d->s->ctx, d->view->catalog, name);
}

static nacre_status find_index(struct describe *d, const struct collection *c, const char *name,
                               const struct index_def **out) {
    *out = catalog_index(c, slice_str(name));
    if (*out && strcmp(name, (*out)->name) == 0) return NACRE_OK;
    return catalog_no_index(&d->s->ctx, c, slice_str(name));
}

static void begin(struct describe *d, struct nacre_session *s) {
    d->s = s;
    s->body.max = LIB_TEXT_MAX;
    lib_text_reset(&s->body);
    lib_text_reset(&s->text);
    bson_begin(&d->w, &s->body);
}

// Releases the view and gives what was written as JSON.
static nacre_status end(struct describe *d, nacre_status status, const char **out) {
    struct nacre_session *s = d->s;
    txn_view_release(d->view);
    TRY(lib_done(s, status));
    bson_end(&d->w);
    if (buf_status(&s->body) != NACRE_OK) return err_buf(&s->ctx, &s->body);
    json_write_doc(&s->text, buf_slice(&s->body), JSON_INT64_NUMBER);
    return lib_text_give(s, &s->text, out, NULL);
}

static nacre_status database_named(struct describe *d, struct slice name) {
    const struct database *database;
    TRY(find_database(d, name, &database));
    return put_database(d, database);
}

nacre_status nacre_database_describe(nacre_session *s, const char *name, const char **out) {
    struct describe d;
    struct slice database = {0};
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the text goes");
    if (name) TRY(lib_database(s, name, &database));
    begin(&d, s);
    d.view = engine_view(s->db->engine);
    return end(&d, name ? database_named(&d, database) : put_databases(&d), out);
}

static nacre_status collections_of(struct describe *d, struct slice name) {
    const struct database *database;
    TRY(find_database(d, name, &database));
    return put_collections(d, database->id);
}

static nacre_status describe_list(struct nacre_session *s, const char *database, const char **out) {
    struct describe d;
    struct slice name;
    TRY(lib_database(s, database, &name));
    begin(&d, s);
    d.view = engine_view(s->db->engine);
    return end(&d, collections_of(&d, name), out);
}

nacre_status nacre_collection_describe(nacre_session *s, nacre_collection *collection,
                                       const char **out) {
    struct describe d;
    struct query_target target;
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the text goes");
    if (!collection) return lib_null(s, "collection", "what nacre_collection_of gives");
    if (!collection->name) return describe_list(s, collection->database, out);
    TRY(lib_query_target(s, collection, &target));
    begin(&d, s);
    d.view = target.view;
    return end(&d, put_collection(&d, target.collection), out);
}

static nacre_status index_named(struct describe *d, const struct collection *c, const char *name) {
    const struct index_def *index;
    TRY(find_index(d, c, name, &index));
    return put_index(d, c, index);
}

nacre_status nacre_index_describe(nacre_session *s, nacre_collection *collection, const char *name,
                                  const char **out) {
    struct describe d;
    struct query_target target;
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the text goes");
    TRY(lib_query_target(s, collection, &target));
    begin(&d, s);
    d.view = target.view;
    nacre_status status = name ? index_named(&d, target.collection, name)
                               : put_indexes(&d, target.collection, "items");
    return end(&d, status, out);
}

nacre_status nacre_shards(nacre_session *s, const char **out) {
    struct totals totals = {0};
    struct describe d;
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the text goes");
    begin(&d, s);
    d.view = engine_view(s->db->engine);
    return end(&d, put_shards(&d, &totals), out);
}

nacre_status nacre_nodes(nacre_session *s, const char **out) {
    struct totals totals = {0};
    struct describe d;
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the text goes");
    begin(&d, s);
    d.view = engine_view(s->db->engine);
    nacre_status status = put_shards(&d, &totals); // counted; written anew below
    lib_text_reset(&s->body);
    bson_begin(&d.w, &s->body);
    put_node(&d, &totals);
    return end(&d, status, out);
}
