// What a user asks a collection, and a database's quota, to be.
#include <stdio.h>
#include <string.h>

#include "catalog/rows.h"
#include "catalog/spec.h"
#include "doc/bson.h"

struct collection_wish {
    struct collection_spec spec;
    struct val primary_key, shards, ttl, history, bytes, changes, schema; // as given, for settings
};

static nacre_status collection_take_schema(struct ctx *ctx, struct val v, void *arg) {
    struct collection_wish *wish = arg;
    if (v.type == VAL_NULL) return NACRE_OK;
    if (v.type != VAL_OBJECT)
        return catalog_member_bad(ctx, "/schema", "a JSON Schema, or null", v);
    wish->schema = v;
    wish->spec.schema = val_slice(v);
    return NACRE_OK;
}

static nacre_status collection_take_key(struct ctx *ctx, struct val v, void *arg) {
    struct collection_wish *wish = arg;
    struct path path;
    TRY(catalog_member_path(ctx, "/primary_key", v, &path));
    wish->primary_key = v;
    bool is_id = path.count == 1 && slice_eq_str(path.parts[0].name, "_id");
    wish->spec.primary_key = is_id ? (struct slice){0} : path.text;
    return NACRE_OK;
}

static nacre_status collection_take_shards(struct ctx *ctx, struct val v, void *arg) {
    struct collection_wish *wish = arg;
    uint64_t shards = 0;
    TRY(catalog_member_int(ctx, "/shards", v, 1, INT64_MAX, &shards));
    wish->shards = v;
    if (shards == 1) return NACRE_OK;
    nacre_status status =
        err_set(ctx, NACRE_UNIMPLEMENTED, "more than one shard is not implemented yet");
    err_expected(ctx, "/shards", "1", "more");
    return status;
}

static nacre_status collection_take_ttl(struct ctx *ctx, struct val v, void *arg) {
    struct collection_wish *wish = arg;
    wish->ttl = v;
    return catalog_member_int(ctx, "/ttl_seconds", v, 0, CATALOG_SECONDS_MAX,
                              &wish->spec.ttl_seconds);
}

static nacre_status collection_take_history(struct ctx *ctx, struct val v, void *arg) {
    struct collection_wish *wish = arg;
    wish->history = v;
    return catalog_member_int(ctx, "/history_seconds", v, 0, CATALOG_SECONDS_MAX,
                              &wish->spec.history_seconds);
}

static nacre_status collection_take_history_bytes(struct ctx *ctx, struct val v, void *arg) {
    struct collection_wish *wish = arg;
    wish->bytes = v;
    return catalog_member_int(ctx, "/history_bytes", v, HISTORY_BYTES_MIN, INT64_MAX,
                              &wish->spec.history_bytes);
}

static nacre_status collection_take_changes(struct ctx *ctx, struct val v, void *arg) {
    struct collection_wish *wish = arg;
    wish->changes = v;
    return catalog_member_int(ctx, "/changes_seconds", v, CHANGES_SECONDS_MIN, CHANGES_SECONDS_MAX,
                              &wish->spec.changes_seconds);
}

static bool collection_has_index(const struct collection_spec *spec, struct slice name) {
    for (uint32_t i = 0; i < spec->index_count; i++)
        if (catalog_name_cmp(spec->indexes[i].name, name) == 0) return true;
    return false;
}

// One of "indexes": as for PUT of an index, with its name inside. Pointers are those of the index.
static nacre_status collection_take_index(struct ctx *ctx, struct val v,
                                          struct collection_spec *spec) {
    if (v.type != VAL_OBJECT) return catalog_member_bad(ctx, "", "an index as an object", v);
    struct val name = bson_find(val_slice(v), SLICE_LIT("name"));
    if (name.type != VAL_STRING)
        return catalog_member_bad(ctx, "/name", "the name of the index", name);
    nacre_status status = name_check(ctx, "index", val_slice(name));
    if (status != NACRE_OK) {
        err_expected(ctx, "/name", "a letter, then at most 63 letters, digits, '_' or '-'",
                     "another name");
        return status;
    }
    if (collection_has_index(spec, val_slice(name)))
        return catalog_member_bad(
            ctx, "/name", "a name that no other index of the collection has, in any case", name);
    TRY(index_spec_parse(ctx, val_slice(name), val_slice(v), &spec->indexes[spec->index_count]));
    spec->index_count++;
    return NACRE_OK;
}

static nacre_status collection_take_indexes(struct ctx *ctx, struct val v, void *arg) {
    struct collection_spec *spec = &((struct collection_wish *)arg)->spec;
    struct slice name;
    struct val item;
    if (v.type != VAL_ARRAY)
        return catalog_member_bad(ctx, "/indexes", "an array of at most 64 indexes", v);
    size_t count = bson_count(val_slice(v));
    if (count > INDEXES_MAX)
        return catalog_member_bad(ctx, "/indexes", "an array of at most 64 indexes",
                                  val_int((int64_t)count));
    spec->indexes = ARENA_ARRAY(&ctx->arena, struct index_spec, count);
    if (!spec->indexes) return err_nomem(ctx);
    struct bson_iter it = bson_iter_of_val(v);
    for (uint32_t i = 0; bson_next(&it, &name, &item); i++) {
        nacre_status status = collection_take_index(ctx, item, spec);
        if (status == NACRE_OK) continue;
        char prefix[32];
        snprintf(prefix, sizeof prefix, "/indexes/%u", i);
        err_prefix_pointers(ctx, prefix);
        return status;
    }
    return NACRE_OK;
}

static const struct catalog_member collection_members[] = {
    {"schema", collection_take_schema},
    {"primary_key", collection_take_key},
    {"shards", collection_take_shards},
    {"ttl_seconds", collection_take_ttl},
    {"history_seconds", collection_take_history},
    {"history_bytes", collection_take_history_bytes},
    {"changes_seconds", collection_take_changes},
    {"indexes", collection_take_indexes},
    {NULL, NULL}};

static nacre_status collection_keep_settings(struct ctx *ctx, struct collection_wish *wish) {
    struct buf bson BUF_CLEANUP;
    struct bson_writer w;
    buf_init(&bson, ctx->arena.budget, DOC_BYTES_MAX + 64);
    bson_begin(&w, &bson);
    bson_put(&w, SLICE_LIT("primary_key"), wish->primary_key);
    bson_put(&w, SLICE_LIT("shards"), wish->shards);
    bson_put(&w, SLICE_LIT("ttl_seconds"), wish->ttl);
    bson_put(&w, SLICE_LIT("history_seconds"), wish->history);
    bson_put(&w, SLICE_LIT("history_bytes"), wish->bytes);
    bson_put(&w, SLICE_LIT("changes_seconds"), wish->changes);
    bson_put(&w, SLICE_LIT("schema"), wish->schema);
    bson_end(&w);
    return catalog_member_keep(ctx, &bson, &wish->spec.settings);
}

nacre_status collection_spec_parse(struct ctx *ctx, struct slice bson,
                                   struct collection_spec *out) {
    struct collection_wish wish = {.spec.changes_seconds = CHANGES_SECONDS_DEFAULT};
    TRY(catalog_members(ctx, bson, "a collection", collection_members, &wish));
    TRY(collection_keep_settings(ctx, &wish));
    *out = wish.spec;
    return NACRE_OK;
}

// {"quota":{"storage_bytes"?,"memory_bytes"?,"documents"?}}: null is none, as if it were left out.

static nacre_status quota_take(struct ctx *ctx, const char *pointer, struct val v, uint64_t *out) {
    *out = 0;
    return v.type == VAL_NULL ? NACRE_OK : catalog_member_int(ctx, pointer, v, 1, INT64_MAX, out);
}

static nacre_status quota_take_storage(struct ctx *ctx, struct val v, void *arg) {
    return quota_take(ctx, "/storage_bytes", v, &((struct quota *)arg)->storage_bytes);
}

static nacre_status quota_take_memory(struct ctx *ctx, struct val v, void *arg) {
    TRY(quota_take(ctx, "/memory_bytes", v, &((struct quota *)arg)->memory_bytes));
    if (v.type == VAL_NULL) return NACRE_OK;
    nacre_status status =
        err_set(ctx, NACRE_UNIMPLEMENTED, "a memory quota of a database is not implemented yet");
    err_expected(ctx, "/memory_bytes", "no memory_bytes, or null", "a number");
    err_hint(ctx, "the memory of the whole process is bounded when the database is opened");
    return status;
}

static nacre_status quota_take_documents(struct ctx *ctx, struct val v, void *arg) {
    return quota_take(ctx, "/documents", v, &((struct quota *)arg)->documents);
}

static nacre_status quota_take_object(struct ctx *ctx, struct val v, void *arg) {
    static const struct catalog_member members[] = {{"storage_bytes", quota_take_storage},
                                                    {"memory_bytes", quota_take_memory},
                                                    {"documents", quota_take_documents},
                                                    {NULL, NULL}};
    if (v.type == VAL_NULL) *(struct quota *)arg = (struct quota){0};
    if (v.type == VAL_NULL) return NACRE_OK;
    if (v.type != VAL_OBJECT) return catalog_member_bad(ctx, "/quota", "an object", v);
    nacre_status status = catalog_members(ctx, val_slice(v), "a quota", members, arg);
    if (status != NACRE_OK) err_prefix_pointers(ctx, "/quota");
    return status;
}

nacre_status quota_alter(struct ctx *ctx, struct slice bson, struct quota *quota) {
    static const struct catalog_member members[] = {{"quota", quota_take_object}, {NULL, NULL}};
    struct quota fresh = *quota;
    TRY(catalog_members(ctx, bson, "a database", members, &fresh));
    *quota = fresh;
    return NACRE_OK;
}

nacre_status quota_parse(struct ctx *ctx, struct slice bson, struct quota *out) {
    struct quota quota = {0};
    TRY(quota_alter(ctx, bson, &quota));
    *out = quota;
    return NACRE_OK;
}
