// The content of catalog rows, written and read. Bytes: docs/format/catalog.md.
#include <string.h>

#include "base/bits/bits.h"
#include "base/err/check.h"
#include "base/text/utf8.h"
#include "catalog/rows.h"
#include "catalog/spec.h"
#include "doc/bson.h"

static const struct catalog_row_field database_fields[] = {
    {"name", VAL_STRING, false},      {"storage_bytes", VAL_INT, false},
    {"memory_bytes", VAL_INT, false}, {"documents", VAL_INT, false},
    {"created", VAL_INT, false},      {NULL, VAL_MISSING, false},
};
enum { DB_NAME, DB_STORAGE, DB_MEMORY, DB_DOCUMENTS, DB_CREATED };

static const struct catalog_row_field collection_fields[] = {
    {"database", VAL_INT, false},      {"tablet", VAL_INT, false},
    {"name", VAL_STRING, false},       {"schema_epoch", VAL_INT, false},
    {"ttl_seconds", VAL_INT, false},   {"history_seconds", VAL_INT, false},
    {"primary_key", VAL_STRING, true}, {"settings", VAL_BINARY, true},
    {"created", VAL_INT, false},       {"history_from", VAL_INT, true},
    {"next_schema", VAL_BINARY, true}, {"next_from", VAL_INT, true},
    {NULL, VAL_MISSING, false},
};
enum {
    COLL_DATABASE,
    COLL_TABLET,
    COLL_NAME,
    COLL_EPOCH,
    COLL_TTL,
    COLL_HISTORY,
    COLL_KEY,
    COLL_SETTINGS,
    COLL_CREATED,
    COLL_HISTORY_FROM,
    COLL_NEXT_SCHEMA,
    COLL_NEXT_FROM,
    COLL_FIELDS
};

static const struct catalog_row_field index_fields[] = {
    {"name", VAL_STRING, false},   {"type", VAL_INT, false},     {"state", VAL_INT, false},
    {"unique", VAL_BOOL, false},   {"fields", VAL_ARRAY, false}, {"where", VAL_BINARY, true},
    {"options", VAL_BINARY, true}, {"error", VAL_STRING, true},  {"created", VAL_INT, false},
    {"ready", VAL_INT, true},      {NULL, VAL_MISSING, false},
};
enum {
    IX_NAME,
    IX_TYPE,
    IX_STATE,
    IX_UNIQUE,
    IX_LIST,
    IX_WHERE,
    IX_OPTIONS,
    IX_ERROR,
    IX_CREATED,
    IX_READY,
    IX_FIELDS
};

static const struct catalog_row_field counter_fields[] = {
    {"epoch", VAL_INT, false},           {"next_database", VAL_INT, false},
    {"next_collection", VAL_INT, false}, {"next_tablet", VAL_INT, false},
    {"next_index", VAL_INT, false},      {NULL, VAL_MISSING, false},
};
enum { COUNT_EPOCH, COUNT_DATABASE, COUNT_COLLECTION, COUNT_TABLET, COUNT_INDEX };

_Static_assert((int)COLL_FIELDS <= (int)CATALOG_ROW_FIELDS_MAX, "room for the fields");
_Static_assert((int)IX_FIELDS <= (int)CATALOG_ROW_FIELDS_MAX, "room for the fields");

// Writing. Numbers are 64-bit integers; u64 keep their bits.

struct row_writer {
    struct buf key, body;
    struct bson_writer bson;
};

static void row_begin(struct row_writer *w, const struct kv_batch *batch, enum meta_kind kind) {
    buf_init(&w->key, batch->bytes.budget, 64);
    buf_init(&w->body, batch->bytes.budget, CATALOG_ROW_MAX);
    keyspace_meta(&w->key, kind);
    bson_begin(&w->bson, &w->body);
}

static void row_end(struct row_writer *w, struct kv_batch *batch) {
    bson_end(&w->bson);
    if (w->body.status == NACRE_OK) w->body.status = w->key.status;
    catalog_row_put(batch, buf_slice(&w->key), &w->body);
    buf_free(&w->key);
    buf_free(&w->body);
}

static void row_int(struct row_writer *w, const char *name, uint64_t value) {
    bson_put(&w->bson, slice_str(name), val_int((int64_t)value));
}

static void row_text(struct row_writer *w, const char *name, struct slice text) {
    bson_put(&w->bson, slice_str(name), val_str(text));
}

static void row_bytes(struct row_writer *w, const char *name, struct slice bytes) {
    if (bytes.n) bson_put(&w->bson, slice_str(name), val_bytes(VAL_BINARY, bytes));
}

static void row_delete(struct kv_batch *batch, enum meta_kind kind, const uint32_t *ids,
                       uint32_t count) {
    uint8_t key[1 + 2 * 4] = {(uint8_t)kind};
    DCHECK(count <= 2);
    for (uint32_t i = 0; i < count; i++)
        bits_put_be32(key + 1 + 4 * i, ids[i]);
    kv_batch_delete(batch, KV_META, slice_of(key, 1 + 4 * count));
}

void catalog_put_database(struct kv_batch *batch, const struct database *database) {
    struct row_writer w;
    row_begin(&w, batch, META_DATABASE);
    buf_put_be32(&w.key, database->id);
    row_text(&w, "name", slice_str(database->name));
    row_int(&w, "storage_bytes", database->quota.storage_bytes);
    row_int(&w, "memory_bytes", database->quota.memory_bytes);
    row_int(&w, "documents", database->quota.documents);
    row_int(&w, "created", database->created_ts);
    row_end(&w, batch);
}

void catalog_delete_database(struct kv_batch *batch, uint32_t id) {
    row_delete(batch, META_DATABASE, &id, 1);
}

void catalog_put_collection(struct kv_batch *batch, const struct collection *collection) {
    struct row_writer w;
    row_begin(&w, batch, META_COLLECTION);
    buf_put_be32(&w.key, collection->id);
    row_int(&w, "database", collection->database_id);
    row_int(&w, "tablet", collection->tablet);
    row_text(&w, "name", slice_str(collection->name));
    row_int(&w, "schema_epoch", collection->schema_epoch);
    row_int(&w, "ttl_seconds", collection->ttl_seconds);
    row_int(&w, "history_seconds", collection->history_seconds);
    if (collection->primary_key.count) row_text(&w, "primary_key", collection->primary_key.text);
    row_bytes(&w, "settings", collection->settings);
    row_int(&w, "created", collection->created_ts);
    if (collection->history_from) row_int(&w, "history_from", collection->history_from);
    row_bytes(&w, "next_schema", collection->next_schema);
    if (collection->next_schema.n) row_int(&w, "next_from", collection->next_from);
    row_end(&w, batch);
}

void catalog_delete_collection(struct kv_batch *batch, const struct collection *collection) {
    for (uint32_t i = 0; i < collection->index_count; i++)
        catalog_delete_index(batch, collection->id, collection->indexes[i].id);
    row_delete(batch, META_COLLECTION, &collection->id, 1);
}

void catalog_put_index(struct kv_batch *batch, uint32_t collection_id,
                       const struct index_def *index) {
    struct row_writer w;
    row_begin(&w, batch, META_INDEX);
    buf_put_be32(&w.key, collection_id);
    buf_put_be32(&w.key, index->id);
    row_text(&w, "name", slice_str(index->name));
    row_int(&w, "type", index->type);
    row_int(&w, "state", index->state);
    bson_put(&w.bson, SLICE_LIT("unique"), val_bool(index->unique));
    bson_open_array(&w.bson, SLICE_LIT("fields"));
    for (uint32_t i = 0; i < index->field_count; i++) {
        bson_open_object(&w.bson, (struct slice){0});
        row_text(&w, "path", index->fields[i].path.text);
        bson_put(&w.bson, SLICE_LIT("descending"), val_bool(index->fields[i].descending));
        bson_close(&w.bson);
    }
    bson_close(&w.bson);
    row_bytes(&w, "where", index->where);
    row_bytes(&w, "options", index->options);
    // An error text may have been cut to its room in the middle of a character.
    struct slice error = slice_of(index->error, strnlen(index->error, sizeof index->error));
    error.n = utf8_valid_prefix(error);
    if (error.n) row_text(&w, "error", error);
    row_int(&w, "created", index->created_ts);
    if (index->ready_ts) row_int(&w, "ready", index->ready_ts);
    row_end(&w, batch);
}

void catalog_delete_index(struct kv_batch *batch, uint32_t collection_id, uint32_t index_id) {
    row_delete(batch, META_INDEX, (const uint32_t[]){collection_id, index_id}, 2);
}

void catalog_put_counters(struct kv_batch *batch, const struct catalog_counters *counters) {
    struct row_writer w;
    row_begin(&w, batch, META_COUNTERS);
    row_int(&w, "epoch", counters->epoch);
    row_int(&w, "next_database", counters->next_database);
    row_int(&w, "next_collection", counters->next_collection);
    row_int(&w, "next_tablet", counters->next_tablet);
    row_int(&w, "next_index", counters->next_index);
    row_end(&w, batch);
}

// Reading.

struct row_reader {
    struct ctx *ctx;
    struct slice key;
};

static nacre_status row_id(const struct row_reader *r, struct val v, uint32_t *out) {
    if (v.i < 1 || v.i > UINT32_MAX)
        return catalog_row_bad(r->ctx, r->key, "an id is out of range");
    *out = (uint32_t)v.i;
    return NACRE_OK;
}

// Ids of the key: one for most kinds.
static nacre_status row_key_ids(const struct row_reader *r, uint32_t *ids, uint32_t count) {
    struct slice rest = slice_skip(r->key, 1);
    bool good = true;
    for (uint32_t i = 0; good && i < count; i++)
        good = bits_take_be32(&rest, &ids[i]) && ids[i] > 0;
    return good && rest.n == 0 ? NACRE_OK : catalog_row_bad(r->ctx, r->key, "its key is malformed");
}

static nacre_status row_name_in(const struct row_reader *r, struct val v,
                                char out[CATALOG_NAME_MAX + 1]) {
    bool hidden = r->key.p[0] == META_DATABASE && name_is_hidden(val_slice(v));
    if (!hidden && name_check(r->ctx, "stored", val_slice(v)) != NACRE_OK)
        return catalog_row_bad(r->ctx, r->key, "its name is malformed");
    memcpy(out, v.p, v.n);
    out[v.n] = '\0';
    return NACRE_OK;
}

static nacre_status row_copy(const struct row_reader *r, struct val v, struct slice *out) {
    *out = (struct slice){0};
    if (v.type == VAL_MISSING || v.n == 0) return NACRE_OK;
    const uint8_t *p = arena_copy(&r->ctx->arena, v.p, v.n);
    if (!p) return err_nomem(r->ctx);
    *out = slice_of(p, v.n);
    return NACRE_OK;
}

// A document inside a row, whose names may start with '$'.
static nacre_status row_document(const struct row_reader *r, struct val v, struct slice *out) {
    TRY(row_copy(r, v, out));
    if (v.type == VAL_MISSING) return NACRE_OK;
    nacre_status status = bson_validate_operators(r->ctx, *out);
    return status == NACRE_CORRUPT ? catalog_row_bad(r->ctx, r->key, "a document in it is no BSON")
                                   : status;
}

static nacre_status row_path(const struct row_reader *r, struct val v, struct path *out) {
    struct slice text;
    TRY(row_copy(r, v, &text));
    nacre_status status = path_parse(r->ctx, text, out);
    return status == NACRE_INVALID_ARGUMENT ? catalog_row_bad(r->ctx, r->key, "a path is malformed")
                                            : status;
}

nacre_status catalog_row_database(struct ctx *ctx, struct slice key, struct slice value,
                                  struct database *out) {
    struct row_reader r = {.ctx = ctx, .key = key};
    struct val v[CATALOG_ROW_FIELDS_MAX];
    struct database database = {0};
    TRY(catalog_row_fields(ctx, key, value, database_fields, v));
    TRY(row_key_ids(&r, &database.id, 1));
    TRY(row_name_in(&r, v[DB_NAME], database.name));
    database.quota.storage_bytes = (uint64_t)v[DB_STORAGE].i;
    database.quota.memory_bytes = (uint64_t)v[DB_MEMORY].i;
    database.quota.documents = (uint64_t)v[DB_DOCUMENTS].i;
    database.created_ts = (uint64_t)v[DB_CREATED].i;
    *out = database;
    return NACRE_OK;
}

struct row_setting {
    const char *name, *wrong;
    int64_t min, max;
};
static const struct row_setting row_history_bytes = {
    "history_bytes", "its history_bytes are out of range", HISTORY_BYTES_MIN, INT64_MAX};
static const struct row_setting row_changes_seconds = {"changes_seconds",
                                                       "its changes_seconds are out of range",
                                                       CHANGES_SECONDS_MIN, CHANGES_SECONDS_MAX};

// *out stays where the settings do not name it.
static nacre_status row_number(const struct row_reader *r, struct slice settings,
                               const struct row_setting *setting, uint64_t *out) {
    struct val v = bson_find(settings, slice_str(setting->name));
    if (v.type == VAL_MISSING) return NACRE_OK;
    if (v.type != VAL_INT || v.i < setting->min || v.i > setting->max)
        return catalog_row_bad(r->ctx, r->key, setting->wrong);
    *out = (uint64_t)v.i;
    return NACRE_OK;
}

// What is the collection's by being in its settings.
static nacre_status row_settings(const struct row_reader *r, struct collection *c) {
    c->changes_seconds = CHANGES_SECONDS_DEFAULT;
    if (!c->settings.n) return NACRE_OK;
    struct val schema = bson_find(c->settings, SLICE_LIT("schema"));
    if (schema.type != VAL_MISSING && schema.type != VAL_OBJECT)
        return catalog_row_bad(r->ctx, r->key, "its schema is no object");
    if (schema.type == VAL_OBJECT) c->schema = val_slice(schema);
    TRY(row_number(r, c->settings, &row_history_bytes, &c->history_bytes));
    return row_number(r, c->settings, &row_changes_seconds, &c->changes_seconds);
}

nacre_status catalog_row_collection(struct ctx *ctx, struct slice key, struct slice value,
                                    struct collection *out) {
    struct row_reader r = {.ctx = ctx, .key = key};
    struct val v[CATALOG_ROW_FIELDS_MAX];
    struct collection c = {0};
    TRY(catalog_row_fields(ctx, key, value, collection_fields, v));
    TRY(row_key_ids(&r, &c.id, 1));
    TRY(row_id(&r, v[COLL_DATABASE], &c.database_id));
    TRY(row_id(&r, v[COLL_TABLET], &c.tablet));
    TRY(row_name_in(&r, v[COLL_NAME], c.name));
    if (v[COLL_EPOCH].i < 0 || v[COLL_EPOCH].i > UINT32_MAX)
        return catalog_row_bad(ctx, key, "its schema epoch is out of range");
    c.schema_epoch = (uint32_t)v[COLL_EPOCH].i;
    c.ttl_seconds = (uint64_t)v[COLL_TTL].i;
    c.history_seconds = (uint64_t)v[COLL_HISTORY].i;
    if (v[COLL_KEY].type != VAL_MISSING) TRY(row_path(&r, v[COLL_KEY], &c.primary_key));
    TRY(row_document(&r, v[COLL_SETTINGS], &c.settings));
    TRY(row_settings(&r, &c));
    c.created_ts = (uint64_t)v[COLL_CREATED].i;
    if (v[COLL_HISTORY_FROM].type != VAL_MISSING) c.history_from = (uint64_t)v[COLL_HISTORY_FROM].i;
    TRY(row_document(&r, v[COLL_NEXT_SCHEMA], &c.next_schema));
    if ((c.next_schema.n != 0) != (v[COLL_NEXT_FROM].type != VAL_MISSING))
        return catalog_row_bad(ctx, key, "a half of the change of its schema is missing");
    if (c.next_schema.n) c.next_from = (uint64_t)v[COLL_NEXT_FROM].i;
    *out = c;
    return NACRE_OK;
}

static nacre_status row_index_field(const struct row_reader *r, struct val v,
                                    struct index_field *out) {
    struct bson_iter it = bson_iter_of_val(v);
    struct slice names[2], rest;
    struct val values[2], more;
    bool good = v.type == VAL_OBJECT && bson_next(&it, &names[0], &values[0]) &&
                bson_next(&it, &names[1], &values[1]) && !bson_next(&it, &rest, &more) &&
                slice_eq_str(names[0], "path") && values[0].type == VAL_STRING &&
                slice_eq_str(names[1], "descending") && values[1].type == VAL_BOOL;
    if (!good) return catalog_row_bad(r->ctx, r->key, "one of its fields is malformed");
    out->descending = values[1].b;
    return row_path(r, values[0], &out->path);
}

static nacre_status row_index_fields(const struct row_reader *r, struct val list,
                                     struct index_def *out) {
    struct bson_iter it = bson_iter_of_val(list);
    struct slice name;
    struct val v;
    while (bson_next(&it, &name, &v)) {
        if (out->field_count == INDEX_FIELDS_MAX)
            return catalog_row_bad(r->ctx, r->key, "it has too many fields");
        TRY(row_index_field(r, v, &out->fields[out->field_count++]));
    }
    return out->field_count ? NACRE_OK : catalog_row_bad(r->ctx, r->key, "it has no fields");
}

nacre_status catalog_row_index(struct ctx *ctx, struct slice key, struct slice value,
                               struct index_def *out) {
    struct row_reader r = {.ctx = ctx, .key = key};
    struct val v[CATALOG_ROW_FIELDS_MAX];
    uint32_t ids[2];
    TRY(catalog_row_fields(ctx, key, value, index_fields, v));
    TRY(row_key_ids(&r, ids, 2));
    *out = (struct index_def){
        .id = ids[1], .unique = v[IX_UNIQUE].b, .created_ts = (uint64_t)v[IX_CREATED].i};
    TRY(row_name_in(&r, v[IX_NAME], out->name));
    if (v[IX_TYPE].i != INDEX_BTREE) return catalog_row_bad(ctx, key, "its type is unknown");
    if (v[IX_STATE].i < INDEX_BUILDING || v[IX_STATE].i > INDEX_FAILED)
        return catalog_row_bad(ctx, key, "its state is unknown");
    out->type = (enum index_type)v[IX_TYPE].i;
    out->state = (enum index_state)v[IX_STATE].i;
    TRY(row_index_fields(&r, v[IX_LIST], out));
    TRY(row_document(&r, v[IX_WHERE], &out->where));
    TRY(row_document(&r, v[IX_OPTIONS], &out->options));
    if (v[IX_READY].type != VAL_MISSING) out->ready_ts = (uint64_t)v[IX_READY].i;
    if (v[IX_ERROR].type == VAL_MISSING) return NACRE_OK;
    if (v[IX_ERROR].n >= sizeof out->error)
        return catalog_row_bad(ctx, key, "its error text is too long");
    memcpy(out->error, v[IX_ERROR].p, v[IX_ERROR].n);
    return NACRE_OK;
}

nacre_status catalog_row_counters(struct ctx *ctx, struct slice key, struct slice value,
                                  struct catalog_counters *out) {
    struct row_reader r = {.ctx = ctx, .key = key};
    struct val v[CATALOG_ROW_FIELDS_MAX];
    struct catalog_counters counters;
    TRY(catalog_row_fields(ctx, key, value, counter_fields, v));
    TRY(row_key_ids(&r, NULL, 0));
    counters.epoch = (uint64_t)v[COUNT_EPOCH].i;
    TRY(row_id(&r, v[COUNT_DATABASE], &counters.next_database));
    TRY(row_id(&r, v[COUNT_COLLECTION], &counters.next_collection));
    TRY(row_id(&r, v[COUNT_TABLET], &counters.next_tablet));
    TRY(row_id(&r, v[COUNT_INDEX], &counters.next_index));
    *out = counters;
    return NACRE_OK;
}
