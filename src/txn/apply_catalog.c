// COMMAND_CATALOG: databases, collections, indexes. The rows change in the batch; the catalog in
// memory is read anew after it.
#include "txn/apply.h"

#include <stdio.h>

#include "base/bits/bits.h"

struct catalog_counters apply_counters(const struct txn *t) {
    const struct catalog *c = t->catalog;
    return (struct catalog_counters){.epoch = c->epoch + 1,
                                     .next_database = c->next_database ? c->next_database : 1,
                                     .next_collection = c->next_collection ? c->next_collection : 1,
                                     .next_tablet = c->next_tablet ? c->next_tablet : 1,
                                     .next_index = c->next_index ? c->next_index : 1};
}

static void finish(struct txn *t, const struct catalog_counters *counters, struct result *out,
                   bool created) {
    catalog_put_counters(&t->batch, counters);
    t->catalog_changed = true;
    if (created) out->flags |= RESULT_CREATED;
}

static nacre_status the_database(struct txn *t, const struct command_catalog *c,
                                 const struct database **out) {
    *out = catalog_database(t->catalog, c->database);
    if (*out && slice_eq_str(c->database, (*out)->name)) return NACRE_OK;
    return catalog_no_database(&t->ctx, t->catalog, c->database);
}

static nacre_status the_collection(struct txn *t, const struct command_catalog *c,
                                   const struct collection **out) {
    const struct database *db;
    TRY(the_database(t, c, &db));
    *out = catalog_collection(t->catalog, db->id, c->collection);
    if (*out && slice_eq_str(c->collection, (*out)->name)) return NACRE_OK;
    return catalog_no_collection(&t->ctx, t->catalog, db, c->collection);
}

static void copy_name(char out[CATALOG_NAME_MAX + 1], struct slice name) {
    size_t n = name.n < CATALOG_NAME_MAX ? name.n : CATALOG_NAME_MAX;
    memcpy(out, name.p, n);
    out[n] = 0;
}

static nacre_status taken(struct txn *t, const char *what, struct slice given, const char *there) {
    if (slice_eq_str(given, there))
        return err_set(&t->ctx, NACRE_ALREADY_EXISTS, "%s %s is there with other settings", what,
                       there);
    return err_set(&t->ctx, NACRE_ALREADY_EXISTS,
                   "%s %.*s differs only in case from %s, which is there", what, (int)given.n,
                   (const char *)given.p, there);
}

static bool quota_within(const struct quota *given, const struct quota *there) {
    return (!given->documents || given->documents == there->documents) &&
           (!given->storage_bytes || given->storage_bytes == there->storage_bytes) &&
           (!given->memory_bytes || given->memory_bytes == there->memory_bytes);
}

static nacre_status create_database(struct txn *t, const struct command_catalog *c,
                                    struct result *out) {
    const struct database *there = catalog_database(t->catalog, c->database);
    struct catalog_counters counters = apply_counters(t);
    struct database fresh = {.id = counters.next_database, .created_ts = t->commit_ts};
    if (!name_is_hidden(c->database)) TRY(name_check(&t->ctx, "database", c->database));
    if (c->body.n) TRY(quota_parse(&t->ctx, c->body, &fresh.quota));
    if (there) {
        if (slice_eq_str(c->database, there->name) && quota_within(&fresh.quota, &there->quota))
            return NACRE_OK;
        return taken(t, "database", c->database, there->name);
    }
    counters.next_database++;
    copy_name(fresh.name, c->database);
    catalog_put_database(&t->batch, &fresh);
    finish(t, &counters, out, true);
    return NACRE_OK;
}

static nacre_status alter_database(struct txn *t, const struct command_catalog *c,
                                   struct result *out) {
    const struct database *there;
    TRY(the_database(t, c, &there));
    struct catalog_counters counters = apply_counters(t);
    struct database fresh = *there;
    TRY(quota_alter(&t->ctx, c->body, &fresh.quota));
    catalog_put_database(&t->batch, &fresh);
    finish(t, &counters, out, false);
    return NACRE_OK;
}

// Everything of [tablet][kind…prefix] in both families.
static void wipe(struct txn *t, struct slice prefix) {
    buf_reset(&t->key);
    buf_put_slice(&t->key, prefix);
    buf_reset(&t->scratch);
    buf_put_slice(&t->scratch, prefix);
    if (!key_prefix_end(&t->scratch)) return;
    kv_batch_delete_range(&t->batch, KV_DATA, buf_slice(&t->key), buf_slice(&t->scratch));
    kv_batch_delete_range(&t->batch, KV_HISTORY, buf_slice(&t->key), buf_slice(&t->scratch));
}

static nacre_status wipe_tablet(struct txn *t, uint32_t tablet) {
    uint8_t prefix[4];
    bits_put_be32(prefix, tablet);
    wipe(t, slice_of(prefix, sizeof prefix));
    if (t->dropped_count % 16 == 0) {
        uint32_t *grown = ARENA_ARRAY(&t->ctx.arena, uint32_t, t->dropped_count + 16u);
        if (!grown) return err_nomem(&t->ctx);
        if (t->dropped_count) memcpy(grown, t->dropped, t->dropped_count * sizeof *grown);
        t->dropped = grown;
    }
    t->dropped[t->dropped_count++] = tablet;
    return NACRE_OK;
}

static nacre_status drop_collection_rows(struct txn *t, const struct collection *collection) {
    catalog_delete_collection(&t->batch, collection);
    return wipe_tablet(t, collection->tablet);
}

static nacre_status drop_database(struct txn *t, const struct command_catalog *c,
                                  struct result *out) {
    const struct database *there;
    TRY(the_database(t, c, &there));
    if (strcmp(there->name, "main") == 0)
        return err_set(&t->ctx, NACRE_INVALID_ARGUMENT,
                       "database main is always there and cannot be dropped");
    struct catalog_counters counters = apply_counters(t);
    for (uint32_t i = 0; i < t->catalog->collection_count; i++)
        if (t->catalog->collections[i].database_id == there->id)
            TRY(drop_collection_rows(t, &t->catalog->collections[i]));
    catalog_delete_database(&t->batch, there->id);
    finish(t, &counters, out, false);
    return NACRE_OK;
}

// --- indexes ----------------------------------------------------------------------------

// The canonical form of `where`; a partial index cannot depend on a regular expression, which apply
// does not run.
static nacre_status canonical_where(struct txn *t, struct slice given, struct slice *out) {
    struct filter *filter;
    nacre_status status;
    *out = slice_of(NULL, 0);
    if (!given.n) return NACRE_OK;
    struct val text = bson_find(given, slice_of("", 0));
    if (text.type == VAL_STRING)
        status = filter_parse_text(&t->ctx, val_slice(text), NULL, &filter);
    else
        status = filter_parse(&t->ctx, given, NULL, &filter);
    if (status == NACRE_OK) status = index_where_check(&t->ctx, filter);
    if (status == NACRE_OK)
        *out = filter->canonical;
    else
        err_prefix_pointers(&t->ctx, "/where");
    return status;
}

static nacre_status make_index(struct txn *t, const struct index_spec *spec,
                               struct catalog_counters *counters, bool empty,
                               struct index_def *out) {
    *out = (struct index_def){.id = counters->next_index++,
                              .type = spec->type,
                              .state = empty ? INDEX_READY : INDEX_BUILDING,
                              .field_count = spec->field_count,
                              .unique = spec->unique,
                              .options = spec->options,
                              .created_ts = t->commit_ts,
                              .ready_ts = empty ? t->commit_ts : 0};
    TRY(name_check(&t->ctx, "index", spec->name));
    copy_name(out->name, spec->name);
    for (uint32_t i = 0; i < spec->field_count; i++) {
        TRY(path_parse(&t->ctx, spec->fields[i].path, &out->fields[i].path));
        out->fields[i].descending = spec->fields[i].descending;
    }
    return canonical_where(t, spec->where, &out->where);
}

// Whether the index asked for is this one, however its parts are spelled.
static nacre_status same_index(struct txn *t, const struct index_def *there,
                               const struct index_spec *spec, bool *out) {
    struct slice where;
    *out = false;
    if (!slice_eq_str(spec->name, there->name) || there->state == INDEX_FAILED ||
        spec->type != there->type || spec->unique != there->unique ||
        spec->field_count != there->field_count)
        return NACRE_OK;
    for (uint32_t i = 0; i < spec->field_count; i++)
        if (!slice_eq(spec->fields[i].path, there->fields[i].path.text) ||
            spec->fields[i].descending != there->fields[i].descending)
            return NACRE_OK;
    TRY(canonical_where(t, spec->where, &where));
    *out = slice_eq(where, there->where);
    return NACRE_OK;
}

void apply_wipe_index(struct txn *t, uint32_t tablet, uint32_t index_id) {
    struct buf prefix BUF_CLEANUP = {0};
    buf_init(&prefix, NULL, 64);
    keyspace_index(&prefix, tablet, index_id);
    wipe(t, buf_slice(&prefix));
    buf_reset(&prefix);
    keyspace_unique(&prefix, tablet, index_id);
    wipe(t, buf_slice(&prefix));
    static const enum key_kind kinds[] = {KIND_BUILD, KIND_MULTIKEY};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        buf_reset(&prefix);
        keyspace_prefix(&prefix, tablet, kinds[i]);
        buf_put_be32(&prefix, index_id);
        kv_batch_delete(&t->batch, KV_DATA, buf_slice(&prefix));
    }
}

static nacre_status create_index(struct txn *t, const struct command_catalog *c,
                                 struct result *out) {
    const struct collection *collection;
    struct index_spec spec;
    struct index_def fresh;
    struct tablet *tablet;
    TRY(the_collection(t, c, &collection));
    TRY(index_spec_parse(&t->ctx, c->index, c->body, &spec));
    const struct index_def *there = catalog_index(collection, c->index);
    bool same = false;
    if (there) TRY(same_index(t, there, &spec, &same));
    if (same) return NACRE_OK;
    if (there && there->state != INDEX_FAILED) return taken(t, "index", c->index, there->name);
    if (!there && collection->index_count >= INDEXES_MAX)
        return err_set(&t->ctx, NACRE_INVALID_ARGUMENT, "a collection may have %d indexes",
                       INDEXES_MAX);
    TRY(apply_tablet(t, collection->tablet, &tablet));
    struct catalog_counters counters = apply_counters(t);
    if (there) {
        catalog_delete_index(&t->batch, collection->id, there->id);
        apply_wipe_index(t, collection->tablet, there->id);
    }
    TRY(make_index(t, &spec, &counters, tablet->now.documents == 0, &fresh));
    catalog_put_index(&t->batch, collection->id, &fresh);
    finish(t, &counters, out, true);
    return NACRE_OK;
}

static nacre_status drop_index(struct txn *t, const struct command_catalog *c, struct result *out) {
    const struct collection *collection;
    TRY(the_collection(t, c, &collection));
    const struct index_def *there = catalog_index(collection, c->index);
    if (!there || !slice_eq_str(c->index, there->name))
        return catalog_no_index(&t->ctx, collection, c->index);
    struct catalog_counters counters = apply_counters(t);
    catalog_delete_index(&t->batch, collection->id, there->id);
    apply_wipe_index(t, collection->tablet, there->id);
    finish(t, &counters, out, false);
    return NACRE_OK;
}

// --- collections ------------------------------------------------------------------------

// Whether what spec names is so already, were it named there or not. (Shards: one, always.)
static bool settings_within(const struct collection_spec *spec, const struct collection *there) {
    struct slice given = spec->settings;
    bool ttl = given.n && bson_find(given, SLICE_LIT("ttl_seconds")).type != VAL_MISSING;
    bool history = given.n && bson_find(given, SLICE_LIT("history_seconds")).type != VAL_MISSING;
    bool bytes = given.n && bson_find(given, SLICE_LIT("history_bytes")).type != VAL_MISSING;
    bool changes = given.n && bson_find(given, SLICE_LIT("changes_seconds")).type != VAL_MISSING;
    bool key = given.n && bson_find(given, SLICE_LIT("primary_key")).type != VAL_MISSING;
    if (spec->schema.n && !slice_eq(spec->schema, there->schema)) return false;
    return (!ttl || spec->ttl_seconds == there->ttl_seconds) &&
           (!history || spec->history_seconds == there->history_seconds) &&
           (!bytes || spec->history_bytes == there->history_bytes) &&
           (!changes || spec->changes_seconds == there->changes_seconds) &&
           (!key || slice_eq(spec->primary_key, there->primary_key.text));
}

static nacre_status indexes_within(struct txn *t, const struct collection_spec *spec,
                                   const struct collection *there, bool *out) {
    *out = true;
    for (uint32_t i = 0; i < spec->index_count && *out; i++) {
        const struct index_def *index = catalog_index(there, spec->indexes[i].name);
        *out = index != NULL;
        if (index) TRY(same_index(t, index, &spec->indexes[i], out));
    }
    return NACRE_OK;
}

static nacre_status fill_collection(struct txn *t, const struct collection_spec *spec,
                                    struct collection *out) {
    out->ttl_seconds = spec->ttl_seconds;
    if (!spec->history_seconds)
        out->history_from = 0;
    else if (!out->history_seconds)
        out->history_from = t->commit_ts;
    out->history_seconds = spec->history_seconds;
    out->history_bytes = spec->history_bytes;
    out->changes_seconds = spec->changes_seconds;
    out->settings = spec->settings;
    out->schema_epoch += !slice_eq(spec->schema, out->schema);
    out->schema = spec->schema;
    out->primary_key = (struct path){0};
    return spec->primary_key.n ? path_parse(&t->ctx, spec->primary_key, &out->primary_key)
                               : NACRE_OK;
}

static nacre_status put_collection(struct txn *t, const struct command_catalog *c,
                                   const struct database *db, const struct collection_spec *spec,
                                   struct result *out) {
    struct catalog_counters counters = apply_counters(t);
    struct collection fresh = {.id = counters.next_collection++,
                               .database_id = db->id,
                               .tablet = counters.next_tablet++,
                               .created_ts = t->commit_ts};
    copy_name(fresh.name, c->collection);
    TRY(fill_collection(t, spec, &fresh));
    fresh.schema_epoch = 1;
    catalog_put_collection(&t->batch, &fresh);
    for (uint32_t i = 0; i < spec->index_count; i++) {
        struct index_def index;
        TRY(make_index(t, &spec->indexes[i], &counters, true, &index));
        catalog_put_index(&t->batch, fresh.id, &index);
    }
    finish(t, &counters, out, true);
    return NACRE_OK;
}

static nacre_status create_collection(struct txn *t, const struct command_catalog *c,
                                      struct result *out) {
    const struct database *db;
    struct collection_spec spec = {0};
    TRY(name_check(&t->ctx, "collection", c->collection));
    TRY(the_database(t, c, &db));
    if (c->body.n) TRY(collection_spec_parse(&t->ctx, c->body, &spec));
    const struct collection *there = catalog_collection(t->catalog, db->id, c->collection);
    if (!there) return put_collection(t, c, db, &spec, out);
    bool same = slice_eq_str(c->collection, there->name);
    if (same && !c->implicit) {
        TRY(indexes_within(t, &spec, there, &same));
        same = same && settings_within(&spec, there);
    }
    return same ? NACRE_OK : taken(t, "collection", c->collection, there->name);
}

// Settings as they are after a merge patch. A schema is one value: it is replaced as a whole, for a
// merge would drop every null in it (RFC 7396), and null is a default or a constant there.
static nacre_status merge_settings(struct txn *t, const struct command_catalog *c,
                                   const struct collection *there, struct buf *out) {
    struct buf patch BUF_CLEANUP = {0}, before BUF_CLEANUP = {0}, merged BUF_CLEANUP = {0};
    struct buf *const parts[] = {&patch, &before};
    const struct slice from[] = {c->body, there->settings};
    struct val schema = bson_find(c->body, SLICE_LIT("schema")), v;
    struct bson_writer w;
    struct bson_iter it;
    struct slice name;
    struct patch merge;
    if (schema.type == VAL_MISSING && there->schema.n)
        schema = val_bytes(VAL_OBJECT, there->schema);
    for (size_t i = 0; i < 2; i++) {
        buf_init(parts[i], NULL, DOC_BYTES_MAX);
        bson_begin(&w, parts[i]);
        it = bson_iter_of(from[i]);
        while (bson_next(&it, &name, &v))
            if (!slice_eq(name, SLICE_LIT("schema"))) bson_put(&w, name, v);
        bson_end(&w);
        TRY(buf_status(parts[i]));
    }
    buf_init(&merged, NULL, DOC_BYTES_MAX);
    TRY(patch_of_merge(&t->ctx, buf_slice(&patch), &merge));
    TRY(patch_apply(&t->ctx, &merge, buf_slice(&before), (int64_t)apply_now_ms(t), &merged));
    bson_begin(&w, out);
    it = bson_iter_of(buf_slice(&merged));
    while (bson_next(&it, &name, &v))
        bson_put(&w, name, v);
    bson_put(&w, SLICE_LIT("schema"), schema);
    bson_end(&w);
    return buf_status(out);
}

static nacre_status refuse_settings(struct txn *t, const struct collection *there,
                                    const struct collection_spec *spec) {
    if (!slice_eq(spec->primary_key, there->primary_key.text))
        return err_set(&t->ctx, NACRE_INVALID_ARGUMENT,
                       "primary_key cannot change while collection %s holds documents",
                       there->name);
    return NACRE_OK;
}

// The documents must be held against it first. That is all that changes then.
static nacre_status begin_schema(struct txn *t, const struct command_catalog *c,
                                 const struct collection_spec *spec, struct collection *fresh,
                                 bool *out_same) {
    struct bson_iter it = bson_iter_of(c->body);
    struct slice name;
    struct val v;
    while (bson_next(&it, &name, &v)) {
        char pointer[80];
        if (slice_eq(name, SLICE_LIT("schema"))) continue;
        nacre_status status = err_set(
            &t->ctx, NACRE_INVALID_ARGUMENT,
            "the schema of collection %s, which holds documents, changes by itself", fresh->name);
        snprintf(pointer, sizeof pointer, "/%.*s", name.n < 64 ? (int)name.n : 64,
                 (const char *)name.p);
        err_expected(&t->ctx, pointer, "no other member than schema", "one");
        return status;
    }
    *out_same = slice_eq(spec->schema, fresh->next_schema);
    if (*out_same) return NACRE_OK; // it is under way
    apply_schema_forget(t, fresh);
    fresh->next_schema = spec->schema;
    fresh->next_from = t->commit_ts;
    fresh->schema_epoch++;
    return NACRE_OK;
}

static nacre_status alter_collection(struct txn *t, const struct command_catalog *c,
                                     struct result *out) {
    const struct collection *there;
    struct collection_spec spec;
    struct tablet *tablet;
    TRY(the_collection(t, c, &there));
    if (bson_find(c->body, SLICE_LIT("indexes")).type != VAL_MISSING) {
        nacre_status status = err_set(
            &t->ctx, NACRE_INVALID_ARGUMENT,
            "indexes are made and dropped one by one, not through the collection's settings");
        err_expected(&t->ctx, "/indexes", "no such member", "indexes");
        return status;
    }
    struct buf settings BUF_CLEANUP = {0};
    buf_init(&settings, NULL, DOC_BYTES_MAX);
    TRY(merge_settings(t, c, there, &settings));
    TRY(collection_spec_parse(&t->ctx, buf_slice(&settings), &spec));
    TRY(apply_tablet(t, there->tablet, &tablet));
    if (tablet->now.documents) TRY(refuse_settings(t, there, &spec));
    struct catalog_counters counters = apply_counters(t);
    struct collection fresh = *there;
    bool names_schema = bson_find(c->body, SLICE_LIT("schema")).type != VAL_MISSING;
    bool held = spec.schema.n && tablet->now.documents && !slice_eq(spec.schema, there->schema);
    if (held && names_schema) {
        bool same = false;
        TRY(begin_schema(t, c, &spec, &fresh, &same));
        if (same) return NACRE_OK;
    } else {
        bool given_up = names_schema && fresh.next_schema.n;
        if (given_up) apply_schema_forget(t, &fresh);
        TRY(fill_collection(t, &spec, &fresh));
        if (fresh.schema_epoch == there->schema_epoch) fresh.schema_epoch += given_up;
    }
    catalog_put_collection(&t->batch, &fresh);
    finish(t, &counters, out, false);
    return NACRE_OK;
}

static nacre_status drop_collection(struct txn *t, const struct command_catalog *c,
                                    struct result *out) {
    const struct collection *there;
    TRY(the_collection(t, c, &there));
    struct catalog_counters counters = apply_counters(t);
    TRY(drop_collection_rows(t, there));
    finish(t, &counters, out, false);
    return NACRE_OK;
}

static nacre_status run(struct txn *t, const struct command_catalog *c, struct result *out) {
    switch (c->op) {
    case CATALOG_CREATE_DATABASE:
        return create_database(t, c, out);
    case CATALOG_ALTER_DATABASE:
        return alter_database(t, c, out);
    case CATALOG_DROP_DATABASE:
        return drop_database(t, c, out);
    case CATALOG_CREATE_COLLECTION:
        return create_collection(t, c, out);
    case CATALOG_ALTER_COLLECTION:
        return alter_collection(t, c, out);
    case CATALOG_DROP_COLLECTION:
        return drop_collection(t, c, out);
    case CATALOG_CREATE_INDEX:
        return create_index(t, c, out);
    case CATALOG_DROP_INDEX:
        return drop_index(t, c, out);
    }
    return err_set(&t->ctx, NACRE_CORRUPT, "a logged catalog command is malformed");
}

nacre_status apply_catalog(struct txn *t, const struct command_catalog *c, struct result *out) {
    bool replayed;
    TRY(apply_replay(t, &c->idempotency, out, &replayed));
    if (replayed) return NACRE_OK;
    TRY(run(t, c, out));
    return apply_remember(t, &c->idempotency, out);
}
